/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Card memory.
 */
#ifndef SEEDCHIP_VRAM_H
#define SEEDCHIP_VRAM_H

#include <linux/types.h>

struct seedchip_device;
struct seq_file;
struct seedchip_vram_node;

#define SEEDCHIP_VRAM_VISIBLE 0x1 /* in the part that the CPU reaches */
#define SEEDCHIP_VRAM_ZERO    0x2 /* reads zero */

/**
 * struct seedchip_extent - a contiguous piece of memory as the card sees it
 * @addr: card or DMA address
 * @size: bytes
 */
struct seedchip_extent {
	u64 addr;
	u64 size;
};

int seedchip_vram_init(struct seedchip_device *sdev);
struct seedchip_vram_node *seedchip_vram_alloc(struct seedchip_device *sdev, u64 size, u32 flags);
void seedchip_vram_free(struct seedchip_device *sdev, struct seedchip_vram_node *node);
void seedchip_vram_free_dirty(struct seedchip_device *sdev, struct seedchip_vram_node *node);
u64 seedchip_vram_address(struct seedchip_vram_node *node);
u32 seedchip_vram_extents(struct seedchip_device *sdev, struct seedchip_vram_node *node,
			  struct seedchip_extent *extents);
void seedchip_vram_show(struct seedchip_device *sdev, struct seq_file *m);

void seedchip_vram_retire(struct seedchip_device *sdev, u64 addr);
ssize_t seedchip_vram_show_retired(struct seedchip_device *sdev, char *buf);
void seedchip_vram_lose(struct seedchip_device *sdev);

#endif /* SEEDCHIP_VRAM_H */
