// SPDX-License-Identifier: MIT
/* graph.c with all queues in user mode. */
#define USER_QUEUES
#include "graph.c"
