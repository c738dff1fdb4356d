// SPDX-License-Identifier: MIT
/* The compute kernels of docs/runtime.md; guide.c runs them. */
#include <seedchip/kernel.h>

/* doc: scale */
struct scale_args {
	float *v;
	uint32_t count;
	float by;
};

SD_KERNEL(scale, struct scale_args)
{
	for (uint32_t i = sd_wg_x(); i < args->count; i += sd_grid_x())
		args->v[i] *= args->by;
}

/* doc: end */

/* doc: decay */
struct decay_args {
	struct scale_args *next; /* the arguments of a launch that comes later */
};

SD_KERNEL(decay, struct decay_args)
{
	args->next->by *= 0.5f;
}

/* doc: end */

/* doc: stream */
#define PIECE 4096u

struct stream_args {
	const uint8_t *in;
	uint8_t *out;
	uint32_t pieces;
};

/* out = 255 - in, a piece at a time; the next piece is on its way meanwhile. */
SD_KERNEL(stream, struct stream_args)
{
	static SD_TCM uint8_t piece[2][PIECE];
	uint32_t step = sd_grid_x(), got = 0, put = 0, i = sd_wg_x();

	if (i < args->pieces)
		sd_dma_1d(0, piece[0], args->in + i * PIECE, PIECE);
	sd_post(SC_EQ_DMA0, 0);
	for (uint32_t now = 0; i < args->pieces; i += step, now ^= 1) {
		sd_await(0, ++got); /* this piece is here */
		sd_await(1, put); /* the other one has left */
		if (i + step < args->pieces)
			sd_dma_1d(0, piece[now ^ 1], args->in + (i + step) * PIECE, PIECE);
		sd_post(SC_EQ_DMA0, 0);
		for (uint32_t k = 0; k < PIECE; k++)
			piece[now][k] = 255 - piece[now][k];
		sd_dma_1d(1, args->out + i * PIECE, piece[now], PIECE);
		sd_post(SC_EQ_DMA1, 1);
		put++;
	}
}

/* doc: end */

/* doc: matmul */
struct matmul_args {
	const int8_t *a, *b; /* 64 x 64 each, row by row */
	int32_t *c;
};

SD_KERNEL(matmul, struct matmul_args)
{
	static SD_TCM int8_t a[64 * 64], b[64 * 64];
	static SD_TCM int32_t c[64 * 64];
	static SD_TCM struct sc_tile tile;

	tile = sd_tile(64, 64, 64, SD_FMT(I8), SD_FMT(I8), SC_FMT_I32);
	sd_dma_1d(0, a, args->a, sizeof(a));
	sd_dma_1d(0, b, args->b, sizeof(b));
	sd_post(SC_EQ_DMA0, 0);
	sdm_cfg(0, &tile);
	sd_hold(SC_EQ_MATRIX, 0, 1); /* the matrix engine waits for the DMA ... */
	sdm_mma_z(0, a, b);
	sdm_st(0, c, 64 * sizeof(*c));
	sd_post(SC_EQ_MATRIX, 1);
	sd_hold(SC_EQ_DMA0, 1, 1); /* ... and the DMA for the matrix engine */
	sd_dma_1d(0, args->c, c, sizeof(c));
}

/* doc: end */

/* doc: find */
struct find_args {
	const uint32_t *v;
	uint32_t count;
	uint32_t wanted;
};

SD_KERNEL(find, struct find_args)
{
	sd_assert(args->count > 0);
	for (uint32_t i = 0; i <= args->count; i++) { /* one too far */
		if (args->v[i] != args->wanted)
			continue;
		sd_printf("%u is at %u\n", args->wanted, i);
		return;
	}
}

/* doc: end */
