// SPDX-License-Identifier: MIT
/* Chip model: telemetry, memory errors, NVRAM, and what can be injected. */
#include <errno.h>

#include "tests/unit/chip_bench.h"
#include "tests/unit/fake_core.h"

#define PAGE 0x180000
#define HOT  95000

static int setup(void **state)
{
	fake_core_log_clear();
	*state = bench_ready(NULL, 1);
	return 0;
}

static int teardown(void **state)
{
	bench_destroy(*state);
	return 0;
}

static uint32_t reg4(struct bench *b, enum sc_reg reg)
{
	return sc_chip_read(b->chip, reg, 4);
}

static uint64_t reg8(struct bench *b, enum sc_reg reg)
{
	return sc_chip_read(b->chip, reg, 8);
}

static struct sc_health_record record(struct bench *b, unsigned int n)
{
	uint64_t place = SC_HEALTH_BASE + n % SC_HEALTH_RECORDS * sizeof(struct sc_health_record);
	struct sc_health_record r;
	uint64_t words[sizeof(r) / 8] = { 0 };

	for (unsigned int i = 0; i < sizeof(r) / 8; i++)
		words[i] = sc_chip_read(b->chip, place + i * 8, 8);
	memcpy(&r, words, sizeof(r));
	return r;
}

/* The last event is a health event of this code, and the fault log says the same. */
static void expect_health(struct bench *b, enum sc_code code, uint64_t address, uint64_t value)
{
	const struct sc_event *e;
	struct sc_health_record r;

	bench_run(b);
	e = bench_event(b, bench_events(b) - 1);
	assert_int_equal(e->type, SC_EVENT_HEALTH);
	assert_int_equal(e->fault.status, SC_STATUS_DEVICE);
	assert_int_equal(e->fault.code, code);
	assert_int_equal(e->fault.va, address);
	assert_int_equal(e->fault.value, value);
	assert_int_equal(e->fault.queue, SC_NO_QUEUE);
	r = record(b, reg8(b, SC_REG_NUM_HEALTH) - 1);
	assert_int_equal(r.number, reg8(b, SC_REG_NUM_HEALTH));
	assert_int_equal(r.code, code);
	assert_int_equal(r.address, address);
	assert_int_equal(r.value, value);
	assert_int_equal(r.power_cycle, reg4(b, SC_REG_POWER_CYCLES));
}

static void inject(struct bench *b, enum sc_inject what, uint64_t value)
{
	assert_int_equal(sc_chip_inject(b->chip, what, value), 0);
}

static void test_values(void **state)
{
	struct bench *b = *state;

	assert_true(reg8(b, SC_REG_FEATURES) & SC_FEATURE_TELEMETRY);
	assert_int_equal(reg4(b, SC_REG_FUNCTION), 0);
	assert_in_range(reg4(b, SC_REG_TEMP_DIE), 1, reg4(b, SC_REG_TEMP_DIE_MAX) - 1);
	assert_in_range(reg4(b, SC_REG_TEMP_MEMORY), 1, reg4(b, SC_REG_TEMP_MEMORY_MAX) - 1);
	assert_true(reg4(b, SC_REG_TEMP_DIE_MAX) < reg4(b, SC_REG_TEMP_DIE_CRIT));
	assert_in_range(reg4(b, SC_REG_POWER_UW), 1, reg4(b, SC_REG_POWER_MAX_UW));
	assert_in_range(reg4(b, SC_REG_VOLTAGE_MV), reg4(b, SC_REG_VOLTAGE_MIN_MV),
			reg4(b, SC_REG_VOLTAGE_MAX_MV));
	assert_int_equal(reg4(b, SC_REG_CLOCK_NOW_KHZ), reg4(b, SC_REG_CLOCK_KHZ));
	assert_int_equal(reg4(b, SC_REG_THROTTLE), 0);
	assert_int_equal(reg4(b, SC_REG_POWER_CYCLES), 1);
	assert_int_equal(reg8(b, SC_REG_NUM_HEALTH), 0);
	assert_int_equal(record(b, 0).number, 0);
	assert_int_equal(b->strict_total, 0);
}

