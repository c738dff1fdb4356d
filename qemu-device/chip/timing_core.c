// SPDX-License-Identifier: MIT
/*
 * One core in modelled time.
 *
 * Between two moments at which something happens every activity goes on at a
 * constant rate. sc_tcore_advance() takes off what has been done and charges
 * the cycles to states; sc_tcore_step() then lets happen whatever can, engines
 * before the hart, until nothing more can. Both leave the rates alone.
 */
#include <stdlib.h>

#include "timing_core.h"

#define MAX_SLICES (1u << 21)

static const struct sc_machine *machine_of(const struct sc_tcore *core)
{
	return core->sim->desc.machine;
}

/* --- slices --- */

static void add_slice(struct sc_tcore *core, unsigned int engine, uint64_t start, uint64_t end)
{
	const struct sc_tengine *e = &core->engine[engine];
	struct sc_sim *sim = core->sim;
	size_t max = sim->max_slices ? sim->max_slices * 2 : 4096;
	struct sc_slice *slices;

	if (start == end || e->state == SC_TS_IDLE || e->state == SC_TS_EARLIER)
		return;
	if (sim->num_slices == sim->max_slices) {
		slices = max > MAX_SLICES ? NULL : realloc(sim->slices, max * sizeof(*slices));
		if (!slices) {
			sim->lost_slices++;
			return;
		}
		sim->slices = slices;
		sim->max_slices = max;
	}
	sim->slices[sim->num_slices++] = (struct sc_slice){
		.start = start,
		.end = end,
		.bytes = e->bytes,
		.core = (uint8_t)core->id,
		.engine = (uint8_t)engine,
		.state = e->state,
	};
}

/* The engine enters a state; @fresh: another operation, also if the state is the same. */
static void enter(struct sc_tcore *core, unsigned int engine, enum sc_ts state, bool fresh)
{
	struct sc_tengine *e = &core->engine[engine];

	if (e->state == state && !fresh)
		return;
	if (core->sim->desc.slices)
		add_slice(core, engine, e->slice, core->now);
	e->slice = core->now;
	e->bytes = 0;
	e->state = (uint8_t)state;
}

void sc_tcore_enter_all(struct sc_tcore *core, enum sc_ts state)
{
	for (unsigned int i = 0; i < SC_TE_COUNT; i++)
		enter(core, i, state, true);
}

/* --- time passes --- */

static uint64_t share_of(uint64_t cycles, uint64_t part, uint64_t whole)
{
	return part >= whole ? cycles : cycles * part / whole;
}

/* Charge @dt cycles of an engine at work: those that were lost go to what lost them. */
static void charge(struct sc_tcore *core, unsigned int engine, uint64_t dt)
{
	uint64_t *state = core->sim->state[core->id][engine];
	enum sc_ts now = core->engine[engine].state;
	const struct sc_flow *f = NULL;
	uint64_t work = dt;

	if (now != SC_TS_ACTIVE && now != SC_TS_MOVE) {
		state[now] += dt;
		return;
	}
	if (engine >= SC_TE_DMA0)
		f = &core->flow[engine - SC_TE_DMA0];
	if (f && f->cause != SC_TS_ACTIVE) {
		work = share_of(dt, f->rate, f->fair);
		state[f->cause] += dt - work;
		dt = work;
	}
	work = share_of(dt, core->speed, SC_ONE);
	state[SC_TS_TCM] += dt - work;
	state[now] += work;
}

static void progress(uint64_t *left, uint64_t rate, uint64_t dt)
{
	uint64_t done = rate * dt;

	*left -= done < *left ? done : *left;
}

static uint64_t flow_rate(const struct sc_tcore *core, const struct sc_flow *f)
{
	uint64_t rate = f->rate * core->speed / SC_ONE;

	return rate ? rate : 1;
}

