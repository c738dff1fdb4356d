// SPDX-License-Identifier: MIT
/* vm: cards=2 timeout=240 */
/* Two cards in one machine: told apart, independent, and waiting for each other's fences. */
#include <errno.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
#include <xf86drm.h>

#include "card.h"
#include "tap.h"

#define RW (DRM_SEEDCHIP_BIND_MAP | DRM_SEEDCHIP_BIND_READ | DRM_SEEDCHIP_BIND_WRITE)
#define VA 0x10000000ULL

static int fds[2];

static void second_card(char *address, size_t size)
{
	char link[256];
	ssize_t len = readlink("/sys/class/accel/accel1/device", link, sizeof(link) - 1);

	CHECK(len > 0);
	link[len] = '\0';
	snprintf(address, size, "%s", strrchr(link, '/') + 1);
}

/* Work of the first card that waits for the word at VA: its fence as a syncobj of the second. */
static uint32_t hold_first(uint32_t queue)
{
	struct sc_packet hold = card_word(SC_OP_WAIT, VA, 1);
	struct drm_seedchip_sync out = { .flags = DRM_SEEDCHIP_SYNC_SIGNAL };
	uint32_t there;
	int shared = -1;

	out.handle = card_syncobj(fds[0]);
	CHECK_EQ(card_submit(fds[0], queue, &hold, 1, &out, 1, NULL), 0);
	CHECK_EQ(drmSyncobjHandleToFD(fds[0], out.handle, &shared), 0);
	CHECK_EQ(drmSyncobjFDToHandle(fds[1], shared, &there), 0);
	close(shared);
	return there;
}

static void told_apart(void)
{
	struct drm_seedchip_info a, b;

	CHECK_EQ(card_info(fds[0], &a), 0);
	CHECK_EQ(card_info(fds[1], &b), 0);
	CHECK(a.serial != b.serial);
}

static void foreign_fence(void)
{
	struct sc_packet nop = card_nop();
	struct drm_seedchip_queue_create queues[2];
	struct drm_seedchip_sync both[2] = { { .flags = DRM_SEEDCHIP_SYNC_WAIT },
					     { .flags = DRM_SEEDCHIP_SYNC_SIGNAL } };
	volatile uint64_t *map;
	uint32_t bo;

	CHECK_EQ(card_queue(fds[0], &queues[0]), 0);
	CHECK_EQ(card_queue(fds[1], &queues[1]), 0);
	CHECK_EQ(card_bo(fds[0], 4096, DRM_SEEDCHIP_BO_SYSTEM, &bo), 0);
	CHECK_EQ(card_bind(fds[0], RW, bo, 0, VA, 4096), 0);
	map = card_map(fds[0], bo, 4096);
	CHECK(map);
	both[0].handle = hold_first(queues[0].queue);
	both[1].handle = card_syncobj(fds[1]);
	CHECK_EQ(card_submit(fds[1], queues[1].queue, &nop, 1, both, 2, NULL), 0);
	CHECK_EQ(card_wait(fds[1], both[1].handle, 0, 100), -ETIME);
	/* What is submitted behind it keeps its place. */
	both[0].handle = card_syncobj(fds[1]);
	both[0].flags = DRM_SEEDCHIP_SYNC_SIGNAL;
	CHECK_EQ(card_submit(fds[1], queues[1].queue, &nop, 1, both, 1, NULL), 0);
	CHECK_EQ(card_wait(fds[1], both[0].handle, 0, 100), -ETIME);
	map[0] = 1;
	CHECK_EQ(card_wait(fds[1], both[0].handle, 0, 10000), 0);
	CHECK_EQ(card_fence_status(fds[1], both[1].handle), 1);
	CHECK_EQ(card_queue_destroy(fds[0], queues[0].queue), 0);
	CHECK_EQ(card_queue_destroy(fds[1], queues[1].queue), 0);
}

