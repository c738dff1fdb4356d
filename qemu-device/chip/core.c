// SPDX-License-Identifier: MIT
/*
 * A compute core around its hart: life cycle, the start of a workgroup, CSRs,
 * vendor instructions, budgets, faults and dumps. The invariant: a workgroup
 * that has started ends exactly once, with SC_RUN_DONE, _FAULT or _STOPPED.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core_priv.h"
#include "fp.h"
#include "vector_path.h"

/* Registers of the calling convention. */
#define X_RA 1
#define X_SP 2
#define X_TP 4
#define X_A0 10

/* CSRs of the standard extensions. */
#define CSR_FFLAGS  0x001
#define CSR_FRM	    0x002
#define CSR_FCSR    0x003
#define CSR_CYCLE   0xc00
#define CSR_TIME    0xc01
#define CSR_INSTRET 0xc02

struct sc_core *sc_core_create(struct sc_chip *chip, unsigned int id)
{
	const struct sc_config *config = sc_chip_config(chip);
	const char *path = getenv("SEEDCHIP_VECTOR");
	struct sc_core *core = calloc(1, sizeof(*core));

	if (!core)
		return NULL;
	core->vpath = sc_vector_path(path);
	if (!core->vpath) {
		fprintf(stderr, "seedchip: SEEDCHIP_VECTOR=%s: not on this host\n", path);
		free(core);
		errno = EOPNOTSUPP;
		return NULL;
	}
	core->chip = chip;
	core->id = id;
	core->strict = config->strict;
	core->tcm_size = config->tcm_size;
	core->cores = config->cores;
	core->vlen = config->vlen;
	sc_vector_init(core);
	/* large calloc()s are fresh zero pages: an idle core costs almost nothing */
	core->recs = calloc((size_t)SC_CODE_PAGES * SC_CODE_RECS, sizeof(*core->recs));
	core->tcm = aligned_alloc(SC_PAGE_SIZE, config->tcm_size);
	core->engines = sc_engines_create();
	/* the registers and as much again for the vector unit's own use */
	if (core->vlen)
		core->v = aligned_alloc(64, (size_t)core->vlen / 8 * 64);
	core->vknown = aligned_alloc(_Alignof(struct sc_vset), SC_VKNOWN * sizeof(*core->vknown));
	core->lazy = sc_vector_lazy(core->vlen);
	if (config->timing)
		core->recorder = sc_recorder_create(&config->machine, &core->insns);
	if (!core->recs || !core->tcm || !core->engines || !core->vknown || !core->lazy ||
	    (core->vlen && !core->v) || (config->timing && !core->recorder)) {
		sc_core_destroy(core);
		return NULL;
	}
	memset(core->vknown, 0, SC_VKNOWN * sizeof(*core->vknown));
	for (unsigned int i = 0; i < SC_CODE_PAGES; i++)
		core->code[i].recs = core->recs + (size_t)i * SC_CODE_RECS;
	sc_hart_run(NULL, &core->labels);
	sc_core_flush_data(core);
	sc_core_flush_code(core);
	sc_core_clear(core);
	return core;
}

void sc_core_destroy(struct sc_core *core)
{
	if (!core)
		return;
	if (core->engines)
		sc_engines_destroy(core->engines);
	sc_recorder_destroy(core->recorder);
	free(core->lazy);
	free(core->vknown);
	free(core->v);
	free(core->tcm);
	free(core->recs);
	free(core);
}

void sc_core_clear(struct sc_core *core)
{
	memset(core->tcm, 0, core->tcm_size);
	sc_engines_clear(core->engines);
	if (core->v)
		memset(core->v, 0, (size_t)core->vlen / 8 * 64);
}

static void start_engines(struct sc_core *core)
{
	const struct sc_engine_env env = {
		.chip = core->chip,
		.context = core->context,
		/* with timing there are none: each access of the hart is recorded */
		.read = core->recorder ? NULL : core->read,
		.write = core->recorder ? NULL : core->write,
		.launch = core->launch,
		.tcm = core->tcm,
		.tcm_size = core->tcm_size,
		.isa = core->isa,
		.strict = core->strict,
		.recorder = core->recorder,
		.stats = &core->stats,
	};

	sc_engines_start(core->engines, &env);
}

