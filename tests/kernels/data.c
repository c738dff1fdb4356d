// SPDX-License-Identifier: MIT
/*
 * Data of the tests of the kernel library: random elements of every type, their
 * values, and comparison. Conversions are the reference's own: narrow floats
 * are found by search among all their values, not by the model's code.
 */
#include <math.h>

#include "harness.h"

static uint64_t state;

void kt_seed(uint32_t seed)
{
	state = (uint64_t)seed * 0x9e3779b97f4a7c15 + 0x1234567;
}

uint32_t kt_random(void)
{
	state ^= state << 13;
	state ^= state >> 7;
	state ^= state << 17;
	return state * 0x2545f4914f6cdd1d >> 32;
}

int kt_between(int low, int high)
{
	return low + (int)(kt_random() % (uint32_t)(high - low + 1));
}

/* A binary float format: sign, exponent, mantissa; e4m3 has no infinity and one NaN. */
struct narrow {
	unsigned int exp_bits;
	unsigned int man_bits;
	uint32_t nan;
	bool saturates;
};

static const struct narrow *narrow_of(uint32_t type)
{
	static const struct narrow f16 = { 5, 10, 0x7e00, false }, bf16 = { 8, 7, 0x7fc0, false },
				   e5m2 = { 5, 2, 0x7e, false }, e4m3 = { 4, 3, 0x7f, true };

	switch (type) {
	case SDO_F16: return &f16;
	case SDO_BF16: return &bf16;
	case SDO_E5M2: return &e5m2;
	case SDO_E4M3: return &e4m3;
	default: return NULL;
	}
}

static double narrow_value(const struct narrow *f, uint32_t bits)
{
	uint32_t exp_max = (1u << f->exp_bits) - 1;
	uint32_t man_max = (1u << f->man_bits) - 1;
	uint32_t exp = bits >> f->man_bits & exp_max, man = bits & man_max;
	int bias = (1 << (f->exp_bits - 1)) - 1;
	double value;

	if (f->saturates && exp == exp_max && man == man_max)
		value = NAN;
	else if (!f->saturates && exp == exp_max)
		value = man ? NAN : INFINITY;
	else if (exp)
		value = ldexp(man + (1 << f->man_bits), (int)exp - bias - (int)f->man_bits);
	else
		value = ldexp(man, 1 - bias - (int)f->man_bits);
	return bits >> (f->exp_bits + f->man_bits) ? -value : value;
}

/* The nearest number of the format by bisection, ties to the even code. */
static uint32_t narrow_bits(const struct narrow *f, float value)
{
	uint32_t sign = (uint32_t)!!signbit(value) << (f->exp_bits + f->man_bits);
	uint32_t top = (1u << (f->exp_bits + f->man_bits)) - 1; /* last code with this sign */
	uint32_t low = 0, high, middle;
	double v = fabs((double)value), half;

	if (value != value)
		return f->nan;
	high = f->saturates ? top - 1 : ((1u << f->exp_bits) - 1) << f->man_bits;
	if (f->saturates && v >= narrow_value(f, high))
		return sign | high;
	if (isinf(v))
		return sign | high;
	while (high - low > 1) {
		middle = (low + high) / 2;
		if (narrow_value(f, middle) <= v)
			low = middle;
		else
			high = middle;
	}
	/* infinity stands for the number that would follow the largest one */
	half = narrow_value(f, high);
	if (isinf(half))
		half = 2 * narrow_value(f, low) - narrow_value(f, low - 1);
	half = (narrow_value(f, low) + half) / 2;
	if (v > half || (v == half && (low & 1)))
		low = high;
	return sign | low;
}

static uint64_t load(uint32_t type, const void *from, size_t i)
{
	uint32_t bits = sdo_type_bits(type), bytes = bits / 8;
	uint64_t v = 0;

	if (bits == 4)
		return ((const uint8_t *)from)[i / 2] >> i % 2 * 4 & 15;
	memcpy(&v, (const uint8_t *)from + i * bytes, bytes);
	return v;
}

static void store(uint32_t type, void *to, size_t i, uint64_t v)
{
	uint32_t bits = sdo_type_bits(type), bytes = bits / 8;
	uint8_t *byte = (uint8_t *)to + i / 2;

	if (bits == 4)
		*byte = (*byte & 0xf0 >> i % 2 * 4) | (v & 15) << i % 2 * 4;
	else
		memcpy((uint8_t *)to + i * bytes, &v, bytes);
}

