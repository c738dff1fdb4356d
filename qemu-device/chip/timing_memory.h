/* SPDX-License-Identifier: MIT */
/*
 * The memory side of the timing model: the last-level cache, and how transfers
 * share ports, cache, card memory and host link. Rates are bytes a cycle times
 * SC_ONE; all arithmetic is on integers.
 */
#ifndef SC_TIMING_MEMORY_H
#define SC_TIMING_MEMORY_H

#include "timing.h"

#define SC_ONE 65536ull

struct sc_llc;

/** struct sc_traffic - bytes of an access: found in the cache, read from memory, written to it */
struct sc_traffic {
	uint64_t hit, fill, evict;
};

/** sc_llc_create() - an empty cache; one of 0 KiB keeps nothing. NULL: no memory. */
struct sc_llc *sc_llc_create(const struct sc_machine *machine);
void sc_llc_destroy(struct sc_llc *llc);

/** sc_llc_access() - bytes pass through the cache; adds to @traffic. */
void sc_llc_access(struct sc_llc *llc, uint64_t va, uint64_t len, bool write,
		   struct sc_traffic *traffic);

/**
 * struct sc_flow - a transfer
 * @active: takes part
 * @core: port that it uses
 * @cached: passes through the cache
 * @host: passes through the host link
 * @memory: bytes of card memory for each of its own, times SC_ONE
 * @limit: greatest rate
 * @rate: what sc_share() gives it
 * @fair: what its port would give it if nothing else were short
 * @cause: what limits it: SC_TS_ACTIVE the port, else SC_TS_LLC ...
 * @left: bytes left, times SC_ONE
 */
struct sc_flow {
	bool active;
	bool cached;
	bool host;
	uint8_t core;
	uint8_t cause;
	uint64_t memory;
	uint64_t limit;
	uint64_t rate;
	uint64_t fair;
	uint64_t left;
};

/** struct sc_rates - of the parts that all share */
struct sc_rates {
	uint64_t llc, dram, host;
};

/** sc_machine_rates() - what a machine has. */
struct sc_rates sc_machine_rates(const struct sc_machine *machine);

/**
 * sc_share() - give every active flow its rate
 * @port: rate of each core's port
 * @rates: what there is for all
 * @used: what of it they take
 *
 * Max-min fair: nothing is left of what limits a flow, and no other flow that
 * it limits has more.
 */
void sc_share(struct sc_flow *flows, unsigned int count, uint64_t port,
	      const struct sc_rates *rates, struct sc_rates *used);

#endif /* SC_TIMING_MEMORY_H */
