// SPDX-License-Identifier: MIT
/*
 * Directed tests of the vector unit: what is illegal, faults in the middle of
 * an instruction, and what no emulator at hand has: bf16, sd.vexp2.v, registers
 * longer than 1024 bits. All other results are compared with another emulator
 * in tests/isa. The invariant: each test puts its own code at CODE.
 */
#include <fenv.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "qemu-device/chip/vector_path.h"
#include "qemu-device/chip/vexp2.h"
#include "tests/isa/asm.h"
#include "qemu-device/flat/flat.h"

#define CODE  0x10000ULL
#define DATA  0x200000ULL
#define PAGES 24
#define END   (DATA + PAGES * SC_PAGE_SIZE) /* nothing is mapped from here on */
#define VLEN  16384
#define VLENB (VLEN / 8)

#define E8  0
#define E16 (1 << 3)
#define E32 (2 << 3)
#define E64 (3 << 3)
#define M1  0
#define M2  1
#define M4  2
#define M8  3
#define MF8 5

enum { VV, FVV, MVV, VI, VX, FVF, MVX };

static uint32_t vsetvli(uint32_t rd, uint32_t rs1, uint32_t vtype)
{
	return vtype << 20 | rs1 << 15 | 7 << 12 | rd << 7 | 0x57;
}

static uint32_t opv(uint32_t f6, uint32_t f3, uint32_t vd, uint32_t vs2, uint32_t vs1, uint32_t vm)
{
	return f6 << 26 | vm << 25 | vs2 << 20 | vs1 << 15 | f3 << 12 | vd << 7 | 0x57;
}

/* @width: funct3; @op: nf, mop and lumop or rs2, as they lie in the word */
static uint32_t vload(uint32_t vd, uint32_t rs1, uint32_t width, uint32_t op)
{
	return op | 1 << 25 | rs1 << 15 | width << 12 | vd << 7 | 0x07;
}

static uint32_t vstore(uint32_t vd, uint32_t rs1, uint32_t width, uint32_t op)
{
	return vload(vd, rs1, width, op) | 0x20;
}

struct fixture {
	struct sc_chip chip;
	struct sc_core *core;
	struct sc_launch launch;
	uint32_t *code;
	uint8_t *data;
};

static int setup(void **state)
{
	struct fixture *t = calloc(1, sizeof(*t));

	flat_init(&t->chip);
	t->chip.config.vlen = VLEN;
	t->code = (uint32_t *)flat_map(&t->chip, CODE, SC_PAGE_SIZE,
				       SC_PTE_VALID | SC_PTE_READ | SC_PTE_EXECUTE);
	t->data = flat_map(&t->chip, DATA, PAGES * SC_PAGE_SIZE,
			   SC_PTE_VALID | SC_PTE_READ | SC_PTE_WRITE);
	t->core = sc_core_create(&t->chip, 0);
	t->launch = (struct sc_launch){
		.context = 5,
		.entry = CODE,
		.stack_size = SC_PAGE_SIZE,
		.grid = { 1, 1, 1 },
		.cores = 1,
		.limit = 1000000,
	};
	*state = t;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *t = *state;

	sc_core_destroy(t->core);
	flat_free(&t->chip);
	free(t);
	return 0;
}

static void start(struct fixture *t, const uint32_t *words, size_t size)
{
	static const uint32_t wg[3];

	memcpy(t->code, words, size);
	t->chip.code_stamp++;
	sc_core_start(t->core, &t->launch, wg, 0);
	t->core->x[A1] = DATA;
	t->core->x[A2] = ~0ULL;
}

/* a1 is DATA, a2 the largest AVL. */
#define RUN(t, ...)                                                     \
	({                                                              \
		const uint32_t words_[] = { __VA_ARGS__ };              \
		start(t, words_, sizeof(words_));                       \
		sc_core_run((t)->core, UINT64_MAX);                     \
	})

static uint8_t *reg(struct fixture *t, unsigned int n)
{
	return t->core->v + n * VLENB;
}

