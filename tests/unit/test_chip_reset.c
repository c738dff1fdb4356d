// SPDX-License-Identifier: MIT
/* Chip model: resets of queue, context and device; saving and loading; quiescing. */
#include <stdlib.h>

#include "tests/unit/chip_bench.h"
#include "tests/unit/fake_core.h"

#define WORD 0x180000

static int setup(void **state)
{
	fake_core_log_clear();
	*state = bench_ready(NULL, 2);
	return 0;
}

static int teardown(void **state)
{
	bench_destroy(*state);
	return 0;
}

static void start_forever(struct bench *b, unsigned int queue, uint32_t groups)
{
	union packet p[3];

	p[0] = pkt(SC_OP_NOP, 0);
	pkt_dispatch(p + 1, 0, groups, FAKE_FOREVER, 0, 0);
	bench_push(b, queue, p, 3);
	bench_ring(b, queue);
	sc_chip_run(b->chip, 200000);
	assert_int_equal(bench_queue_state(b, queue), SC_QUEUE_RUNNING);
}

/* RESET of a queue that runs: events, EPOCH, INDEX and RETIRED at the culprit. */
static void test_queue_reset(void **state)
{
	struct bench *b = *state;
	union packet p = pkt(SC_OP_NOP, 0);
	unsigned int i, cores = 0, irqs;

	bench_queue(b, 1, 1, 0);
	start_forever(b, 1, 3);
	irqs = b->irqs[0];
	bench_command(b, 1, SC_QUEUE_CMD_RESET);
	assert_true(bench_queue_read(b, 1, SC_Q_STATUS) & SC_QUEUE_BUSY);
	assert_int_equal(b->irqs[0], irqs);
	bench_wait_state(b, 1, SC_QUEUE_STOPPED);
	assert_true(b->irqs[0] > irqs);
	assert_int_equal(bench_events(b), fake_core_log_count());
	assert_true(bench_events(b) >= 1);
	for (i = 0; i < bench_events(b); i++) {
		const struct sc_event *e = bench_event(b, i);

		assert_int_equal(e->type, SC_EVENT_ABORTED);
		assert_int_equal(e->fault.status, SC_STATUS_ABORTED);
		assert_int_equal(e->fault.code, SC_CODE_QUEUE_RESET);
		assert_int_equal(e->fault.queue, 1);
		assert_int_equal(e->fault.context, 1);
		assert_int_equal(e->fault.index, 1);
		assert_int_equal(e->fault.epoch, 0);
		assert_int_equal(e->fault.pc, 0x10004);
		assert_false(cores & 1u << e->fault.core);
		cores |= 1u << e->fault.core;
	}
	assert_int_equal(bench_queue_read(b, 1, SC_Q_EPOCH), 1);
	assert_int_equal(bench_queue_read(b, 1, SC_Q_RETIRED), 1);
	assert_int_equal(bench_queue_read(b, 1, SC_Q_INDEX), 1);
	assert_int_equal(bench_state(b, 1).generation, 1);
	assert_int_equal(bench_state(b, 1).retired, 1);
	assert_true(sc_chip_idle(b->chip));
	/* go on in the same ring: packets take the phase of their index */
	memset(b->card + b->queues[1].ring + 64, 0, 128);
	b->queues[1].index = 1;
	bench_command(b, 1, SC_QUEUE_CMD_START);
	for (i = 0; i < 40; i++)
		bench_wait(b, 1, bench_submit(b, 1, &p, 1));
	assert_int_equal(b->strict_total, 0);
}

/* The culprit skipped: INDEX behind it, as a driver that fails the job does. */
static void test_reset_and_skip(void **state)
{
	struct bench *b = *state;
	union packet p = pkt(SC_OP_NOP, 0);

	bench_queue(b, 1, 1, 0);
	start_forever(b, 1, 1);
	bench_command(b, 1, SC_QUEUE_CMD_RESET);
	bench_wait_state(b, 1, SC_QUEUE_STOPPED);
	bench_queue_write(b, 1, SC_Q_INDEX, 3);
	bench_command(b, 1, SC_QUEUE_CMD_START);
	assert_int_equal(bench_queue_read(b, 1, SC_Q_RETIRED), 3);
	bench_wait(b, 1, bench_submit(b, 1, &p, 1));
	assert_int_equal(bench_queue_read(b, 1, SC_Q_RETIRED), 4);
}

