// SPDX-License-Identifier: GPL-2.0-only
/* A driver says that its buffers have lists of mappings; later all have. */
#include <drm/drm_drv.h>

u32 probe(void);
u32 probe(void)
{
	return DRIVER_GEM_GPUVA;
}
