// SPDX-License-Identifier: MIT
/* A kernel that does nothing with its arguments, and that cannot print. */
#include <seedchip/kernel.h>

struct three_args {
	uint64_t a, b, c;
};

SD_KERNEL(three, struct three_args)
{
	(void)args;
}
