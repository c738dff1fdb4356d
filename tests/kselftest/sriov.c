// SPDX-License-Identifier: MIT
/*
 * Virtual functions as an operator and their users see them: enabled through sysfs, each a card of
 * its own that computes beside the others, in modelled cycles as if it were alone; a hang, a reset
 * or the end of one is nobody else's affair.
 */
/* vm: card=vfs=2,timing=on timeout=300 alone */
/* vm-dmesg: AER|PCIe Bus Error|error status/mask|\[ ?\d+\] *\w+|TLP Header */
/* vm-dmesg: seedchip .*: (device|function) reset: generation=\d+ wedged=1 */
/* vm-dmesg: seedchip .*: reset by the PCI core: generation=\d+ wedged=1 */
/* vm-dmesg: PM: suspend debug|VFs already enabled */
#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <stdbool.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>
#include <xf86drm.h>

#include <seedchip.h>

#include "card.h"
#include "load.h"
#include "neighbour.h"
#include "tap.h"

#define PCI	 "/sys/bus/pci/devices/0000:01:00."
#define DEBUGFS	 "/sys/kernel/debug/accel/0000:01:00."
#define DRIVER	 "/sys/bus/pci/drivers/seedchip/"
#define MODULE	 "/usr/lib/seedchip/kernels.elf"
#define RW	 (DRM_SEEDCHIP_BIND_MAP | DRM_SEEDCHIP_BIND_READ | DRM_SEEDCHIP_BIND_WRITE)
#define VA	 0x10000000ULL
#define SIZE	 0x4000000ULL
#define FUNCTIONS 3 /* the physical one, which has number 0, included */

/* --- the machine --- */

static int set_vfs(const char *count)
{
	return card_write(PCI "0/sriov_numvfs", count);
}

/* The number of the device file of a function; -1: it is not bound. */
static int node(unsigned int function)
{
	char path[80];

	for (int i = 0; i < 64; i++) {
		snprintf(path, sizeof(path), PCI "%u/accel/accel%d", function, i);
		if (!access(path, F_OK))
			return i;
	}
	return -1;
}

static int function_open(unsigned int function)
{
	int index = node(function);

	CHECK(index >= 0);
	return card_open(index);
}

/* What was lost is probed anew; until then it is there and cannot be opened. */
static bool opens_soon(unsigned int function)
{
	int fd = -1;

	for (int i = 0; i < 400 && fd < 0; i++) {
		if (i)
			usleep(50000);
		fd = node(function) < 0 ? -1 : card_open(node(function));
	}
	close(fd);
	return fd >= 0;
}

static void read_text(const char *format, unsigned int function, char *text, size_t size)
{
	char path[128];
	ssize_t n;
	int fd;

	snprintf(path, sizeof(path), format, function);
	fd = open(path, O_RDONLY);
	CHECK(fd >= 0);
	n = read(fd, text, size - 1);
	close(fd);
	CHECK(n >= 0);
	text[n] = 0;
}

static void read_counters(unsigned int function, char *text, size_t size)
{
	read_text(DEBUGFS "%u/counters", function, text, size);
}

static long long counter(unsigned int function, const char *name)
{
	char text[512], *at;

	read_counters(function, text, sizeof(text));
	at = strstr(text, name);
	CHECK(at);
	return atoll(strchr(at, ':') + 1);
}

/* --- a user of one function --- */

struct user {
	int fd;
	uint32_t handle, queue;
	uint64_t *map;
};

static struct user user_open(unsigned int function)
{
	struct drm_seedchip_queue_create create;
	struct user u = { .fd = function_open(function) };

	CHECK(u.fd >= 0);
	CHECK_EQ(card_bo(u.fd, SIZE, DRM_SEEDCHIP_BO_CARD | DRM_SEEDCHIP_BO_CPU_VISIBLE,
			 &u.handle), 0);
	u.map = card_map(u.fd, u.handle, SIZE);
	CHECK(u.map);
	CHECK_EQ(card_bind(u.fd, RW, u.handle, 0, VA, SIZE), 0);
	CHECK_EQ(card_queue(u.fd, &create), 0);
	u.queue = create.queue;
	return u;
}

