// SPDX-License-Identifier: MIT
/* attention_decode against softmax in double: caches in pages and in rows, groups, parts. */
#include "seedchip/ops_attention.h"
#include "seedchip_status.h"
#include "tensor.h"

#define PAGE SDO_ATTENTION_PAGE

struct decode_case {
	uint32_t sequences, kv, heads, kv_heads, d, d_v, window, parts;
	uint32_t type;
	bool paged, lengths;
	float scale; /* 0: as models have it */
};

struct decode_data {
	struct sdo_attention_decode args;
	struct kt_mem q, k, v, out, lengths, pages, workspace;
	double *q_values, *k_values, *v_values;
};

static double *values_of(uint32_t type, const struct kt_mem *mem)
{
	size_t count = mem->size / (sdo_type_bits(type) / 8);
	double *v = calloc(count + 1, sizeof(*v));

	for (size_t i = 0; i < count; i++)
		v[i] = kt_get(type, mem->host, i);
	return v;
}

static uint32_t length_of(const struct decode_data *d, uint32_t sequence)
{
	uint32_t n = d->args.lengths ? ((uint32_t *)d->lengths.host)[sequence] : d->args.n_kv;

	return n < d->args.n_kv ? n : d->args.n_kv;
}

/* Where element @i of a key or value lies in its memory, in elements. */
static size_t cache_at(const struct decode_data *d, uint32_t sequence, uint32_t head, uint32_t key,
		       uint32_t size)
{
	const struct sdo_attention_decode *args = &d->args;
	uint32_t row = (args->n_kv + PAGE - 1) / PAGE;

	if (args->pages) {
		uint32_t page = ((uint32_t *)d->pages.host)[sequence * row + key / PAGE];

		return ((size_t)page * args->n_kv_heads + head) * PAGE * size + key % PAGE * size;
	}
	return (((size_t)sequence * args->n_kv + key) * args->n_kv_heads + head) * size;
}

static void reference(const struct decode_data *d, uint32_t sequence, uint32_t head, double *out)
{
	const struct sdo_attention_decode *args = &d->args;
	uint32_t n = length_of(d, sequence), kv_head = head / (args->n_heads / args->n_kv_heads);
	uint32_t first = args->window && n > args->window ? n - args->window : 0;
	double *p = calloc(n + 1, sizeof(*p)), top = -INFINITY, sum = 0;

	for (uint32_t j = first; j < n; j++) {
		size_t q = ((size_t)sequence * args->n_heads + head) * args->d;
		size_t k = cache_at(d, sequence, kv_head, j, args->d);

		for (uint32_t i = 0; i < args->d; i++)
			p[j] += d->q_values[q + i] * d->k_values[k + i];
		p[j] *= args->scale;
		top = p[j] > top ? p[j] : top;
	}
	for (uint32_t j = first; j < n; j++) {
		p[j] = exp(p[j] - top);
		sum += p[j];
	}
	for (uint32_t i = 0; i < args->d_v; i++)
		out[i] = 0;
	for (uint32_t j = first; j < n; j++) {
		const double *v = d->v_values + cache_at(d, sequence, kv_head, j, args->d_v);

		for (uint32_t i = 0; i < args->d_v; i++)
			out[i] += p[j] / sum * v[i];
	}
	free(p);
}

static double type_bound(uint32_t type)
{
	return type == SDO_F32 ? 0x1p-18 : type == SDO_F16 ? 0x1p-9 : 0x1p-6;
}

