// SPDX-License-Identifier: MIT
/*
 * set_rows: rows to places of a table given by number (struct sdo_set_rows).
 *
 * The reverse of get_rows, cut in the same way: DMA reads a batch of rows, the
 * hart converts it if it must, and DMA scatters it.
 *
 * The invariant: batch k uses in[k % RING], which is read into when the batch
 * before there has been consumed (by the hart, or by its scatter).
 */
#include <seedchip/ops_data.h>

#include "rows.h"

#define RING 3
#define AHEAD 2

enum channel { DMA_IN, DMA_OUT, DMA_INDEX };
enum counter { C_IN, C_OUT, C_INDEX };

/* Sizes in elements: a row's piece begins at @col and has @n. */
struct work {
	const struct sdo_set_rows *args;
	uint64_t first;
	uint32_t count;
	uint32_t col;
	uint32_t n;
	uint32_t batch;
	uint32_t src_size;
	uint32_t dst_size;
	bool hart;
	struct rows rows;
	uint8_t *in;
	uint8_t *out;
};

static void load(const struct work *w, uint32_t k)
{
	const struct sdo_set_rows *a = w->args;
	uint64_t row = (uint64_t)k * w->batch;

	if (!w->hart && k >= RING)
		sd_hold(DMA_IN, C_OUT, k - RING + 1);
	dma_tile(DMA_IN, w->in + k % RING * SDO_ROWS_PIECE * 4,
		 a->src + (w->first + row) * a->src_stride + (uint64_t)w->col * w->src_size, true,
		 w->src_size, (struct axis){ w->src_size, w->n },
		 (struct axis){ a->src_stride, min_u32(w->batch, w->count - row) });
	sd_post(DMA_IN, C_IN);
}

static void scatter(struct work *w, uint32_t k, const uint8_t *from, uint32_t rows)
{
	const struct sdo_set_rows *a = w->args;
	struct sc_dma d = {
		.kind = SC_DMA_SCATTER, .size0 = w->n * w->dst_size, .size1 = rows, .size2 = 1,
		.src = (uintptr_t)from, .dst = a->table + (uint64_t)w->col * w->dst_size,
		.src_stride = { w->n * w->dst_size }, .dst_stride = { a->table_stride },
		.index = sd_tcm_offset(rows_at(&w->rows, (uint64_t)k * w->batch, k)),
		.limit = a->rows,
	};

	sdd_go(DMA_OUT, &d);
	sd_post(DMA_OUT, C_OUT);
}

static void finish(struct work *w, uint32_t k)
{
	const struct sdo_set_rows *a = w->args;
	uint32_t rows = min_u32(w->batch, w->count - k * w->batch);
	uint8_t *in = w->in + k % RING * SDO_ROWS_PIECE * 4, *out = in;

	if (w->hart) {
		out = w->out + k % 2 * SDO_ROWS_PIECE * 4;
		sd_await(C_IN, k + 1);
		if (k >= 2)
			sd_await(C_OUT, k - 1);
		for (uint32_t i = 0, n = rows * w->n, vl; i < n; i += vl) {
			vl = __riscv_vsetvl_e32m8(n - i);
			store_f32(a->type, out + i * w->dst_size,
				  load_f32(a->src_type, in + i * w->src_size, vl), vl);
		}
	} else {
		sd_hold(DMA_OUT, C_IN, k + 1);
	}
	scatter(w, k, out, rows);
}

SD_KERNEL(set_rows, struct sdo_set_rows)
{
	static SD_TCM uint8_t raw[2 * ROWS_BLOCK * 8];
	static SD_TCM uint32_t index[2 * ROWS_BLOCK];
	uint32_t share = sdo_rows_share(args->count, sd_grid_x()), batches;
	struct work w = {
		.args = args,
		.first = (uint64_t)sd_wg_x() * share,
		.col = sd_wg_y() * SDO_ROWS_COLUMNS,
		.src_size = sd_format_bits(args->src_type) / 8,
		.dst_size = sd_format_bits(args->type) / 8,
		.hart = args->src_type != args->type,
		.in = sd_dynamic(),
	};

	if (w.first >= args->count)
		return;
	w.count = min_u32(share, args->count - w.first);
	w.n = min_u32(SDO_ROWS_COLUMNS, args->n - w.col);
	w.batch = sdo_rows_batch(w.n);
	w.out = w.in + RING * SDO_ROWS_PIECE * 4;
	w.rows = (struct rows){
		.from = args->index + w.first * args->index_size, .count = w.count,
		.size = args->index_size, .channel = DMA_INDEX, .arrived = C_INDEX, .done = C_OUT,
		.raw = raw, .index = index,
	};
	rows_start(&w.rows);
	batches = div_up(w.count, w.batch);
	for (uint32_t k = 0; k < batches + AHEAD; k++) {
		if (k < batches)
			load(&w, k);
		if (k >= AHEAD)
			finish(&w, k - AHEAD);
	}
}
