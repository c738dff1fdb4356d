// SPDX-License-Identifier: MIT
/*
 * kv_append and kv_read: card and host against the formula of docs/layouts.md; all other bytes
 * stay.
 */
#include <stdlib.h>

#include "harness.h"
#include "seedchip_status.h"

#define PAGE 16

struct kv {
	struct sdo_kv_append args;
	struct kt_mem x, cache, pages, lengths;
};

static struct kv make(uint32_t type, uint32_t sequences, uint32_t n_new, uint32_t heads,
		      uint32_t d, uint32_t before)
{
	uint64_t size = sdo_type_bits(type) / 8;
	struct kv kv = { .args = {
		.n_sequences = sequences, .n_new = n_new, .n_heads = heads, .d = d, .type = type,
		.max_pages = (before + n_new + PAGE - 1) / PAGE + 1,
	} };
	struct sdo_kv_append *a = &kv.args;
	uint32_t listed = sequences * a->max_pages, *list;

	a->num_pages = listed + 2;
	if (kt_random() % 2) {
		a->x_stride.head = d * size + kt_between(0, 5);
		a->x_stride.token = heads * a->x_stride.head + kt_between(0, 5);
		a->x_stride.sequence = n_new * a->x_stride.token + kt_between(0, 5);
	} else { /* [sequence][head][token][d] */
		a->x_stride.token = d * size;
		a->x_stride.head = n_new * a->x_stride.token;
		a->x_stride.sequence = heads * a->x_stride.head;
	}
	kv.x = kt_mem(sequences * a->x_stride.sequence, kt_random() % 64);
	kv.cache = kt_mem((uint64_t)a->num_pages * heads * PAGE * d * size, kt_random() % 64);
	kv.pages = kt_mem(4 * a->num_pages, 4);
	kv.lengths = kt_mem(4 * sequences, 8);
	list = kv.pages.host;
	for (uint32_t i = 0; i < a->num_pages; i++) {
		uint32_t other = kt_random() % (i + 1);

		list[i] = list[other];
		list[other] = i;
	}
	for (uint32_t i = 0; i < sequences; i++)
		((uint32_t *)kv.lengths.host)[i] = kt_between(0, before);
	a->x = kv.x.address;
	a->cache = kv.cache.address;
	a->pages = kv.pages.address;
	a->lengths = before ? kv.lengths.address : 0;
	return kv;
}

static void reference(const struct kv *kv, uint8_t *cache)
{
	const struct sdo_kv_append *a = &kv->args;
	const uint32_t *list = kv->pages.host, *lengths = kv->lengths.host;
	uint64_t size = sdo_type_bits(a->type) / 8;

	for (uint32_t s = 0; s < a->n_sequences; s++, list += a->max_pages)
		for (uint32_t i = 0; i < a->n_new; i++)
			for (uint32_t h = 0; h < a->n_heads; h++)
				for (uint32_t e = 0; e < a->d; e++) {
					uint64_t t = i + (a->lengths ? lengths[s] : 0);
					uint64_t to = list[t / 16] * a->n_heads + h;

					to = (to * 16 + t % 16) * a->d + e;
					memcpy(cache + to * size, (uint8_t *)kv->x.host +
					       s * a->x_stride.sequence + i * a->x_stride.token +
					       h * a->x_stride.head + e * size, size);
				}
}

/* What was appended comes back, to places of other bytes. */
static void read_case(struct kv *kv)
{
	struct sdo_kv_append *a = &kv->args;
	uint64_t row = a->d * (sdo_type_bits(a->type) / 8);
	struct kt_mem x = kt_mem(kv->x.size, kt_random() % 64);
	uint8_t *want = malloc(x.size + 1), *host = malloc(x.size + 1);
	struct seedchip_dim dim;

	memcpy(want, x.host, x.size);
	memcpy(host, x.host, x.size);
	for (uint32_t i = 0; i < a->n_sequences * a->n_new * a->n_heads; i++) {
		uint32_t h = i % a->n_heads, t = i / a->n_heads % a->n_new;
		uint64_t at = i / a->n_heads / a->n_new * a->x_stride.sequence;

		at += t * a->x_stride.token + h * a->x_stride.head;
		memcpy(want + at, (uint8_t *)kv->x.host + at, row);
	}
	KT_OK(sdo_kv_read_host(a, host, kv->cache.host, kv->pages.host,
			       a->lengths ? kv->lengths.host : NULL));
	kt_same("tokens, host", SDO_U8, host, want, x.size);
	a->x = x.address;
	KT_DIM(sdo_kv_read_dim(a, &kt_card, &dim));
	kt_run("kv_read", "kv_read", a, sizeof(*a), &dim);
	kt_same("tokens, card", SDO_U8, x.host, want, x.size);
	free(want);
	free(host);
}

static void run_case(uint32_t type, uint32_t sequences, uint32_t n_new, uint32_t heads,
		     uint32_t d, uint32_t before)
{
	struct kv kv = make(type, sequences, n_new, heads, d, before);
	uint8_t *want = malloc(kv.cache.size + 1), *host = malloc(kv.cache.size + 1);
	struct seedchip_dim dim;

	memcpy(want, kv.cache.host, kv.cache.size);
	memcpy(host, kv.cache.host, kv.cache.size);
	reference(&kv, want);
	KT_OK(sdo_kv_append_host(&kv.args, kv.x.host, host, kv.pages.host,
				 before ? kv.lengths.host : NULL));
	kt_same("pages, host", SDO_U8, host, want, kv.cache.size);
	KT_DIM(sdo_kv_append_dim(&kv.args, &kt_card, &dim));
	kt_run("kv_append", "kv_append", &kv.args, sizeof(kv.args), &dim);
	kt_same("pages, card", SDO_U8, kv.cache.host, want, kv.cache.size);
	read_case(&kv);
	free(want);
	free(host);
	kt_free();
}

