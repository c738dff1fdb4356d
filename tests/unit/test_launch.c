// SPDX-License-Identifier: MIT
/*
 * The short way of launches on user-mode queues, on the simulator back end: when it
 * is open, and that nothing which closes it is ever missed, whichever thread it
 * comes from.
 *
 * The simulator has no doorbell page. Where one is needed, a thread plays it.
 */
#include <errno.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>

#include "runtime/queue.h"
#include "seedchip/graph.h"

#define LIMIT 30000000000ll

static struct seedchip_device *dev;
static struct seedchip_module *module;
static struct seedchip_queue *q;
static struct seedchip_kernel *nothing, *affine;
static const struct seedchip_dim one = { .x = 1, .y = 1, .z = 1 };

static int setup(void **state)
{
	const struct seedchip_queue_desc desc = {
		.size = sizeof(desc), .ring_slots = 128, .flags = SEEDCHIP_QUEUE_USER,
	};

	(void)state;
	setenv("SEEDCHIP_DEVICE", "sim:strict=1", 1);
	assert_int_equal(seedchip_device_open(0, &dev), 0);
	assert_int_equal(seedchip_module_load_file(dev, KERNELS, &module), 0);
	assert_int_equal(seedchip_module_kernel(module, "nothing", &nothing), 0);
	assert_int_equal(seedchip_module_kernel(module, "affine", &affine), 0);
	assert_int_equal(seedchip_queue_create(dev, &desc, &q), 0);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	seedchip_queue_destroy(q);
	seedchip_module_unload(module);
	seedchip_device_close(dev);
	return 0;
}

/* Whether the next launch can take the short way. */
static bool is_open(void)
{
	return atomic_load(&q->limit) > atomic_load(&q->horizon);
}

/* Launch; waits when the ring is full. Return: flags of its packet, or an error. */
static int launch_nothing(void)
{
	uint64_t end;
	int r;

	while ((r = seedchip_launch(q, nothing, &one, NULL, 0)) == -EAGAIN)
		assert_int_equal(seedchip_event_wait(seedchip_queue_mark(q), LIMIT), 0);
	end = atomic_load(&q->horizon);
	return r ? r : (int)SC_HDR_FLAGS(user_queue_slot(q->user, end - SC_SLOT_SIZE)->hdr);
}

static void wait_for_all(void)
{
	assert_int_equal(seedchip_event_wait(seedchip_queue_mark(q), LIMIT), 0);
}

static void *load_module(void *arg)
{
	struct seedchip_module **mod = arg;

	assert_int_equal(seedchip_module_load_file(dev, KERNELS, mod), 0);
	return NULL;
}

static void in_thread(void *(*fn)(void *), void *arg)
{
	pthread_t thread;

	assert_int_equal(pthread_create(&thread, NULL, fn, arg), 0);
	pthread_join(thread, NULL);
}

/* The first launch after a module was loaded, and no other, says so to the card. */
static void test_new_code(void **state)
{
	struct seedchip_module *more;

	(void)state;
	assert_false(is_open());
	assert_int_equal(launch_nothing(), SC_FLAG_CODE_CHANGED);
	assert_true(is_open());
	assert_int_equal(launch_nothing(), 0);
	in_thread(load_module, &more);
	assert_false(is_open());
	assert_int_equal(launch_nothing(), SC_FLAG_CODE_CHANGED);
	assert_int_equal(launch_nothing(), 0);
	wait_for_all();
	seedchip_module_unload(more);
}

static _Atomic uint32_t loaded;
static _Atomic bool stop;

static void *load_often(void *arg)
{
	struct seedchip_module *mod;

	(void)arg;
	for (int i = 0; i < 30; i++) {
		load_module(&mod);
		atomic_store(&loaded, atomic_load(&dev->code_version));
		seedchip_module_unload(mod);
	}
	atomic_store(&stop, true);
	return NULL;
}

/* While modules come and go: what was loaded before a launch is known to it. */
static void test_code_races(void **state)
{
	pthread_t thread;

	(void)state;
	atomic_store(&stop, false);
	assert_int_equal(pthread_create(&thread, NULL, load_often, NULL), 0);
	while (!atomic_load(&stop)) {
		uint32_t before = atomic_load(&loaded);

		assert_true(launch_nothing() >= 0);
		assert_true(q->code_seen >= before);
	}
	pthread_join(thread, NULL);
	wait_for_all();
}

static _Atomic bool has_failed;

static void *fail_queue(void *arg)
{
	(void)arg;
	queue_fail(q, 1, -ETIME);
	atomic_store(&has_failed, true);
	return NULL;
}

