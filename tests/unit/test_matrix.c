// SPDX-License-Identifier: MIT
/*
 * Tests of the matrix engine: every bit of its results against a reference
 * that does one element at a time, for all formats, layouts and odd sizes; and
 * every refusal by name. What a store makes of an accumulator: test_matrix_store.c.
 */
#include <errno.h>
#include <math.h>

#include "matrix_reference.h"
#include "qemu-device/chip/matrix_path.h"

/*
 * Multiply twice into one accumulator and compare all of it. Values are random
 * bits, so floats meet NaN, infinity and subnormals; @tame keeps them finite.
 */
static void check(struct sc_tile t, bool strict, bool tame, const char *what)
{
	unsigned int acc = bench_random() % SC_NUM_ACCS, i;

	if (tame && t.fmt_a == SC_FMT_F32) {
		for (i = 0; i < 0x12000 / 4; i++) {
			float f = ldexpf((int32_t)bench_random(), -31);

			memcpy(tcm + 0x1001 + 4 * i, &f, 4);
		}
	}
	if (tame && (t.fmt_a == SC_FMT_BF16 || t.fmt_a == SC_FMT_F16)) {
		for (i = 0; i < 0x12000 / 2; i++)
			tcm[0x1002 + 2 * i] = (tcm[0x1002 + 2 * i] & 0x83) | 0x38;
	}
	env.strict = strict;
	sc_engines_start(engines, &env);
	sc_engines_clear(engines);
	memset(ref, 0, sizeof(ref));
	configure(&t);
	ok(SC_INSN_SDM_MMA, acc, TCM(A_AT), TCM(B_AT));
	reference(&t, acc, false);
	compare(&t, acc, what);
	ok(SC_INSN_SDM_MMA, acc, TCM(A_AT), TCM(B_AT));
	reference(&t, acc, false);
	compare(&t, acc, what);
	ok(SC_INSN_SDM_MMA_Z, acc, TCM(A_AT), TCM(B_AT));
	reference(&t, acc, true);
	compare(&t, acc, what);
	finish(0);
	assert_int_equal(stats.macs, 3ull * t.m * t.n * t.k);
	stats.macs = 0;
}

static void test_multiply(void **state)
{
	static const uint8_t sizes[] = { 0, 1, 2, 7, 8, 31, 63, 64 };
	static const uint16_t ks[] = { 0, 1, 2, 3, 15, 64, 127, 128, 129 };
	unsigned int f, round;

	(void)state;
	for (f = 0; f < FORMATS; f++) {
		for (round = 0; round < 48; round++) {
			struct sc_tile t;

			bench_reset(false, ISA_ALL, f * 100 + round);
			t = tile(sizes[bench_random() % 8], sizes[bench_random() % 8],
				 ks[round < 9 ? round : bench_random() % 9], formats[f].a,
				 formats[f].b);
			t.flags = round % 4;
			strides(&t, round % 3);
			if (t.fmt_a == SC_FMT_F32 && t.k > 64)
				t.k = 64;
			check(t, round % 2, round % 8 < 4, formats[f].name);
		}
	}
}

/* An odd k pads with zeros, not with what the tile before left behind. */
static void test_odd_pairs(void **state)
{
	struct sc_tile t;

	(void)state;
	bench_reset(false, ISA_ALL, 1);
	memset(tcm + A_AT, 0x7c, 64); /* infinity */
	memset(tcm + B_AT, 0x7c, 64);
	memset(ref, 0, sizeof(ref));
	t = tile(1, 2, 2, SC_FMT_E5M2, SC_FMT_E5M2);
	strides(&t, 0);
	configure(&t);
	ok(SC_INSN_SDM_MMA_Z, 0, TCM(A_AT), TCM(B_AT));
	reference(&t, 0, true);
	compare(&t, 0, "infinity");
	memset(tcm + A_AT, 0x38, 64);
	memset(tcm + B_AT, 0x39, 64);
	t.k = 1;
	configure(&t);
	ok(SC_INSN_SDM_MMA_Z, 0, TCM(A_AT), TCM(B_AT));
	reference(&t, 0, true);
	compare(&t, 0, "odd");
	finish(0);
}

