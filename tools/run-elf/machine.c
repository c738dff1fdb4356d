// SPDX-License-Identifier: MIT
/*
 * CSRs and traps of machine mode. The invariant: an instruction that traps
 * changes no register but those of the trap; one that is executed here retires.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "machine.h"
#include "qemu-device/chip/fp.h"

#define MSTATUS_MIE  (1ULL << 3)
#define MSTATUS_MPIE (1ULL << 7)
#define MSTATUS_VS   (3ULL << 9)
#define MSTATUS_MPP  (3ULL << 11)
#define MSTATUS_FS   (3ULL << 13)
#define MSTATUS_SD   (1ULL << 63)

#define CAUSE_FETCH_MISALIGNED 0
#define CAUSE_FETCH_ACCESS     1
#define CAUSE_ILLEGAL	       2
#define CAUSE_BREAKPOINT       3
#define CAUSE_LOAD_MISALIGNED  4
#define CAUSE_LOAD_ACCESS      5
#define CAUSE_STORE_MISALIGNED 6
#define CAUSE_STORE_ACCESS     7
#define CAUSE_ECALL_M	       11

#define INSN_MRET 0x30200073
#define INSN_WFI  0x10500073

/* XLEN 64, and the extensions that the core executes. */
#define MISA_BIT(c) (1ULL << ((c) - 'A'))
#define MISA                                                                                       \
	(2ULL << 62 | MISA_BIT('A') | MISA_BIT('D') | MISA_BIT('F') | MISA_BIT('I') |              \
	 MISA_BIT('M'))

/* Floating point and vectors exist only while mstatus says so; CSRs are then all looked at here. */
static void apply_units(struct machine *m)
{
	const void *illegal = m->all_labels[SC_HOP_ILLEGAL];
	bool fp = m->mstatus & MSTATUS_FS, vector = m->mstatus & MSTATUS_VS;

	memcpy(m->labels, m->all_labels, sizeof(m->labels));
	for (unsigned int i = SC_HOP_FLH; !fp && i <= SC_HOP_FCVT_W_S; i++)
		m->labels[i] = illegal;
	if (!vector || !fp)
		m->labels[SC_HOP_CSR] = illegal;
	for (unsigned int i = SC_HOP_VECTOR; !vector && i <= SC_HOP_VSETVLI; i++)
		m->labels[i] = illegal;
	sc_core_flush_code(m->core);
}

void machine_reset(struct machine *m, struct sc_core *core, uint64_t pc)
{
	memset(m, 0, sizeof(*m));
	m->core = core;
	m->all_labels = core->labels;
	m->mstatus = MSTATUS_MPP;
	core->labels = m->labels;
	memset(core->x, 0, sizeof(core->x));
	core->pc = pc;
	core->vtype = 1ULL << 63;
	apply_units(m);
}

static uint64_t *plain_csr(struct machine *m, unsigned int csr, uint64_t *writable)
{
	*writable = UINT64_MAX;
	switch (csr) {
	case 0x304:
		*writable = 0x888;
		return &m->mie;
	case 0x305:
		*writable = ~2ULL; /* direct or vectored */
		return &m->mtvec;
	case 0x320:
		*writable = 0;
		return &m->mcountinhibit;
	case 0x340:
		return &m->mscratch;
	case 0x341:
		*writable = ~3ULL;
		return &m->mepc;
	case 0x342:
		return &m->mcause;
	case 0x343:
		return &m->mtval;
	}
	if (csr >= 0x3b0 && csr < 0x3b0 + NUM_PMP) {
		*writable = (1ULL << 54) - 1;
		return &m->pmpaddr[csr - 0x3b0];
	}
	return NULL;
}

