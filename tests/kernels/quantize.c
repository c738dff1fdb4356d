// SPDX-License-Identifier: MIT
/*
 * quantize, quantize_scales and dequantize: all types, groups, given and computed
 * scales, bit for bit.
 */
#include <math.h>
#include <stdlib.h>

#include "harness.h"

static const uint8_t floats[] = { SDO_F32, SDO_BF16, SDO_F16 };
static const uint8_t narrow[] = { SDO_I8, SDO_I4, SDO_E4M3, SDO_E5M2 };
static const uint8_t scale_types[] = { SDO_F32, SDO_F16, SDO_E8M0 };
static const uint32_t groups[] = { 0, 16, 32, 64, 128, 256, 512, 1024, 1 };

/* Bytes of a tensor whose bytes a kernel may write, and what they must become. */
struct output {
	struct kt_mem mem;
	uint8_t *want;
};

static struct output output(size_t size)
{
	struct output o = { .mem = kt_mem(size, kt_random() % 64), .want = malloc(size + 1) };

	memcpy(o.want, o.mem.host, size);
	return o;
}

static void output_check(const char *what, struct output *o)
{
	kt_same(what, SDO_U8, o->mem.host, o->want, o->mem.size);
	free(o->want);
}

static size_t bytes_of(uint32_t type, size_t n)
{
	return (n * sdo_type_bits(type) + 7) / 8;
}

/* To E8M0 upwards: the least power of two that is not below, or NaN. */
static void set_scale(uint32_t type, void *to, float v)
{
	uint8_t code = 0;

	if (type != SDO_E8M0) {
		kt_set(type, to, 0, v);
		return;
	}
	while (code < 255 && !(v < 0x1p-126f) && !(ldexpf(1, code - 127) >= v))
		code++;
	memcpy(to, &code, 1);
}

/* A value of I4 is its code - 8; an odd last one has a zero beside it. */
static void set_q(uint32_t type, uint8_t *row, uint32_t i, float v)
{
	int8_t q;

	if (type != SDO_I4) {
		kt_set(type, row, i, v);
		return;
	}
	kt_set(SDO_I8, &q, 0, v);
	q = (q < -8 ? -8 : q > 7 ? 7 : q) + 8;
	row[i / 2] = i % 2 ? row[i / 2] | q << 4 : q;
}

static float get_q(uint32_t type, const uint8_t *row, uint32_t i)
{
	return (float)kt_get(type, row, i) - (type == SDO_I4 ? 8 : 0);
}

struct sizes {
	uint32_t m, k, group, count; /* count: groups of a row */
};

static struct sizes sizes(uint32_t m, uint32_t k, uint32_t group)
{
	return (struct sizes){ m, k, group, group ? (k + group - 1) / group : 1 };
}

/* Strides of numbers of groups: row by row, group by group, or (input) the same for all rows. */
static size_t lay_groups(const struct sizes *s, size_t size, bool input, uint64_t stride[2])
{
	switch (kt_between(0, input ? 2 : 1)) {
	case 0:
		stride[1] = size;
		stride[0] = s->count * size + kt_between(0, 5);
		return s->m * stride[0];
	case 1:
		stride[0] = size;
		stride[1] = s->m * size + kt_between(0, 5);
		return s->count * stride[1];
	default:
		stride[0] = 0;
		stride[1] = size;
		return s->count * size;
	}
}

static float levels(uint32_t type, bool mins)
{
	switch (type) {
	case SDO_I8:
		return mins ? 255 : 127;
	case SDO_I4:
		return mins ? 15 : 7;
	case SDO_E4M3:
		return 448;
	default:
		return 57344;
	}
}

/* Scale and minimum of @n elements of each of @rows, to their places. */
static void choose(const struct sdo_quantize *a, const uint8_t *x, uint32_t rows, uint32_t n,
		   uint8_t *to_scale, uint8_t *to_min)
{
	float low = INFINITY, high = a->mins ? -INFINITY : 0, scale;

	for (uint32_t r = 0; r < rows; r++) {
		for (uint32_t i = 0; i < n; i++) {
			float v = (float)kt_get(a->type_x, x + r * a->stride_x, i);

			low = fminf(low, v);
			high = fmaxf(high, a->mins ? v : fabsf(v));
		}
	}
	if (!a->mins)
		low = 0;
	if (low > high) {
		low = 0;
		high = 0;
	}
	scale = (high - low) / levels(a->type_q, a->mins);
	set_scale(a->type_scale, to_scale, scale < 0x1p-126f ? 0 : scale);
	scale = (float)kt_get(a->type_scale, to_scale, 0);
	if (a->mins)
		kt_set(SDO_F16, to_min, 0, fmaf(scale, a->type_q == SDO_I8 ? 128 : 8, low));
}

