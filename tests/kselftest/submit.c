// SPDX-License-Identifier: MIT
/* SUBMIT: packets that are refused, packets that fault, the ring's limits. */
#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#include <xf86drm.h>

#include "card.h"
#include "neighbour.h"
#include "tap.h"

#define RW   (DRM_SEEDCHIP_BIND_MAP | DRM_SEEDCHIP_BIND_READ | DRM_SEEDCHIP_BIND_WRITE)
#define VA   0x10000000ULL
#define SIZE 0x10000ULL

static int fd;
static struct drm_seedchip_info info;
static struct drm_seedchip_queue_create queue;
static const volatile struct sc_queue_state *state;
static uint32_t bo;
static volatile uint64_t *map;

/* Runs one packet that must fault, and brings the queue back before it judges. */
static void expect_fault(const struct sc_packet *packet, enum sc_status status, enum sc_code code,
			 int err)
{
	struct sc_packet nop = card_nop();
	uint64_t before = state->faults;
	struct sc_fault fault;
	int ret, refused, found, after;

	ret = card_run(fd, queue.queue, packet, 1);
	found = card_fault(fd, queue.queue, &fault);
	refused = card_submit(fd, queue.queue, &nop, 1, NULL, 0, NULL);
	CHECK_EQ(card_recover(fd, queue.queue), 0);
	after = card_run(fd, queue.queue, &nop, 1);

	if (ret != -err)
		tap_fail("op 0x%02x: the fence says %d, not %d", SC_HDR_OP(packet->hdr), ret, -err);
	CHECK_EQ(found, 0);
	if (fault.code != code)
		tap_fail("op 0x%02x: code %u, not %u", SC_HDR_OP(packet->hdr), fault.code, code);
	CHECK_EQ(fault.status, status);
	CHECK_EQ(fault.engine, SC_ENGINE_QUEUE);
	CHECK_EQ(fault.queue, queue.hw_queue);
	CHECK_EQ(state->faults, before + 1);
	CHECK_EQ(refused, -EIO);
	CHECK_EQ(after, 0);
	CHECK_EQ(card_fault(fd, queue.queue, &fault), -ENODATA);
}

static void kernel_packets(void)
{
	struct sc_packet packet = card_nop();

	packet.hdr = SC_HDR(SC_OP_WAIT_QUEUE, 0, 0);
	CHECK_EQ(card_submit(fd, queue.queue, &packet, 1, NULL, 0, NULL), -EINVAL);
	packet.hdr = SC_HDR(SC_OP_INVALIDATE, 0, 0);
	CHECK_EQ(card_submit(fd, queue.queue, &packet, 1, NULL, 0, NULL), -EINVAL);
}

static void bad_calls(void)
{
	struct sc_packet nop = card_nop();
	struct drm_seedchip_submit good = {
		.queue = queue.queue, .packets = { SC_SLOT_SIZE, 1, (uintptr_t)&nop },
	};
	struct drm_seedchip_submit s;

#define BAD(change, err)                                                    \
	s = good;                                                           \
	change;                                                             \
	CHECK_EQ(card_ioctl(fd, DRM_IOCTL_SEEDCHIP_SUBMIT, &s), -(err));
	BAD(s.flags = 2, EINVAL)
	BAD(s.queue = 12345, ENOENT)
	BAD(s.packets.stride = 32, EINVAL)
	BAD(s.packets.array = 4096, EFAULT)
	BAD(s.packets.count = 0xffffffff, E2BIG)
	s = good;
	CHECK_EQ(card_ioctl(fd, DRM_IOCTL_SEEDCHIP_SUBMIT, &s), 0);
}

/* Each bit of a NOP that is reserved, alone. */
static void reserved_bits(void)
{
	struct sc_packet packet;
	unsigned int i;

	packet = card_nop();
	packet.hdr |= 0x00100000;
	expect_fault(&packet, SC_STATUS_INVALID, SC_CODE_RESERVED_BITS, EINVAL);
	packet = card_nop();
	packet.hdr |= SC_FLAG_COOPERATIVE << 8;
	expect_fault(&packet, SC_STATUS_INVALID, SC_CODE_RESERVED_BITS, EINVAL);
	for (i = 0; i < 7; i++) {
		packet = card_nop();
		packet.body[i] = 1ULL << (i * 9);
		expect_fault(&packet, SC_STATUS_INVALID, SC_CODE_RESERVED_BITS, EINVAL);
	}
}