/* CSRs that read as zero and ignore writes: mip; triggers, events, counters that are not there. */
static bool zero_csr(unsigned int csr)
{
	return csr == 0x344 || (csr >= 0x7a0 && csr <= 0x7a3) ||
	       (csr >= 0x323 && csr <= 0x33f) || (csr >= 0xb03 && csr <= 0xb1f) ||
	       (csr >= 0xc03 && csr <= 0xc1f) || (csr >= 0xf11 && csr <= 0xf15);
}

static bool read_csr(struct machine *m, unsigned int csr, uint64_t *value)
{
	uint64_t writable, *plain = plain_csr(m, csr, &writable);
	const struct sc_core *core = m->core;

	*value = 0;
	if (plain) {
		*value = *plain;
		return true;
	}
	switch (csr) {
	case 0x300:
		*value = m->mstatus;
		if (m->mstatus & (MSTATUS_FS | MSTATUS_VS))
			*value |= MSTATUS_SD;
		return true;
	case 0x301:
		*value = MISA | (core->vlen ? MISA_BIT('V') : 0);
		return true;
	case 0x3a0:
	case 0x3a2:
		memcpy(value, &m->pmpcfg[(csr - 0x3a0) * 4], 8);
		return true;
	case 0xb00:
		*value = core->insns + core->cycle_base;
		return true;
	case 0xb02:
		*value = core->insns + core->instret_base;
		return true;
	}
	return zero_csr(csr);
}

static void write_csr(struct machine *m, unsigned int csr, uint64_t value)
{
	uint64_t writable, *plain = plain_csr(m, csr, &writable);
	struct sc_core *core = m->core;

	if (plain) {
		*plain = value & writable;
		return;
	}
	switch (csr) {
	case 0x300:
		/* a unit is off or dirty */
		m->mstatus = MSTATUS_MPP | (value & (MSTATUS_MIE | MSTATUS_MPIE)) |
			     (value & MSTATUS_FS ? MSTATUS_FS : 0) |
			     (value & MSTATUS_VS && core->vlen ? MSTATUS_VS : 0);
		apply_units(m);
		break;
	case 0x3a0:
	case 0x3a2:
		value &= 0x1f1f1f1f1f1f1f1f; /* an entry that protects nothing cannot be locked */
		memcpy(&m->pmpcfg[(csr - 0x3a0) * 4], &value, 8);
		break;
	case 0xb00: /* read by the next instruction, which is one later */
		core->cycle_base = value - core->insns - 1;
		break;
	case 0xb02:
		core->instret_base = value - core->insns - 1;
		break;
	}
}

/* A CSR of the core itself, which mstatus may have switched off. */
static bool core_csr(struct machine *m, uint32_t word)
{
	unsigned int csr = word >> 20, rd = SC_INSN_RD(word);
	struct sc_rec rec = {
		.rd = (uint8_t)(rd ? rd : SC_X_SINK),
		.rs1 = (uint8_t)SC_INSN_RS1(word),
		.imm = (int32_t)word,
	};
	bool fp = csr >= 0x001 && csr <= 0x003;
	bool vector = (csr >= 0x008 && csr <= 0x00f) || (csr >= 0xc20 && csr <= 0xc22);

	if ((fp && !(m->mstatus & MSTATUS_FS)) || (vector && !(m->mstatus & MSTATUS_VS)) ||
	    (csr >= 0xcc0 && csr <= 0xcff)) /* of a workgroup */
		return false;
	return sc_core_csr(m->core, &rec);
}

/* Zicsr; false: illegal. */
static bool csr_insn(struct machine *m, uint32_t word)
{
	unsigned int csr = word >> 20, op = SC_INSN_FUNCT3(word), rd = SC_INSN_RD(word);
	unsigned int rs1 = SC_INSN_RS1(word);
	uint64_t operand = op & 4 ? rs1 : m->core->x[rs1], old, new;
	bool write = (op & 3) == 1 || rs1;

	if (!(op & 3))
		return false;
	if (!read_csr(m, csr, &old))
		return core_csr(m, word);
	if (write && csr >> 10 == 3)
		return false;
	new = (op & 3) == 1 ? operand : (op & 3) == 2 ? old | operand : old & ~operand;
	if (write)
		write_csr(m, csr, new);
	if (rd)
		m->core->x[rd] = old;
	return true;
}

