// SPDX-License-Identifier: MIT
/*
 * Strict mode: which scratchpad accesses are not ordered, from byte ranges and
 * vector clocks.
 *
 * A clock counts, for each engine queue, the operations known to be complete.
 * A queue learns from its own order, from what the hart knew at each issue, and
 * from the posts that a hold must have seen; the hart learns from the posts
 * that an await, or a count it read, must have seen. Two overlapping accesses,
 * one of them a write, race when the later one's clock lacks the earlier one.
 * Each pair is looked at once, when the later of the two takes effect.
 *
 * When several queues post on one counter, a value of it stands only for the
 * posts without which it could not have been reached. A value more than
 * POST_LOG posts of a queue back stands for the oldest post still remembered,
 * and where memory runs out a race may go unreported: both err to silence.
 */
#include <stdlib.h>
#include <string.h>

#include "engine_priv.h"

#define BLOCK_SHIFT 9
#define MAX_BLOCKS  (SC_TCM_STRIDE >> BLOCK_SHIFT)
#define POST_LOG    1024 /* posts remembered per counter and queue */
#define MAX_ROWS    (1u << 20) /* sets of more rows count as the interval they span */

/* An access that has taken effect; the latest of its queue with these bytes. */
struct track {
	struct sc_access access;
	uint32_t seq;
	unsigned int next; /* one more than the index of another of its hash; 0: the last */
	uint64_t pc;
};

struct history {
	struct track *item;
	unsigned int *first; /* by hash_of(), as next */
	unsigned int count;
	unsigned int room; /* of both; a power of two */
};

struct posts {
	uint32_t issued;
	uint32_t applied;
	struct sc_clock *log; /* of the last POST_LOG posts applied */
};

struct sc_race {
	struct sc_clock hart;
	struct sc_clock queue[SC_EQ_COUNT];
	uint32_t seq[SC_EQ_COUNT]; /* operations issued */
	struct posts posts[SC_NUM_COUNTERS][SC_EQ_COUNT];
	struct history history[SC_EQ_COUNT];
	unsigned int open; /* items of all histories that the hart does not know */
	uint32_t top; /* blocks in use lie below */
	uint32_t block[MAX_BLOCKS]; /* accesses in flight that may touch the block */
};

struct sc_race *sc_race_create(void)
{
	return calloc(1, sizeof(struct sc_race));
}

void sc_race_destroy(struct sc_race *race)
{
	unsigned int q, c;

	if (!race)
		return;
	for (q = 0; q < SC_EQ_COUNT; q++) {
		free(race->history[q].item);
		free(race->history[q].first);
		for (c = 0; c < SC_NUM_COUNTERS; c++)
			free(race->posts[c][q].log);
	}
	free(race);
}

static unsigned int hash_of(const struct sc_access *access, unsigned int room)
{
	uint32_t v = (access->region.base ^ access->region.len << 20 ^ access->write) * 0x9e3779b1u;

	return (v ^ v >> 16) & (room - 1);
}

static void link_track(struct history *h, unsigned int i)
{
	unsigned int *first = &h->first[hash_of(&h->item[i].access, h->room)];

	h->item[i].next = *first;
	*first = i + 1;
}

static void link_all(struct history *h)
{
	unsigned int i;

	if (h->room)
		memset(h->first, 0, h->room * sizeof(*h->first));
	for (i = 0; i < h->count; i++)
		link_track(h, i);
}

static bool grow(struct history *h)
{
	unsigned int room = h->room ? 2 * h->room : 64;
	struct track *item = realloc(h->item, room * sizeof(*item));
	unsigned int *first;

	if (!item)
		return false;
	h->item = item;
	first = realloc(h->first, room * sizeof(*first));
	if (!first)
		return false;
	h->first = first;
	h->room = room;
	link_all(h);
	return true;
}

void sc_race_start(struct sc_race *race)
{
	unsigned int q, c;

	memset(&race->hart, 0, sizeof(race->hart));
	memset(race->queue, 0, sizeof(race->queue));
	memset(race->seq, 0, sizeof(race->seq));
	memset(race->block, 0, race->top * sizeof(race->block[0]));
	race->top = 0;
	race->open = 0;
	for (q = 0; q < SC_EQ_COUNT; q++) {
		race->history[q].count = 0;
		link_all(&race->history[q]);
		for (c = 0; c < SC_NUM_COUNTERS; c++) {
			race->posts[c][q].issued = 0;
			race->posts[c][q].applied = 0;
		}
	}
}

