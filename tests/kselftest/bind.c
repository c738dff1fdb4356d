// SPDX-License-Identifier: MIT
/* VM_BIND: what is refused, and what the card sees through the mappings. */
#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "card.h"
#include "tap.h"

#define RW   (DRM_SEEDCHIP_BIND_MAP | DRM_SEEDCHIP_BIND_READ | DRM_SEEDCHIP_BIND_WRITE)
#define RO   (DRM_SEEDCHIP_BIND_MAP | DRM_SEEDCHIP_BIND_READ)
#define PAGE 4096ULL
#define VA   0x10000000ULL /* of buffer a, b and the window to look through */
#define VB   0x20000000ULL
#define WIN  0x30000000ULL
#define SIZE (16 * PAGE)

static int fd;
static struct drm_seedchip_info info;
static struct drm_seedchip_queue_create queue;
static uint32_t a, b;
static uint64_t *map_a, *map_b;

/* Copies one word of the card's address space to where the CPU can read it. */
static int peek(uint64_t va, uint64_t *word)
{
	struct sc_packet copy = card_copy(VB, va, 8);
	int ret = card_run(fd, queue.queue, &copy, 1);

	*word = map_b[0];
	if (ret)
		card_recover(fd, queue.queue);
	return ret;
}

static void bad_ranges(void)
{
	static const struct {
		uint64_t offset, va, size;
	} bad[] = {
		{ 0, WIN + 1, PAGE },	  { 0, WIN, 1 },
		{ 0, WIN, PAGE + 1 },	  { 1, WIN, PAGE },
		{ 0, WIN, 0 },		  { 0, 0, PAGE },
		{ SIZE, WIN, PAGE },	  { PAGE, WIN, SIZE },
		{ 0, WIN, ~0xfffULL },	  { ~0xfffULL, WIN, 2 * PAGE },
		{ 0, ~0xfffULL, 2 * PAGE },  { 0, SC_VA_USER_END, PAGE },
		{ 0, SC_VA_USER_END - PAGE, 2 * PAGE }, { 0, SC_VA_KERNEL_START, PAGE },
		{ 0, SC_VA_TCM, PAGE },	  { 0, SC_VA_USER_START - PAGE, 2 * PAGE },
	};
	unsigned int i;

	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		int ret = card_bind(fd, RW, a, bad[i].offset, bad[i].va, bad[i].size);

		if (ret != -EINVAL)
			tap_fail("range %u gives %d", i, ret);
	}
}

static void bad_flags(void)
{
	static const uint32_t bad[] = {
		DRM_SEEDCHIP_BIND_MAP, /* no permission at all */
		DRM_SEEDCHIP_BIND_MAP | DRM_SEEDCHIP_BIND_WRITE | DRM_SEEDCHIP_BIND_EXECUTE,
		RW | DRM_SEEDCHIP_BIND_EXECUTE,
		RW | 0x2, RW | 0x100, RW | 0x80000000,
		DRM_SEEDCHIP_BIND_UNMAP | DRM_SEEDCHIP_BIND_READ,
	};
	unsigned int i;

	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		if (card_bind(fd, bad[i], a, 0, WIN, PAGE) != -EINVAL)
			tap_fail("flags 0x%x are not refused", bad[i]);
	/* UNMAP names no buffer. */
	CHECK_EQ(card_bind(fd, DRM_SEEDCHIP_BIND_UNMAP, a, 0, WIN, PAGE), -EINVAL);
	CHECK_EQ(card_bind(fd, DRM_SEEDCHIP_BIND_UNMAP, 0, PAGE, WIN, PAGE), -EINVAL);
}

static void bad_call(void)
{
	struct drm_seedchip_bind op = { .flags = RW, .handle = a, .va = WIN, .size = PAGE };
	struct drm_seedchip_vm_bind bind = { .ops = { sizeof(op), 1, (uintptr_t)&op } };

	bind.flags = 1;
	CHECK_EQ(card_ioctl(fd, DRM_IOCTL_SEEDCHIP_VM_BIND, &bind), -EINVAL);
	bind.flags = 0;
	bind.pad = 1;
	CHECK_EQ(card_ioctl(fd, DRM_IOCTL_SEEDCHIP_VM_BIND, &bind), -EINVAL);
	bind.pad = 0;
	bind.ops.stride = 8;
	CHECK_EQ(card_ioctl(fd, DRM_IOCTL_SEEDCHIP_VM_BIND, &bind), -EINVAL);
	bind.ops.stride = sizeof(op);
	bind.ops.count = 0xffffffff;
	CHECK(card_ioctl(fd, DRM_IOCTL_SEEDCHIP_VM_BIND, &bind) < 0);
	bind.ops.count = 1;
	bind.ops.array = 4096;
	CHECK_EQ(card_ioctl(fd, DRM_IOCTL_SEEDCHIP_VM_BIND, &bind), -EFAULT);
}

