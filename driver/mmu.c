// SPDX-License-Identifier: GPL-2.0-only
/*
 * Page tables: four levels of 512 entries in CPU-visible card memory.
 *
 * Changing mappings takes three steps. seedchip_mmu_count() says how many tables
 * are missing; they are allocated with no lock held, for the lock is needed on the
 * way to signalling fences. seedchip_mmu_prepare() puts them in place, which
 * leaves every translation as it is. seedchip_mmu_apply() changes entries. Between
 * the last two other preparations may happen, so apply decides by what it finds:
 * where a table of 4 KiB entries exists it is used, and a 2 MiB leaf is written
 * only where there is none.
 *
 * Invariant: an entry becomes valid only after what it points to is in memory.
 * A table is freed only after an INVALIDATE that covers it has retired.
 */
#include <linux/bitmap.h>
#include <linux/io-64-nonatomic-lo-hi.h>
#include <linux/overflow.h>
#include <linux/sched/signal.h>
#include <linux/slab.h>

#include "device.h"
#include "mmu.h"
#include "reset.h"
#include "user.h"
#include "vram.h"

#define SEEDCHIP_PT_TOP 3

/**
 * struct seedchip_pt - one table
 * @node: its card memory
 * @map: the same as the CPU sees it
 * @addr: the same as the card sees it
 * @level: 0 for 4 KiB leaves
 * @link: entry of a pool, or of a list of tables to free
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

/* An empty table, for level 0 or for any other. */
static struct seedchip_pt *seedchip_pt_create(struct seedchip_mmu *mmu, bool inner)
{
	struct seedchip_device *sdev = mmu->sdev;
	struct seedchip_pt *pt;
	int err;

	pt = kzalloc(struct_size(pt, children, inner ? SEEDCHIP_PT_ENTRIES : 0),
		     GFP_KERNEL_ACCOUNT);
	if (!pt)
		return ERR_PTR(-ENOMEM);
	err = seedchip_user_charge(mmu->user, SEEDCHIP_QUOTA_MEMORY, SC_PAGE_SIZE);
	if (err)
		goto err_free;
	pt->node = seedchip_vram_alloc(sdev, SC_PAGE_SIZE, SEEDCHIP_VRAM_VISIBLE);
	if (IS_ERR(pt->node)) {
		err = PTR_ERR(pt->node);
		goto err_uncharge;
	}
	pt->addr = seedchip_vram_address(pt->node);
	pt->map = sdev->card + pt->addr;
	seedchip_reset_hold_memory(sdev);
	memset_io(pt->map, 0, SC_PAGE_SIZE);
	/* The empty table before the entry that points to it. */
	wmb();
	seedchip_reset_release_memory(sdev);
	return pt;

err_uncharge:
	seedchip_user_uncharge(mmu->user, SEEDCHIP_QUOTA_MEMORY, SC_PAGE_SIZE);
err_free:
	kfree(pt);
	return ERR_PTR(err);
}

static void seedchip_pt_destroy(struct seedchip_mmu *mmu, struct seedchip_pt *pt)
{
	unsigned int i;

	for (i = 0; pt->level && i < SEEDCHIP_PT_ENTRIES; i++)
		if (pt->children[i])
			seedchip_pt_destroy(mmu, pt->children[i]);
	seedchip_vram_free_dirty(mmu->sdev, pt->node);
	seedchip_user_uncharge(mmu->user, SEEDCHIP_QUOTA_MEMORY, SC_PAGE_SIZE);
	kfree(pt);
}

int seedchip_mmu_init(struct seedchip_mmu *mmu, struct seedchip_device *sdev,
		      struct seedchip_user *user)
{
	struct seedchip_pt *root;

	mmu->sdev = sdev;
	mmu->user = user;
	root = seedchip_pt_create(mmu, true);
	if (IS_ERR(root))
		return PTR_ERR(root);
	root->level = SEEDCHIP_PT_TOP;
	mmu->root = root;
	return 0;
}

/* Nothing may translate any more. */
void seedchip_mmu_fini(struct seedchip_mmu *mmu)
{
	seedchip_pt_destroy(mmu, mmu->root);
}

void seedchip_pt_pool_init(struct seedchip_pt_pool *pool)
{
	*pool = (struct seedchip_pt_pool) {};
	INIT_LIST_HEAD(&pool->tables[0]);
	INIT_LIST_HEAD(&pool->tables[1]);
}

