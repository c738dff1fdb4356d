/* SPDX-License-Identifier: MIT */
/*
 * A bench for the chip model: system memory that is an array, counters for what
 * the host is told, and a small driver that maps pages and fills rings.
 */
#ifndef CHIP_BENCH_H
#define CHIP_BENCH_H

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "qemu-device/chip/chip.h"
#include "seedchip_kernel_abi.h"

#define BENCH_SYSTEM  0x400000 /* bytes of system memory, from address 0 */
#define BENCH_CARD    0x1000000
#define BENCH_EVENTS  0x1000 /* event ring, 16 entries */
#define BENCH_STATE   0x10000 /* queue states, 128 bytes each */
#define BENCH_DUMP    0x40000 /* core dumps, 16 KiB per queue */
#define BENCH_RINGS   0x200000 /* card address of the rings, 64 KiB each */
#define BENCH_TABLES  0x800000 /* card address of page tables */
#define BENCH_VECTOR(q) (1 + (q) % 15)

struct bench_queue {
	unsigned int context, log2;
	uint64_t index; /* write index */
	uint64_t ring; /* card address of the ring */
};

struct bench {
	struct sc_chip *chip;
	uint8_t *system;
	uint8_t *card;
	uint64_t now;
	unsigned int irqs[SC_MAX_VECTORS];
	unsigned int strict[SC_STRICT_COUNT], strict_total;
	char text[160];
	unsigned int kicks, timers;
	uint8_t nvram[8192]; /* last image that the chip has handed over */
	unsigned int nvram_stores;
	uint64_t refuse; /* host refuses this page; ~0: none */
	int (*hook)(struct bench *b, uint64_t addr, size_t len, bool write); /* sees every DMA */
	uint64_t tables; /* next free page table */
	uint64_t roots[SC_MAX_CONTEXTS];
	struct bench_queue queues[SC_MAX_QUEUES];
};

/* Strict, sync, 4 cores, 16 queues, 4 slots unless @config says otherwise (NULL: default). */
struct bench *bench_create(const struct sc_config *config);
void bench_destroy(struct bench *b);
struct sc_config bench_config(void);

/* cmocka's teardown of a test whose state is a bench: no mistake was the driver's. */
int bench_teardown(void **state);

/* Enable the device, the event ring and context 0. */
void bench_enable(struct bench *b);
/* Enable a context; its page table is empty. */
void bench_context(struct bench *b, unsigned int context);
/* A bench that is enabled, with contexts 1 to @contexts. */
struct bench *bench_ready(const struct sc_config *config, unsigned int contexts);
/* Map one page; flags are SC_PTE_*. */
void bench_map(struct bench *b, unsigned int context, uint64_t va, uint64_t pa, uint64_t flags);
uint64_t *bench_pte(struct bench *b, unsigned int context, uint64_t va);
/* Configure and start a queue; its ring is mapped at BENCH_RING_VA(q) in its context. */
void bench_queue(struct bench *b, unsigned int queue, unsigned int context, uint32_t flags);
void bench_queue_setup(struct bench *b, unsigned int queue, unsigned int context, uint32_t flags);
#define BENCH_RING_VA(q) (SC_VA_KERNEL_START + (q) * 0x10000ULL)
#define BENCH_LOG2	 4

void bench_queue_write(struct bench *b, unsigned int queue, unsigned int reg, uint64_t value);
uint64_t bench_queue_read(struct bench *b, unsigned int queue, unsigned int reg);
unsigned int bench_queue_state(struct bench *b, unsigned int queue);
void bench_command(struct bench *b, unsigned int queue, uint32_t command);
/* Append slots, phase bits are added; returns the index behind them. */
uint64_t bench_push(struct bench *b, unsigned int queue, const void *slots, unsigned int count);
void bench_ring(struct bench *b, unsigned int queue);
/* Push, ring, run. */
uint64_t bench_submit(struct bench *b, unsigned int queue, const void *slots, unsigned int count);
/* sync: run until nothing more happens; threads: until the chip is idle. */
void bench_run(struct bench *b);
/* Poll for up to 10 s until RETIRED of the queue is @index. */
void bench_wait(struct bench *b, unsigned int queue, uint64_t index);
/* Poll until a register of the queue, masked, has a value. */
void bench_wait_state(struct bench *b, unsigned int queue, unsigned int state);

struct sc_queue_state bench_state(struct bench *b, unsigned int queue);
const struct sc_event *bench_event(struct bench *b, unsigned int n);
unsigned int bench_events(struct bench *b);
/* The queue is FAULTED with @code, its last event says so; returns the fault. */
const struct sc_fault *bench_expect_fault(struct bench *b, unsigned int queue, unsigned int code);
/* FAULTED -> RESET -> START with the ring empty. */
void bench_recover(struct bench *b, unsigned int queue);
uint64_t bench_card64(struct bench *b, uint64_t addr);

/* A packet by all its names. */
union packet {
	struct {
		__u32 hdr;
		__u32 tag;
		__u64 body[7];
	};
	struct sc_pkt_dispatch dispatch;
	struct sc_pkt_copy copy;
	struct sc_pkt_fill fill;
	struct sc_pkt_wait_queue wait_queue;
	struct sc_pkt_args args;
	uint8_t bytes[SC_SLOT_SIZE];
};

/* Packets. */
union packet pkt(unsigned int op, unsigned int flags);
union packet pkt_signal(uint64_t addr, uint64_t value);
union packet pkt_wait(uint64_t addr, uint64_t value);
union packet pkt_fill(uint64_t dst, uint64_t size, uint64_t pattern);
union packet pkt_copy(uint64_t dst, uint64_t src, uint64_t size);
/* DISPATCH with one argument slot of struct fake_args: two slots at @out. */
void pkt_dispatch(union packet out[2], unsigned int flags, uint32_t groups, uint64_t kind,
		  uint64_t a, uint64_t c);

#endif
