// SPDX-License-Identifier: MIT
/* The driver's interface, called directly; see card.h. */
#include <errno.h>
#include <fcntl.h>
#include <linux/sync_file.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>
#include <xf86drm.h>

#include "card.h"

static unsigned int first_card(void)
{
	const char *first = getenv("FIRST_CARD");

	return first ? (unsigned int)atoi(first) : 0;
}

int card_open(unsigned int index)
{
	char path[32];
	int fd;

	snprintf(path, sizeof(path), "/dev/accel/accel%u", first_card() + index);
	fd = open(path, O_RDWR | O_CLOEXEC);
	return fd < 0 ? -errno : fd;
}

int card_ioctl(int fd, unsigned long code, void *arg)
{
	return drmIoctl(fd, code, arg) ? -errno : 0;
}

int card_info(int fd, struct drm_seedchip_info *info)
{
	struct drm_seedchip_dev_query query = {
		.type = DRM_SEEDCHIP_QUERY_INFO,
		.size = sizeof(*info),
		.pointer = (uintptr_t)info,
	};

	return card_ioctl(fd, DRM_IOCTL_SEEDCHIP_DEV_QUERY, &query);
}

int card_bo(int fd, uint64_t size, uint32_t flags, uint32_t *handle)
{
	struct drm_seedchip_bo_create create = { .size = size, .flags = flags };
	int ret = card_ioctl(fd, DRM_IOCTL_SEEDCHIP_BO_CREATE, &create);

	*handle = create.handle;
	return ret;
}

int card_bo_close(int fd, uint32_t handle)
{
	struct drm_gem_close close = { .handle = handle };

	return card_ioctl(fd, DRM_IOCTL_GEM_CLOSE, &close);
}

void *card_map(int fd, uint32_t handle, size_t size)
{
	struct drm_seedchip_bo_mmap_offset arg = { .handle = handle };
	void *map;
	int ret = card_ioctl(fd, DRM_IOCTL_SEEDCHIP_BO_MMAP_OFFSET, &arg);

	if (ret) {
		errno = -ret;
		return NULL;
	}
	map = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, (off_t)arg.offset);
	return map == MAP_FAILED ? NULL : map;
}

int card_bind(int fd, uint32_t flags, uint32_t handle, uint64_t offset, uint64_t va, uint64_t size)
{
	struct drm_seedchip_bind op = {
		.flags = flags, .handle = handle, .bo_offset = offset, .va = va, .size = size,
	};
	struct drm_seedchip_vm_bind bind = {
		.ops = { .stride = sizeof(op), .count = 1, .array = (uintptr_t)&op },
	};

	return card_ioctl(fd, DRM_IOCTL_SEEDCHIP_VM_BIND, &bind);
}

int card_queue(int fd, struct drm_seedchip_queue_create *create)
{
	*create = (struct drm_seedchip_queue_create){ .priority = 1, .ring_log2 = 6 };
	return card_ioctl(fd, DRM_IOCTL_SEEDCHIP_QUEUE_CREATE, create);
}

int card_queue_destroy(int fd, uint32_t queue)
{
	struct drm_seedchip_queue_destroy arg = { .queue = queue };

	return card_ioctl(fd, DRM_IOCTL_SEEDCHIP_QUEUE_DESTROY, &arg);
}

const volatile struct sc_queue_state *card_state(int fd,
						 const struct drm_seedchip_queue_create *create)
{
	void *map = mmap(NULL, SC_PAGE_SIZE, PROT_READ, MAP_SHARED, fd,
			 (off_t)create->state_offset);

	return map == MAP_FAILED ? NULL : map;
}

int card_submit(int fd, uint32_t queue, const void *packets, unsigned int count,
		const struct drm_seedchip_sync *syncs, unsigned int sync_count, uint64_t *index)
{
	struct drm_seedchip_submit submit = {
		.queue = queue,
		.packets = { SC_SLOT_SIZE, count, (uintptr_t)packets },
		.syncs = { sync_count ? sizeof(*syncs) : 0, sync_count, (uintptr_t)syncs },
	};
	int ret = card_ioctl(fd, DRM_IOCTL_SEEDCHIP_SUBMIT, &submit);

	if (index)
		*index = submit.index;
	return ret;
}

