// SPDX-License-Identifier: MIT
/*
 * Tests of conv2d. The reference adds in the order that the header specifies, so
 * that all types but fp8, whose pairs are rounded together, are compared bit for
 * bit with any data; fp8 with small integers, which are exact in every order.
 */
#include "images.h"

struct op {
	struct sdo_conv2d args;
	struct kt_mem weight, bias, scale;
};

/* Element @c of the group's channels through tap @i, and the weight to output channel @k. */
static float weight_of(const struct op *op, uint32_t i, uint32_t c, uint32_t k)
{
	const struct sdo_conv2d *a = &op->args;

	return kt_get(a->type, op->weight.host,
		      ((size_t)i * (a->win.c / a->groups) + c) * a->k + k);
}

/* The sum for one output, and of its magnitudes. */
static float sum_of(const struct op *op, const uint8_t *const *pixels, uint32_t k, int32_t *whole)
{
	const struct sdo_conv2d *a = &op->args;
	uint32_t per_group = a->win.c / a->groups, chunk = sdo_conv2d_chunk(a);
	uint32_t first = k / (a->k / a->groups) * per_group;
	float sum = a->bias && a->type != SDO_I8 ? ((float *)op->bias.host)[k] : 0;

	*whole = a->bias && a->type == SDO_I8 ? ((int32_t *)op->bias.host)[k] : 0;
	for (uint32_t from = 0; from < per_group; from += chunk)
		for (uint32_t i = 0; i < a->win.kh * a->win.kw; i++)
			for (uint32_t c = from; c < from + chunk && c < per_group; c++) {
				float v = pixels[i] ? kt_get(a->type, pixels[i], first + c) : 0;
				float weight = weight_of(op, i, c, k);

				if (a->type == SDO_I8)
					*whole += (int32_t)v * (int32_t)weight;
				else
					sum = fmaf(v, weight, sum);
			}
	return a->type == SDO_I8 ? *whole : sum;
}

static void output(const void *opaque, const struct images *m, uint32_t n, uint32_t y, uint32_t x,
		   uint32_t k, uint8_t *to)
{
	const struct op *op = opaque;
	const struct sdo_conv2d *a = &op->args;
	const uint8_t *pixels[256];
	int32_t whole;
	float sum;

	for (uint32_t i = 0; i < m->win.kh * m->win.kw; i++)
		pixels[i] = seen(m, n, y, x, i);
	sum = sum_of(op, pixels, k, &whole);
	if (a->dst_type == SDO_I32) {
		memcpy(to, &whole, 4);
		return;
	}
	sum *= a->scale ? ((float *)op->scale.host)[k] : 1;
	kt_set(a->dst_type, to, 0, sum);
	if (!a->clamp)
		return;
	sum = kt_get(a->dst_type, to, 0);
	kt_set(a->dst_type, to, 0, sum < a->low ? a->low : sum > a->high ? a->high : sum);
}

struct extras {
	bool bias, scale, clamp;
};

static void check(const struct sdo_window *win, uint32_t k, uint32_t groups, uint32_t type,
		  uint32_t dst_type, struct extras e)
{
	bool fp8 = type == SDO_E4M3 || type == SDO_E5M2;
	enum kt_data data = fp8 ? KT_SMALL : kt_random() % 4 ? KT_PLAIN : KT_CORNER;
	struct images m = make_images(win, type, dst_type, k, data);
	const float *limits = random_limits();
	size_t weights = (size_t)win->kh * win->kw * (win->c / groups) * k;
	struct op op = { .args = {
		.win = m.win, .k = k, .groups = groups, .type = type, .dst_type = dst_type,
		.clamp = e.clamp, .low = limits[0], .high = limits[1],
	} };
	struct seedchip_dim dim;

	op.weight = kt_mem(weights * sdo_type_bits(type) / 8, kt_random());
	kt_fill(type, op.weight.host, weights, fp8 ? KT_SMALL : KT_PLAIN);
	op.args.weight = op.weight.address;
	if (e.bias) {
		op.bias = kt_mem(k * 4, 4 * kt_random());
		kt_fill(type == SDO_I8 ? SDO_I32 : SDO_F32, op.bias.host, k,
			fp8 ? KT_SMALL : KT_PLAIN);
		op.args.bias = op.bias.address;
	}
	if (e.scale) {
		op.scale = kt_mem(k * 4, 4 * kt_random());
		kt_fill(SDO_F32, op.scale.host, k, KT_PLAIN);
		op.args.scale = op.scale.address;
	}
	want_all(&op, &m, output);
	KT_DIM(sdo_conv2d_dim(&op.args, &kt_card, &dim));
	kt_run("conv2d", "conv2d", &op.args, sizeof(op.args), &dim);
	compare_images(&m);
}

static const uint8_t types[] = { SDO_I8, SDO_I8, SDO_F32, SDO_BF16, SDO_F16, SDO_E4M3, SDO_E5M2 };

