// SPDX-License-Identifier: MIT
/*
 * Tests of engine queues and counters: when operations take effect, what
 * holds, posts and awaits order, deadlocks, and races in strict mode. Every
 * fault is checked by name with the pc of its instruction.
 */
#include "engine_bench.h"
#include "qemu-device/chip/engine_priv.h"

#define DESC 0x1000 /* descriptors; operations use the scratchpad from 0x2000 on */
#define HOLD(q, c, v)	ok(SC_INSN_SD_HOLD, q, c, (uint64_t)(int64_t)(v))
#define POST(q, c)	ok(SC_INSN_SD_POST, q, c, 0)
#define AWAIT(c, v)	ok(SC_INSN_SD_AWAIT, 0, c, (uint64_t)(int64_t)(v))

/* Each at a descriptor of its own, so that no test reuses one by accident. */
static uint64_t copy(unsigned int channel, struct sc_dma dma)
{
	static uint32_t at;

	at = (at + sizeof(dma)) % 0x1000;
	if (go(channel, DESC + at, &dma))
		fail_msg("refused: code %u value %llu", fault.code,
			 (unsigned long long)fault.value);
	return pc;
}

static void raced(uint64_t at, uint64_t other, enum sc_engine engine, uint64_t offset)
{
	assert_int_equal(fault.code, SC_CODE_TCM_RACE);
	assert_int_equal(fault.status, SC_STATUS_TRAP);
	assert_int_equal(fault.engine, engine);
	assert_int_equal(fault.pc, at);
	assert_int_equal(fault.pc_other, other);
	assert_int_equal(fault.va, TCM(offset));
}

static void test_effect_at_issue(void **state)
{
	(void)state;
	bench_reset(false, ISA_BASE, 1);
	copy(0, copy_in(0x2000, 0x100, 64));
	assert_memory_equal(tcm + 0x2000, mem + 0x100, 64);
	assert_false(sc_engines_busy(engines));
	POST(0, 3);
	assert_int_equal(count(3), 1);
	assert_int_equal(sc_engines_counters(engines)[3], 1);
	finish(0);
	assert_int_equal(stats.dma_bytes, 64);
}

static void test_effect_late(void **state)
{
	uint8_t before[64];

	(void)state;
	bench_reset(true, ISA_BASE, 1);
	memcpy(before, tcm + 0x2000, 64);
	copy(0, copy_in(0x2000, 0x100, 64));
	POST(0, 3);
	copy(1, copy_in(0x2100, 0x200, 64));
	POST(1, 4);
	assert_memory_equal(tcm + 0x2000, before, 64);
	assert_int_equal(count(3), 0);
	assert_true(sc_engines_busy(engines));
	AWAIT(3, 1);
	assert_memory_equal(tcm + 0x2000, mem + 0x100, 64);
	assert_memory_not_equal(tcm + 0x2100, mem + 0x200, 64);
	assert_int_equal(hart(0x2000, 64, true), 0);
	finish(0);
	assert_memory_equal(tcm + 0x2100, mem + 0x200, 64);
}

/* Memory is read late as well: a store after issue is seen. */
static void test_memory_late(void **state)
{
	(void)state;
	bench_reset(true, ISA_BASE, 2);
	copy(0, copy_in(0x2000, 0, 8));
	copy(1, copy_out(64, 0x2100, 8));
	memset(mem, 0x77, 8);
	assert_memory_not_equal(mem + 64, tcm + 0x2100, 8);
	finish(0);
	assert_int_equal(tcm[0x2000], 0x77);
	assert_memory_equal(mem + 64, tcm + 0x2100, 8);
}

static void test_hold(void **state)
{
	bool strict = *state;

	bench_reset(strict, ISA_BASE, 3);
	HOLD(1, 5, 2);
	copy(1, copy_out(0x400, 0x2000, 32));
	POST(1, 6);
	assert_true(sc_engines_busy(engines));
	copy(0, copy_in(0x2000, 0, 16));
	POST(0, 5);
	assert_int_equal(count(6), 0);
	copy(0, copy_in(0x2010, 16, 16));
	POST(0, 5);
	AWAIT(6, 1);
	assert_memory_equal(mem + 0x400, mem, 32);
	assert_int_equal(count(5), 2);
	finish(0);
}

