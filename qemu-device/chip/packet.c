// SPDX-License-Identifier: MIT
/*
 * Packets: fetch, validation, execution.
 *
 * A ring slot is read once: its first 8 bytes with one load, and, if the phase
 * matches the index, the other 56 after it. All that follows uses that copy.
 * Pages of a KERNEL_RING ring must be ENGINE pages, those of others must not;
 * lists are read like other memory.
 *
 * Checks, in this order; the first that fails faults the queue at the packet:
 *
 *    1. doorbell out of range since the last packet       BAD_DOORBELL
 *    2. the slot cannot be read                           UNMAPPED, NO_READ ...
 *    3. header: bits 20-31                                RESERVED_BITS
 *    4. opcode not in the table, or ARGS                  BAD_OPCODE
 *    5. kernel-only opcode: in a user ring, or in a list outside context 0;
 *       INVALIDATE outside context 0                      PRIVILEGED
 *    6. flags the opcode does not have; argument slots with anything but
 *       DISPATCH; RELATIVE outside a list                 RESERVED_BITS
 *    7. a reserved field is not zero                      RESERVED_BITS
 *    8. the checks of the opcode, in the order of check_*() below
 *
 * Then the packet waits for its turn: one without OVERLAP starts when all
 * earlier packets of the queue have completed. What is found only while it
 * runs (addresses, indirect grids, argument slots) is checked then.
 *
 * RETIRED moves by the slots of a packet. The packets of a list retire with
 * their INDIRECT as far as RETIRED is concerned; their faults carry its index
 * and their own tag. They have no records: RECORD of the INDIRECT covers all.
 *
 * WAIT_QUEUE is satisfied when the queue's EPOCH is `epoch` and RETIRED >=
 * index, or when exactly one RESET came since and `index` had retired before
 * it. It has failed when the queue was reset otherwise: then `skip` slots are
 * retired unrun, with status ABORTED/DEPENDENCY in their records. A queue that
 * is DISABLED and cannot satisfy it: FOREIGN_QUEUE.
 */
#include <errno.h>
#include <string.h>

#include "internal.h"

enum { USE_FIELD, USE_RSV };
enum { WHO_USER, WHO_KERNEL };
enum exec_result { EXEC_DONE, EXEC_RUNS, EXEC_FAULT };

struct field {
	uint8_t size, use;
};

#define FIELD_(type, member, use, text) { sizeof(type), USE_##use },
#define FIELDS_(name, number, flags, who, text) \
	static const struct field fields_##name[] = { SC_PKT_##name(FIELD_) };
SC_OP_TABLE(FIELDS_)

static uint16_t code_status(enum sc_code code)
{
	switch (code) {
#define CASE_(name, number, status, text) \
	case SC_CODE_##name:              \
		return SC_STATUS_##status;
		SC_CODE_TABLE(CASE_)
	}
	return SC_STATUS_DEVICE;
}

void sc_fault_init(struct sc_fault *fault, enum sc_code code)
{
	memset(fault, 0, sizeof(*fault));
	fault->status = code_status(code);
	fault->code = code;
	fault->core = SC_NO_CORE;
	fault->engine = SC_ENGINE_QUEUE;
}

/* --- checks of one opcode: what the packet itself tells --- */

static bool span_ok(uint64_t addr, uint64_t size, uint32_t rows, uint64_t stride)
{
	uint64_t end;

	if (__builtin_mul_overflow(stride, (uint64_t)rows - 1, &end) ||
	    __builtin_add_overflow(end, size, &end) || __builtin_add_overflow(end, addr, &end))
		return false;
	return end <= 1ULL << 48;
}

static enum sc_code check_nothing(struct sc_chip *chip, struct sc_queue *q,
				  const union sc_pkt *p)
{
	(void)chip;
	(void)q;
	(void)p;
	return SC_CODE_NONE;
}

