// SPDX-License-Identifier: MIT
/*
 * Interrupts that are held back: every fence and every wait ends all the same. How many there are
 * is for tests/runtime/interrupts and tests/unit/test_chip_queue to tell: here the card runs as it
 * likes.
 */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "card.h"
#include "tap.h"

#define RW   (DRM_SEEDCHIP_BIND_MAP | DRM_SEEDCHIP_BIND_READ | DRM_SEEDCHIP_BIND_WRITE)
#define SIZE 0x100000u
#define VA   0x1000000u
#define JOBS 24u

static int fd;
static volatile uint64_t *map;

static int create(uint32_t count, uint32_t ns, struct drm_seedchip_queue_create *args)
{
	*args = (struct drm_seedchip_queue_create){
		.priority = 1, .ring_log2 = 8, .irq_count = count, .irq_ns = ns,
	};
	return card_ioctl(fd, DRM_IOCTL_SEEDCHIP_QUEUE_CREATE, args);
}

/* Jobs behind a gate, each with an eventfd and a fence. */
static void run(uint32_t count, uint32_t ns)
{
	struct drm_seedchip_sync out = { .flags = DRM_SEEDCHIP_SYNC_SIGNAL };
	struct sc_packet gate = card_word(SC_OP_WAIT, VA, 1);
	struct sc_packet copy = card_copy(VA + SIZE / 2, VA + SIZE / 4, SIZE / 4);
	struct drm_seedchip_queue_create queue;
	struct drm_seedchip_queue_wait wait = { .flags = DRM_SEEDCHIP_QUEUE_WAIT_EVENTFD };
	struct pollfd told[JOBS];
	uint32_t done[JOBS];
	unsigned int i;
	uint64_t index;

	CHECK_EQ(create(count, ns, &queue), 0);
	wait.queue = queue.queue;
	map[0] = 0;
	CHECK_EQ(card_submit(fd, queue.queue, &gate, 1, NULL, 0, NULL), 0);
	for (i = 0; i < JOBS; i++) {
		done[i] = card_syncobj(fd);
		out.handle = done[i];
		CHECK_EQ(card_submit(fd, queue.queue, &copy, 1, &out, 1, &index), 0);
		wait.index = index;
		told[i] = (struct pollfd){ .fd = eventfd(0, EFD_NONBLOCK), .events = POLLIN };
		wait.eventfd = told[i].fd;
		CHECK_EQ(card_ioctl(fd, DRM_IOCTL_SEEDCHIP_QUEUE_WAIT, &wait), 0);
	}
	map[0] = 1;
	for (i = 0; i < JOBS; i++) {
		CHECK_EQ(poll(&told[i], 1, 30000), 1);
		CHECK_EQ(card_wait(fd, done[i], 0, 30000), 0);
		CHECK_EQ(card_fence_status(fd, done[i]), 1);
		close(told[i].fd);
	}
	CHECK_EQ(card_queue_destroy(fd, queue.queue), 0);
}

static void not_held_back(void)
{
	run(0, 0);
}

static void held_back(void)
{
	run(JOBS, 1000000);
	run(1, 1000);
	run(65535, 1);
}

/* One job at a time: the queue has nothing else to do, so nobody waits for anything. */
static void alone(void)
{
	struct drm_seedchip_queue_create queue;
	struct sc_packet nop = card_nop();
	unsigned int i;

	CHECK_EQ(create(65535, 1000000, &queue), 0);
	for (i = 0; i < 100; i++)
		CHECK_EQ(card_run(fd, queue.queue, &nop, 1), 0);
	CHECK_EQ(card_queue_destroy(fd, queue.queue), 0);
}

static void refused(void)
{
	struct drm_seedchip_queue_create queue;

	CHECK_EQ(create(1, 0, &queue), -EINVAL);
	CHECK_EQ(create(0, 1, &queue), -EINVAL);
	CHECK_EQ(create(65536, 1, &queue), -EINVAL);
	CHECK_EQ(create(1, 1000001, &queue), -EINVAL);
}

int main(void)
{
	static const struct tap_test tests[] = {
		{ "all jobs of a queue are heard of", not_held_back },
		{ "and when interrupts are held back", held_back },
		{ "a job on its own", alone },
		{ "what is out of range is refused", refused },
	};
	uint32_t bo;

	fd = card_open(0);
	if (fd < 0 || card_bo(fd, SIZE, DRM_SEEDCHIP_BO_SYSTEM, &bo) ||
	    card_bind(fd, RW, bo, 0, VA, SIZE)) {
		printf("Bail out! no card or buffer\n");
		return EXIT_FAILURE;
	}
	map = card_map(fd, bo, SIZE);
	return TAP_RUN(tests);
}