static void user_close(struct user *u)
{
	munmap(u->map, SIZE);
	close(u->fd);
}

static void works(unsigned int function)
{
	struct user u = user_open(function);
	struct sc_packet copy = card_copy(VA + SIZE / 2, VA, 4096);

	CHECK_EQ(u.map[5], 0);
	u.map[5] = 0x1234;
	CHECK_EQ(card_run(u.fd, u.queue, &copy, 1), 0);
	CHECK_EQ(u.map[SIZE / 16 + 5], 0x1234);
	user_close(&u);
}

/* A job that waits until somebody writes the first word of the buffer. */
static uint32_t submit_waiting(struct user *u)
{
	struct sc_packet packets[2] = { card_word(SC_OP_WAIT, VA, 1),
					card_word(SC_OP_SIGNAL, VA + 8, 2) };
	struct drm_seedchip_sync out = { .handle = card_syncobj(u->fd),
					 .flags = DRM_SEEDCHIP_SYNC_SIGNAL };

	CHECK_EQ(card_submit(u->fd, u->queue, packets, 2, &out, 1, NULL), 0);
	CHECK_EQ(card_wait(u->fd, out.handle, 0, 1), -ETIME);
	return out.handle;
}

static void let_end(struct user *u, uint32_t syncobj)
{
	u->map[0] = 1;
	CHECK_EQ(card_wait(u->fd, syncobj, 0, 30000), 0);
	CHECK_EQ(card_fence_status(u->fd, syncobj), 1);
	CHECK_EQ(u->map[1], 2);
}

/* --- kernels, each run by a process of its own that uses the runtime --- */

struct kernel_args {
	uint64_t in, out;
	uint32_t count, rounds;
};

struct kernel_user {
	struct seedchip_device *dev;
	struct seedchip_module *module;
	struct seedchip_kernel *kernel;
	struct seedchip_queue *queue;
};

static void must(int ret, const char *what)
{
	if (ret) {
		printf("# %s: %s (%s)\n", what, strerror(-ret), seedchip_error());
		exit(EXIT_FAILURE);
	}
}

static void kernel_open(struct kernel_user *k, const char *name)
{
	struct seedchip_queue_desc desc = { .size = sizeof(desc), .timeout_ms = 1000 };

	must(seedchip_device_open(0, &k->dev), "open");
	must(seedchip_module_load_file(k->dev, MODULE, &k->module), "load");
	must(seedchip_module_kernel(k->module, name, &k->kernel), "kernel");
	must(seedchip_queue_create(k->dev, &desc, &k->queue), "queue");
}

static int run_kernel(struct kernel_user *k, const void *args, size_t size)
{
	struct seedchip_dim dim = { .x = 8, .y = 1, .z = 1 };

	must(seedchip_launch(k->queue, k->kernel, &dim, args, size), "launch");
	return seedchip_event_wait(seedchip_queue_mark(k->queue), 120000000000);
}

/* Modelled cycles of a sum over card memory, the third time: caches are as it left them. */
static uint64_t sum_cycles(void)
{
	struct seedchip_queue_stats before = { .size = sizeof(before) }, after = before;
	struct seedchip_buffer *in, *out;
	struct kernel_args args;
	struct kernel_user k;

	kernel_open(&k, "sum");
	must(seedchip_buffer_create(k.dev, 65536, SEEDCHIP_CARD, &in), "input");
	must(seedchip_buffer_create(k.dev, 4096, SEEDCHIP_CARD, &out), "output");
	args = (struct kernel_args){ seedchip_buffer_address(in), seedchip_buffer_address(out),
				     16384, 1 };
	for (int i = 0; i < 3; i++) {
		must(seedchip_queue_stats(k.queue, &before), "stats");
		must(run_kernel(&k, &args, sizeof(args)), "sum");
		must(seedchip_queue_stats(k.queue, &after), "stats");
	}
	return after.cycles - before.cycles;
}

