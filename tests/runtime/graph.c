// SPDX-License-Identifier: MIT
/*
 * Graphs: what is replayed does what the same calls do directly, whatever is
 * patched and by whom, on one queue and on several, and what is wrong is said.
 */
#include "common.h"
#include "seedchip/graph.h"

#include <pthread.h>
#include <stdio.h>

static struct seedchip_graph *end(struct seedchip_queue *q)
{
	struct seedchip_graph *g;

	OK(seedchip_graph_end(q, &g));
	return g;
}

static void finish(struct seedchip_queue *q)
{
	OK(seedchip_event_wait(seedchip_queue_mark(q), LIMIT));
}

/* Replay, and wait for room if there is none. */
static void replay(struct seedchip_queue *q, struct seedchip_graph *g)
{
	int r = seedchip_graph_launch(q, g);

	if (r == -EAGAIN) {
		finish(q);
		r = seedchip_graph_launch(q, g);
	}
	OK(r);
}

static void set(struct seedchip_queue *q, struct seedchip_graph_param *p, const void *value)
{
	int r = seedchip_graph_set(p, value);

	if (r == -EAGAIN) {
		finish(q);
		r = seedchip_graph_set(p, value);
	}
	OK(r);
}

static void set_u64(struct seedchip_queue *q, struct seedchip_graph_param *p, uint64_t value)
{
	set(q, p, &value);
}

static struct seedchip_graph_param *param(struct seedchip_graph *g, const char *name,
					  uint32_t node, size_t place, size_t size)
{
	struct seedchip_graph_param *p;

	OK(seedchip_graph_param(g, name, node, place, size, &p));
	return p;
}

static void affine(struct card *c, struct seedchip_queue *q, uint64_t v, uint64_t by, uint64_t plus)
{
	struct affine args = { v, by, plus };

	OK(seedchip_launch(q, kernel(c, "affine"), &one, &args, sizeof(args)));
}

/* ---- the same as directly ---- */

#define CELLS 64

static uint64_t next(uint64_t *seed)
{
	*seed = *seed * 6364136223846793005ull + 1442695040888963407ull;
	return *seed >> 33;
}

/* A random program on @CELLS words. */
static void program(struct card *c, struct seedchip_queue *q, uint64_t cells, uint64_t seed)
{
	unsigned int ops = next(&seed) % 60;

	for (unsigned int i = 0; i < ops; i++) {
		uint64_t a = next(&seed) % 32, b = 32 + next(&seed) % 24, n = 1 + next(&seed) % 8;

		switch (next(&seed) % 4) {
		case 0:
			OK(seedchip_copy(q, cells + a * 8, cells + b * 8, n * 8));
			break;
		case 1:
			OK(seedchip_copy(q, cells + b * 8, cells + a * 8, n * 8 - 3));
			break;
		case 2:
			OK(seedchip_fill(q, cells + a * 8, next(&seed), n * 8));
			break;
		default:
			affine(c, q, cells + b * 8, next(&seed), next(&seed));
		}
	}
}

static void test_as_directly(void)
{
	struct card c = open_card(0);
	uint64_t *direct, *replayed;
	struct seedchip_buffer *b[2] = { buffer(&c, 4096, SEEDCHIP_SYSTEM, &direct),
					 buffer(&c, 4096, SEEDCHIP_SYSTEM, &replayed) };

	for (uint64_t seed = 1; seed <= 12; seed++) {
		struct seedchip_graph *g;

		OK(seedchip_graph_begin(c.queue));
		program(&c, c.queue, seedchip_buffer_address(b[1]), seed);
		g = end(c.queue);
		for (int i = 0; i < 3; i++) {
			program(&c, c.queue, seedchip_buffer_address(b[0]), seed);
			replay(c.queue, g);
		}
		finish(c.queue);
		CHECK(!memcmp(direct, replayed, CELLS * 8));
		seedchip_graph_destroy(g);
	}
	seedchip_buffer_destroy(b[0]);
	seedchip_buffer_destroy(b[1]);
	close_card(&c);
}

static void test_sizes(void)
{
	struct card c = open_card(0);
	uint64_t *v;
	struct seedchip_buffer *b = buffer(&c, 4096, SEEDCHIP_SYSTEM, &v);
	struct seedchip_graph *g;

	OK(seedchip_graph_begin(c.queue)); /* nothing */
	CHECK_EQ(seedchip_graph_node(c.queue), 0);
	g = end(c.queue);
	replay(c.queue, g);
	finish(c.queue);
	seedchip_graph_destroy(g);

	OK(seedchip_graph_begin(c.queue)); /* much: 20,000 slots, far more than the ring has */
	for (int i = 0; i < 10000; i++)
		affine(&c, c.queue, seedchip_buffer_address(b), 1, i);
	CHECK_EQ(seedchip_graph_node(c.queue), 10000);
	g = end(c.queue);
	replay(c.queue, g);
	replay(c.queue, g);
	finish(c.queue);
	CHECK_EQ(*v, 2 * 9999 * 10000 / 2);
	seedchip_graph_destroy(g);
	seedchip_graph_destroy(NULL);
	seedchip_buffer_destroy(b);
	close_card(&c);
}

