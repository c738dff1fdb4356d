// SPDX-License-Identifier: MIT
/*
 * Queues as software sees them: states, commands, doorbells, ARM.
 *
 * Commands, by state (a command that is not listed for the state, or given
 * while one is in progress, is BAD_COMMAND and does nothing; only RESET may
 * overtake a STOP):
 *
 *   START    DISABLED, STOPPED -> IDLE. Refused unless device and context are
 *            enabled (NOT_ENABLED), STATE_ADDR is not 0 (BAD_STATE_ADDRESS),
 *            and CONFIG, CONTEXT, WG_LIMIT and the core masks are usable
 *            (BAD_COMMAND). RETIRED becomes INDEX, the counters start from
 *            zero when coming from DISABLED, the state page is written, and the
 *            ring is looked at whether or not a doorbell was missed.
 *   STOP     IDLE, RUNNING, WAITING -> STOPPED when what has started has
 *            retired. An unsatisfied WAIT has not started. A list has started
 *            with its INDIRECT and runs to its end. STOPPED: completes at once.
 *   RESET    all but DISABLED -> STOPPED. Running workgroups are told to stop
 *            and each is reported by one event ABORTED; then EPOCH rises by
 *            one, and INDEX becomes RETIRED, which stays at the first packet
 *            that has not completed in order (after a fault: the culprit).
 *            Packets behind it may have run.
 *   DISABLE  STOPPED -> DISABLED. No memory access or interrupt afterwards.
 *
 * STATUS shows BUSY while STOP or RESET is in progress; every command that
 * completes raises cause COMMAND, after its effects are visible. INDEX reads as
 * the next packet to start. Phase is a function of the index, so that after a
 * reset the driver stores packets with the phase of their index from INDEX on.
 *
 * Doorbells. The value is the low half of the write index; it wakes the queue
 * and is otherwise a hint, the phase bits decide. A value below the one before
 * or more than a ring ahead of RETIRED faults the queue (BAD_DOORBELL) at the
 * next packet. While STOPPED or FAULTED, or with a command in progress, a
 * doorbell sets MISSED. A DISABLED queue ignores it.
 *
 * ARM fires once, when RETIRED >= ARM; ARM then reads ~0. A DISABLED queue
 * does not fire. With COALESCE_COUNT and COALESCE_NS it fires when one of them
 * is reached, or the queue gives up its slot, after RETIRED has come to ARM; it
 * is never held back when ARM is written too late or the queue has no slot.
 */
#include <string.h>

#include "internal.h"

uint32_t sc_queue_status(const struct sc_queue *q)
{
	return q->state | (q->command ? SC_QUEUE_BUSY : 0) | (q->missed ? SC_QUEUE_MISSED : 0) |
	       q->fault_status << SC_QUEUE_FAULT_SHIFT;
}

/* State after power-on and device reset; nobody uses the queue. */
void sc_queue_clear(struct sc_queue *q)
{
	unsigned int id = q->id;

	memset(q, 0, sizeof(*q));
	q->id = id;
	sc_regs_reset_queue(q);
}

static void fire(struct sc_chip *chip, struct sc_queue *q)
{
	q->irq_held = false;
	q->reg.ARM = ~0ULL;
	sc_raise(chip, q->bind.vector);
}

/* ARM has been written, or the queue started: what it asks for may be there already. */
void sc_queue_arm(struct sc_chip *chip, struct sc_queue *q)
{
	q->irq_held = false;
	if (q->state != SC_QUEUE_DISABLED && q->reg.RETIRED >= q->reg.ARM)
		fire(chip, q);
}

/* RETIRED has risen. */
void sc_queue_retired(struct sc_chip *chip, struct sc_queue *q)
{
	uint64_t count = q->reg.COALESCE_COUNT, ns = q->reg.COALESCE_NS;

	if (q->reg.RETIRED < q->reg.ARM)
		return;
	if (!chip->host.timer || !ns || q->reg.RETIRED - q->reg.ARM >= count || !q->slot) {
		fire(chip, q);
		return;
	}
	if (q->irq_held)
		return;
	q->irq_held = true;
	q->irq_due = sc_time(chip) + ns;
	chip->set_timer = true;
}

/* Nothing more is to be expected soon. */
void sc_queue_let_irq_go(struct sc_chip *chip, struct sc_queue *q)
{
	if (q->irq_held)
		fire(chip, q);
}

