// SPDX-License-Identifier: MIT
/*
 * What every ioctl must refuse, one wrong field at a time.
 *
 * The list of ioctls is the header's own table; this file adds a row for each:
 * how to make a call that works, how to undo it, and what values its fields must
 * not have. Whatever the card holds at the end, it held at the start.
 *
 * Invariant: between two wrong calls the right one works.
 */
#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdbool.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>
#include <xf86drm.h>

#include "card.h"
#include "tap.h"

#define PAGE   4096ULL
#define VA     0x10000000ULL
#define RING_VA 0x700000000ULL
#define RW     (DRM_SEEDCHIP_BIND_READ | DRM_SEEDCHIP_BIND_WRITE)
#define NOBODY 12345

static int fd;
static struct drm_seedchip_info info;
static uint32_t queue, user_queue, system_bo, syncobj;
static void *memory;

/* What the arrays of the calls point to. */
static struct {
	struct drm_seedchip_bind op;
	struct drm_seedchip_sync sync;
	struct sc_packet packet;
	struct drm_seedchip_info info;
} parts;

/**
 * enum kind - how a field can be wrong
 * @FLAGS: any bit but those of @good
 * @ANYTHING: it is an output: nothing is wrong
 * @VALUES: those of @bad
 */
enum kind {
	FLAGS,
	ANYTHING,
	VALUES,
};

/**
 * struct field - a field of an argument, or of a part that it points to
 * @name: for messages
 * @at: where it is; in @parts, or in the argument if @in_arg
 * @bytes: its size
 * @good: known flags; padding has none
 * @bad: values that give @err, as many as @count
 */
struct field {
	const char *name;
	bool in_arg;
	size_t at;
	size_t bytes;
	enum kind kind;
	uint64_t good;
	int err;
	unsigned int count;
	uint64_t bad[8];
};

#define SIZE_OF(type, field) sizeof(((struct type *)0)->field)
#define COUNT(...)	     (sizeof((uint64_t[]){ __VA_ARGS__ }) / sizeof(uint64_t))
#define ARG(type, field) \
	#type "." #field, true, offsetof(struct type, field), SIZE_OF(type, field)
#define PART(part, field)                                                     \
	#part "." #field, false,                                              \
		offsetof(typeof(parts), part) + offsetof(typeof(parts.part), field), \
		sizeof(parts.part.field)

#define BAD(e, ...) VALUES, 0, e, COUNT(__VA_ARGS__), { __VA_ARGS__ }
#define BITS(known) FLAGS, known, -EINVAL, 0, { 0 }
#define PAD	    BITS(0)
#define OUT	    ANYTHING, 0, 0, 0, { 0 }
#define NO_OBJECT   BAD(-ENOENT, 0, NOBODY, 0xffffffff)
#define NO_MEMORY   BAD(-EFAULT, 8, PAGE, 0x7ffffffff000, ~0xfffULL, 1ULL << 63)

/* An array in an argument: its stride and its pointer; counts differ. */
#define ARRAY(type, field, size)                                                 \
	{ ARG(type, field.stride), BAD(-EINVAL, 0, 1, (size) - 1, PAGE + 8, 0xffffffff) }, \
	{ ARG(type, field.array), NO_MEMORY }

#define SYNC_FIELDS                                                    \
	{ PART(sync, flags), BITS(DRM_SEEDCHIP_SYNC_SIGNAL) },         \
	{ PART(sync, handle), NO_OBJECT }

static const struct field dev_query_fields[] = {
	{ ARG(drm_seedchip_dev_query, type), BAD(-EINVAL, 1, 77, 0xffffffff) },
	{ ARG(drm_seedchip_dev_query, pointer), NO_MEMORY },
};

static const struct field bo_create_fields[] = {
	{ ARG(drm_seedchip_bo_create, size),
	  BAD(-EINVAL, 0, 1ULL << 63, ~0ULL, ~0ULL - 4094, (1ULL << 63) + 1) },
	{ ARG(drm_seedchip_bo_create, size), BAD(-ENOSPC, 1ULL << 48, 1ULL << 62) },
	{ ARG(drm_seedchip_bo_create, flags), BITS(0xf) },
	{ ARG(drm_seedchip_bo_create, flags),
	  BAD(-EINVAL, 0, DRM_SEEDCHIP_BO_CPU_VISIBLE, DRM_SEEDCHIP_BO_WC,
	      DRM_SEEDCHIP_BO_CARD | DRM_SEEDCHIP_BO_SYSTEM,
	      DRM_SEEDCHIP_BO_CARD | DRM_SEEDCHIP_BO_WC,
	      DRM_SEEDCHIP_BO_SYSTEM | DRM_SEEDCHIP_BO_CPU_VISIBLE) },
	{ ARG(drm_seedchip_bo_create, handle), OUT },
};

