// SPDX-License-Identifier: GPL-2.0-only
/*
 * VM_BIND: all operations of a call, or none.
 *
 * A call goes through: check and prepare (may fail); change the tree of
 * mappings (undone if an EXCLUSIVE finds its range in use); then, at once or
 * when its in-fences have signalled, change the page tables, which cannot fail;
 * INVALIDATE if anything was replaced; let go of what is not mapped any more.
 * The tree therefore shows the mappings as they will be when all accepted calls
 * have taken effect, and calls take effect in the order in which they were made.
 *
 * Invariant: a buffer that the tables show, or that an old translation may
 * still reach, is referenced by a mapping in the tree or in a bind's list.
 */
#include <linux/dma-fence.h>
#include <linux/slab.h>

#include <drm/drm_drv.h>
#include <drm/drm_file.h>

#include "compat/gpuvm.h"
#include "device.h"
#include "fence.h"
#include "gem.h"
#include "sync.h"
#include "vm.h"

#define SEEDCHIP_BIND_FLAGS                                                                        \
	(DRM_SEEDCHIP_BIND_MAP | DRM_SEEDCHIP_BIND_READ | DRM_SEEDCHIP_BIND_WRITE |                \
	 DRM_SEEDCHIP_BIND_EXECUTE | DRM_SEEDCHIP_BIND_EXCLUSIVE)
#define SEEDCHIP_MAX_BINDS 65536
#define SEEDCHIP_SPARES 3 /* one for the new mapping, two for what it cuts */

/**
 * struct seedchip_va - one mapping
 * @base: base
 * @new: entry of seedchip_bind.new until the call is accepted
 * @old: entry of seedchip_bind.old from when the call has replaced it
 */
struct seedchip_va {
	struct drm_gpuva base;
	struct list_head new;
	struct list_head old;
};

/**
 * struct seedchip_bind_op - one operation
 * @args: from user space, checked
 * @obj: buffer; referenced
 * @vm_bo: its membership in the address space; referenced
 * @spares: mappings to use
 */
struct seedchip_bind_op {
	struct drm_seedchip_bind args;
	struct drm_gem_object *obj;
	struct drm_gpuvm_bo *vm_bo;
	struct seedchip_va *spares[SEEDCHIP_SPARES];
};

/**
 * struct seedchip_bind_dep - in-fence of a bind
 * @bind: the bind
 * @fence: referenced
 * @cb: on @fence
 */
struct seedchip_bind_dep {
	struct seedchip_bind *bind;
	struct dma_fence *fence;
	struct dma_fence_cb cb;
};

/**
 * struct seedchip_bind - one call of VM_BIND
 * @vm: address space; referenced while the bind is queued
 * @link: entry of seedchip_vm.binds
 * @ops: operations
 * @num_ops: how many
 * @new: mappings that it makes
 * @old: mappings that it replaces
 * @deps: in-fences, if it has to wait
 * @num_deps: how many
 * @blockers: in-fences that have not signalled, plus one until it is queued
 * @fence: signals when it has taken effect; NULL if it did so in the call
 */
struct seedchip_bind {
	struct seedchip_vm *vm;
	struct list_head link;
	struct seedchip_bind_op *ops;
	u32 num_ops;
	struct list_head new;
	struct list_head old;
	struct seedchip_bind_dep *deps;
	u32 num_deps;
	atomic_t blockers;
	struct dma_fence *fence;
};

static struct seedchip_va *to_seedchip_va(struct drm_gpuva *base)
{
	return container_of(base, struct seedchip_va, base);
}

static void seedchip_bind_gpuvm_free(struct drm_gpuvm *base)
{
	kfree(to_seedchip_vm(base));
}

/**
 * struct seedchip_bind_step - argument of the steps below
 * @bind: the call
 * @op: the operation
 */
struct seedchip_bind_step {
	struct seedchip_bind *bind;
	struct seedchip_bind_op *op;
};

static struct seedchip_va *seedchip_bind_spare(struct seedchip_bind_op *op)
{
	struct seedchip_va *va = NULL;
	u32 i;

	for (i = 0; i < SEEDCHIP_SPARES && !va; i++)
		swap(va, op->spares[i]);
	return va;
}

