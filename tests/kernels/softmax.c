// SPDX-License-Identifier: MIT
/* softmax against exp() in double: scale, masks, causal limits, rows that do not fit. */
#include "tensor.h"

struct softmax_case {
	uint32_t n[4];
	bool masked, causal;
	int32_t offset;
	enum kt_data data;
};

/* One row of doubles in place. */
static void reference(double *y, int64_t visible, int64_t count)
{
	double greatest = -INFINITY, sum = 0;

	for (int64_t i = 0; i < visible; i++)
		greatest = y[i] > greatest ? y[i] : greatest;
	for (int64_t i = 0; i < visible; i++)
		sum += exp(y[i] - greatest);
	for (int64_t i = 0; i < count; i++)
		y[i] = i < visible ? exp(y[i] - greatest) / sum : 0;
}

static void run_case(const struct softmax_case *c)
{
	uint32_t mask_n[4] = { c->n[0], c->n[1], 1, 1 };
	struct tensor x = tensor_filled(float_type(), c->n, kt_random() % LAYOUTS, c->data);
	struct tensor mask = tensor_filled(float_type(), mask_n, GAPS, KT_PLAIN);
	bool in_place = kt_random() % 4 == 0;
	struct tensor out = in_place ? x : tensor_make(float_type(), c->n, kt_random() % LAYOUTS);
	struct sdo_softmax args = {
		.x = x.view, .out = out.view, .n = { c->n[0], c->n[1], c->n[2], c->n[3] },
		.type_x = x.type, .type_mask = mask.type, .type_out = out.type, .scale = 1.7f,
		.flags = c->causal ? SDO_SOFTMAX_CAUSAL : 0, .offset = c->offset,
	};
	size_t count = tensor_count(&x), cols = c->n[0];
	double *want = calloc(count + 1, sizeof(*want));
	struct seedchip_dim dim;

	for (size_t i = 0; i < tensor_count(&mask); i++)
		if (kt_random() % 4 == 0)
			kt_set(mask.type, tensor_at(&mask, i), 0, -INFINITY);
	if (c->masked) {
		args.mask = mask.view;
		args.mask.stride[2] = 0;
		args.mask.stride[3] = 0;
	}
	for (size_t i = 0; i < count; i++) {
		want[i] = (float)((float)tensor_get(&x, i) * args.scale);
		if (c->masked)
			want[i] += tensor_get(&mask, i % tensor_count(&mask));
	}
	for (size_t r = 0; cols && r < count / cols; r++) {
		int64_t visible = (int64_t)(r % c->n[1]) + c->offset + 1;

		if (!c->causal || visible > (int64_t)cols)
			visible = (int64_t)cols;
		reference(want + r * cols, visible, (int64_t)cols);
	}
	KT_DIM(sdo_softmax_dim(&args, &kt_card, &dim));
	kt_run("softmax", "softmax", &args, sizeof(args), &dim);
	tensor_check("softmax", &out, want, 0x1p-21 + type_absolute(out.type),
		     0x1p-20 + type_relative(out.type));
	free(want);
	if (!in_place)
		free(x.before);
	free(mask.before);
	kt_free();
}

static void test_sizes(void)
{
	for (int i = 0; i < (kt_reduced ? 4 : 40); i++) {
		struct softmax_case c = { .masked = i & 1, .causal = i & 2 };

		c.n[0] = any_size(2100);
		c.n[1] = (uint32_t)kt_between(1, 9);
		c.n[2] = (uint32_t)kt_between(1, 3);
		c.n[3] = (uint32_t)kt_between(1, 2);
		c.offset = kt_between(-4, (int)c.n[0]);
		run_case(&c);
	}
}

static void test_corners(void)
{
	struct softmax_case one = { .n = { 1, 1, 1, 1 } }, none = { .n = { 0, 4, 2, 1 } };
	struct softmax_case odd = { .n = { 77, 40, 1, 1 }, .data = KT_CORNER };

	run_case(&one);
	run_case(&none);
	run_case(&odd);
}

/* Rows that are longer than a slot of the scratchpad come in parts, and twice. */
static void test_long_rows(void)
{
	struct softmax_case c = { .n = { kt_reduced ? 13001 : 40013, 3, 1, 1 } };

	run_case(&c);
	c.masked = true;
	c.causal = true;
	c.offset = 13000;
	run_case(&c);
}