struct tensors {
	struct kt_mem x;
	struct output q, scale, mins, sums;
};

static void reference_group(const struct sdo_quantize *a, struct tensors *t, uint32_t row,
			    uint32_t group, uint32_t from, uint32_t n)
{
	uint8_t *scale = t->scale.want + row * a->stride_scale[0] + group * a->stride_scale[1];
	uint8_t *mins = t->mins.want + row * a->stride_mins[0] + group * a->stride_mins[1];
	uint8_t *q = t->q.want + row * a->stride_q;
	const uint8_t *x = (uint8_t *)t->x.host + row * a->stride_x;
	float s, min, r, sum = 0;

	if (!(a->flags & SDO_QUANTIZE_GIVEN))
		choose(a, x + from * bytes_of(a->type_x, 1), 1, n, scale, mins);
	s = (float)kt_get(a->type_scale, scale, 0);
	min = (float)kt_get(SDO_F16, mins, 0);
	r = fabsf(s) < 0x1p-126f ? 0 : 1 / s;
	for (uint32_t i = from; i < from + n; i++) {
		float v = (float)kt_get(a->type_x, x, i);

		set_q(a->type_q, q, i, (a->mins ? v - min : v) * r);
		sum += get_q(a->type_q, q, i);
	}
	if (a->sums)
		kt_set(SDO_F16, t->sums.want + row * a->stride_sums, group, sum * s);
}

static void quantize_case(struct sdo_quantize *a, const struct sizes *s, enum kt_data data,
			  bool mins, bool sums)
{
	bool given = a->flags & SDO_QUANTIZE_GIVEN;
	size_t size = bytes_of(a->type_scale, 1);
	uint32_t group = s->group ? s->group : s->k;
	struct seedchip_dim dim;
	struct tensors t;

	a->m = s->m;
	a->k = s->k;
	a->group = s->group;
	a->stride_x = bytes_of(a->type_x, s->k) + kt_between(0, 5);
	a->stride_q = bytes_of(a->type_q, s->k) + kt_between(0, 5);
	a->stride_sums = 2 * s->count + kt_between(0, 5);
	t.x = kt_mem(s->m * a->stride_x, kt_random() % 64);
	t.q = output(s->m * a->stride_q);
	t.scale = output(lay_groups(s, size, given, a->stride_scale));
	t.mins = output(lay_groups(s, 2, given, a->stride_mins));
	t.sums = output(s->m * a->stride_sums);
	a->x = t.x.address;
	a->q = t.q.mem.address;
	a->scale = t.scale.mem.address;
	a->mins = mins ? t.mins.mem.address : 0;
	a->sums = sums ? t.sums.mem.address : 0;
	for (uint32_t row = 0; row < s->m; row++) {
		kt_fill(a->type_x, (uint8_t *)t.x.host + row * a->stride_x, s->k, data);
		for (uint32_t g = 0; given && g < s->count; g++) {
			kt_fill(a->type_scale, (uint8_t *)t.scale.mem.host +
				row * a->stride_scale[0] + g * a->stride_scale[1], 1, data);
			kt_fill(SDO_F16, (uint8_t *)t.mins.mem.host + row * a->stride_mins[0] +
				g * a->stride_mins[1], 1, data);
		}
	}
	memcpy(t.scale.want, t.scale.mem.host, t.scale.mem.size);
	memcpy(t.mins.want, t.mins.mem.host, t.mins.mem.size);
	for (uint32_t row = 0; row < s->m; row++)
		for (uint32_t g = 0; s->k && g < s->count; g++)
			reference_group(a, &t, row, g, g * group,
					s->k - g * group < group ? s->k - g * group : group);
	KT_DIM(sdo_quantize_dim(a, &kt_card, &dim));
	kt_run("quantize", "quantize", a, sizeof(*a), &dim);
	output_check("scale", &t.scale);
	output_check("mins", &t.mins);
	output_check("sums", &t.sums);
	output_check("q", &t.q);
	kt_free();
}

