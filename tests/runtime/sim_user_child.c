// SPDX-License-Identifier: MIT
/* child.c on the simulator back end with all queues in user mode. */
#define SIM "sim:strict=1"
#define USER_QUEUES
#include "child.c"
