// SPDX-License-Identifier: MIT
/*
 * pack_weights and unpack_weights: the bytes of sdo_pack() and sdo_unpack(), whose
 * own test compares them with docs/layouts.md.
 */
#include <stdlib.h>

#include "harness.h"

static struct kt_mem rows(uint32_t type, uint32_t count, uint32_t length, uint64_t *stride)
{
	struct kt_mem m;

	*stride = (length * sdo_type_bits(type) + 7) / 8 + kt_between(0, 5);
	m = kt_mem(count * *stride, kt_random() % 64);
	for (uint32_t r = 0; r < count; r++)
		kt_fill(type, (uint8_t *)m.host + r * *stride, length, KT_CORNER);
	return m;
}

/* The packed matrix back to rows whose bytes were random; those between rows stay. */
static void unpack_case(struct sdo_pack_weights *a, const void *packed,
			const struct sdo_plain *from)
{
	const struct sdo_packed *l = &a->layout;
	uint32_t groups = l->group ? (l->k + l->group - 1) / l->group : 0;
	struct kt_mem got[3] = {
		kt_mem((a->nk ? l->n : l->k) * a->stride, kt_random() % 64),
		kt_mem(groups * a->stride_scales, kt_random() % 64),
		kt_mem(groups * a->stride_mins, kt_random() % 64),
	};
	struct sdo_plain plain = *from;
	struct seedchip_dim dim;
	uint8_t *want[3];

	for (int i = 0; i < 3; i++) {
		want[i] = malloc(got[i].size + 1);
		memcpy(want[i], got[i].host, got[i].size);
	}
	plain.values = want[0];
	plain.scales = want[1];
	plain.mins = want[2];
	KT_OK(sdo_unpack(l, packed, &plain));
	a->values = got[0].address;
	a->scales = got[1].address;
	a->mins = l->mins ? got[2].address : 0;
	KT_DIM(sdo_unpack_weights_dim(a, &kt_card, &dim));
	kt_run("unpack_weights", "unpack_weights", a, sizeof(*a), &dim);
	for (int i = 0; i < 3; i++) {
		kt_same("rows", SDO_U8, got[i].host, want[i], got[i].size);
		free(want[i]);
	}
}

static void run_case(const struct sdo_packed *l, bool nk)
{
	struct sdo_pack_weights a = { .layout = *l, .nk = nk };
	uint32_t groups = l->group ? (l->k + l->group - 1) / l->group : 0;
	struct kt_mem values = rows(l->type, nk ? l->n : l->k, nk ? l->k : l->n, &a.stride);
	struct kt_mem scales = rows(l->type_scale, groups, l->n, &a.stride_scales);
	struct kt_mem mins = rows(SDO_F16, groups, l->n, &a.stride_mins);
	struct kt_mem packed = kt_mem(sdo_packed_size(l), kt_random() % 64);
	uint8_t *want = malloc(packed.size + 1);
	struct sdo_plain plain = {
		.values = values.host, .stride = a.stride, .scales = scales.host,
		.stride_scales = a.stride_scales, .mins = mins.host,
		.stride_mins = a.stride_mins, .nk = nk,
	};
	struct seedchip_dim dim;

	a.packed = packed.address;
	a.values = values.address;
	a.scales = scales.address;
	a.mins = l->mins ? mins.address : 0;
	KT_OK(sdo_pack(l, want, &plain));
	KT_DIM(sdo_pack_weights_dim(&a, &kt_card, &dim));
	kt_run("pack_weights", "pack_weights", &a, sizeof(a), &dim);
	kt_same("packed", SDO_U8, packed.host, want, packed.size);
	free(want);
	unpack_case(&a, packed.host, &plain);
	kt_free();
}

static void test_types(void)
{
	static const uint8_t types[] = { SDO_I4, SDO_I8, SDO_F16, SDO_F32, SDO_E5M2 };
	static const uint8_t scales[] = { SDO_F16, SDO_F32, SDO_E8M0 };

	for (uint32_t i = 0; i < (kt_reduced ? 10 : 30); i++) {
		struct sdo_packed l = {
			.n = kt_between(1, kt_reduced ? 70 : 200),
			.k = kt_between(1, kt_reduced ? 270 : 600), .type = types[i / 2 % 5],
			.type_scale = scales[i % 3],
		};

		l.group = i % 4 == 3 ? 0 : 16u << i % 5;
		l.mins = l.group && i % 3 == 1;
		run_case(&l, i % 2);
	}
}

/* Sizes at the edges of tiles, and more tiles than cores and slots. */
static void test_sizes(void)
{
	static const uint16_t sizes[][2] = { { 64, 256 }, { 1, 1 }, { 65, 257 }, { 63, 255 },
					     { 0, 5 }, { 5, 0 }, { 1000, 1030 } };

	for (unsigned int i = 0; i < (kt_reduced ? 12 : 14); i++) {
		struct sdo_packed l = { .n = sizes[i / 2][0], .k = sizes[i / 2][1],
					.type = SDO_I4, .type_scale = SDO_F16, .group = 32 };

		run_case(&l, i % 2);
	}
}

static void test_refused(void)
{
	struct sdo_pack_weights a = { .layout = { .n = 1, .k = 1, .type = SDO_I32 } };
	struct sdo_card small = kt_card;
	struct seedchip_dim dim;

	KT_REFUSED(sdo_pack_weights_dim(&a, &kt_card, &dim), -EOPNOTSUPP, "type 7");
	a.layout.type = SDO_I4;
	KT_DIM(sdo_pack_weights_dim(&a, &kt_card, &dim));
	a.layout.group = 32;
	a.layout.type_scale = SDO_F16;
	KT_REFUSED(sdo_pack_weights_dim(&a, &kt_card, &dim), -EINVAL, "scales or mins");
	a.scales = 64;
	a.stride = 1ull << 32;
	KT_REFUSED(sdo_pack_weights_dim(&a, &kt_card, &dim), -EINVAL, "stride 0x100000000");
	a.stride = 0;
	a.nk = 2;
	KT_REFUSED(sdo_pack_weights_dim(&a, &kt_card, &dim), -EINVAL, "nk 2");
	a.nk = 0;
	a.layout.mins = 1;
	KT_REFUSED(sdo_unpack_weights_dim(&a, &kt_card, &dim), -EINVAL, "unpack_weights: scales");
	a.mins = 64;
	small.tcm_size = 65536;
	a.layout.type = SDO_F32;
	KT_REFUSED(sdo_pack_weights_dim(&a, &small, &dim), -E2BIG, "bytes of scratchpad");
}

int main(void)
{
	static const struct tap_test tests[] = {
		{ "pack_weights: types, groups, both orders", test_types },
		{ "pack_weights: sizes", test_sizes },
		{ "pack_weights: what is refused", test_refused },
	};

	return KT_RUN(tests);
}
