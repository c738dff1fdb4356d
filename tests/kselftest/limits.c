// SPDX-License-Identifier: MIT
/*
 * Every limit of the interface: the most works, one more is the documented errno. Each call has a
 * file of its own; afterwards the card has back what it had and has counted no failure, and the
 * kernel has said nothing. What users share is for quota, slots and userptr to test, unread events
 * for event, virtual functions for sriov, and what packets say for tests/unit/test_chip_packet.c.
 */
/* vm: timeout=180 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <unistd.h>

#include "card.h"
#include "tap.h"

#define PAGE  4096ULL
#define VA    0x10000000ULL /* of the buffer: two pages; first the ring of a user-mode queue */
#define END   SC_VA_USER_END
#define SLOTS 64u
#define READ  DRM_SEEDCHIP_BIND_READ

/**
 * struct limit - a limit
 * @what: of what
 * @call: what is limited; 0 or a negative errno
 * @most: what it may be called with
 * @step: from there to what it may not; -1: it is the least, and not the most
 * @err: what it returns then
 * @at: for queue_field(): the field's offset
 * @bytes: and its size
 */
struct limit {
	const char *what;
	int (*call)(uint64_t value);
	uint64_t most;
	int64_t step;
	int err;
	size_t at, bytes;
};

static struct drm_seedchip_info info;
static const struct limit *limit; /* that is being tried */
static int fd;
static uint32_t bo, syncobj;

static void *zeroed(uint64_t count, size_t size)
{
	void *p = calloc(count ? count : 1, size);

	CHECK(p);
	return p;
}

/* --- queues --- */

static struct drm_seedchip_queue_create queue_create(void)
{
	struct drm_seedchip_queue_create create;

	CHECK_EQ(card_queue(fd, &create), 0);
	return create;
}

static struct drm_seedchip_queue_create user_queue_create(void)
{
	struct drm_seedchip_queue_create create = {
		.flags = DRM_SEEDCHIP_QUEUE_USER, .ring_log2 = 6, .ring_va = VA,
	};

	CHECK_EQ(card_ioctl(fd, DRM_IOCTL_SEEDCHIP_QUEUE_CREATE, &create), 0);
	return create;
}

/* A queue with the largest of whatever has no limit, and one field as the limit says. */
static int queue_field(uint64_t value)
{
	struct drm_seedchip_queue_create create = {
		.priority = 1, .ring_log2 = 6, .timeout_ms = UINT32_MAX, .wg_limit = UINT64_MAX,
		.irq_count = 1, .irq_ns = 1,
	};

	if (limit->at == offsetof(struct drm_seedchip_queue_create, ring_va)) {
		create.flags = DRM_SEEDCHIP_QUEUE_USER;
		CHECK_EQ(card_bind(fd, DRM_SEEDCHIP_BIND_MAP | READ, bo, 0, END - PAGE, PAGE), 0);
	}
	memcpy((char *)&create + limit->at, &value, limit->bytes);
	return card_ioctl(fd, DRM_IOCTL_SEEDCHIP_QUEUE_CREATE, &create);
}

static int queues(uint64_t count)
{
	struct drm_seedchip_queue_create create;
	int ret = 0;

	while (!ret && count--)
		ret = card_queue(fd, &create);
	return ret;
}

static int eventfds(uint64_t count)
{
	struct drm_seedchip_queue_wait wait = {
		.queue = queue_create().queue, .flags = DRM_SEEDCHIP_QUEUE_WAIT_EVENTFD,
		.index = 1, .eventfd = eventfd(0, 0),
	};
	int ret = 0;

	while (!ret && count--)
		ret = card_ioctl(fd, DRM_IOCTL_SEEDCHIP_QUEUE_WAIT, &wait);
	close(wait.eventfd);
	return ret;
}

/* --- work --- */

/* @count points of a timeline. */
static struct drm_seedchip_array syncs(uint64_t count)
{
	struct drm_seedchip_sync *sync = zeroed(count, sizeof(*sync));

