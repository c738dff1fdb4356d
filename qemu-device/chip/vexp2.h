/* SPDX-License-Identifier: MIT */
/*
 * The definition of sd.vexp2.v: 2^x in f32, by a fixed sequence of f32 fused
 * multiply-adds, so that every implementation gives the same bits; within 2 ulp
 * of the exact value. No flag is raised and the rounding mode does not matter.
 */
#ifndef SC_CHIP_VEXP2_H
#define SC_CHIP_VEXP2_H

#include <stdint.h>
#include <string.h>

/* ln(2)^k / k!, highest power first */
#define SC_VEXP2_COEFFICIENTS                                                                      \
	0x1.ffcbfcp-17f, 0x1.430912p-13f, 0x1.5d87fep-10f, 0x1.3b2ab6p-7f, 0x1.c6b08ep-5f,         \
		0x1.ebfbep-3f, 0x1.62e43p-1f, 1.0f

static inline uint32_t sc_vexp2(uint32_t bits)
{
	static const float c[] = { SC_VEXP2_COEFFICIENTS };
	uint32_t abs = bits & 0x7fffffff, half;
	float x, n, r, p, scale;
	int e;

	if (abs > 0x7f800000)
		return 0x7fc00000;
	memcpy(&x, &bits, sizeof(x));
	if (x >= 128.0f)
		return 0x7f800000;
	if (x < -150.0f)
		return 0;
	n = (x + 0x1.8p23f) - 0x1.8p23f; /* nearest integer, ties to even */
	r = x - n; /* exact */
	p = c[0];
	for (unsigned int i = 1; i < sizeof(c) / sizeof(c[0]); i++)
		p = __builtin_fmaf(p, r, c[i]);
	/* two factors, of which the second rounds if the result is subnormal */
	e = (int)n;
	half = (uint32_t)(e / 2 + 127) << 23;
	memcpy(&scale, &half, sizeof(scale));
	p *= scale;
	half = (uint32_t)(e - e / 2 + 127) << 23;
	memcpy(&scale, &half, sizeof(scale));
	p *= scale;
	memcpy(&bits, &p, sizeof(bits));
	return bits;
}

#endif /* SC_CHIP_VEXP2_H */