static void make(struct decode_data *d, const struct decode_case *c)
{
	struct sdo_attention_decode *args = &d->args;
	uint32_t size = sdo_type_bits(c->type) / 8, row = (c->kv + PAGE - 1) / PAGE;
	uint32_t pages = c->sequences * row + 1, size_out;
	uint32_t keys = c->paged ? pages * PAGE : c->sequences * c->kv;

	*args = (struct sdo_attention_decode){
		.n_sequences = c->sequences, .n_kv = c->kv, .n_heads = c->heads,
		.n_kv_heads = c->kv_heads, .d = c->d, .d_v = c->d_v, .num_pages = pages,
		.type = c->type, .type_out = float_type(), .window = c->window,
		.parts = c->parts, .scale = c->scale ? c->scale : 3 / sqrtf((float)c->d),
	};
	size_out = sdo_type_bits(args->type_out) / 8;
	d->q = kt_mem((size_t)size * c->sequences * c->heads * c->d, 2);
	d->k = kt_mem((size_t)size * keys * c->kv_heads * c->d, 6);
	d->v = kt_mem((size_t)size * keys * c->kv_heads * c->d_v, 0);
	d->out = kt_mem((size_t)size_out * c->sequences * c->heads * c->d_v, 4);
	d->lengths = kt_mem(4 * c->sequences, 4);
	d->pages = kt_mem(4 * pages, 4);
	kt_fill(c->type, d->q.host, d->q.size / size, KT_PLAIN);
	kt_fill(c->type, d->k.host, d->k.size / size, KT_PLAIN);
	kt_fill(c->type, d->v.host, d->v.size / size, KT_PLAIN);
	for (uint32_t i = 0; i < c->sequences; i++)
		((uint32_t *)d->lengths.host)[i] = (uint32_t)kt_between(0, (int)c->kv + 3);
	for (uint32_t i = 0; i < pages; i++) {
		uint32_t *list = d->pages.host, other = kt_random() % (i + 1);

		list[i] = list[other];
		list[other] = i;
	}
	args->q = d->q.address;
	args->k = d->k.address;
	args->v = d->v.address;
	args->out = d->out.address;
	args->lengths = c->lengths ? d->lengths.address : 0;
	args->pages = c->paged ? d->pages.address : 0;
	args->q_stride = (struct sdo_stride){ 0, c->d * size, c->heads * c->d * size };
	args->out_stride.head = c->d_v * size_out;
	args->out_stride.sequence = c->heads * args->out_stride.head;
	args->k_stride.head = c->d * size;
	args->k_stride.token = c->kv_heads * args->k_stride.head;
	args->k_stride.sequence = c->kv * args->k_stride.token;
	args->v_stride.head = c->d_v * size;
	args->v_stride.token = c->kv_heads * args->v_stride.head;
	args->v_stride.sequence = c->kv * args->v_stride.token;
}

static void run_case(const struct decode_case *c)
{
	struct decode_data d;
	struct seedchip_dim dim;
	double *want = calloc(c->d_v, sizeof(*want));
	uint8_t *out;
	size_t size;

	make(&d, c);
	out = d.out.host;
	size = sdo_type_bits(d.args.type_out) / 8;
	if (!c->parts)
		d.args.parts = sdo_attention_decode_parts(&d.args, &kt_card);
	if (d.args.parts > 1) {
		d.workspace = kt_mem(sdo_attention_decode_workspace(&d.args), 4);
		memset(d.workspace.host, 0, d.workspace.size);
		d.args.workspace = d.workspace.address;
	}
	KT_DIM(sdo_attention_decode_dim(&d.args, &kt_card, &dim));
	for (int i = 0; i < (d.args.parts > 1 ? 2 : 1); i++) /* a workspace serves again */
		kt_run("attention_decode", "attention_decode", &d.args, sizeof(d.args), &dim);
	d.q_values = values_of(c->type, &d.q);
	d.k_values = values_of(c->type, &d.k);
	d.v_values = values_of(c->type, &d.v);
	for (uint32_t s = 0; s < c->sequences; s++) {
		for (uint32_t h = 0; h < c->heads; h++) {
			reference(&d, s, h, want);
			kt_near("decode", d.args.type_out,
				out + ((size_t)s * c->heads + h) * c->d_v * size, want, c->d_v,
				2 * type_bound(c->type), type_relative(d.args.type_out));
		}
	}
	free(want);
	free(d.q_values);
	free(d.k_values);
	free(d.v_values);
	kt_free();
}

static void test_models(void)
{
	struct decode_case c = { .sequences = 3, .kv = 400, .heads = 32, .kv_heads = 8, .d = 128,
				 .d_v = 128, .type = SDO_BF16, .paged = true, .lengths = true,
				 .parts = 1 };

	if (kt_reduced) {
		c.kv = 150;
		c.heads = 8;
		c.kv_heads = 2;
	}
	run_case(&c);
	c.parts = 3;
	run_case(&c);
	c.paged = false;
	c.window = 100;
	run_case(&c);
}