static int seedchip_bind_step_map(struct drm_gpuva_op *gop, void *data)
{
	struct seedchip_bind_step *step = data;
	struct seedchip_va *va = seedchip_bind_spare(step->op);

	drm_gpuva_map(&step->bind->vm->base, &va->base, &gop->map);
	drm_gpuva_link(&va->base, step->op->vm_bo);
	list_add_tail(&va->new, &step->bind->new);
	return 0;
}

static int seedchip_bind_step_unmap(struct drm_gpuva_op *gop, void *data)
{
	struct seedchip_bind_step *step = data;
	struct seedchip_va *va = to_seedchip_va(gop->unmap.va);

	drm_gpuva_unmap(&gop->unmap);
	list_add_tail(&va->old, &step->bind->old);
	return 0;
}

static int seedchip_bind_step_remap(struct drm_gpuva_op *gop, void *data)
{
	struct seedchip_bind_step *step = data;
	struct seedchip_va *va = to_seedchip_va(gop->remap.unmap->va);
	struct seedchip_va *prev = NULL, *next = NULL;

	if (gop->remap.prev)
		prev = seedchip_bind_spare(step->op);
	if (gop->remap.next)
		next = seedchip_bind_spare(step->op);
	drm_gpuva_remap(prev ? &prev->base : NULL, next ? &next->base : NULL, &gop->remap);
	list_add_tail(&va->old, &step->bind->old);
	if (prev) {
		drm_gpuva_link(&prev->base, va->base.vm_bo);
		list_add_tail(&prev->new, &step->bind->new);
	}
	if (next) {
		drm_gpuva_link(&next->base, va->base.vm_bo);
		list_add_tail(&next->new, &step->bind->new);
	}
	return 0;
}

const struct drm_gpuvm_ops seedchip_bind_gpuvm_ops = {
	.vm_free = seedchip_bind_gpuvm_free,
	.sm_step_map = seedchip_bind_step_map,
	.sm_step_unmap = seedchip_bind_step_unmap,
	.sm_step_remap = seedchip_bind_step_remap,
};

static void seedchip_bind_lock(struct seedchip_vm *vm)
{
	dma_resv_lock(drm_gpuvm_resv(&vm->base), NULL);
}

static void seedchip_bind_unlock(struct seedchip_vm *vm)
{
	dma_resv_unlock(drm_gpuvm_resv(&vm->base));
}

/*
 * Unlink and free mappings that are not in the tree. Freeing a buffer takes the
 * lock that unlinking needs, so one after the other.
 */
static void seedchip_bind_drop(struct seedchip_vm *vm, struct list_head *old)
{
	struct seedchip_va *va, *tmp;

	list_for_each_entry(va, old, old)
		drm_gem_object_get(va->base.gem.obj);
	seedchip_bind_lock(vm);
	list_for_each_entry(va, old, old)
		drm_gpuva_unlink(&va->base);
	seedchip_bind_unlock(vm);
	list_for_each_entry_safe(va, tmp, old, old) {
		drm_gem_object_put(va->base.gem.obj);
		kfree(va);
	}
	INIT_LIST_HEAD(old);
}

static void seedchip_bind_fill_mapping(const struct seedchip_bind_op *op,
				       struct seedchip_mapping *map)
{
	*map = (struct seedchip_mapping) { .va = op->args.va, .size = op->args.size };
	if (op->obj) {
		struct seedchip_bo *bo = to_seedchip_bo(op->obj);

		map->extents = bo->extents;
		map->num_extents = bo->num_extents;
		map->offset = op->args.bo_offset;
		if (op->args.flags & DRM_SEEDCHIP_BIND_READ)
			map->flags |= SC_PTE_READ;
		if (op->args.flags & DRM_SEEDCHIP_BIND_WRITE)
			map->flags |= SC_PTE_WRITE;
		if (op->args.flags & DRM_SEEDCHIP_BIND_EXECUTE)
			map->flags |= SC_PTE_EXECUTE;
		if (bo->flags & DRM_SEEDCHIP_BO_SYSTEM)
			map->flags |= SC_PTE_SYSTEM;
	}
}

