// SPDX-License-Identifier: MIT
/*
 * softmax: of rows, with scale, mask and causal limit; see struct sdo_softmax.
 * Greatest element and sum in one pass, which is corrected when a later part of
 * the row has a greater one.
 */
#include "stream.h"
#include "vec.h"

struct softmax {
	const struct sdo_softmax *args;
	uint32_t type, type_mask, type_out;
	bool masked;
	float scale;
	float greatest, sum; /* of the row so far; the former in units of log2 */
};

/* Elements @i and following, scaled and masked, in units of log2, plus @more. */
SD_INLINE vec load(const struct softmax *s, const struct stream_block *b, size_t i, vec more,
		   size_t vl)
{
	vec x = vec_load(s->type, b->at[0], i, vl);

	x = __riscv_vfmadd_vf_f32m4(x, s->scale, more, vl);
	if (s->masked)
		x = __riscv_vfmacc_vf_f32m4(x, LOG2E, vec_load(s->type_mask, b->at[1], i, vl), vl);
	return x;
}

static void statistics(struct softmax *state, const struct stream_block *b, size_t from,
		       size_t count)
{
	const struct softmax s = *state;
	vec greatest = vec_splat(s.greatest, vec_max()), sum = vec_splat(0, vec_max()), zero = sum;
	size_t vl;

	for (size_t i = 0; i < count; i += vl) {
		vl = vec_len(count - i);

		vec x = load(&s, b, from + i, zero, vl);

		greatest = __riscv_vfmax_vv_f32m4_tu(greatest, greatest, x, vl);
	}
	state->greatest = vec_greatest(greatest);
	if (state->greatest != -__builtin_inff())
		zero = vec_splat(-state->greatest, vec_max());
	for (size_t i = 0; i < count; i += vl) {
		vl = vec_len(count - i);

		vec x = sd_vexp2_f32m4(load(&s, b, from + i, zero, vl), vl);

		sum = __riscv_vfadd_vv_f32m4_tu(sum, sum, x, vl);
	}
	if (s.sum > 0) {
		vec factor = sd_vexp2_f32m4(vec_splat(s.greatest - state->greatest, 1), 1);

		state->sum *= __riscv_vfmv_f_s_f32m4_f32(factor);
	}
	state->sum += vec_sum(sum);
}

static void finish(const struct softmax *state, const struct stream_block *b, size_t from,
		   size_t visible, size_t count)
{
	const struct softmax s = *state;
	uint8_t *out = b->at[s.masked ? 2 : 1];
	vec less = vec_splat(-s.greatest, vec_max());
	float factor = 1 / s.sum;
	size_t vl;

	for (size_t i = 0; i < visible; i += vl) {
		vl = vec_len(visible - i);

		vec x = sd_vexp2_f32m4(load(&s, b, from + i, less, vl), vl);

		vec_store(s.type_out, out, from + i, __riscv_vfmul_vf_f32m4(x, factor, vl), vl);
	}
	for (size_t i = visible; i < count; i += vl) {
		vl = vec_len(count - i);
		vec_store(s.type_out, out, from + i, vec_splat(0, vl), vl);
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
				s->greatest = -__builtin_inff();
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
		.scale = args->scale * LOG2E,
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
