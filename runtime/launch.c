// SPDX-License-Identifier: MIT
/*
 * The calls that stage work: packets are built in place, in the queue's staging
 * area. No call here allocates, takes a lock or waits; the only system call is
 * the submission of what was staged before, when that has grown large.
 */
#include <errno.h>
#include <string.h>

#include "internal.h"
#include "graph.h"

static int check_launch(const struct seedchip_queue *q, const struct seedchip_kernel *kernel,
			const struct seedchip_dim *dim, size_t size)
{
	const struct seedchip_kernel_info *info = &kernel->info;

	if (kernel->module->dev != q->dev)
		return report(-EINVAL, "%s: the kernel belongs to another device", info->name);
	if (size != info->args_size)
		return report(-EINVAL,
			      "%s: %zu bytes of arguments, the kernel was compiled with %u",
			      info->name, size, info->args_size);
	if (dim->x > SC_MAX_GRID || dim->y > SC_MAX_GRID || dim->z > SC_MAX_GRID)
		return report(-EINVAL, "%s: grid %u x %u x %u, the limit is %u", info->name, dim->x,
			      dim->y, dim->z, SC_MAX_GRID);
	if (dim->flags & ~(SEEDCHIP_OVERLAP | SEEDCHIP_COOPERATIVE | SEEDCHIP_PATCHED))
		return report(-EINVAL, "%s: unknown launch flags 0x%x", info->name, dim->flags);
	if (dim->flags & SEEDCHIP_PATCHED && !q->recording)
		return report(-EINVAL, "%s: SEEDCHIP_PATCHED is for graphs", info->name);
	if (dim->reserved[0] || dim->reserved[1] || dim->indirect & 3)
		return report(-EINVAL, "%s: reserved members set or indirect misaligned",
			      info->name);
	if (kernel->flags & SC_KERNEL_COOPERATIVE && !(dim->flags & SEEDCHIP_COOPERATIVE))
		return report(-EINVAL, "%s: must be launched as cooperative", info->name);
	if (dim->dynamic > info->tcm_dynamic_max)
		return report(-E2BIG, "%s: %u bytes of dynamic scratchpad, %u are left", info->name,
			      dim->dynamic, info->tcm_dynamic_max);
	return 0;
}

static struct sc_packet dispatch_packet(const struct seedchip_kernel *kernel,
					const struct seedchip_dim *dim, uint32_t flags)
{
	uint32_t nargs = (kernel->info.args_size + SC_ARG_SLOT_SIZE - 1) / SC_ARG_SLOT_SIZE;
	union {
		struct sc_pkt_dispatch dispatch;
		struct sc_packet slot;
	} packet;

	if (dim->flags & SEEDCHIP_OVERLAP)
		flags |= SC_FLAG_OVERLAP;
	if (dim->flags & SEEDCHIP_COOPERATIVE)
		flags |= SC_FLAG_COOPERATIVE;
	if (dim->indirect)
		flags |= SC_FLAG_GRID_INDIRECT;
	packet.dispatch = (struct sc_pkt_dispatch){
		.hdr = SC_HDR(SC_OP_DISPATCH, flags, nargs),
		.tag = dim->tag,
		.entry = kernel->info.address,
		.grid_x = dim->indirect ? 0 : dim->x,
		.grid_y = dim->indirect ? 0 : dim->y,
		.grid_z = dim->indirect ? 0 : dim->z,
		.args_size = kernel->info.args_size,
		.grid_addr = dim->indirect,
		.tcm_static = kernel->info.tcm_static,
		.tcm_dynamic = dim->dynamic,
		.stack_size = kernel->info.stack_size,
	};
	return packet.slot;
}

static void build_args(struct sc_packet *packet, uint32_t hdr, const void *args, size_t size)
{
	const char *from = args;

	for (; size; packet++) {
		struct sc_pkt_args *slot = (struct sc_pkt_args *)packet;
		size_t n = size < SC_ARG_SLOT_SIZE ? size : SC_ARG_SLOT_SIZE;

		slot->hdr = hdr;
		slot->tag = 0;
		memcpy(slot->data, from, n);
		memset(slot->data + n, 0, SC_ARG_SLOT_SIZE - n);
		from += n;
		size -= n;
	}
}

/* Whatever the launch and the queue are like. */
__attribute__((noinline, cold)) static int launch(struct seedchip_queue *q,
						  const struct seedchip_kernel *kernel,
						  const struct seedchip_dim *dim,
						  const void *args, size_t size)
{
	uint32_t nargs = (size + SC_ARG_SLOT_SIZE - 1) / SC_ARG_SLOT_SIZE;
	uint32_t version = atomic_load_explicit(&q->dev->code_version, memory_order_acquire);
	struct sc_packet packet, *slot;
	int r = check_launch(q, kernel, dim, size);

	if (r)
		return r;
	if (q->recording) /* replays see to changed code */
		version = q->code_seen;
	if (dim->flags & SEEDCHIP_PATCHED)
		r = graph_stage_patched(q, 1 + nargs, &slot);
	else
		r = queue_stage(q, 1 + nargs, &slot);
	if (r)
		return r;
	packet = dispatch_packet(kernel, dim, version != q->code_seen ? SC_FLAG_CODE_CHANGED : 0);
	queue_put(q, slot, &packet);
	build_args(slot + 1, q->args_hdr, args, size);
	q->code_seen = version;
	if (kernel->module->image.prints)
		atomic_store_explicit(&q->prints, true, memory_order_relaxed);
	queue_staged(q, 1 + nargs);
	return 0;
}

