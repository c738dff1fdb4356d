// SPDX-License-Identifier: GPL-2.0-only
/*
 * Jobs.
 *
 * A job's slots are written to the ring when it is submitted, whatever it waits
 * for; only the header of its first slot is withheld while foreign fences are
 * outstanding. The card stops at that slot, so the order of a queue never
 * changes, the index of a job is known at once, and nothing has to be
 * allocated, sorted or scheduled when a fence signals: one word is stored.
 * Fences of queues of the same card become WAIT_QUEUE packets.
 *
 * Packets that wait for no fence and signal none need no job: they are slots of
 * the ring and nothing else (seedchip_job_push_plain()).
 *
 * Invariant: the slots below seedchip_queue.write have the phase of their last
 * index, except first slots of gated jobs. A pending job is signalled exactly
 * once: by seedchip_job_retire() or by seedchip_job_finish().
 */
#include <linux/overflow.h>
#include <linux/slab.h>

#include <drm/drm_file.h>
#include <drm/drm_print.h>

#include "device.h"
#include "event.h"
#include "fault.h"
#include "job.h"
#include "queue.h"
#include "reset.h"
#include "sync.h"
#include "trace.h"
#include "wait.h"

static const struct sc_packet seedchip_nop = { .hdr = SC_HDR(SC_OP_NOP, 0, 0) };
static const struct sc_packet seedchip_barrier = { .hdr = SC_HDR(SC_OP_BARRIER, 0, 0) };

static void seedchip_job_put_deps(struct seedchip_job *job)
{
	u32 i;

	for (i = 0; i < job->ndeps; i++) {
		dma_fence_put(job->deps[i].fence);
		if (job->deps[i].waits)
			seedchip_queue_put_user_irq(job->deps[i].waits);
	}
	kvfree(job->deps);
}

/* The queue lets go of the job; the memory goes with the last reference of its fence. */
static void seedchip_job_free(struct seedchip_job *job)
{
	atomic_dec(&job->queue->num_jobs);
	seedchip_job_put_deps(job);
	dma_fence_put(&job->fence.base);
}

static void seedchip_job_free_list(struct list_head *jobs)
{
	struct seedchip_job *job, *tmp;

	list_for_each_entry_safe(job, tmp, jobs, link)
		seedchip_job_free(job);
}

/*
 * A fence of this card that fails gets its error before the reset that lets
 * its waiters go, so looking at the time of completion is early enough.
 */
static int seedchip_job_error(struct seedchip_job *job)
{
	u32 i;

	if (job->skip)
		return -ECANCELED;
	for (i = 0; i < job->ndeps; i++)
		if (READ_ONCE(job->deps[i].fence->error))
			return -ECANCELED;
	return 0;
}

static void seedchip_job_signal_locked(struct seedchip_job *job)
{
	struct dma_fence *fence = &job->fence.base;
	bool seen = test_bit(DMA_FENCE_FLAG_SIGNALED_BIT, &fence->flags);
	int err = seen || fence->error ? 0 : seedchip_job_error(job);

	if (err)
		dma_fence_set_error(fence, err);
	trace_seedchip_complete(job);
	/* Whoever looked at the fence since the slots retired has signalled it. */
	if (!seen)
		dma_fence_signal_locked(fence);
}

/* What the device says, within what is possible: it is never trusted. */
static u64 seedchip_job_retired(struct seedchip_queue *q)
{
	const struct sc_queue_state *state = q->state.cpu;
	u64 limit = q->config.user ? ~0ULL : q->write;
	u64 retired;

	lockdep_assert_held(&q->tl->lock);
	if (!state)
		return q->retired;
	if (!list_empty(&q->gated))
		limit = list_first_entry(&q->gated, struct seedchip_job, gate_link)->slots.start;
	retired = READ_ONCE(state->retired);
	/* The data of the packets was written before the index. */
	dma_rmb();
	return clamp(retired, q->retired, max(limit, q->retired));
}

/*
 * A fence that the job waits for fails, but has not signalled yet: its reset is
 * being completed. seedchip_reset_settle() comes back to the job then, so that
 * fences signal in the order of their dependencies.
 */
