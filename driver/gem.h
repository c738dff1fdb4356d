/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Buffers.
 */
#ifndef SEEDCHIP_GEM_H
#define SEEDCHIP_GEM_H

#include <drm/drm_gem_shmem_helper.h>

#include "vram.h"

struct seedchip_device;

/**
 * struct seedchip_bo - a buffer in card or system memory
 * @shmem: base; used beyond its GEM object for system memory only
 * @flags: enum drm_seedchip_bo_flags, constant
 * @vm_resv: GEM object whose reservation this private buffer shares
 * @node: card memory
 * @extents: where the bytes are, in order, constant
 * @num_extents: entries of @extents
 * @link: entry of seedchip_device.system_bos
 */
struct seedchip_bo {
	struct drm_gem_shmem_object shmem;
	u32 flags;
	struct drm_gem_object *vm_resv;
	struct seedchip_vram_node *node;
	struct seedchip_extent *extents;
	u32 num_extents;
	struct list_head link;
};

static inline struct seedchip_bo *to_seedchip_bo(struct drm_gem_object *obj)
{
	return container_of(obj, struct seedchip_bo, shmem.base);
}

void seedchip_gem_remove(struct seedchip_device *sdev);
struct drm_gem_object *seedchip_gem_create_object(struct drm_device *drm, size_t size);

#endif /* SEEDCHIP_GEM_H */
