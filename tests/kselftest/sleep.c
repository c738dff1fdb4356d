// SPDX-License-Identifier: MIT
/*
 * The system sleeps while a job runs: it may end if it does so in time, else it is lost, and so is
 * what its file had; a new file finds a card that works, with memory that reads zero. With the
 * module's parameter the system does not sleep as long as the card is open.
 */
/* A slot for hot-plugging would look empty after S3 in QEMU 7.2, so the card sits in another. */
/* vm: timeout=120 append=vm.bios=1 cards=0 alone */
/* vm: qemu=-device qemu=pcie-root-port,id=port9,chassis=9,slot=9,hotplug=off */
/* vm: qemu=-device qemu=seedchip,id=card0,bus=port9,strict=on */
/* vm-dmesg: seedchip .*: (device|function) reset: generation=\d+ wedged=1 */
/* vm-dmesg: serio serio\d+: deferred probe pending */
/* vm-dmesg: Could not switch to high resolution mode on CPU \d+ */
/* vm-dmesg: PM: (suspend debug|Some devices failed|Device .* failed)|returns -16 */
/* vm-dmesg: seedchip .*: PM: (failed|pci_pm_suspend)|hpet: Lost|ACPI Error: Could not disable */
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "card.h"
#include "tap.h"

#define SIZE  0x800000u
#define VA    0x800000u
#define ALARM "/sys/class/rtc/rtc0/wakealarm"
#define PARAM "/sys/module/seedchip/parameters/refuse_sleep"

static int write_file(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY), ret;

	if (fd < 0)
		return -errno;
	ret = write(fd, text, strlen(text)) < 0 ? -errno : 0;
	close(fd);
	return ret;
}

struct user {
	int fd;
	uint32_t handle, queue;
};

static struct user user_open(void)
{
	const uint32_t flags = DRM_SEEDCHIP_BIND_MAP | DRM_SEEDCHIP_BIND_READ |
			       DRM_SEEDCHIP_BIND_WRITE;
	struct drm_seedchip_queue_create create;
	struct user u = { .fd = card_open(0) };

	CHECK(u.fd >= 0);
	CHECK_EQ(card_bo(u.fd, SIZE, DRM_SEEDCHIP_BO_CARD | DRM_SEEDCHIP_BO_CPU_VISIBLE,
			 &u.handle), 0);
	CHECK_EQ(card_bind(u.fd, flags, u.handle, 0, VA, SIZE), 0);
	CHECK_EQ(card_queue(u.fd, &create), 0);
	u.queue = create.queue;
	return u;
}

/* New memory reads zero, and a copy copies. */
static void works(void)
{
	struct user u = user_open();
	struct sc_packet copy = card_copy(VA + SIZE / 2, VA, SIZE / 2);
	uint64_t *map = card_map(u.fd, u.handle, SIZE);

	CHECK(map);
	for (unsigned int i = 0; i < SIZE / 8; i += 512)
		CHECK_EQ(map[i], 0);
	map[5] = 0x1234;
	CHECK_EQ(card_run(u.fd, u.queue, &copy, 1), 0);
	CHECK_EQ(map[SIZE / 16 + 5], 0x1234);
	munmap(map, SIZE);
	close(u.fd);
}

static uint32_t generation(void)
{
	struct drm_seedchip_info info;
	int fd = card_open(0);

	CHECK(fd >= 0);
	CHECK_EQ(card_info(fd, &info), 0);
	close(fd);
	return info.generation;
}

/* A job that never ends by itself, and one behind it. */
static void lost(int (*sleep_now)(void))
{
	struct user u = user_open();
	struct sc_packet wait = card_word(SC_OP_WAIT, VA, 1);
	struct sc_packet nop = card_nop();
	uint32_t first = card_syncobj(u.fd), second = card_syncobj(u.fd), before = generation();
	struct drm_seedchip_sync sync = { .handle = first, .flags = DRM_SEEDCHIP_SYNC_SIGNAL };
	struct drm_seedchip_info info;

	CHECK_EQ(card_submit(u.fd, u.queue, &wait, 1, &sync, 1, NULL), 0);
	sync.handle = second;
	CHECK_EQ(card_submit(u.fd, u.queue, &nop, 1, &sync, 1, NULL), 0);
	CHECK_EQ(sleep_now(), 0);
	CHECK_EQ(card_wait(u.fd, first, 0, 1000), 0);
	CHECK_EQ(card_fence_status(u.fd, first), -ENODEV);
	CHECK_EQ(card_fence_status(u.fd, second), -ENODEV);
	CHECK_EQ(card_info(u.fd, &info), -ENODEV);
	CHECK_EQ(card_submit(u.fd, u.queue, &nop, 1, NULL, 0, NULL), -ENODEV);
	CHECK(generation() > before);
	works();
	close(u.fd);
	works();
}

/*
 * A user-mode queue at work: its waits and fences end, its state stays readable, and its doorbell,
 * which is still mapped, is a page of memory afterwards.
 */
