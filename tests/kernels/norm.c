// SPDX-License-Identifier: MIT
/* rms_norm and layer_norm against sums in double. */
#include "tensor.h"

enum parts { WEIGHT = 1, BIAS = 2 };

struct norm_case {
	uint32_t n[4];
	unsigned int parts;
	enum kt_data data;
	float shift;
	bool equal; /* all elements of a row */
};

static double mean_of(const double *x, size_t n, double from, int power)
{
	double sum = 0;

	for (size_t i = 0; i < n; i++)
		sum += pow(x[i] - from, power);
	return sum / (double)n;
}

/* Launch one of the two; NULL weight: none. */
static void launch(bool layer, const struct norm_case *c, const struct tensor *x,
		   const struct tensor *out, const struct tensor *weight, const struct tensor *bias)
{
	struct sdo_rms_norm rms = { .x = x->view, .out = out->view, .type_x = x->type,
				    .type_weight = weight->type, .type_out = out->type,
				    .eps = 1e-5f };
	struct sdo_layer_norm ln = { .x = x->view, .out = out->view, .type_x = x->type,
				     .type_weight = weight->type, .type_out = out->type,
				     .eps = 1e-5f };
	struct seedchip_dim dim;

	memcpy(rms.n, c->n, sizeof(rms.n));
	memcpy(ln.n, c->n, sizeof(ln.n));
	rms.weight = c->parts & WEIGHT ? weight->view.address : 0;
	ln.weight = rms.weight;
	ln.bias = c->parts & BIAS ? bias->view.address : 0;
	if (layer) {
		KT_DIM(sdo_layer_norm_dim(&ln, &kt_card, &dim));
		kt_run("layer_norm", "layer_norm", &ln, sizeof(ln), &dim);
	} else {
		KT_DIM(sdo_rms_norm_dim(&rms, &kt_card, &dim));
		kt_run("rms_norm", "rms_norm", &rms, sizeof(rms), &dim);
	}
}

static void run_case(bool layer, const struct norm_case *c)
{
	const uint32_t row[4] = { c->n[0], 1, 1, 1 };
	struct tensor x = tensor_filled(float_type(), c->n, kt_random() % LAYOUTS, c->data);
	struct tensor out = tensor_make(float_type(), c->n, kt_random() % LAYOUTS);
	struct tensor weight = tensor_filled(float_type(), row, DENSE, KT_PLAIN);
	struct tensor bias = tensor_filled(weight.type, row, DENSE, KT_PLAIN);
	size_t count = tensor_count(&x), cols = c->n[0];
	double *v = calloc(cols + 1, sizeof(*v)), mean = 0, power = 1;

	for (size_t i = 0; c->shift != 0 && i < count; i++)
		kt_set(x.type, tensor_at(&x, i), 0, (float)tensor_get(&x, i) + c->shift);
	for (size_t i = 0; c->equal && i < count; i++)
		kt_set(x.type, tensor_at(&x, i), 0, (float)tensor_get(&x, i / cols * cols));
	launch(layer, c, &x, &out, &weight, &bias);
	for (size_t i = 0; i < count; i++) {
		double want, error = 0x1p-20, w, b;

		if (i % cols == 0) {
			for (size_t j = 0; j < cols; j++)
				v[j] = tensor_get(&x, i + j);
			mean = layer ? mean_of(v, cols, 0, 1) : 0;
			power = sqrt(mean_of(v, cols, mean, 2) + 1e-5f);
		}
		w = c->parts & WEIGHT ? tensor_get(&weight, i % cols) : 1;
		b = layer && c->parts & BIAS ? tensor_get(&bias, i % cols) : 0;
		want = (v[i % cols] - mean) / power * w + b;
		if (layer)
			error = 0x1p-19 * (1 + fabs(mean) / power) * fabs(w) + 0x1p-24 * fabs(b);
		kt_near(layer ? "layer_norm" : "rms_norm", out.type, tensor_at(&out, i), &want, 1,
			(layer ? error : 0) + type_absolute(out.type),
			(layer ? 0 : error) + type_relative(out.type));
	}
	free(v);
	free(x.before);
	free(out.before);
	free(weight.before);
	free(bias.before);
	kt_free();
}

