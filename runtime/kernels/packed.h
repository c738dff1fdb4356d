/* SPDX-License-Identifier: MIT */
/*
 * What pack_weights and unpack_weights share: the tiles of a packed matrix
 * (docs/layouts.md), and the parts of the plain one that belong to each.
 *
 * Dense in the scratchpad, these parts are rows of values, then rows of scales
 * and of minima at the offsets that they have in a tile; so they are no larger
 * than one. The invariant: tile k
 * of a workgroup has slot k % 2 of what comes in and of what goes out.
 */
#ifndef KERNELS_PACKED_H
#define KERNELS_PACKED_H

#include <seedchip/ops_matmul.h>

#include "data.h"

enum { PACKED_IN, PACKED_OUT }; /* DMA channels, and their counters */

/* What a tile has of the matrix. */
struct tile {
	uint32_t n0;
	uint32_t k0;
	uint32_t n;
	uint32_t k;
	uint32_t groups;
};

struct work {
	const struct sdo_pack_weights *args;
	uint32_t bits;
	uint32_t scale_size;
	uint32_t values; /* bytes of a tile's values, and of its scales */
	uint32_t scales;
	uint32_t size; /* of a tile */
	uint64_t mine; /* tiles of this workgroup */
};

static inline struct work packed_start(const struct sdo_pack_weights *args)
{
	const struct sdo_packed *p = &args->layout;
	uint64_t tiles = (uint64_t)div_up(p->n, SDO_PACKED_N) * div_up(p->k, SDO_PACKED_K);
	struct work w = {
		.args = args,
		.bits = sdo_type_bits(p->type),
		.scale_size = sdo_type_bits(p->type_scale) / 8,
		.values = sdo_packed_values(p),
		.scales = sdo_packed_scales(p),
		.size = sdo_packed_tile(p),
	};

	if (sd_wg_x() < tiles)
		w.mine = (tiles - sd_wg_x() - 1) / sd_grid_x() + 1;
	return w;
}

static inline uint8_t *packed_slot(const struct work *w, unsigned int side,
				   uint64_t k)
{
	return (uint8_t *)sd_dynamic() + (2 * side + k % 2) * w->size;
}

/* Where tile @k of this workgroup lies in memory. */
static inline uint64_t packed_at(const struct work *w, uint64_t k)
{
	return w->args->packed + (sd_wg_x() + k * sd_grid_x()) * w->size;
}

static inline struct tile packed_tile(const struct work *w, uint64_t k)
{
	const struct sdo_packed *p = &w->args->layout;
	uint64_t number = sd_wg_x() + k * sd_grid_x();
	uint32_t down = div_up(p->k, SDO_PACKED_K);
	struct tile t = {
		.n0 = number / down * SDO_PACKED_N, .k0 = number % down * SDO_PACKED_K,
	};

	t.n = min_u32(SDO_PACKED_N, p->n - t.n0);
	t.k = min_u32(SDO_PACKED_K, p->k - t.k0);
	t.groups = p->group ? div_up(t.k, p->group) : 0;
	return t;
}

static inline uint32_t packed_bytes(const struct work *w, uint32_t count)
{
	return (count * w->bits + 7) / 8;
}

static inline void move_rows(unsigned int side, void *tcm, uint64_t far, uint64_t stride,
			     uint32_t bytes, uint32_t rows)
{
	dma_tile(side, tcm, far, side == PACKED_IN, 1, (struct axis){ 1, bytes },
		 (struct axis){ stride, rows });
}

/* What a tile has of the plain matrix. */
static inline void move_plain(const struct work *w, unsigned int side, uint8_t *tcm,
			      const struct tile *t)
{
	const struct sdo_pack_weights *a = w->args;
	uint32_t outer = a->nk ? t->n0 : t->k0, inner = a->nk ? t->k0 : t->n0;
	uint32_t first;

	move_rows(side, tcm, a->values + outer * a->stride + (uint64_t)inner * w->bits / 8,
		  a->stride, packed_bytes(w, a->nk ? t->k : t->n), a->nk ? t->n : t->k);
	if (!t->groups)
		return;
	first = t->k0 / a->layout.group;
	move_rows(side, tcm + w->values,
		  a->scales + first * a->stride_scales + (uint64_t)t->n0 * w->scale_size,
		  a->stride_scales, t->n * w->scale_size, t->groups);
	if (a->layout.mins)
		move_rows(side, tcm + w->values + w->scales,
			  a->mins + first * a->stride_mins + (uint64_t)t->n0 * 2, a->stride_mins,
			  t->n * 2, t->groups);
}

/* Rows of @bytes, which begin @from_step bytes apart, to rows @to_step bytes apart. */
static inline void copy_rows(uint8_t *to, uint32_t to_step, const uint8_t *from,
			     uint32_t from_step, uint32_t bytes, uint32_t rows)
{
	if (to_step == bytes && from_step == bytes) { /* as those of all tiles but the last */
		bytes *= rows;
		rows = 1;
	}
	for (uint32_t r = 0; r < rows; r++, to += to_step, from += from_step) {
		for (uint32_t i = 0, vl; i < bytes; i += vl) {
			vl = __riscv_vsetvl_e8m8(bytes - i);
			__riscv_vse8_v_u8m8(to + i, __riscv_vle8_v_u8m8(from + i, vl), vl);
		}
	}
}

/* @load starts to bring tile k, @finish makes of it what goes out. */
SD_INLINE void packed_run(const struct sdo_pack_weights *args,
			  void (*load)(const struct work *w, uint64_t k),
			  void (*finish)(const struct work *w, uint64_t k))
{
	const struct work w = packed_start(args);

	for (uint64_t k = 0; k <= w.mine; k++) {
		if (k < w.mine)
			load(&w, k);
		if (k)
			finish(&w, k - 1);
	}
}

#endif /* KERNELS_PACKED_H */
