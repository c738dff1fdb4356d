// SPDX-License-Identifier: MIT
/*
 * The simulation of a DISPATCH: cores, workgroups onto them, shared bandwidth.
 *
 * Workgroups begin in the order of their index, each on the core that is free
 * first, the lowest of several. A packet that overlaps an earlier one finds its
 * cores free as that one has left them, and only the bandwidth that it leaves;
 * the earlier one does not notice, since it may have retired long before the
 * later one was queued.
 */
#include <stdlib.h>
#include <string.h>

#include "timing_core.h"

/* Append; memory that runs out loses the entry. */
static void usage_add(struct sc_usage_list *list, uint64_t at, const struct sc_rates *rates)
{
	size_t max = list->max ? list->max * 2 : 64;
	struct sc_usage *use;

	if (list->count && list->use[list->count - 1].at == at)
		list->count--;
	if (list->count == list->max) {
		use = realloc(list->use, max * sizeof(*use));
		if (!use)
			return;
		list->use = use;
		list->max = max;
	}
	list->use[list->count++] = (struct sc_usage){ at, *rates };
}

struct sc_sim *sc_sim_create(const struct sc_sim_desc *desc)
{
	struct sc_sim *sim = calloc(1, sizeof(*sim));
	unsigned int i;

	if (!sim)
		return NULL;
	sim->desc = *desc;
	sim->rates = sc_machine_rates(desc->machine);
	for (i = 0; i < desc->cores; i++) {
		sim->core[i].sim = sim;
		sim->core[i].id = i;
		sim->core[i].flow = &sim->flow[i * SC_FLOWS];
		sim->core[i].speed = SC_ONE;
	}
	return sim;
}

void sc_sim_destroy(struct sc_sim *sim)
{
	struct sc_tlist *list;
	unsigned int i, j;

	if (!sim)
		return;
	while (sim->lists) {
		list = sim->lists;
		sim->lists = list->next;
		sc_tlist_free(list);
	}
	for (i = 0; i < SC_SIM_CORES; i++) {
		sc_tlist_free(sim->core[i].list);
		for (j = 0; j < SC_EQ_COUNT; j++)
			free(sim->core[i].queue[j].posts);
	}
	free(sim->tail.use);
	free(sim->barriers);
	free(sim->slices);
	free(sim);
}

void sc_sim_feed(struct sc_sim *sim, struct sc_tlist *list)
{
	struct sc_tlist **at = &sim->lists;

	if (!list) {
		sim->lost = true;
		return;
	}
	while (*at && (*at)->rank < list->rank)
		at = &(*at)->next;
	list->next = *at;
	*at = list;
}

bool sc_sim_begun(const struct sc_sim *sim)
{
	return sim->timeline;
}

void sc_sim_begin(struct sc_sim *sim, struct sc_timeline *timeline, uint64_t start, bool clear)
{
	unsigned int i;

	sim->timeline = timeline;
	sim->start = start;
	sim->now = start;
	sim->last = start;
	sim->clear = clear;
	for (i = 0; i < sim->desc.cores; i++) {
		struct sc_tcore *core = &sim->core[i];

		core->now = start;
		core->phase = SC_HART_AWAY;
		sc_tcore_enter_all(core, SC_TS_EARLIER);
		core->until = timeline->core_free[i] > start ? timeline->core_free[i] : start;
		core->next = core->until;
	}
}

/* Give workgroups to the cores that want one; false: the list of the next one is missing. */
static bool assign(struct sc_sim *sim)
{
	struct sc_tlist *list;
	unsigned int i;

	for (i = 0; i < sim->desc.cores; i++) {
		struct sc_tcore *core = &sim->core[i];

		if (core->phase != SC_HART_WANTS)
			continue;
		list = sim->lists;
		if (sim->next == sim->desc.total) {
			core->phase = SC_HART_OVER;
			sc_tcore_plan(core);
			continue;
		}
		if (!list || list->rank != sim->next)
			return false;
		sim->lists = list->next;
		sim->next++;
		sc_tcore_begin(core, list);
		sc_tcore_step(core);
		if (core->phase == SC_HART_WANTS) /* it did nothing at all: take another */
			i--;
		else
			sc_tcore_plan(core);
	}
	return true;
}

static uint64_t less(uint64_t a, uint64_t b)
{
	return a > b ? a - b : 0;
}

static bool any_flow(const struct sc_tcore *core)
{
	for (unsigned int i = 0; i < SC_FLOWS; i++)
		if (core->flow[i].active)
			return true;
	return false;
}

