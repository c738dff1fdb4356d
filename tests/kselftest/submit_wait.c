// SPDX-License-Identifier: MIT
/*
 * SUBMIT that waits for its packets: every way in which the wait can end, and
 * that the call says in each of them what has become of the packets.
 */
#include <errno.h>
#include <pthread.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "card.h"
#include "tap.h"

#define RW   (DRM_SEEDCHIP_BIND_MAP | DRM_SEEDCHIP_BIND_READ | DRM_SEEDCHIP_BIND_WRITE)
#define VA   0x10000000ULL
#define SIZE 0x1000ULL

static int fd;
static uint32_t queue;
static const volatile struct sc_queue_state *state;
static volatile uint64_t *map;

static int64_t in_ms(int64_t ms)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000000000LL + t.tv_nsec + ms * 1000000;
}

static int submit(struct drm_seedchip_submit *arg, const struct sc_packet *packets,
		  unsigned int count, int64_t timeout_ns)
{
	arg->queue = queue;
	arg->flags = DRM_SEEDCHIP_SUBMIT_WAIT;
	arg->packets = (struct drm_seedchip_array){ sizeof(*packets), count, (uintptr_t)packets };
	arg->timeout_ns = timeout_ns;
	/* not through libdrm, which would call again */
	return ioctl(fd, DRM_IOCTL_SEEDCHIP_SUBMIT, arg) ? -errno : 0;
}

/* One packet, without fences. Return: the result. */
static int run(struct sc_packet packet, int64_t timeout_ns)
{
	struct drm_seedchip_submit arg = { 0 };

	CHECK_EQ(submit(&arg, &packet, 1, timeout_ns), 0);
	return arg.result;
}

static struct sc_packet until(uint64_t value)
{
	return card_word(SC_OP_WAIT, VA + 8, value);
}

/* What was left to run has run, and the next one does. */
static void release(uint64_t value)
{
	map[1] = value;
	CHECK_EQ(run(card_word(SC_OP_SIGNAL, VA, value), -1), 0);
	CHECK_EQ(map[0], value);
}

static void complete(void)
{
	struct sc_packet packets[9];
	struct drm_seedchip_submit arg;
	unsigned int i, count;
	uint64_t before;

	for (count = 1; count <= 9; count++) {
		for (i = 0; i < count; i++)
			packets[i] = card_word(SC_OP_SIGNAL, VA + 8 * i, 100 * count + i);
		for (i = 0; i < 40; i++) {
			arg = (struct drm_seedchip_submit){ 0 };
			before = state->retired;
			CHECK_EQ(submit(&arg, packets, count, i % 2 ? -1 : in_ms(30000)), 0);
			CHECK_EQ(arg.result, 0);
			CHECK_EQ(arg.index, before + count);
			CHECK_EQ(state->retired, arg.index);
		}
		for (i = 0; i < count; i++)
			CHECK_EQ(map[i], 100 * count + i);
	}
}

static void gives_up(void)
{
	map[1] = 0;
	CHECK_EQ(run(until(1), 0), -EAGAIN);
	CHECK_EQ(run(card_nop(), 1), -EAGAIN);
	CHECK_EQ(run(card_nop(), in_ms(20)), -EAGAIN);
	release(1);
}

static void is_interrupted(void)
{
	struct drm_seedchip_submit arg = { 0 };
	struct sc_packet packet = until(2);
	uint64_t before = state->retired;
	pid_t child;

	map[1] = 0;
	child = card_interrupt();
	CHECK_EQ(submit(&arg, &packet, 1, -1), 0);
	CHECK_EQ(arg.result, -EINTR);
	CHECK_EQ(arg.index, before + 1);
	CHECK_EQ(waitpid(child, NULL, 0), child);
	release(2);
	CHECK_EQ(state->retired, before + 2);
}

static void fails(void)
{
	struct sc_packet bad = card_nop();
	struct sc_fault fault;

	bad.body[0] = 1;
	CHECK_EQ(run(bad, -1), -EINVAL);
	CHECK_EQ(card_fault(fd, queue, &fault), 0);
	CHECK_EQ(fault.code, SC_CODE_RESERVED_BITS);
	CHECK_EQ(submit(&(struct drm_seedchip_submit){ 0 }, &bad, 1, -1), -EIO);
	CHECK_EQ(card_recover(fd, queue), 0);
	release(3);
}

/* The queue stands before a word that nobody writes. The culprit, and one behind it. */
static void hangs(void)
{
	struct drm_seedchip_queue_create impatient = {
		.priority = 1, .ring_log2 = 6, .timeout_ms = 100,
	};
	struct sc_packet packet = until(1000);
	uint32_t kept = queue;

	CHECK_EQ(card_ioctl(fd, DRM_IOCTL_SEEDCHIP_QUEUE_CREATE, &impatient), 0);
	queue = impatient.queue;
	map[1] = 0;
	CHECK_EQ(run(packet, -1), -ETIME);
	CHECK_EQ(card_recover(fd, queue), 0);
	CHECK_EQ(card_submit(fd, queue, &packet, 1, NULL, 0, NULL), 0);
	CHECK_EQ(run(card_nop(), -1), -ECANCELED);
	CHECK_EQ(card_recover(fd, queue), 0);
	release(4);
	CHECK_EQ(card_queue_destroy(fd, queue), 0);
	queue = kept;
}