/* Whether an endless kernel is stopped, and the queue can be used again. */
static uint64_t hang(void)
{
	uint64_t args[3] = { 0 };
	struct kernel_user k;

	kernel_open(&k, "endless");
	if (run_kernel(&k, args, sizeof(args)) != -EIO)
		return 0;
	return !seedchip_queue_recover(k.queue);
}

/* The result of @work in another process, which sees the one function only. */
static uint64_t in_function(unsigned int function, uint64_t (*work)(void))
{
	char address[16];
	uint64_t result = 0;
	int pipes[2];

	snprintf(address, sizeof(address), "0000:01:00.%u", function);
	CHECK_EQ(pipe(pipes), 0);
	fflush(stdout);
	if (!fork()) {
		setenv("SEEDCHIP_VISIBLE_DEVICES", address, 1);
		result = work();
		fflush(stdout);
		_exit(write(pipes[1], &result, sizeof(result)) != sizeof(result));
	}
	close(pipes[1]);
	if (read(pipes[0], &result, sizeof(result)) != sizeof(result))
		result = 0;
	close(pipes[0]);
	wait(NULL);
	return result;
}

static void neighbour_in(unsigned int function)
{
	char address[16];

	snprintf(address, sizeof(address), "0000:01:00.%u", function);
	setenv("SEEDCHIP_VISIBLE_DEVICES", address, 1);
	neighbour_start();
	unsetenv("SEEDCHIP_VISIBLE_DEVICES");
}

/* --- the tests --- */

static void refused(void)
{
	char text[16];

	read_text(PCI "%u/sriov_totalvfs", 0, text, sizeof(text));
	CHECK_EQ(atoi(text), 2);
	CHECK_EQ(set_vfs("3"), -ERANGE);
	CHECK_EQ(card_write(PCI "0/state", "draining"), 0);
	CHECK_EQ(set_vfs("1"), -EBUSY);
	CHECK_EQ(card_write(PCI "0/state", "active"), 0);
	read_text(PCI "%u/sriov_numvfs", 0, text, sizeof(text));
	CHECK_EQ(atoi(text), 0);
}

/* A card that no reset has brought back has to be bound anew. */
static void no_reset_helps(void)
{
	int fd = function_open(0);
	char text[16] = "";

	CHECK_EQ(card_inject("failed-resets", 2), 0);
	CHECK_EQ(card_write(DEBUGFS "0/reset", "1"), 0);
	for (int i = 0; i < 400 && strcmp(text, "failed\n"); i++) {
		usleep(50000);
		read_text(PCI "%u/state", 0, text, sizeof(text));
	}
	CHECK_EQ(set_vfs("1"), -ENODEV);
	close(fd);
	CHECK_EQ(card_write(DRIVER "unbind", "0000:01:00.0"), 0);
	CHECK_EQ(card_write(DRIVER "bind", "0000:01:00.0"), 0);
	CHECK(opens_soon(0));
}

static void autoprobe(void)
{
	CHECK_EQ(card_write(PCI "0/sriov_drivers_autoprobe", "0"), 0);
	CHECK_EQ(set_vfs("1"), 0);
	CHECK(!access(PCI "1", F_OK));
	CHECK_EQ(node(1), -1);
	CHECK_EQ(set_vfs("2"), -EBUSY);
	CHECK_EQ(set_vfs("0"), 0);
	CHECK_EQ(card_write(PCI "0/sriov_drivers_autoprobe", "1"), 0);
}

