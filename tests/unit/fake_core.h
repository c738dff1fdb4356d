/* SPDX-License-Identifier: MIT */
/*
 * A core that follows a script, in place of the real one: what a workgroup does
 * stands in its arguments, as struct fake_args. Tests of the scheduler are
 * exact with it, and it logs what ran where.
 */
#ifndef FAKE_CORE_H
#define FAKE_CORE_H

#include <stdint.h>

enum fake_kind {
	FAKE_DONE, /* retires `a` instructions and returns */
	FAKE_FAULT, /* retires `a` instructions and faults with code `b` */
	FAKE_FOREVER, /* never returns */
	FAKE_STORE, /* stores `b` at address `a` and returns */
	FAKE_UNTIL, /* returns when the word at address `a` is >= `b` */
	FAKE_MEET, /* arrives and meets `a` times */
	FAKE_DESERT, /* workgroup `a` returns at once, the others arrive and meet */
	FAKE_FAULT_AT, /* workgroup `a` faults with code `b`, the others go on forever */
};

struct fake_args {
	uint64_t kind, a, b;
};

/* One entry per workgroup that started, in order. */
struct fake_entry {
	unsigned int core, context, tag;
	uint32_t rank;
	uint32_t wg[3];
	int cleared; /* the core was cleared before */
};

#define FAKE_LOG 8192

void fake_core_log_clear(void);
unsigned int fake_core_log_count(void);
const struct fake_entry *fake_core_log(unsigned int i);
unsigned int fake_core_most_running(void); /* largest number of workgroups at a time */

#endif
