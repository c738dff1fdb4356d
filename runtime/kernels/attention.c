// SPDX-License-Identifier: MIT
/*
 * attention: of many queries, in one pass over the keys; see struct
 * sdo_attention.
 *
 * A workgroup has up to four tiles of 64 queries that share a KV head. Blocks of
 * 64 keys pass by: while the hart turns the scores of block j into powers, the
 * matrix engine multiplies the powers of block j - 1 by its values and computes
 * the scores of block j + 2. The longest workgroups come first, so that the cores
 * end at about the same time. The invariant: block i uses slot i modulo the size
 * of each ring, and counters count blocks.
 */
#include <seedchip/kernel.h>

#include "attention.h"

SD_USES(XSDM_BF16);
SD_USES(XSDM_FP16);
SD_USES(XSDM_FP32);

enum { KEYS, VALUES, SCORES, SUMS, QUERIES, RESULTS, LENGTH }; /* counters */
enum { DMA_K, DMA_V, DMA_Q }; /* channels; the last one also stores */

#define AHEAD	  2u /* blocks by which scores are ahead of powers */
#define SCORE_ACC 12u /* accumulators of scores, one a tile; those below are results */

/* Keys or values as they are loaded, block by block. */
struct feed {
	struct sc_dma dma; /* of the next block */
	uint64_t stride; /* from row to row, may be too large for a DMA operation */
	uint64_t first; /* slot */
	uint32_t slot; /* number of the next one */
};

struct attention {
	const struct sdo_attention *args;
	struct sdo_attention_plan_ plan;
	struct softmax softmax;
	uint32_t size, width, tiles_v; /* tiles_v: of d_v */
	uint32_t sequence, kv_head, head, position; /* the first ones */
	uint32_t begin, end, blocks; /* of keys */
	int32_t offset; /* query i sees keys up to i + offset */
	uint32_t window;
	struct feed k, v;
	struct sc_tile score_tile, result_tile; /* of the block at hand */
	uint8_t queries[4]; /* of each tile */
	uint8_t *q, *powers, *out;
	float *scores, *factor, *inverse;
	int32_t *place; /* by lane: position + offset - row */
};

static void lay_out(struct attention *a)
{
	const struct sdo_attention *args = a->args;
	uint32_t width = a->width;
	uint8_t *at = sd_dynamic();

	a->k.first = (uintptr_t)take(&at, a->plan.ring * 64 * args->d * a->size);
	a->v.first = (uintptr_t)take(&at, a->plan.ring * 64 * args->d_v * a->size);
	a->q = take(&at, width * args->d * a->size);
	a->scores = take(&at, 3 * 64 * width * 4);
	a->powers = take(&at, 2 * 64 * width * a->size);
	a->out = take(&at, width * args->d_v * 4);
	a->factor = take(&at, 2 * SOFTMAX_LANES * 4);
	a->inverse = take(&at, width * 4);
	a->place = take(&at, SOFTMAX_LANES * 4);
	a->softmax = (struct softmax){
		.width = width, .lanes = SOFTMAX_LANES, .scale = args->scale * LOG2E,
		.reference = take(&at, SOFTMAX_LANES * 4),
		.sum = take(&at, SOFTMAX_LANES * 4),
		.top = take(&at, SOFTMAX_LANES * 4),
	};
}

static uint32_t length_of(const struct attention *a)
{
	const struct sdo_attention *args = a->args;
	uint32_t *length = (void *)a->inverse;

	if (!args->lengths)
		return args->n_kv;
	sd_dma_1d(DMA_K, length, (const uint32_t *)args->lengths + a->sequence, sizeof(*length));
	sd_post(SC_EQ_DMA0 + DMA_K, LENGTH);
	sd_await(LENGTH, 1);
	return least(args->n_kv, *length);
}

/* Queries of tile @t that there are. */
static uint32_t queries_of(const struct attention *a, uint32_t t)
{
	uint32_t first = a->position + t / a->plan.heads * 64;

	return first < a->args->n_q ? least(64, a->args->n_q - first) : 0;
}

