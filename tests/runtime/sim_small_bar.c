// SPDX-License-Identifier: MIT
/* small_bar.c on the simulator back end. */
#define SIM "sim:vram=1G,bar=256M,strict=1"
#include "small_bar.c"
