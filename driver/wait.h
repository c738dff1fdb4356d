/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Programs that wait for an index of a queue.
 */
#ifndef SEEDCHIP_WAIT_H
#define SEEDCHIP_WAIT_H

#include <linux/list.h>

#include "job.h"

struct dma_fence;
struct eventfd_ctx;
struct seedchip_device;
struct seedchip_queue;
struct task_struct;

/**
 * struct seedchip_waiter - somebody waits for @slots to retire
 * @link: entry of seedchip_queue.waiters
 * @slots: which; all below @slots.end for QUEUE_WAIT
 * @submitted: they are the caller's own, and it learns what became of them
 * @fence: stands for @slots; NULL: there is none
 * @timeout_ns: as of the ioctl
 * @listed: it has been in the list; until it has left, and then under the queue's lock, the rest
 *	    belongs to whoever lets it go
 * @status: 0: wait on; 1: retired; else why they never will be
 * @task: asleep in the ioctl, on whose stack this lies; NULL: an eventfd
 * @eventfd: referenced
 */
struct seedchip_waiter {
	struct list_head link;
	struct seedchip_slots slots;
	bool submitted;
	struct dma_fence *fence;
	s64 timeout_ns;
	bool listed;
	int status;
	struct task_struct *task;
	struct eventfd_ctx *eventfd;
};

void seedchip_wait_begin(struct seedchip_queue *q, struct seedchip_waiter *w,
			 const struct seedchip_slots *slots, struct dma_fence *fence);
int seedchip_wait_finish(struct seedchip_queue *q, struct seedchip_waiter *w);
void seedchip_wait_wake(struct seedchip_queue *q);
void seedchip_wait_arm(struct seedchip_queue *q);
void seedchip_wait_end_all(struct seedchip_device *sdev);

#endif /* SEEDCHIP_WAIT_H */
