// SPDX-License-Identifier: MIT
/* activate: an activation function; see struct sdo_activate. */
#include "stream.h"
#include "vec.h"

static void compute(void *context, const struct stream_block *b)
{
	const struct sdo_activate *args = context;
	size_t count = b->rows * b->cols, vl;

	for (size_t i = 0; i < count; i += vl) {
		vl = vec_len(count - i);
		vec_store(args->type_out, b->at[1], i,
			  vec_act(args->act, vec_load(args->type_x, b->at[0], i, vl), vl), vl);
	}
}

SD_KERNEL(activate, struct sdo_activate)
{
	struct stream s = { .n = { args->n[0], args->n[1], args->n[2], args->n[3] }, .passes = 1 };

	stream_add(&s, &args->x, args->type_x);
	stream_add(&s, &args->out, args->type_out);
	stream_run(&s, compute, (void *)args);
}
