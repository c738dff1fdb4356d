// SPDX-License-Identifier: MIT
/*
 * Tiles with AVX-512 and its dot product of bytes (VNNI).
 *
 * Both operands are decoded into 32-bit lanes: an f32, or four bytes of
 * successive k. B lies as rows of 64 lanes, one row per step of k; a lane of A
 * meets a row of B. Four rows by 64 columns of sums stay in registers over a
 * block, so that sums of floats see k in ascending order. The dot product
 * wants one side unsigned: that is A + 128, and 128 times the sum of each
 * column of B is taken off again.
 */
#ifdef __x86_64__
#include <immintrin.h>

#include "format.h"
#include "matrix_path.h"

#define TARGET __attribute__((target("avx512f,avx512bw,avx512vl,avx512dq,avx512vnni,bmi2")))
#define INLINE TARGET static inline __attribute__((always_inline))

#define DIM   SC_ACC_DIM
#define LANES 16
#define ROWS  4 /* rows of sums in registers */
#define COLS  4 /* vectors of them */

/* The low @count bits, at most 16 or 64; @count below 256 */
INLINE __mmask16 lanes(unsigned int count)
{
	return _bzhi_u32(0xffff, count);
}

INLINE __mmask64 bytes(unsigned int count)
{
	return _bzhi_u64(~0ull, count);
}

/* The bits of an f32, or of anything, in every lane */
INLINE __m512 broadcast(uint32_t lane)
{
	return _mm512_castsi512_ps(_mm512_set1_epi32((int)lane));
}

/* 16 rows of 16 lanes, from rows @width apart to rows of B */
TARGET static void transpose(const uint32_t *src, unsigned int width, uint32_t *dst)
{
	__m512i t[LANES];
	unsigned int i;

#pragma GCC unroll 4
	for (i = 0; i < 4; i++) {
		__m512i r0 = _mm512_load_si512(src + (4 * i) * width);
		__m512i r1 = _mm512_load_si512(src + (4 * i + 1) * width);
		__m512i r2 = _mm512_load_si512(src + (4 * i + 2) * width);
		__m512i r3 = _mm512_load_si512(src + (4 * i + 3) * width);
		__m512i a = _mm512_unpacklo_epi32(r0, r1), b = _mm512_unpackhi_epi32(r0, r1);
		__m512i c = _mm512_unpacklo_epi32(r2, r3), d = _mm512_unpackhi_epi32(r2, r3);

		t[4 * i] = _mm512_unpacklo_epi64(a, c);
		t[4 * i + 1] = _mm512_unpackhi_epi64(a, c);
		t[4 * i + 2] = _mm512_unpacklo_epi64(b, d);
		t[4 * i + 3] = _mm512_unpackhi_epi64(b, d);
	}
	/* t[4 i + c] has in its quarter q columns 4 q + c of rows 4 i to 4 i + 3 */
#pragma GCC unroll 4
	for (i = 0; i < 4; i++) {
		__m512i p = _mm512_shuffle_i32x4(t[i], t[4 + i], 0x44);
		__m512i q = _mm512_shuffle_i32x4(t[i], t[4 + i], 0xee);
		__m512i r = _mm512_shuffle_i32x4(t[8 + i], t[12 + i], 0x44);
		__m512i s = _mm512_shuffle_i32x4(t[8 + i], t[12 + i], 0xee);

		_mm512_store_si512(dst + i * DIM, _mm512_shuffle_i32x4(p, r, 0x88));
		_mm512_store_si512(dst + (4 + i) * DIM, _mm512_shuffle_i32x4(p, r, 0xdd));
		_mm512_store_si512(dst + (8 + i) * DIM, _mm512_shuffle_i32x4(q, s, 0x88));
		_mm512_store_si512(dst + (12 + i) * DIM, _mm512_shuffle_i32x4(q, s, 0xdd));
	}
}

/* Rows of @width lanes, one per column of B, to rows of B. */
TARGET static void transpose_rows(struct sc_scratch *x, const struct sc_block *b,
				  unsigned int width)
{
	unsigned int i, j;

	for (j = 0; j < b->n; j += LANES) {
		for (i = 0; i < width; i += LANES)
			transpose(x->rows + j * width + i, width, x->b + i * DIM + j);
	}
}

/* What the loops over bytes must know; in registers, as stores may not change it. */
struct bytes {
	__m512i codebook, flip; /* @flip is added to each byte */
	const uint8_t *at;
	uint64_t stride;
	bool packed; /* two in a byte */
};

