// SPDX-License-Identifier: MIT
/*
 * Addresses of a device: first fit over the free extents, which are the nodes
 * of a treap ordered by address. Each node knows the largest extent below it,
 * so that finding, splitting and joining take a logarithm of the number of
 * extents, however many buffers there are.
 *
 * Invariant: two free extents never touch, and there are always enough nodes
 * for every allocation to become a free extent of its own: freeing never
 * allocates.
 */
#include <errno.h>
#include <stdlib.h>

#include "va.h"

struct va_extent {
	struct va_extent *left;
	struct va_extent *right;
	uint64_t start;
	uint64_t size;
	uint64_t max; /* largest size in this subtree */
	uint32_t priority;
};

static uint64_t max_of(const struct va_extent *e)
{
	return e ? e->max : 0;
}

static void update(struct va_extent *e)
{
	uint64_t left = max_of(e->left), right = max_of(e->right);

	e->max = e->size;
	if (left > e->max)
		e->max = left;
	if (right > e->max)
		e->max = right;
}

static struct va_extent *join(struct va_extent *low, struct va_extent *high)
{
	if (!low)
		return high;
	if (!high)
		return low;
	if (low->priority > high->priority) {
		low->right = join(low->right, high);
		update(low);
		return low;
	}
	high->left = join(low, high->left);
	update(high);
	return high;
}

/* Everything that starts below @at goes to @low, the rest to @high. */
static void split(struct va_extent *e, uint64_t at, struct va_extent **low, struct va_extent **high)
{
	if (!e) {
		*low = *high = NULL;
	} else if (e->start < at) {
		split(e->right, at, &e->right, high);
		*low = e;
		update(e);
	} else {
		split(e->left, at, low, &e->left);
		*high = e;
		update(e);
	}
}

static int add_node(struct va_space *va)
{
	struct va_extent *e = calloc(1, sizeof(*e));

	if (!e)
		return -ENOMEM;
	e->left = va->spare;
	va->spare = e;
	va->nodes++;
	return 0;
}

static void insert(struct va_space *va, uint64_t start, uint64_t size)
{
	struct va_extent *e = va->spare, *low, *high;

	va->spare = e->left;
	va->random = va->random * 1664525 + 1013904223;
	*e = (struct va_extent){ .start = start, .size = size, .priority = va->random };
	update(e);
	split(va->root, start, &low, &high);
	va->root = join(join(low, e), high);
}

/* Take out the extent that starts at @start, which exists. */
static void take(struct va_space *va, uint64_t start)
{
	struct va_extent *low, *mid, *high;

	split(va->root, start, &low, &high);
	split(high, start + 1, &mid, &high);
	va->root = join(low, high);
	mid->left = va->spare;
	va->spare = mid;
}

int va_init(struct va_space *va, uint64_t start, uint64_t end, uint64_t page)
{
	*va = (struct va_space){ .page = page, .random = 1 };
	if (add_node(va))
		return -ENOMEM;
	insert(va, start, end - start);
	return 0;
}

static void free_nodes(struct va_extent *e)
{
	if (!e)
		return;
	free_nodes(e->left);
	free_nodes(e->right);
	free(e);
}

void va_fini(struct va_space *va)
{
	free_nodes(va->root);
	free_nodes(va->spare);
	*va = (struct va_space){ 0 };
}

int va_alloc(struct va_space *va, uint64_t size, uint64_t align, uint64_t *start)
{
	struct va_extent *e = va->root;
	uint64_t need, first, last, at;

	if (!size || size > UINT64_MAX - va->page - align)
		return -ENOSPC;
	size = (size + va->page - 1) & ~(va->page - 1);
	need = size + align - va->page;
	if (max_of(e) < need)
		return -ENOSPC;
	/* n allocations leave at most n + 1 extents between them */
	while (va->nodes < va->allocations + 2)
		if (add_node(va))
			return -ENOMEM;
	while (max_of(e->left) >= need || e->size < need)
		e = max_of(e->left) >= need ? e->left : e->right;
	first = e->start;
	last = e->start + e->size;
	at = (first + align - 1) & ~(align - 1);
	take(va, first);
	if (at > first)
		insert(va, first, at - first);
	if (at + size < last)
		insert(va, at + size, last - at - size);
	va->allocations++;
	*start = at;
	return 0;
}

void va_free(struct va_space *va, uint64_t start, uint64_t size)
{
	const struct va_extent *e = va->root, *before = NULL, *after = NULL;
	uint64_t first = start, last;

	size = (size + va->page - 1) & ~(va->page - 1);
	last = start + size;
	while (e) {
		if (e->start < start) {
			before = e;
			e = e->right;
		} else {
			after = e;
			e = e->left;
		}
	}
	if (after && after->start == last) {
		last += after->size;
		take(va, after->start);
	}
	if (before && before->start + before->size == first) {
		first = before->start;
		take(va, first);
	}
	insert(va, first, last - first);
	va->allocations--;
}
