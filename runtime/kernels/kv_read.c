// SPDX-License-Identifier: MIT
/*
 * kv_read: tokens out of the pages of a KV cache (struct sdo_kv_append), the
 * reverse of kv_append.
 *
 * The invariant: row numbers are written, and a slot is gathered into, when what
 * was in the slot before has gone out.
 */
#include "kv.h"

enum channel { DMA_LIST, DMA_IN, DMA_OUT };
enum counter { C_LIST, C_IN, C_OUT };

static void load(struct work *w, uint64_t k)
{
	load_list(w, DMA_LIST, k);
	sd_post(DMA_LIST, C_LIST);
}

static void finish(const struct work *w, uint64_t k)
{
	sd_await(C_LIST, k + 1);
	if (k >= SDO_KV_RING)
		sd_await(C_OUT, k - SDO_KV_RING + 1);
	number_rows(w->args, &w->step[k % SDO_KV_RING], k);
	move_pages(w, DMA_IN, k, SC_DMA_GATHER);
	sd_post(DMA_IN, C_IN);
	sd_hold(DMA_OUT, C_IN, k + 1);
	move_tokens(w, DMA_OUT, k, false);
	sd_post(DMA_OUT, C_OUT);
}

SD_KERNEL(kv_read, struct sdo_kv_append)
{
	struct work w = kv_start(args);

	for (uint64_t k = 0; k <= w.mine; k++) {
		if (k < w.mine)
			load(&w, k);
		if (k)
			finish(&w, k - 1);
	}
}
