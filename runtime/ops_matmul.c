// SPDX-License-Identifier: MIT
/*
 * Matrix multiplication on the host's side: what is wrong with the arguments,
 * and how the work is cut so that the card's cores have equal shares and their
 * scratchpads hold enough to keep the matrix engine fed.
 *
 * The invariant: a plan changes when things happen and where, never a bit of
 * the result (the order of k is that of the engine, whatever the chunks).
 */
#include <errno.h>
#include <string.h>

#include "internal.h"
#include "seedchip/ops_matmul.h"

#define STAGE	    (4 * SC_ACC_DIM * SC_ACC_DIM * 4) /* results on their way out */
#define SLOT_BOUND  131072 /* bytes of a chunk, where the matrix engine is the limit */
#define SLOT_STREAM 65536 /* where card memory is */
#define MAX_SLOTS   12
#define MAX_AHEAD   4
#define MEMORY_RATE 46 /* bytes a cycle of a core's share of card memory */
#define OVERHEAD    600 /* cycles for a tile to begin and end */

static bool is_pair(uint32_t a, uint32_t b)
{
	bool fp8 = a == SDO_E4M3 || a == SDO_E5M2;

	if (a == SDO_I8)
		return b == SDO_I8 || b == SDO_I4;
	if (fp8)
		return b == SDO_E4M3 || b == SDO_E5M2;
	return a == b && (a == SDO_F16 || a == SDO_BF16 || a == SDO_F32);
}

static bool is_output(uint32_t type)
{
	return type == SDO_F32 || type == SDO_BF16 || type == SDO_F16 || type == SDO_I8 ||
	       type == SDO_I32;
}

static int check_types(const struct sdo_gemm *g)
{
	bool scaled = g->group && (g->scale_b || (g->flags & SDO_GEMM_B_PACKED));

	if (!is_pair(g->type_a, g->type_b))
		return sdo_refuse(-EOPNOTSUPP, "gemm: type_a %u with type_b %u", g->type_a,
				  g->type_b);
	if (!is_output(g->type_d))
		return sdo_refuse(-EOPNOTSUPP, "gemm: type_d %u", g->type_d);
	if (scaled && g->type_scale != SDO_F16 && g->type_scale != SDO_F32 &&
	    g->type_scale != SDO_E8M0)
		return sdo_refuse(-EOPNOTSUPP, "gemm: type_scale %u", g->type_scale);
	return 0;
}

static int check_groups(const struct sdo_gemm *g)
{
	bool packed = g->flags & SDO_GEMM_B_PACKED, mins = g->flags & SDO_GEMM_MINS;

	if (!g->group) {
		if (g->scale_a || g->scale_b || g->sums || g->mins || mins)
			return sdo_refuse(-EINVAL,
					  "gemm: group 0, but scales, sums or minima of groups");
		return 0;
	}
	if (g->group < 16 || g->group > 1024 || (g->group & (g->group - 1)))
		return sdo_refuse(-EINVAL, "gemm: group %u: not a power of two from 16 to 1024",
				  g->group);
	if (g->type_a != SDO_I8)
		return sdo_refuse(-EOPNOTSUPP, "gemm: groups with type_a %u", g->type_a);
	if (packed && g->group > SDO_PACKED_K)
		return sdo_refuse(-EINVAL, "gemm: group %u: packed weights have at most %u",
				  g->group, SDO_PACKED_K);
	if (mins && !packed)
		return sdo_refuse(-EINVAL, "gemm: flags 0x%x: minima of packed weights only",
				  g->flags);
	if (!g->sums != !(packed ? mins : !!g->mins))
		return sdo_refuse(-EINVAL, "gemm: sums and minima go together");
	return 0;
}

static int check_gemm(const struct sdo_gemm *g)
{
	int r;

	if (g->flags & ~15u)
		return sdo_refuse(-EINVAL, "gemm: unknown flags 0x%x", g->flags);
	if ((g->flags & SDO_GEMM_B_PACKED) && (g->flags & SDO_GEMM_B_NK))
		return sdo_refuse(-EINVAL, "gemm: flags 0x%x: packed is a layout of its own",
				  g->flags);
	if (g->act > SDO_ACT_SILU)
		return sdo_refuse(-EINVAL, "gemm: act %u", g->act);
	if (g->reserved[0] || g->reserved[1] || g->reserved2)
		return sdo_refuse(-EINVAL, "gemm: reserved members are not 0");
	if ((g->stride_a | g->stride_b | g->stride_d | g->stride_scale_a | g->stride_scale_b |
	     g->stride_sums | g->stride_mins) >> 32)
		return sdo_refuse(-EINVAL, "gemm: a stride of 4 GiB or more");
	r = check_types(g);
	return r ? r : check_groups(g);
}