/* The same, and wait for it. */
__attribute__((noinline, cold)) static int run(struct seedchip_queue *q,
					       const struct seedchip_kernel *kernel,
					       const struct seedchip_dim *dim, const void *args,
					       size_t size, int64_t timeout_ns)
{
	int r;

	if (q->recording)
		return report(-EBUSY, "%s: the queue is recording: nothing runs",
			      kernel->info.name);
	r = launch(q, kernel, dim, args, size);
	return r ? r : queue_run(q, timeout_ns);
}

/*
 * The short way of a user-mode queue, which is compiled for the sizes of arguments that there
 * are in whole words and one slot: a kernel points at the functions for its size. What depends
 * on the kernel alone was checked when it was loaded, what depends on the queue alone is in
 * its limit; here the call's own arguments are, and anything unusual goes the long way.
 */

/* A grid of legal size, and nothing else but a tag. */
static inline bool is_plain(const struct seedchip_dim *dim)
{
	uint64_t rest[2];

	/* flags, indirect and dynamic stand side by side */
	memcpy(rest, (const char *)dim + offsetof(struct seedchip_dim, flags), sizeof(rest));
	return !(rest[0] | rest[1] | dim->reserved[0] | dim->reserved[1]) &&
	       (dim->x | dim->y | dim->z) <= SC_MAX_GRID;
}

static inline bool fits(const struct seedchip_queue *q, const struct seedchip_kernel *kernel,
			const struct seedchip_dim *dim, size_t size, uint64_t end, uint64_t limit)
{
	return end <= limit && q->key + size == kernel->key && is_plain(dim);
}

/* All of the packets but the first word, which is returned without what @hdr adds. */
static inline packet_word fill_launch(packet_word *slot, const struct seedchip_kernel *kernel,
				      const struct seedchip_dim *dim, const void *args,
				      size_t size, uint64_t args_hdr)
{
	const packet_word *form = (const packet_word *)&kernel->form;
	uint64_t tag;

	slot[1] = form[1];
	memcpy(slot + 2, &dim->x, 2 * sizeof(*slot)); /* flags lie where the next line stores */
	((struct sc_pkt_dispatch *)slot)->args_size = size;
	memcpy(slot + 4, form + 4, 4 * sizeof(*slot));
	if (size) {
		slot[8] = args_hdr;
		memcpy(slot + 9, args, size);
	}
	memcpy(&tag, &dim->dynamic, sizeof(tag)); /* 0 and tag */
	return form[0] ^ tag;
}

__attribute__((always_inline)) static inline int
launch_short(struct seedchip_queue *q, const struct seedchip_kernel *kernel,
	     const struct seedchip_dim *dim, const void *args, size_t size, size_t args_size)
{
	uint64_t at = atomic_load_explicit(&q->horizon, memory_order_relaxed);
	uint64_t end = at + (args_size ? 2 : 1) * SC_SLOT_SIZE, args_hdr;
	packet_word *slot;

	if (!fits(q, kernel, dim, size, end, atomic_load_explicit(&q->limit, memory_order_relaxed)))
		return launch(q, kernel, dim, args, size);
	slot = (packet_word *)(q->lap + at);
	args_hdr = q->args_hdr;
	__atomic_store_n(slot,
			 fill_launch(slot, kernel, dim, args, args_size, args_hdr) ^ q->next_hdr,
			 __ATOMIC_RELAXED);
	q->next_hdr = args_hdr;
	atomic_store_explicit(&q->horizon, end, memory_order_release);
	return 0;
}

__attribute__((always_inline)) static inline int
run_short(struct seedchip_queue *q, const struct seedchip_kernel *kernel,
	  const struct seedchip_dim *dim, const void *args, size_t size, int64_t timeout_ns,
	  size_t args_size)
{
	uint64_t at = atomic_load_explicit(&q->horizon, memory_order_relaxed);
	uint64_t end = at + (args_size ? 2 : 1) * SC_SLOT_SIZE, args_hdr;
	packet_word *slot;

	if (!fits(q, kernel, dim, size, end,
		  atomic_load_explicit(&q->run_limit, memory_order_relaxed)) ||
	    at != atomic_load_explicit(&q->last_point, memory_order_relaxed))
		return run(q, kernel, dim, args, size, timeout_ns);
	slot = (packet_word *)(q->lap + at);
	args_hdr = q->args_hdr;
	user_queue_give(q, slot,
			fill_launch(slot, kernel, dim, args, args_size, args_hdr) ^ args_hdr, end);
	if (queue_retired(q) >= end / SC_SLOT_SIZE)
		return 0;
	return event_wait((struct seedchip_event){ q, end }, timeout_ns);
}

