// SPDX-License-Identifier: MIT
/*
 * What the runtime says when a kernel goes wrong: the record of every kind of
 * failure, which events fail and which do not, and that the queue works again
 * after it was recovered while others never noticed.
 */
#include "common.h"

#include <poll.h>
#include <stdio.h>

enum { READ, WRITE, ILLEGAL, RECURSE, FOREVER, ASSERT, DIVIDE, DMA, JUMP };

struct crash_args {
	uint64_t address;
	uint32_t kind;
};

static struct seedchip_event crash(struct card *c, struct seedchip_queue *q, uint32_t kind,
				   uint64_t address)
{
	struct crash_args args = { .address = address, .kind = kind };
	struct seedchip_dim dim = { .x = 1, .y = 1, .z = 1, .tag = 1234 };

	OK(seedchip_launch(q, kernel(c, "crash"), &dim, &args, sizeof(args)));
	return seedchip_queue_mark(q);
}

#define CHECK_STR(got, want)                                                             \
	do {                                                                             \
		if (strcmp(got, want))                                                   \
			tap_fail("%s:%d: %s is \"%s\", not \"%s\"", __FILE__, __LINE__,  \
				 #got, got, want);                                       \
	} while (0)

/* The record of a crash that must happen. */
static struct seedchip_fault fault_of(struct card *c, uint32_t kind, uint64_t address)
{
	struct seedchip_fault fault = { .size = sizeof(fault) };
	struct seedchip_event e = crash(c, c->queue, kind, address);

	CHECK_EQ(seedchip_event_wait(e, LIMIT), -EIO);
	OK(seedchip_event_fault(e, &fault));
	printf("# %s\n", fault.text);
	CHECK_STR(seedchip_error(), fault.text);
	OK(seedchip_queue_recover(c->queue));
	return fault;
}

#define HAS(text, part)                                                                  \
	do {                                                                             \
		if (!strstr(text, part))                                                 \
			tap_fail("%s:%d: \"%s\" lacks \"%s\"", __FILE__, __LINE__, text, \
				 part);                                                  \
	} while (0)

static void check_code(const struct seedchip_fault *f, const char *status, const char *code)
{
	CHECK_STR(seedchip_status_name(f->status), status);
	CHECK_STR(seedchip_code_name(f->code), code);
	HAS(f->text, status);
	HAS(f->text, code);
}

static void test_unmapped(void)
{
	struct card c = open_card(0);
	struct seedchip_fault f = fault_of(&c, READ, 0x123456789000);

	check_code(&f, "FAULT", "UNMAPPED");
	CHECK_EQ(f.address, 0x123456789000);
	CHECK_EQ(f.access, 1);
	CHECK_EQ(f.access_size, 4);
	CHECK_EQ(f.tag, 1234);
	CHECK_EQ(f.imprecise, 0);
	CHECK(f.core >= 0);
	CHECK_EQ(f.engine, SC_ENGINE_HART);
	CHECK_EQ(f.wg[0] + f.wg[1] + f.wg[2], 0);
	CHECK_STR(f.function, "crash");
	CHECK(f.function_offset > 0 && f.function_offset < 1000);
	CHECK_STR(f.module, "runtime_kernels.elf");
	CHECK_STR(f.buffer, "");
	CHECK(f.has_registers);
	close_card(&c);
}

static void test_null(void)
{
	struct card c = open_card(0);
	struct seedchip_fault f = fault_of(&c, READ, 0);

	check_code(&f, "FAULT", "UNMAPPED");
	CHECK_EQ(f.address, 0);
	close_card(&c);
}

static void test_past_the_end(void)
{
	struct card c = open_card(0);
	struct seedchip_buffer *b = buffer(&c, 8192, SEEDCHIP_CARD, NULL);
	struct seedchip_fault f;

	seedchip_buffer_set_name(b, "weights");
	f = fault_of(&c, WRITE, seedchip_buffer_address(b) + 8192 + 8);
	check_code(&f, "FAULT", "UNMAPPED");
	CHECK_STR(f.buffer, "weights");
	CHECK_EQ(f.buffer_offset, 8200);
	CHECK_EQ(f.buffer_size, 8192);
	HAS(f.text, "write of 8 bytes");
	HAS(f.text, "(0x8 past the end of \"weights\")");
	seedchip_buffer_destroy(b);
	close_card(&c);
}

static void test_permissions(void)
{
	struct card c = open_card(0);
	struct seedchip_buffer *b = buffer(&c, 4096, SEEDCHIP_SYSTEM | SEEDCHIP_READ_ONLY, NULL);
	struct seedchip_buffer *data = buffer(&c, 4096, SEEDCHIP_CARD, NULL);
	struct seedchip_kernel_info info = { .size = sizeof(info) };
	struct seedchip_fault f;

	f = fault_of(&c, WRITE, seedchip_buffer_address(b) + 16);
	check_code(&f, "FAULT", "NO_WRITE");
	CHECK_STR(f.buffer, "buffer");
	CHECK_EQ(f.buffer_offset, 16);
	OK(seedchip_kernel_info(kernel(&c, "crash"), &info));
	f = fault_of(&c, WRITE, info.address & ~7ull);
	check_code(&f, "FAULT", "NO_WRITE");
	CHECK_STR(f.buffer, "runtime_kernels.elf");
	f = fault_of(&c, JUMP, seedchip_buffer_address(data));
	check_code(&f, "FAULT", "NO_EXECUTE");
	CHECK_EQ(f.access, 4);
	seedchip_buffer_destroy(b);
	seedchip_buffer_destroy(data);
	close_card(&c);
}

static void test_traps(void)
{
	struct card c = open_card(0);
	struct seedchip_fault f = fault_of(&c, ILLEGAL, 0x5eed);

	check_code(&f, "TRAP", "ILLEGAL_INSN");
	CHECK_STR(f.function, "crash");
	CHECK_EQ(f.access, 0);
	CHECK(f.has_registers);
	f = fault_of(&c, RECURSE, 0);
	check_code(&f, "FAULT", "STACK_GUARD");
	CHECK_STR(f.function, "recurse");
	close_card(&c);
}

static void test_division_by_zero(void)
{
	struct card c = open_card(0);
	int64_t *v;
	struct seedchip_buffer *b = buffer(&c, 4096, SEEDCHIP_SYSTEM, &v);

	OK(seedchip_event_wait(crash(&c, c.queue, DIVIDE, seedchip_buffer_address(b)), LIMIT));
	CHECK_EQ(*v, -1);
	seedchip_buffer_destroy(b);
	close_card(&c);
}

static void test_never_ends(void)
{
	struct card c = open_card(0);
	struct seedchip_queue_desc limited = { .size = sizeof(limited), .wg_limit = 1000000 };
	struct seedchip_queue_desc impatient = {
		.size = sizeof(impatient), .wg_limit = 1ull << 62, .timeout_ms = 300,
	};
	struct seedchip_queue *own = c.queue;
	struct seedchip_fault f;

	OK(seedchip_queue_create(c.dev, &limited, &c.queue));
	f = fault_of(&c, FOREVER, 0);
	check_code(&f, "TIMEOUT", "WORKGROUP_LIMIT");
	CHECK_STR(f.function, "crash");
	CHECK(f.insns >= 1000000);
	seedchip_queue_destroy(c.queue);
	OK(seedchip_queue_create(c.dev, &impatient, &c.queue));
	f = fault_of(&c, FOREVER, 0);
	check_code(&f, "TIMEOUT", "JOB_TIMEOUT");
	seedchip_queue_destroy(c.queue);
	c.queue = own;
	close_card(&c);
}

static char heard[4096];

static void hear(void *opaque, enum seedchip_log_level level, const char *text)
{
	(void)opaque;
	(void)level;
	strncat(heard, text, sizeof(heard) - strlen(heard) - 1);
}

static void test_assert(void)
{
	struct card c = open_card(0);
	struct seedchip_fault f;

	heard[0] = 0;
	seedchip_log_set(hear, NULL);
	f = fault_of(&c, ASSERT, 5);
	seedchip_log_set(NULL, NULL);
	check_code(&f, "TRAP", "BREAKPOINT");
	CHECK_STR(f.function, "sd_assert_failed_");
	HAS(heard, "runtime_kernels.c:");
	HAS(heard, "assertion failed: args->address == 1");
	close_card(&c);
}

static void test_engine(void)
{
	struct card c = open_card(0);
	struct seedchip_fault f = fault_of(&c, DMA, 0x7000000);

	check_code(&f, "FAULT", "UNMAPPED");
	CHECK_EQ(f.address, 0x7000000);
	HAS(f.text, "DMA0");
	CHECK_EQ(f.engine, SC_ENGINE_DMA0);
	CHECK_STR(f.function, "crash");
	OK(seedchip_copy(c.queue, 0x7000000, 0x8000000, 64));
	struct seedchip_event e = seedchip_queue_mark(c.queue);

	CHECK_EQ(seedchip_event_wait(e, LIMIT), -EIO);
	OK(seedchip_event_fault(e, &f));
	printf("# %s\n", f.text);
	check_code(&f, "FAULT", "UNMAPPED");
	CHECK_EQ(f.address, 0x8000000);
	CHECK_EQ(f.core, -1);
	CHECK_EQ(f.pc, 0);
	close_card(&c);
}

/* Events before the failure stand, events after it share its record, for good. */
static void test_which_events(void)
{
	struct card c = open_card(0);
	struct seedchip_event before, culprit, behind, again;
	struct seedchip_fault f = { .size = sizeof(f) };

	OK(seedchip_launch(c.queue, kernel(&c, "nothing"), &one, NULL, 0));
	before = seedchip_queue_mark(c.queue);
	culprit = crash(&c, c.queue, ILLEGAL, 0);
	for (int i = 0; i < 3; i++) /* may be refused already, if the fault is known */
		if (seedchip_launch(c.queue, kernel(&c, "nothing"), &one, NULL, 0))
			break;
	behind = seedchip_queue_mark(c.queue);
	CHECK_EQ(seedchip_event_wait(behind, LIMIT), -EIO);
	CHECK_EQ(seedchip_event_wait(culprit, LIMIT), -EIO);
	OK(seedchip_event_wait(before, 0));
	OK(seedchip_event_fault(behind, &f));
	check_code(&f, "TRAP", "ILLEGAL_INSN");
	FAILS(seedchip_launch(c.queue, kernel(&c, "nothing"), &one, NULL, 0), -EIO,
	      "seedchip_queue_recover");
	CHECK_EQ(seedchip_queue_flush(c.queue), -EIO);
	OK(seedchip_queue_recover(c.queue));
	OK(seedchip_queue_recover(c.queue));
	OK(seedchip_launch(c.queue, kernel(&c, "nothing"), &one, NULL, 0));
	again = seedchip_queue_mark(c.queue);
	OK(seedchip_event_wait(again, LIMIT));
	CHECK_EQ(seedchip_event_wait(culprit, 0), -EIO);
	CHECK_EQ(seedchip_event_wait(behind, 0), -EIO);
	OK(seedchip_event_wait(before, 0));
	OK(seedchip_event_fault(culprit, &f));
	check_code(&f, "TRAP", "ILLEGAL_INSN");
	close_card(&c);
}

/* A queue remembers its last failures, and says when it does not. */
static void test_forgotten(void)
{
	struct card c = open_card(0);
	struct seedchip_event first = crash(&c, c.queue, ILLEGAL, 0), last = first;

	for (int i = 0; i < 20; i++) {
		CHECK_EQ(seedchip_event_wait(last, LIMIT), -EIO);
		OK(seedchip_queue_recover(c.queue));
		if (i < 19)
			last = crash(&c, c.queue, ILLEGAL, 0);
	}
	CHECK_EQ(seedchip_event_wait(last, 0), -EIO);
	FAILS(seedchip_event_wait(first, 0), -ESTALE, "no longer knows");
	close_card(&c);
}

/* Other queues of the same process work on while one fails. */
static void test_others_unaffected(void)
{
	struct card c = open_card(0);
	struct seedchip_queue *other;
	uint64_t *v;
	struct seedchip_buffer *b = buffer(&c, 4096, SEEDCHIP_CARD | SEEDCHIP_CPU, &v);
	struct { uint64_t v, steps, value; } args = { seedchip_buffer_address(b), 3000000, 3 };
	struct seedchip_dim dim = { .x = 6, .y = 1, .z = 1 };

	OK(seedchip_queue_create(c.dev, NULL, &other));
	OK(seedchip_launch(other, kernel(&c, "spin"), &dim, &args, sizeof(args)));
	struct seedchip_event good = seedchip_queue_mark(other);

	for (int i = 0; i < 3; i++)
		fault_of(&c, ILLEGAL, 0);
	OK(seedchip_event_wait(good, LIMIT));
	CHECK_EQ(*v, 18);
	seedchip_queue_destroy(other);
	seedchip_buffer_destroy(b);
	close_card(&c);
}

/* What waited for failed work fails as well, and so does what is queued behind it. */
static void test_dependency(void)
{
	struct card c = open_card(0);
	struct seedchip_queue *other;
	uint64_t *v;
	struct seedchip_buffer *b = buffer(&c, 4096, SEEDCHIP_CARD | SEEDCHIP_CPU, &v);
	struct affine args = { seedchip_buffer_address(b), 0, 42 };
	struct { uint64_t v, steps, value; } spin = { seedchip_buffer_address(b) + 8, 5000000, 1 };
	struct seedchip_fault f = { .size = sizeof(f) };
	struct seedchip_event culprit, waited, behind, before;

	OK(seedchip_queue_create(c.dev, NULL, &other));
	OK(seedchip_launch(c.queue, kernel(&c, "spin"), &one, &spin, sizeof(spin)));
	culprit = crash(&c, c.queue, ILLEGAL, 0);
	OK(seedchip_launch(other, kernel(&c, "nothing"), &one, NULL, 0));
	before = seedchip_queue_mark(other);
	OK(seedchip_queue_wait(other, culprit));
	OK(seedchip_launch(other, kernel(&c, "affine"), &one, &args, sizeof(args)));
	waited = seedchip_queue_mark(other);
	OK(seedchip_launch(other, kernel(&c, "nothing"), &one, NULL, 0));
	behind = seedchip_queue_mark(other);
	CHECK_EQ(seedchip_event_wait(waited, LIMIT), -EIO);
	OK(seedchip_event_fault(waited, &f));
	printf("# %s\n", f.text);
	check_code(&f, "ABORTED", "DEPENDENCY");
	CHECK_EQ(*v, 0);
	CHECK_EQ(seedchip_event_wait(behind, LIMIT), -EIO);
	OK(seedchip_event_wait(before, LIMIT));
	CHECK_EQ(seedchip_event_wait(culprit, LIMIT), -EIO);
	OK(seedchip_queue_recover(other));
	FAILS(seedchip_queue_wait(other, culprit), -EIO, "the work to wait for has failed");
	OK(seedchip_launch(other, kernel(&c, "affine"), &one, &args, sizeof(args)));
	OK(seedchip_event_wait(seedchip_queue_mark(other), LIMIT));
	CHECK_EQ(*v, 42);
	OK(seedchip_queue_recover(c.queue));
	seedchip_queue_destroy(other);
	seedchip_buffer_destroy(b);
	close_card(&c);
}

/* Work had failed before anybody waited for it, and nobody has asked since. */
static void test_late_dependency(void)
{
	struct card c = open_card(0);
	struct pollfd p = { .fd = seedchip_fault_fd(c.dev), .events = POLLIN };
	struct seedchip_event culprit, behind;
	struct seedchip_queue *other;

	OK(seedchip_queue_create(c.dev, NULL, &other));
	culprit = crash(&c, c.queue, ILLEGAL, 0);
	seedchip_launch(c.queue, kernel(&c, "nothing"), &one, NULL, 0);
	behind = seedchip_queue_mark(c.queue);
	CHECK_EQ(poll(&p, 1, 30000), 1);
	FAILS(seedchip_queue_wait(other, culprit), -EIO, "the work to wait for has failed");
	FAILS(seedchip_queue_wait(other, behind), -EIO, "the work to wait for has failed");
	OK(seedchip_queue_recover(c.queue));
	seedchip_queue_destroy(other);
	close_card(&c);
}

/* A queue destroyed with work in flight takes nothing with it. */
static void test_destroy_busy(void)
{
	struct card c = open_card(0);
	struct seedchip_queue *q;

	for (int i = 0; i < 5; i++) {
		OK(seedchip_queue_create(c.dev, NULL, &q));
		crash(&c, q, FOREVER, 0);
		seedchip_queue_destroy(q);
	}
	OK(seedchip_launch(c.queue, kernel(&c, "nothing"), &one, NULL, 0));
	OK(seedchip_event_wait(seedchip_queue_mark(c.queue), LIMIT));
	close_card(&c);
}

/* Failures of all queues, for whoever watches over the device. */
static void test_watching(void)
{
	struct card c = open_card(0);
	struct seedchip_fault f = { .size = sizeof(f) };
	struct pollfd p = { .fd = seedchip_fault_fd(c.dev), .events = POLLIN };
	unsigned int i;

	CHECK_EQ(poll(&p, 1, 0), 0);
	CHECK_EQ(seedchip_fault_read(c.dev, &f, 0), -ETIMEDOUT);
	CHECK_EQ(seedchip_fault_read(c.dev, &f, 1000000), -ETIMEDOUT);
	fault_of(&c, ILLEGAL, 0);
	fault_of(&c, READ, 0x123456789000);
	CHECK_EQ(poll(&p, 1, 0), 1);
	OK(seedchip_fault_read(c.dev, &f, 0));
	check_code(&f, "TRAP", "ILLEGAL_INSN");
	CHECK_STR(f.function, "crash");
	OK(seedchip_fault_read(c.dev, &f, -1));
	check_code(&f, "FAULT", "UNMAPPED");
	CHECK_EQ(f.address, 0x123456789000);
	CHECK_EQ(f.lost, 0);
	CHECK_EQ(poll(&p, 1, 0), 0);
	for (i = 0; i < 35; i++)
		fault_of(&c, ILLEGAL, 0);
	for (i = 0; i < 32; i++) {
		OK(seedchip_fault_read(c.dev, &f, 0));
		CHECK_EQ(f.lost, i == 31 ? 3 : 0);
	}
	CHECK_EQ(seedchip_fault_read(c.dev, &f, 0), -ETIMEDOUT);
	close_card(&c);
}

static const struct tap_test tests[] = {
	{ "a load from nowhere", test_unmapped },
	{ "a load from address 0", test_null },
	{ "a store past the end of a buffer", test_past_the_end },
	{ "permissions", test_permissions },
	{ "traps", test_traps },
	{ "division by zero does not trap", test_division_by_zero },
	{ "a kernel that never ends", test_never_ends },
	{ "sd_assert", test_assert },
	{ "engines and copies", test_engine },
	{ "which events fail", test_which_events },
	{ "old failures", test_forgotten },
	{ "other queues", test_others_unaffected },
	{ "what waits for failed work", test_dependency },
	{ "waiting for work that has failed unseen", test_late_dependency },
	{ "a busy queue destroyed", test_destroy_busy },
	{ "failures are read as they happen", test_watching },
};

int main(void)
{
	return TAP_RUN(tests);
}
