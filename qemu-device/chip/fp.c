// SPDX-License-Identifier: MIT
/*
 * Floating point in integers. A finite operand is unpacked to
 * (-1)^sign * frac / 2^63 * 2^exp with bit 63 of frac set; an operation
 * computes at least 64 bits and ORs what it drops into the lowest one (jam),
 * which is far below every rounding position; pack() then rounds once. The
 * invariant: flags are raised only in pack(), for NaN operands in nan_of(), and
 * where an operation is invalid or divides by zero.
 */
#include <stddef.h>

#include "fp.h"

typedef unsigned __int128 u128;

struct shape {
	uint8_t exp_bits;
	uint8_t frac_bits; /* stored ones */
};

static const struct shape shapes[] = {
	[SC_FP_S] = { 8, 23 },
	[SC_FP_D] = { 11, 52 },
	[SC_FP_H] = { 5, 10 },
	[SC_FP_BF16] = { 8, 7 },
};

enum class { ZERO, FINITE, INF, QNAN, SNAN };

struct num {
	enum class cls;
	bool sign;
	int exp;
	uint64_t frac;
};

static int bias_of(enum sc_fp_format fmt)
{
	return (1 << (shapes[fmt].exp_bits - 1)) - 1;
}

static uint64_t inf_of(enum sc_fp_format fmt, bool sign)
{
	const struct shape *s = &shapes[fmt];

	return ((1ULL << s->exp_bits) - 1 + ((uint64_t)sign << s->exp_bits)) << s->frac_bits;
}

static uint64_t zero_of(enum sc_fp_format fmt, bool sign)
{
	return (uint64_t)sign << (shapes[fmt].exp_bits + shapes[fmt].frac_bits);
}

uint64_t sc_fp_nan(enum sc_fp_format fmt)
{
	return inf_of(fmt, false) | 1ULL << (shapes[fmt].frac_bits - 1);
}

static struct num unpack(enum sc_fp_format fmt, uint64_t bits)
{
	const struct shape *s = &shapes[fmt];
	int top = (1 << s->exp_bits) - 1;
	int exp = (int)(bits >> s->frac_bits) & top;
	uint64_t frac = bits << (64 - s->frac_bits);
	struct num n = { .sign = bits >> (s->exp_bits + s->frac_bits) & 1 };

	if (exp == top) {
		n.cls = !frac ? INF : frac >> 63 ? QNAN : SNAN;
	} else if (exp) {
		n.cls = FINITE;
		n.exp = exp - bias_of(fmt);
		n.frac = frac >> 1 | 1ULL << 63;
	} else if (frac) {
		int shift = __builtin_clzll(frac);

		n.cls = FINITE;
		n.exp = -bias_of(fmt) - shift;
		n.frac = frac << shift;
	} else {
		n.cls = ZERO;
	}
	return n;
}

static bool is_nan(const struct num *n)
{
	return n->cls >= QNAN;
}

/* The result of an operation with a NaN operand. */
static uint64_t nan_of(enum sc_fp_format fmt, bool signaling, struct sc_fp_env *env)
{
	if (signaling)
		env->flags |= SC_FP_NV;
	return sc_fp_nan(fmt);
}

static uint64_t invalid(enum sc_fp_format fmt, struct sc_fp_env *env)
{
	return nan_of(fmt, true, env);
}

static uint64_t shift_right_jam(uint64_t v, unsigned int n)
{
	if (n == 0)
		return v;
	if (n > 63)
		return v != 0;
	return v >> n | (v << (64 - n) != 0);
}

static u128 shift_right_jam128(u128 v, unsigned int n)
{
	if (n == 0)
		return v;
	if (n > 127)
		return v != 0;
	return v >> n | (v << (128 - n) != 0);
}

