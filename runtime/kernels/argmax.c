// SPDX-License-Identifier: MIT
/*
 * argmax: where each row has its largest element (struct sdo_argmax).
 *
 * A piece of a row is reduced to its maximum; only when that is a new one is the
 * piece searched for the place. A row that several workgroups share ends in the
 * scratchpad of the first of them, which compares what all have found.
 */
#include <seedchip/ops_data.h>

#include "scan.h"

enum channel { DMA_OUT = SCAN_IN + 1 };
enum counter { C_OUT = SCAN_IN + 1 };

/* The best of the elements seen so far; @index -1: there was none. */
struct best {
	float value;
	uint32_t bits; /* as it stands in the row */
	int32_t index;
	uint32_t nan;
};

/* Largest of n > 0 elements, NaN left out; whether there is a NaN. */
static float largest(uint8_t type, const uint8_t *p, uint32_t n, uint32_t es, bool *nan)
{
	size_t all = __riscv_vsetvlmax_e32m8();
	vfloat32m8_t max = __riscv_vfmv_v_f_f32m8(-__builtin_inff(), all);
	vfloat32m1_t low = __riscv_vfmv_s_f_f32m1(-__builtin_inff(), 1);
	unsigned long nans = 0;

	for (uint32_t vl; n; n -= vl, p += vl * es) {
		vfloat32m8_t v;

		vl = __riscv_vsetvl_e32m8(n);
		v = load_f32(type, p, vl);
		max = __riscv_vfmax_vv_f32m8_tu(max, max, v, vl);
		nans += __riscv_vcpop_m_b4(__riscv_vmfne_vv_f32m8_b4(v, v, vl), vl);
	}
	*nan = nans;
	return __riscv_vfmv_f_s_f32m1_f32(__riscv_vfredmax_vs_f32m8_f32m1(max, low, all));
}

/* The first of n elements that is equal to a value, or a NaN; there is one. */
static uint32_t find(uint8_t type, const uint8_t *p, uint32_t n, uint32_t es, float value, bool nan)
{
	for (uint32_t i = 0, vl; i < n; i += vl) {
		vfloat32m8_t v;
		vbool4_t hit;
		long at;

		vl = __riscv_vsetvl_e32m8(n - i);
		v = load_f32(type, p + i * es, vl);
		hit = nan ? __riscv_vmfne_vv_f32m8_b4(v, v, vl) :
			    __riscv_vmfeq_vf_f32m8_b4(v, value, vl);
		at = __riscv_vfirst_m_b4(hit, vl);
		if (at >= 0)
			return i + at;
	}
	return 0;
}

static void reduce(struct best *best, uint8_t type, const struct piece *p, uint32_t row,
		   uint32_t es)
{
	const uint8_t *data = p->data + row * p->n * es;
	bool nan;
	float value;
	uint32_t at;

	if (best->nan)
		return;
	value = largest(type, data, p->n, es, &nan);
	if (!nan && best->index >= 0 && value <= best->value)
		return;
	at = find(type, data, p->n, es, value, nan);
	*best = (struct best){ .value = value, .index = p->col + at, .nan = nan };
	memcpy(&best->bits, data + at * es, es);
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

/* The first workgroup of a row compares what all of its parts have found. */
static struct best meet(const struct best *mine)
{
	static SD_TCM struct best parts[SDO_SCAN_PARTS];
	struct best best = { .index = -1 };

	*(struct best *)sd_tcm_remote(&parts[sd_wg_x()], sd_wg_y() * sd_grid_x()) = *mine;
	sd_arrive();
	sd_meet();
	if (sd_wg_x())
		return best;
	for (uint32_t i = 0; i < sd_grid_x(); i++) {
		const struct best *b = &parts[i];

		if (b->index >= 0 && !best.nan &&
		    (best.index < 0 || b->nan || b->value > best.value))
			best = *b;
	}
	return best;
}

/* The stack has room for a spilled group of the longest vectors. */
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
		best[0] = meet(&best[0]);
		if (!sd_wg_x())
			put(args, s.es, sd_wg_y(), 1, best, &done);
	}
}
