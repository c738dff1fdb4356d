// SPDX-License-Identifier: MIT
/*
 * See matrix_reference.h. Where there is another way than the engine's it is
 * taken: tables of doubles for the narrow formats, the compiler's _Float16.
 */
#include <math.h>

#include "matrix_reference.h"

union word ref[SC_NUM_ACCS][64][64];

const struct format_pair formats[FORMATS] = {
	{ SC_FMT_I8, SC_FMT_I8, "i8" },
	{ SC_FMT_BF16, SC_FMT_BF16, "bf16" },
	{ SC_FMT_I8, SC_FMT_I4, "i8 x i4" },
	{ SC_FMT_F16, SC_FMT_F16, "f16" },
	{ SC_FMT_E4M3, SC_FMT_E4M3, "e4m3" },
	{ SC_FMT_E4M3, SC_FMT_E5M2, "e4m3 x e5m2" },
	{ SC_FMT_E5M2, SC_FMT_E4M3, "e5m2 x e4m3" },
	{ SC_FMT_E5M2, SC_FMT_E5M2, "e5m2" },
	{ SC_FMT_F32, SC_FMT_F32, "f32" },
};

float narrow(unsigned int code, unsigned int exp_bits, unsigned int man_bits)
{
	int bias = (1 << (exp_bits - 1)) - 1;
	int exp = code >> man_bits & ((1 << exp_bits) - 1);
	int man = code & ((1 << man_bits) - 1);
	double value = ldexp(man, 1 - bias - (int)man_bits);

	if (exp)
		value = ldexp(man + (1 << man_bits), exp - bias - (int)man_bits);
	return code >> (exp_bits + man_bits) ? -value : value;
}

struct sc_tile tile(unsigned int m, unsigned int n, unsigned int k, unsigned int fmt_a,
		    unsigned int fmt_b)
{
	bool integer = fmt_a == SC_FMT_I8;
	struct sc_tile t = { .m = m, .n = n, .k = k, .fmt_a = fmt_a, .fmt_b = fmt_b,
			     .fmt_store = integer ? SC_FMT_I32 : SC_FMT_F32, .scale_a = NONE,
			     .scale_b = NONE, .store_scale = NONE };
	unsigned int i;

	for (i = 0; i < 16; i++)
		t.codebook[i] = bench_random();
	return t;
}

static float element(unsigned int fmt, const uint8_t *row, unsigned int i, const int8_t *codebook)
{
	_Float16 half;
	float f;

	switch (fmt) {
	case SC_FMT_I8:
		return (int8_t)row[i];
	case SC_FMT_I4:
		return codebook[i % 2 ? row[i / 2] / 16 : row[i / 2] % 16];
	case SC_FMT_F16:
		memcpy(&half, row + 2 * i, 2);
		return half;
	case SC_FMT_BF16:
		f = 0;
		memcpy((uint8_t *)&f + 2, row + 2 * i, 2);
		return f;
	case SC_FMT_E4M3:
		return (row[i] & 127) == 127 ? NAN : narrow(row[i], 4, 3);
	case SC_FMT_E5M2:
		if ((row[i] & 127) >= 0x7c)
			return (row[i] & 127) > 0x7c ? NAN : row[i] & 128 ? -INFINITY : INFINITY;
		return narrow(row[i], 5, 2);
	default:
		memcpy(&f, row + 4 * i, 4);
		return f;
	}
}

static float a_of(const struct sc_tile *t, unsigned int m, unsigned int k)
{
	bool km = t->flags & SC_TILE_A_KM;

	return element(t->fmt_a, tcm + A_AT + (uint64_t)(km ? k : m) * t->stride_a, km ? m : k,
		       t->codebook);
}

static float b_of(const struct sc_tile *t, unsigned int k, unsigned int n)
{
	bool nk = t->flags & SC_TILE_B_NK;

	return element(t->fmt_b, tcm + B_AT + (uint64_t)(nk ? n : k) * t->stride_b, nk ? k : n,
		       t->codebook);
}

