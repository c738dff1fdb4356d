// SPDX-License-Identifier: GPL-2.0-only
/*
 * The card: discovery, start and end.
 *
 * Invariant: seedchip_device.info says what the discovery registers said at
 * probe; nothing about sizes is a constant of the driver.
 */
#include <linux/dma-map-ops.h>
#include <linux/dma-mapping.h>
#include <linux/sched/mm.h>
#include <linux/uaccess.h>

#include <drm/drm_drv.h>
#include <drm/drm_managed.h>

#include "device.h"
#include "event.h"
#include "fault.h"
#include "gem.h"
#include "irq.h"
#include "queue.h"
#include "ras.h"
#include "reset.h"
#include "sriov.h"
#include "vm.h"
#include "vram.h"
#include "wait.h"

#define SEEDCHIP_FEATURE_(name, bit, text) | BIT_ULL(bit)
#define SEEDCHIP_FEATURES (0 SC_FEATURE_TABLE(SEEDCHIP_FEATURE_))

/* A file may have this share of the queues, within these bounds. */
#define SEEDCHIP_FILE_SHARE 4
#define SEEDCHIP_FILE_QUEUES 64

#define SEEDCHIP_KERNEL_RING_LOG2 8
#define SEEDCHIP_KERNEL_TIMEOUT_MS 10000
#define SEEDCHIP_KERNEL_FENCE_LIMIT_MS 600000

/* A broken card must not switch watchdogs off; the slowest emulated ones ask for less than 10. */
#define SEEDCHIP_MAX_TIMEOUT_SCALE 100

/* In jiffies: the watchdog's multiples of it can still be compared with jiffies. */
#define SEEDCHIP_MAX_TIMEOUT (MAX_JIFFY_OFFSET / 16)

/* Jiffies for @ms of a real card: an emulated one is slower by a factor that it knows. */
unsigned long seedchip_scale_timeout(struct seedchip_device *sdev, unsigned int ms)
{
	unsigned long limit = SEEDCHIP_MAX_TIMEOUT / sdev->info.timeout_scale;

	return max(1UL, min(msecs_to_jiffies(ms), limit) * sdev->info.timeout_scale);
}

static int seedchip_device_map(struct seedchip_device *sdev)
{
	struct pci_dev *pdev = to_pci_dev(sdev->drm.dev);
	int bar, err;

	err = pcim_enable_device(pdev);
	if (err)
		return dev_err_probe(&pdev->dev, err, "cannot enable the PCI function\n");
	for (bar = SC_BAR_CONTROL; bar <= SC_BAR_CARD; bar += 2) {
		err = pcim_request_region(pdev, bar, "seedchip");
		if (err)
			return dev_err_probe(&pdev->dev, err, "BAR %d is not available\n", bar);
	}
	if (pci_resource_len(pdev, SC_BAR_CONTROL) < SC_CONTROL_SIZE)
		return dev_err_probe(&pdev->dev, -ENODEV, "control BAR is too small\n");
	sdev->regs = pcim_iomap(pdev, SC_BAR_CONTROL, 0);
	sdev->doorbells = pcim_iomap(pdev, SC_BAR_DOORBELL, 0);
	sdev->doorbells_phys = pci_resource_start(pdev, SC_BAR_DOORBELL);
	if (!sdev->regs || !sdev->doorbells)
		return dev_err_probe(&pdev->dev, -ENOMEM, "cannot map the BARs\n");
	return 0;
}

