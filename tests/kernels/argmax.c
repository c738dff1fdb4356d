// SPDX-License-Identifier: MIT
/* Tests of argmax: ties, NaN, signed zeros, many rows, rows that cores share. */
#include <stdlib.h>

#include "extremes.h"
#include "seedchip/ops_data.h"

static void check(uint32_t type, uint32_t rows, uint32_t n, enum kind kind, bool values)
{
	uint32_t size = sdo_type_bits(type) / 8;
	struct sdo_argmax a = {
		.rows = rows, .n = n, .type = type, .src_stride = n * size + kt_between(0, 3),
	};
	struct kt_mem src = kt_mem(a.src_stride * rows, kt_random());
	struct kt_mem dst = kt_mem(rows * 4, 4 * kt_random());
	struct kt_mem value = kt_mem(rows * size, kt_random());
	struct seedchip_dim dim;

	a.src = src.address;
	a.dst = dst.address;
	a.value = values ? value.address : 0;
	for (uint32_t r = 0; r < rows; r++)
		fill(kind, type, (uint8_t *)src.host + r * a.src_stride, n, n + 1);
	KT_DIM(sdo_argmax_dim(&a, &kt_card, &dim));
	kt_run("argmax", "argmax", &a, sizeof(a), &dim);
	for (uint32_t r = 0; r < rows; r++) {
		const uint8_t *row = (uint8_t *)src.host + r * a.src_stride;
		int32_t best = -1;
		float most = 0, v;

		for (uint32_t i = 0; i < n; i++) {
			v = kt_get(type, row, i);
			if (best < 0 || (isnan(v) && !isnan(most)) || v > most) {
				best = i;
				most = v;
			}
		}
		CHECK_EQ(((int32_t *)dst.host)[r], best);
		if (values && n)
			kt_same("value", SDO_U8, (uint8_t *)value.host + r * size,
				row + best * size, size);
	}
	kt_free();
}

static void test_kinds(void)
{
	for (unsigned int i = 0; i < sizeof(types); i++)
		for (int kind = 0; kind < NUM_KINDS; kind++) {
			check(types[i], 1, 1, kind, true);
			check(types[i], 3, 37, kind, false);
			check(types[i], kt_reduced ? 3 : 40, 129, kind, true);
		}
}

/* Several workgroups share a row, with a maximum in any part, or equal ones in several. */
static void test_shared(void)
{
	for (int kind = 0; kind < NUM_KINDS; kind++) {
		check(types[kind % 6], 1, kt_reduced ? 17000 : 50021, kind, true);
		check(types[(kind + 1) % 6], 3, 17001, kind, false);
	}
}

static void test_sizes(void)
{
	check(SDO_F32, kt_reduced ? 20 : 5003, 3, CORNER, true);
	check(SDO_F32, 7, 0, CORNER, true);
	check(SDO_F32, 0, 9, CORNER, true);
	check(SDO_I8, 12, kt_reduced ? 200 : 70001, CORNER, true);
}

static void test_refusals(void)
{
	struct sdo_argmax a = { .rows = 1, .n = 1, .type = SDO_I32 };
	struct seedchip_dim dim;

	a.reserved[sizeof(a.reserved) - 1] = 1;
	KT_REFUSED(sdo_argmax_dim(&a, &kt_card, &dim), -EINVAL, "argmax: reserved is not 0");
	a.reserved[sizeof(a.reserved) - 1] = 0;
	KT_REFUSED(sdo_argmax_dim(&a, &kt_card, &dim), -EINVAL, "argmax: type 7");
	a.type = SDO_F32;
	a.n = 1u << 31;
	KT_REFUSED(sdo_argmax_dim(&a, &kt_card, &dim), -EINVAL, "not below 2^31");
	a.n = 1;
	a.src_stride = 1ull << 32;
	KT_REFUSED(sdo_argmax_dim(&a, &kt_card, &dim), -EINVAL, "src_stride");
}

static const struct tap_test tests[] = {
	{ "argmax with ties, NaN, zeros, infinities", test_kinds },
	{ "argmax of rows that cores share", test_shared },
	{ "argmax of any size", test_sizes },
	{ "argmax refuses by name", test_refusals },
};

int main(void)
{
	return KT_RUN(tests);
}
