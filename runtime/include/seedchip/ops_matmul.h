/* SPDX-License-Identifier: MIT */
/*
 * Matrix multiplication and the packed layout of weights (docs/layouts.md).
 * Conventions are those of ops.h.
 */
#ifndef SEEDCHIP_OPS_MATMUL_H
#define SEEDCHIP_OPS_MATMUL_H

#include "seedchip/ops_types.h"

#ifdef __cplusplus
extern "C" {
#endif

/* ---- gemm ---- */

/**
 * enum sdo_gemm_flags - sdo_gemm.flags
 * @SDO_GEMM_A_KM: A is stored [k][m], else [m][k]
 * @SDO_GEMM_B_NK: B is stored [n][k], as weights often are, else [k][n]
 * @SDO_GEMM_B_PACKED: B is packed weights, see struct sdo_packed; @stride_b, @scale_b and
 *		       @mins are not used: the tiles hold all of it
 * @SDO_GEMM_MINS: with packed B: its tiles hold minima
 */
enum sdo_gemm_flags {
	SDO_GEMM_A_KM = 0x1,
	SDO_GEMM_B_NK = 0x2,
	SDO_GEMM_B_PACKED = 0x4,
	SDO_GEMM_MINS = 0x8,
};

/**
 * struct sdo_gemm_plan - how the work is cut, set by sdo_gemm_dim()
 * @tile_m: rows of a tile of D that a workgroup computes
 * @tile_n: its columns
 * @chunk: of k that is loaded at a time
 * @first: of k in the first chunk; the next end at twice, four times ... of it
 * @slots: chunks that are in the scratchpad
 * @ahead: of them, loaded before their use
 */
struct sdo_gemm_plan {
	uint16_t tile_m;
	uint16_t tile_n;
	uint32_t chunk;
	uint32_t first;
	uint32_t slots;
	uint32_t ahead;
};

/**
 * struct sdo_gemm - D = act(alpha * scale_m * scale_n * (A B) + bias), for each of a batch
 * @a: A, @m x @k
 * @b: B, @k x @n
 * @d: D, @m x @n, row by row
 * @bias: [@n]; f32, or i32 where it is added modulo 2^32, see below; 0: none
 * @scale_m: f32 [@m], 0: none
 * @scale_n: f32 [@n], 0: none
 * @scale_a: with groups: f32 [@m][groups] in rows of @stride_scale_a bytes; 0: all one
 * @scale_b: with groups: @type_scale [groups][@n] in rows of @stride_scale_b bytes; 0: all one
 * @sums: with minima: f16 [@m][groups] in rows of @stride_sums bytes: the sums of A's groups,
 *	  times their scales (quantize writes them)
 * @mins: f16 [groups][@n] in rows of @stride_mins bytes; 0: none
 * @stride_a: bytes from row to row of A as stored, below 2^32 as all strides
 * @stride_b: bytes from row to row of B as stored
 * @stride_d: bytes from row to row of D
 * @stride_scale_a: bytes from row to row of @scale_a
 * @stride_scale_b: bytes from row to row of @scale_b
 * @stride_sums: bytes from row to row of @sums
 * @stride_mins: bytes from row to row of @mins
 * @batch_a: bytes from matrix to matrix of the batch; 0: the same for all. Scales, sums, minima
 *	     and bias are the same for all.
 * @batch_b: the same of B
 * @batch_d: the same of D
 * @m: rows of D; any size, as @n, @k and @batch
 * @n: columns of D
 * @k: columns of A, rows of B
 * @batch: matrices
 * @group: k of a group: 0: no groups; else 16, 32, 64, 128, 256, 512 or 1024. Groups take
 *	   type_a I8. There are ceil(k / group).
 * @alpha: factor; 1 for none
 * @type_a: enum sdo_type
 * @type_b: the pairs of the matrix engine: I8 with I8 or I4; F16, BF16 or F32 with the same; E4M3
 *	    and E5M2 with either
 * @type_d: F32, BF16, F16, I8 or I32
 * @type_scale: of @scale_b: F16, F32 or E8M0
 * @act: enum sdo_act
 * @flags: enum sdo_gemm_flags
 * @reserved: 0
 * @codebook: values of the 16 codes of I4; ((int8_t[]){ -8, ... 7 } for plain int4)
 * @plan: set by sdo_gemm_dim()
 * @reserved2: 0
 *
 * The product has the matrix engine's numerics (docs/hardware.md 7.3): integers
 * exact modulo 2^32, floats by one fused multiply-add after another, k ascending.
 * With minima, after each max(256, @group) of k, for its groups g in order:
 * acc = fma(sums[m][g], mins[g][n], acc). Then, in f32, each with one rounding:
 * x = f32(product), x * alpha, x * scale_m, x * scale_n, x + bias, the activation
 * (exact but for GELU, GELU_TANH and SILU), and conversion to @type_d. What is
 * absent is left out. If @type_d is I32, the product an integer, there is no factor,
 * and @act is NONE or RELU, all stays an integer: the i32 bias is added modulo 2^32.
 *
 * Results are exact to the bit, but for those three activations.
 */
struct sdo_gemm {
	uint64_t a;
	uint64_t b;
	uint64_t d;
	uint64_t bias;
	uint64_t scale_m;
	uint64_t scale_n;
	uint64_t scale_a;
	uint64_t scale_b;
	uint64_t sums;
	uint64_t mins;
	uint64_t stride_a;
	uint64_t stride_b;
	uint64_t stride_d;
	uint64_t stride_scale_a;
	uint64_t stride_scale_b;
	uint64_t stride_sums;
	uint64_t stride_mins;
	uint64_t batch_a;
	uint64_t batch_b;
	uint64_t batch_d;
	uint32_t m;
	uint32_t n;
	uint32_t k;
	uint32_t batch;
	uint32_t group;
	float alpha;
	uint8_t type_a;
	uint8_t type_b;
	uint8_t type_d;
	uint8_t type_scale;
	uint8_t act;
	uint8_t flags;
	uint8_t reserved[2];
	int8_t codebook[16];
	struct sdo_gemm_plan plan;
	uint32_t reserved2;
};

#ifdef SDO_HOST
/**
 * sdo_gemm_dim() - check the arguments of gemm, and compute its grid
 * @args: arguments; their plan is set
 * @card: what it will run on
 * @dim: grid, flags and scratchpad, for seedchip_launch()
 *
 * Return: 0; -EINVAL: a member is out of its range; -EOPNOTSUPP: types that do not go together;
 * -E2BIG: the scratchpad is too small.
 */
int sdo_gemm_dim(struct sdo_gemm *args, const struct sdo_card *card, struct seedchip_dim *dim);
#endif

/* ---- packed weights ---- */

#define SDO_PACKED_N 64
#define SDO_PACKED_K 256

/**
 * struct sdo_packed - layout of packed weights
 * @n: columns of B, outputs of a layer
 * @k: rows of B, its inputs
 * @group: k of a group, 16 to 256; 0: no scales
 * @type: I8, I4, F16, BF16, E4M3, E5M2 or F32
 * @type_scale: F16, F32 or E8M0
 * @mins: 1: f16 minima follow the scales
 * @reserved: 0
 *
 * Tiles of 64 n x 256 k, those of the same n one after another along k. A tile is
 * values [256 k][64 n], scales [256 / group][64 n], mins [256 / group][64 n], padded
 * to a multiple of 64 bytes: one piece, whatever k and n are. What lies beyond n
 * and k is zero.
 */
struct sdo_packed {
	uint32_t n;
	uint32_t k;
	uint32_t group;
	uint8_t type;
	uint8_t type_scale;
	uint8_t mins;
	uint8_t reserved;
};

/* Bytes of the parts of a tile, and of all of it. */
static inline uint32_t sdo_packed_values(const struct sdo_packed *p)
{
	return SDO_PACKED_N * SDO_PACKED_K * sdo_type_bits(p->type) / 8;
}

static inline uint32_t sdo_packed_scales(const struct sdo_packed *p)
{
	uint32_t bits = SDO_PACKED_N * sdo_type_bits(p->type_scale);

	return p->group ? SDO_PACKED_K / p->group * bits / 8 : 0;
}

static inline uint32_t sdo_packed_mins(const struct sdo_packed *p)
{
	return p->group && p->mins ? SDO_PACKED_K / p->group * SDO_PACKED_N * 2 : 0;
}

static inline uint32_t sdo_packed_tile(const struct sdo_packed *p)
{
	uint32_t bytes = sdo_packed_values(p) + sdo_packed_scales(p) + sdo_packed_mins(p);

	return (bytes + 63) & ~63u;
}

/**
 * sdo_packed_size() - size of a packed matrix
 * @p: its layout
 *
 * Return: bytes.
 */
static inline uint64_t sdo_packed_size(const struct sdo_packed *p)
{
	uint64_t tiles_n = ((uint64_t)p->n + SDO_PACKED_N - 1) / SDO_PACKED_N;
	uint64_t tiles_k = ((uint64_t)p->k + SDO_PACKED_K - 1) / SDO_PACKED_K;

	return tiles_n * tiles_k * sdo_packed_tile(p);
}

#ifdef SDO_HOST
/**
 * struct sdo_plain - the same matrix in rows, in memory of the host
 * @values: [k][n], I4 two a byte, low nibble first; each row begins at a byte
 * @stride: bytes from row to row
 * @scales: [groups][n]
 * @stride_scales: bytes from row to row
 * @mins: f16 [groups][n]
 * @stride_mins: bytes from row to row
 * @nk: @values are [n][k]
 * @reserved: 0
 *
 * Beside an odd last I4 of a row is zero.
 */
struct sdo_plain {
	void *values;
	uint64_t stride;
	void *scales;
	uint64_t stride_scales;
	void *mins;
	uint64_t stride_mins;
	uint32_t nk;
	uint32_t reserved;
};

/**
 * sdo_pack() - rows into packed weights, on the host
 * @layout: of the result
 * @packed: sdo_packed_size() bytes; all of them are written
 * @plain: the rows
 *
 * Return: 0; -EINVAL: a member of @layout is out of its range; -EOPNOTSUPP: a type.
 */
int sdo_pack(const struct sdo_packed *layout, void *packed, const struct sdo_plain *plain);

/**
 * sdo_unpack() - the reverse; bytes between the rows stay
 * @layout: of @packed
 * @packed: sdo_packed_size() bytes
 * @plain: the rows; what it points at is written
 *
 * Return: as sdo_pack().
 */
int sdo_unpack(const struct sdo_packed *layout, const void *packed,
	       const struct sdo_plain *plain);
#endif

/* ---- pack_weights, unpack_weights ---- */

/**
 * struct sdo_pack_weights - rows into packed weights on the card: the bytes of sdo_pack()
 * @packed: sdo_packed_size() bytes; all of them are written
 * @values: [k][n], or [n][k] with @nk; I4 two a byte, low nibble first; each row begins at a byte
 * @scales: [groups][n]
 * @mins: f16 [groups][n]
 * @stride: bytes from row to row of values, below 2^32 as the others
 * @stride_scales: bytes from row to row
 * @stride_mins: bytes from row to row
 * @layout: of the result
 * @nk: 1: @values are [n][k]
 * @reserved: 0
 *
 * It is the argument block of unpack_weights too, which does the reverse: @packed
 * is read; @values, @scales and @mins are written, as sdo_unpack() does.
 */
struct sdo_pack_weights {
	uint64_t packed;
	uint64_t values;
	uint64_t scales;
	uint64_t mins;
	uint64_t stride;
	uint64_t stride_scales;
	uint64_t stride_mins;
	struct sdo_packed layout;
	uint32_t nk;
	uint32_t reserved;
};

#ifdef SDO_HOST
/**
 * sdo_pack_weights_dim() - check the arguments of pack_weights, and compute its grid
 * @args: arguments
 * @card: what it will run on
 * @dim: grid, flags and scratchpad, for seedchip_launch()
 *
 * Return: 0; -EINVAL: a member is out of its range; -EOPNOTSUPP: types that do not go together;
 * -E2BIG: the scratchpad is too small.
 */
int sdo_pack_weights_dim(const struct sdo_pack_weights *args, const struct sdo_card *card,
			 struct seedchip_dim *dim);

/**
 * sdo_unpack_weights_dim() - check the arguments of unpack_weights, and compute its grid
 * @args: arguments
 * @card: what it will run on
 * @dim: grid, flags and scratchpad, for seedchip_launch()
 *
 * Return: 0; -EINVAL: a member is out of its range; -EOPNOTSUPP: types that do not go together;
 * -E2BIG: the scratchpad is too small.
 */
int sdo_unpack_weights_dim(const struct sdo_pack_weights *args, const struct sdo_card *card,
			   struct seedchip_dim *dim);
#endif

#ifdef __cplusplus
}
#endif

#endif /* SEEDCHIP_OPS_MATMUL_H */
