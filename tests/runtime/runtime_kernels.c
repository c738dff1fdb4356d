// SPDX-License-Identifier: MIT
/*
 * Compute kernels of the tests of the runtime: what tests/runtime/api.c and
 * fault.c launch.
 */
#include "common_kernels.h"

/* Linear index of every workgroup into its place. */
struct index_args {
	uint32_t *out;
};

SD_KERNEL(index3, struct index_args)
{
	args->out[sd_wg()] = sd_wg_x() | sd_wg_y() << 8 | sd_wg_z() << 16 | 0x80000000;
}

/* 448 bytes of arguments, summed. */
struct large_args {
	uint64_t *out;
	uint64_t v[55];
};

SD_KERNEL(large, struct large_args)
{
	uint64_t sum = 0;

	for (int i = 0; i < 55; i++)
		sum += args->v[i];
	*args->out = sum;
}

/* Busy for so many steps, then store. */
struct spin_args {
	uint64_t *out;
	uint64_t steps;
	uint64_t value;
};

SD_KERNEL(spin, struct spin_args)
{
	for (uint64_t i = 0; i < args->steps; i++)
		__asm__ volatile("");
	__atomic_fetch_add(args->out, args->value, __ATOMIC_RELAXED);
}

/* As "gate", for one of many: until the host has come so far. */
struct until_args {
	volatile uint64_t *word;
	uint64_t value;
};

SD_KERNEL(until, struct until_args)
{
	while (*args->word < args->value)
		continue;
}

/* Static data in card memory, relocated; shared by the workgroups. */
static uint64_t shared_count = 5;
static const char *const words[] = { "alpha", "beta", "gamma" };

SD_KERNEL(shared, struct index_args)
{
	const char *volatile word = words[sd_wg_x() % 3];

	args->out[sd_wg_x()] = word[0];
	__atomic_fetch_add(&shared_count, 1, __ATOMIC_RELAXED);
	args->out[sd_grid_x()] = __atomic_load_n(&shared_count, __ATOMIC_RELAXED);
}

/* int8 matrices through DMA and the matrix engine: static and dynamic scratchpad. */
struct matmul_args {
	const int8_t *a;
	const int8_t *b;
	int32_t *c;
};

static SD_TCM int8_t tile_a[64 * 64];
static SD_TCM int8_t tile_b[64 * 64];

SD_KERNEL(matmul, struct matmul_args)
{
	struct sc_tile tile = sd_tile(64, 64, 64, SD_FMT(I8), SD_FMT(I8), SC_FMT_I32);
	int32_t *c = sd_dynamic();

	sd_assert(sd_dynamic_size() >= 64 * 64 * sizeof(int32_t));
	sd_dma_1d(0, tile_a, args->a, sizeof(tile_a));
	sd_post(SC_EQ_DMA0, 0);
	sd_dma_1d(1, tile_b, args->b, sizeof(tile_b));
	sd_post(SC_EQ_DMA1, 1);
	sdm_cfg(0, &tile);
	sd_hold(SC_EQ_MATRIX, 0, 1);
	sd_hold(SC_EQ_MATRIX, 1, 1);
	sdm_mma_z(3, tile_a, tile_b);
	sdm_st(3, c, 64 * sizeof(int32_t));
	sd_post(SC_EQ_MATRIX, 2);
	sd_hold(SC_EQ_DMA2, 2, 1);
	sd_dma_1d(2, args->c, c, 64 * 64 * sizeof(int32_t));
}

/* bf16 x bf16: A is m x k ones and twos, B is k x n; f32 results. */
struct bf16_args {
	const __bf16 *a;
	const __bf16 *b;
	float *c;
	uint32_t m, n, k;
};

SD_KERNEL(bf16, struct bf16_args)
{
	uint32_t m = args->m, n = args->n, k = args->k;
	struct sc_tile tile = sd_tile(m, n, k, SD_FMT(BF16), SD_FMT(BF16), SC_FMT_F32);
	float *c = sd_dynamic();
	__bf16 *a = (__bf16 *)(c + m * n), *b = a + m * k;

	sd_dma_2d(0, a, 2 * k, args->a, 2 * k, 2 * k, m);
	sd_dma_1d(0, b, args->b, 2 * k * n);
	sd_post(SC_EQ_DMA0, 5);
	sd_await(5, 1);
	sdm_cfg(1, &tile);
	for (uint32_t acc = 0; acc < 3; acc++) /* not known when compiled */
		sdm_mma_z(acc, a, b);
	sdm_mma(2, a, b);
	sdm_st(2, c, 4 * n);
	sd_post(SC_EQ_MATRIX, 6);
	sd_await(6, 1);
	sd_assert(sd_count(6) == 1);
	memcpy(args->c, c, 4 * m * n);
}

