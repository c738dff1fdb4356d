/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Page tables of one address space.
 */
#ifndef SEEDCHIP_MMU_H
#define SEEDCHIP_MMU_H

#include <linux/list.h>
#include <linux/types.h>

struct seedchip_device;
struct seedchip_extent;
struct seedchip_pt;

/**
 * struct seedchip_mmu - page tables
 * @sdev: card
 * @root: top table
 *
 * The owner's lock protects everything.
 */
struct seedchip_mmu {
	struct seedchip_device *sdev;
	struct seedchip_pt *root;
};

/**
 * struct seedchip_mapping - what to map
 * @va: first address
 * @size: bytes
 * @extents: the memory, NULL to unmap
 * @num_extents: entries of @extents
 * @offset: of @va in the memory
 * @flags: SC_PTE_* bits of the leaves
 */
struct seedchip_mapping {
	u64 va;
	u64 size;
	const struct seedchip_extent *extents;
	u32 num_extents;
	u64 offset;
	u64 flags;
};

int seedchip_mmu_init(struct seedchip_mmu *mmu, struct seedchip_device *sdev);
void seedchip_mmu_fini(struct seedchip_mmu *mmu);
u64 seedchip_mmu_root_entry(struct seedchip_mmu *mmu);
int seedchip_mmu_prepare(struct seedchip_mmu *mmu, const struct seedchip_mapping *map);
bool seedchip_mmu_apply(struct seedchip_mmu *mmu, const struct seedchip_mapping *map);
void seedchip_mmu_prune(struct seedchip_mmu *mmu, u64 va, u64 size, struct list_head *garbage);
void seedchip_mmu_free_garbage(struct seedchip_mmu *mmu, struct list_head *garbage);

#endif /* SEEDCHIP_MMU_H */
