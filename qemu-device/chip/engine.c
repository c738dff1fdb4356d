// SPDX-License-Identifier: MIT
/*
 * Engine queues and counters of a core: what may be applied, and when.
 *
 * Without strict mode everything that can be applied has been applied when
 * sc_engines_issue() returns, so that a queued operation is always behind an
 * unsatisfied hold. In strict mode nothing is applied until an await, a full
 * queue, a polled counter or the end needs it, and then only that; among
 * queues, what was issued last goes first. Whatever order is taken, a queue is
 * in order and no hold is passed before its counter has its value.
 */
#include <stdlib.h>
#include <string.h>

#include "engine_priv.h"
#include "timing_record.h"

struct fifo {
	struct sc_engine_op op[SC_EQ_DEPTH];
	unsigned int head;
	unsigned int count;
};

struct sc_engines {
	struct sc_engine_env env;
	struct fifo queue[SC_EQ_COUNT];
	unsigned int pending; /* operations in all queues */
	int32_t counter[SC_NUM_COUNTERS];
	unsigned int polls[SC_NUM_COUNTERS]; /* strict: of this counter since it last rose */
	struct sc_tile tile[SC_NUM_TILE_SLOTS];
	unsigned int selected;
	uint64_t number; /* vendor instructions issued */
	struct sc_matrix *matrix;
	struct sc_race *race;
};

