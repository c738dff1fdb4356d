// SPDX-License-Identifier: MIT
/* api.c with all queues in user mode. */
#define USER_QUEUES
#include "api.c"
