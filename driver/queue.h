/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Hardware queues: ring, state page, registers, pending jobs, watchdog.
 */
#ifndef SEEDCHIP_QUEUE_H
#define SEEDCHIP_QUEUE_H

#include <linux/irq_work.h>
#include <linux/kref.h>
#include <linux/mutex.h>
#include <linux/workqueue.h>

#include "fdinfo.h"
#include "fence.h"
#include "seedchip_accel.h"

struct drm_file;
struct seedchip_device;
struct seedchip_event;
struct seedchip_vm;
struct vm_area_struct;

/**
 * enum seedchip_queue_status - what a queue accepts
 * @SEEDCHIP_QUEUE_ACTIVE: work
 * @SEEDCHIP_QUEUE_FAILED: nothing before it is recovered
 * @SEEDCHIP_QUEUE_DEAD: nothing ever
 */
enum seedchip_queue_status {
	SEEDCHIP_QUEUE_ACTIVE,
	SEEDCHIP_QUEUE_FAILED,
	SEEDCHIP_QUEUE_DEAD,
};

/**
 * struct seedchip_queue_config - what QUEUE_CREATE chose
 * @priority: PRIORITY register
 * @ring_log2: log2 of the ring in slots
 * @timeout: jiffies without progress that make a hang, already scaled
 * @fence_limit: jiffies that a job may take whose fence somebody may wait for, already scaled
 * @core_mask: CORE_MASK register
 * @wg_limit: WG_LIMIT register
 * @log_va: LOG_ADDR register
 * @record_va: RECORD_BASE register
 * @irq_count: COALESCE_COUNT register
 * @irq_ns: COALESCE_NS register
 * @handle: of the queue in its file, 0 for the kernel's
 * @user: user-mode: the program writes the ring
 * @ring_va: user-mode: RING_BASE register
 */
struct seedchip_queue_config {
	u32 priority;
	u32 ring_log2;
	unsigned long timeout;
	unsigned long fence_limit;
	u64 core_mask;
	u64 wg_limit;
	u64 log_va;
	u64 record_va;
	u32 irq_count;
	u32 irq_ns;
	u32 handle;
	bool user;
	u64 ring_va;
};

/**
 * struct seedchip_dma - coherent memory of a queue
 * @cpu: kernel address, NULL when freed
 * @dma: device address
 * @size: bytes
 */
struct seedchip_dma {
	void *cpu;
	dma_addr_t dma;
	size_t size;
};

/**
 * struct seedchip_queue - one queue of a file, or the kernel's
 *
 * The hardware queue stays enabled until the file has let go of it and no
 * pending job of another queue waits for it (@users): a WAIT_QUEUE packet must
 * never name a disabled queue.
 */
struct seedchip_queue {
	/** @sdev: card */
	struct seedchip_device *sdev;
	/** @ref: the structure; held by handle, mappings and @users */
	struct kref ref;
	/** @users: the hardware queue; held by the handle and by jobs that wait for it */
	struct kref users;
	/** @rcu: frees the structure */
	struct rcu_head rcu;
	/** @vm: address space, NULL for the kernel's queue; referenced until @users is 0 */
	struct seedchip_vm *vm;
	/** @id: hardware queue number */
	u32 id;
	/** @vector: MSI-X vector */
	u32 vector;
	/** @config: constant */
	struct seedchip_queue_config config;
	/** @vector_link: entry of seedchip_vector.queues, under its lock */
	struct list_head vector_link;

	/** @ring: packets, unless the queue is user-mode; freed under @submit_lock */
	struct seedchip_dma ring;
	/** @ring_va: its address in the queue's context */
	u64 ring_va;
	/** @state: struct sc_queue_state, one page; @state.cpu is NULL once it is not written */
	struct seedchip_dma state;
	/** @state_page: the same; freed with the structure, so that programs may go on looking */
	struct page *state_page;
	/** @doorbell_page: user-mode: stands in for the doorbell of a dead queue */
	struct page *doorbell_page;
	/** @dump: core dump of the last fault */
	struct seedchip_dma dump;
	/** @dump_lock: keeps @dump while it is copied */
	struct mutex dump_lock;

