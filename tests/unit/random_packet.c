// SPDX-License-Identifier: MIT
/* See random_packet.h. */
#include "tests/unit/random_packet.h"

static uint64_t rng = 88172645463325252ULL;

void rnd_seed(uint64_t seed)
{
	rng = seed;
}

uint64_t rnd(void)
{
	rng ^= rng << 13;
	rng ^= rng >> 7;
	rng ^= rng << 17;
	return rng;
}

static uint64_t pick_value(void)
{
	static const uint64_t values[] = {
		0, 1, 8, 64, 4096, 0xffff, 65536, 1ULL << 32, 1ULL << 46, 1ULL << 47, 1ULL << 63,
		~0ULL, VA, VA + 4, LIST, SC_VA_KERNEL_START, SC_VA_TCM,
	};

	switch (rnd() % 4) {
	case 0:
		return rnd();
	case 1:
		return VA + rnd() % (PAGES * 4096) / 8 * 8;
	default:
		return values[rnd() % (sizeof(values) / sizeof(values[0]))];
	}
}

/* A packet of any kind, with nothing to object to at first sight, then spoilt a little. */
unsigned int random_packet(union packet p[2])
{
	unsigned int n = 1, i;

	switch (rnd() % 9) {
	case 0:
		pkt_dispatch(p, rnd() & rnd() & 0x1f, rnd() % 6, rnd() % 8, rnd() % 5000,
			     rnd() % 64);
		n = 2;
		break;
	case 1:
		p[0] = pkt_fill(pick_value(), rnd() % 5000, rnd());
		p[0].fill.rows = rnd() % 4;
		p[0].fill.dst_stride = pick_value();
		break;
	case 2:
		p[0] = pkt_copy(pick_value(), pick_value(), rnd() % 5000);
		p[0].copy.rows = rnd() % 4;
		break;
	case 3:
		p[0] = pkt_signal(pick_value(), rnd());
		break;
	case 4:
		p[0] = pkt_wait(pick_value(), rnd() % 3 ? 0 : pick_value());
		break;
	case 5:
		p[0] = pkt(SC_OP_INDIRECT, 0);
		p[0].body[0] = LIST + rnd() % 8 * 64;
		p[0].body[1] = rnd();
		p[0].body[2] = rnd() % 12;
		break;
	case 6:
		p[0] = pkt(rnd() % 12, rnd() & rnd() & rnd() & 0x7f);
		break;
	case 7:
		p[0] = pkt(SC_OP_NOP, rnd() & 3);
		break;
	default:
		for (i = 0; i < 64; i++)
			p[0].bytes[i] = rnd();
	}
	if (rnd() % 4 == 0)
		p[0].bytes[rnd() % 64] ^= 1u << rnd() % 8;
	return n;
}