INLINE struct bytes bytes_of(const struct sc_block *b, const struct sc_operand *op, int flip)
{
	return (struct bytes){
		.codebook = _mm512_broadcast_i32x4(_mm_loadu_si128((const void *)b->codebook)),
		.flip = _mm512_set1_epi8(flip),
		.at = op->at,
		.stride = op->stride,
		.packed = op->fmt == SC_FMT_I4,
	};
}

/* @left of up to 64 bytes of a row from element @c on, the others zeros */
INLINE __m512i load_bytes(struct bytes s, unsigned int row, unsigned int c, unsigned int left)
{
	const uint8_t *p = s.at + row * s.stride;
	__mmask32 half;
	__m512i w;

	if (!s.packed)
		return _mm512_xor_si512(_mm512_maskz_loadu_epi8(bytes(left), p + c), s.flip);
	half = bytes((left + 1) / 2);
	w = _mm512_cvtepu8_epi16(_mm256_maskz_loadu_epi8(half, p + c / 2));
	w = _mm512_or_si512(_mm512_and_si512(w, _mm512_set1_epi16(0xf)),
			    _mm512_and_si512(_mm512_slli_epi16(w, 4), _mm512_set1_epi16(0xf00)));
	return _mm512_maskz_shuffle_epi8(bytes(left), s.codebook, w);
}

/* Rows with k along them. */
INLINE void copy_rows(struct bytes s, unsigned int rows, unsigned int k, uint32_t *dst)
{
	unsigned int width = (k + 63) / 64 * LANES, r, c;

	for (c = 0; c < k; c += 64) {
		unsigned int left = k - c < 64 ? k - c : 64;

		for (r = 0; r < rows; r++)
			_mm512_store_si512(dst + r * width + c / 4, load_bytes(s, r, c, left));
	}
}

/* 128 times the sum of each column of B, by one row of lanes more. */
INLINE void add_offsets(__m512i *off, const __m512i *row)
{
	const __m512i by = _mm512_set1_epi8(-128);
	unsigned int v;

#pragma GCC unroll 4
	for (v = 0; v < COLS; v++)
		off[v] = _mm512_dpbusd_epi32(off[v], by, row[v]);
}

/* Four rows of k at a time become one row of lanes; @off: of B only, see add_offsets(). */
INLINE void interleave_rows(struct bytes s, unsigned int count, unsigned int rows, uint32_t *dst,
			    __m512i *off)
{
	/* four columns that are to be quarter q of vector i go to place i of quarter q */
	const __m512i spread =
		_mm512_setr_epi32(0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15);
	__m512i r[4], w[4];
	unsigned int k, i;

	for (k = 0; k < rows; k += 4, dst += DIM) {
#pragma GCC unroll 4
		for (i = 0; i < 4; i++) {
			r[i] = _mm512_setzero_si512();
			if (k + i < rows)
				r[i] = load_bytes(s, k + i, 0, count);
			r[i] = _mm512_permutexvar_epi32(spread, r[i]);
		}
		w[0] = _mm512_unpacklo_epi8(r[0], r[1]);
		w[1] = _mm512_unpackhi_epi8(r[0], r[1]);
		w[2] = _mm512_unpacklo_epi8(r[2], r[3]);
		w[3] = _mm512_unpackhi_epi8(r[2], r[3]);
		r[0] = _mm512_unpacklo_epi16(w[0], w[2]);
		r[1] = _mm512_unpackhi_epi16(w[0], w[2]);
		r[2] = _mm512_unpacklo_epi16(w[1], w[3]);
		r[3] = _mm512_unpackhi_epi16(w[1], w[3]);
		if (off)
			add_offsets(off, r);
#pragma GCC unroll 4
		for (i = 0; i < 4; i++)
			_mm512_store_si512(dst + i * LANES, r[i]);
	}
}

/* Rows of k that are missing at the end of B are zeros: what A has there does not matter. */
TARGET static void pack_int(struct sc_scratch *x, const struct sc_block *b)
{
	__m512i off[COLS] = { 0 }, row[COLS];
	unsigned int s, v;

	if (b->a.along)
		copy_rows(bytes_of(b, &b->a, -128), b->m, b->k, x->a);
	else
		interleave_rows(bytes_of(b, &b->a, -128), b->m, b->k, x->a, NULL);
	if (b->b.along) {
		copy_rows(bytes_of(b, &b->b, 0), b->n, b->k, x->rows);
		transpose_rows(x, b, (b->k + 63) / 64 * LANES);
		for (s = 0; s < (b->k + 3) / 4; s++) {
#pragma GCC unroll 4
			for (v = 0; v < COLS; v++)
				row[v] = _mm512_load_si512(x->b + s * DIM + v * LANES);
			add_offsets(off, row);
		}
	} else {
		interleave_rows(bytes_of(b, &b->b, 0), b->n, b->k, x->b, off);
	}
	for (v = 0; v < COLS; v++)
		_mm512_store_si512(x->offset + v * LANES,
				   _mm512_sub_epi32(_mm512_setzero_si512(), off[v]));
}

