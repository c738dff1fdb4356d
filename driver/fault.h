/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Fault events and records.
 */
#ifndef SEEDCHIP_FAULT_H
#define SEEDCHIP_FAULT_H

#include <linux/types.h>

struct sc_fault;
struct seedchip_device;

int seedchip_fault_init(struct seedchip_device *sdev);
void seedchip_fault_enable(struct seedchip_device *sdev);
void seedchip_fault_interrupt(struct seedchip_device *sdev);
void seedchip_fault_drain(struct seedchip_device *sdev);
int seedchip_fault_errno(u32 status);
u32 seedchip_fault_status(u32 status);

#endif /* SEEDCHIP_FAULT_H */
