// SPDX-License-Identifier: MIT
/*
 * Tests of ordering as a whole: random programs of DMA, matrix loads and
 * stores, holds, posts, awaits and hart accesses. An oracle works out from the
 * program text alone, without running it, which accesses are not ordered:
 * strict mode must report a race exactly when there is one, and without one
 * strict and plain mode must end with the same bytes. Each counter is posted by
 * one queue, so that the n-th post is known from the text.
 */
#include "engine_bench.h"

#define WINDOW	 0x2000 /* scratchpad bytes that the programs use */
#define SIZE	 256
#define DESC	 0x1000
#define EVENTS	 64
#define COUNTERS 6
#define PER_QUEUE SC_EQ_DEPTH /* no queue can be full */

enum what { DMA_IN, DMA_OUT, DMA_MOVE, LOAD, STORE, HOLD, POST, AWAIT, HART, CONFIG };

/* One event; an operation of a queue or something the hart does. */
struct event {
	enum what what;
	unsigned int queue; /* SC_EQ_COUNT: the hart */
	unsigned int counter;
	unsigned int value;
	struct sc_dma dma;
	unsigned int m, n, stride, at; /* of LOAD, STORE and HART, with n bytes */
	bool write;
	uint8_t reads[SIZE], writes[SIZE]; /* scratchpad bytes, one flag each */
	uint8_t mem_reads[SIZE], mem_writes[SIZE];
};

static struct event program[EVENTS];
static unsigned int events;

static unsigned int below(unsigned int n)
{
	return bench_random() % n;
}

static void rows(uint8_t *set, unsigned int at, unsigned int len, unsigned int n,
		 unsigned int stride)
{
	unsigned int i;

	for (i = 0; i < n; i++)
		memset(set + at + i * stride, 1, len);
}

/* Source and destination of one operation may not overlap. */
static bool moves_in_place(const struct event *e)
{
	unsigned int i;

	for (i = 0; i < SIZE; i++)
		if (e->reads[i] && e->writes[i])
			return true;
	return false;
}

static void make_dma(struct event *e)
{
	unsigned int len = 1 + below(6), n = 1 + below(3), at = below(SIZE - 96), to;
	unsigned int stride = below(30), to_stride = below(30);

	to = below(SIZE - 96);
	e->queue = below(SC_NUM_DMA);
	e->dma = (struct sc_dma){ .kind = SC_DMA_COPY, .size0 = len, .size1 = n, .size2 = 1,
				  .src_stride = { stride }, .dst_stride = { to_stride } };
	e->dma.src = e->what == DMA_IN ? MEM_VA + at : TCM(WINDOW + at);
	e->dma.dst = e->what == DMA_OUT ? MEM_VA + to : TCM(WINDOW + to);
	rows(e->what == DMA_IN ? e->mem_reads : e->reads, at, len, n, stride);
	rows(e->what == DMA_OUT ? e->mem_writes : e->writes, to, len, n, to_stride);
}

static void make_event(struct event *e, unsigned int *posts)
{
	static const uint8_t mix[] = { DMA_IN, DMA_OUT, DMA_MOVE, LOAD, STORE, HOLD, HOLD,
				       HOLD,   POST,	POST,	  POST, POST, AWAIT, AWAIT, HART };

	memset(e, 0, sizeof(*e));
	e->what = mix[below(sizeof(mix))];
	e->counter = below(COUNTERS);
	e->queue = SC_EQ_COUNT;
	switch (e->what) {
	case DMA_IN:
	case DMA_OUT:
	case DMA_MOVE:
		make_dma(e);
		while (moves_in_place(e)) {
			memset(e->reads, 0, sizeof(e->reads));
			memset(e->writes, 0, sizeof(e->writes));
			make_dma(e);
		}
		break;
	case LOAD:
	case STORE:
		e->queue = SC_EQ_MATRIX;
		e->m = 1 + below(3);
		e->n = 1 + below(3);
		e->at = below(SIZE - 96);
		e->stride = below(3) ? 12 + below(20) : 0;
		rows(e->what == LOAD ? e->reads : e->writes, e->at, 4 * e->n, e->m, e->stride);
		break;
	case HOLD:
		e->queue = below(SC_EQ_COUNT);
		e->value = posts[e->counter] + below(2);
		break;
	case POST:
		e->queue = e->counter % SC_EQ_COUNT;
		posts[e->counter]++;
		break;
	case AWAIT:
		e->value = posts[e->counter];
		break;
	default:
		e->at = below(SIZE - 8);
		e->n = 1 + below(8);
		e->write = below(2);
		rows(e->write ? e->writes : e->reads, e->at, e->n, 1, 0);
	}
}

