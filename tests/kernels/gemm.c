// SPDX-License-Identifier: MIT
/*
 * gemm against plain C: all pairs of types, layouts, strides, groups and
 * epilogues, sizes that fit and sizes that do not, bit for bit.
 */
#include <math.h>

#include "matmul.h"

/* One case: the arguments with what is not an address, and how to make the data. */
struct gemm_case {
	uint32_t m, n, k, batch;
	uint32_t a, b, d;
	uint32_t group, type_scale;
	uint32_t flags, act;
	enum kt_data data;
	float alpha;
	bool bias, scale_m, scale_n, scale_a, mins, no_scale_b, shared_b;
	unsigned int slack; /* bytes between rows */
	unsigned int offset;
};

static uint64_t rows_of(struct kt_mem *mem, uint32_t type, uint32_t rows, uint32_t columns,
			const struct gemm_case *c, uint32_t batch, uint64_t *batch_stride,
			enum kt_data data)
{
	uint64_t stride = ((uint64_t)columns * sdo_type_bits(type) + 7) / 8 + c->slack;

	*batch_stride = rows * stride;
	*mem = kt_mem(*batch_stride * batch, c->offset);
	for (uint32_t r = 0; r < rows * batch; r++)
		kt_fill(type, (uint8_t *)mem->host + r * stride, columns, data);
	return stride;
}

/* Packed weights as docs/layouts.md says, from random tiles; the reference gets them in rows. */
static void packed_b(const struct gemm_case *c, struct sdo_gemm *g, struct product *p)
{
	struct sdo_packed l = { .n = c->n, .k = c->k, .group = c->group, .type = c->b,
				.type_scale = c->type_scale, .mins = c->mins };
	uint32_t piece = sdo_packed_tile(&l), tiles_k = (c->k + 255) / 256;
	uint32_t tiles = tiles_k * ((c->n + 63) / 64), per = c->group ? 256 / c->group : 0;
	struct kt_mem mem = kt_mem((uint64_t)piece * tiles, 0);

	p->b = (struct matrix){ calloc(c->k * c->n + 1, 4), c->n };
	if (per)
		p->scale_b = (struct matrix){ calloc((c->k / c->group + 1) * c->n, 4), c->n };
	if (c->mins)
		p->mins = (struct matrix){ calloc((c->k / c->group + 1) * c->n, 4), c->n };
	for (uint32_t i = 0; i < tiles; i++) {
		uint8_t *values = (uint8_t *)mem.host + i * piece;
		uint8_t *scales = values + sdo_packed_values(&l);
		uint8_t *mins = scales + sdo_packed_scales(&l);
		uint32_t n0 = i / tiles_k * 64, k0 = i % tiles_k * 256;

		kt_fill(c->b, values, 64 * 256, c->data);
		if (per)
			kt_fill(c->type_scale, scales, 64 * per, KT_PLAIN);
		if (c->mins)
			kt_fill(SDO_F16, mins, 64 * per, KT_PLAIN);
		for (uint32_t e = 0; e < 64 * 256; e++) {
			uint32_t n = n0 + e % 64, k = k0 + e / 64, group;
			float v = kt_get(c->b, values, e);

			if (n >= c->n || k >= c->k)
				continue;
			p->b.at[k * c->n + n] = c->b == SDO_I4 ? g->codebook[(int)v] : v;
			if (!per || k % c->group)
				continue;
			group = k % 256 / c->group * 64 + e % 64;
			k = k / c->group * c->n + n;
			p->scale_b.at[k] = kt_get(c->type_scale, scales, group);
			if (c->mins)
				p->mins.at[k] = kt_get(SDO_F16, mins, group);
		}
	}
	g->b = mem.address;
}

static struct kt_mem vector(uint32_t type, uint32_t count, bool wanted, uint64_t *address)
{
	struct kt_mem mem = { 0 };

	if (!wanted)
		return mem;
	mem = kt_mem(count * sdo_type_bits(type) / 8, 4);
	kt_fill(type, mem.host, count, KT_PLAIN);
	*address = mem.address;
	return mem;
}

