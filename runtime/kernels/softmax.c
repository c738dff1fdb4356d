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
	float greatest, sum; /* of the row so far */
};

/* Elements @i and following, scaled and masked. */
static vec load(const struct sdo_softmax *args, const struct stream_block *b, size_t i, size_t vl)
{
	vec x = vec_load(args->type_x, b->at[0], i, vl);

	x = __riscv_vfmul_vf_f32m4(x, args->scale, vl);
	if (args->mask.address)
		x = __riscv_vfadd_vv_f32m4(x, vec_load(args->type_mask, b->at[1], i, vl), vl);
	return x;
}

static vec power(vec x, float greatest, size_t vl)
{
	return vec_exp(__riscv_vfsub_vf_f32m4(x, greatest, vl), vl);
}

static void statistics(struct softmax *s, const struct stream_block *b, size_t from, size_t count)
{
	vec greatest = vec_splat(s->greatest, vec_max()), sum = vec_splat(0, vec_max());
	float before = s->greatest, zero;
	size_t vl;

	for (size_t i = 0; i < count; i += vl) {
		vl = vec_len(count - i);
		greatest = __riscv_vfmax_vv_f32m4_tu(greatest, greatest,
						     load(s->args, b, from + i, vl), vl);
	}
	s->greatest = vec_greatest(greatest);
	zero = s->greatest == -__builtin_inff() ? 0 : s->greatest;
	for (size_t i = 0; i < count; i += vl) {
		vl = vec_len(count - i);

		vec x = power(load(s->args, b, from + i, vl), zero, vl);

		sum = __riscv_vfadd_vv_f32m4_tu(sum, sum, x, vl);
	}
	if (s->sum > 0) {
		vec factor = vec_exp(vec_splat(before - s->greatest, 1), 1);

		s->sum *= __riscv_vfmv_f_s_f32m4_f32(factor);
	}
	s->sum += vec_sum(sum);
}

static void finish(const struct softmax *s, const struct stream_block *b, size_t from,
		   size_t visible, size_t count)
{
	uint32_t type = s->args->type_out;
	uint8_t *out = b->at[s->args->mask.address ? 2 : 1];
	size_t vl;

	for (size_t i = 0; i < visible; i += vl) {
		vl = vec_len(visible - i);

		vec x = power(load(s->args, b, from + i, vl), s->greatest, vl);

		vec_store(type, out, from + i, __riscv_vfmul_vf_f32m4(x, 1 / s->sum, vl), vl);
	}
	for (size_t i = visible; i < count; i += vl) {
		vl = vec_len(count - i);
		vec_store(type, out, from + i, vec_splat(0, vl), vl);
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
	struct softmax context = { .args = args };
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
