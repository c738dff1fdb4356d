// SPDX-License-Identifier: MIT
/*
 * Random programs on kernel-managed queues, on user-mode queues and on both mixed: all that a
 * program can see must be the same. A run writes down what it sees, line by line: results of
 * calls, events, fault records, and at the end memory and counters. Nothing in a program depends
 * on time: what one queue reads of another's, it has waited for, and the other waits for it.
 *
 * Environment: SEED (of the first program), COUNT (of programs).
 */
#include "common.h"

#include <stdarg.h>
#include <stdbool.h>

#include "seedchip/graph.h"

#define QUEUES	4
#define RING	128
#define BLOCK	4096 /* bytes that belong to a queue */
#define EVENTS	32
#define NOWHERE 0x123456789000
#define GRAPH	0 /* queue of the graph; the next takes part */
#define HARMLESS 99

#ifndef SIM
#define PROGRAMS 4
#define OPS	 40
#else
#define PROGRAMS 24
#define OPS	 120
#endif

/* The letters say which queues are in user mode. */
static const char *const fashions[] = { "kkkk", "uuuu", "ukku" };

struct crash {
	uint64_t address;
	uint64_t kind;
};

static struct {
	uint64_t random;
	struct card c;
	struct seedchip_queue *queue[QUEUES];
	struct seedchip_buffer *b;
	unsigned char *map;
	struct seedchip_graph *graph;
	struct seedchip_graph_param *plus, *kind;
	struct seedchip_event event[EVENTS];
	unsigned int events;
	unsigned int failures[QUEUES];
	char *text;
	size_t length;
} s;

static char texts[2][1 << 16];

/* Words that do not depend on what has happened. */
static uint32_t rnd(uint32_t below)
{
	s.random = s.random * 6364136223846793005ull + 1442695040888963407ull;
	return (s.random >> 33) % below;
}

__attribute__((format(printf, 1, 2))) static void note(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	s.length += vsnprintf(s.text + s.length, sizeof(texts[0]) - s.length, format, args);
	va_end(args);
	CHECK(s.length < sizeof(texts[0]));
}

/* Until there is room. */
#define WHEN_ROOM(q, call)                                              \
	({                                                              \
		int result_;                                            \
		while ((result_ = (call)) == -EAGAIN)                   \
			seedchip_event_wait(seedchip_queue_mark(q), -1); \
		result_;                                                \
	})

static uint64_t block(unsigned int n)
{
	return seedchip_buffer_address(s.b) + n * BLOCK;
}

static int launch(struct seedchip_queue *q, const char *name, const struct seedchip_dim *dim,
		  const void *args, size_t size)
{
	return WHEN_ROOM(q, seedchip_launch(q, kernel(&s.c, name), dim, args, size));
}

static int affine(unsigned int n)
{
	struct affine args = { block(n) + 8 * rnd(BLOCK / 8), rnd(100), rnd(1000) };

	return launch(s.queue[n], "affine", &one, &args, sizeof(args));
}

static int crash(unsigned int n)
{
	static const unsigned char kinds[] = { 0, 1, 2, 3, 7, 8 };
	struct seedchip_dim dim = { .x = 1, .y = 1, .z = 1, .tag = rnd(1000) };
	struct crash args = { NOWHERE + 16 * rnd(100), kinds[rnd(sizeof(kinds))] };

	return launch(s.queue[n], "crash", &dim, &args, sizeof(args));
}

/* ---- what a queue can do: @n its number; what is returned is written down ---- */

static int do_affine(unsigned int n)
{
	return affine(n);
}

static int do_grid(unsigned int n)
{
	struct seedchip_dim dim = { .x = rnd(5), .y = rnd(4), .z = rnd(3) };
	uint64_t args = block(n) + 8 * rnd(256);

	return launch(s.queue[n], "index3", &dim, &args, sizeof(args));
}

static int do_large(unsigned int n)
{
	struct { uint64_t out, v[55]; } args = { .out = block(n) + 8 * rnd(BLOCK / 8) };

	for (int i = 0; i < 55; i++)
		args.v[i] = rnd(1 << 30);
	return launch(s.queue[n], "large", &one, &args, sizeof(args));
}

