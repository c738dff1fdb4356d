// SPDX-License-Identifier: MIT
/* Chip model: queues, rings, doorbells, commands, ARM, write-back. */
#include "tests/unit/chip_bench.h"
#include "tests/unit/fake_core.h"

static int setup(void **state)
{
	struct bench *b = bench_create(NULL);

	fake_core_log_clear();
	bench_enable(b);
	*state = b;
	return 0;
}

static int teardown(void **state)
{
	bench_destroy(*state);
	return 0;
}

/* A NOP retires: RETIRED, state page, counters. */
static void test_nop(void **state)
{
	struct bench *b = *state;
	struct sc_packet p = pkt(SC_OP_NOP, 0);
	struct sc_queue_state s;

	bench_queue(b, 1, 0, 0);
	assert_int_equal(bench_submit(b, 1, &p, 1), 1);
	assert_int_equal(bench_queue_read(b, 1, SC_Q_RETIRED), 1);
	assert_int_equal(bench_queue_read(b, 1, SC_Q_INDEX), 1);
	assert_int_equal(bench_queue_state(b, 1), SC_QUEUE_IDLE);
	s = bench_state(b, 1);
	assert_int_equal(s.retired, 1);
	assert_int_equal(s.packets, 1);
	assert_int_equal(s.doorbells, 1);
	assert_int_equal(sc_chip_read(b->chip, SC_REG_TOTAL_PACKETS, 8), 1);
	assert_true(sc_chip_idle(b->chip));
	assert_int_equal(b->strict_total, 0);
}

/* FILL, COPY, SIGNAL in context 0, across card and system memory. */
static void test_data(void **state)
{
	struct bench *b = *state;
	struct sc_packet p[3] = {
		pkt_fill(0x100003, 0x3001, 0x1122334455667788ULL),
		pkt_copy(SC_CONTEXT0_SYSTEM + 0x200001, 0x100003, 0x3001),
		pkt_signal(0x180000, 42),
	};
	unsigned int i;

	bench_queue(b, 1, 0, 0);
	bench_submit(b, 1, p, 3);
	assert_int_equal(bench_queue_read(b, 1, SC_Q_RETIRED), 3);
	for (i = 0; i < 0x3001; i++) {
		assert_int_equal(b->card[0x100003 + i], 0x1122334455667788ULL >> i % 8 * 8 & 0xff);
		assert_int_equal(b->system[0x200001 + i], b->card[0x100003 + i]);
	}
	assert_int_equal(b->card[0x100002], 0);
	assert_int_equal(b->card[0x100003 + 0x3001], 0);
	assert_int_equal(bench_card64(b, 0x180000), 42);
	assert_int_equal(bench_state(b, 1).copy_bytes, 2 * 0x3001);
}

/* A dispatch runs every workgroup once. */
static void test_dispatch(void **state)
{
	struct bench *b = *state;
	struct sc_packet p[2];
	unsigned int i, seen = 0;

	pkt_dispatch(p, 0, 20, FAKE_DONE, 100, 0);
	bench_queue(b, 2, 0, 0);
	bench_submit(b, 2, p, 2);
	assert_int_equal(bench_queue_read(b, 2, SC_Q_RETIRED), 2);
	assert_int_equal(fake_core_log_count(), 20);
	for (i = 0; i < 20; i++)
		seen |= 1u << fake_core_log(i)->rank;
	assert_int_equal(seen, (1u << 20) - 1);
	assert_int_equal(bench_state(b, 2).workgroups, 20);
	assert_int_equal(bench_state(b, 2).insns, 2000);
	assert_int_equal(sc_chip_read(b->chip, SC_REG_TOTAL_INSNS, 8), 2000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_nop, setup, teardown),
		cmocka_unit_test_setup_teardown(test_data, setup, teardown),
		cmocka_unit_test_setup_teardown(test_dispatch, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
