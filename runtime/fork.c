// SPDX-License-Identifier: MIT
/*
 * What a child made by fork() finds of the cards that its parent has opened: nothing.
 *
 * In the child every open device gets the back end of this file, which refuses all it is
 * asked for, its queues have failed as LOST, and memory that the library itself writes (rings,
 * graphs, logs) is replaced by private pages. So no call in the child reaches what is the
 * parent's, and no call that stages work has to look where it runs.
 */
#pragma GCC diagnostic ignored "-Wunused-parameter"
#include <errno.h>
#include <sys/mman.h>

#include "graph.h"

#define REFUSE(op, ...)                         \
	static int refuse_##op(__VA_ARGS__)     \
	{                                       \
		return -ENODEV;                 \
	}
#define IGNORE(op, ...)                         \
	static void ignore_##op(__VA_ARGS__)    \
	{                                       \
	}

REFUSE(query, void *priv, struct drm_seedchip_info *info)
REFUSE(bo_create, void *priv, struct drm_seedchip_bo_create *arg)
REFUSE(bo_wrap, void *priv, struct drm_seedchip_bo_userptr *arg)
REFUSE(bo_export, void *priv, uint32_t handle, int *fd)
REFUSE(bo_import, void *priv, int fd, uint32_t *handle, uint64_t *size)
REFUSE(bo_map, void *priv, uint32_t handle, size_t size, void **ptr)
REFUSE(vm_bind, void *priv, struct drm_seedchip_vm_bind *arg)
REFUSE(queue_wait, void *priv, uint32_t queue, uint64_t index, int64_t deadline_ns)
REFUSE(queue_notify, void *priv, uint32_t queue, uint64_t index, int fd)
REFUSE(queue_fence, void *priv, struct drm_seedchip_queue_fence *arg)
REFUSE(submit, void *priv, struct drm_seedchip_submit *arg)
REFUSE(queue_recover, void *priv, uint32_t queue, uint64_t index)
REFUSE(event_read, void *priv, struct drm_seedchip_event_fault *event)
REFUSE(event_fd, void *priv)
REFUSE(timeline_create, void *priv, uint32_t *handle)
REFUSE(timeline_wait, void *priv, uint32_t handle, uint64_t point, int64_t deadline_ns)
REFUSE(timeline_notify, void *priv, uint32_t handle, uint64_t point, int fd)
REFUSE(timeline_share, void *from, uint32_t handle, void *to, uint32_t *shared)
REFUSE(fence_status, void *priv, uint32_t handle)
IGNORE(close, void *priv)
IGNORE(bo_destroy, void *priv, uint32_t handle)
IGNORE(bo_unmap, void *priv, void *ptr, size_t size)
IGNORE(queue_ring, void *priv, uint32_t hw_queue, uint64_t index)
IGNORE(timeline_destroy, void *priv, uint32_t handle)

static int refuse_queue_create(void *priv, struct drm_seedchip_queue_create *arg,
			       const volatile struct sc_queue_state **state,
			       volatile uint32_t **doorbell)
{
	return -ENODEV;
}

static void ignore_queue_destroy(void *priv, uint32_t queue,
				 const volatile struct sc_queue_state *state,
				 volatile uint32_t *doorbell)
{
}

static int lost_queue_fault(void *priv, struct drm_seedchip_queue_fault *arg)
{
	arg->dump_size = 0;
	arg->fault = (struct sc_fault){
		.status = SC_STATUS_LOST,
		.core = SC_NO_CORE,
		.engine = SC_ENGINE_DEVICE,
		.index = NO_INDEX,
	};
	return 0;
}

