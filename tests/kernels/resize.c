// SPDX-License-Identifier: MIT
/* Tests of resize: modes, coordinates, types, up and down, sizes of 1 and 0. */
#include <math.h>
#include <stdlib.h>

#include "images.h"

struct place {
	uint32_t at[2];
	float part;
};

static struct place place(const struct sdo_resize *a, uint32_t o, uint32_t in, uint32_t out)
{
	bool nearest = a->mode == SDO_RESIZE_NEAREST;
	struct place p;
	float x;

	if (a->coordinates == SDO_RESIZE_HALF_PIXEL) {
		x = ((float)o + 0.5f) * ((float)in / (float)out);
		x = nearest ? x : x - 0.5f;
	} else if (a->coordinates == SDO_RESIZE_ASYMMETRIC) {
		x = (float)o * ((float)in / (float)out);
	} else {
		x = out > 1 ? (float)o * ((float)(in - 1) / (float)(out - 1)) : 0;
		x = nearest ? x + 0.5f : x;
	}
	x = x < 0 ? 0 : x;
	p.at[0] = (uint32_t)x < in ? (uint32_t)x : in - 1;
	p.at[1] = p.at[0] + 1 < in ? p.at[0] + 1 : in - 1;
	p.part = x - (float)p.at[0];
	return p;
}

static void output(const void *op, const struct images *m, uint32_t n, uint32_t y, uint32_t x,
		   uint32_t k, uint8_t *to)
{
	const struct sdo_resize *a = op;
	struct place py = place(a, y, a->h, a->oh), px = place(a, x, a->w, a->ow);
	const uint8_t *image = (uint8_t *)m->src.host + n * a->src_stride[0];
	uint32_t size = sdo_type_bits(a->type) / 8;
	float row[2];

	for (int i = 0; i < 2; i++) {
		const uint8_t *upper = image + py.at[0] * a->src_stride[1] +
				       px.at[i] * a->src_stride[2];
		const uint8_t *lower = image + py.at[1] * a->src_stride[1] +
				       px.at[i] * a->src_stride[2];

		if (a->mode == SDO_RESIZE_NEAREST) {
			memcpy(to, upper + k * size, size);
			return;
		}
		row[i] = fmaf(py.part, kt_get(a->type, lower, k),
			      (float)kt_get(a->type, upper, k) * (1 - py.part));
	}
	kt_set(a->type, to, 0, fmaf(px.part, row[1], row[0] * (1 - px.part)));
}

static void check(const uint32_t size[6], uint32_t type, uint32_t mode, uint32_t coordinates)
{
	struct sdo_window w = {
		.n = size[0], .h = size[1], .w = size[2], .c = size[3], .oh = size[4],
		.ow = size[5],
	};
	struct images m = make_images(&w, type, type, w.c, KT_CORNER);
	struct sdo_resize a = {
		.src = m.win.src, .dst = m.win.dst, .n = w.n, .h = w.h, .w = w.w, .c = w.c,
		.oh = w.oh, .ow = w.ow, .type = type, .mode = mode, .coordinates = coordinates,
	};
	struct seedchip_dim dim;

	memcpy(a.src_stride, m.win.src_stride, sizeof(a.src_stride));
	memcpy(a.dst_stride, m.win.dst_stride, sizeof(a.dst_stride));
	want_all(&a, &m, output);
	KT_DIM(sdo_resize_dim(&a, &kt_card, &dim));
	kt_run("resize", "resize", &a, sizeof(a), &dim);
	compare_images(&m);
}

static const uint8_t types[] = { SDO_F32, SDO_BF16, SDO_F16, SDO_E4M3, SDO_E5M2, SDO_I8 };

static void test_random(void)
{
	for (int i = 0; i < (kt_reduced ? 12 : 72); i++) {
		uint32_t size[6] = {
			kt_between(1, 2), kt_between(1, 20), kt_between(1, 24), kt_between(1, 12),
			kt_between(0, 40), kt_between(1, 40),
		};

		check(size, types[i % 6], i / 6 % 2, i / 12 % 3);
	}
}

static void test_shapes(void)
{
	static const uint32_t sizes[][6] = {
		/* n, h, w, c, oh, ow */
		{ 2, 1, 1, 3, 5, 5 },	    { 2, 40, 40, 3, 1, 1 },   { 0, 3, 3, 3, 5, 5 },
		{ 1, 3, 4, 1500, 4, 5 },    { 1, 2, 9000, 3, 2, 3001 }, { 1, 97, 101, 3, 64, 64 },
		{ 40, 7, 9, 1, 14, 18 },
	};

	for (unsigned int i = 0; i < (kt_reduced ? 3 : 7); i++)
		for (int mode = 0; mode < 2; mode++)
			check(sizes[i], types[(i + mode) % 6], mode, i % 3);
}

static void test_refusals(void)
{
	struct sdo_resize a = { .n = 1, .h = 1, .w = 1, .c = 1, .oh = 1, .ow = 1, .type = SDO_I32 };
	struct seedchip_dim dim;

	KT_REFUSED(sdo_resize_dim(&a, &kt_card, &dim), -EINVAL, "resize: type 7");
	a.type = SDO_F32;
	KT_DIM(sdo_resize_dim(&a, &kt_card, &dim));
	a.reserved[sizeof(a.reserved) - 1] = 1;
	KT_REFUSED(sdo_resize_dim(&a, &kt_card, &dim), -EINVAL, "resize: reserved is not 0");
	a.reserved[sizeof(a.reserved) - 1] = 0;
	a.w = 0;
	KT_REFUSED(sdo_resize_dim(&a, &kt_card, &dim), -EINVAL, "no input for 1 x 1");
	a.w = 1;
	a.oh = 2 << 20;
	KT_REFUSED(sdo_resize_dim(&a, &kt_card, &dim), -EINVAL, "above 2^20");
	a.oh = 1;
	a.src_stride[2] = 1ull << 32;
	KT_REFUSED(sdo_resize_dim(&a, &kt_card, &dim), -EINVAL, "src_stride[2]");
}

static const struct tap_test tests[] = {
	{ "resize up and down in all modes", test_random },
	{ "resize of other shapes", test_shapes },
	{ "resize refuses by name", test_refusals },
};

int main(void)
{
	return KT_RUN(tests);
}
