// SPDX-License-Identifier: MIT
/*
 * Queues: creation, the staging area and submission.
 *
 * The ring belongs to the driver. The runtime knows from the queue state, which
 * the card writes, how much of it is in use, and stages no more than fits with
 * everything that the driver may add: so a submission of what was staged does
 * not meet a full ring, and seedchip_queue_mark() needs no error code.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "graph.h"

#define DEFAULT_RING 1024
#define MAX_SPIN_US  1000000
#define MAX_IRQ_NS   1000000
#define ALL_FLAGS    (SEEDCHIP_QUEUE_IDLE | SEEDCHIP_QUEUE_USER)
#define DEFAULT_LOG  65536

static uint32_t round_up_pow2(uint32_t v)
{
	uint32_t p = 1;

	while (p < v && p < 0x80000000u)
		p <<= 1;
	return p;
}

static int alloc_common(struct seedchip_device *dev, struct seedchip_queue **out)
{
	struct seedchip_queue *q = calloc(1, sizeof(*q));
	int r;

	if (!q)
		return -ENOMEM;
	q->dev = dev;
	list_init(&q->link);
	list_init(&q->graphs);
	pthread_mutex_init(&q->lock, NULL);
	atomic_init(&q->failed_from, NO_POINT);
	r = dev->ops->timeline_create(dev->priv, &q->timeline);
	if (r) {
		pthread_mutex_destroy(&q->lock);
		free(q);
		return r;
	}
	*out = q;
	return 0;
}

void queue_free(struct seedchip_queue *q)
{
	struct seedchip_device *dev = q->dev;

	for (uint32_t i = 0; i < q->num_imports; i++)
		dev->ops->timeline_destroy(dev->priv, q->imports[i]);
	for (uint32_t i = 0; i < q->num_deps; i++)
		dev->ops->timeline_destroy(dev->priv, q->deps[i].fence);
	if (q->wait_fence)
		dev->ops->timeline_destroy(dev->priv, q->wait_fence);
	dev->ops->timeline_destroy(dev->priv, q->timeline);
	if (q->user)
		user_queue_free(q);
	if (q->log_memory.handle)
		memory_destroy(dev, &q->log_memory);
	pthread_mutex_destroy(&q->lock);
	free(q->index);
	free(q->staging);
	free(q);
}

int queue_create_hidden(struct seedchip_device *dev, struct seedchip_queue **queue)
{
	return alloc_common(dev, queue);
}

static int check_desc(const struct seedchip_device *dev, const struct seedchip_queue_desc *user,
		      struct seedchip_queue_desc *desc)
{
	*desc = (struct seedchip_queue_desc){ .size = sizeof(*desc) };
	if (user) {
		size_t size = user->size < sizeof(*desc) ? user->size : sizeof(*desc);

		if (size < sizeof(size))
			return report(-EINVAL, "queue: .size is not set");
		memcpy((char *)desc + sizeof(size), (const char *)user + sizeof(size),
		       size - sizeof(size));
	}
	if (desc->priority > 3 || desc->flags & ~ALL_FLAGS)
		return report(-EINVAL, "queue: priority %u, flags 0x%x", desc->priority,
			      desc->flags);
	if (!desc->priority && !(desc->flags & SEEDCHIP_QUEUE_IDLE))
		desc->priority = 1;
	if (desc->ring_slots > 1u << dev->info.ring_log2_max)
		return report(-EINVAL, "queue: ring of %u slots, the limit is %u", desc->ring_slots,
			      1u << dev->info.ring_log2_max);
	if (desc->wait_spin_us > MAX_SPIN_US && desc->wait_spin_us != SEEDCHIP_NO_SPIN)
		return report(-EINVAL, "queue: spinning for %u us, the limit is %u",
			      desc->wait_spin_us, MAX_SPIN_US);
	if (!desc->irq_count != !desc->irq_ns || desc->irq_count > UINT16_MAX ||
	    desc->irq_ns > MAX_IRQ_NS)
		return report(-EINVAL, "queue: interrupts held back for %u packets and %u ns, the "
			      "limits are %u and %u, and it takes both", desc->irq_count,
			      desc->irq_ns, UINT16_MAX, MAX_IRQ_NS);
	if (desc->log_size > 1u << 30)
		return report(-EINVAL, "queue: log of %u bytes", desc->log_size);
	desc->ring_slots = round_up_pow2(desc->ring_slots ? desc->ring_slots : DEFAULT_RING);
	if (desc->ring_slots < RING_MIN)
		desc->ring_slots = RING_MIN;
	if (desc->ring_slots > 1u << dev->info.ring_log2_max)
		desc->ring_slots = 1u << dev->info.ring_log2_max;
	desc->log_size = round_up_pow2(desc->log_size ? desc->log_size : DEFAULT_LOG);
	if (desc->log_size < 4096)
		desc->log_size = 4096;
	return 0;
}

/* How long waits look before they sleep: the description, else the environment, else SPIN_LEARN. */
static int64_t spin_ns(const struct seedchip_queue_desc *desc)
{
	const char *text = getenv("SEEDCHIP_SPIN_US");
	unsigned long us = desc->wait_spin_us;

	if (!us && text && *text)
		us = *text == '0' ? SEEDCHIP_NO_SPIN : strtoul(text, NULL, 10);
	if (!us)
		return SPIN_LEARN;
	return us > MAX_SPIN_US ? 0 : us * 1000;
}

