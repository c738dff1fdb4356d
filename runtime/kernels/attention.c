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

#define AHEAD 2u /* blocks by which scores are ahead of powers */

struct attention {
	const struct sdo_attention *args;
	struct sdo_attention_plan_ plan;
	struct softmax softmax;
	uint32_t size, width, tiles_v; /* tiles_v: of d_v */
	uint32_t sequence, kv_head, head, position; /* the first ones */
	uint32_t begin, end, blocks; /* of keys */
	int32_t offset; /* query i sees keys up to i + offset */
	uint32_t window;
	uint8_t *k, *v, *q, *powers, *out;
	float *scores, *factor, *inverse;
	int32_t *place; /* by lane: position + offset - row */
};

static void lay_out(struct attention *a)
{
	const struct sdo_attention *args = a->args;
	uint32_t width = a->width;
	uint8_t *at = sd_dynamic();

	a->k = take(&at, a->plan.ring * 64 * args->d * a->size);
	a->v = take(&at, a->plan.ring * 64 * args->d_v * a->size);
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

static void load(const struct attention *a, uint32_t block)
{
	const struct sdo_attention *args = a->args;
	const struct sdo_stride *ks = &args->k_stride, *vs = &args->v_stride;
	uint32_t slot = block % a->plan.ring, keys = keys_of(a, block);
	uint32_t row = args->d * a->size, row_v = args->d_v * a->size;
	uint64_t key = a->begin + block * 64;

	if (block >= a->plan.ring) {
		sd_hold(SC_EQ_DMA0 + DMA_K, SCORES, block - a->plan.ring + 1);
		sd_hold(SC_EQ_DMA0 + DMA_V, SUMS, block - a->plan.ring + 1);
	}
	copy_rows(DMA_K, a->k + slot * 64 * row,
		  args->k + key * ks->token + a->kv_head * ks->head + a->sequence * ks->sequence,
		  ks->token, row, keys);
	sd_post(SC_EQ_DMA0 + DMA_K, KEYS);
	copy_rows(DMA_V, a->v + slot * 64 * row_v,
		  args->v + key * vs->token + a->kv_head * vs->head + a->sequence * vs->sequence,
		  vs->token, row_v, keys);
	sd_post(SC_EQ_DMA0 + DMA_V, VALUES);
}

/* ---- products ---- */

/* Whether no query of tile @t sees a key of the block; the scores are hidden anyway. */
static bool idle(const struct attention *a, uint32_t t, uint32_t block)
{
	uint32_t last = a->position + t / a->plan.heads * 64 + 63;

	return a->args->flags & SDO_ATTENTION_CAUSAL &&
	       (int32_t)(a->begin + block * 64) > (int32_t)last + a->offset;
}

static struct sc_tile score_tile(const struct attention *a, uint32_t block)
{
	struct sc_tile t = attention_tile(keys_of(a, block), 64, a->args->d, a->args->type,
					  SC_FMT_F32);

	t.flags = SC_TILE_B_NK;
	t.stride_a = a->args->d * a->size;
	t.stride_b = t.stride_a;
	return t;
}

/* Scores, [key][query], stay in accumulators: K times Q transposed. */
static void multiply_keys(const struct attention *a, uint32_t block)
{
	struct sc_tile tile = score_tile(a, block);
	const uint8_t *k = a->k + block % a->plan.ring * 64 * tile.stride_a;

	sd_hold(SC_EQ_MATRIX, KEYS, block + 1);
	for (uint32_t t = 0; t < a->plan.tiles; t++) {
		if (idle(a, t, block))
			continue;
		tile.n = (uint8_t)queries_of(a, t);
		sdm_cfg(0, &tile);
		sdm_mma_z(a->plan.tiles * a->tiles_v + t, k, a->q + t * 64 * tile.stride_a);
	}
}

static void store_scores(const struct attention *a, struct sc_tile *tile, uint32_t t,
			 uint32_t block)
{
	float *scores = a->scores + block % 3 * 64 * a->width;

	if (idle(a, t, block))
		return;
	tile->n = (uint8_t)queries_of(a, t);
	sdm_cfg(0, tile);
	sdm_st(a->plan.tiles * a->tiles_v + t, scores + t * 64, a->width * 4);
}

static struct sc_tile result_tile(const struct attention *a, uint32_t keys, uint32_t type)
{
	struct sc_tile t = attention_tile(64, 64, keys, a->args->type, type);

	t.flags = SC_TILE_A_KM;
	t.stride_a = a->width * a->size;
	t.stride_b = a->args->d_v * a->size;
	return t;
}

static void scale_results(const struct attention *a, const float *factor)
{
	struct sc_tile tile = result_tile(a, 0, SC_FMT_F32);

	for (uint32_t t = 0; t < a->plan.tiles; t++) {
		for (uint32_t i = 0; i < a->tiles_v; i++) {
			tile.m = (uint8_t)queries_of(a, t);
			tile.n = (uint8_t)least(64, a->args->d_v - i * 64);
			sdm_cfg(1, &tile);
			sdm_mul_r(t * a->tiles_v + i, factor + t * 64);
		}
	}
}

/* Powers times V. Between the tiles the scores of a later block leave their accumulators. */
static void multiply_values(const struct attention *a, uint32_t block)
{
	uint32_t row = a->args->d_v * a->size, later = block + AHEAD;
	const uint8_t *powers = a->powers + block % 2 * 64 * a->width * a->size;
	const uint8_t *v = a->v + block % a->plan.ring * 64 * row;
	struct sc_tile tile = result_tile(a, keys_of(a, block), SC_FMT_F32), scores;

	if (later < a->blocks)
		scores = score_tile(a, later);
	sd_hold(SC_EQ_MATRIX, VALUES, block + 1);
	for (uint32_t t = 0; t < a->plan.tiles; t++) {
		tile.m = (uint8_t)queries_of(a, t);
		for (uint32_t i = 0; i < a->tiles_v && !(block && idle(a, t, block)); i++) {
			tile.n = (uint8_t)least(64, a->args->d_v - i * 64);
			sdm_cfg(1, &tile);
			if (block)
				sdm_mma(t * a->tiles_v + i, powers + t * 64 * a->size,
					v + i * 64 * a->size);
			else
				sdm_mma_z(t * a->tiles_v + i, powers + t * 64 * a->size,
					  v + i * 64 * a->size);
		}
		if (later < a->blocks)
			store_scores(a, &scores, t, later);
	}
	sd_post(SC_EQ_MATRIX, SUMS);
	sd_post(SC_EQ_MATRIX, SCORES);
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

static void attend(const struct attention *a, uint32_t block)
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

static void finish(const struct attention *a)
{
	const struct sdo_attention *args = a->args;
	const struct sdo_stride *os = &args->out_stride;
	uint32_t size = sdo_type_bits(args->type_out) / 8, row = args->d_v * size;
	struct sc_tile tile = result_tile(a, 0, args->type_out);
	uint32_t heads = a->plan.heads;

	softmax_finish(&a->softmax, a->inverse);
	scale_results(a, a->inverse);
	for (uint32_t t = 0; t < a->plan.tiles; t++) {
		uint8_t *out = a->out + t * 64 * row;

		tile.m = (uint8_t)queries_of(a, t);
		for (uint32_t i = 0; i < a->tiles_v; i++) {
			tile.n = (uint8_t)least(64, args->d_v - i * 64);
			sdm_cfg(1, &tile);
			sdm_st(t * a->tiles_v + i, out + i * 64 * size, row);
		}
		sd_post(SC_EQ_MATRIX, RESULTS);
		sd_hold(SC_EQ_DMA0 + DMA_Q, RESULTS, t + 1);
		spread_rows(DMA_Q,
			    args->out + (a->position + t / heads * 64) * os->token +
				    (a->head + t % heads) * os->head + a->sequence * os->sequence,
			    os->token, out, row, tile.m);
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
			struct sc_tile tile = score_tile(&a, i);

			multiply_keys(&a, i);
			for (uint32_t t = 0; t < a.plan.tiles; t++)
				store_scores(&a, &tile, t, i);
		}
		sd_post(SC_EQ_MATRIX, SCORES);
	}
	for (uint32_t i = 0; i < a.blocks; i++)
		attend(&a, i);
	finish(&a);
}
