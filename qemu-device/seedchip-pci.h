/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The virtual card's state, of a physical or a virtual function, shared by its
 * two sides: seedchip-pci.c, what the guest sees, and seedchip-host.c, what the
 * chip model asks of QEMU.
 *
 * Invariant: the members marked atomic are the only ones that change while
 * the chip's workers may read them.
 */
#ifndef SEEDCHIP_PCI_H
#define SEEDCHIP_PCI_H

#include "seedchip-compat.h"
#include "exec/memory.h"
#include "qemu/timer.h"
#include "chip/chip.h"
#include "seedchip-inject.h"

#define TYPE_SEEDCHIP "seedchip"
OBJECT_DECLARE_SIMPLE_TYPE(SeedchipState, SEEDCHIP)

#define TYPE_SEEDCHIP_VF "seedchip-vf"

/* What a function has of the card. */
typedef struct SeedchipSlice {
    uint64_t vram;
    uint64_t bar;
    uint32_t cores;
    uint32_t queues;
    uint32_t slots;
    uint32_t contexts;
} SeedchipSlice;

struct SeedchipState {
    PCIDevice parent_obj;

    MemoryRegion control;
    MemoryRegion doorbells;
    MemoryRegion card;        /* all of card memory, as migratable RAM */
    MemoryRegion card_bar;    /* what the BAR maps: the two below */
    MemoryRegion card_window; /* start of card memory, gone in D3hot */
    MemoryRegion card_asleep; /* under it: catches accesses in D3hot */

    SeedchipState *pf;        /* of a virtual function: whose it is */
    uint32_t function;        /* its number, from 1 */
    char *name;               /* and its name in messages */
    SeedchipSlice slice;      /* this function's */
    SeedchipSlice vf_slice;   /* of each virtual function of this one */
    struct sc_machine model;  /* the whole card's */

    struct sc_chip *chip;
    QEMUBH *irq_bh;
    QEMUTimer *irq_timer;     /* when to call sc_chip_timer() */
    bool irq_held;            /* atomic: irq_bh is to call sc_chip_timer() */
    uint64_t irq_bits;        /* atomic: vectors that irq_bh will raise */
    uint64_t saved_irqs;      /* the same in a saved state */
    uint64_t late_bits;       /* atomic: vectors that late_timer will raise */
    uint64_t twice_bits;      /* atomic: vectors to be raised twice */
    QEMUTimer *late_timer;
    unsigned int irq_drop;    /* atomic: injected, for how many interrupts */
    unsigned int irq_duplicate;
    unsigned int irq_delay;
    QEMUTimer *run_timer;     /* sync: when to call sc_chip_run() */
    QEMUTimer *reset_timer;   /* polls a reset until the workers are out */
    int64_t reset_deadline;
    QEMUTimer *rest_timer;    /* VM stopped: polls until the card is at rest */
    VMChangeStateEntry *vm_state;
    Notifier suspend;

    uint8_t pm_cap;
    bool fresh;               /* nobody has touched the card since power-on */
    bool power_lost;          /* the next reset ends a sleep without power */
    bool master;              /* what the chip has been told */
    bool quiesced;            /* VM stopped, or about to be loaded */
    bool at_rest;             /* and since then everything is in memory */
    bool dma_locked;          /* atomic: DMA goes through a vIOMMU */
    bool dma_cut;             /* atomic: reset or removal in progress */
    unsigned int dma_users;   /* atomic: accesses in progress */
    bool gone;                /* unplugged */
    bool dead;                /* injected: answers nothing but ones */
    int nvram_fd;             /* -1: none */

    /* migration */
    uint64_t spec_hash;
    uint32_t state_size;
    uint8_t *state;

    /* properties */
    uint64_t vram;
    uint64_t bar;
    uint64_t tcm;
    uint64_t serial;
    char *nvram;
    uint64_t latency;
    uint32_t cores;
    uint32_t queues;
    uint32_t slots;
    uint32_t contexts;
    uint32_t vectors;
    uint32_t threads;
    uint32_t vlen;
    uint32_t timeout_scale;
    uint32_t vfs;
    bool strict;
    bool sync;
    bool test;
    bool trace;
    bool timing;
    char *machine;            /* config: file that describes it; NULL: none */
};

#define SEEDCHIP_POLL_MS  1
#define SEEDCHIP_RESET_MS 10000 /* a reset that lasts longer is reported */

/* The guest may use the card as soon as it reads that the reset is over. */
void seedchip_settle_reset(SeedchipState *s);

/* Tell the chip whether it may use the bus; show or hide card memory. */
void seedchip_update_master(SeedchipState *s);
void seedchip_update_power(SeedchipState *s);

/* The card stands still while the VM does, and is saved then. */
void seedchip_vm_state(void *opaque, bool running, RunState state);
void seedchip_poll_rest(void *opaque);
extern const VMStateDescription seedchip_vmstate;

/* Functions of the card. */
bool seedchip_sriov_divide(SeedchipState *s, Error **errp);
bool seedchip_sriov_init(SeedchipState *s, Error **errp);
void seedchip_sriov_config_write(SeedchipState *s, uint32_t addr, int len);
void seedchip_sriov_each(SeedchipState *s, void (*fn)(SeedchipState *vf));
unsigned int seedchip_sriov_running(void *opaque);
void seedchip_vf_inherit(SeedchipState *s);
void seedchip_vf_leave(SeedchipState *s);
extern const TypeInfo seedchip_vf_info;

static inline uint64_t seedchip_doorbell_size(const SeedchipSlice *slice)
{
    return pow2ceil((uint64_t)slice->queues * SC_PAGE_SIZE);
}

/* Registers the device types; once, when QEMU is ready for it. */
void seedchip_register(void);

/* What the chip calls, with the device as its opaque pointer. */
struct sc_host seedchip_host_ops(SeedchipState *s);

/* Delivers the interrupts that the chip has posted; under the big lock. */
void seedchip_raise(SeedchipState *s);

/*
 * No DMA from here on, and no interrupt, until dma_cut is cleared again; what
 * was under way has ended.
 */
void seedchip_cut_dma(SeedchipState *s);

/* sync=on: see to it that the chip runs soon. */
void seedchip_kick(SeedchipState *s);

/* Reports a broken strict rule, and stops the VM if strict=on. */
void seedchip_report(SeedchipState *s, enum sc_strict_rule rule,
                     const char *text);

/* The card's name in messages. */
const char *seedchip_name(SeedchipState *s);

/* An interrupt by the chip; true: it is lost, or comes later. Any thread. */
bool seedchip_spoil_irq(SeedchipState *s, unsigned int vector);
void seedchip_arm_late(SeedchipState *s);
void seedchip_late(void *opaque);

/* qom-set of what can be injected. */
void seedchip_inject_properties(ObjectClass *oc);

/* The file behind nvram=, if there is one. */
void *seedchip_open_nvram(SeedchipState *s, Error **errp);
void seedchip_close_nvram(SeedchipState *s);
void seedchip_keep_nvram(void *opaque, const void *image, size_t size);

/* Bottom half and timer behind these, for the device to create. */
void seedchip_irq_bh(void *opaque);
void seedchip_irq_timer(void *opaque);
void seedchip_run(void *opaque);

#endif /* SEEDCHIP_PCI_H */
