// SPDX-License-Identifier: MIT
/*
 * Events: has a point been reached?
 *
 * For work that went well the queue state answers, with two loads and no system
 * call: a submission has completed when the card has retired the index where it
 * ends. Only sleeping, and finding out about failures, takes the driver.
 */
#include <errno.h>
#include <string.h>
#include <time.h>

#include "graph.h"

#define FIRST_LOOKS 16 /* before anything is looked up that takes longer than a look */
#define EXPECT_NS  1000000000 /* when to tell the driver what a user-mode queue has to reach */

/* What cannot be asked any more, as the card is gone, has failed. */
static int poll_hidden(struct seedchip_queue *q, uint64_t point)
{
	int r = q->dev->ops->timeline_wait(q->dev->priv, q->timeline, point, 0);

	if (!r || r == -ETIME)
		return r ? -EAGAIN : 0;
	queue_fail(q, 1, r);
	return -EIO;
}

/* Whether the card has retired a point that did not fail. */
static bool is_retired(struct seedchip_queue *q, uint64_t point)
{
	uint64_t index;

	if (q->user)
		return queue_retired(q) >= point / SC_SLOT_SIZE;
	/* At most one submission per slot is in flight, so older ones have completed. */
	if (atomic_load_explicit(&q->last_point, memory_order_acquire) - point >= q->slots)
		return true;
	index = atomic_load_explicit(&q->index[point & (q->slots - 1)], memory_order_relaxed);
	if (queue_retired(q) >= index)
		return true;
	/* The entry may have become that of a later point meanwhile. */
	return atomic_load_explicit(&q->last_point, memory_order_acquire) - point >= q->slots;
}

int event_poll(struct seedchip_queue *q, uint64_t point)
{
	int r;

	if (!q->state)
		return poll_hidden(q, point);
	r = queue_find_failure(q, point, NULL);
	if (r)
		return r;
	if (point > atomic_load_explicit(&q->last_point, memory_order_acquire) ||
	    !is_retired(q, point))
		return -EAGAIN;
	if (!atomic_load_explicit(&q->num_deps, memory_order_acquire))
		return queue_find_failure(q, point, NULL);
	queue_settle_deps(q);
	r = queue_find_failure(q, point, NULL);
	return r ? r : queue_has_dep(q, point) ? -EAGAIN : 0;
}

int event_sync(struct seedchip_event event, struct seedchip_device *dev,
	       struct drm_seedchip_sync *sync, bool *temporary)
{
	struct seedchip_queue *q = event.queue;
	uint32_t handle = q->timeline;
	int r = q->user ? user_queue_fence(q, event.point, &handle) : 0;

	if (r)
		return r;
	*sync = (struct drm_seedchip_sync){ .handle = handle, .point = q->user ? 0 : event.point };
	if (q->dev != dev) {
		r = dev->ops->timeline_share(q->dev->priv, handle, dev->priv, &sync->handle);
		if (q->user)
			dev->ops->timeline_destroy(q->dev->priv, handle);
	}
	*temporary = !r && (q->user || q->dev != dev);
	return r;
}

static int64_t now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000000000ll + now.tv_nsec;
}

int64_t deadline_after(int64_t timeout_ns)
{
	int64_t ns;

	if (timeout_ns < 0)
		return INT64_MAX;
	if (!timeout_ns)
		return 0;
	ns = now_ns();
	return timeout_ns > INT64_MAX - ns ? INT64_MAX : ns + timeout_ns;
}

void event_check_partners(struct seedchip_queue *q)
{
	graph_check_partners(q);
	if (q->user)
		user_queue_check_wait(q);
}

/* One sleep; what the queue waits for may have failed, which nobody else may find out. */
static int sleep_once(struct seedchip_queue *q, uint64_t point, int64_t until)
{
	const struct backend_ops *ops = q->dev->ops;
	int r = q->user ? user_queue_sleep(q, point, until) :
			  ops->timeline_wait(q->dev->priv, q->timeline, point, until);

	if (r == -ETIME && q->has_partners)
		event_check_partners(q);
	return r;
}

static void pause_cpu(void)
{
#if defined(__x86_64__)
	__builtin_ia32_pause();
#endif
}

/*
 * Look at the queue state for a while. Which is worth it when the work is short:
 * the next wait looks longer if this one has seen the end, and less if it has not.
 */
