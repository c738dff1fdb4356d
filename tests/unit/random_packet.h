/* SPDX-License-Identifier: MIT */
/* Packets that are random, but not too random to get past the first check. */
#ifndef RANDOM_PACKET_H
#define RANDOM_PACKET_H

#include "tests/unit/chip_bench.h"

/* What they are about, as the test maps it in their context. */
#define VA	 0x40000ULL
#define PAGES	 64
#define PA	 0x100000ULL
#define LIST	 (VA + 32 * 4096)

/* rnd() - the next of a series that the seed, which is not 0, decides. */
uint64_t rnd(void);
void rnd_seed(uint64_t seed);

/* random_packet() - a packet with its arguments. Return: its slots, 1 or 2. */
unsigned int random_packet(union packet p[2]);

#endif
