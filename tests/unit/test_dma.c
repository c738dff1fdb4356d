// SPDX-License-Identifier: MIT
/*
 * Tests of the DMA channels: every byte that a descriptor moves against a copy
 * made byte by byte, and every refusal by name. The refusal tests change one
 * field of a descriptor that is accepted just before.
 */
#include "engine_bench.h"

#define DESC 0x100
#define FIELD(name) offsetof(struct sc_dma, name)

static uint8_t tcm_was[TCM_SIZE], mem_was[MEM_SIZE];

static void remember(void)
{
	memcpy(tcm_was, tcm, TCM_SIZE);
	memcpy(mem_was, mem, MEM_SIZE);
}

/* Both memories equal the remembered ones; cmocka's comparison is slow, so only to say where. */
static void unchanged(void)
{
	if (memcmp(tcm, tcm_was, TCM_SIZE))
		assert_memory_equal(tcm, tcm_was, TCM_SIZE);
	if (memcmp(mem, mem_was, MEM_SIZE))
		assert_memory_equal(mem, mem_was, MEM_SIZE);
}

/* A byte of an address of either kind; @was: before the operation. */
static uint8_t *byte_at(uint64_t va, bool was)
{
	if (va >= SC_VA_TCM)
		return &(was ? tcm_was : tcm)[(va - SC_VA_TCM) % TCM_SIZE];
	return &(was ? mem_was : mem)[(va - MEM_VA) % MEM_SIZE];
}

/* What the descriptor should do, applied to the remembered memories. */
static void expect(const struct sc_dma *d)
{
	uint64_t i, j, k;

	for (j = 0; d->size1 && j < d->size2; j++) {
		for (i = 0; i < d->size1; i++) {
			uint64_t from = i, to = i;
			uint32_t index;

			memcpy(&index, tcm_was + d->index + 4 * i, 4);
			if (d->kind == SC_DMA_GATHER)
				from = index;
			if (d->kind == SC_DMA_SCATTER)
				to = index;
			for (k = 0; k < d->size0; k++) {
				uint64_t src = d->src + j * d->src_stride[1] +
					       from * d->src_stride[0] + k;
				uint64_t dst = d->dst + j * d->dst_stride[1] +
					       to * d->dst_stride[0] + k;

				*byte_at(dst, true) = d->kind == SC_DMA_FILL ?
							      d->src >> k % 8 * 8 :
							      *byte_at(src, true);
			}
		}
	}
	unchanged();
}

static void moves(unsigned int channel, const struct sc_dma *d)
{
	uint64_t bytes = stats.dma_bytes;

	memcpy(tcm + DESC, d, sizeof(*d));
	remember();
	if (go(channel, DESC, d))
		fail_msg("refused: code %u value %llu", fault.code,
			 (unsigned long long)fault.value);
	finish(0);
	assert_int_equal(stats.dma_bytes - bytes, (uint64_t)d->size0 * d->size1 * d->size2);
	expect(d);
}

static void test_copy(void **state)
{
	static const uint32_t sizes[] = { 0, 1, 3, 7, 8, 63, 64, 65, 200 };
	unsigned int round;

	for (round = 0; round < 400; round++) {
		struct sc_dma d = { .kind = SC_DMA_COPY };
		bool in = round % 2;

		bench_reset(*state, ISA_BASE, round);
		d.size0 = sizes[bench_random() % 9];
		d.size1 = sizes[bench_random() % 6];
		d.size2 = sizes[bench_random() % 4];
		d.src_stride[0] = bench_random() % 3 ? d.size0 + bench_random() % 50 : 0;
		d.dst_stride[0] = d.size0 + bench_random() % 3 * 5;
		d.src_stride[1] = bench_random() % 2000;
		d.dst_stride[1] = d.dst_stride[0] * d.size1 + bench_random() % 40;
		d.src = (in ? MEM_VA : TCM(0x800)) + bench_random() % 64;
		d.dst = (in ? TCM(0x800) : MEM_VA) + bench_random() % 64;
		moves(round % 4, &d);
	}
}

