// SPDX-License-Identifier: MIT
/*
 * conv2d: convolution of images on the matrix engine (struct sdo_conv2d).
 *
 * A *unit* of work is a block of output pixels and up to 128 output channels of
 * one group. The input under it, a *slab*, lies in the scratchpad as the image
 * has it, channels fastest, with zeros where it hangs over the edge. No im2col:
 * an output pixel p of the block, counted along rows that are as long as the
 * slab's, has its input for a tap at a constant distance from that for p - 1, so
 * that a tile of 64 pixels is a matrix in place, whose row stride is a pixel (or
 * stride_w pixels). The results between the end of an output row and of the
 * slab's row are rubbish that is not written. With stride_h > 1 the slab holds
 * every stride_h-th row together, in as many *phases* as taps need.
 *
 * Taps that are neighbours in a row are one product of larger k. Channels that do
 * not fit into a slab are taken in chunks; a *step* is a chunk and a run of taps.
 * DMA streams slabs and weights ahead of the matrix engine, or brings weights once if
 * those of a whole unit fit and are the same for all; units use the two halves of the
 * accumulators in turn, and those of the unit before are stored between the first
 * products of the next.
 *
 * The invariant: slab q lies in buffer q % 2 and the weights of step t in buffer
 * t % ring, written after C_SLAB_USED and C_WEIGHTS_USED say that the ones before
 * there were multiplied; unit u is stored to stage u % 2 after C_OUT says that
 * unit u - 2 was written.
 */
#include <seedchip/ops_vision.h>

#include "image.h"

#define RING 16 /* buffers of weights, at most */
#define PARAMS 4 /* units whose bias and scale are kept */
#define TILE SC_ACC_DIM

enum channel { DMA_SLAB, DMA_WEIGHTS, DMA_OUT, DMA_PARAMS };

enum counter {
	C_SLAB,
	C_SLAB_USED,
	C_WEIGHTS,
	C_WEIGHTS_USED,
	C_PARAMS,
	C_STORED,
	C_OUT,
};

/*
 * How the work is cut. Blocks of @th x @tw pixels and @nb channels, of which
 * there are @rows x @columns x @blocks in each group; chunks of @cc channels; runs of
 * @run taps. @step_x: pixels of the slab from one output pixel to the next, @load_x:
 * pixels of the image from one of the slab to the next. @pitch: pixel positions
 * of a slab's row in units of @step_x.
 */
struct plan {
	uint32_t cg, kg;
	uint32_t es, ds;
	uint32_t step_x, load_x;
	uint32_t period, phases, last_y; /* tap row ky: phase ky % period, up to last_y down */
	uint32_t th, tw, nb;
	uint32_t cc, chunks; /* these and run: from the arguments alone */
	uint32_t run, runs;
	uint32_t rows, columns, blocks;
	uint32_t pitch;
	uint32_t units;
	uint64_t cost;
};

struct unit {
	uint32_t image, group, channel, nb;
	uint32_t oy, ox, th, tw;
	uint32_t m; /* positions, rubbish included */
};

struct work {
	const struct sdo_conv2d *args;
	struct plan plan;
	uint32_t units; /* of this workgroup */
	uint32_t steps; /* of a unit */
	uint32_t ring, slot; /* buffers of weights, and bytes of one */
	uint32_t loads; /* of weights: one for each step, or for each of the first unit */
	uint8_t *slab;
	uint8_t *weights;
	uint8_t *stage;
};

/* ---- plan ---- */

static uint32_t phase_bytes(const struct plan *p, uint32_t cc)
{
	return (p->th + p->last_y) * p->pitch * p->step_x * cc * p->es;
}

