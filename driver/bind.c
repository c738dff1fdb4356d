// SPDX-License-Identifier: GPL-2.0-only
/*
 * VM_BIND: all operations of a call, or none.
 *
 * A call goes through: check and allocate (may fail); prepare page tables; change
 * the tree of mappings (undone if an EXCLUSIVE finds its range in use); then, at
 * once or when its in-fences have signalled, change the page tables, which neither
 * fails nor allocates; INVALIDATE if anything was replaced; signal; let go of what
 * is not mapped any more. The tree therefore shows the mappings as they will be
 * when all accepted calls have taken effect, and calls take effect in the order in
 * which they were made.
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
#include "job.h"
#include "sync.h"
#include "trace.h"
#include "vm.h"

#define SEEDCHIP_BIND_OPS (DRM_SEEDCHIP_BIND_MAP | DRM_SEEDCHIP_BIND_SPARSE)
#define SEEDCHIP_BIND_ACCESS                                                                       \
	(DRM_SEEDCHIP_BIND_READ | DRM_SEEDCHIP_BIND_WRITE | DRM_SEEDCHIP_BIND_EXECUTE)

/**
 * struct seedchip_bind_op - one operation
 * @args: from user space, checked
 * @obj: buffer of a MAP; referenced
 * @vm_bo: its membership in the address space; referenced
 */
struct seedchip_bind_op {
	struct drm_seedchip_bind args;
	struct drm_gem_object *obj;
	struct drm_gpuvm_bo *vm_bo;
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
 * @maps: the same for the page tables
 * @num_ops: how many
 * @one_op: memory of @ops if it is one
 * @one_map: memory of @maps, likewise
 * @pool: tables that it will need
 * @invalidate: job for an INVALIDATE, NULL once used
 * @new: mappings that it makes, until it takes effect
 * @old: mappings that it replaces
 * @garbage: page tables that it has emptied
 * @deps: in-fences, if it has to wait
 * @num_deps: how many
 * @blockers: in-fences that have not signalled, plus one until it is queued
 * @fence: signals when it has taken effect; NULL if it did so in the call
 */
struct seedchip_bind {
	struct seedchip_vm *vm;
	struct list_head link;
	struct seedchip_bind_op *ops;
	struct seedchip_mapping *maps;
	u32 num_ops;
	struct seedchip_bind_op one_op;
	struct seedchip_mapping one_map;
	struct seedchip_pt_pool pool;
	struct seedchip_job *invalidate;
	struct list_head new;
	struct list_head old;
	struct list_head garbage;
	struct seedchip_bind_dep *deps;
	u32 num_deps;
	atomic_t blockers;
	struct dma_fence *fence;
};

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

static struct seedchip_va *seedchip_bind_alloc_va(u32 flags)
{
	struct seedchip_va *va = kzalloc(sizeof(*va), GFP_KERNEL_ACCOUNT);