/* In the middle of a COPY, and of a STOP that would not end. */
static void test_reset_copy(void **state)
{
	struct bench *b = *state;
	union packet p = pkt_fill(0x600000, 0x200000, 5);

	bench_queue(b, 1, 0, 0);
	bench_push(b, 1, &p, 1);
	bench_ring(b, 1);
	bench_command(b, 1, SC_QUEUE_CMD_STOP);
	bench_run(b);
	assert_int_equal(bench_queue_read(b, 1, SC_Q_RETIRED), 0); /* STOP came first */
	bench_command(b, 1, SC_QUEUE_CMD_START);
	bench_queue(b, 2, 1, 0);
	start_forever(b, 2, 1);
	bench_command(b, 2, SC_QUEUE_CMD_STOP);
	sc_chip_run(b->chip, 1000);
	assert_true(bench_queue_read(b, 2, SC_Q_STATUS) & SC_QUEUE_BUSY);
	bench_command(b, 2, SC_QUEUE_CMD_RESET);
	bench_wait_state(b, 2, SC_QUEUE_STOPPED);
	bench_wait(b, 1, 1);
	assert_int_equal(b->strict_total, 0);
}

/* Every queue of one context, none of another. */
static void test_context_reset(void **state)
{
	struct bench *b = *state;
	uint64_t base = SC_CONTEXT_BASE + SC_CONTEXT_STRIDE;
	unsigned int i, irqs;

	bench_queue(b, 1, 1, 0);
	bench_queue(b, 2, 1, 0);
	bench_queue(b, 3, 2, 0);
	start_forever(b, 1, 1);
	start_forever(b, 3, 1);
	irqs = b->irqs[0];
	sc_chip_write(b->chip, base + SC_CTX_COMMAND, SC_CONTEXT_CMD_RESET, 4);
	assert_true(sc_chip_read(b->chip, base + SC_CTX_STATUS, 4) & SC_CONTEXT_RESETTING);
	for (i = 0; i < 100; i++)
		sc_chip_run(b->chip, 1000);
	assert_int_equal(sc_chip_read(b->chip, base + SC_CTX_STATUS, 4), SC_CONTEXT_ENABLED);
	assert_true(b->irqs[0] > irqs);
	assert_int_equal(bench_queue_state(b, 1), SC_QUEUE_STOPPED);
	assert_int_equal(bench_queue_state(b, 2), SC_QUEUE_STOPPED);
	assert_int_equal(bench_queue_state(b, 3), SC_QUEUE_RUNNING);
	assert_int_equal(bench_events(b), 1);
	assert_int_equal(bench_event(b, 0)->fault.code, SC_CODE_CONTEXT_RESET);
	assert_int_equal(bench_queue_read(b, 3, SC_Q_EPOCH), 0);
	assert_int_equal(b->strict_total, 0);
}

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

