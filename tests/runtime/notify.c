// SPDX-License-Identifier: MIT
/*
 * Eventfds that are told of events: at once, later, by failures, by queues that
 * wait for others; never too early, never twice, and never not at all.
 */
#include "common.h"

#include <poll.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "seedchip/graph.h"
#include "seedchip/notify.h"

#define MANY 200

struct gate {
	struct seedchip_buffer *buffer;
	uint64_t *go;
};

static int new_eventfd(void)
{
	int fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);

	CHECK(fd >= 0);
	return fd;
}

/* What has been added since the last look; waits until there is something. */
static uint64_t told(int fd)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };
	eventfd_t value = 0;

	CHECK_EQ(poll(&p, 1, LIMIT / 1000000), 1);
	eventfd_read(fd, &value);
	return value;
}

static bool is_quiet(int fd)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };

	return !poll(&p, 1, 0);
}

/* A launch that lasts until the gate is opened. */
static struct seedchip_event wait_at(struct card *c, struct seedchip_queue *q, struct gate *g)
{
	uint64_t args;

	if (!g->buffer)
		g->buffer = buffer(c, 4096, SEEDCHIP_CARD | SEEDCHIP_CPU, &g->go);
	args = seedchip_buffer_address(g->buffer);
	OK(seedchip_launch(q, kernel(c, "gate"), &one, &args, sizeof(args)));
	return seedchip_queue_mark(q);
}

static void open_gate(struct gate *g)
{
	__atomic_store_n(g->go, 1, __ATOMIC_RELEASE);
}

static struct seedchip_event nothing(struct card *c, struct seedchip_queue *q)
{
	OK(seedchip_launch(q, kernel(c, "nothing"), &one, NULL, 0));
	return seedchip_queue_mark(q);
}

/* A launch that fails as soon as the gate is open. */
static struct seedchip_event crash(struct card *c, struct seedchip_queue *q, struct gate *g)
{
	struct { uint64_t address; uint32_t kind, pad; } args = { 0, 2, 0 };

	if (g)
		wait_at(c, q, g);
	OK(seedchip_launch(q, kernel(c, "crash"), &one, &args, sizeof(args)));
	return seedchip_queue_mark(q);
}

static void test_once(void)
{
	struct card c = open_card(0);
	struct gate g = { 0 };
	struct seedchip_event done = nothing(&c, c.queue), e;
	int fd = new_eventfd();

	OK(seedchip_event_wait(done, LIMIT));
	OK(seedchip_event_notify(done, fd));
	CHECK_EQ(told(fd), 1);
	e = wait_at(&c, c.queue, &g);
	OK(seedchip_event_notify(e, fd));
	CHECK(is_quiet(fd));
	open_gate(&g);
	CHECK_EQ(told(fd), 1);
	OK(seedchip_event_wait(e, 0));
	OK(seedchip_event_wait(nothing(&c, c.queue), LIMIT));
	CHECK(is_quiet(fd));
	close(fd);
	seedchip_buffer_destroy(g.buffer);
	close_card(&c);
}

/*
 * Whenever the eventfd is told the event has happened, however short the work was and however
 * interrupts are held back; and who sleeps wakes up.
 */
static void test_races(void)
{
	static const struct { uint32_t count, ns; } held[] = {
		{ 0, 0 }, { 1, 1000 }, { 8, 50000 }, { 65535, 1000000 },
	};
	struct card c = open_card(0);
	int fd = new_eventfd();

	for (unsigned int i = 0; i < MANY; i++) {
		const struct seedchip_queue_desc desc = {
			.size = sizeof(desc), .wait_spin_us = SEEDCHIP_NO_SPIN,
			.irq_count = held[i * 4 / MANY].count, .irq_ns = held[i * 4 / MANY].ns,
		};
		struct seedchip_event first, second;
		uint64_t sum = 0;

		if (i % (MANY / 4) == 0) {
			seedchip_queue_destroy(c.queue);
			OK(seedchip_queue_create(c.dev, &desc, &c.queue));
		}
		first = nothing(&c, c.queue);
		OK(seedchip_event_notify(first, fd));
		second = nothing(&c, c.queue);
		if (i % 2)
			OK(seedchip_event_wait(first, LIMIT));
		OK(seedchip_event_notify(second, fd));
		while (sum < 2)
			sum += told(fd);
		CHECK_EQ(sum, 2);
		OK(seedchip_event_wait(first, 0));
		OK(seedchip_event_wait(second, 0));
	}
	CHECK(is_quiet(fd));
	close(fd);
	close_card(&c);
}

