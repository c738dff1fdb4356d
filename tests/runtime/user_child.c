// SPDX-License-Identifier: MIT
/* child.c with all queues in user mode. */
#define USER_QUEUES
#include "child.c"
