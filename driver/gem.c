// SPDX-License-Identifier: GPL-2.0-only
/*
 * Buffers: card memory through BAR 4, system memory through shmem. Those of
 * other drivers are in prime.c, those of a process in userptr.c.
 *
 * A buffer has its memory from creation to the end and never moves. Each has a
 * reservation object of its own: nothing is synchronised implicitly, so
 * submission locks none of them, and any buffer may be shared.
 *
 * Invariant: memory is freed only when no handle, CPU mapping, dma-buf or device
 * mapping refers to it; a device mapping lets go after its INVALIDATE has retired.
 */
#include <linux/dma-mapping.h>
#include <linux/pfn.h>
#include <linux/slab.h>

#include <drm/drm_drv.h>
#include <drm/drm_file.h>
#include <drm/drm_vma_manager.h>

#include "device.h"
#include "gem.h"
#include "user.h"

#define SEEDCHIP_BO_FLAGS                                                                   \
	(DRM_SEEDCHIP_BO_CARD | DRM_SEEDCHIP_BO_SYSTEM | DRM_SEEDCHIP_BO_CPU_VISIBLE |     \
	 DRM_SEEDCHIP_BO_WC)

/* Pages that one fault maps: through the BAR, a fault costs more than the entries. */
#define SEEDCHIP_FAULT_AROUND 16

/* End the DMA mapping: with the buffer, or with the device if that goes first. */
static void seedchip_gem_unmap(struct seedchip_bo *bo)
{
	struct drm_gem_object *obj = &bo->shmem.base;
	struct sg_table *sgt = bo->shmem.sgt;

	lockdep_assert_held(&to_seedchip_device(obj->dev)->bo_lock);
	if (!sgt)
		return;
	if (obj->import_attach) {
		seedchip_prime_unmap(bo);
	} else if (bo->pinned) {
		seedchip_userptr_unmap(bo);
	} else {
		dma_unmap_sgtable(obj->dev->dev, sgt, DMA_BIDIRECTIONAL, 0);
		sg_free_table(sgt);
		kfree(sgt);
	}
	bo->shmem.sgt = NULL;
}

/* Of everything that is not card memory. */
void seedchip_gem_free_system(struct drm_gem_object *obj)
{
	struct seedchip_device *sdev = to_seedchip_device(obj->dev);
	struct seedchip_bo *bo = to_seedchip_bo(obj);

	kvfree(bo->extents);
	mutex_lock(&sdev->bo_lock);
	seedchip_gem_unmap(bo);
	list_del_init(&bo->link);
	mutex_unlock(&sdev->bo_lock);
	if (!bo->pinned) {
		drm_gem_shmem_free(&bo->shmem);
		return;
	}
	seedchip_userptr_unpin(bo->pinned);
	drm_gem_object_release(obj);
	kfree(bo);
}

static void seedchip_gem_free_card(struct drm_gem_object *obj)
{
	struct seedchip_bo *bo = to_seedchip_bo(obj);

	kvfree(bo->extents);
	if (bo->node)
		seedchip_vram_free(to_seedchip_device(obj->dev), bo->node);
	if (bo->user) {
		seedchip_user_uncharge(bo->user, SEEDCHIP_QUOTA_MEMORY, obj->size);
		seedchip_user_put(bo->user);
	}
	drm_gem_object_release(obj);
	kfree(bo);
}

