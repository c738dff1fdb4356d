// SPDX-License-Identifier: MIT
/*
 * Rows of `make bench` for the operations between the matrix products: modelled
 * cycles on the paper SC1, from the start of the dispatch to its end, against
 * the peak of what limits the operation. They repeat exactly.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench.h"
#include "seedchip.h"
#include "seedchip/ops_attention.h"
#include "seedchip/ops_nn.h"

#define MACHINE "sim:timing=1,vram=4G,config=tools/perf/configs/paper.conf"
#define CLOCK 1.2e9
#define TILES (64 * 2048 * 2 * CLOCK) /* bf16 operations a second of all matrix engines */
#define MEMORY 3.6e12 /* bytes a second of card memory */

static struct seedchip_device *dev;
static struct seedchip_queue *queue;
static struct sdo_card card;

static void check(int r, const char *what)
{
	if (!r)
		return;
	fprintf(stderr, "%s: %s\n", what, seedchip_error());
	exit(EXIT_FAILURE);
}

/* Card memory with numbers around 0, as bf16; they repeat after a megabyte. */
static uint64_t tensor(size_t size)
{
	static uint64_t block;
	struct seedchip_buffer *buffer;
	uint64_t address;
	uint16_t *v;

	if (!block) {
		check(seedchip_buffer_create(dev, 1 << 20, SEEDCHIP_CARD | SEEDCHIP_CPU, &buffer),
		      "buffer");
		check(seedchip_buffer_map(buffer, (void **)&v), "map");
		for (unsigned int i = 0; i < 1 << 19; i++)
			v[i] = (uint16_t)(0x3c00 + (rand() & 0x83ff)); /* up to 2 in magnitude */
		block = seedchip_buffer_address(buffer);
	}
	check(seedchip_buffer_create(dev, size, SEEDCHIP_CARD, &buffer), "buffer");
	address = seedchip_buffer_address(buffer);
	for (size_t at = 0; at < size; at += 1 << 20)
		check(seedchip_copy(queue, address + at, block,
				    size - at < 1 << 20 ? size - at : 1 << 20), "copy");
	return address;
}

static void run(struct seedchip_kernel *kernel, const struct seedchip_dim *dim, const void *args,
		size_t size)
{
	check(seedchip_launch(queue, kernel, dim, args, size), "launch");
	check(seedchip_event_wait(seedchip_queue_mark(queue), -1), "launch");
}

/*
 * Modelled seconds of the second of two launches: the first writes back what the
 * copies have left in the cache. Tensors are larger than it, so that little of
 * them is found there.
 */
static double launch(const char *op, const struct seedchip_dim *dim, const void *args, size_t size)
{
	struct seedchip_queue_stats before = { .size = sizeof(before) }, after = before;
	struct seedchip_module *module;
	struct seedchip_kernel *kernel;
	char path[256];

	snprintf(path, sizeof(path), "%s/%s.elf", KERNELS, op);
	check(seedchip_module_load_file(dev, path, &module), path);
	check(seedchip_module_kernel(module, op, &kernel), op);
	run(kernel, dim, args, size);
	check(seedchip_queue_stats(queue, &before), "stats");
	run(kernel, dim, args, size);
	check(seedchip_queue_stats(queue, &after), "stats");
	return (double)(after.cycles - before.cycles) / CLOCK;
}

static void print(const char *name, const char *unit, double work, double seconds, double peak,
		  double must, double aim)
{
	struct bench_row row = { .name = name, .unit = unit, .must = must, .aim = aim };
	struct bench_sample sample = { .value = work / seconds / 1e12, .peer = peak / 1e12 };

	bench_print(&row, &sample, 1);
}

