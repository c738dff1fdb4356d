// SPDX-License-Identifier: MIT
/* vm: alone */
/*
 * Quotas: of a file, of a user, of the card. Users are processes that give up
 * root and report what they got.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include <xf86drm.h>

#include "card.h"
#include "tap.h"

#define PERCENT "/sys/module/seedchip/parameters/user_memory_percent"
#define MIB     0x100000ULL
#define MAX     1024

static struct drm_seedchip_info info;

/* What somebody got before the call failed with @err. */
struct share {
	unsigned int count;
	int err;
};

/* Files with @per_file queues each, until something fails. */
static struct share take_queues(unsigned int per_file)
{
	struct drm_seedchip_queue_create queue;
	struct share share = { 0 };
	unsigned int files, i;

	for (files = 0; files < MAX; files++) {
		int fd = card_open(0);

		if (fd < 0) {
			share.err = fd;
			return share;
		}
		for (i = 0; i < per_file; i++) {
			share.err = card_queue(fd, &queue);
			if (share.err)
				return share;
			share.count++;
		}
	}
	return share;
}

/* Buffers of 16 MiB. */
static struct share take_memory(void)
{
	struct share share = { 0 };
	int fd = card_open(0);
	uint32_t handle;

	while (!share.err && share.count < MAX) {
		share.err = card_bo(fd, 16 * MIB, DRM_SEEDCHIP_BO_CARD, &handle);
		share.count += !share.err;
	}
	return share;
}

/**
 * struct user - a process of a user
 * @pid: it lives, and keeps what it has, until @hold is closed
 */
struct user {
	pid_t pid;
	int hold;
};

/* @per_file: queues a file, 0: memory */
static struct user start_user(uid_t uid, unsigned int per_file, struct share *share)
{
	int hold[2], result[2];
	struct user user;
	char byte;

	CHECK_EQ(pipe2(hold, O_CLOEXEC), 0);
	CHECK_EQ(pipe2(result, O_CLOEXEC), 0);
	user.pid = fork();
	if (!user.pid) {
		close(hold[1]);
		if (uid && setuid(uid))
			_exit(1);
		*share = per_file ? take_queues(per_file) : take_memory();
		if (write(result[1], share, sizeof(*share)) != sizeof(*share))
			_exit(1);
		_exit(read(hold[0], &byte, 1) ? 1 : 0);
	}
	close(hold[0]);
	close(result[1]);
	user.hold = hold[1];
	CHECK_EQ(read(result[0], share, sizeof(*share)), sizeof(*share));
	close(result[0]);
	return user;
}

static void stop_user(struct user *user)
{
	int status;

	close(user->hold);
	CHECK_EQ(waitpid(user->pid, &status, 0), user->pid);
	CHECK_EQ(status, 0);
}

static void of_a_file(void)
{
	struct share share;
	struct user root = start_user(0, MAX, &share);

	CHECK_EQ(share.err, -EMFILE);
	CHECK_EQ(share.count, info.max_queues);
	stop_user(&root);
}

/* Two unprivileged users get half each; root takes what is left. */
static void share_out(unsigned int per_file, int full)
{
	struct share all, first, second, rest;
	struct user users[3];

	users[0] = start_user(0, per_file, &all);
	CHECK_EQ(all.err, full);
	stop_user(&users[0]);
	users[0] = start_user(1000, per_file, &first);
	CHECK_EQ(first.err, -EDQUOT);
	CHECK_EQ(first.count, all.count / 2);
	users[1] = start_user(1001, per_file, &second);
	CHECK_EQ(second.err, -EDQUOT);
	CHECK_EQ(second.count, first.count);
	users[2] = start_user(0, per_file, &rest);
	CHECK_EQ(rest.err, full);
	CHECK_EQ(rest.count, all.count - 2 * first.count);
	stop_user(&users[2]);
	stop_user(&users[1]);
	/* The same user from two processes: one share. */
	users[1] = start_user(1000, per_file, &second);
	CHECK_EQ(second.err, -EDQUOT);
	CHECK_EQ(second.count, 0);
	stop_user(&users[1]);
	stop_user(&users[0]);
	users[0] = start_user(1000, per_file, &second);
	CHECK_EQ(second.count, first.count);
	stop_user(&users[0]);
}