static void test_full_tile(void **state)
{
	unsigned int f;

	(void)state;
	for (f = 0; f < FORMATS; f++) {
		struct sc_tile t;

		bench_reset(false, ISA_ALL, f);
		t = tile(64, 64, 64, formats[f].a, formats[f].b);
		strides(&t, 0);
		check(t, false, true, formats[f].name);
	}
}

/* The largest k, over rows that overlap; i32 wraps. */
static void test_long(void **state)
{
	struct sc_tile t;

	(void)state;
	bench_reset(false, ISA_ALL, 1);
	t = tile(2, 3, 65535, SC_FMT_I8, SC_FMT_I8);
	t.flags = SC_TILE_B_NK;
	t.stride_a = 1;
	t.stride_b = 2;
	check(t, true, false, "k 65535");
	memset(tcm + A_AT, 0x80, 0x10000);
	t.m = 2;
	t.n = 2;
	check(t, false, false, "k 65535, all -128");
	t = tile(1, 5, 65535, SC_FMT_BF16, SC_FMT_BF16);
	t.k = 30001;
	t.flags = SC_TILE_B_NK | SC_TILE_A_KM;
	t.stride_a = 1;
	t.stride_b = 2;
	bench_reset(false, ISA_ALL, 2);
	check(t, false, true, "k 30001");
}

static void test_wrap(void **state)
{
	struct sc_tile t;
	unsigned int m, n;
	int32_t near = INT32_MAX - 100;

	(void)state;
	bench_reset(false, ISA_BASE, 1);
	t = tile(3, 2, 8, SC_FMT_I8, SC_FMT_I8);
	strides(&t, 0);
	configure(&t);
	for (m = 0; m < 3; m++) {
		for (n = 0; n < 2; n++) {
			memcpy(tcm + OUT + 16 * m + 4 * n, &near, 4);
			ref[5][m][n].s = near;
		}
	}
	memset(tcm + A_AT, 0x80, 64);
	memset(tcm + B_AT, 0x80, 64);
	ok(SC_INSN_SDM_LD, 5, TCM(OUT), 16);
	ok(SC_INSN_SDM_MMA, 5, TCM(A_AT), TCM(B_AT));
	reference(&t, 5, false);
	assert_true(ref[5][0][0].s < 0);
	compare(&t, 5, "wrap");
	finish(0);
}

static void test_groups(void **state)
{
	static const uint16_t groups[] = { 16, 32, 64, 128, 256, 512, 1024 };
	static const uint8_t bytes[] = { 2, 4, 1 };
	unsigned int f, round, i;

	(void)state;
	for (f = 0; f < FORMATS; f++) {
		for (round = 0; round < 14; round++) {
			struct sc_tile t;
			float scale;

			bench_reset(false, ISA_ALL, f * 100 + round);
			t = tile(1 + bench_random() % 7, 1 + bench_random() % 9,
				 1 + bench_random() % 1500, formats[f].a, formats[f].b);
			t.group = groups[round % 7];
			t.fmt_store = SC_FMT_F32;
			t.flags = SC_TILE_B_NK;
			strides(&t, 0);
			t.fmt_scale = round % 3;
			t.scale_a = round % 4 ? SA_AT : NONE;
			t.scale_b = round % 5 ? SB_AT : NONE;
			t.stride_scale_a = 4 * ((t.k + t.group - 1) / t.group) + 1;
			t.stride_scale_b = bytes[t.fmt_scale] * t.n + 3;
			for (i = 0; i < 2000; i++) {
				scale = ldexpf((int32_t)bench_random(), -30);
				memcpy(tcm + SA_AT + 4 * i, &scale, 4);
			}
			check(t, round % 2, round % 3, formats[f].name);
		}
	}
}

