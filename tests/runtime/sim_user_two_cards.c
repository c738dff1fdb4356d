// SPDX-License-Identifier: MIT
/* two_cards.c on the simulator back end with all queues in user mode. */
#define SIM "sim:cards=2"
#define USER_QUEUES
#include "two_cards.c"
