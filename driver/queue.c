// SPDX-License-Identifier: GPL-2.0-only
/*
 * Hardware queues: memory, registers, lifetime.
 *
 * Invariant: memory that a queue's registers name is freed only after DISABLE
 * or a device reset, and a ring's translation is gone before its memory is.
 */
#include <linux/dma-mapping.h>
#include <linux/iopoll.h>
#include <linux/slab.h>

#include <drm/drm_drv.h>
#include <drm/drm_file.h>

#include "device.h"
#include "event.h"
#include "irq.h"
#include "job.h"
#include "queue.h"
#include "reset.h"
#include "user.h"
#include "vm.h"

/* Twice what the specification grants a command, before its factor. */
#define SEEDCHIP_QUEUE_BOUND_US 2000000ULL

struct seedchip_queue *seedchip_queue_at(struct seedchip_device *sdev, u32 id)
{
	return rcu_dereference_protected(sdev->queues[id], lockdep_is_held(&sdev->hw_lock));
}

/*
 * Give a command and wait for it. -ETIMEDOUT beyond twice the bound of the
 * specification, -ENODEV if the card does not answer.
 */
int seedchip_queue_command(struct seedchip_queue *q, u32 command)
{
	struct seedchip_device *sdev = q->sdev;
	void __iomem *status_reg = seedchip_queue_reg(sdev, q->id, SC_Q_STATUS);
	u32 status;
	int err;

	lockdep_assert_held(&sdev->hw_lock);
	writel(command, seedchip_queue_reg(sdev, q->id, SC_Q_COMMAND));
	err = readl_poll_timeout(status_reg, status,
				 seedchip_is_gone(status) || !(status & SC_QUEUE_BUSY), 50,
				 SEEDCHIP_QUEUE_BOUND_US * sdev->info.timeout_scale);
	if (seedchip_is_gone(status))
		return -ENODEV;
	return err;
}

static void seedchip_queue_program(struct seedchip_queue *q)
{
	struct seedchip_device *sdev = q->sdev;
	u32 config = q->config.ring_log2 | q->vector << SC_QUEUE_VECTOR_SHIFT |
		     (q->config.user ? 0 : SC_QUEUE_KERNEL_RING);

	writeq(q->ring_va, seedchip_queue_reg(sdev, q->id, SC_Q_RING_BASE));
	writel(config, seedchip_queue_reg(sdev, q->id, SC_Q_CONFIG));
	writel(q->vm ? q->vm->context : 0, seedchip_queue_reg(sdev, q->id, SC_Q_CONTEXT));
	writeq(q->state.dma, seedchip_queue_reg(sdev, q->id, SC_Q_STATE_ADDR));
	writeq(q->config.record_va, seedchip_queue_reg(sdev, q->id, SC_Q_RECORD_BASE));
	writeq(q->config.log_va, seedchip_queue_reg(sdev, q->id, SC_Q_LOG_ADDR));
	writeq(q->dump.dma, seedchip_queue_reg(sdev, q->id, SC_Q_DUMP_ADDR));
	/* Cores that have failed since; if all of them have, others do the work. */
	writeq(q->config.core_mask & sdev->info.core_mask ?: sdev->info.core_mask,
	       seedchip_queue_reg(sdev, q->id, SC_Q_CORE_MASK));
	writeq(q->config.wg_limit, seedchip_queue_reg(sdev, q->id, SC_Q_WG_LIMIT));
	writel(q->config.priority, seedchip_queue_reg(sdev, q->id, SC_Q_PRIORITY));
	writel(q->config.irq_count, seedchip_queue_reg(sdev, q->id, SC_Q_COALESCE_COUNT));
	writel(q->config.irq_ns, seedchip_queue_reg(sdev, q->id, SC_Q_COALESCE_NS));
}

/**
 * seedchip_queue_start() - make a stopped or disabled queue accept work
 * @q: queue, not active; the caller keeps submitters out
 *
 * The card continues at the write index: whatever lies before it is history.
 */
