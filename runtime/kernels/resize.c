// SPDX-License-Identifier: MIT
/*
 * resize: images to another size, nearest or bilinear (struct sdo_resize).
 *
 * A block is some rows and columns of the output, of some channels. DMA lays the
 * input of its rows side by side, [pixel][row][channel]: what belongs to a pixel is
 * one vector, with the same neighbours and horizontal weights. Bilinear has two
 * such arrays, of the upper and of the lower neighbours. Span by span, it mixes them,
 * with weights that repeat from pixel to pixel, and then neighbouring pixels of the
 * mixture. The next block is asked for bit by bit meanwhile, as the queue of a
 * channel is short.
 *
 * The invariant: the input of the workgroup's block number k lies in slot k % 2,
 * and span number n of all goes to stage n % 2.
 */
#include <seedchip/ops_vision.h>

#include "data.h"

#define LANES 1024 /* elements of a table of vertical weights */
#define ASK   8	   /* operations for which the queue has room */

enum channel { DMA_IN, DMA_OUT };
enum counter { C_IN, C_OUT };

/*
 * Where outputs look on an axis: the input @at and the one after it, @part of the way. For
 * columns @at is that of the block, for rows that of the image.
 */
struct places {
	uint32_t *at;
	float *part;
};

/* @first: leftmost column of @width that it needs. */
struct block {
	uint32_t image, c, cc, oy, ox, th, tw;
	uint32_t first, width;
};

/*
 * @arrays: of input, 2 for bilinear. @cc, @tw, @th: of a block. @next is being loaded, to
 * @slot; @asked: rows of its arrays that were asked for. @column: those from @ox on. @row: by
 * slot. @puts counts spans.
 */
struct work {
	const struct sdo_resize *args;
	uint32_t es, arrays;
	uint32_t cc, tw, th;
	uint32_t chunks, columns, rows;
	struct block next;
	uint32_t slot, asked[2];
	uint32_t array; /* bytes of one */
	uint32_t span;	/* pixels of output */
	uint8_t *in;
	uint8_t *out;
	float *mixed;
	uint32_t ox;
	uint32_t puts;
	struct places column;
	struct places row[2];
};

static SD_TCM float lower[LANES], upper[LANES]; /* weights of lanes */

/* ---- places and blocks ---- */

/* Places of outputs @o to @o + @n on an axis of @in inputs and @out outputs. */
static void find_places(const struct sdo_resize *a, uint32_t in, uint32_t out, uint32_t o,
			uint32_t n, struct places to)
{
	bool corners = a->coordinates == SDO_RESIZE_ALIGN_CORNERS;
	bool centres = a->coordinates == SDO_RESIZE_HALF_PIXEL;
	bool nearest = a->mode == SDO_RESIZE_NEAREST;
	uint32_t last = in - 1, i, vl;
	float scale, before = centres ? 0.5f : 0, after = 0;

	if (corners)
		scale = out > 1 ? (float)last / (out - 1) : 0;
	else
		scale = (float)in / out;
	if (corners && nearest)
		after = 0.5f;
	if (centres && !nearest)
		after = -0.5f;
	for (i = 0; i < n; i += vl) {
		vuint32m4_t at;
		vfloat32m4_t x;

		vl = __riscv_vsetvl_e32m4(n - i);
		at = __riscv_vadd_vx_u32m4(__riscv_vid_v_u32m4(vl), o + i, vl);
		x = __riscv_vfadd_vf_f32m4(__riscv_vfcvt_f_xu_v_f32m4(at, vl), before, vl);
		x = __riscv_vfadd_vf_f32m4(__riscv_vfmul_vf_f32m4(x, scale, vl), after, vl);
		x = __riscv_vfmax_vf_f32m4(x, 0, vl);
		at = __riscv_vminu_vx_u32m4(__riscv_vfcvt_rtz_xu_f_v_u32m4(x, vl), last, vl);
		x = __riscv_vfsub_vv_f32m4(x, __riscv_vfcvt_f_xu_v_f32m4(at, vl), vl);
		__riscv_vse32_v_u32m4(to.at + i, at, vl);
		__riscv_vse32_v_f32m4(to.part + i, x, vl);
	}
}