/* Complete and judge a plan with @th, @tw and @nb; false: its slab does not fit. */
static bool complete(const struct sdo_conv2d *a, struct plan *p)
{
	uint32_t tiles = div_up((p->th - 1) * p->pitch + p->tw, TILE) * (p->nb / TILE);
	uint32_t rate = p->es == 1 ? 1 : p->es == 2 ? 2 : 16, k = p->cc * p->run * rate;

	if ((uint64_t)p->phases * phase_bytes(p, p->cc) > SDO_CONV_SLAB)
		return false;
	p->rows = div_up(a->win.oh, p->th);
	p->columns = div_up(a->win.ow, p->tw);
	p->blocks = div_up(p->kg, p->nb);
	p->units = a->win.n * a->groups * p->rows * p->columns * p->blocks;
	p->cost = (uint64_t)p->chunks * a->win.kh * p->runs * tiles * (k + 16) + 300;
	p->cost *= div_up(p->units, sd_grid_x());
	return true;
}

/* The cheapest of some ways to cut the output into blocks. */
static struct plan make_plan(const struct sdo_conv2d *a)
{
	struct plan p = {
		.cg = a->win.c / a->groups, .kg = a->k / a->groups,
		.es = sd_format_bits(a->type) / 8, .ds = sd_format_bits(a->dst_type) / 8,
		.load_x = a->win.kw == 1 ? a->win.stride[1] : 1,
		.period = a->win.stride[0] / gcd(a->win.stride[0], a->win.dilation[0]),
		.last_y = (a->win.kh - 1) * a->win.dilation[0] / a->win.stride[0],
	};
	struct plan best = { .cost = UINT64_MAX };

	p.cc = sdo_conv2d_chunk(a);
	p.chunks = div_up(p.cg, p.cc);
	p.run = a->win.dilation[1] > 1 ? 1 : SDO_CONV_WEIGHTS / (p.cc * 2 * TILE * p.es);
	p.run = min_u32(p.run, a->win.kw);
	p.runs = div_up(a->win.kw, p.run);
	p.step_x = a->win.stride[1] / p.load_x;
	p.phases = min_u32(p.period, a->win.kh);
	for (p.nb = p.kg > TILE ? 2 * TILE : TILE; p.nb; p.nb = p.nb > TILE ? TILE : 0) {
		uint32_t room = SDO_CONV_TILES / (p.nb / TILE) * TILE;

		for (uint32_t tw = min_u32(a->win.ow, room); tw; tw /= 2) {
			p.tw = div_up(a->win.ow, div_up(a->win.ow, tw));
			p.pitch = p.tw + (a->win.kw - 1) * a->win.dilation[1] / p.step_x;
			p.th = min_u32((room - p.tw) / p.pitch + 1, a->win.oh);
			for (; p.th; p.th /= 2)
				if (complete(a, &p) && p.cost < best.cost)
					best = p;
		}
	}
	return best;
}

static struct unit unit_of(const struct work *w, uint32_t sequence)
{
	const struct sdo_conv2d *a = w->args;
	const struct plan *p = &w->plan;
	uint32_t i = sd_wg_x() + sequence * sd_grid_x();
	struct unit u;

	u.ox = i % p->columns * p->tw;
	i /= p->columns;
	u.oy = i % p->rows * p->th;
	i /= p->rows;
	u.image = i % a->win.n;
	i /= a->win.n;
	u.channel = i % p->blocks * p->nb;
	u.group = i / p->blocks;
	u.nb = min_u32(p->nb, p->kg - u.channel);
	u.th = min_u32(p->th, a->win.oh - u.oy);
	u.tw = min_u32(p->tw, a->win.ow - u.ox);
	u.m = (u.th - 1) * p->pitch + u.tw;
	return u;
}

/* ---- loads ---- */

static void load_slab(const struct work *w, uint32_t q)
{
	const struct sdo_conv2d *a = w->args;
	const struct plan *p = &w->plan;
	uint32_t c = q % p->chunks * p->cc, cc = min_u32(p->cc, p->cg - c);
	uint8_t *to = w->slab + q % 2 * SDO_CONV_SLAB;
	struct unit u;

	if (q / p->chunks >= w->units)
		return;
	u = unit_of(w, q / p->chunks);
	if (q >= 2)
		sd_hold(DMA_SLAB, C_SLAB_USED, q - 1);
	for (uint32_t i = 0; i < p->phases; i++) {
		struct image_part part = {
			.channel = DMA_SLAB,
			.src = a->win.src + u.image * a->win.src_stride[0] +
			       ((uint64_t)u.group * p->cg + c) * p->es,
			.y = (int64_t)u.oy * a->win.stride[0] - a->win.pad[0] +
			     i * a->win.dilation[0] % a->win.stride[0],
			.x = (int64_t)u.ox * a->win.stride[1] - a->win.pad[1],
			.step = { a->win.stride[0], p->load_x },
			.stride = { a->win.src_stride[1], a->win.src_stride[2] },
			.limit = { a->win.h, a->win.w },
			.size = { p->th + p->last_y, p->pitch * p->step_x },
			.pixel = cc * p->es,
			.pitch = cc * p->es,
			.to = to + i * phase_bytes(p, cc),
		};

		load_part(&part);
	}
	sd_post(DMA_SLAB, C_SLAB);
}