	if (!va)
		return NULL;
	INIT_LIST_HEAD(&va->new);
	INIT_LIST_HEAD(&va->old);
	va->flags = flags;
	return va;
}

/* The list of a buffer's mappings is under its reservation lock; a sparse one is in no list. */
static void seedchip_bind_link(struct seedchip_va *va, struct drm_gpuvm_bo *vm_bo)
{
	struct drm_gem_object *obj = va->base.gem.obj;

	if (!obj)
		return;
	dma_resv_lock(obj->resv, NULL);
	drm_gpuva_link(&va->base, vm_bo);
	dma_resv_unlock(obj->resv);
	atomic_inc(&to_seedchip_bo(obj)->mappings);
}

/* Unlink and free a mapping that is not in the tree. */
static void seedchip_bind_free_va(struct seedchip_va *va)
{
	struct drm_gem_object *obj = va->base.gem.obj;

	if (obj) {
		/* Not to be freed with its own lock held. */
		drm_gem_object_get(obj);
		dma_resv_lock(obj->resv, NULL);
		drm_gpuva_unlink(&va->base);
		dma_resv_unlock(obj->resv);
		atomic_dec(&to_seedchip_bo(obj)->mappings);
		drm_gem_object_put(obj);
	}
	kfree(va);
}

static int seedchip_bind_step_map(struct drm_gpuva_op *gop, void *data)
{
	struct seedchip_bind_step *step = data;
	struct seedchip_va *va = seedchip_bind_alloc_va(step->op->args.flags);

	if (!va)
		return -ENOMEM;
	drm_gpuva_map(&step->bind->vm->base, &va->base, &gop->map);
	seedchip_bind_link(va, step->op->vm_bo);
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
	struct seedchip_va *parts[2] = {};
	unsigned int i;

	if (gop->remap.prev)
		parts[0] = seedchip_bind_alloc_va(va->flags);
	if (gop->remap.next)
		parts[1] = seedchip_bind_alloc_va(va->flags);
	if ((gop->remap.prev && !parts[0]) || (gop->remap.next && !parts[1])) {
		kfree(parts[0]);
		kfree(parts[1]);
		return -ENOMEM;
	}
	drm_gpuva_remap(parts[0] ? &parts[0]->base : NULL, parts[1] ? &parts[1]->base : NULL,
			&gop->remap);
	list_add_tail(&va->old, &step->bind->old);
	for (i = 0; i < ARRAY_SIZE(parts); i++) {
		if (!parts[i])
			continue;
		seedchip_bind_link(parts[i], va->base.vm_bo);
		list_add_tail(&parts[i]->new, &step->bind->new);
	}
	return 0;
}

const struct drm_gpuvm_ops seedchip_bind_gpuvm_ops = {
	.vm_free = seedchip_bind_gpuvm_free,
	.sm_step_map = seedchip_bind_step_map,
	.sm_step_unmap = seedchip_bind_step_unmap,
	.sm_step_remap = seedchip_bind_step_remap,
};

/* Let go of what no translation reaches any more. */
static void seedchip_bind_drop(struct seedchip_vm *vm, struct seedchip_bind *bind)
{
	struct seedchip_va *va, *tmp;

	list_for_each_entry_safe(va, tmp, &bind->old, old)
		seedchip_bind_free_va(va);
	INIT_LIST_HEAD(&bind->old);
	seedchip_mmu_free_garbage(&vm->mmu, &bind->garbage);
}

static void seedchip_bind_fill_mapping(const struct seedchip_bind_op *op,
				       struct seedchip_mapping *map)
{
	u32 flags = op->args.flags;

	*map = (struct seedchip_mapping) { .va = op->args.va, .size = op->args.size };
	if (flags & DRM_SEEDCHIP_BIND_READ)
		map->flags |= SC_PTE_READ;
	if (flags & DRM_SEEDCHIP_BIND_WRITE)
		map->flags |= SC_PTE_WRITE;
	if (flags & DRM_SEEDCHIP_BIND_EXECUTE)
		map->flags |= SC_PTE_EXECUTE;
	if (flags & DRM_SEEDCHIP_BIND_SPARSE)
		map->flags |= SC_PTE_SPARSE;
	if (op->obj) {
		struct seedchip_bo *bo = to_seedchip_bo(op->obj);

		map->extents = bo->extents;
		map->num_extents = bo->num_extents;
		map->offset = op->args.bo_offset;
		if (bo->flags & DRM_SEEDCHIP_BO_SYSTEM)
			map->flags |= SC_PTE_SYSTEM;
	}
}

static void seedchip_bind_free_op(struct seedchip_bind_op *op)
{
	if (op->vm_bo) {
		dma_resv_lock(op->obj->resv, NULL);
		drm_gpuvm_bo_put(op->vm_bo);
		dma_resv_unlock(op->obj->resv);
	}
	if (op->obj)
		drm_gem_object_put(op->obj);
}

/* Everything below the fence callback of a bind ends here. */
static void seedchip_bind_free(struct seedchip_vm *vm, struct seedchip_bind *bind)
{
	struct seedchip_va *va, *tmp;
	u32 i;

	/* Accepted and not applied: they stay in the tree. */
	list_for_each_entry_safe(va, tmp, &bind->new, new)
		list_del_init(&va->new);
	seedchip_bind_drop(vm, bind);
	seedchip_pt_pool_fini(&vm->mmu, &bind->pool);
	seedchip_job_free_unused(bind->invalidate);
	for (i = 0; i < bind->num_ops; i++)
		seedchip_bind_free_op(&bind->ops[i]);
	for (i = 0; i < bind->num_deps; i++)
		dma_fence_put(bind->deps[i].fence);
	kvfree(bind->deps);
	if (bind->maps != &bind->one_map)
		kvfree(bind->maps);
	if (bind->ops != &bind->one_op)
		kvfree(bind->ops);
	dma_fence_put(bind->fence);
	kfree(bind);
}

static int seedchip_bind_check(const struct drm_seedchip_bind *args)
{
	u32 op = args->flags & SEEDCHIP_BIND_OPS;
	u32 access = args->flags & SEEDCHIP_BIND_ACCESS;
	u32 other = args->flags & ~(op | access);

	if (!args->size || !IS_ALIGNED(args->va | args->size | args->bo_offset, SC_PAGE_SIZE))
		return -EINVAL;
	if (args->va < SC_VA_USER_START || args->va >= SC_VA_USER_END ||
	    args->size > SC_VA_USER_END - args->va)
		return -EINVAL;
	if (op != DRM_SEEDCHIP_BIND_MAP && (args->handle || args->bo_offset))
		return -EINVAL;
	if (op == DRM_SEEDCHIP_BIND_UNMAP)
		return args->flags ? -EINVAL : 0;
	if (op == SEEDCHIP_BIND_OPS || !access || other & ~DRM_SEEDCHIP_BIND_EXCLUSIVE)
		return -EINVAL;
	if (access & DRM_SEEDCHIP_BIND_EXECUTE &&
	    (access & DRM_SEEDCHIP_BIND_WRITE || op == DRM_SEEDCHIP_BIND_SPARSE))
		return -EINVAL;
	return 0;
}

static int seedchip_bind_init_obj(struct seedchip_vm *vm, struct drm_file *file,
				  struct seedchip_bind_op *op)
{
	const struct drm_seedchip_bind *args = &op->args;
	struct drm_gpuvm_bo *vm_bo;

