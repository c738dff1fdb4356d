// SPDX-License-Identifier: MIT
/*
 * Failures: which points have failed, why, and in whose code.
 *
 * A queue works in order, so a failure is a range of points: from the first
 * that had not completed to the last one given away before the queue was
 * recovered. The driver knows the fault; names of functions and buffers are the
 * runtime's to add.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "graph.h"

static struct failure *current_failure(struct seedchip_queue *q)
{
	return atomic_load(&q->failed_from) == NO_POINT ? NULL : &q->failures[q->num_failures - 1];
}

static void add_failure(struct seedchip_queue *q, const struct failure *failure)
{
	if (q->num_failures == MAX_FAILURES) {
		q->forgotten = q->failures[0].last;
		memmove(q->failures, q->failures + 1, (MAX_FAILURES - 1) * sizeof(*failure));
		atomic_fetch_sub(&q->num_failures, 1);
	}
	q->failures[q->num_failures] = *failure;
	q->failures[q->num_failures].last = NO_POINT;
	atomic_fetch_add(&q->num_failures, 1);
	atomic_store(&q->failed_from, failure->first);
	queue_take_long_way(q);
	graph_poison(q, failure->first);
}

/* The first point that the card has not retired. */
static uint64_t first_incomplete(struct seedchip_queue *q)
{
	uint64_t last = atomic_load(&q->last_point), retired = queue_retired(q);
	uint64_t point = last >= q->slots ? last - q->slots + 1 : 1;

	if (q->user)
		return retired * SC_SLOT_SIZE + 1;
	while (point <= last && atomic_load(&q->index[point % q->slots]) <= retired)
		point++;
	return point;
}

/* A fault that the card did not report. */
static struct sc_fault made_up_fault(const struct seedchip_queue *q, unsigned int status,
				     unsigned int code)
{
	return (struct sc_fault){
		.status = status,
		.code = code,
		.queue = q->hw_queue,
		.core = SC_NO_CORE,
		.engine = SC_ENGINE_DEVICE,
		.index = NO_INDEX,
	};
}

static bool ask_driver(struct seedchip_queue *q)
{
	struct sc_core_dump dump;
	struct drm_seedchip_queue_fault arg = {
		.queue = q->handle,
		.dump_size = sizeof(dump),
		.dump = (uintptr_t)&dump,
	};
	struct failure failure = { 0 };
	int r = q->state ? q->dev->ops->queue_fault(q->dev->priv, &arg) : -ENOENT;

	if (r == -ENODEV) {
		arg.fault = made_up_fault(q, SC_STATUS_LOST, SC_CODE_REMOVED);
		arg.dump_size = 0;
	} else if (r) {
		return false;
	}
	if (arg.fault.status == SC_STATUS_LOST)
		atomic_store(&q->dev->lost, true);
	failure.first = first_incomplete(q);
	failure.fault = arg.fault;
	failure.node = graph_find_node(q, &failure.fault);
	if (arg.dump_size >= sizeof(dump)) {
		failure.has_registers = true;
		memcpy(failure.x, dump.x, sizeof(failure.x));
	}
	add_failure(q, &failure);
	return true;
}

bool queue_has_failed(struct seedchip_queue *q)
{
	bool failed;

	pthread_mutex_lock(&q->lock);
	failed = current_failure(q) || ask_driver(q);
	pthread_mutex_unlock(&q->lock);
	return failed;
}

static unsigned int status_of_errno(int error)
{
#define STATUS_OF_ERRNO_(name, number, err, text) \
	if (error == -(err))                      \
		return number;
	SC_STATUS_TABLE(STATUS_OF_ERRNO_)
	return SC_STATUS_DEVICE;
}

void queue_fail(struct seedchip_queue *q, uint64_t point, int error)
{
	pthread_mutex_lock(&q->lock);
	if (!current_failure(q) && !ask_driver(q)) {
		struct failure failure = {
			.first = point,
			.error = error,
			.node = NO_NODE,
			.fault = made_up_fault(q, status_of_errno(error), SC_CODE_NONE),
		};

		add_failure(q, &failure);
	}
	pthread_mutex_unlock(&q->lock);
}

