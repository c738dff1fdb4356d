/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Interrupts: vector 0 for events, the others shared out among the queues.
 */
#ifndef SEEDCHIP_IRQ_H
#define SEEDCHIP_IRQ_H

#include <linux/list.h>
#include <linux/spinlock.h>

struct seedchip_device;
struct seedchip_queue;

/**
 * struct seedchip_vector - one MSI-X vector
 * @sdev: card
 * @index: number of the vector
 * @lock: protects @queues; taken in hard interrupts
 * @queues: those that raise it
 */
struct seedchip_vector {
	struct seedchip_device *sdev;
	unsigned int index;
	spinlock_t lock; /* queues */
	struct list_head queues;
};

int seedchip_irq_init(struct seedchip_device *sdev);
void seedchip_irq_fini(struct seedchip_device *sdev);
u32 seedchip_irq_vector(struct seedchip_device *sdev, u32 queue);
void seedchip_irq_attach(struct seedchip_queue *q);
void seedchip_irq_detach(struct seedchip_queue *q);

#endif /* SEEDCHIP_IRQ_H */