int seedchip_queue_start(struct seedchip_queue *q)
{
	struct seedchip_device *sdev = q->sdev;
	u32 status;
	int err;

	lockdep_assert_held(&sdev->hw_lock);
	status = readl(seedchip_queue_reg(sdev, q->id, SC_Q_STATUS));
	if (seedchip_is_gone(status))
		return -ENODEV;
	if (SC_QUEUE_STATE(status) == SC_QUEUE_DISABLED)
		seedchip_queue_program(q);
	writeq(q->write, seedchip_queue_reg(sdev, q->id, SC_Q_INDEX));
	writeq(~0ULL, seedchip_queue_reg(sdev, q->id, SC_Q_ARM));
	err = seedchip_queue_command(q, SC_QUEUE_CMD_START);
	if (err)
		return err;

	spin_lock_irq(&q->tl->lock);
	q->epoch = readl(seedchip_queue_reg(sdev, q->id, SC_Q_EPOCH));
	q->retired = q->write;
	q->rung = q->write;
	q->armed = ~0ULL;
	q->has_fault = false;
	q->has_aborted = false;
	q->stopped = false;
	q->status = SEEDCHIP_QUEUE_ACTIVE;
	spin_unlock_irq(&q->tl->lock);
	return 0;
}

static int seedchip_queue_alloc_coherent(struct seedchip_queue *q, struct seedchip_dma *mem,
					 size_t size)
{
	mem->size = PAGE_ALIGN(size);
	mem->cpu = dma_alloc_coherent(q->sdev->drm.dev, mem->size, &mem->dma,
				      GFP_KERNEL | __GFP_ZERO | __GFP_NOWARN);
	return mem->cpu ? 0 : -ENOMEM;
}

static void seedchip_queue_free_coherent(struct seedchip_queue *q, struct seedchip_dma *mem)
{
	if (mem->cpu)
		dma_free_coherent(q->sdev->drm.dev, mem->size, mem->cpu, mem->dma);
	mem->cpu = NULL;
}

static int seedchip_queue_alloc_memory(struct seedchip_queue *q)
{
	struct device *dev = q->sdev->drm.dev;
	int err;

	err = seedchip_queue_alloc_coherent(q, &q->dump, q->sdev->info.dump_size);
	if (!err && !q->config.user)
		err = seedchip_queue_alloc_coherent(q, &q->ring,
						    SC_SLOT_SIZE << q->config.ring_log2);
	if (err)
		return err;
	q->state_page = alloc_page(GFP_KERNEL | __GFP_ZERO);
	if (!q->state_page)
		return -ENOMEM;
	if (q->config.user) {
		q->doorbell_page = alloc_page(GFP_KERNEL | __GFP_ZERO);
		if (!q->doorbell_page)
			return -ENOMEM;
	}
	q->state.size = PAGE_SIZE;
	q->state.dma = dma_map_page(dev, q->state_page, 0, PAGE_SIZE, DMA_BIDIRECTIONAL);
	if (dma_mapping_error(dev, q->state.dma))
		return -ENOMEM;
	q->state.cpu = page_address(q->state_page);
	rcu_assign_pointer(q->tl->state, q->state.cpu);
	return 0;
}

/*
 * Idempotent: a queue loses what the device reaches when it is released, or
 * when the device goes while a file still holds it.
 */
void seedchip_queue_free_memory(struct seedchip_queue *q)
{
	struct device *dev = q->sdev->drm.dev;
	bool mapped;

	mutex_lock(&q->submit_lock);
	spin_lock_irq(&q->tl->lock);
	mapped = q->state.cpu;
	q->state.cpu = NULL;
	spin_unlock_irq(&q->tl->lock);
	if (mapped)
		dma_unmap_page(dev, q->state.dma, PAGE_SIZE, DMA_BIDIRECTIONAL);
	seedchip_queue_free_coherent(q, &q->ring);
	mutex_unlock(&q->submit_lock);
	/* Not inside the other: its holder copies to user memory, which may wait for reclaim. */
	mutex_lock(&q->dump_lock);
	seedchip_queue_free_coherent(q, &q->dump);
	mutex_unlock(&q->dump_lock);
}

