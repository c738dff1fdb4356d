// SPDX-License-Identifier: MIT
/*
 * kv_append: new tokens into the pages of a KV cache (struct sdo_kv_append).
 *
 * The invariant: a slot is read into when the scatter before from there has
 * completed.
 */
#include "kv.h"

#define AHEAD (SDO_KV_RING - 1)

enum channel { DMA_IN, DMA_OUT };
enum counter { C_IN, C_OUT };

static void load(struct work *w, uint64_t k)
{
	if (k >= SDO_KV_RING)
		sd_hold(DMA_IN, C_OUT, k - SDO_KV_RING + 1);
	load_list(w, DMA_IN, k);
	move_tokens(w, DMA_IN, k, true);
	sd_post(DMA_IN, C_IN);
}

static void finish(const struct work *w, uint64_t k)
{
	sd_await(C_IN, k + 1);
	number_rows(w->args, &w->step[k % SDO_KV_RING], k);
	move_pages(w, DMA_OUT, k, SC_DMA_SCATTER);
	sd_post(DMA_OUT, C_OUT);
}

SD_KERNEL(kv_append, struct sdo_kv_append)
{
	struct work w = kv_start(args);

	for (uint64_t k = 0; k < w.mine + AHEAD; k++) {
		if (k < w.mine)
			load(&w, k);
		if (k >= AHEAD && k - AHEAD < w.mine)
			finish(&w, k - AHEAD);
	}
}