static void lost_user_queue(int (*sleep_now)(void))
{
	struct user u = user_open();
	struct drm_seedchip_queue_create create = {
		.flags = DRM_SEEDCHIP_QUEUE_USER, .priority = 1, .ring_log2 = 4, .ring_va = VA,
	};
	struct drm_seedchip_sync out = { DRM_SEEDCHIP_SYNC_SIGNAL, card_syncobj(u.fd), 0 };
	struct drm_seedchip_queue_fence fence = { .index = 1, .syncs = { sizeof(out), 1,
						  (uintptr_t)&out } };
	struct drm_seedchip_queue_wait wait = { .index = 1, .timeout_ns = -1 };
	const volatile struct sc_queue_state *state;
	struct sc_packet *ring = card_map(u.fd, u.handle, SIZE), packet;
	volatile uint32_t *bell;

	CHECK_EQ(card_ioctl(u.fd, DRM_IOCTL_SEEDCHIP_QUEUE_CREATE, &create), 0);
	state = card_state(u.fd, &create);
	bell = mmap(NULL, SC_PAGE_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, u.fd,
		    (off_t)create.doorbell_offset);
	CHECK(state && bell != MAP_FAILED);
	packet = card_word(SC_OP_WAIT, VA + 4096, 1);
	packet.hdr |= SC_PHASE(0, 4);
	ring[0] = packet;
	bell[0] = 1;
	fence.queue = create.queue;
	wait.queue = create.queue;
	CHECK_EQ(card_ioctl(u.fd, DRM_IOCTL_SEEDCHIP_QUEUE_FENCE, &fence), 0);
	CHECK_EQ(sleep_now(), 0);
	CHECK_EQ(card_wait(u.fd, out.handle, 0, 1000), 0);
	CHECK_EQ(card_fence_status(u.fd, out.handle), -ENODEV);
	CHECK_EQ(card_ioctl(u.fd, DRM_IOCTL_SEEDCHIP_QUEUE_WAIT, &wait), -ENODEV);
	CHECK_EQ(state->retired, 0);
	bell[0] = 12345;
	CHECK_EQ(bell[0], 12345);
	munmap((void *)(uintptr_t)bell, SC_PAGE_SIZE);
	munmap((void *)(uintptr_t)state, SC_PAGE_SIZE); /* it keeps the card open */
	munmap(ring, SIZE);
	close(u.fd);
	works();
}

static int devices(void)
{
	int ret = write_file("/sys/power/pm_test", "devices");

	if (!ret)
		ret = write_file("/sys/power/state", "mem");
	write_file("/sys/power/pm_test", "none");
	return ret;
}

static int s3(void)
{
	int ret = write_file("/sys/power/mem_sleep", "deep");

	/* one that comes before the machine sleeps, on a busy host, would wake nobody */
	if (!ret)
		ret = write_file(ALARM, "+4");
	return ret ? ret : write_file("/sys/power/state", "mem");
}

static void lost_in_test(void)
{
	lost(devices);
}

static void lost_in_s3(void)
{
	if (access(ALARM, F_OK))
		tap_skip("a kernel without an alarm to wake up by");
	lost(s3);
}

static void user_queue_lost_in_test(void)
{
	lost_user_queue(devices);
}

static void user_queue_lost_in_s3(void)
{
	lost_user_queue(s3);
}

/* Work that ends in time is done. */
static void drained(void)
{
	struct user u = user_open();
	struct sc_packet copies[8];
	uint32_t done = card_syncobj(u.fd);
	struct drm_seedchip_sync sync = { .handle = done, .flags = DRM_SEEDCHIP_SYNC_SIGNAL };

	for (int i = 0; i < 8; i++)
		copies[i] = card_copy(VA + SIZE / 2, VA, SIZE / 2);
	CHECK_EQ(card_submit(u.fd, u.queue, copies, 8, &sync, 1, NULL), 0);
	CHECK_EQ(devices(), 0);
	CHECK_EQ(card_fence_status(u.fd, done), 1);
	close(u.fd);
	works();
}

static void refused(void)
{
	struct user u = user_open();

	CHECK_EQ(write_file(PARAM, "1"), 0);
	CHECK_EQ(devices(), -EBUSY);
	works();
	close(u.fd);
	CHECK_EQ(devices(), 0);
	CHECK_EQ(write_file(PARAM, "0"), 0);
	works();
}

/* Whether the card may access memory: bit 2 of the PCI command register. */
static bool is_master(const char *address)
{
	char path[96];
	uint16_t command;
	int fd;

	snprintf(path, sizeof(path), "/sys/bus/pci/devices/%s/config", address);
	fd = open(path, O_RDONLY);
	CHECK_EQ(pread(fd, &command, sizeof(command), 4), sizeof(command));
	close(fd);
	return command & 4;
}

/* A card that no reset has stopped was kept from memory that is others' by now, and still is. */
static void failed_card(void)
{
	char address[64], path[96];

	snprintf(address, sizeof(address), "%s", card_address());
	snprintf(path, sizeof(path), "/sys/kernel/debug/accel/%s/reset", address);
	CHECK(is_master(address));
	CHECK_EQ(card_inject("failed-resets", 2), 0);
	CHECK_EQ(write_file(path, "1"), 0);
	CHECK_EQ(card_open(0), -ENODEV);
	CHECK(!is_master(address));
	CHECK_EQ(devices(), 0);
	CHECK(!is_master(address));
	CHECK_EQ(card_open(0), -ENODEV);
	CHECK_EQ(card_write("/sys/bus/pci/drivers/seedchip/unbind", address), 0);
	CHECK_EQ(card_write("/sys/bus/pci/drivers/seedchip/bind", address), 0);
	works();
}

int main(void)
{
	static const struct tap_test tests[] = {
		{ "work that ends in time is done before the system sleeps", drained },
		{ "other work is lost, and its file (pm_test)", lost_in_test },
		{ "the same with power lost (S3)", lost_in_s3 },
		{ "a user-mode queue loses its doorbell (pm_test)", user_queue_lost_in_test },
		{ "the same with power lost (S3)", user_queue_lost_in_s3 },
		{ "the system does not sleep while the card is open", refused },
		{ "a card that has failed sleeps and stays away from memory", failed_card },
	};

	return TAP_RUN(tests);
}
