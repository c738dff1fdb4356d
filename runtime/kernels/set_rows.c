// SPDX-License-Identifier: MIT
/*
 * set_rows: rows to places of a table given by number (struct sdo_set_rows).
 *
 * The reverse of get_rows, cut in the same way: DMA reads a batch of rows, the
 * hart converts it if it must, and DMA scatters it.
 *
 * The invariant: batch k lies at rows_in(k), which is read into when the batch
 * before there has been consumed (by the hart, or by its scatter).
 */
#include <seedchip/ops_data.h>

#include "rows.h"

enum channel { DMA_IN, DMA_OUT, DMA_INDEX };
enum counter { C_IN, C_OUT, C_INDEX };

struct work {
	const struct sdo_set_rows *args;
	struct rows_part part;
	uint32_t src_size;
	uint32_t dst_size;
	bool hart;
	struct rows rows;
};

static void load(const struct work *w, uint32_t k)
{
	const struct sdo_set_rows *a = w->args;
	uint64_t row = w->part.first + (uint64_t)k * w->part.batch;

	if (!w->hart && k >= ROWS_RING)
		sd_hold(DMA_IN, C_OUT, k - ROWS_RING + 1);
	dma_tile(DMA_IN, rows_in(k),
		 a->src + row * a->src_stride + (uint64_t)w->part.col * w->src_size, true,
		 w->src_size, (struct axis){ w->src_size, w->part.n },
		 (struct axis){ a->src_stride, rows_in_batch(&w->part, k) });
	sd_post(DMA_IN, C_IN);
}

static void scatter(struct work *w, uint32_t k, const uint8_t *from, uint32_t rows)
{
	const struct sdo_set_rows *a = w->args;
	struct sc_dma d = {
		.kind = SC_DMA_SCATTER, .size0 = w->part.n * w->dst_size, .size1 = rows, .size2 = 1,
		.src = (uintptr_t)from, .dst = a->table + (uint64_t)w->part.col * w->dst_size,
		.src_stride = { w->part.n * w->dst_size }, .dst_stride = { a->table_stride },
		.index = sd_tcm_offset(rows_at(&w->rows, (uint64_t)k * w->part.batch, k)),
		.limit = a->rows,
	};

	sdd_go(DMA_OUT, &d);
	sd_post(DMA_OUT, C_OUT);
}

static void finish(struct work *w, uint32_t k)
{
	const struct sdo_set_rows *a = w->args;
	uint32_t rows = rows_in_batch(&w->part, k);
	uint8_t *in = rows_in(k), *out = in;

	if (w->hart) {
		out = rows_out(k);
		sd_await(C_IN, k + 1);
		if (k >= 2)
			sd_await(C_OUT, k - 1);
		for (uint32_t i = 0, n = rows * w->part.n, vl; i < n; i += vl) {
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
	struct work w = {
		.args = args,
		.part = rows_part(args->count, args->n),
		.src_size = sd_format_bits(args->src_type) / 8,
		.dst_size = sd_format_bits(args->type) / 8,
		.hart = args->src_type != args->type,
	};

	if (!w.part.batches)
		return;
	w.rows = rows_open(&w.part, args->index, args->index_size, DMA_INDEX, C_INDEX, C_OUT);
	for (uint32_t k = 0; k < w.part.batches + ROWS_AHEAD; k++) {
		if (k < w.part.batches)
			load(&w, k);
		if (k >= ROWS_AHEAD)
			finish(&w, k - ROWS_AHEAD);
	}
}