/* A limit is reported when it is crossed, the throttling with it and when it ends. */
static void test_temperature(void **state)
{
	struct bench *b = *state;

	inject(b, SC_INJECT_TEMPERATURE, HOT);
	expect_health(b, SC_CODE_THROTTLED, 0, SC_THROTTLE_THERMAL);
	assert_int_equal(record(b, 0).code, SC_CODE_TEMPERATURE);
	assert_int_equal(record(b, 0).value, HOT);
	assert_int_equal(reg4(b, SC_REG_TEMP_DIE), HOT);
	assert_int_equal(reg4(b, SC_REG_CLOCK_NOW_KHZ), reg4(b, SC_REG_CLOCK_KHZ) / 2);
	inject(b, SC_INJECT_TEMPERATURE, HOT + 1000);
	assert_int_equal(reg8(b, SC_REG_NUM_HEALTH), 2);
	inject(b, SC_INJECT_TEMPERATURE, 110000);
	expect_health(b, SC_CODE_TEMPERATURE_CRITICAL, 0, 110000);
	inject(b, SC_INJECT_TEMPERATURE, 0);
	expect_health(b, SC_CODE_THROTTLED, 0, 0);
	inject(b, SC_INJECT_THROTTLE, SC_THROTTLE_EXTERNAL);
	expect_health(b, SC_CODE_THROTTLED, 0, SC_THROTTLE_EXTERNAL);
	assert_int_equal(sc_chip_inject(b->chip, SC_INJECT_THROTTLE, 8), -ERANGE);
	assert_int_equal(sc_chip_inject(b->chip, SC_INJECT_TEMPERATURE, 150001), -ERANGE);
}

static void test_ecc(void **state)
{
	struct bench *b = *state;
	union packet p;

	inject(b, SC_INJECT_ECC_CORRECTED, PAGE + 8);
	expect_health(b, SC_CODE_ECC_CORRECTED, PAGE + 8, 0);
	assert_int_equal(reg8(b, SC_REG_ECC_CORRECTED), 1);
	assert_int_equal(reg4(b, SC_REG_NUM_RETIRED), 0);
	inject(b, SC_INJECT_ECC_UNCORRECTED, PAGE + 16);
	expect_health(b, SC_CODE_MEMORY_ECC, PAGE + 16, 0);
	inject(b, SC_INJECT_ECC_UNCORRECTED, PAGE + 24);
	assert_int_equal(reg8(b, SC_REG_ECC_UNCORRECTED), 2);
	assert_int_equal(reg4(b, SC_REG_NUM_RETIRED), 1);
	assert_int_equal(sc_chip_read(b->chip, SC_RETIRED_BASE, 8), PAGE);
	assert_int_equal(sc_chip_inject(b->chip, SC_INJECT_ECC_CORRECTED, BENCH_CARD), -ERANGE);

	/* the page can be written, reading it is the fault of who does */
	bench_queue(b, 0, 0, SC_QUEUE_KERNEL_RING);
	p = pkt_fill(PAGE, SC_PAGE_SIZE, 7);
	bench_submit(b, 0, &p, 1);
	assert_int_equal(bench_queue_state(b, 0), SC_QUEUE_IDLE);
	p = pkt_copy(PAGE + 0x1000, PAGE, 64);
	bench_submit(b, 0, &p, 1);
	assert_int_equal(bench_expect_fault(b, 0, SC_CODE_MEMORY_ECC)->va, PAGE);
	bench_map(b, 1, 0x10000, PAGE, SC_PTE_READ | SC_PTE_WRITE);
	bench_map(b, 1, 0x11000, PAGE + 0x1000, SC_PTE_READ | SC_PTE_WRITE);
	bench_queue(b, 1, 1, 0);
	p = pkt_copy(0x11000, 0x10000, 64);
	bench_submit(b, 1, &p, 1);
	assert_int_equal(bench_expect_fault(b, 1, SC_CODE_MEMORY_ECC)->va, 0x10000);
	bench_recover(b, 1);
	p = pkt_copy(0x10000, 0x11000, 64);
	bench_submit(b, 1, &p, 1);
	assert_int_equal(bench_queue_state(b, 1), SC_QUEUE_IDLE);
}