#define check_NOP	 check_nothing
#define check_BARRIER	 check_nothing
#define check_WAIT_QUEUE check_nothing
#define check_ARGS	 check_nothing

static enum sc_code check_DISPATCH(struct sc_chip *chip, struct sc_queue *q,
				   const union sc_pkt *p)
{
	const struct sc_pkt_dispatch *d = &p->dispatch;
	unsigned int nargs = SC_HDR_NARGS(d->hdr), flags = SC_HDR_FLAGS(d->hdr);
	uint64_t need, slots = 1ULL << q->bind.log2;

	if (nargs > SC_MAX_ARG_SLOTS ||
	    nargs != (d->args_size + (uint64_t)SC_ARG_SLOT_SIZE - 1) / SC_ARG_SLOT_SIZE)
		return SC_CODE_BAD_ARGUMENTS;
	if (q->list.active && nargs >= q->list.count - q->list.pos)
		return SC_CODE_BAD_ARGUMENTS;
	if (!q->list.active && (q->fetch & (slots - 1)) + nargs >= slots)
		return SC_CODE_RING_CROSSED;
	if (flags & SC_FLAG_GRID_INDIRECT ? d->grid_addr & 3 : d->entry & 3)
		return SC_CODE_BAD_ALIGNMENT;
	if (flags & SC_FLAG_GRID_INDIRECT ? d->grid_x || d->grid_y || d->grid_z : d->grid_addr)
		return SC_CODE_RESERVED_BITS;
	if (d->entry & 3 || d->stack_size % SC_STACK_GUARD)
		return SC_CODE_BAD_ALIGNMENT;
	if (!d->stack_size)
		return SC_CODE_BAD_SIZE;
	need = SC_TCM_STATIC + (uint64_t)d->tcm_static;
	need = (need + SC_TCM_ALIGN - 1) & ~(SC_TCM_ALIGN - 1ULL);
	need += ((uint64_t)d->tcm_dynamic + SC_TCM_ALIGN - 1) & ~(SC_TCM_ALIGN - 1ULL);
	need += SC_STACK_GUARD + d->stack_size;
	return need > chip->config.tcm_size ? SC_CODE_BAD_TCM_SIZE : SC_CODE_NONE;
}

static enum sc_code check_COPY(struct sc_chip *chip, struct sc_queue *q, const union sc_pkt *p)
{
	const struct sc_pkt_copy *c = &p->copy;

	(void)chip;
	(void)q;
	if (!c->rows || !c->size)
		return SC_CODE_NONE;
	return span_ok(c->src, c->size, c->rows, c->src_stride) &&
	       span_ok(c->dst, c->size, c->rows, c->dst_stride) ? SC_CODE_NONE : SC_CODE_BAD_SIZE;
}

static enum sc_code check_FILL(struct sc_chip *chip, struct sc_queue *q, const union sc_pkt *p)
{
	const struct sc_pkt_fill *f = &p->fill;

	(void)chip;
	(void)q;
	if (!f->rows || !f->size)
		return SC_CODE_NONE;
	return span_ok(f->dst, f->size, f->rows, f->dst_stride) ? SC_CODE_NONE : SC_CODE_BAD_SIZE;
}

static enum sc_code check_WAIT(struct sc_chip *chip, struct sc_queue *q, const union sc_pkt *p)
{
	(void)chip;
	(void)q;
	return p->wait.addr & 7 ? SC_CODE_BAD_ALIGNMENT : SC_CODE_NONE;
}

#define check_SIGNAL	check_WAIT
#define check_TIMESTAMP check_WAIT

static enum sc_code check_INDIRECT(struct sc_chip *chip, struct sc_queue *q,
				   const union sc_pkt *p)
{
	const struct sc_pkt_indirect *i = &p->indirect;

	(void)chip;
	if (q->list.active)
		return SC_CODE_NESTED_INDIRECT;
	if (i->list % SC_SLOT_SIZE)
		return SC_CODE_BAD_ALIGNMENT;
	return i->count > SC_MAX_LIST ? SC_CODE_BAD_SIZE : SC_CODE_NONE;
}

