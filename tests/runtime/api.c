// SPDX-License-Identifier: MIT
/*
 * The runtime on the card: memory, modules, launches, copies, queues, events,
 * ranges and the kernels' log, each against what it should have done.
 */
#include "common.h"

#include <pthread.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

static void test_info(void)
{
	struct seedchip_device_info info = { .size = sizeof(info) };
	struct seedchip_device *dev;

	CHECK(seedchip_device_count() >= 1);
	OK(seedchip_device_open(0, &dev));
	OK(seedchip_device_info(dev, &info));
	CHECK(info.num_cores > 0 && info.tcm_size >= 65536 && info.page_size == 4096);
	CHECK(info.card_size >= info.card_visible_size);
	CHECK(!strncmp(info.isa_string, "rv64imafd", 9));
	CHECK(info.address[0]);
	seedchip_device_close(dev);
	FAILS(seedchip_device_open(99, &dev), -ENODEV, "no SeedChip card 99");
}

static void test_visible_devices(void)
{
	struct seedchip_device_info info = { .size = sizeof(info) };
	struct seedchip_device *dev;
	int count = seedchip_device_count();

	OK(seedchip_device_open(0, &dev));
	OK(seedchip_device_info(dev, &info));
	seedchip_device_close(dev);
	setenv("SEEDCHIP_VISIBLE_DEVICES", info.address, 1);
	CHECK_EQ(seedchip_device_count(), 1);
	setenv("SEEDCHIP_VISIBLE_DEVICES", "0,0", 1);
	CHECK_EQ(seedchip_device_count(), 1);
	setenv("SEEDCHIP_VISIBLE_DEVICES", "-1", 1);
	CHECK_EQ(seedchip_device_count(), 0);
	unsetenv("SEEDCHIP_VISIBLE_DEVICES");
	CHECK_EQ(seedchip_device_count(), count);
}

static void test_buffers(void)
{
	static const uint32_t flags[] = { SEEDCHIP_CARD, SEEDCHIP_CARD | SEEDCHIP_CPU,
					  SEEDCHIP_SYSTEM };
	struct card c = open_card(0);
	struct seedchip_buffer *b[3], *bad;
	uint64_t *p;
	void *again;

	for (int i = 0; i < 3; i++) {
		b[i] = buffer(&c, 10000, flags[i], NULL);
		CHECK_EQ(seedchip_buffer_size(b[i]), 12288);
		CHECK_EQ(seedchip_buffer_address(b[i]) % 4096, 0);
	}
	CHECK(seedchip_buffer_address(b[1]) >= seedchip_buffer_address(b[0]) + 12288 + 4096);
	FAILS(seedchip_buffer_map(b[0], &again), -EACCES, "SEEDCHIP_CPU");
	for (int i = 1; i < 3; i++) {
		OK(seedchip_buffer_map(b[i], (void **)&p));
		for (int j = 0; j < 12288 / 8; j++)
			CHECK_EQ(p[j], 0);
		p[5] = 77;
		OK(seedchip_buffer_map(b[i], &again));
		CHECK(again == p);
	}
	FAILS(seedchip_buffer_create(c.dev, 0, SEEDCHIP_CARD, &bad), -EINVAL, "size is 0");
	FAILS(seedchip_buffer_create(c.dev, 4096, 0, &bad), -EINVAL, "exactly one");
	FAILS(seedchip_buffer_create(c.dev, 4096, 0x100, &bad), -EINVAL, "unknown flags 0x100");
	FAILS(seedchip_buffer_create(c.dev, 1ull << 40, SEEDCHIP_CARD, &bad), -ENOSPC,
	      "card memory");
	FAILS(seedchip_buffer_create(c.dev, UINT64_MAX, SEEDCHIP_CARD, &bad), -ENOSPC,
	      "address space");
	for (int i = 0; i < 3; i++)
		seedchip_buffer_destroy(b[i]);
	seedchip_buffer_destroy(NULL);
	close_card(&c);
}

/* All of card memory, several times: destroyed buffers come back. */
static void test_card_memory_returns(void)
{
	struct card c = open_card(0);
	struct seedchip_device_info info = { .size = sizeof(info) };
	struct seedchip_buffer *b;

	OK(seedchip_device_info(c.dev, &info));
	for (int i = 0; i < 5; i++) {
		b = buffer(&c, info.card_size / 2, SEEDCHIP_CARD, NULL);
		seedchip_buffer_destroy(b);
	}
	close_card(&c);
}