/* Powers of two as scales, their ends included. */
static void test_power_scales(void **state)
{
	static const uint8_t scales[] = { 0, 1, 127, 254, 255 };
	struct sc_tile t;

	(void)state;
	bench_reset(false, ISA_ALL, 1);
	t = tile(1, sizeof(scales), 16, SC_FMT_I8, SC_FMT_I8);
	t.group = 16;
	t.fmt_store = SC_FMT_F32;
	t.fmt_scale = SC_SCALE_E8M0;
	t.scale_b = SB_AT;
	strides(&t, 0);
	memcpy(tcm + SB_AT, scales, sizeof(scales));
	memset(tcm + A_AT, 1, 16);
	memset(tcm + B_AT, 3, 16 * sizeof(scales));
	memset(ref, 0, sizeof(ref));
	configure(&t);
	ok(SC_INSN_SDM_MMA_Z, 0, TCM(A_AT), TCM(B_AT));
	reference(&t, 0, true);
	assert_true(ref[0][0][0].f == ldexpf(48, -127));
	compare(&t, 0, "e8m0");
	finish(0);
}

/* Elements outside m and n keep their values; accumulators are separate. */
static void test_untouched(void **state)
{
	struct sc_tile all, part;
	unsigned int acc;

	(void)state;
	bench_reset(false, ISA_BASE, 3);
	all = tile(64, 64, 0, SC_FMT_I8, SC_FMT_I8);
	part = tile(7, 63, 5, SC_FMT_I8, SC_FMT_I8);
	strides(&part, 0);
	configure(&all);
	for (acc = 0; acc < SC_NUM_ACCS; acc++) {
		unsigned int m, n;

		for (m = 0; m < 64; m++) {
			for (n = 0; n < 64; n++) {
				ref[acc][m][n].i = bench_random();
				memcpy(tcm + OUT + m * 256 + n * 4, &ref[acc][m][n], 4);
			}
		}
		ok(SC_INSN_SDM_LD, acc, TCM(OUT), 256);
	}
	/* leave something behind that a later tile must not pick up */
	all.k = 9;
	strides(&all, 0);
	configure(&all);
	ok(SC_INSN_SDM_MMA, 8, TCM(A_AT), TCM(B_AT));
	reference(&all, 8, false);
	configure(&part);
	ok(SC_INSN_SDM_MMA_Z, 9, TCM(A_AT), TCM(B_AT));
	reference(&part, 9, true);
	all.k = 0;
	configure(&all);
	for (acc = 0; acc < SC_NUM_ACCS; acc++)
		compare(&all, acc, "untouched");
	/* with k 0 an accumulator keeps its value, and .z clears it */
	ok(SC_INSN_SDM_MMA, 9, TCM(0), TCM(0));
	compare(&all, 9, "k 0");
	ok(SC_INSN_SDM_MMA_Z, 9, TCM(0), TCM(0));
	reference(&all, 9, true);
	compare(&all, 9, "k 0, .z");
	finish(0);
}

/* The bits of a NaN are the same on every host, even read as an integer. */
static void test_canonical(void **state)
{
	static const uint16_t a = 0x7f80; /* infinity; times 0 */
	struct sc_tile t;
	uint32_t is;

	(void)state;
	bench_reset(false, ISA_BASE, 1);
	t = tile(1, 1, 1, SC_FMT_BF16, SC_FMT_BF16);
	configure(&t);
	memcpy(tcm + A_AT, &a, 2);
	memset(tcm + B_AT, 0, 2);
	ok(SC_INSN_SDM_MMA_Z, 0, TCM(A_AT), TCM(B_AT));
	t = tile(1, 1, 1, SC_FMT_I8, SC_FMT_I8);
	configure(&t);
	ok(SC_INSN_SDM_ST, 0, TCM(OUT), 0);
	memcpy(&is, tcm + OUT, 4);
	assert_int_equal(is, 0x7fc00000);
}

