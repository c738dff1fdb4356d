// SPDX-License-Identifier: MIT
/*
 * quantize: floats to numbers of few bits with scales (struct sdo_quantize).
 *
 * Groups lie within pieces. A row with one scale that does not fit into a piece
 * comes twice: the first time only its range is found.
 *
 * The invariant: step k has slot k % RING of what comes in; step number s of
 * those that store has slot s % 2 of what goes out.
 */
#include "quant.h"

/* In a slot: x, scales, minima; in one of results: scales, minima, sums, q. */
struct work {
	const struct sdo_quantize *args;
	struct pieces pieces;
	struct range range; /* of the row that is scanned */
	uint64_t stored;
	bool given;
};

static void load(const struct work *w, uint64_t step)
{
	const struct sdo_quantize *a = w->args;
	struct piece it = piece_at(&w->pieces, step);
	uint8_t *to = quant_in(step);

	move_piece(QUANT_IN, &it, to, a->x, a->stride_x, a->type_x);
	if (w->given)
		move_groups(QUANT_IN, &it, to + 4 * SDO_QUANT_PIECE, a->scale, a->stride_scale,
			    sdo_type_bits(a->type_scale) / 8);
	if (w->given && a->mins)
		move_groups(QUANT_IN, &it, to + 8 * SDO_QUANT_PIECE, a->mins, a->stride_mins, 2);
	sd_post(QUANT_IN, QUANT_IN);
}

static void convert_group(const struct sdo_quantize *a, uint8_t *q, const uint8_t *x,
			  uint32_t from, uint32_t to, float scale, float min)
{
	uint32_t size = sdo_type_bits(a->type_x) / 8;
	float factor = __builtin_fabsf(scale) < LEAST ? 0 : 1 / scale;

	for (uint32_t i = from, vl; i < to; i += vl) {
		vfloat32m8_t v;

		vl = quant_vl(to - i);
		v = load_f32(a->type_x, x + i * size, vl);
		if (a->mins)
			v = __riscv_vfsub_vf_f32m8(v, min, vl);
		store_quant(a->type_q, q, i, __riscv_vfmul_vf_f32m8(v, factor, vl), vl);
	}
}

/* 1 / scale, or 0. */
static vfloat32m8_t factors(vfloat32m8_t scale, size_t vl)
{
	vbool4_t small = __riscv_vmflt_vf_f32m8_b4(__riscv_vfabs_v_f32m8(scale, vl), LEAST, vl);

	return __riscv_vfmerge_vfm_f32m8(__riscv_vfrdiv_vf_f32m8(scale, 1, vl), 0, small, vl);
}

/* A scale for each element. */
static void convert_elements(const struct sdo_quantize *a, uint8_t *q, const uint8_t *x,
			     const uint8_t *scales, const uint8_t *mins, uint32_t cols)
{
	uint32_t size = sdo_type_bits(a->type_x) / 8, ss = sdo_type_bits(a->type_scale) / 8;

	for (uint32_t i = 0, vl; i < cols; i += vl) {
		vfloat32m8_t v, s;

		vl = quant_vl(cols - i);
		v = load_f32(a->type_x, x + i * size, vl);
		s = factors(scale_load(a->type_scale, scales + i * ss, vl), vl);
		if (a->mins)
			v = __riscv_vfsub_vv_f32m8(v, load_f32(SC_FMT_F16, mins + 2 * i, vl), vl);
		store_quant(a->type_q, q, i, __riscv_vfmul_vv_f32m8(v, s, vl), vl);
	}
}

static float sum_of(const uint8_t *q, uint32_t n)
{
	vint32m1_t sum = __riscv_vmv_s_x_i32m1(0, 1);

	for (uint32_t i = 0, vl; i < n; i += vl) {
		vint16m4_t v;

		vl = quant_vl(n - i);
		v = __riscv_vsext_vf2_i16m4(__riscv_vle8_v_i8m2((const int8_t *)q + i, vl), vl);
		sum = __riscv_vwredsum_vs_i16m4_i32m1(v, sum, vl);
	}
	return (float)__riscv_vmv_x_s_i32m1_i32(sum);
}

/* Neighbours are joined until there is one number for each of @n groups. */
#define DEFINE_FOLD(name, type, join)                                                              \
	static v##type##32m8_t name(v##type##32m8_t v, size_t vl, uint32_t n)                      \
	{                                                                                          \
		for (; vl > n; vl /= 2) {                                                          \
			vuint64m8_t pair = AS_PAIRS_##type(v);                                     \
			vuint32m4_t even = __riscv_vnsrl_wx_u32m4(pair, 0, vl / 2);                \
			vuint32m4_t odd = __riscv_vnsrl_wx_u32m4(pair, 32, vl / 2);                \
												   \
			v = AS_LANES_##type(join(AS_HALF_##type(even), AS_HALF_##type(odd),        \
						 vl / 2));                                         \
		}                                                                                  \
		return v;                                                                          \
	}
