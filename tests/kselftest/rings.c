// SPDX-License-Identifier: MIT
/*
 * The same work through a kernel-managed queue and through a user-mode one, each in a file of
 * its own with the same addresses: batches of random packets, good and bad, around the ring and
 * over faults. After each batch all that a program can see is equal: memory, fences, retired
 * index, counters, fault records. tests/unit/test_chip_rings.c does the same without the driver.
 */
#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "card.h"
#include "tap.h"

#define RW	(DRM_SEEDCHIP_BIND_MAP | DRM_SEEDCHIP_BIND_READ | DRM_SEEDCHIP_BIND_WRITE)
#define RX	(DRM_SEEDCHIP_BIND_MAP | DRM_SEEDCHIP_BIND_READ | DRM_SEEDCHIP_BIND_EXECUTE)
#define SIZE	0x10000ULL
#define VA	0x10000000ULL
#define RING_VA 0x20000000ULL
#define CODE_VA 0x30000000ULL
#define GATE	(SIZE - 8) /* a word that the CPU counts up */
#define LOG2	5
#define SLOTS	(1u << LOG2)
#define BATCHES 120u
#define MOST	6

struct side {
	bool user;
	int fd;
	struct drm_seedchip_queue_create create;
	const volatile struct sc_queue_state *state;
	volatile uint8_t *map;
	struct sc_packet *ring;
	volatile uint32_t *doorbell;
	uint64_t write;
	uint32_t fence;
};

static struct side sides[2];
static uint64_t seed = 1;

static uint32_t rnd(uint32_t limit)
{
	seed = seed * 6364136223846793005ULL + 1442695040888963407ULL;
	return (seed >> 33) % limit;
}

static int side_open(struct side *s, bool user)
{
	uint32_t bo, code, ring;
	uint32_t *insn;

	*s = (struct side){ .user = user, .fd = card_open(0) };
	if (s->fd < 0 || card_bo(s->fd, SIZE, DRM_SEEDCHIP_BO_SYSTEM, &bo) ||
	    card_bo(s->fd, SC_PAGE_SIZE, DRM_SEEDCHIP_BO_SYSTEM, &code) ||
	    card_bo(s->fd, SC_PAGE_SIZE, DRM_SEEDCHIP_BO_SYSTEM, &ring) ||
	    card_bind(s->fd, RW, bo, 0, VA, SIZE) ||
	    card_bind(s->fd, RX, code, 0, CODE_VA, SC_PAGE_SIZE) ||
	    card_bind(s->fd, RW, ring, 0, RING_VA, SC_PAGE_SIZE))
		return -ENODEV;
	s->map = card_map(s->fd, bo, SIZE);
	s->ring = card_map(s->fd, ring, SC_PAGE_SIZE);
	insn = card_map(s->fd, code, SC_PAGE_SIZE);
	if (!s->map || !s->ring || !insn)
		return -ENOMEM;
	insn[0] = 0x00853283; /* ld t0, 8(a0) */
	insn[1] = 0x00053303; /* ld t1, 0(a0) */
	insn[2] = 0x00533023; /* sd t0, 0(t1) */
	insn[3] = 0x00008067; /* ret */
	s->create = (struct drm_seedchip_queue_create){
		.flags = user ? DRM_SEEDCHIP_QUEUE_USER : 0, .priority = 1, .ring_log2 = LOG2,
		.ring_va = user ? RING_VA : 0,
	};
	if (card_ioctl(s->fd, DRM_IOCTL_SEEDCHIP_QUEUE_CREATE, &s->create))
		return -ENODEV;
	s->state = card_state(s->fd, &s->create);
	s->fence = card_syncobj(s->fd);
	if (user)
		s->doorbell = mmap(NULL, SC_PAGE_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, s->fd,
				   (off_t)s->create.doorbell_offset);
	return s->state && s->doorbell != MAP_FAILED ? 0 : -ENOMEM;
}

