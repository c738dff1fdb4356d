/* SPDX-License-Identifier: MIT */
/*
 * What kv_append and kv_read share: tokens of sequences in steps, and their
 * places in the pages of a KV cache (docs/layouts.md).
 *
 * Seen as rows of d elements, head h of a token is row (page * heads + h) * 16 +
 * token % 16 of the cache: a step has some tokens and heads of a sequence, and
 * the part of its list of pages; the hart makes row numbers for the DMA engines.
 *
 * The invariant: step k uses slot k % RING: elements, row numbers, page numbers.
 */
#ifndef KERNELS_KV_H
#define KERNELS_KV_H

#include <seedchip/ops_kv.h>

#include "data.h"

#define KV_PAGE SDO_ATTENTION_PAGE

/* Tokens @token to @token + @tokens of a sequence's; the first is number @at of it. */
struct step {
	uint64_t at;
	uint32_t sequence;
	uint32_t token;
	uint32_t tokens;
	uint32_t head;
	uint32_t heads;
	uint32_t listed; /* pages that the list has for them */
};

struct work {
	const struct sdo_kv_append *args;
	uint32_t row; /* bytes */
	uint64_t mine; /* steps of this workgroup */
	struct step step[SDO_KV_RING];
};

static inline struct work kv_start(const struct sdo_kv_append *args)
{
	struct work w = { .args = args, .row = args->d * (sd_format_bits(args->type) / 8) };
	uint64_t steps = sdo_kv_steps_(args);

	if (sd_wg_x() < steps)
		w.mine = (steps - sd_wg_x() - 1) / sd_grid_x() + 1;
	return w;
}

static inline uint8_t *slot(uint32_t k)
{
	return (uint8_t *)sd_dynamic() + k % SDO_KV_RING * SDO_KV_SLOT;
}

static inline uint32_t *rows_of(uint32_t k)
{
	return (uint32_t *)(slot(k) + SDO_KV_BYTES);
}

static inline uint32_t *list_of(uint32_t k)
{
	return rows_of(k) + SDO_KV_TOKENS * SDO_KV_HEADS;
}

static inline struct step step_at(const struct sdo_kv_append *a, uint64_t number)
{
	uint32_t heads = sdo_kv_heads_(a), tokens = sdo_kv_tokens_(a);
	uint32_t across = div_up(a->n_heads, heads), down = div_up(a->n_new, tokens);
	struct step s = {
		.sequence = number / across / down,
		.token = number / across % down * tokens,
		.head = number % across * heads,
	};
	uint64_t first, last;

	s.tokens = min_u32(tokens, a->n_new - s.token);
	s.heads = min_u32(heads, a->n_heads - s.head);
	s.at = s.token;
	if (a->lengths)
		s.at += ((const uint32_t *)a->lengths)[s.sequence];
	first = s.at / KV_PAGE;
	last = (s.at + s.tokens - 1) / KV_PAGE;
	if (first < a->max_pages)
		s.listed = min_u32(last - first + 1, a->max_pages - first);
	return s;
}

/* Step @k, and the page numbers of its tokens. */
static inline const struct step *load_list(struct work *w, unsigned int channel, uint64_t k)
{
	const struct sdo_kv_append *a = w->args;
	struct step *s = &w->step[k % SDO_KV_RING];

	*s = step_at(a, sd_wg_x() + k * sd_grid_x());
	sd_dma_1d(channel, list_of(k), (const uint32_t *)a->pages +
		  (uint64_t)s->sequence * a->max_pages + s->at / KV_PAGE, s->listed * 4);
	return s;
}

/* No limit admits ~0: the DMA engine refuses it by name. */
static inline void number_rows(const struct sdo_kv_append *a, const struct step *s, uint32_t k)
{
	const uint32_t *list = list_of(k);
	uint32_t *to = rows_of(k);

	for (uint32_t t = 0; t < s->tokens; t++) {
		uint32_t i = (s->at % KV_PAGE + t) / KV_PAGE;
		uint32_t page = i < s->listed ? list[i] : UINT32_MAX;
		uint32_t row = (page * a->n_heads + s->head) * KV_PAGE + (s->at + t) % KV_PAGE;

		for (uint32_t h = 0; h < s->heads; h++)
			*to++ = page < a->num_pages ? row + h * KV_PAGE : UINT32_MAX;
	}
}

/* The tokens of a step as rows of the tensor, and dense in slot @k. */
static inline void move_tokens(const struct work *w, unsigned int channel, uint64_t k, bool in)
{
	const struct sdo_kv_append *a = w->args;
	const struct step *s = &w->step[k % SDO_KV_RING];
	uint64_t far = a->x + s->sequence * a->x_stride.sequence + s->token * a->x_stride.token +
		       s->head * a->x_stride.head;
	const uint32_t tcm_stride[2] = { w->row, w->row * s->heads };
	const uint32_t far_stride[2] = { a->x_stride.head, a->x_stride.token };
	struct sc_dma d = {
		.kind = SC_DMA_COPY, .size0 = w->row, .size1 = s->heads, .size2 = s->tokens,
		.src = in ? far : (uintptr_t)slot(k), .dst = in ? (uintptr_t)slot(k) : far,
	};

	for (int i = 0; i < 2; i++) {
		d.src_stride[i] = in ? far_stride[i] : tcm_stride[i];
		d.dst_stride[i] = in ? tcm_stride[i] : far_stride[i];
	}
	sdd_go(channel, &d);
}

/* The rows of a step in the cache, and dense in slot @k. @kind: gather or scatter. */
static inline void move_pages(const struct work *w, unsigned int channel, uint64_t k, uint32_t kind)
{
	const struct sdo_kv_append *a = w->args;
	const struct step *s = &w->step[k % SDO_KV_RING];
	bool in = kind == SC_DMA_GATHER;
	struct sc_dma d = {
		.kind = kind, .size0 = w->row, .size1 = s->heads * s->tokens, .size2 = 1,
		.src = in ? a->cache : (uintptr_t)slot(k),
		.dst = in ? (uintptr_t)slot(k) : a->cache,
		.src_stride = { w->row }, .dst_stride = { w->row },
		.index = sd_tcm_offset(rows_of(k)), .limit = a->num_pages * a->n_heads * KV_PAGE,
	};

	sdd_go(channel, &d);
}

#endif /* KERNELS_KV_H */
