// SPDX-License-Identifier: MIT
/*
 * The interpreter: threaded dispatch over pre-decoded records.
 *
 * Straight-line code costs nothing for counting. With `ip` the current record
 * and `left` the bytes of records (16 an instruction) that may still retire
 * before the budget ends, `last` = ip + left is constant until a jump, so a
 * jump adjusts it by the distance and compares; retired instructions follow
 * from it at any point. `pc` follows from ip and `pc_base`.
 *
 * A handler that can fault leaves all registers as they were until it cannot
 * any more. The budget is looked at only at block boundaries (taken jumps and
 * ends of pages), which is what makes a run of many quanta equal to one run.
 *
 * Frequent pairs of instructions have handlers of their own, which go on to the
 * second record and so count as two: one for any two such instructions, one for
 * a second whose first source is the result of the first.
 *
 * One function longer than any other: the handlers share its local variables,
 * and their addresses are in the records.
 */
#include <string.h>

#include "core_priv.h"
#include "fp.h"
#include "vector.h"

#define REC_SIZE ((intptr_t)sizeof(struct sc_rec))

typedef __int128 i128;
typedef unsigned __int128 u128;

/* Division by zero and overflow do not trap; these are the results RISC-V defines. */
static int64_t div64(int64_t a, int64_t b)
{
	return !b ? -1 : b == -1 ? (int64_t)-(uint64_t)a : a / b;
}

static int64_t rem64(int64_t a, int64_t b)
{
	return !b ? a : b == -1 ? 0 : a % b;
}

static int32_t div32(int32_t a, int32_t b)
{
	return !b ? -1 : b == -1 ? (int32_t)-(uint32_t)a : a / b;
}

static int32_t rem32(int32_t a, int32_t b)
{
	return !b ? a : b == -1 ? 0 : a % b;
}

static uint64_t rol64(uint64_t v, unsigned int n)
{
	return v << (n & 63) | v >> (-n & 63);
}

static uint64_t rol32(uint64_t v, unsigned int n)
{
	uint32_t w = (uint32_t)v;

	return (uint64_t)(int32_t)(w << (n & 31) | w >> (-n & 31));
}

static uint64_t orc_b(uint64_t v)
{
	v |= v >> 1 & 0x7f7f7f7f7f7f7f7f;
	v |= v >> 2 & 0x3f3f3f3f3f3f3f3f;
	v |= v >> 4 & 0x0f0f0f0f0f0f0f0f;
	return (v & 0x0101010101010101) * 0xff;
}

static float as_float(uint64_t f)
{
	uint32_t bits = (uint32_t)f;
	float v;

	memcpy(&v, &bits, sizeof(v));
	return v;
}

static double as_double(uint64_t f)
{
	double v;

	memcpy(&v, &f, sizeof(v));
	return v;
}

static uint32_t float_bits(float v)
{
	uint32_t bits;

	memcpy(&bits, &v, sizeof(bits));
	return bits;
}

static uint64_t double_bits(double v)
{
	uint64_t bits;

	memcpy(&bits, &v, sizeof(bits));
	return bits;
}

#define BOX_S		   0xffffffff00000000ULL
#define BOX_H		   0xffffffffffff0000ULL
#define BOXED_S(a)	   ((a) >= BOX_S)
/* NaN and infinity have the largest exponent. */
#define FINITE_S(bits)	   (((bits) & 0x7f800000) != 0x7f800000)
#define FINITE_D(bits)	   (((bits) >> 52 & 0x7ff) != 0x7ff)
/* Finite and above the smallest normal number, hence not tiny before rounding either. */
#define NORMAL_S(bits)                                                                             \
	((uint32_t)(((bits) & 0x7fffffff) - 0x00800001) < 0x7f800000 - 0x00800001)
#define NORMAL_D(bits)                                                                             \
	(((bits) & 0x7fffffffffffffff) - 0x0010000000000001 <                                      \
	 0x7ff0000000000000 - 0x0010000000000001)

/*
 * The host's arithmetic gives the right bits and flags when it rounds to
 * nearest-even, and when the only flag the result can raise, NX, is already up.
 */