void seedchip_queue_get(struct seedchip_queue *q)
{
	kref_get(&q->ref);
}

static void seedchip_queue_free_rcu(struct rcu_head *rcu)
{
	struct seedchip_queue *q = container_of(rcu, struct seedchip_queue, rcu);

	if (q->state_page)
		__free_page(q->state_page);
	kfree(q->event);
	if (q->doorbell_page)
		__free_page(q->doorbell_page);
	kfree(q);
}

static void seedchip_queue_free(struct kref *ref)
{
	struct seedchip_queue *q = container_of(ref, struct seedchip_queue, ref);

	RCU_INIT_POINTER(q->tl->state, NULL);
	seedchip_timeline_put(q->tl);
	call_rcu(&q->rcu, seedchip_queue_free_rcu);
}

/* Any context. */
void seedchip_queue_put(struct seedchip_queue *q)
{
	kref_put(&q->ref, seedchip_queue_free);
}

/* Have the failure of @q dealt with, which keeps @q until then. */
void seedchip_queue_fail(struct seedchip_queue *q)
{
	seedchip_queue_get(q);
	if (!queue_work(q->sdev->reset_wq, &q->fail_work))
		seedchip_queue_put(q);
}

/*
 * A queue that was never started, or that a device reset has hit, is disabled already. One that
 * does not obey may still reach what is about to be freed.
 */
static void seedchip_queue_disable(struct seedchip_queue *q)
{
	struct seedchip_device *sdev = q->sdev;
	u32 status;
	int err = 0;

	mutex_lock(&sdev->hw_lock);
	if (!sdev->wedged) {
		status = readl(seedchip_queue_reg(sdev, q->id, SC_Q_STATUS));
		if (SC_QUEUE_STATE(status) == SC_QUEUE_STOPPED)
			err = seedchip_queue_command(q, SC_QUEUE_CMD_DISABLE);
		else if (SC_QUEUE_STATE(status) != SC_QUEUE_DISABLED)
			err = -EIO;
		if (err)
			seedchip_reset_device(sdev);
	}
	mutex_unlock(&sdev->hw_lock);
}

/* The last user has gone: nothing names the hardware queue any more. */
static void seedchip_queue_release(struct seedchip_queue *q)
{
	struct seedchip_device *sdev = q->sdev;
	int idx;

	seedchip_queue_disable(q);
	if (drm_dev_enter(&sdev->drm, &idx)) {
		if (q->vm && q->ring_va && !q->config.user)
			seedchip_vm_unmap_ring(q->vm, q->ring_va, q->ring.size);
		drm_dev_exit(idx);
	}
	seedchip_irq_detach(q);
	seedchip_queue_free_memory(q);
	/* After the last submitter, who starts it, has let go of submit_lock. */
	if (cancel_delayed_work_sync(&q->watchdog))
		seedchip_queue_put(q);
	/* No job is pending any more, so no fence queues it again. */
	irq_work_sync(&q->gate_work);

	mutex_lock(&sdev->hw_lock);
	RCU_INIT_POINTER(sdev->queues[q->id], NULL);
	if (q == sdev->kernel_queue)
		sdev->kernel_queue = NULL;
	mutex_unlock(&sdev->hw_lock);
	if (q->vm) {
		seedchip_user_uncharge(q->vm->user, SEEDCHIP_QUOTA_QUEUES, 1);
		seedchip_vm_put(q->vm);
	}
	seedchip_queue_put(q);
}

static void seedchip_queue_release_users(struct kref *users)
{
	seedchip_queue_release(container_of(users, struct seedchip_queue, users));
}

static void seedchip_queue_release_work(struct work_struct *work)
{
	seedchip_queue_release(container_of(work, struct seedchip_queue, release_work));
}

