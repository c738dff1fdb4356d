// SPDX-License-Identifier: MIT
/*
 * The timing simulation against cycles worked out by hand, from the formulas of
 * docs/perf.md. Lists of events are made here; nothing is run. Invariant of
 * every test: the states of each engine add up to the cycles of the packet.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "qemu-device/chip/timing_sim.h"

#define START 360 /* dispatch-start */
#define END   180

struct script {
	struct sc_tev ev[2048];
	struct sc_tdma dma[256];
	uint32_t rows[256];
	unsigned int num_ev, num_dma, num_rows;
};

static struct script script;
static struct sc_machine machine;
static struct sc_timeline line;
static struct sc_timing timing;

static struct sc_sim *ended; /* owns the rows of states that the tests look at */

static int setup(void **state)
{
	(void)state;
	memset(&script, 0, sizeof(script));
	memset(&line, 0, sizeof(line));
	sc_machine_default(&machine);
	line.llc = sc_llc_create(&machine);
	return line.llc ? 0 : -1;
}

static int teardown(void **state)
{
	(void)state;
	if (ended)
		sc_sim_destroy(ended);
	ended = NULL;
	sc_llc_destroy(line.llc);
	free(line.usage.use);
	return 0;
}

static struct sc_tev *add(enum sc_tev_kind kind)
{
	struct sc_tev *ev = &script.ev[script.num_ev++];

	ev->kind = kind;
	return ev;
}

static void compute(uint32_t cycles)
{
	add(SC_TEV_SPAN)->before = cycles;
}

static void mma(unsigned int acc, uint32_t occupancy, uint32_t tail)
{
	struct sc_tev *ev = add(SC_TEV_MMA);

	ev->queue = SC_EQ_MATRIX;
	ev->index = acc;
	ev->x = occupancy;
	ev->y = tail;
}

static void move(unsigned int acc)
{
	struct sc_tev *ev = add(SC_TEV_MOVE);

	ev->queue = SC_EQ_MATRIX;
	ev->index = acc;
	ev->x = 128;
}

/* Rows of @bytes that follow each other from @va. */
static struct sc_tdma *dma(unsigned int channel, uint64_t va, uint32_t bytes, uint32_t rows)
{
	struct sc_tdma *d = &script.dma[script.num_dma];
	struct sc_tev *ev = add(SC_TEV_DMA);

	ev->queue = channel;
	ev->x = script.num_dma++;
	d->va = va;
	d->size[0] = bytes;
	d->size[1] = rows;
	d->size[2] = 1;
	d->stride[0] = bytes;
	return d;
}

static void load(unsigned int channel, uint64_t va, uint32_t bytes)
{
	dma(channel, va, bytes, 1);
}

static void post(unsigned int queue, unsigned int counter)
{
	struct sc_tev *ev = add(SC_TEV_POST);

	ev->queue = queue;
	ev->index = counter;
}

static void hold(unsigned int queue, unsigned int counter, int32_t value)
{
	struct sc_tev *ev = add(SC_TEV_HOLD);

	ev->queue = queue;
	ev->index = counter;
	ev->x = (uint32_t)value;
}

static void await(unsigned int counter, int32_t value)
{
	struct sc_tev *ev = add(SC_TEV_AWAIT);

	ev->index = counter;
	ev->x = (uint32_t)value;
}

static struct sc_tlist *list(uint64_t rank)
{
	struct sc_tlist *l = calloc(1, sizeof(*l));

	assert_non_null(l);
	l->rank = rank;
	l->num_ev = script.num_ev + 1;
	l->ev = calloc(l->num_ev, sizeof(*l->ev));
	l->dma = calloc(script.num_dma + 1, sizeof(*l->dma));
	l->rows = calloc(script.num_rows + 1, sizeof(*l->rows));
	assert_true(l->ev && l->dma && l->rows);
	memcpy(l->ev, script.ev, script.num_ev * sizeof(*l->ev));
	l->ev[script.num_ev].kind = SC_TEV_END;
	memcpy(l->dma, script.dma, script.num_dma * sizeof(*l->dma));
	memcpy(l->rows, script.rows, script.num_rows * sizeof(*l->rows));
	return l;
}

