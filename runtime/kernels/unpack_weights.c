// SPDX-License-Identifier: MIT
/*
 * unpack_weights: tiles back into rows of weights (struct sdo_pack_weights).
 *
 * The mirror of pack_weights: DMA reads a tile, one piece; the hart makes the
 * rows dense; DMA writes them to their places.
 */
#include "packed.h"

/* Columns of the tile to rows [n][k], for elements of so many bits. */
#define DEFINE_TURN(bits)                                                                          \
	static void turn##bits(uint8_t *to, const uint8_t *tile, const struct tile *t)             \
	{                                                                                          \
		const uint32_t size = bits / 8, step = SDO_PACKED_N * size;                        \
												   \
		for (uint32_t c = 0; c < t->n; c++) {                                              \
			const uint8_t *from = tile + c * size;                                     \
												   \
			for (uint32_t left = t->k, vl; left; left -= vl) {                         \
				vuint##bits##m8_t v;                                               \
												   \
				vl = __riscv_vsetvl_e##bits##m8(left);                             \
				v = __riscv_vlse##bits##_v_u##bits##m8((const void *)from, step,   \
								       vl);                        \
				__riscv_vse##bits##_v_u##bits##m8((void *)to, v, vl);              \
				to += vl * size;                                                   \
				from += vl * step;                                                 \
			}                                                                          \
		}                                                                                  \
	}
DEFINE_TURN(8)
DEFINE_TURN(16)
DEFINE_TURN(32)

/* A column of bytes to two rows of codes; @b NULL: the second is not of the matrix. */
static void turn_pair(uint8_t *a, uint8_t *b, const uint8_t *from, uint32_t k)
{
	const uint32_t step = SDO_PACKED_N / 2;

	for (uint32_t i = 0, vl; i < k; i += 2 * vl) {
		vuint8m4_t even, odd, low, high;

		vl = __riscv_vsetvl_e8m4((k - i + 1) / 2);
		even = __riscv_vlse8_v_u8m4(from + i * step, 2 * step, vl);
		/* beside an odd last code is zero */
		odd = __riscv_vmv_v_x_u8m4(0, vl);
		odd = __riscv_vlse8_v_u8m4_tu(odd, from + (i + 1) * step, 2 * step,
					      min_u32(vl, (k - i) / 2));
		low = __riscv_vor_vv_u8m4(__riscv_vand_vx_u8m4(even, 15, vl),
					  __riscv_vsll_vx_u8m4(odd, 4, vl), vl);
		high = __riscv_vor_vv_u8m4(__riscv_vsrl_vx_u8m4(even, 4, vl),
					   __riscv_vand_vx_u8m4(odd, 0xf0, vl), vl);
		__riscv_vse8_v_u8m4(a + i / 2, low, vl);
		if (b)
			__riscv_vse8_v_u8m4(b + i / 2, high, vl);
	}
}

static void turn4(uint8_t *to, const uint8_t *tile, const struct tile *t)
{
	uint32_t bytes = (t->k + 1) / 2;

	for (uint32_t c = 0; c < t->n; c += 2, to += 2 * bytes)
		turn_pair(to, c + 1 < t->n ? to + bytes : NULL, tile + c / 2, t->k);
}

static void turn(const struct work *w, uint8_t *to, const uint8_t *tile, const struct tile *t)
{
	if (w->bits == 4)
		turn4(to, tile, t);
	else if (w->bits == 8)
		turn8(to, tile, t);
	else if (w->bits == 16)
		turn16(to, tile, t);
	else
		turn32(to, tile, t);
}

static void arrange(const struct work *w, uint8_t *to, const uint8_t *tile, const struct tile *t)
{
	uint32_t bytes = packed_bytes(w, t->n), scales = w->values, mins = w->values + w->scales;

	if (w->args->nk) {
		turn(w, to, tile, t);
	} else {
		copy_rows(to, bytes, tile, packed_bytes(w, SDO_PACKED_N), bytes, t->k);
		for (uint32_t r = 0; w->bits == 4 && t->n % 2 && r < t->k; r++)
			to[(r + 1) * bytes - 1] &= 15;
	}
	if (!t->groups)
		return;
	copy_rows(to + scales, t->n * w->scale_size, tile + scales, SDO_PACKED_N * w->scale_size,
		  t->n * w->scale_size, t->groups);
	if (w->args->layout.mins)
		copy_rows(to + mins, t->n * 2, tile + mins, SDO_PACKED_N * 2, t->n * 2,
			  t->groups);
}

static void load(const struct work *w, uint64_t k)
{
	sd_dma_1d(PACKED_IN, packed_slot(w, PACKED_IN, k), (const void *)packed_at(w, k), w->size);
	sd_post(PACKED_IN, PACKED_IN);
}

static void finish(const struct work *w, uint64_t k)
{
	const struct tile t = packed_tile(w, k);
	uint8_t *rows = packed_slot(w, PACKED_OUT, k);

	sd_await(PACKED_IN, k + 1);
	if (k >= 2)
		sd_await(PACKED_OUT, k - 1);
	arrange(w, rows, packed_slot(w, PACKED_IN, k), &t);
	move_plain(w, PACKED_OUT, rows, &t);
	sd_post(PACKED_OUT, PACKED_OUT);
}

SD_KERNEL(unpack_weights, struct sdo_pack_weights)
{
	packed_run(args, load, finish);
}
