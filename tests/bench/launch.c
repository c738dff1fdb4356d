// SPDX-License-Identifier: MIT
/*
 * What a launch costs, in guest instructions.
 *
 *	launch		test: no path has grown since docs/performance.md was written
 *	launch --rows	rows for tests/bench/launch.py, with and without a crowd
 *
 * Counts are exact: one CPU under -icount, cards with sync=on. A path is run
 * ROUNDS times, and the median is what it costs; the few rounds in which a timer
 * tick falls do not matter.
 *
 * Invariant: between the two readings of the counter there is nothing but the path.
 */
/* vm: card=latency=0,sync=on,test=on,queues=300 append=iomem=relaxed append=noautogroup */
/* vm: timeout=60 alone */
/* vm: qemu=-icount qemu=shift=0,sleep=off qemu=-smp qemu=1 */
/* vm: qemu=-device qemu=pcie-root-port,id=port1,chassis=2,slot=2 qemu=-device */
/* vm: qemu=seedchip,id=card1,bus=port1,latency=2000,queues=300,strict=on,sync=on,test=on */
/* vm: qemu=-blockdev qemu=null-co,node-name=null0,size=1073741824,latency-ns=50000 */
/* vm: qemu=-blockdev qemu=null-co,node-name=null1,size=1073741824 */
/* vm: qemu=-blockdev qemu=null-co,node-name=null2,size=1073741824,read-zeroes=on */
/* vm: qemu=-device qemu=nvme,serial=1,drive=null0 qemu=-device qemu=nvme,serial=2,drive=null1 */
/* vm: qemu=-device qemu=virtio-blk-pci,drive=null2 */
#include <errno.h>
#include <linux/perf_event.h>
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "launch.h"

#define PAGE	   "/usr/share/doc/seedchip/performance.md"
#define WARM_UP	   64
#define ROUNDS	   301
#define EVENTS	   64	/* rounds in which events are counted */
#define GROWTH	   1.03
#define NUM_EVENTS 3

/* What the kernel counts for this task. */
static const char *const event_names[NUM_EVENTS] = {
	"raw_syscalls/sys_enter", "kmem/kmalloc", "kmem/kmem_cache_alloc",
};

/** struct cost - what an operation of a path costs; @bare is left out of @instructions */
struct cost {
	double instructions, bare;
	double doorbells, interrupts, syscalls, allocations;
};

static int event_fds[NUM_EVENTS];

static int open_event(const char *name, int group)
{
	struct perf_event_attr attr = {
		.type = PERF_TYPE_TRACEPOINT, .size = sizeof(attr),
		.read_format = PERF_FORMAT_GROUP,
	};
	char path[128];
	unsigned long long id;
	FILE *f;
	int n;

	snprintf(path, sizeof(path), "/sys/kernel/tracing/events/%s/id", name);
	f = fopen(path, "re");
	if (!f)
		return -1;
	n = fscanf(f, "%llu", &id);
	fclose(f);
	attr.config = id;
	attr.disabled = group < 0;
	return n == 1 ? (int)syscall(SYS_perf_event_open, &attr, 0, -1, group, 0) : -1;
}

/* Only while events are counted: an open one makes every system call longer. */
static int open_events(void)
{
	unsigned int i;

	for (i = 0; i < NUM_EVENTS; i++) {
		event_fds[i] = open_event(event_names[i], i ? event_fds[0] : -1);
		if (event_fds[i] < 0)
			return -errno;
	}
	return 0;
}

static void close_events(void)
{
	unsigned int i;

	for (i = 0; i < NUM_EVENTS; i++)
		close(event_fds[i]);
}

static void read_events(uint64_t events[NUM_EVENTS])
{
	uint64_t group[1 + NUM_EVENTS] = { 0 };

	if (read(event_fds[0], group, sizeof(group)) == sizeof(group))
		memcpy(events, group + 1, sizeof(group) - sizeof(*group));
}

/* Of the cards and the peers: lines of /proc/interrupts that bear these names. */
static uint64_t read_interrupts(void)
{
	uint64_t sum = 0;
	char line[512];
	FILE *f = fopen("/proc/interrupts", "re");

	while (f && fgets(line, sizeof(line), f))
		if (strstr(line, "seedchip-") || strstr(line, "nvme") || strstr(line, "-req."))
			sum += strtoull(strchr(line, ':') + 1, NULL, 10);
	if (f)
		fclose(f);
	return sum;
}

static int run_round(const struct launch_path *path, uint64_t *count)
{
	const volatile uint64_t *icount = launch_cards[0].icount;
	uint64_t before, after;
	int ret;

	if (path->prepare)
		path->prepare();
	before = *icount;
	ret = path->run();
	after = *icount;
	if (path->settle)
		path->settle();
	*count = after - before;
	return ret;
}

