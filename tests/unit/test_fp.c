// SPDX-License-Identifier: MIT
/*
 * The integer implementation of floating point against the host's unit:
 * results and flags, in the four rounding modes that both have, for single and
 * double precision; and bf16 against its definition. The fifth mode, half
 * precision and conversions that saturate are compared with another emulator in
 * tests/isa. The invariant: the host detects tininess after rounding, as RISC-V
 * does; elsewhere the test skips itself.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <fenv.h>
#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "qemu-device/chip/fp.h"

#define ROUNDS 40000

static uint64_t seed = 0x9e3779b97f4a7c15;

static uint64_t random64(void)
{
	seed ^= seed << 13;
	seed ^= seed >> 7;
	seed ^= seed << 17;
	return seed * 0x2545f4914f6cdd1d;
}

static const int host_modes[] = {
	[SC_RNE] = FE_TONEAREST,
	[SC_RTZ] = FE_TOWARDZERO,
	[SC_RDN] = FE_DOWNWARD,
	[SC_RUP] = FE_UPWARD,
};

/* Bits that are often special: extreme or middling exponents, few or many ones in the fraction. */
static uint64_t operand(unsigned int frac_bits, unsigned int exp_bits)
{
	uint64_t r = random64(), top = (1ULL << exp_bits) - 1, frac, exp;
	static const uint64_t near[] = { 0, 1, 2, 3 };

	switch (r >> 61) {
	case 0:
		exp = near[r & 3];
		break;
	case 1:
		exp = top - near[r & 3];
		break;
	case 2:
		exp = r & top;
		break;
	default:
		exp = top / 2 + (r & 15) - 8;
	}
	frac = random64() & ((1ULL << frac_bits) - 1);
	switch (r >> 58 & 7) {
	case 0:
		frac = 0;
		break;
	case 1:
		frac = 1ULL << (r >> 8) % frac_bits;
		break;
	case 2:
		frac = -(1ULL << (r >> 8) % frac_bits) & ((1ULL << frac_bits) - 1);
		break;
	case 3:
		frac &= -(1ULL << frac_bits / 2);
		break;
	}
	return (r >> 57 & 1) << (frac_bits + exp_bits) | exp << frac_bits | frac;
}

static uint8_t host_flags(void)
{
	int f = fetestexcept(FE_ALL_EXCEPT);

	return (f & FE_INEXACT ? SC_FP_NX : 0) | (f & FE_UNDERFLOW ? SC_FP_UF : 0) |
	       (f & FE_OVERFLOW ? SC_FP_OF : 0) | (f & FE_DIVBYZERO ? SC_FP_DZ : 0) |
	       (f & FE_INVALID ? SC_FP_NV : 0);
}

enum op { ADD, SUB, MUL, DIV, SQRT, FMA, LT, EQ, OPS };

/* The host's result, canonical if it is NaN. */
#define DEFINE_HOST(name, T, bits_t, sqrt_fn, fma_fn, fmt)                                         \
	static uint64_t name(enum op op, uint64_t abits, uint64_t bbits, uint64_t cbits, int mode, \
			     uint8_t *flags)                                                       \
	{                                                                                          \
		bits_t bits[3] = { (bits_t)abits, (bits_t)bbits, (bits_t)cbits };                  \
		volatile T a, b, c, r = 0;                                                         \
		uint64_t result = 0;                                                               \
		T out;                                                                             \
		memcpy((void *)&a, &bits[0], sizeof(a));                                           \
		memcpy((void *)&b, &bits[1], sizeof(b));                                           \
		memcpy((void *)&c, &bits[2], sizeof(c));                                           \
		fesetround(mode);                                                                  \
		feclearexcept(FE_ALL_EXCEPT);                                                      \
		if (op == ADD)                                                                     \
			r = a + b;                                                                 \
		else if (op == SUB)                                                                \
			r = a - b;                                                                 \
		else if (op == MUL)                                                                \
			r = a * b;                                                                 \
		else if (op == DIV)                                                                \
			r = a / b;                                                                 \
		else if (op == SQRT)                                                               \
			r = sqrt_fn(a);                                                            \
		else if (op == FMA)                                                                \
			r = fma_fn(a, b, c);                                                       \
		else if (op == LT)                                                                 \
			result = a < b;                                                            \
		else                                                                               \
			result = a == b;                                                           \
		*flags = host_flags();                                                             \
		fesetround(FE_TONEAREST);                                                          \
		if (op == LT || op == EQ)                                                          \
			return result;                                                             \
		out = r;                                                                           \
		if (isnan(out))                                                                    \
			return sc_fp_nan(fmt);                                                     \
		memcpy(bits, &out, sizeof(out));                                                   \
		return bits[0];                                                                    \
	}