/* Sets of bytes. */

static uint64_t span_of(const struct sc_region *r)
{
	return (uint64_t)(r->count[0] - 1) * r->stride[0] +
	       (uint64_t)(r->count[1] - 1) * r->stride[1] + r->len;
}

static void interval(struct sc_region *r)
{
	r->len = span_of(r);
	r->count[0] = 1;
	r->count[1] = 1;
	r->stride[0] = 0;
	r->stride[1] = 0;
}

/* Rows that touch or overlap are one row. */
static void join_rows(struct sc_region *r)
{
	if (r->count[0] > 1 && r->stride[0] <= r->len) {
		r->len += (r->count[0] - 1) * r->stride[0];
		r->count[0] = 1;
		r->stride[0] = 0;
	}
	if (r->count[0] == 1) {
		r->count[0] = r->count[1];
		r->stride[0] = r->stride[1];
		r->count[1] = 1;
		r->stride[1] = 0;
	}
}

void sc_region_init(struct sc_region *r, uint64_t base, uint64_t len, uint64_t n1, uint64_t s1,
		    uint64_t n2, uint64_t s2)
{
	*r = (struct sc_region){ 0 };
	if (!len || !n1 || !n2)
		return;
	r->base = base;
	r->len = len;
	/* A repetition in place adds no bytes. */
	r->count[0] = s1 ? n1 : 1;
	r->count[1] = s2 ? n2 : 1;
	r->stride[0] = r->count[0] > 1 ? s1 : 0;
	r->stride[1] = r->count[1] > 1 ? s2 : 0;
	join_rows(r);
	join_rows(r);
	if ((uint64_t)r->count[0] * r->count[1] > MAX_ROWS)
		interval(r);
}

/* A row of @r, repeated @n times at @stride from @base, that meets [lo, hi). */
static bool row_hits(uint64_t base, uint64_t len, uint64_t n, uint64_t stride, uint64_t lo,
		     uint64_t hi, uint32_t *at)
{
	uint64_t i = 0, start;

	if (base + len <= lo) {
		if (!stride)
			return false;
		i = (lo - base - len) / stride + 1;
	}
	start = base + i * stride;
	if (i >= n || start >= hi)
		return false;
	*at = start > lo ? start : lo;
	return true;
}

static bool region_hits(const struct sc_region *r, uint64_t lo, uint64_t hi, uint32_t *at)
{
	unsigned int outer = r->count[1] <= r->count[0], inner = !outer;
	uint64_t i;

	for (i = 0; i < r->count[outer]; i++) {
		if (row_hits(r->base + i * r->stride[outer], r->len, r->count[inner],
			     r->stride[inner], lo, hi, at))
			return true;
	}
	return false;
}

static uint64_t rows_of(const struct sc_region *r)
{
	return (uint64_t)r->count[0] * r->count[1];
}

bool sc_region_overlap(const struct sc_region *a, const struct sc_region *b, uint32_t *at)
{
	uint64_t i, j, lo, end;

	if (!a->len || !b->len || a->base >= b->base + span_of(b) ||
	    b->base >= a->base + span_of(a))
		return false;
	if (rows_of(a) > rows_of(b)) {
		const struct sc_region *other = a;

		a = b;
		b = other;
	}
	end = b->base + span_of(b);
	for (j = 0; j < a->count[1]; j++) {
		for (i = 0; i < a->count[0]; i++) {
			lo = a->base + j * a->stride[1] + i * a->stride[0];
			if (lo >= end)
				break;
			if (lo + a->len > b->base && region_hits(b, lo, lo + a->len, at))
				return true;
		}
	}
	return false;
}

/* Blocks: a cheap "certainly not" for the hart's accesses. */

