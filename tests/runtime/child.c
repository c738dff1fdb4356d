// SPDX-License-Identifier: MIT
/*
 * fork(): what a child does with the cards of its parent is refused, or goes nowhere; the
 * parent's work goes on as if there were no child; and the child can open a card itself.
 */
#include "common.h"

#include <pthread.h>
#include <stdbool.h>
#include <sys/wait.h>
#include <unistd.h>

#include "seedchip/graph.h"

static struct {
	struct card c;
	struct seedchip_buffer *b;
	uint64_t *v;
	struct seedchip_graph *graph;
	struct seedchip_graph_param *plus;
	struct seedchip_range *range;
	struct seedchip_event done, running, mapped;
} s;

static void affine(struct card *c, struct seedchip_buffer *b, uint64_t by, uint64_t plus)
{
	struct affine args = { seedchip_buffer_address(b), by, plus };

	OK(seedchip_launch(c->queue, kernel(c, "affine"), &one, &args, sizeof(args)));
}

/* Work that has completed, work and a mapping that wait for v[1], and work that is staged. */
static void begin(void)
{
	uint64_t gate;

	s.c = open_card(0);
	s.b = buffer(&s.c, 4096, SEEDCHIP_SYSTEM, &s.v);
	gate = seedchip_buffer_address(s.b) + 8;
	OK(seedchip_graph_begin(s.c.queue));
	affine(&s.c, s.b, 10, 3);
	OK(seedchip_graph_end(s.c.queue, &s.graph));
	OK(seedchip_graph_param(s.graph, "plus", 0, offsetof(struct affine, plus), 8, &s.plus));
	affine(&s.c, s.b, 0, 1);
	s.done = seedchip_queue_mark(s.c.queue);
	OK(seedchip_event_wait(s.done, LIMIT));
	OK(seedchip_launch(s.c.queue, kernel(&s.c, "gate"), &one, &gate, sizeof(gate)));
	s.running = seedchip_queue_mark(s.c.queue);
	OK(seedchip_range_reserve(s.c.dev, 4096, &s.range));
	OK(seedchip_range_map(s.range, 0, s.b, 0, 4096, &s.running, &s.mapped));
	affine(&s.c, s.b, 10, 2);
}

/* What began before the fork ends right, and so does what comes after it. */
static void end(void)
{
	__atomic_store_n(&s.v[1], 1, __ATOMIC_RELEASE);
	OK(seedchip_graph_launch(s.c.queue, s.graph));
	affine(&s.c, s.b, 10, 4);
	OK(seedchip_event_wait(seedchip_queue_mark(s.c.queue), LIMIT));
	CHECK_EQ(s.v[0], 1234);
	OK(seedchip_event_wait(s.mapped, LIMIT));
	seedchip_range_destroy(s.range);
	seedchip_graph_destroy(s.graph);
	seedchip_buffer_destroy(s.b);
	close_card(&s.c);
}

static void in_child(void (*run)(void))
{
	pid_t child = fork();
	int status;

	if (!child) {
		alarm(60);
		if (setjmp(tap_failed))
			_exit(1);
		run();
		_exit(0);
	}
	CHECK_EQ(waitpid(child, &status, 0), child);
	CHECK_EQ(status, 0);
}

