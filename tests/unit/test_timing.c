// SPDX-License-Identifier: MIT
/*
 * Timing behind the whole chip: kernels run with it on and off, on any number
 * of workers, and their cycles stand in records and queue state. Invariant: code
 * is at CODE and data at DATA of context 1, both in card memory.
 */
#include <stdlib.h>

#include "tests/unit/chip_bench.h"
#include "seedchip_isa.h"
#include "tests/isa/asm.h"

#define CODE	  0x100000ULL
#define DATA	  0x200000ULL
#define RECORDS	  0x300000ULL
#define CODE_CARD 0x400000ULL
#define DATA_CARD 0x410000ULL
#define RECORDS_CARD 0x420000ULL
#define QUEUE	  1
#define CONTEXT	  1
#define START	  360
#define END	  180

static struct bench *create(bool timing, unsigned int threads)
{
	struct sc_config config = bench_config();
	struct bench *b;

	config.cores = 8;
	config.tcm_size = 512 << 10;
	config.timing = timing;
	config.sync = !threads;
	config.threads = threads;
	b = bench_create(&config);
	bench_enable(b);
	bench_context(b, CONTEXT);
	bench_map(b, CONTEXT, CODE, CODE_CARD, SC_PTE_READ | SC_PTE_EXECUTE);
	bench_map(b, CONTEXT, DATA, DATA_CARD, SC_PTE_READ | SC_PTE_WRITE);
	bench_map(b, CONTEXT, RECORDS, RECORDS_CARD, SC_PTE_READ | SC_PTE_WRITE);
	bench_queue_setup(b, QUEUE, CONTEXT, 0);
	bench_queue_write(b, QUEUE, SC_Q_RECORD_BASE, RECORDS);
	bench_command(b, QUEUE, SC_QUEUE_CMD_START);
	return b;
}

#define PUT(b, ...)                                                                                \
	do {                                                                                       \
		const uint32_t words_[] = { __VA_ARGS__ };                                         \
		memcpy((b)->card + CODE_CARD, words_, sizeof(words_));                             \
	} while (0)

static void put_dispatch(union packet p[2], unsigned int flags, uint32_t x)
{
	const uint64_t data = DATA;
	const struct sc_pkt_dispatch d = {
		.hdr = SC_HDR(SC_OP_DISPATCH, flags | SC_FLAG_CODE_CHANGED, 1), .tag = 7,
		.entry = CODE, .grid_x = x, .grid_y = 1, .grid_z = 1, .args_size = sizeof(data),
		.stack_size = 4096,
	};

	memset(p, 0, 2 * sizeof(*p));
	p[0].dispatch = d;
	p[1].args.hdr = SC_HDR(SC_OP_ARGS, 0, 0);
	memcpy(p[1].args.data, &data, sizeof(data));
}

/* Run the packet; the cycles of its record. */
static uint64_t cycles_of(struct bench *b, const union packet *p, unsigned int slots)
{
	uint64_t index = b->queues[QUEUE].index & 15;
	struct sc_record record;

	bench_wait(b, QUEUE, bench_submit(b, QUEUE, p, slots));
	memcpy(&record, b->card + RECORDS_CARD + index * sizeof(record), sizeof(record));
	assert_int_equal(record.tag, 7);
	return record.cycles;
}

/* Run the code on a grid. */
static uint64_t cycles(struct bench *b, unsigned int flags, uint32_t x)
{
	union packet p[2];

	put_dispatch(p, flags | SC_FLAG_RECORD, x);
	return cycles_of(b, p, 2);
}

static uint64_t queue_cycles(struct bench *b)
{
	return bench_state(b, QUEUE).cycles;
}