	op->obj = drm_gem_object_lookup(file, args->handle);
	if (!op->obj)
		return -ENOENT;
	if (args->bo_offset >= op->obj->size || args->size > op->obj->size - args->bo_offset)
		return -EINVAL;
	if (args->flags & DRM_SEEDCHIP_BIND_WRITE && to_seedchip_bo(op->obj)->read_only)
		return -EACCES;
	if (READ_ONCE(to_seedchip_bo(op->obj)->revoked))
		return -ENODEV;
	dma_resv_lock(op->obj->resv, NULL);
	vm_bo = seedchip_gpuvm_bo_obtain(&vm->base, op->obj);
	dma_resv_unlock(op->obj->resv);
	if (IS_ERR(vm_bo))
		return PTR_ERR(vm_bo);
	op->vm_bo = vm_bo;
	return 0;
}

static int seedchip_bind_init_op(struct seedchip_vm *vm, struct drm_file *file,
				 struct seedchip_bind_op *op, struct seedchip_mapping *map)
{
	int err;

	err = seedchip_bind_check(&op->args);
	if (err)
		return err;
	if (op->args.flags & DRM_SEEDCHIP_BIND_MAP)
		err = seedchip_bind_init_obj(vm, file, op);
	seedchip_bind_fill_mapping(op, map);
	return err;
}

static struct seedchip_bind *seedchip_bind_alloc(struct seedchip_vm *vm, u32 count)
{
	struct seedchip_bind *bind = kzalloc(sizeof(*bind), GFP_KERNEL_ACCOUNT);

