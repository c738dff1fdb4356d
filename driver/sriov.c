// SPDX-License-Identifier: GPL-2.0-only
/*
 * Virtual functions. Each is a card of its own, with its own seedchip_device; this
 * file is what its card and it have to do with each other: the card stays awake
 * while it has virtual functions, and sleeps after and wakes before them; and a
 * reset of the card takes what they had, so they are probed anew.
 *
 * Invariant: a virtual function is in the list of its card from the end of its
 * probe to the start of its removal, and the card's removal waits for that.
 */
#include <linux/pci.h>
#include <linux/pm_runtime.h>

#include "device.h"
#include "power.h"
#include "reset.h"
#include "sriov.h"

/* The device of a virtual function's card, if this driver has it; else NULL, as in a guest. */
static struct seedchip_device *seedchip_sriov_card(struct seedchip_device *sdev)
{
	struct pci_dev *pdev = to_pci_dev(sdev->drm.dev), *card = pci_physfn(pdev);

	return card != pdev && card->dev.driver == pdev->dev.driver ? pci_get_drvdata(card) : NULL;
}

/**
 * seedchip_sriov_init() - a virtual function has been probed
 * @sdev: any function
 */
void seedchip_sriov_init(struct seedchip_device *sdev)
{
	struct seedchip_device *card = seedchip_sriov_card(sdev);

	if (!card)
		return;
	/* Only for the order in which the system's devices sleep and wake. */
	sdev->sriov.link = device_link_add(sdev->drm.dev, card->drm.dev, DL_FLAG_STATELESS);
	mutex_lock(&card->sriov.lock);
	list_add_tail(&sdev->sriov.entry, &card->sriov.functions);
	mutex_unlock(&card->sriov.lock);
}

/**
 * seedchip_sriov_fini() - a function is about to be removed
 * @sdev: any function; a card's virtual functions go now
 */
void seedchip_sriov_fini(struct seedchip_device *sdev)
{
	struct seedchip_device *card = seedchip_sriov_card(sdev);
	struct pci_dev *pdev = to_pci_dev(sdev->drm.dev);

	if (card) {
		mutex_lock(&card->sriov.lock);
		list_del_init(&sdev->sriov.entry);
		mutex_unlock(&card->sriov.lock);
	}
	if (sdev->sriov.link)
		device_link_del(sdev->sriov.link);
	/* For good: a reset of the function may still be under way, and would queue it again. */
	disable_work_sync(&sdev->sriov.renew_work);
	if (pci_num_vf(pdev)) {
		pci_disable_sriov(pdev);
		seedchip_power_put(sdev);
	}
}

/**
 * seedchip_sriov_lose() - a reset of the card's function takes its virtual functions
 * @sdev: card; nothing happens if it has none
 */
void seedchip_sriov_lose(struct seedchip_device *sdev)
{
	struct seedchip_device *vf;

	mutex_lock(&sdev->sriov.lock);
	list_for_each_entry(vf, &sdev->sriov.functions, sriov.entry) {
		pm_runtime_get_sync(vf->drm.dev);
		seedchip_reset_remove(vf);
		pm_runtime_put(vf->drm.dev);
	}
	mutex_unlock(&sdev->sriov.lock);
}

/* Each loses its files and begins anew, whether its driver has seen the reset or not. */
void seedchip_sriov_renew_work(struct work_struct *work)
{
	struct seedchip_device *sdev = container_of(work, struct seedchip_device,
						    sriov.renew_work);
	struct pci_dev *pdev = to_pci_dev(sdev->drm.dev), *vf = NULL;

	while ((vf = pci_get_device(SC_PCI_VENDOR, SC_PCI_DEVICE_VF, vf)))
		if (vf != pdev && pci_physfn(vf) == pdev &&
		    vf->dev.driver == pdev->dev.driver && device_reprobe(&vf->dev))
			pci_err(vf, "lost with the card's reset\n");
}

/**
 * seedchip_sriov_renew() - the card's function has been reset and restored
 * @sdev: card
 */
void seedchip_sriov_renew(struct seedchip_device *sdev)
{
	if (pci_num_vf(to_pci_dev(sdev->drm.dev)))
		queue_work(system_unbound_wq, &sdev->sriov.renew_work);
}

static int seedchip_sriov_allowed(struct seedchip_device *sdev)
{
	if (READ_ONCE(sdev->draining) || seedchip_device_is_recovering(sdev))
		return -EBUSY;
	return READ_ONCE(sdev->wedged) ? -ENODEV : 0;
}

/**
 * seedchip_sriov_configure() - sriov_numvfs in sysfs
 * @pdev: the card; locked, and bound to this driver
 * @num_vfs: how many it shall have; 0: none, else it has none so far
 *
 * Return: as many, or a negative errno.
 */
int seedchip_sriov_configure(struct pci_dev *pdev, int num_vfs)
{
	struct seedchip_device *sdev = pci_get_drvdata(pdev);
	int ret;

	if (!num_vfs) {
		ret = pci_sriov_configure_simple(pdev, 0);
		if (!ret)
			seedchip_power_put(sdev);
		return ret;
	}
	ret = seedchip_power_get(sdev);
	if (ret)
		return ret;
	ret = seedchip_sriov_allowed(sdev);
	if (!ret)
		ret = pci_sriov_configure_simple(pdev, num_vfs);
	if (ret < 0)
		seedchip_power_put(sdev);
	return ret;
}