static void test_load(void **state)
{
	static const unsigned int apart[] = { 0, 29, 401 };
	struct sc_tile t;
	unsigned int m, n, round;

	(void)state;
	for (round = 0; round < 3; round++) {
		unsigned int stride = apart[round];

		bench_reset(round == 1, ISA_BASE, round);
		t = tile(63, 7, 3, SC_FMT_I8, SC_FMT_I8);
		strides(&t, 1);
		configure(&t);
		ok(SC_INSN_SDM_LD, 15, TCM(B_AT), stride);
		for (m = 0; m < t.m; m++) {
			for (n = 0; n < t.n; n++)
				memcpy(&ref[15][m][n], tcm + B_AT + m * stride + n * 4, 4);
		}
		compare(&t, 15, "load");
		ok(SC_INSN_SDM_MMA, 15, TCM(A_AT), TCM(B_AT));
		reference(&t, 15, false);
		compare(&t, 15, "bias and multiply");
		finish(0);
	}
}

static void test_scale(void **state)
{
	unsigned int round, m, n;
	struct sc_tile t;

	(void)state;
	for (round = 0; round < 4; round++) {
		bool rows = round % 2;

		bench_reset(round / 2, ISA_ALL, round);
		t = tile(63, 31, 0, SC_FMT_BF16, SC_FMT_BF16);
		configure(&t);
		ok(SC_INSN_SDM_LD, 1, TCM(A_AT), 124);
		ok(rows ? SC_INSN_SDM_MUL_R : SC_INSN_SDM_MUL_C, 1, TCM(SA_AT), 0);
		for (m = 0; m < t.m; m++) {
			for (n = 0; n < t.n; n++) {
				float acc, v;

				memcpy(&acc, tcm + A_AT + m * 124 + n * 4, 4);
				memcpy(&v, tcm + SA_AT + 4 * (rows ? m : n), 4);
				ref[1][m][n].f = acc * v;
			}
		}
		/* what a NaN becomes must not depend on where it came from: read raw */
		t.fmt_a = SC_FMT_I8;
		t.fmt_b = SC_FMT_I8;
		t.fmt_store = SC_FMT_I32;
		configure(&t);
		for (m = 0; m < t.m; m++) {
			for (n = 0; n < t.n; n++) {
				if (isnan(ref[1][m][n].f))
					ref[1][m][n].i = 0x7fc00000;
			}
		}
		compare(&t, 1, "scale");
		finish(0);
	}
	/* an accumulator of integers has no factors */
	bench_reset(false, ISA_ALL, 1);
	t = tile(4, 4, 4, SC_FMT_I8, SC_FMT_I8);
	configure(&t);
	refused(SC_INSN_SDM_MUL_C, 0, TCM(SA_AT), 0, SC_CODE_BAD_TILE, SC_ENGINE_MATRIX);
	assert_int_equal(fault.value, FIELD(fmt_a));
}

#define REFUSE(change, field)                                                                      \
	do {                                                                                       \
		struct sc_tile t_ = good;                                                          \
		assert_int_equal(cfg(DESC, &t_), 0);                                               \
		t_.change;                                                                         \
		memcpy(tcm + DESC, &t_, sizeof(t_));                                               \
		refused(SC_INSN_SDM_CFG, 0, TCM(DESC), 0, SC_CODE_BAD_TILE, SC_ENGINE_MATRIX);     \
		assert_int_equal(fault.value, FIELD(field));                                       \
		assert_int_equal(fault.va, TCM(DESC));                                             \
	} while (0)

