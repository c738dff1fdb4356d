// SPDX-License-Identifier: MIT
/*
 * The paths that bench/launch counts: an empty packet by every way there is to
 * have one run, and what goes with it.
 *
 * Invariant: when a path has settled, all of its queues are idle.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>
#include <xf86drm.h>

#include "launch.h"
#include "tests/kselftest/card.h"

#define RW	      (DRM_SEEDCHIP_BIND_MAP | DRM_SEEDCHIP_BIND_READ | DRM_SEEDCHIP_BIND_WRITE)
#define SIZE	      0x10000ULL
#define LOG2	      6
#define SLOTS	      (1u << LOG2)
#define CROWD_QUEUES  256
#define CROWD_BUFFERS 100000
#define CROWD_STEP    1000

/** struct queue - a queue of either kind; @doorbell and @ring of a user-mode one alone */
struct queue {
	struct launch_card *card;
	struct drm_seedchip_queue_create create;
	const volatile struct sc_queue_state *state;
	volatile uint32_t *doorbell;
	struct sc_packet *ring;
	uint64_t write;
};

struct launch_card launch_cards[2];

static struct queue queues[2];
static uint32_t fences[3];

/* Card @index by its place on the bus: probing is asynchronous. */
static int open_card(struct launch_card *card, unsigned int index)
{
	char link[256], path[64];
	unsigned int i;
	ssize_t len;
	int regs;

	for (i = 0; i < 2; i++) {
		snprintf(path, sizeof(path), "/sys/class/accel/accel%u/device", i);
		len = readlink(path, link, sizeof(link) - 1);
		if (len < 0)
			return -errno;
		link[len] = 0;
		if (strtoul(strrchr(link, ':') - 2, NULL, 16) == 1 + index)
			break;
	}
	card->index = i;
	card->fd = card_open(i);
	if (card->fd < 0)
		return card->fd;
	snprintf(path, sizeof(path), "/sys/class/accel/accel%u/device/resource0", i);
	regs = open(path, O_RDWR | O_CLOEXEC);
	card->icount = mmap(NULL, SC_PAGE_SIZE, PROT_READ, MAP_SHARED, regs, 0);
	if (card->icount == MAP_FAILED)
		return -errno;
	close(regs);
	card->icount += SC_REG_GUEST_ICOUNT / sizeof(*card->icount);
	return 0;
}

static int map_system(struct launch_card *card, uint64_t va, void *map)
{
	uint32_t bo;
	int ret = card_bo(card->fd, SIZE, DRM_SEEDCHIP_BO_SYSTEM, &bo);

	if (!ret)
		ret = card_bind(card->fd, RW, bo, 0, va, SIZE);
	if (!ret) {
		*(void **)map = card_map(card->fd, bo, SIZE);
		ret = *(void **)map ? 0 : -errno;
	}
	return ret;
}

/* Ten buffers in all: these two, and more where the paths map theirs. */
int launch_open_cards(void)
{
	unsigned int i, j;
	uint32_t bo;
	int ret = 0;

	for (i = 0; i < 2 && !ret; i++) {
		struct launch_card *card = &launch_cards[i];

		ret = open_card(card, i);
		if (!ret)
			ret = map_system(card, LAUNCH_VA, &card->buffer);
		if (!ret)
			ret = map_system(card, LAUNCH_RINGS, &card->rings);
		for (j = 0; j < 8 && !ret; j++) {
			ret = card_bo(card->fd, SIZE, DRM_SEEDCHIP_BO_CARD, &bo);
			if (!ret)
				ret = card_bind(card->fd, RW, bo, 0, LAUNCH_HEAP + j * SIZE, SIZE);
		}
	}
	return ret;
}

static int crowd_buffers(const struct launch_card *card, uint64_t va)
{
	static struct drm_seedchip_bind ops[CROWD_STEP];
	struct drm_seedchip_vm_bind bind = {
		.ops = { sizeof(*ops), CROWD_STEP, (uintptr_t)ops },
	};
	unsigned int i;
	int ret = 0;

	for (i = 0; i < CROWD_STEP && !ret; i++) {
		ops[i] = (struct drm_seedchip_bind){
			.flags = RW, .va = va + i * SC_PAGE_SIZE, .size = SC_PAGE_SIZE,
		};
		ret = card_bo(card->fd, SC_PAGE_SIZE, DRM_SEEDCHIP_BO_CARD, &ops[i].handle);
	}
	return ret ?: card_ioctl(card->fd, DRM_IOCTL_SEEDCHIP_VM_BIND, &bind);
}

