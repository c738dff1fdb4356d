// SPDX-License-Identifier: MIT
/* See matmul.h. The order of operations is docs/hardware.md 7.3's, and ops_matmul.h's. */
#include <math.h>

#include "matmul.h"

struct matrix matrix_read(uint32_t type, const void *from, uint32_t rows, uint32_t columns,
			  bool turned, uint64_t stride, const int8_t *codebook)
{
	struct matrix m = { .at = calloc((size_t)rows * columns + 1, 4), .columns = columns };

	for (uint32_t r = 0; r < rows; r++) {
		for (uint32_t c = 0; c < columns; c++) {
			uint64_t outer = turned ? c : r, inner = turned ? r : c;
			float v = kt_get(type, (const uint8_t *)from + outer * stride, inner);

			m.at[(size_t)r * columns + c] = type == SDO_I4 ? codebook[(int)v] : v;
		}
	}
	return m;
}

void matrix_free(struct matrix *m)
{
	free(m->at);
	m->at = NULL;
}

static float get(const struct matrix *m, uint32_t row, uint32_t column)
{
	return m->at ? m->at[(size_t)row * m->columns + column] : 1;
}

bool product_is_integer(const struct product *p)
{
	return p->type == SDO_I8 && !p->group;
}

static int32_t integers(const struct product *p, uint32_t m, uint32_t n, uint32_t from,
			uint32_t to)
{
	uint32_t sum = 0;

	for (uint32_t k = from; k < to; k++)
		sum += (int32_t)get(&p->a, m, k) * (int32_t)get(&p->b, k, n);
	return sum;
}

int32_t product_integer(const struct product *p, uint32_t m, uint32_t n)
{
	return integers(p, m, n, 0, p->k);
}

static float grouped(const struct product *p, uint32_t m, uint32_t n)
{
	uint32_t block = p->group > 256 ? p->group : 256;
	float acc = 0;

	for (uint32_t k0 = 0; k0 < p->k; k0 += block) {
		uint32_t end = k0 + block < p->k ? k0 + block : p->k;

		for (uint32_t k = k0; k < end; k += p->group) {
			uint32_t to = k + p->group < end ? k + p->group : end, g = k / p->group;
			float scale = get(&p->scale_a, m, g) * get(&p->scale_b, g, n);

			acc = fmaf(integers(p, m, n, k, to), scale, acc);
		}
		for (uint32_t k = k0; k < end && p->mins.at; k += p->group)
			acc = fmaf(get(&p->sums, m, k / p->group), get(&p->mins, k / p->group, n),
				   acc);
	}
	return acc;
}

float product_float(const struct product *p, uint32_t m, uint32_t n)
{
	bool pairs = p->type == SDO_E4M3 || p->type == SDO_E5M2;
	float acc = 0;

	if (p->group)
		return grouped(p, m, n);
	for (uint32_t k = 0; k < p->k; k++) {
		float a = get(&p->a, m, k), b = get(&p->b, k, n);

		if (!pairs) {
			acc = fmaf(a, b, acc);
			continue;
		}
		if (++k < p->k)
			acc += fmaf(get(&p->a, m, k), get(&p->b, k, n), a * b);
		else
			acc += fmaf(0, 0, a * b);
	}
	return acc;
}

double activation(uint32_t act, double x)
{
	const double root = sqrt(2 / M_PI);

	if (x == -INFINITY && act)
		return 0;
	switch (act) {
	case SDO_ACT_RELU:
		return x > 0 || isnan(x) ? x : 0;
	case SDO_ACT_GELU:
		return x * 0.5 * erfc(-x * M_SQRT1_2);
	case SDO_ACT_GELU_TANH:
		return x / (1 + exp(-2 * root * (x + 0.044715 * x * x * x)));
	case SDO_ACT_SILU:
		return x / (1 + exp(-x));
	default: return x;
	}
}
