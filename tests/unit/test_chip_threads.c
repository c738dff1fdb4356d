// SPDX-License-Identifier: MIT
/*
 * Chip model with worker threads: what one thread cannot show. Also meant to
 * be run with ThreadSanitizer.
 */
#include <stdlib.h>
#include <time.h>

#include "qemu-device/chip/mmu.h"
#include "tests/unit/chip_bench.h"
#include "tests/unit/fake_core.h"

#define WORD 0x180000

static int setup(void **state)
{
	struct sc_config config = bench_config();

	config.sync = false;
	config.threads = 3;
	fake_core_log_clear();
	*state = bench_ready(&config, 4);
	return 0;
}

static uint64_t now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1000000000ULL + ts.tv_nsec;
}

static void store(struct bench *b, uint64_t addr, uint64_t value)
{
	__atomic_store_n((uint64_t *)(b->card + addr), value, __ATOMIC_RELEASE);
}

/* Many dispatches on several queues at once, each followed by a SIGNAL. */
static void test_many_dispatches(void **state)
{
	struct bench *b = *state;
	union packet p[3];
	unsigned int q, i;

	for (q = 1; q <= 4; q++)
		bench_queue(b, q, q % 2 ? 0 : q, 0);
	for (i = 0; i < 30; i++) {
		for (q = 1; q <= 4; q++) {
			pkt_dispatch(p, i % 2 ? SC_FLAG_OVERLAP : 0, 7, FAKE_DONE, 1000, 0);
			p[2] = q % 2 ? pkt_signal(WORD + q * 8, i + 1) : pkt(SC_OP_BARRIER, 0);
			if (b->queues[q].index % 16 == 15) {
				union packet nop = pkt(SC_OP_NOP, 0);

				bench_push(b, q, &nop, 1);
			}
			bench_submit(b, q, p, 3);
		}
		for (q = 1; q <= 4; q++)
			bench_wait(b, q, b->queues[q].index);
	}
	assert_int_equal(fake_core_log_count(), 30 * 4 * 7);
	assert_int_equal(bench_card64(b, WORD + 8), 30);
	assert_int_equal(sc_chip_read(b->chip, SC_REG_TOTAL_WORKGROUPS, 8), 30 * 4 * 7);
}

/* What follows a dispatch does not start if that fails while it is being fetched. */
#define LIST (SC_CONTEXT0_SYSTEM | 0x300000)

static uint64_t charged; /* TOTAL_INSNS when the dispatch has failed */

static int hold_back(struct bench *b, uint64_t addr, size_t len, bool write)
{
	(void)len;
	if (write || addr < 0x300000 + 2 * SC_SLOT_SIZE)
		return 0;
	while (sc_chip_read(b->chip, SC_REG_TOTAL_INSNS, 8) < charged)
		nanosleep(&(struct timespec){ 0, 10000 }, NULL);
	return 0;
}

static void test_failure_during_fetch(void **state)
{
	struct bench *b = *state;
	union packet p[3], call = pkt(SC_OP_INDIRECT, 0);
	unsigned int i;

	pkt_dispatch(p, 0, 1, FAKE_FAULT, 1000, SC_CODE_ILLEGAL_INSN);
	p[2] = pkt_signal(WORD, 1);
	memcpy(b->system + 0x300000, p, sizeof(p));
	call.body[0] = LIST;
	call.body[2] = 3;
	bench_queue(b, 1, 0, 0);
	b->hook = hold_back;
	for (i = 1; i <= 20; i++) {
		charged = i * 1000;
		bench_submit(b, 1, &call, 1);
		bench_wait_state(b, 1, SC_QUEUE_FAULTED);
		assert_int_equal(bench_card64(b, WORD), 0);
		bench_recover(b, 1);
	}
}

/* A register access does not wait for a worker that is stuck in the host's DMA. */
static bool stuck, release;

static int stick(struct bench *b, uint64_t addr, size_t len, bool write)
{
	(void)b;
	(void)len;
	if (write || addr < 0x300000)
		return 0;
	__atomic_store_n(&stuck, true, __ATOMIC_SEQ_CST);
	while (!__atomic_load_n(&release, __ATOMIC_SEQ_CST))
		nanosleep(&(struct timespec){ 0, 100000 }, NULL);
	return 0;
}

