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

/* 16 integers of a row from element @c on, zeros beyond @count */
INLINE __m256i load_ints(const struct sc_operand *op, __m128i codebook, unsigned int row,
			 unsigned int c, unsigned int count)
{
	const uint8_t *p = op->at + row * op->stride + (op->fmt == SC_FMT_I8 ? c : c / 2);
	unsigned int left = count - c, len = op->fmt == SC_FMT_I8 ? left : (left + 1) / 2;
	uint8_t tail[16] = { 0 };
	__m256i v, index;
	__m128i w;

	if (left < 16) {
		memcpy(tail, p, len);
		p = tail;
	}
	if (op->fmt == SC_FMT_I8)
		return _mm256_cvtepi8_epi16(_mm_loadu_si128((const __m128i *)p));
	w = _mm_cvtepu8_epi16(_mm_loadl_epi64((const __m128i *)p));
	w = _mm_or_si128(_mm_and_si128(w, _mm_set1_epi16(0xf)),
			 _mm_and_si128(_mm_slli_epi16(w, 4), _mm_set1_epi16(0xf00)));
	v = _mm256_cvtepi8_epi16(_mm_shuffle_epi8(codebook, w));
	if (left >= 16)
		return v;
	index = _mm256_setr_epi16(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15);
	return _mm256_and_si256(v, _mm256_cmpgt_epi16(_mm256_set1_epi16(left), index));
}

INLINE __m128i load_codebook(const struct sc_block *b)
{
	return _mm_loadu_si128((const __m128i *)b->codebook);
}

/* Rows with k along them. */
TARGET static void widen_rows(const struct sc_block *b, const struct sc_operand *op,
			      unsigned int rows, uint32_t *dst, unsigned int width)
{
	__m128i codebook = load_codebook(b);
	unsigned int r, c;

	for (r = 0; r < rows; r++) {
		for (c = 0; c < b->k; c += 16)
			store(dst + r * width + c / 2, load_ints(op, codebook, r, c, b->k));
	}
}

/* Two rows of k at a time become one row of lanes. */
TARGET static void interleave_rows(const struct sc_block *b, const struct sc_operand *op,
				   unsigned int count, uint32_t *dst)
{
	__m128i codebook = load_codebook(b);
	unsigned int k, c;

	for (k = 0; k < b->k; k += 2, dst += DIM) {
		for (c = 0; c < count; c += 16) {
			__m256i r0 = load_ints(op, codebook, k, c, count);
			__m256i r1 = _mm256_setzero_si256(), low, high;

			if (k + 1 < b->k)
				r1 = load_ints(op, codebook, k + 1, c, count);
			low = _mm256_unpacklo_epi16(r0, r1);
			high = _mm256_unpackhi_epi16(r0, r1);
			store(dst + c, _mm256_permute2x128_si256(low, high, 0x20));
			store(dst + c + 8, _mm256_permute2x128_si256(low, high, 0x31));
		}
	}
}

static unsigned int int_width(const struct sc_block *b)
{
	return (b->k + 15) / 16 * 8;
}

static unsigned int float_width(const struct sc_block *b)
{
	return (b->k + LANES - 1) / LANES * LANES;
}

