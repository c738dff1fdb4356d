// SPDX-License-Identifier: MIT
/* Tests of get_rows: types, scales, I4 through a codebook, sizes, numbers out of range. */
#include <stdlib.h>

#include "harness.h"
#include "seedchip/ops_data.h"
#include "seedchip_hw.h"

struct shape {
	uint32_t type, dst_type, rows, count, n;
	uint32_t index_size;
	bool scaled;
	uint32_t group;
};

static size_t row_bytes(uint32_t type, uint32_t n)
{
	return ((size_t)n * sdo_type_bits(type) + 7) / 8;
}

static void want_element(const struct sdo_get_rows *a, const uint8_t *row, const uint8_t *scale,
			 uint32_t k, uint8_t *to)
{
	float v;

	if (a->type == a->dst_type && !a->scale) {
		memcpy(to, row + k * (sdo_type_bits(a->type) / 8), sdo_type_bits(a->type) / 8);
		return;
	}
	v = kt_get(a->type, row, k);
	if (a->type == SDO_I4)
		v = a->codebook[(int)v] * (float)kt_get(SDO_F16, scale, k / a->group);
	else if (a->scale)
		v *= (float)kt_get(SDO_F32, scale, 0);
	kt_set(a->dst_type, to, 0, v);
}

struct data {
	struct sdo_get_rows args;
	struct kt_mem table, index, dst, scale;
};

static struct data make(const struct shape *s)
{
	struct data d = { .args = {
		.rows = s->rows, .count = s->count, .n = s->n, .group = s->group, .type = s->type,
		.dst_type = s->dst_type, .index_size = s->index_size,
		.table_stride = row_bytes(s->type, s->n) + kt_between(0, 4),
		.dst_stride = row_bytes(s->dst_type, s->n) + kt_between(0, 4),
	} };
	struct sdo_get_rows *a = &d.args;

	d.table = kt_mem(a->table_stride * s->rows, kt_random());
	d.dst = kt_mem(a->dst_stride * s->count, kt_random());
	d.index = kt_mem((size_t)s->count * s->index_size, kt_random());
	a->table = d.table.address;
	a->dst = d.dst.address;
	a->index = d.index.address;
	for (int i = 0; i < 16; i++)
		a->codebook[i] = kt_between(-128, 127);
	if (s->scaled || s->type == SDO_I4) {
		uint32_t per_row = s->type == SDO_I4 ? (s->n + s->group - 1) / s->group : 1;
		uint32_t type = s->type == SDO_I4 ? SDO_F16 : SDO_F32;

		a->scale_stride = row_bytes(type, per_row) + kt_between(0, 3);
		d.scale = kt_mem(a->scale_stride * s->rows, kt_random());
		a->scale = d.scale.address;
		for (uint32_t r = 0; r < s->rows; r++)
			kt_fill(type, (uint8_t *)d.scale.host + r * a->scale_stride, per_row,
				KT_PLAIN);
	}
	for (uint32_t i = 0; i < s->count; i++) {
		uint64_t row = kt_between(0, s->rows - 1);

		memcpy((uint8_t *)d.index.host + i * s->index_size, &row, s->index_size);
	}
	return d;
}

static void check(const struct shape *s)
{
	struct data d = make(s);
	const struct sdo_get_rows *a = &d.args;
	uint8_t *want = malloc(d.dst.size + 1);
	uint32_t size = sdo_type_bits(a->dst_type) / 8;
	struct seedchip_dim dim;

	memcpy(want, d.dst.host, d.dst.size);
	for (uint32_t i = 0; i < s->count; i++) {
		uint64_t r = 0;

		memcpy(&r, (uint8_t *)d.index.host + i * s->index_size, s->index_size);
		for (uint32_t k = 0; k < s->n; k++)
			want_element(a, (uint8_t *)d.table.host + r * a->table_stride,
				     (uint8_t *)d.scale.host + r * a->scale_stride, k,
				     want + i * a->dst_stride + k * size);
	}
	KT_DIM(sdo_get_rows_dim(a, &kt_card, &dim));
	kt_run("get_rows", "get_rows", a, sizeof(*a), &dim);
	kt_same("dst", SDO_U8, d.dst.host, want, d.dst.size);
	free(want);
	kt_free();
}