static struct matrix group_matrix(const struct gemm_case *c, uint32_t type, uint32_t rows,
				  uint32_t columns, uint64_t *address, uint64_t *stride)
{
	uint64_t all;
	struct kt_mem mem;

	*stride = rows_of(&mem, type, rows, columns, c, 1, &all, KT_PLAIN);
	*address = mem.address;
	return matrix_read(type, mem.host, rows, columns, false, *stride, NULL);
}

/* What the kernel must give for an element, and whether an activation makes it inexact. */
static bool expect(const struct gemm_case *c, const struct product *p, const void *bias,
		   const float *scale_m, const float *scale_n, uint32_t m, uint32_t n,
		   void *exact, double *near)
{
	bool integer = product_is_integer(p);
	float x;

	if (integer && c->d == SDO_I32 && c->alpha == 1 && !scale_m && !scale_n &&
	    c->act <= SDO_ACT_RELU) {
		int32_t v = product_integer(p, m, n);

		if (bias)
			v = (uint32_t)v + ((const uint32_t *)bias)[n];
		v = c->act && v < 0 ? 0 : v;
		memcpy(exact, &v, 4);
		return true;
	}
	x = integer ? (float)product_integer(p, m, n) : product_float(p, m, n);
	if (c->alpha != 1)
		x *= c->alpha;
	if (scale_m)
		x *= scale_m[m];
	if (scale_n)
		x *= scale_n[n];
	if (bias)
		x += ((const float *)bias)[n];
	kt_set(c->d, exact, 0, activation(c->act, x));
	*near = kt_get(c->d, exact, 0);
	return c->act <= SDO_ACT_RELU;
}

static void check_row(const struct gemm_case *c, const struct product *p, const void *bias,
		      const float *scale_m, const float *scale_n, uint32_t m, const void *got)
{
	uint32_t bytes = sdo_type_bits(c->d) / 8;
	char what[160];

	snprintf(what, sizeof(what), "%ux%ux%u types %u %u %u group %u flags %u act %u, row %u",
		 c->m, c->n, c->k, c->a, c->b, c->d, c->group, c->flags, c->act, m);
	for (uint32_t n = 0; n < c->n; n++) {
		const void *at = (const uint8_t *)got + n * bytes;
		uint8_t exact[4] = { 0 };
		double near;

		if (expect(c, p, bias, scale_m, scale_n, m, n, exact, &near)) {
			kt_same(what, c->d, at, exact, 1);
			continue;
		}
		/* far from the type's own rounding: one of the last place, and of an integer 1 */
		kt_near(what, c->d, at, &near, 1, c->d == SDO_I8 || c->d == SDO_I32 ? 1 : 1e-6,
			c->d == SDO_BF16 ? 0x1p-7 : c->d == SDO_F16 ? 0x1p-10 : 4e-6);
	}
}

/* Operands of groups: scales, sums and minima. */
static void make_groups(const struct gemm_case *c, struct sdo_gemm *g, struct product *p)
{
	uint32_t groups = (c->k + c->group - 1) / c->group;
	bool packed = c->flags & SDO_GEMM_B_PACKED;

	if (c->scale_a)
		p->scale_a = group_matrix(c, SDO_F32, c->m, groups, &g->scale_a,
					  &g->stride_scale_a);
	if (!packed && !c->no_scale_b)
		p->scale_b = group_matrix(c, c->type_scale, groups, c->n, &g->scale_b,
					  &g->stride_scale_b);
	if (c->mins)
		p->sums = group_matrix(c, SDO_F16, c->m, groups, &g->sums, &g->stride_sums);
	if (c->mins && !packed)
		p->mins = group_matrix(c, SDO_F16, groups, c->n, &g->mins, &g->stride_mins);
}

