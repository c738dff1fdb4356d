// SPDX-License-Identifier: MIT
/*
 * rope: rotary position embedding; see struct sdo_rope. Angles are counted in
 * revolutions, in f64, so that the fraction of one is good at any position.
 *
 * The usual heads, which turn as a whole, go as many at a time as registers hold
 * (turn_heads()): then elements that turn together lie in two arrays, or as the
 * halves of a word, whatever head they belong to.
 */
#include "stream.h"
#include "vec.h"

#define MAX_PAIRS (SDO_ROPE_DIMS_MAX / 2)
#define LANES	  512

static SD_TCM double frequency[MAX_PAIRS]; /* revolutions per position */
/* of this token, as often as there are heads at a time */
static SD_TCM float cosine[LANES], sine[LANES];
static SD_TCM uint32_t at_a_time; /* heads, 0: the slow way */
static SD_TCM bool joined; /* tokens lie as heads do: a block may have several */
static SD_TCM float factor[MAX_PAIRS];

/* Logarithm of a number that is not subnormal: 2 artanh((m - 1) / (m + 1)) of its mantissa. */
static double log2_of(double x)
{
	uint64_t bits;
	double z, sum = 0;
	int exponent;

	memcpy(&bits, &x, sizeof(bits));
	exponent = (int)(bits >> 52 & 0x7ff) - 1023;
	bits = (bits & 0xfffffffffffff) | 0x3ff0000000000000;
	memcpy(&x, &bits, sizeof(x));
	z = (x - 1) / (x + 1); /* up to 1/3 */
	for (int k = 41; k > 0; k -= 2)
		sum = sum * z * z + 1.0 / k;
	return exponent + 2 * sum * z * 0x1.71547652b82fep+0;
}

/* 2^x for |x| < 1000 */
static double exp2_of(double x)
{
	int whole = (int)(x < 0 ? x - 0.5 : x + 0.5);
	double t = (x - whole) * 0x1.62e42fefa39efp-1, sum = 1;
	uint64_t bits = (uint64_t)(whole + 1023) << 52;

	memcpy(&x, &bits, sizeof(x));
	for (int k = 16; k > 0; k--)
		sum = 1 + sum * t / k;
	return sum * x;
}

static void set_frequencies(const struct sdo_rope *args)
{
	uint32_t pairs = args->dims / 2;
	double ratio, f = args->scale * 0x1.45f306dc9c883p-3; /* / 2 pi */

	if (!pairs)
		return;
	ratio = exp2_of(-log2_of(args->base) / pairs);
	if (args->factors) {
		sd_dma_1d(3, factor, (const void *)args->factors, pairs * sizeof(*factor));
		sd_post(SC_EQ_DMA3, 3);
		sd_await(3, 1);
	}
	for (uint32_t i = 0; i < pairs; i++, f *= ratio)
		frequency[i] = args->factors ? f / factor[i] : f;
}

/* A polynomial, lowest power last. */
SD_INLINE vec polynomial(vec x, const float *c, unsigned int terms, size_t vl)
{
	vec y = vec_splat(c[0], vl);

	for (unsigned int i = 1; i < terms; i++)
		y = __riscv_vfmadd_vv_f32m4(y, x, vec_splat(c[i], vl), vl);
	return y;
}

SD_INLINE vbool8_t has_bit(vint32m4_t x, int bit, size_t vl)
{
	return __riscv_vmsne_vx_i32m4_b8(__riscv_vand_vx_i32m4(x, bit, vl), 0, vl);
}

/* Sine and cosine of @r revolutions, at most 1/8, plus @quarters. */
static void sine_cosine(vec r, vint32m4_t quarters, size_t i, float magnitude, size_t vl)
{
	/* (2 pi)^k / k! */
	static const float s[] = { 0x1.507834p+5f, -0x1.32d2ccp+6f, 0x1.466bc6p+6f, -0x1.4abbcep+5f,
				   0x1.921fb6p+2f };
	static const float c[] = { 0x1.e1f506p+5f, -0x1.55d3c8p+6f, 0x1.03c1fp+6f, -0x1.3bd3ccp+4f,
				   1 };
	vec square = __riscv_vfmul_vv_f32m4(r, r, vl);
	vec sin = __riscv_vfmul_vv_f32m4(polynomial(square, s, 5, vl), r, vl);
	vec cos = polynomial(square, c, 5, vl), swapped;
	vint32m4_t next = __riscv_vadd_vx_i32m4(quarters, 1, vl);
	vbool8_t odd = has_bit(quarters, 1, vl);
	vbool8_t sin_less = has_bit(quarters, 2, vl), cos_less = has_bit(next, 2, vl);

	swapped = __riscv_vmerge_vvm_f32m4(sin, cos, odd, vl);
	cos = __riscv_vmerge_vvm_f32m4(cos, sin, odd, vl);
	sin = __riscv_vfneg_v_f32m4_mu(sin_less, swapped, swapped, vl);
	cos = __riscv_vfneg_v_f32m4_mu(cos_less, cos, cos, vl);
	__riscv_vse32_v_f32m4(sine + i, __riscv_vfmul_vf_f32m4(sin, magnitude, vl), vl);
	__riscv_vse32_v_f32m4(cosine + i, __riscv_vfmul_vf_f32m4(cos, magnitude, vl), vl);
}

