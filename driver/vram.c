// SPDX-License-Identifier: GPL-2.0-only
/*
 * Card memory: the kernel's buddy allocator, and zeroing by the card.
 *
 * Memory is scrubbed by FILL packets of the kernel's queue when it is freed,
 * and returns to the allocator as cleared when they have retired. Memory that
 * was never scrubbed (after power-on, or when a scrub failed) is scrubbed when
 * it is allocated.
 *
 * Invariant: what seedchip_vram_alloc() returns with SEEDCHIP_VRAM_ZERO reads
 * zero, and nobody else can reach it.
 */
#include <linux/dma-fence.h>
#include <linux/llist.h>
#include <linux/sched/signal.h>
#include <linux/seq_file.h>
#include <linux/slab.h>
#include <linux/wait.h>

#include <drm/drm_drv.h>
#include <drm/drm_managed.h>

#include "compat/buddy.h"
#include "device.h"
#include "job.h"
#include "power.h"
#include "reset.h"
#include "vram.h"

#define SEEDCHIP_FILL_BATCH 8

/* Zeroing that a reset of the card has cut short is done again, so often. */
#define SEEDCHIP_ZERO_TRIES 3

/**
 * struct seedchip_vram - allocator of one card
 * @sdev: card
 * @lock: protects @mm and the retired pages
 * @mm: all of card memory
 * @retired: addresses of pages that must not be used again
 * @reserved: those among them that are out of the allocator
 * @num_retired: how many there are
 * @num_reserved: bits in @reserved
 * @retired_blocks: their blocks
 * @lost: the card has been without power: what the allocator takes for cleared is not
 * @visible: bytes from 0 that the CPU reaches
 * @scrubbing: nodes that are being scrubbed
 * @scrubbed: woken when one of them has been freed
 * @done: nodes whose scrub has retired
 * @work: frees them
 */
struct seedchip_vram {
	struct seedchip_device *sdev;
	struct mutex lock; /* mm */
	struct gpu_buddy mm;
	u64 retired[SC_RETIRED_MAX];
	DECLARE_BITMAP(reserved, SC_RETIRED_MAX);
	u32 num_retired;
	u32 num_reserved;
	struct list_head retired_blocks;
	bool lost;
	u64 visible;
	atomic_t scrubbing;
	wait_queue_head_t scrubbed;
	struct llist_head done;
	struct work_struct work;
};

/**
 * struct seedchip_vram_node - one allocation
 * @vram: allocator
 * @blocks: its blocks, in the order of the buffer
 * @cb: on the scrub's last fence
 * @done: entry of seedchip_vram.done
 * @clean: the scrub succeeded
 */
struct seedchip_vram_node {
	struct seedchip_vram *vram;
	struct list_head blocks;
	struct dma_fence_cb cb;
	struct llist_node done;
	bool clean;
};

/* Take the retired pages that are free out of the allocator, for good. */
static void seedchip_vram_reserve_retired(struct seedchip_vram *vram)
{
	LIST_HEAD(blocks);
	u32 i;

	lockdep_assert_held(&vram->lock);
	if (vram->num_reserved == vram->num_retired)
		return;
	for (i = 0; i < vram->num_retired; i++) {
		u64 addr = vram->retired[i];

		if (test_bit(i, vram->reserved) ||
		    gpu_buddy_alloc_blocks(&vram->mm, addr, addr + SC_PAGE_SIZE, SC_PAGE_SIZE,
					   SC_PAGE_SIZE, &blocks, GPU_BUDDY_RANGE_ALLOCATION))
			continue;
		list_splice_init(&blocks, &vram->retired_blocks);
		__set_bit(i, vram->reserved);
		vram->num_reserved++;
	}
}

static void seedchip_vram_release(struct seedchip_vram_node *node, bool clean)
{
	struct seedchip_vram *vram = node->vram;

	mutex_lock(&vram->lock);
	gpu_buddy_free_list(&vram->mm, &node->blocks, clean ? GPU_BUDDY_CLEARED : 0);
	seedchip_vram_reserve_retired(vram);
	mutex_unlock(&vram->lock);
	kfree(node);
}

static void seedchip_vram_end_scrub(struct seedchip_vram *vram)
{
	/* Who sees the count go down, in seedchip_vram_wait_blocks(), finds the blocks free. */
	smp_mb__before_atomic();
	atomic_dec(&vram->scrubbing);
}

