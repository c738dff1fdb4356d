// SPDX-License-Identifier: MIT
/*
 * argmax: where each row has its largest element (struct sdo_argmax).
 *
 * Elements are compared as they stand in memory: the bits of floats without a
 * sign are ordered as their values are, those with one the other way round. Only
 * when the maximum of a piece is a new one is the piece searched for the place. A
 * row that several workgroups share ends in the scratchpad of the first of them,
 * which compares what all have found.
 */
#include <seedchip/ops_data.h>

#include "scan.h"

#define KEY_NAN INT32_MAX

enum channel { DMA_OUT = SCAN_IN + 1 };
enum counter { C_OUT = SCAN_IN + 1 };

/*
 * The best of the elements seen so far; @index -1: there was none. Keys order as
 * values do: zeros are 0, every NaN KEY_NAN.
 */
struct best {
	int32_t key;
	int32_t index;
	uint32_t bits; /* as it stands in the row */
};

/* Of the bits of elements, with and without regard to the sign. */
struct extremes {
	int32_t most;
	uint32_t least_bits;
	uint32_t most_bits;
};

/* What find_*() looks for: an element, or a zero or NaN of either sign. */
enum goal { THIS, ZERO, NAN };

#define DEFINE_SCAN(w)                                                                             \
	static struct extremes extremes_##w(const uint8_t *p, uint32_t n)                          \
	{                                                                                          \
		size_t all = __riscv_vsetvlmax_e##w##m4();                                         \
		vint##w##m4_t most = __riscv_vmv_v_x_i##w##m4(INT##w##_MIN, all);                  \
		vuint##w##m4_t least_bits = __riscv_vmv_v_x_u##w##m4(UINT##w##_MAX, all);          \
		vuint##w##m4_t most_bits = __riscv_vmv_v_x_u##w##m4(0, all);                       \
		vint##w##m1_t low = __riscv_vmv_s_x_i##w##m1(INT##w##_MIN, 1);                     \
		vuint##w##m1_t none = __riscv_vmv_s_x_u##w##m1(0, 1);                              \
		vuint##w##m1_t high = __riscv_vmv_s_x_u##w##m1(UINT##w##_MAX, 1);                  \
											   \
		for (uint32_t vl; n; n -= vl, p += vl * (w / 8)) {                                 \
			vuint##w##m4_t v;                                                          \
			vint##w##m4_t i;                                                           \
											   \
			vl = __riscv_vsetvl_e##w##m4(n);                                           \
			v = __riscv_vle##w##_v_u##w##m4((const void *)p, vl);                      \
			i = __riscv_vreinterpret_v_u##w##m4_i##w##m4(v);                           \
			most = __riscv_vmax_vv_i##w##m4_tu(most, most, i, vl);                     \
			least_bits = __riscv_vminu_vv_u##w##m4_tu(least_bits, least_bits, v, vl);  \
			most_bits = __riscv_vmaxu_vv_u##w##m4_tu(most_bits, most_bits, v, vl);     \
		}                                                                                  \
		low = __riscv_vredmax_vs_i##w##m4_i##w##m1(most, low, all);                        \
		high = __riscv_vredminu_vs_u##w##m4_u##w##m1(least_bits, high, all);               \
		none = __riscv_vredmaxu_vs_u##w##m4_u##w##m1(most_bits, none, all);                \
		return (struct extremes){                                                          \
			__riscv_vmv_x_s_i##w##m1_i##w(low), __riscv_vmv_x_s_u##w##m1_u##w(high),   \
			__riscv_vmv_x_s_u##w##m1_u##w(none),                                       \
		};                                                                                 \
	}                                                                                          \
											   \
	/* The place of the first one; there is one. */                                            \
	static uint32_t find_##w(const uint8_t *p, uint32_t n, enum goal goal, uint32_t bits)      \
	{                                                                                          \
		uint32_t i = 0;                                                                    \
											   \
		for (;;) {                                                                         \
			size_t vl = __riscv_vsetvl_e##w##m4(n - i);                                \
			vuint##w##m4_t v = __riscv_vle##w##_v_u##w##m4(                            \
				(const void *)(p + i * (w / 8)), vl);                              \
			MASK_##w hit;                                                              \
			long at;                                                                   \
											   \
			if (goal != THIS) /* without the sign */                                   \
				v = __riscv_vsll_vx_u##w##m4(v, 1, vl);                            \
			if (goal == NAN)                                                           \
				hit = MASK_OP_##w(vmsgtu)(v, 2 * bits, vl);                        \
			else                                                                       \
				hit = MASK_OP_##w(vmseq)(v, goal == THIS ? bits : 0, vl);          \
			at = FIRST_##w(hit, vl);                                                   \
			if (at >= 0)                                                               \
				return i + at;                                                     \
			i += vl;                                                                   \
		}                                                                                  \
	}
#define MASK_8		 vbool2_t
#define MASK_16		 vbool4_t
#define MASK_32		 vbool8_t
#define MASK_OP_8(op)	 __riscv_##op##_vx_u8m4_b2
#define MASK_OP_16(op)	 __riscv_##op##_vx_u16m4_b4
#define MASK_OP_32(op)	 __riscv_##op##_vx_u32m4_b8
#define FIRST_8		 __riscv_vfirst_m_b2
#define FIRST_16	 __riscv_vfirst_m_b4
#define FIRST_32	 __riscv_vfirst_m_b8
DEFINE_SCAN(8)
DEFINE_SCAN(16)
DEFINE_SCAN(32)

