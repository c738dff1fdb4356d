// SPDX-License-Identifier: MIT
/*
 * The demo's compute kernel on one core of the chip model in strict mode,
 * against the plain C reference, for networks of many shapes and for part-filled
 * workgroups. The invariant: images, weights and labels end with the mapped
 * memory, so a byte read or written beyond them is a fault; an unordered access
 * to the scratchpad is one too.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

#include "runtime/examples/fashion/fashion.h"
#include "qemu-device/flat/flat.h"
#include "tools/train/reference.h"

#define WEIGHTS_VA 0x10000000
#define IMAGES_VA  0x20000000
#define LABELS_VA  0x30000000
#define CANARY	   0xee

static char elf[4096];

static uint32_t random32(void)
{
	static uint64_t state = 1;

	state = state * 6364136223846793005 + 1442695040888963407;
	return state >> 32;
}

static void *random_bytes(size_t size)
{
	uint8_t *p = malloc(size);

	assert_non_null(p);
	for (size_t i = 0; i < size; i++)
		p[i] = random32();
	return p;
}

/* Values from @least, below @least + @range. */
static int32_t *random_values(uint32_t count, int32_t least, uint32_t range)
{
	int32_t *p = malloc(count * sizeof(*p));

	assert_non_null(p);
	for (uint32_t i = 0; i < count; i++)
		p[i] = least + (int32_t)(random32() % range);
	return p;
}

/*
 * A network of the given widths. The multipliers spread a layer's results over
 * both clamps and what lies between.
 */
static struct sdw_net random_net(const uint32_t *dims)
{
	struct sdw_net net = { 0 };

	for (; dims[net.layers + 1]; net.layers++) {
		struct sdw_layer *l = &net.layer[net.layers];

		l->k = dims[net.layers];
		l->n = dims[net.layers + 1];
		l->weights = random_bytes((size_t)l->k * l->n);
		l->bias = random_values(l->n, -4096, 8192);
		if (dims[net.layers + 2]) {
			l->shift = 16 + random32() % 8;
			l->mult = random_values(l->n, 1, 1u << (l->shift - 8));
		}
	}
	return net;
}

static void free_net(struct sdw_net *net)
{
	for (uint32_t i = 0; i < net->layers; i++) {
		free((void *)net->layer[i].weights);
		free((void *)net->layer[i].bias);
		free((void *)net->layer[i].mult);
	}
}

/* Map @size bytes so that they end with their mapping; returns their address. */
static uint64_t put(struct sc_chip *chip, uint64_t va, const void *data, size_t size, uint32_t pte)
{
	size_t pad = -size % SC_PAGE_SIZE;
	uint8_t *mem = flat_map(chip, va, size + pad, SC_PTE_VALID | SC_PTE_READ | pte);

	memset(mem, CANARY, pad);
	memcpy(mem + pad, data, size);
	return va + pad;
}

/* A layer's parts one after the other, and the layers: nothing is aligned. */
static void put_net(struct sc_chip *chip, const struct sdw_net *net, struct fashion_args *args)
{
	size_t total = 0;
	uint8_t *bytes, *p;
	uint64_t va;

	for (uint32_t i = 0; i < net->layers; i++)
		total += net->layer[i].n * (net->layer[i].k + 8);
	bytes = malloc(total);
	assert_non_null(bytes);
	p = bytes;
	for (uint32_t i = 0; i < net->layers; i++) {
		const struct sdw_layer *l = &net->layer[i];

		if (l->mult)
			p = mempcpy(p, l->mult, 4 * l->n);
		p = mempcpy(p, l->bias, 4 * l->n);
		p = mempcpy(p, l->weights, (size_t)l->k * l->n);
	}
	va = put(chip, WEIGHTS_VA, bytes, p - bytes, 0);
	free(bytes);

	args->layers = net->layers;
	for (uint32_t i = 0; i < net->layers; i++) {
		const struct sdw_layer *l = &net->layer[i];
		uint64_t bias = l->mult ? va + 4 * l->n : va;

		args->layer[i] = (struct fashion_layer){
			.mult = l->mult ? va : 0,
			.bias = bias,
			.weights = bias + 4 * l->n,
			.k = l->k,
			.n = l->n,
			.shift = l->shift,
		};
		va = args->layer[i].weights + (uint64_t)l->k * l->n;
	}
}

