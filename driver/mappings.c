// SPDX-License-Identifier: GPL-2.0-only
/*
 * The mappings of all address spaces, read back for debugfs: what the tree says,
 * and how many page table entries there are for it.
 */
#include <linux/pid.h>
#include <linux/sched.h>
#include <linux/seq_file.h>

#include <drm/drm_file.h>

#include "device.h"
#include "gem.h"
#include "vm.h"

static const char *seedchip_mappings_memory(struct drm_gem_object *obj)
{
	struct seedchip_bo *bo;

	if (!obj)
		return "sparse";
	bo = to_seedchip_bo(obj);
	if (bo->flags & DRM_SEEDCHIP_BO_CARD)
		return "card";
	if (bo->pinned)
		return "user";
	return obj->import_attach ? "imported" : "system";
}

static void seedchip_mappings_show_va(struct seq_file *m, struct seedchip_vm *vm,
				      const struct seedchip_va *va)
{
	u64 small, huge;

	mutex_lock(&vm->mmu_lock);
	seedchip_mmu_leaves(&vm->mmu, va->base.va.addr, va->base.va.range, &small, &huge);
	mutex_unlock(&vm->mmu_lock);
	seq_printf(m, "%012llx-%012llx %c%c%c %s %llx %llux4K %llux2M\n", va->base.va.addr,
		   va->base.va.addr + va->base.va.range,
		   va->flags & DRM_SEEDCHIP_BIND_READ ? 'r' : '-',
		   va->flags & DRM_SEEDCHIP_BIND_WRITE ? 'w' : '-',
		   va->flags & DRM_SEEDCHIP_BIND_EXECUTE ? 'x' : '-',
		   seedchip_mappings_memory(va->base.gem.obj), va->base.gem.offset, small, huge);
}

static void seedchip_mappings_show_file(struct seq_file *m, struct drm_file *file)
{
	struct seedchip_file *sfile = file->driver_priv;
	struct seedchip_vm *vm = sfile->vm;
	struct task_struct *task;
	struct drm_gpuva *va;

	rcu_read_lock();
	task = pid_task(rcu_dereference(file->pid), PIDTYPE_TGID);
	seq_printf(m, "client %llu pid %d %s context %u\n", file->client_id,
		   task ? task_tgid_nr(task) : 0, task ? task->comm : "-", READ_ONCE(vm->context));
	rcu_read_unlock();
	mutex_lock(&vm->lock);
	drm_gpuvm_for_each_va(va, &vm->base)
		if (va != &vm->base.kernel_alloc_node)
			seedchip_mappings_show_va(m, vm, to_seedchip_va(va));
	mutex_unlock(&vm->lock);
}

/* The mappings of every open file: range, access, memory, offset in it, page table entries. */
void seedchip_mappings_show(struct seedchip_device *sdev, struct seq_file *m)
{
	struct drm_device *drm = &sdev->drm;
	struct drm_file *file;

	/* A file leaves the list before it is closed. */
	mutex_lock(&drm->filelist_mutex);
	list_for_each_entry(file, &drm->filelist, lhead)
		seedchip_mappings_show_file(m, file);
	mutex_unlock(&drm->filelist_mutex);
}