static bool seedchip_job_is_held(struct seedchip_job *job)
{
	u32 i;

	for (i = 0; i < job->ndeps; i++) {
		struct dma_fence *fence = job->deps[i].fence;

		if (job->deps[i].kind == SEEDCHIP_DEP_CARD && READ_ONCE(fence->error) &&
		    !test_bit(DMA_FENCE_FLAG_SIGNALED_BIT, &fence->flags))
			return true;
	}
	return false;
}

/* Whether somebody wants to know at once when the job is done. */
static bool seedchip_job_is_awaited(struct seedchip_job *job)
{
	return job->fence.chained ||
	       test_bit(DMA_FENCE_FLAG_ENABLE_SIGNAL_BIT, &job->fence.base.flags);
}

/* Find the first pending job whose fence is chained. */
static void seedchip_job_update_chained(struct seedchip_queue *q)
{
	u64 first = ~0ULL;
	struct seedchip_job *job;

	lockdep_assert_held(&q->tl->lock);
	list_for_each_entry(job, &q->pending, link) {
		if (job->fence.chained) {
			first = job->slots.end;
			break;
		}
	}
	WRITE_ONCE(q->tl->first_chained, first);
}

static void seedchip_job_retire_locked(struct seedchip_queue *q, struct list_head *done)
{
	struct seedchip_job *job, *tmp;

	lockdep_assert_held(&q->tl->lock);
	q->retired = seedchip_job_retired(q);
	list_for_each_entry_safe(job, tmp, &q->pending, link) {
		if (job->slots.end > q->retired || seedchip_job_is_held(job))
			break;
		list_move_tail(&job->link, done);
		seedchip_job_signal_locked(job);
	}
	if (q->tl->first_chained <= q->retired)
		seedchip_job_update_chained(q);
	seedchip_wait_wake(q);
	if (q->armed > q->retired)
		return;
	q->armed = ~0ULL;
	list_for_each_entry(job, &q->pending, link) {
		if (job->slots.end > q->retired && seedchip_job_is_awaited(job)) {
			seedchip_job_arm(q, job->slots.end);
			break;
		}
	}
	seedchip_wait_arm(q);
}

/**
 * seedchip_job_retire() - signal what the device has completed
 * @q: queue
 *
 * Any context, hard interrupts included.
 */
void seedchip_job_retire(struct seedchip_queue *q)
{
	LIST_HEAD(done);
	unsigned long flags;

	spin_lock_irqsave(&q->tl->lock, flags);
	seedchip_job_retire_locked(q, &done);
	spin_unlock_irqrestore(&q->tl->lock, flags);
	seedchip_job_free_list(&done);
}

/**
 * seedchip_job_arm() - have the vector raised when @index has retired
 * @q: queue
 * @index: ring index
 *
 * The device raises it at once if it already has, so no wakeup can be lost.
 */
void seedchip_job_arm(struct seedchip_queue *q, u64 index)
{
	lockdep_assert_held(&q->tl->lock);
	if (index >= q->armed || q->status != SEEDCHIP_QUEUE_ACTIVE)
		return;
	WRITE_ONCE(q->armed, index);
	writeq(index, seedchip_queue_reg(q->sdev, q->id, SC_Q_ARM));
}

static void seedchip_job_store_header(struct seedchip_queue *q, u64 index, u32 hdr)
{
	struct sc_packet *slot = seedchip_queue_slot(q, index);

	/* Everything else of the job before its first word. */
	dma_wmb();
	WRITE_ONCE(slot->hdr, (hdr & ~SC_HDR_PHASE) | SC_PHASE(index, q->config.ring_log2));
}