/* Whether this driver may touch the card at all. One line says why not. */
static int seedchip_device_identify(struct seedchip_device *sdev)
{
	struct device *dev = sdev->drm.dev;
	u32 magic = seedchip_read32(sdev, SC_REG_MAGIC);
	u32 version = seedchip_read32(sdev, SC_REG_VERSION);
	u64 features = seedchip_read64(sdev, SC_REG_FEATURES);
	u64 unknown = features & SC_FEATURES_REQUIRED & ~SEEDCHIP_FEATURES;

	if (magic != SC_MAGIC)
		return dev_err_probe(dev, -ENODEV, "not an SC1: magic %#010x\n", magic);
	if (version >> 16 != SC_VERSION >> 16)
		return dev_err_probe(dev, -ENODEV, "card has version %u.%u, driver needs %u.x\n",
				     version >> 16, version >> 8 & 0xff, SC_VERSION >> 16);
	if (seedchip_read64(sdev, SC_REG_SPEC_HASH) != SC_SPEC_HASH)
		return dev_err_probe(dev, -ENODEV,
				     "card was built to another revision of the specification\n");
	if (unknown)
		return dev_err_probe(dev, -ENODEV, "card requires unknown features %#llx\n",
				     unknown);
	if (seedchip_read32(sdev, SC_REG_PAGE_SHIFT) != PAGE_SHIFT)
		return dev_err_probe(dev, -ENODEV, "card and kernel differ in page size\n");
	return 0;
}

static u32 seedchip_device_timeout_scale(struct seedchip_device *sdev)
{
	u32 scale = seedchip_read32(sdev, SC_REG_TIMEOUT_SCALE);
	u32 usable = clamp(scale, 1U, SEEDCHIP_MAX_TIMEOUT_SCALE);

	if (scale != usable)
		dev_err(sdev->drm.dev, "TIMEOUT_SCALE is out of range: value=%u used=%u\n", scale,
			usable);
	return usable;
}

static void seedchip_device_read_info(struct seedchip_device *sdev)
{
	struct drm_seedchip_info *info = &sdev->info;

	info->hw_version = seedchip_read32(sdev, SC_REG_VERSION);
	info->hw_revision = seedchip_read32(sdev, SC_REG_REVISION);
	info->features = seedchip_read64(sdev, SC_REG_FEATURES) & SEEDCHIP_FEATURES;
	info->isa = seedchip_read64(sdev, SC_REG_ISA);
	info->core_mask = seedchip_read64(sdev, SC_REG_CORE_MASK);
	info->card_size = seedchip_read64(sdev, SC_REG_CARD_SIZE);
	info->card_visible_size = seedchip_read64(sdev, SC_REG_CARD_VISIBLE_SIZE);
	info->serial = seedchip_read64(sdev, SC_REG_SERIAL);
	info->num_cores = seedchip_read32(sdev, SC_REG_NUM_CORES);
	info->vlen = seedchip_read32(sdev, SC_REG_VLEN);
	info->tcm_size = seedchip_read32(sdev, SC_REG_TCM_SIZE);
	info->page_size = SC_PAGE_SIZE;
	info->huge_size = SC_HUGE_SIZE;
	info->ring_log2_max = seedchip_read32(sdev, SC_REG_RING_LOG2_MAX);
	info->timeout_scale = seedchip_device_timeout_scale(sdev);
	info->generation = seedchip_read32(sdev, SC_REG_GENERATION);
	info->clock_khz = seedchip_read32(sdev, SC_REG_CLOCK_KHZ);
	info->dump_size = seedchip_read32(sdev, SC_REG_DUMP_SIZE);
	info->va_start = SC_VA_USER_START;
	info->va_end = SC_VA_USER_END;
	sdev->num_queues = seedchip_read32(sdev, SC_REG_NUM_QUEUES);
	sdev->num_contexts = seedchip_read32(sdev, SC_REG_NUM_CONTEXTS);
	sdev->num_vectors = seedchip_read32(sdev, SC_REG_NUM_VECTORS);
	sdev->doorbell_stride = seedchip_read32(sdev, SC_REG_DOORBELL_STRIDE);
	sdev->function = seedchip_read32(sdev, SC_REG_FUNCTION);
	sdev->firmware_version = seedchip_read32(sdev, SC_REG_FIRMWARE_VERSION);
}

