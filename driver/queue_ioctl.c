// SPDX-License-Identifier: GPL-2.0-only
/*
 * The ioctls that create, destroy, inspect and recover queues.
 */
#include <linux/capability.h>
#include <linux/module.h>
#include <linux/moduleparam.h>
#include <linux/slab.h>
#include <linux/uaccess.h>

#include <drm/drm_file.h>

#include "device.h"
#include "event.h"
#include "queue.h"
#include "reset.h"
#include "vm.h"

/* What an interrupt may be held back for: never so long that somebody wonders. */
#define SEEDCHIP_MAX_IRQ_COUNT 0xffff
#define SEEDCHIP_MAX_IRQ_NS NSEC_PER_MSEC

/* A workgroup that retires more than this is stopped, unless its queue chose another limit. */
#define SEEDCHIP_WG_LIMIT BIT_ULL(32)

/* With 0 everything would be a hang at once. */
static int seedchip_timeout_set(const char *text, const struct kernel_param *param)
{
	return param_set_uint_minmax(text, param, 1, UINT_MAX);
}

static const struct kernel_param_ops seedchip_timeout_ops = {
	.set = seedchip_timeout_set,
	.get = param_get_uint,
};

static unsigned int timeout_ms = 10000;
module_param_cb(timeout_ms, &seedchip_timeout_ops, &timeout_ms, 0644);
__MODULE_PARM_TYPE(timeout_ms, "uint");
MODULE_PARM_DESC(timeout_ms,
		 "Milliseconds without progress after which a job of a queue that chose no timeout is a hang (default 10000)");

static unsigned int fence_limit_ms = 600000;
module_param_cb(fence_limit_ms, &seedchip_timeout_ops, &fence_limit_ms, 0644);
__MODULE_PARM_TYPE(fence_limit_ms, "uint");
MODULE_PARM_DESC(fence_limit_ms,
		 "Milliseconds that a job with a fence may take, whatever progress it makes (default 600000)");

/* Whether [@va, @va + @size) lies in the part that VM_BIND maps, or @va is 0: none. */
static bool seedchip_queue_range_valid(u64 va, u64 size, u32 align)
{
	if (!va)
		return true;
	return IS_ALIGNED(va, align) && va >= SC_VA_USER_START && va < SC_VA_USER_END &&
	       size <= SC_VA_USER_END - va;
}

static int seedchip_queue_check(struct seedchip_device *sdev,
				const struct drm_seedchip_queue_create *args)
{
	bool user = args->flags & DRM_SEEDCHIP_QUEUE_USER;

	if (args->flags & ~DRM_SEEDCHIP_QUEUE_USER || args->priority > 3 ||
	    args->ring_log2 < SC_RING_LOG2_MIN || args->ring_log2 > sdev->info.ring_log2_max)
		return -EINVAL;
	if (args->core_mask & ~sdev->info.core_mask)
		return -EINVAL;
	if (!seedchip_queue_range_valid(args->log_va, sizeof(struct sc_log), 64))
		return -EINVAL;
	if (!seedchip_queue_range_valid(args->record_va,
					sizeof(struct sc_record) << args->ring_log2, 32))
		return -EINVAL;
	if (!user != !args->ring_va ||
	    !seedchip_queue_range_valid(args->ring_va, SC_SLOT_SIZE << args->ring_log2,
					SC_SLOT_SIZE))
		return -EINVAL;
	if (!args->irq_count != !args->irq_ns || args->irq_count > SEEDCHIP_MAX_IRQ_COUNT ||
	    args->irq_ns > SEEDCHIP_MAX_IRQ_NS)
		return -EINVAL;
	if (args->priority > 1 && !capable(CAP_SYS_NICE))
		return -EACCES;
	return 0;
}

int seedchip_ioctl_queue_create(struct drm_device *drm, void *data, struct drm_file *file)
{
	struct seedchip_device *sdev = to_seedchip_device(drm);
	struct seedchip_file *sfile = file->driver_priv;
	struct drm_seedchip_queue_create *args = data;
	struct seedchip_queue_config config;
	struct seedchip_queue *q;
	u32 handle;
	int err;

	err = seedchip_queue_check(sdev, args);
	if (err)
		return err;
	/* The handle first: the limit of the file is the cheaper check. */
	err = xa_alloc(&sfile->queues, &handle, NULL, XA_LIMIT(1, sdev->info.max_queues),
		       GFP_KERNEL);
	if (err)
		return err == -EBUSY ? -EMFILE : err;
	config = (struct seedchip_queue_config) {
		.priority = args->priority,
		.ring_log2 = args->ring_log2,
		.timeout = seedchip_scale_timeout(sdev, args->timeout_ms ?: READ_ONCE(timeout_ms)),
		.fence_limit = seedchip_scale_timeout(sdev, READ_ONCE(fence_limit_ms)),
		.core_mask = args->core_mask ?: sdev->info.core_mask,
		.wg_limit = args->wg_limit ?: SEEDCHIP_WG_LIMIT,
		.log_va = args->log_va,
		.record_va = args->record_va,
		.irq_count = args->irq_count,
		.irq_ns = args->irq_ns,
		.handle = handle,
		.user = args->flags & DRM_SEEDCHIP_QUEUE_USER,
		.ring_va = args->ring_va,
	};
	q = seedchip_queue_create(sdev, sfile->vm, &config);
	if (IS_ERR(q)) {
		xa_erase(&sfile->queues, handle);
		return PTR_ERR(q);
	}
	args->queue = handle;
	args->hw_queue = q->id;
	args->state_offset = (u64)seedchip_queue_state_pgoff(q) << PAGE_SHIFT;
	if (config.user)
		args->doorbell_offset = (u64)seedchip_queue_doorbell_pgoff(q) << PAGE_SHIFT;
	if (config.user)
		seedchip_reset_watch(q);
	xa_store(&sfile->queues, handle, q, GFP_KERNEL);
	return 0;
}

