/* SPDX-License-Identifier: MIT */
/*
 * Compute kernels that the tests of the runtime launch from both of their modules. None of
 * them prints, nor asserts: short_kernels.c must not.
 */
#ifndef COMMON_KERNELS_H
#define COMMON_KERNELS_H

#include <seedchip/kernel.h>

SD_KERNEL0(nothing)
{
}

/* v = v * by + plus, so that the order of launches shows. */
struct affine_args {
	uint64_t *v;
	uint64_t by;
	uint64_t plus;
};

SD_KERNEL(affine, struct affine_args)
{
	*args->v = *args->v * args->by + args->plus;
}

/* Busy until the host says go, so that nothing depends on how long things take. */
struct gate_args {
	volatile uint64_t *go;
};

SD_KERNEL(gate, struct gate_args)
{
	while (!*args->go)
		continue;
}

#endif /* COMMON_KERNELS_H */