/* Another thread finds out that the queue has failed: no launch after that succeeds. */
static void test_failure_races(void **state)
{
	(void)state;
	for (int i = 0; i < 50; i++) {
		pthread_t thread;
		int r;

		atomic_store(&has_failed, false);
		assert_int_equal(pthread_create(&thread, NULL, fail_queue, NULL), 0);
		do {
			bool before = atomic_load(&has_failed);

			r = seedchip_launch(q, nothing, &one, NULL, 0);
			if (r == -EAGAIN)
				r = seedchip_event_wait(seedchip_queue_mark(q), LIMIT);
			if (before)
				assert_int_equal(r, -EIO);
		} while (!r);
		assert_int_equal(r, -EIO);
		pthread_join(thread, NULL);
		assert_false(is_open());
		/* The card knows of no failure: it goes on, and may still have the ring full. */
		while (queue_retired(q) * SC_SLOT_SIZE < atomic_load(&q->last_point))
			sched_yield();
		assert_int_equal(seedchip_queue_recover(q), 0);
		assert_true(launch_nothing() >= 0);
		assert_true(is_open() || !launch_nothing()); /* at the end of a lap */
		assert_true(is_open());
		wait_for_all();
	}
}

static void test_recording(void **state)
{
	struct seedchip_graph *graph;

	(void)state;
	launch_nothing();
	assert_true(is_open());
	assert_int_equal(seedchip_graph_begin(q), 0);
	assert_false(is_open());
	assert_int_equal(seedchip_launch(q, nothing, &one, NULL, 0), 0);
	assert_int_equal(seedchip_graph_end(q, &graph), 0);
	assert_int_equal(launch_nothing(), 0);
	assert_true(is_open());
	assert_int_equal(seedchip_graph_launch(q, graph), 0);
	wait_for_all();
	seedchip_graph_destroy(graph);
}

/* The way ends with the lap, with the free slots and where a quarter of the ring is staged. */
static void test_limit(void **state)
{
	const uint64_t size = 128 * SC_SLOT_SIZE;

	(void)state;
	for (int i = 0; i < 1000; i++) {
		uint64_t at, limit;

		launch_nothing();
		at = atomic_load(&q->horizon);
		limit = atomic_load(&q->limit);
		assert_true(limit <= (at - 1) / size * size + size);
		assert_true(limit <= queue_retired(q) * SC_SLOT_SIZE + size);
		assert_true(at - atomic_load(&q->last_point) <= size / 4);
		if (i % 50 == 49)
			wait_for_all();
	}
	wait_for_all();
}

/* ---- with a doorbell ---- */

static volatile uint32_t bell;

static void *ring(void *arg)
{
	uint32_t rung = 0;

	(void)arg;
	while (!atomic_load(&stop)) {
		uint32_t now = __atomic_load_n(&bell, __ATOMIC_ACQUIRE);

		if (now != rung)
			dev->ops->queue_ring(dev->priv, q->hw_queue, now);
		rung = now;
	}
	return NULL;
}

/* Runs, and launches and replays between them; @q->run_limit is 0 while there is garbage. */
static void test_run(void **state)
{
	struct seedchip_buffer *b, *other;
	struct seedchip_graph *graph;
	struct { uint64_t v, by, plus; } args = { 0, 1, 1 };
	uint64_t *v, expected = 0;
	pthread_t thread;

	(void)state;
	atomic_store(&stop, false);
	bell = 0;
	q->doorbell = &bell;
	assert_int_equal(pthread_create(&thread, NULL, ring, NULL), 0);
	assert_int_equal(seedchip_buffer_create(dev, 4096, SEEDCHIP_SYSTEM, &b), 0);
	assert_int_equal(seedchip_buffer_map(b, (void **)&v), 0);
	args.v = seedchip_buffer_address(b);
	assert_int_equal(seedchip_graph_begin(q), 0);
	assert_int_equal(seedchip_launch(q, affine, &one, &args, sizeof(args)), 0);
	assert_int_equal(seedchip_graph_end(q, &graph), 0);
	for (int i = 0; i < 300; i++) {
		if (i % 5 == 0 && ++expected)
			assert_int_equal(seedchip_launch(q, affine, &one, &args, sizeof(args)), 0);
		if (i % 3 == 0 && ++expected)
			assert_int_equal(seedchip_graph_launch(q, graph), 0);
		assert_int_equal(seedchip_run(q, affine, &one, &args, sizeof(args), LIMIT), 0);
		assert_int_equal(*v, ++expected);
		assert_false(queue_has_staged(q));
	}
	assert_true(atomic_load(&q->run_limit) > 0);
	assert_int_equal(seedchip_launch(q, affine, &one, &args, sizeof(args)), 0);
	assert_int_equal(seedchip_buffer_create(dev, 4096, SEEDCHIP_SYSTEM, &other), 0);
	seedchip_buffer_destroy(other);
	assert_int_equal(atomic_load(&q->run_limit), 0);
	assert_true(is_open());
	assert_int_equal(seedchip_run(q, affine, &one, &args, sizeof(args), LIMIT), 0);
	assert_false(atomic_load(&dev->has_garbage));
	assert_int_equal(*v, expected + 2);
	atomic_store(&stop, true);
	pthread_join(thread, NULL);
	q->doorbell = NULL;
	seedchip_graph_destroy(graph);
	seedchip_buffer_destroy(b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_new_code, setup, teardown),
		cmocka_unit_test_setup_teardown(test_code_races, setup, teardown),
		cmocka_unit_test_setup_teardown(test_failure_races, setup, teardown),
		cmocka_unit_test_setup_teardown(test_recording, setup, teardown),
		cmocka_unit_test_setup_teardown(test_limit, setup, teardown),
		cmocka_unit_test_setup_teardown(test_run, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
