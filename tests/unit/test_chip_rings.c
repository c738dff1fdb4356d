// SPDX-License-Identifier: MIT
/*
 * Chip model: a ring that the kernel fills and one that a program fills are the same to the card.
 * Two cards get the same random series of packets, doorbells, commands and stores, one in a
 * KERNEL_RING queue, the other in a user-mode one; after each step all that software can see
 * must be equal: registers, state page, records, memory, events, interrupts, what ran where.
 */
#include <stdlib.h>

#include "tests/unit/fake_core.h"
#include "tests/unit/random_packet.h"

#define TRACES 2000
#define STEPS  24
#define QUEUE  3
#define OTHER  4 /* whose work is beside it, and whose word the packets wait for */
#define SLOTS  (1u << BENCH_LOG2)
#define WORD   (VA + 8 * 4096)
#define VISIBLE (BENCH_DUMP + 16 * 0x4000) /* state pages, dumps, the ring of events */

static struct bench *pair[2]; /* kernel-managed, user-mode */
static uint64_t seed;
static unsigned int faults, retired;

/* As after power-on but for what counts on in the card's life, which is equal in both. */
static void start_again(struct bench *b, uint32_t flags)
{
	unsigned int i;

	sc_chip_write(b->chip, SC_REG_RESET, SC_RESET_KEY, 4);
	while (sc_chip_run(b->chip, 1))
		;
	b->tables = BENCH_TABLES;
	memset(b->card + PA, 0, PAGES * 4096);
	memset(b->system, 0, VISIBLE);
	bench_enable(b);
	bench_context(b, 1);
	for (i = 0; i < PAGES; i++)
		bench_map(b, 1, VA + i * 4096, PA + i * 4096, SC_PTE_READ | SC_PTE_WRITE);
	bench_queue_setup(b, QUEUE, 1, flags);
	bench_queue_write(b, QUEUE, SC_Q_WG_LIMIT, 2000);
	bench_queue_write(b, QUEUE, SC_Q_RECORD_BASE, VA);
	bench_command(b, QUEUE, SC_QUEUE_CMD_START);
	bench_queue(b, OTHER, 1, flags);
}

/* Packets that only the kernel may use are the one difference that there is meant to be. */
static bool is_kernels(const union packet *p)
{
	unsigned int op = SC_HDR_OP(p->hdr);

	return op == SC_OP_WAIT_QUEUE || op == SC_OP_INVALIDATE;
}

static void push(const union packet *p, unsigned int n)
{
	unsigned int i;

	for (i = 0; i < 2; i++)
		bench_push(pair[i], QUEUE, p, n);
}

static void push_packets(void)
{
	uint64_t limit = bench_queue_read(pair[0], QUEUE, SC_Q_RETIRED) + SLOTS;
	unsigned int count = rnd() % 6, n;
	union packet p[2], nop = pkt(SC_OP_NOP, 0);

	while (count-- && pair[0]->queues[QUEUE].index + 3 <= limit) {
		n = rnd() % 4 ? 1 : random_packet(p);
		if (n == 1 && rnd() % 2)
			p[0] = pkt_signal(VA + rnd() % 64 * 8, rnd());
		else if (n == 1)
			p[0] = rnd() % 3 ? nop : pkt_wait(WORD, rnd() % 8);
		if (is_kernels(p))
			continue;
		if (n == 2 && pair[0]->queues[QUEUE].index % SLOTS == SLOTS - 1 && rnd() % 8)
			push(&nop, 1);
		push(p, n);
	}
}

static void write_list(void)
{
	union packet p[16];
	unsigned int i;

	for (i = 0; i < 15; i++)
		random_packet(p + i);
	for (i = 0; i < 2; i++)
		memcpy(pair[i]->card + PA + LIST - VA, p, 15 * 64);
}

/* After RESET, or a STOP that has ended: go on at INDEX or a little further. */
static void restart(void)
{
	uint64_t index = bench_queue_read(pair[0], QUEUE, SC_Q_RETIRED) + rnd() % SLOTS;
	uint64_t i;
	unsigned int b;

	for (b = 0; b < 2; b++) {
		struct bench_queue *q = &pair[b]->queues[QUEUE];

		/* no slot is valid for the lap of its index */
		for (i = index; i < index + SLOTS; i++) {
			uint32_t *hdr = (uint32_t *)(pair[b]->card + q->ring +
						     i % SLOTS * SC_SLOT_SIZE);

			*hdr = !SC_PHASE(i, BENCH_LOG2);
		}
		q->index = index;
		bench_queue_write(pair[b], QUEUE, SC_Q_INDEX, index);
		bench_command(pair[b], QUEUE, SC_QUEUE_CMD_START);
	}
}

static void command(void)
{
	unsigned int state = bench_queue_state(pair[0], QUEUE), b;
	bool busy = bench_queue_read(pair[0], QUEUE, SC_Q_STATUS) & SC_QUEUE_BUSY;

	if (state == SC_QUEUE_STOPPED && !busy) {
		restart();
		return;
	}
	if (busy || (state != SC_QUEUE_FAULTED && rnd() % 3))
		return;
	for (b = 0; b < 2; b++)
		bench_command(pair[b], QUEUE, state == SC_QUEUE_FAULTED || seed & 1 ?
					      SC_QUEUE_CMD_RESET : SC_QUEUE_CMD_STOP);
}

