// SPDX-License-Identifier: MIT
/*
 * The chip with its real cores: a DISPATCH runs machine code and everything
 * between packet and register is ours. The parts have tests of their own; this
 * one is about what they owe each other. The invariant: code is at CODE and
 * data at DATA of context 1, both in card memory.
 */
#include "tests/unit/chip_bench.h"
#include "seedchip_isa.h"
#include "tests/isa/asm.h"

#define CODE	  0x100000ULL
#define DATA	  0x200000ULL
#define SHARED	  0x300000ULL /* system memory */
#define CODE_CARD 0x400000ULL
#define DATA_CARD 0x410000ULL
#define QUEUE	  1
#define CONTEXT	  1

#define VLEN	       256
#define VSETIVLI_8_E32 (3u << 30 | 0xd0 << 20 | 8 << 15 | 7 << 12 | 0x57)
#define VMV_V_I(vd, i) (0x17u << 26 | 1 << 25 | (i) << 15 | 3 << 12 | (vd) << 7 | 0x57)

struct args {
	uint64_t data, value;
};

static struct bench *create(bool sync, bool strict)
{
	struct sc_config config = bench_config();
	struct bench *b;

	config.sync = sync;
	config.strict = strict;
	config.vlen = VLEN;
	b = bench_create(&config);
	bench_enable(b);
	bench_context(b, CONTEXT);
	bench_map(b, CONTEXT, CODE, CODE_CARD, SC_PTE_READ | SC_PTE_EXECUTE);
	bench_map(b, CONTEXT, DATA, DATA_CARD, SC_PTE_READ | SC_PTE_WRITE);
	bench_map(b, CONTEXT, SHARED, 0x80000, SC_PTE_READ | SC_PTE_WRITE | SC_PTE_SYSTEM);
	bench_queue(b, QUEUE, CONTEXT, 0);
	return b;
}

#define PUT(b, ...)                                                                                \
	do {                                                                                       \
		const uint32_t words_[] = { __VA_ARGS__ };                                         \
		memcpy((b)->card + CODE_CARD, words_, sizeof(words_));                             \
	} while (0)

/* Run the code with arguments DATA and @value, on a grid; returns the index behind the packet. */
static uint64_t dispatch(struct bench *b, unsigned int flags, uint32_t x, uint32_t y,
			 uint64_t value)
{
	const struct args args = { DATA, value };
	union packet p[2] = {
		{ .dispatch = { .hdr = SC_HDR(SC_OP_DISPATCH, flags, 1), .tag = 7, .entry = CODE,
				.grid_x = x, .grid_y = y, .grid_z = 1, .args_size = sizeof(args),
				.stack_size = 4096 } },
		{ .args = { .hdr = SC_HDR(SC_OP_ARGS, 0, 0) } },
	};

	memcpy(p[1].args.data, &args, sizeof(args));
	return bench_submit(b, QUEUE, p, 2);
}

/* Every workgroup adds its linear index to one sum and stores it in a slot of its own. */
static void grid(bool sync)
{
	struct bench *b = create(sync, true);
	const uint32_t x = 20, y = 10;
	uint64_t index;

	PUT(b, LD(A1, A0, 0), CSRR(A2, SC_CSR_WG_X), CSRR(A3, SC_CSR_WG_Y),
	    CSRR(A4, SC_CSR_GRID_X), MUL(A3, A3, A4), ADD(A2, A2, A3), AMOADD_D(ZERO, A2, A1),
	    SLLI(A4, A2, 3), ADD(A4, A4, A1), LD(A5, A0, 8), ADD(A5, A5, A2), SD(A5, A4, 8), RET);
	index = dispatch(b, SC_FLAG_CODE_CHANGED, x, y, 1000);
	bench_wait(b, QUEUE, index);
	assert_int_equal(bench_card64(b, DATA_CARD), 200 * 199 / 2);
	for (unsigned int i = 0; i < x * y; i++)
		assert_int_equal(bench_card64(b, DATA_CARD + 8 + 8 * i), 1000 + i);
	assert_int_equal(bench_state(b, QUEUE).workgroups, 200);
	assert_int_equal(bench_state(b, QUEUE).insns, 200 * 13);
	assert_int_equal(sc_chip_read(b->chip, SC_REG_TOTAL_INSNS, 8), 200 * 13);
	bench_destroy(b);
}

static void test_grid_sync(void **state)
{
	(void)state;
	grid(true);
}

static void test_grid_threads(void **state)
{
	(void)state;
	grid(false);
}

/* System memory through the host's callback, and the scratchpad's arguments and stack. */
static void test_system_memory(void **state)
{
	struct bench *b = create(true, true);
	uint64_t word = 41;

	(void)state;
	memcpy(b->system + 0x80010, &word, 8);
	PUT(b, LUI(A1, SHARED >> 12), LD(A2, A1, 16), ADDI(A2, A2, 1), SD(A2, SP, -8),
	    LD(A3, SP, -8), SD(A3, A1, 25), RET);
	bench_wait(b, QUEUE, dispatch(b, 0, 1, 1, 0));
	memcpy(&word, b->system + 0x80019, 8);
	assert_int_equal(word, 42);
	bench_destroy(b);
}

