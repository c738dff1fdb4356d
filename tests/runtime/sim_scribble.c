// SPDX-License-Identifier: MIT
/* scribble.c on the simulator back end. */
#define SIM "sim:strict=1"
#include "scribble.c"
