// SPDX-License-Identifier: MIT
/*
 * The vector unit: vset*, its CSRs, which file executes what, and the loops and
 * checks that all of them share. The invariant: vtype is one of those that
 * set_vtype() accepts, or vill alone; vl is at most VLMAX.
 */
#include "vector_path.h"

#define CSR_VSTART 0x008
#define CSR_VXSAT  0x009
#define CSR_VXRM   0x00a
#define CSR_VCSR   0x00f
#define CSR_VL	   0xc20
#define CSR_VTYPE  0xc21
#define CSR_VLENB  0xc22

static int vtype_lmul(uint64_t vtype)
{
	return (int)(vtype & 7) - (vtype & 4 ? 8 : 0);
}

/* Elements of a group under a vtype, 0 if there is no such type. They have at most 64 bits. */
static uint32_t vlmax_of(uint32_t vlen, uint64_t vtype)
{
	int sew = vtype >> 3 & 7, lmul = vtype_lmul(vtype);

	if (sew > 3 || lmul == -4 || (lmul < 0 && sew > 3 + lmul))
		return 0;
	return vlen << (lmul + 3) >> 6 >> sew;
}

void sc_vector_init(struct sc_core *core)
{
	for (unsigned int vtype = 0; vtype < 256; vtype++)
		core->vlmax[vtype] = vlmax_of(core->vlen, vtype);
}

void sc_vector_reset(struct sc_core *core)
{
	core->vtype = SC_VTYPE_VILL;
	core->vl = 0;
	core->vstart = 0;
	core->vsetting = 0;
	core->vcsr = 0;
}

bool sc_vector_read_csr(const struct sc_core *core, unsigned int csr, uint64_t *value)
{
	if (!core->vlen)
		return false;
	switch (csr) {
	case CSR_VSTART:
		*value = core->vstart;
		return true;
	case CSR_VXSAT:
		*value = core->vcsr & 1;
		return true;
	case CSR_VXRM:
		*value = core->vcsr >> 1;
		return true;
	case CSR_VCSR:
		*value = core->vcsr;
		return true;
	case CSR_VL:
		*value = core->vl;
		return true;
	case CSR_VTYPE:
		*value = core->vtype;
		return true;
	case CSR_VLENB:
		*value = core->vlen / 8;
		return true;
	}
	return false;
}

bool sc_vector_write_csr(struct sc_core *core, unsigned int csr, uint64_t value)
{
	if (!core->vlen)
		return false;
	switch (csr) {
	case CSR_VSTART:
		core->vstart = value & (core->vlen - 1);
		core->vsetting = 0;
		return true;
	case CSR_VXSAT:
		core->vcsr = (core->vcsr & 6) | (value & 1);
		return true;
	case CSR_VXRM:
		core->vcsr = (core->vcsr & 1) | (value & 3) << 1;
		return true;
	case CSR_VCSR:
		core->vcsr = value & 7;
		return true;
	}
	return false;
}

/* vset{i}vl{i}; false: there is no such instruction. */
static bool set(struct sc_core *core, uint32_t word)
{
	unsigned int rd = SC_INSN_RD(word), rs1 = SC_INSN_RS1(word);
	uint64_t avl = rs1 ? core->x[rs1] : rd ? UINT64_MAX : core->vl, vtype, vlmax;

	if (!(word >> 31)) {
		vtype = word >> 20 & 0x7ff;
	} else if (word >> 30 == 3) {
		avl = rs1;
		vtype = word >> 20 & 0x3ff;
	} else if (SC_INSN_FUNCT7(word) == 0x40) {
		vtype = core->x[SC_INSN_RS2(word)];
	} else {
		return false;
	}
	vlmax = vtype < 256 ? core->vlmax[vtype] : 0;
	core->vtype = vlmax ? vtype : SC_VTYPE_VILL;
	core->vl = avl < vlmax ? avl : vlmax;
	core->vstart = 0;
	core->x[rd ? rd : SC_X_SINK] = core->vl;
	return true;
}