/* What a step multiplies: taps (ky, kx) to (ky, kx + run) of channels c to c + cc. */
struct step {
	uint32_t chunk, ky, kx, run, c, cc;
};

static struct step step_of(const struct work *w, uint32_t s)
{
	const struct plan *p = &w->plan;
	struct step t;

	t.kx = s % p->runs * p->run;
	s /= p->runs;
	t.ky = s % w->args->win.kh;
	t.chunk = s / w->args->win.kh;
	t.run = min_u32(p->run, w->args->win.kw - t.kx);
	t.c = t.chunk * p->cc;
	t.cc = min_u32(p->cc, p->cg - t.c);
	return t;
}

static uint8_t *weights_of(const struct work *w, uint32_t t)
{
	return w->weights + t % w->ring * w->slot;
}

static void load_weights(const struct work *w, uint32_t t)
{
	const struct sdo_conv2d *a = w->args;
	const struct plan *p = &w->plan;
	uint64_t pitch = (uint64_t)a->k * p->es;
	struct step s = step_of(w, t % w->steps);
	struct sc_dma d = {
		.kind = SC_DMA_COPY, .size1 = s.cc, .size2 = s.run,
		.dst = (uintptr_t)weights_of(w, t), .src_stride = { pitch, p->cg * pitch },
	};
	struct unit u;
	uint64_t row;

	u = unit_of(w, t / w->steps);
	if (t >= w->ring)
		sd_hold(DMA_WEIGHTS, C_WEIGHTS_USED, t - w->ring + 1);
	row = ((uint64_t)s.ky * a->win.kw + s.kx) * p->cg + s.c;
	d.size0 = u.nb * p->es;
	d.src = a->weight + row * pitch + ((uint64_t)u.group * p->kg + u.channel) * p->es;
	d.dst_stride[0] = d.size0;
	d.dst_stride[1] = s.cc * d.size0;
	sdd_go(DMA_WEIGHTS, &d);
	sd_post(DMA_WEIGHTS, C_WEIGHTS);
}

/* Weights from @next on, as many as there is room for at step @t. Return: the next ones. */
static uint32_t load_ahead(const struct work *w, uint32_t next, uint32_t t)
{
	for (; next < w->loads && next < t + w->ring; next++)
		load_weights(w, next);
	return next;
}

static SD_TCM uint32_t bias[PARAMS][2 * TILE];
static SD_TCM float scale[PARAMS][2 * TILE];

static void load_params(const struct work *w, uint32_t sequence)
{
	const struct sdo_conv2d *a = w->args;
	struct unit u;
	uint64_t at;

	if (sequence >= w->units)
		return;
	u = unit_of(w, sequence);
	at = ((uint64_t)u.group * w->plan.kg + u.channel) * 4;
	if (sequence >= PARAMS)
		sd_hold(DMA_PARAMS, C_STORED, sequence - PARAMS + 1);
	if (a->bias)
		sd_dma_1d(DMA_PARAMS, bias[sequence % PARAMS], (const void *)(a->bias + at),
			  u.nb * 4);
	if (a->scale)
		sd_dma_1d(DMA_PARAMS, scale[sequence % PARAMS], (const void *)(a->scale + at),
			  u.nb * 4);
	sd_post(DMA_PARAMS, C_PARAMS);
}

/* ---- matrix engine ---- */

