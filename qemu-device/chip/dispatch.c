// SPDX-License-Identifier: MIT
/*
 * Workgroups onto cores.
 *
 * A free core takes the next workgroup of one of the dispatches that have some
 * left and may use it; share.c says of which. A core that changes context is
 * cleared first; the time is charged to the newcomer. Core time is time of the
 * worker; with `sync` it is counted (an instruction, 2048 MACs or 64 bytes moved
 * are 1 ns), so that every decision is repeatable.
 *
 * A workgroup runs at most SC_QUANTUM instructions at a time, fewer if they are
 * slow ones (a multiply takes thousands of times as long as an add): a worker
 * looks up every SC_QUANTUM_NS or so. Then its core goes to the end of the run
 * list; workers take cores from there and free cores in turns.
 *
 * A cooperative dispatch starts when it has a core for every workgroup. When its
 * turn comes it becomes the one that is forming, and every core of its mask that
 * is or becomes free is reserved for it. Its workgroups are all prepared before
 * the first runs. When all that are left wait at the barrier for one that can
 * never come, the first of them fails with AWAIT_DEADLOCK.
 *
 * Invariant: a free core has its bit set in `free_cores` and no work; `running`
 * of a dispatch counts its cores that are RUNNABLE or HELD.
 */
#include <sched.h>
#include <stdlib.h>
#include <string.h>

#include "internal.h"

#define SC_MOVE_NS 200000 /* of work: several times what a move to another CPU of the host costs */

static struct sc_context *context_of(struct sc_chip *chip, const struct sc_work *work)
{
	return &chip->contexts[work->queue->bind.context];
}

/* --- the list of dispatches with workgroups left to start --- */

void sc_dispatch_add(struct sc_chip *chip, struct sc_work *work)
{
	work->seq = chip->dispatch_seq++;
	work->listed = true;
	work->list_next = NULL;
	*chip->dispatches_tail = work;
	chip->dispatches_tail = &work->list_next;
	sc_share_enter(chip, work);
	sc_wake(chip);
}

static void unlist(struct sc_chip *chip, struct sc_work *work)
{
	struct sc_work **p = &chip->dispatches;

	while (*p != work)
		p = &(*p)->list_next;
	*p = work->list_next;
	if (!*p)
		chip->dispatches_tail = p;
	work->listed = false;
	sc_share_leave(chip, work);
}

static void free_unit(struct sc_chip *chip, struct sc_unit *unit)
{
	unit->use = SC_CORE_FREE;
	unit->work = NULL;
	chip->free_cores |= 1ULL << unit->id;
}

/* Start no other workgroup of @work, which has failed or is aborted. */
void sc_dispatch_drop(struct sc_chip *chip, struct sc_work *work)
{
	unsigned int i;

	if (work->listed)
		unlist(chip, work);
	if (chip->forming == work) {
		chip->forming = NULL;
		for (i = 0; i < chip->config.cores; i++)
			if (chip->units[i].use == SC_CORE_RESERVED)
				free_unit(chip, &chip->units[i]);
	}
	if (work->total && !work->running)
		work->complete = true;
}

/* --- choosing --- */

static struct sc_work *choose(struct sc_chip *chip, uint64_t *cores)
{
	struct sc_work *w, *best = NULL;
	uint64_t c;

	if (!chip->free_cores)
		return NULL;
	for (w = chip->dispatches; w; w = w->list_next) {
		if (chip->forming && w->cooperative)
			continue;
		c = sc_share_cores(chip, w);
		if (c && (!best || sc_share_before(chip, w, best))) {
			best = w;
			*cores = c;
		}
	}
	return best;
}

/* The best of @cores for a context: its own, then one that nobody has, then the first. */
static struct sc_unit *choose_unit(struct sc_chip *chip, uint64_t cores, uint64_t instance)
{
	struct sc_unit *unit, *unowned = NULL;
	uint64_t bits;

	for (bits = cores; bits; bits &= bits - 1) {
		unit = &chip->units[__builtin_ctzll(bits)];
		if (unit->owner == instance)
			return unit;
		if (!unit->owner && !unowned)
			unowned = unit;
	}
	return unowned ? unowned : &chip->units[__builtin_ctzll(cores)];
}

static bool can_run(const struct sc_unit *unit)
{
	return !unit->blocked || unit->work->stop ||
	       __atomic_load_n(&unit->work->barrier.arrived, __ATOMIC_ACQUIRE) != unit->blocked_at;
}

static struct sc_unit *take_runnable(struct sc_chip *chip)
{
	struct sc_unit **p, *unit;

	for (p = &chip->run_head; *p; p = &(*p)->run_next) {
		unit = *p;
		if (!can_run(unit))
			continue;
		*p = unit->run_next;
		if (!*p)
			chip->run_tail = p;
		return unit;
	}
	return NULL;
}

