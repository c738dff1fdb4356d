// SPDX-License-Identifier: MIT
/*
 * Tiles with AVX2, FMA and F16C.
 *
 * As in matrix_avx512.c operands are decoded into 32-bit lanes, here an f32 or
 * two 16-bit integers of successive k, whose products and their sum are exact
 * in 32 bits. Six rows by 16 columns of sums stay in registers over a block, four
 * of fp8, whose steps need more of them: as many as keep both multipliers busy.
 * Vectors are masked at the last columns only: some processors store those slowly.
 */
#ifdef __x86_64__
#include <cpuid.h>
#include <immintrin.h>

#include "format.h"
#include "matrix_path.h"

#define TARGET __attribute__((target("avx2,fma,f16c")))
#define INLINE TARGET static inline __attribute__((always_inline))

#define DIM   SC_ACC_DIM
#define LANES 8
#define ROWS  6 /* rows of sums in registers */
#define COLS  2 /* vectors of them */

INLINE __m256i load(const uint32_t *p)
{
	return _mm256_load_si256((const __m256i *)p);
}

INLINE void store(uint32_t *p, __m256i v)
{
	_mm256_store_si256((__m256i *)p, v);
}

/* The bits of an f32, or of anything, in every lane */
INLINE __m256 broadcast(uint32_t lane)
{
	return _mm256_castsi256_ps(_mm256_set1_epi32((int)lane));
}

/* All ones in the lanes below @count */
INLINE __m256i lanes(int count)
{
	return _mm256_cmpgt_epi32(_mm256_set1_epi32(count),
				  _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7));
}