static void test_launch(void)
{
	struct card c = open_card(0);
	uint32_t *out;
	struct seedchip_buffer *b = buffer(&c, 4096, SEEDCHIP_SYSTEM, &out);
	uint64_t args = seedchip_buffer_address(b);
	struct seedchip_dim dim = { .x = 5, .y = 3, .z = 2, .tag = 9 };

	OK(seedchip_launch(c.queue, kernel(&c, "index3"), &dim, &args, sizeof(args)));
	OK(seedchip_event_wait(seedchip_queue_mark(c.queue), LIMIT));
	for (unsigned int i = 0; i < 30; i++)
		CHECK_EQ(out[i], (0x80000000 | i % 5 | i / 5 % 3 << 8 | i / 15 << 16));
	CHECK_EQ(out[30], 0);
	dim.y = 0; /* a zero dimension runs nothing */
	memset(out, 0, 4096);
	OK(seedchip_launch(c.queue, kernel(&c, "index3"), &dim, &args, sizeof(args)));
	OK(seedchip_event_wait(seedchip_queue_mark(c.queue), LIMIT));
	CHECK_EQ(out[0], 0);
	seedchip_buffer_destroy(b);
	close_card(&c);
}

/* Nothing but a regular file is opened for long, not even what blocks. */
static void test_no_file(void)
{
	char fifo[] = "/tmp/seedchip-test.XXXXXX";
	struct card c = open_card(0);
	struct seedchip_module *module;

	FAILS(seedchip_module_load_file(c.dev, "/nowhere/m.elf", &module), -ENOENT,
	      "/nowhere/m.elf: No such file");
	FAILS(seedchip_module_load_file(c.dev, "/dev", &module), -ENOEXEC,
	      "/dev: not a regular file");
	FAILS(seedchip_module_load_file(c.dev, "/dev/null", &module), -ENOEXEC,
	      "/dev/null: not a regular file");
	CHECK(mkdtemp(fifo));
	CHECK_EQ(rmdir(fifo), 0);
	CHECK_EQ(mkfifo(fifo, 0600), 0);
	FAILS(seedchip_module_load_file(c.dev, fifo, &module), -ENOEXEC, "not a regular file");
	unlink(fifo);
	close_card(&c);
}

static void test_memmove(void)
{
	struct card c = open_card(0);
	uint32_t *out;
	struct seedchip_buffer *b = buffer(&c, 4096, SEEDCHIP_SYSTEM, &out);
	uint64_t args = seedchip_buffer_address(b);

	OK(seedchip_run(c.queue, kernel(&c, "moves"), &one, &args, sizeof(args), LIMIT));
	CHECK_EQ(out[0], 0);
	CHECK_EQ(out[1], 24 * 24 * 24);
	seedchip_buffer_destroy(b);
	close_card(&c);
}

static void test_launch_indirect(void)
{
	struct card c = open_card(0);
	uint32_t *out;
	struct seedchip_buffer *b = buffer(&c, 4096, SEEDCHIP_SYSTEM, &out);
	uint64_t args = seedchip_buffer_address(b);
	struct seedchip_dim dim = { .indirect = args + 2048 };

	/* the copy writes the grid that the launch behind it reads */
	out[600] = 4;
	out[601] = 1;
	out[602] = 1;
	OK(seedchip_copy(c.queue, args + 2048, args + 2400, 12));
	OK(seedchip_launch(c.queue, kernel(&c, "index3"), &dim, &args, sizeof(args)));
	OK(seedchip_event_wait(seedchip_queue_mark(c.queue), LIMIT));
	CHECK_EQ(out[3], 0x80000003);
	CHECK_EQ(out[4], 0);
	seedchip_buffer_destroy(b);
	close_card(&c);
}

static void test_arguments(void)
{
	struct card c = open_card(0);
	uint64_t *out;
	struct seedchip_buffer *b = buffer(&c, 4096, SEEDCHIP_SYSTEM, &out);
	struct { uint64_t out, v[55]; } large = { .out = seedchip_buffer_address(b) };
	struct seedchip_dim dim = one;
	struct seedchip_kernel *none;

	for (int i = 0; i < 55; i++)
		large.v[i] = 1000 + i;
	OK(seedchip_launch(c.queue, kernel(&c, "large"), &one, &large, sizeof(large)));
	memset(&large.v, 0, sizeof(large.v)); /* they were copied */
	OK(seedchip_launch(c.queue, kernel(&c, "nothing"), &one, NULL, 0));
	OK(seedchip_event_wait(seedchip_queue_mark(c.queue), LIMIT));
	CHECK_EQ(*out, 55 * 1000 + 54 * 55 / 2);

	FAILS(seedchip_launch(c.queue, kernel(&c, "large"), &one, &large, 440), -EINVAL,
	      "large: 440 bytes of arguments, the kernel was compiled with 448");
	FAILS(seedchip_launch(c.queue, kernel(&c, "nothing"), &one, &large, 8), -EINVAL,
	      "nothing: 8 bytes of arguments, the kernel was compiled with 0");
	dim.x = 65536;
	FAILS(seedchip_launch(c.queue, kernel(&c, "nothing"), &dim, NULL, 0), -EINVAL,
	      "grid 65536");
	dim = one;
	dim.flags = 0x80;
	FAILS(seedchip_launch(c.queue, kernel(&c, "nothing"), &dim, NULL, 0), -EINVAL,
	      "unknown launch flags 0x80");
	dim = one;
	dim.dynamic = 1 << 30;
	FAILS(seedchip_launch(c.queue, kernel(&c, "nothing"), &dim, NULL, 0), -E2BIG,
	      "bytes of dynamic scratchpad");
	FAILS(seedchip_module_kernel(c.module, "nowhere", &none), -ENOENT,
	      "runtime_kernels.elf: no kernel \"nowhere\"");
	seedchip_buffer_destroy(b);
	close_card(&c);
}

