// SPDX-License-Identifier: GPL-2.0-only
/* dma_buf_move_notify(), and what it calls, have the name of what they do. */
#include <linux/dma-buf.h>

void probe(struct dma_buf *buf);
void probe(struct dma_buf *buf)
{
	dma_buf_invalidate_mappings(buf);
}
