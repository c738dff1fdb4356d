/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * SC1 virtual card: the PCI Express function around the chip model.
 *
 * Owns configuration space, BARs, resets, power states, migration and removal;
 * what the card computes is the business of chip/. Built as a shared object
 * for a stock QEMU (-plugin), or inside a QEMU tree (SEEDCHIP_IN_TREE).
 *
 * Invariants: everything here runs under the big lock; and nobody waits for a
 * worker of the chip under that lock without a bound, as the worker may be
 * waiting for it.
 */
#include "seedchip-pci.h"
#include "hw/pci/msix.h"
#include "hw/pci/pci_bridge.h"
#include "hw/pci/pcie.h"
#include "qapi/error.h"
#include "qemu/error-report.h"
#include "qemu/module.h"
#include "qemu/units.h"

/* Extended capabilities */
#define SEEDCHIP_AER_OFFSET 0x100
#define SEEDCHIP_DSN_OFFSET 0x150


#define SEEDCHIP_MIN_VRAM    (2 * MiB)
#define SEEDCHIP_MAX_VRAM    (1ULL << SC_DMA_BITS)
#define SEEDCHIP_MIN_TCM     (64 * KiB)
#define SEEDCHIP_MAX_TCM     (16 * MiB)
#define SEEDCHIP_MAX_VLEN    16384
#define SEEDCHIP_MAX_VFS     63

/* End of a reset: the chip knows when; a timer asks, and the guest's writes. */

static void seedchip_poll_reset(void *opaque)
{
    SeedchipState *s = opaque;
    int64_t now = qemu_clock_get_ms(QEMU_CLOCK_REALTIME);

    if (sc_chip_reset_busy(s->chip)) {
        if (s->reset_deadline && now >= s->reset_deadline) {
            s->reset_deadline = 0;
            warn_report("seedchip: %s: reset is not over after %d s",
                        seedchip_name(s), SEEDCHIP_RESET_MS / 1000);
        }
        timer_mod(s->reset_timer, now + SEEDCHIP_POLL_MS);
        return;
    }
    timer_del(s->reset_timer);
    if (s->gone) {
        object_unref(OBJECT(s));
        return;
    }
    /* an interrupt from before the reset must not arrive after it */
    seedchip_raise(s);
    if (!s->dead) {
        qatomic_set(&s->dma_cut, false);
    }
}

/* The guest may use the card as soon as it reads that the reset is over. */
void seedchip_settle_reset(SeedchipState *s)
{
    if (s->dma_cut && !sc_chip_reset_busy(s->chip)) {
        seedchip_poll_reset(s);
    }
}

/*
 * BARs. A CPU that was waiting for the big lock gets here after removal, too,
 * when configuration space has been freed and references have been given back.
 */

static bool seedchip_absent(SeedchipState *s)
{
    return s->gone || s->dead;
}

static void seedchip_access_in_d3(SeedchipState *s, const char *bar,
                                  hwaddr addr)
{
    g_autofree char *text = g_strdup_printf("%s offset 0x%" HWADDR_PRIx,
                                            bar, addr);

    seedchip_report(s, SC_STRICT_ACCESS_IN_D3, text);
}

/* A virtual function sleeps when its card does. */
static bool seedchip_asleep(SeedchipState *s)
{
    return (pci_get_word(PCI_DEVICE(s)->config + s->pm_cap + PCI_PM_CTRL) &
            PCI_PM_CTRL_STATE_MASK) || (s->pf && seedchip_asleep(s->pf));
}

/* Accesses that no register has, whatever it is. */
static bool seedchip_bad_width(hwaddr addr, unsigned int size)
{
    return size < 4 || !QEMU_IS_ALIGNED(addr, size);
}

static void seedchip_report_width(SeedchipState *s, hwaddr addr,
                                  unsigned int size)
{
    g_autofree char *text = g_strdup_printf(
        "%u bytes at offset 0x%" HWADDR_PRIx, size, addr);

    seedchip_report(s, SC_STRICT_REG_WIDTH, text);
}

static uint64_t seedchip_control_read(void *opaque, hwaddr addr,
                                      unsigned int size)
{
    SeedchipState *s = opaque;

    if (seedchip_absent(s)) {
        return ~0ULL;
    }
    if (seedchip_asleep(s)) {
        seedchip_access_in_d3(s, "control", addr);
        return ~0ULL;
    }
    if (seedchip_bad_width(addr, size)) {
        seedchip_report_width(s, addr, size);
        return 0;
    }
    return sc_chip_read(s->chip, addr, size);
}

