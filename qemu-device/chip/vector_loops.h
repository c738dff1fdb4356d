/* SPDX-License-Identifier: MIT */
/*
 * The loops of one way to compute vectors (vector_path.h). The file that
 * includes this says which: PATH, the name; BYTES of a host vector; for f32 (S)
 * and f64 (D) the host's FMA, SQRT, MAX and MIN (right for numbers), and
 * UNORDERED, where either is a NaN; of such findings SEEN, whether there is any,
 * and REFUSE, which ends a step of a chain or leaves a NaN in a vector of it; for
 * f32 MAXIMUM and MINIMUM, the host's own, of which the second operand prevails;
 * for u32 TOP, the larger; ANY, whether a vector of integers is not zero; SIDE,
 * for how many vectors of 2^x side by side the host has registers; CLEAR, before
 * anyone uses the lower parts of vectors alone.
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

#define VECTOR(T, name) typedef T name __attribute__((vector_size(BYTES), aligned(1), may_alias))
VECTOR(float, vS);
VECTOR(double, vD);
VECTOR(uint32_t, uS);
VECTOR(uint64_t, uD);
VECTOR(int32_t, iS);
VECTOR(int64_t, iD);

/* Where NaNs are. */
typedef __typeof__(UNORDERED_S((vS){ 0 }, (vS){ 0 })) nS;
typedef __typeof__(UNORDERED_D((vD){ 0 }, (vD){ 0 })) nD;

typedef float eS __attribute__((aligned(1)));
typedef double eD __attribute__((aligned(1)));
typedef uint32_t wS;
typedef uint64_t wD;
typedef int32_t sS;
typedef int64_t sD;

#define ABS_S	  0x7fffffffu
#define ABS_D	  0x7fffffffffffffffu
#define INF_S	  0x7f800000u
#define INF_D	  0x7ff0000000000000u
#define MAGIC_S	  0x4b400000u /* bits of 1.5 * 2^23 */

/* Bits of @yes where @mask is all ones, else of @no. */
#define SELECT_S(mask, yes, no) (((uS)(yes) & (uS)(mask)) | ((uS)(no) & ~(uS)(mask)))
#define SELECT_D(mask, yes, no) (((uD)(yes) & (uD)(mask)) | ((uD)(no) & ~(uD)(mask)))

/* Where a block looks for a NaN. */
#define SEE_RESULT(F)	(j % 2 ? UNORDERED_##F(r[j - 1], r[j]) : (n##F){ 0 })
#define SEE_OPERANDS(F) UNORDERED_##F(a, b)
#define SEE_NOWHERE(F)	((n##F){ 0 })

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
		n##F seen = { 0 };                                                                 \
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
		if (SEEN(seen))                                                                    \
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
#define MAX(a, b)    MAX_S(a, b)
#define MIN(a, b)    MIN_S(a, b)
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
#define MAX(a, b)    MAX_D(a, b)
#define MIN(a, b)    MIN_D(a, b)
#define SIGN(a, b)   SIGN_(D, a, b)
#define SIGNX(a, b)  SIGNX_(D, a, b)
#define FP_D_(name, look, expr) FP_LOOP(name, D, look, expr)
SC_VFP_TABLE(FP_D_)
SC_VCHAIN_STEPS(D)

/* --- 2^x: vexp2.h without its branches --- */

#define SIDE_BY_SIDE(j) _Pragma("GCC unroll 8") for (size_t j = 0; j < SIDE; j++)

/*
 * The polynomials for the fractions of SIDE vectors, and 1.5 * 2^23 more than the
 * nearest integers, which are then in the low bits. Stage by stage: no operation
 * waits for the one before it.
 */
INLINE void exp2_fractions(vS *v, vS *whole)
{
	static const float c[] = { SC_VEXP2_COEFFICIENTS };
	vS p[SIDE];

	SIDE_BY_SIDE(j) {
		whole[j] = v[j] + 0x1.8p23f;
		v[j] -= whole[j] - 0x1.8p23f;
		p[j] = (vS){ 0 } + c[0];
	}
	_Pragma("GCC unroll 7")
	for (size_t i = 1; i < sizeof(c) / sizeof(c[0]); i++)
		SIDE_BY_SIDE(j)
			p[j] = FMA_S(p[j], v[j], (vS){ 0 } + c[i]);
	SIDE_BY_SIDE(j)
		v[j] = p[j];
}