/* The largest dynamic scratchpad that the library allows is one that the card takes. */
static void test_dynamic_limit(void)
{
	struct card c = open_card(0);
	struct seedchip_kernel_info info = { .size = sizeof(info) };
	struct seedchip_dim dim = one;

	OK(seedchip_kernel_info(kernel(&c, "nothing"), &info));
	dim.dynamic = info.tcm_dynamic_max;
	OK(seedchip_launch(c.queue, kernel(&c, "nothing"), &dim, NULL, 0));
	OK(seedchip_event_wait(seedchip_queue_mark(c.queue), LIMIT));
	close_card(&c);
}

static void test_matmul(void)
{
	struct card c = open_card(0);
	int8_t *a, *b;
	int32_t *out;
	struct seedchip_buffer *ba = buffer(&c, 4096, SEEDCHIP_CARD | SEEDCHIP_CPU, &a);
	struct seedchip_buffer *bb = buffer(&c, 4096, SEEDCHIP_SYSTEM, &b);
	struct seedchip_buffer *bc = buffer(&c, 16384, SEEDCHIP_SYSTEM, &out);
	uint64_t args[3] = { seedchip_buffer_address(ba), seedchip_buffer_address(bb),
			     seedchip_buffer_address(bc) };
	struct seedchip_dim dim = { .x = 1, .y = 1, .z = 1, .dynamic = 16384 };

	for (int i = 0; i < 4096; i++) {
		a[i] = i * 31;
		b[i] = i * 57 + 3;
	}
	OK(seedchip_launch(c.queue, kernel(&c, "matmul"), &dim, args, sizeof(args)));
	OK(seedchip_event_wait(seedchip_queue_mark(c.queue), LIMIT));
	for (int m = 0; m < 64; m++) {
		for (int n = 0; n < 64; n++) {
			int32_t sum = 0;

			for (int k = 0; k < 64; k++)
				sum += a[m * 64 + k] * b[k * 64 + n];
			CHECK_EQ(out[m * 64 + n], sum);
		}
	}
	seedchip_buffer_destroy(ba);
	seedchip_buffer_destroy(bb);
	seedchip_buffer_destroy(bc);
	close_card(&c);
}

static uint16_t to_bf16(float f)
{
	uint32_t u;

	memcpy(&u, &f, sizeof(u));
	return u >> 16; /* of small integers: exact */
}

static void test_bf16(void)
{
	enum { M = 5, N = 7, K = 9 };
	struct card c = open_card(0);
	uint16_t *v;
	struct seedchip_buffer *b = buffer(&c, 4096, SEEDCHIP_SYSTEM, &v);
	uint64_t va = seedchip_buffer_address(b);
	struct { uint64_t a, b, c; uint32_t m, n, k; } args = { va, va + 1024, va + 2048, M, N, K };
	struct seedchip_dim dim = { .x = 1, .y = 1, .z = 1, .dynamic = 4096 };
	const float *out = (const void *)(v + 1024);

	for (int i = 0; i < M * K; i++)
		v[i] = to_bf16(i % 11 - 5);
	for (int i = 0; i < K * N; i++)
		v[512 + i] = to_bf16(i % 7 - 3);
	OK(seedchip_launch(c.queue, kernel(&c, "bf16"), &dim, &args, sizeof(args)));
	OK(seedchip_event_wait(seedchip_queue_mark(c.queue), LIMIT));
	for (int m = 0; m < M; m++) {
		for (int n = 0; n < N; n++) {
			int sum = 0;

			for (int k = 0; k < K; k++)
				sum += ((m * K + k) % 11 - 5) * ((k * N + n) % 7 - 3);
			CHECK_EQ(out[m * N + n], 2 * sum); /* accumulated twice */
		}
	}
	seedchip_buffer_destroy(b);
	close_card(&c);
}

