// SPDX-License-Identifier: MIT
/*
 * Failures on demand, for the tests of a driver: what hardware does when it is
 * broken, and software cannot provoke.
 *
 * Invariant: an injection is used up by what it hits; without one the chip is
 * as specified.
 */
#include "internal.h"

void sc_chip_inject(struct sc_chip *chip, enum sc_injection what, uint32_t value)
{
	sc_lock(chip);
	chip->inject[what] = what == SC_INJECT_INTERNAL ? value + 1 : value;
	sc_unlock(chip);
}

/* One of a number of injections is due. */
bool sc_inject_count(struct sc_chip *chip, enum sc_injection what)
{
	if (!chip->inject[what])
		return false;
	chip->inject[what]--;
	return true;
}

/* The packet that @q is about to start is to fail. */
bool sc_inject_packet(struct sc_chip *chip, const struct sc_queue *q)
{
	if (chip->inject[SC_INJECT_INTERNAL] != q->id + 1)
		return false;
	chip->inject[SC_INJECT_INTERNAL] = 0;
	return true;
}
