// SPDX-License-Identifier: MIT
/*
 * copy: copy, cast, transpose and permute a 4-D array (struct sdo_copy).
 *
 * The array is cut into tiles of two axes: the one along which the destination
 * is contiguous, and the one along which the source is (if that is the same
 * axis, the longest other one). A tile is read as the source has it, turned and
 * converted in the scratchpad, and written as the destination wants it. Where
 * there is nothing to turn or convert, reads and writes are chained by counters
 * and the hart touches no data.
 *
 * The invariant: tile k uses buffer k % RING, and is read into it when the tile
 * before in that buffer has been consumed (by the hart, or by its write).
 */
#include <seedchip/ops_data.h>

#include "data.h"

#define RING 3
#define AHEAD 2

enum channel { DMA_IN, DMA_OUT };
enum counter { C_IN, C_OUT };

struct dimension {
	uint64_t src;
	uint64_t dst;
	uint32_t n;
};

/*
 * axis[0] is the one to write along, axis[1] the other one of a tile; @turn: the
 * source is contiguous along axis[1]. @step: elements of a tile along these two.
 */
struct work {
	const struct sdo_copy *args;
	struct dimension axis[4];
	bool turn;
	uint32_t step[2];
	uint32_t tiles[2];
	uint32_t src_size;
	uint32_t dst_size;
	uint32_t bytes;
	uint8_t *in;
	uint8_t *out;
};

struct tile {
	uint64_t src;
	uint64_t dst;
	uint32_t n[2];
};

static void swap(struct dimension *a, struct dimension *b)
{
	struct dimension t = *a;

	*a = *b;
	*b = t;
}

/* Axes by ascending destination stride, those of one element last; joined if both sides can. */
static void sort_axes(struct work *w)
{
	struct dimension *a = w->axis;

	for (int i = 1; i < 4; i++)
		for (int k = i; k > 0 && a[k].n > 1 &&
		     (a[k - 1].n == 1 || a[k].dst < a[k - 1].dst); k--)
			swap(&a[k], &a[k - 1]);
	for (int i = 0; i < 3;) {
		uint64_t n = (uint64_t)a[i].n * a[i + 1].n;

		if (a[i + 1].n == 1 || n >> 31 || a[i].src * a[i].n != a[i + 1].src ||
		    a[i].dst * a[i].n != a[i + 1].dst) {
			i++;
			continue;
		}
		a[i].n = n;
		for (int k = i + 1; k < 3; k++)
			a[k] = a[k + 1];
		a[3] = (struct dimension){ .n = 1 };
	}
}

/* The second axis of a tile: along which the source is contiguous, or else the longest. */
static void choose_axes(struct work *w)
{
	struct dimension *a = w->axis;
	int second = 1;

	for (int i = 1; i < 4; i++)
		if (a[i].n > a[second].n)
			second = i;
	for (int i = 1; i < 4; i++) {
		if (a[0].src != w->src_size && a[i].src == w->src_size && a[i].n > 1) {
			second = i;
			w->turn = true;
		}
	}
	swap(&a[1], &a[second]);
}

/* Tiles of about w->bytes, as wide as possible where memory is contiguous. */
static void choose_tile(struct work *w)
{
	uint32_t room = w->bytes / max_u32(w->src_size, w->dst_size);
	uint32_t n0 = w->axis[0].n, n1 = w->axis[1].n;

	if (w->turn) {
		w->step[1] = min_u32(n1, 128);
		w->step[0] = min_u32(n0, room / w->step[1]);
		w->step[1] = min_u32(n1, room / w->step[0]);
	} else {
		w->step[0] = min_u32(n0, room);
		w->step[1] = min_u32(n1, room / w->step[0]);
	}
	for (int i = 0; i < 2; i++) {
		const struct dimension *a = &w->axis[i];

		if ((a->src | a->dst) >> 32)	/* more than a descriptor holds */
			w->step[i] = 1;
		w->tiles[i] = div_up(a->n, w->step[i]);
	}
}

static struct tile tile_of(const struct work *w, uint64_t index)
{
	const struct dimension *a = w->axis;
	struct tile t = { .src = w->args->src, .dst = w->args->dst };

	for (int i = 0; i < 2; i++) {
		uint32_t first = index % w->tiles[i] * w->step[i];

		index /= w->tiles[i];
		t.src += first * a[i].src;
		t.dst += first * a[i].dst;
		t.n[i] = min_u32(w->step[i], a[i].n - first);
	}
	t.src += index % a[2].n * a[2].src + index / a[2].n * a[3].src;
	t.dst += index % a[2].n * a[2].dst + index / a[2].n * a[3].dst;
	return t;
}

static void read_tile(const struct work *w, const struct tile *t, void *to)
{
	struct axis a0 = { w->axis[0].src, t->n[0] }, a1 = { w->axis[1].src, t->n[1] };

	dma_tile(DMA_IN, to, t->src, true, w->src_size, w->turn ? a1 : a0, w->turn ? a0 : a1);
	sd_post(DMA_IN, C_IN);
}

static void write_tile(const struct work *w, const struct tile *t, void *from)
{
	dma_tile(DMA_OUT, from, t->dst, false, w->dst_size,
		 (struct axis){ w->axis[0].dst, t->n[0] },
		 (struct axis){ w->axis[1].dst, t->n[1] });
	sd_post(DMA_OUT, C_OUT);
}

