// SPDX-License-Identifier: GPL-2.0-only
/*
 * Module, PCI driver, DRM driver: what the kernel calls.
 *
 * Invariant: every ioctl runs inside drm_dev_enter(), so that removal waits for
 * it and what comes later gets -ENODEV.
 */
#include <linux/module.h>
#include <linux/nospec.h>
#include <linux/pci.h>
#include <linux/rcupdate.h>
#include <linux/slab.h>
#include <linux/uaccess.h>

#include <drm/drm_accel.h>
#include <drm/drm_drv.h>
#include <drm/drm_file.h>
#include <drm/drm_gem.h>
#include <drm/drm_ioctl.h>
#include <drm/drm_print.h>
#include <drm/drm_vma_manager.h>

#include "debugfs.h"
#include "compat/gpuvm.h"
#include "device.h"
#include "event.h"
#include "fdinfo.h"
#include "gem.h"
#include "hwmon.h"
#include "job.h"
#include "pci_error.h"
#include "power.h"
#include "queue.h"
#include "reset.h"
#include "sriov.h"
#include "sysfs.h"
#include "user.h"
#include "vm.h"

/* What belongs to a file is lost when the system sleeps. */
static int seedchip_file_usable(struct seedchip_file *sfile)
{
	struct seedchip_device *sdev = sfile->sdev;
	int err = seedchip_reset_wait_online(sdev);

	return err ?: sfile->losses != READ_ONCE(sdev->losses) ? -ENODEV : 0;
}

/**
 * seedchip_file_enter() - begin what may touch the card
 * @file: on behalf of this file
 * @idx: for drm_dev_exit(), at the end
 *
 * The section is one of all DRM devices: as long as it lasts, none of them can be
 * unplugged. So nobody sleeps in it for longer than the card takes.
 *
 * Return: 0; -ENODEV: the card is gone, or what the file had on it.
 */
int seedchip_file_enter(struct drm_file *file, int *idx)
{
	int err;

	if (!drm_dev_enter(file->minor->dev, idx))
		return -ENODEV;
	err = seedchip_file_usable(file->driver_priv);
	if (err)
		drm_dev_exit(*idx);
	return err;
}

typedef int (*seedchip_ioctl_fn)(struct drm_device *drm, void *data, struct drm_file *file);

static __always_inline int seedchip_ioctl_guarded(seedchip_ioctl_fn fn, struct drm_device *drm,
						  void *data, struct drm_file *file)
{
	int idx, err;

	/* These sleep, outside of sections of their own. */
	if (fn == seedchip_ioctl_submit || fn == seedchip_ioctl_queue_wait ||
	    fn == seedchip_ioctl_vm_bind)
		return fn(drm, data, file);
	err = seedchip_file_enter(file, &idx);
	if (err)
		return err;
	err = fn(drm, data, file);
	drm_dev_exit(idx);
	return err;
}

