/* SPDX-License-Identifier: MIT */
/*
 * Brings a part of an image into the scratchpad, every so many rows and columns
 * of it, with a pattern where the part hangs over the edge. No byte is written
 * twice, so that nothing depends on the order.
 */
#ifndef KERNELS_IMAGE_H
#define KERNELS_IMAGE_H

#include "data.h"

/* Axes: rows, columns. Pixel (i, j) of the part is (y + i * step[0], x + j * step[1]). */
struct image_part {
	uint8_t channel; /* of DMA */
	uint64_t src; /* first byte of pixel (0, 0) that is wanted */
	int64_t y, x;
	uint32_t step[2];
	uint64_t stride[2]; /* bytes between the image's rows, columns */
	uint32_t limit[2]; /* rows, columns of the image */
	uint32_t size[2]; /* of the part */
	uint32_t pixel; /* bytes wanted of each */
	uint32_t pitch; /* bytes from pixel to pixel of the part */
	uint64_t pattern;
	uint8_t *to;
};

/* Which of positions 0 to @n lie below a limit, if position i is at first + i * step. */
struct span {
	uint32_t from, to;
};

static inline struct span inside(int64_t first, uint32_t step, uint32_t limit, uint32_t n)
{
	int64_t from = first < 0 ? (-first + step - 1) / step : 0;
	int64_t to = limit > first ? (limit - first + step - 1) / step : 0;

	to = to < n ? to : n;
	return (struct span){ from < to ? from : to, to };
}

static inline void load_outside(const struct image_part *p, uint8_t *to, uint32_t size,
				uint32_t rows)
{
	struct sc_dma d = {
		.kind = SC_DMA_FILL, .src = p->pattern, .dst = (uintptr_t)to, .size0 = size,
		.size1 = rows, .size2 = 1, .dst_stride = { p->size[1] * p->pitch },
	};

	if (size && rows)
		sdd_go(p->channel, &d);
}

static inline void load_part(const struct image_part *p)
{
	struct span y = inside(p->y, p->step[0], p->limit[0], p->size[0]);
	struct span x = inside(p->x, p->step[1], p->limit[1], p->size[1]);
	uint32_t row = p->size[1] * p->pitch;
	uint8_t *first = p->to + y.from * row;
	struct sc_dma d = {
		.kind = SC_DMA_COPY, .size0 = p->pixel, .size1 = x.to - x.from,
		.size2 = y.to - y.from,
		.src = p->src + (p->y + (int64_t)y.from * p->step[0]) * p->stride[0] +
		       (p->x + (int64_t)x.from * p->step[1]) * p->stride[1],
		.dst = (uintptr_t)first + x.from * p->pitch,
		.src_stride = { p->step[1] * p->stride[1], p->step[0] * p->stride[0] },
		.dst_stride = { p->pitch, row },
	};

	if (d.src_stride[0] == p->pixel && p->pitch == p->pixel) { /* whole rows at a time */
		d.size0 = d.size1 * p->pixel;
		d.size1 = d.size2;
		d.size2 = 1;
		d.src_stride[0] = d.src_stride[1];
		d.dst_stride[0] = row;
	}
	load_outside(p, p->to, y.from * row, 1);
	load_outside(p, p->to + y.to * row, (p->size[0] - y.to) * row, 1);
	load_outside(p, first, x.from * p->pitch, y.to - y.from);
	load_outside(p, first + x.to * p->pitch, (p->size[1] - x.to) * p->pitch, y.to - y.from);
	sdd_go(p->channel, &d);
}

static inline uint32_t gcd(uint32_t a, uint32_t b)
{
	while (b) {
		uint32_t t = a % b;

		a = b;
		b = t;
	}
	return a;
}

#endif /* KERNELS_IMAGE_H */
