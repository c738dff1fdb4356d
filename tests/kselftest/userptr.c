// SPDX-License-Identifier: MIT
/* BO_USERPTR: memory of a process, its limits, and what happens to it meanwhile. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include <xf86drm.h>

#include "card.h"
#include "tap.h"

#define RW   (DRM_SEEDCHIP_BIND_MAP | DRM_SEEDCHIP_BIND_READ | DRM_SEEDCHIP_BIND_WRITE)
#define RO   (DRM_SEEDCHIP_BIND_MAP | DRM_SEEDCHIP_BIND_READ)
#define PAGE 4096ULL
#define SIZE (16 * PAGE)
#define VA   0x10000000ULL
#define VB   0x20000000ULL

static int fd;
static struct drm_seedchip_queue_create queue;

static int userptr(int file, const volatile void *p, uint64_t size, uint32_t flags,
		   uint32_t *handle)
{
	struct drm_seedchip_bo_userptr arg = { .address = (uintptr_t)p, .size = size,
					       .flags = flags };
	int ret = card_ioctl(file, DRM_IOCTL_SEEDCHIP_BO_USERPTR, &arg);

	*handle = arg.handle;
	return ret;
}

static volatile uint64_t *pages(uint64_t size, int prot)
{
	void *p = mmap(NULL, size, prot, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	CHECK(p != MAP_FAILED);
	return p;
}

/* VmLck of this process in bytes. */
static uint64_t locked(void)
{
	unsigned long long kib = ~0ULL;
	char line[128];
	FILE *f = fopen("/proc/self/status", "re");

	CHECK(f);
	while (fgets(line, sizeof(line), f))
		if (sscanf(line, "VmLck: %llu kB", &kib) == 1)
			break;
	fclose(f);
	return kib * 1024;
}

static void both_ways(void)
{
	volatile uint64_t *words = pages(SIZE, PROT_READ | PROT_WRITE);
	const uint64_t last = SIZE / 8 - 1;
	struct sc_packet packets[2] = { card_copy(VA + 8, VA, 8),
					card_fill(VA + SIZE - 8, 0xabcd, 8) };
	uint64_t before = locked();
	uint32_t handle;

	words[0] = 0x4321;
	CHECK_EQ(userptr(fd, words, SIZE, 0, &handle), 0);
	CHECK_EQ(locked() - before, SIZE);
	CHECK_EQ(card_bind(fd, RW, handle, 0, VA, SIZE), 0);
	CHECK_EQ(card_run(fd, queue.queue, packets, 2), 0);
	CHECK_EQ(words[1], 0x4321);
	CHECK_EQ(words[last], 0xabcd);
	CHECK_EQ(card_bo_close(fd, handle), 0);
	/* Still bound. */
	CHECK_EQ(locked() - before, SIZE);
	CHECK_EQ(card_bind(fd, DRM_SEEDCHIP_BIND_UNMAP, 0, 0, VA, SIZE), 0);
	CHECK_EQ(locked(), before);
	munmap((void *)words, SIZE);
}

static void read_only(void)
{
	volatile uint64_t *words = pages(SIZE, PROT_READ | PROT_WRITE), *out;
	struct sc_packet packets[2] = { card_copy(VB, VA, 8), card_fill(VA, 0, 8) };
	uint32_t handle, system;

	words[0] = 0x77;
	CHECK_EQ(mprotect((void *)words, SIZE, PROT_READ), 0);
	CHECK_EQ(userptr(fd, words, SIZE, 0, &handle), -EFAULT);
	CHECK_EQ(userptr(fd, words, SIZE, DRM_SEEDCHIP_USERPTR_READ_ONLY, &handle), 0);
	CHECK_EQ(card_bind(fd, RW, handle, 0, VA, SIZE), -EACCES);
	CHECK_EQ(card_bind(fd, RO, handle, 0, VA, SIZE), 0);
	CHECK_EQ(card_bo(fd, PAGE, DRM_SEEDCHIP_BO_SYSTEM, &system), 0);
	CHECK_EQ(card_bind(fd, RW, system, 0, VB, PAGE), 0);
	out = card_map(fd, system, PAGE);
	CHECK_EQ(card_run(fd, queue.queue, packets, 1), 0);
	CHECK_EQ(out[0], 0x77);
	CHECK_EQ(card_run(fd, queue.queue, packets + 1, 1), -EFAULT);
	CHECK_EQ(card_recover(fd, queue.queue), 0);
	CHECK_EQ(words[0], 0x77);
	munmap((void *)out, PAGE);
	CHECK_EQ(card_bind(fd, DRM_SEEDCHIP_BIND_UNMAP, 0, 0, VA, SIZE), 0);
	CHECK_EQ(card_bind(fd, DRM_SEEDCHIP_BIND_UNMAP, 0, 0, VB, PAGE), 0);
	CHECK_EQ(card_bo_close(fd, system), 0);
	CHECK_EQ(card_bo_close(fd, handle), 0);
	munmap((void *)words, SIZE);
}