static void set_angles(const struct sdo_rope *args, int32_t position)
{
	size_t pairs = args->dims / 2, vl;

	for (size_t i = 0; i < pairs; i += vl) {
		vl = vec_len(pairs - i);

		vfloat64m8_t angle = __riscv_vle64_v_f64m8(frequency + i, vl), whole;
		vint64m8_t quarters;

		angle = __riscv_vfmul_vf_f64m8(angle, position, vl);
		quarters = __riscv_vfcvt_x_f_v_i64m8(__riscv_vfmul_vf_f64m8(angle, 4, vl), vl);
		whole = __riscv_vfcvt_f_x_v_f64m8(quarters, vl);
		angle = __riscv_vfnmsac_vf_f64m8(angle, 0.25, whole, vl);
		sine_cosine(__riscv_vfncvt_f_f_w_f32m4(angle, vl),
			    __riscv_vncvt_x_x_w_i32m4(quarters, vl), i, args->magnitude, vl);
	}
}

/* The two elements of each of @vl pairs. */
SD_INLINE void load_pairs(uint32_t type, bool halves, const uint8_t *x, size_t half, vec *a, vec *b,
			  size_t vl)
{
	if (halves) {
		*a = vec_load(type, x, 0, vl);
		*b = vec_load(type, x, half, vl);
	} else if (type == SDO_F32) {
		vfloat32m4x2_t p = __riscv_vlseg2e32_v_f32m4x2((const void *)x, vl);

		*a = __riscv_vget_v_f32m4x2_f32m4(p, 0);
		*b = __riscv_vget_v_f32m4x2_f32m4(p, 1);
	} else {
		vuint16m2x2_t p = __riscv_vlseg2e16_v_u16m2x2((const void *)x, vl);

		*a = vec_widen(type, __riscv_vget_v_u16m2x2_u16m2(p, 0), vl);
		*b = vec_widen(type, __riscv_vget_v_u16m2x2_u16m2(p, 1), vl);
	}
}

SD_INLINE void store_pairs(uint32_t type, bool halves, uint8_t *out, size_t half, vec a, vec b,
			   size_t vl)
{
	if (halves) {
		vec_store(type, out, 0, a, vl);
		vec_store(type, out, half, b, vl);
	} else if (type == SDO_F32) {
		vfloat32m4x2_t p = __riscv_vcreate_v_f32m4x2(a, b);

		__riscv_vsseg2e32_v_f32m4x2((void *)out, p, vl);
	} else {
		vuint16m2_t low = vec_narrow(type, a, vl);
		vuint16m2x2_t p = __riscv_vcreate_v_u16m2x2(low, vec_narrow(type, b, vl));

		__riscv_vsseg2e16_v_u16m2x2((void *)out, p, vl);
	}
}

/* The pairs of @rows heads, which lie @pitch elements apart. */
SD_INLINE void turn_rows(uint32_t type, uint32_t type_out, bool halves, const uint8_t *x,
			 uint8_t *out, size_t pairs, size_t pitch, size_t rows)
{
	size_t size = sdo_type_bits(type) / 8, size_out = sdo_type_bits(type_out) / 8, vl;

	for (size_t i = 0; i < pairs; i += vl) {
		size_t at = halves ? i : 2 * i;
		const uint8_t *from = x + at * size;
		uint8_t *to = out + at * size_out;

		vl = vec_len(pairs - i);

		vec sin = __riscv_vle32_v_f32m4(sine + i, vl);
		vec cos = __riscv_vle32_v_f32m4(cosine + i, vl), a, b, y;

		for (size_t r = 0; r < rows; r++, from += pitch * size, to += pitch * size_out) {
			load_pairs(type, halves, from, pairs, &a, &b, vl);
			y = __riscv_vfmul_vv_f32m4(a, sin, vl);
			a = __riscv_vfmul_vv_f32m4(a, cos, vl);
			a = __riscv_vfnmsac_vv_f32m4(a, b, sin, vl);
			b = __riscv_vfmacc_vv_f32m4(y, b, cos, vl);
			store_pairs(type_out, halves, to, pairs, a, b, vl);
		}
	}
}

