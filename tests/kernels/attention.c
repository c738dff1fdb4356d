// SPDX-License-Identifier: MIT
/* attention against softmax in double: causal limits, windows, groups, lengths, any size. */
#include "seedchip/ops_attention.h"
#include "tensor.h"

struct attention_case {
	uint32_t sequences, q, kv, heads, kv_heads, d, d_v, window, flags;
	int32_t offset;
	uint32_t type;
	bool lengths;
	float scale; /* 0: as models have it */
};

/* q and out lie [sequence][token][head], k and v [sequence][head][token], with gaps. */
struct attention_data {
	struct sdo_attention args;
	struct tensor q, k, v, out;
	struct kt_mem lengths;
};

static double *values_of(const struct tensor *t)
{
	double *v = calloc(tensor_count(t) + 1, sizeof(*v));

	for (size_t i = 0; i < tensor_count(t); i++)
		v[i] = tensor_get(t, i);
	return v;
}

/* One query over its keys: dot products, powers, sums. */
static void reference(const struct sdo_attention *args, const double *q, const double *k,
		      const double *v, int64_t first, int64_t end, double *out)
{
	double *p = calloc((size_t)args->n_kv + 1, sizeof(*p)), top = -INFINITY, sum = 0;

	for (int64_t j = first; j < end; j++) {
		for (uint32_t i = 0; i < args->d; i++)
			p[j] += q[i] * k[j * args->d + i];
		p[j] *= args->scale;
		top = p[j] > top ? p[j] : top;
	}
	for (int64_t j = first; j < end; j++) {
		p[j] = exp(p[j] - top);
		sum += p[j];
	}
	for (uint32_t i = 0; i < args->d_v; i++)
		out[i] = 0;
	for (int64_t j = first; j < end; j++)
		for (uint32_t i = 0; i < args->d_v; i++)
			out[i] += p[j] / sum * v[j * args->d_v + i];
	free(p);
}

static void check(struct attention_data *d)
{
	const struct sdo_attention *args = &d->args;
	double *q = values_of(&d->q), *k = values_of(&d->k), *v = values_of(&d->v);
	double *want = calloc(tensor_count(&d->out) + 1, sizeof(*want));
	double bound = args->type == SDO_F32 ? 0x1p-17 : args->type == SDO_F16 ? 0x1p-8 : 0x1p-5;

	for (size_t i = 0; i < (size_t)args->n_sequences * args->n_q * args->n_heads; i++) {
		uint32_t head = i % args->n_heads, token = i / args->n_heads % args->n_q;
		uint32_t s = (uint32_t)(i / args->n_heads / args->n_q);
		uint32_t kv = s * args->n_kv_heads + head / (args->n_heads / args->n_kv_heads);
		int64_t length = args->n_kv, first = 0, end, last = (int64_t)token + args->offset;

		if (args->lengths && ((uint32_t *)d->lengths.host)[s] < args->n_kv)
			length = ((uint32_t *)d->lengths.host)[s];
		end = length;
		if (args->flags & SDO_ATTENTION_AT_END)
			last += length - args->n_q;
		if (args->flags & SDO_ATTENTION_CAUSAL)
			end = last + 1 < length ? last + 1 : length;
		if (args->window && last - (int64_t)args->window + 1 > 0)
			first = last - args->window + 1;
		reference(args, q + i * args->d, k + (size_t)kv * args->n_kv * args->d,
			  v + (size_t)kv * args->n_kv * args->d_v, first, end,
			  want + i * args->d_v);
	}
	tensor_check("attention", &d->out, want, bound, type_relative(args->type_out));
	free(q);
	free(k);
	free(v);
	free(want);
}

static struct sdo_stride strides(const struct tensor *t, int token, int head)
{
	const uint64_t *s = t->view.stride;

	return (struct sdo_stride){ s[token], s[head], s[3] };
}

