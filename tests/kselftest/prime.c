// SPDX-License-Identifier: MIT
/*
 * Buffers shared as dma-bufs: within the card, with other drivers (udmabuf,
 * dma-heap, vgem), with the CPU, and beyond the life of file and process.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/dma-buf.h>
#include <linux/dma-heap.h>
#include <linux/udmabuf.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>
#include <xf86drm.h>
#include <xf86drmMode.h>

#include "card.h"
#include "tap.h"

#define RW    (DRM_SEEDCHIP_BIND_MAP | DRM_SEEDCHIP_BIND_READ | DRM_SEEDCHIP_BIND_WRITE)
#define UNMAP DRM_SEEDCHIP_BIND_UNMAP
#define SIZE  0x10000ULL
#define VA    0x10000000ULL
#define VB    0x20000000ULL

static const uint32_t visible = DRM_SEEDCHIP_BO_CARD | DRM_SEEDCHIP_BO_CPU_VISIBLE;
static int fd;
static struct drm_seedchip_queue_create queue;

static int export_bo(int file, uint32_t handle)
{
	int shared = -1;

	return drmPrimeHandleToFD(file, handle, O_CLOEXEC | O_RDWR, &shared) ? -errno : shared;
}

static int import_bo(int file, int shared, uint32_t *handle)
{
	return drmPrimeFDToHandle(file, shared, handle) ? -errno : 0;
}

static uint32_t new_bo(int file, uint32_t flags)
{
	uint32_t handle;

	CHECK_EQ(card_bo(file, SIZE, flags, &handle), 0);
	return handle;
}

static volatile uint64_t *map_fd(int shared)
{
	void *map = mmap(NULL, SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, shared, 0);

	CHECK(map != MAP_FAILED);
	return map;
}

/*
 * The card adds to what the CPU wrote, and the CPU sees it, at both ends of the
 * buffer @handle that @words shows.
 */
static void works_with_card(int file, uint32_t q, uint32_t handle, volatile uint64_t *words)
{
	const uint64_t last = SIZE / 8 - 1;
	struct sc_packet packets[2] = { card_copy(VA + 8, VA, 8),
					card_copy(VA + SIZE - 16, VA + SIZE - 8, 8) };

	words[0] = 0x1234;
	words[1] = 0;
	words[last] = 0x5678;
	words[last - 1] = 0;
	CHECK_EQ(card_bind(file, RW, handle, 0, VA, SIZE), 0);
	CHECK_EQ(card_run(file, q, packets, 2), 0);
	CHECK_EQ(words[1], 0x1234);
	CHECK_EQ(words[last - 1], 0x5678);
	CHECK_EQ(card_bind(file, UNMAP, 0, 0, VA, SIZE), 0);
}

/* Two files of one card: the same buffer, and the same handle for who has it already. */
static void own(uint32_t flags)
{
	struct drm_seedchip_queue_create other_queue;
	uint32_t handle = new_bo(fd, flags), again, imported;
	int other = card_open(0), shared = export_bo(fd, handle);
	volatile uint64_t *map;

	CHECK(other >= 0 && shared >= 0);
	CHECK_EQ(import_bo(fd, shared, &again), 0);
	CHECK_EQ(again, handle);
	CHECK_EQ(import_bo(other, shared, &imported), 0);
	CHECK_EQ(close(shared), 0);
	map = card_map(fd, handle, SIZE);
	CHECK(map);
	CHECK_EQ(card_queue(other, &other_queue), 0);
	works_with_card(other, other_queue.queue, imported, map);
	works_with_card(fd, queue.queue, handle, map);
	/* The second file has it when the first has let go. */
	munmap((void *)map, SIZE);
	CHECK_EQ(card_bo_close(fd, handle), 0);
	map = card_map(other, imported, SIZE);
	CHECK(map);
	CHECK_EQ(map[0], 0x1234);
	works_with_card(other, other_queue.queue, imported, map);
	munmap((void *)map, SIZE);
	close(other);
}

static void own_system(void)
{
	own(DRM_SEEDCHIP_BO_SYSTEM);
}

static void own_wc(void)
{
	own(DRM_SEEDCHIP_BO_SYSTEM | DRM_SEEDCHIP_BO_WC);
}

static void own_card(void)
{
	own(visible);
}

static void cpu_sync(int shared, uint64_t flags)
{
	struct dma_buf_sync sync = { .flags = flags };

	CHECK_EQ(ioctl(shared, DMA_BUF_IOCTL_SYNC, &sync), 0);
}