/* Somebody else recovers the queue before the sleeper has looked. */
static void *recover(void *stop)
{
	while (!__atomic_load_n((int *)stop, __ATOMIC_RELAXED) && !card_recover(fd, queue))
		usleep(100);
	return NULL;
}

static void is_recovered(void)
{
	struct drm_seedchip_submit arg = { 0 };
	struct sc_packet bad = card_nop();
	pthread_t thread;
	int i, ret, stop = 0;

	bad.body[0] = 1;
	CHECK_EQ(pthread_create(&thread, NULL, recover, &stop), 0);
	for (i = 0; i < 20; i++) {
		arg.result = 0;
		while ((ret = submit(&arg, &bad, 1, -1)) == -EIO)
			usleep(100);
		CHECK_EQ(ret, 0);
		CHECK_EQ(arg.result, -EINVAL);
	}
	__atomic_store_n(&stop, 1, __ATOMIC_RELAXED);
	pthread_join(thread, NULL);
	CHECK_EQ(card_recover(fd, queue), 0);
	release(5);
}

static void is_destroyed(void)
{
	struct drm_seedchip_queue_create own;
	uint32_t kept = queue;
	int result, status;
	pid_t child;

	CHECK_EQ(card_queue(fd, &own), 0);
	map[1] = 0;
	child = fork();
	if (!child) {
		usleep(200000);
		_exit(card_queue_destroy(fd, own.queue) ? 1 : 0);
	}
	queue = own.queue;
	result = run(until(1), -1);
	queue = kept;
	CHECK_EQ(result, -ECANCELED);
	CHECK_EQ(waitpid(child, &status, 0), child);
	CHECK_EQ(status, 0);
}

/* In-fence of a job that fails, out-fence; then the same with one that does not. */
static void with_fences(void)
{
	struct drm_seedchip_sync first = { DRM_SEEDCHIP_SYNC_SIGNAL, card_syncobj(fd), 0 };
	struct drm_seedchip_sync syncs[2] = { { DRM_SEEDCHIP_SYNC_WAIT, first.handle, 0 },
					      { DRM_SEEDCHIP_SYNC_SIGNAL, card_syncobj(fd), 0 } };
	struct drm_seedchip_submit arg = { .syncs = { sizeof(*syncs), 2, (uintptr_t)syncs } };
	struct sc_packet packet = card_word(SC_OP_SIGNAL, VA, 77), bad = card_nop();
	struct drm_seedchip_queue_create other;

	CHECK_EQ(card_queue(fd, &other), 0);
	bad.body[0] = 1;
	map[1] = 0;
	CHECK_EQ(card_submit(fd, other.queue, (struct sc_packet[]){ until(1), bad }, 2, &first, 1,
			     NULL), 0);
	CHECK_EQ(submit(&arg, &packet, 1, 0), 0);
	CHECK_EQ(arg.result, -EAGAIN);
	CHECK_EQ(card_fence_status(fd, syncs[1].handle), 0);
	arg.result = 0;
	map[1] = 1;
	CHECK_EQ(submit(&arg, &packet, 1, -1), 0);
	CHECK_EQ(arg.result, -ECANCELED);
	CHECK_EQ(card_fence_status(fd, syncs[1].handle), -ECANCELED);
	CHECK(map[0] != 77);
	CHECK_EQ(card_recover(fd, other.queue), 0);

	map[1] = 0;
	CHECK_EQ(card_submit(fd, other.queue, (struct sc_packet[]){ until(1) }, 1, &first, 1, NULL),
		 0);
	map[1] = 1;
	arg.result = 0;
	CHECK_EQ(submit(&arg, &packet, 1, -1), 0);
	CHECK_EQ(arg.result, 0);
	CHECK_EQ(card_fence_status(fd, syncs[1].handle), 1);
	CHECK_EQ(map[0], 77);
	CHECK_EQ(card_queue_destroy(fd, other.queue), 0);
}

int main(void)
{
	static const struct tap_test tests[] = {
		{ "the packets are complete when the call returns", complete },
		{ "it gives up and leaves them to run", gives_up },
		{ "a signal ends the wait, and the call tells", is_interrupted },
		{ "the fault of the packets is the result", fails },
		{ "so is a hang, and another's is told apart", hangs },
		{ "a recovery meanwhile does not hide it", is_recovered },
		{ "the queue is destroyed meanwhile", is_destroyed },
		{ "with fences to wait for and to signal", with_fences },
	};
	struct drm_seedchip_queue_create create;
	uint32_t bo;

	fd = card_open(0);
	if (fd < 0 || card_bo(fd, SIZE, DRM_SEEDCHIP_BO_SYSTEM, &bo) ||
	    card_bind(fd, RW, bo, 0, VA, SIZE) ||
	    card_queue(fd, &create)) {
		printf("Bail out! no card, buffer or queue\n");
		return EXIT_FAILURE;
	}
	queue = create.queue;
	map = card_map(fd, bo, SIZE);
	state = card_state(fd, &create);
	if (!map || !state) {
		printf("Bail out! no mapping\n");
		return EXIT_FAILURE;
	}
	return TAP_RUN(tests);
}