static void test_cooperative(void)
{
	struct card c = open_card(0);
	struct seedchip_device_info info = { .size = sizeof(info) };
	uint32_t *out;
	struct seedchip_buffer *b = buffer(&c, 4096, SEEDCHIP_SYSTEM, &out);
	uint64_t args = seedchip_buffer_address(b);
	struct seedchip_dim dim = { .y = 1, .z = 1, .flags = SEEDCHIP_COOPERATIVE };
	struct seedchip_fault f = { .size = sizeof(f) };
	struct seedchip_event e;

	OK(seedchip_device_info(c.dev, &info));
	for (dim.x = 1; dim.x <= info.num_cores; dim.x++) {
		OK(seedchip_launch(c.queue, kernel(&c, "exchange"), &dim, &args, sizeof(args)));
		OK(seedchip_event_wait(seedchip_queue_mark(c.queue), LIMIT));
		for (uint32_t i = 0; i < dim.x; i++)
			CHECK_EQ(out[i], 1000 + (i + 1) % dim.x);
	}
	OK(seedchip_launch(c.queue, kernel(&c, "exchange"), &dim, &args, sizeof(args)));
	e = seedchip_queue_mark(c.queue);
	CHECK_EQ(seedchip_event_wait(e, LIMIT), -EIO); /* one more than there are cores */
	OK(seedchip_event_fault(e, &f));
	CHECK_EQ(f.code, SC_CODE_COOP_TOO_LARGE);
	dim.flags = 0;
	FAILS(seedchip_launch(c.queue, kernel(&c, "exchange"), &dim, &args, sizeof(args)), -EINVAL,
	      "must be launched as cooperative");
	seedchip_buffer_destroy(b);
	close_card(&c);
}

/* Launches that may overlap: all have run when a later event has happened. */
static void test_overlap(void)
{
	struct card c = open_card(0);
	uint64_t *v;
	struct seedchip_buffer *b = buffer(&c, 4096, SEEDCHIP_CARD | SEEDCHIP_CPU, &v);
	struct { uint64_t v, steps, value; } args = { seedchip_buffer_address(b), 100000, 1 };
	struct seedchip_dim dim = { .x = 2, .y = 1, .z = 1, .flags = SEEDCHIP_OVERLAP };

	for (int i = 0; i < 50; i++)
		OK(seedchip_launch(c.queue, kernel(&c, "spin"), &dim, &args, sizeof(args)));
	OK(seedchip_event_wait(seedchip_queue_mark(c.queue), LIMIT));
	CHECK_EQ(*v, 100);
	seedchip_buffer_destroy(b);
	close_card(&c);
}

/* .data is initialised, relocated, in card memory and one for all workgroups. */
static void test_static_data(void)
{
	struct card c = open_card(0);
	uint32_t *out;
	struct seedchip_buffer *b = buffer(&c, 4096, SEEDCHIP_SYSTEM, &out);
	uint64_t args = seedchip_buffer_address(b);
	struct seedchip_dim dim = { .x = 6, .y = 1, .z = 1 };

	OK(seedchip_launch(c.queue, kernel(&c, "shared"), &dim, &args, sizeof(args)));
	dim.x = 1;
	OK(seedchip_launch(c.queue, kernel(&c, "shared"), &dim, &args, sizeof(args)));
	OK(seedchip_event_wait(seedchip_queue_mark(c.queue), LIMIT));
	CHECK_EQ(out[0], 'a');
	CHECK_EQ(out[4], 'b');
	CHECK_EQ(out[5], 'g');
	CHECK_EQ(out[1], 5 + 6 + 1);
	seedchip_buffer_destroy(b);
	close_card(&c);
}

static void test_copy_fill(void)
{
	struct card c = open_card(0);
	unsigned char *p;
	struct seedchip_buffer *s = buffer(&c, 1 << 20, SEEDCHIP_SYSTEM, &p);
	struct seedchip_buffer *d = buffer(&c, 1 << 20, SEEDCHIP_CARD, NULL);
	uint64_t sys = seedchip_buffer_address(s), card = seedchip_buffer_address(d);
	const struct seedchip_copy_2d rows = {
		.dst = sys + 0x80000, .src = card + 5, .row_bytes = 100, .rows = 50,
		.dst_stride = 128, .src_stride = 300,
	};

	for (int i = 0; i < 0x40000; i++)
		p[i] = i ^ i >> 8;
	OK(seedchip_copy(c.queue, card + 1, sys + 3, 0x3fff0));
	OK(seedchip_copy(c.queue, sys + 0x40007, card + 1, 0x3fff0));
	OK(seedchip_copy_2d(c.queue, &rows));
	OK(seedchip_fill(c.queue, sys + 0xc0003, 0x0807060504030201, 21));
	OK(seedchip_copy(c.queue, sys, card, 0));
	OK(seedchip_event_wait(seedchip_queue_mark(c.queue), LIMIT));
	CHECK(!memcmp(p + 0x40007, p + 3, 0x3fff0));
	for (int r = 0; r < 50; r++) {
		CHECK(!memcmp(p + 0x80000 + r * 128, p + 3 + 4 + r * 300, 100));
		CHECK_EQ(p[0x80000 + r * 128 + 100], 0);
	}
	for (int i = 0; i < 21; i++)
		CHECK_EQ(p[0xc0003 + i], i % 8 + 1);
	CHECK_EQ(p[0xc0002] + p[0xc0003 + 21], 0);
	seedchip_buffer_destroy(s);
	seedchip_buffer_destroy(d);
	close_card(&c);
}

