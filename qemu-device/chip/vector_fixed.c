// SPDX-License-Identifier: MIT
/*
 * Fixed-point vector instructions: saturating, averaging, scaling, clipping.
 * Each result is computed exactly in 128 bits, rounded by vxrm and saturated;
 * the invariant: vxsat is set by active elements only.
 */
#include "vector.h"

/* v >> n, rounded as vxrm says. */
static sc_s128 round_off(sc_s128 v, unsigned int n, unsigned int vxrm)
{
	sc_s128 q = v >> n;
	bool half, rest;

	if (!n)
		return v;
	half = v >> (n - 1) & 1;
	rest = (v & (((sc_s128)1 << (n - 1)) - 1)) != 0;
	switch (vxrm) {
	case 0: /* nearest, up */
		return q + half;
	case 1: /* nearest, even */
		return q + (half && (rest || (q & 1)));
	case 2: /* down */
		return q;
	default: /* odd */
		return q | (half || rest);
	}
}

struct range {
	sc_s128 min;
	sc_s128 max;
};

static struct range range_of(int sew, bool is_signed)
{
	unsigned int bits = 8u << sew;

	if (is_signed)
		return (struct range){ -((sc_s128)1 << (bits - 1)),
				       ((sc_s128)1 << (bits - 1)) - 1 };
	return (struct range){ 0, ((sc_s128)1 << bits) - 1 };
}

static sc_s128 extended(uint64_t v, int sew, bool is_signed)
{
	unsigned int shift = 64 - (8u << sew);

	return is_signed ? (sc_s128)((int64_t)(v << shift) >> shift) : (sc_s128)v;
}

/* The exact or rounded result; *saturates says whether it is clipped then. */
static sc_s128 compute(const struct sc_vec *x, unsigned int op, sc_s128 a, sc_s128 b)
{
	unsigned int vxrm = x->core->vcsr >> 1, bits = 8u << x->sew;

	switch (op) {
	case 0x20: /* vsadd */
	case 0x21:
		return a + b;
	case 0x22: /* vssub */
	case 0x23:
		return a - b;
	case 0x08: /* vaadd */
	case 0x09:
		return round_off(a + b, 1, vxrm);
	case 0x0a: /* vasub */
	case 0x0b:
		return round_off(a - b, 1, vxrm);
	case 0x27: /* vsmul */
		return round_off(a * b, bits - 1, vxrm);
	case 0x2a: /* vssrl, vssra */
	case 0x2b:
		return round_off(a, (unsigned int)b & (bits - 1), vxrm);
	default: /* vnclip */
		return round_off(a, (unsigned int)b & (2 * bits - 1), vxrm);
	}
}

static void run(struct sc_vec *x, unsigned int op, bool is_signed, int asew, bool saturates,
		const uint8_t *b)
{
	const uint8_t *a = sc_vreg(x, x->vs2);
	struct range range = range_of(x->sew, is_signed);
	uint8_t *d = sc_vreg(x, x->vd);

	for (uint32_t i = x->vstart; i < x->vl; i++) {
		sc_s128 r;

		if (!sc_vactive(x, i))
			continue;
		r = compute(x, op, extended(sc_vget(a, i, asew), asew, is_signed),
			    extended(sc_vget(b, i, x->sew), x->sew, is_signed));
		if (saturates && (r < range.min || r > range.max)) {
			r = r < range.min ? range.min : range.max;
			x->core->vcsr |= 1;
		}
		sc_vput(d, i, x->sew, (uint64_t)r);
	}
}

enum sc_vres sc_vector_fixed(struct sc_vec *x)
{
	bool m = x->f3 == SC_OPMVV || x->f3 == SC_OPMVX;
	bool vv = x->f3 == SC_OPIVV || x->f3 == SC_OPMVV, vi = x->f3 == SC_OPIVI;
	bool averages = m && x->f6 >= 0x08 && x->f6 <= 0x0b;
	bool saturates = !m && (x->f6 == 0x20 || x->f6 == 0x21 ||
				(!vi && (x->f6 == 0x22 || x->f6 == 0x23 || x->f6 == 0x27)));
	bool shifts = !m && (x->f6 == 0x2a || x->f6 == 0x2b);
	bool clips = !m && (x->f6 == 0x2e || x->f6 == 0x2f);
	bool imm_signed = x->f6 == 0x20 || x->f6 == 0x21;

	if (!averages && !saturates && !shifts && !clips)
		return SC_V_ILLEGAL;
	if (clips && x->sew > 2)
		return SC_V_ILLEGAL;
	if (!sc_vdest(x, x->lmul) || (vv && !sc_vgroup(x->vs1, x->lmul)) ||
	    !sc_vsource(x, x->sew, x->lmul, x->vs2, x->sew + clips, x->lmul + clips))
		return SC_V_ILLEGAL;
	run(x, x->f6, x->f6 & 1, x->sew + clips, saturates || clips,
	    sc_voperand(x, x->sew, imm_signed));
	return SC_V_DONE;
}
