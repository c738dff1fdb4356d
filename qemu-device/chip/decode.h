/* SPDX-License-Identifier: MIT */
/*
 * Pre-decoded instructions: one 16-byte record for each instruction word.
 *
 * A 4 KiB page of code becomes SC_CODE_RECS records: one per word and, behind
 * them, one that continues on the next page. A record is position independent,
 * except that a branch whose target lies in the same page holds the distance
 * in bytes of records. Decoding never fails: what is not an instruction
 * becomes ILLEGAL with the word as its immediate.
 */
#ifndef SC_DECODE_H
#define SC_DECODE_H

#include <stdint.h>

#include "seedchip_hw.h"
#include "seedchip_isa.h"

#define SC_CODE_WORDS (SC_PAGE_SIZE / 4)
#define SC_CODE_RECS  (SC_CODE_WORDS + 1)

/**
 * struct sc_rec - one decoded instruction
 * @handler: where the interpreter executes it
 * @rd: destination; integer register 0 has become SC_X_SINK
 * @rs1: first source
 * @rs2: second source
 * @rs3: third source, or a selector: enum sc_fp_kind, enum sc_insn, SC_VKNOWN_INDEX()
 * @imm: immediate; the instruction word itself for all that decode the rest when they run
 */
struct sc_rec {
	const void *handler;
	uint8_t rd;
	uint8_t rs1;
	uint8_t rs2;
	uint8_t rs3;
	int32_t imm;
};

#define SC_VKNOWN 256 /* sets of vector instructions of which all is known, by their word */
#define SC_VKNOWN_INDEX(word) ((word) * 0x9e3779b1u >> 24)

#define SC_X_SINK 32 /* index of the register that takes writes to x0 */

/* Every handler of the interpreter. _N: the target is in the same page. */
#define SC_HOP_TABLE(X)                                                                            \
	X(ILLEGAL) X(PAGE_END)                                                                     \
	X(LUI) X(AUIPC) X(JAL) X(JAL_N) X(J_N) X(JALR)                                             \
	X(BEQ) X(BNE) X(BLT) X(BGE) X(BLTU) X(BGEU)                                                \
	X(BEQ_N) X(BNE_N) X(BLT_N) X(BGE_N) X(BLTU_N) X(BGEU_N)                                    \
	X(LB) X(LH) X(LW) X(LD) X(LBU) X(LHU) X(LWU) X(SB) X(SH) X(SW) X(SD)                       \
	X(ADDI) X(LI) X(MV) X(SLTI) X(SLTIU) X(XORI) X(ORI) X(ANDI) X(SLLI) X(SRLI) X(SRAI)        \
	X(ADDIW) X(SLLIW) X(SRLIW) X(SRAIW)                                                        \
	X(ADD) X(SUB) X(SLL) X(SLT) X(SLTU) X(XOR) X(SRL) X(SRA) X(OR) X(AND)                      \
	X(ADDW) X(SUBW) X(SLLW) X(SRLW) X(SRAW)                                                    \
	X(FENCE) X(PAUSE) X(FENCE_I) X(ECALL) X(EBREAK) X(CSR)                                     \
	X(MUL) X(MULH) X(MULHSU) X(MULHU) X(DIV) X(DIVU) X(REM) X(REMU)                            \
	X(MULW) X(DIVW) X(DIVUW) X(REMW) X(REMUW)                                                  \
	X(AMO)                                                                                     \
	X(ADD_UW) X(SH1ADD) X(SH2ADD) X(SH3ADD) X(SH1ADD_UW) X(SH2ADD_UW) X(SH3ADD_UW) X(SLLI_UW)  \
	X(ANDN) X(ORN) X(XNOR) X(CLZ) X(CLZW) X(CTZ) X(CTZW) X(CPOP) X(CPOPW)                      \
	X(MAX) X(MAXU) X(MIN) X(MINU) X(SEXT_B) X(SEXT_H) X(ZEXT_H)                                \
	X(ROL) X(ROLW) X(ROR) X(RORI) X(RORIW) X(RORW) X(ORC_B) X(REV8)                            \
	X(BCLR) X(BCLRI) X(BEXT) X(BEXTI) X(BINV) X(BINVI) X(BSET) X(BSETI)                        \
	X(FLH) X(FLW) X(FLD) X(FSH) X(FSW) X(FSD)                                                  \
	X(FP)                                                                                      \
	X(FADD_S) X(FSUB_S) X(FMUL_S) X(FDIV_S) X(FSQRT_S)                                         \
	X(FADD_D) X(FSUB_D) X(FMUL_D) X(FDIV_D) X(FSQRT_D)                                         \
	X(FMADD_S) X(FMSUB_S) X(FNMSUB_S) X(FNMADD_S)                                              \
	X(FMADD_D) X(FMSUB_D) X(FNMSUB_D) X(FNMADD_D)                                              \
	X(FEQ_S) X(FLT_S) X(FLE_S) X(FEQ_D) X(FLT_D) X(FLE_D)                                      \
	X(FSGNJ_D) X(FSGNJN_D) X(FSGNJX_D) X(FSGNJ_S)                                              \
	X(FMV_X_W) X(FMV_X_D) X(FMV_W_X) X(FMV_D_X)                                                \
	X(FCVT_D_W) X(FCVT_D_L) X(FCVT_S_W) X(FCVT_D_S) X(FCVT_S_D)                                \
	X(FCVT_W_D) X(FCVT_L_D) X(FCVT_W_S)                                                        \
	X(VENDOR) X(VECTOR) X(VLOAD) X(VSTORE) X(VFLOAT) X(VSETVLI)

