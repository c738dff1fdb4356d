/* SPDX-License-Identifier: MIT */
/*
 * Images under a sliding window for the tests of conv2d, dwconv2d and pool2d:
 * sizes, memory with gaps between pixels, rows and images, and a walk over what
 * each output sees.
 */
#ifndef KERNELS_IMAGES_H
#define KERNELS_IMAGES_H

#include <math.h>
#include <stdlib.h>

#include "harness.h"
#include "seedchip/ops_vision.h"

struct images {
	struct sdo_window win;
	uint32_t type, dst_type, k; /* k: channels of the output */
	struct kt_mem src, dst;
	uint8_t *want; /* all bytes of dst */
};

/* Any window; a small one over an image that is not much larger. */
__attribute__((unused)) static struct sdo_window random_window(uint32_t c)
{
	struct sdo_window w = {
		.n = kt_between(1, 2), .h = kt_between(0, 19), .w = kt_between(1, 24), .c = c,
		.oh = kt_between(1, 12), .ow = kt_between(1, 12), .kh = kt_between(1, 4),
		.kw = kt_between(1, 4),
	};

	for (int i = 0; i < 2; i++) {
		w.stride[i] = kt_between(1, 3);
		w.pad[i] = kt_between(0, 3);
		w.dilation[i] = kt_between(1, 3);
	}
	return w;
}

/* Limits of a clamp: ReLU and others, also the wrong way round, and such as I8 does not hold. */
__attribute__((unused)) static const float *random_limits(void)
{
	static const float limits[][2] = {
		{ 0, INFINITY }, { -1, 2 },    { 2, -1 },	{ -0.5f, 1.5f },
		{ -300, 300 },	 { 300, 400 }, { -128, 126.5f }, { -INFINITY, -127.5f },
	};

	return limits[kt_random() % 8];
}

/* n, h, w, c, oh, ow, kh, kw, stride[2], pad[2], dilation[2] */
__attribute__((unused)) static struct sdo_window window_of(const uint32_t v[14])
{
	return (struct sdo_window){
		.n = v[0], .h = v[1], .w = v[2], .c = v[3], .oh = v[4], .ow = v[5], .kh = v[6],
		.kw = v[7], .stride = { v[8], v[9] }, .pad = { v[10], v[11] },
		.dilation = { v[12], v[13] },
	};
}

static void set_strides(uint64_t stride[3], uint32_t h, uint32_t w, uint32_t pixel)
{
	stride[2] = pixel + kt_between(0, 3);
	stride[1] = w * stride[2] + kt_between(0, 3);
	stride[0] = h * stride[1] + kt_between(0, 3);
}

static struct images make_images(const struct sdo_window *win, uint32_t type, uint32_t dst_type,
				 uint32_t k, enum kt_data data)
{
	struct images m = { .win = *win, .type = type, .dst_type = dst_type, .k = k };
	struct sdo_window *w = &m.win;
	uint8_t *src;

	set_strides(w->src_stride, w->h, w->w, w->c * sdo_type_bits(type) / 8);
	set_strides(w->dst_stride, w->oh, w->ow, k * sdo_type_bits(dst_type) / 8);
	m.src = kt_mem(w->n * w->src_stride[0], kt_random());
	m.dst = kt_mem(w->n * w->dst_stride[0], kt_random());
	w->src = m.src.address;
	w->dst = m.dst.address;
	src = m.src.host;
	for (uint32_t i = 0; i < w->n * w->h * w->w; i++)
		kt_fill(type, src + i / (w->h * w->w) * w->src_stride[0] +
			      i / w->w % w->h * w->src_stride[1] + i % w->w * w->src_stride[2],
			w->c, data);
	m.want = malloc(m.dst.size + 1);
	memcpy(m.want, m.dst.host, m.dst.size);
	return m;
}

/* The pixel of image @n that output (y, x) sees through element @i of the window; NULL: padding. */
__attribute__((unused)) static const uint8_t *
seen(const struct images *m, uint32_t n, uint32_t y, uint32_t x, uint32_t i)
{
	const struct sdo_window *w = &m->win;
	int64_t iy = (int64_t)y * w->stride[0] - w->pad[0] + i / w->kw * w->dilation[0];
	int64_t ix = (int64_t)x * w->stride[1] - w->pad[1] + i % w->kw * w->dilation[1];

	if (iy < 0 || iy >= w->h || ix < 0 || ix >= w->w)
		return NULL;
	return (const uint8_t *)m->src.host + n * w->src_stride[0] + iy * w->src_stride[1] +
	       ix * w->src_stride[2];
}

typedef void (*output_fn)(const void *op, const struct images *m, uint32_t n, uint32_t y,
			  uint32_t x, uint32_t k, uint8_t *to);

/* Let the reference say every element of the output. */
static void want_all(const void *op, const struct images *m, output_fn output)
{
	const struct sdo_window *w = &m->win;
	uint32_t size = sdo_type_bits(m->dst_type) / 8;

	for (uint32_t n = 0; n < w->n; n++)
		for (uint32_t y = 0; y < w->oh; y++)
			for (uint32_t x = 0; x < w->ow; x++)
				for (uint32_t k = 0; k < m->k; k++)
					output(op, m, n, y, x, k,
					       m->want + n * w->dst_stride[0] +
						       y * w->dst_stride[1] +
						       x * w->dst_stride[2] + k * size);
}

static void compare_images(struct images *m)
{
	kt_same("dst", SDO_U8, m->dst.host, m->want, m->dst.size);
	free(m->want);
	kt_free();
}

#endif /* KERNELS_IMAGES_H */
