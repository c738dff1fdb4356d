// SPDX-License-Identifier: GPL-2.0-only
/*
 * The event ring: who faulted, where, and why.
 *
 * Invariant: a queue that the card has stopped is handled even if its event was
 * lost: the watchdog of every queue with pending jobs also reads its STATUS.
 * What the card writes is checked before it is used as an index.
 */
#include <linux/dma-mapping.h>

#include <drm/drm_managed.h>
#include <drm/drm_print.h>

#include "device.h"
#include "fault.h"
#include "queue.h"
#include "ras.h"

#define SEEDCHIP_EVENTS_LOG2 8
#define SEEDCHIP_EVENTS BIT(SEEDCHIP_EVENTS_LOG2)

int seedchip_fault_init(struct seedchip_device *sdev)
{
	struct seedchip_event_ring *events = &sdev->events;
	int err;

	err = drmm_mutex_init(&sdev->drm, &events->lock);
	if (err)
		return err;
	events->ring = dmam_alloc_coherent(sdev->drm.dev, SEEDCHIP_EVENTS * sizeof(struct sc_event),
					   &events->dma, GFP_KERNEL | __GFP_ZERO);
	return events->ring ? 0 : -ENOMEM;
}

/* After a reset, before CONTROL.ENABLE: the device counts from zero again. */
void seedchip_fault_enable(struct seedchip_device *sdev)
{
	struct seedchip_event_ring *events = &sdev->events;

	mutex_lock(&events->lock);
	memset(events->ring, 0, SEEDCHIP_EVENTS * sizeof(struct sc_event));
	events->tail = 0;
	seedchip_write64(sdev, SC_REG_EVENT_BASE, events->dma);
	seedchip_write32(sdev, SC_REG_EVENT_LOG2, SEEDCHIP_EVENTS_LOG2);
	seedchip_write32(sdev, SC_REG_EVENT_TAIL, 0);
	seedchip_write32(sdev, SC_REG_IRQ_ENABLE, SC_IRQ_EVENT);
	mutex_unlock(&events->lock);
}

/* errno of a status, negative; a number that the table lacks is the device's fault. */
int seedchip_fault_errno(u32 status)
{
	switch (status) {
#define SEEDCHIP_ERRNO_(name, number, err, text) \
	case SC_STATUS_##name:                   \
		return -(err);
	SC_STATUS_TABLE(SEEDCHIP_ERRNO_)
	}
	return -EREMOTEIO;
}

/* The status of a failure: one that there is not, and OK, are the device's fault, too. */
u32 seedchip_fault_status(u32 status)
{
	int err = seedchip_fault_errno(status);

	return err && err != -EREMOTEIO ? status : SC_STATUS_DEVICE;
}

/* Runs in the interrupt thread, and below a reset with hw_lock held; hence RCU. */
static void seedchip_fault_event(struct seedchip_device *sdev, const struct sc_event *event)
{
	const struct sc_fault *fault = &event->fault;
	struct seedchip_queue *q;
	unsigned long flags;

	if (event->type == SC_EVENT_HEALTH)
		seedchip_ras_event(sdev, fault);
	if (fault->queue >= sdev->num_queues)
		return;
	rcu_read_lock();
	q = rcu_dereference(sdev->queues[fault->queue]);
	if (!q || !kref_get_unless_zero(&q->ref)) {
		rcu_read_unlock();
		return;
	}
	rcu_read_unlock();

	spin_lock_irqsave(&q->tl->lock, flags);
	if (event->type == SC_EVENT_ABORTED && !q->has_aborted) {
		q->aborted = *fault;
		q->has_aborted = true;
	} else if (event->type == SC_EVENT_FAULT && q->status == SEEDCHIP_QUEUE_ACTIVE &&
		   !q->has_fault && fault->epoch == q->epoch) {
		q->fault = *fault;
		q->fault.status = seedchip_fault_status(fault->status);
		q->has_fault = true;
		seedchip_queue_fail(q);
	}
	spin_unlock_irqrestore(&q->tl->lock, flags);
	drm_dbg(&sdev->drm, "queue %u event %u: status %u code %u va %#llx pc %#llx core %u\n",
		fault->queue, event->type, fault->status, fault->code, fault->va, fault->pc,
		fault->core);
	seedchip_queue_put(q);
}

/*
 * Consume every event that the device has completed. It does not write more than the
 * ring holds before it has seen the tail, or that is its own loss.
 */
void seedchip_fault_drain(struct seedchip_device *sdev)
{
	struct seedchip_event_ring *events = &sdev->events;
	u32 start;

	mutex_lock(&events->lock);
	start = events->tail;
	while (events->tail - start < SEEDCHIP_EVENTS) {
		struct sc_event *slot = &events->ring[events->tail % SEEDCHIP_EVENTS];
		struct sc_event event;

		if (READ_ONCE(slot->seq) != events->tail + 1)
			break;
		/* The body was stored before seq. */
		dma_rmb();
		event = *slot;
		events->tail++;
		seedchip_fault_event(sdev, &event);
	}
	if (events->tail != start)
		seedchip_write32(sdev, SC_REG_EVENT_TAIL, events->tail);
	mutex_unlock(&events->lock);
}

/* The interrupt is freed before the registers go. */
void seedchip_fault_interrupt(struct seedchip_device *sdev)
{
	/* Clear first: an event that arrives while the ring is read raises the vector again. */
	seedchip_write32(sdev, SC_REG_IRQ_STATUS, SC_IRQ_EVENT);
	seedchip_fault_drain(sdev);
}
