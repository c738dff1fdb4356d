// SPDX-License-Identifier: MIT
/*
 * Chip model: shares of core time and of slots. All is counted in instructions of a scripted
 * core, and repeats exactly.
 */
#include <stdlib.h>

#include "tests/unit/chip_bench.h"
#include "tests/unit/fake_core.h"

#define LIMIT 1000000 /* of a workgroup */
#define SHORT (LIMIT / 50)
#define CORES 4
#define FINE  (SHORT / 2) /* quanta in which cores advance alike */
#define COARSE (LIMIT / 4)

static int setup(void **state)
{
	struct sc_config config = bench_config();

	config.cores = CORES;
	fake_core_log_clear();
	*state = bench_ready(&config, 7);
	return 0;
}

static uint64_t charged(struct bench *b, unsigned int context)
{
	return sc_chip_read(b->chip, SC_CONTEXT_BASE + context * SC_CONTEXT_STRIDE +
			    SC_CTX_CHARGED_NS, 8);
}

static void weight(struct bench *b, unsigned int context, uint64_t value)
{
	sc_chip_write(b->chip, SC_CONTEXT_BASE + context * SC_CONTEXT_STRIDE + SC_CTX_WEIGHT,
		      value, 4);
}

/* A tenant: a queue in a context of its own that is never without packets. */
struct tenant {
	unsigned int queue;
	uint32_t groups; /* of each dispatch */
	uint64_t insns; /* of each workgroup */
	unsigned int flags;
};

static void tenant_queue(struct bench *b, unsigned int queue, unsigned int context,
			 unsigned int priority)
{
	bench_queue_setup(b, queue, context, 0);
	bench_queue_write(b, queue, SC_Q_PRIORITY, priority);
	bench_queue_write(b, queue, SC_Q_WG_LIMIT, LIMIT);
	bench_command(b, queue, SC_QUEUE_CMD_START);
}

static void feed(struct bench *b, const struct tenant *t)
{
	union packet p[2];

	pkt_dispatch(p, t->flags, t->groups, FAKE_DONE, t->insns, 0);
	while (b->queues[t->queue].index - bench_queue_read(b, t->queue, SC_Q_RETIRED) <=
	       (1u << BENCH_LOG2) - 2)
		bench_push(b, t->queue, p, 2);
	bench_ring(b, t->queue);
}

/* Run in steps of @quantum until all together have been charged @ns more. */
static void run_in(struct bench *b, const struct tenant *t, unsigned int n, uint64_t ns,
		   uint64_t quantum)
{
	uint64_t end = sc_chip_read(b->chip, SC_REG_TOTAL_BUSY_NS, 8) + ns;
	unsigned int i;

	while (sc_chip_read(b->chip, SC_REG_TOTAL_BUSY_NS, 8) < end) {
		for (i = 0; i < n; i++)
			feed(b, &t[i]);
		sc_chip_run(b->chip, quantum);
	}
}

static void run_for(struct bench *b, const struct tenant *t, unsigned int n, uint64_t ns)
{
	run_in(b, t, n, ns, FINE);
}

/*
 * In every window of 20 workgroup limits on all cores the first of two tenants gets
 * @percent of the core time, within a tenth of it.
 */
static void expect_share(struct bench *b, const struct tenant *t, unsigned int percent)
{
	uint64_t first, second, ideal;
	unsigned int window;

	run_for(b, t, 2, 5 * CORES * LIMIT);
	for (window = 0; window < 30; window++) {
		first = charged(b, 1);
		second = charged(b, 2);
		run_for(b, t, 2, 20 * CORES * LIMIT);
		first = charged(b, 1) - first;
		second = charged(b, 2) - second;
		ideal = (first + second) * percent / 100;
		assert_in_range(first, ideal - ideal / 10, ideal + ideal / 10);
		assert_in_range(second, (first + second - ideal) * 9 / 10,
				(first + second - ideal) * 11 / 10);
	}
}

