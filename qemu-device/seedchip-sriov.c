/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * SC1 virtual card: SR-IOV. How the card is cut into functions, the capability
 * of the physical function, and what makes a device a virtual function.
 *
 * Invariant: the cut is made once, when the card is. A virtual function is a
 * device with a chip, card memory and registers of its own, which exists while
 * the guest has it enabled: one that is enabled again has just been powered on.
 */
#include "seedchip-pci.h"
#include "hw/pci/pcie_sriov.h"
#include "qapi/error.h"
#include "qemu/units.h"

#define SEEDCHIP_ARI_OFFSET   0x160
#define SEEDCHIP_SRIOV_OFFSET 0x170

/* Number of the first virtual function, and distance to the next. */
#define SEEDCHIP_VF_OFFSET 1
#define SEEDCHIP_VF_STRIDE 1

/* Equal parts for all; what does not divide is the physical function's. */
bool seedchip_sriov_divide(SeedchipState *s, Error **errp)
{
    uint32_t functions = s->vfs + 1;
    SeedchipSlice *vf = &s->vf_slice;

    s->slice = (SeedchipSlice) {
        .cores = s->cores,
        .queues = s->queues,
        .slots = s->slots,
        .contexts = s->contexts,
        .vram = s->vram,
        .bar = s->bar,
    };
    if (!s->vfs) {
        return true;
    }
    *vf = (SeedchipSlice) {
        .cores = s->cores / functions,
        .queues = s->queues / functions,
        .slots = s->slots / functions,
        .contexts = s->contexts / functions,
        .vram = pow2floor(s->vram / functions),
    };
    vf->bar = MIN(s->bar, vf->vram);
    if (vf->cores < 1 || vf->queues < 2 || vf->slots < 1 ||
        vf->contexts < 2 || vf->vram < SC_HUGE_SIZE) {
        error_setg(errp, "seedchip: vfs=%u leaves %u cores, %u queues, %u "
                   "slots, %u contexts and %" PRIu64 "M of card memory to a "
                   "function, which needs 1, 2, 1, 2 and 2M", s->vfs,
                   vf->cores, vf->queues, vf->slots, vf->contexts,
                   vf->vram / MiB);
        return false;
    }
    s->slice.cores -= s->vfs * vf->cores;
    s->slice.queues -= s->vfs * vf->queues;
    s->slice.slots -= s->vfs * vf->slots;
    s->slice.contexts -= s->vfs * vf->contexts;
    s->slice.vram -= s->vfs * vf->vram;
    s->slice.bar = MIN(s->bar, pow2floor(s->slice.vram));
    return true;
}

/* A virtual function is as its card is. */
void seedchip_vf_inherit(SeedchipState *s)
{
    PCIDevice *pci = PCI_DEVICE(s);
    g_autofree char *link = NULL;
    SeedchipState *pf;

    pf = s->pf = SEEDCHIP(pcie_sriov_get_pf(pci));
    s->function = pcie_sriov_vf_number(pci) + 1;
    s->name = g_strdup_printf("%s.vf%u", seedchip_name(pf), s->function);
    s->slice = pf->vf_slice;
    s->cores = pf->cores;
    s->model = pf->model;
    s->tcm = pf->tcm;
    s->serial = pf->serial;
    s->latency = pf->latency;
    s->vectors = pf->vectors;
    s->threads = pf->threads;
    s->vlen = pf->vlen;
    s->timeout_scale = pf->timeout_scale;
    s->strict = pf->strict;
    s->sync = pf->sync;
    s->test = pf->test;
    s->trace = pf->trace;
    s->timing = pf->timing;
    s->dead = pf->dead;
    /* QEMU gives it a path that is hard to guess */
    link = g_strdup_printf("vf%u", s->function);
    object_property_add_const_link(OBJECT(pf), link, OBJECT(s));
}

