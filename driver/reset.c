// SPDX-License-Identifier: GPL-2.0-only
/*
 * Watchdogs and the reset ladder: queue, context, device.
 *
 * Each level is tried only when the one below has missed its bound. In every
 * case errors are set first, then the hardware is stopped, then fences signal:
 * a signalled fence means that nothing of the job touches memory any more.
 *
 * Invariant: a pending job ends. Either the card retires it, or the watchdog of
 * its queue finds the queue faulted or without progress, unless the card
 * itself says that the queue waits.
 */
#include <linux/iopoll.h>

#include <drm/drm_print.h>

#include "device.h"
#include "fault.h"
#include "job.h"
#include "queue.h"
#include "reset.h"
#include "vm.h"

/* Twice what the specification grants each level, before its factor. */
#define SEEDCHIP_CONTEXT_BOUND_US 4000000ULL
#define SEEDCHIP_DEVICE_BOUND_US 10000000ULL

/* A queue that only waits for cores looks hung; others then advance, so it gets more time. */
#define SEEDCHIP_BUSY_CARD_FACTOR 8

static int seedchip_reset_wait(struct seedchip_device *sdev)
{
	u32 status;
	int err;

	err = readl_poll_timeout(sdev->regs + SC_REG_STATUS, status,
				 seedchip_is_gone(status) || !(status & SC_DEVICE_RESETTING), 200,
				 SEEDCHIP_DEVICE_BOUND_US * max(1U, sdev->info.timeout_scale));
	if (seedchip_is_gone(status))
		return -ENODEV;
	if (err)
		return err;
	return status & SC_DEVICE_READY ? 0 : -EIO;
}

/**
 * seedchip_reset_hardware() - soft reset of the whole card
 * @sdev: card
 *
 * Afterwards every queue and context is disabled and nothing accesses memory.
 *
 * Return: 0, -ETIMEDOUT, -EIO or -ENODEV.
 */
int seedchip_reset_hardware(struct seedchip_device *sdev)
{
	seedchip_write32(sdev, SC_REG_RESET, SC_RESET_KEY);
	return seedchip_reset_wait(sdev);
}

/* Before a reset of the device: what is pending fails, though its owners did nothing wrong. */
static void seedchip_reset_take_all(struct seedchip_device *sdev, u32 status, u32 code, bool dead)
{
	struct sc_fault why = {
		.status = status,
		.code = code,
		.core = SC_NO_CORE,
		.engine = SC_ENGINE_DEVICE,
		.index = ~0ULL,
	};
	struct seedchip_queue *q;
	u32 id;

	lockdep_assert_held(&sdev->hw_lock);
	for (id = 0; id < sdev->num_queues; id++) {
		q = seedchip_queue_at(sdev, id);
		why.queue = id;
		if (q)
			seedchip_job_take(q, &why, dead);
	}
}

static void seedchip_reset_finish_all(struct seedchip_device *sdev)
{
	struct seedchip_queue *q;
	u32 id;

	lockdep_assert_held(&sdev->hw_lock);
	for (id = 0; id < sdev->num_queues; id++) {
		q = seedchip_queue_at(sdev, id);
		if (q)
			seedchip_job_finish(q);
	}
}

/* After a reset of the device, which went well if @err is 0. */
static void seedchip_reset_restart(struct seedchip_device *sdev, int err)
{
	lockdep_assert_held(&sdev->hw_lock);
	if (!err)
		err = seedchip_device_enable(sdev);
	/* It may still be running: nothing may reach memory that fences give back. */
	if (err)
		pci_clear_master(to_pci_dev(sdev->drm.dev));
	seedchip_reset_finish_all(sdev);
	if (!err)
		err = seedchip_queue_start(sdev->kernel_queue);
	if (err)
		sdev->wedged = true;
}

static void seedchip_reset_device(struct seedchip_device *sdev)
{
	if (sdev->wedged)
		return;
	seedchip_reset_take_all(sdev, SC_STATUS_BYSTANDER, SC_CODE_DEVICE_RESET, false);
	seedchip_reset_restart(sdev, seedchip_reset_hardware(sdev));
	dev_err_ratelimited(sdev->drm.dev, "device reset: generation=%u wedged=%d\n",
			    sdev->info.generation, sdev->wedged);
}

/**
 * seedchip_reset_prepare() - somebody else is about to reset the PCI function
 * @sdev: card
 *
 * hw_lock is held from here to seedchip_reset_done().
 */
void seedchip_reset_prepare(struct seedchip_device *sdev)
{
	mutex_lock(&sdev->hw_lock);
	if (!sdev->wedged)
		seedchip_reset_take_all(sdev, SC_STATUS_BYSTANDER, SC_CODE_DEVICE_RESET, false);
}