	if (!bind)
		return NULL;
	bind->vm = vm;
	INIT_LIST_HEAD(&bind->link);
	INIT_LIST_HEAD(&bind->new);
	INIT_LIST_HEAD(&bind->old);
	INIT_LIST_HEAD(&bind->garbage);
	seedchip_pt_pool_init(&bind->pool);
	atomic_set(&bind->blockers, 1);
	bind->ops = &bind->one_op;
	bind->maps = &bind->one_map;
	if (count > 1) {
		bind->ops = kvcalloc(count, sizeof(*bind->ops), GFP_KERNEL_ACCOUNT);
		bind->maps = kvcalloc(count, sizeof(*bind->maps), GFP_KERNEL_ACCOUNT);
	}
	bind->invalidate = seedchip_job_create_kernel(vm->sdev, GFP_KERNEL);
	if (bind->ops && bind->maps && bind->invalidate)
		return bind;
	seedchip_bind_free(vm, bind);
	return NULL;
}

static struct seedchip_bind *seedchip_bind_create(struct seedchip_vm *vm, struct drm_file *file,
						  const struct drm_seedchip_array *array)
{
	struct drm_seedchip_bind *args, one;
	struct seedchip_bind *bind;
	u64 mapped = 0;
	int err = 0;
	u32 i;

	args = seedchip_copy_array(array, sizeof(*args), SEEDCHIP_MAX_BINDS, &one, 1);
	if (IS_ERR(args))
		return ERR_CAST(args);
	bind = seedchip_bind_alloc(vm, array->count);
	if (!bind)
		err = -ENOMEM;
	for (i = 0; i < array->count && !err; i++) {
		bind->num_ops++;
		bind->ops[i].args = args[i];
		err = seedchip_bind_init_op(vm, file, &bind->ops[i], &bind->maps[i]);
		if (args[i].flags & SEEDCHIP_BIND_OPS)
			mapped += args[i].size;
		/* Once everything, not so often as there are operations: that would take hours. */
		if (!err && mapped > SC_VA_USER_END - SC_VA_USER_START)
			err = -EINVAL;
	}
	if (args != &one)
		kvfree(args);
	if (!err)
		return bind;
	if (bind)
		seedchip_bind_free(vm, bind);
	return ERR_PTR(err);
}

/* Put tables in place for all operations; those that end up unused do no harm. */
static int seedchip_bind_prepare(struct seedchip_vm *vm, struct seedchip_bind *bind)
{
	bool done = false;
	int err = 0;
	u32 i;

	lockdep_assert_held(&vm->lock);
	while (!err && !done) {
		mutex_lock(&vm->mmu_lock);
		done = seedchip_mmu_count(&vm->mmu, bind->maps, bind->num_ops, &bind->pool);
		for (i = 0; done && i < bind->num_ops; i++)
			seedchip_mmu_prepare(&vm->mmu, &bind->maps[i], &bind->pool);
		vm->prepared += done;
		mutex_unlock(&vm->mmu_lock);
		if (!done)
			err = seedchip_pt_pool_fill(&vm->mmu, &bind->pool);
	}
	return err;
}

static int seedchip_bind_change_op(struct seedchip_vm *vm, struct seedchip_bind *bind,
				   struct seedchip_bind_op *op)
{
	struct drm_seedchip_bind *args = &op->args;
	struct seedchip_bind_step step = { bind, op };

	if (!(args->flags & SEEDCHIP_BIND_OPS))
		return drm_gpuvm_sm_unmap(&vm->base, &step, args->va, args->size);
	if (args->flags & DRM_SEEDCHIP_BIND_EXCLUSIVE &&
	    !drm_gpuvm_interval_empty(&vm->base, args->va, args->size))
		return -EBUSY;
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
		seedchip_bind_free_va(va);
	}
	list_for_each_entry_safe(va, tmp, &bind->old, old) {
		list_del_init(&va->old);
		drm_gpuva_insert(&vm->base, &va->base);
	}
}

/* Change the tree of mappings by all operations or by none. */
static int seedchip_bind_change(struct seedchip_vm *vm, struct seedchip_bind *bind)
{
	int err = 0;
	u32 i;

	lockdep_assert_held(&vm->lock);
	for (i = 0; i < bind->num_ops && !err; i++)
		err = seedchip_bind_change_op(vm, bind, &bind->ops[i]);
	if (err)
		seedchip_bind_undo(vm, bind);
	return err;
}

/* Take out the tables that a bind leaves empty, unless another one counts on them. */
static void seedchip_bind_prune(struct seedchip_vm *vm, struct seedchip_bind *bind)
{
	u32 i;

	lockdep_assert_held(&vm->mmu_lock);
	if (--vm->prepared)
		return;
	for (i = 0; i < bind->num_ops; i++)
		seedchip_mmu_prune(&vm->mmu, bind->maps[i].va, bind->maps[i].size, &bind->garbage);
}

/*
 * Returns when nothing uses what the range, or the tables that are garbage now,
 * have translated. A table that goes covers more than the range.
 */
static void seedchip_bind_invalidate(struct seedchip_vm *vm, struct seedchip_bind *bind, u64 start,
				     u64 end)
{
	if (!list_empty(&bind->garbage))
		seedchip_vm_invalidate(vm, bind->invalidate, 0, 0);
	else
		seedchip_vm_invalidate(vm, bind->invalidate, start, end - start);
	bind->invalidate = NULL;
}

