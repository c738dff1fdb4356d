// SPDX-License-Identifier: MIT
/*
 * Floating-point vector arithmetic: every result and flag is that of fp.c. Under
 * round to nearest even the loops of vector_path.h compute as far as they can; a
 * few elements from where they stop go one by one. The invariant: inactive
 * elements raise no flags.
 */
#include "fp.h"
#include "vector_path.h"

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
FN(sqrt, sc_fp_sqrt(fmt, a, env))
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

struct insn {
	fp_fn *fn;
	uint8_t loop; /* SC_VFP_*, SC_VFP_COUNT if there is none */
	bool vv;
	bool vf;
	bool mask; /* the result is one */
};

#define FP(f6, name, vv, vf)	  [f6] = { f_##name, SC_VFP_##name, vv, vf, false }
#define COMPARE(f6, name, vv, vf) [f6] = { f_##name, SC_VFP_COUNT, vv, vf, true }
static const struct insn insns[64] = {
	FP(0x00, add, 1, 1),	  FP(0x02, sub, 1, 1),	   FP(0x04, min, 1, 1),
	FP(0x06, max, 1, 1),	  FP(0x08, sgnj, 1, 1),	   FP(0x09, sgnjn, 1, 1),
	FP(0x0a, sgnjx, 1, 1),	  COMPARE(0x18, eq, 1, 1), COMPARE(0x19, le, 1, 1),
	COMPARE(0x1b, lt, 1, 1),  COMPARE(0x1c, ne, 1, 1), COMPARE(0x1d, gt, 0, 1),
	COMPARE(0x1f, ge, 0, 1),  FP(0x20, div, 1, 1),	   FP(0x21, rdiv, 0, 1),
	FP(0x24, mul, 1, 1),	  FP(0x27, rsub, 0, 1),	   FP(0x28, madd, 1, 1),
	FP(0x29, nmadd, 1, 1),	  FP(0x2a, msub, 1, 1),	   FP(0x2b, nmsub, 1, 1),
	FP(0x2c, macc, 1, 1),	  FP(0x2d, nmacc, 1, 1),   FP(0x2e, msac, 1, 1),
	FP(0x2f, nmsac, 1, 1),
};

/* Widening ones, from 0x30 on; reductions elsewhere. */
static const struct insn wide[16] = {
	FP(0x0, add, 1, 1),   FP(0x2, sub, 1, 1),  FP(0x4, add, 1, 1),	FP(0x6, sub, 1, 1),
	FP(0x8, mul, 1, 1),   FP(0xb, macc, 1, 1), FP(0xc, macc, 1, 1), FP(0xd, nmacc, 1, 1),
	FP(0xe, msac, 1, 1),  FP(0xf, nmsac, 1, 1),
};

#define SLOW 32 /* elements that go one by one where a loop stops */

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

/* Whether the host rounds as the hart, and a rounded result tells nothing new. */
static bool host_rounds(const struct sc_vec *x, const struct sc_fp_env *env)
{
	return !env->rm && ((x->core->fcsr | env->flags) & SC_FP_NX);
}

/* Elements from i on, below end, with elements of 2^sew bytes; @one: b is a number. */
static void one_by_one(const struct sc_vec *x, const struct insn *insn, int sew, const uint8_t *a,
		       const uint8_t *b, bool one, uint32_t i, uint32_t end, struct sc_fp_env *env)
{
	enum sc_fp_format fmt = sc_vector_format(sew);
	uint8_t *d = sc_vreg(x, x->vd);

	for (; i < end; i++) {
		uint64_t ai, bi;

		if (!sc_vactive(x, i))
			continue;
		ai = sc_vget(a, i, sew);
		bi = sc_vget(b, one ? 0 : i, sew);
		if (insn->mask)
			sc_vset_bit(d, i, insn->fn(fmt, ai, bi, 0, env));
		else
			sc_vput(d, i, sew, insn->fn(fmt, ai, bi, sc_vget(d, i, sew), env));
	}
}

/* How many elements from i on a loop has computed. */
static uint32_t fast(const struct sc_vec *x, const struct insn *insn, int sew, const uint8_t *a,
		     const uint8_t *b, bool one, uint32_t i, struct sc_fp_env *env)
{
	bool rounds = SC_VFP_IS_ROUNDED(insn->loop), aside;
	size_t at = (size_t)i << sew, done;
	uint8_t *d = sc_vreg(x, x->vd), *t = sc_vtmp(x, 0);
	unsigned int flags = 0;
	sc_vfp_fn *loop;

	if (sew < 2 || insn->loop == SC_VFP_COUNT || (rounds && env->rm != SC_RNE))
		return 0;
	/* results that may have to be dropped, as their flags are not only theirs */
	aside = x->masked || (rounds && !SC_VHOST_EXACT);
	sc_vhost_clear(true);
	loop = x->core->vpath->fp[insn->loop][sew - 2][one];
	done = loop((aside ? t : d) + at, d + at, a + at, one ? b : b + at, x->vl - i);
	if (rounds)
		flags = sc_vhost_flags();
	if (aside && (flags & ~(x->core->fcsr | env->flags)))
		return 0;
	if (aside)
		sc_vmerge(x, sew, t, i, (uint32_t)(i + done));
	env->flags |= flags;
	return (uint32_t)done;
}

