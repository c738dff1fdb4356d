// SPDX-License-Identifier: MIT
/*
 * Chip model: whatever a guest does, and whatever a saved state holds, the model stays whole.
 * Random accesses to registers and doorbells while work runs, page tables, rings and states full
 * of rubbish, resets, bus mastering that goes, states that were saved, spoilt and loaded. Now and
 * then all is set up as it should be, so that there is work. In the end a reset makes it a card
 * that works.
 */
#include <stdlib.h>
#include <time.h>

#include "tests/unit/chip_bench.h"
#include "tests/unit/random_packet.h"

#define ROUNDS	 20000
#define QUEUES	 3
#define CONTEXTS 3
#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* Registers, as those of 8 bytes and as those of 4: what a register is not reads as zero. */
struct registers {
	uint64_t whole[SC_QUEUE_STRIDE / 8];
	uint32_t half[SC_QUEUE_STRIDE / 4];
};

/* Of a card that is set up, and the part of its memory that they speak of. */
struct setup {
	struct registers context[CONTEXTS], queue[QUEUES];
	uint8_t rings[QUEUES * 0x10000], tables[0x20000];
};

static unsigned int loaded;

static uint64_t strange(void)
{
	static const uint64_t values[] = {
		0, 1, 2, 4, 8, 63, 64, 4095, 4096, BENCH_EVENTS, BENCH_STATE, BENCH_DUMP,
		BENCH_RINGS, BENCH_TABLES, BENCH_CARD - 64, BENCH_CARD, BENCH_SYSTEM - 8,
		BENCH_SYSTEM, SC_VA_KERNEL_START, 0x7fffffff, 0xffffffff, 1ULL << 46, 1ULL << 47,
		1ULL << 63, ~0ULL,
	};
	uint64_t value = values[rnd() % COUNT(values)];

	switch (rnd() % 8) {
	case 0:
		return rnd();
	case 1:
		return value + rnd() % 64;
	case 2:
		return value | 1ULL << rnd() % 64;
	default:
		return value;
	}
}

static uint64_t context_at(unsigned int i)
{
	return SC_CONTEXT_BASE + i * SC_CONTEXT_STRIDE;
}

static uint64_t queue_at(unsigned int i)
{
	return SC_QUEUE_BASE + i * SC_QUEUE_STRIDE;
}

static void set_up(struct bench *b)
{
	unsigned int i;

	memset(b->card + BENCH_TABLES, 0, sizeof(((struct setup *)0)->tables));
	b->tables = BENCH_TABLES;
	bench_enable(b);
	for (i = 1; i < CONTEXTS; i++)
		bench_context(b, i);
	for (i = 0; i < PAGES; i++)
		bench_map(b, 1, VA + i * 4096, PA + i * 4096, SC_PTE_READ | SC_PTE_WRITE);
	for (i = 0; i < QUEUES; i++)
		bench_queue_setup(b, i, i % CONTEXTS, i % CONTEXTS ? 0 : SC_QUEUE_KERNEL_RING);
}

static void read_registers(struct bench *b, uint64_t base, unsigned int size, struct registers *r)
{
	unsigned int at;

	for (at = 0; at < size; at += 8)
		r->whole[at / 8] = sc_chip_read(b->chip, base + at, 8);
	for (at = 0; at < size; at += 4)
		r->half[at / 4] = sc_chip_read(b->chip, base + at, 4);
}

static void write_registers(struct bench *b, uint64_t base, unsigned int size,
			    const struct registers *r)
{
	unsigned int at;

	for (at = 0; at < size; at += 8)
		sc_chip_write(b->chip, base + at, r->whole[at / 8], 8);
	for (at = 0; at < size; at += 4)
		sc_chip_write(b->chip, base + at, r->half[at / 4], 4);
}

static void remember(struct bench *b, struct setup *s)
{
	unsigned int i;

	for (i = 0; i < CONTEXTS; i++)
		read_registers(b, context_at(i), SC_CONTEXT_STRIDE, &s->context[i]);
	for (i = 0; i < QUEUES; i++)
		read_registers(b, queue_at(i), SC_QUEUE_STRIDE, &s->queue[i]);
	memcpy(s->rings, b->card + BENCH_RINGS, sizeof(s->rings));
	memcpy(s->tables, b->card + BENCH_TABLES, sizeof(s->tables));
}