/* A thousand dependent launches give what a loop gives: order, laps of the ring, -EAGAIN. */
static void test_order(void)
{
	struct small_ring s = open_small_ring();
	struct seedchip_kernel *affine = kernel(&s.c, "affine");
	struct affine args = { seedchip_buffer_address(s.buffer), 3, 0 };
	uint64_t expected = *s.word = 1;
	unsigned int full = 0;

	for (int i = 0; i < 1000; i++) {
		int r;

		args.plus = i;
		expected = expected * 3 + i;
		while ((r = seedchip_launch(s.queue, affine, &one, &args, sizeof(args))) ==
		       -EAGAIN) {
			full++;
			OK(seedchip_event_wait(seedchip_queue_mark(s.queue), LIMIT));
		}
		OK(r);
	}
	close_small_ring(&s, expected);
	printf("# ring full %u times\n", full);
}

/* Work starts when the header says, and not before. */
static void test_when_work_starts(void)
{
	struct card c = open_card(0);
	uint64_t *v;
	struct seedchip_buffer *b = buffer(&c, 4096, SEEDCHIP_SYSTEM, &v);
	struct affine args = { seedchip_buffer_address(b), 0, 42 };

	OK(seedchip_launch(c.queue, kernel(&c, "affine"), &one, &args, sizeof(args)));
	usleep(100000);
	CHECK_EQ(__atomic_load_n(v, __ATOMIC_RELAXED), 0);
	OK(seedchip_queue_flush(c.queue));
	for (int i = 0; i < 1000 && __atomic_load_n(v, __ATOMIC_RELAXED) != 42; i++)
		usleep(1000);
	CHECK_EQ(__atomic_load_n(v, __ATOMIC_RELAXED), 42);
	seedchip_buffer_destroy(b);
	close_card(&c);
}

static void test_event(void)
{
	struct card c = open_card(0);
	struct seedchip_event e, empty = seedchip_queue_mark(c.queue);
	uint64_t *go;
	struct seedchip_buffer *b = buffer(&c, 4096, SEEDCHIP_CARD | SEEDCHIP_CPU, &go);
	uint64_t args = seedchip_buffer_address(b);
	struct seedchip_fault fault = { .size = sizeof(fault) };

	OK(seedchip_event_wait(empty, 0));
	OK(seedchip_launch(c.queue, kernel(&c, "gate"), &one, &args, sizeof(args)));
	e = seedchip_queue_mark(c.queue);
	CHECK_EQ(seedchip_event_wait(e, 0), -ETIMEDOUT);
	CHECK_EQ(seedchip_event_wait(e, 1000000), -ETIMEDOUT);
	OK(seedchip_event_wait(empty, 0));
	__atomic_store_n(go, 1, __ATOMIC_RELEASE);
	OK(seedchip_event_wait(e, LIMIT));
	OK(seedchip_event_wait(e, 0));
	FAILS(seedchip_event_fault(e, &fault), -ENODATA, "has not failed");
	seedchip_buffer_destroy(b);
	close_card(&c);
}

