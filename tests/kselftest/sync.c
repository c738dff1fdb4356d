// SPDX-License-Identifier: MIT
/* Fences in and out of SUBMIT: binary and timeline syncobjs, between queues and from elsewhere. */
#include <errno.h>
#include <linux/sync_file.h>
#include <poll.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>
#include <xf86drm.h>

#include "card.h"
#include "tap.h"

#define RW   (DRM_SEEDCHIP_BIND_MAP | DRM_SEEDCHIP_BIND_READ | DRM_SEEDCHIP_BIND_WRITE)
#define VA   0x10000000ULL
#define SIZE 0x1000ULL
#define PLACE (DRM_SEEDCHIP_BO_CARD | DRM_SEEDCHIP_BO_CPU_VISIBLE)

static int fd;
static struct drm_seedchip_queue_create first, second;
static uint32_t bo;
static volatile uint64_t *map;

static struct drm_seedchip_sync sync_of(uint32_t flags, uint32_t handle, uint64_t point)
{
	return (struct drm_seedchip_sync){ .flags = flags, .handle = handle, .point = point };
}

#define WAIT(handle, point)   sync_of(DRM_SEEDCHIP_SYNC_WAIT, handle, point)
#define SIGNAL(handle, point) sync_of(DRM_SEEDCHIP_SYNC_SIGNAL, handle, point)

static void bad_syncs(void)
{
	struct sc_packet nop = card_nop();
	struct drm_seedchip_sync sync = SIGNAL(12345, 0);
	uint32_t empty = card_syncobj(fd);

	CHECK_EQ(card_submit(fd, first.queue, &nop, 1, &sync, 1, NULL), -ENOENT);
	sync = sync_of(0x8, empty, 0);
	CHECK_EQ(card_submit(fd, first.queue, &nop, 1, &sync, 1, NULL), -EINVAL);
	/* A point that nobody has submitted: only the CPU may wait before the signal. */
	sync = WAIT(empty, 0);
	CHECK_EQ(card_submit(fd, first.queue, &nop, 1, &sync, 1, NULL), -EINVAL);
	sync = WAIT(empty, 7);
	CHECK_EQ(card_submit(fd, first.queue, &nop, 1, &sync, 1, NULL), -EINVAL);
	drmSyncobjDestroy(fd, empty);
}

static void timeline(void)
{
	uint32_t line = card_syncobj(fd);
	struct sc_packet nop = card_nop();
	uint64_t point, reached;

	for (point = 1; point <= 20; point++) {
		struct drm_seedchip_sync sync = SIGNAL(line, point);

		CHECK_EQ(card_submit(fd, first.queue, &nop, 1, &sync, 1, NULL), 0);
	}
	CHECK_EQ(card_wait(fd, line, 20, 10000), 0);
	CHECK_EQ(drmSyncobjQuery(fd, &line, &reached, 1), 0);
	CHECK_EQ(reached, 20);
	drmSyncobjDestroy(fd, line);
}

/* The second queue waits for the first one, which the test holds back. */
static void between_queues(void)
{
	struct sc_packet hold[2] = { card_word(SC_OP_WAIT, VA, 1),
				     card_word(SC_OP_SIGNAL, VA + 8, 42) };
	struct sc_packet copy = card_copy(VA + 16, VA + 8, 8);
	uint32_t between = card_syncobj(fd), done = card_syncobj(fd);
	struct drm_seedchip_sync out = SIGNAL(between, 0);
	struct drm_seedchip_sync both[2] = { WAIT(between, 0), SIGNAL(done, 0) };

	memset((void *)map, 0, SIZE);
	CHECK_EQ(card_submit(fd, first.queue, hold, 2, &out, 1, NULL), 0);
	CHECK_EQ(card_submit(fd, second.queue, &copy, 1, both, 2, NULL), 0);
	CHECK_EQ(card_wait(fd, done, 0, 100), -ETIME);
	CHECK_EQ(map[2], 0);
	map[0] = 1;
	CHECK_EQ(card_wait(fd, done, 0, 10000), 0);
	CHECK_EQ(map[2], 42);
	drmSyncobjDestroy(fd, between);
	drmSyncobjDestroy(fd, done);
}

