/* SPDX-License-Identifier: MIT */
/*
 * Streams rows through the scratchpad for kernels that reduce each of them:
 * pieces of several short rows, or of a part of a long one, AHEAD of them on
 * their way. Grid y shares the rows out; grid x, in a cooperative dispatch, the
 * elements of each row. Where there is little, pieces are small, so that the
 * first one is soon there.
 *
 * The invariant: piece k lies in slot k % slots of the ring from its await until
 * the caller loads piece k + slots.
 */
#ifndef KERNELS_SCAN_H
#define KERNELS_SCAN_H

#include "data.h"

#define SCAN_RING  (3 * SDO_SCAN_PIECE) /* bytes */
#define SCAN_LEAST 8192 /* bytes of a piece */
#define SCAN_AHEAD 6 /* pieces on their way at most */

enum { SCAN_IN }; /* DMA channel, and its counter */

/* This workgroup has elements @col to @col + @n of rows in blocks of @height. */
struct scan {
	uint64_t src;
	uint64_t stride;
	uint32_t es;
	uint32_t rows;
	uint32_t col;
	uint32_t n;
	uint32_t height;
	uint32_t width;
	uint32_t chunks; /* pieces of a row */
	uint32_t pieces;
	uint32_t slot; /* bytes for a piece */
	uint32_t slots;
	uint32_t ahead;
	uint8_t *ring;
};

/* @n elements from @col on of @rows rows from @row on; @last: the rows end here. */
struct piece {
	uint32_t row;
	uint32_t rows;
	uint32_t col;
	uint32_t n;
	bool last;
	const uint8_t *data;
};

/* Of @s, src, stride, es, rows, n (of a whole row) and ring are set. */
static inline void scan_init(struct scan *s)
{
	uint32_t parts = sd_grid_x(), share = div_up(s->n, parts), workers = sd_grid_y();
	uint32_t room, blocks;

	s->col = min_u32(sd_wg_x() * share, s->n);
	s->n = min_u32(share, s->n - s->col);
	s->slot = SDO_SCAN_PIECE;
	while (s->slot > SCAN_LEAST &&
	       (uint64_t)s->n * s->es * div_up(s->rows, workers) < 4 * s->slot)
		s->slot /= 2;
	s->slots = SCAN_RING / s->slot;
	s->ahead = min_u32(s->slots - 1, SCAN_AHEAD);
	room = s->slot / s->es;
	s->height = s->n ? min_u32(max_u32(room / s->n, 1), div_up(s->rows, workers)) : 0;
	s->height = min_u32(s->height, SDO_SCAN_ROWS);
	s->width = min_u32(s->n, room);
	s->chunks = s->n ? div_up(s->n, s->width) : 0;
	blocks = s->n ? div_up(s->rows, s->height) : 0;
	s->pieces = blocks > sd_wg_y() ? div_up(blocks - sd_wg_y(), workers) * s->chunks : 0;
}

static inline struct piece scan_piece(const struct scan *s, uint32_t k)
{
	uint32_t row = (sd_wg_y() + k / s->chunks * sd_grid_y()) * s->height;
	uint32_t chunk = k % s->chunks, col = chunk * s->width;

	return (struct piece){
		.row = row,
		.rows = min_u32(s->height, s->rows - row),
		.col = s->col + col,
		.n = min_u32(s->width, s->n - col),
		.last = chunk == s->chunks - 1,
		.data = s->ring + k % s->slots * s->slot,
	};
}

static inline void scan_load(const struct scan *s, uint32_t k)
{
	struct piece p;

	if (k >= s->pieces)
		return;
	p = scan_piece(s, k);
	dma_tile(SCAN_IN, (void *)p.data,
		 s->src + p.row * s->stride + (uint64_t)p.col * s->es, true, s->es,
		 (struct axis){ s->es, p.n }, (struct axis){ s->stride, p.rows });
	sd_post(SCAN_IN, SCAN_IN);
}

static inline void scan_start(const struct scan *s)
{
	for (uint32_t k = 0; k < s->ahead; k++)
		scan_load(s, k);
}

/* The rows at @src, and of them what this workgroup has; they begin to come. */
static inline struct scan scan_open(uint64_t src, uint64_t stride, uint32_t rows, uint32_t n,
				    uint8_t type)
{
	struct scan s = {
		.src = src, .stride = stride, .rows = rows, .n = n,
		.es = sd_format_bits(type) / 8, .ring = sd_dynamic(),
	};

	scan_init(&s);
	scan_start(&s);
	return s;
}

/* Wait for a piece, and fetch another. Pieces are taken in order. */
static inline struct piece scan_next(const struct scan *s, uint32_t k)
{
	scan_load(s, k + s->ahead);
	sd_await(SCAN_IN, k + 1);
	return scan_piece(s, k);
}

#endif /* KERNELS_SCAN_H */