double kt_get(uint32_t type, const void *from, size_t i)
{
	const struct narrow *f = narrow_of(type);
	uint64_t v = load(type, from, i);
	float value;

	if (f)
		return narrow_value(f, v);
	switch (type) {
	case SDO_I8: return (int8_t)v;
	case SDO_I32: return (int32_t)v;
	case SDO_I64: return (int64_t)v;
	case SDO_E8M0:
		return v == 255 ? NAN : ldexp(1, (int)v - 127);
	case SDO_F32:
		memcpy(&value, &v, 4);
		return value;
	default: return v;
	}
}

static int64_t saturate(float value, int64_t low, int64_t high)
{
	double v = nearbyint(value);

	return v != v || v >= high ? high : v <= low ? low : (int64_t)v;
}

void kt_set(uint32_t type, void *to, size_t i, float value)
{
	const struct narrow *f = narrow_of(type);
	uint32_t bits;

	if (f) {
		store(type, to, i, narrow_bits(f, value));
		return;
	}
	switch (type) {
	case SDO_I8:
		store(type, to, i, saturate(value, -128, 127));
		break;
	case SDO_U8:
		store(type, to, i, saturate(value, 0, 255));
		break;
	case SDO_I32:
		store(type, to, i, saturate(value, INT32_MIN, INT32_MAX));
		break;
	case SDO_F32:
		memcpy(&bits, &value, 4);
		store(type, to, i, value != value ? 0x7fc00000 : bits);
		break;
	default:
		tap_fail("no conversion from f32 to type %u", type);
	}
}

/* Bits of a corner of a float format. */
static uint64_t corner(unsigned int exp_bits, unsigned int man_bits)
{
	uint64_t exp = ((1ull << exp_bits) - 1) << man_bits;
	uint64_t man = (1ull << man_bits) - 1;
	uint64_t sign = (uint64_t)(kt_random() & 1) << (exp_bits + man_bits);

	switch (kt_random() % 8) {
	case 0: return sign | exp; /* infinity, or e4m3 256 */
	case 1: return sign | exp | man; /* NaN */
	case 2: return sign;
	case 3: return sign | (kt_random() & man); /* subnormal */
	case 4: return sign | (exp - (1ull << man_bits)) | man; /* largest */
	case 5: return sign | 1;
	default: return kt_random() & ((2ull << (exp_bits + man_bits)) - 1);
	}
}

static uint64_t random_bits(uint32_t type, enum kt_data data)
{
	const struct narrow *f = narrow_of(type);
	bool is_float = f || type == SDO_F32;
	uint64_t v = 0;

	if (type == SDO_E8M0)
		return data == KT_CORNER ? kt_random() & 255 : 127 + (uint32_t)kt_between(-2, 2);
	if (data == KT_CORNER && is_float && kt_random() % 2)
		return f ? corner(f->exp_bits, f->man_bits) : corner(8, 23);
	if (data == KT_CORNER || (data == KT_PLAIN && !is_float))
		return kt_random() | (uint64_t)kt_random() << 32;
	if (data == KT_SMALL && !is_float)
		return kt_between(type == SDO_U8 || type == SDO_I4 ? 0 : -3, 3);
	if (data == KT_SMALL)
		kt_set(type, &v, 0, kt_between(-3, 3));
	else
		kt_set(type, &v, 0,
		       ldexpf(kt_between(-(1 << 23), 1 << 23), -22 - kt_between(0, 3)));
	return v;
}

void kt_fill(uint32_t type, void *to, size_t count, enum kt_data data)
{
	for (size_t i = 0; i < count; i++)
		store(type, to, i, random_bits(type, data));
	if (type == SDO_I4 && count % 2)
		store(type, to, count, kt_random());
}

void kt_same(const char *what, uint32_t type, const void *got, const void *want, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		uint64_t g = load(type, got, i), w = load(type, want, i);

		if (g != w)
			tap_fail("%s: element %zu of %zu is %#llx (%g), not %#llx (%g)", what, i,
				 count, (unsigned long long)g, kt_get(type, got, i),
				 (unsigned long long)w, kt_get(type, want, i));
	}
}

void kt_near(const char *what, uint32_t type, const void *got, const double *want, size_t count,
	     double absolute, double relative)
{
	for (size_t i = 0; i < count; i++) {
		double g = kt_get(type, got, i), w = want[i];

		if (isnan(g) && isnan(w))
			continue;
		if (g == w || fabs(g - w) <= absolute + relative * fabs(w))
			continue;
		tap_fail("%s: element %zu of %zu is %.9g, not %.9g (off by %g, allowed %g)", what,
			 i, count, g, w, g - w, absolute + relative * fabs(w));
	}
}