/* 16 elements as f32, zeros where @keep says so */
INLINE __m512 load_floats(const uint8_t *p, __mmask16 keep, unsigned int fmt)
{
	__m256i w, low;
	__mmask16 nan;
	__m512 f;

	switch (fmt) {
	case SC_FMT_F32:
		return _mm512_maskz_loadu_ps(keep, p);
	case SC_FMT_BF16:
		w = _mm256_maskz_loadu_epi16(keep, p);
		return _mm512_castsi512_ps(_mm512_slli_epi32(_mm512_cvtepu16_epi32(w), 16));
	case SC_FMT_F16:
		return _mm512_cvtph_ps(_mm256_maskz_loadu_epi16(keep, p));
	case SC_FMT_E5M2:
		w = _mm256_cvtepu8_epi16(_mm_maskz_loadu_epi8(keep, p));
		return _mm512_cvtph_ps(_mm256_slli_epi16(w, 8));
	default:
		/* e4m3: the bits of an f16 that is 2^8 times as small, but for the NaN */
		w = _mm256_cvtepu8_epi16(_mm_maskz_loadu_epi8(keep, p));
		low = _mm256_and_si256(w, _mm256_set1_epi16(0x7f));
		w = _mm256_slli_epi16(_mm256_add_epi16(w, _mm256_xor_si256(w, low)), 7);
		f = _mm512_mul_ps(_mm512_cvtph_ps(w), _mm512_set1_ps(256));
		nan = _mm256_cmpeq_epi16_mask(low, _mm256_set1_epi16(0x7f));
		return _mm512_mask_mov_ps(f, nan, broadcast(SC_NAN_F32));
	}
}

INLINE void decode_fmt(const struct sc_operand *op, unsigned int first, unsigned int rows,
		       int count, uint32_t *dst, unsigned int width, unsigned int fmt,
		       unsigned int size)
{
	unsigned int r;
	int c;

	for (r = 0; r < rows; r++) {
		const uint8_t *row = op->at + (first + r) * op->stride;

		for (c = 0; c + LANES <= count; c += LANES)
			_mm512_store_ps(dst + r * width + c,
					load_floats(row + size * c, 0xffff, fmt));
		if (c < count)
			_mm512_store_ps(dst + r * width + c,
					load_floats(row + size * c, lanes(count - c), fmt));
	}
}

/* @rows rows from @first on, of @count elements */
TARGET static void decode_rows(const struct sc_operand *op, unsigned int first, unsigned int rows,
			       int count, uint32_t *dst, unsigned int width)
{
	switch (op->fmt) {
	case SC_FMT_F16:
		decode_fmt(op, first, rows, count, dst, width, SC_FMT_F16, 2);
		break;
	case SC_FMT_BF16:
		decode_fmt(op, first, rows, count, dst, width, SC_FMT_BF16, 2);
		break;
	case SC_FMT_E4M3:
		decode_fmt(op, first, rows, count, dst, width, SC_FMT_E4M3, 1);
		break;
	case SC_FMT_E5M2:
		decode_fmt(op, first, rows, count, dst, width, SC_FMT_E5M2, 1);
		break;
	default:
		decode_fmt(op, first, rows, count, dst, width, SC_FMT_F32, 4);
	}
}

/* One row of k more than there are is +0, for pairs. */
TARGET static void pack_float(struct sc_scratch *x, const struct sc_block *b)
{
	unsigned int width = (b->k + LANES - 1) / LANES * LANES;

	if (!b->a.along) {
		decode_rows(&b->a, 0, b->k, b->m, x->a, DIM);
		if (b->k % 2)
			memset(x->a + b->k * DIM, 0, DIM * 4);
	}
	if (b->b.along) {
		decode_rows(&b->b, 0, b->n, b->k, x->rows, width);
		transpose_rows(x, b, width);
	} else {
		decode_rows(&b->b, 0, b->k, b->n, x->b, DIM);
		if (b->k % 2)
			memset(x->b + b->k * DIM, 0, DIM * 4);
	}
}

