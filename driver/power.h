/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Sleep of the system and of the idle card.
 */
#ifndef SEEDCHIP_POWER_H
#define SEEDCHIP_POWER_H

#include <linux/pm.h>

struct seedchip_device;

extern const struct dev_pm_ops seedchip_pm_ops;

void seedchip_power_init(struct seedchip_device *sdev);
void seedchip_power_fini(struct seedchip_device *sdev);
int seedchip_power_get(struct seedchip_device *sdev);
void seedchip_power_put(struct seedchip_device *sdev);

#endif /* SEEDCHIP_POWER_H */