/* The card may be newer than the driver, but not beyond what its tables can hold. */
static int seedchip_device_check_info(struct seedchip_device *sdev)
{
	struct pci_dev *pdev = to_pci_dev(sdev->drm.dev);
	struct drm_seedchip_info *info = &sdev->info;

	if (sdev->num_queues < 2 || sdev->num_queues > SC_MAX_QUEUES || sdev->num_contexts < 2 ||
	    sdev->num_contexts > SC_MAX_CONTEXTS || sdev->num_vectors < 2 ||
	    sdev->num_vectors > SC_MAX_VECTORS || info->ring_log2_max < SEEDCHIP_KERNEL_RING_LOG2 ||
	    info->ring_log2_max > 16 || !info->core_mask || info->dump_size > SZ_1M ||
	    !info->card_size || !IS_ALIGNED(info->card_size, SZ_2M) ||
	    info->card_visible_size > info->card_size ||
	    !IS_ALIGNED(info->card_visible_size, SZ_2M) ||
	    pci_resource_len(pdev, SC_BAR_CARD) < info->card_visible_size ||
	    sdev->doorbell_stride < PAGE_SIZE || !IS_ALIGNED(sdev->doorbell_stride, PAGE_SIZE) ||
	    pci_resource_len(pdev, SC_BAR_DOORBELL) <
		    (u64)sdev->num_queues * sdev->doorbell_stride)
		return dev_err_probe(&pdev->dev, -ENODEV,
				     "discovery registers contradict the specification\n");
	info->max_queues = clamp((sdev->num_queues - 1) / SEEDCHIP_FILE_SHARE, 1U,
				 SEEDCHIP_FILE_QUEUES);
	info->max_submit = (1U << info->ring_log2_max) - 2 * (1 + SC_MAX_ARG_SLOTS);
	return 0;
}

static int seedchip_device_map_card(struct seedchip_device *sdev)
{
	struct pci_dev *pdev = to_pci_dev(sdev->drm.dev);

	sdev->card_phys = pci_resource_start(pdev, SC_BAR_CARD);
	sdev->card = devm_ioremap_wc(&pdev->dev, sdev->card_phys, sdev->info.card_visible_size);
	if (!sdev->card)
		return dev_err_probe(&pdev->dev, -ENOMEM, "cannot map card memory\n");
	return 0;
}

static void seedchip_device_destroy_wq(struct drm_device *drm, void *wq)
{
	destroy_workqueue(wq);
}

/*
 * Not freezable: a card that has gone meanwhile is removed while the system wakes,
 * and waits for its works. They end before it sleeps (seedchip_power_suspend()).
 */
static int seedchip_device_create_wq(struct seedchip_device *sdev, const char *name,
				     struct workqueue_struct **wq)
{
	*wq = alloc_workqueue("%s", WQ_UNBOUND | WQ_MEM_RECLAIM, 0, name);
	if (!*wq)
		return -ENOMEM;
	return drmm_add_action_or_reset(&sdev->drm, seedchip_device_destroy_wq, *wq);
}

/* Wait for all works; a failure reports itself by one of the other kind. */
void seedchip_device_flush(struct seedchip_device *sdev)
{
	flush_workqueue(sdev->reset_wq);
	flush_workqueue(sdev->wq);
}

/*
 * Fences wait for hw_lock, and reclaim of memory may wait for fences. Lockdep
 * learns it here, and not only when memory is short during a reset.
 */
static void seedchip_device_prime_lockdep(struct seedchip_device *sdev)
{
	if (!IS_ENABLED(CONFIG_LOCKDEP))
		return;
	fs_reclaim_acquire(GFP_KERNEL);
	mutex_lock(&sdev->hw_lock);
	mutex_unlock(&sdev->hw_lock);
	fs_reclaim_release(GFP_KERNEL);
}

/**
 * seedchip_device_unplug() - no more calls from user space
 * @sdev: card
 *
 * Open files then get -ENODEV, mappings SIGBUS. Harmless the second time.
 */
void seedchip_device_unplug(struct seedchip_device *sdev)
{
	seedchip_wait_end_all(sdev);
	if (!sdev->unplugged)
		drm_dev_unplug(&sdev->drm);
	sdev->unplugged = true;
}

static void seedchip_device_gone_work(struct work_struct *work)
{
	seedchip_device_unplug(container_of(work, struct seedchip_device, gone_work));
}