static void test_counter_compare(void **state)
{
	bool strict = *state;

	bench_reset(strict, ISA_BASE, 4);
	AWAIT(0, 0);
	AWAIT(15, -5);
	AWAIT(1, INT32_MIN + 1);
	HOLD(4, 2, -1);
	POST(4, 2);
	AWAIT(2, 1);
	AWAIT(2, 0x7fffffff00000001); /* only 32 bits count */
	finish(0);
	refused(SC_INSN_SD_AWAIT, 0, 2, 1ull << 31, SC_CODE_AWAIT_DEADLOCK, SC_ENGINE_HART);
	assert_int_equal(fault.value, 2);
}

static void test_bad_numbers(void **state)
{
	bool strict = *state;

	bench_reset(strict, ISA_BASE, 5);
	refused(SC_INSN_SD_HOLD, 0, 16, 0, SC_CODE_BAD_COUNTER, SC_ENGINE_HART);
	assert_int_equal(fault.value, 16);
	refused(SC_INSN_SD_POST, 4, ~0ull, 0, SC_CODE_BAD_COUNTER, SC_ENGINE_HART);
	assert_int_equal(fault.value, ~0ull);
	refused(SC_INSN_SD_AWAIT, 0, 0x100000000, 0, SC_CODE_BAD_COUNTER, SC_ENGINE_HART);
	refused(SC_INSN_SD_COUNT, 5, 16, 0, SC_CODE_BAD_COUNTER, SC_ENGINE_HART);
	refused(SC_INSN_SD_HOLD, 5, 0, 0, SC_CODE_BAD_ENGINE_QUEUE, SC_ENGINE_HART);
	assert_int_equal(fault.value, 5);
	refused(SC_INSN_SD_POST, 31, 99, 0, SC_CODE_BAD_ENGINE_QUEUE, SC_ENGINE_HART);
	refused(SC_INSN_SDD_GO, 4, TCM(0), 0, SC_CODE_BAD_ENGINE_QUEUE, SC_ENGINE_HART);
	/* the rd field of await and count is a register, not a queue */
	ok(SC_INSN_SD_AWAIT, 17, 0, 0);
	finish(0);
}

static void test_disabled(void **state)
{
	(void)state;
	bench_reset(false, SC_ISA_XSDD, 6);
	refused(SC_INSN_SDM_CFG, 0, TCM(0), 0, SC_CODE_ENGINE_DISABLED, SC_ENGINE_HART);
	refused(SC_INSN_SDM_MMA, 0, TCM(0), TCM(0), SC_CODE_ENGINE_DISABLED, SC_ENGINE_HART);
	bench_reset(false, SC_ISA_XSDM_INT8, 6);
	refused(SC_INSN_SDD_GO, 0, TCM(0), 0, SC_CODE_ENGINE_DISABLED, SC_ENGINE_HART);
	refused(SC_INSN_SD_POST, 0, 0, 0, SC_CODE_ENGINE_DISABLED, SC_ENGINE_HART);
	refused(SC_INSN_SDM_MUL_R, 0, TCM(0), 0, SC_CODE_ENGINE_DISABLED, SC_ENGINE_HART);
	assert_int_equal(fault.value, SC_ISA_XSDM_FP32);
}

static void test_await_deadlock(void **state)
{
	bool strict = *state;

	bench_reset(strict, ISA_BASE, 7);
	refused(SC_INSN_SD_AWAIT, 0, 9, 1, SC_CODE_AWAIT_DEADLOCK, SC_ENGINE_HART);
	assert_int_equal(fault.value, 9);

	/* two queues that wait for each other */
	HOLD(0, 1, 1);
	POST(0, 2);
	HOLD(1, 2, 1);
	POST(1, 1);
	POST(2, 3);
	AWAIT(3, 1);
	refused(SC_INSN_SD_AWAIT, 0, 1, 1, SC_CODE_AWAIT_DEADLOCK, SC_ENGINE_HART);
	assert_int_equal(fault.value, 1);
	assert_false(sc_engines_busy(engines));
}

