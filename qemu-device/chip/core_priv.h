/* SPDX-License-Identifier: MIT */
/*
 * Inside a core: its state, and what its parts (core.c, core_mem.c, hart.c,
 * hart_fp.c, vector*.c) ask of one another. Nothing outside includes this file, tests of
 * the hart and seedchip-run-elf excepted.
 *
 * The invariant: between two instructions `pc` and `insns` are held in the
 * interpreter's local variables; whoever is called from it with a faulting
 * instruction's pc gets it as an argument, and they are exact in the structure
 * whenever sc_hart_run() is not executing.
 */
#ifndef SC_CORE_PRIV_H
#define SC_CORE_PRIV_H

#include "core.h"
#include "decode.h"
#include "engine.h"
#include "timing_record.h"

#define SC_CODE_PAGES 256 /* pages of decoded code, direct-mapped */
#define SC_STOP_POLL  4096 /* instructions from one look at *stop to the next */

#define SC_TCM_CACHED_BIT(va) ((va) / SC_PAGE_SIZE % 64) /* more than one page may share it */
#define SC_CODE_INDEX(va) (((va) / SC_PAGE_SIZE) % SC_CODE_PAGES)

/* What vector instructions that are known depend on; vl is not 0. */
#define SC_VSETTING(vl, vtype) ((uint64_t)(vl) << 32 | (vtype))

#define sc_likely(x)   __builtin_expect(!!(x), 1)
#define sc_unlikely(x) __builtin_expect(!!(x), 0)

/* One page of decoded code: SC_CODE_RECS records for the page `page`. */
struct sc_code_slot {
	uint64_t page;
	struct sc_rec *recs;
};

struct sc_core {
	/* architectural state */
	uint64_t x[33]; /* [SC_X_SINK] takes writes to x0 */
	uint64_t f[32];
	uint64_t pc;
	uint64_t insns; /* retired by this workgroup */
	uint64_t cycle_base; /* added to it in CSR CYCLE, not 0 in seedchip-run-elf alone */
	uint64_t instret_base;
	uint32_t fcsr;
	uint8_t *v; /* vector registers, then the vector unit's buffers; NULL without */
	uint64_t vl;
	uint64_t vtype;
	uint64_t vstart;
	uint32_t vcsr;
	bool reserved; /* by LR: */
	uint8_t reserved_size;
	uint64_t reserved_va;
	uint64_t reserved_value;

	struct sc_tlb_entry read[SC_TLB_SIZE];
	struct sc_tlb_entry write[SC_TLB_SIZE];
	struct sc_code_slot code[SC_CODE_PAGES];
	struct sc_rec *recs; /* SC_CODE_PAGES * SC_CODE_RECS, touched as used */

	/* the workgroup */
	const struct sc_launch *launch;
	uint32_t wg[3];
	uint32_t rank;
	uint64_t meets; /* sd.meet passed */
	uint64_t arrivals; /* sd.arrive executed */
	uint64_t quantum_end; /* value of insns at which to yield */
	uint64_t budget_end; /* value of insns at which the interpreter calls sc_core_budget() */
	uint64_t guard; /* scratchpad offset of the guard page */
	bool peers; /* whether the launch has any */
	struct sc_fault fault;

	/* the caches are valid for */
	unsigned int context;
	uint64_t stamp;
	uint64_t code_stamp;
	uint64_t tcm_cached; /* scratchpad pages in the translation cache, SC_TCM_CACHED_BIT() */

	/* the core */
	struct sc_chip *chip;
	unsigned int id;
	uint64_t isa;
	bool strict;
	uint8_t *tcm;
	uint32_t tcm_size;
	uint32_t cores; /* of the chip */
	uint32_t vlen;
	uint32_t vlmax[256]; /* by vtype; 0: there is none such */
	uint64_t vsetting; /* SC_VSETTING() where vstart is 0 and nothing is recorded, or 0 */
	const struct sc_vector_path *vpath; /* how this host computes vectors */
	struct sc_vset *vknown; /* vector_known.c: SC_VKNOWN of them, by an instruction's word */
	struct sc_vlazy *lazy; /* and what is put off, and */
	bool lazy_allowed; /* whether this workgroup may do so */
	bool unsettled; /* whether there is anything */
	struct sc_engines *engines;
	struct sc_core_stats stats;
	struct sc_recorder *recorder; /* NULL: no timing */
	const void *const *labels; /* the interpreter's handlers, by enum sc_hop */
};

/* What an instruction that the interpreter does not execute itself led to. */
enum sc_step {
	SC_STEP_NEXT, /* executed */
	SC_STEP_FAULT, /* core->fault is set; the instruction has not retired */
	SC_STEP_BLOCKED, /* not executed; try again later */
	SC_STEP_STOPPED,
};

/* hart.c */

