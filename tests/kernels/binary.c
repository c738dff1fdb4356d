// SPDX-License-Identifier: MIT
/* binary: every operation and type, bit for bit, with all ways of broadcasting. */
#include "tensor.h"

static float reference(uint32_t op, float a, float b)
{
	switch (op) {
	case SDO_ADD: return a + b;
	case SDO_SUB: return a - b;
	case SDO_MUL: return a * b;
	default: return a / b;
	}
}

/* The element of an operand for element @i of a result of sizes @n. */
static float operand(const struct tensor *t, const uint32_t n[4], size_t i)
{
	uint8_t *p = t->mem.host;

	for (int d = 0; d < 4; d++) {
		if (t->n[d] != 1)
			p += i % n[d] * t->view.stride[d];
		i /= n[d];
	}
	return (float)kt_get(t->type, p, 0);
}

static void run_case(const uint32_t n_a[4], const uint32_t n_b[4], enum kt_data data)
{
	struct sdo_binary args = { .op = kt_random() % SDO_BINARY_COUNT };
	struct tensor a = tensor_filled(float_type(), n_a, kt_random() % LAYOUTS, data);
	struct tensor b = tensor_filled(float_type(), n_b, kt_random() % LAYOUTS, data);
	struct tensor out;
	struct seedchip_dim dim;
	uint32_t n[4];
	float *want;

	for (int i = 0; i < 4; i++)
		n[i] = n_a[i] == 1 ? n_b[i] : n_a[i];
	out = tensor_make(float_type(), n, kt_random() % LAYOUTS);
	args.a = a.view;
	args.b = b.view;
	args.out = out.view;
	memcpy(args.n_a, n_a, sizeof(args.n_a));
	memcpy(args.n_b, n_b, sizeof(args.n_b));
	args.type_a = a.type;
	args.type_b = b.type;
	args.type_out = out.type;
	want = calloc(tensor_count(&out) + 1, sizeof(*want));
	for (size_t i = 0; i < tensor_count(&out); i++)
		want[i] = reference(args.op, operand(&a, n, i), operand(&b, n, i));
	KT_DIM(sdo_binary_dim(&args, &kt_card, &dim));
	kt_run("binary", "binary", &args, sizeof(args), &dim);
	tensor_same("result", &out, want);
	free(want);
	free(a.before);
	free(b.before);
	kt_free();
}

static void test_broadcast(void)
{
	for (int i = 0; i < (kt_reduced ? 6 : 60); i++) {
		uint32_t n_a[4], n_b[4];

		for (int d = 0; d < 4; d++) {
			uint32_t n = d ? (uint32_t)kt_between(1, 5) : any_size(200);

			n_a[d] = kt_random() % 4 ? n : 1;
			n_b[d] = kt_random() % 4 ? n : 1;
		}
		run_case(n_a, n_b, i % 2 ? KT_CORNER : KT_PLAIN);
	}
}

static void test_long(void)
{
	uint32_t n[4] = { kt_reduced ? 9000 : 150001, 1, 1, 3 }, row[4] = { n[0], 1, 1, 1 };
	uint32_t column[4] = { 1, 3001, 1, 1 }, both[4] = { 5, 3001, 1, 1 };

	run_case(n, n, KT_CORNER);
	run_case(n, row, KT_PLAIN);
	if (!kt_reduced)
		run_case(column, both, KT_PLAIN);
}

static void test_empty(void)
{
	uint32_t n[4] = { 7, 0, 3, 1 }, one[4] = { 1, 1, 1, 1 };

	run_case(n, one, KT_PLAIN);
	run_case(one, n, KT_PLAIN);
	run_case(one, one, KT_PLAIN);
}

static void test_refused(void)
{
	struct sdo_binary args = { .n_a = { 3, 1, 1, 1 }, .n_b = { 4, 1, 1, 1 } };
	struct sdo_card none = { .tcm_size = 1 << 20, .vlen = 4096 };
	struct seedchip_dim dim;

	KT_REFUSED(sdo_binary_dim(&args, &kt_card, &dim), -EINVAL, "n_a[0] is 3 and n_b[0] 4");
	args.n_b[0] = 3;
	KT_REFUSED(sdo_binary_dim(&args, &kt_card, &dim), -EOPNOTSUPP, "type_a 0");
	args.type_a = SDO_F32;
	args.type_b = SDO_F32;
	args.type_out = SDO_F32;
	KT_REFUSED(sdo_binary_dim(&args, &kt_card, &dim), -EINVAL, "out.stride[0] is 0");
	args.out.stride[0] = 4;
	KT_REFUSED(sdo_binary_dim(&args, &none, &dim), -EINVAL, "binary: the card has 0 cores");
	KT_DIM(sdo_binary_dim(&args, &kt_card, &dim));
	args.op = SDO_BINARY_COUNT;
	KT_REFUSED(sdo_binary_dim(&args, &kt_card, &dim), -EINVAL, "op 4");
	args.op = SDO_ADD;
	for (int i = 0; i < 4; i++)
		args.n_a[i] = 1 << 20;
	memcpy(args.n_b, args.n_a, sizeof(args.n_b));
	memset(args.out.stride, 1, sizeof(args.out.stride));
	KT_REFUSED(sdo_binary_dim(&args, &kt_card, &dim), -EINVAL, "2^40");
}

int main(void)
{
	static const struct tap_test tests[] = {
		{ "binary: broadcasting", test_broadcast },
		{ "binary: many elements", test_long },
		{ "binary: nothing to do", test_empty },
		{ "binary: what is refused", test_refused },
	};

	return KT_RUN(tests);
}