static void test_finish_deadlock(void **state)
{
	bool strict = *state;
	uint64_t at;

	bench_reset(strict, ISA_BASE, 8);
	POST(0, 1);
	at = HOLD(3, 1, 2);
	copy(3, copy_in(0x2000, 0, 8));
	HOLD(2, 1, 3);
	finish(SC_CODE_AWAIT_DEADLOCK);
	assert_int_equal(fault.value, 1);
	assert_int_equal(fault.engine, SC_ENGINE_DMA3);
	assert_int_equal(fault.pc, at);
	assert_int_equal(fault.flags, SC_FAULT_IMPRECISE);
	/* the next workgroup starts clean */
	sc_engines_start(engines, &env);
	assert_int_equal(count(1), 0);
	finish(0);
}

static void test_queue_full(void **state)
{
	bool strict = *state;
	uint64_t hold;
	int i;

	bench_reset(strict, ISA_BASE, 9);
	/* what another queue has posted lets a full queue go on */
	POST(0, 1);
	HOLD(1, 1, 1);
	for (i = 0; i < 40; i++)
		POST(1, 2);
	AWAIT(2, 40);

	hold = HOLD(2, 1, 2);
	for (i = 1; i < SC_EQ_DEPTH; i++)
		POST(2, 3);
	assert_int_equal(issue(SC_INSN_SD_POST, 2, 3, 0), SC_ENGINE_FAULT);
	assert_int_equal(fault.code, SC_CODE_AWAIT_DEADLOCK);
	assert_int_equal(fault.engine, SC_ENGINE_DMA2);
	assert_int_equal(fault.pc, hold);
	assert_int_equal(fault.value, 1);
	assert_int_equal(fault.flags, SC_FAULT_IMPRECISE);
}

static void test_polling(void **state)
{
	bool strict = *state;
	int i;

	bench_reset(strict, ISA_BASE, 10);
	copy(0, copy_in(0x2000, 0, 8));
	POST(0, 1);
	HOLD(1, 1, 1);
	POST(1, 2);
	for (i = 0; count(2) < 1; i++)
		assert_true(i < SC_COUNT_POLLS - 1);
	assert_memory_equal(tcm + 0x2000, mem, 8);
	assert_int_equal(hart(0x2000, 8, false), 0);
	/* one that cannot advance stays what it is and is no fault */
	for (i = 0; i < 3 * SC_COUNT_POLLS; i++)
		assert_int_equal(count(2), 1);
	finish(0);
}

/* An await applies what it needs through any chain of queues, and no other queue. */
static void test_await_minimal(void **state)
{
	uint8_t other[8];

	(void)state;
	bench_reset(true, ISA_BASE, 11);
	memcpy(other, tcm + 0x2300, 8);
	copy(3, copy_in(0x2300, 0, 8));
	POST(3, 9);
	copy(0, copy_in(0x2000, 0, 8));
	POST(0, 1);
	HOLD(1, 1, 1);
	copy(1, copy_out(0x100, 0x2000, 8));
	POST(1, 2);
	HOLD(2, 2, 1);
	copy(2, copy_in(0x2100, 0x100, 8));
	POST(2, 3);
	copy(2, copy_in(0x2200, 0x200, 8));
	AWAIT(3, 1);
	assert_memory_equal(tcm + 0x2100, mem, 8);
	assert_memory_equal(tcm + 0x2300, other, 8);
	assert_memory_not_equal(tcm + 0x2200, mem + 0x200, 8);
	finish(0);
}

