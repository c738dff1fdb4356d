/* SPDX-License-Identifier: MIT */
/*
 * Kernels that pass once over tensors: blocks of rows go through rings in the
 * scratchpad, loads and stores on DMA channels of their own while the hart
 * computes.
 *
 * A kernel names its tensors, the output last, and a function that computes one
 * block. In the scratchpad a block is dense. With `whole_rows` a block has whole
 * rows as long as they fit; a row that does not comes in several blocks, as often
 * as the kernel has passes, and only the last pass is stored. The invariant: all
 * blocks of a row come to one workgroup, in order.
 */
#ifndef KERNELS_STREAM_H
#define KERNELS_STREAM_H

#include <seedchip/kernel.h>
#include <seedchip/ops_nn.h>

#define STREAM_TENSORS 5
#define STREAM_RING    4u
#define STREAM_LEAST   512u /* elements of a block that is worth a DMA operation */

enum { STREAM_IN = 0, STREAM_OUT = 1 }; /* DMA channels, and their counters */

/**
 * enum stream_shape - what a block has of a tensor
 * @STREAM_FULL: every element
 * @STREAM_ROW: one row, which is the same for all of dimensions 1 to 3
 * @STREAM_ONE: the element at column and row 0
 * @STREAM_EVERY: an element for so many rows, those that a block begins in the midst of too
 */
enum stream_shape { STREAM_FULL, STREAM_ROW, STREAM_ONE, STREAM_EVERY };

/**
 * struct stream_tensor - one tensor
 * @view: where it lies; a stride of 0 repeats
 * @size: bytes of an element
 * @shape: what a block has of it
 * @halves: a block has the first halves of all its rows, then the second ones; elements of a
 *	    row are dense, and strides of rows below 4 GiB
 * @every: of STREAM_EVERY
 */
struct stream_tensor {
	struct sdo_view view;
	uint32_t size;
	enum stream_shape shape;
	bool halves;
	uint32_t every;
	uint8_t *ring;
	uint32_t slot; /* bytes, 0: loaded once */
};

/**
 * struct stream - what to pass over
 * @n: sizes, innermost first
 * @count: tensors, the last one is written
 * @whole_rows: dimension 0 stays what it is, and is not cut without need
 * @keep_rows: dimension 1 stays what it is
 * @passes: over a row that is cut
 */
struct stream {
	uint64_t n[4];
	struct stream_tensor tensor[STREAM_TENSORS];
	uint32_t count;
	bool whole_rows, keep_rows;
	uint32_t passes;
	uint64_t cols, rows; /* of a block */
	uint64_t col_blocks, row_blocks, blocks;
};

/**
 * struct stream_block - a block in the scratchpad
 * @at: by tensor
 * @rows, @cols: its size
 * @row, @col: its place in dimensions 1 and 0
 * @pass: of a row that is cut
 * @cut: whether its rows are
 */
struct stream_block {
	uint8_t *at[STREAM_TENSORS];
	uint64_t rows, cols, row, col, plane[2];
	uint32_t pass;
	bool cut;
};

SD_INLINE void stream_add(struct stream *s, const struct sdo_view *view, uint32_t type)
{
	s->tensor[s->count].view = *view;
	s->tensor[s->count].shape = STREAM_FULL;
	s->tensor[s->count++].size = sdo_type_bits(type) / 8;
}

/* One element for each index of dimensions 2 and 3. */
SD_INLINE void stream_add_one(struct stream *s, const struct sdo_view *view, uint32_t type)
{
	stream_add(s, view, type);
	s->tensor[s->count - 1].shape = STREAM_ONE;
}

/* A vector of n[0] elements that all rows share. */
SD_INLINE void stream_add_row(struct stream *s, uint64_t address, uint32_t type)
{
	struct stream_tensor *t = &s->tensor[s->count++];

	t->size = sdo_type_bits(type) / 8;
	t->view = (struct sdo_view){ .address = address, .stride = { t->size } };
	t->shape = STREAM_ROW;
}

/* One dense element for each @every rows, and for each index of dimension 2. */
SD_INLINE void stream_add_every(struct stream *s, uint32_t every, uint64_t address, uint32_t type)
{
	uint32_t size = sdo_type_bits(type) / 8;
	struct sdo_view view = { address, { size, 0, s->n[1] / every * size } };

	stream_add(s, &view, type);
	s->tensor[s->count - 1].shape = STREAM_EVERY;
	s->tensor[s->count - 1].every = every;
}

/* Of how many elements of STREAM_EVERY the rows of a block are. */
SD_INLINE uint64_t stream_span(const struct stream_tensor *t, uint64_t row, uint64_t rows)
{
	return (row + rows - 1) / t->every - row / t->every + 1;
}

