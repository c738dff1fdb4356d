// SPDX-License-Identifier: MIT
/*
 * vm: cards=2
 *
 * two_cards.c with all queues in user mode.
 */
#define USER_QUEUES
#include "two_cards.c"
