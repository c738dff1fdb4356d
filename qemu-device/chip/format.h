/* SPDX-License-Identifier: MIT */
/*
 * Element formats of the matrix engine: exact decoding to f32, and rounding
 * from f32 with the engine's rules: to nearest even, subnormals kept, one NaN
 * per format. Needs nothing of the host but binary32 arithmetic.
 */
#ifndef SC_FORMAT_H
#define SC_FORMAT_H

#include <stdint.h>
#include <string.h>

#define SC_NAN_F32  0x7fc00000u
#define SC_NAN_BF16 0x7fc0u
#define SC_NAN_F16  0x7e00u
#define SC_NAN_E5M2 0x7eu
#define SC_NAN_E4M3 0x7fu

static inline float sc_f32_from_bits(uint32_t bits)
{
	float f;

	memcpy(&f, &bits, sizeof(f));
	return f;
}

static inline uint32_t sc_f32_bits(float f)
{
	uint32_t bits;

	memcpy(&bits, &f, sizeof(bits));
	return bits;
}

static inline float sc_from_bf16(uint16_t v)
{
	return sc_f32_from_bits((uint32_t)v << 16);
}

static inline float sc_from_f16(uint16_t v)
{
	uint32_t sign = (uint32_t)(v & 0x8000) << 16, exp = v >> 10 & 0x1f, man = v & 0x3ff;

	if (exp == 0x1f)
		return sc_f32_from_bits(sign | 0x7f800000 | man << 13);
	if (exp)
		return sc_f32_from_bits(sign | (exp + 112) << 23 | man << 13);
	return sc_f32_from_bits(sign | sc_f32_bits((float)man / (1 << 24)));
}

static inline float sc_from_e5m2(uint8_t v)
{
	return sc_from_f16((uint16_t)(v << 8));
}

static inline float sc_from_e4m3(uint8_t v)
{
	uint32_t sign = (uint32_t)(v & 0x80) << 24, exp = v >> 3 & 0xf, man = v & 0x7;

	if ((v & 0x7f) == 0x7f)
		return sc_f32_from_bits(sign | SC_NAN_F32);
	if (exp)
		return sc_f32_from_bits(sign | (exp + 120) << 23 | man << 20);
	return sc_f32_from_bits(sign | sc_f32_bits((float)man / (1 << 9)));
}

/* A power of two, scale format of the OCP microscaling formats; 255 is NaN. */
static inline float sc_from_e8m0(uint8_t v)
{
	if (v == 0xff)
		return sc_f32_from_bits(SC_NAN_F32);
	return sc_f32_from_bits(v ? (uint32_t)v << 23 : 0x00400000);
}

/*
 * Magnitude of @f, not a NaN, rounded to a format of @exp_bits and @man_bits.
 * Beyond the largest finite number the result goes on counting up: the caller
 * knows what the format has there.
 */
static inline uint32_t sc_round_magnitude(float f, unsigned int exp_bits, unsigned int man_bits)
{
	uint32_t abs = sc_f32_bits(f) & 0x7fffffff;
	int exp = (int)(abs >> 23) - 127, least = 2 - (1 << (exp_bits - 1));
	uint32_t man = (abs & 0x7fffff) | 0x800000, rest, half, out;
	unsigned int shift = 23 - man_bits;

	if (exp < least)
		shift += least - exp;
	if (shift > 24) /* below half of the least subnormal */
		return 0;
	out = man >> shift;
	rest = man & ((1u << shift) - 1);
	half = 1u << (shift - 1);
	if (rest > half || (rest == half && (out & 1)))
		out++;
	/* The implicit bit counts once in the exponent, and so does a carry. */
	if (exp >= least)
		out += (uint32_t)(exp - least) << man_bits;
	return out;
}

static inline uint32_t sc_to_f32(float f)
{
	return f != f ? SC_NAN_F32 : sc_f32_bits(f);
}

static inline uint16_t sc_to_bf16(float f)
{
	uint32_t bits = sc_f32_bits(f);

	if (f != f)
		return SC_NAN_BF16;
	return (bits + 0x7fff + (bits >> 16 & 1)) >> 16;
}

static inline uint16_t sc_to_f16(float f)
{
	uint32_t out;

	if (f != f)
		return SC_NAN_F16;
	out = sc_round_magnitude(f, 5, 10);
	return (sc_f32_bits(f) >> 16 & 0x8000) | (out < 0x7c00 ? out : 0x7c00);
}

/* Overflows to infinity. */
static inline uint8_t sc_to_e5m2(float f)
{
	uint32_t out;

	if (f != f)
		return SC_NAN_E5M2;
	out = sc_round_magnitude(f, 5, 2);
	return (sc_f32_bits(f) >> 24 & 0x80) | (out < 0x7c ? out : 0x7c);
}

/* Saturates at 448: there is no infinity. */
static inline uint8_t sc_to_e4m3(float f)
{
	uint32_t out;

	if (f != f)
		return SC_NAN_E4M3;
	out = sc_round_magnitude(f, 4, 3);
	return (sc_f32_bits(f) >> 24 & 0x80) | (out < 0x7e ? out : 0x7e);
}

#endif /* SC_FORMAT_H */
