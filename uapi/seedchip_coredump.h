/* SPDX-License-Identifier: MIT */
/*
 * The dump that the driver hands to devcoredump when a queue fails, and that
 * seedchip-coredump reads: a header, then sections. All values little-endian;
 * a reader passes over sections that it does not know.
 */
#ifndef SEEDCHIP_COREDUMP_H
#define SEEDCHIP_COREDUMP_H

#include "seedchip_hw.h"

#define SC_COREDUMP_MAGIC   0x504d554431435353ULL /* "SSC1DUMP" */
#define SC_COREDUMP_VERSION 1 /* of what is there; new sections alone do not change it */

/* X(name, number, meaning); `id` of a section is a queue, a context, or as said */
#define SC_COREDUMP_TABLE(X)                                                                      \
	X(FAULT, 1, "struct sc_fault, with where the job was if a reset has told")                \
	X(DEVICE_REGS, 2, "array of struct sc_coredump_reg")                                      \
	X(CONTEXT_REGS, 3, "the same of a context")                                               \
	X(QUEUE_REGS, 4, "the same of a queue")                                                   \
	X(QUEUE, 5, "struct sc_coredump_queue: the driver's view of a queue")                     \
	X(STATE, 6, "struct sc_queue_state")                                                      \
	X(RING, 7, "array of struct sc_packet; id: low half of the first one's index")            \
	X(WALK, 8, "struct sc_coredump_walk; id 0: address of the access, 1: pc") \
	X(CODE, 9, "instructions around pc; id: bytes from the first one to pc")                  \
	X(CORE, 10, "struct sc_core_dump and vector registers")

#define SC_COREDUMP_ENUM_(name, number, text) SC_COREDUMP_##name = number,
enum sc_coredump_type { SC_COREDUMP_TABLE(SC_COREDUMP_ENUM_) };

/**
 * struct sc_coredump_header - begins the dump
 * @magic: SC_COREDUMP_MAGIC
 * @version: SC_COREDUMP_VERSION
 * @size: bytes of the whole dump
 * @spec_hash: SC_SPEC_HASH of the driver
 * @time: nanoseconds since 1970
 * @serial: SERIAL of the card
 * @generation: GENERATION before any reset that followed
 * @queue: the one that has failed
 * @pid: process that opened the file, 0: the driver's own queue
 * @truncated: sections that had no room
 * @comm: name of the process
 * @card: PCI address
 */
struct sc_coredump_header {
	__u64 magic;
	__u32 version;
	__u32 size;
	__u64 spec_hash;
	__u64 time;
	__u64 serial;
	__u32 generation;
	__u32 queue;
	__u32 pid;
	__u32 truncated;
	char comm[16];
	char card[32];
};

/**
 * struct sc_coredump_section - begins a section
 * @type: enum sc_coredump_type
 * @id: as the table says
 * @size: bytes that follow; the next section is at the next multiple of 8
 * @pad: zero
 */
struct sc_coredump_section {
	__u32 type;
	__u32 id;
	__u32 size;
	__u32 pad;
};

/**
 * struct sc_coredump_reg - a register
 * @offset: in its block
 * @width: bytes
 * @value: what it read as
 */
struct sc_coredump_reg {
	__u32 offset;
	__u32 width;
	__u64 value;
};

/**
 * struct sc_coredump_queue - what the driver knows of a queue
 * @write: index of the next packet
 * @retired: highest index that it has seen retired
 * @rung: last doorbell
 * @armed: ARM, ~0 when none
 * @handle: of the queue in its file
 * @context: hardware context
 * @epoch: EPOCH as of the last command
 * @ring_log2: log2 of the ring in slots
 * @priority: PRIORITY
 * @jobs: submissions that had not retired
 * @gated: of those, held back for fences of others
 * @timeout_ms: without progress
 */
struct sc_coredump_queue {
	__u64 write;
	__u64 retired;
	__u64 rung;
	__u64 armed;
	__u32 handle;
	__u32 context;
	__u32 epoch;
	__u32 ring_log2;
	__u32 priority;
	__u32 jobs;
	__u32 gated;
	__u32 timeout_ms;
};

#define SC_COREDUMP_LEVELS 4

/**
 * struct sc_coredump_walk - how an address translates, from the top table down
 * @va: address
 * @levels: entries that were read; the last one is a leaf, not valid, or not readable by the CPU
 * @pad: zero
 * @table: card address of each entry
 * @entry: its value
 */
struct sc_coredump_walk {
	__u64 va;
	__u32 levels;
	__u32 pad;
	__u64 table[SC_COREDUMP_LEVELS];
	__u64 entry[SC_COREDUMP_LEVELS];
};

#endif /* SEEDCHIP_COREDUMP_H */
