// SPDX-License-Identifier: MIT
/* Queues: creation and its limits, the state page, destruction with work in flight. */
#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>
#include <xf86drm.h>

#include "card.h"
#include "tap.h"

static int fd;
static struct drm_seedchip_info info;

static int create(const struct drm_seedchip_queue_create *desc, uint32_t *queue)
{
	struct drm_seedchip_queue_create arg = *desc;
	int ret = card_ioctl(fd, DRM_IOCTL_SEEDCHIP_QUEUE_CREATE, &arg);

	*queue = arg.queue;
	return ret;
}

static void bad_arguments(void)
{
	static const struct drm_seedchip_queue_create good = { .priority = 1, .ring_log2 = 6 };
	struct drm_seedchip_queue_create q;
	uint32_t queue;

#define BAD(member, value)                                \
	q = good;                                         \
	q.member = value;                                 \
	CHECK_EQ(create(&q, &queue), -EINVAL);
	BAD(flags, 1)
	BAD(priority, 4)
	BAD(ring_log2, SC_RING_LOG2_MIN - 1)
	BAD(ring_log2, info.ring_log2_max + 1)
	BAD(ring_log2, 0xffffffff)
	BAD(core_mask, 1ULL << 63)
	BAD(log_va, 0x10001)
	BAD(log_va, SC_VA_KERNEL_START)
	BAD(record_va, 0x10008)
	BAD(record_va, SC_VA_USER_END)
}

static void bad_handles(void)
{
	struct drm_seedchip_queue_destroy destroy = { .queue = 12345 };
	struct drm_seedchip_queue_create queue;
	struct sc_fault fault;

	CHECK_EQ(card_ioctl(fd, DRM_IOCTL_SEEDCHIP_QUEUE_DESTROY, &destroy), -ENOENT);
	CHECK_EQ(card_recover(fd, 12345), -ENOENT);
	CHECK_EQ(card_fault(fd, 12345, &fault), -ENOENT);
	CHECK_EQ(card_queue(fd, &queue), 0);
	destroy = (struct drm_seedchip_queue_destroy){ .queue = queue.queue, .pad = 1 };
	CHECK_EQ(card_ioctl(fd, DRM_IOCTL_SEEDCHIP_QUEUE_DESTROY, &destroy), -EINVAL);
	CHECK_EQ(card_fault(fd, queue.queue, &fault), -ENODATA);
	CHECK_EQ(card_queue_destroy(fd, queue.queue), 0);
	CHECK_EQ(card_queue_destroy(fd, queue.queue), -ENOENT);
}

/* Above the usual priority only who may also be nice to himself. */
static void priorities(void)
{
	struct drm_seedchip_queue_create desc = { .ring_log2 = 6 };
	unsigned int failed = 0;
	int status;
	pid_t pid;

	pid = fork();
	if (!pid) {
		uint32_t queue;

		if (setgid(65534) || setuid(65534))
			_exit(100);
		for (desc.priority = 0; desc.priority < 4; desc.priority++)
			failed |= create(&desc, &queue) != (desc.priority > 1 ? -EACCES : 0)
				  ? 1u << desc.priority : 0;
		_exit(failed);
	}
	CHECK_EQ(waitpid(pid, &status, 0), pid);
	CHECK(WIFEXITED(status));
	CHECK_EQ(WEXITSTATUS(status), 0);
	for (desc.priority = 0; desc.priority < 4; desc.priority++) {
		uint32_t queue;

		CHECK_EQ(create(&desc, &queue), 0);
		CHECK_EQ(card_queue_destroy(fd, queue), 0);
	}
}

static void foreign_queue(void)
{
	struct sc_packet nop = card_nop();
	struct drm_seedchip_queue_create queue;
	int other = card_open(0);

	CHECK(other >= 0);
	CHECK_EQ(card_queue(fd, &queue), 0);
	CHECK_EQ(card_submit(other, queue.queue, &nop, 1, NULL, 0, NULL), -ENOENT);
	CHECK(mmap(NULL, 4096, PROT_READ, MAP_SHARED, other, (off_t)queue.state_offset) ==
	      MAP_FAILED);
	close(other);
	CHECK_EQ(card_queue_destroy(fd, queue.queue), 0);
}

