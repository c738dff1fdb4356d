// SPDX-License-Identifier: MIT
/*
 * Processes that end with work in flight, forks, and the driver being unbound
 * while a file is open. The next user of the card notices nothing.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <seedchip.h>

#include "card.h"
#include "neighbour.h"
#include "tap.h"

#define MODULE "/usr/lib/seedchip/kernels.elf"

struct word_args {
	uint64_t out;
	uint64_t a;
	uint64_t b;
};

/* Starts a kernel on a queue of its own; exits with 1 on any failure. */
static struct seedchip_event start(const char *name, uint64_t **words)
{
	struct seedchip_dim dim = { .x = 8, .y = 1, .z = 1 };
	struct seedchip_module *module;
	struct seedchip_kernel *kernel;
	struct seedchip_device *dev;
	struct seedchip_buffer *out;
	struct seedchip_queue *queue;
	struct word_args args = { .a = 100, .b = 7 };

	if (seedchip_device_open(0, &dev) || seedchip_module_load_file(dev, MODULE, &module) ||
	    seedchip_queue_create(dev, NULL, &queue) ||
	    seedchip_buffer_create(dev, 4096, SEEDCHIP_SYSTEM, &out) ||
	    seedchip_buffer_map(out, (void **)words) ||
	    seedchip_module_kernel(module, name, &kernel))
		_exit(1);
	args.out = seedchip_buffer_address(out);
	if (seedchip_launch(queue, kernel, &dim, &args, sizeof(args)))
		_exit(1);
	return seedchip_queue_mark(queue);
}

static int child_status(pid_t pid)
{
	int status;

	return waitpid(pid, &status, 0) == pid ? status : -1;
}

/* A whole program's worth of work in a fresh process. */
static void card_works(void)
{
	pid_t pid = fork();
	uint64_t *words;
	int status;

	if (!pid) {
		if (seedchip_event_wait(start("divide", &words), 20000000000))
			_exit(1);
		_exit(words[0] == 14 ? 0 : 2);
	}
	status = child_status(pid);
	CHECK(WIFEXITED(status));
	CHECK_EQ(WEXITSTATUS(status), 0);
}

static void kill_busy(int signal)
{
	int ready[2], status;
	uint64_t *words;
	char byte;
	pid_t pid;

	CHECK_EQ(pipe(ready), 0);
	pid = fork();
	if (!pid) {
		struct seedchip_event event = start("endless", &words);

		if (write(ready[1], "x", 1) != 1)
			_exit(1);
		if (signal)
			seedchip_event_wait(event, -1);
		_exit(0);
	}
	close(ready[1]);
	CHECK_EQ(read(ready[0], &byte, 1), 1);
	close(ready[0]);
	if (signal) {
		usleep(100000);
		kill(pid, signal);
	}
	status = child_status(pid);
	CHECK(signal ? WIFSIGNALED(status) : WIFEXITED(status));
	card_works();
}

static void killed(void)
{
	unsigned int i;

	for (i = 0; i < card_rounds(10, 200); i++)
		kill_busy(SIGKILL);
}

static void exits(void)
{
	kill_busy(0);
}

/* Memory of a killed process comes back, zeroed. */
static void memory_returns(void)
{
	struct drm_seedchip_info info;
	unsigned int i;
	uint32_t handle;
	int fd;

	for (i = 0; i < 3; i++) {
		pid_t pid = fork();

		if (!pid) {
			fd = card_open(0);
			if (fd < 0 || card_info(fd, &info) ||
			    card_bo(fd, info.card_size / 4 * 3, DRM_SEEDCHIP_BO_CARD, &handle))
				_exit(1);
			raise(SIGKILL);
		}
		CHECK(WIFSIGNALED(child_status(pid)));
	}
	fd = card_open(0);
	CHECK(fd >= 0);
	CHECK_EQ(card_info(fd, &info), 0);
	CHECK_EQ(card_bo(fd, info.card_size / 4 * 3, DRM_SEEDCHIP_BO_CARD, &handle), 0);
	close(fd);
}

static volatile sig_atomic_t bus_errors;
static sigjmp_buf bus_return;

static void on_bus_error(int signal)
{
	(void)signal;
	bus_errors++;
	siglongjmp(bus_return, 1);
}

static void unbind_in_use(void)
{
	const uint32_t visible = DRM_SEEDCHIP_BO_CARD | DRM_SEEDCHIP_BO_CPU_VISIBLE;
	struct sc_packet nop = card_nop();
	struct drm_seedchip_queue_create queue;
	struct drm_seedchip_info info;
	const char *address = card_address();
	volatile uint64_t *map;
	uint32_t handle;
	int fd = card_open(0);

	CHECK(fd >= 0);
	CHECK_EQ(card_queue(fd, &queue), 0);
	CHECK_EQ(card_bo(fd, 4096, visible, &handle), 0);
	map = card_map(fd, handle, 4096);
	CHECK(map);
	map[0] = 1;
	CHECK_EQ(card_write("/sys/bus/pci/drivers/seedchip/unbind", address), 0);
	CHECK_EQ(card_info(fd, &info), -ENODEV);
	CHECK_EQ(card_submit(fd, queue.queue, &nop, 1, NULL, 0, NULL), -ENODEV);
	CHECK(card_open(0) < 0);
	signal(SIGBUS, on_bus_error);
	if (!sigsetjmp(bus_return, 1))
		map[0] = 2;
	CHECK_EQ(bus_errors, 1);
	signal(SIGBUS, SIG_DFL);
	close(fd);
	munmap((void *)map, 4096);
	CHECK_EQ(card_write("/sys/bus/pci/drivers/seedchip/bind", address), 0);
	card_works();
}

static void unbind_busy(void)
{
	const char *address = card_address();
	uint64_t *words;
	int ready[2], status;
	char byte;
	pid_t pid;

	CHECK_EQ(pipe(ready), 0);
	pid = fork();
	if (!pid) {
		struct seedchip_event event = start("endless", &words);

		if (write(ready[1], "x", 1) != 1)
			_exit(1);
		/* The wait ends because the card goes away, long before the watchdog. */
		_exit(seedchip_event_wait(event, 60000000000) == -EIO ? 0 : 1);
	}
	close(ready[1]);
	CHECK_EQ(read(ready[0], &byte, 1), 1);
	close(ready[0]);
	usleep(100000);
	CHECK_EQ(card_write("/sys/bus/pci/drivers/seedchip/unbind", address), 0);
	status = child_status(pid);
	CHECK_EQ(card_write("/sys/bus/pci/drivers/seedchip/bind", address), 0);
	CHECK(WIFEXITED(status));
	CHECK_EQ(WEXITSTATUS(status), 0);
	card_works();
}

int main(void)
{
	static const struct tap_test tests[] = {
		{ "the card works", card_works },
		{ "ten processes killed with work in flight", killed },
		{ "a process that exits with work in flight", exits },
		{ "memory of killed processes comes back", memory_returns },
		{ "the neighbour's results are right", neighbour_is_right },
		{ "unbound with a file open: ENODEV and SIGBUS", unbind_in_use },
		{ "unbound with a kernel running", unbind_busy },
	};

	neighbour_start();
	return TAP_RUN(tests);
}
