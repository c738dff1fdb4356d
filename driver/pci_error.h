/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the PCI core does to the card: errors of the link, resets of the function.
 */
#ifndef SEEDCHIP_PCI_ERROR_H
#define SEEDCHIP_PCI_ERROR_H

struct pci_error_handlers;

extern const struct pci_error_handlers seedchip_error_handlers;

#endif /* SEEDCHIP_PCI_ERROR_H */