static void seedchip_control_write(void *opaque, hwaddr addr, uint64_t value,
                                   unsigned int size)
{
    SeedchipState *s = opaque;

    if (seedchip_absent(s)) {
        return;
    }
    if (seedchip_asleep(s)) {
        seedchip_access_in_d3(s, "control", addr);
        return;
    }
    if (seedchip_bad_width(addr, size)) {
        seedchip_report_width(s, addr, size);
        return;
    }
    seedchip_settle_reset(s);
    sc_chip_write(s->chip, addr, value, size);
    if (s->sync) {
        seedchip_raise(s);
    }
}

static uint64_t seedchip_doorbell_read(void *opaque, hwaddr addr,
                                       unsigned int size)
{
    SeedchipState *s = opaque;

    if (seedchip_absent(s)) {
        return ~0ULL;
    }
    if (seedchip_asleep(s)) {
        seedchip_access_in_d3(s, "doorbell", addr);
        return ~0ULL;
    }
    /* a process may try any access here: nothing of it is a strict matter */
    return seedchip_bad_width(addr, size) ? 0 :
           sc_chip_doorbell_read(s->chip, addr, size);
}

static void seedchip_doorbell_write(void *opaque, hwaddr addr, uint64_t value,
                                    unsigned int size)
{
    SeedchipState *s = opaque;

    if (seedchip_absent(s)) {
        return;
    }
    if (seedchip_asleep(s)) {
        seedchip_access_in_d3(s, "doorbell", addr);
        return;
    }
    if (!seedchip_bad_width(addr, size)) {
        sc_chip_doorbell_write(s->chip, addr, value, size);
        if (s->sync) {
            seedchip_raise(s);
        }
    }
}

static uint64_t seedchip_asleep_read(void *opaque, hwaddr addr,
                                     unsigned int size)
{
    SeedchipState *s = opaque;

    if (!seedchip_absent(s)) {
        seedchip_access_in_d3(s, "card memory", addr);
    }
    return ~0ULL;
}

static void seedchip_asleep_write(void *opaque, hwaddr addr, uint64_t value,
                                  unsigned int size)
{
    SeedchipState *s = opaque;

    if (!seedchip_absent(s)) {
        seedchip_access_in_d3(s, "card memory", addr);
    }
}

/* The chip sees every access as the guest made it, to judge it. */
#define SEEDCHIP_OPS(name) \
    static const MemoryRegionOps seedchip_##name##_ops = { \
        .read = seedchip_##name##_read, \
        .write = seedchip_##name##_write, \
        .endianness = DEVICE_LITTLE_ENDIAN, \
        .valid = { .min_access_size = 1, .max_access_size = 8, \
                   .unaligned = true }, \
        .impl = { .min_access_size = 1, .max_access_size = 8, \
                  .unaligned = true }, \
    }

SEEDCHIP_OPS(control);
SEEDCHIP_OPS(doorbell);
SEEDCHIP_OPS(asleep);

static void seedchip_register_bar(SeedchipState *s, int bar, uint8_t kind,
                                  MemoryRegion *region)
{
    if (s->pf) {
        pcie_sriov_vf_register_bar(PCI_DEVICE(s), bar, region);
    } else {
        pci_register_bar(PCI_DEVICE(s), bar, kind, region);
    }
}

