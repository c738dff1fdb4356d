/* SPDX-License-Identifier: MIT */
/*
 * What get_rows and set_rows share: how rows are cut among workgroups, and the
 * list of row numbers, streamed from memory for gather and scatter.
 *
 * It comes in blocks, two of them on their way. The hart narrows a block to the
 * 32 bits that DMA descriptors want when the first of its numbers is needed; a
 * number that does not fit becomes ~0, which no limit admits, so that the DMA
 * engine refuses it by name (GATHER_RANGE).
 *
 * The invariant: `index[b % 2]` is overwritten for block b only when all
 * transfers that use block b - 2 have completed.
 */
#ifndef KERNELS_ROWS_H
#define KERNELS_ROWS_H

#include "data.h"

#define ROWS_BLOCK 2048

/*
 * @arrived counts blocks, and @done the transfers that use numbers: both are
 * counters. @used: transfers that the caller had issued when each of the last
 * two blocks ended. @seen: blocks awaited so far, of earlier lists too.
 */
struct rows {
	uint64_t from;
	uint64_t count;
	uint32_t size;
	uint8_t channel;
	uint8_t arrived;
	uint8_t done;
	uint32_t used[2];
	uint32_t seen;
	uint8_t *raw;	/* 2 x ROWS_BLOCK numbers of 8 bytes */
	uint32_t *index; /* 2 x ROWS_BLOCK */
};

SD_INLINE void rows_load(const struct rows *r, uint64_t block)
{
	uint64_t first = block * ROWS_BLOCK;

	if (first >= r->count)
		return;
	sd_dma_1d(r->channel, r->raw + block % 2 * ROWS_BLOCK * 8,
		  (const void *)(r->from + first * r->size),
		  (r->count - first < ROWS_BLOCK ? r->count - first : ROWS_BLOCK) * r->size);
	sd_post(r->channel, r->arrived);
}

static inline void rows_start(const struct rows *r)
{
	rows_load(r, 0);
	rows_load(r, 1);
}

static inline void rows_narrow(const struct rows *r, uint64_t block)
{
	const uint8_t *raw = r->raw + block % 2 * ROWS_BLOCK * 8;
	uint32_t *index = r->index + block % 2 * ROWS_BLOCK;

	for (uint32_t i = 0, vl; r->size == 4 && i < ROWS_BLOCK; i += vl) {
		vl = __riscv_vsetvl_e32m8(ROWS_BLOCK - i);
		__riscv_vse32_v_u32m8(index + i,
				      __riscv_vle32_v_u32m8((const uint32_t *)raw + i, vl), vl);
	}
	for (uint32_t i = 0, vl; r->size == 8 && i < ROWS_BLOCK; i += vl) {
		vuint64m8_t v;
		vbool8_t large;

		vl = __riscv_vsetvl_e64m8(ROWS_BLOCK - i);
		v = __riscv_vle64_v_u64m8((const uint64_t *)raw + i, vl);
		large = __riscv_vmsgtu_vx_u64m8_b8(v, UINT32_MAX, vl);
		v = __riscv_vmerge_vxm_u64m8(v, UINT32_MAX, large, vl);
		__riscv_vse32_v_u32m4(index + i, __riscv_vnsrl_wx_u32m4(v, 0, vl), vl);
	}
}

/*
 * The numbers from @i on, up to the end of the block. To be called for ascending
 * @i, for the first of each block too; @issued: transfers issued so far.
 */
static inline uint32_t *rows_at(struct rows *r, uint64_t i, uint32_t issued)
{
	uint64_t block = i / ROWS_BLOCK;

	if (i % ROWS_BLOCK == 0) {
		sd_await(r->arrived, ++r->seen);
		if (block >= 2)
			sd_await(r->done, r->used[block % 2]);
		r->used[(block + 1) % 2] = issued;
		rows_narrow(r, block);
		rows_load(r, block + 2);
	}
	return r->index + block % 2 * ROWS_BLOCK + i % ROWS_BLOCK;
}

/* Gather @size bytes of each of @rows rows of a table of @limit rows, by their numbers. */
static inline void rows_gather(unsigned int channel, void *to, uint64_t from, uint64_t stride,
			       uint32_t size, const uint32_t *index, uint32_t rows, uint32_t limit)
{
	struct sc_dma d = {
		.kind = SC_DMA_GATHER, .size0 = size, .size1 = rows, .size2 = 1,
		.src = from, .dst = (uintptr_t)to, .src_stride = { stride },
		.dst_stride = { size }, .index = sd_tcm_offset(index), .limit = limit,
	};

	sdd_go(channel, &d);
}

#define ROWS_RING  3 /* batches of rows in the scratchpad */
#define ROWS_AHEAD 2 /* of them, on their way in */

/* Rows from @first on, in batches, and of each the columns from @col on. */
struct rows_part {
	uint64_t first;
	uint32_t count;
	uint32_t col;
	uint32_t n;
	uint32_t batch;
	uint32_t batches;
};

/* A workgroup has a range of the list of @count numbers (grid x) and a piece of every row (y). */
static inline struct rows_part rows_part(uint64_t count, uint32_t columns)
{
	uint32_t share = sdo_rows_share(count, sd_grid_x());
	struct rows_part p = {
		.first = (uint64_t)sd_wg_x() * share, .col = sd_wg_y() * SDO_ROWS_COLUMNS,
	};

	if (p.first >= count)
		return p;
	p.count = min_u32(share, count - p.first);
	p.n = min_u32(SDO_ROWS_COLUMNS, columns - p.col);
	p.batch = sdo_rows_batch(p.n);
	p.batches = div_up(p.count, p.batch);
	return p;
}

static inline uint32_t rows_in_batch(const struct rows_part *p, uint32_t k)
{
	return min_u32(p->batch, p->count - k * p->batch);
}

/* Batch @k as it comes in, and as the hart leaves it. */
static inline uint8_t *rows_in(uint32_t k)
{
	return (uint8_t *)sd_dynamic() + k % ROWS_RING * SDO_ROWS_PIECE * 4;
}

static inline uint8_t *rows_out(uint32_t k)
{
	return (uint8_t *)sd_dynamic() + (ROWS_RING + k % 2) * SDO_ROWS_PIECE * 4;
}

/* The list of the numbers of a part; @list are those of all. */
static inline struct rows rows_open(const struct rows_part *p, uint64_t list, uint32_t size,
				    uint8_t channel, uint8_t arrived, uint8_t done)
{
	static SD_TCM uint8_t raw[2 * ROWS_BLOCK * 8];
	static SD_TCM uint32_t index[2 * ROWS_BLOCK];
	struct rows r = {
		.from = list + p->first * size, .count = p->count, .size = size,
		.channel = channel, .arrived = arrived, .done = done, .raw = raw, .index = index,
	};

	rows_start(&r);
	return r;
}

#endif /* KERNELS_ROWS_H */
