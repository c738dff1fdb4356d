// SPDX-License-Identifier: MIT
/*
 * Programs that call the driver at random: every ioctl of it and of DRM's that the card has, with
 * arguments that are mostly right, and mostly of objects that are there, so that calls get far;
 * rings of user-mode queues full of rubbish; files handed to one another; killed in between. What
 * the calls return is of no interest. The kernel has nothing to say about it, every program can
 * be killed, and a program that behaves finds a card that works, with all of its memory.
 *
 * SEED in the environment: the first round's seed, printed with each failure.
 */
/* vm: timeout=400 */
/* vm-dmesg: (context|device|function) reset: |fault: code=\d+ status=\d+ */
/* vm-dmesg: \d+ callbacks suppressed */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include <xf86drm.h>

#include "card.h"
#include "tap.h"

#define PROGRAMS 3
#define CALLS	 1500
#define OBJECTS	 8 /* of a kind that a file keeps */
#define FILES	 2
#define PLACES	 16 /* where buffers are bound */
#define VA	 0x10000000ULL
#define STEP	 0x40000ULL
#define RIGHTS	 (DRM_SEEDCHIP_BIND_READ | DRM_SEEDCHIP_BIND_WRITE)
#define LOG2	 4
#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

struct queue {
	uint32_t handle;
	volatile uint32_t *bell; /* user-mode */
};

struct file {
	int fd;
	uint32_t bo[OBJECTS], syncobj[OBJECTS];
	void *map[OBJECTS]; /* of the buffers, a page each */
	struct queue queue[OBJECTS];
};

static struct file files[FILES], *f;
static uint64_t state;

static uint32_t rnd(uint32_t limit)
{
	state = state * 6364136223846793005ULL + 1442695040888963407ULL;
	return (uint32_t)(state >> 33) % limit;
}

static uint64_t strange(void)
{
	static const uint64_t values[] = {
		0, 1, 2, 3, 4095, 4096, 4097, 0x7fffffff, 0x80000000, 0xffffffff, 1ULL << 40,
		1ULL << 47, 1ULL << 63, ~0ULL, ~0ULL >> 1, 0xffff888000000000, 0xffffffff81000000,
	};

	return rnd(4) ? values[rnd(COUNT(values))] : state;
}

/* Now and then one member is not what it should be. */
static void spoil(void *arg, size_t size)
{
	uint64_t value = strange();

	if (rnd(12))
		return;
	if (rnd(2))
		memcpy((char *)arg + rnd(size / 4) * 4, &value, 4);
	else if (size >= 8)
		memcpy((char *)arg + rnd(size / 8) * 8, &value, 8);
}

static int call(unsigned long code, void *arg, size_t size)
{
	spoil(arg, size);
	return ioctl(f->fd, code, arg);
}

#define CALL(code, arg) call(code, &(arg), sizeof(arg))

static int64_t soon(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000000000LL + now.tv_nsec + rnd(20) * 1000000;
}

static uint64_t place(void)
{
	return VA + rnd(PLACES) * STEP;
}

/* One that is there, if there is one. */
static uint32_t some(const uint32_t *handles)
{
	unsigned int first = rnd(OBJECTS), i;

	for (i = 0; i < OBJECTS && !handles[(first + i) % OBJECTS]; i++)
		;
	return handles[(first + i) % OBJECTS];
}

static uint32_t some_queue(bool user)
{
	unsigned int first = rnd(OBJECTS);

	for (unsigned int i = 0; i < OBJECTS; i++) {
		const struct queue *q = &f->queue[(first + i) % OBJECTS];

		if (q->handle && !q->bell == !user)
			return q->handle;
	}
	return f->queue[first].handle;
}

/* ---- buffers ---- */

static void bo_create(void)
{
	static const uint32_t flags[] = {
		DRM_SEEDCHIP_BO_CARD, DRM_SEEDCHIP_BO_CARD | DRM_SEEDCHIP_BO_CPU_VISIBLE,
		DRM_SEEDCHIP_BO_SYSTEM, DRM_SEEDCHIP_BO_SYSTEM | DRM_SEEDCHIP_BO_WC,
	};
	struct drm_seedchip_bo_create arg = { .size = (1 + rnd(64)) * SC_PAGE_SIZE,
					      .flags = flags[rnd(COUNT(flags))] };

	if (!rnd(8))
		arg.size = strange();
	/* memory of the machine that nobody has would be the end of other programs than this */
	if (arg.size > STEP && !(arg.flags & DRM_SEEDCHIP_BO_CARD))
		arg.size = STEP;
	if (!ioctl(f->fd, DRM_IOCTL_SEEDCHIP_BO_CREATE, &arg))
		f->bo[rnd(OBJECTS)] = arg.handle;
}

