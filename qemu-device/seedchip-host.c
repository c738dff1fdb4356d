/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * SC1 virtual card: what the chip model asks of QEMU (struct sc_host).
 *
 * Owns DMA, the way of interrupts to MSI-X, the clocks and the reports.
 *
 * Invariant: these callbacks come from the chip's own threads, without the big
 * lock; they take it for a vIOMMU's translations alone, for a bounded time.
 */
#include "seedchip-pci.h"
#include "hw/pci/msix.h"
#include "qemu/error-report.h"
#include "qemu/log.h"
#include "qemu/units.h"
#ifdef SEEDCHIP_IN_TREE
#include "trace/trace-hw_misc_seedchip.h"
#endif

/* DMA in pieces: under the big lock, and else, so that no grace period waits */
#define SEEDCHIP_LOCKED_CHUNK (64 * KiB)
#define SEEDCHIP_FREE_CHUNK   (1 * MiB)

/* sync=on: instructions per timer callback, taken as nanoseconds */
#define SEEDCHIP_SYNC_BUDGET 100000

/* Interrupts */

void seedchip_raise(SeedchipState *s)
{
    uint64_t bits, twice;

    /* while the VM stands still they wait, and are saved with the card */
    if (s->quiesced && !s->dma_cut) {
        return;
    }
    bits = qatomic_xchg(&s->irq_bits, 0);
    twice = qatomic_xchg(&s->twice_bits, 0);
    seedchip_arm_late(s);
    /* what a reset or removal has cut off must not arrive after it */
    if (s->dma_cut) {
        return;
    }
    while (bits) {
        unsigned int vector = ctz64(bits);

        bits &= bits - 1;
        msix_notify(PCI_DEVICE(s), vector);
        if (twice >> vector & 1) {
            msix_notify(PCI_DEVICE(s), vector);
        }
    }
}

/* Interrupts that the chip holds back, and the rest */
void seedchip_irq_timer(void *opaque)
{
    SeedchipState *s = opaque;
    uint64_t due = sc_chip_timer(s->chip);

    seedchip_raise(s);
    if (due != UINT64_MAX) {
        timer_mod(s->irq_timer, due);
    }
}

void seedchip_irq_bh(void *opaque)
{
    SeedchipState *s = opaque;

    if (qatomic_xchg(&s->irq_held, false)) {
        seedchip_irq_timer(s);
    } else {
        seedchip_raise(s);
    }
}

static void seedchip_hold_irq(void *opaque)
{
    SeedchipState *s = opaque;

    qatomic_set(&s->irq_held, true);
    qemu_bh_schedule(s->irq_bh);
}

static void seedchip_irq(void *opaque, unsigned int vector)
{
    SeedchipState *s = opaque;

    if (!seedchip_spoil_irq(s, vector)) {
        qatomic_or(&s->irq_bits, 1ULL << vector);
    }
    /* sync: whoever called the chip raises it, at an exact virtual time */
    if (!s->sync) {
        qemu_bh_schedule(s->irq_bh);
    }
}

/* DMA */

static pthread_key_t seedchip_thread_key;

static void seedchip_thread_exit(void *unused)
{
    rcu_unregister_thread();
}

static void seedchip_thread_key_init(void)
{
    pthread_key_create(&seedchip_thread_key, seedchip_thread_exit);
}

/* The chip starts its own threads; QEMU's RCU has to know them. */
static void seedchip_thread_enter(SeedchipState *s)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    static __thread bool entered;

    if (!entered && !s->sync) {
        entered = true;
        pthread_once(&once, seedchip_thread_key_init);
        rcu_register_thread();
        pthread_setspecific(seedchip_thread_key, s);
    }
}

/* One single load or store. */
static MemTxResult seedchip_dma_word(AddressSpace *as, hwaddr addr, void *buf,
                                     hwaddr len, bool write)
{
    const MemTxAttrs attrs = MEMTXATTRS_UNSPECIFIED;
    MemTxResult result;

    switch (len) {
    case 8:
        if (write) {
            address_space_stq_le(as, addr, ldq_le_p(buf), attrs, &result);
        } else {
            stq_le_p(buf, address_space_ldq_le(as, addr, attrs, &result));
        }
        return result;
    case 4:
        if (write) {
            address_space_stl_le(as, addr, ldl_le_p(buf), attrs, &result);
        } else {
            stl_le_p(buf, address_space_ldl_le(as, addr, attrs, &result));
        }
        return result;
    case 2:
        if (write) {
            address_space_stw_le(as, addr, lduw_le_p(buf), attrs, &result);
        } else {
            stw_le_p(buf, address_space_lduw_le(as, addr, attrs, &result));
        }
        return result;
    default:
        return address_space_rw(as, addr, attrs, buf, len, write);
    }
}

/*
 * As much of @len as lies in one piece of memory. Only memory is reachable: a
 * register of a device, this one's included, answers with an error, since its
 * handler may need the big lock, or what this worker holds.
 */
static MemTxResult seedchip_dma_piece(AddressSpace *as, hwaddr addr, void *buf,
                                      hwaddr *len, bool write)
{
    const MemTxAttrs attrs = MEMTXATTRS_UNSPECIFIED;
    hwaddr xlat;
    MemoryRegion *mr;

    RCU_READ_LOCK_GUARD();
    mr = address_space_translate(as, addr, &xlat, len, write, attrs);
    if (!seedchip_is_direct(mr, write)) {
        return MEMTX_ACCESS_ERROR;
    }
    if (*len <= 8 && is_power_of_2(*len) && QEMU_IS_ALIGNED(addr, *len)) {
        return seedchip_dma_word(as, addr, buf, *len, write);
    }
    return address_space_rw(as, addr, attrs, buf, *len, write);
}