/* dst[i1][i0] = src[i0][i1] for elements of so many bits. */
#define DEFINE_TURN(bits)                                                                          \
	static void turn##bits(uint8_t *dst, const uint8_t *src, uint32_t n0, uint32_t n1)         \
	{                                                                                          \
		uint32_t size = bits / 8, vl;                                                      \
											   \
		for (uint32_t i1 = 0; i1 < n1; i1++) {                                             \
			const uint8_t *from = src + i1 * size;                                     \
											   \
			for (uint32_t left = n0; left; left -= vl) {                               \
				vuint##bits##m8_t v;                                               \
											   \
				vl = __riscv_vsetvl_e##bits##m8(left);                             \
				v = __riscv_vlse##bits##_v_u##bits##m8((const void *)from,         \
								       n1 * size, vl);             \
				__riscv_vse##bits##_v_u##bits##m8((void *)dst, v, vl);             \
				from += vl * n1 * size;                                            \
				dst += vl * size;                                                  \
			}                                                                          \
		}                                                                                  \
	}
DEFINE_TURN(8)
DEFINE_TURN(16)
DEFINE_TURN(32)

static void turn(uint8_t *dst, const uint8_t *src, uint32_t n0, uint32_t n1, uint32_t size)
{
	if (size == 4)
		turn32(dst, src, n0, n1);
	else if (size == 2)
		turn16(dst, src, n0, n1);
	else
		turn8(dst, src, n0, n1);
}

/* Integers among each other do not pass through f32. */
static void convert_integers(uint8_t *dst, const uint8_t *src, bool widen, uint32_t n)
{
	for (uint32_t i = 0, vl; i < n; i += vl) {
		vl = __riscv_vsetvl_e32m8(n - i);
		if (widen) {
			vint8m2_t v = __riscv_vle8_v_i8m2((const int8_t *)src + i, vl);

			__riscv_vse32_v_i32m8((int32_t *)dst + i, __riscv_vsext_vf4_i32m8(v, vl),
					      vl);
		} else {
			vint32m8_t v = __riscv_vle32_v_i32m8((const int32_t *)src + i, vl);
			vint16m4_t half = __riscv_vnclip_wx_i16m4(v, 0, __RISCV_VXRM_RNU, vl);

			__riscv_vse8_v_i8m2((int8_t *)dst + i,
					    __riscv_vnclip_wx_i8m2(half, 0, __RISCV_VXRM_RNU, vl),
					    vl);
		}
	}
}

static bool is_integer(uint8_t type)
{
	return type == SC_FMT_I8 || type == SC_FMT_I32;
}

static void convert(const struct work *w, uint8_t *dst, const uint8_t *src, uint32_t n)
{
	uint8_t from = w->args->src_type, to = w->args->dst_type;

	if (is_integer(from) && is_integer(to)) {
		convert_integers(dst, src, to == SC_FMT_I32, n);
		return;
	}
	for (uint32_t i = 0, vl; i < n; i += vl) {
		vl = __riscv_vsetvl_e32m8(n - i);
		store_f32(to, dst + i * w->dst_size, load_f32(from, src + i * w->src_size, vl), vl);
	}
}

/* Turned elements that are converted too lie in a third place between. */
static void process(const struct work *w, const struct tile *t, uint8_t *dst, uint8_t *src)
{
	uint8_t *turned = w->out + 2 * w->bytes;

	if (w->args->src_type == w->args->dst_type) {
		turn(dst, src, t->n[0], t->n[1], w->src_size);
		return;
	}
	if (w->turn)
		turn(turned, src, t->n[0], t->n[1], w->src_size);
	convert(w, dst, w->turn ? turned : src, t->n[0] * t->n[1]);
}

static void run(struct work *w, uint64_t tiles)
{
	uint64_t first = sd_wg_x(), step = sd_grid_x();
	uint32_t count = first < tiles ? (tiles - first + step - 1) / step : 0;
	bool hart = w->turn || w->args->src_type != w->args->dst_type;

	for (uint32_t k = 0; k < count + AHEAD; k++) {
		if (k < count) {
			struct tile t = tile_of(w, first + k * step);

			if (!hart && k >= RING)
				sd_hold(DMA_IN, C_OUT, k - RING + 1);
			read_tile(w, &t, w->in + k % RING * w->bytes);
		}
		if (k >= AHEAD) {
			uint32_t i = k - AHEAD;
			struct tile t = tile_of(w, first + i * step);
			uint8_t *in = w->in + i % RING * w->bytes;
			uint8_t *out = w->out + i % 2 * w->bytes;

			if (hart) {
				sd_await(C_IN, i + 1);
				if (i >= 2)
					sd_await(C_OUT, i - 1);
				process(w, &t, out, in);
			} else {
				sd_hold(DMA_OUT, C_IN, i + 1);
			}
			write_tile(w, &t, hart ? out : in);
		}
	}
}

SD_KERNEL(copy, struct sdo_copy)
{
	struct work w = {
		.args = args,
		.src_size = sd_format_bits(args->src_type) / 8,
		.dst_size = sd_format_bits(args->dst_type) / 8,
		.bytes = sd_dynamic_size() / SDO_COPY_BUFFERS & ~63u,
		.in = sd_dynamic(),
	};
	uint64_t tiles = 1;

	sd_assert(w.bytes >= SDO_COPY_TILE_MIN);
	w.out = w.in + RING * w.bytes;
	for (int i = 0; i < 4; i++) {
		w.axis[i] = (struct dimension){ args->src_stride[i], args->dst_stride[i],
						args->n[i] };
		if (!args->n[i])
			return;
	}
	sort_axes(&w);
	choose_axes(&w);
	choose_tile(&w);
	for (int i = 0; i < 4; i++)
		tiles *= i < 2 ? w.tiles[i] : w.axis[i].n;
	run(&w, tiles);
}