static void test_decode(void)
{
	static const uint32_t types[] = { SDO_BF16, SDO_F32, SDO_F16, SDO_E4M3, SDO_I8, SDO_E5M2 };

	for (unsigned int i = 0; i < 6; i++)
		run_case(types[i], kt_between(1, 20), 1, 1 + i * 3, 1 + i * 25, 70);
}

static void test_prompt(void)
{
	for (int i = 0; i < (kt_reduced ? 3 : 12); i++)
		run_case(SDO_BF16, kt_between(1, 3), kt_between(1, kt_reduced ? 70 : 300),
			 kt_between(1, 6), kt_between(1, 40), i % 3 * 21);
}

/* Heads in several steps, long heads, and steps for more than one turn of a core's ring. */
static void test_large(void)
{
	run_case(SDO_F16, 1, 40, 37, 8, 5);
	run_case(SDO_F32, 1, 3, 17, 1024, 30);
	run_case(SDO_I8, 1, kt_reduced ? 300 : 5000, 2, 4, 3);
}

static void test_empty(void)
{
	run_case(SDO_F32, 0, 3, 2, 8, 5);
	run_case(SDO_F32, 2, 0, 2, 8, 5);
	run_case(SDO_F32, 2, 3, 0, 8, 5);
	run_case(SDO_F32, 2, 3, 2, 0, 5);
}

/* Both refuse a page that is not there, and a token beyond the list. */
static void test_range(void)
{
	for (int beyond = 0; beyond < 2; beyond++) {
		struct kv kv = make(SDO_BF16, 2, 20, 2, 8, 0);
		struct seedchip_dim dim;
		uint32_t *list = kv.pages.host, *lengths = kv.lengths.host;

		lengths[0] = 0;
		lengths[1] = beyond ? 1u << 31 : 0;
		kv.args.lengths = kv.lengths.address;
		if (!beyond)
			list[kv.args.max_pages + 1] = kv.args.num_pages;
		KT_DIM(sdo_kv_append_dim(&kv.args, &kt_card, &dim));
		CHECK_EQ(kt_fault("kv_append", "kv_append", &kv.args, sizeof(kv.args), &dim),
			 SC_CODE_GATHER_RANGE);
		CHECK_EQ(kt_fault("kv_read", "kv_read", &kv.args, sizeof(kv.args), &dim),
			 SC_CODE_GATHER_RANGE);
		KT_REFUSED(sdo_kv_append_host(&kv.args, kv.x.host, kv.cache.host, list, lengths),
			   -ERANGE, beyond ? "sequence 1: token 2147483648" : "sequence 1: page");
		KT_REFUSED(sdo_kv_read_host(&kv.args, kv.x.host, kv.cache.host, list, lengths),
			   -ERANGE, "kv_read: sequence 1");
		kt_free();
	}
}

static void test_refused(void)
{
	struct sdo_kv_append a = { .n_sequences = 1, .n_new = 1, .n_heads = 2, .d = 1025,
				   .num_pages = 1, .type = SDO_I4 };
	struct sdo_card small = kt_card;
	struct seedchip_dim dim;

	KT_REFUSED(sdo_kv_append_dim(&a, &kt_card, &dim), -EOPNOTSUPP, "kv_append: type 1");
	a.type = SDO_F16;
	KT_REFUSED(sdo_kv_append_dim(&a, &kt_card, &dim), -EINVAL, "d 1025");
	a.d = 128;
	KT_DIM(sdo_kv_append_dim(&a, &kt_card, &dim));
	a.num_pages = (1u << 26) + 1;
	KT_REFUSED(sdo_kv_append_dim(&a, &kt_card, &dim), -EINVAL, "num_pages 67108865");
	a.num_pages = 1;
	a.n_new = 1u << 20;
	KT_REFUSED(sdo_kv_append_host(&a, NULL, NULL, NULL, NULL), -EINVAL, "n_new 1048576");
	a.n_new = 1;
	a.x_stride.head = 1ull << 32;
	KT_REFUSED(sdo_kv_append_dim(&a, &kt_card, &dim), -EINVAL, "x_stride.head 0x100000000");
	a.x_stride.head = 0;
	a.type = SDO_I64;
	KT_REFUSED(sdo_kv_read_dim(&a, &kt_card, &dim), -EOPNOTSUPP, "kv_read: type 9");
	a.type = SDO_F16;
	small.tcm_size = 65536;
	KT_REFUSED(sdo_kv_append_dim(&a, &small, &dim), -E2BIG, "bytes of scratchpad");
}

int main(void)
{
	static const struct tap_test tests[] = {
		{ "kv_append: one token of many sequences", test_decode },
		{ "kv_append: prompts", test_prompt },
		{ "kv_append: many heads, long heads, many tokens", test_large },
		{ "kv_append: nothing to do", test_empty },
		{ "kv_append: pages out of range", test_range },
		{ "kv_append: what is refused", test_refused },
	};

	return KT_RUN(tests);
}