static struct extremes extremes(const uint8_t *p, uint32_t n, uint32_t es)
{
	return es == 4 ? extremes_32(p, n) : es == 2 ? extremes_16(p, n) : extremes_8(p, n);
}

static uint32_t find(const uint8_t *p, uint32_t n, uint32_t es, enum goal goal, uint32_t bits)
{
	return es == 4 ? find_32(p, n, goal, bits) :
	       es == 2 ? find_16(p, n, goal, bits) : find_8(p, n, goal, bits);
}

/* The largest bits without a sign that are no NaN. */
static uint32_t highest(uint8_t type)
{
	switch (type) {
	case SC_FMT_F32:
		return 0x7f800000;
	case SC_FMT_BF16:
		return 0x7f80;
	case SC_FMT_F16:
		return 0x7c00;
	case SC_FMT_E4M3:
		return 0x7e;
	default:
		return 0x7c;
	}
}

static void reduce(struct best *best, uint8_t type, const struct piece *p, uint32_t row,
		   uint32_t es)
{
	const uint8_t *data = p->data + row * p->n * es;
	struct extremes e = extremes(data, p->n, es);
	uint32_t sign = 1u << (8 * es - 1), limit = highest(type), at;
	struct best b = { .key = e.most, .bits = e.most };
	enum goal goal = THIS;

	if (type != SC_FMT_I8) {
		if (e.most > (int32_t)limit || e.most_bits > (sign | limit)) {
			goal = NAN;
			b.key = KEY_NAN;
			b.bits = limit;
		} else if (e.most < 0) {
			b.bits = e.least_bits;
			b.key = -(int32_t)(b.bits - sign);
		}
		if (!b.key)
			goal = ZERO;
	}
	if (best->index >= 0 && b.key <= best->key)
		return;
	at = find(data, p->n, es, goal, b.bits);
	b.index = p->col + at;
	memcpy(&b.bits, data + at * es, es);
	*best = b;
}

/* Results of a piece's rows. @done counts the transfers. */
static void put(const struct sdo_argmax *a, uint32_t es, uint32_t row, uint32_t rows,
		const struct best *best, uint32_t *done)
{
	static SD_TCM int32_t index[SDO_SCAN_ROWS];
	static SD_TCM uint8_t value[SDO_SCAN_ROWS * 4];

	sd_await(C_OUT, *done);
	for (uint32_t i = 0; i < rows; i++) {
		index[i] = best[i].index;
		memcpy(value + i * es, &best[i].bits, es);
	}
	sd_dma_1d(DMA_OUT, (void *)(a->dst + (uint64_t)row * 4), index, rows * 4);
	if (a->value)
		sd_dma_1d(DMA_OUT, (void *)(a->value + (uint64_t)row * es), value, rows * es);
	sd_post(DMA_OUT, C_OUT);
	++*done;
}

/* Rows without elements. */
static void put_nothing(const struct sdo_argmax *a)
{
	struct sc_dma d = {
		.kind = SC_DMA_FILL, .src = ~0ull, .dst = a->dst, .size0 = 4, .size1 = a->rows,
		.size2 = 1, .dst_stride = { 4 },
	};

	if (sd_wg() == 0)
		sdd_go(DMA_OUT, &d);
}

/* The first workgroup of a row compares what all of its parts have found, and writes it. */
static void meet(const struct sdo_argmax *a, uint32_t es, const struct best *mine)
{
	static SD_TCM struct best parts[SDO_SCAN_PARTS];
	struct best best = { .index = -1 };
	uint32_t row = sd_wg_y();

	*(struct best *)sd_tcm_remote(&parts[sd_wg_x()], row * sd_grid_x()) = *mine;
	sd_arrive();
	sd_meet();
	if (sd_wg_x())
		return;
	for (uint32_t i = 0; i < sd_grid_x(); i++)
		if (parts[i].index >= 0 && (best.index < 0 || parts[i].key > best.key))
			best = parts[i];
	((int32_t *)a->dst)[row] = best.index;
	if (a->value)
		memcpy((uint8_t *)a->value + (uint64_t)row * es, &best.bits, es);
}

/* The stack has room for spilled groups of the longest vectors. */
SD_KERNEL_WITH(argmax, struct sdo_argmax, 2 * SC_STACK_DEFAULT, 0)
{
	static SD_TCM struct best best[SDO_SCAN_ROWS];
	struct scan s = scan_open(args->src, args->src_stride, args->rows, args->n, args->type);
	bool fresh = true;
	uint32_t done = 0;

	if (!args->n)
		put_nothing(args);
	for (uint32_t k = 0; k < s.pieces; k++) {
		struct piece p = scan_next(&s, k);

		for (uint32_t i = 0; i < p.rows; i++) {
			if (fresh)
				best[i] = (struct best){ .index = -1 };
			reduce(&best[i], args->type, &p, i, s.es);
		}
		fresh = p.last;
		if (p.last && sd_grid_x() == 1)
			put(args, s.es, p.row, p.rows, best, &done);
	}
	if (sd_grid_x() > 1) {
		if (!s.pieces)
			best[0].index = -1;
		meet(args, s.es, &best[0]);
	}
}
