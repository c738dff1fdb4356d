// SPDX-License-Identifier: MIT
/* Tests of pool2d: all types, windows over the edge and outside, global pooling. */
#include "images.h"

/* maximumNumber of IEEE 754 */
static float larger(float a, float b)
{
	if (isnan(a) || isnan(b))
		return isnan(a) ? b : a;
	if (a == 0 && b == 0)
		return signbit(a) ? b : a;
	return a > b ? a : b;
}

static void output(const void *op, const struct images *m, uint32_t n, uint32_t y, uint32_t x,
		   uint32_t k, uint8_t *to)
{
	const struct sdo_pool2d *a = op;
	float v = a->mode == SDO_POOL_AVG ? 0 : a->type == SDO_I8 ? -128 : NAN;
	uint32_t taps = m->win.kh * m->win.kw, count = 0;

	for (uint32_t i = 0; i < taps; i++) {
		const uint8_t *pixel = seen(m, n, y, x, i);

		count += !!pixel;
		if (a->mode == SDO_POOL_AVG)
			v += pixel ? kt_get(a->type, pixel, k) : 0;
		else if (pixel)
			v = larger(v, kt_get(a->type, pixel, k));
	}
	if (a->mode == SDO_POOL_AVG)
		v /= (float)(a->count_pad ? taps : count);
	kt_set(a->type, to, 0, v);
}

static void check(const struct sdo_window *win, uint32_t type, uint32_t mode, bool count_pad)
{
	struct images m = make_images(win, type, type, win->c, KT_CORNER);
	struct sdo_pool2d a = {
		.win = m.win, .type = type, .mode = mode, .count_pad = count_pad,
	};
	struct seedchip_dim dim;

	want_all(&a, &m, output);
	KT_DIM(sdo_pool2d_dim(&a, &kt_card, &dim));
	kt_run("pool2d", "pool2d", &a, sizeof(a), &dim);
	compare_images(&m);
}

static const uint8_t types[] = { SDO_F32, SDO_BF16, SDO_F16, SDO_E4M3, SDO_E5M2, SDO_I8 };

static void test_random(void)
{
	for (int i = 0; i < (kt_reduced ? 8 : 60); i++) {
		struct sdo_window w = random_window(kt_between(1, kt_reduced ? 9 : 60));

		check(&w, types[i % 6], i / 2 % 2, i / 3 % 2);
	}
}

static void test_shapes(void)
{
	/* n, h, w, c, oh, ow, kh, kw, stride[2], pad[2], dilation[2] */
	static const uint32_t shapes[][14] = {
		{ 2, 7, 7, 200, 1, 1, 7, 7, 1, 1, 0, 0, 1, 1 },
		{ 1, 0, 3, 3, 2, 2, 2, 2, 1, 1, 0, 0, 1, 1 },
		{ 0, 3, 3, 3, 2, 2, 2, 2, 1, 1, 0, 0, 1, 1 },
		{ 1, 30, 31, 64, 15, 16, 3, 3, 2, 2, 1, 1, 1, 1 },
		{ 1, 56, 57, 3, 1, 1, 56, 57, 9, 9, 0, 0, 1, 1 },
		{ 1, 3, 2000, 3, 2, 1000, 2, 2, 1, 2, 0, 0, 1, 1 },
		{ 1, 4, 4, 1030, 2, 2, 2, 2, 2, 2, 0, 0, 1, 1 },
	};
	/* one tap: no maximum, but NaNs of any payload */
	static const uint32_t single[14] = { 1, 9, 9, 20, 11, 6, 1, 1, 1, 2, 1, 1, 1, 1 };
	struct sdo_window one = window_of(single);

	check(&one, SDO_F32, SDO_POOL_MAX, 0);
	for (unsigned int i = 0; i < (kt_reduced ? 3 : 7); i++)
		for (int mode = 0; mode < 2; mode++) {
			struct sdo_window w = window_of(shapes[i]);

			check(&w, types[(i + mode) % 6], mode, i % 2);
		}
}

static void test_refusals(void)
{
	struct sdo_pool2d a = {
		.win = { .c = 1, .kh = 3, .kw = 3, .stride = { 1, 1 }, .dilation = { 1, 1 } },
		.type = SDO_I32,
	};
	struct seedchip_dim dim;

	KT_REFUSED(sdo_pool2d_dim(&a, &kt_card, &dim), -EINVAL, "pool2d: type 7");
	a.type = SDO_F32;
	KT_DIM(sdo_pool2d_dim(&a, &kt_card, &dim));
	a.reserved[sizeof(a.reserved) - 1] = 1;
	KT_REFUSED(sdo_pool2d_dim(&a, &kt_card, &dim), -EINVAL, "pool2d: reserved is not 0");
	a.reserved[sizeof(a.reserved) - 1] = 0;
	a.win.kw = 0;
	KT_REFUSED(sdo_pool2d_dim(&a, &kt_card, &dim), -EINVAL, "kw 0");
	a.win.kw = 255;
	a.win.kh = 255;
	KT_REFUSED(sdo_pool2d_dim(&a, &kt_card, &dim), -EINVAL, "kh x kw 65025");
	a.win.kh = 16;
	a.win.dilation[0] = 9000;
	KT_REFUSED(sdo_pool2d_dim(&a, &kt_card, &dim), -EINVAL, "bytes of a channel");
	a.win.dilation[0] = 0;
	KT_REFUSED(sdo_pool2d_dim(&a, &kt_card, &dim), -EINVAL, "dilation 0");
}

/* One output that sees rows 5 GiB apart; all rows are the same page but for the last. */
static void test_far_rows(void)
{
	const uint64_t row = 1ull << 30;
	struct seedchip_range *range;
	struct seedchip_buffer *buffer;
	float *v, want[4];
	struct kt_mem dst = kt_mem(sizeof(want), 0);
	struct sdo_pool2d a = {
		.win = { .dst = dst.address, .src_stride = { 0, row, 4 },
			 .dst_stride = { 0, 0, 4 }, .n = 1, .h = 6, .w = 4, .c = 1, .oh = 1,
			 .ow = 4, .kh = 2, .kw = 1, .stride = { 1, 1 }, .dilation = { 5, 1 } },
		.type = SDO_F32,
	};
	struct seedchip_dim dim;

	KT_DIM(sdo_pool2d_dim(&a, &kt_card, &dim));
	KT_OK(seedchip_range_reserve(kt_device, 6 * row, &range));
	KT_OK(seedchip_buffer_create(kt_device, 8192, SEEDCHIP_CARD | SEEDCHIP_CPU, &buffer));
	KT_OK(seedchip_buffer_map(buffer, (void **)&v));
	for (uint32_t i = 0; i < 6; i++)
		KT_OK(seedchip_range_map(range, i * row, buffer, i == 5 ? 4096 : 0, 4096, NULL,
					 NULL));
	for (uint32_t i = 0; i < 4; i++) {
		v[i] = i;
		v[1024 + i] = 2;
		want[i] = i > 2 ? i : 2;
	}
	a.win.src = seedchip_range_address(range);
	kt_run("pool2d", "pool2d", &a, sizeof(a), &dim);
	kt_same("far rows", SDO_F32, dst.host, want, 4);
	seedchip_range_destroy(range);
	seedchip_buffer_destroy(buffer);
}

static const struct tap_test tests[] = {
	{ "pooling with random windows", test_random },
	{ "pooling of other shapes, global too", test_shapes },
	{ "pooling of rows that are far apart", test_far_rows },
	{ "pool2d refuses by name", test_refusals },
};

int main(void)
{
	return KT_RUN(tests);
}