static void test_registers_never_wait(void **state)
{
	struct bench *b = *state;
	union packet p = pkt_copy(WORD, SC_CONTEXT0_SYSTEM | 0x300000, 64);
	unsigned int i;

	stuck = false;
	release = false;
	b->hook = stick;
	bench_queue(b, 1, 0, 0);
	bench_queue(b, 2, 0, 0);
	bench_submit(b, 1, &p, 1);
	while (!__atomic_load_n(&stuck, __ATOMIC_SEQ_CST))
		nanosleep(&(struct timespec){ 0, 100000 }, NULL);
	for (i = 0; i < 1000; i++) {
		sc_chip_read(b->chip, SC_REG_STATUS, 4);
		bench_queue_read(b, 1, SC_Q_STATUS);
		bench_ring(b, 1);
	}
	p = pkt(SC_OP_NOP, 0);
	bench_wait(b, 2, bench_submit(b, 2, &p, 1)); /* others work on */
	bench_command(b, 1, SC_QUEUE_CMD_RESET);
	assert_true(bench_queue_read(b, 1, SC_Q_STATUS) & SC_QUEUE_BUSY);
	sc_chip_reset_begin(b->chip, SC_RESET_CAUSE_FLR); /* returns although it is stuck */
	assert_true(sc_chip_reset_busy(b->chip));
	assert_int_equal(sc_chip_read(b->chip, SC_REG_STATUS, 4), SC_DEVICE_RESETTING);
	assert_int_equal(bench_queue_read(b, 1, SC_Q_STATUS), 0);
	__atomic_store_n(&release, true, __ATOMIC_SEQ_CST);
	for (i = 0; i < 10000 && sc_chip_reset_busy(b->chip); i++)
		nanosleep(&(struct timespec){ 0, 100000 }, NULL);
	assert_false(sc_chip_reset_busy(b->chip));
	assert_int_equal(sc_chip_read(b->chip, SC_REG_STATUS, 4), SC_DEVICE_READY);
	assert_int_equal(bench_card64(b, WORD), 0);
}

/* RESET of workgroups that never end, within a bounded time. */
static void test_reset_is_bounded(void **state)
{
	struct bench *b = *state;
	union packet p[2];
	uint64_t began;
	unsigned int i;

	bench_queue_setup(b, 1, 1, 0);
	bench_queue_write(b, 1, SC_Q_WG_LIMIT, ~0ULL >> 2);
	bench_command(b, 1, SC_QUEUE_CMD_START);
	for (i = 0; i < 5; i++) {
		pkt_dispatch(p, 0, 20, FAKE_FOREVER, 0, 0);
		bench_submit(b, 1, p, 2);
		bench_wait_state(b, 1, SC_QUEUE_RUNNING);
		began = now_ns();
		bench_command(b, 1, SC_QUEUE_CMD_RESET);
		bench_wait_state(b, 1, SC_QUEUE_STOPPED);
		assert_true(now_ns() - began < 2000000000ULL);
		b->queues[1].index = (i + 1) * 32;
		memset(b->card + b->queues[1].ring, 0, 16 * 64);
		bench_queue_write(b, 1, SC_Q_INDEX, (i + 1) * 32);
		bench_command(b, 1, SC_QUEUE_CMD_START);
		sc_chip_write(b->chip, SC_REG_EVENT_TAIL, bench_events(b), 4);
	}
	assert_int_equal(bench_queue_read(b, 1, SC_Q_EPOCH), 5);
}

/* A WAIT on memory is polled: satisfied by a plain store, soon. */
static void test_wait_is_polled(void **state)
{
	struct bench *b = *state;
	union packet p = pkt_wait(WORD, 1);

	bench_queue(b, 1, 0, 0);
	bench_submit(b, 1, &p, 1);
	bench_wait_state(b, 1, SC_QUEUE_WAITING);
	store(b, WORD, 1);
	bench_wait(b, 1, 1);
}