void sc_tcore_advance(struct sc_tcore *core, uint64_t t)
{
	uint64_t dt = t - core->now;
	unsigned int i;

	if (!dt)
		return;
	for (i = 0; i < SC_TE_COUNT; i++)
		charge(core, i, dt);
	for (i = 0; i < 2; i++)
		if (core->unit[i].busy)
			progress(&core->unit[i].work, core->speed, dt);
	for (i = 0; i < SC_FLOWS; i++)
		if (core->flow[i].active)
			progress(&core->flow[i].left, flow_rate(core, &core->flow[i]), dt);
	if (core->phase == SC_HART_COMPUTES)
		progress(&core->work, core->speed, dt);
	core->now = t;
}

/* --- posts and counters --- */

static bool reached(const struct sc_tcore *core, const struct sc_tev *ev)
{
	return (int32_t)((uint32_t)core->counter[ev->index] - ev->x) >= 0;
}

static void post(struct sc_tcore *core, struct sc_tqueue *q, unsigned int counter,
		 unsigned int units)
{
	size_t max = q->max_posts ? q->max_posts * 2 : 64, i;
	struct sc_tpost *posts;

	if (q->num_posts == q->max_posts) {
		for (i = q->first_post; i < q->num_posts; i++)
			q->posts[i - q->first_post] = q->posts[i];
		q->num_posts -= q->first_post;
		q->first_post = 0;
	}
	if (q->num_posts == q->max_posts) {
		posts = realloc(q->posts, max * sizeof(*posts));
		if (!posts) {
			core->sim->lost = true; /* and the cycles are not told */
			return;
		}
		q->posts = posts;
		q->max_posts = max;
	}
	q->posts[q->num_posts++] = (struct sc_tpost){
		.at = q->done > core->now ? q->done : core->now,
		.counter = (uint8_t)counter,
		.units = (uint8_t)units,
	};
}

/* Counters rise whose time has come. */
static bool run_posts(struct sc_tcore *core, struct sc_tqueue *q)
{
	bool any = false;

	while (q->first_post < q->num_posts) {
		const struct sc_tpost *p = &q->posts[q->first_post];

		if (p->units || p->at > core->now)
			break;
		core->counter[p->counter] = (int32_t)((uint32_t)core->counter[p->counter] + 1);
		q->first_post++;
		any = true;
	}
	return any;
}

/* A unit has done its part of an operation, which is complete at @at. */
static void leave_unit(struct sc_tqueue *q, unsigned int unit, uint64_t at)
{
	if (q->done < at)
		q->done = at;
	for (size_t i = q->first_post; i < q->num_posts; i++) {
		struct sc_tpost *p = &q->posts[i];

		if (!(p->units & 1u << unit))
			continue;
		p->units &= ~(1u << unit);
		if (p->at < q->done)
			p->at = q->done;
	}
}

static void pop(struct sc_tqueue *q)
{
	q->head = (q->head + 1) % SC_EQ_DEPTH;
	q->count--;
}

/* --- the matrix engine --- */

static bool end_units(struct sc_tcore *core)
{
	bool any = false;

	for (unsigned int i = 0; i < 2; i++) {
		struct sc_tunit *u = &core->unit[i];

		if (!u->busy || u->work)
			continue;
		u->busy = false;
		core->acc_ready[u->acc] = core->now + u->tail;
		leave_unit(&core->queue[SC_EQ_MATRIX], i, core->now + u->tail);
		any = true;
	}
	return any;
}

static bool start_matrix(struct sc_tcore *core, const struct sc_tev *ev)
{
	unsigned int number = ev->kind == SC_TEV_MOVE;
	struct sc_tunit *u = &core->unit[number];
	struct sc_sim *sim = core->sim;

	if (u->busy || core->acc_ready[ev->index] > core->now)
		return false;
	*u = (struct sc_tunit){
		.busy = true,
		.acc = ev->index,
		.work = ev->x * SC_ONE,
		.tail = ev->y,
		.tcm = ev->z * SC_ONE / ev->x,
	};
	core->acc_ready[ev->index] = SC_NEVER;
	sim->timing.need[number ? SC_TL_MOVE : SC_TL_MATRIX] += ev->x;
	if (!number) {
		sim->timing.macs[ev->width] += ev->w;
		enter(core, SC_TE_MATRIX, SC_TS_ACTIVE, true);
	}
	return true;
}