#define SEEDCHIP_GUARD_(name, number, dir, arg, errnos, text)                                    \
	static int seedchip_guard_##arg(struct drm_device *drm, void *data,                      \
					struct drm_file *file)                                   \
	{                                                                                        \
		return seedchip_ioctl_guarded(seedchip_ioctl_##arg, drm, data, file);            \
	}
SEEDCHIP_IOCTL_TABLE(SEEDCHIP_GUARD_)

static const struct drm_ioctl_desc seedchip_ioctls[] = {
#define SEEDCHIP_DESC_(name, number, dir, arg, errnos, text) \
	DRM_IOCTL_DEF_DRV(SEEDCHIP_##name, seedchip_guard_##arg, 0),
	SEEDCHIP_IOCTL_TABLE(SEEDCHIP_DESC_)
};

static int seedchip_open(struct drm_device *drm, struct drm_file *file)
{
	struct seedchip_device *sdev = to_seedchip_device(drm);
	struct seedchip_file *sfile;
	int idx, err;

	if (READ_ONCE(sdev->draining))
		return -EBUSY;
	if (!drm_dev_enter(drm, &idx))
		return -ENODEV;
	err = seedchip_power_get(sdev);
	if (err)
		goto err_exit;
	/* Now, rather than with the first job. */
	seedchip_reset_check(sdev);
	err = seedchip_reset_wait_online(sdev);
	if (err)
		goto err_put_power;
	err = -ENOMEM;
	sfile = kzalloc(sizeof(*sfile), GFP_KERNEL);
	if (!sfile)
		goto err_put_power;
	sfile->sdev = sdev;
	sfile->losses = READ_ONCE(sdev->losses);
	mutex_init(&sfile->read_lock);
	xa_init_flags(&sfile->queues, XA_FLAGS_ALLOC1);
	sfile->user = seedchip_user_open(sdev);
	if (!sfile->user)
		goto err_free;
	sfile->vm = seedchip_vm_create(sdev, sfile->user);
	if (IS_ERR(sfile->vm)) {
		err = PTR_ERR(sfile->vm);
		goto err_put_user;
	}
	/* The address space keeps the card awake from here on. */
	sfile->vm->file = file;
	file->driver_priv = sfile;
	drm_dev_exit(idx);
	return 0;

err_put_user:
	seedchip_user_put(sfile->user);
err_free:
	kfree(sfile);
err_put_power:
	seedchip_power_put(sdev);
err_exit:
	drm_dev_exit(idx);
	return err;
}

/* Before DRM frees the events of the file. */
static int seedchip_release(struct inode *inode, struct file *filp)
{
	seedchip_event_close(filp->private_data);
	return drm_release(inode, filp);
}

/* Ends the work of the file before its memory goes. */
static void seedchip_postclose(struct drm_device *drm, struct drm_file *file)
{
	struct seedchip_file *sfile = file->driver_priv;
	bool fenced = sfile->vm->context;

	/* Queues first: a bind that is given up lets go of memory that the tables still show. */
	seedchip_queue_close_all(file);
	seedchip_bind_close(sfile->vm);
	seedchip_vm_put(sfile->vm);
	seedchip_user_put(sfile->user);
	kfree(sfile);
	/* Fences let go of the module by RCU: an rmmod after the last close shall succeed. */
	if (fenced)
		rcu_barrier();
}

/* Offsets below those of buffers are state pages and doorbells of queues. */
static int seedchip_mmap(struct file *filp, struct vm_area_struct *vma)
{
	struct drm_file *file = filp->private_data;
	struct drm_device *drm = file->minor->dev;
	int idx, err;

	if (!drm_dev_enter(drm, &idx))
		return -ENODEV;
	if (vma->vm_pgoff < DRM_FILE_PAGE_OFFSET_START)
		err = seedchip_queue_mmap(file, vma);
	else
		err = drm_gem_mmap(filp, vma);
	drm_dev_exit(idx);
	return err;
}

/*
 * SUBMIT of the size that this driver knows, as DRM would do it but for what the
 * general case needs: a third of the time that an empty submission takes.
 */
static long seedchip_unlocked_submit(struct file *filp, struct drm_seedchip_submit __user *user)
{
	struct drm_seedchip_submit args;
	long ret;

	if (copy_from_user(&args, user, sizeof(args)))
		return -EFAULT;
	ret = drm_ioctl_kernel(filp, seedchip_guard_submit, &args, 0);
	/* Nothing else is an output. */
	if (put_user(args.index, &user->index) || put_user(args.result, &user->result))
		return -EFAULT;
	return ret;
}

/*
 * DRM ignores what a longer argument, of a newer program, says beyond what this
 * driver knows. That would be done by halves, so it is refused.
 */
static int seedchip_ioctl_check_tail(unsigned int cmd, void __user *arg)
{
	unsigned int nr = DRM_IOCTL_NR(cmd) - DRM_COMMAND_BASE;
	unsigned int size = _IOC_SIZE(cmd), known = size;
	int ret;

	if (nr < ARRAY_SIZE(seedchip_ioctls)) {
		nr = array_index_nospec(nr, ARRAY_SIZE(seedchip_ioctls));
		known = _IOC_SIZE(seedchip_ioctls[nr].cmd);
	}
	if (size <= known)
		return 0;
	ret = check_zeroed_user(arg + known, size - known);
	return ret > 0 ? 0 : ret ?: -EINVAL;
}

/*
 * Of DRM's first ioctls only those that a render node has. Among the others are some (GET_UNIQUE,
 * GET_MAGIC) that look without more ado at the master of the file, and files of accelerators have
 * none: whoever may open the card could make the kernel follow a NULL pointer.
 */
static bool seedchip_ioctl_is_for_displays(unsigned int cmd)
{
	switch (DRM_IOCTL_NR(cmd)) {
	case DRM_IOCTL_NR(DRM_IOCTL_VERSION):
	case DRM_IOCTL_NR(DRM_IOCTL_GEM_CLOSE):
	case DRM_IOCTL_NR(DRM_IOCTL_GET_CAP):
	case DRM_IOCTL_NR(DRM_IOCTL_PRIME_HANDLE_TO_FD):
	case DRM_IOCTL_NR(DRM_IOCTL_PRIME_FD_TO_HANDLE):
		return false;
	default:
		return DRM_IOCTL_NR(cmd) < DRM_COMMAND_BASE;
	}
}

static int seedchip_ioctl_check(unsigned int cmd, void __user *arg)
{
	return seedchip_ioctl_is_for_displays(cmd) ? -EACCES : seedchip_ioctl_check_tail(cmd, arg);
}

static long seedchip_unlocked_ioctl(struct file *filp, unsigned int cmd, unsigned long arg)
{
	if (cmd == DRM_IOCTL_SEEDCHIP_SUBMIT)
		return seedchip_unlocked_submit(filp, (void __user *)arg);
	return seedchip_ioctl_check(cmd, (void __user *)arg) ?: drm_ioctl(filp, cmd, arg);
}

/* The structures are the same for 32-bit programs; DRM's own ioctls are not. */
static long __maybe_unused seedchip_compat_ioctl(struct file *filp, unsigned int cmd,
						 unsigned long arg)
{
	return seedchip_ioctl_check(cmd, compat_ptr(arg)) ?: drm_compat_ioctl(filp, cmd, arg);
}

static const struct file_operations seedchip_fops = {
	.owner = THIS_MODULE,
	.open = accel_open,
	.release = seedchip_release,
	.unlocked_ioctl = seedchip_unlocked_ioctl,
#ifdef CONFIG_COMPAT
	.compat_ioctl = seedchip_compat_ioctl,
#endif
	.poll = seedchip_event_poll,
	.read = seedchip_event_read,
	.llseek = noop_llseek,
	.mmap = seedchip_mmap,
	.show_fdinfo = drm_show_fdinfo,
	.fop_flags = FOP_UNSIGNED_OFFSET,
};

static const struct drm_driver seedchip_driver = {
	.driver_features = DRIVER_COMPUTE_ACCEL | DRIVER_GEM | DRIVER_SYNCOBJ |
			   DRIVER_SYNCOBJ_TIMELINE | SEEDCHIP_DRIVER_GEM_GPUVA,
	.open = seedchip_open,
	.postclose = seedchip_postclose,
	.show_fdinfo = seedchip_fdinfo_show,
	.gem_create_object = seedchip_gem_create_object,
	.gem_prime_import = seedchip_prime_import,
	.ioctls = seedchip_ioctls,
	.num_ioctls = ARRAY_SIZE(seedchip_ioctls),
	.fops = &seedchip_fops,
	.name = "seedchip",
	.desc = "SeedChip SC1 inference accelerator",
	.major = SEEDCHIP_UAPI_MAJOR,
	.minor = SEEDCHIP_UAPI_MINOR,
};

static int seedchip_probe(struct pci_dev *pdev, const struct pci_device_id *id)
{
	struct seedchip_device *sdev;
	int err;

	sdev = devm_drm_dev_alloc(&pdev->dev, &seedchip_driver, struct seedchip_device, drm);
	if (IS_ERR(sdev))
		return PTR_ERR(sdev);
	pci_set_drvdata(pdev, sdev);
	err = seedchip_device_init(sdev);
	if (err)
		return err;
	seedchip_debugfs_init(sdev);
	err = drm_dev_register(&sdev->drm, 0);
	if (err) {
		seedchip_device_fini(sdev);
		return dev_err_probe(&pdev->dev, err, "cannot register the device\n");
	}
	dev_info(&pdev->dev, "SC1%s with %u cores, %llu MiB of card memory, %llu MiB CPU-visible\n",
		 sdev->function ? " virtual function" : "", sdev->info.num_cores,
		 sdev->info.card_size >> 20,
		 sdev->info.card_visible_size >> 20);
	seedchip_hwmon_init(sdev);
	seedchip_power_init(sdev);
	seedchip_sriov_init(sdev);
	return 0;
}

static void seedchip_remove(struct pci_dev *pdev)
{
	struct seedchip_device *sdev = pci_get_drvdata(pdev);

	seedchip_sriov_fini(sdev);
	seedchip_power_fini(sdev);
	/* For good: whoever still finds that the card has gone need not unplug it any more. */
	disable_work_sync(&sdev->gone_work);
	/* Pulled out: what waits for the card need not wait for its watchdog. */
	if (!pci_device_is_present(pdev))
		seedchip_reset_remove(sdev);
	seedchip_hwmon_fini(sdev);
	seedchip_device_unplug(sdev);
	seedchip_debugfs_fini(sdev);
	seedchip_device_fini(sdev);
}

/* Nothing may write to memory under the next kernel. */
static void seedchip_shutdown(struct pci_dev *pdev)
{
	struct seedchip_device *sdev = pci_get_drvdata(pdev);

	disable_work_sync(&sdev->gone_work);
	seedchip_device_unplug(sdev);
	seedchip_reset_remove(sdev);
	pci_clear_master(pdev);
}

static const struct pci_device_id seedchip_ids[] = {
	{ PCI_DEVICE(SC_PCI_VENDOR, SC_PCI_DEVICE) },
	{ PCI_DEVICE(SC_PCI_VENDOR, SC_PCI_DEVICE_VF) },
	{ }
};
MODULE_DEVICE_TABLE(pci, seedchip_ids);

static struct pci_driver seedchip_pci_driver = {
	.name = "seedchip",
	.id_table = seedchip_ids,
	.probe = seedchip_probe,
	.remove = seedchip_remove,
	.shutdown = seedchip_shutdown,
	.sriov_configure = seedchip_sriov_configure,
	.err_handler = &seedchip_error_handlers,
	.dev_groups = seedchip_sysfs_groups,
	.driver = {
		.probe_type = PROBE_PREFER_ASYNCHRONOUS,
		.pm = pm_ptr(&seedchip_pm_ops),
	},
};

static int __init seedchip_init(void)
{
	return pci_register_driver(&seedchip_pci_driver);
}
module_init(seedchip_init);

static void __exit seedchip_exit(void)
{
	pci_unregister_driver(&seedchip_pci_driver);
	/* Fences and queues are freed by RCU callbacks, some of them of this module. */
	rcu_barrier();
}
module_exit(seedchip_exit);

MODULE_AUTHOR("The SeedChip developers");
MODULE_DESCRIPTION("SeedChip SC1 inference accelerator");
MODULE_LICENSE("GPL");