static void seedchip_init_bars(SeedchipState *s)
{
    Object *obj = OBJECT(s);

    memory_region_init_io(&s->control, obj, &seedchip_control_ops, s,
                          "seedchip-control", SC_CONTROL_SIZE);
    memory_region_init_io(&s->doorbells, obj, &seedchip_doorbell_ops, s,
                          "seedchip-doorbells",
                          seedchip_doorbell_size(&s->slice));
    memory_region_init_ram_ptr(&s->card, obj, "seedchip-card", s->slice.vram,
                               sc_chip_card_memory(s->chip));
    vmstate_register_ram(&s->card, DEVICE(s));

    memory_region_init(&s->card_bar, obj, "seedchip-card-bar", s->slice.bar);
    memory_region_init_io(&s->card_asleep, obj, &seedchip_asleep_ops, s,
                          "seedchip-card-asleep", s->slice.bar);
    memory_region_init_alias(&s->card_window, obj, "seedchip-card-window",
                             &s->card, 0, s->slice.bar);
    memory_region_add_subregion(&s->card_bar, 0, &s->card_asleep);
    memory_region_add_subregion_overlap(&s->card_bar, 0, &s->card_window, 1);

    seedchip_register_bar(s, SC_BAR_CONTROL, PCI_BASE_ADDRESS_MEM_TYPE_64,
                          &s->control);
    seedchip_register_bar(s, SC_BAR_DOORBELL, PCI_BASE_ADDRESS_MEM_TYPE_64,
                          &s->doorbells);
    seedchip_register_bar(s, SC_BAR_CARD,
                          PCI_BASE_ADDRESS_MEM_TYPE_64 |
                          PCI_BASE_ADDRESS_MEM_PREFETCH, &s->card_bar);
}

/* A region inside another of the same owner keeps that owner alive. */
static void seedchip_exit_bars(SeedchipState *s)
{
    memory_region_del_subregion(&s->card_bar, &s->card_window);
    memory_region_del_subregion(&s->card_bar, &s->card_asleep);
    vmstate_unregister_ram(&s->card, DEVICE(s));
}

/* Configuration space */

/* Tell the chip whether it may use the bus. */
void seedchip_update_master(SeedchipState *s)
{
    PCIDevice *pci = PCI_DEVICE(s);
    bool on = (pci_get_word(pci->config + PCI_COMMAND) & PCI_COMMAND_MASTER) &&
              !seedchip_asleep(s);

    if (on != s->master) {
        qatomic_set(&s->dma_locked, pci_device_iommu_address_space(pci) !=
                                    &address_space_memory);
        s->master = on;
        sc_chip_set_master(s->chip, on);
    }
}

void seedchip_update_power(SeedchipState *s)
{
    memory_region_set_enabled(&s->card_window,
                              !s->dead && !seedchip_asleep(s));
}

/* After a change of power or of bus mastering. */
static void seedchip_update(SeedchipState *s)
{
    seedchip_update_power(s);
    seedchip_update_master(s);
    seedchip_sriov_each(s, seedchip_update);
}

static uint32_t seedchip_config_read(PCIDevice *pci, uint32_t addr, int len)
{
    return SEEDCHIP(pci)->dead ? ~0u : pci_default_read_config(pci, addr, len);
}

static void seedchip_config_write(PCIDevice *pci, uint32_t addr, uint32_t val,
                                  int len)
{
    SeedchipState *s = SEEDCHIP(pci);
    uint8_t *pm_ctrl = pci->config + s->pm_cap + PCI_PM_CTRL;
    uint8_t state = *pm_ctrl & PCI_PM_CTRL_STATE_MASK;

    s->fresh = false;
    if (s->dead) {
        return;
    }
    if (s->master && range_covers_byte(addr, len, PCI_COMMAND)) {
        /* before the bus refuses: what is pending waits instead of failing */
        s->master = false;
        sc_chip_set_master(s->chip, false);
    }
    pci_default_write_config(pci, addr, val, len);
    pcie_aer_write_config(pci, addr, val, len);
    pcie_cap_flr_write_config(pci, addr, val, len);
    if (s->vfs) {
        seedchip_sriov_config_write(s, addr, len);
    }

    /* D1 and D2 do not exist: such a write leaves the state as it was */
    if ((*pm_ctrl & PCI_PM_CTRL_STATE_MASK) == 1 ||
        (*pm_ctrl & PCI_PM_CTRL_STATE_MASK) == 2) {
        *pm_ctrl = (*pm_ctrl & ~PCI_PM_CTRL_STATE_MASK) | state;
    }
    seedchip_update(s);
    if (s->sync) {
        seedchip_raise(s);
    }
}

static void seedchip_exit_caps(SeedchipState *s)
{
    PCIDevice *pci = PCI_DEVICE(s);

    msix_uninit(pci, &s->control, &s->control);
    pcie_aer_exit(pci);
    pcie_cap_exit(pci);
}