static void test_random(void)
{
	static const uint8_t out[] = { SDO_F32, SDO_BF16, SDO_F16, SDO_E4M3, SDO_E5M2 };

	for (int i = 0; i < (kt_reduced ? 7 : 70); i++) {
		uint32_t groups = kt_between(1, 3), type = types[i % 7], dst = out[kt_random() % 5];
		uint32_t c = groups * kt_between(1, 9), k = groups * kt_between(1, 40);
		struct sdo_window w = random_window(c);

		if (i % 7 == 0) /* I8 to I32, and to I8 */
			check(&w, k, groups, type, SDO_I32,
			      (struct extras){ i / 2 % 2, false, false });
		else if (i % 14 == 1)
			check(&w, k, groups, type, SDO_I8,
			      (struct extras){ i / 4 % 2, true, i & 1 });
		else
			check(&w, k, groups, type, dst,
			      (struct extras){ i / 2 % 2, i / 4 % 2, i / 8 % 2 });
	}
}

static void test_shapes(void)
{
	/* n, h, w, c, oh, ow, kh, kw, stride[2], pad[2], dilation[2], k, groups */
	static const uint32_t shapes[][16] = {
		{ 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 0, 0, 1, 1, 1, 1 },
		{ 1, 0, 0, 5, 3, 4, 3, 3, 1, 1, 1, 1, 1, 1, 3, 1 },
		{ 0, 3, 3, 5, 3, 4, 3, 3, 1, 1, 1, 1, 1, 1, 3, 1 },
		{ 1, 7, 7, 9, 7, 7, 3, 3, 1, 1, 1, 1, 1, 1, 0, 1 },
		{ 1, 4, 4, 600, 4, 4, 3, 3, 1, 1, 1, 1, 1, 1, 7, 1 },
		{ 2, 13, 14, 9, 13, 14, 3, 3, 1, 1, 1, 1, 1, 1, 150, 1 },
		{ 5, 28, 9, 5, 14, 5, 1, 1, 2, 2, 0, 0, 1, 1, 300, 1 },
		{ 1, 3, 700, 2, 3, 700, 3, 3, 1, 1, 1, 1, 1, 1, 6, 2 },
		{ 1, 30, 33, 3, 15, 17, 7, 7, 2, 2, 3, 3, 1, 1, 20, 1 },
		{ 1, 40, 1, 3, 4, 1, 5, 1, 5, 7, 1, 0, 4, 3, 20, 1 },
		{ 1, 2, 300, 260, 1, 300, 7, 7, 1, 1, 3, 3, 1, 1, 1, 1 },
		{ 40, 12, 11, 3, 6, 6, 7, 7, 2, 2, 3, 3, 1, 1, 20, 1 },
		{ 40, 5, 5, 70, 5, 5, 3, 3, 1, 1, 1, 1, 1, 1, 90, 1 },
	};

	for (unsigned int i = 0; i < (kt_reduced ? 4 : 13); i++) {
		struct sdo_window w = window_of(shapes[i]);

		check(&w, shapes[i][14], shapes[i][15], SDO_I8, SDO_I32,
		      (struct extras){ true, false, false });
		check(&w, shapes[i][14], shapes[i][15], types[i % 7], SDO_F32,
		      (struct extras){ false, true, true });
	}
}

static void test_refusals(void)
{
	struct sdo_conv2d a = {
		.win = { .c = 6, .kh = 3, .kw = 3, .stride = { 1, 1 }, .dilation = { 1, 1 } },
		.k = 8, .groups = 2, .type = SDO_I8, .dst_type = SDO_I8,
	};
	struct seedchip_dim dim;

	KT_REFUSED(sdo_conv2d_dim(&a, &kt_card, &dim), -EOPNOTSUPP, "needs scale");
	a.scale = 64;
	KT_DIM(sdo_conv2d_dim(&a, &kt_card, &dim));
	a.reserved[sizeof(a.reserved) - 1] = 1;
	KT_REFUSED(sdo_conv2d_dim(&a, &kt_card, &dim), -EINVAL, "conv2d: reserved is not 0");
	a.reserved[sizeof(a.reserved) - 1] = 0;
	a.dst_type = SDO_I32;
	KT_REFUSED(sdo_conv2d_dim(&a, &kt_card, &dim), -EOPNOTSUPP, "dst_type I32");
	a.dst_type = SDO_F32;
	a.groups = 4;
	KT_REFUSED(sdo_conv2d_dim(&a, &kt_card, &dim), -EINVAL, "groups 4: does not divide c 6");
	a.groups = 1;
	a.win.kh = 256;
	KT_REFUSED(sdo_conv2d_dim(&a, &kt_card, &dim), -EINVAL, "kh 256");
	a.win.kh = 200;
	a.win.kw = 200;
	a.win.dilation[1] = 6;
	KT_REFUSED(sdo_conv2d_dim(&a, &kt_card, &dim), -EINVAL, "bytes of a channel");
	a.win.kw = 1;
	a.win.src_stride[1] = 1ull << 33;
	KT_REFUSED(sdo_conv2d_dim(&a, &kt_card, &dim), -EINVAL, "src_stride[1]");
}

static const struct tap_test tests[] = {
	{ "convolution with random windows", test_random },
	{ "convolution of other shapes", test_shapes },
	{ "conv2d refuses by name", test_refusals },
};

int main(void)
{
	return KT_RUN(tests);
}