static void test_copy_inside(void **state)
{
	struct sc_dma d = copy_in(0x4000, 0, 100);

	bench_reset(*state, ISA_BASE, 2);
	d.src = TCM(0x3001);
	d.size1 = 5;
	d.src_stride[0] = 101;
	d.dst_stride[0] = 128;
	moves(0, &d);
}

static void test_fill(void **state)
{
	unsigned int round;

	for (round = 0; round < 60; round++) {
		struct sc_dma d = { .kind = SC_DMA_FILL, .src = 0x8877665544332211 };

		bench_reset(*state, ISA_BASE, round);
		d.size0 = bench_random() % 40;
		d.size1 = bench_random() % 6;
		d.size2 = bench_random() % 3;
		d.dst_stride[0] = 41;
		d.dst_stride[1] = 300;
		d.dst = (round % 2 ? MEM_VA : TCM(0x2000)) + bench_random() % 9;
		d.src_stride[0] = bench_random(); /* not used */
		moves(1, &d);
	}
	/* each row starts the pattern anew, also where the next one follows at once */
	{
		struct sc_dma d = { .kind = SC_DMA_FILL, .src = 0x8877665544332211, .size0 = 5,
				    .size1 = 4, .size2 = 1, .dst = TCM(0x2000),
				    .src_stride = { 5 }, .dst_stride = { 5 } };

		bench_reset(*state, ISA_BASE, 1);
		moves(0, &d);
	}
	/* longer than the model's own chunk */
	{
		struct sc_dma d = { .kind = SC_DMA_FILL, .src = 0x0123456789abcdef, .size0 = 9001,
				    .size1 = 2, .size2 = 1, .dst = MEM_VA + 3,
				    .dst_stride = { 10000, 0 } };

		bench_reset(*state, ISA_BASE, 1);
		moves(0, &d);
	}
}

static void test_gather(void **state)
{
	unsigned int round, i;

	for (round = 0; round < 60; round++) {
		bool gather = round % 2, inside = round % 3 == 0;
		struct sc_dma d = { .kind = gather ? SC_DMA_GATHER : SC_DMA_SCATTER, .size2 = 1,
				    .index = 0x1001, .limit = 50 };
		uint64_t far = inside ? TCM(0x8000) : MEM_VA + 7;

		bench_reset(*state, ISA_ALL, round);
		d.size0 = bench_random() % 20;
		d.size1 = bench_random() % 30;
		d.src_stride[0] = 20 + bench_random() % 9;
		d.dst_stride[0] = 20 + bench_random() % 9;
		d.src = gather ? far : TCM(0x4000);
		d.dst = gather ? TCM(0x4000) : far;
		for (i = 0; i < d.size1; i++) {
			uint32_t index = bench_random() % d.limit;

			memcpy(tcm + d.index + 4 * i, &index, 4);
		}
		moves(2, &d);
	}
}

static void test_gather_limit(void **state)
{
	struct sc_dma d = { .kind = SC_DMA_GATHER, .size0 = 4, .size1 = 3, .size2 = 1,
			    .src = MEM_VA, .dst = TCM(0x2000), .src_stride = { 4 },
			    .dst_stride = { 4 }, .index = 0x1000, .limit = 9 };
	uint32_t index[3] = { 8, 9, 0 };
	uint64_t at;

	bench_reset(*state, ISA_ALL, 1);
	memcpy(tcm + 0x1000, index, sizeof(index));
	assert_int_equal(go(3, DESC, &d) ? SC_ENGINE_FAULT :
					   sc_engines_finish(engines, &fault), SC_ENGINE_FAULT);
	at = pc;
	assert_int_equal(fault.code, SC_CODE_GATHER_RANGE);
	assert_int_equal(fault.status, SC_STATUS_TRAP);
	assert_int_equal(fault.engine, SC_ENGINE_DMA3);
	assert_int_equal(fault.value, 9);
	assert_int_equal(fault.va, TCM(0x1004));
	assert_int_equal(fault.pc, at);
	assert_int_equal(fault.flags, *state ? SC_FAULT_IMPRECISE : 0);
	assert_memory_equal(tcm + 0x2000, mem + 32, 4); /* the row before was moved */
}

