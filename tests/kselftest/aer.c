// SPDX-License-Identifier: MIT
/*
 * Errors on the link, while a program computes: a correctable and a non-fatal one cost nothing;
 * a fatal one and the resets that root may order cost the work that is pending, which fails as a
 * bystander's, and nothing else.
 */
/* vm: timeout=120 alone */
/* vm-dmesg: AER|PCIe Bus Error|error status/mask|\[ ?\d+\] *\w+|TLP Header */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "card.h"
#include "tap.h"

#define FUNCTION "/sys/bus/pci/devices/0000:01:00.0/"
#define SIZE	 0x400000u
#define VA	 0x400000u
#define DEPTH	 16

static int fd;
static uint32_t queue;

static void inject(const char *error)
{
	char line[200];

	snprintf(line, sizeof(line),
		 "qmp human-monitor-command '{\"command-line\":\"pcie_aer_inject_error card0 %s\"}' "
		 ">/dev/null", error);
	CHECK_EQ(system(line), 0);
}

static uint32_t generation(void)
{
	struct drm_seedchip_info info;

	CHECK_EQ(card_info(fd, &info), 0);
	return info.generation;
}

/* The driver has said @times that it has recovered. */
static bool has_said(unsigned int times)
{
	char line[160];

	snprintf(line, sizeof(line), "[ $(dmesg | grep -c 'recovered from a PCI error') = %u ]",
		 times);
	for (int i = 0; i < 200; i++) {
		if (!system(line))
			return true;
		usleep(50000);
	}
	return false;
}

static void write_file(const char *path, const char *text)
{
	int f = open(path, O_WRONLY);

	CHECK(f >= 0);
	CHECK_EQ(write(f, text, strlen(text)), strlen(text));
	close(f);
}

/* Many copies, so that the error hits them; the fence of the last. */
static uint32_t submit(void)
{
	struct sc_packet packets[DEPTH];
	uint32_t syncobj = card_syncobj(fd);
	struct drm_seedchip_sync sync = { .handle = syncobj, .flags = DRM_SEEDCHIP_SYNC_SIGNAL };

	for (int i = 0; i < DEPTH; i++)
		packets[i] = card_copy(VA, VA + SIZE / 2, SIZE / 2);
	CHECK_EQ(card_submit(fd, queue, packets, DEPTH, &sync, 1, NULL), 0);
	return syncobj;
}

/* 0, or the error that the fence has. */
static int result(uint32_t syncobj)
{
	int status;

	CHECK_EQ(card_wait(fd, syncobj, 0, 20000), 0);
	status = card_fence_status(fd, syncobj);
	return status == 1 ? 0 : status;
}

static void works(void)
{
	CHECK_EQ(card_recover(fd, queue), 0);
	CHECK_EQ(result(submit()), 0);
}

static void correctable(void)
{
	uint32_t before = generation(), job = submit();

	inject("RCVR");
	CHECK_EQ(result(job), 0);
	CHECK_EQ(generation(), before);
	works();
}

static void non_fatal(void)
{
	uint32_t before = generation(), job = submit();

	inject("POISON_TLP");
	CHECK_EQ(result(job), 0);
	CHECK(has_said(1));
	CHECK_EQ(generation(), before);
	works();
}

static void fatal(unsigned int times)
{
	uint32_t before = generation(), job = submit();
	int ret;

	inject("MALF_TLP");
	CHECK(has_said(times));
	ret = result(job);
	CHECK(ret == 0 || ret == -ERESTART);
	CHECK(generation() > before);
	works();
}

static void first_fatal(void)
{
	fatal(2);
}

static void second_fatal(void)
{
	fatal(3);
}

static void reset(const char *method)
{
	uint32_t before = generation(), job = submit();
	int ret;

	write_file(FUNCTION "reset_method", method);
	write_file(FUNCTION "reset", "1");
	ret = result(job);
	CHECK(ret == 0 || ret == -ERESTART);
	CHECK(generation() > before);
	works();
}

static void flr(void)
{
	reset("flr");
}

static void bus(void)
{
	reset("bus");
}

/* Looks all the time, for what only the end of the card may show. */
static pid_t watch(volatile unsigned int *seen)
{
	struct pollfd p = { .fd = card_open(0), .events = POLLIN };
	pid_t pid = fork();
	char state[16];
	int file;

	if (pid)
		return pid;
	for (;;) {
		if (poll(&p, 1, 0) != 0)
			seen[0]++;
		file = open(FUNCTION "state", O_RDONLY);
		if (read(file, state, sizeof(state)) != strlen("active\n"))
			seen[1]++;
		close(file);
		seen[2]++;
	}
}

static volatile unsigned int *seen;
static pid_t watcher;

static void not_the_end(void)
{
	CHECK_EQ(kill(watcher, SIGKILL), 0);
	CHECK_EQ(waitpid(watcher, NULL, 0), watcher);
	CHECK(seen[2] > 100);
	CHECK_EQ(seen[0], 0);
	CHECK_EQ(seen[1], 0);
}

int main(void)
{
	static const struct tap_test tests[] = {
		{ "a correctable error", correctable },
		{ "a non-fatal error", non_fatal },
		{ "a fatal error", first_fatal },
		{ "FLR by root", flr },
		{ "secondary bus reset by root", bus },
		{ "a fatal error after these resets", second_fatal },
		{ "none of this looks like the end of the card: POLLHUP, state", not_the_end },
	};
	const uint32_t flags = DRM_SEEDCHIP_BIND_MAP | DRM_SEEDCHIP_BIND_READ |
			       DRM_SEEDCHIP_BIND_WRITE;
	struct drm_seedchip_queue_create create;
	uint32_t handle;

	fd = card_open(0);
	if (fd < 0 || card_bo(fd, SIZE, DRM_SEEDCHIP_BO_CARD, &handle) ||
	    card_bind(fd, flags, handle, 0, VA, SIZE) || card_queue(fd, &create)) {
		printf("Bail out! no queue\n");
		return EXIT_FAILURE;
	}
	queue = create.queue;
	seen = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	watcher = watch(seen);
	return TAP_RUN(tests);
}