static void bad_ranges(void)
{
	volatile uint8_t *p = (volatile uint8_t *)pages(SIZE, PROT_READ | PROT_WRITE);
	const struct {
		uint64_t address, size;
		uint32_t flags;
		int ret;
	} bad[] = {
		{ (uintptr_t)p, 0, 0, -EINVAL },
		{ (uintptr_t)p + 1, PAGE, 0, -EINVAL },
		{ (uintptr_t)p, PAGE + 1, 0, -EINVAL },
		{ (uintptr_t)p, PAGE, 0x2, -EINVAL },
		{ (uintptr_t)p, PAGE, 0x80000000, -EINVAL },
		{ (uintptr_t)p, ~0xfffULL, 0, -EINVAL },
		{ ~0xfffULL, PAGE, 0, -EINVAL },
		{ ~0x1fffULL, PAGE, 0, -EFAULT },
		{ (uintptr_t)p, 1ULL << 50, 0, -ENOMEM },
		{ 0, PAGE, 0, -EFAULT },
		{ (uintptr_t)p, 2 * SIZE, 0, -EFAULT },
	};
	uint64_t before = locked();
	unsigned int i;

	CHECK_EQ(munmap((void *)(p + SIZE - PAGE), PAGE), 0);
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct drm_seedchip_bo_userptr arg = { .address = bad[i].address,
						       .size = bad[i].size,
						       .flags = bad[i].flags };
		int ret = card_ioctl(fd, DRM_IOCTL_SEEDCHIP_BO_USERPTR, &arg);

		if (ret != bad[i].ret || arg.handle)
			tap_fail("range %u gives %d", i, ret);
	}
	CHECK_EQ(locked(), before);
	munmap((void *)p, SIZE - PAGE);
}

/* Memory of devices is no ordinary memory. */
static void device_memory(void)
{
	uint32_t card, handle;
	void *map;

	CHECK_EQ(card_bo(fd, SIZE, DRM_SEEDCHIP_BO_CARD | DRM_SEEDCHIP_BO_CPU_VISIBLE, &card), 0);
	map = card_map(fd, card, SIZE);
	CHECK(map);
	CHECK_EQ(userptr(fd, map, SIZE, 0, &handle), -EFAULT);
	munmap(map, SIZE);
	CHECK_EQ(card_bo_close(fd, card), 0);
}

