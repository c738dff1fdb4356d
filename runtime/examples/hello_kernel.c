// SPDX-License-Identifier: MIT
#include <seedchip/kernel.h>

struct hello_args {
	uint32_t *squares;
};

SD_KERNEL(hello, struct hello_args)
{
	uint32_t i = sd_wg_x();

	args->squares[i] = i * i;
	if (i == 0)
		sd_printf("hello from %u workgroups\n", sd_grid_x());
}