/* Which keys the queries of this workgroup see. */
static void find_keys(struct attention *a)
{
	const struct sdo_attention *args = a->args;
	uint32_t last = least(a->position + 64 * a->plan.tiles / a->plan.heads, args->n_q) - 1;
	uint32_t length = length_of(a);
	int32_t bound;

	a->offset = args->offset;
	if (args->flags & SDO_ATTENTION_AT_END)
		a->offset += (int32_t)(length - args->n_q);
	a->end = length;
	if (args->flags & SDO_ATTENTION_CAUSAL) {
		bound = (int32_t)last + a->offset + 1;
		a->end = bound < 0 ? 0 : least(length, (uint32_t)bound);
	}
	a->window = 1u << 31;
	if (args->window) {
		a->window = args->window;
		bound = (int32_t)(a->position - args->window) + a->offset + 1;
		a->begin = bound < 0 ? 0 : least(a->end, (uint32_t)bound);
	}
	a->blocks = (a->end - a->begin + 63) / 64;
	a->blocks += !a->blocks;
}

static uint32_t keys_of(const struct attention *a, uint32_t block)
{
	return least(64, a->end - a->begin - block * 64);
}

static void set_places(const struct attention *a)
{
	uint32_t shift = (uint32_t)__builtin_ctz(a->plan.heads);
	uint32_t row = (uint32_t)__builtin_ctz(a->width);
	size_t vl;

	for (uint32_t i = 0; i < SOFTMAX_LANES; i += (uint32_t)vl) {
		vl = __riscv_vsetvl_e32m4(SOFTMAX_LANES - i);

		vuint32m4_t lane = __riscv_vadd_vx_u32m4(__riscv_vid_v_u32m4(vl), i, vl);
		vuint32m4_t query = __riscv_vand_vx_u32m4(lane, a->width - 1, vl), place;

		place = __riscv_vsrl_vx_u32m4(__riscv_vsrl_vx_u32m4(query, 6, vl), shift, vl);
		place = __riscv_vsll_vx_u32m4(place, 6, vl);
		place = __riscv_vadd_vv_u32m4(place, __riscv_vand_vx_u32m4(query, 63, vl), vl);
		place = __riscv_vsub_vv_u32m4(place, __riscv_vsrl_vx_u32m4(lane, row, vl), vl);
		place = __riscv_vadd_vx_u32m4(place, a->position + (uint32_t)a->offset, vl);
		__riscv_vse32_v_u32m4((uint32_t *)a->place + i, place, vl);
	}
}

/* ---- loads ---- */

static void load_queries(const struct attention *a)
{
	const struct sdo_attention *args = a->args;
	const struct sdo_stride *qs = &args->q_stride;
	uint32_t row = args->d * a->size, heads = a->plan.heads;

	for (uint32_t t = 0; t < a->plan.tiles; t++)
		copy_rows(DMA_Q, a->q + t * 64 * row,
			  args->q + (a->position + t / heads * 64) * qs->token +
				  (a->head + t % heads) * qs->head + a->sequence * qs->sequence,
			  qs->token, row, queries_of(a, t));
	sd_post(SC_EQ_DMA0 + DMA_Q, QUERIES);
	sd_hold(SC_EQ_MATRIX, QUERIES, 1);
}

/* The rows of this workgroup begin at @src. */
static void set_feed(struct feed *f, uint64_t src, const struct sdo_stride *stride, uint32_t row)
{
	f->stride = stride->token;
	f->dma = (struct sc_dma){
		.kind = SC_DMA_COPY, .size0 = row, .size2 = 1, .src = src, .dst = f->first,
		.src_stride = { (uint32_t)stride->token }, .dst_stride = { row },
	};
}

static void set_feeds(struct attention *a)
{
	const struct sdo_attention *args = a->args;
	const struct sdo_stride *k = &args->k_stride, *v = &args->v_stride;

	set_feed(&a->k,
		 args->k + a->begin * k->token + a->kv_head * k->head + a->sequence * k->sequence,
		 k, args->d * a->size);
	set_feed(&a->v,
		 args->v + a->begin * v->token + a->kv_head * v->head + a->sequence * v->sequence,
		 v, args->d_v * a->size);
}