/* Whether dropping @rest, of which @half is the middle, rounds the magnitude up. */
static bool rounds_up(uint64_t rest, uint64_t half, bool odd, bool sign, unsigned int rm)
{
	switch (rm) {
	case SC_RNE:
		return rest > half || (rest == half && odd);
	case SC_RDN:
		return sign && rest;
	case SC_RUP:
		return !sign && rest;
	case SC_RMM:
		return rest >= half;
	case SC_ROD:
		return rest && !odd;
	}
	return false;
}

static uint64_t overflow(enum sc_fp_format fmt, bool sign, struct sc_fp_env *env)
{
	bool to_inf = env->rm == SC_RNE || env->rm == SC_RMM || env->rm == (sign ? SC_RDN : SC_RUP);

	env->flags |= SC_FP_OF | SC_FP_NX;
	return inf_of(fmt, sign) - !to_inf;
}

/* Round to the format. @frac has bit 63 set, its lowest bit may be a jam. */
static uint64_t pack(enum sc_fp_format fmt, bool sign, int exp, uint64_t frac,
		     struct sc_fp_env *env)
{
	const struct shape *s = &shapes[fmt];
	unsigned int drop = 63 - s->frac_bits;
	uint64_t mask = (1ULL << drop) - 1, half = 1ULL << (drop - 1), sig;
	int e = exp + bias_of(fmt);
	bool tiny = false;

	if (e < 1) {
		/* tiny unless rounding with an unbounded exponent reaches the smallest normal */
		tiny = e < 0 || (frac >> drop) + rounds_up(frac & mask, half, frac >> drop & 1,
							   sign, env->rm) !=
					1ULL << (s->frac_bits + 1);
		frac = shift_right_jam(frac, 1 - e);
		e = 1;
	}
	sig = (frac >> drop) + rounds_up(frac & mask, half, frac >> drop & 1, sign, env->rm);
	if (sig >> (s->frac_bits + 1)) {
		sig >>= 1;
		e++;
	}
	if (e >= (1 << s->exp_bits) - 1)
		return overflow(fmt, sign, env);
	if (frac & mask)
		env->flags |= SC_FP_NX | (tiny ? SC_FP_UF : 0);
	/* the leading one of a normal number adds one to the exponent; a subnormal has none */
	return zero_of(fmt, sign) + ((uint64_t)(e - 1) << s->frac_bits) + sig;
}

/* Normalise 128 bits of which bit 127 stands for 2^exp, and round. */
static uint64_t pack128(enum sc_fp_format fmt, bool sign, int exp, u128 frac, struct sc_fp_env *env)
{
	uint64_t high = frac >> 64;
	int shift = high ? __builtin_clzll(high) : 64 + __builtin_clzll((uint64_t)frac);

	frac <<= shift;
	return pack(fmt, sign, exp - shift, (uint64_t)(frac >> 64) | ((uint64_t)frac != 0), env);
}

/* The sign of an exact zero that two operands of different sign add up to. */
static uint64_t cancelled(enum sc_fp_format fmt, const struct sc_fp_env *env)
{
	return zero_of(fmt, env->rm == SC_RDN);
}

/*
 * Sum of two nonzero magnitudes with bit 126 (or 127) of the fraction set in
 * the larger; 2^exp is the weight of bit 127 in both. At most one bit of
 * cancellation can happen to a jammed operand, so the jam stays below the
 * rounding position.
 */
static uint64_t add128(enum sc_fp_format fmt, bool sa, int ea, u128 fa, bool sb, int eb, u128 fb,
		       struct sc_fp_env *env)
{
	int exp = ea > eb ? ea : eb;

	fa = shift_right_jam128(fa, exp - ea);
	fb = shift_right_jam128(fb, exp - eb);
	if (sa == sb)
		return pack128(fmt, sa, exp, fa + fb, env);
	if (fa == fb)
		return cancelled(fmt, env);
	if (fa > fb)
		return pack128(fmt, sa, exp, fa - fb, env);
	return pack128(fmt, sb, exp, fb - fa, env);
}

static uint64_t add(enum sc_fp_format fmt, uint64_t abits, uint64_t bbits, bool negate,
		    struct sc_fp_env *env)
{
	struct num a = unpack(fmt, abits), b = unpack(fmt, bbits);