static void run(const struct sc_vec *x, const struct insn *insn, int sew, const uint8_t *a,
		const uint8_t *b, bool one, struct sc_fp_env *env)
{
	uint32_t i = x->vstart, end;

	while (i < x->vl) {
		i += fast(x, insn, sew, a, b, one, i, env);
		end = x->vl - i < SLOW ? x->vl : i + SLOW;
		one_by_one(x, insn, sew, a, b, one, i, end, env);
		i = end;
	}
	x->core->fcsr |= env->flags;
}

static enum sc_vres same_width(struct sc_vec *x, const struct insn *insn)
{
	int dsew = insn->mask ? -1 : x->sew, dlm = insn->mask ? 0 : x->lmul;
	struct sc_fp_env env = env_of(x);
	bool vv = x->f3 == SC_OPFVV;
	uint64_t scalar = 0;

	if (!x->sew || !(insn->mask || sc_vdest(x, dlm)) ||
	    !sc_vsource(x, dsew, dlm, x->vs2, x->sew, x->lmul) ||
	    (vv && !sc_vsource(x, dsew, dlm, x->vs1, x->sew, x->lmul)))
		return SC_V_ILLEGAL;
	if (!vv)
		scalar = sc_vector_scalar(x, x->vs1);
	if (!x->masked && x->sew >= 2 && insn->loop != SC_VFP_COUNT && SC_VHOST_EXACT)
		sc_vknow(x, SC_VKNOWN_FP, x->sew, vv ? 0 : x->vs1 + 1u, insn->loop,
			 (void (*)(void))x->core->vpath->fp[insn->loop][x->sew - 2][!vv]);
	run(x, insn, x->sew, sc_vreg(x, x->vs2), vv ? sc_vreg(x, x->vs1) : (const uint8_t *)&scalar,
	    !vv, &env);
	return SC_V_DONE;
}

void sc_vector_fp_run(const struct sc_vec *x, const uint8_t *a, const uint8_t *b, bool one)
{
	struct sc_fp_env env = env_of(x);

	run(x, &insns[x->f6], x->sew, a, b, one, &env);
}

static enum sc_vres square_root(struct sc_vec *x)
{
	static const struct insn insn = { f_sqrt, SC_VFP_sqrt, 1, 0, false };
	const uint8_t *a = sc_vreg(x, x->vs2);
	struct sc_fp_env env = env_of(x);

	if (!x->sew || !sc_vdest(x, x->lmul) || !sc_vgroup(x->vs2, x->lmul))
		return SC_V_ILLEGAL;
	run(x, &insn, x->sew, a, a, false, &env);
	return SC_V_DONE;
}

/* Elements as f32 or f64, in buffer @tmp; conversions to a wider format are exact. */
static const uint8_t *widen(const struct sc_vec *x, const uint8_t *a, enum sc_fp_format from,
			    unsigned int tmp, struct sc_fp_env *env)
{
	enum sc_vcvt cvt = from == SC_FP_H ? SC_VCVT_H_S :
			   from == SC_FP_S ? SC_VCVT_S_D :
					     SC_VCVT_BF16_S;
	enum sc_fp_format to = sc_vector_format(x->sew + 1);
	uint8_t *t = sc_vtmp(x, tmp);
	size_t i = x->vstart;

	if (!i && x->core->vpath->convert[cvt])
		i = x->core->vpath->convert[cvt](t, a, x->vl);
	for (; i < x->vl; i++)
		if (sc_vactive(x, i))
			sc_vput(t, i, x->sew + 1,
				sc_fp_convert(to, from, sc_vget(a, i, x->sew), env));
	return t;
}

static enum sc_vres widening(struct sc_vec *x, const struct insn *insn)
{
	bool w = x->f6 == 0x34 || x->f6 == 0x36, bf16 = x->f6 == 0x3b, vv = x->f3 == SC_OPFVV;
	enum sc_fp_format from = bf16 ? SC_FP_BF16 : sc_vector_format(x->sew);
	const uint8_t *a = sc_vreg(x, x->vs2), *b;
	struct sc_fp_env env = env_of(x);
	uint64_t scalar;