/* Long workgroups and short ones, in large grids. */
static void test_long_and_short(void **state)
{
	struct bench *b = *state;
	const struct tenant t[2] = { { 1, 1000, LIMIT, 0 }, { 2, 1000, SHORT, 0 } };

	tenant_queue(b, 1, 1, 1);
	tenant_queue(b, 2, 2, 1);
	expect_share(b, t, 50);
}

static void test_weights(void **state)
{
	struct bench *b = *state;
	const struct tenant t[2] = { { 1, 1000, LIMIT, 0 }, { 2, 1000, SHORT, 0 } };

	weight(b, 2, 128); /* the other has 64 */
	tenant_queue(b, 1, 1, 1);
	tenant_queue(b, 2, 2, 1);
	expect_share(b, t, 33);
}

/* Small dispatches one after the other: between them the tenant loses neither core nor turn. */
static void test_small_dispatches(void **state)
{
	struct bench *b = *state;
	const struct tenant t[2] = { { 1, 1000, LIMIT, 0 }, { 2, 4 * CORES, SHORT, 0 } };

	tenant_queue(b, 1, 1, 1);
	tenant_queue(b, 2, 2, 1);
	expect_share(b, t, 50);
}

/* One with long workgroups does not get all cores at once. */
static void test_not_all_cores(void **state)
{
	struct bench *b = *state;
	const struct tenant t[2] = { { 1, 1000, LIMIT, 0 }, { 2, 1000, SHORT, 0 } };
	unsigned int i, run = 0;

	tenant_queue(b, 1, 1, 1);
	tenant_queue(b, 2, 2, 1);
	run_for(b, t, 2, 10 * CORES * LIMIT);
	fake_core_log_clear();
	run_for(b, t, 2, 40 * CORES * LIMIT);
	for (i = 0; i < fake_core_log_count(); i++) {
		run = fake_core_log(i)->context == 1 ? run + 1 : 0;
		assert_true(run < CORES);
	}
}

/* Who pauses saves nothing up. */
static void test_idling(void **state)
{
	struct bench *b = *state;
	const struct tenant t[2] = { { 1, 10, SHORT, 0 }, { 2, 10, SHORT, 0 } };
	uint64_t before;

	tenant_queue(b, 1, 1, 1);
	tenant_queue(b, 2, 2, 1);
	run_for(b, t, 2, 10 * LIMIT);
	run_for(b, t, 1, 100 * LIMIT);
	before = charged(b, 1);
	run_for(b, t, 2, 20 * LIMIT);
	assert_in_range(charged(b, 1) - before, 9 * LIMIT, 11 * LIMIT);
}

/* Nor does a queue that may use one core alone save up what it did not get of the others. */
static void test_owed_is_bounded(void **state)
{
	struct bench *b = *state;
	const struct tenant t[3] = { { 1, 50, LIMIT, 0 }, { 2, 50, LIMIT, 0 },
				     { 3, 50, LIMIT, 0 } };
	uint64_t before;

	tenant_queue(b, 1, 1, 1);
	bench_queue_setup(b, 2, 2, 0);
	bench_queue_write(b, 2, SC_Q_CORE_MASK, 1);
	bench_queue_write(b, 2, SC_Q_WG_LIMIT, LIMIT);
	bench_command(b, 2, SC_QUEUE_CMD_START);
	run_in(b, t, 2, 10000ULL * LIMIT, COARSE);
	assert_in_range(charged(b, 2), 2400ULL * LIMIT, 2600ULL * LIMIT);
	tenant_queue(b, 3, 2, 1);
	before = charged(b, 1);
	run_in(b, t, 3, 4000ULL * LIMIT, COARSE);
	/* a second at most, of what would be five */
	assert_in_range(charged(b, 1) - before, 1300ULL * LIMIT, 2100ULL * LIMIT);
}

