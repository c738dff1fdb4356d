// SPDX-License-Identifier: MIT
/* fault.c on the simulator back end, with strict checks. */
#define SIM "sim:strict=1"
#include "fault.c"
