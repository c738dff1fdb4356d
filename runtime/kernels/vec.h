/* SPDX-License-Identifier: MIT */
/*
 * Vectors of f32 for the kernels of neural networks: loads and stores that
 * convert, exponential, activations. Everything is computed in f32, whatever
 * the type in memory; the invariant is that a NaN operand gives a NaN.
 */
#ifndef KERNELS_VEC_H
#define KERNELS_VEC_H

#include <seedchip/ops_types.h>
#include <seedchip/vector.h>

#define LOG2E 0x1.715476p+0f

typedef vfloat32m4_t vec;

SD_INLINE size_t vec_len(size_t count) { return __riscv_vsetvl_e32m4(count); }
SD_INLINE size_t vec_max(void) { return __riscv_vsetvlmax_e32m4(); }
SD_INLINE vec vec_splat(float x, size_t vl) { return __riscv_vfmv_v_f_f32m4(x, vl); }

/** vec_widen() - f32 of the bits of F16 or BF16. */
SD_INLINE vec vec_widen(uint32_t type, vuint16m2_t bits, size_t vl)
{
	if (type == SDO_F16)
		return __riscv_vfwcvt_f_f_v_f32m4(__riscv_vreinterpret_v_u16m2_f16m2(bits), vl);
	return __riscv_vfwcvtbf16_f_f_v_f32m4(__riscv_vreinterpret_v_u16m2_bf16m2(bits), vl);
}

/** vec_narrow() - the reverse, rounded to nearest even. */
SD_INLINE vuint16m2_t vec_narrow(uint32_t type, vec x, size_t vl)
{
	if (type == SDO_F16)
		return __riscv_vreinterpret_v_f16m2_u16m2(__riscv_vfncvt_f_f_w_f16m2(x, vl));
	return __riscv_vreinterpret_v_bf16m2_u16m2(__riscv_vfncvtbf16_f_f_w_bf16m2(x, vl));
}

/** vec_load() - elements @i and following of an array of F32, F16 or BF16, at any address. */
SD_INLINE vec vec_load(uint32_t type, const void *from, size_t i, size_t vl)
{
	if (type == SDO_F32)
		return __riscv_vle32_v_f32m4((const float *)from + i, vl);
	return vec_widen(type, __riscv_vle16_v_u16m2((const uint16_t *)from + i, vl), vl);
}

/** vec_store() - the reverse, rounded to nearest even. */
SD_INLINE void vec_store(uint32_t type, void *to, size_t i, vec x, size_t vl)
{
	if (type == SDO_F32)
		__riscv_vse32_v_f32m4((float *)to + i, x, vl);
	else
		__riscv_vse16_v_u16m2((uint16_t *)to + i, vec_narrow(type, x, vl), vl);
}

/*
 * The elements of an accumulator, all vec_max() of them, as one number. By halves: one after
 * the other, the rounding of a thousand equal elements would all go the same way.
 */
SD_INLINE float vec_sum(vec x)
{
	size_t vl = __riscv_vsetvlmax_e32m2();
	vfloat32m2_t half = __riscv_vfadd_vv_f32m2(__riscv_vget_v_f32m4_f32m2(x, 0),
						   __riscv_vget_v_f32m4_f32m2(x, 1), vl);
	vfloat32m1_t sum = __riscv_vget_v_f32m2_f32m1(half, 1);

	vl = __riscv_vsetvlmax_e32m1();
	sum = __riscv_vfadd_vv_f32m1(__riscv_vget_v_f32m2_f32m1(half, 0), sum, vl);
	while (vl > 1) {
		vl /= 2;
		sum = __riscv_vfadd_vv_f32m1(sum, __riscv_vslidedown_vx_f32m1(sum, vl, vl), vl);
	}
	return __riscv_vfmv_f_s_f32m1_f32(sum);
}

SD_INLINE float vec_greatest(vec x)
{
	vfloat32m1_t greatest = __riscv_vfmv_s_f_f32m1(-__builtin_inff(), 1);

	greatest = __riscv_vfredmax_vs_f32m4_f32m1(x, greatest, vec_max());
	return __riscv_vfmv_f_s_f32m1_f32(greatest);
}