/* Let the card have the job. A gate whose fence has failed skips the rest of it. */
static void seedchip_job_open(struct seedchip_job *job)
{
	struct seedchip_queue *q = job->queue;
	const struct seedchip_slots *slots = &job->slots;
	u32 hdr = slots->first_hdr;

	lockdep_assert_held(&q->tl->lock);
	if (job->skip && job->gate) {
		struct sc_pkt_wait_queue *wait = (void *)seedchip_queue_slot(q, slots->start);
		struct seedchip_queue *kernel = q->sdev->kernel_queue;

		/* An index never reached, in an epoch that never was. */
		wait->index = ~0ULL;
		wait->queue = kernel->id;
		wait->epoch = kernel->epoch - 1;
		wait->skip = slots->end - slots->start - 1;
		hdr = SC_HDR(SC_OP_WAIT_QUEUE, 0, 0);
	}
	seedchip_job_store_header(q, slots->start, hdr);
	job->published = true;
}

static void seedchip_job_publish_locked(struct seedchip_queue *q)
{
	struct seedchip_job *job, *tmp;
	u64 bell = q->write;

	lockdep_assert_held(&q->tl->lock);
	list_for_each_entry_safe(job, tmp, &q->gated, gate_link) {
		if (atomic_read_acquire(&job->blockers)) {
			bell = job->slots.start;
			break;
		}
		list_del_init(&job->gate_link);
		seedchip_job_open(job);
	}
	if (bell == q->rung || q->status != SEEDCHIP_QUEUE_ACTIVE)
		return;
	q->rung = bell;
	trace_seedchip_doorbell(q, bell);
	writel(lower_32_bits(bell),
	       q->sdev->doorbells + q->id * q->sdev->doorbell_stride + SC_DOORBELL_RING);
}

/* Of gate_work. */
void seedchip_job_publish_work(struct irq_work *work)
{
	struct seedchip_queue *q = container_of(work, struct seedchip_queue, gate_work);
	unsigned long flags;

	spin_lock_irqsave(&q->tl->lock, flags);
	/* What was pending when the queue failed is not in the list any more. */
	seedchip_job_publish_locked(q);
	spin_unlock_irqrestore(&q->tl->lock, flags);
	seedchip_queue_put(q);
}

/*
 * Runs under the foreign fence's lock, so it must not take the timeline's: the
 * fence may be another card's that waits for ours.
 */
static void seedchip_job_dep_signaled(struct dma_fence *fence, struct dma_fence_cb *cb)
{
	struct seedchip_dep *dep = container_of(cb, struct seedchip_dep, cb);
	struct seedchip_job *job = dep->job;
	struct seedchip_queue *q = job->queue;

	/* The job may be gone as soon as the count has dropped. */
	seedchip_queue_get(q);
	if (fence->error)
		WRITE_ONCE(job->skip, true);
	/* The work has our reference if it is not on its way already. */
	if (!atomic_dec_and_test(&job->blockers) || !irq_work_queue(&q->gate_work))
		seedchip_queue_put(q);
}

static void seedchip_job_hook(struct seedchip_job *job)
{
	u32 i;

	for (i = 0; i < job->ndeps; i++) {
		struct seedchip_dep *dep = &job->deps[i];

		if (dep->kind != SEEDCHIP_DEP_FOREIGN)
			continue;
		atomic_inc(&job->blockers);
		dep->hooked = true;
		if (!dma_fence_add_callback(dep->fence, &dep->cb, seedchip_job_dep_signaled))
			continue;
		dep->hooked = false;
		if (dep->fence->error)
			WRITE_ONCE(job->skip, true);
		atomic_dec(&job->blockers);
	}
}

static void seedchip_job_unhook(struct seedchip_job *job)
{
	u32 i;

	for (i = 0; i < job->ndeps; i++)
		if (job->deps[i].hooked)
			dma_fence_remove_callback(job->deps[i].fence, &job->deps[i].cb);
}