static void test_queue_wait(void)
{
	struct card c = open_card(0);
	struct seedchip_queue *other;
	uint64_t *v;
	struct seedchip_buffer *b = buffer(&c, 4096, SEEDCHIP_CARD | SEEDCHIP_CPU, &v);
	struct { uint64_t v, steps, value; } spin = { seedchip_buffer_address(b), 10000000, 5 };
	struct affine affine = { seedchip_buffer_address(b), 10, 1 };
	struct seedchip_event e;

	OK(seedchip_queue_create(c.dev, NULL, &other));
	for (int i = 0; i < 3; i++) {
		*v = 0;
		OK(seedchip_launch(c.queue, kernel(&c, "spin"), &one, &spin, sizeof(spin)));
		e = seedchip_queue_mark(c.queue);
		OK(seedchip_queue_wait(other, e));
		OK(seedchip_launch(other, kernel(&c, "affine"), &one, &affine, sizeof(affine)));
		OK(seedchip_event_wait(seedchip_queue_mark(other), LIMIT));
		CHECK_EQ(*v, 51);
	}
	/* a wait without work: its mark comes after the event all the same */
	OK(seedchip_launch(c.queue, kernel(&c, "spin"), &one, &spin, sizeof(spin)));
	e = seedchip_queue_mark(c.queue);
	OK(seedchip_queue_wait(other, e));
	OK(seedchip_event_wait(seedchip_queue_mark(other), LIMIT));
	OK(seedchip_event_wait(e, 0));
	/* more waits than fit, all of them done already */
	for (int i = 0; i < 100; i++)
		OK(seedchip_queue_wait(other, e));
	seedchip_queue_destroy(other);
	seedchip_buffer_destroy(b);
	close_card(&c);
}

/* A buffer destroyed while work uses it, staged and submitted, lives as long as that work. */
static void test_destroy_in_use(void)
{
	struct card c = open_card(0);
	uint64_t *v;
	struct seedchip_buffer *result = buffer(&c, 4096, SEEDCHIP_SYSTEM, &v);
	struct seedchip_buffer *b = buffer(&c, 4096, SEEDCHIP_CARD, NULL);
	uint64_t address = seedchip_buffer_address(b);
	struct { uint64_t v, steps, value; } spin = { address, 10000000, 7 };
	struct seedchip_buffer *next;

	OK(seedchip_launch(c.queue, kernel(&c, "spin"), &one, &spin, sizeof(spin)));
	OK(seedchip_copy(c.queue, seedchip_buffer_address(result), address, 8));
	OK(seedchip_queue_flush(c.queue));
	OK(seedchip_launch(c.queue, kernel(&c, "spin"), &one, &spin, sizeof(spin)));
	OK(seedchip_copy(c.queue, seedchip_buffer_address(result) + 8, address, 8));
	seedchip_buffer_destroy(b);
	next = buffer(&c, 4096, SEEDCHIP_CARD, NULL);
	CHECK(seedchip_buffer_address(next) != address);
	seedchip_buffer_destroy(next);
	OK(seedchip_event_wait(seedchip_queue_mark(c.queue), LIMIT));
	CHECK_EQ(v[0], 7);
	CHECK_EQ(v[1], 14);
	next = buffer(&c, 4096, SEEDCHIP_CARD, NULL);
	CHECK_EQ(seedchip_buffer_address(next), address); /* now it is free */
	seedchip_buffer_destroy(next);
	seedchip_buffer_destroy(result);
	close_card(&c);
}

static void test_range(void)
{
	struct card c = open_card(0);
	uint64_t *p, va;
	struct seedchip_buffer *b = buffer(&c, 3 * 4096, SEEDCHIP_SYSTEM, &p);
	struct seedchip_range *range;
	struct seedchip_event mapped, e;
	struct affine args = { 0, 0, 11 };

	FAILS(seedchip_range_reserve(c.dev, 100, &range), -EINVAL, "not a multiple");
	OK(seedchip_range_reserve(c.dev, 1ull << 40, &range));
	va = seedchip_range_address(range);
	FAILS(seedchip_range_map(range, 1ull << 40, b, 0, 4096, NULL, NULL), -EINVAL,
	      "outside the range");
	FAILS(seedchip_range_map(range, 0, b, 8192, 8192, NULL, NULL), -EINVAL,
	      "outside the buffer");
	FAILS(seedchip_range_map(range, 12, b, 0, 4096, NULL, NULL), -EINVAL, "not multiples");
	OK(seedchip_range_map(range, 1 << 30, b, 4096, 8192, NULL, NULL));
	args.v = va + (1 << 30) + 4096;
	OK(seedchip_launch(c.queue, kernel(&c, "affine"), &one, &args, sizeof(args)));
	OK(seedchip_event_wait(seedchip_queue_mark(c.queue), LIMIT));
	CHECK_EQ(p[8192 / 8], 11);

	/* in order with work: after a kernel, before the next */
	OK(seedchip_launch(c.queue, kernel(&c, "affine"), &one, &args, sizeof(args)));
	e = seedchip_queue_mark(c.queue);
	OK(seedchip_range_map(range, 1 << 30, b, 0, 8192, &e, &mapped));
	OK(seedchip_queue_wait(c.queue, mapped));
	args.plus = 22;
	OK(seedchip_launch(c.queue, kernel(&c, "affine"), &one, &args, sizeof(args)));
	OK(seedchip_event_wait(seedchip_queue_mark(c.queue), LIMIT));
	OK(seedchip_event_wait(mapped, LIMIT));
	CHECK_EQ(p[4096 / 8], 22);
	CHECK_EQ(p[8192 / 8], 11);
	OK(seedchip_range_unmap(range, 1 << 30, 4096, NULL, &e));
	OK(seedchip_event_wait(e, LIMIT));
	OK(seedchip_range_unmap(range, 0, 1ull << 40, NULL, NULL));
	seedchip_range_destroy(range);
	seedchip_buffer_destroy(b);
	close_card(&c);
}