/* A fence goes out as a sync_file, and comes in as one. */
static void sync_files(void)
{
	struct sc_packet hold[2] = { card_word(SC_OP_WAIT, VA, 1),
				     card_word(SC_OP_SIGNAL, VA + 8, 43) };
	struct sc_packet copy = card_copy(VA + 16, VA + 8, 8);
	uint32_t out = card_syncobj(fd), in = card_syncobj(fd), done = card_syncobj(fd);
	struct drm_seedchip_sync sync = SIGNAL(out, 0);
	struct drm_seedchip_sync both[2] = { WAIT(in, 0), SIGNAL(done, 0) };
	struct pollfd p = { .fd = -1, .events = POLLIN };

	memset((void *)map, 0, SIZE);
	CHECK_EQ(card_submit(fd, first.queue, hold, 2, &sync, 1, NULL), 0);
	CHECK_EQ(drmSyncobjExportSyncFile(fd, out, &p.fd), 0);
	CHECK_EQ(drmSyncobjImportSyncFile(fd, in, p.fd), 0);
	CHECK_EQ(card_submit(fd, second.queue, &copy, 1, both, 2, NULL), 0);
	CHECK_EQ(poll(&p, 1, 50), 0);
	CHECK_EQ(map[2], 0);
	map[0] = 1;
	CHECK_EQ(poll(&p, 1, 10000), 1);
	CHECK_EQ(card_wait(fd, done, 0, 10000), 0);
	CHECK_EQ(map[2], 43);
	close(p.fd);
	drmSyncobjDestroy(fd, out);
	drmSyncobjDestroy(fd, in);
	drmSyncobjDestroy(fd, done);
}

/* A point of a timeline in, a later one out; the CPU may wait before anybody has submitted. */
static void wait_before_signal(void)
{
	uint32_t line = card_syncobj(fd);
	struct drm_seedchip_sync both[2] = { WAIT(line, 1), SIGNAL(line, 2) };
	struct sc_packet nop = card_nop();
	int status;
	pid_t pid;

	pid = fork();
	if (!pid)
		_exit(card_wait(fd, line, 2, 20000) ? 1 : 0);
	usleep(50000);
	/* Work may not: nobody could say that it ends. */
	CHECK_EQ(card_submit(fd, second.queue, &nop, 1, both, 2, NULL), -EINVAL);
	both[1] = SIGNAL(line, 1);
	CHECK_EQ(card_submit(fd, first.queue, &nop, 1, &both[1], 1, NULL), 0);
	both[1] = SIGNAL(line, 2);
	CHECK_EQ(card_submit(fd, second.queue, &nop, 1, both, 2, NULL), 0);
	CHECK_EQ(waitpid(pid, &status, 0), pid);
	CHECK(WIFEXITED(status));
	CHECK_EQ(WEXITSTATUS(status), 0);
	drmSyncobjDestroy(fd, line);
}

/* Two files are two address spaces of one card. */
static void between_files(void)
{
	struct sc_packet hold = card_word(SC_OP_WAIT, VA, 1), nop = card_nop();
	uint32_t between = card_syncobj(fd), imported = 0, done;
	struct drm_seedchip_sync out = SIGNAL(between, 0);
	struct drm_seedchip_queue_create queue;
	struct drm_seedchip_sync both[2];
	int other = card_open(0), shared = -1;

	CHECK(other >= 0);
	CHECK_EQ(card_queue(other, &queue), 0);
	map[0] = 0;
	CHECK_EQ(card_submit(fd, first.queue, &hold, 1, &out, 1, NULL), 0);
	CHECK_EQ(drmSyncobjHandleToFD(fd, between, &shared), 0);
	CHECK_EQ(drmSyncobjFDToHandle(other, shared, &imported), 0);
	close(shared);
	done = card_syncobj(other);
	both[0] = WAIT(imported, 0);
	both[1] = SIGNAL(done, 0);
	CHECK_EQ(card_submit(other, queue.queue, &nop, 1, both, 2, NULL), 0);
	CHECK_EQ(card_wait(other, done, 0, 100), -ETIME);
	map[0] = 1;
	CHECK_EQ(card_wait(other, done, 0, 10000), 0);
	close(other);
	drmSyncobjDestroy(fd, between);
}

