// SPDX-License-Identifier: MIT
/*
 * VM_BIND as debugfs shows it: sparse ranges, 2 MiB entries, many operations in
 * a call, calls that wait for fences, and page tables that are given back.
 */
#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#include <xf86drm.h>

#include "card.h"
#include "tap.h"

#define MAP    DRM_SEEDCHIP_BIND_MAP
#define SPARSE DRM_SEEDCHIP_BIND_SPARSE
#define UNMAP  DRM_SEEDCHIP_BIND_UNMAP
#define RO     DRM_SEEDCHIP_BIND_READ
#define RW     (DRM_SEEDCHIP_BIND_READ | DRM_SEEDCHIP_BIND_WRITE)
#define PAGE   4096ULL
#define HUGE   ((uint64_t)SC_HUGE_SIZE)
#define GIB    0x40000000ULL
#define VA     0x40000000ULL   /* what the tests map; 1 GiB aligned */
#define VB     0x10000000ULL   /* the window that the CPU looks through */
#define MANY   2048U

static int fd;
static struct drm_seedchip_queue_create queue;
static uint32_t system_bo;
static volatile uint64_t *words;

static int peek(uint64_t va, uint64_t *word)
{
	struct sc_packet copy = card_copy(VB, va, 8);
	int ret;

	words[0] = 0x5555;
	ret = card_run(fd, queue.queue, &copy, 1);
	*word = words[0];
	if (ret)
		card_recover(fd, queue.queue);
	return ret;
}

/* The line of the mapping that begins at @va, without its address; "" if there is none. */
static void mapping(uint64_t va, char *line, size_t size)
{
	static char text[0x20000];
	char key[32], *at;

	CHECK_EQ(card_debugfs("mappings", text, sizeof(text)), 0);
	snprintf(key, sizeof(key), "\n%012llx-", (unsigned long long)va);
	at = strstr(text, key);
	if (!at) {
		line[0] = 0;
		return;
	}
	at++;
	snprintf(line, size, "%.*s", (int)strcspn(at, "\n"), at);
}

static void must_show(uint64_t va, uint64_t size, const char *rest)
{
	char line[128], want[128];

	snprintf(want, sizeof(want), "%012llx-%012llx %s", (unsigned long long)va,
		 (unsigned long long)(va + size), rest);
	mapping(va, line, sizeof(line));
	if (strcmp(line, want))
		tap_fail("\"%s\", not \"%s\"", line, want);
}

static void must_not_show(uint64_t va)
{
	char line[128];

	mapping(va, line, sizeof(line));
	if (line[0])
		tap_fail("\"%s\" is still there", line);
}

static int bind_all(const struct drm_seedchip_bind *ops, uint32_t count)
{
	struct drm_seedchip_vm_bind bind = { .ops = { sizeof(*ops), count, (uintptr_t)ops } };

	return card_ioctl(fd, DRM_IOCTL_SEEDCHIP_VM_BIND, &bind);
}

static void sparse_range(void)
{
	struct sc_packet fill = card_fill(VA, 0x99, 2 * PAGE);
	uint64_t word;

	CHECK_EQ(card_bind(fd, SPARSE | RW, 0, 0, VA, 4 * PAGE), 0);
	must_show(VA, 4 * PAGE, "rw- sparse 0 4x4K 0x2M");
	CHECK_EQ(card_run(fd, queue.queue, &fill, 1), 0);
	CHECK_EQ(peek(VA, &word), 0);
	CHECK_EQ(word, 0);
	CHECK_EQ(peek(VA + 4 * PAGE - 8, &word), 0);
	CHECK_EQ(word, 0);
	CHECK_EQ(peek(VA + 4 * PAGE, &word), -EFAULT);
	/* Memory in the middle, and gone again. */
	CHECK_EQ(card_bind(fd, MAP | RW, system_bo, PAGE, VA + PAGE, PAGE), 0);
	words[PAGE / 8] = 0x1111;
	CHECK_EQ(peek(VA + PAGE, &word), 0);
	CHECK_EQ(word, 0x1111);
	CHECK_EQ(peek(VA + 2 * PAGE, &word), 0);
	CHECK_EQ(word, 0);
	must_show(VA, PAGE, "rw- sparse 0 1x4K 0x2M");
	must_show(VA + PAGE, PAGE, "rw- system 1000 1x4K 0x2M");
	CHECK_EQ(card_bind(fd, SPARSE | RO, 0, 0, VA + PAGE, PAGE), 0);
	CHECK_EQ(peek(VA + PAGE, &word), 0);
	CHECK_EQ(word, 0);
	CHECK_EQ(card_run(fd, queue.queue, &fill, 1), -EFAULT);
	CHECK_EQ(card_recover(fd, queue.queue), 0);
	CHECK_EQ(card_bind(fd, SPARSE | RW | DRM_SEEDCHIP_BIND_EXCLUSIVE, 0, 0, VA, PAGE), -EBUSY);
	CHECK_EQ(card_bind(fd, UNMAP, 0, 0, VA, 4 * PAGE), 0);
	must_not_show(VA);
	CHECK_EQ(peek(VA, &word), -EFAULT);
}