uint64_t sc_chip_timer(struct sc_chip *chip)
{
	uint64_t now, due = UINT64_MAX;
	struct sc_queue *q;
	unsigned int i;

	sc_lock(chip);
	now = sc_time(chip);
	for (i = 0; !chip->resetting && i < chip->config.queues; i++) {
		q = &chip->queues[i];
		if (q->irq_held && q->irq_due <= now)
			fire(chip, q);
		else if (q->irq_held && q->irq_due < due)
			due = q->irq_due;
	}
	sc_unlock(chip);
	return due;
}

/* RETIRED, EPOCH or the state of @target have changed: look again at who waits for it. */
void sc_queue_notify(struct sc_chip *chip, const struct sc_queue *target)
{
	struct sc_queue *w;

	for (w = chip->waiting; w; w = w->wait_next)
		if (w->wait == SC_WAIT_OTHER_QUEUE && w->current.wait_queue.queue == target->id)
			sc_queue_ready(chip, w);
}

void sc_queue_doorbell(struct sc_chip *chip, struct sc_queue *q, uint32_t value)
{
	/* What a producer that polls the state page may know already. */
	uint32_t ahead = value - (uint32_t)q->publishing;

	sc_trace(chip, "doorbell", "queue %u: %u", q->id, value);
	if (q->state == SC_QUEUE_DISABLED)
		return;
	q->counters.doorbells++;
	if (q->state == SC_QUEUE_STOPPED || q->state == SC_QUEUE_FAULTED || q->command) {
		q->missed = true;
		return;
	}
	if (chip->no_master && q->bind.kernel)
		sc_strict(chip, SC_STRICT_BUS_MASTER_OFF, "doorbell of queue %u", q->id);
	if ((int32_t)(value - q->doorbell) < 0 || (int32_t)ahead > 1 << q->bind.log2) {
		q->bad_doorbell = true;
		q->doorbell_bad = value;
	} else {
		q->doorbell = value;
	}
	q->rung = true;
	sc_queue_ready(chip, q);
}

static bool config_ok(struct sc_chip *chip, const struct sc_queue *q)
{
	const struct sc_queue_regs *r = &q->reg;
	unsigned int log2 = SC_QUEUE_LOG2(r->CONFIG);

	if (log2 < SC_RING_LOG2_MIN || log2 > SC_RING_LOG2_MAX ||
	    SC_QUEUE_VECTOR(r->CONFIG) >= chip->config.vectors ||
	    r->CONTEXT >= chip->config.contexts || !r->WG_LIMIT)
		return false;
	return r->CORE_MASK & chip->contexts[r->CONTEXT].reg.CORE_MASK & chip->reg.CORE_MASK;
}

/* Report why START must be refused. */
static bool start_refused(struct sc_chip *chip, const struct sc_queue *q)
{
	const struct sc_queue_regs *r = &q->reg;

	if (!config_ok(chip, q)) {
		sc_strict(chip, SC_STRICT_BAD_COMMAND,
			  "queue %u: START with CONFIG 0x%x, CONTEXT %u, WG_LIMIT %llu", q->id,
			  (unsigned int)r->CONFIG, (unsigned int)r->CONTEXT,
			  (unsigned long long)r->WG_LIMIT);
		return true;
	}
	if (!(chip->reg.CONTROL & SC_CONTROL_ENABLE) ||
	    !(chip->contexts[r->CONTEXT].reg.CONTROL & SC_CONTEXT_ENABLE)) {
		sc_strict(chip, SC_STRICT_NOT_ENABLED, "queue %u: START in context %u", q->id,
			  (unsigned int)r->CONTEXT);
		return true;
	}
	if (!r->STATE_ADDR) {
		sc_strict(chip, SC_STRICT_BAD_STATE_ADDRESS, "queue %u: STATE_ADDR is 0", q->id);
		return true;
	}
	if (chip->no_master)
		sc_strict(chip, SC_STRICT_BUS_MASTER_OFF, "queue %u: START", q->id);
	return false;
}

static void bind_config(struct sc_chip *chip, struct sc_queue *q)
{
	const struct sc_queue_regs *r = &q->reg;

	q->bind = (struct sc_binding){
		.ring = r->RING_BASE,
		.state_addr = r->STATE_ADDR,
		.record = r->RECORD_BASE,
		.log = r->LOG_ADDR,
		.dump = r->DUMP_ADDR,
		.core_mask = r->CORE_MASK & chip->contexts[r->CONTEXT].reg.CORE_MASK &
			     chip->reg.CORE_MASK,
		.wg_limit = r->WG_LIMIT,
		.log2 = SC_QUEUE_LOG2(r->CONFIG),
		.vector = SC_QUEUE_VECTOR(r->CONFIG),
		.context = r->CONTEXT,
		.kernel = r->CONFIG & SC_QUEUE_KERNEL_RING,
	};
}

