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
#include <sys/mman.h>
#include <unistd.h>
#include <xf86drm.h>

#include "sharing.h"

#define SIZE SHARED_SIZE

static struct sharer users[2];

static void between(unsigned int from, unsigned int to)
{
	uint32_t ours, theirs;
	int shared;

	sharer_open(&users[0]);
	sharer_open(&users[1]);
	shared = sharer_give(&users[from], DRM_SEEDCHIP_BO_SYSTEM, &ours);
	CHECK_EQ(sharer_take(&users[to], shared, &theirs), 0);
	close(shared);
	sharer_poke(&users[from], 8, 0x1111);
	CHECK_EQ(sharer_peek(&users[to], 8), 0x1111);
	sharer_poke(&users[to], SIZE - 8, 0x2222);
	CHECK_EQ(sharer_peek(&users[from], SIZE - 8), 0x2222);
	/* The maker lets go. */
	sharer_close(&users[from]);
	CHECK_EQ(sharer_peek(&users[to], 8), 0x1111);
	sharer_close(&users[to]);
}

static void both_ways(void)
{
	between(0, 1);
	between(1, 0);
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

	sharer_open(&users[0]);
	sharer_open(&users[1]);
	shared = sharer_give(&users[0], DRM_SEEDCHIP_BO_SYSTEM, &ours);
	CHECK_EQ(sharer_take(&users[1], shared, &theirs), 0);
	map = mmap(NULL, SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, shared, 0);
	CHECK(map != MAP_FAILED);
	map[2] = 0x3333;
	sharer_unbind(&users[0]);
	CHECK_EQ(sharer_peek(&users[1], 16), 0x3333);
	sharer_poke(&users[1], 24, 0x4444);
	CHECK_EQ(sharer_peek(&users[1], 24), 0x4444);
	must_be_bus_error(map);
	CHECK(drmPrimeHandleToFD(users[0].fd, ours, O_CLOEXEC, &another) < 0);
	CHECK_EQ(errno, ENODEV);
	another = sharer_reopen(&users[1]);
	CHECK_EQ(drmPrimeFDToHandle(another, shared, &late), 0);
	CHECK_EQ(card_bind(another, SHARED_RW, late, 0, SHARED_VA, SIZE), 0);
	close(another);
	close(shared);
	munmap((void *)map, SIZE);
	sharer_close(&users[0]);
	CHECK_EQ(sharer_peek(&users[1], 24), 0x4444);
	sharer_rebind(&users[0]);
	CHECK_EQ(sharer_peek(&users[1], 24), 0x4444);
	sharer_close(&users[1]);
}

/* The other card goes: it lets go of what it has mapped, though its file stays. */
static void user_goes(void)
{
	uint32_t ours, theirs;
	int shared;

	sharer_open(&users[0]);
	sharer_open(&users[1]);
	shared = sharer_give(&users[0], DRM_SEEDCHIP_BO_SYSTEM, &ours);
	CHECK_EQ(sharer_take(&users[1], shared, &theirs), 0);
	sharer_poke(&users[1], 8, 0x5555);
	sharer_unbind(&users[1]);
	CHECK_EQ(sharer_peek(&users[0], 8), 0x5555);
	CHECK(drmPrimeFDToHandle(users[1].fd, shared, &theirs) < 0);
	CHECK_EQ(errno, ENODEV);
	close(shared);
	sharer_close(&users[0]);
	sharer_close(&users[1]);
	sharer_rebind(&users[1]);
}

/* Card memory that only a dma-buf has: nothing but the structures is left of it. */
static void card_memory_goes(void)
{
	volatile uint64_t *map;
	uint32_t handle;
	int shared;

	sharer_open(&users[0]);
	shared = sharer_give(&users[0], DRM_SEEDCHIP_BO_CARD | DRM_SEEDCHIP_BO_CPU_VISIBLE,
			     &handle);
	map = mmap(NULL, SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, shared, 0);
	CHECK(map != MAP_FAILED);
	map[0] = 1;
	sharer_close(&users[0]);
	sharer_unbind(&users[0]);
	must_be_bus_error(map);
	close(shared);
	munmap((void *)map, SIZE);
	sharer_rebind(&users[0]);
}

/* Pinned pages: the card forgets them at once, the process keeps the lock until it closes. */
static void pinned_goes(void)
{
	struct drm_seedchip_bo_userptr arg = { .size = SIZE };
	uint64_t *p = mmap(NULL, SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	CHECK(p != MAP_FAILED);
	arg.address = (uintptr_t)p;
	sharer_open(&users[0]);
	CHECK_EQ(card_ioctl(users[0].fd, DRM_IOCTL_SEEDCHIP_BO_USERPTR, &arg), 0);
	CHECK_EQ(card_bind(users[0].fd, SHARED_RW, arg.handle, 0, SHARED_VA, SIZE), 0);
	sharer_poke(&users[0], 0, 0x6666);
	sharer_unbind(&users[0]);
	CHECK_EQ(p[0], 0x6666);
	p[0] = 1;
	sharer_close(&users[0]);
	munmap(p, SIZE);
	sharer_rebind(&users[0]);
}

int main(void)
{
	static const struct tap_test tests[] = {
		{ "system memory of either card is used by the other", both_ways },
		{ "the maker's card goes", maker_goes },
		{ "the other card goes", user_goes },
		{ "a card goes whose memory is in a dma-buf", card_memory_goes },
		{ "a card goes that has pages of the process", pinned_goes },
		{ "both cards work as before", both_ways },
	};

	if (!sharer_find(0, users[0].address, sizeof(users[0].address)) ||
	    !sharer_find(1, users[1].address, sizeof(users[1].address))) {
		printf("Bail out! two cards are needed\n");
		return EXIT_FAILURE;
	}
	return TAP_RUN(tests);
}