static void make(struct attention_data *d, const struct attention_case *c)
{
	const uint32_t q[4] = { c->d, c->heads, c->q, c->sequences };
	const uint32_t k[4] = { c->d, c->kv, c->kv_heads, c->sequences };
	const uint32_t v[4] = { c->d_v, c->kv, c->kv_heads, c->sequences };
	const uint32_t out[4] = { c->d_v, c->heads, c->q, c->sequences };
	uint32_t *lengths;

	d->q = tensor_filled(c->type, q, GAPS, KT_PLAIN);
	d->k = tensor_filled(c->type, k, GAPS, KT_PLAIN);
	d->v = tensor_filled(c->type, v, GAPS, KT_PLAIN);
	d->out = tensor_make(float_type(), out, GAPS);
	d->lengths = kt_mem(4 * c->sequences, 4);
	lengths = d->lengths.host;
	for (uint32_t i = 0; i < c->sequences; i++)
		lengths[i] = (uint32_t)kt_between(0, (int)c->kv + 3);
	d->args = (struct sdo_attention){
		.q = d->q.view.address, .k = d->k.view.address, .v = d->v.view.address,
		.out = d->out.view.address, .lengths = c->lengths ? d->lengths.address : 0,
		.q_stride = strides(&d->q, 2, 1), .k_stride = strides(&d->k, 1, 2),
		.v_stride = strides(&d->v, 1, 2), .out_stride = strides(&d->out, 2, 1),
		.n_sequences = c->sequences, .n_q = c->q, .n_kv = c->kv, .n_heads = c->heads,
		.n_kv_heads = c->kv_heads, .d = c->d, .d_v = c->d_v, .type = c->type,
		.type_out = d->out.type, .flags = c->flags, .offset = c->offset,
		.window = c->window, .scale = c->scale ? c->scale : 3 / sqrtf((float)c->d),
	};
}

static void run_case(const struct attention_case *c)
{
	struct attention_data d;
	struct seedchip_dim dim;

	make(&d, c);
	KT_DIM(sdo_attention_dim(&d.args, &kt_card, &dim));
	kt_run("attention", "attention", &d.args, sizeof(d.args), &dim);
	check(&d);
	free(d.q.before);
	free(d.k.before);
	free(d.v.before);
	kt_free();
}

static void test_models(void)
{
	struct attention_case c = { .sequences = 1, .q = 200, .kv = 200, .heads = 4, .kv_heads = 1,
				    .d = 128, .d_v = 128, .flags = SDO_ATTENTION_CAUSAL,
				    .type = SDO_BF16 };

	if (kt_reduced) {
		c.q = 70;
		c.kv = 70;
	}
	run_case(&c);
	c.window = 50;
	run_case(&c);
	/* the next piece of a long prompt */
	c.window = 0;
	c.kv += 130;
	c.flags |= SDO_ATTENTION_AT_END;
	run_case(&c);
	/* heads of their own, an encoder */
	c.kv_heads = 4;
	c.flags = 0;
	run_case(&c);
}

static void test_sizes(void)
{
	for (int i = 0; i < (kt_reduced ? 3 : 40); i++) {
		struct attention_case c = { .sequences = (uint32_t)kt_between(1, 2),
					    .type = float_type(), .lengths = i & 1 };

		c.kv_heads = (uint32_t)kt_between(1, 2);
		c.heads = c.kv_heads * (uint32_t)kt_between(1, 8);
		c.q = any_size(i % 4 ? 90 : 280);
		c.kv = i % 10 == 9 ? 0 : any_size(i % 3 ? 130 : 400);
		c.d = any_size(100);
		c.d_v = any_size(140);
		if (i % 4)
			c.flags = i % 4 < 3 ? SDO_ATTENTION_CAUSAL : 3;
		if (i % 5 == 1 && c.flags)
			c.window = (uint32_t)kt_between(1, 150);
		c.offset = c.flags ? kt_between(-20, 100) : 0;
		run_case(&c);
	}
}

/* Heads so large that few tiles of queries have accumulators. */
static void test_large_heads(void)
{
	struct attention_case c = { .sequences = 1, .q = 130, .kv = 150, .heads = 4, .kv_heads = 2,
				    .d = 576, .d_v = 512, .flags = SDO_ATTENTION_CAUSAL,
				    .type = SDO_BF16 };

	if (kt_reduced) {
		c.q = 20;
		c.kv = 40;
	}
	run_case(&c);
	c.d = 256;
	c.d_v = 256;
	c.type = SDO_F32;
	run_case(&c);
}

