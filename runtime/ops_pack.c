// SPDX-License-Identifier: MIT
/*
 * Packed weights on the host: rows into tiles and back (docs/layouts.md), and the
 * grid of the kernels that do it on the card.
 *
 * The invariant: every byte of a packed matrix is a function of the rows; what
 * lies beyond n and k, and the padding of a tile, is zero.
 */
#include <errno.h>
#include <string.h>

#include "internal.h"
#include "seedchip/ops_data.h"
#include "seedchip/ops_matmul.h"

static int check_packed(const char *op, const struct sdo_packed *p)
{
	bool pow2 = p->group >= 16 && p->group <= SDO_PACKED_K && !(p->group & (p->group - 1));

	if (p->type > SDO_F32)
		return sdo_refuse(-EOPNOTSUPP, "%s: type %u", op, p->type);
	if (p->group && !pow2)
		return sdo_refuse(-EINVAL, "%s: group %u: not a power of two from 16 to 256", op,
				  p->group);
	if (p->group && p->type_scale != SDO_F16 && p->type_scale != SDO_F32 &&
	    p->type_scale != SDO_E8M0)
		return sdo_refuse(-EOPNOTSUPP, "%s: type_scale %u", op, p->type_scale);
	if (p->mins > 1 || (p->mins && !p->group) || p->reserved)
		return sdo_refuse(-EINVAL, "%s: mins %u with group %u", op, p->mins, p->group);
	return 0;
}

/* Element @i of a row to element @j of another, both of @bits; rows are written in order. */
static void copy_element(uint8_t *to, uint64_t j, const uint8_t *from, uint64_t i, uint32_t bits)
{
	uint32_t v;

	if (bits != 4) {
		memcpy(to + j * bits / 8, from + i * bits / 8, bits / 8);
		return;
	}
	v = from[i / 2] >> i % 2 * 4 & 15;
	to += j / 2;
	*to = j % 2 ? (*to & 15) | v << 4 : v;
}

/* Where rows of a tile are in the plain matrix: [rows][n], or [n][rows]. */
struct part {
	uint8_t *at;
	uint64_t stride;
	uint32_t bits;
	uint32_t rows;
	uint32_t row0;
	bool turned;
};

static void copy_part(uint8_t *tile, const struct part *p, uint32_t rows, uint32_t n0,
		      uint32_t columns, bool pack)
{
	for (uint32_t r = 0; r < rows && p->row0 + r < p->rows; r++) {
		for (uint32_t c = 0; c < columns; c++) {
			uint64_t in_tile = (uint64_t)r * SDO_PACKED_N + c, row = p->row0 + r;
			uint64_t outer = p->turned ? n0 + c : row, inner = p->turned ? row : n0 + c;
			uint8_t *plain = p->at + outer * p->stride;

			if (pack)
				copy_element(tile, in_tile, plain, inner, p->bits);
			else
				copy_element(plain, inner, tile, in_tile, p->bits);
		}
	}
}

static int convert(const struct sdo_packed *p, uint8_t *packed, const struct sdo_plain *plain,
		   bool pack)
{
	uint32_t size = sdo_packed_tile(p), groups = p->group ? SDO_PACKED_K / p->group : 0;
	uint32_t all = p->group ? (p->k + p->group - 1) / p->group : 0;
	struct part part[3] = {
		{ plain->values, plain->stride, sdo_type_bits(p->type), p->k, 0, plain->nk },
		{ plain->scales, plain->stride_scales, sdo_type_bits(p->type_scale), all, 0,
		  false },
		{ plain->mins, plain->stride_mins, 16, all, 0, false },
	};
	int r = check_packed(pack ? "sdo_pack" : "sdo_unpack", p);

	if (r)
		return r;
	if (pack)
		memset(packed, 0, sdo_packed_size(p));
	for (uint32_t n0 = 0; n0 < p->n; n0 += SDO_PACKED_N) {
		uint32_t columns = p->n - n0 < SDO_PACKED_N ? p->n - n0 : SDO_PACKED_N;

		for (uint32_t k0 = 0; k0 < p->k; k0 += SDO_PACKED_K, packed += size) {
			uint8_t *scales = packed + sdo_packed_values(p);

			part[0].row0 = k0;
			copy_part(packed, &part[0], SDO_PACKED_K, n0, columns, pack);
			if (!groups)
				continue;
			part[1].row0 = k0 / p->group;
			part[2].row0 = k0 / p->group;
			copy_part(scales, &part[1], groups, n0, columns, pack);
			if (p->mins)
				copy_part(scales + sdo_packed_scales(p), &part[2], groups, n0,
					  columns, pack);
		}
	}
	return 0;
}

API int sdo_pack(const struct sdo_packed *layout, void *packed, const struct sdo_plain *plain)
{
	return convert(layout, packed, plain, true);
}

API int sdo_unpack(const struct sdo_packed *layout, const void *packed,
		   const struct sdo_plain *plain)
{
	return convert(layout, (uint8_t *)packed, plain, false);
}

static int tiles_grid(const char *op, const struct sdo_pack_weights *args,
		      const struct sdo_card *card, struct seedchip_dim *dim)
{
	const struct sdo_packed *p = &args->layout;
	uint64_t tiles;
	int r = check_packed(op, p);

	if (r)
		return r;
	if (args->nk > 1 || args->reserved)
		return sdo_refuse(-EINVAL, "%s: nk %u, reserved %u", op, args->nk, args->reserved);
	if (p->group && (!args->scales || !args->mins != !p->mins))
		return sdo_refuse(-EINVAL, "%s: scales or mins do not go with group %u", op,
				  p->group);
	r = sdo_check_stride(op, "stride", args->stride);
	if (!r)
		r = sdo_check_stride(op, "stride_scales", args->stride_scales);
	if (!r)
		r = sdo_check_stride(op, "stride_mins", args->stride_mins);
	if (r)
		return r;
	tiles = sdo_packed_size(p) / sdo_packed_tile(p);
	return sdo_grid(op, card, sdo_spread(card, tiles), 1, 4 * sdo_packed_tile(p), 0, dim);
}

API int sdo_pack_weights_dim(const struct sdo_pack_weights *args, const struct sdo_card *card,
			     struct seedchip_dim *dim)
{
	return tiles_grid("pack_weights", args, card, dim);
}

API int sdo_unpack_weights_dim(const struct sdo_pack_weights *args, const struct sdo_card *card,
			       struct seedchip_dim *dim)
{
	return tiles_grid("unpack_weights", args, card, dim);
}