static void bo_close(void)
{
	struct drm_gem_close arg = { .handle = some(f->bo) };

	CALL(DRM_IOCTL_GEM_CLOSE, arg);
}

static void bo_map(void)
{
	struct drm_seedchip_bo_mmap_offset arg = { .handle = some(f->bo) };
	unsigned int i = rnd(OBJECTS);
	void *map;

	if (f->map[i])
		munmap(f->map[i], SC_PAGE_SIZE);
	f->map[i] = NULL;
	if (CALL(DRM_IOCTL_SEEDCHIP_BO_MMAP_OFFSET, arg))
		return;
	map = mmap(NULL, SC_PAGE_SIZE, PROT_READ | PROT_WRITE, rnd(8) ? MAP_SHARED : MAP_PRIVATE,
		   f->fd, (off_t)arg.offset);
	if (map == MAP_FAILED)
		return;
	f->map[i] = map;
	memset(map, (int)rnd(256), SC_PAGE_SIZE);
}

static void bo_userptr(void)
{
	/* large: the kernel's DMA debugging knows no page that is mapped more than seven times */
	static uint8_t memory[512 * SC_PAGE_SIZE] __attribute__((aligned(SC_PAGE_SIZE)));
	struct drm_seedchip_bo_userptr arg = {
		.address = (uintptr_t)memory + rnd(506) * SC_PAGE_SIZE,
		.size = (1 + rnd(8)) * SC_PAGE_SIZE, .flags = rnd(2),
	};

	if (!CALL(DRM_IOCTL_SEEDCHIP_BO_USERPTR, arg))
		f->bo[rnd(OBJECTS)] = arg.handle;
}

/* To the other file of the program, or back to the same one. */
static void bo_share(void)
{
	struct file *to = &files[rnd(FILES)];
	uint32_t handle;
	int fd = -1;

	if (drmPrimeHandleToFD(f->fd, some(f->bo), rnd(2) ? DRM_CLOEXEC | DRM_RDWR : 0, &fd))
		return;
	if (!drmPrimeFDToHandle(to->fd, fd, &handle))
		to->bo[rnd(OBJECTS)] = handle;
	close(fd);
}

static unsigned int some_syncs(struct drm_seedchip_sync syncs[3], bool out_only)
{
	unsigned int i, count = rnd(2) * rnd(4);

	for (i = 0; i < count; i++) {
		syncs[i] = (struct drm_seedchip_sync){
			.flags = out_only || rnd(4), .handle = some(f->syncobj),
			.point = rnd(3) ? 0 : rnd(20),
		};
		spoil(&syncs[i], sizeof(syncs[i]));
	}
	return count;
}

static void vm_bind(void)
{
	static const uint32_t kinds[] = {
		DRM_SEEDCHIP_BIND_UNMAP, DRM_SEEDCHIP_BIND_SPARSE | RIGHTS,
		DRM_SEEDCHIP_BIND_MAP | RIGHTS, DRM_SEEDCHIP_BIND_MAP | RIGHTS,
		DRM_SEEDCHIP_BIND_MAP | DRM_SEEDCHIP_BIND_READ | DRM_SEEDCHIP_BIND_EXECUTE,
		DRM_SEEDCHIP_BIND_MAP | RIGHTS | DRM_SEEDCHIP_BIND_EXCLUSIVE,
	};
	struct drm_seedchip_bind ops[6];
	struct drm_seedchip_sync syncs[3];
	struct drm_seedchip_vm_bind arg = {
		.ops = { sizeof(ops[0]), 1 + rnd(rnd(2) ? 1 : COUNT(ops)), (uintptr_t)ops },
		.syncs = { sizeof(syncs[0]), rnd(2) ? some_syncs(syncs, false) : 0,
			   (uintptr_t)syncs },
	};

	for (unsigned int n = 0; n < arg.ops.count; n++) {
		uint32_t kind = kinds[rnd(COUNT(kinds))];
		bool maps = kind & DRM_SEEDCHIP_BIND_MAP;

		ops[n] = (struct drm_seedchip_bind){
			.flags = kind, .handle = maps ? some(f->bo) : 0, .va = place(),
			.size = (1 + rnd(maps ? 8 : 128)) * SC_PAGE_SIZE,
			.bo_offset = maps && !rnd(3) ? rnd(8) * SC_PAGE_SIZE : 0,
		};
		spoil(&ops[n], sizeof(ops[n]));
	}
	CALL(DRM_IOCTL_SEEDCHIP_VM_BIND, arg);
}