/* Without strict, program order; with it, what was issued last comes first. */
static void test_adversarial_order(void **state)
{
	bool strict = *state;
	struct sc_dma fill = { .kind = SC_DMA_FILL, .size0 = 8, .size1 = 1, .size2 = 1,
			       .dst = MEM_VA };
	unsigned int q;

	bench_reset(strict, ISA_BASE, 12);
	for (q = 0; q < 4; q++) {
		fill.src = q;
		copy(q, fill);
	}
	finish(0);
	assert_int_equal(mem[0], strict ? 0 : 3);
}

static void test_late_fault(void **state)
{
	bool strict = *state;
	uint64_t at;

	bench_reset(strict, ISA_BASE, 13);
	HOLD(2, 1, 1);
	at = copy(2, copy_in(0x2000, MEM_SIZE, 8));
	ok(SC_INSN_SD_AWAIT, 0, 0, 0);
	assert_int_equal(issue(SC_INSN_SD_POST, 0, 1, 0) || issue(SC_INSN_SD_POST, 2, 2, 0) ||
			 issue(SC_INSN_SD_AWAIT, 0, 2, 1), 1);
	assert_int_equal(fault.status, SC_STATUS_FAULT);
	assert_int_equal(fault.code, SC_CODE_UNMAPPED);
	assert_int_equal(fault.engine, SC_ENGINE_DMA2);
	assert_int_equal(fault.pc, at);
	assert_int_equal(fault.va, MEM_VA + MEM_SIZE);
	assert_int_equal(fault.access, SC_ACCESS_READ);
	assert_int_equal(fault.flags, SC_FAULT_IMPRECISE);
	assert_false(sc_engines_busy(engines));
}

/* Races between the hart and an operation in flight. */
static void test_race_hart(void **state)
{
	uint64_t at;

	(void)state;
	bench_reset(true, ISA_BASE, 20);
	at = copy(0, copy_in(0x2000, 0, 64));
	assert_int_equal(hart(0x1fff, 1, true), 0);
	assert_int_equal(hart(0x2040, 8, true), 0);
	assert_int_equal(hart(0x1ffc, 8, false), SC_ENGINE_FAULT);
	raced(pc, at, SC_ENGINE_HART, 0x2000);
	assert_int_equal(fault.access, SC_ACCESS_READ);
	assert_int_equal(fault.flags, 0);
	assert_int_equal(hart(0x203f, 1, true), SC_ENGINE_FAULT);
	raced(pc, at, SC_ENGINE_HART, 0x203f);
	assert_int_equal(fault.access, SC_ACCESS_WRITE);

	/* the source may be read, not written */
	bench_reset(true, ISA_BASE, 20);
	copy(0, copy_out(0, 0x2000, 64));
	assert_int_equal(hart(0x2000, 8, false), 0);
	assert_int_equal(hart(0x2000, 8, true), SC_ENGINE_FAULT);

	/* a descriptor is read by the hart */
	bench_reset(true, ISA_BASE, 20);
	at = copy(0, copy_in(0x2000, 0, 64));
	assert_int_equal(issue(SC_INSN_SDD_GO, 1, TCM(0x2020), 0), SC_ENGINE_FAULT);
	raced(pc, at, SC_ENGINE_HART, 0x2020);
	bench_reset(true, ISA_BASE, 20);
	at = copy(0, copy_in(0x2000, 0, 64));
	assert_int_equal(issue(SC_INSN_SDM_CFG, 1, TCM(0x2020), 0), SC_ENGINE_FAULT);
	raced(pc, at, SC_ENGINE_HART, 0x2020);

	/* the gaps of a strided transfer are free */
	bench_reset(true, ISA_BASE, 20);
	{
		struct sc_dma dma = copy_in(0x2000, 0, 4);

		dma.size1 = 3;
		dma.size2 = 2;
		dma.dst_stride[0] = 16;
		dma.dst_stride[1] = 0x100;
		copy(0, dma);
		assert_int_equal(hart(0x2004, 12, true), 0);
		assert_int_equal(hart(0x2030, 0xd0, true), 0);
		assert_int_equal(hart(0x2123, 1, true), SC_ENGINE_FAULT);
		assert_int_equal(hart(0x2124, 12, true), 0);
		assert_int_equal(hart(0x2124, 13, true), 0);
		assert_int_equal(hart(0x2114, 13, true), SC_ENGINE_FAULT);
		assert_int_equal(fault.va, TCM(0x2120));
	}

	/* without strict nothing is reported */
	bench_reset(false, ISA_BASE, 20);
	HOLD(0, 1, 1);
	copy(0, copy_in(0x2000, 0, 64));
	assert_int_equal(hart(0x2000, 8, true), 0);
}

