// SPDX-License-Identifier: MIT
/*
 * Recording for the timing model: instructions and engine operations become
 * events with the costs that docs/perf.md gives, worked out by hand here.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "qemu-device/chip/timing_record.h"

#define VLENB 512
#define E8    (0 << 3)
#define E16   (1 << 3)
#define E32   (2 << 3)

static struct sc_machine machine;
static struct sc_recorder *recorder;
static uint64_t insns;

static int setup(void **state)
{
	(void)state;
	sc_machine_default(&machine);
	insns = 1000;
	recorder = sc_recorder_create(&machine, &insns);
	if (recorder)
		sc_record_start(recorder, 5);
	return recorder ? 0 : -1;
}

static int teardown(void **state)
{
	(void)state;
	sc_recorder_destroy(recorder);
	return 0;
}

static struct sc_tlist *take(void)
{
	struct sc_tlist *list = sc_record_take(recorder);

	assert_non_null(list);
	assert_int_equal(list->ev[list->num_ev - 1].kind, SC_TEV_END);
	sc_record_start(recorder, 5);
	return list;
}

/* The event of one operation on a tile. */
static struct sc_tev tile_op(enum sc_insn insn, const struct sc_tile *tile, uint64_t stride)
{
	struct sc_engine_op op = { .insn = insn, .queue = SC_EQ_MATRIX, .imm = 3, .tile = *tile,
				   .stride = stride };
	struct sc_tlist *list;
	struct sc_tev ev;

	sc_record_op(recorder, NULL, &op);
	list = take();
	assert_int_equal(list->num_ev, 2);
	ev = list->ev[0];
	sc_tlist_free(list);
	assert_int_equal(ev.index, 3);
	return ev;
}

static void check_mma(struct sc_tile tile, uint32_t occupancy, uint32_t latency)
{
	struct sc_tev ev = tile_op(SC_INSN_SDM_MMA, &tile, 0);

	assert_int_equal(ev.kind, SC_TEV_MMA);
	assert_int_equal(ev.x, occupancy);
	assert_int_equal(ev.x + ev.y, latency);
	assert_int_equal(ev.w, tile.m * tile.n * tile.k);
}

#define TILE(m_, n_, k_, a, b)                                                                     \
	.m = (m_), .n = (n_), .k = (k_), .fmt_a = SC_FMT_##a, .fmt_b = SC_FMT_##b

static void test_mma(void **state)
{
	(void)state;
	check_mma((struct sc_tile){ TILE(64, 64, 256, I8, I8) }, 256, 256 + 64);
	check_mma((struct sc_tile){ TILE(64, 64, 256, BF16, BF16) }, 512, 4 * 256 + 64);
	check_mma((struct sc_tile){ TILE(64, 64, 256, F32, F32) }, 4096, 4096 + 64);
	check_mma((struct sc_tile){ TILE(64, 64, 256, E4M3, E5M2) }, 256, 4 * 128 + 64);
	/* rows and columns count in eights; then operands are read at 64 bytes a cycle */
	check_mma((struct sc_tile){ TILE(33, 57, 100, BF16, BF16) }, 2 * 5700 / 64 + 1,
		  400 + 64);
	check_mma((struct sc_tile){ TILE(33, 57, 100, I8, I8) }, 5700 / 64 + 1, 90 + 64);
	check_mma((struct sc_tile){ TILE(1, 64, 256, I8, I8) }, 256, 256 + 64);
	check_mma((struct sc_tile){ TILE(8, 64, 256, I8, I4) }, 128, 128 + 64);
	/* group scales: 128 a cycle */
	check_mma((struct sc_tile){ TILE(64, 64, 256, I8, I4), .group = 32 }, 256, 256 + 64);
	check_mma((struct sc_tile){ TILE(64, 64, 256, I8, I4), .group = 16 }, 512, 512 + 64);
	check_mma((struct sc_tile){ TILE(64, 64, 256, I8, I8), .flags = SC_TILE_B_NK }, 256,
		  256 + 64 + 64);
	check_mma((struct sc_tile){ TILE(64, 64, 0, I8, I8) }, 1, 65);
}