/* Words of two 16-bit elements. */
SD_INLINE void load_words(uint32_t type, const void *from, vec *a, vec *b, size_t vl)
{
	vuint32m4_t w = __riscv_vle32_v_u32m4(from, vl);

	if (type == SDO_BF16) {
		*a = __riscv_vreinterpret_v_u32m4_f32m4(__riscv_vsll_vx_u32m4(w, 16, vl));
		*b = __riscv_vreinterpret_v_u32m4_f32m4(__riscv_vand_vx_u32m4(w, 0xffff0000, vl));
	} else {
		*a = vec_widen(type, __riscv_vnsrl_wx_u16m2(w, 0, vl), vl);
		*b = vec_widen(type, __riscv_vnsrl_wx_u16m2(w, 16, vl), vl);
	}
}

SD_INLINE void store_words(uint32_t type, void *to, vec a, vec b, size_t vl)
{
	vuint16m2_t high = vec_narrow(type, b, vl);
	vuint32m4_t w = __riscv_vwaddu_vv_u32m4(vec_narrow(type, a, vl), high, vl);

	/* a + b + 0xffff b */
	__riscv_vse32_v_u32m4(to, __riscv_vwmaccu_vx_u32m4(w, 0xffff, high, vl), vl);
}

/* Whole heads: @count pairs one after the other, or, with @halves, in arrays @half apart. */
SD_INLINE void turn_heads(uint32_t type, uint32_t type_out, bool halves, const uint8_t *x,
			  uint8_t *out, size_t half, size_t count, size_t lanes)
{
	size_t size = sdo_type_bits(type) / 8, size_out = sdo_type_bits(type_out) / 8, vl;
	size_t step = halves ? 1 : 2;
	vec sin, cos, a, b, y;

	vl = vec_len(lanes);
	sin = __riscv_vle32_v_f32m4(sine, vl);
	cos = __riscv_vle32_v_f32m4(cosine, vl);
	for (size_t i = 0; i < count; i += vl) {
		const uint8_t *from = x + i * step * size;
		uint8_t *to = out + i * step * size_out;

		vl = vec_len(count - i < lanes ? count - i : lanes);
		if (halves)
			load_pairs(type, true, from, half, &a, &b, vl);
		else
			load_words(type, from, &a, &b, vl);
		y = __riscv_vfmul_vv_f32m4(a, sin, vl);
		a = __riscv_vfmul_vv_f32m4(a, cos, vl);
		a = __riscv_vfnmsac_vv_f32m4(a, b, sin, vl);
		b = __riscv_vfmacc_vv_f32m4(y, b, cos, vl);
		if (halves)
			store_pairs(type_out, true, to, half, a, b, vl);
		else
			store_words(type_out, to, a, b, vl);
	}
}

static void turn_slowly(const struct sdo_rope *args, const uint8_t *x, uint8_t *out, size_t d,
			size_t rows)
{
	uint32_t type = args->type_x, type_out = args->type_out, pairs = args->dims / 2;
	size_t vl;

	turn_rows(type, type_out, args->flags & SDO_ROPE_HALVES, x, out, pairs, d, rows);
	for (size_t r = 0; 2 * pairs < d && r < rows; r++) {
		for (size_t i = 2 * pairs; i < d; i += vl) {
			vl = vec_len(d - i);
			vec_store(type_out, out, r * d + i, vec_load(type, x, r * d + i, vl), vl);
		}
	}
}