#define AS_PAIRS_float(v)                                                                          \
	__riscv_vreinterpret_v_u32m8_u64m8(__riscv_vreinterpret_v_f32m8_u32m8(v))
#define AS_PAIRS_int(v)                                                                            \
	__riscv_vreinterpret_v_u32m8_u64m8(__riscv_vreinterpret_v_i32m8_u32m8(v))
#define AS_HALF_float(v)  __riscv_vreinterpret_v_u32m4_f32m4(v)
#define AS_HALF_int(v)	  __riscv_vreinterpret_v_u32m4_i32m4(v)
#define AS_LANES_float(v) __riscv_vlmul_ext_v_f32m4_f32m8(v)
#define AS_LANES_int(v)	  __riscv_vlmul_ext_v_i32m4_i32m8(v)
DEFINE_FOLD(fold_max, float, __riscv_vfmax_vv_f32m4)
DEFINE_FOLD(fold_min, float, __riscv_vfmin_vv_f32m4)
DEFINE_FOLD(fold_sum, int, __riscv_vadd_vv_i32m4)

/* As set_group(), for @n groups of the @vl elements at @x. */
static void set_groups(const struct sdo_quantize *a, uint8_t *scales, uint8_t *mins,
		       const uint8_t *x, size_t vl, uint32_t n)
{
	struct range none = range_none(a);
	vfloat32m8_t high = load_f32(a->type_x, x, vl), low, scale;
	vbool4_t nothing;

	if (!a->mins)
		high = __riscv_vfabs_v_f32m8(high, vl);
	high = fold_max(__riscv_vfmax_vf_f32m8(high, none.high, vl), vl, n);
	if (a->mins) {
		low = load_f32(a->type_x, x, vl);
		low = fold_min(__riscv_vfmin_vf_f32m8(low, none.low, vl), vl, n);
		nothing = __riscv_vmfgt_vv_f32m8_b4(low, high, n);
		low = __riscv_vfmerge_vfm_f32m8(low, 0, nothing, n);
		high = __riscv_vfmerge_vfm_f32m8(high, 0, nothing, n);
		high = __riscv_vfsub_vv_f32m8(high, low, n);
	}
	scale = __riscv_vfdiv_vf_f32m8(high, levels(a), n);
	scale = __riscv_vfmerge_vfm_f32m8(scale, 0, __riscv_vmflt_vf_f32m8_b4(scale, LEAST, n), n);
	scale_store(a->type_scale, scales, scale, n);
	if (!a->mins)
		return;
	scale = scale_load(a->type_scale, scales, n);
	low = __riscv_vfmacc_vf_f32m8(low, a->type_q == SDO_I8 ? 128 : 8, scale, n);
	store_f32(SC_FMT_F16, mins, low, n);
}

/* Numbers of groups in a row: of quantize itself, or given. */
struct groups {
	uint8_t *scales;
	uint8_t *mins;
	uint8_t *sums;
};

/* @count whole groups from the beginning of a row, as many at a time as a vector holds. */
static void convert_groups(const struct work *w, uint8_t *q, const uint8_t *x,
			   const struct groups *to, uint32_t count)
{
	const struct sdo_quantize *a = w->args;
	uint32_t xs = sdo_type_bits(a->type_x) / 8, ss = sdo_type_bits(a->type_scale) / 8;

	for (uint32_t g = 0, n; g < count; g += n) {
		uint8_t *scales = to->scales + g * ss, *mins = to->mins + g * 2;
		uint32_t at = g * a->group, vl;
		vfloat32m8_t v;
		vint32m8_t sum;

		n = min_u32(count - g, quant_groups(a->group));
		vl = n * a->group;
		if (!w->given)
			set_groups(a, scales, mins, x + at * xs, vl, n);
		v = spread_groups(factors(scale_load(a->type_scale, scales, n), n), a->group, vl);
		if (a->mins) {
			vfloat32m8_t min = load_f32(SC_FMT_F16, mins, n);

			min = spread_groups(min, a->group, vl);
			min = __riscv_vfsub_vv_f32m8(load_f32(a->type_x, x + at * xs, vl), min, vl);
			v = __riscv_vfmul_vv_f32m8(min, v, vl);
		} else {
			v = __riscv_vfmul_vv_f32m8(load_f32(a->type_x, x + at * xs, vl), v, vl);
		}
		store_quant(a->type_q, q, at, v, vl);
		if (!a->sums)
			continue;
		sum = __riscv_vsext_vf4_i32m8(__riscv_vle8_v_i8m2((const int8_t *)q + at, vl), vl);
		v = __riscv_vfcvt_f_x_v_f32m8(fold_sum(sum, vl, n), n);
		v = __riscv_vfmul_vv_f32m8(v, scale_load(a->type_scale, scales, n), n);
		store_f32(SC_FMT_F16, to->sums + g * 2, v, n);
	}
}