static void test_scalar(void **state)
{
	struct bench *b = create(true, 0);

	(void)state;
	PUT(b, NOP, NOP, NOP, NOP, RET);
	assert_int_equal(cycles(b, 0, 1), START + 5 + END);
	PUT(b, LD(A1, A0, 0), RET); /* from the scratchpad: 3 */
	assert_int_equal(cycles(b, 0, 1), START + 3 + 1 + END);
	PUT(b, LD(A1, A0, 0), LD(A2, A1, 0), RET); /* from card memory */
	assert_int_equal(cycles(b, 0, 1), START + 3 + 2 + 960 + 1 + END);
	PUT(b, NOP, RET); /* three rounds on eight cores */
	assert_int_equal(cycles(b, 0, 17), START + 3 * 2 + END);
	assert_int_equal(queue_cycles(b), 4 * (START + END) + 5 + 4 + 966 + 6);
	bench_destroy(b);
}

static void test_off(void **state)
{
	struct bench *b = create(false, 0);

	(void)state;
	PUT(b, NOP, RET);
	assert_int_equal(cycles(b, 0, 1), 0);
	assert_int_equal(queue_cycles(b), 0);
	bench_destroy(b);
}

/* A DISPATCH that may overlap starts behind the start of the one before. */
static void test_overlap(void **state)
{
	struct bench *b = create(true, 0);

	(void)state;
	PUT(b, NOP, RET);
	cycles(b, 0, 1);
	cycles(b, SC_FLAG_OVERLAP, 1);
	assert_int_equal(queue_cycles(b), 2 * START + 2 + END);
	bench_destroy(b);
}

/* The INDIRECT of a list takes what its packets took. */
static void test_list(void **state)
{
	struct bench *b = create(true, 0);
	union packet list[4], p = { .hdr = SC_HDR(SC_OP_INDIRECT, SC_FLAG_RECORD, 0), .tag = 7 };
	struct sc_pkt_indirect indirect = { .hdr = p.hdr, .tag = 7, .list = DATA + 0x800,
					    .count = 4 };

	(void)state;
	PUT(b, NOP, RET);
	put_dispatch(list, 0, 1);
	put_dispatch(list + 2, 0, 1);
	memcpy(b->card + DATA_CARD + 0x800, list, sizeof(list));
	memcpy(&p, &indirect, sizeof(p));
	cycles(b, 0, 1);
	assert_int_equal(cycles_of(b, &p, 1), 2 * (START + 2 + END));
	assert_int_equal(cycles_of(b, &p, 1), 2 * (START + 2 + END));
	assert_int_equal(queue_cycles(b), 5 * (START + 2 + END));
	bench_destroy(b);
}

/* Cores that come from another context are cleared: 512 KiB at 512 bytes a cycle. */
static void test_clear(void **state)
{
	struct bench *b = create(true, 0);
	union packet p[2];

	(void)state;
	bench_context(b, 2);
	bench_map(b, 2, CODE, CODE_CARD, SC_PTE_READ | SC_PTE_EXECUTE);
	bench_queue(b, 2, 2, 0);
	PUT(b, NOP, RET);
	assert_int_equal(cycles(b, 0, 1), START + 2 + END);
	put_dispatch(p, 0, 1);
	bench_wait(b, 2, bench_submit(b, 2, p, 2));
	assert_int_equal(bench_state(b, 2).cycles, 1024 + 2 + END); /* hides the start */
	assert_int_equal(cycles(b, 0, 1), 1024 + 2 + END);
	assert_int_equal(cycles(b, 0, 1), START + 2 + END);
	bench_destroy(b);
}

/* The descriptor at DATA + 8 goes to the scratchpad, is run on channel 0, and awaited. */
static void test_dma(void **state)
{
	struct bench *b = create(true, 0);
	struct sc_dma d = { .size0 = 256, .size1 = 10, .size2 = 1, .src = DATA,
			    .dst = SC_VA_TCM + 0x1000, .src_stride = { 256 },
			    .dst_stride = { 256 } };
	/* until the issue of sdd.go; those behind it overlap; sd.await and ret come after */
	uint64_t before = 3 + 8 * (1 + 1) + 2, memory = 8 * 960 + 1, after = 2;

	(void)state;
	memcpy(b->card + DATA_CARD + 8, &d, sizeof(d));
#define MOVE(i) LD(A2, A1, 8 + 8 * (i)), SD(A2, A0, 512 + 8 * (i))
	PUT(b, LD(A1, A0, 0), MOVE(0), MOVE(1), MOVE(2), MOVE(3), MOVE(4), MOVE(5), MOVE(6),
	    MOVE(7), ADDI(A3, A0, 512), ADDI(A4, ZERO, 1), SDD_GO(0, A3), SD_POST(0, A4),
	    SD_AWAIT(A4, A4), RET);
	assert_int_equal(cycles(b, 0, 1),
			 START + before + memory + 2560 / 128 + 960 + after + END);
	bench_destroy(b);
}