DEFINE_HOST(host_single, float, uint32_t, sqrtf, fmaf, SC_FP_S)
DEFINE_HOST(host_double, double, uint64_t, sqrt, fma, SC_FP_D)

static uint64_t model(enum sc_fp_format fmt, enum op op, uint64_t a, uint64_t b, uint64_t c,
		      struct sc_fp_env *env)
{
	switch (op) {
	case ADD:
		return sc_fp_add(fmt, a, b, env);
	case SUB:
		return sc_fp_sub(fmt, a, b, env);
	case MUL:
		return sc_fp_mul(fmt, a, b, env);
	case DIV:
		return sc_fp_div(fmt, a, b, env);
	case SQRT:
		return sc_fp_sqrt(fmt, a, env);
	case FMA:
		return sc_fp_fma(fmt, a, b, c, false, false, env);
	case LT:
		return sc_fp_lt(fmt, a, b, env);
	default:
		return sc_fp_eq(fmt, a, b, env);
	}
}

static void skip_unless_tiny_after_rounding(void)
{
	/* (1 - 2^-54) * 2^-1022 is below the smallest normal number, and rounds to it */
	volatile double a = 2.0 / 3.0, b = 1.5 * DBL_MIN;

	feclearexcept(FE_ALL_EXCEPT);
	b = a * b;
	if (fetestexcept(FE_UNDERFLOW))
		skip();
}

static void compare(enum sc_fp_format fmt)
{
	skip_unless_tiny_after_rounding();
	for (enum op op = ADD; op < OPS; op++) {
		for (unsigned int i = 0; i < ROUNDS; i++) {
			uint64_t a = fmt == SC_FP_S ? operand(23, 8) : operand(52, 11);
			uint64_t b = fmt == SC_FP_S ? operand(23, 8) : operand(52, 11);
			uint64_t c = fmt == SC_FP_S ? operand(23, 8) : operand(52, 11);
			struct sc_fp_env env = { .rm = i & 3 };
			uint64_t m, h;
			uint8_t flags;

			if (op == FMA && i % 3 == 0) { /* close to minus the product */
				struct sc_fp_env any = { .rm = SC_RNE };

				c = sc_fp_mul(fmt, a, b, &any) ^ (fmt == SC_FP_S ? 1ULL << 31 :
										   1ULL << 63);
			}
			/* hosts differ from RISC-V in what infinity times zero plus NaN signals */
			if (op == FMA && sc_fp_class(fmt, c) >> 8)
				c = 0;
			m = model(fmt, op, a, b, c, &env);
			h = fmt == SC_FP_S ? host_single(op, a, b, c, host_modes[i & 3], &flags) :
					     host_double(op, a, b, c, host_modes[i & 3], &flags);
			if (m != h || env.flags != flags)
				fail_msg("op %d mode %u: %llx %llx %llx: %llx %x, host %llx %x",
					 op, i & 3, (unsigned long long)a, (unsigned long long)b,
					 (unsigned long long)c, (unsigned long long)m, env.flags,
					 (unsigned long long)h, flags);
		}
	}
}

static void test_single(void **state)
{
	(void)state;
	compare(SC_FP_S);
}

static void test_double(void **state)
{
	(void)state;
	compare(SC_FP_D);
}

