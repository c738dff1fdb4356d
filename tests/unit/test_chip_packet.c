// SPDX-License-Identifier: MIT
/* Chip model: what packets are checked for, and what each of them does. */
#include <stdlib.h>

#include "tests/unit/chip_bench.h"
#include "tests/unit/fake_core.h"

#define USER   1 /* queue in context 2, user ring */
#define KERNEL 2 /* queue in context 2, kernel ring */
#define DRIVER 3 /* queue in context 0 */
#define OTHER  4

#define VA    0x40000ULL /* 16 writable pages of context 2 */
#define PA    0x100000ULL
#define RO_VA 0x80000ULL
#define LIST  0x50000ULL /* in the same buffer as VA: page 16 */

static int setup(void **state)
{
	struct bench *b = bench_create(NULL);
	unsigned int i;

	fake_core_log_clear();
	bench_enable(b);
	bench_context(b, 2);
	for (i = 0; i < 32; i++)
		bench_map(b, 2, VA + i * 4096, PA + i * 4096, SC_PTE_READ | SC_PTE_WRITE);
	bench_map(b, 2, RO_VA, PA + 32 * 4096, SC_PTE_READ);
	bench_queue_setup(b, USER, 2, 0);
	bench_map(b, 2, 0x200000, 0x300000, SC_PTE_READ | SC_PTE_WRITE | SC_PTE_SYSTEM);
	bench_queue_write(b, USER, SC_Q_RECORD_BASE, 0x200000);
	bench_command(b, USER, SC_QUEUE_CMD_START);
	bench_queue(b, KERNEL, 2, SC_QUEUE_KERNEL_RING);
	bench_queue(b, DRIVER, 0, 0);
	bench_queue(b, OTHER, 0, 0);
	bench_run(b);
	*state = b;
	return 0;
}

static uint64_t word(struct bench *b, uint64_t va)
{
	return bench_card64(b, PA + va - VA);
}

static const struct sc_record *record(struct bench *b, uint64_t index)
{
	return (struct sc_record *)(b->system + 0x300000) + index % 16;
}

/* Submit to @queue, expect @code, and make the queue usable again. */
static void expect(struct bench *b, unsigned int queue, const union packet *p, unsigned int n,
		   unsigned int code)
{
	uint64_t at = b->queues[queue].index;

	bench_submit(b, queue, p, n);
	if (bench_queue_state(b, queue) != SC_QUEUE_FAULTED)
		print_error("no fault, code %u expected, opcode %u\n", code,
			    SC_HDR_OP(p[0].hdr));
	bench_expect_fault(b, queue, code);
	assert_int_equal(bench_queue_read(b, queue, SC_Q_RETIRED), at);
	bench_recover(b, queue);
	bench_run(b);
}

/* --- validation, from the tables --- */

struct field {
	uint8_t size;
	bool reserved;
};

