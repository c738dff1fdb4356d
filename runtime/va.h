/* SPDX-License-Identifier: MIT */
/*
 * Allocator of addresses: which parts of a device's address space are free.
 */
#ifndef SEEDCHIP_VA_H
#define SEEDCHIP_VA_H

#include <stdint.h>

struct va_extent;

/** struct va_space - free extents; all members are va.c's, the caller holds the lock */
struct va_space {
	struct va_extent *root;
	struct va_extent *spare;
	uint64_t nodes;
	uint64_t allocations;
	uint64_t page;
	uint32_t random;
};

/** va_init() - the space is [start, end), both multiples of @page. Return: 0 or -ENOMEM. */
int va_init(struct va_space *va, uint64_t start, uint64_t end, uint64_t page);

/** va_fini() - forget everything. */
void va_fini(struct va_space *va);

/**
 * va_alloc() - take the lowest free addresses that fit
 * @size: bytes, rounded up to the page
 * @align: power of two, at least the page
 *
 * Return: 0, -ENOSPC, or -ENOMEM.
 */
int va_alloc(struct va_space *va, uint64_t size, uint64_t align, uint64_t *start);

/** va_free() - give back what va_alloc() gave; cannot fail as va_alloc() has paid for it. */
void va_free(struct va_space *va, uint64_t start, uint64_t size);

#endif /* SEEDCHIP_VA_H */
