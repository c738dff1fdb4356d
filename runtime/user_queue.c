// SPDX-License-Identifier: MIT
/*
 * User-mode queues: the ring is memory of the process, packets are built in
 * their slots, and a store to the doorbell page starts them. Nothing on the way
 * of a launch is a system call.
 *
 * The card may look into the ring at any time and takes what has the phase of
 * the lap. So of what is staged the first slot has the wrong phase until the
 * flush, which makes all of it valid at once. What is given up stays in the ring:
 * the queue has failed, and starts behind it when it is recovered.
 *
 * A ring knows of no fences. Waiting for the event of another queue goes through
 * a bridge: a kernel-managed queue of this one's own that waits for it and then
 * stores a number, for which a WAIT packet in the ring waits. If the event fails
 * the number becomes poison.
 */
#include <errno.h>
#include <stdlib.h>

#include "queue.h"

#define POISON UINT64_MAX

/* The point that the card has retired. */
static uint64_t retired_point(const struct seedchip_queue *q)
{
	return queue_retired(q) * SC_SLOT_SIZE;
}

/* The next slot is at the horizon: it may be the first one of a lap. */
static void begin_lap(struct seedchip_queue *q)
{
	uint64_t at = atomic_load_explicit(&q->horizon, memory_order_relaxed);
	struct user_queue *u = q->user;

	q->lap = u->ring - (at & ~(u->size - 1));
	q->args_hdr = SC_HDR(SC_OP_ARGS, 0, 0) | !(at & u->size); /* SC_PHASE() */
	q->next_hdr = q->args_hdr ^ !queue_has_staged(q);
}

int user_queue_prepare(struct seedchip_queue *q, struct drm_seedchip_queue_create *arg)
{
	struct seedchip_device *dev = q->dev;
	uint64_t size = (uint64_t)q->slots * SC_SLOT_SIZE, page = dev->info.page_size;
	struct user_queue *u = calloc(1, sizeof(*u));
	int r;

	if (!u)
		return -ENOMEM;
	size = (size + page - 1) / page * page;
	r = memory_create(dev, size + page, DRM_SEEDCHIP_BO_SYSTEM,
			  DRM_SEEDCHIP_BIND_READ | DRM_SEEDCHIP_BIND_WRITE, &u->memory);
	if (!r) {
		r = memory_map(dev, &u->memory);
		if (r)
			memory_destroy(dev, &u->memory);
	}
	if (r) {
		free(u);
		return r;
	}
	u->ring = u->memory.map;
	u->size = (uint64_t)q->slots * SC_SLOT_SIZE;
	u->word = (uint64_t *)((char *)u->memory.map + size);
	u->word_va = u->memory.va + size;
	arg->flags = DRM_SEEDCHIP_QUEUE_USER;
	arg->ring_va = u->memory.va;
	q->user = u;
	q->key = LAUNCH_KEY(dev, 0);
	begin_lap(q);
	return 0;
}

static void destroy_bridge(struct seedchip_queue *q)
{
	struct user_queue *u = q->user;
	struct seedchip_queue *bridge = u->bridge;

	pthread_mutex_lock(&q->lock);
	u->bridge = NULL;
	pthread_mutex_unlock(&q->lock);
	seedchip_queue_destroy(bridge);
}

void user_queue_free(struct seedchip_queue *q)
{
	destroy_bridge(q);
	memory_destroy(q->dev, &q->user->memory);
	free(q->user);
}