/* What the card remembers: a second card with the image of the first is the first. */
static void test_nvram(void **state)
{
	struct bench *b = *state, *again;
	struct sc_config config = bench_config();
	uint8_t image[sizeof(b->nvram)];

	inject(b, SC_INJECT_ECC_UNCORRECTED, PAGE);
	inject(b, SC_INJECT_CORE_FAILURE, 2);
	b->now += 5000000000ULL;
	inject(b, SC_INJECT_ECC_CORRECTED, PAGE);
	memcpy(image, b->nvram, sizeof(image));
	config.serial = 0;
	config.nvram = image;
	again = bench_create(&config);
	assert_int_equal(reg8(again, SC_REG_SERIAL), 0x1234);
	assert_int_equal(reg4(again, SC_REG_POWER_CYCLES), 2);
	assert_in_range(reg8(again, SC_REG_LIFETIME_SECONDS), 5, 6);
	assert_int_equal(reg8(again, SC_REG_ECC_UNCORRECTED), 1);
	assert_int_equal(reg4(again, SC_REG_NUM_RETIRED), 1);
	assert_int_equal(sc_chip_read(again->chip, SC_RETIRED_BASE, 8), PAGE);
	assert_int_equal(reg8(again, SC_REG_NUM_HEALTH), 3);
	assert_int_equal(record(again, 1).code, SC_CODE_CORE_FAILED);
	assert_int_equal(record(again, 1).core, 2);
	assert_int_equal(reg8(again, SC_REG_CORE_MASK), 0xb);
	bench_destroy(again);

	image[40]++;
	again = bench_create(&config);
	assert_int_equal(reg4(again, SC_REG_POWER_CYCLES), 1);
	assert_int_equal(reg8(again, SC_REG_NUM_HEALTH), 0);
	bench_destroy(again);
}

/* A failed core goes with the next reset, and the others do its work. */
static void test_core(void **state)
{
	struct bench *b = *state;
	union packet p[2];
	unsigned int i;

	inject(b, SC_INJECT_CORE_FAILURE, 1);
	expect_health(b, SC_CODE_CORE_FAILED, 0, 0);
	assert_int_equal(reg8(b, SC_REG_CORES_DISABLED), 2);
	assert_int_equal(reg8(b, SC_REG_CORE_MASK), 0xf);
	assert_int_equal(sc_chip_inject(b->chip, SC_INJECT_CORE_FAILURE, 4), -ERANGE);
	sc_chip_reset_begin(b->chip, SC_RESET_CAUSE_FLR);
	bench_run(b);
	assert_int_equal(reg8(b, SC_REG_CORE_MASK), 0xd);
	fake_core_log_clear();
	bench_enable(b);
	bench_context(b, 1);
	bench_queue(b, 1, 1, 0);
	pkt_dispatch(p, 0, 30, FAKE_DONE, 10, 0);
	bench_submit(b, 1, p, 2);
	assert_int_equal(fake_core_log_count(), 30);
	for (i = 0; i < 30; i++)
		assert_int_not_equal(fake_core_log(i)->core, 1);
}

/* Power lost and back: what was injected is over, what was written down is not. */
static void test_power(void **state)
{
	struct bench *b = *state;
	union packet p = pkt_copy(PAGE + 0x1000, PAGE, 64);

	inject(b, SC_INJECT_ECC_UNCORRECTED, PAGE);
	inject(b, SC_INJECT_TEMPERATURE, HOT);
	sc_chip_reset_begin(b->chip, SC_RESET_CAUSE_POWER);
	bench_run(b);
	assert_int_equal(reg4(b, SC_REG_POWER_CYCLES), 2);
	assert_int_equal(reg8(b, SC_REG_NUM_HEALTH), 3);
	assert_int_equal(reg4(b, SC_REG_NUM_RETIRED), 1);
	assert_int_equal(reg4(b, SC_REG_THROTTLE), 0);
	bench_enable(b);
	bench_queue(b, 0, 0, SC_QUEUE_KERNEL_RING);
	bench_submit(b, 0, &p, 1);
	assert_int_equal(bench_queue_state(b, 0), SC_QUEUE_IDLE);
}

static void test_saved(void **state)
{
	struct bench *b = *state, *other = bench_create(NULL);
	uint8_t buf[65536];
	long size;

	inject(b, SC_INJECT_ECC_UNCORRECTED, PAGE);
	inject(b, SC_INJECT_TEMPERATURE, HOT - 1);
	assert_int_equal(sc_chip_save(b->chip, buf, sizeof(buf)), -EBUSY); /* an event is due */
	bench_run(b);
	size = sc_chip_save(b->chip, buf, sizeof(buf));
	assert_in_range(size, 1, sizeof(buf));
	assert_int_equal(sc_chip_load(other->chip, buf, size), 0);
	assert_int_equal(reg8(other, SC_REG_NUM_HEALTH), 1);
	assert_int_equal(reg4(other, SC_REG_NUM_RETIRED), 1);
	assert_int_equal(reg4(other, SC_REG_TEMP_DIE), HOT - 1);
	assert_int_equal(reg8(other, SC_REG_ECC_UNCORRECTED), 1);
	bench_destroy(other);
}