/* ---- queues ---- */

static struct sc_packet dispatch(void)
{
	struct sc_pkt_dispatch d = {
		.hdr = SC_HDR(SC_OP_DISPATCH, SC_FLAG_CODE_CHANGED, 0), .entry = place(),
		.grid_x = rnd(4), .grid_y = 1, .grid_z = 1, .stack_size = 4096,
	};
	struct sc_packet p;

	memcpy(&p, &d, sizeof(p));
	return p;
}

static struct sc_packet packet(void)
{
	struct sc_packet p;

	switch (rnd(8)) {
	case 0:
		p = card_copy(place(), place(), rnd(9000));
		break;
	case 1:
		p = card_fill(place(), state, rnd(900) * 8);
		break;
	case 2:
		p = card_word(SC_OP_WAIT, place(), rnd(2));
		break;
	case 3:
		p = dispatch();
		break;
	case 4:
		p = card_nop();
		p.hdr = SC_HDR(SC_OP_INDIRECT, 0, 0);
		p.body[0] = place();
		p.body[2] = rnd(100);
		break;
	case 5:
		p = card_word(SC_OP_SIGNAL, place(), state);
		break;
	default:
		p = card_nop();
	}
	if (!rnd(3))
		spoil(&p, sizeof(p));
	return p;
}

static void queue_create(void)
{
	struct drm_seedchip_queue_create arg = {
		.flags = rnd(2), .priority = rnd(rnd(8) ? 2 : 4), .ring_log2 = LOG2 + rnd(3),
		.timeout_ms = 20 + rnd(100), .wg_limit = rnd(2) ? 0 : 100000,
		.core_mask = rnd(3) ? 0 : rnd(256),
	};
	struct queue *q = &f->queue[rnd(OBJECTS)];
	void *bell;

	if (arg.flags)
		arg.ring_va = place();
	if (!rnd(3))
		arg.log_va = place();
	if (!rnd(3))
		arg.record_va = place();
	if (CALL(DRM_IOCTL_SEEDCHIP_QUEUE_CREATE, arg))
		return;
	*q = (struct queue){ .handle = arg.queue };
	if (!arg.doorbell_offset)
		return;
	bell = mmap(NULL, SC_PAGE_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, f->fd,
		    (off_t)arg.doorbell_offset);
	q->bell = bell == MAP_FAILED ? NULL : bell;
}

static void queue_destroy(void)
{
	struct drm_seedchip_queue_destroy arg = { .queue = some_queue(rnd(2)) };

	CALL(DRM_IOCTL_SEEDCHIP_QUEUE_DESTROY, arg);
}

static void queue_submit(void)
{
	struct drm_seedchip_sync syncs[3];
	struct sc_packet packets[6];
	struct drm_seedchip_submit arg = {
		.queue = some_queue(!rnd(8)),
		.packets = { SC_SLOT_SIZE, 1 + rnd(COUNT(packets)), (uintptr_t)packets },
		.syncs = { sizeof(syncs[0]), some_syncs(syncs, false), (uintptr_t)syncs },
	};

	for (unsigned int n = 0; n < COUNT(packets); n++)
		packets[n] = packet();
	if (!rnd(3)) {
		arg.flags = DRM_SEEDCHIP_SUBMIT_WAIT;
		arg.timeout_ns = rnd(3) ? soon() : 0;
	}
	CALL(DRM_IOCTL_SEEDCHIP_SUBMIT, arg);
}

/* Rubbish into a buffer that may well be a ring, and the doorbell of what may be its queue. */
static void queue_ring(void)
{
	struct sc_packet *ring = f->map[rnd(OBJECTS)];
	const struct queue *q = &f->queue[rnd(OBJECTS)];
	uint64_t first = rnd(64);

	for (unsigned int n = 0; ring && n < 1u << LOG2; n++) {
		ring[n] = packet();
		ring[n].hdr |= SC_PHASE(first, LOG2);
	}
	if (q->bell)
		q->bell[rnd(4) ? SC_DOORBELL_RING / 4 : rnd(SC_PAGE_SIZE / 4)] =
			(uint32_t)(rnd(4) ? first + rnd(1u << LOG2) : strange());
}

static void queue_fault(void)
{
	static uint8_t dump[4096];
	struct drm_seedchip_queue_fault arg = {
		.queue = some_queue(rnd(2)), .dump_size = rnd(sizeof(dump)),
		.dump = (uintptr_t)dump,
	};

	CALL(DRM_IOCTL_SEEDCHIP_QUEUE_FAULT, arg);
}

