// SPDX-License-Identifier: MIT
/*
 * Instruction decoder: the encoding of every instruction as tables of
 * patterns, one table per major opcode; vendor instructions come from
 * SC_INSN_TABLE. The invariant: a word matches at most one pattern, and every
 * bit of a matched word is either an operand or fixed by the pattern.
 */
#include <stdbool.h>
#include <stddef.h>

#include "decode.h"

/* How the operands of a pattern are taken apart. */
enum format {
	FMT_R, /* rd, rs1, rs2 */
	FMT_I, /* rd, rs1, 12-bit immediate */
	FMT_SHIFT, /* rd, rs1, shift amount */
	FMT_S, /* rs1, rs2, store immediate */
	FMT_B, /* rs1, rs2, branch offset */
	FMT_U,
	FMT_J,
	FMT_WORD, /* rd, rs1, rs2, the word; rd is an integer register */
	FMT_FLOAD, /* as FMT_I, rd is a floating-point register */
};

struct pattern {
	uint32_t mask;
	uint32_t match;
	uint8_t hop;
	uint8_t format;
};

#define MASK_F3	  0x0000707f
#define MASK_SH6  0xfc00707f
#define MASK_F7	  0xfe00707f
#define MASK_F12  0xfff0707f
#define F3(opcode, f3)		 ((uint32_t)(f3) << 12 | (opcode))
#define F7(opcode, f3, f7)	 ((uint32_t)(f7) << 25 | F3(opcode, f3))
#define F12(opcode, f3, f7, rs2) ((uint32_t)(rs2) << 20 | F7(opcode, f3, f7))

#define P_F3(name, opcode, f3, format)	   { MASK_F3, F3(opcode, f3), SC_HOP_##name, format }
#define P_R(name, opcode, f3, f7)	   { MASK_F7, F7(opcode, f3, f7), SC_HOP_##name, FMT_R }
#define P_SH5(name, opcode, f3, f7)	   { MASK_F7, F7(opcode, f3, f7), SC_HOP_##name, FMT_SHIFT }
#define P_SH6(name, opcode, f3, f6)	   { MASK_SH6, F7(opcode, f3, (f6) << 1), SC_HOP_##name, \
					     FMT_SHIFT }
#define P_UNARY(name, opcode, f3, f7, rs2) { MASK_F12, F12(opcode, f3, f7, rs2), SC_HOP_##name, \
					     FMT_R }
#define P_END				   { 0, 1, SC_HOP_ILLEGAL, FMT_WORD }

static const struct pattern load[] = {
	P_F3(LB, 0x03, 0, FMT_I),  P_F3(LH, 0x03, 1, FMT_I),  P_F3(LW, 0x03, 2, FMT_I),
	P_F3(LD, 0x03, 3, FMT_I),  P_F3(LBU, 0x03, 4, FMT_I), P_F3(LHU, 0x03, 5, FMT_I),
	P_F3(LWU, 0x03, 6, FMT_I), P_END,
};

static const struct pattern load_fp[] = {
	P_F3(FLH, 0x07, 1, FMT_FLOAD), P_F3(FLW, 0x07, 2, FMT_FLOAD),
	P_F3(FLD, 0x07, 3, FMT_FLOAD), P_F3(VLOAD, 0x07, 0, FMT_WORD),
	P_F3(VLOAD, 0x07, 5, FMT_WORD), P_F3(VLOAD, 0x07, 6, FMT_WORD),
	P_F3(VLOAD, 0x07, 7, FMT_WORD), P_END,
};

/* The base ISA asks to ignore rd, rs1 and unknown fields of FENCE and FENCE.I. */
static const struct pattern misc_mem[] = {
	{ 0xffffffff, 0x0100000f, SC_HOP_PAUSE, FMT_WORD },
	P_F3(FENCE, 0x0f, 0, FMT_WORD), P_F3(FENCE_I, 0x0f, 1, FMT_WORD), P_END,
};

