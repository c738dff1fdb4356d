// SPDX-License-Identifier: MIT
/*
 * Every call with every allocation that it makes failing, one at a time: it says -ENOMEM or does
 * without, and nothing is lost or broken by it. Needs the kernel of "make check-debug", where
 * kmemleak.sh then looks for what has leaked.
 *
 * Left out: the structures of the kernel's own buddy allocator, which does not survive that
 * (docs/driver.md, "Card memory"), and those of the kernel's checkers.
 */
/* vm: timeout=240 */
/* vm-dmesg: DMA-API: cacheline tracking ENOMEM, dma-debug disabled */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <linux/udmabuf.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>
#include <xf86drm.h>

#include "card.h"
#include "tap.h"

#define PAGE	4096ULL
#define SIZE	0x400000ULL
#define VA	0x40000000ULL
#define RING_VA 0x80000000ULL
#define RW	(DRM_SEEDCHIP_BIND_MAP | DRM_SEEDCHIP_BIND_READ | DRM_SEEDCHIP_BIND_WRITE)
#define MOST	400 /* allocations of one call */
#define DEBUG	"/sys/kernel/debug/"

static int nth = -1; /* /proc/thread-self/fail-nth */
static int fd;
static uint32_t queue, user_queue, faulted, card_bo_handle, system_bo, timeline, signalled;
static void *memory;

/* What a call has made. */
static int made = -1;
static uint32_t made_handle, made_queue;
static void *made_map;

static void arm(unsigned int n)
{
	char text[16];
	int len = snprintf(text, sizeof(text), "%u", n);

	CHECK_EQ(pwrite(nth, text, len, 0), len);
}

/* Whether the allocation that was to fail has been asked for. */
static bool disarm(void)
{
	char text[16] = "";

	CHECK(pread(nth, text, sizeof(text) - 1, 0) > 0);
	arm(0);
	return !atoi(text);
}

static int call_open(void)
{
	made = card_open(0);
	return made < 0 ? made : 0;
}

static void undo_fd(void)
{
	close(made);
}

static int call_query(void)
{
	struct drm_seedchip_info info;

	return card_info(fd, &info);
}

static int call_card_bo(void)
{
	return card_bo(fd, SIZE, DRM_SEEDCHIP_BO_CARD | DRM_SEEDCHIP_BO_CPU_VISIBLE, &made_handle);
}

static int call_system_bo(void)
{
	return card_bo(fd, 16 * PAGE, DRM_SEEDCHIP_BO_SYSTEM, &made_handle);
}

static void undo_bo(void)
{
	CHECK_EQ(card_bo_close(fd, made_handle), 0);
}

static int call_userptr(void)
{
	struct drm_seedchip_bo_userptr arg = { .address = (uintptr_t)memory, .size = 4 * PAGE };
	int ret = card_ioctl(fd, DRM_IOCTL_SEEDCHIP_BO_USERPTR, &arg);

	made_handle = arg.handle;
	return ret;
}

/* The memory that goes is cleared by a job. */
static int call_bo_close(void)
{
	return card_bo_close(fd, card_bo_handle);
}

static void new_bo(void)
{
	CHECK_EQ(card_bo(fd, SIZE, DRM_SEEDCHIP_BO_CARD | DRM_SEEDCHIP_BO_CPU_VISIBLE,
			 &card_bo_handle), 0);
}

static int call_map(void)
{
	made_map = card_map(fd, system_bo, PAGE);
	return made_map ? 0 : -errno;
}

static void undo_map(void)
{
	munmap(made_map, PAGE);
}

static int call_bind(void)
{
	return card_bind(fd, RW, card_bo_handle, 0, VA, SIZE);
}

static void undo_bind(void)
{
	CHECK_EQ(card_bind(fd, 0, 0, 0, VA, 2 * SIZE), 0);
}