/* --- DMA channels and the hart's own transfers --- */

static void trace_rows(struct sc_tcore *core, const struct sc_tdma *d, struct sc_traffic *traffic)
{
	struct sc_llc *llc = core->sim->timeline->llc;
	const uint32_t *rows = core->list->rows + d->row;

	for (uint32_t j = 0; j < d->size[2]; j++) {
		for (uint32_t i = 0; i < d->size[1]; i++) {
			uint64_t row = d->indexed ? rows[i] : i;

			sc_llc_access(llc, d->va + row * d->stride[0] + (uint64_t)j * d->stride[1],
				      d->size[0], d->write, traffic);
		}
	}
}

static void count_traffic(struct sc_sim *sim, const struct sc_traffic *traffic)
{
	sim->timing.llc_bytes += traffic->hit;
	sim->timing.dram_read += traffic->fill;
	sim->timing.dram_write += traffic->evict;
}

static void start_flow(struct sc_tcore *core, unsigned int number, uint64_t bytes,
		       const struct sc_traffic *traffic, bool cached, bool host, uint64_t limit)
{
	struct sc_sim *sim = core->sim;

	core->flow[number] = (struct sc_flow){
		.active = true,
		.core = (uint8_t)core->id,
		.cached = cached,
		.host = host,
		.memory = (traffic->fill + traffic->evict) * SC_ONE / bytes,
		.limit = limit,
		.rate = 1,
		.fair = 1,
		.left = bytes * SC_ONE,
	};
	count_traffic(sim, traffic);
	if (host)
		sim->timing.link_bytes += bytes;
	if (cached)
		sim->timing.need[SC_TL_LLC] += bytes;
	sim->timing.need[SC_TL_PORT] += bytes;
	sim->flows_changed = true;
}

static void start_dma(struct sc_tcore *core, unsigned int channel, const struct sc_tev *ev)
{
	const struct sc_tdma *d = &core->list->dma[ev->x];
	uint64_t bytes = (uint64_t)d->size[0] * d->size[1] * d->size[2];
	uint64_t limit = SC_NEVER;
	struct sc_traffic traffic = { 0 };
	bool cached = !d->local && !d->peer && !d->system;

	core->local[channel] = d->local;
	if (!bytes)
		return;
	if (cached)
		trace_rows(core, d, &traffic);
	if (d->indexed)
		limit = d->size[0] * SC_ONE / machine_of(core)->dma_row;
	start_flow(core, channel, bytes, &traffic, cached && machine_of(core)->llc_kib, d->system,
		   limit ? limit : 1);
	core->sim->timing.dma_bytes += bytes;
	enter(core, SC_TE_DMA0 + channel, SC_TS_ACTIVE, true);
	core->engine[SC_TE_DMA0 + channel].bytes = (uint32_t)bytes;
}

static uint32_t latency_of(const struct sc_tcore *core, unsigned int channel)
{
	const struct sc_machine *m = machine_of(core);

	if (core->flow[channel].host)
		return m->link_latency;
	return core->local[channel] ? m->dma_local : m->dma_latency;
}

static bool end_flows(struct sc_tcore *core)
{
	bool any = false;

	for (unsigned int i = 0; i < SC_FLOWS; i++) {
		struct sc_flow *f = &core->flow[i];

		if (!f->active || f->left)
			continue;
		f->active = false;
		core->sim->flows_changed = true;
		if (i < SC_NUM_DMA)
			leave_unit(&core->queue[i], 0, core->now + latency_of(core, i));
		any = true;
	}
	return any;
}

/* --- engine queues --- */

static unsigned int busy_units(const struct sc_tcore *core, unsigned int q)
{
	if (q == SC_EQ_MATRIX)
		return core->unit[0].busy | core->unit[1].busy << 1;
	return core->flow[q].active;
}

