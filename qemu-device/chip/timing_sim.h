/* SPDX-License-Identifier: MIT */
/*
 * The second pass over one DISPATCH: an event simulation of cores, engine
 * queues and memory. It is driven from outside: lists of workgroups are fed in
 * any order, and sc_sim_run() goes as far as the next list that it needs.
 *
 * The invariant: what a simulation does depends on the machine, the timeline at
 * its begin and the lists alone, never on when lists come.
 */
#ifndef SC_TIMING_SIM_H
#define SC_TIMING_SIM_H

#include "timing_memory.h"
#include "timing_record.h"

#define SC_SIM_CORES 64

/* Bandwidth that earlier packets use from @at on. */
struct sc_usage {
	uint64_t at;
	struct sc_rates rates;
};

struct sc_usage_list {
	struct sc_usage *use;
	size_t count, max;
};

/**
 * struct sc_timeline - where a queue's modelled time has come to
 * @front: the queue engine is free for the next packet
 * @complete: everything so far has completed
 * @core_free: each core has ended its last workgroup
 * @list: an INDIRECT whose packets retire began then
 * @in_list: there is one
 * @usage: of packets that still run, in order of time
 * @llc: contents of the cache
 */
struct sc_timeline {
	uint64_t front;
	uint64_t complete;
	uint64_t list;
	bool in_list;
	uint64_t core_free[SC_SIM_CORES];
	struct sc_usage_list usage;
	struct sc_llc *llc;
};

/** struct sc_sim_desc - a DISPATCH */
struct sc_sim_desc {
	const struct sc_machine *machine;
	unsigned int cores;
	uint64_t total; /* workgroups */
	bool slices;
};

struct sc_sim;

/** sc_sim_create() - NULL: no memory. */
struct sc_sim *sc_sim_create(const struct sc_sim_desc *desc);
void sc_sim_destroy(struct sc_sim *sim);

/** sc_sim_feed() - a workgroup has run; takes @list, NULL: it could not be recorded. */
void sc_sim_feed(struct sc_sim *sim, struct sc_tlist *list);

/**
 * sc_sim_begin() - the packet's turn has come
 * @timeline: must not change until sc_sim_end()
 * @start: cycle
 * @clear: cores to clear first
 */
void sc_sim_begin(struct sc_sim *sim, struct sc_timeline *timeline, uint64_t start, bool clear);

/** sc_sim_begun() - whether sc_sim_begin() has been called. */
bool sc_sim_begun(const struct sc_sim *sim);

/** sc_sim_run() - go on; true: all workgroups have ended. */
bool sc_sim_run(struct sc_sim *sim);

/**
 * sc_sim_end() - bring the timeline behind the packet
 * @timing: filled in, except queue, tag and opcode; valid until sc_sim_destroy()
 */
void sc_sim_end(struct sc_sim *sim, struct sc_timing *timing);

#endif /* SC_TIMING_SIM_H */