static void test_bad_descriptor(void **state)
{
	struct sc_tile good;
	unsigned int i, a, b, pairs = 0;

	(void)state;
	bench_reset(false, ISA_ALL, 1);
	good = tile(64, 64, 65535, SC_FMT_I8, SC_FMT_I8);
	REFUSE(m = 65, m);
	REFUSE(n = 255, n);
	REFUSE(fmt_a = 8, fmt_a);
	REFUSE(fmt_a = 255, fmt_a);
	REFUSE(fmt_b = 8, fmt_b);
	REFUSE(fmt_a = SC_FMT_I4, fmt_b);
	REFUSE(fmt_b = SC_FMT_BF16, fmt_b);
	REFUSE(fmt_store = SC_FMT_I4, fmt_store);
	REFUSE(fmt_store = 8, fmt_store);
	REFUSE(flags = 4, flags);
	REFUSE(group = 1, group);
	REFUSE(group = 8, group);
	REFUSE(group = 48, group);
	REFUSE(group = 2048, group);
	REFUSE(fmt_scale = 3, fmt_scale);
	REFUSE(rsv0 = 1, rsv0);
	REFUSE(rsv1[0] = 1, rsv1);
	REFUSE(rsv1[7] = 0x80, rsv1);
	for (i = 16; i <= 1024; i *= 2) {
		good.group = i;
		assert_int_equal(cfg(DESC, &good), 0);
	}
	for (a = 0; a < 8; a++) {
		for (b = 0; b < 8; b++) {
			good = tile(1, 1, 1, a, b);
			pairs += !cfg(DESC, &good);
		}
	}
	assert_int_equal(pairs, FORMATS);

	/* what the card lacks */
	bench_reset(false, ISA_BASE, 1);
	good = tile(1, 1, 1, SC_FMT_BF16, SC_FMT_BF16);
	REFUSE(group = 32, group);
	REFUSE(fmt_store = SC_FMT_E5M2, fmt_store);
	for (i = 2; i < FORMATS; i++) {
		struct sc_tile t = tile(1, 1, 1, formats[i].a, formats[i].b);

		memcpy(tcm + DESC, &t, sizeof(t));
		refused(SC_INSN_SDM_CFG, 0, TCM(DESC), 0, SC_CODE_BAD_TILE, SC_ENGINE_MATRIX);
		assert_int_equal(fault.value, FIELD(fmt_b));
	}

	memcpy(tcm + DESC, &good, sizeof(good));
	refused(SC_INSN_SDM_CFG, 4, TCM(DESC), 0, SC_CODE_BAD_TILE, SC_ENGINE_MATRIX);
	assert_int_equal(fault.value, 4);
	ok(SC_INSN_SDM_CFG, 3, TCM(DESC), 0);
	refused(SC_INSN_SDM_LD, 16, TCM(0), 0, SC_CODE_BAD_TILE, SC_ENGINE_MATRIX);
	assert_int_equal(fault.value, 16);
}

static void out_of_range(enum sc_insn insn, uint64_t rs1, uint64_t rs2, uint64_t va,
			 unsigned int access)
{
	refused(insn, 0, rs1, rs2, SC_CODE_TILE_RANGE, SC_ENGINE_MATRIX);
	assert_int_equal(fault.va, va);
	assert_int_equal(fault.access, access);
}

#define R SC_ACCESS_READ
#define W SC_ACCESS_WRITE

