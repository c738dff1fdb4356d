// SPDX-License-Identifier: GPL-2.0-only
/*
 * Buffers shared as dma-bufs.
 *
 * System memory is shared both ways. Card memory is not reachable for other
 * devices; its dma-buf passes it on between files of the same card.
 *
 * Invariant: a dma-buf keeps its buffer, and that its card's structures, so it
 * outlives the file, the process and the card that made it. What the card itself
 * has mapped for DMA ends with the card.
 */
#include <linux/dma-buf.h>
#include <linux/module.h>

#include <drm/drm_drv.h>
#include <drm/drm_prime.h>

#include "device.h"
#include "gem.h"

#ifdef SEEDCHIP_HAVE_IMPORT_NS_SYMBOL
MODULE_IMPORT_NS(DMA_BUF);
#else
MODULE_IMPORT_NS("DMA_BUF");
#endif

/* Peers could reach card memory by P2PDMA alone, which needs struct pages of the BAR. */
static int seedchip_prime_attach(struct dma_buf *buf, struct dma_buf_attachment *attach)
{
	struct drm_gem_object *obj = buf->priv;

	if (to_seedchip_bo(obj)->flags & DRM_SEEDCHIP_BO_CARD)
		return -EOPNOTSUPP;
	return drm_gem_map_attach(buf, attach);
}

static const struct dma_buf_ops seedchip_prime_ops = {
	.attach = seedchip_prime_attach,
	.detach = drm_gem_map_detach,
	.map_dma_buf = drm_gem_map_dma_buf,
	.unmap_dma_buf = drm_gem_unmap_dma_buf,
	.release = drm_gem_dmabuf_release,
	.mmap = drm_gem_dmabuf_mmap,
	.vmap = drm_gem_dmabuf_vmap,
	.vunmap = drm_gem_dmabuf_vunmap,
};

/* The kernel calls it once per buffer, until the dma-buf has been released. */
struct dma_buf *seedchip_prime_export(struct drm_gem_object *obj, int flags)
{
	struct drm_device *drm = obj->dev;
	struct dma_buf_export_info info = {
		.exp_name = KBUILD_MODNAME,
		.owner = drm->driver->fops->owner,
		.ops = &seedchip_prime_ops,
		.size = obj->size,
		.flags = flags,
		.priv = obj,
		.resv = obj->resv,
	};

	return drm_gem_dmabuf_export(drm, &info);
}

/* Called by drm_gem_prime_import() for a buffer of somebody else. */
struct drm_gem_object *seedchip_prime_import_sg_table(struct drm_device *drm,
						      struct dma_buf_attachment *attach,
						      struct sg_table *sgt)
{
	struct drm_gem_object *obj = drm_gem_shmem_prime_import_sg_table(drm, attach, sgt);
	int err;

	if (IS_ERR(obj))
		return obj;
	err = seedchip_gem_init_extents(to_seedchip_bo(obj), sgt);
	if (err) {
		/* The caller still owns the mapping. */
		to_seedchip_bo(obj)->shmem.sgt = NULL;
		drm_gem_object_put(obj);
		return ERR_PTR(err);
	}
	return obj;
}

struct drm_gem_object *seedchip_prime_import(struct drm_device *drm, struct dma_buf *buf)
{
	struct drm_gem_object *obj = buf->priv;
	int idx;

	if (buf->ops == &seedchip_prime_ops && obj->dev == drm) {
		drm_gem_object_get(obj);
		return obj;
	}
	/* Not one of our ioctls, so it is not inside already. */
	if (!drm_dev_enter(drm, &idx))
		return ERR_PTR(-ENODEV);
	obj = drm_gem_prime_import(drm, buf);
	if (!IS_ERR(obj))
		seedchip_gem_track(to_seedchip_bo(obj));
	drm_dev_exit(idx);
	return obj;
}

void seedchip_prime_unmap(struct seedchip_bo *bo)
{
	dma_buf_unmap_attachment_unlocked(bo->shmem.base.import_attach, bo->shmem.sgt,
					  DMA_BIDIRECTIONAL);
}
