// SPDX-License-Identifier: MIT
/*
 * The back end of real cards: ioctls of /dev/accel/accelN.
 *
 * libdrm does the generic calls (versions, handles, syncobjs); finding cards
 * is our own, by the PCI ids in sysfs, as libdrm 2.4.114 knows nothing of
 * /dev/accel.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/sync_file.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#include <xf86drm.h>

#include "backend.h"
#include "internal.h"

#ifndef DRM_IOCTL_SYNCOBJ_EVENTFD /* of Linux 6.6; headers of libdrm up to 2.4.115 lack it */
struct drm_syncobj_eventfd {
	__u32 handle;
	__u32 flags;
	__u64 point;
	__s32 fd;
	__u32 pad;
};

#define DRM_IOCTL_SYNCOBJ_EVENTFD DRM_IOWR(0xCF, struct drm_syncobj_eventfd)
#endif

/**
 * struct drm - an open card
 * @fd: file
 * @lock: protects @refs, and keeps a handle while it is imported once more
 * @refs: users of each handle: an import may give one that is there already, and
 *	  the kernel does not count
 * @num_refs: entries of @refs
 */
struct drm {
	int fd;
	pthread_mutex_t lock;
	uint32_t *refs;
	uint32_t num_refs;
};

static unsigned long read_hex(const char *accel, const char *attribute)
{
	char path[320], text[32];
	unsigned long value = 0;
	FILE *f;

	snprintf(path, sizeof(path), "/sys/class/accel/%s/device/%s", accel, attribute);
	f = fopen(path, "re");
	if (!f)
		return 0;
	if (fgets(text, sizeof(text), f))
		value = strtoul(text, NULL, 16);
	fclose(f);
	return value;
}

/* The PCI address is the name of the directory that the device link points to. */
static int read_address(const char *accel, char *address, size_t size)
{
	char path[320], target[512];
	const char *name;
	ssize_t n;

	snprintf(path, sizeof(path), "/sys/class/accel/%s/device", accel);
	n = readlink(path, target, sizeof(target) - 1);
	if (n < 0)
		return -errno;
	target[n] = 0;
	name = strrchr(target, '/');
	snprintf(address, size, "%.31s", name ? name + 1 : target);
	return 0;
}

static int compare_address(const void *a, const void *b)
{
	return strcmp(((const struct backend_device *)a)->address,
		      ((const struct backend_device *)b)->address);
}

static bool is_card(const char *accel)
{
	unsigned long device = read_hex(accel, "device");

	return read_hex(accel, "vendor") == SC_PCI_VENDOR &&
	       (device == SC_PCI_DEVICE || device == SC_PCI_DEVICE_VF);
}

static int drm_enumerate(struct backend_device *list)
{
	DIR *dir = opendir("/sys/class/accel");
	struct dirent *entry;
	int count = 0;

	if (!dir) /* no accel class: no card */
		return 0;
	while (count < BACKEND_MAX_DEVICES && (entry = readdir(dir))) {
		struct backend_device *device = &list[count];

		if (strncmp(entry->d_name, "accel", 5) || !is_card(entry->d_name) ||
		    read_address(entry->d_name, device->address, sizeof(device->address)))
			continue;
		snprintf(device->path, sizeof(device->path), "/dev/accel/%.40s", entry->d_name);
		count++;
	}
	closedir(dir);
	qsort(list, count, sizeof(*list), compare_address);
	return count;
}

static int check_driver(int fd, const char *path)
{
	drmVersionPtr version = drmGetVersion(fd);
	uint64_t timeline = 0;
	int r = 0;

	if (!version)
		return report(-EPROTO, "%s: not a DRM device", path);
	if (strcmp(version->name, "seedchip"))
		r = report(-EPROTO, "%s: its driver is %s, not seedchip", path, version->name);
	else if (version->version_major != SEEDCHIP_UAPI_MAJOR)
		r = report(-EPROTO, "%s: driver interface %d.%d, this library needs %d.x", path,
			   version->version_major, version->version_minor, SEEDCHIP_UAPI_MAJOR);
	else if (drmGetCap(fd, DRM_CAP_SYNCOBJ_TIMELINE, &timeline) || !timeline)
		r = report(-EPROTO, "%s: the driver has no timeline syncobjs", path);
	drmFreeVersion(version);
	return r;
}

