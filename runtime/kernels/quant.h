/* SPDX-License-Identifier: MIT */
/*
 * What quantize, quantize_scales and dequantize share: the pieces of a matrix,
 * scales and minima in the scratchpad, vectors of 4-bit codes, ranges of data.
 *
 * In the scratchpad a piece is dense, its rows at a byte each; the scales of a
 * piece are [rows][groups], its minima too.
 */
#ifndef KERNELS_QUANT_H
#define KERNELS_QUANT_H

#include <seedchip/ops_quant.h>

#include "data.h"

enum { QUANT_IN = 0, QUANT_OUT = 1 }; /* DMA channels, and their counters */

/* @scan: only look at it, it comes again. @scale0: number of its first group. */
struct piece {
	uint64_t row;
	uint32_t col;
	uint32_t rows;
	uint32_t cols;
	uint32_t scale0;
	uint32_t groups;
	bool scan;
};

/* @whole: all pieces of a row, one after another, twice. */
struct pieces {
	uint32_t m;
	uint32_t k;
	uint32_t group;
	bool whole;
	uint64_t mine; /* steps of this workgroup */
};

SD_INLINE void pieces_start(struct pieces *p)
{
	uint32_t across = div_up(p->k, SDO_QUANT_PIECE);
	uint64_t units = p->m && p->k ? div_up(p->m, sdo_quant_rows_(p->k)) : 0;

	p->whole = p->whole && across > 1;
	if (!p->whole)
		units *= across;
	p->mine = sd_wg_x() < units ? (units - sd_wg_x() - 1) / sd_grid_x() + 1 : 0;
	if (p->whole)
		p->mine *= 2 * across;
}

static struct piece piece_at(const struct pieces *p, uint64_t step)
{
	uint32_t across = div_up(p->k, SDO_QUANT_PIECE), rows = sdo_quant_rows_(p->k);
	uint32_t steps = p->whole ? 2 * across : 1;
	uint64_t unit = sd_wg_x() + step / steps * sd_grid_x();
	uint32_t column = p->whole ? step % across : unit % across;
	struct piece it = {
		.row = (p->whole ? unit : unit / across) * rows,
		.col = column * SDO_QUANT_PIECE,
		.scan = p->whole && step % steps < across,
	};

	it.rows = p->m - it.row < rows ? p->m - it.row : rows;
	it.cols = min_u32(p->k - it.col, SDO_QUANT_PIECE);
	it.scale0 = p->group ? it.col / p->group : 0;
	it.groups = p->group ? div_up(it.cols, p->group) : 1;
	return it;
}

SD_INLINE uint64_t quant_bytes(uint32_t type, uint64_t n)
{
	return (n * sd_format_bits(type) + 7) / 8;
}

/* A piece of the matrix itself. */
SD_INLINE void move_piece(unsigned int channel, const struct piece *it, void *tcm, uint64_t far,
			  uint64_t stride, uint32_t type)
{
	far += it->row * stride + quant_bytes(type, it->col);
	dma_tile(channel, tcm, far, channel == QUANT_IN, 1,
		 (struct axis){ 1, quant_bytes(type, it->cols) },
		 (struct axis){ stride, it->rows });
}

/* Slots of the scratchpad: for what comes in, and for results. */
SD_INLINE uint8_t *quant_in(uint64_t step)
{
	return (uint8_t *)sd_dynamic() + step % SDO_QUANT_RING * SDO_QUANT_IN;
}

SD_INLINE uint8_t *quant_out(uint64_t step)
{
	return (uint8_t *)sd_dynamic() + SDO_QUANT_RING * SDO_QUANT_IN + step % 2 * SDO_QUANT_OUT;
}

/* Numbers of its groups. */
SD_INLINE void move_groups(unsigned int channel, const struct piece *it, void *tcm, uint64_t far,
			   const uint64_t stride[2], uint32_t size)
{
	far += it->row * stride[0] + it->scale0 * stride[1];
	dma_tile(channel, tcm, far, channel == QUANT_IN, size,
		 (struct axis){ stride[1], it->groups }, (struct axis){ stride[0], it->rows });
}

/* Not vsetvl, which may give an odd number before the end: a byte holds two codes. */
SD_INLINE size_t quant_vl(uint32_t left)
{
	size_t most = __riscv_vsetvlmax_e32m8();

	return left < most ? left : most;
}

