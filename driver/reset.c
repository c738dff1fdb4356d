// SPDX-License-Identifier: GPL-2.0-only
/*
 * Watchdogs and the reset ladder: queue, context, device.
 *
 * Each level is tried only when the one below has missed its bound. In every
 * case errors are set first, then the hardware is stopped, then fences signal:
 * a signalled fence means that nothing of the job touches memory any more.
 *
 * Invariant: a pending job ends. Either the card retires it, or the watchdog of
 * its queue finds the queue faulted, without progress or out of time, unless the
 * card itself says that the queue waits for another one.
 */
#include <linux/delay.h>
#include <linux/iopoll.h>
#include <linux/pm_runtime.h>

#include <drm/drm_accel.h>
#include <drm/drm_drv.h>
#include <drm/drm_file.h>
#include <drm/drm_print.h>

#include "device.h"
#include "event.h"
#include "fault.h"
#include "job.h"
#include "power.h"
#include "queue.h"
#include "reset.h"
#include "sriov.h"
#include "trace.h"
#include "vm.h"

/* Twice what the specification grants each level, before its factor. */
#define SEEDCHIP_CONTEXT_BOUND_US 4000000ULL
#define SEEDCHIP_DEVICE_BOUND_US 10000000ULL

/* What jobs get to end before the system sleeps: a queue's usual limit of a hang, and a half. */
#define SEEDCHIP_DRAIN_MS 5000

/* A queue that only waits for cores looks hung; others then advance, so it gets more time. */
#define SEEDCHIP_BUSY_CARD_FACTOR 8

/* Waiting for memory is no hang, but a fence may not wait for ever. */
#define SEEDCHIP_WAIT_FACTOR 8

/* Longer than a link or a function takes to be reset. */
#define SEEDCHIP_RECOVERY_TIMEOUT (10 * HZ)

/* The PCI core takes a minute to give one up that does not answer, and may say nothing then. */
#define SEEDCHIP_OVERDUE_MS 30000

/**
 * seedchip_reset_hold_memory() - begin to read or write page tables through the BAR
 * @sdev: card
 *
 * Card memory keeps what it has in a reset of link or function, but meanwhile nothing
 * reaches it. Waits for the end of one that is under way; another one waits for
 * seedchip_reset_release_memory(). Nothing that a reset may have to wait for in between.
 */
void seedchip_reset_hold_memory(struct seedchip_device *sdev)
{
	down_read(&sdev->memory_sem);
	while (seedchip_device_is_recovering(sdev) && !READ_ONCE(sdev->leaving)) {
		up_read(&sdev->memory_sem);
		wait_event(sdev->recovered, !seedchip_device_is_recovering(sdev) ||
			   READ_ONCE(sdev->leaving));
		down_read(&sdev->memory_sem);
	}
}

void seedchip_reset_release_memory(struct seedchip_device *sdev)
{
	up_read(&sdev->memory_sem);
}

/* Recovery has begun: whoever has not seen it ends first. */
static void seedchip_reset_drain_memory(struct seedchip_device *sdev)
{
	down_write(&sdev->memory_sem);
	up_write(&sdev->memory_sem);
}

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
	/* One that is still under way, as after an FLR, refuses another. */
	int err = seedchip_reset_wait(sdev);

	if (err == -ENODEV || err == -ETIMEDOUT)
		return err;
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
	if (err == -ENODEV)
		queue_work(system_unbound_wq, &sdev->gone_work);
	sdev->wedged_event = true;
	queue_work(sdev->wq, &sdev->report_work);
}

/*
 * What the card's own reset did not achieve. Fences have signalled with errors,
 * bus mastering is off and the card is wedged: nobody else uses it. Restoring
 * the configuration takes locks under which others allocate, so this may not
 * happen before, nor with hw_lock held.
 */