/**
 * seedchip_pt_pool_fill() - allocate the tables that seedchip_mmu_count() has missed
 * @mmu: page tables; its lock is not held
 * @pool: their pool
 *
 * Return: 0, -ENOMEM, -ENOSPC, -EDQUOT or -ERESTARTSYS.
 */
int seedchip_pt_pool_fill(struct seedchip_mmu *mmu, struct seedchip_pt_pool *pool)
{
	struct seedchip_pt *pt;
	unsigned int inner;

	if (fatal_signal_pending(current))
		return -ERESTARTSYS;
	for (inner = 0; inner < 2; inner++) {
		while (pool->have[inner] < pool->want[inner]) {
			if (fatal_signal_pending(current))
				return -ERESTARTSYS;
			pt = seedchip_pt_create(mmu, inner);
			if (IS_ERR(pt))
				return PTR_ERR(pt);
			list_add(&pt->link, &pool->tables[inner]);
			pool->have[inner]++;
			cond_resched();
		}
	}
	return 0;
}

/* Free what has not been used. */
void seedchip_pt_pool_fini(struct seedchip_mmu *mmu, struct seedchip_pt_pool *pool)
{
	seedchip_mmu_free_garbage(mmu, &pool->tables[0]);
	seedchip_mmu_free_garbage(mmu, &pool->tables[1]);
}

static struct seedchip_pt *seedchip_pt_pool_take(struct seedchip_pt_pool *pool, unsigned int level)
{
	struct seedchip_pt *pt = list_first_entry(&pool->tables[!!level], struct seedchip_pt, link);

	list_del(&pt->link);
	pool->have[!!level]--;
	pt->level = level;
	return pt;
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
	u64 step = leaf & SC_PTE_SPARSE ? 0 : SC_PAGE_SIZE;
	unsigned int i;

	for (i = 0; i < SEEDCHIP_PT_ENTRIES; i++)
		seedchip_pt_write(child, i, leaf + i * step);
	/* The filled table before the entry that points to it. */
	wmb();
}

/* Put in place the tables above and at @level that translate @va. */
static void seedchip_mmu_create(struct seedchip_mmu *mmu, u64 va, unsigned int level,
				struct seedchip_pt_pool *pool)
{
	struct seedchip_pt *pt = mmu->root;

	while (pt->level > level) {
		unsigned int index = seedchip_pt_index(va, pt->level);
		struct seedchip_pt *child = pt->children[index];

		if (!child) {
			child = seedchip_pt_pool_take(pool, pt->level - 1);
			if (test_bit(index, pt->valid))
				seedchip_pt_split(pt, index, child);
			pt->children[index] = child;
			seedchip_pt_write(pt, index, child->addr | SC_PTE_VALID);
		}
		pt = child;
	}
}

/* Where byte @offset of the memory lies, and how many more follow it there. */
static u64 seedchip_mapping_address(struct seedchip_mapping *map, u64 offset, u64 *left)
{
	const struct seedchip_extent *extent;

	if (offset < map->cursor_offset) {
		map->cursor = 0;
		map->cursor_offset = 0;
	}
	for (extent = &map->extents[map->cursor]; offset - map->cursor_offset >= extent->size;
	     extent++) {
		map->cursor_offset += extent->size;
		map->cursor++;
	}
	offset -= map->cursor_offset;
	*left = extent->size - offset;
	return extent->addr + offset;
}

/* Whether a 2 MiB leaf can be at @va, which is aligned and followed by 2 MiB of @map. */
static bool seedchip_mapping_is_huge(struct seedchip_mapping *map, u64 va)
{
	u64 addr, left;

	if (map->flags & SC_PTE_SPARSE)
		return true;
	addr = seedchip_mapping_address(map, map->offset + (va - map->va), &left);
	return left >= SC_HUGE_SIZE && IS_ALIGNED(addr, SC_HUGE_SIZE);
}

static u64 seedchip_chunk_end(u64 va, u64 end)
{
	return min(round_down(va, SC_HUGE_SIZE) + SC_HUGE_SIZE, end);
}

/* The level of the table in which the leaves of [@va, @next) will be. */
static unsigned int seedchip_mapping_level(struct seedchip_mapping *map, u64 va, u64 next)
{
	return IS_ALIGNED(va, SC_HUGE_SIZE) && next - va >= SC_HUGE_SIZE &&
	       seedchip_mapping_is_huge(map, va);
}

