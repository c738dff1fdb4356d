// SPDX-License-Identifier: MIT
/*
 * Executes every scalar instruction over tables of corner and random operands
 * and leaves, per instruction and first operand, a hash of all results and
 * flags. It runs unchanged on the model and under qemu-riscv64; the test
 * compares the two. The invariant: nothing that an emulator may choose freely
 * (addresses, times) goes into a hash.
 */
#include <stddef.h>
#include <stdint.h>

#define ROWS	  72 /* operands of each kind */
#define MAX_INSNS 420

struct line {
	char name[24];
	uint64_t hash[ROWS];
};

struct line results[MAX_INSNS];
const uint64_t results_size = sizeof(results);

static unsigned int line;
static uint64_t hash;
static uint64_t ints[ROWS], doubles[ROWS], floats[ROWS], halves[ROWS];
static uint64_t seed = 0x9e3779b97f4a7c15;

static uint64_t random64(void)
{
	seed ^= seed << 13;
	seed ^= seed >> 7;
	seed ^= seed << 17;
	return seed * 0x2545f4914f6cdd1d;
}

static inline void emit(uint64_t v)
{
	hash = (hash ^ v) * 0x9fb21c651e98df25;
	hash ^= hash >> 29;
}

static void begin(const char *name)
{
	for (unsigned int i = 0; i < sizeof(results[0].name) - 1 && name[i]; i++)
		results[line].name[i] = name[i];
}

static void end_row(unsigned int row)
{
	results[line].hash[row] = hash;
	hash = 0;
}

static void end(void)
{
	line++;
}

static const uint64_t int_corners[] = {
	0, 1, 2, 3, 5, 7, 8, 16, 31, 32, 33, 63, 64, 0x7f, 0x80, 0xff, 0x7fff, 0x8000, 0xffff,
	0x7fffffff, 0x80000000, 0xffffffff, 0x100000000, 0x7fffffffffffffff, 0x8000000000000000,
	0xffffffffffffffff, 0xfffffffffffffffe, 0xffffffff80000000, 0xffffffff7fffffff,
	0x00ff00ff00ff00ff, 0x0102040810204080, 0x8000000080000001,
};

static const uint64_t double_corners[] = {
	0x8000000000000000, 0xfff0000000000000, 0xfff8000000000000, 0xfff0000000000001,
	0xffefffffffffffff,
	0, 1, 2, 0x000fffffffffffff, 0x0010000000000000, 0x0010000000000001, 0x001fffffffffffff,
	0x3ff0000000000000, 0x3ff0000000000001, 0x3fefffffffffffff, 0x3ff8000000000000,
	0x3fe0000000000000, 0x4000000000000000, 0x4008000000000000, 0x7fefffffffffffff,
	0x7ff0000000000000, 0x7ff8000000000000, 0x7ff0000000000001, 0x7ff8000000000123,
	0x41dfffffffc00000, 0x41dfffffffe00000, 0x41e0000000000000, 0x41efffffffe00000,
	0x41f0000000000000, 0x43dfffffffffffff, 0x43e0000000000000, 0x43efffffffffffff,
	0x43f0000000000000, 0x4330000000000001, 0x4340000000000000, 0x3810000000000000,
	0x380fffffffffffff, 0x36a0000000000000, 0x47efffffe0000000, 0x47effffff0000000,
	0x3f10000000000000, 0x3e70000000000000, 0x40effc0000000000, 0x40effe0000000000,
};

static const uint32_t float_corners[] = {
	0x80000000, 0xff800000, 0xffc00000, 0xff800001, 0xff7fffff,
	0, 1, 2, 0x007fffff, 0x00800000, 0x00800001, 0x00ffffff, 0x3f800000, 0x3f800001,
	0x3f7fffff, 0x3fc00000, 0x3f000000, 0x40000000, 0x40400000, 0x7f7fffff, 0x7f800000,
	0x7fc00000, 0x7f800001, 0x7fc00123, 0x4effffff, 0x4f000000, 0x4f7fffff, 0x4f800000,
	0x5effffff, 0x5f000000, 0x5f7fffff, 0x5f800000, 0x4b000001, 0x4b800000, 0x38800000,
	0x387fc000, 0x33800000, 0x33000000, 0x477fe000, 0x477ff000, 0x34000000, 0x1f800000,
};

