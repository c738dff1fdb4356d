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

/* Any context. */
static void seedchip_job_free(struct seedchip_job *job)
{
	u32 i;

	for (i = 0; i < job->ndeps; i++) {
		dma_fence_put(job->deps[i].fence);
		if (job->deps[i].waits)
			seedchip_queue_put_user_irq(job->deps[i].waits);
	}
	dma_fence_put(&job->fence->base);
	kvfree(job);
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
	struct dma_fence *fence = &job->fence->base;
	int err;

	if (test_bit(DMA_FENCE_FLAG_SIGNALED_BIT, &fence->flags))
		return;
	err = fence->error ? 0 : seedchip_job_error(job);
	if (err)
		dma_fence_set_error(fence, err);
	trace_seedchip_complete(job);
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
		limit = list_first_entry(&q->gated, struct seedchip_job, gate_link)->start;
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
	return job->fence->chained ||
	       test_bit(DMA_FENCE_FLAG_ENABLE_SIGNAL_BIT, &job->fence->base.flags);
}

/* Find the first pending job whose fence is chained. */
static void seedchip_job_update_chained(struct seedchip_queue *q)
{
	u64 first = ~0ULL;
	struct seedchip_job *job;

	lockdep_assert_held(&q->tl->lock);
	list_for_each_entry(job, &q->pending, link) {
		if (job->fence->chained) {
			first = job->end;
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
		if (job->end > q->retired || seedchip_job_is_held(job))
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
		if (job->end > q->retired && seedchip_job_is_awaited(job)) {
			seedchip_job_arm(q, job->end);
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
	q->armed = index;
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
	u32 hdr = job->first_hdr;

	lockdep_assert_held(&q->tl->lock);
	if (job->skip && job->gate) {
		struct sc_pkt_wait_queue *wait = (void *)seedchip_queue_slot(q, job->start);
		struct seedchip_queue *kernel = q->sdev->kernel_queue;

		/* An index never reached, in an epoch that never was. */
		wait->index = ~0ULL;
		wait->queue = kernel->id;
		wait->epoch = kernel->epoch - 1;
		wait->skip = job->end - job->start - 1;
		hdr = SC_HDR(SC_OP_WAIT_QUEUE, 0, 0);
	}
	seedchip_job_store_header(q, job->start, hdr);
	job->published = true;
}

static void seedchip_job_publish_locked(struct seedchip_queue *q)
{
	struct seedchip_job *job, *tmp;
	u64 bell = q->write;

	lockdep_assert_held(&q->tl->lock);
	list_for_each_entry_safe(job, tmp, &q->gated, gate_link) {
		if (atomic_read_acquire(&job->blockers)) {
			bell = job->start;
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

void seedchip_job_publish_work(struct work_struct *work)
{
	struct seedchip_queue *q = container_of(work, struct seedchip_queue, gate_work);
	bool cookie = dma_fence_begin_signalling();

	spin_lock_irq(&q->tl->lock);
	/* What was pending when the queue failed is not in the list any more. */
	seedchip_job_publish_locked(q);
	spin_unlock_irq(&q->tl->lock);
	dma_fence_end_signalling(cookie);
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
	if (atomic_dec_and_test(&job->blockers))
		seedchip_queue_kick(q, &q->gate_work);
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

/* To push or to free unused; waits for @syncs unless they are NULL. NULL without memory. */
struct seedchip_job *seedchip_job_create(struct seedchip_queue *q,
					 const struct seedchip_syncs *syncs)
{
	u32 ndeps = syncs ? syncs->num_in : 0;
	struct seedchip_job *job;
	u32 i;

	job = kvzalloc(struct_size(job, deps, ndeps), GFP_KERNEL);
	if (!job)
		return NULL;
	job->fence = seedchip_fence_alloc(q->tl, !!syncs);
	if (!job->fence) {
		kvfree(job);
		return NULL;
	}
	job->queue = q;
	job->ndeps = ndeps;
	job->skip = syncs && syncs->failed;
	job->gate = job->skip;
	atomic_set(&job->blockers, 1);
	INIT_LIST_HEAD(&job->gate_link);
	for (i = 0; i < ndeps; i++) {
		job->deps[i].job = job;
		job->deps[i].fence = dma_fence_get(syncs->in[i]);
		seedchip_job_classify(q, &job->deps[i]);
		if (job->deps[i].kind == SEEDCHIP_DEP_DONE && job->deps[i].fence->error)
			job->skip = true;
		if (job->deps[i].kind == SEEDCHIP_DEP_FOREIGN || job->skip)
			job->gate = true;
	}
	job->fence->chained = ndeps || job->skip;
	return job;
}

/* For a job whose fence was not initialised, or NULL. */
void seedchip_job_free_unused(struct seedchip_job *job)
{
	u32 i;

	if (!job)
		return;
	for (i = 0; i < job->ndeps; i++) {
		dma_fence_put(job->deps[i].fence);
		if (job->deps[i].waits)
			seedchip_queue_put_user_irq(job->deps[i].waits);
	}
	seedchip_fence_free_unused(job->fence);
	kvfree(job);
}

/* Slots of the packet at @packet with its arguments. */
u32 seedchip_job_group(const struct sc_packet *packet)
{
	return SC_HDR_OP(packet->hdr) == SC_OP_DISPATCH ? 1 + SC_HDR_NARGS(packet->hdr) : 1;
}

/* NOPs needed at @index so that @group slots do not cross the end of the ring. */
static u32 seedchip_job_padding(struct seedchip_queue *q, u64 index, u32 group)
{
	u32 slots = seedchip_queue_slots(q);
	u32 room = slots - (index & (slots - 1));

	return group > room ? room : 0;
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

static void seedchip_job_put_slot(struct seedchip_job *job, u64 index,
				  const struct sc_packet *packet)
{
	struct seedchip_queue *q = job->queue;
	struct sc_packet *slot = seedchip_queue_slot(q, index);

	slot->tag = packet->tag;
	memcpy(slot->body, packet->body, sizeof(slot->body));
	if (index == job->start)
		job->first_hdr = packet->hdr;
	else
		seedchip_job_store_header(q, index, packet->hdr);
}

static u64 seedchip_job_write_prologue(struct seedchip_job *job)
{
	const struct sc_packet nop = { .hdr = SC_HDR(SC_OP_NOP, 0, 0) };
	const struct sc_packet barrier = { .hdr = SC_HDR(SC_OP_BARRIER, 0, 0) };
	u64 index = job->start;
	bool self = false;
	u32 i;

	if (job->gate)
		seedchip_job_put_slot(job, index++, &nop);
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
		u.wait.skip = job->end - index - 1;
		seedchip_job_put_slot(job, index++, &u.packet);
	}
	if (self)
		seedchip_job_put_slot(job, index++, &barrier);
	return index;
}

static void seedchip_job_write(struct seedchip_job *job, const struct sc_packet *packets, u32 count)
{
	const struct sc_packet nop = { .hdr = SC_HDR(SC_OP_NOP, 0, 0) };
	u64 index = seedchip_job_write_prologue(job);
	u32 i = 0;

	while (i < count) {
		u32 group = seedchip_job_group(&packets[i]);
		u32 pad = seedchip_job_padding(job->queue, index, group);

		while (pad--)
			seedchip_job_put_slot(job, index++, &nop);
		while (group--)
			seedchip_job_put_slot(job, index++, &packets[i++]);
	}
}

/* Where the job lies; -E2BIG if the ring can never hold it, -EBUSY if not now. */
static int seedchip_job_layout(struct seedchip_job *job, const struct sc_packet *packets, u32 count)
{
	struct seedchip_queue *q = job->queue;
	u64 index, retired;
	u32 i = 0;
	int err = 0;

	spin_lock_irq(&q->tl->lock);
	if (q->status == SEEDCHIP_QUEUE_DEAD)
		err = -ENOENT;
	else if (q->status == SEEDCHIP_QUEUE_FAILED || q->has_fault)
		err = -EIO;
	job->start = q->write;
	retired = q->retired;
	spin_unlock_irq(&q->tl->lock);
	if (err)
		return err;

	index = job->start + seedchip_job_prologue(job);
	while (i < count) {
		u32 group = seedchip_job_group(&packets[i]);

		index += seedchip_job_padding(q, index, group) + group;
		i += group;
	}
	job->end = index;
	if (job->end - job->start > seedchip_queue_slots(q))
		return -E2BIG;
	return job->end - retired > seedchip_queue_slots(q) ? -EBUSY : 0;
}

/*
 * Turn a job that will not run into NOPs of the right phase. The queue has
 * failed, but the card may not have been told yet and still be fetching; it
 * has not passed the first header, which comes last here too.
 */
static void seedchip_job_blank(struct seedchip_job *job)
{
	struct seedchip_queue *q = job->queue;
	u64 index = job->end;

	while (index-- > job->start) {
		struct sc_packet *slot = seedchip_queue_slot(q, index);

		slot->tag = 0;
		memset(slot->body, 0, sizeof(slot->body));
		seedchip_job_store_header(q, index, SC_HDR(SC_OP_NOP, 0, 0));
	}
}

/* The queue has failed since the job was laid out: the job fails with it. */
static void seedchip_job_refuse_locked(struct seedchip_job *job)
{
	dma_fence_set_error(&job->fence->base, -ECANCELED);
	seedchip_job_signal_locked(job);
}

/*
 * Append @job to its queue. On success the job belongs to the queue. Nothing
 * can fail once its fence is initialised.
 */
int seedchip_job_push(struct seedchip_job *job, const struct sc_packet *packets, u32 count)
{
	struct seedchip_queue *q = job->queue;
	bool cookie, refused;
	int err;

	lockdep_assert_held(&q->submit_lock);
	seedchip_job_retire(q);
	err = seedchip_job_layout(job, packets, count);
	if (err)
		return err;

	seedchip_fence_init(job->fence, q, job->end);
	dma_fence_get(&job->fence->base);
	cookie = dma_fence_begin_signalling();
	seedchip_job_hook(job);
	seedchip_job_write(job, packets, count);

	spin_lock_irq(&q->tl->lock);
	q->write = job->end;
	atomic_dec(&job->blockers);
	refused = q->status != SEEDCHIP_QUEUE_ACTIVE;
	if (refused) {
		/* It never starts. */
		seedchip_job_blank(job);
		seedchip_job_refuse_locked(job);
	} else {
		list_add_tail(&job->link, &q->pending);
		list_add_tail(&job->gate_link, &q->gated);
		if (job->fence->chained && q->tl->first_chained == ~0ULL)
			WRITE_ONCE(q->tl->first_chained, job->end);
		seedchip_job_publish_locked(q);
		trace_seedchip_submit(job);
		if (seedchip_job_is_awaited(job))
			seedchip_job_arm(q, job->end);
	}
	spin_unlock_irq(&q->tl->lock);
	dma_fence_end_signalling(cookie);

	if (refused) {
		seedchip_job_unhook(job);
		seedchip_job_free(job);
	} else {
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
	job->start = q->write;
	job->end = index;
	spin_unlock_irq(&q->tl->lock);
	if (err)
		return err;

	seedchip_fence_init(job->fence, q, index);
	dma_fence_get(&job->fence->base);
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

/* Whether jobs are pending, and whether the first of them is still withheld. */
bool seedchip_job_pending(struct seedchip_queue *q, bool *gated)
{
	struct seedchip_job *job;

	spin_lock_irq(&q->tl->lock);
	job = list_first_entry_or_null(&q->pending, struct seedchip_job, link);
	*gated = job && !job->published;
	spin_unlock_irq(&q->tl->lock);
	return job;
}

static void seedchip_job_set_errors(struct seedchip_queue *q, const struct sc_fault *why)
{
	int culprit = why ? seedchip_fault_errno(why->status) : -ECANCELED;
	int others = -ECANCELED;
	struct seedchip_job *job;

	lockdep_assert_held(&q->tl->lock);
	if (why && (why->status == SC_STATUS_BYSTANDER || why->status == SC_STATUS_LOST))
		others = culprit;
	list_for_each_entry(job, &q->pending, link) {
		struct dma_fence *fence = &job->fence->base;

		if (test_bit(DMA_FENCE_FLAG_SIGNALED_BIT, &fence->flags))
			continue;
		if (why && why->index >= job->start && why->index < job->end)
			dma_fence_set_error(fence, culprit);
		else
			dma_fence_set_error(fence, others);
	}
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
		seedchip_job_set_errors(q, q->has_fault ? &q->fault : NULL);
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
			seedchip_job_store_header(q, job->start, job->first_hdr);
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
		fence = dma_fence_get(&job->fence->base);
	spin_unlock_irq(&q->tl->lock);
	if (fence)
		dma_fence_wait(fence, false);
	dma_fence_put(fence);
}

/* A job for seedchip_job_run_kernel() or seedchip_job_free_unused(); NULL without memory. */
struct seedchip_job *seedchip_job_create_kernel(struct seedchip_device *sdev)
{
	return seedchip_job_create(sdev->kernel_queue, NULL);
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
	struct dma_fence *fence = &job->fence->base;
	struct seedchip_queue *q = job->queue;
	int err;

	for (;;) {
		mutex_lock(&q->submit_lock);
		err = seedchip_job_push(job, packets, count);
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
	struct seedchip_job *job = seedchip_job_create_kernel(sdev);

	return job ? seedchip_job_run_kernel(job, packets, count) : ERR_PTR(-ENOMEM);
}
