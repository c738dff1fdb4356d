/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * SC1 virtual card: what can be made to go wrong at run time, by qom-set, and
 * the card's NVRAM, which remembers some of it.
 *
 * Invariant: an injection takes effect at a point that does not depend on the
 * host's clock: with the next interrupt, write-back, access or reset.
 */
#include "seedchip-pci.h"
#include <sys/file.h>
#include "qapi/error.h"
#include "qapi/visitor.h"
#include "qemu/error-report.h"

#define SEEDCHIP_LATE_NS (10 * SCALE_MS)

/* Those of the chip model */

typedef struct SeedchipInjection {
    const char *property;
    enum sc_inject what;
    const char *value;
    const char *text;
} SeedchipInjection;

static const SeedchipInjection injections[] = {
#define SEEDCHIP_INJECTION(name, property, value, text) \
    { property, SC_INJECT_##name, value, text },
    SC_INJECT_TABLE(SEEDCHIP_INJECTION)
};

static void seedchip_inject(Object *obj, Visitor *v, const char *name,
                            void *opaque, Error **errp)
{
    const SeedchipInjection *inject = opaque;
    SeedchipState *s = SEEDCHIP(obj);
    uint64_t value;
    int ret;

    if (!visit_type_uint64(v, name, &value, errp)) {
        return;
    }
    if (!s->chip || s->gone) {
        error_setg(errp, "seedchip: the card is not there");
        return;
    }
    ret = sc_chip_inject(s->chip, inject->what, value);
    if (ret == -ENODEV) {
        error_setg(errp, "seedchip: %s: only on the physical function", name);
    } else if (ret) {
        error_setg(errp, "seedchip: %s=%" PRIu64 " is out of range (%s)", name,
                   value, inject->value);
    }
    if (s->sync) {
        seedchip_raise(s);
    }
}

/* Interrupts */

static bool seedchip_take(unsigned int *count)
{
    unsigned int old = qatomic_read(count);

    while (old) {
        unsigned int seen = qatomic_cmpxchg(count, old, old - 1);

        if (seen == old) {
            return true;
        }
        old = seen;
    }
    return false;
}

bool seedchip_spoil_irq(SeedchipState *s, unsigned int vector)
{
    if (seedchip_take(&s->irq_drop)) {
        return true;
    }
    if (seedchip_take(&s->irq_delay)) {
        qatomic_or(&s->late_bits, 1ULL << vector);
        return true;
    }
    if (seedchip_take(&s->irq_duplicate)) {
        qatomic_or(&s->twice_bits, 1ULL << vector);
    }
    return false;
}

void seedchip_arm_late(SeedchipState *s)
{
    if (qatomic_read(&s->late_bits) && !timer_pending(s->late_timer)) {
        timer_mod(s->late_timer,
                  qemu_clock_get_ns(QEMU_CLOCK_VIRTUAL) + SEEDCHIP_LATE_NS);
    }
}

void seedchip_late(void *opaque)
{
    SeedchipState *s = opaque;

    qatomic_or(&s->irq_bits, qatomic_xchg(&s->late_bits, 0));
    seedchip_raise(s);
}

static const struct {
    const char *property;
    size_t offset;
    const char *text;
} irq_injections[] = {
#define SEEDCHIP_IRQ_INJECTION(name, property, value, text) \
    { property, offsetof(SeedchipState, name), text },
    SEEDCHIP_IRQ_INJECT_TABLE(SEEDCHIP_IRQ_INJECTION)
};

static void seedchip_inject_irq(Object *obj, Visitor *v, const char *name,
                                void *opaque, Error **errp)
{
    size_t offset = irq_injections[(uintptr_t)opaque].offset;
    uint32_t count;

    if (visit_type_uint32(v, name, &count, errp)) {
        qatomic_set((unsigned int *)((char *)SEEDCHIP(obj) + offset), count);
    }
}

void seedchip_inject_properties(ObjectClass *oc)
{
    uintptr_t i;

    for (i = 0; i < ARRAY_SIZE(injections); i++) {
        object_class_property_add(oc, injections[i].property, "uint64", NULL,
                                  seedchip_inject, NULL,
                                  (void *)&injections[i]);
        object_class_property_set_description(oc, injections[i].property,
                                              injections[i].text);
    }
    for (i = 0; i < ARRAY_SIZE(irq_injections); i++) {
        object_class_property_add(oc, irq_injections[i].property, "uint32",
                                  NULL, seedchip_inject_irq, NULL, (void *)i);
        object_class_property_set_description(oc, irq_injections[i].property,
                                              irq_injections[i].text);
    }
}

/* NVRAM */

/*
 * Returns the image, or NULL: the file is new, or there is none, or *errp says
 * what is wrong with it.
 */
void *seedchip_open_nvram(SeedchipState *s, Error **errp)
{
    g_autofree void *image = g_malloc0(sc_nvram_size());
    ssize_t size;

    s->nvram_fd = -1;
    if (!s->nvram) {
        return NULL;
    }
    s->nvram_fd = qemu_open_old(s->nvram, O_RDWR | O_CREAT, 0600);
    if (s->nvram_fd < 0) {
        error_setg_errno(errp, errno, "seedchip: nvram=%s", s->nvram);
        return NULL;
    }
    if (flock(s->nvram_fd, LOCK_EX | LOCK_NB)) {
        error_setg(errp, "seedchip: nvram=%s is in use by another card",
                   s->nvram);
        goto err_close;
    }
    size = pread(s->nvram_fd, image, sc_nvram_size(), 0);
    if (size == sc_nvram_size()) {
        return g_steal_pointer(&image);
    }
    if (size) {
        error_setg(errp, "seedchip: nvram=%s is not the NVRAM of a card",
                   s->nvram);
        goto err_close;
    }
    return NULL;

err_close:
    seedchip_close_nvram(s);
    return NULL;
}

void seedchip_close_nvram(SeedchipState *s)
{
    if (s->nvram_fd >= 0) {
        qemu_close(s->nvram_fd);
    }
    s->nvram_fd = -1;
}

void seedchip_keep_nvram(void *opaque, const void *image, size_t size)
{
    SeedchipState *s = opaque;

    if (s->nvram_fd >= 0 && pwrite(s->nvram_fd, image, size, 0) != size) {
        warn_report_once("seedchip: %s: nvram=%s cannot be written: %s",
                         seedchip_name(s), s->nvram, strerror(errno));
    }
}
