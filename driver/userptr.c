// SPDX-License-Identifier: GPL-2.0-only
/*
 * Buffers of a process: its own pages, pinned for as long as the buffer lives.
 *
 * There is no notifier: a process that maps something else at the address goes
 * on sharing the old pages with the card. What is pinned counts as locked memory
 * of the process that asked for it.
 *
 * Invariant: pages are unpinned after the card's last translation of them, and
 * after the DMA mapping has ended.
 */
#include <linux/dma-mapping.h>
#include <linux/mm.h>
#include <linux/sched/mm.h>
#include <linux/slab.h>

#include <drm/drm_drv.h>
#include <drm/drm_file.h>
#include <drm/drm_print.h>

#include "device.h"
#include "gem.h"

/**
 * struct seedchip_pinned - pages of a process
 * @mm: its memory, where the pages count as locked
 * @pages: the pages
 * @num_pages: how many of them are pinned
 * @accounted: how many count as locked
 * @read_only: the card does not write them
 * @sgt: their DMA mapping
 */
struct seedchip_pinned {
	struct mm_struct *mm;
	struct page **pages;
	unsigned long num_pages;
	unsigned long accounted;
	bool read_only;
	struct sg_table sgt;
};

static enum dma_data_direction seedchip_userptr_direction(const struct seedchip_pinned *pinned)
{
	return pinned->read_only ? DMA_TO_DEVICE : DMA_BIDIRECTIONAL;
}

/* seedchip_device.bo_lock is held. */
void seedchip_userptr_unmap(struct seedchip_bo *bo)
{
	struct seedchip_pinned *pinned = bo->pinned;

	dma_unmap_sgtable(bo->shmem.base.dev->dev, &pinned->sgt,
			  seedchip_userptr_direction(pinned), DMA_ATTR_SKIP_CPU_SYNC);
	sg_free_table(&pinned->sgt);
}

/* The last step of freeing a buffer, or the undoing of a part of seedchip_userptr_pin(). */
void seedchip_userptr_unpin(struct seedchip_pinned *pinned)
{
	unpin_user_pages_dirty_lock(pinned->pages, pinned->num_pages, !pinned->read_only);
	/* Nobody counts the memory of a process that has exited. */
	if (pinned->accounted && mmget_not_zero(pinned->mm)) {
		account_locked_vm(pinned->mm, pinned->accounted, false);
		mmput(pinned->mm);
	}
	mmdrop(pinned->mm);
	kvfree(pinned->pages);
	kfree(pinned);
}

static int seedchip_userptr_pin_pages(struct seedchip_pinned *pinned, unsigned long address,
				      unsigned long count)
{
	unsigned int flags = FOLL_LONGTERM | (pinned->read_only ? 0 : FOLL_WRITE);
	int ret;

	while (pinned->num_pages < count) {
		ret = pin_user_pages_fast(address + pinned->num_pages * PAGE_SIZE,
					  min_t(unsigned long, count - pinned->num_pages, INT_MAX),
					  flags, pinned->pages + pinned->num_pages);
		if (ret <= 0)
			return ret ?: -EFAULT;
		pinned->num_pages += ret;
	}
	return 0;
}

static struct seedchip_pinned *seedchip_userptr_pin(const struct drm_seedchip_bo_userptr *args)
{
	unsigned long count = args->size >> PAGE_SHIFT;
	struct seedchip_pinned *pinned;
	int err;

	pinned = kzalloc(sizeof(*pinned), GFP_KERNEL);
	if (!pinned)
		return ERR_PTR(-ENOMEM);
	pinned->mm = current->mm;
	mmgrab(pinned->mm);
	pinned->read_only = args->flags & DRM_SEEDCHIP_USERPTR_READ_ONLY;
	/* The limit first: it also bounds what is allocated here. */
	err = account_locked_vm(pinned->mm, count, true);
	if (err)
		goto err_unpin;
	pinned->accounted = count;
	err = -ENOMEM;
	pinned->pages = kvmalloc_array(count, sizeof(*pinned->pages), GFP_KERNEL | __GFP_NOWARN);
	if (!pinned->pages)
		goto err_unpin;
	err = seedchip_userptr_pin_pages(pinned, args->address, count);
	if (err)
		goto err_unpin;
	return pinned;

err_unpin:
	seedchip_userptr_unpin(pinned);
	return ERR_PTR(err);
}

static int seedchip_userptr_map(struct seedchip_bo *bo)
{
	struct seedchip_pinned *pinned = bo->pinned;
	int err;

	err = sg_alloc_table_from_pages(&pinned->sgt, pinned->pages, pinned->num_pages, 0,
					bo->shmem.base.size, GFP_KERNEL);
	if (err)
		return err;
	/* Coherent, and not handed over: the process may even have it mapped a second time. */
	err = dma_map_sgtable(bo->shmem.base.dev->dev, &pinned->sgt,
			      seedchip_userptr_direction(pinned), DMA_ATTR_SKIP_CPU_SYNC);
	if (err) {
		sg_free_table(&pinned->sgt);
		return err;
	}
	bo->shmem.sgt = &pinned->sgt;
	return seedchip_gem_init_extents(bo, &pinned->sgt);
}

/* Memory of a process is not this driver's to give away. */
static struct dma_buf *seedchip_userptr_export(struct drm_gem_object *obj, int flags)
{
	return ERR_PTR(-EOPNOTSUPP);
}

static const struct drm_gem_object_funcs seedchip_userptr_funcs = {
	.free = seedchip_gem_free_system,
	.export = seedchip_userptr_export,
};

static int seedchip_userptr_check(const struct drm_seedchip_bo_userptr *args)
{
	u64 end;

	if (args->flags & ~DRM_SEEDCHIP_USERPTR_READ_ONLY || !args->size)
		return -EINVAL;
	if (!IS_ALIGNED(args->address | args->size, SC_PAGE_SIZE))
		return -EINVAL;
	if (check_add_overflow(args->address, args->size, &end) || end > ULONG_MAX)
		return -EINVAL;
	return args->size >> PAGE_SHIFT > totalram_pages() ? -ENOMEM : 0;
}

int seedchip_ioctl_bo_userptr(struct drm_device *drm, void *data, struct drm_file *file)
{
	struct drm_seedchip_bo_userptr *args = data;
	struct seedchip_bo *bo;
	int err;

	err = seedchip_userptr_check(args);
	if (err)
		return err;
	bo = kzalloc(sizeof(*bo), GFP_KERNEL);
	if (!bo)
		return -ENOMEM;
	bo->pinned = seedchip_userptr_pin(args);
	if (IS_ERR(bo->pinned)) {
		err = PTR_ERR(bo->pinned);
		kfree(bo);
		return err;
	}
	bo->flags = DRM_SEEDCHIP_BO_SYSTEM;
	bo->read_only = bo->pinned->read_only;
	INIT_LIST_HEAD(&bo->link);
	bo->shmem.base.funcs = &seedchip_userptr_funcs;
	drm_gem_private_object_init(drm, &bo->shmem.base, args->size);
	err = seedchip_userptr_map(bo);
	if (err) {
		drm_gem_object_put(&bo->shmem.base);
		return err;
	}
	seedchip_gem_track(bo);
	return seedchip_gem_handle(file, bo, &args->handle);
}