static void test_copy(void **state)
{
	struct bench *b = create(true, 0);
	union packet p = pkt_copy(DATA + 2048, DATA, 2048);

	(void)state;
	bench_wait(b, QUEUE, bench_submit(b, QUEUE, &p, 1));
	/* 128 bytes a cycle; the memory is read at 375 */
	assert_int_equal(queue_cycles(b), 960 + 2048 / 128);
	bench_destroy(b);
}

/*
 * Workgroups that depend on each other's order: each draws a number from a
 * shared counter and loops as often.
 */
static uint64_t draw(unsigned int threads, uint64_t *sum)
{
	struct bench *b = create(true, threads);
	uint64_t first;

	PUT(b, LD(A1, A0, 0), ADDI(A2, ZERO, 100), AMOADD_D(A3, A2, A1), ADDI(A3, A3, -1),
	    BNE(A3, ZERO, -4), AMOADD_D(A4, A2, A1), RET);
	b->card[DATA_CARD] = 1;
	first = cycles(b, 0, 64);
	*sum = bench_card64(b, DATA_CARD);
	bench_destroy(b);
	return first;
}

static void test_threads(void **state)
{
	uint64_t sums[4], one = draw(0, &sums[0]);

	(void)state;
	assert_true(one > 64 * 100);
	assert_int_equal(draw(1, &sums[1]), one);
	assert_int_equal(draw(2, &sums[2]), one);
	assert_int_equal(draw(4, &sums[3]), one);
	for (int i = 0; i < 4; i++)
		assert_int_equal(sums[i], 1 + 64 * 200);
}

/* A cooperative dispatch whose workgroups sum up each other's numbers. */
static uint64_t cooperate(bool timing, unsigned int threads, uint64_t *sum)
{
	struct bench *b = create(timing, threads);
	uint64_t taken;

	PUT(b, LD(A1, A0, 0), CSRR(A2, SC_CSR_RANK), AMOADD_D(ZERO, A2, A1), SD_ARRIVE, SD_MEET,
	    LD(A3, A1, 0), SLLI(A2, A2, 3), ADD(A2, A2, A1), SD(A3, A2, 8), RET);
	taken = cycles(b, SC_FLAG_COOPERATIVE, 8);
	*sum = 0;
	for (int i = 0; i < 8; i++)
		*sum += bench_card64(b, DATA_CARD + 8 + 8 * i);
	bench_destroy(b);
	return taken;
}

static void test_cooperative(void **state)
{
	/* ld 3, csrr, amoadd with its latency, sd.arrive */
	uint64_t before = 3 + 1 + 1 + 960 + 1, after = 6 + 960 + 1 + 1, sum, taken;

	(void)state;
	assert_int_equal(cooperate(false, 2, &sum), 0);
	assert_int_equal(sum, 8 * 28);
	taken = cooperate(true, 0, &sum);
	assert_int_equal(sum, 8 * 28);
	assert_in_range(taken, START + before + 300 + after + END - 4,
			START + before + 300 + after + END + 4);
	for (unsigned int threads = 1; threads <= 4; threads *= 2)
		assert_int_equal(cooperate(true, threads, &sum), taken);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_scalar),	cmocka_unit_test(test_off),
		cmocka_unit_test(test_overlap), cmocka_unit_test(test_dma),
		cmocka_unit_test(test_copy),	cmocka_unit_test(test_threads),
		cmocka_unit_test(test_cooperative), cmocka_unit_test(test_list),
		cmocka_unit_test(test_clear),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
