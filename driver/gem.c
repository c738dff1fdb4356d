// SPDX-License-Identifier: GPL-2.0-only
/*
 * Buffers: card memory through BAR 4, system memory through shmem.
 *
 * A buffer has its memory from creation to the end and never moves. Until it
 * can be shared, it is private to the file that made it and uses the
 * reservation object of that file's address space.
 *
 * Invariant: memory is freed only when no handle, CPU mapping or device mapping
 * refers to it; a device mapping lets go after its INVALIDATE has retired.
 */
#include <linux/dma-mapping.h>
#include <linux/pfn.h>
#include <linux/slab.h>

#include <drm/drm_drv.h>
#include <drm/drm_file.h>
#include <drm/drm_vma_manager.h>

#include "device.h"
#include "gem.h"
#include "vm.h"

#define SEEDCHIP_BO_FLAGS \
	(DRM_SEEDCHIP_BO_CARD | DRM_SEEDCHIP_BO_SYSTEM | DRM_SEEDCHIP_BO_CPU_VISIBLE)

/* Pages that one fault maps: through the BAR, a fault costs more than the entries. */
#define SEEDCHIP_FAULT_AROUND 16

/* End the DMA mapping, which the helper would only do when the pages go. */
static void seedchip_gem_unmap(struct seedchip_bo *bo)
{
	struct drm_gem_object *obj = &bo->shmem.base;
	struct sg_table *sgt = bo->shmem.sgt;

	lockdep_assert_held(&to_seedchip_device(obj->dev)->bo_lock);
	if (!sgt)
		return;
	dma_unmap_sgtable(obj->dev->dev, sgt, DMA_BIDIRECTIONAL, 0);
	sg_free_table(sgt);
	kfree(sgt);
	bo->shmem.sgt = NULL;
}

static void seedchip_gem_free(struct drm_gem_object *obj)
{
	struct seedchip_device *sdev = to_seedchip_device(obj->dev);
	struct drm_gem_object *resv = to_seedchip_bo(obj)->vm_resv;
	struct seedchip_bo *bo = to_seedchip_bo(obj);

	kvfree(bo->extents);
	if (bo->flags & DRM_SEEDCHIP_BO_SYSTEM) {
		mutex_lock(&sdev->bo_lock);
		seedchip_gem_unmap(bo);
		list_del_init(&bo->link);
		mutex_unlock(&sdev->bo_lock);
		drm_gem_shmem_free(&bo->shmem);
	} else {
		if (bo->node)
			seedchip_vram_free(sdev, bo->node);
		drm_gem_object_release(obj);
		kfree(bo);
	}
	if (resv)
		drm_gem_object_put(resv);
}

/* Private buffers share their address space's lock, which must not leave the file. */
static struct dma_buf *seedchip_gem_export(struct drm_gem_object *obj, int flags)
{
	return ERR_PTR(-EOPNOTSUPP);
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
	.free = seedchip_gem_free,
	.export = seedchip_gem_export,
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
	.free = seedchip_gem_free,
	.export = seedchip_gem_export,
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

static int seedchip_gem_system_extents(struct seedchip_bo *bo, struct sg_table *sgt)
{
	struct scatterlist *sg;
	u64 end = 0;
	int i;

	bo->extents = kvcalloc(sgt->nents, sizeof(*bo->extents), GFP_KERNEL);
	if (!bo->extents)
		return -ENOMEM;
	for_each_sgtable_dma_sg(sgt, sg, i) {
		u64 addr = sg_dma_address(sg);

		if (!bo->num_extents || addr != end)
			bo->extents[bo->num_extents++].addr = addr;
		bo->extents[bo->num_extents - 1].size += sg_dma_len(sg);
		end = addr + sg_dma_len(sg);
	}
	return 0;
}

static struct seedchip_bo *seedchip_gem_create_system(struct seedchip_device *sdev,
						      struct seedchip_vm *vm, u64 size)
{
	struct drm_gem_shmem_object *shmem;
	struct seedchip_bo *bo;
	struct sg_table *sgt;
	int err;