static void make_runnable(struct sc_chip *chip, struct sc_unit *unit)
{
	unit->use = SC_CORE_RUNNABLE;
	unit->run_next = NULL;
	*chip->run_tail = unit;
	chip->run_tail = &unit->run_next;
}

/* Whether sc_dispatch_run() would find something. */
bool sc_dispatch_ready(const struct sc_chip *chip)
{
	const struct sc_unit *unit;
	const struct sc_work *w;

	for (unit = chip->run_head; unit; unit = unit->run_next)
		if (can_run(unit))
			return true;
	for (w = chip->dispatches; w; w = w->list_next)
		if (w->mask & chip->free_cores && (w == chip->forming || !w->cooperative ||
						   !chip->forming))
			return true;
	return false;
}

/* Whether what is left to start, or was interrupted, is worth a worker's moving to another CPU. */
bool sc_dispatch_long(const struct sc_chip *chip)
{
	const struct sc_context *ctx;
	const struct sc_work *w;
	uint64_t ns = 0;

	for (w = chip->dispatches; w; w = w->list_next) {
		ctx = &chip->contexts[w->queue->bind.context];
		ns += ctx->usual_ns * (w->total - w->next);
	}
	return ns >= SC_MOVE_NS || chip->run_head;
}

/* --- running --- */

static void workgroup_id(const struct sc_work *work, uint32_t rank, uint32_t wg[3])
{
	const uint32_t *g = work->launch.grid;

	wg[0] = rank % g[0];
	wg[1] = rank / g[0] % g[1];
	wg[2] = rank / g[0] / g[1];
}

/* Give @unit to a workgroup. Returns whether the core must be cleared before it starts. */
static bool assign(struct sc_chip *chip, struct sc_unit *unit, struct sc_work *work, uint32_t rank)
{
	uint64_t instance = context_of(chip, work)->instance;
	bool clear = unit->owner != instance;

	chip->free_cores &= ~(1ULL << unit->id);
	unit->work = work;
	unit->rank = rank;
	unit->blocked = false;
	unit->use = SC_CORE_HELD;
	if (clear) {
		unit->owner = instance;
		unit->served_ns = 0;
	}
	sc_share_start(chip, unit);
	return clear;
}

static void prepare(struct sc_chip *chip, struct sc_unit *unit, bool clear, uint64_t *cost)
{
	struct sc_work *work = unit->work;
	uint32_t wg[3];

	workgroup_id(work, unit->rank, wg);
	if (clear) {
		sc_core_clear(unit->core);
		*cost += chip->config.tcm_size / 64;
	}
	sc_core_start(unit->core, &work->launch, wg, unit->rank);
}

/* What the core has counted since the last look. */
static struct sc_core_stats take_stats(struct sc_unit *unit)
{
	const struct sc_core_stats *now = sc_core_stats(unit->core);
	struct sc_core_stats delta = {
		.insns = now->insns - unit->seen.insns,
		.macs = now->macs - unit->seen.macs,
		.dma_bytes = now->dma_bytes - unit->seen.dma_bytes,
	};

	unit->seen = *now;
	return delta;
}

static void charge(struct sc_chip *chip, struct sc_unit *unit, const struct sc_core_stats *d,
		   uint64_t ns)
{
	struct sc_queue *q = unit->work->queue;

	q->counters.insns += d->insns;
	q->counters.macs += d->macs;
	q->counters.dma_bytes += d->dma_bytes;
	q->counters.busy_ns += ns;
	sc_share_charge(chip, unit, ns);
}

/* The workgroup on @unit is over; the core is free. */
static void end_workgroup(struct sc_chip *chip, struct sc_unit *unit, bool done)
{
	struct sc_work *work = unit->work;

	sc_share_end(chip, unit);
	free_unit(chip, unit);
	work->running--;
	if (done) {
		work->done++;
		work->queue->counters.workgroups++;
		work->queue->reg.PROGRESS++;
		chip->reg.TOTAL_WORKGROUPS++;
	}
	if (!work->running && (work->done == work->total || work->stop)) {
		work->complete = true;
		work->queue->ended = true;
		sc_queue_ready(chip, work->queue);
	}
}

static void fail_workgroup(struct sc_chip *chip, struct sc_unit *unit,
			   const struct sc_fault *fault, void *dump)
{
	struct sc_work *work = unit->work;
	bool first = !work->failed && !work->stop;

	end_workgroup(chip, unit, false);
	if (first) {
		work->dump = dump;
		sc_work_fail(chip, work, fault);
	} else {
		free(dump);
	}
}