uint32_t card_syncobj(int fd)
{
	uint32_t handle = 0;

	drmSyncobjCreate(fd, 0, &handle);
	return handle;
}

int card_wait(int fd, uint32_t syncobj, uint64_t point, unsigned int timeout_ms)
{
	struct timespec now;
	int64_t until;
	int ret;

	clock_gettime(CLOCK_MONOTONIC, &now);
	until = now.tv_sec * 1000000000LL + now.tv_nsec + timeout_ms * 1000000LL;
	if (point)
		ret = drmSyncobjTimelineWait(fd, &syncobj, &point, 1, until,
					     DRM_SYNCOBJ_WAIT_FLAGS_WAIT_FOR_SUBMIT, NULL);
	else
		ret = drmSyncobjWait(fd, &syncobj, 1, until, 0, NULL);
	return ret;
}

int card_fence_status(int fd, uint32_t syncobj)
{
	struct sync_file_info info = { 0 };
	int sync_file = -1, ret;

	ret = drmSyncobjExportSyncFile(fd, syncobj, &sync_file);
	if (ret)
		return ret;
	ret = ioctl(sync_file, SYNC_IOC_FILE_INFO, &info) ? -errno : info.status;
	close(sync_file);
	return ret;
}

int card_run(int fd, uint32_t queue, const void *packets, unsigned int count)
{
	struct drm_seedchip_sync out = { .flags = DRM_SEEDCHIP_SYNC_SIGNAL };
	int ret;

	out.handle = card_syncobj(fd);
	ret = card_submit(fd, queue, packets, count, &out, 1, NULL);
	if (!ret)
		ret = card_wait(fd, out.handle, 0, 30000);
	if (!ret) {
		ret = card_fence_status(fd, out.handle);
		if (ret == 1)
			ret = 0;
	}
	drmSyncobjDestroy(fd, out.handle);
	return ret;
}

const char *card_address(void)
{
	static char name[64];
	char path[64], link[256];
	ssize_t len;

	snprintf(path, sizeof(path), "/sys/class/accel/accel%u/device", first_card());
	len = readlink(path, link, sizeof(link) - 1);
	if (len > 0) {
		link[len] = '\0';
		snprintf(name, sizeof(name), "%s", strrchr(link, '/') + 1);
	}
	return name;
}

int card_write(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC), ret = 0;

	if (fd < 0)
		return -errno;
	if (write(fd, text, strlen(text)) < 0)
		ret = -errno;
	close(fd);
	return ret;
}

bool card_gone_soon(const char *path)
{
	for (int i = 0; i < 400; i++) {
		if (access(path, F_OK))
			return true;
		usleep(50000);
	}
	return false;
}

int card_debugfs(const char *name, char *text, size_t size)
{
	char path[128];
	size_t done = 0;
	ssize_t n = 0;
	int fd;

	snprintf(path, sizeof(path), "/sys/kernel/debug/accel/%s/%.32s", card_address(), name);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	while (done < size - 1 && (n = read(fd, text + done, size - 1 - done)) > 0)
		done += n;
	n = n < 0 ? -errno : 0;
	text[done] = 0;
	close(fd);
	return (int)n;
}

uint64_t card_free_memory(void)
{
	unsigned long long free_bytes = 0;
	unsigned int i, scrubbing = 1;
	char text[256];

	for (i = 0; i < 10000 && scrubbing; i++) {
		if (card_debugfs("vram", text, sizeof(text)) ||
		    sscanf(strstr(text, "free"), "free %llu zero %*u scrubbing %u", &free_bytes,
			   &scrubbing) != 2)
			return 0;
		if (scrubbing)
			usleep(1000);
	}
	return free_bytes;
}

