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

SD_INLINE float sum_of(uint32_t type, const struct stream_block *b, size_t from)
{
	vec sum = vec_splat(0, vec_max());
	size_t vl;

	for (size_t i = 0; i < b->cols; i += vl) {
		vl = vec_len(b->cols - i);

		vec x = vec_load(type, b->at[0], from + i, vl);

		sum = __riscv_vfadd_vv_f32m4_tu(sum, sum, x, vl);
	}
	return vec_sum(sum);
}

SD_INLINE float squares_of(const struct norm *s, uint32_t type, const struct stream_block *b,
			   size_t from)
{
	vec sum = vec_splat(0, vec_max());
	float middle = mean(s);
	size_t vl;

	for (size_t i = 0; i < b->cols; i += vl) {
		vl = vec_len(b->cols - i);

		vec x = vec_load(type, b->at[0], from + i, vl);

		x = __riscv_vfsub_vf_f32m4(x, middle, vl);
		sum = __riscv_vfmacc_vv_f32m4_tu(sum, x, x, vl);
	}
	return vec_sum(sum);
}

SD_INLINE void finish(const struct norm *s, uint32_t type, uint32_t type_weight,
		      uint32_t type_out, const struct stream_block *b, size_t from)
{
	const struct sdo_layer_norm *args = s->args;
	float factor = 1 / __builtin_sqrtf(s->squares / (float)args->n[0] + args->eps);
	float middle = mean(s);
	bool weighted = args->weight, shifted = args->bias;
	const uint8_t *weight = b->at[1], *bias = b->at[1 + weighted];
	uint8_t *out = b->at[1 + weighted + shifted];
	size_t vl;

	for (size_t i = 0; i < b->cols; i += vl) {
		vl = vec_len(b->cols - i);

		vec x = vec_load(type, b->at[0], from + i, vl), y;

		x = __riscv_vfsub_vf_f32m4(x, middle, vl);
		x = __riscv_vfmul_vf_f32m4(x, factor, vl);
		if (shifted)
			y = vec_load(type_weight, bias, i, vl);
		if (weighted) {
			vec w = vec_load(type_weight, weight, i, vl);

			x = shifted ? __riscv_vfmadd_vv_f32m4(x, w, y, vl) :
				      __riscv_vfmul_vv_f32m4(x, w, vl);
		} else if (shifted) {
			x = __riscv_vfadd_vv_f32m4(x, y, vl);
		}
		vec_store(type_out, out, from + i, x, vl);
	}
}

SD_INLINE void norm(struct norm *s, const struct stream_block *b, uint32_t type,
		    uint32_t type_weight, uint32_t type_out)
{
	for (uint64_t r = 0; r < b->rows; r++) {
		size_t from = r * b->cols;

		if (!b->pass) {
			if (!b->col)
				*s = (struct norm){ .args = s->args };
			s->sum += sum_of(type, b, from);
		}
		if (b->pass == 1 || !b->cut)
			s->squares += squares_of(s, type, b, from);
		if (b->pass == 2 || !b->cut)
			finish(s, type, type_weight, type_out, b, from);
	}
}

static void compute(void *context, const struct stream_block *b)
{
	struct norm *s = context;
	uint32_t type = s->args->type_x, weight = s->args->type_weight, out = s->args->type_out;

	/* what models do most gets loops without branches */
	if (type == SDO_BF16 && weight == SDO_BF16 && out == SDO_BF16)
		norm(s, b, SDO_BF16, SDO_BF16, SDO_BF16);
	else
		norm(s, b, type, weight, out);
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
