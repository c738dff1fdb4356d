/* SPDX-License-Identifier: MIT */
/*
 * What a launch costs: the paths that bench/launch counts, one struct a row of
 * the table of docs/performance.md, and the counter that it reads.
 */
#ifndef LAUNCH_H
#define LAUNCH_H

#include <stdbool.h>
#include <stdint.h>

#include "seedchip_accel.h"

/**
 * struct launch_card - one of the machine's two cards
 * @index: of the device file
 * @fd: device file
 * @icount: GUEST_ICOUNT
 * @buffer: system memory, mapped at LAUNCH_VA of the card
 * @rings: likewise, at LAUNCH_RINGS
 */
struct launch_card {
	unsigned int index;
	int fd;
	const volatile uint64_t *icount;
	volatile uint64_t *buffer;
	char *rings;
};

/* Card 0 starts at once, card 1 after two microseconds. */
extern struct launch_card launch_cards[2];

#define LAUNCH_VA    0x10000000ULL
#define LAUNCH_RINGS 0x20000000ULL
#define LAUNCH_HEAP  0x40000000ULL /* what the paths and the crowd map */
#define LAUNCH_CROWD 0x100000000ULL

/**
 * struct launch_path - one way to have work done
 * @name: row of the table
 * @floor: instructions of a minimal driver, 0: not known
 * @must: most instructions
 * @aim: what they should be
 * @per: operations of one @run
 * @bare: switch to functions that do nothing, for what the path costs besides them, and back;
 *	  or NULL
 * @open: before the first @run; returns 0 or a negative errno
 * @prepare: before each @run and outside of the count, or NULL
 * @run: what is counted; returns 0 or a negative errno
 * @settle: after each @run, likewise outside, or NULL
 * @close: after the last
 * @doorbells: of the queues that it rings, so far; NULL: has none
 * @against: peer that it is compared with, or NULL
 */
struct launch_path {
	const char *name;
	double floor, must, aim;
	unsigned int per;
	void (*bare)(bool bare);
	int (*open)(void);
	void (*prepare)(void);
	int (*run)(void);
	void (*settle)(void);
	void (*close)(void);
	uint64_t (*doorbells)(void);
	const struct launch_path *against;
};

extern const struct launch_path launch_paths[];
extern const unsigned int launch_num_paths;

/* Peers: their devices do not keep the guest's time, so medians are compared. */
extern const struct launch_path launch_nvme, launch_nvme_fast, launch_virtio;

/* launch_runtime.c: the paths of the runtime */
#define LAUNCH_BATCH 32
void launch_runtime_bare(bool bare);
int launch_runtime_open(void);
int launch_runtime_open_kernel(void);
int launch_runtime_run(void);
int launch_runtime_steps(void);
int launch_runtime_batch(void);
int launch_pool_run(void);
int launch_graph_open(void);
int launch_graph_run(void);
void launch_runtime_settle(void);
void launch_runtime_close(void);
uint64_t launch_runtime_doorbells(void);

int launch_open_cards(void);
/** launch_crowd() - 256 queues and 100,000 mapped buffers on each card. */
int launch_crowd(void);

#endif /* LAUNCH_H */
