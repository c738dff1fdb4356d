// SPDX-License-Identifier: MIT
/*
 * What a broken card does to the driver's two sources of truth: interrupts that are lost, late or
 * come twice, and write-backs that are torn or come after their interrupt. Every job is done, and
 * done once; nothing is reset for it.
 */
#include <string.h>
#include <unistd.h>
#include <xf86drm.h>

#include "card.h"
#include "tap.h"

#define RW   (DRM_SEEDCHIP_BIND_MAP | DRM_SEEDCHIP_BIND_READ | DRM_SEEDCHIP_BIND_WRITE)
#define VA   0x10000000ULL
#define SIZE 0x1000ULL
#define JOBS 4

static int fd;
static struct drm_seedchip_queue_create queue = { .priority = 1, .ring_log2 = 6,
						  .timeout_ms = 400 };
static volatile uint64_t *map;

static const char *const counters[] = { "faults", "timeouts", "queue_resets", "context_resets",
					"device_resets" };
#define COUNTERS (sizeof(counters) / sizeof(counters[0]))

/* Jobs one after the other, each with somebody who waits for it; the first meets what is wrong. */
static void spoil(const char *property, unsigned int value)
{
	long long before[COUNTERS];
	uint64_t old = map[0];
	unsigned int i;

	for (i = 0; i < COUNTERS; i++)
		before[i] = card_counter(counters[i]);
	CHECK(before[0] >= 0);
	CHECK_EQ(card_inject(property, value), 0);
	for (i = 1; i <= JOBS; i++) {
		struct sc_packet signal = card_word(SC_OP_SIGNAL, VA, old + i);

		CHECK_EQ(card_run(fd, queue.queue, &signal, 1), 0);
		CHECK_EQ(map[0], old + i);
	}
	for (i = 0; i < COUNTERS; i++)
		if (card_counter(counters[i]) != before[i])
			tap_fail("%s has risen", counters[i]);
}

/* The watchdog finds out that the job is done. */
static void lost(void)
{
	spoil("irq-drop", 1);
}

static void late(void)
{
	spoil("irq-delay", JOBS);
}

static void twice(void)
{
	spoil("irq-duplicate", JOBS);
}

static void in_two_halves(void)
{
	spoil("writeback-torn", queue.hw_queue);
}

/* The interrupt finds nothing; the watchdog, which asks the card, does. */
static void behind(void)
{
	spoil("writeback-late", queue.hw_queue);
}

int main(void)
{
	static const struct tap_test tests[] = {
		{ "an interrupt is lost", lost },
		{ "interrupts come late", late },
		{ "interrupts come twice", twice },
		{ "a write-back is torn", in_two_halves },
		{ "a write-back comes after its interrupt", behind },
	};
	uint32_t bo;

	fd = card_open(0);
	if (fd < 0 || card_bo(fd, SIZE, DRM_SEEDCHIP_BO_SYSTEM, &bo) ||
	    card_ioctl(fd, DRM_IOCTL_SEEDCHIP_QUEUE_CREATE, &queue) ||
	    card_bind(fd, RW, bo, 0, VA, SIZE)) {
		printf("Bail out! no card, buffer or queue\n");
		return EXIT_FAILURE;
	}
	map = card_map(fd, bo, SIZE);
	return TAP_RUN(tests);
}