/* The function has been reset; its configuration space is as before. */
void seedchip_reset_done(struct seedchip_device *sdev)
{
	if (!sdev->wedged)
		seedchip_reset_restart(sdev, seedchip_reset_wait(sdev));
	dev_info(sdev->drm.dev, "reset by the PCI core: generation=%u wedged=%d\n",
		 sdev->info.generation, sdev->wedged);
	mutex_unlock(&sdev->hw_lock);
}

/* Every queue of the context stops, so all of them fail. */
static int seedchip_reset_context(struct seedchip_queue *culprit)
{
	struct seedchip_device *sdev = culprit->sdev;
	struct sc_fault why = {
		.status = SC_STATUS_ABORTED,
		.code = SC_CODE_CONTEXT_RESET,
		.context = culprit->vm->context,
		.core = SC_NO_CORE,
		.engine = SC_ENGINE_DEVICE,
		.index = ~0ULL,
	};
	struct seedchip_queue *q;
	u32 id, status;
	int err;

	lockdep_assert_held(&sdev->hw_lock);
	for (id = 1; id < sdev->num_queues; id++) {
		q = seedchip_queue_at(sdev, id);
		why.queue = id;
		if (q && q->vm == culprit->vm)
			seedchip_job_take(q, &why, false);
	}
	writel(SC_CONTEXT_CMD_RESET, seedchip_context_reg(sdev, why.context, SC_CTX_COMMAND));
	err = readl_poll_timeout(seedchip_context_reg(sdev, why.context, SC_CTX_STATUS), status,
				 seedchip_is_gone(status) || !(status & SC_CONTEXT_RESETTING), 50,
				 SEEDCHIP_CONTEXT_BOUND_US * sdev->info.timeout_scale);
	if (!err && seedchip_is_gone(status))
		err = -ENODEV;
	if (err)
		return err;
	for (id = 1; id < sdev->num_queues; id++) {
		q = seedchip_queue_at(sdev, id);
		if (q && q->vm == culprit->vm)
			seedchip_job_finish(q);
	}
	dev_err_ratelimited(sdev->drm.dev, "context reset: context=%u queue=%u\n", why.context,
			    culprit->id);
	return 0;
}

/* Take where the job was when it was stopped from the report of a core that ran it. */
static void seedchip_reset_complete_fault(struct seedchip_queue *q)
{
	spin_lock_irq(&q->tl->lock);
	if (q->has_aborted && q->has_fault && q->fault.code == SC_CODE_JOB_TIMEOUT) {
		u64 index = q->fault.index;

		q->fault = q->aborted;
		q->fault.status = SC_STATUS_TIMEOUT;
		q->fault.code = SC_CODE_JOB_TIMEOUT;
		q->fault.index = index;
	}
	spin_unlock_irq(&q->tl->lock);
}

/* Complete what had only waited for fences that have signalled by now. */
static void seedchip_reset_settle(struct seedchip_device *sdev)
{
	struct seedchip_queue *q;
	u32 id;

	lockdep_assert_held(&sdev->hw_lock);
	for (id = 0; id < sdev->num_queues; id++) {
		q = seedchip_queue_at(sdev, id);
		if (q)
			seedchip_job_retire(q);
	}
}

/* Does nothing to a queue that has already failed, except @dead. */
static void seedchip_reset_queue_locked(struct seedchip_queue *q, const struct sc_fault *fault,
					bool dead)
{
	struct seedchip_device *sdev = q->sdev;
	int err;

	lockdep_assert_held(&sdev->hw_lock);
	if (seedchip_job_take(q, fault, dead) && !sdev->wedged) {
		err = seedchip_queue_command(q, SC_QUEUE_CMD_RESET);
		if (err == -ETIMEDOUT && q->vm)
			err = seedchip_reset_context(q);
		if (err || (q == sdev->kernel_queue && !dead))
			seedchip_reset_device(sdev);
		else
			seedchip_fault_drain(sdev);
	}
	seedchip_reset_complete_fault(q);
	seedchip_job_finish(q);
	seedchip_reset_settle(sdev);
}

/**
 * seedchip_reset_destroy() - stop a queue for good because its owner lets go
 * @q: queue
 */
void seedchip_reset_destroy(struct seedchip_queue *q)
{
	mutex_lock(&q->sdev->hw_lock);
	seedchip_reset_queue_locked(q, NULL, true);
	mutex_unlock(&q->sdev->hw_lock);
}

/* An event has filled in q->fault; a reset of the device may have dealt with it since. */
void seedchip_reset_fail_work(struct work_struct *work)
{
	struct seedchip_queue *q = container_of(work, struct seedchip_queue, fail_work);

	mutex_lock(&q->sdev->hw_lock);
	if (q->has_fault)
		seedchip_reset_queue_locked(q, &q->fault, false);
	mutex_unlock(&q->sdev->hw_lock);
	seedchip_queue_put(q);
}

/**
 * seedchip_reset_wait_kernel() - wait for the reset that a failed kernel's queue entails
 * @sdev: card
 *
 * The queue refuses work from the moment of its fault, while the card may go on
 * running jobs of others until it has been reset.
 */