/* Run it; what lies between the rows of D stays. */
static void launch(const struct gemm_case *c, struct sdo_gemm *g, struct kt_mem *d)
{
	uint8_t *before = malloc(d->size + 1);
	struct seedchip_dim dim;

	memcpy(before, d->host, d->size);
	KT_DIM(sdo_gemm_dim(g, &kt_card, &dim));
	kt_run("gemm", "gemm", g, sizeof(*g), &dim);
	for (uint32_t r = 1; r <= c->m * c->batch && c->slack; r++)
		kt_same("between rows", SDO_U8, (uint8_t *)d->host + r * g->stride_d - c->slack,
			before + r * g->stride_d - c->slack, c->slack);
	free(before);
}

static void run_case(const struct gemm_case *c)
{
	bool packed = c->flags & SDO_GEMM_B_PACKED, km = c->flags & SDO_GEMM_A_KM;
	bool nk = c->flags & SDO_GEMM_B_NK;
	struct sdo_gemm g = { .m = c->m, .n = c->n, .k = c->k, .batch = c->batch, .alpha = c->alpha,
			      .group = c->group, .type_a = c->a, .type_b = c->b, .type_d = c->d,
			      .type_scale = c->type_scale, .act = c->act,
			      .flags = c->flags | (packed && c->mins ? SDO_GEMM_MINS : 0) };
	struct product p = { .k = c->k, .group = c->group, .type = c->a };
	struct kt_mem a, b = { 0 }, d, bias, scale_m, scale_n;
	bool wraps = product_is_integer(&p) && c->d == SDO_I32 && c->alpha == 1;

	kt_fill(SDO_I8, g.codebook, 16, KT_PLAIN);
	g.stride_a = rows_of(&a, c->a, km ? c->k : c->m, km ? c->m : c->k, c, c->batch, &g.batch_a,
			     c->data);
	g.a = a.address;
	if (packed) {
		packed_b(c, &g, &p);
	} else {
		g.stride_b = rows_of(&b, c->b, nk ? c->n : c->k, nk ? c->k : c->n, c,
				     c->shared_b ? 1 : c->batch, &g.batch_b, c->data);
		g.b = b.address;
	}
	if (c->shared_b)
		g.batch_b = 0;
	if (c->group)
		make_groups(c, &g, &p);
	bias = vector(wraps ? SDO_I32 : SDO_F32, c->n, c->bias, &g.bias);
	scale_m = vector(SDO_F32, c->m, c->scale_m, &g.scale_m);
	scale_n = vector(SDO_F32, c->n, c->scale_n, &g.scale_n);
	g.stride_d = rows_of(&d, c->d, c->m, c->n, c, c->batch, &g.batch_d, KT_PLAIN);
	g.d = d.address;
	launch(c, &g, &d);
	for (uint32_t i = 0; i < c->batch; i++) {
		p.a = matrix_read(c->a, (uint8_t *)a.host + i * g.batch_a, c->m, c->k, km,
				  g.stride_a, NULL);
		if (!packed)
			p.b = matrix_read(c->b, (uint8_t *)b.host + i * g.batch_b, c->k, c->n, nk,
					  g.stride_b, g.codebook);
		for (uint32_t m = 0; m < c->m; m++)
			check_row(c, &p, bias.host, scale_m.host, scale_n.host, m,
				  (uint8_t *)d.host + i * g.batch_d + m * g.stride_d);
		matrix_free(&p.a);
		matrix_free(&p.b);
	}
	matrix_free(&p.scale_a);
	matrix_free(&p.scale_b);
	matrix_free(&p.sums);
	matrix_free(&p.mins);
	kt_free();
}

static const struct { uint32_t a, b; } pairs[] = {
	{ SDO_I8, SDO_I8 },	{ SDO_I8, SDO_I4 },	{ SDO_F16, SDO_F16 },
	{ SDO_BF16, SDO_BF16 },	{ SDO_E4M3, SDO_E4M3 },	{ SDO_E4M3, SDO_E5M2 },
	{ SDO_E5M2, SDO_E4M3 },	{ SDO_E5M2, SDO_E5M2 },	{ SDO_F32, SDO_F32 },
};

#define PAIRS (sizeof(pairs) / sizeof(pairs[0]))
static const uint32_t outputs[] = { SDO_F32, SDO_BF16, SDO_F16, SDO_I8, SDO_I32 };

