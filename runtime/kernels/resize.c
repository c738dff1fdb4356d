// SPDX-License-Identifier: MIT
/*
 * resize: images to another size, nearest or bilinear (struct sdo_resize).
 *
 * A unit of work is a block of rows and columns of the output, of some channels.
 * Rows of input stream through a ring, each loaded once for a unit. Bilinear
 * first mixes two rows as they lie, then gathers from the mixed row: a table has
 * for every element of an output row where its left and right neighbour are.
 * Nearest only gathers.
 *
 * The invariant: an input row that an output row needs is among the last
 * @ring rows that were loaded when that output row is computed.
 */
#include <seedchip/ops_vision.h>

#include "data.h"

enum channel { DMA_IN, DMA_OUT };
enum counter { C_IN, C_OUT };

/* Neighbours on an axis, and how far behind the first the place is. */
struct place {
	uint32_t at[2];
	float part;
};

/*
 * @cc, @tw, @th: of a block. @ring: rows of input that it holds, of @width
 * pixels. @left, @right: bytes from the row's beginning to the neighbours of each
 * element; @part: weight of the right one. They belong to columns from @ox on of
 * @table_cc channels. @loads and @puts count rows.
 */
struct work {
	const struct sdo_resize *args;
	uint32_t es;
	uint32_t cc, tw, th;
	uint32_t chunks, columns, rows;
	uint32_t ring;
	uint8_t *in;
	float *mixed;
	uint8_t *out;
	uint32_t *left;
	uint32_t *right;
	float *part;
	uint32_t ox, table_cc;
	uint32_t loads;
	uint32_t puts;
};

/* The row loaded as number n was row[n % ring] of the image; @first is the leftmost column. */
struct unit {
	uint32_t image, c, cc, oy, ox, th, tw;
	uint32_t first, width;
	uint32_t next; /* rows of output whose input has been asked for */
	uint32_t row[SDO_RESIZE_RING];
	uint32_t start; /* loads before this unit */
};

static struct place place(const struct sdo_resize *a, uint32_t o, uint32_t in, uint32_t out)
{
	float scale = (float)in / out, x;
	struct place p = { 0 };
	uint32_t last = in - 1;

	if (a->coordinates == SDO_RESIZE_ALIGN_CORNERS)
		x = out > 1 ? o * ((float)last / (out - 1)) : 0;
	else if (a->coordinates == SDO_RESIZE_HALF_PIXEL)
		x = (o + 0.5f) * scale - (a->mode == SDO_RESIZE_NEAREST ? 0 : 0.5f);
	else
		x = o * scale;
	if (a->mode == SDO_RESIZE_NEAREST && a->coordinates == SDO_RESIZE_ALIGN_CORNERS)
		x = x + 0.5f;
	x = x < 0 ? 0 : x;
	p.at[0] = min_u32(x, last);
	p.at[1] = min_u32(p.at[0] + 1, last);
	p.part = x - p.at[0];
	return p;
}

static struct place place_x(const struct sdo_resize *a, uint32_t ox)
{
	return place(a, ox, a->w, a->ow);
}

static struct place place_y(const struct sdo_resize *a, uint32_t oy)
{
	return place(a, oy, a->h, a->oh);
}

/* Pixels of input that @tw pixels of output need at most; places are rounded. */
static uint32_t input_width(const struct sdo_resize *a, uint32_t tw)
{
	return tw == 1 ? 2 : min_u32((uint64_t)tw * a->w / a->ow + 4, a->w);
}

static void cut(struct work *w)
{
	const struct sdo_resize *a = w->args;

	w->chunks = div_up(a->c, SDO_RESIZE_CHANNELS);
	w->cc = div_up(a->c, w->chunks);
	w->tw = a->ow;
	while (w->tw > 1 && (w->tw * w->cc > SDO_RESIZE_ROW ||
			     input_width(a, w->tw) * w->cc > SDO_RESIZE_ROW))
		w->tw = (w->tw + 1) / 2;
	w->columns = div_up(a->ow, w->tw);
	w->th = div_up((uint64_t)a->oh * a->n * w->columns * w->chunks, 2 * sd_grid_x());
	w->th = min_u32(w->th, a->oh);
	w->rows = div_up(a->oh, w->th);
	w->ring = min_u32(SDO_RESIZE_RING,
			  SDO_RESIZE_INPUT / (input_width(a, w->tw) * w->cc * w->es));
}

