// SPDX-License-Identifier: MIT
/*
 * Tests of the matrix engine's converting stores: rounding, saturation and
 * scales, bit for bit against a search for the nearest value; and that nothing
 * beside the tile is written. Stores do not depend on the way of multiplying.
 */
#include <float.h>
#include <math.h>

#include "matrix_reference.h"

/* Nearest value of a narrow format by search; ties to even; @infinity: what is above the last. */
static unsigned int nearest(float f, unsigned int exp_bits, unsigned int man_bits,
			    unsigned int last, unsigned int above)
{
	unsigned int code, best = 0, sign = 1u << (exp_bits + man_bits);
	double abs = fabs((double)f), error = abs;

	if (isinf(f))
		return (signbit(f) ? sign : 0) | above;
	/* one step beyond the last, to tell where rounding up ends */
	for (code = 1; code <= last + 1; code++) {
		double step = fabs(abs - narrow(code, exp_bits, man_bits));

		if (step < error || (step == error && !(code & 1))) {
			error = step;
			best = code;
		}
	}
	return (signbit(f) ? sign : 0) | (best > last ? above : best);
}

static uint32_t stored(unsigned int fmt, float f)
{
	uint32_t bits;
	_Float16 half;
	uint16_t h;

	memcpy(&bits, &f, 4);
	switch (fmt) {
	case SC_FMT_F32:
		return isnan(f) ? 0x7fc00000 : bits;
	case SC_FMT_BF16:
		if (isnan(f))
			return 0x7fc0;
		h = bits >> 16;
		if ((bits & 0xffff) > 0x8000 || ((bits & 0xffff) == 0x8000 && (h & 1)))
			h++;
		return h;
	case SC_FMT_F16:
		if (isnan(f))
			return 0x7e00;
		half = f;
		memcpy(&h, &half, 2);
		return h;
	case SC_FMT_E4M3:
		return isnan(f) ? 0x7f : nearest(f, 4, 3, 0x7e, 0x7e);
	case SC_FMT_E5M2:
		return isnan(f) ? 0x7e : nearest(f, 5, 2, 0x7b, 0x7c);
	case SC_FMT_I8:
		return isnan(f) ? 127 : (uint8_t)(int8_t)fmax(-128, fmin(127, rint(f)));
	default:
		return isnan(f) ? INT32_MAX :
				  (uint32_t)(int32_t)fmax(INT32_MIN, fmin(INT32_MAX, rint(f)));
	}
}

static uint32_t out_at(unsigned int fmt, unsigned int m, unsigned int n)
{
	unsigned int bytes = fmt == SC_FMT_F32 || fmt == SC_FMT_I32 ? 4 :
			     fmt == SC_FMT_F16 || fmt == SC_FMT_BF16 ? 2 : 1;
	uint32_t v = 0;

	memcpy(&v, tcm + OUT + m * 301 + n * bytes, bytes);
	return v;
}

/* Values at which rounding and overflow of the narrow formats are decided. */
static float corner(unsigned int i)
{
	static const struct {
		float f;
		int exp; /* times 2 to this power */
	} base[] = {
		{ 0, 0 }, { 1, -1 }, { 3, -1 }, { 5, -1 }, { 253, -1 }, { 255, -1 }, { 257, -1 },
		{ 448, 0 }, { 464, 0 }, { 465, 0 }, { 480, 0 }, { 57344, 0 }, { 61439, 0 },
		{ 61440, 0 }, { 61441, 0 }, { 65504, 0 }, { 65519, 0 }, { 65520, 0 }, { 65536, 0 },
		{ 1, -24 }, { 1, -25 }, { 3, -26 }, { 1, -14 }, { 1, -9 }, { 1, -10 }, { 3, -11 },
		{ 1, -16 }, { 1, -17 }, { 1, -18 }, { 1, -126 }, { 1, -149 }, { FLT_MAX, 0 },
		{ 16777215, 7 }, { 1, 31 }, { INFINITY, 0 }, { NAN, 0 }, { 511, -8 }, { 255, -7 },
		{ 509, 119 }, { 511, 119 },
	};
	unsigned int count = sizeof(base) / sizeof(base[0]);
	union word w;

	if (i < 6 * count) {
		w.f = ldexpf(base[i / 6].f, base[i / 6].exp);
		if (i % 3 == 1)
			w.i++;
		if (i % 3 == 2 && w.i)
			w.i--;
		return i % 6 < 3 ? w.f : -w.f;
	}
	w.i = bench_random();
	if (i % 2) /* near one of the narrow ranges */
		w.i = (w.i & 0x807fffff) | (127 - 26 + (w.i >> 23) % 44) << 23;
	return w.f;
}