static void seedchip_job_classify(struct seedchip_queue *q, struct seedchip_dep *dep)
{
	struct seedchip_fence *fence = to_seedchip_fence(dep->fence);
	struct seedchip_timeline *tl;
	unsigned long flags;

	dep->kind = SEEDCHIP_DEP_FOREIGN;
	if (!fence)
		return;
	tl = fence->timeline;
	spin_lock_irqsave(&tl->lock, flags);
	if (!tl->queue || !kref_get_unless_zero(&tl->queue->users))
		dep->kind = SEEDCHIP_DEP_DONE;
	else if (tl->queue->sdev == q->sdev)
		dep->kind = tl->queue == q ? SEEDCHIP_DEP_SELF : SEEDCHIP_DEP_CARD;
	if (dep->kind != SEEDCHIP_DEP_DONE)
		dep->waits = tl->queue;
	spin_unlock_irqrestore(&tl->lock, flags);

	if (dep->waits && dep->kind != SEEDCHIP_DEP_CARD) {
		seedchip_queue_put_user_irq(dep->waits);
		dep->waits = NULL;
	}
}

static int seedchip_job_init_deps(struct seedchip_job *job, const struct seedchip_syncs *syncs)
{
	u32 i;

	job->skip = syncs->failed;
	job->gate = syncs->failed;
	if (!syncs->num_in)
		return 0;
	job->deps = kvcalloc(syncs->num_in, sizeof(*job->deps), GFP_KERNEL_ACCOUNT);
	if (!job->deps)
		return -ENOMEM;
	job->ndeps = syncs->num_in;
	for (i = 0; i < job->ndeps; i++) {
		struct seedchip_dep *dep = &job->deps[i];

		dep->job = job;
		dep->fence = dma_fence_get(syncs->in[i]);
		seedchip_job_classify(job->queue, dep);
		if (dep->kind == SEEDCHIP_DEP_DONE && dep->fence->error)
			job->skip = true;
		if (dep->kind == SEEDCHIP_DEP_FOREIGN || job->skip)
			job->gate = true;
	}
	return 0;
}

/* To push or to free unused; waits for @syncs unless they are NULL. NULL without memory. */
struct seedchip_job *seedchip_job_create(struct seedchip_queue *q,
					 const struct seedchip_syncs *syncs, gfp_t gfp)
{
	struct seedchip_job *job = kzalloc(sizeof(*job), gfp);

	if (!job)
		return NULL;
	seedchip_fence_bind(&job->fence, q->tl, syncs);
	job->queue = q;
	atomic_set(&job->blockers, 1);
	INIT_LIST_HEAD(&job->gate_link);
	if (syncs && seedchip_job_init_deps(job, syncs)) {
		seedchip_job_free_unused(job);
		return NULL;
	}
	job->fence.chained = job->ndeps || job->skip;
	return job;
}

/* For a job whose fence was not initialised, or NULL. */
void seedchip_job_free_unused(struct seedchip_job *job)
{
	if (!job)
		return;
	seedchip_job_put_deps(job);
	seedchip_fence_unbind(&job->fence);
	kfree(job);
}

/* Slots before the packets of the user: gate, waits, barrier. */
static u32 seedchip_job_prologue(const struct seedchip_job *job)
{
	u32 slots = job->gate;
	u32 self = 0;
	u32 i;

	for (i = 0; i < job->ndeps; i++) {
		slots += job->deps[i].kind == SEEDCHIP_DEP_CARD;
		self |= job->deps[i].kind == SEEDCHIP_DEP_SELF;
	}
	return slots + self;
}

/* But for its header. */
static void seedchip_job_fill_slot(struct seedchip_queue *q, u64 index,
				   const struct sc_packet *packet)
{
	struct sc_packet *slot = seedchip_queue_slot(q, index);

	slot->tag = packet->tag;
	memcpy(slot->body, packet->body, sizeof(slot->body));
}

/* The header of the first slot is noted, to be stored when the card may have them all. */
static void seedchip_job_put_slot(struct seedchip_queue *q, struct seedchip_slots *slots, u64 index,
				  const struct sc_packet *packet)
{
	seedchip_job_fill_slot(q, index, packet);
	if (index == slots->start)
		slots->first_hdr = packet->hdr;
	else
		seedchip_job_store_header(q, index, packet->hdr);
}