static vm_fault_t seedchip_gem_card_fault(struct vm_fault *vmf)
{
	struct vm_area_struct *vma = vmf->vma;
	struct drm_gem_object *obj = vma->vm_private_data;
	struct seedchip_device *sdev = to_seedchip_device(obj->dev);
	struct seedchip_bo *bo = to_seedchip_bo(obj);
	u64 offset = (u64)(vmf->pgoff - drm_vma_node_start(&obj->vma_node)) << PAGE_SHIFT;
	unsigned long addr = vmf->address & PAGE_MASK;
	vm_fault_t ret = VM_FAULT_SIGBUS;
	u32 i, pages;
	int idx;

	if (offset >= obj->size || !drm_dev_enter(&sdev->drm, &idx))
		return VM_FAULT_SIGBUS;
	for (i = 0; i < bo->num_extents && offset >= bo->extents[i].size; i++)
		offset -= bo->extents[i].size;
	if (i < bo->num_extents) {
		u64 left = min_t(u64, bo->extents[i].size - offset, vma->vm_end - addr);
		unsigned long pfn = PHYS_PFN(sdev->card_phys + bo->extents[i].addr + offset);

		pages = min_t(u64, left >> PAGE_SHIFT, SEEDCHIP_FAULT_AROUND);
		for (i = 0; i < pages; i++) {
			ret = vmf_insert_pfn(vma, addr + i * PAGE_SIZE, pfn + i);
			if (ret != VM_FAULT_NOPAGE)
				break;
		}
		/* Only the first page was asked for. */
		if (i)
			ret = VM_FAULT_NOPAGE;
	}
	drm_dev_exit(idx);
	return ret;
}

static const struct vm_operations_struct seedchip_gem_card_vm_ops = {
	.fault = seedchip_gem_card_fault,
	.open = drm_gem_vm_open,
	.close = drm_gem_vm_close,
};

static int seedchip_gem_card_mmap(struct drm_gem_object *obj, struct vm_area_struct *vma)
{
	if (!(to_seedchip_bo(obj)->flags & DRM_SEEDCHIP_BO_CPU_VISIBLE))
		return -EACCES;
	/* A private copy of a page without struct page cannot be made. */
	if ((vma->vm_flags & (VM_SHARED | VM_MAYWRITE)) == VM_MAYWRITE)
		return -EINVAL;
	vm_flags_set(vma, VM_IO | VM_PFNMAP | VM_DONTEXPAND | VM_DONTDUMP);
	vma->vm_page_prot = pgprot_writecombine(vm_get_page_prot(vma->vm_flags));
	return 0;
}

static const struct drm_gem_object_funcs seedchip_gem_card_funcs = {
	.free = seedchip_gem_free_card,
	.export = seedchip_prime_export,
	.mmap = seedchip_gem_card_mmap,
	.vm_ops = &seedchip_gem_card_vm_ops,
};

static vm_fault_t seedchip_gem_system_fault(struct vm_fault *vmf)
{
	struct drm_gem_object *obj = vmf->vma->vm_private_data;
	vm_fault_t ret;
	int idx;

	if (!drm_dev_enter(obj->dev, &idx))
		return VM_FAULT_SIGBUS;
	ret = drm_gem_shmem_vm_ops.fault(vmf);
	drm_dev_exit(idx);
	return ret;
}

static void seedchip_gem_system_open(struct vm_area_struct *vma)
{
	drm_gem_shmem_vm_ops.open(vma);
}

static void seedchip_gem_system_close(struct vm_area_struct *vma)
{
	drm_gem_shmem_vm_ops.close(vma);
}

/* The helper's, except that mappings end with the device. */
static const struct vm_operations_struct seedchip_gem_system_vm_ops = {
	.fault = seedchip_gem_system_fault,
	.open = seedchip_gem_system_open,
	.close = seedchip_gem_system_close,
};

static const struct drm_gem_object_funcs seedchip_gem_system_funcs = {
	.free = seedchip_gem_free_system,
	.export = seedchip_prime_export,
	.print_info = drm_gem_shmem_object_print_info,
	.pin = drm_gem_shmem_object_pin,
	.unpin = drm_gem_shmem_object_unpin,
	.get_sg_table = drm_gem_shmem_object_get_sg_table,
	.vmap = drm_gem_shmem_object_vmap,
	.vunmap = drm_gem_shmem_object_vunmap,
	.mmap = drm_gem_shmem_object_mmap,
	.vm_ops = &seedchip_gem_system_vm_ops,
};

/* Called by the shmem helper. */
struct drm_gem_object *seedchip_gem_create_object(struct drm_device *drm, size_t size)
{
	struct seedchip_bo *bo = kzalloc(sizeof(*bo), GFP_KERNEL);

	if (!bo)
		return ERR_PTR(-ENOMEM);
	bo->flags = DRM_SEEDCHIP_BO_SYSTEM;
	INIT_LIST_HEAD(&bo->link);
	bo->shmem.base.funcs = &seedchip_gem_system_funcs;
	return &bo->shmem.base;
}

