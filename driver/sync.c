// SPDX-License-Identifier: GPL-2.0-only
/*
 * Arrays and syncobjs of an ioctl.
 *
 * Invariant: everything that can fail, fails in seedchip_syncs_init(); from
 * there on signalling is a matter of pointers.
 */
#include <linux/dma-fence-chain.h>
#include <linux/dma-fence-unwrap.h>
#include <linux/log2.h>
#include <linux/slab.h>
#include <linux/uaccess.h>

#include <drm/drm_syncobj.h>

#include "seedchip_accel.h"
#include "sync.h"

/* seedchip_copy_array() of what is not the usual single element. */
void *seedchip_copy_elements(const struct drm_seedchip_array *array, size_t size, u32 max,
			     void *few, u32 few_count)
{
	const void __user *src = u64_to_user_ptr(array->array);
	void *copy = few;
	u32 i;
	int err = 0;

	if (!array->count)
		return NULL;
	if (array->count > max || array->stride < size || array->stride > PAGE_SIZE)
		return ERR_PTR(-EINVAL);
	if (array->count > few_count)
		copy = kvmalloc_array(array->count, size, GFP_KERNEL);
	if (!copy)
		return ERR_PTR(-ENOMEM);
	if (array->stride == size) {
		if (copy_from_user(copy, src, array->count * size))
			err = -EFAULT;
	} else {
		for (i = 0; i < array->count && !err; i++)
			err = copy_struct_from_user(copy + i * size, size,
						    src + (size_t)i * array->stride, array->stride);
		if (err == -E2BIG)
			err = -EINVAL;
	}
	if (!err)
		return copy;
	if (copy != few)
		kvfree(copy);
	return ERR_PTR(err);
}

static int seedchip_syncs_append(struct seedchip_syncs *syncs, struct dma_fence *fence)
{
	bool few = syncs->in == syncs->few_in;
	struct dma_fence **in;

	/* Grows by powers of two; a program's chains can ask for more than there may be. */
	if (syncs->num_in >= SEEDCHIP_FEW_SYNCS && is_power_of_2(syncs->num_in)) {
		in = krealloc_array(few ? NULL : syncs->in, syncs->num_in * 2, sizeof(*in),
				    GFP_KERNEL | __GFP_NOWARN);
		if (!in)
			return -ENOMEM;
		if (few)
			memcpy(in, syncs->few_in, sizeof(syncs->few_in));
		syncs->in = in;
	}
	syncs->in[syncs->num_in++] = dma_fence_get(fence);
	return 0;
}

/*
 * Takes a chain or an array apart, and forgets what has signalled, but not that one of the
 * point's own fences has failed. Those of points before it the kernel forgets at any time.
 */
static int seedchip_syncs_wait(struct seedchip_syncs *syncs, struct drm_file *file,
			       const struct drm_seedchip_sync *sync)
{
	struct dma_fence_unwrap iter;
	struct dma_fence *fence, *leaf;
	int err;

	syncs->waits = true;
	err = drm_syncobj_find_fence(file, sync->handle, sync->point, 0, &fence);
	if (err)
		return err;
	dma_fence_unwrap_for_each(leaf, &iter, fence) {
		if (err)
			continue;
		if (!dma_fence_is_signaled(leaf))
			err = seedchip_syncs_append(syncs, leaf);
		else if (iter.chain == fence && leaf->error)
			syncs->failed = true;
	}
	dma_fence_put(fence);
	return err;
}

static int seedchip_syncs_add_signal(struct seedchip_syncs *syncs, struct drm_file *file,
				     const struct drm_seedchip_sync *sync)
{
	struct seedchip_signal *out = &syncs->out[syncs->num_out];

	out->syncobj = drm_syncobj_find(file, sync->handle);
	if (!out->syncobj)
		return -ENOENT;
	syncs->num_out++;
	out->point = sync->point;
	if (!sync->point)
		return 0;
	out->chain = dma_fence_chain_alloc();
	return out->chain ? 0 : -ENOMEM;
}

/**
 * seedchip_syncs_init() - look up the fences of an ioctl
 * @syncs: zeroed by this function; call seedchip_syncs_fini() whatever it returns
 * @file: whose syncobjs
 * @array: struct drm_seedchip_sync
 *
 * Return: 0, -EINVAL (flags, or a point that nobody has submitted), -ENOENT (no
 * such syncobj), -ENOMEM or -EFAULT.
 */
int seedchip_syncs_init(struct seedchip_syncs *syncs, struct drm_file *file,
			const struct drm_seedchip_array *array)
{
	struct drm_seedchip_sync few[SEEDCHIP_FEW_SYNCS];
	struct drm_seedchip_sync *copy;
	int err = 0;
	u32 i;

	*syncs = (struct seedchip_syncs) {};
	syncs->in = syncs->few_in;
	syncs->out = syncs->few_out;
	copy = seedchip_copy_array(array, sizeof(*copy), SEEDCHIP_MAX_SYNCS, few, ARRAY_SIZE(few));
	if (IS_ERR_OR_NULL(copy))
		return PTR_ERR_OR_ZERO(copy);
	if (array->count > SEEDCHIP_FEW_SYNCS) {
		syncs->out = kvcalloc(array->count, sizeof(*syncs->out), GFP_KERNEL);
		if (!syncs->out)
			err = -ENOMEM;
	}
	for (i = 0; i < array->count && !err; i++) {
		switch (copy[i].flags) {
		case DRM_SEEDCHIP_SYNC_WAIT:
			err = seedchip_syncs_wait(syncs, file, &copy[i]);
			break;
		case DRM_SEEDCHIP_SYNC_SIGNAL:
			err = seedchip_syncs_add_signal(syncs, file, &copy[i]);
			break;
		default:
			err = -EINVAL;
		}
	}
	if (copy != few)
		kvfree(copy);
	return err;
}

/* Cannot fail; the syncobjs take their own references of @fence. */
void seedchip_syncs_signal(struct seedchip_syncs *syncs, struct dma_fence *fence)
{
	u32 i;

	for (i = 0; i < syncs->num_out; i++) {
		struct seedchip_signal *out = &syncs->out[i];

		if (out->chain)
			drm_syncobj_add_point(out->syncobj, out->chain, fence, out->point);
		else
			drm_syncobj_replace_fence(out->syncobj, fence);
		out->chain = NULL;
	}
}

void seedchip_syncs_fini(struct seedchip_syncs *syncs)
{
	u32 i;

	for (i = 0; i < syncs->num_in; i++)
		dma_fence_put(syncs->in[i]);
	if (syncs->in != syncs->few_in)
		kfree(syncs->in);
	for (i = 0; i < syncs->num_out; i++) {
		dma_fence_chain_free(syncs->out[i].chain);
		drm_syncobj_put(syncs->out[i].syncobj);
	}
	if (syncs->out != syncs->few_out)
		kvfree(syncs->out);
}
