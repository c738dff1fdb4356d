/* SPDX-License-Identifier: MIT */
/*
 * One compute core: hart, scratchpad, matrix engine, DMA channels, counters.
 *
 * A core runs one workgroup at a time and is used by one thread at a time (the
 * worker that holds it). Everything a workgroup does is finished or undone
 * when sc_core_run() says DONE or FAULT: engine queues are empty, nothing is
 * in flight. A core can be set aside between two calls of sc_core_run() and
 * resumed later by another worker (cooperative dispatches need this).
 */
#ifndef SC_CORE_H
#define SC_CORE_H

#include "chip.h"
#include "mmu.h"
#include "seedchip_isa.h"
#include "seedchip_kernel_abi.h"

struct sc_core;
struct sc_tlist;

/**
 * struct sc_launch - everything a core needs to know of a dispatch
 * @context: address space
 * @entry: address of the kernel function
 * @args: argument bytes
 * @args_size: how many, at most SC_MAX_ARGS
 * @tcm_static: bytes of static scratchpad
 * @tcm_dynamic: bytes of dynamic scratchpad
 * @stack_size: bytes of stack
 * @grid: workgroups
 * @cores: value of CSR CORES
 * @log: value of CSR LOG
 * @tag: value of CSR TAG
 * @limit: instructions a workgroup may retire
 * @peers: cooperative: the cores of all workgroups by rank, else NULL
 * @barrier: cooperative: shared state of sd.arrive and sd.meet
 * @stop: set by another thread to make the core return SC_RUN_STOPPED soon
 *
 * Owned by the dispatcher and constant while workgroups of it run, except
 * what @barrier and @stop point to.
 */
struct sc_launch {
	unsigned int context;
	uint64_t entry;
	uint8_t args[SC_MAX_ARGS];
	uint32_t args_size;
	uint32_t tcm_static;
	uint32_t tcm_dynamic;
	uint32_t stack_size;
	uint32_t grid[3];
	uint32_t cores;
	uint64_t log;
	uint32_t tag;
	uint64_t limit;
	struct sc_core **peers;
	struct sc_barrier *barrier;
	const bool *stop; /* read with __atomic_load_n */
};

/**
 * struct sc_barrier - grid barrier of a cooperative dispatch
 * @total: workgroups
 * @arrived: sd.arrive executed, summed over all workgroups; atomic. A
 *	     workgroup that has arrived n times may pass its n-th sd.meet when
 *	     @arrived >= n * @total.
 */
struct sc_barrier {
	uint32_t total;
	uint64_t arrived;
};

enum sc_run {
	SC_RUN_DONE, /* the workgroup has returned and its engines are empty */
	SC_RUN_YIELD, /* the quantum is used up */
	SC_RUN_BLOCKED, /* at sd.meet, other workgroups have not arrived */
	SC_RUN_STOPPED, /* *stop was seen; the workgroup is abandoned */
	SC_RUN_FAULT, /* sc_core_fault() tells */
};

/**
 * struct sc_core_stats - totals of one core, never reset
 *
 * Read by other threads with relaxed atomics; written by the running worker.
 */
struct sc_core_stats {
	uint64_t insns;
	uint64_t macs;
	uint64_t dma_bytes;
};

/** sc_core_create() - core number @id with zeroed scratchpad; NULL, errno: ENOMEM, EOPNOTSUPP. */
struct sc_core *sc_core_create(struct sc_chip *chip, unsigned int id);
void sc_core_destroy(struct sc_core *core);

/** sc_core_clear() - zero scratchpad, accumulators and vector registers: a change of context. */
void sc_core_clear(struct sc_core *core);

/**
 * sc_core_start() - prepare one workgroup
 * @launch: must outlive the workgroup
 * @wg: workgroup index
 * @rank: linear index in the grid
 *
 * The caller has checked that arguments, static, dynamic, guard and stack fit.
 */
void sc_core_start(struct sc_core *core, const struct sc_launch *launch, const uint32_t wg[3],
		   uint32_t rank);

/**
 * sc_core_run() - execute
 * @quantum: retired instructions after which to yield
 *
 * The caller is between sc_mmu_enter() and sc_mmu_leave(); no translation is
 * kept from one call to the next without checking sc_mmu_stamp().
 */
enum sc_run sc_core_run(struct sc_core *core, uint64_t quantum);

/**
 * sc_core_fault() - the fault of the workgroup that ended with SC_RUN_FAULT
 *
 * status, code, core, engine, flags, va, pc, pc_other, value, insns, access,
 * size and wg_* are set; the caller adds queue, context, packet and time.
 */
const struct sc_fault *sc_core_fault(const struct sc_core *core);

/** sc_core_where() - pc, core, insns and wg_* of a workgroup that a reset abandons. */
void sc_core_where(const struct sc_core *core, struct sc_fault *where);

/** sc_core_dump_size() - bytes of a core dump for vector registers of @vlen bits. */
size_t sc_core_dump_size(unsigned int vlen);

/** sc_core_dump() - write struct sc_core_dump and vector registers; @buf has the size above. */
void sc_core_dump(const struct sc_core *core, void *buf);

const struct sc_core_stats *sc_core_stats(const struct sc_core *core);

/**
 * sc_core_take_list() - with timing: what the workgroup has left that ended with SC_RUN_DONE
 *
 * Return: now the caller's; NULL: memory ran out.
 */
struct sc_tlist *sc_core_take_list(struct sc_core *core);

/** sc_core_tcm() - the scratchpad, sc_config.tcm_size bytes. */
uint8_t *sc_core_tcm(struct sc_core *core);

#endif /* SC_CORE_H */