/* @word under @vtype is illegal, and changes no register. */
static void expect_illegal(struct fixture *t, uint32_t vtype, uint32_t word)
{
	uint8_t *before = malloc(32 * VLENB);

	memcpy(before, t->core->v, 32 * VLENB);
	assert_int_equal(RUN(t, vsetvli(ZERO, A2, vtype), word, RET), SC_RUN_FAULT);
	assert_int_equal(sc_core_fault(t->core)->code, SC_CODE_ILLEGAL_INSN);
	assert_int_equal(sc_core_fault(t->core)->status, SC_STATUS_TRAP);
	assert_int_equal(sc_core_fault(t->core)->pc, CODE + 4);
	assert_int_equal(sc_core_fault(t->core)->value, word);
	assert_int_equal(sc_core_fault(t->core)->insns, 1);
	assert_memory_equal(before, t->core->v, 32 * VLENB);
	free(before);
}

static void test_illegal(void **state)
{
	struct fixture *t = *state;
	uint32_t add = opv(0, VV, 8, 16, 24, 1);

	for (unsigned int i = 0; i < 32 * VLENB; i++)
		t->core->v[i] = (uint8_t)(i * 7 >> 3);
	expect_illegal(t, 4, add); /* LMUL */
	expect_illegal(t, 4 << 3, add); /* SEW of 128 */
	expect_illegal(t, E16 | MF8, add); /* no room for an element */
	expect_illegal(t, 0x100, add);
	assert_int_equal(t->core->vtype, 1ULL << 63);
	assert_int_equal(t->core->vl, 0);
	expect_illegal(t, 4, vload(8, A1, 0, 0));
	expect_illegal(t, E8 | M2, opv(0, VV, 9, 16, 24, 1)); /* alignment */
	expect_illegal(t, E8 | M2, opv(0, VV, 8, 17, 24, 1));
	expect_illegal(t, E8 | M8, opv(0, VV, 8, 16, 28, 1));
	expect_illegal(t, E8 | M1, opv(0, VV, 0, 16, 24, 0)); /* the mask */
	expect_illegal(t, E8 | M1, opv(0x31, MVV, 8, 8, 24, 1)); /* widening onto its source */
	expect_illegal(t, E8 | M8, opv(0x31, MVV, 8, 16, 24, 1)); /* 16 registers */
	expect_illegal(t, E64 | M1, opv(0x31, MVV, 8, 16, 24, 1)); /* 128 bits */
	expect_illegal(t, E8 | M1, opv(0x2c, VX, 9, 8, A1, 1)); /* upper half of the source */
	expect_illegal(t, E8 | M1, opv(0x0c, VV, 8, 8, 24, 1)); /* vrgather */
	expect_illegal(t, E8 | M1, opv(0x0e, VX, 8, 8, A1, 1)); /* vslideup */
	expect_illegal(t, E8 | M1, opv(0x17, MVV, 8, 9, 8, 1)); /* vcompress */
	expect_illegal(t, E8 | M1, opv(0x00, FVV, 8, 9, 10, 1)); /* no 8-bit floats */
	expect_illegal(t, E32 | M1, opv(0x12, FVV, 8, 9, 0x0d, 1)); /* bf16 has 16 bits */
	expect_illegal(t, E8 | M4, vload(8, A1, 0, 2u << 29)); /* segments of 12 registers */
	expect_illegal(t, E8 | M1, vload(30, A1, 0, 2u << 29)); /* beyond v31 */
	expect_illegal(t, E8 | M1, vload(8, A1, 0, 1 << 28)); /* 128 bits */
	expect_illegal(t, E8 | M1, opv(0x3f, VV, 8, 9, 10, 1)); /* no such instruction */
	/* no vector registers, no vector instructions */
	t->core->vlen = 0;
	sc_vector_init(t->core);
	assert_int_equal(RUN(t, vsetvli(ZERO, A2, 0), RET), SC_RUN_FAULT);
	assert_int_equal(sc_core_fault(t->core)->code, SC_CODE_ILLEGAL_INSN);
	t->core->vlen = VLEN;
	sc_vector_init(t->core);
}

