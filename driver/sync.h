/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Arrays and syncobjs that SUBMIT and VM_BIND have in common.
 */
#ifndef SEEDCHIP_SYNC_H
#define SEEDCHIP_SYNC_H

#include <linux/err.h>
#include <linux/kernel.h>
#include <linux/uaccess.h>

#include "seedchip_accel.h"

struct dma_fence;
struct dma_fence_chain;
struct drm_file;
struct drm_syncobj;

/* So many of each take no memory but that of struct seedchip_syncs. */
#define SEEDCHIP_FEW_SYNCS 2

/**
 * struct seedchip_signal - one point to signal
 * @syncobj: referenced
 * @chain: node for a timeline point, NULL for a binary syncobj
 * @point: timeline point
 */
struct seedchip_signal {
	struct drm_syncobj *syncobj;
	struct dma_fence_chain *chain;
	u64 point;
};

/**
 * struct seedchip_syncs - fences of one ioctl
 * @in: fences that have not signalled, each a leaf (no chain, no array); referenced
 * @num_in: how many
 * @waits: there was something to wait for, signalled or not
 * @failed: one that had signalled carries an error
 * @out: what to signal, prepared so that nothing can fail
 * @num_out: how many
 * @few_in: memory of @in, unless it is more
 * @few_out: memory of @out, unless it is more
 */
struct seedchip_syncs {
	struct dma_fence **in;
	u32 num_in;
	bool waits;
	bool failed;
	struct seedchip_signal *out;
	u32 num_out;
	struct dma_fence *few_in[SEEDCHIP_FEW_SYNCS];
	struct seedchip_signal few_out[SEEDCHIP_FEW_SYNCS];
};

void *seedchip_copy_elements(const struct drm_seedchip_array *array, size_t size, u32 max,
			     void *few, u32 few_count);
int seedchip_syncs_init(struct seedchip_syncs *syncs, struct drm_file *file,
			const struct drm_seedchip_array *array);
void seedchip_syncs_signal(struct seedchip_syncs *syncs, struct dma_fence *fence);
void seedchip_syncs_fini(struct seedchip_syncs *syncs);

/**
 * seedchip_copy_array() - copy an array of extensible structures from user space
 * @array: where, how many, and their stride
 * @size: bytes of an element that the kernel knows
 * @max: most elements
 * @few: memory for @few_count elements, so that short arrays need no other
 * @few_count: how many
 *
 * Return: @few or memory for kvfree(), NULL for an empty array, or -EINVAL (also for an
 * element with unknown non-zero bytes, as for every ioctl structure), -EFAULT, -ENOMEM.
 */
static __always_inline void *seedchip_copy_array(const struct drm_seedchip_array *array,
						 size_t size, u32 max, void *few, u32 few_count)
{
	if (array->count != 1 || array->stride != size || !few_count)
		return seedchip_copy_elements(array, size, max, few, few_count);
	if (copy_from_user(few, u64_to_user_ptr(array->array), size))
		return ERR_PTR(-EFAULT);
	return few;
}

#endif /* SEEDCHIP_SYNC_H */