static void start(struct sc_chip *chip, struct sc_queue *q)
{
	if (start_refused(chip, q))
		return;
	bind_config(chip, q);
	if (q->state == SC_QUEUE_DISABLED) {
		memset(&q->counters, 0, sizeof(q->counters));
		sc_timing_queue(chip, q);
	}
	q->counters.generation = chip->reg.GENERATION << 32 | q->reg.EPOCH;
	q->reg.RETIRED = q->reg.INDEX;
	q->publishing = q->reg.INDEX;
	q->fetch = q->reg.INDEX;
	q->doorbell = (uint32_t)q->reg.INDEX;
	q->bad_doorbell = false;
	q->missed = false;
	q->rung = true;
	q->written_valid = false;
	q->publish = true;
	q->state = SC_QUEUE_IDLE;
	sc_queue_arm(chip, q);
	sc_queue_notify(chip, q);
	sc_queue_ready(chip, q);
	sc_raise_cause(chip, SC_IRQ_COMMAND);
}

static void stop(struct sc_chip *chip, struct sc_queue *q)
{
	if (q->state == SC_QUEUE_STOPPED) {
		sc_raise_cause(chip, SC_IRQ_COMMAND);
		return;
	}
	q->command = SC_QUEUE_CMD_STOP;
	sc_queue_ready(chip, q);
}

/* The device is disabled: STOP where that is possible. */
void sc_queue_disable(struct sc_chip *chip, struct sc_queue *q)
{
	if (!q->command && (q->state == SC_QUEUE_IDLE || q->state == SC_QUEUE_RUNNING ||
			    q->state == SC_QUEUE_WAITING))
		stop(chip, q);
}

/* Begin a RESET for the reason @code; retire.c ends it. */
void sc_queue_abort(struct sc_chip *chip, struct sc_queue *q, enum sc_code code)
{
	unsigned int i;
	struct sc_work *work;

	q->command = SC_QUEUE_CMD_RESET;
	q->abort_code = code;
	for (i = 0; q->slot && i < q->slot->count; i++) {
		work = &q->slot->window[(q->slot->head + i) % SC_WINDOW];
		if (work->complete)
			continue;
		__atomic_store_n(&work->stop, true, __ATOMIC_RELEASE);
		sc_dispatch_drop(chip, work);
	}
	sc_queue_ready(chip, q);
}

static bool allowed(const struct sc_queue *q, uint32_t command)
{
	bool active = q->state == SC_QUEUE_IDLE || q->state == SC_QUEUE_RUNNING ||
		      q->state == SC_QUEUE_WAITING;

	if (q->command)
		return command == SC_QUEUE_CMD_RESET && q->command == SC_QUEUE_CMD_STOP;
	switch (command) {
	case SC_QUEUE_CMD_START:
		return q->state == SC_QUEUE_DISABLED || q->state == SC_QUEUE_STOPPED;
	case SC_QUEUE_CMD_STOP:
		return active || q->state == SC_QUEUE_STOPPED;
	case SC_QUEUE_CMD_RESET:
		return q->state != SC_QUEUE_DISABLED;
	case SC_QUEUE_CMD_DISABLE:
		return q->state == SC_QUEUE_STOPPED;
	default:
		return false;
	}
}

void sc_queue_command(struct sc_chip *chip, struct sc_queue *q, uint32_t command)
{
	if (!allowed(q, command)) {
		sc_strict(chip, SC_STRICT_BAD_COMMAND, "queue %u: command %u, STATUS 0x%x", q->id,
			  command, sc_queue_status(q));
		return;
	}
	sc_trace(chip, "command", "queue %u: %u", q->id, command);
	switch (command) {
	case SC_QUEUE_CMD_START:
		start(chip, q);
		break;
	case SC_QUEUE_CMD_STOP:
		stop(chip, q);
		break;
	case SC_QUEUE_CMD_RESET:
		if (sc_inject_count(chip, SC_INJECT_STUCK_RESETS))
			q->command = SC_QUEUE_CMD_RESET;
		else
			sc_queue_abort(chip, q, SC_CODE_QUEUE_RESET);
		break;
	case SC_QUEUE_CMD_DISABLE:
		if (sc_inject_count(chip, SC_INJECT_STUCK_DISABLES)) {
			q->command = SC_QUEUE_CMD_DISABLE;
			break;
		}
		q->state = SC_QUEUE_DISABLED;
		q->missed = false;
		sc_queue_notify(chip, q);
		sc_raise_cause(chip, SC_IRQ_COMMAND);
		break;
	}
}
