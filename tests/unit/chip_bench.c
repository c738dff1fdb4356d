// SPDX-License-Identifier: MIT
/* See chip_bench.h. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "tests/unit/chip_bench.h"
#include "tests/unit/fake_core.h"

static int host_dma(void *opaque, uint64_t addr, void *buf, size_t len, bool write)
{
	struct bench *b = opaque;
	uint64_t *mem;

	if (b->hook && b->hook(b, addr, len, write))
		return -EIO;
	if (addr >= BENCH_SYSTEM || len > BENCH_SYSTEM - addr ||
	    addr / SC_PAGE_SIZE == b->refuse / SC_PAGE_SIZE)
		return -EIO;
	mem = (uint64_t *)(b->system + addr);
	if (len == 8 && !(addr & 7)) {
		if (write)
			__atomic_store_n(mem, *(uint64_t *)buf, __ATOMIC_RELEASE);
		else
			*(uint64_t *)buf = __atomic_load_n(mem, __ATOMIC_ACQUIRE);
	} else {
		memcpy(write ? (void *)mem : buf, write ? buf : (void *)mem, len);
	}
	return 0;
}

static void host_irq(void *opaque, unsigned int vector)
{
	__atomic_add_fetch(&((struct bench *)opaque)->irqs[vector], 1, __ATOMIC_SEQ_CST);
}

static uint64_t host_time(void *opaque)
{
	return __atomic_add_fetch(&((struct bench *)opaque)->now, 1, __ATOMIC_RELAXED);
}

static uint64_t host_icount(void *opaque)
{
	(void)opaque;
	return 4711;
}

static void host_strict(void *opaque, enum sc_strict_rule rule, const char *text)
{
	struct bench *b = opaque;

	b->strict[rule]++;
	b->strict_total++;
	snprintf(b->text, sizeof(b->text), "%s", text);
}

static void host_kick(void *opaque)
{
	((struct bench *)opaque)->kicks++;
}

static void host_timer(void *opaque)
{
	__atomic_add_fetch(&((struct bench *)opaque)->timers, 1, __ATOMIC_SEQ_CST);
}

static void host_nvram(void *opaque, const void *image, size_t size)
{
	struct bench *b = opaque;

	assert_true(size <= sizeof(b->nvram));
	memcpy(b->nvram, image, size);
	b->nvram_stores++;
}

struct sc_config bench_config(void)
{
	return (struct sc_config){ .cores = 4, .tcm_size = 65536, .card_size = BENCH_CARD,
				   .queues = 16, .slots = 4, .contexts = 8, .serial = 0x1234,
				   .strict = true, .sync = true };
}

struct bench *bench_create(const struct sc_config *config)
{
	static const struct sc_host host = {
		.dma = host_dma, .irq = host_irq, .time_ns = host_time, .icount = host_icount,
		.strict = host_strict, .kick = host_kick, .timer = host_timer,
		.nvram = host_nvram,
	};
	struct sc_config c = config ? *config : bench_config();
	struct bench *b = calloc(1, sizeof(*b));

	assert_non_null(b);
	b->system = mmap(NULL, BENCH_SYSTEM, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
			 -1, 0);
	assert_ptr_not_equal(b->system, MAP_FAILED);
	b->refuse = ~0ULL;
	b->tables = BENCH_TABLES;
	assert_int_equal(sc_chip_create(&c, &host, b, &b->chip), 0);
	b->card = sc_chip_card_memory(b->chip);
	return b;
}

void bench_destroy(struct bench *b)
{
	sc_chip_destroy(b->chip);
	munmap(b->system, BENCH_SYSTEM);
	free(b);
}

int bench_teardown(void **state)
{
	struct bench *b = *state;

	assert_int_equal(b->strict_total, 0);
	bench_destroy(b);
	return 0;
}

static uint64_t context_reg(unsigned int context, unsigned int reg)
{
	return SC_CONTEXT_BASE + context * SC_CONTEXT_STRIDE + reg;
}

void bench_enable(struct bench *b)
{
	sc_chip_write(b->chip, SC_REG_EVENT_BASE, BENCH_EVENTS, 8);
	sc_chip_write(b->chip, SC_REG_EVENT_LOG2, 4, 4);
	sc_chip_write(b->chip, SC_REG_IRQ_ENABLE, SC_IRQ_EVENT | SC_IRQ_COMMAND, 4);
	sc_chip_write(b->chip, SC_REG_CONTROL, SC_CONTROL_ENABLE, 4);
	sc_chip_write(b->chip, context_reg(0, SC_CTX_CONTROL), SC_CONTEXT_ENABLE, 4);
}

static uint64_t new_table(struct bench *b)
{
	uint64_t addr = b->tables;

	b->tables += SC_PAGE_SIZE;
	memset(b->card + addr, 0, SC_PAGE_SIZE);
	return addr;
}

void bench_context(struct bench *b, unsigned int context)
{
	b->roots[context] = new_table(b);
	sc_chip_write(b->chip, context_reg(context, SC_CTX_ROOT), b->roots[context] | SC_PTE_VALID,
		      8);
	sc_chip_write(b->chip, context_reg(context, SC_CTX_CONTROL), SC_CONTEXT_ENABLE, 4);
}

struct bench *bench_ready(const struct sc_config *config, unsigned int contexts)
{
	struct bench *b = bench_create(config);
	unsigned int c;

	bench_enable(b);
	for (c = 1; c <= contexts; c++)
		bench_context(b, c);
	return b;
}

uint64_t *bench_pte(struct bench *b, unsigned int context, uint64_t va)
{
	uint64_t table = b->roots[context], *pte;
	unsigned int level;

	for (level = 3; level; level--) {
		pte = (uint64_t *)(b->card + table) + (va >> (12 + 9 * level) & 511);
		if (!(*pte & SC_PTE_VALID))
			*pte = new_table(b) | SC_PTE_VALID;
		table = *pte & SC_PTE_ADDR;
	}
	return (uint64_t *)(b->card + table) + (va >> 12 & 511);
}

void bench_map(struct bench *b, unsigned int context, uint64_t va, uint64_t pa, uint64_t flags)
{
	__atomic_store_n(bench_pte(b, context, va), pa | flags | SC_PTE_VALID, __ATOMIC_RELEASE);
}

void bench_queue_write(struct bench *b, unsigned int queue, unsigned int reg, uint64_t value)
{
	unsigned int size = 4;

#define SIZE_(name, offset, width, ...) \
	if (reg == (offset))            \
		size = width;
	SC_QUEUE_TABLE(SIZE_)
	sc_chip_write(b->chip, SC_QUEUE_BASE + queue * SC_QUEUE_STRIDE + reg, value, size);
}

uint64_t bench_queue_read(struct bench *b, unsigned int queue, unsigned int reg)
{
	unsigned int size = 4;

	SC_QUEUE_TABLE(SIZE_)
	return sc_chip_read(b->chip, SC_QUEUE_BASE + queue * SC_QUEUE_STRIDE + reg, size);
}

unsigned int bench_queue_state(struct bench *b, unsigned int queue)
{
	return SC_QUEUE_STATE(bench_queue_read(b, queue, SC_Q_STATUS));
}

void bench_command(struct bench *b, unsigned int queue, uint32_t command)
{
	bench_queue_write(b, queue, SC_Q_COMMAND, command);
}

void bench_queue_setup(struct bench *b, unsigned int queue, unsigned int context, uint32_t flags)
{
	struct bench_queue *q = &b->queues[queue];
	uint64_t va = context ? BENCH_RING_VA(queue) : BENCH_RINGS + queue * 0x10000ULL;

	q->context = context;
	q->log2 = BENCH_LOG2;
	q->index = 0;
	q->ring = BENCH_RINGS + queue * 0x10000ULL;
	memset(b->card + q->ring, 0, SC_SLOT_SIZE << BENCH_LOG2);
	if (context)
		bench_map(b, context, va, q->ring,
			  SC_PTE_READ | (flags & SC_QUEUE_KERNEL_RING ? SC_PTE_ENGINE : 0));
	bench_queue_write(b, queue, SC_Q_RING_BASE, va);
	bench_queue_write(b, queue, SC_Q_CONFIG,
			  BENCH_LOG2 | BENCH_VECTOR(queue) << SC_QUEUE_VECTOR_SHIFT | flags);
	bench_queue_write(b, queue, SC_Q_CONTEXT, context);
	bench_queue_write(b, queue, SC_Q_STATE_ADDR, BENCH_STATE + queue * 128);
	bench_queue_write(b, queue, SC_Q_DUMP_ADDR, BENCH_DUMP + queue * 0x4000);
	bench_queue_write(b, queue, SC_Q_WG_LIMIT, 1000000);
	bench_queue_write(b, queue, SC_Q_INDEX, 0);
}

void bench_queue(struct bench *b, unsigned int queue, unsigned int context, uint32_t flags)
{
	bench_queue_setup(b, queue, context, flags);
	bench_command(b, queue, SC_QUEUE_CMD_START);
}

uint64_t bench_push(struct bench *b, unsigned int queue, const void *slots, unsigned int count)
{
	struct bench_queue *q = &b->queues[queue];
	const union packet *p = slots;
	uint8_t *slot;
	uint64_t first;
	unsigned int i;

	/* The last slot first: a packet becomes valid after its arguments. */
	for (i = count; i--;) {
		uint64_t index = q->index + i;
		union packet copy = p[i];

		slot = b->card + q->ring + (index & ((1u << q->log2) - 1)) * SC_SLOT_SIZE;
		copy.hdr |= SC_PHASE(index, q->log2);
		memcpy(slot + 8, copy.body, sizeof(copy.body));
		memcpy(&first, &copy, 8);
		__atomic_store_n((uint64_t *)slot, first, __ATOMIC_RELEASE);
	}
	q->index += count;
	return q->index;
}