static void seedchip_vram_work(struct work_struct *work)
{
	struct seedchip_vram *vram = container_of(work, struct seedchip_vram, work);
	struct llist_node *list = llist_del_all(&vram->done);
	struct seedchip_vram_node *node, *tmp;

	llist_for_each_entry_safe(node, tmp, list, done) {
		seedchip_vram_release(node, node->clean);
		seedchip_vram_end_scrub(vram);
	}
	wake_up_all(&vram->scrubbed);
}

static void seedchip_vram_fini(struct drm_device *drm, void *data)
{
	struct seedchip_vram *vram = data;

	gpu_buddy_free_list(&vram->mm, &vram->retired_blocks, 0);
	gpu_buddy_fini(&vram->mm);
}

/**
 * seedchip_vram_retire() - never use a page again
 * @sdev: card
 * @addr: its card address
 *
 * One that is in use goes when it is freed.
 */
void seedchip_vram_retire(struct seedchip_device *sdev, u64 addr)
{
	struct seedchip_vram *vram = sdev->vram;
	u32 i;

	mutex_lock(&vram->lock);
	for (i = 0; i < vram->num_retired && vram->retired[i] != addr; i++)
		;
	if (i == vram->num_retired && i < SC_RETIRED_MAX && IS_ALIGNED(addr, SC_PAGE_SIZE) &&
	    addr < vram->mm.size) {
		vram->retired[vram->num_retired++] = addr;
		seedchip_vram_reserve_retired(vram);
	}
	mutex_unlock(&vram->lock);
}

/* A line for each retired page, as far as one page of text holds them. */
ssize_t seedchip_vram_show_retired(struct seedchip_device *sdev, char *buf)
{
	struct seedchip_vram *vram = sdev->vram;
	ssize_t len = 0;
	u32 i;

	mutex_lock(&vram->lock);
	for (i = 0; i < vram->num_retired; i++)
		len += sysfs_emit_at(buf, len, "%#llx %s\n", vram->retired[i],
				     test_bit(i, vram->reserved) ? "retired" : "pending");
	mutex_unlock(&vram->lock);
	return len;
}

/* Nothing reads zero any more, whatever the allocator knows of it. */
void seedchip_vram_lose(struct seedchip_device *sdev)
{
	WRITE_ONCE(sdev->vram->lost, true);
}

int seedchip_vram_init(struct seedchip_device *sdev)
{
	struct seedchip_vram *vram;
	int err;

	vram = drmm_kzalloc(&sdev->drm, sizeof(*vram), GFP_KERNEL);
	if (!vram)
		return -ENOMEM;
	vram->sdev = sdev;
	vram->visible = sdev->info.card_visible_size;
	INIT_LIST_HEAD(&vram->retired_blocks);
	init_waitqueue_head(&vram->scrubbed);
	init_llist_head(&vram->done);
	INIT_WORK(&vram->work, seedchip_vram_work);
	err = drmm_mutex_init(&sdev->drm, &vram->lock);
	if (err)
		return err;
	err = gpu_buddy_init(&vram->mm, sdev->info.card_size, SC_PAGE_SIZE);
	if (err)
		return err;
	sdev->vram = vram;
	return drmm_add_action_or_reset(&sdev->drm, seedchip_vram_fini, vram);
}

/*
 * Queue FILL packets for the blocks of @node, or only for those that may not be
 * zero. The queue is in order, so the last fence stands for all: NULL if there
 * was nothing to do, or an error.
 */
static struct dma_fence *seedchip_vram_fill(struct seedchip_vram_node *node, bool dirty_only)
{
	struct seedchip_vram *vram = node->vram;
	struct sc_packet packets[SEEDCHIP_FILL_BATCH];
	struct dma_fence *fence = NULL, *next;
	struct gpu_buddy_block *block;
	u32 count = 0;