static void queue_recover(void)
{
	bool user = rnd(2);
	struct drm_seedchip_queue_recover arg = { .queue = some_queue(user),
						  .index = user ? rnd(32) : 0 };

	CALL(DRM_IOCTL_SEEDCHIP_QUEUE_RECOVER, arg);
}

static void queue_fence(void)
{
	struct drm_seedchip_sync syncs[3];
	struct drm_seedchip_queue_fence arg = {
		.queue = some_queue(true), .index = rnd(32),
		.syncs = { sizeof(syncs[0]), some_syncs(syncs, true), (uintptr_t)syncs },
	};

	CALL(DRM_IOCTL_SEEDCHIP_QUEUE_FENCE, arg);
}

static void queue_wait(void)
{
	struct drm_seedchip_queue_wait arg = { .queue = some_queue(rnd(2)), .index = rnd(32) };

	if (rnd(2)) {
		arg.flags = DRM_SEEDCHIP_QUEUE_WAIT_EVENTFD;
		arg.eventfd = eventfd(0, EFD_CLOEXEC);
	} else {
		arg.timeout_ns = rnd(2) ? soon() : 0;
	}
	CALL(DRM_IOCTL_SEEDCHIP_QUEUE_WAIT, arg);
	if (arg.flags && arg.eventfd > 2)
		close(arg.eventfd);
}

/* ---- fences, events, files ---- */

static void syncobj(void)
{
	uint32_t *handle = &f->syncobj[rnd(OBJECTS)], *other = &f->syncobj[rnd(OBJECTS)];
	uint64_t point = rnd(20);
	int fd = -1;

	switch (rnd(7)) {
	case 0:
		drmSyncobjDestroy(f->fd, *handle);
		*handle = 0;
		break;
	case 1:
		drmSyncobjReset(f->fd, handle, 1);
		break;
	case 2:
		drmSyncobjTransfer(f->fd, *handle, point, *other, rnd(20), 0);
		break;
	case 3:
		drmSyncobjTimelineSignal(f->fd, handle, &point, 1);
		break;
	case 4:
		drmSyncobjWait(f->fd, handle, 1, soon(), rnd(4), NULL);
		break;
	case 5:
		if (!drmSyncobjExportSyncFile(f->fd, *handle, &fd)) {
			drmSyncobjImportSyncFile(f->fd, *other, fd);
			close(fd);
		}
		break;
	default:
		drmSyncobjCreate(f->fd, rnd(2), handle);
	}
}

static void events(void)
{
	struct pollfd poller = { .fd = f->fd, .events = POLLIN };
	struct drm_seedchip_info info;
	char buffer[512];

	if (poll(&poller, 1, 0) == 1 && read(f->fd, buffer, rnd(sizeof(buffer))) < 0)
		return;
	card_info(f->fd, &info);
}

/*
 * Any ioctl of DRM's and the driver's, of any size, with anything in it. Left out are BO_CREATE,
 * see there, and those of syncobjs: DRM allocates what their number of handles says, and the
 * kernel warns of an allocation that large.
 */
static void anything(void)
{
	uint64_t arg[32];
	unsigned int number = rnd(2) ? DRM_COMMAND_BASE + rnd(16) : rnd(256);

	if (number == DRM_COMMAND_BASE + DRM_SEEDCHIP_BO_CREATE ||
	    (number >= _IOC_NR(DRM_IOCTL_SYNCOBJ_WAIT) &&
	     number <= _IOC_NR(DRM_IOCTL_SYNCOBJ_TIMELINE_SIGNAL)))
		return;
	for (unsigned int n = 0; n < COUNT(arg); n++)
		arg[n] = rnd(2) ? strange() : rnd(2) ? (uintptr_t)arg : rnd(16);
	ioctl(f->fd, _IOC(rnd(4), DRM_IOCTL_BASE, number, rnd(sizeof(arg))), arg);
}

/* Another program has the file too, for a moment. */
static void inherit(void)
{
	pid_t pid = rnd(8) ? -1 : fork();

	if (!pid) {
		queue_submit();
		_exit(0);
	}
	if (pid > 0)
		waitpid(pid, NULL, 0);
}

static void new_file(struct file *file)
{
	*file = (struct file){ .fd = card_open(0) };
	f = file;
	for (unsigned int i = 0; i < OBJECTS; i++) {
		drmSyncobjCreate(f->fd, 0, &f->syncobj[i]);
		bo_create();
		bo_map();
		vm_bind();
	}
}

