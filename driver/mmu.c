// SPDX-License-Identifier: GPL-2.0-only
/*
 * Page tables: four levels of 512 entries in CPU-visible card memory.
 *
 * Changing mappings takes two steps: seedchip_mmu_prepare() allocates and can
 * fail, but leaves every translation as it is; seedchip_mmu_apply() cannot
 * fail. Between the two other preparations may happen, so apply decides by what
 * it finds: where a table of 4 KiB entries exists it is used, and a 2 MiB leaf
 * is written only where there is none.
 *
 * Invariant: an entry becomes valid only after what it points to is in memory.
 * A table is freed only after an INVALIDATE that covers it has retired.
 */
#include <linux/bitmap.h>
#include <linux/io-64-nonatomic-lo-hi.h>
#include <linux/overflow.h>
#include <linux/slab.h>

#include "device.h"
#include "mmu.h"
#include "vram.h"

#define SEEDCHIP_PT_ENTRIES 512
#define SEEDCHIP_PT_TOP 3

/**
 * struct seedchip_pt - one table
 * @node: its card memory
 * @map: the same as the CPU sees it
 * @addr: the same as the card sees it
 * @level: 0 for 4 KiB leaves
 * @link: entry of a list of tables to free
 * @valid: entries in use
 * @children: tables below; level 0 has none. A valid entry of level 1 without
 *	      a table is a 2 MiB leaf.
 */
struct seedchip_pt {
	struct seedchip_vram_node *node;
	void __iomem *map;
	u64 addr;
	unsigned int level;
	struct list_head link;
	DECLARE_BITMAP(valid, SEEDCHIP_PT_ENTRIES);
	struct seedchip_pt *children[];
};

static unsigned int seedchip_pt_shift(unsigned int level)
{
	return 12 + 9 * level;
}

static unsigned int seedchip_pt_index(u64 va, unsigned int level)
{
	return (va >> seedchip_pt_shift(level)) % SEEDCHIP_PT_ENTRIES;
}

/* Valid or not, returns whether the entry was valid before. */
static bool seedchip_pt_write(struct seedchip_pt *pt, unsigned int index, u64 entry)
{
	bool was = test_bit(index, pt->valid);

	writeq(entry, pt->map + index * sizeof(u64));
	__assign_bit(index, pt->valid, entry & SC_PTE_VALID);
	return was;
}

static struct seedchip_pt *seedchip_pt_create(struct seedchip_mmu *mmu, unsigned int level)
{
	struct seedchip_device *sdev = mmu->sdev;
	struct seedchip_pt *pt;

	pt = kzalloc(struct_size(pt, children, level ? SEEDCHIP_PT_ENTRIES : 0), GFP_KERNEL);
	if (!pt)
		return NULL;
	pt->node = seedchip_vram_alloc(sdev, SC_PAGE_SIZE, SEEDCHIP_VRAM_VISIBLE);
	if (IS_ERR(pt->node)) {
		kfree(pt);
		return NULL;
	}
	pt->addr = seedchip_vram_address(pt->node);
	pt->map = sdev->card + pt->addr;
	pt->level = level;
	memset_io(pt->map, 0, SC_PAGE_SIZE);
	/* The empty table before the entry that points to it. */
	wmb();
	return pt;
}

static void seedchip_pt_destroy(struct seedchip_mmu *mmu, struct seedchip_pt *pt)
{
	unsigned int i;

	for (i = 0; pt->level && i < SEEDCHIP_PT_ENTRIES; i++)
		if (pt->children[i])
			seedchip_pt_destroy(mmu, pt->children[i]);
	seedchip_vram_free_dirty(mmu->sdev, pt->node);
	kfree(pt);
}

int seedchip_mmu_init(struct seedchip_mmu *mmu, struct seedchip_device *sdev)
{
	mmu->sdev = sdev;
	mmu->root = seedchip_pt_create(mmu, SEEDCHIP_PT_TOP);
	return mmu->root ? 0 : -ENOMEM;
}

/* Nothing may translate any more. */
void seedchip_mmu_fini(struct seedchip_mmu *mmu)
{
	seedchip_pt_destroy(mmu, mmu->root);
}