/* Everything below the fence callback of a bind ends here. */
static void seedchip_bind_free(struct seedchip_vm *vm, struct seedchip_bind *bind)
{
	u32 i, j;

	seedchip_bind_lock(vm);
	for (i = 0; i < bind->num_ops; i++)
		if (bind->ops[i].vm_bo)
			drm_gpuvm_bo_put(bind->ops[i].vm_bo);
	seedchip_bind_unlock(vm);
	for (i = 0; i < bind->num_ops; i++) {
		for (j = 0; j < SEEDCHIP_SPARES; j++)
			kfree(bind->ops[i].spares[j]);
		if (bind->ops[i].obj)
			drm_gem_object_put(bind->ops[i].obj);
	}
	for (i = 0; i < bind->num_deps; i++)
		dma_fence_put(bind->deps[i].fence);
	kvfree(bind->deps);
	kvfree(bind->ops);
	dma_fence_put(bind->fence);
	kfree(bind);
}

static int seedchip_bind_check(const struct drm_seedchip_bind *args)
{
	u32 access = args->flags & (DRM_SEEDCHIP_BIND_READ | DRM_SEEDCHIP_BIND_WRITE |
				    DRM_SEEDCHIP_BIND_EXECUTE);

	if (args->flags & ~SEEDCHIP_BIND_FLAGS || !args->size)
		return -EINVAL;
	if (!IS_ALIGNED(args->va | args->size | args->bo_offset, SC_PAGE_SIZE))
		return -EINVAL;
	if (args->va < SC_VA_USER_START || args->va >= SC_VA_USER_END ||
	    args->size > SC_VA_USER_END - args->va)
		return -EINVAL;
	if (!(args->flags & DRM_SEEDCHIP_BIND_MAP))
		return args->flags || args->handle || args->bo_offset ? -EINVAL : 0;
	if (!access || (args->flags & DRM_SEEDCHIP_BIND_WRITE &&
			args->flags & DRM_SEEDCHIP_BIND_EXECUTE))
		return -EINVAL;
	return 0;
}

static int seedchip_bind_init_op(struct seedchip_vm *vm, struct drm_file *file,
				 struct seedchip_bind_op *op)
{
	struct drm_seedchip_bind *args = &op->args;
	u32 i;
	int err;

	err = seedchip_bind_check(args);
	if (err)
		return err;
	for (i = 0; i < SEEDCHIP_SPARES; i++) {
		op->spares[i] = kzalloc(sizeof(*op->spares[i]), GFP_KERNEL);
		if (!op->spares[i])
			return -ENOMEM;
		INIT_LIST_HEAD(&op->spares[i]->new);
		INIT_LIST_HEAD(&op->spares[i]->old);
	}
	if (!(args->flags & DRM_SEEDCHIP_BIND_MAP))
		return 0;
	op->obj = drm_gem_object_lookup(file, args->handle);
	if (!op->obj)
		return -ENOENT;
	if (args->bo_offset >= op->obj->size || args->size > op->obj->size - args->bo_offset)
		return -EINVAL;
	/* A buffer that is private to another address space got here by its global name. */
	if (drm_gpuvm_is_extobj(&vm->base, op->obj))
		return -EINVAL;
	return 0;
}

static struct seedchip_bind *seedchip_bind_create(struct seedchip_vm *vm, struct drm_file *file,
						  const struct drm_seedchip_array *array)
{
	struct drm_seedchip_bind *args;
	struct seedchip_bind *bind;
	int err = -ENOMEM;
	u32 i;

	args = seedchip_copy_array(array, sizeof(*args), SEEDCHIP_MAX_BINDS);
	if (IS_ERR(args))
		return ERR_CAST(args);
	bind = kzalloc(sizeof(*bind), GFP_KERNEL);
	if (!bind)
		goto err_free_args;
	bind->vm = vm;
	INIT_LIST_HEAD(&bind->link);
	INIT_LIST_HEAD(&bind->new);
	INIT_LIST_HEAD(&bind->old);
	atomic_set(&bind->blockers, 1);
	bind->ops = kvcalloc(array->count, sizeof(*bind->ops), GFP_KERNEL);
	if (!bind->ops)
		goto err_free_bind;
	err = 0;
	for (i = 0; i < array->count && !err; i++) {
		bind->num_ops++;
		bind->ops[i].args = args[i];
		err = seedchip_bind_init_op(vm, file, &bind->ops[i]);
	}
	if (err)
		goto err_free_bind;
	kvfree(args);
	return bind;

err_free_bind:
	seedchip_bind_free(vm, bind);
err_free_args:
	kvfree(args);
	return ERR_PTR(err);
}