static void parts(void)
{
	static const struct {
		uint32_t cores;
		uint64_t memory;
	} want[FUNCTIONS] = { { 4, 512ULL << 20 }, { 2, 256ULL << 20 }, { 2, 256ULL << 20 } };
	char ids[FUNCTIONS][64], path[80], text[32];
	struct drm_seedchip_info info[FUNCTIONS];
	uint32_t handle;
	int fd;

	CHECK_EQ(set_vfs("2"), 0);
	for (unsigned int f = 0; f < FUNCTIONS; f++) {
		fd = function_open(f);
		CHECK(fd >= 0);
		CHECK_EQ(card_info(fd, &info[f]), 0);
		CHECK_EQ(info[f].num_cores, want[f].cores);
		CHECK_EQ(info[f].core_mask, (1u << want[f].cores) - 1);
		CHECK_EQ(info[f].card_size, want[f].memory);
		CHECK_EQ(info[f].serial, info[0].serial);
		CHECK_EQ(card_bo(fd, want[f].memory + 4096, DRM_SEEDCHIP_BO_CARD, &handle),
			 -ENOSPC);
		close(fd);
		read_text(PCI "%u/unique_id", f, ids[f], sizeof(ids[f]));
		snprintf(text, sizeof(text), "-%u\n", f);
		CHECK(!strcmp(strchr(ids[f], '-'), text));
		snprintf(path, sizeof(path), PCI "%u/ras", f);
		CHECK_EQ(!access(path, F_OK), f == 0);
		snprintf(path, sizeof(path), PCI "%u/hwmon", f);
		CHECK_EQ(!access(path, F_OK), f == 0);
		CHECK(node(f) >= 0);
	}
}

/* Registers of a function tell nothing of another; those of the whole card read zero. */
static void foreign_registers(void)
{
	char text[8192];

	works(0);
	read_text(DEBUGFS "%u/registers", 2, text, sizeof(text));
	CHECK(strstr(text, " FUNCTION 0x2\n"));
	CHECK(strstr(text, " TOTAL_COPY_BYTES 0x0\n"));
	CHECK(strstr(text, " TEMP_DIE 0x0\n"));
	CHECK(strstr(text, " POWER_CYCLES 0x0\n"));
	read_text(DEBUGFS "%u/registers", 0, text, sizeof(text));
	CHECK(!strstr(text, " TOTAL_COPY_BYTES 0x0\n"));
}

/* Card addresses are the same in all functions, what they name is not. */
static void memory(void)
{
	struct user u[FUNCTIONS];

	for (unsigned int f = 0; f < FUNCTIONS; f++)
		u[f] = user_open(f);
	for (unsigned int f = 0; f < FUNCTIONS; f++) {
		struct sc_packet fill = card_fill(VA, 0x1111111111111111 * (f + 1), SIZE);

		CHECK_EQ(card_run(u[f].fd, u[f].queue, &fill, 1), 0);
	}
	for (unsigned int f = 0; f < FUNCTIONS; f++) {
		for (uint64_t i = 0; i < SIZE / 8; i += 509)
			CHECK_EQ(u[f].map[i], 0x1111111111111111 * (f + 1));
		user_close(&u[f]);
	}
}

/* All have a job at the same time, and each ends when its own is let go. */
static void together(void)
{
	struct user u[FUNCTIONS];
	uint32_t jobs[FUNCTIONS];

	for (unsigned int f = 0; f < FUNCTIONS; f++) {
		u[f] = user_open(f);
		jobs[f] = submit_waiting(&u[f]);
	}
	for (unsigned int f = FUNCTIONS; f-- > 0;) {
		let_end(&u[f], jobs[f]);
		if (f)
			CHECK_EQ(card_wait(u[f - 1].fd, jobs[f - 1], 0, 1), -ETIME);
		user_close(&u[f]);
	}
	neighbour_in(1);
	CHECK(in_function(0, sum_cycles) > 0);
	CHECK(in_function(2, sum_cycles) > 0);
	CHECK(neighbour_stop());
}

static void same_cycles(void)
{
	uint64_t card = in_function(0, sum_cycles), vf = in_function(1, sum_cycles);

	printf("# cycles of a sum: %llu with 4 cores of 8, %llu with 2\n",
	       (unsigned long long)card, (unsigned long long)vf);
	CHECK(card);
	CHECK(vf > card);
	CHECK_EQ(in_function(0, sum_cycles), card);
	neighbour_in(1);
	CHECK_EQ(in_function(0, sum_cycles), card);
	CHECK(neighbour_stop());
	neighbour_in(0);
	CHECK_EQ(in_function(1, sum_cycles), vf);
	CHECK(neighbour_stop());
}

