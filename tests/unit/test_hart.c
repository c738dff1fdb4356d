// SPDX-License-Identifier: MIT
/*
 * Directed tests of a core and its hart, on a chip that is nothing but memory:
 * what a workgroup starts with and how it ends, every trap and fault with its
 * exact pc and value, CSRs, windows of the scratchpads, changing code,
 * atomics, limits. What an instruction computes is compared with another
 * emulator in tests/isa. The invariant: each test puts its own code at CODE
 * and shares no state with another.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "qemu-device/chip/core_priv.h"
#include "qemu-device/chip/fp.h"
#include "tests/isa/asm.h"
#include "qemu-device/flat/flat.h"

#define CODE	 0x10000ULL
#define DATA	 0x200000ULL
#define ALIAS	 0x300000ULL
#define SYSTEM	 0x400000ULL
#define SPARSE	 0x500000ULL
#define READONLY 0x600000ULL
#define WRITEONLY 0x700000ULL
#define UNMAPPED 0x900000ULL
#define TCM_SIZE 65536

#define RW (SC_PTE_VALID | SC_PTE_READ | SC_PTE_WRITE)
#define RX (SC_PTE_VALID | SC_PTE_READ | SC_PTE_EXECUTE)

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
	t->chip.config.cores = 4;
	t->chip.config.tcm_size = TCM_SIZE;
	t->code = (uint32_t *)flat_map(&t->chip, CODE, 4 * SC_PAGE_SIZE, RX);
	t->data = flat_map(&t->chip, DATA, 4 * SC_PAGE_SIZE, RW);
	flat_map(&t->chip, SYSTEM, SC_PAGE_SIZE, RW | SC_PTE_SYSTEM);
	flat_map(&t->chip, SPARSE, SC_PAGE_SIZE, RW | SC_PTE_SPARSE);
	flat_map(&t->chip, READONLY, SC_PAGE_SIZE, SC_PTE_VALID | SC_PTE_READ);
	flat_map(&t->chip, WRITEONLY, SC_PAGE_SIZE, SC_PTE_VALID | SC_PTE_WRITE);
	t->core = sc_core_create(&t->chip, 3);
	t->launch = (struct sc_launch){
		.context = 5,
		.entry = CODE,
		.stack_size = 2 * SC_PAGE_SIZE,
		.grid = { 6, 7, 8 },
		.cores = 3,
		.tcm_static = 100,
		.tcm_dynamic = 4000,
		.log = 0x123456789abc,
		.tag = 0xfeedbeef,
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

/* Start a workgroup at the code that was put at CODE. */
static void start(struct fixture *t)
{
	static const uint32_t wg[3] = { 1, 2, 3 };

	t->chip.code_stamp++;
	sc_core_start(t->core, &t->launch, wg, 0);
}

#define PUT(t, ...)                                                                                \
	do {                                                                                       \
		const uint32_t words_[] = { __VA_ARGS__ };                                         \
		memcpy((t)->code, words_, sizeof(words_));                                         \
	} while (0)
#define RUN(t, ...)                                                                                \
	({                                                                                         \
		PUT(t, __VA_ARGS__);                                                               \
		start(t);                                                                          \
		sc_core_run((t)->core, UINT64_MAX);                                                \
	})

static void expect_fault(struct fixture *t, enum sc_status status, enum sc_code code, uint64_t pc,
			 uint64_t insns)
{
	const struct sc_fault *fault = sc_core_fault(t->core);

	assert_int_equal(fault->code, code);
	assert_int_equal(fault->status, status);
	assert_int_equal(fault->pc, pc);
	assert_int_equal(fault->insns, insns);
	assert_int_equal(fault->engine, SC_ENGINE_HART);
	assert_int_equal(fault->core, 3);
	assert_int_equal(fault->flags, 0);
	assert_int_equal(fault->wg_x, 1);
	assert_int_equal(fault->wg_y, 2);
	assert_int_equal(fault->wg_z, 3);
}

static void expect_access(struct fixture *t, uint64_t va, uint32_t size, uint32_t access)
{
	const struct sc_fault *fault = sc_core_fault(t->core);

	assert_int_equal(fault->va, va);
	assert_int_equal(fault->size, size);
	assert_int_equal(fault->access, access);
}

/* The one instruction @word, with x10 = @a0, is a trap with this value. */
static void expect_trap(struct fixture *t, uint32_t word, enum sc_code code)
{
	assert_int_equal(RUN(t, NOP, word, RET), SC_RUN_FAULT);
	expect_fault(t, SC_STATUS_TRAP, code, CODE + 4, 1);
	assert_int_equal(sc_core_fault(t->core)->value, word);
}

static void test_start_state(void **state)
{
	struct fixture *t = *state;

	t->launch.args_size = 5;
	memcpy(t->launch.args, "hello", 5);
	assert_int_equal(RUN(t, RET), SC_RUN_DONE);
	assert_int_equal(t->core->x[A0], SC_VA_TCM);
	assert_int_equal(t->core->x[SP], SC_VA_TCM + TCM_SIZE);
	assert_int_equal(t->core->x[TP], SC_VA_TCM + SC_TCM_STATIC);
	assert_int_equal(t->core->x[RA], SC_VA_EXIT);
	assert_int_equal(t->core->fcsr, 0);
	assert_memory_equal(sc_core_tcm(t->core), "hello", 5);
	assert_int_equal(t->core->insns, 1);
	assert_int_equal(sc_core_stats(t->core)->insns, 1);
	assert_int_equal(RUN(t, NOP, NOP, RET), SC_RUN_DONE);
	assert_int_equal(sc_core_stats(t->core)->insns, 4);
}

