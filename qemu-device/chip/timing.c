// SPDX-License-Identifier: MIT
/*
 * Timing between the front end and the simulation: packets into the modelled
 * time of their queue.
 *
 * Every queue has a time of its own, in cycles, that moves on when its packets
 * retire: a packet begins when those before it are complete, or, flagged
 * OVERLAP, when the queue engine has started them. The other queues of the card
 * do not slow it down: their packets come when the host sends them, which is no
 * matter of modelled time.
 *
 * While timing is on one core runs at a time and all in turn, a fixed number of
 * instructions each (dispatch.c), so that workgroups which talk to each other
 * leave the same lists in every run.
 */
#include <stdlib.h>
#include <string.h>

#include "internal.h"
#include "timing_sim.h"

int sc_timing_create(struct sc_chip *chip)
{
	if (!chip->config.timing)
		return 0;
	chip->timelines = calloc(chip->config.queues, sizeof(*chip->timelines));
	return chip->timelines ? 0 : -1;
}

static void clear_timeline(struct sc_timeline *line)
{
	sc_llc_destroy(line->llc);
	free(line->usage.use);
	memset(line, 0, sizeof(*line));
}

void sc_timing_destroy(struct sc_chip *chip)
{
	for (unsigned int i = 0; chip->timelines && i < chip->config.queues; i++)
		clear_timeline(&chip->timelines[i]);
	free(chip->timelines);
}

/* A queue is started anew: its time begins at 0, with an empty cache. */
void sc_timing_queue(struct sc_chip *chip, const struct sc_queue *q)
{
	if (chip->timelines)
		clear_timeline(&chip->timelines[q->id]);
}

/* A DISPATCH starts to run. */
void sc_timing_dispatch(struct sc_chip *chip, struct sc_work *work)
{
	const struct sc_sim_desc desc = {
		.machine = &chip->config.machine,
		.cores = (unsigned int)__builtin_popcountll(work->mask),
		.total = work->total,
		.slices = chip->config.timing_slices,
	};

	if (chip->config.timing)
		work->sim = sc_sim_create(&desc);
}

static struct sc_timeline *timeline_of(struct sc_chip *chip, const struct sc_queue *q)
{
	struct sc_timeline *line = &chip->timelines[q->id];

	if (!line->llc) {
		line->llc = sc_llc_create(&chip->config.machine);
		/* not 0 after a load */
		line->front = q->counters.cycles;
		line->complete = q->counters.cycles;
	}
	return line->llc ? line : NULL;
}

static uint64_t start_of(const struct sc_timeline *line, const struct sc_work *work)
{
	bool overlap = SC_HDR_FLAGS(work->packet.any.hdr) & SC_FLAG_OVERLAP;

	return overlap || line->front > line->complete ? line->front : line->complete;
}

/* Cores hold the state of one context; the first that uses them finds them clear. */
static bool changes_context(struct sc_chip *chip, const struct sc_work *work)
{
	uint64_t instance = chip->contexts[work->queue->bind.context].instance;
	bool changes = chip->timed_instance && chip->timed_instance != instance;

	chip->timed_instance = instance;
	return changes;
}

/* Everything before @work has retired: its simulation may begin. With the lock held. */
static void begin(struct sc_chip *chip, struct sc_work *work)
{
	struct sc_timeline *line;

	if (!work->sim || sc_sim_begun(work->sim))
		return;
	line = timeline_of(chip, work->queue);
	if (line)
		sc_sim_begin(work->sim, line, start_of(line, work), changes_context(chip, work));
}

/*
 * The workgroup that has ended on @unit. Called with the lock held, which it
 * drops: the core is held by the caller.
 */
void sc_timing_workgroup(struct sc_chip *chip, struct sc_unit *unit)
{
	struct sc_work *work = unit->work;
	struct sc_slot *slot = work->queue->slot;
	bool first = work == &slot->window[slot->head];

	if (!work->sim)
		return;
	if (first)
		begin(chip, work);
	sc_unlock(chip);
	sc_sim_feed(work->sim, sc_core_take_list(unit->core));
	if (sc_sim_begun(work->sim))
		sc_sim_run(work->sim);
	sc_lock(chip);
}

/* --- COPY and FILL --- */

struct copy {
	uint64_t src, dst, size, src_stride, dst_stride;
	uint32_t rows;
	bool fill, src_system, dst_system;
};

static struct copy read_copy(const union sc_pkt *p)
{
	if (SC_HDR_OP(p->any.hdr) == SC_OP_FILL)
		return (struct copy){ .dst = p->fill.dst, .size = p->fill.size,
				      .rows = p->fill.rows, .dst_stride = p->fill.dst_stride,
				      .fill = true };
	return (struct copy){ p->copy.src, p->copy.dst, p->copy.size, p->copy.src_stride,
			      p->copy.dst_stride, p->copy.rows, false, false, false };
}