static struct unit unit_of(const struct work *w, uint32_t i)
{
	const struct sdo_resize *a = w->args;
	struct unit u = { .start = w->loads };

	u.oy = i % w->rows * w->th;
	i /= w->rows;
	u.image = i % a->n;
	i /= a->n;
	u.ox = i % w->columns * w->tw;
	u.c = i / w->columns * w->cc;
	u.th = min_u32(w->th, a->oh - u.oy);
	u.tw = min_u32(w->tw, a->ow - u.ox);
	u.cc = min_u32(w->cc, a->c - u.c);
	u.first = place_x(a, u.ox).at[0];
	u.width = place_x(a, u.ox + u.tw - 1).at[1] - u.first + 1;
	return u;
}

static uint8_t *row_buffer(const struct work *w, uint32_t load)
{
	return w->in + load % w->ring * (SDO_RESIZE_INPUT / w->ring);
}

static void load_row(struct work *w, struct unit *u, uint32_t y)
{
	const struct sdo_resize *a = w->args;

	if (w->loads > u->start && y <= u->row[(w->loads - 1) % w->ring])
		return;
	dma_tile(DMA_IN, row_buffer(w, w->loads),
		 a->src + u->image * a->src_stride[0] + y * a->src_stride[1] +
			 u->first * a->src_stride[2] + (uint64_t)u->c * w->es, true, u->cc * w->es,
		 (struct axis){ a->src_stride[2], u->width }, (struct axis){ 0, 1 });
	sd_post(DMA_IN, C_IN);
	u->row[w->loads++ % w->ring] = y;
}

/* Ask for the input of rows of output up to @oy: two of input at most for each. */
static void load_rows(struct work *w, struct unit *u, uint32_t oy)
{
	for (; u->next < u->th && u->next <= oy; u->next++) {
		struct place p = place_y(w->args, u->oy + u->next);

		load_row(w, u, p.at[0]);
		if (w->args->mode == SDO_RESIZE_BILINEAR)
			load_row(w, u, p.at[1]);
	}
}

static const uint8_t *loaded_row(const struct work *w, const struct unit *u, uint32_t y)
{
	uint32_t load = w->loads - 1;

	while (u->row[load % w->ring] != y)
		load--;
	sd_await(C_IN, load + 1);
	return row_buffer(w, load);
}

/* Where the neighbours of the elements of a unit's row are. */
static void make_table(struct work *w, const struct unit *u)
{
	const struct sdo_resize *a = w->args;
	uint32_t size = a->mode == SDO_RESIZE_NEAREST ? w->es : 4;

	if (w->ox == u->ox && w->table_cc == u->cc)
		return;
	for (uint32_t x = 0; x < u->tw; x++) {
		struct place p = place_x(a, u->ox + x);

		uint32_t left = (p.at[0] - u->first) * u->cc, right = (p.at[1] - u->first) * u->cc;

		for (uint32_t i = 0, vl; i < u->cc; i += vl) {
			uint32_t at = x * u->cc + i;
			vuint32m4_t v;

			vl = __riscv_vsetvl_e32m4(u->cc - i);
			v = __riscv_vmul_vx_u32m4(__riscv_vid_v_u32m4(vl), size, vl);
			v = __riscv_vadd_vx_u32m4(v, (left + i) * size, vl);
			__riscv_vse32_v_u32m4(w->left + at, v, vl);
			v = __riscv_vadd_vx_u32m4(v, (right - left) * size, vl);
			__riscv_vse32_v_u32m4(w->right + at, v, vl);
			__riscv_vse32_v_f32m4(w->part + at, __riscv_vfmv_v_f_f32m4(p.part, vl), vl);
		}
	}
	w->ox = u->ox;
	w->table_cc = u->cc;
}

/* a x (1 - part) + b x part */
static void mix_rows(const struct work *w, const uint8_t *a, const uint8_t *b, float part,
		     uint32_t n)
{
	uint8_t type = w->args->type;

	for (uint32_t i = 0, vl; i < n; i += vl) {
		vfloat32m8_t v;

		vl = __riscv_vsetvl_e32m8(n - i);
		v = __riscv_vfmul_vf_f32m8(load_f32(type, a + i * w->es, vl), 1 - part, vl);
		v = __riscv_vfmacc_vf_f32m8(v, part, load_f32(type, b + i * w->es, vl), vl);
		__riscv_vse32_v_f32m8(w->mixed + i, v, vl);
	}
}