/* Every workgroup leaves a word in its scratchpad and reads that of the next one. */
static SD_TCM uint32_t mailbox;

SD_KERNEL_WITH(exchange, struct index_args, SC_STACK_DEFAULT, SC_KERNEL_COOPERATIVE)
{
	uint32_t next = (sd_rank() + 1) % sd_grid_x();

	mailbox = 1000 + sd_rank();
	sd_arrive();
	sd_meet();
	args->out[sd_rank()] = *(volatile uint32_t *)sd_tcm_remote(&mailbox, next);
	sd_arrive(); /* nobody may end before all have read */
	sd_meet();
}

SD_KERNEL0(print)
{
	if (sd_wg_x())
		return;
	sd_printf("%d|%5d|%-5d|%05d|%+d|% d|%.3d\n", -7, 42, 42, -42, 42, 42, 7);
	sd_printf("%u|%x|%X|%#x|%o|%c|%%\n", 4000000000u, 0xbeefu, 0xbeefu, 255u, 8u, 'c');
	sd_printf("%ld|%llu|%hhd|%hu|%zu|%p\n", -1234567890123l, 18446744073709551615ull, 300,
		  65537, sizeof(int), (void *)0x1234);
	sd_printf("%s|%8s|%-8s|%.2s|%*d\n", "text", "right", "left", "cut", 4, 9);
	sd_printf("%f|%.2f|%8.3f|%.0f|%e|%g|%g|%g\n", 3.14159265, -2.675, 1.5, 2.5, 12345.678, 0.1,
		  1e20, 100000.0);
	sd_printf("%f|%f|%f\n", 1.0 / 0.0, -1.0 / 0.0, __builtin_nan(""));
}

/* More text than the log holds. */
SD_KERNEL0(chatter)
{
	for (int i = 0; i < 2000; i++)
		sd_printf("line %d of a kernel that talks too much for its log\n", i);
}

/* ---- what goes wrong ---- */

struct crash_args {
	uint64_t address;
	uint32_t kind;
};

__attribute__((noinline)) static int recurse(volatile int *p)
{
	volatile int block[256];

	block[0] = *p + 1;
	return block[0] ? recurse(block) + block[0] : 0;
}

SD_KERNEL(crash, struct crash_args)
{
	volatile int zero = 0;

	switch (args->kind) {
	case 0:
		(void)*(volatile uint32_t *)args->address;
		break;
	case 1:
		*(volatile uint64_t *)args->address = 1;
		break;
	case 2:
		__asm__ volatile(".word 0");
		break;
	case 3:
		recurse(&zero);
		break;
	case 4:
		for (;;)
			__asm__ volatile("");
		break;
	case 5:
		sd_assert(args->address == 1);
		break;
	case 6: /* does not trap */
		*(volatile int64_t *)args->address = 7 / zero;
		break;
	case 7:
		sd_dma_1d(0, (void *)args->address, tile_a, sizeof(tile_a));
		break;
	case 8:
		((void (*)(void))args->address)();
		break;
	}
}

/* Every small move within an array, by memmove() and byte after byte. */
SD_KERNEL(moves, struct index_args)
{
	enum { MOST = 24, SIZE = 64 };
	uint8_t moved[SIZE], expected[SIZE];
	uint32_t wrong = 0;

	for (unsigned int n = 0; n < MOST * MOST * MOST; n++) {
		unsigned int size = n % MOST, from = n / MOST % MOST, to = n / MOST / MOST;

		for (unsigned int i = 0; i < SIZE; i++)
			moved[i] = i;
		memcpy(expected, moved, SIZE);
		for (unsigned int i = 0; i < size; i++)
			((volatile uint8_t *)expected)[to + i] = from + i;
		memmove(moved + to, moved + from, size);
		wrong += memcmp(moved, expected, SIZE) != 0;
	}
	args->out[0] = wrong;
	args->out[1] = MOST * MOST * MOST;
}
