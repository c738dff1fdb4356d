// SPDX-License-Identifier: MIT
/* Where the tests of the kernel library run: on the card in the VM, fewer cases. */
#include "harness.h"

const struct kt_backend kt_backends[] = { { "card", NULL, false } };
const unsigned int kt_num_backends = 1;
const char *const kt_kernels = "/usr/lib/seedchip";
const bool kt_reduced = true;
