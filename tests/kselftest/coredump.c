// SPDX-License-Identifier: MIT
/* vm-dmesg: device reset: */
/* Device core dumps, read and decoded by seedchip-coredump. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <seedchip.h>

#include "card.h"
#include "tap.h"

#define ELF "/usr/lib/seedchip/kernels.elf"
#define DIR_NAME "/sys/class/devcoredump"

struct word_args {
	uint64_t out;
	uint64_t a;
	uint64_t b;
};

static struct seedchip_device *dev;
static struct seedchip_module *module;
static struct seedchip_queue *queue;
static char text[1 << 17];
static char address[64];

/* The number of dumps of the card; @path: of the last one's data. */
static unsigned int dumps(char *path, size_t size)
{
	DIR *dir = opendir(DIR_NAME);
	unsigned int count = 0;
	struct dirent *entry;

	while (dir && (entry = readdir(dir))) {
		if (strncmp(entry->d_name, "devcd", 5))
			continue;
		snprintf(path, size, DIR_NAME "/%s/data", entry->d_name);
		count++;
	}
	if (dir)
		closedir(dir);
	return count;
}

static void forget(void)
{
	char path[320];

	/* It goes a moment after the write. */
	while (dumps(path, sizeof(path))) {
		card_write(path, "1");
		usleep(1000);
	}
}

/* A work makes the dump, after the fences have signalled. */
static void save(const char *to)
{
	char path[320], command[512];
	unsigned int i;

	for (i = 0; i < 10000 && !dumps(path, sizeof(path)); i++)
		usleep(1000);
	CHECK_EQ(dumps(path, sizeof(path)), 1);
	snprintf(command, sizeof(command), "cat %s >%s", path, to);
	CHECK_EQ(system(command), 0);
}

/* What a command prints, on both outputs; its exit status. */
static int run(const char *command)
{
	FILE *f = popen(command, "r");
	size_t len;
	int status;

	CHECK(f);
	len = fread(text, 1, sizeof(text) - 1, f);
	text[len] = '\0';
	status = pclose(f);
	CHECK(WIFEXITED(status));
	return WEXITSTATUS(status);
}

static void says(const char *want)
{
	if (!strstr(text, want))
		tap_fail("\"%s\" is not in:\n%s", want, text);
}

static void launch(const char *name, uint64_t a)
{
	struct seedchip_dim dim = { .x = 1, .y = 1, .z = 1, .tag = 0x7a6 };
	struct word_args args = { .a = a };
	struct seedchip_kernel *kernel;

	CHECK_EQ(seedchip_module_kernel(module, name, &kernel), 0);
	CHECK_EQ(seedchip_launch(queue, kernel, &dim, &args, sizeof(args)), 0);
	CHECK_EQ(seedchip_event_wait(seedchip_queue_mark(queue), 60000000000), -EIO);
	CHECK_EQ(seedchip_queue_recover(queue), 0);
}

static void faulting_kernel(void)
{
	char line[128];

	forget();
	launch("load", 0x123456789000);
	save("/tmp/dump");
	CHECK_EQ(run("seedchip-coredump /tmp/dump " ELF " 2>&1"), 0);
	snprintf(line, sizeof(line), "card %s, serial ", address);
	says(line);
	snprintf(line, sizeof(line), "process %d: coredump\n", getpid());
	says(line);
	says("\nFAULT/UNMAPPED: no translation for this address; engine HART, packet ");
	says("  va           0x123456789000\n");
	says("  tag          0x7a6\n");
	says("\nTranslation of the address 0x123456789000\n  level 3, entry at card 0x");
	says(": 0x0000000000000000 not valid\n");
	says("\nTranslation of pc 0x");
	says(" VALID READ EXECUTE");
	says(" in " ELF ", load+0x4\n");
	says("  a0   0x");
	says("0x0000123456789000");
	says("\n  v0 ");
	says(" DISPATCH CODE_CHANGED tag=0x7a6 entry=0x");
	says(" grid_x=0x1 grid_y=0x1 grid_z=0x1 args_size=0x18 ");
	says("MAGIC              0x20314353\n");
	says("STATUS             0x");
	says(" FAULTED\n");
	says("Queue state page\n  retired      0x");
	/* The marked packet is the one that failed. */
	CHECK(strstr(strstr(text, "\n> "), "DISPATCH"));
	CHECK(!strstr(text, "sections had no room"));
}

