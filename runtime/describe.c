// SPDX-License-Identifier: MIT
/*
 * Names for numbers: statuses and codes from the tables of uapi/, and the
 * fault record that a person reads, with functions and buffers by name.
 */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "graph.h"

struct entry {
	unsigned int number;
	const char *name;
	const char *text;
};

#define STATUS_ENTRY_(name, number, err, text) { number, #name, text },
#define CODE_ENTRY_(name, number, status, text) { number, #name, text },
static const struct entry statuses[] = { SC_STATUS_TABLE(STATUS_ENTRY_) };
static const struct entry codes[] = { SC_CODE_TABLE(CODE_ENTRY_) };
static const struct entry unknown = { 0, "UNKNOWN", "not known to this library" };

static const struct entry *find(const struct entry *table, size_t count, unsigned int number)
{
	for (size_t i = 0; i < count; i++)
		if (table[i].number == number)
			return &table[i];
	return &unknown;
}

API const char *seedchip_status_name(unsigned int status)
{
	return find(statuses, ARRAY_SIZE(statuses), status)->name;
}

API const char *seedchip_status_text(unsigned int status)
{
	return find(statuses, ARRAY_SIZE(statuses), status)->text;
}

API const char *seedchip_code_name(unsigned int code)
{
	return find(codes, ARRAY_SIZE(codes), code)->name;
}

API const char *seedchip_code_text(unsigned int code)
{
	return find(codes, ARRAY_SIZE(codes), code)->text;
}

API int seedchip_status_errno(unsigned int status)
{
	switch (status) {
#define STATUS_ERRNO_(name, number, err, text) \
	case number:                           \
		return -(err);
	SC_STATUS_TABLE(STATUS_ERRNO_)
	}
	return -EIO;
}

static const char *engine_name(unsigned int engine)
{
#define ENGINE_ENTRY_(name, number, text) { number, #name, text },
	static const struct entry engines[] = { SC_ENGINE_TABLE(ENGINE_ENTRY_) };

	return find(engines, ARRAY_SIZE(engines), engine)->name;
}

/* The symbol that covers an offset; one without a size reaches to the next. */
static const struct elf_symbol *find_symbol(const struct elf_image *image, uint64_t offset)
{
	const struct elf_symbol *found = NULL;

	for (unsigned int i = 0; i < image->num_symbols; i++) {
		const struct elf_symbol *s = &image->symbols[i];

		if (s->start <= offset && (!s->size || offset < s->start + s->size))
			found = s;
	}
	return found;
}

static void describe_pc(struct seedchip_device *dev, struct seedchip_fault *out)
{
	struct list *l;

	list_for_each(l, &dev->modules) {
		const struct seedchip_module *mod = container_of(l, struct seedchip_module, link);
		const struct elf_symbol *symbol;
		uint64_t offset = out->pc - mod->memory.va;

		if (offset >= mod->image.size)
			continue;
		snprintf(out->module, sizeof(out->module), "%s", mod->name);
		out->module_offset = mod->image.vaddr + offset;
		symbol = find_symbol(&mod->image, offset);
		if (symbol) {
			snprintf(out->function, sizeof(out->function), "%s", symbol->name);
			out->function_offset = offset - symbol->start;
		}
		return;
	}
}

/* Memory is described if it holds the address or ends in the guard page before it. */
static bool describe_memory(const struct seedchip_device *dev, const struct memory *memory,
			    const char *name, struct seedchip_fault *out)
{
	uint64_t offset = out->address - memory->va;

	if (offset >= memory->size + dev->info.page_size)
		return false;
	snprintf(out->buffer, sizeof(out->buffer), "%s", name);
	out->buffer_offset = offset;
	out->buffer_size = memory->size;
	return true;
}

static void describe_address(struct seedchip_device *dev, struct seedchip_fault *out)
{
	struct list *l;

	list_for_each(l, &dev->buffers) {
		const struct seedchip_buffer *b = container_of(l, struct seedchip_buffer, link);

		if (describe_memory(dev, &b->memory, b->name[0] ? b->name : "buffer", out))
			return;
	}
	list_for_each(l, &dev->ranges) {
		const struct seedchip_range *r = container_of(l, struct seedchip_range, link);

		if (describe_memory(dev, &r->memory, "range", out))
			return;
	}
	list_for_each(l, &dev->modules) {
		const struct seedchip_module *m = container_of(l, struct seedchip_module, link);

		if (describe_memory(dev, &m->memory, m->name, out))
			return;
	}
}

struct line {
	char *text;
	size_t size;
	size_t used;
};

__attribute__((format(printf, 2, 3))) static void add(struct line *l, const char *format, ...)
{
	va_list args;
	int n;

	va_start(args, format);
	n = vsnprintf(l->text + l->used, l->size - l->used, format, args);
	va_end(args);
	l->used += n;
	if (l->used >= l->size)
		l->used = l->size - 1;
}

static void add_access(struct line *l, const struct seedchip_fault *f)
{
	const char *verb = f->access & SC_ACCESS_WRITE ? "write of" :
			   f->access & SC_ACCESS_EXECUTE ? "fetch of" : "read of";

	if (!f->access)
		return;
	add(l, "; %s %u bytes at 0x%llx", verb, f->access_size, (unsigned long long)f->address);
	if (!f->buffer[0])
		return;
	if (f->buffer_offset < f->buffer_size)
		add(l, " (\"%s\" + 0x%llx)", f->buffer, (unsigned long long)f->buffer_offset);
	else
		add(l, " (0x%llx past the end of \"%s\")",
		    (unsigned long long)(f->buffer_offset - f->buffer_size), f->buffer);
}