static void row_decode(void)
{
	const uint64_t rows = 16ull * 4096 * 8, bytes = rows * 128 * 2;
	const uint32_t pages = 16 * 4096 / 16;
	struct sdo_attention_decode args = {
		.n_sequences = 16, .n_kv = 4096, .n_heads = 32, .n_kv_heads = 8, .d = 128,
		.d_v = 128, .num_pages = pages, .type = SDO_BF16, .type_out = SDO_BF16,
		.scale = 0.088f, .q_stride = { 0, 256, 8192 }, .out_stride = { 0, 256, 8192 },
	};
	struct seedchip_buffer *list;
	struct seedchip_dim dim;
	uint32_t *number;

	check(seedchip_buffer_create(dev, 4 * pages, SEEDCHIP_CARD | SEEDCHIP_CPU, &list), "pages");
	check(seedchip_buffer_map(list, (void **)&number), "pages");
	for (uint32_t i = 0; i < pages; i++) {
		uint32_t other = (uint32_t)rand() % (i + 1);

		number[i] = number[other];
		number[other] = i;
	}
	args.q = tensor(16 * 8192);
	args.out = tensor(16 * 8192);
	args.k = tensor(bytes);
	args.v = tensor(bytes);
	args.pages = seedchip_buffer_address(list);
	args.parts = sdo_attention_decode_parts(&args, &card);
	if (args.parts > 1) {
		uint64_t size = sdo_attention_decode_workspace(&args);

		args.workspace = tensor(size);
		check(seedchip_fill(queue, args.workspace, 0, (size + 7) & ~7ull), "workspace");
	}
	check(sdo_attention_decode_dim(&args, &card, &dim), "dim");
	print("decode attention, batch 16, 32 / 8 heads, d 128, 4 k keys, bf16 / card memory",
	      "TB/s", 2.0 * (double)bytes,
	      launch("attention_decode", &dim, &args, sizeof(args)), MEMORY, 0.90, 0.97);
}

static void row_prefill(void)
{
	const uint32_t n = 4096, heads = 32, kv_heads = 8;
	struct sdo_attention args = {
		.q_stride = { heads * 256, 256, 0 }, .k_stride = { kv_heads * 256, 256, 0 },
		.v_stride = { kv_heads * 256, 256, 0 }, .out_stride = { heads * 256, 256, 0 },
		.n_sequences = 1, .n_q = n, .n_kv = n, .n_heads = heads, .n_kv_heads = kv_heads,
		.d = 128, .d_v = 128, .type = SDO_BF16, .type_out = SDO_BF16,
		.flags = SDO_ATTENTION_CAUSAL, .scale = 0.088f,
	};
	double pairs = (double)n * (n + 1) / 2 * heads;
	struct seedchip_dim dim;

	args.q = tensor((size_t)n * heads * 256);
	args.k = tensor((size_t)n * kv_heads * 256);
	args.v = tensor((size_t)n * kv_heads * 256);
	args.out = tensor((size_t)n * heads * 256);
	check(sdo_attention_dim(&args, &card, &dim), "dim");
	print("causal prefill attention, 4 k, 32 / 8 heads, d 128, bf16 / tile peak", "Top/s",
	      pairs * 128 * 2 * 2, launch("attention", &dim, &args, sizeof(args)), TILES, 0.70,
	      0.85);
}

