// SPDX-License-Identifier: MIT
/*
 * Vector instructions that move elements: slides, gathers, compress, whole
 * registers, and single elements to and from scalar registers. The invariant:
 * an element index is compared with VLMAX before it is used.
 */
#include "vector_path.h"

static uint64_t vlmax(const struct sc_vec *x)
{
	return ((uint64_t)x->vlenb << 3) >> x->sew >> (3 - x->lmul);
}

static bool apart(const struct sc_vec *x, unsigned int vs, int slm)
{
	return sc_vgroup(vs, slm) && !sc_voverlap(x->vd, x->lmul, vs, slm);
}

static enum sc_vres slide_up(struct sc_vec *x, uint64_t offset)
{
	const uint8_t *a = sc_vreg(x, x->vs2);

	if (!sc_vdest(x, x->lmul) || !apart(x, x->vs2, x->lmul))
		return SC_V_ILLEGAL;
	for (uint64_t i = x->vstart > offset ? x->vstart : offset; i < x->vl; i++)
		if (sc_vactive(x, i))
			sc_vput(sc_vreg(x, x->vd), i, x->sew, sc_vget(a, i - offset, x->sew));
	return SC_V_DONE;
}

static enum sc_vres slide_down(struct sc_vec *x, uint64_t offset)
{
	const uint8_t *a = sc_vreg(x, x->vs2);
	uint64_t max = vlmax(x);

	if (!sc_vdest(x, x->lmul) || !sc_vgroup(x->vs2, x->lmul))
		return SC_V_ILLEGAL;
	if (!x->masked)
		sc_vknow(x, SC_VKNOWN_SLIDE, x->sew, x->vs1, x->f3 == SC_OPIVI, NULL);
	for (uint64_t i = x->vstart; i < x->vl; i++)
		if (sc_vactive(x, i))
			sc_vput(sc_vreg(x, x->vd), i, x->sew,
				offset < max && i + offset < max ?
					sc_vget(a, i + offset, x->sew) : 0);
	return SC_V_DONE;
}

static enum sc_vres slide1(struct sc_vec *x, bool down, uint64_t scalar)
{
	const uint8_t *a = sc_vreg(x, x->vs2);

	if (!sc_vdest(x, x->lmul) ||
	    !(down ? sc_vgroup(x->vs2, x->lmul) : apart(x, x->vs2, x->lmul)))
		return SC_V_ILLEGAL;
	for (uint64_t i = x->vstart; i < x->vl; i++) {
		uint64_t from = down ? i + 1 : i - 1;
		bool end = down ? from == x->vl : !i;

		if (sc_vactive(x, i))
			sc_vput(sc_vreg(x, x->vd), i, x->sew,
				end ? scalar : sc_vget(a, from, x->sew));
	}
	return SC_V_DONE;
}

/* @index is vs1 as elements of 2^@isew bytes, or NULL for @scalar. */
static enum sc_vres gather(struct sc_vec *x, const uint8_t *index, int isew, uint64_t scalar)
{
	const uint8_t *a = sc_vreg(x, x->vs2);
	uint64_t max = vlmax(x);

	if (!sc_vdest(x, x->lmul) || !apart(x, x->vs2, x->lmul) ||
	    (index && !apart(x, x->vs1, x->lmul + isew - x->sew)))
		return SC_V_ILLEGAL;
	for (uint64_t i = x->vstart; i < x->vl; i++) {
		uint64_t from = index ? sc_vget(index, i, isew) : scalar;

		if (sc_vactive(x, i))
			sc_vput(sc_vreg(x, x->vd), i, x->sew,
				from < max ? sc_vget(a, from, x->sew) : 0);
	}
	return SC_V_DONE;
}

static enum sc_vres compress(struct sc_vec *x)
{
	uint64_t to = 0;