/* The hart may prepare what stands behind a hold until it issues the post that lets it go. */
static void test_race_not_yet(void **state)
{
	(void)state;
	bench_reset(true, ISA_BASE, 25);
	HOLD(0, 1, 1);
	copy(0, copy_out(0, 0x2000, 64));
	assert_int_equal(hart(0x2000, 8, true), 0);
	POST(1, 1);
	assert_int_equal(hart(0x2000, 8, false), 0);
	assert_int_equal(hart(0x2000, 8, true), SC_ENGINE_FAULT);
	finish(0);
}

/* Applied because a queue was full is not yet known to the hart. */
static void test_race_applied(void **state)
{
	uint64_t at;
	int i;

	(void)state;
	bench_reset(true, ISA_BASE, 21);
	at = copy(0, copy_in(0x2000, 0, 64));
	for (i = 0; i < SC_EQ_DEPTH; i++)
		POST(0, 1);
	assert_memory_equal(tcm + 0x2000, mem, 64);
	assert_int_equal(hart(0x2000, 1, false), SC_ENGINE_FAULT);
	raced(pc, at, SC_ENGINE_HART, 0x2000);
	AWAIT(1, 1);
	assert_int_equal(hart(0x2000, 1, false), 0);
	assert_true(sc_engines_busy(engines));
	AWAIT(1, SC_EQ_DEPTH);
	assert_false(sc_engines_busy(engines));
}

/* Two channels write the same bytes; a hold, or an await by the hart, orders them. */
static void test_race_engines(void **state)
{
	uint64_t a, b;
	int how;

	(void)state;
	for (how = 0; how < 4; how++) {
		bench_reset(true, ISA_BASE, 22);
		a = copy(0, copy_in(0x2000, 0, 64));
		if (how == 1 || how == 2)
			POST(0, 1);
		if (how == 1)
			HOLD(1, 1, 1);
		if (how == 2)
			AWAIT(1, 1);
		b = copy(1, how == 3 ? copy_in(0x2040, 64, 64) : copy_in(0x203f, 64, 64));
		if (how) {
			finish(0);
			continue;
		}
		assert_int_equal(sc_engines_finish(engines, &fault), SC_ENGINE_FAULT);
		raced(a, b, SC_ENGINE_DMA0, 0x203f);
		assert_int_equal(fault.flags, SC_FAULT_IMPRECISE);
	}
}

/* The hold waits for the wrong post: the operation after it is not ordered. */
static void test_race_wrong_hold(void **state)
{
	(void)state;
	bench_reset(true, ISA_BASE, 23);
	POST(0, 1);
	copy(0, copy_in(0x2000, 0, 64));
	POST(0, 1);
	HOLD(1, 1, 1);
	copy(1, copy_out(0x800, 0x2000, 64));
	assert_int_equal(sc_engines_finish(engines, &fault), SC_ENGINE_FAULT);
	assert_int_equal(fault.code, SC_CODE_TCM_RACE);
}