/* The CPU uses the dma-buf itself. */
static void cpu_access(uint32_t flags)
{
	uint32_t handle = new_bo(fd, flags);
	int shared = export_bo(fd, handle);
	volatile uint64_t *map;

	CHECK(shared >= 0);
	CHECK_EQ(lseek(shared, 0, SEEK_END), SIZE);
	map = map_fd(shared);
	cpu_sync(shared, DMA_BUF_SYNC_START | DMA_BUF_SYNC_RW);
	CHECK_EQ(map[5], 0);
	map[5] = 55;
	cpu_sync(shared, DMA_BUF_SYNC_END | DMA_BUF_SYNC_RW);
	works_with_card(fd, queue.queue, handle, map);
	CHECK_EQ(map[5], 55);
	CHECK(mmap(NULL, 2 * SIZE, PROT_READ, MAP_SHARED, shared, 0) == MAP_FAILED);
	munmap((void *)map, SIZE);
	close(shared);
	CHECK_EQ(card_bo_close(fd, handle), 0);
}

static void cpu_access_system(void)
{
	cpu_access(DRM_SEEDCHIP_BO_SYSTEM);
}

static void cpu_access_card(void)
{
	cpu_access(visible);
}

static void invisible_card(void)
{
	uint32_t handle = new_bo(fd, DRM_SEEDCHIP_BO_CARD);
	int shared = export_bo(fd, handle);

	CHECK(shared >= 0);
	CHECK(mmap(NULL, SIZE, PROT_READ, MAP_SHARED, shared, 0) == MAP_FAILED);
	CHECK_EQ(errno, EACCES);
	close(shared);
	CHECK_EQ(card_bo_close(fd, handle), 0);
}

/* A buffer of another driver: through the dma-buf, through our own mmap, and by the card. */
static void import(int shared)
{
	uint32_t handle, again;
	volatile uint64_t *theirs = map_fd(shared), *ours;
	int reexported;

	CHECK_EQ(import_bo(fd, shared, &handle), 0);
	CHECK_EQ(import_bo(fd, shared, &again), 0);
	CHECK_EQ(again, handle);
	works_with_card(fd, queue.queue, handle, theirs);
	ours = card_map(fd, handle, SIZE);
	CHECK(ours);
	ours[7] = 77;
	CHECK_EQ(theirs[7], 77);
	works_with_card(fd, queue.queue, handle, ours);
	/* Passed on, it is still the other driver's. */
	reexported = export_bo(fd, handle);
	CHECK(reexported >= 0);
	CHECK_EQ(close(reexported), 0);
	CHECK_EQ(close(shared), 0);
	/* We keep it alive. */
	works_with_card(fd, queue.queue, handle, ours);
	munmap((void *)ours, SIZE);
	munmap((void *)theirs, SIZE);
	CHECK_EQ(card_bo_close(fd, handle), 0);
}

static void from_udmabuf(void)
{
	struct udmabuf_create create = { .flags = UDMABUF_FLAGS_CLOEXEC, .size = SIZE };
	int dev = open("/dev/udmabuf", O_RDWR | O_CLOEXEC);
	int shared;

	CHECK(dev >= 0);
	create.memfd = memfd_create("udmabuf", MFD_ALLOW_SEALING | MFD_CLOEXEC);
	CHECK_EQ(ftruncate(create.memfd, SIZE), 0);
	CHECK_EQ(fcntl(create.memfd, F_ADD_SEALS, F_SEAL_SHRINK), 0);
	shared = ioctl(dev, UDMABUF_CREATE, &create);
	CHECK(shared >= 0);
	close(create.memfd);
	close(dev);
	import(shared);
}

static void from_dma_heap(void)
{
	struct dma_heap_allocation_data data = { .len = SIZE, .fd_flags = O_RDWR | O_CLOEXEC };
	int dev = open("/dev/dma_heap/system", O_RDONLY | O_CLOEXEC);

	CHECK(dev >= 0);
	CHECK_EQ(ioctl(dev, DMA_HEAP_IOCTL_ALLOC, &data), 0);
	close(dev);
	import((int)data.fd);
}

static int open_vgem(void)
{
	int module = open("/lib/modules/vgem.ko", O_RDONLY | O_CLOEXEC), file;
	drmVersionPtr version;

	CHECK(module >= 0);
	CHECK(!syscall(SYS_finit_module, module, "", 0) || errno == EEXIST);
	close(module);
	file = open("/dev/dri/card0", O_RDWR | O_CLOEXEC);
	CHECK(file >= 0);
	version = drmGetVersion(file);
	CHECK(version && !strcmp(version->name, "vgem"));
	drmFreeVersion(version);
	return file;
}

static void from_vgem(void)
{
	int vgem = open_vgem();
	uint32_t handle, pitch;
	uint64_t size;
	int shared;

	CHECK_EQ(drmModeCreateDumbBuffer(vgem, SIZE / 4, 1, 32, 0, &handle, &pitch, &size), 0);
	CHECK_EQ(size, SIZE);
	shared = export_bo(vgem, handle);
	CHECK(shared >= 0);
	close(vgem);
	import(shared);
}

