// SPDX-License-Identifier: GPL-2.0-only
/*
 * Power. The card sleeps (D3hot) while no file is open and nothing of its own is
 * in progress, and keeps everything. When the system sleeps, card memory is lost:
 * jobs get some time to end, then whatever files were open are lost with what
 * they had, and new ones start afresh.
 *
 * Invariant: while the card sleeps seedchip_device.wedged keeps everybody from
 * its registers; who needs them holds a reference (seedchip_power_get()).
 */
#include <linux/interrupt.h>
#include <linux/module.h>
#include <linux/pm_runtime.h>

#include "device.h"
#include "job.h"
#include "power.h"
#include "queue.h"
#include "reset.h"
#include "vram.h"

#define SEEDCHIP_AUTOSUSPEND_MS 1000

static bool refuse_sleep;
module_param(refuse_sleep, bool, 0644);
MODULE_PARM_DESC(refuse_sleep,
		 "The system does not sleep while a card is open (default: it does, and the work is lost)");

/**
 * seedchip_power_get() - wake the card and keep it awake
 * @sdev: card
 *
 * Return: 0, or a negative errno and no reference.
 */
int seedchip_power_get(struct seedchip_device *sdev)
{
	return pm_runtime_resume_and_get(sdev->drm.dev);
}

void seedchip_power_put(struct seedchip_device *sdev)
{
	pm_runtime_mark_last_busy(sdev->drm.dev);
	pm_runtime_put_autosuspend(sdev->drm.dev);
}

/* From here on the card may sleep, if power/control says "auto". */
void seedchip_power_init(struct seedchip_device *sdev)
{
	struct device *dev = sdev->drm.dev;

	/* It would lose everything, and a port above that goes to sleep may take the power. */
	pci_d3cold_disable(to_pci_dev(dev));
	pm_runtime_set_autosuspend_delay(dev, SEEDCHIP_AUTOSUSPEND_MS);
	pm_runtime_use_autosuspend(dev);
	pm_runtime_mark_last_busy(dev);
	pm_runtime_put_autosuspend(dev);
}

/* The PCI core has woken the card up before it removes it. */
void seedchip_power_fini(struct seedchip_device *sdev)
{
	pm_runtime_get_noresume(sdev->drm.dev);
	pm_runtime_dont_use_autosuspend(sdev->drm.dev);
	pci_d3cold_enable(to_pci_dev(sdev->drm.dev));
}

static void seedchip_power_block(struct seedchip_device *sdev)
{
	mutex_lock(&sdev->hw_lock);
	sdev->asleep = !sdev->wedged;
	sdev->wedged = true;
	mutex_unlock(&sdev->hw_lock);
	synchronize_irq(pci_irq_vector(to_pci_dev(sdev->drm.dev), 0));
}

static int __maybe_unused seedchip_power_runtime_suspend(struct device *dev)
{
	struct seedchip_device *sdev = dev_get_drvdata(dev);
	bool gated;

	if (seedchip_job_pending(sdev->kernel_queue, &gated)) {
		pm_runtime_mark_last_busy(dev);
		return -EBUSY;
	}
	seedchip_power_block(sdev);
	return 0;
}

static int __maybe_unused seedchip_power_runtime_resume(struct device *dev)
{
	struct seedchip_device *sdev = dev_get_drvdata(dev);

	mutex_lock(&sdev->hw_lock);
	if (sdev->asleep)
		sdev->wedged = false;
	sdev->asleep = false;
	mutex_unlock(&sdev->hw_lock);
	return 0;
}

/* Programs are frozen already, so nothing new comes. */
static int __maybe_unused seedchip_power_suspend(struct device *dev)
{
	struct seedchip_device *sdev = dev_get_drvdata(dev);
	unsigned int opened = atomic_read(&sdev->drm.open_count);

	if (refuse_sleep && opened) {
		dev_info(dev, "open in %u place(s): the system may not sleep\n", opened);
		return -EBUSY;
	}
	/* Again if that lets a reset of the function end, which brings the card back. */
	do {
		seedchip_reset_sleep(sdev);
		seedchip_device_flush(sdev);
	} while (!READ_ONCE(sdev->wedged));
	synchronize_irq(pci_irq_vector(to_pci_dev(dev), 0));
	return 0;
}

static int __maybe_unused seedchip_power_resume(struct device *dev)
{
	struct seedchip_device *sdev = dev_get_drvdata(dev);

	seedchip_vram_lose(sdev);
	seedchip_reset_wake(sdev);
	return 0;
}

const struct dev_pm_ops seedchip_pm_ops = {
	SET_SYSTEM_SLEEP_PM_OPS(seedchip_power_suspend, seedchip_power_resume)
	SET_RUNTIME_PM_OPS(seedchip_power_runtime_suspend, seedchip_power_runtime_resume, NULL)
};