static const struct field bo_mmap_offset_fields[] = {
	{ ARG(drm_seedchip_bo_mmap_offset, handle), NO_OBJECT },
	{ ARG(drm_seedchip_bo_mmap_offset, pad), PAD },
	{ ARG(drm_seedchip_bo_mmap_offset, offset), OUT },
};

static const struct field vm_bind_fields[] = {
	{ ARG(drm_seedchip_vm_bind, flags), PAD },
	{ ARG(drm_seedchip_vm_bind, pad), PAD },
	{ ARG(drm_seedchip_vm_bind, ops.count), BAD(-EINVAL, 0, 65537, 0xffffffff) },
	{ ARG(drm_seedchip_vm_bind, syncs.count), BAD(-EINVAL, 4097, 0xffffffff) },
	ARRAY(drm_seedchip_vm_bind, ops, sizeof(struct drm_seedchip_bind)),
	ARRAY(drm_seedchip_vm_bind, syncs, sizeof(struct drm_seedchip_sync)),
	{ PART(op, flags), BITS(0xf3) },
	{ PART(op, flags),
	  BAD(-EINVAL, RW, DRM_SEEDCHIP_BIND_MAP, DRM_SEEDCHIP_BIND_SPARSE | RW,
	      DRM_SEEDCHIP_BIND_MAP | DRM_SEEDCHIP_BIND_SPARSE | RW,
	      DRM_SEEDCHIP_BIND_MAP | RW | DRM_SEEDCHIP_BIND_EXECUTE,
	      DRM_SEEDCHIP_BIND_MAP | DRM_SEEDCHIP_BIND_EXCLUSIVE, DRM_SEEDCHIP_BIND_UNMAP) },
	{ PART(op, handle), NO_OBJECT },
	{ PART(op, bo_offset), BAD(-EINVAL, 1, 8, PAGE, ~0ULL, ~0xfffULL, 1ULL << 63) },
	{ PART(op, va), BAD(-EINVAL, 0, 1, VA + 8, ~0ULL, ~0xfffULL, SC_VA_USER_END) },
	{ PART(op, va), BAD(-EINVAL, SC_VA_USER_START - PAGE, SC_VA_KERNEL_START, 1ULL << 63) },
	{ PART(op, size), BAD(-EINVAL, 0, 1, PAGE - 1, 2 * PAGE, ~0ULL, ~0xfffULL, 1ULL << 63) },
	SYNC_FIELDS,
};

static const struct field queue_create_fields[] = {
	{ ARG(drm_seedchip_queue_create, flags), BITS(DRM_SEEDCHIP_QUEUE_USER) },
	{ ARG(drm_seedchip_queue_create, flags), BAD(-EINVAL, DRM_SEEDCHIP_QUEUE_USER) },
	{ ARG(drm_seedchip_queue_create, priority), BAD(-EINVAL, 4, 5, 0xffffffff) },
	{ ARG(drm_seedchip_queue_create, ring_log2),
	  BAD(-EINVAL, 0, SC_RING_LOG2_MIN - 1, 31, 32, 64, 0xffffffff) },
	{ ARG(drm_seedchip_queue_create, core_mask), BAD(-EINVAL, 1ULL << 63, ~0ULL) },
	{ ARG(drm_seedchip_queue_create, log_va),
	  BAD(-EINVAL, 1, VA + 8, ~0ULL, ~63ULL, SC_VA_USER_END, SC_VA_USER_END - 8,
	      SC_VA_KERNEL_START) },
	{ ARG(drm_seedchip_queue_create, record_va),
	  BAD(-EINVAL, 1, VA + 8, ~0ULL, ~31ULL, SC_VA_USER_END, SC_VA_USER_END - 32,
	      SC_VA_KERNEL_START) },
	{ ARG(drm_seedchip_queue_create, queue), OUT },
	{ ARG(drm_seedchip_queue_create, hw_queue), OUT },
	{ ARG(drm_seedchip_queue_create, state_offset), OUT },
	{ ARG(drm_seedchip_queue_create, ring_va), BAD(-EINVAL, 1, VA, ~0ULL, SC_VA_USER_END) },
	{ ARG(drm_seedchip_queue_create, doorbell_offset), OUT },
};