/* Folds of 2 * rows + columns + stream - 2 cycles. */
static void test_dataflow(void **state)
{
	(void)state;
	machine.dataflow = SC_DATAFLOW_WS;
	check_mma((struct sc_tile){ TILE(64, 64, 256, I8, I8) }, 4 * (128 + 64 + 64 - 2),
		  4 * 254 + 64);
	machine.dataflow = SC_DATAFLOW_OS;
	check_mma((struct sc_tile){ TILE(64, 64, 256, I8, I8) }, 128 + 64 + 256 - 2, 446 + 64);
	machine.array_columns = 32;
	check_mma((struct sc_tile){ TILE(64, 64, 256, BF16, BF16) }, 2 * 2 * (128 + 32 + 256 - 2),
		  4 * 414 + 64);
}

static void check_move(enum sc_insn insn, struct sc_tile tile, uint64_t stride, uint32_t cycles,
		       uint32_t bytes)
{
	struct sc_tev ev = tile_op(insn, &tile, stride);

	assert_int_equal(ev.kind, SC_TEV_MOVE);
	assert_int_equal(ev.x, cycles);
	assert_int_equal(ev.y, 0);
	assert_int_equal(ev.z, bytes);
}

static void test_move(void **state)
{
	struct sc_tile tile = { TILE(64, 64, 0, I8, I8), .fmt_store = SC_FMT_BF16 };

	(void)state;
	check_move(SC_INSN_SDM_LD, tile, 256, 128, 16384);
	check_move(SC_INSN_SDM_LD, tile, 0, 128, 256); /* one row for all */
	check_move(SC_INSN_SDM_ST, tile, 256, 128, 8192);
	check_move(SC_INSN_SDM_MUL_R, tile, 0, 128, 256);
	tile.m = 3;
	tile.n = 5;
	check_move(SC_INSN_SDM_ST, tile, 256, 1, 30);
}

/* Cycles of the hart for a vector instruction in a run of @count instructions. */
static uint32_t vector(uint32_t word, uint64_t vl, uint64_t vtype, unsigned int count)
{
	struct sc_tlist *list;
	uint32_t cycles = 0;

	sc_record_vector(recorder, word, vl, vtype, VLENB);
	sc_record_vector_end(recorder);
	insns += count;
	list = take();
	assert_int_equal(list->insns, count);
	for (size_t i = 0; i < list->num_ev; i++)
		cycles += list->ev[i].before;
	sc_tlist_free(list);
	return cycles;
}

#define OPV(f6, f3, vs1) ((uint32_t)(f6) << 26 | 1 << 25 | (vs1) << 15 | (f3) << 12 | 0x57)
#define VMEM(op, nf, mop, unit, width)                                                             \
	((uint32_t)(nf) << 29 | (mop) << 26 | 1 << 25 | (unit) << 20 | (width) << 12 | (op))

static void test_vector(void **state)
{
	(void)state;
	/* vl * SEW / 2048 beats of the widest element, one at least */
	assert_int_equal(vector(OPV(0x00, 0, 0), 1024, E32, 1), 16); /* vadd.vv */
	assert_int_equal(vector(OPV(0x00, 0, 0), 1024, E8, 1), 4);
	assert_int_equal(vector(OPV(0x00, 0, 0), 3, E32, 1), 1);
	assert_int_equal(vector(OPV(0x00, 1, 0), 1024, E16, 1), 8); /* vfadd.vv */
	assert_int_equal(vector(OPV(0x38, 2, 0), 1024, E16, 1), 16); /* vwmulu.vv */
	assert_int_equal(vector(OPV(0x2c, 0, 0), 1024, E16, 1), 16); /* vnsrl.wv */
	assert_int_equal(vector(OPV(0x12, 1, 2), 1024, E32, 1), 16); /* vfcvt.f.x.v */
	assert_int_equal(vector(OPV(0x12, 1, 12), 1024, E16, 1), 16); /* vfwcvt.f.f.v */
	assert_int_equal(vector(OPV(0x20, 1, 0), 1024, E32, 1), 8 * 16); /* vfdiv.vv */
	assert_int_equal(vector(OPV(0x13, 1, 0), 1024, E32, 1), 8 * 16); /* vfsqrt.v */
	assert_int_equal(vector(OPV(0x21, 2, 0), 1024, E32, 1), 8 * 16); /* vdiv.vv */
	assert_int_equal(vector(OPV(0x0c, 0, 0), 1024, E8, 1), 64); /* vrgather.vv */
	assert_int_equal(vector(OPV(0x17, 2, 0), 1024, E8, 1), 64); /* vcompress.vm */
	assert_int_equal(vector(0x5 << 12 | 1 << 25 | 0x2b, 1024, E32, 1), 2 * 16); /* vexp2 */
	assert_int_equal(vector(OPV(0x00, 7, 0), 1024, E32, 1), 1); /* vsetvli */
	/* issue is the longer one */
	assert_int_equal(vector(OPV(0x00, 0, 0), 1024, E32, 40), 40);
}

