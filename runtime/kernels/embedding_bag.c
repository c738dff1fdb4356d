// SPDX-License-Identifier: MIT
/*
 * embedding_bag: sums, means or maxima of rows of a table (struct sdo_embedding_bag).
 *
 * A workgroup has a range of bags (grid x) and a piece of every row (grid y). It
 * takes its bags in blocks. The rows of a block are one list, whatever bags they
 * belong to: DMA gathers it in batches of equal size, which the hart makes f32
 * as a whole, and adds up the runs of rows of a batch that belong to one bag.
 *
 * The invariant: batch k, counted over all blocks, uses in[k % RING], which is
 * gathered into only after the hart has consumed batch k - RING.
 */
#include <seedchip/ops_data.h>

#include "rows.h"

#define RING 3
#define AHEAD 2
#define BLOCK 2048 /* bags */

enum channel { DMA_IN, DMA_OUT, DMA_INDEX, DMA_SIDE };
enum counter { C_IN, C_OUT, C_INDEX, C_OFFSET, C_FACTOR };

/*
 * @col, @n: the piece of each row; @batch: rows of a full batch; @batches: batches
 * gathered so far. The list of the block begins at @first of the index and has
 * @count rows. @bag is the bag being added up, @open that it has had a row.
 * Results wait in out[@puts % 2], which has @room rows and holds @held.
 */
struct work {
	const struct sdo_embedding_bag *args;
	uint32_t col;
	uint32_t n;
	uint32_t es;
	uint32_t dst_size;
	uint32_t batch;
	uint32_t batches;
	uint32_t first;
	uint32_t count;
	uint32_t bag;
	bool open;
	uint32_t room;
	uint32_t held;
	uint32_t puts;
	struct rows rows;
	uint8_t *in;
	uint8_t *out;
	float *sum;
	float *factor; /* RING x ROWS_BLOCK: scales of the table; ones, if there are no factors */
	float *weight; /* the same: weights */
	uint32_t *offset; /* of the block's bags, and the end */
};

/* Batch @k of the block's list. */
static void load(struct work *w, uint32_t k)
{
	const struct sdo_embedding_bag *a = w->args;
	uint32_t rows = min_u32(w->batch, w->count - k * w->batch), slot = w->batches % RING;
	const uint32_t *index = rows_at(&w->rows, (uint64_t)k * w->batch, w->batches);

	/* a gather takes its time for each row: factors come by another channel */
	if (a->scale)
		rows_gather(DMA_SIDE, w->factor + slot * ROWS_BLOCK, a->scale, a->scale_stride, 4,
			    index, rows, a->rows);
	if (a->weight)
		sd_dma_1d(DMA_SIDE, w->weight + slot * ROWS_BLOCK,
			  (const void *)(a->weight + ((uint64_t)w->first + k * w->batch) * 4),
			  rows * 4);
	sd_post(DMA_SIDE, C_FACTOR);
	rows_gather(DMA_IN, w->in + slot * SDO_ROWS_PIECE * 4,
		    a->table + (uint64_t)w->col * w->es, a->table_stride, w->n * w->es, index,
		    rows, a->rows);
	sd_hold(DMA_IN, C_FACTOR, ++w->batches);
	sd_post(DMA_IN, C_IN);
}

/* The factors of a batch's rows. */
static const float *factors(const struct work *w, uint32_t slot, uint32_t rows)
{
	float *f = w->factor + slot * ROWS_BLOCK;
	const float *weight = w->weight + slot * ROWS_BLOCK;

	if (!w->args->scale)
		return w->args->weight ? weight : w->factor;
	for (uint32_t i = 0, vl; i < rows && w->args->weight; i += vl) {
		vfloat32m8_t v;

		vl = __riscv_vsetvl_e32m8(rows - i);
		v = __riscv_vle32_v_f32m8(f + i, vl);
		v = __riscv_vfmul_vv_f32m8(v, __riscv_vle32_v_f32m8(weight + i, vl), vl);
		__riscv_vse32_v_f32m8(f + i, v, vl);
	}
	return f;
}