/* Instructions that the core does not have. */
static bool system_insn(struct machine *m, uint32_t word)
{
	struct sc_core *core = m->core;

	if (word == INSN_MRET) {
		m->mstatus = (m->mstatus & ~MSTATUS_MIE) | MSTATUS_MPIE |
			     (m->mstatus & MSTATUS_MPIE ? MSTATUS_MIE : 0);
		core->pc = m->mepc;
		core->insns++;
		return true;
	}
	if (word != INSN_WFI && (SC_INSN_OPCODE(word) != 0x73 || !csr_insn(m, word)))
		return false;
	core->pc += 4;
	core->insns++;
	return true;
}

static const char *take_trap(struct machine *m, uint64_t cause, uint64_t value)
{
	struct sc_core *core = m->core;
	uint64_t handler = m->mtvec & ~3ULL;

	if (m->trace)
		fprintf(stderr, "cause %" PRIu64 " at %#" PRIx64 ", value %#" PRIx64 "\n",
			cause, core->pc, value);
	if (cause == CAUSE_FETCH_ACCESS && core->pc == handler)
		return "no memory at the handler (mtvec)";
	m->traps++;
	m->mepc = core->pc & ~3ULL;
	m->mcause = cause;
	m->mtval = value;
	m->mstatus = (m->mstatus & ~(MSTATUS_MIE | MSTATUS_MPIE)) |
		     (m->mstatus & MSTATUS_MIE ? MSTATUS_MPIE : 0);
	core->pc = handler;
	return NULL;
}

static const char *access_trap(struct machine *m, const struct sc_fault *f)
{
	if (f->access & SC_ACCESS_EXECUTE)
		return take_trap(m, CAUSE_FETCH_ACCESS, f->va);
	return take_trap(m, f->access & SC_ACCESS_WRITE ? CAUSE_STORE_ACCESS : CAUSE_LOAD_ACCESS,
			 f->va);
}

/* An instruction that the core refuses, or one of a unit that is off. */
static const char *illegal(struct machine *m)
{
	struct sc_core *core = m->core;
	uint64_t word;

	/* the record of an instruction that is switched off holds only its operands */
	if (!sc_core_load(core, core->pc, 4, core->pc, &word))
		return access_trap(m, sc_core_fault(core));
	return system_insn(m, (uint32_t)word) ? NULL : take_trap(m, CAUSE_ILLEGAL, word);
}

const char *machine_fault(struct machine *m)
{
	const struct sc_fault *f = sc_core_fault(m->core);
	bool store = f->access & SC_ACCESS_WRITE;

	switch (f->code) {
	case SC_CODE_ILLEGAL_INSN:
	case SC_CODE_BAD_CSR:
		return illegal(m);
	case SC_CODE_ECALL:
		return take_trap(m, CAUSE_ECALL_M, 0);
	case SC_CODE_BREAKPOINT:
		return take_trap(m, CAUSE_BREAKPOINT, m->core->pc);
	case SC_CODE_MISALIGNED_PC:
		return take_trap(m, CAUSE_FETCH_MISALIGNED, f->va);
	case SC_CODE_MISALIGNED_ATOMIC:
		return take_trap(m, store ? CAUSE_STORE_MISALIGNED : CAUSE_LOAD_MISALIGNED,
				 f->va);
	}
	if (f->status == SC_STATUS_FAULT || f->code == SC_CODE_ATOMIC_SYSTEM)
		return access_trap(m, f);
	switch (f->code) {
#define TEXT_(name, number, status, text) \
	case SC_CODE_##name:              \
		return text;
		SC_CODE_TABLE(TEXT_)
	}
	return "an unknown fault";
}