/* A stuck queue goes on after its reset. */
static void test_stuck(void **state)
{
	struct bench *b = *state;
	union packet p = pkt(SC_OP_NOP, 0);

	bench_queue(b, 2, 1, 0);
	inject(b, SC_INJECT_STUCK_QUEUE, 2);
	bench_submit(b, 2, &p, 1);
	assert_int_equal(bench_queue_read(b, 2, SC_Q_RETIRED), 0);
	bench_command(b, 2, SC_QUEUE_CMD_RESET);
	bench_wait_state(b, 2, SC_QUEUE_STOPPED);
	bench_command(b, 2, SC_QUEUE_CMD_START);
	bench_run(b);
	assert_int_equal(bench_queue_read(b, 2, SC_Q_RETIRED), 1);
	assert_int_equal(sc_chip_inject(b->chip, SC_INJECT_STUCK_QUEUE, 16), -ERANGE);
}

/* The next event, and it alone, says what it is told to. */
static void test_event_status(void **state)
{
	struct bench *b = *state;
	union packet p = pkt(0x7f, 0);
	unsigned int i, events = bench_events(b);

	inject(b, SC_INJECT_EVENT_STATUS, SC_STATUS_OK);
	for (i = 0; i < 2; i++) {
		bench_queue(b, 2 + i, 1, 0);
		bench_submit(b, 2 + i, &p, 1);
		assert_int_equal(bench_events(b), events + i + 1);
		assert_int_equal(bench_event(b, events + i)->fault.code, SC_CODE_BAD_OPCODE);
		assert_int_equal(bench_event(b, events + i)->fault.status,
				 i ? SC_STATUS_INVALID : SC_STATUS_OK);
	}
	assert_int_equal(sc_chip_inject(b->chip, SC_INJECT_EVENT_STATUS, 256), -ERANGE);
}

static unsigned int halves;

static int count_halves(struct bench *b, uint64_t addr, size_t len, bool write)
{
	(void)b;
	halves += write && len == 4 && (addr & ~4ULL) == BENCH_STATE + 3 * 128;
	return 0;
}

static void test_write_back(void **state)
{
	struct bench *b = *state;
	union packet p = pkt(SC_OP_NOP, 0);
	unsigned int irqs;

	bench_queue(b, 3, 1, 0);
	b->hook = count_halves;
	halves = 0;
	inject(b, SC_INJECT_WRITEBACK_TORN, 3);
	bench_submit(b, 3, &p, 1);
	assert_int_equal(halves, 2);
	assert_int_equal(bench_state(b, 3).retired, 1);
	bench_submit(b, 3, &p, 1);
	assert_int_equal(halves, 2);

	irqs = b->irqs[BENCH_VECTOR(3)];
	bench_queue_write(b, 3, SC_Q_ARM, 3);
	inject(b, SC_INJECT_WRITEBACK_LATE, 3);
	bench_submit(b, 3, &p, 1);
	assert_int_equal(b->irqs[BENCH_VECTOR(3)], irqs + 1);
	assert_int_equal(bench_queue_read(b, 3, SC_Q_RETIRED), 3);
	assert_int_equal(bench_state(b, 3).retired, 2);
	bench_queue_read(b, 3, SC_Q_PROGRESS);
	bench_run(b);
	assert_int_equal(bench_state(b, 3).retired, 3);
}

/* A virtual function: its own number, the card's serial, nothing of the card's health. */
static void test_virtual(void **state)
{
	struct sc_config config = bench_config();
	struct bench *b;

	(void)state;
	config.function = 2;
	b = bench_create(&config);
	assert_int_equal(reg4(b, SC_REG_FUNCTION), 2);
	assert_int_equal(reg8(b, SC_REG_SERIAL), 0x1234);
	assert_int_equal(reg8(b, SC_REG_FEATURES) & (SC_FEATURE_TELEMETRY | SC_FEATURE_VIRTUAL),
			 SC_FEATURE_VIRTUAL);
	assert_int_equal(reg4(b, SC_REG_TEMP_DIE), 0);
	assert_int_equal(reg4(b, SC_REG_POWER_CYCLES), 0);
	assert_int_equal(sc_chip_inject(b->chip, SC_INJECT_TEMPERATURE, HOT), -ENODEV);
	assert_int_equal(sc_chip_inject(b->chip, SC_INJECT_STUCK_QUEUE, 1), 0);
	bench_destroy(b);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(test_values), TEST(test_temperature), TEST(test_ecc), TEST(test_nvram),
		TEST(test_core), TEST(test_power), TEST(test_saved), TEST(test_stuck),
		TEST(test_event_status), TEST(test_write_back), cmocka_unit_test(test_virtual),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
