/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Buffers.
 */
#ifndef SEEDCHIP_GEM_H
#define SEEDCHIP_GEM_H

#include <drm/drm_gem_shmem_helper.h>

#include "vram.h"

struct dma_buf;
struct seedchip_device;
struct seedchip_pinned;
struct seedchip_user;

/**
 * struct seedchip_bo - a buffer in card memory, in system memory, of another
 * driver, or of a process
 * @shmem: base. Its @sgt is the device mapping of all but card memory, NULL once
 *	   the card has gone; the rest is used for our own system memory alone.
 * @flags: enum drm_seedchip_bo_flags, constant
 * @read_only: the card may only read it, constant
 * @node: card memory
 * @user: charged for @node; referenced
 * @pinned: memory of a process
 * @extents: where the bytes are, in order, constant
 * @num_extents: entries of @extents
 * @link: entry of seedchip_device.system_bos, or of shared_bos while there is a dma-buf
 * @mappings: how many there are, in all address spaces
 * @shared: dma-buf of card memory, while in that list
 * @revoked: the maker of an imported buffer has taken it back, for good
 */
struct seedchip_bo {
	struct drm_gem_shmem_object shmem;
	u32 flags;
	bool read_only;
	struct seedchip_vram_node *node;
	struct seedchip_user *user;
	struct seedchip_pinned *pinned;
	struct seedchip_extent *extents;
	u32 num_extents;
	struct list_head link;
	atomic_t mappings;
	struct dma_buf *shared;
	bool revoked;
};

static inline struct seedchip_bo *to_seedchip_bo(struct drm_gem_object *obj)
{
	return container_of(obj, struct seedchip_bo, shmem.base);
}

void seedchip_gem_remove(struct seedchip_device *sdev);
struct drm_gem_object *seedchip_gem_create_object(struct drm_device *drm, size_t size);
int seedchip_gem_init_extents(struct seedchip_bo *bo, struct sg_table *sgt);
void seedchip_gem_track(struct seedchip_bo *bo);
int seedchip_gem_handle(struct drm_file *file, struct seedchip_bo *bo, u32 *handle);
void seedchip_gem_free_system(struct drm_gem_object *obj);

/* prime.c */
struct dma_buf *seedchip_prime_export(struct drm_gem_object *obj, int flags);
struct drm_gem_object *seedchip_prime_import(struct drm_device *drm, struct dma_buf *buf);
void seedchip_prime_unmap(struct seedchip_bo *bo);

/* peer.c */
extern const struct dma_buf_ops seedchip_peer_ops;
void seedchip_peer_track(struct seedchip_bo *bo, struct dma_buf *buf);
void seedchip_peer_remove(struct seedchip_device *sdev);

/* userptr.c */
void seedchip_userptr_unmap(struct seedchip_bo *bo);
void seedchip_userptr_unpin(struct seedchip_pinned *pinned);

#endif /* SEEDCHIP_GEM_H */
