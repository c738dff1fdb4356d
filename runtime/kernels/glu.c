// SPDX-License-Identifier: MIT
/* glu: gated linear units, an activation times a factor; see struct sdo_glu. */
#include "stream.h"
#include "vec.h"

static void compute(void *context, const struct stream_block *b)
{
	const struct sdo_glu *args = context;
	size_t count = b->rows * b->cols, vl;

	for (size_t i = 0; i < count; i += vl) {
		vl = vec_len(count - i);

		vec x = vec_act(args->act, vec_load(args->type_gate, b->at[0], i, vl), vl);
		vec y = vec_load(args->type_up, b->at[1], i, vl);

		vec_store(args->type_out, b->at[2], i, __riscv_vfmul_vv_f32m4(x, y, vl), vl);
	}
}

SD_KERNEL(glu, struct sdo_glu)
{
	struct stream s = { .n = { args->n[0], args->n[1], args->n[2], args->n[3] }, .passes = 1 };

	stream_add(&s, &args->gate, args->type_gate);
	stream_add(&s, &args->up, args->type_up);
	stream_add(&s, &args->out, args->type_out);
	stream_run(&s, compute, (void *)args);
}
