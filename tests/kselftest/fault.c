// SPDX-License-Identifier: MIT
/* vm: card=strict=on timeout=180 */
/*
 * Compute kernels that go wrong. The culprit gets a precise fault record, its
 * queue can be used again, and a second process that computes at the same time
 * finishes with the right result.
 */
#include <errno.h>
#include <stdbool.h>
#include <string.h>

#include <seedchip.h>

#include "seedchip_kernel_abi.h"
#include "seedchip_hw.h"
#include "neighbour.h"
#include "tap.h"

#define MODULE "/usr/lib/seedchip/kernels.elf"

struct word_args {
	uint64_t out;
	uint64_t a;
	uint64_t b;
};

static struct seedchip_device *dev;
static struct seedchip_device_info info = { .size = sizeof(info) };
static struct seedchip_module *module;
static struct seedchip_queue *queue;
static struct seedchip_buffer *out;
static uint64_t *words;

static void must(int ret, const char *what)
{
	if (ret) {
		printf("Bail out! %s: %s (%s)\n", what, strerror(-ret), seedchip_error());
		exit(EXIT_FAILURE);
	}
}

static void setup(void)
{
	struct seedchip_queue_desc desc = { .size = sizeof(desc), .timeout_ms = 2000 };

	must(seedchip_device_open(0, &dev), "open");
	must(seedchip_device_info(dev, &info), "info");
	must(seedchip_module_load_file(dev, MODULE, &module), "load");
	must(seedchip_queue_create(dev, &desc, &queue), "queue");
	must(seedchip_buffer_create(dev, 4096, SEEDCHIP_SYSTEM, &out), "buffer");
	must(seedchip_buffer_map(out, (void **)&words), "map");
	seedchip_buffer_set_name(out, "words");
}

static struct seedchip_event launch(const char *name, uint64_t a, uint64_t b)
{
	struct word_args args = { seedchip_buffer_address(out), a, b };
	struct seedchip_dim dim = { .x = 1, .y = 1, .z = 1, .tag = 0x7a6 };
	struct seedchip_kernel *kernel;

	CHECK_EQ(seedchip_module_kernel(module, name, &kernel), 0);
	CHECK_EQ(seedchip_launch(queue, kernel, &dim, &args, sizeof(args)), 0);
	return seedchip_queue_mark(queue);
}

static void works(void)
{
	CHECK_EQ(seedchip_event_wait(launch("divide", 100, 7), 10000000000), 0);
	CHECK_EQ(words[0], 14);
	CHECK_EQ(words[1], 2);
}

/* Runs a kernel that must fail in the named way; leaves the queue usable. */
static struct seedchip_fault expect(const char *name, uint64_t a, uint64_t b,
				    enum sc_status status, enum sc_code code)
{
	struct seedchip_fault fault = { .size = sizeof(fault) };
	struct seedchip_event event = launch(name, a, b);
	int waited = seedchip_event_wait(event, 60000000000);
	int known = seedchip_event_fault(event, &fault);
	char queue_name[32];

	CHECK_EQ(seedchip_queue_recover(queue), 0);
	CHECK_EQ(waited, -EIO);
	CHECK_EQ(known, 0);
	printf("# %s\n", fault.text);
	if (fault.status != status || fault.code != code)
		tap_fail("%s: %s %s, not %s %s", name, seedchip_status_name(fault.status),
			 seedchip_code_name(fault.code), seedchip_status_name(status),
			 seedchip_code_name(code));
	CHECK_EQ(fault.tag, 0x7a6);
	CHECK(fault.core >= 0 && fault.core < (int)info.num_cores);
	CHECK(fault.pc);
	snprintf(queue_name, sizeof(queue_name), "; queue %u, packet ", fault.queue);
	CHECK(strstr(fault.text, queue_name));
	works();
	return fault;
}

static void division(void)
{
	CHECK_EQ(seedchip_event_wait(launch("divide", 42, 0), 10000000000), 0);
	CHECK_EQ(words[0], ~0ULL);
	CHECK_EQ(words[1], 42);
	CHECK_EQ(words[2], ~0ULL);
}

