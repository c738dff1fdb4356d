/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Address spaces, one per open file.
 */
#ifndef SEEDCHIP_VM_H
#define SEEDCHIP_VM_H

#include <linux/bitmap.h>
#include <linux/mutex.h>
#include <linux/wait.h>
#include <linux/workqueue.h>

#include <drm/drm_gpuvm.h>

#include "mmu.h"
#include "seedchip_hw.h"

struct seedchip_device;
struct seedchip_job;
struct seedchip_user;
struct seq_file;

/**
 * struct seedchip_vm - one address space
 * @base: mappings of the user's range; under @lock
 * @sdev: card
 * @user: charged for @context and the page tables; referenced
 * @ref: held by the file, its queues and a queued @work; the mappings go with the last
 * @lock: serialises VM_BIND, protects the tree of mappings
 * @mmu_lock: protects @mmu, @prepared, @rings and @binds. Fences of binds signal
 *	      with it held, so nothing is allocated under it.
 * @mmu: page tables
 * @prepared: changes that have been prepared and not been applied
 * @context: hardware context, 0 before the first queue and at the end; set under hw_lock
 * @rings: windows of the kernel's range that are in use
 * @binds: changes that wait for fences, in order
 * @bind_work: applies those at the head of @binds whose fences have signalled
 * @file: who reads the events of the queues, NULL when it is closing; under drm.event_lock
 * @lost: its tables are lost, as card memory is when the system has slept; under hw_lock
 */
struct seedchip_vm {
	struct drm_gpuvm base;
	struct seedchip_device *sdev;
	struct seedchip_user *user;
	struct kref ref;
	struct mutex lock; /* the tree of mappings */
	struct mutex mmu_lock; /* mmu, prepared, rings, binds */
	struct seedchip_mmu mmu;
	unsigned int prepared;
	u32 context;
	DECLARE_BITMAP(rings, SC_MAX_QUEUES);
	struct list_head binds;
	struct work_struct bind_work;
	struct drm_file *file;
	bool lost;
};

/**
 * struct seedchip_va - one mapping
 * @base: base
 * @flags: enum drm_seedchip_bind_op, as the call said
 * @new: entry of seedchip_bind.new until the call has taken effect
 * @old: entry of seedchip_bind.old from when the call has replaced it
 * @shown: the page tables show it; under seedchip_vm.mmu_lock
 */
struct seedchip_va {
	struct drm_gpuva base;
	u32 flags;
	struct list_head new;
	struct list_head old;
	bool shown;
};

static inline struct seedchip_va *to_seedchip_va(struct drm_gpuva *base)
{
	return container_of(base, struct seedchip_va, base);
}

static inline struct seedchip_vm *to_seedchip_vm(struct drm_gpuvm *base)
{
	return container_of(base, struct seedchip_vm, base);
}

struct seedchip_vm *seedchip_vm_create(struct seedchip_device *sdev, struct seedchip_user *user);
struct seedchip_vm *seedchip_vm_get(struct seedchip_vm *vm);
void seedchip_vm_put(struct seedchip_vm *vm);
int seedchip_vm_enable(struct seedchip_vm *vm);
void seedchip_vm_program(struct seedchip_vm *vm);
struct seedchip_job *seedchip_vm_create_job(struct seedchip_vm *vm);
void seedchip_vm_invalidate(struct seedchip_vm *vm, struct seedchip_job *job, u64 va, u64 size);
int seedchip_vm_map_ring(struct seedchip_vm *vm, dma_addr_t dma, size_t size, u64 *va);
void seedchip_vm_unmap_ring(struct seedchip_vm *vm, u64 va, size_t size);

void seedchip_mappings_show(struct seedchip_device *sdev, struct seq_file *m);

extern const struct drm_gpuvm_ops seedchip_bind_gpuvm_ops;
void seedchip_bind_work(struct work_struct *work);
void seedchip_bind_close(struct seedchip_vm *vm);
void seedchip_bind_remove_all(struct seedchip_vm *vm);
void seedchip_bind_revoke(struct drm_gem_object *obj);

#endif /* SEEDCHIP_VM_H */