static bool seedchip_init_caps(SeedchipState *s, Error **errp)
{
    PCIDevice *pci = PCI_DEVICE(s);
    int pm, i;

    if (pcie_endpoint_cap_init(pci, 0) < 0) {
        error_setg(errp, "seedchip: cannot add the PCI Express capability");
        return false;
    }
    pcie_cap_deverr_init(pci);
    pcie_cap_flr_init(pci);

    pm = pci_add_capability(pci, PCI_CAP_ID_PM, 0, PCI_PM_SIZEOF, errp);
    if (pm < 0) {
        goto err_pcie;
    }
    s->pm_cap = pm;
    pci_set_word(pci->config + pm + PCI_PM_PMC, 3);
    pci_set_word(pci->config + pm + PCI_PM_CTRL, PCI_PM_CTRL_NO_SOFT_RESET);
    pci_set_word(pci->wmask + pm + PCI_PM_CTRL, PCI_PM_CTRL_STATE_MASK);

    if (pcie_aer_init(pci, PCI_ERR_VER, SEEDCHIP_AER_OFFSET, PCI_ERR_SIZEOF,
                      errp) < 0) {
        goto err_pcie;
    }
    pcie_dev_ser_num_init(pci, SEEDCHIP_DSN_OFFSET, s->serial);

    if (msix_init(pci, s->vectors, &s->control, SC_BAR_CONTROL, SC_MSIX_TABLE,
                  &s->control, SC_BAR_CONTROL, SC_MSIX_PBA, 0, errp) < 0) {
        goto err_aer;
    }
    for (i = 0; i < s->vectors; i++) {
        msix_vector_use(pci, i);
    }
    if ((s->vfs || s->pf) && !seedchip_sriov_init(s, errp)) {
        seedchip_exit_caps(s);
        return false;
    }
    return true;

err_aer:
    pcie_aer_exit(pci);
err_pcie:
    pcie_cap_exit(pci);
    return false;
}

/* Reset */

/* Begins a reset; the rest of it never waits under the big lock. */
static void seedchip_begin_reset(SeedchipState *s, unsigned int cause)
{
    s->master = false;
    sc_chip_set_master(s->chip, false);
    sc_chip_reset_begin(s->chip, cause);
    seedchip_cut_dma(s);
    qatomic_set(&s->late_bits, 0);
    s->reset_deadline = qemu_clock_get_ms(QEMU_CLOCK_REALTIME) +
                        SEEDCHIP_RESET_MS;
    seedchip_poll_reset(s);
}

/*
 * The kinds of reset: FLR leaves its bit set meanwhile; resets of the bus and
 * of the machine keep the card powered, but not its virtual functions; waking
 * from S3 keeps neither. The chip is told before the bus refuses it, or what is
 * under way would fail.
 */
static void seedchip_reset_enter(Object *obj, ResetType type)
{
    SeedchipState *s = SEEDCHIP(obj);
    PCIDevice *pci = PCI_DEVICE(s);
    unsigned int cause = SC_RESET_CAUSE_BUS;

    if (pci_get_word(pci->config + pci->exp.exp_cap + PCI_EXP_DEVCTL) &
        PCI_EXP_DEVCTL_BCR_FLR) {
        cause = SC_RESET_CAUSE_FLR;
    } else if (s->power_lost) {
        cause = SC_RESET_CAUSE_POWER;
    } else if (s->fresh) {
        return; /* the machine's first reset: it has just been powered on */
    } else if (s->pf) {
        cause = SC_RESET_CAUSE_POWER;
    }
    s->power_lost = false;
    seedchip_begin_reset(s, cause);
}

static void seedchip_reset_hold(SEEDCHIP_HOLD_ARGS)
{
    SeedchipState *s = SEEDCHIP(obj);
    PCIDevice *pci = PCI_DEVICE(s);

    if (!(pci_get_word(pci->config + pci->exp.exp_cap + PCI_EXP_DEVCTL) &
          PCI_EXP_DEVCTL_BCR_FLR)) {
        pcie_cap_deverr_reset(pci);
    }
    pci_set_word(pci->config + s->pm_cap + PCI_PM_CTRL,
                 PCI_PM_CTRL_NO_SOFT_RESET);
    if (s->vfs) {
        seedchip_sriov_pf_reset(pci);
    }
    seedchip_update_power(s);
}