static void add_place(struct line *l, const struct seedchip_fault *f)
{
	if (f->pc) {
		add(l, "; at ");
		if (f->function[0])
			add(l, "%s+0x%llx, ", f->function, (unsigned long long)f->function_offset);
		if (f->module[0])
			add(l, "%s 0x%llx, ", f->module, (unsigned long long)f->module_offset);
		add(l, "pc 0x%llx", (unsigned long long)f->pc);
	}
	if (f->core >= 0)
		add(l, "; core %d, %s, workgroup %u,%u,%u", f->core, engine_name(f->engine),
		    f->wg[0], f->wg[1], f->wg[2]);
	add(l, "; queue %u", f->queue);
	if (f->index != NO_INDEX)
		add(l, ", packet %llu", (unsigned long long)f->index);
	if (f->node >= 0)
		add(l, ", graph node %lld", (long long)f->node);
	if (f->imprecise)
		add(l, "; the core had gone on");
}

static void write_text(const struct failure *failure, struct seedchip_fault *f)
{
	struct line l = { .text = f->text, .size = sizeof(f->text) };

	add(&l, "%s", seedchip_status_name(f->status));
	if (failure->error) {
		add(&l, ": the driver refused the work: %s", strerror(-failure->error));
		return;
	}
	add(&l, "/%s: %s", seedchip_code_name(f->code), seedchip_code_text(f->code));
	add_access(&l, f);
	add_place(&l, f);
}

static void describe(struct seedchip_device *dev, const struct failure *failure,
		     struct seedchip_fault *out)
{
	const struct sc_fault *f = &failure->fault;

	*out = (struct seedchip_fault){
		.status = f->status,
		.code = f->code,
		.queue = f->queue,
		.core = f->core == SC_NO_CORE ? -1 : f->core,
		.engine = f->engine,
		.access = f->access,
		.access_size = f->size,
		.imprecise = !!(f->flags & SC_FAULT_IMPRECISE),
		.address = f->va,
		.pc = f->pc,
		.pc_other = f->pc_other,
		.value = f->value,
		.wg = { f->wg_x, f->wg_y, f->wg_z },
		.tag = f->tag,
		.index = f->index,
		.insns = f->insns,
		.time_ns = f->time,
		.has_registers = failure->has_registers,
		.node = failure->node == NO_NODE ? -1 : (int64_t)failure->node,
	};
	memcpy(out->x, failure->x, sizeof(out->x));
	pthread_mutex_lock(&dev->lock);
	if (out->pc)
		describe_pc(dev, out);
	if (out->access)
		describe_address(dev, out);
	pthread_mutex_unlock(&dev->lock);
	write_text(failure, out);
}

API int seedchip_event_fault(struct seedchip_event event, struct seedchip_fault *out)
{
	struct seedchip_queue *q = event.queue;
	struct seedchip_fault my;
	struct failure failure;
	int r;

	if (event_is_recorded(event))
		return report(-EINVAL, "the event is of a graph's recording");
	r = queue_find_failure(q, event.point, &failure);
	if (r == -ESTALE)
		return report(r, "the queue no longer knows about this event");
	if (!r)
		return report(-ENODATA, "the event has not failed");
	describe(q->dev, &failure, &my);
	return copy_sized(out, &my, sizeof(my), "seedchip_fault");
}

API int seedchip_fault_fd(struct seedchip_device *dev)
{
	return dev->ops->event_fd(dev->priv);
}

/* Until there is an event to read, or the card is gone. */
static int wait_for_event(struct seedchip_device *dev, int64_t deadline)
{
	struct pollfd p = { .fd = dev->ops->event_fd(dev->priv), .events = POLLIN };
	int64_t left = deadline - deadline_after(1);
	const struct timespec timeout = { left / 1000000000, left % 1000000000 };

	if (left < 0)
		return report(-ETIMEDOUT, "no queue has failed");
	if (ppoll(&p, 1, deadline == INT64_MAX ? NULL : &timeout, NULL) < 0 && errno != EINTR)
		return report(-errno, "poll: %s", strerror(errno));
	return 0;
}

/* Somebody may have found the node already, and have recovered the queue since. */
static void find_node(struct seedchip_device *dev, struct failure *failure)
{
	struct list *l;

	failure->node = NO_NODE;
	pthread_mutex_lock(&dev->lock);
	list_for_each(l, &dev->queues) {
		struct seedchip_queue *q = container_of(l, struct seedchip_queue, link);

		if (q->hw_queue == failure->fault.queue)
			queue_find_node(q, failure);
	}
	pthread_mutex_unlock(&dev->lock);
}

API int seedchip_fault_read(struct seedchip_device *dev, struct seedchip_fault *out,
			    int64_t timeout_ns)
{
	int64_t deadline = deadline_after(timeout_ns);
	struct drm_seedchip_event_fault event;
	struct failure failure = { 0 };
	struct seedchip_fault my;
	int r;

	while ((r = dev->ops->event_read(dev->priv, &event)) == -EAGAIN) {
		r = wait_for_event(dev, deadline);
		if (r)
			return r;
	}
	if (r == -ENODEV)
		atomic_store(&dev->lost, true);
	if (r)
		return report(r, "failures cannot be read: %s", strerror(-r));
	failure.fault = event.fault;
	find_node(dev, &failure);
	describe(dev, &failure, &my);
	my.lost = event.lost;
	return copy_sized(out, &my, sizeof(my), "seedchip_fault");
}