static long sensor(const char *name)
{
	char path[256], text[32];
	glob_t found;

	snprintf(path, sizeof(path), PCI "0/hwmon/hwmon*/%s", name);
	CHECK_EQ(glob(path, 0, NULL, &found), 0);
	snprintf(path, sizeof(path), "%s", found.gl_pathv[0]);
	globfree(&found);
	read_text(path, 0, text, sizeof(text));
	return atol(text);
}

/* What one function draws is drawn by the card. */
static void sensors(void)
{
	long idle = sensor("power1_input"), now = idle;

	CHECK_EQ(sensor("power1_max"), 15000000 + 8 * 3500000);
	neighbour_in(1);
	for (int i = 0; i < 2000 && now == idle; i++)
		now = sensor("power1_input");
	CHECK(now > idle);
	CHECK(neighbour_stop());
}

static void hung(void)
{
	char before[FUNCTIONS][512], after[512];
	long long resets = counter(1, "queue_resets"), timeouts = counter(1, "timeouts");

	neighbour_in(0);
	for (unsigned int f = 0; f < FUNCTIONS; f++)
		read_counters(f, before[f], sizeof(before[f]));
	CHECK_EQ(in_function(1, hang), 1);
	CHECK_EQ(counter(1, "queue_resets"), resets + 1);
	CHECK_EQ(counter(1, "timeouts"), timeouts + 1);
	CHECK_EQ(counter(1, "device_resets"), 0);
	for (unsigned int f = 0; f < FUNCTIONS; f += 2) {
		read_counters(f, after, sizeof(after));
		CHECK(!strcmp(after, before[f]));
	}
	CHECK(neighbour_stop());
	works(1);
}

/* FLR of one fails what it had, as a bystander's; memory and files stay, and the others go on. */
static void function_reset(void)
{
	char before[FUNCTIONS][512], after[512];
	struct user u[FUNCTIONS];
	uint32_t jobs[FUNCTIONS];
	struct sc_packet nop = card_nop();

	neighbour_in(0);
	for (unsigned int f = 0; f < FUNCTIONS; f++) {
		u[f] = user_open(f);
		u[f].map[9] = 0x99;
		jobs[f] = submit_waiting(&u[f]);
		read_counters(f, before[f], sizeof(before[f]));
	}
	CHECK_EQ(card_write(PCI "1/reset", "1"), 0);
	CHECK_EQ(card_wait(u[1].fd, jobs[1], 0, 30000), 0);
	CHECK_EQ(card_fence_status(u[1].fd, jobs[1]), -ERESTART);
	CHECK_EQ(counter(1, "pci_resets"), 1);
	CHECK_EQ(card_recover(u[1].fd, u[1].queue), 0);
	CHECK_EQ(card_run(u[1].fd, u[1].queue, &nop, 1), 0);
	CHECK_EQ(u[1].map[9], 0x99);
	user_close(&u[1]);
	for (unsigned int f = 0; f < FUNCTIONS; f += 2) {
		let_end(&u[f], jobs[f]);
		read_counters(f, after, sizeof(after));
		CHECK(!strcmp(after, before[f]));
		user_close(&u[f]);
	}
	CHECK(neighbour_stop());
}

/* FLR of the card takes its functions: their users have to open again. */
static void card_reset(void)
{
	pid_t pid = load_start(node(1));
	struct sc_packet nop = card_nop();
	struct user u = user_open(0);

	u.map[9] = 0x99;
	CHECK_EQ(card_write(PCI "0/reset", "1"), 0);
	load_ends(pid);
	CHECK_EQ(card_recover(u.fd, u.queue), 0);
	CHECK_EQ(card_run(u.fd, u.queue, &nop, 1), 0);
	CHECK_EQ(u.map[9], 0x99);
	user_close(&u);
	for (unsigned int f = 0; f < FUNCTIONS; f++) {
		CHECK(opens_soon(f));
		works(f);
	}
}

static void inject_fatal(void)
{
	CHECK_EQ(system("qmp human-monitor-command '{\"command-line\":"
			"\"pcie_aer_inject_error card0 MALF_TLP\"}' >/dev/null"), 0);
}