/* Two queues post on one counter: only the sum of both stands for either. */
static void test_race_shared_counter(void **state)
{
	int value;

	(void)state;
	for (value = 1; value <= 2; value++) {
		bench_reset(true, ISA_BASE, 24);
		copy(0, copy_in(0x2000, 0, 64));
		POST(0, 1);
		copy(1, copy_in(0x2100, 0, 64));
		POST(1, 1);
		HOLD(2, 1, value);
		copy(2, copy_out(0x800, 0x2000, 0x140));
		if (value == 2) {
			finish(0);
			continue;
		}
		assert_int_equal(sc_engines_finish(engines, &fault), SC_ENGINE_FAULT);
		assert_int_equal(fault.code, SC_CODE_TCM_RACE);
		bench_reset(true, ISA_BASE, 24);
		copy(0, copy_in(0x2000, 0, 64));
		POST(0, 1);
		copy(1, copy_in(0x2100, 0, 64));
		POST(1, 1);
		AWAIT(1, 1);
		assert_int_equal(hart(0x2000, 4, false), SC_ENGINE_FAULT);
		assert_int_equal(hart(0x2100, 4, false), SC_ENGINE_FAULT);
	}
}

/* A set of bytes, the slow way. */
static bool holds(const uint32_t v[6], uint32_t byte)
{
	uint32_t i, j;

	for (j = 0; j < v[4]; j++) {
		for (i = 0; i < v[2]; i++) {
			if (byte - (v[0] + i * v[3] + j * v[5]) < v[1])
				return true;
		}
	}
	return false;
}

static void test_regions(void **state)
{
	unsigned int round, hits = 0, i, k;

	(void)state;
	bench_seed(30);
	for (round = 0; round < 20000; round++) {
		struct sc_region r[2];
		uint32_t v[2][6], at = 0, byte;
		bool expect = false;

		for (k = 0; k < 2; k++) {
			for (i = 0; i < 6; i++)
				v[k][i] = bench_random() % (i == 0 ? 60 : i == 5 ? 40 : 6 + i);
			sc_region_init(&r[k], v[k][0], v[k][1], v[k][2], v[k][3], v[k][4], v[k][5]);
		}
		for (byte = 0; byte < 600 && !expect; byte++)
			expect = holds(v[0], byte) && holds(v[1], byte);
		if (sc_region_overlap(&r[0], &r[1], &at) != expect)
			fail_msg("round %u: expected %d", round, expect);
		if (expect && !(holds(v[0], at) && holds(v[1], at)))
			fail_msg("round %u: byte %u is not shared", round, at);
		hits += expect;
	}
	assert_in_range(hits, 2000, 18000);
}

static uint32_t mostly_small(uint32_t below)
{
	return bench_random() % 16 ? bench_random() % below : bench_random();
}

static uint64_t any_address(void)
{
	switch (bench_random() % 8) {
	case 0:
		return MEM_VA + bench_random() % MEM_SIZE;
	case 1:
		return (uint64_t)bench_random() << 32 | bench_random();
	case 2:
		return TCM(TCM_SIZE - bench_random() % 200);
	default:
		return TCM(0x2000 + bench_random() % (TCM_SIZE - 0x4000));
	}
}

/* A descriptor with more sense than random bytes, so that many are accepted. */
static void any_descriptor(uint32_t at, bool dma)
{
	struct sc_tile t = {
		.m = mostly_small(65), .n = mostly_small(65), .k = bench_random() % 200,
		.fmt_a = bench_random() % 8, .fmt_b = bench_random() % 8,
		.fmt_store = bench_random() % 9, .flags = bench_random() % 5,
		.stride_a = mostly_small(300), .stride_b = mostly_small(300),
		.group = bench_random() % 3 ? 0 : 16u << bench_random() % 7,
		.fmt_scale = bench_random() % 3, .scale_a = mostly_small(TCM_SIZE),
		.scale_b = mostly_small(TCM_SIZE), .store_scale = mostly_small(TCM_SIZE),
		.stride_scale_a = mostly_small(300), .stride_scale_b = mostly_small(300),
	};
	struct sc_dma d = {
		.kind = bench_random() % 5, .src = any_address(), .dst = any_address(),
		.size0 = mostly_small(200), .size1 = bench_random() % 40,
		.size2 = bench_random() % 4, .index = mostly_small(TCM_SIZE),
		.limit = bench_random(), .src_stride = { mostly_small(300), mostly_small(3000) },
		.dst_stride = { mostly_small(300), mostly_small(3000) },
	};

	if (bench_random() % 3)
		t.fmt_b = t.fmt_a;
	memcpy(tcm + at, dma ? (void *)&d : (void *)&t, sizeof(t));
}