static void seedchip_reset_function(struct seedchip_device *sdev)
{
	struct pci_dev *pdev = to_pci_dev(sdev->drm.dev);
	int idx, err;

	if (!READ_ONCE(sdev->function_reset) || !drm_dev_enter(&sdev->drm, &idx))
		return;
	/* Nobody may have it open: it would go to sleep meanwhile. */
	pm_runtime_get_sync(&pdev->dev);
	seedchip_sriov_lose(sdev);
	seedchip_reset_drain_memory(sdev);
	pci_save_state(pdev);
	/* One that has been pulled out would be waited for, for a minute. */
	err = pci_device_is_present(pdev) ? pcie_flr(pdev) : -ENODEV;
	pci_restore_state(pdev);
	pci_set_master(pdev);
	seedchip_sriov_renew(sdev);

	mutex_lock(&sdev->hw_lock);
	/* Unless the card has been pulled out meanwhile. */
	if (sdev->function_reset) {
		sdev->wedged = false;
		sdev->function_reset = false;
		seedchip_reset_restart(sdev, err ?: seedchip_reset_wait(sdev));
		trace_seedchip_reset(sdev, "function", sdev->info.generation,
				     sdev->wedged ? -EIO : 0);
		dev_err_ratelimited(sdev->drm.dev, "function reset: generation=%u wedged=%d\n",
				    sdev->info.generation, sdev->wedged);
	}
	mutex_unlock(&sdev->hw_lock);
	wake_up_all(&sdev->recovered);
	seedchip_power_put(sdev);
	drm_dev_exit(idx);
}

/**
 * seedchip_reset_wait_online() - wait while somebody resets the link or the function
 * @sdev: card
 *
 * Return: 0, -ENODEV if the card cannot be used, -ERESTARTSYS.
 */
int seedchip_reset_wait_online(struct seedchip_device *sdev)
{
	if (seedchip_device_is_recovering(sdev) &&
	    wait_event_killable_timeout(sdev->recovered, !seedchip_device_is_recovering(sdev),
					SEEDCHIP_RECOVERY_TIMEOUT) < 0)
		return -ERESTARTSYS;
	return READ_ONCE(sdev->wedged) ? -ENODEV : 0;
}

/**
 * seedchip_reset_device() - reset the card; everybody's pending work fails
 * @sdev: card
 */
void seedchip_reset_device(struct seedchip_device *sdev)
{
	int err;

	lockdep_assert_held(&sdev->hw_lock);
	/* Without the kernel's queue it is still being probed. */
	if (sdev->wedged || !sdev->kernel_queue)
		return;
	sdev->counters.device_resets++;
	seedchip_coredump_begin(sdev->kernel_queue);
	seedchip_reset_take_all(sdev, SC_STATUS_BYSTANDER, SC_CODE_DEVICE_RESET, false);
	err = seedchip_reset_hardware(sdev);
	sdev->function_reset = err && err != -ENODEV;
	seedchip_coredump_end(sdev->kernel_queue);
	seedchip_reset_restart(sdev, err);
	trace_seedchip_reset(sdev, "device", sdev->info.generation, err);
	dev_err_ratelimited(sdev->drm.dev, "device reset: generation=%u wedged=%d\n",
			    sdev->info.generation, sdev->wedged);
}

/*
 * The uevent that the DRM core sends for other devices: its own helper expects a
 * primary node, which an accelerator does not have. "none": the card was reset and
 * goes on; else the ways to bring it back.
 */
void seedchip_reset_report_work(struct work_struct *work)
{
	struct seedchip_device *sdev = container_of(work, struct seedchip_device, report_work);
	char *env[2] = { };
	bool event;

	seedchip_coredump_report(sdev);
	seedchip_reset_function(sdev);
	mutex_lock(&sdev->hw_lock);
	event = sdev->wedged_event;
	sdev->wedged_event = false;
	mutex_unlock(&sdev->hw_lock);
	if (!event)
		return;
	env[0] = sdev->wedged ? "WEDGED=rebind,bus-reset" : "WEDGED=none";
	kobject_uevent_env(&sdev->drm.accel->kdev->kobj, KOBJ_CHANGE, env);
	if (sdev->wedged)
		seedchip_event_hangup(sdev);
}

/**
 * seedchip_reset_check() - look whether the card still answers
 * @sdev: card, awake
 */