	if (x->masked || x->vstart || !sc_vgroup(x->vd, x->lmul) ||
	    !apart(x, x->vs2, x->lmul) || !apart(x, x->vs1, 0))
		return SC_V_ILLEGAL;
	for (uint64_t i = 0; i < x->vl; i++)
		if (sc_vbit(sc_vreg(x, x->vs1), i))
			sc_vput(sc_vreg(x, x->vd), to++, x->sew,
				sc_vget(sc_vreg(x, x->vs2), i, x->sew));
	return SC_V_DONE;
}

static enum sc_vres move_registers(struct sc_vec *x)
{
	unsigned int nr = x->vs1 + 1u;
	size_t from = (size_t)x->vstart << x->sew, end = (size_t)nr * x->vlenb;

	if (x->masked || nr > 8 || (nr & (nr - 1)) || x->vd % nr || x->vs2 % nr)
		return SC_V_ILLEGAL;
	if (!from)
		sc_vknow(x, SC_VKNOWN_MOVE, 0, nr, 0, NULL);
	if (from < end && x->vd != x->vs2)
		x->core->vpath->copy(sc_vreg(x, x->vd) + from, sc_vreg(x, x->vs2) + from,
				     end - from);
	return SC_V_DONE;
}

/* vmv.x.s and vmv.s.x, vfmv.f.s and vfmv.s.f */
static enum sc_vres move_scalar(struct sc_vec *x)
{
	bool fp = x->f3 == SC_OPFVV || x->f3 == SC_OPFVF, to_v = x->f3 >= SC_OPFVF;
	unsigned int shift = 64 - (8u << x->sew);
	uint64_t v;

	if (x->masked || (to_v ? x->vs2 : x->vs1) || (fp && !x->sew))
		return SC_V_ILLEGAL;
	if (to_v) {
		v = fp ? sc_vector_scalar(x, x->vs1) : x->core->x[x->vs1];
		if (x->vstart < x->vl)
			sc_vput(sc_vreg(x, x->vd), 0, x->sew, v);
		return SC_V_DONE;
	}
	v = sc_vget(sc_vreg(x, x->vs2), 0, x->sew) << shift;
	if (fp && x->sew >= 2)
		sc_vknow(x, SC_VKNOWN_READ, x->sew, x->vd + 1u, 0, NULL);
	if (fp)
		x->core->f[x->vd] = v >> shift | ~(~0ULL >> shift);
	else
		x->core->x[x->vd ? x->vd : SC_X_SINK] = (uint64_t)((int64_t)v >> shift);
	return SC_V_DONE;
}

static enum sc_vres opi(struct sc_vec *x)
{
	bool vv = x->f3 == SC_OPIVV;
	uint64_t scalar = x->f3 == SC_OPIVI ? x->vs1 : x->core->x[x->vs1];

	switch (x->f6) {
	case 0x0c:
		return gather(x, vv ? sc_vreg(x, x->vs1) : NULL, x->sew, scalar);
	case 0x0e:
		return vv ? gather(x, sc_vreg(x, x->vs1), 1, 0) : slide_up(x, scalar);
	case 0x0f:
		return vv ? SC_V_ILLEGAL : slide_down(x, scalar);
	case 0x27:
		return x->f3 == SC_OPIVI ? move_registers(x) : SC_V_ILLEGAL;
	}
	return SC_V_ILLEGAL;
}

enum sc_vres sc_vector_perm(struct sc_vec *x)
{
	if (x->f3 == SC_OPIVV || x->f3 == SC_OPIVX || x->f3 == SC_OPIVI)
		return opi(x);
	if (x->f6 == 0x10)
		return move_scalar(x);
	if (x->f6 == 0x0e || x->f6 == 0x0f) {
		if (x->f3 == SC_OPMVX)
			return slide1(x, x->f6 & 1, x->core->x[x->vs1]);
		if (x->f3 == SC_OPFVF && x->sew)
			return slide1(x, x->f6 & 1, sc_vector_scalar(x, x->vs1));
	}
	if (x->f6 == 0x17 && x->f3 == SC_OPMVV)
		return compress(x);
	return SC_V_ILLEGAL;
}