static void of_queues(void)
{
	share_out(info.max_queues, -ENOSPC);
}

static void of_contexts(void)
{
	share_out(1, -ENOSPC);
}

static void of_memory(void)
{
	struct share all, first, second;
	struct user users[2];

	users[0] = start_user(1000, 0, &all);
	CHECK_EQ(all.err, -ENOSPC);
	stop_user(&users[0]);
	CHECK_EQ(card_write(PERCENT, "25"), 0);
	users[0] = start_user(1000, 0, &first);
	CHECK_EQ(first.err, -EDQUOT);
	/* Less than a quarter, because page tables count. */
	CHECK_EQ(first.count, info.card_size / 4 / (16 * MIB) - 1);
	users[1] = start_user(1001, 0, &second);
	CHECK_EQ(second.err, -EDQUOT);
	CHECK_EQ(second.count, first.count);
	stop_user(&users[1]);
	users[1] = start_user(0, 0, &second);
	CHECK_EQ(second.err, -ENOSPC);
	CHECK(second.count > first.count);
	stop_user(&users[1]);
	stop_user(&users[0]);
	CHECK_EQ(card_write(PERCENT, "100"), 0);
}

/* Page tables are memory too: many mappings run into the quota, and leave nothing behind. */
static void of_page_tables(void)
{
	const uint64_t step = 1ULL << 30;
	int status, fd, ret = 0;
	unsigned int i;
	pid_t pid;

	CHECK_EQ(card_write(PERCENT, "1"), 0);
	pid = fork();
	if (!pid) {
		if (setuid(1000))
			_exit(1);
		fd = card_open(0);
		for (i = 1; i < 4000 && !ret; i++)
			ret = card_bind(fd, DRM_SEEDCHIP_BIND_SPARSE | DRM_SEEDCHIP_BIND_READ, 0,
					0, i * step, 4096);
		_exit(ret == -EDQUOT && i > 1000 ? 0 : 2);
	}
	CHECK_EQ(waitpid(pid, &status, 0), pid);
	CHECK_EQ(card_write(PERCENT, "100"), 0);
	CHECK_EQ(status, 0);
}

#define GROUP "/tmp/control-group"

static long long group_memory(void)
{
	char text[32] = "";
	int file = open(GROUP "/one/memory.current", O_RDONLY);

	if (file < 0 || read(file, text, sizeof(text) - 1) <= 0)
		return -1;
	close(file);
	return atoll(text);
}

/* A fence of the card, of work that waits for as long as its file is open. */
static uint32_t pending_fence(int fd)
{
	struct drm_seedchip_sync out = { .handle = card_syncobj(fd),
					 .flags = DRM_SEEDCHIP_SYNC_SIGNAL };
	struct sc_packet wait = card_word(SC_OP_WAIT, 1ULL << 30, 1);
	struct drm_seedchip_queue_create queue;
	uint32_t bo;

	if (card_bo(fd, 4096, DRM_SEEDCHIP_BO_SYSTEM, &bo) ||
	    card_bind(fd, DRM_SEEDCHIP_BIND_MAP | DRM_SEEDCHIP_BIND_READ, bo, 0, 1ULL << 30,
		      4096) ||
	    card_queue(fd, &queue) || card_submit(fd, queue.queue, &wait, 1, &out, 1, NULL))
		return 0;
	return out.handle;
}

/* Operations of a call that waits for a fence; they make no mappings. */
static int bind_later(int fd, uint32_t fence, unsigned int count)
{
	struct drm_seedchip_sync sync = { .handle = fence, .flags = DRM_SEEDCHIP_SYNC_WAIT };
	struct drm_seedchip_bind *ops = calloc(count, sizeof(*ops));
	struct drm_seedchip_vm_bind bind = {
		.ops = { sizeof(*ops), count, (uintptr_t)ops },
		.syncs = { sizeof(sync), 1, (uintptr_t)&sync },
	};
	int ret;

	for (unsigned int i = 0; i < count; i++)
		ops[i] = (struct drm_seedchip_bind){ .va = 2ULL << 30, .size = 4096 };
	ret = card_ioctl(fd, DRM_IOCTL_SEEDCHIP_VM_BIND, &bind);
	free(ops);
	return ret;
}

