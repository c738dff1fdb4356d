// SPDX-License-Identifier: MIT
/*
 * Memory: buffer objects mapped at addresses that the runtime chooses.
 *
 * Memory that queued work may still use is garbage: it is remembered with the
 * point that every queue has to reach, and released by garbage_collect(), which
 * the calls that create, destroy and wait go through. Each allocation is
 * followed by an unmapped page, so that running off its end is a fault with the
 * buffer's name and not damage to its neighbour.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "graph.h"

struct garbage {
	struct list link;
	struct memory memory;
	unsigned int num_waits;
	struct seedchip_event waits[];
};

int memory_reserve(struct seedchip_device *dev, uint64_t size, uint64_t *va)
{
	uint64_t align = size >= dev->info.huge_size ? dev->info.huge_size : dev->info.page_size;
	int r;

	pthread_mutex_lock(&dev->lock);
	r = va_alloc(&dev->va, size + dev->info.page_size, align, va);
	pthread_mutex_unlock(&dev->lock);
	return r;
}

static int bind(struct seedchip_device *dev, uint32_t flags, const struct memory *memory)
{
	struct drm_seedchip_bind op = {
		.flags = flags,
		.handle = flags ? memory->handle : 0,
		.va = memory->va,
		.size = memory->size,
	};
	struct drm_seedchip_vm_bind arg = {
		.ops = { .stride = sizeof(op), .count = 1, .array = (uintptr_t)&op },
	};

	return dev->ops->vm_bind(dev->priv, &arg);
}

/* dev->lock is held, or the addresses have never been used. */
static void release(struct seedchip_device *dev, struct memory *memory)
{
	int r = bind(dev, DRM_SEEDCHIP_BIND_UNMAP, memory);

	if (r && r != -ENODEV) /* still mapped: never use these addresses again */
		log_message(SEEDCHIP_LOG_ERROR, "unmapping 0x%llx: %s",
			    (unsigned long long)memory->va, strerror(-r));
	else
		va_free(&dev->va, memory->va, memory->size + dev->info.page_size);
	if (memory->handle)
		dev->ops->bo_destroy(dev->priv, memory->handle);
}

static void unmap_cpu(struct seedchip_device *dev, struct memory *memory)
{
	if (memory->map)
		dev->ops->bo_unmap(dev->priv, memory->map, memory->size);
	memory->map = NULL;
}

/* As memory_create(), for a buffer object that is there; it is destroyed if that fails. */
static int memory_adopt(struct seedchip_device *dev, uint32_t handle, uint64_t size,
			uint32_t bind_flags, struct memory *memory)
{
	int r;

	*memory = (struct memory){ .size = size, .handle = handle };
	r = memory_reserve(dev, size, &memory->va);
	if (r)
		goto destroy;
	if (bind_flags)
		r = bind(dev, DRM_SEEDCHIP_BIND_MAP | bind_flags, memory);
	if (!r)
		return 0;
	pthread_mutex_lock(&dev->lock);
	va_free(&dev->va, memory->va, memory->size + dev->info.page_size);
	pthread_mutex_unlock(&dev->lock);
destroy:
	dev->ops->bo_destroy(dev->priv, handle);
	return r;
}

int memory_create(struct seedchip_device *dev, uint64_t size, uint32_t bo_flags,
		  uint32_t bind_flags, struct memory *memory)
{
	struct drm_seedchip_bo_create arg = { .size = size, .flags = bo_flags };
	int r;

	garbage_collect(dev);
	r = dev->ops->bo_create(dev->priv, &arg);
	return r ? r : memory_adopt(dev, arg.handle, arg.size, bind_flags, memory);
}

int memory_map(struct seedchip_device *dev, struct memory *memory)
{
	return dev->ops->bo_map(dev->priv, memory->handle, memory->size, &memory->map);
}

void memory_destroy(struct seedchip_device *dev, struct memory *memory)
{
	unmap_cpu(dev, memory);
	pthread_mutex_lock(&dev->lock);
	release(dev, memory);
	pthread_mutex_unlock(&dev->lock);
}

/* Whether all that was queued before has completed. dev->lock is held. */
static bool is_unused(struct garbage *g)
{
	while (g->num_waits) {
		const struct seedchip_event *e = &g->waits[g->num_waits - 1];

		if (e->queue->dying || event_poll(e->queue, e->point) == -EAGAIN)
			return false;
		g->num_waits--;
	}
	return true;
}

void garbage_collect(struct seedchip_device *dev)
{
	struct list *l, *next;

	if (!atomic_load_explicit(&dev->has_garbage, memory_order_relaxed))
		return;
	pthread_mutex_lock(&dev->lock);
	for (l = dev->garbage.next; l != &dev->garbage; l = next) {
		struct garbage *g = container_of(l, struct garbage, link);

		next = l->next;
		if (!is_unused(g))
			continue;
		release(dev, &g->memory);
		list_del(&g->link);
		free(g);
	}
	atomic_store(&dev->has_garbage, dev->garbage.next != &dev->garbage);
	pthread_mutex_unlock(&dev->lock);
}