/* Sizes that fit nothing. */
static void test_sizes(void)
{
	for (int i = 0; i < (kt_reduced ? 3 : 24); i++) {
		struct decode_case c = { .type = float_type(), .paged = i & 1, .lengths = i & 2 };
		uint32_t group = (uint32_t)kt_between(1, i % 5 ? 7 : 70);

		c.sequences = (uint32_t)kt_between(1, 3);
		c.parts = (uint32_t)i % 4;
		c.kv_heads = (uint32_t)kt_between(1, 3);
		c.heads = c.kv_heads * group;
		c.kv = i % 8 == 7 ? 0 : any_size(kt_reduced ? 100 : c.type == SDO_F32 ? 300 : 600);
		c.d = any_size(140);
		c.d_v = any_size(140);
		c.window = i % 3 ? 0 : (uint32_t)kt_between(1, 200);
		run_case(&c);
	}
}

static void test_long(void)
{
	struct decode_case c = { .sequences = 1, .kv = kt_reduced ? 600 : 4100, .heads = 4,
				 .kv_heads = 1, .d = 64, .d_v = 64, .type = SDO_BF16 };

	c.paged = true;
	run_case(&c);
	c.kv = kt_reduced ? 100 : 700;
	c.type = SDO_F32;
	c.d = 300;
	c.d_v = 512;
	run_case(&c);
}

/* Scores whose roundings are powers of their own: the key with the greatest is all that counts. */
static void test_large_scores(void)
{
	for (int i = 0; i < 6; i++) {
		struct decode_case c = { .sequences = 2, .kv = i < 3 ? 1 : 150, .heads = 4,
					 .kv_heads = 2, .d = 16, .d_v = 20, .paged = i & 1,
					 .parts = 1 + i % 2, .scale = i < 3 ? 0x1p90f : 0x1p40f };

		c.type = i % 3 == 0 ? SDO_F32 : i % 3 == 1 ? SDO_F16 : SDO_BF16;
		run_case(&c);
	}
}

/* Pages and rows beyond the length hold anything, and are not looked at. */
static void test_unused(void)
{
	struct decode_case c = { .sequences = 2, .kv = 300, .heads = 4, .kv_heads = 2, .d = 40,
				 .d_v = 24, .type = SDO_F16, .paged = true, .lengths = true,
				 .parts = 1 };
	struct decode_data d;
	struct seedchip_dim dim;
	uint32_t *length, *list;

	make(&d, &c);
	length = d.lengths.host;
	list = d.pages.host;
	length[0] = 17;
	length[1] = 0;
	for (uint32_t i = 2; i < 38; i++)
		list[i] = 0xffffffff;
	for (uint32_t h = 0; h < 2; h++)
		for (uint32_t j = 17; j < 32; j++)
			for (uint32_t i = 0; i < 24; i++)
				kt_set(SDO_F16, d.v.host, cache_at(&d, 0, h, j, 24) + i, NAN);
	KT_DIM(sdo_attention_decode_dim(&d.args, &kt_card, &dim));
	kt_run("attention_decode", "attention_decode", &d.args, sizeof(d.args), &dim);
	for (uint32_t i = 0; i < 2 * 4 * 24; i++) {
		double v = kt_get(d.args.type_out, d.out.host, i);

		if (isnan(v) || (i >= 4 * 24 && v != 0))
			tap_fail("element %u is %g", i, v);
	}
	list[1] = d.args.num_pages;
	CHECK_EQ(kt_fault("attention_decode", "attention_decode", &d.args, sizeof(d.args), &dim),
		 SC_CODE_GATHER_RANGE);
}

