// SPDX-License-Identifier: MIT
/*
 * User-mode queues: a ring in the program's memory and a doorbell page, fences
 * and waits for it, and what a program can do wrong with them.
 */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include <xf86drm.h>

#include "card.h"
#include "neighbour.h"
#include "tap.h"

#define RW	(DRM_SEEDCHIP_BIND_MAP | DRM_SEEDCHIP_BIND_READ | DRM_SEEDCHIP_BIND_WRITE)
#define RX	(DRM_SEEDCHIP_BIND_MAP | DRM_SEEDCHIP_BIND_READ | DRM_SEEDCHIP_BIND_EXECUTE)
#define VA	0x10000000ULL
#define RING_VA 0x20000000ULL
#define CODE_VA 0x30000000ULL
#define SIZE	0x10000ULL
#define LOG2	6
#define SLOTS	(1u << LOG2)

/* A user-mode queue as a program holds it. */
struct user {
	struct drm_seedchip_queue_create create;
	const volatile struct sc_queue_state *state;
	volatile uint32_t *doorbell;
	struct sc_packet *ring;
	uint64_t write;
};

static int fd;
static uint32_t bo, ring_bo;
static volatile uint64_t *map;
static char *rings;
static struct user user;

/* Its ring is page @page of the buffer for rings. */
static int user_create(struct user *u, unsigned int page, uint32_t timeout_ms)
{
	int ret;

	*u = (struct user){
		.create = {
			.flags = DRM_SEEDCHIP_QUEUE_USER, .priority = 1, .ring_log2 = LOG2,
			.ring_va = RING_VA + page * SC_PAGE_SIZE, .timeout_ms = timeout_ms,
		},
		.ring = (void *)(rings + page * SC_PAGE_SIZE),
	};
	memset(u->ring, 0, SLOTS * SC_SLOT_SIZE);
	ret = card_ioctl(fd, DRM_IOCTL_SEEDCHIP_QUEUE_CREATE, &u->create);
	if (ret)
		return ret;
	u->state = card_state(fd, &u->create);
	u->doorbell = mmap(NULL, SC_PAGE_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, fd,
			   (off_t)u->create.doorbell_offset);
	return u->state && u->doorbell != MAP_FAILED ? 0 : -errno;
}

static void user_destroy(struct user *u)
{
	munmap((void *)(uintptr_t)u->state, SC_PAGE_SIZE);
	munmap((void *)(uintptr_t)u->doorbell, SC_PAGE_SIZE);
	card_queue_destroy(fd, u->create.queue);
}

static void user_put(struct user *u, struct sc_packet packet)
{
	struct sc_packet *slot = &u->ring[u->write % SLOTS];

	slot->tag = packet.tag;
	memcpy(slot->body, packet.body, sizeof(slot->body));
	__atomic_store_n(&slot->hdr, packet.hdr | SC_PHASE(u->write, LOG2), __ATOMIC_RELEASE);
	u->write++;
}

static void user_ring(struct user *u)
{
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	u->doorbell[SC_DOORBELL_RING / 4] = (uint32_t)u->write;
}

static int64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000000000LL + t.tv_nsec;
}

static int user_wait(struct user *u, uint64_t index, int64_t timeout_ms)
{
	struct drm_seedchip_queue_wait wait = {
		.queue = u->create.queue, .index = index,
		.timeout_ns = timeout_ms ? now_ns() + timeout_ms * 1000000 : 0,
	};

	return card_ioctl(fd, DRM_IOCTL_SEEDCHIP_QUEUE_WAIT, &wait);
}

static int user_eventfd(struct user *u, uint64_t index, int eventfd)
{
	struct drm_seedchip_queue_wait wait = {
		.queue = u->create.queue, .flags = DRM_SEEDCHIP_QUEUE_WAIT_EVENTFD,
		.index = index, .eventfd = eventfd,
	};

	return card_ioctl(fd, DRM_IOCTL_SEEDCHIP_QUEUE_WAIT, &wait);
}

static int user_fence(struct user *u, uint64_t index, uint32_t syncobj)
{
	struct drm_seedchip_sync out = { DRM_SEEDCHIP_SYNC_SIGNAL, syncobj, 0 };
	struct drm_seedchip_queue_fence fence = {
		.queue = u->create.queue, .index = index,
		.syncs = { sizeof(out), 1, (uintptr_t)&out },
	};

	return card_ioctl(fd, DRM_IOCTL_SEEDCHIP_QUEUE_FENCE, &fence);
}

