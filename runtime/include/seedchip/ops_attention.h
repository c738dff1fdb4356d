/* SPDX-License-Identifier: MIT */
/*
 * Kernel library: attention, out = softmax(q k^T scale) v, for prompts and for
 * one token at a time.
 *
 * Query head h reads KV head h / (n_heads / n_kv_heads). Elements of a head are
 * dense; tokens, heads and sequences lie at any stride. q, k and v are of one
 * type, F32, F16 or BF16. Scores and sums are f32; weights are rounded to the
 * type of v before they are multiplied by it. A query that sees no key, or none
 * whose score is above -infinity, gets zeros. Keys beyond the length of a sequence
 * are never looked at; of those that a query does not see for another reason, v
 * must be finite.
 *
 * Within 2^-6 (BF16), 2^-9 (F16) or 2^-18 (F32) of the largest |v|, absolutely,
 * plus the rounding to type_out, while |scores| stay below 64; the f32 rounding of
 * larger ones is as large as their exponential makes it.
 */
#ifndef SEEDCHIP_OPS_ATTENTION_H
#define SEEDCHIP_OPS_ATTENTION_H

#include "seedchip/ops_types.h"

#ifdef __cplusplus
extern "C" {
#endif

#define SDO_ATTENTION_D_MAX    1024u
#define SDO_ATTENTION_V_MAX    512u
#define SDO_ATTENTION_PAGE     16u /* tokens of a page of the KV cache */
#define SDO_ATTENTION_PARTS    32u /* parts that keys may be cut into */
#define SDO_ATTENTION_SEQS_MAX 1024u

/**
 * struct sdo_stride - strides of a tensor of heads, in bytes
 * @token: from a token to the next
 * @head: from a head to the next
 * @sequence: from a sequence to the next
 */
struct sdo_stride {
	uint64_t token, head, sequence;
};

#define SDO_ATTENTION_CAUSAL 0x1u
#define SDO_ATTENTION_AT_END 0x2u

/**
 * struct sdo_attention - attention of many queries: a prompt
 * @q: queries
 * @k: keys
 * @v: values
 * @out: result, as q, with heads of @d_v elements
 * @lengths: u32 keys of each sequence, at most @n_kv; 0: all have @n_kv
 * @q_stride: strides of q
 * @k_stride: strides of k
 * @v_stride: strides of v
 * @out_stride: strides of out
 * @n_sequences: sequences
 * @n_q: queries of each
 * @n_kv: keys of each
 * @n_heads: query heads
 * @n_kv_heads: divides @n_heads
 * @d: elements of a head of q and k, up to 1024
 * @d_v: of v, up to 512
 * @type: of q, k and v
 * @type_out: F32, F16, BF16
 * @flags: SDO_ATTENTION_CAUSAL: query i sees keys up to i + @offset;
 *	   SDO_ATTENTION_AT_END: the queries are the last of all tokens: @offset counts from
 *	   length - n_q, not from 0
 * @offset: see @flags; also for @window
 * @window: not 0: a query at i sees keys above i + offset - window; needs CAUSAL
 * @scale: above 0, mostly 1 / sqrt(d)
 * @reserved: 0
 */
struct sdo_attention {
	uint64_t q, k, v, out, lengths;
	struct sdo_stride q_stride, k_stride, v_stride, out_stride;
	uint32_t n_sequences, n_q, n_kv;
	uint32_t n_heads, n_kv_heads;
	uint32_t d, d_v;
	uint32_t type, type_out;
	uint32_t flags;
	int32_t offset;
	uint32_t window;
	float scale;
	uint32_t reserved;
};

/**
 * struct sdo_attention_decode - attention of one query for each sequence, over a KV cache
 * @q: queries; strides of token are not looked at
 * @k: keys: contiguous, or pages [page][kv head][16 tokens][d]
 * @v: values: the same, with heads of @d_v elements
 * @out: result, as q, with heads of @d_v elements
 * @lengths: u32 keys of each sequence, at most @n_kv; 0: all have @n_kv
 * @pages: u32 [sequence][ceil(n_kv / 16)]: the pages of each sequence in order; those that hold
 *	   no key are not looked at. 0: k and v are contiguous
 * @workspace: sdo_attention_decode_workspace() bytes, all zero before the first launch; later
 *	       ones may use them again, but not at the same time. With @parts = 1: 0
 * @q_stride: strides of q
 * @k_stride: strides of k, without @pages
 * @v_stride: strides of v, without @pages
 * @out_stride: strides of out
 * @n_sequences: sequences, up to 1024
 * @n_kv: keys of the longest sequence, or any larger number up to 2^20
 * @n_heads: query heads
 * @n_kv_heads: divides @n_heads
 * @d: elements of a head of q and k, up to 1024
 * @d_v: of v, up to 512
 * @num_pages: pages in k and v; a number in @pages above is a fault, GATHER_RANGE
 * @type: of q, k and v
 * @type_out: F32, F16, BF16
 * @window: not 0: only this many keys at the end count
 * @parts: that the keys of a sequence are cut into, so that all cores have work;
 *	   sdo_attention_decode_parts() has a good number
 * @scale: above 0, mostly 1 / sqrt(d)
 */
struct sdo_attention_decode {
	uint64_t q, k, v, out, lengths, pages, workspace;
	struct sdo_stride q_stride, k_stride, v_stride, out_stride;
	uint32_t n_sequences, n_kv;
	uint32_t n_heads, n_kv_heads;
	uint32_t d, d_v;
	uint32_t num_pages;
	uint32_t type, type_out;
	uint32_t window;
	uint32_t parts;
	float scale;
};

/* Whether there are heads, and as many query heads for each KV head. */
static inline int sdo_attention_heads_(uint32_t n_heads, uint32_t n_kv_heads)
{
	return n_heads && n_kv_heads && n_heads % n_kv_heads == 0;
}

/* Query heads that share a KV head and a tile, and tiles of a KV head. */
static inline uint32_t sdo_attention_group_(uint32_t n_heads, uint32_t n_kv_heads)
{
	uint32_t heads = n_heads / n_kv_heads;

	return heads < 64 ? heads : 64;
}

static inline uint32_t sdo_attention_items_(const struct sdo_attention_decode *args)
{
	uint32_t group = sdo_attention_group_(args->n_heads, args->n_kv_heads);
	uint32_t tiles = (args->n_heads / args->n_kv_heads + group - 1) / group;

	return args->n_sequences * args->n_kv_heads * tiles;
}

/* Bytes of a part's result: references and sums by query, then rows of d_v f32. */
static inline uint32_t sdo_attention_part_(const struct sdo_attention_decode *args)
{
	return sdo_attention_group_(args->n_heads, args->n_kv_heads) * (args->d_v + 2) * 4;
}

/* Counters of arrivals come first in a workspace, one for each item. */
static inline uint64_t sdo_attention_counters_(const struct sdo_attention_decode *args)
{
	return ((uint64_t)sdo_attention_items_(args) * 4 + 63) / 64 * 64;
}

/**
 * struct sdo_decode_plan_ - how the decode kernel lays out its scratchpad
 * @width: queries of a tile, rounded up to a power of two
 * @keys: of a block
 * @ring: blocks under way
 * @bytes: all of it
 */
struct sdo_decode_plan_ {
	uint32_t width, keys, ring, bytes;
};

#define SDO_DECODE_RING	 3u
#define SDO_DECODE_TASKS 4u /* tasks of which something may be under way */
#define SDO_DECODE_ROWS	 8u
#define SDO_DECODE_MERGE 8u /* parts that are joined at a time */

static inline struct sdo_decode_plan_ sdo_decode_plan_(const struct sdo_attention_decode *args,
						       uint32_t tcm)
{
	uint32_t size = sdo_type_bits(args->type) / 8, d = args->d, d_v = args->d_v;
	uint32_t pages = (args->n_kv + SDO_ATTENTION_PAGE - 1) / SDO_ATTENTION_PAGE + 1;
	struct sdo_decode_plan_ plan = { 1, 256, SDO_DECODE_RING, 0 };

	while (plan.width < sdo_attention_group_(args->n_heads, args->n_kv_heads))
		plan.width *= 2;
	for (;; plan.keys /= 2) {
		plan.bytes = plan.ring * plan.keys * (d + d_v) * size;
		plan.bytes += 2 * plan.keys * plan.width * (4 + size); /* scores, powers */
		plan.bytes += SDO_DECODE_TASKS * plan.width * d * size; /* q */
		plan.bytes += 3 * plan.width * (d_v + 2) * 4; /* results, and a part's */
		plan.bytes += 2 * pages * 4 + SDO_DECODE_ROWS * plan.keys / 16 * 4;
		plan.bytes += (args->n_sequences + 4 * 64) * 4 + 5 * 1024 * 4 + 32 * 64;
		if (args->parts > 1)
			plan.bytes += SDO_DECODE_MERGE * sdo_attention_part_(args);
		if (plan.bytes <= tcm || plan.keys == 32)
			return plan;
	}
}

/**
 * struct sdo_attention_plan_ - how the attention kernel cuts its work
 * @tiles: of 64 queries that a workgroup has
 * @heads: of one KV head among them; tiles / heads of them follow each other
 * @ring: blocks of keys under way
 * @bytes: of scratchpad
 */
struct sdo_attention_plan_ {
	uint32_t tiles, heads, ring, bytes;
};

static inline uint32_t sdo_attention_bytes_(const struct sdo_attention *args,
					    const struct sdo_attention_plan_ *plan)
{
	uint32_t size = sdo_type_bits(args->type) / 8, width = plan->tiles * 64;

	return plan->ring * 64 * (args->d + args->d_v) * size + /* keys and values */
	       width * args->d * size + /* queries */
	       3 * 64 * width * 4 + 2 * 64 * width * size + /* scores, powers */
	       width * args->d_v * 4 + /* result */
	       8 * 1024 * 4 + 32 * 64;
}

static inline struct sdo_attention_plan_ sdo_attention_plan_(const struct sdo_attention *args,
							     uint32_t tcm)
{
	struct sdo_attention_plan_ plan = { 4, 4, 6, 0 };
	uint32_t group = args->n_heads / args->n_kv_heads, blocks = (args->d_v + 63) / 64;

	/* accumulators: four for the scores of a tile each, the others for results */
	while (plan.tiles > 1 && plan.tiles * blocks > 12)
		plan.tiles /= 2;
	for (;;) {
		plan.heads = plan.tiles;
		while (group % plan.heads)
			plan.heads /= 2;
		while (plan.tiles > plan.heads && plan.tiles / plan.heads * 32 >= args->n_q)
			plan.tiles /= 2;
		for (plan.ring = 6; plan.ring >= 3; plan.ring--) {
			plan.bytes = sdo_attention_bytes_(args, &plan);
			if (plan.bytes <= tcm)
				return plan;
		}
		if (plan.tiles == 1)
			return plan;
		plan.tiles /= 2;
	}
}

#ifdef SDO_HOST

static inline int sdo_attention_check_(const char *op, uint32_t n_heads, uint32_t n_kv_heads,
				       uint32_t d, uint32_t d_v, uint32_t type, uint32_t type_out,
				       float scale)
{
	if (!sdo_attention_heads_(n_heads, n_kv_heads))
		return sdo_refuse(-EINVAL, "%s: n_heads %u: not a multiple of n_kv_heads %u", op,
				  n_heads, n_kv_heads);
	if (!d || d > SDO_ATTENTION_D_MAX)
		return sdo_refuse(-EINVAL, "%s: d %u: not from 1 to %u", op, d,
				  SDO_ATTENTION_D_MAX);
	if (!d_v || d_v > SDO_ATTENTION_V_MAX)
		return sdo_refuse(-EINVAL, "%s: d_v %u: not from 1 to %u", op, d_v,
				  SDO_ATTENTION_V_MAX);
	if (type != SDO_F32 && type != SDO_F16 && type != SDO_BF16)
		return sdo_refuse(-EOPNOTSUPP, "%s: type %u: not F32, F16 or BF16", op, type);
	if (type_out != SDO_F32 && type_out != SDO_F16 && type_out != SDO_BF16)
		return sdo_refuse(-EOPNOTSUPP, "%s: type_out %u: not F32, F16 or BF16", op,
				  type_out);
	if (!(scale > 0 && scale < 3e38f))
		return sdo_refuse(-EINVAL, "%s: scale %g: not above 0", op, (double)scale);
	return 0;
}

/**
 * sdo_attention_dim() - check the arguments of attention, and compute its grid
 * @args: arguments
 * @card: what it will run on
 * @dim: grid, flags and scratchpad, for seedchip_launch()
 *
 * Return: 0; -EINVAL: a member is out of its range; -EOPNOTSUPP: types that do not go together;
 * -E2BIG: the scratchpad is too small.
 */
static inline int sdo_attention_dim(const struct sdo_attention *args, const struct sdo_card *card,
				    struct seedchip_dim *dim)
{
	static const struct seedchip_dim none = { 0, 0, 1, 0, 0, 0, 0, { 0, 0 } };
	uint32_t room = card->tcm_size - SDO_TCM_RESERVED;
	struct sdo_attention_plan_ plan;
	uint64_t x, y;
	int r;

	r = sdo_attention_check_("attention", args->n_heads, args->n_kv_heads, args->d, args->d_v,
				 args->type, args->type_out, args->scale);
	if (r)
		return r;
	if (args->flags & ~(SDO_ATTENTION_CAUSAL | SDO_ATTENTION_AT_END))
		return sdo_refuse(-EINVAL, "attention: flags 0x%x: not all are known", args->flags);
	if (args->window && !(args->flags & SDO_ATTENTION_CAUSAL))
		return sdo_refuse(-EINVAL, "attention: window %u without CAUSAL", args->window);
	if (args->n_q >> 22 || args->n_kv >> 30)
		return sdo_refuse(-EINVAL, "attention: n_q %u, n_kv %u: not below 2^22, 2^30",
				  args->n_q, args->n_kv);
	if (args->offset >= 1 << 29 || args->offset <= -(1 << 29) || args->window >> 30)
		return sdo_refuse(-EINVAL, "attention: offset %d, window %u: not below 2^29, 2^30",
				  args->offset, args->window);
	if (args->reserved)
		return sdo_refuse(-EINVAL, "attention: reserved is not 0");
	r = sdo_check_card("attention", card);
	if (r)
		return r;
	plan = sdo_attention_plan_(args, room);
	if (plan.bytes > room)
		return sdo_refuse(-E2BIG, "attention: needs %u bytes of scratchpad, not %u",
				  plan.bytes, room);
	x = (uint64_t)args->n_sequences * args->n_heads / plan.heads;
	y = (args->n_q + 64ull * plan.tiles / plan.heads - 1) / (64 * plan.tiles / plan.heads);
	if (x > 65535)
		return sdo_refuse(-EINVAL, "attention: n_sequences %u, n_heads %u: too many heads",
				  args->n_sequences, args->n_heads);
	if (y > 65535)
		return sdo_refuse(-EINVAL, "attention: n_q %u: too many", args->n_q);
	*dim = none;
	dim->x = (uint32_t)x;
	dim->y = (uint32_t)y;
	dim->dynamic = room;
	return 0;
}

/**
 * sdo_attention_decode_parts() - parts that use all cores of a card well
 * @args: all but parts and workspace
 * @card: what it will run on
 *
 * Return: parts, from 1 to 32; 1 for arguments that sdo_attention_decode_dim() refuses.
 */
static inline uint32_t sdo_attention_decode_parts(const struct sdo_attention_decode *args,
						  const struct sdo_card *card)
{
	uint32_t best = 1, most = args->n_kv / 512 + 1;
	uint64_t items, best_cost = ~0ull;

	if (!sdo_attention_heads_(args->n_heads, args->n_kv_heads) || !card->cores)
		return 1;
	items = sdo_attention_items_(args);
	if (most > SDO_ATTENTION_PARTS)
		most = SDO_ATTENTION_PARTS;
	for (uint32_t parts = 1; parts <= most; parts++) {
		uint64_t rounds = (items * parts + card->cores - 1) / card->cores;
		/* keys of the busiest core, and some more for every part that it joins */
		uint64_t cost = rounds * (args->n_kv / parts + 128) + parts * 16;

		if (cost < best_cost) {
			best_cost = cost;
			best = parts;
		}
	}
	return best;
}

/**
 * sdo_attention_decode_workspace() - size of the workspace
 * @args: all but workspace
 *
 * Return: bytes; 0: none is needed.
 */
static inline uint64_t sdo_attention_decode_workspace(const struct sdo_attention_decode *args)
{
	if (args->parts <= 1 || !sdo_attention_heads_(args->n_heads, args->n_kv_heads))
		return 0;
	return sdo_attention_counters_(args) +
	       (uint64_t)sdo_attention_items_(args) * args->parts * sdo_attention_part_(args);
}

/**
 * sdo_attention_decode_dim() - check the arguments of attention_decode, and compute its grid
 * @args: arguments
 * @card: what it will run on
 * @dim: grid, flags and scratchpad, for seedchip_launch()
 *
 * Return: 0; -EINVAL: a member is out of its range; -EOPNOTSUPP: types that do not go together;
 * -E2BIG: the scratchpad is too small.
 */
static inline int sdo_attention_decode_dim(const struct sdo_attention_decode *args,
					   const struct sdo_card *card, struct seedchip_dim *dim)
{
	static const struct seedchip_dim none = { 0, 1, 1, 0, 0, 0, 0, { 0, 0 } };
	uint32_t room = card->tcm_size - SDO_TCM_RESERVED;
	struct sdo_decode_plan_ plan;
	uint64_t tasks;
	int r;

	r = sdo_attention_check_("attention_decode", args->n_heads, args->n_kv_heads, args->d,
				 args->d_v, args->type, args->type_out, args->scale);
	if (r)
		return r;
	if (args->n_kv > 1u << 20)
		return sdo_refuse(-EINVAL, "attention_decode: n_kv %u: above 2^20", args->n_kv);
	if (args->n_sequences > SDO_ATTENTION_SEQS_MAX || args->n_heads > 65536)
		return sdo_refuse(-EINVAL, "%s: n_sequences %u, n_heads %u: above %u, 65536",
				  "attention_decode", args->n_sequences, args->n_heads,
				  SDO_ATTENTION_SEQS_MAX);
	if (!args->parts || args->parts > SDO_ATTENTION_PARTS)
		return sdo_refuse(-EINVAL, "attention_decode: parts %u: not from 1 to %u",
				  args->parts, SDO_ATTENTION_PARTS);
	if (args->workspace % 4 || (args->parts > 1 ? !args->workspace : !!args->workspace))
		return sdo_refuse(-EINVAL, "attention_decode: workspace 0x%llx with %u parts",
				  (unsigned long long)args->workspace, args->parts);
	r = sdo_check_card("attention_decode", card);
	if (r)
		return r;
	plan = sdo_decode_plan_(args, room);
	if (plan.bytes > room)
		return sdo_refuse(-E2BIG, "attention_decode: needs %u bytes of scratchpad, not %u",
				  plan.bytes, room);
	tasks = (uint64_t)sdo_attention_items_(args) * args->parts;
	*dim = none;
	dim->x = tasks < card->cores ? (uint32_t)tasks : card->cores;
	dim->dynamic = room;
	return 0;
}

#endif /* SDO_HOST */

#ifdef __cplusplus
}
#endif

#endif /* SEEDCHIP_OPS_ATTENTION_H */