static void test_range(void **state)
{
	struct sc_tile t;

	bench_reset(*state, ISA_ALL, 1);
	out_of_range(SC_INSN_SDM_CFG, TCM(TCM_SIZE - 63), 0, TCM(TCM_SIZE - 63), R);
	out_of_range(SC_INSN_SDM_CFG, MEM_VA, 0, MEM_VA, R);
	out_of_range(SC_INSN_SDM_CFG, SC_VA_TCM_RANK(0), 0, SC_VA_TCM_RANK(0), R);

	/* A is 3 rows of 10, B 10 rows of 5: the last bytes that fit, then one more */
	t = tile(3, 5, 10, SC_FMT_I8, SC_FMT_I8);
	t.stride_a = 100;
	t.stride_b = 50;
	configure(&t);
	ok(SC_INSN_SDM_MMA, 0, TCM(TCM_SIZE - 210), TCM(TCM_SIZE - 455));
	out_of_range(SC_INSN_SDM_MMA, TCM(TCM_SIZE - 209), TCM(0), TCM(TCM_SIZE - 209), R);
	out_of_range(SC_INSN_SDM_MMA_Z, TCM(0), TCM(TCM_SIZE - 454), TCM(TCM_SIZE - 454), R);
	out_of_range(SC_INSN_SDM_MMA, MEM_VA, TCM(0), MEM_VA, R);
	out_of_range(SC_INSN_SDM_MMA, TCM(0), 0, 0, R);
	out_of_range(SC_INSN_SDM_MMA, TCM(0), SC_VA_TCM - 1, SC_VA_TCM - 1, R);
	ok(SC_INSN_SDM_LD, 0, TCM(TCM_SIZE - 20), 0);
	ok(SC_INSN_SDM_LD, 0, TCM(TCM_SIZE - 60), 20);
	out_of_range(SC_INSN_SDM_LD, TCM(TCM_SIZE - 60), 21, TCM(TCM_SIZE - 60), R);
	out_of_range(SC_INSN_SDM_LD, TCM(0), 1ull << 63, TCM(0), R);
	out_of_range(SC_INSN_SDM_ST, TCM(TCM_SIZE - 19), 0, TCM(TCM_SIZE - 19), W);
	assert_int_equal(fault.size, 20);
	out_of_range(SC_INSN_SDM_ST, TCM(0), -20ull, TCM(0), W);
	t.stride_a = UINT32_MAX;
	configure(&t);
	out_of_range(SC_INSN_SDM_MMA, TCM(0), TCM(0), TCM(0), R);
	/* the stride of a single row does not matter, nor does anything for an empty tile */
	t.m = 1;
	configure(&t);
	ok(SC_INSN_SDM_MMA, 0, TCM(0), TCM(0));
	t.m = 0;
	configure(&t);
	ok(SC_INSN_SDM_MMA, 0, 0, 0);
	ok(SC_INSN_SDM_LD, 0, 0, 0);
	ok(SC_INSN_SDM_ST, 0, 0, 0);
}

/* The same for scales, and for the vectors of sdm.mul. */
static void test_range_scales(void **state)
{
	struct sc_tile t;

	bench_reset(*state, ISA_ALL, 1);
	t = tile(3, 5, 40, SC_FMT_I8, SC_FMT_I8);
	t.group = 16;
	t.fmt_store = SC_FMT_F32;
	strides(&t, 0);
	t.scale_a = TCM_SIZE - 12 - 2 * 20;
	t.stride_scale_a = 20;
	t.scale_b = TCM_SIZE - 10 - 2 * 30;
	t.stride_scale_b = 30;
	configure(&t);
	ok(SC_INSN_SDM_MMA, 0, TCM(0), TCM(0));
	t.scale_a++;
	configure(&t);
	out_of_range(SC_INSN_SDM_MMA, TCM(0), TCM(0), TCM(t.scale_a), R);
	t.scale_a = NONE;
	t.scale_b++;
	configure(&t);
	out_of_range(SC_INSN_SDM_MMA, TCM(0), TCM(0), TCM(t.scale_b), R);
	t.group = 0;
	t.fmt_store = SC_FMT_I8;
	t.store_scale = TCM_SIZE - 20;
	configure(&t);
	ok(SC_INSN_SDM_ST, 0, TCM(0), 5);
	t.store_scale++;
	configure(&t);
	out_of_range(SC_INSN_SDM_ST, TCM(0), 5, TCM(t.store_scale), R);
	t = tile(3, 5, 40, SC_FMT_BF16, SC_FMT_BF16);
	configure(&t);
	ok(SC_INSN_SDM_MUL_R, 0, TCM(TCM_SIZE - 12), 0);
	out_of_range(SC_INSN_SDM_MUL_R, TCM(TCM_SIZE - 11), 0, TCM(TCM_SIZE - 11), R);
	out_of_range(SC_INSN_SDM_MUL_C, TCM(TCM_SIZE - 12), 0, TCM(TCM_SIZE - 12), R);
}