/* Every pair of types, every layout and output, at a size that fits nothing. */
static void test_types(void)
{
	for (uint32_t i = 0; i < PAIRS; i += kt_reduced ? 3 : 1) {
		for (uint32_t layout = 0; layout < 4; layout++) {
			struct gemm_case c = { .m = 67, .n = 133, .k = 61, .batch = 1,
					       .a = pairs[i].a, .b = pairs[i].b,
					       .flags = layout, .alpha = 1,
					       .d = outputs[(i + layout) % 5], .data = KT_PLAIN,
					       .slack = layout * 3, .offset = layout };

			run_case(&c);
		}
	}
}

/* NaN, infinities, subnormals and extremes in all of them. */
static void test_corners(void)
{
	for (uint32_t i = 0; i < PAIRS; i += kt_reduced ? 4 : 1) {
		struct gemm_case c = { .m = 40, .n = 70, .k = 37, .batch = 1, .a = pairs[i].a,
				       .b = pairs[i].b, .d = outputs[i % 3], .alpha = 1,
				       .data = KT_CORNER };

		for (c.k = 1; c.k < 40; c.k = c.k * 3 + 1)
			run_case(&c);
	}
}

static void test_sizes(void)
{
	static const uint32_t sizes[][3] = {
		{ 0, 5, 5 }, { 5, 0, 5 }, { 5, 5, 0 }, { 1, 1, 1 }, { 1, 300, 513 }, { 300, 1, 97 },
		{ 2, 3, 1031 }, { 64, 64, 64 }, { 65, 129, 128 }, { 257, 31, 17 },
		{ 130, 200, 300 }, { 7, 1100, 40 },
	};

	for (uint32_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i += kt_reduced ? 5 : 1) {
		struct gemm_case c = { .m = sizes[i][0], .n = sizes[i][1], .k = sizes[i][2],
				       .batch = 1 + i % 3, .a = pairs[i % PAIRS].a,
				       .b = pairs[i % PAIRS].b, .d = SDO_F32, .alpha = 1,
				       .data = KT_PLAIN, .shared_b = i % 2 };

		run_case(&c);
		c.a = SDO_I8;
		c.b = SDO_I8;
		c.d = SDO_I32;
		run_case(&c);
	}
}

static void test_epilogue(void)
{
	for (uint32_t i = 0; i < 40; i += kt_reduced ? 9 : 1) {
		uint32_t pair = i % 4 ? i % PAIRS : 0;
		struct gemm_case c = { .m = 70, .n = 131, .k = 50, .batch = 1 + i % 2,
				       .a = pairs[pair].a, .b = pairs[pair].b,
				       .d = outputs[i % 5], .act = i / 5 % 5,
				       .alpha = i % 3 ? 1 : 0.37f, .bias = i & 1, .scale_m = i & 2,
				       .scale_n = i & 4, .data = i % 7 ? KT_PLAIN : KT_CORNER };

		if (c.data == KT_CORNER && c.act > SDO_ACT_RELU)
			c.data = KT_SMALL;
		run_case(&c);
	}
}

static void test_groups(void)
{
	static const uint32_t scales[] = { SDO_F16, SDO_F32, SDO_E8M0 };
	uint32_t i = 0;

	for (uint32_t group = 16; group <= 1024; group *= kt_reduced ? 8 : 2, i++) {
		struct gemm_case c = { .m = 33, .n = 90, .k = 2 * group + 21, .batch = 1,
				       .a = SDO_I8, .b = i % 2 ? SDO_I8 : SDO_I4, .d = SDO_F32,
				       .group = group, .type_scale = scales[i % 3], .alpha = 1,
				       .data = KT_PLAIN, .flags = i % 4, .slack = i,
				       .scale_a = i % 3 != 1, .no_scale_b = i == 4 };

		run_case(&c);
		c.mins = true;
		c.d = SDO_BF16;
		run_case(&c);
	}
}