static int by_size(const void *a, const void *b)
{
	uint64_t l = *(const uint64_t *)a, r = *(const uint64_t *)b;

	return (l > r) - (l < r);
}

static int nothing(void)
{
	return 0;
}

static const struct launch_path empty = { .run = nothing, .per = 1 };

/* The median over ROUNDS; an empty or bare path tells what is not to be counted. */
static int count_instructions(const struct launch_path *path, double *median)
{
	static uint64_t counts[ROUNDS];
	unsigned int i;
	int ret = 0;

	for (i = 0; i < WARM_UP && !ret; i++)
		ret = run_round(path, &counts[0]);
	for (i = 0; i < ROUNDS && !ret; i++)
		ret = run_round(path, &counts[i]);
	qsort(counts, ROUNDS, sizeof(*counts), by_size);
	*median = (double)counts[ROUNDS / 2];
	return ret;
}

/* Sums over EVENTS rounds, those of reading them included. */
static int sum_events(const struct launch_path *path, uint64_t sums[NUM_EVENTS])
{
	uint64_t before[NUM_EVENTS], after[NUM_EVENTS];
	unsigned int i, j;
	int ret = 0;

	ioctl(event_fds[0], PERF_EVENT_IOC_ENABLE, 0);
	for (i = 0; i < EVENTS && !ret; i++) {
		if (path->prepare)
			path->prepare();
		read_events(before);
		ret = path->run();
		read_events(after);
		if (path->settle)
			path->settle();
		for (j = 0; j < NUM_EVENTS; j++)
			sums[j] += after[j] - before[j];
	}
	ioctl(event_fds[0], PERF_EVENT_IOC_DISABLE, 0);
	return ret;
}

/* Events per operation; an empty path tells which ones the reading makes. */
static int count_events(const struct launch_path *path, struct cost *cost)
{
	uint64_t sums[NUM_EVENTS] = { 0 }, none[NUM_EVENTS] = { 0 };
	uint64_t bells = path->doorbells ? path->doorbells() : 0, irqs = read_interrupts();
	double per = (double)EVENTS * path->per;
	int ret = open_events() ?: sum_events(path, sums);

	cost->interrupts = (double)(read_interrupts() - irqs) / per;
	cost->doorbells = path->doorbells ? (double)(path->doorbells() - bells) / per : 0;
	ret = ret ?: sum_events(&empty, none);
	close_events();
	cost->syscalls = (double)(sums[0] - none[0]) / per;
	cost->allocations = (double)(sums[1] + sums[2] - none[1] - none[2]) / per;
	return ret;
}

static int measure(const struct launch_path *path, bool events, struct cost *cost)
{
	double overhead = 0;
	int ret = path->open ? path->open() : 0;

	*cost = (struct cost){ 0 };
	if (path->bare)
		path->bare(true);
	if (!ret)
		ret = count_instructions(path->bare ? path : &empty, &overhead);
	if (path->bare)
		path->bare(false);
	if (!ret)
		ret = count_instructions(path, &cost->instructions);
	if (!ret && events)
		ret = count_events(path, cost);
	if (path->close)
		path->close();
	cost->instructions = (cost->instructions - overhead) / path->per;
	cost->bare = path->bare ? overhead / path->per : 0;
	if (ret)
		fprintf(stderr, "launch: %s: %s\n", path->name, strerror(-ret));
	return ret;
}

static void print_number(const char *key, double number)
{
	if (number > 0)
		printf(", \"%s\": %.6g", key, number);
	else
		printf(", \"%s\": null", key);
}

static void print_row(const char *name, const char *unit, double value, double peer, double must,
		      double aim, const struct cost *cost)
{
	printf("{\"name\": \"%s\", \"value\": %.6g, \"unit\": \"%s\"", name, value, unit);
	print_number("peer", peer);
	print_number("ratio", peer > 0 ? value / peer : 0);
	print_number("must", must);
	print_number("aim", aim);
	if (cost)
		printf(", \"doorbells\": %.3g, \"interrupts\": %.3g, \"syscalls\": %.3g, "
		       "\"allocations\": %.3g",
		       cost->doorbells, cost->interrupts, cost->syscalls, cost->allocations);
	printf("}\n");
	fflush(stdout);
}

static int measure_paths(double *values)
{
	struct cost cost;
	unsigned int i;
	int ret = 0;

	for (i = 0; i < launch_num_paths && !ret; i++) {
		const struct launch_path *path = &launch_paths[i];

		ret = measure(path, true, &cost);
		values[i] = cost.instructions;
		if (path->bare)
			printf("# %s: %.6g instructions of the program itself are left out\n",
			       path->name, cost.bare);
		if (!ret)
			print_row(path->name, "insn", cost.instructions, path->floor, path->must,
				  path->aim, &cost);
	}
	return ret;
}

