// SPDX-License-Identifier: MIT
/*
 * Vector instructions with one floating-point operand: conversions, the
 * 7-bit estimates, classification, and sd.vexp2.v. The invariant is
 * that of vector_fp.c.
 */
#include "fp.h"
#include "vector_path.h"

enum kind { TO_INT, FROM_INT, FLOAT, BF16 };

/* VFUNARY0 by vs1: widths are those of source and destination relative to SEW. */
struct conversion {
	bool valid;
	uint8_t kind;
	bool is_signed;
	int8_t rm; /* -1: dynamic */
	bool wide_source;
	bool wide_dest;
};

#define CVT(kind, is_signed, rm, ws, wd) { true, kind, is_signed, rm, ws, wd }
static const struct conversion conversions[32] = {
	[0x00] = CVT(TO_INT, 0, -1, 0, 0),	[0x01] = CVT(TO_INT, 1, -1, 0, 0),
	[0x02] = CVT(FROM_INT, 0, -1, 0, 0),	[0x03] = CVT(FROM_INT, 1, -1, 0, 0),
	[0x06] = CVT(TO_INT, 0, SC_RTZ, 0, 0),	[0x07] = CVT(TO_INT, 1, SC_RTZ, 0, 0),
	[0x08] = CVT(TO_INT, 0, -1, 0, 1),	[0x09] = CVT(TO_INT, 1, -1, 0, 1),
	[0x0a] = CVT(FROM_INT, 0, -1, 0, 1),	[0x0b] = CVT(FROM_INT, 1, -1, 0, 1),
	[0x0c] = CVT(FLOAT, 0, -1, 0, 1),	[0x0d] = CVT(BF16, 0, -1, 0, 1),
	[0x0e] = CVT(TO_INT, 0, SC_RTZ, 0, 1),	[0x0f] = CVT(TO_INT, 1, SC_RTZ, 0, 1),
	[0x10] = CVT(TO_INT, 0, -1, 1, 0),	[0x11] = CVT(TO_INT, 1, -1, 1, 0),
	[0x12] = CVT(FROM_INT, 0, -1, 1, 0),	[0x13] = CVT(FROM_INT, 1, -1, 1, 0),
	[0x14] = CVT(FLOAT, 0, -1, 1, 0),	[0x15] = CVT(FLOAT, 0, SC_ROD, 1, 0),
	[0x16] = CVT(TO_INT, 0, SC_RTZ, 1, 0),	[0x17] = CVT(TO_INT, 1, SC_RTZ, 1, 0),
	[0x1d] = CVT(BF16, 0, -1, 1, 0),
};

static uint64_t convert_one(const struct conversion *c, int from, int to, uint64_t v,
			    struct sc_fp_env *env)
{
	unsigned int shift = 64 - (8u << from);

	switch (c->kind) {
	case TO_INT:
		return sc_fp_to_int(sc_vector_format(from), v, 8u << to, c->is_signed, env);
	case FROM_INT:
		if (c->is_signed)
			v = (uint64_t)((int64_t)(v << shift) >> shift);
		return sc_fp_from_int(sc_vector_format(to), v, c->is_signed, env);
	case FLOAT:
		return sc_fp_convert(sc_vector_format(to), sc_vector_format(from), v, env);
	default:
		return to == 2 ? sc_fp_convert(SC_FP_S, SC_FP_BF16, v, env) :
				 sc_fp_convert(SC_FP_BF16, SC_FP_S, v, env);
	}
}

/* The loop that converts, SC_VCVT_COUNT if there is none. */
static enum sc_vcvt loop_of(const struct sc_vec *x, const struct conversion *c, int from, int to,
			    const struct sc_fp_env *env)
{
	bool nx = (x->core->fcsr | env->flags) & SC_FP_NX, rounds = nx && env->rm == SC_RNE;
	bool words = from == 2 && to == 2;

	switch (c->kind) {
	case BF16:
		return to == 2 ? SC_VCVT_BF16_S : rounds ? SC_VCVT_S_BF16 : SC_VCVT_COUNT;
	case FLOAT:
		if (to > from)
			return to == 2 ? SC_VCVT_H_S : SC_VCVT_S_D;
		return !rounds ? SC_VCVT_COUNT : to == 1 ? SC_VCVT_S_H : SC_VCVT_D_S;
	case TO_INT:
		if (!words || !c->is_signed || !nx)
			return SC_VCVT_COUNT;
		return env->rm == SC_RTZ ? SC_VCVT_S_I_RTZ : rounds ? SC_VCVT_S_I : SC_VCVT_COUNT;
	default:
		return !words || !rounds ? SC_VCVT_COUNT : c->is_signed ? SC_VCVT_I_S : SC_VCVT_U_S;
	}
}