/* Take the head of a queue, if it can be. */
static bool run_head(struct sc_tcore *core, unsigned int number)
{
	struct sc_tqueue *q = &core->queue[number];
	const struct sc_tev *ev = q->op[q->head];

	if (!q->count)
		return false;
	switch (ev->kind) {
	case SC_TEV_HOLD:
		if (!reached(core, ev))
			return false;
		break;
	case SC_TEV_POST:
		post(core, q, ev->index, busy_units(core, number));
		break;
	case SC_TEV_DMA:
		if (core->flow[number].active)
			return false;
		start_dma(core, number, ev);
		break;
	default:
		if (!start_matrix(core, ev))
			return false;
	}
	pop(q);
	return true;
}

static bool run_engines(struct sc_tcore *core)
{
	bool any = end_units(core) | end_flows(core);

	for (unsigned int i = 0; i < SC_EQ_COUNT; i++) {
		any |= run_posts(core, &core->queue[i]);
		while (run_head(core, i))
			any = true;
	}
	return any;
}

/* Whether a queue has nothing left, also under way. */
static bool empty(const struct sc_tcore *core, unsigned int number)
{
	const struct sc_tqueue *q = &core->queue[number];

	return !q->count && !busy_units(core, number) && q->first_post == q->num_posts &&
	       q->done <= core->now;
}

/* --- the hart --- */

static void next_event(struct sc_tcore *core)
{
	const struct sc_tev *ev = &core->list->ev[core->pos];

	core->phase = SC_HART_COMPUTES;
	core->work = ev->before * SC_ONE;
	core->hart_tcm = ev->kind == SC_TEV_SPAN && ev->before ? ev->x * SC_ONE / ev->before : 0;
}

void sc_tcore_begin(struct sc_tcore *core, struct sc_tlist *list)
{
	unsigned int i;

	core->list = list;
	core->pos = 0;
	core->met = 0;
	for (i = 0; i < SC_NUM_COUNTERS; i++)
		core->counter[i] = 0;
	for (i = 0; i < SC_NUM_ACCS; i++)
		core->acc_ready[i] = 0;
	for (i = 0; i < SC_EQ_COUNT; i++)
		core->queue[i].done = 0;
	next_event(core);
}

static bool push(struct sc_tcore *core, const struct sc_tev *ev)
{
	struct sc_tqueue *q = &core->queue[ev->queue];

	if (q->count == SC_EQ_DEPTH)
		return false;
	q->op[(q->head + q->count++) % SC_EQ_DEPTH] = ev;
	return true;
}

static void arrive(struct sc_sim *sim, uint64_t now)
{
	size_t max = sim->max_barriers ? sim->max_barriers * 2 : 64;
	uint64_t *barriers;

	if (++sim->arrived % sim->desc.total)
		return;
	if (sim->num_barriers == sim->max_barriers) {
		barriers = realloc(sim->barriers, max * sizeof(*barriers));
		if (!barriers) {
			sim->lost = true;
			return;
		}
		sim->barriers = barriers;
		sim->max_barriers = max;
	}
	sim->barriers[sim->num_barriers++] = now + sim->desc.machine->barrier;
	for (unsigned int i = 0; i < sim->desc.cores; i++)
		if (sim->core[i].phase == SC_HART_AT_EVENT && sim->core[i].next > now)
			sim->core[i].next = now; /* let it look when its barrier ends */
}

/* When the meet at which the hart stands may be passed. */
static uint64_t meets_at(const struct sc_tcore *core)
{
	const struct sc_sim *sim = core->sim;

	return core->met < sim->num_barriers ? sim->barriers[core->met] : SC_NEVER;
}

static void own_transfer(struct sc_tcore *core, const struct sc_tev *ev)
{
	const struct sc_traffic traffic = { .fill = ev->z };
	uint64_t bytes = (uint64_t)ev->z + ev->w;

	core->phase = SC_HART_MOVES;
	if (bytes)
		start_flow(core, SC_FLOW_HART, bytes, &traffic, false, ev->w, SC_NEVER);
}