SD_INLINE float bits_f32(uint32_t bits)
{
	return __builtin_bit_cast(float, bits);
}

/* Of E8M0, code 0 is a subnormal f32, and 255 is NaN. */
SD_INLINE float scale_get(uint32_t type, const void *p, uint32_t i)
{
	uint32_t code;

	if (type == SDO_F32)
		return ((const float *)p)[i];
	if (type == SDO_F16)
		return (float)((const _Float16 *)p)[i];
	code = ((const uint8_t *)p)[i];
	return bits_f32(code == 255 ? 0x7fc00000 : code ? code << 23 : 0x00400000);
}

/* Rounded to its type on the way: to E8M0 upwards, so that nothing saturates. */
SD_INLINE void scale_set(uint32_t type, void *p, uint32_t i, float value)
{
	if (type == SDO_F32)
		((float *)p)[i] = value;
	else if (type == SDO_F16)
		((_Float16 *)p)[i] = (_Float16)value;
	else
		((uint8_t *)p)[i] =
			min_u32((__builtin_bit_cast(uint32_t, value) + 0x7fffff) >> 23, 255);
}

SD_INLINE void scale_store(uint32_t type, uint8_t *p, vfloat32m8_t v, size_t vl)
{
	vuint32m8_t code;

	if (type != SDO_E8M0) {
		store_f32(type, p, v, vl);
		return;
	}
	code = __riscv_vadd_vx_u32m8(__riscv_vreinterpret_v_f32m8_u32m8(v), 0x7fffff, vl);
	code = __riscv_vminu_vx_u32m8(__riscv_vsrl_vx_u32m8(code, 23, vl), 255, vl);
	__riscv_vse8_v_u8m2(p, __riscv_vncvt_x_x_w_u8m2(__riscv_vncvt_x_x_w_u16m4(code, vl), vl),
			    vl);
}

SD_INLINE vfloat32m8_t scale_load(uint32_t type, const uint8_t *p, size_t vl)
{
	vuint32m8_t code, bits;

	if (type != SDO_E8M0)
		return load_f32(type, p, vl);
	code = __riscv_vzext_vf4_u32m8(__riscv_vle8_v_u8m2(p, vl), vl);
	bits = __riscv_vsll_vx_u32m8(code, 23, vl);
	bits = __riscv_vmerge_vxm_u32m8(bits, 0x00400000,
					__riscv_vmseq_vx_u32m8_b4(code, 0, vl), vl);
	bits = __riscv_vmerge_vxm_u32m8(bits, 0x7fc00000,
					__riscv_vmseq_vx_u32m8_b4(code, 255, vl), vl);
	return __riscv_vreinterpret_v_u32m8_f32m8(bits);
}

SD_INLINE vfloat32m8_t load_quant(uint32_t type, const uint8_t *row, uint32_t i, size_t vl)
{
	size_t pairs = (vl + 1) / 2;
	vuint16m2_t v, high;
	vint8m2_t codes;

	if (type != SDO_I4)
		return load_f32(type, row + i, vl);
	v = __riscv_vzext_vf2_u16m2(__riscv_vle8_v_u8m1(row + i / 2, pairs), pairs);
	high = __riscv_vsll_vx_u16m2(__riscv_vsrl_vx_u16m2(v, 4, pairs), 8, pairs);
	v = __riscv_vor_vv_u16m2(__riscv_vand_vx_u16m2(v, 15, pairs), high, pairs);
	codes = __riscv_vreinterpret_v_u8m2_i8m2(__riscv_vreinterpret_v_u16m2_u8m2(v));
	codes = __riscv_vsub_vx_i8m2(codes, 8, vl);
	return __riscv_vfwcvt_f_f_v_f32m8(__riscv_vfwcvt_f_x_v_f16m4(codes, vl), vl);
}

