// SPDX-License-Identifier: MIT
/* Chip model: rings, doorbells, states and commands, ARM, write-back, slots. */
#include <stdlib.h>

#include "tests/unit/chip_bench.h"
#include "tests/unit/fake_core.h"

#define RING_SLOTS (1u << BENCH_LOG2)

static int setup(void **state)
{
	fake_core_log_clear();
	*state = bench_ready(NULL, 0);
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
	union packet p = pkt(SC_OP_NOP, 0);
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

/* Many laps in uneven steps; a slot of the lap before is never taken for a new packet. */
static void test_laps(void **state)
{
	struct bench *b = *state;
	union packet p[7];
	unsigned int i, n;
	uint64_t end = 0;

	bench_queue(b, 1, 0, 0);
	for (i = 0; i < 100; i++) {
		n = 1 + i % 7;
		for (unsigned int j = 0; j < n; j++)
			p[j] = pkt_signal(0x180000, end + j + 1);
		end = bench_submit(b, 1, p, n);
		assert_int_equal(bench_queue_read(b, 1, SC_Q_RETIRED), end);
		assert_int_equal(bench_card64(b, 0x180000), end);
		/* doorbells without new packets change nothing */
		bench_ring(b, 1);
		bench_run(b);
		assert_int_equal(bench_queue_read(b, 1, SC_Q_RETIRED), end);
	}
	assert_true(end > 20 * RING_SLOTS);
	assert_int_equal(bench_state(b, 1).packets, end);
}

/* The doorbell wakes, the phase decides: a packet without doorbell is found with the next. */
static void test_doorbell_is_a_hint(void **state)
{
	struct bench *b = *state;
	union packet p = pkt(SC_OP_NOP, 0);

	bench_queue(b, 1, 0, 0);
	bench_run(b);
	bench_push(b, 1, &p, 1);
	bench_run(b);
	assert_int_equal(bench_queue_read(b, 1, SC_Q_RETIRED), 0);
	sc_chip_doorbell_write(b->chip, 1 * 0x1000, 0, 4);
	bench_run(b);
	assert_int_equal(bench_queue_read(b, 1, SC_Q_RETIRED), 1);
	/* rung ahead of the packet: it is taken when the next doorbell comes */
	sc_chip_doorbell_write(b->chip, 1 * 0x1000, 2, 4);
	bench_run(b);
	assert_int_equal(bench_queue_read(b, 1, SC_Q_RETIRED), 1);
	bench_submit(b, 1, &p, 1);
	assert_int_equal(bench_queue_read(b, 1, SC_Q_RETIRED), 2);
}

/* A full ring at once. */
static void test_full_ring(void **state)
{
	struct bench *b = *state;
	union packet p[RING_SLOTS];
	unsigned int i;

	for (i = 0; i < RING_SLOTS; i++)
		p[i] = pkt(SC_OP_NOP, 0);
	bench_queue(b, 1, 0, 0);
	bench_submit(b, 1, p, RING_SLOTS);
	assert_int_equal(bench_queue_read(b, 1, SC_Q_RETIRED), RING_SLOTS);
}

static void test_bad_doorbell(void **state)
{
	struct bench *b = *state;
	union packet p[2] = { pkt(SC_OP_NOP, 0), pkt(SC_OP_NOP, 0) };

	bench_queue(b, 1, 0, 0);
	bench_submit(b, 1, p, 2);
	sc_chip_doorbell_write(b->chip, 1 * 0x1000, 1, 4); /* backwards */
	bench_run(b);
	assert_int_equal(bench_expect_fault(b, 1, SC_CODE_BAD_DOORBELL)->value, 1);
	bench_recover(b, 1);
	bench_run(b);
	sc_chip_doorbell_write(b->chip, 1 * 0x1000, b->queues[1].index + RING_SLOTS, 4);
	bench_run(b);
	assert_int_equal(bench_queue_state(b, 1), SC_QUEUE_IDLE);
	sc_chip_doorbell_write(b->chip, 1 * 0x1000, b->queues[1].index + RING_SLOTS + 1, 4);
	bench_run(b);
	bench_expect_fault(b, 1, SC_CODE_BAD_DOORBELL);
	assert_int_equal(b->strict_total, 0);
}

/* Rings for a full ring the moment that `retired` can be read, as a polling producer may. */
static int ring_at_once(struct bench *b, uint64_t addr, size_t len, bool write)
{
	(void)len;
	if (write && addr == BENCH_STATE + 128) {
		b->hook = NULL;
		sc_chip_doorbell_write(b->chip, 1 * 0x1000, b->queues[1].index + RING_SLOTS, 4);
	}
	return 0;
}

static void test_doorbell_before_retired(void **state)
{
	struct bench *b = *state;
	union packet p = pkt(SC_OP_NOP, 0);

	bench_queue(b, 1, 0, 0);
	bench_run(b);
	b->hook = ring_at_once;
	bench_submit(b, 1, &p, 1);
	bench_run(b);
	assert_null(b->hook);
	assert_int_equal(bench_queue_state(b, 1), SC_QUEUE_IDLE);
	assert_int_equal(bench_queue_read(b, 1, SC_Q_RETIRED), 1);
}

/* Everything else in a doorbell page: reads as zero, ignores writes, never strict. */
static void test_doorbell_page(void **state)
{
	struct bench *b = *state;

	bench_queue(b, 1, 0, 0);
	bench_run(b);
	assert_int_equal(sc_chip_doorbell_read(b->chip, 0x1008, 4), SC_QUEUE_IDLE);
	assert_int_equal(sc_chip_doorbell_read(b->chip, 0x1000, 4), 0);
	assert_int_equal(sc_chip_doorbell_read(b->chip, 0x1008, 8), 0);
	assert_int_equal(sc_chip_doorbell_read(b->chip, 0x100c, 4), 0);
	assert_int_equal(sc_chip_doorbell_read(b->chip, 0x10008, 4), 0);
	sc_chip_doorbell_write(b->chip, 0x1004, 77, 4);
	sc_chip_doorbell_write(b->chip, 0x1000, 77, 8);
	sc_chip_doorbell_write(b->chip, 0x10000, 77, 4); /* a queue the card lacks */
	sc_chip_doorbell_write(b->chip, 0x2000, 77, 4); /* a disabled queue */
	bench_run(b);
	assert_int_equal(bench_queue_state(b, 1), SC_QUEUE_IDLE);
	assert_int_equal(bench_queue_read(b, 2, SC_Q_STATUS), 0);
	assert_int_equal(b->strict_total, 0);
}

/* Which command each state takes. */
static void test_states_and_commands(void **state)
{
	static const struct {
		unsigned int state;
		bool allowed[6]; /* by command number; 5 does not exist */
	} table[] = {
		{ SC_QUEUE_DISABLED, { 0, 1, 0, 0, 0, 0 } },
		{ SC_QUEUE_IDLE, { 0, 0, 1, 1, 0, 0 } },
		{ SC_QUEUE_RUNNING, { 0, 0, 1, 1, 0, 0 } },
		{ SC_QUEUE_WAITING, { 0, 0, 1, 1, 0, 0 } },
		{ SC_QUEUE_STOPPED, { 0, 1, 1, 1, 1, 0 } },
		{ SC_QUEUE_FAULTED, { 0, 0, 0, 1, 0, 0 } },
	};
	union packet forever[2], wait = pkt_wait(0x180000, 1), bad = pkt(0x7f, 0);
	unsigned int i, command;
	struct bench *b;

	(void)state;
	pkt_dispatch(forever, 0, 1, FAKE_FOREVER, 0, 0);
	for (i = 0; i < 6; i++) {
		for (command = 0; command < 6; command++) {
			b = bench_create(NULL);
			bench_enable(b);
			bench_queue_setup(b, 1, 0, 0);
			if (table[i].state != SC_QUEUE_DISABLED)
				bench_command(b, 1, SC_QUEUE_CMD_START);
			if (table[i].state == SC_QUEUE_RUNNING)
				bench_push(b, 1, forever, 2);
			if (table[i].state == SC_QUEUE_WAITING)
				bench_push(b, 1, &wait, 1);
			if (table[i].state == SC_QUEUE_FAULTED)
				bench_push(b, 1, &bad, 1);
			bench_ring(b, 1);
			sc_chip_run(b->chip, 1000);
			sc_chip_run(b->chip, 1000);
			if (table[i].state == SC_QUEUE_STOPPED) {
				bench_command(b, 1, SC_QUEUE_CMD_STOP);
				bench_run(b);
			}
			assert_int_equal(bench_queue_state(b, 1), table[i].state);
			assert_int_equal(b->strict_total, 0);
			bench_command(b, 1, command);
			if (b->strict[SC_STRICT_BAD_COMMAND] != !table[i].allowed[command])
				print_error("state %u command %u\n", table[i].state, command);
			assert_int_equal(b->strict[SC_STRICT_BAD_COMMAND],
					 !table[i].allowed[command]);
			if (!table[i].allowed[command])
				assert_int_equal(bench_queue_state(b, 1), table[i].state);
			bench_destroy(b);
		}
	}
}

/* What START refuses, by rule. */
static void test_start_refused(void **state)
{
	static const struct {
		unsigned int reg;
		uint64_t value;
		enum sc_strict_rule rule;
	} table[] = {
		{ SC_Q_CONFIG, SC_RING_LOG2_MIN - 1, SC_STRICT_BAD_COMMAND },
		{ SC_Q_CONFIG, 17, SC_STRICT_BAD_COMMAND },
		{ SC_Q_CONFIG, 4 | 16 << SC_QUEUE_VECTOR_SHIFT, SC_STRICT_BAD_COMMAND },
		{ SC_Q_CONTEXT, 8, SC_STRICT_BAD_COMMAND },
		{ SC_Q_CONTEXT, 2, SC_STRICT_NOT_ENABLED },
		{ SC_Q_WG_LIMIT, 0, SC_STRICT_BAD_COMMAND },
		{ SC_Q_CORE_MASK, 0xf0, SC_STRICT_BAD_COMMAND },
		{ SC_Q_STATE_ADDR, 0, SC_STRICT_BAD_STATE_ADDRESS },
	};
	struct bench *b = *state;
	unsigned int i;

	for (i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		bench_queue_setup(b, 1, 0, 0);
		bench_queue_write(b, 1, SC_Q_CORE_MASK, ~0ULL);
		bench_queue_write(b, 1, table[i].reg, table[i].value);
		b->strict[table[i].rule] = 0;
		bench_command(b, 1, SC_QUEUE_CMD_START);
		assert_int_equal(b->strict[table[i].rule], 1);
		assert_int_equal(bench_queue_state(b, 1), SC_QUEUE_DISABLED);
	}
	bench_queue_setup(b, 1, 0, 0);
	bench_queue_write(b, 1, SC_Q_CORE_MASK, ~0ULL);
	sc_chip_write(b->chip, SC_REG_CONTROL, 0, 4);
	b->strict[SC_STRICT_NOT_ENABLED] = 0;
	bench_command(b, 1, SC_QUEUE_CMD_START);
	assert_int_equal(b->strict[SC_STRICT_NOT_ENABLED], 1);
	sc_chip_write(b->chip, SC_REG_CONTROL, 1, 4);
	b->strict_total = 0;
	bench_command(b, 1, SC_QUEUE_CMD_START);
	assert_int_equal(b->strict_total, 0);
}

/* STOP, MISSED, START replays; INDEX may be set; RETIRED becomes INDEX. */
static void test_stop_start(void **state)
{
	struct bench *b = *state;
	union packet p = pkt(SC_OP_NOP, 0);
	unsigned int commands;

	bench_queue(b, 1, 0, 0);
	bench_submit(b, 1, &p, 1);
	commands = b->irqs[0];
	bench_command(b, 1, SC_QUEUE_CMD_STOP);
	assert_true(bench_queue_read(b, 1, SC_Q_STATUS) & SC_QUEUE_BUSY);
	bench_wait_state(b, 1, SC_QUEUE_STOPPED);
	assert_int_equal(b->irqs[0], commands + 1);
	bench_submit(b, 1, &p, 1);
	assert_int_equal(bench_queue_read(b, 1, SC_Q_RETIRED), 1);
	assert_true(bench_queue_read(b, 1, SC_Q_STATUS) & SC_QUEUE_MISSED);
	bench_command(b, 1, SC_QUEUE_CMD_START);
	bench_run(b);
	assert_int_equal(bench_queue_read(b, 1, SC_Q_RETIRED), 2);
	assert_false(bench_queue_read(b, 1, SC_Q_STATUS) & SC_QUEUE_MISSED);
	assert_int_equal(bench_state(b, 1).packets, 2);

	bench_command(b, 1, SC_QUEUE_CMD_STOP);
	bench_wait_state(b, 1, SC_QUEUE_STOPPED);
	bench_queue_write(b, 1, SC_Q_INDEX, 1000);
	bench_command(b, 1, SC_QUEUE_CMD_START);
	assert_int_equal(bench_queue_read(b, 1, SC_Q_RETIRED), 1000);
	bench_run(b);
	assert_int_equal(bench_state(b, 1).retired, 1000);
	/* DISABLE, START: counters begin anew */
	bench_command(b, 1, SC_QUEUE_CMD_STOP);
	bench_wait_state(b, 1, SC_QUEUE_STOPPED);
	bench_command(b, 1, SC_QUEUE_CMD_DISABLE);
	assert_int_equal(bench_queue_read(b, 1, SC_Q_STATUS), 0);
	bench_command(b, 1, SC_QUEUE_CMD_START);
	bench_run(b);
	assert_int_equal(bench_state(b, 1).packets, 0);
	assert_int_equal(b->strict_total, 0);
}

/* ARM: later, at once, once. */
static void test_arm(void **state)
{
	struct bench *b = *state;
	union packet p[3] = { pkt(SC_OP_NOP, 0), pkt(SC_OP_NOP, 0), pkt(SC_OP_NOP, 0) };
	unsigned int v = BENCH_VECTOR(3);

	bench_queue(b, 3, 0, 0);
	bench_submit(b, 3, p, 1);
	assert_int_equal(b->irqs[v], 0);
	bench_queue_write(b, 3, SC_Q_ARM, 1); /* already there: at once */
	assert_int_equal(b->irqs[v], 1);
	assert_int_equal(bench_queue_read(b, 3, SC_Q_ARM), ~0ULL);
	bench_queue_write(b, 3, SC_Q_ARM, 3);
	assert_int_equal(b->irqs[v], 1);
	bench_submit(b, 3, p, 1);
	assert_int_equal(b->irqs[v], 1);
	bench_submit(b, 3, p, 1);
	assert_int_equal(b->irqs[v], 2);
	bench_submit(b, 3, p, 3); /* fired once, disarmed */
	assert_int_equal(b->irqs[v], 2);
	bench_queue_write(b, 3, SC_Q_ARM, 8);
	bench_submit(b, 3, p, 3); /* jumps past it */
	assert_int_equal(b->irqs[v], 3);
}

/* --- interrupts that are held back --- */

#define COUNT 4

/* Every end of the wait: the count, the time, a write to ARM, nothing left to do. */
static void test_coalesce(void **state)
{
	struct bench *b = *state;
	const unsigned int v = BENCH_VECTOR(1);
	union packet p[14];
	uint64_t index;
	unsigned int i;

	/* every packet is a workgroup, which ends when its turn has come */
	for (i = 0; i < 7; i++)
		pkt_dispatch(&p[2 * i], 0, 1, FAKE_UNTIL, 0x180000, i + 1);
	bench_queue(b, 1, 0, 0);
	bench_run(b);
	bench_queue_write(b, 1, SC_Q_COALESCE_COUNT, COUNT);
	bench_queue_write(b, 1, SC_Q_COALESCE_NS, 1000000);
	index = bench_push(b, 1, p, 14);
	bench_ring(b, 1);
	bench_queue_write(b, 1, SC_Q_ARM, 2);
	for (i = 0; i < 3; i++) {
		assert_int_equal(b->irqs[v], 0);
		*(uint64_t *)(b->card + 0x180000) = i + 1;
		sc_chip_run(b->chip, 10000);
		assert_int_equal(bench_queue_read(b, 1, SC_Q_RETIRED), 2 * i + 2);
	}
	assert_int_equal(b->irqs[v], 1); /* RETIRED is 6 */
	assert_int_equal(bench_queue_read(b, 1, SC_Q_ARM), ~0ULL);
	/* the time */
	bench_queue_write(b, 1, SC_Q_ARM, 8);
	*(uint64_t *)(b->card + 0x180000) = 4;
	b->timers = 0;
	sc_chip_run(b->chip, 10000);
	assert_int_equal(b->irqs[v], 1);
	assert_int_equal(b->timers, 1);
	assert_true(sc_chip_timer(b->chip) - b->now < 1000000);
	b->now = sc_chip_timer(b->chip) - 2;
	assert_int_not_equal(sc_chip_timer(b->chip), UINT64_MAX);
	assert_int_equal(b->irqs[v], 1);
	assert_int_equal(sc_chip_timer(b->chip), UINT64_MAX);
	assert_int_equal(b->irqs[v], 2);
	/* too late to wait for: at once, whatever was held back */
	bench_queue_write(b, 1, SC_Q_ARM, 10);
	*(uint64_t *)(b->card + 0x180000) = 5;
	sc_chip_run(b->chip, 10000);
	assert_int_equal(b->irqs[v], 2);
	bench_queue_write(b, 1, SC_Q_ARM, 9);
	assert_int_equal(b->irqs[v], 3);
	assert_int_equal(sc_chip_timer(b->chip), UINT64_MAX);
	/* the queue has nothing left to do: at once */
	bench_queue_write(b, 1, SC_Q_ARM, index - 2);
	*(uint64_t *)(b->card + 0x180000) = 7;
	bench_run(b);
	assert_int_equal(b->irqs[v], 4);
	assert_int_equal(bench_queue_read(b, 1, SC_Q_RETIRED), index);
}

/* As a driver arms: 64 completions, all awaited, are 64 interrupts, or one for every COUNT. */
static void test_coalesce_rate(void **state)
{
	struct bench *b = *state;
	const unsigned int v = BENCH_VECTOR(1);
	unsigned int round, i, seen;
	union packet p[2];

	bench_queue(b, 1, 0, 0);
	for (round = 0; round < 2; round++) {
		bench_queue_write(b, 1, SC_Q_COALESCE_COUNT, round ? 2 * (COUNT - 1) : 0);
		bench_queue_write(b, 1, SC_Q_COALESCE_NS, round ? 1000000 : 0);
		*(uint64_t *)(b->card + 0x180000) = 0;
		pkt_dispatch(p, 0, 1, FAKE_UNTIL, 0x180000, 1);
		bench_push(b, 1, p, 2);
		seen = b->irqs[v];
		bench_queue_write(b, 1, SC_Q_ARM, b->queues[1].index);
		for (i = 1; i <= 64; i++) {
			/* one behind the one that ends, so that the queue always goes on */
			pkt_dispatch(p, 0, 1, FAKE_UNTIL, 0x180000, i + 1);
			bench_push(b, 1, p, 2);
			bench_ring(b, 1);
			*(uint64_t *)(b->card + 0x180000) = i;
			sc_chip_run(b->chip, 10000);
			assert_int_equal(bench_queue_read(b, 1, SC_Q_RETIRED),
					 b->queues[1].index - 2);
			if (bench_queue_read(b, 1, SC_Q_ARM) == ~0ULL)
				bench_queue_write(b, 1, SC_Q_ARM, b->queues[1].index);
		}
		assert_int_equal(b->irqs[v] - seen, round ? 64 / COUNT : 64);
		*(uint64_t *)(b->card + 0x180000) = 65;
		bench_run(b);
		assert_int_equal(bench_queue_read(b, 1, SC_Q_ARM), ~0ULL);
		assert_int_equal(b->irqs[v] - seen, 1 + (round ? 64 / COUNT : 64));
	}
}

/* The end of a queue's work lets the interrupt go: WAIT, STOP, RESET, a fault; a count of 0. */
static void test_coalesce_ends(void **state)
{
	struct bench *b = *state;
	const unsigned int v = BENCH_VECTOR(1);
	union packet p[4] = { pkt(SC_OP_NOP, 0) };
	unsigned int round;

	bench_queue(b, 1, 0, 0);
	bench_queue_write(b, 1, SC_Q_COALESCE_COUNT, 1000);
	bench_queue_write(b, 1, SC_Q_COALESCE_NS, 1000000);
	for (round = 0; round < 5; round++) {
		pkt_dispatch(&p[1], 0, 1, round == 2 ? FAKE_FOREVER : FAKE_UNTIL, 0x180000, 1);
		p[3] = round ? pkt(SC_OP_NOP, 0) : pkt_wait(0x180008, 1);
		p[3].tag = 0;
		if (round == 3)
			p[3].body[0] = 1; /* a fault */
		*(uint64_t *)(b->card + 0x180000) = 0;
		*(uint64_t *)(b->card + 0x180008) = 0;
		if (round == 4)
			bench_queue_write(b, 1, SC_Q_COALESCE_COUNT, 0);
		bench_queue_write(b, 1, SC_Q_ARM, b->queues[1].index + 1);
		bench_push(b, 1, p, 4);
		bench_ring(b, 1);
		sc_chip_run(b->chip, 10000);
		assert_int_equal(b->irqs[v], round + (round == 4));
		if (round == 1 || round == 2)
			bench_command(b, 1, round == 1 ? SC_QUEUE_CMD_STOP : SC_QUEUE_CMD_RESET);
		*(uint64_t *)(b->card + 0x180000) = 1;
		bench_run(b);
		assert_int_equal(b->irqs[v], round + 1);
		*(uint64_t *)(b->card + 0x180008) = 1;
		bench_run(b);
		if (round >= 1 && round <= 3)
			bench_recover(b, 1);
	}
	assert_int_equal(sc_chip_timer(b->chip), UINT64_MAX);
}

/* --- the order of write-back --- */

static uint64_t dma_log[64];
static unsigned int dma_count, dma_irqs[64];

static int log_state_writes(struct bench *b, uint64_t addr, size_t len, bool write)
{
	if (write && addr >= BENCH_STATE && addr < BENCH_STATE + 16 * 128 && dma_count < 64) {
		assert_int_equal(len, 8);
		assert_int_equal(addr & 7, 0);
		dma_irqs[dma_count] = b->irqs[BENCH_VECTOR(1)];
		dma_log[dma_count++] = addr;
	}
	return 0;
}

/* Single 8-byte stores, `retired` last, the interrupt after it, data and record before. */
static void test_write_back_order(void **state)
{
	struct bench *b = *state;
	union packet p = pkt(SC_OP_NOP, 0);
	unsigned int i;

	bench_queue(b, 1, 0, 0);
	bench_run(b);
	bench_queue_write(b, 1, SC_Q_ARM, 1);
	b->hook = log_state_writes;
	dma_count = 0;
	bench_submit(b, 1, &p, 1);
	b->hook = NULL;
	assert_true(dma_count >= 2);
	for (i = 0; i + 1 < dma_count; i++)
		assert_int_not_equal(dma_log[i], BENCH_STATE + 128);
	assert_int_equal(dma_log[dma_count - 1], BENCH_STATE + 128);
	for (i = 0; i < dma_count; i++)
		assert_int_equal(dma_irqs[i], 0);
	assert_int_equal(b->irqs[BENCH_VECTOR(1)], 1);
}

/* A state page that the host refuses is the driver's mistake, and named. */
static void test_state_unreachable(void **state)
{
	struct bench *b = *state;

	b->refuse = BENCH_STATE;
	bench_queue(b, 1, 0, 0);
	bench_run(b);
	assert_int_equal(b->strict[SC_STRICT_BAD_STATE_ADDRESS], 1);
}

/* After DISABLE and while STOPPED nothing is accessed. */
static unsigned int dma_seen;

static int count_dma(struct bench *b, uint64_t addr, size_t len, bool write)
{
	(void)b;
	(void)addr;
	(void)len;
	(void)write;
	dma_seen++;
	return 0;
}

static void test_disabled_is_silent(void **state)
{
	struct bench *b = *state;
	union packet p = pkt(SC_OP_NOP, 0);

	bench_queue(b, 1, 0, 0);
	bench_submit(b, 1, &p, 1);
	bench_command(b, 1, SC_QUEUE_CMD_STOP);
	bench_wait_state(b, 1, SC_QUEUE_STOPPED);
	bench_command(b, 1, SC_QUEUE_CMD_DISABLE);
	b->hook = count_dma;
	dma_seen = 0;
	bench_submit(b, 1, &p, 1);
	bench_queue_write(b, 1, SC_Q_ARM, 0);
	bench_run(b);
	b->hook = NULL;
	assert_int_equal(dma_seen, 0);
	assert_int_equal(b->irqs[BENCH_VECTOR(1)], 0);
	assert_int_equal(bench_queue_read(b, 1, SC_Q_RETIRED), 1);
}

/* While bus mastering is off nothing moves; then it goes on. */
static void test_bus_master(void **state)
{
	struct bench *b = *state;
	union packet p = pkt(SC_OP_NOP, 0);

	bench_queue(b, 1, 0, SC_QUEUE_KERNEL_RING);
	bench_run(b);
	sc_chip_set_master(b->chip, false);
	b->hook = count_dma;
	dma_seen = 0;
	bench_submit(b, 1, &p, 1);
	assert_int_equal(dma_seen, 0);
	assert_int_equal(b->strict[SC_STRICT_BUS_MASTER_OFF], 1);
	assert_int_equal(bench_queue_read(b, 1, SC_Q_RETIRED), 0);
	b->hook = NULL;
	sc_chip_set_master(b->chip, true);
	bench_run(b);
	assert_int_equal(bench_queue_read(b, 1, SC_Q_RETIRED), 1);
}

/* 12 queues wait, on a card with 4 slots; a 13th works, and releases them in turn. */
static void test_waits_give_up_slots(void **state)
{
	struct bench *b = *state;
	union packet p[2];
	unsigned int q;

	for (q = 1; q <= 12; q++) {
		bench_queue(b, q, 0, 0);
		p[0] = pkt_wait(0x180000, q);
		p[1] = pkt_signal(0x180008 + q * 8, q);
		bench_submit(b, q, p, 2);
		assert_int_equal(bench_queue_state(b, q), SC_QUEUE_WAITING);
	}
	assert_true(sc_chip_idle(b->chip));
	bench_queue(b, 13, 0, 0);
	for (q = 1; q <= 12; q++) {
		p[0] = pkt_signal(0x180000, q);
		bench_submit(b, 13, p, 1);
		assert_int_equal(bench_queue_state(b, q), SC_QUEUE_IDLE);
		assert_int_equal(bench_card64(b, 0x180008 + q * 8), q);
		if (q < 12)
			assert_int_equal(bench_queue_state(b, q + 1), SC_QUEUE_WAITING);
	}
	assert_true(bench_state(b, 1).wait_ns > 0);
	assert_int_equal(bench_state(b, 13).wait_ns, 0);
}

/* The CPU satisfies a WAIT by a plain store, without a doorbell. */
static void test_wait_polls_memory(void **state)
{
	struct bench *b = *state;
	union packet p = pkt_wait(SC_CONTEXT0_SYSTEM | 0x300000, 7);

	bench_queue(b, 1, 0, 0);
	bench_submit(b, 1, &p, 1);
	*(uint64_t *)(b->system + 0x300000) = 6;
	bench_run(b);
	assert_int_equal(bench_queue_state(b, 1), SC_QUEUE_WAITING);
	*(uint64_t *)(b->system + 0x300000) = 1ULL << 63; /* unsigned */
	bench_run(b);
	assert_int_equal(bench_queue_read(b, 1, SC_Q_RETIRED), 1);
}

/* STOP and RESET of a WAITING queue leave the WAIT at INDEX. */
static void test_stop_waiting(void **state)
{
	struct bench *b = *state;
	union packet p[2] = { pkt(SC_OP_NOP, 0), pkt_wait(0x180000, 1) };

	bench_queue(b, 1, 0, 0);
	bench_submit(b, 1, p, 2);
	bench_command(b, 1, SC_QUEUE_CMD_STOP);
	bench_wait_state(b, 1, SC_QUEUE_STOPPED);
	assert_int_equal(bench_queue_read(b, 1, SC_Q_INDEX), 1);
	bench_command(b, 1, SC_QUEUE_CMD_START);
	bench_run(b);
	assert_int_equal(bench_queue_state(b, 1), SC_QUEUE_WAITING);
	bench_command(b, 1, SC_QUEUE_CMD_RESET);
	bench_wait_state(b, 1, SC_QUEUE_STOPPED);
	assert_int_equal(bench_queue_read(b, 1, SC_Q_INDEX), 1);
	assert_int_equal(bench_queue_read(b, 1, SC_Q_EPOCH), 1);
	assert_int_equal(bench_events(b), 0);
}

/* More busy queues than slots: each gets its turn although none ever pauses. */
static void test_slots_rotate(void **state)
{
	struct bench *b = *state;
	union packet p[RING_SLOTS];
	uint64_t before[11];
	unsigned int i, q, round;

	for (i = 0; i < RING_SLOTS; i++)
		p[i] = pkt(SC_OP_NOP, SC_FLAG_OVERLAP);
	for (q = 1; q <= 10; q++)
		bench_queue(b, q, 0, 0);
	for (round = 0; round < 50; round++) {
		for (q = 1; q <= 10; q++) {
			before[q] = bench_queue_read(b, q, SC_Q_RETIRED);
			bench_push(b, q, p, before[q] + RING_SLOTS - b->queues[q].index);
			bench_ring(b, q);
		}
		bench_run(b);
		for (q = 1; q <= 10; q++)
			assert_true(bench_queue_read(b, q, SC_Q_RETIRED) > before[q]);
	}
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(test_nop), TEST(test_laps), TEST(test_doorbell_is_a_hint),
		TEST(test_full_ring), TEST(test_bad_doorbell), TEST(test_doorbell_page),
		TEST(test_doorbell_before_retired),
		cmocka_unit_test(test_states_and_commands), TEST(test_start_refused),
		TEST(test_stop_start), TEST(test_arm), TEST(test_coalesce),
		TEST(test_coalesce_rate), TEST(test_coalesce_ends),
		TEST(test_write_back_order),
		TEST(test_state_unreachable), TEST(test_disabled_is_silent),
		TEST(test_bus_master), TEST(test_waits_give_up_slots),
		TEST(test_wait_polls_memory), TEST(test_stop_waiting), TEST(test_slots_rotate),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
