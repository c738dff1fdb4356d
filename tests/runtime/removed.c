// SPDX-License-Identifier: MIT
/*
 * vm: alone
 *
 * The card is pulled out of the machine while work runs: every call says so,
 * nothing hangs, and everything can still be destroyed.
 */
#include "common.h"

#include <stdio.h>
#include <unistd.h>

static void test_removed(void)
{
	struct card c = open_card(0);
	uint64_t *v;
	struct seedchip_buffer *b = buffer(&c, 4096, SEEDCHIP_CARD | SEEDCHIP_CPU, &v), *other;
	struct { uint64_t v, steps, value; } spin = { seedchip_buffer_address(b), 1ull << 60, 1 };
	/* On a busy host the removal takes longer than a hang usually may. */
	struct seedchip_queue_desc desc = {
		.size = sizeof(desc), .wg_limit = 1ull << 62, .timeout_ms = 600000,
	};
	struct seedchip_fault f = { .size = sizeof(f) };
	struct seedchip_event e;

	seedchip_queue_destroy(c.queue);
	OK(seedchip_queue_create(c.dev, &desc, &c.queue));
	OK(seedchip_launch(c.queue, kernel(&c, "spin"), &one, &spin, sizeof(spin)));
	e = seedchip_queue_mark(c.queue);
	CHECK_EQ(seedchip_event_wait(e, SECOND / 10), -ETIMEDOUT);
	CHECK_EQ(system("qmp device_del '{\"id\":\"card0\"}'"), 0);
	CHECK_EQ(seedchip_event_wait(e, LIMIT), -EIO);
	OK(seedchip_event_fault(e, &f));
	printf("# %s\n", f.text);
	CHECK_EQ(f.status, SC_STATUS_LOST);
	CHECK_EQ(seedchip_launch(c.queue, kernel(&c, "nothing"), &one, NULL, 0), -EIO);
	FAILS(seedchip_queue_recover(c.queue), -ENODEV, "cannot be recovered");
	CHECK_EQ(seedchip_buffer_create(c.dev, 4096, SEEDCHIP_CARD, &other), -ENODEV);
	seedchip_buffer_destroy(b);
	close_card(&c);
	for (int i = 0; i < 50 && seedchip_device_count(); i++)
		usleep(100000);
	CHECK_EQ(seedchip_device_count(), 0);
}

static const struct tap_test tests[] = {
	{ "a card that is pulled", test_removed },
};

int main(void)
{
	return TAP_RUN(tests);
}