/* Cuts a mapping, and maps two pieces; after a fence, with two more to signal. */
static int call_bind_many(void)
{
	struct drm_seedchip_sync syncs[] = {
		{ .handle = signalled, .flags = DRM_SEEDCHIP_SYNC_WAIT },
		{ .handle = timeline, .flags = DRM_SEEDCHIP_SYNC_SIGNAL, .point = 1 },
	};
	struct drm_seedchip_bind ops[] = {
		{ .flags = RW, .handle = card_bo_handle, .va = VA, .size = SIZE },
		{ .flags = RW, .handle = system_bo, .va = VA + SIZE / 2 + PAGE, .size = PAGE },
		{ .flags = DRM_SEEDCHIP_BIND_SPARSE | DRM_SEEDCHIP_BIND_READ, .va = VA + SIZE,
		  .size = 0x201000 },
		{ .va = VA + SIZE / 2, .size = 4 * PAGE },
	};
	struct drm_seedchip_vm_bind arg = { .ops = { sizeof(ops[0]), 4, (uintptr_t)ops },
					    .syncs = { sizeof(syncs[0]), 2, (uintptr_t)syncs } };

	return card_ioctl(fd, DRM_IOCTL_SEEDCHIP_VM_BIND, &arg);
}

static void bind_first(void)
{
	CHECK_EQ(call_bind(), 0);
}

static int call_unbind(void)
{
	return card_bind(fd, 0, 0, 0, VA + PAGE, PAGE);
}

static int call_queue(void)
{
	struct drm_seedchip_queue_create create;
	int ret = card_queue(fd, &create);

	made_queue = create.queue;
	return ret;
}

static int call_user_queue(void)
{
	struct drm_seedchip_queue_create create = { .flags = DRM_SEEDCHIP_QUEUE_USER,
						    .ring_log2 = 6, .ring_va = RING_VA };
	int ret = card_ioctl(fd, DRM_IOCTL_SEEDCHIP_QUEUE_CREATE, &create);

	made_queue = create.queue;
	return ret;
}

static void undo_queue(void)
{
	CHECK_EQ(card_queue_destroy(fd, made_queue), 0);
}

static int call_queue_destroy(void)
{
	return card_queue_destroy(fd, made_queue);
}

static void new_queue(void)
{
	CHECK_EQ(call_queue(), 0);
}

/* Waits for a fence of another queue and one that has signalled; signals both kinds of syncobj. */
static int call_submit(void)
{
	struct drm_seedchip_sync syncs[] = {
		{ .handle = signalled, .flags = DRM_SEEDCHIP_SYNC_WAIT },
		{ .handle = timeline, .flags = DRM_SEEDCHIP_SYNC_SIGNAL, .point = 2 },
		{ .handle = signalled, .flags = DRM_SEEDCHIP_SYNC_SIGNAL },
	};
	struct sc_packet nops[3] = { card_nop(), card_nop(), card_nop() };

	return card_submit(fd, queue, nops, 3, syncs, 3, NULL);
}

/* A first fence for call_submit() to wait for. */
static int signal_first(void)
{
	struct drm_seedchip_sync sync = { .handle = signalled, .flags = DRM_SEEDCHIP_SYNC_SIGNAL };
	struct sc_packet nop = card_nop();

	return card_submit(fd, queue, &nop, 1, &sync, 1, NULL);
}

static void undo_submit(void)
{
	CHECK_EQ(card_wait(fd, signalled, 0, 10000), 0);
}

static int call_queue_fence(void)
{
	struct drm_seedchip_sync sync = { .handle = signalled, .flags = DRM_SEEDCHIP_SYNC_SIGNAL };
	struct drm_seedchip_queue_fence arg = { .queue = user_queue,
						.syncs = { sizeof(sync), 1, (uintptr_t)&sync } };

	return card_ioctl(fd, DRM_IOCTL_SEEDCHIP_QUEUE_FENCE, &arg);
}

static int call_queue_wait(void)
{
	struct drm_seedchip_queue_wait arg = { .queue = queue, .eventfd = made,
					       .flags = DRM_SEEDCHIP_QUEUE_WAIT_EVENTFD };

	return card_ioctl(fd, DRM_IOCTL_SEEDCHIP_QUEUE_WAIT, &arg);
}

static void new_eventfd(void)
{
	made = eventfd(0, EFD_CLOEXEC);
}

