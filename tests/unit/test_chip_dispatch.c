// SPDX-License-Identifier: MIT
/* Chip model: workgroups onto cores, overlap, fairness, cooperation, faults of kernels. */
#include <stdlib.h>

#include "tests/unit/chip_bench.h"
#include "tests/unit/fake_core.h"

#define WORD 0x180000

static int setup(void **state)
{
	fake_core_log_clear();
	*state = bench_ready(NULL, 4);
	return 0;
}

static void context_write(struct bench *b, unsigned int context, unsigned int reg, uint64_t value,
			  unsigned int size)
{
	sc_chip_write(b->chip, SC_CONTEXT_BASE + context * SC_CONTEXT_STRIDE + reg, value, size);
}

static unsigned int count_context(unsigned int context, unsigned int first, unsigned int n)
{
	unsigned int i, count = 0;

	for (i = first; i < first + n && i < fake_core_log_count(); i++)
		count += fake_core_log(i)->context == context;
	return count;
}

/* Without OVERLAP the second dispatch waits for the first; with it, it does not. */
static void test_overlap(void **state)
{
	struct bench *b = *state;
	union packet p[4];
	unsigned int i;

	bench_queue(b, 1, 0, 0);
	for (i = 0; i < 2; i++) {
		pkt_dispatch(p, 0, 1, FAKE_UNTIL, WORD, i + 1);
		pkt_dispatch(p + 2, i ? SC_FLAG_OVERLAP : 0, 1, FAKE_DONE, 1, 0);
		fake_core_log_clear();
		bench_push(b, 1, p, 4);
		bench_ring(b, 1);
		sc_chip_run(b->chip, 1000);
		assert_int_equal(fake_core_log_count(), 1 + i);
		/* retirement is in ring order although the second is done */
		assert_int_equal(bench_queue_read(b, 1, SC_Q_RETIRED), i * 4);
		__atomic_store_n((uint64_t *)(b->card + WORD), i + 1, __ATOMIC_RELEASE);
		bench_wait(b, 1, i * 4 + 4);
		assert_int_equal(fake_core_log_count(), 2);
	}
}

/* A SIGNAL without OVERLAP behind overlapping dispatches waits for all of them. */
static void test_signal_waits_for_all(void **state)
{
	struct bench *b = *state;
	union packet p[7];

	pkt_dispatch(p, 0, 2, FAKE_UNTIL, WORD, 1);
	pkt_dispatch(p + 2, SC_FLAG_OVERLAP, 2, FAKE_UNTIL, WORD, 2);
	p[4] = pkt(SC_OP_NOP, SC_FLAG_OVERLAP);
	p[5] = pkt(SC_OP_BARRIER, 0);
	p[6] = pkt_signal(WORD + 8, 9);
	bench_queue(b, 1, 0, 0);
	bench_push(b, 1, p, 7);
	bench_ring(b, 1);
	sc_chip_run(b->chip, 1000);
	__atomic_store_n((uint64_t *)(b->card + WORD), 1, __ATOMIC_RELEASE);
	sc_chip_run(b->chip, 1000);
	assert_int_equal(bench_queue_read(b, 1, SC_Q_RETIRED), 2);
	assert_int_equal(bench_card64(b, WORD + 8), 0);
	__atomic_store_n((uint64_t *)(b->card + WORD), 2, __ATOMIC_RELEASE);
	bench_wait(b, 1, 7);
	assert_int_equal(bench_card64(b, WORD + 8), 9);
}

/* Masks of queue and context. */
static void test_core_masks(void **state)
{
	struct bench *b = *state;
	union packet p[2];
	unsigned int i;

	pkt_dispatch(p, 0, 12, FAKE_DONE, 100, 0);
	bench_queue_setup(b, 1, 0, 0);
	bench_queue_write(b, 1, SC_Q_CORE_MASK, 0xc);
	context_write(b, 0, SC_CTX_CONTROL, 0, 4);
	context_write(b, 0, SC_CTX_CORE_MASK, 0x6, 8);
	context_write(b, 0, SC_CTX_CONTROL, 1, 4);
	bench_command(b, 1, SC_QUEUE_CMD_START);
	bench_submit(b, 1, p, 2);
	assert_int_equal(fake_core_log_count(), 12);
	for (i = 0; i < 12; i++)
		assert_int_equal(fake_core_log(i)->core, 2);
}