/* Two queues hand a token back and forth through memory. */
static void test_ping_pong(void **state)
{
	struct bench *b = *state;
	union packet p[2];
	unsigned int i;

	bench_queue(b, 1, 0, 0);
	bench_queue(b, 2, 0, 0);
	for (i = 0; i < 200; i++) {
		p[0] = pkt_wait(WORD, 2 * i);
		p[1] = pkt_signal(WORD, 2 * i + 1);
		bench_submit(b, 1, p, 2);
		p[0] = pkt_wait(WORD, 2 * i + 1);
		p[1] = pkt_signal(WORD, 2 * i + 2);
		bench_submit(b, 2, p, 2);
		bench_wait(b, 2, 2 * i + 2);
	}
	assert_int_equal(bench_card64(b, WORD), 400);
}

/* INVALIDATE retires only when a core that was running has come out. */
static void test_invalidate_waits(void **state)
{
	struct bench *b = *state;
	union packet p = pkt(SC_OP_INVALIDATE, 0);

	bench_queue(b, 1, 0, 0);
	p.body[2] = 1;
	sc_mmu_enter(b->chip, 0); /* a user that is inside */
	bench_submit(b, 1, &p, 1);
	nanosleep(&(struct timespec){ 0, 20000000 }, NULL);
	assert_int_equal(bench_queue_read(b, 1, SC_Q_RETIRED), 0);
	assert_int_equal(bench_queue_state(b, 1), SC_QUEUE_RUNNING);
	sc_mmu_leave(b->chip, 0);
	sc_mmu_enter(b->chip, 0); /* once is enough */
	bench_ring(b, 1);
	bench_wait(b, 1, 1);
	sc_mmu_leave(b->chip, 0);
}

/* INVALIDATEs among running dispatches all end. */
static void test_invalidate_among_work(void **state)
{
	struct bench *b = *state;
	union packet inv = pkt(SC_OP_INVALIDATE, 0), p[2];
	unsigned int i;

	bench_queue(b, 1, 0, 0);
	bench_queue(b, 2, 0, 0);
	bench_queue(b, 3, 1, 0);
	pkt_dispatch(p, 0, 200, FAKE_DONE, 900000, 0);
	bench_submit(b, 3, p, 2);
	for (i = 0; i < 50; i++) {
		inv.body[2] = 1 + i % 4;
		bench_submit(b, 1, &inv, 1);
		bench_submit(b, 2, &inv, 1);
		bench_wait(b, 1, i + 1);
		bench_wait(b, 2, i + 1);
	}
	bench_wait(b, 3, 2);
}

/* Workgroups of a cooperative dispatch, more than there are workers. */
static void test_cooperative(void **state)
{
	struct bench *b = *state;
	union packet p[2];
	unsigned int i;

	bench_queue(b, 1, 0, 0);
	for (i = 0; i < 20; i++) {
		pkt_dispatch(p, SC_FLAG_COOPERATIVE, 4, FAKE_MEET, 20, 0);
		bench_wait(b, 1, bench_submit(b, 1, p, 2));
	}
	pkt_dispatch(p, SC_FLAG_COOPERATIVE, 4, FAKE_DESERT, 1, 0);
	bench_submit(b, 1, p, 2);
	bench_wait_state(b, 1, SC_QUEUE_FAULTED);
	assert_int_equal(bench_event(b, 0)->fault.code, SC_CODE_AWAIT_DEADLOCK);
}

/* Faults, resets and restarts on two queues, with a third that must not notice. */
static void test_faults_in_parallel(void **state)
{
	struct bench *b = *state;
	union packet bad[2], good[2];
	unsigned int i, q;

	for (q = 1; q <= 3; q++)
		bench_queue(b, q, q, 0);
	for (i = 0; i < 20; i++) {
		pkt_dispatch(bad, 0, 6, FAKE_FAULT, 100, SC_CODE_ILLEGAL_INSN);
		pkt_dispatch(good, 0, 6, FAKE_DONE, 100, 0);
		if (b->queues[3].index % 16 == 15)
			bench_submit(b, 3, &(union packet){ { .hdr = SC_HDR(SC_OP_NOP, 0, 0) } },
				     1);
		bench_submit(b, 1, bad, 2);
		bench_submit(b, 2, bad, 2);
		bench_submit(b, 3, good, 2);
		bench_wait_state(b, 1, SC_QUEUE_FAULTED);
		bench_wait_state(b, 2, SC_QUEUE_FAULTED);
		bench_wait(b, 3, b->queues[3].index);
		bench_recover(b, 1);
		bench_recover(b, 2);
		sc_chip_write(b->chip, SC_REG_EVENT_TAIL, bench_events(b), 4);
	}
	assert_int_equal(bench_events(b), 40);
	assert_int_equal(sc_chip_read(b->chip, SC_REG_EVENT_LOST, 4), 0);
}