static void bad_sparse(void)
{
	static const struct {
		uint32_t flags;
		bool handle;
		uint64_t offset;
	} bad[] = {
		{ SPARSE, false, 0 },
		{ SPARSE | DRM_SEEDCHIP_BIND_EXECUTE, false, 0 },
		{ SPARSE | RO | DRM_SEEDCHIP_BIND_EXECUTE, false, 0 },
		{ SPARSE | MAP | RO, false, 0 },
		{ SPARSE | RO, true, 0 },
		{ SPARSE | RO, false, PAGE },
		{ SPARSE | RO | 0x4, false, 0 },
		{ SPARSE | RO | 0x8, false, 0 },
	};
	unsigned int i;

	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		if (card_bind(fd, bad[i].flags, bad[i].handle ? system_bo : 0, bad[i].offset, VA,
			      PAGE) != -EINVAL)
			tap_fail("%u is not refused", i);
	must_not_show(VA);
}

/* A sparse range of 1 GiB is 512 entries; one page in it splits one of them. */
static void huge_sparse(void)
{
	const uint64_t at = VA + 7 * HUGE + 5 * PAGE;
	uint64_t word, before = card_free_memory();

	CHECK_EQ(card_bind(fd, SPARSE | RW, 0, 0, VA, GIB), 0);
	must_show(VA, GIB, "rw- sparse 0 0x4K 512x2M");
	words[0] = 0;
	CHECK_EQ(card_bind(fd, MAP | RO, system_bo, PAGE, at, PAGE), 0);
	words[PAGE / 8] = 0x2222;
	must_show(VA, at - VA, "rw- sparse 0 5x4K 7x2M");
	must_show(at, PAGE, "r-- system 1000 1x4K 0x2M");
	CHECK_EQ(peek(at, &word), 0);
	CHECK_EQ(word, 0x2222);
	CHECK_EQ(peek(at - 8, &word), 0);
	CHECK_EQ(word, 0);
	CHECK_EQ(peek(VA + GIB - 8, &word), 0);
	CHECK_EQ(word, 0);
	/* Whole again. */
	CHECK_EQ(card_bind(fd, SPARSE | RW, 0, 0, VA, GIB), 0);
	CHECK_EQ(card_bind(fd, UNMAP, 0, 0, VA, GIB), 0);
	CHECK_EQ(peek(VA, &word), -EFAULT);
	CHECK_EQ(card_free_memory(), before);
}

static void huge_card(void)
{
	uint32_t handle;

	CHECK_EQ(card_bo(fd, 4 * HUGE, DRM_SEEDCHIP_BO_CARD, &handle), 0);
	CHECK_EQ(card_bind(fd, MAP | RW, handle, 0, VA, 4 * HUGE), 0);
	must_show(VA, 4 * HUGE, "rw- card 0 0x4K 4x2M");
	/* Not aligned alike. */
	CHECK_EQ(card_bind(fd, MAP | RW, handle, PAGE, VA, 2 * HUGE), 0);
	must_show(VA, 2 * HUGE, "rw- card 1000 1024x4K 0x2M");
	CHECK_EQ(card_bind(fd, MAP | RW, handle, 0, VA + PAGE, 2 * HUGE), 0);
	must_show(VA + PAGE, 2 * HUGE, "rw- card 0 1024x4K 0x2M");
	CHECK_EQ(card_bind(fd, UNMAP, 0, 0, VA, 4 * HUGE), 0);
	CHECK_EQ(card_bo_close(fd, handle), 0);
}

