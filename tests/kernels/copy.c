// SPDX-License-Identifier: MIT
/* Tests of copy: all pairs of types, permutations, strides that fit nothing, sizes 0 and up. */
#include <stdlib.h>

#include "harness.h"
#include "seedchip/ops_data.h"

static const uint8_t types[] = {
	SDO_F32, SDO_BF16, SDO_F16, SDO_E4M3, SDO_E5M2, SDO_I8, SDO_I32,
};

#define NUM_TYPES (sizeof(types) / sizeof(types[0]))

static bool is_integer(uint32_t type)
{
	return type == SDO_I8 || type == SDO_I32;
}

static void convert(uint32_t src_type, const void *src, uint32_t dst_type, void *dst)
{
	int32_t v = kt_get(src_type, src, 0);

	if (src_type == dst_type)
		memcpy(dst, src, sdo_type_bits(src_type) / 8);
	else if (is_integer(src_type) && dst_type == SDO_I32)
		memcpy(dst, &v, 4);
	else if (is_integer(src_type) && dst_type == SDO_I8)
		*(int8_t *)dst = v > 127 ? 127 : v < -128 ? -128 : v;
	else
		kt_set(dst_type, dst, 0, kt_get(src_type, src, 0));
}

/* Bytes from an array's first element to the end of its last one. */
static size_t extent(const uint32_t n[4], const uint64_t stride[4], uint32_t type)
{
	size_t bytes = sdo_type_bits(type) / 8;

	for (int i = 0; i < 4; i++) {
		if (!n[i])
			return 0;
		bytes += (n[i] - 1) * stride[i];
	}
	return bytes;
}

static void reference(const struct sdo_copy *a, const uint8_t *src, uint8_t *dst)
{
	uint32_t i[4];

	for (i[0] = 0; i[0] < a->n[0]; i[0]++)
		for (i[1] = 0; i[1] < a->n[1]; i[1]++)
			for (i[2] = 0; i[2] < a->n[2]; i[2]++)
				for (i[3] = 0; i[3] < a->n[3]; i[3]++) {
					size_t from = 0, to = 0;

					for (int k = 0; k < 4; k++) {
						from += i[k] * a->src_stride[k];
						to += i[k] * a->dst_stride[k];
					}
					convert(a->src_type, src + from, a->dst_type, dst + to);
				}
}

/* Run and compare all bytes of the destination. */
static void check(struct sdo_copy *a)
{
	size_t src_size = extent(a->n, a->src_stride, a->src_type);
	size_t dst_size = extent(a->n, a->dst_stride, a->dst_type);
	struct kt_mem src = kt_mem(src_size, kt_random()), dst = kt_mem(dst_size, kt_random());
	uint8_t *want = malloc(dst_size + 1);
	struct seedchip_dim dim;

	a->src = src.address;
	a->dst = dst.address;
	kt_fill(a->src_type, src.host, src_size / (sdo_type_bits(a->src_type) / 8), KT_CORNER);
	memcpy(want, dst.host, dst_size);
	reference(a, src.host, want);
	KT_DIM(sdo_copy_dim(a, &kt_card, &dim));
	kt_run("copy", "copy", a, sizeof(*a), &dim);
	kt_same("dst", SDO_U8, dst.host, want, dst_size);
	free(want);
	kt_free();
}

/* Strides of axes in the order @order, outermost first, with gaps of up to @gap bytes. */
static void pack(const uint32_t n[4], const int order[4], uint32_t type, int gap,
		 uint64_t stride[4])
{
	uint64_t bytes = sdo_type_bits(type) / 8;

	for (int k = 3; k >= 0; k--) {
		stride[order[k]] = bytes;
		bytes = bytes * n[order[k]] + kt_between(0, gap);
	}
}

static const int in_order[4] = { 0, 1, 2, 3 };

static void test_types(void)
{
	for (unsigned int i = 0; i < NUM_TYPES * NUM_TYPES; i++) {
		struct sdo_copy a = {
			.n = { 1, 1, kt_between(1, 3), kt_reduced ? 70 : 1501 },
			.src_type = types[i / NUM_TYPES], .dst_type = types[i % NUM_TYPES],
		};

		pack(a.n, in_order, a.src_type, 0, a.src_stride);
		pack(a.n, in_order, a.dst_type, 0, a.dst_stride);
		check(&a);
	}
}