static bool spin(struct seedchip_queue *q, uint64_t point, int64_t deadline)
{
	bool learn = q->spin_ns == SPIN_LEARN;
	uint32_t learnt = atomic_load_explicit(&q->spin_learnt, memory_order_relaxed);
	int64_t until = deadline_after(learn ? learnt : q->spin_ns);
	bool done = false;

	if (!q->state || !q->spin_ns)
		return false;
	if (until > deadline)
		until = deadline;
	while (!done && now_ns() < until) {
		for (unsigned int i = 0; i < 32 && !done; i++) {
			pause_cpu();
			done = is_retired(q, point);
		}
	}
	if (learn && done && learnt < SPIN_MAX)
		learnt = 2 * learnt < SPIN_MAX ? 2 * learnt : SPIN_MAX;
	else if (learn && !done && learnt > SPIN_MIN)
		learnt /= 2;
	atomic_store_explicit(&q->spin_learnt, learnt, memory_order_relaxed);
	return done;
}

/*
 * Sleep until the driver lets the point go. What the process has written over in a user-mode
 * ring the card may never take for packets: only who is told of the point can miss it.
 */
static int sleep_until(struct seedchip_queue *q, uint64_t point, int64_t deadline)
{
	int64_t expect = q->user ? deadline_after(EXPECT_NS) : INT64_MAX, until;
	int r;

	do {
		until = expect < deadline ? expect : deadline;
		if (q->has_partners && deadline_after(PARTNER_NS) < until)
			until = deadline_after(PARTNER_NS);
		r = sleep_once(q, point, until);
		if (r == -ETIME && until == expect) {
			user_queue_expect(q, point);
			expect = INT64_MAX;
		}
	} while (r == -ETIME && until != deadline);
	return r;
}

/* The driver has let the point go; find out what became of it. */
static int resolve(struct seedchip_queue *q, uint64_t point)
{
	int r = event_poll(q, point);

	if (r == -EAGAIN && queue_has_failed(q))
		r = event_poll(q, point);
	if (r == -EAGAIN) {
		queue_fail(q, point, -EREMOTEIO);
		r = event_poll(q, point);
	}
	return r;
}

/* The usual case, of a user-mode queue that never failed, and nothing else to do. */
static inline bool is_simply_done(const struct seedchip_queue *q, uint64_t point)
{
	return q->user && !atomic_load_explicit(&q->num_failures, memory_order_acquire) &&
	       queue_retired(q) >= point / SC_SLOT_SIZE &&
	       !atomic_load_explicit(&q->prints, memory_order_relaxed) &&
	       !atomic_load_explicit(&q->dev->has_garbage, memory_order_relaxed);
}

/* What becomes of a point until the deadline. */
static int wait_for(struct seedchip_queue *q, uint64_t point, int64_t deadline)
{
	int r = event_poll(q, point), waited;

	if (r == -EAGAIN && deadline && spin(q, point, deadline))
		r = event_poll(q, point);
	if (r != -EAGAIN)
		return r;
	waited = sleep_until(q, point, deadline);
	if (waited == -ETIME)
		return -ETIMEDOUT;
	if (waited)
		queue_fail(q, point, waited);
	return resolve(q, point);
}

/* Why an event has failed, or that nobody knows any more. */
__attribute__((noinline)) static int report_failure(struct seedchip_event event, int r)
{
	struct seedchip_fault fault = { .size = sizeof(fault) };

	return seedchip_event_fault(event, &fault) ? r : report(r, "%s", fault.text);
}

/* What goes with the end of a wait. */
static int finish(struct seedchip_queue *q, uint64_t point, int r)
{
	queue_print_log(q);
	if (r == -ETIMEDOUT)
		return report(r, "the event has not happened yet");
	garbage_collect(q->dev);
	return r ? report_failure((struct seedchip_event){ q, point }, r) : 0;
}

int event_wait_until(struct seedchip_queue *q, uint64_t point, int64_t deadline)
{
	return finish(q, point, wait_for(q, point, deadline));
}

int event_is_over(struct seedchip_queue *q, uint64_t point, bool completed)
{
	return finish(q, point, completed ? 0 : resolve(q, point));
}

__attribute__((noinline)) int event_wait(struct seedchip_event event, int64_t timeout_ns)
{
	struct seedchip_queue *q = event.queue;

	if (event_is_recorded(event))
		return report(-EINVAL, "the event is of a graph's recording");
	for (unsigned int i = 0; i < (q->spin_ns && timeout_ns ? FIRST_LOOKS : 0); i++) {
		pause_cpu();
		if (is_simply_done(q, event.point))
			return 0;
	}
	return event_wait_until(q, event.point, deadline_after(timeout_ns));
}

API int seedchip_event_wait(struct seedchip_event event, int64_t timeout_ns)
{
	return is_simply_done(event.queue, event.point) ? 0 : event_wait(event, timeout_ns);
}