static void run_cases(bool layer)
{
	for (int i = 0; i < (kt_reduced ? 3 : 12); i++) {
		struct norm_case c = { .parts = kt_random() % 4 };

		c.n[0] = any_size(kt_reduced ? 300 : 1100);
		c.n[1] = (uint32_t)kt_between(1, 4);
		c.n[2] = (uint32_t)kt_between(0, 3);
		c.n[3] = (uint32_t)kt_between(1, 2);
		run_case(layer, &c);
	}
}

static void test_rms(void)
{
	run_cases(false);
	run_case(false, &(struct norm_case){ .n = { 1, 5, 1, 1 } });
	run_case(false, &(struct norm_case){ .n = { 0, 5, 1, 1 } });
}

static void test_layer(void)
{
	run_cases(true);
	run_case(true, &(struct norm_case){ .n = { 100, 3, 1, 1 }, .parts = 3, .shift = 50 });
	run_case(true, &(struct norm_case){ .n = { 1, 5, 1, 1 }, .parts = BIAS });
}

/* Rows that are longer than a slot of the scratchpad, and rows enough for all cores. */
static void test_long(void)
{
	uint32_t cols = kt_reduced ? 10007 : 30011;

	for (int layer = 0; layer < 2; layer++) {
		run_case(layer, &(struct norm_case){ .n = { cols, 2, 1, 1 }, .parts = 3 });
		run_case(layer, &(struct norm_case){ .n = { 65, 300, 1, 1 }, .parts = 3 });
	}
}

/* The worst for a sum: its roundings all go the same way. */
static void test_equal(void)
{
	uint32_t most = 8 * kt_card.vlen < 32768 ? 8 * kt_card.vlen : 32768;

	run_case(false, &(struct norm_case){ .n = { most / 16, 32, 1, 1 }, .equal = true });
	run_case(false, &(struct norm_case){ .n = { most, 3, 1, 1 }, .equal = true });
}

/* A NaN or an infinity spoils its row and no other. */
static void test_nan(void)
{
	uint32_t n[4] = { 50, 4, 1, 1 };
	struct tensor x = tensor_filled(SDO_F32, n, DENSE, KT_PLAIN);
	struct tensor out = tensor_make(SDO_F32, n, DENSE);
	struct norm_case c = { .n = { 50, 4, 1, 1 } };
	float *v = x.mem.host, *y = out.mem.host;

	v[50 + 7] = NAN;
	v[150 + 9] = INFINITY;
	for (int layer = 0; layer < 2; layer++) {
		launch(layer, &c, &x, &out, &x, &x);
		for (int i = 0; i < 200; i++) {
			/* x / infinity is 0 in rms_norm; infinity / infinity is not */
			bool nan = i / 50 == 1 || (i / 50 == 3 && (layer || i == 159));

			if (nan != (bool)isnan(y[i]))
				tap_fail("layer %d, element %d is %g", layer, i, y[i]);
			if (i / 50 == 3 && !nan)
				CHECK_EQ(y[i] == 0, 1);
		}
	}
	free(x.before);
	free(out.before);
}

static void test_refused(void)
{
	struct sdo_rms_norm rms = { .n = { 4, 1, 1, 1 }, .type_x = SDO_F32, .type_out = SDO_F32 };
	struct sdo_layer_norm ln = { .n = { 4, 1, 1, 1 }, .type_x = SDO_F32, .type_out = SDO_I8 };
	struct seedchip_dim dim;

	rms.out.stride[0] = 4;
	KT_DIM(sdo_rms_norm_dim(&rms, &kt_card, &dim));
	CHECK_EQ(dim.x, 1);
	rms.out.stride[0] = 0;
	KT_REFUSED(sdo_rms_norm_dim(&rms, &kt_card, &dim), -EINVAL, "out.stride[0] is 0");
	rms.weight = 4096;
	KT_REFUSED(sdo_rms_norm_dim(&rms, &kt_card, &dim), -EOPNOTSUPP, "type_weight 0");
	KT_REFUSED(sdo_layer_norm_dim(&ln, &kt_card, &dim), -EOPNOTSUPP, "type_out 0");
}

int main(void)
{
	static const struct tap_test tests[] = {
		{ "rms_norm: sizes", test_rms },
		{ "layer_norm: sizes, far from zero", test_layer },
		{ "norms: long rows, many rows", test_long },
		{ "norms: rows of equal elements", test_equal },
		{ "norms: NaN and infinity", test_nan },
		{ "norms: what is refused", test_refused },
	};

	return KT_RUN(tests);
}
