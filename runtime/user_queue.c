// SPDX-License-Identifier: MIT
/*
 * User-mode queues: the ring is memory of the process, packets are built in
 * their slots, and a store to the doorbell page starts them. Nothing on the way
 * of a launch is a system call.
 *
 * The card may look into the ring at any time and takes what has the phase of
 * the lap. So of what is staged the header of the first slot stays back until
 * the flush, which makes all of it valid at once; and what is given up gets the
 * phase of the other lap.
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
	u->log2 = arg->ring_log2;
	u->word = (uint64_t *)((char *)u->memory.map + size);
	u->word_va = u->memory.va + size;
	arg->flags = DRM_SEEDCHIP_QUEUE_USER;
	arg->ring_va = u->memory.va;
	q->user = u;
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

static struct sc_packet *slot_at(struct user_queue *u, uint64_t index)
{
	return &u->ring[index & ((1u << u->log2) - 1)];
}

/* The packet at @index is the next that is staged. */
static void aim(struct seedchip_queue *q, uint64_t index)
{
	struct user_queue *u = q->user;

	q->header = index == q->last_index ? &u->first_hdr : &slot_at(u, index)->hdr;
	q->phase = SC_PHASE(index, u->log2);
}

int user_queue_stage(struct seedchip_queue *q, uint32_t n, struct sc_packet **packet)
{
	const struct sc_packet nop = { .hdr = SC_HDR(SC_OP_NOP, 0, 0) };
	uint64_t index = q->last_index + atomic_load_explicit(&q->staged, memory_order_relaxed);
	uint32_t room = q->slots - (index & (q->slots - 1));

	/* What belongs together does not cross the end of the ring. */
	if (index + n + (n > room ? room : 0) - queue_retired(q) > q->slots)
		return report(-EAGAIN, "the ring is full");
	for (; n > room; room = room == 1 ? q->slots : room - 1, index++) {
		aim(q, index);
		queue_put(q, slot_at(q->user, index), &nop);
		queue_staged(q, 1);
	}
	aim(q, index);
	*packet = slot_at(q->user, index);
	return 0;
}

void user_queue_unstage(struct seedchip_queue *q, uint32_t n)
{
	uint64_t end = q->last_index + atomic_load(&q->staged);

	for (uint64_t i = end - n; i < end; i++)
		__atomic_store_n(&slot_at(q->user, i)->hdr, !SC_PHASE(i, q->user->log2),
				 __ATOMIC_RELAXED);
}

void user_queue_ring(struct seedchip_queue *q)
{
	struct user_queue *u = q->user;

	order_writes();
	__atomic_store_n(&slot_at(u, q->last_index)->hdr, u->first_hdr, __ATOMIC_RELEASE);
	q->last_index += atomic_load_explicit(&q->staged, memory_order_relaxed);
	__atomic_thread_fence(__ATOMIC_RELEASE);
	if (q->doorbell)
		*q->doorbell = q->last_index;
	else
		q->dev->ops->queue_ring(q->dev->priv, q->hw_queue, q->last_index);
}

static uint64_t index_of(struct seedchip_queue *q, uint64_t point)
{
	return atomic_load_explicit(&q->index[point % q->slots], memory_order_relaxed);
}

int user_queue_sleep(struct seedchip_queue *q, uint64_t point, int64_t deadline_ns)
{
	return q->dev->ops->queue_wait(q->dev->priv, q->handle, index_of(q, point), deadline_ns);
}

int user_queue_fence(struct seedchip_queue *q, uint64_t point, uint32_t *handle)
{
	const struct backend_ops *ops = q->dev->ops;
	struct drm_seedchip_sync sync = { .flags = DRM_SEEDCHIP_SYNC_SIGNAL };
	struct drm_seedchip_queue_fence arg = {
		.queue = q->handle,
		.index = index_of(q, point),
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
	return r;
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