static uint64_t address_of(const char *name)
{
	struct seedchip_kernel_info info = { .size = sizeof(info) };
	struct seedchip_kernel *kernel;

	CHECK_EQ(seedchip_module_kernel(module, name, &kernel), 0);
	CHECK_EQ(seedchip_kernel_info(kernel, &info), 0);
	return info.address;
}

static void unmapped_load(void)
{
	struct seedchip_fault fault = expect("load", 0x123456789000, 0, SC_STATUS_FAULT,
					     SC_CODE_UNMAPPED);

	CHECK_EQ(fault.address, 0x123456789000);
	/* The second instruction: the first fetches the address from the arguments. */
	CHECK_EQ(fault.pc, address_of("load") + 4);
	CHECK_EQ(fault.access, SC_ACCESS_READ);
	CHECK_EQ(fault.engine, SC_ENGINE_HART);
	CHECK(!strcmp(fault.function, "load"));
	CHECK(strstr(fault.module, "kernels"));
}

static void behind_the_buffer(void)
{
	uint64_t end = seedchip_buffer_address(out) + seedchip_buffer_size(out);
	struct seedchip_fault fault = expect("store", end, 1, SC_STATUS_FAULT, SC_CODE_UNMAPPED);

	CHECK_EQ(fault.address, end);
	CHECK_EQ(fault.access, SC_ACCESS_WRITE);
	CHECK(!strcmp(fault.buffer, "words"));
	CHECK_EQ(fault.buffer_offset, seedchip_buffer_size(out));
}

static void null_pointer(void)
{
	CHECK_EQ(expect("load", 0, 0, SC_STATUS_FAULT, SC_CODE_UNMAPPED).address, 0);
}

static void write_to_code(void)
{
	expect("store", address_of("load"), 0, SC_STATUS_FAULT, SC_CODE_NO_WRITE);
}

static void run_data(void)
{
	expect("jump", seedchip_buffer_address(out), 0, SC_STATUS_FAULT, SC_CODE_NO_EXECUTE);
}

static void driver_memory(void)
{
	struct seedchip_event event = launch("load", SC_VA_KERNEL_START, 0);
	struct seedchip_fault fault = { .size = sizeof(fault) };

	CHECK_EQ(seedchip_event_wait(event, 10000000000), -EIO);
	CHECK_EQ(seedchip_event_fault(event, &fault), 0);
	CHECK_EQ(fault.status, SC_STATUS_FAULT);
	CHECK(fault.code == SC_CODE_ENGINE_ONLY || fault.code == SC_CODE_UNMAPPED);
	CHECK_EQ(seedchip_queue_recover(queue), 0);
}

static void scratchpads(void)
{
	expect("load", SC_VA_TCM + (1ULL << 23), 0, SC_STATUS_FAULT, SC_CODE_TCM_RANGE);
	expect("load", SC_VA_TCM_RANK(1), 0, SC_STATUS_FAULT, SC_CODE_TCM_REMOTE);
}

static void illegal(void)
{
	struct seedchip_fault fault = expect("illegal", 0, 0, SC_STATUS_TRAP, SC_CODE_ILLEGAL_INSN);

	CHECK_EQ(fault.value, 0xffffffff);
	CHECK_EQ(fault.pc, address_of("illegal"));
	CHECK(!strcmp(fault.function, "illegal"));
	CHECK(fault.has_registers);
}

static void misaligned_jump(void)
{
	expect("jump", 0x10002, 0, SC_STATUS_TRAP, SC_CODE_MISALIGNED_PC);
}

static void recursion(void)
{
	struct seedchip_fault fault = expect("recurse", 0, 0, SC_STATUS_FAULT, SC_CODE_STACK_GUARD);

	CHECK(!strcmp(fault.function, "descend"));
}

static void limited(void)
{
	struct seedchip_queue_desc desc = { .size = sizeof(desc), .wg_limit = 1000000 };
	struct seedchip_queue *other = queue;
	struct seedchip_fault fault;

	CHECK_EQ(seedchip_queue_create(dev, &desc, &queue), 0);
	fault = expect("endless", 0, 0, SC_STATUS_TIMEOUT, SC_CODE_WORKGROUP_LIMIT);
	seedchip_queue_destroy(queue);
	queue = other;
	CHECK(!strcmp(fault.function, "endless"));
	CHECK(fault.insns >= 1000000 && fault.insns < 1100000);
}