static void test_permutations(void)
{
	for (int i = kt_reduced ? 20 : 0; i < 24; i++) {
		int order[4] = { 0, 1, 2, 3 }, code = i;
		struct sdo_copy a = {
			.n = { 3, 5, 7, 11 }, .src_type = types[i % NUM_TYPES],
			.dst_type = types[(i + i / NUM_TYPES) % NUM_TYPES],
		};

		for (int k = 3; k > 0; code /= k + 1, k--) {
			int other = code % (k + 1), t = order[k];

			order[k] = order[other];
			order[other] = t;
		}
		a.n[kt_between(0, 3)] = kt_between(1, kt_reduced ? 9 : 40);
		pack(a.n, in_order, a.src_type, i % 3, a.src_stride);
		pack(a.n, order, a.dst_type, i % 5, a.dst_stride);
		check(&a);
	}
}

static void test_strides(void)
{
	static const int reversed[4] = { 3, 2, 1, 0 };

	for (unsigned int i = 0; i < NUM_TYPES; i++) {
		struct sdo_copy a = {
			.n = { 2, 3, 5, 7 }, .src_type = types[i], .dst_type = types[i],
		};

		/* every second element, and no axis is dense in the destination either */
		pack(a.n, in_order, types[i], 2, a.src_stride);
		pack(a.n, reversed, types[i], 2, a.dst_stride);
		for (int k = 0; k < 4; k++) {
			a.src_stride[k] = 2 * a.src_stride[k] + k;
			a.dst_stride[k] = 3 * a.dst_stride[k];
		}
		check(&a);
		a.src_stride[1] = 0; /* the same elements again */
		check(&a);
	}
}

static void test_sizes(void)
{
	static const uint32_t sizes[][2] = {
		{ 0, 5 }, { 1, 1 }, { 1, 65537 }, { 300, 517 }, { 3, 20011 }, { 20011, 3 },
		{ 64, 64 },
	};

	for (unsigned int i = 0; i < (kt_reduced ? 3 : 7); i++) {
		struct sdo_copy a = {
			.n = { 1, 1, sizes[i][0], kt_reduced ? sizes[i][1] % 1000 : sizes[i][1] },
			.src_type = types[i % NUM_TYPES], .dst_type = types[i % NUM_TYPES],
		};
		static const int turned[4] = { 0, 1, 3, 2 };

		pack(a.n, in_order, a.src_type, 0, a.src_stride);
		pack(a.n, turned, a.dst_type, 0, a.dst_stride);
		check(&a);
	}
}

static void test_refusals(void)
{
	struct sdo_copy a = { .n = { 1, 1, 2, 2 }, .dst_stride = { 0, 0, 2, 1 },
			      .src_type = SDO_I8, .dst_type = SDO_I8 };
	struct sdo_card small = kt_card;
	struct seedchip_dim dim;

	KT_DIM(sdo_copy_dim(&a, &kt_card, &dim));
	a.reserved[sizeof(a.reserved) - 1] = 1;
	KT_REFUSED(sdo_copy_dim(&a, &kt_card, &dim), -EINVAL, "copy: reserved is not 0");
	a.reserved[sizeof(a.reserved) - 1] = 0;
	a.src_type = SDO_I4;
	KT_REFUSED(sdo_copy_dim(&a, &kt_card, &dim), -EINVAL, "copy: types 1 and 0");
	a.src_type = SDO_I8;
	a.dst_stride[2] = 0;
	KT_REFUSED(sdo_copy_dim(&a, &kt_card, &dim), -EINVAL, "dst_stride[2] is 0");
	a.dst_stride[2] = 2;
	for (int i = 0; i < 3; i++) {
		a.n[i] = 1u << 31;
		a.dst_stride[i] = 1;
	}
	KT_REFUSED(sdo_copy_dim(&a, &kt_card, &dim), -EINVAL, "elements");
	for (int i = 0; i < 3; i++)
		a.n[i] = 1;
	small.tcm_size = 32768;
	KT_REFUSED(sdo_copy_dim(&a, &small, &dim), -E2BIG, "bytes of scratchpad");
	small.cores = 0;
	KT_REFUSED(sdo_copy_dim(&a, &small, &dim), -EINVAL, "copy: the card has 0 cores");
}

static const struct tap_test tests[] = {
	{ "copy between all pairs of types", test_types },
	{ "copy in all orders of axes", test_permutations },
	{ "copy where nothing is dense, and repeated", test_strides },
	{ "transpose of any size", test_sizes },
	{ "copy refuses by name", test_refusals },
};

int main(void)
{
	return KT_RUN(tests);
}
