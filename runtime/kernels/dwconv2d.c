// SPDX-License-Identifier: MIT
/*
 * dwconv2d: depthwise convolution on the vector unit (struct sdo_dwconv2d).
 *
 * A vector holds channels of one pixel, or of several neighbours where there are
 * few channels: then weights, bias and scale are kept repeated, pixel after
 * pixel. Four rows of output are computed at a time, so that a vector of weights
 * serves four vectors of input.
 */
#include <seedchip/ops_vision.h>

#include "window.h"

enum channel { DMA_SLAB, DMA_OUT, DMA_PARAMS };
enum counter { C_SLAB, C_OUT, C_PARAMS };

/*
 * Weights lie @pitch bytes from tap to tap, as vectors use them. @chunk: whose
 * weights they are. @params and @puts count transfers.
 */
struct work {
	const struct sdo_dwconv2d *args;
	struct window window;
	uint32_t taps;
	uint32_t pitch;
	uint32_t lanes;
	uint32_t weight_size;
	uint32_t ds;
	uint32_t chunk;
	uint32_t params;
	uint32_t puts;
	uint8_t *weight;
	uint8_t *stage;
	uint16_t *lane; /* channel of each lane of a vector */
	uint32_t *bias;
	float *scale;
};

/* A piece of a vector for four rows: distances of the rows, and of the results. */
struct strip {
	const uint8_t *in;
	uint32_t row[WINDOW_ROWS];
	uint32_t rows;
	uint32_t lane;
	uint8_t *out;
	uint32_t out_row;
};

static void put(const struct work *w, const struct strip *s, uint32_t row, vfloat32m4_t half,
		size_t vl)
{
	const struct sdo_dwconv2d *a = w->args;
	vfloat32m8_t v = __riscv_vlmul_ext_v_f32m4_f32m8(half), factor;

	if (row >= s->rows)
		return;
	if (a->scale) {
		factor = __riscv_vle32_v_f32m8(w->scale + s->lane, vl);
		v = __riscv_vfmul_vv_f32m8(v, factor, vl);
	}
	if (a->clamp)
		v = clamp_f32(v, a->low, a->high, vl);
	store_f32(a->dst_type, s->out + row * s->out_row, v, vl);
}

static void put_i32(const struct work *w, const struct strip *s, uint32_t row, vint32m4_t v,
		    size_t vl)
{
	if (w->args->dst_type != SC_FMT_I32)
		put(w, s, row, __riscv_vfcvt_f_x_v_f32m4(v, vl), vl);
	else if (row < s->rows)
		__riscv_vse32_v_i32m4((int32_t *)(s->out + row * s->out_row), v, vl);
}

#define DEFINE_TAPS(name, sum_t, start, weight_t, weight_at, input_at, product, put)               \
	static void name(const struct work *w, const struct strip *s, size_t vl)                   \
	{                                                                                          \
		sum_t s0 = start((const void *)(w->bias + s->lane), vl);                           \
		sum_t s1 = s0, s2 = s0, s3 = s0;                                                   \
		const uint8_t *weight = w->weight + s->lane * w->weight_size;                      \
											   \
		for (uint32_t i = 0; i < w->taps; i++, weight += w->pitch) {                       \
			const uint8_t *in = s->in + w->window.tap[i];                              \
			weight_t v = weight_at((const void *)weight, vl);                          \
											   \
			s0 = product(s0, input_at((const void *)in, vl), v, vl);                   \
			s1 = product(s1, input_at((const void *)(in + s->row[1]), vl), v, vl);     \
			s2 = product(s2, input_at((const void *)(in + s->row[2]), vl), v, vl);     \
			s3 = product(s3, input_at((const void *)(in + s->row[3]), vl), v, vl);     \
		}                                                                                  \
		put(w, s, 0, s0, vl);                                                              \
		put(w, s, 1, s1, vl);                                                              \
		put(w, s, 2, s2, vl);                                                              \
		put(w, s, 3, s3, vl);                                                              \
	}

