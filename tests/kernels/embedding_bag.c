// SPDX-License-Identifier: MIT
/* Tests of embedding_bag: modes, types, factors, empty and long bags, bad numbers and offsets. */
#include <math.h>
#include <stdlib.h>

#include "harness.h"
#include "seedchip/ops_data.h"
#include "seedchip_hw.h"

struct shape {
	uint32_t type, dst_type, rows, bags, n, index_size, mode;
	bool weighted, scaled;
	uint32_t longest; /* bags have 0 to so many rows */
};

struct data {
	struct sdo_embedding_bag args;
	struct kt_mem table, index, offset, weight, scale, dst;
};

static uint64_t number(const struct kt_mem *m, uint32_t size, uint32_t i)
{
	uint64_t v = 0;

	memcpy(&v, (uint8_t *)m->host + i * size, size);
	return v;
}

static void set_number(const struct kt_mem *m, uint32_t size, uint32_t i, uint64_t v)
{
	memcpy((uint8_t *)m->host + i * size, &v, size);
}

static struct data make(const struct shape *s)
{
	struct data d = { .args = {
		.rows = s->rows, .bags = s->bags, .n = s->n, .type = s->type,
		.dst_type = s->dst_type, .index_size = s->index_size, .mode = s->mode,
		.table_stride = s->n * sdo_type_bits(s->type) / 8 + kt_between(0, 3),
		.dst_stride = s->n * sdo_type_bits(s->dst_type) / 8 + kt_between(0, 3),
	} };
	struct sdo_embedding_bag *a = &d.args;

	d.offset = kt_mem((size_t)s->bags * s->index_size, kt_random());
	for (uint32_t b = 0; b < s->bags; b++) {
		set_number(&d.offset, s->index_size, b, a->count);
		a->count += kt_between(0, s->longest);
	}
	d.table = kt_mem(a->table_stride * s->rows, kt_random());
	d.index = kt_mem((size_t)a->count * s->index_size, kt_random());
	d.dst = kt_mem(a->dst_stride * s->bags, kt_random());
	for (uint32_t r = 0; r < s->rows; r++)
		kt_fill(s->type, (uint8_t *)d.table.host + r * a->table_stride, s->n,
			r % 4 ? KT_PLAIN : KT_CORNER);
	for (uint32_t i = 0; i < a->count; i++)
		set_number(&d.index, s->index_size, i, kt_between(0, s->rows - 1));
	if (s->weighted) {
		d.weight = kt_mem(a->count * 4, 4 * kt_random());
		kt_fill(SDO_F32, d.weight.host, a->count, KT_PLAIN);
	}
	if (s->scaled) {
		a->scale_stride = 4 + kt_between(0, 2);
		d.scale = kt_mem(a->scale_stride * s->rows, kt_random());
		for (uint32_t r = 0; r < s->rows; r++)
			kt_fill(SDO_F32, (uint8_t *)d.scale.host + r * a->scale_stride, 1,
				KT_PLAIN);
	}
	a->table = d.table.address;
	a->index = d.index.address;
	a->offset = d.offset.address;
	a->weight = d.weight.address;
	a->scale = d.scale.address;
	a->dst = d.dst.address;
	return d;
}

/* maximumNumber of IEEE 754 */
static float larger(float a, float b)
{
	if (isnan(a) || isnan(b))
		return isnan(a) ? b : a;
	if (a == 0 && b == 0)
		return signbit(a) ? b : a;
	return a > b ? a : b;
}

static float reduce(const struct data *d, uint32_t from, uint32_t to, uint32_t k)
{
	const struct sdo_embedding_bag *a = &d->args;
	float sum = 0;

	for (uint32_t i = from; i < to; i++) {
		uint64_t row = number(&d->index, a->index_size, i);
		float v = kt_get(a->type, (uint8_t *)d->table.host + row * a->table_stride, k);
		float f = a->weight ? ((float *)d->weight.host)[i] : 1, s;

		if (a->scale) {
			memcpy(&s, (uint8_t *)d->scale.host + row * a->scale_stride, 4);
			f *= s;
		}
		if (a->mode != SDO_BAG_MAX)
			sum = fmaf(f, v, sum);
		else
			sum = i == from ? f * v : larger(sum, f * v);
	}
	return a->mode == SDO_BAG_MEAN && to > from ? sum / (float)(to - from) : sum;
}

static void check(const struct shape *s)
{
	struct data d = make(s);
	const struct sdo_embedding_bag *a = &d.args;
	uint8_t *want = malloc(d.dst.size + 1);
	struct seedchip_dim dim;

	memcpy(want, d.dst.host, d.dst.size);
	for (uint32_t b = 0; b < s->bags; b++) {
		uint32_t from = number(&d.offset, s->index_size, b);
		uint32_t to = b + 1 < s->bags ? number(&d.offset, s->index_size, b + 1) : a->count;

		for (uint32_t k = 0; k < s->n; k++)
			kt_set(a->dst_type, want + b * a->dst_stride, k, reduce(&d, from, to, k));
	}
	KT_DIM(sdo_embedding_bag_dim(a, &kt_card, &dim));
	kt_run("embedding_bag", "embedding_bag", a, sizeof(*a), &dim);
	kt_same("dst", SDO_U8, d.dst.host, want, d.dst.size);
	free(want);
	kt_free();
}

