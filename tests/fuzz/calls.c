// SPDX-License-Identifier: MIT
/*
 * libFuzzer target: bytes as calls of the public interface, on the simulator. Objects are
 * created, used with arguments of any kind, recorded into graphs and destroyed in any order
 * that the headers allow; modules come damaged, kernels run any instruction on any address.
 * Whatever it is, calls return, work ends or fails, and nothing is touched that is not there.
 */
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "seedchip.h"
#include "seedchip/graph.h"
#include "seedchip/notify.h"
#include "seedchip/pool.h"
#include "seedchip_kernel_abi.h"

#define SLOTS	  4
#define SLED	  64 /* words of no-ops */
#define MAX_IMAGE 65536
#define WAIT	  1000000 /* ns */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const uint8_t *at, *end;

/* What the calls made; an event is dropped with its queue, a graph is only destroyed after it. */
static struct {
	struct seedchip_buffer *buffer[SLOTS];
	struct seedchip_range *range[SLOTS];
	struct seedchip_pool *pool[SLOTS]; /* of the buffer with its number */
	struct seedchip_module *module[SLOTS];
	struct seedchip_queue *queue[SLOTS];
	struct seedchip_event event[SLOTS];
	struct seedchip_graph *graph[SLOTS];
	struct seedchip_graph_param *param[SLOTS]; /* of the graph with its number */
	bool orphan[SLOTS]; /* a queue of the graph is gone, perhaps */
} s;

static struct seedchip_device *dev; /* one for all inputs, with nothing on it in between */

static uint8_t image[MAX_IMAGE];
static size_t image_size, sled; /* where the no-ops are */

static uint8_t u8(void)
{
	return at < end ? *at++ : 0;
}

static unsigned int slot(void)
{
	return u8() % SLOTS;
}

static uint64_t bytes(unsigned int n)
{
	uint64_t v = 0;

	for (unsigned int i = 0; i < n; i++)
		v |= (uint64_t)u8() << 8 * i;
	return v;
}

/* Numbers near those that matter. */
static uint64_t number(void)
{
	uint8_t kind = u8();
	uint64_t v = bytes(kind >> 5 & 3);

	switch (kind % 8) {
	case 0:
		return v;
	case 1:
		return v * 4096;
	case 2:
		return -v;
	case 3:
		return (1ull << u8() % 64) - v;
	case 4:
		return v + 1;
	case 5:
		return v % 64;
	case 6:
		return UINT32_MAX - v;
	default:
		return v << 2 * (u8() % 32);
	}
}

static uint64_t address(void)
{
	uint8_t kind = u8();
	unsigned int i = slot();
	uint64_t offset = number();

	switch (kind % 8) {
	case 0: case 1: case 2:
		return s.buffer[i] ? seedchip_buffer_address(s.buffer[i]) + offset % 8192 : offset;
	case 3:
		return s.range[i] ? seedchip_range_address(s.range[i]) + offset % 8192 : offset;
	case 4:
		return SC_VA_TCM + (offset & 0x1ffff8);
	case 5:
		return SC_VA_TCM_RANK(i) + offset % 65536;
	case 6:
		return SC_VA_TCM + 64 * (offset % 7); /* the arguments */
	default:
		return offset;
	}
}

/* Mostly whole pages, and few. */
static uint64_t pages(void)
{
	uint8_t n = u8();

	return n < 0xf0 ? n % 4 * 4096 : number();
}

/* Whether what is there should go, and make room for another. */
static bool go(void)
{
	return !(u8() % 4);
}

static void buffers(void)
{
	unsigned int i = slot();
	uint8_t *p;
	void *map;

	if (!s.buffer[i]) {
		uint64_t size = pages();

		if (size >> 24 && !(size >> 40)) /* page tables would fill the card */
			size = 4096;
		if (seedchip_buffer_create(dev, size, u8() % 16, &s.buffer[i]))
			return;
		if (!seedchip_buffer_map(s.buffer[i], &map)) {
			p = map;
			p[seedchip_buffer_size(s.buffer[i]) - 1] = 1;
			for (unsigned int n = u8(); n; n--)
				p[n] = u8();
		}
		seedchip_buffer_set_name(s.buffer[i], u8() % 2 ? "buffer of this name, cut" : NULL);
		return;
	}
	if (!go())
		return;
	seedchip_pool_destroy(s.pool[i]);
	s.pool[i] = NULL;
	seedchip_buffer_destroy(s.buffer[i]);
	s.buffer[i] = NULL;
}