static enum sc_code check_INVALIDATE(struct sc_chip *chip, struct sc_queue *q,
				     const union sc_pkt *p)
{
	const struct sc_pkt_invalidate *i = &p->invalidate;

	(void)q;
	if ((i->addr | i->size) & (SC_PAGE_SIZE - 1))
		return SC_CODE_BAD_ALIGNMENT;
	if (i->context >= chip->config.contexts || i->size > 1ULL << 48)
		return SC_CODE_BAD_SIZE;
	return SC_CODE_NONE;
}

/* --- execution --- */

static int access_memory(struct sc_chip *chip, struct sc_queue *q, uint64_t va, void *buf,
			 size_t len, unsigned int access, unsigned int user,
			 struct sc_fault *fault)
{
	unsigned int context = q->bind.context;
	int ret;

	sc_unlock(chip);
	sc_mmu_enter(chip, user);
	ret = sc_mmu_copy(chip, context, va, buf, len, access, fault);
	sc_mmu_leave(chip, user);
	sc_lock(chip);
	return ret;
}

static enum exec_result exec_nothing(struct sc_chip *chip, struct sc_queue *q,
				     struct sc_work *work, unsigned int user,
				     struct sc_fault *fault)
{
	(void)chip;
	(void)q;
	(void)work;
	(void)user;
	(void)fault;
	return EXEC_DONE;
}

#define exec_NOP	exec_nothing
#define exec_BARRIER	exec_nothing
#define exec_WAIT	exec_nothing /* the wait is over before it gets here */
#define exec_WAIT_QUEUE exec_nothing
#define exec_INDIRECT	exec_nothing /* its list has ended before it gets here */
#define exec_ARGS	exec_nothing

static uint64_t relative(const struct sc_queue *q, const union sc_pkt *p)
{
	return SC_HDR_FLAGS(p->any.hdr) & SC_FLAG_RELATIVE ? q->list.base : 0;
}

static enum exec_result exec_SIGNAL(struct sc_chip *chip, struct sc_queue *q, struct sc_work *work,
				    unsigned int user, struct sc_fault *fault)
{
	const struct sc_pkt_signal *s = &work->packet.signal;
	uint64_t value = s->value + relative(q, &work->packet);

	return access_memory(chip, q, s->addr, &value, 8, SC_ACCESS_WRITE, user, fault) ?
		       EXEC_FAULT : EXEC_DONE;
}

static enum exec_result exec_TIMESTAMP(struct sc_chip *chip, struct sc_queue *q,
				       struct sc_work *work, unsigned int user,
				       struct sc_fault *fault)
{
	uint64_t now = sc_time(chip);

	return access_memory(chip, q, work->packet.timestamp.addr, &now, 8, SC_ACCESS_WRITE, user,
			     fault) ? EXEC_FAULT : EXEC_DONE;
}

static enum exec_result exec_COPY(struct sc_chip *chip, struct sc_queue *q, struct sc_work *work,
				  unsigned int user, struct sc_fault *fault)
{
	(void)chip;
	(void)user;
	(void)fault;
	sc_copy_start(q, work);
	return EXEC_RUNS;
}

#define exec_FILL exec_COPY

static enum exec_result exec_INVALIDATE(struct sc_chip *chip, struct sc_queue *q,
					struct sc_work *work, unsigned int user,
					struct sc_fault *fault)
{
	const struct sc_pkt_invalidate *i = &work->packet.invalidate;

	(void)user;
	(void)fault;
	sc_mmu_invalidate(chip, i->context);
	sc_mmu_snapshot(chip, q->slot->quiesce);
	if (sc_mmu_quiet(chip, q->slot->quiesce))
		return EXEC_DONE;
	work->invalidate = true;
	chip->quiescing++;
	return EXEC_RUNS;
}