/* Strict: a gather reads every row below its limit as far as races go. */
static void test_gather_race(void **state)
{
	struct sc_dma d = { .kind = SC_DMA_GATHER, .size0 = 4, .size1 = 1, .size2 = 1,
			    .src = TCM(0x3000), .dst = TCM(0x2000), .src_stride = { 8 },
			    .dst_stride = { 4 }, .index = 0x1000, .limit = 9 };

	(void)state;
	bench_reset(true, ISA_ALL, 1);
	assert_int_equal(go(0, DESC, &d), 0);
	assert_int_equal(hart(0x3000 + 8 * 8, 4, false), 0);
	assert_int_equal(hart(0x3000 + 8 * 8, 1, true), SC_ENGINE_FAULT);
	assert_int_equal(hart(0x3000 + 8 * 8 + 4, 8, true), 0);
	assert_int_equal(hart(0x1003, 1, true), SC_ENGINE_FAULT);
	assert_int_equal(fault.va, TCM(0x1003));
	assert_int_equal(hart(0x2003, 1, false), SC_ENGINE_FAULT);
}

/* Issue @d; it must be refused with @code, and @value unless that is ~0. */
static void refuse(const struct sc_dma *d, enum sc_code code, uint64_t va, uint64_t value)
{
	remember();
	memcpy(tcm_was + DESC, d, sizeof(*d));
	memcpy(tcm + DESC, d, sizeof(*d));
	refused(SC_INSN_SDD_GO, 1, TCM(DESC), 0, code, SC_ENGINE_DMA1);
	assert_int_equal(fault.va, va);
	assert_int_equal(fault.value, value);
	unchanged();
}

#define REFUSE_FIELD(base, change, field)                                                          \
	do {                                                                                       \
		struct sc_dma d_ = (base);                                                         \
		d_.change;                                                                         \
		refuse(&d_, SC_CODE_BAD_DMA, TCM(DESC), FIELD(field));                             \
	} while (0)

static void test_bad_descriptor(void **state)
{
	struct sc_dma good = copy_in(0x2000, 0, 64), gather;

	bench_reset(*state, ISA_ALL, 3);
	gather = good;
	gather.kind = SC_DMA_GATHER;
	gather.index = 0x1000;
	memset(tcm + 0x1000, 0, 4);
	gather.limit = 1;
	moves(1, &good);
	moves(1, &gather);
	REFUSE_FIELD(good, kind = SC_DMA_FILL + 1, kind);
	REFUSE_FIELD(good, kind = 0xff, kind);
	REFUSE_FIELD(good, rsv0[0] = 1, rsv0);
	REFUSE_FIELD(good, rsv0[2] = 0x80, rsv0);
	REFUSE_FIELD(good, rsv1 = 1ull << 63, rsv1);
	REFUSE_FIELD(good, dst = MEM_VA + 0x100, src);
	REFUSE_FIELD(gather, size2 = 2, size2);
	REFUSE_FIELD(gather, dst = MEM_VA + 0x100, dst);
	gather.kind = SC_DMA_SCATTER;
	REFUSE_FIELD(gather, src = MEM_VA, src);
	good.size0 = 0x10000;
	good.size1 = 0x10000;
	REFUSE_FIELD(good, size2 = 1, size0);
	good.size0 = UINT32_MAX;
	good.size1 = UINT32_MAX;
	REFUSE_FIELD(good, size2 = UINT32_MAX, size0);

	env.isa &= ~SC_ISA_XSDD_GATHER;
	sc_engines_start(engines, &env);
	REFUSE_FIELD(gather, kind = SC_DMA_GATHER, kind);
	REFUSE_FIELD(gather, kind = SC_DMA_SCATTER, kind);
}

