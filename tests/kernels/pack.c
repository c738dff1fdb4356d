// SPDX-License-Identifier: MIT
/*
 * Packed weights: each byte where docs/layouts.md says it is, and back again;
 * and gemm gives the same bits for packed weights and for rows.
 */
#include "harness.h"

struct weights {
	struct sdo_packed layout;
	struct sdo_plain plain;
	uint32_t groups;
};

static uint8_t *rows(uint32_t type, uint32_t count, uint32_t length, uint64_t *stride)
{
	uint8_t *at;

	*stride = (length * sdo_type_bits(type) + 7) / 8 + 3;
	at = calloc(count + 1, *stride);
	for (uint32_t r = 0; r < count; r++)
		kt_fill(type, at + r * *stride, length, KT_PLAIN);
	return at;
}

static struct weights make(uint32_t n, uint32_t k, uint32_t type, uint32_t group,
			   uint32_t type_scale, bool mins, bool nk)
{
	struct weights w = {
		.layout = { .n = n, .k = k, .type = type, .group = group,
			    .type_scale = type_scale, .mins = mins },
		.plain.nk = nk,
		.groups = group ? (k + group - 1) / group : 0,
	};

	w.plain.values = rows(type, nk ? n : k, nk ? k : n, &w.plain.stride);
	if (group)
		w.plain.scales = rows(type_scale, w.groups, n, &w.plain.stride_scales);
	if (mins)
		w.plain.mins = rows(SDO_F16, w.groups, n, &w.plain.stride_mins);
	return w;
}

static void destroy(struct weights *w)
{
	free(w->plain.values);
	free(w->plain.scales);
	free(w->plain.mins);
}

static void same_element(const char *what, uint32_t type, const uint8_t *got, uint64_t i,
			 const uint8_t *want, uint64_t j)
{
	if (kt_get(type, got, i) != kt_get(type, want, j))
		tap_fail("%s: %g, not %g", what, kt_get(type, got, i), kt_get(type, want, j));
}

/* The table of docs/layouts.md, element by element. */
static void check_bytes(const struct weights *w, const uint8_t *packed)
{
	const struct sdo_packed *l = &w->layout;
	const uint8_t *scale = w->plain.scales, *minimum = w->plain.mins;
	uint32_t values = 2048 * sdo_type_bits(l->type), per = l->group ? 256 / l->group : 0;
	uint32_t scales = 64 * per * sdo_type_bits(l->type_scale) / 8;
	uint32_t mins = l->mins ? 128 * per : 0;
	uint32_t size = (values + scales + mins + 63) / 64 * 64, tiles_k = (l->k + 255) / 256;

	CHECK_EQ(sdo_packed_size(l), (uint64_t)size * tiles_k * ((l->n + 63) / 64));
	for (uint32_t n = 0; n < l->n; n++) {
		for (uint32_t k = 0; k < l->k; k++) {
			uint64_t number = n / 64 * tiles_k + k / 256;
			const uint8_t *tile = packed + number * size;
			uint32_t row = w->plain.nk ? n : k, column = w->plain.nk ? k : n;
			uint32_t g = l->group ? k / l->group : 0;
			uint32_t at = g % (per + !per) * 64 + n % 64;

			same_element("value", l->type, tile, k % 256 * 64 + n % 64,
				     (uint8_t *)w->plain.values + row * w->plain.stride, column);
			if (per)
				same_element("scale", l->type_scale, tile + values, at,
					     scale + g * w->plain.stride_scales, n);
			if (mins)
				same_element("minimum", SDO_F16, tile + values + scales, at,
					     minimum + g * w->plain.stride_mins, n);
		}
	}
}