static const struct pattern op_imm[] = {
	P_F3(ADDI, 0x13, 0, FMT_I),	   P_F3(SLTI, 0x13, 2, FMT_I),
	P_F3(SLTIU, 0x13, 3, FMT_I),	   P_F3(XORI, 0x13, 4, FMT_I),
	P_F3(ORI, 0x13, 6, FMT_I),	   P_F3(ANDI, 0x13, 7, FMT_I),
	P_SH6(SLLI, 0x13, 1, 0x00),	   P_SH6(SRLI, 0x13, 5, 0x00),
	P_SH6(SRAI, 0x13, 5, 0x10),	   P_SH6(RORI, 0x13, 5, 0x18),
	P_SH6(BSETI, 0x13, 1, 0x0a),	   P_SH6(BCLRI, 0x13, 1, 0x12),
	P_SH6(BINVI, 0x13, 1, 0x1a),	   P_SH6(BEXTI, 0x13, 5, 0x12),
	P_UNARY(CLZ, 0x13, 1, 0x30, 0),	   P_UNARY(CTZ, 0x13, 1, 0x30, 1),
	P_UNARY(CPOP, 0x13, 1, 0x30, 2),   P_UNARY(SEXT_B, 0x13, 1, 0x30, 4),
	P_UNARY(SEXT_H, 0x13, 1, 0x30, 5), P_UNARY(ORC_B, 0x13, 5, 0x14, 7),
	P_UNARY(REV8, 0x13, 5, 0x35, 24),  P_END,
};

static const struct pattern auipc[] = { { 0x7f, 0x17, SC_HOP_AUIPC, FMT_U }, P_END };
static const struct pattern lui[] = { { 0x7f, 0x37, SC_HOP_LUI, FMT_U }, P_END };
static const struct pattern jal[] = { { 0x7f, 0x6f, SC_HOP_JAL, FMT_J }, P_END };
static const struct pattern jalr[] = { P_F3(JALR, 0x67, 0, FMT_I), P_END };

static const struct pattern op_imm_32[] = {
	P_F3(ADDIW, 0x1b, 0, FMT_I),	 P_SH5(SLLIW, 0x1b, 1, 0x00),
	P_SH5(SRLIW, 0x1b, 5, 0x00),	 P_SH5(SRAIW, 0x1b, 5, 0x20),
	P_SH5(RORIW, 0x1b, 5, 0x30),	 P_SH6(SLLI_UW, 0x1b, 1, 0x02),
	P_UNARY(CLZW, 0x1b, 1, 0x30, 0), P_UNARY(CTZW, 0x1b, 1, 0x30, 1),
	P_UNARY(CPOPW, 0x1b, 1, 0x30, 2), P_END,
};

static const struct pattern store[] = {
	P_F3(SB, 0x23, 0, FMT_S), P_F3(SH, 0x23, 1, FMT_S), P_F3(SW, 0x23, 2, FMT_S),
	P_F3(SD, 0x23, 3, FMT_S), P_END,
};

static const struct pattern store_fp[] = {
	P_F3(FSH, 0x27, 1, FMT_S), P_F3(FSW, 0x27, 2, FMT_S), P_F3(FSD, 0x27, 3, FMT_S),
	P_F3(VSTORE, 0x27, 0, FMT_WORD), P_F3(VSTORE, 0x27, 5, FMT_WORD),
	P_F3(VSTORE, 0x27, 6, FMT_WORD), P_F3(VSTORE, 0x27, 7, FMT_WORD), P_END,
};

#define MASK_AMO 0xf800607f /* funct3 is 2 or 3: bit 12 is the size; aq and rl are free */
#define P_AMO(f5) { MASK_AMO, (uint32_t)(f5) << 27 | 0x202f, SC_HOP_AMO, FMT_WORD }
static const struct pattern amo[] = {
	{ MASK_AMO | 31 << 20, 0x02u << 27 | 0x202f, SC_HOP_AMO, FMT_WORD }, /* LR */
	P_AMO(0x03), P_AMO(0x01), P_AMO(0x00), P_AMO(0x04), P_AMO(0x0c), P_AMO(0x08),
	P_AMO(0x10), P_AMO(0x14), P_AMO(0x18), P_AMO(0x1c), P_END,
};