/* A change of context clears accumulators; the next workgroup of the same keeps them. */
static void test_clear(void **state)
{
	struct sc_tile t;

	(void)state;
	bench_reset(false, ISA_BASE, 1);
	t = tile(2, 2, 0, SC_FMT_I8, SC_FMT_I8);
	memset(ref, 0, sizeof(ref));
	memset(tcm + A_AT, 0x11, 16);
	configure(&t);
	ok(SC_INSN_SDM_LD, 2, TCM(A_AT), 8);
	sc_engines_clear(engines);
	configure(&t);
	compare(&t, 2, "cleared");
	finish(0);
	/* without a descriptor the tile is empty */
	sc_engines_start(engines, &env);
	memset(tcm + OUT, 0x5a, 16);
	ok(SC_INSN_SDM_ST, 2, TCM(OUT), 8);
	assert_int_equal(tcm[OUT], 0x5a);
	finish(0);
}

/* Wide tiles in every layout, with groups and without, over several blocks of k. */
static void test_wide(void **state)
{
	static const uint8_t sizes[] = { 5, 16, 17, 33, 48, 49, 62, 64 };
	static const uint16_t ks[] = { 1, 5, 33, 62, 130, 160, 289 };
	static const uint16_t groups[] = { 0, 16, 32, 256 };
	unsigned int f, round, i;

	(void)state;
	for (f = 0; f < FORMATS; f++) {
		for (round = 0; round < 24; round++) {
			bool wide = formats[f].a == SC_FMT_F32;
			struct sc_tile t;

			bench_reset(false, ISA_ALL, f * 1000 + round);
			t = tile(sizes[bench_random() % 8], sizes[bench_random() % 8],
				 ks[bench_random() % (wide ? 4 : 7)], formats[f].a, formats[f].b);
			t.flags = round % 4;
			t.group = groups[round / 4 % 4];
			if (t.group)
				t.fmt_store = SC_FMT_F32;
			strides(&t, round % 5);
			t.scale_a = SA_AT;
			t.scale_b = SB_AT;
			t.fmt_scale = SC_SCALE_F32;
			t.stride_scale_a = 4;
			t.stride_scale_b = 4;
			for (i = 0; i < 200; i++) {
				float scale = ldexpf((int32_t)bench_random(), -30);

				memcpy(tcm + SA_AT + 4 * i, &scale, 4);
				memcpy(tcm + SB_AT + 4 * i, &scale, 4);
			}
			check(t, round % 2, round % 3, formats[f].name);
		}
	}
}

/* Every byte of the narrow formats, and values of the others that decoding must not change. */
static void test_values(void **state)
{
	static const uint32_t f32[] = { 1, 0x807fffff, 0x00800000, 0x7f800001, 0xffc12345,
					0x7f7fffff, 0x80000000, 0xff800000 };
	static const float ones[] = { 1, -1, 0 };
	unsigned int f, i, base;

	(void)state;
	for (f = 0; f < FORMATS; f++) {
		bool half = formats[f].a == SC_FMT_F16 || formats[f].a == SC_FMT_BF16;
		unsigned int bytes = formats[f].a == SC_FMT_F32 ? 4 : half ? 2 : 1;

		bench_reset(false, ISA_ALL, f);
		/* a column by a row: each value alone, in B and for bytes also in A */
		for (base = 0; base < (bytes == 2 ? 65536 : 256); base += 64) {
			struct sc_tile t;

			for (i = 0; i < 64; i++) {
				uint32_t v = bytes == 4 ? f32[i % 8] : base + i;

				memcpy(tcm + A_AT + bytes * i, &v, bytes);
				memcpy(tcm + B_AT + bytes * (63 - i), &v, bytes);
			}
			t = tile(bytes == 2 ? 2 : 64, 64, 1, formats[f].a, formats[f].b);
			if (base / 64 % 2)
				t.flags = SC_TILE_A_KM | SC_TILE_B_NK;
			strides(&t, 0);
			check(t, false, false, formats[f].name);
		}
	}
	/* times one: the value itself, subnormals and signs of zeros included */
	for (i = 0; i < 3; i++) {
		struct sc_tile t = tile(1, 8, 1, SC_FMT_F32, SC_FMT_F32);

		bench_reset(false, ISA_ALL, i);
		memcpy(tcm + A_AT, &ones[i], 4);
		memcpy(tcm + B_AT, f32, sizeof(f32));
		strides(&t, 0);
		check(t, false, false, "f32 values");
	}
}