/* S3: without power there is no DMA; the machine's reset at wake-up ends it. */
static void seedchip_suspend(Notifier *n, void *unused)
{
    SeedchipState *s = container_of(n, SeedchipState, suspend);

    s->power_lost = true;
    s->master = false;
    sc_chip_set_master(s->chip, false);
}

/* Creation and removal */

static bool seedchip_in_range(Error **errp, const char *name, uint64_t value,
                              uint64_t min, uint64_t max)
{
    if (value < min || value > max) {
        error_setg(errp, "seedchip: %s=%" PRIu64 " is out of range: %" PRIu64
                   " to %" PRIu64, name, value, min, max);
        return false;
    }
    return true;
}

static bool seedchip_check_sizes(SeedchipState *s, Error **errp)
{
    if (s->vram < SEEDCHIP_MIN_VRAM || s->vram > SEEDCHIP_MAX_VRAM ||
        !QEMU_IS_ALIGNED(s->vram, SC_HUGE_SIZE)) {
        error_setg(errp, "seedchip: vram=%" PRIu64 " must be a multiple of 2M "
                   "from 2M to 64T", s->vram);
        return false;
    }
    if (!s->bar) {
        s->bar = pow2floor(s->vram);
    }
    if (!is_power_of_2(s->bar) || s->bar < SEEDCHIP_MIN_VRAM ||
        s->bar > s->vram) {
        error_setg(errp, "seedchip: bar=%" PRIu64 " must be a power of two "
                   "from 2M to vram (%" PRIu64 "M)", s->bar, s->vram / MiB);
        return false;
    }
    if (!is_power_of_2(s->tcm) || s->tcm < SEEDCHIP_MIN_TCM ||
        s->tcm > SEEDCHIP_MAX_TCM) {
        error_setg(errp, "seedchip: tcm=%" PRIu64 " must be a power of two "
                   "from 64K to 16M", s->tcm);
        return false;
    }
    if (s->vlen && (!is_power_of_2(s->vlen) || s->vlen < 128 ||
                    s->vlen > SEEDCHIP_MAX_VLEN)) {
        error_setg(errp, "seedchip: vlen=%u must be 0 (no vectors) or a power "
                   "of two from 128 to %u", s->vlen, SEEDCHIP_MAX_VLEN);
        return false;
    }
    return true;
}

/*
 * The modelled machine. A file says cores, scratchpad and vectors too; card
 * memory stays what vram says, since it is the host's.
 */
static bool seedchip_load_machine(SeedchipState *s, Error **errp)
{
    struct sc_machine *machine = &s->model;
    char text[512];

    sc_machine_default(machine);
    if (!s->machine) {
        return true;
    }
    if (sc_machine_load(s->machine, machine, text, sizeof(text))) {
        error_setg(errp, "seedchip: config=%s", text);
        return false;
    }
    s->cores = machine->cores;
    s->tcm = machine->tcm_kib * KiB;
    s->vlen = machine->vlen;
    return true;
}

static bool seedchip_check_properties(SeedchipState *s, Error **errp)
{
    if (!seedchip_check_sizes(s, errp) ||
        !seedchip_in_range(errp, "cores", s->cores, 1, 64) ||
        !seedchip_in_range(errp, "queues", s->queues, 1, SC_MAX_QUEUES) ||
        !seedchip_in_range(errp, "slots", s->slots, 1, s->queues) ||
        !seedchip_in_range(errp, "contexts", s->contexts, 2,
                           SC_MAX_CONTEXTS) ||
        !seedchip_in_range(errp, "vectors", s->vectors, 1, SC_MAX_VECTORS) ||
        !seedchip_in_range(errp, "threads", s->threads, 0, s->cores) ||
        !seedchip_in_range(errp, "timeout-scale", s->timeout_scale, 1,
                           UINT16_MAX) ||
        !seedchip_in_range(errp, "vfs", s->vfs, 0, SEEDCHIP_MAX_VFS)) {
        return false;
    }
    if (s->sync && s->threads) {
        error_setg(errp, "seedchip: threads=%u does not go with sync=on, "
                   "which has no worker threads", s->threads);
        return false;
    }
    return true;
}

static uint64_t seedchip_next_serial(void)
{
    static uint64_t cards;

    return (uint64_t)SC_PCI_DEVICE << 32 | ++cards;
}

