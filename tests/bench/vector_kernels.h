/* SPDX-License-Identifier: MIT */
/*
 * Three kernels that are compiled twice: for the card, with its vectors, and
 * for the host, in the shape that gcc -O3 vectorises (sums and maxima in
 * independent lanes). Both do the same operations per element.
 */
#ifndef SC_TESTS_VECTOR_KERNELS_H
#define SC_TESTS_VECTOR_KERNELS_H

#include <stddef.h>

/** struct vector_job - arrays of @rows x @n f32; y is in and out for saxpy */
struct vector_job {
	size_t rows;
	size_t n;
	const float *x;
	const float *w; /* n of them */
	float *y;
};

/** saxpy() - y += 1.5 x */
void saxpy(const struct vector_job *job);

/** softmax() - of each row */
void softmax(const struct vector_job *job);

/** rmsnorm() - each row over its root mean square, times w */
void rmsnorm(const struct vector_job *job);

#endif /* SC_TESTS_VECTOR_KERNELS_H */