/* The failure of the other card's work cancels the job that waits for it, and no other. */
static void foreign_failure(void)
{
	struct sc_packet hold[2] = { card_word(SC_OP_WAIT, VA, 1), card_fill(0x7000000000, 0, 8) };
	struct sc_packet touch = card_word(SC_OP_SIGNAL, VA, 5);
	struct drm_seedchip_queue_create queues[2];
	struct drm_seedchip_sync out = { .flags = DRM_SEEDCHIP_SYNC_SIGNAL };
	struct drm_seedchip_sync both[2] = { { .flags = DRM_SEEDCHIP_SYNC_WAIT },
					     { .flags = DRM_SEEDCHIP_SYNC_SIGNAL } };
	volatile uint64_t *maps[2];
	unsigned int i;
	uint32_t bo;
	int sync_file = -1;

	for (i = 0; i < 2; i++) {
		CHECK_EQ(card_queue(fds[i], &queues[i]), 0);
		CHECK_EQ(card_bo(fds[i], 4096, DRM_SEEDCHIP_BO_SYSTEM, &bo), 0);
		CHECK_EQ(card_bind(fds[i], RW, bo, 0, VA, 4096), 0);
		maps[i] = card_map(fds[i], bo, 4096);
		CHECK(maps[i]);
	}
	out.handle = card_syncobj(fds[0]);
	CHECK_EQ(card_submit(fds[0], queues[0].queue, hold, 2, &out, 1, NULL), 0);
	CHECK_EQ(drmSyncobjExportSyncFile(fds[0], out.handle, &sync_file), 0);
	both[0].handle = card_syncobj(fds[1]);
	CHECK_EQ(drmSyncobjImportSyncFile(fds[1], both[0].handle, sync_file), 0);
	close(sync_file);
	both[1].handle = card_syncobj(fds[1]);
	CHECK_EQ(card_submit(fds[1], queues[1].queue, &touch, 1, both, 2, NULL), 0);
	touch = card_word(SC_OP_SIGNAL, VA + 8, 6);
	out.handle = card_syncobj(fds[1]);
	CHECK_EQ(card_submit(fds[1], queues[1].queue, &touch, 1, &out, 1, NULL), 0);
	maps[0][0] = 1;
	CHECK_EQ(card_wait(fds[1], out.handle, 0, 10000), 0);
	CHECK_EQ(card_fence_status(fds[1], out.handle), 1);
	CHECK_EQ(card_fence_status(fds[1], both[1].handle), -ECANCELED);
	CHECK_EQ(maps[1][0], 0);
	CHECK_EQ(maps[1][1], 6);
	for (i = 0; i < 2; i++)
		CHECK_EQ(card_queue_destroy(fds[i], queues[i].queue), 0);
}

/* While nothing reaches the card. */
static void wait_for_reset(const char *address)
{
	char path[128], text[512];
	FILE *f;

	snprintf(path, sizeof(path), "/sys/kernel/debug/accel/%s/counters", address);
	for (int i = 0; i < 2000; i++) {
		f = fopen(path, "re");
		CHECK(f);
		text[fread(text, 1, sizeof(text) - 1, f)] = '\0';
		fclose(f);
		if (strstr(text, "wedged: 1"))
			return;
		usleep(1000);
	}
	tap_fail("no reset");
}

/* A fence lets a VM_BIND go while the card is being reset: it takes effect all the same. */
static void bind_in_reset(void)
{
	struct sc_packet touch = card_word(SC_OP_SIGNAL, VA, 7);
	struct drm_seedchip_queue_create queues[2];
	struct drm_seedchip_sync both[2] = { { .flags = DRM_SEEDCHIP_SYNC_WAIT },
					     { .flags = DRM_SEEDCHIP_SYNC_SIGNAL } };
	struct drm_seedchip_bind op = { .flags = RW, .va = VA, .size = 4096 };
	struct drm_seedchip_vm_bind bind = { .ops = { sizeof(op), 1, (uintptr_t)&op },
					     .syncs = { sizeof(both[0]), 2, (uintptr_t)both } };
	volatile uint64_t *maps[2];
	char address[64], path[128];
	int status;
	uint32_t bo[2];
	pid_t pid;

	for (unsigned int i = 0; i < 2; i++) {
		CHECK_EQ(card_queue(fds[i], &queues[i]), 0);
		CHECK_EQ(card_bo(fds[i], 4096, DRM_SEEDCHIP_BO_SYSTEM, &bo[i]), 0);
		maps[i] = card_map(fds[i], bo[i], 4096);
		CHECK(maps[i]);
	}
	CHECK_EQ(card_bind(fds[0], RW, bo[0], 0, VA, 4096), 0);
	CHECK_EQ(card_bind(fds[1], DRM_SEEDCHIP_BIND_UNMAP, 0, 0, VA, 4096), 0);
	both[0].handle = hold_first(queues[0].queue);
	both[1].handle = card_syncobj(fds[1]);
	op.handle = bo[1];
	CHECK_EQ(card_ioctl(fds[1], DRM_IOCTL_SEEDCHIP_VM_BIND, &bind), 0);
	second_card(address, sizeof(address));
	snprintf(path, sizeof(path), "/sys/bus/pci/devices/%s/reset", address);
	pid = fork();
	if (!pid)
		_exit(-card_write(path, "1"));
	wait_for_reset(address);
	maps[0][0] = 1;
	CHECK_EQ(waitpid(pid, &status, 0), pid);
	CHECK_EQ(status, 0);
	CHECK_EQ(card_wait(fds[1], both[1].handle, 0, 60000), 0);
	CHECK_EQ(card_fence_status(fds[1], both[1].handle), 1);
	CHECK_EQ(card_recover(fds[1], queues[1].queue), 0);
	CHECK_EQ(card_run(fds[1], queues[1].queue, &touch, 1), 0);
	CHECK_EQ(maps[1][0], 7);
	for (unsigned int i = 0; i < 2; i++)
		CHECK_EQ(card_queue_destroy(fds[i], queues[i].queue), 0);
}