void bench_ring(struct bench *b, unsigned int queue)
{
	sc_chip_doorbell_write(b->chip, queue * 0x1000ULL, (uint32_t)b->queues[queue].index, 4);
}

static void pause_ns(long ns)
{
	struct timespec ts = { 0, ns };

	nanosleep(&ts, NULL);
}

void bench_run(struct bench *b)
{
	unsigned int i;

	if (sc_chip_config(b->chip)->sync) {
		for (i = 0; i < 1000 && sc_chip_run(b->chip, 1000000); i++)
			;
		return;
	}
	for (i = 0; i < 100000 && !sc_chip_idle(b->chip); i++)
		pause_ns(100000);
	assert_true(i < 100000);
}

uint64_t bench_submit(struct bench *b, unsigned int queue, const void *slots, unsigned int count)
{
	uint64_t index = bench_push(b, queue, slots, count);

	bench_ring(b, queue);
	if (sc_chip_config(b->chip)->sync)
		bench_run(b);
	return index;
}

void bench_wait(struct bench *b, unsigned int queue, uint64_t index)
{
	unsigned int i;

	for (i = 0; i < 100000 && bench_queue_read(b, queue, SC_Q_RETIRED) != index; i++) {
		if (sc_chip_config(b->chip)->sync)
			sc_chip_run(b->chip, 1000000);
		else
			pause_ns(100000);
	}
	assert_int_equal(bench_queue_read(b, queue, SC_Q_RETIRED), index);
}