static void push_user(struct side *s, const struct sc_packet *packets, unsigned int count,
		      const struct drm_seedchip_sync *out)
{
	struct drm_seedchip_queue_fence fence = {
		.queue = s->create.queue, .index = s->write + count,
		.syncs = { sizeof(*out), 1, (uintptr_t)out },
	};
	unsigned int i = count;

	/* promised before it is done, so that a fault cannot come first */
	CHECK_EQ(card_ioctl(s->fd, DRM_IOCTL_SEEDCHIP_QUEUE_FENCE, &fence), 0);
	while (i--) {
		uint64_t index = s->write + i;
		struct sc_packet *slot = &s->ring[index % SLOTS];

		slot->tag = packets[i].tag;
		memcpy(slot->body, packets[i].body, sizeof(slot->body));
		__atomic_store_n(&slot->hdr, packets[i].hdr | SC_PHASE(index, LOG2),
				 __ATOMIC_RELEASE);
	}
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	s->doorbell[SC_DOORBELL_RING / 4] = (uint32_t)(s->write + count);
}

static void push(struct side *s, const struct sc_packet *packets, unsigned int count)
{
	struct drm_seedchip_sync out = { DRM_SEEDCHIP_SYNC_SIGNAL, s->fence, 0 };
	uint64_t index = s->write + count;

	if (s->user)
		push_user(s, packets, count, &out);
	else
		CHECK_EQ(card_submit(s->fd, s->create.queue, packets, count, &out, 1, &index), 0);
	s->write += count;
	CHECK_EQ(index, s->write); /* the kernel has had nothing to pad */
}

/* A kernel that stores a value at an address; a slot of arguments follows. */
static void dispatch(struct sc_packet p[2], uint64_t addr, uint64_t value)
{
	struct sc_pkt_dispatch d = {
		.hdr = SC_HDR(SC_OP_DISPATCH, SC_FLAG_CODE_CHANGED, 1), .entry = CODE_VA,
		.grid_x = 1 + rnd(3), .grid_y = 1, .grid_z = 1, .args_size = 16,
		.stack_size = 4096,
	};
	const uint64_t args[2] = { addr, value };

	memcpy(&p[0], &d, sizeof(p[0]));
	memset(&p[1], 0, sizeof(p[1]));
	p[1].hdr = SC_HDR(SC_OP_ARGS, 0, 0);
	memcpy((char *)&p[1] + SC_SLOT_SIZE - SC_ARG_SLOT_SIZE, args, sizeof(args));
}

/* Return: its slots. */
static unsigned int random_packet(struct sc_packet p[2], uint64_t gate)
{
	uint64_t at = VA + 4096 + rnd(2048) * 8, from = VA + 4096 + rnd(2048) * 8;

	switch (rnd(9)) {
	case 0:
		p[0] = card_nop();
		break;
	case 1:
		p[0] = card_copy(at, from, rnd(9000));
		break;
	case 2:
		p[0] = card_fill(at, seed, rnd(900) * 8);
		break;
	case 3:
		p[0] = card_word(SC_OP_WAIT, VA + GATE, gate);
		break;
	case 4:
		dispatch(p, at, seed);
		return 2;
	case 5: /* a list of two */
		p[0] = card_nop();
		p[0].hdr = SC_HDR(SC_OP_INDIRECT, 0, 0);
		p[0].body[0] = VA;
		p[0].body[1] = seed >> 40;
		p[0].body[2] = 2;
		break;
	default:
		p[0] = card_word(SC_OP_SIGNAL, at, seed);
	}
	/* and now and then something that the card refuses */
	switch (rnd(40)) {
	case 0:
		p[0].hdr |= 1u << (20 + rnd(12));
		break;
	case 1:
		p[0] = card_word(SC_OP_SIGNAL, 0x7000000000ULL, 1);
		break;
	case 2:
		p[0].hdr = SC_HDR(0x30 + rnd(8), 0, 0);
		break;
	case 3:
		p[0] = card_word(SC_OP_SIGNAL, at + 4, 1);
		break;
	}
	return 1;
}