/* The hart applies the scale where the engine cannot: from i32 to a float. */
static bool hart_scales(const struct sdo_conv2d *a)
{
	return a->scale && a->type == SC_FMT_I8 && a->dst_type != SC_FMT_I8;
}

static uint32_t accumulator(uint32_t sequence, uint32_t i)
{
	return sequence % 2 * SDO_CONV_TILES + i;
}

/*
 * A tile of a unit in one word, which the hart loads at once: distance of its input, in pixels
 * of the slab, its first channel from bit 32 on, and from bit 48 on rows and columns, as
 * descriptors have them.
 */
typedef uint64_t tile_t;

SD_INLINE uint32_t tile_in(tile_t t) { return (uint32_t)t; }
SD_INLINE uint32_t tile_n(tile_t t) { return t >> 32 & 0xffff; }
SD_INLINE uint32_t tile_size(tile_t t) { return t >> 48; }

/* The tiles of a unit, and how its results are stored. */
struct tiles {
	uint32_t count;
	tile_t tile[SDO_CONV_TILES];
	struct sc_tile store;
	const float *factors; /* NULL: the engine does not scale */
	uint8_t *stage;
	uint32_t row; /* bytes of a row of the stage */
	uint32_t element;
	uint32_t acc; /* the first one */
};

SD_INLINE void set_size(struct sc_tile *t, uint32_t size)
{
	t->m = size & 255;
	t->n = size >> 8;
}

static void set_tiles(const struct work *w, const struct unit *u, uint32_t sequence,
		      struct tiles *t)
{
	const struct sdo_conv2d *a = w->args;
	bool to_i8 = a->dst_type == SC_FMT_I8;
	tile_t *at = t->tile;

	for (uint32_t m = 0; m < u->m; m += TILE) {
		for (uint32_t n = 0; n < u->nb; n += TILE) {
			uint64_t rows = min_u32(TILE, u->m - m), columns = min_u32(TILE, u->nb - n);

			*at++ = m * w->plan.step_x | (uint64_t)n << 32 | rows << 48 | columns << 56;
		}
	}
	t->count = at - t->tile;
	t->store = (struct sc_tile){
		.fmt_a = a->type, .fmt_b = a->type,
		.fmt_store = hart_scales(a) ? SC_FMT_F32 : a->dst_type,
		.scale_a = ~0u, .scale_b = ~0u, .store_scale = ~0u,
	};
	t->factors = a->scale && (to_i8 || a->type != SC_FMT_I8) ? scale[sequence % PARAMS] : NULL;
	t->element = hart_scales(a) ? 4 : w->plan.ds;
	t->row = u->nb * t->element;
	t->stage = w->stage + sequence % 2 * SDO_CONV_STAGE;
	t->acc = accumulator(sequence, 0);
}

/* Store tile @i of a unit, scaled. */
__attribute__((noinline)) static void store(struct tiles *t, uint32_t i)
{
	uint32_t n = tile_n(t->tile[i]), m = i * TILE;

	if (t->row > TILE * t->element) /* two tiles side by side */
		m = i / 2 * TILE;
	set_size(&t->store, tile_size(t->tile[i]));
	if (t->factors && t->store.fmt_store == SC_FMT_I8)
		t->store.store_scale = sd_tcm_offset(t->factors + n);
	sdm_cfg(0, &t->store);
	if (t->factors && t->store.fmt_store != SC_FMT_I8)
		sdm_mul_c(t->acc + i, t->factors + n);
	sdm_st(t->acc + i, t->stage + m * t->row + n * t->element, t->row);
}

/* A step: products for the tiles of a unit, and those of the unit before to be stored meanwhile. */
struct products {
	const struct tiles *tiles;
	struct tiles *before;
	uint32_t stored, until;
	const uint8_t *in, *weights;
	const uint32_t *bias;
	uint32_t pixel, es; /* bytes */
	struct sc_tile tile;
};

/* How a product begins: with what is there, with 0, or with the bias. */
enum way { ADD, ZERO, BIAS };

/*
 * Accumulators are numbers of instructions: the loop is unrolled for each half of them. What it
 * needs is kept in registers, as memory may change at every instruction of an engine.
 */
