/* SPDX-License-Identifier: MIT */
/*
 * A second process that computes on the card for as long as a test lasts, and
 * notices every wrong or missing result.
 */
#ifndef NEIGHBOUR_H
#define NEIGHBOUR_H

#include <stdbool.h>

#include "tap.h"

/** neighbour_start() - start it, before this process uses the card; returns when it computes. */
void neighbour_start(void);

/** neighbour_stop() - end it. Return: all its results were right. */
bool neighbour_stop(void);

/* The last line of a table of tests. */
static inline void neighbour_is_right(void)
{
	CHECK(neighbour_stop());
}

#endif /* NEIGHBOUR_H */
