// SPDX-License-Identifier: MIT
/* vm: cards=2 alone */
/*
 * Buffers shared between two cards, and what is left of them when one card goes:
 * the other works on with system memory, the CPU's mappings are SIGBUS.
 */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdbool.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#include <xf86drm.h>

#include "card.h"
#include "tap.h"

#define RW   (DRM_SEEDCHIP_BIND_MAP | DRM_SEEDCHIP_BIND_READ | DRM_SEEDCHIP_BIND_WRITE)
#define SIZE 0x10000ULL
#define VA   0x10000000ULL
#define VB   0x20000000ULL

/**
 * struct user - an open card with a queue and a buffer of its own
 * @address: PCI address
 * @fd: file
 * @queue: its queue
 * @words: the buffer, at VB of the card
 */
struct user {
	char address[64];
	int fd;
	uint32_t queue;
	volatile uint64_t *words;
};

static struct user users[2];

static bool find_address(unsigned int number, char *address, size_t size)
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

/* A card that came back has another number if something of its earlier life is still held. */
static int open_card(const char *address)
{
	char found[64];
	unsigned int i;

	for (i = 0; i < 16; i++)
		if (find_address(i, found, sizeof(found)) && !strcmp(found, address))
			return card_open(i);
	return -ENODEV;
}

static void open_user(unsigned int index)
{
	struct user *user = &users[index];
	struct drm_seedchip_queue_create queue;
	uint32_t handle;

	user->fd = open_card(user->address);
	CHECK(user->fd >= 0);
	CHECK_EQ(card_queue(user->fd, &queue), 0);
	user->queue = queue.queue;
	CHECK_EQ(card_bo(user->fd, SIZE, DRM_SEEDCHIP_BO_SYSTEM, &handle), 0);
	CHECK_EQ(card_bind(user->fd, RW, handle, 0, VB, SIZE), 0);
	user->words = card_map(user->fd, handle, SIZE);
	CHECK(user->words);
}

static void close_user(unsigned int index)
{
	munmap((void *)users[index].words, SIZE);
	close(users[index].fd);
}

/* One word at VA as the card sees it. */
static uint64_t peek(struct user *user, uint64_t offset)
{
	struct sc_packet copy = card_copy(VB, VA + offset, 8);

	user->words[0] = ~0ULL;
	CHECK_EQ(card_run(user->fd, user->queue, &copy, 1), 0);
	return user->words[0];
}

static void poke(struct user *user, uint64_t offset, uint64_t word)
{
	struct sc_packet fill = card_fill(VA + offset, word, 8);

	CHECK_EQ(card_run(user->fd, user->queue, &fill, 1), 0);
}

/* A dma-buf of a new buffer of @from, which is bound there. */
static int share(struct user *from, uint32_t flags, uint32_t *handle)
{
	int shared = -1;

	CHECK_EQ(card_bo(from->fd, SIZE, flags, handle), 0);
	CHECK_EQ(card_bind(from->fd, RW, *handle, 0, VA, SIZE), 0);
	CHECK_EQ(drmPrimeHandleToFD(from->fd, *handle, O_CLOEXEC | O_RDWR, &shared), 0);
	return shared;
}

static void take(struct user *to, int shared, uint32_t *handle)
{
	CHECK_EQ(drmPrimeFDToHandle(to->fd, shared, handle), 0);
	CHECK_EQ(card_bind(to->fd, RW, *handle, 0, VA, SIZE), 0);
}

static void between(unsigned int from, unsigned int to)
{
	uint32_t ours, theirs;
	int shared;

	open_user(0);
	open_user(1);
	shared = share(&users[from], DRM_SEEDCHIP_BO_SYSTEM, &ours);
	take(&users[to], shared, &theirs);
	close(shared);
	poke(&users[from], 8, 0x1111);
	CHECK_EQ(peek(&users[to], 8), 0x1111);
	poke(&users[to], SIZE - 8, 0x2222);
	CHECK_EQ(peek(&users[from], SIZE - 8), 0x2222);
	/* The maker lets go. */
	close_user(from);
	CHECK_EQ(peek(&users[to], 8), 0x1111);
	close_user(to);
}

static void both_ways(void)
{
	between(0, 1);
	between(1, 0);
}

static void card_memory(void)
{
	uint32_t ours, theirs;
	int shared;

	open_user(0);
	open_user(1);
	shared = share(&users[0], DRM_SEEDCHIP_BO_CARD | DRM_SEEDCHIP_BO_CPU_VISIBLE, &ours);
	CHECK(drmPrimeFDToHandle(users[1].fd, shared, &theirs) < 0);
	CHECK_EQ(errno, EOPNOTSUPP);
	close(shared);
	close_user(0);
	close_user(1);
}

static void remove_card(unsigned int index)
{
	CHECK_EQ(card_write("/sys/bus/pci/drivers/seedchip/unbind", users[index].address), 0);
}