static bool seedchip_create(SeedchipState *s, Error **errp)
{
    ERRP_GUARD();
    g_autofree void *nvram = seedchip_open_nvram(s, errp);
    struct sc_config config = {
        .cores = s->slice.cores,
        .tcm_size = s->tcm,
        .card_size = s->slice.vram,
        .card_visible_size = s->slice.bar,
        .queues = s->slice.queues,
        .slots = s->slice.slots,
        .contexts = s->slice.contexts,
        .vectors = s->vectors,
        .threads = s->threads,
        .vlen = s->vlen,
        .timeout_scale = s->timeout_scale,
        .function = s->function,
        .card_cores = s->cores,
        .nvram = nvram,
        .strict = s->strict,
        .sync = s->sync,
        .test = s->test,
        .timing = s->timing,
        .machine = s->model,
    };
    const struct sc_host host = seedchip_host_ops(s);
    int ret;

    if (*errp) {
        return false;
    }
    sc_machine_share(&config.machine, s->slice.cores, s->cores);
    /* in the order of the command line, unless it or the NVRAM says one */
    config.serial = s->serial || nvram ? s->serial : seedchip_next_serial();
    ret = sc_chip_create(&config, &host, s, &s->chip);
    if (ret) {
        s->chip = NULL;
        error_setg_errno(errp, -ret, "seedchip: the chip model refuses this "
                         "configuration");
        return false;
    }
    s->serial = sc_chip_config(s->chip)->serial;
    return true;
}

static void seedchip_realize(PCIDevice *pci, Error **errp)
{
    SeedchipState *s = SEEDCHIP(pci);

    if (!pci_bus_is_express(pci_get_bus(pci))) {
        error_setg(errp, "seedchip: needs a PCI Express slot: "
                   "-device pcie-root-port,id=port0 "
                   "-device seedchip,bus=port0");
        return;
    }
    if (pci_is_vf(pci)) {
        seedchip_vf_inherit(s);
    } else if (!seedchip_load_machine(s, errp) ||
               !seedchip_check_properties(s, errp) ||
               !seedchip_sriov_divide(s, errp)) {
        return;
    }
    s->spec_hash = SC_SPEC_HASH;
    s->fresh = true;
    s->irq_bh = qemu_bh_new(seedchip_irq_bh, s);
    s->irq_timer = timer_new_ns(QEMU_CLOCK_VIRTUAL, seedchip_irq_timer, s);
    s->run_timer = timer_new_ns(QEMU_CLOCK_VIRTUAL, seedchip_run, s);
    s->late_timer = timer_new_ns(QEMU_CLOCK_VIRTUAL, seedchip_late, s);
    s->reset_timer = timer_new_ms(QEMU_CLOCK_REALTIME, seedchip_poll_reset, s);
    s->rest_timer = timer_new_ms(QEMU_CLOCK_REALTIME, seedchip_poll_rest, s);
    if (!seedchip_create(s, errp)) {
        goto err_leave;
    }
    seedchip_init_bars(s);
    if (!seedchip_init_caps(s, errp)) {
        seedchip_exit_bars(s);
        goto err_leave;
    }
    s->vm_state = qemu_add_vm_change_state_handler(seedchip_vm_state, s);
    s->suspend.notify = seedchip_suspend;
    qemu_register_suspend_notifier(&s->suspend);
    return;

err_leave:
    if (s->pf) {
        seedchip_vf_leave(s);
    }
}

/*
 * Removal: from here on workers reach nothing of the VM. They may still be
 * waiting for the big lock, so the device lives on until they have left. The
 * virtual functions of a card go before it.
 */
static void seedchip_exit(PCIDevice *pci)
{
    SeedchipState *s = SEEDCHIP(pci);

    if (s->vfs) {
        pcie_sriov_pf_exit(pci);
    }
    if (s->pf) {
        seedchip_vf_leave(s);
    }
    s->gone = true;
    notifier_remove(&s->suspend);
    qemu_del_vm_change_state_handler(s->vm_state);
    timer_del(s->irq_timer);
    timer_del(s->run_timer);
    timer_del(s->late_timer);
    timer_del(s->rest_timer);
    seedchip_exit_bars(s);
    seedchip_exit_caps(s);
    if (!s->pf || !SEEDCHIP_VF_KEEPS_REFERENCE) {
        object_ref(OBJECT(s));
    }
    seedchip_begin_reset(s, SC_RESET_CAUSE_BUS);
}

