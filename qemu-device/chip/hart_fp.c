// SPDX-License-Identifier: MIT
/*
 * Every floating-point instruction of the hart, for the interpreter's slow way:
 * takes NaN boxes off, resolves the rounding mode, computes with fp.c and adds
 * to fflags. The invariant: registers and flags are untouched when the
 * rounding mode is illegal.
 */
#include "core_priv.h"
#include "fp.h"

/* Register bits that do not belong to a value of the format; ones in a proper box. */
static const uint64_t boxes[] = {
	[SC_FP_S] = 0xffffffff00000000ULL,
	[SC_FP_D] = 0,
	[SC_FP_H] = 0xffffffffffff0000ULL,
	[SC_FP_BF16] = 0xffffffffffff0000ULL,
};

static uint64_t unbox(enum sc_fp_format fmt, uint64_t f)
{
	return (f & boxes[fmt]) == boxes[fmt] ? f & ~boxes[fmt] : sc_fp_nan(fmt);
}

static uint64_t sign_of(enum sc_fp_format fmt)
{
	return (~boxes[fmt] >> 1) + 1;
}

static bool fused(struct sc_core *core, const struct sc_rec *rec, enum sc_fp_format fmt,
		  struct sc_fp_env *env)
{
	uint32_t opcode = SC_INSN_OPCODE((uint32_t)rec->imm);
	bool neg_product = opcode == SC_OPC_FNMSUB || opcode == SC_OPC_FNMADD;
	bool neg_c = opcode == SC_OPC_FMSUB || opcode == SC_OPC_FNMADD;
	uint64_t r = sc_fp_fma(fmt, unbox(fmt, core->f[rec->rs1]), unbox(fmt, core->f[rec->rs2]),
			       unbox(fmt, core->f[rec->rs3]), neg_product, neg_c, env);

	core->f[rec->rd] = r | boxes[fmt];
	core->fcsr |= env->flags;
	return true;
}

/* Results that go to a floating-point register. */
static uint64_t to_fp(struct sc_core *core, const struct sc_rec *rec, enum sc_fp_format fmt,
		      struct sc_fp_env *env)
{
	uint32_t word = (uint32_t)rec->imm;
	unsigned int type = SC_INSN_RS2(word); /* integer type or source format of conversions */
	uint64_t raw = core->f[rec->rs1], a = unbox(fmt, raw), b = unbox(fmt, core->f[rec->rs2]);
	uint64_t x = core->x[rec->rs1], sign = sign_of(fmt);

	switch ((enum sc_fp_kind)rec->rs3) {
	case SC_FP_ADD:
		return sc_fp_add(fmt, a, b, env);
	case SC_FP_SUB:
		return sc_fp_sub(fmt, a, b, env);
	case SC_FP_MUL:
		return sc_fp_mul(fmt, a, b, env);
	case SC_FP_DIV:
		return sc_fp_div(fmt, a, b, env);
	case SC_FP_SQRT:
		return sc_fp_sqrt(fmt, a, env);
	case SC_FP_SGNJ:
		return (a & ~sign) | (b & sign);
	case SC_FP_SGNJN:
		return (a & ~sign) | (~b & sign);
	case SC_FP_SGNJX:
		return a ^ (b & sign);
	case SC_FP_MIN:
		return sc_fp_min(fmt, a, b, env);
	case SC_FP_MAX:
		return sc_fp_max(fmt, a, b, env);
	case SC_FP_FROM_INT:
		if (!(type & 2))
			x = type & 1 ? (uint32_t)x : (uint64_t)(int64_t)(int32_t)x;
		return sc_fp_from_int(fmt, x, !(type & 1), env);
	case SC_FP_CVT:
		return sc_fp_convert(fmt, type, unbox(type, raw), env);
	case SC_FP_CVT_BF16:
		if (fmt == SC_FP_S)
			return sc_fp_convert(fmt, SC_FP_BF16, unbox(SC_FP_BF16, raw), env);
		return sc_fp_convert(SC_FP_BF16, SC_FP_S, unbox(SC_FP_S, raw), env);
	default: /* SC_FP_MV_FROM_X */
		return x & ~boxes[fmt];
	}
}

/* Results that go to an integer register; false if the operation has none. */
static bool to_int(struct sc_core *core, const struct sc_rec *rec, enum sc_fp_format fmt,
		   struct sc_fp_env *env, uint64_t *result)
{
	unsigned int type = SC_INSN_RS2((uint32_t)rec->imm);
	uint64_t raw = core->f[rec->rs1], a = unbox(fmt, raw), b = unbox(fmt, core->f[rec->rs2]);

	switch ((enum sc_fp_kind)rec->rs3) {
	case SC_FP_EQ:
		*result = sc_fp_eq(fmt, a, b, env);
		return true;
	case SC_FP_LT:
		*result = sc_fp_lt(fmt, a, b, env);
		return true;
	case SC_FP_LE:
		*result = sc_fp_le(fmt, a, b, env);
		return true;
	case SC_FP_CLASS:
		*result = sc_fp_class(fmt, a);
		return true;
	case SC_FP_TO_INT:
		*result = sc_fp_to_int(fmt, a, type & 2 ? 64 : 32, !(type & 1), env);
		return true;
	case SC_FP_MV_TO_X: /* the raw bits, whatever box they are in; sign-extended */
		raw &= ~boxes[fmt];
		*result = raw & sign_of(fmt) ? raw | boxes[fmt] : raw;
		return true;
	default:
		return false;
	}
}

/* Whether funct3 is a rounding mode, so that an illegal one in frm matters. */
static bool has_rm(enum sc_fp_kind kind)
{
	switch (kind) {
	case SC_FP_ADD:
	case SC_FP_SUB:
	case SC_FP_MUL:
	case SC_FP_DIV:
	case SC_FP_SQRT:
	case SC_FP_TO_INT:
	case SC_FP_FROM_INT:
	case SC_FP_CVT:
	case SC_FP_CVT_BF16:
		return true;
	default:
		return false;
	}
}

bool sc_hart_fp(struct sc_core *core, const struct sc_rec *rec)
{
	uint32_t word = (uint32_t)rec->imm;
	enum sc_fp_format fmt = SC_INSN_FMT(word);
	bool is_fma = SC_INSN_OPCODE(word) != SC_OPC_OP_FP;
	struct sc_fp_env env = { .rm = SC_INSN_FUNCT3(word) };
	uint64_t result;

	if (!is_fma && rec->rs3 == SC_FP_CVT_BF16 && !(core->isa & SC_ISA_ZFBFMIN))
		return false;
	if (env.rm == SC_RM_DYN && (is_fma || has_rm(rec->rs3))) {
		env.rm = core->fcsr >> 5;
		if (env.rm > SC_RMM)
			return false;
	}
	if (is_fma)
		return fused(core, rec, fmt, &env);
	if (to_int(core, rec, fmt, &env, &result))
		core->x[rec->rd] = result;
	else
		core->f[rec->rd] = to_fp(core, rec, fmt, &env) | boxes[fmt];
	core->fcsr |= env.flags;
	return true;
}