u64 seedchip_mmu_root_entry(struct seedchip_mmu *mmu)
{
	return mmu->root->addr | SC_PTE_VALID;
}

/* The table of @level that translates @va, or NULL if it does not exist. */
static struct seedchip_pt *seedchip_mmu_find(struct seedchip_mmu *mmu, u64 va, unsigned int level)
{
	struct seedchip_pt *pt = mmu->root;

	while (pt && pt->level > level)
		pt = pt->children[seedchip_pt_index(va, pt->level)];
	return pt;
}

/* Fill a new table with what the 2 MiB leaf that it replaces has said. */
static void seedchip_pt_split(struct seedchip_pt *parent, unsigned int index,
			      struct seedchip_pt *child)
{
	u64 leaf = readq(parent->map + index * sizeof(u64)) & ~(u64)SC_PTE_HUGE;
	unsigned int i;

	for (i = 0; i < SEEDCHIP_PT_ENTRIES; i++)
		seedchip_pt_write(child, i, leaf + i * SC_PAGE_SIZE);
	/* The filled table before the entry that points to it. */
	wmb();
}

/* Create the tables above and at @level that translate @va. */
static struct seedchip_pt *seedchip_mmu_create(struct seedchip_mmu *mmu, u64 va, unsigned int level)
{
	struct seedchip_pt *pt = mmu->root;

	while (pt->level > level) {
		unsigned int index = seedchip_pt_index(va, pt->level);
		struct seedchip_pt *child = pt->children[index];

		if (!child) {
			child = seedchip_pt_create(mmu, pt->level - 1);
			if (!child)
				return NULL;
			if (test_bit(index, pt->valid))
				seedchip_pt_split(pt, index, child);
			pt->children[index] = child;
			seedchip_pt_write(pt, index, child->addr | SC_PTE_VALID);
		}
		pt = child;
	}
	return pt;
}

/* Where byte @offset of the memory lies, and how many more follow it there. */
static u64 seedchip_mapping_address(const struct seedchip_mapping *map, u64 offset, u64 *left)
{
	u32 i;

	for (i = 0; i < map->num_extents; i++) {
		if (offset < map->extents[i].size) {
			*left = map->extents[i].size - offset;
			return map->extents[i].addr + offset;
		}
		offset -= map->extents[i].size;
	}
	*left = 0;
	return 0;
}

/* Whether a 2 MiB leaf can be at @va, which is aligned and followed by 2 MiB of @map. */
static bool seedchip_mapping_is_huge(const struct seedchip_mapping *map, u64 va)
{
	u64 left;
	u64 addr = seedchip_mapping_address(map, map->offset + (va - map->va), &left);

	return left >= SC_HUGE_SIZE && IS_ALIGNED(addr, SC_HUGE_SIZE);
}

static u64 seedchip_chunk_end(u64 va, u64 end)
{
	return min(round_down(va, SC_HUGE_SIZE) + SC_HUGE_SIZE, end);
}

/**
 * seedchip_mmu_prepare() - make sure that applying @map needs no memory
 * @mmu: page tables
 * @map: what will be applied
 *
 * Return: 0 or -ENOMEM, also when CPU-visible card memory is exhausted.
 */
int seedchip_mmu_prepare(struct seedchip_mmu *mmu, const struct seedchip_mapping *map)
{
	u64 end = map->va + map->size;
	u64 va, next;

	if (!map->extents) {
		/* Only where the range cuts a 2 MiB piece can a table be needed. */
		if (!IS_ALIGNED(map->va, SC_HUGE_SIZE) && !seedchip_mmu_create(mmu, map->va, 0))
			return -ENOMEM;
		if (!IS_ALIGNED(end, SC_HUGE_SIZE) && !seedchip_mmu_create(mmu, end - 1, 0))
			return -ENOMEM;
		return 0;
	}
	for (va = map->va; va < end; va = next) {
		bool whole;

		next = seedchip_chunk_end(va, end);
		whole = next - va == SC_HUGE_SIZE && seedchip_mapping_is_huge(map, va);
		if (!seedchip_mmu_create(mmu, va, whole ? 1 : 0))
			return -ENOMEM;
	}
	return 0;
}

