// SPDX-License-Identifier: MIT
/*
 * Memory taken from under a kernel that stores to it without a pause: when the
 * call that unmaps or replaces it has returned, not one more store arrives, and
 * the memory can be given to somebody else.
 */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include <seedchip.h>

#include "seedchip_status.h"
#include "neighbour.h"
#include "tap.h"

#define MODULE "/usr/lib/seedchip/kernels.elf"
#define SIZE   0x10000u
#define LIMIT  60000000000 /* nanoseconds */
#define ROUNDS 20u

struct word_args {
	uint64_t out;
	uint64_t a;
	uint64_t b;
};

static struct seedchip_device *dev;
static struct seedchip_kernel *hammer;
static struct seedchip_queue *queue;
static struct seedchip_range *range;

static void must(int ret, const char *what)
{
	if (ret) {
		printf("Bail out! %s: %s (%s)\n", what, strerror(-ret), seedchip_error());
		exit(EXIT_FAILURE);
	}
}

static struct seedchip_buffer *buffer(uint32_t flags, volatile uint64_t **words)
{
	struct seedchip_buffer *b;

	CHECK_EQ(seedchip_buffer_create(dev, SIZE, flags, &b), 0);
	CHECK_EQ(seedchip_buffer_map(b, (void **)words), 0);
	return b;
}

/* One workgroup a core, each with words of its own; they end by a fault only. */
static struct seedchip_event start(void)
{
	struct seedchip_dim dim = { .x = 8, .y = 1, .z = 1 };
	struct word_args args = { .a = seedchip_range_address(range), .b = SIZE };

	CHECK_EQ(seedchip_launch(queue, hammer, &dim, &args, sizeof(args)), 0);
	return seedchip_queue_mark(queue);
}

static uint64_t sum(const volatile uint64_t *words)
{
	uint64_t total = 0;

	for (uint32_t i = 0; i < SIZE / 8; i++)
		total += words[i];
	return total;
}

static void wait_for_stores(const volatile uint64_t *words)
{
	uint64_t first = sum(words);
	unsigned int i;

	for (i = 0; i < 10000 && sum(words) == first; i++)
		usleep(1000);
	CHECK(i < 10000);
}

static void must_be_quiet(const volatile uint64_t *words)
{
	uint64_t first = sum(words);

	for (unsigned int i = 0; i < 5; i++) {
		usleep(2000);
		CHECK_EQ(sum(words), first);
	}
}

/* Back and forth between two buffers: only the mapped one changes. */
static void replace(uint32_t flags)
{
	volatile uint64_t *words[2];
	struct seedchip_buffer *b[2];
	struct seedchip_fault fault = { .size = sizeof(fault) };
	struct seedchip_event event;
	uint64_t va = seedchip_range_address(range);

	b[0] = buffer(flags, &words[0]);
	b[1] = buffer(flags, &words[1]);
	CHECK_EQ(seedchip_range_map(range, 0, b[0], 0, SIZE, NULL, NULL), 0);
	event = start();
	for (unsigned int i = 0; i < ROUNDS; i++) {
		wait_for_stores(words[i % 2]);
		CHECK_EQ(seedchip_range_map(range, 0, b[(i + 1) % 2], 0, SIZE, NULL, NULL), 0);
		must_be_quiet(words[i % 2]);
	}
	wait_for_stores(words[ROUNDS % 2]);
	CHECK_EQ(seedchip_range_unmap(range, 0, SIZE, NULL, NULL), 0);
	must_be_quiet(words[ROUNDS % 2]);
	CHECK_EQ(seedchip_event_wait(event, LIMIT), -EIO);
	CHECK_EQ(seedchip_event_fault(event, &fault), 0);
	printf("# %s\n", fault.text);
	CHECK_EQ(fault.status, SC_STATUS_FAULT);
	CHECK_EQ(fault.code, SC_CODE_UNMAPPED);
	CHECK(fault.address >= va && fault.address < va + SIZE);
	CHECK_EQ(seedchip_queue_recover(queue), 0);
	seedchip_buffer_destroy(b[0]);
	seedchip_buffer_destroy(b[1]);
}

static void card_memory(void)
{
	replace(SEEDCHIP_CARD | SEEDCHIP_CPU);
}

static void system_memory(void)
{
	replace(SEEDCHIP_SYSTEM);
}

/* Freed right after the unmapping: whoever gets the memory next finds zeroes, and they stay. */
static void freed(void)
{
	for (unsigned int i = 0; i < ROUNDS; i++) {
		volatile uint64_t *old, *new;
		struct seedchip_buffer *b = buffer(SEEDCHIP_CARD | SEEDCHIP_CPU, &old), *next;
		struct seedchip_event event;

		CHECK_EQ(seedchip_range_map(range, 0, b, 0, SIZE, NULL, NULL), 0);
		event = start();
		wait_for_stores(old);
		CHECK_EQ(seedchip_range_unmap(range, 0, SIZE, NULL, NULL), 0);
		seedchip_buffer_destroy(b);
		next = buffer(SEEDCHIP_CARD | SEEDCHIP_CPU, &new);
		must_be_quiet(new);
		CHECK_EQ(sum(new), 0);
		CHECK_EQ(seedchip_event_wait(event, LIMIT), -EIO);
		CHECK_EQ(seedchip_queue_recover(queue), 0);
		CHECK_EQ(sum(new), 0);
		seedchip_buffer_destroy(next);
	}
}

int main(void)
{
	static const struct tap_test tests[] = {
		{ "card memory is replaced under a running kernel", card_memory },
		{ "system memory is replaced under a running kernel", system_memory },
		{ "freed memory is not written by its last user", freed },
		{ "the neighbour's results are right", neighbour_is_right },
	};
	struct seedchip_queue_desc desc = { .size = sizeof(desc), .wg_limit = 1ULL << 40,
					    .timeout_ms = 60000 };
	struct seedchip_module *module;

	neighbour_start();
	must(seedchip_device_open(0, &dev), "open");
	must(seedchip_module_load_file(dev, MODULE, &module), "load");
	must(seedchip_module_kernel(module, "hammer", &hammer), "kernel");
	must(seedchip_queue_create(dev, &desc, &queue), "queue");
	must(seedchip_range_reserve(dev, SIZE, &range), "range");
	return TAP_RUN(tests);
}