static inline bool host_rounds(uint32_t fcsr, uint32_t word)
{
	unsigned int rm = SC_INSN_FUNCT3(word);

	return rm == SC_RM_DYN ? (fcsr & 0xe1) == SC_FP_NX : rm == SC_RNE && (fcsr & SC_FP_NX);
}

/* One rounding, in one instruction where the host has it: libm costs a call. */
static inline double host_fma(double a, double b, double c)
{
#ifdef __x86_64__
	if (sc_likely(__builtin_cpu_supports("fma"))) {
		__asm__("vfmadd231sd %2, %1, %0" : "+x"(c) : "x"(a), "x"(b));
		return c;
	}
#endif
	return __builtin_fma(a, b, c);
}

static inline float host_fmaf(float a, float b, float c)
{
#ifdef __x86_64__
	if (sc_likely(__builtin_cpu_supports("fma"))) {
		__asm__("vfmadd231ss %2, %1, %0" : "+x"(c) : "x"(a), "x"(b));
		return c;
	}
#endif
	return __builtin_fmaf(a, b, c);
}

#if defined(__clang__)
#define NO_TSAN __attribute__((no_sanitize("thread")))
#else
#define NO_TSAN __attribute__((no_sanitize_thread))
#endif

/*
 * Races between the loads and stores of two harts are the compute kernel's
 * business, so the thread sanitizer is kept from them.
 */