/* Code that the host changes is run after a DISPATCH flagged CODE_CHANGED. */
static void test_code_changed(void **state)
{
	struct bench *b = create(true, true);

	(void)state;
	for (int i = 1; i < 4; i++) {
		PUT(b, LD(A1, A0, 0), ADDI(A2, ZERO, i), SD(A2, A1, 0), RET);
		bench_wait(b, QUEUE, dispatch(b, SC_FLAG_CODE_CHANGED, 4, 1, 0));
		assert_int_equal(bench_card64(b, DATA_CARD), i);
	}
	bench_destroy(b);
}

/* Fault record and dump, vectors too, of a core reach the host; the other workgroups stop. */
static void test_fault(void **state)
{
	struct bench *b = create(true, true);
	struct sc_core_dump dump;
	const struct sc_fault *fault;
	uint32_t v3[VLEN / 32];

	(void)state;
	PUT(b, VSETIVLI_8_E32, VMV_V_I(3, 5), ADDI(A1, ZERO, 99), LUI(A2, 0x700),
	    CSRR(A3, SC_CSR_WG_X), ADDI(A4, ZERO, 2), BNE(A3, A4, 8), SW(A1, A2, 12), RET);
	dispatch(b, 0, 8, 1, 0);
	bench_run(b);
	fault = bench_expect_fault(b, QUEUE, SC_CODE_UNMAPPED);
	assert_int_equal(fault->status, SC_STATUS_FAULT);
	assert_int_equal(fault->va, 0x70000c);
	assert_int_equal(fault->pc, CODE + 28);
	assert_int_equal(fault->insns, 7);
	assert_int_equal(fault->access, SC_ACCESS_WRITE);
	assert_int_equal(fault->size, 4);
	assert_int_equal(fault->engine, SC_ENGINE_HART);
	assert_int_equal(fault->queue, QUEUE);
	assert_int_equal(fault->context, CONTEXT);
	assert_int_equal(fault->wg_x, 2);
	assert_int_equal(fault->tag, 7);
	assert_int_equal(fault->flags & SC_FAULT_DUMP, SC_FAULT_DUMP);
	memcpy(&dump, b->system + BENCH_DUMP + QUEUE * 0x4000, sizeof(dump));
	assert_int_equal(dump.pc, fault->pc);
	assert_int_equal(dump.x[A1], 99);
	assert_int_equal(dump.vl, 8);
	assert_int_equal(dump.vtype, 0xd0);
	memcpy(v3, b->system + BENCH_DUMP + QUEUE * 0x4000 + sizeof(dump) + 3 * VLEN / 8,
	       sizeof(v3));
	for (unsigned int i = 0; i < VLEN / 32; i++)
		assert_int_equal(v3[i], 5);

	/* the core is as good as new */
	bench_recover(b, QUEUE);
	PUT(b, LD(A1, A0, 0), LD(A2, A0, 8), SD(A2, A1, 0), RET);
	bench_wait(b, QUEUE, dispatch(b, SC_FLAG_CODE_CHANGED, 1, 1, 5));
	assert_int_equal(bench_card64(b, DATA_CARD), 5);
	bench_destroy(b);
}

/* A workgroup that never ends meets its limit. */
static void test_limit(void **state)
{
	struct bench *b = create(false, true);

	(void)state;
	PUT(b, ADDI(A1, A1, 1), jal(ZERO, -4));
	dispatch(b, 0, 2, 1, 0);
	bench_wait_state(b, QUEUE, SC_QUEUE_FAULTED);
	assert_int_equal(bench_expect_fault(b, QUEUE, SC_CODE_WORKGROUP_LIMIT)->status,
			 SC_STATUS_TIMEOUT);
	bench_destroy(b);
}

/* A RESET stops endless workgroups on worker threads. */
static void test_reset(void **state)
{
	struct bench *b = create(false, true);

	(void)state;
	bench_command(b, QUEUE, SC_QUEUE_CMD_STOP);
	bench_wait_state(b, QUEUE, SC_QUEUE_STOPPED);
	bench_queue_write(b, QUEUE, SC_Q_WG_LIMIT, UINT64_MAX);
	bench_command(b, QUEUE, SC_QUEUE_CMD_START);
	PUT(b, LD(A1, A0, 0), AMOADD_D(ZERO, SP, A1), jal(ZERO, 0));
	dispatch(b, 0, 4, 1, 0);
	while (!__atomic_load_n((uint64_t *)(b->card + DATA_CARD), __ATOMIC_ACQUIRE))
		;
	bench_command(b, QUEUE, SC_QUEUE_CMD_RESET);
	bench_wait_state(b, QUEUE, SC_QUEUE_STOPPED);
	bench_destroy(b);
}

/*
 * Four workgroups at once: each writes into its neighbour's scratchpad, meets
 * the others, and adds what it finds in its own to the result.
 */