void bench_wait_state(struct bench *b, unsigned int queue, unsigned int state)
{
	unsigned int i;

	for (i = 0; i < 100000 && (bench_queue_read(b, queue, SC_Q_STATUS) &
				   (0xf | SC_QUEUE_BUSY)) != state; i++) {
		if (sc_chip_config(b->chip)->sync)
			sc_chip_run(b->chip, 1000000);
		else
			pause_ns(100000);
	}
	assert_int_equal(bench_queue_state(b, queue), state);
}

struct sc_queue_state bench_state(struct bench *b, unsigned int queue)
{
	union {
		struct sc_queue_state state;
		uint64_t words[sizeof(struct sc_queue_state) / 8];
	} s;
	const uint64_t *page = (uint64_t *)(b->system + BENCH_STATE + queue * 128);
	unsigned int i;

	for (i = 0; i < sizeof(s) / 8; i++)
		s.words[i] = __atomic_load_n(page + i, __ATOMIC_ACQUIRE);
	return s.state;
}

const struct sc_event *bench_event(struct bench *b, unsigned int n)
{
	return (const struct sc_event *)(b->system + BENCH_EVENTS) + n % 16;
}

unsigned int bench_events(struct bench *b)
{
	return sc_chip_read(b->chip, SC_REG_EVENT_HEAD, 4);
}