/* Workers are idle, and nothing maps card memory any more. */
static void seedchip_finalize(Object *obj)
{
    SeedchipState *s = SEEDCHIP(obj);

    if (s->chip) {
        sc_chip_destroy(s->chip);
        seedchip_close_nvram(s);
    }
    if (s->irq_bh) {
        qemu_bh_delete(s->irq_bh);
        timer_free(s->irq_timer);
        timer_free(s->run_timer);
        timer_free(s->late_timer);
        timer_free(s->reset_timer);
        timer_free(s->rest_timer);
    }
    g_free(s->name);
}

/*
 * The empty slot looks like one: QEMU does this only for removals that the
 * guest has agreed to. The rewrite of Slot Control raises the interrupt.
 */
static void seedchip_empty_slot(PCIDevice *port)
{
    uint32_t pos = port->exp.exp_cap;
    uint8_t *cap = port->config + pos;
    uint16_t ctl = pci_get_word(cap + PCI_EXP_SLTCTL);

    pci_word_test_and_clear_mask(cap + PCI_EXP_SLTSTA, PCI_EXP_SLTSTA_PDS);
    pci_word_test_and_clear_mask(cap + PCI_EXP_LNKSTA, PCI_EXP_LNKSTA_DLLLA);
    pci_word_test_and_set_mask(cap + PCI_EXP_SLTSTA, PCI_EXP_SLTSTA_PDC);
    pcie_cap_slot_write_config(port, ctl, pci_get_word(cap + PCI_EXP_SLTSTA),
                               pos + PCI_EXP_SLTCTL, ctl, 2);
}

/* Surprise removal: the card is gone at once, without asking the guest. */
static void seedchip_vanish(void *opaque)
{
    DeviceState *dev = opaque;
    HotplugHandler *slot = qdev_get_hotplug_handler(dev);
    Error *err = NULL;

    if (slot && dev->realized) {
        PCIDevice *port = pci_bridge_get_device(pci_get_bus(PCI_DEVICE(dev)));

        hotplug_handler_unplug(slot, dev, &err);
        if (err) {
            error_report_err(err);
        } else {
            object_unparent(OBJECT(dev));
            if (OBJECT(slot) == OBJECT(port)) {
                seedchip_empty_slot(port);
            }
        }
    }
    object_unref(OBJECT(dev));
}

static bool seedchip_get_surprise_remove(Object *obj, Error **errp)
{
    return SEEDCHIP(obj)->gone;
}

static void seedchip_set_surprise_remove(Object *obj, bool value, Error **errp)
{
    DeviceState *dev = DEVICE(obj);

    if (!dev->realized || !qdev_get_hotplug_handler(dev) || SEEDCHIP(obj)->pf) {
        error_setg(errp, "seedchip: only a card in a slot that allows "
                   "hot-plugging, as pcie-root-port, can be pulled out");
    } else if (value) {
        object_ref(obj);
        aio_bh_schedule_oneshot(qemu_get_aio_context(), seedchip_vanish, dev);
    }
}

/*
 * Present, but answering all-ones to everything, as behind a broken link. When
 * it is over the card is as after a bus reset, but for configuration space.
 */
static bool seedchip_get_dead(Object *obj, Error **errp)
{
    return SEEDCHIP(obj)->dead;
}

static void seedchip_die(SeedchipState *s)
{
    s->dead = true;
    seedchip_update_power(s);
    seedchip_begin_reset(s, SC_RESET_CAUSE_BUS);
    seedchip_sriov_each(s, seedchip_die);
}

static void seedchip_revive(SeedchipState *s)
{
    s->dead = false;
    seedchip_begin_reset(s, SC_RESET_CAUSE_BUS);
    seedchip_update_power(s);
    seedchip_update_master(s);
    seedchip_sriov_each(s, seedchip_revive);
}

static void seedchip_set_dead(Object *obj, bool value, Error **errp)
{
    SeedchipState *s = SEEDCHIP(obj);

    if (!DEVICE(obj)->realized) {
        error_setg(errp, "seedchip: only a running card can die");
    } else if (value && !s->dead) {
        seedchip_die(s);
    } else if (!value && s->dead) {
        seedchip_revive(s);
    }
}

