/* SPDX-License-Identifier: MIT */
/*
 * The loops of one way to compute vectors (vector_path.h). The file that
 * includes this says which: PATH, the name; BYTES of a host vector; and for f32
 * (S) and f64 (D) the host's FMA, SQRT, MAXIMUM, MINIMUM and
 * UNORDERED, whether one is a NaN; for u32 TOP, the larger; ANY, whether a
 * vector of integers is not zero.
 *
 * Floating-point loops take four host vectors at a time: all are computed, then
 * looked at, then stored, so that a block with a NaN has changed nothing. It may
 * have raised the flags that its elements raise when they go one by one.
 */

#define UNROLL 4
#define EACH(j) _Pragma("GCC unroll 4") for (size_t j = 0; j < UNROLL; j++)
#define INLINE static inline __attribute__((always_inline))

/* --- integers: one loop for each operation and width, which the compiler vectorises --- */

typedef sc_u16 wide8;
typedef sc_u32 wide16;
typedef sc_u64 wide32;
typedef sc_u128 wide64;
typedef sc_s16 swide8;
typedef sc_s32 swide16;
typedef sc_s64 swide32;
typedef sc_s128 swide64;

/* @T of the result; in @expr a, b, c and d are elements, U, S, W, WS their types, B their bits. */
#define LOOP(name, bits, T, expr)                                                                  \
	static void name##_##bits(void *d_, const void *a_, const void *b_, const uint8_t *c_,     \
				  size_t n)                                                        \
	{                                                                                          \
		typedef sc_u##bits U;                                                              \
		typedef sc_s##bits S;                                                              \
		typedef wide##bits W;                                                              \
		typedef swide##bits WS;                                                            \
		const unsigned int B = bits;                                                       \
		T *dp = d_;                                                                        \
		const U *ap = a_, *bp = b_;                                                        \
												   \
		(void)c_, (void)B, (void)sizeof(S), (void)sizeof(W), (void)sizeof(WS);             \
		for (size_t i = 0; i < n; i++) {                                                   \
			T d = dp[i];                                                               \
			U a = ap[i], b = bp[i];                                                    \
												   \
			(void)a, (void)b, (void)d;                                                 \
			dp[i] = (T)(expr);                                                         \
		}                                                                                  \
	}
#define C c_[i]
#define INT_(name, expr)                                                                           \
	LOOP(name, 8, sc_u8, expr) LOOP(name, 16, sc_u16, expr) LOOP(name, 32, sc_u32, expr)       \
	LOOP(name, 64, sc_u64, expr)
#define CMP_(name, expr)                                                                           \
	LOOP(name, 8, sc_u8, expr) LOOP(name, 16, sc_u8, expr) LOOP(name, 32, sc_u8, expr)         \
	LOOP(name, 64, sc_u8, expr)
SC_VINT_TABLE(INT_)
SC_VCMP_TABLE(CMP_)
#undef C

/* --- floating point --- */

#define VECTOR(T, name) typedef T name __attribute__((vector_size(BYTES), aligned(2), may_alias))
VECTOR(float, vS);
VECTOR(double, vD);
VECTOR(uint32_t, uS);
VECTOR(uint64_t, uD);
VECTOR(int32_t, iS);
VECTOR(int64_t, iD);

typedef float eS;
typedef double eD;
typedef uint32_t wS;
typedef uint64_t wD;

#define ABS_S	  0x7fffffffu
#define ABS_D	  0x7fffffffffffffffu
#define INF_S	  0x7f800000u

/* Bits of @yes where @mask is all ones, else of @no. */
#define SELECT_S(mask, yes, no) (((uS)(yes) & (uS)(mask)) | ((uS)(no) & ~(uS)(mask)))
#define SELECT_D(mask, yes, no) (((uD)(yes) & (uD)(mask)) | ((uD)(no) & ~(uD)(mask)))

/* Where a block looks for a NaN. */
#define SEE_RESULT(F)	(j % 2 ? (u##F)UNORDERED_##F(r[j - 1], r[j]) : (u##F){ 0 })
#define SEE_OPERANDS(F) ((u##F)UNORDERED_##F(a, b))
#define SEE_NOWHERE(F)	((u##F){ 0 })

