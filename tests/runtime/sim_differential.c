// SPDX-License-Identifier: MIT
/* differential.c on the simulator back end. */
#define SIM "sim:strict=1"
#include "differential.c"