static void reopen(void)
{
	if (rnd(8))
		return;
	for (unsigned int n = 0; n < OBJECTS; n++) {
		if (f->map[n] && rnd(2))
			munmap(f->map[n], SC_PAGE_SIZE);
	}
	close(f->fd);
	new_file(f);
}

static void (*const calls[])(void) = {
	bo_create, bo_create, bo_create, bo_close, bo_map, bo_map, bo_userptr, bo_share,
	vm_bind, vm_bind, vm_bind, vm_bind, queue_create, queue_create, queue_destroy,
	queue_submit, queue_submit, queue_submit, queue_submit, queue_ring, queue_ring,
	queue_fault, queue_recover, queue_recover, queue_fence, queue_fence, queue_wait,
	syncobj, syncobj, syncobj, events, anything, anything, inherit, reopen,
};

static void program(uint64_t seed)
{
	state = seed * 0x9e3779b97f4a7c15ULL;
	alarm(10); /* some waits have no other end */
	for (unsigned int i = 0; i < FILES; i++)
		new_file(&files[i]);
	if (rnd(2) && (setgid(65534) || setuid(65534)))
		_exit(1);
	for (unsigned int i = 0; i < CALLS; i++) {
		f = &files[rnd(FILES)];
		calls[rnd(COUNT(calls))]();
	}
	_exit(0);
}

/* A file of its own, a buffer that reads zero, a copy. Work of others may still be thrown out. */
static void works(void)
{
	struct drm_seedchip_queue_create create;
	struct sc_packet copy = card_copy(VA + SC_PAGE_SIZE, VA, SC_PAGE_SIZE);
	int fd = card_open(0), ret = -ECANCELED;
	uint64_t *map;
	uint32_t bo;

	CHECK(fd >= 0);
	CHECK_EQ(card_bo(fd, 2 * SC_PAGE_SIZE, DRM_SEEDCHIP_BO_CARD | DRM_SEEDCHIP_BO_CPU_VISIBLE,
			 &bo), 0);
	map = card_map(fd, bo, 2 * SC_PAGE_SIZE);
	CHECK(map);
	for (unsigned int i = 0; i < 2 * SC_PAGE_SIZE / 8; i++)
		CHECK_EQ(map[i], 0);
	map[3] = 0x1234;
	CHECK_EQ(card_bind(fd, DRM_SEEDCHIP_BIND_MAP | RIGHTS, bo, 0, VA, 2 * SC_PAGE_SIZE), 0);
	CHECK_EQ(card_queue(fd, &create), 0);
	for (int i = 0; i < 5 && ret == -ECANCELED; i++) {
		ret = card_run(fd, create.queue, &copy, 1);
		if (ret == -ECANCELED)
			card_recover(fd, create.queue);
	}
	CHECK_EQ(ret, 0);
	CHECK_EQ(map[SC_PAGE_SIZE / 8 + 3], 0x1234);
	munmap(map, 2 * SC_PAGE_SIZE);
	close(fd);
}

static void ends(pid_t pid)
{
	int status;

	CHECK_EQ(waitpid(pid, &status, 0), pid);
	if (WIFSIGNALED(status))
		CHECK(WTERMSIG(status) == SIGKILL || WTERMSIG(status) == SIGALRM);
	else
		CHECK_EQ(WEXITSTATUS(status), 0);
}

static void round_of(uint64_t seed)
{
	pid_t pid[PROGRAMS];

	for (unsigned int i = 0; i < PROGRAMS; i++) {
		pid[i] = fork();
		if (!pid[i])
			program(seed * PROGRAMS + i);
	}
	state = seed;
	usleep(rnd(1500000));
	kill(pid[0], SIGKILL);
	for (unsigned int i = 0; i < PROGRAMS; i++)
		ends(pid[i]);
	works();
}

static void random_calls(void)
{
	const char *text = getenv("SEED");
	unsigned long long seed = text ? strtoull(text, NULL, 0) : 1;
	unsigned int rounds = card_rounds(8, 300);
	uint64_t before;

	works();
	before = card_free_memory();
	for (unsigned int i = 0; i < rounds; i++) {
		printf("# seed %llu\n", seed + i);
		round_of(seed + i);
	}
	CHECK_EQ(card_free_memory(), before);
}

int main(void)
{
	static const struct tap_test tests[] = {
		{ "random calls, of which the kernel notices nothing", random_calls },
	};

	if (chmod("/dev/accel/accel0", 0666)) {
		printf("Bail out! no card\n");
		return EXIT_FAILURE;
	}
	return TAP_RUN(tests);
}
