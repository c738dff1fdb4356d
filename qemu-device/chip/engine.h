/* SPDX-License-Identifier: MIT */
/*
 * The engines of a core: matrix, four DMA channels, sixteen counters.
 *
 * The hart issues operations into in-order queues of SC_EQ_DEPTH and goes on.
 * An operation behind an unsatisfied hold stays queued; otherwise its effect is
 * applied at issue, or, in strict mode, as late as the ordering rules allow:
 * when an await, a full queue, or the end of the workgroup needs it. Counters
 * rise only by posts of this core's own queues, so whether an await can ever be
 * satisfied is always decidable.
 */
#ifndef SC_ENGINE_H
#define SC_ENGINE_H

#include "core.h"

struct sc_engines;
struct sc_recorder;

/*
 * What the engines need from their core. `tcm` is the own scratchpad; memory
 * beyond it is reached in `context`, by the core's cached translations or with
 * sc_mmu_copy(); peers by rank as in struct sc_launch. Set by the core before a workgroup starts.
 */
struct sc_engine_env {
	struct sc_chip *chip;
	unsigned int context;
	struct sc_tlb_entry *read; /* SC_TLB_SIZE each; NULL: nothing is cached */
	struct sc_tlb_entry *write;
	const struct sc_launch *launch; /* NULL in unit tests: no peers */
	uint8_t *tcm;
	uint32_t tcm_size;
	uint64_t isa; /* SC_ISA_* the card has */
	bool strict;
	struct sc_recorder *recorder; /* NULL: no timing */
	struct sc_core_stats *stats;
};

/* Return values of the functions below, beside 0. */
#define SC_ENGINE_FAULT -1 /* *fault is set: status, code, engine, va, pc, value, access, size */

struct sc_engines *sc_engines_create(void);
void sc_engines_destroy(struct sc_engines *engines);

/** sc_engines_clear() - zero accumulators and tile slots: a change of context. */
void sc_engines_clear(struct sc_engines *engines);

/** sc_engines_start() - counters zero, queues empty: the start of a workgroup. */
void sc_engines_start(struct sc_engines *engines, const struct sc_engine_env *env);

/**
 * sc_engines_issue() - execute one vendor instruction of the hart
 * @insn: any of SDM_*, SDD_GO, SD_HOLD, SD_POST, SD_AWAIT, SD_COUNT
 * @imm: immediate in the rd field
 * @rs1: register value
 * @rs2: register value
 * @pc: address of the instruction
 * @rd: result of SD_COUNT
 * @fault: set on failure
 *
 * Never blocks: a full queue is drained, an await applies what it needs.
 */
int sc_engines_issue(struct sc_engines *engines, enum sc_insn insn, unsigned int imm, uint64_t rs1,
		     uint64_t rs2, uint64_t pc, uint64_t *rd, struct sc_fault *fault);

/** sc_engines_finish() - end of workgroup: apply everything; a stuck hold is AWAIT_DEADLOCK. */
int sc_engines_finish(struct sc_engines *engines, struct sc_fault *fault);

/** sc_engines_busy() - operations are queued; only then sc_engines_check() has anything to do. */
bool sc_engines_busy(const struct sc_engines *engines);

/**
 * sc_engines_check() - strict: a scratchpad access of the hart
 * @offset: into the own scratchpad
 *
 * Return: 0, or SC_ENGINE_FAULT with TCM_RACE when a queued operation touches
 * the bytes and one of both writes.
 */
int sc_engines_check(struct sc_engines *engines, uint32_t offset, uint32_t size, bool write,
		     uint64_t pc, struct sc_fault *fault);

/** sc_engines_counters() - the sixteen counters, for a core dump. */
const int32_t *sc_engines_counters(const struct sc_engines *engines);

#endif /* SC_ENGINE_H */