static int user_recover(struct user *u, uint64_t index)
{
	struct drm_seedchip_queue_recover arg = { .queue = u->create.queue, .index = index };
	int ret = card_ioctl(fd, DRM_IOCTL_SEEDCHIP_QUEUE_RECOVER, &arg);

	if (!ret)
		u->write = index;
	return ret;
}

/* No slot is valid for the lap of the retired index or the next. */
static void user_clear(struct user *u)
{
	uint64_t i, index = u->state->retired;

	for (i = index; i < index + SLOTS; i++) {
		memset(&u->ring[i % SLOTS], 0, sizeof(*u->ring));
		u->ring[i % SLOTS].hdr = !SC_PHASE(i, LOG2);
	}
}

/* A packet that stores @value, run and waited for. */
static void user_works(struct user *u, uint64_t value)
{
	user_put(u, card_word(SC_OP_SIGNAL, VA, value));
	user_ring(u);
	CHECK_EQ(user_wait(u, u->write, 20000), 0);
	CHECK_EQ(map[0], value);
}

/* The queue must fail with this code, without any fence being asked for. */
static void user_faults(struct user *u, enum sc_code code)
{
	struct sc_fault fault;

	CHECK_EQ(user_wait(u, u->state->retired + 1, 30000), -EIO);
	CHECK_EQ(card_fault(fd, u->create.queue, &fault), 0);
	CHECK_EQ(fault.code, code);
	CHECK_EQ(fault.queue, u->create.hw_queue);
	CHECK_EQ(user_recover(u, u->write), 0);
	user_works(u, code);
}

static void no_system_call(void)
{
	unsigned int i, spin;

	for (i = 0; i < 5 * SLOTS; i++) {
		user_put(&user, card_word(SC_OP_SIGNAL, VA, i + 1));
		user_ring(&user);
		for (spin = 0; user.state->retired < user.write && spin < 20000; spin++)
			usleep(500);
		CHECK_EQ(map[0], i + 1);
	}
}

static void waits(void)
{
	int efd = eventfd(0, EFD_NONBLOCK);
	struct pollfd p = { .fd = efd, .events = POLLIN };
	uint64_t told = 0;

	map[1] = 0;
	CHECK_EQ(user_wait(&user, user.write, 0), 0);
	user_put(&user, card_word(SC_OP_WAIT, VA + 8, 1));
	user_ring(&user);
	CHECK_EQ(user_wait(&user, user.write, 0), -ETIME);
	CHECK_EQ(user_wait(&user, user.write, 20), -ETIME);
	CHECK_EQ(user_eventfd(&user, user.write, efd), 0);
	CHECK_EQ(user_eventfd(&user, user.write - 1, efd), 0);
	CHECK_EQ(read(efd, &told, sizeof(told)), 8);
	CHECK_EQ(told, 1);
	CHECK_EQ(poll(&p, 1, 20), 0);
	map[1] = 1;
	CHECK_EQ(poll(&p, 1, 20000), 1);
	CHECK_EQ(user_wait(&user, user.write, 20000), 0);
	close(efd);
}

static void wait_is_interrupted(void)
{
	struct drm_seedchip_queue_wait wait = {
		.queue = user.create.queue, .index = user.write + 1, .timeout_ns = -1,
	};
	pid_t child = card_interrupt();

	/* not through libdrm, which would call again */
	CHECK_EQ(ioctl(fd, DRM_IOCTL_SEEDCHIP_QUEUE_WAIT, &wait), -1);
	CHECK_EQ(errno, EINTR);
	CHECK_EQ(waitpid(child, NULL, 0), child);
}

static void fences(void)
{
	uint32_t first = card_syncobj(fd), second = card_syncobj(fd);

	map[1] = 0;
	user_put(&user, card_word(SC_OP_WAIT, VA + 8, 1));
	user_put(&user, card_word(SC_OP_SIGNAL, VA, 77));
	user_ring(&user);
	CHECK_EQ(user_fence(&user, user.write - 1, first), 0);
	CHECK_EQ(user_fence(&user, user.write, second), 0);
	CHECK_EQ(card_wait(fd, second, 0, 20), -ETIME);
	map[1] = 1;
	CHECK_EQ(card_wait(fd, second, 0, 20000), 0);
	CHECK_EQ(card_fence_status(fd, first), 1);
	CHECK_EQ(card_fence_status(fd, second), 1);
	CHECK_EQ(map[0], 77);
	/* of what has been done for long */
	CHECK_EQ(user_fence(&user, user.write, first), 0);
	CHECK_EQ(card_fence_status(fd, first), 1);
}