static void find_columns(const struct sdo_resize *a, uint32_t ox, uint32_t n, struct places to)
{
	find_places(a, a->w, a->ow, ox, n, to);
}

static uint32_t column_of(const struct sdo_resize *a, uint32_t ox)
{
	float part;
	uint32_t at;

	find_columns(a, ox, 1, (struct places){ &at, &part });
	return at;
}

/* Pixels of input that @tw pixels of output need at most; places are rounded. */
static uint32_t input_width(const struct sdo_resize *a, uint32_t tw)
{
	return tw == 1 ? 2 : min_u32((uint64_t)tw * a->w / a->ow + 4, a->w);
}

/* Sizes for blocks of @th x @tw; false: they do not fit. */
static bool fits(struct work *w)
{
	const struct sdo_resize *a = w->args;
	uint64_t pixel = w->th * w->cc, array = input_width(a, w->tw) * pixel * w->es;

	array = (array + 63) & ~63ull;
	w->array = array;
	/* the mixture may end with a pixel twice */
	w->span = w->tw;
	while (w->span > 1 && ((input_width(a, w->span) + 1) * pixel * 4 > SDO_RESIZE_MIXED ||
			       w->span * pixel * w->es > SDO_RESIZE_STAGE))
		w->span = (w->span + 1) / 2;
	w->columns = div_up(a->ow, w->tw);
	w->rows = div_up(a->oh, w->th);
	return 2 * w->arrays * array + w->tw * 8ull <= SDO_RESIZE_INPUT;
}

/* Two blocks at least for each workgroup? */
static bool spread(const struct work *w)
{
	return (uint64_t)w->args->n * w->chunks * w->columns * w->rows >= 2 * sd_grid_x();
}

static void cut(struct work *w)
{
	const struct sdo_resize *a = w->args;

	w->chunks = div_up(a->c, SDO_RESIZE_CHANNELS);
	w->cc = div_up(a->c, w->chunks);
	w->th = min_u32(max_u32(SDO_RESIZE_LANES / w->cc, 1), min_u32(a->oh, SDO_RESIZE_ROWS));
	w->tw = a->ow;
	while (!fits(w)) /* blocks of one pixel do */
		w->tw = (w->tw + 1) / 2;
	while ((w->tw > 16 || w->th > 1) && !spread(w)) {
		if (w->tw > 16)
			w->tw = (w->tw + 1) / 2;
		else
			w->th = (w->th + 1) / 2;
		fits(w);
	}
}

static struct block block_of(const struct work *w, uint32_t i)
{
	const struct sdo_resize *a = w->args;
	struct block b;

	b.oy = i % w->rows * w->th;
	i /= w->rows;
	b.image = i % a->n;
	i /= a->n;
	b.ox = i % w->columns * w->tw;
	b.c = i / w->columns * w->cc;
	b.th = min_u32(w->th, a->oh - b.oy);
	b.tw = min_u32(w->tw, a->ow - b.ox);
	b.cc = min_u32(w->cc, a->c - b.c);
	b.first = column_of(a, b.ox);
	b.width = min_u32(column_of(a, b.ox + b.tw - 1) + w->arrays, a->w) - b.first;
	return b;
}

/* ---- input ---- */

/* Row of the image for row @r of an array. */
SD_INLINE uint32_t row_of(const struct work *w, uint32_t array, uint32_t r)
{
	return min_u32(w->row[w->slot].at[r] + array, w->args->h - 1);
}

/* Rows of an array, from row @r on, that are equally far apart in the image; @step: how far. */
static uint32_t run_of(const struct work *w, uint32_t array, uint32_t r, uint64_t *step)
{
	uint32_t n = 1, apart = 0;

	if (r + 1 < w->next.th)
		apart = row_of(w, array, r + 1) - row_of(w, array, r);
	*step = apart * w->args->src_stride[1];
	while (!(*step >> 32) && r + n < w->next.th &&
	       row_of(w, array, r + n) - row_of(w, array, r + n - 1) == apart)
		n++;
	return n;
}