static void mark(struct sc_race *race, const struct sc_region *r, int delta)
{
	struct sc_region rows = *r;
	uint64_t i, j, b;

	/* Rows closer than a block need no more than the blocks they span. */
	if (rows.stride[0] <= 1u << BLOCK_SHIFT || rows_of(&rows) > 4096)
		interval(&rows);
	for (j = 0; j < rows.count[1]; j++) {
		for (i = 0; i < rows.count[0]; i++) {
			uint64_t lo = rows.base + j * rows.stride[1] + i * rows.stride[0];
			uint64_t last = (lo + rows.len - 1) >> BLOCK_SHIFT;

			for (b = lo >> BLOCK_SHIFT; b <= last; b++)
				race->block[b] += delta;
			if (race->top <= last)
				race->top = last + 1;
		}
	}
}

bool sc_race_maybe(const struct sc_race *race, uint32_t offset, uint32_t size)
{
	uint64_t b, last = ((uint64_t)offset + size - 1) >> BLOCK_SHIFT;

	for (b = offset >> BLOCK_SHIFT; b <= last && b < race->top; b++) {
		if (race->block[b])
			return true;
	}
	return false;
}

/* Clocks. */

static void join(struct sc_clock *clock, const struct sc_clock *other)
{
	unsigned int q;

	for (q = 0; q < SC_EQ_COUNT; q++) {
		if (clock->at[q] < other->at[q])
			clock->at[q] = other->at[q];
	}
}

/* Add to @clock the posts without which @counter could not have reached @value. */
static void learn(struct sc_race *race, struct sc_clock *clock, unsigned int counter, int32_t value)
{
	struct posts *posts = race->posts[counter];
	int64_t total = 0;
	unsigned int q;

	for (q = 0; q < SC_EQ_COUNT; q++)
		total += posts[q].issued;
	for (q = 0; q < SC_EQ_COUNT; q++) {
		int64_t nth = value - (total - posts[q].issued);

		if (nth > posts[q].applied)
			nth = posts[q].applied;
		if (nth <= 0 || !posts[q].log)
			continue;
		if (posts[q].applied - nth >= POST_LOG)
			nth = (int64_t)posts[q].applied - POST_LOG + 1;
		join(clock, &posts[q].log[nth % POST_LOG]);
	}
}

void sc_race_issue(struct sc_race *race, struct sc_engine_op *op)
{
	unsigned int i;

	op->seq = ++race->seq[op->queue];
	op->issued = race->hart;
	if (op->insn == SC_INSN_SD_POST)
		race->posts[op->counter][op->queue].issued++;
	for (i = 0; i < op->num_access; i++)
		mark(race, &op->access[i].region, 1);
}

void sc_race_post(struct sc_race *race, const struct sc_engine_op *op)
{
	struct posts *posts = &race->posts[op->counter][op->queue];

	if (!posts->log)
		posts->log = calloc(POST_LOG, sizeof(*posts->log));
	posts->applied++;
	if (posts->log)
		posts->log[posts->applied % POST_LOG] = race->queue[op->queue];
}

void sc_race_hold(struct sc_race *race, const struct sc_engine_op *op)
{
	learn(race, &race->queue[op->queue], op->counter, op->value);
}

/* Histories. */

/* To be linked again then. */
static void forget(struct sc_race *race, struct history *h, unsigned int i)
{
	mark(race, &h->item[i].access.region, -1);
	h->item[i] = h->item[--h->count];
}

/* Drop what every access to come is ordered after. */
static void prune(struct sc_race *race, unsigned int queue,
		  const struct sc_engine_op *const heads[SC_EQ_COUNT])
{
	struct history *h = &race->history[queue];
	uint32_t known = race->hart.at[queue];
	unsigned int count = h->count, q, i;

	for (q = 0; q < SC_EQ_COUNT; q++) {
		uint32_t at;

		if (q == queue || !heads[q])
			continue;
		at = race->queue[q].at[queue];
		if (at < heads[q]->issued.at[queue])
			at = heads[q]->issued.at[queue];
		if (known > at)
			known = at;
	}
	for (i = h->count; i-- > 0;) {
		if (h->item[i].seq <= known)
			forget(race, h, i);
	}
	if (h->count < count)
		link_all(h);
}

void sc_race_acquire(struct sc_race *race, unsigned int counter, int32_t value,
		     const struct sc_engine_op *const heads[SC_EQ_COUNT])
{
	struct sc_clock before = race->hart;
	unsigned int q, i;

	learn(race, &race->hart, counter, value);
	if (!memcmp(&before, &race->hart, sizeof(before)))
		return;
	race->open = 0;
	for (q = 0; q < SC_EQ_COUNT; q++) {
		prune(race, q, heads);
		for (i = 0; i < race->history[q].count; i++)
			race->open += race->history[q].item[i].seq > race->hart.at[q];
	}
}