void seedchip_reset_check(struct seedchip_device *sdev)
{
	mutex_lock(&sdev->hw_lock);
	if (!sdev->wedged && seedchip_is_gone(seedchip_read32(sdev, SC_REG_STATUS)))
		seedchip_reset_device(sdev);
	mutex_unlock(&sdev->hw_lock);
}

/**
 * seedchip_reset_offline() - the PCI core is about to reset the link or the function
 * @sdev: card
 * @reachable: the card still answers
 *
 * What is pending fails, its fences signal in seedchip_reset_online(), or when that is
 * overdue. No lock is held in between: the PCI core takes its own to restore
 * configuration space.
 */
void seedchip_reset_offline(struct seedchip_device *sdev, bool reachable)
{
	mutex_lock(&sdev->hw_lock);
	if (!sdev->wedged) {
		seedchip_reset_take_all(sdev, SC_STATUS_BYSTANDER, SC_CODE_DEVICE_RESET, false);
		/* Bus mastering is about to be switched off: nothing may be under way then. */
		if (reachable)
			seedchip_reset_hardware(sdev);
		sdev->recovering = true;
		sdev->wedged = true;
		queue_delayed_work(sdev->reset_wq, &sdev->overdue_work,
				   seedchip_scale_timeout(sdev, SEEDCHIP_OVERDUE_MS));
	}
	mutex_unlock(&sdev->hw_lock);
	seedchip_queue_disconnect_all(sdev);
	seedchip_reset_drain_memory(sdev);
}

/* What open files have on the card is not what they believe: they do not come back. */
static void seedchip_reset_lose_files(struct seedchip_device *sdev)
{
	u32 id;

	lockdep_assert_held(&sdev->hw_lock);
	for (id = 1; id < sdev->num_contexts; id++)
		if (sdev->contexts[id])
			sdev->contexts[id]->lost = true;
	WRITE_ONCE(sdev->losses, sdev->losses + 1);
}

/*
 * The PCI core does not tell when it gives up: because the link stays down, or because a
 * function beside this one has no driver that handles errors. Fences do not wait for it.
 */
void seedchip_reset_overdue_work(struct work_struct *work)
{
	struct seedchip_device *sdev = container_of(to_delayed_work(work), struct seedchip_device,
						    overdue_work);
	bool cookie = dma_fence_begin_signalling();

	mutex_lock(&sdev->hw_lock);
	if (sdev->recovering) {
		sdev->recovering = false;
		sdev->overdue = true;
		/* Should it come back after all, it has missed changes of their page tables. */
		seedchip_reset_lose_files(sdev);
		seedchip_reset_restart(sdev, -ETIMEDOUT);
		wake_up_all(&sdev->recovered);
		dev_err(sdev->drm.dev, "reset by the PCI core: generation=%u wedged=1\n",
			sdev->info.generation);
	}
	mutex_unlock(&sdev->hw_lock);
	dma_fence_end_signalling(cookie);
}

/* It has been reset, and configuration space restored. 0, or the card is wedged. */
int seedchip_reset_online(struct seedchip_device *sdev)
{
	int err;

	mutex_lock(&sdev->hw_lock);
	cancel_delayed_work(&sdev->overdue_work);
	if (sdev->recovering || sdev->overdue) {
		pci_set_master(to_pci_dev(sdev->drm.dev));
		sdev->counters.pci_resets++;
		sdev->wedged = false;
		seedchip_reset_restart(sdev, seedchip_reset_hardware(sdev));
		trace_seedchip_reset(sdev, "pci", sdev->info.generation,
				     sdev->wedged ? -EIO : 0);
		sdev->recovering = false;
		sdev->overdue = false;
		wake_up_all(&sdev->recovered);
	}
	err = sdev->wedged ? -ENODEV : 0;
	mutex_unlock(&sdev->hw_lock);
	return err;
}