	b.sign ^= negate;
	if (is_nan(&a) || is_nan(&b))
		return nan_of(fmt, a.cls == SNAN || b.cls == SNAN, env);
	if (a.cls == INF || b.cls == INF) {
		if (a.cls == b.cls && a.sign != b.sign)
			return invalid(fmt, env);
		return inf_of(fmt, a.cls == INF ? a.sign : b.sign);
	}
	if (a.cls == ZERO && b.cls == ZERO)
		return a.sign == b.sign ? zero_of(fmt, a.sign) : cancelled(fmt, env);
	if (a.cls == ZERO)
		return pack(fmt, b.sign, b.exp, b.frac, env);
	if (b.cls == ZERO)
		return pack(fmt, a.sign, a.exp, a.frac, env);
	return add128(fmt, a.sign, a.exp + 1, (u128)a.frac << 63, b.sign, b.exp + 1,
		      (u128)b.frac << 63, env);
}

uint64_t sc_fp_add(enum sc_fp_format fmt, uint64_t a, uint64_t b, struct sc_fp_env *env)
{
	return add(fmt, a, b, false, env);
}

uint64_t sc_fp_sub(enum sc_fp_format fmt, uint64_t a, uint64_t b, struct sc_fp_env *env)
{
	return add(fmt, a, b, true, env);
}

uint64_t sc_fp_mul(enum sc_fp_format fmt, uint64_t abits, uint64_t bbits, struct sc_fp_env *env)
{
	struct num a = unpack(fmt, abits), b = unpack(fmt, bbits);
	bool sign = a.sign ^ b.sign;

	if (is_nan(&a) || is_nan(&b))
		return nan_of(fmt, a.cls == SNAN || b.cls == SNAN, env);
	if (a.cls == INF || b.cls == INF) {
		if (a.cls == ZERO || b.cls == ZERO)
			return invalid(fmt, env);
		return inf_of(fmt, sign);
	}
	if (a.cls == ZERO || b.cls == ZERO)
		return zero_of(fmt, sign);
	return pack128(fmt, sign, a.exp + b.exp + 1, (u128)a.frac * b.frac, env);
}

uint64_t sc_fp_fma(enum sc_fp_format fmt, uint64_t abits, uint64_t bbits, uint64_t cbits,
		   bool neg_product, bool neg_c, struct sc_fp_env *env)
{
	struct num a = unpack(fmt, abits), b = unpack(fmt, bbits), c = unpack(fmt, cbits);
	bool sign = a.sign ^ b.sign ^ neg_product;
	bool bad = (a.cls == INF && b.cls == ZERO) || (a.cls == ZERO && b.cls == INF);
	u128 product;

	c.sign ^= neg_c;
	if (is_nan(&a) || is_nan(&b) || is_nan(&c))
		return nan_of(fmt, bad || a.cls == SNAN || b.cls == SNAN || c.cls == SNAN, env);
	if (bad)
		return invalid(fmt, env);
	if (a.cls == INF || b.cls == INF) {
		if (c.cls == INF && c.sign != sign)
			return invalid(fmt, env);
		return inf_of(fmt, sign);
	}
	if (c.cls == INF)
		return inf_of(fmt, c.sign);
	if (a.cls == ZERO || b.cls == ZERO) {
		if (c.cls == ZERO)
			return c.sign == sign ? zero_of(fmt, sign) : cancelled(fmt, env);
		return pack(fmt, c.sign, c.exp, c.frac, env);
	}
	product = (u128)a.frac * b.frac;
	if (c.cls == ZERO)
		return pack128(fmt, sign, a.exp + b.exp + 1, product, env);
	/* 53-bit operands leave the low 22 bits of the product zero: one may go for the carry */
	return add128(fmt, sign, a.exp + b.exp + 2, product >> 1, c.sign, c.exp + 1,
		      (u128)c.frac << 63, env);
}