/* What a shape costs, and the shapes of the pieces. */
struct shape {
	const struct sdo_gemm *g;
	uint32_t bits_a;
	uint32_t bits_b;
	uint32_t scale; /* bytes of a scale of B */
	bool packed;
	bool mins;
	struct sdo_packed tile;
};

static uint64_t up(uint64_t v, uint32_t to)
{
	return (v + to - 1) / to * to;
}

static uint64_t div_up(uint64_t v, uint64_t by)
{
	return (v + by - 1) / by;
}

/* Bytes of a chunk in the scratchpad, as the kernel lays it out. */
static uint64_t slot_bytes(const struct shape *s, uint32_t m, uint32_t n, uint32_t k)
{
	uint32_t groups = s->g->group ? k / s->g->group : 0;
	uint64_t bytes = up((uint64_t)m * k * s->bits_a / 8, 64);

	if (s->g->scale_a)
		bytes += up((uint64_t)m * groups * 4, 64);
	if (s->mins)
		bytes += up((uint64_t)m * groups * 2, 64);
	if (s->packed)
		return bytes + (uint64_t)sdo_packed_tile(&s->tile) * div_up(n, SDO_PACKED_N);
	bytes += up((uint64_t)n * k * s->bits_b / 8, 64);
	if (s->g->scale_b)
		bytes += up((uint64_t)n * groups * s->scale, 64);
	if (s->mins)
		bytes += up((uint64_t)n * groups * 2, 64);
	return bytes;
}

/* Cycles for all of k of m x n results on one core. */
static uint64_t tile_cycles(const struct shape *s, uint32_t m, uint32_t n)
{
	uint32_t rate = s->bits_a == 8 ? 4096 : s->bits_a == 16 ? 2048 : 256;
	uint64_t k = s->g->k, memory, mma, operand;
	uint32_t step = s->g->type_a == SDO_I8 ? 0 : s->bits_a == 8 ? 2 : 4;

	mma = up(m, 8) * up(n, 8) * k / rate;
	operand = (div_up(n, 64) * m * s->bits_a + div_up(m, 64) * n * s->bits_b) * k / 512;
	if (operand / 2 > mma) /* the larger of the two sides, not their sum */
		mma = operand / 2;
	if (operand && div_up(m, 64) * n * s->bits_b * k / 512 > mma)
		mma = div_up(m, 64) * n * s->bits_b * k / 512;
	if (s->g->group && (uint64_t)m * n * (k / s->g->group) / 128 > mma)
		mma = (uint64_t)m * n * (k / s->g->group) / 128;
	if (step * k > mma) /* one multiply-add of an accumulator after another */
		mma = step * k;
	memory = (m * s->bits_a + n * s->bits_b) * k / 8 / MEMORY_RATE;
	/* of two that are bound by the engine, the one that reads less */
	return (mma > memory ? mma : memory) + memory / 16 + OVERHEAD;
}

static void consider(const struct shape *s, const struct sdo_card *card, uint32_t m, uint32_t n,
		     uint64_t *best, struct sdo_gemm_plan *plan)
{
	uint64_t tiles = div_up(s->g->m, m) * div_up(s->g->n, n) * s->g->batch;
	uint64_t cost = div_up(tiles, card->cores) * tile_cycles(s, m, n);
	uint32_t least = s->g->group > 32 ? s->g->group : 32;

	if (s->packed || s->mins)
		least = s->g->group > SDO_PACKED_K ? s->g->group : SDO_PACKED_K;
	if (2 * slot_bytes(s, m, n, least) + STAGE + 16 * (m + n) + SDO_TCM_RESERVED >
	    card->tcm_size)
		return;
	if (cost < *best) {
		*best = cost;
		plan->tile_m = m;
		plan->tile_n = n;
	}
}