static float scale_of(const struct sc_tile *t, unsigned int m, unsigned int n, unsigned int g)
{
	static const unsigned int bytes[] = { 2, 4, 1 };
	float a = 1, b = 1;
	const uint8_t *p;

	if (t->scale_a != NONE)
		memcpy(&a, tcm + t->scale_a + m * t->stride_scale_a + 4 * g, 4);
	if (t->scale_b == NONE)
		return a;
	p = tcm + t->scale_b + g * t->stride_scale_b + n * bytes[t->fmt_scale];
	if (t->fmt_scale == SC_SCALE_E8M0)
		b = *p == 255 ? NAN : ldexpf(1, *p - 127);
	else
		b = element(t->fmt_scale == SC_SCALE_F16 ? SC_FMT_F16 : SC_FMT_F32, p, 0, NULL);
	return a * b;
}

/* One element of A x B over [k, end), added to what is there. */
static void dot(const struct sc_tile *t, union word *sum, unsigned int m, unsigned int n,
		unsigned int k, unsigned int end)
{
	bool pairs = t->fmt_a == SC_FMT_E4M3 || t->fmt_a == SC_FMT_E5M2;

	for (; k < end; k += pairs ? 2 : 1) {
		float a = a_of(t, m, k), b = b_of(t, k, n);

		if (t->fmt_a == SC_FMT_I8) {
			sum->i += (uint32_t)((int)a * (int)b);
		} else if (pairs) {
			long double two = 0; /* 64 bits hold both products and their sum */

			if (k + 1 < end)
				two = (long double)a_of(t, m, k + 1) * b_of(t, k + 1, n);
			sum->f = sum->f + (float)((long double)a * b + two);
		} else {
			sum->f = fmaf(a, b, sum->f);
		}
	}
}

void reference(const struct sc_tile *t, unsigned int acc, bool zero)
{
	unsigned int m, n, k, end;

	for (m = 0; m < t->m; m++) {
		for (n = 0; n < t->n; n++) {
			union word *sum = &ref[acc][m][n];

			if (zero)
				sum->i = 0;
			if (!t->group) {
				dot(t, sum, m, n, 0, t->k);
				continue;
			}
			for (k = 0; k < t->k; k = end) {
				union word part = { 0 };
				float p;

				end = k + t->group < t->k ? k + t->group : t->k;
				dot(t, &part, m, n, k, end);
				p = t->fmt_a == SC_FMT_I8 ? (float)part.s : part.f;
				sum->f = fmaf(p, scale_of(t, m, n, k / t->group), sum->f);
			}
		}
	}
}

void configure(const struct sc_tile *t)
{
	if (cfg(DESC, t))
		fail_msg("descriptor refused: code %u field %llu", fault.code,
			 (unsigned long long)fault.value);
}

/* Store the accumulator as 32-bit words with the descriptor's format, and compare. */
void compare(const struct sc_tile *t, unsigned int acc, const char *what)
{
	bool integer = t->fmt_a == SC_FMT_I8 && !t->group;
	unsigned int m, n, bad = 0;
	int64_t done = count(15) + 1;

	ok(SC_INSN_SDM_ST, acc, TCM(OUT), 260);
	ok(SC_INSN_SD_POST, SC_EQ_MATRIX, 15, 0);
	ok(SC_INSN_SD_AWAIT, 0, 15, done);
	for (m = 0; m < t->m; m++) {
		for (n = 0; n < t->n; n++) {
			union word is, want = ref[acc][m][n];

			memcpy(&is, tcm + OUT + m * 260 + n * 4, 4);
			if (!integer && isnan(want.f))
				want.i = 0x7fc00000;
			if (is.i != want.i && !bad++)
				print_message("# %s: m %u n %u k %u: [%u][%u] is %08x, not %08x\n",
					      what, t->m, t->n, t->k, m, n, is.i, want.i);
		}
	}
	if (bad)
		fail_msg("%s: %u elements differ", what, bad);
}

/* Strides for packed operands with @slack bytes between rows. */
void strides(struct sc_tile *t, unsigned int slack)
{
	static const unsigned int bits[] = { 8, 4, 16, 16, 8, 8, 32, 32 };
	unsigned int a = t->flags & SC_TILE_A_KM ? t->m : t->k;
	unsigned int b = t->flags & SC_TILE_B_NK ? t->k : t->n;

	t->stride_a = (a * bits[t->fmt_a] + 7) / 8 + slack;
	t->stride_b = (b * bits[t->fmt_b] + 7) / 8 + slack;
}