/* A NaN key reaches the heads that read it, a NaN or an infinity of a value its element of them. */
static void test_nan(void)
{
	for (uint32_t parts = 1; parts < 4; parts += 2) {
		struct decode_case c = { .sequences = 1, .kv = 200, .heads = 6, .kv_heads = 3,
					 .d = 16, .d_v = 8, .type = SDO_F32, .parts = parts };
		struct decode_data d;
		struct seedchip_dim dim;

		make(&d, &c);
		kt_set(SDO_F32, d.k.host, cache_at(&d, 0, 0, 150, 16) + 3, NAN);
		kt_set(SDO_F32, d.v.host, cache_at(&d, 0, 1, 20, 8) + 5, NAN);
		kt_set(SDO_F32, d.v.host, cache_at(&d, 0, 2, 199, 8) + 1, INFINITY);
		if (parts > 1) {
			d.workspace = kt_mem(sdo_attention_decode_workspace(&d.args), 4);
			memset(d.workspace.host, 0, d.workspace.size);
			d.args.workspace = d.workspace.address;
		}
		KT_DIM(sdo_attention_decode_dim(&d.args, &kt_card, &dim));
		kt_run("attention_decode", "attention_decode", &d.args, sizeof(d.args), &dim);
		for (uint32_t i = 0; i < 6 * 8; i++) {
			uint32_t kv_head = i / 16, e = i % 8;
			double v = kt_get(d.args.type_out, d.out.host, i);

			CHECK_EQ(isnan(v) != 0, kv_head == 0 || (kv_head == 1 && e == 5));
			CHECK_EQ(isinf(v) != 0, kv_head == 2 && e == 1);
		}
		kt_free();
	}
}

static void test_refused(void)
{
	struct sdo_attention_decode a = { .n_sequences = 1, .n_kv = 16, .n_heads = 3,
					  .n_kv_heads = 2, .d = 64, .d_v = 64, .type = SDO_BF16,
					  .type_out = SDO_BF16, .parts = 1, .scale = 1 };
	struct sdo_card small = { .cores = 8, .tcm_size = 65536, .vlen = 4096 };
	struct seedchip_dim dim;

	a.n_kv_heads = 0;
	CHECK_EQ(sdo_attention_decode_parts(&a, &kt_card), 1);
	a.parts = 2;
	CHECK_EQ(sdo_attention_decode_workspace(&a), 0);
	a.parts = 1;
	a.n_kv_heads = 2;
	KT_REFUSED(sdo_attention_decode_dim(&a, &kt_card, &dim), -EINVAL, "n_heads 3");
	a.n_heads = 4;
	KT_DIM(sdo_attention_decode_dim(&a, &kt_card, &dim));
	a.d = 1025;
	KT_REFUSED(sdo_attention_decode_dim(&a, &kt_card, &dim), -EINVAL, "d 1025");
	a.d = 1024;
	a.d_v = 0;
	KT_REFUSED(sdo_attention_decode_dim(&a, &kt_card, &dim), -EINVAL, "d_v 0");
	a.d_v = 512;
	KT_REFUSED(sdo_attention_decode_dim(&a, &small, &dim), -E2BIG, "bytes of scratchpad");
	a.type = SDO_I8;
	KT_REFUSED(sdo_attention_decode_dim(&a, &kt_card, &dim), -EOPNOTSUPP, "type 0");
	a.type = SDO_F16;
	a.scale = -1;
	KT_REFUSED(sdo_attention_decode_dim(&a, &kt_card, &dim), -EINVAL, "scale -1");
	a.scale = 1;
	a.parts = 2;
	KT_REFUSED(sdo_attention_decode_dim(&a, &kt_card, &dim), -EINVAL, "workspace 0x0 with 2");
	a.parts = 33;
	KT_REFUSED(sdo_attention_decode_dim(&a, &kt_card, &dim), -EINVAL, "parts 33");
	a.parts = 1;
	small.cores = 0;
	KT_REFUSED(sdo_attention_decode_dim(&a, &small, &dim), -EINVAL, "the card has 0 cores");
	CHECK_EQ(sdo_attention_decode_parts(&a, &small), 1);
}

int main(void)
{
	static const struct tap_test tests[] = {
		{ "attention_decode: as models use it", test_models },
		{ "attention_decode: sizes", test_sizes },
		{ "attention_decode: long", test_long },
		{ "attention_decode: what is not looked at", test_unused },
		{ "attention_decode: NaN and infinity", test_nan },
		{ "attention_decode: large scores", test_large_scores },
		{ "attention_decode: what is refused", test_refused },
	};

	return KT_RUN(tests);
}
