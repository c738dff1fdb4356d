// SPDX-License-Identifier: MIT
/*
 * The tests of the kernel library: cards, memory between guard bytes, launches,
 * and the table run on each back end. See harness.h.
 */
#include <stdlib.h>

#include "harness.h"

#define GUARD	    512
#define GUARD_BYTE  0x5a
#define MAX_MODULES 8
#define MAX_BLOCKS  64
#define LIMIT_NS    120000000000ll /* what never comes is a failure, not a hang */

struct sdo_card kt_card;
struct seedchip_device *kt_device;

static struct seedchip_queue *queue;

static struct {
	const char *name;
	struct seedchip_module *module;
} modules[MAX_MODULES];

static struct block {
	struct seedchip_buffer *buffer;
	uint8_t *map;
	uint64_t all; /* bytes of the buffer */
	struct kt_mem mem;
} blocks[MAX_BLOCKS];

static unsigned int num_modules, num_blocks;
static uint64_t digest;
static bool failed; /* a launch since kt_free(): what its other workgroups did is chance */

static void check_guards(void)
{
	for (unsigned int i = 0; i < num_blocks; i++) {
		const struct block *b = &blocks[i];
		size_t start = (uint8_t *)b->mem.host - b->map, end = start + b->mem.size;
		size_t last = end + GUARD < b->all ? end + GUARD : b->all;

		for (size_t at = start - GUARD; at < last; at++) {
			if (at == start)
				at = end;
			if (at < last && b->map[at] != GUARD_BYTE)
				tap_fail("allocation %u of %zu bytes: byte %zd written", i,
					 b->mem.size, at - start);
		}
	}
}

struct kt_mem kt_mem(size_t size, unsigned int offset)
{
	struct block *b = &blocks[num_blocks];
	size_t start = GUARD + offset % 64;
	uint32_t word = 0;

	if (num_blocks == MAX_BLOCKS)
		tap_fail("more than %u allocations: kt_free()", MAX_BLOCKS);
	KT_OK(seedchip_buffer_create(kt_device, start + size + GUARD, SEEDCHIP_CARD | SEEDCHIP_CPU,
				     &b->buffer));
	num_blocks++;
	KT_OK(seedchip_buffer_map(b->buffer, (void **)&b->map));
	b->all = seedchip_buffer_size(b->buffer);
	b->mem.host = b->map + start;
	b->mem.address = seedchip_buffer_address(b->buffer) + start;
	b->mem.size = size;
	memset(b->map, GUARD_BYTE, start);
	for (size_t i = 0; i < size; i++) {
		word = i % 4 ? word >> 8 : kt_random();
		b->map[start + i] = word;
	}
	memset(b->map + start + size, GUARD_BYTE, GUARD);
	return b->mem;
}

void kt_free(void)
{
	for (unsigned int i = 0; i < num_blocks; i++) {
		const struct kt_mem *m = &blocks[i].mem;

		for (size_t at = 0; !failed && at < m->size; at++)
			digest = (digest ^ ((uint8_t *)m->host)[at]) * 0x100000001b3;
		seedchip_buffer_destroy(blocks[i].buffer);
	}
	num_blocks = 0;
	failed = false;
}

static struct seedchip_kernel *find(const char *module, const char *name)
{
	struct seedchip_kernel *kernel;
	char path[256];
	unsigned int i;

	for (i = 0; i < num_modules; i++)
		if (!strcmp(modules[i].name, module))
			break;
	if (i == num_modules) {
		if (i == MAX_MODULES)
			tap_fail("more than %u modules", MAX_MODULES);
		snprintf(path, sizeof(path), "%s/%s.elf", kt_kernels, module);
		KT_OK(seedchip_module_load_file(kt_device, path, &modules[i].module));
		modules[i].name = module;
		num_modules++;
	}
	KT_OK(seedchip_module_kernel(modules[i].module, name, &kernel));
	return kernel;
}

static int launch(const char *module, const char *kernel, const void *args, size_t size,
		  const struct seedchip_dim *dim, struct seedchip_event *done)
{
	KT_OK(seedchip_launch(queue, find(module, kernel), dim, args, size));
	*done = seedchip_queue_mark(queue);
	return seedchip_event_wait(*done, LIMIT_NS);
}

void kt_run(const char *module, const char *kernel, const void *args, size_t size,
	    const struct seedchip_dim *dim)
{
	struct seedchip_fault fault = { .size = sizeof(fault) };
	struct seedchip_event done;
	int r = launch(module, kernel, args, size, dim, &done);

	if (r == -EIO && !seedchip_event_fault(done, &fault)) {
		seedchip_queue_recover(queue);
		tap_fail("%s", fault.text);
	}
	if (r)
		tap_fail("%s: %s", kernel, seedchip_error());
	check_guards();
}

uint32_t kt_fault(const char *module, const char *kernel, const void *args, size_t size,
		  const struct seedchip_dim *dim)
{
	struct seedchip_fault fault = { .size = sizeof(fault) };
	struct seedchip_event done;

	CHECK_EQ(launch(module, kernel, args, size, dim, &done), -EIO);
	KT_OK(seedchip_event_fault(done, &fault));
	KT_OK(seedchip_queue_recover(queue));
	check_guards();
	failed = true;
	return fault.code;
}

static void open_card(const struct kt_backend *backend)
{
	if (backend->device)
		setenv("SEEDCHIP_DEVICE", backend->device, 1);
	if (seedchip_device_open(0, &kt_device) || sdo_card_of(kt_device, &kt_card) ||
	    seedchip_queue_create(kt_device, NULL, &queue)) {
		printf("Bail out! %s: %s\n", backend->name, seedchip_error());
		exit(EXIT_FAILURE);
	}
}

static void close_card(void)
{
	seedchip_queue_destroy(queue);
	while (num_modules)
		seedchip_module_unload(modules[--num_modules].module);
	seedchip_device_close(kt_device);
}

/* One result for each test on each back end. */
static bool run_one(const struct tap_test *test, unsigned int index, unsigned int number,
		    const struct kt_backend *backend, uint64_t *first)
{
	volatile bool good = true, refused = false;

	kt_seed(index + 1);
	digest = 0xcbf29ce484222325;
	switch (setjmp(tap_failed)) {
	case 0:
		test->run();
		check_guards();
		break;
	case KT_TOO_BIG:
		refused = true;
		break;
	default:
		good = false;
	}
	kt_free();
	if (good && !refused && !backend->other) {
		if (*first && *first != digest) {
			printf("# the bits differ from those on %s\n", kt_backends[0].name);
			good = false;
		}
		*first = digest;
	}
	printf("%sok %u - %s, %s%s\n", good ? "" : "not ", number, test->name, backend->name,
	       refused ? ": refused by name" : "");
	return good;
}

int kt_run_tests(const struct tap_test *tests, unsigned int count)
{
	uint64_t *first = calloc(count, sizeof(*first));
	unsigned int number = 0, failed = 0;

	setvbuf(stdout, NULL, _IOLBF, 0);
	printf("TAP version 13\n1..%u\n", kt_num_backends * count);
	for (unsigned int b = 0; first && b < kt_num_backends; b++) {
		open_card(&kt_backends[b]);
		for (unsigned int i = 0; i < count; i++)
			failed += !run_one(&tests[i], i, ++number, &kt_backends[b],
					   &first[i]);
		close_card();
	}
	free(first);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
