// SPDX-License-Identifier: MIT
/*
 * Where the tests of the kernel library run: on simulated cards, every case.
 * Late effects, other threads, and another shape of card may change no bit that
 * is specified, so the last of them is strict.
 */
#include "harness.h"

const struct kt_backend kt_backends[] = {
	{ "sim", "sim", false },
	{ "sim, strict", "sim:strict=1", false },
};

const unsigned int kt_num_backends = 2;
const char *const kt_kernels = KERNELS;
const bool kt_reduced;