NO_TSAN enum sc_run sc_hart_run(struct sc_core *core, const void *const **labels)
{
#define LABEL_(name) &&L_##name,
#define LABEL_PAIR_(first, second) &&L_##first##__##second, &&L_##first##_TO_##second,
	static const void *const handlers[] = { SC_HOP_TABLE(LABEL_)
							SC_PAIR_TABLE(LABEL_PAIR_, LABEL_PAIR_) };
	const struct sc_rec *ip;
	uintptr_t pc_base, last;
	intptr_t left;
	uint64_t target;
	enum sc_run run;

	if (!core) {
		*labels = handlers;
		return SC_RUN_DONE;
	}

#define RS1	 (core->x[ip->rs1])
#define RS2	 (core->x[ip->rs2])
#define RD	 (core->x[ip->rd])
#define IMM	 ((uint64_t)(int64_t)ip->imm)
#define PC	 (pc_base + ((uintptr_t)ip >> 2))
#define SEXT32(v) ((uint64_t)(int64_t)(int32_t)(v))
#define DISPATCH goto *ip->handler
#define NEXT                                                                                       \
	do {                                                                                       \
		ip++;                                                                              \
		DISPATCH;                                                                          \
	} while (0)
/* State as before the instruction at ip, resp. with it retired. */
#define RECS_LEFT  ((intptr_t)(last - (uintptr_t)ip) / REC_SIZE)
#define SYNC_INSNS (core->insns = core->budget_end - (uint64_t)RECS_LEFT)
#define SYNC (core->pc = PC, SYNC_INSNS)
/* After a jump to ip: leave when the budget is used up. */
#define DISPATCH_BLOCK                                                                             \
	do {                                                                                       \
		if (sc_unlikely(last <= (uintptr_t)ip))                                            \
			goto out_of_budget;                                                        \
		DISPATCH;                                                                          \
	} while (0)
#define JUMP_NEAR                                                                                  \
	do {                                                                                       \
		intptr_t distance = ip->imm;                                                       \
												   \
		last += (uintptr_t)(distance - REC_SIZE);                                          \
		ip = (const struct sc_rec *)((const char *)ip + distance);                         \
		DISPATCH_BLOCK;                                                                    \
	} while (0)
#define HANDLER(name) L_##name :
#define OP(name, value)                                                                            \
	HANDLER(name)                                                                              \
		RD = (uint64_t)(value);                                                            \
		NEXT
#define KNOWN_VECTOR(name)                                                                         \
	HANDLER(name)                                                                              \
		if (sc_likely(sc_vector_known(core, ip)))                                          \
			NEXT;                                                                      \
		goto unknown_vector
#define BRANCH(name, condition)                                                                    \
	HANDLER(name##_N)                                                                          \
		if (condition)                                                                     \
			JUMP_NEAR;                                                                 \
		NEXT;                                                                              \
	HANDLER(name)                                                                              \
		target = PC + IMM;                                                                 \
		if (condition)                                                                     \
			goto jump;                                                                 \
		NEXT
/*
 * Values and conditions of instructions that exist alone and in pairs; @a is the first source.
 * Where the second of a pair takes it from the first, it stays in a register of the host.
 */
#define V_MV(a)	    (a)
#define V_ADDI(a)   ((a) + IMM)
#define V_ANDI(a)   ((a) & IMM)
#define V_SLLI(a)   ((a) << ip->imm)
#define V_SRLI(a)   ((a) >> ip->imm)
#define V_SRAI(a)   ((int64_t)(a) >> ip->imm)
#define V_ADDIW(a)  (SEXT32((a) + IMM))
#define V_SLLIW(a)  (SEXT32((a) << ip->imm))
#define V_SRLIW(a)  (SEXT32((uint32_t)(a) >> ip->imm))
#define V_ADD(a)    ((a) + RS2)
#define V_XOR(a)    ((a) ^ RS2)
#define V_AND(a)    ((a) & RS2)
#define V_SH1ADD(a) (((a) << 1) + RS2)
#define V_SH2ADD(a) (((a) << 2) + RS2)
#define V_SH3ADD(a) (((a) << 3) + RS2)
#define C_BEQ(a)    ((a) == RS2)
#define C_BNE(a)    ((a) != RS2)
#define C_BLT(a)    ((int64_t)(a) < (int64_t)RS2)
#define C_BGE(a)    ((int64_t)(a) >= (int64_t)RS2)
#define C_BLTU(a)   ((a) < RS2)
#define C_BGEU(a)   ((a) >= RS2)
#define C_J(a)	    true
#define ALU_PAIR(first, second)                                                                    \
	HANDLER(first##__##second)                                                                 \
		RD = (uint64_t)V_##first(RS1);                                                     \
		ip++;                                                                              \
		RD = (uint64_t)V_##second(RS1);                                                    \
		NEXT;                                                                              \
	HANDLER(first##_TO_##second) {                                                             \
		uint64_t value = (uint64_t)V_##first(RS1);                                         \
												   \
		RD = value;                                                                        \
		ip++;                                                                              \
		RD = (uint64_t)V_##second(value);                                                  \
		NEXT;                                                                              \
	}
#define BRANCH_PAIR(first, second)                                                                 \
	HANDLER(first##__##second)                                                                 \
		RD = (uint64_t)V_##first(RS1);                                                     \
		ip++;                                                                              \
		if (C_##second(RS1))                                                               \
			JUMP_NEAR;                                                                 \
		NEXT;                                                                              \
	HANDLER(first##_TO_##second) {                                                             \
		uint64_t value = (uint64_t)V_##first(RS1);                                         \
												   \
		RD = value;                                                                        \
		ip++;                                                                              \
		if (C_##second(value))                                                             \
			JUMP_NEAR;                                                                 \
		NEXT;                                                                              \
	}
/* The cached page serves an access that does not cross its end. */
#define CACHED(tlb, va, size)                                                                      \
	(sc_likely(SC_PAGE_OF((va) + (size) - 1) == (tlb)[SC_TLB_INDEX(va)].page))
#define HOST(tlb, va) ((void *)((va) + (tlb)[SC_TLB_INDEX(va)].delta))
#define LOAD(name, type, file, value)                                                              \
	HANDLER(name) {                                                                            \
		uint64_t va = RS1 + IMM;                                                           \
		type v;                                                                            \
												   \
		if (CACHED(core->read, va, sizeof(v))) {                                           \
			memcpy(&v, HOST(core->read, va), sizeof(v));                               \
		} else {                                                                           \
			uint64_t slow;                                                             \
												   \
			if (!sc_core_load(core, va, sizeof(v), PC, &slow))                         \
				goto fault;                                                        \
			v = (type)slow;                                                            \
		}                                                                                  \
		core->file[ip->rd] = (uint64_t)(value);                                            \
		NEXT;                                                                              \
	}
#define STORE(name, type, file)                                                                    \
	HANDLER(name) {                                                                            \
		uint64_t va = RS1 + IMM;                                                           \
		type v = (type)core->file[ip->rs2];                                                \
												   \
		if (CACHED(core->write, va, sizeof(v)))                                            \
			memcpy(HOST(core->write, va), &v, sizeof(v));                              \
		else if (!sc_core_store(core, va, sizeof(v), PC, v))                               \
			goto fault;                                                                \
		NEXT;                                                                              \
	}

	core->budget_end = core->insns;
	left = 0;
	target = core->pc;
	goto enter;

jump: /* the jump at ip is taken and retires, unless its target is misaligned */
	if (sc_unlikely(target & 3))
		goto misaligned;
	left = (intptr_t)(last - (uintptr_t)(ip + 1));
enter: /* continue at target, left bytes of records remain */
	{
		const struct sc_code_slot *slot = &core->code[SC_CODE_INDEX(target)];

		if (sc_unlikely(slot->page != SC_PAGE_OF(target)))
			goto fetch;
		ip = slot->recs + target % SC_PAGE_SIZE / 4;
		pc_base = SC_PAGE_OF(target) - ((uintptr_t)slot->recs >> 2);
		last = (uintptr_t)ip + (uintptr_t)left;
		DISPATCH_BLOCK;
	}
fetch:
	core->pc = target;
	core->insns = core->budget_end - (uint64_t)(left / REC_SIZE);
	if (target == SC_VA_EXIT) {
		run = sc_core_budget(core);
		return run == SC_RUN_YIELD ? SC_RUN_DONE : run;
	}
	if (target & 3) {
		sc_core_access_fault(core, SC_CODE_MISALIGNED_PC, target, 4, SC_ACCESS_EXECUTE);
		return SC_RUN_FAULT;
	}
	if (!sc_core_fetch(core, target))
		return SC_RUN_FAULT;
	goto enter;

out_of_budget:
	SYNC;
	run = sc_core_budget(core);
	if (run != SC_RUN_DONE)
		return run;
	last = (uintptr_t)ip + (uintptr_t)(core->budget_end - core->insns) * REC_SIZE;
	DISPATCH;

misaligned:
	sc_core_access_fault(core, SC_CODE_MISALIGNED_PC, target, 4, SC_ACCESS_EXECUTE);
	core->fault.value = target;
fault:
	SYNC;
	return SC_RUN_FAULT;

	HANDLER(ILLEGAL)
		sc_core_trap(core, SC_CODE_ILLEGAL_INSN)->value = (uint32_t)ip->imm;
		goto fault;
	HANDLER(PAGE_END)
		left = (intptr_t)(last - (uintptr_t)ip);
		target = PC;
		goto enter;

	OP(LUI, IMM);
	OP(LI, IMM);
	OP(MV, V_MV(RS1));
	OP(AUIPC, PC + IMM);
	HANDLER(J_N)
		JUMP_NEAR;
	HANDLER(JAL_N)
		RD = PC + 4;
		JUMP_NEAR;
	HANDLER(JAL)
		target = PC + IMM;
		if (target & 3)
			goto misaligned;
		RD = PC + 4;
		goto jump;
	HANDLER(JALR)
		target = (RS1 + IMM) & ~1ULL;
		if (sc_unlikely(target & 3))
			goto misaligned;
		RD = PC + 4;
		goto jump;

	BRANCH(BEQ, C_BEQ(RS1));
	BRANCH(BNE, C_BNE(RS1));
	BRANCH(BLT, C_BLT(RS1));
	BRANCH(BGE, C_BGE(RS1));
	BRANCH(BLTU, C_BLTU(RS1));
	BRANCH(BGEU, C_BGEU(RS1));

	LOAD(LB, int8_t, x, (int64_t)v)
	LOAD(LH, int16_t, x, (int64_t)v)
	LOAD(LW, int32_t, x, (int64_t)v)
	LOAD(LD, uint64_t, x, v)
	LOAD(LBU, uint8_t, x, v)
	LOAD(LHU, uint16_t, x, v)
	LOAD(LWU, uint32_t, x, v)
	LOAD(FLH, uint16_t, f, v | BOX_H)
	LOAD(FLW, uint32_t, f, v | BOX_S)
	LOAD(FLD, uint64_t, f, v)
	STORE(SB, uint8_t, x)
	STORE(SH, uint16_t, x)
	STORE(SW, uint32_t, x)
	STORE(SD, uint64_t, x)
	STORE(FSH, uint16_t, f)
	STORE(FSW, uint32_t, f)
	STORE(FSD, uint64_t, f)

	OP(ADDI, V_ADDI(RS1));
	OP(SLTI, (int64_t)RS1 < (int64_t)IMM);
	OP(SLTIU, RS1 < IMM);
	OP(XORI, RS1 ^ IMM);
	OP(ORI, RS1 | IMM);
	OP(ANDI, V_ANDI(RS1));
	OP(SLLI, V_SLLI(RS1));
	OP(SRLI, V_SRLI(RS1));
	OP(SRAI, V_SRAI(RS1));
	OP(ADDIW, V_ADDIW(RS1));
	OP(SLLIW, V_SLLIW(RS1));
	OP(SRLIW, V_SRLIW(RS1));
	OP(SRAIW, SEXT32((int32_t)RS1 >> ip->imm));
	OP(ADD, V_ADD(RS1));
	OP(SUB, RS1 - RS2);
	OP(SLL, RS1 << (RS2 & 63));
	OP(SLT, (int64_t)RS1 < (int64_t)RS2);
	OP(SLTU, RS1 < RS2);
	OP(XOR, V_XOR(RS1));
	OP(SRL, RS1 >> (RS2 & 63));
	OP(SRA, (int64_t)RS1 >> (RS2 & 63));
	OP(OR, RS1 | RS2);
	OP(AND, V_AND(RS1));
	OP(ADDW, SEXT32(RS1 + RS2));
	OP(SUBW, SEXT32(RS1 - RS2));
	OP(SLLW, SEXT32(RS1 << (RS2 & 31)));
	OP(SRLW, SEXT32((uint32_t)RS1 >> (RS2 & 31)));
	OP(SRAW, SEXT32((int32_t)RS1 >> (RS2 & 31)));

	OP(MUL, RS1 * RS2);
	OP(MULH, (i128)(int64_t)RS1 * (int64_t)RS2 >> 64);
	OP(MULHSU, (i128)(int64_t)RS1 * (i128)RS2 >> 64);
	OP(MULHU, (u128)RS1 * RS2 >> 64);
	OP(DIV, div64((int64_t)RS1, (int64_t)RS2));
	OP(DIVU, RS2 ? RS1 / RS2 : ~0ULL);
	OP(REM, rem64((int64_t)RS1, (int64_t)RS2));
	OP(REMU, RS2 ? RS1 % RS2 : RS1);
	OP(MULW, SEXT32(RS1 * RS2));
	OP(DIVW, (int64_t)div32((int32_t)RS1, (int32_t)RS2));
	OP(DIVUW, SEXT32((uint32_t)RS2 ? (uint32_t)RS1 / (uint32_t)RS2 : ~0u));
	OP(REMW, (int64_t)rem32((int32_t)RS1, (int32_t)RS2));
	OP(REMUW, SEXT32((uint32_t)RS2 ? (uint32_t)RS1 % (uint32_t)RS2 : (uint32_t)RS1));

	OP(ADD_UW, (uint32_t)RS1 + RS2);
	OP(SH1ADD, V_SH1ADD(RS1));
	OP(SH2ADD, V_SH2ADD(RS1));
	OP(SH3ADD, V_SH3ADD(RS1));
	OP(SH1ADD_UW, ((uint64_t)(uint32_t)RS1 << 1) + RS2);
	OP(SH2ADD_UW, ((uint64_t)(uint32_t)RS1 << 2) + RS2);
	OP(SH3ADD_UW, ((uint64_t)(uint32_t)RS1 << 3) + RS2);
	OP(SLLI_UW, (uint64_t)(uint32_t)RS1 << ip->imm);

	OP(ANDN, RS1 & ~RS2);
	OP(ORN, RS1 | ~RS2);
	OP(XNOR, ~(RS1 ^ RS2));
	OP(CLZ, RS1 ? __builtin_clzll(RS1) : 64);
	OP(CLZW, (uint32_t)RS1 ? __builtin_clz((uint32_t)RS1) : 32);
	OP(CTZ, RS1 ? __builtin_ctzll(RS1) : 64);
	OP(CTZW, (uint32_t)RS1 ? __builtin_ctz((uint32_t)RS1) : 32);
	OP(CPOP, __builtin_popcountll(RS1));
	OP(CPOPW, __builtin_popcount((uint32_t)RS1));
	OP(MAX, (int64_t)RS1 > (int64_t)RS2 ? RS1 : RS2);
	OP(MAXU, RS1 > RS2 ? RS1 : RS2);
	OP(MIN, (int64_t)RS1 < (int64_t)RS2 ? RS1 : RS2);
	OP(MINU, RS1 < RS2 ? RS1 : RS2);
	OP(SEXT_B, (int64_t)(int8_t)RS1);
	OP(SEXT_H, (int64_t)(int16_t)RS1);
	OP(ZEXT_H, (uint16_t)RS1);
	OP(ROL, rol64(RS1, (unsigned int)RS2));
	OP(ROLW, rol32(RS1, (unsigned int)RS2));
	OP(ROR, rol64(RS1, -(unsigned int)RS2));
	OP(RORI, rol64(RS1, -(unsigned int)ip->imm));
	OP(RORIW, rol32(RS1, -(unsigned int)ip->imm));
	OP(RORW, rol32(RS1, -(unsigned int)RS2));
	OP(ORC_B, orc_b(RS1));
	OP(REV8, __builtin_bswap64(RS1));
	OP(BCLR, RS1 & ~(1ULL << (RS2 & 63)));
	OP(BCLRI, RS1 & ~(1ULL << ip->imm));
	OP(BEXT, RS1 >> (RS2 & 63) & 1);
	OP(BEXTI, RS1 >> ip->imm & 1);
	OP(BINV, RS1 ^ 1ULL << (RS2 & 63));
	OP(BINVI, RS1 ^ 1ULL << ip->imm);
	OP(BSET, RS1 | 1ULL << (RS2 & 63));
	OP(BSETI, RS1 | 1ULL << ip->imm);

	SC_PAIR_TABLE(ALU_PAIR, BRANCH_PAIR)

	HANDLER(FENCE)
		__atomic_thread_fence(__ATOMIC_SEQ_CST);
		NEXT;
	HANDLER(PAUSE)
		NEXT;
	HANDLER(FENCE_I)
		sc_core_flush_code(core);
		target = PC + 4;
		goto jump;
	HANDLER(ECALL)
		sc_core_trap(core, SC_CODE_ECALL)->value = (uint32_t)ip->imm;
		goto fault;
	HANDLER(EBREAK)
		sc_core_trap(core, SC_CODE_BREAKPOINT)->value = (uint32_t)ip->imm;
		goto fault;
	HANDLER(CSR)
		SYNC_INSNS;
		if (!sc_core_csr(core, ip))
			goto fault;
		NEXT;
	HANDLER(AMO)
		if (!sc_core_amo(core, ip, PC))
			goto fault;
		NEXT;
	HANDLER(VSETVLI) {
		uint64_t avl = ip->rs1 ? RS1 : ip->rd == SC_X_SINK ? core->vl : UINT64_MAX;
		uint32_t vtype = (uint32_t)ip->imm >> 20, vlmax;

		if (sc_unlikely(core->recorder || vtype > 255 || !core->vlmax[vtype]))
			goto unknown_vector;
		vlmax = core->vlmax[vtype];
		core->vtype = vtype;
		core->vl = avl < vlmax ? avl : vlmax;
		core->vstart = 0;
		core->vsetting = SC_VSETTING(core->vl, vtype);
		RD = core->vl;
		NEXT;
	}
	/* each with an indirect call of its own, for the host's branch prediction */
	KNOWN_VECTOR(VLOAD);
	KNOWN_VECTOR(VSTORE);
	KNOWN_VECTOR(VFLOAT);
	KNOWN_VECTOR(VECTOR);
unknown_vector:
		SYNC;
		if (!sc_vector(core, (uint32_t)ip->imm))
			return SC_RUN_FAULT;
		NEXT;
	HANDLER(VENDOR)
		SYNC;
		switch (sc_core_vendor(core, ip)) {
		case SC_STEP_NEXT:
			NEXT;
		case SC_STEP_FAULT:
			return SC_RUN_FAULT;
		case SC_STEP_BLOCKED:
			return SC_RUN_BLOCKED;
		case SC_STEP_STOPPED:
			return SC_RUN_STOPPED;
		}

	/* floating point: the host's arithmetic where host_rounds() and the result allow it */
#define F1 (core->f[ip->rs1])
#define F2 (core->f[ip->rs2])
#define F3 (core->f[ip->rs3])
#define HOST_ROUNDS host_rounds(core->fcsr, (uint32_t)ip->imm)
#define FD (core->f[ip->rd])
#define FP_S(name, boxed, value, good)                                                             \
	HANDLER(name)                                                                              \
		if (sc_likely(HOST_ROUNDS && BOXED_S(boxed))) {                                    \
			uint32_t bits = float_bits(value);                                         \
												   \
			if (sc_likely(good(bits))) {                                               \
				FD = bits | BOX_S;                                                 \
				NEXT;                                                              \
			}                                                                          \
		}                                                                                  \
		goto L_FP
#define FP_D(name, value, good)                                                                    \
	HANDLER(name)                                                                              \
		if (sc_likely(HOST_ROUNDS)) {                                                      \
			uint64_t bits = double_bits(value);                                        \
												   \
			if (sc_likely(good(bits))) {                                               \
				FD = bits;                                                         \
				NEXT;                                                              \
			}                                                                          \
		}                                                                                  \
		goto L_FP
	HANDLER(FP)
		if (!sc_hart_fp(core, ip))
			goto L_ILLEGAL;
		NEXT;
	/* a finite sum is exact where it is tiny */
	FP_S(FADD_S, F1 & F2, as_float(F1) + as_float(F2), FINITE_S);
	FP_S(FSUB_S, F1 & F2, as_float(F1) - as_float(F2), FINITE_S);
	FP_S(FMUL_S, F1 & F2, as_float(F1) * as_float(F2), NORMAL_S);
	FP_S(FDIV_S, F1 & F2, as_float(F1) / as_float(F2), NORMAL_S);
	FP_S(FSQRT_S, F1, __builtin_sqrtf(as_float(F1)), FINITE_S);
	FP_D(FADD_D, as_double(F1) + as_double(F2), FINITE_D);
	FP_D(FSUB_D, as_double(F1) - as_double(F2), FINITE_D);
	FP_D(FMUL_D, as_double(F1) * as_double(F2), NORMAL_D);
	FP_D(FDIV_D, as_double(F1) / as_double(F2), NORMAL_D);
	FP_D(FSQRT_D, __builtin_sqrt(as_double(F1)), FINITE_D);
#define FMA_S(name, np, nc)                                                                        \
	FP_S(name, F1 & F2 & F3,                                                                   \
	     host_fmaf(np as_float(F1), as_float(F2), nc as_float(F3)), NORMAL_S)
#define FMA_D(name, np, nc)                                                                        \
	FP_D(name, host_fma(np as_double(F1), as_double(F2), nc as_double(F3)), NORMAL_D)
	FMA_S(FMADD_S, +, +);
	FMA_S(FMSUB_S, +, -);
	FMA_S(FNMSUB_S, -, +);
	FMA_S(FNMADD_S, -, -);
	FMA_D(FMADD_D, +, +);
	FMA_D(FMSUB_D, +, -);
	FMA_D(FNMSUB_D, -, +);
	FMA_D(FNMADD_D, -, -);
	/* no NaN, no flags */
#define COMPARE_S(name, op)                                                                        \
	HANDLER(name)                                                                              \
		if (sc_likely(BOXED_S(F1 & F2) &&                                                  \
			      !__builtin_isunordered(as_float(F1), as_float(F2)))) {               \
			RD = as_float(F1) op as_float(F2);                                         \
			NEXT;                                                                      \
		}                                                                                  \
		goto L_FP
#define COMPARE_D(name, op)                                                                        \
	HANDLER(name)                                                                              \
		if (sc_likely(!__builtin_isunordered(as_double(F1), as_double(F2)))) {             \
			RD = as_double(F1) op as_double(F2);                                       \
			NEXT;                                                                      \
		}                                                                                  \
		goto L_FP
	COMPARE_S(FEQ_S, ==);
	COMPARE_S(FLT_S, <);
	COMPARE_S(FLE_S, <=);
	COMPARE_D(FEQ_D, ==);
	COMPARE_D(FLT_D, <);
	COMPARE_D(FLE_D, <=);

#define SIGN_D 0x8000000000000000ULL
	HANDLER(FSGNJ_D)
		FD = (F1 & ~SIGN_D) | (F2 & SIGN_D);
		NEXT;
	HANDLER(FSGNJN_D)
		FD = (F1 & ~SIGN_D) | (~F2 & SIGN_D);
		NEXT;
	HANDLER(FSGNJX_D)
		FD = F1 ^ (F2 & SIGN_D);
		NEXT;
	HANDLER(FSGNJ_S)
		if (sc_unlikely(!BOXED_S(F1 & F2)))
			goto L_FP;
		FD = (F1 & ~0x80000000ULL) | (F2 & 0x80000000);
		NEXT;
	OP(FMV_X_W, SEXT32(F1));
	OP(FMV_X_D, F1);
	HANDLER(FMV_W_X)
		FD = (uint32_t)RS1 | BOX_S;
		NEXT;
	HANDLER(FMV_D_X)
		FD = RS1;
		NEXT;

	/* exact whatever the rounding mode, unless that is an illegal one */
	HANDLER(FCVT_D_W)
		if (sc_unlikely(core->fcsr >= 5 << 5))
			goto L_FP;
		FD = double_bits((int32_t)RS1);
		NEXT;
	FP_D(FCVT_D_L, (double)(int64_t)RS1, FINITE_D);
	FP_S(FCVT_S_W, BOX_S, (float)(int32_t)RS1, FINITE_S);
	HANDLER(FCVT_D_S)
		if (sc_unlikely(!BOXED_S(F1) || !FINITE_S(F1) || core->fcsr >= 5 << 5))
			goto L_FP;
		FD = double_bits(as_float(F1));
		NEXT;
	FP_S(FCVT_S_D, BOX_S, (float)as_double(F1), NORMAL_S);
	/* C truncates; values in range raise NX at most */
#define TO_INT(name, type, limit, value, boxed)                                                    \
	HANDLER(name)                                                                              \
		if (sc_likely(SC_INSN_FUNCT3((uint32_t)ip->imm) == SC_RTZ &&                       \
			      (core->fcsr & SC_FP_NX) && (boxed))) {                               \
			double v = value;                                                          \
												   \
			if (sc_likely(v > -(limit) && v < (limit))) {                              \
				RD = (uint64_t)(int64_t)(type)v;                                   \
				NEXT;                                                              \
			}                                                                          \
		}                                                                                  \
		goto L_FP
	TO_INT(FCVT_W_S, int32_t, 0x1p31, as_float(F1), BOXED_S(F1));
	TO_INT(FCVT_W_D, int32_t, 0x1p31, as_double(F1), true);
	TO_INT(FCVT_L_D, int64_t, 0x1p63, as_double(F1), true);
}