static void seedchip_queue_release_users_irq(struct kref *users)
{
	struct seedchip_queue *q = container_of(users, struct seedchip_queue, users);

	queue_work(q->sdev->wq, &q->release_work);
}

/* Process context. */
void seedchip_queue_put_user(struct seedchip_queue *q)
{
	kref_put(&q->users, seedchip_queue_release_users);
}

/* Any context. */
void seedchip_queue_put_user_irq(struct seedchip_queue *q)
{
	kref_put(&q->users, seedchip_queue_release_users_irq);
}

static struct seedchip_queue *seedchip_queue_alloc(struct seedchip_device *sdev,
						   const struct seedchip_queue_config *config)
{
	struct seedchip_queue *q = kzalloc(sizeof(*q), GFP_KERNEL);

	if (!q)
		return NULL;
	q->tl = seedchip_timeline_create("queue");
	q->event = config->handle ? seedchip_event_alloc() : NULL;
	if (!q->tl || (config->handle && !q->event)) {
		if (q->tl)
			seedchip_timeline_put(q->tl);
		kfree(q->event);
		kfree(q);
		return NULL;
	}
	q->tl->queue = q;
	q->sdev = sdev;
	q->config = *config;
	q->status = SEEDCHIP_QUEUE_FAILED;
	q->armed = ~0ULL;
	kref_init(&q->ref);
	kref_init(&q->users);
	mutex_init(&q->dump_lock);
	mutex_init(&q->submit_lock);
	INIT_LIST_HEAD(&q->vector_link);
	INIT_LIST_HEAD(&q->pending);
	INIT_LIST_HEAD(&q->gated);
	INIT_LIST_HEAD(&q->doomed);
	INIT_LIST_HEAD(&q->waiters);
	INIT_DELAYED_WORK(&q->watchdog, seedchip_reset_watchdog);
	INIT_WORK(&q->fail_work, seedchip_reset_fail_work);
	init_irq_work(&q->gate_work, seedchip_job_publish_work);
	INIT_WORK(&q->release_work, seedchip_queue_release_work);
	return q;
}

static int seedchip_queue_reserve(struct seedchip_queue *q, struct seedchip_vm *vm)
{
	struct seedchip_device *sdev = q->sdev;
	int err = vm ? seedchip_user_charge(vm->user, SEEDCHIP_QUOTA_QUEUES, 1) : 0;
	u32 id;

	if (err)
		return err;
	mutex_lock(&sdev->hw_lock);
	for (id = vm ? 1 : 0; id < sdev->num_queues; id++)
		if (!seedchip_queue_at(sdev, id))
			break;
	if (id < sdev->num_queues) {
		q->id = id;
		q->vector = seedchip_irq_vector(sdev, id);
		snprintf(q->tl->name, sizeof(q->tl->name), "queue %u", id);
		rcu_assign_pointer(sdev->queues[id], q);
	}
	mutex_unlock(&sdev->hw_lock);
	if (id < sdev->num_queues)
		return 0;
	if (vm)
		seedchip_user_uncharge(vm->user, SEEDCHIP_QUOTA_QUEUES, 1);
	return -ENOSPC;
}

/**
 * seedchip_queue_create() - set up and start a queue
 * @sdev: card
 * @vm: address space, NULL for the kernel's queue
 * @config: choices, checked
 *
 * Return: the queue, which seedchip_queue_destroy() ends, or -ENOMEM, -ENOSPC,
 * -EDQUOT, -ENODEV.
 */