/* Tables for all operations; those that end up unused do no harm. */
static int seedchip_bind_prepare(struct seedchip_vm *vm, struct seedchip_bind *bind)
{
	struct seedchip_mapping map;
	int err = 0;
	u32 i;

	lockdep_assert_held(&vm->lock);
	for (i = 0; i < bind->num_ops && !err; i++) {
		seedchip_bind_fill_mapping(&bind->ops[i], &map);
		err = seedchip_mmu_prepare(&vm->mmu, &map);
	}
	return err;
}

static int seedchip_bind_change_op(struct seedchip_vm *vm, struct seedchip_bind *bind,
				   struct seedchip_bind_op *op)
{
	struct drm_seedchip_bind *args = &op->args;
	struct seedchip_bind_step step = { bind, op };

	if (!op->obj)
		return drm_gpuvm_sm_unmap(&vm->base, &step, args->va, args->size);
	if (args->flags & DRM_SEEDCHIP_BIND_EXCLUSIVE &&
	    !drm_gpuvm_interval_empty(&vm->base, args->va, args->size))
		return -EBUSY;
	op->vm_bo = seedchip_gpuvm_bo_obtain(&vm->base, op->obj);
	if (IS_ERR(op->vm_bo)) {
		int err = PTR_ERR(op->vm_bo);

		op->vm_bo = NULL;
		return err;
	}
	return seedchip_gpuvm_sm_map(&vm->base, &step, args->va, args->size, op->obj,
				     args->bo_offset);
}

/* Put the tree back: what the call has made goes, what it has replaced returns. */
static void seedchip_bind_undo(struct seedchip_vm *vm, struct seedchip_bind *bind)
{
	struct seedchip_va *va, *tmp;

	list_for_each_entry_safe(va, tmp, &bind->new, new) {
		/* Unless a later operation of the call has replaced it again. */
		if (list_empty(&va->old))
			drm_gpuva_remove(&va->base);
		list_del_init(&va->old);
		list_del(&va->new);
		drm_gpuva_unlink(&va->base);
		kfree(va);
	}
	list_for_each_entry_safe(va, tmp, &bind->old, old) {
		list_del_init(&va->old);
		drm_gpuva_insert(&vm->base, &va->base);
	}
}

/* Change the tree of mappings by all operations or by none. */
static int seedchip_bind_change(struct seedchip_vm *vm, struct seedchip_bind *bind)
{
	struct seedchip_va *va, *tmp;
	int err = 0;
	u32 i;

	lockdep_assert_held(&vm->lock);
	seedchip_bind_lock(vm);
	for (i = 0; i < bind->num_ops && !err; i++)
		err = seedchip_bind_change_op(vm, bind, &bind->ops[i]);
	if (err)
		seedchip_bind_undo(vm, bind);
	else
		list_for_each_entry_safe(va, tmp, &bind->new, new)
			list_del_init(&va->new);
	seedchip_bind_unlock(vm);
	return err;
}

