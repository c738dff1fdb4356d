// SPDX-License-Identifier: MIT
/* notify.c on the simulator back end. */
#define SIM "sim:strict=1"
#include "notify.c"
