/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * drm_print_memory_stats(): what an object can be.
 */
#ifndef SEEDCHIP_COMPAT_MEMORY_STATS_H
#define SEEDCHIP_COMPAT_MEMORY_STATS_H

#include <drm/drm_gem.h>

#ifdef SEEDCHIP_HAVE_GEM_OBJECT_ACTIVE
#define SEEDCHIP_MEMORY_STATS (DRM_GEM_OBJECT_RESIDENT | DRM_GEM_OBJECT_ACTIVE)
#else
#define SEEDCHIP_MEMORY_STATS DRM_GEM_OBJECT_RESIDENT
#endif

#endif /* SEEDCHIP_COMPAT_MEMORY_STATS_H */
