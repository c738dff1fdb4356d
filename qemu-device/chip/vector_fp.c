// SPDX-License-Identifier: MIT
/*
 * Floating-point vector arithmetic: every result and flag is that of fp.c. Where
 * the host's arithmetic must agree (round to nearest even, NX already set, all
 * results well inside the normal numbers) whole vectors are computed with it.
 * The invariant: inactive elements raise no flags.
 */
#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC optimize("O3")
#endif

#include "fp.h"
#include "vector.h"

typedef uint64_t fp_fn(enum sc_fp_format fmt, uint64_t a, uint64_t b, uint64_t d,
		       struct sc_fp_env *env);

static uint64_t sign_of(enum sc_fp_format fmt)
{
	return fmt == SC_FP_S ? 1ULL << 31 : fmt == SC_FP_D ? 1ULL << 63 : 1ULL << 15;
}

#define FN(name, expr)                                                                             \
	static uint64_t f_##name(enum sc_fp_format fmt, uint64_t a, uint64_t b, uint64_t d,        \
				 struct sc_fp_env *env)                                            \
	{                                                                                          \
		(void)a, (void)b, (void)d, (void)env;                                              \
		return expr;                                                                       \
	}
FN(add, sc_fp_add(fmt, a, b, env))
FN(sub, sc_fp_sub(fmt, a, b, env))
FN(rsub, sc_fp_sub(fmt, b, a, env))
FN(mul, sc_fp_mul(fmt, a, b, env))
FN(div, sc_fp_div(fmt, a, b, env))
FN(rdiv, sc_fp_div(fmt, b, a, env))
FN(min, sc_fp_min(fmt, a, b, env))
FN(max, sc_fp_max(fmt, a, b, env))
FN(sgnj, (a & ~sign_of(fmt)) | (b & sign_of(fmt)))
FN(sgnjn, (a & ~sign_of(fmt)) | (~b & sign_of(fmt)))
FN(sgnjx, a ^ (b & sign_of(fmt)))
FN(eq, sc_fp_eq(fmt, a, b, env))
FN(ne, !sc_fp_eq(fmt, a, b, env))
FN(lt, sc_fp_lt(fmt, a, b, env))
FN(le, sc_fp_le(fmt, a, b, env))
FN(gt, sc_fp_lt(fmt, b, a, env))
FN(ge, sc_fp_le(fmt, b, a, env))
/* the product's and the addend's sign */
FN(madd, sc_fp_fma(fmt, d, b, a, false, false, env))
FN(nmadd, sc_fp_fma(fmt, d, b, a, true, true, env))
FN(msub, sc_fp_fma(fmt, d, b, a, false, true, env))
FN(nmsub, sc_fp_fma(fmt, d, b, a, true, false, env))
FN(macc, sc_fp_fma(fmt, a, b, d, false, false, env))
FN(nmacc, sc_fp_fma(fmt, a, b, d, true, true, env))
FN(msac, sc_fp_fma(fmt, a, b, d, false, true, env))
FN(nmsac, sc_fp_fma(fmt, a, b, d, true, false, env))

/* True if all results are such that no flag but NX can have been raised. */
typedef bool fast_fn(void *r, const void *a, const void *b, const void *d, size_t n);

#define FAST(name, T, U, low, range, abs, expr)                                                    \
	static bool name(void *r_, const void *a_, const void *b_, const void *d_, size_t n)       \
	{                                                                                          \
		T __attribute__((may_alias)) *r = r_;                                              \
		const T __attribute__((may_alias)) *ap = a_, *bp = b_, *dp = d_;                   \
		const U __attribute__((may_alias)) *bits = r_;                                     \
		U bad = 0;                                                                         \
												   \
		(void)dp;                                                                          \
		for (size_t i = 0; i < n; i++) {                                                   \
			T a = ap[i], b = bp[i];                                                    \
												   \
			r[i] = (expr);                                                             \
		}                                                                                  \
		for (size_t i = 0; i < n; i++)                                                     \
			bad |= (U)((bits[i] & (abs)) - (low)) >= (range);                          \
		return !bad;                                                                       \
	}