/**
 * seedchip_gem_init_extents() - note where the card finds the bytes of a buffer
 * @bo: buffer outside card memory
 * @sgt: its device mapping
 *
 * Return: 0, -ENOMEM, or -EINVAL if the mapping is not made of whole pages, or
 * shorter than the buffer: another driver may have made it.
 */
int seedchip_gem_init_extents(struct seedchip_bo *bo, struct sg_table *sgt)
{
	struct scatterlist *sg;
	u64 end = 0, total = 0;
	int i;

	bo->extents = kvcalloc(sgt->nents, sizeof(*bo->extents), GFP_KERNEL);
	if (!bo->extents)
		return -ENOMEM;
	for_each_sgtable_dma_sg(sgt, sg, i) {
		u64 addr = sg_dma_address(sg);
		u64 size = sg_dma_len(sg);

		if (!IS_ALIGNED(addr | size, SC_PAGE_SIZE))
			return -EINVAL;
		if (!bo->num_extents || addr != end)
			bo->extents[bo->num_extents++].addr = addr;
		bo->extents[bo->num_extents - 1].size += size;
		end = addr + size;
		total += size;
	}
	return total < bo->shmem.base.size ? -EINVAL : 0;
}

/**
 * seedchip_gem_track() - have the device mapping of a buffer end with the device
 * @bo: buffer outside card memory
 *
 * The caller has entered the device since before the mapping was made.
 */
void seedchip_gem_track(struct seedchip_bo *bo)
{
	struct seedchip_device *sdev = to_seedchip_device(bo->shmem.base.dev);

	mutex_lock(&sdev->bo_lock);
	list_add_tail(&bo->link, &sdev->system_bos);
	mutex_unlock(&sdev->bo_lock);
}

/* Give the caller's reference to a handle, or drop it. */
int seedchip_gem_handle(struct drm_file *file, struct seedchip_bo *bo, u32 *handle)
{
	int err = drm_gem_handle_create(file, &bo->shmem.base, handle);

	drm_gem_object_put(&bo->shmem.base);
	return err;
}

static struct seedchip_bo *seedchip_gem_create_system(struct seedchip_device *sdev, u64 size,
						      u32 flags)
{
	struct drm_gem_shmem_object *shmem;
	struct seedchip_bo *bo;
	struct sg_table *sgt;
	int err;

	if (size >> PAGE_SHIFT > totalram_pages())
		return ERR_PTR(-ENOMEM);
	shmem = drm_gem_shmem_create(&sdev->drm, size);
	/* A file system's word for an inode that could not be allocated, but card memory's here. */
	if (shmem == ERR_PTR(-ENOSPC))
		return ERR_PTR(-ENOMEM);
	if (IS_ERR(shmem))
		return ERR_CAST(shmem);
	bo = to_seedchip_bo(&shmem->base);
	bo->flags = flags;
	shmem->map_wc = flags & DRM_SEEDCHIP_BO_WC;
	sgt = drm_gem_shmem_get_pages_sgt(shmem);
	err = PTR_ERR_OR_ZERO(sgt);
	if (!err)
		err = seedchip_gem_init_extents(bo, sgt);
	if (err) {
		drm_gem_object_put(&shmem->base);
		return ERR_PTR(err);
	}
	seedchip_gem_track(bo);
	return bo;
}

static int seedchip_gem_alloc_card(struct seedchip_device *sdev, struct seedchip_bo *bo,
				   struct seedchip_user *user)
{
	u64 size = bo->shmem.base.size;
	u32 flags = SEEDCHIP_VRAM_ZERO;
	int err;

	err = seedchip_user_charge(user, SEEDCHIP_QUOTA_MEMORY, size);
	if (err)
		return err;
	bo->user = seedchip_user_get(user);
	if (bo->flags & DRM_SEEDCHIP_BO_CPU_VISIBLE)
		flags |= SEEDCHIP_VRAM_VISIBLE;
	bo->node = seedchip_vram_alloc(sdev, size, flags);
	if (IS_ERR(bo->node)) {
		err = PTR_ERR(bo->node);
		bo->node = NULL;
		return err;
	}
	bo->num_extents = seedchip_vram_extents(sdev, bo->node, NULL);
	bo->extents = kvcalloc(bo->num_extents, sizeof(*bo->extents), GFP_KERNEL);
	if (!bo->extents)
		return -ENOMEM;
	seedchip_vram_extents(sdev, bo->node, bo->extents);
	return 0;
}