/*
 * What the kernel needs for page tables and mappings is taken from the caller's control group, and
 * so is what calls keep that wait.
 */
static void of_control_group(void)
{
	const unsigned int count = 500;
	long long before;
	uint32_t fence;
	int fd, status;
	unsigned int i;
	char pid[16];
	pid_t child;

	mkdir(GROUP, 0700);
	if (mount("none", GROUP, "cgroup2", 0, NULL) ||
	    card_write(GROUP "/cgroup.subtree_control", "+memory"))
		tap_skip("a kernel without control groups of memory");
	CHECK_EQ(mkdir(GROUP "/one", 0700), 0);
	child = fork();
	if (!child) {
		snprintf(pid, sizeof(pid), "%d", getpid());
		if (card_write(GROUP "/one/cgroup.procs", pid))
			_exit(1);
		fd = card_open(0);
		before = group_memory();
		for (i = 1; i <= count; i++)
			if (card_bind(fd, DRM_SEEDCHIP_BIND_SPARSE | DRM_SEEDCHIP_BIND_READ, 0, 0,
				      (uint64_t)i << 30, 4096))
				_exit(2);
		/* two tables each, the upper one with a word for each of those below */
		if (group_memory() - before <= (long long)count * 4096)
			_exit(3);
		fence = pending_fence(fd);
		before = group_memory();
		for (i = 0; i < 20; i++)
			if (!fence || bind_later(fd, fence, 4000))
				_exit(4);
		_exit(group_memory() - before >
		      20 * 4000 * (long long)sizeof(struct drm_seedchip_bind) ? 0 : 5);
	}
	CHECK_EQ(waitpid(child, &status, 0), child);
	rmdir(GROUP "/one");
	umount(GROUP);
	CHECK_EQ(status, 0);
}

/* Nobody is charged for anything any more, and all memory is back. */
static void all_is_back(uint64_t before)
{
	char text[1024] = "";
	unsigned int i;

	/* Queues and contexts of a file that has been closed may be released a little later. */
	for (i = 0; i < 5000; i++) {
		CHECK_EQ(card_debugfs("users", text, sizeof(text)), 0);
		if (!strstr(text, "uid 1000") && !strstr(text, "uid 1001"))
			break;
		usleep(1000);
	}
	if (i == 5000)
		tap_fail("%s", text);
	CHECK_EQ(card_free_memory(), before);
}

static uint64_t memory_at_start;

static void nothing_is_left(void)
{
	all_is_back(memory_at_start);
}

/* Card memory in a dma-buf is charged to its maker, who has gone. */
static void outlives_its_maker(void)
{
	char text[1024];
	int fd, shared = -1;
	uint32_t handle;

	CHECK_EQ(seteuid(1000), 0);
	fd = card_open(0);
	CHECK_EQ(seteuid(0), 0);
	CHECK(fd >= 0);
	CHECK_EQ(card_bo(fd, MIB, DRM_SEEDCHIP_BO_CARD, &handle), 0);
	CHECK_EQ(drmPrimeHandleToFD(fd, handle, O_CLOEXEC, &shared), 0);
	close(fd);
	CHECK_EQ(card_debugfs("users", text, sizeof(text)), 0);
	CHECK(strstr(text, "uid 1000 contexts 0 queues 0 memory 1048576\n"));
	close(shared);
	all_is_back(memory_at_start);
}

int main(void)
{
	static const struct tap_test tests[] = {
		{ "a file has its limit of queues: EMFILE", of_a_file },
		{ "a user gets half of the queues: EDQUOT; the card is full: ENOSPC", of_queues },
		{ "a user gets half of the contexts", of_contexts },
		{ "a user gets a percentage of card memory", of_memory },
		{ "page tables count as card memory", of_page_tables },
		{ "and as memory of the control group", of_control_group },
		{ "nothing is left of anybody", nothing_is_left },
		{ "what outlives its file stays charged", outlives_its_maker },
	};
	int fd = card_open(0);

	if (fd < 0 || card_info(fd, &info) || chmod("/dev/accel/accel0", 0666)) {
		printf("Bail out! no card: %d\n", fd);
		return EXIT_FAILURE;
	}
	close(fd);
	memory_at_start = card_free_memory();
	return TAP_RUN(tests);
}
