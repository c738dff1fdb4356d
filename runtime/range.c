// SPDX-License-Identifier: MIT
/*
 * Ranges: addresses that are reserved now and get memory later, in order with
 * work if the caller wants it so.
 *
 * Mappings that are not waited for belong to the device's hidden queue, whose
 * points the driver signals when they are in effect.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "graph.h"

API int seedchip_range_reserve(struct seedchip_device *dev, uint64_t size,
			       struct seedchip_range **out)
{
	struct seedchip_range *range;
	int r;

	if (!size || size % dev->info.page_size)
		return report(-EINVAL, "range: size 0x%llx is not a multiple of the page size %u",
			      (unsigned long long)size, dev->info.page_size);
	range = calloc(1, sizeof(*range));
	if (!range)
		return report(-ENOMEM, "range: out of memory");
	garbage_collect(dev);
	range->dev = dev;
	range->memory.size = size;
	r = size > dev->info.va_end - dev->info.va_start ?
		-ENOSPC : memory_reserve(dev, size, &range->memory.va);
	if (r) {
		free(range);
		return report(r, "range: no 0x%llx bytes of addresses", (unsigned long long)size);
	}
	pthread_mutex_lock(&dev->lock);
	list_add(&dev->ranges, &range->link);
	pthread_mutex_unlock(&dev->lock);
	*out = range;
	return 0;
}

API void seedchip_range_destroy(struct seedchip_range *range)
{
	struct seedchip_device *dev;

	if (!range)
		return;
	dev = range->dev;
	pthread_mutex_lock(&dev->lock);
	list_del(&range->link);
	pthread_mutex_unlock(&dev->lock);
	memory_discard(dev, &range->memory);
	free(range);
}

API uint64_t seedchip_range_address(const struct seedchip_range *range)
{
	return range->memory.va;
}

static int check_part(const char *what, uint64_t offset, uint64_t size, uint64_t whole,
		      uint32_t page)
{
	if (!size || (offset | size) % page)
		return report(-EINVAL,
			      "range: %s offset 0x%llx, size 0x%llx: not multiples of 0x%x",
			      what, (unsigned long long)offset, (unsigned long long)size, page);
	if (size > whole || offset > whole - size)
		return report(-EINVAL, "range: 0x%llx + 0x%llx is outside the %s of 0x%llx bytes",
			      (unsigned long long)offset, (unsigned long long)size, what,
			      (unsigned long long)whole);
	return 0;
}

/*
 * One operation, in order behind the other mappings of the device. With
 * @after, @done or an earlier mapping still on its way it goes through the
 * hidden queue; dev->lock keeps its points in order.
 */
static int change(struct seedchip_range *range, struct drm_seedchip_bind *op,
		  const struct seedchip_event *after, struct seedchip_event *done)
{
	struct seedchip_device *dev = range->dev;
	struct seedchip_queue *bind = dev->bind;
	struct drm_seedchip_sync syncs[3];
	struct drm_seedchip_vm_bind arg = {
		.ops = { .stride = sizeof(*op), .count = 1, .array = (uintptr_t)op },
		.syncs = { .stride = sizeof(syncs[0]), .array = (uintptr_t)syncs },
	};
	bool temporary = false;
	uint64_t point;
	int r = 0;

	if (after && event_is_recorded(*after))
		return report(-EINVAL, "range: the event is of a graph's recording");
	if (after && event_poll(after->queue, after->point) == -EIO)
		return report(-EIO, "range: the work to wait for has failed");
	pthread_mutex_lock(&dev->lock);
	point = atomic_load(&bind->last_point);
	if (after) {
		r = after->queue->dev->ops == dev->ops ?
			    event_sync(*after, dev, &syncs[0], &temporary) : -EINVAL;
		arg.syncs.count = 1;
	}
	if (!r && point && event_poll(bind, point) == -EAGAIN)
		syncs[arg.syncs.count++] = (struct drm_seedchip_sync){
			.handle = bind->timeline, .point = point,
		};
	if (after || done || arg.syncs.count) {
		point++;
		syncs[arg.syncs.count++] = (struct drm_seedchip_sync){
			.flags = DRM_SEEDCHIP_SYNC_SIGNAL,
			.handle = bind->timeline,
			.point = point,
		};
	}
	if (!r)
		r = dev->ops->vm_bind(dev->priv, &arg);
	if (!r)
		atomic_store(&bind->last_point, point);
	pthread_mutex_unlock(&dev->lock);
	if (temporary)
		dev->ops->timeline_destroy(dev->priv, syncs[0].handle);
	if (r)
		return report(r, "range: mapping at 0x%llx: %s", (unsigned long long)op->va,
			      strerror(-r));
	if (done)
		*done = (struct seedchip_event){ bind, point };
	else if (!after && arg.syncs.count)
		return seedchip_event_wait((struct seedchip_event){ bind, point }, -1);
	return 0;
}

API int seedchip_range_map(struct seedchip_range *range, uint64_t offset,
			   struct seedchip_buffer *buf, uint64_t buf_offset, uint64_t size,
			   const struct seedchip_event *after, struct seedchip_event *mapped)
{
	uint32_t page = range->dev->info.page_size;
	struct drm_seedchip_bind op = {
		.flags = DRM_SEEDCHIP_BIND_MAP | DRM_SEEDCHIP_BIND_READ |
			 (buf->flags & SEEDCHIP_READ_ONLY ? 0 : DRM_SEEDCHIP_BIND_WRITE),
		.handle = buf->memory.handle,
		.bo_offset = buf_offset,
		.va = range->memory.va + offset,
		.size = size,
	};
	int r;

	if (buf->dev != range->dev)
		return report(-EINVAL, "range: the buffer belongs to another device");
	r = check_part("range", offset, size, range->memory.size, page);
	if (!r)
		r = check_part("buffer", buf_offset, size, buf->memory.size, page);
	return r ? r : change(range, &op, after, mapped);
}

API int seedchip_range_unmap(struct seedchip_range *range, uint64_t offset, uint64_t size,
			     const struct seedchip_event *after, struct seedchip_event *unmapped)
{
	struct drm_seedchip_bind op = {
		.flags = DRM_SEEDCHIP_BIND_UNMAP,
		.va = range->memory.va + offset,
		.size = size,
	};
	int r = check_part("range", offset, size, range->memory.size, range->dev->info.page_size);

	return r ? r : change(range, &op, after, unmapped);
}