/* ---- parameters ---- */

/* A replay under way keeps its values; a third value has to wait. */
static void test_patch_in_flight(void)
{
	struct card c = open_card(0);
	uint64_t *v;
	struct seedchip_buffer *b = buffer(&c, 4096, SEEDCHIP_SYSTEM, &v);
	uint64_t at = seedchip_buffer_address(b), go = at + 8, three = 3;
	struct seedchip_graph_param *p;
	struct seedchip_graph *g;

	OK(seedchip_graph_begin(c.queue));
	OK(seedchip_launch(c.queue, kernel(&c, "gate"), &one, &go, sizeof(go)));
	affine(&c, c.queue, at, 10, 7);
	g = end(c.queue);
	p = param(g, "plus", 1, offsetof(struct affine, plus), 8);
	replay(c.queue, g);
	replay(c.queue, g); /* as recorded, twice in flight */
	set_u64(c.queue, p, 1);
	replay(c.queue, g);
	FAILS(seedchip_graph_set(p, &three), -EAGAIN, "both copies");
	replay(c.queue, g);
	FAILS(seedchip_graph_set(p, &three), -EAGAIN, "both copies");
	__atomic_store_n(&v[1], 1, __ATOMIC_RELEASE);
	finish(c.queue);
	CHECK_EQ(*v, 7711);
	OK(seedchip_graph_set(p, &three));
	three = 4; /* it was copied */
	replay(c.queue, g);
	finish(c.queue);
	CHECK_EQ(*v, 77113);
	seedchip_graph_destroy(g);
	seedchip_buffer_destroy(b);
	close_card(&c);
}

/* Which parameters are set when must not matter for what they are. */
static void test_thousand(void)
{
	enum { PARAMS = 5 };
	struct card c = open_card(0);
	uint64_t *v, value[PARAMS], sum[PARAMS] = { 0 }, seed = 3;
	struct seedchip_buffer *b = buffer(&c, 4096, SEEDCHIP_SYSTEM, &v);
	uint64_t at = seedchip_buffer_address(b);
	struct seedchip_graph_param *p[PARAMS];
	struct seedchip_graph *g;

	OK(seedchip_graph_begin(c.queue));
	for (int i = 0; i < PARAMS; i++)
		affine(&c, c.queue, at + i * 8, 1, value[i] = i);
	g = end(c.queue);
	for (int i = 0; i < PARAMS; i++)
		p[i] = param(g, NULL, i, offsetof(struct affine, plus), 8);
	for (int n = 0; n < 1000; n++) {
		unsigned int which = next(&seed) % (n < 500 ? 32 : 3);

		for (int i = PARAMS - 1; i >= 0; i--)
			if (which & 1 << i)
				set_u64(c.queue, p[i], value[i] = next(&seed));
		if (which & 1) /* once more */
			set_u64(c.queue, p[0], value[0] = n);
		replay(c.queue, g);
		for (int i = 0; i < PARAMS; i++)
			sum[i] += value[i];
	}
	finish(c.queue);
	for (int i = 0; i < PARAMS; i++)
		CHECK_EQ(v[i], sum[i]);
	seedchip_graph_destroy(g);
	seedchip_buffer_destroy(b);
	close_card(&c);
}