static uint64_t lesser(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

/* Set the limits of the short ways; see queue_take_long_way(). */
static void refill(struct seedchip_queue *q)
{
	struct seedchip_device *dev = q->dev;
	uint64_t limit = retired_point(q) + q->user->size;

	limit = lesser(limit, atomic_load(&q->last_point) + q->staging_max * SC_SLOT_SIZE);
	limit = lesser(limit, q->user->ring + q->user->size - q->lap);
	atomic_store(&q->limit, limit);
	atomic_store(&q->run_limit, q->doorbell ? limit : 0);
	if (q->recording || atomic_load(&q->failed_from) != NO_POINT ||
	    atomic_load(&dev->code_version) != q->code_seen)
		queue_take_long_way(q);
	if (atomic_load(&q->prints) || atomic_load(&dev->has_garbage))
		atomic_store(&q->run_limit, 0);
}

void user_queue_staged(struct seedchip_queue *q, uint32_t n)
{
	uint64_t at = atomic_load_explicit(&q->horizon, memory_order_relaxed) + n * SC_SLOT_SIZE;

	atomic_store_explicit(&q->horizon, at, memory_order_release);
	refill(q);
}

int user_queue_stage(struct seedchip_queue *q, uint32_t n, struct sc_packet **packet)
{
	const struct sc_packet nop = { .hdr = SC_HDR(SC_OP_NOP, 0, 0) };
	uint64_t at = atomic_load_explicit(&q->horizon, memory_order_relaxed);
	uint64_t size = q->user->size, room = size - (at & (size - 1)), need = n * SC_SLOT_SIZE;

	/* What belongs together does not cross the end of the ring. */
	if (at + need + (need > room ? room : 0) > retired_point(q) + size)
		return report(-EAGAIN, "the ring is full");
	begin_lap(q);
	if (need > room) {
		for (; room; room -= SC_SLOT_SIZE, at += SC_SLOT_SIZE) {
			queue_put(q, user_queue_slot(q->user, at), &nop);
			user_queue_staged(q, 1);
		}
		begin_lap(q);
	}
	*packet = user_queue_slot(q->user, at);
	return 0;
}

void user_queue_drop(struct seedchip_queue *q)
{
	uint64_t at = atomic_load(&q->last_point), end = atomic_load(&q->horizon);

	/* A header of the lap before would be taken for one of the next. */
	for (; at != end; at += SC_SLOT_SIZE) {
		struct sc_packet *slot = user_queue_slot(q->user, at);

		memset(slot->body, 0, sizeof(slot->body));
		/* and no tag */
		__atomic_store_n((packet_word *)slot,
				 SC_HDR(SC_OP_NOP, 0, 0) | !(at & q->user->size), __ATOMIC_RELEASE);
	}
}

int user_queue_sleep(struct seedchip_queue *q, uint64_t point, int64_t deadline_ns)
{
	return q->dev->ops->queue_wait(q->dev->priv, q->handle, point / SC_SLOT_SIZE, deadline_ns);
}

int user_queue_notify(struct seedchip_queue *q, uint64_t point, int fd)
{
	return q->dev->ops->queue_notify(q->dev->priv, q->handle, point / SC_SLOT_SIZE, fd);
}

int user_queue_fence(struct seedchip_queue *q, uint64_t point, uint32_t *handle)
{
	const struct backend_ops *ops = q->dev->ops;
	struct drm_seedchip_sync sync = { .flags = DRM_SEEDCHIP_SYNC_SIGNAL };
	struct drm_seedchip_queue_fence arg = {
		.queue = q->handle,
		.index = point / SC_SLOT_SIZE,
		.syncs = { .stride = sizeof(sync), .count = 1, .array = (uintptr_t)&sync },
	};
	int r = ops->timeline_create(q->dev->priv, &sync.handle);

	if (r)
		return r;
	pthread_mutex_lock(&q->lock);
	/* They are made in order; one that is late says no more than the last. */
	if (arg.index < q->user->fenced)
		arg.index = q->user->fenced;
	r = ops->queue_fence(q->dev->priv, &arg);
	if (!r)
		q->user->fenced = arg.index;
	pthread_mutex_unlock(&q->lock);
	if (r)
		ops->timeline_destroy(q->dev->priv, sync.handle);
	else
		*handle = sync.handle;
	return r == -EBUSY ? report(-EAGAIN, "the driver has no room for the fence") : r;
}

void user_queue_expect(struct seedchip_queue *q, uint64_t point)
{
	uint32_t handle;

	if (!user_queue_fence(q, point, &handle))
		q->dev->ops->timeline_destroy(q->dev->priv, handle);
}

/* ---- waiting for other queues ---- */

static int open_bridge(struct seedchip_queue *q)
{
	const struct seedchip_queue_desc desc = {
		.size = sizeof(desc), .ring_slots = RING_MIN, .log_size = 4096,
	};
	struct seedchip_queue *bridge;
	int r = seedchip_queue_create(q->dev, &desc, &bridge);

	if (r)
		return r;
	pthread_mutex_lock(&q->lock);
	q->user->bridge = bridge;
	pthread_mutex_unlock(&q->lock);
	q->has_partners = true;
	return 0;
}

/* Have the bridge store a number when the event has happened. */
static int store_after(struct seedchip_queue *bridge, struct seedchip_event event, uint64_t va,
		       uint64_t value)
{
	union {
		struct sc_pkt_signal signal;
		struct sc_packet slot;
	} packet = { .signal = { .hdr = SC_HDR(SC_OP_SIGNAL, 0, 0), .addr = va, .value = value } };
	struct sc_packet *slot;
	int r = seedchip_queue_wait(bridge, event);

	if (!r)
		r = queue_stage(bridge, 1, &slot);
	if (r)
		return r;
	queue_put(bridge, slot, &packet.slot);
	queue_staged(bridge, 1);
	return seedchip_queue_flush(bridge);
}

int user_queue_wait(struct seedchip_queue *q, struct seedchip_event event)
{
	struct user_queue *u = q->user;
	union {
		struct sc_pkt_wait wait;
		struct sc_packet slot;
	} packet = { .wait = {
		.hdr = SC_HDR(SC_OP_WAIT, SC_FLAG_POISON, 0),
		.addr = u->word_va, .value = u->num_waits + 1,
	} };
	struct sc_packet *slot;
	int r = u->bridge ? 0 : open_bridge(q);

	if (!r)
		r = queue_stage(q, 1, &slot);
	if (!r)
		r = store_after(u->bridge, event, u->word_va, u->num_waits + 1);
	if (r)
		return r;
	u->num_waits++;
	queue_put(q, slot, &packet.slot);
	queue_staged(q, 1);
	pthread_mutex_lock(&q->lock);
	u->bridge_point = atomic_load(&u->bridge->last_point);
	pthread_mutex_unlock(&q->lock);
	return 0;
}

void user_queue_check_wait(struct seedchip_queue *q)
{
	struct user_queue *u = q->user;

	pthread_mutex_lock(&q->lock);
	if (u->bridge && event_poll(u->bridge, u->bridge_point) == -EIO)
		__atomic_store_n(u->word, POISON, __ATOMIC_RELEASE);
	pthread_mutex_unlock(&q->lock);
}

void user_queue_forget(struct seedchip_queue *q)
{
	struct user_queue *u = q->user;

	destroy_bridge(q);
	u->num_waits = 0;
	u->bridge_point = 0;
	__atomic_store_n(u->word, 0, __ATOMIC_RELEASE);
}