void garbage_forget_queue(struct seedchip_device *dev, const struct seedchip_queue *queue)
{
	struct list *l;

	list_for_each(l, &dev->garbage) {
		struct garbage *g = container_of(l, struct garbage, link);

		for (unsigned int i = 0; i < g->num_waits;)
			if (g->waits[i].queue == queue)
				g->waits[i] = g->waits[--g->num_waits];
			else
				i++;
	}
}

void memory_discard(struct seedchip_device *dev, struct memory *memory)
{
	unsigned int queues = 1;
	struct garbage *g;
	struct list *l;

	unmap_cpu(dev, memory);
	pthread_mutex_lock(&dev->lock);
	if (graph_hold(dev, memory)) {
		pthread_mutex_unlock(&dev->lock);
		return;
	}
	list_for_each(l, &dev->queues)
		queues++;
	g = malloc(sizeof(*g) + queues * sizeof(g->waits[0]));
	if (!g) {
		/* Nowhere to remember it: it lives as long as the device. */
		pthread_mutex_unlock(&dev->lock);
		log_message(SEEDCHIP_LOG_ERROR, "out of memory: a buffer is not released");
		return;
	}
	g->memory = *memory;
	g->num_waits = 0;
	list_for_each(l, &dev->queues) {
		struct seedchip_queue *q = container_of(l, struct seedchip_queue, link);

		g->waits[g->num_waits++] = (struct seedchip_event){ q, atomic_load(&q->horizon) };
	}
	g->waits[g->num_waits++] =
		(struct seedchip_event){ dev->bind, atomic_load(&dev->bind->last_point) };
	list_add(&dev->garbage, &g->link);
	atomic_store(&dev->has_garbage, true);
	list_for_each(l, &dev->queues)
		atomic_store(&container_of(l, struct seedchip_queue, link)->run_limit, 0);
	pthread_mutex_unlock(&dev->lock);
	garbage_collect(dev);
}

static uint32_t bind_access(uint32_t flags)
{
	return DRM_SEEDCHIP_BIND_READ |
	       (flags & SEEDCHIP_READ_ONLY ? 0 : DRM_SEEDCHIP_BIND_WRITE);
}

static void add_buffer(struct seedchip_device *dev, struct seedchip_buffer *buf, uint32_t flags)
{
	buf->dev = dev;
	buf->flags = flags;
	pthread_mutex_lock(&dev->lock);
	list_add(&dev->buffers, &buf->link);
	pthread_mutex_unlock(&dev->lock);
}

API int seedchip_buffer_create(struct seedchip_device *dev, uint64_t size, uint32_t flags,
			       struct seedchip_buffer **out)
{
	uint32_t bo_flags = flags & SEEDCHIP_CARD ? DRM_SEEDCHIP_BO_CARD : DRM_SEEDCHIP_BO_SYSTEM;
	struct seedchip_buffer *buf;
	int r;

	if (flags & ~(SEEDCHIP_CARD | SEEDCHIP_SYSTEM | SEEDCHIP_CPU | SEEDCHIP_READ_ONLY))
		return report(-EINVAL, "buffer: unknown flags 0x%x", flags);
	if (!(flags & SEEDCHIP_CARD) == !(flags & SEEDCHIP_SYSTEM))
		return report(-EINVAL, "buffer: exactly one of SEEDCHIP_CARD and SEEDCHIP_SYSTEM");
	if (!size)
		return report(-EINVAL, "buffer: size is 0");
	if (size > dev->info.va_end - dev->info.va_start)
		return report(-ENOSPC, "buffer: 0x%llx bytes are more than the address space",
			      (unsigned long long)size);
	if (flags & SEEDCHIP_CARD && flags & SEEDCHIP_CPU)
		bo_flags |= DRM_SEEDCHIP_BO_CPU_VISIBLE;
	buf = calloc(1, sizeof(*buf));
	if (!buf)
		return report(-ENOMEM, "buffer: out of memory");
	r = memory_create(dev, size, bo_flags, bind_access(flags), &buf->memory);
	if (r) {
		free(buf);
		return report(r, "buffer: %llu bytes of %s memory: %s", (unsigned long long)size,
			      flags & SEEDCHIP_SYSTEM ? "system" :
			      flags & SEEDCHIP_CPU ? "CPU-visible card" : "card", strerror(-r));
	}
	add_buffer(dev, buf, flags);
	*out = buf;
	return 0;
}

