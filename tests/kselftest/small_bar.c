// SPDX-License-Identifier: MIT
/* vm: card=bar=256M,vram=1G timeout=120 */
/*
 * A card whose BAR shows a quarter of its memory: all of it is usable, the rest
 * is reached by copies, and only the visible part by the CPU.
 */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "card.h"
#include "tap.h"

#define RW  (DRM_SEEDCHIP_BIND_MAP | DRM_SEEDCHIP_BIND_READ | DRM_SEEDCHIP_BIND_WRITE)
#define MIB 0x100000ULL

static int fd;
static struct drm_seedchip_info info;

static void sizes(void)
{
	CHECK_EQ(info.card_size, 1024 * MIB);
	CHECK_EQ(info.card_visible_size, 256 * MIB);
}

static void invisible_memory(void)
{
	const uint64_t size = 640 * MIB;
	struct drm_seedchip_queue_create queue;
	struct sc_packet packets[3];
	uint32_t big, small;
	uint64_t *map;

	CHECK_EQ(card_queue(fd, &queue), 0);
	CHECK_EQ(card_bo(fd, size, DRM_SEEDCHIP_BO_CARD, &big), 0);
	CHECK_EQ(card_bo(fd, 4096, DRM_SEEDCHIP_BO_SYSTEM, &small), 0);
	CHECK_EQ(card_bind(fd, RW, big, 0, 0x100000000, size), 0);
	CHECK_EQ(card_bind(fd, RW, small, 0, 0x10000000, 4096), 0);
	map = card_map(fd, small, 4096);
	CHECK(map);
	map[0] = 0xdead;
	packets[0] = card_copy(0x10000000 + 64, 0x100000000 + size - 8, 8);
	packets[1] = card_copy(0x100000000 + size - 8, 0x10000000, 8);
	packets[2] = card_copy(0x10000000 + 128, 0x100000000 + size - 8, 8);
	map[8] = 1;
	CHECK_EQ(card_run(fd, queue.queue, packets, 3), 0);
	CHECK_EQ(map[8], 0);
	CHECK_EQ(map[16], 0xdead);
	CHECK_EQ(card_queue_destroy(fd, queue.queue), 0);
	CHECK_EQ(card_bind(fd, DRM_SEEDCHIP_BIND_UNMAP, 0, 0, 0x100000000, size), 0);
	CHECK_EQ(card_bo_close(fd, big), 0);
	CHECK_EQ(card_bo_close(fd, small), 0);
}

static void visible_is_smaller(void)
{
	const uint32_t visible = DRM_SEEDCHIP_BO_CARD | DRM_SEEDCHIP_BO_CPU_VISIBLE;
	uint32_t handle;

	CHECK_EQ(card_bo(fd, 300 * MIB, visible, &handle), -ENOSPC);
	CHECK_EQ(card_bo(fd, 300 * MIB, DRM_SEEDCHIP_BO_CARD, &handle), 0);
	CHECK_EQ(card_bo_close(fd, handle), 0);
}

/* Buffers that need not be visible leave the visible part to those that must be. */
static void visible_is_spared(void)
{
	const uint32_t visible = DRM_SEEDCHIP_BO_CARD | DRM_SEEDCHIP_BO_CPU_VISIBLE;
	uint32_t big[7], small;
	unsigned int i;

	for (i = 0; i < 7; i++)
		CHECK_EQ(card_bo(fd, 100 * MIB, DRM_SEEDCHIP_BO_CARD, &big[i]), 0);
	CHECK_EQ(card_bo(fd, 128 * MIB, visible, &small), 0);
	CHECK(card_map(fd, small, 128 * MIB));
	CHECK_EQ(card_bo_close(fd, small), 0);
	for (i = 0; i < 7; i++)
		CHECK_EQ(card_bo_close(fd, big[i]), 0);
}

int main(void)
{
	static const struct tap_test tests[] = {
		{ "sizes come from the card", sizes },
		{ "memory beyond the BAR is zero and is copied to and from", invisible_memory },
		{ "a visible buffer must fit the visible part", visible_is_smaller },
		{ "other buffers spare the visible part", visible_is_spared },
	};

	fd = card_open(0);
	if (fd < 0 || card_info(fd, &info)) {
		printf("Bail out! no card: %d\n", fd);
		return EXIT_FAILURE;
	}
	return TAP_RUN(tests);
}
