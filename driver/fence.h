/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Fences of a queue. A fence means: the queue has retired index N. It is part of
 * a job, but holds nothing but its timeline, so it outlives file, queue and device.
 */
#ifndef SEEDCHIP_FENCE_H
#define SEEDCHIP_FENCE_H

#include <linux/dma-fence.h>
#include <linux/kref.h>
#include <linux/spinlock.h>

#include "seedchip_hw.h"

struct seedchip_device;
struct seedchip_queue;

/**
 * struct seedchip_timeline - the part of a queue that fences need
 * @ref: one for the queue, one per fence
 * @rcu: frees the structure
 * @lock: the lock of every fence of this queue. Protects the queue's pending
 *	  jobs, indices and state. Innermost; taken in hard interrupts.
 * @context: dma_fence context
 * @seqno: of the last fence; under seedchip_queue.submit_lock
 * @queue: NULL once the queue is dead; under @lock
 * @first_chained: end of the first pending job with a chained fence, ~0 if none;
 *		   written under @lock
 * @state: page that the device writes; NULL once the queue is freed. Read under RCU.
 * @name: of the queue, for fence users
 */
struct seedchip_timeline {
	struct kref ref;
	struct rcu_head rcu;
	spinlock_t lock; /* fences, pending jobs, indices, state */
	u64 context;
	u64 seqno;
	struct seedchip_queue *queue;
	u64 first_chained;
	const struct sc_queue_state __rcu *state;
	char name[32];
};

/**
 * struct seedchip_fence - "queue @queue has retired @index in epoch @epoch"
 * @base: base
 * @timeline: of the queue; referenced
 * @index: ring index
 * @epoch: EPOCH of the queue when @index was handed out
 * @queue: hardware queue number
 * @user: reachable from a syncobj; pins the module, whose code signals it
 * @chained: other fences decide about its error, so it is not done before
 *	     seedchip_queue_retire() has looked at them
 */
struct seedchip_fence {
	struct dma_fence base;
	struct seedchip_timeline *timeline;
	u64 index;
	u32 epoch;
	u32 queue;
	bool user;
	bool chained;
};

struct seedchip_timeline *seedchip_timeline_create(const char *name);
void seedchip_timeline_put(struct seedchip_timeline *tl);
void seedchip_fence_bind(struct seedchip_fence *fence, struct seedchip_timeline *tl, bool user);
void seedchip_fence_unbind(struct seedchip_fence *fence);
void seedchip_fence_init(struct seedchip_fence *fence, struct seedchip_queue *q, u64 index);
struct seedchip_fence *to_seedchip_fence(struct dma_fence *fence);
void seedchip_fence_wait(struct dma_fence *fence);
struct dma_fence *seedchip_sw_fence_create(void);

#endif /* SEEDCHIP_FENCE_H */