/* A kernel-managed queue waits for the fence of a user-mode one, on the card. */
static void across_queues(void)
{
	struct drm_seedchip_sync syncs[2] = { { DRM_SEEDCHIP_SYNC_WAIT, card_syncobj(fd), 0 },
					      { DRM_SEEDCHIP_SYNC_SIGNAL, card_syncobj(fd), 0 } };
	struct sc_packet copy = card_copy(VA + 16, VA, 8);
	struct drm_seedchip_queue_create kernel;

	CHECK_EQ(card_queue(fd, &kernel), 0);
	map[1] = 0;
	map[2] = 0;
	user_put(&user, card_word(SC_OP_WAIT, VA + 8, 1));
	user_put(&user, card_word(SC_OP_SIGNAL, VA, 1234));
	user_ring(&user);
	CHECK_EQ(user_fence(&user, user.write, syncs[0].handle), 0);
	CHECK_EQ(card_submit(fd, kernel.queue, &copy, 1, syncs, 2, NULL), 0);
	CHECK_EQ(card_wait(fd, syncs[1].handle, 0, 20), -ETIME);
	map[1] = 1;
	CHECK_EQ(card_wait(fd, syncs[1].handle, 0, 20000), 0);
	CHECK_EQ(map[2], 1234);
	CHECK_EQ(card_queue_destroy(fd, kernel.queue), 0);
}

static void bad_creation(void)
{
	const struct drm_seedchip_queue_create good = {
		.flags = DRM_SEEDCHIP_QUEUE_USER, .priority = 1, .ring_log2 = LOG2,
		.ring_va = RING_VA,
	};
	struct drm_seedchip_queue_create c;

#define BAD(change)                                                                      \
	c = good;                                                                        \
	change;                                                                          \
	CHECK_EQ(card_ioctl(fd, DRM_IOCTL_SEEDCHIP_QUEUE_CREATE, &c), -EINVAL);
	BAD(c.flags |= 2)
	BAD(c.flags = 0)
	BAD(c.ring_va = 0)
	BAD(c.ring_va += 32)
	BAD(c.ring_va = SC_VA_USER_END - 64)
	BAD(c.ring_va = SC_VA_KERNEL_START)
	BAD(c.ring_va = ~63ULL)
#undef BAD
}

static void bad_calls(void)
{
	struct drm_seedchip_sync in = { DRM_SEEDCHIP_SYNC_WAIT, card_syncobj(fd), 0 };
	struct drm_seedchip_queue_create kernel;
	struct drm_seedchip_queue_fence fence;
	struct sc_packet nop = card_nop();
	uint32_t out = card_syncobj(fd);
	struct user other = user;
	unsigned int i;
	int efd = eventfd(0, 0);

	CHECK_EQ(card_queue(fd, &kernel), 0);
	other.create.queue = kernel.queue;
	CHECK_EQ(kernel.doorbell_offset, 0);
	CHECK_EQ(card_submit(fd, user.create.queue, &nop, 1, NULL, 0, NULL), -EINVAL);
	CHECK_EQ(user_fence(&other, 0, out), -EINVAL);
	CHECK_EQ(user_recover(&other, 1), -EINVAL);
	CHECK_EQ(user_fence(&user, user.write - 1, out), -EINVAL);
	CHECK_EQ(user_fence(&user, user.write + SLOTS + 1, out), -EINVAL);
	CHECK_EQ(user_recover(&user, user.write - 1), -EINVAL);
	CHECK_EQ(user_recover(&user, user.write + SLOTS + 1), -EINVAL);
	other.create.queue = 4711;
	CHECK_EQ(user_fence(&other, 0, out), -ENOENT);
	CHECK_EQ(user_wait(&other, 0, 0), -ENOENT);
	fence = (struct drm_seedchip_queue_fence){
		.queue = user.create.queue, .index = user.write,
		.syncs = { sizeof(in), 1, (uintptr_t)&in },
	};
	/* a signalled one too */
	CHECK_EQ(user_fence(&user, user.write, in.handle), 0);
	CHECK_EQ(card_ioctl(fd, DRM_IOCTL_SEEDCHIP_QUEUE_FENCE, &fence), -EINVAL);
	CHECK_EQ(user_eventfd(&user, user.write, 0), -EBADF);
	CHECK_EQ(user_eventfd(&user, user.write, fd), -EBADF);
	for (i = 0; i < SEEDCHIP_MAX_EVENTFDS; i++)
		CHECK_EQ(user_eventfd(&user, user.write + 1, efd), 0);
	CHECK_EQ(user_eventfd(&user, user.write + 1, efd), -EMFILE);
	user_works(&user, 5);
	CHECK_EQ(user_eventfd(&user, user.write + 1, efd), 0);
	CHECK_EQ(card_queue_destroy(fd, kernel.queue), 0);
	close(efd);
}