const struct sc_fault *bench_expect_fault(struct bench *b, unsigned int queue, unsigned int code)
{
	const struct sc_fault *f;

	bench_wait_state(b, queue, SC_QUEUE_FAULTED);
	assert_true(bench_events(b) > 0);
	f = &bench_event(b, bench_events(b) - 1)->fault;
	assert_int_equal(f->code, code);
	assert_int_equal(f->queue, queue);
	assert_int_equal(f->context, b->queues[queue].context);
	assert_int_equal(f->index, bench_queue_read(b, queue, SC_Q_RETIRED));
	assert_int_equal(SC_QUEUE_FAULT(bench_queue_read(b, queue, SC_Q_STATUS)), f->status);
	sc_chip_write(b->chip, SC_REG_EVENT_TAIL, bench_events(b), 4);
	return f;
}

void bench_recover(struct bench *b, unsigned int queue)
{
	struct bench_queue *q = &b->queues[queue];

	bench_command(b, queue, SC_QUEUE_CMD_RESET);
	bench_wait_state(b, queue, SC_QUEUE_STOPPED);
	q->index = bench_queue_read(b, queue, SC_Q_RETIRED);
	memset(b->card + q->ring, 0, SC_SLOT_SIZE << q->log2);
	q->index = (q->index | ((2ULL << q->log2) - 1)) + 1; /* a lap of phase 1 */
	bench_queue_write(b, queue, SC_Q_INDEX, q->index);
	bench_command(b, queue, SC_QUEUE_CMD_START);
}

uint64_t bench_card64(struct bench *b, uint64_t addr)
{
	return __atomic_load_n((uint64_t *)(b->card + addr), __ATOMIC_ACQUIRE);
}

union packet pkt(unsigned int op, unsigned int flags)
{
	return (union packet){ { .hdr = SC_HDR(op, flags, 0), .tag = 0x100 + op } };
}

union packet pkt_signal(uint64_t addr, uint64_t value)
{
	union packet p = pkt(SC_OP_SIGNAL, 0);

	p.body[0] = addr;
	p.body[1] = value;
	return p;
}

union packet pkt_wait(uint64_t addr, uint64_t value)
{
	union packet p = pkt(SC_OP_WAIT, 0);

	p.body[0] = addr;
	p.body[1] = value;
	return p;
}

union packet pkt_fill(uint64_t dst, uint64_t size, uint64_t pattern)
{
	return (union packet){ .fill = { .hdr = SC_HDR(SC_OP_FILL, 0, 0), .tag = 0xf1, .dst = dst,
					 .size = size, .pattern = pattern, .rows = 1 } };
}

union packet pkt_copy(uint64_t dst, uint64_t src, uint64_t size)
{
	return (union packet){ .copy = { .hdr = SC_HDR(SC_OP_COPY, 0, 0), .tag = 0xc0, .dst = dst,
					 .src = src, .size = size, .rows = 1 } };
}

void pkt_dispatch(union packet out[2], unsigned int flags, uint32_t groups, uint64_t kind,
		  uint64_t a, uint64_t c)
{
	struct fake_args f = { kind, a, c };

	out[0] = (union packet){ .dispatch = { .hdr = SC_HDR(SC_OP_DISPATCH, flags, 1),
					       .tag = 0xd0, .entry = 0x10000, .grid_x = groups,
					       .grid_y = 1, .grid_z = 1, .args_size = sizeof(f),
					       .stack_size = 4096 } };
	out[1] = (union packet){ .args = { .hdr = SC_HDR(SC_OP_ARGS, 0, 0) } };
	memcpy(out[1].args.data, &f, sizeof(f));
}