static void test_vector_memory(void **state)
{
	(void)state;
	assert_int_equal(vector(VMEM(0x07, 0, 0, 0, 6), 1024, E32, 1), 16); /* vle32 */
	assert_int_equal(vector(VMEM(0x27, 0, 0, 0, 5), 1024, E16, 1), 8); /* vse16 */
	assert_int_equal(vector(VMEM(0x07, 7, 0, 8, 0), 1, E8, 1), 16); /* vl8re8: whole */
	assert_int_equal(vector(VMEM(0x07, 0, 0, 11, 0), 1024, E8, 1), 1); /* vlm */
	assert_int_equal(vector(VMEM(0x07, 0, 2, 0, 6), 1024, E32, 1), 64); /* vlse32 */
	assert_int_equal(vector(VMEM(0x07, 0, 1, 0, 6), 1024, E8, 1), 64); /* vluxei32 */
	assert_int_equal(vector(VMEM(0x07, 1, 0, 0, 6), 512, E32, 1), 64); /* vlseg2e32 */
}

/* The pipes of arithmetic and memory overlap. */
static void test_overlap(void **state)
{
	struct sc_tlist *list;

	(void)state;
	for (int i = 0; i < 2; i++) {
		sc_record_vector(recorder, VMEM(0x07, 0, 0, 0, 6), 1024, E32, VLENB);
		sc_record_vector_end(recorder);
	}
	sc_record_vector(recorder, OPV(0x00, 0, 0), 1024, E32, VLENB);
	sc_record_vector_end(recorder);
	insns += 10;
	list = take();
	assert_int_equal(list->ev[0].before, 2 * 16);
	assert_int_equal(list->ev[0].x, 2 * 4096); /* scratchpad bytes */
	assert_int_equal(list->vector, 16);
	assert_int_equal(list->issue, 10);
	sc_tlist_free(list);
}

static void test_access(void **state)
{
	struct sc_tlist *list;

	(void)state;
	insns += 4;
	sc_record_access(recorder, SC_ON_TCM, SC_ACCESS_READ, 8);
	sc_record_access(recorder, SC_ON_TCM, SC_ACCESS_WRITE, 8);
	sc_record_access(recorder, SC_ON_CARD, SC_ACCESS_READ, 8);
	sc_record_access(recorder, SC_ON_CARD, SC_ACCESS_WRITE, 4);
	sc_record_access(recorder, SC_ON_HOST, SC_ACCESS_READ, 2);
	list = take();
	assert_int_equal(list->num_ev, 2);
	assert_int_equal(list->ev[0].before, 4 + 2);
	assert_int_equal(list->ev[0].y, 960 + 1440);
	assert_int_equal(list->ev[0].z, 12);
	assert_int_equal(list->ev[0].w, 2);
	sc_tlist_free(list);
	/* one latency for all elements of a vector load */
	sc_record_vector(recorder, VMEM(0x07, 0, 0, 0, 6), 1024, E32, VLENB);
	for (int i = 0; i < 4; i++)
		sc_record_access(recorder, SC_ON_CARD, SC_ACCESS_READ, 1024);
	sc_record_vector_end(recorder);
	list = take();
	assert_int_equal(list->ev[0].y, 960);
	assert_int_equal(list->ev[0].z, 4096);
	sc_tlist_free(list);
}

/* What is too much for one event becomes several. */
static void test_long(void **state)
{
	struct sc_tlist *list;
	uint64_t cycles = 0;

	(void)state;
	insns += 5000000000ull;
	list = take();
	for (size_t i = 0; i < list->num_ev; i++)
		cycles += list->ev[i].before;
	assert_int_equal(cycles, 5000000000ull);
	assert_int_equal(list->insns, 5000000000ull);
	assert_int_equal(list->rank, 5);
	sc_tlist_free(list);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(test_##name, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(mma),	     TEST(dataflow), TEST(move),   TEST(vector),
		TEST(vector_memory), TEST(overlap),  TEST(access), TEST(long),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
