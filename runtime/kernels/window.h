/* SPDX-License-Identifier: MIT */
/*
 * Cuts images under a sliding window into blocks for vector kernels, and brings
 * the input of a block into the scratchpad.
 *
 * A block is @th rows of @tw output pixels of @cc channels. Its input is held in
 * phases: all rows that are a multiple of stride_h apart together, and columns
 * likewise, so that what neighbouring outputs see through the same element of
 * the window are neighbours, whatever the stride. Outside of the image stands a
 * pattern. tap[] has, for each element of the window, the distance of its input
 * from the beginning of the slab, for the block's first output.
 *
 * The invariant: block b of a workgroup lies in slab b % 2, which is loaded when
 * the hart has consumed block b - 2.
 */
#ifndef KERNELS_WINDOW_H
#define KERNELS_WINDOW_H

#include "image.h"

#define WINDOW_ROWS 4 /* rows of output that are computed together */

/*
 * @stride: of the window; where there is but one row or column of output, a stride
 * that puts all of its input into one phase, if the DMA engines can make such steps.
 * @period, @phases, @last: of the rows and columns of the window: the phase of
 * row i is i % period, of which there are phases; it lies at most last rows down.
 * @height, @width: pixels of a phase. @run: pixels that a vector covers.
 */
struct window {
	const struct sdo_window *win;
	uint32_t es;
	uint64_t pattern;
	uint32_t stride[2];
	uint32_t period[2];
	uint32_t phases[2];
	uint32_t last[2];
	uint32_t cc, tw, th;
	uint32_t run;
	uint32_t chunks, columns, rows;
	uint32_t height, width;
	uint32_t blocks; /* of this workgroup */
	uint8_t *slab;
	uint8_t channel;
	uint8_t counter;
	uint32_t *tap;
};

struct block {
	uint32_t image, oy, ox, c;
	uint32_t th, tw, cc;
};

static inline bool window_fits(const struct window *w)
{
	return (uint64_t)w->phases[0] * w->phases[1] * (w->th + w->last[0]) *
		       (w->tw + w->last[1]) * w->cc * w->es <= SDO_WINDOW_SLAB;
}

/* Two blocks at least for each workgroup? */
static inline bool window_spread(const struct window *w)
{
	return (uint64_t)w->win->n * w->chunks * w->columns * div_up(w->win->oh, w->th) >=
	       2 * sd_grid_x();
}

/* Blocks: channels for whole vectors, then wide, then high, and enough of them for all cores. */
static inline void window_cut(struct window *w, uint32_t run)
{
	const struct sdo_window *win = w->win;

	w->chunks = div_up(win->c, run);
	w->cc = div_up(win->c, w->chunks);
	w->th = 1;
	w->tw = win->ow;
	for (;;) {
		w->tw = min_u32(w->tw, max_u32(SDO_WINDOW_STAGE / (WINDOW_ROWS * 4 * w->cc), 1));
		while (w->tw > 1 && !window_fits(w))
			w->tw = w->tw / 2;
		if (window_fits(w))
			break;
		w->cc = w->cc / 2;
		sd_assert(w->cc); /* else sdo_OP_dim() refuses */
	}
	w->chunks = div_up(win->c, w->cc);
	w->columns = div_up(win->ow, w->tw);
	w->tw = div_up(win->ow, w->columns);
	w->th = win->oh;
	while (w->th > 1 && !(window_fits(w) && (w->th <= 2 * WINDOW_ROWS || window_spread(w))))
		w->th = w->th > 2 * WINDOW_ROWS ? align_up(w->th / 2, WINDOW_ROWS) : w->th - 1;
	w->rows = div_up(win->oh, w->th);
	w->run = max_u32(run / w->cc, 1);
}

static inline uint32_t window_phase_bytes(const struct window *w)
{
	return w->height * w->width * w->cc * w->es;
}

