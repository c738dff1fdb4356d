// SPDX-License-Identifier: MIT
/*
 * What a worker does for a queue: give it a slot, let packets start (packet.c),
 * retire them in ring order, write the queue state, take faults, end commands.
 *
 * Order of what becomes visible for each packet that retires: its data, its
 * completion record, the counters, `retired` (one 8-byte store), the RETIRED
 * register, the interrupt. One write-back may cover several packets.
 *
 * Faults. The first packet in ring order that fails stops the queue. Once one
 * has failed no other starts, later ones that run are stopped, earlier ones run
 * on and retire; when the failed one is the head and nothing runs, the core
 * dump, the record, the counters and the event are written, and the queue is
 * FAULTED with RETIRED at the culprit. The fault of a packet behind one that
 * fails, too, is forgotten; workgroups that are stopped so report nothing.
 *
 * Slots. A queue has a slot while it is RUNNING. One with nothing to run, or
 * with an unsatisfied WAIT at its head, has none. After SC_TURN packets, or
 * SC_TURN_NS of core time, it starts no other while queues wait for a slot, and
 * gives it up when empty. The queue of the highest priority is stepped first,
 * and of several the one that has been ready for longest; one that SC_PASSED
 * others were preferred to, too.
 */
#include <stdlib.h>
#include <string.h>

#include "internal.h"

#define STEPS	     64 /* of one queue before the worker looks at others */
#define POLL_MIN_NS  20000
#define POLL_MAX_NS  1000000
#define POLL_AGE_DIV 8 /* the longer a WAIT has waited, the less often it is polled */

void sc_queue_ready(struct sc_chip *chip, struct sc_queue *q)
{
	if (!q->ready) {
		q->ready = true;
		q->ready_pick = chip->picks;
		q->ready_next = NULL;
		*chip->ready_tail = q;
		chip->ready_tail = &q->ready_next;
	}
	sc_wake(chip);
}

static void remove_ready(struct sc_chip *chip, struct sc_queue *q)
{
	struct sc_queue **p = &chip->ready_head;

	while (*p != q)
		p = &(*p)->ready_next;
	*p = q->ready_next;
	if (!*p)
		chip->ready_tail = p;
	q->ready = false;
}

static struct sc_slot *free_slot(struct sc_chip *chip)
{
	unsigned int i;

	for (i = 0; i < chip->config.slots; i++)
		if (!chip->slots[i].queue)
			return &chip->slots[i];
	return NULL;
}

/* The last slot is for context 0, whose packets nobody may hold up. */
static bool may_have_slot(const struct sc_chip *chip, const struct sc_queue *q)
{
	unsigned int i, users = 0;

	for (i = 0; i < chip->config.slots; i++)
		users += chip->slots[i].queue && chip->slots[i].queue->bind.context;
	return !q->bind.context || users + 1 < chip->config.slots || chip->config.slots == 1;
}

static void release_slot(struct sc_chip *chip, struct sc_queue *q)
{
	if (!q->slot)
		return;
	sc_queue_let_irq_go(chip, q);
	q->slot->queue = NULL;
	q->slot = NULL;
	q->yield_slot = false;
}

/* A STOP that can end without running anything. */
static bool stops_now(const struct sc_queue *q)
{
	return q->command == SC_QUEUE_CMD_STOP && !q->list.active;
}

static bool may_run(const struct sc_queue *q)
{
	return q->state == SC_QUEUE_IDLE || q->state == SC_QUEUE_RUNNING;
}

/* One that may not run would keep it: a RESET can have come and gone since it became ready. */
static bool needs_slot(const struct sc_queue *q)
{
	return !q->slot && may_run(q) && q->command != SC_QUEUE_CMD_RESET && !stops_now(q);
}

/* When to look again at a waiting queue: sc_clock() time, 0: now, UINT64_MAX: never. */
static uint64_t poll_at(const struct sc_chip *chip, const struct sc_queue *q)
{
	if (q->wait != SC_WAIT_MEMORY || q->held || q->ready || q->stuck)
		return UINT64_MAX;
	return q->poll_seq != chip->signal_seq ? 0 : q->poll_clock;
}