struct seedchip_queue *seedchip_queue_create(struct seedchip_device *sdev, struct seedchip_vm *vm,
					     const struct seedchip_queue_config *config)
{
	struct seedchip_queue *q = seedchip_queue_alloc(sdev, config);
	int err;

	if (!q)
		return ERR_PTR(-ENOMEM);
	err = seedchip_queue_alloc_memory(q);
	if (!err)
		err = seedchip_queue_reserve(q, vm);
	if (err) {
		seedchip_queue_free_memory(q);
		seedchip_queue_put(q);
		return ERR_PTR(err);
	}
	/* From here on seedchip_queue_release() undoes everything. */
	q->ring_va = q->ring.dma | SC_CONTEXT0_SYSTEM;
	if (vm) {
		q->vm = seedchip_vm_get(vm);
		q->ring_va = config->ring_va;
		if (!config->user)
			err = seedchip_vm_map_ring(vm, q->ring.dma, q->ring.size, &q->ring_va);
	}
	seedchip_irq_attach(q);
	if (!err) {
		mutex_lock(&sdev->hw_lock);
		if (sdev->wedged)
			err = -ENODEV;
		if (!err && vm)
			err = seedchip_vm_enable(vm);
		if (!err)
			err = seedchip_queue_start(q);
		if (!err && !vm)
			sdev->kernel_queue = q;
		mutex_unlock(&sdev->hw_lock);
	}
	if (err) {
		seedchip_queue_destroy(q);
		return ERR_PTR(err);
	}
	return q;
}

/* Aborts what is pending; the hardware queue follows when nobody waits for it. */
void seedchip_queue_destroy(struct seedchip_queue *q)
{
	seedchip_reset_destroy(q);
	seedchip_queue_put_user(q);
}

/* A reference to put, or NULL. */
struct seedchip_queue *seedchip_queue_lookup(struct drm_file *file, u32 handle)
{
	struct seedchip_file *sfile = file->driver_priv;
	struct seedchip_queue *q;

	rcu_read_lock();
	q = xa_load(&sfile->queues, handle);
	if (q && !kref_get_unless_zero(&q->ref))
		q = NULL;
	rcu_read_unlock();
	return q;
}

void seedchip_queue_close_all(struct drm_file *file)
{
	struct seedchip_file *sfile = file->driver_priv;
	struct seedchip_queue *q;
	unsigned long handle;

	/* All stop before the first is released: they may wait for each other. */
	xa_for_each(&sfile->queues, handle, q)
		seedchip_reset_destroy(q);
	xa_for_each(&sfile->queues, handle, q)
		seedchip_queue_put_user(q);
	xa_destroy(&sfile->queues);
}

static void seedchip_queue_vm_open(struct vm_area_struct *vma)
{
	seedchip_queue_get(vma->vm_private_data);
}

static void seedchip_queue_vm_close(struct vm_area_struct *vma)
{
	seedchip_queue_put(vma->vm_private_data);
}

/*
 * Also when queue or device have gone: a program that polls then sees the last
 * state and learns the rest from its next call, instead of dying of SIGBUS.
 */
static vm_fault_t seedchip_queue_state_fault(struct vm_fault *vmf)
{
	struct seedchip_queue *q = vmf->vma->vm_private_data;

	return vmf_insert_pfn(vmf->vma, vmf->address, page_to_pfn(q->state_page));
}

static const struct vm_operations_struct seedchip_queue_state_ops = {
	.open = seedchip_queue_vm_open,
	.close = seedchip_queue_vm_close,
	.fault = seedchip_queue_state_fault,
};

/*
 * Whoever takes the doorbell away does so under hw_lock, and then zaps the
 * mapping: a fault waits until a reset is over, and finds what is true after it.
 */
static vm_fault_t seedchip_queue_doorbell_fault(struct vm_fault *vmf)
{
	struct vm_area_struct *vma = vmf->vma;
	struct seedchip_queue *q = vma->vm_private_data;
	struct seedchip_device *sdev = q->sdev;
	vm_fault_t ret;

	/* The page table now: nothing is allocated under hw_lock, as reclaim may wait for it. */
	if (apply_to_page_range(vma->vm_mm, vmf->address, PAGE_SIZE, NULL, NULL))
		return VM_FAULT_OOM;
	mutex_lock(&sdev->hw_lock);
	if (sdev->wedged || q->status == SEEDCHIP_QUEUE_DEAD)
		ret = vmf_insert_pfn_prot(vma, vmf->address, page_to_pfn(q->doorbell_page),
					  vm_get_page_prot(vma->vm_flags));
	else
		ret = vmf_insert_pfn(vma, vmf->address,
				     (sdev->doorbells_phys + q->id * sdev->doorbell_stride) >>
				     PAGE_SHIFT);
	mutex_unlock(&sdev->hw_lock);
	return ret;
}

