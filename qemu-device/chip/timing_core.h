/* SPDX-License-Identifier: MIT */
/*
 * One core of the timing simulation: hart, engine queues, units. timing_core.c
 * moves it through time; timing_sim.c has the cores and what they share.
 */
#ifndef SC_TIMING_CORE_H
#define SC_TIMING_CORE_H

#include "timing_sim.h"

#define SC_NEVER     UINT64_MAX
#define SC_FLOW_HART SC_NUM_DMA /* flows of a core: its channels, then its hart */
#define SC_FLOWS     (SC_NUM_DMA + 1)

/* What the hart is at. */
enum sc_hart_phase {
	SC_HART_AWAY, /* before its first workgroup; the state of its engines says why */
	SC_HART_WANTS, /* it can take a workgroup */
	SC_HART_COMPUTES, /* the cycles before the event at `pos` */
	SC_HART_LATENCY, /* of its own loads, until `until` */
	SC_HART_MOVES, /* bytes of its own */
	SC_HART_AT_EVENT, /* the event at `pos` can not happen yet */
	SC_HART_ENDED, /* has returned; its engines may still work */
	SC_HART_OVER, /* no workgroup is left */
};

/* An engine's unit at work. */
struct sc_tunit {
	bool busy;
	uint8_t acc;
	uint64_t work; /* cycles left, times SC_ONE */
	uint32_t tail;
	uint64_t tcm; /* scratchpad bytes a cycle, times SC_ONE */
};

/* A post that waits for what is before it. */
struct sc_tpost {
	uint64_t at;
	uint8_t counter;
	uint8_t units; /* bit per unit of the engine that is still at work */
};

/* An engine queue. Unit 0 multiplies or is the channel's flow, unit 1 moves accumulators. */
struct sc_tqueue {
	const struct sc_tev *op[SC_EQ_DEPTH];
	unsigned int head, count;
	uint64_t done; /* what has left its unit is complete then */
	struct sc_tpost *posts;
	size_t first_post, num_posts, max_posts;
};

struct sc_tengine {
	uint8_t state; /* enum sc_ts, since the last step */
	uint64_t slice; /* the slice of it began */
	uint32_t bytes;
};

struct sc_tcore {
	struct sc_sim *sim;
	unsigned int id;
	uint64_t now;
	uint64_t next; /* the next moment at which something happens by itself */
	struct sc_tlist *list;
	size_t pos;
	enum sc_hart_phase phase;
	uint64_t until;
	uint64_t work; /* of the hart, times SC_ONE */
	uint64_t hart_tcm;
	uint64_t met; /* barriers */
	int32_t counter[SC_NUM_COUNTERS];
	struct sc_tqueue queue[SC_EQ_COUNT];
	struct sc_tunit unit[2]; /* of the matrix engine */
	uint64_t acc_ready[SC_NUM_ACCS]; /* SC_NEVER: in a unit */
	bool local[SC_NUM_DMA]; /* the channel reads and writes the scratchpad */
	uint64_t speed; /* share of its full speed that the scratchpad allows, times SC_ONE */
	struct sc_flow *flow; /* SC_FLOWS of them */
	struct sc_tengine engine[SC_TE_COUNT];
};

struct sc_sim {
	struct sc_sim_desc desc;
	struct sc_timeline *timeline;
	uint64_t start;
	uint64_t now;
	uint64_t last; /* end of the last workgroup */
	bool clear; /* cores before they begin */
	uint64_t next; /* workgroup */
	struct sc_tlist *lists; /* fed and not begun, by rank */
	bool lost; /* a list could not be recorded */
	bool flows_changed;
	uint64_t arrived;
	uint64_t *barriers; /* when each was reached */
	size_t num_barriers, max_barriers;
	struct sc_rates rates;
	size_t usage; /* of earlier packets, the next change */
	struct sc_rates busy; /* what they use now */
	struct sc_usage_list tail; /* what this one leaves to later ones */
	struct sc_tcore core[SC_SIM_CORES];
	struct sc_flow flow[SC_SIM_CORES * SC_FLOWS];
	uint64_t state[SC_SIM_CORES][SC_TE_COUNT][SC_TS_COUNT];
	struct sc_timing timing; /* sums */
	struct sc_slice *slices;
	size_t num_slices, max_slices, lost_slices;
};

/** sc_tcore_advance() - let time pass to @t, during which nothing happens. */
void sc_tcore_advance(struct sc_tcore *core, uint64_t t);

/** sc_tcore_step() - do all that happens now. */
void sc_tcore_step(struct sc_tcore *core);

/** sc_tcore_plan() - after steps and changes of rates: speed and `next`. */
void sc_tcore_plan(struct sc_tcore *core);

/** sc_tcore_begin() - a workgroup begins now. */
void sc_tcore_begin(struct sc_tcore *core, struct sc_tlist *list);

/** sc_tcore_enter_all() - all engines are in one state from now on. */
void sc_tcore_enter_all(struct sc_tcore *core, enum sc_ts state);

#endif /* SC_TIMING_CORE_H */
