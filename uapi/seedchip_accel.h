/* SPDX-License-Identifier: MIT */
/*
 * SeedChip DRM-accel driver: the ioctls of /dev/accel/accelN.
 */
#ifndef SEEDCHIP_ACCEL_H
#define SEEDCHIP_ACCEL_H

#ifdef __KERNEL__
#include <drm/drm.h>
#else
#include <drm.h>
#endif
#include "seedchip_hw.h"

#if defined(__cplusplus)
extern "C" {
#endif

/**
 * DOC: Rules of this interface
 *
 * - Structures are 8-byte aligned and have no implicit padding. Padding and
 *   reserved fields must be zero; unknown flags are refused with -EINVAL.
 * - Structures grow only at the end. The kernel accepts a shorter structure
 *   from an older program and treats what is missing as zero. It accepts a longer
 *   one from a newer program if its excess bytes are zero, else -EINVAL.
 * - Arrays are passed as struct drm_seedchip_array with their stride, under
 *   the same rule per element. No unions.
 * - Every addition raises the minor version and is entered in the log below.
 * - An ioctl that fails changes nothing, unless its description says so.
 *
 * One address space belongs to each open file. Synchronisation objects are
 * DRM syncobjs, binary and timeline, created with the generic DRM ioctls.
 *
 * Errors that every ioctl can return: -ENODEV (the card is gone or was reset
 * for good), -EFAULT (a user pointer is bad), -ENOMEM, -EINTR.
 *
 * Log of versions:
 *
 * 1.0: initial interface
 * 1.1: BO_USERPTR; DRM_SEEDCHIP_BO_WC; DRM_SEEDCHIP_BIND_SPARSE; buffers are
 *	shared by PRIME; quotas of users (-EDQUOT)
 * 1.2: read() on the file returns struct drm_seedchip_event_fault
 * 1.3: user-mode queues: DRM_SEEDCHIP_QUEUE_USER, QUEUE_FENCE, QUEUE_WAIT
 * 1.4: irq_count and irq_ns of QUEUE_CREATE; DRM_SEEDCHIP_SUBMIT_WAIT
 */
#define SEEDCHIP_UAPI_MAJOR 1
#define SEEDCHIP_UAPI_MINOR 4

/*
 * Ioctls: X(name, number, direction, argument, errnos, meaning). New ones go at the end.
 * From it come the numbers, the driver's dispatcher, negative tests and docs/uapi.md.
 * The argument is struct drm_seedchip_ARGUMENT, the driver's seedchip_ioctl_ARGUMENT()
 * handles it.
 */
#define SEEDCHIP_IOCTL_TABLE(X)                                                                    \
	X(DEV_QUERY, 0x00, WR, dev_query, "EINVAL",                                                \
	  "read a property structure of the device")                                               \
	X(BO_CREATE, 0x01, WR, bo_create, "EINVAL ENOSPC EDQUOT EIO",                              \
	  "create a buffer in card or system memory; new memory reads zero")                       \
	X(BO_MMAP_OFFSET, 0x02, WR, bo_mmap_offset, "EINVAL ENOENT EACCES",                        \
	  "offset for mmap() of a buffer")                                                         \
	X(VM_BIND, 0x03, WR, vm_bind, "EINVAL ENOENT EACCES EBUSY ENOSPC EDQUOT",                  \
	  "map and unmap ranges of the file's address space")                                      \
	X(QUEUE_CREATE, 0x04, WR, queue_create, "EINVAL EACCES EMFILE ENOSPC EDQUOT",              \
	  "create a queue")                                                                        \
	X(QUEUE_DESTROY, 0x05, WR, queue_destroy, "EINVAL ENOENT",                                 \
	  "abort and destroy a queue")                                                             \
	X(SUBMIT, 0x06, WR, submit, "EINVAL ENOENT EBUSY EIO E2BIG",                               \
	  "append packets to a queue")                                                             \
	X(QUEUE_FAULT, 0x07, WR, queue_fault, "EINVAL ENOENT ENODATA",                             \
	  "read the fault that stopped a queue")                                                   \
	X(QUEUE_RECOVER, 0x08, WR, queue_recover, "EINVAL ENOENT",                                 \
	  "make a faulted queue usable again")                                                     \
	X(BO_USERPTR, 0x09, WR, bo_userptr, "EINVAL",                                              \
	  "create a buffer from memory of the process, which stays pinned")                        \
	X(QUEUE_FENCE, 0x0a, WR, queue_fence, "EBUSY EINVAL ENOENT EIO",                           \
	  "fences for what a program has put into a user-mode queue")                              \
	X(QUEUE_WAIT, 0x0b, WR, queue_wait, "EINVAL ENOENT EBADF EMFILE EIO ETIME",                \
	  "sleep until a queue has retired an index, or have an eventfd told")

/**
 * struct drm_seedchip_array - an array of extensible structures
 * @stride: bytes from element to element, at most 4096
 * @count: elements
 * @array: user pointer to the first element
 */
struct drm_seedchip_array {
	__u32 stride;
	__u32 count;
	__u64 array;
};

/**
 * enum drm_seedchip_sync_flags - what a struct drm_seedchip_sync does
 * @DRM_SEEDCHIP_SYNC_WAIT: the work waits for the point
 * @DRM_SEEDCHIP_SYNC_SIGNAL: the work signals the point when complete
 */
enum drm_seedchip_sync_flags {
	DRM_SEEDCHIP_SYNC_WAIT = 0x0,
	DRM_SEEDCHIP_SYNC_SIGNAL = 0x1,
};

/**
 * struct drm_seedchip_sync - one fence that work waits for or signals
 * @flags: enum drm_seedchip_sync_flags
 * @handle: syncobj
 * @point: 0 for a binary syncobj, else the timeline point. A WAIT on a point
 *	   that nobody has submitted yet is refused with -EINVAL.
 *
 * A call takes SEEDCHIP_MAX_SYNCS of them, else -EINVAL.
 */
struct drm_seedchip_sync {
	__u32 flags;
	__u32 handle;
	__u64 point;
};
#define SEEDCHIP_MAX_SYNCS 4096

/**
 * enum drm_seedchip_query - property structures of DEV_QUERY
 * @DRM_SEEDCHIP_QUERY_INFO: struct drm_seedchip_info
 */
enum drm_seedchip_query {
	DRM_SEEDCHIP_QUERY_INFO = 0,
};

/**
 * struct drm_seedchip_dev_query - argument of DEV_QUERY
 * @type: enum drm_seedchip_query
 * @size: in: bytes at @pointer; out: bytes the kernel knows. The lesser of
 *	  both is copied and the rest of a larger buffer is zeroed.
 * @pointer: user pointer, or 0 to ask for the size alone
 */
struct drm_seedchip_dev_query {
	__u32 type;
	__u32 size;
	__u64 pointer;
};

/**
 * struct drm_seedchip_info - what the card is
 * @hw_version: VERSION register
 * @hw_revision: REVISION register
 * @features: accepted features, SC_FEATURE_*
 * @isa: what the harts execute, SC_ISA_*
 * @core_mask: usable cores
 * @card_size: bytes of card memory
 * @card_visible_size: bytes of it that the CPU can map
 * @serial: unique per card
 * @num_cores: cores
 * @vlen: bits of a vector register, 0 without vectors
 * @tcm_size: bytes of scratchpad per core
 * @page_size: granularity of VM_BIND and of buffer sizes
 * @huge_size: alignment from which larger leaves are used
 * @max_queues: queues one file may have
 * @ring_log2_max: log2 of the largest ring
 * @timeout_scale: factor that the driver applies to every timeout
 * @generation: device resets so far
 * @clock_khz: core clock of the timing model
 * @max_submit: slots that one SUBMIT may carry, for the largest ring
 * @dump_size: bytes of a core dump
 * @va_start: first address that VM_BIND accepts
 * @va_end: first address beyond
 */
struct drm_seedchip_info {
	__u32 hw_version;
	__u32 hw_revision;
	__u64 features;
	__u64 isa;
	__u64 core_mask;
	__u64 card_size;
	__u64 card_visible_size;
	__u64 serial;
	__u32 num_cores;
	__u32 vlen;
	__u32 tcm_size;
	__u32 page_size;
	__u32 huge_size;
	__u32 max_queues;
	__u32 ring_log2_max;
	__u32 timeout_scale;
	__u32 generation;
	__u32 clock_khz;
	__u32 max_submit;
	__u32 dump_size;
	__u64 va_start;
	__u64 va_end;
};

/**
 * enum drm_seedchip_bo_flags - placement of a buffer; exactly one of CARD and SYSTEM
 * @DRM_SEEDCHIP_BO_CARD: card memory
 * @DRM_SEEDCHIP_BO_SYSTEM: system memory
 * @DRM_SEEDCHIP_BO_CPU_VISIBLE: with CARD: in the part that the CPU, and through a
 *			dma-buf a peer on the bus, can reach
 * @DRM_SEEDCHIP_BO_WC: with SYSTEM: the CPU's mappings are write-combined and not
 *			cached, for memory that it writes and hardly reads. Those of
 *			card memory always are.
 */
enum drm_seedchip_bo_flags {
	DRM_SEEDCHIP_BO_CARD = 0x1,
	DRM_SEEDCHIP_BO_SYSTEM = 0x2,
	DRM_SEEDCHIP_BO_CPU_VISIBLE = 0x4,
	DRM_SEEDCHIP_BO_WC = 0x8,
};

/**
 * struct drm_seedchip_bo_create - argument of BO_CREATE
 * @size: in: bytes, not 0; out: rounded up to the page size
 * @flags: enum drm_seedchip_bo_flags
 * @handle: out: GEM handle
 *
 * -ENOSPC: card memory (or its CPU-visible part) is exhausted. -EDQUOT: the
 * user's share of it is. -EIO: the card has failed to clear it, and was reset, three
 * times; other memory may do.
 */
struct drm_seedchip_bo_create {
	__u64 size;
	__u32 flags;
	__u32 handle;
};

/**
 * struct drm_seedchip_bo_mmap_offset - argument of BO_MMAP_OFFSET
 * @handle: GEM handle
 * @pad: zero
 * @offset: out: offset for mmap() on the device file
 *
 * -EACCES: the buffer lies in card memory and was not created CPU_VISIBLE, or is
 * memory of a process (BO_USERPTR), which is mapped already.
 */
struct drm_seedchip_bo_mmap_offset {
	__u32 handle;
	__u32 pad;
	__u64 offset;
};

/**
 * enum drm_seedchip_bind_op - operation and permissions of one bind
 * @DRM_SEEDCHIP_BIND_UNMAP: remove every mapping in the range; splits what it cuts
 * @DRM_SEEDCHIP_BIND_MAP: map a part of a buffer; replaces what was there
 * @DRM_SEEDCHIP_BIND_SPARSE: map no memory: loads give zero, stores are dropped;
 *			      replaces what was there. READ, and WRITE if wanted.
 * @DRM_SEEDCHIP_BIND_READ: kernels may load
 * @DRM_SEEDCHIP_BIND_WRITE: kernels may store
 * @DRM_SEEDCHIP_BIND_EXECUTE: kernels may fetch; not together with WRITE
 * @DRM_SEEDCHIP_BIND_EXCLUSIVE: MAP and SPARSE fail with -EBUSY where the range is not empty
 */
enum drm_seedchip_bind_op {
	DRM_SEEDCHIP_BIND_UNMAP = 0x0,
	DRM_SEEDCHIP_BIND_MAP = 0x1,
	DRM_SEEDCHIP_BIND_SPARSE = 0x2,
	DRM_SEEDCHIP_BIND_READ = 0x10,
	DRM_SEEDCHIP_BIND_WRITE = 0x20,
	DRM_SEEDCHIP_BIND_EXECUTE = 0x40,
	DRM_SEEDCHIP_BIND_EXCLUSIVE = 0x80,
};

/**
 * struct drm_seedchip_bind - one operation of VM_BIND
 * @flags: enum drm_seedchip_bind_op
 * @handle: GEM handle, 0 for UNMAP and SPARSE
 * @bo_offset: bytes into the buffer, page aligned, 0 for UNMAP and SPARSE
 * @va: address, page aligned
 * @size: bytes, page aligned, not 0
 */
struct drm_seedchip_bind {
	__u32 flags;
	__u32 handle;
	__u64 bo_offset;
	__u64 va;
	__u64 size;
};

/**
 * struct drm_seedchip_vm_bind - argument of VM_BIND
 * @flags: zero
 * @pad: zero
 * @ops: struct drm_seedchip_bind, SEEDCHIP_MAX_BINDS of them at most, which together map no
 *	 more than va_end - va_start; all take effect or none
 * @syncs: struct drm_seedchip_sync. Without any, the call returns when the
 *	   mappings are in effect and stale translations are gone.
 *
 * -EACCES: WRITE to a buffer that is read-only. -EBUSY: EXCLUSIVE. -ENOSPC,
 * -EDQUOT: no card memory for page tables, of the card or of the user's share.
 */
struct drm_seedchip_vm_bind {
	__u32 flags;
	__u32 pad;
	struct drm_seedchip_array ops;
	struct drm_seedchip_array syncs;
};
#define SEEDCHIP_MAX_BINDS 65536

/**
 * enum drm_seedchip_queue_flags - kinds of queues
 * @DRM_SEEDCHIP_QUEUE_USER: user-mode: the ring is memory of the program, which
 *	writes packets and rings the doorbell itself; SUBMIT is refused
 */
enum drm_seedchip_queue_flags {
	DRM_SEEDCHIP_QUEUE_USER = 0x1,
};

/**
 * struct drm_seedchip_queue_create - argument of QUEUE_CREATE
 * @flags: enum drm_seedchip_queue_flags
 * @priority: 0 to 3; above 1 needs CAP_SYS_NICE, else -EACCES
 * @ring_log2: log2 of the ring in slots
 * @timeout_ms: a job without progress for so long is a hang; 0: the default. One with a
 *	fence (a sync with SIGNAL, QUEUE_FENCE) may take no longer than the module's
 *	fence_limit_ms in all, usually ten minutes.
 * @core_mask: cores the queue may use, 0: all
 * @wg_limit: instructions a workgroup may retire, 0: the default
 * @log_va: address of struct sc_log, 64-byte aligned, 0: none
 * @record_va: address of one struct sc_record per slot, 32-byte aligned, 0: none
 * @queue: out: queue handle, never 0
 * @hw_queue: out: queue number in faults and traces
 * @state_offset: out: offset for a read-only mmap() of struct sc_queue_state
 * @ring_va: user-mode: address of the ring, 64-byte aligned; else 0. Mapped and
 *	readable, or the queue fails at once: the card looks at it before any doorbell.
 * @doorbell_offset: out: user-mode: offset for mmap() of the doorbell page; else 0.
 *	A process created by fork() does not have the mapping.
 * @irq_count: packets past the one that is waited for, by QUEUE_WAIT or a fence, for
 *	which the interrupt is held back while the queue has more to do; at most 65535
 * @irq_ns: the longest time that it is held back, at most 1000000. Both 0: it is not.
 *
 * A user-mode queue starts at index 0. Its doorbell page can be taken away and
 * given back at any time (reset, suspend), which the program notices as a store
 * that takes long; when the card or the queue has gone, stores go nowhere.
 *
 * -EMFILE: this file has its limit of queues. -EDQUOT: the user has its share of
 * the card's queues or contexts (a file takes a context with its first queue).
 * -ENOSPC: the card has no queue or no context left.
 */
struct drm_seedchip_queue_create {
	__u32 flags;
	__u32 priority;
	__u32 ring_log2;
	__u32 timeout_ms;
	__u64 core_mask;
	__u64 wg_limit;
	__u64 log_va;
	__u64 record_va;
	__u32 queue;
	__u32 hw_queue;
	__u64 state_offset;
	__u64 ring_va;
	__u64 doorbell_offset;
	__u32 irq_count;
	__u32 irq_ns;
};

/**
 * struct drm_seedchip_queue_destroy - argument of QUEUE_DESTROY
 * @queue: queue handle
 * @pad: zero
 */
struct drm_seedchip_queue_destroy {
	__u32 queue;
	__u32 pad;
};

/**
 * enum drm_seedchip_submit_flags - what else SUBMIT does
 * @DRM_SEEDCHIP_SUBMIT_WAIT: return when the packets are complete
 */
enum drm_seedchip_submit_flags {
	DRM_SEEDCHIP_SUBMIT_WAIT = 0x1,
};

/**
 * struct drm_seedchip_submit - argument of SUBMIT
 * @queue: queue handle
 * @flags: enum drm_seedchip_submit_flags
 * @packets: struct sc_packet; phase bits are the kernel's. All are appended or none.
 * @syncs: struct drm_seedchip_sync
 * @index: out: the job is complete when struct sc_queue_state.retired >= index
 * @timeout_ns: WAIT: CLOCK_MONOTONIC time to give up at; 0: only look; negative: never.
 *		Else zero
 * @result: zero; out, WAIT: 0 when complete, or a negative errno
 * @pad: zero
 *
 * -EINVAL: also for a user-mode queue.
 * -EBUSY: the ring has no room now (not -EAGAIN, on which libdrm would spin).
 * -E2BIG: it never will have. -EIO: the queue is
 * faulted, see QUEUE_RECOVER. -EINVAL: also for packets reserved to the kernel.
 *
 * With WAIT too the call has submitted when it returns 0, and only then. How the wait
 * ended is in @result: -EAGAIN (@timeout_ns is over) and -EINTR (a signal came) leave
 * the packets to run. All else is what a fence of theirs would say: the errno of the
 * fault that they caused, -ECANCELED if others' failed the queue or a fence that they
 * waited for has failed, -ENODEV if the card has gone.
 */
struct drm_seedchip_submit {
	__u32 queue;
	__u32 flags;
	struct drm_seedchip_array packets;
	struct drm_seedchip_array syncs;
	__u64 index;
	__s64 timeout_ns;
	__s32 result;
	__u32 pad;
};

/**
 * struct drm_seedchip_queue_fault - argument of QUEUE_FAULT
 * @queue: queue handle
 * @dump_size: in: bytes at @dump; out: bytes of the dump, 0: there is none
 * @dump: user pointer for struct sc_core_dump and vector registers, or 0
 * @fault: out: the fault
 *
 * -ENODATA: the queue has not faulted since it was created or recovered.
 */
struct drm_seedchip_queue_fault {
	__u32 queue;
	__u32 dump_size;
	__u64 dump;
	struct sc_fault fault;
};

/**
 * struct drm_seedchip_queue_recover - argument of QUEUE_RECOVER
 * @queue: queue handle; nothing happens if it is not faulted
 * @pad: zero
 * @index: user-mode: where the queue goes on, not below the retired index and
 *	   not more than a ring beyond; else 0. What lies before it is skipped.
 */
struct drm_seedchip_queue_recover {
	__u32 queue;
	__u32 pad;
	__u64 index;
};

/**
 * enum drm_seedchip_userptr_flags - how the card may use the memory
 * @DRM_SEEDCHIP_USERPTR_READ_ONLY: it may only read; the process needs no write access
 */
enum drm_seedchip_userptr_flags {
	DRM_SEEDCHIP_USERPTR_READ_ONLY = 0x1,
};

/**
 * struct drm_seedchip_bo_userptr - argument of BO_USERPTR
 * @address: first byte, page aligned
 * @size: bytes, page aligned, not 0
 * @flags: enum drm_seedchip_userptr_flags
 * @handle: out: GEM handle
 *
 * The pages that are mapped there now stay pinned, and counted against
 * RLIMIT_MEMLOCK, until the buffer is gone; what the process maps there later is
 * not followed. The buffer can be bound, but neither mapped nor shared.
 *
 * -ENOMEM: also when RLIMIT_MEMLOCK does not allow it. -EFAULT: not all of the
 * range is ordinary memory that the process may write (READ_ONLY: read).
 */
struct drm_seedchip_bo_userptr {
	__u64 address;
	__u64 size;
	__u32 flags;
	__u32 handle;
};

/** DRM_SEEDCHIP_EVENT_FAULT - drm_event.type of struct drm_seedchip_event_fault */
#define DRM_SEEDCHIP_EVENT_FAULT 0x80000000

/**
 * struct drm_seedchip_event_fault - what read() on the file returns: a queue has failed
 * @base: type DRM_SEEDCHIP_EVENT_FAULT, length 128
 * @queue: queue handle
 * @lost: later events that were dropped, because this one and 31 before it had not been read
 * @fault: as QUEUE_FAULT returns it
 *
 * One for each time that a queue stops accepting work, before its fences signal; none for a
 * queue that its owner destroys. read() returns as many whole events as fit, 0 if not even
 * one does, -EAGAIN if there is none and the file is non-blocking, -ENODEV if there is none
 * and the card is gone for good; poll() then reports POLLHUP.
 */
struct drm_seedchip_event_fault {
	struct drm_event base;
	__u32 queue;
	__u32 lost;
	struct sc_fault fault;
};

/**
 * struct drm_seedchip_queue_fence - argument of QUEUE_FENCE
 * @queue: handle of a user-mode queue
 * @pad: zero
 * @index: the fence signals when struct sc_queue_state.retired >= index. At most
 *	   a ring beyond the retired index, and not below the index of an earlier call.
 * @syncs: struct drm_seedchip_sync, SIGNAL only
 *
 * The packets below @index should be in the ring: from now on the queue's timeout
 * runs, and a queue that does not reach @index is reset like any that hangs. So
 * every fence signals, whatever the program does. -EIO: the queue is faulted.
 * -EBUSY: SEEDCHIP_MAX_FENCES of the queue are pending.
 */
struct drm_seedchip_queue_fence {
	__u32 queue;
	__u32 pad;
	__u64 index;
	struct drm_seedchip_array syncs;
};

/* Of a user-mode queue; those of the others take slots of its ring. */
#define SEEDCHIP_MAX_FENCES 4096

/**
 * enum drm_seedchip_queue_wait_flags - how QUEUE_WAIT waits
 * @DRM_SEEDCHIP_QUEUE_WAIT_EVENTFD: not at all: 1 is added to an eventfd, once
 */
enum drm_seedchip_queue_wait_flags {
	DRM_SEEDCHIP_QUEUE_WAIT_EVENTFD = 0x1,
};

/**
 * struct drm_seedchip_queue_wait - argument of QUEUE_WAIT
 * @queue: queue handle
 * @flags: enum drm_seedchip_queue_wait_flags
 * @index: until struct sc_queue_state.retired >= index; it may lie beyond what has
 *	   been submitted
 * @timeout_ns: CLOCK_MONOTONIC time to give up at; 0: do not wait; negative: never;
 *		with EVENTFD zero
 * @eventfd: with EVENTFD: the file descriptor, else zero
 * @pad: zero
 *
 * A failure of the queue ends every wait: -EIO, or the eventfd is told. -ETIME:
 * not yet. -EBADF: not an eventfd. -EMFILE: the queue has its limit of eventfds
 * to tell (SEEDCHIP_MAX_EVENTFDS).
 */
struct drm_seedchip_queue_wait {
	__u32 queue;
	__u32 flags;
	__u64 index;
	__s64 timeout_ns;
	__s32 eventfd;
	__u32 pad;
};
#define SEEDCHIP_MAX_EVENTFDS 64

/* DRM_SEEDCHIP_x is the number, DRM_IOCTL_SEEDCHIP_x the full ioctl code. */
#define SEEDCHIP_IOCTL_NUMBER_(name, number, dir, arg, errnos, text) DRM_SEEDCHIP_##name = number,
#define SEEDCHIP_IOCTL_CODE_(name, number, dir, arg, errnos, text) \
	DRM_IOCTL_SEEDCHIP_##name =                                \
		DRM_IO##dir(DRM_COMMAND_BASE + (number), struct drm_seedchip_##arg),
enum drm_seedchip_ioctl_number { SEEDCHIP_IOCTL_TABLE(SEEDCHIP_IOCTL_NUMBER_) };
enum drm_seedchip_ioctl_code { SEEDCHIP_IOCTL_TABLE(SEEDCHIP_IOCTL_CODE_) };

#if defined(__cplusplus)
}
#endif

#endif /* SEEDCHIP_ACCEL_H */