static void return_card(unsigned int index)
{
	CHECK_EQ(card_write("/sys/bus/pci/drivers/seedchip/bind", users[index].address), 0);
}

static sigjmp_buf bus_return;

static void on_bus_error(int signal)
{
	(void)signal;
	siglongjmp(bus_return, 1);
}

static void must_be_bus_error(volatile uint64_t *words)
{
	volatile int survived = 0;

	signal(SIGBUS, on_bus_error);
	if (!sigsetjmp(bus_return, 1)) {
		words[0] = 1;
		survived = 1;
	}
	signal(SIGBUS, SIG_DFL);
	CHECK(!survived);
}

/* The maker's card goes: the other works on, and a late comer can still import. */
static void maker_goes(void)
{
	volatile uint64_t *map;
	uint32_t ours, theirs, late;
	int shared, another;

	open_user(0);
	open_user(1);
	shared = share(&users[0], DRM_SEEDCHIP_BO_SYSTEM, &ours);
	take(&users[1], shared, &theirs);
	map = mmap(NULL, SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, shared, 0);
	CHECK(map != MAP_FAILED);
	map[2] = 0x3333;
	remove_card(0);
	CHECK_EQ(peek(&users[1], 16), 0x3333);
	poke(&users[1], 24, 0x4444);
	CHECK_EQ(peek(&users[1], 24), 0x4444);
	must_be_bus_error(map);
	CHECK(drmPrimeHandleToFD(users[0].fd, ours, O_CLOEXEC, &another) < 0);
	CHECK_EQ(errno, ENODEV);
	another = open_card(users[1].address);
	CHECK_EQ(drmPrimeFDToHandle(another, shared, &late), 0);
	CHECK_EQ(card_bind(another, RW, late, 0, VA, SIZE), 0);
	close(another);
	close(shared);
	munmap((void *)map, SIZE);
	close_user(0);
	CHECK_EQ(peek(&users[1], 24), 0x4444);
	return_card(0);
	CHECK_EQ(peek(&users[1], 24), 0x4444);
	close_user(1);
}

/* The other card goes: it lets go of what it has mapped, though its file stays. */
static void user_goes(void)
{
	uint32_t ours, theirs;
	int shared;

	open_user(0);
	open_user(1);
	shared = share(&users[0], DRM_SEEDCHIP_BO_SYSTEM, &ours);
	take(&users[1], shared, &theirs);
	poke(&users[1], 8, 0x5555);
	remove_card(1);
	CHECK_EQ(peek(&users[0], 8), 0x5555);
	CHECK(drmPrimeFDToHandle(users[1].fd, shared, &theirs) < 0);
	CHECK_EQ(errno, ENODEV);
	close(shared);
	close_user(0);
	close_user(1);
	return_card(1);
}

/* Card memory that only a dma-buf has: nothing but the structures is left of it. */
static void card_memory_goes(void)
{
	volatile uint64_t *map;
	uint32_t handle;
	int shared;

	open_user(0);
	shared = share(&users[0], DRM_SEEDCHIP_BO_CARD | DRM_SEEDCHIP_BO_CPU_VISIBLE, &handle);
	map = mmap(NULL, SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, shared, 0);
	CHECK(map != MAP_FAILED);
	map[0] = 1;
	close_user(0);
	remove_card(0);
	must_be_bus_error(map);
	close(shared);
	munmap((void *)map, SIZE);
	return_card(0);
}

/* Pinned pages: the card forgets them at once, the process keeps the lock until it closes. */
static void pinned_goes(void)
{
	struct drm_seedchip_bo_userptr arg = { .size = SIZE };
	uint64_t *p = mmap(NULL, SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	CHECK(p != MAP_FAILED);
	arg.address = (uintptr_t)p;
	open_user(0);
	CHECK_EQ(card_ioctl(users[0].fd, DRM_IOCTL_SEEDCHIP_BO_USERPTR, &arg), 0);
	CHECK_EQ(card_bind(users[0].fd, RW, arg.handle, 0, VA, SIZE), 0);
	poke(&users[0], 0, 0x6666);
	remove_card(0);
	CHECK_EQ(p[0], 0x6666);
	p[0] = 1;
	close_user(0);
	munmap(p, SIZE);
	return_card(0);
}

int main(void)
{
	static const struct tap_test tests[] = {
		{ "system memory of either card is used by the other", both_ways },
		{ "card memory is not: EOPNOTSUPP", card_memory },
		{ "the maker's card goes", maker_goes },
		{ "the other card goes", user_goes },
		{ "a card goes whose memory is in a dma-buf", card_memory_goes },
		{ "a card goes that has pages of the process", pinned_goes },
		{ "both cards work as before", both_ways },
	};

	if (!find_address(0, users[0].address, sizeof(users[0].address)) ||
	    !find_address(1, users[1].address, sizeof(users[1].address))) {
		printf("Bail out! two cards are needed\n");
		return EXIT_FAILURE;
	}
	return TAP_RUN(tests);
}
