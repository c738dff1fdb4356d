/* SPDX-License-Identifier: MIT */
/*
 * Tensors of up to four dimensions for the tests of the kernel library: dense,
 * with gaps of odd sizes, or with dimensions in any order. Checking one also
 * checks that the gaps between its elements kept their bytes.
 */
#ifndef KERNELS_TENSOR_H
#define KERNELS_TENSOR_H

#include <math.h>

#include "harness.h"
#include "seedchip/ops_nn.h"

enum layout { DENSE, GAPS, SHUFFLED, LAYOUTS };

struct tensor {
	struct kt_mem mem;
	struct sdo_view view;
	uint32_t type;
	uint32_t n[4];
	uint8_t *before; /* bytes when it was made */
};

static inline size_t tensor_count(const struct tensor *t)
{
	return (size_t)t->n[0] * t->n[1] * t->n[2] * t->n[3];
}

/* The address of element @i, counted with dimension 0 fastest. */
static inline void *tensor_at(const struct tensor *t, size_t i)
{
	uint8_t *p = t->mem.host;

	for (int d = 0; d < 4; d++) {
		p += i % t->n[d] * t->view.stride[d];
		i /= t->n[d];
	}
	return p;
}

static inline double tensor_get(const struct tensor *t, size_t i)
{
	return kt_get(t->type, tensor_at(t, i), 0);
}

/* A tensor of random bytes. */
static inline struct tensor tensor_make(uint32_t type, const uint32_t n[4], enum layout layout)
{
	struct tensor t = { .type = type };
	int order[4] = { 0, 1, 2, 3 };
	uint64_t size = sdo_type_bits(type) / 8;

	memcpy(t.n, n, sizeof(t.n));
	for (int i = 3; layout == SHUFFLED && i > 0; i--) {
		int other = kt_between(0, i), was = order[i];

		order[i] = order[other];
		order[other] = was;
	}
	for (int i = 0; i < 4; i++) {
		t.view.stride[order[i]] = size;
		size = size * n[order[i]] + (layout == DENSE ? 0 : kt_between(0, 5));
	}
	t.mem = kt_mem(size, layout == DENSE ? 0 : kt_between(0, 63));
	t.view.address = t.mem.address;
	t.before = malloc(size + 1);
	memcpy(t.before, t.mem.host, size);
	return t;
}

static inline struct tensor tensor_filled(uint32_t type, const uint32_t n[4], enum layout layout,
					  enum kt_data data)
{
	struct tensor t = tensor_make(type, n, layout);

	for (size_t i = 0; i < tensor_count(&t); i++)
		kt_fill(type, tensor_at(&t, i), 1, data);
	return t;
}

/* |got - want| <= absolute + relative |want| for each element; the gaps are as they were. */
static inline void tensor_check(const char *what, struct tensor *t, const double *want,
				double absolute, double relative)
{
	for (size_t i = 0; i < tensor_count(t); i++) {
		uint8_t *p = tensor_at(t, i);

		kt_near(what, t->type, p, want + i, 1, absolute, relative);
		memcpy(t->before + (p - (uint8_t *)t->mem.host), p, sdo_type_bits(t->type) / 8);
	}
	if (memcmp(t->before, t->mem.host, t->mem.size))
		tap_fail("%s: bytes between the elements have changed", what);
	free(t->before);
	t->before = NULL;
}

/* The same, for bits: @want is f32, converted as the matrix engine does. */
static inline void tensor_same(const char *what, struct tensor *t, const float *want)
{
	for (size_t i = 0; i < tensor_count(t); i++) {
		uint8_t *p = tensor_at(t, i);
		uint64_t bits = 0;

		kt_set(t->type, &bits, 0, want[i]);
		kt_same(what, t->type, p, &bits, 1);
		memcpy(t->before + (p - (uint8_t *)t->mem.host), p, sdo_type_bits(t->type) / 8);
	}
	if (memcmp(t->before, t->mem.host, t->mem.size))
		tap_fail("%s: bytes between the elements have changed", what);
	free(t->before);
	t->before = NULL;
}

/* Half a unit in the last place of a type, relatively, and its least subnormal. */
static inline double type_relative(uint32_t type)
{
	return type == SDO_F32 ? 0x1p-24 : type == SDO_F16 ? 0x1p-11 : 0x1p-8;
}

static inline double type_absolute(uint32_t type)
{
	return type == SDO_F16 ? 0x1p-25 : 0x1p-134;
}

static inline uint32_t float_type(void)
{
	static const uint32_t types[] = { SDO_F32, SDO_F16, SDO_BF16 };

	return types[kt_random() % 3];
}

/* Sizes with their corners: 0, 1, odd, prime, and around powers of two. */
static inline uint32_t any_size(uint32_t most)
{
	static const uint32_t sizes[] = { 1, 2, 3, 5, 7, 8, 16, 17, 31, 64, 65, 97, 127, 128, 257,
					  511, 1000, 1021, 1024, 2053, 4096, 5000 };
	uint32_t n = sizes[kt_random() % (sizeof(sizes) / sizeof(sizes[0]))];

	return n <= most ? n : 1 + kt_random() % most;
}

#endif /* KERNELS_TENSOR_H */