/* What is read and what is written share no byte; rows between rows do not. */
static void test_overlap(void **state)
{
	struct sc_dma d = copy_in(0x4000, 0, 64), gather;

	bench_reset(*state, ISA_ALL, 9);
	d.src = TCM(0x4000 - 64);
	d.size1 = 5;
	d.src_stride[0] = 128;
	d.dst_stride[0] = 128;
	moves(0, &d);
	REFUSE_FIELD(d, src++, dst);
	REFUSE_FIELD(d, src = d_.dst, dst);
	REFUSE_FIELD(d, dst = d_.src + 4 * 128 + 63, dst);
	REFUSE_FIELD(d, src_stride[0] = 127, dst);
	d.size2 = 0;
	d.src = d.dst;
	moves(0, &d);

	gather = copy_in(0x4000, 0, 8);
	gather.kind = SC_DMA_GATHER;
	gather.src = TCM(0x5000);
	gather.index = 0x1000;
	gather.limit = 4;
	gather.size1 = 2;
	gather.src_stride[0] = 8;
	gather.dst_stride[0] = 8;
	memset(tcm + 0x1000, 0, 8);
	moves(1, &gather);
	REFUSE_FIELD(gather, dst = TCM(0x5000 + 31), dst);
	REFUSE_FIELD(gather, dst = TCM(0x1000 - 15), dst);
	gather.dst = TCM(0x5000 + 32);
	moves(1, &gather);
	gather.dst = TCM(0x1000 - 16);
	moves(1, &gather);
}

#define REFUSE_RANGE(base, change, at, field)                                                      \
	do {                                                                                       \
		struct sc_dma d_ = (base);                                                         \
		d_.change;                                                                         \
		refuse(&d_, SC_CODE_DMA_RANGE, TCM(at), FIELD(field));                             \
	} while (0)

static void test_range(void **state)
{
	struct sc_dma in = copy_in(TCM_SIZE - 64, 0, 64), out = copy_out(0, TCM_SIZE - 64, 64);
	struct sc_dma gather;

	bench_reset(*state, ISA_ALL, 4);
	moves(1, &in);
	moves(1, &out);
	REFUSE_RANGE(in, size0 = 65, TCM_SIZE - 64, dst);
	REFUSE_RANGE(in, dst = TCM(TCM_SIZE - 63), TCM_SIZE - 63, dst);
	REFUSE_RANGE(in, dst = TCM(TCM_SIZE), TCM_SIZE, dst);
	REFUSE_RANGE(in, dst = TCM(SC_TCM_STRIDE - 1), SC_TCM_STRIDE - 1, dst);
	REFUSE_RANGE(out, size0 = UINT32_MAX, TCM_SIZE - 64, src);
	assert_int_equal(fault.access, SC_ACCESS_READ);
	assert_int_equal(fault.size, UINT32_MAX);

	in = copy_in(0x8000, 0, 16);
	in.size1 = 3;
	in.size2 = 2;
	in.dst_stride[0] = 0x1000;
	in.dst_stride[1] = TCM_SIZE - 0x8000 - 0x2000 - 16;
	moves(1, &in);
	REFUSE_RANGE(in, dst_stride[1]++, 0x8000, dst);
	assert_int_equal(fault.access, SC_ACCESS_WRITE);
	REFUSE_RANGE(in, dst_stride[0] = UINT32_MAX, 0x8000, dst);
	REFUSE_RANGE(in, size1 = 0x1000000, 0x8000, dst);
	/* in place, any number of times */
	memset(in.dst_stride, 0, sizeof(in.dst_stride));
	memset(in.src_stride, 0, sizeof(in.src_stride));
	in.size1 = 1000;
	moves(1, &in);

	gather = copy_in(0x2000, 0, 4);
	gather.kind = SC_DMA_GATHER;
	gather.size1 = 2;
	gather.limit = 1;
	gather.index = TCM_SIZE - 8;
	memset(tcm + TCM_SIZE - 8, 0, 8);
	moves(1, &gather);
	REFUSE_RANGE(gather, index = TCM_SIZE - 7, TCM_SIZE - 7, index);
	REFUSE_RANGE(gather, index = UINT32_MAX, UINT32_MAX, index);
	gather.src = TCM(0x8000);
	gather.src_stride[0] = 0x1000;
	REFUSE_RANGE(gather, limit = 0x1000, 0x8000, src);

	refused(SC_INSN_SDD_GO, 0, TCM(TCM_SIZE - 63), 0, SC_CODE_DMA_RANGE, SC_ENGINE_DMA0);
	assert_int_equal(fault.va, TCM(TCM_SIZE - 63));
	assert_int_equal(fault.size, sizeof(struct sc_dma));
	refused(SC_INSN_SDD_GO, 0, MEM_VA, 0, SC_CODE_DMA_RANGE, SC_ENGINE_DMA0);
	refused(SC_INSN_SDD_GO, 0, ~0ull, 0, SC_CODE_DMA_RANGE, SC_ENGINE_DMA0);
}

