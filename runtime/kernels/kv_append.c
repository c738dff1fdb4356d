// SPDX-License-Identifier: MIT
/*
 * kv_append: new tokens into the pages of a KV cache (struct sdo_kv_append).
 *
 * Seen as rows of d elements, head h of a token is row (page * heads + h) * 16 +
 * token % 16 of the cache: a step reads some tokens and heads of a sequence, and
 * the part of its list of pages; the hart makes row numbers, and DMA scatters.
 *
 * The invariant: step k uses slot k % RING, which is read into when the scatter
 * before from there has completed.
 */
#include <seedchip/ops_kv.h>

#include "data.h"

#define AHEAD (SDO_KV_RING - 1)
#define PAGE  SDO_ATTENTION_PAGE

enum channel { DMA_IN, DMA_OUT };
enum counter { C_IN, C_OUT };

/* Tokens @token to @token + @tokens of the new ones; the first is number @at of its sequence. */
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
	struct step step[SDO_KV_RING];
};

static uint8_t *slot(uint32_t k)
{
	return (uint8_t *)sd_dynamic() + k % SDO_KV_RING * SDO_KV_SLOT;
}

static uint32_t *rows_of(uint32_t k)
{
	return (uint32_t *)(slot(k) + SDO_KV_BYTES);
}

static uint32_t *list_of(uint32_t k)
{
	return rows_of(k) + SDO_KV_TOKENS * SDO_KV_HEADS;
}

static struct step step_at(const struct sdo_kv_append *a, uint64_t number)
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
	first = s.at / PAGE;
	last = (s.at + s.tokens - 1) / PAGE;
	if (first < a->max_pages)
		s.listed = min_u32(last - first + 1, a->max_pages - first);
	return s;
}

static void load(struct work *w, uint32_t k, uint64_t number)
{
	const struct sdo_kv_append *a = w->args;
	struct step *s = &w->step[k % SDO_KV_RING];
	struct sc_dma d = { .kind = SC_DMA_COPY, .size0 = w->row };

	*s = step_at(a, number);
	d.size1 = s->heads;
	d.size2 = s->tokens;
	d.src = a->x + s->sequence * a->x_stride.sequence + s->token * a->x_stride.token +
		s->head * a->x_stride.head;
	d.dst = (uintptr_t)slot(k);
	d.src_stride[0] = a->x_stride.head;
	d.src_stride[1] = a->x_stride.token;
	d.dst_stride[0] = w->row;
	d.dst_stride[1] = w->row * s->heads;
	if (k >= SDO_KV_RING)
		sd_hold(DMA_IN, C_OUT, k - SDO_KV_RING + 1);
	sd_dma_1d(DMA_IN, list_of(k), (const uint32_t *)a->pages +
		  (uint64_t)s->sequence * a->max_pages + s->at / PAGE, s->listed * 4);
	sdd_go(DMA_IN, &d);
	sd_post(DMA_IN, C_IN);
}

/* No limit admits ~0: the DMA engine refuses it by name. */
static void number_rows(const struct sdo_kv_append *a, const struct step *s, uint32_t k)
{
	const uint32_t *list = list_of(k);
	uint32_t *to = rows_of(k);

	for (uint32_t t = 0; t < s->tokens; t++) {
		uint32_t i = (s->at % PAGE + t) / PAGE;
		uint32_t page = i < s->listed ? list[i] : UINT32_MAX;
		uint32_t row = (page * a->n_heads + s->head) * PAGE + (s->at + t) % PAGE;

		for (uint32_t h = 0; h < s->heads; h++)
			*to++ = page < a->num_pages ? row + h * PAGE : UINT32_MAX;
	}
}

static void finish(const struct work *w, uint32_t k)
{
	const struct sdo_kv_append *a = w->args;
	const struct step *s = &w->step[k % SDO_KV_RING];
	struct sc_dma d = {
		.kind = SC_DMA_SCATTER, .size0 = w->row, .size1 = s->heads * s->tokens, .size2 = 1,
		.src = (uintptr_t)slot(k), .dst = a->cache, .src_stride = { w->row },
		.dst_stride = { w->row }, .index = sd_tcm_offset(rows_of(k)),
		.limit = a->num_pages * a->n_heads * PAGE,
	};

	sd_await(C_IN, k + 1);
	number_rows(a, s, k);
	sdd_go(DMA_OUT, &d);
	sd_post(DMA_OUT, C_OUT);
}

SD_KERNEL(kv_append, struct sdo_kv_append)
{
	struct work w = { .args = args, .row = args->d * (sd_format_bits(args->type) / 8) };
	uint64_t steps = sdo_kv_steps_(args), mine = 0;

	if (sd_wg_x() < steps)
		mine = (steps - sd_wg_x() - 1) / sd_grid_x() + 1;
	for (uint64_t k = 0; k < mine + AHEAD; k++) {
		if (k < mine)
			load(&w, k, sd_wg_x() + k * sd_grid_x());
		if (k >= AHEAD && k - AHEAD < mine)
			finish(&w, k - AHEAD);
	}
}