static void test_fault_inside(void **state)
{
	struct fixture *t = *state;
	const uint32_t code[] = { vsetvli(ZERO, A2, E32 | M1), vload(8, A1, 6, 0), RET };
	const uint32_t back[] = { vsetvli(ZERO, A2, E32 | M1), vstore(8, A1, 6, 0), RET };
	const uint32_t only[] = { vsetvli(ZERO, A2, E32 | M1), vload(8, A1, 6, 16 << 20), RET };
	uint32_t *last = (uint32_t *)(t->data + PAGES * SC_PAGE_SIZE - 40);

	for (unsigned int i = 0; i < 10; i++)
		last[i] = 0x1000 + i;
	memset(reg(t, 8), 0xee, VLENB);
	start(t, code, sizeof(code));
	t->core->x[A1] = END - 40;
	assert_int_equal(sc_core_run(t->core, UINT64_MAX), SC_RUN_FAULT);
	assert_int_equal(sc_core_fault(t->core)->code, SC_CODE_UNMAPPED);
	assert_int_equal(sc_core_fault(t->core)->va, END);
	assert_int_equal(sc_core_fault(t->core)->size, 4);
	assert_int_equal(sc_core_fault(t->core)->pc, CODE + 4);
	assert_int_equal(t->core->vstart, 10);
	assert_memory_equal(reg(t, 8), last, 40);
	for (unsigned int i = 40; i < VLENB; i++)
		assert_int_equal(reg(t, 8)[i], 0xee);
	/* it goes on from vstart, here to an address that is mapped */
	t->core->x[A1] = DATA;
	assert_int_equal(sc_core_run(t->core, UINT64_MAX), SC_RUN_DONE);
	assert_int_equal(t->core->vstart, 0);
	assert_memory_equal(reg(t, 8), last, 40);
	assert_memory_equal(reg(t, 8) + 40, t->data + 40, VLENB - 40);

	/* a store of elements over the end of the page: none is written in part */
	start(t, back, sizeof(back));
	t->core->x[A1] = END - 38;
	assert_int_equal(sc_core_run(t->core, UINT64_MAX), SC_RUN_FAULT);
	assert_int_equal(t->core->vstart, 9);
	assert_int_equal(sc_core_fault(t->core)->va, END);
	assert_int_equal(((uint16_t *)(t->data + PAGES * SC_PAGE_SIZE))[-1], 0);

	/* fault-only-first */
	start(t, only, sizeof(only));
	t->core->x[A1] = END - 24;
	assert_int_equal(sc_core_run(t->core, UINT64_MAX), SC_RUN_DONE);
	assert_int_equal(t->core->vl, 6);
	assert_int_equal(t->core->vstart, 0);
	start(t, only, sizeof(only));
	t->core->x[A1] = END;
	assert_int_equal(sc_core_run(t->core, UINT64_MAX), SC_RUN_FAULT);
	assert_int_equal(t->core->vl, VLEN / 32);
	assert_int_equal(sc_core_fault(t->core)->va, END);
}

static void test_state(void **state)
{
	struct fixture *t = *state;
	struct sc_core_dump *dump = malloc(sc_core_dump_size(VLEN));

	assert_int_equal(RUN(t, vsetvli(A3, A2, E16 | M2), opv(0x14, MVV, 4, 0, 17, 1),
			     i_type(0x73, 2, A4, 0, (int32_t)0xc22), i_type(0x73, 5, 0, 5, 0x00f),
			     EBREAK),
			 SC_RUN_FAULT);
	assert_int_equal(t->core->x[A3], VLENB);
	assert_int_equal(t->core->x[A4], VLENB);
	sc_core_dump(t->core, dump);
	assert_int_equal(dump->vl, VLENB);
	assert_int_equal(dump->vtype, E16 | M2);
	assert_int_equal(dump->vcsr, 5);
	for (unsigned int i = 0; i < VLENB; i++) /* vid, over two registers */
		assert_int_equal(((uint16_t *)((uint8_t *)(dump + 1) + 4 * VLENB))[i], i);
	/* registers stay from workgroup to workgroup, CSRs do not; another context finds zeros */
	assert_int_equal(RUN(t, i_type(0x73, 2, A4, 0, (int32_t)0xc21), RET), SC_RUN_DONE);
	assert_int_equal(t->core->x[A4], 1ULL << 63);
	assert_int_equal(((uint16_t *)reg(t, 4))[9], 9);
	sc_core_clear(t->core);
	for (unsigned int i = 0; i < 32 * VLENB; i++)
		assert_int_equal(t->core->v[i], 0);
	free(dump);
}