/* Three priorities: the highest gets nearly all, and none nothing. */
static void test_priorities(void **state)
{
	struct bench *b = *state;
	const struct tenant t[3] = { { 1, 100, SHORT, 0 }, { 2, 100, SHORT, 0 },
				     { 3, 100, SHORT, 0 } };
	uint64_t total = 20 * 32000000ULL * CORES;
	unsigned int c;

	for (c = 1; c <= 3; c++)
		tenant_queue(b, c, c, c - 1);
	run_for(b, t, 3, total);
	assert_true(charged(b, 3) > total * 99 / 100);
	/* a workgroup in every 32 ms of the card's time, and what the highest left */
	for (c = 1; c <= 2; c++)
		assert_in_range(charged(b, c) / SHORT, 18, 60);
}

/* A clear is paid for by the context that the core goes to. */
static void test_clearing_is_charged(void **state)
{
	struct bench *b = *state;
	uint64_t clear = sc_chip_config(b->chip)->tcm_size / 64;
	union packet p[2];

	tenant_queue(b, 1, 1, 1);
	tenant_queue(b, 2, 2, 1);
	pkt_dispatch(p, 0, CORES, FAKE_DONE, LIMIT, 0);
	bench_submit(b, 1, p, 2);
	assert_int_equal(charged(b, 1), CORES * (LIMIT + clear));
	bench_submit(b, 1, p, 2);
	assert_int_equal(charged(b, 1), CORES * (2 * LIMIT + clear));
	bench_submit(b, 2, p, 2);
	assert_int_equal(charged(b, 2), CORES * (LIMIT + clear));
	assert_int_equal(charged(b, 1), CORES * (2 * LIMIT + clear));
}

/* More queues with kernels than slots, of all priorities: all progress. */
static void test_more_queues_than_slots(void **state)
{
	struct bench *b = *state;
	struct tenant t[14];
	uint64_t before[14];
	unsigned int i, round;

	assert_true(sc_chip_config(b->chip)->slots < 14);
	for (i = 0; i < 14; i++) {
		t[i] = (struct tenant){ i + 1, 2, SHORT, SC_FLAG_OVERLAP };
		tenant_queue(b, i + 1, 1 + i % 7, i % 3);
	}
	for (round = 0; round < 3; round++) {
		for (i = 0; i < 14; i++)
			before[i] = bench_queue_read(b, i + 1, SC_Q_RETIRED);
		run_in(b, t, 14, 20 * 32000000ULL * CORES, COARSE);
		for (i = 0; i < 14; i++)
			assert_true(bench_queue_read(b, i + 1, SC_Q_RETIRED) > before[i]);
	}
}

/* A slot is handed on after a time, too: long kernels do not keep it for 64 of them. */
static void test_long_kernels_hand_slots_on(void **state)
{
	struct bench *b = *state;
	struct tenant t[14];
	unsigned int i;

	for (i = 0; i < 14; i++) {
		t[i] = (struct tenant){ i + 1, CORES, LIMIT, 0 };
		tenant_queue(b, i + 1, 1 + i % 7, 1);
	}
	run_in(b, t, 14, 400ULL * LIMIT, COARSE);
	for (i = 0; i < 14; i++)
		assert_true(bench_queue_read(b, i + 1, SC_Q_RETIRED) > 0);
}

/* NOPs without end at the highest priority, in more queues than there are slots. */
static void test_packet_engine(void **state)
{
	struct bench *b = *state;
	union packet nop = pkt(SC_OP_NOP, SC_FLAG_OVERLAP);
	unsigned int q, round;

	for (q = 1; q <= 8; q++)
		tenant_queue(b, q, 1, q == 8 ? 0 : 3);
	bench_push(b, 8, &nop, 1);
	bench_ring(b, 8);
	for (round = 0; round < 100000 && !bench_queue_read(b, 8, SC_Q_RETIRED); round++) {
		for (q = 1; q < 8; q++) {
			while (b->queues[q].index - bench_queue_read(b, q, SC_Q_RETIRED) <
			       1u << BENCH_LOG2)
				bench_push(b, q, &nop, 1);
			bench_ring(b, q);
		}
		sc_chip_run(b->chip, 1);
	}
	assert_in_range(round, 10, 2000);
}