static struct sizes any_sizes(unsigned int i, bool given)
{
	static const uint32_t k[] = { 1, 15, 16, 17, 64, 129, 1000, 1025, 4096, 5003 };
	uint32_t size = k[kt_random() % (kt_reduced ? 6 : 10)];

	return sizes(kt_between(1, size > 1000 || kt_reduced ? 3 : 40), size,
		     groups[i % (given ? 9 : 8)]);
}

static void quantize_cases(bool given, enum kt_data data)
{
	for (unsigned int i = 0; i < (kt_reduced ? 12 : 72); i++) {
		struct sdo_quantize a = {
			.type_x = floats[kt_random() % 3], .type_q = narrow[i % 4],
			.type_scale = scale_types[kt_random() % 3],
			.flags = given ? SDO_QUANTIZE_GIVEN : 0,
		};
		struct sizes s = any_sizes(i / 4, given);
		bool mins = i % 4 < 2 && kt_random() % 2;

		quantize_case(&a, &s, data, mins, !mins && i % 4 == 0 && s.group >= 16);
	}
}

static void test_computed(void)
{
	quantize_cases(false, KT_PLAIN);
	quantize_cases(false, KT_CORNER);
}

static void test_given(void)
{
	quantize_cases(true, KT_PLAIN);
	quantize_cases(true, KT_CORNER);
}

/* A row with one scale in many pieces, and rows for all cores. */
static void test_long(void)
{
	for (unsigned int i = 0; i < 4; i++) {
		struct sdo_quantize a = { .type_x = SDO_F16, .type_q = narrow[i],
					  .type_scale = SDO_F32 };
		struct sizes row = sizes(3, kt_reduced ? 4099 : 30011, 0);
		struct sizes many = sizes(kt_reduced ? 70 : 900, 129, 64);

		quantize_case(&a, &row, KT_PLAIN, i < 2, false);
		quantize_case(&a, &many, KT_PLAIN, false, i == 0);
	}
}

static void dequantize_case(struct sdo_dequantize *a, const struct sizes *s, enum kt_data data,
			    bool mins)
{
	size_t size = bytes_of(a->type_scale, 1);
	struct kt_mem q, scale, min;
	struct seedchip_dim dim;
	struct output x;

	a->m = s->m;
	a->k = s->k;
	a->group = s->group;
	a->stride_q = bytes_of(a->type_q, s->k) + kt_between(0, 5);
	a->stride_x = bytes_of(a->type_x, s->k) + kt_between(0, 5);
	q = kt_mem(s->m * a->stride_q, kt_random() % 64);
	scale = kt_mem(lay_groups(s, size, true, a->stride_scale), kt_random() % 64);
	min = kt_mem(lay_groups(s, 2, true, a->stride_mins), kt_random() % 64);
	x = output(s->m * a->stride_x);
	a->q = q.address;
	a->x = x.mem.address;
	a->scale = scale.address;
	a->mins = mins ? min.address : 0;
	for (uint32_t row = 0; row < s->m; row++)
		kt_fill(a->type_q, (uint8_t *)q.host + row * a->stride_q, s->k, data);
	for (uint32_t i = 0; i < s->m * s->count; i++) {
		uint32_t row = i / s->count, g = i % s->count;

		kt_fill(a->type_scale, (uint8_t *)scale.host + row * a->stride_scale[0] +
			g * a->stride_scale[1], 1, data);
		kt_fill(SDO_F16, (uint8_t *)min.host + row * a->stride_mins[0] +
			g * a->stride_mins[1], 1, data);
	}
	for (uint64_t i = 0; i < (uint64_t)s->m * s->k; i++) {
		uint32_t row = i / s->k, col = i % s->k, g = s->group ? col / s->group : 0;
		float v = get_q(a->type_q, (uint8_t *)q.host + row * a->stride_q, col);
		float f = (float)kt_get(a->type_scale, (uint8_t *)scale.host +
					row * a->stride_scale[0] + g * a->stride_scale[1], 0);
		float b = (float)kt_get(SDO_F16, (uint8_t *)min.host + row * a->stride_mins[0] +
					g * a->stride_mins[1], 0);

		kt_set(a->type_x, x.want + row * a->stride_x, col, mins ? fmaf(v, f, b) : v * f);
	}
	KT_DIM(sdo_dequantize_dim(a, &kt_card, &dim));
	kt_run("dequantize", "dequantize", a, sizeof(*a), &dim);
	output_check("x", &x);
	kt_free();
}

