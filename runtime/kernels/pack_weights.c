// SPDX-License-Identifier: MIT
/*
 * pack_weights: rows of weights into tiles (struct sdo_pack_weights).
 *
 * DMA reads what a tile needs, dense; the hart arranges it; DMA writes the tile,
 * one piece. The invariant: tile k has slot k % 2 of both sides, and every byte
 * of it is written, zeros beyond n and k.
 */
#include <seedchip/ops_matmul.h>

#include "data.h"

enum channel { DMA_IN, DMA_OUT };
enum counter { C_IN, C_OUT };

#define N SDO_PACKED_N
#define K SDO_PACKED_K

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
	uint8_t *in;
	uint8_t *out;
};

static struct tile tile_at(const struct work *w, uint64_t number)
{
	const struct sdo_packed *p = &w->args->layout;
	uint32_t down = div_up(p->k, K);
	struct tile t = { .n0 = number / down * N, .k0 = number % down * K };

	t.n = min_u32(N, p->n - t.n0);
	t.k = min_u32(K, p->k - t.k0);
	t.groups = p->group ? div_up(t.k, p->group) : 0;
	return t;
}

static uint32_t bytes_of(const struct work *w, uint32_t count)
{
	return (count * w->bits + 7) / 8;
}

static void read_rows(void *to, uint64_t from, uint64_t stride, uint32_t bytes, uint32_t rows)
{
	dma_tile(DMA_IN, to, from, true, 1, (struct axis){ 1, bytes },
		 (struct axis){ stride, rows });
}

static void load(const struct work *w, uint32_t k, uint64_t number)
{
	const struct sdo_pack_weights *a = w->args;
	const struct tile t = tile_at(w, number);
	uint32_t outer = a->nk ? t.n0 : t.k0, inner = a->nk ? t.k0 : t.n0;
	uint8_t *to = w->in + k % 2 * SDO_PACK_TILE;

	read_rows(to, a->values + outer * a->stride + (uint64_t)inner * w->bits / 8, a->stride,
		  bytes_of(w, a->nk ? t.k : t.n), a->nk ? t.n : t.k);
	if (t.groups) {
		uint32_t first = t.k0 / a->layout.group;

		read_rows(to + w->values, a->scales + first * a->stride_scales +
			  (uint64_t)t.n0 * w->scale_size, a->stride_scales, t.n * w->scale_size,
			  t.groups);
		if (a->layout.mins)
			read_rows(to + w->values + w->scales, a->mins + first * a->stride_mins +
				  (uint64_t)t.n0 * 2, a->stride_mins, t.n * 2, t.groups);
	}
	sd_post(DMA_IN, C_IN);
}

/* Dense rows of @bytes to rows of @step bytes. */
static void spread_rows(uint8_t *to, const uint8_t *from, uint32_t rows, uint32_t bytes,
			uint32_t step)
{
	for (uint32_t r = 0; r < rows; r++, to += step, from += bytes) {
		for (uint32_t i = 0, vl; i < bytes; i += vl) {
			vl = __riscv_vsetvl_e8m8(bytes - i);
			__riscv_vse8_v_u8m8(to + i, __riscv_vle8_v_u8m8(from + i, vl), vl);
		}
	}
}

/* Rows [n][k] to columns of the tile, for elements of so many bits. */
#define DEFINE_TURN(bits)                                                                          \
	static void turn##bits(uint8_t *tile, const uint8_t *from, const struct tile *t)           \
	{                                                                                          \
		const uint32_t size = bits / 8, step = N * size;                                   \
												   \
		for (uint32_t c = 0; c < t->n; c++) {                                              \
			uint8_t *to = tile + c * size;                                             \
												   \
			for (uint32_t left = t->k, vl; left; left -= vl) {                         \
				vuint##bits##m8_t v;                                               \
												   \
				vl = __riscv_vsetvl_e##bits##m8(left);                             \
				v = __riscv_vle##bits##_v_u##bits##m8((const void *)from, vl);     \
				__riscv_vsse##bits##_v_u##bits##m8((void *)to, step, v, vl);       \
				from += vl * size;                                                 \
				to += vl * step;                                                   \
			}                                                                          \
		}                                                                                  \
	}
DEFINE_TURN(8)
DEFINE_TURN(16)
DEFINE_TURN(32)