static char heard[1 << 17];

static void hear(void *opaque, enum seedchip_log_level level, const char *text)
{
	(void)opaque;
	if (level == SEEDCHIP_LOG_KERNEL || level == SEEDCHIP_LOG_WARNING)
		strncat(heard, text, sizeof(heard) - strlen(heard) - 1);
}

static void test_printf(void)
{
	static const char expected[] =
		"-7|   42|42   |-0042|+42| 42|007\n"
		"4000000000|beef|BEEF|0xff|10|c|%\n"
		"-1234567890123|18446744073709551615|44|1|4|0x1234\n"
		"text|   right|left    |cu|   9\n"
		"3.141593|-2.67|   1.500|2|1.234568e+04|0.1|1e+20|100000\n"
		"inf|-inf|nan\n";
	struct card c = open_card(0);
	struct seedchip_dim dim = { .x = 4, .y = 1, .z = 1 };

	heard[0] = 0;
	seedchip_log_set(hear, NULL);
	OK(seedchip_launch(c.queue, kernel(&c, "print"), &dim, NULL, 0));
	OK(seedchip_event_wait(seedchip_queue_mark(c.queue), LIMIT));
	seedchip_log_set(NULL, NULL);
	if (strcmp(heard, expected))
		printf("# heard: %s", heard);
	CHECK(!strcmp(heard, expected));
	close_card(&c);
}

static void test_log_full(void)
{
	struct card c = open_card(0);
	struct seedchip_queue_desc desc = { .size = sizeof(desc), .log_size = 4096 };
	struct seedchip_queue *q;

	OK(seedchip_queue_create(c.dev, &desc, &q));
	heard[0] = 0;
	seedchip_log_set(hear, NULL);
	OK(seedchip_launch(q, kernel(&c, "chatter"), &one, NULL, 0));
	OK(seedchip_event_wait(seedchip_queue_mark(q), LIMIT));
	seedchip_log_set(NULL, NULL);
	CHECK(!strncmp(heard, "line 0 of a kernel", 18));
	CHECK(strstr(heard, "messages of a kernel lost: log full"));
	seedchip_queue_destroy(q);
	close_card(&c);
}

static void test_stats(void)
{
	struct card c = open_card(0);
	struct seedchip_queue_stats stats = { .size = sizeof(stats) };
	struct seedchip_dim dim = { .x = 3, .y = 1, .z = 1 };

	OK(seedchip_launch(c.queue, kernel(&c, "nothing"), &dim, NULL, 0));
	OK(seedchip_event_wait(seedchip_queue_mark(c.queue), LIMIT));
	OK(seedchip_queue_stats(c.queue, &stats));
	CHECK_EQ(stats.packets, 1);
	CHECK_EQ(stats.workgroups, 3);
	CHECK(stats.insns >= 3);
	CHECK_EQ(stats.faults, 0);
	close_card(&c);
}

static void test_bad_queue(void)
{
	struct card c = open_card(0);
	struct seedchip_queue_desc desc = { .size = sizeof(desc), .priority = 7 };
	struct seedchip_queue *q;

	FAILS(seedchip_queue_create(c.dev, &desc, &q), -EINVAL, "priority 7");
	desc = (struct seedchip_queue_desc){ .size = 0 };
	FAILS(seedchip_queue_create(c.dev, &desc, &q), -EINVAL, ".size is not set");
	desc = (struct seedchip_queue_desc){ .size = sizeof(desc), .ring_slots = 1u << 31 };
	FAILS(seedchip_queue_create(c.dev, &desc, &q), -EINVAL, "ring of");
	desc = (struct seedchip_queue_desc){ .size = sizeof(desc), .flags = 0x4 };
	FAILS(seedchip_queue_create(c.dev, &desc, &q), -EINVAL, "flags 0x");
	desc = (struct seedchip_queue_desc){ .size = sizeof(desc), .wait_spin_us = 1000001 };
	FAILS(seedchip_queue_create(c.dev, &desc, &q), -EINVAL, "spinning");
	close_card(&c);
}

