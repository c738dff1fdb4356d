/* SPDX-License-Identifier: MIT */
/*
 * Pools: many small pieces of a buffer, given out and taken back in constant
 * time and without a system call.
 *
 * A pool remembers who has what and does nothing else: it does not touch the
 * memory, which is not zeroed between its users. It belongs to one thread at a
 * time.
 */
#ifndef SEEDCHIP_POOL_H
#define SEEDCHIP_POOL_H

#include <seedchip.h>

#ifdef __cplusplus
extern "C" {
#endif

struct seedchip_pool;

/**
 * seedchip_pool_create() - give out pieces of a buffer
 * @buf: the buffer; until the pool is destroyed nobody else decides what lies in it
 * @pool: the pool
 *
 * Return: 0; -EINVAL: more than 256 GiB; -ENOMEM.
 */
int seedchip_pool_create(struct seedchip_buffer *buf, struct seedchip_pool **pool);

/**
 * seedchip_pool_destroy() - forget all pieces
 * @pool: the pool, or NULL; its buffer stays
 */
void seedchip_pool_destroy(struct seedchip_pool *pool);

/**
 * seedchip_pool_alloc() - a piece of a pool's buffer
 * @pool: the pool
 * @size: bytes; a piece takes a multiple of 256
 * @address: its address on the device, a multiple of 256; for the CPU it is as far from the
 *	     start of the buffer's mapping as @address is from seedchip_buffer_address()
 *
 * Return: 0; -EINVAL: 0 bytes; -ENOSPC: no free piece is large enough.
 */
int seedchip_pool_alloc(struct seedchip_pool *pool, uint64_t size, uint64_t *address);

/**
 * seedchip_pool_free() - take a piece back
 * @pool: the pool
 * @address: from seedchip_pool_alloc()
 *
 * It may be given out again at once. Work that uses it may still be queued: that is safe if
 * only the same queue uses the next piece at this place, since a queue works in order. For
 * launches with SEEDCHIP_OVERLAP, other queues and the CPU wait for an event first.
 *
 * Return: 0; -EINVAL: nothing was allocated there.
 */
int seedchip_pool_free(struct seedchip_pool *pool, uint64_t address);

#ifdef __cplusplus
}
#endif

#endif /* SEEDCHIP_POOL_H */