static bool stream_joins(const struct stream *s, unsigned int low, unsigned int high)
{
	for (unsigned int i = 0; i < s->count; i++) {
		const uint64_t *stride = s->tensor[i].view.stride;

		if (s->tensor[i].shape != STREAM_ROW && stride[high] != s->n[low] * stride[low])
			return false;
	}
	return true;
}

static void stream_move_dim(struct stream *s, unsigned int to, unsigned int from)
{
	s->n[to] = s->n[from];
	for (unsigned int i = 0; i < s->count; i++)
		s->tensor[i].view.stride[to] = s->tensor[i].view.stride[from];
}

/* Dimensions of size 1 vanish, and two become one where all tensors allow it. */
static void stream_join_dims(struct stream *s)
{
	unsigned int first = s->keep_rows ? 2 : s->whole_rows ? 1 : 0, last = first;

	for (unsigned int i = first + 1; i < 4; i++) {
		if (s->n[i] == 1)
			continue;
		if (s->n[last] == 1)
			stream_move_dim(s, last, i);
		else if (stream_joins(s, last, i))
			s->n[last] *= s->n[i];
		else
			stream_move_dim(s, ++last, i);
	}
	while (++last < 4)
		s->n[last] = 1;
}

static uint64_t stream_min(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

/* Cut the work, and the scratchpad, into blocks. */
static void stream_plan(struct stream *s)
{
	uint64_t total = s->n[0] * s->n[1] * s->n[2] * s->n[3], elements;
	uint8_t *at = sd_dynamic();
	uint32_t bytes = 0;

	for (unsigned int i = 0; i < s->count; i++)
		bytes += s->tensor[i].size;
	/* rounding up each slot to 64 bytes takes STREAM_TENSORS * 64 at most */
	elements = (sd_dynamic_size() / STREAM_RING - STREAM_TENSORS * 64) / bytes;
	s->cols = stream_min(s->n[0], elements);
	elements = stream_min(elements, total / sd_grid_x() / STREAM_RING + STREAM_LEAST);
	if (!s->whole_rows)
		s->cols = stream_min(s->cols, elements);
	s->rows = stream_min(s->n[1], elements / s->cols + !(elements / s->cols));
	s->col_blocks = (s->n[0] + s->cols - 1) / s->cols;
	s->row_blocks = (s->n[1] + s->rows - 1) / s->rows;
	if (s->col_blocks == 1)
		s->passes = 1;
	s->blocks = s->row_blocks * s->n[2] * s->n[3] * (s->whole_rows ? 1 : s->col_blocks);
	for (unsigned int i = 0; i < s->count; i++) {
		struct stream_tensor *t = &s->tensor[i];
		uint64_t rows = t->shape == STREAM_FULL ? s->rows : 1;
		uint64_t cols = t->shape == STREAM_ONE ? 1 :
				t->shape == STREAM_EVERY ? s->rows / t->every + 2 : s->cols;
		uint32_t slot = (uint32_t)(rows * cols * t->size + 63) & ~63u;

		t->ring = at;
		t->slot = t->shape == STREAM_ROW && s->col_blocks == 1 ? 0 : slot;
		at += t->slot ? STREAM_RING * slot : slot;
	}
}

/* Where step @k of this workgroup lies: which block, and of a cut row which part and pass. */
static struct stream_block stream_block(const struct stream *s, uint64_t k)
{
	uint64_t steps = s->whole_rows ? s->col_blocks * s->passes : 1;
	uint64_t step = k % steps, i = sd_wg_x() + k / steps * sd_grid_x();
	struct stream_block b = { .cut = s->whole_rows && s->col_blocks > 1 };

	if (!s->whole_rows) {
		b.col = i % s->col_blocks * s->cols;
		i /= s->col_blocks;
	} else {
		b.col = step % s->col_blocks * s->cols;
		b.pass = (uint32_t)(step / s->col_blocks);
	}
	b.row = i % s->row_blocks * s->rows;
	i /= s->row_blocks;
	b.plane[0] = i % s->n[2];
	b.plane[1] = i / s->n[2];
	b.cols = stream_min(s->cols, s->n[0] - b.col);
	b.rows = stream_min(s->rows, s->n[1] - b.row);
	for (unsigned int t = 0; t < s->count; t++)
		b.at[t] = s->tensor[t].ring + k % STREAM_RING * s->tensor[t].slot;
	return b;
}

/* Move rows x cols elements between the scratchpad, where they are dense, and a tensor. */
static void stream_move(const struct stream_tensor *t, const struct stream_block *b, uint8_t *tcm,
			bool out)
{
	const uint64_t *stride = t->view.stride;
	uint64_t far = t->view.address + b->col * stride[0] + b->row * stride[1] +
		       b->plane[0] * stride[2] + b->plane[1] * stride[3];
	uint32_t rows = t->shape == STREAM_FULL ? (uint32_t)b->rows : 1;
	uint32_t cols = t->shape == STREAM_ONE ? 1 :
			t->shape == STREAM_EVERY ? (uint32_t)stream_span(t, b->row, b->rows) :
			(uint32_t)b->cols, row = cols * t->size;
	uint32_t group = stride[1] <= UINT32_MAX ? rows : 1; /* rows of an operation */
	struct sc_dma d = { .kind = SC_DMA_COPY, .size0 = row, .size1 = group, .size2 = 1 };
	uint32_t *near_stride = out ? d.src_stride : d.dst_stride;
	uint32_t *far_stride = out ? d.dst_stride : d.src_stride;
	uint32_t parts = 1, step = row; /* of a row */

	if (t->shape == STREAM_EVERY)
		far += b->row / t->every * t->size;
	near_stride[0] = row;
	far_stride[0] = (uint32_t)stride[1];
	if (stride[0] != t->size && cols > 1) {
		parts = stride[0] <= UINT32_MAX ? 1 : cols;
		step = row / parts;
		d.size0 = t->size;
		d.size1 = step / t->size;
		d.size2 = group;
		near_stride[0] = t->size;
		near_stride[1] = row;
		far_stride[0] = (uint32_t)stride[0];
		far_stride[1] = (uint32_t)stride[1];
	} else if (t->halves) {
		d.size0 = row / 2;
		d.size1 = 2;
		d.size2 = rows;
		near_stride[0] = rows * row / 2;
		near_stride[1] = row / 2;
		far_stride[0] = row / 2;
		far_stride[1] = (uint32_t)stride[1];
	}
	for (uint32_t r = 0; r < rows; r += group) {
		for (uint32_t p = 0; p < parts; p++) {
			uint64_t here = (uintptr_t)tcm + r * row + p * step;
			uint64_t there = far + r * stride[1] + p * stride[0];

			d.src = out ? here : there;
			d.dst = out ? there : here;
			sdd_go(out ? STREAM_OUT : STREAM_IN, &d);
		}
	}
}

static void stream_load(const struct stream *s, uint64_t k)
{
	struct stream_block b = stream_block(s, k);

	for (unsigned int t = 0; t + 1 < s->count; t++)
		if (s->tensor[t].slot || !k)
			stream_move(&s->tensor[t], &b, b.at[t], false);
	sd_post(SC_EQ_DMA0 + STREAM_IN, STREAM_IN);
}

/**
 * stream_run() - pass over all of it
 * @s: n, tensors and flags; the rest is set here
 * @compute: reads the inputs of a block, writes its output if the pass is the last
 * @context: for @compute
 */
SD_INLINE void stream_run(struct stream *s,
			  void (*compute)(void *context, const struct stream_block *b),
			  void *context)
{
	const uint64_t ahead = STREAM_RING - 1;
	uint64_t steps, mine, stored = 0;

	if (!s->n[0] || !s->n[1] || !s->n[2] || !s->n[3])
		return;
	stream_join_dims(s);
	stream_plan(s);
	mine = sd_wg_x() < s->blocks ? (s->blocks - sd_wg_x() - 1) / sd_grid_x() + 1 : 0;
	steps = mine * (s->whole_rows ? s->col_blocks * s->passes : 1);
	for (uint64_t k = 0; k < steps + ahead; k++) {
		if (k < steps)
			stream_load(s, k);
		if (k < ahead || k - ahead >= steps)
			continue;

		struct stream_block b = stream_block(s, k - ahead);
		struct stream_tensor *out = &s->tensor[s->count - 1];

		sd_await(STREAM_IN, (uint32_t)(k - ahead + 1));
		/* slots are used by turns, also by passes that store nothing */
		if (stored >= STREAM_RING)
			sd_await(STREAM_OUT, (uint32_t)(stored - STREAM_RING + 1));
		b.at[s->count - 1] = out->ring + stored % STREAM_RING * out->slot;
		compute(context, &b);
		if (b.pass + 1 < s->passes)
			continue;
		stream_move(out, &b, b.at[s->count - 1], true);
		sd_post(SC_EQ_DMA0 + STREAM_OUT, STREAM_OUT);
		stored++;
	}
}

#endif /* KERNELS_STREAM_H */