bool sc_vsource(const struct sc_vec *x, int dsew, int dlm, unsigned int vs, int ssew, int slm)
{
	if (!sc_vgroup(vs, slm))
		return false;
	if (dsew == ssew || !sc_voverlap(x->vd, dlm, vs, slm))
		return true;
	if (dsew < ssew)
		return x->vd == vs;
	return slm >= 0 && vs + sc_vregs(slm) == x->vd + sc_vregs(dlm);
}

void sc_vmerge(const struct sc_vec *x, int sew, const uint8_t *t, uint32_t from, uint32_t end)
{
	uint8_t *d = sc_vreg(x, x->vd);

	if (from >= end)
		return;
	if (!x->masked) {
		memcpy(d + ((size_t)from << sew), t + ((size_t)from << sew),
		       (size_t)(end - from) << sew);
	} else if (!from) {
		x->core->vpath->integer[SC_VINT_merge][sew](d, d, t, sc_vbytes(x, x->v), end);
	} else {
		for (uint32_t i = from; i < end; i++)
			if (sc_vbit(x->v, i))
				sc_vput(d, i, sew, sc_vget(t, i, sew));
	}
}

void sc_vapply(const struct sc_vec *x, sc_vfn *fn, int dsew, const void *a, const void *b,
	       const uint8_t *c)
{
	if (!x->masked && !x->vstart) {
		fn(sc_vreg(x, x->vd), a, b, c, x->vl);
	} else if (x->vstart < x->vl) {
		/* an operand of multiply-add */
		memcpy(sc_vtmp(x, 0), sc_vreg(x, x->vd), (size_t)x->vl << dsew);
		fn(sc_vtmp(x, 0), a, b, c, x->vl);
		sc_vmerge(x, dsew, sc_vtmp(x, 0), x->vstart, x->vl);
	}
}

void sc_vapply_mask(const struct sc_vec *x, sc_vfn *fn, const void *a, const void *b,
		    const uint8_t *c, bool masked)
{
	uint8_t *bytes = sc_vtmp(x, 3), *d = sc_vreg(x, x->vd);
	uint32_t i = x->vstart;

	fn(bytes, a, b, c, x->vl);
	if (!masked && !x->vstart) {
		for (; i + 8 <= x->vl; i += 8) {
			uint64_t eight;

			memcpy(&eight, bytes + i, 8);
			d[i / 8] = (uint8_t)(eight * 0x0102040810204080 >> 56);
		}
	}
	for (; i < x->vl; i++)
		if (!masked || sc_vbit(x->v, i))
			sc_vset_bit(d, i, bytes[i]);
}

void sc_vfill(uint8_t *d, int sew, uint64_t value, size_t n)
{
	size_t bytes = n << sew, done;

	for (done = 0; done < 64 && done < bytes; done += (size_t)1 << sew)
		sc_vput(d + done, 0, sew, value);
	for (; done < bytes; done *= 2)
		memcpy(d + done, d, done < bytes - done ? done : bytes - done);
}

/* vl elements of one value in buffer 1. */
static const uint8_t *splat(const struct sc_vec *x, int sew, uint64_t value)
{
	sc_vfill(sc_vtmp(x, 1), sew, value, x->vl);
	return sc_vtmp(x, 1);
}

const uint8_t *sc_voperand(const struct sc_vec *x, int sew, bool is_signed)
{
	switch (x->f3) {
	case SC_OPIVX:
	case SC_OPMVX:
		return splat(x, sew, x->core->x[x->vs1]);
	case SC_OPIVI:
		return splat(x, sew,
			     is_signed ? (uint64_t)((int64_t)((uint64_t)x->vs1 << 59) >> 59) :
					 x->vs1);
	default:
		return sc_vreg(x, x->vs1);
	}
}

const uint8_t *sc_vbytes(const struct sc_vec *x, const uint8_t *mask)
{
	x->core->vpath->bits_to_bytes(sc_vtmp(x, 2), mask, x->vl);
	return sc_vtmp(x, 2);
}