uint64_t sc_queue_poll_due(const struct sc_chip *chip)
{
	uint64_t at, due = UINT64_MAX;
	const struct sc_queue *w;

	for (w = chip->waiting; w; w = w->wait_next) {
		at = poll_at(chip, w);
		if (at < due)
			due = at;
	}
	return due;
}

/* Whether the packet engine turns to @a before @b, which has been ready for longer. */
static bool goes_before(const struct sc_chip *chip, const struct sc_queue *a,
			const struct sc_queue *b)
{
	return chip->picks - b->ready_pick < SC_PASSED && a->reg.PRIORITY > b->reg.PRIORITY;
}

/* Take the queue that is to be stepped next, with a slot if it needs one. */
struct sc_queue *sc_queue_pick(struct sc_chip *chip)
{
	struct sc_queue *q, *best = NULL;
	struct sc_slot *slot = free_slot(chip);
	uint64_t now = chip->waiting && !chip->config.sync ? sc_clock() : 0;

	for (q = chip->waiting; q; q = q->wait_next)
		if (poll_at(chip, q) <= now)
			sc_queue_ready(chip, q);
	chip->slot_waiters = 0;
	for (q = chip->ready_head; q; q = q->ready_next) {
		if (q->held)
			continue;
		if (needs_slot(q) && (!slot || !may_have_slot(chip, q))) {
			chip->slot_waiters++;
			continue;
		}
		if (!best || goes_before(chip, q, best))
			best = q;
	}
	if (!best)
		return NULL;
	chip->picks++;
	remove_ready(chip, best);
	if (needs_slot(best)) {
		best->slot = slot;
		slot->queue = best;
		slot->turn = 0;
		slot->turn_ns = best->counters.busy_ns;
		slot->num_aborted = 0;
	}
	best->held = true;
	if (chip->ready_head)
		sc_wake(chip);
	return best;
}

void sc_queue_wait_on(struct sc_chip *chip, struct sc_queue *q, enum sc_queue_wait wait)
{
	q->wait = wait;
	q->wait_since = sc_time(chip);
	q->wait_clock = sc_clock();
	q->poll_clock = q->wait_clock + POLL_MIN_NS;
	q->wait_next = chip->waiting;
	chip->waiting = q;
	q->state = SC_QUEUE_WAITING;
	release_slot(chip, q);
}

static void wait_end(struct sc_chip *chip, struct sc_queue *q)
{
	struct sc_queue **p = &chip->waiting;

	if (!q->wait)
		return;
	while (*p != q)
		p = &(*p)->wait_next;
	*p = q->wait_next;
	q->wait = SC_NOT_WAITING;
	q->counters.wait_ns += sc_time(chip) - q->wait_since;
	q->state = SC_QUEUE_RUNNING;
}

/* A waiting queue is looked at. True: it goes on, false: it waits on. */
static bool poll_wait(struct sc_chip *chip, struct sc_queue *q, unsigned int user)
{
	uint64_t age;

	if (sc_packet_wait_over(chip, q, user))
		return !chip->resetting;
	q->poll_clock = sc_clock();
	age = (q->poll_clock - q->wait_clock) / POLL_AGE_DIV;
	q->poll_clock += age < POLL_MIN_NS ? POLL_MIN_NS : age > POLL_MAX_NS ? POLL_MAX_NS : age;
	return false;
}

static struct sc_work *window_at(struct sc_slot *slot, unsigned int i)
{
	return &slot->window[(slot->head + i) % SC_WINDOW];
}

/* A fresh entry at the end of the window, which must not be full. */
struct sc_work *sc_work_push(struct sc_chip *chip, struct sc_queue *q)
{
	struct sc_work *work = window_at(q->slot, q->slot->count++);