static const struct field queue_destroy_fields[] = {
	{ ARG(drm_seedchip_queue_destroy, queue), NO_OBJECT },
	{ ARG(drm_seedchip_queue_destroy, pad), PAD },
};

static const struct field submit_fields[] = {
	{ ARG(drm_seedchip_submit, queue), NO_OBJECT },
	{ ARG(drm_seedchip_submit, flags), BITS(DRM_SEEDCHIP_SUBMIT_WAIT) },
	{ ARG(drm_seedchip_submit, packets.count), BAD(-EINVAL, 0) },
	{ ARG(drm_seedchip_submit, packets.count), BAD(-E2BIG, 65, 0xffffffff) },
	{ ARG(drm_seedchip_submit, syncs.count), BAD(-EINVAL, 4097, 0xffffffff) },
	ARRAY(drm_seedchip_submit, packets, sizeof(struct sc_packet)),
	ARRAY(drm_seedchip_submit, syncs, sizeof(struct drm_seedchip_sync)),
	{ ARG(drm_seedchip_submit, index), OUT },
	{ ARG(drm_seedchip_submit, timeout_ns), BAD(-EINVAL, 1, ~0ULL) },
	{ ARG(drm_seedchip_submit, result), PAD },
	{ ARG(drm_seedchip_submit, pad), PAD },
	{ PART(packet, hdr),
	  BAD(-EINVAL, SC_HDR(SC_OP_ARGS, 0, 0), SC_HDR(SC_OP_INVALIDATE, 0, 0),
	      SC_HDR(SC_OP_WAIT_QUEUE, 0, 0), SC_HDR(SC_OP_DISPATCH, 0, 1)) },
	SYNC_FIELDS,
};

static const struct field queue_fault_fields[] = {
	{ ARG(drm_seedchip_queue_fault, queue), NO_OBJECT },
};

static const struct field queue_recover_fields[] = {
	{ ARG(drm_seedchip_queue_recover, queue), NO_OBJECT },
	{ ARG(drm_seedchip_queue_recover, pad), PAD },
};

static const struct field bo_userptr_fields[] = {
	{ ARG(drm_seedchip_bo_userptr, address), BAD(-EINVAL, 1, 8, ~0ULL, ~0xfffULL) },
	{ ARG(drm_seedchip_bo_userptr, address),
	  BAD(-EFAULT, 0, PAGE, 0x7ffffffff000, 1ULL << 63) },
	{ ARG(drm_seedchip_bo_userptr, size),
	  BAD(-EINVAL, 0, 1, PAGE - 1, ~0ULL, ~0xfffULL) },
	{ ARG(drm_seedchip_bo_userptr, size), BAD(-ENOMEM, 1ULL << 48, 1ULL << 62) },
	{ ARG(drm_seedchip_bo_userptr, flags), BITS(DRM_SEEDCHIP_USERPTR_READ_ONLY) },
	{ ARG(drm_seedchip_bo_userptr, handle), OUT },
};

static const struct field queue_fence_fields[] = {
	{ ARG(drm_seedchip_queue_fence, queue), NO_OBJECT },
	{ ARG(drm_seedchip_queue_fence, pad), PAD },
	{ ARG(drm_seedchip_queue_fence, index), BAD(-EINVAL, 65, 1ULL << 32, ~0ULL) },
	{ ARG(drm_seedchip_queue_fence, syncs.count), BAD(-EINVAL, 4097, 0xffffffff) },
	ARRAY(drm_seedchip_queue_fence, syncs, sizeof(struct drm_seedchip_sync)),
	SYNC_FIELDS,
};