/* Another driver attaches to our buffer and maps it for its device. */
static void to_vgem(void)
{
	int vgem = open_vgem();
	uint32_t handle = new_bo(fd, DRM_SEEDCHIP_BO_SYSTEM), theirs;
	int shared = export_bo(fd, handle);
	volatile uint64_t *map = map_fd(shared);

	CHECK_EQ(import_bo(vgem, shared, &theirs), 0);
	close(shared);
	works_with_card(fd, queue.queue, handle, map);
	munmap((void *)map, SIZE);
	/* Theirs is the last reference; it comes back as the same buffer. */
	CHECK_EQ(card_bo_close(fd, handle), 0);
	shared = export_bo(vgem, theirs);
	CHECK(shared >= 0);
	close(vgem);
	CHECK_EQ(import_bo(fd, shared, &handle), 0);
	close(shared);
	map = card_map(fd, handle, SIZE);
	CHECK(map);
	CHECK_EQ(map[1], 0x1234);
	works_with_card(fd, queue.queue, handle, map);
	munmap((void *)map, SIZE);
	CHECK_EQ(card_bo_close(fd, handle), 0);
}

/* Other devices cannot reach card memory: they are told so when they attach. */
static void card_to_vgem(void)
{
	int vgem = open_vgem();
	uint32_t handle = new_bo(fd, visible), theirs;
	int shared = export_bo(fd, handle);

	CHECK(shared >= 0);
	CHECK_EQ(import_bo(vgem, shared, &theirs), -EOPNOTSUPP);
	close(shared);
	close(vgem);
	CHECK_EQ(card_bo_close(fd, handle), 0);
}

/* Exported, then the file is closed: the dma-buf is all that is left. */
static void outlives_file(uint32_t flags)
{
	int file = card_open(0), shared;
	uint32_t handle = new_bo(file, flags);
	volatile uint64_t *map;

	shared = export_bo(file, handle);
	CHECK(shared >= 0);
	map = map_fd(shared);
	map[9] = 99;
	munmap((void *)map, SIZE);
	CHECK_EQ(close(file), 0);
	map = map_fd(shared);
	CHECK_EQ(map[9], 99);
	CHECK_EQ(import_bo(fd, shared, &handle), 0);
	close(shared);
	works_with_card(fd, queue.queue, handle, map);
	munmap((void *)map, SIZE);
	CHECK_EQ(card_bo_close(fd, handle), 0);
}

static void system_outlives_file(void)
{
	outlives_file(DRM_SEEDCHIP_BO_SYSTEM);
}

static void card_outlives_file(void)
{
	outlives_file(visible);
}

static void send_fd(int socket, int file)
{
	char byte = 0, control[CMSG_SPACE(sizeof(int))] = { 0 };
	struct iovec iov = { &byte, 1 };
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1, .msg_control = control,
			      .msg_controllen = sizeof(control) };
	struct cmsghdr *cmsg = CMSG_FIRSTHDR(&msg);

	cmsg->cmsg_level = SOL_SOCKET;
	cmsg->cmsg_type = SCM_RIGHTS;
	cmsg->cmsg_len = CMSG_LEN(sizeof(int));
	memcpy(CMSG_DATA(cmsg), &file, sizeof(int));
	if (sendmsg(socket, &msg, 0) != 1)
		_exit(2);
}

static int receive_fd(int socket)
{
	char byte, control[CMSG_SPACE(sizeof(int))];
	struct iovec iov = { &byte, 1 };
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1, .msg_control = control,
			      .msg_controllen = sizeof(control) };
	int file = -1;

	if (recvmsg(socket, &msg, 0) == 1 && CMSG_FIRSTHDR(&msg))
		memcpy(&file, CMSG_DATA(CMSG_FIRSTHDR(&msg)), sizeof(int));
	return file;
}

static void outlives_process(void)
{
	volatile uint64_t *map;
	int sockets[2], shared, status;
	uint32_t handle;
	pid_t pid;

	CHECK_EQ(socketpair(AF_UNIX, SOCK_STREAM, 0, sockets), 0);
	pid = fork();
	if (!pid) {
		int file = card_open(0);

		if (card_bo(file, SIZE, DRM_SEEDCHIP_BO_SYSTEM, &handle))
			_exit(1);
		shared = export_bo(file, handle);
		map = mmap(NULL, SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, shared, 0);
		map[3] = 33;
		send_fd(sockets[1], shared);
		_exit(0);
	}
	shared = receive_fd(sockets[0]);
	CHECK_EQ(waitpid(pid, &status, 0), pid);
	CHECK_EQ(status, 0);
	close(sockets[0]);
	close(sockets[1]);
	CHECK_EQ(import_bo(fd, shared, &handle), 0);
	map = map_fd(shared);
	close(shared);
	CHECK_EQ(map[3], 33);
	works_with_card(fd, queue.queue, handle, map);
	munmap((void *)map, SIZE);
	CHECK_EQ(card_bo_close(fd, handle), 0);
}