/* The work that waits for failed work fails as well; nothing else does. */
static void failed_dependency(void)
{
	struct sc_packet bad = card_fill(0x7000000000, 0, 8);
	struct sc_packet touch = card_word(SC_OP_SIGNAL, VA, 9);
	uint32_t between = card_syncobj(fd), done = card_syncobj(fd), after = card_syncobj(fd);
	struct sc_packet hold[2] = { card_word(SC_OP_WAIT, VA + 8, 1), bad };
	struct drm_seedchip_sync out = SIGNAL(between, 0);
	struct drm_seedchip_sync both[2] = { WAIT(between, 0), SIGNAL(done, 0) };

	memset((void *)map, 0, SIZE);
	CHECK_EQ(card_submit(fd, first.queue, hold, 2, &out, 1, NULL), 0);
	CHECK_EQ(card_submit(fd, second.queue, &touch, 1, both, 2, NULL), 0);
	touch = card_word(SC_OP_SIGNAL, VA + 16, 10);
	out = SIGNAL(after, 0);
	CHECK_EQ(card_submit(fd, second.queue, &touch, 1, &out, 1, NULL), 0);
	map[1] = 1;
	CHECK_EQ(card_wait(fd, after, 0, 10000), 0);
	CHECK_EQ(card_fence_status(fd, between), -EFAULT);
	CHECK_EQ(card_fence_status(fd, done), -ECANCELED);
	CHECK_EQ(map[0], 0);
	CHECK_EQ(card_fence_status(fd, after), 1);
	CHECK_EQ(map[2], 10);
	CHECK_EQ(card_recover(fd, first.queue), 0);
	drmSyncobjDestroy(fd, between);
	drmSyncobjDestroy(fd, done);
	drmSyncobjDestroy(fd, after);
}

/* A sync_file of two fences: the first has failed, the second has not ended yet. */
static void half_failed(void)
{
	struct sc_packet fails[2] = { card_word(SC_OP_WAIT, VA + 8, 1),
				      card_fill(0x7000000000, 0, 8) };
	struct sc_packet hold = card_word(SC_OP_WAIT, VA + 24, 1);
	struct sc_packet touch = card_word(SC_OP_SIGNAL, VA, 9);
	uint32_t failed = card_syncobj(fd), held = card_syncobj(fd), both = card_syncobj(fd);
	uint32_t done = card_syncobj(fd);
	struct drm_seedchip_sync out = SIGNAL(failed, 0);
	struct drm_seedchip_sync in_out[2] = { WAIT(both, 0), SIGNAL(done, 0) };
	struct sync_merge_data merge = { .name = "both" };
	struct drm_seedchip_queue_create third;
	int file = -1;

	memset((void *)map, 0, SIZE);
	CHECK_EQ(card_queue(fd, &third), 0);
	CHECK_EQ(card_submit(fd, first.queue, fails, 2, &out, 1, NULL), 0);
	out = SIGNAL(held, 0);
	CHECK_EQ(card_submit(fd, third.queue, &hold, 1, &out, 1, NULL), 0);
	CHECK_EQ(drmSyncobjExportSyncFile(fd, failed, &file), 0);
	CHECK_EQ(drmSyncobjExportSyncFile(fd, held, &merge.fd2), 0);
	CHECK_EQ(ioctl(file, SYNC_IOC_MERGE, &merge), 0);
	CHECK_EQ(drmSyncobjImportSyncFile(fd, both, merge.fence), 0);
	map[1] = 1;
	CHECK_EQ(card_wait(fd, failed, 0, 10000), 0);
	CHECK_EQ(card_fence_status(fd, failed), -EFAULT);
	CHECK_EQ(card_submit(fd, second.queue, &touch, 1, in_out, 2, NULL), 0);
	map[3] = 1;
	CHECK_EQ(card_wait(fd, done, 0, 10000), 0);
	CHECK_EQ(card_fence_status(fd, done), -ECANCELED);
	CHECK_EQ(map[0], 0);
	close(file);
	close(merge.fd2);
	close(merge.fence);
	CHECK_EQ(card_queue_destroy(fd, third.queue), 0);
	CHECK_EQ(card_recover(fd, first.queue), 0);
	drmSyncobjDestroy(fd, failed);
	drmSyncobjDestroy(fd, held);
	drmSyncobjDestroy(fd, both);
	drmSyncobjDestroy(fd, done);
}