enum { USE_FIELD, USE_RSV };
#define FIELD_(type, member, use, text) { sizeof(type), USE_##use == USE_RSV },
#define FIELDS_(name, number, flags, who, text) \
	static const struct field name[] = { SC_PKT_##name(FIELD_) };
SC_OP_TABLE(FIELDS_)

#define OP_(name, number, flags, who, text) \
	{ number, flags, name, sizeof(name) / sizeof(name[0]) },
static const struct {
	unsigned int op, flags;
	const struct field *fields;
	unsigned int num;
} ops[] = { SC_OP_TABLE(OP_) };
#define NUM_OPS (sizeof(ops) / sizeof(ops[0]))

/* Each byte of each reserved member of each packet. */
static void test_reserved_members(void **state)
{
	struct bench *b = *state;
	unsigned int i, f, offset, byte, tried = 0;
	union packet p;

	for (i = 0; i < NUM_OPS; i++) {
		offset = 8;
		for (f = 0; f < ops[i].num; offset += ops[i].fields[f++].size) {
			for (byte = 0; ops[i].fields[f].reserved && byte < ops[i].fields[f].size;
			     byte++) {
				p = pkt(ops[i].op, 0);
				p.bytes[offset + byte] = 0x40;
				expect(b, DRIVER, &p, 1, SC_CODE_RESERVED_BITS);
				tried++;
			}
		}
		assert_int_equal(offset, 64);
	}
	assert_true(tried > 200);
}

/* Each header bit that means nothing. */
static void test_reserved_header(void **state)
{
	struct bench *b = *state;
	unsigned int i, bit;
	union packet p;

	for (i = 0; i < NUM_OPS; i++) {
		if (ops[i].op == SC_OP_ARGS)
			continue;
		for (bit = 8; bit < 32; bit++) {
			if (bit < 16 && ops[i].flags >> (bit - 8) & 1 &&
			    1u << (bit - 8) != SC_FLAG_RELATIVE)
				continue;
			p = pkt(ops[i].op, 0);
			p.hdr |= 1u << bit;
			if (ops[i].op == SC_OP_DISPATCH && bit >= 16 && bit < 20)
				continue; /* argument slots */
			expect(b, DRIVER, &p, 1, SC_CODE_RESERVED_BITS);
		}
	}
}

static void test_opcodes(void **state)
{
	struct bench *b = *state;
	unsigned int op, i;
	union packet p;
	bool known;

	for (op = 0; op < 128; op++) {
		known = false;
		for (i = 0; i < NUM_OPS; i++)
			known |= ops[i].op == op;
		if (known && op != SC_OP_ARGS)
			continue;
		p = pkt(op, 0);
		expect(b, USER, &p, 1, SC_CODE_BAD_OPCODE);
	}
}

/* Who may use the kernel's packets. */
static void test_privileged(void **state)
{
	struct bench *b = *state;
	union packet wait = pkt(SC_OP_WAIT_QUEUE, 0), inv = pkt(SC_OP_INVALIDATE, 0);

	wait.body[1] = OTHER;
	expect(b, USER, &wait, 1, SC_CODE_PRIVILEGED);
	expect(b, USER, &inv, 1, SC_CODE_PRIVILEGED);
	expect(b, KERNEL, &inv, 1, SC_CODE_PRIVILEGED);
	bench_wait(b, KERNEL, bench_submit(b, KERNEL, &wait, 1));
	bench_wait(b, DRIVER, bench_submit(b, DRIVER, &wait, 1));
	bench_wait(b, DRIVER, bench_submit(b, DRIVER, &inv, 1));
}

/* A list that a kernel ring calls is still the user's. */
static void test_list_is_not_privileged(void **state)
{
	struct bench *b = *state;
	union packet wait = pkt(SC_OP_WAIT_QUEUE, 0), call = pkt(SC_OP_INDIRECT, 0);

	wait.body[1] = OTHER;
	memcpy(b->card + PA + LIST - VA, &wait, 64);
	call.body[0] = LIST;
	call.body[2] = 1;
	expect(b, KERNEL, &call, 1, SC_CODE_PRIVILEGED);
}

static void test_bad_fields(void **state)
{
	static const unsigned int aligned[] = { SC_OP_WAIT, SC_OP_SIGNAL, SC_OP_TIMESTAMP };
	struct bench *b = *state;
	union packet p;
	unsigned int i;

	for (i = 0; i < 3; i++) {
		p = pkt(aligned[i], 0);
		p.body[0] = VA + 4;
		expect(b, USER, &p, 1, SC_CODE_BAD_ALIGNMENT);
	}
	p = pkt(SC_OP_INDIRECT, 0);
	p.body[0] = LIST + 32;
	expect(b, USER, &p, 1, SC_CODE_BAD_ALIGNMENT);
	p.body[0] = LIST;
	p.body[2] = SC_MAX_LIST + 1;
	expect(b, USER, &p, 1, SC_CODE_BAD_SIZE);
	p = pkt_copy(VA, VA + 0x1000, ~0ULL);
	expect(b, USER, &p, 1, SC_CODE_BAD_SIZE);
	p = pkt_fill(VA, 16, 0);
	p.fill.rows = 0xffffffff;
	p.fill.dst_stride = 1ULL << 40;
	expect(b, USER, &p, 1, SC_CODE_BAD_SIZE);
	p = pkt(SC_OP_INVALIDATE, 0);
	p.body[0] = 0x123;
	expect(b, DRIVER, &p, 1, SC_CODE_BAD_ALIGNMENT);
	p.body[0] = 0;
	p.body[2] = 8;
	expect(b, DRIVER, &p, 1, SC_CODE_BAD_SIZE);
	p = pkt(SC_OP_WAIT_QUEUE, 0);
	p.body[1] = 16;
	expect(b, DRIVER, &p, 1, SC_CODE_FOREIGN_QUEUE);
	p.body[0] = 1;
	p.body[1] = 9; /* disabled */
	expect(b, DRIVER, &p, 1, SC_CODE_FOREIGN_QUEUE);
}

static void test_bad_dispatch(void **state)
{
	struct bench *b = *state;
	union packet d[2];
	struct sc_pkt_dispatch *dispatch = &d[0].dispatch;

	pkt_dispatch(d, 0, SC_MAX_GRID + 1, FAKE_DONE, 1, 0);
	expect(b, USER, d, 2, SC_CODE_BAD_GRID);
	pkt_dispatch(d, 0, SC_MAX_GRID, FAKE_DONE, 1, 0);
	dispatch->grid_y = SC_MAX_GRID;
	dispatch->grid_z = SC_MAX_GRID; /* more ranks than 32 bits */
	expect(b, USER, d, 2, SC_CODE_BAD_GRID);
	pkt_dispatch(d, 0, 1, FAKE_DONE, 1, 0);
	dispatch->entry |= 2;
	expect(b, USER, d, 2, SC_CODE_BAD_ALIGNMENT);
	pkt_dispatch(d, 0, 1, FAKE_DONE, 1, 0);
	dispatch->stack_size = 4097;
	expect(b, USER, d, 2, SC_CODE_BAD_ALIGNMENT);
	dispatch->stack_size = 0;
	expect(b, USER, d, 2, SC_CODE_BAD_SIZE);
	dispatch->stack_size = 4096;
	dispatch->tcm_static = 65536 - 4096 - 4096 - 512 + 1;
	expect(b, USER, d, 2, SC_CODE_BAD_TCM_SIZE);
	dispatch->tcm_static = 0xfffffff0;
	dispatch->tcm_dynamic = 0xfffffff0;
	expect(b, USER, d, 2, SC_CODE_BAD_TCM_SIZE);
	pkt_dispatch(d, 0, 1, FAKE_DONE, 1, 0);
	dispatch->grid_addr = VA;
	expect(b, USER, d, 2, SC_CODE_RESERVED_BITS);
	dispatch->hdr |= SC_FLAG_GRID_INDIRECT << 8;
	expect(b, USER, d, 2, SC_CODE_RESERVED_BITS); /* two grids */
	dispatch->grid_x = 0;
	dispatch->grid_y = 0;
	dispatch->grid_z = 0;
	dispatch->grid_addr = VA + 2;
	expect(b, USER, d, 2, SC_CODE_BAD_ALIGNMENT);
	pkt_dispatch(d, SC_FLAG_COOPERATIVE, 5, FAKE_DONE, 1, 0);
	expect(b, USER, d, 2, SC_CODE_COOP_TOO_LARGE);
	assert_int_equal(fake_core_log_count(), 0);
}

/* Argument slots: count, header, phase, the ring's end. */
static void test_arguments(void **state)
{
	struct bench *b = *state;
	union packet d[2];
	struct sc_pkt_dispatch *dispatch = &d[0].dispatch;
	union packet nine[9], nop = pkt(SC_OP_NOP, 0);
	unsigned int i;

	pkt_dispatch(d, 0, 1, FAKE_DONE, 1, 0);
	dispatch->args_size = 57; /* one slot, 57 bytes */
	expect(b, USER, d, 2, SC_CODE_BAD_ARGUMENTS);
	dispatch->args_size = 0; /* one slot, no bytes */
	expect(b, USER, d, 2, SC_CODE_BAD_ARGUMENTS);
	dispatch->hdr = SC_HDR(SC_OP_DISPATCH, 0, 9);
	dispatch->args_size = 9 * 56;
	expect(b, USER, d, 2, SC_CODE_BAD_ARGUMENTS);
	pkt_dispatch(d, 0, 1, FAKE_DONE, 1, 0);
	d[1].tag = 1;
	expect(b, USER, d, 2, SC_CODE_BAD_ARGUMENTS);
	d[1].tag = 0;
	d[1].hdr |= 1 << 8;
	expect(b, USER, d, 2, SC_CODE_BAD_ARGUMENTS);
	d[1] = pkt(SC_OP_NOP, 0);
	expect(b, USER, d, 2, SC_CODE_BAD_ARGUMENTS);
	pkt_dispatch(d, 0, 1, FAKE_DONE, 1, 0);
	expect(b, USER, d, 1, SC_CODE_BAD_ARGUMENTS); /* the slot has the old phase */

	for (i = 0; i < 15; i++)
		bench_submit(b, USER, &nop, 1);
	assert_int_equal(b->queues[USER].index % 16, 15);
	expect(b, USER, d, 2, SC_CODE_RING_CROSSED);
	assert_int_equal(fake_core_log_count(), 0);

	/* eight slots, and 448 bytes arrive */
	pkt_dispatch(nine, 0, 1, FAKE_STORE, VA, 99);
	for (i = 2; i < 9; i++)
		nine[i] = (union packet){ { .hdr = SC_HDR(SC_OP_ARGS, 0, 0) } };
	nine[0].dispatch.hdr = SC_HDR(SC_OP_DISPATCH, 0, 8);
	nine[0].dispatch.args_size = SC_MAX_ARGS;
	bench_submit(b, USER, nine, 9);
	assert_int_equal(word(b, VA), 99);
}

/* The most that a packet may say: a list, a grid, a scratchpad; one more is refused above. */
static void test_most(void **state)
{
	struct bench *b = *state;
	union packet call = pkt(SC_OP_INDIRECT, 0), d[2];
	const uint64_t at = BENCH_CARD - SC_MAX_LIST * SC_SLOT_SIZE;
	union packet *list = (union packet *)(b->card + at);

	for (unsigned int i = 0; i < SC_MAX_LIST; i++)
		list[i] = pkt(SC_OP_NOP, 0);
	call.body[0] = at;
	call.body[2] = SC_MAX_LIST;
	bench_wait(b, DRIVER, bench_submit(b, DRIVER, &call, 1));
	assert_int_equal(bench_state(b, DRIVER).packets, SC_MAX_LIST + 1);
	pkt_dispatch(d, 0, SC_MAX_GRID, FAKE_DONE, 1, 0);
	bench_wait(b, USER, bench_submit(b, USER, d, 2));
	pkt_dispatch(d, 0, 1, FAKE_DONE, 1, 0);
	d[0].dispatch.tcm_static = 65536 - 4096 - 4096 - 512;
	bench_wait(b, USER, bench_submit(b, USER, d, 2));
	assert_int_equal(bench_state(b, USER).workgroups, SC_MAX_GRID + 1);
}

/* --- addresses --- */

static void test_faults(void **state)
{
	struct bench *b = *state;
	const struct sc_fault *f;
	union packet p;

	p = pkt_fill(VA + 0xf800, 0x20000, 1); /* runs off the buffer */
	bench_submit(b, USER, &p, 1);
	f = bench_expect_fault(b, USER, SC_CODE_UNMAPPED);
	assert_int_equal(f->va, VA + 32 * 4096);
	assert_int_equal(f->access, SC_ACCESS_WRITE);
	assert_int_equal(f->engine, SC_ENGINE_QUEUE);
	assert_int_equal(f->core, SC_NO_CORE);
	assert_int_equal(f->tag, 0xf1);
	assert_int_equal(word(b, VA + 0xf800), 1); /* what came before stays */
	bench_recover(b, USER);
	p = pkt_signal(RO_VA, 1);
	expect(b, USER, &p, 1, SC_CODE_NO_WRITE);
	p = pkt_signal(BENCH_RING_VA(KERNEL), 1);
	expect(b, USER, &p, 1, SC_CODE_ENGINE_ONLY);
	p = pkt_copy(VA, BENCH_RING_VA(KERNEL), 8);
	expect(b, USER, &p, 1, SC_CODE_ENGINE_ONLY);
	p = pkt_wait(0, 1);
	expect(b, USER, &p, 1, SC_CODE_UNMAPPED);
	p = pkt_signal(SC_VA_TCM, 1);
	expect(b, USER, &p, 1, SC_CODE_BAD_ADDRESS);
	p = pkt_signal(1ULL << 60, 1);
	expect(b, USER, &p, 1, SC_CODE_BAD_ADDRESS);
	p = pkt_signal(BENCH_CARD, 1);
	expect(b, DRIVER, &p, 1, SC_CODE_BAD_ADDRESS);
	p = pkt_signal(SC_CONTEXT0_SYSTEM | BENCH_SYSTEM, 1);
	expect(b, DRIVER, &p, 1, SC_CODE_BUS_ERROR);
	p = pkt(SC_OP_INDIRECT, 0);
	p.body[0] = 0x7000000;
	p.body[2] = 1;
	expect(b, USER, &p, 1, SC_CODE_UNMAPPED);
	/* the tag of a packet that could not be read is zero, not what lay there before */
	assert_int_equal(bench_event(b, bench_events(b) - 1)->fault.tag, 0);
	/* a user ring on ENGINE pages, a kernel ring on others */
	*bench_pte(b, 2, BENCH_RING_VA(USER)) |= SC_PTE_ENGINE;
	p = pkt(SC_OP_NOP, 0);
	bench_submit(b, USER, &p, 1);
	bench_expect_fault(b, USER, SC_CODE_ENGINE_ONLY);
	*bench_pte(b, 2, BENCH_RING_VA(KERNEL)) &= ~(uint64_t)SC_PTE_ENGINE;
	bench_submit(b, KERNEL, &p, 1);
	f = bench_expect_fault(b, KERNEL, SC_CODE_NO_READ);
	assert_int_equal(f->va, BENCH_RING_VA(KERNEL));
}

/* --- what they do --- */

static void test_copy_rows(void **state)
{
	struct bench *b = *state;
	union packet p = pkt_copy(VA + 0x4003, VA + 1, 100);
	struct sc_pkt_copy *c = &p.copy;
	unsigned int i, r;

	for (i = 0; i < 0x2000; i++)
		b->card[PA + i] = i * 7;
	c->rows = 20;
	c->src_stride = 300;
	c->dst_stride = 101;
	bench_submit(b, USER, &p, 1);
	for (r = 0; r < 20; r++) {
		for (i = 0; i < 100; i++)
			assert_int_equal(b->card[PA + 0x4003 + r * 101 + i],
					 (uint8_t)((1 + r * 300 + i) * 7));
		assert_int_equal(b->card[PA + 0x4003 + r * 101 + 100], 0);
	}
	c->rows = 0;
	c->dst = 1;
	bench_submit(b, USER, &p, 1); /* nothing, not even a fault */
	c->rows = 1;
	c->size = 0;
	bench_submit(b, USER, &p, 1);
	assert_int_equal(bench_queue_read(b, USER, SC_Q_RETIRED), 3);
	assert_int_equal(bench_state(b, USER).copy_bytes, 2000);
}

static void test_fill_rows(void **state)
{
	struct bench *b = *state;
	union packet p = pkt_fill(VA + 5, 11, 0x8877665544332211ULL);
	struct sc_pkt_fill *f = &p.fill;
	unsigned int i, r;

	f->rows = 3;
	f->dst_stride = 64;
	bench_submit(b, USER, &p, 1);
	for (r = 0; r < 3; r++)
		for (i = 0; i < 12; i++)
			assert_int_equal(b->card[PA + 5 + r * 64 + i],
					 i < 11 ? 0x11 * (i % 8 + 1) : 0);
}

/* Zeroes in large pieces, misaligned at both ends, across pages of all kinds. */
static void test_fill_zero(void **state)
{
	struct bench *b = *state;
	union packet p = pkt_fill(VA + 100, 0x1f000, 0);
	unsigned int i;

	memset(b->card + PA, 0xee, 32 * 4096);
	memset(b->system + 0x380000, 0xee, 4096);
	bench_map(b, 2, VA + 20 * 4096, 0x380000, SC_PTE_READ | SC_PTE_WRITE | SC_PTE_SYSTEM);
	bench_wait(b, USER, bench_submit(b, USER, &p, 1));
	for (i = 0; i < 32 * 4096; i++)
		assert_int_equal(b->card[PA + i], i >= 100 && i < 0x1f064 && i / 4096 != 20 ?
				 0 : 0xee);
	for (i = 0; i < 4096; i++)
		assert_int_equal(b->system[0x380000 + i], 0);
	p = pkt_fill(0x500000, 0x300000, 0); /* context 0 */
	memset(b->card + 0x4ff000, 0xee, 0x302000);
	bench_wait(b, DRIVER, bench_submit(b, DRIVER, &p, 1));
	for (i = 0; i < 0x302000; i++)
		assert_int_equal(b->card[0x4ff000 + i], i >= 0x1000 && i < 0x301000 ? 0 : 0xee);
	p = pkt_fill(VA, 64 * 4096, 0); /* runs off the buffer */
	expect(b, USER, &p, 1, SC_CODE_UNMAPPED);
}

static void test_timestamp_and_record(void **state)
{
	struct bench *b = *state;
	union packet p[3] = { pkt(SC_OP_TIMESTAMP, SC_FLAG_RECORD), pkt(SC_OP_NOP, 0),
				  pkt(SC_OP_SIGNAL, SC_FLAG_RECORD) };

	p[0].body[0] = VA;
	p[2].body[0] = RO_VA;
	bench_submit(b, USER, p, 2);
	assert_true(word(b, VA) > 0);
	assert_int_equal(record(b, 0)->tag, 0x100 + SC_OP_TIMESTAMP);
	assert_int_equal(record(b, 0)->status, SC_STATUS_OK);
	assert_true(record(b, 0)->start_ns < word(b, VA));
	assert_true(record(b, 0)->end_ns > word(b, VA));
	assert_int_equal(record(b, 1)->end_ns, 0); /* not asked for */
	bench_submit(b, USER, &p[2], 1);
	bench_expect_fault(b, USER, SC_CODE_NO_WRITE);
	assert_int_equal(record(b, 2)->status, SC_STATUS_FAULT);
	assert_int_equal(record(b, 2)->code, SC_CODE_NO_WRITE);
}

/* A record that cannot be written is the fault of its packet. */
static void test_record_unmapped(void **state)
{
	struct bench *b = *state;
	union packet p = pkt(SC_OP_NOP, SC_FLAG_RECORD);

	*bench_pte(b, 2, 0x200000) = 0;
	bench_submit(b, USER, &p, 1);
	assert_int_equal(bench_expect_fault(b, USER, SC_CODE_UNMAPPED)->va, 0x200000);
}

static void put_list(struct bench *b, const union packet *p, unsigned int n)
{
	memcpy(b->card + PA + LIST - VA, p, n * 64);
}

/* A list: phase bits mean nothing, RELATIVE adds the base, RETIRED moves by one. */
static void test_indirect(void **state)
{
	struct bench *b = *state;
	union packet call = pkt(SC_OP_INDIRECT, SC_FLAG_RECORD), l[6];

	l[0] = pkt_signal(VA, 5);
	l[0].hdr |= SC_FLAG_RELATIVE << 8 | SC_HDR_PHASE;
	l[1] = pkt_signal(VA + 8, 5);
	l[2] = pkt_wait(VA, 5);
	l[2].hdr |= SC_FLAG_RELATIVE << 8;
	pkt_dispatch(&l[3], 0, 3, FAKE_DONE, 10, 0);
	l[5] = pkt_signal(VA + 16, 1);
	put_list(b, l, 6);
	call.body[0] = LIST;
	call.body[1] = 1000;
	call.body[2] = 6;
	bench_submit(b, USER, &call, 1);
	assert_int_equal(word(b, VA), 1005);
	assert_int_equal(word(b, VA + 8), 5);
	assert_int_equal(word(b, VA + 16), 1);
	assert_int_equal(fake_core_log_count(), 3);
	assert_int_equal(bench_queue_read(b, USER, SC_Q_RETIRED), 1);
	assert_int_equal(bench_state(b, USER).packets, 6); /* five of the list and itself */
	assert_int_equal(record(b, 0)->tag, call.tag);
	/* replay, new base */
	call.body[1] = 2000;
	bench_submit(b, USER, &call, 1);
	assert_int_equal(word(b, VA), 2005);
	call.body[2] = 0;
	bench_submit(b, USER, &call, 1);
	assert_int_equal(bench_queue_read(b, USER, SC_Q_RETIRED), 3);
}

/* Faults in a list carry the INDIRECT's index and the packet's own tag. */
static void test_indirect_faults(void **state)
{
	struct bench *b = *state;
	union packet call = pkt(SC_OP_INDIRECT, 0), l[3];

	call.body[0] = LIST;
	call.body[2] = 2;
	l[0] = pkt(SC_OP_NOP, 0);
	l[1] = call;
	put_list(b, l, 2);
	expect(b, USER, &call, 1, SC_CODE_NESTED_INDIRECT);
	l[0].hdr |= SC_FLAG_RECORD << 8; /* has no slot to be recorded in */
	l[1] = pkt_signal(RO_VA, 1);
	l[1].tag = 0xabc;
	put_list(b, l, 2);
	call.hdr |= SC_FLAG_RECORD << 8;
	bench_submit(b, USER, &call, 1);
	assert_int_equal(bench_expect_fault(b, USER, SC_CODE_NO_WRITE)->tag, 0xabc);
	assert_int_equal(record(b, b->queues[USER].index - 1)->tag, call.tag);
	assert_int_equal(record(b, b->queues[USER].index - 1)->code, SC_CODE_NO_WRITE);
	bench_recover(b, USER);
	pkt_dispatch(&l[1], 0, 1, FAKE_DONE, 1, 0); /* its slot is beyond the list */
	put_list(b, l, 3);
	expect(b, USER, &call, 1, SC_CODE_BAD_ARGUMENTS);
}

/* All ones satisfy a WAIT, but with POISON they fail it, whenever they appear. */
static void test_poison(void **state)
{
	struct bench *b = *state;
	union packet p = pkt_wait(VA, 1);
	const struct sc_fault *f;

	__atomic_store_n((uint64_t *)(b->card + PA), ~0ULL, __ATOMIC_RELEASE);
	bench_submit(b, USER, &p, 1);
	assert_int_equal(bench_queue_state(b, USER), SC_QUEUE_IDLE);
	p.hdr |= SC_FLAG_POISON << 8;
	p.tag = 0xbad;
	bench_submit(b, USER, &p, 1);
	f = bench_expect_fault(b, USER, SC_CODE_DEPENDENCY);
	assert_int_equal(f->va, VA);
	assert_int_equal(f->tag, 0xbad);
	assert_int_equal(f->status, SC_STATUS_ABORTED);
	bench_recover(b, USER);
	__atomic_store_n((uint64_t *)(b->card + PA), 0, __ATOMIC_RELEASE);
	bench_submit(b, USER, &p, 1);
	assert_int_equal(bench_queue_state(b, USER), SC_QUEUE_WAITING);
	__atomic_store_n((uint64_t *)(b->card + PA), ~0ULL, __ATOMIC_RELEASE);
	bench_wait_state(b, USER, SC_QUEUE_FAULTED);
	bench_expect_fault(b, USER, SC_CODE_DEPENDENCY);
	bench_recover(b, USER);
	__atomic_store_n((uint64_t *)(b->card + PA), ~0ULL - 1, __ATOMIC_RELEASE);
	bench_submit(b, USER, &p, 1);
	assert_int_equal(bench_queue_state(b, USER), SC_QUEUE_IDLE);
}

/* Behind a BARRIER a list is read when the BARRIER has completed: it may change itself. */
static void test_list_changes_itself(void **state)
{
	struct bench *b = *state;
	union packet call = pkt(SC_OP_INDIRECT, 0);
	union packet l[3] = { pkt_copy(LIST + 2 * 64 + 16, VA, 8), pkt(SC_OP_BARRIER, 0),
			      pkt_signal(VA + 8, 1) };
	uint64_t value;

	put_list(b, l, 3);
	call.body[0] = LIST;
	call.body[2] = 3;
	for (value = 5; value < 8; value++) {
		__atomic_store_n((uint64_t *)(b->card + PA), value, __ATOMIC_RELEASE);
		bench_submit(b, USER, &call, 1);
		assert_int_equal(word(b, VA + 8), value);
	}
}

/* A list waits in its middle: the queue gives up its slot, STOP waits for the end. */
static void test_wait_in_list(void **state)
{
	struct bench *b = *state;
	union packet call = pkt(SC_OP_INDIRECT, 0), l[2] = { pkt_wait(VA, 1),
								 pkt_signal(VA + 8, 1) };

	put_list(b, l, 2);
	call.body[0] = LIST;
	call.body[2] = 2;
	bench_submit(b, USER, &call, 1);
	assert_int_equal(bench_queue_state(b, USER), SC_QUEUE_WAITING);
	bench_command(b, USER, SC_QUEUE_CMD_STOP);
	bench_run(b);
	assert_int_equal(bench_queue_read(b, USER, SC_Q_STATUS),
			 SC_QUEUE_WAITING | SC_QUEUE_BUSY);
	__atomic_store_n((uint64_t *)(b->card + PA), 1, __ATOMIC_RELEASE);
	bench_wait_state(b, USER, SC_QUEUE_STOPPED);
	assert_int_equal(word(b, VA + 8), 1);
	assert_int_equal(bench_queue_read(b, USER, SC_Q_INDEX), 1);
	/* and RESET in the middle of a list goes back to the INDIRECT */
	__atomic_store_n((uint64_t *)(b->card + PA), 0, __ATOMIC_RELEASE);
	bench_command(b, USER, SC_QUEUE_CMD_START);
	bench_submit(b, USER, &call, 1);
	bench_command(b, USER, SC_QUEUE_CMD_RESET);
	bench_wait_state(b, USER, SC_QUEUE_STOPPED);
	assert_int_equal(bench_queue_read(b, USER, SC_Q_INDEX), 1);
}

static union packet wait_queue(unsigned int queue, uint64_t index, uint32_t epoch, uint32_t skip)
{
	return (union packet){ .wait_queue = { .hdr = SC_HDR(SC_OP_WAIT_QUEUE, 0, 0),
					       .index = index, .queue = queue, .epoch = epoch,
					       .skip = skip } };
}

/* WAIT_QUEUE: satisfied by RETIRED; in order; no slot meanwhile. */
static void test_wait_queue(void **state)
{
	struct bench *b = *state;
	union packet p[2] = { wait_queue(OTHER, 2, 0, 1), pkt_signal(VA, 1) };
	union packet nop = pkt(SC_OP_NOP, 0);

	bench_submit(b, KERNEL, p, 2);
	assert_int_equal(bench_queue_state(b, KERNEL), SC_QUEUE_WAITING);
	bench_submit(b, OTHER, &nop, 1);
	assert_int_equal(bench_queue_state(b, KERNEL), SC_QUEUE_WAITING);
	bench_submit(b, OTHER, &nop, 1);
	assert_int_equal(bench_queue_read(b, KERNEL, SC_Q_RETIRED), 2);
	assert_int_equal(word(b, VA), 1);
}

/* The queue waited for is reset: the packets behind are retired unrun. */
static void test_wait_queue_skip(void **state)
{
	struct bench *b = *state;
	union packet p[6], nop = pkt(SC_OP_NOP, 0);

	bench_submit(b, OTHER, &nop, 1);
	p[0] = wait_queue(OTHER, 2, 0, 4);
	p[1] = pkt_signal(VA, 1);
	pkt_dispatch(&p[2], 0, 1, FAKE_DONE, 1, 0);
	p[4] = pkt(0x7f, SC_FLAG_RECORD); /* not even looked at */
	p[5] = pkt_signal(VA + 8, 1);
	bench_submit(b, KERNEL, p, 6);
	assert_int_equal(bench_queue_state(b, KERNEL), SC_QUEUE_WAITING);
	bench_command(b, OTHER, SC_QUEUE_CMD_RESET);
	bench_wait_state(b, OTHER, SC_QUEUE_STOPPED);
	bench_run(b);
	assert_int_equal(bench_queue_read(b, KERNEL, SC_Q_RETIRED), 6);
	assert_int_equal(word(b, VA), 0);
	assert_int_equal(word(b, VA + 8), 1);
	assert_int_equal(fake_core_log_count(), 0);
	/* what had retired before the one RESET still counts, what had not does not */
	bench_queue_write(b, OTHER, SC_Q_INDEX, 100);
	bench_command(b, OTHER, SC_QUEUE_CMD_START);
	p[0] = wait_queue(OTHER, 1, 0, 1);
	p[1] = pkt_signal(VA, 7);
	bench_submit(b, KERNEL, p, 2);
	assert_int_equal(word(b, VA), 7);
	p[0] = wait_queue(OTHER, 2, 0, 1);
	p[1] = pkt_signal(VA, 8);
	bench_submit(b, KERNEL, p, 2);
	assert_int_equal(word(b, VA), 7);
	/* an epoch that never was: the driver's way to skip a job */
	p[0] = wait_queue(OTHER, ~0ULL, 0xffffffff, 1);
	bench_submit(b, KERNEL, p, 2);
	assert_int_equal(word(b, VA), 7);
	assert_int_equal(bench_queue_read(b, KERNEL, SC_Q_RETIRED), 12);
}

/* What is skipped at the end of a list claims slots behind it: the list ends all the same. */
static void test_skip_in_list(void **state)
{
	struct bench *b = *state;
	union packet call = pkt(SC_OP_INDIRECT, 0);
	union packet list[2] = { wait_queue(OTHER, 1, 77, 1),
				 { { .hdr = SC_HDR(SC_OP_DISPATCH, 0, 15) } } };

	memcpy(b->card + PA, list, sizeof(list));
	call.body[0] = PA;
	call.body[2] = 2;
	bench_submit(b, DRIVER, &call, 1);
	assert_int_equal(bench_queue_state(b, DRIVER), SC_QUEUE_IDLE);
	assert_int_equal(bench_queue_read(b, DRIVER, SC_Q_RETIRED), 1);
}

/* The skipped packets' records say so. */
static void test_skip_records(void **state)
{
	struct bench *b = *state;
	union packet p[2] = { wait_queue(OTHER, 1, 77, 1), pkt(SC_OP_NOP, SC_FLAG_RECORD) };

	bench_queue_setup(b, 6, 2, SC_QUEUE_KERNEL_RING);
	bench_queue_write(b, 6, SC_Q_RECORD_BASE, 0x200000);
	bench_command(b, 6, SC_QUEUE_CMD_START);
	bench_submit(b, 6, p, 2);
	assert_int_equal(record(b, 1)->status, SC_STATUS_ABORTED);
	assert_int_equal(record(b, 1)->code, SC_CODE_DEPENDENCY);
}

static void test_grid_indirect(void **state)
{
	struct bench *b = *state;
	union packet d[2];
	uint32_t grid[3] = { 2, 3, 4 };
	unsigned int i;

	pkt_dispatch(d, SC_FLAG_GRID_INDIRECT, 0, FAKE_DONE, 1, 0);
	d[0].dispatch.grid_y = 0;
	d[0].dispatch.grid_z = 0;
	d[0].dispatch.grid_addr = VA + 4;
	memcpy(b->card + PA + 4, grid, 12);
	bench_submit(b, USER, d, 2);
	assert_int_equal(fake_core_log_count(), 24);
	for (i = 0; i < 24; i++)
		assert_int_equal(fake_core_log(i)->rank, fake_core_log(i)->wg[0] +
				 2 * fake_core_log(i)->wg[1] + 6 * fake_core_log(i)->wg[2]);
	grid[1] = 0;
	memcpy(b->card + PA + 4, grid, 12);
	bench_submit(b, USER, d, 2); /* runs none */
	assert_int_equal(bench_queue_read(b, USER, SC_Q_RETIRED), 4);
	grid[1] = 65536;
	memcpy(b->card + PA + 4, grid, 12);
	expect(b, USER, d, 2, SC_CODE_BAD_GRID);
	assert_int_equal(fake_core_log_count(), 24);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, bench_teardown)
	const struct CMUnitTest tests[] = {
		TEST(test_reserved_members), TEST(test_reserved_header), TEST(test_opcodes),
		TEST(test_privileged), TEST(test_list_is_not_privileged), TEST(test_bad_fields),
		TEST(test_bad_dispatch), TEST(test_arguments), TEST(test_most), TEST(test_faults),
		TEST(test_copy_rows),
		TEST(test_fill_rows), TEST(test_fill_zero), TEST(test_timestamp_and_record),
		TEST(test_record_unmapped), TEST(test_indirect), TEST(test_indirect_faults),
		TEST(test_poison), TEST(test_list_changes_itself), TEST(test_wait_in_list),
		TEST(test_wait_queue), TEST(test_wait_queue_skip),
		TEST(test_skip_in_list), TEST(test_skip_records), TEST(test_grid_indirect),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