	for (uint64_t i = 0; i < count; i++)
		sync[i] = (struct drm_seedchip_sync){ DRM_SEEDCHIP_SYNC_SIGNAL, syncobj, i + 1 };
	return (struct drm_seedchip_array){ sizeof(*sync), (uint32_t)count, (uintptr_t)sync };
}

/* Packets, to the end. */
static int submit(const struct drm_seedchip_queue_create *create, struct drm_seedchip_array packets,
		  struct drm_seedchip_array out)
{
	struct drm_seedchip_submit submit = {
		.queue = create->queue, .flags = DRM_SEEDCHIP_SUBMIT_WAIT, .timeout_ns = -1,
		.packets = packets, .syncs = out,
	};
	int ret = card_ioctl(fd, DRM_IOCTL_SEEDCHIP_SUBMIT, &submit);

	free((void *)(uintptr_t)packets.array);
	free((void *)(uintptr_t)out.array);
	return ret ? ret : submit.result;
}

static struct drm_seedchip_array nops(uint64_t count)
{
	struct sc_packet *packet = zeroed(count, sizeof(*packet));

	for (uint64_t i = 0; i < count; i++)
		packet[i] = card_nop();
	return (struct drm_seedchip_array){ sizeof(*packet), (uint32_t)count, (uintptr_t)packet };
}

static int submit_syncs(uint64_t count)
{
	const struct drm_seedchip_queue_create create = queue_create();

	return submit(&create, nops(1), syncs(count));
}

static int submit_packets(uint64_t count)
{
	const struct drm_seedchip_queue_create create = queue_create();

	return submit(&create, nops(count), syncs(0));
}

static int submit_in_largest_ring(uint64_t count)
{
	struct drm_seedchip_queue_create create = { .ring_log2 = info.ring_log2_max };

	CHECK_EQ(card_ioctl(fd, DRM_IOCTL_SEEDCHIP_QUEUE_CREATE, &create), 0);
	return submit(&create, nops(count), syncs(0));
}

static int submit_stride(uint64_t stride)
{
	const struct drm_seedchip_queue_create create = queue_create();
	struct sc_packet *packet = zeroed(1, 2 * PAGE);

	*packet = card_nop();
	return submit(&create, (struct drm_seedchip_array){ (uint32_t)stride, 1,
							    (uintptr_t)packet }, syncs(0));
}

/* A kernel that returns. */
static int argument_slots(uint64_t count)
{
	const struct drm_seedchip_queue_create create = queue_create();
	const struct sc_pkt_dispatch dispatch = {
		.hdr = SC_HDR(SC_OP_DISPATCH, SC_FLAG_CODE_CHANGED, (uint32_t)count),
		.entry = VA, .grid_x = 1, .grid_y = 1, .grid_z = 1, .stack_size = 4096,
		.args_size = (uint32_t)count * SC_ARG_SLOT_SIZE,
	};
	struct drm_seedchip_array packets = nops(1 + count);
	struct sc_packet *packet = (void *)(uintptr_t)packets.array;
	uint32_t *code = card_map(fd, bo, PAGE);

	CHECK(code);
	code[0] = 0x00008067; /* ret */
	munmap(code, PAGE);
	CHECK_EQ(card_bind(fd, DRM_SEEDCHIP_BIND_MAP | READ | DRM_SEEDCHIP_BIND_EXECUTE, bo, 0, VA,
			   PAGE), 0);
	memcpy(packet, &dispatch, sizeof(*packet));
	for (uint64_t i = 1; i <= count; i++)
		packet[i].hdr = SC_HDR(SC_OP_ARGS, 0, 0);
	return submit(&create, packets, syncs(0));
}

static int fence(uint64_t index, struct drm_seedchip_array out)
{
	struct drm_seedchip_queue_fence arg = {
		.queue = user_queue_create().queue, .index = index, .syncs = out,
	};
	int ret = card_ioctl(fd, DRM_IOCTL_SEEDCHIP_QUEUE_FENCE, &arg);

	free((void *)(uintptr_t)out.array);
	return ret;
}

