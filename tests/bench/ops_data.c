// SPDX-License-Identifier: MIT
/*
 * Data, layout and vision operations of the kernel library in modelled cycles: what each
 * reaches of the bandwidth of card memory, or of the matrix engines' peak, on the
 * virtual card's configuration. Modelled cycles are exact, so a row is one run,
 * the second one; arrays are larger than the cache, so it does not help much.
 *
 * Bytes are those that must move once: each input that is read and each output.
 */
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench.h"
#include "seedchip.h"
#include "seedchip/ops.h"

#define DRAM_GBS 450.0 /* dram-gbs of tools/perf/configs/default.conf */
#define MIB	 (1ull << 20)

static struct seedchip_device *device;
static struct seedchip_queue *queue;
static struct sdo_card card;
static struct seedchip_device_info info = { .size = sizeof(info) };
static struct seedchip_buffer *buffers[16];
static unsigned int num_buffers;

static void check(int r, const char *what)
{
	if (r) {
		fprintf(stderr, "ops_data: %s: %s\n", what, seedchip_error());
		exit(EXIT_FAILURE);
	}
}

/* Card memory of zeros, or of small random words. */
static uint64_t memory(uint64_t size, uint32_t mask)
{
	struct seedchip_buffer **b = &buffers[num_buffers++];
	uint32_t *words, state = 1;

	check(seedchip_buffer_create(device, size + 64, SEEDCHIP_CARD | SEEDCHIP_CPU, b), "memory");
	if (mask) {
		check(seedchip_buffer_map(*b, (void **)&words), "map");
		for (uint64_t i = 0; i < size / 4; i++) {
			state = state * 1664525 + 1013904223;
			words[i] = (state >> 8) & mask;
		}
	}
	return seedchip_buffer_address(*b);
}

/* Row numbers below @rows. */
static uint64_t numbers(uint32_t count, uint32_t rows)
{
	uint64_t address = memory(count * 4ull, 0);
	uint32_t *v, state = 7;

	check(seedchip_buffer_map(buffers[num_buffers - 1], (void **)&v), "map");
	for (uint32_t i = 0; i < count; i++) {
		state = state * 1664525 + 1013904223;
		v[i] = (uint64_t)state * rows >> 32;
	}
	return address;
}

static uint64_t cycles(void)
{
	struct seedchip_queue_stats stats = { .size = sizeof(stats) };

	check(seedchip_queue_stats(queue, &stats), "stats");
	return stats.cycles;
}

/* Run twice; print work per second of the second run beside the peak, both in 10^9. */
static void measure(const char *op, const char *name, const char *unit, double work, double peak,
		    const void *args, size_t size, int r, const struct seedchip_dim *dim)
{
	struct seedchip_module *module;
	struct seedchip_kernel *kernel;
	struct bench_row row = { .name = name, .unit = unit };
	struct bench_sample sample = { .peer = peak };
	uint64_t before = 0;
	char path[256];

	check(r, op);
	snprintf(path, sizeof(path), "%s/%s.elf", KERNELS, op);
	check(seedchip_module_load_file(device, path, &module), path);
	check(seedchip_module_kernel(module, op, &kernel), op);
	for (int i = 0; i < 2; i++) {
		before = cycles();
		check(seedchip_launch(queue, kernel, dim, args, size), name);
		check(seedchip_event_wait(seedchip_queue_mark(queue), -1), name);
	}
	sample.value = work / 1e9 / ((double)(cycles() - before) / (info.clock_khz * 1e3));
	bench_print(&row, &sample, 1);
	seedchip_module_unload(module);
	while (num_buffers)
		seedchip_buffer_destroy(buffers[--num_buffers]);
}

