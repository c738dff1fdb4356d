// SPDX-License-Identifier: GPL-2.0-only
/*
 * Address spaces and hardware contexts.
 *
 * The mappings exist from open on; a hardware context is taken at the first
 * queue, since only queues translate. Rings are mapped in a range of their own
 * beyond the user's, in pages that the queue engine alone can reach.
 *
 * Invariant: memory and tables that a context could translate to are freed
 * after an INVALIDATE has retired, and a context is disabled only after one.
 */
#include <linux/dma-fence.h>
#include <linux/log2.h>
#include <linux/sched/mm.h>
#include <linux/slab.h>

#include <drm/drm_drv.h>

#include "device.h"
#include "job.h"
#include "power.h"
#include "reset.h"
#include "user.h"
#include "vm.h"
#include "vram.h"

/**
 * seedchip_vm_create() - an empty address space
 * @sdev: card, entered
 * @user: who is charged for it
 *
 * Return: the address space, or -ENOMEM, -ENOSPC or -EDQUOT.
 */
struct seedchip_vm *seedchip_vm_create(struct seedchip_device *sdev, struct seedchip_user *user)
{
	struct drm_gem_object *resv;
	struct seedchip_vm *vm;
	int err;

	vm = kzalloc(sizeof(*vm), GFP_KERNEL);
	if (!vm)
		return ERR_PTR(-ENOMEM);
	resv = drm_gpuvm_resv_object_alloc(&sdev->drm);
	if (!resv) {
		err = -ENOMEM;
		goto err_free;
	}
	err = seedchip_mmu_init(&vm->mmu, sdev, user);
	if (err)
		goto err_put_resv;
	vm->sdev = sdev;
	vm->user = seedchip_user_get(user);
	kref_init(&vm->ref);
	mutex_init(&vm->lock);
	mutex_init(&vm->mmu_lock);
	fs_reclaim_acquire(GFP_KERNEL);
	might_lock(&vm->mmu_lock);
	fs_reclaim_release(GFP_KERNEL);
	INIT_LIST_HEAD(&vm->binds);
	INIT_WORK(&vm->bind_work, seedchip_bind_work);
	drm_gpuvm_init(&vm->base, "seedchip", 0, &sdev->drm, resv, SC_VA_USER_START,
		       SC_VA_USER_END - SC_VA_USER_START, 0, 0, &seedchip_bind_gpuvm_ops);
	drm_gem_object_put(resv);
	return vm;

err_put_resv:
	drm_gem_object_put(resv);
err_free:
	kfree(vm);
	return ERR_PTR(err);
}

struct seedchip_vm *seedchip_vm_get(struct seedchip_vm *vm)
{
	kref_get(&vm->ref);
	return vm;
}

/* For seedchip_vm_invalidate(), where giving up would leave a stale translation. */
struct seedchip_job *seedchip_vm_create_job(struct seedchip_vm *vm)
{
	return seedchip_job_create_kernel(vm->sdev, GFP_KERNEL | __GFP_NOFAIL);
}

/* No queue is left that could translate. */
static void seedchip_vm_disable(struct seedchip_vm *vm)
{
	struct seedchip_device *sdev = vm->sdev;
	struct seedchip_job *job = NULL;
	bool present;
	int idx;

	if (!vm->context)
		return;
	present = drm_dev_enter(&sdev->drm, &idx);
	if (present)
		job = seedchip_vm_create_job(vm);
	/* Until the context is another's: seedchip_bind_revoke() may come at any time. */
	mutex_lock(&vm->mmu_lock);
	if (present)
		seedchip_vm_invalidate(vm, job, 0, 0);
	mutex_lock(&sdev->hw_lock);
	/* One that cannot be reached will be reset, which disables the context. */
	if (present && !sdev->wedged)
		writel(0, seedchip_context_reg(sdev, vm->context, SC_CTX_CONTROL));
	sdev->contexts[vm->context] = NULL;
	WRITE_ONCE(vm->context, 0);
	mutex_unlock(&sdev->hw_lock);
	mutex_unlock(&vm->mmu_lock);
	if (present)
		drm_dev_exit(idx);
	seedchip_user_uncharge(vm->user, SEEDCHIP_QUOTA_CONTEXTS, 1);
}

static void seedchip_vm_release(struct kref *ref)
{
	struct seedchip_vm *vm = container_of(ref, struct seedchip_vm, ref);
	struct seedchip_device *sdev = vm->sdev;

	seedchip_vm_disable(vm);
	seedchip_bind_remove_all(vm);
	seedchip_mmu_fini(&vm->mmu);
	seedchip_user_put(vm->user);
	seedchip_power_put(sdev);
	drm_gpuvm_put(&vm->base);
}

/* Process context. */
void seedchip_vm_put(struct seedchip_vm *vm)
{
	kref_put(&vm->ref, seedchip_vm_release);
}

