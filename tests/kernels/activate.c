// SPDX-License-Identifier: MIT
/* activate, glu and scale against the functions of the C library in double. */
#include "tensor.h"

static const char *const names[] = { "NONE", "RELU", "GELU", "GELU_TANH", "SILU" };

static double reference(uint32_t act, double x)
{
	switch (act) {
	case SDO_ACT_RELU:
		return x <= 0 ? 0 : x;
	case SDO_ACT_GELU: /* as 0.5 x (1 + erf(x / sqrt(2))), which cancels */
		return isinf(x) ? 0.5 * x * (1 + erf(x)) : 0.5 * x * erfc(-x * M_SQRT1_2);
	case SDO_ACT_GELU_TANH:
		x = (float)x;
		return x / (1 + exp(-2 * M_2_SQRTPI * M_SQRT1_2 * (x + 0.044715 * x * x * x)));
	case SDO_ACT_SILU:
		return x / (1 + exp(-x));
	default:
		return x;
	}
}

static double bound(uint32_t act, double x)
{
	if (act == SDO_ACT_NONE || act == SDO_ACT_RELU)
		return 0;
	return 0x1p-20 * (1 + x * x);
}

/* |got - want| for element @i of a result that was rounded to its type. */
static void check(const char *what, const struct tensor *out, size_t i, double want, double error)
{
	double relative = error + type_relative(out->type);

	/* where f32 ends: results that are subnormal or overflow on the way */
	if (fabs(want) < 0x1p-120)
		kt_near(what, out->type, tensor_at(out, i), &want, 1, 0x1p-119, 0);
	else if (fabs(want) < (out->type == SDO_F16 ? 65000 : 3e38) || isinf(want))
		kt_near(what, out->type, tensor_at(out, i), &want, 1, type_absolute(out->type),
			relative);
}

static void activate_case(uint32_t act, const uint32_t n[4], enum kt_data data, double factor)
{
	struct tensor x = tensor_filled(float_type(), n, kt_random() % LAYOUTS, data);
	struct tensor out = tensor_make(float_type(), n, kt_random() % LAYOUTS);
	struct sdo_activate args = { .x = x.view, .out = out.view, .type_x = x.type,
				     .type_out = out.type, .act = act };
	struct seedchip_dim dim;

	for (size_t i = 0; data == KT_PLAIN && i < tensor_count(&x); i++)
		kt_set(x.type, tensor_at(&x, i), 0, (float)(tensor_get(&x, i) * factor));
	memcpy(args.n, n, sizeof(args.n));
	KT_DIM(sdo_activate_dim(&args, &kt_card, &dim));
	kt_run("activate", "activate", &args, sizeof(args), &dim);
	for (size_t i = 0; i < tensor_count(&x); i++) {
		double v = tensor_get(&x, i);

		check(names[act], &out, i, reference(act, v), bound(act, v));
	}
	free(x.before);
	free(out.before);
	kt_free();
}

static void test_activate(void)
{
	for (uint32_t act = 0; act <= SDO_ACT_SILU; act++) {
		for (int i = 0; i < (kt_reduced ? 2 : 12); i++) {
			uint32_t n[4] = { any_size(1100), (uint32_t)kt_between(1, 3), 1,
					  (uint32_t)kt_between(1, 3) };

			activate_case(act, n, i % 3 == 2 ? KT_CORNER : KT_PLAIN, i % 2 ? 1 : 12);
		}
	}
}

static void test_glu(void)
{
	for (int i = 0; i < (kt_reduced ? 3 : 20); i++) {
		uint32_t n[4] = { any_size(900), (uint32_t)kt_between(0, 3), 2, 1 };
		struct tensor gate = tensor_filled(float_type(), n, i % LAYOUTS, KT_PLAIN);
		struct tensor up = tensor_filled(float_type(), n, kt_random() % LAYOUTS, KT_PLAIN);
		struct tensor out = tensor_make(float_type(), n, kt_random() % LAYOUTS);
		struct sdo_glu args = { .gate = gate.view, .up = up.view, .out = out.view,
					.type_gate = gate.type, .type_up = up.type,
					.type_out = out.type, .act = (uint32_t)kt_between(1, 4) };
		struct seedchip_dim dim;

		memcpy(args.n, n, sizeof(args.n));
		KT_DIM(sdo_glu_dim(&args, &kt_card, &dim));
		kt_run("glu", "glu", &args, sizeof(args), &dim);
		for (size_t j = 0; j < tensor_count(&out); j++) {
			double v = tensor_get(&gate, j);

			check("glu", &out, j, reference(args.act, v) * tensor_get(&up, j),
			      bound(args.act, v) + 0x1p-24);
		}
		free(gate.before);
		free(up.before);
		free(out.before);
		kt_free();
	}
}