/* Faults of memory: address of the row that failed, status as the MMU says. */
static void test_memory_faults(void **state)
{
	struct sc_dma out = copy_out(0, 0x2000, 16);
	uint64_t at;

	bench_reset(*state, ISA_BASE, 5);
	out.size1 = 4;
	out.src_stride[0] = 16;
	out.dst = READ_ONLY - 32 - 4;
	out.dst_stride[0] = 32;
	assert_int_equal(go(0, DESC, &out) ? SC_ENGINE_FAULT :
					     sc_engines_finish(engines, &fault), SC_ENGINE_FAULT);
	at = pc;
	assert_int_equal(fault.status, SC_STATUS_FAULT);
	assert_int_equal(fault.code, SC_CODE_NO_WRITE);
	assert_int_equal(fault.engine, SC_ENGINE_DMA0);
	assert_int_equal(fault.va, READ_ONLY - 4);
	assert_int_equal(fault.access, SC_ACCESS_WRITE);
	assert_int_equal(fault.size, 16);
	assert_int_equal(fault.pc, at);
	assert_int_equal(fault.flags, *state ? SC_FAULT_IMPRECISE : 0);
	assert_memory_equal(mem + (READ_ONLY - 36 - MEM_VA), tcm + 0x2000, 16);
	assert_int_equal(stats.dma_bytes, 0);
}

/* Pages are translated once for reading and once for writing; short rows never by themselves. */
static void test_translations(void **state)
{
	struct sc_dma in = copy_in(0x2000, 0x58, 16), out = copy_out(SC_PAGE_SIZE, 0x2000, 16);

	bench_reset(*state, ISA_BASE, 11);
	in.size1 = 40;
	in.src_stride[0] = 200; /* one row goes from the first page to the second */
	in.dst_stride[0] = 16;
	translations = 0;
	moves(0, &in);
	moves(1, &in);
	assert_int_equal(translations, 2);
	out.size1 = 4;
	out.src_stride[0] = 16;
	out.dst_stride[0] = 32;
	moves(2, &out);
	moves(3, &out);
	assert_int_equal(translations, 3);
	out.size0 = 8;
	out.dst = MEM_VA + 5 * SC_PAGE_SIZE;
	moves(0, &out);
	assert_int_equal(translations, 3);
	env.read = NULL;
	env.write = NULL;
	sc_engines_start(engines, &env);
	moves(0, &in);
	assert_int_equal(translations, 3);
}

