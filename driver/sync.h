/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Arrays and syncobjs that SUBMIT and VM_BIND have in common.
 */
#ifndef SEEDCHIP_SYNC_H
#define SEEDCHIP_SYNC_H

#include <linux/types.h>

struct dma_fence;
struct drm_file;
struct drm_seedchip_array;
struct seedchip_signal;

/**
 * struct seedchip_syncs - fences of one ioctl
 * @in: fences that have not signalled, each a leaf (no chain, no array); referenced
 * @num_in: how many
 * @waits: there was something to wait for, signalled or not
 * @failed: one that had signalled carries an error
 * @out: what to signal, prepared so that nothing can fail
 * @num_out: how many
 */
struct seedchip_syncs {
	struct dma_fence **in;
	u32 num_in;
	bool waits;
	bool failed;
	struct seedchip_signal *out;
	u32 num_out;
};

void *seedchip_copy_array(const struct drm_seedchip_array *array, size_t size, u32 max);
int seedchip_syncs_init(struct seedchip_syncs *syncs, struct drm_file *file,
			const struct drm_seedchip_array *array);
void seedchip_syncs_signal(struct seedchip_syncs *syncs, struct dma_fence *fence);
void seedchip_syncs_fini(struct seedchip_syncs *syncs);

#endif /* SEEDCHIP_SYNC_H */