/* The event at `pos` happens; false: not yet. */
static bool run_event(struct sc_tcore *core)
{
	const struct sc_tev *ev = &core->list->ev[core->pos];

	core->phase = SC_HART_AT_EVENT;
	switch (ev->kind) {
	case SC_TEV_SPAN:
		core->phase = SC_HART_LATENCY;
		core->until = core->now + ev->y;
		return true;
	case SC_TEV_AWAIT:
		if (!reached(core, ev))
			return false;
		break;
	case SC_TEV_ARRIVE:
		arrive(core->sim, core->now);
		break;
	case SC_TEV_MEET:
		if (meets_at(core) > core->now)
			return false;
		core->met++;
		break;
	case SC_TEV_END:
		core->phase = SC_HART_ENDED;
		return true;
	default:
		if (!push(core, ev))
			return false;
	}
	core->pos++;
	next_event(core);
	return true;
}

static bool end_workgroup(struct sc_tcore *core)
{
	struct sc_sim *sim = core->sim;

	for (unsigned int i = 0; i < SC_EQ_COUNT; i++)
		if (!empty(core, i))
			return false;
	sim->timing.workgroups++;
	sim->timing.insns += core->list->insns;
	sim->timing.need[SC_TL_VECTOR] += core->list->vector;
	sim->timing.need[SC_TL_ISSUE] += core->list->issue;
	if (sim->last < core->now)
		sim->last = core->now;
	sc_tlist_free(core->list);
	core->list = NULL;
	core->phase = SC_HART_WANTS;
	return true;
}

/* On the way to the first workgroup: an earlier packet, clearing, the start of this one. */
static bool come(struct sc_tcore *core)
{
	const struct sc_machine *m = machine_of(core);
	const struct sc_sim *sim = core->sim;
	uint64_t ready = sim->start + m->dispatch_start;

	if (core->until > core->now)
		return false;
	if (core->engine[0].state == SC_TS_DISPATCH) {
		core->phase = SC_HART_WANTS;
	} else if (core->engine[0].state == SC_TS_EARLIER && sim->clear) {
		core->until = core->now + m->tcm_kib * 1024ull / m->tcm_bytes;
		sc_tcore_enter_all(core, SC_TS_CLEAR);
	} else {
		core->until = core->now > ready ? core->now : ready;
		sc_tcore_enter_all(core, SC_TS_DISPATCH);
	}
	return true;
}

static bool run_hart(struct sc_tcore *core)
{
	switch (core->phase) {
	case SC_HART_AWAY:
		return come(core);
	case SC_HART_COMPUTES:
		return !core->work && run_event(core);
	case SC_HART_LATENCY:
		if (core->until > core->now)
			return false;
		own_transfer(core, &core->list->ev[core->pos]);
		return true;
	case SC_HART_MOVES:
		if (core->flow[SC_FLOW_HART].active)
			return false;
		core->pos++;
		next_event(core);
		return true;
	case SC_HART_AT_EVENT:
		return run_event(core);
	case SC_HART_ENDED:
		return end_workgroup(core);
	default:
		return false;
	}
}

/* --- states --- */

static enum sc_ts hart_state(const struct sc_tcore *core)
{
	switch (core->phase) {
	case SC_HART_COMPUTES:
		return SC_TS_ACTIVE;
	case SC_HART_LATENCY:
	case SC_HART_MOVES:
		return SC_TS_MEMORY;
	case SC_HART_AT_EVENT:
		switch (core->list->ev[core->pos].kind) {
		case SC_TEV_AWAIT:
			return SC_TS_WAIT;
		case SC_TEV_MEET:
			return SC_TS_BARRIER;
		default:
			return SC_TS_QUEUE;
		}
	case SC_HART_ENDED:
		return SC_TS_LATENCY;
	default:
		return SC_TS_IDLE;
	}
}

