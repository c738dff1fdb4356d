// SPDX-License-Identifier: MIT
/*
 * pool2d: largest or mean element of each window (struct sdo_pool2d).
 *
 * Vectors are as those of dwconv2d, one row of output at a time. For MAX the
 * padding is NaN, which the maximum leaves out.
 */
#include <seedchip/ops_vision.h>

#include "window.h"

enum channel { DMA_SLAB, DMA_OUT };
enum counter { C_SLAB, C_OUT };

/* @columns: for AVG without padding, how many columns of its window each lane of a row has. */
struct work {
	const struct sdo_pool2d *args;
	struct window window;
	uint32_t taps;
	uint32_t puts;
	uint8_t *stage;
	float *columns;
};

/* What stands for the padding: zero for AVG, what any element exceeds for MAX. */
static uint64_t padding(const struct sdo_pool2d *a)
{
	if (a->mode == SDO_POOL_AVG)
		return 0;
	switch (a->type) {
	case SC_FMT_F32: return 0x7fc000007fc00000;
	case SC_FMT_F16: return 0x7e007e007e007e00;
	case SC_FMT_BF16: return 0x7fc07fc07fc07fc0;
	case SC_FMT_E4M3: return 0x7f7f7f7f7f7f7f7f;
	case SC_FMT_E5M2: return 0x7e7e7e7e7e7e7e7e;
	default: return 0x8080808080808080;
	}
}

SD_INLINE vfloat32m8_t reduce(const struct work *w, uint8_t type, const uint8_t *in, bool max,
			      size_t vl)
{
	vfloat32m8_t sum = load_f32(type, in + w->window.tap[0], vl);

	if (!max) /* from +0, so that a sum of nothing but -0 is +0 */
		sum = __riscv_vfadd_vf_f32m8(sum, 0, vl);
	/* a single one is compared with itself, so that every NaN comes out as the same one */
	for (uint32_t i = !max || w->taps > 1; i < w->taps; i++) {
		vfloat32m8_t v = load_f32(type, in + w->window.tap[i], vl);

		sum = max ? __riscv_vfmax_vv_f32m8(sum, v, vl) : __riscv_vfadd_vv_f32m8(sum, v, vl);
	}
	return sum;
}

static vfloat32m8_t reduce_any(const struct work *w, const uint8_t *in, size_t vl)
{
	bool max = w->args->mode == SDO_POOL_MAX;

#define REDUCE(format)                                                                             \
	do {                                                                                       \
		if (w->args->type == SC_FMT_##format)                                              \
			return max ? reduce(w, SC_FMT_##format, in, true, vl) :                    \
				     reduce(w, SC_FMT_##format, in, false, vl);                    \
	} while (0)
	REDUCE(F16);
	REDUCE(BF16);
	REDUCE(E4M3);
	REDUCE(E5M2);
	REDUCE(I8);
#undef REDUCE
	return max ? reduce(w, SC_FMT_F32, in, true, vl) : reduce(w, SC_FMT_F32, in, false, vl);
}

/* Rows or columns of the window at an output that lie in the image. */
static uint32_t seen(const struct sdo_window *win, int axis, uint32_t out)
{
	int64_t first = (int64_t)out * win->stride[axis] - win->pad[axis];
	struct span s = inside(first, win->dilation[axis], axis ? win->w : win->h,
			       axis ? win->kw : win->kh);

	return s.to - s.from;
}

/* Lanes of a row of a block: columns that each window has in the image. */
static void count_columns(const struct work *w, const struct block *b)
{
	float *to = w->columns;

	for (uint32_t x = 0; x < b->tw; x++) {
		float count = seen(w->window.win, 1, b->ox + x);

		for (uint32_t i = 0, vl; i < w->window.cc; i += vl, to += vl) {
			vl = __riscv_vsetvl_e32m8(w->window.cc - i);
			__riscv_vse32_v_f32m8(to, __riscv_vfmv_v_f_f32m8(count, vl), vl);
		}
	}
}

/* Elements that the windows of lanes from @i on have in the image. */
SD_INLINE vfloat32m8_t counts(const struct work *w, uint32_t i, float rows, size_t vl)
{
	return __riscv_vfmul_vf_f32m8(__riscv_vle32_v_f32m8(w->columns + i, vl), rows, vl);
}

static void run_row(struct work *w, const struct block *b, const uint8_t *slab, uint32_t y)
{
	const struct sdo_pool2d *a = w->args;
	uint32_t n = b->tw * w->window.cc, row = w->window.width * w->window.cc * w->window.es;
	uint8_t *stage = w->stage + w->puts % 2 * SDO_WINDOW_STAGE;
	float rows = a->count_pad ? w->taps : seen(&a->win, 0, b->oy + y);

	if (w->puts >= 2)
		sd_await(C_OUT, w->puts - 1);
	for (uint32_t i = 0, vl; i < n; i += vl) {
		vfloat32m8_t v;

		vl = __riscv_vsetvl_e32m8(n - i);
		v = reduce_any(w, slab + y * row + i * w->window.es, vl);
		if (a->mode == SDO_POOL_AVG && a->count_pad)
			v = __riscv_vfdiv_vf_f32m8(v, rows, vl);
		else if (a->mode == SDO_POOL_AVG)
			v = __riscv_vfdiv_vv_f32m8(v, counts(w, i, rows, vl), vl);
		store_f32(a->type, stage + i * w->window.es, v, vl);
	}
	window_put(&w->window, b, y, 1, stage, w->window.es, DMA_OUT);
	sd_post(DMA_OUT, C_OUT);
	w->puts++;
}

SD_KERNEL(pool2d, struct sdo_pool2d)
{
	static SD_TCM uint32_t tap[SDO_WINDOW_MAX];
	struct work w = {
		.args = args, .taps = args->win.kh * args->win.kw,
		.window = {
			.win = &args->win, .es = sd_format_bits(args->type) / 8,
			.pattern = padding(args), .slab = sd_dynamic(), .channel = DMA_SLAB,
			.counter = C_SLAB, .tap = tap,
		},
	};
	bool inside_only = args->mode == SDO_POOL_AVG && !args->count_pad;
	uint32_t counted = ~0u;

	window_init(&w.window, SDO_WINDOW_RUN);
	w.stage = w.window.slab + 2 * SDO_WINDOW_SLAB;
	w.columns = (void *)(w.stage + 2 * SDO_WINDOW_STAGE);
	window_load(&w.window, 0);
	for (uint32_t i = 0; i < w.window.blocks; i++) {
		struct block b = window_block(&w.window, i);
		const uint8_t *slab = window_next(&w.window, i);

		if (inside_only && b.ox != counted) {
			count_columns(&w, &b);
			counted = b.ox;
		}
		for (uint32_t y = 0; y < b.th; y++)
			run_row(&w, &b, slab, y);
	}
}
