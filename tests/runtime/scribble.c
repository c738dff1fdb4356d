// SPDX-License-Identifier: MIT
/*
 * A process writes over its own user-mode ring: a wait without limit ends all the same, with a
 * fault that says what was found or what did not come; another queue does not notice.
 *
 * Includes what the library does not export, to find the ring.
 */
#include "runtime/queue.h"
#include "common.h"

#include <stdio.h>

#define RING 128
#define FILLS 8

static struct card c;
static struct seedchip_buffer *b;
static struct seedchip_queue *user;
static uint64_t *v;

static struct sc_packet *slot(uint64_t index)
{
	return (struct sc_packet *)user->user->ring + index % RING;
}

/* No slot is valid for the laps to come. */
static void clear(void)
{
	uint64_t i, index = queue_retired(user);

	for (i = index; i < index + RING; i++)
		*slot(i) = (struct sc_packet){ .hdr = !SC_PHASE(i, __builtin_ctz(RING)) };
}

static void fill(struct seedchip_queue *q, uint64_t at, uint64_t value)
{
	OK(seedchip_fill(q, seedchip_buffer_address(b) + 8 * at, value, 8));
}

static void works(struct seedchip_queue *q, uint64_t value)
{
	fill(q, 0, value);
	OK(seedchip_event_wait(seedchip_queue_mark(q), LIMIT));
	CHECK_EQ(v[0], value);
}

/* A wait for the ring as it is now. Return: the fault's code, 0 if the work is done. */
static uint32_t wait_for_it(void)
{
	struct seedchip_event e = seedchip_queue_mark(user);
	struct seedchip_fault f = { .size = sizeof(f) };
	int r = seedchip_event_wait(e, -1);

	works(c.queue, 1);
	if (r) {
		CHECK_EQ(r, -EIO);
		OK(seedchip_event_fault(e, &f));
		printf("# %s\n", f.text);
		CHECK(f.code != SC_CODE_NONE);
	}
	clear();
	OK(seedchip_queue_recover(user));
	works(user, 2);
	works(c.queue, 3);
	return f.code;
}

/* The card takes the first packet and then sees nothing that it takes for the next. */
static void test_gone(void)
{
	uint64_t at;

	fill(user, 1, 10);
	at = queue_retired(user);
	fill(user, 2, 20);
	memset(slot(at + 1), 0, sizeof(struct sc_packet));
	slot(at + 1)->hdr = !SC_PHASE(at + 1, __builtin_ctz(RING));
	CHECK_EQ(wait_for_it(), SC_CODE_JOB_TIMEOUT);
	CHECK_EQ(v[1], 10);
	CHECK_EQ(v[2], 0);
}

static void test_random(void)
{
	uint64_t seed = 42;

	for (int round = 0; round < 40; round++) {
		for (int i = 0; i < FILLS; i++)
			fill(user, 1 + i, round);
		for (int i = 0; i < 2; i++) {
			uint64_t word;

			seed = seed * 6364136223846793005ull + 1442695040888963407ull;
			word = seed >> 33 & (FILLS * 8 - 1);
			/* Phases stay: what that leads to has been seen. */
			((uint64_t *)slot(queue_retired(user)))[word] ^= seed << 32 | (seed & ~1u);
		}
		wait_for_it();
	}
}

static const struct tap_test tests[] = {
	{ "packets that are not valid any more", test_gone },
	{ "packets with other contents", test_random },
};

int main(void)
{
	struct seedchip_queue_desc desc = {
		.size = sizeof(desc), .flags = SEEDCHIP_QUEUE_USER, .ring_slots = RING,
		.timeout_ms = 300,
	};

	if (setjmp(tap_failed)) {
		printf("Bail out! no card, buffer or queue\n");
		return EXIT_FAILURE;
	}
	c = open_card(0);
	b = buffer(&c, 4096, SEEDCHIP_SYSTEM, &v);
	OK(seedchip_queue_create(c.dev, &desc, &user));
	return TAP_RUN(tests);
}
