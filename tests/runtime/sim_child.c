// SPDX-License-Identifier: MIT
/* child.c on the simulator back end. */
#define SIM "sim:strict=1"
#include "child.c"