static void pools(void)
{
	unsigned int i = slot();
	uint64_t piece;

	if (!s.buffer[i])
		return;
	if (!s.pool[i]) {
		seedchip_pool_create(s.buffer[i], &s.pool[i]);
		return;
	}
	if (u8() % 2) {
		seedchip_pool_free(s.pool[i], address());
	} else if (!seedchip_pool_alloc(s.pool[i], number(), &piece)) {
		if (piece < seedchip_buffer_address(s.buffer[i]) ||
		    piece >= seedchip_buffer_address(s.buffer[i]) +
			     seedchip_buffer_size(s.buffer[i]))
			abort();
	}
}

static void ranges(void)
{
	unsigned int i = slot(), b = slot(), e = slot();
	uint8_t what = u8();
	const struct seedchip_event *after = what & 8 && s.event[e].queue ? &s.event[e] : NULL;
	struct seedchip_event done;
	uint64_t offset;

	if (!s.range[i]) {
		seedchip_range_reserve(dev, pages(), &s.range[i]);
		return;
	}
	offset = pages();
	switch (what % 8) {
	case 0: case 1: case 2:
		if (s.buffer[b])
			seedchip_range_map(s.range[i], offset, s.buffer[b], pages(), pages(), after,
					   what & 16 ? &done : NULL);
		break;
	case 3: case 4:
		seedchip_range_unmap(s.range[i], offset, pages(), after, what & 16 ? &done : NULL);
		break;
	case 5:
		seedchip_range_destroy(s.range[i]);
		s.range[i] = NULL;
	}
}

static uint32_t instruction(void)
{
	static const uint8_t opcodes[] = {
		0x03, 0x07, 0x0b, 0x0b, 0x0b, 0x0f, 0x13, 0x17, 0x1b, 0x23, 0x27, 0x2b, 0x2b, 0x2b,
		0x2f, 0x33, 0x37, 0x3b, 0x43, 0x53, 0x57, 0x57, 0x57, 0x57, 0x63, 0x67, 0x6f, 0x73,
	};
	uint32_t word = bytes(4);
	unsigned int i = word & 0x1f;

	return i < sizeof(opcodes) ? (word & ~0x7fu) | opcodes[i] : word;
}

static void modules(void)
{
	unsigned int i = slot(), words = u8() % (SLED + 1), damage = u8();
	size_t size = image_size;
	uint8_t *copy;

	if (s.module[i]) {
		if (!go())
			return;
		seedchip_module_unload(s.module[i]);
		s.module[i] = NULL;
		return;
	}
	copy = malloc(image_size);
	memcpy(copy, image, image_size);
	for (unsigned int n = 0; n < words; n++) {
		uint32_t word = instruction();

		memcpy(copy + sled + 4 * n, &word, sizeof(word));
	}
	for (unsigned int n = damage < 128 ? 0 : damage % 8; n; n--) {
		size_t where = bytes(2);

		copy[where % (where & 1 ? image_size : 1024)] = u8();
	}
	if (damage == 255)
		size = bytes(2) % size;
	seedchip_module_load(dev, copy, size, damage % 2 ? "damaged" : NULL, &s.module[i]);
	free(copy);
}

#define QUEUE                                                                                    \
	{                                                                                        \
		.size = sizeof(struct seedchip_queue_desc), .timeout_ms = 300, .wg_limit = 3000, \
		.ring_slots = 128,                                                               \
	}

