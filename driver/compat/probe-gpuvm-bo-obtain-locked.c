// SPDX-License-Identifier: GPL-2.0-only
/* drm_gpuvm_bo_obtain() says in its name who locks. */
#include <drm/drm_gpuvm.h>

void *probe(struct drm_gpuvm *gpuvm, struct drm_gem_object *obj);
void *probe(struct drm_gpuvm *gpuvm, struct drm_gem_object *obj)
{
	return drm_gpuvm_bo_obtain_locked(gpuvm, obj);
}