	/** @submit_lock: serialises submission; protects @seqno order and @write's growth */
	struct mutex submit_lock;
	/** @tl: fences; its lock protects everything below */
	struct seedchip_timeline *tl;
	/** @status: what the queue accepts */
	enum seedchip_queue_status status;
	/** @stopped: failed or dead, and the hardware has been stopped */
	bool stopped;
	/** @write: index of the next slot to fill; user-mode: end of the last fence */
	u64 write;
	/** @retired: highest index seen; not above @write unless the queue is user-mode */
	u64 retired;
	/** @armed: index in the ARM register, ~0 when none */
	u64 armed;
	/** @rung: last value of the doorbell */
	u64 rung;
	/** @epoch: EPOCH register as of the last command */
	u32 epoch;
	/** @pending: jobs by ring order */
	struct list_head pending;
	/** @num_jobs: in @pending, @doomed, or about to be freed; any context */
	atomic_t num_jobs;
	/** @gated: those among them whose first header is still withheld */
	struct list_head gated;
	/** @waiters: struct seedchip_waiter */
	struct list_head waiters;
	/** @num_eventfds: how many of them are eventfds */
	u32 num_eventfds;
	/** @doomed: jobs taken off @pending by a reset in progress; under hw_lock */
	struct list_head doomed;
	/** @event: to be sent when the queue fails, NULL when it has been; under hw_lock */
	struct seedchip_event *event;
	/** @failed: the failure has not been reported yet; under hw_lock */
	bool failed;
	/** @has_fault: @fault is valid */
	bool has_fault;
	/** @has_aborted: @aborted is valid */
	bool has_aborted;
	/** @fault: why the queue has failed */
	struct sc_fault fault;
	/** @aborted: first report of a core that a reset interrupted */
	struct sc_fault aborted;

	/** @usage: core time; under the lock of the file's queues */
	struct seedchip_usage usage;

	/** @progress: PROGRESS register at the last look; watchdog only */
	u64 progress;
	/** @progress_jiffies: when it last changed; watchdog only */
	unsigned long progress_jiffies;
	/** @front: what its first fence waited for at the last look; watchdog only */
	u64 front;
	/** @front_jiffies: since when; watchdog only */
	unsigned long front_jiffies;
	/** @watchdog: looks at the queue while jobs are pending */
	struct delayed_work watchdog;
	/** @fail_work: handles @fault */
	struct work_struct fail_work;
	/** @gate_work: publishes jobs whose in-fences have signalled, outside of their locks */
	struct irq_work gate_work;
	/** @release_work: disables the hardware queue when @users is 0 */
	struct work_struct release_work;
};

static inline u32 seedchip_queue_slots(const struct seedchip_queue *q)
{
	return 1U << q->config.ring_log2;
}

static inline struct sc_packet *seedchip_queue_slot(const struct seedchip_queue *q, u64 index)
{
	struct sc_packet *ring = q->ring.cpu;

	return &ring[index & (seedchip_queue_slots(q) - 1)];
}

/* NOPs needed at @index so that @group slots do not cross the end of the ring. */
static inline u32 seedchip_queue_padding(const struct seedchip_queue *q, u64 index, u32 group)
{
	u32 slots = seedchip_queue_slots(q);
	u32 room = slots - (index & (slots - 1));

	return group > room ? room : 0;
}

struct seedchip_queue *seedchip_queue_at(struct seedchip_device *sdev, u32 id);
struct seedchip_queue *seedchip_queue_create(struct seedchip_device *sdev, struct seedchip_vm *vm,
					     const struct seedchip_queue_config *config);
int seedchip_queue_start(struct seedchip_queue *q);
int seedchip_queue_command(struct seedchip_queue *q, u32 command);
void seedchip_queue_destroy(struct seedchip_queue *q);
void seedchip_queue_free_memory(struct seedchip_queue *q);
void seedchip_queue_get(struct seedchip_queue *q);
void seedchip_queue_put(struct seedchip_queue *q);
void seedchip_queue_put_user(struct seedchip_queue *q);
void seedchip_queue_put_user_irq(struct seedchip_queue *q);
void seedchip_queue_fail(struct seedchip_queue *q);
struct seedchip_queue *seedchip_queue_lookup(struct drm_file *file, u32 handle);
void seedchip_queue_close_all(struct drm_file *file);
int seedchip_queue_mmap(struct drm_file *file, struct vm_area_struct *vma);
void seedchip_queue_disconnect(struct seedchip_queue *q);
void seedchip_queue_disconnect_all(struct seedchip_device *sdev);

/* Offsets for mmap(), in pages: of the state pages and of the doorbells. */
static inline pgoff_t seedchip_queue_state_pgoff(const struct seedchip_queue *q)
{
	return 1 + q->id;
}

static inline pgoff_t seedchip_queue_doorbell_pgoff(const struct seedchip_queue *q)
{
	return 1 + SC_MAX_QUEUES + q->id;
}

#endif /* SEEDCHIP_QUEUE_H */
