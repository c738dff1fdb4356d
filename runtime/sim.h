/* SPDX-License-Identifier: MIT */
/*
 * The simulator back end: the driver's part, played on the chip model inside
 * the process. Between sim.c (cards, interrupts, events), sim_vm.c (memory and
 * page tables) and sim_queue.c (jobs and fences).
 *
 * One lock, sim_lock, protects the state of all simulated cards, so that a card
 * can wait for another's fences. The chip calls back from its workers while it
 * holds locks of its own: callbacks take irq.lock alone, never sim_lock.
 */
#ifndef SEEDCHIP_SIM_H
#define SEEDCHIP_SIM_H

#include "internal.h"
#include "qemu-device/chip/chip.h"

#define SIM_CONTEXT 1 /* the only one besides the driver's own */

/* Handles: positions in a growing array, from 1. */
struct sim_table {
	void **slots;
	uint32_t count;
};

uint32_t sim_table_add(struct sim_table *table, void *object); /* 0: out of memory */
void *sim_table_get(const struct sim_table *table, uint32_t handle); /* NULL: no such handle */
void *sim_table_remove(struct sim_table *table, uint32_t handle);

/**
 * struct sim_bo - memory of a buffer object
 * @refs: the handle and every mapping
 * @card: in card memory, else in the system region
 * @visible: the CPU may map it
 * @read_only: the card may not write it
 * @host: memory of the program that it wraps; its system addresses are above the region
 * @link: entry of struct sim.wrapped
 * @addr: card address, or offset in the system region
 * @size: bytes
 */
struct sim_bo {
	unsigned int refs;
	bool card;
	bool visible;
	bool read_only;
	unsigned char *host;
	struct list link;
	uint64_t addr;
	uint64_t size;
};

/** struct sim_mapping - pages of a buffer object at addresses; in the order of addresses */
struct sim_mapping {
	struct list link;
	uint64_t va;
	uint64_t size;
	struct sim_bo *bo;
	uint64_t bo_offset;
};

/** struct sim_fence - happens once; @error is 0 or a negative errno */
struct sim_fence {
	unsigned int refs;
	bool done;
	int error;
};

/**
 * struct sim_timeline - points with their fences, in order; a binary syncobj has point 0
 * @failed: what @failed_to was reached with; the points behind @failed_after were the same
 */
struct sim_timeline {
	unsigned int refs;
	uint64_t reached;
	uint64_t failed_after;
	uint64_t failed_to;
	struct sim_fence *failed;
	uint64_t last;
	struct list points;
	struct sim_fence *binary;
};

/**
 * struct sim_queue - a queue of the card
 * @ring: NULL: user-mode, the program has it
 * @armed: index for which the interrupt was last asked for
 * @pending: jobs in ring order
 * @progress: PROGRESS register at the last look of the watchdog
 * @looks: how often it has looked in vain
 */
struct sim_queue {
	uint32_t id;
	uint32_t log2;
	struct sc_packet *ring;
	uint64_t ring_va;
	struct sc_queue_state *state;
	unsigned char *dump;
	struct drm_seedchip_queue_create config;
	uint64_t write;
	uint64_t rung;
	uint64_t armed;
	bool failed;
	bool has_fault;
	struct sc_fault fault;
	struct list pending;
	uint64_t progress;
	uint32_t looks;
};

#define SIM_FAILURES 32

/**
 * struct sim - a simulated card that is open
 * @link: entry of the list of open cards
 * @chip: the model
 * @card: its memory
 * @system: region of host memory; a system address is an offset in it
 * @wrap_va: system addresses above the region, for memory that buffer objects wrap
 * @wrapped: those buffer objects
 * @wrap_lock: protects @wrapped; the chip's DMA takes it, and nothing inside it
 * @visible_va: free card memory below the BAR's size
 * @hidden_va: free card memory above it
 * @root: card address of the top page table
 * @traced: its timing goes to the trace
 * @failures: events that have not been read, oldest first; as many as the driver keeps
 * @failure_fd: eventfd, not 0 while there are some
 */
struct sim {
	struct list link;
	struct sc_chip *chip;
	struct drm_seedchip_info info;
	unsigned char *card;
	unsigned char *system;
	struct va_space system_va;
	struct va_space wrap_va;
	struct list wrapped;
	pthread_mutex_t wrap_lock;
	struct va_space visible_va;
	struct va_space hidden_va;
	uint64_t visible_size;
	bool traced;
	uint64_t root;
	struct list mappings;
	struct list binds;
	struct list notices;
	struct sim_table bos;
	struct sim_table timelines;
	struct sim_table queues;
	struct sim_queue *kernel;
	struct sc_event *events;
	uint32_t event_tail;
	struct drm_seedchip_event_fault failures[SIM_FAILURES];
	unsigned int num_failures;
	int failure_fd;
};

extern pthread_mutex_t sim_lock;

/* sim.c */
uint64_t sim_read(struct sim *sim, uint64_t offset, unsigned int size);
void sim_write(struct sim *sim, uint64_t offset, uint64_t value, unsigned int size);
/* Memory of the system region, zeroed. NULL: none left. */
void *sim_alloc_system(struct sim *sim, uint64_t size);
void sim_free_system(struct sim *sim, void *p, uint64_t size);
uint64_t sim_system_address(const struct sim *sim, const void *p);
/* Count of interrupts so far, and waiting until it has changed or the deadline has passed. */
uint64_t sim_irq_count(void);
bool sim_irq_wait(uint64_t seen, int64_t deadline_ns);
/* Something may have become possible: let the service thread look. */
void sim_kick(void);
/* A job is pending: have the service thread call sim_queue_watch(). The lock is held. */
void sim_watch(void);

