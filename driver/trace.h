/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Tracepoints: one launch, from SUBMIT to completion, and what may go wrong.
 * Queues and contexts are the hardware's numbers, as in faults; @card is the
 * PCI address.
 */
#if !defined(SEEDCHIP_TRACE_H) || defined(TRACE_HEADER_MULTI_READ)
#define SEEDCHIP_TRACE_H

#include <linux/tracepoint.h>

#include "device.h"
#include "job.h"
#include "queue.h"

#undef TRACE_SYSTEM
#define TRACE_SYSTEM seedchip

#define SEEDCHIP_STATUS_NAME_(name, number, err, text) { number, #name },
#define SEEDCHIP_CODE_NAME_(name, number, status, text) { number, #name },

/* Packets are in the ring; @gated: they wait there for fences of others. */
TRACE_EVENT(seedchip_submit,
	    TP_PROTO(const struct seedchip_queue *q, const struct seedchip_slots *slots, u32 deps,
		     bool gated),
	    TP_ARGS(q, slots, deps, gated),
	    TP_STRUCT__entry(__string(card, dev_name(q->sdev->drm.dev))
			     __field(u32, queue)
			     __field(u32, deps)
			     __field(u64, start)
			     __field(u64, end)
			     __field(bool, gated)
	    ),
	    TP_fast_assign(__assign_str(card);
			   __entry->queue = q->id;
			   __entry->deps = deps;
			   __entry->start = slots->start;
			   __entry->end = slots->end;
			   __entry->gated = gated;
	    ),
	    TP_printk("card=%s queue=%u start=%llu end=%llu deps=%u gated=%d", __get_str(card),
		      __entry->queue, __entry->start, __entry->end, __entry->deps, __entry->gated)
);

/* The card is told to look. */
TRACE_EVENT(seedchip_doorbell,
	    TP_PROTO(const struct seedchip_queue *q, u64 index),
	    TP_ARGS(q, index),
	    TP_STRUCT__entry(__string(card, dev_name(q->sdev->drm.dev))
			     __field(u32, queue)
			     __field(u64, index)
	    ),
	    TP_fast_assign(__assign_str(card);
			   __entry->queue = q->id;
			   __entry->index = index;
	    ),
	    TP_printk("card=%s queue=%u index=%llu", __get_str(card), __entry->queue,
		      __entry->index)
);

/* The fence of a job signals, with what its waiters will see. */
TRACE_EVENT(seedchip_complete,
	    TP_PROTO(const struct seedchip_job *job),
	    TP_ARGS(job),
	    TP_STRUCT__entry(__string(card, dev_name(job->queue->sdev->drm.dev))
			     __field(u32, queue)
			     __field(u64, end)
			     __field(int, error)
	    ),
	    TP_fast_assign(__assign_str(card);
			   __entry->queue = job->queue->id;
			   __entry->end = job->slots.end;
			   __entry->error = job->fence.base.error;
	    ),
	    TP_printk("card=%s queue=%u end=%llu error=%d", __get_str(card), __entry->queue,
		      __entry->end, __entry->error)
);

/* A queue has failed. */
TRACE_EVENT(seedchip_fault,
	    TP_PROTO(const struct seedchip_queue *q),
	    TP_ARGS(q),
	    TP_STRUCT__entry(__string(card, dev_name(q->sdev->drm.dev))
			     __field(u32, queue)
			     __field(u32, context)
			     __field(u32, status)
			     __field(u32, code)
			     __field(u32, core)
			     __field(u64, va)
			     __field(u64, pc)
			     __field(u64, index)
	    ),
	    TP_fast_assign(__assign_str(card);
			   __entry->queue = q->id;
			   __entry->context = q->fault.context;
			   __entry->status = q->fault.status;
			   __entry->code = q->fault.code;
			   __entry->core = q->fault.core;
			   __entry->va = q->fault.va;
			   __entry->pc = q->fault.pc;
			   __entry->index = q->fault.index;
	    ),
	    TP_printk("card=%s queue=%u context=%u status=%s code=%s core=%u va=%#llx pc=%#llx index=%llu",
		      __get_str(card), __entry->queue, __entry->context,
		      __print_symbolic(__entry->status, SC_STATUS_TABLE(SEEDCHIP_STATUS_NAME_)
				       { -1, NULL }),
		      __print_symbolic(__entry->code, SC_CODE_TABLE(SEEDCHIP_CODE_NAME_)
				       { -1, NULL }),
		      __entry->core, __entry->va, __entry->pc, __entry->index)
);

/* A step of the ladder is over; @id is a queue, a context, or the new generation. */
TRACE_EVENT(seedchip_reset,
	    TP_PROTO(struct seedchip_device *sdev, const char *level, u32 id, int error),
	    TP_ARGS(sdev, level, id, error),
	    TP_STRUCT__entry(__string(card, dev_name(sdev->drm.dev))
			     __string(level, level)
			     __field(u32, id)
			     __field(int, error)
	    ),
	    TP_fast_assign(__assign_str(card);
			   __assign_str(level);
			   __entry->id = id;
			   __entry->error = error;
	    ),
	    TP_printk("card=%s level=%s id=%u error=%d", __get_str(card), __get_str(level),
		      __entry->id, __entry->error)
);

/* An operation of VM_BIND has changed the page tables. */
TRACE_EVENT(seedchip_bind,
	    TP_PROTO(struct seedchip_device *sdev, u32 context, const struct drm_seedchip_bind *op),
	    TP_ARGS(sdev, context, op),
	    TP_STRUCT__entry(__string(card, dev_name(sdev->drm.dev))
			     __field(u32, context)
			     __field(u32, flags)
			     __field(u32, handle)
			     __field(u64, bo_offset)
			     __field(u64, va)
			     __field(u64, size)
	    ),
	    TP_fast_assign(__assign_str(card);
			   __entry->context = context;
			   __entry->flags = op->flags;
			   __entry->handle = op->handle;
			   __entry->bo_offset = op->bo_offset;
			   __entry->va = op->va;
			   __entry->size = op->size;
	    ),
	    TP_printk("card=%s context=%u flags=%#x handle=%u offset=%#llx va=%#llx size=%#llx",
		      __get_str(card), __entry->context, __entry->flags, __entry->handle,
		      __entry->bo_offset, __entry->va, __entry->size)
);

#endif /* SEEDCHIP_TRACE_H */

#undef TRACE_INCLUDE_PATH
#define TRACE_INCLUDE_PATH .
#undef TRACE_INCLUDE_FILE
#define TRACE_INCLUDE_FILE trace
#include <trace/define_trace.h>
