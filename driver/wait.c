// SPDX-License-Identifier: GPL-2.0-only
/*
 * Programs that wait for an index of a queue: asleep in QUEUE_WAIT or in the
 * SUBMIT that has reached it, or with an eventfd.
 *
 * Invariant: a waiter is in the queue's list exactly while its index has not
 * retired and the queue works, and ARM is not above the lowest of these
 * indices. The card raises the vector at once when ARM has already been
 * reached, so no wakeup is lost between the look and the sleep.
 */
#include <linux/eventfd.h>
#include <linux/hrtimer.h>
#include <linux/sched/signal.h>
#include <linux/slab.h>

#include <drm/drm_drv.h>
#include <drm/drm_file.h>

#include "device.h"
#include "job.h"
#include "queue.h"
#include "wait.h"

static int seedchip_wait_status(struct seedchip_queue *q, const struct seedchip_waiter *w)
{
	lockdep_assert_held(&q->tl->lock);
	if (w->fence && test_bit(DMA_FENCE_FLAG_SIGNALED_BIT, &w->fence->flags))
		return w->fence->error ?: 1;
	if (!w->fence && q->retired >= w->slots.end)
		return 1;
	if (READ_ONCE(q->sdev->leaving))
		return -ENODEV;
	/* A fence gets its error when it signals. */
	if (w->fence || !q->stopped)
		return 0;
	if (w->submitted)
		return seedchip_job_failure(q, &w->slots);
	return q->has_fault && q->fault.status == SC_STATUS_LOST ? -ENODEV : -EIO;
}

/**
 * seedchip_wait_wake() - let go whoever has nothing to wait for any more
 * @q: queue
 *
 * After every change of the queue's retired index and of @stopped. Any context.
 */
void seedchip_wait_wake(struct seedchip_queue *q)
{
	struct seedchip_waiter *w, *tmp;

	lockdep_assert_held(&q->tl->lock);
	list_for_each_entry_safe(w, tmp, &q->waiters, link) {
		w->status = seedchip_wait_status(q, w);
		if (!w->status)
			continue;
		list_del_init(&w->link);
		if (w->task) {
			/* It takes the lock before it leaves, so it is still there. */
			wake_up_process(w->task);
			continue;
		}
		q->num_eventfds--;
		eventfd_signal(w->eventfd);
		eventfd_ctx_put(w->eventfd);
		kfree(w);
	}
}

/* Have the vector raised for the first of them. */
void seedchip_wait_arm(struct seedchip_queue *q)
{
	struct seedchip_waiter *w;

	lockdep_assert_held(&q->tl->lock);
	list_for_each_entry(w, &q->waiters, link)
		seedchip_job_arm(q, w->slots.end);
}

/**
 * seedchip_wait_end_all() - nobody shall sleep in an ioctl any more
 * @sdev: card; about to be unplugged, which waits for ioctls
 */
void seedchip_wait_end_all(struct seedchip_device *sdev)
{
	struct seedchip_queue *q;
	u32 id;

	mutex_lock(&sdev->hw_lock);
	WRITE_ONCE(sdev->leaving, true);
	wake_up_all(&sdev->bind_idle);
	wake_up_all(&sdev->recovered);
	for (id = 0; id < sdev->num_queues; id++) {
		q = seedchip_queue_at(sdev, id);
		if (!q)
			continue;
		spin_lock_irq(&q->tl->lock);
		seedchip_wait_wake(q);
		spin_unlock_irq(&q->tl->lock);
	}
	mutex_unlock(&sdev->hw_lock);
}

/* Look, and be in the list if the answer is to wait. */
static void seedchip_wait_enter(struct seedchip_queue *q, struct seedchip_waiter *w)
{
	lockdep_assert_held(&q->tl->lock);
	INIT_LIST_HEAD(&w->link);
	w->status = seedchip_wait_status(q, w);
	w->listed = !w->status && w->timeout_ns;
	if (w->listed) {
		list_add_tail(&w->link, &q->waiters);
		seedchip_job_arm(q, w->slots.end);
	}
}

/**
 * seedchip_wait_begin() - wait for what is being submitted
 * @q: queue
 * @w: its timeout is set, all else zero
 * @slots: they are in the ring, and q->retired is up to date
 * @fence: theirs, which the caller has a reference of, or NULL
 */