static void check_sums(void)
{
	for (unsigned int c = 0; c < timing.cores; c++) {
		for (unsigned int e = 0; e < SC_TE_COUNT; e++) {
			uint64_t sum = 0;

			for (unsigned int s = 0; s < SC_TS_COUNT; s++)
				sum += timing.state[c][e][s];
			assert_int_equal(sum, timing.cycles);
		}
	}
}

/* Run a packet whose workgroups all follow the script; cycles from its turn to the last end. */
static uint64_t run_at(uint64_t start, unsigned int cores, uint64_t total, bool clear)
{
	const struct sc_sim_desc desc = { .machine = &machine, .cores = cores, .total = total };
	struct sc_sim *sim = sc_sim_create(&desc);
	uint64_t i;

	assert_non_null(sim);
	/* the last list first: the order in which they come means nothing */
	sc_sim_begin(sim, &line, start, clear);
	for (i = total; i--; ) {
		assert_false(sc_sim_run(sim));
		sc_sim_feed(sim, list(i));
	}
	assert_true(sc_sim_run(sim));
	sc_sim_end(sim, &timing);
	assert_int_equal(timing.workgroups, total);
	assert_int_equal(timing.cycles, timing.last + END);
	check_sums();
	if (ended)
		sc_sim_destroy(ended);
	ended = sim;
	return timing.last;
}

static uint64_t run(void)
{
	return run_at(line.complete, 1, 1, false) - START;
}

static void test_hart(void **state)
{
	struct sc_tev *ev;

	(void)state;
	assert_int_equal(run(), 0);
	compute(1000);
	assert_int_equal(run(), 1000);
	/* a load of its own: 960, then 8 bytes at 128 a cycle */
	ev = add(SC_TEV_SPAN);
	ev->before = 5;
	ev->y = 960;
	ev->z = 8;
	assert_int_equal(run(), 1000 + 5 + 960 + 1);
}

/* Independent accumulators follow at occupancy, the same one at latency. */
static void test_mma(void **state)
{
	(void)state;
	mma(0, 256, 64);
	assert_int_equal(run(), 256 + 64);
	mma(1, 256, 64);
	assert_int_equal(run(), 2 * 256 + 64);
	mma(1, 256, 64);
	assert_int_equal(run(), 256 + 2 * (256 + 64));
	assert_int_equal(timing.need[SC_TL_MATRIX], 3 * 256);
}

/* Moves overlap multiplications on other accumulators, and wait for their own. */
static void test_move(void **state)
{
	(void)state;
	mma(0, 256, 64);
	move(1);
	assert_int_equal(run(), 256 + 64);
	move(0);
	assert_int_equal(run(), 256 + 64 + 128);
	move(2);
	assert_int_equal(run(), 256 + 64 + 2 * 128);
}

/* One channel, one core: the card gives 450 GB/s at 1.2 GHz = 375 bytes a cycle, the port 128. */
static void test_dma(void **state)
{
	(void)state;
	load(0, 0, 128 * 1000);
	assert_int_equal(run(), 1000 + 960);
	/* operations of a channel follow without a gap, those of two share the port */
	load(0, 1 << 20, 128 * 1000);
	load(1, 2 << 20, 128 * 1000);
	assert_int_equal(run(), 3000 + 960);
	assert_int_equal(timing.dram_read, 2 * 128 * 1000); /* the first is cached by now */
	assert_int_equal(timing.llc_bytes, 128 * 1000);
}