/* Change the page tables. Returns when nothing uses the old translations. */
static void seedchip_bind_apply(struct seedchip_vm *vm, struct seedchip_bind *bind, bool prune)
{
	struct seedchip_mapping map;
	u64 start = U64_MAX, end = 0;
	bool changed = false;
	LIST_HEAD(garbage);
	u32 i;

	lockdep_assert_held(&vm->lock);
	for (i = 0; i < bind->num_ops; i++) {
		seedchip_bind_fill_mapping(&bind->ops[i], &map);
		changed |= seedchip_mmu_apply(&vm->mmu, &map);
		start = min(start, map.va);
		end = max(end, map.va + map.size);
	}
	for (i = 0; prune && i < bind->num_ops; i++)
		seedchip_mmu_prune(&vm->mmu, bind->ops[i].args.va, bind->ops[i].args.size,
				   &garbage);
	if (changed || !list_empty(&garbage)) {
		/* A table that goes covers more than the range that it was cut from. */
		start = round_down(start, SC_HUGE_SIZE);
		end = round_up(end, SC_HUGE_SIZE);
		seedchip_vm_invalidate(vm, start, end - start);
	}
	seedchip_mmu_free_garbage(&vm->mmu, &garbage);
	seedchip_bind_drop(vm, &bind->old);
}

/* Under the fence's lock. */
static void seedchip_bind_dep_signaled(struct dma_fence *fence, struct dma_fence_cb *cb)
{
	struct seedchip_bind *bind = container_of(cb, struct seedchip_bind_dep, cb)->bind;
	struct seedchip_vm *vm = bind->vm;

	if (!atomic_dec_and_test(&bind->blockers))
		return;
	/* The bind is in the list until the work has taken it, and holds the VM. */
	queue_work(vm->sdev->wq, &vm->bind_work);
}

/* No callback of @bind runs after this; one that is running ends first. */
static void seedchip_bind_unhook(struct seedchip_bind *bind)
{
	u32 i;

	for (i = 0; i < bind->num_deps; i++)
		dma_fence_remove_callback(bind->deps[i].fence, &bind->deps[i].cb);
}

/* Applies what is at the head of the list and has nothing to wait for. */
void seedchip_bind_work(struct work_struct *work)
{
	struct seedchip_vm *vm = container_of(work, struct seedchip_vm, bind_work);
	struct seedchip_bind *bind, *tmp;
	LIST_HEAD(done);
	bool present;
	int idx;

	present = drm_dev_enter(&vm->sdev->drm, &idx);
	mutex_lock(&vm->lock);
	list_for_each_entry_safe(bind, tmp, &vm->binds, link) {
		if (atomic_read_acquire(&bind->blockers))
			break;
		if (present)
			seedchip_bind_apply(vm, bind, list_is_singular(&vm->binds));
		else
			dma_fence_set_error(bind->fence, -ENODEV);
		list_move_tail(&bind->link, &done);
		dma_fence_signal(bind->fence);
	}
	if (list_empty(&vm->binds))
		wake_up_all(&vm->idle);
	mutex_unlock(&vm->lock);
	if (present)
		drm_dev_exit(idx);
	list_for_each_entry_safe(bind, tmp, &done, link) {
		/* The last callback has yet to queue this work again: it needs the VM. */
		seedchip_bind_unhook(bind);
		seedchip_bind_drop(vm, &bind->old);
		seedchip_bind_free(vm, bind);
		seedchip_vm_put(vm);
	}
}

/* The file goes and its queues have stopped: what still waits will not happen. */
void seedchip_bind_close(struct seedchip_vm *vm)
{
	struct seedchip_bind *bind, *tmp;
	LIST_HEAD(canceled);

	mutex_lock(&vm->lock);
	list_splice_init(&vm->binds, &canceled);
	mutex_unlock(&vm->lock);
	list_for_each_entry(bind, &canceled, link)
		seedchip_bind_unhook(bind);
	/* A callback that was too late to be removed may have queued it. */
	cancel_work_sync(&vm->bind_work);
	list_for_each_entry_safe(bind, tmp, &canceled, link) {
		dma_fence_set_error(bind->fence, -ECANCELED);
		dma_fence_signal(bind->fence);
		seedchip_bind_drop(vm, &bind->old);
		seedchip_bind_free(vm, bind);
		seedchip_vm_put(vm);
	}
}

/* The end of an address space that nothing translates any more. */
void seedchip_bind_remove_all(struct seedchip_vm *vm)
{
	struct drm_gpuva *base, *tmp;
	LIST_HEAD(old);

	seedchip_bind_lock(vm);
	drm_gpuvm_for_each_va_safe(base, tmp, &vm->base) {
		drm_gpuva_remove(base);
		list_add_tail(&to_seedchip_va(base)->old, &old);
	}
	seedchip_bind_unlock(vm);
	seedchip_bind_drop(vm, &old);
}