/* All free cores work on one grid. */
static void test_uses_all_cores(void **state)
{
	struct bench *b = *state;
	union packet p[2];

	pkt_dispatch(p, 0, 8, FAKE_DONE, 500000, 0);
	bench_queue(b, 1, 0, 0);
	bench_submit(b, 1, p, 2);
	assert_int_equal(fake_core_most_running(), 4);
}

/* Put the same big dispatch on two queues and run for a while. */
static void compete(struct bench *b, unsigned int insns, unsigned int groups)
{
	union packet p[2];
	unsigned int q;

	pkt_dispatch(p, 0, groups, FAKE_DONE, insns, 0);
	for (q = 1; q <= 2; q++) {
		bench_push(b, q, p, 2);
		bench_ring(b, q);
	}
	bench_run(b);
}

/* Two contexts share evenly, whatever the size of their workgroups. */
static void test_fair(void **state)
{
	struct bench *b = *state;
	unsigned int half;

	bench_queue(b, 1, 1, 0);
	bench_queue(b, 2, 2, 0);
	compete(b, 300000, 200);
	assert_int_equal(fake_core_log_count(), 400);
	half = count_context(1, 40, 200);
	assert_in_range(half, 90, 110);
}

/* ... or by weight. */
static void test_weights(void **state)
{
	struct bench *b = *state;
	unsigned int share;

	context_write(b, 1, SC_CTX_WEIGHT, 192, 4);
	bench_queue(b, 1, 1, 0);
	bench_queue(b, 2, 2, 0);
	compete(b, 300000, 200);
	share = count_context(1, 20, 160);
	assert_in_range(share, 110, 130); /* three quarters */
	assert_true(sc_chip_read(b->chip, SC_CONTEXT_BASE + SC_CONTEXT_STRIDE + SC_CTX_CHARGED_NS,
				 8) >= 200 * 300000);
}

/* A context with small workgroups keeps its core for a millisecond of work. */
static void test_sticky(void **state)
{
	struct bench *b = *state;
	unsigned int i, changes = 0, cleared = 0;

	bench_queue_setup(b, 1, 1, 0);
	bench_queue_write(b, 1, SC_Q_CORE_MASK, 1);
	bench_command(b, 1, SC_QUEUE_CMD_START);
	bench_queue_setup(b, 2, 2, 0);
	bench_queue_write(b, 2, SC_Q_CORE_MASK, 1);
	bench_command(b, 2, SC_QUEUE_CMD_START);
	compete(b, 10000, 1000);
	for (i = 1; i < fake_core_log_count(); i++)
		changes += fake_core_log(i)->context != fake_core_log(i - 1)->context;
	for (i = 0; i < fake_core_log_count(); i++)
		cleared += fake_core_log(i)->cleared;
	assert_int_equal(fake_core_log_count(), 2000);
	/* 20 ms of work in all: no more than 20 changes, and a clear at each */
	assert_in_range(changes, 10, 20);
	assert_int_equal(cleared, changes + 1);
}

/* Priority goes before fairness. */
static void test_priority(void **state)
{
	struct bench *b = *state;

	bench_queue(b, 1, 1, 0);
	bench_queue(b, 2, 2, 0);
	bench_queue_write(b, 2, SC_Q_PRIORITY, 3);
	compete(b, 300000, 50);
	assert_int_equal(count_context(2, 4, 46), 46);
}