static float random_float(void)
{
	return (float)(rand() % 20001 - 10000) / 64.0f;
}

/* The longest registers, over several pages and all of LMUL. */
static void test_long(void **state)
{
	struct fixture *t = *state;
	unsigned int n = 4 * VLENB / 4;
	float *x = (void *)t->data, *y = x + n, sum = 0;

	for (unsigned int i = 0; i < n; i++) {
		x[i] = random_float();
		y[i] = random_float();
	}
	/* v8 = x, v16 = y, v24 = x * y + x, then slide, gather and reduce */
	assert_int_equal(RUN(t, vsetvli(A3, A2, E32 | M4), vload(8, A1, 6, 0),
			     SLLI(A4, A3, 2), ADD(A4, A4, A1), vload(16, A4, 6, 0),
			     opv(0x17, VV, 24, 0, 8, 1), opv(0x2c, FVV, 24, 8, 16, 1),
			     opv(0x0f, VI, 12, 8, 3, 1), opv(0x14, MVV, 20, 0, 17, 1),
			     opv(0x03, VX, 20, 20, A3, 1), opv(0x0c, VV, 28, 8, 20, 1),
			     opv(0x10, MVX, 1, 0, ZERO, 1), opv(0x03, FVV, 2, 8, 1, 1), RET),
			 SC_RUN_DONE);
	assert_int_equal(t->core->x[A3], n);
	for (unsigned int i = 0; i < n; i++) {
		assert_memory_equal(&(float){ fmaf(x[i], y[i], x[i]) }, reg(t, 24) + 4 * i, 4);
		assert_memory_equal(&(float){ i + 3 < n ? x[i + 3] : 0 }, reg(t, 12) + 4 * i, 4);
		assert_memory_equal(&(float){ i ? x[n - i] : 0 }, reg(t, 28) + 4 * i, 4);
		sum += x[i];
	}
	assert_memory_equal(&sum, reg(t, 2), 4);
}

static float from_bf16(uint16_t v)
{
	uint32_t bits = (uint32_t)v << 16;
	float f;

	memcpy(&f, &bits, 4);
	return f;
}

/* Round to nearest even; NaN is canonical. */
static uint16_t to_bf16(float f)
{
	uint32_t bits;

	memcpy(&bits, &f, 4);
	if (f != f)
		return 0x7fc0;
	return (uint16_t)((bits + 0x7fff + (bits >> 16 & 1)) >> 16);
}

static void expect_float(float want, const uint8_t *at)
{
	uint32_t bits = 0x7fc00000;

	if (want == want)
		memcpy(&bits, &want, 4);
	assert_int_equal(*(const uint32_t *)at, bits);
}

static void test_bf16(void **state)
{
	struct fixture *t = *state;
	uint16_t *a = (uint16_t *)t->data, *b = a + VLENB / 2;
	float *c = (void *)(b + VLENB / 2);

	for (unsigned int i = 0; i < VLENB / 2; i++) {
		a[i] = (uint16_t)rand();
		b[i] = (uint16_t)rand();
		c[i] = i % 2 ? random_float() : from_bf16((uint16_t)rand()) * 1.0009765f;
	}
	assert_int_equal(RUN(t, vsetvli(A3, A2, E16 | M1), vload(1, A1, 5, 0), ADD(A4, A1, A3),
			     ADD(A4, A4, A3), vload(2, A4, 5, 0), ADD(A4, A4, A3), ADD(A4, A4, A3),
			     vload(4, A4, 6, 0), opv(0x12, FVV, 6, 1, 0x0d, 1),
			     opv(0x12, FVV, 8, 4, 0x1d, 1), opv(0x3b, FVV, 4, 1, 2, 1),
			     opv(0x10, MVV, A3, 8, 0, 1), RET),
			 SC_RUN_DONE);
	for (unsigned int i = 0; i < VLENB / 2; i++) {
		expect_float(from_bf16(a[i]), reg(t, 6) + 4 * i);
		assert_int_equal(((uint16_t *)reg(t, 8))[i], to_bf16(c[i]));
		expect_float(fmaf(from_bf16(a[i]), from_bf16(b[i]), c[i]), reg(t, 4) + 4 * i);
	}
}

