// SPDX-License-Identifier: MIT
/* Tests of dwconv2d: the order of sums is specified, so all of it is compared bit for bit. */
#include "images.h"

struct op {
	struct sdo_dwconv2d args;
	struct kt_mem weight, bias, scale;
};

static void output(const void *opaque, const struct images *m, uint32_t n, uint32_t y, uint32_t x,
		   uint32_t k, uint8_t *to)
{
	const struct op *op = opaque;
	const struct sdo_dwconv2d *a = &op->args;
	bool integer = a->type == SDO_I8;
	int32_t whole = integer && a->bias ? ((int32_t *)op->bias.host)[k] : 0;
	float sum = !integer && a->bias ? ((float *)op->bias.host)[k] : 0;

	for (uint32_t i = 0; i < m->win.kh * m->win.kw; i++) {
		const uint8_t *pixel = seen(m, n, y, x, i);
		float v = pixel ? kt_get(a->type, pixel, k) : 0;
		float weight = kt_get(a->type, op->weight.host, i * m->win.c + k);

		if (integer)
			whole += (int32_t)v * (int32_t)weight;
		else
			sum = fmaf(v, weight, sum);
	}
	if (a->dst_type == SDO_I32) {
		memcpy(to, &whole, 4);
		return;
	}
	sum = integer ? whole : sum;
	sum *= a->scale ? ((float *)op->scale.host)[k] : 1;
	if (a->clamp)
		sum = sum < a->low ? a->low : sum > a->high ? a->high : sum;
	kt_set(a->dst_type, to, 0, sum);
}

struct extras {
	bool bias, scale, clamp;
};

static void check(const struct sdo_window *win, uint32_t type, uint32_t dst_type, struct extras e)
{
	enum kt_data data = kt_random() % 4 ? KT_PLAIN : KT_CORNER;
	struct images m = make_images(win, type, dst_type, win->c, data);
	const float *limits = random_limits();
	uint32_t weights = win->kh * win->kw * win->c;
	struct op op = { .args = {
		.win = m.win, .type = type, .dst_type = dst_type, .clamp = e.clamp,
		.low = limits[0], .high = limits[1],
	} };
	struct seedchip_dim dim;

	op.weight = kt_mem(weights * sdo_type_bits(type) / 8, kt_random());
	kt_fill(type, op.weight.host, weights, KT_PLAIN);
	op.args.weight = op.weight.address;
	if (e.bias) {
		op.bias = kt_mem(win->c * 4, 4 * kt_random());
		kt_fill(type == SDO_I8 ? SDO_I32 : SDO_F32, op.bias.host, win->c, KT_PLAIN);
		op.args.bias = op.bias.address;
	}
	if (e.scale) {
		op.scale = kt_mem(win->c * 4, 4 * kt_random());
		kt_fill(SDO_F32, op.scale.host, win->c, KT_PLAIN);
		op.args.scale = op.scale.address;
	}
	want_all(&op, &m, output);
	KT_DIM(sdo_dwconv2d_dim(&op.args, &kt_card, &dim));
	kt_run("dwconv2d", "dwconv2d", &op.args, sizeof(op.args), &dim);
	compare_images(&m);
}

static void test_random(void)
{
	static const uint8_t types[] = { SDO_F32, SDO_BF16, SDO_F16, SDO_I8, SDO_I8 };
	static const uint8_t out[] = { SDO_F32, SDO_BF16, SDO_F16, SDO_E4M3, SDO_E5M2, SDO_I8 };

	for (int i = 0; i < (kt_reduced ? 8 : 60); i++) {
		struct sdo_window w = random_window(kt_between(1, kt_reduced ? 9 : 60));
		uint32_t type = types[i % 5];

		if (i % 5 == 4)
			check(&w, type, SDO_I32, (struct extras){ i / 2 % 2, false, false });
		else
			check(&w, type, out[kt_random() % 6],
			      (struct extras){ i / 2 % 2, i / 4 % 2, i / 8 % 2 });
	}
}

static void test_shapes(void)
{
	/* n, h, w, c, oh, ow, kh, kw, stride[2], pad[2], dilation[2] */
	static const uint32_t shapes[][14] = {
		{ 1, 0, 3, 3, 2, 2, 2, 2, 1, 1, 0, 0, 1, 1 },
		{ 0, 3, 3, 3, 2, 2, 2, 2, 1, 1, 0, 0, 1, 1 },
		{ 1, 3, 3, 700, 3, 3, 3, 3, 1, 1, 1, 1, 1, 1 },
		{ 1, 29, 31, 33, 15, 16, 3, 3, 2, 2, 1, 1, 1, 1 },
		{ 1, 40, 40, 5, 5, 5, 31, 31, 2, 2, 0, 0, 1, 1 },
		{ 1, 3, 2000, 2, 3, 2000, 3, 3, 1, 1, 1, 1, 1, 1 },
	};

	for (unsigned int i = 0; i < (kt_reduced ? 2 : 6); i++) {
		struct sdo_window w = window_of(shapes[i]);

		check(&w, SDO_F32, SDO_F32, (struct extras){ true, true, false });
	}
}

static void test_refusals(void)
{
	struct sdo_dwconv2d a = {
		.win = { .c = 1, .kh = 3, .kw = 3, .stride = { 1, 1 }, .dilation = { 1, 1 } },
		.type = SDO_E4M3, .dst_type = SDO_F32,
	};
	struct seedchip_dim dim;

	KT_REFUSED(sdo_dwconv2d_dim(&a, &kt_card, &dim), -EINVAL, "dwconv2d: type 4");
	a.type = SDO_F32;
	KT_DIM(sdo_dwconv2d_dim(&a, &kt_card, &dim));
	a.reserved[sizeof(a.reserved) - 1] = 1;
	KT_REFUSED(sdo_dwconv2d_dim(&a, &kt_card, &dim), -EINVAL, "dwconv2d: reserved is not 0");
	a.reserved[sizeof(a.reserved) - 1] = 0;
	a.dst_type = SDO_I32;
	KT_REFUSED(sdo_dwconv2d_dim(&a, &kt_card, &dim), -EOPNOTSUPP, "dst_type I32");
	a.dst_type = SDO_F32;
	a.win.stride[1] = 0;
	KT_REFUSED(sdo_dwconv2d_dim(&a, &kt_card, &dim), -EINVAL, "stride[1] 0");
	a.win.stride[1] = 1;
	a.win.c = 0;
	KT_REFUSED(sdo_dwconv2d_dim(&a, &kt_card, &dim), -EINVAL, "c is 0");
}

static const struct tap_test tests[] = {
	{ "depthwise convolution with random windows", test_random },
	{ "depthwise convolution of other shapes", test_shapes },
	{ "dwconv2d refuses by name", test_refusals },
};

int main(void)
{
	return KT_RUN(tests);
}
