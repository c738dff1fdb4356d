// SPDX-License-Identifier: MIT
/*
 * The card goes while a program computes on it, in every way there is: the slot is switched off,
 * the card is pulled out, it stays but answers nothing but ones, its driver is unbound, the PCI
 * function is removed. The program then gets -ENODEV from every call and SIGBUS from its buffers,
 * and the next one finds a card that works.
 */
/* vm: timeout=300 alone */
/* vm-dmesg: seedchip .*: device reset: generation=\d+ wedged=1 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdbool.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "card.h"
#include "tap.h"

#define FUNCTION "/sys/bus/pci/devices/0000:01:00.0"
#define DRIVER	 "/sys/bus/pci/drivers/seedchip/"
#define SLOT	 "/sys/bus/pci/slots/1/power"
#define NODE	 "/dev/accel/accel0"
#define SIZE	 0x100000u
#define VA	 0x100000u

static sigjmp_buf bus;
static unsigned int rounds_usual, rounds_soak;

static void on_bus(int sig)
{
	(void)sig;
	siglongjmp(bus, 1);
}

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

static void set_property(const char *property, bool value)
{
	char arguments[160];

	snprintf(arguments, sizeof(arguments),
		 "{\"path\":\"/machine/peripheral/card0\",\"property\":\"%s\",\"value\":%s}",
		 property, value ? "true" : "false");
	ask_qemu("qom-set", arguments);
}

/* For at most 20 seconds. */
static bool soon(const char *path, bool there)
{
	for (int i = 0; i < 400; i++) {
		if (!access(path, F_OK) == there)
			return true;
		usleep(50000);
	}
	return false;
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
	signal(SIGBUS, on_bus);
	for (i = 0; i < 200; i++) {
		if (sigsetjmp(bus, 1))
			return;
		(void)*map;
		usleep(50000);
	}
	EXPECT(!"SIGBUS");
}

static void compute(int heard)
{
	const uint32_t flags = DRM_SEEDCHIP_BIND_READ | DRM_SEEDCHIP_BIND_WRITE;
	struct drm_seedchip_queue_create create = { .priority = 1, .ring_log2 = 6,
						    .timeout_ms = 500 };
	struct sc_packet copy = card_copy(VA, VA + SIZE / 2, SIZE / 2);
	const volatile struct sc_queue_state *state;
	const volatile uint32_t *map;
	uint32_t handle;
	int fd = card_open(0), ret;

	EXPECT(fd >= 0);
	EXPECT(!card_bo(fd, SIZE, DRM_SEEDCHIP_BO_CARD | DRM_SEEDCHIP_BO_CPU_VISIBLE, &handle));
	map = card_map(fd, handle, SIZE);
	EXPECT(map);
	EXPECT(!card_bind(fd, DRM_SEEDCHIP_BIND_MAP | flags, handle, 0, VA, SIZE));
	EXPECT(!card_ioctl(fd, DRM_IOCTL_SEEDCHIP_QUEUE_CREATE, &create));
	state = card_state(fd, &create);
	EXPECT(state);
	do {
		(void)*map;
		ret = card_run(fd, create.queue, &copy, 1);
		if (!ret && heard >= 0 && write(heard, "x", 1) == 1)
			close(heard), heard = -1;
	} while (!ret);
	expect_gone(fd, create.queue, map);
	/* what a program may be polling does not kill it */
	EXPECT(state->retired > 0);
	exit(EXIT_SUCCESS);
}

static pid_t start(void)
{
	int heard[2];
	char byte;
	pid_t pid;

	CHECK_EQ(pipe(heard), 0);
	fflush(stdout);
	pid = fork();
	if (!pid)
		compute(heard[1]);
	close(heard[1]);
	CHECK_EQ(read(heard[0], &byte, 1), 1);
	close(heard[0]);
	return pid;
}

static void ends(pid_t pid)
{
	int status;

	CHECK_EQ(waitpid(pid, &status, 0), pid);
	CHECK(WIFEXITED(status));
	CHECK_EQ(WEXITSTATUS(status), 0);
}

static void insert(void)
{
	ask_qemu("device_add", "{\"driver\":\"seedchip\",\"id\":\"card0\",\"bus\":\"port0\","
			  "\"strict\":true}");
	/* at once, unless the kernel has been faster */
	if (access(NODE, F_OK))
		system("echo 1 >" SLOT " 2>/dev/null");
	CHECK(soon(NODE, true));
}

static void orderly(void)
{
	pid_t pid = start();

	ask_qemu("device_del", "{\"id\":\"card0\"}");
	/* what the kernel does five seconds after the button was pressed */
	write_file(SLOT, "0");
	CHECK(soon(FUNCTION, false));
	ends(pid);
	usleep(1100000);
	insert();
}

static void pulled_out(void)
{
	pid_t pid = start();

	set_property("surprise-remove", true);
	CHECK(soon(FUNCTION, false));
	ends(pid);
	/* the kernel leaves the slot alone for a second */
	usleep(2000000);
	insert();
}

static void dead(void)
{
	pid_t pid = start();

	set_property("dead", true);
	ends(pid);
	CHECK(soon(NODE, false));
	write_file(DRIVER "unbind", "0000:01:00.0");
	set_property("dead", false);
	write_file(DRIVER "bind", "0000:01:00.0");
	CHECK(soon(NODE, true));
}

static void dead_idle(void)
{
	int fd = card_open(0);
	struct drm_seedchip_info info;

	CHECK(fd >= 0);
	set_property("dead", true);
	CHECK_EQ(card_open(0), -ENODEV);
	CHECK_EQ(card_info(fd, &info), -ENODEV);
	write_file(DRIVER "unbind", "0000:01:00.0");
	close(fd);
	set_property("dead", false);
	write_file(DRIVER "bind", "0000:01:00.0");
	CHECK(soon(NODE, true));
}

static void unbind(void)
{
	pid_t pid = start();

	write_file(DRIVER "unbind", "0000:01:00.0");
	ends(pid);
	write_file(DRIVER "bind", "0000:01:00.0");
	CHECK(soon(NODE, true));
}

static void removed(void)
{
	pid_t pid = start();

	write_file(FUNCTION "/remove", "1");
	ends(pid);
	write_file("/sys/bus/pci/rescan", "1");
	CHECK(soon(NODE, true));
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
	};

	soon(NODE, true);
	return TAP_RUN(tests);
}
