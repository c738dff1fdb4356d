// SPDX-License-Identifier: MIT
/*
 * Pools: pieces of a buffer, given out and taken back without a system call.
 *
 * Everything that is known of the pieces lies in memory of the process, an entry
 * for every GRANULE bytes, of which only the first and last entries of a piece
 * are ever touched. Free pieces are listed by size: eight classes for each power
 * of two, and a bit for each list that is not empty, so that every call takes
 * constant time.
 *
 * Who frees a small piece most often soon wants one of that size again. So a few
 * of each small size are *kept*: to their neighbours they look used. All of them
 * are let go when there is no other piece for a call.
 *
 * Invariant: two free pieces, other than kept ones, are never neighbours.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "internal.h"
#include "seedchip/pool.h"

#define GRANULE    256u
#define MAX_GRANULES (1u << 30) /* 256 GiB */
#define CLASSES    256
#define USED       0x80000000u
#define KEPT       0xc0000000u /* and a size that is not 0; no used piece is so large */
#define KEPT_SIZES 64 /* granules that a kept piece is smaller than */
#define KEPT_MOST  8 /* of each size */
#define NONE       UINT32_MAX

/**
 * struct granule - what is known at a granule
 * @head: size of the piece that begins here, with USED or KEPT; 0: none does
 * @tail: size of the free piece that ends here; 0: none does
 * @next: in the list of its class, of a free piece; of its size, of a kept one
 * @prev: the same
 */
struct granule {
	uint32_t head;
	uint32_t tail;
	uint32_t next;
	uint32_t prev;
};

struct seedchip_pool {
	uint64_t va;
	uint32_t count;
	struct granule *granules;
	uint64_t filled[CLASSES / 64];
	uint32_t first[CLASSES];
	uint32_t kept[KEPT_SIZES];
	uint8_t num_kept[KEPT_SIZES];
};

/* Exact up to 15 granules, then eight steps to every doubling. */
static unsigned int class_of(uint32_t n)
{
	unsigned int log2;

	if (n < 8)
		return n;
	log2 = 31 - __builtin_clz(n);
	return (log2 - 2) * 8 + (n >> (log2 - 3) & 7);
}

/* The first class in which every piece is large enough. */
static unsigned int class_for(uint32_t n)
{
	return n < 8 ? n : class_of(n + (1u << (31 - __builtin_clz(n) - 3)) - 1);
}

static void insert(struct seedchip_pool *pool, uint32_t at, uint32_t n)
{
	unsigned int c = class_of(n);
	struct granule *g = &pool->granules[at];

	g->head = n;
	g->next = pool->first[c];
	g->prev = NONE;
	pool->granules[at + n - 1].tail = n;
	if (g->next != NONE)
		pool->granules[g->next].prev = at;
	pool->first[c] = at;
	pool->filled[c / 64] |= 1ull << c % 64;
}

/* Take a free piece out of its list. Return: its size. */
static uint32_t take(struct seedchip_pool *pool, uint32_t at)
{
	struct granule *g = &pool->granules[at];
	uint32_t n = g->head;
	unsigned int c = class_of(n);

	if (g->prev != NONE)
		pool->granules[g->prev].next = g->next;
	else
		pool->first[c] = g->next;
	if (g->next != NONE)
		pool->granules[g->next].prev = g->prev;
	if (pool->first[c] == NONE)
		pool->filled[c / 64] &= ~(1ull << c % 64);
	g->head = 0;
	pool->granules[at + n - 1].tail = 0;
	return n;
}

/* A few of the pieces of the class in which some are large enough. */
static uint32_t find_tight(const struct seedchip_pool *pool, uint32_t n)
{
	uint32_t at = pool->first[class_of(n)];

	for (unsigned int tries = 8; at != NONE && pool->granules[at].head < n; tries--)
		at = tries ? pool->granules[at].next : NONE;
	return at;
}

/* A free piece of at least @n granules, or NONE. */
static uint32_t find(const struct seedchip_pool *pool, uint32_t n)
{
	unsigned int c = class_for(n), i = c / 64;
	uint64_t bits = pool->filled[i] & ~0ull << c % 64;

	while (!bits && ++i < ARRAY_SIZE(pool->filled))
		bits = pool->filled[i];
	return bits ? pool->first[64 * i + __builtin_ctzll(bits)] : find_tight(pool, n);
}

