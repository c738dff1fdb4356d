// SPDX-License-Identifier: MIT
/* A program that computes until its card goes; see load.h. */
#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "card.h"
#include "load.h"

#define SIZE 0x100000u
#define VA   0x100000u

static sigjmp_buf bus;

static void on_bus(int sig)
{
	(void)sig;
	siglongjmp(bus, 1);
}

#define EXPECT(condition)                                                         \
	do {                                                                      \
		if (!(condition)) {                                               \
			printf("# line %d: not true: %s\n", __LINE__, #condition); \
			exit(EXIT_FAILURE);                                       \
		}                                                                 \
	} while (0)

/* Every call, until the first that says so and from there on. */
static void expect_gone(int fd, uint32_t queue, const volatile uint32_t *map)
{
	struct drm_seedchip_queue_create create;
	struct drm_seedchip_info info;
	struct sc_packet nop = card_nop();
	uint32_t handle;
	int i;

	for (i = 0; i < 400 && card_info(fd, &info) != -ENODEV; i++)
		usleep(50000);
	EXPECT(card_info(fd, &info) == -ENODEV);
	EXPECT(card_bo(fd, SIZE, DRM_SEEDCHIP_BO_CARD, &handle) == -ENODEV);
	EXPECT(card_bo(fd, SIZE, DRM_SEEDCHIP_BO_SYSTEM, &handle) == -ENODEV);
	EXPECT(card_bind(fd, 0, 1, 0, 2 * VA, SIZE) == -ENODEV);
	EXPECT(card_queue(fd, &create) == -ENODEV);
	EXPECT(card_submit(fd, queue, &nop, 1, NULL, 0, NULL) == -ENODEV);
	for (i = 0; i < 200; i++) {
		if (sigsetjmp(bus, 1))
			return;
		(void)*map;
		usleep(50000);
	}
	EXPECT(!"SIGBUS");
}

/* The doorbell of a user-mode queue without packets, whose ring is the end of the buffer. */
static volatile uint32_t *user_doorbell(int fd)
{
	struct drm_seedchip_queue_create create = { .flags = DRM_SEEDCHIP_QUEUE_USER,
						    .priority = 1, .ring_log2 = 4,
						    .ring_va = VA + SIZE - SC_PAGE_SIZE };
	void *bell;

	EXPECT(!card_ioctl(fd, DRM_IOCTL_SEEDCHIP_QUEUE_CREATE, &create));
	bell = mmap(NULL, SC_PAGE_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, fd,
		    (off_t)create.doorbell_offset);
	EXPECT(bell != MAP_FAILED);
	return bell;
}

/* A page of memory has come in its place: no SIGBUS, and nobody hears it. */
static void expect_no_doorbell(volatile uint32_t *bell)
{
	int i;

	signal(SIGBUS, SIG_DFL);
	for (i = 0; i < 400; i++) {
		bell[0] = 12345;
		if (bell[0] == 12345)
			return;
		usleep(50000);
	}
	EXPECT(!"a page of memory");
}

static bool is_asleep(pid_t pid)
{
	int status;

	EXPECT(!waitpid(pid, &status, WNOHANG));
	return card_sleeps_in(pid, "seedchip_wait") || card_sleeps_in(pid, "schedule_hrtimeout");
}

/*
 * In a SUBMIT that waits for what never comes. It ends with its parent, and does not keep HEARD
 * open: whoever reads there learns that the parent has failed.
 */
static pid_t start_sleeper(unsigned int index, int heard)
{
	struct drm_seedchip_queue_create create = { .priority = 1, .ring_log2 = 6,
						    .timeout_ms = 100000 };
	struct sc_packet wait = card_word(SC_OP_WAIT, VA, 1);
	struct drm_seedchip_submit submit = {
		.flags = DRM_SEEDCHIP_SUBMIT_WAIT, .timeout_ns = -1,
		.packets = { sizeof(wait), 1, (uintptr_t)&wait },
	};
	pid_t pid = fork();
	uint32_t handle;
	int fd;

	if (pid)
		return pid;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	close(heard);
	fd = card_open(index);
	EXPECT(fd >= 0);
	EXPECT(!card_bo(fd, SIZE, DRM_SEEDCHIP_BO_CARD, &handle));
	EXPECT(!card_bind(fd, DRM_SEEDCHIP_BIND_MAP | DRM_SEEDCHIP_BIND_READ, handle, 0, VA, SIZE));
	EXPECT(!card_ioctl(fd, DRM_IOCTL_SEEDCHIP_QUEUE_CREATE, &create));
	submit.queue = create.queue;
	EXPECT(!card_ioctl(fd, DRM_IOCTL_SEEDCHIP_SUBMIT, &submit));
	/* -ENODEV, or what a card does to its work that answers nothing but ones */
	EXPECT(submit.result < 0 && submit.result != -EAGAIN && submit.result != -EINTR);
	exit(EXIT_SUCCESS);
}

static void compute(unsigned int index, int heard)
{
	const uint32_t flags = DRM_SEEDCHIP_BIND_READ | DRM_SEEDCHIP_BIND_WRITE;
	struct drm_seedchip_queue_create create = { .priority = 1, .ring_log2 = 6,
						    .timeout_ms = 500 };
	struct sc_packet copy = card_copy(VA, VA + SIZE / 2, SIZE / 4);
	const volatile struct sc_queue_state *state;
	const volatile uint32_t *map;
	volatile uint32_t *bell;
	uint32_t handle;
	int fd = card_open(index), status;
	pid_t asleep = start_sleeper(index, heard);

	EXPECT(fd >= 0);
	EXPECT(!card_bo(fd, SIZE, DRM_SEEDCHIP_BO_CARD | DRM_SEEDCHIP_BO_CPU_VISIBLE, &handle));
	map = card_map(fd, handle, SIZE);
	EXPECT(map);
	EXPECT(!card_bind(fd, DRM_SEEDCHIP_BIND_MAP | flags, handle, 0, VA, SIZE));
	EXPECT(!card_ioctl(fd, DRM_IOCTL_SEEDCHIP_QUEUE_CREATE, &create));
	state = card_state(fd, &create);
	EXPECT(state);
	bell = user_doorbell(fd);
	EXPECT(!card_run(fd, create.queue, &copy, 1));
	while (!is_asleep(asleep))
		usleep(1000);
	EXPECT(write(heard, "x", 1) == 1);
	signal(SIGBUS, on_bus);
	/* whichever notices first, the buffer or the call */
	while (!sigsetjmp(bus, 1) && !card_run(fd, create.queue, &copy, 1)) {
		(void)*map;
		bell[SC_DOORBELL_RING / 4] = 0;
	}
	expect_gone(fd, create.queue, map);
	EXPECT(waitpid(asleep, &status, 0) == asleep && !status);
	/* what a program may be polling does not kill it */
	EXPECT(state->retired > 0);
	expect_no_doorbell(bell);
	exit(EXIT_SUCCESS);
}

pid_t load_start(unsigned int index)
{
	int heard[2];
	char byte;
	pid_t pid;

	CHECK_EQ(pipe(heard), 0);
	fflush(stdout);
	pid = fork();
	if (!pid)
		compute(index, heard[1]);
	close(heard[1]);
	CHECK_EQ(read(heard[0], &byte, 1), 1);
	close(heard[0]);
	return pid;
}

void load_ends(pid_t pid)
{
	int status;

	CHECK_EQ(waitpid(pid, &status, 0), pid);
	CHECK(WIFEXITED(status));
	CHECK_EQ(WEXITSTATUS(status), 0);
}
