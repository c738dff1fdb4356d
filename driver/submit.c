// SPDX-License-Identifier: GPL-2.0-only
/*
 * What a program submits: SUBMIT, and QUEUE_FENCE for user-mode queues.
 *
 * Invariant: packets are checked in a copy that the program cannot change any
 * more; what is wrong inside a packet is the card's to find.
 */
#include <linux/slab.h>

#include <drm/drm_drv.h>
#include <drm/drm_file.h>

#include "device.h"
#include "job.h"
#include "queue.h"
#include "sync.h"
#include "wait.h"

/* So many packets are copied without asking for memory. */
#define SEEDCHIP_FEW_PACKETS 4

#define SEEDCHIP_OP_USER false
#define SEEDCHIP_OP_KERNEL true

/* Opcodes that do not exist are the card's to report. */
static bool seedchip_op_is_kernel(u32 op)
{
	switch (op) {
#define SEEDCHIP_OP_WHO_(name, number, flags, who, text) \
	case SC_OP_##name:                               \
		return SEEDCHIP_OP_##who;
	SC_OP_TABLE(SEEDCHIP_OP_WHO_)
	}
	return false;
}

/* What the card would only find when it is too late to refuse the call. */
static int seedchip_submit_check(const struct sc_packet *packets, u32 count)
{
	u32 i = 0;

	while (i < count) {
		u32 group = seedchip_job_group(&packets[i]);
		u32 end = i + group;

		if (seedchip_op_is_kernel(SC_HDR_OP(packets[i].hdr)))
			return -EINVAL;
		if (SC_HDR_OP(packets[i].hdr) == SC_OP_ARGS || group > 1 + SC_MAX_ARG_SLOTS ||
		    end > count)
			return -EINVAL;
		while (++i < end)
			if (SC_HDR_OP(packets[i].hdr) != SC_OP_ARGS)
				return -EINVAL;
	}
	return 0;
}

/* Work with fences to wait for or to signal: @packets, or what a program has put into its ring. */
static int seedchip_submit_job(struct seedchip_queue *q, struct seedchip_syncs *syncs,
			       const struct sc_packet *packets, u32 count,
			       struct seedchip_waiter *wait, u64 *index)
{
	struct seedchip_job *job = seedchip_job_create(q, syncs, GFP_KERNEL_ACCOUNT);
	int err;

	if (!job)
		return -ENOMEM;
	err = mutex_lock_interruptible(&q->submit_lock);
	if (err)
		goto err_free_job;
	if (q->config.user)
		err = seedchip_job_push_fence(job, *index);
	else
		err = seedchip_job_push(job, packets, count, wait);
	if (!err) {
		*index = job->slots.end;
		seedchip_syncs_signal(syncs, &job->fence.base);
	}
	mutex_unlock(&q->submit_lock);
	if (err)
		goto err_free_job;
	if (!wait) /* else it needs the fence longer */
		dma_fence_put(&job->fence.base);
	return 0;

err_free_job:
	seedchip_job_free_unused(job);
	return err;
}

static noinline int seedchip_submit_synced(struct seedchip_queue *q, struct drm_file *file,
					   const struct sc_packet *packets,
					   struct drm_seedchip_submit *args,
					   struct seedchip_waiter *wait)
{
	struct seedchip_syncs syncs;
	int err = seedchip_syncs_init(&syncs, file, &args->syncs);

	if (!err)
		err = seedchip_submit_job(q, &syncs, packets, args->packets.count, wait,
					  &args->index);
	seedchip_syncs_fini(&syncs);
	return err;
}

static int seedchip_submit_plain(struct seedchip_queue *q, const struct sc_packet *packets,
				 struct drm_seedchip_submit *args, struct seedchip_waiter *wait)
{
	int err = mutex_lock_interruptible(&q->submit_lock);

	if (err)
		return err;
	err = seedchip_job_push_plain(q, packets, args->packets.count, wait, &args->index);
	mutex_unlock(&q->submit_lock);
	return err;
}

static int seedchip_submit(struct seedchip_queue *q, struct drm_file *file,
			   const struct sc_packet *packets, struct drm_seedchip_submit *args,
			   struct seedchip_waiter *wait)
{
	int err = seedchip_submit_check(packets, args->packets.count);

	if (err)
		return err;
	if (args->syncs.count)
		return seedchip_submit_synced(q, file, packets, args, wait);
	return seedchip_submit_plain(q, packets, args, wait);
}

/* Leaves the section @idx, in which the card may be touched, before it sleeps. */
static noinline int seedchip_submit_waiting(struct seedchip_queue *q, struct drm_file *file,
					    const struct sc_packet *packets,
					    struct drm_seedchip_submit *args, int idx)
{
	struct seedchip_waiter wait = { .timeout_ns = args->timeout_ns };
	int err = seedchip_submit(q, file, packets, args, &wait);

	drm_dev_exit(idx);
	if (err)
		return err;
	args->result = seedchip_wait_finish(q, &wait);
	dma_fence_put(wait.fence);
	return 0;
}

int seedchip_ioctl_submit(struct drm_device *drm, void *data, struct drm_file *file)
{
	struct sc_packet few[SEEDCHIP_FEW_PACKETS] __uninitialized;
	struct drm_seedchip_submit *args = data;
	struct sc_packet *packets;
	struct seedchip_queue *q;
	int idx, err = seedchip_file_enter(file, &idx);

	if (err)
		return err;
	err = -EINVAL;
	if (args->flags & ~DRM_SEEDCHIP_SUBMIT_WAIT || !args->packets.count || args->result ||
	    args->pad)
		goto out_exit;
	if (args->timeout_ns && !(args->flags & DRM_SEEDCHIP_SUBMIT_WAIT))
		goto out_exit;
	err = -ENOENT;
	q = seedchip_queue_lookup(file, args->queue);
	if (!q)
		goto out_exit;
	if (q->config.user) {
		err = -EINVAL;
		goto out_put;
	}
	if (args->packets.count > seedchip_queue_slots(q)) {
		err = -E2BIG;
		goto out_put;
	}
	packets = seedchip_copy_array(&args->packets, sizeof(*packets), args->packets.count, few,
				      ARRAY_SIZE(few));
	if (IS_ERR(packets)) {
		err = PTR_ERR(packets);
		goto out_put;
	}
	if (args->flags & DRM_SEEDCHIP_SUBMIT_WAIT) {
		err = seedchip_submit_waiting(q, file, packets, args, idx);
		idx = -1;
	} else {
		err = seedchip_submit(q, file, packets, args, NULL);
	}
	if (packets != few)
		kvfree(packets);
out_put:
	seedchip_queue_put(q);
out_exit:
	if (idx >= 0)
		drm_dev_exit(idx);
	return err;
}

int seedchip_ioctl_queue_fence(struct drm_device *drm, void *data, struct drm_file *file)
{
	struct drm_seedchip_queue_fence *args = data;
	struct seedchip_syncs syncs;
	struct seedchip_queue *q;
	int err;

	if (args->pad)
		return -EINVAL;
	q = seedchip_queue_lookup(file, args->queue);
	if (!q)
		return -ENOENT;
	if (!q->config.user) {
		seedchip_queue_put(q);
		return -EINVAL;
	}
	err = seedchip_syncs_init(&syncs, file, &args->syncs);
	if (!err && syncs.waits)
		err = -EINVAL;
	if (!err)
		err = seedchip_submit_job(q, &syncs, NULL, 0, NULL, &args->index);
	seedchip_syncs_fini(&syncs);
	seedchip_queue_put(q);
	return err;
}