static void load_rows(const struct attention *a, struct feed *f, uint32_t channel, uint32_t rows)
{
	f->dma.size1 = rows;
	if (f->stride <= UINT32_MAX)
		sdd_go(channel, &f->dma);
	else
		copy_rows(channel, (uint8_t *)f->dma.dst, f->dma.src, f->stride, f->dma.size0,
			  rows);
	f->dma.src += 64 * f->stride;
	f->dma.dst += 64 * f->dma.size0;
	if (++f->slot == a->plan.ring) {
		f->slot = 0;
		f->dma.dst = f->first;
	}
}

static void load(struct attention *a, uint32_t block)
{
	uint32_t keys = keys_of(a, block);

	if (block >= a->plan.ring) {
		sd_hold(SC_EQ_DMA0 + DMA_K, SCORES, block - a->plan.ring + 1);
		sd_hold(SC_EQ_DMA0 + DMA_V, SUMS, block - a->plan.ring + 1);
	}
	load_rows(a, &a->k, DMA_K, keys);
	sd_post(SC_EQ_DMA0 + DMA_K, KEYS);
	load_rows(a, &a->v, DMA_V, keys);
	sd_post(SC_EQ_DMA0 + DMA_V, VALUES);
}

/* ---- products ---- */

static void set_tiles(struct attention *a)
{
	a->score_tile = attention_tile(64, 64, a->args->d, a->args->type, SC_FMT_F32);
	a->score_tile.flags = SC_TILE_B_NK;
	a->score_tile.stride_a = a->args->d * a->size;
	a->score_tile.stride_b = a->score_tile.stride_a;
	a->result_tile = attention_tile(64, 64, 64, a->args->type, SC_FMT_F32);
	a->result_tile.flags = SC_TILE_A_KM;
	a->result_tile.stride_a = a->width * a->size;
	a->result_tile.stride_b = a->args->d_v * a->size;
	for (uint32_t t = 0; t < a->plan.tiles; t++)
		a->queries[t] = (uint8_t)queries_of(a, t);
}

/* Tiles of which some query sees a key of the block, as bits; other scores are hidden anyway. */
static uint32_t busy_tiles(const struct attention *a, uint32_t block)
{
	uint32_t busy = 0, heads = a->plan.heads;
	int32_t key = (int32_t)(a->begin + block * 64);

	if (heads == a->plan.tiles || !(a->args->flags & SDO_ATTENTION_CAUSAL))
		return ~0u;
	for (uint32_t t = 0; t < a->plan.tiles; t++)
		if (key <= (int32_t)(a->position + t / heads * 64) + 63 + a->offset)
			busy |= 1u << t;
	return busy;
}

/*
 * The products of a block, for numbers of tiles that the compiler knows, so that
 * accumulators are immediates; or does not, and the loops stay loops.
 */
#pragma clang diagnostic ignored "-Wpass-failed"

/* Scores, [key][query], stay in accumulators: K times Q transposed. */
SD_INLINE void multiply_keys_of(struct attention *a, uint32_t block, uint32_t tiles)
{
	uint32_t busy = busy_tiles(a, block), row = a->score_tile.stride_a;
	const uint8_t *k = (const uint8_t *)a->k.first + block % a->plan.ring * 64 * row;
	const uint8_t *q = a->q;

	a->score_tile.m = (uint8_t)keys_of(a, block);
	sd_hold(SC_EQ_MATRIX, KEYS, block + 1);
#pragma clang loop unroll(full)
	for (uint32_t t = 0; t < tiles; t++, q += 64 * row) {
		if (!(busy & 1u << t))
			continue;
		a->score_tile.n = a->queries[t];
		sdm_cfg(0, &a->score_tile);
		sdm_mma_z(SCORE_ACC + t, k, q);
	}
}

static void multiply_keys(struct attention *a, uint32_t block)
{
	if (a->plan.tiles == 4)
		multiply_keys_of(a, block, 4);
	else
		multiply_keys_of(a, block, a->plan.tiles);
}

SD_INLINE void store_scores(struct attention *a, uint32_t t, uint32_t block)
{
	a->score_tile.n = a->queries[t];
	sdm_cfg(0, &a->score_tile);
	sdm_st(SCORE_ACC + t, a->scores + block % 3 * 64 * a->width + t * 64, a->width * 4);
}