API int seedchip_buffer_wrap(struct seedchip_device *dev, void *memory, size_t size,
			     uint32_t flags, struct seedchip_buffer **out)
{
	struct drm_seedchip_bo_userptr arg = { .address = (uintptr_t)memory, .size = size };
	uint32_t page = dev->info.page_size;
	struct seedchip_buffer *buf;
	int r;

	if (flags & ~SEEDCHIP_READ_ONLY)
		return report(-EINVAL, "wrap: unknown flags 0x%x", flags);
	if (!size || ((uintptr_t)memory | size) % page)
		return report(-EINVAL,
			      "wrap: address and size must be multiples of the page size, %u, not 0",
			      page);
	buf = calloc(1, sizeof(*buf));
	if (!buf)
		return report(-ENOMEM, "wrap: out of memory");
	if (flags & SEEDCHIP_READ_ONLY)
		arg.flags = DRM_SEEDCHIP_USERPTR_READ_ONLY;
	garbage_collect(dev);
	r = dev->ops->bo_wrap(dev->priv, &arg);
	if (!r)
		r = memory_adopt(dev, arg.handle, size, bind_access(flags), &buf->memory);
	if (r) {
		free(buf);
		return report(r, "wrap: %zu bytes at %p: %s%s", size, memory, strerror(-r),
			      r == -ENOMEM ? " (RLIMIT_MEMLOCK counts them, too)" :
			      r == -EFAULT ? " (not all of it is ordinary memory)" : "");
	}
	buf->host = memory;
	add_buffer(dev, buf, flags | SEEDCHIP_SYSTEM);
	*out = buf;
	return 0;
}

API int seedchip_buffer_import_dmabuf(struct seedchip_device *dev, int fd, uint32_t flags,
				      struct seedchip_buffer **out)
{
	struct seedchip_buffer *buf;
	uint32_t handle;
	uint64_t size;
	int r;

	if (flags & ~SEEDCHIP_READ_ONLY)
		return report(-EINVAL, "import: unknown flags 0x%x", flags);
	buf = calloc(1, sizeof(*buf));
	if (!buf)
		return report(-ENOMEM, "import: out of memory");
	garbage_collect(dev);
	r = dev->ops->bo_import(dev->priv, fd, &handle, &size);
	if (!r)
		r = memory_adopt(dev, handle, size, bind_access(flags), &buf->memory);
	if (r) {
		free(buf);
		return report(r, "import: dma-buf %d: %s%s", fd, strerror(-r),
			      r != -EOPNOTSUPP ? "" :
			      " (card memory that this card cannot reach, or the simulator)");
	}
	/* Whether the CPU can map it, its maker knows. */
	add_buffer(dev, buf, flags | SEEDCHIP_SYSTEM);
	*out = buf;
	return 0;
}

API int seedchip_buffer_export_dmabuf(struct seedchip_buffer *buf, int *fd)
{
	struct seedchip_device *dev = buf->dev;
	int r = dev->ops->bo_export(dev->priv, buf->memory.handle, fd);

	if (r)
		return report(r, "export: %s%s", strerror(-r),
			      r != -EOPNOTSUPP ? "" :
			      buf->host ? " (memory of a process)" : " (the simulator)");
	return 0;
}

API void seedchip_buffer_destroy(struct seedchip_buffer *buf)
{
	struct seedchip_device *dev;

	if (!buf)
		return;
	dev = buf->dev;
	pthread_mutex_lock(&dev->lock);
	list_del(&buf->link);
	pthread_mutex_unlock(&dev->lock);
	memory_discard(dev, &buf->memory);
	free(buf);
}

API uint64_t seedchip_buffer_address(const struct seedchip_buffer *buf)
{
	return buf->memory.va;
}

API uint64_t seedchip_buffer_size(const struct seedchip_buffer *buf)
{
	return buf->memory.size;
}

API int seedchip_buffer_map(struct seedchip_buffer *buf, void **ptr)
{
	struct seedchip_device *dev = buf->dev;
	int r = 0;

	if (buf->host) {
		*ptr = buf->host;
		return 0;
	}
	if (!(buf->flags & (SEEDCHIP_SYSTEM | SEEDCHIP_CPU)))
		return report(-EACCES, "buffer: card memory without SEEDCHIP_CPU cannot be mapped");
	pthread_mutex_lock(&dev->lock);
	if (!buf->memory.map)
		r = memory_map(dev, &buf->memory);
	pthread_mutex_unlock(&dev->lock);
	if (r)
		return report(r, "buffer: cannot map: %s", strerror(-r));
	*ptr = buf->memory.map;
	return 0;
}

API void seedchip_buffer_set_name(struct seedchip_buffer *buf, const char *name)
{
	char text[sizeof(buf->name)] = "";

	if (name)
		strncpy(text, name, sizeof(text) - 1);
	pthread_mutex_lock(&buf->dev->lock);
	memcpy(buf->name, text, sizeof(buf->name));
	pthread_mutex_unlock(&buf->dev->lock);
}