static void queues(void)
{
	struct seedchip_queue_desc desc = QUEUE;
	unsigned int i = slot();

	if (s.queue[i]) {
		if (!go())
			return;
		seedchip_queue_destroy(s.queue[i]);
		for (unsigned int e = 0; e < SLOTS; e++)
			if (s.event[e].queue == s.queue[i])
				s.event[e].queue = NULL;
		for (unsigned int g = 0; g < SLOTS; g++)
			s.orphan[g] = true;
		s.queue[i] = NULL;
		return;
	}
	desc.flags = u8() % 4;
	if (u8() % 4 == 3) {
		desc.priority = u8();
		desc.flags = u8();
		desc.ring_slots = number();
		desc.core_mask = number();
		desc.log_size = number() % (1 << 20);
		desc.wait_spin_us = number() % 1000;
		desc.irq_count = number();
		desc.irq_ns = number();
	}
	seedchip_queue_create(dev, &desc, &s.queue[i]);
}

static void launches(void)
{
	static const char *const names[] = {
		"sled", "sled", "sled", "sled_cooperative", "quiet", "talk",
	};
	struct seedchip_kernel_info info = { .size = sizeof(info) };
	unsigned int q = slot(), m = slot();
	uint8_t how = u8();
	struct seedchip_dim dim = {
		.x = 1 + how % 8, .y = 1, .z = 1, .flags = how & 0x20 ? how >> 6 : 0, .tag = how,
	};
	struct seedchip_kernel *kernel;
	uint64_t args[56];
	int r;

	if (!s.queue[q] || !s.module[m] ||
	    seedchip_module_kernel(s.module[m], names[u8() % 6], &kernel))
		return;
	seedchip_kernel_info(kernel, &info);
	if (u8() < 32) {
		dim.x = number();
		dim.y = number() % 64;
		dim.flags = u8() % 16;
		dim.dynamic = number();
		dim.indirect = u8() % 2 ? address() : 0;
	}
	if (u8() < 16)
		info.args_size = number() % sizeof(args);
	for (unsigned int i = 0; i < sizeof(args) / sizeof(args[0]); i++)
		args[i] = address();
	if (u8() % 8)
		r = seedchip_launch(s.queue[q], kernel, &dim, args, info.args_size);
	else
		r = seedchip_run(s.queue[q], kernel, &dim, args, info.args_size, number() % WAIT);
	if (r == -EIO && u8() % 4)
		seedchip_queue_recover(s.queue[q]);
}

static void copies(void)
{
	unsigned int q = slot();

	if (!s.queue[q])
		return;
	switch (u8() % 4) {
	case 0:
		seedchip_copy(s.queue[q], address(), address(), number());
		break;
	case 1:
		seedchip_fill(s.queue[q], address(), number(), number());
		break;
	default:
		seedchip_copy_2d(s.queue[q], &(struct seedchip_copy_2d){
			.dst = address(), .src = address(), .row_bytes = number(),
			.rows = number(), .dst_stride = number(), .src_stride = number(),
		});
	}
}

static void events(void)
{
	struct seedchip_fault fault = { .size = sizeof(fault) };
	unsigned int q = slot(), e = slot();
	int fd;

	switch (u8() % 8) {
	case 0: case 1:
		if (s.queue[q])
			s.event[e] = seedchip_queue_mark(s.queue[q]);
		break;
	case 2:
		if (s.queue[q] && s.event[e].queue)
			seedchip_queue_wait(s.queue[q], s.event[e]);
		break;
	case 3:
		if (s.event[e].queue)
			seedchip_event_wait(s.event[e], number() % WAIT);
		break;
	case 4:
		if (s.event[e].queue)
			seedchip_event_fault(s.event[e], &fault);
		break;
	case 5:
		if (s.queue[q])
			seedchip_queue_recover(s.queue[q]);
		break;
	case 6:
		seedchip_fault_read(dev, &fault, 0);
		break;
	default:
		if (!s.event[e].queue)
			break;
		fd = eventfd(0, EFD_CLOEXEC);
		seedchip_event_notify(s.event[e], fd);
		close(fd);
	}
}