	memset(work, 0, offsetof(struct sc_work, peers));
	memset((char *)work + offsetof(struct sc_work, cooperative), 0,
	       sizeof(*work) - offsetof(struct sc_work, cooperative));
	work->queue = q;
	work->start_ns = sc_time(chip);
	q->slot->turn++;
	return work;
}

bool sc_work_all_complete(const struct sc_queue *q)
{
	unsigned int i;

	for (i = 0; i < q->slot->count; i++)
		if (!window_at(q->slot, i)->complete)
			return false;
	return true;
}

static void fill_fault(struct sc_chip *chip, const struct sc_work *work, struct sc_fault *fault)
{
	const struct sc_queue *q = work->queue;

	fault->queue = q->id;
	fault->context = q->bind.context;
	fault->index = work->index;
	fault->tag = work->packet.any.tag;
	fault->time = sc_time(chip);
	fault->generation = chip->reg.GENERATION;
	fault->epoch = q->reg.EPOCH;
}

/* @work has failed: it and what is behind it stop. */
void sc_work_fail(struct sc_chip *chip, struct sc_work *work, const struct sc_fault *fault)
{
	struct sc_queue *q = work->queue;
	struct sc_work *w;
	unsigned int i;
	bool behind = false;

	if (work->failed || work->stop)
		return;
	work->failed = true;
	work->fault = *fault;
	fill_fault(chip, work, &work->fault);
	q->failed = true;
	for (i = 0; i < q->slot->count; i++) {
		w = window_at(q->slot, i);
		behind |= w == work;
		if (!behind || w->complete)
			continue;
		__atomic_store_n(&w->stop, true, __ATOMIC_RELEASE);
		sc_dispatch_drop(chip, w);
	}
	sc_queue_ready(chip, q);
}

/* A core has abandoned a workgroup of @work: a RESET reports it. */
void sc_work_aborted(struct sc_chip *chip, struct sc_work *work, struct sc_core *core)
{
	struct sc_slot *slot = work->queue->slot;
	struct sc_fault *fault;

	if (slot->num_aborted == SC_ARRAY_SIZE(slot->aborted))
		return;
	fault = &slot->aborted[slot->num_aborted++];
	sc_fault_init(fault, SC_CODE_QUEUE_RESET);
	sc_core_where(core, fault);
	fault->engine = SC_ENGINE_DEVICE;
	fill_fault(chip, work, fault);
}

static void show_retired(struct sc_chip *chip, struct sc_queue *q, uint64_t retired)
{
	if (retired != q->reg.RETIRED)
		sc_trace(chip, "fence", "queue %u: retired %llu", q->id,
			 (unsigned long long)retired);
	q->reg.RETIRED = retired;
	sc_queue_retired(chip, q);
	sc_queue_notify(chip, q);
	chip->signal_seq++;
	if (chip->waiting)
		sc_wake(chip);
}

/*
 * Write the state page: what has changed, then `retired`. Called and returns
 * with the lock held; the register follows the page. The page is not written
 * with memcpy, because each word must be stored whole.
 */
static void write_back(struct sc_chip *chip, struct sc_queue *q, uint64_t retired)
{
	union sc_state_page now = { .state = q->counters };
	uint64_t addr = q->bind.state_addr;
	bool all = !q->written_valid;
	bool torn = q->torn;
	size_t i;
	int ret = 0;

	now.state.retired = retired;
	q->publishing = retired;
	q->torn = false;
	q->withheld = false;
	sc_unlock(chip);
	for (i = 1; i < SC_ARRAY_SIZE(now.words) && !ret; i++)
		if (all || now.words[i] != q->written.words[i])
			ret = sc_dma(chip, addr + i * 8, &now.words[i], 8, true);
	sc_fence();
	if (!ret && torn) {
		ret = sc_dma(chip, addr, &now.words[0], 4, true);
		if (!ret)
			ret = sc_dma(chip, addr + 4, (uint8_t *)&now.words[0] + 4, 4, true);
	} else if (!ret) {
		ret = sc_dma(chip, addr, &now.words[0], 8, true);
	}
	q->written = now;
	q->written_valid = !ret;
	sc_lock(chip);
	if (chip->resetting)
		return;
	if (ret)
		sc_strict(chip, SC_STRICT_BAD_STATE_ADDRESS, "queue %u: state at 0x%llx", q->id,
			  (unsigned long long)addr);
	show_retired(chip, q, retired);
}