/* A VM_BIND waits for another, and that for the other card: neither is in the way of removal. */
static void removal(void)
{
	struct drm_seedchip_queue_create create = { .priority = 1, .ring_log2 = 6,
						    .timeout_ms = 20000 };
	struct sc_packet hold = card_word(SC_OP_WAIT, VA, 1);
	struct drm_seedchip_sync sync = { .flags = DRM_SEEDCHIP_SYNC_SIGNAL };
	struct drm_seedchip_bind op = { .va = VA, .size = 4096 };
	struct drm_seedchip_vm_bind bind = { .ops = { sizeof(op), 1, (uintptr_t)&op },
					     .syncs = { sizeof(sync), 1, (uintptr_t)&sync } };
	uint32_t bo, fence = card_syncobj(fds[0]);
	int shared = -1, status;
	char address[64];
	pid_t pid;

	CHECK_EQ(card_bo(fds[0], 4096, DRM_SEEDCHIP_BO_SYSTEM, &bo), 0);
	CHECK_EQ(card_bind(fds[0], RW, bo, 0, VA, 4096), 0);
	CHECK_EQ(card_ioctl(fds[0], DRM_IOCTL_SEEDCHIP_QUEUE_CREATE, &create), 0);
	sync.handle = fence;
	CHECK_EQ(card_submit(fds[0], create.queue, &hold, 1, &sync, 1, NULL), 0);
	CHECK_EQ(drmSyncobjHandleToFD(fds[0], fence, &shared), 0);
	CHECK_EQ(drmSyncobjFDToHandle(fds[1], shared, &sync.handle), 0);
	close(shared);
	sync.flags = DRM_SEEDCHIP_SYNC_WAIT;
	CHECK_EQ(card_ioctl(fds[1], DRM_IOCTL_SEEDCHIP_VM_BIND, &bind), 0);
	pid = fork();
	if (!pid)
		_exit(card_bind(fds[1], DRM_SEEDCHIP_BIND_UNMAP, 0, 0, VA, 4096) != -ENODEV);
	while (!card_sleeps_in(pid, "seedchip"))
		usleep(1000);
	second_card(address, sizeof(address));
	CHECK_EQ(card_write("/sys/bus/pci/drivers/seedchip/unbind", address), 0);
	CHECK_EQ(card_fence_status(fds[0], fence), 0);
	CHECK_EQ(waitpid(pid, &status, 0), pid);
	CHECK_EQ(status, 0);
	CHECK_EQ(card_queue_destroy(fds[0], create.queue), 0);
	close(fds[1]);
	CHECK_EQ(card_write("/sys/bus/pci/drivers/seedchip/bind", address), 0);
}

int main(void)
{
	static const struct tap_test tests[] = {
		{ "each has its own serial number", told_apart },
		{ "one card's queue waits for the other's fence", foreign_fence },
		{ "the failure of the other card's work", foreign_failure },
		{ "a VM_BIND is let go while the card is reset", bind_in_reset },
		{ "removal of one while a VM_BIND waits for the other", removal },
	};

	fds[0] = card_open(0);
	fds[1] = card_open(1);
	if (fds[0] < 0 || fds[1] < 0) {
		printf("Bail out! cards: %d %d\n", fds[0], fds[1]);
		return EXIT_FAILURE;
	}
	return TAP_RUN(tests);
}
