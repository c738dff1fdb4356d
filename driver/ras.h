/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Telemetry and health of the card.
 */
#ifndef SEEDCHIP_RAS_H
#define SEEDCHIP_RAS_H

#include "seedchip_hw.h"

struct seedchip_device;

void seedchip_ras_init(struct seedchip_device *sdev);
void seedchip_ras_start(struct seedchip_device *sdev);
int seedchip_ras_read(struct seedchip_device *sdev, enum sc_reg reg, u64 *value);
int seedchip_ras_record(struct seedchip_device *sdev, u64 number, struct sc_health_record *record);
void seedchip_ras_event(struct seedchip_device *sdev, const struct sc_fault *fault);
const char *seedchip_ras_code_name(u32 code);

#endif /* SEEDCHIP_RAS_H */