/*
 * Floats of A with k along them are decoded for a few rows at a time, and still in the nearest
 * cache when they are used; bytes are so few that this would only be waited for.
 */
INLINE bool late_a(const struct sc_block *b, enum sc_matrix_kind kind)
{
	return kind != SC_MATRIX_INT && b->a.along;
}

/*
 * What a vector of sums starts from. The order in which integers are added does not matter: theirs
 * begin without what is in the accumulator, so that nothing waits for it.
 */
INLINE __m512 get(const struct sc_scratch *x, const union sc_acc *from, unsigned int row,
		  unsigned int v, __mmask16 keep, enum sc_matrix_kind kind)
{
	if (kind == SC_MATRIX_INT)
		return _mm512_load_ps(x->offset + v * LANES);
	if (!from)
		return _mm512_setzero_ps();
	return _mm512_maskz_loadu_ps(keep, from->f[row] + v * LANES);
}

/* Add what integers did not start from. */
INLINE __m512 late(const union sc_acc *from, unsigned int row, unsigned int v, __mmask16 keep,
		   __m512 sum)
{
	__m512i old = _mm512_maskz_loadu_epi32(keep, from->i[row] + v * LANES);

	return _mm512_castsi512_ps(_mm512_add_epi32(_mm512_castps_si512(sum), old));
}

INLINE __m512 canonical(__m512 f)
{
	return _mm512_mask_mov_ps(f, _mm512_cmp_ps_mask(f, f, _CMP_UNORD_Q),
				  broadcast(SC_NAN_F32));
}

/* Fold sums of a group into the accumulator. */
INLINE void fold(const struct sc_block *b, unsigned int row, unsigned int v, __mmask16 keep,
		 enum sc_matrix_kind kind, __m512 sum)
{
	float *to = b->to->f[row] + v * LANES;
	__m512 scale = _mm512_mul_ps(_mm512_set1_ps(b->scale_a[row]),
				     _mm512_loadu_ps(b->scale_b + v * LANES));

	if (kind == SC_MATRIX_INT)
		sum = _mm512_cvtepi32_ps(_mm512_castps_si512(sum));
	sum = _mm512_fmadd_ps(sum, scale, _mm512_maskz_loadu_ps(keep, to));
	_mm512_mask_storeu_ps(to, keep, canonical(sum));
}

INLINE void put(union sc_acc *to, unsigned int row, unsigned int v, __mmask16 keep,
		enum sc_matrix_kind kind, __m512 sum)
{
	if (kind != SC_MATRIX_INT)
		sum = canonical(sum);
	_mm512_mask_storeu_ps(to->f[row] + v * LANES, keep, sum);
}

/* One step of k (int: four, pairs: two) of one vector of sums. */
INLINE __m512 step(__m512 sum, const __m512 *a, const __m512 *b, enum sc_matrix_kind kind)
{
	if (kind == SC_MATRIX_INT)
		return _mm512_castsi512_ps(_mm512_dpbusd_epi32(_mm512_castps_si512(sum),
							       _mm512_castps_si512(a[0]),
							       _mm512_castps_si512(b[0])));
	if (kind == SC_MATRIX_FMA)
		return _mm512_fmadd_ps(a[0], b[0], sum);
	return _mm512_add_ps(sum, _mm512_fmadd_ps(a[1], b[1], _mm512_mul_ps(a[0], b[0])));
}

/* Sums of rows from @i on, to the accumulator or to be folded into it. */
INLINE void put_rows(const struct sc_block *b, unsigned int i, unsigned int rows, unsigned int cols,
		     const __mmask16 *keep, enum sc_matrix_kind kind, __m512 (*sum)[COLS])
{
	const union sc_acc *from = b->from;
	union sc_acc *to = b->to;
	unsigned int r, v, left = b->m - i;
	bool folds = b->fold;

#pragma GCC unroll 4
	for (r = 0; r < rows; r++) {
		if (r == left)
			break;
#pragma GCC unroll 4
		for (v = 0; v < cols; v++) {
			if (kind == SC_MATRIX_INT && from)
				sum[r][v] = late(from, i + r, v, keep[v], sum[r][v]);
			if (folds)
				fold(b, i + r, v, keep[v], kind, sum[r][v]);
			else
				put(to, i + r, v, keep[v], kind, sum[r][v]);
		}
	}
}

