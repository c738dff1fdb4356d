// SPDX-License-Identifier: MIT
/*
 * The kernels of vector_kernels.h for the host, built with gcc -O3
 * -march=native. 2^x is the card's polynomial without its branches: the
 * arguments here are at most 0 and not too small, and what is below 2^-126 is 0.
 */
#include <math.h>
#include <stdint.h>
#include <string.h>

#include "vector_kernels.h"

#define LOG2E 1.44269504f
#define LANES 64

static inline float exp2_of(float x)
{
	float n, r, p, scale;
	uint32_t bits;
	int e;

	n = (x + 0x1.8p23f) - 0x1.8p23f;
	r = x - n;
	p = 0x1.ffcbfcp-17f;
	p = fmaf(p, r, 0x1.430912p-13f);
	p = fmaf(p, r, 0x1.5d87fep-10f);
	p = fmaf(p, r, 0x1.3b2ab6p-7f);
	p = fmaf(p, r, 0x1.c6b08ep-5f);
	p = fmaf(p, r, 0x1.ebfbep-3f);
	p = fmaf(p, r, 0x1.62e43p-1f);
	p = fmaf(p, r, 1.0f);
	e = (int)n + 127;
	bits = (uint32_t)(e > 0 ? e : 0) << 23;
	memcpy(&scale, &bits, sizeof(scale));
	return p * scale;
}

void saxpy(const struct vector_job *job)
{
	const float *restrict x = job->x;
	float *restrict y = job->y;
	size_t count = job->rows * job->n;

	for (size_t i = 0; i < count; i++)
		y[i] = fmaf(1.5f, x[i], y[i]);
}

void softmax(const struct vector_job *job)
{
	for (size_t row = 0; row < job->rows; row++) {
		const float *restrict x = job->x + row * job->n;
		float *restrict y = job->y + row * job->n;
		float max[LANES], sum[LANES] = { 0 }, top = -INFINITY, total = 0;

		for (size_t j = 0; j < LANES; j++)
			max[j] = -INFINITY;
		for (size_t i = 0; i < job->n; i += LANES)
			for (size_t j = 0; j < LANES; j++)
				max[j] = x[i + j] > max[j] ? x[i + j] : max[j];
		for (size_t j = 0; j < LANES; j++)
			top = max[j] > top ? max[j] : top;
		top *= LOG2E;
		for (size_t i = 0; i < job->n; i += LANES)
			for (size_t j = 0; j < LANES; j++) {
				float v = exp2_of(x[i + j] * LOG2E - top);

				y[i + j] = v;
				sum[j] += v;
			}
		for (size_t j = 0; j < LANES; j++)
			total += sum[j];
		total = 1 / total;
		for (size_t i = 0; i < job->n; i++)
			y[i] *= total;
	}
}

void rmsnorm(const struct vector_job *job)
{
	const float *restrict w = job->w;

	for (size_t row = 0; row < job->rows; row++) {
		const float *restrict x = job->x + row * job->n;
		float *restrict y = job->y + row * job->n;
		float sum[LANES] = { 0 }, total = 0, scale;

		for (size_t i = 0; i < job->n; i += LANES)
			for (size_t j = 0; j < LANES; j++)
				sum[j] = fmaf(x[i + j], x[i + j], sum[j]);
		for (size_t j = 0; j < LANES; j++)
			total += sum[j];
		scale = 1 / sqrtf(total / job->n + 1e-5f);
		for (size_t i = 0; i < job->n; i++)
			y[i] = x[i] * scale * w[i];
	}
}