/* One file's mapping of a buffer, gone with the file; the other's stays. */
static void closed_while_bound(void)
{
	uint32_t handle = new_bo(fd, visible), imported;
	int other = card_open(0), shared = export_bo(fd, handle);
	struct sc_packet fill = card_fill(VB, 0x77, SIZE);
	volatile uint64_t *map = map_fd(shared);

	CHECK_EQ(import_bo(other, shared, &imported), 0);
	close(shared);
	CHECK_EQ(card_bind(other, RW, imported, 0, VB, SIZE), 0);
	CHECK_EQ(card_bind(fd, RW, handle, 0, VB, SIZE), 0);
	close(other);
	CHECK_EQ(card_bo_close(fd, handle), 0);
	CHECK_EQ(card_run(fd, queue.queue, &fill, 1), 0);
	CHECK_EQ(map[SIZE / 8 - 1], 0x77);
	CHECK_EQ(card_bind(fd, UNMAP, 0, 0, VB, SIZE), 0);
	munmap((void *)map, SIZE);
}

static void refused(void)
{
	uint32_t handle;
	int shared;

	CHECK_EQ(export_bo(fd, 12345), -ENOENT);
	CHECK_EQ(import_bo(fd, fd, &handle), -EINVAL);
	CHECK_EQ(import_bo(fd, -1, &handle), -EBADF);
	handle = new_bo(fd, DRM_SEEDCHIP_BO_SYSTEM);
	CHECK(drmPrimeHandleToFD(fd, handle, 0x40000000, &shared) < 0);
	CHECK_EQ(errno, EINVAL);
	CHECK_EQ(card_bo_close(fd, handle), 0);
}

static uint64_t memory_at_start;

/* Nothing keeps memory of the card that has been closed. */
static void memory_is_back(void)
{
	close(fd);
	CHECK_EQ(card_free_memory(), memory_at_start);
}

static bool card_sleeps(const char *device)
{
	char command[160];

	snprintf(command, sizeof(command), "grep -q suspended %s/power/runtime_status", device);
	return !system(command);
}

/* The mapping of a dma-buf is all that is left of who has opened the card, and goes on working. */
static void mapped_stays_awake(void)
{
	char device[80], control[96];
	int file = card_open(0), shared;
	volatile uint64_t *map;

	CHECK(file >= 0);
	snprintf(device, sizeof(device), "/sys/bus/pci/devices/%s", card_address());
	snprintf(control, sizeof(control), "%s/power/control", device);
	shared = export_bo(file, new_bo(file, visible));
	CHECK(shared >= 0);
	map = map_fd(shared);
	map[1] = 11;
	close(shared);
	close(file);
	CHECK_EQ(card_write(control, "auto"), 0);
	/* longer than it stays awake when it is idle */
	sleep(4);
	CHECK(!card_sleeps(device));
	CHECK_EQ(map[1], 11);
	munmap((void *)map, SIZE);
	for (int i = 0; i < 400 && !card_sleeps(device); i++)
		usleep(50000);
	CHECK(card_sleeps(device));
	CHECK_EQ(card_write(control, "on"), 0);
}

int main(void)
{
	static const struct tap_test tests[] = {
		{ "system memory between two files of the card", own_system },
		{ "write-combined system memory between two files of the card", own_wc },
		{ "card memory between two files of the card", own_card },
		{ "the CPU uses the dma-buf of system memory", cpu_access_system },
		{ "the CPU uses the dma-buf of card memory", cpu_access_card },
		{ "card memory beyond the CPU's reach is not mapped", invisible_card },
		{ "a buffer of udmabuf", from_udmabuf },
		{ "a buffer of a dma-heap", from_dma_heap },
		{ "a buffer of vgem", from_vgem },
		{ "vgem uses system memory", to_vgem },
		{ "vgem cannot use card memory: EOPNOTSUPP", card_to_vgem },
		{ "system memory outlives its file", system_outlives_file },
		{ "card memory outlives its file", card_outlives_file },
		{ "a buffer outlives its process", outlives_process },
		{ "closed by one file while bound by both", closed_while_bound },
		{ "wrong handles, files and flags", refused },
		{ "card memory is back", memory_is_back },
		{ "card memory that the CPU has mapped keeps the card awake", mapped_stays_awake },
	};

	memory_at_start = card_free_memory();
	fd = card_open(0);
	if (fd < 0 || card_queue(fd, &queue)) {
		printf("Bail out! no card or queue\n");
		return EXIT_FAILURE;
	}
	return TAP_RUN(tests);
}
