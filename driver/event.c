// SPDX-License-Identifier: GPL-2.0-only
/*
 * Events of a file: a record for each queue that has failed.
 *
 * A queue brings its event along from creation and from each recovery, since
 * it is sent on the way to signalling fences, where nothing may be allocated.
 * DRM keeps 4 KiB of events per file; what does not fit is counted in the
 * newest event that does, which cannot have been read yet.
 *
 * Invariant: no event is added to a file after seedchip_event_close().
 */
#include <linux/poll.h>
#include <linux/slab.h>

#include <drm/drm_accel.h>
#include <drm/drm_drv.h>
#include <drm/drm_file.h>

#include "device.h"
#include "event.h"
#include "queue.h"
#include "vm.h"

/**
 * struct seedchip_event - one event; DRM frees it when it has been read
 * @pending: base; first, as DRM frees by its address
 * @uapi: what the program reads
 */
struct seedchip_event {
	struct drm_pending_event pending;
	struct drm_seedchip_event_fault uapi;
};

struct seedchip_event *seedchip_event_alloc(void)
{
	return kzalloc(sizeof(struct seedchip_event), GFP_KERNEL);
}

/* No room: the program learns it from the last event before the gap. */
static void seedchip_event_lose(struct drm_file *file)
{
	struct drm_pending_event *last = list_last_entry(&file->event_list,
							 struct drm_pending_event, link);

	container_of(last, struct seedchip_event, pending)->uapi.lost++;
}

/**
 * seedchip_event_send() - tell the owner that its queue has failed
 * @q: queue, its fault record complete
 */
void seedchip_event_send(struct seedchip_queue *q)
{
	struct seedchip_event *event = q->event;
	struct drm_device *drm = &q->sdev->drm;
	struct drm_file *file;
	unsigned long flags;

	lockdep_assert_held(&q->sdev->hw_lock);
	if (!event)
		return;
	event->uapi.base.type = DRM_SEEDCHIP_EVENT_FAULT;
	event->uapi.base.length = sizeof(event->uapi);
	event->uapi.queue = q->config.handle;
	event->uapi.fault = q->fault;

	spin_lock_irqsave(&drm->event_lock, flags);
	file = q->vm->file;
	if (file && !drm_event_reserve_init_locked(drm, file, &event->pending, &event->uapi.base)) {
		drm_send_event_locked(drm, &event->pending);
		q->event = NULL;
	} else if (file) {
		seedchip_event_lose(file);
	}
	spin_unlock_irqrestore(&drm->event_lock, flags);
}

/* The card is gone for good: wake those who wait for events that will not come. */
void seedchip_event_hangup(struct seedchip_device *sdev)
{
	struct drm_file *file;

	mutex_lock(&sdev->drm.filelist_mutex);
	list_for_each_entry(file, &sdev->drm.filelist, lhead)
		wake_up_interruptible_poll(&file->event_wait, EPOLLHUP);
	mutex_unlock(&sdev->drm.filelist_mutex);
}

void seedchip_event_close(struct drm_file *file)
{
	struct seedchip_file *sfile = file->driver_priv;
	struct drm_device *drm = &sfile->sdev->drm;

	spin_lock_irq(&drm->event_lock);
	sfile->vm->file = NULL;
	spin_unlock_irq(&drm->event_lock);
}

/* The card has failed, or the file was lost when the system slept: nothing more will come. */
static bool seedchip_event_is_over(struct drm_file *file)
{
	struct seedchip_file *sfile = file->driver_priv;
	struct seedchip_device *sdev = sfile->sdev;

	return seedchip_device_has_failed(sdev) || sfile->losses != READ_ONCE(sdev->losses);
}

static bool seedchip_event_has(struct drm_file *file)
{
	struct drm_device *drm = file->minor->dev;
	bool has;

	spin_lock_irq(&drm->event_lock);
	has = !list_empty(&file->event_list);
	spin_unlock_irq(&drm->event_lock);
	return has;
}

/* Until there is an event, or there will be none. */
static int seedchip_event_wait(struct file *filp)
{
	struct drm_file *file = filp->private_data;
	int err = 0;

	if (!(filp->f_flags & O_NONBLOCK))
		err = wait_event_interruptible(file->event_wait, seedchip_event_has(file) ||
					       seedchip_event_is_over(file));
	if (!err && !seedchip_event_has(file) && seedchip_event_is_over(file))
		err = -ENODEV;
	return err;
}

ssize_t seedchip_event_read(struct file *filp, char __user *buffer, size_t count, loff_t *offset)
{
	struct drm_file *file = filp->private_data;
	struct seedchip_file *sfile = file->driver_priv;
	ssize_t ret;

	/*
	 * One reader at a time: if another took the event for which this one has been
	 * woken, DRM would have it wait where the end of the card wakes nobody.
	 */
	if (!(filp->f_flags & O_NONBLOCK))
		ret = mutex_lock_interruptible(&sfile->read_lock);
	else
		ret = mutex_trylock(&sfile->read_lock) ? 0 : -EAGAIN;
	if (ret)
		return ret;
	ret = seedchip_event_wait(filp) ?: drm_read(filp, buffer, count, offset);
	mutex_unlock(&sfile->read_lock);
	return ret;
}

__poll_t seedchip_event_poll(struct file *filp, struct poll_table_struct *wait)
{
	struct drm_file *file = filp->private_data;
	__poll_t mask = drm_poll(filp, wait);

	return seedchip_event_is_over(file) ? mask | EPOLLHUP : mask;
}
