// SPDX-License-Identifier: MIT
/*
 * Integer vector instructions of two widths (widening, narrowing shifts,
 * extensions) and integer reductions. The invariant is that of vector_int.c; in
 * addition element i is read before element i is written and never after a
 * higher one, which is what the legal overlaps of groups need.
 */
#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC optimize("O3")
#endif

#include "vector.h"

/* @D, @A and @B of destination, vs2 and vs1; in @expr a, b and d are elements. */
#define LOOP(name, D, A, B, expr)                                                                  \
	static void name(void *d_, const void *a_, const void *b_, const uint8_t *c, size_t n)     \
	{                                                                                          \
		D *dp = d_;                                                                        \
		const A *ap = a_;                                                                  \
		const B *bp = b_;                                                                  \
												   \
		(void)c, (void)bp;                                                                 \
		for (size_t i = 0; i < n; i++) {                                                   \
			D d = dp[i];                                                               \
			A a = ap[i];                                                               \
												   \
			(void)d;                                                                   \
			dp[i] = (D)(expr);                                                         \
		}                                                                                  \
	}
#define b bp[i]

/* name, unsigned or signed vs2 and vs1, expression in the wide type D */
#define WIDE_TABLE(X)                                                                              \
	X(waddu, u, u, (D)a + (D)b) X(wadd, s, s, (D)a + (D)b)                                     \
	X(wsubu, u, u, (D)a - (D)b) X(wsub, s, s, (D)a - (D)b)                                     \
	X(wmulu, u, u, (D)a * (D)b) X(wmul, s, s, (D)a * (D)b) X(wmulsu, s, u, (D)a * (D)b)        \
	X(wmaccu, u, u, d + (D)a * (D)b) X(wmacc, s, s, d + (D)a * (D)b)                           \
	X(wmaccus, s, u, d + (D)a * (D)b) X(wmaccsu, u, s, d + (D)a * (D)b)