	list_for_each_entry(block, &node->blocks, link) {
		struct sc_pkt_fill *fill = (void *)&packets[count];
		bool last = list_is_last(&block->link, &node->blocks);

		if (!dirty_only || !gpu_buddy_block_is_clear(block)) {
			memset(fill, 0, sizeof(*fill));
			fill->hdr = SC_HDR(SC_OP_FILL, 0, 0);
			fill->dst = gpu_buddy_block_offset(block);
			fill->size = gpu_buddy_block_size(&vram->mm, block);
			fill->rows = 1;
			count++;
		}
		if (!count || (count < SEEDCHIP_FILL_BATCH && !last))
			continue;
		next = seedchip_job_kernel(vram->sdev, packets, count);
		/* The caller frees the blocks, so nothing may fill them any more. */
		if (IS_ERR(next) && fence)
			dma_fence_wait(fence, false);
		dma_fence_put(fence);
		fence = next;
		if (IS_ERR(fence))
			break;
		count = 0;
	}
	return fence;
}

static int seedchip_vram_alloc_range(struct seedchip_vram *vram, struct seedchip_vram_node *node,
				     u64 start, u64 end, u64 size, u32 flags)
{
	unsigned long buddy_flags = 0;
	int err;

	if (size > end - start)
		return -ENOSPC;
	if (flags & SEEDCHIP_VRAM_ZERO)
		buddy_flags |= GPU_BUDDY_CLEAR_ALLOCATION;
	if (end - start < vram->mm.size)
		buddy_flags |= GPU_BUDDY_RANGE_ALLOCATION;
	/*
	 * The buddy allocator does not survive that an allocation of its own fails (docs/driver.md,
	 * "Card memory"). So small a one fails only in a process that is being killed.
	 */
	if (fatal_signal_pending(current))
		return -ERESTARTSYS;
	mutex_lock(&vram->lock);
	err = gpu_buddy_alloc_blocks(&vram->mm, start, end, size, SC_PAGE_SIZE, &node->blocks,
				     buddy_flags);
	mutex_unlock(&vram->lock);
	return err;
}

/* The visible part is at the bottom: keep it for those who need it, as long as possible. */
static int seedchip_vram_alloc_blocks(struct seedchip_vram *vram, struct seedchip_vram_node *node,
				      u64 size, u32 flags)
{
	u64 end = vram->mm.size;
	int err = -ENOSPC;

	if (flags & SEEDCHIP_VRAM_VISIBLE)
		return seedchip_vram_alloc_range(vram, node, 0, vram->visible, size, flags);
	if (vram->visible < end)
		err = seedchip_vram_alloc_range(vram, node, vram->visible, end, size, flags);
	if (err == -ENOSPC)
		err = seedchip_vram_alloc_range(vram, node, 0, end, size, flags);
	return err;
}

/* What is being scrubbed will be free soon, or has come back since the look: look again. */
static int seedchip_vram_wait_blocks(struct seedchip_vram *vram, struct seedchip_vram_node *node,
				     u64 size, u32 flags)
{
	bool scrubbing;
	int err;

	do {
		scrubbing = atomic_read(&vram->scrubbing);
		err = seedchip_vram_alloc_blocks(vram, node, size, flags);
		if (err != -ENOSPC || !scrubbing)
			return err;
		err = wait_event_interruptible(vram->scrubbed, !atomic_read(&vram->scrubbing));
	} while (!err);
	return err;
}

/* -EIO if the kernel's queue has failed, and the card was reset. */
static int seedchip_vram_try_zero(struct seedchip_vram_node *node)
{
	struct dma_fence *fence = seedchip_vram_fill(node, !READ_ONCE(node->vram->lost));
	int err;

	if (IS_ERR_OR_NULL(fence))
		return PTR_ERR_OR_ZERO(fence);
	seedchip_fence_wait(fence);
	err = dma_fence_get_status(fence) < 0 ? -EIO : 0;
	dma_fence_put(fence);
	return err;
}

/* Its owner does not see a reset for which others are to blame. */
static int seedchip_vram_zero(struct seedchip_vram_node *node)
{
	struct seedchip_device *sdev = node->vram->sdev;
	unsigned int tries = SEEDCHIP_ZERO_TRIES;
	int err = seedchip_vram_try_zero(node);

	while (err == -EIO && --tries) {
		seedchip_reset_wait_kernel(sdev);
		err = seedchip_reset_wait_online(sdev) ?: seedchip_vram_try_zero(node);
	}
	return err;
}

/**
 * seedchip_vram_alloc() - allocate card memory
 * @sdev: card, entered
 * @size: bytes, page aligned
 * @flags: SEEDCHIP_VRAM_*
 *
 * Return: a node, or -ENOSPC, -ENOMEM, -EIO, -ENODEV, -ERESTARTSYS.
 */