static void test_dequantize(void)
{
	for (unsigned int i = 0; i < (kt_reduced ? 18 : 108); i++) {
		struct sdo_dequantize a = {
			.type_q = narrow[i % 4], .type_x = floats[i / 4 % 3],
			.type_scale = scale_types[kt_random() % 3],
		};
		struct sizes s = any_sizes(i, true);

		dequantize_case(&a, &s, i % 2 ? KT_CORNER : KT_PLAIN, kt_random() % 2);
	}
}

/* Scales of columns, or of all of the matrix, and with them the matrix. */
static void scales_case(struct sdo_quantize *a, enum kt_data data, bool mins)
{
	size_t size = bytes_of(a->type_scale, 1), count = a->group ? a->k : 1;
	uint32_t rows = a->m, cols = a->group ? 1 : a->k;
	struct seedchip_dim dim;
	struct output scale, min;
	struct kt_mem x;

	a->stride_x = bytes_of(a->type_x, a->k) + kt_between(0, 5);
	a->stride_scale[1] = size + kt_between(0, 3);
	a->stride_mins[1] = 2 + kt_between(0, 3);
	x = kt_mem(rows * a->stride_x, kt_random() % 64);
	scale = output(count * a->stride_scale[1]);
	min = output(count * a->stride_mins[1]);
	a->x = x.address;
	a->scale = scale.mem.address;
	a->mins = mins ? min.mem.address : 0;
	for (uint32_t row = 0; row < rows; row++)
		kt_fill(a->type_x, (uint8_t *)x.host + row * a->stride_x, a->k, data);
	for (uint32_t i = 0; rows && a->k && i < count; i++)
		choose(a, (uint8_t *)x.host + i * bytes_of(a->type_x, 1), rows, cols,
		       scale.want + i * a->stride_scale[1], min.want + i * a->stride_mins[1]);
	KT_DIM(sdo_quantize_scales_dim(a, &kt_card, &dim));
	kt_run("quantize_scales", "quantize_scales", a, sizeof(*a), &dim);
	output_check("scale", &scale);
	output_check("mins", &min);
	kt_free();
}

static void test_scales(void)
{
	static const uint32_t k[] = { 1, 2, 63, 64, 65, 300, 1031, 4099 };

	for (unsigned int i = 0; i < (kt_reduced ? 16 : 48); i++) {
		struct sdo_quantize a = {
			.m = kt_between(1, 12), .k = k[i / 2 % 8], .group = i % 2,
			.type_x = floats[kt_random() % 3], .type_q = narrow[kt_random() % 4],
			.type_scale = scale_types[kt_random() % 3],
		};

		if (a.k < 100)
			a.m *= a.m;
		scales_case(&a, i % 4 < 2 ? KT_PLAIN : KT_CORNER,
			    a.type_q <= SDO_I4 && kt_random() % 2);
	}
	for (unsigned int i = 0; i < 4; i++) {
		struct sdo_quantize a = { .m = i / 2 * 3, .k = 3 - i / 2 * 3, .group = i % 2,
					  .type_x = SDO_F16, .type_scale = SDO_F16 };

		scales_case(&a, KT_PLAIN, true);
	}
}