static void *wait_for(void *event)
{
	return (void *)(intptr_t)seedchip_event_wait(*(struct seedchip_event *)event, LIMIT);
}

/*
 * Who waits for what is done is told, though the queue goes on: by the time given, and when
 * somebody asks for a later event meanwhile (@interrupted).
 */
static void check_held(bool interrupted)
{
	const struct seedchip_queue_desc desc = {
		.size = sizeof(desc), .wait_spin_us = SEEDCHIP_NO_SPIN,
		.irq_count = 65535, .irq_ns = 1000000,
	};
	struct seedchip_queue_stats stats = { .size = sizeof(stats) };
	struct gate before = { 0 }, behind = { 0 };
	struct card c = open_card(0);
	struct seedchip_event first, second;
	int fd = new_eventfd(), later = new_eventfd();
	struct seedchip_queue *q;
	pthread_t sleeper;
	void *r;

	OK(seedchip_queue_create(c.dev, &desc, &q));
	wait_at(&c, q, &before);
	first = nothing(&c, q);
	second = wait_at(&c, q, &behind);
	OK(seedchip_event_notify(first, fd));
	CHECK_EQ(pthread_create(&sleeper, NULL, wait_for, &first), 0);
	CHECK(is_quiet(fd));
	usleep(2000); /* the sleeper is asleep by now, or else finds out by itself */
	open_gate(&before);
	while (stats.workgroups < 2)
		OK(seedchip_queue_stats(q, &stats));
	if (interrupted)
		OK(seedchip_event_notify(second, later));
	CHECK_EQ(pthread_join(sleeper, &r), 0);
	CHECK(!r);
	CHECK_EQ(told(fd), 1);
	if (!interrupted)
		OK(seedchip_event_notify(second, later));
	CHECK(is_quiet(later));
	open_gate(&behind);
	CHECK_EQ(told(later), 1);
	close(fd);
	close(later);
	seedchip_queue_destroy(q);
	seedchip_buffer_destroy(before.buffer);
	seedchip_buffer_destroy(behind.buffer);
	close_card(&c);
}

static void test_held(void)
{
	check_held(false);
	check_held(true);
}

static void test_held_too_long(void)
{
	static const struct { uint32_t count, ns; } bad[] = {
		{ 1, 0 }, { 0, 1 }, { 65536, 1 }, { 1, 1000001 },
	};
	struct card c = open_card(0);
	struct seedchip_queue *q;

	for (unsigned int i = 0; i < 4; i++) {
		const struct seedchip_queue_desc desc = {
			.size = sizeof(desc), .irq_count = bad[i].count, .irq_ns = bad[i].ns,
		};

		FAILS(seedchip_queue_create(c.dev, &desc, &q), -EINVAL, "held back");
	}
	close_card(&c);
}

