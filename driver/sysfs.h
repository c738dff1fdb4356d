/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Attributes of the PCI device; docs/abi-sysfs.md describes them.
 */
#ifndef SEEDCHIP_SYSFS_H
#define SEEDCHIP_SYSFS_H

struct attribute_group;

extern const struct attribute_group *seedchip_sysfs_groups[];

#endif /* SEEDCHIP_SYSFS_H */