SD_INLINE vint16m2_t widen_i8(const void *p, size_t vl)
{
	return __riscv_vsext_vf2_i16m2(__riscv_vle8_v_i8m1(p, vl), vl);
}

DEFINE_TAPS(taps_f32, vfloat32m4_t, __riscv_vle32_v_f32m4, vfloat32m4_t, __riscv_vle32_v_f32m4,
	    __riscv_vle32_v_f32m4, __riscv_vfmacc_vv_f32m4, put)
DEFINE_TAPS(taps_f16, vfloat32m4_t, __riscv_vle32_v_f32m4, vfloat16m2_t, __riscv_vle16_v_f16m2,
	    __riscv_vle16_v_f16m2, __riscv_vfwmacc_vv_f32m4, put)
DEFINE_TAPS(taps_bf16, vfloat32m4_t, __riscv_vle32_v_f32m4, vbfloat16m2_t, __riscv_vle16_v_bf16m2,
	    __riscv_vle16_v_bf16m2, __riscv_vfwmaccbf16_vv_f32m4, put)
DEFINE_TAPS(taps_i8, vint32m4_t, __riscv_vle32_v_i32m4, vint16m2_t, __riscv_vle16_v_i16m2,
	    widen_i8, __riscv_vwmacc_vv_i32m4, put_i32)

/* Repeat the channels of a pixel over the lanes of a vector; i8 becomes i16. */
static void spread(const struct work *w, uint32_t size, const uint8_t *from, uint8_t *to)
{
	for (uint32_t i = 0, vl; i < w->lanes; i += vl) {
		vuint16m2_t at;
		vuint32m4_t word;
		vuint16m2_t half;
		vint8m1_t byte;

		vl = __riscv_vsetvl_e32m4(w->lanes - i);
		at = __riscv_vmul_vx_u16m2(__riscv_vle16_v_u16m2(w->lane + i, vl), size, vl);
		if (size == 4) {
			word = __riscv_vluxei16_v_u32m4((const uint32_t *)from, at, vl);
			__riscv_vse32_v_u32m4((uint32_t *)to + i, word, vl);
		} else if (size == 2) {
			half = __riscv_vluxei16_v_u16m2((const uint16_t *)from, at, vl);
			__riscv_vse16_v_u16m2((uint16_t *)to + i, half, vl);
		} else {
			byte = __riscv_vluxei16_v_i8m1((const int8_t *)from, at, vl);
			__riscv_vse16_v_i16m2((int16_t *)to + i,
					      __riscv_vsext_vf2_i16m2(byte, vl), vl);
		}
	}
}

static void fetch(struct work *w, uint64_t from, uint32_t size, uint32_t c, uint32_t cc,
		  uint32_t rows)
{
	struct sc_dma d = {
		.kind = SC_DMA_COPY, .size0 = cc * size, .size1 = rows, .size2 = 1,
		.src = from + (uint64_t)c * size, .dst = (uintptr_t)w->stage,
		.src_stride = { w->args->win.c * size }, .dst_stride = { w->window.cc * size },
	};

	sdd_go(DMA_PARAMS, &d);
	sd_post(DMA_PARAMS, C_PARAMS);
	sd_await(C_PARAMS, ++w->params);
}

/* Bring weights, bias and scale of a chunk of channels into place, by way of the stage. */
static void load_params(struct work *w, const struct block *b)
{
	const struct sdo_dwconv2d *a = w->args;
	uint32_t es = w->window.es;

	sd_await(C_OUT, w->puts);
	fetch(w, a->weight, es, b->c, b->cc, w->taps);
	for (uint32_t i = 0; i < w->taps; i++)
		spread(w, es, w->stage + i * w->window.cc * es, w->weight + i * w->pitch);
	if (a->bias) {
		fetch(w, a->bias, 4, b->c, b->cc, 1);
		spread(w, 4, w->stage, (uint8_t *)w->bias);
	}
	if (a->scale) {
		fetch(w, a->scale, 4, b->c, b->cc, 1);
		spread(w, 4, w->stage, (uint8_t *)w->scale);
	}
	w->chunk = b->c;
}