/* A device reset with everything busy: registers at once, silence, GENERATION. */
static void test_device_reset(void **state)
{
	struct bench *b = *state;
	union packet wait = pkt_wait(WORD, 1);
	uint64_t packets;

	bench_queue(b, 1, 1, 0);
	bench_queue(b, 2, 2, 0);
	start_forever(b, 1, 4);
	bench_submit(b, 2, &wait, 1);
	packets = sc_chip_read(b->chip, SC_REG_TOTAL_PACKETS, 8);
	assert_true(packets > 0);
	*(uint64_t *)(b->card + WORD) = 77;
	b->hook = count_dma;
	dma_seen = 0;
	sc_chip_write(b->chip, SC_REG_RESET, SC_RESET_KEY, 4);
	assert_false(sc_chip_reset_busy(b->chip));
	bench_ring(b, 1);
	bench_run(b);
	assert_int_equal(dma_seen, 0);
	b->hook = NULL;
	assert_int_equal(sc_chip_read(b->chip, SC_REG_STATUS, 4), SC_DEVICE_READY);
	assert_int_equal(sc_chip_read(b->chip, SC_REG_GENERATION, 4), 1);
	assert_int_equal(sc_chip_read(b->chip, SC_REG_RESET_CAUSE, 4), SC_RESET_CAUSE_SOFT);
	assert_int_equal(sc_chip_read(b->chip, SC_REG_CONTROL, 4), 0);
	assert_int_equal(sc_chip_read(b->chip, SC_REG_EVENT_BASE, 8), 0);
	assert_int_equal(sc_chip_read(b->chip, SC_REG_TOTAL_PACKETS, 8), packets);
	assert_int_equal(bench_queue_read(b, 1, SC_Q_STATUS), 0);
	assert_int_equal(bench_queue_read(b, 1, SC_Q_RING_BASE), 0);
	assert_int_equal(*(uint64_t *)(b->card + WORD), 77);
	assert_true(sc_chip_idle(b->chip));
	/* and it can be used again */
	bench_enable(b);
	bench_context(b, 1);
	bench_queue(b, 1, 1, 0);
	wait = pkt(SC_OP_NOP, 0);
	bench_wait(b, 1, bench_submit(b, 1, &wait, 1));
	assert_int_equal(bench_state(b, 1).generation, 1ULL << 32);
	assert_int_equal(b->strict_total, 0);
	sc_chip_write(b->chip, SC_REG_RESET, 1, 4);
	assert_int_equal(b->strict[SC_STRICT_BAD_COMMAND], 1);
}

/* Loss of power: used memory is poison, unused memory costs nothing, totals start anew. */
static void test_power_reset(void **state)
{
	struct bench *b = *state;
	union packet p = pkt_fill(WORD, 8, 1);

	bench_queue(b, 1, 0, 0);
	bench_submit(b, 1, &p, 1);
	sc_chip_reset_begin(b->chip, SC_RESET_CAUSE_POWER);
	assert_false(sc_chip_reset_busy(b->chip));
	assert_int_equal(*(uint64_t *)(b->card + WORD), 0xdbdbdbdbdbdbdbdbULL);
	assert_int_equal(*(uint64_t *)(b->card + 0xf00000), 0);
	assert_int_equal(sc_chip_read(b->chip, SC_REG_TOTAL_PACKETS, 8), 0);
	assert_int_equal(sc_chip_read(b->chip, SC_REG_TOTAL_INSNS, 8), 0);
	assert_int_equal(sc_chip_read(b->chip, SC_REG_GENERATION, 4), 1);
}

/* Quiesced: what has started ends, nothing starts; then it goes on. */
static void test_quiesce(void **state)
{
	struct bench *b = *state;
	union packet p[3];

	bench_queue(b, 1, 0, 0);
	pkt_dispatch(p, 0, 4, FAKE_DONE, 100000, 0);
	p[2] = pkt_signal(WORD, 1);
	bench_push(b, 1, p, 3);
	bench_ring(b, 1);
	sc_chip_run(b->chip, 100);
	assert_false(sc_chip_idle(b->chip));
	sc_chip_quiesce(b->chip, true);
	assert_false(sc_chip_idle(b->chip));
	bench_run(b);
	assert_true(sc_chip_idle(b->chip));
	assert_int_equal(bench_queue_read(b, 1, SC_Q_RETIRED), 2);
	assert_int_equal(bench_card64(b, WORD), 0);
	sc_chip_quiesce(b->chip, false);
	bench_run(b);
	assert_int_equal(bench_card64(b, WORD), 1);
	assert_int_equal(bench_queue_read(b, 1, SC_Q_RETIRED), 3);
}