SD_INLINE void multiply_tiles(struct products *x, uint32_t acc, enum way way)
{
	const uint8_t *const in = x->in, *const weights = x->weights;
	const uint32_t *const bias = x->bias;
	const uint32_t count = x->tiles->count, until = x->until, pixel = x->pixel, es = x->es;
	const tile_t *const tiles = x->tiles->tile;
	struct tiles *const before = x->before;
	uint32_t stored = x->stored, size = 0;

#pragma clang loop unroll(full)
	for (uint32_t i = 0; i < SDO_CONV_TILES; i++) {
		if (i < count) {
			tile_t t = tiles[i];

			if (size != tile_size(t)) {
				size = tile_size(t);
				set_size(&x->tile, size);
				sdm_cfg(0, &x->tile);
			}
			if (way == BIAS)
				sdm_ld(acc + i, bias + tile_n(t), 0);
			if (way == ZERO)
				sdm_mma_z(acc + i, in + tile_in(t) * pixel,
					  weights + tile_n(t) * es);
			else
				sdm_mma(acc + i, in + tile_in(t) * pixel, weights + tile_n(t) * es);
		}
		if (stored < until) {
			store(before, stored++);
			size = 0;
		}
	}
	x->stored = stored;
}

__attribute__((noinline)) static void multiply_add(struct products *x)
{
	if (x->tiles->acc)
		multiply_tiles(x, SDO_CONV_TILES, ADD);
	else
		multiply_tiles(x, 0, ADD);
}

__attribute__((noinline)) static void multiply_first(struct products *x)
{
	if (x->tiles->acc)
		multiply_tiles(x, SDO_CONV_TILES, x->bias ? BIAS : ZERO);
	else
		multiply_tiles(x, 0, x->bias ? BIAS : ZERO);
}

/* What is the same for all steps of a unit. */
static struct products products_of(const struct work *w, const struct unit *u, struct tiles *tiles,
				   struct tiles *before, uint32_t sequence)
{
	const struct sdo_conv2d *a = w->args;

	return (struct products){
		.tiles = tiles, .before = before, .es = w->plan.es,
		.bias = a->bias ? bias[sequence % PARAMS] : NULL,
		.tile = {
			.fmt_a = a->type, .fmt_b = a->type, .stride_b = u->nb * w->plan.es,
			.scale_a = ~0u, .scale_b = ~0u, .store_scale = ~0u,
		},
	};
}

static void set_step(const struct work *w, uint32_t sequence, uint32_t s, struct products *x)
{
	const struct sdo_conv2d *a = w->args;
	const struct plan *p = &w->plan;
	struct step st = step_of(w, s);
	uint32_t pixel = st.cc * p->es, row = st.ky * a->win.dilation[0] / a->win.stride[0];
	uint32_t t = sequence * w->steps + s;

	x->pixel = pixel;
	x->in = w->slab + (sequence * p->chunks + st.chunk) % 2 * SDO_CONV_SLAB +
		st.ky % p->period * phase_bytes(p, st.cc) +
		(row * p->pitch * p->step_x + st.kx * a->win.dilation[1]) * pixel;
	x->weights = weights_of(w, t < w->loads ? t : s);
	x->tile.k = st.run * st.cc;
	x->tile.stride_a = p->step_x * pixel;
}

/* Wait for what a step multiplies. */
static void await_step(const struct work *w, uint32_t sequence, uint32_t s, uint32_t per_chunk)
{
	uint32_t t = sequence * w->steps + s;

	if (s == 0) {
		sd_hold(SC_EQ_MATRIX, C_PARAMS, sequence + 1);
		if (sequence > 2)
			sd_hold(SC_EQ_MATRIX, C_OUT, sequence - 2);
	}
	if (s % per_chunk == 0)
		sd_hold(SC_EQ_MATRIX, C_SLAB, t / per_chunk + 1);
	if (t < w->loads)
		sd_hold(SC_EQ_MATRIX, C_WEIGHTS, t + 1);
}