/**
 * sc_hart_run() - execute from core->pc
 *
 * Ends at the first block boundary at which insns has reached quantum_end, or
 * as sc_core_run() says. With @core NULL it stores the handlers' addresses in
 * @labels and does nothing else.
 */
enum sc_run sc_hart_run(struct sc_core *core, const void *const **labels);

/* hart_fp.c */

/** sc_hart_fp() - execute a floating-point instruction; false: illegal rounding mode. */
bool sc_hart_fp(struct sc_core *core, const struct sc_rec *rec);

/* vector.c */

/** sc_vector() - execute a vector instruction, pc and insns exact; false: core->fault is set. */
bool sc_vector(struct sc_core *core, uint32_t word);

/** sc_vector_init() - what follows from vlen. */
void sc_vector_init(struct sc_core *core);

/** sc_vector_reset() - vector CSRs as a workgroup finds them. */
void sc_vector_reset(struct sc_core *core);

/** sc_vector_read_csr() - false if there is no such CSR of the vector unit. */
bool sc_vector_read_csr(const struct sc_core *core, unsigned int csr, uint64_t *value);
bool sc_vector_write_csr(struct sc_core *core, unsigned int csr, uint64_t value);

/* vector_known.c */

/** sc_vector_lazy() - state of a core, to be freed with free(); NULL: out of memory. */
struct sc_vlazy *sc_vector_lazy(uint32_t vlen);

void sc_vector_settle_all(struct sc_core *core);

/** sc_vector_settle() - make scratchpad, vector registers and flags what they are said to be. */
static inline void sc_vector_settle(struct sc_core *core)
{
	if (sc_unlikely(core->unsettled))
		sc_vector_settle_all(core);
}

/* core.c */

/** sc_core_trap() - begin a fault record of the hart: status by @code, all else zero. */
struct sc_fault *sc_core_trap(struct sc_core *core, enum sc_code code);

/** sc_core_access_fault() - sc_core_trap() for an address. */
void sc_core_access_fault(struct sc_core *core, enum sc_code code, uint64_t va, uint32_t size,
			  uint32_t access);

/** sc_core_budget() - at a block boundary: start a budget (SC_RUN_DONE), or why to leave. */
enum sc_run sc_core_budget(struct sc_core *core);

/** sc_core_csr() - a Zicsr instruction; false: BAD_CSR is set. core->insns is exact. */
bool sc_core_csr(struct sc_core *core, const struct sc_rec *rec);

/** sc_core_vendor() - a vendor instruction. core->pc and core->insns are exact. */
enum sc_step sc_core_vendor(struct sc_core *core, const struct sc_rec *rec);

/* core_mem.c: false: core->fault is set, its pc excepted. */

/** sc_core_load() - read 1 to 8 bytes; the way behind the translation cache. */
bool sc_core_load(struct sc_core *core, uint64_t va, unsigned int size, uint64_t pc,
		  uint64_t *value);
bool sc_core_store(struct sc_core *core, uint64_t va, unsigned int size, uint64_t pc,
		   uint64_t value);

/**
 * sc_core_span() - move bytes within one page at once
 *
 * Return: false if that is not possible; the slow way then finds out why.
 */
bool sc_core_span(struct sc_core *core, uint64_t va, unsigned int size, bool store, void *buf);

/** sc_core_tcm_range() - bytes of the own scratchpad, NULL if they are not all accessible. */
static inline uint8_t *sc_core_tcm_range(const struct sc_core *core, uint64_t va,
					 uint64_t size)
{
	uint64_t offset = va - SC_VA_TCM;

	if (sc_likely(offset < core->guard && size <= core->guard - offset))
		return core->tcm + offset;
	if (offset >= core->tcm_size || size > core->tcm_size - offset ||
	    (offset < core->guard + SC_STACK_GUARD && offset + size > core->guard))
		return NULL;
	return core->tcm + offset;
}

/**
 * sc_core_tcm_bytes() - bytes of the own scratchpad that may be accessed at once
 *
 * Return: NULL if that is not possible; the slow way then finds out why.
 */
static inline uint8_t *sc_core_tcm_bytes(const struct sc_core *core, uint64_t va, uint64_t size)
{
	return core->strict && sc_engines_busy(core->engines) ? NULL :
								 sc_core_tcm_range(core, va, size);
}

/** sc_core_amo() - an instruction of the A extension. */
bool sc_core_amo(struct sc_core *core, const struct sc_rec *rec, uint64_t pc);

/** sc_core_fetch() - make the decoded page of @pc present in its slot. */
bool sc_core_fetch(struct sc_core *core, uint64_t pc);

/** sc_core_flush_data() - forget cached translations. */
void sc_core_flush_data(struct sc_core *core);

/** sc_core_flush_code() - forget decoded code. */
void sc_core_flush_code(struct sc_core *core);

#endif /* SC_CORE_PRIV_H */