/* Zeros differ in their sign: the host gives either operand, both together the right one. */
#define MAX_(F, a, b) ((v##F)((u##F)MAXIMUM_##F(a, b) & (u##F)MAXIMUM_##F(b, a)))
#define MIN_(F, a, b) ((v##F)((u##F)MINIMUM_##F(a, b) | (u##F)MINIMUM_##F(b, a)))
#define SIGN_(F, a, b) ((v##F)(((u##F)(a) & ABS_##F) | ((u##F)(b) & ~ABS_##F)))
#define SIGNX_(F, a, b) ((v##F)((u##F)(a) ^ ((u##F)(b) & ~ABS_##F)))

/*
 * A block of UNROLL vectors, then a loop of blocks, with elements or one number
 * as b. The last block is filled up with copies of its first element.
 */
#define FP_LOOP(name, F, look, expr)                                                               \
	INLINE bool block_##name##_##F(e##F *d_, const e##F *c_, const e##F *a_,                   \
					   const e##F *b_, bool one)                               \
	{                                                                                          \
		v##F r[UNROLL];                                                                    \
		u##F seen = { 0 };                                                                 \
												   \
		EACH(j) {                                                                          \
			v##F d = ((const v##F *)c_)[j], a = ((const v##F *)a_)[j], b;              \
												   \
			(void)d;                                                                   \
			if (one)                                                                   \
				b = *b_ - (v##F){ 0 };                                             \
			else                                                                       \
				b = ((const v##F *)b_)[j];                                         \
			(void)b;                                                                   \
			r[j] = (expr);                                                             \
			seen |= SEE_##look(F);                                                     \
		}                                                                                  \
		if (ANY(seen))                                                                     \
			return false;                                                              \
		EACH(j)                                                                            \
			((v##F *)d_)[j] = r[j];                                                    \
		return true;                                                                       \
	}                                                                                          \
	INLINE size_t loop_##name##_##F(void *d_, const void *c_, const void *a_,                  \
					const void *b_, size_t n, bool one)                        \
	{                                                                                          \
		enum { LANES = UNROLL * BYTES / sizeof(e##F) };                                    \
		e##F *d = d_, last[3][LANES];                                                      \
		const e##F *c = c_, *a = a_, *b = b_;                                              \
		size_t i = 0;                                                                      \
												   \
		for (; i + LANES <= n; i += LANES)                                                 \
			if (!block_##name##_##F(d + i, c + i, a + i, one ? b : b + i, one))        \
				return i;                                                          \
		if (i == n)                                                                        \
			return n;                                                                  \
		for (size_t j = 0; j < LANES; j++) {                                               \
			size_t k = i + j < n ? i + j : i;                                          \
												   \
			memcpy(&last[0][j], c + k, sizeof(*d));                                    \
			memcpy(&last[1][j], a + k, sizeof(*d));                                    \
			memcpy(&last[2][j], one ? b : b + k, sizeof(*d));                          \
		}                                                                                  \
		if (!block_##name##_##F(last[0], last[0], last[1], last[2], one))                  \
			return i;                                                                  \
		memcpy(d + i, last[0], (n - i) * sizeof(*d));                                      \
		return n;                                                                          \
	}                                                                                          \
	static size_t vv_##name##_##F(void *d, const void *c, const void *a, const void *b,        \
				     size_t n)                                                     \
	{                                                                                          \
		return loop_##name##_##F(d, c, a, b, n, false);                                    \
	}                                                                                          \
	static size_t vf_##name##_##F(void *d, const void *c, const void *a, const void *b,        \
				     size_t n)                                                     \
	{                                                                                          \
		return loop_##name##_##F(d, c, a, b, n, true);                                     \
	}

#include "vector_chain.h"

#define FMA(a, b, c) FMA_S(a, b, c)
#define SQRT(a)	     SQRT_S(a)
#define MAX(a, b)    MAX_(S, a, b)
#define MIN(a, b)    MIN_(S, a, b)
#define SIGN(a, b)   SIGN_(S, a, b)
#define SIGNX(a, b)  SIGNX_(S, a, b)
#define FP_S_(name, look, expr) FP_LOOP(name, S, look, expr)
SC_VFP_TABLE(FP_S_)
SC_VCHAIN_STEPS(S)
#undef FMA
#undef SQRT
#undef MAX
#undef MIN
#undef SIGN
#undef SIGNX
#define FMA(a, b, c) FMA_D(a, b, c)
#define SQRT(a)	     SQRT_D(a)
#define MAX(a, b)    MAX_(D, a, b)
#define MIN(a, b)    MIN_(D, a, b)
#define SIGN(a, b)   SIGN_(D, a, b)
#define SIGNX(a, b)  SIGNX_(D, a, b)
#define FP_D_(name, look, expr) FP_LOOP(name, D, look, expr)
SC_VFP_TABLE(FP_D_)
SC_VCHAIN_STEPS(D)

/* --- 2^x: vexp2.h without its branches --- */

/* The polynomial for the fraction of @in, and its whole part. */
INLINE vS exp2_fraction(vS in, vS *whole)
{
	static const float c[] = { SC_VEXP2_COEFFICIENTS };
	vS r, p;

	*whole = (in + 0x1.8p23f) - 0x1.8p23f;
	r = in - *whole;
	p = (vS){ 0 } + c[0];
	for (size_t i = 1; i < sizeof(c) / sizeof(c[0]); i++)
		p = FMA_S(p, r, (vS){ 0 } + c[i]);
	return p;
}

/* Any arguments. */
static __attribute__((noinline)) void exp2_all(void *d, const void *a)
{
	vS low = (vS){ 0 } - 151.0f, high = (vS){ 0 } + 129.0f, x, n, p;
	iS e, half;
	uS bits;

	for (size_t j = 0; j < UNROLL; j++) {
		x = ((const vS *)a)[j];
		p = exp2_fraction(MAXIMUM_S(MINIMUM_S(x, high), low), &n);
		e = __builtin_convertvector(n, iS);
		half = (e + (iS)((uS)e >> 31)) >> 1; /* e / 2 */
		p *= (vS)((half + 127) << 23);
		p *= (vS)((e - half + 127) << 23);
		bits = (uS)p;
		bits = SELECT_S(x >= 128.0f, (uS){ 0 } + INF_S, bits);
		bits = SELECT_S(x < -150.0f, (uS){ 0 }, bits);
		((uS *)d)[j] = SELECT_S(x != x, (uS){ 0 } + 0x7fc00000u, bits);
	}
}

/* Where all are within 126 of zero the two factors of vexp2.h are one, and exact. */
INLINE void exp2_block(void *d, const void *a)
{
	uS seen = { 0 };
	vS r[UNROLL], n;

	EACH(j) {
		vS x = ((const vS *)a)[j];

		seen = TOP_S(seen, (uS)x & ABS_S);
		r[j] = exp2_fraction(x, &n);
		r[j] *= (vS)((__builtin_convertvector(n, iS) + 127) << 23);
	}
	if (__builtin_expect(ANY(seen > 0x42fc0000u), 0)) {
		exp2_all(d, a);
		return;
	}
	EACH(j)
		((vS *)d)[j] = r[j];
}

static void exp2_loop(void *d_, const void *a_, size_t n)
{
	enum { LANES = UNROLL * BYTES / sizeof(float) };
	float *d = d_, last[LANES] = { 0 };
	const float *a = a_;
	size_t i = 0;

	for (; i + LANES <= n; i += LANES)
		exp2_block(d + i, a + i);
	if (i == n)
		return;
	memcpy(last, a + i, (n - i) * sizeof(*d));
	exp2_block(last, last);
	memcpy(d + i, last, (n - i) * sizeof(*d));
}

/* --- conversions --- */

/* @A, @D elements as they lie in registers; @bad is not zero where a flag may rise. */
#define CVT_BLOCK 64
#define CONVERT(name, A, D, bad, value)                                                            \
	static size_t name(void *d_, const void *a_, size_t n)                                     \
	{                                                                                          \
		typedef D __attribute__((may_alias)) DT;                                           \
		typedef A __attribute__((may_alias)) AT;                                           \
		const AT *ap = a_;                                                                 \
		DT *dp = d_, r[CVT_BLOCK];                                                         \
												   \
		for (size_t i = 0; i < n; i += CVT_BLOCK) {                                        \
			size_t m = n - i < CVT_BLOCK ? n - i : CVT_BLOCK;                          \
			uint32_t refused = 0;                                                      \
												   \
			for (size_t j = 0; j < m; j++) {                                           \
				A a = ap[i + j];                                                   \
												   \
				refused |= (bad);                                                  \
				r[j] = (D)(value);                                                 \
			}                                                                          \
			if (refused)                                                               \
				return i;                                                          \
			memcpy(dp + i, r, m * sizeof(*r));                                         \
		}                                                                                  \
		return n;                                                                          \
	}
CONVERT(cvt_bf16_s, uint16_t, uint32_t, (a & 0x7fffu) > 0x7f80u, (uint32_t)a << 16)
CONVERT(cvt_s_bf16, uint32_t, uint16_t, (a & ABS_S) - 0x00800001u >= 0x7f7f0000u - 0x00800001u,
	(a + 0x7fff + (a >> 16 & 1)) >> 16)
CONVERT(cvt_s_d, float, double, !(__builtin_fabsf(a) < __builtin_inff()), a)
CONVERT(cvt_d_s, double, float, !(__builtin_fabs(a) > 0x1.00001p-126 &&
				  __builtin_fabs(a) < 0x1.fffffp127), a)
CONVERT(cvt_s_i_rtz, float, int32_t, !(__builtin_fabsf(a) < 0x1p31f), a)
/* adding 1.5 * 2^52 leaves the nearest integer, ties to even, in the low bits */
CONVERT(cvt_s_i, float, int32_t, !(__builtin_fabsf(a) < 0x1p31f - 128),
	(int32_t)(((double)a + 0x1.8p52) - 0x1.8p52))
CONVERT(cvt_i_s, int32_t, float, 0, a)
CONVERT(cvt_u_s, uint32_t, float, 0, a)

/* A register group is too short for the string instructions that memcpy() prefers. */
static void copy(void *d_, const void *a_, size_t n)
{
	enum { STEP = UNROLL * BYTES };
	uint8_t *d = d_;
	const uint8_t *a = a_;

	for (; n >= STEP; n -= STEP, d += STEP, a += STEP) {
		uS v[UNROLL];

		EACH(j)
			memcpy(&v[j], a + j * BYTES, BYTES);
		EACH(j)
			memcpy(d + j * BYTES, &v[j], BYTES);
	}
	memcpy(d, a, n);
}

static void bits_to_bytes(uint8_t *d, const uint8_t *mask, size_t n)
{
	size_t i = 0;

	for (; i + 8 <= n; i += 8) {
		uint64_t v = mask[i / 8] * 0x0101010101010101ULL & 0x8040201008040201ULL;

		v = (v + 0x7f7f7f7f7f7f7f7fULL) >> 7 & 0x0101010101010101ULL;
		memcpy(d + i, &v, 8);
	}
	for (; i < n; i++)
		d[i] = sc_vbit(mask, i);
}

#define INT_ENTRY_(name, expr) [SC_VINT_##name] = { name##_8, name##_16, name##_32, name##_64 },
#define FP_ENTRY_(name, look, expr)                                                                \
	[SC_VFP_##name] = { { vv_##name##_S, vf_##name##_S }, { vv_##name##_D, vf_##name##_D } },

const struct sc_vector_path PATH = {
	.name = PATH_NAME,
	.usable = usable,
	.integer = { SC_VINT_TABLE(INT_ENTRY_) SC_VCMP_TABLE(INT_ENTRY_) },
	.fp = { SC_VFP_TABLE(FP_ENTRY_) },
	.step = {
		SC_VFP_ARITHMETIC_TABLE(CHAIN_TWO_ENTRY_) SC_VFP_EXACT_TABLE(CHAIN_TWO_ENTRY_)
		SC_VFP_FMA_TABLE(CHAIN_FMA_ENTRY_)
	},
	.chain = { chain_S, chain_D },
	.convert = {
		[SC_VCVT_H_S] = cvt_h_s,
		[SC_VCVT_S_H] = cvt_s_h,
		[SC_VCVT_BF16_S] = cvt_bf16_s,
		[SC_VCVT_S_BF16] = cvt_s_bf16,
		[SC_VCVT_S_D] = cvt_s_d,
		[SC_VCVT_D_S] = cvt_d_s,
		[SC_VCVT_S_I] = cvt_s_i,
		[SC_VCVT_S_I_RTZ] = cvt_s_i_rtz,
		[SC_VCVT_I_S] = cvt_i_s,
		[SC_VCVT_U_S] = cvt_u_s,
	},
	.exp2 = exp2_loop,
	.copy = copy,
	.bits_to_bytes = bits_to_bytes,
};