static unsigned int random_batch(struct sc_packet *batch, uint64_t gate)
{
	unsigned int count = 0, wanted = 1 + rnd(MOST);

	while (count < wanted) {
		/* arguments must not cross the end of the ring: else the kernel would pad */
		if ((sides[0].write + count) % SLOTS == SLOTS - 1)
			batch[count++] = card_nop();
		batch[count].tag = 0;
		count += random_packet(&batch[count], gate);
	}
	for (unsigned int i = 0; i < count; i++)
		if (SC_HDR_OP(batch[i].hdr) != SC_OP_ARGS)
			batch[i].tag = rnd(1000);
	return count;
}

/* What both files have in memory for INDIRECT: a SIGNAL relative to the base, and a FILL. */
static void write_list(void)
{
	struct sc_packet list[2] = { card_word(SC_OP_SIGNAL, VA + 2048, 7),
				     card_fill(VA + 2056, 0x5555, 64) };
	unsigned int i;

	list[0].hdr |= SC_FLAG_RELATIVE << 8;
	for (i = 0; i < 2; i++)
		memcpy((void *)sides[i].map, list, sizeof(list));
}

static void compare_faults(void)
{
	struct sc_fault f[2];
	unsigned int i;

	for (i = 0; i < 2; i++)
		CHECK_EQ(card_fault(sides[i].fd, sides[i].create.queue, &f[i]), 0);
#define SAME(member) CHECK_EQ(f[0].member, f[1].member)
	SAME(status);
	SAME(code);
	SAME(engine);
	SAME(index);
	SAME(va);
	SAME(value);
	SAME(access);
	SAME(size);
	SAME(tag);
#undef SAME
}

static void recover(struct side *s)
{
	struct drm_seedchip_queue_recover arg = {
		.queue = s->create.queue, .index = s->user ? s->write : 0,
	};

	CHECK_EQ(card_ioctl(s->fd, DRM_IOCTL_SEEDCHIP_QUEUE_RECOVER, &arg), 0);
}

/*
 * All but how often the doorbell rang: the card looks at the ring by itself and may be done with
 * a packet before its doorbell is counted. Return: whether the batch has failed.
 */
static bool compare(void)
{
	const volatile struct sc_queue_state *a = sides[0].state, *b = sides[1].state;
	int status = card_fence_status(sides[0].fd, sides[0].fence);

	CHECK_EQ(card_fence_status(sides[1].fd, sides[1].fence), status);
#define SAME(member) CHECK_EQ(a->member, b->member)
	SAME(retired);
	SAME(packets);
	SAME(workgroups);
	SAME(insns);
	SAME(copy_bytes);
	SAME(faults);
#undef SAME
	CHECK(!memcmp((const void *)sides[0].map, (const void *)sides[1].map, SIZE));
	if (status == 1)
		return false;
	compare_faults();
	recover(&sides[0]);
	recover(&sides[1]);
	return true;
}

static void same(void)
{
	struct sc_packet batch[MOST + 3];
	unsigned int i, n, side, failed = 0;

	write_list();
	for (i = 1; i <= BATCHES; i++) {
		n = random_batch(batch, i);
		for (side = 0; side < 2; side++)
			push(&sides[side], batch, n);
		for (side = 0; side < 2; side++)
			*(volatile uint64_t *)(sides[side].map + GATE) = i;
		for (side = 0; side < 2; side++)
			CHECK_EQ(card_wait(sides[side].fd, sides[side].fence, 0, 60000), 0);
		failed += compare();
	}
	printf("# %u batches, %llu slots, %u faults\n", BATCHES,
	       (unsigned long long)sides[0].write, failed);
	CHECK(failed > 3 && sides[0].write > 4 * SLOTS);
}

int main(void)
{
	static const struct tap_test tests[] = {
		{ "a kernel's ring and a program's: the same packets, the same results", same },
	};

	if (side_open(&sides[0], false) || side_open(&sides[1], true)) {
		printf("Bail out! no card, buffer or queue\n");
		return EXIT_FAILURE;
	}
	return TAP_RUN(tests);
}