void sc_core_start(struct sc_core *core, const struct sc_launch *launch, const uint32_t wg[3],
		   uint32_t rank)
{
	uint64_t guard = core->tcm_size - launch->stack_size - SC_STACK_GUARD;

	if (!core->isa)
		core->isa = sc_chip_read(core->chip, SC_REG_ISA, 8);
	if (core->context != launch->context)
		sc_core_flush_code(core);
	/* guard page, peers and perhaps the address space are new */
	if (core->context != launch->context || core->guard != guard || core->peers ||
	    launch->peers)
		sc_core_flush_data(core);
	core->context = launch->context;
	core->peers = launch->peers;
	core->launch = launch;
	memcpy(core->wg, wg, sizeof(core->wg));
	core->rank = rank;
	core->meets = 0;
	core->arrivals = 0;
	core->guard = guard;

	memset(core->x, 0, sizeof(core->x));
	memset(core->f, 0, sizeof(core->f));
	core->fcsr = 0;
	sc_vector_reset(core);
	/* nobody else sees the scratchpad, and nobody when */
	core->lazy_allowed = !launch->peers && !core->strict && !core->recorder;
	core->reserved = false;
	core->insns = 0;
	core->pc = launch->entry;
	core->x[X_RA] = SC_VA_EXIT;
	core->x[X_SP] = SC_VA_TCM + core->tcm_size;
	core->x[X_TP] = SC_VA_TCM + SC_TCM_STATIC;
	core->x[X_A0] = SC_VA_TCM + SC_TCM_ARGS;
	memcpy(core->tcm + SC_TCM_ARGS, launch->args, launch->args_size);
	start_engines(core);
	if (core->recorder)
		sc_record_start(core->recorder, rank);
}

/* Drop what may be stale since the last run. */
static void check_stamps(struct sc_core *core)
{
	uint64_t stamp = sc_mmu_stamp(core->chip, core->context);
	uint64_t code_stamp = sc_mmu_code_stamp(core->chip, core->context);

	if (stamp != core->stamp)
		sc_core_flush_data(core);
	if (code_stamp != core->code_stamp)
		sc_core_flush_code(core);
	core->stamp = stamp;
	core->code_stamp = code_stamp;
}

static void finish_fault(struct sc_core *core)
{
	struct sc_fault *fault = &core->fault;

	/* the engines name the instruction that issued the operation; the hart may have gone on */
	if (!fault->pc)
		fault->pc = core->pc;
	fault->core = (uint16_t)core->id;
	fault->insns = core->insns;
	fault->wg_x = core->wg[0];
	fault->wg_y = core->wg[1];
	fault->wg_z = core->wg[2];
}

enum sc_run sc_core_run(struct sc_core *core, uint64_t quantum)
{
	uint64_t before = core->insns;
	enum sc_run run;

	check_stamps(core);
	core->quantum_end = quantum > UINT64_MAX - before ? UINT64_MAX : before + quantum;
	run = sc_hart_run(core, NULL);
	sc_vector_settle(core);
	if (run == SC_RUN_DONE) {
		memset(&core->fault, 0, sizeof(core->fault));
		if (sc_engines_finish(core->engines, &core->fault))
			run = SC_RUN_FAULT;
	}
	if (run == SC_RUN_FAULT)
		finish_fault(core);
	__atomic_store_n(&core->stats.insns, core->stats.insns + core->insns - before,
			 __ATOMIC_RELAXED);
	return run;
}

enum sc_run sc_core_budget(struct sc_core *core)
{
	const struct sc_launch *launch = core->launch;
	uint64_t end = core->insns + SC_STOP_POLL;

	if (core->insns > launch->limit) {
		sc_core_trap(core, SC_CODE_WORKGROUP_LIMIT)->value = launch->limit;
		return SC_RUN_FAULT;
	}
	if (launch->stop && __atomic_load_n(launch->stop, __ATOMIC_RELAXED))
		return SC_RUN_STOPPED;
	if (core->insns >= core->quantum_end)
		return SC_RUN_YIELD;
	if (end > core->quantum_end)
		end = core->quantum_end;
	if (end > launch->limit)
		end = launch->limit + 1;
	core->budget_end = end;
	return SC_RUN_DONE;
}

static uint16_t status_of(enum sc_code code)
{
	switch (code) {
#define CASE_(name, number, status, text) \
	case SC_CODE_##name:              \
		return SC_STATUS_##status;
		SC_CODE_TABLE(CASE_)
	}
	return SC_STATUS_DEVICE;
}