/* A server: several queues, one epoll, an eventfd for each; whoever is ready gets new work. */
static void test_epoll(void)
{
	struct card c = open_card(0);
	struct seedchip_event running[4];
	struct seedchip_queue *q[4];
	struct epoll_event ready;
	unsigned int rounds[4] = { 0 };
	int loop = epoll_create1(EPOLL_CLOEXEC), fd[4];

	for (unsigned int i = 0; i < 4; i++) {
		struct epoll_event want = { .events = EPOLLIN, .data.u32 = i };

		OK(seedchip_queue_create(c.dev, NULL, &q[i]));
		fd[i] = new_eventfd();
		CHECK_EQ(epoll_ctl(loop, EPOLL_CTL_ADD, fd[i], &want), 0);
		running[i] = nothing(&c, q[i]);
		OK(seedchip_event_notify(running[i], fd[i]));
	}
	for (unsigned int i = 0; i < MANY; i++) {
		unsigned int who;

		CHECK_EQ(epoll_wait(loop, &ready, 1, LIMIT / 1000000), 1);
		who = ready.data.u32;
		CHECK_EQ(told(fd[who]), 1);
		OK(seedchip_event_wait(running[who], 0));
		rounds[who]++;
		running[who] = nothing(&c, q[who]);
		OK(seedchip_event_notify(running[who], fd[who]));
	}
	printf("# %u, %u, %u, %u rounds\n", rounds[0], rounds[1], rounds[2], rounds[3]);
	for (unsigned int i = 0; i < 4; i++) {
		seedchip_queue_destroy(q[i]);
		close(fd[i]);
	}
	close(loop);
	close_card(&c);
}

/* Many events, one eventfd: it counts them. One event, two eventfds. */
static void test_shared(void)
{
	struct card c = open_card(0);
	struct gate g = { 0 };
	int fd = new_eventfd(), second = new_eventfd();
	struct seedchip_event e = wait_at(&c, c.queue, &g);
	uint64_t sum = 0;

	OK(seedchip_event_notify(e, second));
	for (int i = 0; i < 50; i++)
		OK(seedchip_event_notify(e = nothing(&c, c.queue), fd));
	OK(seedchip_event_notify(e, second));
	CHECK(is_quiet(fd) && is_quiet(second));
	open_gate(&g);
	while (sum < 50)
		sum += told(fd);
	CHECK_EQ(sum, 50);
	OK(seedchip_event_wait(e, LIMIT));
	for (sum = 0; sum < 2;)
		sum += told(second);
	CHECK_EQ(sum, 2);
	close(fd);
	close(second);
	seedchip_buffer_destroy(g.buffer);
	close_card(&c);
}

/* Failures, too: the culprit's, what comes behind it, and what has failed long ago. */
static void test_failures(void)
{
	struct card c = open_card(0);
	struct gate g = { 0 };
	int fd = new_eventfd();
	struct seedchip_event culprit = crash(&c, c.queue, &g), behind = nothing(&c, c.queue);
	uint64_t sum = 0;

	OK(seedchip_event_notify(culprit, fd));
	OK(seedchip_event_notify(behind, fd));
	CHECK(is_quiet(fd));
	open_gate(&g);
	while (sum < 2)
		sum += told(fd);
	CHECK_EQ(sum, 2);
	CHECK_EQ(seedchip_event_wait(culprit, 0), -EIO);
	CHECK_EQ(seedchip_event_wait(behind, 0), -EIO);
	OK(seedchip_event_notify(culprit, fd));
	CHECK_EQ(told(fd), 1);
	OK(seedchip_queue_recover(c.queue));
	OK(seedchip_event_notify(behind, fd));
	CHECK_EQ(told(fd), 1);
	OK(seedchip_event_notify(nothing(&c, c.queue), fd));
	CHECK_EQ(told(fd), 1);
	close(fd);
	seedchip_buffer_destroy(g.buffer);
	close_card(&c);
}

