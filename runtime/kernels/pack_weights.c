// SPDX-License-Identifier: MIT
/*
 * pack_weights: rows of weights into tiles (struct sdo_pack_weights).
 *
 * DMA reads what a tile needs, dense; the hart arranges it; DMA writes the tile,
 * one piece. The invariant: every byte of a tile is written, zeros beyond n and k.
 */
#include "packed.h"

/* Rows [n][k] to columns of the tile, for elements of so many bits. */
#define DEFINE_TURN(bits)                                                                          \
	static void turn##bits(uint8_t *tile, const uint8_t *from, const struct tile *t)           \
	{                                                                                          \
		const uint32_t size = bits / 8, step = SDO_PACKED_N * size;                        \
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
	const uint32_t step = SDO_PACKED_N / 2;

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
		tile[r * (SDO_PACKED_N / 2) + t->n / 2] &= 15;
}

static void arrange(const struct work *w, uint8_t *tile, const uint8_t *from,
		    const struct tile *t)
{
	uint32_t scales = w->values, mins = w->values + w->scales;
	bool full = t->n == SDO_PACKED_N && t->k == SDO_PACKED_K;

	for (uint32_t i = full ? mins : 0, vl; i < w->size; i += vl) {
		vl = __riscv_vsetvl_e8m8(w->size - i);
		__riscv_vse8_v_u8m8(tile + i, __riscv_vmv_v_x_u8m8(0, vl), vl);
	}
	if (w->args->nk) {
		turn(w, tile, from, t);
	} else {
		copy_rows(tile, packed_bytes(w, SDO_PACKED_N), from, packed_bytes(w, t->n),
			  packed_bytes(w, t->n), t->k);
		if (w->bits == 4 && t->n % 2)
			clear_neighbours(tile, t);
	}
	if (!t->groups)
		return;
	copy_rows(tile + scales, SDO_PACKED_N * w->scale_size, from + scales,
		  t->n * w->scale_size, t->n * w->scale_size, t->groups);
	if (w->args->layout.mins)
		copy_rows(tile + mins, SDO_PACKED_N * 2, from + mins, t->n * 2, t->n * 2,
			  t->groups);
}

static void load(const struct work *w, uint64_t k)
{
	const struct tile t = packed_tile(w, k);

	move_plain(w, PACKED_IN, packed_slot(w, PACKED_IN, k), &t);
	sd_post(PACKED_IN, PACKED_IN);
}

static void finish(const struct work *w, uint64_t k)
{
	const struct tile t = packed_tile(w, k);
	uint8_t *tile = packed_slot(w, PACKED_OUT, k);

	sd_await(PACKED_IN, k + 1);
	if (k >= 2)
		sd_await(PACKED_OUT, k - 1);
	arrange(w, tile, packed_slot(w, PACKED_IN, k), &t);
	sd_dma_1d(PACKED_OUT, (void *)packed_at(w, k), tile, w->size);
	sd_post(PACKED_OUT, PACKED_OUT);
}

SD_KERNEL(pack_weights, struct sdo_pack_weights)
{
	packed_run(args, load, finish);
}