/*
 * The end of the piece at @va, whose leaves will be in one table: 2 MiB at most,
 * but all that a table of 2 MiB leaves holds where there is no memory to look at. Of an
 * unmapping only what it cuts needs a table.
 */
static u64 seedchip_mapping_next(const struct seedchip_mapping *map, u64 va)
{
	u64 span = 1ULL << seedchip_pt_shift(2);
	u64 end = map->va + map->size;
	u64 next = seedchip_chunk_end(va, end);

	if (next == end)
		return next;
	if (!map->flags)
		return max(next, round_down(end, SC_HUGE_SIZE));
	if (map->flags & SC_PTE_SPARSE && IS_ALIGNED(va, SC_HUGE_SIZE))
		return min(round_down(va, span) + span, round_down(end, SC_HUGE_SIZE));
	return next;
}

static bool seedchip_mapping_needs_table(const struct seedchip_mapping *map, u64 va, u64 next)
{
	return map->flags || !IS_ALIGNED(va | next, SC_HUGE_SIZE);
}

/* Count tables at and above @level that @va lacks; those up to @counted have been. */
static void seedchip_mmu_count_missing(struct seedchip_mmu *mmu, u64 va, unsigned int level,
				       u64 *counted, struct seedchip_pt_pool *pool)
{
	struct seedchip_pt *pt = mmu->root;
	unsigned int missing;

	while (pt->level > level && pt->children[seedchip_pt_index(va, pt->level)])
		pt = pt->children[seedchip_pt_index(va, pt->level)];
	for (missing = pt->level; missing-- > level;) {
		u64 span = 1ULL << seedchip_pt_shift(missing + 1);

		if (va < counted[missing])
			continue;
		counted[missing] = round_down(va, span) + span;
		pool->want[!!missing]++;
	}
}

/**
 * seedchip_mmu_count() - see how many tables it takes to apply mappings
 * @mmu: page tables
 * @maps: what will be applied
 * @count: how many mappings
 * @pool: receives the numbers
 *
 * Return: whether @pool has that many, so that seedchip_mmu_prepare() may follow
 * before the lock is dropped.
 */
bool seedchip_mmu_count(struct seedchip_mmu *mmu, struct seedchip_mapping *maps, u32 count,
			struct seedchip_pt_pool *pool)
{
	u64 counted[SEEDCHIP_PT_TOP] = {};
	struct seedchip_mapping *map;
	u64 va, next, end = 0;

	pool->want[0] = 0;
	pool->want[1] = 0;
	for (map = maps; map < maps + count && !fatal_signal_pending(current); map++) {
		/* Neighbours in ascending order share tables. */
		if (map->va < end)
			memset(counted, 0, sizeof(counted));
		end = map->va + map->size;
		for (va = map->va; va < end; va = next) {
			next = seedchip_mapping_next(map, va);
			if (seedchip_mapping_needs_table(map, va, next))
				seedchip_mmu_count_missing(mmu, va,
							   seedchip_mapping_level(map, va, next),
							   counted, pool);
			cond_resched();
		}
	}
	return map == maps + count && pool->have[0] >= pool->want[0] &&
	       pool->have[1] >= pool->want[1];
}

/* Make sure that applying @map needs no tables; takes what seedchip_mmu_count() has counted. */
void seedchip_mmu_prepare(struct seedchip_mmu *mmu, struct seedchip_mapping *map,
			  struct seedchip_pt_pool *pool)
{
	u64 va, next;

	seedchip_reset_hold_memory(mmu->sdev);
	for (va = map->va; va < map->va + map->size; va = next) {
		next = seedchip_mapping_next(map, va);
		if (seedchip_mapping_needs_table(map, va, next))
			seedchip_mmu_create(mmu, va, seedchip_mapping_level(map, va, next), pool);
		cond_resched();
	}
	/* Drain write-combining before a reset. */
	wmb();
	seedchip_reset_release_memory(mmu->sdev);
}