/* Huge pages of a process are system memory that is contiguous for sure. */
static void huge_system(void)
{
	struct drm_seedchip_bo_userptr arg = { .size = 4 * HUGE };
	struct sc_packet fill = card_fill(VA, 0x77, 4 * HUGE);
	uint64_t *p;

	if (access("/proc/sys/vm/nr_hugepages", F_OK)) {
		printf("# this kernel has no huge pages\n");
		return;
	}
	CHECK_EQ(card_write("/proc/sys/vm/nr_hugepages", "4"), 0);
	p = mmap(NULL, 4 * HUGE, PROT_READ | PROT_WRITE,
		 MAP_PRIVATE | MAP_ANONYMOUS | MAP_HUGETLB, -1, 0);
	CHECK(p != MAP_FAILED);
	arg.address = (uintptr_t)p;
	CHECK_EQ(card_ioctl(fd, DRM_IOCTL_SEEDCHIP_BO_USERPTR, &arg), 0);
	CHECK_EQ(card_bind(fd, MAP | RW, arg.handle, 0, VA, 4 * HUGE), 0);
	must_show(VA, 4 * HUGE, "rw- user 0 0x4K 4x2M");
	CHECK_EQ(card_run(fd, queue.queue, &fill, 1), 0);
	CHECK_EQ(p[0], 0x77);
	CHECK_EQ(p[4 * HUGE / 8 - 1], 0x77);
	/* Cut in the middle of a huge page: the rest is as before. */
	CHECK_EQ(card_bind(fd, UNMAP, 0, 0, VA + HUGE + PAGE, PAGE), 0);
	must_show(VA, HUGE + PAGE, "rw- user 0 1x4K 1x2M");
	must_show(VA + HUGE + 2 * PAGE, 3 * HUGE - 2 * PAGE, "rw- user 202000 510x4K 2x2M");
	CHECK_EQ(card_bind(fd, UNMAP, 0, 0, VA, 4 * HUGE), 0);
	CHECK_EQ(card_bo_close(fd, arg.handle), 0);
	munmap(p, 4 * HUGE);
	CHECK_EQ(card_write("/proc/sys/vm/nr_hugepages", "0"), 0);
}

/* Thousands of pieces in one call, all of them or none. */
static void many(void)
{
	static struct drm_seedchip_bind ops[MANY];
	uint64_t word, before = card_free_memory();
	unsigned int i;

	for (i = 0; i < MANY; i++)
		ops[i] = (struct drm_seedchip_bind){ .flags = MAP | RO, .handle = system_bo,
						     .bo_offset = (i & 1) * PAGE,
						     .va = VA + 2 * i * PAGE, .size = PAGE };
	/* The last one meets the first: nothing is left of any. */
	ops[MANY - 1].va = VA;
	ops[MANY - 1].flags |= DRM_SEEDCHIP_BIND_EXCLUSIVE;
	CHECK_EQ(bind_all(ops, MANY), -EBUSY);
	must_not_show(VA);
	must_not_show(VA + 2 * PAGE);
	CHECK_EQ(card_free_memory(), before);
	ops[MANY - 1].va = VA + 2 * (MANY - 1) * PAGE;
	CHECK_EQ(bind_all(ops, MANY), 0);
	words[PAGE / 8] = 0x3333;
	CHECK_EQ(peek(VA + 2 * (MANY - 1) * PAGE, &word), 0);
	CHECK_EQ(word, 0x3333);
	CHECK_EQ(peek(VA + PAGE, &word), -EFAULT);
	/* Later ones of a call replace earlier ones; here they unmap all of it. */
	ops[MANY - 1] = (struct drm_seedchip_bind){ .flags = UNMAP, .va = VA, .size = GIB };
	CHECK_EQ(bind_all(ops, MANY), 0);
	must_not_show(VA);
	CHECK_EQ(card_free_memory(), before);
}

static void too_many(void)
{
	const uint32_t max = 65536;
	struct drm_seedchip_bind *ops = calloc(max + 1, sizeof(*ops));
	unsigned int i;

	CHECK(ops);
	for (i = 0; i <= max; i++)
		ops[i] = (struct drm_seedchip_bind){ .flags = UNMAP, .va = VA, .size = PAGE };
	CHECK_EQ(bind_all(ops, max + 1), -EINVAL);
	CHECK_EQ(bind_all(ops, 0), -EINVAL);
	CHECK_EQ(bind_all(ops, 1), 0);
	free(ops);
}