static int drm_open(const struct backend_device *device, void **priv)
{
	struct drm *drm = calloc(1, sizeof(*drm));
	int r;

	if (!drm)
		return report(-ENOMEM, "%s: out of memory", device->path);
	drm->fd = open(device->path, O_RDWR | O_CLOEXEC | O_NONBLOCK);
	if (drm->fd < 0) {
		r = report(-errno, "%s: %s", device->path, strerror(errno));
		free(drm);
		return r;
	}
	r = check_driver(drm->fd, device->path);
	if (r) {
		close(drm->fd);
		free(drm);
		return r;
	}
	pthread_mutex_init(&drm->lock, NULL);
	*priv = drm;
	return 0;
}

static void drm_close(void *priv)
{
	struct drm *drm = priv;

	close(drm->fd);
	pthread_mutex_destroy(&drm->lock);
	free(drm->refs);
	free(drm);
}

/* All that there is belongs to one card each. */
static void drm_forked(void)
{
}

static int call(void *priv, unsigned long code, void *arg)
{
	struct drm *drm = priv;

	return drmIoctl(drm->fd, code, arg) ? -errno : 0;
}

static int drm_query(void *priv, struct drm_seedchip_info *info)
{
	struct drm_seedchip_dev_query query = {
		.type = DRM_SEEDCHIP_QUERY_INFO,
		.size = sizeof(*info),
		.pointer = (uintptr_t)info,
	};

	return call(priv, DRM_IOCTL_SEEDCHIP_DEV_QUERY, &query);
}

/* One more user of a handle; drm->lock is held. The handle is closed if that fails. */
static int get_handle(struct drm *drm, uint32_t handle)
{
	if (handle >= drm->num_refs) {
		uint32_t count = 2 * handle + 64;
		uint32_t *refs = realloc(drm->refs, count * sizeof(*refs));

		if (!refs) {
			drmCloseBufferHandle(drm->fd, handle);
			return -ENOMEM;
		}
		memset(refs + drm->num_refs, 0, (count - drm->num_refs) * sizeof(*refs));
		drm->refs = refs;
		drm->num_refs = count;
	}
	drm->refs[handle]++;
	return 0;
}

/* A call that makes a new buffer, and where it returns the handle. */
static int create_handle(struct drm *drm, unsigned long code, void *arg, const uint32_t *handle)
{
	int r;

	pthread_mutex_lock(&drm->lock);
	r = call(drm, code, arg);
	if (!r)
		r = get_handle(drm, *handle);
	pthread_mutex_unlock(&drm->lock);
	return r;
}

static int drm_bo_create(void *priv, struct drm_seedchip_bo_create *arg)
{
	return create_handle(priv, DRM_IOCTL_SEEDCHIP_BO_CREATE, arg, &arg->handle);
}

static int drm_bo_wrap(void *priv, struct drm_seedchip_bo_userptr *arg)
{
	return create_handle(priv, DRM_IOCTL_SEEDCHIP_BO_USERPTR, arg, &arg->handle);
}

static void drm_bo_destroy(void *priv, uint32_t handle)
{
	struct drm *drm = priv;

	pthread_mutex_lock(&drm->lock);
	if (!--drm->refs[handle])
		drmCloseBufferHandle(drm->fd, handle);
	pthread_mutex_unlock(&drm->lock);
}

static int drm_bo_export(void *priv, uint32_t handle, int *fd)
{
	struct drm *drm = priv;

	return drmPrimeHandleToFD(drm->fd, handle, DRM_CLOEXEC | DRM_RDWR, fd) ? -errno : 0;
}

static int drm_bo_import(void *priv, int fd, uint32_t *handle, uint64_t *size)
{
	off_t end = lseek(fd, 0, SEEK_END);
	struct drm *drm = priv;
	int r;

	if (end < 0)
		return -errno;
	*size = end;
	pthread_mutex_lock(&drm->lock);
	r = drmPrimeFDToHandle(drm->fd, fd, handle) ? -errno : 0;
	if (!r)
		r = get_handle(drm, *handle);
	pthread_mutex_unlock(&drm->lock);
	return r;
}