/* Elements become f32 in their place, from the last to the first. */
static void widen(uint8_t type, uint8_t *p, uint32_t count)
{
	uint32_t es = sd_format_bits(type) / 8, most = __riscv_vsetvlmax_e32m8();

	for (uint32_t vl; count; count -= vl) {
		uint32_t at = (count - 1) / most * most;

		vl = count - at;
		__riscv_vse32_v_f32m8((void *)(p + at * 4), load_f32(type, p + at * es, vl), vl);
	}
}

/* How rows become a sum: with factors, with none, or as a maximum. */
enum way { FMA, ADD, MAX };

/* Take rows into the sum of the open bag, or of a new one. */
SD_INLINE void take(struct work *w, const float *row, uint32_t rows, const float *factor,
		    enum way way)
{
	const uint32_t n = w->n;

	for (uint32_t i = 0, vl; i < n; i += vl) {
		const float *p = row + i, *f = factor, *end = factor + rows;
		vfloat32m4_t sum;

		vl = __riscv_vsetvl_e32m4(n - i);
		if (w->open) {
			sum = __riscv_vle32_v_f32m4(w->sum + i, vl);
		} else if (way == MAX) {
			sum = __riscv_vfmul_vf_f32m4(__riscv_vle32_v_f32m4(p, vl), *f++, vl);
			p += n;
		} else {
			sum = __riscv_vfmv_v_f_f32m4(0, vl);
		}
#pragma clang loop unroll_count(4)
		for (; f < end; f++, p += n) {
			vfloat32m4_t v = __riscv_vle32_v_f32m4(p, vl);

			if (way == ADD) {
				sum = __riscv_vfadd_vv_f32m4(sum, v, vl);
			} else if (way == FMA) {
				sum = __riscv_vfmacc_vf_f32m4(sum, *f, v, vl);
			} else {
				v = __riscv_vfmul_vf_f32m4(v, *f, vl);
				sum = __riscv_vfmax_vv_f32m4(sum, v, vl);
			}
		}
		__riscv_vse32_v_f32m4(w->sum + i, sum, vl);
	}
	w->open = true;
}

static void take_run(struct work *w, const float *row, uint32_t rows, const float *factor)
{
	if (w->args->mode == SDO_BAG_MAX)
		take(w, row, rows, factor, MAX);
	else if (w->args->scale || w->args->weight)
		take(w, row, rows, factor, FMA);
	else
		take(w, row, rows, factor, ADD);
}

/* Write the results that wait. The next one to wait is that of bag @next. */
static void put(struct work *w, uint32_t next)
{
	const struct sdo_embedding_bag *a = w->args;

	if (!w->held)
		return;
	dma_tile(DMA_OUT, w->out + w->puts % 2 * SDO_ROWS_PIECE * 4,
		 a->dst + (uint64_t)(next - w->held) * a->dst_stride + w->col * w->dst_size, false,
		 w->dst_size, (struct axis){ w->dst_size, w->n },
		 (struct axis){ a->dst_stride, w->held });
	sd_post(DMA_OUT, C_OUT);
	w->held = 0;
	if (++w->puts >= 2)
		sd_await(C_OUT, w->puts - 1);
}

/* The bag is complete and had so many rows. */
static void close(struct work *w, uint32_t rows)
{
	uint8_t *to = w->out + w->puts % 2 * SDO_ROWS_PIECE * 4 + w->held * w->n * w->dst_size;

	for (uint32_t i = 0, vl; i < w->n; i += vl) {
		vfloat32m8_t v;

		vl = __riscv_vsetvl_e32m8(w->n - i);
		v = __riscv_vfmv_v_f_f32m8(0, vl);
		if (w->open)
			v = __riscv_vle32_v_f32m8(w->sum + i, vl);
		if (w->open && w->args->mode == SDO_BAG_MEAN)
			v = __riscv_vfdiv_vf_f32m8(v, rows, vl);
		store_f32(w->args->dst_type, to + i * w->dst_size, v, vl);
	}
	w->open = false;
	w->bag++;
	if (++w->held == w->room)
		put(w, w->bag);
}