/* Everything that can be a parameter, and one name in several places. */
static void test_places(void)
{
	struct card c = open_card(0);
	uint64_t *v;
	struct seedchip_buffer *b = buffer(&c, 8192, SEEDCHIP_SYSTEM, &v);
	uint64_t at = seedchip_buffer_address(b), many[14];
	struct { uint64_t out, v[55]; } large = { .out = at };
	struct seedchip_graph_param *p, *same;
	struct seedchip_graph *g;
	uint32_t grid = 3, rows = 2;

	OK(seedchip_graph_begin(c.queue));
	OK(seedchip_launch(c.queue, kernel(&c, "large"), &one, &large, sizeof(large)));
	OK(seedchip_launch(c.queue, kernel(&c, "index3"), &one, &at, sizeof(at)));
	OK(seedchip_copy_2d(c.queue, &(struct seedchip_copy_2d){
		.dst = at + 4096, .src = at, .row_bytes = 8, .rows = 1, .dst_stride = 8,
	}));
	OK(seedchip_fill(c.queue, at + 4200, 0, 8));
	g = end(c.queue);

	p = param(g, "args", 0, 8 + 40, sizeof(many)); /* v[5] to v[18]: over three slots */
	for (int i = 0; i < 14; i++)
		many[i] = 100 + i;
	set(c.queue, p, many);
	grid = 3;
	set(c.queue, param(g, "z", 1, SEEDCHIP_PLACE_GRID + 8, 4), &grid);
	set_u64(c.queue, param(g, "out", 1, SEEDCHIP_PLACE_ARGS, 8), at + 2048);
	p = param(g, "to", 2, SEEDCHIP_PLACE_DST, 8);
	OK(seedchip_graph_param(g, "to", 3, SEEDCHIP_PLACE_DST, 8, &same));
	CHECK(p == same);
	OK(seedchip_graph_find(g, "to", &same));
	CHECK(p == same);
	set_u64(c.queue, p, at + 6000);
	set_u64(c.queue, param(g, "from", 2, SEEDCHIP_PLACE_SRC, 8), at + 2048);
	set_u64(c.queue, param(g, "size", 2, SEEDCHIP_PLACE_SIZE, 8), 12);
	set(c.queue, param(g, "rows", 2, SEEDCHIP_PLACE_ROWS, 4), &rows);
	set_u64(c.queue, param(g, "pattern", 3, SEEDCHIP_PLACE_PATTERN, 8), 0x1122334455667788);
	set_u64(c.queue, param(g, "bytes", 3, SEEDCHIP_PLACE_SIZE, 8), 4);
	replay(c.queue, g);
	finish(c.queue);
	CHECK_EQ(v[0], 14 * 100 + 13 * 14 / 2);
	CHECK_EQ(v[256], 0x8001000080000000);
	CHECK_EQ(v[257], 0x80020000);
	/* rows of 12 bytes, 8 apart, all from the first; then four bytes of the pattern */
	CHECK_EQ(v[750], 0x8001000055667788);
	CHECK_EQ(v[751], 0x8001000080000000);
	CHECK_EQ((uint32_t)v[752], 0x80020000);
	CHECK_EQ(v[512], 0);
	CHECK_EQ(v[525], 0);
	seedchip_graph_destroy(g);
	seedchip_buffer_destroy(b);
	close_card(&c);
}

/* The grid lies in memory and grows: by the host, and by a node of the graph. */
static void test_growing_grid(void)
{
	struct card c = open_card(0);
	uint32_t *v;
	struct seedchip_buffer *b = buffer(&c, 8192, SEEDCHIP_SYSTEM, &v);
	uint64_t at = seedchip_buffer_address(b), out = at + 4096;
	struct seedchip_dim dim = { .indirect = at };
	struct seedchip_graph *g;

	v[0] = 0;
	__atomic_store_n(&v[1], 1, __ATOMIC_RELEASE);
	v[2] = 1;
	OK(seedchip_graph_begin(c.queue));
	affine(&c, c.queue, at, 1, 1); /* the low half of the word is x */
	OK(seedchip_launch(c.queue, kernel(&c, "index3"), &dim, &out, sizeof(out)));
	g = end(c.queue);
	for (uint32_t n = 1; n < 10; n++) {
		replay(c.queue, g);
		finish(c.queue);
		CHECK_EQ(v[1023 + n], 0x80000000 | (n - 1));
		CHECK_EQ(v[1024 + n], 0);
	}
	v[0] = 99;
	replay(c.queue, g);
	finish(c.queue);
	CHECK_EQ(v[1024 + 99], 0x80000063);
	CHECK_EQ(v[1024 + 100], 0);
	seedchip_graph_destroy(g);
	seedchip_buffer_destroy(b);
	close_card(&c);
}