static int drm_bo_map(void *priv, uint32_t handle, size_t size, void **ptr)
{
	struct drm *drm = priv;
	struct drm_seedchip_bo_mmap_offset arg = { .handle = handle };
	int r = call(priv, DRM_IOCTL_SEEDCHIP_BO_MMAP_OFFSET, &arg);
	void *p;

	if (r)
		return r;
	p = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, drm->fd, arg.offset);
	if (p == MAP_FAILED)
		return -errno;
	*ptr = p;
	return 0;
}

static void drm_bo_unmap(void *priv, void *ptr, size_t size)
{
	(void)priv;
	munmap(ptr, size);
}

static int drm_vm_bind(void *priv, struct drm_seedchip_vm_bind *arg)
{
	return call(priv, DRM_IOCTL_SEEDCHIP_VM_BIND, arg);
}

static void unmap_page(const volatile void *page)
{
	if (page)
		munmap((void *)((uintptr_t)page & ~(SC_PAGE_SIZE - 1ul)), SC_PAGE_SIZE);
}

static int map_page(struct drm *drm, uint64_t offset, int access, void **page)
{
	*page = mmap(NULL, SC_PAGE_SIZE, access, MAP_SHARED, drm->fd, (off_t)offset);
	if (*page != MAP_FAILED)
		return 0;
	*page = NULL;
	return -errno;
}

static void drm_queue_destroy(void *priv, uint32_t queue,
			      const volatile struct sc_queue_state *state,
			      volatile uint32_t *doorbell)
{
	struct drm_seedchip_queue_destroy arg = { .queue = queue };

	unmap_page(state);
	unmap_page(doorbell);
	call(priv, DRM_IOCTL_SEEDCHIP_QUEUE_DESTROY, &arg);
}

static int drm_queue_create(void *priv, struct drm_seedchip_queue_create *arg,
			    const volatile struct sc_queue_state **state,
			    volatile uint32_t **doorbell)
{
	struct drm *drm = priv;
	void *page = NULL, *bell = NULL;
	int r = call(priv, DRM_IOCTL_SEEDCHIP_QUEUE_CREATE, arg);

	if (r)
		return r;
	r = map_page(drm, arg->state_offset, PROT_READ, &page);
	if (!r && arg->flags & DRM_SEEDCHIP_QUEUE_USER)
		r = map_page(drm, arg->doorbell_offset, PROT_READ | PROT_WRITE, &bell);
	if (r) {
		drm_queue_destroy(priv, arg->queue, page, NULL);
		return r;
	}
	*state = page;
	*doorbell = bell ? (uint32_t *)bell + SC_DOORBELL_RING / 4 : NULL;
	return 0;
}

static int drm_queue_wait(void *priv, uint32_t queue, uint64_t index, int64_t deadline_ns)
{
	struct drm_seedchip_queue_wait arg = {
		.queue = queue, .index = index, .timeout_ns = deadline_ns,
	};

	return call(priv, DRM_IOCTL_SEEDCHIP_QUEUE_WAIT, &arg);
}

static int drm_queue_notify(void *priv, uint32_t queue, uint64_t index, int fd)
{
	struct drm_seedchip_queue_wait arg = {
		.queue = queue, .index = index, .eventfd = fd,
		.flags = DRM_SEEDCHIP_QUEUE_WAIT_EVENTFD,
	};

	return call(priv, DRM_IOCTL_SEEDCHIP_QUEUE_WAIT, &arg);
}

static int drm_queue_fence(void *priv, struct drm_seedchip_queue_fence *arg)
{
	return call(priv, DRM_IOCTL_SEEDCHIP_QUEUE_FENCE, arg);
}

static int drm_submit(void *priv, struct drm_seedchip_submit *arg)
{
	return call(priv, DRM_IOCTL_SEEDCHIP_SUBMIT, arg);
}

static int drm_queue_fault(void *priv, struct drm_seedchip_queue_fault *arg)
{
	return call(priv, DRM_IOCTL_SEEDCHIP_QUEUE_FAULT, arg);
}

