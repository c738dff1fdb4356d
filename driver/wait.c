// SPDX-License-Identifier: GPL-2.0-only
/*
 * QUEUE_WAIT: programs that wait for an index of a queue, asleep or with an
 * eventfd, without a fence.
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

#include <drm/drm_file.h>

#include "device.h"
#include "job.h"
#include "queue.h"
#include "wait.h"

/**
 * struct seedchip_waiter - somebody waits for @index
 * @link: entry of seedchip_queue.waiters
 * @index: ring index
 * @task: asleep in the ioctl, on whose stack this lies; NULL: an eventfd
 * @eventfd: referenced
 */
struct seedchip_waiter {
	struct list_head link;
	u64 index;
	struct task_struct *task;
	struct eventfd_ctx *eventfd;
};

/* 0: wait on; 1: reached; else why it never will be. */
static int seedchip_wait_status(struct seedchip_queue *q, u64 index)
{
	lockdep_assert_held(&q->tl->lock);
	if (q->retired >= index)
		return 1;
	if (READ_ONCE(q->sdev->leaving))
		return -ENODEV;
	if (!q->stopped)
		return 0;
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
		if (!seedchip_wait_status(q, w->index))
			continue;
		list_del_init(&w->link);
		if (w->task) {
			/* Takes the lock before it leaves, so it is still there. */
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
		seedchip_job_arm(q, w->index);
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

/* Look, and be in the list if the answer is 0. */
static int seedchip_wait_enter(struct seedchip_queue *q, struct seedchip_waiter *w)
{
	int status;

	lockdep_assert_held(&q->tl->lock);
	status = seedchip_wait_status(q, w->index);
	if (!status) {
		list_add_tail(&w->link, &q->waiters);
		seedchip_job_arm(q, w->index);
	}
	return status;
}

static int seedchip_wait_sleep(struct seedchip_queue *q, u64 index, s64 timeout_ns)
{
	struct seedchip_waiter w = { .index = index, .task = current };
	ktime_t deadline = ns_to_ktime(timeout_ns);
	int status, err = 0;

	INIT_LIST_HEAD(&w.link);
	seedchip_job_retire(q);
	spin_lock_irq(&q->tl->lock);
	status = timeout_ns ? seedchip_wait_enter(q, &w) : seedchip_wait_status(q, index);
	spin_unlock_irq(&q->tl->lock);
	while (!status && timeout_ns && !err) {
		set_current_state(TASK_INTERRUPTIBLE);
		if (list_empty_careful(&w.link))
			break;
		if (signal_pending(current))
			err = -EINTR;
		else if (!schedule_hrtimeout(timeout_ns < 0 ? NULL : &deadline, HRTIMER_MODE_ABS))
			break;
	}
	__set_current_state(TASK_RUNNING);

	spin_lock_irq(&q->tl->lock);
	list_del_init(&w.link);
	status = seedchip_wait_status(q, index);
	spin_unlock_irq(&q->tl->lock);
	if (status)
		return min(status, 0);
	return err ?: -ETIME;
}

static int seedchip_wait_eventfd(struct seedchip_queue *q, u64 index, int fd)
{
	struct seedchip_waiter *w = kzalloc(sizeof(*w), GFP_KERNEL);
	int status = 0, err = 0;

	if (!w)
		return -ENOMEM;
	w->index = index;
	w->eventfd = eventfd_ctx_fdget(fd);
	if (IS_ERR(w->eventfd)) {
		kfree(w);
		return -EBADF;
	}
	seedchip_job_retire(q);
	spin_lock_irq(&q->tl->lock);
	if (q->num_eventfds == SEEDCHIP_MAX_EVENTFDS)
		err = -EMFILE;
	else
		status = seedchip_wait_enter(q, w);
	if (!err && !status)
		q->num_eventfds++;
	spin_unlock_irq(&q->tl->lock);
	if (!err && !status)
		return 0;
	if (status)
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
	int err;

	if (args->flags & ~DRM_SEEDCHIP_QUEUE_WAIT_EVENTFD || args->pad)
		return -EINVAL;
	if (eventfd ? args->timeout_ns : args->eventfd)
		return -EINVAL;
	q = seedchip_queue_lookup(file, args->queue);
	if (!q)
		return -ENOENT;
	if (eventfd)
		err = seedchip_wait_eventfd(q, args->index, args->eventfd);
	else
		err = seedchip_wait_sleep(q, args->index, args->timeout_ns);
	seedchip_queue_put(q);
	return err;
}
