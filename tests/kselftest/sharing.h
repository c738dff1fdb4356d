/* SPDX-License-Identifier: MIT */
/*
 * Several cards whose memory is shared: each is found by its PCI address, since one that
 * comes back has another number if something of its earlier life is still held.
 */
#ifndef SHARING_H
#define SHARING_H

#include <stdbool.h>

#include "card.h"
#include "tap.h"

#define SHARED_SIZE 0x10000ULL
#define SHARED_VA   0x10000000ULL /* what is shared, on each card */
#define SHARED_RW   (DRM_SEEDCHIP_BIND_MAP | DRM_SEEDCHIP_BIND_READ | DRM_SEEDCHIP_BIND_WRITE)

/**
 * struct sharer - an open card with a queue, and a buffer of its own to see results in
 * @address: PCI address
 * @fd: file
 * @queue: its queue
 * @words: the buffer
 */
struct sharer {
	char address[64];
	int fd;
	uint32_t queue;
	volatile uint64_t *words;
};

/** sharer_find() - the PCI address of the device of /dev/accel/accel@number. */
bool sharer_find(unsigned int number, char *address, size_t size);

/** sharer_open() - open the card at @sharer->address, the other members are filled in. */
void sharer_open(struct sharer *sharer);
void sharer_close(struct sharer *sharer);

/** sharer_reopen() - another file of the same card. */
int sharer_reopen(const struct sharer *sharer);

/** sharer_peek() - the word at @offset of what is shared, as the card sees it. */
uint64_t sharer_peek(struct sharer *sharer, uint64_t offset);
void sharer_poke(struct sharer *sharer, uint64_t offset, uint64_t word);

/** sharer_try() - a copy of that word. Return: 0, or the negative errno of the job. */
int sharer_try(struct sharer *sharer, uint64_t offset);

/** sharer_give() - a dma-buf of a new buffer of SHARED_SIZE bytes, which is bound here. */
int sharer_give(struct sharer *sharer, uint32_t flags, uint32_t *handle);

/** sharer_take() - import it, and bind it here. Return: 0 or a negative errno of the import. */
int sharer_take(struct sharer *sharer, int shared, uint32_t *handle);

/** sharer_unbind() - take the driver from the card. */
void sharer_unbind(const struct sharer *sharer);
void sharer_rebind(const struct sharer *sharer);

#endif /* SHARING_H */
