// SPDX-License-Identifier: MIT
/*
 * Peers of bench/launch in the same boot: how long a command without data takes
 * on NVMe, and a read on virtio-blk. Both devices do nothing (null-co); neither
 * keeps the guest's time, so their counts vary.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/nvme_ioctl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "launch.h"

#define NVME_FLUSH 0
#define NVME_SLOW  '1' /* serial numbers */
#define NVME_FAST  '2'
#define SECTOR	   512

static int fd = -1;
static void *sector; /* from the first that is opened on */

static int insert(const char *module)
{
	int file = open(module, O_RDONLY | O_CLOEXEC), ret;

	ret = file < 0 || syscall(SYS_finit_module, file, "", 0) ? -errno : 0;
	close(file);
	return ret == -EEXIST ? 0 : ret;
}

/* The device appears some time after its driver. */
static int open_device(const char *path, int flags)
{
	unsigned int i;

	for (i = 0; i < 1000 && (fd = open(path, flags | O_CLOEXEC)) < 0; i++)
		usleep(10000);
	return fd < 0 ? -errno : 0;
}

static void peer_close(void)
{
	close(fd);
}

/* Which of the two is nvme0 is not certain, but their serial numbers are. */
static const char *nvme_path(char serial)
{
	char found = 0;
	FILE *f = fopen("/sys/class/nvme/nvme0/serial", "re");

	if (f) {
		found = (char)fgetc(f);
		fclose(f);
	}
	return found == serial ? "/dev/nvme0n1" : "/dev/nvme1n1";
}

static int nvme_open(void)
{
	int ret = insert("/lib/modules/nvme-auth.ko") ?: insert("/lib/modules/nvme-core.ko") ?:
		  insert("/lib/modules/nvme.ko");

	if (!ret && posix_memalign(&sector, 4096, SECTOR))
		ret = -ENOMEM;
	return ret ?: open_device(nvme_path(NVME_SLOW), O_RDWR | O_DIRECT);
}

static int nvme_open_fast(void)
{
	return open_device(nvme_path(NVME_FAST), O_RDWR);
}

/* Or there is nothing to flush, and QEMU's NVMe answers before the task can sleep. */
static void nvme_dirty(void)
{
	if (pwrite(fd, sector, SECTOR, 0) != SECTOR)
		perror("launch: nvme");
}

static int nvme_flush(void)
{
	struct nvme_passthru_cmd cmd = { .opcode = NVME_FLUSH, .nsid = 1 };

	return ioctl(fd, NVME_IOCTL_IO_CMD, &cmd) ? -EIO : 0;
}

static int virtio_open(void)
{
	int ret = insert("/lib/modules/virtio_blk.ko");

	return ret ?: open_device("/dev/vda", O_RDONLY | O_DIRECT);
}

static int virtio_read(void)
{
	return pread(fd, sector, SECTOR, 0) == SECTOR ? 0 : -EIO;
}

const struct launch_path launch_nvme = {
	.name = "NVMe FLUSH by ioctl, asleep", .per = 1,
	.open = nvme_open, .prepare = nvme_dirty, .run = nvme_flush, .close = peer_close,
};

const struct launch_path launch_nvme_fast = {
	.name = "NVMe FLUSH by ioctl, nothing to flush", .per = 1,
	.open = nvme_open_fast, .run = nvme_flush, .close = peer_close,
};

const struct launch_path launch_virtio = {
	.name = "virtio-blk read of 512 bytes", .per = 1,
	.open = virtio_open, .run = virtio_read, .close = peer_close,
};