static void test_clear(void **state)
{
	struct fixture *t = *state;

	sc_core_tcm(t->core)[77] = 1;
	start(t);
	assert_int_equal(sc_core_tcm(t->core)[77], 1);
	sc_core_clear(t->core);
	assert_int_equal(sc_core_tcm(t->core)[77], 0);
}

static void test_x0(void **state)
{
	struct fixture *t = *state;

	assert_int_equal(RUN(t, LUI(A1, DATA >> 12), ADDI(ZERO, ZERO, 5), LD(ZERO, A1, 0),
			     CSRR(ZERO, 0xc02), jal(ZERO, 4), AMOADD_D(ZERO, SP, A1),
			     ADD(A2, ZERO, ZERO), RET),
			 SC_RUN_DONE);
	assert_int_equal(t->core->x[0], 0);
	assert_int_equal(t->core->x[A2], 0);
}

static void test_illegal(void **state)
{
	const uint32_t words[] = {
		0x00000000, /* all zero */
		0xffffffff,
		0x00004501, /* compressed c.li a0, 0 */
		0x0000006b, /* unused major opcode */
		r_type(0x33, 0, 0x02, A0, A0, A0), /* unknown funct7 */
		i_type(0x03, 7, A0, A0, 0), /* load of width 7 */
		i_type(0x1b, 1, A0, A0, 32), /* slliw with six bits of shift */
		r_type(0x2f, 1, 0, A0, A0, A0), /* 16-bit AMO */
		r_type(0x2f, 3, 0x08, A0, A0, A1), /* lr with rs2 */
		r_type(0x53, 5, 0x00, 0, 0, 0), /* fadd.s with rounding mode 5 */
		r_type(0x53, 0, 0x03, 0, 0, 0), /* fadd.q */
		r_type(0x53, 0, 0x20, 0, 0, 0), /* fcvt.s.s */
		r_type(0x53, 0, 0x2c, 0, 0, 1), /* fsqrt with rs2 */
		i_type(0x73, 4, A0, A0, 0xc00), /* Zicsr's unused funct3 */
		0x30200073, /* mret */
		0x10500073, /* wfi */
		i_type(0x07, 0, 0, A0, 0), /* vector load */
		r_type(0x57, 0, 0, 1, 2, 3), /* vector add */
		r_type(0x2b, 3, 1, A0, A0, A1), /* sd.count with rs2 */
		r_type(0x2b, 4, 1, A0, 0, 0), /* sd.meet with rd */
		r_type(0x2b, 2, 0, 4, A0, A1), /* sd.post with rs2 */
		r_type(0x2b, 7, 0, 0, 0, 0), /* custom-1, unknown funct3 */
		r_type(0x0b, 1, 0x02, 0, A0, A1), /* custom-0, unknown funct7 */
	};

	for (unsigned int i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		expect_trap(*state, words[i], SC_CODE_ILLEGAL_INSN);
}

static void test_environment(void **state)
{
	expect_trap(*state, EBREAK, SC_CODE_BREAKPOINT);
	expect_trap(*state, ECALL, SC_CODE_ECALL);
}

static void test_rounding_mode(void **state)
{
	struct fixture *t = *state;
	const uint32_t words[] = {
		r_type(0x53, 7, 0x00, 0, 0, 0), /* fadd.s */
		r_type(0x53, 7, 0x01, 0, 0, 0), /* fadd.d */
		r_type(0x53, 7, 0x02, 0, 0, 0), /* fadd.h */
		r_type(0x53, 7, 0x21, 0, 0, 0), /* fcvt.d.s */
		r_type(0x53, 7, 0x69, 0, 0, 0), /* fcvt.d.w */
		r_type(0x43, 7, 0x01, 0, 0, 0), /* fmadd.d */
	};

	for (unsigned int i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		uint32_t rne = words[i] & ~(7u << 12);

		/* frm = 5 does not matter to a static mode, and to no fsgnj */
		assert_int_equal(RUN(t, i_type(0x73, 5, ZERO, 5, 0x002), rne,
				     r_type(0x53, 0, 0x11, 0, 0, 0), words[i], RET),
				 SC_RUN_FAULT);
		expect_fault(t, SC_STATUS_TRAP, SC_CODE_ILLEGAL_INSN, CODE + 12, 3);
		assert_int_equal(sc_core_fault(t->core)->value, words[i]);
	}
}

static void test_access_faults(void **state)
{
	struct fixture *t = *state;

	assert_int_equal(RUN(t, LUI(A1, UNMAPPED >> 12), LD(A2, A1, 8), RET), SC_RUN_FAULT);
	expect_fault(t, SC_STATUS_FAULT, SC_CODE_UNMAPPED, CODE + 4, 1);
	expect_access(t, UNMAPPED + 8, 8, SC_ACCESS_READ);
	assert_int_equal(t->core->x[A2], 0);

	assert_int_equal(RUN(t, LUI(A1, READONLY >> 12), LW(A2, A1, 4), SW(A2, A1, -4 + 8)),
			 SC_RUN_FAULT);
	expect_fault(t, SC_STATUS_FAULT, SC_CODE_NO_WRITE, CODE + 8, 2);
	expect_access(t, READONLY + 4, 4, SC_ACCESS_WRITE);

	assert_int_equal(RUN(t, LUI(A1, WRITEONLY >> 12), SW(A1, A1, 0), LW(A1, A1, 4)),
			 SC_RUN_FAULT);
	expect_fault(t, SC_STATUS_FAULT, SC_CODE_NO_READ, CODE + 8, 2);
	assert_int_equal(t->core->x[A1], WRITEONLY);

	/* not a canonical address */
	assert_int_equal(RUN(t, ADDI(A1, ZERO, -16), LD(A1, A1, 0)), SC_RUN_FAULT);
	expect_fault(t, SC_STATUS_FAULT, SC_CODE_BAD_ADDRESS, CODE + 4, 1);
	expect_access(t, -16ULL, 8, SC_ACCESS_READ);
}

static void test_page_crossing(void **state)
{
	struct fixture *t = *state;
	uint64_t end = DATA + 4 * SC_PAGE_SIZE;

	memset(t->data, 0x11, 4 * SC_PAGE_SIZE);
	assert_int_equal(RUN(t, LUI(A1, end >> 12), SD(ZERO, A1, -3)), SC_RUN_FAULT);
	expect_fault(t, SC_STATUS_FAULT, SC_CODE_UNMAPPED, CODE + 4, 1);
	expect_access(t, end, 5, SC_ACCESS_WRITE);
	/* nothing of a faulting store is visible */
	assert_int_equal(t->data[4 * SC_PAGE_SIZE - 1], 0x11);
	assert_int_equal(RUN(t, LUI(A1, end >> 12), LW(A1, A1, -1)), SC_RUN_FAULT);
	expect_access(t, end, 3, SC_ACCESS_READ);

	memcpy(t->data + SC_PAGE_SIZE - 3, "\1\2\3\4\5\6\7\x08", 8);
	assert_int_equal(RUN(t, LUI(A1, (DATA >> 12) + 1), LD(A2, A1, -3), SD(A2, A1, 4091 - 4096),
			     RET),
			 SC_RUN_DONE);
	assert_int_equal(t->core->x[A2], 0x0807060504030201);
	assert_memory_equal(t->data + SC_PAGE_SIZE - 5, "\1\2\3\4\5\6\7\x08", 8);
}

static void test_system_and_sparse(void **state)
{
	struct fixture *t = *state;

	assert_int_equal(RUN(t, LUI(A1, SYSTEM >> 12), ADDI(A2, ZERO, -7), SD(A2, A1, 13),
			     LD(A3, A1, 13), LUI(A4, SPARSE >> 12), SD(A2, A4, 0), LD(A5, A4, 0),
			     RET),
			 SC_RUN_DONE);
	assert_int_equal(t->core->x[A3], -7);
	assert_int_equal(t->core->x[A5], 0);
	assert_memory_equal(flat_at(&t->chip, SYSTEM + 13), "\xf9\xff\xff\xff\xff\xff\xff\xff", 8);

	/* code in system memory, and code that is not executable */
	flat_map(&t->chip, SYSTEM + SC_PAGE_SIZE, SC_PAGE_SIZE, RX | SC_PTE_SYSTEM);
	memcpy(flat_at(&t->chip, SYSTEM + SC_PAGE_SIZE), &(uint32_t){ RET }, 4);
	assert_int_equal(RUN(t, LUI(A1, (SYSTEM >> 12) + 1), JALR(ZERO, A1, 0)), SC_RUN_DONE);
	assert_int_equal(RUN(t, LUI(A1, DATA >> 12), JALR(A2, A1, 16)), SC_RUN_FAULT);
	expect_fault(t, SC_STATUS_FAULT, SC_CODE_NO_EXECUTE, DATA + 16, 2);
	expect_access(t, DATA + 16, 4, SC_ACCESS_EXECUTE);
	assert_int_equal(t->core->x[A2], CODE + 8);
}

static void test_jumps(void **state)
{
	struct fixture *t = *state;

	/* a misaligned target belongs to the jump, which has not linked */
	assert_int_equal(RUN(t, JALR(A1, RA, 2)), SC_RUN_FAULT);
	expect_fault(t, SC_STATUS_TRAP, SC_CODE_MISALIGNED_PC, CODE, 0);
	expect_access(t, SC_VA_EXIT + 2, 4, SC_ACCESS_EXECUTE);
	assert_int_equal(t->core->x[A1], 0);
	assert_int_equal(RUN(t, NOP, jal(A1, 6)), SC_RUN_FAULT);
	expect_fault(t, SC_STATUS_TRAP, SC_CODE_MISALIGNED_PC, CODE + 4, 1);
	assert_int_equal(t->core->x[A1], 0);
	assert_int_equal(RUN(t, BNE(ZERO, SP, 6)), SC_RUN_FAULT);
	expect_fault(t, SC_STATUS_TRAP, SC_CODE_MISALIGNED_PC, CODE, 0);
	/* not taken: no trap */
	assert_int_equal(RUN(t, BEQ(ZERO, SP, 6), RET), SC_RUN_DONE);

	/* bit 0 of a jalr target is dropped */
	assert_int_equal(RUN(t, JALR(ZERO, RA, 1)), SC_RUN_DONE);
	/* only the exit address itself is the exit */
	assert_int_equal(RUN(t, JALR(ZERO, RA, 4)), SC_RUN_FAULT);
	expect_fault(t, SC_STATUS_FAULT, SC_CODE_BAD_ADDRESS, SC_VA_EXIT + 4, 1);
	assert_int_equal(RUN(t, JALR(ZERO, SP, -8)), SC_RUN_FAULT);
	expect_fault(t, SC_STATUS_FAULT, SC_CODE_NO_EXECUTE, SC_VA_TCM + TCM_SIZE - 8, 1);
	assert_int_equal(RUN(t, JALR(ZERO, ZERO, 0)), SC_RUN_FAULT);
	expect_fault(t, SC_STATUS_FAULT, SC_CODE_UNMAPPED, 0, 1);

	t->launch.entry = CODE + 2;
	assert_int_equal(RUN(t, NOP), SC_RUN_FAULT);
	expect_fault(t, SC_STATUS_TRAP, SC_CODE_MISALIGNED_PC, CODE + 2, 0);
}

static void test_over_pages(void **state)
{
	struct fixture *t = *state;
	const unsigned int page = SC_PAGE_SIZE / 4;

	/* straight over a page's end, a branch back over it, a jump far ahead */
	for (unsigned int i = 0; i < 3 * page; i++)
		t->code[i] = NOP;
	t->code[0] = jal(ZERO, 4 * (int)(page - 2));
	t->code[page - 2] = ADDI(A1, A1, 1);
	t->code[page + 1] = ADDI(A2, ZERO, 3);
	t->code[page + 2] = BNE(A1, A2, -16);
	t->code[page + 3] = jal(A3, 4 * (int)page);
	t->code[2 * page + 3] = RET;
	start(t);
	assert_int_equal(sc_core_run(t->core, UINT64_MAX), SC_RUN_DONE);
	assert_int_equal(t->core->x[A1], 3);
	assert_int_equal(t->core->x[A3], CODE + SC_PAGE_SIZE + 16);
	assert_int_equal(t->core->insns, 1 + 3 * 5 + 1 + 1);
}

static void test_scratchpad_windows(void **state)
{
	struct fixture *t = *state;
	uint64_t guard = TCM_SIZE - 3 * SC_PAGE_SIZE;
	struct sc_core *other = sc_core_create(&t->chip, 1);
	struct sc_core *peers[] = { other, t->core };
	struct sc_barrier barrier = { .total = 2 };
	const uint32_t to_guard[] = { LUI(A1, -3 & 0xfffff), ADD(A1, A1, SP), LD(A2, A1, 0), RET };

	assert_int_equal(RUN(t, SD(SP, SP, -8), LD(A1, SP, -8), RET), SC_RUN_DONE);
	assert_int_equal(t->core->x[A1], SC_VA_TCM + TCM_SIZE);
	assert_int_equal(RUN(t, LD(A1, SP, 0)), SC_RUN_FAULT);
	expect_fault(t, SC_STATUS_FAULT, SC_CODE_TCM_RANGE, CODE, 0);
	expect_access(t, SC_VA_TCM + TCM_SIZE, 8, SC_ACCESS_READ);
	assert_int_equal(RUN(t, SW(A1, SP, -2)), SC_RUN_FAULT);
	expect_access(t, SC_VA_TCM + TCM_SIZE, 2, SC_ACCESS_WRITE);

	/* the guard page, from both ends */
	assert_int_equal(RUN(t, to_guard[0], to_guard[1], LD(A2, A1, 0), RET), SC_RUN_FAULT);
	expect_fault(t, SC_STATUS_FAULT, SC_CODE_STACK_GUARD, CODE + 8, 2);
	expect_access(t, SC_VA_TCM + guard, 8, SC_ACCESS_READ);
	assert_int_equal(RUN(t, to_guard[0], to_guard[1], SD(A2, A1, -8), LD(A2, A1, -8), RET),
			 SC_RUN_DONE);
	assert_int_equal(RUN(t, LUI(A1, -2 & 0xfffff), ADD(A1, A1, SP), LD(A2, A1, 0),
			     SD(A2, A1, -1)),
			 SC_RUN_FAULT);
	expect_access(t, SC_VA_TCM + guard + SC_PAGE_SIZE - 1, 1, SC_ACCESS_WRITE);

	/* a larger stack moves it, into a page that was in use */
	t->launch.stack_size += SC_PAGE_SIZE;
	assert_int_equal(RUN(t, LUI(A1, -4 & 0xfffff), ADD(A1, A1, SP), LD(A2, A1, 8)),
			 SC_RUN_FAULT);
	expect_fault(t, SC_STATUS_FAULT, SC_CODE_STACK_GUARD, CODE + 8, 2);

	/* another core's, not cooperative and cooperative */
#define REMOTE(rank) LUI(A1, ((rank) + 1) * SC_TCM_STRIDE >> 12), ADD(A1, A1, A0)
	assert_int_equal(RUN(t, REMOTE(0), LD(A2, A1, 0)), SC_RUN_FAULT);
	expect_fault(t, SC_STATUS_FAULT, SC_CODE_TCM_REMOTE, CODE + 8, 2);
	assert_int_equal(RUN(t, REMOTE(4), LD(A2, A1, 0)), SC_RUN_FAULT);
	expect_fault(t, SC_STATUS_FAULT, SC_CODE_BAD_ADDRESS, CODE + 8, 2);
	t->launch.peers = peers;
	t->launch.barrier = &barrier;
	memcpy(t->launch.grid, (uint32_t[]){ 2, 1, 1 }, sizeof(t->launch.grid));
	sc_core_tcm(other)[40] = 99;
	assert_int_equal(RUN(t, REMOTE(0), LD(A2, A1, 40), SD(A2, A1, 48), REMOTE(1), LD(A3, A1, 0),
			     RET),
			 SC_RUN_DONE);
	assert_int_equal(t->core->x[A2], 99);
	assert_int_equal(sc_core_tcm(other)[48], 99);
	assert_int_equal(RUN(t, REMOTE(2), LD(A2, A1, 0)), SC_RUN_FAULT);
	expect_fault(t, SC_STATUS_FAULT, SC_CODE_BAD_ADDRESS, CODE + 8, 2);
	sc_core_destroy(other);
}

static void test_csrs(void **state)
{
	struct fixture *t = *state;
	static const struct {
		uint32_t csr;
		uint64_t value;
	} csrs[] = {
		{ SC_CSR_WG_X, 1 }, { SC_CSR_WG_Y, 2 }, { SC_CSR_WG_Z, 3 }, { SC_CSR_GRID_X, 6 },
		{ SC_CSR_GRID_Y, 7 }, { SC_CSR_GRID_Z, 8 }, { SC_CSR_CORES, 3 },
		{ SC_CSR_DYN_ADDR, SC_VA_TCM + 640 }, { SC_CSR_DYN_SIZE, 4000 }, { SC_CSR_RANK, 9 },
		{ SC_CSR_TCM_SIZE, TCM_SIZE }, { SC_CSR_LOG, 0x123456789abc },
		{ SC_CSR_TAG, 0xfeedbeef }, { 0xc00, 2 }, { 0xc02, 2 }, { 0xc01, 123456789 },
	};
	static const uint32_t wg[3] = { 1, 2, 3 };

	t->chip.time = 123456789;
	for (unsigned int i = 0; i < sizeof(csrs) / sizeof(csrs[0]); i++) {
		PUT(t, NOP, NOP, CSRR(A1, csrs[i].csr), RET);
		t->chip.code_stamp++;
		sc_core_start(t->core, &t->launch, wg, 9);
		assert_int_equal(sc_core_run(t->core, UINT64_MAX), SC_RUN_DONE);
		assert_int_equal(t->core->x[A1], csrs[i].value);
		/* csrrs and csrrc that change nothing are still writes unless the source is x0 */
		expect_trap(t, CSRRW(A1, csrs[i].csr, ZERO), SC_CODE_BAD_CSR);
		expect_trap(t, CSRRS(A1, csrs[i].csr, SP), SC_CODE_BAD_CSR);
		expect_trap(t, i_type(0x73, 7, ZERO, 1, (int32_t)csrs[i].csr), SC_CODE_BAD_CSR);
		assert_int_equal(RUN(t, i_type(0x73, 7, ZERO, 0, (int32_t)csrs[i].csr), RET),
				 SC_RUN_DONE);
	}
	for (unsigned int csr = 0; csr < 4096; csr++) {
		bool known = csr >= 1 && csr <= 3;

		for (unsigned int i = 0; i < sizeof(csrs) / sizeof(csrs[0]); i++)
			known |= csrs[i].csr == csr;
		if (!known)
			expect_trap(t, CSRR(A1, csr), SC_CODE_BAD_CSR);
	}
}

static void test_code_changes(void **state)
{
	struct fixture *t = *state;

	/* through a writable alias of its own page: replaces "li a1, 1" and runs it again */
	flat_alias(&t->chip, ALIAS, CODE, RW);
	assert_int_equal(RUN(t, LUI(A2, ALIAS >> 12), jal(T0, 24), ADD(A4, A1, ZERO),
			     LW(A3, A2, 40),
			     SW(A3, A2, 28), FENCE_I, jal(T0, 4), /* 28: */ ADDI(A1, ZERO, 1),
			     BNE(A4, ZERO, 12), JALR(ZERO, T0, 0), /* 40: */
			     ADDI(A1, ZERO, 2), RET),
			 SC_RUN_DONE);
	assert_int_equal(t->core->x[A4], 1);
	assert_int_equal(t->core->x[A1], 2);

	/* from outside: seen when the code stamp changes */
	assert_int_equal(RUN(t, ADDI(A1, ZERO, 1), RET), SC_RUN_DONE);
	t->code[0] = ADDI(A1, ZERO, 2);
	start(t);
	assert_int_equal(sc_core_run(t->core, UINT64_MAX), SC_RUN_DONE);
	assert_int_equal(t->core->x[A1], 2);
}

static void test_stale_translations(void **state)
{
	struct fixture *t = *state;
	uint64_t loop = UINT64_MAX;
	unsigned int asked;

	PUT(t, LUI(A2, DATA >> 12), LD(A1, A2, 0), BEQ(A1, ZERO, -4), RET);
	start(t);
	assert_int_equal(sc_core_run(t->core, 100), SC_RUN_YIELD);
	asked = t->chip.translations;
	assert_int_equal(sc_core_run(t->core, 100), SC_RUN_YIELD);
	assert_int_equal(t->chip.translations, asked);
	/* the page moves: its new memory holds something else */
	for (unsigned int i = 0; i < FLAT_REGIONS; i++)
		if (t->chip.region[i].va == DATA)
			t->chip.region[i].va = UNMAPPED;
	memcpy(flat_map(&t->chip, DATA, SC_PAGE_SIZE, RW), &loop, 8);
	t->chip.stamp++;
	assert_int_equal(sc_core_run(t->core, 100), SC_RUN_DONE);
	assert_int_equal(t->core->x[A1], loop);
}

static void test_atomics(void **state)
{
	struct fixture *t = *state;
	uint64_t value;

	assert_int_equal(RUN(t, LUI(A1, DATA >> 12), ADDI(A2, ZERO, 5), AMOADD_D(A3, A2, A1),
			     AMOADD_D(A3, A2, A1), AMOADD_D(A4, A2, A0), RET),
			 SC_RUN_DONE);
	assert_int_equal(t->core->x[A3], 5);
	assert_int_equal(t->data[0], 10);
	assert_int_equal(sc_core_tcm(t->core)[0], 5);

	assert_int_equal(RUN(t, LUI(A1, DATA >> 12), ADDI(A1, A1, 4), AMOADD_W(A2, A1, A1),
			     AMOADD_D(A2, A1, A1)),
			 SC_RUN_FAULT);
	expect_fault(t, SC_STATUS_TRAP, SC_CODE_MISALIGNED_ATOMIC, CODE + 12, 3);
	expect_access(t, DATA + 4, 8, SC_ACCESS_READ | SC_ACCESS_WRITE);
	assert_int_equal(RUN(t, LUI(A1, SYSTEM >> 12), AMOADD_W(A2, A1, A1)), SC_RUN_FAULT);
	expect_fault(t, SC_STATUS_TRAP, SC_CODE_ATOMIC_SYSTEM, CODE + 4, 1);
	assert_int_equal(RUN(t, LUI(A1, SPARSE >> 12), LR_D(A2, A1)), SC_RUN_FAULT);
	expect_fault(t, SC_STATUS_TRAP, SC_CODE_ATOMIC_SYSTEM, CODE + 4, 1);
	assert_int_equal(RUN(t, LUI(A1, READONLY >> 12), LR_D(A2, A1), SC_D(A2, A2, A1)),
			 SC_RUN_FAULT);
	expect_fault(t, SC_STATUS_FAULT, SC_CODE_NO_WRITE, CODE + 8, 2);
	assert_int_equal(RUN(t, LUI(A1, WRITEONLY >> 12), SD(A1, A1, 0), AMOADD_D(A2, A2, A1)),
			 SC_RUN_FAULT);
	expect_fault(t, SC_STATUS_FAULT, SC_CODE_NO_READ, CODE + 8, 2);

	/* another writer between LR and SC */
	PUT(t, LUI(A1, DATA >> 12), LR_D(A2, A1), jal(ZERO, 4), SC_D(A3, SP, A1), RET);
	start(t);
	assert_int_equal(sc_core_run(t->core, 1), SC_RUN_YIELD);
	assert_int_equal(t->core->pc, CODE + 12);
	value = 77;
	memcpy(t->data, &value, 8);
	assert_int_equal(sc_core_run(t->core, UINT64_MAX), SC_RUN_DONE);
	assert_int_equal(t->core->x[A3], 1);
	assert_memory_equal(t->data, &value, 8);
	/* one SC uses the reservation up, even if it stored what was there */
	assert_int_equal(RUN(t, LUI(A1, DATA >> 12), LR_D(A2, A1), SC_D(A3, A2, A1),
			     SC_D(A4, A2, A1), RET),
			 SC_RUN_DONE);
	assert_int_equal(t->core->x[A3], 0);
	assert_int_equal(t->core->x[A4], 1);
	/* a reservation does not survive into the next workgroup */
	assert_int_equal(RUN(t, LUI(A1, DATA >> 12), LR_D(A2, A1), RET), SC_RUN_DONE);
	assert_int_equal(RUN(t, LUI(A1, DATA >> 12), SC_D(A3, SP, A1), RET), SC_RUN_DONE);
	assert_int_equal(t->core->x[A3], 1);
}

/* Two cores at once, on the same words: one by AMO, one by LR and SC, one behind a spin lock. */
static void *run_core(void *core)
{
	enum sc_run run;

	do {
		run = sc_core_run(core, 1000);
	} while (run == SC_RUN_YIELD);
	return (void *)(intptr_t)run;
}

static void test_two_cores(void **state)
{
	struct fixture *t = *state;
	static const uint32_t wg[3];
	struct sc_core *other = sc_core_create(&t->chip, 1);
	const uint64_t rounds = 2000;
	pthread_t thread[2];
	uint64_t words[4];
	void *end;

	t->launch.limit = UINT64_MAX;
	PUT(t, LUI(A1, DATA >> 12), ADDI(A2, ZERO, 2000), ADDI(A3, ZERO, 1), ADDI(A4, A1, 8),
	    ADDI(S0, A1, 16), /* 20, loop: */ AMOADD_D(ZERO, A3, A1), /* 24: */ LR_D(A5, A4),
	    ADDI(A5, A5, 1), SC_D(A5, A5, A4), BNE(A5, ZERO, -12), /* 40, lock: */
	    AMOSWAP_D(A5, A3, S0), BNE(A5, ZERO, -4), LD(A5, A1, 24), ADDI(A5, A5, 1),
	    SD(A5, A1, 24), FENCE, SD(ZERO, A1, 16), ADDI(A2, A2, -1), BNE(A2, ZERO, -52), RET);
	t->chip.code_stamp++;
	sc_core_start(t->core, &t->launch, wg, 0);
	sc_core_start(other, &t->launch, wg, 0);
	assert_int_equal(pthread_create(&thread[0], NULL, run_core, t->core), 0);
	assert_int_equal(pthread_create(&thread[1], NULL, run_core, other), 0);
	for (unsigned int i = 0; i < 2; i++) {
		pthread_join(thread[i], &end);
		assert_int_equal((intptr_t)end, SC_RUN_DONE);
	}
	memcpy(words, t->data, sizeof(words));
	assert_int_equal(words[0], 2 * rounds);
	assert_int_equal(words[1], 2 * rounds);
	assert_int_equal(words[2], 0);
	assert_int_equal(words[3], 2 * rounds);
	sc_core_destroy(other);
}

static void test_limit(void **state)
{
	struct fixture *t = *state;
	uint64_t quanta[] = { UINT64_MAX, 1, 2, 7, 99, 100, 101, 4096 };

	/* a loop of three instructions ends at the first block boundary past the limit */
	t->launch.limit = 10001;
	for (unsigned int i = 0; i < sizeof(quanta) / sizeof(quanta[0]); i++) {
		enum sc_run run;

		PUT(t, NOP, ADDI(A1, A1, 1), NOP, jal(ZERO, -8));
		start(t);
		do {
			run = sc_core_run(t->core, quanta[i]);
		} while (run == SC_RUN_YIELD);
		assert_int_equal(run, SC_RUN_FAULT);
		expect_fault(t, SC_STATUS_TIMEOUT, SC_CODE_WORKGROUP_LIMIT, CODE + 4, 10003);
		assert_int_equal(sc_core_fault(t->core)->value, 10001);
		assert_int_equal(t->core->x[A1], 3334);
	}
	/* it holds for straight code too, and the last instruction allowed may be the return */
	t->launch.limit = 3;
	assert_int_equal(RUN(t, NOP, NOP, RET), SC_RUN_DONE);
	assert_int_equal(RUN(t, NOP, NOP, NOP, RET), SC_RUN_FAULT);
	expect_fault(t, SC_STATUS_TIMEOUT, SC_CODE_WORKGROUP_LIMIT, SC_VA_EXIT, 4);
	t->launch.limit = UINT64_MAX;
	assert_int_equal(RUN(t, NOP, RET), SC_RUN_DONE);
}

static void test_stop(void **state)
{
	struct fixture *t = *state;
	bool stop = false;
	struct sc_fault where = { 0 };

	t->launch.stop = &stop;
	PUT(t, NOP, jal(ZERO, -4));
	start(t);
	assert_int_equal(sc_core_run(t->core, 1000), SC_RUN_YIELD);
	stop = true;
	assert_int_equal(sc_core_run(t->core, UINT64_MAX), SC_RUN_STOPPED);
	sc_core_where(t->core, &where);
	assert_int_equal(where.pc, CODE);
	assert_int_equal(where.insns, 1000);
	assert_int_equal(where.core, 3);
	assert_int_equal(where.wg_z, 3);
}

static void test_engines(void **state)
{
	struct fixture *t = *state;

	/* post to the DMA queue, await it, count it */
	assert_int_equal(RUN(t, ADDI(A1, ZERO, 2), ADDI(A2, ZERO, 1), SD_POST(SC_EQ_DMA1, A1),
			     SD_AWAIT(A1, A2), SD_COUNT(A3, A1), RET),
			 SC_RUN_DONE);
	assert_int_equal(t->core->x[A3], 1);
	/* an await that nothing can satisfy */
	assert_int_equal(RUN(t, ADDI(A2, ZERO, 1), SD_AWAIT(ZERO, A2)), SC_RUN_FAULT);
	expect_fault(t, SC_STATUS_TRAP, SC_CODE_AWAIT_DEADLOCK, CODE + 4, 1);
	assert_int_equal(RUN(t, ADDI(A1, ZERO, 16), SD_COUNT(A2, A1)), SC_RUN_FAULT);
	expect_fault(t, SC_STATUS_TRAP, SC_CODE_BAD_COUNTER, CODE + 4, 1);
	/* vexp2: vector registers do not exist */
	expect_trap(t, r_type(0x2b, 5, 0, 0, 0, 8), SC_CODE_ENGINE_DISABLED);
}

static void test_disabled(void **state)
{
	struct fixture *t = *state;

	t->chip.isa = SC_ISA_RV64IMAFD;
	expect_trap(t, SD_COUNT(A0, ZERO), SC_CODE_ENGINE_DISABLED);
	expect_trap(t, SD_ARRIVE, SC_CODE_ENGINE_DISABLED);
	expect_trap(t, r_type(0x0b, 0, 0, 0, A0, 0), SC_CODE_ENGINE_DISABLED);
}

static void test_barrier(void **state)
{
	struct fixture *t = *state;
	struct sc_barrier barrier = { .total = 2 };
	struct sc_core *peers[] = { t->core, t->core };

	expect_trap(t, SD_ARRIVE, SC_CODE_NOT_COOPERATIVE);
	expect_trap(t, SD_MEET, SC_CODE_NOT_COOPERATIVE);

	memcpy(t->launch.grid, (uint32_t[]){ 2, 1, 1 }, sizeof(t->launch.grid));
	t->launch.peers = peers;
	t->launch.barrier = &barrier;
	PUT(t, SD_ARRIVE, NOP, SD_MEET, SD_ARRIVE, SD_MEET, RET);
	start(t);
	assert_int_equal(sc_core_run(t->core, UINT64_MAX), SC_RUN_BLOCKED);
	assert_int_equal(barrier.arrived, 1);
	assert_int_equal(sc_core_run(t->core, UINT64_MAX), SC_RUN_BLOCKED);
	assert_int_equal(t->core->insns, 2);
	assert_int_equal(t->core->pc, CODE + 8);
	barrier.arrived++;
	assert_int_equal(sc_core_run(t->core, UINT64_MAX), SC_RUN_BLOCKED);
	assert_int_equal(t->core->pc, CODE + 16);
	barrier.arrived++;
	assert_int_equal(sc_core_run(t->core, UINT64_MAX), SC_RUN_DONE);
	assert_int_equal(t->core->insns, 6);
	/* a meet without an arrival of its own could never be passed */
	expect_trap(t, SD_MEET, SC_CODE_AWAIT_DEADLOCK);
}

/* A store of the hart into the destination of a DMA that is in flight. */
static void test_strict_race(void **state)
{
	struct fixture *t = *state;
	struct sc_dma dma = {
		.kind = SC_DMA_COPY,
		.size0 = 64,
		.size1 = 1,
		.size2 = 1,
		.src = DATA,
		.dst = SC_VA_TCM + 1024,
	};
	/* the page is in the translation cache by the time the DMA is issued */
	uint32_t code[] = { ADDI(A2, ZERO, 1), SD(A2, A0, 1080), SDD_GO(0, A0), SD_POST(0, ZERO),
			    SD(A2, A0, 1088), SD(A2, A0, 1080), SD_AWAIT(ZERO, A2), RET };

	sc_core_destroy(t->core);
	t->chip.config.strict = true;
	t->core = sc_core_create(&t->chip, 3);
	memcpy(t->launch.args, &dma, sizeof(dma));
	t->launch.args_size = sizeof(dma);
	memcpy(t->code, code, sizeof(code));
	start(t);
	assert_int_equal(sc_core_run(t->core, UINT64_MAX), SC_RUN_FAULT);
	assert_int_equal(sc_core_fault(t->core)->code, SC_CODE_TCM_RACE);
	assert_int_equal(sc_core_fault(t->core)->pc, CODE + 20);
	assert_int_equal(sc_core_fault(t->core)->pc_other, CODE + 8);
	/* after the await it is no race, and the data has arrived */
	memset(t->data, 0x5a, 64);
	code[5] = SD_AWAIT(ZERO, A2);
	code[6] = LD(A3, A0, 1080);
	memcpy(t->code, code, sizeof(code));
	start(t);
	assert_int_equal(sc_core_run(t->core, UINT64_MAX), SC_RUN_DONE);
	assert_int_equal(t->core->x[A3], 0x5a5a5a5a5a5a5a5a);
}

static void test_dump(void **state)
{
	struct fixture *t = *state;
	struct sc_core_dump dump;

	assert_int_equal(sc_core_dump_size(0), sizeof(dump));
	assert_int_equal(sc_core_dump_size(4096), sizeof(dump) + 32 * 512);
	assert_int_equal(RUN(t, ADDI(A1, ZERO, 4), SD_POST(SC_EQ_MATRIX, A1), CSRRW(ZERO, 3, A1),
			     r_type(0x53, 0, 0x79, 7, SP, 0), EBREAK),
			 SC_RUN_FAULT);
	sc_core_dump(t->core, &dump);
	assert_int_equal(dump.pc, CODE + 16);
	assert_int_equal(dump.insns, 4);
	assert_int_equal(dump.fcsr, 4);
	assert_int_equal(dump.x[SP], SC_VA_TCM + TCM_SIZE);
	assert_int_equal(dump.f[7], SC_VA_TCM + TCM_SIZE);
	assert_int_equal(dump.counters[4], 1);
}

/* A random instruction of a kind that occurs in pairs; registers 5 to 15 and, seldom, x0. */
static uint32_t random_register(void)
{
	return rand() % 12 ? 5 + (uint32_t)rand() % 11 : 0;
}

static uint32_t random_alu(void)
{
	static const struct {
		uint32_t op, f3, f7;
	} ops[] = {
		{ 0x33, 0, 0x00 }, { 0x33, 4, 0x00 }, { 0x33, 7, 0x00 }, { 0x33, 2, 0x10 },
		{ 0x33, 4, 0x10 }, { 0x33, 6, 0x10 }, { 0x13, 0, 0x7f }, { 0x13, 7, 0x15 },
		{ 0x13, 0, 0x00 }, { 0x13, 1, 0x00 }, { 0x13, 5, 0x01 }, { 0x13, 5, 0x21 },
		{ 0x1b, 0, 0x33 }, { 0x1b, 1, 0x00 }, { 0x1b, 5, 0x00 },
	};
	unsigned int i = (unsigned int)rand() % (sizeof(ops) / sizeof(ops[0]));
	bool move = ops[i].op == 0x13 && !ops[i].f3 && !ops[i].f7;

	return r_type(ops[i].op, ops[i].f3, ops[i].f7, random_register(), random_register(),
		      move ? 0 : random_register());
}

static uint32_t random_second(void)
{
	static const uint32_t f3[] = { 0, 1, 4, 5, 6, 7 };

	switch (rand() % 3) {
	case 0:
		return b_type(f3[rand() % 6], random_register(), random_register(), 8);
	case 1:
		return rand() % 4 ? random_alu() : jal(ZERO, 8);
	default:
		return random_alu();
	}
}

#define MARK 27 /* a register that tells whether the branch was taken */

/* Two instructions do the same whether or not a third one stands between them. */
static void test_pairs(void **state)
{
	struct fixture *t = *state;

	for (unsigned int i = 0; i < 40000; i++) {
		uint32_t first = random_alu(), second = random_second();
		uint64_t x[32], apart[32], insns;

		for (unsigned int r = 5; r < 16; r++)
			x[r] = (uint64_t)(rand() % 5 - 2) << rand() % 64;
		PUT(t, first, FENCE, second, ADDI(MARK, ZERO, 1), RET);
		start(t);
		memcpy(&t->core->x[5], &x[5], 11 * sizeof(x[0]));
		assert_int_equal(sc_core_run(t->core, UINT64_MAX), SC_RUN_DONE);
		memcpy(apart, t->core->x, sizeof(apart));
		insns = t->core->insns;

		PUT(t, first, second, ADDI(MARK, ZERO, 1), RET);
		start(t);
		memcpy(&t->core->x[5], &x[5], 11 * sizeof(x[0]));
		assert_int_equal(sc_core_run(t->core, UINT64_MAX), SC_RUN_DONE);
		assert_memory_equal(apart, t->core->x, sizeof(apart));
		assert_int_equal(t->core->insns, insns - 1);
	}
}

/* What qemu 7.2 gets wrong, see tests/isa/insns.c. */
static void test_ctzw(void **state)
{
	struct fixture *t = *state;

	assert_int_equal(RUN(t, ADDI(A1, ZERO, 1), SLLI(A1, A1, 63), i_type(0x1b, 1, A2, A1, 0x601),
			     RET),
			 SC_RUN_DONE);
	assert_int_equal(t->core->x[A2], 32);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(test_##name, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(start_state), TEST(clear), TEST(x0), TEST(illegal), TEST(environment),
		TEST(rounding_mode), TEST(access_faults), TEST(page_crossing),
		TEST(system_and_sparse), TEST(jumps), TEST(over_pages), TEST(scratchpad_windows),
		TEST(csrs), TEST(code_changes), TEST(stale_translations), TEST(atomics),
		TEST(two_cores), TEST(limit), TEST(stop), TEST(engines), TEST(disabled),
		TEST(barrier),
		TEST(strict_race), TEST(dump), TEST(pairs), TEST(ctzw),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
