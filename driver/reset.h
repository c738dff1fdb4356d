/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The reset ladder.
 */
#ifndef SEEDCHIP_RESET_H
#define SEEDCHIP_RESET_H

#include <linux/types.h>

struct seedchip_device;
struct seedchip_queue;
struct work_struct;

void seedchip_reset_destroy(struct seedchip_queue *q);
void seedchip_reset_wait_kernel(struct seedchip_device *sdev);
void seedchip_reset_remove(struct seedchip_device *sdev);
void seedchip_reset_device(struct seedchip_device *sdev);
void seedchip_reset_report_work(struct work_struct *work);
void seedchip_reset_check(struct seedchip_device *sdev);
int seedchip_reset_wait_online(struct seedchip_device *sdev);
void seedchip_reset_hold_memory(struct seedchip_device *sdev);
void seedchip_reset_release_memory(struct seedchip_device *sdev);
void seedchip_reset_overdue_work(struct work_struct *work);
void seedchip_reset_offline(struct seedchip_device *sdev, bool reachable);
int seedchip_reset_online(struct seedchip_device *sdev);
void seedchip_reset_sleep(struct seedchip_device *sdev);
void seedchip_reset_wake(struct seedchip_device *sdev);
int seedchip_reset_hardware(struct seedchip_device *sdev);
void seedchip_reset_watch(struct seedchip_queue *q);
void seedchip_reset_watchdog(struct work_struct *work);
void seedchip_reset_fail_work(struct work_struct *work);

#endif /* SEEDCHIP_RESET_H */
