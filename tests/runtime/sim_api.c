// SPDX-License-Identifier: MIT
/* api.c on the simulator back end, with strict checks. */
#define SIM "sim:strict=1"
#include "api.c"