static void mix_columns(const struct work *w, uint8_t *to, uint32_t n)
{
	for (uint32_t i = 0, vl; i < n; i += vl) {
		vfloat32m4_t a, b, part;

		vl = __riscv_vsetvl_e32m4(n - i);
		a = __riscv_vluxei32_v_f32m4(w->mixed, __riscv_vle32_v_u32m4(w->left + i, vl), vl);
		b = __riscv_vluxei32_v_f32m4(w->mixed, __riscv_vle32_v_u32m4(w->right + i, vl), vl);
		part = __riscv_vle32_v_f32m4(w->part + i, vl);
		a = __riscv_vfmul_vv_f32m4(a, __riscv_vfrsub_vf_f32m4(part, 1, vl), vl);
		a = __riscv_vfmacc_vv_f32m4(a, b, part, vl);
		store_f32(w->args->type, to + i * w->es, __riscv_vlmul_ext_v_f32m4_f32m8(a), vl);
	}
}

static void pick_columns(const struct work *w, const uint8_t *from, uint8_t *to, uint32_t n)
{
	for (uint32_t i = 0, vl; i < n; i += vl) {
		vuint32m4_t at, word;
		vuint16m2_t half;

		vl = __riscv_vsetvl_e32m4(n - i);
		at = __riscv_vle32_v_u32m4(w->left + i, vl);
		if (w->es == 4) {
			word = __riscv_vluxei32_v_u32m4((const uint32_t *)from, at, vl);
			__riscv_vse32_v_u32m4((uint32_t *)to + i, word, vl);
		} else if (w->es == 2) {
			half = __riscv_vluxei32_v_u16m2((const uint16_t *)from, at, vl);
			__riscv_vse16_v_u16m2((uint16_t *)to + i, half, vl);
		} else {
			__riscv_vse8_v_u8m1(to + i, __riscv_vluxei32_v_u8m1(from, at, vl), vl);
		}
	}
}

static void run_row(struct work *w, const struct unit *u, uint32_t y)
{
	const struct sdo_resize *a = w->args;
	struct place p = place_y(a, u->oy + y);
	const uint8_t *row = loaded_row(w, u, p.at[0]);
	uint8_t *to = w->out + w->puts % 2 * SDO_RESIZE_ROW * 4;

	if (w->puts >= 2)
		sd_await(C_OUT, w->puts - 1);
	if (a->mode == SDO_RESIZE_NEAREST) {
		pick_columns(w, row, to, u->tw * u->cc);
	} else {
		mix_rows(w, row, loaded_row(w, u, p.at[1]), p.part, u->width * u->cc);
		mix_columns(w, to, u->tw * u->cc);
	}
	dma_tile(DMA_OUT, to,
		 a->dst + u->image * a->dst_stride[0] + (u->oy + y) * a->dst_stride[1] +
			 u->ox * a->dst_stride[2] + (uint64_t)u->c * w->es, false, u->cc * w->es,
		 (struct axis){ a->dst_stride[2], u->tw }, (struct axis){ 0, 1 });
	sd_post(DMA_OUT, C_OUT);
	w->puts++;
}

SD_KERNEL(resize, struct sdo_resize)
{
	struct work w = {
		.args = args, .es = sd_format_bits(args->type) / 8, .in = sd_dynamic(), .ox = ~0u,
	};
	uint32_t units, ahead;

	w.mixed = (void *)(w.in + SDO_RESIZE_INPUT);
	w.part = w.mixed + SDO_RESIZE_ROW;
	w.left = (void *)(w.part + SDO_RESIZE_ROW);
	w.right = w.left + SDO_RESIZE_ROW;
	w.out = (void *)(w.right + SDO_RESIZE_ROW);
	cut(&w);
	ahead = w.ring / 2 - 2;
	units = args->n * w.rows * w.columns * w.chunks;
	for (uint32_t i = sd_wg_x(); i < units; i += sd_grid_x()) {
		struct unit u = unit_of(&w, i);

		load_rows(&w, &u, ahead);
		make_table(&w, &u);
		for (uint32_t y = 0; y < u.th; y++) {
			load_rows(&w, &u, y + ahead);
			run_row(&w, &u, y);
		}
	}
}