/* Consume batch @k of the list, for bags from @base on. */
static void finish(struct work *w, uint32_t k, uint32_t batch, uint32_t base)
{
	uint32_t at = k * w->batch, end = at + min_u32(w->batch, w->count - at), begin = at;
	uint32_t slot = batch % RING;
	uint8_t *in = w->in + slot * SDO_ROWS_PIECE * 4;
	const float *factor, *row = (const void *)in;

	sd_await(C_IN, batch + 1);
	factor = factors(w, slot, end - at);
	if (w->args->type != SC_FMT_F32)
		widen(w->args->type, in, (end - at) * w->n);
	while (at < end) {
		const uint32_t *bag = w->offset + w->bag - base;
		uint32_t stop = min_u32(end, bag[1] - w->first);

		if (at < stop)
			take_run(w, row + (at - begin) * w->n, stop - at, factor + at - begin);
		at = stop;
		if (at == bag[1] - w->first)
			close(w, bag[1] - bag[0]);
	}
}

/* Offsets of bags from @base on, and where the last of them ends. */
static void load_offsets(struct work *w, uint32_t base, uint32_t bags, uint32_t blocks)
{
	static SD_TCM uint64_t raw[BLOCK + 1];
	const struct sdo_embedding_bag *a = w->args;
	uint32_t known = min_u32(bags + 1, a->bags - base);

	sd_dma_1d(DMA_SIDE, raw, (const void *)(a->offset + (uint64_t)base * a->index_size),
		  known * a->index_size);
	sd_post(DMA_SIDE, C_OFFSET);
	sd_await(C_OFFSET, blocks);
	for (uint32_t i = 0; i <= bags; i++) {
		uint64_t v = a->index_size == 8 ? raw[i] : ((uint32_t *)raw)[i];

		v = i < known ? v : a->count;
		sd_assert(v <= a->count && (!i || v >= w->offset[i - 1])); /* ascending offsets */
		w->offset[i] = v;
	}
}

static void run_block(struct work *w, uint32_t base, uint32_t bags)
{
	const struct sdo_embedding_bag *a = w->args;
	uint32_t batches, before = w->batches;

	w->bag = base;
	w->first = w->offset[0];
	w->count = w->offset[bags] - w->first;
	w->rows.from = a->index + (uint64_t)w->first * a->index_size;
	w->rows.count = w->count;
	rows_start(&w->rows);
	batches = div_up(w->count, w->batch);
	for (uint32_t k = 0; k < batches + AHEAD; k++) {
		if (k < batches)
			load(w, k);
		if (k >= AHEAD && k - AHEAD < batches)
			finish(w, k - AHEAD, before + k - AHEAD, base);
	}
	while (w->bag < base + bags)
		close(w, 0);
}

SD_KERNEL(embedding_bag, struct sdo_embedding_bag)
{
	static SD_TCM uint8_t raw[2 * ROWS_BLOCK * 8];
	static SD_TCM uint32_t index[2 * ROWS_BLOCK], offset[BLOCK + 1];
	static SD_TCM float factor[RING * ROWS_BLOCK], weight[RING * ROWS_BLOCK];
	static SD_TCM float sum[SDO_BAG_COLUMNS];
	uint32_t share = div_up(args->bags, sd_grid_x()), columns = div_up(args->n, sd_grid_y());
	uint32_t base = sd_wg_x() * share, end = min_u32(base + share, args->bags), blocks = 0;
	struct work w = {
		.args = args, .col = sd_wg_y() * columns, .es = sd_format_bits(args->type) / 8,
		.dst_size = sd_format_bits(args->dst_type) / 8, .in = sd_dynamic(),
		.out = (uint8_t *)sd_dynamic() + RING * SDO_ROWS_PIECE * 4, .sum = sum,
		.factor = factor, .weight = weight, .offset = offset,
		.rows = { .size = args->index_size, .channel = DMA_INDEX, .arrived = C_INDEX,
			  .done = C_IN, .raw = raw, .index = index },
	};

	if (w.col >= args->n)
		return;
	w.n = min_u32(columns, args->n - w.col);
	w.batch = sdo_rows_batch(w.n);
	w.room = SDO_ROWS_PIECE / w.n;
	if (!args->scale && !args->weight)
		for (uint32_t i = 0; i < w.batch; i++)
			factor[i] = 1;
	for (; base < end; base += BLOCK) {
		uint32_t bags = min_u32(BLOCK, end - base);

		load_offsets(&w, base, bags, ++blocks);
		run_block(&w, base, bags);
		put(&w, w.bag);
	}
}