/* Kernels write what later launches get, in the same replay and for the next one. */
static void test_patched_by_kernels(void)
{
	struct card c = open_card(0);
	uint64_t *v;
	struct seedchip_buffer *b = buffer(&c, 4096, SEEDCHIP_SYSTEM, &v);
	uint64_t at = seedchip_buffer_address(b), address, none = 0;
	struct seedchip_dim dim = { .x = 1, .y = 1, .z = 1, .flags = SEEDCHIP_PATCHED, .tag = 5 };
	struct { uint64_t out, v[55]; } large = { .out = at + 64 };
	struct affine args = { at, 10, 0 };
	struct seedchip_graph_param *target, *p;
	struct seedchip_graph *g;

	OK(seedchip_graph_begin(c.queue));
	affine(&c, c.queue, at + 8, 1, 1); /* 0: counts replays */
	affine(&c, c.queue, 0, 1, 1); /* 1: raises node 2's plus */
	OK(seedchip_launch(c.queue, kernel(&c, "affine"), &dim, &args, sizeof(args)));
	OK(seedchip_copy(c.queue, at + 512, at + 8, 8)); /* 3: v[54] of node 4 becomes the count */
	OK(seedchip_launch(c.queue, kernel(&c, "large"), &dim, &large, sizeof(large)));
	g = end(c.queue);
	OK(seedchip_graph_address(g, 2, &address));
	target = param(g, "target", 1, offsetof(struct affine, v), 8);
	set_u64(c.queue, target, address + offsetof(struct affine, plus));
	OK(seedchip_graph_address(g, 4, &address));
	set_u64(c.queue, param(g, NULL, 3, SEEDCHIP_PLACE_DST, 8), address + 440);
	for (int i = 1; i <= 4; i++) {
		replay(c.queue, g);
		finish(c.queue);
		CHECK_EQ(v[8], i); /* the large kernel's sum */
	}
	CHECK_EQ(*v, 1234);
	/* the same from before the replay */
	OK(seedchip_graph_address(g, 2, &address));
	OK(seedchip_fill(c.queue, address + offsetof(struct affine, plus), 0, 8));
	set_u64(c.queue, target, at + 16); /* nothing raises it any more */
	replay(c.queue, g);
	replay(c.queue, g);
	finish(c.queue);
	CHECK_EQ(*v, 123400);

	FAILS(seedchip_graph_address(g, 0, &address), -EINVAL, "node 0 is no launch");
	FAILS(seedchip_graph_address(g, 5, &address), -ENOENT, "no node 5, there are 5");
	FAILS(seedchip_graph_param(g, NULL, 2, 0, 8, &p), -EPERM, "kernels write");
	FAILS(seedchip_launch(c.queue, kernel(&c, "affine"), &dim, &args, sizeof(args)), -EINVAL,
	      "SEEDCHIP_PATCHED is for graphs");
	/* a fault of a patched node names it, too */
	OK(seedchip_graph_address(g, 2, &address));
	OK(seedchip_fill(c.queue, address, none, 8));
	OK(seedchip_graph_launch(c.queue, g));
	struct seedchip_event e = seedchip_queue_mark(c.queue);
	struct seedchip_fault fault = { .size = sizeof(fault) };

	CHECK_EQ(seedchip_event_wait(e, LIMIT), -EIO);
	OK(seedchip_event_fault(e, &fault));
	CHECK_EQ(fault.node, 2);
	CHECK_EQ(fault.tag, 5);
	OK(seedchip_queue_recover(c.queue));
	seedchip_graph_destroy(g);
	seedchip_buffer_destroy(b);
	close_card(&c);
}

/* ---- faults ---- */

static void expect_fault(struct card *c, struct seedchip_fault *fault)
{
	struct seedchip_event e = seedchip_queue_mark(c->queue);
	struct seedchip_fault read = { .size = sizeof(read) };

	fault->size = sizeof(*fault);
	CHECK_EQ(seedchip_event_wait(e, LIMIT), -EIO);
	OK(seedchip_event_fault(e, fault));
	OK(seedchip_queue_recover(c->queue));
	/* who watches over the device learns the same, even now */
	OK(seedchip_fault_read(c->dev, &read, LIMIT));
	CHECK_EQ(read.node, fault->node);
	CHECK_EQ(read.tag, fault->tag);
}

static void test_culprit(void)
{
	struct card c = open_card(0);
	uint64_t *v;
	struct seedchip_buffer *b = buffer(&c, 4096, SEEDCHIP_SYSTEM, &v);
	uint64_t at = seedchip_buffer_address(b);
	struct { uint64_t address; uint32_t kind, pad; } read = { at, 0, 0 };
	struct seedchip_dim dim = { .x = 1, .y = 1, .z = 1, .tag = 2 };
	struct seedchip_graph_param *p;
	struct seedchip_fault fault;
	struct seedchip_graph *g;

	OK(seedchip_graph_begin(c.queue));
	for (int i = 0; i < 20; i++) {
		affine(&c, c.queue, at, 1, 1);
		OK(seedchip_launch(c.queue, kernel(&c, "crash"), &dim, &read, sizeof(read)));
	}
	g = end(c.queue);
	p = param(g, "address", 27, 0, 8);
	replay(c.queue, g);
	set_u64(c.queue, p, 0);
	replay(c.queue, g); /* fails in the middle */
	(void)seedchip_graph_launch(c.queue, g); /* the driver may know already */
	expect_fault(&c, &fault);
	CHECK_EQ(fault.node, 27);
	CHECK_EQ(fault.tag, 2);
	CHECK(strstr(fault.text, "graph node 27"));
	CHECK_EQ(*v, 20 + 14);
	/* the same tag outside the graph, at the same place of the ring */
	read.address = 0;
	OK(seedchip_launch(c.queue, kernel(&c, "crash"), &dim, &read, sizeof(read)));
	expect_fault(&c, &fault);
	CHECK_EQ(fault.node, -1);
	CHECK_EQ(fault.tag, 2);
	CHECK(!strstr(fault.text, "graph"));
	set_u64(c.queue, p, at);
	replay(c.queue, g);
	finish(c.queue);
	CHECK_EQ(*v, 20 + 14 + 20);
	seedchip_graph_destroy(g);
	seedchip_buffer_destroy(b);
	close_card(&c);
}

/* ---- several queues ---- */

static uint64_t doorbells(struct seedchip_queue *q)
{
	struct seedchip_queue_stats stats = { .size = sizeof(stats) };

	OK(seedchip_queue_stats(q, &stats));
	return stats.doorbells;
}