#define BYTES(op, name, bytes, args)                                                           \
	do {                                                                                   \
		struct seedchip_dim dim_;                                                      \
		int r_ = sdo_##op##_dim(&(args), &card, &dim_);                                \
											       \
		measure(#op, name, "GB/s", bytes, DRAM_GBS, &(args), sizeof(args), r_, &dim_);  \
	} while (0)

static uint32_t bytes_of(uint32_t type)
{
	return sdo_type_bits(type) / 8;
}

/* ---- copy ---- */

static void copy_dense(const char *name, uint32_t from, uint32_t to)
{
	uint32_t n = 8u << 20;
	struct sdo_copy a = { .n = { 1, 1, 1, n }, .src_type = from, .dst_type = to };

	a.src = memory((uint64_t)n * bytes_of(from), 0x3fffffff);
	a.dst = memory((uint64_t)n * bytes_of(to), 0);
	a.src_stride[3] = bytes_of(from);
	a.dst_stride[3] = bytes_of(to);
	BYTES(copy, name, (double)n * (bytes_of(from) + bytes_of(to)), a);
}

static void transpose(const char *name, uint32_t type, uint32_t rows, uint32_t columns)
{
	uint64_t es = bytes_of(type), size = es * rows * columns;
	struct sdo_copy a = {
		.n = { 1, 1, rows, columns }, .src_type = type, .dst_type = type,
		.src_stride = { 0, 0, es * columns, es }, .dst_stride = { 0, 0, es, es * rows },
	};

	a.src = memory(size, ~0u);
	a.dst = memory(size, 0);
	BYTES(copy, name, 2.0 * size, a);
}

/* [batch][tokens][heads][d] to [batch][heads][tokens][d], as attention wants it. */
static void split_heads(void)
{
	uint64_t d = 128 * 2;
	struct sdo_copy a = {
		.n = { 2, 2048, 32, 128 }, .src_type = SDO_BF16, .dst_type = SDO_BF16,
		.src_stride = { 2048 * 32 * d, 32 * d, d, 2 },
		.dst_stride = { 2048 * 32 * d, d, 2048 * d, 2 },
	};

	a.src = memory(2 * 2048 * 32 * d, ~0u);
	a.dst = memory(2 * 2048 * 32 * d, 0);
	BYTES(copy, "permute heads, bf16", 4.0 * 2048 * 32 * d, a);
}

/* ---- rows ---- */

static void get_rows(const char *name, uint32_t type, uint32_t rows, uint32_t n)
{
	uint32_t count = 32768, bits = sdo_type_bits(type);
	struct sdo_get_rows a = {
		.rows = rows, .count = count, .n = n, .type = type, .dst_type = SDO_F32,
		.index_size = 4, .table_stride = (uint64_t)n * bits / 8, .dst_stride = n * 4ull,
		.group = 32,
	};
	double scales = 0;

	a.table = memory(rows * a.table_stride, 0x3fffffff);
	a.index = numbers(count, rows);
	a.dst = memory(count * a.dst_stride, 0);
	if (type == SDO_I8 || type == SDO_I4) {
		a.scale_stride = type == SDO_I8 ? 4 : n / 32 * 2;
		a.scale = memory(rows * a.scale_stride, 0x3fff3fff);
		scales = (double)count * a.scale_stride;
	}
	BYTES(get_rows, name, (double)count * (a.table_stride + a.dst_stride + 4) + scales, a);
}

static void set_rows(const char *name, uint32_t type, uint32_t n)
{
	uint32_t count = 32768;
	struct sdo_set_rows a = {
		.rows = count, .count = count, .n = n, .src_type = SDO_F32, .type = type,
		.index_size = 4, .src_stride = n * 4ull, .table_stride = n * bytes_of(type),
	};

	a.src = memory(count * a.src_stride, 0x3fffffff);
	a.table = memory(count * a.table_stride, 0);
	a.index = numbers(count, count);
	BYTES(set_rows, name, (double)count * (a.table_stride + a.src_stride + 4), a);
}

static void bags(const char *name, uint32_t type, uint32_t n)
{
	uint32_t rows = 200000, count_bags = 2048, per_bag = 80, *v;
	struct sdo_embedding_bag a = {
		.rows = rows, .bags = count_bags, .count = count_bags * per_bag, .n = n,
		.type = type, .dst_type = SDO_F32, .index_size = 4,
		.table_stride = n * bytes_of(type), .dst_stride = n * 4ull,
	};

	a.table = memory(rows * a.table_stride, 0x3fffffff);
	a.index = numbers(a.count, rows);
	a.dst = memory(count_bags * a.dst_stride, 0);
	a.offset = memory(count_bags * 4, 0);
	check(seedchip_buffer_map(buffers[num_buffers - 1], (void **)&v), "map");
	for (uint32_t i = 0; i < count_bags; i++)
		v[i] = i * per_bag;
	if (type == SDO_I8) {
		a.scale_stride = 4;
		a.scale = memory(rows * 4, 0x3fffffff);
	}
	BYTES(embedding_bag, name,
	      (double)a.count * (a.table_stride + 4 + a.scale_stride) +
		      (double)count_bags * a.dst_stride, a);
}

static void argmax(const char *name, uint32_t type, uint32_t rows, uint32_t n)
{
	struct sdo_argmax a = {
		.rows = rows, .n = n, .type = type, .src_stride = (uint64_t)n * bytes_of(type),
	};

	a.src = memory(rows * a.src_stride, 0x3fff3fff);
	a.dst = memory(rows * 4, 0);
	BYTES(argmax, name, (double)rows * (a.src_stride + 4), a);
}

static void topk(const char *name, uint32_t rows, uint32_t n, uint32_t k)
{
	struct sdo_topk a = {
		.rows = rows, .n = n, .k = k, .type = SDO_F32, .src_stride = n * 4ull,
	};

	a.src = memory(rows * a.src_stride, 0x3fffffff);
	a.dst = memory(rows * k * 4, 0);
	a.value = memory(rows * k * 4, 0);
	BYTES(topk, name, (double)rows * (a.src_stride + k * 8), a);
}

/* ---- few bits, layouts ---- */

static struct sdo_quantize numbers_of(uint32_t m, uint32_t k, uint32_t group, uint32_t type_q)
{
	uint32_t groups = group > 1 ? k / group : 1;
	struct sdo_quantize a = {
		.m = m, .k = k, .group = group, .type_x = SDO_BF16, .type_q = type_q,
		.type_scale = SDO_F16, .stride_x = k * 2ull,
		.stride_q = (uint64_t)k * sdo_type_bits(type_q) / 8,
		.stride_scale = { groups * 2ull, 2 },
	};

	a.x = memory(m * a.stride_x, 0x3fff3fff);
	a.q = memory(m * a.stride_q, ~0u);
	a.scale = memory(m * a.stride_scale[0], 0x3fff3fff);
	return a;
}

static void quantize(const char *name, uint32_t m, uint32_t k, uint32_t group, uint32_t type_q)
{
	struct sdo_quantize a = numbers_of(m, k, group, type_q);

	BYTES(quantize, name, (double)m * (a.stride_x + a.stride_q + a.stride_scale[0]), a);
}

static void quantize_scales(const char *name, uint32_t m, uint32_t k, uint32_t group)
{
	struct sdo_quantize a = numbers_of(m, k, group, SDO_I8);

	a.stride_scale[0] = 0;
	BYTES(quantize_scales, name, (double)m * a.stride_x, a);
}

static void dequantize(const char *name, uint32_t m, uint32_t k, uint32_t group, uint32_t type_q)
{
	struct sdo_quantize q = numbers_of(m, k, group, type_q);
	struct sdo_dequantize a = {
		.q = q.q, .x = q.x, .scale = q.scale, .stride_q = q.stride_q,
		.stride_x = q.stride_x, .stride_scale = { q.stride_scale[0], 2 }, .m = m, .k = k,
		.group = group, .type_q = type_q, .type_x = SDO_BF16, .type_scale = SDO_F16,
	};

	BYTES(dequantize, name, (double)m * (a.stride_x + a.stride_q + a.stride_scale[0]), a);
}

/* Prompts of 8 sequences into a cache of 8 heads of 128 bf16, or one token of each of many. */
static struct sdo_kv_append kv(uint32_t sequences, uint32_t tokens)
{
	uint64_t token = 8 * 128 * 2;
	struct sdo_kv_append a = {
		.n_sequences = sequences, .n_new = tokens, .n_heads = 8, .d = 128,
		.max_pages = (tokens + 15) / 16, .type = SDO_BF16,
		.x_stride = { token, 256, token * tokens },
	};

	a.num_pages = sequences * a.max_pages;
	a.x = memory(sequences * a.x_stride.sequence, ~0u);
	a.cache = memory(16ull * a.num_pages * token, 0);
	a.pages = memory(a.num_pages * 4, 0);
	return a;
}

/* Page numbers in turn, as an allocator gives them to sequences that grow together. */
static void list_pages(const struct sdo_kv_append *a)
{
	uint32_t *v;

	check(seedchip_buffer_map(buffers[num_buffers - 1], (void **)&v), "map");
	for (uint32_t i = 0; i < a->num_pages; i++)
		v[i] = i % a->max_pages * a->n_sequences + i / a->max_pages;
}

static void kv_rows(void)
{
	struct sdo_kv_append prompts = kv(8, 2048), tokens;

	list_pages(&prompts);
	BYTES(kv_append, "kv_append bf16, 8 prompts of 2048", 4.0 * 8 * 2048 * 1024, prompts);
	prompts = kv(8, 2048);
	list_pages(&prompts);
	BYTES(kv_read, "kv_read bf16, 8 sequences of 2048", 4.0 * 8 * 2048 * 1024, prompts);
	tokens = kv(4096, 1);
	list_pages(&tokens);
	BYTES(kv_append, "kv_append bf16, a token of each of 4096", 4.0 * 4096 * 1024, tokens);
}

static void pack(const char *name, uint32_t type, uint32_t group, bool nk, bool pack)
{
	struct sdo_pack_weights a = {
		.layout = { .n = 4096, .k = 4096, .group = group, .type = type,
			    .type_scale = SDO_F16 },
		.nk = nk, .stride = 4096ull * sdo_type_bits(type) / 8, .stride_scales = 4096 * 2,
	};
	uint64_t size = sdo_packed_size(&a.layout);

	a.values = memory(4096 * a.stride, ~0u);
	a.packed = memory(size, ~0u);
	a.scales = group ? memory(4096 / group * a.stride_scales, 0x3fff3fff) : 0;
	if (pack)
		BYTES(pack_weights, name, 2.0 * size, a);
	else
		BYTES(unpack_weights, name, 2.0 * size, a);
}

static void layout_rows(void)
{
	quantize("quantize bf16 to i8, scales of rows, 4096 x 4096", 4096, 4096, 0, SDO_I8);
	quantize("quantize bf16 to i8, groups of 32", 4096, 4096, 32, SDO_I8);
	quantize("quantize bf16 to i4, groups of 32", 4096, 4096, 32, SDO_I4);
	quantize_scales("quantize_scales bf16, columns of 4096 x 4096", 4096, 4096, 1);
	quantize_scales("quantize_scales bf16, all of 4096 x 4096", 4096, 4096, 0);
	dequantize("dequantize i8 to bf16, scales of rows", 4096, 4096, 0, SDO_I8);
	dequantize("dequantize i4 to bf16, groups of 32", 4096, 4096, 32, SDO_I4);
	kv_rows();
	pack("pack_weights i8 [k][n]", SDO_I8, 0, false, true);
	pack("pack_weights i4 [n][k], groups of 32", SDO_I4, 32, true, true);
	pack("pack_weights bf16 [n][k]", SDO_BF16, 0, true, true);
	pack("unpack_weights i8 to [k][n]", SDO_I8, 0, false, false);
	pack("unpack_weights i4 to [n][k], groups of 32", SDO_I4, 32, true, false);
}

/* ---- images ---- */

static struct sdo_window window(uint32_t n, uint32_t size, uint32_t c, uint32_t kernel,
				uint32_t stride, uint32_t type, uint32_t k, uint32_t dst_type)
{
	uint32_t out = (size + stride - 1) / stride, es = bytes_of(type), ds = bytes_of(dst_type);
	struct sdo_window w = {
		.n = n, .h = size, .w = size, .c = c, .oh = out, .ow = out, .kh = kernel,
		.kw = kernel, .stride = { stride, stride }, .dilation = { 1, 1 },
		.pad = { kernel / 2, kernel / 2 },
	};

	for (int i = 2; i >= 0; i--) {
		w.src_stride[i] = i == 2 ? (uint64_t)c * es : w.src_stride[i + 1] * size;
		w.dst_stride[i] = i == 2 ? (uint64_t)k * ds : w.dst_stride[i + 1] * out;
	}
	w.src = memory(n * w.src_stride[0], 0x3f3f3f3f);
	w.dst = memory(n * w.dst_stride[0], 0);
	return w;
}

static double window_bytes(const struct sdo_window *w)
{
	return (double)w->n * (w->src_stride[0] + w->dst_stride[0]);
}

static void conv2d(const char *name, uint32_t n, uint32_t size, uint32_t c, uint32_t k,
		   uint32_t kernel, uint32_t stride, uint32_t type)
{
	uint32_t es = bytes_of(type);
	uint64_t weights = (uint64_t)kernel * kernel * c * k;
	struct sdo_conv2d a = {
		.win = window(n, size, c, kernel, stride, type, k, type), .k = k, .groups = 1,
		.type = type, .dst_type = type, .clamp = 1, .high = 1e30f,
	};
	double macs = (double)n * a.win.oh * a.win.ow * weights;
	double peak = card.cores * (es == 1 ? 4096 : 2048) * 2.0 * info.clock_khz / 1e6;
	struct seedchip_dim dim;
	int r;

	a.weight = memory(weights * es, 0x3f3f3f3f);
	a.bias = memory(k * 4, 0xff);
	a.scale = type == SDO_I8 ? memory(k * 4, 0x3fff) : 0;
	r = sdo_conv2d_dim(&a, &card, &dim);
	measure("conv2d", name, "Gop/s", 2 * macs, peak, &a, sizeof(a), r, &dim);
}

static void dwconv2d(const char *name, uint32_t size, uint32_t c, uint32_t kernel, uint32_t stride,
		     uint32_t type)
{
	struct sdo_dwconv2d a = {
		.win = window(8, size, c, kernel, stride, type, c, type), .type = type,
		.dst_type = type, .clamp = 1, .high = 1e30f,
	};

	a.weight = memory((uint64_t)kernel * kernel * c * bytes_of(type), 0x3fff);
	a.bias = memory(c * 4, 0xff);
	a.scale = type == SDO_I8 ? memory(c * 4, 0x3fff) : 0;
	BYTES(dwconv2d, name, window_bytes(&a.win), a);
}

static void pool2d(const char *name, uint32_t n, uint32_t size, uint32_t c, uint32_t kernel,
		   uint32_t stride, uint32_t type, uint32_t mode)
{
	struct sdo_pool2d a = {
		.win = window(n, size, c, kernel, stride, type, c, type), .type = type,
		.mode = mode,
	};

	if (kernel == size)
		memset(a.win.pad, 0, sizeof(a.win.pad));
	BYTES(pool2d, name, window_bytes(&a.win), a);
}

static void resize(const char *name, uint32_t n, uint32_t size, uint32_t c, uint32_t out,
		   uint32_t type, uint32_t mode)
{
	uint64_t pixel = (uint64_t)c * bytes_of(type);
	struct sdo_resize a = {
		.n = n, .h = size, .w = size, .c = c, .oh = out, .ow = out, .type = type,
		.mode = mode, .src_stride = { size * size * pixel, size * pixel, pixel },
		.dst_stride = { out * out * pixel, out * pixel, pixel },
	};

	a.src = memory(n * a.src_stride[0], 0x3f3f3f3f);
	a.dst = memory(n * a.dst_stride[0], 0);
	BYTES(resize, name, (double)n * (a.src_stride[0] + a.dst_stride[0]), a);
}

static void data_rows(void)
{
	copy_dense("copy f32, 8 Mi elements", SDO_F32, SDO_F32);
	copy_dense("cast f32 to bf16", SDO_F32, SDO_BF16);
	copy_dense("cast e4m3 to f32", SDO_E4M3, SDO_F32);
	copy_dense("cast f32 to e4m3", SDO_F32, SDO_E4M3);
	transpose("transpose f32 4096 x 2048", SDO_F32, 4096, 2048);
	transpose("transpose bf16 4096 x 4096", SDO_BF16, 4096, 4096);
	transpose("transpose i8 8192 x 4096", SDO_I8, 8192, 4096);
	split_heads();
	get_rows("get_rows f32, 512 a row", SDO_F32, 65536, 512);
	get_rows("get_rows i8 with scales to f32", SDO_I8, 65536, 512);
	get_rows("get_rows i4, groups of 32, to f32", SDO_I4, 65536, 512);
	set_rows("set_rows f32", SDO_F32, 512);
	set_rows("set_rows f32 to f16", SDO_F16, 512);
	bags("embedding_bag f32, 128 a row", SDO_F32, 128);
	bags("embedding_bag f16, 128 a row", SDO_F16, 128);
	bags("embedding_bag i8 with scales, 128 a row", SDO_I8, 128);
	argmax("argmax f32 64 x 131072", SDO_F32, 64, 131072);
	argmax("argmax bf16 64 x 131072", SDO_BF16, 64, 131072);
	argmax("argmax f32 1 x 131072", SDO_F32, 1, 131072);
	topk("topk 40 of f32 64 x 131072", 64, 131072, 40);
	topk("topk 40 of f32 1 x 131072", 1, 131072, 40);
	topk("topk 8 of f32 4096 x 256", 4096, 256, 8);
}

static void vision_rows(void)
{
	conv2d("conv2d i8 3 x 3, 56 x 56 x 64 to 64", 8, 56, 64, 64, 3, 1, SDO_I8);
	conv2d("conv2d i8 3 x 3, 28 x 28 x 128 to 128", 16, 28, 128, 128, 3, 1, SDO_I8);
	conv2d("conv2d i8 3 x 3, 14 x 14 x 256 to 256", 16, 14, 256, 256, 3, 1, SDO_I8);
	conv2d("conv2d i8 1 x 1, 14 x 14 x 1024 to 256", 16, 14, 1024, 256, 1, 1, SDO_I8);
	conv2d("conv2d i8 3 x 3 / 2, 56 x 56 x 128 to 128", 8, 56, 128, 128, 3, 2, SDO_I8);
	conv2d("conv2d i8 7 x 7 / 2, 224 x 224 x 3 to 64", 8, 224, 3, 64, 7, 2, SDO_I8);
	conv2d("conv2d bf16 3 x 3, 28 x 28 x 128 to 128", 16, 28, 128, 128, 3, 1, SDO_BF16);
	conv2d("conv2d bf16 3 x 3, 14 x 14 x 256 to 256", 16, 14, 256, 256, 3, 1, SDO_BF16);
	conv2d("conv2d bf16 1 x 1, 14 x 14 x 1024 to 256", 16, 14, 1024, 256, 1, 1, SDO_BF16);
	dwconv2d("dwconv2d f32 3 x 3, 56 x 56 x 144", 56, 144, 3, 1, SDO_F32);
	dwconv2d("dwconv2d bf16 3 x 3, 56 x 56 x 144", 56, 144, 3, 1, SDO_BF16);
	dwconv2d("dwconv2d bf16 3 x 3 / 2, 112 x 112 x 96", 112, 96, 3, 2, SDO_BF16);
	dwconv2d("dwconv2d i8 3 x 3, 56 x 56 x 144", 56, 144, 3, 1, SDO_I8);
	pool2d("pool2d max bf16 3 x 3 / 2, 112 x 112 x 64", 16, 112, 64, 3, 2, SDO_BF16,
	       SDO_POOL_MAX);
	pool2d("pool2d average f32 7 x 7 of 7 x 7 x 2048", 64, 7, 2048, 7, 7, SDO_F32,
	       SDO_POOL_AVG);
	resize("resize bilinear bf16 128 x 128 x 64 to 256", 4, 128, 64, 256, SDO_BF16,
	       SDO_RESIZE_BILINEAR);
	resize("resize bilinear i8 1024 x 1024 x 3 to 512", 4, 1024, 3, 512, SDO_I8,
	       SDO_RESIZE_BILINEAR);
	resize("resize nearest bf16 128 x 128 x 64 to 256", 4, 128, 64, 256, SDO_BF16,
	       SDO_RESIZE_NEAREST);
}

int main(void)
{
	struct seedchip_queue_desc desc = { .size = sizeof(desc), .timeout_ms = 600000 };

	setenv("SEEDCHIP_DEVICE", "sim:timing=1", 1);
	check(seedchip_device_open(0, &device), "device");
	check(seedchip_device_info(device, &info), "device");
	check(sdo_card_of(device, &card), "card");
	check(seedchip_queue_create(device, &desc, &queue), "queue");
	data_rows();
	layout_rows();
	vision_rows();
	seedchip_queue_destroy(queue);
	seedchip_device_close(device);
	return 0;
}