/* Of @w, win, es, pattern, slab, channel, counter and tap are set; vectors of up to @run. */
static inline void window_init(struct window *w, uint32_t run)
{
	const struct sdo_window *win = w->win;
	const uint32_t k[2] = { win->kh, win->kw }, out[2] = { win->oh, win->ow };
	uint32_t blocks;

	for (int i = 0; i < 2; i++) {
		w->stride[i] = win->stride[i];
		if (out[i] == 1 && !(win->dilation[i] * win->src_stride[i + 1] >> 32))
			w->stride[i] = win->dilation[i];
		w->period[i] = w->stride[i] / gcd(w->stride[i], win->dilation[i]);
		w->phases[i] = min_u32(w->period[i], k[i]);
		w->last[i] = (k[i] - 1) * win->dilation[i] / w->stride[i];
	}
	window_cut(w, run);
	w->height = w->th + w->last[0];
	w->width = w->tw + w->last[1];
	for (uint32_t i = 0; i < win->kh * win->kw; i++) {
		uint32_t y = i / win->kw, x = i % win->kw;
		uint32_t phase = y % w->period[0] * w->phases[1] + x % w->period[1];

		w->tap[i] = phase * window_phase_bytes(w) +
			    (y * win->dilation[0] / w->stride[0] * w->width +
			     x * win->dilation[1] / w->stride[1]) * w->cc * w->es;
	}
	blocks = win->n * w->rows * w->columns * w->chunks;
	w->blocks = blocks > sd_wg_x() ? div_up(blocks - sd_wg_x(), sd_grid_x()) : 0;
}

static inline struct block window_block(const struct window *w, uint32_t sequence)
{
	uint32_t i = sd_wg_x() + sequence * sd_grid_x();
	struct block b;

	b.ox = i % w->columns * w->tw;
	i /= w->columns;
	b.oy = i % w->rows * w->th;
	i /= w->rows;
	b.image = i % w->win->n;
	b.c = i / w->win->n * w->cc;
	b.cc = min_u32(w->cc, w->win->c - b.c);
	b.th = min_u32(w->th, w->win->oh - b.oy);
	b.tw = min_u32(w->tw, w->win->ow - b.ox);
	return b;
}

/* Fetch a block's input. Where it hangs over the image, the pattern comes first. */
static inline void window_load(const struct window *w, uint32_t sequence)
{
	const struct sdo_window *win = w->win;
	struct block b;

	if (sequence >= w->blocks)
		return;
	b = window_block(w, sequence);
	for (uint32_t i = 0; i < w->phases[0] * w->phases[1]; i++) {
		uint32_t py = i / w->phases[1], px = i % w->phases[1];
		struct image_part part = {
			.channel = w->channel, .src = win->src + b.image * win->src_stride[0] +
						      (uint64_t)b.c * w->es,
			.y = (int64_t)b.oy * w->stride[0] - win->pad[0] +
			     py * win->dilation[0] % w->stride[0],
			.x = (int64_t)b.ox * w->stride[1] - win->pad[1] +
			     px * win->dilation[1] % w->stride[1],
			.step = { w->stride[0], w->stride[1] },
			.stride = { win->src_stride[1], win->src_stride[2] },
			.limit = { win->h, win->w },
			.size = { w->height, w->width },
			.pixel = b.cc * w->es,
			.pitch = w->cc * w->es,
			.pattern = w->pattern,
			.to = w->slab + sequence % 2 * SDO_WINDOW_SLAB + i * window_phase_bytes(w),
		};

		load_part(&part);
	}
	sd_post(w->channel, w->counter);
}

/* Wait for a block's input, and fetch the one after it. */
static inline const uint8_t *window_next(const struct window *w, uint32_t sequence)
{
	window_load(w, sequence + 1);
	sd_await(w->counter, sequence + 1);
	return w->slab + sequence % 2 * SDO_WINDOW_SLAB;
}

/* Write @rows rows of a block from @y on, which lie in @from as [rows][tw][cc] of @ds bytes. */
static inline void window_put(const struct window *w, const struct block *b, uint32_t y,
			      uint32_t rows, const uint8_t *from, uint32_t ds, uint8_t channel)
{
	const struct sdo_window *win = w->win;
	struct sc_dma d = {
		.kind = SC_DMA_COPY, .size0 = b->cc * ds, .size1 = b->tw, .size2 = rows,
		.src = (uintptr_t)from,
		.dst = win->dst + b->image * win->dst_stride[0] +
		       (b->oy + y) * win->dst_stride[1] + b->ox * win->dst_stride[2] +
		       (uint64_t)b->c * ds,
		.src_stride = { w->cc * ds, b->tw * w->cc * ds },
		.dst_stride = { win->dst_stride[2], win->dst_stride[1] },
	};

	sdd_go(channel, &d);
}

#endif /* KERNELS_WINDOW_H */
