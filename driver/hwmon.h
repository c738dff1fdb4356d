/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The card as a hardware monitor.
 */
#ifndef SEEDCHIP_HWMON_H
#define SEEDCHIP_HWMON_H

struct seedchip_device;

#if IS_REACHABLE(CONFIG_HWMON)
void seedchip_hwmon_init(struct seedchip_device *sdev);
void seedchip_hwmon_fini(struct seedchip_device *sdev);
#else
static inline void seedchip_hwmon_init(struct seedchip_device *sdev)
{
}

static inline void seedchip_hwmon_fini(struct seedchip_device *sdev)
{
}
#endif

#endif /* SEEDCHIP_HWMON_H */