void queue_settle_deps(struct seedchip_queue *q)
{
	const struct backend_ops *ops = q->dev->ops;

	pthread_mutex_lock(&q->lock);
	while (q->num_deps) {
		struct dep *dep = &q->deps[0];
		int status = ops->fence_status(q->dev->priv, dep->fence);

		if (!status)
			break;
		if (status < 0 && !current_failure(q) && !ask_driver(q)) {
			struct failure failure = {
				.first = dep->point,
				.node = NO_NODE,
				.fault = made_up_fault(q, SC_STATUS_ABORTED, SC_CODE_DEPENDENCY),
			};

			add_failure(q, &failure);
		}
		ops->timeline_destroy(q->dev->priv, dep->fence);
		memmove(q->deps, q->deps + 1, (q->num_deps - 1) * sizeof(*dep));
		atomic_fetch_sub(&q->num_deps, 1);
	}
	pthread_mutex_unlock(&q->lock);
}

bool queue_has_dep(struct seedchip_queue *q, uint64_t point)
{
	bool found;

	pthread_mutex_lock(&q->lock);
	found = q->num_deps && q->deps[0].point <= point;
	pthread_mutex_unlock(&q->lock);
	return found;
}

int queue_find_failure(struct seedchip_queue *q, uint64_t point, struct failure *copy)
{
	int r = 0;

	if (!point || !atomic_load_explicit(&q->num_failures, memory_order_acquire))
		return 0;
	pthread_mutex_lock(&q->lock);
	if (point <= q->forgotten)
		r = -ESTALE;
	for (unsigned int i = 0; !r && i < q->num_failures; i++) {
		const struct failure *f = &q->failures[i];

		if (point < f->first || point > f->last)
			continue;
		r = -EIO;
		if (copy)
			*copy = *f;
	}
	pthread_mutex_unlock(&q->lock);
	return r;
}

void queue_find_node(struct seedchip_queue *q, struct failure *failure)
{
	struct sc_fault *fault = &failure->fault;

	pthread_mutex_lock(&q->lock);
	failure->node = graph_find_node(q, fault);
	for (unsigned int i = 0; i < q->num_failures; i++) {
		const struct failure *known = &q->failures[i];

		if (known->fault.time != fault->time || known->fault.index != fault->index)
			continue;
		failure->node = known->node;
		fault->tag = known->fault.tag;
	}
	pthread_mutex_unlock(&q->lock);
}

void queue_print_log(struct seedchip_queue *q)
{
	if (!atomic_load_explicit(&q->prints, memory_order_relaxed) || atomic_load(&q->dev->lost))
		return;
	pthread_mutex_lock(&q->lock);
	log_drain(&q->log);
	pthread_mutex_unlock(&q->lock);
}

API int seedchip_queue_recover(struct seedchip_queue *q)
{
	struct seedchip_device *dev = q->dev;
	uint64_t last;
	int r;

	if (!queue_has_failed(q))
		return 0;
	queue_drop(q);
	/* Work behind a failed dependency may still be running. */
	if (q->last_submitted)
		dev->ops->timeline_wait(dev->priv, q->timeline, q->last_submitted, INT64_MAX);
	if (q->user)
		user_queue_forget(q);
	r = dev->ops->queue_recover(dev->priv, q->handle, q->user ? queue_end(q) : 0);
	if (r)
		return report(r, "queue: cannot be recovered: %s", strerror(-r));
	queue_settle_deps(q);
	queue_print_log(q);
	pthread_mutex_lock(&q->lock);
	log_reset(&q->log);
	graph_forget_replays(q);
	last = atomic_load(&q->last_point);
	/* A failure that hit no work has no events. */
	q->failures[q->num_failures - 1].last = last;
	if (!q->user)
		q->last_index = queue_retired(q);
	atomic_store(&q->failed_from, NO_POINT);
	pthread_mutex_unlock(&q->lock);
	return 0;
}