static const struct field queue_wait_fields[] = {
	{ ARG(drm_seedchip_queue_wait, queue), NO_OBJECT },
	{ ARG(drm_seedchip_queue_wait, flags), BITS(DRM_SEEDCHIP_QUEUE_WAIT_EVENTFD) },
	{ ARG(drm_seedchip_queue_wait, index), BAD(-ETIME, 1ULL << 40, ~0ULL) },
	{ ARG(drm_seedchip_queue_wait, eventfd), BAD(-EINVAL, 1, 0xffffffff) },
	{ ARG(drm_seedchip_queue_wait, pad), PAD },
};

/* Calls that work. */

static void make_dev_query(void *arg)
{
	*(struct drm_seedchip_dev_query *)arg = (struct drm_seedchip_dev_query){
		.size = sizeof(parts.info), .pointer = (uintptr_t)&parts.info,
	};
}

static void make_bo_create(void *arg)
{
	*(struct drm_seedchip_bo_create *)arg = (struct drm_seedchip_bo_create){
		.size = PAGE, .flags = DRM_SEEDCHIP_BO_CARD,
	};
}

static void undo_bo_create(const void *arg)
{
	CHECK_EQ(card_bo_close(fd, ((const struct drm_seedchip_bo_create *)arg)->handle), 0);
}

static void make_bo_mmap_offset(void *arg)
{
	((struct drm_seedchip_bo_mmap_offset *)arg)->handle = system_bo;
}

static struct drm_seedchip_array one_sync(uint32_t flags)
{
	parts.sync = (struct drm_seedchip_sync){ .flags = flags, .handle = syncobj };
	return (struct drm_seedchip_array){ sizeof(parts.sync), 1, (uintptr_t)&parts.sync };
}

static void make_vm_bind(void *arg)
{
	struct drm_seedchip_vm_bind *bind = arg;

	parts.op = (struct drm_seedchip_bind){ .flags = DRM_SEEDCHIP_BIND_MAP | RW,
					       .handle = system_bo, .va = VA, .size = PAGE };
	bind->ops = (struct drm_seedchip_array){ sizeof(parts.op), 1, (uintptr_t)&parts.op };
	bind->syncs = one_sync(DRM_SEEDCHIP_SYNC_SIGNAL);
}

static void undo_vm_bind(const void *arg)
{
	(void)arg;
	CHECK_EQ(card_bind(fd, DRM_SEEDCHIP_BIND_UNMAP, 0, 0, VA, PAGE), 0);
}

static void make_queue_create(void *arg)
{
	*(struct drm_seedchip_queue_create *)arg = (struct drm_seedchip_queue_create){
		.priority = 1, .ring_log2 = 6,
	};
}

static void undo_queue_create(const void *arg)
{
	CHECK_EQ(card_queue_destroy(fd, ((const struct drm_seedchip_queue_create *)arg)->queue),
		 0);
}

static void make_queue_destroy(void *arg)
{
	struct drm_seedchip_queue_create create;

	CHECK_EQ(card_queue(fd, &create), 0);
	((struct drm_seedchip_queue_destroy *)arg)->queue = create.queue;
}

static void make_submit(void *arg)
{
	struct drm_seedchip_submit *submit = arg;

	parts.packet = card_nop();
	submit->queue = queue;
	submit->packets = (struct drm_seedchip_array){ sizeof(parts.packet), 1,
						       (uintptr_t)&parts.packet };
	submit->syncs = one_sync(DRM_SEEDCHIP_SYNC_SIGNAL);
}

static void undo_submit(const void *arg)
{
	(void)arg;
	CHECK_EQ(card_wait(fd, syncobj, 0, 30000), 0);
}

static void make_queue_fault(void *arg)
{
	((struct drm_seedchip_queue_fault *)arg)->queue = queue;
}

static void make_queue_recover(void *arg)
{
	((struct drm_seedchip_queue_recover *)arg)->queue = queue;
}

static void make_bo_userptr(void *arg)
{
	*(struct drm_seedchip_bo_userptr *)arg = (struct drm_seedchip_bo_userptr){
		.address = (uintptr_t)memory, .size = PAGE,
	};
}

static void undo_bo_userptr(const void *arg)
{
	CHECK_EQ(card_bo_close(fd, ((const struct drm_seedchip_bo_userptr *)arg)->handle), 0);
}

static void make_queue_fence(void *arg)
{
	*(struct drm_seedchip_queue_fence *)arg = (struct drm_seedchip_queue_fence){
		.queue = user_queue, .syncs = one_sync(DRM_SEEDCHIP_SYNC_SIGNAL),
	};
}

