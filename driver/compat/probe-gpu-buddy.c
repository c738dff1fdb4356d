// SPDX-License-Identifier: GPL-2.0-only
/* The buddy allocator has its name of 7.0. */
#include <linux/gpu_buddy.h>

int probe(struct gpu_buddy *mm);
int probe(struct gpu_buddy *mm)
{
	return gpu_buddy_init(mm, 4096, 4096);
}