/* What lies beyond the length is not looked at; a NaN reaches the queries that see it. */
static void test_nan(void)
{
	struct attention_case c = { .sequences = 1, .q = 3, .kv = 100, .heads = 1, .kv_heads = 1,
				    .d = 16, .d_v = 8, .type = SDO_F32, .lengths = true,
				    .flags = SDO_ATTENTION_CAUSAL, .offset = 30 };
	struct attention_data d;
	struct seedchip_dim dim;

	make(&d, &c);
	*(uint32_t *)d.lengths.host = 90;
	for (uint32_t i = 90; i < 100; i++)
		kt_set(SDO_F32, tensor_at(&d.v, i * 8), 0, NAN);
	kt_set(SDO_F32, tensor_at(&d.k, 31 * 16), 0, NAN);
	KT_DIM(sdo_attention_dim(&d.args, &kt_card, &dim));
	kt_run("attention", "attention", &d.args, sizeof(d.args), &dim);
	for (uint32_t i = 0; i < 3 * 8; i++)
		CHECK_EQ(isnan(tensor_get(&d.out, i)) != 0, i >= 8);
	free(d.q.before);
	free(d.k.before);
	free(d.v.before);
	free(d.out.before);
}

/* Scores whose roundings are powers of their own: the key with the greatest is all that counts. */
static void test_large_scores(void)
{
	for (int i = 0; i < 6; i++) {
		struct attention_case c = { .sequences = 2, .q = 70, .kv = i < 3 ? 1 : 150,
					    .heads = 2, .kv_heads = 1, .d = 16, .d_v = 20,
					    .flags = i % 2, .offset = i % 2 ? 100 : 0,
					    .scale = i < 3 ? 0x1p90f : 0x1p40f };

		c.type = i % 3 == 0 ? SDO_F32 : i % 3 == 1 ? SDO_F16 : SDO_BF16;
		run_case(&c);
	}
}

static void test_refused(void)
{
	struct sdo_attention a = { .n_sequences = 1, .n_q = 5, .n_kv = 5, .n_heads = 4,
				   .n_kv_heads = 3, .d = 64, .d_v = 64, .type = SDO_BF16,
				   .type_out = SDO_BF16, .scale = 1 };
	struct sdo_card small = { .cores = 8, .tcm_size = 65536, .vlen = 4096 };
	struct seedchip_dim dim;

	KT_REFUSED(sdo_attention_dim(&a, &kt_card, &dim), -EINVAL, "n_heads 4");
	a.n_kv_heads = 4;
	KT_DIM(sdo_attention_dim(&a, &kt_card, &dim));
	a.flags = 4;
	KT_REFUSED(sdo_attention_dim(&a, &kt_card, &dim), -EINVAL, "flags 0x4");
	a.flags = 0;
	a.window = 3;
	KT_REFUSED(sdo_attention_dim(&a, &kt_card, &dim), -EINVAL, "window 3 without CAUSAL");
	a.window = 0;
	a.n_kv = 1u << 30;
	KT_REFUSED(sdo_attention_dim(&a, &kt_card, &dim), -EINVAL, "n_kv 1073741824");
	a.n_kv = 5;
	a.n_sequences = 20000;
	KT_REFUSED(sdo_attention_dim(&a, &kt_card, &dim), -EINVAL, "too many heads");
	a.n_sequences = 1;
	a.n_kv_heads = 1;
	a.n_q = (1u << 22) - 1;
	KT_REFUSED(sdo_attention_dim(&a, &kt_card, &dim), -EINVAL, "n_q 4194303: too many");
	a.n_kv_heads = 4;
	a.n_q = 5;
	a.reserved = 1;
	KT_REFUSED(sdo_attention_dim(&a, &kt_card, &dim), -EINVAL, "reserved");
	a.reserved = 0;
	KT_REFUSED(sdo_attention_dim(&a, &small, &dim), -E2BIG, "bytes of scratchpad");
	small.cores = 0;
	KT_REFUSED(sdo_attention_dim(&a, &small, &dim), -EINVAL, "the card has 0 cores");
}

int main(void)
{
	static const struct tap_test tests[] = {
		{ "attention: as models use it", test_models },
		{ "attention: sizes", test_sizes },
		{ "attention: large heads", test_large_heads },
		{ "attention: NaN, and what is not looked at", test_nan },
		{ "attention: large scores", test_large_scores },
		{ "attention: what is refused", test_refused },
	};

	return KT_RUN(tests);
}