static int call_fault(void)
{
	struct sc_fault fault;

	return card_fault(fd, faulted, &fault);
}

static int call_recover(void)
{
	return card_recover(fd, faulted);
}

static void fail_queue(void)
{
	struct sc_packet bad = card_fill(0x7000000000, 0, 8);

	CHECK_EQ(card_recover(fd, faulted), 0);
	CHECK_EQ(card_run(fd, faulted, &bad, 1), -EFAULT);
}

static int call_export(void)
{
	return drmPrimeHandleToFD(fd, system_bo, DRM_CLOEXEC | DRM_RDWR, &made) ? -errno : 0;
}

/* Of a file that has a bit of everything. */
static int call_close(void)
{
	return close(made) ? -errno : 0;
}

static void new_file(void)
{
	struct drm_seedchip_queue_create create;
	uint32_t handle;

	made = card_open(0);
	CHECK(made >= 0);
	CHECK_EQ(card_bo(made, SIZE, DRM_SEEDCHIP_BO_CARD, &handle), 0);
	CHECK_EQ(card_bind(made, RW, handle, 0, VA, SIZE), 0);
	CHECK_EQ(card_queue(made, &create), 0);
}

/* Memory of somebody else as a dma-buf. */
static void new_dma_buf(void)
{
	int memory_fd = memfd_create("failing", MFD_ALLOW_SEALING);
	int dev = open("/dev/udmabuf", O_RDWR);
	struct udmabuf_create create = { .memfd = memory_fd, .size = 4 * PAGE };

	CHECK(memory_fd >= 0 && dev >= 0);
	CHECK_EQ(ftruncate(memory_fd, 4 * PAGE), 0);
	CHECK_EQ(fcntl(memory_fd, F_ADD_SEALS, F_SEAL_SHRINK), 0);
	made = ioctl(dev, UDMABUF_CREATE, &create);
	CHECK(made >= 0);
	close(dev);
	close(memory_fd);
}

static int call_import(void)
{
	return drmPrimeFDToHandle(fd, made, &made_handle) ? -errno : 0;
}

static void undo_import(void)
{
	undo_bo();
	undo_fd();
}

/**
 * struct path - one call
 * @name: for people
 * @prepare: before the first try, and after one that has succeeded
 * @call: 0 or a negative errno
 * @undo: after one that has succeeded
 */
static const struct path {
	const char *name;
	void (*prepare)(void);
	int (*call)(void);
	void (*undo)(void);
} paths[] = {
	{ "open", NULL, call_open, undo_fd },
	{ "close", new_file, call_close, NULL },
	{ "DEV_QUERY", NULL, call_query, NULL },
	{ "BO_CREATE in card memory", NULL, call_card_bo, undo_bo },
	{ "BO_CREATE in system memory", NULL, call_system_bo, undo_bo },
	{ "BO_USERPTR", NULL, call_userptr, undo_bo },
	{ "GEM_CLOSE", new_bo, call_bo_close, new_bo },
	{ "BO_MMAP_OFFSET and mmap", NULL, call_map, undo_map },
	{ "VM_BIND of one mapping", NULL, call_bind, undo_bind },
	{ "VM_BIND of many, with fences", NULL, call_bind_many, undo_bind },
	{ "VM_BIND that cuts a mapping", bind_first, call_unbind, undo_bind },
	{ "QUEUE_CREATE", NULL, call_queue, undo_queue },
	{ "QUEUE_CREATE, user-mode", NULL, call_user_queue, undo_queue },
	{ "QUEUE_DESTROY", new_queue, call_queue_destroy, NULL },
	{ "SUBMIT", NULL, call_submit, undo_submit },
	{ "QUEUE_FENCE", NULL, call_queue_fence, undo_submit },
	{ "QUEUE_WAIT with an eventfd", new_eventfd, call_queue_wait, undo_fd },
	{ "QUEUE_FAULT", fail_queue, call_fault, NULL },
	{ "QUEUE_RECOVER", fail_queue, call_recover, NULL },
	{ "export of a dma-buf", NULL, call_export, undo_fd },
	{ "import of a dma-buf", new_dma_buf, call_import, undo_import },
};

