/* SPDX-License-Identifier: MIT */
/*
 * Operations on data: copy (cast, transpose, permute), get_rows, set_rows,
 * embedding_bag, argmax, topk. Conventions are those of ops.h. Constants are
 * what a kernel and its sdo_OP_dim() agree on; nothing else depends on them.
 */
#ifndef SEEDCHIP_OPS_DATA_H
#define SEEDCHIP_OPS_DATA_H

#include "seedchip/ops_types.h"

#ifdef __cplusplus
extern "C" {
#endif

#ifdef SDO_HOST
/* Types whose elements are whole bytes and become f32. */
static inline int sdo_is_data_type(uint32_t type)
{
	return type != SDO_I4 && type <= SDO_I32;
}

/* The same without I32, which f32 does not hold. */
static inline int sdo_is_narrow_type(uint32_t type)
{
	return sdo_is_data_type(type) && type != SDO_I32;
}

/* Up to a workgroup a core, for work that comes in units of equal size. */
static inline uint32_t sdo_spread(const struct sdo_card *card, uint64_t units)
{
	return units < card->cores ? (uint32_t)units : card->cores;
}

/* A grid, if a kernel with so much dynamic and static scratchpad fits. */
static inline int sdo_grid(const char *op, const struct sdo_card *card, uint32_t x, uint32_t y,
			   uint32_t dynamic, uint32_t fixed, struct seedchip_dim *dim)
{
	struct seedchip_dim d = { x, y, 1, 0, 0, dynamic, 0, { 0, 0 } };
	int r = sdo_check_card(op, card);

	if (r)
		return r;
	if (dynamic + fixed + SDO_TCM_RESERVED > card->tcm_size)
		return sdo_refuse(-E2BIG, "%s: needs %u bytes of scratchpad, the card has %u", op,
				  dynamic + fixed + SDO_TCM_RESERVED, card->tcm_size);
	*dim = d;
	return 0;
}

/* Strides that a descriptor of the DMA engines holds. */
static inline int sdo_check_stride(const char *op, const char *name, uint64_t stride)
{
	return stride >> 32 ? sdo_refuse(-EINVAL, "%s: %s 0x%llx: not below 2^32", op, name,
					 (unsigned long long)stride) : 0;
}

static inline int sdo_check_index(const char *op, uint32_t size)
{
	return size == 4 || size == 8 ? 0 : sdo_refuse(-EINVAL, "%s: index_size %u: not 4 or 8",
						       op, size);
}
#endif /* SDO_HOST */

/* ---- copy ---- */

#define SDO_COPY_BUFFERS  6
#define SDO_COPY_TILE_MIN 4096
#define SDO_COPY_TILE_MAX 65536

/**
 * struct sdo_copy - dst[i, j, k, l] = src[i, j, k, l], converted
 * @src: address of element [0, 0, 0, 0]
 * @dst: the same of the result
 * @src_stride: bytes between neighbours along each axis
 * @dst_stride: the same of the result; not 0 along an axis of several elements
 * @n: elements along each axis; 0 copies nothing; 2^46 in all at most
 * @src_type: I8, F16, BF16, E4M3, E5M2, F32 or I32
 * @dst_type: the same, any pair
 * @reserved: 0
 *
 * The order of the axes means nothing: to transpose or permute, give the strides
 * of @dst in the order in which @src has its axes. A stride of @src may be 0,
 * which repeats its elements.
 *
 * Equal types copy bits. Else floats round to nearest even, e4m3 saturates to
 * +-448, bf16, f16 and e5m2 overflow to infinity, NaN becomes the canonical one
 * (7fc00000, 7fc0, 7e00, 7f, 7e); to integers round to nearest even and
 * saturate, NaN gives the largest; i32 becomes a narrow float by way of f32,
 * with two roundings.
 */
struct sdo_copy {
	uint64_t src;
	uint64_t dst;
	uint64_t src_stride[4];
	uint64_t dst_stride[4];
	uint32_t n[4];
	uint8_t src_type;
	uint8_t dst_type;
	uint8_t reserved[6];
};

#ifdef SDO_HOST
/**
 * sdo_copy_dim() - check the arguments of copy, and compute its grid
 * @a: arguments
 * @card: what it will run on
 * @dim: grid, flags and scratchpad, for seedchip_launch()
 *
 * Return: 0; -EINVAL: a member is out of its range; -EOPNOTSUPP: types that do not go together;
 * -E2BIG: the scratchpad is too small.
 */
static inline int sdo_copy_dim(const struct sdo_copy *a, const struct sdo_card *card,
			       struct seedchip_dim *dim)
{
	const uint64_t most = 1ull << 48;
	uint64_t tile, bytes = 4;
	int r = sdo_check_card("copy", card);

	if (!r)
		r = sdo_check_reserved("copy", a->reserved, sizeof(a->reserved));
	if (r)
		return r;
	if (!sdo_is_data_type(a->src_type) || !sdo_is_data_type(a->dst_type))
		return sdo_refuse(-EINVAL, "copy: types %u and %u", a->src_type, a->dst_type);
	for (int i = 0; i < 4; i++) {
		if (a->n[i] && bytes > most / a->n[i])
			return sdo_refuse(-EINVAL, "copy: n: more than 2^46 elements");
		bytes *= a->n[i];
	}
	for (int i = 0; i < 4; i++)
		if (bytes && a->n[i] > 1 && !a->dst_stride[i])
			return sdo_refuse(-EINVAL, "copy: dst_stride[%d] is 0", i);
	tile = bytes / card->cores / 4 & ~(uint64_t)(SDO_COPY_TILE_MIN - 1);
	if (tile > SDO_COPY_TILE_MAX)
		tile = SDO_COPY_TILE_MAX;
	if (tile < SDO_COPY_TILE_MIN)
		tile = SDO_COPY_TILE_MIN;
	return sdo_grid("copy", card, sdo_spread(card, (bytes + tile - 1) / tile), 1,
			SDO_COPY_BUFFERS * (uint32_t)tile, 0, dim);
}
#endif

/* ---- get_rows and set_rows ---- */

#define SDO_ROWS_COLUMNS 4096  /* elements of a row that a workgroup has */
#define SDO_ROWS_PIECE	 16384 /* elements of a batch of rows */
#define SDO_ROWS_SCALES	 8192  /* bytes of scales of a batch */
#define SDO_ROWS_STATIC	 73728 /* bytes of static scratchpad */

/* Rows of a workgroup, and of a batch of n elements each (a power of two). */
static inline uint32_t sdo_rows_share(uint32_t count, uint32_t workgroups)
{
	return count / workgroups + (count % workgroups != 0);
}

static inline uint32_t sdo_rows_batch(uint32_t n)
{
	uint32_t rows = 1;

	while (rows < 2048 && 2 * rows * n <= SDO_ROWS_PIECE)
		rows *= 2;
	return rows;
}

/**
 * struct sdo_get_rows - dst[i] = table[index[i]], converted
 * @table: @rows rows of @n elements of @type
 * @table_stride: bytes from row to row, below 2^32
 * @index: @count numbers of @index_size bytes, each below @rows
 * @dst: @count rows of @n elements of @dst_type
 * @dst_stride: bytes from row to row, below 2^32
 * @scale: I8 and other types: f32 factor of each row, 0: none; I4: f16 factors of
 *	   groups, ceil(@n / @group) of each row
 * @scale_stride: bytes from row to row of @scale, below 2^32
 * @rows: rows of the table
 * @count: rows to get; 0 does nothing
 * @n: elements of a row; 0 does nothing
 * @group: I4: elements of a group, a power of two from 16 to 1024
 * @type: I4 (low nibble first), I8, F16, BF16, E4M3, E5M2, F32 or I32
 * @dst_type: the same without I4
 * @index_size: 4 or 8
 * @reserved: 0
 * @codebook: I4: values of the 16 codes
 *
 * A number that is not below @rows (as unsigned) stops the queue with
 * GATHER_RANGE; the record's value is the number, or 0xffffffff for one beyond
 * 32 bits. Equal types without @scale copy bits; else the element as f32, times
 * the factor (one rounding), becomes @dst_type as in struct sdo_copy.
 */
struct sdo_get_rows {
	uint64_t table;
	uint64_t table_stride;
	uint64_t index;
	uint64_t dst;
	uint64_t dst_stride;
	uint64_t scale;
	uint64_t scale_stride;
	uint32_t rows;
	uint32_t count;
	uint32_t n;
	uint32_t group;
	uint8_t type;
	uint8_t dst_type;
	uint8_t index_size;
	uint8_t reserved[5];
	int8_t codebook[16];
};

/**
 * struct sdo_set_rows - table[index[i]] = src[i], converted
 * @src: @count rows of @n elements of @src_type
 * @src_stride: bytes from row to row, below 2^32
 * @table: @rows rows of @n elements of @type
 * @table_stride: bytes from row to row, below 2^32
 * @index: @count numbers of @index_size bytes, each below @rows
 * @rows: rows of the table
 * @count: rows to set; 0 does nothing
 * @n: elements of a row; 0 does nothing
 * @src_type: I8, F16, BF16, E4M3, E5M2, F32 or I32
 * @type: the same; conversion as in struct sdo_copy
 * @index_size: 4 or 8
 * @reserved: 0
 *
 * Numbers out of range stop the queue as in get_rows. Of rows with the same
 * number any one remains.
 */
struct sdo_set_rows {
	uint64_t src;
	uint64_t src_stride;
	uint64_t table;
	uint64_t table_stride;
	uint64_t index;
	uint32_t rows;
	uint32_t count;
	uint32_t n;
	uint8_t src_type;
	uint8_t type;
	uint8_t index_size;
	uint8_t reserved;
};

#ifdef SDO_HOST
static inline int sdo_rows_grid(const char *op, const struct sdo_card *card, uint32_t count,
				uint32_t n, struct seedchip_dim *dim)
{
	uint32_t y = n / SDO_ROWS_COLUMNS + (n % SDO_ROWS_COLUMNS != 0);

	if (y > 65535)
		return sdo_refuse(-EINVAL, "%s: n %u: at most 65535 x 4096", op, n);
	return sdo_grid(op, card, sdo_spread(card, y > card->cores ? count != 0 : count), y,
			5 * SDO_ROWS_PIECE * 4, SDO_ROWS_STATIC, dim);
}

/**
 * sdo_get_rows_dim() - check the arguments of get_rows, and compute its grid
 * @a: arguments
 * @card: what it will run on
 * @dim: grid, flags and scratchpad, for seedchip_launch()
 *
 * Return: 0; -EINVAL: a member is out of its range; -EOPNOTSUPP: types that do not go together;
 * -E2BIG: the scratchpad is too small.
 */
static inline int sdo_get_rows_dim(const struct sdo_get_rows *a, const struct sdo_card *card,
				   struct seedchip_dim *dim)
{
	int r = sdo_check_index("get_rows", a->index_size);

	if ((a->type != SDO_I4 && !sdo_is_data_type(a->type)) || !sdo_is_data_type(a->dst_type))
		return sdo_refuse(-EINVAL, "get_rows: type %u, dst_type %u", a->type, a->dst_type);
	if (a->type == SDO_I4 && (!a->scale || a->group < 16 || a->group > 1024 ||
				  (a->group & (a->group - 1))))
		return sdo_refuse(-EINVAL, "get_rows: I4 without scale, or group %u",
				  a->group);
	if (!r)
		r = sdo_check_reserved("get_rows", a->reserved, sizeof(a->reserved));
	if (!r)
		r = sdo_check_stride("get_rows", "table_stride", a->table_stride);
	if (!r)
		r = sdo_check_stride("get_rows", "dst_stride", a->dst_stride);
	if (!r)
		r = sdo_check_stride("get_rows", "scale_stride", a->scale_stride);
	return r ? r : sdo_rows_grid("get_rows", card, a->count, a->n, dim);
}

/**
 * sdo_set_rows_dim() - check the arguments of set_rows, and compute its grid
 * @a: arguments
 * @card: what it will run on
 * @dim: grid, flags and scratchpad, for seedchip_launch()
 *
 * Return: 0; -EINVAL: a member is out of its range; -EOPNOTSUPP: types that do not go together;
 * -E2BIG: the scratchpad is too small.
 */
static inline int sdo_set_rows_dim(const struct sdo_set_rows *a, const struct sdo_card *card,
				   struct seedchip_dim *dim)
{
	int r = sdo_check_index("set_rows", a->index_size);

	if (!sdo_is_data_type(a->src_type) || !sdo_is_data_type(a->type))
		return sdo_refuse(-EINVAL, "set_rows: src_type %u, type %u", a->src_type, a->type);
	if (!r)
		r = sdo_check_reserved("set_rows", &a->reserved, 1);
	if (!r)
		r = sdo_check_stride("set_rows", "src_stride", a->src_stride);
	if (!r)
		r = sdo_check_stride("set_rows", "table_stride", a->table_stride);
	return r ? r : sdo_rows_grid("set_rows", card, a->count, a->n, dim);
}
#endif

/* ---- argmax and topk ---- */

#define SDO_SCAN_PIECE 65536 /* bytes of rows on their way at a time; three such buffers */
#define SDO_SCAN_ROWS  1024  /* rows of such a piece */
#define SDO_SCAN_PARTS 64    /* workgroups that share a row */
#define SDO_SCAN_SHARE 8192  /* elements that are worth a workgroup */
#define SDO_TOPK_MAX   1024
#define SDO_TOPK_LIST  16384 /* candidates of a row */
#define SDO_TOPK_ROOM  128   /* candidates at which they are thinned out, or 2k */
#define SDO_ARGMAX_STATIC 49152  /* bytes of static scratchpad and a larger stack */
#define SDO_TOPK_STATIC	  278528 /* the same */

/**
 * struct sdo_argmax - index of the largest element of each row
 * @src: @rows rows of @n elements
 * @src_stride: bytes from row to row, below 2^32
 * @dst: @rows indices, i32; -1 where @n is 0
 * @value: the @rows elements themselves, as they stand in @src; 0: not wanted
 * @rows: number of rows
 * @n: elements of a row, below 2^31
 * @type: F32, BF16, F16, E4M3, E5M2 or I8
 * @reserved: 0
 *
 * Of equal elements (+0 and -0 are equal) the first counts. NaN is larger than
 * everything, and the first one counts. The launch of few long rows is cooperative.
 */
struct sdo_argmax {
	uint64_t src;
	uint64_t src_stride;
	uint64_t dst;
	uint64_t value;
	uint32_t rows;
	uint32_t n;
	uint8_t type;
	uint8_t reserved[7];
};

/**
 * struct sdo_topk - the k largest elements of each row, in descending order
 * @src: @rows rows of @n elements
 * @src_stride: bytes from row to row, below 2^32
 * @dst: @rows rows of @k indices, i32
 * @value: @rows rows of @k elements, as they stand in @src; 0: not wanted
 * @rows: number of rows
 * @n: elements of a row, below 2^31
 * @k: 1 to 1024, at most @n
 * @type: F32, BF16, F16, E4M3, E5M2 or I8
 * @reserved: 0
 *
 * Of equal elements (+0 and -0 are equal) the ones with lower indices come
 * first. NaNs are larger than everything else and equal among each other. The
 * launch of few long rows is cooperative.
 */
struct sdo_topk {
	uint64_t src;
	uint64_t src_stride;
	uint64_t dst;
	uint64_t value;
	uint32_t rows;
	uint32_t n;
	uint32_t k;
	uint8_t type;
	uint8_t reserved[3];
};

#ifdef SDO_HOST
/* Many rows: a row belongs to one workgroup; few long ones: several share it. */
static inline int sdo_scan_grid(const char *op, const struct sdo_card *card, uint64_t stride,
				uint32_t rows, uint32_t n, uint32_t max_parts, uint32_t fixed,
				struct seedchip_dim *dim)
{
	uint32_t parts = rows ? card->cores / rows : 1;
	int r = sdo_check_stride(op, "src_stride", stride);

	if (n >> 31)
		return sdo_refuse(-EINVAL, "%s: n %u: not below 2^31", op, n);
	if (parts > n / SDO_SCAN_SHARE)
		parts = n / SDO_SCAN_SHARE;
	if (parts > max_parts)
		parts = max_parts;
	if (!r)
		r = sdo_grid(op, card, parts ? parts : 1, sdo_spread(card, rows),
			     3 * SDO_SCAN_PIECE, fixed, dim);
	if (!r && parts > 1)
		dim->flags = SEEDCHIP_COOPERATIVE;
	return r;
}

/**
 * sdo_argmax_dim() - check the arguments of argmax, and compute its grid
 * @a: arguments
 * @card: what it will run on
 * @dim: grid, flags and scratchpad, for seedchip_launch()
 *
 * Return: 0; -EINVAL: a member is out of its range; -EOPNOTSUPP: types that do not go together;
 * -E2BIG: the scratchpad is too small.
 */
static inline int sdo_argmax_dim(const struct sdo_argmax *a, const struct sdo_card *card,
				 struct seedchip_dim *dim)
{
	int r = sdo_check_reserved("argmax", a->reserved, sizeof(a->reserved));

	if (r)
		return r;
	if (!sdo_is_narrow_type(a->type))
		return sdo_refuse(-EINVAL, "argmax: type %u", a->type);
	return sdo_scan_grid("argmax", card, a->src_stride, a->rows, a->n, SDO_SCAN_PARTS,
			     SDO_ARGMAX_STATIC, dim);
}

/**
 * sdo_topk_dim() - check the arguments of topk, and compute its grid
 * @a: arguments
 * @card: what it will run on
 * @dim: grid, flags and scratchpad, for seedchip_launch()
 *
 * Return: 0; -EINVAL: a member is out of its range; -EOPNOTSUPP: types that do not go together;
 * -E2BIG: the scratchpad is too small.
 */
static inline int sdo_topk_dim(const struct sdo_topk *a, const struct sdo_card *card,
			       struct seedchip_dim *dim)
{
	uint32_t parts = SDO_SCAN_PARTS;
	int r = sdo_check_reserved("topk", a->reserved, sizeof(a->reserved));

	if (r)
		return r;
	if (!sdo_is_narrow_type(a->type))
		return sdo_refuse(-EINVAL, "topk: type %u", a->type);
	if (a->k < 1 || a->k > SDO_TOPK_MAX || a->k > a->n)
		return sdo_refuse(-EINVAL, "topk: k %u of n %u: from 1 to 1024 and n", a->k, a->n);
	if (SDO_TOPK_LIST / a->k < parts)
		parts = SDO_TOPK_LIST / a->k;
	return sdo_scan_grid("topk", card, a->src_stride, a->rows, a->n, parts, SDO_TOPK_STATIC,
			     dim);
}
#endif

/* ---- embedding_bag ---- */

#define SDO_BAG_COLUMNS 4096   /* elements of a row that a workgroup has, at most */
#define SDO_BAG_STATIC	151552 /* bytes of static scratchpad */

/**
 * enum sdo_bag - what becomes of the rows of a bag
 * @SDO_BAG_SUM: their sum
 * @SDO_BAG_MEAN: their sum, divided by their number
 * @SDO_BAG_MAX: the largest element of each column
 */
enum sdo_bag { SDO_BAG_SUM, SDO_BAG_MEAN, SDO_BAG_MAX };

/**
 * struct sdo_embedding_bag - reduce rows of a table, bag by bag
 * @table: @rows rows of @n elements of @type
 * @table_stride: bytes from row to row, below 2^32
 * @index: @count row numbers of @index_size bytes, each below @rows
 * @offset: where each of the @bags bags begins in @index, in numbers of
 *	    @index_size bytes; ascending; a bag ends where the next one begins, the
 *	    last one at @count
 * @weight: f32 factor of each of the @count rows; 0: none
 * @scale: f32 factor of each row of the table; 0: none
 * @scale_stride: bytes from factor to factor of @scale, below 2^32
 * @dst: @bags rows of @n elements of @dst_type
 * @dst_stride: bytes from row to row, below 2^32
 * @rows: rows of the table; 0 only without numbers
 * @count: row numbers, of all bags; may be 0
 * @bags: bags; 0 does nothing
 * @n: elements of a row; 0 does nothing
 * @type: I8, F16, BF16, E4M3, E5M2 or F32
 * @dst_type: F16, BF16 or F32
 * @index_size: 4 or 8
 * @mode: enum sdo_bag
 * @reserved: 0
 *
 * With f = weight x scale (f32; 1 where there is none): SUM starts from +0 and
 * adds fma(f, element, sum) in the order of the list; MEAN is SUM / the number of
 * rows; MAX is the largest f x element, NaNs left out unless there are only NaNs.
 * A bag without rows gives zeros. Row numbers out of range stop the queue as in
 * get_rows, offsets that are not ascending or beyond @count with BREAKPOINT.
 */
struct sdo_embedding_bag {
	uint64_t table;
	uint64_t table_stride;
	uint64_t index;
	uint64_t offset;
	uint64_t weight;
	uint64_t scale;
	uint64_t scale_stride;
	uint64_t dst;
	uint64_t dst_stride;
	uint32_t rows;
	uint32_t count;
	uint32_t bags;
	uint32_t n;
	uint8_t type;
	uint8_t dst_type;
	uint8_t index_size;
	uint8_t mode;
	uint8_t reserved[4];
};

#ifdef SDO_HOST
/**
 * sdo_embedding_bag_dim() - check the arguments of embedding_bag, and compute its grid
 * @a: arguments
 * @card: what it will run on
 * @dim: grid, flags and scratchpad, for seedchip_launch()
 *
 * Return: 0; -EINVAL: a member is out of its range; -EOPNOTSUPP: types that do not go together;
 * -E2BIG: the scratchpad is too small.
 */
static inline int sdo_embedding_bag_dim(const struct sdo_embedding_bag *a,
					const struct sdo_card *card, struct seedchip_dim *dim)
{
	uint32_t columns = SDO_BAG_COLUMNS, y;
	int r = sdo_check_index("embedding_bag", a->index_size);

	if (!sdo_is_narrow_type(a->type) || (a->dst_type != SDO_F16 && a->dst_type != SDO_BF16 &&
					     a->dst_type != SDO_F32))
		return sdo_refuse(-EINVAL, "embedding_bag: type %u, dst_type %u", a->type,
				  a->dst_type);
	if (a->mode > SDO_BAG_MAX)
		return sdo_refuse(-EINVAL, "embedding_bag: mode %u", a->mode);
	while (columns > 64 && (uint64_t)a->bags * (a->n / columns) < card->cores)
		columns /= 2;
	y = a->n / columns + (a->n % columns != 0);
	if (y > 65535)
		return sdo_refuse(-EINVAL, "embedding_bag: n %u: at most 65535 x %u", a->n,
				  columns);
	if (!r)
		r = sdo_check_reserved("embedding_bag", a->reserved, sizeof(a->reserved));
	if (!r)
		r = sdo_check_stride("embedding_bag", "table_stride", a->table_stride);
	if (!r)
		r = sdo_check_stride("embedding_bag", "dst_stride", a->dst_stride);
	if (!r)
		r = sdo_check_stride("embedding_bag", "scale_stride", a->scale_stride);
	return r ? r : sdo_grid("embedding_bag", card, sdo_spread(card, a->bags), y,
				5 * SDO_ROWS_PIECE * 4, SDO_BAG_STATIC, dim);
}
#endif

#ifdef __cplusplus
}
#endif

#endif /* SEEDCHIP_OPS_DATA_H */