/* Tiles of the unit before that are stored until the end of a step: as fast as products allow. */
static uint32_t stored_by(const struct work *w, const struct products *x, uint32_t s)
{
	uint32_t rate = w->plan.es == 1 ? 1 : w->plan.es == 2 ? 2 : 16;
	uint32_t meanwhile = x->tiles->count * x->tile.k * rate / (2 * TILE);
	uint32_t each = max_u32(meanwhile, div_up(x->before->count, w->steps));

	return min_u32(x->before->count, (s + 1) * each);
}

/* Step @s of a unit; the first ones also store the unit before. */
static void run_step(const struct work *w, struct products *x, uint32_t sequence, uint32_t s)
{
	uint32_t per_chunk = w->steps / w->plan.chunks, stored = x->stored;

	set_step(w, sequence, s, x);
	x->until = stored_by(w, x, s);
	await_step(w, sequence, s, per_chunk);
	if (s)
		multiply_add(x);
	else
		multiply_first(x);
	sd_post(SC_EQ_MATRIX, C_WEIGHTS_USED);
	if (s % per_chunk == per_chunk - 1)
		sd_post(SC_EQ_MATRIX, C_SLAB_USED);
	if (x->stored > stored && x->stored == x->before->count)
		sd_post(SC_EQ_MATRIX, C_STORED);
}

/* ---- output ---- */

/* Sums as f32 to the destination's type, in place. */
static void scale_rows(const struct work *w, const struct unit *u, uint8_t *stage,
		       const float *factors)
{
	const float *sum = (const void *)stage;

	for (uint32_t m = 0; m < u->m; m++) {
		for (uint32_t i = 0, vl; i < u->nb; i += vl) {
			uint32_t at = m * u->nb + i;
			vfloat32m8_t v;

			vl = __riscv_vsetvl_e32m8(u->nb - i);
			v = __riscv_vle32_v_f32m8(sum + at, vl);
			v = __riscv_vfmul_vv_f32m8(v, __riscv_vle32_v_f32m8(factors + i, vl), vl);
			store_f32(w->args->dst_type, stage + at * w->plan.ds, v, vl);
		}
	}
}

/* A limit as an element of I8. */
static int8_t limit_i8(float limit)
{
	int8_t v;

	store_f32(SC_FMT_I8, &v, __riscv_vfmv_v_f_f32m8(limit, 1), 1);
	return v;
}

/* The same for I8, without leaving it: integers up to @below lie below low, as integers do. */
static void activate_i8(const struct sdo_conv2d *a, int8_t *p, uint32_t n)
{
	bool lower = a->low > -128, upper = a->high < 127;
	int8_t low = limit_i8(a->low), high = limit_i8(a->high), below = 127, above = -128;

	if (lower && a->low <= 127)
		below = (int)a->low - ((float)(int)a->low >= a->low);
	if (upper && a->high >= -128)
		above = (int)a->high + ((float)(int)a->high <= a->high);
	for (uint32_t i = 0, vl; i < n; i += vl, p += vl) {
		vint8m8_t v, c;

		vl = __riscv_vsetvl_e8m8(n - i);
		v = __riscv_vle8_v_i8m8(p, vl);
		c = v;
		if (upper)
			c = __riscv_vmerge_vxm_i8m8(c, high, __riscv_vmsge_vx_i8m8_b1(v, above, vl),
						    vl);
		if (lower)
			c = __riscv_vmerge_vxm_i8m8(c, low, __riscv_vmsle_vx_i8m8_b1(v, below, vl),
						    vl);
		__riscv_vse8_v_i8m8(p, c, vl);
	}
}

static void activate(const struct work *w, uint8_t *p, uint32_t n)
{
	const struct sdo_conv2d *a = w->args;

	if (a->dst_type == SC_FMT_I8) {
		activate_i8(a, (int8_t *)p, n);
		return;
	}
	for (uint32_t i = 0, vl; i < n; i += vl, p += vl * w->plan.ds) {
		vfloat32m8_t v;

		vl = __riscv_vsetvl_e32m8(n - i);
		v = load_f32(a->dst_type, p, vl);
		v = clamp_f32(v, a->low, a->high, vl);
		store_f32(a->dst_type, p, v, vl);
	}
}