/* Zfbfmin: fcvt.bf16.s and back; illegal without the extension. */
static void test_scalar_bf16(void **state)
{
	struct fixture *t = *state;
	uint32_t down = r_type(0x53, 0, 0x22, 2, 1, 8), up = r_type(0x53, 0, 0x20, 3, 2, 6);

	memcpy(t->data, &(float){ 1.00390625f * 3 }, 4); /* a tie */
	assert_int_equal(RUN(t, i_type(0x07, 2, 1, A1, 0), down, up, RET), SC_RUN_DONE);
	assert_int_equal(t->core->f[2], 0xffffffffffff0000 | to_bf16(1.00390625f * 3));
	assert_int_equal((uint32_t)t->core->f[3], (uint32_t)to_bf16(1.00390625f * 3) << 16);
	assert_int_equal(t->core->fcsr, 1);
	t->core->isa &= ~(uint64_t)SC_ISA_ZFBFMIN;
	assert_int_equal(RUN(t, down, RET), SC_RUN_FAULT);
	assert_int_equal(sc_core_fault(t->core)->code, SC_CODE_ILLEGAL_INSN);
}

static void test_exp2(void **state)
{
	struct fixture *t = *state;
	uint32_t exp2_v = 5 << 12 | 1 << 25 | 8 << 20 | 16 << 7 | 0x2b;
	float *x = (void *)t->data;
	unsigned int n = VLENB * 8 / 4;

	for (unsigned int i = 0; i < n; i++)
		x[i] = (float)(rand() % 600000 - 300000) / (i % 2 ? 2000.0f : 1e6f);
	x[0] = INFINITY, x[1] = -INFINITY, x[2] = NAN, x[3] = 0, x[4] = 128, x[5] = -149;
	x[6] = -150, x[7] = 127;
	assert_int_equal(RUN(t, vsetvli(A3, A2, E32 | M8), vload(8, A1, 6, 0), exp2_v, RET),
			 SC_RUN_DONE);
	assert_int_equal(t->core->fcsr, 0);
	for (unsigned int i = 0; i < n; i++) {
		double exact = exp2((double)x[i]), ulp;
		uint32_t bits;
		float r;

		memcpy(&r, reg(t, 16) + 4 * i, 4);
		memcpy(&bits, &x[i], 4);
		assert_int_equal(sc_vexp2(bits), *(uint32_t *)(reg(t, 16) + 4 * i));
		if (i == 2 || exact > 3.4028234e38) {
			assert_true(i == 2 ? isnan(r) : isinf(r));
			continue;
		}
		ulp = exact < 0x1p-126 ? 0x1p-149 : ldexp(1, ilogb(exact) - 23);
		assert_true(fabs(r - exact) <= 2 * ulp);
	}
	assert_int_equal(*(uint32_t *)(reg(t, 16) + 12), 0x3f800000);
	expect_illegal(t, E16 | M1, exp2_v);
}

static uint32_t set_vstart(uint32_t element)
{
	return 0x008 << 20 | element << 15 | 5 << 12 | 0x73; /* csrrwi zero, vstart */
}