/* Injected: all that a write-back entails, but without it. */
static void write_back_late(struct sc_chip *chip, struct sc_queue *q, uint64_t retired)
{
	q->late = false;
	q->withheld = true;
	q->publishing = retired;
	show_retired(chip, q, retired);
}

/* Somebody looks into why nothing comes: now the late write-back does. */
void sc_queue_catch_up(struct sc_chip *chip, struct sc_queue *q)
{
	q->withheld = false;
	q->publish = true;
	sc_queue_ready(chip, q);
}

static bool head_retires(const struct sc_queue *q)
{
	struct sc_work *head;

	if (!q->slot || !q->slot->count)
		return false;
	head = window_at(q->slot, 0);
	return head->complete && !head->failed && !head->stop;
}

/* Free what an entry of a window owns. */
void sc_work_clear(struct sc_work *work)
{
	free(work->dump);
	work->dump = NULL;
	sc_sim_destroy(work->sim);
	work->sim = NULL;
}

static void pop(struct sc_slot *slot)
{
	sc_work_clear(window_at(slot, 0));
	slot->head = (slot->head + 1) % SC_WINDOW;
	slot->count--;
}

/* Retire every completed packet at the head. Returns whether there was one. */
static bool retire(struct sc_chip *chip, struct sc_queue *q, unsigned int user)
{
	uint64_t retired = q->reg.RETIRED;
	bool any = q->publish;
	struct sc_fault fault;
	struct sc_work *work;
	int ret;

	q->publish = false;
	while (head_retires(q)) {
		work = window_at(q->slot, 0);
		sc_timing_retire(chip, work, user);
		if (chip->resetting)
			return false;
		ret = sc_packet_record(chip, q, work, user, &fault);
		if (chip->resetting)
			return false;
		if (ret) {
			sc_work_fail(chip, work, &fault);
			break;
		}
		retired = work->end;
		q->counters.packets++;
		q->reg.PROGRESS++;
		chip->reg.TOTAL_PACKETS++;
		pop(q->slot);
		any = true;
	}
	if (any && q->late && retired != q->reg.RETIRED)
		write_back_late(chip, q, retired);
	else if (any)
		write_back(chip, q, retired);
	return any;
}

/* Write the core dump of a fault. Without the lock. */
static void write_dump(struct sc_chip *chip, struct sc_queue *q, const void *dump,
		       struct sc_fault *fault)
{
	size_t size = sc_core_dump_size(chip->config.vlen), done, n;

	if (!dump || !q->bind.dump)
		return;
	for (done = 0; done < size; done += n) {
		n = size - done < SC_PAGE_SIZE ? size - done : SC_PAGE_SIZE;
		if (sc_dma(chip, q->bind.dump + done, (uint8_t *)dump + done, n, true))
			return;
	}
	fault->flags |= SC_FAULT_DUMP;
}

/* One event per workgroup that was stopped. */
static void write_aborted(struct sc_chip *chip, struct sc_slot *slot, enum sc_code code)
{
	struct sc_fault fault;
	unsigned int i;
	bool stored;

	for (i = 0; i < slot->num_aborted && !chip->resetting; i++) {
		fault = slot->aborted[i];
		fault.code = code;
		sc_unlock(chip);
		stored = sc_event_store(chip, SC_EVENT_ABORTED, &fault);
		sc_lock(chip);
		sc_event_publish(chip, stored);
	}
}

static void empty_window(struct sc_queue *q)
{
	while (q->slot && q->slot->count)
		pop(q->slot);
	q->copy.work = NULL;
	q->list.active = false;
	q->have = false;
	q->skip = 0;
}