static int seedchip_dma(void *opaque, uint64_t addr, void *buf, size_t len,
                        bool write)
{
    SeedchipState *s = opaque;
    AddressSpace *as = pci_get_address_space(PCI_DEVICE(s));
    MemTxResult result = MEMTX_OK;

    seedchip_thread_enter(s);
    while (len && result == MEMTX_OK) {
        /* translation by a vIOMMU is only safe under the big lock */
        bool locked = qatomic_read(&s->dma_locked) && !bql_locked();
        hwaddr piece = MIN(len, locked ? SEEDCHIP_LOCKED_CHUNK
                                       : SEEDCHIP_FREE_CHUNK);

        if (locked) {
            bql_lock();
        }
        qatomic_inc(&s->dma_users);
        if (qatomic_read(&s->dma_cut)) {
            result = MEMTX_ERROR;
        } else {
            result = seedchip_dma_piece(as, addr, buf, &piece, write);
        }
        qatomic_dec(&s->dma_users);
        if (locked) {
            bql_unlock();
        }
        addr += piece;
        buf += piece;
        len -= piece;
    }
    /* data is visible before what the chip stores next */
    smp_mb();
    return result == MEMTX_OK ? 0 : -EIO;
}

/*
 * Those who are in the middle of a piece are waited for: they need no lock.
 * Those who wait for the big lock will find the way cut.
 */
void seedchip_cut_dma(SeedchipState *s)
{
    qatomic_set(&s->dma_cut, true);
    /* who is not seen here as a user sees the way cut */
    smp_mb();
    while (qatomic_read(&s->dma_users)) {
        sched_yield();
    }
}

/* Clocks */

static uint64_t seedchip_time_ns(void *opaque)
{
    return qemu_clock_get_ns(QEMU_CLOCK_VIRTUAL);
}

static uint64_t seedchip_icount(void *opaque)
{
    return icount_enabled() ? icount_get_raw() : 0;
}

void seedchip_kick(SeedchipState *s)
{
    if (!timer_pending(s->run_timer)) {
        timer_mod(s->run_timer,
                  qemu_clock_get_ns(QEMU_CLOCK_VIRTUAL) + s->latency);
    }
}

static void seedchip_kick_cb(void *opaque)
{
    seedchip_kick(opaque);
}

void seedchip_run(void *opaque)
{
    SeedchipState *s = opaque;
    bool more = sc_chip_run(s->chip, SEEDCHIP_SYNC_BUDGET);

    seedchip_raise(s);
    if (more) {
        timer_mod(s->run_timer, qemu_clock_get_ns(QEMU_CLOCK_VIRTUAL) +
                                SEEDCHIP_SYNC_BUDGET);
    }
}

/* Reports */

const char *seedchip_name(SeedchipState *s)
{
    return s->name ?: DEVICE(s)->id ?: TYPE_SEEDCHIP;
}

static const char *seedchip_rule(enum sc_strict_rule rule)
{
#define SEEDCHIP_RULE(name, meaning) #name "\0"
    const char *name = SC_STRICT_TABLE(SEEDCHIP_RULE);
    int i;

    for (i = 0; i < rule; i++) {
        name += strlen(name) + 1;
    }
    return name;
}

void seedchip_report(SeedchipState *s, enum sc_strict_rule rule,
                     const char *text)
{
    const char *name = seedchip_rule(rule);

    if (!s->strict) {
        qemu_log_mask(LOG_GUEST_ERROR, "seedchip: %s: %s: %s\n",
                      seedchip_name(s), name, text);
        return;
    }
    error_report("seedchip: strict: %s: %s (%s)", name, text,
                 seedchip_name(s));
    qemu_system_vmstop_request_prepare();
    qemu_system_vmstop_request(RUN_STATE_INTERNAL_ERROR);
}

static void seedchip_strict(void *opaque, enum sc_strict_rule rule,
                            const char *text)
{
    seedchip_report(opaque, rule, text);
}

static void seedchip_trace(void *opaque, const char *event, const char *text)
{
    SeedchipState *s = opaque;

#ifdef SEEDCHIP_IN_TREE
    trace_seedchip_event(seedchip_name(s), event, text);
#else
    /* to the log of -d and -D if there is one */
    FILE *f = qemu_log_trylock();

    fprintf(f ?: stderr, "seedchip: %s: %s %s\n", seedchip_name(s), event,
            text);
    if (f) {
        qemu_log_unlock(f);
    }
#endif
}

struct sc_host seedchip_host_ops(SeedchipState *s)
{
    return (struct sc_host) {
        .dma = seedchip_dma,
        .irq = seedchip_irq,
        .time_ns = seedchip_time_ns,
        .icount = s->test ? seedchip_icount : NULL,
        .strict = seedchip_strict,
        .nvram = seedchip_keep_nvram,
        .timer = seedchip_hold_irq,
        .kick = s->sync ? seedchip_kick_cb : NULL,
        .trace = s->trace ? seedchip_trace : NULL,
        .running = s->vfs && !s->pf ? seedchip_sriov_running : NULL,
    };
}