static void convert_row(const struct work *w, const struct piece *it, uint32_t r, uint8_t *in,
			uint8_t *out)
{
	const struct sdo_quantize *a = w->args;
	uint8_t *scales = w->given ? in + 4 * SDO_QUANT_PIECE : out;
	uint8_t *mins = w->given ? in + 8 * SDO_QUANT_PIECE : out + 4 * SDO_QUANT_PIECE;
	uint8_t *sums = out + 6 * SDO_QUANT_PIECE;
	uint8_t *q = out + 8 * SDO_QUANT_PIECE + r * quant_bytes(a->type_q, it->cols);
	uint32_t xs = sdo_type_bits(a->type_x) / 8, size = a->group ? a->group : it->cols;
	const uint8_t *x = in + r * it->cols * xs;
	uint32_t g = 0;

	if (a->group == 1) {
		convert_elements(a, q, x,
				 scales + r * it->groups * (sdo_type_bits(a->type_scale) / 8),
				 mins + r * it->groups * 2, it->cols);
		return;
	}
	if (a->group && quant_groups(a->group) > 1) {
		uint32_t i = r * it->groups;
		const struct groups to = {
			scales + i * (sdo_type_bits(a->type_scale) / 8), mins + i * 2, sums + i * 2,
		};

		g = it->cols / a->group;
		convert_groups(w, q, x, &to, g);
	}
	for (; g < it->groups; g++) {
		uint32_t from = g * size, to = min_u32(from + size, it->cols);
		uint32_t i = r * it->groups + g;
		struct range range = w->range;
		float scale;

		if (!w->given) {
			if (!w->pieces.whole) {
				range = range_none(a);
				widen(&range, a, x + from * xs, to - from);
			}
			set_group(a, scales, mins, i, range);
		}
		scale = scale_get(a->type_scale, scales, i);
		convert_group(a, q, x, from, to, scale,
			      a->mins ? scale_get(SDO_F16, mins, i) : 0);
		if (a->sums)
			scale_set(SDO_F16, sums, i, sum_of(q + from, to - from) * scale);
	}
}

static void store(struct work *w, const struct piece *it, uint8_t *out)
{
	const struct sdo_quantize *a = w->args;
	const uint64_t stride_sums[2] = { a->stride_sums, 2 };

	if (!w->given)
		move_groups(QUANT_OUT, it, out, a->scale, a->stride_scale,
			    sdo_type_bits(a->type_scale) / 8);
	if (!w->given && a->mins)
		move_groups(QUANT_OUT, it, out + 4 * SDO_QUANT_PIECE, a->mins, a->stride_mins, 2);
	if (a->sums)
		move_groups(QUANT_OUT, it, out + 6 * SDO_QUANT_PIECE, a->sums, stride_sums, 2);
	move_piece(QUANT_OUT, it, out + 8 * SDO_QUANT_PIECE, a->q, a->stride_q, a->type_q);
	sd_post(QUANT_OUT, QUANT_OUT);
	w->stored++;
}

static void finish(struct work *w, uint64_t step)
{
	struct piece it = piece_at(&w->pieces, step), dense;
	uint8_t *in = quant_in(step), *out = quant_out(w->stored);

	sd_await(QUANT_IN, step + 1);
	if (it.scan) {
		if (!it.col)
			w->range = range_none(w->args);
		widen(&w->range, w->args, in, it.cols);
		return;
	}
	if (w->stored >= 2)
		sd_await(QUANT_OUT, w->stored - 1);
	dense = it;
	join_rows(&dense, w->args->group);
	for (uint32_t r = 0; r < dense.rows; r++)
		convert_row(w, &dense, r, in, out);
	store(w, &it, out);
}

SD_KERNEL_WITH(quantize, struct sdo_quantize, SC_STACK_DEFAULT + SDO_QUANT_STACK, 0)
{
	bool given = args->flags & SDO_QUANTIZE_GIVEN;
	struct work w = {
		.args = args,
		.pieces = { .m = args->m, .k = args->k, .group = args->group,
			    .whole = !args->group && !given },
		.given = given,
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
