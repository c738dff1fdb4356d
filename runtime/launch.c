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
					const struct seedchip_dim *dim, uint32_t flags,
					uint32_t nargs)
{
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

static void build_args(struct sc_packet *packet, uint32_t phase, const void *args, size_t size)
{
	const char *from = args;

	for (; size; packet++) {
		struct sc_pkt_args *slot = (struct sc_pkt_args *)packet;
		size_t n = size < SC_ARG_SLOT_SIZE ? size : SC_ARG_SLOT_SIZE;

		slot->hdr = SC_HDR(SC_OP_ARGS, 0, 0) | phase;
		slot->tag = 0;
		memcpy(slot->data, from, n);
		memset(slot->data + n, 0, SC_ARG_SLOT_SIZE - n);
		from += n;
		size -= n;
	}
}

/* A launch that was right in every way: the next of this kernel can take the short way. */
static void make_usual(struct user_queue *u, const struct seedchip_kernel *kernel, size_t size,
		       uint32_t nargs)
{
	const struct seedchip_dim none = { 0 };

	u->usual = kernel;
	u->usual_size = size;
	u->usual_packet = dispatch_packet(kernel, &none, 0, nargs);
}

__attribute__((noinline)) static int launch(struct seedchip_queue *q,
					    const struct seedchip_kernel *kernel,
					    const struct seedchip_dim *dim, const void *args,
					    size_t size)
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
	packet = dispatch_packet(kernel, dim, version != q->code_seen ? SC_FLAG_CODE_CHANGED : 0,
				 nargs);
	queue_put(q, slot, &packet);
	build_args(slot + 1, q->phase, args, size);
	q->code_seen = version;
	if (kernel->module->image.prints)
		atomic_store_explicit(&q->prints, true, memory_order_relaxed);
	queue_staged(q, 1 + nargs);
	if (q->user && nargs < 2 && !(kernel->flags & SC_KERNEL_COOPERATIVE))
		make_usual(q->user, kernel, size, nargs);
	return 0;
}

/* At most one slot of arguments, without a call for sizes that are whole words. */
static inline void put_few_args(struct sc_packet *to, uint32_t phase, const void *args,
				size_t size)
{
	uint64_t word;
	size_t n;

	to->hdr = SC_HDR(SC_OP_ARGS, 0, 0) | phase;
	to->tag = 0;
	memset(to->body, 0, sizeof(to->body));
	for (n = 0; n + sizeof(word) <= size; n += sizeof(word)) {
		memcpy(&word, (const char *)args + n, sizeof(word));
		__atomic_store_n(&to->body[n / sizeof(word)], word, __ATOMIC_RELAXED);
	}
	if (n < size)
		memcpy(&to->body[n / sizeof(word)], (const char *)args + n, size - n);
}

/*
 * The short way: another launch of the queue's usual kernel, with nothing but a grid, when the
 * slots are there. What depends on the kernel alone has been checked. Return: whether it was.
 */
static inline bool launch_usual(struct seedchip_queue *q, const struct seedchip_dim *dim,
				const void *args, size_t size)
{
	struct user_queue *u = q->user;
	uint32_t staged = atomic_load_explicit(&q->staged, memory_order_relaxed);
	uint64_t index = q->last_index + staged;
	uint32_t n = size ? 2 : 1, at = index & (q->slots - 1), phase = !(index & q->slots);
	struct sc_packet *slot = &u->ring[at];
	struct sc_pkt_dispatch *d = (struct sc_pkt_dispatch *)slot;

	if (staged + n > q->staging_max || at + n > q->slots ||
	    index + n - queue_retired(q) > q->slots)
		return false;
	if (size)
		put_few_args(slot + 1, phase, args, size);
	memcpy(slot->body, u->usual_packet.body, sizeof(slot->body));
	d->tag = dim->tag;
	d->grid_x = dim->x;
	d->grid_y = dim->y;
	d->grid_z = dim->z;
	__atomic_store_n(staged ? &slot->hdr : &u->first_hdr, u->usual_packet.hdr | phase,
			 __ATOMIC_RELAXED);
	atomic_store_explicit(&q->staged, staged + n, memory_order_release);
	return true;
}

static inline bool is_usual(const struct seedchip_queue *q, const struct seedchip_kernel *kernel,
			    const struct seedchip_dim *dim, size_t size)
{
	const struct user_queue *u = q->user;

	return u && u->usual == kernel && u->usual_size == size && !q->recording &&
	       !(dim->flags | dim->dynamic | (dim->x | dim->y | dim->z) >> 16) &&
	       !(dim->indirect | dim->reserved[0] | dim->reserved[1]) &&
	       atomic_load_explicit(&q->dev->code_version, memory_order_acquire) == q->code_seen &&
	       atomic_load_explicit(&q->failed_from, memory_order_relaxed) == NO_POINT;
}

API int seedchip_launch(struct seedchip_queue *q, const struct seedchip_kernel *kernel,
			const struct seedchip_dim *dim, const void *args, size_t size)
{
	if (is_usual(q, kernel, dim, size) && launch_usual(q, dim, args, size))
		return 0;
	return launch(q, kernel, dim, args, size);
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