/* Where the emulator of tests/isa keeps vstart or falls: slides, moves of scalars and registers. */
static void test_vstart(void **state)
{
	struct fixture *t = *state;
	uint32_t *v8 = (uint32_t *)reg(t, 8), *v16 = (uint32_t *)reg(t, 16);
	unsigned int i, words = 2 * VLENB / 4;

	for (i = 0; i < words; i++) {
		v8[i] = 1000 + i;
		v16[i] = 5000 + i;
	}
	/* vslideup.vi v8, v16, 2: elements from the larger of vstart and offset on */
	assert_int_equal(RUN(t, vsetvli(ZERO, A2, E32 | M2), set_vstart(5),
			     opv(0x0e, VI, 8, 16, 2, 1), RET), SC_RUN_DONE);
	for (i = 0; i < words; i++)
		assert_int_equal(v8[i], i < 5 ? 1000 + i : 5000 + i - 2);
	assert_int_equal(t->core->vstart, 0);

	/* vmv.s.x v8, a1: nothing at or beyond vl, else element 0; vstart is cleared either way */
	v8[0] = 7;
	assert_int_equal(RUN(t, 1 << 20 | ZERO << 15 | A0 << 7 | 0x13, /* li a0, 1 */
			     vsetvli(ZERO, A0, E32 | M1), set_vstart(1),
			     opv(0x10, MVX, 8, 0, A1, 1), RET), SC_RUN_DONE);
	assert_int_equal(v8[0], 7);
	assert_int_equal(t->core->vstart, 0);

	/* vmv2r.v v8, v16: from element vstart of the effective SEW on */
	for (i = 0; i < words; i++)
		v8[i] = 1000 + i;
	assert_int_equal(RUN(t, vsetvli(ZERO, A2, E32 | M1), set_vstart(9),
			     opv(0x27, VI, 8, 16, 1, 1), RET), SC_RUN_DONE);
	for (i = 0; i < words; i++)
		assert_int_equal(v8[i], i < 9 ? 1000 + i : 5000 + i);
	assert_int_equal(t->core->vstart, 0);
}

static uint32_t set_frm(uint32_t mode)
{
	return 0x002 << 20 | mode << 15 | 5 << 12 | 0x73; /* csrrwi zero, frm */
}

/* @word is illegal behind @first, which is not. */
static void expect_refused(struct fixture *t, uint32_t vtype, uint32_t first, uint32_t word)
{
	assert_int_equal(RUN(t, vsetvli(ZERO, A2, vtype), first, word, RET), SC_RUN_FAULT);
	assert_int_equal(sc_core_fault(t->core)->code, SC_CODE_ILLEGAL_INSN);
	assert_int_equal(sc_core_fault(t->core)->pc, CODE + 8);
	assert_int_equal(sc_core_fault(t->core)->value, word);
}

/* vfwmaccbf16 in the modes that the host has, which rounds its own multiply-add by them. */
static void test_bf16_rounding(void **state)
{
	static const int modes[] = { FE_TONEAREST, FE_TOWARDZERO, FE_DOWNWARD, FE_UPWARD };
	struct fixture *t = *state;
	uint16_t *a = (uint16_t *)t->data, *b = a + VLENB / 2;
	float *c = (void *)(b + VLENB / 2);

	for (unsigned int i = 0; i < VLENB / 2; i++) {
		a[i] = (uint16_t)rand();
		b[i] = to_bf16(1.0f + i);
		/* often of the product's size, and where the sum is subnormal */
		c[i] = i % 2 ? random_float() : -1.0000001f * from_bf16(a[i]) * (1.0f + i);
	}
	for (unsigned int mode = 0; mode < 4; mode++) {
		assert_int_equal(RUN(t, set_frm(mode), vsetvli(A3, A2, E16 | M1),
				     vload(1, A1, 5, 0), ADD(A4, A1, A3), ADD(A4, A4, A3),
				     vload(2, A4, 5, 0), ADD(A4, A4, A3), ADD(A4, A4, A3),
				     vload(4, A4, 6, 0), opv(0x3b, FVV, 4, 1, 2, 1), RET),
				 SC_RUN_DONE);
		fesetround(modes[mode]);
		for (unsigned int i = 0; i < VLENB / 2; i++) {
			volatile float x = from_bf16(a[i]), y = from_bf16(b[i]), z = c[i];

			expect_float(fmaf(x, y, z), reg(t, 4) + 4 * i);
		}
		fesetround(FE_TONEAREST);
	}
}

