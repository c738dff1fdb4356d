// SPDX-License-Identifier: MIT
/*
 * Interrupts that are held back, counted. Pieces of work end one by one, when the test says so,
 * on a machine whose clock is its count of instructions: so counts are exact, and times are
 * those of the guest alone.
 */
/* vm: card=sync=on qemu=-icount qemu=shift=0,sleep=off qemu=-smp qemu=1 */
#include "common.h"

#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#include "seedchip/notify.h"

#define LAUNCHES 32u
#define TOGETHER 4u
#define PACKETS	 2u /* of a launch */
#define QUANTUM	 100000 /* ns for which a card with sync=on works before others have their turn */

/** struct work - launches that end one by one, of all but the last of which an eventfd is told */
struct work {
	struct card card;
	struct seedchip_queue *queue;
	struct seedchip_buffer *buffer;
	uint64_t *word;
	struct seedchip_event last;
	unsigned long interrupts;
	int fd;
};

/* Of the queues of all cards. */
static unsigned long count_interrupts(void)
{
	unsigned long sum = 0;
	char line[512];
	FILE *f = fopen("/proc/interrupts", "re");

	CHECK(f);
	while (f && fgets(line, sizeof(line), f))
		if (strstr(line, "seedchip-") && !strstr(line, "-events"))
			sum += strtoul(strchr(line, ':') + 1, NULL, 10);
	if (f)
		fclose(f);
	return sum;
}

static void begin(struct work *w, uint32_t flags, uint32_t irq_count, uint32_t irq_ns)
{
	const struct seedchip_queue_desc desc = {
		.size = sizeof(desc), .flags = flags, .wait_spin_us = SEEDCHIP_NO_SPIN,
		.irq_count = irq_count, .irq_ns = irq_ns,
	};
	struct { uint64_t word, value; } args;

	w->card = open_card(0);
	OK(seedchip_queue_create(w->card.dev, &desc, &w->queue));
	w->buffer = buffer(&w->card, 4096, SEEDCHIP_SYSTEM, &w->word);
	w->fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	args.word = seedchip_buffer_address(w->buffer);
	for (args.value = 1; args.value <= LAUNCHES + 1; args.value++) {
		OK(seedchip_launch(w->queue, kernel(&w->card, "until"), &one, &args, sizeof(args)));
		w->last = seedchip_queue_mark(w->queue);
		if (args.value <= LAUNCHES)
			OK(seedchip_event_notify(w->last, w->fd));
	}
	w->interrupts = count_interrupts();
}

static void let_end(struct work *w, uint64_t count)
{
	__atomic_store_n(w->word, count, __ATOMIC_RELEASE);
}

static uint64_t num_ended(struct work *w)
{
	struct seedchip_queue_stats stats = { .size = sizeof(stats) };

	OK(seedchip_queue_stats(w->queue, &stats));
	return stats.workgroups;
}

/* The events that the eventfd has been told of since the last call; waits for one. */
static uint64_t told(struct work *w)
{
	struct pollfd p = { .fd = w->fd, .events = POLLIN };
	eventfd_t value = 0;

	CHECK_EQ(poll(&p, 1, LIMIT / 1000000), 1);
	eventfd_read(w->fd, &value);
	return value;
}

static bool is_quiet(struct work *w)
{
	struct pollfd p = { .fd = w->fd, .events = POLLIN };

	return !poll(&p, 1, 0);
}

/* Return: the interrupts since the beginning. */
static unsigned long end(struct work *w)
{
	unsigned long n = count_interrupts() - w->interrupts;

	let_end(w, LAUNCHES + 1);
	OK(seedchip_event_wait(w->last, LIMIT));
	close(w->fd);
	seedchip_queue_destroy(w->queue);
	seedchip_buffer_destroy(w->buffer);
	close_card(&w->card);
	return n;
}

static void count_each(uint32_t flags)
{
	struct work w;

	begin(&w, flags, 0, 0);
	for (uint64_t i = 1; i <= LAUNCHES; i++) {
		CHECK(is_quiet(&w));
		let_end(&w, i);
		CHECK_EQ(told(&w), 1);
	}
	CHECK_EQ(end(&w), LAUNCHES);
}

static void count_groups(uint32_t flags)
{
	struct work w;

	begin(&w, flags, (TOGETHER - 1) * PACKETS, 1000000);
	for (uint64_t i = 1; i <= LAUNCHES; i++) {
		CHECK(is_quiet(&w));
		let_end(&w, i);
		while (num_ended(&w) < i)
			continue;
		if (i % TOGETHER == 0)
			CHECK_EQ(told(&w), TOGETHER);
	}
	CHECK_EQ(end(&w), LAUNCHES / TOGETHER);
}

/* When the queue has nothing left to do there is nothing to wait for. */
static void count_all(uint32_t flags)
{
	struct work w;
	uint64_t sum = 0;

	begin(&w, flags, UINT16_MAX, 1000000);
	let_end(&w, LAUNCHES + 1);
	while (sum < LAUNCHES)
		sum += told(&w);
	CHECK_EQ(sum, LAUNCHES);
	CHECK_EQ(end(&w), 1);
}

/* From the end of the first piece of work, while nothing else ends, to the eventfd. */
static int64_t measure(uint32_t flags, uint32_t irq_count, uint32_t irq_ns)
{
	struct timespec from, to;
	struct work w;

	begin(&w, flags, irq_count, irq_ns);
	clock_gettime(CLOCK_MONOTONIC, &from);
	let_end(&w, 1);
	CHECK_EQ(told(&w), 1);
	clock_gettime(CLOCK_MONOTONIC, &to);
	CHECK_EQ(num_ended(&w), 1);
	CHECK_EQ(end(&w), 1);
	return (to.tv_sec - from.tv_sec) * SECOND + to.tv_nsec - from.tv_nsec;
}

static void measure_delay(uint32_t flags)
{
	const int64_t held[] = { 300000, 1000000 };
	int64_t without = measure(flags, 0, 0), with;

	for (unsigned int i = 0; i < 2; i++) {
		with = measure(flags, UINT16_MAX, held[i]);
		printf("# %lld ns without, %lld ns when held back for %lld ns\n",
		       (long long)without, (long long)with, (long long)held[i]);
		CHECK(with >= held[i] && with <= without + held[i] + QUANTUM);
	}
}

static void test_each(void)
{
	count_each(0);
	count_each(SEEDCHIP_QUEUE_USER);
}

static void test_groups(void)
{
	count_groups(0);
	count_groups(SEEDCHIP_QUEUE_USER);
}

static void test_all(void)
{
	count_all(0);
	count_all(SEEDCHIP_QUEUE_USER);
}

static void test_delay(void)
{
	measure_delay(0);
	measure_delay(SEEDCHIP_QUEUE_USER);
}

static const struct tap_test tests[] = {
	{ "an interrupt for each event", test_each },
	{ "one for several, by their count", test_groups },
	{ "one for all, when the queue is idle", test_all },
	{ "no later than the time given", test_delay },
};

int main(void)
{
	return TAP_RUN(tests);
}