/* How many elements from i on a loop has converted. */
static uint32_t fast(const struct sc_vec *x, enum sc_vcvt cvt, int from, int to, uint32_t i)
{
	const uint8_t *a = sc_vreg(x, x->vs2) + ((size_t)i << from);
	uint8_t *t = sc_vtmp(x, 0);
	size_t done;

	if (cvt == SC_VCVT_COUNT || !x->core->vpath->convert[cvt])
		return 0;
	done = x->core->vpath->convert[cvt](t + ((size_t)i << to), a, x->vl - i);
	sc_vmerge(x, to, t, i, (uint32_t)(i + done));
	return (uint32_t)done;
}

#define SLOW 32 /* elements that go one by one where a loop stops */

static enum sc_vres convert(struct sc_vec *x)
{
	const struct conversion *c = &conversions[x->vs1];
	int from = x->sew + c->wide_source, to = x->sew + c->wide_dest;
	int slm = x->lmul + c->wide_source, dlm = x->lmul + c->wide_dest;
	struct sc_fp_env env = {
		.rm = (uint8_t)(c->rm < 0 ? x->core->fcsr >> 5 : (unsigned int)c->rm),
	};

	if (!c->valid || from > 3 || to > 3 || (c->kind != FROM_INT && !from) ||
	    (c->kind != TO_INT && !to) || (c->kind == BF16 && x->sew != 1))
		return SC_V_ILLEGAL;
	if (!sc_vdest(x, dlm) || !sc_vsource(x, to, dlm, x->vs2, from, slm))
		return SC_V_ILLEGAL;
	for (uint32_t i = x->vstart, end; i < x->vl;) {
		i += fast(x, loop_of(x, c, from, to, &env), from, to, i);
		for (end = x->vl - i < SLOW ? x->vl : i + SLOW; i < end; i++)
			if (sc_vactive(x, i))
				sc_vput(sc_vreg(x, x->vd), i, to,
					convert_one(c, from, to,
						    sc_vget(sc_vreg(x, x->vs2), i, from), &env));
	}
	x->core->fcsr |= env.flags;
	return SC_V_DONE;
}

/* The tables of the V specification: 7 bits of 1/x and of 1/sqrt(x). */
static const uint8_t reciprocal[128] = {
	127, 125, 123, 121, 119, 117, 116, 114, 112, 110, 109, 107, 105, 104, 102, 100,
	99,  97,  96,  94,  93,	 91,  90,  88,	87,  85,  84,  83,  81,	 80,  79,  77,
	76,  75,  74,  72,  71,	 70,  69,  68,	66,  65,  64,  63,  62,	 61,  60,  59,
	58,  57,  56,  55,  54,	 53,  52,  51,	50,  49,  48,  47,  46,	 45,  44,  43,
	42,  41,  40,  40,  39,	 38,  37,  36,	35,  35,  34,  33,  32,	 31,  31,  30,
	29,  28,  28,  27,  26,	 25,  25,  24,	23,  23,  22,  21,  21,	 20,  19,  19,
	18,  17,  17,  16,  15,	 15,  14,  14,	13,  12,  12,  11,  11,	 10,  9,   9,
	8,   8,	  7,   7,   6,	 5,   5,   4,	4,   3,	  3,   2,   2,	 1,   1,   0,
};

static const uint8_t rsqrt[128] = {
	52,  51,  50,  48,  47,	 46,  44,  43,	42,  41,  40,  39,  38,	 36,  35,  34,
	33,  32,  31,  30,  30,	 29,  28,  27,	26,  25,  24,  23,  23,	 22,  21,  20,
	19,  19,  18,  17,  16,	 16,  15,  14,	14,  13,  12,  12,  11,	 10,  10,  9,
	9,   8,	  7,   7,   6,	 6,   5,   4,	4,   3,	  3,   2,   2,	 1,   1,   0,
	127, 125, 123, 121, 119, 118, 116, 114, 113, 111, 109, 108, 106, 105, 103, 102,
	100, 99,  97,  96,  95,	 93,  92,  91,	90,  88,  87,  86,  85,	 84,  83,  82,
	80,  79,  78,  77,  76,	 75,  74,  73,	72,  71,  70,  70,  69,	 68,  67,  66,
	65,  64,  63,  63,  62,	 61,  60,  59,	59,  58,  57,  56,  56,	 55,  54,  53,
};

struct shape {
	unsigned int frac_bits;
	unsigned int exp_bits;
};

static const struct shape shapes[] = { [SC_FP_S] = { 23, 8 }, [SC_FP_D] = { 52, 11 },
				       [SC_FP_H] = { 10, 5 } };

/* Make the fraction of a subnormal that of a normal number; the exponent is then 0 or negative. */
static int normalise(const struct shape *s, int exp, uint64_t *frac)
{
	if (exp)
		return exp;
	while (!(*frac >> (s->frac_bits - 1) & 1)) {
		*frac <<= 1;
		exp--;
	}
	*frac = *frac << 1 & ((1ULL << s->frac_bits) - 1);
	return exp;
}