/* @rows rows from @i on, by @cols vectors; both, and @kind, are constants. */
INLINE void multiply_rows(const struct sc_scratch *x, const struct sc_block *b, unsigned int i,
			  unsigned int rows, unsigned int cols, enum sc_matrix_kind kind)
{
	const unsigned int wide = kind == SC_MATRIX_PAIR ? 2 : 1;
	unsigned int per = kind == SC_MATRIX_INT ? 4 : wide, steps = (b->k + per - 1) / per;
	unsigned int width = kind == SC_MATRIX_INT ? (b->k + 63) / 64 * LANES :
						     (b->k + LANES - 1) / LANES * LANES;
	unsigned int a_row = b->a.along ? width : 1, a_step = b->a.along ? 1 : DIM;
	const uint32_t *a = x->a + (late_a(b, kind) ? 0 : i * a_row), *bp = x->b;
	const union sc_acc *from = b->from;
	unsigned int s, r, v, w;
	__mmask16 keep[COLS];
	__m512 sum[ROWS][COLS];

#pragma GCC unroll 4
	for (v = 0; v < cols; v++)
		keep[v] = v + 1 < cols ? 0xffff : lanes(b->n - v * LANES);
#pragma GCC unroll 4
	for (r = 0; r < rows; r++) {
#pragma GCC unroll 4
		for (v = 0; v < cols; v++) /* of the rows that come next */
			__builtin_prefetch(b->to->f[(i + ROWS + r) % DIM] + v * LANES, 1);
#pragma GCC unroll 4
		for (v = 0; v < cols; v++)
			sum[r][v] = get(x, from, i + r, v, keep[v], kind);
	}
	for (s = 0; s < steps; s++, a += wide * a_step, bp += wide * DIM) {
		__m512 bv[COLS][2];

#pragma GCC unroll 4
		for (v = 0; v < cols; v++) {
#pragma GCC unroll 2
			for (w = 0; w < wide; w++)
				bv[v][w] = _mm512_load_ps(bp + w * DIM + v * LANES);
		}
#pragma GCC unroll 4
		for (r = 0; r < rows; r++) {
			__m512 av[2];

#pragma GCC unroll 2
			for (w = 0; w < wide; w++)
				av[w] = broadcast(a[r * a_row + w * a_step]);
#pragma GCC unroll 4
			for (v = 0; v < cols; v++)
				sum[r][v] = step(sum[r][v], av, bv[v], kind);
		}
	}
	put_rows(b, i, rows, cols, keep, kind, sum);
}

INLINE void multiply_cols(struct sc_scratch *x, const struct sc_block *b, unsigned int cols,
			  enum sc_matrix_kind kind)
{
	unsigned int i;

	for (i = 0; i < b->m; i += ROWS) {
		if (late_a(b, kind))
			decode_rows(&b->a, i, b->m - i < ROWS ? b->m - i : ROWS, b->k, x->a,
				    (b->k + LANES - 1) / LANES * LANES);
		if (i + 1 < b->m)
			multiply_rows(x, b, i, ROWS, cols, kind);
		else
			multiply_rows(x, b, i, 1, cols, kind);
	}
}

INLINE void multiply(struct sc_scratch *x, const struct sc_block *b, enum sc_matrix_kind kind)
{
	switch ((b->n + LANES - 1) / LANES) {
	case 1:
		multiply_cols(x, b, 1, kind);
		break;
	case 2:
		multiply_cols(x, b, 2, kind);
		break;
	case 3:
		multiply_cols(x, b, 3, kind);
		break;
	default:
		multiply_cols(x, b, 4, kind);
	}
}

TARGET static void multiply_int(struct sc_scratch *x, const struct sc_block *b)
{
	pack_int(x, b);
	multiply(x, b, SC_MATRIX_INT);
}

TARGET static void multiply_fma(struct sc_scratch *x, const struct sc_block *b)
{
	pack_float(x, b);
	multiply(x, b, SC_MATRIX_FMA);
}

TARGET static void multiply_pair(struct sc_scratch *x, const struct sc_block *b)
{
	pack_float(x, b);
	multiply(x, b, SC_MATRIX_PAIR);
}

static bool usable(void)
{
	return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
	       __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512dq") &&
	       __builtin_cpu_supports("avx512vnni") && __builtin_cpu_supports("bmi2");
}

const struct sc_matrix_path sc_matrix_avx512 = {
	.name = "avx512",
	.usable = usable,
	.block_k = { 2 * SC_BLOCK_K, SC_BLOCK_K, SC_BLOCK_K },
	.multiply = { multiply_int, multiply_fma, multiply_pair },
};
#endif
