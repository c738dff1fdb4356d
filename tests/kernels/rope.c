// SPDX-License-Identifier: MIT
/* rope: both layouts, partial heads, positions, factors, against sin() and cos() in double. */
#include "tensor.h"

struct rope_case {
	uint32_t n[4];
	uint32_t dims, flags;
	float base, scale, magnitude;
	bool positions, factors, in_place;
};

struct rope_data {
	struct tensor x, out;
	struct kt_mem positions, factors;
	struct sdo_rope args;
	double *v; /* what x held */
};

static double angle(const struct rope_data *d, size_t token, size_t pair)
{
	const struct sdo_rope *args = &d->args;
	int32_t position = (int32_t)(token % args->n[2]);
	double a;

	if (args->positions)
		position = ((int32_t *)d->positions.host)[token];
	a = ((double)position + args->first) * args->scale;
	a *= pow(args->base, -2.0 * (double)pair / args->dims);
	return args->factors ? a / ((float *)d->factors.host)[pair] : a;
}

static void check(struct rope_data *d)
{
	const struct sdo_rope *args = &d->args;
	size_t count = tensor_count(&d->x), head = args->n[0];
	size_t half = args->dims / 2, apart = args->flags & SDO_ROPE_HALVES ? half : 1;

	for (size_t i = 0; i < count; i++) {
		size_t j = i % head, token = i / head / args->n[1];
		bool halves = args->flags & SDO_ROPE_HALVES, second = halves ? j >= half : j % 2;
		double want = d->v[i], error = 0;

		if (j < args->dims) {
			double a = angle(d, token, halves ? j % half : j / 2);
			double other = d->v[second ? i - apart : i + apart];

			error = 0x1p-21 * hypot(want, other);
			want = want * cos(a) + (second ? 1 : -1) * other * sin(a);
			want *= args->magnitude;
		}
		kt_near("rope", d->out.type, tensor_at(&d->out, i), &want, 1,
			error + type_absolute(d->out.type), type_relative(d->out.type));
	}
}

static void run_case(const struct rope_case *c)
{
	struct tensor x = tensor_filled(float_type(), c->n, kt_random() % LAYOUTS, KT_PLAIN);
	size_t tokens = (size_t)c->n[2] * c->n[3], count = tensor_count(&x);
	struct rope_data d = { .x = x };
	struct seedchip_dim dim;

	d.out = c->in_place ? d.x : tensor_make(float_type(), c->n, kt_random() % LAYOUTS);
	d.positions = kt_mem(4 * tokens, 4);
	d.factors = kt_mem(2 * c->dims, 0);
	d.args = (struct sdo_rope){
		.x = d.x.view, .out = d.out.view, .type_x = d.x.type, .type_out = d.out.type,
		.n = { c->n[0], c->n[1], c->n[2], c->n[3] }, .dims = c->dims, .flags = c->flags,
		.base = c->base, .scale = c->scale, .magnitude = c->magnitude,
		.positions = c->positions ? d.positions.address : 0,
		.factors = c->factors ? d.factors.address : 0,
		.first = c->positions ? 0 : 7,
	};
	for (size_t i = 0; i < tokens; i++)
		((int32_t *)d.positions.host)[i] = kt_between(-5, 200000);
	for (size_t i = 0; i < c->dims / 2; i++)
		((float *)d.factors.host)[i] = (float)kt_between(10, 60) / 16;
	d.v = calloc(count + 1, sizeof(*d.v));
	for (size_t i = 0; i < count; i++)
		d.v[i] = tensor_get(&d.x, i);
	KT_DIM(sdo_rope_dim(&d.args, &kt_card, &dim));
	kt_run("rope", "rope", &d.args, sizeof(d.args), &dim);
	check(&d);
	free(d.v);
	free(d.x.before);
	if (!c->in_place)
		free(d.out.before);
	kt_free();
}

static void test_models(void)
{
	struct rope_case c = { .n = { 128, 8, 5, 2 }, .dims = 128, .flags = SDO_ROPE_HALVES,
			       .base = 500000, .scale = 1, .magnitude = 1, .positions = true,
			       .factors = true };

	run_case(&c);
	c.in_place = true;
	run_case(&c);
	c = (struct rope_case){ .n = { 96, 3, 7, 1 }, .dims = 32, .base = 10000, .scale = 0.25f,
				.magnitude = 1.25f };
	run_case(&c);
	c.in_place = true;
	run_case(&c);
}