static const uint16_t half_corners[] = {
	0x8000, 0xfc00, 0xfe00, 0xfc01, 0xfbff,
	0, 1, 2, 0x03ff, 0x0400, 0x0401, 0x07ff, 0x3c00, 0x3c01, 0x3bff, 0x3e00, 0x3800, 0x4000,
	0x4200, 0x7bff, 0x7c00, 0x7e00, 0x7c01, 0x7e23, 0x6401, 0x6800, 0x1400, 0x0c00, 0x77ff,
	0x7800, 0x5bf8, 0x5c00,
};

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

/* Corners with both signs in turn, then random ones: any bits, and near 1. */
static void fill_fp(uint64_t *to, const void *corners, unsigned int count, unsigned int bytes,
		    uint64_t box)
{
	uint64_t mask = ~box, sign = (mask >> 1) + 1;
	unsigned int frac = bytes == 8 ? 52 : bytes == 4 ? 23 : 10;
	uint64_t one = bytes == 8 ? 0x3ff : bytes == 4 ? 0x7f : 0xf;

	for (unsigned int i = 0; i < ROWS; i++) {
		uint64_t r = random64(), v;

		if (i < count) {
			v = bytes == 8 ? ((const uint64_t *)corners)[i] :
			    bytes == 4 ? ((const uint32_t *)corners)[i] :
					 ((const uint16_t *)corners)[i];
			v |= i % 3 == 1 ? sign : 0;
		} else if (i % 3 == 0) {
			v = r & mask;
		} else {
			v = (r & ((1ULL << frac) - 1)) | (one - 2 + (r >> 56) % 5) << frac |
			    (r >> 63 ? sign : 0);
			if (i % 3 == 1) /* few significant bits: exact results */
				v &= ~((1ULL << (frac / 2)) - 1);
		}
		to[i] = v | box;
	}
	if (box) { /* not properly boxed: these are NaNs */
		to[ROWS - 1] = one << frac;
		to[ROWS - 2] = (one << frac) | (box & ~(1ULL << 63));
	}
}

static void fill(void)
{
	for (unsigned int i = 0; i < ROWS; i++) {
		uint64_t r = random64();

		ints[i] = i < COUNT(int_corners) ? int_corners[i] :
			  i % 3 == 0		 ? r >> (r & 63) :
			  i % 3 == 1		 ? (uint64_t)(int64_t)(int32_t)r :
						   r;
	}
	fill_fp(doubles, double_corners, COUNT(double_corners), 8, 0);
	fill_fp(floats, float_corners, COUNT(float_corners), 4, 0xffffffff00000000);
	fill_fp(halves, half_corners, COUNT(half_corners), 2, 0xffffffffffff0000);
}

/* rd, rs1, rs2 and rd, rs1 and rd, rs1, immediate */
#define RRR(insn)                                                                                  \
	do {                                                                                       \
		begin(insn);                                                                       \
		for (unsigned int i = 0; i < ROWS; i++) {                                          \
			for (unsigned int j = 0; j < ROWS; j++) {                                  \
				uint64_t r;                                                        \
				asm volatile(insn " %0, %1, %2"                                    \
					     : "=r"(r)                                             \
					     : "r"(ints[i]), "r"(ints[j]));                        \
				emit(r);                                                           \
			}                                                                          \
			end_row(i);                                                                \
		}                                                                                  \
		end();                                                                             \
	} while (0)