static int create_log(struct seedchip_queue *q, uint32_t size)
{
	struct seedchip_device *dev = q->dev;
	int r = memory_create(dev, sizeof(struct sc_log) + (uint64_t)size,
			      DRM_SEEDCHIP_BO_CARD | DRM_SEEDCHIP_BO_CPU_VISIBLE,
			      DRM_SEEDCHIP_BIND_READ | DRM_SEEDCHIP_BIND_WRITE, &q->log_memory);

	if (!r)
		r = memory_map(dev, &q->log_memory);
	if (r)
		return report(r, "queue: log of %u bytes of CPU-visible card memory: %s", size,
			      strerror(-r));
	log_init(&q->log, q->log_memory.map, size);
	return 0;
}

/* Why the driver has refused a queue, and what to do about it. */
static int refused(const struct seedchip_device *dev, int r)
{
	switch (r) {
	case -EMFILE:
		return report(r, "queue: this device has all %u that it may have: destroy one, "
			      "or let work share a queue", dev->info.max_queues);
	case -EDQUOT:
		return report(r, "queue: this user has half of the card's queues or contexts: "
			      "destroy one, end a program, or run with CAP_SYS_ADMIN");
	case -ENOSPC:
		return report(r, "queue: all queues or contexts of the card are taken: destroy "
			      "a queue, or end another program that has some");
	case -EACCES:
		return report(r, "queue: priorities 2 and 3 need CAP_SYS_NICE");
	default:
		return report(r, "queue: %s", strerror(-r));
	}
}

static int open_queue(struct seedchip_queue *q, const struct seedchip_queue_desc *desc)
{
	struct seedchip_device *dev = q->dev;
	struct drm_seedchip_queue_create arg = {
		.priority = desc->priority,
		.ring_log2 = __builtin_ctz(desc->ring_slots),
		.timeout_ms = desc->timeout_ms,
		.core_mask = desc->core_mask,
		.wg_limit = desc->wg_limit,
		.log_va = q->log_memory.va,
		.irq_count = desc->irq_count,
		.irq_ns = desc->irq_ns,
	};
	int r;

	q->slots = desc->ring_slots;
	q->spin_ns = spin_ns(desc);
	atomic_init(&q->spin_learnt, SPIN_FIRST);
	q->staging_max = q->slots / 4;
	if (q->staging_max > dev->info.max_submit)
		q->staging_max = dev->info.max_submit;
	if (desc->flags & SEEDCHIP_QUEUE_USER) {
		r = user_queue_prepare(q, &arg);
	} else {
		q->index = calloc(q->slots, sizeof(*q->index));
		q->staging = calloc(q->staging_max, sizeof(*q->staging));
		r = q->index && q->staging ? 0 : -ENOMEM;
	}
	if (r)
		return report(r, "queue: ring of %u slots: %s", q->slots, strerror(-r));
	r = dev->ops->queue_create(dev->priv, &arg, &q->state, &q->doorbell);
	if (r)
		return refused(dev, r);
	q->handle = arg.queue;
	q->hw_queue = arg.hw_queue;
	q->last_index = queue_retired(q);
	return 0;
}