/* What open files need as long as they are open, hence tied to the DRM device. */
static int seedchip_device_init_software(struct seedchip_device *sdev)
{
	struct drm_device *drm = &sdev->drm;
	int err;

	INIT_LIST_HEAD(&sdev->system_bos);
	INIT_LIST_HEAD(&sdev->shared_bos);
	INIT_LIST_HEAD(&sdev->users);
	spin_lock_init(&sdev->user_lock);
	INIT_WORK(&sdev->report_work, seedchip_reset_report_work);
	INIT_LIST_HEAD(&sdev->sriov.functions);
	INIT_LIST_HEAD(&sdev->sriov.entry);
	INIT_WORK(&sdev->sriov.renew_work, seedchip_sriov_renew_work);
	err = drmm_mutex_init(drm, &sdev->hw_lock);
	if (!err)
		err = drmm_mutex_init(drm, &sdev->bo_lock);
	if (!err)
		err = drmm_mutex_init(drm, &sdev->sriov.lock);
	if (err)
		return err;
	seedchip_device_prime_lockdep(sdev);
	sdev->queues = drmm_kcalloc(drm, sdev->num_queues, sizeof(*sdev->queues), GFP_KERNEL);
	sdev->contexts = drmm_kcalloc(drm, sdev->num_contexts, sizeof(*sdev->contexts), GFP_KERNEL);
	init_waitqueue_head(&sdev->recovered);
	init_rwsem(&sdev->memory_sem);
	init_waitqueue_head(&sdev->bind_idle);
	INIT_WORK(&sdev->gone_work, seedchip_device_gone_work);
	INIT_DELAYED_WORK(&sdev->overdue_work, seedchip_reset_overdue_work);
	err = seedchip_device_create_wq(sdev, "seedchip-reset", &sdev->reset_wq);
	if (!err)
		err = seedchip_device_create_wq(sdev, "seedchip", &sdev->wq);
	if (err)
		return err;
	if (!sdev->queues || !sdev->contexts)
		return -ENOMEM;
	err = seedchip_vram_init(sdev);
	if (!err)
		err = seedchip_coredump_init(sdev);
	return err ?: seedchip_fault_init(sdev);
}

/**
 * seedchip_device_enable() - let a card that was reset run
 * @sdev: card
 *
 * Contexts that were in use get their registers back; queues stay disabled.
 */
int seedchip_device_enable(struct seedchip_device *sdev)
{
	u32 id;

	lockdep_assert_held(&sdev->hw_lock);
	sdev->info.generation = seedchip_read32(sdev, SC_REG_GENERATION);
	/* A core that has failed goes with a reset. */
	sdev->info.core_mask = seedchip_read64(sdev, SC_REG_CORE_MASK);
	/* For slot_reset: every reset uses up what was saved. */
	pci_save_state(to_pci_dev(sdev->drm.dev));
	seedchip_write64(sdev, SC_REG_FEATURES_ACCEPTED, sdev->info.features);
	seedchip_fault_enable(sdev);
	seedchip_write32(sdev, SC_REG_CONTROL, SC_CONTROL_ENABLE);
	if (seedchip_read32(sdev, SC_REG_CONTROL) != SC_CONTROL_ENABLE)
		return -EIO;
	writel(SC_CONTEXT_ENABLE, seedchip_context_reg(sdev, 0, SC_CTX_CONTROL));
	for (id = 1; id < sdev->num_contexts; id++)
		if (sdev->contexts[id] && !sdev->contexts[id]->lost)
			seedchip_vm_program(sdev->contexts[id]);
	return 0;
}

static int seedchip_device_start(struct seedchip_device *sdev)
{
	const struct seedchip_queue_config config = {
		.priority = 3,
		.ring_log2 = SEEDCHIP_KERNEL_RING_LOG2,
		.timeout = seedchip_scale_timeout(sdev, SEEDCHIP_KERNEL_TIMEOUT_MS),
		.fence_limit = seedchip_scale_timeout(sdev, SEEDCHIP_KERNEL_FENCE_LIMIT_MS),
		.core_mask = sdev->info.core_mask,
		.wg_limit = 1,
	};
	struct seedchip_queue *q;
	int err;

	mutex_lock(&sdev->hw_lock);
	err = seedchip_device_enable(sdev);
	mutex_unlock(&sdev->hw_lock);
	if (err)
		return dev_err_probe(sdev->drm.dev, err, "card cannot be enabled\n");
	q = seedchip_queue_create(sdev, NULL, &config);
	if (!IS_ERR(q))
		return 0;
	seedchip_reset_hardware(sdev);
	return dev_err_probe(sdev->drm.dev, PTR_ERR(q), "the kernel's queue cannot be started\n");
}