/* All queues of a device, and on a real card of further ones until the card has none. */
static void test_too_many_queues(void)
{
	enum { DEVICES = 9, QUEUES = 256 };
	static struct seedchip_queue *q[DEVICES][QUEUES];
	struct seedchip_device_info info = { .size = sizeof(info) };
	struct seedchip_queue_desc desc = { .size = sizeof(desc), .log_size = 4096 };
	struct seedchip_device *dev[DEVICES];
	unsigned int devices = 0, n;
	int r;

	do {
		CHECK(devices < DEVICES);
		OK(seedchip_device_open(0, &dev[devices]));
		OK(seedchip_device_info(dev[devices], &info));
		for (n = 0; !(r = seedchip_queue_create(dev[devices], &desc, &q[devices][n])); n++)
			CHECK(n < info.max_queues);
		if (r == -ENOSPC) {
			FAILS(r, -ENOSPC, "are taken: destroy a queue, or end another program");
		} else {
			FAILS(r, -EMFILE, "that it may have: destroy one");
			CHECK_EQ(n, info.max_queues);
		}
		devices++; /* every simulated device is a card of its own */
	} while (r == -EMFILE && strncmp(info.address, "sim", 3));
	seedchip_queue_destroy(q[0][0]);
	OK(seedchip_queue_create(dev[0], &desc, &q[0][0]));
	while (devices--) {
		for (n = 0; n < QUEUES; n++) {
			seedchip_queue_destroy(q[devices][n]);
			q[devices][n] = NULL;
		}
		seedchip_device_close(dev[devices]);
	}
}

#define THREADS 4
static struct card shared_card;

/*
 * Each thread its own queues and buffers, all on one device: while one destroys
 * a queue, the others look whether it has let go of what they destroyed.
 */
static void *work(void *arg)
{
	struct card *c = &shared_card;
	struct seedchip_queue *q;
	uintptr_t wrong = 0;

	if (seedchip_queue_create(c->dev, NULL, &q))
		return (void *)1;
	for (uintptr_t i = 0; i < 100; i++) {
		struct seedchip_buffer *b;
		struct seedchip_kernel *k;
		uint64_t *v;
		struct affine args = { 0, 2, i + (uintptr_t)arg };

		if (seedchip_buffer_create(c->dev, 4096, SEEDCHIP_SYSTEM, &b) ||
		    seedchip_buffer_map(b, (void **)&v) ||
		    seedchip_module_kernel(c->module, "affine", &k))
			return (void *)2;
		args.v = seedchip_buffer_address(b);
		*v = 100;
		wrong |= seedchip_launch(q, k, &one, &args, sizeof(args)) ||
			 seedchip_event_wait(seedchip_queue_mark(q), LIMIT) ||
			 *v != 200 + i + (uintptr_t)arg;
		seedchip_buffer_destroy(b);
		if (i % 4 == 3) {
			seedchip_queue_destroy(q);
			if (seedchip_queue_create(c->dev, NULL, &q))
				return (void *)3;
		}
	}
	seedchip_queue_destroy(q);
	return (void *)wrong;
}

static void test_threads(void)
{
	pthread_t thread[THREADS];
	void *result;

	shared_card = open_card(0);
	for (uintptr_t i = 0; i < THREADS; i++)
		CHECK_EQ(pthread_create(&thread[i], NULL, work, (void *)(i * 1000)), 0);
	for (int i = 0; i < THREADS; i++) {
		pthread_join(thread[i], &result);
		CHECK(!result);
	}
	close_card(&shared_card);
}

static const struct tap_test tests[] = {
	{ "device information", test_info },
	{ "SEEDCHIP_VISIBLE_DEVICES", test_visible_devices },
	{ "buffers", test_buffers },
	{ "card memory returns", test_card_memory_returns },
	{ "what is no file", test_no_file },
	{ "memmove()", test_memmove },
	{ "a grid", test_launch },
	{ "a grid from memory", test_launch_indirect },
	{ "arguments", test_arguments },
	{ "the largest dynamic scratchpad", test_dynamic_limit },
	{ "matrix engine and DMA", test_matmul },
	{ "bf16, accumulators by number", test_bf16 },
	{ "cooperative launches", test_cooperative },
	{ "overlapping launches", test_overlap },
	{ "static data", test_static_data },
	{ "copies and fills", test_copy_fill },
	{ "order and full rings", test_order },
	{ "when work starts", test_when_work_starts },
	{ "events", test_event },
	{ "waiting for another queue", test_queue_wait },
	{ "a buffer destroyed while in use", test_destroy_in_use },
	{ "ranges", test_range },
	{ "sd_printf", test_printf },
	{ "a full log", test_log_full },
	{ "counters", test_stats },
	{ "bad queue descriptions", test_bad_queue },
	{ "a queue too many", test_too_many_queues },
	{ "threads", test_threads },
};

int main(void)
{
	return TAP_RUN(tests);
}