/* Four rows of a block from @y on. */
static void run_rows(struct work *w, const struct block *b, const uint8_t *slab, uint32_t y)
{
	uint32_t pixel = w->window.cc * w->window.es, row = w->window.width * pixel, vl;
	uint8_t *stage = w->stage + w->puts % 2 * SDO_WINDOW_STAGE;
	struct strip s = {
		.rows = min_u32(WINDOW_ROWS, b->th - y), .out_row = b->tw * w->window.cc * w->ds,
	};

	for (uint32_t i = 0; i < WINDOW_ROWS; i++)
		s.row[i] = min_u32(i, s.rows - 1) * row;
	if (w->puts >= 2)
		sd_await(C_OUT, w->puts - 1);
	for (uint32_t x = 0; x < b->tw; x += w->window.run) {
		uint32_t n = min_u32(w->window.run, b->tw - x) * w->window.cc;

		for (s.lane = 0; s.lane < n; s.lane += vl) {
			vl = __riscv_vsetvl_e32m4(n - s.lane);
			s.in = slab + y * row + x * pixel + s.lane * w->window.es;
			s.out = stage + (x * w->window.cc + s.lane) * w->ds;
			switch (w->args->type) {
			case SC_FMT_F32:
				taps_f32(w, &s, vl);
				break;
			case SC_FMT_F16:
				taps_f16(w, &s, vl);
				break;
			case SC_FMT_BF16:
				taps_bf16(w, &s, vl);
				break;
			default:
				taps_i8(w, &s, vl);
			}
		}
	}
	window_put(&w->window, b, y, s.rows, stage, w->ds, DMA_OUT);
	sd_post(DMA_OUT, C_OUT);
	w->puts++;
}

/* The stack has room for what is spilled of the longest vectors. */
SD_KERNEL_WITH(dwconv2d, struct sdo_dwconv2d, 4 * SC_STACK_DEFAULT, 0)
{
	static SD_TCM uint32_t tap[SDO_WINDOW_MAX], bias[SDO_WINDOW_RUN];
	static SD_TCM float scale[SDO_WINDOW_RUN];
	static SD_TCM uint16_t lane[SDO_WINDOW_RUN];
	struct work w = {
		.args = args, .taps = args->win.kh * args->win.kw,
		.ds = sd_format_bits(args->dst_type) / 8, .chunk = ~0u,
		.window = {
			.win = &args->win, .es = sd_format_bits(args->type) / 8,
			.slab = sd_dynamic(), .channel = DMA_SLAB, .counter = C_SLAB, .tap = tap,
		},
		.bias = bias, .scale = scale, .lane = lane,
	};

	window_init(&w.window, min_u32(SDO_WINDOW_RUN, SDO_WINDOW_TAPS / 4 / w.taps));
	w.lanes = w.window.run * w.window.cc;
	w.weight_size = args->type == SC_FMT_F32 ? 4 : 2;
	w.pitch = w.lanes * w.weight_size;
	w.stage = w.window.slab + 2 * SDO_WINDOW_SLAB;
	w.weight = w.stage + 2 * SDO_WINDOW_STAGE;
	for (uint32_t i = 0; i < w.lanes; i++) {
		lane[i] = i % w.window.cc;
		bias[i] = 0;
	}
	window_load(&w.window, 0);
	for (uint32_t i = 0; i < w.window.blocks; i++) {
		struct block b = window_block(&w.window, i);
		const uint8_t *slab = window_next(&w.window, i);

		if (b.c != w.chunk)
			load_params(&w, &b);
		for (uint32_t y = 0; y < b.th; y += WINDOW_ROWS)
			run_rows(&w, &b, slab, y);
	}
}