static int do_fill(unsigned int n)
{
	uint64_t at = block(n) + rnd(2048), pattern = rnd(1u << 31), size = rnd(2048);

	return WHEN_ROOM(s.queue[n], seedchip_fill(s.queue[n], at, pattern, size));
}

static int do_copy(unsigned int n)
{
	uint64_t from = block(n) + rnd(1024), to = block(n) + 2048 + rnd(1024), size = rnd(1024);

	return WHEN_ROOM(s.queue[n], seedchip_copy(s.queue[n], to, from, size));
}

static int do_copy_2d(unsigned int n)
{
	struct seedchip_copy_2d copy = {
		.dst = block(n) + rnd(64), .src = block(n) + 2048 + rnd(64), .row_bytes = rnd(50),
		.rows = rnd(20), .dst_stride = 64, .src_stride = 80,
	};

	return WHEN_ROOM(s.queue[n], seedchip_copy_2d(s.queue[n], &copy));
}

static int do_flush(unsigned int n)
{
	return WHEN_ROOM(s.queue[n], seedchip_queue_flush(s.queue[n]));
}

static int do_mark(unsigned int n)
{
	s.event[s.events++ % EVENTS] = seedchip_queue_mark(s.queue[n]);
	return 0;
}

static int do_wait(unsigned int n)
{
	unsigned int i = rnd(EVENTS);

	(void)n;
	return i < s.events ? seedchip_event_wait(s.event[i], -1) : 1;
}

static int do_bad_call(unsigned int n)
{
	struct seedchip_dim dim = { .x = rnd(2) ? 1 : 70000, .y = 1, .z = 1, .flags = rnd(2) << 7 };
	struct seedchip_copy_2d copy = { .rows = 1ull << 32 };
	struct affine args = { 0 };
	int r;

	switch (rnd(3)) {
	case 0:
		r = seedchip_launch(s.queue[n], kernel(&s.c, "affine"), &dim, &args, rnd(24));
		break;
	case 1:
		r = seedchip_copy_2d(s.queue[n], &copy);
		break;
	default:
		r = seedchip_graph_launch(s.queue[(GRAPH + 1) % QUEUES], s.graph);
	}
	note("\"%s\" ", seedchip_error());
	return r;
}

static unsigned int other_than(unsigned int n)
{
	return (n + 1 + rnd(QUEUES - 1)) % QUEUES;
}

/*
 * Take from another queue's block what it has done so far; it goes on when that is done. The last
 * that it has done may have failed.
 */
static int do_exchange(unsigned int n)
{
	unsigned int p = other_than(n);
	struct seedchip_queue *q = s.queue[n], *other = s.queue[p];
	uint64_t at = rnd(2048), size = rnd(2048);
	int r = WHEN_ROOM(q, seedchip_queue_wait(q, seedchip_queue_mark(other)));

	if (r)
		return r;
	OK(WHEN_ROOM(q, seedchip_copy(q, block(n) + at, block(p) + at, size)));
	return WHEN_ROOM(other, seedchip_queue_wait(other, seedchip_queue_mark(q)));
}

/* A queue remembers 16 failures, and that of a dependent fault may be one or not. */
static bool may_fail(unsigned int n)
{
	return s.failures[n]++ < 16;
}

/* The queue has failed: write down why, and go on. */
static int failed(struct seedchip_event e)
{
	struct seedchip_fault f = { .size = sizeof(f) };

	CHECK_EQ(seedchip_event_wait(e, -1), -EIO);
	OK(seedchip_event_fault(e, &f));
	note("%s/%s address %llx access %u size %u engine %u function %s+%llx module %s+%llx "
	     "wg %u,%u,%u tag %u insns %llu value %llx imprecise %u node %lld registers %u: ",
	     seedchip_status_name(f.status), seedchip_code_name(f.code),
	     (unsigned long long)f.address, f.access, f.access_size, f.engine, f.function,
	     (unsigned long long)f.function_offset, f.module, (unsigned long long)f.module_offset,
	     f.wg[0], f.wg[1], f.wg[2], f.tag, (unsigned long long)f.insns,
	     (unsigned long long)f.value, f.imprecise, (long long)f.node, f.has_registers);
	return seedchip_queue_recover(e.queue);
}

static int do_fault(unsigned int n)
{
	if (!may_fail(n))
		return affine(n);
	OK(crash(n));
	return failed(seedchip_queue_mark(s.queue[n]));
}

