// SPDX-License-Identifier: MIT
/*
 * The card goes while a program computes on it, in every way there is: the slot is switched off,
 * the card is pulled out, it stays but answers nothing but ones, its driver is unbound, the PCI
 * function is removed. The program then gets -ENODEV from every call and SIGBUS from its buffers,
 * but not from a doorbell, and the next one finds a card that works.
 */
/* vm: timeout=300 alone */
/* vm-dmesg: seedchip .*: device reset: generation=\d+ wedged=1|\d+ callbacks suppressed */
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <string.h>
#include <unistd.h>

#include "card.h"
#include "load.h"
#include "tap.h"

#define FUNCTION "/sys/bus/pci/devices/0000:01:00.0"
#define DRIVER	 "/sys/bus/pci/drivers/seedchip/"
#define SLOT	 "/sys/bus/pci/slots/1/power"
#define NODE	 "/dev/accel/accel0"

#define WATCHDOG_MS 300
#define VA	    0x100000u
#define SIZE	    0x10000u

static unsigned int rounds_usual, rounds_soak;

static void write_file(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY);

	CHECK(fd >= 0);
	CHECK_EQ(write(fd, text, strlen(text)), strlen(text));
	close(fd);
}

static void ask_qemu(const char *command, const char *arguments)
{
	char line[256];

	snprintf(line, sizeof(line), "qmp %s '%s' >/dev/null", command, arguments);
	CHECK_EQ(system(line), 0);
}

/* The device file is there before the kernel lets it be opened. For at most 20 seconds. */
static bool opens_soon(void)
{
	int fd = -1;

	for (int i = 0; i < 400 && fd < 0; i++) {
		if (i)
			usleep(50000);
		fd = card_open(0);
	}
	close(fd);
	return fd >= 0;
}

static void insert(void)
{
	ask_qemu("device_add", "{\"driver\":\"seedchip\",\"id\":\"card0\",\"bus\":\"port0\","
			  "\"strict\":true}");
	/* at once, unless the kernel has been faster */
	if (access(NODE, F_OK))
		system("echo 1 >" SLOT " 2>/dev/null");
	CHECK(opens_soon());
}

static void orderly(void)
{
	pid_t pid = load_start(0);

	ask_qemu("device_del", "{\"id\":\"card0\"}");
	/* what the kernel does five seconds after the button was pressed */
	write_file(SLOT, "0");
	CHECK(card_gone_soon(FUNCTION));
	load_ends(pid);
	usleep(1100000);
	insert();
}

static void pulled_out(void)
{
	pid_t pid = load_start(0);

	CHECK_EQ(card_set_property("card0", "surprise-remove", "true"), 0);
	CHECK(card_gone_soon(FUNCTION));
	load_ends(pid);
	/* the kernel leaves the slot alone for a second */
	usleep(2000000);
	insert();
}

static void dead(void)
{
	pid_t pid = load_start(0);

	CHECK_EQ(card_set_property("card0", "dead", "true"), 0);
	load_ends(pid);
	CHECK(card_gone_soon(NODE));
	write_file(DRIVER "unbind", "0000:01:00.0");
	CHECK_EQ(card_set_property("card0", "dead", "false"), 0);
	write_file(DRIVER "bind", "0000:01:00.0");
	CHECK(opens_soon());
}

static void dead_idle(void)
{
	int fd = card_open(0);
	struct drm_seedchip_info info;

	CHECK(fd >= 0);
	CHECK_EQ(card_set_property("card0", "dead", "true"), 0);
	CHECK_EQ(card_open(0), -ENODEV);
	CHECK_EQ(card_info(fd, &info), -ENODEV);
	write_file(DRIVER "unbind", "0000:01:00.0");
	close(fd);
	CHECK_EQ(card_set_property("card0", "dead", "false"), 0);
	write_file(DRIVER "bind", "0000:01:00.0");
	CHECK(opens_soon());
}

static void unbind(void)
{
	pid_t pid = load_start(0);

	write_file(DRIVER "unbind", "0000:01:00.0");
	load_ends(pid);
	write_file(DRIVER "bind", "0000:01:00.0");
	CHECK(opens_soon());
}

static void removed(void)
{
	pid_t pid = load_start(0);

	write_file(FUNCTION "/remove", "1");
	load_ends(pid);
	write_file("/sys/bus/pci/rescan", "1");
	CHECK(opens_soon());
}

/* Work that will not be done any more is in its ring, when nobody can look at registers. */
static void kept_open(void)
{
	struct drm_seedchip_queue_create create = { .priority = 1, .ring_log2 = 6,
						    .timeout_ms = WATCHDOG_MS };
	struct sc_packet wait = card_word(SC_OP_WAIT, VA, 1);
	struct drm_seedchip_info info;
	int fd = card_open(0);
	uint32_t handle;

	CHECK(fd >= 0);
	CHECK_EQ(card_bo(fd, SIZE, DRM_SEEDCHIP_BO_CARD, &handle), 0);
	CHECK_EQ(card_bind(fd, DRM_SEEDCHIP_BIND_MAP | DRM_SEEDCHIP_BIND_READ, handle, 0, VA,
			   SIZE), 0);
	CHECK_EQ(card_ioctl(fd, DRM_IOCTL_SEEDCHIP_QUEUE_CREATE, &create), 0);
	CHECK_EQ(card_submit(fd, create.queue, &wait, 1, NULL, 0, NULL), 0);
	write_file(DRIVER "unbind", "0000:01:00.0");
	CHECK_EQ(card_info(fd, &info), -ENODEV);
	usleep(2 * WATCHDOG_MS * 1000);
	close(fd);
	write_file(DRIVER "bind", "0000:01:00.0");
	CHECK(opens_soon());
}

static void repeat(void (*one)(void))
{
	unsigned int rounds = card_rounds(rounds_usual, rounds_soak);

	for (unsigned int i = 0; i < rounds; i++)
		one();
}

#define TIMES(name, usual, soak)               \
	static void name##_often(void)         \
	{                                      \
		rounds_usual = usual;          \
		rounds_soak = soak;            \
		repeat(name);                  \
	}
TIMES(unbind, 10, 200)
TIMES(removed, 10, 200)
TIMES(orderly, 10, 100)
TIMES(pulled_out, 10, 50)
TIMES(dead, 10, 50)

int main(void)
{
	static const struct tap_test tests[] = {
		{ "the driver is unbound under load", unbind_often },
		{ "the function is removed under load", removed_often },
		{ "the slot is switched off under load", orderly_often },
		{ "the card is pulled out under load", pulled_out_often },
		{ "the card answers nothing but ones under load", dead_often },
		{ "the same while it is idle", dead_idle },
		{ "work is left in the ring of a file that stays open", kept_open },
	};

	opens_soon();
	return TAP_RUN(tests);
}
