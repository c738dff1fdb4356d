/* SPDX-License-Identifier: MIT */
/*
 * What can be put into a queue: launches, copies, fills. A part of <seedchip.h>,
 * whose conventions are the ones of this header too.
 */
#ifndef SEEDCHIP_LAUNCH_H
#define SEEDCHIP_LAUNCH_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

struct seedchip_kernel;
struct seedchip_queue;

/**
 * struct seedchip_dim - how much of a kernel to run
 * @x: workgroups, 0 to 65535; a zero dimension runs none
 * @y: workgroups
 * @z: workgroups
 * @flags: enum seedchip_launch_flags
 * @indirect: address of uint32_t x, y, z, read when the launch starts, in place
 *	      of @x, @y and @z; 0: none
 * @dynamic: bytes of dynamic scratchpad
 * @tag: any number; fault records carry it
 * @reserved: zero
 */
struct seedchip_dim {
	uint32_t x;
	uint32_t y;
	uint32_t z;
	uint32_t flags;
	uint64_t indirect;
	uint32_t dynamic;
	uint32_t tag;
	uint64_t reserved[2];
};

/**
 * enum seedchip_launch_flags - seedchip_dim.flags
 * @SEEDCHIP_OVERLAP: may start before earlier work of the queue has completed
 * @SEEDCHIP_COOPERATIVE: all workgroups run at the same time
 * @SEEDCHIP_PATCHED: in a graph: its arguments are what kernels have left at
 *		      seedchip_graph_address() when it starts
 */
enum seedchip_launch_flags {
	SEEDCHIP_OVERLAP = 0x1,
	SEEDCHIP_COOPERATIVE = 0x2,
	SEEDCHIP_PATCHED = 0x4,
};

/**
 * DOC: When queued work starts
 *
 * seedchip_launch(), seedchip_copy(), seedchip_copy_2d() and seedchip_fill()
 * write packets into the queue's staging area, which costs no system call. The
 * staged packets are given to the card, all at once,
 *
 *  - by seedchip_queue_flush(), seedchip_queue_mark() and seedchip_run(), always;
 *  - by one of the four, before it stages, when a quarter of the ring is staged;
 *  - by seedchip_queue_wait(), before it takes effect.
 *
 * Nothing else starts work. These calls neither block nor allocate; when the
 * ring has no room they return -EAGAIN and stage nothing: wait for an event, or
 * do something else, and call again.
 *
 * After a failure, all calls on the queue return -EIO until
 * seedchip_queue_recover(); what was staged is dropped.
 */

/**
 * seedchip_launch() - queue a kernel
 * @queue: queue
 * @kernel: kernel of a module of the same device
 * @dim: grid
 * @args: argument structure; copied
 * @size: its bytes; must be what the kernel was compiled with
 *
 * A launch takes a slot of the ring, and one more for every 56 bytes of @args.
 *
 * Return: 0; -EAGAIN: the ring is full; -EINVAL: wrong size, or an argument out
 * of range; -E2BIG: dynamic scratchpad does not fit; -EIO: the queue has failed;
 * -ENODEV: the card is gone.
 */
int seedchip_launch(struct seedchip_queue *queue, const struct seedchip_kernel *kernel,
		    const struct seedchip_dim *dim, const void *args, size_t size);

/**
 * seedchip_run() - queue a kernel and wait until it has completed
 * @queue: queue
 * @kernel: as for seedchip_launch()
 * @dim: grid
 * @args: argument structure; copied
 * @size: its bytes
 * @timeout_ns: 0: only look; negative: wait without limit
 *
 * Does what seedchip_launch(), seedchip_queue_mark() and seedchip_event_wait() do, in
 * fewer steps: on a queue of the driver's with one system call, which sleeps, on a
 * user-mode queue with none if the kernel is short. What was queued before completes
 * first.
 *
 * Return: 0: completed; -ETIMEDOUT: still running, which this call does not change;
 * -EIO: it, or what was queued before, has failed: see seedchip_event_fault() of
 * seedchip_queue_mark(); -EBUSY: the queue is recording a graph; else nothing was
 * queued, as seedchip_launch() says.
 */
int seedchip_run(struct seedchip_queue *queue, const struct seedchip_kernel *kernel,
		 const struct seedchip_dim *dim, const void *args, size_t size,
		 int64_t timeout_ns);

/**
 * seedchip_copy() - queue a copy
 * @queue: the queue
 * @dst: address
 * @src: address; the two must not overlap
 * @size: bytes
 *
 * Any alignment. Return: as seedchip_launch().
 */
int seedchip_copy(struct seedchip_queue *queue, uint64_t dst, uint64_t src, uint64_t size);

/**
 * struct seedchip_copy_2d - a copy of rows
 * @dst: address of the first row
 * @src: address of the first row
 * @row_bytes: bytes of a row
 * @rows: number of rows
 * @dst_stride: bytes from row to row
 * @src_stride: bytes from row to row
 */
struct seedchip_copy_2d {
	uint64_t dst;
	uint64_t src;
	uint64_t row_bytes;
	uint64_t rows;
	uint64_t dst_stride;
	uint64_t src_stride;
};

/**
 * seedchip_copy_2d() - queue a copy of rows
 * @queue: the queue
 * @copy: what to copy; not kept
 *
 * Return: as seedchip_launch().
 */
int seedchip_copy_2d(struct seedchip_queue *queue, const struct seedchip_copy_2d *copy);

/**
 * seedchip_fill() - queue a fill
 * @queue: the queue
 * @dst: address
 * @pattern: 8 bytes, little-endian, repeated from @dst on
 * @size: bytes; the last repetition is cut
 *
 * Return: as seedchip_launch().
 */
int seedchip_fill(struct seedchip_queue *queue, uint64_t dst, uint64_t pattern, uint64_t size);

#ifdef __cplusplus
}
#endif

#endif /* SEEDCHIP_LAUNCH_H */
