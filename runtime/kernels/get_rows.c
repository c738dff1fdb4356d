// SPDX-License-Identifier: MIT
/*
 * get_rows: rows of a table by number, converted (struct sdo_get_rows).
 *
 * A workgroup has a range of the list of numbers (grid x) and a piece of every
 * row (grid y). DMA gathers a batch of rows while the hart converts the one
 * before; rows that need no conversion pass from DMA to DMA.
 *
 * The invariant: batch k lies at rows_in(k), which is gathered into when the
 * batch before there has been consumed (by the hart, or by its write).
 */
#include <seedchip/ops_data.h>

#include "rows.h"

enum channel { DMA_IN, DMA_OUT, DMA_INDEX };
enum counter { C_IN, C_OUT, C_INDEX };

struct work {
	const struct sdo_get_rows *args;
	struct rows_part part;
	uint32_t src_bits;
	uint32_t dst_size;
	bool hart;
	struct rows rows;
	uint8_t *scale; /* ROWS_RING pieces of scales */
	uint32_t scale_bytes; /* of a row's piece */
	uint32_t scale_off;
};

static uint8_t *scale_buffer(const struct work *w, uint32_t k)
{
	return w->scale + k % ROWS_RING * SDO_ROWS_SCALES;
}

static void load(struct work *w, uint32_t k)
{
	const struct sdo_get_rows *a = w->args;
	uint32_t rows = rows_in_batch(&w->part, k);
	const uint32_t *index = rows_at(&w->rows, (uint64_t)k * w->part.batch, k);

	if (!w->hart && k >= ROWS_RING)
		sd_hold(DMA_IN, C_OUT, k - ROWS_RING + 1);
	if (w->scale_bytes)
		rows_gather(DMA_IN, scale_buffer(w, k), a->scale + w->scale_off, a->scale_stride,
			    w->scale_bytes, index, rows, a->rows);
	rows_gather(DMA_IN, rows_in(k), a->table + (uint64_t)w->part.col * w->src_bits / 8,
		    a->table_stride, (w->part.n * w->src_bits + 7) / 8, index, rows, a->rows);
	sd_post(DMA_IN, C_IN);
}

/* Codes of 4 bits, low nibble first, through the codebook. */
static vfloat32m8_t load_i4(const struct work *w, const uint8_t *p, size_t vl)
{
	size_t pairs = (vl + 1) / 2;
	vint8m2_t book = __riscv_vle8_v_i8m2(w->args->codebook, 16), value;
	vuint16m2_t v = __riscv_vzext_vf2_u16m2(__riscv_vle8_v_u8m1(p, pairs), pairs);
	vuint16m2_t high = __riscv_vsll_vx_u16m2(__riscv_vsrl_vx_u16m2(v, 4, pairs), 8, pairs);

	v = __riscv_vor_vv_u16m2(__riscv_vand_vx_u16m2(v, 15, pairs), high, pairs);
	value = __riscv_vrgather_vv_i8m2(book, __riscv_vreinterpret_v_u16m2_u8m2(v), vl);
	return __riscv_vfwcvt_f_f_v_f32m8(__riscv_vfwcvt_f_x_v_f16m4(value, vl), vl);
}

/* f16 scales of groups, one for each of the elements from @i on. */
static vfloat32m8_t load_scales(const uint8_t *scales, uint32_t group, uint32_t i, size_t vl)
{
	vuint16m4_t at = __riscv_vadd_vx_u16m4(__riscv_vid_v_u16m4(vl), i, vl);
	vfloat16m4_t half;

	at = __riscv_vsll_vx_u16m4(__riscv_vsrl_vx_u16m4(at, __builtin_ctz(group), vl), 1, vl);
	half = __riscv_vluxei16_v_f16m4((const void *)scales, at, vl);
	return __riscv_vfwcvt_f_f_v_f32m8(half, vl);
}

static void convert_row(const struct work *w, uint8_t *dst, const uint8_t *src,
			const uint8_t *scales)
{
	const struct sdo_get_rows *a = w->args;
	float factor;

	memcpy(&factor, scales, sizeof(factor));
	for (uint32_t i = 0, vl; i < w->part.n; i += vl) {
		vfloat32m8_t v;

		vl = __riscv_vsetvl_e32m8(w->part.n - i);
		if (a->type == SC_FMT_I4) {
			v = load_i4(w, src + i / 2, vl);
			v = __riscv_vfmul_vv_f32m8(v, load_scales(scales, a->group, i, vl), vl);
		} else {
			v = load_f32(a->type, src + i * (w->src_bits / 8), vl);
			if (w->scale_bytes)
				v = __riscv_vfmul_vf_f32m8(v, factor, vl);
		}
		store_f32(a->dst_type, dst + i * w->dst_size, v, vl);
	}
}

static void finish(struct work *w, uint32_t k)
{
	const struct sdo_get_rows *a = w->args;
	uint32_t rows = rows_in_batch(&w->part, k);
	uint32_t row_bytes = w->part.n * w->dst_size, src_bytes = (w->part.n * w->src_bits + 7) / 8;
	uint64_t to = a->dst + (w->part.first + k * w->part.batch) * a->dst_stride +
		      (uint64_t)w->part.col * w->dst_size;
	uint8_t *in = rows_in(k), *out = in;

	if (w->hart) {
		out = rows_out(k);
		sd_await(C_IN, k + 1);
		if (k >= 2)
			sd_await(C_OUT, k - 1);
		for (uint32_t r = 0; r < rows; r++)
			convert_row(w, out + r * row_bytes, in + r * src_bytes,
				    scale_buffer(w, k) + r * w->scale_bytes);
	} else {
		sd_hold(DMA_OUT, C_IN, k + 1);
	}
	dma_tile(DMA_OUT, out, to, false, w->dst_size, (struct axis){ w->dst_size, w->part.n },
		 (struct axis){ a->dst_stride, rows });
	sd_post(DMA_OUT, C_OUT);
}

static void set_scales(struct work *w)
{
	const struct sdo_get_rows *a = w->args;

	if (a->type == SC_FMT_I4) {
		w->scale_off = w->part.col / a->group * 2;
		w->scale_bytes = div_up(w->part.n, a->group) * 2;
	} else if (a->scale) {
		w->scale_bytes = 4;
	}
}

SD_KERNEL(get_rows, struct sdo_get_rows)
{
	static SD_TCM uint8_t scale[ROWS_RING * SDO_ROWS_SCALES];
	struct work w = {
		.args = args,
		.part = rows_part(args->count, args->n),
		.src_bits = sd_format_bits(args->type),
		.dst_size = sd_format_bits(args->dst_type) / 8,
		.scale = scale,
	};

	if (!w.part.batches)
		return;
	set_scales(&w);
	w.hart = args->type != args->dst_type || w.scale_bytes;
	w.rows = rows_open(&w.part, args->index, args->index_size, DMA_INDEX, C_INDEX, C_IN);
	for (uint32_t k = 0; k < w.part.batches + ROWS_AHEAD; k++) {
		if (k < w.part.batches)
			load(&w, k);
		if (k >= ROWS_AHEAD)
			finish(&w, k - ROWS_AHEAD);
	}
}