#define RR(insn)                                                                                   \
	do {                                                                                       \
		begin(insn);                                                                       \
		for (unsigned int i = 0; i < ROWS; i++) {                                          \
			uint64_t r;                                                                \
			asm volatile(insn " %0, %1" : "=r"(r) : "r"(ints[i]));                     \
			emit(r);                                                                   \
			end_row(i);                                                                \
		}                                                                                  \
		end();                                                                             \
	} while (0)
/* qemu 7.2 looks at all 64 bits of ctzw's operand; test_hart.c has what lies above bit 31 */
#define RR_LOW(insn)                                                                               \
	do {                                                                                       \
		begin(insn);                                                                       \
		for (unsigned int i = 0; i < ROWS; i++) {                                          \
			uint64_t r;                                                                \
			asm volatile(insn " %0, %1" : "=r"(r) : "r"(ints[i] & 0xffffffff));        \
			emit(r);                                                                   \
			end_row(i);                                                                \
		}                                                                                  \
		end();                                                                             \
	} while (0)
#define RRI(insn, imm)                                                                             \
	do {                                                                                       \
		begin(insn " " #imm);                                                              \
		for (unsigned int i = 0; i < ROWS; i++) {                                          \
			uint64_t r;                                                                \
			asm volatile(insn " %0, %1, " #imm : "=r"(r) : "r"(ints[i]));              \
			emit(r);                                                                   \
			end_row(i);                                                                \
		}                                                                                  \
		end();                                                                             \
	} while (0)
#define BRANCH(insn)                                                                               \
	do {                                                                                       \
		begin(insn);                                                                       \
		for (unsigned int i = 0; i < ROWS; i++) {                                          \
			for (unsigned int j = 0; j < ROWS; j++) {                                  \
				uint64_t r;                                                        \
				asm volatile("li %0, 1\n\t" insn " %1, %2, 1f\n\tli %0, 0\n1:"     \
					     : "=&r"(r)                                            \
					     : "r"(ints[i]), "r"(ints[j]));                        \
				emit(r);                                                           \
			}                                                                          \
			end_row(i);                                                                \
		}                                                                                  \
		end();                                                                             \
	} while (0)

static void integer(void)
{
	RRR("add"); RRR("sub"); RRR("sll"); RRR("slt"); RRR("sltu"); RRR("xor"); RRR("srl");
	RRR("sra"); RRR("or"); RRR("and"); RRR("addw"); RRR("subw"); RRR("sllw"); RRR("srlw");
	RRR("sraw");
	RRI("addi", 0); RRI("addi", 2047); RRI("addi", -2048); RRI("slti", -5); RRI("slti", 7);
	RRI("sltiu", -5); RRI("sltiu", 1); RRI("xori", -1); RRI("xori", 0x555); RRI("ori", -2048);
	RRI("ori", 0x3a5); RRI("andi", -16); RRI("andi", 0x7f); RRI("slli", 0); RRI("slli", 31);
	RRI("slli", 32); RRI("slli", 63); RRI("srli", 1); RRI("srli", 40); RRI("srli", 63);
	RRI("srai", 1); RRI("srai", 33); RRI("srai", 63); RRI("addiw", 0); RRI("addiw", -1);
	RRI("addiw", 2047); RRI("slliw", 0); RRI("slliw", 31); RRI("srliw", 1); RRI("srliw", 31);
	RRI("sraiw", 1); RRI("sraiw", 31);
	BRANCH("beq"); BRANCH("bne"); BRANCH("blt"); BRANCH("bge"); BRANCH("bltu"); BRANCH("bgeu");
	RRR("mul"); RRR("mulh"); RRR("mulhsu"); RRR("mulhu"); RRR("div"); RRR("divu"); RRR("rem");
	RRR("remu"); RRR("mulw"); RRR("divw"); RRR("divuw"); RRR("remw"); RRR("remuw");
}

static void bits(void)
{
	RRR("add.uw"); RRR("sh1add"); RRR("sh2add"); RRR("sh3add"); RRR("sh1add.uw");
	RRR("sh2add.uw"); RRR("sh3add.uw"); RRI("slli.uw", 0); RRI("slli.uw", 33);
	RRR("andn"); RRR("orn"); RRR("xnor"); RR("clz"); RR("clzw"); RR("ctz"); RR_LOW("ctzw");
	RR("cpop"); RR("cpopw"); RRR("max"); RRR("maxu"); RRR("min"); RRR("minu"); RR("sext.b");
	RR("sext.h"); RR("zext.h"); RRR("rol"); RRR("rolw"); RRR("ror"); RRR("rorw");
	RRI("rori", 0); RRI("rori", 33); RRI("roriw", 0); RRI("roriw", 17); RR("orc.b"); RR("rev8");
	RRR("bclr"); RRR("bext"); RRR("binv"); RRR("bset"); RRI("bclri", 40); RRI("bexti", 63);
	RRI("binvi", 31); RRI("bseti", 63);
}

/* Memory: every size at every alignment, over the end of a page. */
static uint8_t arena[3 * 4096] __attribute__((aligned(4096)));

#define LOADS(insn)                                                                                \
	do {                                                                                       \
		begin(insn);                                                                       \
		for (unsigned int i = 0; i < ROWS; i++) {                                          \
			uint64_t r;                                                                \
			asm volatile(insn " %0, -3(%1)" : "=r"(r) : "r"(arena + 4060 + i));        \
			emit(r);                                                                   \
			end_row(i);                                                                \
		}                                                                                  \
		end();                                                                             \
	} while (0)
#define FLOADS(insn)                                                                               \
	do {                                                                                       \
		begin(insn);                                                                       \
		for (unsigned int i = 0; i < ROWS; i++) {                                          \
			uint64_t r;                                                                \
			asm volatile(insn " ft0, 5(%1)\n\tfmv.x.d %0, ft0"                         \
				     : "=r"(r)                                                     \
				     : "r"(arena + 4060 + i)                                       \
				     : "ft0");                                                     \
			emit(r);                                                                   \
			end_row(i);                                                                \
		}                                                                                  \
		end();                                                                             \
	} while (0)
#define STORES(insn, move, reg)                                                                    \
	do {                                                                                       \
		begin(insn);                                                                       \
		for (unsigned int i = 0; i < ROWS; i++) {                                          \
			asm volatile(move "\n\t" insn " " reg ", 2(%1)"                            \
				     :                                                             \
				     : "r"(ints[i]), "r"(arena + 4060 + i)                         \
				     : "t0", "ft0", "memory");                                     \
			for (unsigned int j = 4056; j < 4144; j++)                                 \
				emit(((volatile uint8_t *)arena)[j]);                              \
			end_row(i);                                                                \
		}                                                                                  \
		end();                                                                             \
	} while (0)

static void memory(void)
{
	for (unsigned int i = 0; i < sizeof(arena); i++)
		arena[i] = (uint8_t)(random64() >> 13);
	LOADS("lb"); LOADS("lh"); LOADS("lw"); LOADS("ld"); LOADS("lbu"); LOADS("lhu");
	LOADS("lwu");
	FLOADS("flh"); FLOADS("flw"); FLOADS("fld");
	STORES("sb", "mv t0, %0", "t0"); STORES("sh", "mv t0, %0", "t0");
	STORES("sw", "mv t0, %0", "t0"); STORES("sd", "mv t0, %0", "t0");
	STORES("fsh", "fmv.d.x ft0, %0", "ft0"); STORES("fsw", "fmv.d.x ft0, %0", "ft0");
	STORES("fsd", "fmv.d.x ft0, %0", "ft0");
}

#define AMO(insn)                                                                                  \
	do {                                                                                       \
		begin(insn);                                                                       \
		for (unsigned int i = 0; i < ROWS; i++) {                                          \
			for (unsigned int j = 0; j < ROWS; j++) {                                  \
				uint64_t word = ints[i], r;                                        \
				asm volatile(insn " %0, %2, (%1)"                                  \
					     : "=&r"(r)                                            \
					     : "r"(&word), "r"(ints[j])                            \
					     : "memory");                                          \
				emit(r);                                                           \
				emit(*(volatile uint64_t *)&word);                                 \
			}                                                                          \
			end_row(i);                                                                \
		}                                                                                  \
		end();                                                                             \
	} while (0)
#define AMOS(op)                                                                                   \
	do {                                                                                       \
		AMO(op ".w");                                                                      \
		AMO(op ".d.aqrl");                                                                 \
	} while (0)
/* LR and SC: held, used up by an earlier SC, and to another address */
#define LRSC(lr, sc)                                                                               \
	do {                                                                                       \
		begin(sc);                                                                         \
		for (unsigned int i = 0; i < ROWS; i++) {                                          \
			uint64_t word = ints[i], a, b, c, d;                                       \
			asm volatile(lr " %0, (%4)\n\t" sc " %1, %5, (%4)\n\t" sc                  \
					" %2, %4, (%4)\n\t" lr " %3, (%4)\n\t" sc " %3, %0, (%6)"  \
				     : "=&r"(a), "=&r"(b), "=&r"(c), "=&r"(d)                      \
				     : "r"(&word), "r"(ints[ROWS - 1 - i]), "r"(&seed)             \
				     : "memory");                                                  \
			emit(a);                                                                   \
			emit(b);                                                                   \
			emit(c);                                                                   \
			emit(d);                                                                   \
			emit(*(volatile uint64_t *)&word);                                         \
			end_row(i);                                                                \
		}                                                                                  \
		end();                                                                             \
	} while (0)

static void atomics(void)
{
	AMOS("amoswap"); AMOS("amoadd"); AMOS("amoxor"); AMOS("amoand"); AMOS("amoor");
	AMOS("amomin"); AMOS("amomax"); AMOS("amominu"); AMOS("amomaxu");
	LRSC("lr.w", "sc.w"); LRSC("lr.d.aq", "sc.d.rl");
}

/* Values of fcsr before an instruction: each rounding mode, with and without flags raised. */
static const uint32_t modes[] = { 0x00, 0x01, 0x20, 0x40, 0x60, 0x80, 0x81, 0x41, 0x1f };

#define FP(text, a, b, c, x)                                                                       \
	do {                                                                                       \
		uint64_t r, flags;                                                                 \
		asm volatile("fscsr %2\n\tfmv.d.x ft0, %3\n\tfmv.d.x ft1, %4\n\t"                  \
			     "fmv.d.x ft2, %5\n\tmv t0, %6\n\t" text "\n\tfrcsr %1\n\t"            \
			     "mv %0, t0"                                                           \
			     : "=&r"(r), "=&r"(flags)                                              \
			     : "r"(modes[m]), "r"(a), "r"(b), "r"(c), "r"(x)                       \
			     : "t0", "ft0", "ft1", "ft2", "ft3");                                  \
		emit(r);                                                                           \
		emit(flags);                                                                       \
	} while (0)
#define MODES for (unsigned int m = 0; m < COUNT(modes); m++)
#define FFF(insn, table)                                                                           \
	do {                                                                                       \
		begin(insn);                                                                       \
		for (unsigned int i = 0; i < ROWS; i++) {                                          \
			for (unsigned int j = 0; j < ROWS; j++)                                    \
				MODES FP(insn " ft3, ft0, ft1\n\tfmv.x.d t0, ft3", table[i],       \
					 table[j], 0ULL, 0ULL);                                    \
			end_row(i);                                                                \
		}                                                                                  \
		end();                                                                             \
	} while (0)
#define XFF(insn, table)                                                                           \
	do {                                                                                       \
		begin(insn);                                                                       \
		for (unsigned int i = 0; i < ROWS; i++) {                                          \
			for (unsigned int j = 0; j < ROWS; j++)                                    \
				MODES FP(insn " t0, ft0, ft1", table[i], table[j], 0ULL, 0ULL);    \
			end_row(i);                                                                \
		}                                                                                  \
		end();                                                                             \
	} while (0)
/* The third operand of a fused operation is often close to minus the product of the others. */
#define FFFF(insn, mul, table)                                                                     \
	do {                                                                                       \
		begin(insn);                                                                       \
		for (unsigned int i = 0; i < ROWS; i++) {                                          \
			for (unsigned int j = 0; j < ROWS; j++) {                                  \
				for (unsigned int k = (i + j) % 5; k < ROWS; k += 5)               \
					MODES FP(insn " ft3, ft0, ft1, ft2\n\tfmv.x.d t0, ft3",    \
						 table[i], table[j], table[k], 0ULL);              \
				MODES FP(mul " ft2, ft0, ft1\n\t" insn                             \
					     " ft3, ft0, ft1, ft2\n\tfmv.x.d t0, ft3",             \
					 table[i], table[j], 0ULL, 0ULL);                          \
			}                                                                          \
			end_row(i);                                                                \
		}                                                                                  \
		end();                                                                             \
	} while (0)
#define FF(insn, table, rm)                                                                        \
	do {                                                                                       \
		begin(insn rm);                                                                    \
		for (unsigned int i = 0; i < ROWS; i++) {                                          \
			MODES FP(insn " ft3, ft0" rm "\n\tfmv.x.d t0, ft3", table[i], 0ULL, 0ULL,  \
				 0ULL);                                                            \
			end_row(i);                                                                \
		}                                                                                  \
		end();                                                                             \
	} while (0)
#define XF(insn, table, rm)                                                                        \
	do {                                                                                       \
		begin(insn rm);                                                                    \
		for (unsigned int i = 0; i < ROWS; i++) {                                          \
			MODES FP(insn " t0, ft0" rm, table[i], 0ULL, 0ULL, 0ULL);                  \
			end_row(i);                                                                \
		}                                                                                  \
		end();                                                                             \
	} while (0)
#define FX(insn, rm)                                                                               \
	do {                                                                                       \
		begin(insn rm);                                                                    \
		for (unsigned int i = 0; i < ROWS; i++) {                                          \
			MODES FP(insn " ft3, t0" rm "\n\tfmv.x.d t0, ft3", 0ULL, 0ULL, 0ULL,       \
				 ints[i]);                                                         \
			end_row(i);                                                                \
		}                                                                                  \
		end();                                                                             \
	} while (0)

#define ALL_OF(f, table)                                                                           \
	do {                                                                                       \
		FFF("fadd" f, table); FFF("fsub" f, table); FFF("fmul" f, table);                  \
		FFF("fdiv" f, table); FF("fsqrt" f, table, "");                                    \
		FFF("fsgnj" f, table); FFF("fsgnjn" f, table); FFF("fsgnjx" f, table);             \
		FFF("fmin" f, table); FFF("fmax" f, table);                                        \
		XFF("feq" f, table); XFF("flt" f, table); XFF("fle" f, table);                     \
		XF("fclass" f, table, "");                                                         \
		FFFF("fmadd" f, "fmul" f, table); FFFF("fmsub" f, "fmul" f, table);                \
		FFFF("fnmsub" f, "fmul" f, table); FFFF("fnmadd" f, "fmul" f, table);              \
		XF("fcvt.w" f, table, ""); XF("fcvt.wu" f, table, ""); XF("fcvt.l" f, table, "");  \
		XF("fcvt.lu" f, table, ""); XF("fcvt.w" f, table, ", rtz");                        \
		XF("fcvt.wu" f, table, ", rtz"); XF("fcvt.l" f, table, ", rtz");                   \
		XF("fcvt.lu" f, table, ", rtz"); XF("fcvt.l" f, table, ", rne");                   \
		XF("fcvt.l" f, table, ", rdn"); XF("fcvt.l" f, table, ", rup");                    \
		XF("fcvt.l" f, table, ", rmm");                                                    \
		FX("fcvt" f ".w", ""); FX("fcvt" f ".wu", ""); FX("fcvt" f ".l", "");              \
		FX("fcvt" f ".lu", ""); FX("fcvt" f ".l", ", rtz"); FX("fcvt" f ".l", ", rmm");    \
		FF("fsqrt" f, table, ", rne"); FF("fsqrt" f, table, ", rup");                      \
	} while (0)

static void floating(void)
{
	ALL_OF(".s", floats);
	XF("fmv.x.w", floats, "");
	FX("fmv.w.x", "");
	ALL_OF(".d", doubles);
	XF("fmv.x.d", doubles, "");
	FX("fmv.d.x", "");
	ALL_OF(".h", halves);
	XF("fmv.x.h", halves, "");
	FX("fmv.h.x", "");
	FF("fcvt.s.d", doubles, ""); FF("fcvt.d.s", floats, ""); FF("fcvt.s.h", halves, "");
	FF("fcvt.h.s", floats, ""); FF("fcvt.d.h", halves, ""); FF("fcvt.h.d", doubles, "");
	FF("fcvt.s.d", doubles, ", rtz"); FF("fcvt.h.d", doubles, ", rdn");
}

/* Jumps, and what they leave behind; addresses only as differences. */
static void jumps(void)
{
	uint64_t a, b, c;

	begin("jumps");
	asm volatile("la t0, 1f\n\tjalr t1, 4(t0)\n1:\tnop\n2:\tsub %0, t1, t0\n\t"
		     "addi t0, t0, 13\n\tjalr t0, 8(t0)\n3:\tnop\n\tnop\n\tnop\n\tnop\n"
		     "4:\tla t1, 4b\n\t"
		     "sub %1, t0, t1\n\tauipc t0, 0x12345\n\tla t1, 5f\n5:\tsub %2, t0, t1"
		     : "=&r"(a), "=&r"(b), "=&r"(c)
		     :
		     : "t0", "t1");
	emit(a);
	emit(b);
	emit(c);
	end_row(0);
	asm volatile("li %0, 0\n\tjal t0, 1f\n\taddi %0, %0, 1\n\tj 2f\n"
		     "1:\taddi %0, %0, 16\n\tjr t0\n2:\t"
		     "lui %1, 0x80000\n\tlui %2, 0x7ffff"
		     : "=&r"(a), "=&r"(b), "=&r"(c)
		     :
		     : "t0");
	emit(a);
	emit(b);
	emit(c);
	end_row(1);
	end();
}

/* The floating-point CSRs, by every instruction that accesses CSRs. */
static void csrs(void)
{
	uint64_t r;

	begin("csr");
#define CSR(insn, n, operand)                                                                      \
	do {                                                                                       \
		asm volatile(insn " %0, " n ", %1" : "=r"(r) : operand);                           \
		emit(r);                                                                           \
		asm volatile("frcsr %0" : "=r"(r));                                                \
		emit(r);                                                                           \
	} while (0)
	for (unsigned int i = 0; i < ROWS; i++) {
		CSR("csrrw", "fcsr", "r"(ints[i]));
		CSR("csrrs", "fflags", "r"(ints[i] >> 2));
		CSR("csrrc", "frm", "r"(ints[i] >> 1));
		CSR("csrrwi", "frm", "i"(3));
		CSR("csrrsi", "fcsr", "i"(17));
		CSR("csrrci", "fflags", "i"(1));
		CSR("csrrw", "fflags", "r"(ints[i]));
		end_row(i);
	}
	end();
	asm volatile("fscsr zero");
}

void run(void)
{
	fill();
	integer();
	bits();
	memory();
	atomics();
	jumps();
	csrs();
	floating();
}