static void bad_mappings(void)
{
	off_t bell = (off_t)user.create.doorbell_offset;

	CHECK(mmap(NULL, 2 * SC_PAGE_SIZE, PROT_READ, MAP_SHARED, fd, bell) == MAP_FAILED);
	CHECK(mmap(NULL, SC_PAGE_SIZE, PROT_READ, MAP_PRIVATE, fd, bell) == MAP_FAILED);
	CHECK(mmap(NULL, SC_PAGE_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, fd,
		   (off_t)user.create.state_offset) == MAP_FAILED);
	CHECK(mmap(NULL, SC_PAGE_SIZE, PROT_READ, MAP_SHARED, fd, bell + SC_PAGE_SIZE) ==
	      MAP_FAILED);
}

/* A fence for packets that never come still signals: the queue is found hanging. */
static void promise_not_kept(void)
{
	uint32_t syncobj = card_syncobj(fd);
	struct sc_fault fault;
	struct user u;

	CHECK_EQ(user_create(&u, 1, 300), 0);
	user_works(&u, 1);
	CHECK_EQ(user_fence(&u, u.write + 3, syncobj), 0);
	CHECK_EQ(card_wait(fd, syncobj, 0, 60000), 0);
	CHECK_EQ(card_fence_status(fd, syncobj), -ETIME);
	CHECK_EQ(card_fault(fd, u.create.queue, &fault), 0);
	CHECK_EQ(fault.code, SC_CODE_JOB_TIMEOUT);
	CHECK_EQ(user_fence(&u, u.write + 3, syncobj), -EIO);
	CHECK_EQ(user_recover(&u, u.write), 0);
	user_works(&u, 2);
	user_destroy(&u);
}

/* Nobody asked for a fence, and yet a kernel that never ends is found. */
static void endless_kernel(void)
{
	struct sc_pkt_dispatch dispatch = {
		.hdr = SC_HDR(SC_OP_DISPATCH, SC_FLAG_CODE_CHANGED, 0), .entry = CODE_VA,
		.grid_x = 1, .grid_y = 1, .grid_z = 1, .stack_size = 4096,
	};
	struct sc_packet packet;
	struct sc_fault fault;
	uint32_t code, *insn;
	struct user u;

	CHECK_EQ(card_bo(fd, SC_PAGE_SIZE, DRM_SEEDCHIP_BO_SYSTEM, &code), 0);
	insn = card_map(fd, code, SC_PAGE_SIZE);
	insn[0] = 0x0000006f; /* j . */
	CHECK_EQ(card_bind(fd, RX, code, 0, CODE_VA, SC_PAGE_SIZE), 0);
	CHECK_EQ(user_create(&u, 2, 300), 0);
	memcpy(&packet, &dispatch, sizeof(packet));
	user_put(&u, packet);
	user_ring(&u);
	CHECK_EQ(user_wait(&u, u.write, 60000), -EIO);
	CHECK_EQ(card_fault(fd, u.create.queue, &fault), 0);
	CHECK_EQ(fault.code, SC_CODE_JOB_TIMEOUT);
	CHECK_EQ(fault.pc, CODE_VA);
	CHECK_EQ(user_recover(&u, u.write), 0);
	user_works(&u, 3);
	user_destroy(&u);
	CHECK_EQ(card_bo_close(fd, code), 0);
}

static void bad_doorbell(void)
{
	user.doorbell[0] = (uint32_t)user.write + SLOTS + 1;
	user_faults(&user, SC_CODE_BAD_DOORBELL);
	user.doorbell[0] = (uint32_t)user.write - 2;
	user_faults(&user, SC_CODE_BAD_DOORBELL);
}