static int fence_syncs(uint64_t count)
{
	return fence(0, syncs(count));
}

/* Of packets that never come: the file is closed before the queue's timeout. */
static int fence_index(uint64_t index)
{
	return fence(index, syncs(1));
}

/* The queue's timeout is longer than this takes. */
static int fences(uint64_t count)
{
	struct drm_seedchip_queue_create create = {
		.flags = DRM_SEEDCHIP_QUEUE_USER, .ring_log2 = 6, .ring_va = VA,
		.timeout_ms = 600000,
	};
	int ret = card_ioctl(fd, DRM_IOCTL_SEEDCHIP_QUEUE_CREATE, &create);

	while (count-- && !ret) {
		struct drm_seedchip_queue_fence arg = { .queue = create.queue, .index = 1 };

		ret = card_ioctl(fd, DRM_IOCTL_SEEDCHIP_QUEUE_FENCE, &arg);
	}
	return ret;
}

/* --- memory --- */

static int bind(struct drm_seedchip_array ops, struct drm_seedchip_array out)
{
	struct drm_seedchip_vm_bind arg = { .ops = ops, .syncs = out };
	int ret = card_ioctl(fd, DRM_IOCTL_SEEDCHIP_VM_BIND, &arg);

	free((void *)(uintptr_t)ops.array);
	free((void *)(uintptr_t)out.array);
	return ret;
}

/* As many mappings, next to each other. */
static struct drm_seedchip_array sparse(uint64_t count)
{
	struct drm_seedchip_bind *op = zeroed(count, sizeof(*op));

	for (uint64_t i = 0; i < count; i++)
		op[i] = (struct drm_seedchip_bind){ .flags = DRM_SEEDCHIP_BIND_SPARSE | READ,
						    .va = 2 * VA + i * PAGE, .size = PAGE };
	return (struct drm_seedchip_array){ sizeof(*op), (uint32_t)count, (uintptr_t)op };
}

static int bind_count(uint64_t count)
{
	return bind(sparse(count), syncs(0));
}

static int bind_syncs(uint64_t count)
{
	return bind(sparse(1), syncs(count));
}

static int bind_stride(uint64_t stride)
{
	struct drm_seedchip_bind *op = zeroed(1, 2 * PAGE);

	*op = (struct drm_seedchip_bind){ .va = VA, .size = PAGE };
	return bind((struct drm_seedchip_array){ (uint32_t)stride, 1, (uintptr_t)op }, syncs(0));
}

static int bind_va(uint64_t va)
{
	return card_bind(fd, DRM_SEEDCHIP_BIND_SPARSE | READ, 0, 0, va, PAGE);
}

static int bind_size(uint64_t size)
{
	return card_bind(fd, DRM_SEEDCHIP_BIND_UNMAP, 0, 0, SC_VA_USER_START, size);
}

static int bind_offset(uint64_t offset)
{
	return card_bind(fd, DRM_SEEDCHIP_BIND_MAP | READ, bo, offset, VA, PAGE);
}

/* All card memory that is free, and @more pages. */
static int card_memory(uint64_t more)
{
	uint32_t handle;

	return card_bo(fd, card_free_memory() + more * PAGE, DRM_SEEDCHIP_BO_CARD, &handle);
}

static int map(uint64_t offset, uint64_t bytes, int prot)
{
	void *p = mmap(NULL, bytes, prot, MAP_SHARED, fd, (off_t)offset);

	if (p == MAP_FAILED)
		return -errno;
	munmap(p, bytes);
	return 0;
}

static int map_state(uint64_t bytes)
{
	return map(queue_create().state_offset, bytes, PROT_READ);
}

static int map_doorbell(uint64_t bytes)
{
	return map(user_queue_create().doorbell_offset, bytes, PROT_WRITE);
}

static int map_buffer(uint64_t bytes)
{
	struct drm_seedchip_bo_mmap_offset arg = { .handle = bo };

	CHECK_EQ(card_ioctl(fd, DRM_IOCTL_SEEDCHIP_BO_MMAP_OFFSET, &arg), 0);
	return map(arg.offset, bytes, PROT_READ);
}

