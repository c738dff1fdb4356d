// SPDX-License-Identifier: MIT
/*
 * Lists of packets in memory of the program, run by INDIRECT from a ring of the
 * kernel's: the kernel has not seen them, so the card must not trust them.
 */
#include <errno.h>
#include <string.h>

#include "card.h"
#include "neighbour.h"
#include "tap.h"

#define RW    (DRM_SEEDCHIP_BIND_MAP | DRM_SEEDCHIP_BIND_READ | DRM_SEEDCHIP_BIND_WRITE)
#define VA    0x10000000ULL
#define LIST  (VA + 0x1000)
#define SIZE  0x10000ULL
#define SLOTS 8

static int fd;
static uint32_t bo;
static volatile uint64_t *map;
static struct sc_packet *list;
static struct drm_seedchip_queue_create queue;

static int run_list(uint64_t address, uint64_t base, uint32_t count)
{
	union {
		struct sc_pkt_indirect indirect;
		struct sc_packet packet;
	} u = { .indirect = { .hdr = SC_HDR(SC_OP_INDIRECT, 0, 0), .list = address, .base = base,
			      .count = count } };

	return card_run(fd, queue.queue, &u.packet, 1);
}

/* The list must fail with this code, and then the queue works again. */
static void fails(int error, enum sc_code code, uint64_t address, uint32_t count)
{
	struct sc_fault fault;

	CHECK_EQ(run_list(address, 0, count), error);
	CHECK_EQ(card_fault(fd, queue.queue, &fault), 0);
	CHECK_EQ(fault.code, code);
	CHECK_EQ(fault.queue, queue.hw_queue);
	CHECK_EQ(card_recover(fd, queue.queue), 0);
	list[0] = card_word(SC_OP_SIGNAL, VA, code);
	CHECK_EQ(run_list(LIST, 0, 1), 0);
	CHECK_EQ(map[0], code);
}

static void runs(void)
{
	const volatile struct sc_queue_state *state = card_state(fd, &queue);
	uint64_t retired = state->retired;

	list[0] = card_word(SC_OP_SIGNAL, VA, 5);
	list[0].hdr |= SC_FLAG_RELATIVE << 8;
	list[1] = card_word(SC_OP_WAIT, VA, 7);
	list[2] = card_copy(VA + 8, VA, 8);
	CHECK_EQ(run_list(LIST, 2, 3), 0);
	CHECK_EQ(map[1], 7);
	CHECK_EQ(state->retired, retired + 1);
	CHECK_EQ(run_list(LIST, 100, 3), 0);
	CHECK_EQ(map[1], 105);
	CHECK_EQ(run_list(LIST, 0, 0), 0);
}

/* Even in a ring whose packets may name them, a list cannot. */
static void reserved_packets(void)
{
	list[0] = card_nop();
	list[0].hdr = SC_HDR(SC_OP_WAIT_QUEUE, 0, 0);
	fails(-EACCES, SC_CODE_PRIVILEGED, LIST, 1);
	list[0].hdr = SC_HDR(SC_OP_INVALIDATE, 0, 0);
	fails(-EACCES, SC_CODE_PRIVILEGED, LIST, 1);
}

static void bad_lists(void)
{
	list[0] = card_nop();
	list[0].hdr = SC_HDR(SC_OP_INDIRECT, 0, 0);
	fails(-EINVAL, SC_CODE_NESTED_INDIRECT, LIST, 1);
	list[0].hdr = SC_HDR(SC_OP_DISPATCH, 0, 1);
	fails(-EINVAL, SC_CODE_BAD_ARGUMENTS, LIST, 1);
	fails(-EINVAL, SC_CODE_BAD_ALIGNMENT, LIST + 32, 1);
	fails(-EINVAL, SC_CODE_BAD_SIZE, LIST, SC_MAX_LIST + 1);
	fails(-EFAULT, SC_CODE_UNMAPPED, VA + SIZE, 1);
	list[(VA + SIZE - LIST) / SC_SLOT_SIZE - 1] = card_nop();
	fails(-EFAULT, SC_CODE_UNMAPPED, VA + SIZE - SC_SLOT_SIZE, 2);
	fails(-EFAULT, SC_CODE_BAD_ADDRESS, 1ULL << 48, 1);
}

static void relative_outside(void)
{
	struct sc_packet packet = card_word(SC_OP_SIGNAL, VA, 1);
	struct sc_fault fault;

	packet.hdr |= SC_FLAG_RELATIVE << 8;
	CHECK_EQ(card_run(fd, queue.queue, &packet, 1), -EINVAL);
	CHECK_EQ(card_fault(fd, queue.queue, &fault), 0);
	CHECK_EQ(fault.code, SC_CODE_RESERVED_BITS);
	CHECK_EQ(card_recover(fd, queue.queue), 0);
}

/* Whatever a list holds, it runs or fails, and nobody else notices. */
static void random_lists(void)
{
	uint64_t seed = 7;
	unsigned int round, i;
	int ret;

	for (round = 0; round < 100; round++) {
		for (i = 0; i < SLOTS; i++)
			list[i] = card_copy(VA + 0x8000, VA + 0x9000, 0x1000);
		for (i = 0; i <= round % 8; i++) {
			seed = seed * 6364136223846793005ULL + 1442695040888963407ULL;
			((volatile uint64_t *)list)[seed >> 32 & (SLOTS * 8 - 1)] = seed;
		}
		/* a WAIT that it may have become is not satisfied for good */
		for (i = 0; i < SLOTS; i++)
			if (SC_HDR_OP(list[i].hdr) == SC_OP_WAIT)
				list[i] = card_nop();
		ret = run_list(LIST, 0, SLOTS);
		if (ret)
			CHECK_EQ(card_recover(fd, queue.queue), 0);
		CHECK(ret == 0 || ret == -EINVAL || ret == -EFAULT || ret == -EACCES);
	}
	list[0] = card_word(SC_OP_SIGNAL, VA, 99);
	CHECK_EQ(run_list(LIST, 0, 1), 0);
	CHECK_EQ(map[0], 99);
}

int main(void)
{
	static const struct tap_test tests[] = {
		{ "a list runs as if it stood in the ring", runs },
		{ "packets reserved to the kernel are a fault", reserved_packets },
		{ "malformed lists are a fault by name", bad_lists },
		{ "RELATIVE outside a list is a fault", relative_outside },
		{ "lists of random words", random_lists },
		{ "the neighbour's results are right", neighbour_is_right },
	};

	neighbour_start();
	fd = card_open(0);
	if (fd < 0 || card_bo(fd, SIZE, DRM_SEEDCHIP_BO_SYSTEM, &bo) ||
	    card_bind(fd, RW, bo, 0, VA, SIZE) || card_queue(fd, &queue)) {
		printf("Bail out! no card, buffer or queue\n");
		return EXIT_FAILURE;
	}
	map = card_map(fd, bo, SIZE);
	if (!map) {
		printf("Bail out! no mapping\n");
		return EXIT_FAILURE;
	}
	list = (struct sc_packet *)((uintptr_t)map + (LIST - VA));
	return TAP_RUN(tests);
}