/* A file may have a part of the queues, so several share them. */
static int crowd_queues(unsigned int card)
{
	struct drm_seedchip_queue_create create;
	struct drm_seedchip_info info;
	unsigned int i;
	int fd = -1, ret;

	ret = card_info(launch_cards[card].fd, &info);
	for (i = 0; i < CROWD_QUEUES && !ret; i++) {
		if (i % info.max_queues == 0)
			fd = card_open(launch_cards[card].index);
		ret = fd < 0 ? fd : card_queue(fd, &create);
	}
	return ret;
}

int launch_crowd(void)
{
	unsigned int i, j;
	int ret = 0;

	for (i = 0; i < 2; i++) {
		if (!ret)
			ret = crowd_queues(i);
		for (j = 0; j < CROWD_BUFFERS && !ret; j += CROWD_STEP)
			ret = crowd_buffers(&launch_cards[i], LAUNCH_CROWD + j * SC_PAGE_SIZE);
	}
	return ret;
}

/* @page of the buffer for rings, or -1: kernel-managed. */
static int queue_open(struct queue *q, unsigned int card, int page)
{
	int ret;

	*q = (struct queue){
		.card = &launch_cards[card],
		.create = { .priority = 1, .ring_log2 = LOG2 },
	};
	if (page >= 0) {
		q->create.flags = DRM_SEEDCHIP_QUEUE_USER;
		q->create.ring_va = LAUNCH_RINGS + page * SC_PAGE_SIZE;
		q->ring = (void *)(q->card->rings + page * SC_PAGE_SIZE);
		memset(q->ring, 0, SC_PAGE_SIZE);
	}
	ret = card_ioctl(q->card->fd, DRM_IOCTL_SEEDCHIP_QUEUE_CREATE, &q->create);
	if (ret)
		return ret;
	q->state = card_state(q->card->fd, &q->create);
	if (q->state && page >= 0)
		q->doorbell = mmap(NULL, SC_PAGE_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED,
				   q->card->fd, (off_t)q->create.doorbell_offset);
	return q->state && q->doorbell != MAP_FAILED ? 0 : -errno;
}

static void close_all(void)
{
	unsigned int i;

	for (i = 0; i < 2; i++) {
		if (!queues[i].state)
			continue;
		munmap((void *)(uintptr_t)queues[i].state, SC_PAGE_SIZE);
		if (queues[i].doorbell)
			munmap((void *)(uintptr_t)queues[i].doorbell, SC_PAGE_SIZE);
		card_queue_destroy(queues[i].card->fd, queues[i].create.queue);
		queues[i] = (struct queue){ 0 };
	}
}

static uint64_t all_doorbells(void)
{
	uint64_t sum = 0;
	unsigned int i;

	for (i = 0; i < 2; i++)
		sum += queues[i].state ? queues[i].state->doorbells : 0;
	return sum;
}

static void poll_retired(const struct queue *q, uint64_t index)
{
	while (q->state->retired < index)
		;
}

static void user_put(struct queue *q, const struct sc_packet *packet)
{
	struct sc_packet *slot = &q->ring[q->write % SLOTS];

	slot->tag = packet->tag;
	memcpy(slot->body, packet->body, sizeof(slot->body));
	__atomic_store_n(&slot->hdr, packet->hdr | SC_PHASE(q->write, LOG2), __ATOMIC_RELEASE);
	q->write++;
}

static void user_ring(struct queue *q)
{
	__atomic_thread_fence(__ATOMIC_RELEASE);
	q->doorbell[SC_DOORBELL_RING / 4] = (uint32_t)q->write;
}

/* Kernel-managed. */

static const struct sc_packet nop = { .hdr = SC_HDR(SC_OP_NOP, 0, 0) };

static int submit(struct queue *q, const struct sc_packet *packet,
		  const struct drm_seedchip_sync *syncs, unsigned int count)
{
	struct drm_seedchip_submit arg = {
		.queue = q->create.queue,
		.packets = { SC_SLOT_SIZE, 1, (uintptr_t)packet },
		.syncs = { sizeof(*syncs), count, (uintptr_t)syncs },
	};
	int ret = ioctl(q->card->fd, DRM_IOCTL_SEEDCHIP_SUBMIT, &arg);

	q->write = arg.index;
	return ret ? -errno : 0;
}

static int wait_fence(const struct launch_card *card, uint32_t fence)
{
	struct drm_syncobj_wait arg = {
		.handles = (uintptr_t)&fence, .count_handles = 1, .timeout_nsec = INT64_MAX,
	};

	return ioctl(card->fd, DRM_IOCTL_SYNCOBJ_WAIT, &arg) ? -errno : 0;
}

