/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What differs between the QEMU series that seedchip-pci.c builds against.
 *
 * Owns every version check of the virtual card: the device is written to the
 * newer names, and this header gives them to an older QEMU. QEMU 7.2 (Debian
 * 12) is the reference; 10.0 is the newest that was tried.
 */
#ifndef SEEDCHIP_COMPAT_H
#define SEEDCHIP_COMPAT_H

#include "qemu/osdep.h"

#if !defined(QEMU_VERSION_MAJOR) || !defined(QEMU_VERSION_MINOR)
#error "config-host.h does not say which QEMU these headers belong to"
#endif

#define SEEDCHIP_QEMU_AT_LEAST(major, minor) \
    (QEMU_VERSION_MAJOR > (major) || \
     (QEMU_VERSION_MAJOR == (major) && QEMU_VERSION_MINOR >= (minor)))

/* 8.0 and 10.0 moved headers */
#if SEEDCHIP_QEMU_AT_LEAST(8, 0)
#include "hw/pci/pci_device.h"
#else
#include "hw/pci/pci.h"
#endif
#if SEEDCHIP_QEMU_AT_LEAST(10, 0)
#include "system/cpu-timers.h"
#include "system/runstate.h"
#else
#include "sysemu/cpu-timers.h"
#include "sysemu/runstate.h"
#endif
#include "exec/address-spaces.h"
#include "hw/qdev-properties.h"
#include "hw/pci/msix.h"
#include "hw/pci/pcie.h"
#include "hw/pci/pcie_sriov.h"
#include "migration/vmstate.h"
#include "qemu/main-loop.h"
#include "qemu/rcu.h"

/* 9.0: the big lock has a name of its own */
#if !SEEDCHIP_QEMU_AT_LEAST(9, 0)
#define bql_lock() qemu_mutex_lock_iothread()
#define bql_unlock() qemu_mutex_unlock_iothread()
#define bql_locked() qemu_mutex_iothread_locked()
#endif

/* 9.1: the hold phase is told what kind of reset it is */
#if SEEDCHIP_QEMU_AT_LEAST(9, 1)
#define SEEDCHIP_HOLD_ARGS Object *obj, ResetType type
#else
#define SEEDCHIP_HOLD_ARGS Object *obj
#endif

/* 10.0: attributes may ask for the slow path */
#if SEEDCHIP_QEMU_AT_LEAST(10, 0)
#define seedchip_is_direct(mr, write) \
    memory_access_is_direct(mr, write, MEMTXATTRS_UNSPECIFIED)
#else
#define seedchip_is_direct(mr, write) memory_access_is_direct(mr, write)
#endif

/* 10.0: property lists are constant and have no end mark */
#ifdef DEFINE_PROP_END_OF_LIST
typedef Property SeedchipProperty;
#else
typedef const Property SeedchipProperty;
#endif

/* 10.0: QEMU does not tell the sizes of its types any more */
#if SEEDCHIP_QEMU_AT_LEAST(10, 0)
#define SEEDCHIP_KNOWS_SIZES 0
#define seedchip_size_of_type(type) 0
#else
#define SEEDCHIP_KNOWS_SIZES 1
#define seedchip_size_of_type(type) object_type_get_instance_size(type)
#endif

/* 10.1: class data is constant */
#if SEEDCHIP_QEMU_AT_LEAST(10, 1)
typedef const void SeedchipClassData;
#else
typedef void SeedchipClassData;
#endif

/* 7.2 does not give up its reference to a virtual function that it removes */
#define SEEDCHIP_VF_KEEPS_REFERENCE (!SEEDCHIP_QEMU_AT_LEAST(8, 0))

/* 8.1: the next function of ARI is not for the device to say */
static inline void seedchip_ari_init(PCIDevice *pci, uint16_t offset)
{
#if SEEDCHIP_QEMU_AT_LEAST(8, 1)
    pcie_ari_init(pci, offset);
#else
    pcie_ari_init(pci, offset, 0);
#endif
}

/* 10.0: virtual functions are created with the card, which may fail */
static inline bool seedchip_sriov_pf_init(PCIDevice *pci, uint16_t cap,
                                          const char *type, uint16_t device,
                                          uint16_t vfs, uint16_t offset,
                                          uint16_t stride, Error **errp)
{
#if SEEDCHIP_QEMU_AT_LEAST(10, 0)
    return pcie_sriov_pf_init(pci, cap, type, device, vfs, vfs, offset, stride,
                              errp);
#else
    pcie_sriov_pf_init(pci, cap, type, device, vfs, vfs, offset, stride);
    return true;
#endif
}

/* 9.0: a reset of the card is QEMU's business; before, VF Enable stays set */
static inline void seedchip_sriov_pf_reset(PCIDevice *pci)
{
#if SEEDCHIP_QEMU_AT_LEAST(9, 0)
    pcie_sriov_pf_reset(pci);
#else
    uint8_t *cap = pci->config + pci->exp.sriov_cap;
    int i;

    pcie_sriov_pf_disable_vfs(pci);
    pci_set_word(cap + PCI_SRIOV_CTRL, 0);
    pci_set_word(cap + PCI_SRIOV_NUM_VF, 0);
    pci_set_word(cap + PCI_SRIOV_SYS_PGSIZE, 1);
    for (i = 0; i < PCI_ROM_SLOT; i += 2) { /* all of them have 64 bits */
        pci_set_quad(cap + PCI_SRIOV_BAR + 4 * i,
                     pci->exp.sriov_pf.vf_bar_type[i]);
    }
#endif
}

#endif /* SEEDCHIP_COMPAT_H */