/*
 * Frequent pairs that have handlers of their own: ALU(first, second), or
 * BRANCH(first, second) where the second is a near branch or jump. _TO_: the
 * second's rs1 is the first's rd. The record of the first instruction names the
 * handler, that of the second stays as it is. No instruction of a pair can fault.
 */
#define SC_PAIR_TABLE(ALU, BRANCH)                                                                 \
	BRANCH(ADDI, BEQ) BRANCH(ADDI, BNE) BRANCH(ADDI, BLT) BRANCH(ADDI, BGE)                    \
	BRANCH(ADDI, BLTU) BRANCH(ADDI, BGEU) BRANCH(ADDI, J) BRANCH(ADDIW, BEQ)                   \
	BRANCH(ADDIW, BNE) BRANCH(ADDIW, BLT) BRANCH(ANDI, BEQ) BRANCH(ANDI, BNE)                  \
	BRANCH(ADD, BNE) BRANCH(ADD, BLTU) BRANCH(XOR, BNE) BRANCH(SRLI, J) BRANCH(MV, J)          \
	ALU(ADDI, ADDI) ALU(ADDI, ADD) ALU(ADD, ADDI) ALU(ADD, ADD) ALU(MV, MV) ALU(ADDI, MV)      \
	ALU(SH1ADD, ADDI) ALU(SH2ADD, ADDI) ALU(SH3ADD, ADDI) ALU(SLLI, ADD) ALU(SLLI, SRLI)       \
	ALU(SLLI, SRAI) ALU(SRLI, AND) ALU(SRLI, ANDI) ALU(SRAI, AND) ALU(SLLIW, SRLI)             \
	ALU(AND, SLLIW) ALU(AND, XOR) ALU(XOR, XOR) ALU(XOR, SRLIW) ALU(AND, ADD)

#define SC_HOP_ENUM_(name)	    SC_HOP_##name,
#define SC_HOP_PAIR_(first, second) SC_HOP_##first##__##second, SC_HOP_##first##_TO_##second,
enum sc_hop { SC_HOP_TABLE(SC_HOP_ENUM_) SC_PAIR_TABLE(SC_HOP_PAIR_, SC_HOP_PAIR_) SC_HOP_COUNT };

/* Floating-point operations: the selector in sc_rec.rs3; the FMA family selects by opcode. */
enum sc_fp_kind {
	SC_FP_ADD,
	SC_FP_SUB,
	SC_FP_MUL,
	SC_FP_DIV,
	SC_FP_SQRT,
	SC_FP_SGNJ,
	SC_FP_SGNJN,
	SC_FP_SGNJX,
	SC_FP_MIN,
	SC_FP_MAX,
	SC_FP_EQ,
	SC_FP_LT,
	SC_FP_LE,
	SC_FP_CLASS,
	SC_FP_TO_INT,
	SC_FP_FROM_INT,
	SC_FP_CVT,
	SC_FP_CVT_BF16,
	SC_FP_MV_TO_X,
	SC_FP_MV_FROM_X,
};

/* Fields of an instruction word. */
#define SC_INSN_OPCODE(insn) ((insn) & 0x7f)
#define SC_INSN_RD(insn)     (((insn) >> 7) & 31)
#define SC_INSN_FUNCT3(insn) (((insn) >> 12) & 7)
#define SC_INSN_RS1(insn)    (((insn) >> 15) & 31)
#define SC_INSN_RS2(insn)    (((insn) >> 20) & 31)
#define SC_INSN_FUNCT7(insn) ((insn) >> 25)
#define SC_INSN_FMT(insn)    (((insn) >> 25) & 3) /* 0: S, 1: D, 2: H */

/* Major opcodes that the interpreter looks at again. */
#define SC_OPC_OP_FP 0x53
#define SC_OPC_OP_V 0x57
#define SC_OPC_LOAD_V 0x07
#define SC_OPC_STORE_V 0x27
#define SC_OPC_FMADD 0x43
#define SC_OPC_FMSUB 0x47
#define SC_OPC_FNMSUB 0x4b
#define SC_OPC_FNMADD 0x4f

/**
 * sc_decode_page() - decode a page of code
 * @words: SC_CODE_WORDS instruction words
 * @recs: SC_CODE_RECS records
 * @labels: address of each handler, by enum sc_hop
 */
void sc_decode_page(const uint32_t *words, struct sc_rec *recs, const void *const *labels);

/** sc_vendor_feature() - the SC_ISA_* bit that vendor instruction @insn needs. */
uint64_t sc_vendor_feature(enum sc_insn insn);

#endif /* SC_DECODE_H */