/* --- parameters of the module --- */

static int parameter(const char *name, uint64_t value, const char *usual)
{
	char path[80], text[32];
	int ret;

	snprintf(path, sizeof(path), "/sys/module/seedchip/parameters/%s", name);
	snprintf(text, sizeof(text), "%llu", (unsigned long long)value);
	ret = card_write(path, text);
	CHECK_EQ(card_write(path, usual), 0);
	return ret;
}

static int timeout_parameter(uint64_t ms)
{
	return parameter("timeout_ms", ms, "10000");
}

static int fence_parameter(uint64_t ms)
{
	return parameter("fence_limit_ms", ms, "600000");
}

static int memory_parameter(uint64_t percent)
{
	return parameter("user_memory_percent", percent, "100");
}

/* --- the test --- */

static int try(uint64_t value)
{
	int ret;

	fd = card_open(0);
	CHECK(fd >= 0);
	CHECK_EQ(card_bo(fd, 2 * PAGE, DRM_SEEDCHIP_BO_SYSTEM, &bo), 0);
	CHECK_EQ(card_bind(fd, DRM_SEEDCHIP_BIND_MAP | READ, bo, 0, VA, 2 * PAGE), 0);
	syncobj = card_syncobj(fd);
	ret = limit->call(value);
	close(fd);
	return ret;
}

static void try_limit(const struct limit *l)
{
	const int64_t steps[] = { 0, l->step, 0 };

	limit = l;
	for (unsigned int i = 0; i < 3; i++) {
		uint64_t value = l->most + (uint64_t)steps[i];
		int want = steps[i] ? l->err : 0, ret = try(value);

		if (ret != want)
			tap_fail("%s: %llu (0x%llx): %d, not %d", l->what,
				 (unsigned long long)value, (unsigned long long)value, ret, want);
	}
}

#define LIMIT(what, call, most, step, err) { what, call, most, step, err, 0, 0 }
#define FIELD(what, field, most, step, err)                                  \
	{ what, queue_field, most, step, err,                                \
	  offsetof(struct drm_seedchip_queue_create, field),                 \
	  sizeof(((struct drm_seedchip_queue_create *)0)->field) }