static void test_types(void)
{
	static const uint8_t types[] = {
		SDO_F32, SDO_BF16, SDO_F16, SDO_E4M3, SDO_E5M2, SDO_I8, SDO_I32,
	};

	for (unsigned int i = 0; i < sizeof(types); i++) {
		check(&(struct shape){ types[i], types[i], 90, 57, 33, 4, false, 0 });
		check(&(struct shape){ types[i], SDO_F32, 50, 70, 67, 8, false, 0 });
		check(&(struct shape){ types[i], SDO_BF16, 20, 3, kt_reduced ? 9 : 4100, 8, 1, 0 });
	}
}

static void test_i4(void)
{
	check(&(struct shape){ SDO_I4, SDO_F32, 9, 20, kt_reduced ? 70 : 4100, 4, true, 32 });
	check(&(struct shape){ SDO_I4, SDO_F16, 50, 200, 77, 8, true, 16 });
	check(&(struct shape){ SDO_I4, SDO_F32, 50, 7, 1, 8, true, 1024 });
}

static void test_sizes(void)
{
	check(&(struct shape){ SDO_F32, SDO_F32, 1, 1, 1, 4, false, 0 });
	check(&(struct shape){ SDO_F32, SDO_F32, 1, 0, 1, 4, false, 0 });
	check(&(struct shape){ SDO_F32, SDO_F16, 1, 4, 0, 4, false, 0 });
	/* several blocks of numbers for each workgroup */
	check(&(struct shape){ SDO_F32, SDO_F32, 500, kt_reduced ? 100 : 40009, 1, 4, false, 0 });
	check(&(struct shape){ SDO_F32, SDO_F16, 500, kt_reduced ? 100 : 20011, 2, 8, false, 0 });
}

static void test_range(void)
{
	static const uint64_t bad[] = { 10, 0xffffffff, 0x100000001 };

	for (int i = 0; i < 3; i++) {
		struct data d = make(&(struct shape){ SDO_F32, SDO_F32, 10, 30, 5, 8, false, 0 });
		struct seedchip_dim dim;

		memcpy((uint8_t *)d.index.host + 17 * 8, &bad[i], 8);
		KT_DIM(sdo_get_rows_dim(&d.args, &kt_card, &dim));
		CHECK_EQ(kt_fault("get_rows", "get_rows", &d.args, sizeof(d.args), &dim),
			 SC_CODE_GATHER_RANGE);
		memset(d.dst.host, 0, d.dst.size); /* how far it came is not specified */
		kt_free();
	}
}

static void test_refusals(void)
{
	struct sdo_get_rows a = { .type = SDO_F32, .dst_type = SDO_F32, .index_size = 4 };
	struct seedchip_dim dim;

	KT_DIM(sdo_get_rows_dim(&a, &kt_card, &dim));
	a.reserved[sizeof(a.reserved) - 1] = 1;
	KT_REFUSED(sdo_get_rows_dim(&a, &kt_card, &dim), -EINVAL, "get_rows: reserved is not 0");
	a.reserved[sizeof(a.reserved) - 1] = 0;
	a.index_size = 2;
	KT_REFUSED(sdo_get_rows_dim(&a, &kt_card, &dim), -EINVAL, "index_size 2");
	a.index_size = 8;
	a.dst_type = SDO_I4;
	KT_REFUSED(sdo_get_rows_dim(&a, &kt_card, &dim), -EINVAL, "dst_type 1");
	a.dst_type = SDO_F32;
	a.table_stride = 1ull << 32;
	KT_REFUSED(sdo_get_rows_dim(&a, &kt_card, &dim), -EINVAL, "table_stride");
	a.table_stride = 0;
	a.type = SDO_I4;
	a.scale = 64;
	a.group = 48;
	KT_REFUSED(sdo_get_rows_dim(&a, &kt_card, &dim), -EINVAL, "group 48");
}

static const struct tap_test tests[] = {
	{ "get_rows of all types", test_types },
	{ "get_rows of I4 with groups", test_i4 },
	{ "get_rows of any size", test_sizes },
	{ "a number out of range is a fault by name", test_range },
	{ "get_rows refuses by name", test_refusals },
};

int main(void)
{
	return KT_RUN(tests);
}