#define SHORT_SIZES(X) X(0) X(8) X(16) X(24) X(32) X(40) X(48) X(56)

#define SHORT_WAYS_(n)                                                                           \
	static int launch_##n(struct seedchip_queue *q, const struct seedchip_kernel *kernel,    \
			      const struct seedchip_dim *dim, const void *args, size_t size)     \
	{                                                                                        \
		return launch_short(q, kernel, dim, args, size, n);                              \
	}                                                                                        \
	static int run_##n(struct seedchip_queue *q, const struct seedchip_kernel *kernel,       \
			   const struct seedchip_dim *dim, const void *args, size_t size,        \
			   int64_t timeout_ns)                                                   \
	{                                                                                        \
		return run_short(q, kernel, dim, args, size, timeout_ns, n);                     \
	}
SHORT_SIZES(SHORT_WAYS_)

/* A kernel that may print: the queue has to know before it is launched. */
static int launch_printing(struct seedchip_queue *q, const struct seedchip_kernel *kernel,
			   const struct seedchip_dim *dim, const void *args, size_t size)
{
	if (!atomic_load_explicit(&q->prints, memory_order_relaxed))
		return launch(q, kernel, dim, args, size);
	return kernel->quiet(q, kernel, dim, args, size);
}

void kernel_prepare(struct seedchip_kernel *kernel)
{
	const struct seedchip_dim none = { 0 };

	kernel->key = LAUNCH_KEY(kernel->module->dev, kernel->info.args_size);
	kernel->form = dispatch_packet(kernel, &none, 0);
	kernel->form.hdr ^= SC_HDR(SC_OP_ARGS, 0, 0);
	kernel->quiet = launch;
	kernel->run = run;
	switch (kernel->flags & SC_KERNEL_COOPERATIVE ? UINT32_MAX : kernel->info.args_size) {
#define SHORT_CASE_(n)                      \
	case n:                             \
		kernel->quiet = launch_##n; \
		kernel->run = run_##n;      \
		break;
	SHORT_SIZES(SHORT_CASE_)
	}
	kernel->launch = kernel->quiet;
	if (!kernel->module->image.prints)
		return;
	kernel->launch = launch_printing;
	kernel->run = run;
}

API int seedchip_launch(struct seedchip_queue *q, const struct seedchip_kernel *kernel,
			const struct seedchip_dim *dim, const void *args, size_t size)
{
	return kernel->launch(q, kernel, dim, args, size);
}

API int seedchip_run(struct seedchip_queue *q, const struct seedchip_kernel *kernel,
		     const struct seedchip_dim *dim, const void *args, size_t size,
		     int64_t timeout_ns)
{
	return kernel->run(q, kernel, dim, args, size, timeout_ns);
}

API int seedchip_copy_2d(struct seedchip_queue *q, const struct seedchip_copy_2d *copy)
{
	union {
		struct sc_pkt_copy copy;
		struct sc_packet slot;
	} packet;
	struct sc_packet *slot;
	int r;

	if (copy->rows > UINT32_MAX)
		return report(-EINVAL, "copy: %llu rows are too many",
			      (unsigned long long)copy->rows);
	r = queue_stage(q, 1, &slot);
	if (r)
		return r;
	packet.copy = (struct sc_pkt_copy){
		.hdr = SC_HDR(SC_OP_COPY, 0, 0),
		.src = copy->src,
		.dst = copy->dst,
		.size = copy->row_bytes,
		.rows = copy->rows,
		.src_stride = copy->src_stride,
		.dst_stride = copy->dst_stride,
	};
	queue_put(q, slot, &packet.slot);
	queue_staged(q, 1);
	return 0;
}

API int seedchip_copy(struct seedchip_queue *q, uint64_t dst, uint64_t src, uint64_t size)
{
	return seedchip_copy_2d(q, &(struct seedchip_copy_2d){
		.dst = dst, .src = src, .row_bytes = size, .rows = 1,
	});
}

API int seedchip_fill(struct seedchip_queue *q, uint64_t dst, uint64_t pattern, uint64_t size)
{
	union {
		struct sc_pkt_fill fill;
		struct sc_packet slot;
	} packet;
	struct sc_packet *slot;
	int r = queue_stage(q, 1, &slot);

	if (r)
		return r;
	packet.fill = (struct sc_pkt_fill){
		.hdr = SC_HDR(SC_OP_FILL, 0, 0),
		.pattern = pattern,
		.dst = dst,
		.size = size,
		.rows = 1,
	};
	queue_put(q, slot, &packet.slot);
	queue_staged(q, 1);
	return 0;
}
