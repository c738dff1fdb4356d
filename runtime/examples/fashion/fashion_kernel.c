// SPDX-License-Identifier: MIT
/*
 * Compute kernel of the Fashion-MNIST demo: a network of dense layers on int8,
 * with the meaning of tools/train/reference.h. A workgroup classifies up to 64
 * images.
 *
 * Who does what: DMA channel 0 streams the weights of all layers through a ring
 * of buffers, always up to three ahead of the matrix engine; channel 1 brings
 * the images in blocks, so that the hart halves the pixels of one block while
 * the next is on its way; channel 2 brings biases and multipliers; channel 3
 * writes the labels. The matrix engine starts each sum with the bias, multiplies
 * when a buffer of weights has arrived and frees it, all without the hart, which
 * meanwhile requantises what is complete.
 *
 * The invariant is freedom from races: whatever one side reads that another has
 * written lies behind a hold or an await on a counter that was posted after the
 * write, and nothing is overwritten before a counter says that it has been read.
 */
#include <seedchip/kernel.h>

#include "fashion.h"

#define BLOCK 16 /* images of a DMA transfer; times any k a multiple of 8 bytes */

enum channel { DMA_WEIGHTS, DMA_IMAGES, DMA_PARAMS, DMA_LABELS };

enum counter {
	C_LOADED, /* buffers of weights that have arrived */
	C_USED, /* buffers of weights that have been multiplied */
	C_IMAGES, /* blocks of images that have arrived */
	C_PARAMS, /* layers whose biases and multipliers have arrived */
	C_SUMS, /* tiles of sums that have been stored */
};

/*
 * The workgroup: its part of the work and its scratchpad. @layer, @row and
 * @loads say which weights are loaded next, @uses and @tiles count the buffers
 * and tiles that the matrix engine has been told to use and to store.
 */
struct work {
	const struct fashion_args *args;
	uint32_t m;
	int8_t *x;
	int32_t *sums;
	char *params;
	char *ring;
	uint32_t layer;
	uint32_t row;
	uint32_t loads;
	uint32_t uses;
	uint32_t tiles;
};

SD_INLINE uint32_t min_u32(uint32_t a, uint32_t b)
{
	return a < b ? a : b;
}

SD_INLINE uint32_t buffer_rows(const struct fashion_layer *l)
{
	return FASHION_CHUNK / l->n;
}

SD_INLINE char *buffer(const struct work *w, uint32_t index)
{
	return w->ring + index % FASHION_RING * FASHION_CHUNK;
}

/* The buffer may be overwritten when the multiplication of its last content is complete. */
static void load_weights(struct work *w)
{
	const struct fashion_layer *l = &w->args->layer[w->layer];
	uint32_t rows;

	if (w->layer == w->args->layers)
		return;
	rows = min_u32(buffer_rows(l), l->k - w->row);
	if (w->loads >= FASHION_RING)
		sd_hold(DMA_WEIGHTS, C_USED, w->loads - FASHION_RING + 1);
	sd_dma_1d(DMA_WEIGHTS, buffer(w, w->loads),
		  (const void *)(l->weights + (uint64_t)w->row * l->n), rows * l->n);
	sd_post(DMA_WEIGHTS, C_LOADED);
	w->loads++;
	w->row += rows;
	if (w->row == l->k) {
		w->row = 0;
		w->layer++;
	}
}

static void load_params(const struct work *w)
{
	char *to = w->params;

	for (uint32_t i = 0; i < w->args->layers; i++) {
		const struct fashion_layer *l = &w->args->layer[i];

		sd_dma_1d(DMA_PARAMS, to, (const void *)l->bias, l->n * 4);
		to += fashion_row_size(l->n);
		if (l->mult)
			sd_dma_1d(DMA_PARAMS, to, (const void *)l->mult, l->n * 4);
		to += fashion_row_size(l->n);
		sd_post(DMA_PARAMS, C_PARAMS);
	}
}

static void load_images(const struct work *w, uint32_t first)
{
	uint32_t k = w->args->layer[0].k;

	for (uint32_t i = 0; i < w->m; i += BLOCK) {
		sd_dma_1d(DMA_IMAGES, w->x + i * k,
			  (const void *)(w->args->images + (uint64_t)(first + i) * k),
			  min_u32(BLOCK, w->m - i) * k);
		sd_post(DMA_IMAGES, C_IMAGES);
	}
}

/* Pixels 0..255 to inputs 0..127, eight at a time; the last eight may hold a few bytes of none. */
static void halve_pixels(const struct work *w)
{
	uint32_t k = w->args->layer[0].k;

	for (uint32_t i = 0, blocks = 0; i < w->m; i += BLOCK) {
		uint64_t *p = (uint64_t *)(w->x + i * k);
		uint64_t *end = p + (min_u32(BLOCK, w->m - i) * k + 7) / 8;

		sd_await(C_IMAGES, ++blocks);
		for (; p < end; p++)
			*p = *p >> 1 & 0x7f7f7f7f7f7f7f7f;
	}
}

