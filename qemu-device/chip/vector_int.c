// SPDX-License-Identifier: MIT
/*
 * Integer vector instructions whose operands and results have one width, and
 * the comparisons, whose results are masks. The loops are those of the host's
 * way (vector_path.h). The invariant: they have no effect but their results, so
 * a masked instruction may compute elements that it then drops.
 */
#include "vector_path.h"

#define VV 1
#define VX 2
#define VI 4
struct insn {
	uint8_t op;
	uint8_t forms;
	bool is_unsigned; /* the immediate */
};

static const struct insn opi[64] = {
	[0x00] = { SC_VINT_add, VV | VX | VI, 0 },  [0x02] = { SC_VINT_sub, VV | VX, 0 },
	[0x03] = { SC_VINT_rsub, VX | VI, 0 },      [0x04] = { SC_VINT_minu, VV | VX, 0 },
	[0x05] = { SC_VINT_min, VV | VX, 0 },       [0x06] = { SC_VINT_maxu, VV | VX, 0 },
	[0x07] = { SC_VINT_max, VV | VX, 0 },       [0x09] = { SC_VINT_and, VV | VX | VI, 0 },
	[0x0a] = { SC_VINT_or, VV | VX | VI, 0 },   [0x0b] = { SC_VINT_xor, VV | VX | VI, 0 },
	[0x10] = { SC_VINT_adc, VV | VX | VI, 0 },  [0x11] = { SC_VINT_madc, VV | VX | VI, 0 },
	[0x12] = { SC_VINT_sbc, VV | VX, 0 },       [0x13] = { SC_VINT_msbc, VV | VX, 0 },
	[0x17] = { SC_VINT_merge, VV | VX | VI, 0 }, [0x18] = { SC_VINT_eq, VV | VX | VI, 0 },
	[0x19] = { SC_VINT_ne, VV | VX | VI, 0 },   [0x1a] = { SC_VINT_ltu, VV | VX, 0 },
	[0x1b] = { SC_VINT_lt, VV | VX, 0 },	       [0x1c] = { SC_VINT_leu, VV | VX | VI, 0 },
	[0x1d] = { SC_VINT_le, VV | VX | VI, 0 },   [0x1e] = { SC_VINT_gtu, VX | VI, 0 },
	[0x1f] = { SC_VINT_gt, VX | VI, 0 },	       [0x25] = { SC_VINT_sll, VV | VX | VI, 1 },
	[0x28] = { SC_VINT_srl, VV | VX | VI, 1 },  [0x29] = { SC_VINT_sra, VV | VX | VI, 1 },
};

static const struct insn opm[64] = {
	[0x20] = { SC_VINT_divu, VV | VX, 0 },   [0x21] = { SC_VINT_div, VV | VX, 0 },
	[0x22] = { SC_VINT_remu, VV | VX, 0 },   [0x23] = { SC_VINT_rem, VV | VX, 0 },
	[0x24] = { SC_VINT_mulhu, VV | VX, 0 },  [0x25] = { SC_VINT_mul, VV | VX, 0 },
	[0x26] = { SC_VINT_mulhsu, VV | VX, 0 }, [0x27] = { SC_VINT_mulh, VV | VX, 0 },
	[0x29] = { SC_VINT_madd, VV | VX, 0 },   [0x2b] = { SC_VINT_nmsub, VV | VX, 0 },
	[0x2d] = { SC_VINT_macc, VV | VX, 0 },   [0x2f] = { SC_VINT_nmsac, VV | VX, 0 },
};

/* Results that are masks: comparisons and carries. */
static enum sc_vres compare(struct sc_vec *x, enum sc_vint op, bool is_unsigned)
{
	bool carry = op == SC_VINT_madc || op == SC_VINT_msbc;
	const uint8_t *c = NULL;

	if (!sc_vsource(x, -1, 0, x->vs2, x->sew, x->lmul) ||
	    (x->f3 == SC_OPIVV && !sc_vsource(x, -1, 0, x->vs1, x->sew, x->lmul)))
		return SC_V_ILLEGAL;
	if (carry && x->masked)
		c = sc_vbytes(x, x->v);
	else if (carry)
		op = op == SC_VINT_madc ? SC_VINT_madc0 : SC_VINT_msbc0;
	sc_vapply_mask(x, x->core->vpath->integer[op][x->sew], sc_vreg(x, x->vs2),
		       sc_voperand(x, x->sew, !is_unsigned), c, x->masked && !carry);
	return SC_V_DONE;
}

/* vadc, vsbc, vmerge, vmv.v: v0 selects or adds, and every element is written. */
static enum sc_vres with_carry(struct sc_vec *x, enum sc_vint op)
{
	bool move = op == SC_VINT_merge && !x->masked;
	const uint8_t *c = NULL;

	if (move ? x->vs2 : !x->masked || !x->vd)
		return SC_V_ILLEGAL;
	if (move)
		op = SC_VINT_mv;
	else
		c = sc_vbytes(x, x->v);
	x->masked = false;
	sc_vapply(x, x->core->vpath->integer[op][x->sew], x->sew, sc_vreg(x, x->vs2),
		  sc_voperand(x, x->sew, true), c);
	return SC_V_DONE;
}

enum sc_vres sc_vector_int(struct sc_vec *x)
{
	bool m = x->f3 == SC_OPMVV || x->f3 == SC_OPMVX;
	const struct insn *insn = m ? &opm[x->f6] : &opi[x->f6];
	bool vv = x->f3 == SC_OPIVV || x->f3 == SC_OPMVV;
	enum sc_vint op = insn->op;

	if (!op || !(insn->forms & (vv ? VV : x->f3 == SC_OPIVI ? VI : VX)))
		return SC_V_ILLEGAL;
	if (!sc_vgroup(x->vs2, x->lmul) || (vv && !sc_vgroup(x->vs1, x->lmul)))
		return SC_V_ILLEGAL;
	if (op >= SC_VINT_eq)
		return compare(x, op, insn->is_unsigned);
	if (!sc_vgroup(x->vd, x->lmul))
		return SC_V_ILLEGAL;
	if (op == SC_VINT_adc || op == SC_VINT_sbc || op == SC_VINT_merge)
		return with_carry(x, op);
	if (!sc_vdest(x, x->lmul))
		return SC_V_ILLEGAL;
	if (vv && !x->masked)
		sc_vknow(x, SC_VKNOWN_INT, x->sew, 0, 0,
			 (void (*)(void))x->core->vpath->integer[op][x->sew]);
	sc_vapply(x, x->core->vpath->integer[op][x->sew], x->sew, sc_vreg(x, x->vs2),
		  sc_voperand(x, x->sew, !insn->is_unsigned), NULL);
	return SC_V_DONE;
}
