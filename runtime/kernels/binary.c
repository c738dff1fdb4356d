// SPDX-License-Identifier: MIT
/* binary: sum, difference, product and quotient, with broadcasting; see struct sdo_binary. */
#include "stream.h"
#include "vec.h"

static void compute(void *context, const struct stream_block *b)
{
	const struct sdo_binary *args = context;
	size_t count = b->rows * b->cols, vl;

	for (size_t i = 0; i < count; i += vl) {
		vl = vec_len(count - i);

		vec x = vec_load(args->type_a, b->at[0], i, vl);
		vec y = vec_load(args->type_b, b->at[1], i, vl);

		switch (args->op) {
		case SDO_ADD:
			x = __riscv_vfadd_vv_f32m4(x, y, vl);
			break;
		case SDO_SUB:
			x = __riscv_vfsub_vv_f32m4(x, y, vl);
			break;
		case SDO_MUL:
			x = __riscv_vfmul_vv_f32m4(x, y, vl);
			break;
		default:
			x = __riscv_vfdiv_vv_f32m4(x, y, vl);
		}
		vec_store(args->type_out, b->at[2], i, x, vl);
	}
}

SD_KERNEL(binary, struct sdo_binary)
{
	struct stream s = { .passes = 1 };
	struct sdo_view a = args->a, b = args->b;

	for (unsigned int i = 0; i < 4; i++) {
		s.n[i] = args->n_a[i] == 1 ? args->n_b[i] : args->n_a[i];
		if (args->n_a[i] == 1)
			a.stride[i] = 0;
		if (args->n_b[i] == 1)
			b.stride[i] = 0;
	}
	stream_add(&s, &a, args->type_a);
	stream_add(&s, &b, args->type_b);
	stream_add(&s, &args->out, args->type_out);
	stream_run(&s, compute, (void *)args);
}