static int open_kernel(void)
{
	fences[0] = card_syncobj(launch_cards[0].fd);
	return queue_open(&queues[0], 0, -1);
}

static int open_slow(void)
{
	return queue_open(&queues[0], 1, -1);
}

static int run_wait(void)
{
	struct drm_seedchip_submit arg = {
		.queue = queues[0].create.queue, .flags = DRM_SEEDCHIP_SUBMIT_WAIT,
		.packets = { SC_SLOT_SIZE, 1, (uintptr_t)&nop }, .timeout_ns = -1,
	};

	if (ioctl(queues[0].card->fd, DRM_IOCTL_SEEDCHIP_SUBMIT, &arg))
		return -errno;
	return arg.result;
}

static int run_syncobj(void)
{
	const struct drm_seedchip_sync out = { DRM_SEEDCHIP_SYNC_SIGNAL, fences[0], 0 };
	int ret = submit(&queues[0], &nop, &out, 1);

	return ret ?: wait_fence(queues[0].card, fences[0]);
}

static int run_polled(void)
{
	int ret = submit(&queues[0], &nop, NULL, 0);

	if (!ret)
		poll_retired(&queues[0], queues[0].write);
	return ret;
}

/*
 * Dependencies: fences[1] promises a packet of the user-mode queues[1]; queues[0]
 * is given work that waits for it, and only then the packet comes.
 */

static int open_dependency(unsigned int card)
{
	int ret = open_kernel();

	fences[1] = card_syncobj(launch_cards[card].fd);
	fences[2] = card ? card_syncobj(launch_cards[0].fd) : fences[1];
	return ret ?: queue_open(&queues[1], card, 0);
}

static int open_same(void)
{
	return open_dependency(0);
}

static int open_foreign(void)
{
	return open_dependency(1);
}

static void prepare_dependency(void)
{
	const struct drm_seedchip_sync out = { DRM_SEEDCHIP_SYNC_SIGNAL, fences[1], 0 };
	struct drm_seedchip_queue_fence arg = {
		.queue = queues[1].create.queue, .index = queues[1].write + 1,
		.syncs = { sizeof(out), 1, (uintptr_t)&out },
	};
	int file = -1;

	ioctl(queues[1].card->fd, DRM_IOCTL_SEEDCHIP_QUEUE_FENCE, &arg);
	if (queues[1].card == queues[0].card)
		return;
	drmSyncobjExportSyncFile(queues[1].card->fd, fences[1], &file);
	drmSyncobjImportSyncFile(queues[0].card->fd, fences[2], file);
	close(file);
}

static int submit_dependent(void)
{
	const struct drm_seedchip_sync in = { DRM_SEEDCHIP_SYNC_WAIT, fences[2], 0 };
	int ret = submit(&queues[0], &nop, &in, 1);

	user_put(&queues[1], &nop);
	user_ring(&queues[1]);
	return ret;
}

static int run_same(void)
{
	int ret = submit_dependent();

	if (!ret)
		poll_retired(&queues[0], queues[0].write);
	return ret;
}

static int run_foreign(void)
{
	struct drm_seedchip_queue_wait arg = { .timeout_ns = INT64_MAX };
	int ret = submit_dependent();

	arg.queue = queues[0].create.queue;
	arg.index = queues[0].write;
	if (!ret && ioctl(queues[0].card->fd, DRM_IOCTL_SEEDCHIP_QUEUE_WAIT, &arg))
		ret = -errno;
	return ret;
}

/* The fence has done its work; the next one begins with nothing pending. */
static void settle_dependency(void)
{
	wait_fence(queues[1].card, fences[1]);
}

/* User-mode. */

static int open_user(void)
{
	return queue_open(&queues[0], 0, 0);
}

static int run_user(void)
{
	user_put(&queues[0], &nop);
	user_ring(&queues[0]);
	poll_retired(&queues[0], queues[0].write);
	return 0;
}

static int run_user_batch(void)
{
	unsigned int i;

	for (i = 0; i < LAUNCH_BATCH; i++)
		user_put(&queues[0], &nop);
	user_ring(&queues[0]);
	poll_retired(&queues[0], queues[0].write);
	return 0;
}

/* Memory. */

static int run_buffer(void)
{
	const uint64_t va = LAUNCH_HEAP + 8 * SIZE;
	int fd = launch_cards[0].fd, ret;
	uint32_t bo;

	ret = card_bo(fd, SIZE, DRM_SEEDCHIP_BO_CARD, &bo);
	if (!ret)
		ret = card_bind(fd, RW, bo, 0, va, SIZE);
	if (!ret)
		ret = card_bind(fd, DRM_SEEDCHIP_BIND_UNMAP, 0, 0, va, SIZE);
	return ret ?: card_bo_close(fd, bo);
}

