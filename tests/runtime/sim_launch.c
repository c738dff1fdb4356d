// SPDX-License-Identifier: MIT
/* launch.c on the simulator back end. */
#define SIM "sim:strict=1"
#include "launch.c"
