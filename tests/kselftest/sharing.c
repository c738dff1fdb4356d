// SPDX-License-Identifier: MIT
/* Several cards whose memory is shared; see sharing.h. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#include <xf86drm.h>

#include "sharing.h"

#define WORDS_VA 0x20000000ULL

bool sharer_find(unsigned int number, char *address, size_t size)
{
	char path[64], link[256];
	ssize_t n;

	snprintf(path, sizeof(path), "/sys/class/accel/accel%u/device", number);
	n = readlink(path, link, sizeof(link) - 1);
	if (n <= 0)
		return false;
	link[n] = 0;
	snprintf(address, size, "%s", strrchr(link, '/') + 1);
	return true;
}

int sharer_reopen(const struct sharer *sharer)
{
	char found[64];
	unsigned int i;

	for (i = 0; i < 16; i++)
		if (sharer_find(i, found, sizeof(found)) && !strcmp(found, sharer->address))
			return card_open(i);
	return -ENODEV;
}

void sharer_open(struct sharer *sharer)
{
	struct drm_seedchip_queue_create queue;
	uint32_t handle;

	sharer->fd = sharer_reopen(sharer);
	CHECK(sharer->fd >= 0);
	CHECK_EQ(card_queue(sharer->fd, &queue), 0);
	sharer->queue = queue.queue;
	CHECK_EQ(card_bo(sharer->fd, SHARED_SIZE, DRM_SEEDCHIP_BO_SYSTEM, &handle), 0);
	CHECK_EQ(card_bind(sharer->fd, SHARED_RW, handle, 0, WORDS_VA, SHARED_SIZE), 0);
	sharer->words = card_map(sharer->fd, handle, SHARED_SIZE);
	CHECK(sharer->words);
}

void sharer_close(struct sharer *sharer)
{
	munmap((void *)sharer->words, SHARED_SIZE);
	close(sharer->fd);
}

int sharer_try(struct sharer *sharer, uint64_t offset)
{
	struct sc_packet copy = card_copy(WORDS_VA, SHARED_VA + offset, 8);

	sharer->words[0] = ~0ULL;
	return card_run(sharer->fd, sharer->queue, &copy, 1);
}

uint64_t sharer_peek(struct sharer *sharer, uint64_t offset)
{
	CHECK_EQ(sharer_try(sharer, offset), 0);
	return sharer->words[0];
}

void sharer_poke(struct sharer *sharer, uint64_t offset, uint64_t word)
{
	struct sc_packet fill = card_fill(SHARED_VA + offset, word, 8);

	CHECK_EQ(card_run(sharer->fd, sharer->queue, &fill, 1), 0);
}

int sharer_give(struct sharer *sharer, uint32_t flags, uint32_t *handle)
{
	int shared = -1;

	CHECK_EQ(card_bo(sharer->fd, SHARED_SIZE, flags, handle), 0);
	CHECK_EQ(card_bind(sharer->fd, SHARED_RW, *handle, 0, SHARED_VA, SHARED_SIZE), 0);
	CHECK_EQ(drmPrimeHandleToFD(sharer->fd, *handle, O_CLOEXEC | O_RDWR, &shared), 0);
	return shared;
}

int sharer_take(struct sharer *sharer, int shared, uint32_t *handle)
{
	if (drmPrimeFDToHandle(sharer->fd, shared, handle))
		return -errno;
	CHECK_EQ(card_bind(sharer->fd, SHARED_RW, *handle, 0, SHARED_VA, SHARED_SIZE), 0);
	return 0;
}

void sharer_unbind(const struct sharer *sharer)
{
	CHECK_EQ(card_write("/sys/bus/pci/drivers/seedchip/unbind", sharer->address), 0);
}

void sharer_rebind(const struct sharer *sharer)
{
	CHECK_EQ(card_write("/sys/bus/pci/drivers/seedchip/bind", sharer->address), 0);
}