static const struct pattern op[] = {
	P_R(ADD, 0x33, 0, 0x00),    P_R(SUB, 0x33, 0, 0x20),	P_R(SLL, 0x33, 1, 0x00),
	P_R(SLT, 0x33, 2, 0x00),    P_R(SLTU, 0x33, 3, 0x00),	P_R(XOR, 0x33, 4, 0x00),
	P_R(SRL, 0x33, 5, 0x00),    P_R(SRA, 0x33, 5, 0x20),	P_R(OR, 0x33, 6, 0x00),
	P_R(AND, 0x33, 7, 0x00),    P_R(MUL, 0x33, 0, 0x01),	P_R(MULH, 0x33, 1, 0x01),
	P_R(MULHSU, 0x33, 2, 0x01), P_R(MULHU, 0x33, 3, 0x01),	P_R(DIV, 0x33, 4, 0x01),
	P_R(DIVU, 0x33, 5, 0x01),   P_R(REM, 0x33, 6, 0x01),	P_R(REMU, 0x33, 7, 0x01),
	P_R(SH1ADD, 0x33, 2, 0x10), P_R(SH2ADD, 0x33, 4, 0x10), P_R(SH3ADD, 0x33, 6, 0x10),
	P_R(ANDN, 0x33, 7, 0x20),   P_R(ORN, 0x33, 6, 0x20),	P_R(XNOR, 0x33, 4, 0x20),
	P_R(MIN, 0x33, 4, 0x05),    P_R(MINU, 0x33, 5, 0x05),	P_R(MAX, 0x33, 6, 0x05),
	P_R(MAXU, 0x33, 7, 0x05),   P_R(ROL, 0x33, 1, 0x30),	P_R(ROR, 0x33, 5, 0x30),
	P_R(BCLR, 0x33, 1, 0x24),   P_R(BEXT, 0x33, 5, 0x24),	P_R(BINV, 0x33, 1, 0x34),
	P_R(BSET, 0x33, 1, 0x14),   P_END,
};

static const struct pattern op_32[] = {
	P_R(ADDW, 0x3b, 0, 0x00),	P_R(SUBW, 0x3b, 0, 0x20),	P_R(SLLW, 0x3b, 1, 0x00),
	P_R(SRLW, 0x3b, 5, 0x00),	P_R(SRAW, 0x3b, 5, 0x20),	P_R(MULW, 0x3b, 0, 0x01),
	P_R(DIVW, 0x3b, 4, 0x01),	P_R(DIVUW, 0x3b, 5, 0x01),	P_R(REMW, 0x3b, 6, 0x01),
	P_R(REMUW, 0x3b, 7, 0x01),	P_R(ADD_UW, 0x3b, 0, 0x04),
	P_R(SH1ADD_UW, 0x3b, 2, 0x10),
	P_R(SH2ADD_UW, 0x3b, 4, 0x10),	P_R(SH3ADD_UW, 0x3b, 6, 0x10),	P_R(ROLW, 0x3b, 1, 0x30),
	P_R(RORW, 0x3b, 5, 0x30),	P_UNARY(ZEXT_H, 0x3b, 4, 0x04, 0), P_END,
};

static const struct pattern branch[] = {
	P_F3(BEQ, 0x63, 0, FMT_B),  P_F3(BNE, 0x63, 1, FMT_B),	P_F3(BLT, 0x63, 4, FMT_B),
	P_F3(BGE, 0x63, 5, FMT_B),  P_F3(BLTU, 0x63, 6, FMT_B), P_F3(BGEU, 0x63, 7, FMT_B),
	P_END,
};

static const struct pattern system[] = {
	{ 0xffffffff, 0x00000073, SC_HOP_ECALL, FMT_WORD },
	{ 0xffffffff, 0x00100073, SC_HOP_EBREAK, FMT_WORD },
	P_F3(CSR, 0x73, 1, FMT_WORD), P_F3(CSR, 0x73, 2, FMT_WORD), P_F3(CSR, 0x73, 3, FMT_WORD),
	P_F3(CSR, 0x73, 5, FMT_WORD), P_F3(CSR, 0x73, 6, FMT_WORD), P_F3(CSR, 0x73, 7, FMT_WORD),
	P_END,
};