static const struct backend_ops backend_of_parent = {
	.close = ignore_close,
	.query = refuse_query,
	.bo_create = refuse_bo_create,
	.bo_wrap = refuse_bo_wrap,
	.bo_export = refuse_bo_export,
	.bo_import = refuse_bo_import,
	.bo_destroy = ignore_bo_destroy,
	.bo_map = refuse_bo_map,
	.bo_unmap = ignore_bo_unmap,
	.vm_bind = refuse_vm_bind,
	.queue_create = refuse_queue_create,
	.queue_destroy = ignore_queue_destroy,
	.queue_ring = ignore_queue_ring,
	.queue_wait = refuse_queue_wait,
	.queue_notify = refuse_queue_notify,
	.queue_fence = refuse_queue_fence,
	.submit = refuse_submit,
	.queue_fault = lost_queue_fault,
	.queue_recover = refuse_queue_recover,
	.event_read = refuse_event_read,
	.event_fd = refuse_event_fd,
	.timeline_create = refuse_timeline_create,
	.timeline_destroy = ignore_timeline_destroy,
	.timeline_wait = refuse_timeline_wait,
	.timeline_notify = refuse_timeline_notify,
	.timeline_share = refuse_timeline_share,
	.fence_status = refuse_fence_status,
};

/* ---- the devices that are open ---- */

static struct {
	pthread_once_t once;
	pthread_mutex_t lock;
	struct list devices;
} open_devices = {
	.once = PTHREAD_ONCE_INIT,
	.lock = PTHREAD_MUTEX_INITIALIZER,
	.devices = { &open_devices.devices, &open_devices.devices },
};

/* The child must not find lists in the middle of a change. */
static void before_fork(void)
{
	struct list *l;

	pthread_mutex_lock(&open_devices.lock);
	list_for_each(l, &open_devices.devices)
		pthread_mutex_lock(&container_of(l, struct seedchip_device, opened)->lock);
	log_before_fork();
}

static void after_fork(void)
{
	struct list *l;

	log_after_fork();
	list_for_each(l, &open_devices.devices)
		pthread_mutex_unlock(&container_of(l, struct seedchip_device, opened)->lock);
	pthread_mutex_unlock(&open_devices.lock);
}

/* Private pages at the same place: what the child writes there, nobody sees. */
static void unshare_memory(const struct memory *memory)
{
	if (memory->map)
		mmap(memory->map, memory->size, PROT_READ | PROT_WRITE,
		     MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
}

static void lose_queue(struct seedchip_queue *q)
{
	static uint32_t nowhere; /* the doorbell's page is not there any more */

	pthread_mutex_init(&q->lock, NULL); /* another thread of the parent may have held it */
	if (q->doorbell)
		q->doorbell = &nowhere;
	if (q->user)
		unshare_memory(&q->user->memory);
	unshare_memory(&q->log_memory);
	queue_has_failed(q);
}

static void lose_device(struct seedchip_device *dev)
{
	struct list *l;

	dev->ops->forked();
	dev->ops = &backend_of_parent;
	dev->watcher = NULL; /* its thread is the parent's */
	list_for_each(l, &dev->graphs)
		unshare_memory(&container_of(l, struct seedchip_graph, link)->memory);
	lose_queue(dev->bind);
	list_for_each(l, &dev->queues)
		lose_queue(container_of(l, struct seedchip_queue, link));
}

static void in_child(void)
{
	struct list *first;

	after_fork();
	while ((first = open_devices.devices.next) != &open_devices.devices) {
		list_del(first);
		lose_device(container_of(first, struct seedchip_device, opened));
		report_child();
	}
}

static void install(void)
{
	pthread_atfork(before_fork, after_fork, in_child);
}

void fork_watch(struct seedchip_device *dev)
{
	pthread_once(&open_devices.once, install);
	pthread_mutex_lock(&open_devices.lock);
	list_add(&open_devices.devices, &dev->opened);
	pthread_mutex_unlock(&open_devices.lock);
}

void fork_forget(struct seedchip_device *dev)
{
	pthread_mutex_lock(&open_devices.lock);
	list_del(&dev->opened);
	pthread_mutex_unlock(&open_devices.lock);
}