/* Eight cores that miss share 375 bytes a cycle, that hit 750. */
static void test_bandwidth(void **state)
{
	uint64_t bytes = 375 * 1000;

	(void)state;
	load(0, 0, 1 << 20);
	run_at(0, 1, 1, false);
	memset(&script, 0, sizeof(script));
	machine.llc_kib = 0;
	sc_llc_destroy(line.llc);
	line.llc = sc_llc_create(&machine);
	line.core_free[0] = 0;
	load(0, 0, (uint32_t)bytes / 8);
	assert_int_equal(run_at(1 << 20, 8, 8, false) - START, 8 * bytes / 8 / 375 + 960);
	assert_true(timing.state[0][SC_TE_DMA0][SC_TS_DRAM] > 600);
	machine.llc_kib = 8192;
	sc_llc_destroy(line.llc);
	line.llc = sc_llc_create(&machine);
	run_at(1 << 21, 8, 1, false); /* fills the cache */
	assert_int_equal(run_at(1 << 22, 8, 8, false) - START, bytes / 750 + 960);
	assert_true(timing.state[0][SC_TE_DMA0][SC_TS_LLC] > 100);
	assert_int_equal(timing.dram_read, 0);
}

/* A gathered row takes four cycles at least. */
static void test_gather(void **state)
{
	(void)state;
	for (script.num_rows = 0; script.num_rows < 100; script.num_rows++)
		script.rows[script.num_rows] = 7 * script.num_rows;
	dma(0, 0, 64, 100)->indexed = true;
	assert_int_equal(run(), 400 + 960);
	script.num_ev = 0; /* the rows stay */
	memset(script.ev, 0, sizeof(script.ev));
	dma(0, 1 << 20, 1024, 100)->indexed = true;
	assert_int_equal(run(), 800 + 960);
}

/* load -> multiply -> store, chained by counters alone; then the hart waits. */
static void test_chain(void **state)
{
	(void)state;
	load(0, 0, 12800);
	post(SC_EQ_DMA0, 1);
	hold(SC_EQ_MATRIX, 1, 1);
	mma(0, 300, 64);
	move(0);
	post(SC_EQ_MATRIX, 2);
	hold(SC_EQ_DMA1, 2, 1);
	dma(1, 1 << 20, 12800, 1)->write = true;
	post(SC_EQ_DMA1, 3);
	await(3, 1);
	compute(10);
	assert_int_equal(run(), (100 + 960) + (300 + 64 + 128) + (100 + 960) + 10);
	assert_int_equal(timing.state[0][SC_TE_MATRIX][SC_TS_WAIT], 1060);
	assert_int_equal(timing.state[0][SC_TE_MATRIX][SC_TS_ACTIVE], 300);
	assert_int_equal(timing.state[0][SC_TE_MATRIX][SC_TS_RESULT], 64);
	assert_int_equal(timing.state[0][SC_TE_MATRIX][SC_TS_MOVE], 128);
	assert_int_equal(timing.state[0][SC_TE_DMA0 + 1][SC_TS_WAIT], 1060 + 492);
	assert_int_equal(timing.state[0][SC_TE_HART][SC_TS_WAIT], 1060 + 492 + 1060);
}

/* A post does not wait for the operations behind it, and these not for it. */
static void test_post_order(void **state)
{
	(void)state;
	mma(0, 300, 64);
	post(SC_EQ_MATRIX, 1);
	move(1); /* overlaps */
	await(1, 1);
	compute(1000);
	assert_int_equal(run(), 300 + 64 + 1000);
}

/* The queue is 16 deep: with one operation at work the 18th stalls the hart. */
static void test_depth(void **state)
{
	(void)state;
	for (int i = 0; i < 17; i++)
		mma(i % 8, 100, 10);
	compute(50);
	assert_int_equal(run(), 1710);
	assert_int_equal(timing.state[0][SC_TE_HART][SC_TS_QUEUE], 0);
	mma(1, 100, 10);
	mma(2, 100, 10);
	assert_int_equal(run(), 1910);
	assert_int_equal(timing.state[0][SC_TE_HART][SC_TS_QUEUE], 200 - 50);
}

/* Above 512 scratchpad bytes a cycle everyone slows in proportion. */
static void test_scratchpad(void **state)
{
	(void)state;
	mma(0, 1000, 0);
	script.ev[0].z = 512 * 1000;
	compute(1000);
	script.ev[1].x = 512 * 1000;
	assert_int_equal(run(), 2000);
	assert_int_equal(timing.state[0][SC_TE_MATRIX][SC_TS_TCM], 1000);
	assert_int_equal(timing.state[0][SC_TE_HART][SC_TS_TCM], 1000);
}