int seedchip_ioctl_queue_destroy(struct drm_device *drm, void *data, struct drm_file *file)
{
	struct seedchip_file *sfile = file->driver_priv;
	struct drm_seedchip_queue_destroy *args = data;
	struct seedchip_queue *q;

	if (args->pad)
		return -EINVAL;
	/* A handle whose queue is still being created is not there yet. */
	xa_lock(&sfile->queues);
	q = xa_load(&sfile->queues, args->queue);
	if (q)
		__xa_erase(&sfile->queues, args->queue);
	xa_unlock(&sfile->queues);
	if (!q)
		return -ENOENT;
	seedchip_queue_destroy(q);
	return 0;
}

/* The dump stays as it is until the queue runs again. */
static int seedchip_queue_copy_dump(struct seedchip_queue *q,
				    struct drm_seedchip_queue_fault *args)
{
	u32 size = q->sdev->info.dump_size;
	u32 room = args->dump_size;
	int err = 0;

	if (!(args->fault.flags & SC_FAULT_DUMP))
		size = 0;
	args->dump_size = size;
	if (!args->dump || !size)
		return 0;
	mutex_lock(&q->dump_lock);
	if (q->dump.cpu && copy_to_user(u64_to_user_ptr(args->dump), q->dump.cpu, min(room, size)))
		err = -EFAULT;
	mutex_unlock(&q->dump_lock);
	return err;
}

int seedchip_ioctl_queue_fault(struct drm_device *drm, void *data, struct drm_file *file)
{
	struct drm_seedchip_queue_fault *args = data;
	struct seedchip_queue *q = seedchip_queue_lookup(file, args->queue);
	int err = 0;

	if (!q)
		return -ENOENT;
	/* Until the queue has been stopped for good, the record may still be completed. */
	flush_work(&q->fail_work);
	spin_lock_irq(&q->tl->lock);
	if (q->has_fault)
		args->fault = q->fault;
	else
		err = -ENODATA;
	spin_unlock_irq(&q->tl->lock);
	if (!err)
		err = seedchip_queue_copy_dump(q, args);
	seedchip_queue_put(q);
	return err;
}

/* Nobody submits: fences end below @index again, which they may have passed before the fault. */
static int seedchip_queue_restart(struct seedchip_queue *q, u64 index)
{
	int err;

	lockdep_assert_held(&q->submit_lock);
	if (q->config.user) {
		spin_lock_irq(&q->tl->lock);
		q->write = index;
		spin_unlock_irq(&q->tl->lock);
	}
	err = seedchip_queue_start(q);
	if (!err && q->config.user)
		seedchip_reset_watch(q);
	return err;
}

static int seedchip_queue_recover(struct seedchip_queue *q, u64 index)
{
	struct seedchip_event *event = seedchip_event_alloc();
	struct seedchip_device *sdev = q->sdev;
	int err = 0;

	if (!event)
		return -ENOMEM;
	flush_work(&q->fail_work);
	mutex_lock(&q->submit_lock);
	mutex_lock(&sdev->hw_lock);
	if (q->status == SEEDCHIP_QUEUE_DEAD)
		err = -ENOENT;
	else if (sdev->wedged)
		err = -ENODEV;
	else if (q->config.user && (index < q->retired ||
				    index - q->retired > seedchip_queue_slots(q)))
		err = -EINVAL;
	else if (q->status == SEEDCHIP_QUEUE_FAILED)
		err = seedchip_queue_restart(q, index);
	if (!q->event)
		swap(q->event, event);
	mutex_unlock(&sdev->hw_lock);
	mutex_unlock(&q->submit_lock);
	/* What stands in for the doorbell, if there was a reset of link or function. */
	seedchip_queue_disconnect(q);
	kfree(event);
	return err;
}

int seedchip_ioctl_queue_recover(struct drm_device *drm, void *data, struct drm_file *file)
{
	struct drm_seedchip_queue_recover *args = data;
	struct seedchip_queue *q;
	int err;

	if (args->pad)
		return -EINVAL;
	q = seedchip_queue_lookup(file, args->queue);
	if (!q)
		return -ENOENT;
	err = args->index && !q->config.user ? -EINVAL : seedchip_queue_recover(q, args->index);
	seedchip_queue_put(q);
	return err;
}