long long card_counter(const char *name)
{
	size_t len = strlen(name);
	long long value = -1;
	char line[128];
	FILE *f;

	snprintf(line, sizeof(line), "/sys/kernel/debug/accel/%s/counters", card_address());
	f = fopen(line, "re");
	while (f && fgets(line, sizeof(line), f))
		if (!strncmp(line, name, len) && line[len] == ':')
			value = atoll(line + len + 1);
	if (f)
		fclose(f);
	return value;
}

int card_set_property(const char *id, const char *property, const char *value)
{
	char command[256];

	snprintf(command, sizeof(command),
		 "qmp qom-set '{\"path\":\"/machine/peripheral/%s\",\"property\":\"%s\","
		 "\"value\":%s}' >/dev/null", id, property, value);
	return system(command) ? -EIO : 0;
}

int card_inject(const char *name, unsigned int value)
{
	char property[64], text[16];

	snprintf(property, sizeof(property), "inject-%s", name);
	snprintf(text, sizeof(text), "%u", value);
	return card_set_property("card0", property, text);
}

bool card_sleeps_in(pid_t pid, const char *function)
{
	char path[64], line[128] = "";
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%d/wchan", (int)pid);
	f = fopen(path, "re");
	if (!f)
		return false;
	if (!fgets(line, sizeof(line), f))
		line[0] = 0;
	fclose(f);
	return strstr(line, function);
}

unsigned int card_rounds(unsigned int usual, unsigned int soak)
{
	char line[4096] = "";
	FILE *f = fopen("/proc/cmdline", "re");
	bool long_run = f && fgets(line, sizeof(line), f) && strstr(line, " soak");

	if (f)
		fclose(f);
	return long_run ? soak : usual;
}

static void on_signal(int number)
{
	(void)number;
}

pid_t card_interrupt(void)
{
	struct sigaction action = { .sa_handler = on_signal };
	pid_t parent = getpid(), child;

	sigaction(SIGUSR1, &action, NULL);
	child = fork();
	if (!child) {
		usleep(200000);
		kill(parent, SIGUSR1);
		_exit(0);
	}
	return child;
}

int card_fault(int fd, uint32_t queue, struct sc_fault *fault)
{
	struct drm_seedchip_queue_fault arg = { .queue = queue };
	int ret = card_ioctl(fd, DRM_IOCTL_SEEDCHIP_QUEUE_FAULT, &arg);

	*fault = arg.fault;
	return ret;
}

int card_recover(int fd, uint32_t queue)
{
	struct drm_seedchip_queue_recover arg = { .queue = queue };

	return card_ioctl(fd, DRM_IOCTL_SEEDCHIP_QUEUE_RECOVER, &arg);
}

#define PACKET(kind, ...)                                                                      \
	({                                                                                     \
		struct kind typed_ = { __VA_ARGS__ };                                          \
		struct sc_packet packet_;                                                      \
		_Static_assert(sizeof(typed_) == sizeof(packet_), "a packet has 64 bytes");    \
		memcpy(&packet_, &typed_, sizeof(packet_));                                    \
		packet_;                                                                       \
	})

struct sc_packet card_nop(void)
{
	return PACKET(sc_pkt_nop, .hdr = SC_HDR(SC_OP_NOP, 0, 0));
}

struct sc_packet card_copy(uint64_t dst, uint64_t src, uint64_t size)
{
	return PACKET(sc_pkt_copy, .hdr = SC_HDR(SC_OP_COPY, 0, 0), .src = src, .dst = dst,
		      .size = size, .rows = 1);
}

struct sc_packet card_fill(uint64_t dst, uint64_t pattern, uint64_t size)
{
	return PACKET(sc_pkt_fill, .hdr = SC_HDR(SC_OP_FILL, 0, 0), .pattern = pattern, .dst = dst,
		      .size = size, .rows = 1);
}

struct sc_packet card_word(enum sc_op op, uint64_t addr, uint64_t value)
{
	return PACKET(sc_pkt_signal, .hdr = SC_HDR(op, 0, 0), .addr = addr, .value = value);
}