static SeedchipProperty seedchip_properties[] = {
    DEFINE_PROP_SIZE("vram", SeedchipState, vram, 1 * GiB),
    DEFINE_PROP_SIZE("bar", SeedchipState, bar, 0),
    DEFINE_PROP_SIZE("tcm", SeedchipState, tcm, 1 * MiB),
    DEFINE_PROP_UINT32("cores", SeedchipState, cores, 8),
    DEFINE_PROP_UINT32("queues", SeedchipState, queues, 256),
    DEFINE_PROP_UINT32("slots", SeedchipState, slots, 16),
    DEFINE_PROP_UINT32("contexts", SeedchipState, contexts, 64),
    DEFINE_PROP_UINT32("vectors", SeedchipState, vectors, 16),
    DEFINE_PROP_UINT32("threads", SeedchipState, threads, 0),
    DEFINE_PROP_UINT32("vlen", SeedchipState, vlen, 4096),
    DEFINE_PROP_UINT32("timeout-scale", SeedchipState, timeout_scale, 1),
    DEFINE_PROP_UINT32("vfs", SeedchipState, vfs, 0),
    DEFINE_PROP_UINT64("serial", SeedchipState, serial, 0),
    DEFINE_PROP_STRING("nvram", SeedchipState, nvram),
    DEFINE_PROP_UINT64("latency", SeedchipState, latency, 1000),
    DEFINE_PROP_BOOL("strict", SeedchipState, strict, false),
    DEFINE_PROP_BOOL("sync", SeedchipState, sync, false),
    DEFINE_PROP_BOOL("test", SeedchipState, test, false),
    DEFINE_PROP_BOOL("trace", SeedchipState, trace, false),
    DEFINE_PROP_BOOL("timing", SeedchipState, timing, false),
    DEFINE_PROP_STRING("config", SeedchipState, machine),
#ifdef DEFINE_PROP_END_OF_LIST
    DEFINE_PROP_END_OF_LIST(),
#endif
};

static void seedchip_class_init(ObjectClass *oc, SeedchipClassData *data)
{
    DeviceClass *dc = DEVICE_CLASS(oc);
    PCIDeviceClass *k = PCI_DEVICE_CLASS(oc);

    k->realize = seedchip_realize;
    k->exit = seedchip_exit;
    k->config_read = seedchip_config_read;
    k->config_write = seedchip_config_write;
    k->vendor_id = SC_PCI_VENDOR;
    k->device_id = SC_PCI_DEVICE;
    k->subsystem_vendor_id = SC_PCI_VENDOR;
    k->subsystem_id = SC_PCI_DEVICE;
    k->revision = 1;
    k->class_id = SC_PCI_CLASS;
    RESETTABLE_CLASS(oc)->phases.enter = seedchip_reset_enter;
    RESETTABLE_CLASS(oc)->phases.hold = seedchip_reset_hold;
    dc->desc = "SC1 AI inference card";
    dc->vmsd = &seedchip_vmstate;
    set_bit(DEVICE_CATEGORY_MISC, dc->categories);
    device_class_set_props(dc, seedchip_properties);
    object_class_property_add_bool(oc, "surprise-remove",
                                   seedchip_get_surprise_remove,
                                   seedchip_set_surprise_remove);
    object_class_property_set_description(oc, "surprise-remove",
        "set to true to pull the card out without asking the guest");
    object_class_property_add_bool(oc, "dead", seedchip_get_dead,
                                   seedchip_set_dead);
    object_class_property_set_description(oc, "dead",
        "the card stays in its slot but answers all-ones to everything");
    seedchip_inject_properties(oc);
}

static const TypeInfo seedchip_info = {
    .name = TYPE_SEEDCHIP,
    .parent = TYPE_PCI_DEVICE,
    .instance_size = sizeof(SeedchipState),
    .instance_finalize = seedchip_finalize,
    .class_init = seedchip_class_init,
    .interfaces = (InterfaceInfo[]) {
        { INTERFACE_PCIE_DEVICE },
        { }
    },
};

void seedchip_register(void)
{
    type_register_static(&seedchip_info);
    type_register_static(&seedchip_vf_info);
}

#ifdef SEEDCHIP_IN_TREE
type_init(seedchip_register)
#endif