static void store_word(uint64_t value)
{
	unsigned int b;

	for (b = 0; b < 2; b++)
		*(uint64_t *)(pair[b]->card + PA + WORD - VA) = value;
}

static void ring(uint64_t value)
{
	unsigned int b;

	for (b = 0; b < 2; b++)
		sc_chip_doorbell_write(pair[b]->chip, QUEUE * 0x1000, value, 4);
}

static void write_reg(unsigned int reg, uint64_t value)
{
	unsigned int b;

	for (b = 0; b < 2; b++)
		bench_queue_write(pair[b], QUEUE, reg, value);
}

/* The other queue shares cores, slots and memory with the one that is compared. */
static void work_beside(void)
{
	uint64_t index = pair[0]->queues[OTHER].index;
	union packet p[2];
	unsigned int b;

	if (index % SLOTS == SLOTS - 1 ||
	    index + 2 > bench_queue_read(pair[0], OTHER, SC_Q_RETIRED) + SLOTS)
		return;
	pkt_dispatch(p, SC_FLAG_OVERLAP, 1 + rnd() % 6, FAKE_DONE, rnd() % 3000, 0);
	for (b = 0; b < 2; b++) {
		bench_push(pair[b], OTHER, p, 2);
		bench_ring(pair[b], OTHER);
	}
}

static void run(uint64_t budget)
{
	unsigned int b;

	for (b = 0; b < 2; b++)
		sc_chip_run(pair[b]->chip, budget);
}

static void step(void)
{
	uint64_t index = pair[0]->queues[QUEUE].index;

	switch (rnd() % 12) {
	case 0:
	case 1:
	case 2:
		push_packets();
		ring(pair[0]->queues[QUEUE].index);
		break;
	case 3:
		push_packets(); /* and forget to ring */
		break;
	case 4:
		write_list();
		break;
	case 5:
		command();
		break;
	case 6:
		store_word(rnd() % 9);
		break;
	case 7:
		ring(rnd() % 8 ? index : rnd() % 2 ? index + rnd() % 64 : rnd());
		break;
	case 8:
		write_reg(SC_Q_ARM, index + rnd() % 4 - 2);
		break;
	case 9:
		write_reg(SC_Q_PRIORITY, rnd() % 4);
		write_reg(SC_Q_COALESCE_COUNT, rnd() % 4);
		write_reg(SC_Q_COALESCE_NS, rnd() % 2 * 500);
		break;
	case 10:
		work_beside();
		break;
	default:
		break;
	}
	run(rnd() % 3 ? rnd() % 3000 : 200000);
}

static void compare_registers(unsigned int queue)
{
#define COMPARE(name, offset, width, access, ...)                                             \
	if (SC_Q_##name != SC_Q_CONFIG && SC_Q_##name != SC_Q_COMMAND)                        \
		assert_int_equal(bench_queue_read(pair[0], queue, SC_Q_##name),               \
				 bench_queue_read(pair[1], queue, SC_Q_##name));
	SC_QUEUE_TABLE(COMPARE)
}

static void compare(void)
{
	struct sc_queue_state state[2] = { bench_state(pair[0], QUEUE),
					   bench_state(pair[1], QUEUE) };

	compare_registers(QUEUE);
	compare_registers(OTHER);
	assert_memory_equal(&state[0], &state[1], sizeof(state[0]));
	assert_memory_equal(pair[0]->irqs, pair[1]->irqs, sizeof(pair[0]->irqs));
	assert_int_equal(bench_events(pair[0]), bench_events(pair[1]));
	assert_int_equal(pair[0]->now, pair[1]->now);
	if (pair[0]->strict_total)
		fail_msg("%s", pair[0]->text);
}

static void compare_memory(void)
{
	assert_memory_equal(pair[0]->card + PA, pair[1]->card + PA, PAGES * 4096ULL);
	assert_memory_equal(pair[0]->system, pair[1]->system, VISIBLE);
}

static void trace(void)
{
	unsigned int i;

	rnd_seed(seed);
	fake_core_log_clear();
	start_again(pair[0], SC_QUEUE_KERNEL_RING);
	start_again(pair[1], 0);
	for (i = 0; i < STEPS; i++) {
		step();
		compare();
	}
	store_word(8);
	for (i = 0; i < 20; i++)
		run(200000);
	compare();
	compare_memory();
	faults += bench_queue_state(pair[0], QUEUE) == SC_QUEUE_FAULTED;
	retired += bench_queue_read(pair[0], QUEUE, SC_Q_RETIRED) > SLOTS;
}

static void test_same(void **state)
{
	const char *from = getenv("SEED"); /* of the first trace; a failure tells its own */
	uint64_t first = from ? strtoull(from, NULL, 0) : 1;

	(void)state;
	pair[0] = bench_create(NULL);
	pair[1] = bench_create(NULL);
	for (seed = first; seed < first + TRACES; seed++)
		trace();
	print_message("# %u traces: %u end in a fault, %u go around the ring\n", TRACES, faults,
		      retired);
	assert_true(faults > TRACES / 20);
	assert_true(retired > TRACES / 20);
	bench_destroy(pair[0]);
	bench_destroy(pair[1]);
}

static int tell_seed(void **state)
{
	(void)state;
	if (seed)
		print_message("# SEED=%llu\n", (unsigned long long)seed);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(test_same, tell_seed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