struct sc_fault *sc_core_trap(struct sc_core *core, enum sc_code code)
{
	core->fault = (struct sc_fault){
		.status = status_of(code),
		.code = (uint16_t)code,
		.engine = SC_ENGINE_HART,
	};
	return &core->fault;
}

void sc_core_access_fault(struct sc_core *core, enum sc_code code, uint64_t va, uint32_t size,
			  uint32_t access)
{
	struct sc_fault *fault = sc_core_trap(core, code);

	fault->va = va;
	fault->size = size;
	fault->access = access;
}

static bool read_csr(struct sc_core *core, unsigned int csr, uint64_t *value)
{
	const struct sc_launch *launch = core->launch;
	uint64_t dyn = SC_TCM_STATIC + (uint64_t)launch->tcm_static + SC_TCM_ALIGN - 1;

	switch (csr) {
	case CSR_FFLAGS:
		*value = core->fcsr & 0x1f;
		break;
	case CSR_FRM:
		*value = core->fcsr >> 5;
		break;
	case CSR_FCSR:
		*value = core->fcsr;
		break;
	case CSR_CYCLE:
		*value = core->insns + core->cycle_base;
		break;
	case CSR_INSTRET:
		*value = core->insns + core->instret_base;
		break;
	case CSR_TIME:
		*value = sc_chip_read(core->chip, SC_REG_TIME, 8);
		break;
	case SC_CSR_WG_X:
	case SC_CSR_WG_Y:
	case SC_CSR_WG_Z:
		*value = core->wg[csr - SC_CSR_WG_X];
		break;
	case SC_CSR_GRID_X:
	case SC_CSR_GRID_Y:
	case SC_CSR_GRID_Z:
		*value = launch->grid[csr - SC_CSR_GRID_X];
		break;
	case SC_CSR_CORES:
		*value = launch->cores;
		break;
	case SC_CSR_RANK:
		*value = core->rank;
		break;
	case SC_CSR_DYN_ADDR:
		*value = SC_VA_TCM + dyn - dyn % SC_TCM_ALIGN;
		break;
	case SC_CSR_DYN_SIZE:
		*value = launch->tcm_dynamic;
		break;
	case SC_CSR_TCM_SIZE:
		*value = core->tcm_size;
		break;
	case SC_CSR_LOG:
		*value = launch->log;
		break;
	case SC_CSR_TAG:
		*value = launch->tag;
		break;
	default:
		return sc_vector_read_csr(core, csr, value);
	}
	return true;
}

static bool write_csr(struct sc_core *core, unsigned int csr, uint64_t value)
{
	switch (csr) {
	case CSR_FFLAGS:
		core->fcsr = (core->fcsr & ~0x1fu) | (value & 0x1f);
		return true;
	case CSR_FRM:
		core->fcsr = (core->fcsr & 0x1f) | (value & 7) << 5;
		return true;
	case CSR_FCSR:
		core->fcsr = value & 0xff;
		return true;
	}
	return sc_vector_write_csr(core, csr, value);
}

bool sc_core_csr(struct sc_core *core, const struct sc_rec *rec)
{
	uint32_t word = (uint32_t)rec->imm;
	unsigned int csr = word >> 20, op = SC_INSN_FUNCT3(word);
	uint64_t operand = op & 4 ? rec->rs1 : core->x[rec->rs1], old, new = 0;
	/* set and clear with x0 or 0 do not write */
	bool write = (op & 3) == 1 || rec->rs1;

	sc_vector_settle(core);
	if (!read_csr(core, csr, &old))
		goto bad;
	switch (op & 3) {
	case 1:
		new = operand;
		break;
	case 2:
		new = old | operand;
		break;
	case 3:
		new = old & ~operand;
		break;
	}
	if (write && !write_csr(core, csr, new))
		goto bad;
	core->x[rec->rd] = old;
	return true;
bad:
	sc_core_trap(core, SC_CODE_BAD_CSR)->value = word;
	return false;
}

/* The split grid barrier; BLOCKED at a meet that others have not reached. */
static enum sc_step barrier(struct sc_core *core, bool meet, uint32_t word)
{
	struct sc_barrier *b = core->launch->barrier;