static void generate(unsigned int length)
{
	unsigned int posts[COUNTERS] = { 0 }, used[SC_EQ_COUNT + 1] = { 0 };

	events = 0;
	while (events < length) {
		struct event *e = &program[events];

		make_event(e, posts);
		if (e->queue < SC_EQ_COUNT && ++used[e->queue] > PER_QUEUE) {
			posts[e->counter] -= e->what == POST;
			continue;
		}
		events++;
	}
}

/* Bit b of before[a]: a is complete when b starts. */
static uint64_t before[EVENTS];

static bool is_before(unsigned int a, unsigned int b)
{
	return before[a] >> b & 1;
}

/* The post that brings @counter to @value; -1: none in the program. */
static int nth_post(unsigned int counter, unsigned int value)
{
	unsigned int i;

	for (i = 0; i < events; i++) {
		if (program[i].what == POST && program[i].counter == counter && !--value)
			return i;
	}
	return -1;
}

static void order(void)
{
	unsigned int i, j, k;

	memset(before, 0, sizeof(before));
	for (i = 0; i < events; i++) {
		const struct event *e = &program[i];

		/* program order: same queue, hart to hart, and hart to what it issues */
		for (j = i + 1; j < events; j++) {
			if (e->queue == SC_EQ_COUNT || program[j].queue == e->queue)
				before[i] |= 1ull << j;
		}
		if ((e->what == HOLD || e->what == AWAIT) && e->value) {
			int post = nth_post(e->counter, e->value);

			if (post >= 0)
				before[post] |= 1ull << i;
		}
	}
	for (k = 0; k < events; k++) {
		for (i = 0; i < events; i++) {
			if (is_before(i, k))
				before[i] |= before[k];
		}
	}
}

static bool meet(const uint8_t *a, const uint8_t *b)
{
	unsigned int i;

	for (i = 0; i < SIZE; i++) {
		if (a[i] && b[i])
			return true;
	}
	return false;
}

static bool clash(const uint8_t *reads, const uint8_t *writes, const uint8_t *other_reads,
		  const uint8_t *other_writes)
{
	return meet(writes, other_reads) || meet(reads, other_writes) || meet(writes, other_writes);
}

/* Whether two unordered events touch the same bytes, in the scratchpad or in memory. */
static bool conflicts(bool memory)
{
	unsigned int i, j;

	for (i = 0; i < events; i++) {
		for (j = i + 1; j < events; j++) {
			const struct event *a = &program[i], *b = &program[j];

			if (is_before(i, j) || is_before(j, i))
				continue;
			if (!memory && clash(a->reads, a->writes, b->reads, b->writes))
				return true;
			if (memory &&
			    clash(a->mem_reads, a->mem_writes, b->mem_reads, b->mem_writes))
				return true;
		}
	}
	return false;
}

static int run_event(const struct event *e, unsigned int number)
{
	struct sc_tile tile = { .m = e->m, .n = e->n, .fmt_store = SC_FMT_I32 };
	uint64_t at = TCM(WINDOW + e->at);
	unsigned int i;

	switch (e->what) {
	case DMA_IN:
	case DMA_OUT:
	case DMA_MOVE:
		return go(e->queue, DESC + 64 * number, &e->dma);
	case LOAD:
	case STORE:
		if (cfg(DESC + 64 * number, &tile))
			return SC_ENGINE_FAULT;
		return issue(e->what == LOAD ? SC_INSN_SDM_LD : SC_INSN_SDM_ST, number % 2, at,
			     e->stride);
	case HOLD:
		return issue(SC_INSN_SD_HOLD, e->queue, e->counter, e->value);
	case POST:
		return issue(SC_INSN_SD_POST, e->queue, e->counter, 0);
	case AWAIT:
		return issue(SC_INSN_SD_AWAIT, 0, e->counter, e->value);
	default:
		if (hart(WINDOW + e->at, e->n, e->write))
			return SC_ENGINE_FAULT;
		/* a write depends on what was there */
		for (i = 0; e->write && i < e->n; i++)
			tcm[WINDOW + e->at + i] += number + 1;
		return 0;
	}
}