/* Fork, work on both queues, join, and again; what is not joined is part of the replay, too. */
static void test_two_queues(void)
{
	struct card c = open_card(0);
	uint64_t *v;
	struct seedchip_buffer *b = buffer(&c, 4096, SEEDCHIP_SYSTEM, &v);
	uint64_t at = seedchip_buffer_address(b), x = 0, y = 0;
	struct seedchip_queue *side;
	struct seedchip_graph *g;

	OK(seedchip_queue_create(c.dev, NULL, &side));
	OK(seedchip_graph_begin(c.queue));
	affine(&c, c.queue, at, 3, 1);
	OK(seedchip_queue_wait(side, seedchip_queue_mark(c.queue)));
	OK(seedchip_copy(side, at + 64, at, 8));
	affine(&c, side, at + 64, 5, 0);
	affine(&c, c.queue, at + 8, 1, 1); /* beside it */
	OK(seedchip_queue_wait(c.queue, seedchip_queue_mark(side)));
	OK(seedchip_copy(c.queue, at, at + 64, 8));
	OK(seedchip_queue_wait(side, seedchip_queue_mark(c.queue)));
	affine(&c, side, at, 1, 7); /* not joined: the end of the recording does */
	CHECK_EQ(seedchip_graph_node(side), 6);
	g = end(c.queue);
	for (int i = 1; i <= 50; i++) {
		replay(c.queue, g);
		/* in order with what is queued behind it */
		affine(&c, c.queue, at, 1, 1);
		x = (3 * x + 1) * 5 + 7 + 1;
		y++;
	}
	finish(c.queue);
	CHECK_EQ(v[0], x);
	CHECK_EQ(v[1], y);

	uint64_t before[2] = { doorbells(c.queue), doorbells(side) };

	replay(c.queue, g);
	finish(c.queue);
	CHECK_EQ(doorbells(c.queue), before[0] + 1);
	CHECK_EQ(doorbells(side), before[1] + 1);
	seedchip_graph_destroy(g);
	seedchip_queue_destroy(side);
	seedchip_buffer_destroy(b);
	close_card(&c);
}

/* A queue that waits for one that has failed fails, too, and then all goes on. */
static void test_one_of_two_fails(void)
{
	struct card c = open_card(0);
	uint64_t *v;
	struct seedchip_buffer *b = buffer(&c, 4096, SEEDCHIP_SYSTEM, &v);
	uint64_t at = seedchip_buffer_address(b);
	struct { uint64_t address; uint32_t kind, pad; } read = { at, 0, 0 };
	struct seedchip_fault fault = { .size = sizeof(fault) };
	struct seedchip_queue *queue[2] = { c.queue };
	struct seedchip_graph_param *p[2];
	struct seedchip_event done[2];
	struct seedchip_graph *g;

	OK(seedchip_queue_create(c.dev, NULL, &queue[1]));
	OK(seedchip_graph_begin(c.queue));
	affine(&c, c.queue, at, 1, 1);
	OK(seedchip_queue_wait(queue[1], seedchip_queue_mark(c.queue)));
	OK(seedchip_launch(queue[1], kernel(&c, "crash"), &one, &read, sizeof(read)));
	OK(seedchip_queue_wait(c.queue, seedchip_queue_mark(queue[1])));
	OK(seedchip_launch(c.queue, kernel(&c, "crash"), &one, &read, sizeof(read)));
	OK(seedchip_queue_wait(queue[1], seedchip_queue_mark(c.queue)));
	affine(&c, queue[1], at + 8, 1, 1);
	g = end(c.queue);
	for (int i = 0; i < 2; i++)
		p[i] = param(g, NULL, i + 1, 0, 8);
	for (int culprit = 0; culprit < 2; culprit++) {
		replay(c.queue, g);
		finish(c.queue);
		for (int i = 0; i < 2; i++) /* node 1 is of queue 1, node 2 of queue 0 */
			set_u64(c.queue, p[!i], i == culprit ? 0 : at);
		replay(c.queue, g);
		for (int i = 0; i < 2; i++)
			done[i] = seedchip_queue_mark(queue[i]);
		CHECK_EQ(seedchip_event_wait(done[!culprit], LIMIT), -EIO);
		OK(seedchip_event_fault(done[!culprit], &fault));
		CHECK_EQ(fault.code, SC_CODE_DEPENDENCY);
		CHECK_EQ(fault.node, -1);
		FAILS(seedchip_graph_launch(c.queue, g), -EIO, "has failed");
		OK(seedchip_queue_recover(queue[!culprit]));
		FAILS(seedchip_graph_launch(c.queue, g), -EIO, "has failed");
		CHECK_EQ(seedchip_event_wait(done[culprit], LIMIT), -EIO);
		OK(seedchip_event_fault(done[culprit], &fault));
		CHECK_EQ(fault.code, SC_CODE_UNMAPPED);
		CHECK_EQ(fault.node, culprit ? 1 : 2);
		OK(seedchip_queue_recover(queue[culprit]));
		set_u64(c.queue, p[!culprit], at);
	}
	replay(c.queue, g);
	finish(c.queue);
	CHECK_EQ(v[0], 5);
	CHECK_EQ(v[1], 3);
	seedchip_graph_destroy(g);
	seedchip_queue_destroy(queue[1]);
	seedchip_buffer_destroy(b);
	close_card(&c);
}