/* Whatever programs do, the driver's own queue gets a slot at once. */
static void test_slot_of_the_driver(void **state)
{
	struct bench *b = *state;
	union packet p[2], nop = pkt(SC_OP_NOP, 0);
	unsigned int q;

	pkt_dispatch(p, 0, 1, FAKE_FOREVER, 0, 0);
	for (q = 1; q <= 7; q++) {
		tenant_queue(b, q, q, 3);
		bench_queue_write(b, q, SC_Q_PRIORITY, 3);
		bench_push(b, q, p, 2);
		bench_ring(b, q);
	}
	sc_chip_run(b->chip, 100000);
	bench_queue(b, 8, 0, 0);
	bench_push(b, 8, &nop, 1);
	bench_ring(b, 8);
	sc_chip_run(b->chip, 100000);
	assert_int_equal(bench_queue_read(b, 8, SC_Q_RETIRED), 1);
}

/* Calls of sc_chip_run() until a tenant's kernel has ended, with so many doorbells between them. */
static unsigned int run_beside(struct bench *b, unsigned int doorbells)
{
	union packet p[2];
	unsigned int calls, i;
	uint64_t end;

	if (b->queues[2].index % (1u << BENCH_LOG2) == (1u << BENCH_LOG2) - 1)
		b->queues[2].index++;
	pkt_dispatch(p, 0, 3 * CORES, FAKE_DONE, LIMIT, 0);
	end = bench_push(b, 2, p, 2);
	bench_ring(b, 2);
	for (calls = 0; bench_queue_read(b, 2, SC_Q_RETIRED) < end; calls++) {
		for (i = 0; i < doorbells; i++)
			sc_chip_doorbell_write(b->chip, 1 * 0x1000, i * 2654435761u, 4);
		sc_chip_run(b->chip, FINE);
	}
	return calls;
}

/* Doorbells at full rate to a stopped queue and to one that has failed: nobody notices. */
static void test_doorbell_storm(void **state)
{
	struct bench *b = *state;
	union packet bad = pkt(SC_OP_NOP, 0);
	unsigned int calls, irqs[SC_MAX_VECTORS], kicks, round;

	tenant_queue(b, 1, 1, 3);
	tenant_queue(b, 2, 2, 1);
	bench_run(b);
	run_beside(b, 0); /* which clears the cores */
	calls = run_beside(b, 0);
	for (round = 0; round < 2; round++) {
		if (round) {
			bench_command(b, 1, SC_QUEUE_CMD_START);
			bad.body[0] = 1;
			bench_submit(b, 1, &bad, 1);
			assert_int_equal(bench_queue_state(b, 1), SC_QUEUE_FAULTED);
		} else {
			bench_command(b, 1, SC_QUEUE_CMD_STOP);
			bench_run(b);
			assert_int_equal(bench_queue_state(b, 1), SC_QUEUE_STOPPED);
		}
		memcpy(irqs, b->irqs, sizeof(irqs));
		kicks = b->kicks;
		sc_chip_doorbell_write(b->chip, 1 * 0x1000, 77, 4);
		assert_int_equal(b->kicks, kicks);
		assert_int_equal(run_beside(b, 200), calls);
		assert_memory_equal(b->irqs, irqs, sizeof(irqs));
		assert_true(bench_queue_read(b, 1, SC_Q_STATUS) & SC_QUEUE_MISSED);
	}
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, bench_teardown)
	const struct CMUnitTest tests[] = {
		TEST(test_long_and_short), TEST(test_weights), TEST(test_small_dispatches),
		TEST(test_not_all_cores), TEST(test_idling), TEST(test_owed_is_bounded),
		TEST(test_priorities), TEST(test_clearing_is_charged),
		TEST(test_more_queues_than_slots), TEST(test_long_kernels_hand_slots_on),
		TEST(test_packet_engine),
		TEST(test_slot_of_the_driver), TEST(test_doorbell_storm),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