/* One call maps the whole of the address space at most: checked before anything is done. */
static void too_much(void)
{
	const uint64_t all = SC_VA_USER_END - SC_VA_USER_START;
	struct drm_seedchip_bind ops[2] = {
		{ .flags = DRM_SEEDCHIP_BIND_SPARSE | DRM_SEEDCHIP_BIND_READ,
		  .va = SC_VA_USER_START, .size = all },
		{ .flags = DRM_SEEDCHIP_BIND_SPARSE | DRM_SEEDCHIP_BIND_READ,
		  .va = SC_VA_USER_START, .size = PAGE },
	};
	struct drm_seedchip_vm_bind bind = { .ops = { sizeof(ops[0]), 2, (uintptr_t)ops } };
	int own = card_open(0);

	CHECK(own >= 0);
	CHECK_EQ(card_ioctl(own, DRM_IOCTL_SEEDCHIP_VM_BIND, &bind), -EINVAL);
	/* What is unmapped does not count. */
	ops[0].flags = DRM_SEEDCHIP_BIND_UNMAP;
	CHECK_EQ(card_ioctl(own, DRM_IOCTL_SEEDCHIP_VM_BIND, &bind), 0);
	close(own);
}

static void foreign_handle(void)
{
	int other = card_open(0);

	CHECK(other >= 0);
	CHECK_EQ(card_bind(other, RW, b, 0, WIN, PAGE), -ENOENT);
	close(other);
	CHECK_EQ(card_bind(fd, RW, 12345, 0, WIN, PAGE), -ENOENT);
}

static void map_and_unmap(void)
{
	uint64_t word;

	map_a[0] = 0xaaaa;
	CHECK_EQ(peek(WIN, &word), -EFAULT);
	CHECK_EQ(card_bind(fd, RO, a, 0, WIN, PAGE), 0);
	CHECK_EQ(peek(WIN, &word), 0);
	CHECK_EQ(word, 0xaaaa);
	CHECK_EQ(card_bind(fd, DRM_SEEDCHIP_BIND_UNMAP, 0, 0, WIN, PAGE), 0);
	CHECK_EQ(peek(WIN, &word), -EFAULT);
	/* Unmapping nothing is fine. */
	CHECK_EQ(card_bind(fd, DRM_SEEDCHIP_BIND_UNMAP, 0, 0, WIN, PAGE), 0);
}

static void exclusive(void)
{
	uint64_t word;

	map_a[0] = 1;
	CHECK_EQ(card_bind(fd, RO, a, 0, WIN, 4 * PAGE), 0);
	CHECK_EQ(card_bind(fd, RO | DRM_SEEDCHIP_BIND_EXCLUSIVE, b, 0, WIN + 3 * PAGE, 2 * PAGE),
		 -EBUSY);
	CHECK_EQ(peek(WIN, &word), 0);
	CHECK_EQ(word, 1);
	CHECK_EQ(card_bind(fd, RO | DRM_SEEDCHIP_BIND_EXCLUSIVE, b, 0, WIN + 4 * PAGE, PAGE), 0);
	CHECK_EQ(card_bind(fd, DRM_SEEDCHIP_BIND_UNMAP, 0, 0, WIN, 5 * PAGE), 0);
}

/* Unmapping the middle leaves both ends, with the right pages behind them. */
static void split(void)
{
	uint64_t word;
	unsigned int i;

	for (i = 0; i < 8; i++)
		map_a[i * PAGE / 8] = 100 + i;
	CHECK_EQ(card_bind(fd, RO, a, 0, WIN, 8 * PAGE), 0);
	CHECK_EQ(card_bind(fd, DRM_SEEDCHIP_BIND_UNMAP, 0, 0, WIN + 3 * PAGE, 2 * PAGE), 0);
	for (i = 0; i < 8; i++) {
		int ret = peek(WIN + i * PAGE, &word);

		if (i == 3 || i == 4) {
			CHECK_EQ(ret, -EFAULT);
		} else {
			CHECK_EQ(ret, 0);
			CHECK_EQ(word, 100 + i);
		}
	}
	/* A mapping over everything replaces what is left. */
	CHECK_EQ(card_bind(fd, RO, a, 8 * PAGE, WIN, 8 * PAGE), 0);
	map_a[8 * PAGE / 8] = 555;
	CHECK_EQ(peek(WIN, &word), 0);
	CHECK_EQ(word, 555);
	CHECK_EQ(card_bind(fd, DRM_SEEDCHIP_BIND_UNMAP, 0, 0, WIN, 8 * PAGE), 0);
}