/* Whatever a kernel issues, the answer is success or a fault that has a name. */
static void test_garbage(void **state)
{
	unsigned int i, accepted = 0, faults[256] = { 0 }, kinds = 0;

	bench_reset(*state, ISA_ALL, 40);
	for (i = 0; i < 60000; i++) {
		static const enum sc_insn mix[] = {
			SC_INSN_SDM_CFG, SC_INSN_SDM_CFG, SC_INSN_SDM_MMA, SC_INSN_SDM_MMA_Z,
			SC_INSN_SDM_LD, SC_INSN_SDM_ST, SC_INSN_SDM_MUL_R, SC_INSN_SDM_MUL_C,
			SC_INSN_SDD_GO, SC_INSN_SDD_GO, SC_INSN_SD_HOLD, SC_INSN_SD_POST,
			SC_INSN_SD_POST, SC_INSN_SD_AWAIT, SC_INSN_SD_COUNT,
		};
		enum sc_insn insn = mix[bench_random() % (sizeof(mix) / sizeof(mix[0]))];
		unsigned int imm = bench_random() % (insn >= SC_INSN_SDD_GO ? 5 : 17);
		uint64_t rs1 = any_address(), rs2 = any_address();

		if (insn == SC_INSN_SDM_CFG || insn == SC_INSN_SDD_GO) {
			rs1 = TCM(DESC + bench_random() % 64 * 64);
			any_descriptor(rs1 - SC_VA_TCM, insn == SC_INSN_SDD_GO);
			imm %= 5;
		} else if (insn == SC_INSN_SDM_LD || insn == SC_INSN_SDM_ST) {
			rs2 = mostly_small(300);
		} else if (insn >= SC_INSN_SD_HOLD) {
			rs1 = bench_random() % 17;
			rs2 = mostly_small(3);
		}
		if (!issue(insn, imm, rs1, rs2)) {
			accepted++;
			if (bench_random() % 16 || !sc_engines_finish(engines, &fault))
				continue;
		}
		assert_int_not_equal(fault.code, 0);
		faults[fault.code & 0xff]++;
		assert_false(sc_engines_busy(engines));
		sc_engines_start(engines, &env);
	}
	for (i = 0; i < 256; i++)
		kinds += faults[i] > 0;
	print_message("# %u accepted, %u kinds of fault\n", accepted, kinds);
	assert_true(accepted > 10000);
	assert_true(kinds >= 9);
}

static int setup_strict(void **state)
{
	*state = (void *)1;
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	sc_engines_destroy(engines);
	engines = NULL;
	return 0;
}

#define plain(test)  cmocka_unit_test_teardown(test, teardown)
#define strict(test) { #test " (strict)", test, setup_strict, teardown, NULL }

int main(void)
{
	const struct CMUnitTest tests[] = {
		plain(test_effect_at_issue),
		plain(test_effect_late),
		plain(test_memory_late),
		plain(test_hold),
		strict(test_hold),
		plain(test_counter_compare),
		strict(test_counter_compare),
		plain(test_bad_numbers),
		strict(test_bad_numbers),
		plain(test_disabled),
		plain(test_await_deadlock),
		strict(test_await_deadlock),
		plain(test_finish_deadlock),
		strict(test_finish_deadlock),
		plain(test_queue_full),
		strict(test_queue_full),
		plain(test_polling),
		strict(test_polling),
		plain(test_await_minimal),
		plain(test_adversarial_order),
		strict(test_adversarial_order),
		plain(test_late_fault),
		strict(test_late_fault),
		plain(test_race_hart),
		plain(test_race_not_yet),
		plain(test_race_applied),
		plain(test_race_engines),
		plain(test_race_wrong_hold),
		plain(test_race_shared_counter),
		plain(test_regions),
		plain(test_garbage),
		strict(test_garbage),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