/* Select the tile of accumulator @t of a layer, for @k inputs. */
static void select_tile(const struct work *w, const struct fashion_layer *l, uint32_t t, uint32_t k)
{
	struct sc_tile tile = sd_tile(w->m, min_u32(SC_ACC_DIM, l->n - t * SC_ACC_DIM), k,
				      SD_FMT(I8), SD_FMT(I8), SC_FMT_I32);

	tile.stride_a = l->k;
	tile.stride_b = l->n;
	sdm_cfg(0, &tile);
}

/* Queue a whole layer: biases, products, sums to the scratchpad. Does not wait for any of it. */
static void multiply(struct work *w, uint32_t layer, const int32_t *bias)
{
	const struct fashion_layer *l = &w->args->layer[layer];
	uint32_t tiles = (l->n + SC_ACC_DIM - 1) / SC_ACC_DIM;
	uint32_t rows, t;

	sd_hold(SC_EQ_MATRIX, C_PARAMS, layer + 1);
	for (t = 0; t < tiles; t++) {
		select_tile(w, l, t, 0);
		sdm_ld(t, bias + t * SC_ACC_DIM, 0);
	}
	for (uint32_t row = 0; row < l->k; row += rows) {
		rows = min_u32(buffer_rows(l), l->k - row);
		load_weights(w);
		sd_hold(SC_EQ_MATRIX, C_LOADED, w->uses + 1);
		for (t = 0; t < tiles; t++) {
			select_tile(w, l, t, rows);
			sdm_mma(t, w->x + row, buffer(w, w->uses) + t * SC_ACC_DIM);
		}
		sd_post(SC_EQ_MATRIX, C_USED);
		w->uses++;
	}
	for (t = 0; t < tiles; t++) {
		select_tile(w, l, t, 0);
		sdm_st(t, w->sums + t * SC_ACC_DIM, l->n * 4);
		sd_post(SC_EQ_MATRIX, C_SUMS);
	}
}

/*
 * Sums to the inputs of the next layer, tile by tile as they are stored. The
 * inputs of this layer are overwritten: all its products are complete when the
 * first tile is.
 */
static void requantise(struct work *w, uint32_t layer, const int32_t *mult)
{
	const struct fashion_layer *l = &w->args->layer[layer];
	uint32_t shift = l->shift; /* stores of int8 may alias what lies behind a pointer */
	int64_t half = 1ll << (shift - 1);

	sd_await(C_PARAMS, layer + 1);
	for (uint32_t col = 0; col < l->n; col += SC_ACC_DIM) {
		uint32_t end = min_u32(l->n, col + SC_ACC_DIM);

		sd_await(C_SUMS, ++w->tiles);
		for (uint32_t i = 0; i < w->m; i++) {
			const int32_t *sum = w->sums + i * l->n;
			int8_t *y = w->x + i * l->n;

			for (uint32_t n = col; n < end; n++) {
				int64_t t = ((int64_t)sum[n] * mult[n] + half) >> shift;

				t = t < 0 ? 0 : t;
				y[n] = t > 127 ? 127 : t;
			}
		}
	}
}

/* The label of an image is the first of its largest sums. */
static void choose_labels(struct work *w, uint8_t *labels)
{
	uint32_t n = w->args->layer[w->args->layers - 1].n;

	sd_await(C_SUMS, w->tiles + (n + SC_ACC_DIM - 1) / SC_ACC_DIM);
	for (uint32_t i = 0; i < w->m; i++) {
		const int32_t *sum = w->sums + i * n;
		uint32_t best = 0;

		for (uint32_t c = 1; c < n; c++)
			if (sum[c] > sum[best])
				best = c;
		labels[i] = best;
	}
}

SD_KERNEL(fashion, struct fashion_args)
{
	struct fashion_scratch s = fashion_scratch(args);
	char *tcm = sd_dynamic();
	uint32_t first = sd_wg_x() * FASHION_GROUP;
	struct work w = {
		.args = args,
		.m = min_u32(FASHION_GROUP, args->count - first),
		.x = (int8_t *)(tcm + s.x),
		.sums = (int32_t *)(tcm + s.sums),
		.params = tcm + s.params,
		.ring = tcm + s.weights,
	};
	uint8_t *labels = (uint8_t *)(tcm + s.labels);
	char *params = w.params;

	sd_assert(first < args->count && s.size <= sd_dynamic_size());
	load_images(&w, first);
	load_params(&w);
	for (uint32_t i = 0; i < FASHION_RING - 1; i++)
		load_weights(&w);
	halve_pixels(&w);
	for (uint32_t i = 0; i < args->layers; i++) {
		uint32_t row_size = fashion_row_size(args->layer[i].n);

		multiply(&w, i, (const int32_t *)params);
		if (args->layer[i].mult)
			requantise(&w, i, (const int32_t *)(params + row_size));
		params += 2 * row_size;
	}
	choose_labels(&w, labels);
	sd_dma_1d(DMA_LABELS, (void *)(args->labels + first), labels, w.m);
}