uint64_t sc_fp_div(enum sc_fp_format fmt, uint64_t abits, uint64_t bbits, struct sc_fp_env *env)
{
	struct num a = unpack(fmt, abits), b = unpack(fmt, bbits);
	bool sign = a.sign ^ b.sign, less;
	u128 n;

	if (is_nan(&a) || is_nan(&b))
		return nan_of(fmt, a.cls == SNAN || b.cls == SNAN, env);
	if (a.cls == b.cls && a.cls != FINITE)
		return invalid(fmt, env);
	if (a.cls == INF)
		return inf_of(fmt, sign);
	if (a.cls == ZERO || b.cls == INF)
		return zero_of(fmt, sign);
	if (b.cls == ZERO) {
		env->flags |= SC_FP_DZ;
		return inf_of(fmt, sign);
	}
	less = a.frac < b.frac;
	n = (u128)a.frac << (63 + less);
	return pack(fmt, sign, a.exp - b.exp - less, (uint64_t)(n / b.frac) | (n % b.frac != 0),
		    env);
}

uint64_t sc_fp_sqrt(enum sc_fp_format fmt, uint64_t abits, struct sc_fp_env *env)
{
	struct num a = unpack(fmt, abits);
	uint64_t root = 0;
	u128 n, rest = 0;

	if (is_nan(&a))
		return nan_of(fmt, a.cls == SNAN, env);
	if (a.cls == ZERO || (a.cls == INF && !a.sign))
		return abits;
	if (a.sign)
		return invalid(fmt, env);
	/* an even exponent; then the root of n, two bits a step, has bit 63 set */
	n = (u128)a.frac << 63;
	if (a.exp & 1)
		n <<= 1;
	for (int i = 0; i < 64; i++) {
		u128 trial = (u128)root << 2 | 1;

		rest = rest << 2 | (n >> 126);
		n <<= 2;
		root <<= 1;
		if (rest >= trial) {
			rest -= trial;
			root |= 1;
		}
	}
	return pack(fmt, false, (a.exp - (a.exp & 1)) / 2, root | (rest != 0), env);
}

/* -1, 0 or 1 for two numbers that are not NaN; zeros are equal. */
static int compare(enum sc_fp_format fmt, uint64_t a, uint64_t b)
{
	uint64_t sign = zero_of(fmt, true);
	int64_t x = (int64_t)(a & ~sign), y = (int64_t)(b & ~sign);

	x = a & sign ? -x : x;
	y = b & sign ? -y : y;
	return (x > y) - (x < y);
}

static bool unordered(enum sc_fp_format fmt, uint64_t abits, uint64_t bbits, bool quiet,
		      struct sc_fp_env *env)
{
	struct num a = unpack(fmt, abits), b = unpack(fmt, bbits);

	if (!is_nan(&a) && !is_nan(&b))
		return false;
	if (!quiet || a.cls == SNAN || b.cls == SNAN)
		env->flags |= SC_FP_NV;
	return true;
}

bool sc_fp_eq(enum sc_fp_format fmt, uint64_t a, uint64_t b, struct sc_fp_env *env)
{
	return !unordered(fmt, a, b, true, env) && compare(fmt, a, b) == 0;
}

bool sc_fp_lt(enum sc_fp_format fmt, uint64_t a, uint64_t b, struct sc_fp_env *env)
{
	return !unordered(fmt, a, b, false, env) && compare(fmt, a, b) < 0;
}

bool sc_fp_le(enum sc_fp_format fmt, uint64_t a, uint64_t b, struct sc_fp_env *env)
{
	return !unordered(fmt, a, b, false, env) && compare(fmt, a, b) <= 0;
}

static uint64_t select(enum sc_fp_format fmt, uint64_t a, uint64_t b, bool max,
		       struct sc_fp_env *env)
{
	struct num x = unpack(fmt, a), y = unpack(fmt, b);
	int order;