const struct launch_path launch_paths[] = {
	{ .name = "submit-and-wait in one call, latency 0", .floor = 2594, .must = 3500,
	  .aim = 2900, .per = 1, .open = open_kernel, .run = run_wait, .close = close_all,
	  .doorbells = all_doorbells },
	{ .name = "submit-and-wait in one call, latency 2 us, asleep", .floor = 7648, .must = 9500,
	  .aim = 8300, .per = 1, .open = open_slow, .run = run_wait, .close = close_all,
	  .doorbells = all_doorbells, .against = &launch_nvme },
	{ .name = "submit, then syncobj wait, latency 0", .floor = 5472, .must = 6500, .aim = 5800,
	  .per = 1, .open = open_kernel, .run = run_syncobj, .close = close_all,
	  .doorbells = all_doorbells },
	{ .name = "submit without fence, polled, latency 0", .floor = 1290, .must = 1800,
	  .aim = 1500, .per = 1, .open = open_kernel, .run = run_polled, .close = close_all,
	  .doorbells = all_doorbells },
	{ .name = "submit behind an unsignalled fence of the card, polled", .floor = 12395,
	  .must = 6000, .aim = 4500, .per = 1, .open = open_same, .prepare = prepare_dependency,
	  .run = run_same, .settle = settle_dependency, .close = close_all,
	  .doorbells = all_doorbells },
	{ .name = "submit behind an unsignalled foreign fence, asleep", .floor = 12395,
	  .must = 15000, .aim = 13000, .per = 1, .open = open_foreign,
	  .prepare = prepare_dependency, .run = run_foreign, .settle = settle_dependency,
	  .close = close_all, .doorbells = all_doorbells },
	{ .name = "user-mode ring written by hand, polled, depth 1, latency 0", .floor = 33,
	  .per = 1, .open = open_user, .run = run_user, .close = close_all,
	  .doorbells = all_doorbells },
	{ .name = "user-mode ring written by hand, batch of 32, a packet", .floor = 33,
	  .per = LAUNCH_BATCH, .open = open_user, .run = run_user_batch, .close = close_all,
	  .doorbells = all_doorbells },
	{ .name = "user-mode, polled, depth 1, latency 0", .floor = 33, .must = 61, .aim = 41,
	  .per = 1, .bare = launch_runtime_bare, .open = launch_runtime_open,
	  .run = launch_runtime_run, .close = launch_runtime_close,
	  .doorbells = launch_runtime_doorbells },
	{ .name = "user-mode, the same as launch, mark, wait", .floor = 33, .per = 1,
	  .bare = launch_runtime_bare, .open = launch_runtime_open, .run = launch_runtime_steps,
	  .close = launch_runtime_close, .doorbells = launch_runtime_doorbells },
	{ .name = "user-mode, batch of 32, a launch", .floor = 33, .must = 45, .aim = 36,
	  .per = LAUNCH_BATCH, .bare = launch_runtime_bare, .open = launch_runtime_open,
	  .run = launch_runtime_batch, .settle = launch_runtime_settle,
	  .close = launch_runtime_close, .doorbells = launch_runtime_doorbells },
	{ .name = "kernel-managed, seedchip_run(), latency 0", .floor = 2594, .per = 1,
	  .bare = launch_runtime_bare, .open = launch_runtime_open_kernel,
	  .run = launch_runtime_run, .close = launch_runtime_close,
	  .doorbells = launch_runtime_doorbells },
	{ .name = "graph of 100 launches, replayed with 8 patched parameters", .must = 300,
	  .aim = 150, .per = 1, .bare = launch_runtime_bare, .open = launch_graph_open,
	  .run = launch_graph_run, .settle = launch_runtime_settle,
	  .close = launch_runtime_close, .doorbells = launch_runtime_doorbells },
	{ .name = "piece of a pool: allocate, free", .must = 300, .aim = 150, .per = 1,
	  .bare = launch_runtime_bare, .open = launch_runtime_open, .run = launch_pool_run,
	  .close = launch_runtime_close },
	{ .name = "buffer of 64 KiB card memory: create, bind, unbind, destroy", .floor = 5757,
	  .must = 25000, .aim = 18000, .per = 1, .run = run_buffer },
};

const unsigned int launch_num_paths = sizeof(launch_paths) / sizeof(launch_paths[0]);
