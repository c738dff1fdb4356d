// SPDX-License-Identifier: MIT
/*
 * The module that tests/unit/test_module.c loads, whole and damaged: two
 * kernels, static scratchpad, data with relocations, a feature of the matrix
 * engine.
 */
#include <seedchip/kernel.h>

struct first_args {
	uint64_t *out;
	uint32_t n;
};

struct second_args {
	uint8_t bytes[448];
};

static SD_TCM int32_t tile[1000];
static const char *const names[] = { "zero", "one", "two" };
static const char *volatile name;

__attribute__((noinline)) static int helper(uint32_t n)
{
	name = names[n % 3];
	return name[0];
}

SD_KERNEL(first, struct first_args)
{
	sd_dma_1d(0, tile, args->out, sizeof(tile));
	sd_post(SC_EQ_DMA0, 0);
	sd_await(0, 1);
	for (uint32_t i = sd_wg_x(); i < args->n; i += sd_grid_x())
		args->out[i] = tile[i % 1000] + helper(i);
}

SD_KERNEL_WITH(second, struct second_args, 8192, SC_KERNEL_COOPERATIVE)
{
	struct sc_tile t = sd_tile(4, 4, 4, SD_FMT(BF16), SD_FMT(BF16), SC_FMT_F32);

	sdm_cfg(0, &t);
	sd_assert(args->bytes[0] == 0);
}