static u64 seedchip_job_write_prologue(struct seedchip_job *job)
{
	struct seedchip_slots *slots = &job->slots;
	struct seedchip_queue *q = job->queue;
	u64 index = slots->start;
	bool self = false;
	u32 i;

	if (job->gate)
		seedchip_job_put_slot(q, slots, index++, &seedchip_nop);
	for (i = 0; i < job->ndeps; i++) {
		struct seedchip_fence *fence = to_seedchip_fence(job->deps[i].fence);
		union {
			struct sc_pkt_wait_queue wait;
			struct sc_packet packet;
		} u = {};

		self |= job->deps[i].kind == SEEDCHIP_DEP_SELF;
		if (job->deps[i].kind != SEEDCHIP_DEP_CARD)
			continue;
		u.wait.hdr = SC_HDR(SC_OP_WAIT_QUEUE, 0, 0);
		u.wait.index = fence->index;
		u.wait.queue = fence->queue;
		u.wait.epoch = fence->epoch;
		u.wait.skip = slots->end - index - 1;
		seedchip_job_put_slot(q, slots, index++, &u.packet);
	}
	if (self)
		seedchip_job_put_slot(q, slots, index++, &seedchip_barrier);
	return index;
}

static void seedchip_job_write(struct seedchip_queue *q, struct seedchip_slots *slots, u64 index,
			       const struct sc_packet *packets, u32 count)
{
	u32 i = 0;

	while (i < count) {
		u32 group = seedchip_job_group(&packets[i]);
		u32 pad = seedchip_queue_padding(q, index, group);

		while (pad--)
			seedchip_job_put_slot(q, slots, index++, &seedchip_nop);
		while (group--)
			seedchip_job_put_slot(q, slots, index++, &packets[i++]);
	}
}

/* Where @count slots of packets from @index on end. */
static u64 seedchip_job_end(const struct seedchip_queue *q, u64 index,
			    const struct sc_packet *packets, u32 count)
{
	u32 i = 0;

	/* Nothing is padded unless the end of the ring is among them. */
	if (!seedchip_queue_padding(q, index, count))
		return index + count;
	while (i < count) {
		u32 group = seedchip_job_group(&packets[i]);

		index += seedchip_queue_padding(q, index, group) + group;
		i += group;
	}
	return index;
}

static u32 seedchip_job_room(struct seedchip_queue *q)
{
	return seedchip_queue_slots(q) - (q->write - READ_ONCE(q->retired));
}

/*
 * Where @prologue slots and the packets will lie. -E2BIG if the ring can never
 * hold them, -EBUSY if not now.
 */
static int seedchip_job_layout(struct seedchip_queue *q, struct seedchip_slots *slots,
			       u32 prologue, const struct sc_packet *packets, u32 count)
{
	enum seedchip_queue_status status = READ_ONCE(q->status);
	u64 size;

	lockdep_assert_held(&q->submit_lock);
	if (status == SEEDCHIP_QUEUE_DEAD)
		return -ENOENT;
	if (status == SEEDCHIP_QUEUE_FAILED || READ_ONCE(q->has_fault))
		return -EIO;
	slots->start = q->write;
	slots->end = seedchip_job_end(q, slots->start + prologue, packets, count);
	size = slots->end - slots->start;
	if (size > seedchip_queue_slots(q))
		return -E2BIG;
	if (size <= seedchip_job_room(q))
		return 0;
	seedchip_job_retire(q);
	return size <= seedchip_job_room(q) ? 0 : -EBUSY;
}

/*
 * Turn slots that will not run into NOPs of the right phase. The queue has
 * failed, but the card may not have been told yet and still be fetching; it
 * has not passed the first header, which comes last here too.
 */
static void seedchip_job_blank(struct seedchip_queue *q, const struct seedchip_slots *slots)
{
	u64 index = slots->end;

	while (index-- > slots->start) {
		seedchip_job_fill_slot(q, index, &seedchip_nop);
		seedchip_job_store_header(q, index, seedchip_nop.hdr);
	}
}

/* The queue has failed since the job was laid out: the job fails with it. */
static void seedchip_job_refuse_locked(struct seedchip_job *job)
{
	dma_fence_set_error(&job->fence.base, -ECANCELED);
	seedchip_job_signal_locked(job);
}

/*
 * Append packets that no fence stands for; *@index is told when they are complete.
 * @wait, unless NULL, is for seedchip_wait_finish().
 */