API int seedchip_pool_create(struct seedchip_buffer *buf, struct seedchip_pool **out)
{
	uint64_t count = buf->memory.size / GRANULE;
	struct seedchip_pool *pool;

	if (count > MAX_GRANULES)
		return report(-EINVAL, "pool: a buffer of 0x%llx bytes is too large",
			      (unsigned long long)buf->memory.size);
	pool = calloc(1, sizeof(*pool));
	if (!pool)
		return report(-ENOMEM, "pool: out of memory");
	pool->granules = calloc(count, sizeof(*pool->granules));
	if (!pool->granules) {
		free(pool);
		return report(-ENOMEM, "pool: out of memory");
	}
	pool->va = buf->memory.va;
	pool->count = count;
	memset(pool->first, 0xff, sizeof(pool->first));
	memset(pool->kept, 0xff, sizeof(pool->kept));
	insert(pool, 0, count);
	*out = pool;
	return 0;
}

API void seedchip_pool_destroy(struct seedchip_pool *pool)
{
	if (!pool)
		return;
	free(pool->granules);
	free(pool);
}

/* Let go of a piece that looks used: what is free on both sides becomes one with it. */
static void release(struct seedchip_pool *pool, uint32_t at, uint32_t n)
{
	pool->granules[at].head = 0;
	if (at + n < pool->count && !(pool->granules[at + n].head & USED))
		n += take(pool, at + n);
	if (at && pool->granules[at - 1].tail) {
		at -= pool->granules[at - 1].tail;
		n += take(pool, at);
	}
	insert(pool, at, n);
}

/* Return: a kept piece, or NONE. */
static inline uint32_t take_kept(struct seedchip_pool *pool, uint32_t n)
{
	uint32_t at = pool->kept[n];

	if (at == NONE)
		return NONE;
	pool->kept[n] = pool->granules[at].next;
	pool->num_kept[n]--;
	pool->granules[at].head = n | USED;
	return at;
}

static void release_kept(struct seedchip_pool *pool)
{
	uint32_t at;

	for (uint32_t n = 1; n < KEPT_SIZES; n++)
		while ((at = take_kept(pool, n)) != NONE)
			release(pool, at, n);
}

__attribute__((noinline, cold)) static int alloc_any(struct seedchip_pool *pool, uint64_t size,
						     uint64_t *address)
{
	uint64_t n = (size + GRANULE - 1) / GRANULE;
	uint32_t at = NONE, have;

	if (!size)
		return report(-EINVAL, "pool: 0 bytes");
	if (size <= (uint64_t)pool->count * GRANULE) {
		at = find(pool, n);
		if (at == NONE) {
			release_kept(pool);
			at = find(pool, n);
		}
	}
	if (at == NONE)
		return report(-ENOSPC, "pool: no free piece of %llu bytes",
			      (unsigned long long)size);
	have = take(pool, at);
	if (have > n)
		insert(pool, at + n, have - n);
	pool->granules[at].head = n | USED;
	*address = pool->va + (uint64_t)at * GRANULE;
	return 0;
}

API int seedchip_pool_alloc(struct seedchip_pool *pool, uint64_t size, uint64_t *address)
{
	uint64_t n = (size + GRANULE - 1) / GRANULE; /* 0, and nothing kept, if that is too much */
	uint32_t at = n < KEPT_SIZES ? take_kept(pool, n) : NONE;

	if (at == NONE)
		return alloc_any(pool, size, address);
	*address = pool->va + (uint64_t)at * GRANULE;
	return 0;
}

static inline bool is_used(uint32_t head)
{
	return head & USED && head <= KEPT;
}

API int seedchip_pool_free(struct seedchip_pool *pool, uint64_t address)
{
	uint64_t at = (address - pool->va) / GRANULE;
	struct granule *g;
	uint32_t n;

	if (address % GRANULE || at >= pool->count || !is_used(pool->granules[at].head))
		return report(-EINVAL, "pool: nothing was allocated at 0x%llx",
			      (unsigned long long)address);
	g = &pool->granules[at];
	n = g->head & ~USED;
	if (n >= KEPT_SIZES || pool->num_kept[n] == KEPT_MOST) {
		release(pool, at, n);
		return 0;
	}
	g->head = n | KEPT;
	g->next = pool->kept[n];
	pool->kept[n] = at;
	pool->num_kept[n]++;
	return 0;
}