/* By bits 6 to 2 of the word. OP-FP, FMA and the vendor's opcodes have decoders of their own. */
static const struct pattern *const patterns[32] = {
	[0x00] = load,	 [0x01] = load_fp,  [0x03] = misc_mem,	[0x04] = op_imm, [0x05] = auipc,
	[0x06] = op_imm_32, [0x08] = store, [0x09] = store_fp,	[0x0b] = amo,	 [0x0c] = op,
	[0x0d] = lui,	 [0x0e] = op_32,    [0x18] = branch,	[0x19] = jalr,	 [0x1b] = jal,
	[0x1c] = system,
};

/*
 * OP-FP. The two format bits are free in a pattern; `rm` says that funct3 is a
 * rounding mode, `x` that rd is an integer register, and `fast` names the
 * handlers for S and D that try the host's arithmetic (0: none).
 */
struct fp_pattern {
	uint32_t mask;
	uint32_t match;
	uint8_t kind;
	bool rm;
	bool x;
	uint8_t fast[2];
};

#define FP_MASK	    0xf800007f
#define FP_RS2	    0x01f00000
#define FP_FMT	    0x06000000
#define FP_F3	    0x00007000
#define FP(f5)	    ((uint32_t)(f5) << 27 | SC_OPC_OP_FP)
#define FP_FAST(op) { SC_HOP_##op##_S, SC_HOP_##op##_D }
#define FP_SLOW	    { SC_HOP_FP, SC_HOP_FP }
static const struct fp_pattern fp_patterns[] = {
	{ FP_MASK, FP(0x00), SC_FP_ADD, true, false, FP_FAST(FADD) },
	{ FP_MASK, FP(0x01), SC_FP_SUB, true, false, FP_FAST(FSUB) },
	{ FP_MASK, FP(0x02), SC_FP_MUL, true, false, FP_FAST(FMUL) },
	{ FP_MASK, FP(0x03), SC_FP_DIV, true, false, FP_FAST(FDIV) },
	{ FP_MASK | FP_RS2, FP(0x0b), SC_FP_SQRT, true, false, FP_FAST(FSQRT) },
	{ FP_MASK | FP_F3, FP(0x04), SC_FP_SGNJ, false, false, FP_FAST(FSGNJ) },
	{ FP_MASK | FP_F3, FP(0x04) | 1 << 12, SC_FP_SGNJN, false, false,
	  { SC_HOP_FP, SC_HOP_FSGNJN_D } },
	{ FP_MASK | FP_F3, FP(0x04) | 2 << 12, SC_FP_SGNJX, false, false,
	  { SC_HOP_FP, SC_HOP_FSGNJX_D } },
	{ FP_MASK | FP_F3, FP(0x05), SC_FP_MIN, false, false, FP_SLOW },
	{ FP_MASK | FP_F3, FP(0x05) | 1 << 12, SC_FP_MAX, false, false, FP_SLOW },
	{ FP_MASK | FP_F3, FP(0x14) | 2 << 12, SC_FP_EQ, false, true, FP_FAST(FEQ) },
	{ FP_MASK | FP_F3, FP(0x14) | 1 << 12, SC_FP_LT, false, true, FP_FAST(FLT) },
	{ FP_MASK | FP_F3, FP(0x14), SC_FP_LE, false, true, FP_FAST(FLE) },
	{ FP_MASK | FP_RS2 | FP_F3, FP(0x1c) | 1 << 12, SC_FP_CLASS, false, true, FP_SLOW },
	{ FP_MASK | FP_RS2 | FP_F3, FP(0x1c), SC_FP_MV_TO_X, false, true,
	  { SC_HOP_FMV_X_W, SC_HOP_FMV_X_D } },
	{ FP_MASK | FP_RS2 | FP_F3, FP(0x1e), SC_FP_MV_FROM_X, false, false,
	  { SC_HOP_FMV_W_X, SC_HOP_FMV_D_X } },
	/* integer type in rs2: W, WU, L, LU */
	{ FP_MASK | FP_RS2, FP(0x18), SC_FP_TO_INT, true, true,
	  { SC_HOP_FCVT_W_S, SC_HOP_FCVT_W_D } },
	{ FP_MASK | FP_RS2, FP(0x18) | 1 << 20, SC_FP_TO_INT, true, true, FP_SLOW },
	{ FP_MASK | FP_RS2, FP(0x18) | 2 << 20, SC_FP_TO_INT, true, true,
	  { SC_HOP_FP, SC_HOP_FCVT_L_D } },
	{ FP_MASK | FP_RS2, FP(0x18) | 3 << 20, SC_FP_TO_INT, true, true, FP_SLOW },
	{ FP_MASK | FP_RS2, FP(0x1a), SC_FP_FROM_INT, true, false,
	  { SC_HOP_FCVT_S_W, SC_HOP_FCVT_D_W } },
	{ FP_MASK | FP_RS2, FP(0x1a) | 1 << 20, SC_FP_FROM_INT, true, false, FP_SLOW },
	{ FP_MASK | FP_RS2, FP(0x1a) | 2 << 20, SC_FP_FROM_INT, true, false,
	  { SC_HOP_FP, SC_HOP_FCVT_D_L } },
	{ FP_MASK | FP_RS2, FP(0x1a) | 3 << 20, SC_FP_FROM_INT, true, false, FP_SLOW },
	/* source format in rs2: S, D, H */
	{ FP_MASK | FP_RS2, FP(0x08), SC_FP_CVT, true, false, { SC_HOP_FP, SC_HOP_FCVT_D_S } },
	{ FP_MASK | FP_RS2, FP(0x08) | 1 << 20, SC_FP_CVT, true, false,
	  { SC_HOP_FCVT_S_D, SC_HOP_FP } },
	{ FP_MASK | FP_RS2, FP(0x08) | 2 << 20, SC_FP_CVT, true, false, FP_SLOW },
	/* bf16 to S, and S to bf16, which goes by H's number */
	{ FP_MASK | FP_FMT | FP_RS2, FP(0x08) | 6 << 20, SC_FP_CVT_BF16, true, false, FP_SLOW },
	{ FP_MASK | FP_FMT | FP_RS2, FP(0x08) | 2 << 25 | 8 << 20, SC_FP_CVT_BF16, true, false,
	  FP_SLOW },
};