TARGET static void pack_int(struct sc_scratch *x, const struct sc_block *b)
{
	if (b->a.along)
		widen_rows(b, &b->a, b->m, x->a, int_width(b));
	else
		interleave_rows(b, &b->a, b->m, x->a);
	if (b->b.along) {
		widen_rows(b, &b->b, b->n, x->rows, int_width(b));
		transpose_rows(x, b, int_width(b));
	} else {
		interleave_rows(b, &b->b, b->n, x->b);
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

INLINE void decode_fmt(const struct sc_operand *op, unsigned int rows, unsigned int count,
		       uint32_t *dst, unsigned int width, unsigned int fmt, unsigned int size)
{
	unsigned int r, c;

	for (r = 0; r < rows; r++) {
		const uint8_t *row = op->at + r * op->stride;
		uint8_t tail[32] = { 0 };

		for (c = 0; c + LANES <= count; c += LANES)
			store(dst + r * width + c,
			      _mm256_castps_si256(load_floats(row + size * c, fmt)));
		if (c == count)
			continue;
		memcpy(tail, row + size * c, size * (count - c));
		store(dst + r * width + c, _mm256_castps_si256(load_floats(tail, fmt)));
	}
}

TARGET static void decode_rows(const struct sc_operand *op, unsigned int rows, unsigned int count,
			       uint32_t *dst, unsigned int width)
{
	switch (op->fmt) {
	case SC_FMT_F16:
		decode_fmt(op, rows, count, dst, width, SC_FMT_F16, 2);
		break;
	case SC_FMT_BF16:
		decode_fmt(op, rows, count, dst, width, SC_FMT_BF16, 2);
		break;
	case SC_FMT_E4M3:
		decode_fmt(op, rows, count, dst, width, SC_FMT_E4M3, 1);
		break;
	case SC_FMT_E5M2:
		decode_fmt(op, rows, count, dst, width, SC_FMT_E5M2, 1);
		break;
	default:
		decode_fmt(op, rows, count, dst, width, SC_FMT_F32, 4);
	}
}

/* One row of k more than there are is +0, for pairs. */
TARGET static void pack_float(struct sc_scratch *x, const struct sc_block *b)
{
	unsigned int width = float_width(b);

	if (b->a.along) {
		decode_rows(&b->a, b->m, b->k, x->a, width);
	} else {
		decode_rows(&b->a, b->k, b->m, x->a, DIM);
		if (b->k % 2)
			memset(x->a + b->k * DIM, 0, DIM * 4);
	}
	if (b->b.along) {
		decode_rows(&b->b, b->n, b->k, x->rows, width);
		transpose_rows(x, b, width);
	} else {
		decode_rows(&b->b, b->k, b->n, x->b, DIM);
		if (b->k % 2)
			memset(x->b + b->k * DIM, 0, DIM * 4);
	}
}

/* @keep of a vector, or all of it if @whole */
INLINE __m256 load_sums(const float *from, bool whole, __m256i keep)
{
	return whole ? _mm256_load_ps(from) : _mm256_maskload_ps(from, keep);
}

/* Write one vector of sums. */
INLINE void put(const struct sc_block *b, unsigned int row, unsigned int j, bool whole,
		__m256i keep, enum sc_matrix_kind kind, __m256 sum)
{
	float *to = b->to->f[row] + j;

	if (kind == SC_MATRIX_INT && b->fold)
		sum = _mm256_cvtepi32_ps(_mm256_castps_si256(sum));
	if (b->fold) {
		__m256 scale = _mm256_mul_ps(_mm256_set1_ps(b->scale_a[row]),
					     _mm256_loadu_ps(b->scale_b + j));

		sum = _mm256_fmadd_ps(sum, scale, load_sums(to, whole, keep));
	}
	if (kind != SC_MATRIX_INT || b->fold)
		sum = _mm256_blendv_ps(sum, broadcast(SC_NAN_F32),
				       _mm256_cmp_ps(sum, sum, _CMP_UNORD_Q));
	if (whole)
		_mm256_store_ps(to, sum);
	else
		_mm256_maskstore_ps(to, keep, sum);
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
	unsigned int width = kind == SC_MATRIX_INT ? int_width(b) : float_width(b);
	unsigned int a_row = b->a.along ? width : 1, a_step = b->a.along ? 1 : DIM;
	const uint32_t *a = x->a + i * a_row, *bp = x->b + j;
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
			sum[r][v] = b->from ? load_sums(b->from->f[i + r] + j + v * LANES, whole,
							keep[v]) :
					      _mm256_setzero_ps();
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
		if (i + r == b->m)
			break;
#pragma GCC unroll 2
		for (v = 0; v < COLS; v++)
			put(b, i + r, j + v * LANES, whole, keep[v], kind, sum[r][v]);
	}
}

INLINE void multiply(const struct sc_scratch *x, const struct sc_block *b,
		     enum sc_matrix_kind kind)
{
	const unsigned int rows = kind == SC_MATRIX_PAIR ? 4 : ROWS;
	unsigned int i, j;

	for (j = 0; j < b->n; j += COLS * LANES) {
		for (i = 0; i + 4 < b->m; i += rows)
			multiply_rows(x, b, i, j, rows, kind);
		if (i + 1 < b->m)
			multiply_rows(x, b, i, j, 4, kind);
		else if (i < b->m)
			multiply_rows(x, b, i, j, 1, kind);
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
