// SPDX-License-Identifier: MIT
/*
 * layer_norm: rows less their mean, divided by their deviation; see struct
 * sdo_layer_norm. A row that is cut takes three passes: mean, variance, result.
 */
#include "stream.h"
#include "vec.h"

struct norm {
	const struct sdo_layer_norm *args;
	float sum, squares; /* of the row so far; the latter of distances from the mean */
};

static float mean(const struct norm *s)
{
	return s->sum / (float)s->args->n[0];
}

static float sum_of(const struct norm *s, const struct stream_block *b, size_t from)
{
	vec sum = vec_splat(0, vec_max());
	size_t vl;

	for (size_t i = 0; i < b->cols; i += vl) {
		vl = vec_len(b->cols - i);

		vec x = vec_load(s->args->type_x, b->at[0], from + i, vl);

		sum = __riscv_vfadd_vv_f32m4_tu(sum, sum, x, vl);
	}
	return vec_sum(sum);
}

static float squares_of(const struct norm *s, const struct stream_block *b, size_t from)
{
	vec sum = vec_splat(0, vec_max());
	size_t vl;

	for (size_t i = 0; i < b->cols; i += vl) {
		vl = vec_len(b->cols - i);

		vec x = vec_load(s->args->type_x, b->at[0], from + i, vl);

		x = __riscv_vfsub_vf_f32m4(x, mean(s), vl);
		sum = __riscv_vfmacc_vv_f32m4_tu(sum, x, x, vl);
	}
	return vec_sum(sum);
}

static void finish(const struct norm *s, const struct stream_block *b, size_t from)
{
	const struct sdo_layer_norm *args = s->args;
	float factor = 1 / __builtin_sqrtf(s->squares / (float)args->n[0] + args->eps);
	unsigned int at = 0;
	size_t vl;

	for (size_t i = 0; i < b->cols; i += vl) {
		vl = vec_len(b->cols - i);

		vec x = vec_load(args->type_x, b->at[0], from + i, vl), y;

		x = __riscv_vfsub_vf_f32m4(x, mean(s), vl);
		x = __riscv_vfmul_vf_f32m4(x, factor, vl);
		at = 1;
		if (args->weight) {
			y = vec_load(args->type_weight, b->at[at++], i, vl);
			x = __riscv_vfmul_vv_f32m4(x, y, vl);
		}
		if (args->bias) {
			y = vec_load(args->type_weight, b->at[at++], i, vl);
			x = __riscv_vfadd_vv_f32m4(x, y, vl);
		}
		vec_store(args->type_out, b->at[at], from + i, x, vl);
	}
}

static void compute(void *context, const struct stream_block *b)
{
	struct norm *s = context;

	for (uint64_t r = 0; r < b->rows; r++) {
		size_t from = r * b->cols;

		if (!b->pass) {
			if (!b->col)
				*s = (struct norm){ .args = s->args };
			s->sum += sum_of(s, b, from);
		}
		if (b->pass == 1 || !b->cut)
			s->squares += squares_of(s, b, from);
		if (b->pass == 2 || !b->cut)
			finish(s, b, from);
	}
}

SD_KERNEL(layer_norm, struct sdo_layer_norm)
{
	struct norm context = { .args = args };
	struct stream s = {
		.n = { args->n[0], args->n[1], args->n[2], args->n[3] },
		.whole_rows = true,
		.passes = 3,
	};

	stream_add(&s, &args->x, args->type_x);
	if (args->weight)
		stream_add_row(&s, args->weight, args->type_weight);
	if (args->bias)
		stream_add_row(&s, args->bias, args->type_weight);
	stream_add(&s, &args->out, args->type_out);
	stream_run(&s, compute, &context);
}