/* The image of a chip with an idle, a waiting, a stopped, a faulted and a half-done queue. */
static unsigned char *save_busy(struct bench *b, long *size)
{
	union packet p[3], bad = pkt(0x55, 0), wait = pkt_wait(WORD, 5);
	union packet call = pkt(SC_OP_INDIRECT, 0);
	unsigned char *image;

	bench_queue(b, 1, 1, 0);
	p[0] = pkt(SC_OP_NOP, 0);
	bench_submit(b, 1, p, 1);
	bench_queue(b, 2, 0, 0);
	bench_submit(b, 2, &wait, 1);
	bench_queue(b, 3, 2, 0);
	bench_command(b, 3, SC_QUEUE_CMD_STOP);
	bench_run(b);
	bench_queue(b, 4, 1, 0);
	bench_submit(b, 4, &bad, 1);
	bench_queue(b, 5, 0, 0); /* in a list, whose first packet has run */
	p[0] = pkt_signal(WORD + 8, 1);
	p[1] = wait;
	p[2] = pkt_signal(WORD + 16, 1);
	memcpy(b->card + 0x190000, p, 192);
	call.body[0] = 0x190000;
	call.body[2] = 3;
	bench_submit(b, 5, &call, 1);
	bench_queue_write(b, 1, SC_Q_ARM, 2);
	*(uint64_t *)(b->card + WORD + 8) = 0;

	sc_chip_quiesce(b->chip, true);
	assert_true(sc_chip_idle(b->chip));
	*size = sc_chip_save(b->chip, NULL, 0);
	image = malloc(*size);
	assert_int_equal(sc_chip_save(b->chip, image, *size), *size);
	return image;
}

/* Another chip goes on where the first one was. */
static void test_save_load(void **state)
{
	struct bench *b = *state, *c = bench_create(NULL);
	union packet p = pkt(SC_OP_NOP, 0);
	long size;
	unsigned char *image = save_busy(b, &size);

	assert_int_equal(sc_chip_load(c->chip, image, size - 8), -22);
	memcpy(c->card, b->card, BENCH_CARD);
	memcpy(c->queues, b->queues, sizeof(c->queues));
	assert_int_equal(sc_chip_load(c->chip, image, size), 0);
	bench_run(c);
	assert_int_equal(bench_queue_state(c, 1), SC_QUEUE_IDLE);
	assert_int_equal(bench_queue_state(c, 2), SC_QUEUE_WAITING);
	assert_int_equal(bench_queue_state(c, 3), SC_QUEUE_STOPPED);
	assert_int_equal(bench_queue_state(c, 4), SC_QUEUE_FAULTED);
	assert_int_equal(bench_queue_state(c, 5), SC_QUEUE_WAITING);
	assert_int_equal(sc_chip_read(c->chip, SC_REG_EVENT_HEAD, 4), 1);
	bench_submit(c, 1, &p, 1);
	assert_int_equal(bench_state(c, 1).retired, 2);
	assert_int_equal(bench_state(c, 1).packets, 2);
	assert_int_equal(c->irqs[BENCH_VECTOR(1)], 1);
	*(uint64_t *)(c->card + WORD) = 5;
	bench_run(c);
	assert_int_equal(bench_queue_read(c, 2, SC_Q_RETIRED), 1);
	assert_int_equal(bench_queue_read(c, 5, SC_Q_RETIRED), 1);
	assert_int_equal(bench_card64(c, WORD + 8), 0); /* not run again */
	assert_int_equal(bench_card64(c, WORD + 16), 1);
	bench_recover(c, 4);
	bench_wait(c, 4, bench_submit(c, 4, &p, 1));
	assert_int_equal(c->strict_total, 0);
	bench_destroy(c);
	free(image);
}

/* No byte of an image may break a chip. */
static void test_load_broken(void **state)
{
	struct bench *c;
	long size;
	unsigned char *image = save_busy(*state, &size);

	for (long i = 0; i < size; i += 8) {
		uint64_t keep;

		memcpy(&keep, image + i, 8);
		memset(image + i, 0xff, 8);
		if (i < 500 || i / 8 % 11 == 0) {
			c = bench_create(NULL);
			sc_chip_load(c->chip, image, size);
			for (unsigned int j = 0; j < 50; j++)
				sc_chip_run(c->chip, 1000);
			bench_destroy(c);
		}
		memcpy(image + i, &keep, 8);
	}
	free(image);
}