struct seedchip_vram_node *seedchip_vram_alloc(struct seedchip_device *sdev, u64 size, u32 flags)
{
	struct seedchip_vram *vram = sdev->vram;
	struct seedchip_vram_node *node;
	int err;

	node = kzalloc(sizeof(*node), GFP_KERNEL);
	if (!node)
		return ERR_PTR(-ENOMEM);
	node->vram = vram;
	INIT_LIST_HEAD(&node->blocks);
	err = seedchip_vram_wait_blocks(vram, node, size, flags);
	if (err) {
		kfree(node);
		return ERR_PTR(err);
	}

	if (flags & SEEDCHIP_VRAM_ZERO)
		err = seedchip_vram_zero(node);
	if (err) {
		seedchip_vram_release(node, false);
		return ERR_PTR(err);
	}
	return node;
}

static void seedchip_vram_scrubbed(struct dma_fence *fence, struct dma_fence_cb *cb)
{
	struct seedchip_vram_node *node = container_of(cb, struct seedchip_vram_node, cb);
	struct seedchip_vram *vram = node->vram;

	node->clean = !fence->error;
	llist_add(&node->done, &vram->done);
	queue_work(vram->sdev->wq, &vram->work);
}

/* Without zeroing: for memory that no user has written, or when the card has gone. */
void seedchip_vram_free_dirty(struct seedchip_device *sdev, struct seedchip_vram_node *node)
{
	seedchip_vram_release(node, false);
}

/**
 * seedchip_vram_free() - free card memory
 * @sdev: card
 * @node: from seedchip_vram_alloc(); no translation to it is left
 *
 * Returns at once; the memory can be allocated again when the card has zeroed it.
 */
void seedchip_vram_free(struct seedchip_device *sdev, struct seedchip_vram_node *node)
{
	struct seedchip_vram *vram = sdev->vram;
	struct dma_fence *fence = ERR_PTR(-ENODEV);
	int idx;

	if (drm_dev_enter(&sdev->drm, &idx)) {
		/* A buffer that was shared may end long after its file. */
		if (!seedchip_power_get(sdev)) {
			fence = seedchip_vram_fill(node, false);
			seedchip_power_put(sdev);
		}
		drm_dev_exit(idx);
	}
	if (IS_ERR_OR_NULL(fence)) {
		seedchip_vram_release(node, false);
		return;
	}
	atomic_inc(&vram->scrubbing);
	if (dma_fence_is_signaled(fence) ||
	    dma_fence_add_callback(fence, &node->cb, seedchip_vram_scrubbed)) {
		seedchip_vram_release(node, !fence->error);
		seedchip_vram_end_scrub(vram);
		wake_up_all(&vram->scrubbed);
	}
	dma_fence_put(fence);
}

/* Address of the first byte; the only one that matters for a single page. */
u64 seedchip_vram_address(struct seedchip_vram_node *node)
{
	return gpu_buddy_block_offset(list_first_entry(&node->blocks, struct gpu_buddy_block,
						       link));
}

/* Count the extents of @node, and store them unless @extents is NULL. */
u32 seedchip_vram_extents(struct seedchip_device *sdev, struct seedchip_vram_node *node,
			  struct seedchip_extent *extents)
{
	struct gpu_buddy_block *block;
	u64 end = 0;
	u32 count = 0;

	list_for_each_entry(block, &node->blocks, link) {
		u64 addr = gpu_buddy_block_offset(block);
		u64 size = gpu_buddy_block_size(&sdev->vram->mm, block);

		if (count && addr == end) {
			if (extents)
				extents[count - 1].size += size;
		} else {
			if (extents)
				extents[count] = (struct seedchip_extent){ addr, size };
			count++;
		}
		end = addr + size;
	}
	return count;
}

/* How much is free; when everything is closed and scrubbed, that is all but a little. */
void seedchip_vram_show(struct seedchip_device *sdev, struct seq_file *m)
{
	struct seedchip_vram *vram = sdev->vram;

	mutex_lock(&vram->lock);
	seq_printf(m, "size %llu\nvisible %llu\nfree %llu\nzero %llu\n", vram->mm.size,
		   vram->visible, vram->mm.avail, vram->mm.clear_avail);
	mutex_unlock(&vram->lock);
	seq_printf(m, "scrubbing %d\n", atomic_read(&vram->scrubbing));
}