static const struct vm_operations_struct seedchip_queue_doorbell_ops = {
	.open = seedchip_queue_vm_open,
	.close = seedchip_queue_vm_close,
	.fault = seedchip_queue_doorbell_fault,
};

/* Without hw_lock: notifiers of the address space run, which may wait for fences. */
static void seedchip_queue_zap(struct seedchip_device *sdev, pgoff_t first, pgoff_t count)
{
	lockdep_assert_not_held(&sdev->hw_lock);
	unmap_mapping_range(sdev->drm.anon_inode->i_mapping, (loff_t)first << PAGE_SHIFT,
			    (loff_t)count << PAGE_SHIFT, 1);
}

/* Take the doorbell page, or what stands in for it: the queue is dead, or is given it back. */
void seedchip_queue_disconnect(struct seedchip_queue *q)
{
	if (q->config.user)
		seedchip_queue_zap(q->sdev, seedchip_queue_doorbell_pgoff(q), 1);
}

/**
 * seedchip_queue_disconnect_all() - take all doorbell pages away from programs
 * @sdev: card; gone, about to sleep, or in a reset of its link or function
 *
 * A program's next store faults and gets the page, or one that stands in for it.
 * A reset by the card itself needs no such thing: the card ignores doorbells then.
 */
void seedchip_queue_disconnect_all(struct seedchip_device *sdev)
{
	seedchip_queue_zap(sdev, 1 + SC_MAX_QUEUES, SC_MAX_QUEUES);
}

/* A reference to the file's queue that has @pgoff as state page or doorbell, or NULL. */
static struct seedchip_queue *seedchip_queue_at_offset(struct drm_file *file, pgoff_t pgoff)
{
	struct seedchip_file *sfile = file->driver_priv;
	struct seedchip_queue *q, *found = NULL;
	unsigned long handle;

	xa_lock(&sfile->queues);
	xa_for_each(&sfile->queues, handle, q) {
		if (pgoff == seedchip_queue_state_pgoff(q) ||
		    (q->config.user && pgoff == seedchip_queue_doorbell_pgoff(q))) {
			seedchip_queue_get(q);
			found = q;
			break;
		}
	}
	xa_unlock(&sfile->queues);
	return found;
}

/* Map the state page of one of the file's queues, read-only for good, or a doorbell. */
int seedchip_queue_mmap(struct drm_file *file, struct vm_area_struct *vma)
{
	bool doorbell = vma->vm_pgoff > SC_MAX_QUEUES;
	struct seedchip_queue *q;

	if (vma_pages(vma) != 1 || (doorbell && !(vma->vm_flags & VM_SHARED)))
		return -EINVAL;
	if (!doorbell && vma->vm_flags & VM_WRITE)
		return -EACCES;
	q = seedchip_queue_at_offset(file, vma->vm_pgoff);
	if (!q)
		return -EINVAL;
	vma->vm_private_data = q;
	if (doorbell) {
		vma->vm_ops = &seedchip_queue_doorbell_ops;
		vma->vm_page_prot = pgprot_noncached(vma->vm_page_prot);
		vm_flags_set(vma, VM_PFNMAP | VM_IO | VM_DONTEXPAND | VM_DONTDUMP | VM_DONTCOPY);
	} else {
		vma->vm_ops = &seedchip_queue_state_ops;
		vm_flags_mod(vma, VM_PFNMAP | VM_DONTEXPAND | VM_DONTDUMP, VM_MAYWRITE);
	}
	return 0;
}