static bool same(const struct sc_access *a, const struct sc_access *b)
{
	return a->write == b->write && !memcmp(&a->region, &b->region, sizeof(a->region));
}

/* Note an access that has taken effect. A queue is in order, so the latest stands for all. */
static void record(struct sc_race *race, const struct sc_engine_op *op,
		   const struct sc_access *access)
{
	struct history *h = &race->history[op->queue];
	unsigned int i;

	for (i = h->room ? h->first[hash_of(access, h->room)] : 0; i; i = h->item[i - 1].next) {
		struct track *t = &h->item[i - 1];

		if (!same(&t->access, access))
			continue;
		if (t->seq <= race->hart.at[op->queue])
			race->open++;
		t->seq = op->seq;
		t->pc = op->pc;
		mark(race, &access->region, -1);
		return;
	}
	if (h->count == h->room && !grow(h)) {
		mark(race, &access->region, -1);
		return;
	}
	h->item[h->count] = (struct track){ *access, op->seq, 0, op->pc };
	link_track(h, h->count++);
	race->open++;
}

static int race_fault(struct sc_fault *fault, enum sc_engine engine, uint64_t pc, uint64_t other,
		      enum sc_engine other_engine, const struct sc_access *access, uint32_t at)
{
	sc_engine_fault(fault, SC_CODE_TCM_RACE, engine, pc, SC_VA_TCM + at, other_engine);
	fault->pc_other = other;
	fault->access = access->write ? SC_ACCESS_WRITE : SC_ACCESS_READ;
	fault->size = access->region.len;
	return SC_ENGINE_FAULT;
}

static bool conflict(const struct sc_access *a, const struct sc_access *b, uint32_t *at)
{
	return (a->write || b->write) && sc_region_overlap(&a->region, &b->region, at);
}

int sc_race_apply(struct sc_race *race, const struct sc_engine_op *op, struct sc_fault *fault)
{
	struct sc_clock *clock = &race->queue[op->queue];
	unsigned int a, q, i;
	uint32_t at;

	join(clock, &op->issued);
	clock->at[op->queue] = op->seq;
	for (a = 0; a < op->num_access; a++) {
		const struct sc_access *access = &op->access[a];

		for (q = 0; q < SC_EQ_COUNT; q++) {
			const struct history *h = &race->history[q];

			for (i = 0; q != op->queue && i < h->count; i++) {
				const struct track *t = &h->item[i];

				if (t->seq <= clock->at[q] || !conflict(&t->access, access, &at))
					continue;
				race_fault(fault, sc_engine_of(op->queue), op->pc, t->pc,
					   sc_engine_of(q), access, at);
				fault->flags = SC_FAULT_IMPRECISE;
				return SC_ENGINE_FAULT;
			}
		}
		record(race, op, access);
	}
	return 0;
}

bool sc_race_quiet(const struct sc_race *race)
{
	return !race->open;
}

int sc_race_pending(const struct sc_engine_op *op, const struct sc_access *access, uint64_t pc,
		    struct sc_fault *fault)
{
	unsigned int a;
	uint32_t at;

	for (a = 0; a < op->num_access; a++) {
		if (conflict(&op->access[a], access, &at))
			return race_fault(fault, SC_ENGINE_HART, pc, op->pc,
					  sc_engine_of(op->queue), access, at);
	}
	return 0;
}

int sc_race_applied(struct sc_race *race, const struct sc_access *access, uint64_t pc,
		    struct sc_fault *fault)
{
	unsigned int q, i;
	uint32_t at;

	for (q = 0; q < SC_EQ_COUNT; q++) {
		const struct history *h = &race->history[q];

		for (i = 0; i < h->count; i++) {
			const struct track *t = &h->item[i];

			if (t->seq > race->hart.at[q] && conflict(&t->access, access, &at))
				return race_fault(fault, SC_ENGINE_HART, pc, t->pc,
						  sc_engine_of(q), access, at);
		}
	}
	return 0;
}
