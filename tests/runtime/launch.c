// SPDX-License-Identifier: MIT
/*
 * Launches the short way and the long way: arguments of every size, rings that
 * wrap, and seedchip_run() with all that can become of it.
 */
#ifndef SIM
#define KERNELS "/usr/lib/seedchip/short_kernels.elf"
#endif
#include "common.h"
#include "seedchip/graph.h"

#include <stdbool.h>
#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>

static uint64_t digest(const uint8_t *bytes, unsigned int size)
{
	uint64_t d = size;

	for (unsigned int i = 0; i < size; i++)
		d = (d ^ bytes[i]) * 0x100000001b3;
	return d;
}

/* Bytes in front of a page that is not there, and behind one: nothing else may be read. */
static uint8_t *place_args(unsigned int size, bool at_end)
{
	static uint8_t *pages;
	size_t page = sysconf(_SC_PAGESIZE);

	if (!pages) {
		pages = mmap(NULL, 3 * page, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
		CHECK(pages != MAP_FAILED);
		CHECK_EQ(mprotect(pages + page, page, PROT_READ | PROT_WRITE), 0);
	}
	return at_end ? pages + 2 * page - size : pages + page;
}

/* The first launch goes the long way, the second one may not. */
static void test_sizes(void)
{
	struct card c = open_card(0);
	uint64_t *out;
	struct seedchip_buffer *b = buffer(&c, 4096, SEEDCHIP_SYSTEM, &out);
	uint64_t to = seedchip_buffer_address(b);
	const unsigned int large[] = { 112, 113, 448 };

	for (unsigned int n = 0; n < 62; n++) {
		unsigned int size = n < 59 ? n + 1 : large[n - 59];
		char name[32];
		struct seedchip_kernel *k;

		snprintf(name, sizeof(name), "bytes_%u", size);
		k = kernel(&c, name);
		for (unsigned int i = 0; i < 4; i++) {
			uint8_t *args = place_args(size, i & 1);

			for (unsigned int j = 0; j < size; j++)
				args[j] = 37 * j + 11 * i + size;
			OK(i & 2 ? seedchip_run(c.queue, k, &one, args, size, LIMIT) :
				   seedchip_launch(c.queue, k, &one, args, size));
			OK(seedchip_run(c.queue, kernel(&c, "digest"), &one, &to, sizeof(to),
					LIMIT));
			CHECK_EQ(*out, digest(args, size));
		}
	}
	seedchip_buffer_destroy(b);
	close_card(&c);
}

/* What a launch is refused for is the same after launches that were right. */
static void test_refused(void)
{
	struct card c = open_card(0), other = open_card(0);
	struct seedchip_kernel *nothing = kernel(&c, "nothing"), *affine = kernel(&c, "affine");
	uint64_t *v;
	struct seedchip_buffer *b = buffer(&c, 4096, SEEDCHIP_SYSTEM, &v);
	struct affine args = { seedchip_buffer_address(b), 1, 1 };
	struct seedchip_dim dim;

	for (int i = 0; i < 3; i++)
		OK(seedchip_run(c.queue, affine, &one, &args, sizeof(args), LIMIT));
	FAILS(seedchip_launch(c.queue, affine, &one, &args, 16), -EINVAL, "16 bytes of arguments");
	FAILS(seedchip_run(c.queue, affine, &one, &args, 32, -1), -EINVAL, "32 bytes of arguments");
	FAILS(seedchip_launch(other.queue, affine, &one, &args, sizeof(args)), -EINVAL,
	      "another device");
	FAILS(seedchip_run(other.queue, nothing, &one, NULL, 0, -1), -EINVAL, "another device");
	for (unsigned int i = 0; i < 8; i++) {
		dim = one;
		switch (i) {
		case 0:
			dim.x = 65536;
			break;
		case 1:
			dim.y = 1u << 31;
			break;
		case 2:
			dim.z = 65536;
			break;
		case 3:
			dim.flags = 0x80000000;
			break;
		case 4:
			dim.indirect = 1;
			break;
		case 5:
			dim.indirect = 1ull << 63 | 2;
			break;
		case 6:
			dim.reserved[0] = 1ull << 63;
			break;
		case 7:
			dim.reserved[1] = 1;
			break;
		}
		CHECK_EQ(seedchip_launch(c.queue, affine, &dim, &args, sizeof(args)), -EINVAL);
		CHECK_EQ(seedchip_run(c.queue, affine, &dim, &args, sizeof(args), -1), -EINVAL);
	}
	dim = one;
	dim.dynamic = UINT32_MAX;
	CHECK_EQ(seedchip_launch(c.queue, affine, &dim, &args, sizeof(args)), -E2BIG);
	OK(seedchip_event_wait(seedchip_queue_mark(c.queue), LIMIT));
	CHECK_EQ(*v, 3);
	seedchip_buffer_destroy(b);
	close_card(&other);
	close_card(&c);
}

/* Packets of all lengths around the end of the smallest ring, staged, given and waited for. */
static void test_wrap(void)
{
	struct small_ring s = open_small_ring();
	struct seedchip_kernel *affine = kernel(&s.c, "affine"), *large = kernel(&s.c, "bytes_448");
	struct seedchip_kernel *nothing = kernel(&s.c, "nothing");
	uint8_t bytes[448] = { 0 };
	uint64_t expected = *s.word = 1;
	struct affine args = { seedchip_buffer_address(s.buffer), 3, 0 };

	for (unsigned int i = 0; i < 2000; i++) {
		int r;

		args.plus = i;
		r = i % 7 == 3 ? seedchip_run(s.queue, affine, &one, &args, sizeof(args), LIMIT) :
				 seedchip_launch(s.queue, affine, &one, &args, sizeof(args));
		if (!r)
			expected = expected * 3 + i;
		if (!r && i % 5 == 2)
			r = seedchip_launch(s.queue, nothing, &one, NULL, 0);
		if (!r && i % 11 == 5)
			r = seedchip_launch(s.queue, large, &one, bytes, sizeof(bytes));
		if (!r && i % 3 == 0)
			r = seedchip_queue_flush(s.queue);
		if (r == -EAGAIN)
			r = seedchip_event_wait(seedchip_queue_mark(s.queue), LIMIT);
		OK(r);
	}
	close_small_ring(&s, expected);
}

static void test_run(void)
{
	struct card c = open_card(0);
	uint64_t *v, go;
	struct seedchip_buffer *b = buffer(&c, 4096, SEEDCHIP_CARD | SEEDCHIP_CPU, &v);
	struct affine args = { seedchip_buffer_address(b), 2, 1 };
	struct seedchip_kernel *affine = kernel(&c, "affine");

	/* what is staged comes first, and all of it has completed */
	for (int i = 0; i < 3; i++) {
		v[0] = 5;
		OK(seedchip_launch(c.queue, affine, &one, &args, sizeof(args)));
		OK(seedchip_run(c.queue, affine, &one, &args, sizeof(args), LIMIT));
		CHECK_EQ(v[0], 23);
		OK(seedchip_run(c.queue, affine, &one, &args, sizeof(args), -1));
		CHECK_EQ(v[0], 47);
	}
	/* it goes on when the wait is over */
	go = args.v + 8;
	CHECK_EQ(seedchip_run(c.queue, kernel(&c, "gate"), &one, &go, sizeof(go), 1000000),
		 -ETIMEDOUT);
	CHECK_EQ(seedchip_event_wait(seedchip_queue_mark(c.queue), 0), -ETIMEDOUT);
	CHECK_EQ(seedchip_run(c.queue, affine, &one, &args, sizeof(args), 0), -ETIMEDOUT);
	__atomic_store_n(&v[1], 1, __ATOMIC_RELEASE);
	OK(seedchip_event_wait(seedchip_queue_mark(c.queue), LIMIT));
	CHECK_EQ(v[0], 95);
	OK(seedchip_run(c.queue, affine, &one, &args, sizeof(args), LIMIT));
	CHECK_EQ(v[0], 191);
	seedchip_buffer_destroy(b);
	close_card(&c);
}

/* Another queue, on the host and on the card, waits for work that a run has left behind. */
static void test_run_and_queues(void)
{
	struct card c = open_card(0);
	struct seedchip_queue *other;
	uint64_t *v, go;
	struct seedchip_buffer *b = buffer(&c, 4096, SEEDCHIP_CARD | SEEDCHIP_CPU, &v);
	struct affine args = { seedchip_buffer_address(b), 2, 1 };

	OK(seedchip_queue_create(c.dev, NULL, &other));
	go = args.v + 8;
	CHECK_EQ(seedchip_run(c.queue, kernel(&c, "gate"), &one, &go, sizeof(go), 1000000),
		 -ETIMEDOUT);
	OK(seedchip_queue_wait(other, seedchip_queue_mark(c.queue)));
	CHECK_EQ(seedchip_run(other, kernel(&c, "affine"), &one, &args, sizeof(args), 1000000),
		 -ETIMEDOUT);
	__atomic_store_n(&v[1], 1, __ATOMIC_RELEASE);
	OK(seedchip_event_wait(seedchip_queue_mark(other), LIMIT));
	CHECK_EQ(v[0], 1);
	seedchip_queue_destroy(other);
	seedchip_buffer_destroy(b);
	close_card(&c);
}

static void test_run_fails(void)
{
	struct card c = open_card(0);
	struct seedchip_fault fault = { .size = sizeof(fault) };
	struct seedchip_dim dim = { .x = 1, .y = 1, .z = 1, .tag = 77 };
	struct seedchip_graph *graph;
	uint64_t *v;
	struct seedchip_buffer *b = buffer(&c, 4096, SEEDCHIP_CARD | SEEDCHIP_CPU, &v);
	struct affine args = { seedchip_buffer_address(b), 1, 1 };
	struct seedchip_kernel *affine = kernel(&c, "affine");

	for (int i = 0; i < 3; i++) {
		OK(seedchip_run(c.queue, affine, &one, &args, sizeof(args), LIMIT));
		CHECK_EQ(seedchip_run(c.queue, kernel(&c, "crash"), &dim, NULL, 0, -1), -EIO);
		OK(seedchip_event_fault(seedchip_queue_mark(c.queue), &fault));
		CHECK_EQ(fault.tag, 77);
		CHECK_EQ(fault.status, SC_STATUS_FAULT);
		FAILS(seedchip_run(c.queue, affine, &one, &args, sizeof(args), -1), -EIO,
		      "recover");
		OK(seedchip_queue_recover(c.queue));
	}
	CHECK_EQ(v[0], 3);
	OK(seedchip_graph_begin(c.queue));
	FAILS(seedchip_run(c.queue, affine, &one, &args, sizeof(args), -1), -EBUSY, "recording");
	OK(seedchip_launch(c.queue, affine, &one, &args, sizeof(args)));
	OK(seedchip_graph_end(c.queue, &graph));
	OK(seedchip_run(c.queue, affine, &one, &args, sizeof(args), LIMIT));
	CHECK_EQ(v[0], 4);
	OK(seedchip_graph_launch(c.queue, graph));
	OK(seedchip_run(c.queue, affine, &one, &args, sizeof(args), LIMIT));
	CHECK_EQ(v[0], 6);
	seedchip_graph_destroy(graph);
	seedchip_buffer_destroy(b);
	close_card(&c);
}

static const struct tap_test tests[] = {
	{ "arguments of every size", test_sizes },
	{ "what is refused", test_refused },
	{ "a ring that wraps", test_wrap },
	{ "launching and waiting at once", test_run },
	{ "other queues wait for what a run leaves", test_run_and_queues },
	{ "runs that fail", test_run_fails },
};

int main(void)
{
	return TAP_RUN(tests);
}