#define PATHS (sizeof(paths) / sizeof(paths[0]))

static void fail_each(void)
{
	static unsigned int next;
	const struct path *path = &paths[next++];
	unsigned int n, failed = 0;
	bool fresh = true, hit = true;
	int ret;

	for (n = 1; hit; n++) {
		if (fresh && path->prepare)
			path->prepare();
		arm(n);
		ret = path->call();
		hit = disarm();
		if (ret && (ret != -ENOMEM || !hit))
			tap_fail("allocation %u of %s: %d", n, path->name, ret);
		if (n == MOST)
			tap_fail("%s does not come to an end", path->name);
		fresh = !ret;
		failed += !fresh;
		if (fresh && path->undo)
			path->undo();
	}
	printf("# %s: %u allocations, %u of them needed\n", path->name, n - 2, failed);
}

static uint64_t memory_at_start;

static void nothing_is_left(void)
{
	close(fd);
	CHECK_EQ(card_free_memory(), memory_at_start);
}

/* Which caches may fail, one by one. */
static bool choose_caches(void)
{
	static const char *const spared[] = { ".", "..", "gpu_buddy_block", "kmemleak_object",
					      "debug_objects_cache" };
	DIR *dir = opendir("/sys/kernel/slab");
	struct dirent *entry;
	char path[300];

	while (dir && (entry = readdir(dir))) {
		bool skip = false;

		for (size_t i = 0; i < sizeof(spared) / sizeof(spared[0]); i++)
			skip |= !strcmp(entry->d_name, spared[i]);
		snprintf(path, sizeof(path), "/sys/kernel/slab/%s/failslab", entry->d_name);
		if (!skip)
			card_write(path, "1");
	}
	return dir && !closedir(dir);
}

static bool injection(bool on)
{
	const char *wait = on ? "N" : "Y";

	return !card_write(DEBUG "failslab/cache-filter", on ? "Y" : "N") &&
	       !card_write(DEBUG "failslab/ignore-gfp-wait", wait) &&
	       !card_write(DEBUG "failslab/verbose", "0") &&
	       !card_write(DEBUG "fail_page_alloc/ignore-gfp-wait", wait) &&
	       !card_write(DEBUG "fail_page_alloc/min-order", on ? "0" : "1") &&
	       !card_write(DEBUG "fail_page_alloc/verbose", "0");
}

static int set_up(void)
{
	struct drm_seedchip_queue_create create;
	uint32_t ring;

	memory = mmap(NULL, 4 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	fd = card_open(0);
	if (fd < 0 || memory == MAP_FAILED ||
	    card_bo(fd, PAGE, DRM_SEEDCHIP_BO_SYSTEM, &system_bo) ||
	    card_bo(fd, PAGE, DRM_SEEDCHIP_BO_SYSTEM, &ring) ||
	    card_bo(fd, SIZE, DRM_SEEDCHIP_BO_CARD | DRM_SEEDCHIP_BO_CPU_VISIBLE,
		    &card_bo_handle) ||
	    card_bind(fd, RW, ring, 0, RING_VA, PAGE) || card_queue(fd, &create))
		return -1;
	queue = create.queue;
	if (card_queue(fd, &create))
		return -1;
	faulted = create.queue;
	if (call_user_queue())
		return -1;
	user_queue = made_queue;
	timeline = card_syncobj(fd);
	signalled = card_syncobj(fd);
	return signal_first();
}

int main(void)
{
	struct tap_test tests[PATHS + 1];
	int status;

	nth = open("/proc/thread-self/fail-nth", O_RDWR);
	if (nth < 0) {
		printf("a kernel without fault injection\n");
		return 4;
	}
	memory_at_start = card_free_memory();
	if (set_up() || !choose_caches() || !injection(true)) {
		printf("Bail out! no card, or no control of what fails\n");
		return EXIT_FAILURE;
	}
	for (size_t i = 0; i < PATHS; i++)
		tests[i] = (struct tap_test){ paths[i].name, fail_each };
	tests[PATHS] = (struct tap_test){ "card memory is back", nothing_is_left };
	status = TAP_RUN(tests);
	injection(false);
	return status;
}