/* A core that goes to another context, or to the next user of a context, is cleared. */
static void test_cleared(void **state)
{
	struct bench *b = *state;
	union packet p[2];
	unsigned int i;

	pkt_dispatch(p, 0, 4, FAKE_DONE, 900000, 0);
	bench_queue(b, 1, 1, 0);
	bench_submit(b, 1, p, 2);
	bench_submit(b, 1, p, 2);
	bench_command(b, 1, SC_QUEUE_CMD_STOP);
	bench_wait_state(b, 1, SC_QUEUE_STOPPED);
	bench_command(b, 1, SC_QUEUE_CMD_DISABLE);
	context_write(b, 1, SC_CTX_CONTROL, 0, 4);
	context_write(b, 1, SC_CTX_CONTROL, 1, 4);
	bench_queue(b, 1, 1, 0);
	bench_submit(b, 1, p, 2);
	assert_int_equal(fake_core_log_count(), 12);
	for (i = 0; i < 12; i++)
		assert_int_equal(fake_core_log(i)->cleared, i / 4 != 1);
}

/* --- cooperative dispatches --- */

static void test_cooperative(void **state)
{
	struct bench *b = *state;
	union packet p[2];
	unsigned int i, cores = 0;

	pkt_dispatch(p, SC_FLAG_COOPERATIVE, 4, FAKE_MEET, 10, 0);
	bench_queue(b, 1, 0, 0);
	bench_wait(b, 1, bench_submit(b, 1, p, 2));
	assert_int_equal(fake_core_log_count(), 4);
	assert_int_equal(fake_core_most_running(), 4);
	for (i = 0; i < 4; i++)
		cores |= 1u << fake_core_log(i)->core;
	assert_int_equal(cores, 0xf);
}

/* It waits for its cores, which are reserved as they get free; others do not starve it. */
static void test_cooperative_forms(void **state)
{
	struct bench *b = *state;
	union packet p[4];
	unsigned int i, at = 0;

	pkt_dispatch(p, 0, 100, FAKE_DONE, 300000, 0);
	bench_queue(b, 1, 1, 0);
	bench_queue(b, 2, 2, 0);
	bench_push(b, 1, p, 2);
	bench_ring(b, 1);
	sc_chip_run(b->chip, 1000000);
	pkt_dispatch(p, SC_FLAG_COOPERATIVE, 4, FAKE_MEET, 3, 0);
	pkt_dispatch(p + 2, SC_FLAG_COOPERATIVE | SC_FLAG_OVERLAP, 3, FAKE_MEET, 3, 0);
	bench_push(b, 2, p, 4);
	bench_ring(b, 2);
	bench_wait(b, 2, 4);
	for (i = 0; i < fake_core_log_count(); i++)
		if (fake_core_log(i)->context == 2 && !at)
			at = i;
	assert_true(at < 30);
	bench_wait(b, 1, 2);
	assert_int_equal(fake_core_log_count(), 107);
}

static void test_cooperative_deadlock(void **state)
{
	struct bench *b = *state;
	const struct sc_fault *f;
	union packet p[2];

	pkt_dispatch(p, SC_FLAG_COOPERATIVE, 4, FAKE_DESERT, 2, 0);
	bench_queue(b, 1, 0, 0);
	bench_submit(b, 1, p, 2);
	bench_wait_state(b, 1, SC_QUEUE_FAULTED);
	bench_run(b);
	f = &bench_event(b, 0)->fault;
	assert_int_equal(bench_event(b, 0)->type, SC_EVENT_FAULT);
	assert_int_equal(f->code, SC_CODE_AWAIT_DEADLOCK);
	assert_int_equal(f->status, SC_STATUS_TRAP);
	assert_int_equal(f->pc, 0x10004);
	assert_int_equal(bench_events(b), 1); /* those that it stops report nothing */
	assert_true(sc_chip_idle(b->chip));
}