/* The block of quantize_scales, with GIVEN: errors are at most half of the column's scale. */
static void test_columns(void)
{
	enum { M = 70, K = 130 };
	struct kt_mem x = kt_mem(4 * M * K, 0), q = kt_mem(M * K, 0), scale = kt_mem(4 * K, 0);
	struct sdo_quantize a = {
		.x = x.address, .q = q.address, .scale = scale.address, .stride_x = 4 * K,
		.stride_q = K, .stride_scale = { 0, 4 }, .m = M, .k = K, .group = 1,
		.type_x = SDO_F32, .type_q = SDO_I8, .type_scale = SDO_F32,
	};
	struct seedchip_dim dim;

	kt_fill(SDO_F32, x.host, M * K, KT_PLAIN);
	KT_DIM(sdo_quantize_scales_dim(&a, &kt_card, &dim));
	kt_run("quantize_scales", "quantize_scales", &a, sizeof(a), &dim);
	a.flags = SDO_QUANTIZE_GIVEN;
	KT_DIM(sdo_quantize_dim(&a, &kt_card, &dim));
	kt_run("quantize", "quantize", &a, sizeof(a), &dim);
	for (int i = 0; i < M * K; i++) {
		double s = ((float *)scale.host)[i % K], want = ((float *)x.host)[i];
		float got = (float)(((int8_t *)q.host)[i] * s);

		kt_near("value", SDO_F32, &got, &want, 1, s * 0.50001, 0);
	}
}

static void test_empty(void)
{
	struct sdo_quantize a = { .type_x = SDO_F32, .type_q = SDO_I4, .type_scale = SDO_F16 };
	struct sdo_dequantize b = { .type_x = SDO_F32, .type_q = SDO_I4, .type_scale = SDO_F16 };
	struct sizes none = sizes(0, 5, 0), flat = sizes(5, 0, 16);

	quantize_case(&a, &none, KT_PLAIN, false, false);
	quantize_case(&a, &flat, KT_PLAIN, false, false);
	dequantize_case(&b, &none, KT_PLAIN, false);
	dequantize_case(&b, &flat, KT_PLAIN, false);
}

/*
 * A product of what quantize makes of both operands, with the strides that gemm wants, is the
 * product of what the codes stand for; the sums are rounded to f16.
 */
static void test_gemm(void)
{
	enum { M = 5, N = 7, K = 200, G = 32, GROUPS = (K + G - 1) / G };
	struct kt_mem x = kt_mem(4 * M * K, 0), w = kt_mem(4 * N * K, 0), a = kt_mem(M * K, 0);
	struct kt_mem scale_a = kt_mem(4 * M * GROUPS, 0), sums = kt_mem(2 * M * GROUPS, 0);
	struct kt_mem b = kt_mem(N * K / 2, 0), scale_b = kt_mem(2 * N * GROUPS, 0);
	struct kt_mem mins = kt_mem(2 * N * GROUPS, 0), d = kt_mem(4 * M * N, 0);
	struct sdo_quantize qa = { x.address, a.address, scale_a.address, 0, sums.address, 4 * K,
				   K, { 4 * GROUPS, 4 }, { 0, 0 }, 2 * GROUPS, M, K, G,
				   SDO_F32, SDO_I8, SDO_F32, 0 };
	struct sdo_quantize qb = { w.address, b.address, scale_b.address, mins.address, 0, 4 * K,
				   K / 2, { 2, 2 * N }, { 2, 2 * N }, 0, N, K, G,
				   SDO_F32, SDO_I4, SDO_F16, 0 };
	struct sdo_gemm g = { .a = a.address, .b = b.address, .d = d.address,
			      .scale_a = scale_a.address, .scale_b = scale_b.address,
			      .sums = sums.address, .mins = mins.address, .stride_a = K,
			      .stride_b = K / 2, .stride_d = 4 * N, .stride_scale_a = 4 * GROUPS,
			      .stride_scale_b = 2 * N, .stride_sums = 2 * GROUPS,
			      .stride_mins = 2 * N, .m = M, .n = N, .k = K, .batch = 1,
			      .group = G, .alpha = 1, .type_a = SDO_I8, .type_b = SDO_I4,
			      .type_d = SDO_F32, .type_scale = SDO_F16, .flags = SDO_GEMM_B_NK };
	struct seedchip_dim dim;

	for (int i = 0; i < 16; i++)
		g.codebook[i] = i - 8;
	kt_fill(SDO_F32, x.host, M * K, KT_PLAIN);
	kt_fill(SDO_F32, w.host, N * K, KT_PLAIN);
	KT_DIM(sdo_quantize_dim(&qa, &kt_card, &dim));
	kt_run("quantize", "quantize", &qa, sizeof(qa), &dim);
	KT_DIM(sdo_quantize_dim(&qb, &kt_card, &dim));
	kt_run("quantize", "quantize", &qb, sizeof(qb), &dim);
	KT_DIM(sdo_gemm_dim(&g, &kt_card, &dim));
	kt_run("gemm", "gemm", &g, sizeof(g), &dim);
	for (int i = 0; i < M * N; i++) {
		int m = i / N, n = i % N;
		double want = 0, bound = 0;

		for (int k = 0; k < K; k++) {
			int at = k / G * N + n;
			double va = kt_get(SDO_I8, a.host, m * K + k) *
				    kt_get(SDO_F32, scale_a.host, m * GROUPS + k / G);
			double vb = get_q(SDO_I4, b.host, n * K + k) *
				    kt_get(SDO_F16, scale_b.host, at);
			double min = kt_get(SDO_F16, mins.host, at);

			want += va * (vb + min);
			bound += 0x1p-11 * fabs(va * min) + 0x1p-18 * fabs(va * vb);
		}
		kt_near("product", SDO_F32, (float *)d.host + i, &want, 1, bound, 0);
	}
}

