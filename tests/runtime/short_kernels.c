// SPDX-License-Identifier: MIT
/* Kernels for launch.c. None of them prints, nor asserts, so all may be launched the short way. */
#include "common_kernels.h"

SD_KERNEL0(crash)
{
	*(volatile uint32_t *)8 = 0;
}

/* ---- arguments of many sizes, of which "digest" tells what the last launch was given ---- */

static uint64_t last_digest;

static void take(const uint8_t *bytes, unsigned int size)
{
	last_digest = size;
	for (unsigned int i = 0; i < size; i++)
		last_digest = (last_digest ^ bytes[i]) * 0x100000001b3;
}

#define BYTES(n)                           \
	struct bytes_##n {                 \
		uint8_t b[n];              \
	};                                 \
	SD_KERNEL(bytes_##n, struct bytes_##n) \
	{                                  \
		take(args->b, n);          \
	}
#define TEN_SIZES(tens)                                                        \
	BYTES(tens##0) BYTES(tens##1) BYTES(tens##2) BYTES(tens##3) BYTES(tens##4) \
	BYTES(tens##5) BYTES(tens##6) BYTES(tens##7) BYTES(tens##8) BYTES(tens##9)
BYTES(1) BYTES(2) BYTES(3) BYTES(4) BYTES(5) BYTES(6) BYTES(7) BYTES(8) BYTES(9)
TEN_SIZES(1) TEN_SIZES(2) TEN_SIZES(3) TEN_SIZES(4) TEN_SIZES(5)
BYTES(112) BYTES(113) BYTES(448)

struct digest_args {
	uint64_t *out;
};

SD_KERNEL(digest, struct digest_args)
{
	*args->out = last_digest;
}