static void make_queue_wait(void *arg)
{
	((struct drm_seedchip_queue_wait *)arg)->queue = queue;
}

/**
 * struct row - what this file knows about an ioctl
 * @number: of the ioctl
 * @make: fills in a zeroed argument, and the parts
 * @undo: after a call that worked; NULL: nothing to undo
 * @fields: what can be wrong
 * @num_fields: entries of @fields
 * @ret: what the right call returns
 */
struct row {
	unsigned int number;
	void (*make)(void *arg);
	void (*undo)(const void *arg);
	const struct field *fields;
	unsigned int num_fields;
	int ret;
};

#define FIELDS(name) name##_fields, sizeof(name##_fields) / sizeof(name##_fields[0])

static const struct row rows[] = {
	{ DRM_SEEDCHIP_DEV_QUERY, make_dev_query, NULL, FIELDS(dev_query), 0 },
	{ DRM_SEEDCHIP_BO_CREATE, make_bo_create, undo_bo_create, FIELDS(bo_create), 0 },
	{ DRM_SEEDCHIP_BO_MMAP_OFFSET, make_bo_mmap_offset, NULL, FIELDS(bo_mmap_offset), 0 },
	{ DRM_SEEDCHIP_VM_BIND, make_vm_bind, undo_vm_bind, FIELDS(vm_bind), 0 },
	{ DRM_SEEDCHIP_QUEUE_CREATE, make_queue_create, undo_queue_create, FIELDS(queue_create),
	  0 },
	{ DRM_SEEDCHIP_QUEUE_DESTROY, make_queue_destroy, NULL, FIELDS(queue_destroy), 0 },
	{ DRM_SEEDCHIP_SUBMIT, make_submit, undo_submit, FIELDS(submit), 0 },
	{ DRM_SEEDCHIP_QUEUE_FAULT, make_queue_fault, NULL, FIELDS(queue_fault), -ENODATA },
	{ DRM_SEEDCHIP_QUEUE_RECOVER, make_queue_recover, NULL, FIELDS(queue_recover), 0 },
	{ DRM_SEEDCHIP_BO_USERPTR, make_bo_userptr, undo_bo_userptr, FIELDS(bo_userptr), 0 },
	{ DRM_SEEDCHIP_QUEUE_FENCE, make_queue_fence, undo_submit, FIELDS(queue_fence), 0 },
	{ DRM_SEEDCHIP_QUEUE_WAIT, make_queue_wait, NULL, FIELDS(queue_wait), 0 },
};