	if (unordered(fmt, a, b, true, env))
		return is_nan(&x) ? is_nan(&y) ? sc_fp_nan(fmt) : b : a;
	order = compare(fmt, a, b);
	if (!order) /* equal, or zeros of which -0 is the smaller */
		order = (int)y.sign - (int)x.sign;
	return (order > 0) == max ? a : b;
}

uint64_t sc_fp_min(enum sc_fp_format fmt, uint64_t a, uint64_t b, struct sc_fp_env *env)
{
	return select(fmt, a, b, false, env);
}

uint64_t sc_fp_max(enum sc_fp_format fmt, uint64_t a, uint64_t b, struct sc_fp_env *env)
{
	return select(fmt, a, b, true, env);
}

uint64_t sc_fp_class(enum sc_fp_format fmt, uint64_t bits)
{
	struct num n = unpack(fmt, bits);
	bool subnormal = n.cls == FINITE && n.exp < 1 - bias_of(fmt);

	switch (n.cls) {
	case INF:
		return n.sign ? 1 << 0 : 1 << 7;
	case ZERO:
		return n.sign ? 1 << 3 : 1 << 4;
	case SNAN:
		return 1 << 8;
	case QNAN:
		return 1 << 9;
	default:
		break;
	}
	if (subnormal)
		return n.sign ? 1 << 2 : 1 << 5;
	return n.sign ? 1 << 1 : 1 << 6;
}

uint64_t sc_fp_convert(enum sc_fp_format to, enum sc_fp_format from, uint64_t bits,
		       struct sc_fp_env *env)
{
	struct num n = unpack(from, bits);

	if (is_nan(&n))
		return nan_of(to, n.cls == SNAN, env);
	if (n.cls == INF)
		return inf_of(to, n.sign);
	if (n.cls == ZERO)
		return zero_of(to, n.sign);
	return pack(to, n.sign, n.exp, n.frac, env);
}

uint64_t sc_fp_from_int(enum sc_fp_format fmt, uint64_t value, bool is_signed,
			struct sc_fp_env *env)
{
	bool sign = is_signed && (int64_t)value < 0;
	int shift;

	if (!value)
		return 0;
	if (sign)
		value = -value;
	shift = __builtin_clzll(value);
	return pack(fmt, sign, 63 - shift, value << shift, env);
}

static uint64_t saturated(bool negative, unsigned int bits, bool is_signed, struct sc_fp_env *env)
{
	uint64_t max = ~0ULL >> (64 - bits + is_signed);

	env->flags |= SC_FP_NV;
	if (negative)
		return is_signed ? ~max : 0;
	return is_signed ? max : (uint64_t)((int64_t)(max << (64 - bits)) >> (64 - bits));
}

uint64_t sc_fp_to_int(enum sc_fp_format fmt, uint64_t abits, unsigned int bits, bool is_signed,
		      struct sc_fp_env *env)
{
	struct num a = unpack(fmt, abits);
	uint64_t value = 0, rest = 0, limit;

	if (is_nan(&a))
		return saturated(false, bits, is_signed, env);
	if (a.cls == INF || (a.cls == FINITE && a.exp > 63))
		return saturated(a.sign, bits, is_signed, env);
	if (a.cls == ZERO)
		return 0;
	/* value.rest is the magnitude; rest is a fraction of 2^64 */
	if (a.exp == 63) {
		value = a.frac;
	} else if (a.exp >= 0) {
		value = a.frac >> (63 - a.exp);
		rest = a.frac << (a.exp + 1);
	} else {
		rest = shift_right_jam(a.frac, -1 - a.exp);
	}
	value += rounds_up(rest, 1ULL << 63, value & 1, a.sign, env->rm);
	limit = ~0ULL >> (64 - bits + is_signed);
	if (a.sign ? value > (is_signed ? limit + 1 : 0) : value > limit)
		return saturated(a.sign, bits, is_signed, env);
	if (rest)
		env->flags |= SC_FP_NX;
	if (a.sign)
		value = -value;
	return (uint64_t)((int64_t)(value << (64 - bits)) >> (64 - bits));
}