void seedchip_vf_leave(SeedchipState *s)
{
    g_autofree char *link = g_strdup_printf("vf%u", s->function);

    object_property_del(OBJECT(s->pf), link);
}

/* The capabilities of a card that has virtual functions. */
bool seedchip_sriov_init(SeedchipState *s, Error **errp)
{
    PCIDevice *pci = PCI_DEVICE(s);

    seedchip_ari_init(pci, SEEDCHIP_ARI_OFFSET);
    if (s->pf) {
        return true;
    }
    if (!seedchip_sriov_pf_init(pci, SEEDCHIP_SRIOV_OFFSET, TYPE_SEEDCHIP_VF,
                                SC_PCI_DEVICE_VF, s->vfs, SEEDCHIP_VF_OFFSET,
                                SEEDCHIP_VF_STRIDE, errp)) {
        return false;
    }
    pcie_sriov_pf_init_vf_bar(pci, SC_BAR_CONTROL,
                              PCI_BASE_ADDRESS_MEM_TYPE_64, SC_CONTROL_SIZE);
    pcie_sriov_pf_init_vf_bar(pci, SC_BAR_DOORBELL,
                              PCI_BASE_ADDRESS_MEM_TYPE_64,
                              seedchip_doorbell_size(&s->vf_slice));
    pcie_sriov_pf_init_vf_bar(pci, SC_BAR_CARD,
                              PCI_BASE_ADDRESS_MEM_TYPE_64 |
                              PCI_BASE_ADDRESS_MEM_PREFETCH, s->vf_slice.bar);
    return true;
}

/* NumVFs is fixed while the functions are enabled, and never above TotalVFs. */
void seedchip_sriov_config_write(SeedchipState *s, uint32_t addr, int len)
{
    PCIDevice *pci = PCI_DEVICE(s);
    uint8_t *cap = pci->config + pci->exp.sriov_cap;
    unsigned int enabled = pcie_sriov_num_vfs(pci);

    if (!range_covers_byte(addr, len,
                           pci->exp.sriov_cap + PCI_SRIOV_NUM_VF)) {
        return;
    }
    if (enabled || pci_get_word(cap + PCI_SRIOV_NUM_VF) > s->vfs) {
        pci_set_word(cap + PCI_SRIOV_NUM_VF, enabled);
    }
}

void seedchip_sriov_each(SeedchipState *s, void (*fn)(SeedchipState *vf))
{
    PCIDevice *pci = PCI_DEVICE(s);
    int i;

    for (i = 0; !s->pf && i < pcie_sriov_num_vfs(pci); i++) {
        fn(SEEDCHIP(pcie_sriov_get_vf_at_index(pci, i)));
    }
}

/* The card's telemetry is that of all its functions; the big lock is held. */
unsigned int seedchip_sriov_running(void *opaque)
{
    SeedchipState *s = opaque;
    PCIDevice *pci = PCI_DEVICE(s);
    unsigned int running = 0;
    int i;

    for (i = 0; i < pcie_sriov_num_vfs(pci); i++) {
        SeedchipState *vf = SEEDCHIP(pcie_sriov_get_vf_at_index(pci, i));

        running += sc_chip_running(vf->chip);
    }
    return running;
}

static const VMStateDescription seedchip_vf_vmstate = {
    .name = TYPE_SEEDCHIP_VF,
    .unmigratable = 1,
};

static void seedchip_vf_class_init(ObjectClass *oc, SeedchipClassData *data)
{
    DeviceClass *dc = DEVICE_CLASS(oc);

    PCI_DEVICE_CLASS(oc)->device_id = SC_PCI_DEVICE_VF;
    dc->desc = "SC1 AI inference card, virtual function";
    dc->vmsd = &seedchip_vf_vmstate;
    dc->user_creatable = false;
}

const TypeInfo seedchip_vf_info = {
    .name = TYPE_SEEDCHIP_VF,
    .parent = TYPE_SEEDCHIP,
    .class_init = seedchip_vf_class_init,
};