static void run(struct sc_chip *chip, const struct fashion_args *args)
{
	bool stop = false;
	struct sc_launch launch = {
		.entry = flat_symbol(elf, "fashion", NULL),
		.args_size = sizeof(*args),
		.tcm_dynamic = fashion_scratch(args).size,
		.stack_size = SC_STACK_DEFAULT,
		.grid = { (args->count + FASHION_GROUP - 1) / FASHION_GROUP, 1, 1 },
		.cores = 1,
		.limit = ~0ull,
		.stop = &stop,
	};
	struct sc_core *core = sc_core_create(chip, 0);

	assert_non_null(core);
	memcpy(launch.args, args, sizeof(*args));
	for (uint32_t x = 0; x < launch.grid[0]; x++) {
		const uint32_t wg[3] = { x, 0, 0 };
		enum sc_run end;

		sc_core_start(core, &launch, wg, x);
		do {
			end = sc_core_run(core, 1000000);
		} while (end == SC_RUN_YIELD);
		if (end != SC_RUN_DONE) {
			const struct sc_fault *f = sc_core_fault(core);

			fail_msg("workgroup %u: code %u at %llx and %llx, address %llx", x, f->code,
				 (unsigned long long)f->pc, (unsigned long long)f->pc_other,
				 (unsigned long long)f->va);
		}
	}
	sc_core_destroy(core);
}

static void classify(const struct sdw_net *net, uint32_t count, const uint8_t *pixels)
{
	uint32_t k = net->layer[0].k;
	uint8_t *labels = malloc(count);
	int8_t *x = malloc(k);
	struct fashion_args args = { .count = count };
	struct sc_chip chip;

	flat_init(&chip);
	chip.config.tcm_size = 1 << 20;
	chip.config.strict = true;
	assert_int_equal(flat_load_elf(&chip, elf), 0);
	memset(labels, CANARY, count);
	args.images = put(&chip, IMAGES_VA, pixels, (size_t)count * k, 0);
	args.labels = put(&chip, LABELS_VA, labels, count, SC_PTE_WRITE);
	put_net(&chip, net, &args);
	run(&chip, &args);

	memcpy(labels, flat_at(&chip, args.labels), count);
	for (uint32_t i = 0; i < count; i++) {
		sdw_input(x, pixels + (size_t)i * k, k);
		if (labels[i] != sdw_classify(net, x, NULL))
			fail_msg("image %u of %u: %u, the reference says %u", i, count, labels[i],
				 sdw_classify(net, x, NULL));
	}
	for (uint64_t va = LABELS_VA; va < args.labels; va++)
		assert_int_equal(*flat_at(&chip, va), CANARY);
	flat_free(&chip);
	free(labels);
	free(x);
}

static void shapes(void **state)
{
	static const uint32_t dims[][SDW_MAX_LAYERS + 2] = {
		{ 784, 128, 64, 10 },
		{ 784, 1024, 10 }, /* all accumulators; seven times around the ring */
		{ 100, 65, 256 }, /* a tile of one column; a label of eight bits */
		{ 5, 3, 2 }, /* inputs that are not a multiple of eight bytes */
		{ 1, 1 },
		{ 33, 1024, 63, 129, 64, 65, 17, 31, 256 }, /* as many layers as can be */
	};
	static const uint32_t counts[] = { 1, 16, 63, 64, 81, 130 };

	(void)state;
	for (unsigned int i = 0; i < sizeof(dims) / sizeof(dims[0]); i++) {
		struct sdw_net net = random_net(dims[i]);
		uint8_t *pixels = random_bytes(130 * net.layer[0].k);

		for (unsigned int j = 0; j < sizeof(counts) / sizeof(counts[0]); j++)
			classify(&net, counts[j], pixels);
		free(pixels);
		free_net(&net);
	}
}

/* Equal sums at several places: the first wins. */
static void ties(void **state)
{
	static const int8_t weights[3][4] = { { 1, 2, 2, 2 }, { 2, 1, 2, 2 }, { 0, 0, 0, 0 } };
	static const int32_t bias[4] = { 0 };
	static const uint8_t pixels[] = { 2, 0, 9, 0, 2, 9, 2, 2, 9, 0, 0, 9 };
	const struct sdw_net net = {
		.layers = 1,
		.layer[0] = { .k = 3, .n = 4, .weights = weights[0], .bias = bias },
	};

	(void)state;
	classify(&net, 4, pixels);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(shapes),
		cmocka_unit_test(ties),
	};
	ssize_t len = readlink("/proc/self/exe", elf, sizeof(elf) - 1);

	/* build/tests/unit/test_fashion_kernel: the kernel lies in the same build */
	for (int up = 0; len > 0 && up < 3; up++)
		*strrchr(elf, '/') = 0;
	snprintf(elf + strlen(elf), sizeof(elf) - strlen(elf),
		 "/runtime/examples/fashion/fashion_kernel.elf");
	return cmocka_run_group_tests(tests, NULL, NULL);
}