/* Let go at once, or put it behind the fences and the binds before it. */
static void seedchip_bind_queue(struct seedchip_vm *vm, struct seedchip_bind *bind,
				struct seedchip_syncs *syncs)
{
	u32 i;

	lockdep_assert_held(&vm->lock);
	seedchip_vm_get(vm);
	list_add_tail(&bind->link, &vm->binds);
	for (i = 0; i < bind->num_deps; i++) {
		struct seedchip_bind_dep *dep = &bind->deps[i];

		atomic_inc(&bind->blockers);
		if (dma_fence_add_callback(dep->fence, &dep->cb, seedchip_bind_dep_signaled))
			atomic_dec(&bind->blockers);
	}
	seedchip_syncs_signal(syncs, bind->fence);
	if (atomic_dec_and_test(&bind->blockers))
		queue_work(vm->sdev->wq, &vm->bind_work);
}

/* What a bind needs to wait for fences. */
static int seedchip_bind_init_async(struct seedchip_bind *bind, struct seedchip_syncs *syncs)
{
	u32 i;

	bind->fence = seedchip_sw_fence_create();
	bind->deps = kvcalloc(syncs->num_in, sizeof(*bind->deps), GFP_KERNEL);
	if (!bind->fence || (syncs->num_in && !bind->deps))
		return -ENOMEM;
	bind->num_deps = syncs->num_in;
	for (i = 0; i < syncs->num_in; i++) {
		bind->deps[i].bind = bind;
		bind->deps[i].fence = dma_fence_get(syncs->in[i]);
		INIT_LIST_HEAD(&bind->deps[i].cb.node);
	}
	return 0;
}

/* Calls take effect in order: one without fences first waits for those that have some. */
static int seedchip_bind_lock_idle(struct seedchip_vm *vm)
{
	int err;

	for (;;) {
		mutex_lock(&vm->lock);
		if (list_empty(&vm->binds))
			return 0;
		mutex_unlock(&vm->lock);
		err = wait_event_interruptible(vm->idle, list_empty_careful(&vm->binds));
		if (err)
			return err;
	}
}

static int seedchip_bind_run(struct seedchip_vm *vm, struct seedchip_bind *bind,
			     struct seedchip_syncs *syncs, bool async)
{
	bool wait;
	int err;

	if (async) {
		err = seedchip_bind_init_async(bind, syncs);
		mutex_lock(&vm->lock);
	} else {
		err = seedchip_bind_lock_idle(vm);
		if (err)
			goto err_free;
	}
	wait = syncs->num_in || !list_empty(&vm->binds);
	if (!err)
		err = seedchip_bind_prepare(vm, bind);
	if (!err)
		err = seedchip_bind_change(vm, bind);
	if (!err && wait) {
		seedchip_bind_queue(vm, bind, syncs);
	} else if (!err) {
		seedchip_bind_apply(vm, bind, true);
		if (async) {
			dma_fence_signal(bind->fence);
			seedchip_syncs_signal(syncs, bind->fence);
		}
	}
	mutex_unlock(&vm->lock);
	if (!err && wait)
		return 0;
err_free:
	seedchip_bind_free(vm, bind);
	return err;
}

int seedchip_ioctl_vm_bind(struct drm_device *drm, void *data, struct drm_file *file)
{
	struct seedchip_file *sfile = file->driver_priv;
	struct drm_seedchip_vm_bind *args = data;
	struct seedchip_bind *bind;
	struct seedchip_syncs syncs;
	int err;

	if (args->flags || args->pad || !args->ops.count)
		return -EINVAL;
	err = seedchip_syncs_init(&syncs, file, &args->syncs);
	if (err)
		goto out_fini;
	bind = seedchip_bind_create(sfile->vm, file, &args->ops);
	if (IS_ERR(bind)) {
		err = PTR_ERR(bind);
		goto out_fini;
	}
	err = seedchip_bind_run(sfile->vm, bind, &syncs, args->syncs.count);
out_fini:
	seedchip_syncs_fini(&syncs);
	return err;
}