static void test_types(void)
{
	static const uint8_t types[] = { SDO_F32, SDO_BF16, SDO_F16, SDO_E4M3, SDO_E5M2, SDO_I8 };
	static const uint8_t out[] = { SDO_F32, SDO_BF16, SDO_F16 };

	for (unsigned int i = 0; i < 6; i++)
		for (unsigned int mode = 0; mode < 3; mode++) {
			uint32_t dst = out[(i + mode) % 3];

			struct shape wide = {
				types[i], SDO_F32, 20, 5, kt_reduced ? 9 : 1100, 4, mode, true,
				true, 5,
			};

			check(&(struct shape){ types[i], dst, 20, 17, 33, 4, mode, 0, 0, 9 });
			check(&(struct shape){ types[i], dst, 20, 9, 65, 8, mode, true, 0, 9 });
			check(&wide);
		}
}

static void test_sizes(void)
{
	uint32_t many = kt_reduced ? 50 : 5003, longest = kt_reduced ? 90 : 9000;

	check(&(struct shape){ SDO_F32, SDO_F32, 50, many, 3, 4, SDO_BAG_SUM, false, true, 3 });
	check(&(struct shape){ SDO_F32, SDO_F32, 50, 2, 5, 8, SDO_BAG_SUM, true, false, longest });
	check(&(struct shape){ SDO_F32, SDO_F32, 50, 200, 5, 8, SDO_BAG_MEAN, false, false, 0 });
	check(&(struct shape){ SDO_F32, SDO_F32, 5, 0, 5, 4, SDO_BAG_SUM, false, false, 0 });
	check(&(struct shape){ SDO_F32, SDO_F32, 5, 4, 0, 4, SDO_BAG_SUM, false, false, 3 });
	check(&(struct shape){ SDO_I8, SDO_F32, 50, 4 * many, 1, 4, SDO_BAG_MAX, false, false, 1 });
	if (!kt_reduced)
		check(&(struct shape){ SDO_BF16, SDO_F32, 9, 3, 5000, 4, SDO_BAG_SUM, 1, 1, 9 });
}

static void test_bad(void)
{
	for (int i = 0; i < 3; i++) {
		struct data d = make(&(struct shape){ SDO_F32, SDO_F32, 30, 20, 5, 8, SDO_BAG_SUM,
						      false, false, 7 });
		uint32_t want = SC_CODE_BREAKPOINT, got;
		struct seedchip_dim dim;

		if (i == 0) {
			set_number(&d.index, 8, d.args.count / 2, 30);
			want = SC_CODE_GATHER_RANGE;
		} else if (i == 1) {
			set_number(&d.offset, 8, 10, d.args.count + 1);
		} else {
			set_number(&d.offset, 8, 10, number(&d.offset, 8, 12) + 1);
		}
		KT_DIM(sdo_embedding_bag_dim(&d.args, &kt_card, &dim));
		got = kt_fault("embedding_bag", "embedding_bag", &d.args, sizeof(d.args), &dim);
		CHECK_EQ(got, want);
		memset(d.dst.host, 0, d.dst.size); /* how far it came is not specified */
		kt_free();
	}
}

static void test_refusals(void)
{
	struct sdo_embedding_bag a = { .type = SDO_F32, .dst_type = SDO_F32, .index_size = 4 };
	struct seedchip_dim dim;

	KT_DIM(sdo_embedding_bag_dim(&a, &kt_card, &dim));
	a.reserved[sizeof(a.reserved) - 1] = 1;
	KT_REFUSED(sdo_embedding_bag_dim(&a, &kt_card, &dim), -EINVAL,
		   "embedding_bag: reserved is not 0");
	a.reserved[sizeof(a.reserved) - 1] = 0;
	a.mode = 3;
	KT_REFUSED(sdo_embedding_bag_dim(&a, &kt_card, &dim), -EINVAL, "mode 3");
	a.mode = 0;
	a.type = SDO_I4;
	KT_REFUSED(sdo_embedding_bag_dim(&a, &kt_card, &dim), -EINVAL, "type 1");
	a.type = SDO_F32;
	a.scale_stride = 1ull << 40;
	KT_REFUSED(sdo_embedding_bag_dim(&a, &kt_card, &dim), -EINVAL, "scale_stride");
	a.scale_stride = 0;
	a.index_size = 3;
	KT_REFUSED(sdo_embedding_bag_dim(&a, &kt_card, &dim), -EINVAL, "index_size 3");
}

static const struct tap_test tests[] = {
	{ "bags of all types and modes", test_types },
	{ "bags of any size", test_sizes },
	{ "bad numbers and offsets are faults by name", test_bad },
	{ "embedding_bag refuses by name", test_refusals },
};

int main(void)
{
	return KT_RUN(tests);
}