static const uint8_t code_status[] = {
#define CODE_STATUS(name, number, status, text)                                                    \
	[SC_CODE_##name] = SC_STATUS_##status,
	SC_CODE_TABLE(CODE_STATUS)
};

static const uint32_t insn_isa[] = {
#define INSN_ISA(name, mnemonic, opcode, funct3, funct7, operands, cost, feature, text)            \
	[SC_INSN_##name] = SC_ISA_##feature,
	SC_INSN_TABLE(INSN_ISA)
};

int sc_engine_fault(struct sc_fault *fault, enum sc_code code, enum sc_engine engine, uint64_t pc,
		    uint64_t va, uint64_t value)
{
	*fault = (struct sc_fault){
		.status = code_status[code],
		.code = code,
		.engine = engine,
		.pc = pc,
		.va = va,
		.value = value,
	};
	return SC_ENGINE_FAULT;
}

enum sc_engine sc_engine_of(unsigned int queue)
{
	return queue == SC_EQ_MATRIX ? SC_ENGINE_MATRIX : SC_ENGINE_DMA0 + queue;
}

bool sc_engine_span(uint32_t tcm_size, uint64_t offset, uint64_t len, uint64_t n1, uint64_t s1,
		    uint64_t n2, uint64_t s2)
{
	uint64_t last1, last2, end;

	if (!len || !n1 || !n2)
		return true;
	return !__builtin_mul_overflow(n1 - 1, s1, &last1) &&
	       !__builtin_mul_overflow(n2 - 1, s2, &last2) &&
	       !__builtin_add_overflow(last1, last2, &end) &&
	       !__builtin_add_overflow(end, len, &end) &&
	       !__builtin_add_overflow(end, offset, &end) && end <= tcm_size;
}

void sc_engine_touch(struct sc_engine_op *op, bool write, uint64_t base, uint64_t len, uint64_t n1,
		     uint64_t s1, uint64_t n2, uint64_t s2)
{
	struct sc_access *access = &op->access[op->num_access];

	sc_region_init(&access->region, base, len, n1, s1, n2, s2);
	access->write = write;
	if (access->region.len)
		op->num_access++;
}

struct sc_engines *sc_engines_create(void)
{
	struct sc_engines *e = calloc(1, sizeof(*e));

	if (!e)
		return NULL;
	e->matrix = sc_matrix_create();
	e->race = sc_race_create();
	if (!e->matrix || !e->race) {
		sc_engines_destroy(e);
		return NULL;
	}
	return e;
}

void sc_engines_destroy(struct sc_engines *e)
{
	if (!e)
		return;
	sc_matrix_destroy(e->matrix);
	sc_race_destroy(e->race);
	free(e);
}

void sc_engines_clear(struct sc_engines *e)
{
	sc_matrix_clear(e->matrix);
	memset(e->tile, 0, sizeof(e->tile));
}

/* Forget what is queued: the start of a workgroup, or a fault that ends it. */
static void discard(struct sc_engines *e)
{
	unsigned int q;

	for (q = 0; q < SC_EQ_COUNT; q++) {
		e->queue[q].head = 0;
		e->queue[q].count = 0;
	}
	e->pending = 0;
	if (e->env.strict)
		sc_race_start(e->race);
}

void sc_engines_start(struct sc_engines *e, const struct sc_engine_env *env)
{
	e->env = *env;
	discard(e);
	memset(e->counter, 0, sizeof(e->counter));
	memset(e->polls, 0, sizeof(e->polls));
	/* No workgroup can tell which one ran on this core before it. */
	memset(e->tile, 0, sizeof(e->tile));
	e->selected = 0;
	e->number = 0;
}

static struct sc_engine_op *head_of(struct sc_engines *e, unsigned int q)
{
	struct fifo *queue = &e->queue[q];

	return queue->count ? &queue->op[queue->head] : NULL;
}

/* Counters wrap. */
static int32_t increment(int32_t counter)
{
	return (int32_t)((uint32_t)counter + 1);
}

static bool satisfied(int32_t counter, int32_t value)
{
	return (int32_t)((uint32_t)counter - (uint32_t)value) >= 0;
}

static bool reached(const struct sc_engines *e, unsigned int counter, int32_t value)
{
	return satisfied(e->counter[counter], value);
}

static bool runnable(const struct sc_engines *e, const struct sc_engine_op *op)
{
	return op && (op->insn != SC_INSN_SD_HOLD || reached(e, op->counter, op->value));
}

static int deadlock(const struct sc_engine_op *hold, struct sc_fault *fault)
{
	sc_engine_fault(fault, SC_CODE_AWAIT_DEADLOCK, sc_engine_of(hold->queue), hold->pc, 0,
			hold->counter);
	fault->flags = SC_FAULT_IMPRECISE;
	return SC_ENGINE_FAULT;
}

/* Apply the head of a queue, which is runnable, and remove it. */
static int apply_head(struct sc_engines *e, unsigned int q, struct sc_fault *fault)
{
	struct fifo *queue = &e->queue[q];
	struct sc_engine_op *op = &queue->op[queue->head];
	int ret = 0;

	queue->head = (queue->head + 1) % SC_EQ_DEPTH;
	queue->count--;
	e->pending--;
	if (e->env.strict && sc_race_apply(e->race, op, fault))
		return SC_ENGINE_FAULT;

	switch (op->insn) {
	case SC_INSN_SD_HOLD:
		if (e->env.strict)
			sc_race_hold(e->race, op);
		break;
	case SC_INSN_SD_POST:
		e->counter[op->counter] = increment(e->counter[op->counter]);
		e->polls[op->counter] = 0;
		if (e->env.strict)
			sc_race_post(e->race, op);
		break;
	case SC_INSN_SDD_GO:
		ret = sc_dma_apply(&e->env, op, fault);
		if (ret && op->number != e->number)
			fault->flags |= SC_FAULT_IMPRECISE;
		break;
	default:
		sc_matrix_apply(e->matrix, &e->env, op);
	}
	return ret;
}

/* The queue to apply from when everything has to go; SC_EQ_COUNT: none can. */
static unsigned int pick(struct sc_engines *e)
{
	unsigned int q, best = SC_EQ_COUNT;
	uint64_t best_number = 0;

	for (q = 0; q < SC_EQ_COUNT; q++) {
		const struct sc_engine_op *op = head_of(e, q);
		bool later;

		if (!runnable(e, op))
			continue;
		later = op->number > best_number;
		if (best == SC_EQ_COUNT || later == e->env.strict) {
			best = q;
			best_number = op->number;
		}
	}
	return best;
}

static int drain(struct sc_engines *e, struct sc_fault *fault)
{
	unsigned int q;

	while (e->pending && (q = pick(e)) != SC_EQ_COUNT) {
		if (apply_head(e, q, fault))
			return SC_ENGINE_FAULT;
	}
	return 0;
}

/* When a post on @counter was last issued to queue @q and still waits there; 0: none does. */
static uint64_t last_post(const struct sc_engines *e, unsigned int q, unsigned int counter)
{
	const struct fifo *queue = &e->queue[q];
	uint64_t number = 0;
	unsigned int i;

	for (i = 0; i < queue->count; i++) {
		const struct sc_engine_op *op = &queue->op[(queue->head + i) % SC_EQ_DEPTH];

		if (op->insn == SC_INSN_SD_POST && op->counter == counter)
			number = op->number;
	}
	return number;
}

static int need(struct sc_engines *e, unsigned int counter, int32_t value, unsigned int held,
		struct sc_fault *fault);

/* Apply queue @q up to its next post on @counter. 1: done, 0: a hold cannot be passed. */
static int run_to_post(struct sc_engines *e, unsigned int q, unsigned int counter,
		       unsigned int held, struct sc_fault *fault)
{
	for (;;) {
		const struct sc_engine_op *op = head_of(e, q);
		bool done = op->insn == SC_INSN_SD_POST && op->counter == counter;

		if (!runnable(e, op)) {
			int ret = need(e, op->counter, op->value, held | 1u << q, fault);

			if (ret <= 0)
				return ret;
		}
		if (apply_head(e, q, fault))
			return SC_ENGINE_FAULT;
		if (done)
			return 1;
	}
}

/*
 * Apply what it takes for @counter to reach @value, and no more. Queues in
 * @held stand at a hold that waits for this, so they cannot contribute: hence
 * a 0 says that no order of applying could get there.
 */
static int need(struct sc_engines *e, unsigned int counter, int32_t value, unsigned int held,
		struct sc_fault *fault)
{
	while (!reached(e, counter, value)) {
		unsigned int tried = held;
		int ret = 0;

		while (!ret) {
			unsigned int q, best = SC_EQ_COUNT;
			uint64_t best_number = 0;

			for (q = 0; q < SC_EQ_COUNT; q++) {
				uint64_t number = tried & 1u << q ? 0 : last_post(e, q, counter);

				if (number > best_number) {
					best = q;
					best_number = number;
				}
			}
			if (best == SC_EQ_COUNT)
				return 0;
			tried |= 1u << best;
			ret = run_to_post(e, best, counter, held, fault);
		}
		if (ret < 0)
			return ret;
	}
	return 1;
}

/* The place for a new operation of queue @q, whose issue stalls while the queue is full. */
static struct sc_engine_op *slot(struct sc_engines *e, unsigned int q, struct sc_fault *fault)
{
	struct fifo *queue = &e->queue[q];

	if (queue->count == SC_EQ_DEPTH) {
		const struct sc_engine_op *op = head_of(e, q);

		if (!runnable(e, op)) {
			int ret = need(e, op->counter, op->value, 1u << q, fault);

			if (!ret)
				deadlock(op, fault);
			if (ret <= 0)
				return NULL;
		}
		if (apply_head(e, q, fault))
			return NULL;
	}
	return &queue->op[(queue->head + queue->count) % SC_EQ_DEPTH];
}

/* A checked operation enters its queue. */
static int enqueue(struct sc_engines *e, struct sc_engine_op *op, struct sc_fault *fault)
{
	struct sc_engine_op *place = slot(e, op->queue, fault);

	if (!place)
		return SC_ENGINE_FAULT;
	if (e->env.recorder)
		op->event = sc_record_op(e->env.recorder, &e->env, op);
	/* an operation is issued for every tile: no more of it is copied than it has */
	memcpy(place, op, offsetof(struct sc_engine_op, access[op->num_access]));
	e->queue[op->queue].count++;
	e->pending++;
	if (e->env.strict) {
		sc_race_issue(e->race, place);
		return 0;
	}
	return drain(e, fault);
}

static void acquire(struct sc_engines *e, unsigned int counter, int32_t value)
{
	const struct sc_engine_op *heads[SC_EQ_COUNT];
	unsigned int q;

	for (q = 0; q < SC_EQ_COUNT; q++)
		heads[q] = head_of(e, q);
	sc_race_acquire(e->race, counter, value, heads);
}

static int do_await(struct sc_engines *e, unsigned int counter, int32_t value, uint64_t pc,
		    struct sc_fault *fault)
{
	int ret = need(e, counter, value, 0, fault);

	if (!ret)
		return sc_engine_fault(fault, SC_CODE_AWAIT_DEADLOCK, SC_ENGINE_HART, pc, 0,
				       counter);
	if (ret < 0)
		return ret;
	if (e->env.strict)
		acquire(e, counter, value);
	if (e->env.recorder)
		sc_record_await(e->env.recorder, counter, value);
	return 0;
}

static int do_count(struct sc_engines *e, unsigned int counter, uint64_t *rd,
		    struct sc_fault *fault)
{
	/* Late application must not hang a loop that polls. */
	if (e->env.strict && ++e->polls[counter] >= SC_COUNT_POLLS) {
		e->polls[counter] = 0;
		if (need(e, counter, increment(e->counter[counter]), 0, fault) < 0)
			return SC_ENGINE_FAULT;
	}
	*rd = (uint64_t)(int64_t)e->counter[counter];
	if (e->env.strict)
		acquire(e, counter, e->counter[counter]);
	/* modelled time must not be ahead of what the hart has seen */
	if (e->env.recorder)
		sc_record_await(e->env.recorder, counter, e->counter[counter]);
	return 0;
}

static int do_cfg(struct sc_engines *e, unsigned int number, uint64_t rs1, uint64_t pc,
		  struct sc_fault *fault)
{
	uint64_t offset = rs1 - SC_VA_TCM;
	struct sc_tile tile;

	if (number >= SC_NUM_TILE_SLOTS)
		return sc_engine_fault(fault, SC_CODE_BAD_TILE, SC_ENGINE_MATRIX, pc, 0, number);
	if (!sc_engine_span(e->env.tcm_size, offset, sizeof(tile), 1, 0, 1, 0)) {
		sc_engine_fault(fault, SC_CODE_TILE_RANGE, SC_ENGINE_MATRIX, pc, rs1, 0);
		fault->access = SC_ACCESS_READ;
		fault->size = sizeof(tile);
		return SC_ENGINE_FAULT;
	}
	if (sc_engines_check(e, offset, sizeof(tile), false, pc, fault))
		return SC_ENGINE_FAULT;
	memcpy(&tile, e->env.tcm + offset, sizeof(tile));
	if (sc_matrix_tile(&e->env, &tile, rs1, pc, fault))
		return SC_ENGINE_FAULT;
	e->tile[number] = tile;
	e->selected = number;
	return 0;
}

static int do_matrix(struct sc_engines *e, struct sc_engine_op *op, uint64_t rs1, uint64_t rs2,
		     struct sc_fault *fault)
{
	op->queue = SC_EQ_MATRIX;
	op->tile = e->tile[e->selected];
	if (sc_matrix_issue(&e->env, op, rs1, rs2, fault))
		return SC_ENGINE_FAULT;
	return enqueue(e, op, fault);
}

static int do_dma(struct sc_engines *e, struct sc_engine_op *op, uint64_t rs1,
		  struct sc_fault *fault)
{
	uint64_t offset = rs1 - SC_VA_TCM;

	if (op->imm >= SC_NUM_DMA)
		return sc_engine_fault(fault, SC_CODE_BAD_ENGINE_QUEUE, SC_ENGINE_HART, op->pc, 0,
				       op->imm);
	op->queue = op->imm;
	if (offset < e->env.tcm_size &&
	    sc_engines_check(e, offset, sizeof(op->dma), false, op->pc, fault))
		return SC_ENGINE_FAULT;
	if (sc_dma_issue(&e->env, op, rs1, fault))
		return SC_ENGINE_FAULT;
	return enqueue(e, op, fault);
}

static int do_counter(struct sc_engines *e, struct sc_engine_op *op, uint64_t rs1, uint64_t rs2,
		      uint64_t *rd, struct sc_fault *fault)
{
	bool queued = op->insn == SC_INSN_SD_HOLD || op->insn == SC_INSN_SD_POST;

	if (queued && op->imm >= SC_EQ_COUNT)
		return sc_engine_fault(fault, SC_CODE_BAD_ENGINE_QUEUE, SC_ENGINE_HART, op->pc, 0,
				       op->imm);
	if (rs1 >= SC_NUM_COUNTERS)
		return sc_engine_fault(fault, SC_CODE_BAD_COUNTER, SC_ENGINE_HART, op->pc, 0, rs1);
	op->queue = op->imm;
	op->counter = rs1;
	op->value = (int32_t)rs2;
	if (queued)
		return enqueue(e, op, fault);
	if (op->insn == SC_INSN_SD_AWAIT)
		return do_await(e, op->counter, op->value, op->pc, fault);
	return do_count(e, op->counter, rd, fault);
}

int sc_engines_issue(struct sc_engines *e, enum sc_insn insn, unsigned int imm, uint64_t rs1,
		     uint64_t rs2, uint64_t pc, uint64_t *rd, struct sc_fault *fault)
{
	struct sc_engine_op op;
	int ret;

	op.insn = insn;
	op.imm = imm;
	op.pc = pc;
	op.number = ++e->number;
	op.num_access = 0;
	if (!(e->env.isa & insn_isa[insn])) {
		ret = sc_engine_fault(fault, SC_CODE_ENGINE_DISABLED, SC_ENGINE_HART, pc, 0,
				      insn_isa[insn]);
	} else if (insn == SC_INSN_SDM_CFG) {
		ret = do_cfg(e, imm, rs1, pc, fault);
	} else if (insn == SC_INSN_SDD_GO) {
		ret = do_dma(e, &op, rs1, fault);
	} else if (insn >= SC_INSN_SD_HOLD) {
		ret = do_counter(e, &op, rs1, rs2, rd, fault);
	} else {
		ret = do_matrix(e, &op, rs1, rs2, fault);
	}
	if (ret)
		discard(e);
	return ret;
}

int sc_engines_finish(struct sc_engines *e, struct sc_fault *fault)
{
	const struct sc_engine_op *stuck = NULL;
	unsigned int q;
	int ret;

	e->number++;
	ret = drain(e, fault);
	for (q = 0; !ret && q < SC_EQ_COUNT; q++) {
		const struct sc_engine_op *op = head_of(e, q);

		if (op && (!stuck || op->number < stuck->number))
			stuck = op;
	}
	if (stuck)
		ret = deadlock(stuck, fault);
	discard(e);
	return ret;
}

bool sc_engines_busy(const struct sc_engines *e)
{
	return e->pending || (e->env.strict && !sc_race_quiet(e->race));
}

/*
 * How many operations of each queue could have run by now, in the order that
 * gets furthest. What stands behind a hold that nothing issued so far can
 * satisfy comes after every access that the hart makes now.
 */
static void reachable(const struct sc_engines *e, unsigned int reach[SC_EQ_COUNT])
{
	int32_t counter[SC_NUM_COUNTERS];
	bool more = true;
	unsigned int q;

	memcpy(counter, e->counter, sizeof(counter));
	memset(reach, 0, SC_EQ_COUNT * sizeof(reach[0]));
	while (more) {
		more = false;
		for (q = 0; q < SC_EQ_COUNT; q++) {
			const struct fifo *queue = &e->queue[q];

			for (; reach[q] < queue->count; reach[q]++, more = true) {
				const struct sc_engine_op *op =
					&queue->op[(queue->head + reach[q]) % SC_EQ_DEPTH];

				if (op->insn == SC_INSN_SD_HOLD &&
				    !satisfied(counter[op->counter], op->value))
					break;
				if (op->insn == SC_INSN_SD_POST)
					counter[op->counter] = increment(counter[op->counter]);
			}
		}
	}
}

int sc_engines_check(struct sc_engines *e, uint32_t offset, uint32_t size, bool write, uint64_t pc,
		     struct sc_fault *fault)
{
	struct sc_access access = { .write = write };
	unsigned int reach[SC_EQ_COUNT], q, i;

	if (!e->env.strict || !size || !sc_race_maybe(e->race, offset, size))
		return 0;
	sc_region_init(&access.region, offset, size, 1, 0, 1, 0);
	reachable(e, reach);
	for (q = 0; q < SC_EQ_COUNT; q++) {
		const struct fifo *queue = &e->queue[q];

		for (i = 0; i < reach[q]; i++) {
			const struct sc_engine_op *op =
				&queue->op[(queue->head + i) % SC_EQ_DEPTH];

			if (sc_race_pending(op, &access, pc, fault))
				return SC_ENGINE_FAULT;
		}
	}
	return sc_race_applied(e->race, &access, pc, fault);
}

const int32_t *sc_engines_counters(const struct sc_engines *e)
{
	return e->counter;
}