/* Two rows of codes, @b NULL: zeros, become a column of bytes. */
static void turn_pair(uint8_t *to, const uint8_t *a, const uint8_t *b, uint32_t k)
{
	const uint32_t step = N / 2;

	for (uint32_t i = 0, vl; i < k; i += 2 * vl) {
		vuint8m4_t x, y, even, odd;

		vl = __riscv_vsetvl_e8m4((k - i + 1) / 2);
		x = __riscv_vle8_v_u8m4(a + i / 2, vl);
		y = b ? __riscv_vle8_v_u8m4(b + i / 2, vl) : __riscv_vmv_v_x_u8m4(0, vl);
		even = __riscv_vor_vv_u8m4(__riscv_vand_vx_u8m4(x, 15, vl),
					   __riscv_vsll_vx_u8m4(y, 4, vl), vl);
		odd = __riscv_vor_vv_u8m4(__riscv_vsrl_vx_u8m4(x, 4, vl),
					  __riscv_vand_vx_u8m4(y, 0xf0, vl), vl);
		__riscv_vsse8_v_u8m4(to + i * step, 2 * step, even, vl);
		__riscv_vsse8_v_u8m4(to + (i + 1) * step, 2 * step, odd,
				     min_u32(vl, (k - i) / 2));
	}
}

static void turn4(uint8_t *tile, const uint8_t *from, const struct tile *t)
{
	uint32_t bytes = (t->k + 1) / 2;

	for (uint32_t c = 0; c < t->n; c += 2, from += 2 * bytes)
		turn_pair(tile + c / 2, from, c + 1 < t->n ? from + bytes : NULL, t->k);
}

static void turn(const struct work *w, uint8_t *tile, const uint8_t *from, const struct tile *t)
{
	if (w->bits == 4)
		turn4(tile, from, t);
	else if (w->bits == 8)
		turn8(tile, from, t);
	else if (w->bits == 16)
		turn16(tile, from, t);
	else
		turn32(tile, from, t);
}

/* The neighbour of an odd last code is not of the matrix. */
static void clear_neighbours(uint8_t *tile, const struct tile *t)
{
	for (uint32_t r = 0; r < t->k; r++)
		tile[r * (N / 2) + t->n / 2] &= 15;
}

static void arrange(const struct work *w, uint8_t *tile, const uint8_t *from,
		    const struct tile *t)
{
	for (uint32_t i = 0, vl; i < w->size; i += vl) {
		vl = __riscv_vsetvl_e8m8(w->size - i);
		__riscv_vse8_v_u8m8(tile + i, __riscv_vmv_v_x_u8m8(0, vl), vl);
	}
	if (w->args->nk) {
		turn(w, tile, from, t);
	} else {
		spread_rows(tile, from, t->k, bytes_of(w, t->n), bytes_of(w, N));
		if (w->bits == 4 && t->n % 2)
			clear_neighbours(tile, t);
	}
	if (!t->groups)
		return;
	spread_rows(tile + w->values, from + w->values, t->groups, t->n * w->scale_size,
		    N * w->scale_size);
	if (w->args->layout.mins)
		spread_rows(tile + w->values + w->scales, from + w->values + w->scales, t->groups,
			    t->n * 2, N * 2);
}

static void finish(const struct work *w, uint32_t k, uint64_t number)
{
	const struct tile t = tile_at(w, number);
	uint8_t *tile = w->out + k % 2 * SDO_PACK_TILE;

	sd_await(C_IN, k + 1);
	if (k >= 2)
		sd_await(C_OUT, k - 1);
	arrange(w, tile, w->in + k % 2 * SDO_PACK_TILE, &t);
	sd_dma_1d(DMA_OUT, (void *)(w->args->packed + number * w->size), tile, w->size);
	sd_post(DMA_OUT, C_OUT);
}

SD_KERNEL(pack_weights, struct sdo_pack_weights)
{
	const struct sdo_packed *p = &args->layout;
	struct work w = {
		.args = args,
		.bits = sdo_type_bits(p->type),
		.scale_size = sdo_type_bits(p->type_scale) / 8,
		.values = sdo_packed_values(p),
		.scales = sdo_packed_scales(p),
		.size = sdo_packed_tile(p),
		.in = sd_dynamic(),
	};
	uint64_t tiles = (uint64_t)div_up(p->n, N) * div_up(p->k, K), mine = 0;

	w.out = w.in + 2 * SDO_PACK_TILE;
	if (sd_wg_x() < tiles)
		mine = (tiles - sd_wg_x() - 1) / sd_grid_x() + 1;
	for (uint64_t k = 0; k <= mine; k++) {
		uint64_t number = sd_wg_x() + k * sd_grid_x();

		if (k < mine)
			load(&w, k, number);
		if (k)
			finish(&w, k - 1, number - sd_grid_x());
	}
}