/* The code with which the program ends, 0 when it ends well. */
static enum sc_code run(bool strict)
{
	unsigned int i;

	bench_reset(strict, ISA_BASE, 99);
	for (i = 0; i < events; i++) {
		if (run_event(&program[i], i))
			return fault.code;
	}
	return sc_engines_finish(engines, &fault) ? fault.code : 0;
}

static void dump(void)
{
	static const char *const names[] = { "in", "out", "move", "load", "store",
					     "hold", "post", "await", "hart" };
	unsigned int i;

	for (i = 0; i < events; i++)
		print_message("# %u: %s queue %u counter %u value %u\n", i, names[program[i].what],
			      program[i].queue, program[i].counter, program[i].value);
}

static void test_random(void **state)
{
	static uint8_t tcm_plain[SIZE], mem_plain[SIZE];
	unsigned int seed, races = 0, clean = 0, stuck = 0, equal = 0;

	(void)state;
	for (seed = 0; seed < 4000; seed++) {
		enum sc_code plain, strict;
		bool race;

		bench_seed(seed);
		generate(3 + below(seed % 3 ? 14 : 40));
		order();
		race = conflicts(false);
		plain = run(false);
		memcpy(tcm_plain, tcm + WINDOW, SIZE);
		memcpy(mem_plain, mem, SIZE);
		strict = run(true);
		if (plain == SC_CODE_AWAIT_DEADLOCK) {
			/* what comes after an await that never ends cannot race */
			if (strict != SC_CODE_AWAIT_DEADLOCK &&
			    !(race && strict == SC_CODE_TCM_RACE))
				goto wrong;
			stuck++;
			continue;
		}
		if (plain || strict != (race ? SC_CODE_TCM_RACE : 0))
			goto wrong;
		races += race;
		clean += !race;
		if (race || conflicts(true))
			continue;
		if (memcmp(tcm_plain, tcm + WINDOW, SIZE) || memcmp(mem_plain, mem, SIZE))
			goto wrong;
		equal++;
		continue;
wrong:
		dump();
		fail_msg("seed %u: race %d, plain ends with %u, strict with %u", seed, race, plain,
			 strict);
	}
	print_message("# %u races, %u clean, %u compared, %u deadlocks\n", races, clean, equal,
		      stuck);
	assert_true(races > 300 && clean > 300 && equal > 300 && stuck > 300);
}

/*
 * The loop of a matrix multiplication with double buffering and no hart waits:
 * C (64 x 64, i32) += A (64 x K) B (K x 64), KC values of k at a time.
 */
#define KC    64
#define RING  3
#define AHEAD 2
#define CHUNK (64 * KC)
enum { C_A, C_B, C_USED, C_OUT };

static int chunk(unsigned int channel, unsigned int i)
{
	uint32_t from = channel * 0x8000 + i * CHUNK;
	struct sc_dma dma = copy_in(0x4000 + channel * 0x4000 + i % RING * CHUNK, from, CHUNK);

	return go(channel, DESC + 64 * channel, &dma) ||
	       issue(SC_INSN_SD_POST, channel, channel ? C_B : C_A, 0);
}

static int multiply(unsigned int i)
{
	return issue(SC_INSN_SD_HOLD, SC_EQ_MATRIX, C_A, i + 1) ||
	       issue(SC_INSN_SD_HOLD, SC_EQ_MATRIX, C_B, i + 1) ||
	       issue(i ? SC_INSN_SDM_MMA : SC_INSN_SDM_MMA_Z, 0, TCM(0x4000 + i % RING * CHUNK),
		     TCM(0x8000 + i % RING * CHUNK)) ||
	       issue(SC_INSN_SD_POST, SC_EQ_MATRIX, C_USED, 0);
}

