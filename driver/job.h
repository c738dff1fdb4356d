/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Jobs: packets of one SUBMIT from the ring write to retirement.
 */
#ifndef SEEDCHIP_JOB_H
#define SEEDCHIP_JOB_H

#include <linux/dma-fence.h>
#include <linux/list.h>

#include "fence.h"

struct irq_work;
struct sc_fault;
struct seedchip_device;
struct seedchip_job;
struct seedchip_queue;
struct seedchip_syncs;
struct seedchip_waiter;

/**
 * enum seedchip_dep_kind - who waits for a fence
 * @SEEDCHIP_DEP_FOREIGN: the driver, with a callback
 * @SEEDCHIP_DEP_CARD: the card, with a WAIT_QUEUE packet
 * @SEEDCHIP_DEP_SELF: the card; the fence is of the same queue, so a BARRIER does
 * @SEEDCHIP_DEP_DONE: nobody, it has signalled; its error still counts
 */
enum seedchip_dep_kind {
	SEEDCHIP_DEP_FOREIGN,
	SEEDCHIP_DEP_CARD,
	SEEDCHIP_DEP_SELF,
	SEEDCHIP_DEP_DONE,
};

/**
 * struct seedchip_dep - one fence that a job depends on
 * @fence: referenced
 * @kind: who waits
 * @hooked: @cb may still run
 * @job: the job
 * @cb: on @fence; FOREIGN only
 * @waits: queue that @fence is of, a user of it; CARD only
 */
struct seedchip_dep {
	struct dma_fence *fence;
	enum seedchip_dep_kind kind;
	bool hooked;
	struct seedchip_job *job;
	struct dma_fence_cb cb;
	struct seedchip_queue *waits;
};

/**
 * struct seedchip_slots - slots [@start, @end) of a ring, submitted by one call
 * @start: index of the first slot
 * @end: index after the last slot
 * @first_hdr: header of the first slot, stored last
 */
struct seedchip_slots {
	u64 start;
	u64 end;
	u32 first_hdr;
};

/**
 * struct seedchip_job - slots that a fence stands for
 * @fence: signals when they have retired; its last reference frees the job
 * @link: entry of seedchip_queue.pending or .doomed
 * @gate_link: entry of seedchip_queue.gated
 * @queue: its queue
 * @slots: where it is in the ring
 * @blockers: foreign fences that have not signalled, and one while the job is built
 * @published: the first header is in the ring
 * @gate: the first slot is reserved to skip the job if a foreign fence fails
 * @skip: a fence failed before the job started
 * @ndeps: entries of @deps
 * @deps: fences that the job depends on
 */
struct seedchip_job {
	struct seedchip_fence fence;
	struct list_head link;
	struct list_head gate_link;
	struct seedchip_queue *queue;
	struct seedchip_slots slots;
	atomic_t blockers;
	bool published;
	bool gate;
	bool skip;
	u32 ndeps;
	struct seedchip_dep *deps;
};

/* Slots of the packet at @packet with its arguments. */
static inline u32 seedchip_job_group(const struct sc_packet *packet)
{
	return SC_HDR_OP(packet->hdr) == SC_OP_DISPATCH ? 1 + SC_HDR_NARGS(packet->hdr) : 1;
}

struct seedchip_job *seedchip_job_create(struct seedchip_queue *q,
					 const struct seedchip_syncs *syncs, gfp_t gfp);
int seedchip_job_push_plain(struct seedchip_queue *q, const struct sc_packet *packets, u32 count,
			    struct seedchip_waiter *wait, u64 *index);
int seedchip_job_push(struct seedchip_job *job, const struct sc_packet *packets, u32 count,
		      struct seedchip_waiter *wait);
int seedchip_job_push_fence(struct seedchip_job *job, u64 index);
void seedchip_job_retire(struct seedchip_queue *q);
void seedchip_job_arm(struct seedchip_queue *q, u64 index);
void seedchip_job_publish_work(struct irq_work *work);
int seedchip_job_failure(const struct seedchip_queue *q, const struct seedchip_slots *slots);
bool seedchip_job_pending(struct seedchip_queue *q, bool *gated);
bool seedchip_job_take(struct seedchip_queue *q, const struct sc_fault *fault, bool dead);
void seedchip_job_finish(struct seedchip_queue *q);
struct seedchip_job *seedchip_job_create_kernel(struct seedchip_device *sdev, gfp_t gfp);
void seedchip_job_free_unused(struct seedchip_job *job);
struct dma_fence *seedchip_job_run_kernel(struct seedchip_job *job, const struct sc_packet *packets,
					  u32 count);
struct dma_fence *seedchip_job_kernel(struct seedchip_device *sdev, const struct sc_packet *packets,
				      u32 count);

#endif /* SEEDCHIP_JOB_H */
