/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * SC1 virtual card: stopping with the VM, saving and loading.
 *
 * Invariant: only a card at rest is saved, and one that was loaded does nothing
 * before the VM runs. Waiting for that is bounded.
 */
#include "seedchip-pci.h"
#include "hw/pci/msix.h"
#include "hw/pci/pcie.h"
#include "migration/vmstate.h"
#include "qemu/error-report.h"

#define SEEDCHIP_REST_MS 2000 /* saving waits this long for a busy card */

/* At rest: card memory is final, so that it can be saved. */
static bool seedchip_check_rest(SeedchipState *s)
{
    if (!s->at_rest && sc_chip_idle(s->chip)) {
        s->at_rest = true;
        /* the chip writes card memory behind QEMU's back */
        memory_region_set_dirty(&s->card, 0, s->slice.vram);
    }
    return s->at_rest;
}

void seedchip_poll_rest(void *opaque)
{
    SeedchipState *s = opaque;

    if (!seedchip_check_rest(s)) {
        timer_mod(s->rest_timer, qemu_clock_get_ms(QEMU_CLOCK_REALTIME) +
                                 SEEDCHIP_POLL_MS);
    }
}

/* Waits under the big lock, which is why it gives up. */
static void seedchip_wait_rest(SeedchipState *s)
{
    int ms;

    for (ms = 0; !seedchip_check_rest(s) && ms < SEEDCHIP_REST_MS; ms++) {
        g_usleep(1000);
    }
}

/* The card stands still while the VM does. */
void seedchip_vm_state(void *opaque, bool running, RunState state)
{
    SeedchipState *s = opaque;

    if (running) {
        timer_del(s->rest_timer);
        s->quiesced = false;
        s->at_rest = false;
        sc_chip_quiesce(s->chip, false);
        seedchip_raise(s);
        if (s->sync) {
            seedchip_kick(s);
        }
        return;
    }
    s->quiesced = true;
    sc_chip_quiesce(s->chip, true);
    if (state == RUN_STATE_SAVE_VM || state == RUN_STATE_FINISH_MIGRATE) {
        seedchip_wait_rest(s);
    }
    seedchip_poll_rest(s);
}

static int seedchip_pre_save(void *opaque)
{
    SeedchipState *s = opaque;
    /* before its first start the VM has never been stopped */
    bool rest = s->quiesced ? s->at_rest : sc_chip_idle(s->chip);
    long size = rest ? sc_chip_save(s->chip, NULL, 0) : -EBUSY;

    if (size < 0) {
        error_report("seedchip: %s has work in progress and cannot be saved; "
                     "try again when it is idle", seedchip_name(s));
        return -EBUSY;
    }
    s->state = g_malloc0(size);
    s->state_size = size;
    s->saved_irqs = qatomic_read(&s->irq_bits);
    if (sc_chip_save(s->chip, s->state, size) != size) {
        g_clear_pointer(&s->state, g_free);
        return -EBUSY;
    }
    return 0;
}

static int seedchip_post_save(void *opaque)
{
    SeedchipState *s = opaque;

    g_clear_pointer(&s->state, g_free);
    return 0;
}

/*
 * The lock is dropped meanwhile, as a worker may need it to come back; the VM
 * stands still, and the reset has cut the card off.
 */
static bool seedchip_wait_reset(SeedchipState *s)
{
    int ms;

    for (ms = 0; sc_chip_reset_busy(s->chip); ms++) {
        if (ms == SEEDCHIP_RESET_MS) {
            return false;
        }
        bql_unlock();
        g_usleep(1000);
        bql_lock();
    }
    return true;
}

static int seedchip_post_load(void *opaque, int version_id)
{
    SeedchipState *s = opaque;
    int ret;

    s->fresh = false;
    /* nothing may run before all of memory is there and the VM starts */
    s->quiesced = true;
    sc_chip_quiesce(s->chip, true);
    if (!seedchip_wait_reset(s)) {
        error_report("seedchip: %s: reset is not over, nothing loaded",
                     seedchip_name(s));
        return -EBUSY;
    }
    seedchip_settle_reset(s);
    qatomic_set(&s->irq_bits, s->saved_irqs);
    ret = sc_chip_load(s->chip, s->state, s->state_size);
    g_clear_pointer(&s->state, g_free);
    if (ret) {
        error_report("seedchip: %s: the saved state does not fit: it is from "
                     "another version, or the properties differ",
                     seedchip_name(s));
        return ret;
    }
    seedchip_update_power(s);
    seedchip_update_master(s);
    return 0;
}

const VMStateDescription seedchip_vmstate = {
    .name = TYPE_SEEDCHIP,
    .version_id = 2,
    .minimum_version_id = 2,
    .pre_save = seedchip_pre_save,
    .post_save = seedchip_post_save,
    .post_load = seedchip_post_load,
    .fields = (const VMStateField[]) {
        VMSTATE_PCI_DEVICE(parent_obj, SeedchipState),
        VMSTATE_STRUCT(parent_obj.exp.aer_log, SeedchipState, 0,
                       vmstate_pcie_aer_log, PCIEAERLog),
        VMSTATE_MSIX(parent_obj, SeedchipState),
        VMSTATE_UINT64_EQUAL(spec_hash, SeedchipState,
                             "the cards follow different specifications"),
        VMSTATE_BOOL(power_lost, SeedchipState),
        VMSTATE_UINT64(saved_irqs, SeedchipState),
        VMSTATE_UINT32(state_size, SeedchipState),
        VMSTATE_VBUFFER_ALLOC_UINT32(state, SeedchipState, 0, NULL,
                                     state_size),
        VMSTATE_END_OF_LIST()
    }
};
