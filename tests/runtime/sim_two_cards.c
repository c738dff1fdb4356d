// SPDX-License-Identifier: MIT
/* two_cards.c on the simulator back end, with two cards. */
#define SIM "sim:cards=2"
#include "two_cards.c"
