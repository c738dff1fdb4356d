// SPDX-License-Identifier: MIT
/*
 * Vector instructions on masks. The invariant: bits at and above vl of a
 * destination stay as they were.
 */
#include "vector.h"

static bool logical(unsigned int f6, bool a, bool b)
{
	switch (f6) {
	case 0x18:
		return a && !b;
	case 0x19:
		return a && b;
	case 0x1a:
		return a || b;
	case 0x1b:
		return a != b;
	case 0x1c:
		return a || !b;
	case 0x1d:
		return !(a && b);
	case 0x1e:
		return !(a || b);
	default:
		return a == b;
	}
}

static enum sc_vres combine(struct sc_vec *x)
{
	const uint8_t *a = sc_vreg(x, x->vs2), *b = sc_vreg(x, x->vs1);

	if (x->masked)
		return SC_V_ILLEGAL;
	for (uint32_t i = x->vstart; i < x->vl; i++)
		sc_vset_bit(sc_vreg(x, x->vd), i, logical(x->f6, sc_vbit(a, i), sc_vbit(b, i)));
	return SC_V_DONE;
}

/* vcpop, vfirst */
static enum sc_vres count(struct sc_vec *x)
{
	uint64_t n = 0, first = ~0ULL;

	if (x->vstart)
		return SC_V_ILLEGAL;
	for (uint32_t i = 0; i < x->vl; i++) {
		if (!sc_vactive(x, i) || !sc_vbit(sc_vreg(x, x->vs2), i))
			continue;
		if (first == ~0ULL)
			first = i;
		n++;
	}
	x->core->x[x->vd ? x->vd : SC_X_SINK] = x->vs1 & 1 ? first : n;
	return SC_V_DONE;
}

/* vmsbf, vmsof, vmsif: before, only, including the first one */
static enum sc_vres first_bits(struct sc_vec *x)
{
	bool seen = false;

	if (x->vstart || x->vd == x->vs2 || (x->masked && !x->vd))
		return SC_V_ILLEGAL;
	for (uint32_t i = 0; i < x->vl; i++) {
		bool bit = sc_vbit(sc_vreg(x, x->vs2), i), r;

		if (!sc_vactive(x, i))
			continue;
		r = x->vs1 == 1 ? !seen && !bit : x->vs1 == 2 ? !seen && bit : !seen;
		seen |= bit;
		sc_vset_bit(sc_vreg(x, x->vd), i, r);
	}
	return SC_V_DONE;
}

static enum sc_vres iota(struct sc_vec *x)
{
	uint64_t n = 0;

	if (x->vstart || !sc_vdest(x, x->lmul) || sc_voverlap(x->vd, x->lmul, x->vs2, 0))
		return SC_V_ILLEGAL;
	for (uint32_t i = 0; i < x->vl; i++) {
		if (!sc_vactive(x, i))
			continue;
		sc_vput(sc_vreg(x, x->vd), i, x->sew, n);
		n += sc_vbit(sc_vreg(x, x->vs2), i);
	}
	return SC_V_DONE;
}

static enum sc_vres indices(struct sc_vec *x)
{
	if (x->vs2 || !sc_vdest(x, x->lmul))
		return SC_V_ILLEGAL;
	for (uint32_t i = x->vstart; i < x->vl; i++)
		if (sc_vactive(x, i))
			sc_vput(sc_vreg(x, x->vd), i, x->sew, i);
	return SC_V_DONE;
}

enum sc_vres sc_vector_mask(struct sc_vec *x)
{
	if (x->f3 != SC_OPMVV)
		return SC_V_ILLEGAL;
	if (x->f6 >= 0x18 && x->f6 <= 0x1f)
		return combine(x);
	if (x->f6 == 0x10 && (x->vs1 == 0x10 || x->vs1 == 0x11))
		return count(x);
	if (x->f6 != 0x14)
		return SC_V_ILLEGAL;
	switch (x->vs1) {
	case 0x01:
	case 0x02:
	case 0x03:
		return first_bits(x);
	case 0x10:
		return iota(x);
	case 0x11:
		return indices(x);
	}
	return SC_V_ILLEGAL;
}