/* One doorbell for a hundred launches and eight parameters. */
static void test_doorbells(void)
{
	struct card c = open_card(0);
	uint64_t *v, before;
	struct seedchip_buffer *b = buffer(&c, 4096, SEEDCHIP_SYSTEM, &v);
	struct seedchip_graph_param *p[8];
	struct seedchip_graph *g;

	OK(seedchip_graph_begin(c.queue));
	for (int i = 0; i < 100; i++)
		affine(&c, c.queue, seedchip_buffer_address(b), 1, 0);
	g = end(c.queue);
	for (int i = 0; i < 8; i++)
		p[i] = param(g, NULL, 11 * i, offsetof(struct affine, plus), 8);
	replay(c.queue, g);
	finish(c.queue);
	before = doorbells(c.queue);
	for (uint64_t n = 0; n < 3; n++) {
		for (int i = 0; i < 8; i++)
			OK(seedchip_graph_set(p[i], &n));
		OK(seedchip_graph_launch(c.queue, g));
		finish(c.queue);
	}
	CHECK_EQ(doorbells(c.queue), before + 3);
	CHECK_EQ(*v, 8 * (1 + 2));
	seedchip_graph_destroy(g);
	seedchip_buffer_destroy(b);
	close_card(&c);
}

/* ---- lifetime ---- */

/* What a graph has recorded stays, until the graph is gone, too. */
static void test_lifetime(void)
{
	struct card c = open_card(0);
	struct seedchip_device_info info = { .size = sizeof(info) };
	struct seedchip_buffer *big, *out, *refused;
	struct seedchip_module *module;
	struct seedchip_kernel *k;
	struct seedchip_graph *g;
	uint64_t *v, at;

	OK(seedchip_device_info(c.dev, &info));
	out = buffer(&c, 4096, SEEDCHIP_SYSTEM, &v);
	big = buffer(&c, info.card_size / 2, SEEDCHIP_CARD, NULL);
	at = seedchip_buffer_address(big);
	OK(seedchip_module_load_file(c.dev, KERNELS, &module));
	OK(seedchip_module_kernel(module, "affine", &k));
	OK(seedchip_graph_begin(c.queue));
	OK(seedchip_launch(c.queue, k, &one, &(struct affine){ at + 8192, 1, 5 }, 24));
	OK(seedchip_copy(c.queue, seedchip_buffer_address(out), at + 8192, 8));
	g = end(c.queue);
	seedchip_module_unload(module);
	seedchip_buffer_destroy(big);
	CHECK_EQ(seedchip_buffer_create(c.dev, info.card_size * 3 / 4, SEEDCHIP_CARD, &refused),
		 -ENOSPC);
	/* a new module is elsewhere, and its code is seen */
	OK(seedchip_module_load_file(c.dev, KERNELS, &module));
	replay(c.queue, g);
	affine(&c, c.queue, seedchip_buffer_address(out) + 8, 1, 1);
	replay(c.queue, g);
	seedchip_graph_destroy(g); /* under way */
	finish(c.queue);
	CHECK_EQ(v[0], 10);
	CHECK_EQ(v[1], 1);
	big = buffer(&c, info.card_size * 3 / 4, SEEDCHIP_CARD, NULL);
	seedchip_buffer_destroy(big);
	seedchip_buffer_destroy(out);
	seedchip_module_unload(module);
	close_card(&c);
}

static void *wait_again_and_again(void *event)
{
	int r;

	do
		r = seedchip_event_wait(*(struct seedchip_event *)event, 1);
	while (r == -ETIMEDOUT);
	return (void *)(intptr_t)r;
}

#ifdef SIM
#define COMINGS 200 /* enough for SAN=thread to meet a race */
#else
#define COMINGS 10
#endif