/* As it was, with work in the rings: as far as the card, whatever state it is in, takes it. */
static void restore(struct bench *b, const struct setup *s)
{
	unsigned int i, slot;

	memcpy(b->card + BENCH_RINGS, s->rings, sizeof(s->rings));
	memcpy(b->card + BENCH_TABLES, s->tables, sizeof(s->tables));
	sc_chip_set_master(b->chip, true);
	bench_enable(b);
	for (i = 0; i < QUEUES; i++) {
		sc_chip_write(b->chip, queue_at(i) + SC_Q_COMMAND, SC_QUEUE_CMD_RESET, 4);
		sc_chip_run(b->chip, 1000);
		sc_chip_write(b->chip, queue_at(i) + SC_Q_COMMAND, SC_QUEUE_CMD_DISABLE, 4);
	}
	sc_chip_run(b->chip, 1000);
	for (i = 0; i < CONTEXTS; i++) {
		sc_chip_write(b->chip, context_at(i) + SC_CTX_CONTROL, 0, 4);
		write_registers(b, context_at(i), SC_CONTEXT_STRIDE, &s->context[i]);
		sc_chip_write(b->chip, context_at(i) + SC_CTX_CONTROL, SC_CONTEXT_ENABLE, 4);
	}
	for (i = 0; i < QUEUES; i++) {
		write_registers(b, queue_at(i), SC_QUEUE_STRIDE, &s->queue[i]);
		sc_chip_write(b->chip, queue_at(i) + SC_Q_COMMAND, SC_QUEUE_CMD_START, 4);
		b->queues[i].index = 0;
		for (slot = 0; slot < 12;) {
			union packet p[2] = { pkt_copy(VA, VA + 64, rnd() % 9000) };
			unsigned int n = rnd() % 8 ? 1 : random_packet(p);

			bench_push(b, i, p, n);
			slot += n;
		}
		sc_chip_doorbell_write(b->chip, i * 0x1000ULL, b->queues[i].index, 4);
	}
}

static uint64_t some_register(unsigned int size)
{
	uint64_t at;

	switch (rnd() % 4) {
	case 0:
		at = rnd() % 0x500;
		break;
	case 1:
		at = context_at(rnd() % CONTEXTS) + rnd() % SC_CONTEXT_STRIDE;
		break;
	case 2:
		at = queue_at(rnd() % QUEUES) + rnd() % 0x80;
		break;
	default:
		at = rnd() % SC_CONTROL_SIZE;
	}
	return at / size * size;
}

static void scribble(struct bench *b)
{
	uint64_t at, value = strange();

	switch (rnd() % 4) {
	case 0: /* an entry of a page table */
		at = BENCH_TABLES + rnd() % 0x20000;
		break;
	case 1:
		at = BENCH_RINGS + rnd() % (QUEUES * 0x10000);
		break;
	default:
		at = rnd() % BENCH_CARD;
	}
	if (rnd() % 4)
		memcpy(b->card + at / 8 * 8, &value, 8);
	else
		memcpy(b->system + rnd() % (BENCH_SYSTEM / 8) * 8, &value, 8);
}

/* A state of the chip, spoilt: it is loaded, or refused. */
static void load(struct bench *b)
{
	uint8_t *bytes;
	long size;
	int i;

	sc_chip_quiesce(b->chip, true);
	for (i = 0; i < 20 && !sc_chip_idle(b->chip); i++) {
		if (!sc_chip_run(b->chip, 10000))
			nanosleep(&(struct timespec){ 0, 100000 }, NULL);
	}
	size = sc_chip_save(b->chip, NULL, 0);
	bytes = malloc(size);
	assert_non_null(bytes);
	if (sc_chip_save(b->chip, bytes, size) == size) { /* -EBUSY: a WAIT that nothing ends */
		for (i = rnd() % 8; i; i--)
			bytes[rnd() % (rnd() % 2 ? size : 256)] = rnd();
		if (rnd() % 4 == 0) {
			uint64_t value = strange();

			memcpy(bytes + rnd() % (size - 8), &value, 8);
		}
		loaded += !sc_chip_load(b->chip, bytes, rnd() % 8 ? size : (long)(rnd() % size));
	}
	free(bytes);
	sc_chip_quiesce(b->chip, false);
}