/* sim_timing.c */
typedef void (*sim_timing_fn)(void *opaque, const struct sc_timing *timing);

/**
 * sim_timing_listen() - hear of every packet that simulated cards time; NULL: no more
 *
 * @fn is called from any thread, one call at a time, before the packet
 * completes; it must not call the library.
 */
void sim_timing_listen(sim_timing_fn fn, void *opaque);

/* A card writes to the trace, which the first one creates; and no more. */
int sim_timing_open(const char *path, unsigned int card, unsigned int cores);
int sim_timing_close(void);
void sim_timing_report(const struct sc_config *config, const struct sc_timing *timing);

/* sim_vm.c */
int sim_vm_init(struct sim *sim);
void sim_vm_fini(struct sim *sim);
int sim_bo_create(void *priv, struct drm_seedchip_bo_create *arg);
int sim_bo_wrap(void *priv, struct drm_seedchip_bo_userptr *arg);
int sim_bo_export(void *priv, uint32_t handle, int *fd);
int sim_bo_import(void *priv, int fd, uint32_t *handle, uint64_t *size);
void sim_bo_destroy(void *priv, uint32_t handle);
int sim_bo_map(void *priv, uint32_t handle, size_t size, void **ptr);
void sim_bo_unmap(void *priv, void *ptr, size_t size);
int sim_vm_bind(void *priv, struct drm_seedchip_vm_bind *arg);
/* Bind operations whose fences have happened. */
void sim_vm_service(struct sim *sim);
/* Map pages that only the queue engine may fetch from, at an address of the kernel's range. */
int sim_vm_map_ring(struct sim *sim, uint64_t va, const void *ring, uint64_t size);
void sim_vm_unmap_ring(struct sim *sim, uint64_t va, uint64_t size);

/* sim_queue.c */
int sim_queue_init(struct sim *sim);
void sim_queue_fini(struct sim *sim);
void sim_queue_service(struct sim *sim);
/*
 * The watchdog, which looks every @interval_ns: fail the queues that have had their timeout.
 * Return: whether to look again.
 */
bool sim_queue_watch(struct sim *sim, uint64_t interval_ns);
void sim_queue_event(struct sim *sim, const struct sc_event *event);
/* Drop translations of the context; returns when nobody uses an old one. */
void sim_invalidate(struct sim *sim);
int sim_queue_create(void *priv, struct drm_seedchip_queue_create *arg,
		     const volatile struct sc_queue_state **state, volatile uint32_t **doorbell);
void sim_queue_destroy(void *priv, uint32_t queue, const volatile struct sc_queue_state *state,
		       volatile uint32_t *doorbell);
void sim_queue_ring(void *priv, uint32_t hw_queue, uint64_t index);
int sim_queue_wait(void *priv, uint32_t queue, uint64_t index, int64_t deadline_ns);
int sim_queue_fence(void *priv, struct drm_seedchip_queue_fence *arg);
/* 0: @index has retired, -EIO: it never will, -EAGAIN: there will be an interrupt; -ENOENT. */
int sim_queue_arm(struct sim *sim, uint32_t queue, uint64_t index);
int sim_submit(void *priv, struct drm_seedchip_submit *arg);
int sim_queue_fault(void *priv, struct drm_seedchip_queue_fault *arg);
int sim_queue_recover(void *priv, uint32_t queue, uint64_t index);
int sim_event_read(void *priv, struct drm_seedchip_event_fault *event);
int sim_event_fd(void *priv);

/* sim_fence.c; the lock is held by callers of these */
struct sim_fence *sim_fence_get(struct sim_fence *fence);
void sim_fence_put(struct sim_fence *fence);
void sim_fence_signal(struct sim_fence *fence, int error);

/**
 * struct sim_syncs - fences to wait for and to signal, of one ioctl
 * @waits: referenced
 * @signal: signalled for all of them together
 */
struct sim_syncs {
	unsigned int num_waits;
	struct sim_fence *waits[64];
	struct sim_fence *signal;
};

int sim_syncs_read(struct sim *sim, const struct drm_seedchip_array *array, struct sim_syncs *s);
/* Make the timelines of the array reach their points when s->signal happens. */
void sim_syncs_publish(struct sim *sim, const struct drm_seedchip_array *array,
		       struct sim_syncs *s);
void sim_syncs_put(struct sim_syncs *s);
/* 1: all have happened, 0: not yet, negative: all have, and one with this error. */
int sim_syncs_done(const struct sim_syncs *s);
int sim_timeline_create(void *priv, uint32_t *handle);
void sim_timeline_destroy(void *priv, uint32_t handle);
int sim_timeline_wait(void *priv, uint32_t handle, uint64_t point, int64_t deadline_ns);
/* The fence that a WAIT means; NULL if it has happened; -EINVAL if nobody has submitted it. */
int sim_find_fence(struct sim_timeline *t, uint64_t point, struct sim_fence **fence);
int sim_timeline_share(void *from, uint32_t handle, void *to, uint32_t *shared);
int sim_fence_status(void *priv, uint32_t handle);

/* sim_notify.c; the lock is held by callers of the first two */
void sim_notice_service(struct sim *sim);
void sim_notice_fini(struct sim *sim);
int sim_queue_notify(void *priv, uint32_t queue, uint64_t index, int fd);
int sim_timeline_notify(void *priv, uint32_t handle, uint64_t point, int fd);

/* Let every open card's pending work proceed; the lock is held. */
void sim_service(void);

#endif /* SEEDCHIP_SIM_H */