/* Conversions between the two formats and from 64-bit integers. */
static void test_convert(void **state)
{
	(void)state;
	skip_unless_tiny_after_rounding();
	for (unsigned int i = 0; i < ROUNDS; i++) {
		uint64_t d = operand(52, 11), n = random64() >> (random64() & 63);
		struct sc_fp_env env = { .rm = i & 3 }, ienv = { .rm = i & 3 };
		uint64_t s = sc_fp_convert(SC_FP_S, SC_FP_D, d, &env);
		uint64_t m = sc_fp_from_int(SC_FP_D, n, true, &ienv);
		volatile double from, integer;
		volatile float to;
		float out;
		uint32_t bits;
		double int_out;
		uint64_t int_bits;

		memcpy((void *)&from, &d, sizeof(d));
		fesetround(host_modes[i & 3]);
		feclearexcept(FE_ALL_EXCEPT);
		to = (float)from;
		assert_int_equal(env.flags, host_flags());
		feclearexcept(FE_ALL_EXCEPT);
		integer = (double)(int64_t)n;
		assert_int_equal(ienv.flags, host_flags());
		fesetround(FE_TONEAREST);
		out = to;
		memcpy(&bits, &out, sizeof(bits));
		assert_int_equal(s, isnan(out) ? sc_fp_nan(SC_FP_S) : bits);
		int_out = integer;
		memcpy(&int_bits, &int_out, sizeof(int_bits));
		assert_int_equal(m, int_bits);
	}
}

/* Whether a magnitude is rounded up, of which @low of the bits are dropped. */
static bool rounds_up(uint32_t mag, unsigned int low, bool negative, unsigned int rm)
{
	uint32_t rest = mag & ((1u << low) - 1), half = 1u << (low - 1);

	switch (rm) {
	case SC_RNE:
		return rest > half || (rest == half && (mag >> low & 1));
	case SC_RTZ:
		return false;
	case SC_RDN:
		return rest && negative;
	case SC_RUP:
		return rest && !negative;
	default:
		return rest >= half;
	}
}

/* f32 to bf16: the upper half, rounded. */
static uint16_t to_bf16(uint32_t a, unsigned int rm, uint8_t *flags)
{
	uint32_t mag = a & 0x7fffffff, out = (mag >> 16) + rounds_up(mag, 16, a >> 31, rm);

	*flags = 0;
	if (mag > 0x7f800000) {
		*flags = mag & 0x400000 ? 0 : SC_FP_NV;
		return 0x7fc0;
	}
	if (mag & 0xffff)
		*flags = SC_FP_NX;
	if (out == 0x7f80 && mag < 0x7f800000)
		*flags |= SC_FP_OF;
	/* tiny, if so also with one more bit, as if exponents had no end */
	if (*flags && mag < 0x800000 &&
	    (mag >> 15) + rounds_up(mag, 15, a >> 31, rm) < 0x800000 >> 15)
		*flags |= SC_FP_UF;
	return (uint16_t)(a >> 31 << 15 | out);
}

/* bf16, which no host rounds to in all modes, against the definition. */
static void test_bf16(void **state)
{
	(void)state;
	for (unsigned int i = 0; i < 5 * ROUNDS; i++) {
		uint32_t a = (uint32_t)operand(23, 8), b = (uint32_t)random64() & 0xffff;
		struct sc_fp_env env = { .rm = i % 5 }, exact = { .rm = i % 5 };
		uint64_t m = sc_fp_convert(SC_FP_BF16, SC_FP_S, a, &env);
		uint8_t flags;

		if (m != to_bf16(a, i % 5, &flags) || env.flags != flags)
			fail_msg("mode %u: %x: %llx %x, not %x %x", i % 5, a, (unsigned long long)m,
				 env.flags, to_bf16(a, i % 5, &flags), flags);
		m = sc_fp_convert(SC_FP_S, SC_FP_BF16, b, &exact);
		if ((b & 0x7fff) > 0x7f80) {
			assert_int_equal(m, 0x7fc00000);
			assert_int_equal(exact.flags, b & 0x40 ? 0 : SC_FP_NV);
		} else {
			assert_int_equal(m, b << 16);
			assert_int_equal(exact.flags, 0);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_single),
		cmocka_unit_test(test_double),
		cmocka_unit_test(test_convert),
		cmocka_unit_test(test_bf16),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