API int seedchip_queue_create(struct seedchip_device *dev, const struct seedchip_queue_desc *user,
			      struct seedchip_queue **out)
{
	struct seedchip_queue_desc desc;
	struct seedchip_queue *q;
	int r = check_desc(dev, user, &desc);

	if (r)
		return r;
	r = alloc_common(dev, &q);
	if (r)
		return report(r, "queue: %s", strerror(-r));
	r = create_log(q, desc.log_size);
	if (!r)
		r = open_queue(q, &desc);
	if (r) {
		queue_free(q);
		return r;
	}
	pthread_mutex_lock(&dev->lock);
	list_add(&dev->queues, &q->link);
	pthread_mutex_unlock(&dev->lock);
	*out = q;
	return 0;
}

API void seedchip_queue_destroy(struct seedchip_queue *q)
{
	struct seedchip_device *dev;

	if (!q)
		return;
	dev = q->dev;
	notify_forget_queue(q);
	graph_forget_queue(q);
	pthread_mutex_lock(&dev->lock);
	list_del(&q->link);
	q->dying = true;
	pthread_mutex_unlock(&dev->lock);
	dev->ops->queue_destroy(dev->priv, q->handle, q->state, q->doorbell);
	queue_print_log(q);
	pthread_mutex_lock(&dev->lock);
	garbage_forget_queue(dev, q);
	pthread_mutex_unlock(&dev->lock);
	queue_free(q);
	garbage_collect(dev);
}

/* Packets that are not retired yet; also counts those that the driver added. */
static uint64_t in_flight(const struct seedchip_queue *q)
{
	uint64_t retired = queue_retired(q);

	return retired < q->last_index ? q->last_index - retired : 0;
}

static int flush(struct seedchip_queue *q);

static uint64_t num_staged(const struct seedchip_queue *q)
{
	return q->user ? (atomic_load(&q->horizon) - atomic_load(&q->last_point)) / SC_SLOT_SIZE :
			 q->staged;
}

int queue_stage(struct seedchip_queue *q, uint32_t n, struct sc_packet **packet)
{
	int r;

	if (q->recording)
		return graph_stage(q, n, packet);
	if (atomic_load_explicit(&q->failed_from, memory_order_relaxed) != NO_POINT)
		return report(-EIO, "the queue has failed: seedchip_queue_recover() it");
	if (num_staged(q) + n > q->staging_max) {
		r = flush(q);
		if (r)
			return r;
	}
	if (q->user)
		return user_queue_stage(q, n, packet);
	if (in_flight(q) + q->staged + n + RING_SLACK > q->slots)
		return report(-EAGAIN, "the ring is full");
	*packet = &q->staging[q->staged];
	queue_leave_ring(q);
	return 0;
}

void queue_staged(struct seedchip_queue *q, uint32_t n)
{
	if (q->recording)
		return;
	if (q->user) {
		user_queue_staged(q, n);
		return;
	}
	q->staged += n;
	atomic_store_explicit(&q->horizon, atomic_load(&q->last_point) + 1, memory_order_release);
}

void queue_unstage(struct seedchip_queue *q, uint32_t n)
{
	q->staged -= n;
	if (!q->staged)
		atomic_store_explicit(&q->horizon, atomic_load(&q->last_point),
				      memory_order_release);
}

void queue_drop(struct seedchip_queue *q)
{
	if (q->user)
		user_queue_drop(q);
	q->staged = 0;
	q->num_waits = 0;
	atomic_store_explicit(&q->last_point, atomic_load(&q->horizon), memory_order_release);
}

/* The staged work is given up; its point fails. */
static int drop_staged(struct seedchip_queue *q, int error)
{
	queue_fail(q, atomic_load(&q->last_point) + 1, error);
	queue_drop(q);
	return -EIO;
}

static void remember_dep(struct seedchip_queue *q, uint64_t point)
{
	pthread_mutex_lock(&q->lock);
	q->deps[q->num_deps] = (struct dep){ .point = point, .fence = q->wait_fence };
	atomic_fetch_add(&q->num_deps, 1);
	pthread_mutex_unlock(&q->lock);
	q->wait_fence = 0;
	q->num_waits = 0;
}

/*
 * Submit what is staged, and wait for it if @result is given: then the timeline has nothing
 * to tell anyone who cannot see that the point has retired, and stays as it is.
 */