	if (size >> PAGE_SHIFT > totalram_pages())
		return ERR_PTR(-ENOMEM);
	shmem = drm_gem_shmem_create(&sdev->drm, size);
	if (IS_ERR(shmem))
		return ERR_CAST(shmem);
	bo = to_seedchip_bo(&shmem->base);
	bo->vm_resv = seedchip_vm_resv_get(vm);
	shmem->base.resv = bo->vm_resv->resv;
	sgt = drm_gem_shmem_get_pages_sgt(shmem);
	err = PTR_ERR_OR_ZERO(sgt);
	if (!err)
		err = seedchip_gem_system_extents(bo, sgt);
	if (err) {
		drm_gem_object_put(&shmem->base);
		return ERR_PTR(err);
	}
	mutex_lock(&sdev->bo_lock);
	list_add_tail(&bo->link, &sdev->system_bos);
	mutex_unlock(&sdev->bo_lock);
	return bo;
}

static struct seedchip_bo *seedchip_gem_create_card(struct seedchip_device *sdev,
						    struct seedchip_vm *vm, u64 size, u32 flags)
{
	struct seedchip_bo *bo;
	u32 vram_flags = SEEDCHIP_VRAM_ZERO;
	int err;

	bo = kzalloc(sizeof(*bo), GFP_KERNEL);
	if (!bo)
		return ERR_PTR(-ENOMEM);
	bo->flags = flags;
	INIT_LIST_HEAD(&bo->link);
	bo->shmem.base.funcs = &seedchip_gem_card_funcs;
	drm_gem_private_object_init(&sdev->drm, &bo->shmem.base, size);
	bo->vm_resv = seedchip_vm_resv_get(vm);
	bo->shmem.base.resv = bo->vm_resv->resv;
	if (flags & DRM_SEEDCHIP_BO_CPU_VISIBLE)
		vram_flags |= SEEDCHIP_VRAM_VISIBLE;
	bo->node = seedchip_vram_alloc(sdev, size, vram_flags);
	if (IS_ERR(bo->node)) {
		err = PTR_ERR(bo->node);
		bo->node = NULL;
		goto err_put;
	}
	bo->num_extents = seedchip_vram_extents(sdev, bo->node, NULL);
	bo->extents = kvcalloc(bo->num_extents, sizeof(*bo->extents), GFP_KERNEL);
	if (!bo->extents) {
		err = -ENOMEM;
		goto err_put;
	}
	seedchip_vram_extents(sdev, bo->node, bo->extents);
	return bo;

err_put:
	drm_gem_object_put(&bo->shmem.base);
	return ERR_PTR(err);
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
	size = PAGE_ALIGN(args->size);
	if (!args->size || size < args->size || size > S64_MAX || size > SIZE_MAX)
		return -EINVAL;

	if (args->flags & DRM_SEEDCHIP_BO_SYSTEM)
		bo = seedchip_gem_create_system(sdev, sfile->vm, size);
	else
		bo = seedchip_gem_create_card(sdev, sfile->vm, size, args->flags);
	if (IS_ERR(bo))
		return PTR_ERR(bo);
	err = drm_gem_handle_create(file, &bo->shmem.base, &args->handle);
	drm_gem_object_put(&bo->shmem.base);
	if (!err)
		args->size = size;
	return err;
}

int seedchip_ioctl_bo_mmap_offset(struct drm_device *drm, void *data, struct drm_file *file)
{
	struct drm_seedchip_bo_mmap_offset *args = data;
	struct drm_gem_object *obj;
	u32 flags;
	int err;

	if (args->pad)
		return -EINVAL;
	obj = drm_gem_object_lookup(file, args->handle);
	if (!obj)
		return -ENOENT;
	flags = to_seedchip_bo(obj)->flags;
	if (flags & DRM_SEEDCHIP_BO_CARD && !(flags & DRM_SEEDCHIP_BO_CPU_VISIBLE))
		err = -EACCES;
	else
		err = drm_gem_create_mmap_offset(obj);
	if (!err)
		args->offset = drm_vma_node_offset_addr(&obj->vma_node);
	drm_gem_object_put(obj);
	return err;
}
