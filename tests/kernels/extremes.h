/* SPDX-License-Identifier: MIT */
/* Rows that are hard for argmax and topk: ties, NaN, signed zeros, adverse orders. */
#ifndef KERNELS_EXTREMES_H
#define KERNELS_EXTREMES_H

#include <math.h>

#include "harness.h"

static const uint8_t types[] = { SDO_F32, SDO_BF16, SDO_F16, SDO_E4M3, SDO_E5M2, SDO_I8 };

enum kind { CORNER, TIES, LOWEST, NANS, ZEROS, RISING, FALLING, NUM_KINDS };

/* NANS: one of @nans is one, on average. */
static float extreme(enum kind kind, uint32_t i, uint32_t nans)
{
	switch (kind) {
	case TIES:
		return kt_between(-4, 0);
	case LOWEST:
		return -INFINITY;
	case NANS:
		return kt_random() % nans ? i : NAN;
	case ZEROS:
		return kt_random() & 1 ? -0.0f : 0.0f;
	case RISING:
		return i;
	default:
		return -(float)i;
	}
}

static void fill(enum kind kind, uint32_t type, uint8_t *row, uint32_t n, uint32_t nans)
{
	kt_fill(type, row, n, KT_CORNER);
	for (uint32_t i = 0; kind != CORNER && i < n; i++)
		kt_set(type, row, i, extreme(kind, i, nans));
}

#endif /* KERNELS_EXTREMES_H */