/*
 * What waits for failed work is refused, or fails in turn if nobody knew. Which it was nobody
 * sees once the other queue has done something else.
 */
static int do_dependent_fault(unsigned int n)
{
	struct { uint64_t v, steps, value; } spin = { block(n) + 8 * rnd(512), 20000, rnd(10) };
	unsigned int p = other_than(n);
	struct seedchip_fault f = { .size = sizeof(f) };
	struct seedchip_queue *other = s.queue[p];
	struct seedchip_event e, behind;

	if (!may_fail(n) || !may_fail(p))
		return affine(n);
	OK(launch(s.queue[n], "spin", &one, &spin, sizeof(spin)));
	OK(crash(n));
	e = seedchip_queue_mark(s.queue[n]);
	if (!WHEN_ROOM(other, seedchip_queue_wait(other, e))) {
		WHEN_ROOM(other, seedchip_fill(other, block(p), 1, BLOCK));
		behind = seedchip_queue_mark(other);
		CHECK_EQ(seedchip_event_wait(behind, -1), -EIO);
		OK(seedchip_event_fault(behind, &f));
		CHECK_EQ(f.code, SC_CODE_DEPENDENCY);
		OK(seedchip_queue_recover(other));
	}
	OK(affine(p));
	return failed(e);
}

static int replay(uint32_t kind)
{
	struct seedchip_queue *q = s.queue[GRAPH];
	uint64_t plus = rnd(1000);

	OK(WHEN_ROOM(q, seedchip_graph_set(s.plus, &plus)));
	OK(WHEN_ROOM(q, seedchip_graph_set(s.kind, &kind)));
	return WHEN_ROOM(q, seedchip_graph_launch(q, s.graph));
}

static int do_replay(unsigned int n)
{
	(void)n;
	return replay(HARMLESS);
}

static int do_replay_fault(unsigned int n)
{
	if (!may_fail(GRAPH))
		return affine(n);
	OK(replay(2));
	return failed(seedchip_queue_mark(s.queue[GRAPH]));
}

#define PLAIN 12 /* the first so many, which need no other queue and do not fail */

static const struct {
	const char *name;
	int (*run)(unsigned int n);
} ops[] = {
	{ "affine", do_affine }, { "affine", do_affine }, { "affine", do_affine },
	{ "grid", do_grid }, { "large", do_large }, { "fill", do_fill },
	{ "copy", do_copy }, { "copy_2d", do_copy_2d }, { "flush", do_flush },
	{ "mark", do_mark }, { "wait", do_wait }, { "bad call", do_bad_call },
	{ "exchange", do_exchange }, { "exchange", do_exchange }, { "replay", do_replay },
	{ "replay", do_replay }, { "fault", do_fault }, { "replay fault", do_replay_fault },
	{ "dependent fault", do_dependent_fault },
};

#define NUM_OPS (sizeof(ops) / sizeof(ops[0]))

/* Two queues: the second copies, after the first node and before the next. */
static void record(void)
{
	struct seedchip_queue *q = s.queue[GRAPH], *second = s.queue[GRAPH + 1];
	struct affine args = { block(GRAPH), 3, 1 };
	struct crash none = { NOWHERE, HARMLESS };

	OK(seedchip_graph_begin(q));
	OK(seedchip_launch(q, kernel(&s.c, "affine"), &one, &args, sizeof(args)));
	OK(seedchip_queue_wait(second, seedchip_queue_mark(q)));
	OK(seedchip_copy(second, block(GRAPH + 1) + 64, block(GRAPH), 256));
	OK(seedchip_queue_wait(q, seedchip_queue_mark(second)));
	OK(seedchip_fill(q, block(GRAPH) + 8, 0x1122334455667788, 20));
	OK(seedchip_launch(q, kernel(&s.c, "crash"), &one, &none, sizeof(none)));
	OK(seedchip_graph_end(q, &s.graph));
	OK(seedchip_graph_param(s.graph, "plus", 0, offsetof(struct affine, plus), 8, &s.plus));
	OK(seedchip_graph_param(s.graph, "kind", 3, offsetof(struct crash, kind), 4, &s.kind));
}