/* Device resets at any moment. */
static void test_device_resets(void **state)
{
	struct bench *b = *state;
	union packet p[4];
	unsigned int i, j;

	for (i = 0; i < 30; i++) {
		for (j = 1; j < 5; j++)
			bench_queue(b, j, j % 2, 0);
		pkt_dispatch(p, 0, 20, i % 2 ? FAKE_FOREVER : FAKE_DONE, 100000, 0);
		p[2] = pkt_fill(0x600000, 0x100000, i);
		p[3] = pkt_wait(WORD, 1);
		for (j = 1; j < 5; j++)
			bench_submit(b, j, p + (j == 3 ? 2 : 0), j == 3 ? 2 : 4);
		nanosleep(&(struct timespec){ 0, 50000 * i }, NULL);
		sc_chip_reset_begin(b->chip, SC_RESET_CAUSE_FLR);
		for (j = 0; j < 20000 && sc_chip_reset_busy(b->chip); j++)
			nanosleep(&(struct timespec){ 0, 100000 }, NULL);
		assert_true(sc_chip_idle(b->chip));
		bench_enable(b);
		for (j = 1; j < 5; j++)
			bench_context(b, j);
	}
	assert_int_equal(sc_chip_read(b->chip, SC_REG_GENERATION, 4), 30);
}

/* Destroying a busy chip. */
static void test_destroy_busy(void **state)
{
	struct bench *b = *state;
	union packet p[2];

	bench_queue_setup(b, 1, 0, 0);
	bench_queue_write(b, 1, SC_Q_WG_LIMIT, ~0ULL >> 2);
	bench_command(b, 1, SC_QUEUE_CMD_START);
	pkt_dispatch(p, 0, 100, FAKE_FOREVER, 0, 0);
	bench_submit(b, 1, p, 2);
	bench_wait_state(b, 1, SC_QUEUE_RUNNING);
}

/* Destroying a chip while its workers wake up and look for a CPU. */
static void test_short_life(void **state)
{
	unsigned int i;

	for (i = 0; i < 300; i++) {
		assert_int_equal(setup(state), 0);
		if (i % 2)
			bench_queue((struct bench *)*state, 1, 0, 0);
		bench_teardown(state);
	}
}

/* Time from doorbell to RETIRED, and rate of tiny dispatches; printed, only roughly bounded. */
static void test_latency(void **state)
{
	struct bench *b = *state;
	union packet p[2];
	uint64_t began;
	unsigned int i, n = 2000;

	pkt_dispatch(p, SC_FLAG_OVERLAP, 1, FAKE_DONE, 1, 0);
	bench_queue(b, 1, 0, 0);
	began = now_ns();
	for (i = 0; i < n; i++) {
		while (b->queues[1].index - bench_queue_read(b, 1, SC_Q_RETIRED) > 14)
			;
		bench_push(b, 1, p, 2);
		bench_ring(b, 1);
	}
	bench_wait(b, 1, 2 * n);
	print_message("# %u dispatches: %.2f us each\n", n, (now_ns() - began) / 1000.0 / n);
	assert_true(now_ns() - began < 10000000000ULL);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, bench_teardown)
	const struct CMUnitTest tests[] = {
		TEST(test_many_dispatches), TEST(test_failure_during_fetch),
		TEST(test_registers_never_wait),
		TEST(test_reset_is_bounded), TEST(test_wait_is_polled), TEST(test_ping_pong),
		TEST(test_invalidate_waits), TEST(test_invalidate_among_work),
		TEST(test_cooperative), TEST(test_faults_in_parallel), TEST(test_device_resets),
		TEST(test_destroy_busy), TEST(test_latency),
		cmocka_unit_test(test_short_life),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