/* Map [@va, @next) of one 2 MiB piece; returns whether a valid entry has changed. */
static bool seedchip_mmu_map_chunk(struct seedchip_mmu *mmu, struct seedchip_mapping *map, u64 va,
				   u64 next)
{
	struct seedchip_pt *pt = seedchip_mmu_find(mmu, va, 0);
	u64 entry = map->flags | SC_PTE_VALID;
	u64 addr = 0, left = 0;
	bool changed = false;

	if (!pt) {
		pt = seedchip_mmu_find(mmu, va, 1);
		if (map->extents)
			addr = seedchip_mapping_address(map, map->offset + (va - map->va), &left);
		return seedchip_pt_write(pt, seedchip_pt_index(va, 1), addr | entry | SC_PTE_HUGE);
	}
	for (; va < next; va += SC_PAGE_SIZE) {
		if (map->extents && !left)
			addr = seedchip_mapping_address(map, map->offset + (va - map->va), &left);
		changed |= seedchip_pt_write(pt, seedchip_pt_index(va, 0), addr | entry);
		if (map->extents) {
			addr += SC_PAGE_SIZE;
			left -= SC_PAGE_SIZE;
		}
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
	cond_resched();
	return changed;
}

/**
 * seedchip_mmu_apply() - map or unmap
 * @mmu: page tables
 * @map: what seedchip_mmu_prepare() has seen
 *
 * Return: whether an entry that was valid has changed: then an INVALIDATE is needed.
 */
bool seedchip_mmu_apply(struct seedchip_mmu *mmu, struct seedchip_mapping *map)
{
	u64 end = map->va + map->size;
	bool changed = false;
	u64 va, next;

	seedchip_reset_hold_memory(mmu->sdev);
	if (!map->flags) {
		changed = seedchip_mmu_unmap(mmu->root, map->va, end);
	} else {
		for (va = map->va; va < end; va = next) {
			next = seedchip_chunk_end(va, end);
			changed |= seedchip_mmu_map_chunk(mmu, map, va, next);
			cond_resched();
		}
	}
	/* Drain write-combining before whatever tells the card. */
	wmb();
	seedchip_reset_release_memory(mmu->sdev);
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
		if (child->level)
			seedchip_pt_prune(child, va, next, garbage);
		if (!bitmap_empty(child->valid, SEEDCHIP_PT_ENTRIES))
			continue;
		seedchip_pt_write(pt, index, 0);
		pt->children[index] = NULL;
		list_add_tail(&child->link, garbage);
	}
}

/**
 * seedchip_mmu_prune() - take out empty tables
 * @mmu: page tables
 * @va: start of the range to look at
 * @size: bytes
 * @garbage: receives the tables, for seedchip_mmu_free_garbage() after an INVALIDATE
 *	     of everything, because they cover more than the range
 *
 * So that 2 MiB leaves can be used there again, and memory comes back. Not while
 * another change is prepared.
 */
void seedchip_mmu_prune(struct seedchip_mmu *mmu, u64 va, u64 size, struct list_head *garbage)
{
	seedchip_reset_hold_memory(mmu->sdev);
	seedchip_pt_prune(mmu->root, va, va + size, garbage);
	/* Drain write-combining before the INVALIDATE. */
	wmb();
	seedchip_reset_release_memory(mmu->sdev);
}

void seedchip_mmu_free_garbage(struct seedchip_mmu *mmu, struct list_head *garbage)
{
	struct seedchip_pt *pt, *tmp;

	list_for_each_entry_safe(pt, tmp, garbage, link)
		seedchip_pt_destroy(mmu, pt);
	INIT_LIST_HEAD(garbage);
}

static void seedchip_pt_leaves(struct seedchip_pt *pt, u64 va, u64 end, u64 *small, u64 *huge)
{
	u64 span = 1ULL << seedchip_pt_shift(pt->level);
	u64 next;

	for (; va < end; va = next) {
		unsigned int index = seedchip_pt_index(va, pt->level);

		next = min(round_down(va, span) + span, end);
		if (pt->level && pt->children[index])
			seedchip_pt_leaves(pt->children[index], va, next, small, huge);
		else if (test_bit(index, pt->valid))
			++*(pt->level ? huge : small);
	}
}

/* Count the 4 KiB and 2 MiB leaves in a range. */
void seedchip_mmu_leaves(struct seedchip_mmu *mmu, u64 va, u64 size, u64 *small, u64 *huge)
{
	*small = 0;
	*huge = 0;
	seedchip_pt_leaves(mmu->root, va, va + size, small, huge);
}