/* A first part in which nothing counts says nothing about the rest of the row. */
static void test_masked_part(void)
{
	uint32_t n[4] = { 30000, 1, 1, 1 };
	struct tensor x = tensor_filled(SDO_F32, n, DENSE, KT_PLAIN);
	struct tensor out = tensor_make(SDO_F32, n, DENSE);
	struct sdo_softmax args = { .x = x.view, .out = out.view, .n = { n[0], 1, 1, 1 },
				    .type_x = SDO_F32, .type_out = SDO_F32, .scale = 1 };
	double *want = calloc(n[0], sizeof(*want));
	struct seedchip_dim dim;

	for (size_t i = 0; i < n[0]; i++) {
		if (i < 20000)
			kt_set(SDO_F32, x.mem.host, i, -INFINITY);
		want[i] = tensor_get(&x, i);
	}
	reference(want, n[0], n[0]);
	KT_DIM(sdo_softmax_dim(&args, &kt_card, &dim));
	kt_run("softmax", "softmax", &args, sizeof(args), &dim);
	tensor_check("masked part", &out, want, 0, 0x1p-19);
	free(want);
	free(x.before);
}

/*
 * Elements so large that their roundings could be powers: masks of the lowest number, of
 * all elements of a row or of some, and one element far above the others.
 */
static void test_large(void)
{
	uint32_t n[4] = { kt_reduced ? 900 : 30011, 6, 1, 1 };
	struct tensor x = tensor_filled(float_type(), n, DENSE, KT_PLAIN);
	struct tensor mask = tensor_filled(SDO_BF16, n, DENSE, KT_PLAIN);
	struct tensor out = tensor_make(SDO_F32, n, DENSE);
	struct sdo_softmax args = { .x = x.view, .mask = mask.view, .out = out.view,
				    .n = { n[0], n[1], 1, 1 }, .type_x = x.type,
				    .type_mask = SDO_BF16, .type_out = SDO_F32, .scale = 0.3f };
	static const float masks[] = { -0x1.fep127f, -1e9f, -0x1.fep127f,
				       3e38f,	     0x1p40f, -0x1p24f };
	double *want = calloc(tensor_count(&x), sizeof(*want));
	struct seedchip_dim dim;

	for (size_t i = 0; i < tensor_count(&x); i++) {
		size_t row = i / n[0], at = i % n[0];

		if (row < 2 || at == n[0] / 2 || (row == 2 && at < n[0] - 100) ||
		    (row == 5 && at > 50))
			kt_set(SDO_BF16, tensor_at(&mask, i), 0, masks[row]);
		want[i] = (float)((float)((float)tensor_get(&x, i) * args.scale) +
				  (float)tensor_get(&mask, i));
	}
	for (uint32_t r = 0; r < n[1]; r++)
		reference(want + r * n[0], n[0], n[0]);
	KT_DIM(sdo_softmax_dim(&args, &kt_card, &dim));
	kt_run("softmax", "softmax", &args, sizeof(args), &dim);
	tensor_check("large", &out, want, 0x1p-21, 0x1p-19);
	free(want);
	free(x.before);
	free(mask.before);
}

static void test_refused(void)
{
	struct sdo_softmax args = { .n = { 1, 1, 1, 1 }, .type_x = SDO_F32, .type_out = SDO_F32 };
	struct seedchip_dim dim;

	args.flags = 2;
	KT_REFUSED(sdo_softmax_dim(&args, &kt_card, &dim), -EINVAL, "flags 0x2");
	args.flags = 0;
	args.mask.address = 64;
	args.type_mask = SDO_U8;
	KT_REFUSED(sdo_softmax_dim(&args, &kt_card, &dim), -EOPNOTSUPP, "type_mask 8");
}

int main(void)
{
	static const struct tap_test tests[] = {
		{ "softmax: sizes, masks, causal limits", test_sizes },
		{ "softmax: NaN, infinity, one element, none", test_corners },
		{ "softmax: long rows", test_long_rows },
		{ "softmax: a part in which nothing counts", test_masked_part },
		{ "softmax: masks of the lowest number, and other large ones", test_large },
		{ "softmax: what is refused", test_refused },
	};

	return KT_RUN(tests);
}