static void test_packed(void)
{
	static const uint32_t scales[] = { SDO_F16, SDO_F32, SDO_E8M0 };

	for (uint32_t i = 0; i < 12; i += kt_reduced ? 5 : 1) {
		bool grouped = i < 8;
		struct gemm_case c = { .m = 1 + i * 20, .n = 100 + i * 31, .k = 200 + i * 77,
				       .batch = 1, .a = SDO_I8, .d = SDO_F32,
				       .b = i % 3 ? SDO_I4 : SDO_I8,
				       .group = grouped ? 16u << i % 5 : 0, .alpha = 1,
				       .type_scale = scales[i % 3], .data = KT_PLAIN,
				       .flags = SDO_GEMM_B_PACKED | (i & 1),
				       .mins = grouped && i % 2, .scale_a = i & 2 };

		if (i >= 10) {
			c.a = i % 2 ? SDO_F32 : SDO_E4M3;
			c.b = c.a;
		}
		run_case(&c);
	}
}

/* Several tiles of 16 accumulators for each core: rings turn over. */
static void test_large(void)
{
	struct gemm_case c = { .m = 300, .n = 520, .k = 1100, .batch = 1, .a = SDO_I8, .b = SDO_I8,
			       .d = SDO_I32, .alpha = 1, .data = KT_PLAIN };

	if (kt_reduced)
		c.m = 100;
	run_case(&c);
	c.bias = true;
	c.m = 530;
	c.k = 65;
	run_case(&c);
}

static void test_refused(void)
{
	const struct sdo_gemm good = { .m = 1, .n = 1, .k = 1, .batch = 1, .alpha = 1,
				       .type_d = SDO_I32 };
	const struct sdo_card small = { .cores = 8, .tcm_size = 65536, .vlen = 128 };
	const struct sdo_card none = { .tcm_size = 1 << 20, .vlen = 128 };
	struct seedchip_dim dim;
	struct sdo_gemm g = good;

	KT_DIM(sdo_gemm_dim(&g, &kt_card, &dim));
	g.type_b = SDO_F32;
	KT_REFUSED(sdo_gemm_dim(&g, &kt_card, &dim), -EOPNOTSUPP, "type_a 0 with type_b 6");
	g = good;
	g.type_d = SDO_E4M3;
	KT_REFUSED(sdo_gemm_dim(&g, &kt_card, &dim), -EOPNOTSUPP, "type_d 4");
	g = good;
	g.group = 24;
	KT_REFUSED(sdo_gemm_dim(&g, &kt_card, &dim), -EINVAL, "group 24");
	g.group = 32;
	g.sums = 64;
	KT_REFUSED(sdo_gemm_dim(&g, &kt_card, &dim), -EINVAL, "sums and minima");
	g = good;
	g.scale_b = 64;
	KT_REFUSED(sdo_gemm_dim(&g, &kt_card, &dim), -EINVAL, "group 0");
	g = good;
	g.flags = 0x40;
	KT_REFUSED(sdo_gemm_dim(&g, &kt_card, &dim), -EINVAL, "unknown flags 0x40");
	g = good;
	g.act = 9;
	KT_REFUSED(sdo_gemm_dim(&g, &kt_card, &dim), -EINVAL, "act 9");
	g = good;
	g.stride_a = 1ull << 32;
	KT_REFUSED(sdo_gemm_dim(&g, &kt_card, &dim), -EINVAL, "stride");
	g = good;
	dim.tag = 7;
	KT_REFUSED(sdo_gemm_dim(&g, &small, &dim), -E2BIG, "65536 bytes of scratchpad");
	KT_REFUSED(sdo_gemm_dim(&g, &none, &dim), -EINVAL, "gemm: the card has 0 cores");
	CHECK_EQ(dim.tag, 7);
}

static const struct tap_test tests[] = {
	{ "types and layouts", test_types },
	{ "NaN, infinities, extremes", test_corners },
	{ "sizes", test_sizes },
	{ "factors, bias, activations", test_epilogue },
	{ "groups", test_groups },
	{ "packed weights", test_packed },
	{ "many tiles", test_large },
	{ "what is refused", test_refused },
};

int main(void)
{
	return KT_RUN(tests);
}