static int drm_queue_recover(void *priv, uint32_t queue, uint64_t index)
{
	struct drm_seedchip_queue_recover arg = { .queue = queue, .index = index };

	return call(priv, DRM_IOCTL_SEEDCHIP_QUEUE_RECOVER, &arg);
}

static int drm_event_read(void *priv, struct drm_seedchip_event_fault *event)
{
	struct drm *drm = priv;
	ssize_t n = read(drm->fd, event, sizeof(*event));

	if (n < 0)
		return -errno;
	return n == sizeof(*event) && event->base.type == DRM_SEEDCHIP_EVENT_FAULT ? 0 : -EPROTO;
}

static int drm_event_fd(void *priv)
{
	struct drm *drm = priv;

	return drm->fd;
}

static int drm_timeline_create(void *priv, uint32_t *handle)
{
	struct drm *drm = priv;

	return drmSyncobjCreate(drm->fd, 0, handle) ? -errno : 0;
}

static void drm_timeline_destroy(void *priv, uint32_t handle)
{
	struct drm *drm = priv;

	drmSyncobjDestroy(drm->fd, handle);
}

static int drm_timeline_wait(void *priv, uint32_t handle, uint64_t point, int64_t deadline_ns)
{
	struct drm *drm = priv;

	/* libdrm returns -errno here, unlike for most syncobj calls */
	return drmSyncobjTimelineWait(drm->fd, &handle, &point, 1, deadline_ns,
				      DRM_SYNCOBJ_WAIT_FLAGS_WAIT_ALL, NULL);
}

static int drm_timeline_notify(void *priv, uint32_t handle, uint64_t point, int fd)
{
	struct drm_syncobj_eventfd arg = { .handle = handle, .point = point, .fd = fd };
	int r = call(priv, DRM_IOCTL_SYNCOBJ_EVENTFD, &arg);

	/* What the kernel says of a descriptor of another kind. */
	return r == -EINVAL ? -EBADF : r;
}

static int drm_timeline_share(void *from, uint32_t handle, void *to, uint32_t *shared)
{
	struct drm *a = from, *b = to;
	int fd, r;

	if (drmSyncobjHandleToFD(a->fd, handle, &fd))
		return -errno;
	r = drmSyncobjFDToHandle(b->fd, fd, shared) ? -errno : 0;
	close(fd);
	return r;
}

static int drm_fence_status(void *priv, uint32_t handle)
{
	struct sync_file_info info = { .num_fences = 0 };
	struct drm *drm = priv;
	int fd, r;

	if (drmSyncobjExportSyncFile(drm->fd, handle, &fd))
		return -errno;
	r = drmIoctl(fd, SYNC_IOC_FILE_INFO, &info) ? -errno : info.status;
	close(fd);
	return r;
}

const struct backend_ops backend_drm = {
	.enumerate = drm_enumerate,
	.open = drm_open,
	.close = drm_close,
	.forked = drm_forked,
	.query = drm_query,
	.bo_create = drm_bo_create,
	.bo_wrap = drm_bo_wrap,
	.bo_export = drm_bo_export,
	.bo_import = drm_bo_import,
	.bo_destroy = drm_bo_destroy,
	.bo_map = drm_bo_map,
	.bo_unmap = drm_bo_unmap,
	.vm_bind = drm_vm_bind,
	.queue_create = drm_queue_create,
	.queue_destroy = drm_queue_destroy,
	.queue_wait = drm_queue_wait,
	.queue_notify = drm_queue_notify,
	.queue_fence = drm_queue_fence,
	.submit = drm_submit,
	.queue_fault = drm_queue_fault,
	.queue_recover = drm_queue_recover,
	.event_read = drm_event_read,
	.event_fd = drm_event_fd,
	.timeline_create = drm_timeline_create,
	.timeline_destroy = drm_timeline_destroy,
	.timeline_wait = drm_timeline_wait,
	.timeline_notify = drm_timeline_notify,
	.timeline_share = drm_timeline_share,
	.fence_status = drm_fence_status,
};
