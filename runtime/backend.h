/* SPDX-License-Identifier: MIT */
/*
 * What the runtime needs from below: one table of operations per back end.
 *
 * A back end is the driver of /dev/accel (drm.c) or something that plays its
 * part inside the process. The structures are the driver's own, so that a rule
 * of uapi/seedchip_accel.h holds for every back end. A *timeline* is a 64-bit
 * value that only rises, the uAPI's timeline syncobj; handles are the back end's.
 *
 * All operations return 0 or a negative errno and may be called from any thread.
 */
#ifndef SEEDCHIP_BACKEND_H
#define SEEDCHIP_BACKEND_H

#include <stddef.h>
#include <stdint.h>

#include "seedchip_accel.h"

#define BACKEND_MAX_DEVICES 64

/**
 * struct backend_device - a card that a back end has found
 * @path: how the back end opens it
 * @address: PCI address, or another name that sorts and is unique
 */
struct backend_device {
	char path[64];
	char address[32];
};

/**
 * struct backend_ops - operations of a back end
 * @enumerate: fill @list with at most BACKEND_MAX_DEVICES; returns how many
 * @open: @priv is the back end's own state
 * @close: everything that belongs to @priv ends
 * @forked: the process is a child of the one that has opened cards, whose threads are gone:
 *	    begin anew; nothing is asked any more of a card that was open
 * @query: describe the card
 * @bo_create: as BO_CREATE
 * @bo_wrap: as BO_USERPTR
 * @bo_export: a dma-buf of the buffer
 * @bo_import: a handle for the buffer of a dma-buf; each is dropped by a @bo_destroy of its own
 * @bo_destroy: drops the handle; mappings keep the memory
 * @bo_map: let the CPU use the buffer
 * @bo_unmap: end what @bo_map began
 * @vm_bind: as VM_BIND
 * @queue_create: as QUEUE_CREATE; @state is the mapped queue state, @doorbell where a user-mode
 *		  queue's index is stored, or NULL: @queue_ring does it
 * @queue_ring: rings a user-mode queue's doorbell, by the card's number of the queue
 * @queue_wait: as QUEUE_WAIT asleep
 * @queue_notify: as QUEUE_WAIT with an eventfd
 * @queue_fence: as QUEUE_FENCE
 * @queue_destroy: aborts what it still does
 * @submit: as SUBMIT
 * @queue_fault: as QUEUE_FAULT
 * @queue_recover: as QUEUE_RECOVER; @index is a user-mode queue's, else 0
 * @event_read: the next event of the file, as read() of the driver's; -EAGAIN: none,
 *		-ENODEV: none, and the card is gone
 * @event_fd: readable (poll) while there is an event; the back end's own
 * @timeline_create: a timeline at 0
 * @timeline_destroy: drops the handle
 * @timeline_wait: until @point is reached, or CLOCK_MONOTONIC is @deadline_ns (-ETIME)
 * @timeline_notify: add 1 to an eventfd when a point that somebody has submitted is reached
 * @timeline_share: a handle for @to of a timeline that belongs to @from, same back end
 * @fence_status: of a binary syncobj that a submission signals: 1 completed, 0 not yet, or
 *		  the negative errno with which the work has failed
 */
struct backend_ops {
	int (*enumerate)(struct backend_device *list);
	int (*open)(const struct backend_device *device, void **priv);
	void (*close)(void *priv);
	void (*forked)(void);
	int (*query)(void *priv, struct drm_seedchip_info *info);
	int (*bo_create)(void *priv, struct drm_seedchip_bo_create *arg);
	int (*bo_wrap)(void *priv, struct drm_seedchip_bo_userptr *arg);
	int (*bo_export)(void *priv, uint32_t handle, int *fd);
	int (*bo_import)(void *priv, int fd, uint32_t *handle, uint64_t *size);
	void (*bo_destroy)(void *priv, uint32_t handle);
	int (*bo_map)(void *priv, uint32_t handle, size_t size, void **ptr);
	void (*bo_unmap)(void *priv, void *ptr, size_t size);
	int (*vm_bind)(void *priv, struct drm_seedchip_vm_bind *arg);
	int (*queue_create)(void *priv, struct drm_seedchip_queue_create *arg,
			    const volatile struct sc_queue_state **state,
			    volatile uint32_t **doorbell);
	void (*queue_destroy)(void *priv, uint32_t queue,
			      const volatile struct sc_queue_state *state,
			      volatile uint32_t *doorbell);
	void (*queue_ring)(void *priv, uint32_t hw_queue, uint64_t index);
	int (*queue_wait)(void *priv, uint32_t queue, uint64_t index, int64_t deadline_ns);
	int (*queue_notify)(void *priv, uint32_t queue, uint64_t index, int fd);
	int (*queue_fence)(void *priv, struct drm_seedchip_queue_fence *arg);
	int (*submit)(void *priv, struct drm_seedchip_submit *arg);
	int (*queue_fault)(void *priv, struct drm_seedchip_queue_fault *arg);
	int (*queue_recover)(void *priv, uint32_t queue, uint64_t index);
	int (*event_read)(void *priv, struct drm_seedchip_event_fault *event);
	int (*event_fd)(void *priv);
	int (*timeline_create)(void *priv, uint32_t *handle);
	void (*timeline_destroy)(void *priv, uint32_t handle);
	int (*timeline_wait)(void *priv, uint32_t handle, uint64_t point, int64_t deadline_ns);
	int (*timeline_notify)(void *priv, uint32_t handle, uint64_t point, int fd);
	int (*timeline_share)(void *from, uint32_t handle, void *to, uint32_t *shared);
	int (*fence_status)(void *priv, uint32_t handle);
};

extern const struct backend_ops backend_drm; /* drm.c: /dev/accel */
extern const struct backend_ops backend_sim; /* sim.c: the chip model in this process */

#endif /* SEEDCHIP_BACKEND_H */