static void test_sizes(void)
{
	for (int i = 0; i < (kt_reduced ? 4 : 40); i++) {
		struct rope_case c = { .flags = i % 2, .base = i % 3 ? 10000 : 1e6f, .scale = 1,
				       .magnitude = 1 };

		c.n[0] = (uint32_t)kt_between(1, 530);
		c.n[1] = (uint32_t)kt_between(1, 5);
		c.n[2] = (uint32_t)kt_between(0, 9);
		c.n[3] = (uint32_t)kt_between(1, 3);
		c.dims = 2 * (uint32_t)kt_between(0, (int)c.n[0] / 2);
		if (c.dims > 512)
			c.dims = 512;
		if (i % 4 < 2) { /* heads that turn as a whole, several at a time */
			c.dims = 2 * (uint32_t)kt_between(1, 100);
			c.n[0] = c.dims;
			c.n[1] = (uint32_t)kt_between(1, 14);
		}
		c.positions = kt_random() % 2;
		c.factors = kt_random() % 2;
		run_case(&c);
	}
}

/* NaN and infinity reach both elements of their pair, and no other. */
static void test_nan(void)
{
	for (int halves = 0; halves < 2; halves++) {
		const uint32_t n[4] = { 14, 3, 5, 1 }, apart = halves ? 5 : 1;
		struct tensor x = tensor_filled(SDO_F32, n, DENSE, KT_PLAIN);
		struct tensor out = tensor_make(SDO_F32, n, GAPS);
		struct sdo_rope args = {
			.x = x.view, .out = out.view, .n = { 14, 3, 5, 1 }, .type_x = SDO_F32,
			.type_out = SDO_F32, .dims = 10, .base = 10000, .scale = 1, .magnitude = 1,
			.first = 1, .flags = halves ? SDO_ROPE_HALVES : 0,
		};
		struct seedchip_dim dim;

		kt_set(SDO_F32, x.mem.host, 2, NAN);
		kt_set(SDO_F32, x.mem.host, 14 + 2, -INFINITY);
		kt_set(SDO_F32, x.mem.host, 28 + 12, NAN);
		KT_DIM(sdo_rope_dim(&args, &kt_card, &dim));
		kt_run("rope", "rope", &args, sizeof(args), &dim);
		for (uint32_t i = 0; i < tensor_count(&out); i++) {
			bool pair = i % 14 == 2 || i % 14 == 2 + apart;
			double v = tensor_get(&out, i);

			CHECK_EQ(isnan(v) != 0, (i < 14 && pair) || i == 28 + 12);
			CHECK_EQ(isinf(v) != 0, i >= 14 && i < 28 && pair);
		}
		free(x.before);
		free(out.before);
		kt_free();
	}
}

static void test_refused(void)
{
	struct sdo_rope args = { .n = { 64, 1, 1, 1 }, .type_x = SDO_F32, .type_out = SDO_F32,
				 .dims = 63, .base = 10000, .out.stride[0] = 4 };
	struct seedchip_dim dim;

	KT_REFUSED(sdo_rope_dim(&args, &kt_card, &dim), -EINVAL, "dims 63");
	args.dims = 66;
	KT_REFUSED(sdo_rope_dim(&args, &kt_card, &dim), -EINVAL, "dims 66");
	args.dims = 64;
	args.base = -1;
	KT_REFUSED(sdo_rope_dim(&args, &kt_card, &dim), -EINVAL, "base -1");
	args.base = 10000;
	args.flags = 4;
	KT_REFUSED(sdo_rope_dim(&args, &kt_card, &dim), -EINVAL, "flags 0x4");
	args.flags = 0;
	args.n[0] = 100000;
	KT_REFUSED(sdo_rope_dim(&args, &kt_card, &dim), -E2BIG, "n[0] 100000");
	args.type_out = SDO_I64;
	KT_REFUSED(sdo_rope_dim(&args, &kt_card, &dim), -EOPNOTSUPP, "type_out 9");
}

int main(void)
{
	static const struct tap_test tests[] = {
		{ "rope: as models use it", test_models },
		{ "rope: sizes", test_sizes },
		{ "rope: NaN and infinity", test_nan },
		{ "rope: what is refused", test_refused },
	};

	return KT_RUN(tests);
}