static void test_nothing(void **state)
{
	struct sc_dma d = copy_in(0, 0, 64);

	bench_reset(*state, ISA_BASE, 6);
	/* no size: the sides are not looked at */
	d.src = 1;
	d.dst = ~0ull;
	d.size0 = 0;
	moves(0, &d);
	d.size0 = UINT32_MAX;
	d.size2 = 0;
	moves(0, &d);
	d.size2 = UINT32_MAX;
	d.size1 = 0;
	moves(0, &d);
}

/* Other cores' scratchpads. */
static void test_peers(void **state)
{
	static uint8_t other[TCM_SIZE];
	struct sc_core *peers[3] = { (void *)other, (void *)tcm, (void *)other };
	struct sc_launch launch = { .grid = { 3, 1, 1 } };
	struct sc_dma d = copy_in(0x2000, 0, 64);
	bool stop = true;

	bench_reset(*state, ISA_BASE, 7);
	d.src = SC_VA_TCM_RANK(0) + 0x40;
	refuse(&d, SC_CODE_TCM_REMOTE, d.src, 0);
	env.launch = &launch;
	sc_engines_start(engines, &env);
	refuse(&d, SC_CODE_TCM_REMOTE, d.src, 0);
	d.src = SC_VA_EXIT;
	refuse(&d, SC_CODE_BAD_ADDRESS, d.src, 0);
	d.src = 1ull << 63;
	refuse(&d, SC_CODE_BAD_ADDRESS, d.src, 0);

	launch.peers = peers;
	sc_engines_start(engines, &env);
	memset(other, 0x3c, sizeof(other));
	d.src = SC_VA_TCM_RANK(0) + 0x40;
	assert_int_equal(go(1, DESC, &d), 0);
	finish(0);
	assert_memory_equal(tcm + 0x2000, other, 64);
	d.src = TCM(0x3000);
	d.dst = SC_VA_TCM_RANK(2) + TCM_SIZE - 64;
	assert_int_equal(go(1, DESC, &d), 0);
	finish(0);
	assert_memory_equal(other + TCM_SIZE - 64, tcm + 0x3000, 64);
	/* the own rank is the own scratchpad */
	d.src = MEM_VA;
	d.dst = SC_VA_TCM_RANK(1) + 0x2000;
	assert_int_equal(go(1, DESC, &d), 0);
	finish(0);
	assert_memory_equal(tcm + 0x2000, mem, 64);
	d.dst = SC_VA_TCM_RANK(0);
	refuse(&d, SC_CODE_BAD_DMA, TCM(DESC), FIELD(src));
	d.src = TCM(0);
	d.dst = SC_VA_TCM_RANK(3);
	refuse(&d, SC_CODE_BAD_ADDRESS, d.dst, 0);
	d.dst = SC_VA_TCM_RANK(2) + TCM_SIZE - 63;
	refuse(&d, SC_CODE_DMA_RANGE, d.dst, FIELD(dst));

	/* told to stop: no fault, no effect */
	launch.stop = &stop;
	d = copy_in(0x2000, 0x400, 64);
	assert_int_equal(go(1, DESC, &d), 0);
	finish(0);
	assert_memory_equal(tcm + 0x2000, mem, 64);
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

#define both(test)                                                                                 \
	cmocka_unit_test_teardown(test, teardown), {                                               \
		#test " (strict)", test, setup_strict, teardown, NULL                              \
	}

int main(void)
{
	const struct CMUnitTest tests[] = {
		both(test_copy),	  both(test_copy_inside),   both(test_fill),
		both(test_gather),	  both(test_gather_limit),  both(test_bad_descriptor),
		both(test_range),	  both(test_memory_faults), both(test_translations),
		both(test_nothing),	  both(test_peers),	    both(test_overlap),
		cmocka_unit_test_teardown(test_gather_race, teardown),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