/* 8 rows of 8 lanes, from rows @width apart to rows of B */
TARGET static void transpose(const uint32_t *src, unsigned int width, uint32_t *dst)
{
	__m256i t[LANES];
	unsigned int i;

#pragma GCC unroll 2
	for (i = 0; i < 2; i++) {
		const uint32_t *p = src + 4 * i * width;
		__m256i r0 = load(p), r1 = load(p + width);
		__m256i r2 = load(p + 2 * width), r3 = load(p + 3 * width);
		__m256i a = _mm256_unpacklo_epi32(r0, r1), b = _mm256_unpackhi_epi32(r0, r1);
		__m256i c = _mm256_unpacklo_epi32(r2, r3), d = _mm256_unpackhi_epi32(r2, r3);

		t[4 * i] = _mm256_unpacklo_epi64(a, c);
		t[4 * i + 1] = _mm256_unpackhi_epi64(a, c);
		t[4 * i + 2] = _mm256_unpacklo_epi64(b, d);
		t[4 * i + 3] = _mm256_unpackhi_epi64(b, d);
	}
	/* t[4 i + c] has in its half h columns 4 h + c of rows 4 i to 4 i + 3 */
#pragma GCC unroll 4
	for (i = 0; i < 4; i++) {
		store(dst + i * DIM, _mm256_permute2x128_si256(t[i], t[4 + i], 0x20));
		store(dst + (4 + i) * DIM, _mm256_permute2x128_si256(t[i], t[4 + i], 0x31));
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
	__m128i codebook;
	const uint8_t *at;
	uint64_t stride;
	bool packed; /* two in a byte: a constant, so that each has its own loops */
};

INLINE struct bytes bytes_of(const struct sc_block *b, const struct sc_operand *op, bool packed)
{
	return (struct bytes){
		.codebook = _mm_loadu_si128((const __m128i *)b->codebook),
		.at = op->at,
		.stride = op->stride,
		.packed = packed,
	};
}

/* 16 bytes from where they are in the scratchpad, or from a copy of the last of a row */
INLINE __m128i decode_bytes(struct bytes s, const uint8_t *p)
{
	__m128i w;

	if (!s.packed)
		return _mm_loadu_si128((const __m128i *)p);
	w = _mm_cvtepu8_epi16(_mm_loadl_epi64((const __m128i *)p));
	w = _mm_or_si128(_mm_and_si128(w, _mm_set1_epi16(0xf)),
			 _mm_and_si128(_mm_slli_epi16(w, 4), _mm_set1_epi16(0xf00)));
	return _mm_shuffle_epi8(s.codebook, w);
}

/* 16 bytes of a row from element @c on, of which @left, less than 16, are there: else zeros */
INLINE __m128i last_bytes(struct bytes s, const uint8_t *p, int left)
{
	const __m128i index = _mm_setr_epi8(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15);
	uint8_t tail[16] = { 0 };

	memcpy(tail, p, s.packed ? (left + 1) / 2 : left);
	return _mm_and_si128(decode_bytes(s, tail), _mm_cmpgt_epi8(_mm_set1_epi8(left), index));
}

/* Rows with k along them, @rows from @first on. */
INLINE void widen_rows(struct bytes s, unsigned int first, unsigned int rows, int k, uint32_t *dst)
{
	unsigned int r, per = s.packed ? 8 : 16;
	int c;

	for (r = 0; r < rows; r++) {
		const uint8_t *p = s.at + (first + r) * s.stride;

#pragma GCC unroll 4
		for (c = 0; c + 16 <= k; c += 16, p += per, dst += LANES)
			store(dst, _mm256_cvtepi8_epi16(decode_bytes(s, p)));
		if (c == k)
			continue;
		store(dst, _mm256_cvtepi8_epi16(last_bytes(s, p, k - c)));
		dst += LANES;
	}
}

/* Two rows of 16 bytes become one of 16 lanes. */
INLINE void interleave(__m128i r0, __m128i r1, uint32_t *dst)
{
	store(dst, _mm256_cvtepi8_epi16(_mm_unpacklo_epi8(r0, r1)));
	store(dst + LANES, _mm256_cvtepi8_epi16(_mm_unpackhi_epi8(r0, r1)));
}

/* Two rows of k at a time become one row of lanes; beyond the last there are zeros. */
INLINE void interleave_rows(struct bytes s, int count, unsigned int rows, uint32_t *dst)
{
	unsigned int k, per = s.packed ? 8 : 16;
	__m128i none = _mm_setzero_si128();
	int c;

	for (k = 0; k < rows; k += 2, dst += DIM) {
		const uint8_t *p = s.at + k * s.stride, *q = p + s.stride;
		bool pair = k + 1 < rows;

#pragma GCC unroll 2
		for (c = 0; c + 16 <= count; c += 16, p += per, q += per)
			interleave(decode_bytes(s, p), pair ? decode_bytes(s, q) : none, dst + c);
		if (c < count)
			interleave(last_bytes(s, p, count - c),
				   pair ? last_bytes(s, q, count - c) : none, dst + c);
	}
}

/* Lanes of a row with k along it */
INLINE unsigned int width_of(const struct sc_block *b, enum sc_matrix_kind kind)
{
	unsigned int steps = kind == SC_MATRIX_INT ? (b->k + 1) / 2 : b->k;

	return (steps + LANES - 1) / LANES * LANES;
}

TARGET static void widen(const struct sc_block *b, const struct sc_operand *op, unsigned int first,
			 unsigned int rows, uint32_t *dst)
{
	if (op->fmt == SC_FMT_I4)
		widen_rows(bytes_of(b, op, true), first, rows, b->k, dst);
	else
		widen_rows(bytes_of(b, op, false), first, rows, b->k, dst);
}

TARGET static void pack_int(struct sc_scratch *x, const struct sc_block *b)
{
	if (!b->a.along)
		interleave_rows(bytes_of(b, &b->a, false), b->m, b->k, x->a);
	if (b->b.along) {
		widen(b, &b->b, 0, b->n, x->rows);
		transpose_rows(x, b, width_of(b, SC_MATRIX_INT));
	} else if (b->b.fmt == SC_FMT_I4) {
		interleave_rows(bytes_of(b, &b->b, true), b->n, b->k, x->b);
	} else {
		interleave_rows(bytes_of(b, &b->b, false), b->n, b->k, x->b);
	}
}

/* Eight elements as f32 */
INLINE __m256 load_floats(const uint8_t *p, unsigned int fmt)
{
	__m128i w, low;
	__m256 f;

	switch (fmt) {
	case SC_FMT_F32:
		return _mm256_castsi256_ps(_mm256_loadu_si256((const __m256i *)p));
	case SC_FMT_BF16:
		w = _mm_loadu_si128((const __m128i *)p);
		return _mm256_castsi256_ps(_mm256_slli_epi32(_mm256_cvtepu16_epi32(w), 16));
	case SC_FMT_F16:
		return _mm256_cvtph_ps(_mm_loadu_si128((const __m128i *)p));
	case SC_FMT_E5M2:
		w = _mm_cvtepu8_epi16(_mm_loadl_epi64((const __m128i *)p));
		return _mm256_cvtph_ps(_mm_slli_epi16(w, 8));
	default:
		/* e4m3: the bits of an f16 that is 2^8 times as small, but for the NaN */
		w = _mm_cvtepu8_epi16(_mm_loadl_epi64((const __m128i *)p));
		low = _mm_and_si128(w, _mm_set1_epi16(0x7f));
		w = _mm_slli_epi16(_mm_add_epi16(w, _mm_xor_si128(w, low)), 7);
		f = _mm256_mul_ps(_mm256_cvtph_ps(w), _mm256_set1_ps(256));
		low = _mm_cmpeq_epi16(low, _mm_set1_epi16(0x7f));
		/* all ones are a NaN */
		return _mm256_or_ps(f, _mm256_castsi256_ps(_mm256_cvtepi16_epi32(low)));
	}
}

INLINE void decode_fmt(const struct sc_operand *op, unsigned int first, unsigned int rows,
		       int count, uint32_t *dst, unsigned int width, unsigned int fmt,
		       unsigned int size)
{
	const uint8_t *row = op->at + first * op->stride;
	uint64_t stride = op->stride;
	unsigned int r;
	int c;

	for (r = 0; r < rows; r++, row += stride, dst += width) {
#pragma GCC unroll 4
		for (c = 0; c + LANES <= count; c += LANES)
			store(dst + c, _mm256_castps_si256(load_floats(row + size * c, fmt)));
		if (c < count) {
			uint8_t tail[32] = { 0 };

			memcpy(tail, row + size * c, size * (count - c));
			store(dst + c, _mm256_castps_si256(load_floats(tail, fmt)));
		}
	}
}

/* @rows rows from @first on, of @count elements */
TARGET static void decode_rows(const struct sc_operand *op, unsigned int first, unsigned int rows,
			       unsigned int count, uint32_t *dst, unsigned int width)
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
	unsigned int width = width_of(b, SC_MATRIX_FMA);

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

/* A with k along rows is decoded when they are used: it stays in the nearest cache then. */
INLINE void pack_rows(struct sc_scratch *x, const struct sc_block *b, unsigned int i,
		      unsigned int rows, enum sc_matrix_kind kind)
{
	if (rows > b->m - i)
		rows = b->m - i;
	if (kind == SC_MATRIX_INT)
		widen(b, &b->a, i, rows, x->a);
	else
		decode_rows(&b->a, i, rows, b->k, x->a, width_of(b, kind));
}

/* @keep of a vector, or all of it if @whole */
INLINE __m256 load_sums(const float *from, bool whole, __m256i keep)
{
	return whole ? _mm256_load_ps(from) : _mm256_maskload_ps(from, keep);
}

INLINE __m256 canonical(__m256 f)
{
	return _mm256_blendv_ps(f, broadcast(SC_NAN_F32), _mm256_cmp_ps(f, f, _CMP_UNORD_Q));
}

/* Fold sums of a group into the accumulator's. */
INLINE __m256 fold(__m256 sum, float scale_a, const float *scale_b, __m256 old,
		   enum sc_matrix_kind kind)
{
	__m256 scale = _mm256_mul_ps(_mm256_set1_ps(scale_a), _mm256_loadu_ps(scale_b));

	if (kind == SC_MATRIX_INT)
		sum = _mm256_cvtepi32_ps(_mm256_castps_si256(sum));
	return canonical(_mm256_fmadd_ps(sum, scale, old));
}

/* Add what integers did not start from. */
INLINE __m256 late(__m256 sum, __m256 old)
{
	__m256i both = _mm256_add_epi32(_mm256_castps_si256(sum), _mm256_castps_si256(old));

	return _mm256_castsi256_ps(both);
}

/*
 * Sums of rows from @i on and columns from @j on, to the accumulator or to be folded into it.
 * Inlined for each case of @whole: a vector that is stored could be any of b's fields.
 */
INLINE void put_rows(const struct sc_block *b, unsigned int i, unsigned int j, unsigned int rows,
		     bool whole, const __m256i *keep, enum sc_matrix_kind kind,
		     __m256 (*sum)[COLS])
{
	unsigned int r, v, left = b->m - i;
	const union sc_acc *from = b->from;
	union sc_acc *to = b->to;
	bool folds = b->fold;

#pragma GCC unroll 6
	for (r = 0; r < rows; r++) {
		if (r == left)
			break;
#pragma GCC unroll 2
		for (v = 0; v < COLS; v++) {
			unsigned int c = j + v * LANES;
			float *at = to->f[i + r] + c;
			__m256 s = sum[r][v];

			if (kind == SC_MATRIX_INT && from)
				s = late(s, load_sums(from->f[i + r] + c, whole, keep[v]));
			if (folds)
				s = fold(s, b->scale_a[i + r], b->scale_b + c,
					 load_sums(at, whole, keep[v]), kind);
			else if (kind != SC_MATRIX_INT)
				s = canonical(s);
			if (whole)
				_mm256_store_ps(at, s);
			else
				_mm256_maskstore_ps(at, keep[v], s);
		}
	}
}

/* One step of k (int and pairs: two) of one vector of sums. */
INLINE __m256 step(__m256 sum, const __m256 *a, const __m256 *b, enum sc_matrix_kind kind)
{
	__m256i two;

	if (kind == SC_MATRIX_INT) {
		two = _mm256_madd_epi16(_mm256_castps_si256(a[0]), _mm256_castps_si256(b[0]));
		return _mm256_castsi256_ps(_mm256_add_epi32(_mm256_castps_si256(sum), two));
	}
	if (kind == SC_MATRIX_FMA)
		return _mm256_fmadd_ps(a[0], b[0], sum);
	return _mm256_add_ps(sum, _mm256_fmadd_ps(a[1], b[1], _mm256_mul_ps(a[0], b[0])));
}

/* @rows rows from @i on, by 16 columns from @j on; @rows and @kind are constants. */
INLINE void multiply_rows(const struct sc_scratch *x, const struct sc_block *b, unsigned int i,
			  unsigned int j, unsigned int rows, enum sc_matrix_kind kind)
{
	const unsigned int wide = kind == SC_MATRIX_PAIR ? 2 : 1;
	unsigned int steps = kind == SC_MATRIX_FMA ? b->k : (b->k + 1) / 2;
	unsigned int a_row = b->a.along ? width_of(b, kind) : 1, a_step = b->a.along ? 1 : DIM;
	const uint32_t *a = x->a + (b->a.along ? 0 : i), *bp = x->b + j;
	bool whole = b->n - j >= COLS * LANES;
	unsigned int s, r, v, w;
	__m256 sum[ROWS][COLS];
	__m256i keep[COLS];

#pragma GCC unroll 2
	for (v = 0; v < COLS; v++)
		keep[v] = lanes((int)b->n - (int)(j + v * LANES));
#pragma GCC unroll 6
	for (r = 0; r < rows; r++) {
#pragma GCC unroll 2
		for (v = 0; v < COLS; v++)
			sum[r][v] = kind == SC_MATRIX_INT || !b->from ?
					    _mm256_setzero_ps() :
					    load_sums(b->from->f[i + r] + j + v * LANES, whole,
						      keep[v]);
	}
	for (s = 0; s < steps; s++, a += wide * a_step, bp += wide * DIM) {
		__m256 bv[COLS][2];

#pragma GCC unroll 2
		for (v = 0; v < COLS; v++) {
#pragma GCC unroll 2
			for (w = 0; w < wide; w++)
				bv[v][w] = _mm256_castsi256_ps(load(bp + w * DIM + v * LANES));
		}
#pragma GCC unroll 6
		for (r = 0; r < rows; r++) {
			__m256 av[2];

#pragma GCC unroll 2
			for (w = 0; w < wide; w++)
				av[w] = broadcast(a[r * a_row + w * a_step]);
#pragma GCC unroll 2
			for (v = 0; v < COLS; v++)
				sum[r][v] = step(sum[r][v], av, bv[v], kind);
		}
	}
#pragma GCC unroll 6
	for (r = 0; r < rows; r++) {
#pragma GCC unroll 2
		for (v = 0; v < COLS; v++) /* or GCC copies them in the loop, and spills */
			__asm__("" : "+x"(sum[r][v]));
	}
	if (whole)
		put_rows(b, i, j, rows, true, keep, kind, sum);
	else
		put_rows(b, i, j, rows, false, keep, kind, sum);
}

INLINE void multiply(struct sc_scratch *x, const struct sc_block *b, enum sc_matrix_kind kind)
{
	const unsigned int most = kind == SC_MATRIX_PAIR ? 4 : ROWS;
	unsigned int i, j, left;

	for (i = 0; i < b->m; i += most) {
		if (b->a.along)
			pack_rows(x, b, i, most, kind);
		left = b->m - i;
		for (j = 0; j < b->n; j += COLS * LANES) {
			if (left > 4)
				multiply_rows(x, b, i, j, most, kind);
			else if (left > 1)
				multiply_rows(x, b, i, j, 4, kind);
			else
				multiply_rows(x, b, i, j, 1, kind);
		}
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
	unsigned int a, b, c, d;

	/* not every compiler has a name for F16C */
	return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") &&
	       __get_cpuid(1, &a, &b, &c, &d) && (c & bit_F16C);
}

const struct sc_matrix_path sc_matrix_avx2 = {
	.name = "avx2",
	.usable = usable,
	.block_k = { 2 * SC_BLOCK_K, SC_BLOCK_K, SC_BLOCK_K },
	.multiply = { multiply_int, multiply_fma, multiply_pair },
};
#endif