/* @slack: chunks that the holds of the DMA channels let through too early. */
static int pipeline(unsigned int nk, int slack)
{
	struct sc_tile tile = { .m = 64, .n = 64, .k = KC, .fmt_store = SC_FMT_I32, .stride_a = KC,
				.stride_b = 64 };
	struct sc_dma out = copy_out(0x18000, 0xc000, 16384);
	unsigned int i;

	if (cfg(DESC + 0x200, &tile))
		return SC_ENGINE_FAULT;
	for (i = 0; i < nk; i++) {
		int used = (int)i - RING + 1 - slack;

		if (i >= RING && (issue(SC_INSN_SD_HOLD, 0, C_USED, used) ||
				  issue(SC_INSN_SD_HOLD, 1, C_USED, used)))
			return SC_ENGINE_FAULT;
		if (chunk(0, i) || chunk(1, i))
			return SC_ENGINE_FAULT;
		if (i >= AHEAD && multiply(i - AHEAD))
			return SC_ENGINE_FAULT;
	}
	for (i = nk < AHEAD ? 0 : nk - AHEAD; i < nk; i++) {
		if (multiply(i))
			return SC_ENGINE_FAULT;
	}
	return issue(SC_INSN_SDM_ST, 0, TCM(0xc000), 256) ||
	       issue(SC_INSN_SD_POST, SC_EQ_MATRIX, C_OUT, 0) ||
	       issue(SC_INSN_SD_HOLD, 2, C_OUT, 1) || go(2, DESC + 0x300, &out) ||
	       sc_engines_finish(engines, &fault);
}

static void test_pipeline(void **state)
{
	static const unsigned int lengths[] = { 1, 2, 3, 4, 5, 8 };
	unsigned int l, m, n, k;

	for (l = 0; l < sizeof(lengths) / sizeof(lengths[0]); l++) {
		unsigned int nk = lengths[l];

		bench_reset(*state, ISA_BASE, nk);
		assert_int_equal(pipeline(nk, 0), 0);
		for (m = 0; m < 64; m++) {
			for (n = 0; n < 64; n++) {
				int32_t sum = 0, is;

				for (k = 0; k < nk * KC; k++)
					sum += (int8_t)mem[k / KC * CHUNK + m * KC + k % KC] *
					       (int8_t)mem[0x8000 + k * 64 + n];
				memcpy(&is, mem + 0x18000 + m * 256 + n * 4, 4);
				assert_int_equal(is, sum);
			}
		}
		assert_int_equal(stats.macs, 64ull * 64 * KC * nk);
	}
}

/* One buffer too few in the holds: the load of a chunk meets the multiplication before. */
static void test_pipeline_race(void **state)
{
	(void)state;
	bench_reset(true, ISA_BASE, 1);
	assert_true(pipeline(8, 1));
	assert_int_equal(fault.code, SC_CODE_TCM_RACE);
	assert_in_range(fault.va, TCM(0x4000), TCM(0xbfff));
}

/* Long runs without an await keep no more than the distinct ranges in mind. */
static void test_long_run(void **state)
{
	unsigned int i;

	bench_reset(*state, ISA_BASE, 1);
	for (i = 0; i < 200000; i++) {
		struct sc_dma dma = copy_in(0x4000 + i % 50 * 64, i % 7, 64);

		if (i % 4 == 3)
			ok(SC_INSN_SD_POST, 0, 1, 0);
		else
			assert_int_equal(go(0, DESC, &dma), 0);
	}
	ok(SC_INSN_SD_AWAIT, 0, 1, 50000);
	assert_false(sc_engines_busy(engines));
	finish(0);
}

static int setup_strict(void **state)
{
	*state = (void *)1;
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	sc_engines_destroy(engines);
	engines = NULL;
	return 0;
}

#define plain(test)  cmocka_unit_test_teardown(test, teardown)
#define strict(test) { #test " (strict)", test, setup_strict, teardown, NULL }

int main(void)
{
	const struct CMUnitTest tests[] = {
		plain(test_random),	   plain(test_pipeline), strict(test_pipeline),
		plain(test_pipeline_race), plain(test_long_run), strict(test_long_run),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