/* Powers times V. Between the tiles the scores of a later block leave their accumulators. */
SD_INLINE void multiply_values_of(struct attention *a, uint32_t block, uint32_t tiles,
				  uint32_t tiles_v)
{
	uint32_t size = a->size, row = a->result_tile.stride_b, later = block + AHEAD;
	uint32_t busy = block ? busy_tiles(a, block) : ~0u;
	uint32_t last = a->args->d_v - (tiles_v - 1) * 64;
	uint32_t busy_later = later < a->blocks ? busy_tiles(a, later) : 0;
	const uint8_t *powers = a->powers + block % 2 * 64 * a->result_tile.stride_a;
	const uint8_t *v = (const uint8_t *)a->v.first + block % a->plan.ring * 64 * row;

	a->result_tile.k = (uint16_t)keys_of(a, block);
	if (busy_later)
		a->score_tile.m = (uint8_t)keys_of(a, later);
	sd_hold(SC_EQ_MATRIX, VALUES, block + 1);
#pragma clang loop unroll(full)
	for (uint32_t t = 0; t < tiles; t++) {
		a->result_tile.m = a->queries[t];
#pragma clang loop unroll(full)
		for (uint32_t i = 0; i < tiles_v; i++) {
			if (!(busy & 1u << t))
				continue;
			a->result_tile.n = (uint8_t)(i + 1 < tiles_v ? 64 : last);
			sdm_cfg(1, &a->result_tile);
			if (block)
				sdm_mma(t * tiles_v + i, powers + t * 64 * size, v + i * 64 * size);
			else
				sdm_mma_z(t * tiles_v + i, powers + t * 64 * size,
					  v + i * 64 * size);
		}
		if (busy_later & 1u << t)
			store_scores(a, t, later);
	}
	sd_post(SC_EQ_MATRIX, SUMS);
	sd_post(SC_EQ_MATRIX, SCORES);
}

static void multiply_values(struct attention *a, uint32_t block)
{
	if (a->plan.tiles == 4 && a->tiles_v == 2)
		multiply_values_of(a, block, 4, 2);
	else
		multiply_values_of(a, block, a->plan.tiles, a->tiles_v);
}

static void scale_results(struct attention *a, const float *factor)
{
	for (uint32_t t = 0; t < a->plan.tiles; t++) {
		for (uint32_t i = 0; i < a->tiles_v; i++) {
			a->result_tile.m = a->queries[t];
			a->result_tile.n = (uint8_t)least(64, a->args->d_v - i * 64);
			sdm_cfg(1, &a->result_tile);
			sdm_mul_r(t * a->tiles_v + i, factor + t * 64);
		}
	}
}

/* ---- softmax ---- */

/* Scores of keys that a query does not see become -infinity. */
static void hide_keys(const struct attention *a, float *scores, uint32_t key, uint32_t rows)
{
	size_t vl;

	for (uint32_t f = 0; f < SOFTMAX_LANES; f += (uint32_t)vl) {
		vl = __riscv_vsetvl_e32m4(SOFTMAX_LANES - f);

		vuint32m4_t place = __riscv_vle32_v_u32m4((uint32_t *)a->place + f, vl);

		for (uint32_t i = 0; i < rows; i++) {
			float *at = scores + i * SOFTMAX_LANES + f;
			uint32_t first = key + i * (SOFTMAX_LANES / a->width);
			vuint32m4_t back = __riscv_vsub_vx_u32m4(place, first, vl);
			vbool8_t hidden = __riscv_vmsgeu_vx_u32m4_b8(back, a->window, vl);
			vec x = __riscv_vle32_v_f32m4(at, vl);

			x = __riscv_vfmerge_vfm_f32m4(x, -__builtin_inff(), hidden, vl);
			__riscv_vse32_v_f32m4(at, x, vl);
		}
	}
}

/* Whether all queries see all keys of the block. */
static bool all_seen(const struct attention *a, uint32_t key, uint32_t keys)
{
	int32_t first = (int32_t)a->position + a->offset;
	int32_t last = first + (int32_t)(64 * a->plan.tiles / a->plan.heads) - 1;

	if (!(a->args->flags & SDO_ATTENTION_CAUSAL))
		return true;
	return (int32_t)(key + keys) - 1 <= first &&
	       (!a->args->window || last - (int32_t)key < (int32_t)a->window);
}

