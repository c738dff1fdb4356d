/* SPDX-License-Identifier: MIT */
/*
 * Kernel library: numbers of few bits with scales. Conventions are those of
 * ops.h.
 *
 * A matrix has @m rows of @k elements. A scale belongs to each group of @group
 * elements of a row (the last group may be short), to a whole row (@group 0), or
 * to an element (@group 1). Scales and minima lie at row stride[0] + group
 * stride[1]; an input's strides may be 0, so that one scale serves all rows, which
 * with @group 1 is a scale for each column, or the whole matrix. quantize finds
 * the scales of rows and groups, quantize_scales those of columns or the matrix.
 */
#ifndef SEEDCHIP_OPS_QUANT_H
#define SEEDCHIP_OPS_QUANT_H

#include "seedchip/ops_types.h"

#ifdef __cplusplus
extern "C" {
#endif

#define SDO_QUANTIZE_GIVEN 0x1u

/**
 * struct sdo_quantize - q = x / scale, or (x - min) / scale
 * @x: [@m][@k]
 * @q: [@m][@k]; a row of I4 begins at a byte, and an odd last element has a zero beside it
 * @scale: written; with GIVEN read
 * @mins: f16, written; with GIVEN read; 0: symmetric
 * @sums: f16 [@m][groups], written: the sums of the groups of @q times their scales, as gemm wants
 *	  them; 0: none
 * @stride_x: bytes from row to row, below 2^32 as all strides
 * @stride_q: bytes from row to row
 * @stride_scale: bytes from row to row and from group to group
 * @stride_mins: bytes from row to row and from group to group
 * @stride_sums: bytes from row to row
 * @m: rows
 * @k: elements of a row
 * @group: 0; 16, 32, 64, 128, 256, 512 or 1024; with GIVEN also 1
 * @type_x: F32, BF16 or F16
 * @type_q: I8, I4, E4M3 or E5M2. A code of I4 is the value + 8: gemm's codebook is { -8, ... 7 }
 * @type_scale: F32, F16 or E8M0
 * @flags: SDO_QUANTIZE_GIVEN: scales and minima are inputs
 *
 * Exact to the bit, all in f32 with one rounding for each operation:
 *
 * - Symmetric: scale = max |x| / L, L being 127 (I8), 7 (I4), 448 (E4M3), 57344 (E5M2).
 * - With minima, I8 and I4 only: scale = (max x - min x) / L, L being 255 or 15, and the minimum
 *   is fma(scale, 128 or 8, min x), so that x is about q scale + min with signed q.
 * - Both are rounded to their type before they are used, to E8M0 upwards. A scale below 2^-126
 *   becomes 0, the code 0 of E8M0; an infinite one is NaN in E8M0.
 * - q = conv((x - min) r) with r = 1 / scale, or 0 if |scale| < 2^-126; conv() is the conversion
 *   of docs/hardware.md 7.3: to nearest even, integers and E4M3 saturate, I4 from -8 to 7, NaN
 *   becomes the largest integer or a NaN.
 * - NaN does not count in max and min; if nothing counts they are 0. An infinity makes the scale
 *   infinite.
 * - sum = f16(f32(sum of q) scale).
 *
 * It is the argument block of quantize_scales too, which finds scales and minima by the same rules:
 * with @group 1 those of columns, at column stride[1], with @group 0 one for the whole matrix.
 * @flags, @sums, stride[0], @q and @stride_q are not looked at. With GIVEN set, and the other
 * strides 0, the same block is then one for quantize. If @m or @k is 0, nothing is written.
 */
struct sdo_quantize {
	uint64_t x;
	uint64_t q;
	uint64_t scale;
	uint64_t mins;
	uint64_t sums;
	uint64_t stride_x;
	uint64_t stride_q;
	uint64_t stride_scale[2];
	uint64_t stride_mins[2];
	uint64_t stride_sums;
	uint32_t m;
	uint32_t k;
	uint32_t group;
	uint8_t type_x;
	uint8_t type_q;
	uint8_t type_scale;
	uint8_t flags;
};

/**
 * struct sdo_dequantize - x = q scale, or fma(q, scale, min)
 * @q: [@m][@k]; rows of I4 as in struct sdo_quantize
 * @x: [@m][@k]
 * @scale: scales
 * @mins: f16; 0: none
 * @stride_q: bytes from row to row, below 2^32 as all strides
 * @stride_x: bytes from row to row
 * @stride_scale: bytes from row to row and from group to group
 * @stride_mins: bytes from row to row and from group to group
 * @m: rows
 * @k: elements of a row
 * @group: 0, 1, 16, 32, 64, 128, 256, 512 or 1024
 * @type_q: I8, I4, E4M3 or E5M2
 * @type_x: F32, BF16 or F16
 * @type_scale: F32, F16 or E8M0
 * @reserved: 0
 *
 * Exact to the bit: one operation in f32, rounded to @type_x.
 */
struct sdo_dequantize {
	uint64_t q;
	uint64_t x;
	uint64_t scale;
	uint64_t mins;
	uint64_t stride_q;
	uint64_t stride_x;
	uint64_t stride_scale[2];
	uint64_t stride_mins[2];
	uint32_t m;
	uint32_t k;
	uint32_t group;
	uint8_t type_q;
	uint8_t type_x;
	uint8_t type_scale;
	uint8_t reserved;
};

/* What the kernels and their _dim functions both compute. */
#define SDO_QUANT_PIECE	 4096u /* elements of a piece */
#define SDO_QUANT_RING	 3u /* pieces on their way in */
#define SDO_QUANT_IN	 (10 * SDO_QUANT_PIECE) /* bytes of one: elements, scales, minima */
#define SDO_QUANT_OUT	 (9 * SDO_QUANT_PIECE) /* of one of two on their way out: sums too */
#define SDO_QUANT_SCRATCH (SDO_QUANT_RING * SDO_QUANT_IN + 2 * SDO_QUANT_OUT)
#define SDO_QUANT_STACK	 16384u /* more than usual: room for spilled groups of long vectors */

/* A piece has so many columns, and so many rows. */
static inline uint32_t sdo_quant_columns_(uint32_t k)
{
	return k < SDO_QUANT_PIECE ? k : SDO_QUANT_PIECE;
}

static inline uint32_t sdo_quant_rows_(uint32_t k)
{
	return SDO_QUANT_PIECE / sdo_quant_columns_(k);
}

/* Columns that a workgroup of quantize_scales has at a time: work for all, and whole vectors. */
static inline uint32_t sdo_quant_strip_(uint32_t k, uint32_t workgroups)
{
	uint64_t share = ((uint64_t)k + workgroups - 1) / workgroups;

	share = (share + 63) / 64 * 64;
	return share < SDO_QUANT_PIECE ? (uint32_t)share : SDO_QUANT_PIECE;
}

#ifdef SDO_HOST

static inline int sdo_quant_types_(const char *op, uint32_t x, uint32_t q, uint32_t scale)
{
	if (x != SDO_F32 && x != SDO_BF16 && x != SDO_F16)
		return sdo_refuse(-EOPNOTSUPP, "%s: type_x %u: not F32, BF16 or F16", op, x);
	if (q != SDO_I8 && q != SDO_I4 && q != SDO_E4M3 && q != SDO_E5M2)
		return sdo_refuse(-EOPNOTSUPP, "%s: type_q %u: not I8, I4, E4M3 or E5M2", op, q);
	if (scale != SDO_F32 && scale != SDO_F16 && scale != SDO_E8M0)
		return sdo_refuse(-EOPNOTSUPP, "%s: type_scale %u: not F32, F16 or E8M0", op,
				  scale);
	return 0;
}

static inline int sdo_quant_group_(const char *op, uint32_t group)
{
	if (group <= 1 || (group >= 16 && group <= 1024 && !(group & (group - 1))))
		return 0;
	return sdo_refuse(-EINVAL, "%s: group %u: not 0, 1 or a power of two from 16 to 1024", op,
			  group);
}

static inline int sdo_quant_stride_(const char *op, const char *member, uint64_t stride)
{
	if (!(stride >> 32))
		return 0;
	return sdo_refuse(-EINVAL, "%s: %s %llu: 2^32 or more", op, member,
			  (unsigned long long)stride);
}

/* @whole: pieces of a row go to one core. */
static inline int sdo_quant_grid_(const char *op, uint32_t m, uint32_t k, int whole,
				  const struct sdo_card *card, struct seedchip_dim *dim)
{
	static const struct seedchip_dim none = { 0, 0, 0, 0, 0, 0, 0, { 0, 0 } };
	uint64_t pieces = 0;
	int r = sdo_check_card(op, card);

	if (r)
		return r;
	if (card->tcm_size < SDO_TCM_RESERVED + SDO_QUANT_STACK + SDO_QUANT_SCRATCH)
		return sdo_refuse(-E2BIG, "%s: needs %u bytes of scratchpad, the card has %u", op,
				  SDO_TCM_RESERVED + SDO_QUANT_STACK + SDO_QUANT_SCRATCH,
				  card->tcm_size);
	if (m && k) {
		pieces = ((uint64_t)m + sdo_quant_rows_(k) - 1) / sdo_quant_rows_(k);
		if (!whole)
			pieces *= ((uint64_t)k + SDO_QUANT_PIECE - 1) / SDO_QUANT_PIECE;
	}
	*dim = none;
	dim->x = pieces < card->cores ? (uint32_t)pieces : card->cores;
	dim->y = 1;
	dim->z = 1;
	dim->dynamic = SDO_QUANT_SCRATCH;
	return 0;
}

static inline int sdo_quantize_check_(const struct sdo_quantize *args)
{
	if (args->flags & ~SDO_QUANTIZE_GIVEN)
		return sdo_refuse(-EINVAL, "quantize: flags 0x%x: not all are known", args->flags);
	if (!args->scale)
		return sdo_refuse(-EINVAL, "quantize: scale is 0");
	if (args->group == 1 && !(args->flags & SDO_QUANTIZE_GIVEN))
		return sdo_refuse(-EINVAL, "quantize: group 1: scales of elements must be given");
	if (args->mins && args->type_q != SDO_I8 && args->type_q != SDO_I4)
		return sdo_refuse(-EOPNOTSUPP, "quantize: mins with type_q %u", args->type_q);
	if (args->sums && (args->type_q != SDO_I8 || args->group < 16 || args->mins))
		return sdo_refuse(-EOPNOTSUPP, "quantize: sums are of groups of I8 without mins");
	return 0;
}

/**
 * sdo_quantize_dim() - check the arguments of quantize, and compute its grid
 * @args: arguments
 * @card: what it will run on
 * @dim: grid, flags and scratchpad, for seedchip_launch()
 *
 * Return: 0; -EINVAL: a member is out of its range; -EOPNOTSUPP: types that do not go together;
 * -E2BIG: the scratchpad is too small.
 */
static inline int sdo_quantize_dim(const struct sdo_quantize *args, const struct sdo_card *card,
				   struct seedchip_dim *dim)
{
	int r = sdo_quant_types_("quantize", args->type_x, args->type_q, args->type_scale);

	if (!r)
		r = sdo_quant_group_("quantize", args->group);
	if (!r)
		r = sdo_quantize_check_(args);
	if (!r)
		r = sdo_quant_stride_("quantize", "stride_x", args->stride_x);
	if (!r)
		r = sdo_quant_stride_("quantize", "stride_q", args->stride_q);
	if (!r)
		r = sdo_quant_stride_("quantize", "stride_scale",
				      args->stride_scale[0] | args->stride_scale[1]);
	if (!r)
		r = sdo_quant_stride_("quantize", "stride_mins",
				      args->stride_mins[0] | args->stride_mins[1]);
	if (!r)
		r = sdo_quant_stride_("quantize", "stride_sums", args->stride_sums);
	if (r)
		return r;
	return sdo_quant_grid_("quantize", args->m, args->k,
			       !args->group && !(args->flags & SDO_QUANTIZE_GIVEN), card, dim);
}

/**
 * sdo_quantize_scales_dim() - check the arguments of quantize_scales, and compute its grid
 * @args: arguments
 * @card: what it will run on
 * @dim: grid, flags and scratchpad, for seedchip_launch()
 *
 * Return: 0; -EINVAL: a member is out of its range; -EOPNOTSUPP: types that do not go together;
 * -E2BIG: the scratchpad is too small.
 */
static inline int sdo_quantize_scales_dim(const struct sdo_quantize *args,
					  const struct sdo_card *card, struct seedchip_dim *dim)
{
	int r = sdo_quant_types_("quantize_scales", args->type_x, args->type_q, args->type_scale);

	if (!r && args->group > 1)
		r = sdo_refuse(-EINVAL, "quantize_scales: group %u: not 0 or 1", args->group);
	if (!r && !args->scale)
		r = sdo_refuse(-EINVAL, "quantize_scales: scale is 0");
	if (!r && args->mins && args->type_q != SDO_I8 && args->type_q != SDO_I4)
		r = sdo_refuse(-EOPNOTSUPP, "quantize_scales: mins with type_q %u", args->type_q);
	if (!r)
		r = sdo_quant_stride_("quantize_scales", "stride_x", args->stride_x);
	if (!r && args->group)
		r = sdo_quant_stride_("quantize_scales", "stride_scale",
				      args->stride_scale[1] | args->stride_mins[1]);
	if (!r)
		r = sdo_quant_grid_("quantize_scales", args->m, args->k, 0, card, dim);
	if (r || !dim->x)
		return r;
	if (!args->group) {
		dim->flags = dim->x > 1 ? SEEDCHIP_COOPERATIVE : 0;
		return 0;
	}
	if ((args->k + 63ull) / 64 < card->cores)
		dim->x = (args->k + 63) / 64;
	else
		dim->x = card->cores;
	return 0;
}

/**
 * sdo_dequantize_dim() - check the arguments of dequantize, and compute its grid
 * @args: arguments
 * @card: what it will run on
 * @dim: grid, flags and scratchpad, for seedchip_launch()
 *
 * Return: 0; -EINVAL: a member is out of its range; -EOPNOTSUPP: types that do not go together;
 * -E2BIG: the scratchpad is too small.
 */
static inline int sdo_dequantize_dim(const struct sdo_dequantize *args,
				     const struct sdo_card *card, struct seedchip_dim *dim)
{
	int r = sdo_quant_types_("dequantize", args->type_x, args->type_q, args->type_scale);

	if (!r)
		r = sdo_quant_group_("dequantize", args->group);
	if (!r && !args->scale)
		r = sdo_refuse(-EINVAL, "dequantize: scale is 0");
	if (!r && args->reserved)
		r = sdo_refuse(-EINVAL, "dequantize: reserved is not 0");
	if (!r)
		r = sdo_quant_stride_("dequantize", "stride_q", args->stride_q);
	if (!r)
		r = sdo_quant_stride_("dequantize", "stride_x", args->stride_x);
	if (!r)
		r = sdo_quant_stride_("dequantize", "stride_scale",
				      args->stride_scale[0] | args->stride_scale[1]);
	if (!r)
		r = sdo_quant_stride_("dequantize", "stride_mins",
				      args->stride_mins[0] | args->stride_mins[1]);
	if (r)
		return r;
	return sdo_quant_grid_("dequantize", args->m, args->k, 0, card, dim);
}

#endif /* SDO_HOST */

#ifdef __cplusplus
}
#endif

#endif /* SEEDCHIP_OPS_QUANT_H */