/* In a child without privileges; exits with a line number. */
static void limited(int file)
{
	const struct rlimit limit = { 8 * PAGE, 8 * PAGE };
	void *p = mmap(NULL, SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	uint32_t a, b;

	if (setrlimit(RLIMIT_MEMLOCK, &limit) || setuid(1000))
		_exit(__LINE__);
	if (userptr(file, p, SIZE, 0, &a) != -ENOMEM)
		_exit(__LINE__);
	if (userptr(file, p, 5 * PAGE, 0, &a))
		_exit(__LINE__);
	if (userptr(file, p, 4 * PAGE, 0, &b) != -ENOMEM)
		_exit(__LINE__);
	if (userptr(file, p, 3 * PAGE, 0, &b))
		_exit(__LINE__);
	/* What is given back counts no more. */
	if (card_bo_close(file, a) || userptr(file, p, 5 * PAGE, 0, &a))
		_exit(__LINE__);
	_exit(0);
}

static void memlock(void)
{
	int status;
	pid_t pid = fork();

	if (!pid)
		limited(fd);
	CHECK_EQ(waitpid(pid, &status, 0), pid);
	if (status)
		tap_fail("line %d", WEXITSTATUS(status));
}

/* The memory goes, and its process: the card keeps what it has. */
static void unmapped(void)
{
	volatile uint64_t *words = pages(SIZE, PROT_READ | PROT_WRITE);
	struct sc_packet fill = card_fill(VA, 0x99, SIZE);
	uint32_t handle;

	CHECK_EQ(userptr(fd, words, SIZE, 0, &handle), 0);
	CHECK_EQ(card_bind(fd, RW, handle, 0, VA, SIZE), 0);
	CHECK_EQ(munmap((void *)words, SIZE), 0);
	CHECK(mmap((void *)words, SIZE, PROT_READ | PROT_WRITE,
		   MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) == words);
	CHECK_EQ(card_run(fd, queue.queue, &fill, 1), 0);
	CHECK_EQ(words[0], 0);
	munmap((void *)words, SIZE);
	CHECK_EQ(card_bo_close(fd, handle), 0);
	CHECK_EQ(card_bind(fd, DRM_SEEDCHIP_BIND_UNMAP, 0, 0, VA, SIZE), 0);
}

/* A child gets a copy, the card stays with the parent. */
static void forked(void)
{
	volatile uint64_t *words = pages(SIZE, PROT_READ | PROT_WRITE);
	struct sc_packet fill = card_fill(VA, 0x55, 8);
	uint32_t handle;
	int status;
	pid_t pid;

	words[0] = 1;
	CHECK_EQ(userptr(fd, words, SIZE, 0, &handle), 0);
	CHECK_EQ(card_bind(fd, RW, handle, 0, VA, SIZE), 0);
	pid = fork();
	if (!pid) {
		words[0] = 2;
		_exit(0);
	}
	CHECK_EQ(waitpid(pid, &status, 0), pid);
	CHECK_EQ(words[0], 1);
	CHECK_EQ(card_run(fd, queue.queue, &fill, 1), 0);
	CHECK_EQ(words[0], 0x55);
	CHECK_EQ(card_bo_close(fd, handle), 0);
	CHECK_EQ(card_bind(fd, DRM_SEEDCHIP_BIND_UNMAP, 0, 0, VA, SIZE), 0);
	munmap((void *)words, SIZE);
}

/* A buffer that outlives the process: the file was inherited. */
static void outlives_process(void)
{
	struct sc_packet fill = card_fill(VA, 0, SIZE);
	int ends[2], status;
	uint32_t handle;
	pid_t pid;

	CHECK_EQ(pipe(ends), 0);
	pid = fork();
	if (!pid) {
		void *p = mmap(NULL, SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1,
			       0);

		if (userptr(fd, p, SIZE, 0, &handle) || write(ends[1], &handle, 4) != 4)
			_exit(1);
		_exit(0);
	}
	CHECK_EQ(waitpid(pid, &status, 0), pid);
	CHECK_EQ(status, 0);
	CHECK_EQ(read(ends[0], &handle, 4), 4);
	close(ends[0]);
	close(ends[1]);
	CHECK_EQ(card_bind(fd, RW, handle, 0, VA, SIZE), 0);
	CHECK_EQ(card_run(fd, queue.queue, &fill, 1), 0);
	CHECK_EQ(card_bind(fd, DRM_SEEDCHIP_BIND_UNMAP, 0, 0, VA, SIZE), 0);
	CHECK_EQ(card_bo_close(fd, handle), 0);
}

static void not_shared(void)
{
	struct drm_seedchip_bo_mmap_offset arg = { 0 };
	volatile uint64_t *words = pages(SIZE, PROT_READ | PROT_WRITE);
	int shared;

	CHECK_EQ(userptr(fd, words, SIZE, 0, &arg.handle), 0);
	CHECK_EQ(card_ioctl(fd, DRM_IOCTL_SEEDCHIP_BO_MMAP_OFFSET, &arg), -EACCES);
	CHECK(drmPrimeHandleToFD(fd, arg.handle, O_CLOEXEC, &shared) < 0);
	CHECK_EQ(errno, EOPNOTSUPP);
	CHECK_EQ(card_bo_close(fd, arg.handle), 0);
	munmap((void *)words, SIZE);
}

static uint64_t memory_at_start;

/* Nothing keeps memory of the card that has been closed. */
static void memory_is_back(void)
{
	close(fd);
	CHECK_EQ(card_free_memory(), memory_at_start);
}

int main(void)
{
	static const struct tap_test tests[] = {
		{ "the card reads and writes; the pages count as locked", both_ways },
		{ "read-only memory is not written", read_only },
		{ "misaligned, overflowing and unmapped ranges", bad_ranges },
		{ "memory of a device is EFAULT", device_memory },
		{ "RLIMIT_MEMLOCK is respected", memlock },
		{ "unmapped by the process, still the card's", unmapped },
		{ "a fork leaves the pages with the parent", forked },
		{ "a buffer outlives its process", outlives_process },
		{ "neither mmap nor export", not_shared },
		{ "card memory is back", memory_is_back },
	};

	memory_at_start = card_free_memory();
	fd = card_open(0);
	if (fd < 0 || card_queue(fd, &queue)) {
		printf("Bail out! no card or queue\n");
		return EXIT_FAILURE;
	}
	return TAP_RUN(tests);
}