int seedchip_job_push_plain(struct seedchip_queue *q, const struct sc_packet *packets, u32 count,
			    struct seedchip_waiter *wait, u64 *index)
{
	struct seedchip_slots slots;
	bool active;
	int err;

	lockdep_assert_held(&q->submit_lock);
	err = seedchip_job_layout(q, &slots, 0, packets, count);
	if (err)
		return err;
	seedchip_job_write(q, &slots, slots.start, packets, count);

	spin_lock_irq(&q->tl->lock);
	q->write = slots.end;
	active = q->status == SEEDCHIP_QUEUE_ACTIVE;
	if (active) {
		seedchip_job_store_header(q, slots.start, slots.first_hdr);
		seedchip_job_publish_locked(q);
		trace_seedchip_submit(q, &slots, 0, false);
		if (wait)
			q->retired = seedchip_job_retired(q);
	} else {
		seedchip_job_blank(q, &slots);
	}
	if (wait)
		seedchip_wait_begin(q, wait, &slots, NULL);
	spin_unlock_irq(&q->tl->lock);

	if (active)
		seedchip_reset_watch(q);
	*index = slots.end;
	return 0;
}

/*
 * Append @job to its queue. On success the job belongs to the queue. Nothing
 * can fail once its fence is initialised. @wait: as above.
 */
int seedchip_job_push(struct seedchip_job *job, const struct sc_packet *packets, u32 count,
		      struct seedchip_waiter *wait)
{
	struct seedchip_slots *slots = &job->slots;
	struct seedchip_queue *q = job->queue;
	bool cookie, refused;
	LIST_HEAD(done);
	int err;

	lockdep_assert_held(&q->submit_lock);
	/* Those that are complete would be kept until somebody looks at their fences. */
	if (!list_empty_careful(&q->pending))
		seedchip_job_retire(q);
	err = seedchip_job_layout(q, slots, seedchip_job_prologue(job), packets, count);
	if (err)
		return err;

	atomic_inc(&q->num_jobs);
	seedchip_fence_init(&job->fence, q, slots->end);
	dma_fence_get(&job->fence.base);
	cookie = dma_fence_begin_signalling();
	seedchip_job_hook(job);
	seedchip_job_write(q, slots, seedchip_job_write_prologue(job), packets, count);

	spin_lock_irq(&q->tl->lock);
	q->write = slots->end;
	atomic_dec(&job->blockers);
	refused = q->status != SEEDCHIP_QUEUE_ACTIVE;
	if (refused) {
		seedchip_job_blank(q, slots);
		seedchip_job_refuse_locked(job);
	} else {
		list_add_tail(&job->link, &q->pending);
		list_add_tail(&job->gate_link, &q->gated);
		if (job->fence.chained && q->tl->first_chained == ~0ULL)
			WRITE_ONCE(q->tl->first_chained, slots->end);
		seedchip_job_publish_locked(q);
		trace_seedchip_submit(q, slots, job->ndeps, !job->published);
		if (wait)
			seedchip_job_retire_locked(q, &done);
		else if (seedchip_job_is_awaited(job))
			seedchip_job_arm(q, slots->end);
	}
	if (wait)
		seedchip_wait_begin(q, wait, slots, &job->fence.base);
	spin_unlock_irq(&q->tl->lock);
	dma_fence_end_signalling(cookie);

	if (refused) {
		seedchip_job_unhook(job);
		seedchip_job_free(job);
	} else {
		seedchip_job_free_list(&done);
		seedchip_reset_watch(q);
	}
	return 0;
}