/* Ways that do not exist are refused, and a host without one says so. */
static void test_choice(void **state)
{
	const char *was = getenv("SEEDCHIP_MATRIX");
	char keep[16] = "";

	(void)state;
	if (was)
		snprintf(keep, sizeof(keep), "%s", was);
	assert_null(sc_matrix_path("no such"));
	assert_ptr_equal(sc_matrix_path("scalar"), &sc_matrix_scalar);
	setenv("SEEDCHIP_MATRIX", "no such", 1);
	errno = 0;
	assert_null(sc_engines_create());
	assert_int_equal(errno, EOPNOTSUPP);
	unsetenv("SEEDCHIP_MATRIX");
	assert_non_null(sc_matrix_path(NULL));
	if (was)
		setenv("SEEDCHIP_MATRIX", keep, 1);
}

/* What a test runs with. */
struct mode {
	const char *path; /* SEEDCHIP_MATRIX; NULL: the test does not multiply */
	bool strict;
};

static int setup(void **state)
{
	const struct mode *mode = *state;

	if (mode->path)
		setenv("SEEDCHIP_MATRIX", mode->path, 1);
	else
		unsetenv("SEEDCHIP_MATRIX");
	*state = mode->strict ? (void *)1 : NULL;
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	sc_engines_destroy(engines);
	engines = NULL;
	return 0;
}

static void lacking(void **state)
{
	(void)state;
	skip();
}

#define TEST(test) { #test, test, setup, teardown, NULL }

/* Those that multiply: run in every way. */
static const struct CMUnitTest in_every_way[] = {
	TEST(test_multiply), TEST(test_wide),	   TEST(test_values),	 TEST(test_odd_pairs),
	TEST(test_full_tile), TEST(test_long),	   TEST(test_canonical), TEST(test_power_scales),
	TEST(test_wrap),     TEST(test_groups),	   TEST(test_untouched), TEST(test_load),
};

static const struct CMUnitTest once[] = {
	TEST(test_choice), TEST(test_scale), TEST(test_bad_descriptor),
	TEST(test_range),  TEST(test_clear), TEST(test_range_scales),
};

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

int main(void)
{
	static const struct mode modes[] = { { "scalar", false }, { "avx2", false },
					     { "avx512", false } };
	static const struct mode plain = { NULL, false }, strict = { NULL, true };
	static struct CMUnitTest tests[COUNT(modes) * COUNT(in_every_way) + COUNT(once) + 1];
	static char names[COUNT(tests)][40];
	unsigned int i, j, n = 0;

	for (i = 0; i < COUNT(modes); i++) {
		for (j = 0; j < COUNT(in_every_way); j++, n++) {
			tests[n] = in_every_way[j];
			if (!sc_matrix_path(modes[i].path))
				tests[n].test_func = lacking;
			tests[n].initial_state = (void *)&modes[i];
			snprintf(names[n], sizeof(names[n]), "%s (%s)", in_every_way[j].name,
				 modes[i].path);
			tests[n].name = names[n];
		}
	}
	for (j = 0; j < COUNT(once); j++, n++) {
		tests[n] = once[j];
		tests[n].initial_state = (void *)&plain;
	}
	tests[n] = (struct CMUnitTest){ "test_range (strict)", test_range, setup, teardown,
					(void *)&strict };
	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