static void something(struct bench *b)
{
	unsigned int size = rnd() % 2 ? 4 : 8;

	switch (rnd() % 64) {
	case 0:
		sc_chip_set_master(b->chip, rnd() % 2);
		break;
	case 1:
		sc_chip_reset_begin(b->chip, rnd() % 8);
		break;
	case 2:
		sc_chip_write(b->chip, SC_REG_RESET, SC_RESET_KEY, 4);
		break;
	case 3:
		load(b);
		break;
	case 4:
		sc_chip_inject(b->chip, rnd() % SC_INJECT_COUNT, strange());
		break;
	case 5:
		sc_chip_timer(b->chip);
		break;
	case 6 ... 12:
		sc_chip_doorbell_write(b->chip, rnd() % (20 * 0x1000) / size * size, strange(),
				       size);
		break;
	case 13 ... 20:
		sc_chip_read(b->chip, some_register(size), size);
		break;
	case 21 ... 30:
		scribble(b);
		break;
	case 31 ... 36:
		sc_chip_write(b->chip, queue_at(rnd() % QUEUES) + SC_Q_COMMAND, rnd() % 8, 4);
		break;
	default:
		sc_chip_write(b->chip, some_register(size), strange(), size);
	}
}

static void works(struct bench *b)
{
	union packet p = pkt_signal(VA, 0x1234);

	for (unsigned int i = 0; i < SC_INJECT_COUNT; i++)
		sc_chip_inject(b->chip, i, 0);
	sc_chip_set_master(b->chip, true);
	sc_chip_reset_begin(b->chip, SC_RESET_CAUSE_POWER);
	while (sc_chip_reset_busy(b->chip))
		sc_chip_run(b->chip, 10000);
	set_up(b);
	bench_command(b, 1, SC_QUEUE_CMD_START);
	bench_wait(b, 1, bench_submit(b, 1, &p, 1));
	assert_int_equal(bench_card64(b, PA), 0x1234);
}

/* Packets, as the card says; it may say anything. */
static unsigned int retired(struct bench *b)
{
	unsigned int i, count = 0;

	for (i = 0; i < QUEUES; i++) {
		uint64_t index = sc_chip_read(b->chip, queue_at(i) + SC_Q_RETIRED, 8);

		count += index > b->queues[i].index ? 0 : index;
	}
	return count;
}

static void hostile(bool sync, uint64_t seed)
{
	struct setup *s = calloc(1, sizeof(*s));
	struct sc_config config = bench_config();
	unsigned int packets = 0;
	struct bench *b;

	rnd_seed(seed);
	loaded = 0;
	config.sync = sync;
	config.threads = sync ? 0 : 2;
	config.strict = seed % 2;
	b = bench_create(&config);
	assert_non_null(s);
	set_up(b);
	remember(b, s);
	for (unsigned int round = 0; round < ROUNDS; round++) {
		if (round % 40 == 0) {
			packets += retired(b);
			restore(b, s);
		}
		something(b);
		if (sync && rnd() % 2)
			sc_chip_run(b->chip, 1000);
		else if (rnd() % 64 == 0)
			nanosleep(&(struct timespec){ 0, 100000 }, NULL);
	}
	print_message("# seed %llu: %u packets, %u states loaded\n", (unsigned long long)seed,
		      packets, loaded);
	assert_true(packets > 20 && loaded > 20);
	works(b);
	bench_destroy(b);
	free(s);
}

static void test_sync(void **state)
{
	(void)state;
	hostile(true, 1);
	hostile(true, 2);
}

static void test_threads(void **state)
{
	(void)state;
#ifdef __SANITIZE_THREAD__
	skip(); /* a guest and a card do not take turns in the card's memory */
#endif
	hostile(false, 3);
	hostile(false, 4);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_sync),
		cmocka_unit_test(test_threads),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