static void name_param(unsigned int g)
{
	static const uint16_t places[] = {
		SEEDCHIP_PLACE_ARGS, SEEDCHIP_PLACE_GRID, SEEDCHIP_PLACE_DST, SEEDCHIP_PLACE_SRC,
		SEEDCHIP_PLACE_SIZE, SEEDCHIP_PLACE_ROWS, SEEDCHIP_PLACE_PATTERN, 64,
	};
	uint8_t how = u8();
	uint64_t place = how < 0xc0 ? places[how % 8] : number();
	uint64_t size = how < 0xc0 ? 4u << (how >> 3 & 1) : number();

	s.param[g] = NULL;
	seedchip_graph_param(s.graph[g], u8() % 2 ? "name" : NULL, u8() % 4, place, size,
			     &s.param[g]);
}

static void graphs(void)
{
	unsigned int q = slot(), g = slot();
	uint64_t value[56] = { number(), address() };
	uint8_t what = u8() % 8;

	if (!s.queue[q])
		return;
	if (!s.graph[g]) {
		if (what == 1)
			seedchip_graph_begin(s.queue[q]);
		else
			seedchip_graph_end(s.queue[q], what ? &s.graph[g] : NULL);
		s.orphan[g] = false;
		return;
	}
	if (what != 4 && s.orphan[g])
		what = 5;
	switch (what) {
	case 0:
		name_param(g);
		break;
	case 1: case 2:
		if (s.param[g])
			seedchip_graph_set(s.param[g], value);
		break;
	case 3:
		seedchip_graph_address(s.graph[g], u8() % 4, value);
		break;
	case 4:
		s.param[g] = NULL;
		seedchip_graph_destroy(s.graph[g]);
		s.graph[g] = NULL;
		break;
	default:
		seedchip_graph_launch(s.queue[q], s.graph[g]);
	}
}

static void destroy_all(void)
{
	for (unsigned int i = 0; i < SLOTS; i++) {
		seedchip_graph_destroy(s.graph[i]);
		seedchip_pool_destroy(s.pool[i]);
		seedchip_range_destroy(s.range[i]);
		seedchip_buffer_destroy(s.buffer[i]);
		seedchip_queue_destroy(s.queue[i]);
		seedchip_module_unload(s.module[i]);
	}
	memset(&s, 0, sizeof(s));
}

static void ignore(void *opaque, enum seedchip_log_level level, const char *text)
{
	(void)opaque;
	(void)level;
	(void)text;
}

static void prepare(void)
{
	static const uint8_t nop[8] = { 0x13, 0, 0, 0, 0x13, 0, 0, 0 };
	FILE *f = fopen(KERNELS, "rb");
	const uint8_t *found;

	if (!f) {
		perror(KERNELS);
		abort();
	}
	image_size = fread(image, 1, sizeof(image), f);
	fclose(f);
	found = memmem(image, image_size, nop, sizeof(nop));
	if (!found || image_size == sizeof(image))
		abort();
	sled = found - image;
	setenv("SEEDCHIP_DEVICE", "sim:cores=3,tcm=128K,threads=1,strict=1,vlen=512,vram=256M", 1);
	seedchip_log_set(ignore, NULL);
	if (seedchip_device_open(0, &dev))
		abort();
}

/* One of each, so that any call has something to work on. */
static void create_some(void)
{
	static const uint32_t placements[SLOTS] = {
		SEEDCHIP_CARD | SEEDCHIP_CPU, SEEDCHIP_SYSTEM, SEEDCHIP_SYSTEM | SEEDCHIP_READ_ONLY,
	};
	struct seedchip_queue_desc desc = QUEUE;

	for (unsigned int i = 0; i < 2; i++) {
		desc.flags = i ? SEEDCHIP_QUEUE_USER : 0;
		seedchip_queue_create(dev, &desc, &s.queue[i]);
		modules();
	}
	for (unsigned int i = 0; placements[i]; i++)
		seedchip_buffer_create(dev, 8192, placements[i], &s.buffer[i]);
	seedchip_range_reserve(dev, 65536, &s.range[0]);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static void (*const calls[])(void) = {
		buffers, ranges, modules, queues, launches, launches, launches, copies,
		events, events, graphs, graphs, pools,
	};

	if (!image_size)
		prepare();
	at = data;
	end = data + size;
	create_some();
	while (at < end)
		calls[u8() % (sizeof(calls) / sizeof(calls[0]))]();
	destroy_all();
	return 0;
}