/* Two calls in order: what waits is in the list at once, and in the tables later. */
static void fenced(void)
{
	struct drm_seedchip_bind op = { .flags = MAP | RO, .handle = system_bo, .va = VA,
					.size = PAGE };
	struct drm_seedchip_sync syncs[2] = { { .flags = DRM_SEEDCHIP_SYNC_WAIT },
					      { .flags = DRM_SEEDCHIP_SYNC_SIGNAL } };
	struct drm_seedchip_sync out = { .flags = DRM_SEEDCHIP_SYNC_SIGNAL };
	struct drm_seedchip_vm_bind bind = { .ops = { sizeof(op), 1, (uintptr_t)&op },
					     .syncs = { sizeof(out), 2, (uintptr_t)syncs } };
	struct sc_packet hold = card_word(SC_OP_WAIT, VB + 8, 1);
	uint32_t second;
	uint64_t word;

	words[1] = 0;
	out.handle = card_syncobj(fd);
	CHECK_EQ(card_submit(fd, queue.queue, &hold, 1, &out, 1, NULL), 0);
	syncs[0].handle = out.handle;
	syncs[1].handle = card_syncobj(fd);
	CHECK_EQ(card_ioctl(fd, DRM_IOCTL_SEEDCHIP_VM_BIND, &bind), 0);
	must_show(VA, PAGE, "r-- system 0 0x4K 0x2M");
	/* A second call without a fence to wait for stays behind the first. */
	second = card_syncobj(fd);
	op.bo_offset = PAGE;
	out.handle = second;
	bind.syncs = (struct drm_seedchip_array){ sizeof(out), 1, (uintptr_t)&out };
	CHECK_EQ(card_ioctl(fd, DRM_IOCTL_SEEDCHIP_VM_BIND, &bind), 0);
	CHECK_EQ(card_wait(fd, second, 0, 50), -ETIME);
	CHECK_EQ(card_fence_status(fd, syncs[1].handle), 0);
	words[1] = 1;
	CHECK_EQ(card_wait(fd, second, 0, 10000), 0);
	CHECK_EQ(card_fence_status(fd, syncs[1].handle), 1);
	must_show(VA, PAGE, "r-- system 1000 1x4K 0x2M");
	words[PAGE / 8] = 0x4444;
	CHECK_EQ(peek(VA, &word), 0);
	CHECK_EQ(word, 0x4444);
	CHECK_EQ(card_bind(fd, UNMAP, 0, 0, VA, PAGE), 0);
}

static atomic_bool stop;

static void *reader(void *arg)
{
	static char text[0x4000];
	unsigned long reads = 0;

	while (!stop && !card_debugfs("mappings", text, sizeof(text)))
		reads++;
	*(unsigned long *)arg = reads;
	return NULL;
}

/* The list is read while files come and go and mappings change. */
static void read_while_changing(void)
{
	unsigned long reads = 0;
	pthread_t thread;
	unsigned int i;

	CHECK_EQ(pthread_create(&thread, NULL, reader, &reads), 0);
	for (i = 0; i < 200; i++) {
		int other = card_open(0);

		CHECK(other >= 0);
		CHECK_EQ(card_bind(other, SPARSE | RW, 0, 0, VA, HUGE + PAGE), 0);
		CHECK_EQ(card_bind(fd, MAP | RW, system_bo, 0, VA + i * PAGE, PAGE), 0);
		CHECK_EQ(card_bind(other, UNMAP, 0, 0, VA + PAGE, HUGE), 0);
		CHECK_EQ(card_bind(fd, UNMAP, 0, 0, VA + i * PAGE, PAGE), 0);
		close(other);
	}
	stop = true;
	CHECK_EQ(pthread_join(thread, NULL), 0);
	CHECK(reads > 0);
}

int main(void)
{
	static const struct tap_test tests[] = {
		{ "a sparse range reads zero and drops writes", sparse_range },
		{ "sparse with a buffer, an offset, EXECUTE or nothing is EINVAL", bad_sparse },
		{ "a large sparse range takes 2 MiB entries, and is split", huge_sparse },
		{ "2 MiB entries for card memory, where aligned", huge_card },
		{ "2 MiB entries for system memory, and split", huge_system },
		{ "thousands of operations in one call, all or none", many },
		{ "more operations than a call may have, and none, are EINVAL", too_many },
		{ "calls wait for fences, in order", fenced },
		{ "the list of mappings is read while they change", read_while_changing },
	};

	fd = card_open(0);
	if (fd < 0 || card_queue(fd, &queue) ||
	    card_bo(fd, 2 * PAGE, DRM_SEEDCHIP_BO_SYSTEM, &system_bo) ||
	    card_bind(fd, MAP | RW, system_bo, 0, VB, 2 * PAGE)) {
		printf("Bail out! no card, buffer or queue\n");
		return EXIT_FAILURE;
	}
	words = card_map(fd, system_bo, 2 * PAGE);
	return TAP_RUN(tests);
}