/* An interrupt that is held back when a chip is saved comes with the load. */
static void test_load_held(void **state)
{
	const unsigned int v = BENCH_VECTOR(1);
	struct bench *b = *state, *c;
	union packet p[4] = { pkt(SC_OP_NOP, 0) };
	unsigned char *image;
	long size;

	bench_queue(b, 1, 0, 0);
	bench_queue_write(b, 1, SC_Q_COALESCE_COUNT, 1000);
	bench_queue_write(b, 1, SC_Q_COALESCE_NS, 1000000);
	pkt_dispatch(&p[1], 0, 1, FAKE_UNTIL, WORD, 1);
	p[3] = pkt(SC_OP_NOP, 0);
	bench_queue_write(b, 1, SC_Q_ARM, 1);
	bench_push(b, 1, p, 4);
	bench_ring(b, 1);
	sc_chip_run(b->chip, 10000);
	sc_chip_quiesce(b->chip, true); /* the last packet stays, and the queue has more to do */
	*(uint64_t *)(b->card + WORD) = 1;
	bench_run(b);
	assert_int_equal(bench_queue_read(b, 1, SC_Q_RETIRED), 3);
	assert_int_equal(b->irqs[v], 0);
	size = sc_chip_save(b->chip, NULL, 0);
	image = malloc(size);
	assert_int_equal(sc_chip_save(b->chip, image, size), size);
	assert_int_equal(b->irqs[v], 0);

	c = bench_create(NULL);
	memcpy(c->card, b->card, BENCH_CARD);
	memcpy(c->queues, b->queues, sizeof(c->queues));
	assert_int_equal(sc_chip_load(c->chip, image, size), 0);
	assert_int_equal(c->irqs[v], 1);
	assert_int_equal(bench_queue_read(c, 1, SC_Q_ARM), ~0ULL);
	bench_run(c);
	assert_int_equal(bench_queue_read(c, 1, SC_Q_RETIRED), 4);
	assert_int_equal(c->irqs[v], 1);
	assert_int_equal(c->strict_total, 0);
	bench_destroy(c);
	free(image);
	/* the saved one goes on, and has its interrupt in time */
	sc_chip_quiesce(b->chip, false);
	bench_run(b);
	assert_int_equal(b->irqs[v], 1);
}

static int load_into_new(const void *image, long size)
{
	struct bench *c = bench_create(NULL);
	int ret = sc_chip_load(c->chip, image, size);

	bench_destroy(c);
	return ret;
}

/*
 * The root of an enabled context is used without another look: an image whose
 * root lies outside card memory, or is not what the registers say, is refused.
 */
static void test_load_root(void **state)
{
	struct bench *b = *state;
	uint64_t root = b->roots[1] | SC_PTE_VALID, beyond = BENCH_CARD | SC_PTE_VALID;
	long size = sc_chip_save(b->chip, NULL, 0), words = size / 8, i, at[2] = { 0 };
	uint64_t *image = malloc(size);
	unsigned int found = 0;

	assert_int_equal(sc_chip_save(b->chip, image, size), size);
	for (i = 0; i < words; i++) {
		if (image[i] == root) {
			assert_true(found < 2);
			at[found++] = i; /* the register, then the walker's copy */
		}
	}
	assert_int_equal(found, 2);
	assert_int_equal(load_into_new(image, size), 0);
	image[at[1]] = beyond;
	assert_int_equal(load_into_new(image, size), -22);
	image[at[0]] = beyond;
	assert_int_equal(load_into_new(image, size), -22);
	image[at[0]] = image[at[1]] = (BENCH_CARD - SC_PAGE_SIZE) | SC_PTE_VALID;
	assert_int_equal(load_into_new(image, size), 0);
	free(image);
}