/* The head has failed and nothing runs: the queue stops here. */
static void take_fault(struct sc_chip *chip, struct sc_queue *q, unsigned int user)
{
	struct sc_work *head = window_at(q->slot, 0);
	struct sc_fault fault = head->fault, ignored;
	bool stored;

	q->counters.faults++;
	chip->reg.TOTAL_FAULTS++;
	sc_unlock(chip);
	write_dump(chip, q, head->dump, &fault);
	sc_lock(chip);
	sc_packet_record(chip, q, head, user, &ignored);
	if (!chip->resetting)
		write_back(chip, q, q->reg.RETIRED);
	sc_unlock(chip);
	stored = sc_event_store(chip, SC_EVENT_FAULT, &fault);
	sc_lock(chip);
	if (!chip->resetting) {
		q->state = SC_QUEUE_FAULTED;
		q->fault_status = fault.status;
		q->fetch = q->reg.RETIRED;
		q->reg.INDEX = q->fetch;
		sc_queue_notify(chip, q);
		sc_trace(chip, "fault", "queue %u index %llu status %u code %u va 0x%llx pc 0x%llx",
			 q->id, (unsigned long long)fault.index, fault.status, fault.code,
			 (unsigned long long)fault.va, (unsigned long long)fault.pc);
	}
	sc_event_publish(chip, stored);
	if (chip->resetting)
		return;
	empty_window(q);
	release_slot(chip, q);
	if (q->command == SC_QUEUE_CMD_STOP) {
		q->command = 0;
		sc_raise_cause(chip, SC_IRQ_COMMAND);
	}
}

static void command_done(struct sc_chip *chip, struct sc_queue *q)
{
	q->state = SC_QUEUE_STOPPED;
	q->reg.INDEX = q->fetch;
	q->command = 0;
	sc_queue_notify(chip, q);
	sc_raise_cause(chip, SC_IRQ_COMMAND);
}

/* All that has started has retired. */
static void end_stop(struct sc_chip *chip, struct sc_queue *q)
{
	wait_end(chip, q);
	empty_window(q);
	release_slot(chip, q);
	command_done(chip, q);
}

static bool anything_runs(const struct sc_queue *q)
{
	return q->slot && !sc_work_all_complete(q);
}

/* A RESET is in progress. True: call again. */
static bool reset_step(struct sc_chip *chip, struct sc_queue *q, unsigned int user)
{
	if (q->copy.work) {
		q->copy.work->complete = true;
		q->copy.work = NULL;
	}
	if (anything_runs(q))
		return false;
	if (retire(chip, q, user) || chip->resetting)
		return !chip->resetting;
	if (q->slot && q->slot->count && window_at(q->slot, 0)->failed) {
		take_fault(chip, q, user); /* it failed before the RESET came */
		return true;
	}
	if (q->slot)
		write_aborted(chip, q->slot, q->abort_code);
	if (chip->resetting)
		return false;
	wait_end(chip, q);
	empty_window(q);
	release_slot(chip, q);
	q->counters.generation = chip->reg.GENERATION << 32 | (uint32_t)(q->reg.EPOCH + 1);
	write_back(chip, q, q->reg.RETIRED);
	if (chip->resetting)
		return false;
	q->reg.EPOCH = (uint32_t)(q->reg.EPOCH + 1);
	q->reset_retired = q->reg.RETIRED;
	q->stuck = false;
	q->fetch = q->reg.RETIRED;
	q->failed = false;
	q->fault_status = 0;
	command_done(chip, q);
	sc_trace(chip, "reset", "queue %u: epoch %u", q->id, (unsigned int)q->reg.EPOCH);
	sc_reset_context_check(chip, q->bind.context);
	return false;
}