/* What waits for another queue's work, which comes, and which fails. */
static void test_other_queues(void)
{
	struct card c = open_card(0);
	struct seedchip_queue *other;
	struct gate g = { 0 };
	int fd = new_eventfd();
	struct seedchip_event e;

	OK(seedchip_queue_create(c.dev, NULL, &other));
	OK(seedchip_queue_wait(other, wait_at(&c, c.queue, &g)));
	e = nothing(&c, other);
	OK(seedchip_event_notify(e, fd));
	CHECK(is_quiet(fd));
	open_gate(&g);
	CHECK_EQ(told(fd), 1);
	OK(seedchip_event_wait(e, 0));

	*g.go = 0;
	OK(seedchip_queue_wait(other, crash(&c, c.queue, &g)));
	e = nothing(&c, other);
	OK(seedchip_event_notify(e, fd));
	CHECK(is_quiet(fd));
	open_gate(&g);
	CHECK_EQ(told(fd), 1);
	CHECK_EQ(seedchip_event_wait(e, 0), -EIO);
	close(fd);
	seedchip_queue_destroy(other);
	seedchip_buffer_destroy(g.buffer);
	close_card(&c);
}

/* A graph over two queues of which one fails: the other is told of, though nobody waits. */
static void test_graph(void)
{
	struct card c = open_card(0);
	struct { uint64_t address; uint32_t kind, pad; } args = { 0, 2, 0 };
	struct seedchip_graph *graph;
	struct seedchip_queue *other;
	int fd = new_eventfd();
	struct seedchip_event e;

	OK(seedchip_queue_create(c.dev, NULL, &other));
	OK(seedchip_graph_begin(c.queue));
	OK(seedchip_launch(c.queue, kernel(&c, "nothing"), &one, NULL, 0));
	OK(seedchip_queue_wait(other, seedchip_queue_mark(c.queue)));
	OK(seedchip_launch(other, kernel(&c, "crash"), &one, &args, sizeof(args)));
	OK(seedchip_queue_wait(c.queue, e = seedchip_queue_mark(other)));
	OK(seedchip_launch(c.queue, kernel(&c, "nothing"), &one, NULL, 0));
	FAILS(seedchip_event_notify(e, fd), -EINVAL, "recording");
	OK(seedchip_graph_end(c.queue, &graph));
	OK(seedchip_graph_launch(c.queue, graph));
	e = seedchip_queue_mark(c.queue);
	OK(seedchip_event_notify(e, fd));
	CHECK_EQ(told(fd), 1);
	CHECK_EQ(seedchip_event_wait(e, 0), -EIO);
	close(fd);
	seedchip_graph_destroy(graph);
	seedchip_queue_destroy(other);
	close_card(&c);
}

/* Mappings have events of a queue that nobody sees. */
static void test_mapping(void)
{
	struct card c = open_card(0);
	struct seedchip_buffer *b = buffer(&c, 4096, SEEDCHIP_CARD, NULL);
	struct gate g = { 0 };
	struct seedchip_event gate = wait_at(&c, c.queue, &g), mapped;
	struct seedchip_range *range;
	int fd = new_eventfd();
	uint64_t va;

	OK(seedchip_range_reserve(c.dev, 1 << 21, &range));
	va = seedchip_range_address(range);
	OK(seedchip_range_map(range, 0, b, 0, 4096, &gate, &mapped));
	OK(seedchip_event_notify(mapped, fd));
	CHECK(is_quiet(fd));
	open_gate(&g);
	CHECK_EQ(told(fd), 1);
	OK(seedchip_event_wait(mapped, 0));
	OK(seedchip_fill(c.queue, va, 1, 4096));
	OK(seedchip_event_wait(seedchip_queue_mark(c.queue), LIMIT));
	close(fd);
	seedchip_range_destroy(range);
	seedchip_buffer_destroy(b);
	seedchip_buffer_destroy(g.buffer);
	close_card(&c);
}