/* Whether every workgroup of a cooperative dispatch that is left waits in vain. */
static bool is_deadlock(struct sc_chip *chip, const struct sc_work *work)
{
	const struct sc_unit *unit;
	unsigned int i;

	for (i = 0; i < chip->config.cores; i++) {
		unit = &chip->units[i];
		if (unit->work == work && (unit->use != SC_CORE_RUNNABLE || can_run(unit)))
			return false;
	}
	return work->running && !work->stop;
}

static void remove_runnable(struct sc_chip *chip, struct sc_unit *unit)
{
	struct sc_unit **p = &chip->run_head;

	while (*p != unit)
		p = &(*p)->run_next;
	*p = unit->run_next;
	if (!*p)
		chip->run_tail = p;
}

static void check_deadlock(struct sc_chip *chip, struct sc_work *work)
{
	struct sc_unit *unit = chip->units;
	struct sc_fault fault;

	if (!work->cooperative || !is_deadlock(chip, work))
		return;
	while (unit->work != work)
		unit++;
	remove_runnable(chip, unit);
	sc_fault_init(&fault, SC_CODE_AWAIT_DEADLOCK);
	sc_core_where(unit->core, &fault);
	fault.engine = SC_ENGINE_HART;
	fail_workgroup(chip, unit, &fault, NULL);
}

/* Outcome of one quantum on @unit. */
static void settle(struct sc_chip *chip, struct sc_unit *unit, enum sc_run result,
		   uint64_t arrived, void *dump)
{
	struct sc_work *work = unit->work;

	switch (result) {
	case SC_RUN_DONE:
		end_workgroup(chip, unit, true);
		break;
	case SC_RUN_YIELD:
	case SC_RUN_BLOCKED:
		unit->blocked = result == SC_RUN_BLOCKED;
		unit->blocked_at = arrived;
		make_runnable(chip, unit);
		break;
	case SC_RUN_STOPPED:
		sc_work_aborted(chip, work, unit->core);
		end_workgroup(chip, unit, false);
		break;
	case SC_RUN_FAULT:
		fail_workgroup(chip, unit, sc_core_fault(unit->core), dump);
		break;
	}
	check_deadlock(chip, work);
	if (work->cooperative && chip->run_head)
		sc_wake(chip);
}

static void *take_dump(struct sc_chip *chip, const struct sc_unit *unit)
{
	void *dump = unit->work->queue->bind.dump ? malloc(sc_core_dump_size(chip->config.vlen)) :
						    NULL;

	if (dump)
		sc_core_dump(unit->core, dump);
	return dump;
}

/* Choose the next quantum so that it takes about SC_QUANTUM_NS. */
static void adapt_quantum(struct sc_unit *unit, uint64_t insns, uint64_t ns)
{
	uint64_t fit;

	if (insns < SC_QUANTUM_MIN)
		return;
	fit = insns * SC_QUANTUM_NS / (ns + 1);
	if (fit > 4 * unit->quantum)
		fit = 4 * unit->quantum;
	unit->quantum = fit < SC_QUANTUM_MIN ? SC_QUANTUM_MIN : fit > SC_QUANTUM ? SC_QUANTUM : fit;
}

/*
 * Run one quantum on a core this worker holds. If it wakes another for what else
 * there is, that one may wait for this CPU: it gets it, to look for a better one.
 */
static void run_unit(struct sc_chip *chip, struct sc_unit *unit, bool start, bool clear,
		     unsigned int user, uint64_t *budget)
{
	uint64_t quantum = *budget < unit->quantum ? *budget : unit->quantum;
	uint64_t arrived, cost = 0, began = 0;
	struct sc_core_stats d;
	enum sc_run result;
	bool yield = chip->idle_workers && sc_dispatch_long(chip);
	void *dump = NULL;

	unit->use = SC_CORE_HELD;
	if (chip->dispatches || chip->run_head)
		sc_wake(chip);
	sc_unlock(chip);
	if (yield)
		sched_yield();
	if (!chip->config.sync)
		began = sc_clock();
	sc_mmu_enter(chip, user);
	if (start)
		prepare(chip, unit, clear, &cost);
	arrived = __atomic_load_n(&unit->work->barrier.arrived, __ATOMIC_ACQUIRE);
	result = sc_core_run(unit->core, quantum);
	if (result == SC_RUN_FAULT)
		dump = take_dump(chip, unit);
	sc_mmu_leave(chip, user);
	d = take_stats(unit);
	cost += d.insns + d.macs / 2048 + d.dma_bytes / 64;
	if (!chip->config.sync) {
		cost = sc_clock() - began;
		if (!chip->config.timing)
			adapt_quantum(unit, d.insns, cost);
	}
	sc_lock(chip);
	if (result == SC_RUN_DONE && chip->config.timing && !chip->resetting)
		sc_timing_workgroup(chip, unit);
	*budget -= d.insns + 1 < *budget ? d.insns + 1 : *budget;
	if (chip->resetting) {
		free(dump);
		return;
	}
	charge(chip, unit, &d, cost);
	settle(chip, unit, result, arrived, dump);
}

