/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Page tables of one address space.
 */
#ifndef SEEDCHIP_MMU_H
#define SEEDCHIP_MMU_H

#include <linux/list.h>
#include <linux/types.h>

#define SEEDCHIP_PT_ENTRIES 512

struct seedchip_device;
struct seedchip_extent;
struct seedchip_pt;
struct seedchip_user;

/**
 * struct seedchip_mmu - page tables
 * @sdev: card
 * @user: charged for the tables; the owner holds the reference
 * @root: top table
 *
 * The owner's lock protects everything.
 */
struct seedchip_mmu {
	struct seedchip_device *sdev;
	struct seedchip_user *user;
	struct seedchip_pt *root;
};

/**
 * struct seedchip_mapping - what to map
 * @va: first address
 * @size: bytes
 * @extents: the memory, NULL with SC_PTE_SPARSE
 * @num_extents: entries of @extents
 * @offset: of @va in the memory
 * @flags: SC_PTE_* bits of the leaves, 0 to unmap
 * @cursor: extent that was looked at last
 * @cursor_offset: of that extent in the memory
 */
struct seedchip_mapping {
	u64 va;
	u64 size;
	const struct seedchip_extent *extents;
	u32 num_extents;
	u64 offset;
	u64 flags;
	u32 cursor;
	u64 cursor_offset;
};

/**
 * struct seedchip_pt_pool - tables that have been allocated and are not used yet
 * @tables: leaf tables, and others
 * @have: how many of each there are
 * @want: how many of each seedchip_mmu_count() asks for
 */
struct seedchip_pt_pool {
	struct list_head tables[2];
	u32 have[2];
	u32 want[2];
};

int seedchip_mmu_init(struct seedchip_mmu *mmu, struct seedchip_device *sdev,
		      struct seedchip_user *user);
void seedchip_mmu_fini(struct seedchip_mmu *mmu);
u64 seedchip_mmu_root_entry(struct seedchip_mmu *mmu);
void seedchip_pt_pool_init(struct seedchip_pt_pool *pool);
int seedchip_pt_pool_fill(struct seedchip_mmu *mmu, struct seedchip_pt_pool *pool);
void seedchip_pt_pool_fini(struct seedchip_mmu *mmu, struct seedchip_pt_pool *pool);
bool seedchip_mmu_count(struct seedchip_mmu *mmu, struct seedchip_mapping *maps, u32 count,
			struct seedchip_pt_pool *pool);
void seedchip_mmu_prepare(struct seedchip_mmu *mmu, struct seedchip_mapping *map,
			  struct seedchip_pt_pool *pool);
bool seedchip_mmu_apply(struct seedchip_mmu *mmu, struct seedchip_mapping *map);
void seedchip_mmu_prune(struct seedchip_mmu *mmu, u64 va, u64 size, struct list_head *garbage);
void seedchip_mmu_free_garbage(struct seedchip_mmu *mmu, struct list_head *garbage);
void seedchip_mmu_leaves(struct seedchip_mmu *mmu, u64 va, u64 size, u64 *small, u64 *huge);

#endif /* SEEDCHIP_MMU_H */