static void state_page(void)
{
	const volatile struct sc_queue_state *state;
	struct drm_seedchip_queue_create queue;
	struct sc_packet nops[3] = { card_nop(), card_nop(), card_nop() };

	CHECK_EQ(card_queue(fd, &queue), 0);
	CHECK(mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd,
		   (off_t)queue.state_offset) == MAP_FAILED);
	state = card_state(fd, &queue);
	CHECK(state);
	CHECK(mprotect((void *)state, 4096, PROT_READ | PROT_WRITE) != 0);
	CHECK_EQ(card_run(fd, queue.queue, nops, 3), 0);
	CHECK_EQ(state->packets, 3);
	CHECK(state->retired >= 3);
	CHECK_EQ(state->faults, 0);
	CHECK_EQ(card_queue_destroy(fd, queue.queue), 0);
	munmap((void *)state, 4096);
}

static void one_too_many(void)
{
	struct drm_seedchip_queue_create queue;
	uint32_t handles[1024];
	unsigned int count, round;

	for (round = 0; round < 2; round++) {
		int ret = 0;

		for (count = 0; count < 1024; count++) {
			ret = card_queue(fd, &queue);
			if (ret)
				break;
			handles[count] = queue.queue;
		}
		CHECK(ret == -EMFILE || ret == -ENOSPC);
		CHECK(count >= 8 && count <= info.max_queues);
		while (count)
			CHECK_EQ(card_queue_destroy(fd, handles[--count]), 0);
	}
}

/* A WAIT that nothing satisfies is in flight when the queue goes away. */
static void destroy_busy(void)
{
	const uint32_t flags = DRM_SEEDCHIP_BIND_MAP | DRM_SEEDCHIP_BIND_READ;
	struct drm_seedchip_sync out = { .flags = DRM_SEEDCHIP_SYNC_SIGNAL };
	struct sc_packet wait = card_word(SC_OP_WAIT, 0x10000000, 1);
	struct drm_seedchip_queue_create queue;
	uint32_t handle;

	CHECK_EQ(card_bo(fd, 4096, DRM_SEEDCHIP_BO_SYSTEM, &handle), 0);
	CHECK_EQ(card_bind(fd, flags, handle, 0, 0x10000000, 4096), 0);
	CHECK_EQ(card_queue(fd, &queue), 0);
	out.handle = card_syncobj(fd);
	CHECK_EQ(card_submit(fd, queue.queue, &wait, 1, &out, 1, NULL), 0);
	CHECK_EQ(card_wait(fd, out.handle, 0, 50), -ETIME);
	CHECK_EQ(card_queue_destroy(fd, queue.queue), 0);
	CHECK_EQ(card_wait(fd, out.handle, 0, 5000), 0);
	CHECK_EQ(card_fence_status(fd, out.handle), -ECANCELED);
	drmSyncobjDestroy(fd, out.handle);
	CHECK_EQ(card_bo_close(fd, handle), 0);
}

static void create_destroy(void)
{
	struct drm_seedchip_queue_create queue;
	struct sc_packet nop = card_nop();
	unsigned int i;

	for (i = 0; i < 100; i++) {
		CHECK_EQ(card_queue(fd, &queue), 0);
		CHECK_EQ(card_run(fd, queue.queue, &nop, 1), 0);
		CHECK_EQ(card_queue_destroy(fd, queue.queue), 0);
	}
}

int main(void)
{
	static const struct tap_test tests[] = {
		{ "each argument wrong, one at a time", bad_arguments },
		{ "handles of no queue", bad_handles },
		{ "priorities and who may have them", priorities },
		{ "another file's queue", foreign_queue },
		{ "the state page is read-only and counts", state_page },
		{ "one queue too many", one_too_many },
		{ "destroying a queue cancels its work", destroy_busy },
		{ "a hundred queues, one after the other", create_destroy },
	};

	fd = card_open(0);
	if (fd < 0 || card_info(fd, &info)) {
		printf("Bail out! no card: %d\n", fd);
		return EXIT_FAILURE;
	}
	return TAP_RUN(tests);
}