static void all(void)
{
	const uint64_t log_va = (END - sizeof(struct sc_log)) & ~63ULL;
	const struct limit limits[] = {
		LIMIT("queues of a file", queues, info.max_queues, 1, -EMFILE),
		FIELD("priority", priority, 3, 1, -EINVAL),
		FIELD("slots of a ring", ring_log2, info.ring_log2_max, 1, -EINVAL),
		FIELD("the fewest", ring_log2, SC_RING_LOG2_MIN, -1, -EINVAL),
		FIELD("cores", core_mask, info.core_mask, 1, -EINVAL),
		FIELD("log", log_va, log_va, 64, -EINVAL),
		FIELD("records", record_va, END - SLOTS * sizeof(struct sc_record),
		      sizeof(struct sc_record), -EINVAL),
		FIELD("ring of a program", ring_va, END - PAGE, SC_SLOT_SIZE, -EINVAL),
		FIELD("packets without interrupt", irq_count, 65535, 1, -EINVAL),
		FIELD("time without interrupt", irq_ns, 1000000, 1, -EINVAL),
		LIMIT("eventfds of a queue", eventfds, SEEDCHIP_MAX_EVENTFDS, 1, -EMFILE),
		LIMIT("syncs of a SUBMIT", submit_syncs, SEEDCHIP_MAX_SYNCS, 1, -EINVAL),
		LIMIT("packets of a SUBMIT", submit_packets, SLOTS, 1, -E2BIG),
		LIMIT("in the largest ring", submit_in_largest_ring, 1ULL << info.ring_log2_max, 1,
		      -E2BIG),
		LIMIT("stride of packets", submit_stride, PAGE, 1, -EINVAL),
		LIMIT("argument slots", argument_slots, SC_MAX_ARG_SLOTS, 1, -EINVAL),
		LIMIT("syncs of a QUEUE_FENCE", fence_syncs, SEEDCHIP_MAX_SYNCS, 1, -EINVAL),
		LIMIT("index of a QUEUE_FENCE", fence_index, SLOTS, 1, -EINVAL),
		LIMIT("fences of a user-mode queue", fences, SEEDCHIP_MAX_FENCES, 1, -EBUSY),
		LIMIT("operations of a VM_BIND", bind_count, SEEDCHIP_MAX_BINDS, 1, -EINVAL),
		LIMIT("syncs of a VM_BIND", bind_syncs, SEEDCHIP_MAX_SYNCS, 1, -EINVAL),
		LIMIT("stride of operations", bind_stride, PAGE, 1, -EINVAL),
		LIMIT("address", bind_va, END - PAGE, PAGE, -EINVAL),
		LIMIT("the lowest", bind_va, SC_VA_USER_START, -(int64_t)PAGE, -EINVAL),
		LIMIT("bytes of an operation", bind_size, END - SC_VA_USER_START, PAGE, -EINVAL),
		LIMIT("offset in a buffer", bind_offset, PAGE, PAGE, -EINVAL),
		LIMIT("card memory", card_memory, 0, 1, -ENOSPC),
		LIMIT("mapping of a state page", map_state, PAGE, 1, -EINVAL),
		LIMIT("mapping of a doorbell", map_doorbell, PAGE, 1, -EINVAL),
		LIMIT("mapping of a buffer", map_buffer, 2 * PAGE, 1, -EINVAL),
		LIMIT("timeout_ms", timeout_parameter, UINT32_MAX, 1, -ERANGE),
		LIMIT("fence_limit_ms", fence_parameter, UINT32_MAX, 1, -ERANGE),
		LIMIT("the shortest", timeout_parameter, 1, -1, -EINVAL),
		LIMIT("user_memory_percent", memory_parameter, 100, 1, -EINVAL),
	};

	for (unsigned int i = 0; i < sizeof(limits) / sizeof(limits[0]); i++)
		try_limit(&limits[i]);
}

static uint64_t memory_at_start;
static char counters_at_start[1024], users_at_start[1024];
static int kmsg;

static void nothing_is_left(void)
{
	char text[1024] = "";

	/* Queues and contexts of a file that has been closed may be released a little later. */
	for (int i = 0; i < 5000; i++) {
		CHECK_EQ(card_debugfs("users", text, sizeof(text)), 0);
		if (!strcmp(text, users_at_start))
			break;
		usleep(1000);
	}
	CHECK(!strcmp(text, users_at_start));
	CHECK_EQ(card_debugfs("counters", text, sizeof(text)), 0);
	CHECK(!strcmp(text, counters_at_start));
	CHECK_EQ(card_free_memory(), memory_at_start);
}

static void nothing_is_said(void)
{
	char text[8192];
	ssize_t n;

	while ((n = read(kmsg, text, sizeof(text) - 1)) > 0) {
		text[n] = 0;
		if (strstr(text, "seedchip"))
			tap_fail("%s", text);
	}
	CHECK_EQ(errno, EAGAIN);
}

int main(void)
{
	static const struct tap_test tests[] = {
		{ "the most of everything works, one more is refused", all },
		{ "the card has everything back, and has counted no failure", nothing_is_left },
		{ "the kernel has said nothing", nothing_is_said },
	};
	int ret;

	fd = card_open(0);
	ret = fd < 0 ? fd : card_info(fd, &info);
	close(fd);
	kmsg = open("/dev/kmsg", O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	if (ret || kmsg < 0 || lseek(kmsg, 0, SEEK_END) < 0 ||
	    card_debugfs("counters", counters_at_start, sizeof(counters_at_start)) ||
	    card_debugfs("users", users_at_start, sizeof(users_at_start))) {
		printf("Bail out! no card, debugfs or log\n");
		return EXIT_FAILURE;
	}
	memory_at_start = card_free_memory();
	return TAP_RUN(tests);
}
