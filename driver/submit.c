// SPDX-License-Identifier: GPL-2.0-only
/*
 * What a program submits: SUBMIT, and QUEUE_FENCE for user-mode queues.
 *
 * Invariant: packets are checked in a copy that the program cannot change any
 * more; what is wrong inside a packet is the card's to find.
 */
#include <linux/slab.h>

#include <drm/drm_file.h>

#include "device.h"
#include "job.h"
#include "queue.h"
#include "sync.h"

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

/* @packets is NULL for a fence of a user-mode queue at *@index, else *@index is the job's end. */
static int seedchip_submit(struct seedchip_queue *q, const struct sc_packet *packets, u32 count,
			   struct seedchip_syncs *syncs, u64 *index)
{
	struct seedchip_job *job = seedchip_job_create(q, syncs);
	struct dma_fence *fence;
	int err;

	if (!job)
		return -ENOMEM;
	err = mutex_lock_interruptible(&q->submit_lock);
	if (err)
		goto err_free_job;
	fence = &job->fence->base;
	if (packets)
		err = seedchip_job_push(job, packets, count);
	else
		err = seedchip_job_push_fence(job, *index);
	if (!err) {
		*index = q->write;
		seedchip_syncs_signal(syncs, fence);
	}
	mutex_unlock(&q->submit_lock);
	if (err)
		goto err_free_job;
	dma_fence_put(fence);
	return 0;

err_free_job:
	seedchip_job_free_unused(job);
	return err;
}

int seedchip_ioctl_submit(struct drm_device *drm, void *data, struct drm_file *file)
{
	struct drm_seedchip_submit *args = data;
	struct seedchip_syncs syncs = {};
	struct seedchip_queue *q;
	struct sc_packet *packets;
	int err;

	if (args->flags || !args->packets.count)
		return -EINVAL;
	q = seedchip_queue_lookup(file, args->queue);
	if (!q)
		return -ENOENT;
	if (q->config.user) {
		err = -EINVAL;
		goto out_put;
	}
	if (args->packets.count > seedchip_queue_slots(q)) {
		err = -E2BIG;
		goto out_put;
	}
	packets = seedchip_copy_array(&args->packets, sizeof(*packets), args->packets.count);
	if (IS_ERR(packets)) {
		err = PTR_ERR(packets);
		goto out_put;
	}
	err = seedchip_submit_check(packets, args->packets.count);
	if (!err)
		err = seedchip_syncs_init(&syncs, file, &args->syncs);
	if (!err)
		err = seedchip_submit(q, packets, args->packets.count, &syncs, &args->index);
	seedchip_syncs_fini(&syncs);
	kvfree(packets);
out_put:
	seedchip_queue_put(q);
	return err;
}

int seedchip_ioctl_queue_fence(struct drm_device *drm, void *data, struct drm_file *file)
{
	struct drm_seedchip_queue_fence *args = data;
	struct seedchip_syncs syncs = {};
	struct seedchip_queue *q;
	int err;

	if (args->pad)
		return -EINVAL;
	q = seedchip_queue_lookup(file, args->queue);
	if (!q)
		return -ENOENT;
	err = q->config.user ? seedchip_syncs_init(&syncs, file, &args->syncs) : -EINVAL;
	if (!err && syncs.waits)
		err = -EINVAL;
	if (!err)
		err = seedchip_submit(q, NULL, 0, &syncs, &args->index);
	seedchip_syncs_fini(&syncs);
	seedchip_queue_put(q);
	return err;
}