static void read_only(void)
{
	struct sc_packet fill = card_fill(WIN, 0, 8);
	struct sc_fault fault;

	CHECK_EQ(card_bind(fd, RO, a, 0, WIN, PAGE), 0);
	CHECK_EQ(card_run(fd, queue.queue, &fill, 1), -EFAULT);
	CHECK_EQ(card_fault(fd, queue.queue, &fault), 0);
	CHECK_EQ(fault.status, SC_STATUS_FAULT);
	CHECK_EQ(fault.code, SC_CODE_NO_WRITE);
	CHECK_EQ(fault.va, WIN);
	CHECK_EQ(card_recover(fd, queue.queue), 0);
	CHECK_EQ(card_bind(fd, DRM_SEEDCHIP_BIND_UNMAP, 0, 0, WIN, PAGE), 0);
}

/* The second operation is wrong: the first has no effect either. */
static void all_or_nothing(void)
{
	struct drm_seedchip_bind ops[2] = {
		{ .flags = RO, .handle = a, .va = WIN, .size = PAGE },
		{ .flags = RO, .handle = a, .va = WIN + PAGE, .size = PAGE + 1 },
	};
	struct drm_seedchip_vm_bind bind = { .ops = { sizeof(ops[0]), 2, (uintptr_t)ops } };
	uint64_t word;

	CHECK_EQ(card_ioctl(fd, DRM_IOCTL_SEEDCHIP_VM_BIND, &bind), -EINVAL);
	CHECK_EQ(peek(WIN, &word), -EFAULT);
	ops[1].size = PAGE;
	ops[1].handle = 12345;
	CHECK_EQ(card_ioctl(fd, DRM_IOCTL_SEEDCHIP_VM_BIND, &bind), -ENOENT);
	CHECK_EQ(peek(WIN, &word), -EFAULT);
	ops[1].handle = a;
	CHECK_EQ(card_ioctl(fd, DRM_IOCTL_SEEDCHIP_VM_BIND, &bind), 0);
	CHECK_EQ(peek(WIN + PAGE, &word), 0);
	CHECK_EQ(card_bind(fd, DRM_SEEDCHIP_BIND_UNMAP, 0, 0, WIN, 2 * PAGE), 0);
}

/* A 2 MiB aligned buffer, cut at a page inside. */
static void huge_pages(void)
{
	const uint64_t size = 4 * SC_HUGE_SIZE, cut = SC_HUGE_SIZE + 5 * PAGE;
	struct sc_packet fill = card_fill(0x40000000, 0x1234, size);
	uint32_t handle;
	uint64_t word;

	CHECK_EQ(card_bo(fd, size, DRM_SEEDCHIP_BO_CARD, &handle), 0);
	CHECK_EQ(card_bind(fd, RW, handle, 0, 0x40000000, size), 0);
	CHECK_EQ(card_run(fd, queue.queue, &fill, 1), 0);
	CHECK_EQ(card_bind(fd, DRM_SEEDCHIP_BIND_UNMAP, 0, 0, 0x40000000 + cut, PAGE), 0);
	CHECK_EQ(peek(0x40000000 + cut - 8, &word), 0);
	CHECK_EQ(word, 0x1234);
	CHECK_EQ(peek(0x40000000 + cut, &word), -EFAULT);
	CHECK_EQ(peek(0x40000000 + cut + PAGE, &word), 0);
	CHECK_EQ(word, 0x1234);
	CHECK_EQ(peek(0x40000000 + size - 8, &word), 0);
	CHECK_EQ(word, 0x1234);
	CHECK_EQ(card_bo_close(fd, handle), 0);
	/* The mapping keeps the buffer alive. */
	CHECK_EQ(peek(0x40000000, &word), 0);
	CHECK_EQ(word, 0x1234);
	CHECK_EQ(card_bind(fd, DRM_SEEDCHIP_BIND_UNMAP, 0, 0, 0x40000000, size), 0);
	CHECK_EQ(peek(0x40000000, &word), -EFAULT);
}

