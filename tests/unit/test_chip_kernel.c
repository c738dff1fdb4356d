// SPDX-License-Identifier: MIT
/*
 * The whole chip: DISPATCH packets run RV64 code on the real cores, with
 * worker threads. The code is in words so that the test needs no compiler.
 */
#include <stdlib.h>

#include "tests/unit/chip_bench.h"
#include "tests/unit/fake_core.h"

#define CTX	3
#define CODE_VA 0x10000ULL
#define DATA_VA 0x20000ULL
#define DATA_PA 0x110000ULL
#define GROUPS	50

static const uint32_t code[] = {
	/* 0x00 store: ((uint64_t *)a)[wg_x] = (wg_x + 1) * b */
	0x00053283, /* ld t0, 0(a0) */
	0x00853303, /* ld t1, 8(a0) */
	0xcc0023f3, /* csrr t2, sd_wg_x */
	0x00339e13, /* slli t3, t2, 3 */
	0x01c282b3, /* add t0, t0, t3 */
	0x00138393, /* addi t2, t2, 1 */
	0x026383b3, /* mul t2, t2, t1 */
	0x0072b023, /* sd t2, 0(t0) */
	0x00008067, /* ret */
	/* 0x24 load: reads *a */
	0x00053283, /* ld t0, 0(a0) */
	0x0002b303, /* ld t1, 0(t0) */
	0x00008067, /* ret */
	/* 0x30 forever */
	0x0000006f, /* j . */
	/* 0x34 meet: a[wg_x] = 1, barrier, a[64 + wg_x] = sum of a[0 .. grid_x) */
	0x00053283, /* ld t0, 0(a0) */
	0xcc0023f3, /* csrr t2, sd_wg_x */
	0x00339e13, /* slli t3, t2, 3 */
	0x01c28333, /* add t1, t0, t3 */
	0x00100e93, /* li t4, 1 */
	0x01d33023, /* sd t4, 0(t1) */
	0x0000402b, /* sd.arrive */
	0x0200402b, /* sd.meet */
	0xcc302f73, /* csrr t5, sd_grid_x */
	0x00000f93, /* li t6, 0 */
	0x0002be83, /* 1: ld t4, 0(t0) */
	0x01df8fb3, /* add t6, t6, t4 */
	0x00828293, /* addi t0, t0, 8 */
	0xffff0f13, /* addi t5, t5, -1 */
	0xfe0f18e3, /* bnez t5, 1b */
	0x21f33023, /* sd t6, 512(t1) */
	0x00008067, /* ret */
	/* 0x78 */
	0x00000000, /* illegal */
};

static int setup_with(void **state, bool sync)
{
	struct sc_config config = bench_config();
	struct bench *b;

	config.sync = sync;
	config.threads = sync ? 0 : 2;
	b = bench_ready(&config, CTX);
	memcpy(b->card + 0x100000, code, sizeof(code));
	bench_map(b, CTX, CODE_VA, 0x100000, SC_PTE_READ | SC_PTE_EXECUTE);
	bench_map(b, CTX, DATA_VA, DATA_PA, SC_PTE_READ | SC_PTE_WRITE);
	bench_queue(b, 1, CTX, 0);
	*state = b;
	return 0;
}

static int setup(void **state)
{
	return setup_with(state, false);
}

static int setup_sync(void **state)
{
	return setup_with(state, true);
}

static void launch(union packet p[2], unsigned int offset, unsigned int flags, uint32_t groups,
		   uint64_t a, uint64_t c)
{
	pkt_dispatch(p, flags, groups, 0, 0, 0);
	p[0].dispatch.entry = CODE_VA + offset;
	memcpy(p[1].args.data, &a, 8);
	memcpy(p[1].args.data + 8, &c, 8);
}

/* Run store() on queue 1, and look at what it stored. */
static void run_store(struct bench *b)
{
	union packet p[2];
	unsigned int i;

	launch(p, 0, 0, GROUPS, DATA_VA, 3);
	bench_push(b, 1, p, 2);
	bench_ring(b, 1);
	bench_wait(b, 1, b->queues[1].index);
	for (i = 0; i < GROUPS; i++)
		assert_int_equal(bench_card64(b, DATA_PA + i * 8), (i + 1) * 3);
	assert_int_equal(bench_card64(b, DATA_PA + GROUPS * 8), 0);
}

static void test_store(void **state)
{
	struct bench *b = *state;

	run_store(b);
	assert_int_equal(bench_state(b, 1).workgroups, GROUPS);
	assert_int_equal(bench_state(b, 1).insns, GROUPS * 9);
	assert_int_equal(sc_chip_read(b->chip, SC_REG_TOTAL_INSNS, 8), GROUPS * 9);
}