/* Change the page tables. Returns when nothing uses the old translations. */
static void seedchip_bind_apply(struct seedchip_vm *vm, struct seedchip_bind *bind)
{
	u64 start = U64_MAX, end = 0;
	struct seedchip_va *va, *tmp;
	bool changed = false;
	u32 i;

	lockdep_assert_held(&vm->mmu_lock);
	for (i = 0; i < bind->num_ops; i++) {
		struct seedchip_mapping *map = &bind->maps[i];
		struct drm_gem_object *obj = bind->ops[i].obj;

		/* Taken back since it was checked: nothing is mapped. */
		if (obj && READ_ONCE(to_seedchip_bo(obj)->revoked))
			map->flags = 0;
		changed |= seedchip_mmu_apply(&vm->mmu, map);
		trace_seedchip_bind(vm->sdev, vm->context, &bind->ops[i].args);
		start = min(start, map->va);
		end = max(end, map->va + map->size);
	}
	list_for_each_entry_safe(va, tmp, &bind->new, new) {
		va->shown = true;
		list_del_init(&va->new);
	}
	list_for_each_entry(va, &bind->old, old)
		va->shown = false;
	seedchip_bind_prune(vm, bind);
	if (changed || !list_empty(&bind->garbage))
		seedchip_bind_invalidate(vm, bind, start, end);
}

/* A bind that was prepared and will not be applied. */
static void seedchip_bind_unprepare(struct seedchip_vm *vm, struct seedchip_bind *bind)
{
	mutex_lock(&vm->mmu_lock);
	seedchip_bind_prune(vm, bind);
	if (!list_empty(&bind->garbage))
		seedchip_bind_invalidate(vm, bind, 0, 0);
	mutex_unlock(&vm->mmu_lock);
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
	bool present, usable;
	int idx;

	present = drm_dev_enter(&vm->sdev->drm, &idx);
	/* A fence of somebody else may come while the system sleeps, and the file is lost then. */
	usable = present && !READ_ONCE(vm->sdev->asleep);
	mutex_lock(&vm->mmu_lock);
	list_for_each_entry_safe(bind, tmp, &vm->binds, link) {
		if (atomic_read_acquire(&bind->blockers))
			break;
		if (usable)
			seedchip_bind_apply(vm, bind);
		else
			dma_fence_set_error(bind->fence, -ENODEV);
		list_move_tail(&bind->link, &done);
		dma_fence_signal(bind->fence);
	}
	if (list_empty(&vm->binds))
		wake_up_all(&vm->sdev->bind_idle);
	mutex_unlock(&vm->mmu_lock);
	if (present)
		drm_dev_exit(idx);
	list_for_each_entry_safe(bind, tmp, &done, link) {
		/* The last callback has yet to queue this work again: it needs the VM. */
		seedchip_bind_unhook(bind);
		seedchip_bind_free(vm, bind);
		seedchip_vm_put(vm);
	}
}

/* The file goes and its queues have stopped: what still waits will not happen. */
void seedchip_bind_close(struct seedchip_vm *vm)
{
	struct seedchip_bind *bind, *tmp;
	LIST_HEAD(canceled);

	mutex_lock(&vm->mmu_lock);
	list_splice_init(&vm->binds, &canceled);
	mutex_unlock(&vm->mmu_lock);
	list_for_each_entry(bind, &canceled, link)
		seedchip_bind_unhook(bind);
	/* A callback that was too late to be removed may have queued it. */
	cancel_work_sync(&vm->bind_work);
	list_for_each_entry_safe(bind, tmp, &canceled, link) {
		dma_fence_set_error(bind->fence, -ECANCELED);
		dma_fence_signal(bind->fence);
		seedchip_bind_free(vm, bind);
		seedchip_vm_put(vm);
	}
}

static void seedchip_bind_revoke_vm(struct drm_gpuvm_bo *vm_bo)
{
	struct seedchip_vm *vm = to_seedchip_vm(vm_bo->vm);
	struct seedchip_job *job;
	struct drm_gpuva *base;
	bool changed = false;
	int idx;

	if (!drm_dev_enter(&vm->sdev->drm, &idx))
		return;
	job = seedchip_vm_create_job(vm);
	mutex_lock(&vm->mmu_lock);
	drm_gpuvm_bo_for_each_va(base, vm_bo) {
		struct seedchip_mapping map = { .va = base->va.addr, .size = base->va.range };

		if (to_seedchip_va(base)->shown)
			changed |= seedchip_mmu_apply(&vm->mmu, &map);
	}
	if (changed)
		seedchip_vm_invalidate(vm, job, 0, 0);
	else
		seedchip_job_free_unused(job);
	mutex_unlock(&vm->mmu_lock);
	drm_dev_exit(idx);
}

/**
 * seedchip_bind_revoke() - take a buffer's memory out of all page tables, for good
 * @obj: buffer, its reservation lock held
 *
 * Its mappings stay in the trees; what they translate faults. Returns when nothing
 * uses the memory any more.
 */
