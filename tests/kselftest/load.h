/* SPDX-License-Identifier: MIT */
/*
 * A program that computes on a card until the card goes, and then expects of it what
 * docs/driver.md promises: -ENODEV from every call, SIGBUS from buffers, a queue state that can
 * still be read, a doorbell that has become a page of memory.
 */
#ifndef LOAD_H
#define LOAD_H

#include <sys/types.h>

#include "tap.h"

/** load_start() - start it on card @index; returns when it computes. */
pid_t load_start(unsigned int index);

/** load_ends() - wait for its end, which the going of the card brings about; it was as promised. */
void load_ends(pid_t pid);

#endif /* LOAD_H */
