// SPDX-License-Identifier: MIT
/* Tests of topk: ties, NaN, signed zeros, adverse orders, k from 1 to 1024, shared rows. */
#include <stdlib.h>

#include "extremes.h"
#include "seedchip/ops_data.h"

struct item {
	float value;
	uint32_t index;
};

static int compare(const void *x, const void *y)
{
	const struct item *a = x, *b = y;

	if (isnan(a->value) != isnan(b->value))
		return isnan(b->value) ? 1 : -1;
	if (!isnan(a->value) && a->value != b->value)
		return a->value > b->value ? -1 : 1;
	return a->index < b->index ? -1 : 1;
}

static void compare_row(const struct sdo_topk *a, const uint8_t *row, const int32_t *index,
			const uint8_t *value)
{
	uint32_t size = sdo_type_bits(a->type) / 8;
	struct item *items = malloc(a->n * sizeof(*items));

	for (uint32_t i = 0; i < a->n; i++)
		items[i] = (struct item){ kt_get(a->type, row, i), i };
	qsort(items, a->n, sizeof(*items), compare);
	for (uint32_t i = 0; i < a->k; i++) {
		CHECK_EQ(index[i], (int32_t)items[i].index);
		if (value)
			kt_same("value", SDO_U8, value + i * size, row + items[i].index * size,
				size);
	}
	free(items);
}

static void check(uint32_t type, uint32_t rows, uint32_t n, uint32_t k, enum kind kind)
{
	uint32_t size = sdo_type_bits(type) / 8;
	struct sdo_topk a = {
		.rows = rows, .n = n, .k = k, .type = type,
		.src_stride = n * size + kt_between(0, 3),
	};
	struct kt_mem src = kt_mem(a.src_stride * rows, kt_random());
	struct kt_mem dst = kt_mem(rows * k * 4, 4 * kt_random());
	struct kt_mem value = kt_mem(rows * k * size, kt_random());
	bool values = kt_random() % 4;
	struct seedchip_dim dim;

	a.src = src.address;
	a.dst = dst.address;
	a.value = values ? value.address : 0;
	for (uint32_t r = 0; r < rows; r++)
		fill(kind, type, (uint8_t *)src.host + r * a.src_stride, n, 16);
	KT_DIM(sdo_topk_dim(&a, &kt_card, &dim));
	kt_run("topk", "topk", &a, sizeof(a), &dim);
	for (uint32_t r = 0; r < rows; r++)
		compare_row(&a, (uint8_t *)src.host + r * a.src_stride,
			    (int32_t *)dst.host + r * k,
			    values ? (uint8_t *)value.host + r * k * size : NULL);
	kt_free();
}

static void test_kinds(void)
{
	for (unsigned int i = 0; i < sizeof(types); i++)
		for (int kind = 0; kind < NUM_KINDS; kind++) {
			check(types[i], 1, 1, 1, kind);
			check(types[i], 3, 37, 37, kind);
			check(types[i], kt_reduced ? 2 : 9, 257, 8, kind);
			if (!kt_reduced)
				check(types[i], 1, 2500, 40, kind);
		}
}

static void test_shared(void)
{
	for (int kind = 0; kind < NUM_KINDS; kind++)
		check(types[kind % 6], 1 + kind % 2, 17011, kt_reduced ? 9 : 60, kind);
}

static void test_sizes(void)
{
	check(SDO_F32, kt_reduced ? 9 : 500, 3, 2, CORNER);
	check(SDO_F32, 0, 9, 3, CORNER);
	check(SDO_F16, 2, kt_reduced ? 300 : 2500, kt_reduced ? 100 : 1024, RISING);
	if (!kt_reduced)
		check(SDO_F32, 1, 70001, 1024, CORNER);
}

static void test_refusals(void)
{
	struct sdo_topk a = { .rows = 1, .n = 5, .k = 6, .type = SDO_F32 };
	struct seedchip_dim dim;

	a.reserved[sizeof(a.reserved) - 1] = 1;
	KT_REFUSED(sdo_topk_dim(&a, &kt_card, &dim), -EINVAL, "topk: reserved is not 0");
	a.reserved[sizeof(a.reserved) - 1] = 0;
	KT_REFUSED(sdo_topk_dim(&a, &kt_card, &dim), -EINVAL, "k 6 of n 5");
	a.n = 5000;
	a.k = 1025;
	KT_REFUSED(sdo_topk_dim(&a, &kt_card, &dim), -EINVAL, "k 1025");
	a.k = 0;
	KT_REFUSED(sdo_topk_dim(&a, &kt_card, &dim), -EINVAL, "k 0");
	a.k = 5;
	a.type = SDO_I4;
	KT_REFUSED(sdo_topk_dim(&a, &kt_card, &dim), -EINVAL, "topk: type 1");
}

static const struct tap_test tests[] = {
	{ "topk with ties, NaN, zeros, adverse orders", test_kinds },
	{ "topk of rows that cores share", test_shared },
	{ "topk of any size", test_sizes },
	{ "topk refuses by name", test_refusals },
};

int main(void)
{
	return KT_RUN(tests);
}