/** vec_exp() - e to the power of x; the relative error grows with |x|, 2^-23 times (2 + |x|). */
SD_INLINE vec vec_exp(vec x, size_t vl)
{
	return sd_vexp2_f32m4(__riscv_vfmul_vf_f32m4(x, LOG2E, vl), vl);
}

/* x / (1 + exp(-k)): SiLU for k = x. */
SD_INLINE vec vec_gate(vec x, vec k, size_t vl)
{
	vec e = sd_vexp2_f32m4(__riscv_vfmul_vf_f32m4(k, -LOG2E, vl), vl);

	return __riscv_vfdiv_vv_f32m4(x, __riscv_vfadd_vf_f32m4(e, 1, vl), vl);
}

/* 0.5 (1 + tanh(u)) is 1 / (1 + exp(-2u)), which loses nothing where x is far below zero. */
SD_INLINE vec vec_gelu_tanh(vec x, size_t vl)
{
	const float a = 0x1.988454p+0f; /* 2 sqrt(2 / pi) */
	vec u = __riscv_vfmul_vv_f32m4(x, x, vl);

	u = __riscv_vfmul_vf_f32m4(u, 0.044715f * a, vl);
	u = __riscv_vfadd_vf_f32m4(u, a, vl);
	return vec_gate(x, __riscv_vfmul_vv_f32m4(u, x, vl), vl);
}

/*
 * x times the normal distribution function. With z = |x| / sqrt(2), half of
 * erfc(z) is exp(-z^2) t q(t) for t = 1 / (1 + 0.4 z), q a polynomial that is
 * within 7e-8 of it for z up to 10.5, where exp() reaches zero.
 */
SD_INLINE vec vec_gelu(vec x, size_t vl)
{
	static const float q[] = { 0x1.5908d6p-6f, -0x1.280a7ap-4f, 0x1.7c0984p-5f,
				   0x1.3edac4p-5f, 0x1.6378fcp-5f,  0x1.85e7e4p-4f,
				   0x1.9f0cbcp-4f, 0x1.cf885ep-4f,  0x1.ce1cacp-4f };
	vec z = __riscv_vfmul_vf_f32m4(__riscv_vfabs_v_f32m4(x, vl), 0x1.6a09e6p-1f, vl);
	vec t = __riscv_vfadd_vf_f32m4(__riscv_vfmul_vf_f32m4(z, 0.4f, vl), 1, vl);
	vec p = vec_splat(q[0], vl);
	vbool8_t low = __riscv_vmflt_vf_f32m4_b8(x, 0, vl);

	t = __riscv_vfrdiv_vf_f32m4(t, 1, vl);
	for (unsigned int i = 1; i < sizeof(q) / sizeof(q[0]); i++)
		p = __riscv_vfadd_vf_f32m4(__riscv_vfmul_vv_f32m4(p, t, vl), q[i], vl);
	p = __riscv_vfmul_vv_f32m4(p, t, vl);
	z = __riscv_vfmul_vf_f32m4(__riscv_vfmul_vv_f32m4(z, z, vl), -LOG2E, vl);
	p = __riscv_vfmul_vv_f32m4(p, sd_vexp2_f32m4(z, vl), vl);
	/* infinity times nothing is NaN only below zero, as in 0.5 x (1 + erf) */
	p = __riscv_vfmul_vv_f32m4(p, __riscv_vfmin_vf_f32m4(x, 64, vl), vl);
	return __riscv_vmerge_vvm_f32m4(__riscv_vfsub_vv_f32m4(x, p, vl), p, low, vl);
}

/** vec_act() - an activation, enum sdo_act. */
SD_INLINE vec vec_act(uint32_t act, vec x, size_t vl)
{
	switch (act) {
	case SDO_ACT_RELU:
		return __riscv_vfmerge_vfm_f32m4(x, 0, __riscv_vmfle_vf_f32m4_b8(x, 0, vl), vl);
	case SDO_ACT_GELU:
		return vec_gelu(x, vl);
	case SDO_ACT_GELU_TANH:
		return vec_gelu_tanh(x, vl);
	case SDO_ACT_SILU:
		return vec_gate(x, x, vl);
	default:
		return x;
	}
}

#endif /* KERNELS_VEC_H */