/* Any arguments; the host's exceptions stay as they are. */
static __attribute__((noinline)) void exp2_all(vS *v)
{
	vS low = (vS){ 0 } - 151.0f, high = (vS){ 0 } + 129.0f, x[SIDE], whole[SIDE];
	struct sc_vhost saved = sc_vhost_save();

	for (size_t i = 0; i < CHAIN_VECTORS; i += SIDE, v += SIDE) {
		SIDE_BY_SIDE(j) {
			x[j] = v[j];
			v[j] = MAXIMUM_S(MINIMUM_S(x[j], high), low);
		}
		exp2_fractions(v, whole);
		SIDE_BY_SIDE(j) {
			iS e = (iS)((uS)whole[j] - MAGIC_S), half = (e + (iS)((uS)e >> 31)) >> 1;
			vS p = v[j] * (vS)((half + 127) << 23) * (vS)((e - half + 127) << 23);
			uS bits = (uS)p;

			bits = SELECT_S(x[j] >= 128.0f, (uS){ 0 } + INF_S, bits);
			bits = SELECT_S(x[j] < -150.0f, (uS){ 0 }, bits);
			v[j] = (vS)SELECT_S(x[j] != x[j], (uS){ 0 } + 0x7fc00000u, bits);
		}
	}
	sc_vhost_restore(saved);
}

/*
 * CHAIN_VECTORS of them. Where all are within 126 of zero the two factors of vexp2.h
 * are one, and exact: it is added to the exponent.
 */
INLINE void exp2_block(vS *r)
{
	vS all[CHAIN_VECTORS], whole[SIDE];
	uS top = { 0 };

	CHAIN_EACH(j)
		top = TOP_S(top, (uS)r[j] & ABS_S);
	if (__builtin_expect(ANY((0x42fc0000u - top) >> 31), 0)) {
		CHAIN_EACH(j)
			all[j] = r[j];
		exp2_all(all);
		CHAIN_EACH(j)
			r[j] = all[j];
		return;
	}
	_Pragma("GCC unroll 2")
	for (size_t i = 0; i < CHAIN_VECTORS; i += SIDE) {
		exp2_fractions(r + i, whole);
		SIDE_BY_SIDE(j)
			r[i + j] = (vS)((uS)r[i + j] + ((uS)whole[j] << 23));
	}
}

static bool exp2_step(CHAIN_ARGS(S))
{
	vS r[CHAIN_VECTORS] = CHAIN_BLOCK;

	exp2_block(r);
	CHAIN_NEXT(S);
}

INLINE void exp2_memory(vS *d, const vS *a)
{
	vS r[CHAIN_VECTORS];

	CHAIN_EACH(j)
		r[j] = a[j];
	exp2_block(r);
	CHAIN_EACH(j)
		d[j] = r[j];
}

static void exp2_loop(void *d_, const void *a_, size_t n)
{
	enum { LANES = CHAIN_VECTORS * BYTES / sizeof(float) };
	float *d = d_, last[LANES] = { 0 };
	const float *a = a_;
	size_t i = 0;

	for (; i + LANES <= n; i += LANES)
		exp2_memory((vS *)(d + i), (const vS *)(a + i));
	if (i == n)
		return;
	memcpy(last, a + i, (n - i) * sizeof(*d));
	exp2_memory((vS *)last, (const vS *)last);
	memcpy(d + i, last, (n - i) * sizeof(*d));
}

/* --- the smallest and the largest --- */

/* Bits of numbers as integers in the same order, the negative zero first; and back. */
#define IN_ORDER(F, bits) ((bits) ^ ((bits) < 0 ? (s##F)ABS_##F : 0))
#define EXTREME(name, F, than)                                                                     \
	static bool name##_##F(const void *a_, size_t n, uint64_t *best)                           \
	{                                                                                          \
		typedef s##F __attribute__((may_alias, aligned(1))) element;                       \
		const element *a = a_;                                                             \
		s##F bits = (s##F)*best, found = IN_ORDER(F, bits);                                \
		w##F nans = (w##F)(bits & (s##F)ABS_##F) > INF_##F;                                \
												   \
		for (size_t i = 0; i < n; i++) {                                                   \
			s##F v = IN_ORDER(F, a[i]);                                                \
												   \
			nans |= (w##F)(a[i] & (s##F)ABS_##F) > INF_##F;                            \
			found = v than found ? v : found;                                          \
		}                                                                                  \
		if (nans)                                                                          \
			return false;                                                              \
		*best = (w##F)IN_ORDER(F, found);                                                  \
		return true;                                                                       \
	}
EXTREME(smallest, S, <)
EXTREME(smallest, D, <)
EXTREME(largest, S, >)
EXTREME(largest, D, >)

/* --- conversions --- */

/* @A, @D elements as they lie in registers; @bad is not zero where a flag may rise. */
#define CVT_BLOCK 64
#define CONVERT(name, A, D, bad, value)                                                            \
	static size_t name(void *d_, const void *a_, size_t n)                                     \
	{                                                                                          \
		typedef D __attribute__((may_alias, aligned(1))) DT;                               \
		typedef A __attribute__((may_alias, aligned(1))) AT;                               \
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
		SC_VFP_SIGN_TABLE(CHAIN_SIGN_ENTRY_) SC_VFP_FMA_TABLE(CHAIN_FMA_ENTRY_)
	},
	.chain = { chain_S, chain_D },
	.extreme = { { smallest_S, smallest_D }, { largest_S, largest_D } },
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
	.exp2_step = (sc_vstep_fn *)exp2_step,
	.copy = copy,
	.bits_to_bytes = bits_to_bytes,
};