/* A fault in one workgroup ends all. */
static void test_cooperative_fault(void **state)
{
	struct bench *b = *state;
	union packet p[2];

	pkt_dispatch(p, SC_FLAG_COOPERATIVE, 3, FAKE_FAULT_AT, 1, SC_CODE_ILLEGAL_INSN);
	bench_queue(b, 1, 0, 0);
	bench_submit(b, 1, p, 2);
	bench_wait_state(b, 1, SC_QUEUE_FAULTED);
	assert_int_equal(bench_event(b, 0)->fault.code, SC_CODE_ILLEGAL_INSN);
	assert_int_equal(bench_event(b, 0)->fault.wg_x, 1);
	bench_recover(b, 1);
	pkt_dispatch(p, SC_FLAG_COOPERATIVE, 4, FAKE_MEET, 1, 0);
	bench_wait(b, 1, bench_submit(b, 1, p, 2));
}

/* --- faults --- */

static void test_fault_record(void **state)
{
	struct bench *b = *state;
	const struct sc_fault *f;
	struct sc_core_dump *dump = (void *)(b->system + BENCH_DUMP + 0x4000);
	union packet p[3];

	p[0] = pkt(SC_OP_NOP, 0);
	pkt_dispatch(p + 1, 0, 5, FAKE_FAULT, 1234, SC_CODE_BREAKPOINT);
	bench_queue(b, 1, 1, 0);
	bench_submit(b, 1, p, 3);
	f = bench_expect_fault(b, 1, SC_CODE_BREAKPOINT);
	assert_int_equal(f->status, SC_STATUS_TRAP);
	assert_int_equal(f->index, 1);
	assert_int_equal(f->tag, 0xd0);
	assert_int_equal(f->insns, 1234);
	assert_int_equal(f->pc, 0x10004);
	assert_true(f->core < 4);
	assert_true(f->time > 0);
	assert_int_equal(f->flags, SC_FAULT_DUMP);
	assert_int_equal(dump->insns, 1234);
	assert_int_equal(bench_state(b, 1).faults, 1);
	assert_int_equal(bench_state(b, 1).retired, 1);
	assert_int_equal(sc_chip_read(b->chip, SC_REG_TOTAL_FAULTS, 8), 1);
	assert_true(sc_chip_read(b->chip, SC_REG_IRQ_STATUS, 4) & SC_IRQ_EVENT);
	assert_true(sc_chip_idle(b->chip));
}

/* The watchdog of a workgroup. */
static void test_workgroup_limit(void **state)
{
	struct bench *b = *state;
	union packet p[2];

	pkt_dispatch(p, 0, 1, FAKE_FOREVER, 0, 0);
	bench_queue(b, 1, 1, 0);
	bench_submit(b, 1, p, 2);
	assert_int_equal(bench_expect_fault(b, 1, SC_CODE_WORKGROUP_LIMIT)->status,
			 SC_STATUS_TIMEOUT);
}

/* An earlier packet that overlaps runs on and retires; a later one that is done does not. */
static void test_fault_and_overlap(void **state)
{
	struct bench *b = *state;
	union packet p[8];

	pkt_dispatch(p, 0, 1, FAKE_UNTIL, WORD, 1);
	pkt_dispatch(p + 2, SC_FLAG_OVERLAP, 1, FAKE_FAULT, 1, SC_CODE_ILLEGAL_INSN);
	p[4] = pkt_fill(WORD + 8, 8, 77);
	p[4].hdr |= SC_FLAG_OVERLAP << 8;
	pkt_dispatch(p + 5, SC_FLAG_OVERLAP, 1, FAKE_FOREVER, 0, 0);
	p[7] = pkt_signal(WORD + 16, 1);
	bench_queue(b, 1, 0, 0);
	bench_push(b, 1, p, 8);
	bench_ring(b, 1);
	sc_chip_run(b->chip, 10000);
	sc_chip_run(b->chip, 10000);
	assert_int_equal(bench_queue_state(b, 1), SC_QUEUE_RUNNING); /* the head still runs */
	assert_int_equal(bench_events(b), 0);
	__atomic_store_n((uint64_t *)(b->card + WORD), 1, __ATOMIC_RELEASE);
	bench_run(b);
	assert_int_equal(bench_expect_fault(b, 1, SC_CODE_ILLEGAL_INSN)->index, 2);
	assert_int_equal(bench_queue_read(b, 1, SC_Q_RETIRED), 2);
	assert_int_equal(bench_card64(b, WORD + 16), 0);
	assert_int_equal(bench_events(b), 1);
}