static void begin(const char *fashion)
{
	struct seedchip_queue_desc desc = { .size = sizeof(desc), .ring_slots = RING };

	OK(seedchip_device_open(0, &s.c.dev));
	OK(seedchip_module_load_file(s.c.dev, KERNELS, &s.c.module));
	s.b = buffer(&s.c, QUEUES * BLOCK, SEEDCHIP_CARD | SEEDCHIP_CPU, &s.map);
	for (unsigned int n = 0; n < QUEUES; n++) {
		desc.flags = fashion[n] == 'u' ? SEEDCHIP_QUEUE_USER : 0;
		OK(seedchip_queue_create(s.c.dev, &desc, &s.queue[n]));
	}
	record();
	s.events = 0;
	memset(s.failures, 0, sizeof(s.failures));
	s.length = 0;
}

/* Packets are counted only where no queue waits for another: how that is done is not visible. */
static void end(bool plain)
{
	struct seedchip_queue_stats stats = { .size = sizeof(stats) };

	for (unsigned int n = 0; n < QUEUES; n++)
		note("at last %d\n", seedchip_event_wait(seedchip_queue_mark(s.queue[n]), -1));
	for (unsigned int i = 0; i < s.events && i < EVENTS; i++)
		note("event %u: %d\n", i, seedchip_event_wait(s.event[i], 0));
	for (unsigned int n = 0; n < QUEUES; n++) {
		uint64_t hash = 0;

		for (unsigned int i = 0; i < BLOCK; i++)
			hash = (hash ^ s.map[n * BLOCK + i]) * 1099511628211ull;
		OK(seedchip_queue_stats(s.queue[n], &stats));
		note("queue %u: memory %llx workgroups %llu insns %llu copied %llu packets %llu\n",
		     n, (unsigned long long)hash, (unsigned long long)stats.workgroups,
		     (unsigned long long)stats.insns, (unsigned long long)stats.copy_bytes,
		     plain ? (unsigned long long)stats.packets : 0);
	}
	seedchip_graph_destroy(s.graph);
	for (unsigned int n = 0; n < QUEUES; n++)
		seedchip_queue_destroy(s.queue[n]);
	seedchip_buffer_destroy(s.b);
	seedchip_module_unload(s.c.module);
	seedchip_device_close(s.c.dev);
}

static void run(uint64_t seed, const char *fashion, char *text)
{
	bool plain = seed % 3 == 0;

	s.random = seed;
	s.text = text;
	begin(fashion);
	for (unsigned int i = 0; i < OPS; i++) {
		unsigned int op = rnd(plain ? PLAIN : NUM_OPS), n = rnd(QUEUES);

		note("%u: %s on %u: ", i, ops[op].name, n);
		note("%d\n", ops[op].run(n));
	}
	end(plain);
}

/* The first line that differs. */
static void compare(uint64_t seed, const char *fashion)
{
	const char *a = texts[0], *b = texts[1];
	size_t at = 0, start = 0;

	for (; a[at] && a[at] == b[at]; at++)
		if (a[at] == '\n')
			start = at + 1;
	if (a[at] == b[at])
		return;
	tap_fail("SEED=%llu COUNT=1: %s sees \"%.*s\", %s sees \"%.*s\"",
		 (unsigned long long)seed, fashions[0], (int)strcspn(a + start, "\n"), a + start,
		 fashion, (int)strcspn(b + start, "\n"), b + start);
}

static uint64_t number(const char *name, uint64_t otherwise)
{
	const char *text = getenv(name);

	return text && *text ? strtoull(text, NULL, 0) : otherwise;
}

static void test_programs(void)
{
	uint64_t first = number("SEED", 1), count = number("COUNT", PROGRAMS);

	printf("# SEED=%llu COUNT=%llu\n", (unsigned long long)first, (unsigned long long)count);
	for (uint64_t seed = first; seed < first + count; seed++) {
		run(seed, fashions[0], texts[0]);
		for (unsigned int i = 1; i < sizeof(fashions) / sizeof(fashions[0]); i++) {
			run(seed, fashions[i], texts[1]);
			compare(seed, fashions[i]);
		}
	}
}

static const struct tap_test tests[] = {
	{ "random programs see the same on all kinds of queues", test_programs },
};

int main(void)
{
	return TAP_RUN(tests);
}
