// SPDX-License-Identifier: MIT
/*
 * vm: cards=2
 *
 * Two cards in one process: queues of one wait for events of the other, a
 * failure travels with the event, and addresses of one mean nothing on the
 * other.
 */
#include "common.h"

#include <stdio.h>

struct affine_args {
	uint64_t v, by, plus;
};

struct spin_args {
	uint64_t v, steps, value;
};

static struct card cards[2];
static struct seedchip_buffer *b[2];
static uint64_t *v[2];

static void open_both(void)
{
	CHECK_EQ(seedchip_device_count(), 2);
	for (int i = 0; i < 2; i++) {
		cards[i] = open_card(i);
		b[i] = buffer(&cards[i], 4096, SEEDCHIP_CARD | SEEDCHIP_CPU, &v[i]);
	}
}

static void close_both(void)
{
	for (int i = 0; i < 2; i++) {
		seedchip_buffer_destroy(b[i]);
		close_card(&cards[i]);
	}
}

static void test_distinct(void)
{
	struct seedchip_device_info info[2] = { { .size = sizeof(info[0]) },
						{ .size = sizeof(info[0]) } };
	struct seedchip_device *dev;

	open_both();
	for (int i = 0; i < 2; i++)
		OK(seedchip_device_info(cards[i].dev, &info[i]));
	CHECK(strcmp(info[0].address, info[1].address) < 0);
	setenv("SEEDCHIP_VISIBLE_DEVICES", "1,0", 1);
	CHECK_EQ(seedchip_device_count(), 2);
	OK(seedchip_device_open(0, &dev));
	OK(seedchip_device_info(dev, &info[0]));
	CHECK(!strcmp(info[0].address, info[1].address));
	seedchip_device_close(dev);
	unsetenv("SEEDCHIP_VISIBLE_DEVICES");
	FAILS(seedchip_launch(cards[1].queue, kernel(&cards[0], "nothing"), &one, NULL, 0), -EINVAL,
	      "another device");
	close_both();
}

/* Card 1 adds after card 0 has multiplied, over memory of the host. */
static void test_wait(void)
{
	open_both();
	for (int i = 0; i < 10; i++) {
		struct spin_args spin = { seedchip_buffer_address(b[0]), 3000000, 1 };
		struct affine_args affine = { seedchip_buffer_address(b[1]), 1, 1 };
		struct seedchip_event e;

		OK(seedchip_launch(cards[0].queue, kernel(&cards[0], "spin"), &one, &spin,
				   sizeof(spin)));
		e = seedchip_queue_mark(cards[0].queue);
		OK(seedchip_queue_wait(cards[1].queue, e));
		OK(seedchip_launch(cards[1].queue, kernel(&cards[1], "affine"), &one, &affine,
				   sizeof(affine)));
		OK(seedchip_event_wait(seedchip_queue_mark(cards[1].queue), LIMIT));
		OK(seedchip_event_wait(e, 0));
		CHECK_EQ(*v[0], i + 1);
		CHECK_EQ(*v[1], i + 1);
	}
	close_both();
}

static void test_failure_travels(void)
{
	struct { uint64_t address; uint32_t kind; } crash = { 0, 2 };
	struct affine_args affine;
	struct spin_args spin;
	struct seedchip_fault f = { .size = sizeof(f) };
	struct seedchip_event e;

	open_both();
	*v[1] = 5;
	spin = (struct spin_args){ seedchip_buffer_address(b[0]), 3000000, 1 };
	affine = (struct affine_args){ seedchip_buffer_address(b[1]), 1, 1 };
	OK(seedchip_launch(cards[0].queue, kernel(&cards[0], "spin"), &one, &spin, sizeof(spin)));
	OK(seedchip_launch(cards[0].queue, kernel(&cards[0], "crash"), &one, &crash,
			   sizeof(crash)));
	OK(seedchip_queue_wait(cards[1].queue, seedchip_queue_mark(cards[0].queue)));
	OK(seedchip_launch(cards[1].queue, kernel(&cards[1], "affine"), &one, &affine,
			   sizeof(affine)));
	e = seedchip_queue_mark(cards[1].queue);
	CHECK_EQ(seedchip_event_wait(e, LIMIT), -EIO);
	OK(seedchip_event_fault(e, &f));
	printf("# %s\n", f.text);
	CHECK_EQ(f.code, SC_CODE_DEPENDENCY);
	CHECK_EQ(*v[1], 5);
	OK(seedchip_queue_recover(cards[0].queue));
	OK(seedchip_queue_recover(cards[1].queue));
	OK(seedchip_launch(cards[1].queue, kernel(&cards[1], "affine"), &one, &affine,
			   sizeof(affine)));
	OK(seedchip_event_wait(seedchip_queue_mark(cards[1].queue), LIMIT));
	CHECK_EQ(*v[1], 6);
	close_both();
}

static const struct tap_test tests[] = {
	{ "order of cards", test_distinct },
	{ "waiting for the other card", test_wait },
	{ "a failure travels with its event", test_failure_travels },
};

int main(void)
{
	return TAP_RUN(tests);
}
