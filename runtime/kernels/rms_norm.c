// SPDX-License-Identifier: MIT
/* rms_norm: rows divided by their root mean square; see struct sdo_rms_norm. */
#include "stream.h"
#include "vec.h"

struct norm {
	const struct sdo_rms_norm *args;
	float sum;
};

SD_INLINE void squares(struct norm *s, uint32_t type, const struct stream_block *b, size_t from)
{
	vec sum = vec_splat(0, vec_max());
	size_t vl;

	for (size_t i = 0; i < b->cols; i += vl) {
		vl = vec_len(b->cols - i);
		if (type == SDO_BF16) {
			vbfloat16m2_t x;

			x = __riscv_vle16_v_bf16m2((const __bf16 *)b->at[0] + from + i, vl);
			sum = __riscv_vfwmaccbf16_vv_f32m4_tu(sum, x, x, vl);
		} else {
			vec x = vec_load(type, b->at[0], from + i, vl);

			sum = __riscv_vfmacc_vv_f32m4_tu(sum, x, x, vl);
		}
	}
	s->sum += vec_sum(sum);
}

SD_INLINE void finish(const struct norm *s, uint32_t type, uint32_t type_weight,
		      uint32_t type_out, const struct stream_block *b, size_t from)
{
	const struct sdo_rms_norm *args = s->args;
	float factor = 1 / __builtin_sqrtf(s->sum / (float)args->n[0] + args->eps);
	bool weighted = args->weight;
	uint8_t *out = b->at[weighted ? 2 : 1];
	size_t vl;

	for (size_t i = 0; i < b->cols; i += vl) {
		vl = vec_len(b->cols - i);

		vec x = vec_load(type, b->at[0], from + i, vl), y;

		x = __riscv_vfmul_vf_f32m4(x, factor, vl);
		if (weighted) {
			y = vec_load(type_weight, b->at[1], i, vl);
			x = __riscv_vfmul_vv_f32m4(x, y, vl);
		}
		vec_store(type_out, out, from + i, x, vl);
	}
}

SD_INLINE void norm(struct norm *s, const struct stream_block *b, uint32_t type,
		    uint32_t type_weight, uint32_t type_out)
{
	for (uint64_t r = 0; r < b->rows; r++) {
		if (!b->pass) {
			if (!b->col)
				s->sum = 0;
			squares(s, type, b, r * b->cols);
		}
		if (b->pass || !b->cut)
			finish(s, type, type_weight, type_out, b, r * b->cols);
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

SD_KERNEL(rms_norm, struct sdo_rms_norm)
{
	struct norm context = { .args = args };
	struct stream s = {
		.n = { args->n[0], args->n[1], args->n[2], args->n[3] },
		.whole_rows = true,
		.passes = 2,
	};

	stream_add(&s, &args->x, args->type_x);
	if (args->weight)
		stream_add_row(&s, args->weight, args->type_weight);
	stream_add(&s, &args->out, args->type_out);
	stream_run(&s, compute, &context);
}