/* Who waits for a queue looks at those that share a graph with it: they may go meanwhile. */
static void test_partners_go(void)
{
	const struct seedchip_queue_desc patient = {
		.size = sizeof(patient), .wg_limit = 1ull << 62, .timeout_ms = 600000,
	};
	struct card c = open_card(0);
	uint64_t *go, to;
	struct seedchip_buffer *b = buffer(&c, 4096, SEEDCHIP_SYSTEM, &go);
	struct seedchip_queue *q, *other;
	struct seedchip_event running;
	pthread_t threads[4];
	void *r;

	to = seedchip_buffer_address(b);
	OK(seedchip_queue_create(c.dev, &patient, &q));
	OK(seedchip_launch(q, kernel(&c, "gate"), &one, &to, sizeof(to)));
	running = seedchip_queue_mark(q);
	for (int i = 0; i < 4; i++)
		CHECK_EQ(pthread_create(&threads[i], NULL, wait_again_and_again, &running), 0);
	for (int i = 0; i < COMINGS; i++) {
		struct seedchip_graph *g;

		OK(seedchip_queue_create(c.dev, NULL, &other));
		OK(seedchip_graph_begin(q));
		OK(seedchip_queue_wait(other, seedchip_queue_mark(q)));
		g = end(q);
		if (i & 1)
			seedchip_graph_destroy(g);
		seedchip_queue_destroy(other);
		if (!(i & 1))
			seedchip_graph_destroy(g);
	}
	__atomic_store_n(go, 1, __ATOMIC_RELEASE);
	for (int i = 0; i < 4; i++) {
		CHECK_EQ(pthread_join(threads[i], &r), 0);
		CHECK(!r);
	}
	seedchip_queue_destroy(q);
	seedchip_buffer_destroy(b);
	close_card(&c);
}

/* ---- what is wrong ---- */

static void test_bad_recordings(void)
{
	struct card c = open_card(0);
	struct seedchip_queue *side, *third;
	struct seedchip_graph *g, *none = NULL;
	struct seedchip_event inside, outside = seedchip_queue_mark(c.queue);
	struct seedchip_fault fault = { .size = sizeof(fault) };
	struct seedchip_range *range;

	OK(seedchip_queue_create(c.dev, NULL, &side));
	OK(seedchip_queue_create(c.dev, NULL, &third));
	OK(seedchip_range_reserve(c.dev, 4096, &range));
	FAILS(seedchip_graph_end(c.queue, &none), -EINVAL, "not recording");
	FAILS(seedchip_graph_node(c.queue), -EINVAL, "not recording");
	OK(seedchip_graph_begin(c.queue));
	FAILS(seedchip_graph_begin(c.queue), -EBUSY, "recording already");
	OK(seedchip_queue_flush(c.queue));
	inside = seedchip_queue_mark(c.queue);
	FAILS(seedchip_event_wait(inside, 0), -EINVAL, "recording");
	FAILS(seedchip_event_fault(inside, &fault), -EINVAL, "recording");
	FAILS(seedchip_range_unmap(range, 0, 4096, &inside, NULL), -EINVAL, "recording");
	FAILS(seedchip_queue_wait(c.queue, outside), -EINVAL, "none of the recording");
	OK(seedchip_queue_wait(c.queue, inside)); /* in order anyway */
	OK(seedchip_queue_wait(side, inside));
	FAILS(seedchip_graph_end(side, &none), -EINVAL, "begun on another queue");
	FAILS(seedchip_graph_begin(side), -EBUSY, "recording already");
	OK(seedchip_graph_begin(third));
	FAILS(seedchip_queue_wait(third, inside), -EBUSY, "another recording");
	OK(seedchip_graph_end(third, NULL));
	g = end(c.queue);
	FAILS(seedchip_queue_wait(third, inside), -EINVAL, "recording of the event is over");

	FAILS(seedchip_graph_launch(third, g), -EINVAL, "on another queue");
	OK(seedchip_graph_begin(side));
	FAILS(seedchip_graph_launch(c.queue, g), -EBUSY, "is recording");
	OK(seedchip_graph_end(side, NULL));
	OK(seedchip_graph_begin(c.queue));
	FAILS(seedchip_graph_launch(c.queue, g), -EBUSY, "is recording");
	OK(seedchip_graph_end(c.queue, NULL));
	replay(c.queue, g);
	finish(c.queue);
	CHECK(!none);
	/* a queue goes, in use and while it records */
	seedchip_queue_destroy(side);
	FAILS(seedchip_graph_launch(c.queue, g), -EINVAL, "has been destroyed");
	seedchip_graph_destroy(g);
	OK(seedchip_graph_begin(c.queue));
	OK(seedchip_queue_wait(third, seedchip_queue_mark(c.queue)));
	seedchip_queue_destroy(third);
	FAILS(seedchip_graph_end(c.queue, &none), -EINVAL, "not recording");
	finish(c.queue);
	seedchip_range_destroy(range);
	close_card(&c);
}

/* A graph that is larger than a list can be; what was recorded before is kept. */
static void test_too_large(void)
{
	struct card c = open_card(0);
	uint64_t *v;
	struct seedchip_buffer *b = buffer(&c, 4096, SEEDCHIP_SYSTEM, &v);
	struct seedchip_graph *g;
	int r = 0, n = 0;

	OK(seedchip_graph_begin(c.queue));
	while (!r && n <= SC_MAX_LIST) {
		r = seedchip_fill(c.queue, seedchip_buffer_address(b), n, 8);
		n += !r;
	}
	FAILS(r, -E2BIG, "more than 65536 slots");
	CHECK_EQ(n, SC_MAX_LIST);
	g = end(c.queue);
	replay(c.queue, g);
	finish(c.queue);
	CHECK_EQ(*v, SC_MAX_LIST - 1);
	seedchip_graph_destroy(g);
	seedchip_buffer_destroy(b);
	close_card(&c);
}

