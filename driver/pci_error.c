// SPDX-License-Identifier: GPL-2.0-only
/*
 * Errors that the PCI Express port reports (AER), and resets of the function by
 * others.
 *
 *   correctable   the kernel counts it; nobody is told
 *   non-fatal     error_detected: look whether the card answers
 *                   yes: mmio_enabled, resume; no job is lost
 *                   no:  slot_reset
 *   fatal         error_detected: everybody's jobs fail as BYSTANDER; the kernel
 *                 resets the link; slot_reset restores the card; resume
 *   FLR, bus      reset_prepare, reset_done: as fatal
 *
 * A reset of the card, whichever, takes the power of its virtual functions: their
 * work is LOST, and they are probed anew.
 *
 * Invariant: from error_detected to slot_reset, and from reset_prepare to
 * reset_done, nothing touches the card, no lock is held, and ioctls wait.
 */
#include <linux/pci.h>
#include <linux/pm_runtime.h>

#include "device.h"
#include "pci_error.h"
#include "power.h"
#include "reset.h"
#include "sriov.h"

static pci_ers_result_t seedchip_error_detected(struct pci_dev *pdev, pci_channel_state_t state)
{
	struct seedchip_device *sdev = pci_get_drvdata(pdev);

	switch (state) {
	case pci_channel_io_normal:
		return PCI_ERS_RESULT_CAN_RECOVER;
	case pci_channel_io_frozen:
		if (pdev->is_virtfn)
			seedchip_reset_remove(sdev);
		seedchip_reset_offline(sdev, false);
		return PCI_ERS_RESULT_NEED_RESET;
	default:
		seedchip_reset_remove(sdev);
		return PCI_ERS_RESULT_DISCONNECT;
	}
}

static pci_ers_result_t seedchip_mmio_enabled(struct pci_dev *pdev)
{
	struct seedchip_device *sdev = pci_get_drvdata(pdev);
	bool gone;

	mutex_lock(&sdev->hw_lock);
	gone = !sdev->wedged && seedchip_is_gone(seedchip_read32(sdev, SC_REG_STATUS));
	mutex_unlock(&sdev->hw_lock);
	if (!gone)
		return PCI_ERS_RESULT_RECOVERED;
	seedchip_reset_offline(sdev, false);
	return PCI_ERS_RESULT_NEED_RESET;
}

static pci_ers_result_t seedchip_slot_reset(struct pci_dev *pdev)
{
	struct seedchip_device *sdev = pci_get_drvdata(pdev);

	pci_restore_state(pdev);
	/* Its card sees to it. */
	if (pdev->is_virtfn)
		return PCI_ERS_RESULT_RECOVERED;
	seedchip_sriov_renew(sdev);
	return seedchip_reset_online(sdev) ? PCI_ERS_RESULT_DISCONNECT : PCI_ERS_RESULT_RECOVERED;
}

static void seedchip_error_resume(struct pci_dev *pdev)
{
	struct seedchip_device *sdev = pci_get_drvdata(pdev);

	dev_info(&pdev->dev, "recovered from a PCI error: generation=%u\n",
		 sdev->info.generation);
}

static void seedchip_pci_reset_prepare(struct pci_dev *pdev)
{
	struct seedchip_device *sdev = pci_get_drvdata(pdev);

	/* A bus can be reset while the card sleeps, which would then wake up to nothing. */
	pm_runtime_get_sync(&pdev->dev);
	seedchip_sriov_lose(sdev);
	seedchip_reset_offline(sdev, true);
}

static void seedchip_pci_reset_done(struct pci_dev *pdev)
{
	struct seedchip_device *sdev = pci_get_drvdata(pdev);
	int err = seedchip_reset_online(sdev);

	dev_info(&pdev->dev, "reset by the PCI core: generation=%u wedged=%d\n",
		 sdev->info.generation, !!err);
	seedchip_sriov_renew(sdev);
	seedchip_power_put(sdev);
}

const struct pci_error_handlers seedchip_error_handlers = {
	.error_detected = seedchip_error_detected,
	.mmio_enabled = seedchip_mmio_enabled,
	.slot_reset = seedchip_slot_reset,
	.reset_prepare = seedchip_pci_reset_prepare,
	.reset_done = seedchip_pci_reset_done,
	.resume = seedchip_error_resume,
};