/* Map [@va, @next) of one 2 MiB piece; returns whether a valid entry has changed. */
static bool seedchip_mmu_map_chunk(struct seedchip_mmu *mmu, const struct seedchip_mapping *map,
				   u64 va, u64 next)
{
	struct seedchip_pt *pt = seedchip_mmu_find(mmu, va, 0);
	u64 addr = 0, left = 0;
	bool changed = false;

	if (!pt) {
		pt = seedchip_mmu_find(mmu, va, 1);
		addr = seedchip_mapping_address(map, map->offset + (va - map->va), &left);
		return seedchip_pt_write(pt, seedchip_pt_index(va, 1),
					 addr | map->flags | SC_PTE_HUGE | SC_PTE_VALID);
	}
	for (; va < next; va += SC_PAGE_SIZE, addr += SC_PAGE_SIZE, left -= SC_PAGE_SIZE) {
		if (!left)
			addr = seedchip_mapping_address(map, map->offset + (va - map->va), &left);
		changed |= seedchip_pt_write(pt, seedchip_pt_index(va, 0),
					     addr | map->flags | SC_PTE_VALID);
	}
	return changed;
}

static bool seedchip_mmu_unmap(struct seedchip_pt *pt, u64 va, u64 end)
{
	u64 span = 1ULL << seedchip_pt_shift(pt->level);
	bool changed = false;
	u64 next;

	for (; va < end; va = next) {
		unsigned int index = seedchip_pt_index(va, pt->level);

		next = min(round_down(va, span) + span, end);
		if (pt->level && pt->children[index])
			changed |= seedchip_mmu_unmap(pt->children[index], va, next);
		else if (test_bit(index, pt->valid))
			changed |= seedchip_pt_write(pt, index, 0);
	}
	return changed;
}

/**
 * seedchip_mmu_apply() - map or unmap
 * @mmu: page tables
 * @map: what seedchip_mmu_prepare() has seen
 *
 * Return: whether an entry that was valid has changed: then an INVALIDATE is needed.
 */
bool seedchip_mmu_apply(struct seedchip_mmu *mmu, const struct seedchip_mapping *map)
{
	u64 end = map->va + map->size;
	bool changed = false;
	u64 va, next;

	if (!map->extents) {
		changed = seedchip_mmu_unmap(mmu->root, map->va, end);
	} else {
		for (va = map->va; va < end; va = next) {
			next = seedchip_chunk_end(va, end);
			changed |= seedchip_mmu_map_chunk(mmu, map, va, next);
		}
	}
	/* Drain write-combining before whatever tells the card. */
	wmb();
	return changed;
}

static void seedchip_pt_prune(struct seedchip_pt *pt, u64 va, u64 end, struct list_head *garbage)
{
	u64 span = 1ULL << seedchip_pt_shift(pt->level);
	u64 next;

	for (; va < end; va = next) {
		unsigned int index = seedchip_pt_index(va, pt->level);
		struct seedchip_pt *child = pt->children[index];

		next = min(round_down(va, span) + span, end);
		if (!child)
			continue;
		if (child->level) {
			seedchip_pt_prune(child, va, next, garbage);
		} else if (bitmap_empty(child->valid, SEEDCHIP_PT_ENTRIES)) {
			seedchip_pt_write(pt, index, 0);
			pt->children[index] = NULL;
			list_add_tail(&child->link, garbage);
		}
	}
}

/**
 * seedchip_mmu_prune() - take out empty tables of 4 KiB entries
 * @mmu: page tables
 * @va: start of the range to look at
 * @size: bytes
 * @garbage: receives the tables, for seedchip_mmu_free_garbage() after an INVALIDATE
 *
 * So that 2 MiB leaves can be used there again. Not while another change is prepared.
 */
void seedchip_mmu_prune(struct seedchip_mmu *mmu, u64 va, u64 size, struct list_head *garbage)
{
	seedchip_pt_prune(mmu->root, va, va + size, garbage);
	/* Drain write-combining before the INVALIDATE. */
	wmb();
}

void seedchip_mmu_free_garbage(struct seedchip_mmu *mmu, struct list_head *garbage)
{
	struct seedchip_pt *pt, *tmp;

	list_for_each_entry_safe(pt, tmp, garbage, link)
		seedchip_pt_destroy(mmu, pt);
	INIT_LIST_HEAD(garbage);
}