/* Pages side by side, each by an operation of its own, with memory left for a few tables alone. */
static void tables_are_shared(void)
{
	struct drm_seedchip_bind ops[SC_HUGE_SIZE / PAGE];
	const unsigned int count = sizeof(ops) / sizeof(ops[0]);
	struct drm_seedchip_vm_bind bind = { .ops = { sizeof(ops[0]), count, (uintptr_t)ops } };
	uint64_t free_memory = card_free_memory();
	uint32_t handle;
	int own = card_open(0);

	CHECK(own >= 0);
	for (unsigned int i = 0; i < count; i++)
		ops[i] = (struct drm_seedchip_bind){
			.flags = DRM_SEEDCHIP_BIND_SPARSE | DRM_SEEDCHIP_BIND_READ,
			.va = VA + i * PAGE, .size = PAGE,
		};
	CHECK_EQ(card_bo(own, free_memory - 16 * PAGE, DRM_SEEDCHIP_BO_CARD, &handle), 0);
	CHECK_EQ(card_ioctl(own, DRM_IOCTL_SEEDCHIP_VM_BIND, &bind), 0);
	/* The other way round, each is counted by itself. */
	for (unsigned int i = 0; i < count; i++)
		ops[i].va = VA + SC_HUGE_SIZE + (count - 1 - i) * PAGE;
	CHECK_EQ(card_bo_close(own, handle), 0);
	CHECK_EQ(card_ioctl(own, DRM_IOCTL_SEEDCHIP_VM_BIND, &bind), 0);
	close(own);
}

/* Mappings ordered by syncobjs: signalled when in effect. */
static void with_syncs(void)
{
	struct drm_seedchip_bind op = { .flags = RO, .handle = a, .va = WIN, .size = PAGE };
	struct drm_seedchip_sync out = { .flags = DRM_SEEDCHIP_SYNC_SIGNAL };
	struct drm_seedchip_vm_bind bind = {
		.ops = { sizeof(op), 1, (uintptr_t)&op },
		.syncs = { sizeof(out), 1, (uintptr_t)&out },
	};
	uint64_t word;

	out.handle = card_syncobj(fd);
	map_a[0] = 77;
	CHECK_EQ(card_ioctl(fd, DRM_IOCTL_SEEDCHIP_VM_BIND, &bind), 0);
	CHECK_EQ(card_wait(fd, out.handle, 0, 10000), 0);
	CHECK_EQ(peek(WIN, &word), 0);
	CHECK_EQ(word, 77);
	out.flags = 0x10;
	CHECK_EQ(card_ioctl(fd, DRM_IOCTL_SEEDCHIP_VM_BIND, &bind), -EINVAL);
	out.flags = DRM_SEEDCHIP_SYNC_SIGNAL;
	out.handle = 12345;
	CHECK_EQ(card_ioctl(fd, DRM_IOCTL_SEEDCHIP_VM_BIND, &bind), -ENOENT);
	CHECK_EQ(card_bind(fd, DRM_SEEDCHIP_BIND_UNMAP, 0, 0, WIN, PAGE), 0);
}

int main(void)
{
	static const struct tap_test tests[] = {
		{ "misaligned, overflowing and forbidden ranges are EINVAL", bad_ranges },
		{ "unknown flags, no permission, W with X are EINVAL", bad_flags },
		{ "a malformed call is refused", bad_call },
		{ "one call does not map more than there are addresses", too_much },
		{ "another file's handle is ENOENT", foreign_handle },
		{ "map, look, unmap", map_and_unmap },
		{ "EXCLUSIVE does not replace", exclusive },
		{ "unmapping the middle splits", split },
		{ "a read-only mapping cannot be written", read_only },
		{ "all operations or none", all_or_nothing },
		{ "huge pages are split, and keep their buffer", huge_pages },
		{ "pages side by side share their tables", tables_are_shared },
		{ "a bind signals a syncobj", with_syncs },
	};
	const uint32_t visible = DRM_SEEDCHIP_BO_CARD | DRM_SEEDCHIP_BO_CPU_VISIBLE;

	fd = card_open(0);
	if (fd < 0 || card_info(fd, &info) || card_bo(fd, SIZE, visible, &a) ||
	    card_bo(fd, SIZE, DRM_SEEDCHIP_BO_SYSTEM, &b) || card_queue(fd, &queue) ||
	    card_bind(fd, RW, b, 0, VB, SIZE)) {
		printf("Bail out! no card, buffer or queue\n");
		return EXIT_FAILURE;
	}
	map_a = card_map(fd, a, SIZE);
	map_b = card_map(fd, b, SIZE);
	return TAP_RUN(tests);
}