/* Write a unit that the matrix engine has stored, or will have. */
static void finish(const struct work *w, uint32_t sequence)
{
	const struct sdo_conv2d *a = w->args;
	const struct plan *p = &w->plan;
	struct unit u = unit_of(w, sequence);
	uint8_t *stage = w->stage + sequence % 2 * SDO_CONV_STAGE;
	uint32_t pixel = u.nb * p->ds;
	struct sc_dma d = {
		.kind = SC_DMA_COPY, .size0 = pixel, .size1 = u.tw, .size2 = u.th,
		.src = (uintptr_t)stage,
		.dst = a->win.dst + u.image * a->win.dst_stride[0] + u.oy * a->win.dst_stride[1] +
		       u.ox * a->win.dst_stride[2] +
		       ((uint64_t)u.group * p->kg + u.channel) * p->ds,
		.src_stride = { pixel, p->pitch * pixel },
		.dst_stride = { a->win.dst_stride[2], a->win.dst_stride[1] },
	};

	if (hart_scales(a) || a->clamp)
		sd_await(C_STORED, sequence + 1);
	else
		sd_hold(DMA_OUT, C_STORED, sequence + 1);
	if (hart_scales(a)) {
		sd_await(C_PARAMS, sequence + 1);
		scale_rows(w, &u, stage, scale[sequence % PARAMS]);
	}
	if (a->clamp)
		activate(w, stage, u.m * u.nb);
	sdd_go(DMA_OUT, &d);
	sd_post(DMA_OUT, C_OUT);
}

/* Store the last unit. */
static void store_last(const struct work *w, struct tiles *t)
{
	if (w->units > 2)
		sd_hold(SC_EQ_MATRIX, C_OUT, w->units - 2);
	for (uint32_t i = 0; i < t->count; i++)
		store(t, i);
	sd_post(SC_EQ_MATRIX, C_STORED);
}

/* Buffers of weights, and how often they are filled. */
static void plan_weights(struct work *w)
{
	const struct plan *p = &w->plan;

	w->slot = align_up(p->run * p->cc * min_u32(p->nb, p->kg) * p->es, 64);
	w->ring = min_u32(RING, 3 * SDO_CONV_WEIGHTS / w->slot);
	w->loads = w->units * w->steps;
	if (w->steps <= w->ring && p->blocks * w->args->groups == 1)
		w->loads = w->steps;
}

SD_KERNEL(conv2d, struct sdo_conv2d)
{
	struct work w = { .args = args, .plan = make_plan(args), .slab = sd_dynamic() };
	uint32_t units = w.plan.units, per_chunk, next;
	struct tiles tiles[2] = { 0 };

	sd_assert(w.plan.cost != UINT64_MAX); /* else sdo_conv2d_dim() refuses */
	if (sd_wg_x() >= units)
		return;
	w.units = div_up(units - sd_wg_x(), sd_grid_x());
	w.steps = w.plan.chunks * args->win.kh * w.plan.runs;
	w.weights = w.slab + 2 * SDO_CONV_SLAB;
	w.stage = w.weights + 3 * SDO_CONV_WEIGHTS;
	per_chunk = w.steps / w.plan.chunks;
	plan_weights(&w);
	load_slab(&w, 0);
	next = load_ahead(&w, 0, 0);
	load_params(&w, 0);
	for (uint32_t sequence = 0; sequence < w.units; sequence++) {
		struct tiles *now = &tiles[sequence % 2], *before = &tiles[(sequence + 1) % 2];
		struct unit u = unit_of(&w, sequence);
		struct products x = products_of(&w, &u, now, before, sequence);

		set_tiles(&w, &u, sequence, now);
		load_params(&w, sequence + 1);
		for (uint32_t s = 0; s < w.steps; s++) {
			uint32_t t = sequence * w.steps + s;

			if (s % per_chunk == 0)
				load_slab(&w, t / per_chunk + 1);
			next = load_ahead(&w, next, t);
			run_step(&w, &x, sequence, s);
		}
		if (sequence)
			finish(&w, sequence - 1);
	}
	store_last(&w, &tiles[(w.units - 1) % 2]);
	finish(&w, w.units - 1);
}
