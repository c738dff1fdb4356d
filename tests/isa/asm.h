/* SPDX-License-Identifier: MIT */
/*
 * A small assembler for tests: one function or macro for an instruction, whose
 * value is its word. Registers by number: a0 is 10.
 */
#ifndef SC_TESTS_ASM_H
#define SC_TESTS_ASM_H

#include <stdint.h>

enum { ZERO, RA, SP, GP, TP, T0, T1, T2, S0, S1, A0, A1, A2, A3, A4, A5 };

static inline uint32_t r_type(uint32_t op, uint32_t f3, uint32_t f7, uint32_t rd, uint32_t rs1,
			      uint32_t rs2)
{
	return f7 << 25 | rs2 << 20 | rs1 << 15 | f3 << 12 | rd << 7 | op;
}

static inline uint32_t i_type(uint32_t op, uint32_t f3, uint32_t rd, uint32_t rs1, int32_t imm)
{
	return (uint32_t)imm << 20 | rs1 << 15 | f3 << 12 | rd << 7 | op;
}

static inline uint32_t s_type(uint32_t op, uint32_t f3, uint32_t rs1, uint32_t rs2, int32_t imm)
{
	return ((uint32_t)imm >> 5 & 0x7f) << 25 | rs2 << 20 | rs1 << 15 | f3 << 12 |
	       ((uint32_t)imm & 31) << 7 | op;
}

static inline uint32_t b_type(uint32_t f3, uint32_t rs1, uint32_t rs2, int32_t imm)
{
	uint32_t u = (uint32_t)imm;

	return (u >> 12 & 1) << 31 | (u >> 5 & 0x3f) << 25 | rs2 << 20 | rs1 << 15 | f3 << 12 |
	       (u >> 1 & 15) << 8 | (u >> 11 & 1) << 7 | 0x63;
}

static inline uint32_t jal(uint32_t rd, int32_t imm)
{
	uint32_t u = (uint32_t)imm;

	return (u >> 20 & 1) << 31 | (u >> 1 & 0x3ff) << 21 | (u >> 11 & 1) << 20 |
	       (u >> 12 & 0xff) << 12 | rd << 7 | 0x6f;
}

#define ADDI(rd, rs1, imm)  i_type(0x13, 0, rd, rs1, imm)
#define SLLI(rd, rs1, n)    i_type(0x13, 1, rd, rs1, n)
#define ADD(rd, rs1, rs2)   r_type(0x33, 0, 0, rd, rs1, rs2)
#define ANDI(rd, rs1, imm)  i_type(0x13, 7, rd, rs1, imm)
#define MUL(rd, rs1, rs2)   r_type(0x33, 0, 1, rd, rs1, rs2)
#define LUI(rd, imm)	    ((uint32_t)(imm) << 12 | (uint32_t)(rd) << 7 | 0x37)
#define LD(rd, rs1, imm)    i_type(0x03, 3, rd, rs1, imm)
#define LW(rd, rs1, imm)    i_type(0x03, 2, rd, rs1, imm)
#define SD(rs2, rs1, imm)   s_type(0x23, 3, rs1, rs2, imm)
#define SW(rs2, rs1, imm)   s_type(0x23, 2, rs1, rs2, imm)
#define BEQ(rs1, rs2, imm)  b_type(0, rs1, rs2, imm)
#define BNE(rs1, rs2, imm)  b_type(1, rs1, rs2, imm)
#define JALR(rd, rs1, imm)  i_type(0x67, 0, rd, rs1, imm)
#define RET		    JALR(ZERO, RA, 0)
#define NOP		    ADDI(ZERO, ZERO, 0)
#define CSRRW(rd, csr, rs1) i_type(0x73, 1, rd, rs1, csr)
#define CSRRS(rd, csr, rs1) i_type(0x73, 2, rd, rs1, csr)
#define CSRR(rd, csr)	    CSRRS(rd, csr, ZERO)
#define AMOADD_D(rd, rs2, rs1) r_type(0x2f, 3, 0, rd, rs1, rs2)
#define AMOADD_W(rd, rs2, rs1) r_type(0x2f, 2, 0, rd, rs1, rs2)
#define LR_D(rd, rs1)	    r_type(0x2f, 3, 0x08, rd, rs1, 0)
#define SC_D(rd, rs2, rs1)  r_type(0x2f, 3, 0x0c, rd, rs1, rs2)
#define AMOSWAP_D(rd, rs2, rs1) r_type(0x2f, 3, 0x04, rd, rs1, rs2)
#define FENCE		    0x0330000fu /* rw, rw */
#define FENCE_I		    0x0000100fu
#define ECALL		    0x00000073u
#define EBREAK		    0x00100073u
#define SD_COUNT(rd, rs1)   r_type(0x2b, 3, 1, rd, rs1, 0)
#define SD_POST(q, rs1)	    r_type(0x2b, 2, 0, q, rs1, 0)
#define SD_AWAIT(rs1, rs2)  r_type(0x2b, 3, 0, 0, rs1, rs2)
#define SDD_GO(ch, rs1)	    r_type(0x2b, 0, 0, ch, rs1, 0)
#define SD_ARRIVE	    r_type(0x2b, 4, 0, 0, 0, 0)
#define SD_MEET		    r_type(0x2b, 4, 1, 0, 0, 0)

#endif /* SC_TESTS_ASM_H */