void seedchip_bind_revoke(struct drm_gem_object *obj)
{
	struct drm_gpuvm_bo *vm_bo;

	dma_resv_assert_held(obj->resv);
	/* Whoever gets mmu_lock later sees it; what was applied before is in the list. */
	WRITE_ONCE(to_seedchip_bo(obj)->revoked, true);
	drm_gem_for_each_gpuvm_bo(vm_bo, obj)
		seedchip_bind_revoke_vm(vm_bo);
}

/* The end of an address space that nothing translates any more. */
void seedchip_bind_remove_all(struct seedchip_vm *vm)
{
	struct drm_gpuva *base, *tmp;

	drm_gpuvm_for_each_va_safe(base, tmp, &vm->base) {
		drm_gpuva_remove(base);
		seedchip_bind_free_va(to_seedchip_va(base));
	}
}

/* Put it behind the fences and the binds before it. */
static void seedchip_bind_queue(struct seedchip_vm *vm, struct seedchip_bind *bind,
				struct seedchip_syncs *syncs)
{
	u32 i;

	lockdep_assert_held(&vm->mmu_lock);
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
	bind->deps = kvcalloc(syncs->num_in, sizeof(*bind->deps), GFP_KERNEL_ACCOUNT);
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

static bool seedchip_bind_is_idle(struct seedchip_vm *vm)
{
	return list_empty_careful(&vm->binds);
}

/*
 * Calls take effect in order: one without fences first waits for those that have
 * some. Outside of any section of drm_dev_enter(): other drivers' fences take long.
 */
static int seedchip_bind_wait_idle(struct seedchip_vm *vm)
{
	struct seedchip_device *sdev = vm->sdev;
	int err = wait_event_interruptible(sdev->bind_idle, seedchip_bind_is_idle(vm) ||
					   READ_ONCE(sdev->leaving));

	return err ?: READ_ONCE(sdev->leaving) ? -ENODEV : 0;
}

/* Accepted: apply it now, or let it wait. Returns whether it has been applied. */
static bool seedchip_bind_commit(struct seedchip_vm *vm, struct seedchip_bind *bind,
				 struct seedchip_syncs *syncs)
{
	bool wait;

	mutex_lock(&vm->mmu_lock);
	wait = bind->num_deps || !list_empty(&vm->binds);
	if (wait) {
		seedchip_bind_queue(vm, bind, syncs);
	} else {
		seedchip_bind_apply(vm, bind);
		if (bind->fence) {
			dma_fence_signal(bind->fence);
			seedchip_syncs_signal(syncs, bind->fence);
		}
	}
	mutex_unlock(&vm->mmu_lock);
	return !wait;
}

static int seedchip_bind_run(struct seedchip_vm *vm, struct seedchip_bind *bind,
			     struct seedchip_syncs *syncs, bool async)
{
	bool applied = true;
	int err;

	err = async ? seedchip_bind_init_async(bind, syncs) : 0;
	if (err)
		goto out_free;
	mutex_lock(&vm->lock);
	err = async || seedchip_bind_is_idle(vm) ? seedchip_bind_prepare(vm, bind) : -EAGAIN;
	if (err)
		goto out_unlock;
	err = seedchip_bind_change(vm, bind);
	if (err)
		seedchip_bind_unprepare(vm, bind);
	else
		applied = seedchip_bind_commit(vm, bind, syncs);
out_unlock:
	mutex_unlock(&vm->lock);
out_free:
	/* One that waits belongs to the work. */
	if (applied)
		seedchip_bind_free(vm, bind);
	return err;
}

/* -EAGAIN: it has to wait for another call first. */
static int seedchip_bind_try(struct drm_file *file, struct drm_seedchip_vm_bind *args)
{
	struct seedchip_file *sfile = file->driver_priv;
	struct seedchip_bind *bind;
	struct seedchip_syncs syncs;
	int err;

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

int seedchip_ioctl_vm_bind(struct drm_device *drm, void *data, struct drm_file *file)
{
	struct seedchip_file *sfile = file->driver_priv;
	struct drm_seedchip_vm_bind *args = data;
	int idx, err;

	do {
		err = args->syncs.count ? 0 : seedchip_bind_wait_idle(sfile->vm);
		err = err ?: seedchip_file_enter(file, &idx);
		if (err)
			return err;
		err = args->flags || args->pad || !args->ops.count ? -EINVAL :
		      seedchip_bind_try(file, args);
		drm_dev_exit(idx);
	} while (err == -EAGAIN);
	return err;
}
