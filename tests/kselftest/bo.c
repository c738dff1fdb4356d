// SPDX-License-Identifier: MIT
/* Buffers: sizes, placement, mmap, contents of new memory, exhaustion. */
#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "card.h"
#include "tap.h"

#define MIB 0x100000ULL

static int fd;
static struct drm_seedchip_info info;

static void rounded(void)
{
	struct drm_seedchip_bo_create create = { .size = 1, .flags = DRM_SEEDCHIP_BO_SYSTEM };

	CHECK_EQ(card_ioctl(fd, DRM_IOCTL_SEEDCHIP_BO_CREATE, &create), 0);
	CHECK_EQ(create.size, info.page_size);
	CHECK(create.handle);
	CHECK_EQ(card_bo_close(fd, create.handle), 0);
}

static void bad_sizes(void)
{
	static const uint64_t huge[] = { 1ULL << 62, 1ULL << 63, ~0ULL - 4094, ~0ULL };
	static const uint32_t places[] = { DRM_SEEDCHIP_BO_CARD, DRM_SEEDCHIP_BO_SYSTEM };
	unsigned int i, j;
	uint32_t handle;

	for (j = 0; j < 2; j++) {
		CHECK_EQ(card_bo(fd, 0, places[j], &handle), -EINVAL);
		for (i = 0; i < sizeof(huge) / sizeof(huge[0]); i++) {
			int ret = card_bo(fd, huge[i], places[j], &handle);

			CHECK(ret == -EINVAL || ret == -ENOSPC || ret == -ENOMEM);
			CHECK_EQ(handle, 0);
		}
	}
	CHECK_EQ(card_bo(fd, info.card_size + 4096, DRM_SEEDCHIP_BO_CARD, &handle), -ENOSPC);
}

static void bad_flags(void)
{
	static const uint32_t flags[] = {
		0,
		DRM_SEEDCHIP_BO_CPU_VISIBLE,
		DRM_SEEDCHIP_BO_CARD | DRM_SEEDCHIP_BO_SYSTEM,
		DRM_SEEDCHIP_BO_SYSTEM | DRM_SEEDCHIP_BO_CPU_VISIBLE,
		DRM_SEEDCHIP_BO_CARD | DRM_SEEDCHIP_BO_WC,
		DRM_SEEDCHIP_BO_SYSTEM | 0x10,
		DRM_SEEDCHIP_BO_CARD | 0x80000000,
	};
	unsigned int i;
	uint32_t handle;

	for (i = 0; i < sizeof(flags) / sizeof(flags[0]); i++)
		CHECK_EQ(card_bo(fd, 4096, flags[i], &handle), -EINVAL);
}

static void map_system(void)
{
	uint32_t handle;
	uint8_t *map;

	CHECK_EQ(card_bo(fd, 4 * 4096, DRM_SEEDCHIP_BO_SYSTEM, &handle), 0);
	map = card_map(fd, handle, 4 * 4096);
	CHECK(map);
	CHECK(!map[0] && !map[4 * 4096 - 1]);
	memset(map, 0xa5, 4 * 4096);
	/* The mapping keeps the memory when the handle is gone. */
	CHECK_EQ(card_bo_close(fd, handle), 0);
	CHECK_EQ(map[4 * 4096 - 1], 0xa5);
	CHECK_EQ(munmap(map, 4 * 4096), 0);
}

static void map_card(void)
{
	uint32_t handle;
	volatile uint64_t *map;

	CHECK_EQ(card_bo(fd, MIB, DRM_SEEDCHIP_BO_CARD | DRM_SEEDCHIP_BO_CPU_VISIBLE, &handle), 0);
	map = card_map(fd, handle, MIB);
	CHECK(map);
	CHECK(!map[0] && !map[MIB / 8 - 1]);
	map[0] = 0x1122334455667788;
	map[MIB / 8 - 1] = 0x99;
	CHECK_EQ(map[0], 0x1122334455667788);
	CHECK_EQ(map[MIB / 8 - 1], 0x99);
	CHECK_EQ(munmap((void *)map, MIB), 0);
	CHECK_EQ(card_bo_close(fd, handle), 0);
}

static void map_invisible(void)
{
	struct drm_seedchip_bo_mmap_offset arg = { 0 };
	uint32_t handle;

	CHECK_EQ(card_bo(fd, 4096, DRM_SEEDCHIP_BO_CARD, &handle), 0);
	arg.handle = handle;
	CHECK_EQ(card_ioctl(fd, DRM_IOCTL_SEEDCHIP_BO_MMAP_OFFSET, &arg), -EACCES);
	CHECK_EQ(card_bo_close(fd, handle), 0);
}