/* A chip that is busy, or of another shape, refuses. */
static void test_save_refused(void **state)
{
	struct bench *b = *state, *c;
	struct sc_config config = bench_config();
	long size = sc_chip_save(b->chip, NULL, 0);
	unsigned char *image = malloc(size);

	bench_queue(b, 1, 1, 0);
	start_forever(b, 1, 1);
	assert_int_equal(sc_chip_save(b->chip, image, size), -16);
	bench_command(b, 1, SC_QUEUE_CMD_RESET);
	bench_wait_state(b, 1, SC_QUEUE_STOPPED);
	assert_int_equal(sc_chip_save(b->chip, image, size), size);
	config.cores = 3;
	c = bench_create(&config);
	assert_int_equal(sc_chip_load(c->chip, image, size), -22);
	bench_destroy(c);
	free(image);
}

/* Two chips in one process know nothing of each other. */
static void test_two_chips(void **state)
{
	struct bench *b = *state, *c = bench_create(NULL);
	union packet p = pkt_signal(WORD, 1);

	bench_enable(c);
	bench_queue(b, 1, 0, 0);
	bench_queue(c, 1, 0, 0);
	bench_submit(b, 1, &p, 1);
	assert_int_equal(bench_card64(b, WORD), 1);
	assert_int_equal(bench_card64(c, WORD), 0);
	p = pkt_signal(WORD, 2);
	bench_submit(c, 1, &p, 1);
	assert_int_equal(bench_card64(b, WORD), 1);
	assert_int_equal(bench_card64(c, WORD), 2);
	sc_chip_reset_begin(b->chip, SC_RESET_CAUSE_FLR);
	assert_int_equal(sc_chip_read(c->chip, SC_REG_GENERATION, 4), 0);
	bench_destroy(c);
}

/* sync: a kick for every reason to run, none while running. */
static void test_kicks(void **state)
{
	struct bench *b = *state;
	union packet p = pkt(SC_OP_NOP, 0);
	unsigned int kicks;

	bench_queue(b, 1, 0, 0);
	bench_run(b);
	kicks = b->kicks;
	bench_push(b, 1, &p, 1);
	bench_ring(b, 1);
	assert_int_equal(b->kicks, kicks + 1);
	assert_false(sc_chip_run(b->chip, 1000000));
	assert_int_equal(b->kicks, kicks + 1);
	assert_int_equal(bench_queue_read(b, 1, SC_Q_RETIRED), 1);
	sc_chip_set_master(b->chip, true);
	assert_int_equal(b->kicks, kicks + 2);
}

/* A RESET that comes while the card writes back is dealt with in the same step. */
static int reset_at_write_back(struct bench *b, uint64_t addr, size_t len, bool write)
{
	(void)len;
	if (write && addr / 128 == (BENCH_STATE + 128) / 128) {
		b->hook = NULL;
		bench_command(b, 1, SC_QUEUE_CMD_RESET);
	}
	return 0;
}

/* The queue is looked at once more; it must not take a slot then, which others would wait for. */
static void test_reset_leaves_slot(void **state)
{
	struct sc_config config = bench_config();
	union packet nop = pkt(SC_OP_NOP, 0);
	struct bench *b;

	(void)state;
	config.slots = 1;
	b = bench_ready(&config, 2);
	bench_queue(b, 1, 1, 0);
	bench_queue(b, 2, 2, 0);
	b->hook = reset_at_write_back;
	bench_submit(b, 1, &nop, 1);
	assert_null(b->hook);
	assert_int_equal(bench_queue_state(b, 1), SC_QUEUE_STOPPED);
	bench_submit(b, 2, &nop, 1);
	assert_int_equal(bench_queue_read(b, 2, SC_Q_RETIRED), 1);
	bench_destroy(b);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(test_queue_reset), TEST(test_reset_and_skip), TEST(test_reset_copy),
		TEST(test_context_reset), TEST(test_device_reset), TEST(test_power_reset),
		TEST(test_quiesce), TEST(test_save_load), TEST(test_load_broken),
		TEST(test_load_held), TEST(test_load_root), TEST(test_save_refused),
		TEST(test_two_chips), TEST(test_kicks),
		cmocka_unit_test(test_reset_leaves_slot),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