/* Undone by seedchip_device_fini(), and the managed parts by themselves. */
int seedchip_device_init(struct seedchip_device *sdev)
{
	struct pci_dev *pdev = to_pci_dev(sdev->drm.dev);
	int err;

	err = seedchip_device_map(sdev);
	if (!err)
		err = seedchip_device_identify(sdev);
	if (err)
		return err;
	seedchip_device_read_info(sdev);
	err = seedchip_device_check_info(sdev);
	if (!err)
		err = seedchip_device_map_card(sdev);
	if (err)
		return err;
	err = dma_set_mask_and_coherent(&pdev->dev, DMA_BIT_MASK(SC_DMA_BITS));
	if (err)
		return dev_err_probe(&pdev->dev, err, "no usable DMA addressing\n");
	/* System memory is shared with the CPU for good: copies at either end would not do. */
	if (dma_max_mapping_size(&pdev->dev) != SIZE_MAX)
		return dev_err_probe(&pdev->dev, -ENODEV,
				     "DMA would go through bounce buffers, which memory shared with the CPU cannot\n");
	/* Nor does anybody write caches back. A constant on x86. */
	if (!dev_is_dma_coherent(&pdev->dev))
		return dev_err_probe(&pdev->dev, -ENODEV,
				     "DMA is not coherent, which memory shared with the CPU has to be\n");
	dma_set_max_seg_size(&pdev->dev, UINT_MAX);
	pci_set_master(pdev);
	err = seedchip_reset_hardware(sdev);
	if (err)
		return dev_err_probe(&pdev->dev, err, "card does not come out of reset\n");
	err = seedchip_device_init_software(sdev);
	if (!err)
		err = seedchip_irq_init(sdev);
	if (err)
		return err;
	seedchip_ras_init(sdev);
	err = seedchip_device_start(sdev);
	if (err) {
		seedchip_irq_fini(sdev);
		/* What events have queued uses registers. */
		seedchip_device_flush(sdev);
		return err;
	}
	seedchip_ras_start(sdev);
	return 0;
}

/* Unplugged: no ioctl is in progress and none will start. */
void seedchip_device_fini(struct seedchip_device *sdev)
{
	struct seedchip_queue *q;
	u32 id;

	seedchip_reset_remove(sdev);
	disable_work_sync(&sdev->gone_work);
	cancel_delayed_work_sync(&sdev->overdue_work);
	for (id = 0; id < sdev->num_queues; id++) {
		mutex_lock(&sdev->hw_lock);
		q = seedchip_queue_at(sdev, id);
		if (q)
			seedchip_queue_get(q);
		mutex_unlock(&sdev->hw_lock);
		if (!q)
			continue;
		seedchip_irq_detach(q);
		seedchip_queue_free_memory(q);
		seedchip_queue_put(q);
	}
	seedchip_peer_remove(sdev);
	seedchip_gem_remove(sdev);
	seedchip_queue_put_user(sdev->kernel_queue);
	seedchip_irq_fini(sdev);
	seedchip_device_flush(sdev);
	seedchip_event_hangup(sdev);
}

int seedchip_ioctl_dev_query(struct drm_device *drm, void *data, struct drm_file *file)
{
	struct seedchip_device *sdev = to_seedchip_device(drm);
	struct drm_seedchip_dev_query *args = data;
	void __user *user = u64_to_user_ptr(args->pointer);
	u32 known = sizeof(sdev->info);
	u32 room = args->size;

	if (args->type != DRM_SEEDCHIP_QUERY_INFO)
		return -EINVAL;
	args->size = known;
	if (!args->pointer)
		return 0;
	if (copy_to_user(user, &sdev->info, min(room, known)))
		return -EFAULT;
	if (room > known && clear_user(user + known, room - known))
		return -EFAULT;
	return 0;
}