/* finite sums are exact where they are tiny; products must be above the smallest normal */
#define FAST_ANY(name, expr)                                                                       \
	FAST(name##_s, float, uint32_t, 0, 0x7f800000u, 0x7fffffffu, expr)                         \
	FAST(name##_d, double, uint64_t, 0, 0x7ff0000000000000u, 0x7fffffffffffffffu, expr)
#define FAST_NORMAL(name, expr, expr_d)                                                            \
	FAST(name##_s, float, uint32_t, 0x00800001u, 0x7f800000u - 0x00800001u, 0x7fffffffu, expr) \
	FAST(name##_d, double, uint64_t, 0x0010000000000001u,                                      \
	     0x7ff0000000000000u - 0x0010000000000001u, 0x7fffffffffffffffu, expr_d)
FAST_ANY(fast_add, a + b)
FAST_ANY(fast_sub, a - b)
FAST_ANY(fast_rsub, b - a)
FAST_NORMAL(fast_mul, a * b, a * b)
FAST_NORMAL(fast_div, a / b, a / b)
FAST_NORMAL(fast_rdiv, b / a, b / a)
FAST_NORMAL(fast_madd, __builtin_fmaf(dp[i], b, a), __builtin_fma(dp[i], b, a))
FAST_NORMAL(fast_msub, __builtin_fmaf(dp[i], b, -a), __builtin_fma(dp[i], b, -a))
FAST_NORMAL(fast_nmsub, __builtin_fmaf(-dp[i], b, a), __builtin_fma(-dp[i], b, a))
FAST_NORMAL(fast_nmadd, __builtin_fmaf(-dp[i], b, -a), __builtin_fma(-dp[i], b, -a))
FAST_NORMAL(fast_macc, __builtin_fmaf(a, b, dp[i]), __builtin_fma(a, b, dp[i]))
FAST_NORMAL(fast_msac, __builtin_fmaf(a, b, -dp[i]), __builtin_fma(a, b, -dp[i]))
FAST_NORMAL(fast_nmsac, __builtin_fmaf(-a, b, dp[i]), __builtin_fma(-a, b, dp[i]))
FAST_NORMAL(fast_nmacc, __builtin_fmaf(-a, b, -dp[i]), __builtin_fma(-a, b, -dp[i]))

struct insn {
	fp_fn *fn;
	fast_fn *fast[2]; /* S, D */
	bool vv;
	bool vf;
	bool mask; /* the result is one */
};

#define SLOW(f6, name, vv, vf)	  [f6] = { f_##name, { NULL, NULL }, vv, vf, false }
#define QUICK(f6, name, vv, vf)                                                                    \
	[f6] = { f_##name, { fast_##name##_s, fast_##name##_d }, vv, vf, false }
#define COMPARE(f6, name, vv, vf) [f6] = { f_##name, { NULL, NULL }, vv, vf, true }
static const struct insn insns[64] = {
	QUICK(0x00, add, 1, 1),	   QUICK(0x02, sub, 1, 1),   SLOW(0x04, min, 1, 1),
	SLOW(0x06, max, 1, 1),	   SLOW(0x08, sgnj, 1, 1),   SLOW(0x09, sgnjn, 1, 1),
	SLOW(0x0a, sgnjx, 1, 1),   COMPARE(0x18, eq, 1, 1),  COMPARE(0x19, le, 1, 1),
	COMPARE(0x1b, lt, 1, 1),   COMPARE(0x1c, ne, 1, 1),  COMPARE(0x1d, gt, 0, 1),
	COMPARE(0x1f, ge, 0, 1),   QUICK(0x20, div, 1, 1),   QUICK(0x21, rdiv, 0, 1),
	QUICK(0x24, mul, 1, 1),	   QUICK(0x27, rsub, 0, 1),  QUICK(0x28, madd, 1, 1),
	QUICK(0x29, nmadd, 1, 1),  QUICK(0x2a, msub, 1, 1),  QUICK(0x2b, nmsub, 1, 1),
	QUICK(0x2c, macc, 1, 1),   QUICK(0x2d, nmacc, 1, 1), QUICK(0x2e, msac, 1, 1),
	QUICK(0x2f, nmsac, 1, 1),
};

/* Widening ones, from 0x30 on; reductions elsewhere. */
static const struct insn wide[16] = {
	SLOW(0x0, add, 1, 1),	SLOW(0x2, sub, 1, 1),	SLOW(0x4, add, 1, 1),
	SLOW(0x6, sub, 1, 1),	SLOW(0x8, mul, 1, 1),	SLOW(0xb, macc, 1, 1),
	SLOW(0xc, macc, 1, 1),	SLOW(0xd, nmacc, 1, 1), SLOW(0xe, msac, 1, 1),
	SLOW(0xf, nmsac, 1, 1),
};

enum sc_fp_format sc_vector_format(int sew)
{
	return sew == 1 ? SC_FP_H : sew == 2 ? SC_FP_S : SC_FP_D;
}

uint64_t sc_vector_scalar(const struct sc_vec *x, unsigned int reg)
{
	uint64_t f = x->core->f[reg], box = x->sew == 3 ? 0 : ~0ULL << (8u << x->sew);

	return (f & box) == box ? f & ~box : sc_fp_nan(sc_vector_format(x->sew));
}

static struct sc_fp_env env_of(const struct sc_vec *x)
{
	return (struct sc_fp_env){ .rm = (uint8_t)(x->core->fcsr >> 5) };
}

static const uint8_t *operand(const struct sc_vec *x)
{
	return x->f3 == SC_OPFVV ? sc_vreg(x, x->vs1) :
				   sc_vsplat(x, x->sew, sc_vector_scalar(x, x->vs1));
}

static bool try_fast(const struct sc_vec *x, const struct insn *insn, const uint8_t *b)
{
	uint8_t *d = sc_vreg(x, x->vd), *r = sc_vtmp(x, 0);
	fast_fn *fast = x->sew >= 2 ? insn->fast[x->sew - 2] : NULL;

	if (!fast || (x->core->fcsr & 0xe1) != SC_FP_NX)
		return false;
	if (!fast(r, sc_vreg(x, x->vs2), b, d, x->vl))
		return false;
	if (!x->masked && !x->vstart) {
		memcpy(d, r, (size_t)x->vl << x->sew);
		return true;
	}
	for (uint32_t i = x->vstart; i < x->vl; i++)
		if (sc_vactive(x, i))
			sc_vput(d, i, x->sew, sc_vget(r, i, x->sew));
	return true;
}

static enum sc_vres same_width(struct sc_vec *x, const struct insn *insn)
{
	const uint8_t *a = sc_vreg(x, x->vs2), *b;
	enum sc_fp_format fmt = sc_vector_format(x->sew);
	int dsew = insn->mask ? -1 : x->sew, dlm = insn->mask ? 0 : x->lmul;
	struct sc_fp_env env = env_of(x);
	uint8_t *d = sc_vreg(x, x->vd);

	if (!x->sew || !(insn->mask || sc_vdest(x, dlm)) ||
	    !sc_vsource(x, dsew, dlm, x->vs2, x->sew, x->lmul) ||
	    (x->f3 == SC_OPFVV && !sc_vsource(x, dsew, dlm, x->vs1, x->sew, x->lmul)))
		return SC_V_ILLEGAL;
	b = operand(x);
	if (try_fast(x, insn, b))
		return SC_V_DONE;
	for (uint32_t i = x->vstart; i < x->vl; i++) {
		uint64_t ai, bi;

		if (!sc_vactive(x, i))
			continue;
		ai = sc_vget(a, i, x->sew);
		bi = sc_vget(b, i, x->sew);
		if (insn->mask)
			sc_vset_bit(d, i, insn->fn(fmt, ai, bi, 0, &env));
		else
			sc_vput(d, i, x->sew, insn->fn(fmt, ai, bi, sc_vget(d, i, x->sew), &env));
	}
	x->core->fcsr |= env.flags;
	return SC_V_DONE;
}

static enum sc_vres widening(struct sc_vec *x, const struct insn *insn)
{
	bool w = x->f6 == 0x34 || x->f6 == 0x36, bf16 = x->f6 == 0x3b;
	enum sc_fp_format from = bf16 ? SC_FP_BF16 : sc_vector_format(x->sew);
	enum sc_fp_format to = sc_vector_format(x->sew + 1);
	const uint8_t *a = sc_vreg(x, x->vs2), *b;
	struct sc_fp_env env = env_of(x);
	uint8_t *d = sc_vreg(x, x->vd);

	if (!x->sew || x->sew > 2 || (bf16 && x->sew != 1) || !sc_vdest(x, x->lmul + 1) ||
	    !sc_vsource(x, x->sew + 1, x->lmul + 1, x->vs2, x->sew + w, x->lmul + w) ||
	    (x->f3 == SC_OPFVV &&
	     !sc_vsource(x, x->sew + 1, x->lmul + 1, x->vs1, x->sew, x->lmul)))
		return SC_V_ILLEGAL;
	b = operand(x);
	if (bf16 && x->f3 == SC_OPFVF && x->core->f[x->vs1] < 0xffffffffffff0000)
		b = sc_vsplat(x, 1, sc_fp_nan(SC_FP_BF16));
	for (uint32_t i = x->vstart; i < x->vl; i++) {
		uint64_t ai, bi;

		if (!sc_vactive(x, i))
			continue;
		ai = sc_vget(a, i, x->sew + w);
		if (!w)
			ai = sc_fp_convert(to, from, ai, &env);
		bi = sc_fp_convert(to, from, sc_vget(b, i, x->sew), &env);
		sc_vput(d, i, x->sew + 1,
			insn->fn(to, ai, bi, sc_vget(d, i, x->sew + 1), &env));
	}
	x->core->fcsr |= env.flags;
	return SC_V_DONE;
}

/* Sums go in the order of elements, the unordered ones too. */
static enum sc_vres reduce(struct sc_vec *x, fp_fn *fn, bool widens)
{
	enum sc_fp_format from = sc_vector_format(x->sew), to = sc_vector_format(x->sew + widens);
	struct sc_fp_env env = env_of(x);
	uint64_t acc;

	if (x->vstart || !x->sew || x->sew + widens > 3 || !sc_vgroup(x->vs2, x->lmul))
		return SC_V_ILLEGAL;
	if (!x->vl)
		return SC_V_DONE;
	acc = sc_vget(sc_vreg(x, x->vs1), 0, x->sew + widens);
	for (uint32_t i = 0; i < x->vl; i++) {
		uint64_t v = sc_vget(sc_vreg(x, x->vs2), i, x->sew);

		if (!sc_vactive(x, i))
			continue;
		if (widens)
			v = sc_fp_convert(to, from, v, &env);
		acc = fn(to, acc, v, 0, &env);
	}
	sc_vput(sc_vreg(x, x->vd), 0, x->sew + widens, acc);
	x->core->fcsr |= env.flags;
	return SC_V_DONE;
}

/* vfmerge.vfm and vfmv.v.f */
static enum sc_vres merge(struct sc_vec *x)
{
	uint64_t scalar;

	if (!x->sew || !sc_vdest(x, x->lmul) || !sc_vgroup(x->vs2, x->lmul) ||
	    (!x->masked && x->vs2))
		return SC_V_ILLEGAL;
	scalar = sc_vector_scalar(x, x->vs1);
	for (uint32_t i = x->vstart; i < x->vl; i++)
		sc_vput(sc_vreg(x, x->vd), i, x->sew,
			sc_vactive(x, i) ? scalar : sc_vget(sc_vreg(x, x->vs2), i, x->sew));
	return SC_V_DONE;
}

enum sc_vres sc_vector_fp(struct sc_vec *x)
{
	const struct insn *insn = x->f6 >= 0x30 ? &wide[x->f6 - 0x30] : &insns[x->f6];
	bool vv = x->f3 == SC_OPFVV;

	if (vv) {
		switch (x->f6) {
		case 0x01:
		case 0x03:
			return reduce(x, f_add, false);
		case 0x05:
			return reduce(x, f_min, false);
		case 0x07:
			return reduce(x, f_max, false);
		case 0x31:
		case 0x33:
			return reduce(x, f_add, true);
		}
	} else if (x->f6 == 0x17) {
		return merge(x);
	}
	if (!insn->fn || !(vv ? insn->vv : insn->vf))
		return SC_V_ILLEGAL;
	return x->f6 >= 0x30 ? widening(x, insn) : same_width(x, insn);
}