static enum sc_ts queue_state(const struct sc_tcore *core, unsigned int number)
{
	const struct sc_tqueue *q = &core->queue[number];

	if (number == SC_EQ_MATRIX && core->unit[0].busy)
		return SC_TS_ACTIVE;
	if (number == SC_EQ_MATRIX && core->unit[1].busy)
		return SC_TS_MOVE;
	if (number != SC_EQ_MATRIX && core->flow[number].active)
		return SC_TS_ACTIVE;
	if (q->count)
		return q->op[q->head]->kind == SC_TEV_HOLD ? SC_TS_WAIT : SC_TS_RESULT;
	return q->done > core->now ? SC_TS_LATENCY : SC_TS_IDLE;
}

static void enter_states(struct sc_tcore *core)
{
	if (core->phase == SC_HART_AWAY)
		return;
	enter(core, SC_TE_HART, hart_state(core), false);
	enter(core, SC_TE_MATRIX, queue_state(core, SC_EQ_MATRIX), false);
	for (unsigned int i = 0; i < SC_NUM_DMA; i++)
		enter(core, SC_TE_DMA0 + i, queue_state(core, i), false);
}

void sc_tcore_step(struct sc_tcore *core)
{
	while (run_engines(core) | run_hart(core))
		;
	enter_states(core);
}

/* --- planning --- */

/* How fast everything may go, so that the scratchpad can follow. */
static uint64_t scratchpad_speed(const struct sc_tcore *core)
{
	uint64_t limit = machine_of(core)->tcm_bytes * SC_ONE, demand = 0;
	unsigned int i;

	for (i = 0; i < 2; i++)
		demand += core->unit[i].busy ? core->unit[i].tcm : 0;
	for (i = 0; i < SC_NUM_DMA; i++)
		if (core->flow[i].active)
			demand += core->flow[i].rate << core->local[i];
	if (core->phase == SC_HART_COMPUTES)
		demand += core->hart_tcm;
	return demand > limit ? limit * SC_ONE / demand : SC_ONE;
}

static void sooner(uint64_t *next, uint64_t at)
{
	*next = at < *next ? at : *next;
}

static uint64_t after(const struct sc_tcore *core, uint64_t left, uint64_t rate)
{
	return core->now + (left + rate - 1) / rate;
}

static void plan_queue(const struct sc_tcore *core, unsigned int number, uint64_t *next)
{
	const struct sc_tqueue *q = &core->queue[number];
	const struct sc_tev *ev = q->op[q->head];

	if (q->first_post < q->num_posts && !q->posts[q->first_post].units)
		sooner(next, q->posts[q->first_post].at);
	if (q->done > core->now)
		sooner(next, q->done);
	if (q->count && (ev->kind == SC_TEV_MMA || ev->kind == SC_TEV_MOVE) &&
	    core->acc_ready[ev->index] > core->now)
		sooner(next, core->acc_ready[ev->index]);
}

void sc_tcore_plan(struct sc_tcore *core)
{
	uint64_t next = SC_NEVER;
	unsigned int i;

	core->speed = scratchpad_speed(core);
	for (i = 0; i < 2; i++)
		if (core->unit[i].busy)
			sooner(&next, after(core, core->unit[i].work, core->speed));
	for (i = 0; i < SC_FLOWS; i++)
		if (core->flow[i].active)
			sooner(&next, after(core, core->flow[i].left,
					    flow_rate(core, &core->flow[i])));
	for (i = 0; i < SC_EQ_COUNT; i++)
		plan_queue(core, i, &next);
	if (core->phase == SC_HART_COMPUTES)
		sooner(&next, after(core, core->work, core->speed));
	else if (core->phase == SC_HART_LATENCY || core->phase == SC_HART_AWAY)
		sooner(&next, core->until);
	else if (core->phase == SC_HART_AT_EVENT &&
		 core->list->ev[core->pos].kind == SC_TEV_MEET)
		sooner(&next, meets_at(core));
	core->next = next;
}
