// SPDX-License-Identifier: MIT
/* vm: alone timeout=240 */
/*
 * All queues that the card has, kernel-managed and user-mode, have work at the same time, which
 * is many more than it has slots for: all get on. One more is refused by name, and can be had
 * when another goes.
 */
#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "card.h"
#include "tap.h"

#define RW    (DRM_SEEDCHIP_BIND_MAP | DRM_SEEDCHIP_BIND_READ | DRM_SEEDCHIP_BIND_WRITE)
#define SIZE  0x40000ULL
#define VA    0x10000000ULL
#define RINGS 0x4000u /* in the buffer; before it: the gate, and a word for each queue */
#define LOG2  4
#define SLOTS (1u << LOG2)
#define FILES 16
#define MOST  SC_MAX_QUEUES
#define SOME  16 /* the card's slots, SC_REG_NUM_SLOTS of the virtual default */

struct file {
	int fd;
	volatile uint64_t *map;
	unsigned int count;
};

struct queue {
	struct file *file;
	unsigned int number; /* in the file */
	struct drm_seedchip_queue_create create;
	struct sc_packet *ring;
	volatile uint32_t *doorbell;
	uint64_t write;
};

static struct file files[FILES];
static struct queue queues[MOST];
static unsigned int num_files, num_queues;

static int queue_open(struct file *f, struct queue *q)
{
	bool user = f->count % 2;
	uint64_t offset = RINGS + f->count * SLOTS * SC_SLOT_SIZE;
	int ret;

	*q = (struct queue){
		.file = f, .number = f->count,
		.create = {
			.flags = user ? DRM_SEEDCHIP_QUEUE_USER : 0, .priority = 1,
			.ring_log2 = LOG2, .ring_va = user ? VA + offset : 0,
		},
		.ring = (void *)((uintptr_t)f->map + offset),
	};
	ret = card_ioctl(f->fd, DRM_IOCTL_SEEDCHIP_QUEUE_CREATE, &q->create);
	if (ret)
		return ret;
	f->count++;
	if (user)
		q->doorbell = mmap(NULL, SC_PAGE_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, f->fd,
				   (off_t)q->create.doorbell_offset);
	return q->doorbell == MAP_FAILED ? -errno : 0;
}

static void file_open(struct file *f)
{
	uint32_t bo;

	f->fd = card_open(0);
	CHECK(f->fd >= 0);
	CHECK_EQ(card_bo(f->fd, SIZE, DRM_SEEDCHIP_BO_SYSTEM, &bo), 0);
	CHECK_EQ(card_bind(f->fd, RW, bo, 0, VA, SIZE), 0);
	f->map = card_map(f->fd, bo, SIZE);
	CHECK(f->map);
	num_files++;
}

/* File after file, as many queues as each may have, until the card has none left. */
static void take_all(void)
{
	int ret = -EMFILE;

	while (ret == -EMFILE && num_files < FILES) {
		file_open(&files[num_files]);
		while (num_queues < MOST) {
			ret = queue_open(&files[num_files - 1], &queues[num_queues]);
			if (ret)
				break;
			num_queues++;
		}
	}
	CHECK_EQ(ret, -ENOSPC);
	CHECK(num_queues > 4 * SOME);
	printf("# %u queues in %u files\n", num_queues, num_files);
}

static void push(struct queue *q, const struct sc_packet *packets, unsigned int count)
{
	unsigned int i;

	if (!q->doorbell) {
		CHECK_EQ(card_submit(q->file->fd, q->create.queue, packets, count, NULL, 0,
				     &q->write), 0);
		return;
	}
	for (i = 0; i < count; i++, q->write++) {
		struct sc_packet *slot = &q->ring[q->write % SLOTS];

		slot->tag = 0;
		memcpy(slot->body, packets[i].body, sizeof(slot->body));
		__atomic_store_n(&slot->hdr, packets[i].hdr | SC_PHASE(q->write, LOG2),
				 __ATOMIC_RELEASE);
	}
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	q->doorbell[SC_DOORBELL_RING / 4] = (uint32_t)q->write;
}

static int await(struct queue *q)
{
	struct drm_seedchip_queue_wait wait = {
		.queue = q->create.queue, .index = q->write, .timeout_ns = -1,
	};

	return card_ioctl(q->file->fd, DRM_IOCTL_SEEDCHIP_QUEUE_WAIT, &wait);
}

/* The word of a queue, as the program sees it. */
static volatile uint64_t *word(const struct queue *q)
{
	return &q->file->map[1 + q->number];
}

static void work(uint64_t round, bool gated)
{
	struct sc_packet p[4];
	unsigned int i;

	for (i = 0; i < num_queues; i++) {
		uint64_t va = VA + 8 * (1 + queues[i].number);

		p[0] = gated ? card_word(SC_OP_WAIT, VA, round) : card_nop();
		p[1] = card_copy(VA + SIZE / 2, VA + SIZE / 2 + SIZE / 4, SIZE / 4);
		p[2] = card_word(SC_OP_SIGNAL, va, round + i);
		push(&queues[i], p, 3);
	}
	for (i = 0; gated && i < num_queues; i++)
		CHECK(*word(&queues[i]) != round + i);
	for (i = 0; i < num_files; i++)
		files[i].map[0] = round;
	for (i = 0; i < num_queues; i++) {
		CHECK_EQ(await(&queues[i]), 0);
		CHECK_EQ(*word(&queues[i]), round + i);
	}
}

static void all_work(void)
{
	uint64_t round;

	for (round = 1; round <= 4; round++)
		work(round * 1000, false);
}

static void all_wait_then_work(void)
{
	work(10000, true);
	work(11000, true);
}

static void one_more(void)
{
	struct queue *last = &queues[num_queues - 1], extra;

	CHECK_EQ(queue_open(last->file, &extra), -ENOSPC);
	CHECK_EQ(card_queue_destroy(queues[0].file->fd, queues[0].create.queue), 0);
	CHECK_EQ(queue_open(last->file, &extra), 0);
	queues[0] = extra;
	work(20000, false);
}

int main(void)
{
	static const struct tap_test tests[] = {
		{ "files take queues until the card has none left", take_all },
		{ "all of them work at once", all_work },
		{ "all of them wait at once, and then work", all_wait_then_work },
		{ "one more is refused, and had when another goes", one_more },
	};

	return TAP_RUN(tests);
}