static int submit_staged(struct seedchip_queue *q, int64_t deadline, int *result)
{
	uint64_t point = atomic_load_explicit(&q->horizon, memory_order_relaxed);
	struct drm_seedchip_sync syncs[MAX_WAITS + 2];
	struct drm_seedchip_submit arg = {
		.queue = q->handle,
		.flags = result ? DRM_SEEDCHIP_SUBMIT_WAIT : 0,
		.packets = { .stride = sizeof(*q->staging), .count = q->staged,
			     .array = (uintptr_t)q->staging },
		.syncs = { .stride = sizeof(syncs[0]), .count = q->num_waits,
			   .array = (uintptr_t)syncs },
		.timeout_ns = result ? deadline : 0,
	};
	int r;

	memcpy(syncs, q->waits, q->num_waits * sizeof(syncs[0]));
	if (q->num_waits)
		syncs[arg.syncs.count++] = (struct drm_seedchip_sync){
			.flags = DRM_SEEDCHIP_SYNC_SIGNAL, .handle = q->wait_fence,
		};
	if (!result)
		syncs[arg.syncs.count++] = (struct drm_seedchip_sync){
			.flags = DRM_SEEDCHIP_SYNC_SIGNAL, .handle = q->timeline, .point = point,
		};
	r = q->dev->ops->submit(q->dev->priv, &arg);
	if (r == -EBUSY)
		return report(-EAGAIN, "the driver has no room for the submission");
	if (r)
		return report(drop_staged(q, r), "submission refused: %s", strerror(-r));
	if (result)
		*result = arg.result;
	else
		q->last_submitted = point;
	if (q->num_waits)
		remember_dep(q, point);
	q->staged = 0;
	q->last_index = arg.index;
	atomic_store_explicit(&q->index[point & (q->slots - 1)], arg.index, memory_order_relaxed);
	atomic_store_explicit(&q->last_point, point, memory_order_release);
	return 0;
}

__attribute__((noinline)) static int flush(struct seedchip_queue *q)
{
	if (q->recording)
		return 0;
	if (!queue_has_staged(q))
		return atomic_load(&q->failed_from) != NO_POINT ?
			report(-EIO, "the queue has failed: seedchip_queue_recover() it") : 0;
	if (atomic_load(&q->failed_from) != NO_POINT)
		return drop_staged(q, 0);
	if (!q->user)
		return submit_staged(q, 0, NULL);
	user_queue_ring(q);
	return 0;
}

/* The usual way of a user-mode queue. Return: whether all is given to the card. */
static inline bool flush_user(struct seedchip_queue *q)
{
	if (!atomic_load_explicit(&q->limit, memory_order_relaxed))
		return false;
	if (queue_has_staged(q))
		user_queue_ring(q);
	return true;
}

API int seedchip_queue_flush(struct seedchip_queue *q)
{
	return flush_user(q) ? 0 : flush(q);
}

static void stage_nop(struct seedchip_queue *q, struct sc_packet *slot)
{
	queue_put(q, slot, &(struct sc_packet){ .hdr = SC_HDR(SC_OP_NOP, 0, 0) });
	queue_staged(q, 1);
}

static struct seedchip_event last_event(struct seedchip_queue *q)
{
	return (struct seedchip_event){
		q, atomic_load_explicit(&q->last_point, memory_order_relaxed)
	};
}

__attribute__((noinline)) static struct seedchip_event mark(struct seedchip_queue *q)
{
	const struct timespec pause = { .tv_nsec = 100000 };
	struct sc_packet *packet;

	if (q->recording)
		return graph_mark(q);
	/* Something has to carry the waits if no work follows them. */
	if (q->num_waits && !queue_has_staged(q) && !queue_stage(q, 1, &packet))
		stage_nop(q, packet);
	while (flush(q) == -EAGAIN)
		nanosleep(&pause, NULL);
	return last_event(q);
}

API struct seedchip_event seedchip_queue_mark(struct seedchip_queue *q)
{
	return flush_user(q) ? last_event(q) : mark(q);
}

