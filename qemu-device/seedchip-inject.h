/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What can be injected by qom-set besides SC_INJECT_TABLE of the chip model.
 * Includes nothing, as the documentation is made from it, too.
 */
#ifndef SEEDCHIP_INJECT_H
#define SEEDCHIP_INJECT_H

/* Interrupts: X(member of SeedchipState, property, value, meaning) */
#define SEEDCHIP_IRQ_INJECT_TABLE(X) \
    X(irq_drop, "inject-irq-drop", "count", \
      "so many interrupts, of any vector, are lost") \
    X(irq_duplicate, "inject-irq-duplicate", "count", \
      "so many come twice") \
    X(irq_delay, "inject-irq-delay", "count", \
      "so many come 10 ms late, in the guest's time")

/* The card as a whole: X(property, value, meaning) */
#define SEEDCHIP_CARD_INJECT_TABLE(X) \
    X("dead", "on, off", \
      "the card stays in its slot but answers all-ones to everything, " \
      "configuration space included; off: as after a bus reset, with its " \
      "configuration") \
    X("surprise-remove", "on", "the card is pulled out")

#endif /* SEEDCHIP_INJECT_H */
