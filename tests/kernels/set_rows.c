// SPDX-License-Identifier: MIT
/* Tests of set_rows: types, sizes, numbers out of range. */
#include <stdlib.h>

#include "harness.h"
#include "seedchip/ops_data.h"
#include "seedchip_hw.h"

struct shape {
	uint32_t src_type, type, rows, count, n, index_size;
};

struct data {
	struct sdo_set_rows args;
	struct kt_mem src, index, table;
};

/* Numbers are distinct: row (i * 7 + 3) % rows, where 7 does not divide rows. */
static uint64_t number(const struct shape *s, uint32_t i)
{
	return (i * 7ull + 3) % s->rows;
}

static struct data make(const struct shape *s)
{
	struct data d = { .args = {
		.rows = s->rows, .count = s->count, .n = s->n, .src_type = s->src_type,
		.type = s->type, .index_size = s->index_size,
		.src_stride = s->n * sdo_type_bits(s->src_type) / 8 + kt_between(0, 4),
		.table_stride = s->n * sdo_type_bits(s->type) / 8 + kt_between(0, 4),
	} };

	d.src = kt_mem(d.args.src_stride * s->count, kt_random());
	d.table = kt_mem(d.args.table_stride * s->rows, kt_random());
	d.index = kt_mem((size_t)s->count * s->index_size, kt_random());
	d.args.src = d.src.address;
	d.args.table = d.table.address;
	d.args.index = d.index.address;
	for (uint32_t i = 0; i < s->count; i++) {
		uint64_t row = number(s, i);

		kt_fill(s->src_type, (uint8_t *)d.src.host + i * d.args.src_stride, s->n,
			KT_CORNER);
		memcpy((uint8_t *)d.index.host + i * s->index_size, &row, s->index_size);
	}
	return d;
}

static void check(const struct shape *s)
{
	struct data d = make(s);
	const struct sdo_set_rows *a = &d.args;
	uint8_t *want = malloc(d.table.size + 1);
	uint32_t size = sdo_type_bits(s->type) / 8, src_size = sdo_type_bits(s->src_type) / 8;
	struct seedchip_dim dim;

	memcpy(want, d.table.host, d.table.size);
	for (uint32_t i = 0; i < s->count; i++)
		for (uint32_t k = 0; k < s->n; k++) {
			uint8_t *to = want + number(s, i) * a->table_stride + k * size;
			const uint8_t *from = (uint8_t *)d.src.host + i * a->src_stride;

			if (s->src_type == s->type)
				memcpy(to, from + k * src_size, size);
			else
				kt_set(s->type, to, 0, kt_get(s->src_type, from, k));
		}
	KT_DIM(sdo_set_rows_dim(a, &kt_card, &dim));
	kt_run("set_rows", "set_rows", a, sizeof(*a), &dim);
	kt_same("table", SDO_U8, d.table.host, want, d.table.size);
	free(want);
	kt_free();
}

static void test_types(void)
{
	static const uint8_t types[] = {
		SDO_F32, SDO_BF16, SDO_F16, SDO_E4M3, SDO_E5M2, SDO_I8, SDO_I32,
	};

	for (unsigned int i = 0; i < sizeof(types); i++) {
		check(&(struct shape){ types[i], types[i], 100, 57, 33, 4 });
		check(&(struct shape){ SDO_F32, types[i], 80, 70, 67, 8 });
		check(&(struct shape){ types[i], SDO_BF16, 5, 3, kt_reduced ? 41 : 4100, 8 });
	}
}

static void test_sizes(void)
{
	check(&(struct shape){ SDO_F32, SDO_F32, 1, 1, 1, 4 });
	check(&(struct shape){ SDO_F32, SDO_F32, 1, 0, 1, 4 });
	check(&(struct shape){ SDO_F32, SDO_F16, 4, 4, 0, 4 });
	/* several blocks of numbers for each workgroup */
	check(&(struct shape){ SDO_F32, SDO_F32, 40010, kt_reduced ? 100 : 40009, 1, 4 });
	check(&(struct shape){ SDO_F32, SDO_F16, 20012, kt_reduced ? 100 : 20011, 2, 8 });
}

static void test_range(void)
{
	static const uint64_t bad[] = { 40, 0xffffffff, 0x100000001 };

	for (int i = 0; i < 3; i++) {
		struct data d = make(&(struct shape){ SDO_F32, SDO_F32, 40, 30, 5, 8 });
		struct seedchip_dim dim;

		memcpy((uint8_t *)d.index.host + 17 * 8, &bad[i], 8);
		KT_DIM(sdo_set_rows_dim(&d.args, &kt_card, &dim));
		CHECK_EQ(kt_fault("set_rows", "set_rows", &d.args, sizeof(d.args), &dim),
			 SC_CODE_GATHER_RANGE);
		memset(d.table.host, 0, d.table.size); /* how far it came is not specified */
		kt_free();
	}
}

static void test_refusals(void)
{
	struct sdo_set_rows a = { .src_type = SDO_F32, .type = SDO_F32, .index_size = 4 };
	struct seedchip_dim dim;

	KT_DIM(sdo_set_rows_dim(&a, &kt_card, &dim));
	a.reserved = 1;
	KT_REFUSED(sdo_set_rows_dim(&a, &kt_card, &dim), -EINVAL, "set_rows: reserved is not 0");
	a.reserved = 0;
	a.index_size = 1;
	KT_REFUSED(sdo_set_rows_dim(&a, &kt_card, &dim), -EINVAL, "index_size 1");
	a.index_size = 8;
	a.type = SDO_I4;
	KT_REFUSED(sdo_set_rows_dim(&a, &kt_card, &dim), -EINVAL, "type 1");
	a.type = SDO_F32;
	a.src_stride = 1ull << 32;
	KT_REFUSED(sdo_set_rows_dim(&a, &kt_card, &dim), -EINVAL, "src_stride");
}

static const struct tap_test tests[] = {
	{ "set_rows of all types", test_types },
	{ "set_rows of any size", test_sizes },
	{ "a number out of range is a fault by name", test_range },
	{ "set_rows refuses by name", test_refusals },
};

int main(void)
{
	return KT_RUN(tests);
}