static bool is_system(struct sc_chip *chip, unsigned int context, uint64_t va)
{
	struct sc_fault ignored;
	struct sc_xlat xlat;

	return !sc_mmu_translate(chip, context, va, 0, &xlat, &ignored) && !xlat.host &&
	       !(xlat.pte & SC_PTE_SPARSE);
}

/* Cycles of the bytes of a copy, which pass the cache on the card's sides. */
static uint64_t copy_cycles(const struct sc_machine *m, struct sc_llc *llc, const struct copy *c,
			    struct sc_timing *timing)
{
	struct sc_rates rates = sc_machine_rates(m);
	struct sc_traffic traffic = { 0 };
	uint64_t bytes = c->size * c->rows, cycles, cached = 0, i;
	bool link = c->src_system || c->dst_system;

	for (i = 0; i < c->rows; i++) {
		if (!c->fill && !c->src_system)
			sc_llc_access(llc, c->src + i * c->src_stride, c->size, false, &traffic);
		if (!c->dst_system)
			sc_llc_access(llc, c->dst + i * c->dst_stride, c->size, true, &traffic);
	}
	if (!c->fill && !c->src_system)
		cached += bytes;
	if (!c->dst_system)
		cached += bytes;
	timing->dma_bytes = bytes;
	timing->llc_bytes = traffic.hit;
	timing->dram_read = traffic.fill;
	timing->dram_write = traffic.evict;
	timing->link_bytes = link ? bytes : 0;
	timing->need[SC_TL_PORT] = bytes / m->copy_bytes;
	timing->need[SC_TL_LLC] = m->llc_kib ? cached * SC_ONE / rates.llc : 0;
	timing->need[SC_TL_DRAM] = (traffic.fill + traffic.evict) * SC_ONE / rates.dram;
	timing->need[SC_TL_LINK] = timing->link_bytes * SC_ONE / rates.host;
	for (cycles = 0, i = 0; i < SC_TL_COUNT; i++)
		cycles = timing->need[i] > cycles ? timing->need[i] : cycles;
	return cycles + (link ? m->link_latency : m->dma_latency);
}

static void time_copy(struct sc_chip *chip, struct sc_work *work, struct sc_timeline *line,
		      unsigned int user, struct sc_timing *timing)
{
	unsigned int context = work->queue->bind.context;
	struct copy c = read_copy(&work->packet);

	if (!c.size || !c.rows)
		return;
	sc_mmu_enter(chip, user);
	c.src_system = !c.fill && is_system(chip, context, c.src);
	c.dst_system = is_system(chip, context, c.dst);
	sc_mmu_leave(chip, user);
	timing->start = start_of(line, work);
	timing->last = copy_cycles(&chip->config.machine, line->llc, &c, timing);
	timing->cycles = timing->last;
	line->front = timing->start;
	if (line->complete < timing->start + timing->cycles)
		line->complete = timing->start + timing->cycles;
}

/* --- packets --- */

/* The packets of a list have retired before their INDIRECT, which takes what they took. */
static void time_list(struct sc_timeline *line, const struct sc_work *work,
		      struct sc_timing *timing)
{
	bool indirect = SC_HDR_OP(work->packet.any.hdr) == SC_OP_INDIRECT;

	if (work->listed_packet && !line->in_list) {
		line->in_list = true;
		line->list = start_of(line, work);
	} else if (indirect && line->in_list) {
		line->in_list = false;
		timing->start = line->list;
		timing->cycles = line->complete > line->list ? line->complete - line->list : 0;
	}
}

/*
 * @work is complete and retires next: work out its cycles and report them.
 * Called and returns with the lock held; drops it.
 */
void sc_timing_retire(struct sc_chip *chip, struct sc_work *work, unsigned int user)
{
	unsigned int opcode = SC_HDR_OP(work->packet.any.hdr);
	struct sc_timing timing = { 0 };
	struct sc_timeline *line;

	if (!chip->config.timing || work->skipped)
		return;
	line = timeline_of(chip, work->queue);
	if (!line)
		return;
	begin(chip, work);
	sc_unlock(chip);
	time_list(line, work, &timing);
	if (work->sim) {
		sc_sim_run(work->sim);
		sc_sim_end(work->sim, &timing);
	} else if (opcode == SC_OP_COPY || opcode == SC_OP_FILL) {
		time_copy(chip, work, line, user, &timing);
	}
	work->cycles = timing.cycles;
	timing.queue = work->queue->id;
	timing.tag = work->packet.any.tag;
	timing.opcode = opcode;
	if (timing.cycles && chip->host.timing && opcode != SC_OP_INDIRECT)
		chip->host.timing(chip->opaque, &timing);
	sc_lock(chip);
	if (!chip->resetting)
		work->queue->counters.cycles = line->complete;
}