/* The ioctls, as the header lists them. */
static const struct call {
	const char *name;
	unsigned int number;
	unsigned long code;
	size_t size;
} calls[] = {
#define CALL(name, number, dir, arg, errnos, text) \
	{ #name, number, DRM_IOCTL_SEEDCHIP_##name, sizeof(struct drm_seedchip_##arg) },
	SEEDCHIP_IOCTL_TABLE(CALL)
};

#define NUM_CALLS (sizeof(calls) / sizeof(calls[0]))
#define ARG_MAX	  512

static const struct row *row_of(const struct call *call)
{
	unsigned int i;

	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		if (rows[i].number == call->number)
			return &rows[i];
	tap_fail("%s has no row in this test", call->name);
}

/* @size bytes of the argument are what the program believes it has. */
static int do_call(const struct call *call, size_t size, void *arg)
{
	return card_ioctl(fd, _IOC(_IOC_DIR(call->code), _IOC_TYPE(call->code),
				   _IOC_NR(call->code), size), arg);
}

static void works(const struct call *call, const struct row *row)
{
	uint64_t arg[ARG_MAX / 8] = { 0 };
	int ret;

	row->make(arg);
	ret = do_call(call, call->size, arg);
	if (ret != row->ret)
		tap_fail("%s does not work: %d", call->name, ret);
	if (row->undo)
		row->undo(arg);
}

static void wrong(const struct call *call, const struct row *row, const struct field *field,
		  uint64_t value)
{
	uint64_t arg[ARG_MAX / 8] = { 0 };
	unsigned char *base;
	uint64_t was = 0;
	int ret;

	row->make(arg);
	base = field->in_arg ? (unsigned char *)arg : (unsigned char *)&parts;
	if (field->kind == FLAGS)
		memcpy(&was, base + field->at, field->bytes);
	value |= was;
	memcpy(base + field->at, &value, field->bytes);
	ret = do_call(call, call->size, arg);
	if (field->kind == ANYTHING && ret == row->ret) {
		if (row->undo)
			row->undo(arg);
	} else if (ret != field->err) {
		tap_fail("%s: %s = 0x%llx gives %d, not %d", call->name, field->name,
			 (unsigned long long)value, ret, field->err);
	}
}

static void each_field(const struct call *call, const struct row *row, const struct field *field)
{
	unsigned int i;

	if (field->kind == ANYTHING)
		wrong(call, row, field, ~0ULL);
	for (i = 0; field->kind == FLAGS && i < field->bytes * 8; i++)
		if (!(field->good >> i & 1))
			wrong(call, row, field, 1ULL << i);
	for (i = 0; i < field->count; i++)
		wrong(call, row, field, field->bad[i]);
	works(call, row);
}

static void fields(void)
{
	unsigned int i, j;

	for (i = 0; i < NUM_CALLS; i++) {
		const struct row *row = row_of(&calls[i]);

		works(&calls[i], row);
		for (j = 0; j < row->num_fields; j++)
			each_field(&calls[i], row, &row->fields[j]);
	}
}

/* The argument ends where the page ends, whatever size the program believes in. */
static void guard_page(void)
{
	static const int more[] = { 0, 8, 24, -8 };
	uint8_t *pages = mmap(NULL, 2 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
			      -1, 0);
	unsigned int i, j;

	CHECK(pages != MAP_FAILED);
	CHECK_EQ(mprotect(pages + PAGE, PAGE, PROT_NONE), 0);
	for (i = 0; i < NUM_CALLS; i++) {
		const struct row *row = row_of(&calls[i]);

		for (j = 0; j < sizeof(more) / sizeof(more[0]); j++) {
			uint64_t arg[ARG_MAX / 8] = { 0 };
			size_t size = calls[i].size + more[j];
			void *at = pages + PAGE - size;
			int ret;

			row->make(arg);
			memcpy(at, arg, size);
			ret = do_call(&calls[i], size, at);
			/* What a shorter one lacks is zero, which may be wrong. */
			if (more[j] >= 0 && ret != row->ret)
				tap_fail("%s of %zu bytes: %d", calls[i].name, size, ret);
			memset(arg, 0, sizeof(arg));
			memcpy(arg, at, size);
			/* A shorter one may not hold what to undo: closing the file will. */
			if (!ret && row->undo && more[j] >= 0)
				row->undo(arg);
			if (size)
				CHECK_EQ(do_call(&calls[i], size, (uint8_t *)at + 1), -EFAULT);
		}
	}
	munmap(pages, 2 * PAGE);
}

/* From a newer program: what the kernel does not know must be zero, and stays zero. */
static void longer_arguments(void)
{
	unsigned int i, bit;

	for (i = 0; i < NUM_CALLS; i++) {
		const struct row *row = row_of(&calls[i]);
		const size_t size = calls[i].size;
		uint64_t arg[ARG_MAX / 8];
		int ret;

		memset(arg, 0, sizeof(arg));
		row->make(arg);
		ret = do_call(&calls[i], size + 64, arg);
		if (ret != row->ret)
			tap_fail("%s, longer: %d", calls[i].name, ret);
		for (bit = 0; bit < 8; bit++)
			CHECK_EQ(arg[size / 8 + bit], 0);
		if (row->undo)
			row->undo(arg);
		for (bit = 0; bit < 64 * 8; bit += 61) {
			memset(arg, 0, sizeof(arg));
			row->make(arg);
			arg[size / 8 + bit / 64] = 1ULL << bit % 64;
			ret = do_call(&calls[i], size + 64, arg);
			if (ret != -EINVAL)
				tap_fail("%s, longer and not zero: %d", calls[i].name, ret);
		}
	}
}

static sigjmp_buf no_entry;

static void on_no_entry(int sig)
{
	(void)sig;
	siglongjmp(no_entry, 1);
}

/* The same call as a 32-bit program makes it; @arg lies below 4 GiB. */
static int ioctl32(unsigned long code, void *arg)
{
	int ret;

	asm volatile("int $0x80" : "=a"(ret) : "a"(54 /* ioctl */), "b"(fd), "c"((uint32_t)code),
		     "d"((uint32_t)(uintptr_t)arg) : "memory", "r8", "r9", "r10", "r11");
	return ret;
}

static void longer_from_32_bits(void)
{
	struct {
		struct drm_seedchip_bo_create bo;
		uint64_t more;
	} *arg = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_32BIT,
		      -1, 0);
	unsigned long longer = _IOC(_IOC_READ | _IOC_WRITE, DRM_IOCTL_BASE,
				    _IOC_NR(DRM_IOCTL_SEEDCHIP_BO_CREATE), sizeof(*arg));

	CHECK(arg != MAP_FAILED);
	if (sigsetjmp(no_entry, 1))
		tap_skip("a kernel without 32-bit programs");
	signal(SIGSEGV, on_no_entry);
	arg->bo = (struct drm_seedchip_bo_create){ .size = PAGE, .flags = DRM_SEEDCHIP_BO_SYSTEM };
	CHECK_EQ(ioctl32(DRM_IOCTL_SEEDCHIP_BO_CREATE, arg), 0);
	CHECK_EQ(card_bo_close(fd, arg->bo.handle), 0);
	CHECK_EQ(ioctl32(longer, arg), 0);
	CHECK_EQ(card_bo_close(fd, arg->bo.handle), 0);
	arg->more = 1ULL << 63;
	CHECK_EQ(ioctl32(longer, arg), -EINVAL);
	signal(SIGSEGV, SIG_DFL);
	munmap(arg, PAGE);
}