int queue_run(struct seedchip_queue *q, int64_t timeout_ns)
{
	int64_t deadline = deadline_after(timeout_ns);
	int r, result;

	/* Whether waits have failed is learnt from fences, which come after the state. */
	if (q->user || q->num_waits || atomic_load(&q->num_deps))
		return event_wait_until(q, mark(q).point, deadline);
	r = submit_staged(q, deadline, &result);
	if (r == -EAGAIN)
		return event_wait_until(q, mark(q).point, deadline);
	/* It goes on without this call: let the timeline tell when it is complete. */
	if (!r && (result == -EAGAIN || result == -EINTR)) {
		queue_leave_ring(q);
		stage_nop(q, q->staging);
		return event_wait_until(q, mark(q).point, deadline);
	}
	return event_is_over(q, last_event(q).point, !r && !result);
}

/* What a submission waits for; handles that are made for it alone are kept in mind. */
static int import_event(struct seedchip_queue *q, struct seedchip_event event,
			struct drm_seedchip_sync *sync)
{
	bool temporary;
	int r;

	if (event.queue->dev->ops != q->dev->ops)
		return report(-EINVAL, "queue: the event belongs to a device of another kind");
	if (q->num_imports == MAX_WAITS)
		return report(-EAGAIN, "queue: too many waits for other devices at once");
	r = event_sync(event, q->dev, sync, &temporary);
	if (r)
		return report(r, "queue: a fence of the event: %s", strerror(-r));
	if (temporary)
		q->imports[q->num_imports++] = sync->handle;
	return 0;
}

/* Imported handles are needed until the submission that waits for them has been made. */
static void drop_imports(struct seedchip_queue *q)
{
	while (q->num_imports)
		q->dev->ops->timeline_destroy(q->dev->priv, q->imports[--q->num_imports]);
}

static int prepare_wait(struct seedchip_queue *q)
{
	int r;

	r = flush(q);
	if (r)
		return r;
	if (!q->num_waits)
		drop_imports(q);
	if (q->num_waits == MAX_WAITS)
		return report(-EAGAIN, "queue: %u waits without work between them", MAX_WAITS);
	queue_settle_deps(q);
	if (atomic_load(&q->failed_from) != NO_POINT)
		return report(-EIO, "the queue has failed: seedchip_queue_recover() it");
	if (atomic_load(&q->num_deps) == MAX_DEPS)
		return report(-EAGAIN, "queue: %u submissions already wait for events", MAX_DEPS);
	if (!q->wait_fence)
		r = q->dev->ops->timeline_create(q->dev->priv, &q->wait_fence);
	return r ? report(r, "queue: a fence to wait by: %s", strerror(-r)) : 0;
}

API int seedchip_queue_wait(struct seedchip_queue *q, struct seedchip_event event)
{
	int r;

	if (q->recording || event_is_recorded(event))
		return graph_wait(q, event);
	r = q->user ? flush(q) : prepare_wait(q);
	if (r)
		return r;
	if (event.queue == q) /* in order anyway */
		return 0;
	r = event_poll(event.queue, event.point);
	/* The driver does not remember what points of the past have failed. */
	if (r == -EAGAIN && event.queue->state && queue_has_failed(event.queue))
		r = event_poll(event.queue, event.point);
	if (r == -EIO || r == -ESTALE)
		return report(-EIO, "queue: the work to wait for has failed");
	if (!r)
		return 0;
	if (q->user)
		return user_queue_wait(q, event);
	r = import_event(q, event, &q->waits[q->num_waits]);
	if (!r)
		q->num_waits++;
	return r;
}

static uint64_t counter(const volatile __u64 *value)
{
	return __atomic_load_n(value, __ATOMIC_RELAXED);
}

API int seedchip_queue_stats(struct seedchip_queue *q, struct seedchip_queue_stats *stats)
{
	struct seedchip_queue_stats my = {
		.packets = counter(&q->state->packets),
		.workgroups = counter(&q->state->workgroups),
		.insns = counter(&q->state->insns),
		.macs = counter(&q->state->macs),
		.dma_bytes = counter(&q->state->dma_bytes),
		.copy_bytes = counter(&q->state->copy_bytes),
		.busy_ns = counter(&q->state->busy_ns),
		.wait_ns = counter(&q->state->wait_ns),
		.cycles = counter(&q->state->cycles),
		.doorbells = counter(&q->state->doorbells),
		.faults = counter(&q->state->faults),
	};

	return copy_sized(stats, &my, sizeof(my), "seedchip_queue_stats");
}
