/* SPDX-License-Identifier: MIT */
/*
 * What the data and vision kernels share: vectors of any element type as f32,
 * and DMA between a strided array and a dense tile of the scratchpad.
 *
 * The rules of conversion are those of the matrix engine's stores: round to
 * nearest even, e4m3 saturates, the other floats overflow to infinity, integers
 * saturate, NaN becomes the canonical one or the largest integer.
 */
#ifndef KERNELS_DATA_H
#define KERNELS_DATA_H

#include <riscv_vector.h>

#include <seedchip/kernel.h>

SD_INLINE uint32_t min_u32(uint32_t a, uint32_t b)
{
	return a < b ? a : b;
}

SD_INLINE uint32_t max_u32(uint32_t a, uint32_t b)
{
	return a > b ? a : b;
}

SD_INLINE uint32_t align_up(uint32_t v, uint32_t to)
{
	return (v + to - 1) / to * to;
}

SD_INLINE uint32_t div_up(uint64_t a, uint32_t b)
{
	return (a + b - 1) / b;
}

/* e4m3 bits moved into an f16 are the value times 2^-8, subnormals too. */
SD_INLINE vfloat32m8_t load_e4m3(const void *p, size_t vl)
{
	vuint16m4_t v = __riscv_vzext_vf2_u16m4(__riscv_vle8_v_u8m2(p, vl), vl);
	vuint16m4_t size = __riscv_vsll_vx_u16m4(__riscv_vand_vx_u16m4(v, 0x7f, vl), 7, vl);
	vbool4_t nan = __riscv_vmseq_vx_u16m4_b4(size, 0x7f << 7, vl);
	vuint16m4_t sign = __riscv_vsll_vx_u16m4(__riscv_vand_vx_u16m4(v, 0x80, vl), 8, vl);
	vuint16m4_t bits = __riscv_vor_vv_u16m4(size, sign, vl);
	vfloat32m8_t f;

	bits = __riscv_vmerge_vxm_u16m4(bits, 0x7e00, nan, vl);
	f = __riscv_vfwcvt_f_f_v_f32m8(__riscv_vreinterpret_v_u16m4_f16m4(bits), vl);
	return __riscv_vfmul_vf_f32m8(f, 256, vl);
}

SD_INLINE vfloat32m8_t load_e5m2(const void *p, size_t vl)
{
	vuint16m4_t v = __riscv_vzext_vf2_u16m4(__riscv_vle8_v_u8m2(p, vl), vl);

	v = __riscv_vsll_vx_u16m4(v, 8, vl);
	return __riscv_vfwcvt_f_f_v_f32m8(__riscv_vreinterpret_v_u16m4_f16m4(v), vl);
}

SD_INLINE vfloat32m8_t load_i8(const void *p, size_t vl)
{
	vfloat16m4_t half = __riscv_vfwcvt_f_x_v_f16m4(__riscv_vle8_v_i8m2(p, vl), vl);

	return __riscv_vfwcvt_f_f_v_f32m8(half, vl);
}

/* vl elements of a type (SC_FMT_*) as f32; NaN becomes canonical but for f32 itself. */
SD_INLINE vfloat32m8_t load_f32(uint8_t type, const void *p, size_t vl)
{
	switch (type) {
	case SC_FMT_F16:
		return __riscv_vfwcvt_f_f_v_f32m8(__riscv_vle16_v_f16m4(p, vl), vl);
	case SC_FMT_BF16:
		return __riscv_vfwcvtbf16_f_f_v_f32m8(__riscv_vle16_v_bf16m4(p, vl), vl);
	case SC_FMT_E4M3:
		return load_e4m3(p, vl);
	case SC_FMT_E5M2:
		return load_e5m2(p, vl);
	case SC_FMT_I8:
		return load_i8(p, vl);
	case SC_FMT_I32:
		return __riscv_vfcvt_f_x_v_f32m8(__riscv_vle32_v_i32m8(p, vl), vl);
	default:
		return __riscv_vle32_v_f32m8(p, vl);
	}
}

/* Drop the low bits of f16 bits, rounding to nearest even. */
SD_INLINE vuint8m2_t round_f16(vfloat16m4_t f, unsigned int drop, size_t vl)
{
	vuint16m4_t v = __riscv_vreinterpret_v_f16m4_u16m4(f);
	vuint16m4_t odd = __riscv_vand_vx_u16m4(__riscv_vsrl_vx_u16m4(v, drop, vl), 1, vl);
	vuint16m4_t size = __riscv_vand_vx_u16m4(v, 0x7fff, vl);
	vuint8m2_t sign = __riscv_vnsrl_wx_u8m2(__riscv_vand_vx_u16m4(v, 0x8000, vl), 8, vl);

	size = __riscv_vadd_vx_u16m4(size, (1 << (drop - 1)) - 1, vl);
	size = __riscv_vadd_vv_u16m4(size, odd, vl);
	return __riscv_vor_vv_u8m2(__riscv_vnsrl_wx_u8m2(size, drop, vl), sign, vl);
}

