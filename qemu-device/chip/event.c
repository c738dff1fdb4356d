// SPDX-License-Identifier: MIT
/*
 * The event ring: faults and aborted workgroups, written to system memory.
 *
 * Event n (counting from 0 at reset) goes to EVENT_BASE + (n mod size) * 128
 * with `seq` = n + 1, stored last with one 4-byte write; then EVENT_HEAD
 * becomes n + 1, IRQ_STATUS.EVENT is set and vector 0 raised. With
 * EVENT_HEAD - EVENT_TAIL = size the event is dropped and EVENT_LOST counts
 * it; without a ring (EVENT_LOG2 = 0), or with the device disabled, it is
 * dropped silently. Every event pulses vector 0, also when IRQ_STATUS.EVENT is
 * still set.
 *
 * Events are written one at a time: sc_event_store() returns with event_mutex
 * held, sc_event_publish() gives it back, so that a queue can become FAULTED
 * in the very moment its event becomes visible.
 */
#include "internal.h"

/**
 * sc_event_store() - write one event to memory; called without the lock
 *
 * Return: whether it was written; pass it to sc_event_publish().
 */
bool sc_event_store(struct sc_chip *chip, unsigned int type, const struct sc_fault *fault)
{
	struct sc_event event = { .type = type, .fault = *fault };
	uint64_t addr;
	uint32_t log2;
	bool full;

	pthread_mutex_lock(&chip->event_mutex);
	sc_lock(chip);
	log2 = chip->reg.CONTROL & SC_CONTROL_ENABLE ? chip->reg.EVENT_LOG2 : 0;
	event.seq = (uint32_t)chip->reg.EVENT_HEAD + 1;
	addr = chip->reg.EVENT_BASE + ((event.seq - 1) & ((1u << log2) - 1)) * sizeof(event);
	full = (uint32_t)(event.seq - 1 - (uint32_t)chip->reg.EVENT_TAIL) >= 1u << log2;
	if (log2 && !full)
		sc_inject_event(chip, &event);
	else if (log2 && !chip->resetting)
		chip->reg.EVENT_LOST = (uint32_t)(chip->reg.EVENT_LOST + 1);
	sc_unlock(chip);
	if (!log2 || full)
		return false;
	if (!sc_dma(chip, addr + 4, (uint8_t *)&event + 4, sizeof(event) - 4, true) &&
	    !sc_dma(chip, addr, &event.seq, sizeof(event.seq), true))
		return true;
	sc_lock(chip);
	if (!chip->resetting)
		sc_strict(chip, SC_STRICT_BAD_STATE_ADDRESS, "event at system address 0x%llx",
			  (unsigned long long)addr);
	sc_unlock(chip);
	return false;
}

/* The counterpart, called with the lock held. */
void sc_event_publish(struct sc_chip *chip, bool stored)
{
	pthread_mutex_unlock(&chip->event_mutex);
	if (!stored || chip->resetting)
		return;
	chip->reg.EVENT_HEAD = (uint32_t)(chip->reg.EVENT_HEAD + 1);
	sc_raise_cause(chip, SC_IRQ_EVENT);
}
