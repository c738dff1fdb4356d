// SPDX-License-Identifier: MIT
/*
 * quantize_scales: the scale and minimum of each column of a matrix, or of all of
 * it (struct sdo_quantize).
 *
 * Columns: a workgroup has strips of them, which pass row by row through a range
 * for each column. The whole matrix: each workgroup has a share of its pieces, and
 * the first one joins what they have found.
 *
 * The invariant: step k has slot k % RING, which the hart has consumed when it
 * issues loads into it again.
 */
#include "quant.h"

#define AHEAD (SDO_QUANT_RING - 1)

enum { JOIN = 2 }; /* counter of results that have left */

/* Steps so far: loads and their slots are numbered through all strips. */
struct work {
	const struct sdo_quantize *args;
	uint64_t loaded;
	uint64_t used;
};

static uint8_t *slot(uint64_t step)
{
	return (uint8_t *)sd_dynamic() + step % SDO_QUANT_RING * SDO_QUANT_IN;
}

static void load(struct work *w, const struct piece *it)
{
	const struct sdo_quantize *a = w->args;

	move_piece(QUANT_IN, it, slot(w->loaded++), a->x, a->stride_x, a->type_x);
	sd_post(QUANT_IN, QUANT_IN);
}

static const uint8_t *next(struct work *w)
{
	sd_await(QUANT_IN, ++w->used);
	return slot(w->used - 1);
}

/* ---- the whole matrix ---- */

static struct range join(const struct sdo_quantize *a, const struct range *mine)
{
	static SD_TCM struct range parts[64];
	struct range all = range_none(a);

	if (sd_grid_x() == 1)
		return *mine;
	*(struct range *)sd_tcm_remote(&parts[sd_wg_x()], 0) = *mine;
	sd_arrive();
	sd_meet();
	for (uint32_t i = 0; !sd_wg_x() && i < sd_grid_x(); i++) {
		all.low = __builtin_fminf(all.low, parts[i].low);
		all.high = __builtin_fmaxf(all.high, parts[i].high);
	}
	return all;
}

static void whole(struct work *w)
{
	const struct sdo_quantize *a = w->args;
	struct pieces pieces = { .m = a->m, .k = a->k };
	struct range range = range_none(a);

	pieces_start(&pieces);
	for (uint64_t k = 0; k < pieces.mine + AHEAD; k++) {
		struct piece it;

		if (k < pieces.mine) {
			it = piece_at(&pieces, k);
			load(w, &it);
		}
		if (k >= AHEAD && k - AHEAD < pieces.mine) {
			it = piece_at(&pieces, k - AHEAD);
			widen(&range, a, next(w), it.rows * it.cols);
		}
	}
	range = join(a, &range);
	if (!sd_wg_x())
		set_group(a, (uint8_t *)a->scale, (uint8_t *)a->mins, 0, range);
}

/* ---- columns ---- */

static void widen_row(const struct sdo_quantize *a, float *low, float *high, const uint8_t *x,
		      uint32_t n)
{
	uint32_t size = sdo_type_bits(a->type_x) / 8;

	for (uint32_t i = 0, vl; i < n; i += vl) {
		vfloat32m8_t v, had;

		vl = quant_vl(n - i);
		v = load_f32(a->type_x, x + i * size, vl);
		if (a->mins) {
			had = __riscv_vle32_v_f32m8(low + i, vl);
			__riscv_vse32_v_f32m8(low + i, __riscv_vfmin_vv_f32m8(had, v, vl), vl);
		} else {
			v = __riscv_vfabs_v_f32m8(v, vl);
		}
		had = __riscv_vle32_v_f32m8(high + i, vl);
		__riscv_vse32_v_f32m8(high + i, __riscv_vfmax_vv_f32m8(had, v, vl), vl);
	}
}

/* Scales and minima of a strip go out where results of quantize would be. */
static void put(const struct sdo_quantize *a, const struct piece *strip, const float *low,
		const float *high)
{
	uint8_t *scales = (uint8_t *)(high + SDO_QUANT_PIECE);
	uint8_t *mins = scales + 4 * SDO_QUANT_PIECE;
	struct piece it = { .rows = 1, .scale0 = strip->col, .groups = strip->cols };

	for (uint32_t i = 0; i < strip->cols; i++)
		set_group(a, scales, mins, i, (struct range){ low[i], high[i] });
	move_groups(QUANT_OUT, &it, scales, a->scale, a->stride_scale,
		    sdo_type_bits(a->type_scale) / 8);
	if (a->mins)
		move_groups(QUANT_OUT, &it, mins, a->mins, a->stride_mins, 2);
	sd_post(QUANT_OUT, JOIN);
}

static struct piece rows_of(const struct sdo_quantize *a, const struct piece *strip, uint64_t step)
{
	struct piece it = *strip;
	uint32_t rows = SDO_QUANT_PIECE / strip->cols;

	it.row = step * rows;
	it.rows = min_u32(rows, a->m - it.row);
	return it;
}

static void columns(struct work *w)
{
	const struct sdo_quantize *a = w->args;
	uint32_t width = sdo_quant_strip_(a->k, sd_grid_x()), strips = 0;
	float *low = (void *)((uint8_t *)sd_dynamic() + SDO_QUANT_RING * SDO_QUANT_IN);
	float *high = low + SDO_QUANT_PIECE;

	for (uint64_t col = sd_wg_x() * (uint64_t)width; col < a->k;
	     col += sd_grid_x() * (uint64_t)width) {
		struct piece strip = { .col = col, .cols = min_u32(width, a->k - col) };
		uint32_t steps = div_up(a->m, SDO_QUANT_PIECE / strip.cols);
		struct range none = range_none(a);

		sd_await(JOIN, strips++);
		for (uint32_t i = 0; i < strip.cols; i++) {
			low[i] = none.low;
			high[i] = none.high;
		}
		for (uint64_t k = 0; k < (uint64_t)steps + AHEAD; k++) {
			struct piece it = rows_of(a, &strip, k);
			const uint8_t *x;

			if (k < steps)
				load(w, &it);
			if (k < AHEAD || k - AHEAD >= steps)
				continue;
			it = rows_of(a, &strip, k - AHEAD);
			x = next(w);
			for (uint32_t r = 0; r < it.rows; r++)
				widen_row(a, low, high,
					  x + r * quant_bytes(a->type_x, it.cols), it.cols);
		}
		put(a, &strip, low, high);
	}
}

SD_KERNEL_WITH(quantize_scales, struct sdo_quantize, SC_STACK_DEFAULT + SDO_QUANT_STACK, 0)
{
	struct work w = { .args = args };

	if (args->group)
		columns(&w);
	else
		whole(&w);
}