/* Write the registers of the context; at first use, and after a device reset. */
void seedchip_vm_program(struct seedchip_vm *vm)
{
	struct seedchip_device *sdev = vm->sdev;

	lockdep_assert_held(&sdev->hw_lock);
	writeq(seedchip_mmu_root_entry(&vm->mmu),
	       seedchip_context_reg(sdev, vm->context, SC_CTX_ROOT));
	writeq(sdev->info.core_mask, seedchip_context_reg(sdev, vm->context, SC_CTX_CORE_MASK));
	writel(SC_CONTEXT_ENABLE, seedchip_context_reg(sdev, vm->context, SC_CTX_CONTROL));
}

/**
 * seedchip_vm_enable() - give the address space a hardware context
 * @vm: address space
 *
 * Return: 0, -ENOSPC or -EDQUOT.
 */
int seedchip_vm_enable(struct seedchip_vm *vm)
{
	struct seedchip_device *sdev = vm->sdev;
	u32 id;
	int err;

	lockdep_assert_held(&sdev->hw_lock);
	if (vm->context)
		return 0;
	for (id = 1; id < sdev->num_contexts && sdev->contexts[id]; id++)
		;
	if (id == sdev->num_contexts)
		return -ENOSPC;
	err = seedchip_user_charge(vm->user, SEEDCHIP_QUOTA_CONTEXTS, 1);
	if (err)
		return err;
	sdev->contexts[id] = vm;
	WRITE_ONCE(vm->context, id);
	seedchip_vm_program(vm);
	return 0;
}

/**
 * seedchip_vm_invalidate() - wait until old translations are gone
 * @vm: address space
 * @job: from seedchip_job_create_kernel(); consumed
 * @va: start
 * @size: bytes, 0 for everything
 *
 * A packet that is refused or fails instead of retiring meets a device reset,
 * which drops all translations too. The caller has entered the device.
 */
void seedchip_vm_invalidate(struct seedchip_vm *vm, struct seedchip_job *job, u64 va, u64 size)
{
	union {
		struct sc_pkt_invalidate invalidate;
		struct sc_packet packet;
	} u = {};
	struct dma_fence *fence;

	/* A context that is enabled after this look sees the new tables alone. */
	smp_mb();
	if (!READ_ONCE(vm->context)) {
		seedchip_job_free_unused(job);
		return;
	}
	u.invalidate.hdr = SC_HDR(SC_OP_INVALIDATE, 0, 0);
	u.invalidate.addr = va;
	u.invalidate.size = size;
	u.invalidate.context = vm->context;
	fence = seedchip_job_run_kernel(job, &u.packet, 1);
	if (IS_ERR(fence)) {
		seedchip_reset_wait_kernel(vm->sdev);
		return;
	}
	seedchip_fence_wait(fence);
	dma_fence_put(fence);
}

/* Each ring has a window of its own, which the largest ring would fill. */
static u64 seedchip_vm_window(struct seedchip_vm *vm)
{
	return max_t(u64, (u64)SC_SLOT_SIZE << vm->sdev->info.ring_log2_max, SC_HUGE_SIZE);
}

/**
 * seedchip_vm_map_ring() - map the ring of a queue for the queue engine
 * @vm: address space
 * @dma: the ring
 * @size: bytes, page aligned
 * @va: receives its address
 *
 * Return: 0, -ENOMEM, -ENOSPC or -EDQUOT.
 */
int seedchip_vm_map_ring(struct seedchip_vm *vm, dma_addr_t dma, size_t size, u64 *va)
{
	const struct seedchip_extent extent = { dma, size };
	struct seedchip_mapping map = {
		.size = size,
		.extents = &extent,
		.num_extents = 1,
		.flags = SC_PTE_READ | SC_PTE_SYSTEM | SC_PTE_ENGINE,
	};
	struct seedchip_pt_pool pool;
	unsigned long window;
	bool done = false;
	int err = 0;

	seedchip_pt_pool_init(&pool);
	while (!err && !done) {
		mutex_lock(&vm->mmu_lock);
		window = find_first_zero_bit(vm->rings, SC_MAX_QUEUES);
		map.va = SC_VA_KERNEL_START + window * seedchip_vm_window(vm);
		if (window == SC_MAX_QUEUES)
			err = -ENOSPC;
		else
			done = seedchip_mmu_count(&vm->mmu, &map, 1, &pool);
		if (done) {
			__set_bit(window, vm->rings);
			seedchip_mmu_prepare(&vm->mmu, &map, &pool);
			seedchip_mmu_apply(&vm->mmu, &map);
			*va = map.va;
		}
		mutex_unlock(&vm->mmu_lock);
		if (!err && !done)
			err = seedchip_pt_pool_fill(&vm->mmu, &pool);
	}
	seedchip_pt_pool_fini(&vm->mmu, &pool);
	return err;
}

/* The queue is disabled; only its translations are left. */
void seedchip_vm_unmap_ring(struct seedchip_vm *vm, u64 va, size_t size)
{
	struct seedchip_mapping map = { .va = va, .size = size };
	struct seedchip_job *job = seedchip_vm_create_job(vm);

	mutex_lock(&vm->mmu_lock);
	seedchip_mmu_apply(&vm->mmu, &map);
	seedchip_vm_invalidate(vm, job, va, size);
	__clear_bit((va - SC_VA_KERNEL_START) / seedchip_vm_window(vm), vm->rings);
	mutex_unlock(&vm->mmu_lock);
}