/* A fence of a user-mode queue is a job without packets of its own. */
int seedchip_job_push_fence(struct seedchip_job *job, u64 index)
{
	struct seedchip_queue *q = job->queue;
	bool cookie, refused;
	int err = 0;

	lockdep_assert_held(&q->submit_lock);
	seedchip_job_retire(q);
	spin_lock_irq(&q->tl->lock);
	if (q->status == SEEDCHIP_QUEUE_DEAD)
		err = -ENOENT;
	else if (q->status == SEEDCHIP_QUEUE_FAILED || q->has_fault)
		err = -EIO;
	else if (index < q->write ||
		 (index > q->retired && index - q->retired > seedchip_queue_slots(q)))
		err = -EINVAL;
	else if (atomic_read(&q->num_jobs) >= SEEDCHIP_MAX_FENCES)
		err = -EBUSY;
	job->slots.start = q->write;
	job->slots.end = index;
	spin_unlock_irq(&q->tl->lock);
	if (err)
		return err;

	atomic_inc(&q->num_jobs);
	seedchip_fence_init(&job->fence, q, index);
	dma_fence_get(&job->fence.base);
	cookie = dma_fence_begin_signalling();
	spin_lock_irq(&q->tl->lock);
	q->write = index;
	job->published = true;
	refused = q->status != SEEDCHIP_QUEUE_ACTIVE;
	if (refused)
		seedchip_job_refuse_locked(job);
	else
		list_add_tail(&job->link, &q->pending);
	spin_unlock_irq(&q->tl->lock);
	dma_fence_end_signalling(cookie);

	if (refused) {
		seedchip_job_free(job);
	} else {
		seedchip_reset_watch(q);
		/* It may be done already. */
		seedchip_job_retire(q);
	}
	return 0;
}

/*
 * Whether the queue has work that may still be done, and whether it stands before a job that is
 * withheld.
 */
bool seedchip_job_pending(struct seedchip_queue *q, bool *gated)
{
	struct seedchip_job *job;
	bool pending;

	spin_lock_irq(&q->tl->lock);
	job = list_first_entry_or_null(&q->gated, struct seedchip_job, gate_link);
	*gated = job && job->slots.start == q->retired;
	pending = q->status == SEEDCHIP_QUEUE_ACTIVE &&
		  (!list_empty(&q->pending) || (!q->config.user && q->retired != q->write));
	spin_unlock_irq(&q->tl->lock);
	return pending;
}

/**
 * seedchip_job_failure() - what the failure of a queue means for packets that it has not completed
 * @q: queue, failed
 * @slots: where they are
 *
 * Return: the error of their fence.
 */
int seedchip_job_failure(const struct seedchip_queue *q, const struct seedchip_slots *slots)
{
	const struct sc_fault *why = &q->fault;
	int culprit;

	lockdep_assert_held(&q->tl->lock);
	if (!q->has_fault)
		return -ECANCELED;
	culprit = seedchip_fault_errno(why->status);
	if (why->status == SC_STATUS_BYSTANDER || why->status == SC_STATUS_LOST ||
	    (why->index >= slots->start && why->index < slots->end))
		return culprit;
	return -ECANCELED;
}

static void seedchip_job_set_errors(struct seedchip_queue *q)
{
	struct seedchip_job *job;

	lockdep_assert_held(&q->tl->lock);
	list_for_each_entry(job, &q->pending, link)
		if (!test_bit(DMA_FENCE_FLAG_SIGNALED_BIT, &job->fence.base.flags))
			dma_fence_set_error(&job->fence.base, seedchip_job_failure(q, &job->slots));
}

/**
 * seedchip_job_take() - first half of failing a queue: nothing new, errors set
 * @q: queue
 * @fault: why, NULL if its owner destroys it. An earlier fault wins.
 * @dead: the queue will not be recovered
 *
 * The caller makes the hardware stop and then calls seedchip_job_finish().
 * Errors are set before the reset, because the reset lets waiting queues go.
 *
 * Return: whether the queue was active, so that hardware has to be stopped.
 */