static void use_everything(void)
{
	struct seedchip_fault f = { .size = sizeof(f) };
	struct seedchip_queue *queue;
	struct seedchip_module *module;
	struct seedchip_range *range;
	struct seedchip_buffer *b;
	uint64_t value = 99;

	OK(seedchip_event_wait(s.done, 0));
	CHECK_EQ(seedchip_event_wait(s.running, -1), -EIO);
	OK(seedchip_event_fault(s.running, &f));
	CHECK_EQ(f.status, SC_STATUS_LOST);
	FAILS(seedchip_event_wait(s.mapped, -1), -EIO, "LOST");
	OK(seedchip_event_fault(s.mapped, &f));
	CHECK_EQ(f.status, SC_STATUS_LOST);
	CHECK_EQ(seedchip_launch(s.c.queue, kernel(&s.c, "nothing"), &one, NULL, 0), -EIO);
	CHECK_EQ(seedchip_fill(s.c.queue, seedchip_buffer_address(s.b), 5, 8), -EIO);
	CHECK_EQ(seedchip_queue_flush(s.c.queue), -EIO);
	CHECK_EQ(seedchip_event_wait(seedchip_queue_mark(s.c.queue), -1), -EIO);
	FAILS(seedchip_queue_recover(s.c.queue), -ENODEV, "opened before fork()");
	seedchip_graph_set(s.plus, &value);
	CHECK_EQ(seedchip_graph_launch(s.c.queue, s.graph), -EIO);
	FAILS(seedchip_buffer_create(s.c.dev, 4096, SEEDCHIP_CARD, &b), -ENODEV, "fork()");
	FAILS(seedchip_queue_create(s.c.dev, NULL, &queue), -ENODEV, "fork()");
	FAILS(seedchip_module_load_file(s.c.dev, KERNELS, &module), -ENODEV, "fork()");
	CHECK_EQ(seedchip_fault_read(s.c.dev, &f, 0), -ENODEV);
	OK(seedchip_range_reserve(s.c.dev, 4096, &range));
	FAILS(seedchip_range_map(range, 0, s.b, 0, 4096, NULL, NULL), -ENODEV, "fork()");
	seedchip_range_destroy(range);
	seedchip_range_destroy(s.range);
	seedchip_graph_destroy(s.graph);
	seedchip_buffer_destroy(s.b);
	close_card(&s.c);
}

static void test_refused(void)
{
	begin();
	in_child(use_everything);
	end();
}

static void open_anew(void)
{
	struct card c = open_card(0);
	uint64_t *v;
	struct seedchip_buffer *b = buffer(&c, 4096, SEEDCHIP_SYSTEM, &v);

	affine(&c, b, 0, 77);
	OK(seedchip_event_wait(seedchip_queue_mark(c.queue), LIMIT));
	CHECK_EQ(v[0], 77);
	seedchip_buffer_destroy(b);
	close_card(&c);
}

static void child_has_threads(void)
{
#ifdef __SANITIZE_THREAD__
	tap_skip("ThreadSanitizer allows no threads in a child of a process that has some");
#endif
}

static void test_own(void)
{
	child_has_threads();
	begin();
	in_child(open_anew);
	end();
}

/* A child's own cards are lost to its children in turn. */
static void fork_again(void)
{
	begin();
	in_child(use_everything);
	end();
}

static void test_grandchild(void)
{
	child_has_threads();
	in_child(fork_again);
}

static void hear(void *opaque, enum seedchip_log_level level, const char *text)
{
	(void)opaque;
	(void)level;
	(void)text;
}

static void complain(void)
{
	CHECK_EQ(seedchip_queue_create(s.c.dev, &(struct seedchip_queue_desc){ 0 }, NULL), -EINVAL);
}

static void *complain_always(void *stop)
{
	while (!__atomic_load_n((bool *)stop, __ATOMIC_RELAXED))
		complain();
	return NULL;
}

/* Whatever another thread of the parent is doing, the child can do, too. */
static void test_messages(void)
{
	bool stop = false;
	pthread_t thread;

	begin();
	CHECK_EQ(pthread_create(&thread, NULL, complain_always, &stop), 0);
	for (int i = 0; i < 60; i++)
		in_child(complain);
	__atomic_store_n(&stop, true, __ATOMIC_RELAXED);
	pthread_join(thread, NULL);
	end();
}

static const struct tap_test tests[] = {
	{ "a child uses its parent's card", test_refused },
	{ "a child opens the card itself", test_own },
	{ "and has a child in turn", test_grandchild },
	{ "a thread of the parent sends messages", test_messages },
};

int main(void)
{
	setenv("SEEDCHIP_LOG", "debug", 1);
	seedchip_log_set(hear, NULL);
	return TAP_RUN(tests);
}