/* Share bandwidth anew at @t. */
static void share(struct sc_sim *sim, uint64_t t)
{
	const struct sc_machine *m = sim->desc.machine;
	uint64_t port = m->dma_port * SC_ONE, latency = m->dma_latency ? m->dma_latency : 1;
	struct sc_rates left = {
		less(sim->rates.llc, sim->busy.llc),
		less(sim->rates.dram, sim->busy.dram),
		less(sim->rates.host, sim->busy.host),
	}, used, all;
	unsigned int i;

	if (port > m->dma_inflight * SC_ONE / latency)
		port = m->dma_inflight * SC_ONE / latency;
	for (i = 0; i < sim->desc.cores; i++)
		if (any_flow(&sim->core[i]))
			sc_tcore_advance(&sim->core[i], t);
	sc_share(sim->flow, sim->desc.cores * SC_FLOWS, port, &left, &used);
	for (i = 0; i < sim->desc.cores; i++)
		if (any_flow(&sim->core[i]))
			sc_tcore_plan(&sim->core[i]);
	sim->flows_changed = false;
	if (sim->next < sim->desc.total)
		return;
	all = (struct sc_rates){ used.llc + sim->busy.llc, used.dram + sim->busy.dram,
				 used.host + sim->busy.host };
	usage_add(&sim->tail, t, &all);
}

/* What earlier packets use changes at or before @t. */
static void change_usage(struct sc_sim *sim, uint64_t t)
{
	const struct sc_usage_list *list = &sim->timeline->usage;

	while (sim->usage < list->count && list->use[sim->usage].at <= t) {
		sim->busy = list->use[sim->usage++].rates;
		sim->flows_changed = true;
	}
}

static uint64_t next_time(const struct sc_sim *sim)
{
	const struct sc_usage_list *list = &sim->timeline->usage;
	uint64_t t = SC_NEVER;

	for (unsigned int i = 0; i < sim->desc.cores; i++)
		t = sim->core[i].next < t ? sim->core[i].next : t;
	/* the usage of others alone keeps nothing going */
	if (t != SC_NEVER && sim->usage < list->count && list->use[sim->usage].at < t)
		t = list->use[sim->usage].at;
	return t;
}

bool sc_sim_run(struct sc_sim *sim)
{
	uint64_t t;
	unsigned int i;

	for (;;) {
		if (!assign(sim))
			return sim->lost;
		if (sim->flows_changed)
			share(sim, sim->now);
		if (sim->timing.workgroups == sim->desc.total)
			return true;
		t = next_time(sim);
		if (t == SC_NEVER) {
			sim->lost = true;
			return true;
		}
		sim->now = t;
		change_usage(sim, t);
		for (i = 0; i < sim->desc.cores; i++) {
			if (sim->core[i].next > t)
				continue;
			sc_tcore_advance(&sim->core[i], t);
			sc_tcore_step(&sim->core[i]);
			sc_tcore_plan(&sim->core[i]);
		}
	}
}

/* Charge what is left of the packet's cycles on every core. */
static void finish_cores(struct sc_sim *sim, uint64_t end)
{
	for (unsigned int i = 0; i < sim->desc.cores; i++) {
		struct sc_tcore *core = &sim->core[i];

		if (core->phase == SC_HART_AWAY) {
			sc_tcore_advance(core, end);
			continue;
		}
		sim->timeline->core_free[i] = core->now;
		sc_tcore_enter_all(core, SC_TS_IDLE);
		sc_tcore_advance(core, sim->last);
		sc_tcore_enter_all(core, SC_TS_DISPATCH);
		sc_tcore_advance(core, end);
		sc_tcore_enter_all(core, SC_TS_IDLE);
	}
}

/* Cycles that each resource alone would take; summed over cores until here, or in bytes. */
static void finish_needs(const struct sc_sim *sim, struct sc_timing *timing)
{
	static const uint8_t per_core[] = { SC_TL_MATRIX, SC_TL_MOVE, SC_TL_VECTOR, SC_TL_ISSUE,
					    SC_TL_PORT };
	const struct sc_machine *m = sim->desc.machine;
	uint64_t *need = timing->need;

	need[SC_TL_PORT] /= m->dma_port;
	for (unsigned int i = 0; i < sizeof(per_core); i++)
		need[per_core[i]] /= sim->desc.cores;
	need[SC_TL_LLC] = need[SC_TL_LLC] * SC_ONE / sim->rates.llc;
	need[SC_TL_DRAM] = (timing->dram_read + timing->dram_write) * SC_ONE / sim->rates.dram;
	need[SC_TL_LINK] = timing->link_bytes * SC_ONE / sim->rates.host;
}

void sc_sim_end(struct sc_sim *sim, struct sc_timing *timing)
{
	struct sc_timeline *line = sim->timeline;
	const struct sc_rates none = { 0, 0, 0 };
	uint64_t end = sim->last + sim->desc.machine->dispatch_end;
	struct sc_usage_list old = line->usage;

	*timing = (struct sc_timing){ 0 };
	line->front = sim->start + sim->desc.machine->dispatch_start;
	if (sim->lost)
		return;
	finish_cores(sim, end);
	usage_add(&sim->tail, end, &none);
	line->usage = sim->tail;
	sim->tail = old;
	if (line->complete < end)
		line->complete = end;
	*timing = sim->timing;
	finish_needs(sim, timing);
	timing->start = sim->start;
	timing->cycles = end - sim->start;
	timing->last = sim->last - sim->start;
	timing->cores = sim->desc.cores;
	timing->state = sim->state;
	timing->slices = sim->slices;
	timing->num_slices = sim->num_slices;
	timing->lost_slices = sim->lost_slices;
}