/* Operations that pass once over tensors of 16384 rows of 4096 bf16. */
static void rows_of_bytes(void)
{
	const uint32_t n[4] = { 4096, 16384, 1, 1 }, heads[4] = { 128, 32, 16384, 1 };
	const double bytes = 2.0 * 4096 * 16384;
	uint64_t a = tensor((size_t)bytes), b = tensor((size_t)bytes), out = tensor((size_t)bytes);
	struct sdo_view va = sdo_dense(a, SDO_BF16, n), vb = sdo_dense(b, SDO_BF16, n);
	struct sdo_view vout = sdo_dense(out, SDO_BF16, n);
	struct sdo_binary add = { va, vb, vout, { 4096, 16384, 1, 1 }, { 4096, 16384, 1, 1 },
				  SDO_BF16, SDO_BF16, SDO_BF16, SDO_ADD };
	struct sdo_glu glu = { va, vb, vout, { 4096, 16384, 1, 1 }, SDO_BF16, SDO_BF16, SDO_BF16,
			       SDO_ACT_SILU };
	struct sdo_softmax softmax = { .x = va, .out = vout, .n = { 4096, 16384, 1, 1 },
				       .type_x = SDO_BF16, .type_out = SDO_BF16, .scale = 1 };
	struct sdo_rms_norm norm = { .x = va, .out = vout, .weight = b, .n = { 4096, 16384, 1, 1 },
				     .type_x = SDO_BF16, .type_weight = SDO_BF16,
				     .type_out = SDO_BF16, .eps = 1e-5f };
	struct sdo_rope rope = { .x = sdo_dense(a, SDO_BF16, heads),
				 .out = sdo_dense(out, SDO_BF16, heads),
				 .n = { 128, 32, 16384, 1 }, .type_x = SDO_BF16,
				 .type_out = SDO_BF16, .dims = 128, .flags = SDO_ROPE_HALVES,
				 .base = 10000, .scale = 1, .magnitude = 1 };
	struct sdo_scale scale = { va, vout, { 4096, 16384, 1, 1 }, SDO_BF16, SDO_BF16, 0.5f, 1 };
	struct sdo_activate gelu = { va, vout, { 4096, 16384, 1, 1 }, SDO_BF16, SDO_BF16,
				     SDO_ACT_GELU, 0 };
	struct sdo_layer_norm layer_norm = {
		.x = va, .out = vout, .weight = b, .bias = b, .n = { 4096, 16384, 1, 1 },
		.type_x = SDO_BF16, .type_weight = SDO_BF16, .type_out = SDO_BF16, .eps = 1e-5f,
	};
	struct seedchip_dim dim;

	check(sdo_scale_dim(&scale, &card, &dim), "scale");
	print("scale, 16384 x 4096 bf16 / card memory", "TB/s", 2 * bytes,
	      launch("scale", &dim, &scale, sizeof(scale)), MEMORY, 0, 0);
	check(sdo_activate_dim(&gelu, &card, &dim), "gelu");
	print("GELU, 16384 x 4096 bf16 / card memory", "TB/s", 2 * bytes,
	      launch("activate", &dim, &gelu, sizeof(gelu)), MEMORY, 0, 0);
	gelu.act = SDO_ACT_SILU;
	print("SiLU, 16384 x 4096 bf16 / card memory", "TB/s", 2 * bytes,
	      launch("activate", &dim, &gelu, sizeof(gelu)), MEMORY, 0, 0);
	check(sdo_layer_norm_dim(&layer_norm, &card, &dim), "layer_norm");
	print("LayerNorm, 16384 x 4096 bf16 / card memory", "TB/s", 2 * bytes,
	      launch("layer_norm", &dim, &layer_norm, sizeof(layer_norm)), MEMORY, 0, 0);
	check(sdo_binary_dim(&add, &card, &dim), "add");
	print("add, 16384 x 4096 bf16 / card memory", "TB/s", 3 * bytes,
	      launch("binary", &dim, &add, sizeof(add)), MEMORY, 0, 0);
	check(sdo_glu_dim(&glu, &card, &dim), "glu");
	print("SwiGLU, 16384 x 4096 bf16 / card memory", "TB/s", 3 * bytes,
	      launch("glu", &dim, &glu, sizeof(glu)), MEMORY, 0, 0);
	check(sdo_softmax_dim(&softmax, &card, &dim), "softmax");
	print("softmax, 16384 x 4096 bf16 / card memory", "TB/s", 2 * bytes,
	      launch("softmax", &dim, &softmax, sizeof(softmax)), MEMORY, 0, 0);
	check(sdo_rms_norm_dim(&norm, &card, &dim), "norm");
	print("RMSNorm, 16384 x 4096 bf16 / card memory", "TB/s", 2 * bytes,
	      launch("rms_norm", &dim, &norm, sizeof(norm)), MEMORY, 0, 0);
	check(sdo_rope_dim(&rope, &card, &dim), "rope");
	print("RoPE, 16384 tokens x 32 x 128 bf16 / card memory", "TB/s", 2 * bytes,
	      launch("rope", &dim, &rope, sizeof(rope)), MEMORY, 0, 0);
	rope.flags = 0;
	print("RoPE, interleaved, 16384 tokens x 32 x 128 bf16 / card memory", "TB/s", 2 * bytes,
	      launch("rope", &dim, &rope, sizeof(rope)), MEMORY, 0, 0);
}

int main(void)
{
	setenv("SEEDCHIP_DEVICE", MACHINE, 1);
	check(seedchip_device_open(0, &dev), "device");
	check(sdo_card_of(dev, &card), "device");
	check(seedchip_queue_create(dev, NULL, &queue), "queue");
	row_decode();
	row_prefill();
	rows_of_bytes();
	return 0; /* with the process goes all that it made */
}
