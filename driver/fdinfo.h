/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Usage of open files.
 */
#ifndef SEEDCHIP_FDINFO_H
#define SEEDCHIP_FDINFO_H

#include <linux/types.h>

struct drm_file;
struct drm_printer;

/**
 * struct seedchip_usage - core time as it is shown
 * @seen: what the card said last
 * @before: what had been counted when it began to count anew
 */
struct seedchip_usage {
	u64 seen;
	u64 before;
};

void seedchip_fdinfo_show(struct drm_printer *p, struct drm_file *file);

#endif /* SEEDCHIP_FDINFO_H */
