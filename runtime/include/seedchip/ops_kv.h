/* SPDX-License-Identifier: MIT */
/*
 * Kernel library: the KV cache in pages, [page][kv head][16 tokens][d]
 * (docs/layouts.md), as attention_decode reads it. Conventions are those of ops.h.
 */
#ifndef SEEDCHIP_OPS_KV_H
#define SEEDCHIP_OPS_KV_H

#include "seedchip/ops_attention.h"
#include "seedchip/ops_data.h"

#ifdef SDO_HOST
#include <string.h>
#endif

#ifdef __cplusplus
extern "C" {
#endif

/**
 * struct sdo_kv_append - keys or values of new tokens into the pages of their sequences
 * @x: [@n_sequences][@n_new][@n_heads][@d] at strides @x_stride, elements of a head dense
 * @cache: @num_pages pages [@n_heads][16][@d]
 * @pages: u32 [@n_sequences][@max_pages]: pages of each sequence in order, no page twice
 * @lengths: u32 [@n_sequences]: tokens that each sequence has before; 0: none have any
 * @x_stride: below 2^32, but for sequence
 * @n_sequences: sequences
 * @n_new: new tokens of each; token i becomes number length + i
 * @n_heads: KV heads
 * @d: elements of a head, up to 1024
 * @num_pages: pages of @cache; @num_pages times @n_heads up to 2^27
 * @max_pages: pages that a sequence's list has room for
 * @type: I8, F16, BF16, E4M3, E5M2 or F32; bits are copied
 * @reserved: 0
 *
 * A page number not below @num_pages, or a token beyond a list, stops the queue
 * with GATHER_RANGE; the others may have been written. Nothing else in the pages
 * changes.
 *
 * It is the argument block of kv_read too, which does the reverse: @n_new tokens
 * from number length on are read from the pages and written to @x; no other
 * byte changes. With 0 for @lengths that is all of a sequence.
 */
struct sdo_kv_append {
	uint64_t x;
	uint64_t cache;
	uint64_t pages;
	uint64_t lengths;
	struct sdo_stride x_stride;
	uint32_t n_sequences;
	uint32_t n_new;
	uint32_t n_heads;
	uint32_t d;
	uint32_t num_pages;
	uint32_t max_pages;
	uint32_t type;
	uint32_t reserved;
};

/* What a step of the kernel moves at most. */
#define SDO_KV_TOKENS 64u
#define SDO_KV_HEADS  16u
#define SDO_KV_BYTES  65536u
#define SDO_KV_LIST   64u /* bytes of page numbers of SDO_KV_TOKENS */
#define SDO_KV_RING   3u
#define SDO_KV_SLOT   (SDO_KV_BYTES + 4 * SDO_KV_TOKENS * SDO_KV_HEADS + SDO_KV_LIST)

static inline uint32_t sdo_kv_heads_(const struct sdo_kv_append *a)
{
	return a->n_heads < SDO_KV_HEADS ? a->n_heads : SDO_KV_HEADS;
}

static inline uint32_t sdo_kv_tokens_(const struct sdo_kv_append *a)
{
	uint32_t token = sdo_kv_heads_(a) * a->d * (sdo_type_bits(a->type) / 8);
	uint32_t n = SDO_KV_BYTES / token;

	n = n < SDO_KV_TOKENS ? n : SDO_KV_TOKENS;
	return n < a->n_new ? n : a->n_new;
}

static inline uint64_t sdo_kv_steps_(const struct sdo_kv_append *a)
{
	uint32_t heads, tokens;

	if (!a->n_sequences || !a->n_new || !a->n_heads || !a->d)
		return 0;
	heads = sdo_kv_heads_(a);
	tokens = sdo_kv_tokens_(a);
	return (uint64_t)a->n_sequences * (a->n_new / tokens + (a->n_new % tokens != 0)) *
	       (a->n_heads / heads + (a->n_heads % heads != 0));
}

#ifdef SDO_HOST

static inline int sdo_kv_check_(const char *op, const struct sdo_kv_append *a)
{
	int r;

	if (!sdo_is_narrow_type(a->type))
		return sdo_refuse(-EOPNOTSUPP, "%s: type %u", op, a->type);
	if (a->d > SDO_ATTENTION_D_MAX)
		return sdo_refuse(-EINVAL, "%s: d %u: above %u", op, a->d, SDO_ATTENTION_D_MAX);
	if (a->n_new >> 20 || a->n_sequences >> 20)
		return sdo_refuse(-EINVAL, "%s: n_new %u, n_sequences %u: not below 2^20", op,
				  a->n_new, a->n_sequences);
	if ((uint64_t)a->num_pages * a->n_heads > 1u << 27)
		return sdo_refuse(-EINVAL, "%s: num_pages %u times n_heads %u: above 2^27", op,
				  a->num_pages, a->n_heads);
	if (a->reserved)
		return sdo_refuse(-EINVAL, "%s: reserved is not 0", op);
	r = sdo_check_stride(op, "x_stride.token", a->x_stride.token);
	return r ? r : sdo_check_stride(op, "x_stride.head", a->x_stride.head);
}

static inline int sdo_kv_dim_(const char *op, const struct sdo_kv_append *a,
			      const struct sdo_card *card, struct seedchip_dim *dim)
{
	int r = sdo_kv_check_(op, a);

	return r ? r : sdo_grid(op, card, sdo_spread(card, sdo_kv_steps_(a)), 1,
				SDO_KV_RING * SDO_KV_SLOT, 0, dim);
}

/**
 * sdo_kv_append_dim() - check the arguments of kv_append, and compute its grid
 * @a: arguments
 * @card: what it will run on
 * @dim: grid, flags and scratchpad, for seedchip_launch()
 *
 * Return: 0; -EINVAL: a member is out of its range; -EOPNOTSUPP: types that do not go together;
 * -E2BIG: the scratchpad is too small.
 */
static inline int sdo_kv_append_dim(const struct sdo_kv_append *a, const struct sdo_card *card,
				    struct seedchip_dim *dim)
{
	return sdo_kv_dim_("kv_append", a, card, dim);
}

/**
 * sdo_kv_read_dim() - check the arguments of kv_read, and compute its grid
 * @a: arguments
 * @card: what it will run on
 * @dim: grid, flags and scratchpad, for seedchip_launch()
 *
 * Return: 0; -EINVAL: a member is out of its range; -EOPNOTSUPP: types that do not go together;
 * -E2BIG: the scratchpad is too small.
 */
static inline int sdo_kv_read_dim(const struct sdo_kv_append *a, const struct sdo_card *card,
				  struct seedchip_dim *dim)
{
	return sdo_kv_dim_("kv_read", a, card, dim);
}

static inline int sdo_kv_host_(const char *op, const struct sdo_kv_append *a, uint8_t *x,
			       uint8_t *cache, const uint32_t *pages, const uint32_t *lengths)
{
	uint64_t row = (uint64_t)a->d * (sdo_type_bits(a->type) / 8), at, to;
	uint32_t s, i, h, page;
	uint8_t *dense, *paged;
	int append = op[3] == 'a', r = sdo_kv_check_(op, a);

	if (r)
		return r;
	for (s = 0; s < a->n_sequences; s++) {
		for (i = 0; i < a->n_new; i++) {
			at = (lengths ? (uint64_t)lengths[s] : 0) + i;
			if (at / SDO_ATTENTION_PAGE >= a->max_pages)
				return sdo_refuse(-ERANGE, "%s: sequence %u: token %llu", op, s,
						  (unsigned long long)at);
			page = pages[(uint64_t)s * a->max_pages + at / SDO_ATTENTION_PAGE];
			if (page >= a->num_pages)
				return sdo_refuse(-ERANGE, "%s: sequence %u: page %u", op, s, page);
			for (h = 0; h < a->n_heads; h++) {
				dense = x + s * a->x_stride.sequence + i * a->x_stride.token +
					h * a->x_stride.head;
				to = ((uint64_t)page * a->n_heads + h) * SDO_ATTENTION_PAGE +
				     at % SDO_ATTENTION_PAGE;
				paged = cache + to * row;
				memcpy(append ? paged : dense, append ? dense : paged, row);
			}
		}
	}
	return 0;
}

/**
 * sdo_kv_append_host() - the same on the host
 * @a: as for the card, but that addresses in it are not looked at
 * @x: new tokens
 * @cache: pages
 * @pages: lists of pages
 * @lengths: tokens before, NULL: none
 *
 * Return: 0; -EINVAL: a member is out of its range; -EOPNOTSUPP: a type; -ERANGE: a page number
 * or a token is; what comes before it has been written.
 */
static inline int sdo_kv_append_host(const struct sdo_kv_append *a, const void *x, void *cache,
				     const uint32_t *pages, const uint32_t *lengths)
{
	return sdo_kv_host_("kv_append", a, (uint8_t *)x, (uint8_t *)cache, pages, lengths);
}

/**
 * sdo_kv_read_host() - kv_read on the host
 * @a: as for the card, but that addresses in it are not looked at
 * @x: tokens; written
 * @cache: pages
 * @pages: lists of pages
 * @lengths: number of the first token of each sequence, NULL: 0
 *
 * Return: as sdo_kv_append_host().
 */
static inline int sdo_kv_read_host(const struct sdo_kv_append *a, void *x, const void *cache,
				   const uint32_t *pages, const uint32_t *lengths)
{
	return sdo_kv_host_("kv_read", a, (uint8_t *)x, (uint8_t *)cache, pages, lengths);
}

#endif /* SDO_HOST */

#ifdef __cplusplus
}
#endif

#endif /* SEEDCHIP_OPS_KV_H */
