// SPDX-License-Identifier: MIT
/* Compute kernels of the VM tests: each does one thing, most of them something wrong. */
#include <seedchip/kernel.h>

struct word_args {
	uint64_t *out;
	uint64_t a;
	uint64_t b;
};

/* Stores a / b and a % b, as the hart computes them. */
SD_KERNEL(divide, struct word_args)
{
	args->out[0] = args->a / args->b;
	args->out[1] = args->a % args->b;
	args->out[2] = (uint64_t)((int64_t)args->a / (int64_t)args->b);
}

/* Loads from the address a. */
SD_KERNEL(load, struct word_args)
{
	args->out[0] = *(volatile uint64_t *)args->a;
}

/* Stores to the address a. */
SD_KERNEL(store, struct word_args)
{
	*(volatile uint64_t *)args->a = args->b;
}

SD_KERNEL(illegal, struct word_args)
{
	(void)args;
	__asm__ volatile(".word 0xffffffff");
}

/* Calls the address a. */
SD_KERNEL(jump, struct word_args)
{
	((void (*)(void))args->a)();
}

static __attribute__((noinline)) uint64_t descend(uint64_t depth)
{
	volatile uint64_t frame[16];

	frame[depth % 16] = depth;
	if (frame[depth % 16] == ~0ULL)
		return 0;
	return descend(depth + 1) + frame[depth % 16];
}

SD_KERNEL(recurse, struct word_args)
{
	args->out[0] = descend(0);
}

SD_KERNEL(endless, struct word_args)
{
	(void)args;
	for (;;)
		__asm__ volatile("");
}

/* Counts up in its share of the words from a to a + b, for ever. */
SD_KERNEL(hammer, struct word_args)
{
	volatile uint64_t *words = (uint64_t *)args->a;

	for (uint64_t n = 1;; n++)
		for (uint64_t i = sd_wg_x(); i < args->b / 8; i += sd_grid_x())
			words[i] = n;
}

/* Cooperative: the first workgroup does not come to the barrier. */
SD_KERNEL_WITH(never_meets, struct word_args, SC_STACK_DEFAULT, SC_KERNEL_COOPERATIVE)
{
	(void)args;
	if (sd_rank() == 0)
		return;
	sd_arrive();
	sd_meet();
}

SD_KERNEL(fails_assert, struct word_args)
{
	sd_assert(args->a == args->b);
}

SD_KERNEL(prints, struct word_args)
{
	sd_printf("workgroup %u: %llu and 0x%llx\n", sd_wg_x(), (unsigned long long)args->a,
		  (unsigned long long)args->b);
}

/* Awaits a counter that nothing posts. */
SD_KERNEL(stuck, struct word_args)
{
	(void)args;
	sd_await(3, 1);
}

/* Reads a buffer that a DMA channel is still writing. */
SD_KERNEL(races, struct word_args)
{
	static SD_TCM uint64_t tile[64];

	sd_dma_1d(0, tile, args->out, sizeof(tile));
	args->out[0] = tile[7];
	sd_post(SC_EQ_DMA0, 0);
	sd_await(0, 1);
}

/* DMA from the address a. */
SD_KERNEL(dma_from, struct word_args)
{
	static SD_TCM uint64_t tile[64];

	sd_dma_1d(1, tile, (const void *)args->a, sizeof(tile));
	sd_post(SC_EQ_DMA1, 0);
	sd_await(0, 1);
	args->out[0] = tile[0];
}

/* A tile descriptor that no matrix engine accepts. */
SD_KERNEL(bad_tile, struct word_args)
{
	struct sc_tile tile = sd_tile(65, 64, 64, SD_FMT(I8), SD_FMT(I8), SC_FMT_I32);

	(void)args;
	sdm_cfg(0, &tile);
}

struct sum_args {
	const uint32_t *in;
	uint64_t *out;
	uint32_t count;
	uint32_t rounds;
};

/* Useful work for the neighbour: each workgroup sums its share, again and again. */
SD_KERNEL(sum, struct sum_args)
{
	uint64_t total = 0;

	for (uint32_t r = 0; r < args->rounds; r++) {
		total = 0;
		for (uint32_t i = sd_wg_x(); i < args->count; i += sd_grid_x())
			total += ((const volatile uint32_t *)args->in)[i];
	}
	args->out[sd_wg_x()] = total;
}