static enum sc_vres dispatch(struct sc_vec *x)
{
	static enum sc_vres (*const parts[])(struct sc_vec *x) = {
		sc_vector_int, sc_vector_wide, sc_vector_fixed, sc_vector_mask, sc_vector_perm,
	};
	enum sc_vres res = SC_V_ILLEGAL;

	if (x->f3 == SC_OPFVV || x->f3 == SC_OPFVF) {
		if (x->core->fcsr >> 5 > SC_RMM)
			return SC_V_ILLEGAL;
		res = sc_vector_fp(x);
		if (res == SC_V_ILLEGAL)
			res = sc_vector_fcvt(x);
		return res == SC_V_ILLEGAL ? sc_vector_perm(x) : res;
	}
	for (unsigned int i = 0; i < sizeof(parts) / sizeof(parts[0]) && res == SC_V_ILLEGAL; i++)
		res = parts[i](x);
	return res;
}

struct sc_vec sc_vec_open(struct sc_core *core, uint32_t word)
{
	return (struct sc_vec){
		.core = core,
		.v = core->v,
		.word = word,
		.vlenb = core->vlen / 8,
		.vd = (uint8_t)SC_INSN_RD(word),
		.vs1 = (uint8_t)SC_INSN_RS1(word),
		.vs2 = (uint8_t)SC_INSN_RS2(word),
		.f6 = (uint8_t)(word >> 26),
		.f3 = (uint8_t)SC_INSN_FUNCT3(word),
		.masked = !(word >> 25 & 1),
		.sew = core->vtype >> 3 & 3,
		.lmul = vtype_lmul(core->vtype & 7),
		.vl = (uint32_t)core->vl,
		.vstart = (uint32_t)core->vstart,
	};
}

static bool unknown(struct sc_core *core, uint32_t word)
{
	uint32_t opcode = SC_INSN_OPCODE(word);
	enum sc_vres res = SC_V_ILLEGAL;
	struct sc_vec x;

	core->vsetting = 0;
	if (!core->vlen)
		goto illegal;
	if (opcode == SC_OPC_OP_V && SC_INSN_FUNCT3(word) == SC_OPCFG) {
		if (!set(core, word))
			goto illegal;
		return true;
	}
	x = sc_vec_open(core, word);
	sc_vector_settle_for(&x, opcode != SC_OPC_OP_V && opcode != SC_OPC_DMA);
	if (opcode != SC_OPC_OP_V && opcode != SC_OPC_DMA)
		res = sc_vector_mem(&x, opcode == SC_OPC_STORE_V);
	else if (!(core->vtype & SC_VTYPE_VILL))
		res = opcode == SC_OPC_DMA ? sc_vector_exp2(&x) : dispatch(&x);
	if (res == SC_V_FAULT)
		return false;
	if (res == SC_V_DONE) {
		core->vstart = 0;
		return true;
	}
illegal:
	sc_core_trap(core, SC_CODE_ILLEGAL_INSN)->value = word;
	return false;
}

static bool execute(struct sc_core *core, uint32_t word)
{
	struct sc_vknown *k = core->vknown[SC_VKNOWN_INDEX(word)].known, *end = k + 2;

	while (k < end && (k->word != word || (uint32_t)k->setting != core->vtype))
		k++;
	if (k < end && core->vl && !core->vstart) {
		if (k->setting != SC_VSETTING(core->vl, core->vtype))
			sc_vector_adapt(core, k);
		if (k->execute(core, k))
			return true;
	}
	return unknown(core, word);
}

static bool execute_recorded(struct sc_core *core, uint32_t word)
{
	bool done;

	sc_record_vector(core->recorder, word, core->vl, core->vtype, core->vlen / 8);
	done = execute(core, word);
	sc_record_vector_end(core->recorder);
	return done;
}

bool sc_vector(struct sc_core *core, uint32_t word)
{
	if (sc_unlikely(core->recorder))
		return execute_recorded(core, word);
	if (!execute(core, word))
		return false;
	core->vsetting = SC_VSETTING(core->vl, core->vtype);
	return true;
}
