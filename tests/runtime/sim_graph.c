// SPDX-License-Identifier: MIT
/* graph.c on the simulator back end, with strict checks. */
#define SIM "sim:strict=1"
#include "graph.c"
