// SPDX-License-Identifier: MIT
/*
 * Where the tests of the kernel library run: on cards of other shapes, fewer
 * cases. Each operation gives right results on them, or sdo_OP_dim() says that
 * the scratchpad is too small.
 */
#include "harness.h"

const struct kt_backend kt_backends[] = {
	{ "VLEN 128, 1 core", "sim:cores=1,vlen=128", false },
	{ "VLEN 128, 1 core, strict", "sim:cores=1,vlen=128,strict=1", false },
	{ "VLEN 256, 3 cores, 512 KiB", "sim:cores=3,vlen=256,tcm=512K,strict=1", true },
	{ "VLEN 512, 2 cores, 256 KiB", "sim:cores=2,vlen=512,tcm=256K,strict=1", true },
	{ "VLEN 16384", "sim:vlen=16384", true },
};

const unsigned int kt_num_backends = 5;
const char *const kt_kernels = KERNELS;
const bool kt_reduced = true;
