/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Programs that wait for an index of a queue.
 */
#ifndef SEEDCHIP_WAIT_H
#define SEEDCHIP_WAIT_H

struct seedchip_device;
struct seedchip_queue;

void seedchip_wait_wake(struct seedchip_queue *q);
void seedchip_wait_arm(struct seedchip_queue *q);
void seedchip_wait_end_all(struct seedchip_device *sdev);

#endif /* SEEDCHIP_WAIT_H */