/* The first dump stays until somebody has read it. */
static void one_at_a_time(void)
{
	char path[320];

	forget();
	launch("illegal", 0);
	save("/tmp/dump");
	launch("load", 0x123456789000);
	CHECK_EQ(dumps(path, sizeof(path)), 1);
	save("/tmp/second");
	CHECK_EQ(system("cmp -s /tmp/dump /tmp/second"), 0);
	forget();
	CHECK_EQ(dumps(path, sizeof(path)), 0);
	launch("fails_assert", 1);
	save("/tmp/dump");
	CHECK_EQ(run("seedchip-coredump /tmp/dump 2>&1"), 0);
	says("\nTRAP/BREAKPOINT: ");
}

static void hang(void)
{
	forget();
	launch("endless", 0);
	save("/tmp/dump");
	CHECK_EQ(run("seedchip-coredump /tmp/dump " ELF " 2>&1"), 0);
	says("\nTIMEOUT/JOB_TIMEOUT: no progress, or longer at work than a fence may take");
	says(" in " ELF ", endless+0x");
	says(" RUNNING\n");
}

static void device_reset(void)
{
	char path[128];

	forget();
	snprintf(path, sizeof(path), "/sys/kernel/debug/accel/%s/reset", address);
	CHECK_EQ(card_write(path, "1"), 0);
	CHECK_EQ(seedchip_queue_recover(queue), 0);
	save("/tmp/dump");
	CHECK_EQ(run("seedchip-coredump /tmp/dump 2>&1"), 0);
	says("queue 0, the driver's own\n");
	says("\nBYSTANDER/DEVICE_RESET: ");
	/* The others are there as well. */
	says("\nRegisters of queue 1\n");
}

/* Files that are none, or break off: said, never a crash. */
static void bad_files(void)
{
	char command[256];
	unsigned int at;

	CHECK_EQ(run("seedchip-coredump /tmp/missing 2>&1"), 1);
	says("/tmp/missing: No such file");
	CHECK_EQ(run("seedchip-coredump /proc/self/maps 2>&1"), 1);
	says("not a core dump");
	for (at = 0; at < 1200; at += 123) {
		snprintf(command, sizeof(command),
			 "head -c %u /tmp/dump >/tmp/short; seedchip-coredump /tmp/short 2>&1", at);
		CHECK_EQ(run(command), 1);
		CHECK(strstr(text, "not a core dump") || strstr(text, "cannot be read"));
	}
	/* Sizes of sections, each made huge. */
	for (at = 104; at < 1300; at += 48) {
		snprintf(command, sizeof(command),
			 "cp /tmp/dump /tmp/short; printf '\\377\\377\\377\\377' | "
			 "dd of=/tmp/short bs=1 seek=%u conv=notrunc 2>/dev/null; "
			 "seedchip-coredump /tmp/short >/dev/null 2>&1; test $? -le 1", at);
		CHECK_EQ(run(command), 0);
	}
	CHECK_EQ(run("seedchip-coredump 2>&1"), 2);
	says("usage: seedchip-coredump DUMP");
}

int main(void)
{
	static const struct tap_test tests[] = {
		{ "a faulting kernel: where, registers, packets, translation", faulting_kernel },
		{ "one dump at a time, the first one", one_at_a_time },
		{ "a kernel that never ends", hang },
		{ "a reset of the card", device_reset },
		{ "files that are no dumps", bad_files },
	};
	struct seedchip_queue_desc desc = { .size = sizeof(desc), .timeout_ms = 100 };

	snprintf(address, sizeof(address), "%s", card_address());
	if (seedchip_device_open(0, &dev) || seedchip_module_load_file(dev, ELF, &module) ||
	    seedchip_queue_create(dev, &desc, &queue)) {
		printf("Bail out! %s\n", seedchip_error());
		return EXIT_FAILURE;
	}
	return TAP_RUN(tests);
}