static int read_slot(struct sc_chip *chip, struct sc_queue *q, uint64_t addr, bool ring,
		     uint64_t index, unsigned int user, union sc_pkt *p,
		     struct sc_fault *fault);

/* Copy the argument slots behind a DISPATCH into its launch. */
static int fetch_args(struct sc_chip *chip, struct sc_queue *q, struct sc_work *work,
		      unsigned int user, struct sc_fault *fault)
{
	unsigned int i, nargs = SC_HDR_NARGS(work->packet.any.hdr);
	bool ring = !q->list.active;
	uint64_t mask = (1ULL << q->bind.log2) - 1, index, addr;
	union sc_pkt slot;
	int ret;

	for (i = 0; i < nargs; i++) {
		/* Fetch position and list have already moved past the packet. */
		index = q->fetch - nargs + i;
		addr = ring ? q->bind.ring + (index & mask) * SC_SLOT_SIZE :
			      q->list.addr + (q->list.pos - nargs + i) * SC_SLOT_SIZE;
		ret = read_slot(chip, q, addr, ring, index, user, &slot, fault);
		if (ret < 0)
			return ret;
		if (!ret || slot.any.tag ||
		    (slot.any.hdr & ~SC_HDR_PHASE) != SC_HDR(SC_OP_ARGS, 0, 0)) {
			sc_fault_init(fault, SC_CODE_BAD_ARGUMENTS);
			return -EFAULT;
		}
		memcpy(work->launch.args + i * SC_ARG_SLOT_SIZE, slot.args.data, SC_ARG_SLOT_SIZE);
	}
	return 0;
}

static enum sc_code check_grid(struct sc_work *work)
{
	const uint32_t *g = work->launch.grid;
	unsigned int i;

	for (i = 0; i < 3; i++)
		if (g[i] > SC_MAX_GRID)
			return SC_CODE_BAD_GRID;
	work->total = (uint64_t)g[0] * g[1] * g[2];
	if (work->total > UINT32_MAX)
		return SC_CODE_BAD_GRID;
	if (work->cooperative && work->total > (unsigned int)__builtin_popcountll(work->mask))
		return SC_CODE_COOP_TOO_LARGE;
	return SC_CODE_NONE;
}

static enum exec_result exec_DISPATCH(struct sc_chip *chip, struct sc_queue *q,
				      struct sc_work *work, unsigned int user,
				      struct sc_fault *fault)
{
	const struct sc_pkt_dispatch *d = &work->packet.dispatch;
	struct sc_launch *l = &work->launch;
	unsigned int flags = SC_HDR_FLAGS(d->hdr);
	enum sc_code code;

	l->grid[0] = d->grid_x;
	l->grid[1] = d->grid_y;
	l->grid[2] = d->grid_z;
	if (flags & SC_FLAG_GRID_INDIRECT &&
	    access_memory(chip, q, d->grid_addr, l->grid, 12, SC_ACCESS_READ, user, fault))
		return EXEC_FAULT;
	work->cooperative = flags & SC_FLAG_COOPERATIVE;
	work->mask = q->bind.core_mask;
	code = check_grid(work);
	if (code) {
		sc_fault_init(fault, code);
		return EXEC_FAULT;
	}
	if (fetch_args(chip, q, work, user, fault))
		return EXEC_FAULT;
	if (flags & SC_FLAG_CODE_CHANGED)
		sc_mmu_code_changed(chip, q->bind.context);
	l->context = q->bind.context;
	l->entry = d->entry;
	l->args_size = d->args_size;
	l->tcm_static = d->tcm_static;
	l->tcm_dynamic = d->tcm_dynamic;
	l->stack_size = d->stack_size;
	l->cores = __builtin_popcountll(work->mask);
	l->log = q->bind.log;
	l->tag = d->tag;
	l->limit = q->bind.wg_limit;
	l->stop = &work->stop;
	if (!work->total || work->stop)
		return EXEC_DONE;
	sc_timing_dispatch(chip, work);
	sc_dispatch_add(chip, work);
	return EXEC_RUNS;
}