static void test_refused(void)
{
	struct sdo_quantize a = { .type_x = SDO_I8, .type_q = SDO_E4M3, .type_scale = SDO_F16,
				  .scale = 64, .group = 32 };
	struct sdo_dequantize b = { .type_x = SDO_F32, .type_q = SDO_I8, .type_scale = SDO_F32 };
	struct sdo_card small = kt_card;
	struct seedchip_dim dim;

	KT_REFUSED(sdo_quantize_dim(&a, &kt_card, &dim), -EOPNOTSUPP, "quantize: type_x 0");
	a.type_x = SDO_BF16;
	KT_DIM(sdo_quantize_dim(&a, &kt_card, &dim));
	a.mins = 64;
	KT_REFUSED(sdo_quantize_dim(&a, &kt_card, &dim), -EOPNOTSUPP, "mins with type_q 4");
	a.mins = 0;
	a.sums = 64;
	KT_REFUSED(sdo_quantize_dim(&a, &kt_card, &dim), -EOPNOTSUPP, "sums");
	a.sums = 0;
	a.group = 48;
	KT_REFUSED(sdo_quantize_dim(&a, &kt_card, &dim), -EINVAL, "group 48");
	a.group = 1;
	KT_REFUSED(sdo_quantize_dim(&a, &kt_card, &dim), -EINVAL, "group 1: scales");
	a.flags = 2;
	KT_REFUSED(sdo_quantize_dim(&a, &kt_card, &dim), -EINVAL, "flags 0x2");
	a.flags = SDO_QUANTIZE_GIVEN;
	a.stride_scale[1] = 1ull << 32;
	KT_REFUSED(sdo_quantize_dim(&a, &kt_card, &dim), -EINVAL, "stride_scale 4294967296");
	KT_REFUSED(sdo_dequantize_dim(&b, &kt_card, &dim), -EINVAL, "dequantize: scale is 0");
	KT_REFUSED(sdo_quantize_scales_dim(&a, &kt_card, &dim), -EINVAL, "stride_scale");
	a.group = 16;
	KT_REFUSED(sdo_quantize_scales_dim(&a, &kt_card, &dim), -EINVAL, "group 16: not 0 or 1");
	a.type_scale = SDO_BF16;
	KT_REFUSED(sdo_quantize_scales_dim(&a, &kt_card, &dim), -EOPNOTSUPP, "type_scale 3");
	b.scale = 64;
	small.tcm_size = 65536;
	KT_REFUSED(sdo_dequantize_dim(&b, &small, &dim), -E2BIG, "bytes of scratchpad");
}

int main(void)
{
	static const struct tap_test tests[] = {
		{ "quantize: scales computed", test_computed },
		{ "quantize: scales given", test_given },
		{ "quantize: long rows, many rows", test_long },
		{ "quantize_scales: columns, whole matrices", test_scales },
		{ "quantize_scales: the columns that quantize is given", test_columns },
		{ "dequantize: types and groups", test_dequantize },
		{ "quantize: operands of gemm", test_gemm },
		{ "quantize, dequantize: nothing to do", test_empty },
		{ "quantize, dequantize: what is refused", test_refused },
	};

	return KT_RUN(tests);
}