static void bad_opcode(void)
{
	struct sc_packet packet = card_nop();

	packet.hdr = SC_HDR(0x7e, 0, 0);
	expect_fault(&packet, SC_STATUS_INVALID, SC_CODE_BAD_OPCODE, EINVAL);
	packet.hdr = 0;
	expect_fault(&packet, SC_STATUS_INVALID, SC_CODE_BAD_OPCODE, EINVAL);
}

static void unmapped(void)
{
	struct sc_packet packet = card_copy(VA, 0x7000000000, 64);

	expect_fault(&packet, SC_STATUS_FAULT, SC_CODE_UNMAPPED, EFAULT);
	packet = card_fill(0x7000000000, 0, 64);
	expect_fault(&packet, SC_STATUS_FAULT, SC_CODE_UNMAPPED, EFAULT);
	packet = card_word(SC_OP_SIGNAL, VA + 4, 1);
	expect_fault(&packet, SC_STATUS_INVALID, SC_CODE_BAD_ALIGNMENT, EINVAL);
}

/* The ring of this very queue is mapped up there, out of reach of its own packets. */
static void drivers_memory(void)
{
	unsigned int seen = 0;
	uint64_t i;

	for (i = 0; i < 64; i++) {
		struct sc_packet packet = card_copy(VA, SC_VA_KERNEL_START + i * SC_HUGE_SIZE, 64);
		struct sc_fault fault = { 0 };
		int ret = card_run(fd, queue.queue, &packet, 1);

		card_fault(fd, queue.queue, &fault);
		CHECK_EQ(card_recover(fd, queue.queue), 0);
		CHECK_EQ(ret, -EFAULT);
		CHECK(fault.code == SC_CODE_UNMAPPED || fault.code == SC_CODE_ENGINE_ONLY);
		seen += fault.code == SC_CODE_ENGINE_ONLY;
	}
	CHECK(seen > 0);
}

static void copy_and_fill(void)
{
	struct sc_packet packets[3] = {
		card_fill(VA, 0x0807060504030201, 64),
		card_copy(VA + 1003, VA + 3, 61),
		card_fill(VA + 64, 0x5555555555555555, 13),
	};
	volatile uint8_t *bytes = (volatile uint8_t *)map;
	unsigned int i;

	memset((void *)map, 0, SIZE);
	CHECK_EQ(card_run(fd, queue.queue, packets, 3), 0);
	for (i = 0; i < 64; i++)
		CHECK_EQ(bytes[i], i % 8 + 1);
	for (i = 0; i < 61; i++)
		CHECK_EQ(bytes[1003 + i], (i + 3) % 8 + 1);
	CHECK_EQ(bytes[1002], 0);
	CHECK_EQ(bytes[1064], 0);
	CHECK_EQ(bytes[76], 0x55);
	CHECK_EQ(bytes[77], 0);
}

/* A user's SIGNAL reaches memory of its own, never the driver's fences. */
static void signal_is_no_fence(void)
{
	struct drm_seedchip_sync out = { .flags = DRM_SEEDCHIP_SYNC_SIGNAL };
	struct sc_packet packets[2] = {
		card_word(SC_OP_SIGNAL, VA, ~0ULL),
		card_word(SC_OP_WAIT, VA + 64, 1),
	};

	memset((void *)map, 0, 128);
	out.handle = card_syncobj(fd);
	CHECK_EQ(card_submit(fd, queue.queue, packets, 2, &out, 1, NULL), 0);
	CHECK_EQ(card_wait(fd, out.handle, 0, 100), -ETIME);
	CHECK_EQ(map[0], ~0ULL);
	map[8] = 1;
	CHECK_EQ(card_wait(fd, out.handle, 0, 10000), 0);
	CHECK_EQ(card_fence_status(fd, out.handle), 1);
	drmSyncobjDestroy(fd, out.handle);
}

