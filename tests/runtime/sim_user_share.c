// SPDX-License-Identifier: MIT
/* share.c on the simulator back end with all queues in user mode. */
#define SIM "sim:strict=1"
#define USER_QUEUES
#include "share.c"