/* The shape of a workgroup's tile: at most 16 accumulators of 64 x 64. */
static int choose_tile(const struct shape *s, const struct sdo_card *card,
		       struct sdo_gemm_plan *plan)
{
	uint32_t grain = s->packed ? SDO_PACKED_N : 16;
	uint64_t best = UINT64_MAX;

	for (uint32_t i = 1; i <= SC_NUM_ACCS && 64 * (i - 1) < s->g->m; i++) {
		uint64_t m = up(s->g->m, 8) < 64 * i ? up(s->g->m, 8) : 64 * i;
		uint64_t rows = div_up(s->g->m, m) * s->g->batch;

		for (uint32_t j = 1; i * j <= SC_NUM_ACCS && 64 * (j - 1) < s->g->n; j++) {
			uint64_t columns = div_up(s->g->n, 64 * j);
			uint64_t all = up(rows * columns, card->cores) / rows;

			consider(s, card, m, 64 * j, &best, plan);
			consider(s, card, m, up(div_up(s->g->n, columns), grain), &best, plan);
			consider(s, card, m, up(div_up(s->g->n, all), grain), &best, plan);
		}
	}
	if (best == UINT64_MAX)
		return sdo_refuse(-E2BIG, "gemm: %u bytes of scratchpad hold no two chunks",
				  card->tcm_size);
	return 0;
}

/* How much of k is loaded at a time, and how many such chunks there are. */
static void choose_chunk(const struct shape *s, const struct sdo_card *card,
			 struct sdo_gemm_plan *p)
{
	uint32_t fixed = STAGE + 16 * (p->tile_m + p->tile_n) + SDO_TCM_RESERVED;
	uint32_t least = s->g->group > 32 ? s->g->group : 32, k = 1024;
	uint32_t target = p->tile_m > SC_ACC_DIM ? SLOT_BOUND : SLOT_STREAM;

	if (s->packed || s->mins) {
		least = s->g->group > SDO_PACKED_K ? s->g->group : SDO_PACKED_K;
		k = least;
	}
	while (k > least && (slot_bytes(s, p->tile_m, p->tile_n, k) > target ||
			     k / 2 >= s->g->k))
		k /= 2;
	while (k > least && 2 * slot_bytes(s, p->tile_m, p->tile_n, k) + fixed > card->tcm_size)
		k /= 2;
	p->chunk = k;
	p->first = k / 4 >= least ? k / 4 : k / 2 >= least ? k / 2 : k;
	p->slots = (card->tcm_size - fixed) / slot_bytes(s, p->tile_m, p->tile_n, k);
	if (p->slots > MAX_SLOTS)
		p->slots = MAX_SLOTS;
	p->ahead = p->slots / 2 < MAX_AHEAD ? p->slots / 2 : MAX_AHEAD;
}

API int sdo_gemm_dim(struct sdo_gemm *args, const struct sdo_card *card, struct seedchip_dim *dim)
{
	struct shape s = {
		.g = args,
		.bits_a = sdo_type_bits(args->type_a),
		.bits_b = sdo_type_bits(args->type_b),
		.scale = sdo_type_bits(args->type_scale) / 8,
		.packed = args->flags & SDO_GEMM_B_PACKED,
		.mins = args->mins || (args->flags & SDO_GEMM_MINS),
		.tile = { .n = args->n, .k = args->k, .group = args->group, .type = args->type_b,
			  .type_scale = args->type_scale,
			  .mins = !!(args->flags & SDO_GEMM_MINS) },
	};
	struct sdo_gemm_plan plan = { 0 };
	uint64_t tiles;
	int r = check_gemm(args);

	if (!r)
		r = sdo_check_card("gemm", card);
	if (!r && args->m && args->n && args->batch)
		r = choose_tile(&s, card, &plan);
	if (r)
		return r;
	*dim = (struct seedchip_dim){ .y = 1, .z = 1 };
	if (!args->m || !args->n || !args->batch)
		return 0;
	choose_chunk(&s, card, &plan);
	args->plan = plan;
	tiles = div_up(args->m, plan.tile_m) * div_up(args->n, plan.tile_n) * args->batch;
	dim->x = tiles < card->cores ? tiles : card->cores;
	dim->dynamic = plan.slots * slot_bytes(&s, plan.tile_m, plan.tile_n, plan.chunk) + STAGE +
		       16 * (plan.tile_m + plan.tile_n);
	return 0;
}