void seedchip_reset_wait_kernel(struct seedchip_device *sdev)
{
	flush_work(&sdev->kernel_queue->fail_work);
	mutex_lock(&sdev->hw_lock);
	mutex_unlock(&sdev->hw_lock);
}

/**
 * seedchip_reset_remove() - end all queues because the device goes
 * @sdev: card; unplugged, or not there any more
 *
 * Open files keep their queues as empty shells. Harmless the second time.
 */
void seedchip_reset_remove(struct seedchip_device *sdev)
{
	mutex_lock(&sdev->hw_lock);
	sdev->wedged = true;
	seedchip_reset_take_all(sdev, SC_STATUS_LOST, SC_CODE_REMOVED, true);
	seedchip_reset_hardware(sdev);
	seedchip_reset_finish_all(sdev);
	mutex_unlock(&sdev->hw_lock);
}

static void seedchip_reset_rearm(struct seedchip_queue *q)
{
	seedchip_queue_get(q);
	if (!queue_delayed_work(q->sdev->wq, &q->watchdog, q->config.timeout / 2 + 1))
		seedchip_queue_put(q);
}

/* Start looking after a queue that has been given work. */
void seedchip_reset_watch(struct seedchip_queue *q)
{
	if (delayed_work_pending(&q->watchdog))
		return;
	WRITE_ONCE(q->progress_jiffies, jiffies);
	seedchip_reset_rearm(q);
}

/* Whether the queue has had its time; reads registers. */
static bool seedchip_reset_is_hung(struct seedchip_queue *q, bool gated)
{
	struct seedchip_device *sdev = q->sdev;
	u32 status = readl(seedchip_queue_reg(sdev, q->id, SC_Q_STATUS));
	u64 progress = readq(seedchip_queue_reg(sdev, q->id, SC_Q_PROGRESS));
	unsigned long limit = q->config.timeout;

	if (seedchip_is_gone(status) || SC_QUEUE_STATE(status) == SC_QUEUE_FAULTED)
		return true;
	if (progress != q->progress) {
		q->progress = progress;
		WRITE_ONCE(q->progress_jiffies, jiffies);
		WRITE_ONCE(sdev->last_progress, jiffies);
		WRITE_ONCE(sdev->last_progress_queue, q->id);
	}
	if (gated || SC_QUEUE_STATE(status) == SC_QUEUE_WAITING)
		WRITE_ONCE(q->progress_jiffies, jiffies);
	if (READ_ONCE(sdev->last_progress_queue) != q->id &&
	    time_before(jiffies, READ_ONCE(sdev->last_progress) + limit))
		limit *= SEEDCHIP_BUSY_CARD_FACTOR;
	return time_after_eq(jiffies, READ_ONCE(q->progress_jiffies) + limit);
}

/* Without the event, if there was one, the record says as much as the registers do. */
static void seedchip_reset_hang(struct seedchip_queue *q)
{
	struct sc_fault why = {
		.status = SC_STATUS_TIMEOUT,
		.code = SC_CODE_JOB_TIMEOUT,
		.queue = q->id,
		.context = q->vm ? q->vm->context : 0,
		.core = SC_NO_CORE,
		.engine = SC_ENGINE_DEVICE,
	};
	u32 status = readl(seedchip_queue_reg(q->sdev, q->id, SC_Q_STATUS));

	if (seedchip_is_gone(status)) {
		why.status = SC_STATUS_LOST;
		why.code = SC_CODE_REMOVED;
	} else if (SC_QUEUE_STATE(status) == SC_QUEUE_FAULTED) {
		/* Its event may be waiting; if that was lost, STATUS is what is left. */
		seedchip_fault_drain(q->sdev);
		why.status = SC_QUEUE_FAULT(status);
		why.code = SC_CODE_NONE;
		why.index = q->retired;
	}
	drm_dbg(&q->sdev->drm, "queue %u: %s\n", q->id,
		why.code == SC_CODE_JOB_TIMEOUT ? "no progress" : "stopped by the card");
	seedchip_reset_queue_locked(q, &why, false);
}

void seedchip_reset_watchdog(struct work_struct *work)
{
	struct seedchip_queue *q = container_of(to_delayed_work(work), struct seedchip_queue,
						watchdog);
	bool gated;

	/* An interrupt that was lost is made good here. */
	seedchip_job_retire(q);
	/* Looked at and judged under the lock, or a reset in between would be judged again. */
	mutex_lock(&q->sdev->hw_lock);
	if (seedchip_job_pending(q, &gated)) {
		if (seedchip_reset_is_hung(q, gated))
			seedchip_reset_hang(q);
		else
			seedchip_reset_rearm(q);
	}
	mutex_unlock(&q->sdev->hw_lock);
	seedchip_queue_put(q);
}
