// SPDX-License-Identifier: MIT
/*
 * dequantize: numbers of few bits times their scales (struct sdo_dequantize).
 *
 * The invariant: step k has slot k % RING of what comes in and k % 2 of what
 * goes out; the hart has consumed a slot when it issues loads into it again.
 */
#include "quant.h"

struct work {
	const struct sdo_dequantize *args;
	struct pieces pieces;
};

static void load(const struct work *w, uint64_t step)
{
	const struct sdo_dequantize *a = w->args;
	struct piece it = piece_at(&w->pieces, step);
	uint8_t *to = quant_in(step);

	move_groups(QUANT_IN, &it, to, a->scale, a->stride_scale, sdo_type_bits(a->type_scale) / 8);
	if (a->mins)
		move_groups(QUANT_IN, &it, to + 4 * SDO_QUANT_PIECE, a->mins, a->stride_mins, 2);
	move_piece(QUANT_IN, &it, to + 6 * SDO_QUANT_PIECE, a->q, a->stride_q, a->type_q);
	sd_post(QUANT_IN, QUANT_IN);
}

/* Columns @from to @to, of one group. */
static void convert_group(const struct sdo_dequantize *a, uint8_t *x, const uint8_t *q,
			  uint32_t from, uint32_t to, float scale, float min)
{
	uint32_t size = sdo_type_bits(a->type_x) / 8;

	for (uint32_t i = from, vl; i < to; i += vl) {
		vfloat32m8_t v;

		vl = quant_vl(to - i);
		v = load_quant(a->type_q, q, i, vl);
		if (a->mins)
			v = __riscv_vfmadd_vf_f32m8(v, scale, __riscv_vfmv_v_f_f32m8(min, vl), vl);
		else
			v = __riscv_vfmul_vf_f32m8(v, scale, vl);
		store_f32(a->type_x, x + i * size, v, vl);
	}
}

/* A scale for each element. */
static void convert_elements(const struct sdo_dequantize *a, uint8_t *x, const uint8_t *q,
			     const uint8_t *scales, const uint8_t *mins, uint32_t cols)
{
	uint32_t size = sdo_type_bits(a->type_x) / 8, ss = sdo_type_bits(a->type_scale) / 8;

	for (uint32_t i = 0, vl; i < cols; i += vl) {
		vfloat32m8_t v, s;

		vl = quant_vl(cols - i);
		v = load_quant(a->type_q, q, i, vl);
		s = scale_load(a->type_scale, scales + i * ss, vl);
		if (a->mins)
			v = __riscv_vfmadd_vv_f32m8(v, s, load_f32(SC_FMT_F16, mins + 2 * i, vl),
						    vl);
		else
			v = __riscv_vfmul_vv_f32m8(v, s, vl);
		store_f32(a->type_x, x + i * size, v, vl);
	}
}

/* @count whole groups from the beginning of a row, as many at a time as a vector holds. */
static void convert_groups(const struct sdo_dequantize *a, uint8_t *x, const uint8_t *q,
			   const uint8_t *scales, const uint8_t *mins, uint32_t count)
{
	uint32_t xs = sdo_type_bits(a->type_x) / 8, ss = sdo_type_bits(a->type_scale) / 8;

	for (uint32_t g = 0, n; g < count; g += n) {
		uint32_t at = g * a->group, vl;
		vfloat32m8_t v, s;

		n = min_u32(count - g, quant_groups(a->group));
		vl = n * a->group;
		s = spread_groups(scale_load(a->type_scale, scales + g * ss, n), a->group, vl);
		v = load_quant(a->type_q, q, at, vl);
		if (a->mins) {
			vfloat32m8_t min = load_f32(SC_FMT_F16, mins + g * 2, n);

			v = __riscv_vfmadd_vv_f32m8(v, s, spread_groups(min, a->group, vl), vl);
		} else {
			v = __riscv_vfmul_vv_f32m8(v, s, vl);
		}
		store_f32(a->type_x, x + at * xs, v, vl);
	}
}

static void convert_row(const struct work *w, const struct piece *it, uint32_t r, uint8_t *out,
			const uint8_t *in)
{
	const struct sdo_dequantize *a = w->args;
	const uint8_t *mins = in + 4 * SDO_QUANT_PIECE;
	const uint8_t *q = in + 6 * SDO_QUANT_PIECE + r * quant_bytes(a->type_q, it->cols);
	uint8_t *x = out + r * it->cols * (sdo_type_bits(a->type_x) / 8);
	uint32_t at = r * it->groups, size = a->group ? a->group : it->cols, g = 0;

	if (a->group == 1) {
		convert_elements(a, x, q, in + at * (sdo_type_bits(a->type_scale) / 8),
				 mins + at * 2, it->cols);
		return;
	}
	if (a->group && quant_groups(a->group) > 1) {
		g = it->cols / a->group;
		convert_groups(a, x, q, in + at * (sdo_type_bits(a->type_scale) / 8), mins + at * 2,
			       g);
	}
	for (; g < it->groups; g++)
		convert_group(a, x, q, g * size, min_u32((g + 1) * size, it->cols),
			      scale_get(a->type_scale, in, at + g),
			      a->mins ? scale_get(SDO_F16, mins, at + g) : 0);
}

static void finish(const struct work *w, uint64_t step)
{
	struct piece it = piece_at(&w->pieces, step), dense = it;
	uint8_t *out = quant_out(step);

	sd_await(QUANT_IN, step + 1);
	if (step >= 2)
		sd_await(QUANT_OUT, step - 1);
	join_rows(&dense, w->args->group);
	for (uint32_t r = 0; r < dense.rows; r++)
		convert_row(w, &dense, r, out, quant_in(step));
	move_piece(QUANT_OUT, &it, out, w->args->x, w->args->stride_x, w->args->type_x);
	sd_post(QUANT_OUT, QUANT_OUT);
}

SD_KERNEL_WITH(dequantize, struct sdo_dequantize, SC_STACK_DEFAULT + SDO_QUANT_STACK, 0)
{
	struct work w = {
		.args = args,
		.pieces = { .m = args->m, .k = args->k, .group = args->group },
	};
	const uint32_t ahead = SDO_QUANT_RING - 1;

	pieces_start(&w.pieces);
	for (uint64_t k = 0; k < w.pieces.mine + ahead; k++) {
		if (k < w.pieces.mine)
			load(&w, k);
		if (k >= ahead && k - ahead < w.pieces.mine)
			finish(&w, k - ahead);
	}
}