/* State that makes an instruction illegal: frm without a meaning, vstart where none may be. */
static void test_illegal_state(void **state)
{
	struct fixture *t = *state;
	const uint32_t fp[] = {
		opv(0x00, FVV, 8, 9, 10, 1), /* vfadd */
		opv(0x04, FVV, 8, 9, 10, 1), /* vfmin, which rounds nothing */
		opv(0x08, FVF, 8, 9, 10, 1), /* vfsgnj */
		opv(0x18, FVV, 8, 9, 10, 1), /* vmfeq */
		opv(0x17, FVF, 8, 0, 10, 1), /* vfmv.v.f */
		opv(0x10, FVV, 10, 8, 0, 1), /* vfmv.f.s */
		opv(0x0f, FVF, 8, 9, 10, 1), /* vfslide1down */
		opv(0x12, FVV, 8, 9, 7, 1), /* vfcvt.rtz.x.f, which has a mode of its own */
		opv(0x13, FVV, 8, 9, 16, 1), /* vfclass */
		opv(0x03, FVV, 8, 9, 10, 1), /* vfredosum */
	};
	const uint32_t from_zero[] = {
		opv(0x00, MVV, 8, 9, 10, 1), /* vredsum */
		opv(0x31, VV, 8, 9, 10, 1), /* vwredsum */
		opv(0x03, FVV, 8, 9, 10, 1), /* vfredosum */
		opv(0x17, MVV, 8, 9, 10, 1), /* vcompress */
		opv(0x10, MVV, A3, 9, 16, 1), /* vcpop */
		opv(0x10, MVV, A3, 9, 17, 1), /* vfirst */
		opv(0x14, MVV, 8, 9, 1, 1), /* vmsbf */
		opv(0x14, MVV, 8, 9, 16, 1), /* viota */
	};

	for (unsigned int i = 0; i < sizeof(fp) / sizeof(fp[0]); i++)
		for (uint32_t frm = 5; frm < 8; frm++)
			expect_refused(t, E32 | M1, set_frm(frm), fp[i]);
	assert_int_equal(RUN(t, vsetvli(ZERO, A2, E32 | M1), set_frm(5),
			     opv(0, VV, 8, 9, 10, 1), RET), SC_RUN_DONE);
	for (unsigned int i = 0; i < sizeof(from_zero) / sizeof(from_zero[0]); i++)
		expect_refused(t, E32 | M1, set_vstart(1), from_zero[i]);
}

/* Indices and offsets are as wide as a register, and none reaches beyond VLMAX. */
static void test_far(void **state)
{
	static const uint64_t far[] = { ~0ULL, 1ULL << 63, (1ULL << 63) - 1, 1ULL << 32,
					(1ULL << 32) + 1, VLENB, VLENB - 1, 256 };
	struct fixture *t = *state;

	for (unsigned int k = 0; k < sizeof(far) / sizeof(far[0]); k++) {
		const uint32_t code[] = {
			vsetvli(ZERO, A2, E8 | M1), opv(0x0e, VX, 8, 16, A3, 1), /* vslideup */
			opv(0x0f, VX, 9, 16, A3, 1), opv(0x0c, VX, 10, 16, A3, 1), RET,
		};

		for (unsigned int i = 0; i < VLENB; i++) {
			reg(t, 16)[i] = (uint8_t)(i * 7 + (i >> 8));
			reg(t, 8)[i] = reg(t, 9)[i] = reg(t, 10)[i] = 0xee;
		}
		start(t, code, sizeof(code));
		t->core->x[A3] = far[k];
		assert_int_equal(sc_core_run(t->core, UINT64_MAX), SC_RUN_DONE);
		for (uint64_t i = 0; i < VLENB; i++) {
			uint64_t room = far[k] < VLENB ? VLENB - far[k] : 0;

			assert_int_equal(reg(t, 8)[i], i < far[k] ? 0xee : reg(t, 16)[i - far[k]]);
			assert_int_equal(reg(t, 9)[i], i < room ? reg(t, 16)[i + far[k]] : 0);
			assert_int_equal(reg(t, 10)[i], room ? reg(t, 16)[far[k]] : 0);
		}
	}
	/* vslidedown takes what lies beyond vl; vrgather.vv has no index of more bits than SEW */
	((uint64_t *)reg(t, 8))[0] = 1ULL << 32;
	((uint64_t *)reg(t, 8))[1] = VLENB / 8 - 1;
	assert_int_equal(RUN(t, vsetvli(ZERO, A2, E64 | M1), opv(0x0c, VV, 9, 16, 8, 1),
			     0xc0007057 | 2 << 15 | E64 << 20, /* vsetivli zero, 2, e64, m1 */
			     opv(0x0f, VI, 10, 16, 3, 1), RET), SC_RUN_DONE);
	assert_int_equal(((uint64_t *)reg(t, 9))[0], 0);
	assert_int_equal(((uint64_t *)reg(t, 9))[1], ((uint64_t *)reg(t, 16))[VLENB / 8 - 1]);
	assert_int_equal(((uint64_t *)reg(t, 10))[1], ((uint64_t *)reg(t, 16))[4]);
}