/* The card has been removed, with its functions, and comes back. */
static void found_anew(void)
{
	CHECK(access(PCI "1", F_OK));
	CHECK_EQ(card_write("/sys/bus/pci/rescan", "1"), 0);
	CHECK(opens_soon(0));
	CHECK_EQ(set_vfs("2"), 0);
	for (unsigned int f = 0; f < FUNCTIONS; f++)
		works(f);
}

/* So does a fatal error of the link, which ends in its reset. */
static void link_error(void)
{
	pid_t pids[2] = { load_start(node(1)), load_start(node(2)) };

	inject_fatal();
	load_ends(pids[0]);
	load_ends(pids[1]);
	for (unsigned int f = 0; f < FUNCTIONS; f++) {
		CHECK(opens_soon(f));
		works(f);
	}
}

/*
 * A function that waits for a driver, as for a guest's, cannot handle errors; so the PCI core gives
 * up on all of them, and the card's driver is not told. Its fences signal, and it says that it has
 * failed. The kernel does not restore the configuration then: the card has to be found anew.
 */
static void no_recovery(void)
{
	struct user u = user_open(0);
	uint32_t job = submit_waiting(&u);
	char text[16];

	CHECK_EQ(card_write(DRIVER "unbind", "0000:01:00.1"), 0);
	inject_fatal();
	CHECK_EQ(card_wait(u.fd, job, 0, 90000), 0);
	CHECK_EQ(card_fence_status(u.fd, job), -ERESTART);
	read_text(PCI "%u/state", 0, text, sizeof(text));
	CHECK(!strcmp(text, "failed\n"));
	CHECK_EQ(card_recover(u.fd, u.queue), -ENODEV);
	user_close(&u);
	CHECK_EQ(card_write(PCI "0/remove", "1"), 0);
	found_anew();
}

/* All have a job, and lose it; a virtual function sleeps before its card and wakes after it. */
static void sleeps(void)
{
	struct sc_packet nop = card_nop();
	struct user u[FUNCTIONS];
	uint32_t jobs[FUNCTIONS];

	for (unsigned int f = 0; f < FUNCTIONS; f++) {
		u[f] = user_open(f);
		jobs[f] = submit_waiting(&u[f]);
	}
	CHECK_EQ(card_write("/sys/module/suspend/parameters/pm_test_delay", "1"), 0);
	CHECK_EQ(card_write("/sys/power/pm_test", "devices"), 0);
	CHECK_EQ(card_write("/sys/power/state", "mem"), 0);
	CHECK_EQ(card_write("/sys/power/pm_test", "none"), 0);
	for (unsigned int f = 0; f < FUNCTIONS; f++) {
		CHECK_EQ(card_fence_status(u[f].fd, jobs[f]), -ENODEV);
		CHECK_EQ(card_run(u[f].fd, u[f].queue, &nop, 1), -ENODEV);
		user_close(&u[f]);
		works(f);
	}
}

/* Beside a card that goes on computing. */
static void disabled(void)
{
	neighbour_in(0);
	for (unsigned int i = 0; i < card_rounds(3, 100); i++) {
		pid_t pids[2] = { load_start(node(1)), load_start(node(2)) };

		/* it has to be 0 first, and nobody is disturbed by such a try */
		CHECK_EQ(set_vfs("1"), -EBUSY);
		works(2);
		CHECK_EQ(set_vfs("0"), 0);
		load_ends(pids[0]);
		load_ends(pids[1]);
		CHECK(access(PCI "1", F_OK));
		CHECK_EQ(set_vfs("2"), 0);
		works(1);
	}
	CHECK(neighbour_stop());
}

