// SPDX-License-Identifier: GPL-2.0-only
/*
 * Fences of queues and of VM_BIND.
 *
 * Invariant: a fence that a program can reach signals by itself: the device
 * retires its index, or a watchdog, a fault, a reset or the removal of the card
 * signals it with an error. Nothing on that way allocates or waits.
 */
#include <linux/module.h>
#include <linux/rcupdate.h>
#include <linux/slab.h>

#include "device.h"
#include "fence.h"
#include "job.h"
#include "queue.h"

struct seedchip_timeline *seedchip_timeline_create(const char *name)
{
	struct seedchip_timeline *tl = kzalloc(sizeof(*tl), GFP_KERNEL);

	if (!tl)
		return NULL;
	kref_init(&tl->ref);
	spin_lock_init(&tl->lock);
	tl->context = dma_fence_context_alloc(1);
	tl->first_chained = ~0ULL;
	strscpy(tl->name, name, sizeof(tl->name));
	return tl;
}

static void seedchip_timeline_release(struct kref *ref)
{
	struct seedchip_timeline *tl = container_of(ref, struct seedchip_timeline, ref);

	kfree_rcu(tl, rcu);
}

void seedchip_timeline_put(struct seedchip_timeline *tl)
{
	kref_put(&tl->ref, seedchip_timeline_release);
}

static const char *seedchip_fence_get_driver_name(struct dma_fence *fence)
{
	return "seedchip";
}

static const char *seedchip_fence_get_timeline_name(struct dma_fence *fence)
{
	return to_seedchip_fence(fence)->timeline->name;
}

/* Called with the timeline's lock held, which is the fence's. */
static bool seedchip_fence_enable_signaling(struct dma_fence *base)
{
	struct seedchip_fence *fence = to_seedchip_fence(base);

	lockdep_assert_held(&fence->timeline->lock);
	if (fence->timeline->queue)
		seedchip_job_arm(fence->timeline->queue, fence->index);
	return true;
}

/*
 * Lets those who poll see completion without an interrupt. The lock may or may
 * not be held, hence RCU.
 */
static bool seedchip_fence_signaled(struct dma_fence *base)
{
	struct seedchip_fence *fence = to_seedchip_fence(base);
	const struct sc_queue_state *state;
	bool done = false;

	/* Never before an earlier fence of the queue that only the lock's holder can settle. */
	if (READ_ONCE(fence->timeline->first_chained) <= fence->index || READ_ONCE(base->error))
		return false;
	rcu_read_lock();
	state = rcu_dereference(fence->timeline->state);
	if (state)
		done = READ_ONCE(state->retired) >= fence->index;
	rcu_read_unlock();
	return done;
}

/*
 * The module reference goes in an RCU callback, and module exit waits for those:
 * so no code of the module runs any more when it is unloaded.
 */
static void seedchip_fence_free_rcu(struct rcu_head *rcu)
{
	struct dma_fence *base = container_of(rcu, struct dma_fence, rcu);
	struct seedchip_fence *fence = to_seedchip_fence(base);
	struct seedchip_job *job = container_of(fence, struct seedchip_job, fence);

	seedchip_fence_unbind(fence);
	kfree(job);
}

static void seedchip_fence_release(struct dma_fence *base)
{
	call_rcu(&base->rcu, seedchip_fence_free_rcu);
}

static const struct dma_fence_ops seedchip_fence_ops = {
	.get_driver_name = seedchip_fence_get_driver_name,
	.get_timeline_name = seedchip_fence_get_timeline_name,
	.enable_signaling = seedchip_fence_enable_signaling,
	.signaled = seedchip_fence_signaled,
	.release = seedchip_fence_release,
};

/* NULL for a fence that is not of a queue of this driver. */
struct seedchip_fence *to_seedchip_fence(struct dma_fence *fence)
{
	if (fence->ops != &seedchip_fence_ops)
		return NULL;
	return container_of(fence, struct seedchip_fence, base);
}

/* What a fence holds, from the creation of its job on. */
void seedchip_fence_bind(struct seedchip_fence *fence, struct seedchip_timeline *tl, bool user)
{
	kref_get(&tl->ref);
	fence->timeline = tl;
	fence->user = user;
	if (user)
		__module_get(THIS_MODULE);
}

void seedchip_fence_unbind(struct seedchip_fence *fence)
{
	seedchip_timeline_put(fence->timeline);
	if (fence->user)
		module_put(THIS_MODULE);
}

/* Uninterruptible. Looks first, as only the wait asks for an interrupt. */
void seedchip_fence_wait(struct dma_fence *fence)
{
	if (!dma_fence_is_signaled(fence))
		dma_fence_wait(fence, false);
}

void seedchip_fence_init(struct seedchip_fence *fence, struct seedchip_queue *q, u64 index)
{
	lockdep_assert_held(&q->submit_lock);
	fence->index = index;
	fence->epoch = q->epoch;
	fence->queue = q->id;
	dma_fence_init(&fence->base, &seedchip_fence_ops, &q->tl->lock, q->tl->context,
		       ++q->tl->seqno);
}

/**
 * struct seedchip_sw_fence - the out-fence of a VM_BIND
 * @base: base
 * @lock: its lock
 */
struct seedchip_sw_fence {
	struct dma_fence base;
	spinlock_t lock; /* of the fence */
};

static const char *seedchip_sw_fence_get_timeline_name(struct dma_fence *fence)
{
	return "bind";
}

static void seedchip_sw_fence_free_rcu(struct rcu_head *rcu)
{
	struct dma_fence *base = container_of(rcu, struct dma_fence, rcu);

	kfree(container_of(base, struct seedchip_sw_fence, base));
	module_put(THIS_MODULE);
}

static void seedchip_sw_fence_release(struct dma_fence *base)
{
	call_rcu(&base->rcu, seedchip_sw_fence_free_rcu);
}

static const struct dma_fence_ops seedchip_sw_fence_ops = {
	.get_driver_name = seedchip_fence_get_driver_name,
	.get_timeline_name = seedchip_sw_fence_get_timeline_name,
	.release = seedchip_sw_fence_release,
};

/* Each has a context of its own, so nothing is assumed about their order. */
struct dma_fence *seedchip_sw_fence_create(void)
{
	struct seedchip_sw_fence *fence = kzalloc(sizeof(*fence), GFP_KERNEL);

	if (!fence)
		return NULL;
	__module_get(THIS_MODULE);
	spin_lock_init(&fence->lock);
	dma_fence_init(&fence->base, &seedchip_sw_fence_ops, &fence->lock,
		       dma_fence_context_alloc(1), 1);
	return &fence->base;
}