/* Rows [first, last) of a block. */
static void turn(const struct sdo_rope *args, const struct stream_block *b, uint8_t *out,
		 size_t first, size_t last)
{
	uint32_t type = args->type_x, type_out = args->type_out;
	bool halves = at_a_time && args->flags & SDO_ROPE_HALVES;
	size_t half = b->cols / 2, lanes = half * at_a_time, apart = half * b->rows;
	size_t at = first * (halves ? half : b->cols), count = half * (last - first);
	const uint8_t *x = b->at[0] + at * (sdo_type_bits(type) / 8);

	out += at * (sdo_type_bits(type_out) / 8);
	/* what models do most gets loops without branches */
	if (!at_a_time)
		turn_slowly(args, x, out, b->cols, last - first);
	else if (halves && type == SDO_BF16 && type_out == SDO_BF16)
		turn_heads(SDO_BF16, SDO_BF16, true, x, out, apart, count, lanes);
	else if (halves)
		turn_heads(type, type_out, true, x, out, apart, count, lanes);
	else
		turn_heads(type, type_out, false, x, out, apart, count, lanes);
}

/* How many heads to turn at a time; 0: they do not lie, or turn, as that needs. */
static uint32_t choose_heads(const struct sdo_rope *args)
{
	const struct sdo_view *x = &args->x, *out = &args->out;
	uint32_t bits = sdo_type_bits(args->type_x), bits_out = sdo_type_bits(args->type_out);
	size_t lanes = vec_len(LANES), heads;

	if (args->dims != args->n[0] || !args->dims)
		return 0;
	if (args->flags & SDO_ROPE_HALVES) {
		if (x->stride[0] != bits / 8 || out->stride[0] != bits_out / 8 ||
		    (x->stride[1] | out->stride[1]) >> 32)
			return 0;
	} else if (bits != 16 || bits_out != 16) {
		return 0;
	}
	heads = lanes / (args->dims / 2);
	return heads < args->n[1] ? heads : args->n[1];
}

/* The angles of one head are those of all. */
static void repeat_angles(uint32_t pairs)
{
	size_t vl, size = pairs;

	for (size_t i = 0; i < pairs; i += vl) {
		vl = vec_len(pairs - i);

		vec sin = __riscv_vle32_v_f32m4(sine + i, vl);
		vec cos = __riscv_vle32_v_f32m4(cosine + i, vl);

		for (uint32_t r = 1; r < at_a_time; r++) {
			__riscv_vse32_v_f32m4(sine + r * size + i, sin, vl);
			__riscv_vse32_v_f32m4(cosine + r * size + i, cos, vl);
		}
	}
}

static void compute(void *context, const struct stream_block *b)
{
	const struct sdo_rope *args = context;
	const int32_t *positions = args->positions ? (const void *)b->at[1] : NULL;
	uint8_t *out = b->at[positions ? 2 : 1];
	uint64_t heads = args->n[1], token = b->plane[0] + b->plane[1] * args->n[2], last;

	token = joined ? b->row / heads : token % args->n[2];
	for (uint64_t row = 0; row < b->rows; row = last, token++) {
		int32_t position = positions ? *positions++ : (int32_t)token;

		last = joined ? stream_min(b->rows, (token + 1) * heads - b->row) : b->rows;
		set_angles(args, (int32_t)((uint32_t)position + (uint32_t)args->first));
		repeat_angles(args->dims / 2);
		turn(args, b, out, row, last);
	}
}

SD_KERNEL(rope, struct sdo_rope)
{
	struct stream s = {
		.n = { args->n[0], args->n[1], args->n[2], args->n[3] },
		.whole_rows = true,
		.keep_rows = true,
		.passes = 1,
	};
	struct sdo_view x = args->x, out = args->out, positions = {
		.address = args->positions,
		.stride = { 0, 0, sizeof(int32_t), args->n[2] * sizeof(int32_t) },
	};

	set_frequencies(args);
	at_a_time = choose_heads(args);
	joined = args->n[1] && x.stride[2] == args->n[1] * x.stride[1] &&
		 out.stride[2] == args->n[1] * out.stride[1];
	if (joined) {
		s.n[1] *= s.n[2];
		s.n[2] = s.n[3];
		s.n[3] = 1;
		x.stride[2] = x.stride[3];
		out.stride[2] = out.stride[3];
	}
	stream_add(&s, &x, args->type_x);
	if (args->positions && joined)
		stream_add_every(&s, args->n[1], args->positions, SDO_I32);
	else if (args->positions)
		stream_add_one(&s, &positions, SDO_I32);
	stream_add(&s, &out, args->type_out);
	s.tensor[0].halves = at_a_time && args->flags & SDO_ROPE_HALVES;
	s.tensor[s.count - 1].halves = s.tensor[0].halves;
	stream_run(&s, compute, (void *)args);
}