static void test_faults(void **state)
{
	struct bench *b = *state;
	const struct sc_fault *f;
	union packet p[2];

	launch(p, 0x24, 0, 1, 0x5000008, 0);
	bench_submit(b, 1, p, 2);
	f = bench_expect_fault(b, 1, SC_CODE_UNMAPPED);
	assert_int_equal(f->va, 0x5000008);
	assert_int_equal(f->pc, CODE_VA + 0x28);
	assert_int_equal(f->access, SC_ACCESS_READ);
	assert_int_equal(f->size, 8);
	assert_int_equal(f->engine, SC_ENGINE_HART);
	assert_true(f->flags & SC_FAULT_DUMP);
	assert_int_equal(((struct sc_core_dump *)(b->system + BENCH_DUMP + 0x4000))->x[5],
			 0x5000008);
	bench_recover(b, 1);

	launch(p, 0, 0, 1, CODE_VA, 1); /* stores into its own code */
	bench_submit(b, 1, p, 2);
	assert_int_equal(bench_expect_fault(b, 1, SC_CODE_NO_WRITE)->pc, CODE_VA + 0x1c);
	bench_recover(b, 1);
	launch(p, 0x78, 0, 1, 0, 0);
	bench_submit(b, 1, p, 2);
	assert_int_equal(bench_expect_fault(b, 1, SC_CODE_ILLEGAL_INSN)->pc, CODE_VA + 0x78);
	bench_recover(b, 1);
	launch(p, 0x30, 0, 4, 0, 0);
	bench_submit(b, 1, p, 2);
	f = bench_expect_fault(b, 1, SC_CODE_WORKGROUP_LIMIT);
	assert_int_equal(f->pc, CODE_VA + 0x30);
	assert_true(f->insns >= 1000000);
	bench_recover(b, 1);
	launch(p, DATA_VA - CODE_VA, 0, 1, 0, 0);
	bench_submit(b, 1, p, 2);
	bench_expect_fault(b, 1, SC_CODE_NO_EXECUTE);
	bench_recover(b, 1);
	run_store(b);
}

static void test_reset(void **state)
{
	struct bench *b = *state;
	union packet p[2];

	bench_queue_setup(b, 2, CTX, 0);
	bench_queue_write(b, 2, SC_Q_WG_LIMIT, ~0ULL >> 1);
	bench_queue_write(b, 2, SC_Q_CORE_MASK, 3);
	bench_command(b, 2, SC_QUEUE_CMD_START);
	launch(p, 0x30, 0, 8, 0, 0);
	bench_push(b, 2, p, 2);
	bench_ring(b, 2);
	if (sc_chip_config(b->chip)->sync)
		sc_chip_run(b->chip, 1000);
	bench_wait_state(b, 2, SC_QUEUE_RUNNING);
	while (!sc_chip_read(b->chip, SC_REG_TOTAL_INSNS, 8) && sc_chip_run(b->chip, 1000))
		;
	run_store(b); /* beside it, on the other cores */
	bench_command(b, 2, SC_QUEUE_CMD_RESET);
	bench_wait_state(b, 2, SC_QUEUE_STOPPED);
	assert_true(bench_events(b) >= 1);
	assert_int_equal(bench_event(b, 0)->type, SC_EVENT_ABORTED);
	assert_int_equal(bench_event(b, 0)->fault.pc, CODE_VA + 0x30);
}

static void test_cooperative(void **state)
{
	struct bench *b = *state;
	union packet p[2];
	unsigned int i;

	launch(p, 0x34, SC_FLAG_COOPERATIVE, 4, DATA_VA, 0);
	bench_wait(b, 1, bench_submit(b, 1, p, 2));
	for (i = 0; i < 4; i++)
		assert_int_equal(bench_card64(b, DATA_PA + 512 + i * 8), 4);
	launch(p, 0x34, 0, 1, DATA_VA, 0);
	bench_submit(b, 1, p, 2);
	assert_int_equal(bench_expect_fault(b, 1, SC_CODE_NOT_COOPERATIVE)->pc, CODE_VA + 0x4c);
}

/* A page unmapped and invalidated is gone for a core that has used it. */
static void test_invalidate(void **state)
{
	struct bench *b = *state;
	union packet p[2], inv = pkt(SC_OP_INVALIDATE, 0);

	run_store(b);
	bench_queue(b, 3, 0, 0);
	*bench_pte(b, CTX, DATA_VA) = 0;
	inv.body[2] = CTX;
	bench_wait(b, 3, bench_submit(b, 3, &inv, 1));
	launch(p, 0, 0, GROUPS, DATA_VA, 5);
	bench_submit(b, 1, p, 2);
	assert_int_equal(bench_expect_fault(b, 1, SC_CODE_UNMAPPED)->pc, CODE_VA + 0x1c);
	assert_int_equal(bench_card64(b, DATA_PA), 3);
}

/* New code at the old address: seen at the DISPATCH that says so. */
static void test_code_changed(void **state)
{
	struct bench *b = *state;
	union packet p[2];

	run_store(b);
	((uint32_t *)(b->card + 0x100000))[5] = 0x00238393; /* addi t2, t2, 2 */
	launch(p, 0, SC_FLAG_CODE_CHANGED, 8, DATA_VA, 1);
	bench_wait(b, 1, bench_submit(b, 1, p, 2));
	assert_int_equal(bench_card64(b, DATA_PA), 2);
	assert_int_equal(bench_card64(b, DATA_PA + 56), 9);
}

int main(void)
{
#define TEST(name)                                                          \
	cmocka_unit_test_setup_teardown(name, setup, bench_teardown),             \
	{ #name "_sync", name, setup_sync, bench_teardown, NULL }
	const struct CMUnitTest tests[] = {
		TEST(test_store), TEST(test_faults), TEST(test_reset),
		TEST(test_cooperative), TEST(test_invalidate), TEST(test_code_changed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