	if (!b) {
		sc_core_trap(core, SC_CODE_NOT_COOPERATIVE)->value = word;
		return SC_STEP_FAULT;
	}
	if (!meet) {
		if (core->recorder)
			sc_record_barrier(core->recorder, false);
		core->arrivals++;
		__atomic_fetch_add(&b->arrived, 1, __ATOMIC_ACQ_REL);
		return SC_STEP_NEXT;
	}
	/* whether a meet blocks depends on time; a check here keeps the limit independent of it */
	if (core->insns > core->launch->limit) {
		sc_core_trap(core, SC_CODE_WORKGROUP_LIMIT)->value = core->launch->limit;
		return SC_STEP_FAULT;
	}
	if (core->meets == core->arrivals) {
		/* without an arrival of its own this one could never be passed */
		sc_core_trap(core, SC_CODE_AWAIT_DEADLOCK)->value = word;
		return SC_STEP_FAULT;
	}
	if (__atomic_load_n(&b->arrived, __ATOMIC_ACQUIRE) < (core->meets + 1) * b->total)
		return SC_STEP_BLOCKED;
	core->meets++;
	if (core->recorder)
		sc_record_barrier(core->recorder, true);
	return SC_STEP_NEXT;
}

enum sc_step sc_core_vendor(struct sc_core *core, const struct sc_rec *rec)
{
	const bool *stop = core->launch->stop;
	enum sc_insn insn = rec->rs3;
	uint32_t word = (uint32_t)rec->imm;
	uint64_t rd = 0;

	if (!(core->isa & sc_vendor_feature(insn)) || (insn == SC_INSN_SD_VEXP2 && !core->vlen)) {
		sc_core_trap(core, SC_CODE_ENGINE_DISABLED)->value = word;
		return SC_STEP_FAULT;
	}
	if (insn == SC_INSN_SD_VEXP2)
		return sc_vector(core, word) ? SC_STEP_NEXT : SC_STEP_FAULT;
	if (insn == SC_INSN_SD_ARRIVE || insn == SC_INSN_SD_MEET)
		return barrier(core, insn == SC_INSN_SD_MEET, word);
	/* one engine operation can take as long as many instructions */
	if (stop && __atomic_load_n(stop, __ATOMIC_RELAXED))
		return SC_STEP_STOPPED;
	sc_vector_settle(core);
	memset(&core->fault, 0, sizeof(core->fault));
	if (sc_engines_issue(core->engines, insn, rec->rd, core->x[rec->rs1], core->x[rec->rs2],
			     core->pc, &rd, &core->fault))
		return SC_STEP_FAULT;
	if (insn == SC_INSN_SD_COUNT)
		core->x[rec->rd] = rd;
	/* strict: from now on accesses to the scratchpad are looked at one by one */
	if (core->tcm_cached && core->strict && sc_engines_busy(core->engines))
		sc_core_flush_data(core);
	return SC_STEP_NEXT;
}

const struct sc_fault *sc_core_fault(const struct sc_core *core)
{
	return &core->fault;
}

void sc_core_where(const struct sc_core *core, struct sc_fault *where)
{
	where->pc = core->pc;
	where->core = (uint16_t)core->id;
	where->insns = core->insns;
	where->wg_x = core->wg[0];
	where->wg_y = core->wg[1];
	where->wg_z = core->wg[2];
}

size_t sc_core_dump_size(unsigned int vlen)
{
	return sizeof(struct sc_core_dump) + 32 * (size_t)(vlen / 8);
}

void sc_core_dump(const struct sc_core *core, void *buf)
{
	struct sc_core_dump dump = {
		.pc = core->pc,
		.insns = core->insns,
		.fcsr = core->fcsr,
		.vtype = core->vtype,
		.vl = core->vl,
		.vstart = core->vstart,
		.vcsr = core->vcsr,
	};

	memcpy(dump.x, core->x, sizeof(dump.x));
	memcpy(dump.f, core->f, sizeof(dump.f));
	memcpy(dump.counters, sc_engines_counters(core->engines), sizeof(dump.counters));
	memcpy(buf, &dump, sizeof(dump));
	if (core->vlen)
		memcpy((uint8_t *)buf + sizeof(dump), core->v, (size_t)core->vlen / 8 * 32);
}

const struct sc_core_stats *sc_core_stats(const struct sc_core *core)
{
	return &core->stats;
}

struct sc_tlist *sc_core_take_list(struct sc_core *core)
{
	return sc_record_take(core->recorder);
}

uint8_t *sc_core_tcm(struct sc_core *core)
{
	return core->tcm;
}