/* Elements of arrays grow as arguments do. */
static void longer_elements(void)
{
	struct {
		struct drm_seedchip_bind op;
		uint64_t more[2];
	} ops[2] = { { .op = { .flags = DRM_SEEDCHIP_BIND_MAP | RW, .handle = system_bo, .va = VA,
			       .size = PAGE } },
		     { .op = { .va = VA, .size = PAGE } } };
	struct drm_seedchip_vm_bind bind = { .ops = { sizeof(ops[0]), 2, (uintptr_t)ops } };

	CHECK_EQ(card_ioctl(fd, DRM_IOCTL_SEEDCHIP_VM_BIND, &bind), 0);
	ops[1].more[1] = 1ULL << 63;
	CHECK_EQ(card_ioctl(fd, DRM_IOCTL_SEEDCHIP_VM_BIND, &bind), -EINVAL);
}

static uint64_t memory_at_start;

static void nothing_is_left(void)
{
	close(fd);
	CHECK_EQ(card_free_memory(), memory_at_start);
}

int main(void)
{
	static const struct tap_test tests[] = {
		{ "each field of each ioctl, wrong in every way", fields },
		{ "arguments at the edge of a page, longer and shorter too", guard_page },
		{ "longer arguments: zero is fine and stays, else EINVAL", longer_arguments },
		{ "the same for 32-bit programs", longer_from_32_bits },
		{ "longer elements of arrays: the same", longer_elements },
		{ "card memory is back", nothing_is_left },
	};
	struct drm_seedchip_queue_create create, user = { .flags = DRM_SEEDCHIP_QUEUE_USER,
							  .ring_log2 = 6, .ring_va = RING_VA };
	uint32_t ring;

	memory_at_start = card_free_memory();
	memory = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	fd = card_open(0);
	if (fd < 0 || memory == MAP_FAILED || card_info(fd, &info) || card_queue(fd, &create) ||
	    card_bo(fd, PAGE, DRM_SEEDCHIP_BO_SYSTEM, &ring) ||
	    card_bind(fd, DRM_SEEDCHIP_BIND_MAP | DRM_SEEDCHIP_BIND_READ, ring, 0, RING_VA, PAGE) ||
	    card_ioctl(fd, DRM_IOCTL_SEEDCHIP_QUEUE_CREATE, &user) ||
	    card_bo(fd, PAGE, DRM_SEEDCHIP_BO_SYSTEM, &system_bo)) {
		printf("Bail out! no card, queue or buffer\n");
		return EXIT_FAILURE;
	}
	queue = create.queue;
	user_queue = user.queue;
	syncobj = card_syncobj(fd);
	return TAP_RUN(tests);
}
