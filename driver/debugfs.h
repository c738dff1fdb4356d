/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Files in /sys/kernel/debug/accel/ADDRESS.
 */
#ifndef SEEDCHIP_DEBUGFS_H
#define SEEDCHIP_DEBUGFS_H

struct seedchip_device;

void seedchip_debugfs_init(struct seedchip_device *sdev);
void seedchip_debugfs_fini(struct seedchip_device *sdev);

#endif /* SEEDCHIP_DEBUGFS_H */