/* Ask for some more of the next block, if there is one: rows that one descriptor holds. */
static void load_some(struct work *w)
{
	const struct sdo_resize *a = w->args;
	const struct block *b = &w->next;
	uint32_t array = w->arrays == 2 && w->asked[1] < w->asked[0], r = w->asked[array];
	uint32_t pixel = b->cc * w->es;
	struct sc_dma d;
	uint64_t step;

	if (r == b->th)
		return;
	d = (struct sc_dma){
		.kind = SC_DMA_COPY, .size0 = pixel, .size1 = b->width,
		.size2 = run_of(w, array, r, &step),
		.src = a->src + b->image * a->src_stride[0] +
		       row_of(w, array, r) * a->src_stride[1] +
		       b->first * a->src_stride[2] + (uint64_t)b->c * w->es,
		.dst = (uintptr_t)w->in + (w->slot * w->arrays + array) * w->array + r * pixel,
		.src_stride = { a->src_stride[2], step }, .dst_stride = { b->th * pixel, pixel },
	};
	sdd_go(DMA_IN, &d);
	w->asked[array] += d.size2;
	if (w->asked[w->arrays - 1] == b->th && w->asked[0] == b->th)
		sd_post(DMA_IN, C_IN);
}

/* Block @i is next, and begins to come. */
static void begin(struct work *w, uint32_t i, uint32_t blocks)
{
	w->asked[0] = 0;
	w->asked[1] = 0;
	w->next.th = 0;
	if (i >= blocks)
		return;
	w->next = block_of(w, i);
	find_places(w->args, w->args->h, w->args->oh, w->next.oy, w->next.th, w->row[w->slot]);
	for (i = 0; i < ASK; i++)
		load_some(w);
}

/* ---- computation ---- */

static void make_columns(struct work *w, const struct block *b)
{
	if (w->ox == b->ox)
		return;
	find_columns(w->args, b->ox, b->tw, w->column);
	for (uint32_t i = 0, vl; i < b->tw; i += vl) {
		vuint32m8_t at;

		vl = __riscv_vsetvl_e32m8(b->tw - i);
		at = __riscv_vle32_v_u32m8(w->column.at + i, vl);
		__riscv_vse32_v_u32m8(w->column.at + i, __riscv_vsub_vx_u32m8(at, b->first, vl),
				      vl);
	}
	w->ox = b->ox;
}

static void copy_floats(float *to, const float *from, uint32_t n)
{
	for (uint32_t i = 0, vl; i < n; i += vl) {
		vl = __riscv_vsetvl_e32m8(n - i);
		__riscv_vse32_v_f32m8(to + i, __riscv_vle32_v_f32m8(from + i, vl), vl);
	}
}

/* Weights of the lanes of as many pixels as a table holds; returns how many lanes. */
static uint32_t make_lanes(const struct block *b, const float *part)
{
	uint32_t pixel = b->th * b->cc, all = max_u32(LANES / pixel, 1) * pixel, n;

	for (uint32_t i = 0, vl; i < pixel; i += vl) {
		vuint32m4_t row;
		vfloat32m4_t v;

		vl = __riscv_vsetvl_e32m4(pixel - i);
		row = __riscv_vadd_vx_u32m4(__riscv_vid_v_u32m4(vl), i, vl);
		row = __riscv_vdivu_vx_u32m4(row, b->cc, vl);
		v = __riscv_vluxei32_v_f32m4(part, __riscv_vsll_vx_u32m4(row, 2, vl), vl);
		__riscv_vse32_v_f32m4(lower + i, v, vl);
		__riscv_vse32_v_f32m4(upper + i, __riscv_vfrsub_vf_f32m4(v, 1, vl), vl);
	}
	for (uint32_t done = pixel; done < all; done += n) {
		n = min_u32(all - done, done);
		copy_floats(lower + done, lower, n);
		copy_floats(upper + done, upper, n);
	}
	return all;
}

SD_INLINE vfloat32m4_t load_half(uint8_t type, const void *p, size_t vl)
{
	return __riscv_vlmul_trunc_v_f32m8_f32m4(load_f32(type, p, vl));
}