/* Whether a job is at work, and not only waiting for somebody. */
static bool seedchip_reset_is_busy(struct seedchip_device *sdev)
{
	bool busy = false, gated;
	struct seedchip_queue *q;
	u32 id, state;

	mutex_lock(&sdev->hw_lock);
	for (id = 0; !sdev->wedged && !busy && id < sdev->num_queues; id++) {
		q = seedchip_queue_at(sdev, id);
		if (!q || !seedchip_job_pending(q, &gated) || gated)
			continue;
		seedchip_job_retire(q);
		state = SC_QUEUE_STATE(readl(seedchip_queue_reg(sdev, id, SC_Q_STATUS)));
		busy = state == SC_QUEUE_RUNNING;
	}
	mutex_unlock(&sdev->hw_lock);
	return busy;
}

/**
 * seedchip_reset_sleep() - the system goes to sleep, and card memory is lost
 * @sdev: card; no program runs
 *
 * Jobs have some time to end; what is left fails as LOST, and so does every file.
 */
void seedchip_reset_sleep(struct seedchip_device *sdev)
{
	unsigned long end = jiffies + seedchip_scale_timeout(sdev, SEEDCHIP_DRAIN_MS);
	struct sc_fault why = {
		.status = SC_STATUS_LOST,
		.code = SC_CODE_REMOVED,
		.core = SC_NO_CORE,
		.engine = SC_ENGINE_DEVICE,
		.index = ~0ULL,
	};
	struct seedchip_queue *q;
	u32 id;

	while (seedchip_reset_is_busy(sdev) && time_before(jiffies, end))
		msleep(20);
	mutex_lock(&sdev->hw_lock);
	if (!sdev->wedged) {
		for (id = 0; id < sdev->num_queues; id++) {
			q = seedchip_queue_at(sdev, id);
			why.queue = id;
			if (q)
				seedchip_job_take(q, &why, q != sdev->kernel_queue);
		}
		seedchip_reset_hardware(sdev);
		seedchip_reset_finish_all(sdev);
		seedchip_reset_lose_files(sdev);
		sdev->asleep = true;
		sdev->wedged = true;
	}
	mutex_unlock(&sdev->hw_lock);
	seedchip_queue_disconnect_all(sdev);
	seedchip_event_hangup(sdev);
}