static void watchdog(void)
{
	struct seedchip_fault fault = expect("endless", 0, 0, SC_STATUS_TIMEOUT,
					     SC_CODE_JOB_TIMEOUT);

	CHECK(!strcmp(fault.function, "endless"));
}

/* Workgroups at a barrier that one of them never reaches: the card knows at once. */
static void barrier(void)
{
	struct word_args args = { seedchip_buffer_address(out), 0, 0 };
	struct seedchip_dim dim = { .x = 2, .y = 1, .z = 1, .flags = SEEDCHIP_COOPERATIVE };
	struct seedchip_fault fault = { .size = sizeof(fault) };
	struct seedchip_kernel *kernel;
	struct seedchip_event event;

	CHECK_EQ(seedchip_module_kernel(module, "never_meets", &kernel), 0);
	CHECK_EQ(seedchip_launch(queue, kernel, &dim, &args, sizeof(args)), 0);
	event = seedchip_queue_mark(queue);
	CHECK_EQ(seedchip_event_wait(event, 60000000000), -EIO);
	CHECK_EQ(seedchip_event_fault(event, &fault), 0);
	printf("# %s\n", fault.text);
	CHECK_EQ(seedchip_queue_recover(queue), 0);
	CHECK_EQ(fault.status, SC_STATUS_TRAP);
	CHECK_EQ(fault.code, SC_CODE_AWAIT_DEADLOCK);
	CHECK(!strcmp(fault.function, "never_meets"));
	works();
}

static void assertion(void)
{
	expect("fails_assert", 1, 2, SC_STATUS_TRAP, SC_CODE_BREAKPOINT);
}

static void engines(void)
{
	expect("stuck", 0, 0, SC_STATUS_TRAP, SC_CODE_AWAIT_DEADLOCK);
	expect("races", 0, 0, SC_STATUS_TRAP, SC_CODE_TCM_RACE);
	CHECK_EQ(expect("dma_from", 0x5000000000, 0, SC_STATUS_FAULT, SC_CODE_UNMAPPED).address,
		 0x5000000000);
	expect("bad_tile", 0, 0, SC_STATUS_TRAP, SC_CODE_BAD_TILE);
}

static char logged[4096];

static void keep_log(void *opaque, enum seedchip_log_level level, const char *text)
{
	(void)opaque;
	if (level == SEEDCHIP_LOG_KERNEL)
		strncat(logged, text, sizeof(logged) - strlen(logged) - 1);
}

static void printing(void)
{
	struct seedchip_event event;

	seedchip_log_set(keep_log, NULL);
	event = launch("prints", 12345678901234, 0xabc);
	CHECK_EQ(seedchip_event_wait(event, 10000000000), 0);
	seedchip_log_set(NULL, NULL);
	CHECK(strstr(logged, "workgroup 0: 12345678901234 and 0xabc\n"));
}

int main(void)
{
	static const struct tap_test tests[] = {
		{ "division by zero does not trap", division },
		{ "load from an unmapped address", unmapped_load },
		{ "store behind a buffer names the buffer", behind_the_buffer },
		{ "null pointer", null_pointer },
		{ "store to code", write_to_code },
		{ "jump to data", run_data },
		{ "load from the driver's memory", driver_memory },
		{ "scratchpad: beyond the end, of another core", scratchpads },
		{ "illegal instruction", illegal },
		{ "jump to a misaligned address", misaligned_jump },
		{ "recursion off the stack", recursion },
		{ "a kernel that never ends meets its instruction limit", limited },
		{ "a kernel that never ends meets the driver's watchdog", watchdog },
		{ "workgroups that wait for one that never comes", barrier },
		{ "a failed assertion", assertion },
		{ "engines: deadlock, race, unmapped DMA, bad tile", engines },
		{ "what a kernel prints arrives", printing },
		{ "the neighbour's results are right", neighbour_is_right },
	};

	neighbour_start();
	setup();
	return TAP_RUN(tests);
}
