// SPDX-License-Identifier: MIT
/* launch.c with all queues in user mode. */
#define USER_QUEUES
#include "launch.c"