void seedchip_wait_begin(struct seedchip_queue *q, struct seedchip_waiter *w,
			 const struct seedchip_slots *slots, struct dma_fence *fence)
{
	w->slots = *slots;
	w->submitted = true;
	w->fence = fence;
	w->task = current;
	seedchip_wait_enter(q, w);
}

/**
 * seedchip_wait_finish() - sleep until a wait is over
 * @q: queue
 * @w: it has begun
 *
 * Return: 0 when the slots have retired, why they never will, -EAGAIN (the time
 * is over) or -EINTR.
 */
int seedchip_wait_finish(struct seedchip_queue *q, struct seedchip_waiter *w)
{
	ktime_t deadline = ns_to_ktime(w->timeout_ns);
	ktime_t *until = w->timeout_ns < 0 ? NULL : &deadline;
	int err = -EAGAIN;

	if (!w->listed)
		return w->status ? min(w->status, 0) : err;
	for (;;) {
		/* The system's sleep is no signal: the wait goes on, or has ended meanwhile. */
		set_current_state(TASK_INTERRUPTIBLE | TASK_FREEZABLE);
		if (list_empty_careful(&w->link))
			break;
		if (signal_pending(current)) {
			err = -EINTR;
			break;
		}
		if (!schedule_hrtimeout(until, HRTIMER_MODE_ABS))
			break;
	}
	__set_current_state(TASK_RUNNING);

	spin_lock_irq(&q->tl->lock);
	list_del_init(&w->link);
	spin_unlock_irq(&q->tl->lock);
	return w->status ? min(w->status, 0) : err;
}

/* Leaves the section @idx, in which the card may be touched, before it sleeps. */
static int seedchip_wait_sleep(struct seedchip_queue *q, u64 index, s64 timeout_ns, int idx)
{
	struct seedchip_waiter w = {
		.slots.end = index, .timeout_ns = timeout_ns, .task = current,
	};
	int err;

	seedchip_job_retire(q);
	spin_lock_irq(&q->tl->lock);
	seedchip_wait_enter(q, &w);
	spin_unlock_irq(&q->tl->lock);
	drm_dev_exit(idx);
	err = seedchip_wait_finish(q, &w);
	return err == -EAGAIN ? -ETIME : err;
}

static int seedchip_wait_eventfd(struct seedchip_queue *q, u64 index, int fd)
{
	struct seedchip_waiter *w = kzalloc(sizeof(*w), GFP_KERNEL);
	bool listed = false;
	int err = 0;

	if (!w)
		return -ENOMEM;
	w->slots.end = index;
	w->timeout_ns = -1;
	w->eventfd = eventfd_ctx_fdget(fd);
	if (IS_ERR(w->eventfd)) {
		kfree(w);
		return -EBADF;
	}
	seedchip_job_retire(q);
	spin_lock_irq(&q->tl->lock);
	if (q->num_eventfds == SEEDCHIP_MAX_EVENTFDS) {
		err = -EMFILE;
	} else {
		seedchip_wait_enter(q, w);
		/* Whoever takes it off the list frees it. */
		listed = w->listed;
		q->num_eventfds += listed;
	}
	spin_unlock_irq(&q->tl->lock);
	if (listed)
		return 0;
	if (!err)
		eventfd_signal(w->eventfd);
	eventfd_ctx_put(w->eventfd);
	kfree(w);
	return err;
}

int seedchip_ioctl_queue_wait(struct drm_device *drm, void *data, struct drm_file *file)
{
	struct drm_seedchip_queue_wait *args = data;
	bool eventfd = args->flags & DRM_SEEDCHIP_QUEUE_WAIT_EVENTFD;
	struct seedchip_queue *q;
	int idx, err = seedchip_file_enter(file, &idx);

	if (err)
		return err;
	err = -EINVAL;
	if (args->flags & ~DRM_SEEDCHIP_QUEUE_WAIT_EVENTFD || args->pad)
		goto out_exit;
	if (eventfd ? args->timeout_ns : args->eventfd)
		goto out_exit;
	err = -ENOENT;
	q = seedchip_queue_lookup(file, args->queue);
	if (!q)
		goto out_exit;
	if (!eventfd) {
		err = seedchip_wait_sleep(q, args->index, args->timeout_ns, idx);
		seedchip_queue_put(q);
		return err;
	}
	err = seedchip_wait_eventfd(q, args->index, args->eventfd);
	seedchip_queue_put(q);
out_exit:
	drm_dev_exit(idx);
	return err;
}