bool seedchip_job_take(struct seedchip_queue *q, const struct sc_fault *fault, bool dead)
{
	struct seedchip_job *job;
	LIST_HEAD(done);
	bool active;

	lockdep_assert_held(&q->sdev->hw_lock);
	spin_lock_irq(&q->tl->lock);
	seedchip_job_retire_locked(q, &done);
	active = q->status == SEEDCHIP_QUEUE_ACTIVE;
	if (active) {
		if (fault && !q->has_fault) {
			q->fault = *fault;
			q->has_fault = true;
			if (fault->status == SC_STATUS_TIMEOUT)
				q->fault.index = q->retired;
		}
		q->status = SEEDCHIP_QUEUE_FAILED;
		q->failed = fault;
		seedchip_job_set_errors(q);
		list_splice_tail_init(&q->pending, &q->doomed);
		INIT_LIST_HEAD(&q->gated);
		WRITE_ONCE(q->tl->first_chained, ~0ULL);
	}
	if (dead)
		q->status = SEEDCHIP_QUEUE_DEAD;
	spin_unlock_irq(&q->tl->lock);

	seedchip_job_free_list(&done);
	list_for_each_entry(job, &q->doomed, link)
		seedchip_job_unhook(job);
	return active;
}

/* Second half: the hardware does not touch the jobs' memory any more. */
void seedchip_job_finish(struct seedchip_queue *q)
{
	struct seedchip_job *job;
	LIST_HEAD(jobs);

	lockdep_assert_held(&q->sdev->hw_lock);
	if (q->failed) {
		q->failed = false;
		trace_seedchip_fault(q);
		seedchip_event_send(q);
	}
	list_splice_init(&q->doomed, &jobs);
	spin_lock_irq(&q->tl->lock);
	list_for_each_entry(job, &jobs, link) {
		/* Or the slot would look valid one lap later. */
		if (!job->published)
			seedchip_job_store_header(q, job->slots.start, job->slots.first_hdr);
		seedchip_job_signal_locked(job);
	}
	if (q->status == SEEDCHIP_QUEUE_DEAD)
		q->tl->queue = NULL;
	q->stopped = q->status != SEEDCHIP_QUEUE_ACTIVE;
	seedchip_wait_wake(q);
	spin_unlock_irq(&q->tl->lock);
	seedchip_job_free_list(&jobs);
}

static void seedchip_job_wait_room(struct seedchip_queue *q)
{
	struct dma_fence *fence = NULL;
	struct seedchip_job *job;

	spin_lock_irq(&q->tl->lock);
	job = list_first_entry_or_null(&q->pending, struct seedchip_job, link);
	if (job)
		fence = dma_fence_get(&job->fence.base);
	spin_unlock_irq(&q->tl->lock);
	if (fence)
		dma_fence_wait(fence, false);
	dma_fence_put(fence);
}

/* A job for seedchip_job_run_kernel() or seedchip_job_free_unused(); NULL without memory. */
struct seedchip_job *seedchip_job_create_kernel(struct seedchip_device *sdev, gfp_t gfp)
{
	return seedchip_job_create(sdev->kernel_queue, NULL, gfp);
}

/**
 * seedchip_job_run_kernel() - run packets on the kernel's queue
 * @job: consumed
 * @packets: at most half a ring, without arguments
 * @count: how many
 *
 * Sleeps until the ring has room, which the watchdog bounds, but allocates nothing.
 *
 * Return: a fence to put, or -EIO if the queue has failed, -ENODEV if it is dead.
 */
struct dma_fence *seedchip_job_run_kernel(struct seedchip_job *job, const struct sc_packet *packets,
					  u32 count)
{
	struct dma_fence *fence = &job->fence.base;
	struct seedchip_queue *q = job->queue;
	int err;

	for (;;) {
		mutex_lock(&q->submit_lock);
		err = seedchip_job_push(job, packets, count, NULL);
		mutex_unlock(&q->submit_lock);
		if (err != -EBUSY)
			break;
		seedchip_job_wait_room(q);
	}
	if (err) {
		seedchip_job_free_unused(job);
		return ERR_PTR(err == -EIO ? -EIO : -ENODEV);
	}
	return fence;
}

/* Both in one; also -ENOMEM. */
struct dma_fence *seedchip_job_kernel(struct seedchip_device *sdev, const struct sc_packet *packets,
				      u32 count)
{
	struct seedchip_job *job = seedchip_job_create_kernel(sdev, GFP_KERNEL);

	return job ? seedchip_job_run_kernel(job, packets, count) : ERR_PTR(-ENOMEM);
}