static void map_bad(void)
{
	struct drm_seedchip_bo_mmap_offset arg = { .handle = 12345 };
	uint32_t handle;
	void *map;

	CHECK_EQ(card_ioctl(fd, DRM_IOCTL_SEEDCHIP_BO_MMAP_OFFSET, &arg), -ENOENT);
	CHECK_EQ(card_bo(fd, 4096, DRM_SEEDCHIP_BO_SYSTEM, &handle), 0);
	arg = (struct drm_seedchip_bo_mmap_offset){ .handle = handle, .pad = 1 };
	CHECK_EQ(card_ioctl(fd, DRM_IOCTL_SEEDCHIP_BO_MMAP_OFFSET, &arg), -EINVAL);
	arg.pad = 0;
	CHECK_EQ(card_ioctl(fd, DRM_IOCTL_SEEDCHIP_BO_MMAP_OFFSET, &arg), 0);
	/* Larger than the buffer, beside the buffer, nowhere. */
	CHECK(mmap(NULL, 8192, PROT_READ, MAP_SHARED, fd, (off_t)arg.offset) == MAP_FAILED);
	CHECK(mmap(NULL, 4096, PROT_READ, MAP_SHARED, fd, (off_t)arg.offset + 4096) == MAP_FAILED);
	CHECK(mmap(NULL, 4096, PROT_READ, MAP_SHARED, fd, 0) == MAP_FAILED);
	map = mmap(NULL, 4096, PROT_READ, MAP_SHARED, fd, (off_t)arg.offset);
	CHECK(map != MAP_FAILED);
	munmap(map, 4096);
	CHECK_EQ(card_bo_close(fd, handle), 0);
}

/* An offset goes with its buffer. */
static void map_closed(void)
{
	struct drm_seedchip_bo_mmap_offset arg = { 0 };

	CHECK_EQ(card_bo(fd, 4096, DRM_SEEDCHIP_BO_SYSTEM, &arg.handle), 0);
	CHECK_EQ(card_ioctl(fd, DRM_IOCTL_SEEDCHIP_BO_MMAP_OFFSET, &arg), 0);
	CHECK_EQ(card_bo_close(fd, arg.handle), 0);
	CHECK(mmap(NULL, 4096, PROT_READ, MAP_SHARED, fd, (off_t)arg.offset) == MAP_FAILED);
	CHECK_EQ(card_ioctl(fd, DRM_IOCTL_SEEDCHIP_BO_MMAP_OFFSET, &arg), -ENOENT);
	CHECK_EQ(card_bo_close(fd, arg.handle), -EINVAL);
}

/* The offset of one file's buffer is of no use to another. */
static void map_foreign(void)
{
	struct drm_seedchip_bo_mmap_offset arg = { 0 };
	int other = card_open(0);
	uint32_t handle;

	CHECK(other >= 0);
	CHECK_EQ(card_bo(fd, 4096, DRM_SEEDCHIP_BO_SYSTEM, &handle), 0);
	arg.handle = handle;
	CHECK_EQ(card_ioctl(fd, DRM_IOCTL_SEEDCHIP_BO_MMAP_OFFSET, &arg), 0);
	CHECK(mmap(NULL, 4096, PROT_READ, MAP_SHARED, other, (off_t)arg.offset) == MAP_FAILED);
	CHECK_EQ(card_ioctl(other, DRM_IOCTL_SEEDCHIP_BO_MMAP_OFFSET, &arg), -ENOENT);
	close(other);
	CHECK_EQ(card_bo_close(fd, handle), 0);
}

/* Memory that one owner wrote reads zero for the next. */
static void zero_after_free(void)
{
	const uint32_t flags = DRM_SEEDCHIP_BO_CARD | DRM_SEEDCHIP_BO_CPU_VISIBLE;
	unsigned int round;
	uint32_t handle;
	size_t i;

	for (round = 0; round < 4; round++) {
		uint64_t *map;

		CHECK_EQ(card_bo(fd, MIB, flags, &handle), 0);
		map = card_map(fd, handle, MIB);
		CHECK(map);
		for (i = 0; i < MIB / 8; i++)
			if (map[i])
				tap_fail("round %u: word %zu is 0x%llx", round, i,
					 (unsigned long long)map[i]);
		memset(map, 0xee, MIB);
		munmap(map, MIB);
		CHECK_EQ(card_bo_close(fd, handle), 0);
	}
}

/* Taking all of the visible memory ends in ENOSPC, and all of it comes back. */
static void exhaustion(void)
{
	const uint32_t flags = DRM_SEEDCHIP_BO_CARD | DRM_SEEDCHIP_BO_CPU_VISIBLE;
	uint32_t handles[4096];
	unsigned int round, count, first = 0;
	uint64_t chunk = info.card_visible_size / 64;

	for (round = 0; round < 2; round++) {
		int ret = 0;

		for (count = 0; count < 4096; count++) {
			ret = card_bo(fd, chunk, flags, &handles[count]);
			if (ret)
				break;
		}
		CHECK_EQ(ret, -ENOSPC);
		CHECK(count >= 48);
		if (!round)
			first = count;
		else
			CHECK_EQ(count, first);
		while (count)
			CHECK_EQ(card_bo_close(fd, handles[--count]), 0);
	}
}

int main(void)
{
	static const struct tap_test tests[] = {
		{ "a size is rounded up to pages", rounded },
		{ "zero, huge and overflowing sizes", bad_sizes },
		{ "placements that contradict, unknown flags", bad_flags },
		{ "system memory is mapped, zero, and outlives its handle", map_system },
		{ "visible card memory is mapped and zero", map_card },
		{ "card memory without CPU_VISIBLE is EACCES", map_invisible },
		{ "mmap of wrong handles, sizes and offsets", map_bad },
		{ "mmap after the handle has been closed", map_closed },
		{ "another file cannot map the buffer", map_foreign },
		{ "freed memory reads zero for the next owner", zero_after_free },
		{ "exhaustion is ENOSPC, and nothing is lost", exhaustion },
	};

	fd = card_open(0);
	if (fd < 0 || card_info(fd, &info)) {
		printf("Bail out! no card: %d\n", fd);
		return EXIT_FAILURE;
	}
	return TAP_RUN(tests);
}