/* Workgroups go to the core that is free first. */
static void test_workgroups(void **state)
{
	(void)state;
	compute(1000);
	assert_int_equal(run_at(0, 4, 4, false), START + 1000);
	assert_int_equal(run_at(100000, 4, 9, false), START + 3000);
	assert_int_equal(timing.state[1][SC_TE_HART][SC_TS_ACTIVE], 2000);
	assert_int_equal(timing.state[1][SC_TE_HART][SC_TS_IDLE], 1000);
	assert_int_equal(timing.state[0][SC_TE_HART][SC_TS_ACTIVE], 3000);
	assert_int_equal(timing.state[0][SC_TE_HART][SC_TS_DISPATCH], START + END);
}

/* A core that changes context is cleared: 1 MiB at 512 bytes a cycle, longer than the start. */
static void test_clear(void **state)
{
	(void)state;
	compute(10);
	assert_int_equal(run_at(0, 1, 1, true), 2048 + 10);
	assert_int_equal(timing.state[0][SC_TE_MATRIX][SC_TS_CLEAR], 2048);
}

/* A packet that overlaps finds cores free as the one before leaves them; its start is hidden. */
static void test_overlap(void **state)
{
	(void)state;
	compute(10000);
	run_at(0, 2, 3, false); /* core 0 to 20360, core 1 to 10360 */
	assert_int_equal(line.front, START);
	assert_int_equal(line.complete, START + 20000 + END);
	run_at(line.front, 2, 2, false);
	assert_int_equal(timing.last + START, START + 30000);
	assert_int_equal(timing.state[0][SC_TE_HART][SC_TS_EARLIER], 20000);
	assert_int_equal(timing.state[1][SC_TE_HART][SC_TS_EARLIER], 10000);
	/* nothing is left of it for one that comes later */
	run_at(line.complete, 2, 2, false);
	assert_int_equal(timing.last, START + 10000);
}

/* What overlaps gets the bandwidth that is left. */
static void test_overlap_bandwidth(void **state)
{
	(void)state;
	machine.dram_gbs = 96; /* 80 bytes a cycle, less than a port */
	load(0, 0, 80 * 10000);
	run_at(0, 2, 1, false);
	memset(&script, 0, sizeof(script));
	load(0, 8 << 20, 80 * 1000);
	run_at(line.front, 2, 1, false);
	/* core 1 begins at 720 and gets nothing until the first is through, at 10360 */
	assert_true(timing.last + START >= 10360 + 1000 + 960);
	assert_true(timing.last + START <= 10360 + 1000 + 960 + 2);
}

/* A meet ends 300 cycles after the last arrival; work between the two hides it. */
static void test_barrier(void **state)
{
	(void)state;
	compute(100);
	add(SC_TEV_ARRIVE);
	add(SC_TEV_MEET);
	compute(100);
	assert_int_equal(run_at(0, 4, 4, false), START + 100 + 300 + 100);
	assert_int_equal(timing.state[3][SC_TE_HART][SC_TS_BARRIER], 300);
	memset(&script, 0, sizeof(script));
	add(SC_TEV_ARRIVE);
	compute(400);
	add(SC_TEV_MEET);
	assert_int_equal(run_at(100000, 4, 4, false), START + 400);
}

/* Eight times the machine, eight times the work: the same cycles. */
static void test_ratios(void **state)
{
	uint64_t small, i;

	(void)state;
	for (i = 0; i < 20; i++) {
		load(i % 4, i << 17, 70000);
		post(i % 4, 1);
		hold(SC_EQ_MATRIX, 1, (int32_t)i + 1);
		mma(i % 16, 500, 64);
	}
	machine.llc_kib = 0;
	sc_llc_destroy(line.llc);
	line.llc = sc_llc_create(&machine);
	small = run_at(0, 8, 24, false);
	machine.dram_gbs *= 8;
	machine.llc_gbs *= 8;
	memset(line.core_free, 0, sizeof(line.core_free));
	assert_int_equal(run_at(1 << 20, 64, 192, false), small);
}