static void ring_unmapped(void)
{
	CHECK_EQ(card_bind(fd, DRM_SEEDCHIP_BIND_UNMAP, 0, 0, RING_VA, SIZE), 0);
	user_put(&user, card_nop());
	user_ring(&user);
	CHECK_EQ(user_wait(&user, user.write, 20000), -EIO);
	CHECK_EQ(card_bind(fd, RW, ring_bo, 0, RING_VA, SIZE), 0);
	user_faults(&user, SC_CODE_UNMAPPED);
}

static void reserved_packets(void)
{
	struct sc_packet packet = card_nop();

	packet.hdr = SC_HDR(SC_OP_WAIT_QUEUE, 0, 0);
	user_put(&user, packet);
	user_ring(&user);
	user_faults(&user, SC_CODE_PRIVILEGED);
	packet.hdr = SC_HDR(SC_OP_INVALIDATE, 0, 0);
	user_put(&user, packet);
	user_ring(&user);
	user_faults(&user, SC_CODE_PRIVILEGED);
	/* and in a list */
	packet = card_nop();
	packet.hdr = SC_HDR(SC_OP_INVALIDATE, 0, 0);
	memcpy((void *)(uintptr_t)(map + 64), &packet, sizeof(packet));
	packet = (struct sc_packet){ .hdr = SC_HDR(SC_OP_INDIRECT, 0, 0),
				     .body = { VA + 512, 0, 1 } };
	user_put(&user, packet);
	user_ring(&user);
	user_faults(&user, SC_CODE_PRIVILEGED);
}

/* The doorbell of a queue that has failed rings, and rings, and nothing comes of it. */
static void doorbell_storm(void)
{
	struct sc_packet bad = card_nop();
	unsigned int i;

	bad.body[0] = 1;
	user_put(&user, bad);
	user_ring(&user);
	CHECK_EQ(user_wait(&user, user.write, 20000), -EIO);
	for (i = 0; i < 100000; i++)
		user.doorbell[0] = i * 2654435761u;
	user_faults(&user, SC_CODE_RESERVED_BITS);
}

/* Packets change while the card may read them: whatever it makes of them, it survives. */
static void rewritten_packets(void)
{
	unsigned int round, i;
	uint64_t seed = 42;

	for (round = 0; round < 50; round++) {
		for (i = 0; i < 4; i++)
			user_put(&user, card_word(SC_OP_SIGNAL, VA, 1));
		user_ring(&user);
		for (i = 0; i < 200; i++) {
			seed = seed * 6364136223846793005ULL + 1442695040888963407ULL;
			((volatile uint64_t *)user.ring)[seed >> 32 & (SLOTS * 8 - 1)] = seed;
		}
		user_wait(&user, user.write, round % 8 * 5);
		/* Wherever it is now, a bad doorbell stops it. */
		user.doorbell[0] = (uint32_t)user.state->retired + SLOTS + 100;
		CHECK_EQ(user_wait(&user, user.state->retired + SLOTS, 30000), -EIO);
		user_clear(&user);
		CHECK_EQ(user_recover(&user, user.state->retired), 0);
	}
	user_works(&user, 6);
}

static void forked(void)
{
	pid_t child = fork();
	int status;

	if (!child) {
		user.doorbell[0] = (uint32_t)user.write + 1000;
		_exit(0);
	}
	CHECK_EQ(waitpid(child, &status, 0), child);
	CHECK(WIFSIGNALED(status));
	CHECK_EQ(WTERMSIG(status), SIGSEGV);
	user_works(&user, 7);
}

/*
 * Somebody has the function reset: the doorbell goes, a store meanwhile waits or is in vain, and
 * with QUEUE_RECOVER it is back in the same mapping.
 */
static void function_reset(void)
{
	struct sc_fault fault;
	char path[64];

	snprintf(path, sizeof(path), "/sys/bus/pci/devices/%s/reset", card_address());
	map[1] = 0;
	user_put(&user, card_word(SC_OP_WAIT, VA + 8, 1));
	user_ring(&user);
	CHECK_EQ(card_write(path, "1"), 0);
	user_ring(&user);
	CHECK_EQ(user_wait(&user, user.write, 20000), -EIO);
	CHECK_EQ(card_fault(fd, user.create.queue, &fault), 0);
	CHECK_EQ(fault.status, SC_STATUS_BYSTANDER);
	CHECK_EQ(user_recover(&user, user.write), 0);
	user_works(&user, 11);
}