/* Rounding to odd on the way makes the second rounding the only one that counts. */
SD_INLINE void store_e4m3(void *p, vfloat32m8_t v, size_t vl)
{
	vbool4_t nan = __riscv_vmfne_vv_f32m8_b4(v, v, vl);
	vuint8m2_t bits;

	v = __riscv_vfmax_vf_f32m8(__riscv_vfmin_vf_f32m8(v, 448, vl), -448, vl);
	v = __riscv_vfmul_vf_f32m8(v, 1.0f / 256, vl);
	bits = round_f16(__riscv_vfncvt_rod_f_f_w_f16m4(v, vl), 7, vl);
	__riscv_vse8_v_u8m2(p, __riscv_vmerge_vxm_u8m2(bits, 0x7f, nan, vl), vl);
}

SD_INLINE void store_e5m2(void *p, vfloat32m8_t v, size_t vl)
{
	__riscv_vse8_v_u8m2(p, round_f16(__riscv_vfncvt_rod_f_f_w_f16m4(v, vl), 8, vl), vl);
}

/* The opposite of load_f32(). */
SD_INLINE void store_f32(uint8_t type, void *p, vfloat32m8_t v, size_t vl)
{
	switch (type) {
	case SC_FMT_F16:
		__riscv_vse16_v_f16m4(p, __riscv_vfncvt_f_f_w_f16m4(v, vl), vl);
		return;
	case SC_FMT_BF16:
		__riscv_vse16_v_bf16m4(p, __riscv_vfncvtbf16_f_f_w_bf16m4(v, vl), vl);
		return;
	case SC_FMT_E4M3:
		store_e4m3(p, v, vl);
		return;
	case SC_FMT_E5M2:
		store_e5m2(p, v, vl);
		return;
	case SC_FMT_I8:
		__riscv_vse8_v_i8m2(p, __riscv_vnclip_wx_i8m2(__riscv_vfncvt_x_f_w_i16m4(v, vl), 0,
							      __RISCV_VXRM_RNU, vl), vl);
		return;
	case SC_FMT_I32:
		__riscv_vse32_v_i32m8(p, __riscv_vfcvt_x_f_v_i32m8(v, vl), vl);
		return;
	default:
		__riscv_vse32_v_f32m8(p, v, vl);
	}
}

/* v < low ? low : v > high ? high : v, so that NaN stays. */
SD_INLINE vfloat32m8_t clamp_f32(vfloat32m8_t v, float low, float high, size_t vl)
{
	vbool4_t below = __riscv_vmflt_vf_f32m8_b4(v, low, vl);

	v = __riscv_vfmerge_vfm_f32m8(v, high, __riscv_vmfgt_vf_f32m8_b4(v, high, vl), vl);
	return __riscv_vfmerge_vfm_f32m8(v, low, below, vl);
}

/* One axis of a strided array; strides in bytes. */
struct axis {
	uint64_t stride;
	uint32_t n;
};

/*
 * Copy between a dense tile of the scratchpad, axis 0 fastest, and an array. A
 * stride that the descriptor cannot hold must belong to an axis of one element.
 */
SD_INLINE void dma_tile(unsigned int channel, void *tcm, uint64_t far, bool to_tcm, uint32_t es,
			struct axis a0, struct axis a1)
{
	struct sc_dma d = { .kind = SC_DMA_COPY, .size0 = es, .size1 = a0.n, .size2 = a1.n };
	uint32_t far_stride[2] = { a0.stride, a1.stride };
	uint32_t tcm_stride[2] = { es, es * a0.n };

	if (a0.n == 1 || a0.stride == es) {
		d.size0 = es * a0.n;
		d.size1 = a1.n;
		d.size2 = 1;
		far_stride[0] = a1.stride;
		tcm_stride[0] = d.size0;
		if (a1.n == 1 || a1.stride == d.size0) {
			d.size0 *= a1.n;
			d.size1 = 1;
		}
	}
	d.src = to_tcm ? far : (uintptr_t)tcm;
	d.dst = to_tcm ? (uintptr_t)tcm : far;
	for (int i = 0; i < 2; i++) {
		d.src_stride[i] = to_tcm ? far_stride[i] : tcm_stride[i];
		d.dst_stride[i] = to_tcm ? tcm_stride[i] : far_stride[i];
	}
	sdd_go(channel, &d);
}

#endif /* KERNELS_DATA_H */