/* Gate and up are halves of one row, as one matrix product leaves them. */
static void test_glu_halves(void)
{
	uint32_t n[4] = { 130, 7, 1, 1 }, both[4] = { 260, 7, 1, 1 };
	struct tensor x = tensor_filled(SDO_BF16, both, GAPS, KT_PLAIN);
	struct tensor out = tensor_make(SDO_BF16, n, GAPS);
	struct sdo_glu args = { .gate = x.view, .up = x.view, .out = out.view,
				.n = { 130, 7, 1, 1 }, .type_gate = SDO_BF16, .type_up = SDO_BF16,
				.type_out = SDO_BF16, .act = SDO_ACT_SILU };
	struct seedchip_dim dim;

	args.up.address += 130 * 2;
	KT_DIM(sdo_glu_dim(&args, &kt_card, &dim));
	kt_run("glu", "glu", &args, sizeof(args), &dim);
	for (size_t i = 0; i < tensor_count(&out); i++) {
		size_t j = i / 130 * 260 + i % 130;

		double want = reference(SDO_ACT_SILU, tensor_get(&x, j));

		check("halves", &out, i, want * tensor_get(&x, j + 130), 0x1p-19);
	}
	free(x.before);
	free(out.before);
}

static void test_scale(void)
{
	for (int i = 0; i < (kt_reduced ? 3 : 20); i++) {
		uint32_t n[4] = { any_size(1500), 1, (uint32_t)kt_between(0, 3), 2 };
		struct tensor x = tensor_filled(float_type(), n, kt_random() % LAYOUTS,
						i % 2 ? KT_CORNER : KT_PLAIN);
		struct tensor out = tensor_make(float_type(), n, kt_random() % LAYOUTS);
		struct sdo_scale args = { .x = x.view, .out = out.view, .type_x = x.type,
					  .type_out = out.type, .scale = 0.7f, .bias = -0.1f };
		float *want = calloc(tensor_count(&x) + 1, sizeof(*want));
		struct seedchip_dim dim;

		memcpy(args.n, n, sizeof(args.n));
		for (size_t j = 0; j < tensor_count(&x); j++)
			want[j] = fmaf((float)tensor_get(&x, j), args.scale, args.bias);
		KT_DIM(sdo_scale_dim(&args, &kt_card, &dim));
		kt_run("scale", "scale", &args, sizeof(args), &dim);
		tensor_same("scale", &out, want);
		free(want);
		free(x.before);
		kt_free();
	}
}

static void test_refused(void)
{
	struct sdo_activate args = { .n = { 1, 1, 1, 1 }, .type_x = SDO_I8, .type_out = SDO_F32 };
	struct sdo_glu glu = { .n = { 1, 1, 1, 1 }, .type_gate = SDO_F16, .type_up = SDO_I32 };
	struct sdo_scale scale = { .n = { 1, 1, 1, 1 }, .type_x = SDO_F32, .type_out = SDO_E4M3 };
	struct seedchip_dim dim;

	KT_REFUSED(sdo_activate_dim(&args, &kt_card, &dim), -EOPNOTSUPP, "type_x 0");
	args.type_x = SDO_F32;
	args.act = SDO_ACT_SILU + 1;
	KT_REFUSED(sdo_activate_dim(&args, &kt_card, &dim), -EINVAL, "act 5");
	args.act = 0;
	args.reserved = 1;
	KT_REFUSED(sdo_activate_dim(&args, &kt_card, &dim), -EINVAL, "reserved");
	KT_REFUSED(sdo_glu_dim(&glu, &kt_card, &dim), -EOPNOTSUPP, "type_up 7");
	KT_REFUSED(sdo_scale_dim(&scale, &kt_card, &dim), -EOPNOTSUPP, "type_out 4");
}

int main(void)
{
	static const struct tap_test tests[] = {
		{ "activate", test_activate },
		{ "glu", test_glu },
		{ "glu: halves of one row", test_glu_halves },
		{ "scale", test_scale },
		{ "activate, glu, scale: what is refused", test_refused },
	};

	return KT_RUN(tests);
}
