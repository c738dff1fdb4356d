/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * drm_gpuvm calls whose names or arguments have changed, and a flag that has gone.
 */
#ifndef SEEDCHIP_COMPAT_GPUVM_H
#define SEEDCHIP_COMPAT_GPUVM_H

#include <drm/drm_gpuvm.h>

#ifdef SEEDCHIP_HAVE_DRIVER_GEM_GPUVA
#define SEEDCHIP_DRIVER_GEM_GPUVA DRIVER_GEM_GPUVA
#else
#define SEEDCHIP_DRIVER_GEM_GPUVA 0
#endif

/* The caller holds the lock of the buffer's list of mappings. */
static inline struct drm_gpuvm_bo *seedchip_gpuvm_bo_obtain(struct drm_gpuvm *gpuvm,
							    struct drm_gem_object *obj)
{
#ifdef SEEDCHIP_HAVE_GPUVM_BO_OBTAIN_LOCKED
	return drm_gpuvm_bo_obtain_locked(gpuvm, obj);
#else
	return drm_gpuvm_bo_obtain(gpuvm, obj);
#endif
}

static inline int seedchip_gpuvm_sm_map(struct drm_gpuvm *gpuvm, void *priv, u64 addr, u64 range,
					struct drm_gem_object *obj, u64 offset)
{
#ifdef SEEDCHIP_HAVE_GPUVM_MAP_REQ
	const struct drm_gpuvm_map_req req = {
		.map.va.addr = addr,
		.map.va.range = range,
		.map.gem.obj = obj,
		.map.gem.offset = offset,
	};

	return drm_gpuvm_sm_map(gpuvm, priv, &req);
#else
	return drm_gpuvm_sm_map(gpuvm, priv, addr, range, obj, offset);
#endif
}

#endif /* SEEDCHIP_COMPAT_GPUVM_H */
