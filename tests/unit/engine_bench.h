/* SPDX-License-Identifier: MIT */
/*
 * A set of engines on a bench: a scratchpad, flat memory in place of the MMU,
 * and a program counter, for the unit tests of the engines. One instance of
 * everything; bench_reset() makes it as new.
 */
#ifndef ENGINE_BENCH_H
#define ENGINE_BENCH_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "qemu-device/chip/engine.h"

#define TCM_SIZE  0x20000
#define MEM_VA	  0x100000ull /* flat memory; the last page is read-only */
#define MEM_SIZE  0x20000
#define READ_ONLY (MEM_VA + MEM_SIZE - SC_PAGE_SIZE)
#define FIRST_PC  0x8000
#define TCM(offset) (SC_VA_TCM + (offset))

/* What the first issue of the project has, and everything. */
#define ISA_BASE (SC_ISA_XSDM_INT8 | SC_ISA_XSDM_BF16 | SC_ISA_XSDD)
#define ISA_ALL	 (ISA_BASE | SC_ISA_XSDM_INT4 | SC_ISA_XSDM_FP16 | SC_ISA_XSDM_FP8 | \
		  SC_ISA_XSDM_FP32 | SC_ISA_XSDM_GROUP | SC_ISA_XSDD_GATHER)

extern struct sc_engines *engines;
extern struct sc_engine_env env;
extern struct sc_core_stats stats;
extern struct sc_fault fault;
extern uint8_t tcm[TCM_SIZE];
extern uint8_t mem[MEM_SIZE];
extern uint64_t pc; /* of the instruction issued last */
extern unsigned int translations; /* how often sc_mmu_translate() was asked */

/** bench_reset() - new engines; scratchpad and memory filled from @seed. */
void bench_reset(bool strict, uint64_t isa, uint32_t seed);

/** bench_random() - 32 random bits; repeats after bench_seed() or bench_reset(). */
uint32_t bench_random(void);
void bench_seed(uint32_t seed);

/** issue() - one instruction at the next pc; 0 or SC_ENGINE_FAULT. */
int issue(enum sc_insn insn, unsigned int imm, uint64_t rs1, uint64_t rs2);

/** ok() - issue() that must succeed; returns its pc. */
uint64_t ok(enum sc_insn insn, unsigned int imm, uint64_t rs1, uint64_t rs2);

/** refused() - issue() that must fail with @code of @engine, precisely, at its own pc. */
void refused(enum sc_insn insn, unsigned int imm, uint64_t rs1, uint64_t rs2, enum sc_code code,
	     enum sc_engine engine);

/** count() - sd.count that must succeed. */
int64_t count(unsigned int counter);

/** finish() - sc_engines_finish(), @code 0: must succeed. */
void finish(enum sc_code code);

/** hart() - an access of the hart to the scratchpad; 0 or SC_ENGINE_FAULT. */
int hart(uint32_t offset, uint32_t size, bool write);

/** go() - put a DMA descriptor at @at and issue sdd.go. */
int go(unsigned int channel, uint32_t at, const struct sc_dma *dma);

/** cfg() - put a tile descriptor at @at and issue sdm.cfg into slot 0. */
int cfg(uint32_t at, const struct sc_tile *tile);

/** copy_in() - a descriptor of a one-dimensional COPY of memory to scratchpad; copy_out() back. */
struct sc_dma copy_in(uint32_t to, uint32_t from, uint32_t size);
struct sc_dma copy_out(uint32_t to, uint32_t from, uint32_t size);

#endif /* ENGINE_BENCH_H */
