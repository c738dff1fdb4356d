/* SPDX-License-Identifier: MIT */
/*
 * Machine mode around a core of the chip model, which has none of its own: CSRs
 * of machine mode, traps and mret. The core runs until it faults; what another
 * RISC-V hart would have taken as a trap is made one here.
 *
 * The machine has the one mode (MPP stays 3), no interrupts, and PMP registers
 * that hold what is written but protect nothing.
 */
#ifndef SEEDCHIP_MACHINE_H
#define SEEDCHIP_MACHINE_H

#include "qemu-device/chip/core_priv.h"

#define NUM_PMP 16

/**
 * struct machine - the hart's other half
 * @core: what executes
 * @labels: its handlers, without those of units that mstatus has switched off
 * @traps: how many were taken
 * @trace: print them
 */
struct machine {
	struct sc_core *core;
	const void *labels[SC_HOP_COUNT];
	const void *const *all_labels;
	uint64_t mstatus, mie, mtvec, mscratch, mepc, mcause, mtval, mcountinhibit;
	uint64_t pmpaddr[NUM_PMP];
	uint8_t pmpcfg[NUM_PMP];
	uint64_t traps;
	bool trace;
};

/** machine_reset() - a core as power-on leaves it, at @pc. */
void machine_reset(struct machine *m, struct sc_core *core, uint64_t pc);

/**
 * machine_fault() - the core has stopped with a fault
 *
 * Return: NULL when it may go on (the instruction was executed here, or a trap
 * was taken), or why it cannot.
 */
const char *machine_fault(struct machine *m);

#endif /* SEEDCHIP_MACHINE_H */