static void test_bad_descriptors(void)
{
	struct card c = open_card(0);
	struct gate g = { 0 };
	struct seedchip_event done = nothing(&c, c.queue), e;
	int bad[4], two[2];
	char byte;

	OK(seedchip_event_wait(done, LIMIT));
	e = wait_at(&c, c.queue, &g);
	CHECK_EQ(pipe(two), 0);
	bad[0] = -1;
	bad[1] = 1000;
	bad[2] = two[1];
	bad[3] = epoll_create1(EPOLL_CLOEXEC);
	for (int i = 0; i < 4; i++) {
		FAILS(seedchip_event_notify(done, bad[i]), -EBADF, "not an eventfd");
		FAILS(seedchip_event_notify(e, bad[i]), -EBADF, "not an eventfd");
	}
	open_gate(&g);
	OK(seedchip_event_wait(e, LIMIT));
	close(bad[3]);
	close(two[1]);
	CHECK_EQ(read(two[0], &byte, 1), 0); /* nobody wrote into it */
	close(two[0]);
	seedchip_buffer_destroy(g.buffer);
	close_card(&c);
}

/* One that can count no further stays readable, and nobody waits until it can. */
static void test_full(void)
{
	struct card c = open_card(0);
	struct seedchip_event e = nothing(&c, c.queue);
	int fd = eventfd(0, EFD_CLOEXEC);

	OK(seedchip_event_wait(e, LIMIT));
	CHECK_EQ(eventfd_write(fd, UINT64_MAX - 1), 0);
	OK(seedchip_event_notify(e, fd));
	CHECK_EQ(told(fd), UINT64_MAX - 1);
	OK(seedchip_event_notify(e, fd));
	CHECK_EQ(told(fd), 1);
	close(fd);
	close_card(&c);
}

/* Beyond the limit of a user-mode queue there is a clear error, and room again afterwards. */
static void test_limit(void)
{
	struct card c = open_card(0);
	struct gate g = { 0 };
	struct seedchip_event e = wait_at(&c, c.queue, &g);
	int fd = new_eventfd();
	uint64_t sum = 0;

	for (int i = 0; i < 64; i++)
		OK(seedchip_event_notify(e, fd));
#ifdef USER_QUEUES
	FAILS(seedchip_event_notify(e, fd), -EMFILE, "64 events");
#else
	OK(seedchip_event_notify(e, fd));
	sum--;
#endif
	open_gate(&g);
	while (sum != 64)
		sum += told(fd);
	e = nothing(&c, c.queue);
	OK(seedchip_event_notify(e, fd));
	CHECK_EQ(told(fd), 1);
	close(fd);
	seedchip_buffer_destroy(g.buffer);
	close_card(&c);
}

/* A queue that goes, and an eventfd that goes. */
static void test_destroyed(void)
{
	struct card c = open_card(0);
	struct seedchip_queue *q;
	struct gate g = { 0 };
	int fd = new_eventfd(), gone = new_eventfd();
	struct seedchip_event e;

	OK(seedchip_queue_create(c.dev, NULL, &q));
	e = wait_at(&c, q, &g);
	OK(seedchip_event_notify(e, gone));
	OK(seedchip_event_notify(e, fd));
	close(gone);
	seedchip_queue_destroy(q);
	CHECK_EQ(told(fd), 1);
	OK(seedchip_event_wait(nothing(&c, c.queue), LIMIT));
	CHECK(is_quiet(fd));
	close(fd);
	seedchip_buffer_destroy(g.buffer);
	close_card(&c);
}

static const struct tap_test tests[] = {
	{ "once, and not before", test_once },
	{ "short work, interrupts held back or not", test_races },
	{ "an interrupt held back comes in time", test_held },
	{ "interrupts held back for too long", test_held_too_long },
	{ "an event loop over queues", test_epoll },
	{ "one eventfd for many events", test_shared },
	{ "failures", test_failures },
	{ "work that waits for other queues", test_other_queues },
	{ "a graph of which one queue fails", test_graph },
	{ "mappings", test_mapping },
	{ "what is no eventfd", test_bad_descriptors },
	{ "an eventfd that can count no further", test_full },
	{ "more than a queue can tell of", test_limit },
	{ "a queue or an eventfd that goes", test_destroyed },
};

int main(void)
{
	return TAP_RUN(tests);
}