/* No packet can start and none can retire. True: look again at once. */
static bool settle(struct sc_chip *chip, struct sc_queue *q, unsigned int user)
{
	if (q->command == SC_QUEUE_CMD_RESET)
		return true;
	if (q->state == SC_QUEUE_FAULTED || q->state == SC_QUEUE_STOPPED ||
	    q->state == SC_QUEUE_DISABLED || !q->slot || anything_runs(q))
		return false;
	if (q->failed) {
		take_fault(chip, q, user);
		return q->command;
	}
	if (stops_now(q)) {
		end_stop(chip, q);
		return false;
	}
	if (q->yield_slot) {
		release_slot(chip, q);
		sc_queue_ready(chip, q);
		return false;
	}
	if (chip->quiesced || q->have || q->list.active)
		return false;
	if (q->rung)
		return true;
	q->state = SC_QUEUE_IDLE;
	release_slot(chip, q);
	return false;
}

/* Every INVALIDATE whose users have left is complete. */
static void check_invalidate(struct sc_chip *chip, struct sc_queue *q)
{
	struct sc_work *work;
	unsigned int i;

	for (i = 0; q->slot && i < q->slot->count; i++) {
		work = window_at(q->slot, i);
		if (!work->invalidate || work->complete || !sc_mmu_quiet(chip, q->slot->quiesce))
			continue;
		work->complete = true;
		chip->quiescing--;
	}
}

static bool invalidating(struct sc_slot *slot)
{
	unsigned int i;

	for (i = 0; i < slot->count; i++)
		if (window_at(slot, i)->invalidate && !window_at(slot, i)->complete)
			return true;
	return false;
}

/* A user has left: look again at INVALIDATEs. The step of a queue in one was no user. */
void sc_queue_user_left(struct sc_chip *chip, const struct sc_queue *stepped)
{
	struct sc_slot *slot;
	unsigned int i;

	if (!chip->quiescing || (stepped && stepped->slot && invalidating(stepped->slot)))
		return;
	for (i = 0; i < chip->config.slots; i++) {
		slot = &chip->slots[i];
		if (slot->queue && invalidating(slot))
			sc_queue_ready(chip, slot->queue);
	}
}

static bool write_back_due(const struct sc_queue *q)
{
	return q->copy.work || q->publish ||
	       (q->slot && q->slot->count >= SC_WRITEBACK && head_retires(q));
}

/* One step; true: there is more to do now. */
static bool step_once(struct sc_chip *chip, struct sc_queue *q, unsigned int user)
{
	bool more;

	if (q->stuck && q->command != SC_QUEUE_CMD_RESET)
		return false;
	check_invalidate(chip, q);
	if (q->command == SC_QUEUE_CMD_RESET)
		return reset_step(chip, q, user);
	if (q->wait) {
		if (stops_now(q)) {
			end_stop(chip, q);
			return false;
		}
		if (!poll_wait(chip, q, user))
			return q->command == SC_QUEUE_CMD_RESET && !chip->resetting;
		wait_end(chip, q);
	}
	if (!may_run(q))
		return false;
	if (!q->slot) {
		if (stops_now(q))
			end_stop(chip, q);
		else
			sc_queue_ready(chip, q); /* it needs a slot to go on */
		return false;
	}
	if (q->copy.work)
		sc_copy_step(chip, q, user);
	if (chip->resetting)
		return false;
	more = sc_packet_advance(chip, q, user) || q->copy.work;
	if (chip->resetting)
		return false;
	if ((!more || write_back_due(q)) && !q->wait && retire(chip, q, user))
		more = true;
	if (chip->resetting)
		return false;
	if (q->wait)
		return false;
	return more || settle(chip, q, user);
}

/* Called and returns with the lock held; drops it while it accesses memory. */
void sc_queue_step(struct sc_chip *chip, struct sc_queue *q, unsigned int user)
{
	unsigned int n = 0;
	bool more = true;

	while (more && n++ < STEPS && !chip->resetting)
		more = step_once(chip, q, user);
	q->held = false;
	sc_share_looked(chip, q);
	if (more && !chip->resetting && !q->wait)
		sc_queue_ready(chip, q);
}