static struct seedchip_bo *seedchip_gem_create_card(struct seedchip_device *sdev,
						    struct seedchip_user *user, u64 size, u32 flags)
{
	struct seedchip_bo *bo;
	int err;

	bo = kzalloc(sizeof(*bo), GFP_KERNEL);
	if (!bo)
		return ERR_PTR(-ENOMEM);
	bo->flags = flags;
	INIT_LIST_HEAD(&bo->link);
	bo->shmem.base.funcs = &seedchip_gem_card_funcs;
	drm_gem_private_object_init(&sdev->drm, &bo->shmem.base, size);
	err = seedchip_gem_alloc_card(sdev, bo, user);
	if (err) {
		drm_gem_object_put(&bo->shmem.base);
		return ERR_PTR(err);
	}
	return bo;
}

/**
 * seedchip_gem_remove() - end the DMA mappings of all buffers
 * @sdev: card, unplugged
 *
 * Buffers outlive the device in the hands of programs; their mappings in an
 * IOMMU must not.
 */
void seedchip_gem_remove(struct seedchip_device *sdev)
{
	struct seedchip_bo *bo;

	mutex_lock(&sdev->bo_lock);
	list_for_each_entry(bo, &sdev->system_bos, link)
		seedchip_gem_unmap(bo);
	mutex_unlock(&sdev->bo_lock);
}

int seedchip_ioctl_bo_create(struct drm_device *drm, void *data, struct drm_file *file)
{
	struct seedchip_device *sdev = to_seedchip_device(drm);
	struct seedchip_file *sfile = file->driver_priv;
	struct drm_seedchip_bo_create *args = data;
	struct seedchip_bo *bo;
	u64 size;
	int err;

	if (args->flags & ~SEEDCHIP_BO_FLAGS)
		return -EINVAL;
	if (!(args->flags & DRM_SEEDCHIP_BO_CARD) == !(args->flags & DRM_SEEDCHIP_BO_SYSTEM))
		return -EINVAL;
	if (args->flags & DRM_SEEDCHIP_BO_SYSTEM && args->flags & DRM_SEEDCHIP_BO_CPU_VISIBLE)
		return -EINVAL;
	if (args->flags & DRM_SEEDCHIP_BO_CARD && args->flags & DRM_SEEDCHIP_BO_WC)
		return -EINVAL;
	size = PAGE_ALIGN(args->size);
	if (!args->size || size < args->size || size > S64_MAX || size > SIZE_MAX)
		return -EINVAL;

	if (args->flags & DRM_SEEDCHIP_BO_SYSTEM)
		bo = seedchip_gem_create_system(sdev, size, args->flags);
	else
		bo = seedchip_gem_create_card(sdev, sfile->user, size, args->flags);
	if (IS_ERR(bo))
		return PTR_ERR(bo);
	err = seedchip_gem_handle(file, bo, &args->handle);
	if (!err)
		args->size = size;
	return err;
}

int seedchip_ioctl_bo_mmap_offset(struct drm_device *drm, void *data, struct drm_file *file)
{
	struct drm_seedchip_bo_mmap_offset *args = data;
	struct drm_gem_object *obj;
	struct seedchip_bo *bo;
	int err;

	if (args->pad)
		return -EINVAL;
	obj = drm_gem_object_lookup(file, args->handle);
	if (!obj)
		return -ENOENT;
	bo = to_seedchip_bo(obj);
	if (bo->pinned || !(bo->flags & (DRM_SEEDCHIP_BO_SYSTEM | DRM_SEEDCHIP_BO_CPU_VISIBLE)))
		err = -EACCES;
	else
		err = drm_gem_create_mmap_offset(obj);
	if (!err)
		args->offset = drm_vma_node_offset_addr(&obj->vma_node);
	drm_gem_object_put(obj);
	return err;
}
