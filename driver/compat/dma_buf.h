/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * dma_buf_invalidate_mappings(), called dma_buf_move_notify() before it was renamed.
 */
#ifndef SEEDCHIP_COMPAT_DMA_BUF_H
#define SEEDCHIP_COMPAT_DMA_BUF_H

#include <linux/dma-buf.h>

#ifndef SEEDCHIP_HAVE_DMA_BUF_INVALIDATE_MAPPINGS
#define dma_buf_invalidate_mappings dma_buf_move_notify
#define invalidate_mappings move_notify
#endif

#endif /* SEEDCHIP_COMPAT_DMA_BUF_H */