static uint64_t estimate_rsqrt(enum sc_fp_format fmt, uint64_t a, struct sc_fp_env *env)
{
	const struct shape *s = &shapes[fmt];
	uint64_t cls = sc_fp_class(fmt, a), frac = a & ((1ULL << s->frac_bits) - 1);
	int exp = (int)(a >> s->frac_bits & ((1u << s->exp_bits) - 1));
	int bias = (1 << (s->exp_bits - 1)) - 1, top = 2 * bias + 1;
	unsigned int index;

	if (cls & 0x107) { /* negative or signaling */
		env->flags |= SC_FP_NV;
		return sc_fp_nan(fmt);
	}
	if (cls & 0x200)
		return sc_fp_nan(fmt);
	if (cls & 0x18) { /* zero */
		env->flags |= SC_FP_DZ;
		return ((cls >> 3 & 1) << s->exp_bits | (uint64_t)top) << s->frac_bits;
	}
	if (cls & 0x80)
		return 0;
	exp = normalise(s, exp, &frac);
	index = (unsigned int)(exp & 1) << 6 | (unsigned int)(frac >> (s->frac_bits - 6));
	return (uint64_t)((3 * bias - 1 - exp) / 2) << s->frac_bits |
	       (uint64_t)rsqrt[index] << (s->frac_bits - 7);
}

static uint64_t estimate_reciprocal(enum sc_fp_format fmt, uint64_t a, struct sc_fp_env *env)
{
	const struct shape *s = &shapes[fmt];
	uint64_t cls = sc_fp_class(fmt, a), frac = a & ((1ULL << s->frac_bits) - 1), out;
	uint64_t sign = (a >> (s->frac_bits + s->exp_bits) & 1) << (s->frac_bits + s->exp_bits);
	int exp = (int)(a >> s->frac_bits & ((1u << s->exp_bits) - 1));
	int bias = (1 << (s->exp_bits - 1)) - 1, top = 2 * bias + 1;

	if (cls & 0x300) {
		env->flags |= cls & 0x100 ? SC_FP_NV : 0;
		return sc_fp_nan(fmt);
	}
	if (cls & 0x18) {
		env->flags |= SC_FP_DZ;
		return sign | (uint64_t)top << s->frac_bits;
	}
	if (cls & 0x81)
		return sign;
	exp = normalise(s, exp, &frac);
	if (exp < -1) { /* the reciprocal is too large */
		env->flags |= SC_FP_OF | SC_FP_NX;
		return env->rm == SC_RTZ || env->rm == (sign ? SC_RUP : SC_RDN) ?
			       sign | (((uint64_t)top << s->frac_bits) - 1) :
			       sign | (uint64_t)top << s->frac_bits;
	}
	exp = 2 * bias - 1 - exp;
	out = (uint64_t)reciprocal[frac >> (s->frac_bits - 7)] << (s->frac_bits - 7);
	if (exp <= 0) { /* subnormal: the leading one moves into the fraction */
		out = out >> 1 | 1ULL << (s->frac_bits - 1);
		out >>= -exp;
		exp = 0;
	}
	return sign | (uint64_t)exp << s->frac_bits | out;
}

static enum sc_vres unary(struct sc_vec *x)
{
	enum sc_fp_format fmt = sc_vector_format(x->sew);
	struct sc_fp_env env = { .rm = (uint8_t)(x->core->fcsr >> 5) };

	if (!x->sew || !sc_vdest(x, x->lmul) || !sc_vgroup(x->vs2, x->lmul) ||
	    (x->vs1 != 0x04 && x->vs1 != 0x05 && x->vs1 != 0x10))
		return SC_V_ILLEGAL;
	for (uint32_t i = x->vstart; i < x->vl; i++) {
		uint64_t v = sc_vget(sc_vreg(x, x->vs2), i, x->sew);

		if (sc_vactive(x, i))
			sc_vput(sc_vreg(x, x->vd), i, x->sew,
				x->vs1 == 0x04 ? estimate_rsqrt(fmt, v, &env) :
				x->vs1 == 0x05 ? estimate_reciprocal(fmt, v, &env) :
						 sc_fp_class(fmt, v));
	}
	x->core->fcsr |= env.flags;
	return SC_V_DONE;
}

enum sc_vres sc_vector_fcvt(struct sc_vec *x)
{
	if (x->f3 != SC_OPFVV)
		return SC_V_ILLEGAL;
	return x->f6 == 0x12 ? convert(x) : x->f6 == 0x13 ? unary(x) : SC_V_ILLEGAL;
}

enum sc_vres sc_vector_exp2(struct sc_vec *x)
{
	const uint8_t *a = sc_vreg(x, x->vs2);

	if (x->sew != 2 || !sc_vdest(x, x->lmul) || !sc_vgroup(x->vs2, x->lmul))
		return SC_V_ILLEGAL;
	if (x->masked || x->vstart) {
		x->core->vpath->exp2(sc_vtmp(x, 0), a, x->vl);
		sc_vmerge(x, 2, sc_vtmp(x, 0), x->vstart, x->vl);
	} else {
		sc_vknow(x, SC_VKNOWN_EXP2, 2, 0, 0, NULL);
		x->core->vpath->exp2(sc_vreg(x, x->vd), a, x->vl);
	}
	return SC_V_DONE;
}