#define NF(n)	     (((n) - 1u) << 29)
#define FIRST	     (16u << 20)
#define INDEXED(vs2) (1u << 26 | (uint32_t)(vs2) << 20)

/* Segments of eight registers, also over the end of memory, and indices of another width. */
static void test_segments(void **state)
{
	struct fixture *t = *state;
	const uint32_t seg[] = { vsetvli(ZERO, A2, E16 | M1), vload(8, A1, 5, NF(8)), RET };
	const uint32_t first[] = { vsetvli(ZERO, A2, E16 | M1), vload(8, A1, 5, NF(8) | FIRST),
				   RET };
	uint16_t *data = (uint16_t *)t->data, *last = data + PAGES * SC_PAGE_SIZE / 2 - 20;
	unsigned int n = VLENB / 2;

	for (unsigned int i = 0; i < PAGES * SC_PAGE_SIZE / 2; i++)
		data[i] = (uint16_t)(i * 3);
	start(t, seg, sizeof(seg));
	assert_int_equal(sc_core_run(t->core, UINT64_MAX), SC_RUN_DONE);
	for (unsigned int i = 0; i < 8 * n; i++)
		assert_int_equal(((uint16_t *)reg(t, 8 + i % 8))[i / 8], data[i]);
	/* two segments and a half */
	memset(reg(t, 8), 0xee, 8 * VLENB);
	start(t, seg, sizeof(seg));
	t->core->x[A1] = END - 40;
	assert_int_equal(sc_core_run(t->core, UINT64_MAX), SC_RUN_FAULT);
	assert_int_equal(t->core->vstart, 2);
	assert_int_equal(sc_core_fault(t->core)->va, END);
	for (unsigned int i = 0; i < 16; i++)
		assert_int_equal(((uint16_t *)reg(t, 8 + i % 8))[i / 8], last[i]);
	assert_int_equal(((uint16_t *)reg(t, 15))[2], 0xeeee);
	start(t, first, sizeof(first));
	t->core->x[A1] = END - 40;
	assert_int_equal(sc_core_run(t->core, UINT64_MAX), SC_RUN_DONE);
	assert_int_equal(t->core->vl, 2);
	expect_illegal(t, E16 | M2, vload(8, A1, 5, NF(5))); /* ten registers */
	expect_illegal(t, E16 | M2, vload(8, A1, 6, NF(3))); /* EMUL 4, twelve */

	/* indices: eight times as wide as the data, and an eighth; never negative */
	for (unsigned int i = 0; i < VLENB; i++)
		((uint64_t *)reg(t, 16))[i] = (i * 37) % VLENB;
	assert_int_equal(RUN(t, vsetvli(ZERO, A2, E8 | M1), vload(8, A1, 7, INDEXED(16)), RET),
			 SC_RUN_DONE);
	for (unsigned int i = 0; i < VLENB; i++)
		assert_int_equal(reg(t, 8)[i], t->data[i * 37 % VLENB]);
	memset(reg(t, 4), 0xf9, VLENB);
	assert_int_equal(RUN(t, vsetvli(ZERO, A2, E64 | M1), vload(8, A1, 0, INDEXED(4)), RET),
			 SC_RUN_DONE);
	assert_memory_equal(reg(t, 8) + VLENB - 8, t->data + 0xf9, 8);
	expect_illegal(t, E8 | M2, vload(8, A1, 7, INDEXED(16))); /* EMUL 16 */
	expect_illegal(t, E64 | M1, vload(8, A1, 0, NF(2) | INDEXED(9))); /* onto the indices */
	expect_illegal(t, E8 | M1, vload(17, A1, 7, INDEXED(16))); /* not their lowest part */
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(test_illegal), TEST(test_fault_inside), TEST(test_state), TEST(test_long),
		TEST(test_bf16), TEST(test_bf16_rounding), TEST(test_scalar_bf16), TEST(test_exp2),
		TEST(test_vstart),
		TEST(test_illegal_state), TEST(test_far), TEST(test_segments),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
