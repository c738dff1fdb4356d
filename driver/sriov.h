/* SPDX-License-Identifier: GPL-2.0-only */
/* Virtual functions of the card. */
#ifndef SEEDCHIP_SRIOV_H
#define SEEDCHIP_SRIOV_H

struct pci_dev;
struct seedchip_device;
struct work_struct;

int seedchip_sriov_configure(struct pci_dev *pdev, int num_vfs);
void seedchip_sriov_init(struct seedchip_device *sdev);
void seedchip_sriov_fini(struct seedchip_device *sdev);
void seedchip_sriov_lose(struct seedchip_device *sdev);
void seedchip_sriov_renew(struct seedchip_device *sdev);
void seedchip_sriov_renew_work(struct work_struct *work);

#endif /* SEEDCHIP_SRIOV_H */
