// SPDX-License-Identifier: MIT
/*
 * vm: card=bar=256M,vram=1G
 *
 * A card whose BAR shows a quarter of its memory: the rest is there for buffers
 * that the CPU need not map, and what does need the CPU says what is missing.
 */
#include "common.h"

#define MIB (1ull << 20)

static void test_placement(void)
{
	struct card c = open_card(0);
	struct seedchip_device_info info = { .size = sizeof(info) };
	struct seedchip_buffer *hidden, *b[8], *more;
	struct seedchip_module *module;
	struct seedchip_queue *queue;
	const uint32_t visible = SEEDCHIP_CARD | SEEDCHIP_CPU;
	int n = 0;

	OK(seedchip_device_info(c.dev, &info));
	CHECK_EQ(info.card_size, 1024 * MIB);
	CHECK_EQ(info.card_visible_size, 256 * MIB);
	hidden = buffer(&c, 700 * MIB, SEEDCHIP_CARD, NULL);
	while (n < 8 && !seedchip_buffer_create(c.dev, 48 * MIB, visible, &b[n]))
		n++;
	CHECK(n >= 4 && n < 8);
	FAILS(seedchip_buffer_create(c.dev, 100 * MIB, visible, &more), -ENOSPC,
	      "CPU-visible card memory");
	while (!seedchip_buffer_create(c.dev, MIB / 2, visible, &more))
		continue;
	while (!seedchip_buffer_create(c.dev, 4096, visible, &more))
		continue;
	FAILS(seedchip_module_load_file(c.dev, KERNELS, &module), -ENOSPC,
	      "CPU-visible card memory");
	FAILS(seedchip_queue_create(c.dev, NULL, &queue), -ENOSPC, "CPU-visible card memory");
	seedchip_buffer_destroy(b[0]);
	OK(seedchip_module_load_file(c.dev, KERNELS, &module));
	OK(seedchip_queue_create(c.dev, NULL, &queue));
	OK(seedchip_launch(queue, kernel(&c, "nothing"), &one, NULL, 0));
	OK(seedchip_event_wait(seedchip_queue_mark(queue), LIMIT));
	/* buffers left over end with the device */
	seedchip_queue_destroy(queue);
	seedchip_module_unload(module);
	seedchip_buffer_destroy(hidden);
	close_card(&c);
}

/* A kernel and copies reach what the CPU cannot. */
static void test_hidden_memory(void)
{
	struct card c = open_card(0);
	uint32_t *v;
	struct seedchip_buffer *hidden = buffer(&c, 700 * MIB, SEEDCHIP_CARD, NULL);
	struct seedchip_buffer *s = buffer(&c, 4096, SEEDCHIP_SYSTEM, &v);
	uint64_t at = seedchip_buffer_address(hidden) + 699 * MIB;
	struct seedchip_dim dim = { .x = 16, .y = 1, .z = 1 };

	OK(seedchip_launch(c.queue, kernel(&c, "index3"), &dim, &at, sizeof(at)));
	OK(seedchip_copy(c.queue, seedchip_buffer_address(s), at, 64));
	OK(seedchip_event_wait(seedchip_queue_mark(c.queue), LIMIT));
	for (uint32_t i = 0; i < 16; i++)
		CHECK_EQ(v[i], (0x80000000 | i));
	seedchip_buffer_destroy(hidden);
	seedchip_buffer_destroy(s);
	close_card(&c);
}

static const struct tap_test tests[] = {
	{ "placement", test_placement },
	{ "memory that the CPU cannot reach", test_hidden_memory },
};

int main(void)
{
	return TAP_RUN(tests);
}
