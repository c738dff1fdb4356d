// SPDX-License-Identifier: MIT
/*
 * The kernels of vector_kernels.h for the card: eight registers at a time, the
 * last few lanes of a sum folded at the end of a row.
 */
#include <riscv_vector.h>

#include "vector_kernels.h"

#define LOG2E 1.44269504f
#define MAX   __riscv_vsetvlmax_e32m8()

static vfloat32m8_t exp2_of(vfloat32m8_t x)
{
	register vfloat32m8_t v __asm__("v8") = x;

	__asm__ volatile("vsetvli zero, %1, e32, m8, ta, ma\n"
			 ".insn r 0x2b, 5, 1, x8, x0, x8" /* sd.vexp2.v v8, v8 */
			 : "+vr"(v)
			 : "r"(MAX)
			 : "vl", "vtype");
	return v;
}

/* Fold eight registers to one, lane by lane. */
#define FOLD(name, op)                                                                             \
	static vfloat32m1_t name(vfloat32m8_t v)                                                   \
	{                                                                                          \
		vfloat32m4_t a = op##_m4(__riscv_vget_v_f32m8_f32m4(v, 0),                         \
					 __riscv_vget_v_f32m8_f32m4(v, 1),                         \
					 __riscv_vsetvlmax_e32m4());                               \
		vfloat32m2_t b = op##_m2(__riscv_vget_v_f32m4_f32m2(a, 0),                         \
					 __riscv_vget_v_f32m4_f32m2(a, 1),                         \
					 __riscv_vsetvlmax_e32m2());                               \
		return op##_m1(__riscv_vget_v_f32m2_f32m1(b, 0),                                   \
			       __riscv_vget_v_f32m2_f32m1(b, 1), __riscv_vsetvlmax_e32m1());       \
	}
#define ADD_m4 __riscv_vfadd_vv_f32m4
#define ADD_m2 __riscv_vfadd_vv_f32m2
#define ADD_m1 __riscv_vfadd_vv_f32m1
#define TOP_m4 __riscv_vfmax_vv_f32m4
#define TOP_m2 __riscv_vfmax_vv_f32m2
#define TOP_m1 __riscv_vfmax_vv_f32m1
FOLD(fold_sum, ADD)
FOLD(fold_max, TOP)

static float sum_of(vfloat32m8_t v)
{
	size_t vl = __riscv_vsetvlmax_e32m1();
	vfloat32m1_t zero = __riscv_vfmv_s_f_f32m1(0, 1), s = fold_sum(v);

	vl /= 2;
	s = __riscv_vfadd_vv_f32m1(s, __riscv_vslidedown_vx_f32m1(s, vl, vl), vl);
	s = __riscv_vfredusum_vs_f32m1_f32m1(s, zero, vl);
	return __riscv_vfmv_f_s_f32m1_f32(s);
}

static float max_of(vfloat32m8_t v)
{
	vfloat32m1_t m = fold_max(v);

	m = __riscv_vfredmax_vs_f32m1_f32m1(m, m, __riscv_vsetvlmax_e32m1());
	return __riscv_vfmv_f_s_f32m1_f32(m);
}

void saxpy(const struct vector_job *job)
{
	size_t count = job->rows * job->n, vl;

	for (size_t i = 0; i < count; i += vl) {
		vfloat32m8_t y;

		vl = __riscv_vsetvl_e32m8(count - i);
		y = __riscv_vle32_v_f32m8(job->y + i, vl);
		y = __riscv_vfmacc_vf_f32m8(y, 1.5f, __riscv_vle32_v_f32m8(job->x + i, vl), vl);
		__riscv_vse32_v_f32m8(job->y + i, y, vl);
	}
}

void softmax(const struct vector_job *job)
{
	const size_t n = job->n;

	for (size_t row = 0; row < job->rows; row++) {
		const float *x = job->x + row * n;
		float *y = job->y + row * n, top;
		vfloat32m8_t max = __riscv_vle32_v_f32m8(x, MAX), sum, v;

		for (size_t i = MAX; i < n; i += MAX)
			max = __riscv_vfmax_vv_f32m8(max, __riscv_vle32_v_f32m8(x + i, MAX), MAX);
		top = max_of(max) * LOG2E;
		for (size_t i = 0; i < n; i += MAX) {
			v = __riscv_vfmul_vf_f32m8(__riscv_vle32_v_f32m8(x + i, MAX), LOG2E, MAX);
			v = exp2_of(__riscv_vfsub_vf_f32m8(v, top, MAX));
			__riscv_vse32_v_f32m8(y + i, v, MAX);
		}
		sum = __riscv_vle32_v_f32m8(y, MAX);
		for (size_t i = MAX; i < n; i += MAX)
			sum = __riscv_vfadd_vv_f32m8(sum, __riscv_vle32_v_f32m8(y + i, MAX), MAX);
		top = 1 / sum_of(sum);
		for (size_t i = 0; i < n; i += MAX) {
			v = __riscv_vle32_v_f32m8(y + i, MAX);
			__riscv_vse32_v_f32m8(y + i, __riscv_vfmul_vf_f32m8(v, top, MAX), MAX);
		}
	}
}

void rmsnorm(const struct vector_job *job)
{
	const size_t n = job->n;
	const float *w = job->w;

	for (size_t row = 0; row < job->rows; row++) {
		const float *x = job->x + row * n;
		float *y = job->y + row * n, scale;
		vfloat32m8_t v = __riscv_vle32_v_f32m8(x, MAX);
		vfloat32m8_t sum = __riscv_vfmul_vv_f32m8(v, v, MAX);

		for (size_t i = MAX; i < n; i += MAX) {
			v = __riscv_vle32_v_f32m8(x + i, MAX);
			sum = __riscv_vfmacc_vv_f32m8(sum, v, v, MAX);
		}
		scale = 1 / __builtin_sqrtf(sum_of(sum) / n + 1e-5f);
		for (size_t i = 0; i < n; i += MAX) {
			v = __riscv_vfmul_vf_f32m8(__riscv_vle32_v_f32m8(x + i, MAX), scale, MAX);
			v = __riscv_vfmul_vv_f32m8(v, __riscv_vle32_v_f32m8(w + i, MAX), MAX);
			__riscv_vse32_v_f32m8(y + i, v, MAX);
		}
	}
}
