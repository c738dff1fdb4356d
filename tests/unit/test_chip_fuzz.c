// SPDX-License-Identifier: MIT
/*
 * Chip model: whatever a ring holds, the card stays whole. Random packets go to
 * a queue whose process can write its own ring; beside it a queue of another
 * process works.
 */
#include <stdlib.h>
#include <time.h>

#include "tests/unit/chip_bench.h"
#include "tests/unit/fake_core.h"
#include "tests/unit/random_packet.h"

#define ROUNDS	 6000
#define ATTACKER 1
#define VICTIM	 2

static void fill_list(struct bench *b)
{
	union packet p[16];
	unsigned int i;

	for (i = 0; i < 15; i++)
		random_packet(p + i);
	memcpy(b->card + PA + LIST - VA, p, 15 * 64);
}

static void check_victim(struct bench *b, unsigned int round)
{
	union packet p[3];

	pkt_dispatch(p, 0, 1 + round % 4, FAKE_DONE, 10, 0);
	p[2] = pkt_signal(0x90000, round);
	if (b->queues[VICTIM].index % 16 == 15)
		bench_submit(b, VICTIM, &(union packet){ { .hdr = SC_HDR(SC_OP_NOP, 0, 0) } }, 1);
	bench_wait(b, VICTIM, bench_submit(b, VICTIM, p, 3));
	assert_int_equal(bench_card64(b, 0x300000), round);
}

static void map_all(struct bench *b)
{
	unsigned int i;

	bench_context(b, 1);
	bench_context(b, 2);
	for (i = 0; i < PAGES; i++)
		bench_map(b, 1, VA + i * 4096, PA + i * 4096, SC_PTE_READ | SC_PTE_WRITE);
	bench_map(b, 2, 0x90000, 0x300000, SC_PTE_READ | SC_PTE_WRITE);
	bench_queue_setup(b, ATTACKER, 1, 0);
	*bench_pte(b, 1, BENCH_RING_VA(ATTACKER)) |= SC_PTE_WRITE;
	bench_queue_write(b, ATTACKER, SC_Q_WG_LIMIT, 2000);
	bench_queue_write(b, ATTACKER, SC_Q_RECORD_BASE, VA);
	bench_command(b, ATTACKER, SC_QUEUE_CMD_START);
	bench_queue(b, VICTIM, 2, 0);
}

static void fuzz(bool sync)
{
	struct sc_config config = bench_config();
	struct bench *b;
	union packet p[2];
	unsigned int round, i, n, faults = 0, retired = 0;
	uint64_t before;

	config.sync = sync;
	config.threads = sync ? 0 : 2;
	b = bench_create(&config);
	fake_core_log_clear();
	bench_enable(b);
	map_all(b);
	memset(b->card + 0xc00000, 0x5a, 0x10000);
	for (round = 1; round <= (sync ? ROUNDS : ROUNDS / 6); round++) {
		if (round % 7 == 1)
			fill_list(b);
		before = bench_queue_read(b, ATTACKER, SC_Q_RETIRED);
		for (i = rnd() % 5; i && b->queues[ATTACKER].index + 2 < before + 16; i--) {
			n = random_packet(p);
			bench_push(b, ATTACKER, p, n);
		}
		if (rnd() % 16 == 0)
			sc_chip_doorbell_write(b->chip, ATTACKER * 0x1000, rnd(), 4);
		bench_ring(b, ATTACKER);
		if (rnd() % 8 == 0)
			bench_command(b, ATTACKER, bench_queue_state(b, ATTACKER) ==
				      SC_QUEUE_FAULTED ? SC_QUEUE_CMD_RESET : SC_QUEUE_CMD_STOP);
		for (i = 0; i < 30; i++)
			sc_chip_run(b->chip, 20000);
		if (!sync)
			nanosleep(&(struct timespec){ 0, 200000 }, NULL);
		if (round % 16 == 0)
			check_victim(b, round);
		faults += bench_queue_state(b, ATTACKER) == SC_QUEUE_FAULTED;
		bench_command(b, ATTACKER, SC_QUEUE_CMD_RESET);
		/* what is refused here is the test's own fault, not the ring's */
		b->strict[SC_STRICT_BAD_COMMAND] = 0;
		bench_wait_state(b, ATTACKER, SC_QUEUE_STOPPED);
		retired += bench_queue_read(b, ATTACKER, SC_Q_RETIRED) != before;
		bench_command(b, ATTACKER, SC_QUEUE_CMD_DISABLE);
		bench_queue_write(b, ATTACKER, SC_Q_INDEX, 0);
		b->queues[ATTACKER].index = 0;
		memset(b->card + b->queues[ATTACKER].ring, 0, 16 * 64);
		bench_command(b, ATTACKER, SC_QUEUE_CMD_START);
		sc_chip_write(b->chip, SC_REG_EVENT_TAIL, bench_events(b), 4);
	}
	for (i = 0; i < SC_STRICT_COUNT; i++)
		if (i != SC_STRICT_BAD_COMMAND)
			assert_int_equal(b->strict[i], 0);
	for (i = 0; i < 0x10000; i++)
		assert_int_equal(b->card[0xc00000 + i], 0x5a);
	print_message("# %u rounds: %u with progress, %u with a fault\n", round - 1, retired,
		      faults);
	assert_true(faults > round / 8);
	assert_true(retired > round / 8);
	bench_destroy(b);
}

static void test_fuzz(void **state)
{
	(void)state;
	fuzz(true);
}

static void test_fuzz_threads(void **state)
{
	(void)state;
	fuzz(false);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_fuzz),
		cmocka_unit_test(test_fuzz_threads),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
