/* SPDX-License-Identifier: MIT */
/*
 * Kernel library: what lies between the matrix products of a network.
 *
 * Tensors have up to four dimensions, number 0 the innermost; a dimension that
 * is not there has size 1. Types are F32, F16 and BF16, in any combination, but
 * where a structure says otherwise. All is computed in f32 and rounded once,
 * when it is stored. NaN and infinity come out as they do in plain C. An output
 * may be an input itself, with the same strides and type.
 */
#ifndef SEEDCHIP_OPS_NN_H
#define SEEDCHIP_OPS_NN_H

#include "seedchip/ops_types.h"

#ifdef __cplusplus
extern "C" {
#endif

/**
 * struct sdo_view - where a tensor lies
 * @address: of its first element
 * @stride: bytes from an element to the next, in each dimension; may be negative (modulo
 *	    2^64); of an input also 0, which repeats
 */
struct sdo_view {
	uint64_t address;
	uint64_t stride[4];
};

/* Operations of two operands: X(name, number, meaning). */
#define SDO_BINARY_TABLE(X)                                                                        \
	X(ADD, 0, "a + b")                                                                         \
	X(SUB, 1, "a - b")                                                                         \
	X(MUL, 2, "a b")                                                                           \
	X(DIV, 3, "a / b")
#define SDO_BINARY_ENUM_(name, number, text) SDO_##name = (number),
enum sdo_binary_op { SDO_BINARY_TABLE(SDO_BINARY_ENUM_) SDO_BINARY_COUNT };

/**
 * struct sdo_binary - out = a op b, with broadcasting
 * @a: operand; strides of dimensions of size 1 do not matter
 * @b: operand
 * @out: result; its size is the larger one in each dimension, or 0
 * @n_a: sizes of a
 * @n_b: sizes of b; in each dimension equal to those of a, or one of the two is 1
 * @type_a: F32, F16, BF16
 * @type_b: F32, F16, BF16
 * @type_out: F32, F16, BF16
 * @op: enum sdo_binary_op
 *
 * Exact to the bit: the f32 result, rounded to @type_out.
 */
struct sdo_binary {
	struct sdo_view a, b, out;
	uint32_t n_a[4], n_b[4];
	uint32_t type_a, type_b, type_out;
	uint32_t op;
};

/**
 * struct sdo_scale - out = x scale + bias
 * @x: operand
 * @out: result
 * @n: sizes of both
 * @type_x: F32, F16, BF16
 * @type_out: F32, F16, BF16
 * @scale: factor
 * @bias: summand
 *
 * Exact to the bit: one fused multiply-add in f32, rounded to @type_out.
 */
struct sdo_scale {
	struct sdo_view x, out;
	uint32_t n[4];
	uint32_t type_x, type_out;
	float scale, bias;
};

/**
 * struct sdo_activate - out = act(x)
 * @x: operand
 * @out: result
 * @n: sizes of both
 * @type_x: F32, F16, BF16
 * @type_out: F32, F16, BF16
 * @act: enum sdo_act; SDO_ACT_NONE converts
 * @reserved: 0
 *
 * NONE and RELU are exact to the bit. The others are within 2^-20 (1 + x^2) of the exact
 * result, relatively; GELU where x > 0 or the result is not subnormal, GELU_TANH and SILU where
 * exp() does not overflow: x / (1 + exp(-x)) is -0 below -88.7, as in C.
 */
struct sdo_activate {
	struct sdo_view x, out;
	uint32_t n[4];
	uint32_t type_x, type_out;
	uint32_t act;
	uint32_t reserved;
};

/**
 * struct sdo_glu - out = act(gate) up: SwiGLU, GeGLU, ReGLU
 * @gate: operand of the activation
 * @up: factor
 * @out: result
 * @n: sizes of all three
 * @type_gate: F32, F16, BF16
 * @type_up: F32, F16, BF16
 * @type_out: F32, F16, BF16
 * @act: enum sdo_act: SILU for SwiGLU, GELU or GELU_TANH for GeGLU
 *
 * As exact as struct sdo_activate, and one more rounding. When gate and up are the halves of
 * one row, give both views the stride of the whole row.
 */
struct sdo_glu {
	struct sdo_view gate, up, out;
	uint32_t n[4];
	uint32_t type_gate, type_up, type_out;
	uint32_t act;
};

#define SDO_SOFTMAX_CAUSAL 0x1u

/**
 * struct sdo_softmax - softmax of rows, out = exp(y) / sum exp(y) with y = x scale + mask
 * @x: operand; rows lie in dimension 0
 * @mask: summand, 0: none; a stride of 0 repeats it for heads or sequences
 * @out: result
 * @n: sizes of x and out
 * @type_x: F32, F16, BF16
 * @type_mask: F32, F16, BF16
 * @type_out: F32, F16, BF16
 * @scale: factor
 * @flags: SDO_SOFTMAX_CAUSAL: of row i of dimension 1 only the elements 0 to i + @offset count,
 *	   the others become 0
 * @offset: for SDO_SOFTMAX_CAUSAL: elements that row 0 sees, less 1
 *
 * A row in which nothing counts becomes zeros, one in which all is -infinity NaN.
 * Within 2^-20 (relative) + 2^-21 of the exact result, plus the rounding to @type_out.
 */
struct sdo_softmax {
	struct sdo_view x, mask, out;
	uint32_t n[4];
	uint32_t type_x, type_mask, type_out;
	float scale;
	uint32_t flags;
	int32_t offset;
};

/**
 * struct sdo_rms_norm - out = x / sqrt(mean(x^2) + eps) weight, row by row
 * @x: operand; rows lie in dimension 0
 * @out: result
 * @weight: n[0] factors, dense; 0: none
 * @n: sizes of x and out
 * @type_x: F32, F16, BF16
 * @type_weight: F32, F16, BF16
 * @type_out: F32, F16, BF16
 * @eps: summand
 *
 * Within 2^-20 of the exact result, relatively, plus the rounding to @type_out, for rows of up
 * to 8 VLEN elements.
 */
struct sdo_rms_norm {
	struct sdo_view x, out;
	uint64_t weight;
	uint32_t n[4];
	uint32_t type_x, type_weight, type_out;
	float eps;
};

/**
 * struct sdo_layer_norm - out = (x - mean(x)) / sqrt(variance(x) + eps) weight + bias
 * @x: operand; rows lie in dimension 0
 * @out: result
 * @weight: n[0] factors, dense; 0: none
 * @bias: n[0] summands of the same type, dense; 0: none
 * @n: sizes of x and out
 * @type_x: F32, F16, BF16
 * @type_weight: F32, F16, BF16
 * @type_out: F32, F16, BF16
 * @eps: summand
 *
 * Mean and variance in two passes. Within 2^-19 (1 + |mean| / deviation) of the exact result,
 * absolutely, times the weight, plus the rounding to @type_out.
 */
struct sdo_layer_norm {
	struct sdo_view x, out;
	uint64_t weight, bias;
	uint32_t n[4];
	uint32_t type_x, type_weight, type_out;
	float eps;
};

#define SDO_ROPE_HALVES	  0x1u
#define SDO_ROPE_DIMS_MAX 512u

/**
 * struct sdo_rope - rotary position embedding
 * @x: operand: dimension 0 a head, 1 heads, 2 tokens, 3 sequences
 * @out: result
 * @positions: i32 position of each token, n[2] of each of n[3] sequences, dense; 0: a token's
 *	       position is its number plus @first
 * @factors: f32 divisors of the frequencies, dims / 2 of them, dense; 0: all 1
 * @n: sizes of x and out
 * @type_x: F32, F16, BF16
 * @type_out: F32, F16, BF16
 * @dims: how many elements of a head turn, an even number up to 512; the others are copied
 * @flags: SDO_ROPE_HALVES: element i turns with i + dims / 2 (as in GPT-NeoX); else 2i with
 *	   2i + 1
 * @first: added to every position, modulo 2^32
 * @base: pair i turns by position scale base^(-2i / dims) / factor[i]; 1e-19 to 1e19
 * @scale: 1, or less to reach further
 * @magnitude: factor of what turns, 1 unless the model says otherwise (YaRN)
 *
 * Angles are computed in f64. Within 2^-21 times the length of the pair, plus the rounding
 * to @type_out, up to 2^24 radians.
 */
struct sdo_rope {
	struct sdo_view x, out;
	uint64_t positions, factors;
	uint32_t n[4];
	uint32_t type_x, type_out;
	uint32_t dims;
	uint32_t flags;
	int32_t first;
	float base, scale, magnitude;
};

#ifdef SDO_HOST

/**
 * sdo_dense() - the view of a dense tensor
 * @address: of its first element
 * @type: of its elements
 * @n: its sizes
 *
 * Return: the view.
 */
static inline struct sdo_view sdo_dense(uint64_t address, uint32_t type, const uint32_t n[4])
{
	struct sdo_view view;
	int i;

	view.address = address;
	view.stride[0] = sdo_type_bits(type) / 8;
	for (i = 1; i < 4; i++)
		view.stride[i] = view.stride[i - 1] * n[i - 1];
	return view;
}

/* Elements of a result, in @count. */
static inline int sdo_nn_count_(const char *op, const struct sdo_view *out, const uint32_t n[4],
				uint64_t *count)
{
	int i;

	*count = 1;
	for (i = 0; i < 4; i++)
		if (!n[i])
			*count = 0;
	for (i = 0; i < 4 && *count; i++) {
		*count *= n[i];
		if (*count >> 40)
			return sdo_refuse(-EINVAL, "%s: n: 2^40 elements or more", op);
		if (n[i] > 1 && !out->stride[i])
			return sdo_refuse(-EINVAL, "%s: out.stride[%d] is 0", op, i);
	}
	return 0;
}

static inline int sdo_nn_type_(const char *op, const char *member, uint32_t type)
{
	if (type == SDO_F32 || type == SDO_F16 || type == SDO_BF16)
		return 0;
	return sdo_refuse(-EOPNOTSUPP, "%s: %s %u: not F32, F16 or BF16", op, member, type);
}

/* Kernels that pass over @count elements; @rows: that cannot share a row. */
static inline int sdo_nn_dim_(const char *op, uint64_t count, uint64_t rows,
			      const struct sdo_card *card, struct seedchip_dim *dim)
{
	static const struct seedchip_dim none = { 0, 0, 0, 0, 0, 0, 0, { 0, 0 } };
	uint64_t most = (count + 1023) / 1024;
	uint32_t dynamic = card->tcm_size - SDO_TCM_RESERVED;
	int r = sdo_check_card(op, card);

	if (r)
		return r;
	if (most > rows)
		most = rows;
	*dim = none;
	dim->x = most < card->cores ? (uint32_t)most : card->cores;
	dim->y = 1;
	dim->z = 1;
	dim->dynamic = dynamic < 393216 ? dynamic : 393216;
	return 0;
}

/* Size of the result in dimension @i, ~0: the operands do not go together. */
static inline uint32_t sdo_binary_size_(const struct sdo_binary *args, int i)
{
	if (args->n_a[i] == args->n_b[i] || args->n_b[i] == 1)
		return args->n_a[i];
	return args->n_a[i] == 1 ? args->n_b[i] : ~0u;
}

/**
 * sdo_binary_dim() - check the arguments of binary, and compute its grid
 * @args: arguments
 * @card: what it will run on
 * @dim: grid, flags and scratchpad, for seedchip_launch()
 *
 * Return: 0; -EINVAL: a member is out of its range; -EOPNOTSUPP: types that do not go together;
 * -E2BIG: the scratchpad is too small.
 */
static inline int sdo_binary_dim(const struct sdo_binary *args, const struct sdo_card *card,
				 struct seedchip_dim *dim)
{
	uint32_t n[4];
	uint64_t count;
	int i, r;

	for (i = 0; i < 4; i++) {
		n[i] = sdo_binary_size_(args, i);
		if (n[i] == ~0u)
			return sdo_refuse(-EINVAL, "binary: n_a[%d] is %u and n_b[%d] %u", i,
					  args->n_a[i], i, args->n_b[i]);
	}
	if (args->op >= SDO_BINARY_COUNT)
		return sdo_refuse(-EINVAL, "binary: op %u: there is no such operation", args->op);
	r = sdo_nn_type_("binary", "type_a", args->type_a);
	if (!r)
		r = sdo_nn_type_("binary", "type_b", args->type_b);
	if (!r)
		r = sdo_nn_type_("binary", "type_out", args->type_out);
	if (!r)
		r = sdo_nn_count_("binary", &args->out, n, &count);
	if (r)
		return r;
	return sdo_nn_dim_("binary", count, count, card, dim);
}

/**
 * sdo_scale_dim() - check the arguments of scale, and compute its grid
 * @args: arguments
 * @card: what it will run on
 * @dim: grid, flags and scratchpad, for seedchip_launch()
 *
 * Return: 0; -EINVAL: a member is out of its range; -EOPNOTSUPP: types that do not go together;
 * -E2BIG: the scratchpad is too small.
 */
static inline int sdo_scale_dim(const struct sdo_scale *args, const struct sdo_card *card,
				struct seedchip_dim *dim)
{
	uint64_t count;
	int r;

	r = sdo_nn_type_("scale", "type_x", args->type_x);
	if (!r)
		r = sdo_nn_type_("scale", "type_out", args->type_out);
	if (!r)
		r = sdo_nn_count_("scale", &args->out, args->n, &count);
	if (r)
		return r;
	return sdo_nn_dim_("scale", count, count, card, dim);
}

static inline int sdo_nn_act_(const char *op, uint32_t act)
{
	if (act > SDO_ACT_SILU)
		return sdo_refuse(-EINVAL, "%s: act %u: there is no such activation", op, act);
	return 0;
}

/**
 * sdo_activate_dim() - check the arguments of activate, and compute its grid
 * @args: arguments
 * @card: what it will run on
 * @dim: grid, flags and scratchpad, for seedchip_launch()
 *
 * Return: 0; -EINVAL: a member is out of its range; -EOPNOTSUPP: types that do not go together;
 * -E2BIG: the scratchpad is too small.
 */
static inline int sdo_activate_dim(const struct sdo_activate *args, const struct sdo_card *card,
				   struct seedchip_dim *dim)
{
	uint64_t count;
	int r;

	r = sdo_nn_type_("activate", "type_x", args->type_x);
	if (!r)
		r = sdo_nn_type_("activate", "type_out", args->type_out);
	if (!r)
		r = sdo_nn_act_("activate", args->act);
	if (!r)
		r = sdo_nn_count_("activate", &args->out, args->n, &count);
	if (r)
		return r;
	if (args->reserved)
		return sdo_refuse(-EINVAL, "activate: reserved is not 0");
	return sdo_nn_dim_("activate", count, count, card, dim);
}

/**
 * sdo_glu_dim() - check the arguments of glu, and compute its grid
 * @args: arguments
 * @card: what it will run on
 * @dim: grid, flags and scratchpad, for seedchip_launch()
 *
 * Return: 0; -EINVAL: a member is out of its range; -EOPNOTSUPP: types that do not go together;
 * -E2BIG: the scratchpad is too small.
 */
static inline int sdo_glu_dim(const struct sdo_glu *args, const struct sdo_card *card,
			      struct seedchip_dim *dim)
{
	uint64_t count;
	int r;

	r = sdo_nn_type_("glu", "type_gate", args->type_gate);
	if (!r)
		r = sdo_nn_type_("glu", "type_up", args->type_up);
	if (!r)
		r = sdo_nn_type_("glu", "type_out", args->type_out);
	if (!r)
		r = sdo_nn_act_("glu", args->act);
	if (!r)
		r = sdo_nn_count_("glu", &args->out, args->n, &count);
	if (r)
		return r;
	return sdo_nn_dim_("glu", count, count, card, dim);
}

/* Kernels that work row by row. */
static inline int sdo_nn_row_dim_(const char *op, const struct sdo_view *out, const uint32_t n[4],
				  const struct sdo_card *card, struct seedchip_dim *dim)
{
	uint64_t count;
	int r = sdo_nn_count_(op, out, n, &count);

	if (r)
		return r;
	return sdo_nn_dim_(op, count, count ? count / n[0] : 0, card, dim);
}

/**
 * sdo_softmax_dim() - check the arguments of softmax, and compute its grid
 * @args: arguments
 * @card: what it will run on
 * @dim: grid, flags and scratchpad, for seedchip_launch()
 *
 * Return: 0; -EINVAL: a member is out of its range; -EOPNOTSUPP: types that do not go together;
 * -E2BIG: the scratchpad is too small.
 */
static inline int sdo_softmax_dim(const struct sdo_softmax *args, const struct sdo_card *card,
				  struct seedchip_dim *dim)
{
	int r;

	r = sdo_nn_type_("softmax", "type_x", args->type_x);
	if (!r)
		r = sdo_nn_type_("softmax", "type_out", args->type_out);
	if (!r && args->mask.address)
		r = sdo_nn_type_("softmax", "type_mask", args->type_mask);
	if (r)
		return r;
	if (args->flags & ~SDO_SOFTMAX_CAUSAL)
		return sdo_refuse(-EINVAL, "softmax: flags 0x%x: not all are known", args->flags);
	return sdo_nn_row_dim_("softmax", &args->out, args->n, card, dim);
}

/**
 * sdo_rms_norm_dim() - check the arguments of rms_norm, and compute its grid
 * @args: arguments
 * @card: what it will run on
 * @dim: grid, flags and scratchpad, for seedchip_launch()
 *
 * Return: 0; -EINVAL: a member is out of its range; -EOPNOTSUPP: types that do not go together;
 * -E2BIG: the scratchpad is too small.
 */
static inline int sdo_rms_norm_dim(const struct sdo_rms_norm *args, const struct sdo_card *card,
				   struct seedchip_dim *dim)
{
	int r;

	r = sdo_nn_type_("rms_norm", "type_x", args->type_x);
	if (!r)
		r = sdo_nn_type_("rms_norm", "type_out", args->type_out);
	if (!r && args->weight)
		r = sdo_nn_type_("rms_norm", "type_weight", args->type_weight);
	if (r)
		return r;
	return sdo_nn_row_dim_("rms_norm", &args->out, args->n, card, dim);
}

/**
 * sdo_layer_norm_dim() - check the arguments of layer_norm, and compute its grid
 * @args: arguments
 * @card: what it will run on
 * @dim: grid, flags and scratchpad, for seedchip_launch()
 *
 * Return: 0; -EINVAL: a member is out of its range; -EOPNOTSUPP: types that do not go together;
 * -E2BIG: the scratchpad is too small.
 */
static inline int sdo_layer_norm_dim(const struct sdo_layer_norm *args,
				     const struct sdo_card *card, struct seedchip_dim *dim)
{
	int r;

	r = sdo_nn_type_("layer_norm", "type_x", args->type_x);
	if (!r)
		r = sdo_nn_type_("layer_norm", "type_out", args->type_out);
	if (!r && (args->weight || args->bias))
		r = sdo_nn_type_("layer_norm", "type_weight", args->type_weight);
	if (r)
		return r;
	return sdo_nn_row_dim_("layer_norm", &args->out, args->n, card, dim);
}

/**
 * sdo_rope_dim() - check the arguments of rope, and compute its grid
 * @args: arguments
 * @card: what it will run on
 * @dim: grid, flags and scratchpad, for seedchip_launch()
 *
 * Return: 0; -EINVAL: a member is out of its range; -EOPNOTSUPP: types that do not go together;
 * -E2BIG: the scratchpad is too small.
 */
static inline int sdo_rope_dim(const struct sdo_rope *args, const struct sdo_card *card,
			       struct seedchip_dim *dim)
{
	struct seedchip_dim d;
	int r;

	r = sdo_nn_type_("rope", "type_x", args->type_x);
	if (!r)
		r = sdo_nn_type_("rope", "type_out", args->type_out);
	if (r)
		return r;
	if (args->dims % 2 || args->dims > SDO_ROPE_DIMS_MAX || args->dims > args->n[0])
		return sdo_refuse(-EINVAL, "rope: dims %u: not even, above %u or above n[0] %u",
				  args->dims, SDO_ROPE_DIMS_MAX, args->n[0]);
	if (args->flags & ~SDO_ROPE_HALVES)
		return sdo_refuse(-EINVAL, "rope: flags 0x%x: not all are known", args->flags);
	if (!(args->base >= 1e-19f && args->base <= 1e19f))
		return sdo_refuse(-EINVAL, "rope: base %g: not from 1e-19 to 1e19",
				  (double)args->base);
	r = sdo_nn_row_dim_("rope", &args->out, args->n, card, &d);
	if (r)
		return r;
	/* a head in and out, four of each under way */
	if (args->n[0] > (d.dynamic / 4 - 512) / 12)
		return sdo_refuse(-E2BIG, "rope: n[0] %u: a head does not fit", args->n[0]);
	*dim = d;
	return 0;
}

#endif /* SDO_HOST */

#ifdef __cplusplus
}
#endif

#endif /* SEEDCHIP_OPS_NN_H */