static void test_layout(void)
{
	static const uint32_t types[] = { SDO_I4, SDO_I8, SDO_F16, SDO_F32, SDO_E4M3 };
	static const uint32_t scales[] = { SDO_F16, SDO_F32, SDO_E8M0 };

	for (uint32_t i = 0; i < 10; i++) {
		bool grouped = types[i % 5] <= SDO_I8;
		struct weights w = make(1 + i * 23, 1 + i * 61, types[i % 5],
					grouped ? 16u << i % 5 : 0, scales[i % 3], grouped && i > 4,
					i & 1);
		uint64_t size = sdo_packed_size(&w.layout);
		uint8_t *packed = malloc(size), *again = malloc(size);
		struct weights back;

		memset(packed, 0xee, size);
		KT_OK(sdo_pack(&w.layout, packed, &w.plain));
		check_bytes(&w, packed);
		back = make(w.layout.n, w.layout.k, w.layout.type, w.layout.group,
			    w.layout.type_scale, w.layout.mins, !w.plain.nk);
		KT_OK(sdo_unpack(&w.layout, packed, &back.plain));
		check_bytes(&back, packed);
		KT_OK(sdo_pack(&w.layout, again, &back.plain));
		kt_same("packed again", SDO_U8, again, packed, size);
		free(packed);
		free(again);
		destroy(&w);
		destroy(&back);
	}
}

static void run_gemm(struct sdo_gemm *g, const struct kt_mem *d)
{
	struct seedchip_dim dim;

	g->d = d->address;
	KT_DIM(sdo_gemm_dim(g, &kt_card, &dim));
	kt_run("gemm", "gemm", g, sizeof(*g), &dim);
}

static void test_gemm(void)
{
	const uint32_t m = 5, n = 100, k = 300, group = 32;
	struct weights w = make(n, k, SDO_I4, group, SDO_F16, false, true);
	struct kt_mem a = kt_mem(m * k, 1), packed = kt_mem(sdo_packed_size(&w.layout), 0);
	struct kt_mem values = kt_mem(n * w.plain.stride, 3);
	struct kt_mem scales = kt_mem(w.groups * w.plain.stride_scales, 0);
	struct kt_mem d[2] = { kt_mem(4 * m * n, 0), kt_mem(4 * m * n, 0) };
	struct sdo_gemm g = { .a = a.address, .b = packed.address, .m = m, .n = n, .k = k,
			      .batch = 1, .alpha = 1, .group = group, .type_a = SDO_I8,
			      .type_b = SDO_I4, .type_d = SDO_F32, .type_scale = SDO_F16,
			      .stride_a = k, .stride_d = 4 * n, .flags = SDO_GEMM_B_PACKED };

	for (int i = 0; i < 16; i++)
		g.codebook[i] = i - 8;
	memcpy(values.host, w.plain.values, values.size);
	memcpy(scales.host, w.plain.scales, scales.size);
	KT_OK(sdo_pack(&w.layout, packed.host, &w.plain));
	run_gemm(&g, &d[0]);
	g.b = values.address;
	g.stride_b = w.plain.stride;
	g.scale_b = scales.address;
	g.stride_scale_b = w.plain.stride_scales;
	g.flags = SDO_GEMM_B_NK;
	run_gemm(&g, &d[1]);
	kt_same("of packed weights", SDO_F32, d[0].host, d[1].host, m * n);
	destroy(&w);
}

static void test_refused(void)
{
	struct sdo_packed l = { .n = 1, .k = 1, .type = SDO_I32 };
	struct sdo_plain plain = { 0 };

	KT_REFUSED(sdo_pack(&l, NULL, &plain), -EOPNOTSUPP, "type 7");
	l.type = SDO_I8;
	l.group = 24;
	KT_REFUSED(sdo_pack(&l, NULL, &plain), -EINVAL, "group 24");
	l.group = 0;
	l.mins = 1;
	KT_REFUSED(sdo_unpack(&l, NULL, &plain), -EINVAL, "mins 1");
}

static const struct tap_test tests[] = {
	{ "the layout, there and back", test_layout },
	{ "gemm of packed weights and of rows", test_gemm },
	{ "what is refused", test_refused },
};

int main(void)
{
	return KT_RUN(tests);
}
