// SPDX-License-Identifier: GPL-2.0-only
/*
 * Card memory for other devices: a dma-buf of it gives a peer the bus addresses of
 * what the BAR shows of the buffer, if the PCI core finds a way from the peer to the
 * card that works. There are no struct pages; a peer that needs some is refused.
 *
 * Invariant: a dma-buf of card memory keeps the card awake, for peers and for programs that
 * have it mapped; and what peers have mapped ends before the card goes.
 */
#include <linux/dma-mapping.h>
#include <linux/pci-p2pdma.h>
#include <linux/pm_runtime.h>
#include <linux/slab.h>

#include <drm/drm_drv.h>
#include <drm/drm_prime.h>

#include "compat/dma_buf.h"
#include "device.h"
#include "gem.h"
#include "power.h"

/* Bytes of one scatterlist entry, whose length has 32 bits. */
#define SEEDCHIP_PEER_PIECE SZ_1G

/*
 * Without CONFIG_PCI_P2PDMA there is never a way. Memory beyond the BAR could have
 * been allocated within it by chance: what can be shared is decided by the flag alone.
 */
static int seedchip_peer_attach(struct dma_buf *buf, struct dma_buf_attachment *attach)
{
	struct seedchip_bo *bo = to_seedchip_bo(buf->priv);
	struct seedchip_device *sdev = to_seedchip_device(bo->shmem.base.dev);
	int err = -EOPNOTSUPP;
	int idx;

	if (!attach->peer2peer || !(bo->flags & DRM_SEEDCHIP_BO_CPU_VISIBLE))
		return -EOPNOTSUPP;
	if (!drm_dev_enter(&sdev->drm, &idx))
		return -ENODEV;
	if (pci_p2pdma_distance(to_pci_dev(sdev->drm.dev), attach->dev, false) >= 0)
		err = 0;
	drm_dev_exit(idx);
	return err;
}

/* Card memory never moves; that there is a pin() says that peers are told when it goes. */
static int seedchip_peer_pin(struct dma_buf_attachment *attach)
{
	return 0;
}

static void seedchip_peer_unpin(struct dma_buf_attachment *attach)
{
}

static void seedchip_peer_unmap(struct dma_buf_attachment *attach, struct sg_table *sgt,
				enum dma_data_direction dir)
{
	struct scatterlist *sg;
	int i;

	/* What could not be mapped has no length. */
	for_each_sgtable_dma_sg(sgt, sg, i)
		if (sg_dma_len(sg))
			dma_unmap_resource(attach->dev, sg_dma_address(sg), sg_dma_len(sg), dir,
					   DMA_ATTR_SKIP_CPU_SYNC);
	sg_free_table(sgt);
	kfree(sgt);
}

static int seedchip_peer_map_sg(struct device *dev, struct scatterlist *sg, phys_addr_t phys,
				u32 size, enum dma_data_direction dir)
{
	dma_addr_t addr = dma_map_resource(dev, phys, size, dir, DMA_ATTR_SKIP_CPU_SYNC);
	int err = dma_mapping_error(dev, addr);

	if (err)
		return err;
	sg_set_page(sg, NULL, size, 0);
	sg_dma_address(sg) = addr;
	sg_dma_len(sg) = size;
	return 0;
}

static int seedchip_peer_map_extents(struct seedchip_bo *bo, struct device *dev,
				     struct sg_table *sgt, enum dma_data_direction dir)
{
	struct seedchip_device *sdev = to_seedchip_device(bo->shmem.base.dev);
	struct scatterlist *sg = sgt->sgl;
	u64 offset;
	u32 i, size;
	int err;

	for (i = 0; i < bo->num_extents; i++) {
		const struct seedchip_extent *extent = &bo->extents[i];

		for (offset = 0; offset < extent->size; offset += size) {
			size = min_t(u64, extent->size - offset, SEEDCHIP_PEER_PIECE);
			err = seedchip_peer_map_sg(dev, sg, sdev->card_phys + extent->addr + offset,
						   size, dir);
			if (err)
				return err;
			sg = sg_next(sg);
		}
	}
	return 0;
}

static struct sg_table *seedchip_peer_map(struct dma_buf_attachment *attach,
					  enum dma_data_direction dir)
{
	struct seedchip_bo *bo = to_seedchip_bo(attach->dmabuf->priv);
	struct sg_table *sgt;
	u32 i, pieces = 0;
	int err, idx;

	for (i = 0; i < bo->num_extents; i++)
		pieces += DIV_ROUND_UP_ULL(bo->extents[i].size, SEEDCHIP_PEER_PIECE);
	sgt = kzalloc(sizeof(*sgt), GFP_KERNEL);
	if (!sgt)
		return ERR_PTR(-ENOMEM);
	err = sg_alloc_table(sgt, pieces, GFP_KERNEL);
	if (err) {
		kfree(sgt);
		return ERR_PTR(err);
	}
	/* Whoever is inside maps before seedchip_peer_remove() looks. */
	err = -ENODEV;
	if (drm_dev_enter(bo->shmem.base.dev, &idx)) {
		err = seedchip_peer_map_extents(bo, attach->dev, sgt, dir);
		drm_dev_exit(idx);
	}
	if (err) {
		seedchip_peer_unmap(attach, sgt, dir);
		return ERR_PTR(err);
	}
	return sgt;
}

static void seedchip_peer_release(struct dma_buf *buf)
{
	struct seedchip_bo *bo = to_seedchip_bo(buf->priv);
	struct seedchip_device *sdev = to_seedchip_device(bo->shmem.base.dev);

	mutex_lock(&sdev->bo_lock);
	list_del_init(&bo->link);
	bo->shared = NULL;
	mutex_unlock(&sdev->bo_lock);
	seedchip_power_put(sdev);
	drm_gem_dmabuf_release(buf);
}

const struct dma_buf_ops seedchip_peer_ops = {
	.attach = seedchip_peer_attach,
	.pin = seedchip_peer_pin,
	.unpin = seedchip_peer_unpin,
	.map_dma_buf = seedchip_peer_map,
	.unmap_dma_buf = seedchip_peer_unmap,
	.release = seedchip_peer_release,
	.mmap = drm_gem_dmabuf_mmap,
	.vmap = drm_gem_dmabuf_vmap,
	.vunmap = drm_gem_dmabuf_vunmap,
};

/* A new dma-buf of card memory. Whoever makes it has the card open, so that is awake. */
void seedchip_peer_track(struct seedchip_bo *bo, struct dma_buf *buf)
{
	struct seedchip_device *sdev = to_seedchip_device(bo->shmem.base.dev);

	pm_runtime_get_noresume(sdev->drm.dev);
	mutex_lock(&sdev->bo_lock);
	bo->shared = buf;
	list_add_tail(&bo->link, &sdev->shared_bos);
	mutex_unlock(&sdev->bo_lock);
}

/**
 * seedchip_peer_remove() - have all peers let go of card memory
 * @sdev: card, unplugged
 *
 * Peers that cannot (their driver pins for good) go on with bus addresses at which
 * there is nothing any more.
 */
void seedchip_peer_remove(struct seedchip_device *sdev)
{
	struct seedchip_bo *bo;

	/* A dma-buf in the list is not released before the lock is dropped. */
	mutex_lock(&sdev->bo_lock);
	list_for_each_entry(bo, &sdev->shared_bos, link) {
		dma_resv_lock(bo->shared->resv, NULL);
		dma_buf_invalidate_mappings(bo->shared);
		dma_resv_unlock(bo->shared->resv);
	}
	mutex_unlock(&sdev->bo_lock);
}
