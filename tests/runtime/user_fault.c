// SPDX-License-Identifier: MIT
/* fault.c with all queues in user mode. */
#define USER_QUEUES
#include "fault.c"
