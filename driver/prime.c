// SPDX-License-Identifier: GPL-2.0-only
/*
 * Buffers shared as dma-bufs: what this driver gives, and what it takes.
 *
 * System memory is shared both ways. How other devices reach card memory is in
 * peer.c; between files of the same card its dma-buf passes on the buffer itself.
 *
 * Invariant: a dma-buf keeps its buffer, and that its card's structures, so it
 * outlives the file, the process and the card that made it. What the card itself
 * has mapped for DMA ends with the card, or when its maker takes it back.
 */
#include <linux/module.h>

#include <drm/drm_drv.h>
#include <drm/drm_prime.h>

#include "compat/dma_buf.h"
#include "device.h"
#include "gem.h"
#include "vm.h"

#ifdef SEEDCHIP_HAVE_IMPORT_NS_SYMBOL
MODULE_IMPORT_NS(DMA_BUF);
#else
MODULE_IMPORT_NS("DMA_BUF");
#endif

static const struct dma_buf_ops seedchip_prime_ops = {
	.attach = drm_gem_map_attach,
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
	struct seedchip_bo *bo = to_seedchip_bo(obj);
	bool card = bo->flags & DRM_SEEDCHIP_BO_CARD;
	struct drm_device *drm = obj->dev;
	struct dma_buf_export_info info = {
		.exp_name = KBUILD_MODNAME,
		.owner = drm->driver->fops->owner,
		.ops = card ? &seedchip_peer_ops : &seedchip_prime_ops,
		.size = obj->size,
		.flags = flags,
		.priv = obj,
		.resv = obj->resv,
	};
	struct dma_buf *buf = drm_gem_dmabuf_export(drm, &info);

	if (card && !IS_ERR(buf))
		seedchip_peer_track(bo, buf);
	return buf;
}

/* The buffer's reservation lock is held. */
static void seedchip_prime_end(struct seedchip_bo *bo)
{
	struct dma_buf_attachment *attach = bo->shmem.base.import_attach;

	dma_resv_assert_held(attach->dmabuf->resv);
	/* Its maker may have been faster. */
	if (!bo->shmem.sgt)
		return;
	dma_buf_unmap_attachment(attach, bo->shmem.sgt, DMA_BIDIRECTIONAL);
	if (attach->importer_ops)
		dma_buf_unpin(attach);
	bo->shmem.sgt = NULL;
}

/* What is pinned does not move: its maker goes, with the buffer's reservation lock held. */
static void seedchip_prime_revoke(struct dma_buf_attachment *attach)
{
	struct drm_gem_object *obj = attach->importer_priv;

	/* Not mapped yet: that will fail. */
	if (!obj)
		return;
	seedchip_bind_revoke(obj);
	seedchip_prime_end(to_seedchip_bo(obj));
}

static const struct dma_buf_attach_ops seedchip_prime_importer = {
	.allow_peer2peer = true,
	.invalidate_mappings = seedchip_prime_revoke,
};

static int seedchip_prime_map(struct seedchip_bo *bo)
{
	struct drm_gem_object *obj = &bo->shmem.base;
	struct dma_buf_attachment *attach = obj->import_attach;
	struct sg_table *sgt;
	int err = 0;

	dma_resv_lock(obj->resv, NULL);
	attach->importer_priv = obj;
	if (attach->importer_ops)
		err = dma_buf_pin(attach);
	if (err)
		goto out_unlock;
	sgt = dma_buf_map_attachment(attach, DMA_BIDIRECTIONAL);
	if (IS_ERR(sgt)) {
		err = PTR_ERR(sgt);
		if (attach->importer_ops)
			dma_buf_unpin(attach);
		goto out_unlock;
	}
	bo->shmem.sgt = sgt;
	err = seedchip_gem_init_extents(bo, sgt);
out_unlock:
	dma_resv_unlock(obj->resv);
	return err;
}

/* Its maker says whether it can take memory back; if so, this side has to be able to let go. */
static struct drm_gem_object *seedchip_prime_attach(struct drm_device *drm, struct dma_buf *buf)
{
	struct dma_buf_attachment *attach;
	struct drm_gem_object *obj;
	int err;

	attach = dma_buf_dynamic_attach(buf, drm->dev, dma_buf_is_dynamic(buf) ?
					&seedchip_prime_importer : NULL, NULL);
	if (IS_ERR(attach))
		return ERR_CAST(attach);
	obj = drm_gem_shmem_prime_import_sg_table(drm, attach, NULL);
	if (IS_ERR(obj)) {
		dma_buf_detach(buf, attach);
		return obj;
	}
	/* From here on freeing the buffer detaches it. */
	get_dma_buf(buf);
	obj->import_attach = attach;
	obj->resv = buf->resv;
	err = seedchip_prime_map(to_seedchip_bo(obj));
	if (err) {
		drm_gem_object_put(obj);
		return ERR_PTR(err);
	}
	return obj;
}

struct drm_gem_object *seedchip_prime_import(struct drm_device *drm, struct dma_buf *buf)
{
	struct drm_gem_object *obj = buf->priv;
	int idx;

	if ((buf->ops == &seedchip_prime_ops || buf->ops == &seedchip_peer_ops) &&
	    obj->dev == drm) {
		drm_gem_object_get(obj);
		return obj;
	}
	/* Not one of our ioctls, so it is not inside already. */
	if (!drm_dev_enter(drm, &idx))
		return ERR_PTR(-ENODEV);
	obj = seedchip_prime_attach(drm, buf);
	if (!IS_ERR(obj))
		seedchip_gem_track(to_seedchip_bo(obj));
	drm_dev_exit(idx);
	return obj;
}

void seedchip_prime_unmap(struct seedchip_bo *bo)
{
	struct dma_resv *resv = bo->shmem.base.resv;

	dma_resv_lock(resv, NULL);
	seedchip_prime_end(bo);
	dma_resv_unlock(resv);
}