static void attend(struct attention *a, uint32_t block)
{
	uint32_t keys = keys_of(a, block), key = a->begin + block * 64, count = keys * a->width;
	uint32_t rows = (count + SOFTMAX_LANES - 1) / SOFTMAX_LANES;
	float *scores = a->scores + block % 3 * 64 * a->width;
	float *factor = a->factor + block % 2 * SOFTMAX_LANES;
	bool above;

	rows += !rows;
	sd_await(SCORES, block + 1);
	softmax_fill(scores + count, -__builtin_inff(), rows * SOFTMAX_LANES - count);
	if (!all_seen(a, key, keys))
		hide_keys(a, scores, key, rows);
	above = softmax_top(&a->softmax, scores, rows);
	if (block + AHEAD < a->blocks)
		multiply_keys(a, block + AHEAD);
	if (block >= 2)
		sd_await(SUMS, block - 1);
	if (above || !block) {
		softmax_rescale(&a->softmax, factor);
		if (block)
			scale_results(a, factor);
	}
	softmax_powers(&a->softmax, scores, a->powers + block % 2 * 64 * a->width * a->size, rows,
		       a->args->type);
	multiply_values(a, block);
	if (block + a->plan.ring < a->blocks)
		load(a, block + a->plan.ring);
}

static void finish(struct attention *a)
{
	const struct sdo_attention *args = a->args;
	const struct sdo_stride *os = &args->out_stride;
	uint32_t size = sdo_type_bits(args->type_out) / 8, row = args->d_v * size;
	uint32_t heads = a->plan.heads;

	softmax_finish(&a->softmax, a->inverse);
	scale_results(a, a->inverse);
	a->result_tile.fmt_store = (uint8_t)args->type_out;
	for (uint32_t t = 0; t < a->plan.tiles; t++) {
		uint8_t *out = a->out + t * 64 * row;

		a->result_tile.m = a->queries[t];
		for (uint32_t i = 0; i < a->tiles_v; i++) {
			a->result_tile.n = (uint8_t)least(64, args->d_v - i * 64);
			sdm_cfg(1, &a->result_tile);
			sdm_st(t * a->tiles_v + i, out + i * 64 * size, row);
		}
		sd_post(SC_EQ_MATRIX, RESULTS);
		sd_hold(SC_EQ_DMA0 + DMA_Q, RESULTS, t + 1);
		spread_rows(DMA_Q,
			    args->out + (a->position + t / heads * 64) * os->token +
				    (a->head + t % heads) * os->head + a->sequence * os->sequence,
			    os->token, out, row, a->queries[t]);
	}
}

SD_KERNEL(attention, struct sdo_attention)
{
	struct attention a = {
		.args = args,
		.plan = sdo_attention_plan_(args, sd_dynamic_size()),
		.size = sdo_type_bits(args->type) / 8,
		.tiles_v = (args->d_v + 63) / 64,
	};
	uint32_t groups = args->n_heads / a.plan.heads;

	a.width = 64 * a.plan.tiles;
	a.sequence = sd_wg_x() / groups;
	a.head = sd_wg_x() % groups * a.plan.heads;
	a.kv_head = a.head / (args->n_heads / args->n_kv_heads);
	a.position = (sd_grid_y() - 1 - sd_wg_y()) * (64 * a.plan.tiles / a.plan.heads);
	lay_out(&a);
	find_keys(&a);
	set_tiles(&a);
	set_feeds(&a);
	load_queries(&a);
	for (uint32_t i = 0; i < a.plan.ring && i < a.blocks; i++)
		load(&a, i);
	set_places(&a);
	softmax_start(&a.softmax);
	/* queries that fill up a tile must not count; all else is written before it is read */
	if (queries_of(&a, a.plan.tiles - 1) < 64)
		softmax_fill(a.scores, -__builtin_inff(), 3 * 64 * a.width);
	for (uint32_t i = 0; i < AHEAD; i++) {
		if (i < a.blocks) {
			multiply_keys(&a, i);
			for (uint32_t t = 0; t < a.plan.tiles; t++)
				if (busy_tiles(&a, i) & 1u << t)
					store_scores(&a, t, i);
		}
		sd_post(SC_EQ_MATRIX, SCORES);
	}
	for (uint32_t i = 0; i < a.blocks; i++)
		attend(&a, i);
	finish(&a);
}