struct op {
	const char *name;
	uint8_t flags, who, num_fields;
	const struct field *fields;
	enum sc_code (*check)(struct sc_chip *chip, struct sc_queue *q, const union sc_pkt *p);
	enum exec_result (*exec)(struct sc_chip *chip, struct sc_queue *q, struct sc_work *work,
				 unsigned int user, struct sc_fault *fault);
};

#define OP_(name, number, flags, who, text)                                                        \
	[number] = { #name, flags, WHO_##who, SC_ARRAY_SIZE(fields_##name), fields_##name,         \
		     check_##name, exec_##name },
static const struct op ops[128] = { SC_OP_TABLE(OP_) };

/* --- validation, fetch, start --- */

static bool reserved_fields_zero(const struct op *op, const union sc_pkt *p)
{
	const uint8_t *bytes = p->bytes + 8;
	unsigned int i, j;

	for (i = 0; i < op->num_fields; i++) {
		for (j = 0; op->fields[i].use == USE_RSV && j < op->fields[i].size; j++)
			if (bytes[j])
				return false;
		bytes += op->fields[i].size;
	}
	return true;
}

static bool denied(const struct sc_queue *q, unsigned int opcode)
{
	if (ops[opcode].who == WHO_USER || !q->bind.context)
		return false;
	return opcode == SC_OP_INVALIDATE || !q->bind.kernel || q->list.active;
}

static enum sc_code validate(struct sc_chip *chip, struct sc_queue *q, const union sc_pkt *p)
{
	unsigned int opcode = SC_HDR_OP(p->any.hdr), flags = SC_HDR_FLAGS(p->any.hdr);
	const struct op *op = &ops[opcode];

	if (p->any.hdr & SC_HDR_RESERVED)
		return SC_CODE_RESERVED_BITS;
	if (!op->name || opcode == SC_OP_ARGS)
		return SC_CODE_BAD_OPCODE;
	if (denied(q, opcode))
		return SC_CODE_PRIVILEGED;
	if (flags & ~op->flags || (SC_HDR_NARGS(p->any.hdr) && opcode != SC_OP_DISPATCH) ||
	    (flags & SC_FLAG_RELATIVE && !q->list.active) || !reserved_fields_zero(op, p))
		return SC_CODE_RESERVED_BITS;
	return op->check(chip, q, p);
}

/*
 * Read the slot at @addr. Drops the lock. 1: valid; 0: its phase says that it
 * is not there yet (@ring only); -EFAULT.
 */
static int read_slot(struct sc_chip *chip, struct sc_queue *q, uint64_t addr, bool ring,
		     uint64_t index, unsigned int user, union sc_pkt *p,
		     struct sc_fault *fault)
{
	unsigned int access = SC_ACCESS_READ | (ring && q->bind.kernel ? SC_ACCESS_ENGINE : 0);
	unsigned int context = q->bind.context, log2 = q->bind.log2;
	uint64_t first = 0; /* a slot that cannot be read has no tag in its fault */
	int ret;

	sc_unlock(chip);
	sc_mmu_enter(chip, user);
	ret = sc_mmu_copy(chip, context, addr, &first, sizeof(first), access, fault);
	memcpy(p->bytes, &first, sizeof(first));
	if (!ret && (!ring || (p->any.hdr & SC_HDR_PHASE) == SC_PHASE(index, log2))) {
		sc_fence();
		ret = sc_mmu_copy(chip, context, addr + 8, p->any.body, sizeof(p->any.body), access,
				  fault);
		if (!ret)
			ret = 1;
	}
	sc_mmu_leave(chip, user);
	sc_lock(chip);
	return ret;
}

/* Enter a packet that never ran into the window, so that it faults in its turn. */
static void push_failed(struct sc_chip *chip, struct sc_queue *q, const union sc_pkt *p,
			const struct sc_fault *fault)
{
	struct sc_work *work = sc_work_push(chip, q);

	work->packet = *p;
	work->listed_packet = q->list.active;
	work->index = q->fetch;
	work->end = q->fetch;
	work->complete = true;
	sc_work_fail(chip, work, fault);
}

static void push_invalid(struct sc_chip *chip, struct sc_queue *q, const union sc_pkt *p,
			 enum sc_code code, uint64_t value)
{
	struct sc_fault fault;

	sc_fault_init(&fault, code);
	fault.value = value;
	q->have = false;
	push_failed(chip, q, p, &fault);
}

/* Take `current` off the ring or list and put it into the window. */
static struct sc_work *push_current(struct sc_chip *chip, struct sc_queue *q)
{
	const union sc_pkt *p = &q->current;
	unsigned int slots = 1;
	struct sc_work *work = sc_work_push(chip, q);

	if (SC_HDR_OP(p->any.hdr) == SC_OP_DISPATCH)
		slots += SC_HDR_NARGS(p->any.hdr);
	work->packet = *p;
	work->index = q->fetch;
	work->listed_packet = q->list.active;
	/* a slot that is skipped has not been checked: it may claim more than the list has */
	if (q->list.active && slots > q->list.count - q->list.pos)
		slots = q->list.count - q->list.pos;
	if (q->list.active)
		q->list.pos += slots;
	else
		q->fetch += slots;
	work->end = q->fetch;
	q->reg.INDEX = q->fetch;
	q->have = false;
	q->state = SC_QUEUE_RUNNING;
	return work;
}

/* The list of an INDIRECT has been started to its end: now the INDIRECT itself. */
static void end_list(struct sc_chip *chip, struct sc_queue *q)
{
	struct sc_work *work;

	q->list.active = false;
	q->current = q->list.packet;
	work = push_current(chip, q);
	work->start_ns = q->list.start_ns;
	work->complete = true;
}

static void start_list(struct sc_chip *chip, struct sc_queue *q)
{
	const struct sc_pkt_indirect *i = &q->current.indirect;

	q->list = (struct sc_list){ .active = true, .addr = i->list, .base = i->base,
				    .count = i->count, .start_ns = sc_time(chip),
				    .packet = q->current };
	q->have = false;
	q->state = SC_QUEUE_RUNNING;
}

/* Slots behind a failed WAIT_QUEUE are retired unrun, as soon as they are valid. */
static void skip_current(struct sc_chip *chip, struct sc_queue *q)
{
	struct sc_work *work = push_current(chip, q);
	uint64_t slots = work->end - work->index;

	q->skip -= slots < q->skip ? slots : q->skip;
	work->skipped = true;
	work->complete = true;
}

enum wait_result { WAIT_OVER, WAIT_ON, WAIT_FAILED, WAIT_FAULT };

static enum wait_result wait_memory(struct sc_chip *chip, struct sc_queue *q, unsigned int user,
				    struct sc_fault *fault)
{
	const struct sc_pkt_wait *w = &q->current.wait;
	uint64_t wanted = w->value + relative(q, &q->current), value = 0;

	q->poll_seq = chip->signal_seq; /* before the read: nothing is missed */
	if (access_memory(chip, q, w->addr, &value, 8, SC_ACCESS_READ, user, fault))
		return WAIT_FAULT;
	if (SC_HDR_FLAGS(w->hdr) & SC_FLAG_POISON && value == ~0ULL) {
		sc_fault_init(fault, SC_CODE_DEPENDENCY);
		fault->va = w->addr;
		return WAIT_FAULT;
	}
	return value >= wanted ? WAIT_OVER : WAIT_ON;
}

static enum wait_result wait_queue(struct sc_chip *chip, struct sc_queue *q,
				   struct sc_fault *fault)
{
	const struct sc_pkt_wait_queue *w = &q->current.wait_queue;
	const struct sc_queue *t = &chip->queues[w->queue];

	sc_fault_init(fault, SC_CODE_FOREIGN_QUEUE);
	fault->value = w->queue;
	if (w->queue >= chip->config.queues)
		return WAIT_FAULT;
	if (t->reg.EPOCH != w->epoch)
		return (uint32_t)t->reg.EPOCH == (uint32_t)(w->epoch + 1) &&
		       t->reset_retired >= w->index ? WAIT_OVER : WAIT_FAILED;
	if (t->reg.RETIRED >= w->index)
		return WAIT_OVER;
	return t->state == SC_QUEUE_DISABLED ? WAIT_FAULT : WAIT_ON;
}

static enum wait_result evaluate_wait(struct sc_chip *chip, struct sc_queue *q, unsigned int user,
				      struct sc_fault *fault)
{
	return SC_HDR_OP(q->current.any.hdr) == SC_OP_WAIT ? wait_memory(chip, q, user, fault) :
							 wait_queue(chip, q, fault);
}

/* Whether a WAITING queue should get a slot again, where its wait is evaluated for good. */
bool sc_packet_wait_over(struct sc_chip *chip, struct sc_queue *q, unsigned int user)
{
	struct sc_fault ignored;

	return evaluate_wait(chip, q, user, &ignored) != WAIT_ON;
}

/* `current` is a WAIT or WAIT_QUEUE and everything before it has retired. */
static bool start_wait(struct sc_chip *chip, struct sc_queue *q, unsigned int user)
{
	bool memory = SC_HDR_OP(q->current.any.hdr) == SC_OP_WAIT;
	struct sc_fault fault;

	switch (evaluate_wait(chip, q, user, &fault)) {
	case WAIT_ON:
		if (!chip->resetting)
			sc_queue_wait_on(chip, q, memory ? SC_WAIT_MEMORY : SC_WAIT_OTHER_QUEUE);
		return false;
	case WAIT_FAULT:
		q->have = false;
		if (!chip->resetting)
			push_failed(chip, q, &q->current, &fault);
		return true;
	case WAIT_FAILED:
		q->skip = q->current.wait_queue.skip;
		break;
	case WAIT_OVER:
		break;
	}
	push_current(chip, q)->complete = true;
	return true;
}

/* Start `current`, which is valid, if its turn has come. */
static bool start_current(struct sc_chip *chip, struct sc_queue *q, unsigned int user)
{
	unsigned int opcode = SC_HDR_OP(q->current.any.hdr);
	struct sc_fault fault;
	struct sc_work *work;
	enum exec_result result;

	if (!(SC_HDR_FLAGS(q->current.any.hdr) & SC_FLAG_OVERLAP) && !sc_work_all_complete(q))
		return false;
	if (opcode == SC_OP_WAIT || opcode == SC_OP_WAIT_QUEUE)
		return q->slot->count ? false : start_wait(chip, q, user);
	if (opcode == SC_OP_INDIRECT) {
		start_list(chip, q);
		return true;
	}
	sc_trace(chip, "packet", "queue %u index %llu %s tag 0x%x", q->id,
		 (unsigned long long)q->fetch, ops[opcode].name, q->current.any.tag);
	work = push_current(chip, q);
	if (sc_inject_packet(chip, q)) {
		sc_fault_init(&fault, SC_CODE_INTERNAL);
		result = EXEC_FAULT;
	} else {
		result = ops[opcode].exec(chip, q, work, user, &fault);
	}
	if (chip->resetting)
		return false;
	if (result == EXEC_FAULT)
		sc_work_fail(chip, work, &fault);
	if (result != EXEC_RUNS)
		work->complete = true;
	return true;
}

/* Fetch the next packet into `current`. False: nothing there, or no need to go on. */
static bool fetch(struct sc_chip *chip, struct sc_queue *q, unsigned int user)
{
	uint64_t mask = (1ULL << q->bind.log2) - 1, addr;
	bool ring = !q->list.active;
	union sc_pkt p = { 0 };
	struct sc_fault fault;
	enum sc_code code;
	int ret;

	addr = ring ? q->bind.ring + (q->fetch & mask) * SC_SLOT_SIZE :
		      q->list.addr + (uint64_t)q->list.pos * SC_SLOT_SIZE;
	q->rung = false;
	ret = read_slot(chip, q, addr, ring, q->fetch, user, &p, &fault);
	/* an earlier packet may have failed meanwhile */
	if (chip->resetting || q->command == SC_QUEUE_CMD_RESET || q->failed || !ret)
		return false;
	if (ret < 0) {
		push_failed(chip, q, &p, &fault);
		return false;
	}
	code = q->skip ? SC_CODE_NONE : validate(chip, q, &p);
	if (code) {
		push_invalid(chip, q, &p, code, p.any.hdr);
		return false;
	}
	q->current = p;
	q->have = true;
	return true;
}

/* Whether a new packet may start now; a list that has started always goes on. */
static bool may_start(struct sc_chip *chip, struct sc_queue *q)
{
	if (q->failed || q->copy.work || chip->quiesced || q->command == SC_QUEUE_CMD_RESET ||
	    q->slot->count == SC_WINDOW)
		return false;
	if (q->command == SC_QUEUE_CMD_STOP && !q->list.active)
		return false;
	if (chip->slot_waiters &&
	    (q->slot->turn >= SC_TURN || q->counters.busy_ns - q->slot->turn_ns >= SC_TURN_NS))
		q->yield_slot = true;
	return !q->yield_slot;
}

/**
 * sc_packet_advance() - start at most one packet of a queue that has a slot
 *
 * Called and returns with the lock held; drops it while it accesses memory.
 *
 * Return: whether something has started or failed; false: nothing can now.
 */
bool sc_packet_advance(struct sc_chip *chip, struct sc_queue *q, unsigned int user)
{
	if (!may_start(chip, q))
		return false;
	if (q->bad_doorbell) {
		q->bad_doorbell = false;
		push_invalid(chip, q, &(union sc_pkt){ 0 }, SC_CODE_BAD_DOORBELL,
			     q->doorbell_bad);
		return true;
	}
	if (q->list.active && q->list.pos == q->list.count && !q->have) {
		end_list(chip, q);
		return true;
	}
	if (!q->have && !fetch(chip, q, user))
		return q->failed;
	if (q->skip) {
		skip_current(chip, q);
		return true;
	}
	return start_current(chip, q, user);
}

/*
 * Write the completion record of @work, if it asks for one. Drops the lock.
 * 0, or -EFAULT with @fault.
 */
int sc_packet_record(struct sc_chip *chip, struct sc_queue *q, const struct sc_work *work,
		     unsigned int user, struct sc_fault *fault)
{
	const struct sc_packet *p = &work->packet.any;
	struct sc_record record = { .start_ns = work->start_ns, .cycles = work->cycles };
	uint64_t slot = work->index & ((1ULL << q->bind.log2) - 1);

	if (work->listed_packet) { /* that it fails is the INDIRECT's failure */
		if (!work->failed)
			return 0;
		p = &q->list.packet.any;
		record.start_ns = q->list.start_ns;
	}
	record.tag = p->tag;
	if (!q->bind.record || !(SC_HDR_FLAGS(p->hdr) & SC_FLAG_RECORD))
		return 0;
	if (work->failed) {
		record.status = work->fault.status;
		record.code = work->fault.code;
	} else if (work->skipped) {
		record.status = SC_STATUS_ABORTED;
		record.code = SC_CODE_DEPENDENCY;
	}
	record.end_ns = sc_time(chip);
	return access_memory(chip, q, q->bind.record + slot * sizeof(record), &record,
			     sizeof(record), SC_ACCESS_WRITE, user, fault);
}