/* Of two packets that fail, the first in the ring is the culprit. */
static void test_first_fault_wins(void **state)
{
	struct bench *b = *state;
	union packet p[4];

	pkt_dispatch(p, 0, 1, FAKE_FAULT, 900000, SC_CODE_ECALL);
	pkt_dispatch(p + 2, SC_FLAG_OVERLAP, 1, FAKE_FAULT, 1, SC_CODE_ILLEGAL_INSN);
	bench_queue(b, 1, 0, 0);
	bench_submit(b, 1, p, 4);
	assert_int_equal(bench_expect_fault(b, 1, SC_CODE_ECALL)->index, 0);
	assert_int_equal(bench_events(b), 1);
}

/* Another queue of the same context, and another context, go on. */
static void test_fault_stops_one_queue(void **state)
{
	struct bench *b = *state;
	union packet p[2], bad = pkt(0x33, 0);

	bench_queue(b, 1, 1, 0);
	bench_queue(b, 2, 1, 0);
	bench_queue(b, 3, 2, 0);
	bench_submit(b, 1, &bad, 1);
	bench_expect_fault(b, 1, SC_CODE_BAD_OPCODE);
	pkt_dispatch(p, 0, 10, FAKE_DONE, 1, 0);
	bench_wait(b, 2, bench_submit(b, 2, p, 2));
	bench_wait(b, 3, bench_submit(b, 3, p, 2));
	assert_int_equal(bench_queue_state(b, 1), SC_QUEUE_FAULTED);
}

/* The ring of 16 events: what does not fit is counted, what fits is whole. */
static void test_event_ring(void **state)
{
	struct bench *b = *state;
	union packet bad = pkt(0x33, 0);
	unsigned int i;

	bench_queue(b, 1, 1, 0);
	for (i = 0; i < 20; i++) {
		bad.tag = 1000 + i;
		bench_submit(b, 1, &bad, 1);
		assert_int_equal(bench_queue_state(b, 1), SC_QUEUE_FAULTED);
		bench_recover(b, 1);
		bench_run(b);
	}
	assert_int_equal(bench_events(b), 16);
	assert_int_equal(sc_chip_read(b->chip, SC_REG_EVENT_LOST, 4), 4);
	for (i = 0; i < 16; i++) {
		assert_int_equal(bench_event(b, i)->seq, i + 1);
		assert_int_equal(bench_event(b, i)->fault.tag, 1000 + i);
		assert_int_equal(bench_event(b, i)->fault.epoch, i);
	}
	sc_chip_write(b->chip, SC_REG_EVENT_TAIL, 16, 4);
	bench_submit(b, 1, &bad, 1);
	assert_int_equal(bench_events(b), 17);
	assert_int_equal(bench_event(b, 0)->seq, 17);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, bench_teardown)
	const struct CMUnitTest tests[] = {
		TEST(test_overlap), TEST(test_signal_waits_for_all), TEST(test_core_masks),
		TEST(test_uses_all_cores), TEST(test_fair), TEST(test_weights),
		TEST(test_sticky), TEST(test_priority), TEST(test_cleared),
		TEST(test_cooperative), TEST(test_cooperative_forms),
		TEST(test_cooperative_deadlock), TEST(test_cooperative_fault),
		TEST(test_fault_record), TEST(test_workgroup_limit),
		TEST(test_fault_and_overlap), TEST(test_first_fault_wins),
		TEST(test_fault_stops_one_queue), TEST(test_event_ring),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