/* They come and go while the card is being reset, which has them probed anew. */
static void disabled_in_reset(void)
{
	for (unsigned int i = 0; i < card_rounds(3, 100); i++) {
		int status, ret;
		pid_t pid = fork();

		if (!pid)
			_exit(card_write(PCI "0/reset", "1") != 0);
		CHECK_EQ(set_vfs("0"), 0);
		do {
			ret = set_vfs("2");
		} while (ret == -EBUSY);
		CHECK_EQ(ret, 0);
		CHECK_EQ(waitpid(pid, &status, 0), pid);
		CHECK_EQ(status, 0);
		for (unsigned int f = 0; f < FUNCTIONS; f++) {
			CHECK(opens_soon(f));
			works(f);
		}
	}
}

/* One of them is taken from its driver: it is missed by its own users alone. */
static void one_unbound(void)
{
	pid_t pid = load_start(node(1));

	neighbour_in(2);
	CHECK_EQ(card_write(DRIVER "unbind", "0000:01:00.1"), 0);
	load_ends(pid);
	works(0);
	CHECK_EQ(card_write(DRIVER "bind", "0000:01:00.1"), 0);
	CHECK(opens_soon(1));
	works(1);
	CHECK(neighbour_stop());
}

/*
 * The card answers nothing but ones, and so do its functions. What the kernel has read of their
 * places meanwhile is no good: the card has to be found anew.
 */
static void dead(void)
{
	pid_t pids[FUNCTIONS];

	for (unsigned int f = 0; f < FUNCTIONS; f++)
		pids[f] = load_start(node(f));
	CHECK_EQ(card_set_property("card0", "dead", "true"), 0);
	for (unsigned int f = 0; f < FUNCTIONS; f++)
		load_ends(pids[f]);
	CHECK_EQ(card_write(PCI "0/remove", "1"), 0);
	CHECK_EQ(card_set_property("card0", "dead", "false"), 0);
	found_anew();
}

static void unbound(void)
{
	pid_t pids[2] = { load_start(node(1)), load_start(node(0)) };

	CHECK_EQ(card_write(DRIVER "unbind", "0000:01:00.0"), 0);
	load_ends(pids[0]);
	load_ends(pids[1]);
	CHECK(access(PCI "1", F_OK));
	CHECK_EQ(set_vfs("1"), -ENOENT);
	CHECK_EQ(card_write(DRIVER "bind", "0000:01:00.0"), 0);
	CHECK(opens_soon(0));
	CHECK_EQ(set_vfs("2"), 0);
	works(2);
}

static void pulled_out(void)
{
	pid_t pids[2] = { load_start(node(1)), load_start(node(0)) };

	CHECK_EQ(card_set_property("card0", "surprise-remove", "true"), 0);
	load_ends(pids[0]);
	load_ends(pids[1]);
	CHECK(card_gone_soon(PCI "0"));
	CHECK(card_gone_soon(PCI "1"));
}

int main(void)
{
	static const struct tap_test tests[] = {
		{ "more than there are, and any while the card drains, are refused", refused },
		{ "a card that has failed has none", no_reset_helps },
		{ "they wait for a driver if the operator wants it so", autoprobe },
		{ "each function has its own part of the card", parts },
		{ "registers show nothing of another function", foreign_registers },
		{ "memory is each function's own", memory },
		{ "all functions compute at the same time", together },
		{ "modelled cycles do not depend on what another function does", same_cycles },
		{ "sensors are the whole card's", sensors },
		{ "a hang in one function does not reset another", hung },
		{ "a reset of one function", function_reset },
		{ "a reset of the card", card_reset },
		{ "a fatal error of the link", link_error },
		{ "a fatal error of the link, and a function without a driver", no_recovery },
		{ "the system sleeps", sleeps },
		{ "functions are disabled under load", disabled },
		{ "functions are disabled while the card is reset", disabled_in_reset },
		{ "the driver of one function is unbound under load", one_unbound },
		{ "the card's driver is unbound under load", unbound },
		{ "the card answers nothing but ones under load", dead },
		{ "the card is pulled out under load", pulled_out },
	};

	/* it would break a strict rule if it slept while its functions are used */
	if (!opens_soon(0) || card_write(PCI "0/power/control", "auto")) {
		printf("Bail out! no card\n");
		return EXIT_FAILURE;
	}
	return TAP_RUN(tests);
}