/* Rows: upper x (1 - part) + lower x part, @n elements. */
SD_INLINE void mix_rows(uint8_t type, const uint8_t *a, const uint8_t *b, float *to,
			uint32_t lanes, uint32_t n)
{
	const uint32_t es = sd_format_bits(type) / 8;

	for (uint32_t end, vl; n; n -= end) {
		end = min_u32(lanes, n);
		for (uint32_t s = 0; s < end; s += vl, a += vl * es, b += vl * es, to += vl) {
			vfloat32m4_t v;

			vl = __riscv_vsetvl_e32m4(end - s);
			v = __riscv_vfmul_vv_f32m4(load_half(type, a, vl),
						   __riscv_vle32_v_f32m4(upper + s, vl), vl);
			v = __riscv_vfmacc_vv_f32m4(v, __riscv_vle32_v_f32m4(lower + s, vl),
						    load_half(type, b, vl), vl);
			__riscv_vse32_v_f32m4(to, v, vl);
		}
	}
}

SD_INLINE void mix_column(uint8_t type, const float *left, uint32_t pixel, float part, uint8_t *to,
			  size_t vl)
{
	vfloat32m8_t v = __riscv_vle32_v_f32m8(left, vl);

	v = __riscv_vfmul_vf_f32m8(v, 1 - part, vl);
	v = __riscv_vfmacc_vf_f32m8(v, part, __riscv_vle32_v_f32m8(left + pixel, vl), vl);
	store_f32(type, to, v, vl);
}

/* Columns: the same of neighbouring pixels of the mixture, which begins with pixel @first. */
SD_INLINE void mix_columns(uint8_t type, const float *mixed, uint32_t first, struct places c,
			   uint32_t n, uint32_t pixel, uint8_t *to)
{
	const uint32_t size = sd_format_bits(type) / 8, *end = c.at + n;
	size_t vl = __riscv_vsetvl_e32m8(pixel);

	mixed -= first * pixel;
	for (; vl == pixel && c.at < end; c.at++, c.part++, to += pixel * size)
		mix_column(type, mixed + *c.at * pixel, pixel, *c.part, to, vl);
	for (; c.at < end; c.at++, c.part++) {
		const float *left = mixed + *c.at * pixel;

		for (uint32_t i = pixel; i; i -= vl, left += vl, to += vl * size) {
			vl = __riscv_vsetvl_e32m8(i);
			mix_column(type, left, pixel, *c.part, to, vl);
		}
	}
}

/* A span of @n columns. */
SD_INLINE void bilinear(const struct work *w, uint8_t type, const struct block *b,
			const uint8_t *in, uint32_t lanes, struct places c, uint32_t n,
			uint8_t *to)
{
	uint32_t pixel = b->th * b->cc, first = c.at[0], end = c.at[n - 1] + 2;
	uint32_t mixed = (min_u32(end, b->width) - first) * pixel;

	in += first * pixel * (sd_format_bits(type) / 8);
	mix_rows(type, in, in + w->array, w->mixed, lanes, mixed);
	if (end > b->width) /* the right neighbour of the image's last pixel is itself */
		copy_floats(w->mixed + mixed, w->mixed + mixed - pixel, pixel);
	mix_columns(type, w->mixed, first, c, n, pixel, to);
}

static void nearest(const uint32_t *at, uint32_t n, const uint8_t *in, uint32_t pixel, uint8_t *to)
{
	for (const uint32_t *end = at + n; at < end; at++) {
		const uint8_t *from = in + *at * pixel;

		for (uint32_t i = pixel, vl; i; i -= vl, from += vl, to += vl) {
			vl = __riscv_vsetvl_e8m8(i);
			__riscv_vse8_v_u8m8(to, __riscv_vle8_v_u8m8(from, vl), vl);
		}
	}
}