/* The vendor's instructions, straight from the table. */
enum operands { OPS_I_R, OPS_I_R_R, OPS_R_R, OPS_D_R, OPS_NONE, OPS_VD_VS2 };
struct vendor {
	uint32_t match; /* opcode, funct3, funct7 */
	uint8_t operands;
	uint64_t feature;
};

#define VENDOR_(name, mnemonic, opcode, f3, f7, operands, cost, feature, text) \
	{ F7(opcode, f3, f7), OPS_##operands, SC_ISA_##feature },
static const struct vendor vendors[] = { SC_INSN_TABLE(VENDOR_) };

/* Bits that must be zero, and bits of funct7 that are operands, by operand class. */
static const uint32_t vendor_zero[] = {
	[OPS_I_R] = 31 << 20,
	[OPS_I_R_R] = 0,
	[OPS_R_R] = 31 << 7,
	[OPS_D_R] = 31 << 20,
	[OPS_NONE] = 31 << 7 | 31 << 15 | 31 << 20,
	[OPS_VD_VS2] = 31 << 15,
};

uint64_t sc_vendor_feature(enum sc_insn insn)
{
	return vendors[insn].feature;
}

static bool decode_vendor(uint32_t word, struct sc_rec *rec)
{
	for (unsigned int i = 0; i < SC_INSN_COUNT; i++) {
		const struct vendor *v = &vendors[i];
		uint32_t mask = v->operands == OPS_VD_VS2 ? MASK_F7 & ~(1u << 25) : MASK_F7;

		if ((word & mask) != (v->match & mask))
			continue;
		rec->rs3 = (uint8_t)i;
		if (v->operands == OPS_D_R && !rec->rd)
			rec->rd = SC_X_SINK;
		return !(word & vendor_zero[v->operands]);
	}
	return false;
}

/* S and D have fast handlers; format 3 (quad) does not exist here. */
static enum sc_hop decode_fp(uint32_t word, struct sc_rec *rec)
{
	unsigned int fmt = SC_INSN_FMT(word);
	unsigned int rm = SC_INSN_FUNCT3(word);

	for (unsigned int i = 0; i < sizeof(fp_patterns) / sizeof(fp_patterns[0]); i++) {
		const struct fp_pattern *p = &fp_patterns[i];

		if ((word & p->mask) != p->match)
			continue;
		if (fmt == 3 || (p->rm && (rm == 5 || rm == 6)))
			return SC_HOP_ILLEGAL;
		if (p->kind == SC_FP_CVT && SC_INSN_RS2(word) == fmt)
			return SC_HOP_ILLEGAL;
		rec->rs3 = p->kind;
		if (p->x && !rec->rd)
			rec->rd = SC_X_SINK;
		return fmt < 2 ? p->fast[fmt] : SC_HOP_FP;
	}
	return SC_HOP_ILLEGAL;
}

static enum sc_hop decode_fma(uint32_t word, struct sc_rec *rec)
{
	static const uint8_t fast[4][2] = {
		FP_FAST(FMADD), FP_FAST(FMSUB), FP_FAST(FNMSUB), FP_FAST(FNMADD),
	};
	unsigned int fmt = SC_INSN_FMT(word);
	unsigned int rm = SC_INSN_FUNCT3(word);

	if (fmt == 3 || rm == 5 || rm == 6)
		return SC_HOP_ILLEGAL;
	rec->rs3 = word >> 27;
	return fmt < 2 ? fast[(word >> 2) & 3][fmt] : SC_HOP_FP;
}

static int32_t branch_offset(uint32_t w)
{
	return (int32_t)(w & 0x80000000) >> 19 | (int32_t)((w >> 7 & 0x1e) | (w >> 20 & 0x7e0) |
							   (w << 4 & 0x800));
}

static int32_t jal_offset(uint32_t w)
{
	return (int32_t)(w & 0x80000000) >> 11 |
	       (int32_t)((w & 0xff000) | (w >> 9 & 0x800) | (w >> 20 & 0x7fe));
}

/* Turn a branch or jump within the page into its near form. */
static enum sc_hop near_form(enum sc_hop hop, struct sc_rec *rec, unsigned int index)
{
	int32_t target = (int32_t)(index * 4) + rec->imm;

	if (target < 0 || target >= SC_PAGE_SIZE || (target & 3))
		return hop;
	rec->imm = rec->imm / 4 * (int32_t)sizeof(struct sc_rec);
	if (hop == SC_HOP_JAL)
		return rec->rd == SC_X_SINK ? SC_HOP_J_N : SC_HOP_JAL_N;
	return hop - SC_HOP_BEQ + SC_HOP_BEQ_N;
}

/* Fill in the operands of a matched pattern; the handler may become a special case. */
static enum sc_hop operands(const struct pattern *p, uint32_t word, struct sc_rec *rec,
			    unsigned int index)
{
	enum sc_hop hop = p->hop;

	if (p->format != FMT_FLOAD && p->format != FMT_S && p->format != FMT_B && !rec->rd)
		rec->rd = SC_X_SINK;
	switch (p->format) {
	case FMT_I:
	case FMT_FLOAD:
		rec->imm = (int32_t)word >> 20;
		if (hop == SC_HOP_ADDI && !rec->imm)
			hop = SC_HOP_MV;
		else if (hop == SC_HOP_ADDI && !rec->rs1)
			hop = SC_HOP_LI;
		break;
	case FMT_SHIFT:
		rec->imm = word >> 20 & 63;
		break;
	case FMT_S:
		rec->imm = (int32_t)(word & 0xfe000000) >> 20 | (int32_t)(word >> 7 & 31);
		break;
	case FMT_B:
		rec->imm = branch_offset(word);
		return near_form(hop, rec, index);
	case FMT_U:
		rec->imm = (int32_t)(word & 0xfffff000);
		break;
	case FMT_J:
		rec->imm = jal_offset(word);
		return near_form(hop, rec, index);
	}
	return hop;
}

static enum sc_hop decode(uint32_t word, struct sc_rec *rec, unsigned int index)
{
	const struct pattern *p;

	switch (SC_INSN_OPCODE(word)) {
	case SC_OPC_OP_FP:
		return decode_fp(word, rec);
	case SC_OPC_FMADD:
	case SC_OPC_FMSUB:
	case SC_OPC_FNMSUB:
	case SC_OPC_FNMADD:
		return decode_fma(word, rec);
	case SC_OPC_OP_V: /* the vector unit takes it apart */
		if (SC_INSN_FUNCT3(word) == 1 || SC_INSN_FUNCT3(word) == 5)
			return SC_HOP_VFLOAT;
		if (SC_INSN_FUNCT3(word) != 7 || word >> 31)
			return SC_HOP_VECTOR;
		if (!rec->rd)
			rec->rd = SC_X_SINK;
		return SC_HOP_VSETVLI;
	case SC_OPC_MATRIX:
	case SC_OPC_DMA:
		return decode_vendor(word, rec) ? SC_HOP_VENDOR : SC_HOP_ILLEGAL;
	}
	p = (word & 3) == 3 ? patterns[word >> 2 & 31] : NULL;
	if (!p)
		return SC_HOP_ILLEGAL;
	for (; p->mask; p++)
		if ((word & p->mask) == p->match)
			return operands(p, word, rec, index);
	return SC_HOP_ILLEGAL;
}

/* The handler that executes both instructions, or ILLEGAL if there is none. */
static enum sc_hop pair_of(enum sc_hop first, enum sc_hop second)
{
	switch (first * SC_HOP_COUNT + second) {
#define ALU_(first, second)                                     \
	case SC_HOP_##first * SC_HOP_COUNT + SC_HOP_##second:   \
		return SC_HOP_##first##__##second;
#define BRANCH_(first, second)                                  \
	case SC_HOP_##first * SC_HOP_COUNT + SC_HOP_##second##_N: \
		return SC_HOP_##first##__##second;
		SC_PAIR_TABLE(ALU_, BRANCH_)
	}
	return SC_HOP_ILLEGAL;
}

/* Whether the sources can change places. */
static bool commutes(enum sc_hop hop)
{
	return hop == SC_HOP_ADD || hop == SC_HOP_XOR || hop == SC_HOP_AND ||
	       hop == SC_HOP_BEQ_N || hop == SC_HOP_BNE_N;
}

/* If @rec, of @hop, and the record before it, of @before, are a pair, the latter executes both. */
static void join(struct sc_rec *rec, enum sc_hop before, enum sc_hop hop,
		 const void *const *labels)
{
	enum sc_hop pair = pair_of(before, hop);

	if (pair == SC_HOP_ILLEGAL)
		return;
	if (commutes(hop) && rec->rs2 == rec[-1].rd) {
		rec->rs2 = rec->rs1;
		rec->rs1 = rec[-1].rd;
	}
	if (rec->rs1 == rec[-1].rd)
		pair++; /* the _TO_ handler */
	rec[-1].handler = labels[pair];
}

void sc_decode_page(const uint32_t *words, struct sc_rec *recs, const void *const *labels)
{
	enum sc_hop before = SC_HOP_ILLEGAL, hop;

	for (unsigned int i = 0; i < SC_CODE_WORDS; i++) {
		uint32_t word = words[i];
		struct sc_rec *rec = &recs[i];

		rec->rd = SC_INSN_RD(word);
		rec->rs1 = SC_INSN_RS1(word);
		rec->rs2 = SC_INSN_RS2(word);
		rec->rs3 = SC_VKNOWN_INDEX(word); /* unless it is something else */
		rec->imm = (int32_t)word;
		hop = decode(word, rec, i);
		rec->handler = labels[hop];
		if (i)
			join(rec, before, hop, labels);
		before = hop;
	}
	recs[SC_CODE_WORDS] = (struct sc_rec){ .handler = labels[SC_HOP_PAGE_END] };
}
