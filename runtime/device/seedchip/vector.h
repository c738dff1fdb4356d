/* SPDX-License-Identifier: MIT */
/*
 * The card's own vector instruction as intrinsics, beside those of
 * <riscv_vector.h>, for kernels compiled with the V extension:
 *
 *	seedchip-cc -misa=rv64imafdv_zicsr_zifencei_zba_zbb_zbs_zfh ...
 *
 * The compiler does not know the instruction and keeps vl and vtype by its own
 * book, so each intrinsic sets both and says so.
 */
#ifndef SEEDCHIP_VECTOR_H
#define SEEDCHIP_VECTOR_H

#include <riscv_vector.h>

#include "seedchip/kernel.h"

#define SD_VEXP2_(lmul)                                                                            \
	SD_INLINE vfloat32##lmul##_t sd_vexp2_f32##lmul(vfloat32##lmul##_t x, size_t vl)           \
	{                                                                                          \
		vfloat32##lmul##_t y;                                                              \
		__asm__(SD_NEEDS_(XSDV_EXP2) "vsetvli zero, %[vl], e32, " #lmul ", ta, ma\n"       \
			".insn r 0x2b, 5, 1, %[y], x0, %[x]"                                       \
			: [y] "=vr"(y)                                                             \
			: [x] "vr"(x), [vl] "r"(vl), SD_NEEDS_IN_(XSDV_EXP2)                       \
			: "vl", "vtype");                                                          \
		return y;                                                                          \
	}

/** sd_vexp2_f32m1() and so on - 2 to the power of each of @vl elements, within 2 ulp. */
SD_VEXP2_(m1)
SD_VEXP2_(m2)
SD_VEXP2_(m4)
SD_VEXP2_(m8)

#endif /* SEEDCHIP_VECTOR_H */