/* More fences than the kernel's largest allocation could list: refused without a warning. */
static void too_many_fences(void)
{
	static struct drm_seedchip_sync syncs[4096];
	struct sc_packet packet = card_word(SC_OP_WAIT, VA, 1);
	uint32_t held = card_syncobj(fd), line = card_syncobj(fd);
	struct drm_seedchip_sync out = SIGNAL(held, 0);
	uint64_t point;
	unsigned int i;

	memset((void *)map, 0, SIZE);
	CHECK_EQ(card_submit(fd, first.queue, &packet, 1, &out, 1, NULL), 0);
	for (point = 1; point <= 200; point++)
		CHECK_EQ(drmSyncobjTransfer(fd, line, point, held, 0, 0), 0);
	for (i = 0; i < 4096; i++)
		syncs[i] = WAIT(line, 200);
	packet = card_nop();
	CHECK_EQ(card_submit(fd, second.queue, &packet, 1, syncs, 4096, NULL), -ENOMEM);
	map[0] = 1;
	CHECK_EQ(card_wait(fd, held, 0, 10000), 0);
	drmSyncobjDestroy(fd, held);
	drmSyncobjDestroy(fd, line);
}

#define ROUNDS 20
#define FILLS  48

/*
 * A file closes while its queue fills a buffer that a bind, which waits for the queue, unmaps.
 * The buffer's memory must not be zeroed and given away before the queue has stopped.
 */
static void close_with_bind(void)
{
	struct sc_packet fills[FILLS];
	unsigned int round, i;

	for (i = 0; i < FILLS; i++)
		fills[i] = card_fill(VA, ~0ULL, SIZE);
	for (round = 0; round < ROUNDS; round++) {
		struct drm_seedchip_bind op = { .va = VA, .size = SIZE };
		struct drm_seedchip_sync sync;
		struct drm_seedchip_vm_bind unmap = {
			.ops = { .stride = sizeof(op), .count = 1, .array = (uintptr_t)&op },
			.syncs = { .stride = sizeof(sync), .count = 1, .array = (uintptr_t)&sync },
		};
		struct drm_seedchip_queue_create queue;
		volatile uint64_t *words;
		uint32_t card, busy;
		int other = card_open(0);

		busy = card_syncobj(other);
		CHECK_EQ(card_bo(other, SIZE, PLACE, &card), 0);
		CHECK_EQ(card_queue(other, &queue), 0);
		CHECK_EQ(card_bind(other, RW, card, 0, VA, SIZE), 0);
		sync = SIGNAL(busy, 0);
		CHECK_EQ(card_submit(other, queue.queue, fills, FILLS, &sync, 1, NULL), 0);
		sync = WAIT(busy, 0);
		CHECK_EQ(card_ioctl(other, DRM_IOCTL_SEEDCHIP_VM_BIND, &unmap), 0);
		close(other);

		for (i = 0; i < 8; i++) {
			CHECK_EQ(card_bo(fd, SIZE, PLACE, &card), 0);
			words = card_map(fd, card, SIZE);
			CHECK_EQ(words[0] | words[SIZE / 8 - 1], 0);
			munmap((void *)words, SIZE);
			card_bo_close(fd, card);
		}
	}
}

int main(void)
{
	static const struct tap_test tests[] = {
		{ "unknown handles, flags and missing points", bad_syncs },
		{ "points of a timeline", timeline },
		{ "one queue waits for another", between_queues },
		{ "sync_files out and in", sync_files },
		{ "the CPU waits for what is still to be submitted", wait_before_signal },
		{ "one file waits for another", between_files },
		{ "the failure of a dependency", failed_dependency },
		{ "the failure of one of two in a sync_file", half_failed },
		{ "more fences than can be listed", too_many_fences },
		{ "closed while a bind waits for its queue", close_with_bind },
	};

	fd = card_open(0);
	if (fd < 0 || card_bo(fd, SIZE, DRM_SEEDCHIP_BO_SYSTEM, &bo) || card_queue(fd, &first) ||
	    card_queue(fd, &second) || card_bind(fd, RW, bo, 0, VA, SIZE)) {
		printf("Bail out! no card, buffer or queue\n");
		return EXIT_FAILURE;
	}
	map = card_map(fd, bo, SIZE);
	return TAP_RUN(tests);
}
