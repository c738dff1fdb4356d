// SPDX-License-Identifier: MIT
/* notify.c on the simulator back end with all queues in user mode. */
#define SIM "sim:strict=1"
#define USER_QUEUES
#include "notify.c"
