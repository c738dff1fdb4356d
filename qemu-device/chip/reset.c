// SPDX-License-Identifier: MIT
/*
 * Resets: of a queue (retire.c ends it), of a context, of the device.
 *
 *   what              ends            keeps
 *   queue RESET       its packets     registers, RETIRED, other queues, memory
 *   context RESET     all its queues  as a queue RESET of each (code
 *                                     CONTEXT_RESET); the context stays enabled
 *   device            everything      discovery, GENERATION (+1), TOTAL_*, card
 *                                     memory; a POWER reset fills what was used
 *                                     of it with SC_POISON and clears TOTAL_*
 *
 * A device reset takes effect on the registers at once. Until every worker has
 * come back STATUS shows RESETTING, writes are refused (REG_LOCKED), doorbells
 * ignored, and no new host access starts. A queue RESET completes within one
 * quantum of the cores and one chunk of the copy engine.
 */
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "internal.h"

#define SC_POISON 0xdb

/* RESETTING ends, and the command completes, with the last queue of the context. */
void sc_reset_context_check(struct sc_chip *chip, unsigned int context)
{
	const struct sc_queue *q;
	unsigned int i;

	if (!chip->contexts[context].resetting)
		return;
	for (i = 0; i < chip->config.queues; i++) {
		q = &chip->queues[i];
		if (q->state != SC_QUEUE_DISABLED && q->bind.context == context &&
		    q->command == SC_QUEUE_CMD_RESET)
			return;
	}
	chip->contexts[context].resetting = false;
	sc_raise_cause(chip, SC_IRQ_COMMAND);
}

/* SC_CONTEXT_CMD_RESET. */
void sc_reset_context(struct sc_chip *chip, unsigned int context)
{
	struct sc_queue *q;
	unsigned int i;

	sc_trace(chip, "reset", "context %u", context);
	chip->contexts[context].resetting = true;
	if (sc_inject_count(chip, SC_INJECT_STUCK_RESETS))
		return;
	for (i = 0; i < chip->config.queues; i++) {
		q = &chip->queues[i];
		if (q->state != SC_QUEUE_DISABLED && q->bind.context == context)
			sc_queue_abort(chip, q, SC_CODE_CONTEXT_RESET);
	}
	sc_reset_context_check(chip, context);
}

static void stop_everything(struct sc_chip *chip)
{
	struct sc_slot *slot;
	unsigned int i, j;

	for (i = 0; i < chip->config.slots; i++) {
		slot = &chip->slots[i];
		for (j = 0; j < slot->count; j++)
			__atomic_store_n(&slot->window[(slot->head + j) % SC_WINDOW].stop, true,
					 __ATOMIC_RELEASE);
	}
}

/* Begin a device reset. Called with the lock held; never waits. */
void sc_reset_start(struct sc_chip *chip, unsigned int cause)
{
	unsigned int i;

	sc_trace(chip, "reset", "device, cause %u", cause);
	chip->poison |= cause == SC_RESET_CAUSE_POWER;
	__atomic_store_n(&chip->resetting, true, __ATOMIC_RELEASE);
	stop_everything(chip);
	sc_regs_reset_device(chip);
	chip->reg.RESET_CAUSE = cause;
	chip->reg.GENERATION = (uint32_t)(chip->reg.GENERATION + 1);
	if (cause == SC_RESET_CAUSE_POWER)
		sc_ras_power_on(chip);
	sc_ras_reset(chip);
	for (i = 0; i < chip->config.contexts; i++) {
		sc_regs_reset_context(&chip->contexts[i]);
		chip->contexts[i].resetting = false;
	}
	for (i = 0; i < chip->config.queues; i++) {
		sc_regs_reset_queue(&chip->queues[i]);
		chip->queues[i].state = SC_QUEUE_DISABLED;
		chip->queues[i].command = 0;
		chip->queues[i].missed = false;
		chip->queues[i].fault_status = 0;
	}
	chip->irqs = 0;
	if (!chip->config.sync)
		sc_wake(chip);
	else if (sc_reset_due(chip))
		sc_reset_finish(chip);
}

void sc_chip_reset_begin(struct sc_chip *chip, unsigned int cause)
{
	sc_lock(chip);
	sc_reset_start(chip, cause);
	sc_unlock(chip);
}

bool sc_chip_reset_busy(struct sc_chip *chip)
{
	return __atomic_load_n(&chip->resetting, __ATOMIC_ACQUIRE);
}

/* Whether a reset is begun and nobody is busy any more. */
bool sc_reset_due(const struct sc_chip *chip)
{
	return chip->resetting && !chip->busy;
}

/* Card memory after a loss of power: pages that were never used stay unused. */
static void poison_memory(struct sc_chip *chip)
{
	size_t pages = chip->config.card_size / SC_PAGE_SIZE, i;
	unsigned char *used = malloc(pages);

	if (!used || mincore(chip->card, chip->config.card_size, used)) {
		memset(chip->card, SC_POISON, chip->config.card_size);
	} else {
		madvise(chip->card, chip->config.card_size, MADV_DONTNEED);
		for (i = 0; i < pages; i++)
			if (used[i] & 1)
				memset(chip->card + i * SC_PAGE_SIZE, SC_POISON, SC_PAGE_SIZE);
	}
	free(used);
}

static void clear_totals(struct sc_chip *chip)
{
	const struct sc_core_stats *s;
	unsigned int i;

	chip->bias_insns = 0;
	chip->bias_macs = 0;
	chip->bias_dma = 0;
	for (i = 0; i < chip->config.cores; i++) {
		s = sc_core_stats(chip->units[i].core);
		chip->bias_insns -= s->insns;
		chip->bias_macs -= s->macs;
		chip->bias_dma -= s->dma_bytes;
	}
	chip->reg.TOTAL_PACKETS = 0;
	chip->reg.TOTAL_WORKGROUPS = 0;
	chip->reg.TOTAL_COPY_BYTES = 0;
	chip->reg.TOTAL_FAULTS = 0;
	chip->reg.TOTAL_BUSY_NS = 0;
}

/* End a device reset: no worker uses anything. Called with the lock held. */
void sc_reset_finish(struct sc_chip *chip)
{
	unsigned int i, j;

	for (i = 0; i < chip->config.slots; i++) {
		for (j = 0; j < SC_WINDOW; j++)
			sc_work_clear(&chip->slots[i].window[j]);
		chip->slots[i].queue = NULL;
		chip->slots[i].head = 0;
		chip->slots[i].count = 0;
	}
	for (i = 0; i < chip->config.queues; i++)
		sc_queue_clear(&chip->queues[i]);
	for (i = 0; i < chip->config.contexts; i++) {
		chip->contexts[i].instance = ++chip->instances;
		sc_mmu_bind(chip, i, 0);
	}
	chip->ready_head = NULL;
	chip->ready_tail = &chip->ready_head;
	chip->waiting = NULL;
	chip->quiescing = 0;
	sc_share_reset(chip);
	sc_dispatch_reset(chip);
	chip->timed_instance = 0;
	chip->core_runs = false;
	if (chip->poison) {
		chip->poison = false;
		clear_totals(chip);
		poison_memory(chip);
	}
	chip->failed = sc_inject_count(chip, SC_INJECT_FAILED_RESETS);
	__atomic_store_n(&chip->resetting, false, __ATOMIC_RELEASE);
}