static void cooperative(bool sync)
{
	struct bench *b = create(sync, true);

	PUT(b, CSRR(A1, SC_CSR_RANK), ADDI(A2, A1, 1), ANDI(A2, A2, 3), ADDI(A2, A2, 1),
	    SLLI(A2, A2, 24), ADD(A2, A2, A0), ADDI(A3, A1, 100), SD(A3, A2, 1024), SD_ARRIVE,
	    LD(A4, A0, 0), SD_MEET, LD(A5, A0, 1024), SLLI(A3, A1, 3), ADD(A4, A4, A3),
	    SD(A5, A4, 0), RET);
	bench_wait(b, QUEUE, dispatch(b, SC_FLAG_COOPERATIVE, 4, 1, 0));
	for (unsigned int i = 0; i < 4; i++)
		assert_int_equal(bench_card64(b, DATA_CARD + 8 * i), 100 + (i + 3) % 4);
	bench_destroy(b);
}

static void test_cooperative_sync(void **state)
{
	(void)state;
	cooperative(true);
}

static void test_cooperative_threads(void **state)
{
	(void)state;
	cooperative(false);
}

/* DMA in, wait, compute, DMA out; strict mode and lax mode end with the same memory. */
static void dma(bool strict)
{
	struct bench *b = create(true, strict);
	const struct sc_dma in = { .kind = SC_DMA_COPY, .size0 = 64, .size1 = 1, .size2 = 1,
				   .src = DATA + 512, .dst = SC_VA_TCM + 4096 };
	const struct sc_dma out = { .kind = SC_DMA_COPY, .size0 = 64, .size1 = 1, .size2 = 1,
				    .src = SC_VA_TCM + 4096, .dst = DATA + 1024 };

	memcpy(b->card + DATA_CARD, &in, sizeof(in));
	memcpy(b->card + DATA_CARD + sizeof(in), &out, sizeof(out));
	for (unsigned int i = 0; i < 64; i++)
		b->card[DATA_CARD + 512 + i] = (uint8_t)i;
	/* descriptors to the scratchpad; then the transfers */
	PUT(b, LD(A1, A0, 0), ADDI(A2, A0, 1024), ADDI(A3, ZERO, 16), LD(A4, A1, 0), SD(A4, A2, 0),
	    ADDI(A1, A1, 8), ADDI(A2, A2, 8), ADDI(A3, A3, -1), BNE(A3, ZERO, -20),
	    ADDI(A2, A0, 1024), ADDI(A5, ZERO, 1), SDD_GO(0, A2), SD_POST(0, ZERO),
	    SD_AWAIT(ZERO, A5), LUI(A3, 1), ADD(A3, A3, A0), LD(A4, A3, 8), ADD(A4, A4, A5),
	    SD(A4, A3, 8), ADDI(A2, A2, 64), SDD_GO(1, A2), RET);
	bench_wait(b, QUEUE, dispatch(b, 0, 1, 1, 0));
	for (unsigned int i = 0; i < 64; i++)
		assert_int_equal(b->card[DATA_CARD + 1024 + i], i + (i == 8));
	assert_int_equal(bench_state(b, QUEUE).dma_bytes, 128);
	bench_destroy(b);
}

static void test_dma_strict(void **state)
{
	(void)state;
	dma(true);
}

static void test_dma_lax(void **state)
{
	(void)state;
	dma(false);
}

/* A page that is mapped elsewhere is not reached through an old translation after INVALIDATE. */
static void test_invalidate(void **state)
{
	struct bench *b = create(true, false);
	union packet p = { .hdr = SC_HDR(SC_OP_INVALIDATE, 0, 0) };
	struct sc_pkt_invalidate *invalidate = (struct sc_pkt_invalidate *)p.bytes;

	(void)state;
	bench_queue(b, 0, 0, 0);
	PUT(b, LD(A1, A0, 0), LD(A2, A0, 8), SD(A2, A1, 0), RET);
	bench_wait(b, QUEUE, dispatch(b, 0, 4, 1, 1));
	bench_map(b, CONTEXT, DATA, DATA_CARD + 4096, SC_PTE_READ | SC_PTE_WRITE);
	invalidate->context = CONTEXT;
	bench_wait(b, 0, bench_submit(b, 0, &p, 1));
	bench_wait(b, QUEUE, dispatch(b, 0, 4, 1, 2));
	assert_int_equal(bench_card64(b, DATA_CARD), 1);
	assert_int_equal(bench_card64(b, DATA_CARD + 4096), 2);
	bench_destroy(b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_grid_sync),
		cmocka_unit_test(test_grid_threads),
		cmocka_unit_test(test_system_memory),
		cmocka_unit_test(test_code_changed),
		cmocka_unit_test(test_fault),
		cmocka_unit_test(test_limit),
		cmocka_unit_test(test_reset),
		cmocka_unit_test(test_cooperative_sync),
		cmocka_unit_test(test_cooperative_threads),
		cmocka_unit_test(test_dma_strict),
		cmocka_unit_test(test_dma_lax),
		cmocka_unit_test(test_invalidate),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
