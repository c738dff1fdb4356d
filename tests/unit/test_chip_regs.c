// SPDX-License-Identifier: MIT
/* Chip model: the register file, driven by the same tables that describe it. */
#include <stdlib.h>

#include "tests/unit/chip_bench.h"

struct desc {
	const char *name;
	uint32_t offset;
	unsigned int width, access, when;
	uint64_t valid, reset;
};

#define DESC_(name, offset, width, access, when, valid, reset, text) \
	{ #name, offset, width, SC_ACCESS_##access, SC_WHEN_##when, valid, reset },
static const struct desc device[] = { SC_REG_TABLE(DESC_) };
static const struct desc context[] = { SC_CONTEXT_TABLE(DESC_) };
static const struct desc queue[] = { SC_QUEUE_TABLE(DESC_) };

/* The three blocks, with an instance of the middle for those that have several. */
static const struct block {
	const struct desc *descs;
	size_t num;
	uint64_t base, size;
} blocks[] = {
	{ device, sizeof(device) / sizeof(device[0]), 0, 0x500 },
	{ context, sizeof(context) / sizeof(context[0]), SC_CONTEXT_BASE + 3 * SC_CONTEXT_STRIDE,
	  SC_CONTEXT_STRIDE },
	{ queue, sizeof(queue) / sizeof(queue[0]), SC_QUEUE_BASE + 5 * SC_QUEUE_STRIDE,
	  SC_QUEUE_STRIDE },
};

#define for_each_reg(b, d)                                                        \
	for (const struct block *b = blocks; b < blocks + 3; b++)                 \
		for (const struct desc *d = b->descs; d < b->descs + b->num; d++)

static int setup(void **state)
{
	*state = bench_create(NULL);
	return 0;
}

static int teardown(void **state)
{
	bench_destroy(*state);
	return 0;
}

static uint64_t mask(const struct desc *d)
{
	return d->width == 4 ? (uint32_t)d->valid : d->valid;
}

/* One strict report of this rule, and no other, since the last call. */
static void expect_strict(struct bench *b, enum sc_strict_rule rule, const char *what)
{
	if (b->strict[rule] != 1 || b->strict_total != 1)
		print_error("%s: rule %d reported %u times, all rules %u; last: %s\n", what, rule,
			    b->strict[rule], b->strict_total, b->text);
	assert_int_equal(b->strict[rule], 1);
	assert_int_equal(b->strict_total, 1);
	memset(b->strict, 0, sizeof(b->strict));
	b->strict_total = 0;
}

static bool is_command(const struct desc *d)
{
	return d->access == SC_ACCESS_WO;
}

static bool test_only(const struct block *b, const struct desc *d)
{
	return b == blocks && d->offset == SC_REG_GUEST_ICOUNT;
}

/* Reset values, apart from those that the configuration decides or that count. */
static void test_reset_values(void **state)
{
	struct bench *b = *state;
	uint64_t value;

	for_each_reg(k, d) {
		if (is_command(d) || test_only(k, d) || (k == blocks && d->offset == SC_REG_TIME))
			continue;
		value = sc_chip_read(b->chip, k->base + d->offset, d->width);
		if (k == blocks && d->access == SC_ACCESS_RO && !d->reset &&
		    (d->offset < SC_REG_CONTROL || d->offset >= SC_REG_TEMP_DIE))
			continue;
		if (value != (d->reset & mask(d)))
			print_error("%s\n", d->name);
		assert_int_equal(value, d->reset & mask(d));
	}
	assert_int_equal(b->strict_total, 0);
}

static void test_discovery(void **state)
{
	struct bench *b = *state;
	struct sc_chip *c = b->chip;

	assert_int_equal(sc_chip_read(c, SC_REG_NUM_CORES, 4), 4);
	assert_int_equal(sc_chip_read(c, SC_REG_NUM_QUEUES, 4), 16);
	assert_int_equal(sc_chip_read(c, SC_REG_NUM_SLOTS, 4), 4);
	assert_int_equal(sc_chip_read(c, SC_REG_NUM_CONTEXTS, 4), 8);
	assert_int_equal(sc_chip_read(c, SC_REG_CORE_MASK, 8), 0xf);
	assert_int_equal(sc_chip_read(c, SC_REG_CARD_SIZE, 8), BENCH_CARD);
	assert_int_equal(sc_chip_read(c, SC_REG_CARD_VISIBLE_SIZE, 8), BENCH_CARD);
	assert_int_equal(sc_chip_read(c, SC_REG_TCM_SIZE, 4), 65536);
	assert_int_equal(sc_chip_read(c, SC_REG_NUM_VECTORS, 4), 16);
	assert_int_equal(sc_chip_read(c, SC_REG_TIMEOUT_SCALE, 4), 1);
	assert_int_equal(sc_chip_read(c, SC_REG_SERIAL, 8), 0x1234);
	assert_int_equal(sc_chip_read(c, SC_REG_SPEC_HASH, 8), SC_SPEC_HASH);
	assert_true(sc_chip_read(c, SC_REG_FEATURES, 8) & SC_FEATURE_STRICT);
	assert_false(sc_chip_read(c, SC_REG_FEATURES, 8) & SC_FEATURE_TEST);
	assert_true(sc_chip_read(c, SC_REG_RING_LOG2_MAX, 4) >= SC_RING_LOG2_MIN);
	assert_true(sc_chip_read(c, SC_REG_DUMP_SIZE, 4) >= sizeof(struct sc_core_dump));
}

/* Direction: RO refuses writes, WO reads. */
static void test_access_classes(void **state)
{
	struct bench *b = *state;
	uint64_t before;

	for_each_reg(k, d) {
		if (test_only(k, d))
			continue;
		if (d->access == SC_ACCESS_RO) {
			before = sc_chip_read(b->chip, k->base + d->offset, d->width);
			sc_chip_write(b->chip, k->base + d->offset, ~before & mask(d), d->width);
			expect_strict(b, SC_STRICT_REG_READ_ONLY, d->name);
			if (k != blocks || d->offset != SC_REG_TIME)
				assert_int_equal(sc_chip_read(b->chip, k->base + d->offset,
							      d->width), before);
		}
		if (d->access == SC_ACCESS_WO) {
			assert_int_equal(sc_chip_read(b->chip, k->base + d->offset, d->width), 0);
			expect_strict(b, SC_STRICT_REG_WRITE_ONLY, d->name);
		}
	}
}

/* Every bit outside the valid mask is reported and does not stick. */
static void test_reserved_bits(void **state)
{
	struct bench *b = *state;
	uint64_t bit;

	for_each_reg(k, d) {
		if (d->access != SC_ACCESS_RW)
			continue;
		for (bit = 1; bit && bit <= (d->width == 4 ? 0x80000000 : 1ULL << 63); bit <<= 1) {
			if (bit & mask(d))
				continue;
			sc_chip_write(b->chip, k->base + d->offset, bit, d->width);
			expect_strict(b, SC_STRICT_REG_RESERVED_BIT, d->name);
			assert_int_equal(sc_chip_read(b->chip, k->base + d->offset, d->width) &
						 ~mask(d), 0);
		}
	}
}

/* RW registers hold what is written; 64-bit ones also in two halves. */
static void test_read_write(void **state)
{
	struct bench *b = *state;
	uint64_t value, at;

	for_each_reg(k, d) {
		if (d->access != SC_ACCESS_RW || !strcmp(d->name, "CONTROL") ||
		    !strcmp(d->name, "WEIGHT"))
			continue;
		at = k->base + d->offset;
		if (k == blocks && d->offset == SC_REG_FEATURES_ACCEPTED)
			continue;
		value = 0x5a5a5a5aa5a5a5a5ULL & mask(d);
		sc_chip_write(b->chip, at, value, d->width);
		assert_int_equal(sc_chip_read(b->chip, at, d->width), value);
		if (d->width == 8) {
			value = ~value & mask(d);
			sc_chip_write(b->chip, at, (uint32_t)value, 4);
			assert_int_not_equal(sc_chip_read(b->chip, at, 8), value);
			sc_chip_write(b->chip, at + 4, value >> 32, 4);
			assert_int_equal(sc_chip_read(b->chip, at, 8), value);
			assert_int_equal(sc_chip_read(b->chip, at, 4), (uint32_t)value);
			assert_int_equal(sc_chip_read(b->chip, at + 4, 4), value >> 32);
		}
	}
	/* features that the card lacks do not stick */
	sc_chip_write(b->chip, SC_REG_FEATURES_ACCEPTED, ~0ULL, 8);
	assert_int_equal(sc_chip_read(b->chip, SC_REG_FEATURES_ACCEPTED, 8),
			 sc_chip_read(b->chip, SC_REG_FEATURES, 8));
	assert_int_equal(b->strict_total, 0);
}

/* Wrong widths and offsets: nothing is there, and the report says so. */
static void test_width_and_unknown(void **state)
{
	struct bench *b = *state;
	const struct desc *d;
	uint64_t offset;
	bool known;

	for_each_reg(k, d) {
		if (d->width != 4 || test_only(k, d))
			continue;
		assert_int_equal(sc_chip_read(b->chip, k->base + d->offset, 8), 0);
		expect_strict(b, SC_STRICT_REG_WIDTH, d->name);
		sc_chip_write(b->chip, k->base + d->offset, 0, 8);
		expect_strict(b, SC_STRICT_REG_WIDTH, d->name);
		sc_chip_read(b->chip, k->base + d->offset, 2);
		expect_strict(b, SC_STRICT_REG_WIDTH, d->name);
	}
	for (const struct block *k = blocks; k < blocks + 3; k++) {
		for (offset = 0; offset < k->size; offset += 4) {
			known = false;
			for (d = k->descs; d < k->descs + k->num; d++)
				known |= offset >= d->offset && offset < d->offset + d->width;
			if (known && offset != SC_REG_GUEST_ICOUNT)
				continue;
			if (known && k != blocks)
				continue;
			assert_int_equal(sc_chip_read(b->chip, k->base + offset, 4), 0);
			expect_strict(b, SC_STRICT_REG_UNKNOWN, "read");
			sc_chip_write(b->chip, k->base + offset, ~0U, 4);
			expect_strict(b, SC_STRICT_REG_UNKNOWN, "write");
		}
	}
	/* contexts and queues that the card does not have */
	sc_chip_read(b->chip, SC_CONTEXT_BASE + 8 * SC_CONTEXT_STRIDE, 8);
	expect_strict(b, SC_STRICT_REG_UNKNOWN, "context");
	sc_chip_read(b->chip, SC_QUEUE_BASE + 16 * SC_QUEUE_STRIDE, 8);
	expect_strict(b, SC_STRICT_REG_UNKNOWN, "queue");
}

/* What may only be written in some states is locked in the others. */
static void test_locked(void **state)
{
	struct bench *b = *state;
	uint64_t before;

	bench_enable(b);
	bench_context(b, 3);
	bench_queue(b, 5, 3, 0);
	assert_int_equal(b->strict_total, 0);
	for_each_reg(k, d) {
		if (d->when == SC_WHEN_ANY)
			continue;
		before = sc_chip_read(b->chip, k->base + d->offset, d->width);
		sc_chip_write(b->chip, k->base + d->offset, ~before & mask(d), d->width);
		expect_strict(b, SC_STRICT_REG_LOCKED, d->name);
		assert_int_equal(sc_chip_read(b->chip, k->base + d->offset, d->width), before);
	}
	/* STOPPED: some open up */
	bench_command(b, 5, SC_QUEUE_CMD_STOP);
	bench_wait_state(b, 5, SC_QUEUE_STOPPED);
	for (const struct desc *d = queue; d < queue + blocks[2].num; d++) {
		if (d->when == SC_WHEN_ANY)
			continue;
		before = bench_queue_read(b, 5, d->offset);
		bench_queue_write(b, 5, d->offset, ~before & mask(d));
		if (d->when == SC_WHEN_STOPPED) {
			assert_int_equal(b->strict_total, 0);
			assert_int_equal(bench_queue_read(b, 5, d->offset), ~before & mask(d));
		} else {
			expect_strict(b, SC_STRICT_REG_LOCKED, d->name);
		}
	}
}

/* IRQ_STATUS is cleared by ones alone; IRQ_ENABLE gates and catches up. */
static void test_interrupt_registers(void **state)
{
	struct bench *b = *state;

	bench_enable(b);
	sc_chip_write(b->chip, SC_REG_IRQ_ENABLE, 0, 4);
	bench_queue(b, 1, 0, 0); /* START completes: cause COMMAND, not enabled */
	assert_int_equal(sc_chip_read(b->chip, SC_REG_IRQ_STATUS, 4), SC_IRQ_COMMAND);
	assert_int_equal(b->irqs[0], 0);
	sc_chip_write(b->chip, SC_REG_IRQ_ENABLE, SC_IRQ_EVENT, 4);
	assert_int_equal(b->irqs[0], 0);
	sc_chip_write(b->chip, SC_REG_IRQ_ENABLE, SC_IRQ_EVENT | SC_IRQ_COMMAND, 4);
	assert_int_equal(b->irqs[0], 1);
	sc_chip_write(b->chip, SC_REG_IRQ_STATUS, SC_IRQ_EVENT, 4);
	assert_int_equal(sc_chip_read(b->chip, SC_REG_IRQ_STATUS, 4), SC_IRQ_COMMAND);
	sc_chip_write(b->chip, SC_REG_IRQ_STATUS, SC_IRQ_COMMAND, 4);
	assert_int_equal(sc_chip_read(b->chip, SC_REG_IRQ_STATUS, 4), 0);
}

/* ENABLE of contexts: root checked, busy refused, status. */
static void test_context_control(void **state)
{
	struct bench *b = *state;
	uint64_t base = SC_CONTEXT_BASE + 2 * SC_CONTEXT_STRIDE;
	static const uint64_t bad[] = { 0, 0x1000, BENCH_CARD | SC_PTE_VALID };
	unsigned int i;

	bench_enable(b);
	for (i = 0; i < 3; i++) {
		sc_chip_write(b->chip, base + SC_CTX_ROOT, bad[i], 8);
		sc_chip_write(b->chip, base + SC_CTX_CONTROL, SC_CONTEXT_ENABLE, 4);
		expect_strict(b, SC_STRICT_PAGE_TABLE_RANGE, "root");
		assert_int_equal(sc_chip_read(b->chip, base + SC_CTX_STATUS, 4), 0);
	}
	bench_context(b, 2);
	assert_int_equal(sc_chip_read(b->chip, base + SC_CTX_STATUS, 4), SC_CONTEXT_ENABLED);
	bench_queue(b, 1, 2, 0);
	sc_chip_write(b->chip, base + SC_CTX_CONTROL, 0, 4);
	expect_strict(b, SC_STRICT_CONTEXT_BUSY, "busy");
	assert_int_equal(sc_chip_read(b->chip, base + SC_CTX_STATUS, 4), SC_CONTEXT_ENABLED);
	sc_chip_write(b->chip, SC_REG_CONTROL, 0, 4); /* stops the queue */
	bench_wait_state(b, 1, SC_QUEUE_STOPPED);
	bench_command(b, 1, SC_QUEUE_CMD_START);
	expect_strict(b, SC_STRICT_NOT_ENABLED, "start");
	bench_command(b, 1, SC_QUEUE_CMD_DISABLE);
	sc_chip_write(b->chip, base + SC_CTX_CONTROL, 0, 4);
	assert_int_equal(b->strict_total, 0);
	assert_int_equal(sc_chip_read(b->chip, base + SC_CTX_STATUS, 4), 0);
	sc_chip_write(b->chip, base + SC_CTX_COMMAND, 9, 4);
	expect_strict(b, SC_STRICT_BAD_COMMAND, "command");
	sc_chip_write(b->chip, base + SC_CTX_WEIGHT, 0, 4);
	assert_int_equal(sc_chip_read(b->chip, base + SC_CTX_WEIGHT, 4), 1);
	sc_chip_write(b->chip, base + SC_CTX_WEIGHT, 0xfff, 4);
	assert_int_equal(sc_chip_read(b->chip, base + SC_CTX_WEIGHT, 4), 1024);
}

/* The test-only register needs its feature. */
static void test_feature_test(void **state)
{
	struct sc_config config = bench_config();
	struct bench *b;

	(void)state;
	config.test = true;
	b = bench_create(&config);
	assert_true(sc_chip_read(b->chip, SC_REG_FEATURES, 8) & SC_FEATURE_TEST);
	assert_int_equal(sc_chip_read(b->chip, SC_REG_GUEST_ICOUNT, 8), 4711);
	bench_destroy(b);
}

/* Without strict the effects are the same, unreported. */
static void test_not_strict(void **state)
{
	struct sc_config config = bench_config();
	struct bench *b;

	(void)state;
	config.strict = false;
	b = bench_create(&config);
	sc_chip_write(b->chip, SC_REG_NUM_CORES, 99, 4);
	assert_int_equal(sc_chip_read(b->chip, SC_REG_NUM_CORES, 4), 4);
	sc_chip_write(b->chip, SC_REG_IRQ_ENABLE, ~0U, 4);
	assert_int_equal(sc_chip_read(b->chip, SC_REG_IRQ_ENABLE, 4), 3);
	assert_int_equal(sc_chip_read(b->chip, 0x7f0, 4), 0);
	assert_int_equal(b->strict_total, 0);
	bench_destroy(b);
}

static void test_bad_configurations(void **state)
{
	static const struct sc_host host = { 0 };
	struct sc_config c[] = { bench_config(), bench_config(), bench_config(), bench_config(),
				 bench_config(), bench_config(), bench_config() };
	struct sc_chip *chip;
	unsigned int i;

	(void)state;
	c[0].cores = 65;
	c[1].tcm_size = 100000;
	c[2].card_size = 3 << 20;
	c[3].queues = SC_MAX_QUEUES + 1;
	c[4].contexts = SC_MAX_CONTEXTS + 1;
	c[5].vectors = SC_MAX_VECTORS + 1;
	c[6].card_visible_size = 2 * BENCH_CARD;
	for (i = 0; i < 7; i++)
		assert_int_equal(sc_chip_create(&c[i], &host, NULL, &chip), -22);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(test_reset_values), TEST(test_discovery), TEST(test_access_classes),
		TEST(test_reserved_bits), TEST(test_read_write), TEST(test_width_and_unknown),
		TEST(test_locked), TEST(test_interrupt_registers), TEST(test_context_control),
		cmocka_unit_test(test_feature_test), cmocka_unit_test(test_not_strict),
		cmocka_unit_test(test_bad_configurations),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