static void test_bad_params(void)
{
	struct card c = open_card(0);
	uint64_t *v;
	struct seedchip_buffer *b = buffer(&c, 4096, SEEDCHIP_SYSTEM, &v);
	struct seedchip_dim dim = { .indirect = seedchip_buffer_address(b) };
	struct seedchip_graph_param *p;
	struct seedchip_graph *g;

	OK(seedchip_graph_begin(c.queue));
	affine(&c, c.queue, seedchip_buffer_address(b), 1, 1);
	OK(seedchip_launch(c.queue, kernel(&c, "nothing"), &dim, NULL, 0));
	OK(seedchip_fill(c.queue, seedchip_buffer_address(b), 1, 8));
	g = end(c.queue);
	FAILS(seedchip_graph_param(g, "p", 3, 0, 8, &p), -ENOENT, "no node 3, there are 3");
	FAILS(seedchip_graph_param(g, "p", 0, 24, 1, &p), -EINVAL, "24 bytes of arguments");
	FAILS(seedchip_graph_param(g, "p", 0, 20, 8, &p), -EINVAL, "24 bytes of arguments");
	FAILS(seedchip_graph_param(g, "p", 0, 0, 0, &p), -EINVAL, "24 bytes of arguments");
	FAILS(seedchip_graph_param(g, "p", 1, 0, 1, &p), -EINVAL, "0 bytes of arguments");
	FAILS(seedchip_graph_param(g, "p", 1, SEEDCHIP_PLACE_GRID, 4, &p), -EINVAL, "from memory");
	FAILS(seedchip_graph_param(g, "p", 0, SEEDCHIP_PLACE_GRID + 8, 8, &p), -EINVAL,
	      "no place 0x1008 of 8 bytes");
	FAILS(seedchip_graph_param(g, "p", 0, SEEDCHIP_PLACE_DST, 8, &p), -EINVAL, "no place");
	FAILS(seedchip_graph_param(g, "p", 2, 0, 8, &p), -EINVAL, "no place");
	FAILS(seedchip_graph_param(g, "p", 2, SEEDCHIP_PLACE_ROWS, 4, &p), -EINVAL, "no place");
	p = param(g, "p", 0, 8, 8);
	FAILS(seedchip_graph_param(g, "q", 0, 4, 8, &p), -EEXIST, "belong to parameter \"p\"");
	FAILS(seedchip_graph_param(g, "p", 2, SEEDCHIP_PLACE_SIZE, 4, &p), -EINVAL,
	      "has 8 bytes elsewhere");
	FAILS(seedchip_graph_param(g, "a name that is far too long for this", 0, 0, 8, &p),
	      -ENAMETOOLONG, "too long");
	FAILS(seedchip_graph_find(g, "q", &p), -ENOENT, "no parameter \"q\"");
	seedchip_graph_destroy(g);
	seedchip_buffer_destroy(b);
	close_card(&c);
}

static void *record_elsewhere(void *arg)
{
	struct seedchip_graph *g;

	FAILS(seedchip_fill(arg, 0, 0, 0), -EPERM, "another thread");
	FAILS(seedchip_graph_end(arg, &g), -EPERM, "another thread");
	return NULL;
}

static void test_wrong_thread(void)
{
	struct card c = open_card(0);
	pthread_t thread;

	OK(seedchip_graph_begin(c.queue));
	CHECK_EQ(pthread_create(&thread, NULL, record_elsewhere, c.queue), 0);
	pthread_join(thread, NULL);
	OK(seedchip_graph_end(c.queue, NULL));
	close_card(&c);
}

static const struct tap_test tests[] = {
	{ "a replay does what the calls do directly", test_as_directly },
	{ "graphs of no node and of 10,000", test_sizes },
	{ "parameters set while a replay is under way", test_patch_in_flight },
	{ "a thousand replays, parameters at random", test_thousand },
	{ "everything that can be a parameter", test_places },
	{ "a grid that grows in memory", test_growing_grid },
	{ "arguments that kernels write", test_patched_by_kernels },
	{ "the node that has failed", test_culprit },
	{ "two queues", test_two_queues },
	{ "one of two queues fails", test_one_of_two_fails },
	{ "one doorbell a replay", test_doorbells },
	{ "what a graph uses lives as long as it", test_lifetime },
	{ "queues that share a graph go while one is waited for", test_partners_go },
	{ "recordings gone wrong", test_bad_recordings },
	{ "too large a graph", test_too_large },
	{ "parameters that cannot be", test_bad_params },
	{ "a recording belongs to its thread", test_wrong_thread },
};

int main(void)
{
	return TAP_RUN(tests);
}
