// SPDX-License-Identifier: MIT
/*
 * The reference of the matrix engine's arithmetic, in plain C for every host.
 * Operands are first decoded into 32-bit integers or f32, which is exact. The
 * host must be in its default floating-point environment.
 */
#include <math.h>

#include "format.h"
#include "matrix_path.h"

#define DIM SC_ACC_DIM

/* A decoded element lies at [outer][inner]: for A m and k, for B k and n. */
#define A_ROW SC_BLOCK_K
#define B_ROW DIM

static uint32_t decode(const struct sc_operand *op, const int8_t *codebook, unsigned int row,
		       unsigned int i)
{
	const uint8_t *p = op->at + row * op->stride;
	uint32_t word;
	uint16_t half;

	switch (op->fmt) {
	case SC_FMT_I8:
		return (uint32_t)(int8_t)p[i];
	case SC_FMT_I4:
		return (uint32_t)codebook[p[i / 2] >> (i % 2 * 4) & 0xf];
	case SC_FMT_F16:
		memcpy(&half, p + 2 * i, 2);
		return sc_f32_bits(sc_from_f16(half));
	case SC_FMT_BF16:
		memcpy(&half, p + 2 * i, 2);
		return sc_f32_bits(sc_from_bf16(half));
	case SC_FMT_E4M3:
		return sc_f32_bits(sc_from_e4m3(p[i]));
	case SC_FMT_E5M2:
		return sc_f32_bits(sc_from_e5m2(p[i]));
	default:
		memcpy(&word, p + 4 * i, 4);
		return word;
	}
}

static void decode_block(struct sc_scratch *x, const struct sc_block *b)
{
	unsigned int i, j, k;

	for (i = 0; i < b->m; i++) {
		for (k = 0; k < b->k; k++)
			x->a[i * A_ROW + k] = decode(&b->a, b->codebook, b->a.along ? i : k,
						     b->a.along ? k : i);
	}
	for (k = 0; k < b->k; k++) {
		for (j = 0; j < b->n; j++)
			x->b[k * B_ROW + j] = decode(&b->b, b->codebook, b->b.along ? j : k,
						     b->b.along ? k : j);
	}
}

static void start(const struct sc_block *b, unsigned int i, void *sum)
{
	memset(sum, 0, DIM * 4);
	if (b->from)
		memcpy(sum, b->from->i[i], b->n * 4);
}

static void end_int(const struct sc_block *b, unsigned int i, const uint32_t *sum)
{
	unsigned int j;

	if (!b->fold) {
		memcpy(b->to->i[i], sum, b->n * 4);
		return;
	}
	for (j = 0; j < b->n; j++) {
		float scale = b->scale_a[i] * b->scale_b[j];

		b->to->i[i][j] = sc_to_f32(fmaf((float)(int32_t)sum[j], scale, b->to->f[i][j]));
	}
}

static void end_float(const struct sc_block *b, unsigned int i, const float *sum)
{
	unsigned int j;

	for (j = 0; j < b->n; j++) {
		float f = sum[j];

		if (b->fold)
			f = fmaf(f, b->scale_a[i] * b->scale_b[j], b->to->f[i][j]);
		b->to->i[i][j] = sc_to_f32(f);
	}
}

static void multiply_int(struct sc_scratch *x, const struct sc_block *b)
{
	uint32_t sum[DIM];
	unsigned int i, j, k;

	decode_block(x, b);
	for (i = 0; i < b->m; i++) {
		start(b, i, sum);
		for (k = 0; k < b->k; k++) {
			for (j = 0; j < b->n; j++)
				sum[j] += x->a[i * A_ROW + k] * x->b[k * B_ROW + j];
		}
		end_int(b, i, sum);
	}
}

static float element(const uint32_t *decoded, unsigned int i)
{
	return sc_f32_from_bits(decoded[i]);
}

static void multiply_fma(struct sc_scratch *x, const struct sc_block *b)
{
	float sum[DIM];
	unsigned int i, j, k;

	decode_block(x, b);
	for (i = 0; i < b->m; i++) {
		start(b, i, sum);
		for (k = 0; k < b->k; k++) {
			float a = element(x->a, i * A_ROW + k);

			for (j = 0; j < b->n; j++)
				sum[j] = fmaf(a, element(x->b, k * B_ROW + j), sum[j]);
		}
		end_float(b, i, sum);
	}
}

/* A product of two fp8 is exact in f32; an odd k is padded with +0 x +0. */
static void multiply_pair(struct sc_scratch *x, const struct sc_block *b)
{
	float sum[DIM];
	unsigned int i, j, k;

	decode_block(x, b);
	if (b->k % 2) {
		for (i = 0; i < b->m; i++)
			x->a[i * A_ROW + b->k] = 0;
		memset(x->b + b->k * B_ROW, 0, B_ROW * 4);
	}
	for (i = 0; i < b->m; i++) {
		start(b, i, sum);
		for (k = 0; k < b->k; k += 2) {
			float a0 = element(x->a, i * A_ROW + k);
			float a1 = element(x->a, i * A_ROW + k + 1);

			for (j = 0; j < b->n; j++) {
				float b0 = element(x->b, k * B_ROW + j);
				float b1 = element(x->b, (k + 1) * B_ROW + j);

				sum[j] += fmaf(a1, b1, a0 * b0);
			}
		}
		end_float(b, i, sum);
	}
}

static bool usable(void)
{
	return true;
}

const struct sc_matrix_path sc_matrix_scalar = {
	.name = "scalar",
	.usable = usable,
	.block_k = { SC_BLOCK_K, SC_BLOCK_K, SC_BLOCK_K },
	.multiply = { multiply_int, multiply_fma, multiply_pair },
};