/* The doorbell of a queue that is gone is not that of the next with its number. */
static void stale_doorbell(void)
{
	struct user old, next;

	CHECK_EQ(user_create(&old, 3, 0), 0);
	user_works(&old, 8);
	CHECK_EQ(card_queue_destroy(fd, old.create.queue), 0);
	CHECK_EQ(user_create(&next, 4, 0), 0);
	CHECK_EQ(next.create.hw_queue, old.create.hw_queue);
	user_works(&next, 9);
	for (uint32_t i = 0; i < 10; i++) {
		old.doorbell[0] = 12345 + i;
		CHECK_EQ(old.doorbell[0], 12345 + i);
	}
	user_works(&next, 10);
	/* its own two, or fewer where the card has looked at the ring before it was rung */
	CHECK(next.state->doorbells <= 2);
	munmap((void *)(uintptr_t)old.doorbell, SC_PAGE_SIZE);
	user_destroy(&next);
}

/*
 * With no other page of the program near it the first store makes a page table, too: lockdep
 * would tell if that were allocated under a lock that reclaim may wait for.
 */
static void lonely_doorbell(void)
{
	char *place = mmap(NULL, 2 * SC_HUGE_SIZE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	uintptr_t lonely = ((uintptr_t)place + SC_HUGE_SIZE - 1) & ~(SC_HUGE_SIZE - 1);
	struct user u;

	CHECK(place != MAP_FAILED);
	CHECK_EQ(user_create(&u, 5, 0), 0);
	munmap((void *)(uintptr_t)u.doorbell, SC_PAGE_SIZE);
	u.doorbell = mmap((void *)lonely, SC_PAGE_SIZE, PROT_READ | PROT_WRITE,
			  MAP_SHARED | MAP_FIXED, fd, (off_t)u.create.doorbell_offset);
	CHECK(u.doorbell != MAP_FAILED);
	user_works(&u, 12);
	user_destroy(&u);
	munmap(place, 2 * SC_HUGE_SIZE);
}

int main(void)
{
	static const struct tap_test tests[] = {
		{ "five laps without a system call", no_system_call },
		{ "QUEUE_WAIT sleeps, polls, gives up and tells an eventfd", waits },
		{ "a signal ends a wait", wait_is_interrupted },
		{ "fences signal when the index has retired", fences },
		{ "a kernel-managed queue waits for one", across_queues },
		{ "malformed rings are refused", bad_creation },
		{ "malformed calls are refused", bad_calls },
		{ "malformed mappings are refused", bad_mappings },
		{ "a fence for packets that never come times out", promise_not_kept },
		{ "a kernel that never ends is found without a fence", endless_kernel },
		{ "a doorbell beyond the ring or backwards is a fault", bad_doorbell },
		{ "a ring that is unmapped is a fault", ring_unmapped },
		{ "packets reserved to the kernel are a fault", reserved_packets },
		{ "doorbells of a failed queue do nothing", doorbell_storm },
		{ "packets that change under the card", rewritten_packets },
		{ "a child has no doorbell", forked },
		{ "a dead queue's doorbell rings nobody's", stale_doorbell },
		{ "a doorbell that is alone in its page table", lonely_doorbell },
		{ "the neighbour's results are right", neighbour_is_right },
		{ "a reset of the function takes the doorbell and gives it back", function_reset },
	};

	neighbour_start();
	fd = card_open(0);
	if (fd < 0 || card_bo(fd, SIZE, DRM_SEEDCHIP_BO_SYSTEM, &bo) ||
	    card_bo(fd, SIZE, DRM_SEEDCHIP_BO_SYSTEM, &ring_bo) ||
	    card_bind(fd, RW, bo, 0, VA, SIZE) || card_bind(fd, RW, ring_bo, 0, RING_VA, SIZE)) {
		printf("Bail out! no card or buffer\n");
		return EXIT_FAILURE;
	}
	map = card_map(fd, bo, SIZE);
	rings = card_map(fd, ring_bo, SIZE);
	if (!map || !rings || user_create(&user, 0, 0)) {
		printf("Bail out! no queue\n");
		return EXIT_FAILURE;
	}
	return TAP_RUN(tests);
}