static void store_tile(unsigned int rank, unsigned int t)
{
	move(t);
	post(SC_EQ_MATRIX, 3);
	hold(SC_EQ_DMA2, 3, (int32_t)t + 1);
	dma(2, (2ull << 30) + rank * 65536 + t * 4096, 4096, 1)->write = true;
}

/*
 * A GEMM of 2048^3 i8 on the paper card: 256 x 256 a core, A and B in chunks of 256 k three
 * deep, 16 accumulators, results stored as i8 while the last chunk is multiplied.
 */
static void gemm(unsigned int rank)
{
	uint64_t a = (uint64_t)(rank / 8) << 19, b = (1ull << 30) + ((uint64_t)(rank % 8) << 19);
	int chunks = 8, i, t;

	memset(&script, 0, sizeof(script));
	for (i = 0; i < chunks + 1; i++) {
		if (i >= 3 && i < chunks) {
			hold(SC_EQ_DMA0, 2, i - 2);
			hold(SC_EQ_DMA1, 2, i - 2);
		}
		if (i < chunks) {
			load(0, a + i * 65536, 65536);
			post(SC_EQ_DMA0, 0);
			load(1, b + i * 65536, 65536);
			post(SC_EQ_DMA1, 1);
		}
		if (!i)
			continue;
		hold(SC_EQ_MATRIX, 0, i);
		hold(SC_EQ_MATRIX, 1, i);
		for (t = 0; t < 16; t++) {
			mma(t, 256, 64);
			if (i == chunks && t)
				store_tile(rank, t - 1);
		}
		post(SC_EQ_MATRIX, 2);
	}
	store_tile(rank, 15);
}

static void test_gemm(void **state)
{
	struct sc_sim_desc desc = { .machine = &machine, .cores = 64, .total = 64 };
	struct sc_sim *sim;
	const double ideal = 2048.0 * 2048 * 2048 / 64 / 4096;

	(void)state;
	machine.dram_gbs *= 8;
	machine.llc_gbs *= 8;
	machine.llc_kib *= 8;
	sc_llc_destroy(line.llc);
	line.llc = sc_llc_create(&machine);
	sim = sc_sim_create(&desc);
	assert_non_null(sim);
	sc_sim_begin(sim, &line, 0, false);
	for (unsigned int rank = 0; rank < 64; rank++) {
		gemm(rank);
		sc_sim_feed(sim, list(rank));
	}
	assert_true(sc_sim_run(sim));
	sc_sim_end(sim, &timing);
	check_sums();
	assert_true(ideal / timing.last > 0.89 && ideal / timing.last < 0.93);
	sc_sim_destroy(sim);
}

/* What a function of a card gets: all of it, or a part that with the others' is not more. */
static void test_shares(void **state)
{
	struct sc_machine whole, part;

	(void)state;
	sc_machine_default(&whole);
	part = whole;
	sc_machine_share(&part, 8, 8);
	assert_memory_equal(&part, &whole, sizeof(whole));
	sc_machine_share(&part, 2, 8);
	assert_int_equal(part.llc_kib, 2048);
	assert_int_equal(part.llc_gbs, 225);
	assert_int_equal(part.dram_gbs, 112);
	assert_int_equal(part.link_gbs, 1);
	assert_int_equal(part.copy_bytes, 32);
	/* a core's own engines are not shared */
	assert_int_equal(part.dma_port, whole.dma_port);
	assert_int_equal(part.mac_i8, whole.mac_i8);
	/* never none, which would be no rate */
	sc_machine_share(&part, 1, 64);
	assert_int_equal(part.link_gbs, 1);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(test_##name, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(hart), TEST(mma), TEST(move), TEST(dma), TEST(bandwidth), TEST(gather),
		TEST(chain), TEST(post_order), TEST(depth), TEST(scratchpad), TEST(workgroups),
		TEST(clear), TEST(overlap), TEST(overlap_bandwidth), TEST(barrier), TEST(ratios),
		TEST(gemm), TEST(shares),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