/* Reserve free cores for the cooperative dispatch that is forming. True: it has them all. */
static bool form(struct sc_chip *chip)
{
	struct sc_work *work = chip->forming;
	struct sc_unit *unit;
	uint64_t bits;

	if (!work)
		return false;
	for (bits = chip->free_cores & work->mask; bits && work->next < work->total;
	     bits &= bits - 1) {
		unit = &chip->units[__builtin_ctzll(bits)];
		chip->free_cores &= ~(1ULL << unit->id);
		unit->use = SC_CORE_RESERVED;
		unit->work = work;
		unit->rank = work->next;
		work->peers[work->next++] = unit->core;
	}
	return work->next == work->total;
}

/* Prepare all workgroups of the dispatch that has formed; they run from then on. */
static void start_cooperative(struct sc_chip *chip)
{
	struct sc_work *work = chip->forming;
	struct sc_unit *unit, *units[SC_MAX_CORES];
	bool clear[SC_MAX_CORES];
	uint64_t cost = 0;
	uint32_t i;

	chip->forming = NULL;
	unlist(chip, work);
	for (i = 0; i < chip->config.cores; i++) {
		unit = &chip->units[i];
		if (unit->use != SC_CORE_RESERVED)
			continue;
		units[unit->rank] = unit;
		clear[unit->rank] = assign(chip, unit, work, unit->rank);
	}
	work->running = work->total;
	work->barrier.total = work->total;
	work->launch.barrier = &work->barrier;
	work->launch.peers = work->peers;
	sc_unlock(chip);
	for (i = 0; i < work->total; i++)
		prepare(chip, units[i], clear[i], &cost);
	sc_lock(chip);
	if (chip->resetting)
		return;
	for (i = 0; i < work->total; i++)
		make_runnable(chip, units[i]);
	sc_wake(chip);
}

/* Start a workgroup, or a cooperative dispatch. False: none can start. */
static bool start_one(struct sc_chip *chip, unsigned int user, uint64_t *budget)
{
	struct sc_work *work;
	struct sc_unit *unit;
	uint64_t cores;
	uint32_t rank;
	bool clear;

	if (form(chip)) {
		start_cooperative(chip);
		return true;
	}
	work = choose(chip, &cores);
	if (!work)
		return false;
	if (work->cooperative) {
		chip->forming = work;
		return true;
	}
	unit = choose_unit(chip, cores, context_of(chip, work)->instance);
	rank = work->next++;
	work->running++;
	clear = assign(chip, unit, work, rank);
	if (work->next == work->total)
		unlist(chip, work);
	run_unit(chip, unit, true, clear, user, budget);
	return true;
}

static bool resume_one(struct sc_chip *chip, unsigned int user, uint64_t *budget)
{
	struct sc_unit *unit = take_runnable(chip);

	if (!unit)
		return false;
	run_unit(chip, unit, false, false, user, budget);
	return true;
}

/* Timing: one core at a time, in an order that does not depend on the workers. */
static bool run_in_turn(struct sc_chip *chip, unsigned int user, uint64_t *budget)
{
	bool ran;

	if (chip->core_runs)
		return false;
	chip->core_runs = true;
	ran = start_one(chip, user, budget) || resume_one(chip, user, budget);
	chip->core_runs = false;
	return ran;
}

/**
 * sc_dispatch_run() - one quantum of one workgroup
 *
 * Called and returns with the lock held; drops it while the core runs.
 *
 * Return: false: there is nothing to run.
 */
bool sc_dispatch_run(struct sc_chip *chip, unsigned int user, uint64_t *budget)
{
	if (chip->config.timing)
		return run_in_turn(chip, user, budget);
	chip->started_last = !chip->started_last;
	if (chip->started_last)
		return start_one(chip, user, budget) || resume_one(chip, user, budget);
	return resume_one(chip, user, budget) || start_one(chip, user, budget);
}

/* After a device reset, with no worker busy: every core is free and belongs to nobody. */
void sc_dispatch_reset(struct sc_chip *chip)
{
	unsigned int i;

	chip->dispatches = NULL;
	chip->dispatches_tail = &chip->dispatches;
	chip->run_head = NULL;
	chip->run_tail = &chip->run_head;
	chip->forming = NULL;
	for (i = 0; i < chip->config.cores; i++) {
		free_unit(chip, &chip->units[i]);
		chip->units[i].owner = 0;
		chip->units[i].blocked = false;
	}
}