/* arithmetic on @M, at least 32 bits and unsigned, does not overflow */
#define WIDE1_(name, ua, ub, expr, n, w, M)                                                        \
	static void name##_##n(void *d_, const void *a_, const void *b_, const uint8_t *c,         \
			       size_t count)                                                       \
	{                                                                                          \
		typedef M D;                                                                       \
		sc_u##w *dp = d_;                                                                  \
		const sc_##ua##n *ap = a_;                                                         \
		const sc_##ub##n *bp = b_;                                                         \
												   \
		(void)c;                                                                           \
		for (size_t i = 0; i < count; i++) {                                               \
			D d = dp[i];                                                               \
			sc_##ua##n a = ap[i];                                                      \
												   \
			(void)d;                                                                   \
			dp[i] = (sc_u##w)(expr);                                                   \
		}                                                                                  \
	}
#define WIDE_(name, ua, ub, expr)                                                                  \
	WIDE1_(name, ua, ub, expr, 8, 16, uint32_t)                                                \
	WIDE1_(name, ua, ub, expr, 16, 32, uint32_t)                                               \
	WIDE1_(name, ua, ub, expr, 32, 64, uint64_t)
WIDE_TABLE(WIDE_)

/* vs2 is wide already */
#define W_TABLE(X) X(waddu_w, u, a + b) X(wadd_w, s, a + b) X(wsubu_w, u, a - b) X(wsub_w, s, a - b)
#define W_(name, ub, expr)                                                                         \
	LOOP(name##_8, sc_u16, sc_u16, sc_##ub##8, expr)                                           \
	LOOP(name##_16, sc_u32, sc_u32, sc_##ub##16, expr)                                         \
	LOOP(name##_32, sc_u64, sc_u64, sc_##ub##32, expr)
W_TABLE(W_)

#define NARROW_(name, ua)                                                                          \
	LOOP(name##_8, sc_u8, sc_##ua##16, sc_u8, a >> (b & 15))                                   \
	LOOP(name##_16, sc_u16, sc_##ua##32, sc_u16, a >> (b & 31))                                \
	LOOP(name##_32, sc_u32, sc_##ua##64, sc_u32, a >> (b & 63))
NARROW_(nsrl, u)
NARROW_(nsra, s)

#define EXTEND_(from, to)                                                                          \
	LOOP(zext_##from##_##to, sc_u##to, sc_u##from, sc_u8, a)                                   \
	LOOP(sext_##from##_##to, sc_u##to, sc_s##from, sc_u8, a)
EXTEND_(8, 16) EXTEND_(8, 32) EXTEND_(8, 64) EXTEND_(16, 32) EXTEND_(16, 64) EXTEND_(32, 64)
#undef b

#define THREE(name) { name##_8, name##_16, name##_32 }
struct wide {
	sc_vfn *loop[3];
	bool no_vv;
};

static const struct wide opm[64] = {
	[0x30] = { THREE(waddu), 0 },	[0x31] = { THREE(wadd), 0 },   [0x32] = { THREE(wsubu), 0 },
	[0x33] = { THREE(wsub), 0 },	[0x34] = { THREE(waddu_w), 0 },
	[0x35] = { THREE(wadd_w), 0 },
	[0x36] = { THREE(wsubu_w), 0 }, [0x37] = { THREE(wsub_w), 0 }, [0x38] = { THREE(wmulu), 0 },
	[0x3a] = { THREE(wmulsu), 0 },	[0x3b] = { THREE(wmul), 0 },
	[0x3c] = { THREE(wmaccu), 0 },
	[0x3d] = { THREE(wmacc), 0 },	[0x3e] = { THREE(wmaccus), 1 },
	[0x3f] = { THREE(wmaccsu), 0 },
};

static sc_vfn *const narrow[2][3] = { THREE(nsrl), THREE(nsra) };

static enum sc_vres widen(struct sc_vec *x)
{
	const struct wide *insn = &opm[x->f6];
	bool w = x->f6 >= 0x34 && x->f6 <= 0x37, vv = x->f3 == SC_OPMVV;

	if (!insn->loop[0] || (vv && insn->no_vv) || x->sew > 2 || !sc_vdest(x, x->lmul + 1) ||
	    !sc_vsource(x, x->sew + 1, x->lmul + 1, x->vs2, x->sew + w, x->lmul + w) ||
	    (vv && !sc_vsource(x, x->sew + 1, x->lmul + 1, x->vs1, x->sew, x->lmul)))
		return SC_V_ILLEGAL;
	sc_vapply(x, insn->loop[x->sew], x->sew + 1, sc_vreg(x, x->vs2),
		  sc_voperand(x, x->sew, true), NULL);
	return SC_V_DONE;
}

static enum sc_vres narrow_shift(struct sc_vec *x)
{
	if (x->sew > 2 || !sc_vdest(x, x->lmul) ||
	    !sc_vsource(x, x->sew, x->lmul, x->vs2, x->sew + 1, x->lmul + 1) ||
	    (x->f3 == SC_OPIVV && !sc_vgroup(x->vs1, x->lmul)))
		return SC_V_ILLEGAL;
	sc_vapply(x, narrow[x->f6 & 1][x->sew], x->sew, sc_vreg(x, x->vs2),
		  sc_voperand(x, x->sew, false), NULL);
	return SC_V_DONE;
}

static enum sc_vres extend(struct sc_vec *x)
{
	static sc_vfn *const loops[2][4][4] = { /* signed, log2 of the factor, sew */
		{ { 0 },
		  { NULL, zext_8_16, zext_16_32, zext_32_64 },
		  { NULL, NULL, zext_8_32, zext_16_64 },
		  { NULL, NULL, NULL, zext_8_64 } },
		{ { 0 },
		  { NULL, sext_8_16, sext_16_32, sext_32_64 },
		  { NULL, NULL, sext_8_32, sext_16_64 },
		  { NULL, NULL, NULL, sext_8_64 } },
	};
	int factor = 4 - x->vs1 / 2; /* log2 */
	sc_vfn *loop;

	if (x->vs1 < 2 || x->vs1 > 7)
		return SC_V_ILLEGAL;
	loop = loops[x->vs1 & 1][factor][x->sew];
	if (!loop || !sc_vdest(x, x->lmul) ||
	    !sc_vsource(x, x->sew, x->lmul, x->vs2, x->sew - factor, x->lmul - factor))
		return SC_V_ILLEGAL;
	sc_vapply(x, loop, x->sew, sc_vreg(x, x->vs2), NULL, NULL);
	return SC_V_DONE;
}

static uint64_t step(unsigned int op, uint64_t acc, uint64_t v)
{
	int64_t sa = (int64_t)acc, sv = (int64_t)v;

	switch (op) {
	case 0:
		return acc + v;
	case 1:
		return acc & v;
	case 2:
		return acc | v;
	case 3:
		return acc ^ v;
	case 4:
		return acc < v ? acc : v;
	case 5:
		return sa < sv ? acc : v;
	case 6:
		return acc > v ? acc : v;
	default:
		return sa > sv ? acc : v;
	}
}

/* @dsew of the scalar; operands are extended to 64 bits, signed if @is_signed. */
static enum sc_vres reduce(struct sc_vec *x, unsigned int op, int dsew, bool is_signed)
{
	unsigned int ds = 64 - (8u << dsew), ss = 64 - (8u << x->sew);
	uint64_t acc;

	if (x->vstart || dsew > 3 || !sc_vgroup(x->vs2, x->lmul))
		return SC_V_ILLEGAL;
	if (!x->vl)
		return SC_V_DONE;
	acc = sc_vget(sc_vreg(x, x->vs1), 0, dsew);
	acc = is_signed ? (uint64_t)((int64_t)(acc << ds) >> ds) : acc;
	for (uint32_t i = 0; i < x->vl; i++) {
		uint64_t v = sc_vget(sc_vreg(x, x->vs2), i, x->sew);

		if (sc_vactive(x, i))
			acc = step(op, acc, is_signed ? (uint64_t)((int64_t)(v << ss) >> ss) : v);
	}
	sc_vput(sc_vreg(x, x->vd), 0, dsew, acc);
	return SC_V_DONE;
}

enum sc_vres sc_vector_wide(struct sc_vec *x)
{
	switch (x->f3) {
	case SC_OPIVV:
		if (x->f6 == 0x30 || x->f6 == 0x31)
			return reduce(x, 0, x->sew + 1, x->f6 & 1);
		/* fall through */
	case SC_OPIVX:
	case SC_OPIVI:
		return x->f6 == 0x2c || x->f6 == 0x2d ? narrow_shift(x) : SC_V_ILLEGAL;
	case SC_OPMVV:
		if (x->f6 < 8)
			return reduce(x, x->f6, x->sew, x->f6 & 1);
		if (x->f6 == 0x12)
			return extend(x);
	}
	return widen(x);
}