/* Behind a WAIT the ring fills up; nothing of a refused submission is left behind. */
static void full_ring(void)
{
	struct sc_packet wait = card_word(SC_OP_WAIT, VA, 1), nops[65];
	uint64_t index = 0, last;
	unsigned int i, accepted = 0;
	int ret;

	for (i = 0; i < 65; i++)
		nops[i] = card_nop();
	map[0] = 0;
	CHECK_EQ(card_submit(fd, queue.queue, nops, 65, NULL, 0, NULL), -E2BIG);
	CHECK_EQ(card_submit(fd, queue.queue, &wait, 1, NULL, 0, &index), 0);
	while (!(ret = card_submit(fd, queue.queue, nops, 10, NULL, 0, &last))) {
		index = last;
		accepted += 10;
	}
	CHECK_EQ(ret, -EBUSY);
	CHECK_EQ(accepted, 60);
	map[0] = 1;
	for (i = 0; i < 1000 && state->retired < index; i++)
		usleep(1000);
	CHECK_EQ(card_run(fd, queue.queue, nops, 64), 0);
}

/* Many laps of the ring, in pieces that do not divide it. */
static void many_laps(void)
{
	struct sc_packet packets[7];
	uint64_t before = state->packets;
	unsigned int i, lap;

	for (lap = 0; lap < 200; lap++) {
		for (i = 0; i < 7; i++)
			packets[i] = card_word(SC_OP_SIGNAL, VA + i * 8, lap * 7 + i);
		CHECK_EQ(card_run(fd, queue.queue, packets, 7), 0);
		for (i = 0; i < 7; i++)
			CHECK_EQ(map[i], lap * 7 + i);
	}
	CHECK_EQ(state->packets, before + 1400);
}

static void later_work_is_cancelled(void)
{
	struct drm_seedchip_sync out = { .flags = DRM_SEEDCHIP_SYNC_SIGNAL };
	struct sc_packet wait = card_word(SC_OP_WAIT, VA, 1), bad = card_nop(), nop = card_nop();
	uint32_t first = card_syncobj(fd), second = card_syncobj(fd);

	bad.body[0] = 1;
	map[0] = 0;
	CHECK_EQ(card_submit(fd, queue.queue, &wait, 1, NULL, 0, NULL), 0);
	out.handle = first;
	CHECK_EQ(card_submit(fd, queue.queue, &bad, 1, &out, 1, NULL), 0);
	out.handle = second;
	CHECK_EQ(card_submit(fd, queue.queue, &nop, 1, &out, 1, NULL), 0);
	map[0] = 1;
	CHECK_EQ(card_wait(fd, second, 0, 10000), 0);
	CHECK_EQ(card_fence_status(fd, first), -EINVAL);
	CHECK_EQ(card_fence_status(fd, second), -ECANCELED);
	CHECK_EQ(card_recover(fd, queue.queue), 0);
	CHECK_EQ(card_run(fd, queue.queue, &nop, 1), 0);
}

int main(void)
{
	static const struct tap_test tests[] = {
		{ "packets reserved to the kernel are EINVAL", kernel_packets },
		{ "a malformed call is refused", bad_calls },
		{ "COPY and FILL do what they say", copy_and_fill },
		{ "reserved bits are a fault", reserved_bits },
		{ "unknown opcodes are a fault", bad_opcode },
		{ "unmapped and misaligned addresses are a fault", unmapped },
		{ "the driver's part of the address space is out of reach", drivers_memory },
		{ "SIGNAL does not reach the driver's fences", signal_is_no_fence },
		{ "a full ring is EBUSY, too much for any ring E2BIG", full_ring },
		{ "two hundred laps in sevens", many_laps },
		{ "work behind a fault is cancelled", later_work_is_cancelled },
		{ "the neighbour's results are right", neighbour_is_right },
	};

	neighbour_start();
	fd = card_open(0);
	if (fd < 0 || card_info(fd, &info) || card_bo(fd, SIZE, DRM_SEEDCHIP_BO_SYSTEM, &bo) ||
	    card_queue(fd, &queue) || card_bind(fd, RW, bo, 0, VA, SIZE)) {
		printf("Bail out! no card, buffer or queue\n");
		return EXIT_FAILURE;
	}
	map = card_map(fd, bo, SIZE);
	state = card_state(fd, &queue);
	return TAP_RUN(tests);
}