static void test_store_float(void **state)
{
	static const uint8_t fmts[] = { SC_FMT_F32, SC_FMT_BF16, SC_FMT_F16, SC_FMT_E4M3,
					SC_FMT_E5M2, SC_FMT_I8, SC_FMT_I32 };
	unsigned int i, m, n;
	struct sc_tile t;
	float f;

	(void)state;
	for (i = 0; i < sizeof(fmts); i++) {
		bench_reset(i % 2, ISA_ALL, i);
		t = tile(61, 64, 0, SC_FMT_BF16, SC_FMT_BF16);
		t.fmt_store = fmts[i];
		configure(&t);
		for (m = 0; m < t.m; m++) {
			for (n = 0; n < t.n; n++) {
				f = corner(m * 64 + n);
				memcpy(tcm + A_AT + m * 256 + n * 4, &f, 4);
			}
		}
		ok(SC_INSN_SDM_LD, 0, TCM(A_AT), 256);
		ok(SC_INSN_SDM_ST, 0, TCM(OUT), 301);
		finish(0);
		for (m = 0; m < t.m; m++) {
			for (n = 0; n < t.n; n++) {
				memcpy(&f, tcm + A_AT + m * 256 + n * 4, 4);
				if (out_at(fmts[i], m, n) != stored(fmts[i], f))
					fail_msg("format %u: %a is %x, not %x", fmts[i], f,
						 out_at(fmts[i], m, n), stored(fmts[i], f));
			}
		}
	}
}

/* i32 accumulators: through f32, with and without a scale per column. */
static void test_store_integer(void **state)
{
	static const uint8_t fmts[] = { SC_FMT_I32, SC_FMT_I8, SC_FMT_F32, SC_FMT_BF16,
					SC_FMT_F16 };
	unsigned int i, m, n, scaled;
	struct sc_tile t;

	(void)state;
	for (i = 0; i < 2 * sizeof(fmts); i++) {
		scaled = i % 2;
		bench_reset(scaled, ISA_BASE, i);
		t = tile(64, 33, 0, SC_FMT_I8, SC_FMT_I8);
		t.fmt_store = fmts[i / 2];
		if (scaled)
			t.store_scale = SA_AT;
		configure(&t);
		for (m = 0; m < 64; m++) {
			int32_t v = (int32_t)bench_random() >> bench_random() % 32;

			for (n = 0; n < 33; n++, v += 3)
				memcpy(tcm + A_AT + m * 140 + n * 4, &v, 4);
		}
		for (n = 0; n < 33; n++) {
			float scale = ldexpf((int32_t)bench_random(), -31 - (int)(n % 20));

			memcpy(tcm + SA_AT + 4 * n, &scale, 4);
		}
		ok(SC_INSN_SDM_LD, 3, TCM(A_AT), 140);
		ok(SC_INSN_SDM_ST, 3, TCM(OUT), 301);
		finish(0);
		for (m = 0; m < 64; m++) {
			for (n = 0; n < 33; n++) {
				int32_t v;
				float scale = 1;
				uint32_t want;

				memcpy(&v, tcm + A_AT + m * 140 + n * 4, 4);
				if (scaled && t.fmt_store == SC_FMT_I8)
					memcpy(&scale, tcm + SA_AT + 4 * n, 4);
				want = t.fmt_store == SC_FMT_I32 ?
					       (uint32_t)v : stored(t.fmt_store, (float)v * scale);
				assert_int_equal(out_at(t.fmt_store, m, n), want);
			}
		}
	}
}

/* Bytes between rows and after the last are not written. */
static void test_store_bounds(void **state)
{
	static uint8_t was[TCM_SIZE];
	struct sc_tile t;
	unsigned int m;

	(void)state;
	bench_reset(false, ISA_BASE, 1);
	t = tile(5, 7, 0, SC_FMT_I8, SC_FMT_I8);
	t.fmt_store = SC_FMT_I8;
	configure(&t);
	memcpy(was, tcm, TCM_SIZE);
	ok(SC_INSN_SDM_ST, 0, TCM(OUT), 9);
	for (m = 0; m < 5; m++)
		memset(was + OUT + 9 * m, 0, 7);
	assert_memory_equal(tcm, was, TCM_SIZE);
	/* stride 0: the last row stands */
	memset(tcm + A_AT, 0, 5 * 28);
	for (m = 0; m < 5; m++)
		tcm[A_AT + 28 * m] = 10 + m;
	ok(SC_INSN_SDM_LD, 0, TCM(A_AT), 28);
	ok(SC_INSN_SDM_ST, 0, TCM(OUT), 0);
	assert_int_equal(tcm[OUT], 14);
	finish(0);
}

static int teardown(void **state)
{
	(void)state;
	sc_engines_destroy(engines);
	engines = NULL;
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(test_store_float, teardown),
		cmocka_unit_test_teardown(test_store_integer, teardown),
		cmocka_unit_test_teardown(test_store_bounds, teardown),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
