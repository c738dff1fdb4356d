// SPDX-License-Identifier: MIT
/* notify.c with all queues in user mode. */
#define USER_QUEUES
#include "notify.c"
