// SPDX-License-Identifier: MIT
/*
 * Failures on demand, for the tests of a driver: what hardware does when it is
 * broken, and software cannot provoke.
 *
 * Invariant: an injection is used up by what it hits; without one the chip is
 * as specified.
 */
#include <errno.h>

#include "internal.h"

static int spoil_queue(struct sc_queue *q, enum sc_inject what)
{
	if (what == SC_INJECT_WRITEBACK_TORN)
		q->torn = true;
	else if (what == SC_INJECT_WRITEBACK_LATE)
		q->late = true;
	else
		q->stuck = true;
	return 0;
}

static int inject(struct sc_chip *chip, enum sc_inject what, uint64_t value)
{
	if (what <= SC_INJECT_CORE_FAILURE)
		return chip->config.function ? -ENODEV : sc_ras_inject(chip, what, value);
	if (what <= SC_INJECT_INTERNAL && value >= chip->config.queues)
		return -ERANGE;
	if (what < SC_INJECT_INTERNAL)
		return spoil_queue(&chip->queues[value], what);
	if (value > (what == SC_INJECT_EVENT_STATUS ? UINT8_MAX : UINT32_MAX))
		return -ERANGE;
	/* 0 of these is one, too */
	if (what == SC_INJECT_INTERNAL || what == SC_INJECT_EVENT_STATUS)
		value++;
	chip->inject[what] = (uint32_t)value;
	return 0;
}

int sc_chip_inject(struct sc_chip *chip, enum sc_inject what, uint64_t value)
{
	int ret;

	sc_lock(chip);
	ret = inject(chip, what, value);
	sc_unlock(chip);
	return ret;
}

/* One of a number of injections is due. */
bool sc_inject_count(struct sc_chip *chip, enum sc_inject what)
{
	if (!chip->inject[what])
		return false;
	chip->inject[what]--;
	return true;
}

/* An event is about to be written; called with the lock held. */
void sc_inject_event(struct sc_chip *chip, struct sc_event *event)
{
	if (chip->inject[SC_INJECT_EVENT_STATUS])
		event->fault.status = chip->inject[SC_INJECT_EVENT_STATUS] - 1;
	chip->inject[SC_INJECT_EVENT_STATUS] = 0;
}

/* The packet that @q is about to start is to fail. */
bool sc_inject_packet(struct sc_chip *chip, const struct sc_queue *q)
{
	if (chip->inject[SC_INJECT_INTERNAL] != q->id + 1)
		return false;
	chip->inject[SC_INJECT_INTERNAL] = 0;
	return true;
}
