// SPDX-License-Identifier: GPL-2.0-only
/* MODULE_IMPORT_NS() takes a bare name; later it is a string. */
#include <linux/module.h>

MODULE_IMPORT_NS(DMA_BUF);
