// SPDX-License-Identifier: MIT
/*
 * softmax: of rows, with scale, mask and causal limit; see struct sdo_softmax.
 * Greatest element and sum in one pass, which is corrected when a later part of
 * the row has a greater one.
 *
 * Powers are of 2: of y log2(e) less that of the greatest, in fused steps that lose
 * nothing but the last bits of small differences. Where y is so large that the
 * roundings of the two could be powers of their own (masks of -FLT_MAX are), they
 * are those of differences of rounded y.
 */
#include "stream.h"
#include "vec.h"

#define WIDE 0x1p24f /* from here on neighbours are powers apart */

struct softmax {
	const struct sdo_softmax *args;
	uint32_t type, type_mask, type_out;
	bool masked;
	float scale, scale2; /* the latter times log2(e) */
	float greatest, sum; /* of the row so far */
	float base; /* of the powers: greatest, in units of log2 */
	bool wide; /* greatest is */
};

static void set_greatest(struct softmax *s, float greatest)
{
	s->greatest = greatest;
	s->base = greatest * LOG2E;
	s->wide = !(__builtin_fabsf(greatest) < WIDE);
}

/* Elements @i and following, scaled and masked. */
SD_INLINE vec load(const struct softmax *s, const struct stream_block *b, size_t i, size_t vl)
{
	vec x = __riscv_vfmul_vf_f32m4(vec_load(s->type, b->at[0], i, vl), s->scale, vl);

	if (s->masked)
		x = __riscv_vfadd_vv_f32m4(x, vec_load(s->type_mask, b->at[1], i, vl), vl);
	return x;
}

/* Their exponentials, divided by that of the greatest; @less: -base. @wide is s->wide. */
SD_INLINE vec powers(const struct softmax *s, const struct stream_block *b, size_t i, vec less,
		     bool wide, size_t vl)
{
	vec x, mask;

	if (wide)
		return vec_exp(__riscv_vfsub_vf_f32m4(load(s, b, i, vl), s->greatest, vl), vl);
	x = vec_load(s->type, b->at[0], i, vl);
	if (!s->masked)
		return sd_vexp2_f32m4(__riscv_vfmadd_vf_f32m4(x, s->scale2, less, vl), vl);
	mask = vec_load(s->type_mask, b->at[1], i, vl);
	mask = __riscv_vfmadd_vf_f32m4(mask, LOG2E, less, vl);
	return sd_vexp2_f32m4(__riscv_vfmadd_vf_f32m4(x, s->scale2, mask, vl), vl);
}

SD_INLINE float greatest_of(struct softmax s, const struct stream_block *b, size_t from,
			    size_t count)
{
	vec greatest = vec_splat(s.greatest, vec_max());

	for (size_t i = 0, vl; i < count; i += vl) {
		vl = vec_len(count - i);
		greatest = __riscv_vfmax_vv_f32m4_tu(greatest, greatest, load(&s, b, from + i, vl),
						     vl);
	}
	return vec_greatest(greatest);
}

SD_INLINE float sum_of(struct softmax s, const struct stream_block *b, size_t from, size_t count,
		       bool wide)
{
	vec sum = vec_splat(0, vec_max()), base = vec_splat(-s.base, vec_max());

	for (size_t i = 0, vl; i < count; i += vl) {
		vl = vec_len(count - i);
		sum = __riscv_vfadd_vv_f32m4_tu(sum, sum, powers(&s, b, from + i, base, wide, vl),
						vl);
	}
	return vec_sum(sum);
}

static void statistics(struct softmax *state, const struct stream_block *b, size_t from,
		       size_t count)
{
	const struct softmax was = *state;
	struct softmax s;

	set_greatest(state, greatest_of(was, b, from, count));
	s = *state;
	if (s.greatest == -__builtin_inff())
		set_greatest(&s, 0);
	if (was.sum > 0) {
		float less = was.base - s.base;

		if (was.wide || s.wide)
			less = (was.greatest - s.greatest) * LOG2E;

		vec factor = sd_vexp2_f32m4(vec_splat(less, 1), 1);

		state->sum *= __riscv_vfmv_f_s_f32m4_f32(factor);
	}
	state->sum += s.wide ? sum_of(s, b, from, count, true) : sum_of(s, b, from, count, false);
}

SD_INLINE void store_visible(struct softmax s, const struct stream_block *b, size_t from,
			     size_t visible, bool wide)
{
	vec base = vec_splat(-s.base, vec_max()), x;
	float factor = 1 / s.sum;

	for (size_t i = 0, vl; i < visible; i += vl) {
		vl = vec_len(visible - i);
		x = powers(&s, b, from + i, base, wide, vl);
		vec_store(s.type_out, b->at[s.masked ? 2 : 1], from + i,
			  __riscv_vfmul_vf_f32m4(x, factor, vl), vl);
	}
}

static void finish(const struct softmax *s, const struct stream_block *b, size_t from,
		   size_t visible, size_t count)
{
	size_t vl;

	if (s->wide)
		store_visible(*s, b, from, visible, true);
	else
		store_visible(*s, b, from, visible, false);
	for (size_t i = visible; i < count; i += vl) {
		vl = vec_len(count - i);
		vec_store(s->type_out, b->at[s->masked ? 2 : 1], from + i, vec_splat(0, vl), vl);
	}
}

static void compute(void *context, const struct stream_block *b)
{
	struct softmax *s = context;

	for (uint64_t r = 0; r < b->rows; r++) {
		int64_t visible = (int64_t)b->cols;

		if (s->args->flags & SDO_SOFTMAX_CAUSAL)
			visible = (int64_t)(b->row + r) + s->args->offset + 1 - (int64_t)b->col;
		if (visible < 0)
			visible = 0;
		if (visible > (int64_t)b->cols)
			visible = (int64_t)b->cols;
		if (!b->pass) {
			if (!b->col) {
				set_greatest(s, -__builtin_inff());
				s->sum = 0;
			}
			statistics(s, b, r * b->cols, (size_t)visible);
		}
		if (b->pass || !b->cut)
			finish(s, b, r * b->cols, (size_t)visible, b->cols);
	}
}

SD_KERNEL(softmax, struct sdo_softmax)
{
	struct softmax context = {
		.args = args, .type = args->type_x, .type_mask = args->type_mask,
		.type_out = args->type_out, .masked = args->mask.address,
		.scale = args->scale, .scale2 = args->scale * LOG2E,
	};
	struct stream s = {
		.n = { args->n[0], args->n[1], args->n[2], args->n[3] },
		.whole_rows = true,
		.keep_rows = args->flags & SDO_SOFTMAX_CAUSAL,
		.passes = 2,
	};

	stream_add(&s, &args->x, args->type_x);
	if (args->mask.address)
		stream_add(&s, &args->mask, args->type_mask);
	stream_add(&s, &args->out, args->type_out);
	stream_run(&s, compute, &context);
}
