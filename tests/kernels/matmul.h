/* SPDX-License-Identifier: MIT */
/*
 * The plain C reference of matrix multiplication with the matrix engine's
 * numerics, one element of the result at a time, for the tests of the kernels
 * that multiply.
 */
#ifndef KERNELS_MATMUL_H
#define KERNELS_MATMUL_H

#include "harness.h"

/* The values of a matrix; at NULL: absent, all ones. */
struct matrix {
	float *at;
	uint32_t columns;
};

/**
 * matrix_read() - the values of a stored matrix
 * @turned: it is stored by columns
 * @stride: bytes from row to row as stored
 * @codebook: values of I4
 */
struct matrix matrix_read(uint32_t type, const void *from, uint32_t rows, uint32_t columns,
			  bool turned, uint64_t stride, const int8_t *codebook);
void matrix_free(struct matrix *m);

/**
 * struct product - what an element of A B is made of
 * @type: of A
 * @scale_a, @scale_b, @sums, @mins: by group
 */
struct product {
	struct matrix a, b, scale_a, scale_b, sums, mins;
	uint32_t k;
	uint32_t group;
	uint32_t type;
};

/* Whether the accumulator is an integer. */
bool product_is_integer(const struct product *p);

/* Element @m, @n; integers wrap in 32 bits. */
int32_t product_integer(const struct product *p, uint32_t m, uint32_t n);
float product_float(const struct product *p, uint32_t m, uint32_t n);

/* enum sdo_act in double. */
double activation(uint32_t act, double x);

#endif /* KERNELS_MATMUL_H */
