// SPDX-License-Identifier: MIT
/* share.c on the simulator back end, with strict checks. */
#define SIM "sim:strict=1"
#include "share.c"