/* The same machine with much in it: what has grown most. */
static int measure_crowd(const double *values)
{
	double worst = 0, ratio;
	const char *name = "";
	struct cost cost;
	unsigned int i;
	int ret = launch_crowd();

	for (i = 0; i < launch_num_paths && !ret; i++) {
		ret = measure(&launch_paths[i], false, &cost);
		ratio = cost.instructions / values[i];
		printf("# crowd: %s: %.6g, %.3f times\n", launch_paths[i].name, cost.instructions,
		       ratio);
		if (ratio > worst) {
			worst = ratio;
			name = launch_paths[i].name;
		}
	}
	if (ret) {
		fprintf(stderr, "launch: crowd: %s\n", strerror(-ret));
	} else {
		printf("# crowd: worst is: %s\n", name);
		print_row("the worst of these with 256 queues and 100,000 mapped buffers", "x",
			  worst, 1, 1.3, 1.1, NULL);
	}
	return ret;
}

/* Peers have no bounds. Prints, below them, what is compared with them. */
static int measure_peers(const double *values)
{
	static const struct launch_path *const peers[] = {
		&launch_nvme, &launch_nvme_fast, &launch_virtio,
	};
	struct cost cost;
	unsigned int i, j;
	char name[128];
	int ret = 0;

	for (i = 0; i < 3 && !ret; i++) {
		ret = measure(peers[i], true, &cost);
		if (ret)
			break;
		print_row(peers[i]->name, "insn", cost.instructions, 0, 0, 0, &cost);
		for (j = 0; j < launch_num_paths; j++) {
			if (launch_paths[j].against != peers[i])
				continue;
			snprintf(name, sizeof(name), "%s / %s", launch_paths[j].name,
				 peers[i]->name);
			print_row(name, "x", values[j] / cost.instructions, 1, 0.75, 0, NULL);
		}
	}
	return ret;
}

static int print_rows(void)
{
	double *values = calloc(launch_num_paths, sizeof(*values));
	int ret = values ? 0 : -ENOMEM;

	if (!ret)
		ret = measure_paths(values);
	if (!ret)
		ret = measure_peers(values);
	if (!ret)
		ret = measure_crowd(values);
	free(values);
	return ret ? EXIT_FAILURE : EXIT_SUCCESS;
}

/* The value of a row of the page; NAN if there is none. */
static double recorded(const char *page, const char *name)
{
	char row[160];
	const char *found;

	snprintf(row, sizeof(row), "\n| %s |", name);
	found = strstr(page, row);
	return found ? strtod(found + strlen(row), NULL) : (double)NAN;
}

static char *read_page(void)
{
	static char text[1 << 17];
	FILE *f = fopen(PAGE, "re");
	size_t n = f ? fread(text, 1, sizeof(text) - 1, f) : 0;

	if (f)
		fclose(f);
	return n ? text : NULL;
}

/* Counts belong to the kernel that they were measured with. */
static bool same_kernel(const char *page)
{
	struct utsname name;
	char line[160];

	uname(&name);
	snprintf(line, sizeof(line), "Linux %s", name.release);
	return strstr(page, line);
}

static int test_paths(void)
{
	const char *page = read_page();
	unsigned int i, failed = 0;
	struct cost cost;

	if (!page || !same_kernel(page)) {
		printf("1..0 # SKIP %s\n", page ? "recorded with another kernel" : "no " PAGE);
		return page ? EXIT_SUCCESS : EXIT_FAILURE;
	}
	printf("1..%u\n", launch_num_paths);
	for (i = 0; i < launch_num_paths; i++) {
		const struct launch_path *path = &launch_paths[i];
		double was = recorded(page, path->name);
		int ret = measure(path, false, &cost);
		bool ok = !ret && cost.instructions <= was * GROWTH;

		failed += !ok;
		printf("# %.6g instructions, recorded: %.6g\n", cost.instructions, was);
		printf("%s %u - %s\n", ok ? "ok" : "not ok", i + 1, path->name);
	}
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}

int main(int argc, char **argv)
{
	bool rows = argc == 2 && !strcmp(argv[1], "--rows");
	int ret;

	if (argc > 1 && !rows) {
		fprintf(stderr, "usage: launch [--rows]\n");
		return EXIT_FAILURE;
	}
	ret = launch_open_cards();
	if (ret) {
		printf("Bail out! cards: %s\n", strerror(-ret));
		return EXIT_FAILURE;
	}
	return rows ? print_rows() : test_paths();
}
