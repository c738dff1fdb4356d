/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What read() and poll() on a file return: failures of its queues.
 */
#ifndef SEEDCHIP_EVENT_H
#define SEEDCHIP_EVENT_H

#include <linux/types.h>

struct drm_file;
struct file;
struct poll_table_struct;
struct seedchip_device;
struct seedchip_event;
struct seedchip_queue;

struct seedchip_event *seedchip_event_alloc(void);
void seedchip_event_send(struct seedchip_queue *q);
void seedchip_event_hangup(struct seedchip_device *sdev);
void seedchip_event_close(struct drm_file *file);
ssize_t seedchip_event_read(struct file *filp, char __user *buffer, size_t count, loff_t *offset);
__poll_t seedchip_event_poll(struct file *filp, struct poll_table_struct *wait);

#endif /* SEEDCHIP_EVENT_H */