/* The system is awake again, and configuration space restored. */
void seedchip_reset_wake(struct seedchip_device *sdev)
{
	mutex_lock(&sdev->hw_lock);
	if (sdev->asleep) {
		pci_set_master(to_pci_dev(sdev->drm.dev));
		sdev->asleep = false;
		sdev->wedged = false;
		seedchip_reset_restart(sdev, seedchip_reset_hardware(sdev));
	}
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
	sdev->counters.context_resets++;
	err = readl_poll_timeout(seedchip_context_reg(sdev, why.context, SC_CTX_STATUS), status,
				 seedchip_is_gone(status) || !(status & SC_CONTEXT_RESETTING), 50,
				 SEEDCHIP_CONTEXT_BOUND_US * sdev->info.timeout_scale);
	if (!err && seedchip_is_gone(status))
		err = -ENODEV;
	trace_seedchip_reset(sdev, "context", why.context, err);
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

/*
 * What a program did wrong is its own affair; a card that fails, or that does not
 * do what its driver asks of it, is the operator's: one line of a fixed form, which
 * docs/driver.md describes.
 */
static void seedchip_reset_report_fault(struct seedchip_queue *q)
{
	struct seedchip_device *sdev = q->sdev;
	const struct sc_fault *fault = &q->fault;

	lockdep_assert_held(&sdev->hw_lock);
	if (fault->status == SC_STATUS_TIMEOUT)
		sdev->counters.timeouts++;
	else
		sdev->counters.faults++;
	if (fault->status != SC_STATUS_DEVICE && q != sdev->kernel_queue)
		return;
	dev_err_ratelimited(sdev->drm.dev,
			    "fault: code=%u status=%u queue=%u context=%u core=%u engine=%u index=%llu va=%#llx pc=%#llx generation=%u\n",
			    fault->code, fault->status, fault->queue, fault->context, fault->core,
			    fault->engine, fault->index, fault->va, fault->pc,
			    sdev->info.generation);
}

/* Does nothing to a queue that has already failed, except @dead. */
static void seedchip_reset_queue_locked(struct seedchip_queue *q, const struct sc_fault *fault,
					bool dead)
{
	struct seedchip_device *sdev = q->sdev;
	int err;

	lockdep_assert_held(&sdev->hw_lock);
	if (!dead && !sdev->wedged && q->status == SEEDCHIP_QUEUE_ACTIVE)
		seedchip_coredump_begin(q);
	if (seedchip_job_take(q, fault, dead) && !sdev->wedged) {
		if (!dead) {
			sdev->counters.queue_resets++;
			seedchip_reset_report_fault(q);
		}
		err = seedchip_queue_command(q, SC_QUEUE_CMD_RESET);
		trace_seedchip_reset(sdev, "queue", q->id, err);
		if (err == -ETIMEDOUT && q->vm)
			err = seedchip_reset_context(q);
		if (err || (q == sdev->kernel_queue && !dead))
			seedchip_reset_device(sdev);
		else
			seedchip_fault_drain(sdev);
	}
	seedchip_reset_complete_fault(q);
	seedchip_coredump_end(q);
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
	seedchip_queue_disconnect(q);
}

/* An event has filled in q->fault; a reset of the device may have dealt with it since. */
void seedchip_reset_fail_work(struct work_struct *work)
{
	struct seedchip_queue *q = container_of(work, struct seedchip_queue, fail_work);
	bool cookie = dma_fence_begin_signalling();

	mutex_lock(&q->sdev->hw_lock);
	if (q->has_fault)
		seedchip_reset_queue_locked(q, &q->fault, false);
	mutex_unlock(&q->sdev->hw_lock);
	dma_fence_end_signalling(cookie);
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
	sdev->function_reset = false;
	sdev->recovering = false;
	sdev->overdue = false;
	wake_up_all(&sdev->recovered);
	seedchip_reset_take_all(sdev, SC_STATUS_LOST, SC_CODE_REMOVED, true);
	seedchip_reset_hardware(sdev);
	seedchip_reset_finish_all(sdev);
	mutex_unlock(&sdev->hw_lock);
	seedchip_queue_disconnect_all(sdev);
}

static void seedchip_reset_rearm(struct seedchip_queue *q)
{
	seedchip_queue_get(q);
	if (!queue_delayed_work(q->sdev->reset_wq, &q->watchdog,
				min(q->config.timeout, q->config.fence_limit) / 2 + 1))
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

/*
 * The packet that a WAITING queue waits for; the ring is out of the program's
 * reach. WAIT_QUEUE ends with the other queue, which has a watchdog of its own;
 * in a user-mode queue there is none.
 */
static bool seedchip_reset_waits_for_memory(struct seedchip_queue *q)
{
	u32 op;

	if (q->config.user)
		return true;
	spin_lock_irq(&q->tl->lock);
	op = SC_HDR_OP(READ_ONCE(seedchip_queue_slot(q, q->retired)->hdr));
	spin_unlock_irq(&q->tl->lock);
	return op != SC_OP_WAIT_QUEUE;
}

/* What the first fence waits for: its job, or a packet before that. 0: there is no fence. */
static u64 seedchip_reset_front(struct seedchip_queue *q)
{
	struct seedchip_job *job;
	u64 front = 0;

	spin_lock_irq(&q->tl->lock);
	job = list_first_entry_or_null(&q->pending, struct seedchip_job, link);
	if (job)
		front = q->retired < job->slots.start ? ~q->retired : job->slots.end;
	spin_unlock_irq(&q->tl->lock);
	return front;
}

/*
 * Progress does not help a job for ever: others may wait for its fence, uninterruptibly some of
 * them. @waits: for somebody whose own time is limited.
 */
static bool seedchip_reset_is_overdue(struct seedchip_queue *q, bool waits)
{
	u64 front = seedchip_reset_front(q);

	if (!front || front != q->front || waits) {
		q->front = front;
		q->front_jiffies = jiffies;
		return false;
	}
	return time_after_eq(jiffies, q->front_jiffies + q->config.fence_limit);
}

/*
 * Whether the queue has had its time; reads registers. Without a pending job
 * the queue is user-mode, and only what the card runs tells that there is work.
 */
static bool seedchip_reset_is_hung(struct seedchip_queue *q, bool pending, bool gated)
{
	struct seedchip_device *sdev = q->sdev;
	u32 status = readl(seedchip_queue_reg(sdev, q->id, SC_Q_STATUS));
	u64 progress = readq(seedchip_queue_reg(sdev, q->id, SC_Q_PROGRESS));
	unsigned long limit = q->config.timeout;
	bool waits = gated;

	if (seedchip_is_gone(status) || SC_QUEUE_STATE(status) == SC_QUEUE_FAULTED)
		return true;
	if (progress != q->progress) {
		q->progress = progress;
		WRITE_ONCE(q->progress_jiffies, jiffies);
		WRITE_ONCE(sdev->last_progress, jiffies);
		WRITE_ONCE(sdev->last_progress_queue, q->id);
	}
	if (SC_QUEUE_STATE(status) == SC_QUEUE_WAITING) {
		waits |= !seedchip_reset_waits_for_memory(q);
		limit *= SEEDCHIP_WAIT_FACTOR;
	} else if (READ_ONCE(sdev->last_progress_queue) != q->id &&
	    time_before(jiffies, READ_ONCE(sdev->last_progress) + limit))
		limit *= SEEDCHIP_BUSY_CARD_FACTOR;
	if (waits || (!pending && SC_QUEUE_STATE(status) != SC_QUEUE_RUNNING))
		WRITE_ONCE(q->progress_jiffies, jiffies);
	if (seedchip_reset_is_overdue(q, waits))
		return true;
	return time_after_eq(jiffies, READ_ONCE(q->progress_jiffies) + limit);
}

/*
 * What the queue has waited for in vain. An INDIRECT does not tell which of its
 * packets, and the ring of a user-mode queue is the program's.
 */
static void seedchip_reset_blame_wait(struct seedchip_queue *q, struct sc_fault *why)
{
	const struct sc_pkt_wait *wait;

	why->code = SC_CODE_WAIT_TIMEOUT;
	why->engine = SC_ENGINE_QUEUE;
	if (q->config.user)
		return;
	spin_lock_irq(&q->tl->lock);
	wait = (const void *)seedchip_queue_slot(q, q->retired);
	why->tag = wait->tag;
	if (SC_HDR_OP(wait->hdr) == SC_OP_WAIT) {
		why->va = wait->addr;
		why->value = wait->value;
		why->access = SC_ACCESS_READ;
		why->size = sizeof(u64);
	}
	spin_unlock_irq(&q->tl->lock);
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
		why.status = seedchip_fault_status(SC_QUEUE_FAULT(status));
		why.code = SC_CODE_NONE;
		why.index = q->retired;
	} else if (SC_QUEUE_STATE(status) == SC_QUEUE_WAITING) {
		seedchip_reset_blame_wait(q, &why);
	}
	drm_dbg(&q->sdev->drm, "queue %u: %s\n", q->id,
		why.status == SC_STATUS_TIMEOUT ? "timeout" : "stopped by the card");
	seedchip_reset_queue_locked(q, &why, false);
}

void seedchip_reset_watchdog(struct work_struct *work)
{
	struct seedchip_queue *q = container_of(to_delayed_work(work), struct seedchip_queue,
						watchdog);
	bool cookie = dma_fence_begin_signalling();
	bool pending, gated;

	/* An interrupt that was lost is made good here. */
	seedchip_job_retire(q);
	/* Looked at and judged under the lock, or a reset in between would be judged again. */
	mutex_lock(&q->sdev->hw_lock);
	pending = seedchip_job_pending(q, &gated);
	if (pending || (q->config.user && q->status == SEEDCHIP_QUEUE_ACTIVE)) {
		if (seedchip_reset_is_hung(q, pending, gated))
			seedchip_reset_hang(q);
		else
			seedchip_reset_rearm(q);
	}
	mutex_unlock(&q->sdev->hw_lock);
	dma_fence_end_signalling(cookie);
	seedchip_queue_put(q);
}