SD_INLINE void store_quant(uint32_t type, uint8_t *row, uint32_t i, vfloat32m8_t x, size_t vl)
{
	size_t pairs = (vl + 1) / 2;
	vuint8m2_t codes;
	vuint16m2_t v;
	vint16m4_t q;

	if (type != SDO_I4) {
		store_f32(type, row + i, x, vl);
		return;
	}
	q = __riscv_vmin_vx_i16m4(__riscv_vfncvt_x_f_w_i16m4(x, vl), 7, vl);
	q = __riscv_vadd_vx_i16m4(__riscv_vmax_vx_i16m4(q, -8, vl), 8, vl);
	/* what follows an odd last one is zero */
	codes = __riscv_vmv_v_x_u8m2(0, __riscv_vsetvlmax_e8m2());
	codes = __riscv_vnsrl_wx_u8m2_tu(codes, __riscv_vreinterpret_v_i16m4_u16m4(q), 0, vl);
	v = __riscv_vreinterpret_v_u8m2_u16m2(codes);
	v = __riscv_vor_vv_u16m2(v, __riscv_vsrl_vx_u16m2(v, 4, pairs), pairs);
	__riscv_vse8_v_u8m1(row + i / 2, __riscv_vnsrl_wx_u8m1(v, 0, pairs), pairs);
}

/* ---- several groups in a vector ---- */

/* Groups that a vector holds whole; below 2 there is nothing to gain. */
SD_INLINE uint32_t quant_groups(uint32_t group)
{
	return __riscv_vsetvlmax_e32m8() / group;
}

/* A number for each group to a number for each element. */
SD_INLINE vfloat32m8_t spread_groups(vfloat32m8_t v, uint32_t group, size_t vl)
{
	vuint16m4_t number = __riscv_vsrl_vx_u16m4(__riscv_vid_v_u16m4(vl), __builtin_ctz(group),
						   vl);

	return __riscv_vrgatherei16_vv_f32m8(v, number, vl);
}

/* Rows of whole groups are one row, if there are no bytes between them. */
SD_INLINE void join_rows(struct piece *it, uint32_t group)
{
	if (group < 16 || it->cols % group)
		return;
	it->cols *= it->rows;
	it->groups *= it->rows;
	it->rows = 1;
}

/* ---- scales of data ---- */

#define LEAST 0x1p-126f /* scales below are 0 */

/* Largest and least element; without minima @high is the largest magnitude, @low 0. */
struct range {
	float low;
	float high;
};

static inline struct range range_none(const struct sdo_quantize *a)
{
	struct range none = { 0, 0 };

	if (a->mins)
		none = (struct range){ __builtin_inff(), -__builtin_inff() };
	return none;
}

static inline void widen(struct range *range, const struct sdo_quantize *a, const uint8_t *x,
			 uint32_t n)
{
	uint32_t size = sdo_type_bits(a->type_x) / 8;
	vfloat32m1_t low = __riscv_vfmv_s_f_f32m1(range->low, 1);
	vfloat32m1_t high = __riscv_vfmv_s_f_f32m1(range->high, 1);

	for (uint32_t i = 0, vl; i < n; i += vl) {
		vfloat32m8_t v;

		vl = quant_vl(n - i);
		v = load_f32(a->type_x, x + i * size, vl);
		if (a->mins)
			low = __riscv_vfredmin_vs_f32m8_f32m1(v, low, vl);
		else
			v = __riscv_vfabs_v_f32m8(v, vl);
		high = __riscv_vfredmax_vs_f32m8_f32m1(v, high, vl);
	}
	range->low = __riscv_vfmv_f_s_f32m1_f32(low);
	range->high = __riscv_vfmv_f_s_f32m1_f32(high);
}

static inline float levels(const struct sdo_quantize *a)
{
	switch (a->type_q) {
	case SDO_I8:
		return a->mins ? 255 : 127;
	case SDO_I4:
		return a->mins ? 15 : 7;
	case SDO_E4M3:
		return 448;
	default:
		return 57344;
	}
}

/* Scale and minimum number @i from the range. */
static inline void set_group(const struct sdo_quantize *a, uint8_t *scales, uint8_t *mins,
			     uint32_t i, struct range range)
{
	float scale;

	if (range.low > range.high)
		range = (struct range){ 0, 0 };
	scale = (range.high - range.low) / levels(a);
	scale_set(a->type_scale, scales, i, scale < LEAST ? 0 : scale);
	if (a->mins) {
		scale = scale_get(a->type_scale, scales, i);
		scale_set(SDO_F16, mins, i,
			  __builtin_fmaf(scale, a->type_q == SDO_I8 ? 128 : 8, range.low));
	}
}

#endif /* KERNELS_QUANT_H */