	if (!x->sew || x->sew > 2 || (bf16 && x->sew != 1) || !sc_vdest(x, x->lmul + 1) ||
	    !sc_vsource(x, x->sew + 1, x->lmul + 1, x->vs2, x->sew + w, x->lmul + w) ||
	    (vv && !sc_vsource(x, x->sew + 1, x->lmul + 1, x->vs1, x->sew, x->lmul)))
		return SC_V_ILLEGAL;
	if (!w)
		a = widen(x, a, from, 3, &env);
	if (vv) {
		b = widen(x, sc_vreg(x, x->vs1), from, 1, &env);
	} else {
		scalar = sc_vector_scalar(x, x->vs1);
		if (bf16 && x->core->f[x->vs1] < 0xffffffffffff0000)
			scalar = sc_fp_nan(SC_FP_BF16);
		scalar = sc_fp_convert(sc_vector_format(x->sew + 1), from, scalar, &env);
		b = (const uint8_t *)&scalar;
	}
	run(x, insn, x->sew + 1, a, b, !vv, &env);
	return SC_V_DONE;
}

/*
 * Sums go in the order of elements, the unordered ones too: with the host's
 * arithmetic where NX is raised already, as a finite sum that is tiny is exact.
 */
#define DEFINE_SUM(T)                                                                              \
	static bool sum_##T(const void *a, size_t n, uint64_t *acc)                                \
	{                                                                                          \
		typedef T __attribute__((may_alias, aligned(1))) element;                          \
		const element *v = a;                                                              \
		T sum;                                                                             \
												   \
		memcpy(&sum, acc, sizeof(sum));                                                    \
		for (size_t i = 0; i < n; i++)                                                     \
			sum += v[i];                                                               \
		if (!__builtin_isfinite(sum))                                                      \
			return false;                                                              \
		memcpy(acc, &sum, sizeof(sum));                                                    \
		return true;                                                                       \
	}
DEFINE_SUM(float)
DEFINE_SUM(double)

static enum sc_vres reduce(struct sc_vec *x, enum sc_vfp op, bool widens)
{
	enum sc_fp_format from = sc_vector_format(x->sew), to = sc_vector_format(x->sew + widens);
	fp_fn *fn = op == SC_VFP_add ? f_add : op == SC_VFP_min ? f_min : f_max;
	const uint8_t *a = sc_vreg(x, x->vs2);
	int sew = x->sew + widens;
	struct sc_fp_env env = env_of(x);
	sc_vreduce_fn *loop = NULL;
	uint64_t acc;
	uint32_t i = 0, try = 0;

	if (x->vstart || !x->sew || sew > 3 || !sc_vgroup(x->vs2, x->lmul))
		return SC_V_ILLEGAL;
	if (!x->vl)
		return SC_V_DONE;
	acc = sc_vget(sc_vreg(x, x->vs1), 0, sew);
	if (!x->masked && !widens && sew >= 2) {
		loop = op != SC_VFP_add ? x->core->vpath->extreme[op == SC_VFP_max][sew - 2] :
		       sew == 2 ? sum_float : sum_double;
		sc_vknow(x, SC_VKNOWN_REDUCE, sew, 0, op, (void (*)(void))loop);
	}
	for (; i < x->vl; i++) {
		uint64_t v = sc_vget(a, i, x->sew);

		if (loop && i >= try && (op != SC_VFP_add || host_rounds(x, &env))) {
			if (loop(a + ((size_t)i << sew), x->vl - i, &acc))
				break;
			try = i + SLOW;
		}
		if (!sc_vactive(x, i))
			continue;
		if (widens)
			v = sc_fp_convert(to, from, v, &env);
		acc = fn(to, acc, v, 0, &env);
	}
	sc_vput(sc_vreg(x, x->vd), 0, sew, acc);
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
	if (!x->masked && !x->vstart) {
		sc_vfill(sc_vreg(x, x->vd), x->sew, scalar, x->vl);
		return SC_V_DONE;
	}
	for (uint32_t i = x->vstart; i < x->vl; i++)
		sc_vput(sc_vreg(x, x->vd), i, x->sew,
			sc_vactive(x, i) ? scalar : sc_vget(sc_vreg(x, x->vs2), i, x->sew));
	return SC_V_DONE;
}

enum sc_vres sc_vector_fp(struct sc_vec *x)
{
	const struct insn *insn = x->f6 >= 0x30 ? &wide[x->f6 - 0x30] : &insns[x->f6];
	bool vv = x->f3 == SC_OPFVV;

	if (vv && x->f6 == 0x13 && !x->vs1)
		return square_root(x);
	if (vv) {
		switch (x->f6) {
		case 0x01:
		case 0x03:
			return reduce(x, SC_VFP_add, false);
		case 0x05:
			return reduce(x, SC_VFP_min, false);
		case 0x07:
			return reduce(x, SC_VFP_max, false);
		case 0x31:
		case 0x33:
			return reduce(x, SC_VFP_add, true);
		}
	} else if (x->f6 == 0x17) {
		return merge(x);
	}
	if (!insn->fn || !(vv ? insn->vv : insn->vf))
		return SC_V_ILLEGAL;
	return x->f6 >= 0x30 ? widening(x, insn) : same_width(x, insn);
}