static void compute(const struct work *w, const struct block *b, const uint8_t *in, uint32_t lanes,
		    struct places c, uint32_t n, uint8_t *to)
{
	if (w->arrays == 1) {
		nearest(c.at, n, in, b->th * b->cc * w->es, to);
		return;
	}
	switch (w->args->type) {
	case SC_FMT_F16:
		return bilinear(w, SC_FMT_F16, b, in, lanes, c, n, to);
	case SC_FMT_BF16:
		return bilinear(w, SC_FMT_BF16, b, in, lanes, c, n, to);
	case SC_FMT_E4M3:
		return bilinear(w, SC_FMT_E4M3, b, in, lanes, c, n, to);
	case SC_FMT_E5M2:
		return bilinear(w, SC_FMT_E5M2, b, in, lanes, c, n, to);
	case SC_FMT_I8:
		return bilinear(w, SC_FMT_I8, b, in, lanes, c, n, to);
	default:
		return bilinear(w, SC_FMT_F32, b, in, lanes, c, n, to);
	}
}

/* Write @n columns from @x on; all rows at once, if the descriptor holds their distance. */
static void put(const struct work *w, const struct block *b, uint32_t x, uint32_t n,
		const uint8_t *from)
{
	const struct sdo_resize *a = w->args;
	uint32_t pixel = b->cc * w->es, rows = a->dst_stride[1] >> 32 ? 1 : b->th;
	struct sc_dma d = {
		.kind = SC_DMA_COPY, .size0 = pixel, .size1 = n, .size2 = rows,
		.src_stride = { b->th * pixel, pixel },
		.dst_stride = { a->dst_stride[2], a->dst_stride[1] },
	};

	for (uint32_t r = 0; r < b->th; r += rows) {
		d.src = (uintptr_t)from + r * pixel;
		d.dst = a->dst + b->image * a->dst_stride[0] + (b->oy + r) * a->dst_stride[1] +
			(b->ox + x) * a->dst_stride[2] + (uint64_t)b->c * w->es;
		sdd_go(DMA_OUT, &d);
	}
	sd_post(DMA_OUT, C_OUT);
}

static void run_block(struct work *w, const struct block *b, uint32_t slot)
{
	const uint8_t *in = w->in + slot * w->arrays * w->array;
	uint32_t lanes = 0;

	if (w->arrays == 2)
		lanes = make_lanes(b, w->row[slot].part);
	for (uint32_t x = 0; x < b->tw; x += w->span) {
		uint32_t n = min_u32(w->span, b->tw - x);
		uint8_t *to = w->out + w->puts % 2 * SDO_RESIZE_STAGE;
		struct places c = { w->column.at + x, w->column.part + x };

		for (uint32_t i = 0; x && i < ASK; i++)
			load_some(w);
		if (w->puts >= 2)
			sd_await(C_OUT, w->puts - 1);
		compute(w, b, in, lanes, c, n, to);
		put(w, b, x, n, to);
		w->puts++;
	}
}

SD_KERNEL(resize, struct sdo_resize)
{
	static SD_TCM uint32_t at[2][SDO_RESIZE_ROWS];
	static SD_TCM float part[2][SDO_RESIZE_ROWS];
	struct work w = {
		.args = args, .es = sd_format_bits(args->type) / 8, .ox = ~0u,
		.arrays = args->mode == SDO_RESIZE_BILINEAR ? 2 : 1, .mixed = sd_dynamic(),
		.row = { { at[0], part[0] }, { at[1], part[1] } },
	};
	uint32_t blocks;

	w.out = (uint8_t *)w.mixed + SDO_RESIZE_MIXED;
	w.in = w.out + 2 * SDO_RESIZE_STAGE;
	cut(&w);
	w.column.at = (void *)(w.in + 2 * w.arrays * w.array);
	w.column.part = (void *)(w.column.at + w.tw);
	blocks = args->n * w.rows * w.columns * w.chunks;
	begin(&w, sd_wg_x(), blocks);
	for (uint32_t i = sd_wg_x(), k = 0; i < blocks; i += sd_grid_x(), k++) {
		struct block b = w.next;

		while (w.asked[0] < b.th || w.asked[w.arrays - 1] < b.th)
			load_some(&w);
		make_columns(&w, &b);
		sd_await(C_IN, k + 1);
		w.slot = 1 - w.slot;
		begin(&w, i + sd_grid_x(), blocks);
		run_block(&w, &b, k % 2);
	}
}
