/* SPDX-License-Identifier: MIT */
/*
 * Inside of the chip model's front end: the state that its files share. In the
 * order in which a launch meets them: regs.c and queue.c (registers, doorbells,
 * commands), retire.c (the step of a queue, retirement, faults), packet.c and
 * copy.c (fetch, checks, execution), dispatch.c and share.c (workgroups onto
 * cores), mmu.c, event.c; then reset.c, save.c, strict.c, and chip.c around them. Cores and
 * engines do not include this file.
 *
 * Locking. `lock` guards everything here that is not marked otherwise. It is
 * held for short times only and never across a callback that may wait: host
 * DMA, core execution and copying happen with it dropped, on a worker. So a
 * register access never waits for a worker, and a worker that waits for the
 * host's own locks blocks nobody. Interrupts, strict reports and kicks are
 * collected and delivered by sc_unlock(), after the lock is dropped.
 * `event_mutex` is taken before `lock` and only by workers.
 *
 * Ownership. A queue with `held` set belongs to one worker, which alone
 * touches its fetch position, list, current packet and copy state, also with
 * the lock dropped. A core with `held` set belongs to one worker. The members
 * of a struct sc_work that its workgroups read are constant while any runs.
 */
#ifndef SC_INTERNAL_H
#define SC_INTERNAL_H

#include <pthread.h>
#include <stdio.h>

#include "chip.h"
#include "core.h"
#include "mmu.h"
#include "ras.h"
#include "timing_sim.h"

#define SC_ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))

#define SC_MAX_CORES	64
#define SC_MAX_USERS	(SC_MAX_CORES + 1)
#define SC_WINDOW	32 /* packets of one queue in progress */
#define SC_WRITEBACK	8 /* completed packets that one write-back may cover */
#define SC_QUANTUM	65536 /* instructions before a workgroup lets others have the worker */
#define SC_QUANTUM_MIN	256 /* ... where they take so long that they are cut to SC_QUANTUM_NS */
#define SC_QUANTUM_NS	2000000
#define SC_CHUNK	65536 /* bytes that COPY and FILL move at a time */
#define SC_COPY_STEP	(1u << 20) /* bytes before a COPY lets others have the worker */
#define SC_STEP_COST	64 /* what a step of a queue counts in a budget of instructions */
#define SC_TURN		64 /* packets before a queue hands its slot to one that waits */
#define SC_TURN_NS	10000000 /* ... or core time */
#define SC_PASSED	256 /* others to which the packet engine may prefer a queue */
#define SC_RING_LOG2_MAX 16

/* Registers: one member per table entry, under the entry's name. */
#define SC_REG_STORE_(name, ...) uint64_t name;
struct sc_device_regs {
	SC_REG_TABLE(SC_REG_STORE_)
};

struct sc_context_regs {
	SC_CONTEXT_TABLE(SC_REG_STORE_)
};

struct sc_queue_regs {
	SC_QUEUE_TABLE(SC_REG_STORE_)
};

/* A packet by all its names. */
union sc_pkt {
	struct sc_packet any;
	struct sc_pkt_dispatch dispatch;
	struct sc_pkt_copy copy;
	struct sc_pkt_fill fill;
	struct sc_pkt_wait wait;
	struct sc_pkt_signal signal;
	struct sc_pkt_timestamp timestamp;
	struct sc_pkt_indirect indirect;
	struct sc_pkt_wait_queue wait_queue;
	struct sc_pkt_invalidate invalidate;
	struct sc_pkt_args args;
	uint8_t bytes[SC_SLOT_SIZE];
};

/* First half of a 64-bit register written in two. */
struct sc_latch {
	uint32_t offset; /* of the register, or ~0 */
	uint32_t low;
};

/**
 * struct sc_work - one packet in progress
 * @queue: whose
 * @packet: the one copy that was validated and is executed
 * @index: its ring index; inside a list: that of the INDIRECT
 * @end: what RETIRED becomes
 * @seq: order of arrival at the dispatcher
 * @start_ns: TIME of its start
 * @complete: nothing of it runs any more, or ever will
 * @failed: @fault says why
 * @skipped: retired unrun after a failed WAIT_QUEUE
 * @listed_packet: of a list: has no record of its own
 * @stop: tells its workgroups to stop; atomic
 * @fault: valid with @failed
 * @dump: core dump of the fault, or NULL
 * @invalidate: INVALIDATE: complete when the users in sc_slot.quiesce have left
 * @launch: DISPATCH
 * @barrier: cooperative dispatch
 * @peers: cooperative dispatch: cores by rank
 * @cooperative: all workgroups at once
 * @mask: cores it may use
 * @total: workgroups
 * @next: workgroups handed to cores
 * @running: of those, not yet finished
 * @done: finished
 * @listed: on the dispatcher's list
 * @sim: DISPATCH, with timing: its second pass, or NULL
 * @cycles: what it took, when it retires
 */
struct sc_work {
	struct sc_queue *queue;
	union sc_pkt packet;
	uint64_t index;
	uint64_t end;
	uint64_t seq;
	uint64_t start_ns;
	bool complete;
	bool failed;
	bool skipped;
	bool listed_packet;
	bool stop;
	bool invalidate;
	struct sc_fault fault;
	void *dump;
	struct sc_launch launch;
	struct sc_barrier barrier;
	struct sc_core *peers[SC_MAX_CORES];
	bool cooperative;
	bool listed;
	uint64_t mask;
	uint64_t total;
	uint64_t next;
	uint64_t running;
	uint64_t done;
	struct sc_sim *sim;
	uint64_t cycles;
	struct sc_work *list_next;
};

/* COPY and FILL in progress: at most one per queue. */
struct sc_copy {
	struct sc_work *work; /* NULL: none */
	uint64_t src, dst, size, src_stride, dst_stride, pattern;
	uint32_t rows, row;
	uint64_t offset; /* in the row */
	bool fill;
};

/* Hardware slot: what a running queue needs and a waiting one does not. */
struct sc_slot {
	struct sc_queue *queue;
	struct sc_work window[SC_WINDOW]; /* a ring, in packet order */
	unsigned int head, count;
	unsigned int turn; /* packets started since the queue got the slot */
	uint64_t turn_ns; /* the queue's core time at that moment */
	uint64_t quiesce[SC_MAX_USERS]; /* INVALIDATE: enter counts to change; 0: left */
	struct sc_fault aborted[SC_MAX_CORES]; /* workgroups that a reset stopped */
	unsigned int num_aborted;
};

/* Packet list of an INDIRECT in progress. */
struct sc_list {
	bool active;
	uint64_t addr, base, start_ns;
	uint32_t count, pos;
	union sc_pkt packet; /* the INDIRECT itself */
};

/* Queue configuration as latched by START; unlike the registers it survives a device reset
 * until all workers have left.
 */
struct sc_binding {
	uint64_t ring, state_addr, record, log, dump, core_mask, wg_limit;
	unsigned int log2, vector, context;
	bool kernel; /* KERNEL_RING */
};

/* The state page as the words it is written by. */
union sc_state_page {
	struct sc_queue_state state;
	uint64_t words[sizeof(struct sc_queue_state) / 8];
};

enum sc_queue_wait { SC_NOT_WAITING, SC_WAIT_MEMORY, SC_WAIT_OTHER_QUEUE };

struct sc_queue {
	unsigned int id;
	struct sc_queue_regs reg;
	struct sc_latch latch;
	enum sc_queue_state_id state;
	bool missed;
	unsigned int fault_status;
	unsigned int command; /* STOP or RESET in progress, or 0 */
	enum sc_code abort_code; /* why RESET */
	uint64_t reset_retired; /* RETIRED at the last RESET */

	bool rung; /* since the fetch last looked */
	bool bad_doorbell;
	uint32_t doorbell; /* last value accepted */
	uint32_t doorbell_bad;

	struct sc_binding bind;
	struct sc_slot *slot;
	bool held;
	bool ready; /* on the ready list */
	uint64_t ready_pick; /* sc_chip.picks when it got there */
	bool ended; /* a dispatch has ended, and the packet engine has not looked since */
	uint64_t served_at; /* TOTAL_BUSY_NS when a workgroup of it last started, or could have */
	struct sc_queue *ready_next;
	bool failed; /* a packet has failed: start no other */
	bool yield_slot; /* give the slot to a waiter when the window is empty */
	bool publish; /* the state page must be written although nothing retires */
	bool stuck; /* injected: nothing happens before RESET */
	bool torn, late; /* injected: how the next write-back goes wrong */
	bool withheld; /* a late write-back is still to come */
	bool irq_held; /* RETIRED has reached ARM, and the interrupt waits for more */
	uint64_t irq_due; /* TIME at which it waits no longer */
	uint64_t publishing; /* what it shows as retired, or will before RETIRED does */
	uint64_t fetch; /* index of the next packet to start */
	bool have; /* `current` was fetched and has not started */
	union sc_pkt current;
	struct sc_list list;
	struct sc_copy copy;
	uint64_t skip; /* slots still to retire unrun */
	enum sc_queue_wait wait;
	struct sc_queue *wait_next;
	uint64_t wait_since; /* TIME */
	uint64_t wait_clock, poll_clock, poll_seq; /* sc_clock(), and signal_seq of the last poll */

	struct sc_queue_state counters; /* live */
	union sc_state_page written; /* what the state page holds */
	bool written_valid;
};

struct sc_context {
	struct sc_context_regs reg;
	struct sc_latch latch;
	bool resetting;
	uint64_t instance; /* changes at every ENABLE: cores clear when it differs */
	uint64_t vtime; /* charged time / weight */
	uint64_t left_vclock; /* the clock when it last had nothing to start */
	uint64_t ahead_ns; /* what running workgroups will still be charged, if they are usual */
	uint64_t usual_ns; /* what the last workgroups have taken */
	unsigned int backlog; /* dispatches with workgroups left to start */
	uint64_t root; /* atomic: ROOT, or 0 while disabled */
	uint64_t stamp, code_stamp; /* atomic */
};

enum sc_core_use {
	SC_CORE_FREE,
	SC_CORE_RESERVED, /* for the cooperative dispatch that is forming */
	SC_CORE_RUNNABLE, /* has a workgroup, on the run list */
	SC_CORE_HELD, /* a worker is on it */
};

/* The dispatcher's view of a core. */
struct sc_unit {
	struct sc_core *core;
	unsigned int id;
	enum sc_core_use use;
	uint64_t owner; /* sc_context.instance whose state it holds, 0: none */
	unsigned int context; /* of `owner` */
	uint64_t served_ns; /* since `owner` got it */
	uint64_t workgroup_ns; /* of the workgroup */
	uint64_t ahead_ns; /* what it will still take, if it is a usual one */
	uint64_t quantum; /* instructions that take about SC_QUANTUM_NS here */
	struct sc_work *work;
	uint32_t rank;
	bool blocked;
	uint64_t blocked_at; /* barrier count when it blocked */
	struct sc_core_stats seen;
	struct sc_unit *run_next;
};

/* One user of translations: a worker. Own cache line: written at every enter and leave. */
struct sc_user {
	uint64_t count; /* atomic; odd: inside */
	uint8_t *chunk; /* SC_CHUNK bytes */
	pthread_t thread;
	struct sc_chip *chip;
	unsigned int id;
	int cpu; /* of the host, where it was last seen to work; -1: asleep, or on its way */
} __attribute__((aligned(64)));

#define SC_MAX_REPORTS 8

struct sc_report {
	enum sc_strict_rule rule;
	char text[96];
};

struct sc_chip {
	struct sc_config config;
	struct sc_host host;
	void *opaque;
	uint8_t *card;
	uint64_t isa;

	pthread_mutex_t lock;
	pthread_cond_t wake;
	unsigned int idle_workers;
	bool exit;
	uint64_t irqs; /* vectors to pulse at unlock */
	unsigned int pulsing; /* atomic: who has left the lock and is pulsing them */
	bool kick;
	bool set_timer; /* an interrupt is held back: tell the host at unlock */
	struct sc_report reports[SC_MAX_REPORTS];
	unsigned int num_reports;

	struct sc_device_regs reg;
	struct sc_latch latch;
	struct sc_context *contexts;
	struct sc_queue *queues;
	struct sc_slot *slots;
	struct sc_unit units[SC_MAX_CORES];
	struct sc_user *users; /* threads + 1 */

	bool resetting; /* atomic reads without the lock */
	bool poison; /* the reset in progress is a loss of power */
	bool failed; /* the last reset has failed: nothing can be enabled */
	uint32_t inject[SC_INJECT_COUNT]; /* inject.c */
	bool in_run; /* sc_chip_run() is at work: its return value replaces kicks */
	bool no_master;
	bool quiesced;
	unsigned int busy; /* workers with the lock dropped */

	struct sc_queue *ready_head, **ready_tail;
	uint64_t picks; /* turns of the packet engine */
	unsigned int slot_waiters;
	struct sc_queue *waiting; /* queues in state WAITING */
	unsigned int quiescing; /* INVALIDATEs in progress */
	uint64_t signal_seq; /* counts write-backs: waiters poll again */

	struct sc_work *dispatches, **dispatches_tail; /* workgroups left to start */
	uint64_t dispatch_seq;
	uint64_t vclock; /* the largest virtual time */
	uint64_t instances;
	uint64_t free_cores;
	struct sc_work *forming;
	struct sc_unit *run_head, **run_tail;
	bool started_last, stepped_last; /* whose turn it is not */

	struct sc_timeline *timelines; /* by queue; NULL: no timing */
	uint64_t timed_instance; /* sc_context.instance of the last dispatch that was timed */
	bool core_runs; /* timing: one worker is in sc_core_run(), and no other may be */

	struct sc_ras ras;
	uint64_t bias_insns, bias_macs, bias_dma; /* TOTAL_* beyond what the cores count */

	pthread_mutex_t event_mutex;
	pthread_mutex_t stale_mutex; /* strict: guards the table below, after nothing */
	struct sc_cached *cached;
};

/* Order accesses that the host makes for us: it promises no more than single stores and loads. */
#if defined(__SANITIZE_THREAD__) && !defined(__clang__)
#pragma GCC diagnostic ignored "-Wtsan" /* it only says that races may go unseen */
#endif
static inline void sc_fence(void)
{
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
}

/* chip.c */
void sc_lock(struct sc_chip *chip);
void sc_unlock(struct sc_chip *chip);
void sc_wake(struct sc_chip *chip);
uint64_t sc_time(struct sc_chip *chip);
void sc_raise(struct sc_chip *chip, unsigned int vector);
void sc_raise_cause(struct sc_chip *chip, uint32_t cause);
int sc_dma(struct sc_chip *chip, uint64_t addr, void *buf, size_t len, bool write);
void sc_trace(struct sc_chip *chip, const char *event, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
uint64_t sc_clock(void);

/* regs.c */
void sc_regs_reset_device(struct sc_chip *chip);
void sc_regs_reset_context(struct sc_context *ctx);
void sc_regs_reset_queue(struct sc_queue *q);
void sc_regs_discovery(struct sc_chip *chip);
void sc_regs_mask_context(struct sc_context_regs *reg);
void sc_regs_mask_queue(struct sc_queue_regs *reg);
void sc_regs_load_device(struct sc_chip *chip, struct sc_device_regs *image);

/* strict.c */
void sc_strict(struct sc_chip *chip, enum sc_strict_rule rule, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
int sc_stale_create(struct sc_chip *chip);
void sc_stale_destroy(struct sc_chip *chip);
void sc_stale_record(struct sc_chip *chip, unsigned int context, uint64_t va, const uint8_t *host);
void sc_stale_reuse(struct sc_chip *chip, const uint8_t *host);
void sc_stale_disable(struct sc_chip *chip, unsigned int context);

/* queue.c: the state machine */
uint32_t sc_queue_status(const struct sc_queue *q);
void sc_queue_command(struct sc_chip *chip, struct sc_queue *q, uint32_t command);
void sc_queue_doorbell(struct sc_chip *chip, struct sc_queue *q, uint32_t value);
void sc_queue_disable(struct sc_chip *chip, struct sc_queue *q);
void sc_queue_abort(struct sc_chip *chip, struct sc_queue *q, enum sc_code code);
void sc_queue_arm(struct sc_chip *chip, struct sc_queue *q);
void sc_queue_retired(struct sc_chip *chip, struct sc_queue *q);
void sc_queue_let_irq_go(struct sc_chip *chip, struct sc_queue *q);
void sc_queue_notify(struct sc_chip *chip, const struct sc_queue *target);
void sc_queue_clear(struct sc_queue *q);

/* retire.c: slots, the step of a queue, retirement and faults */
void sc_queue_ready(struct sc_chip *chip, struct sc_queue *q);
struct sc_queue *sc_queue_pick(struct sc_chip *chip);
void sc_queue_step(struct sc_chip *chip, struct sc_queue *q, unsigned int user);
void sc_queue_user_left(struct sc_chip *chip, const struct sc_queue *stepped);
uint64_t sc_queue_poll_due(const struct sc_chip *chip);
void sc_queue_wait_on(struct sc_chip *chip, struct sc_queue *q, enum sc_queue_wait wait);
void sc_queue_catch_up(struct sc_chip *chip, struct sc_queue *q);
struct sc_work *sc_work_push(struct sc_chip *chip, struct sc_queue *q);
void sc_work_clear(struct sc_work *work);
void sc_work_fail(struct sc_chip *chip, struct sc_work *work, const struct sc_fault *fault);
void sc_work_aborted(struct sc_chip *chip, struct sc_work *work, struct sc_core *core);
bool sc_work_all_complete(const struct sc_queue *q);

/* packet.c */
bool sc_packet_advance(struct sc_chip *chip, struct sc_queue *q, unsigned int user);
bool sc_packet_wait_over(struct sc_chip *chip, struct sc_queue *q, unsigned int user);
void sc_fault_init(struct sc_fault *fault, enum sc_code code);
int sc_packet_record(struct sc_chip *chip, struct sc_queue *q, const struct sc_work *work,
		     unsigned int user, struct sc_fault *fault);

/* copy.c */
void sc_copy_start(struct sc_queue *q, struct sc_work *work);
void sc_copy_step(struct sc_chip *chip, struct sc_queue *q, unsigned int user);

/* dispatch.c */
void sc_dispatch_add(struct sc_chip *chip, struct sc_work *work);
void sc_dispatch_drop(struct sc_chip *chip, struct sc_work *work);
bool sc_dispatch_ready(const struct sc_chip *chip);
bool sc_dispatch_long(const struct sc_chip *chip);
bool sc_dispatch_run(struct sc_chip *chip, unsigned int user, uint64_t *budget);
void sc_dispatch_reset(struct sc_chip *chip);

/* share.c */
void sc_share_enter(struct sc_chip *chip, struct sc_work *work);
void sc_share_leave(struct sc_chip *chip, struct sc_work *work);
void sc_share_start(struct sc_chip *chip, struct sc_unit *unit);
void sc_share_charge(struct sc_chip *chip, struct sc_unit *unit, uint64_t ns);
void sc_share_end(struct sc_chip *chip, struct sc_unit *unit);
uint64_t sc_share_cores(struct sc_chip *chip, const struct sc_work *work);
bool sc_share_before(struct sc_chip *chip, const struct sc_work *a, const struct sc_work *b);
void sc_share_looked(struct sc_chip *chip, struct sc_queue *q);
void sc_share_reset(struct sc_chip *chip);

/* timing.c */
int sc_timing_create(struct sc_chip *chip);
void sc_timing_destroy(struct sc_chip *chip);
void sc_timing_queue(struct sc_chip *chip, const struct sc_queue *q);
void sc_timing_dispatch(struct sc_chip *chip, struct sc_work *work);
void sc_timing_workgroup(struct sc_chip *chip, struct sc_unit *unit);
void sc_timing_retire(struct sc_chip *chip, struct sc_work *work, unsigned int user);

/* mmu.c */
void sc_mmu_snapshot(struct sc_chip *chip, uint64_t *counts);
bool sc_mmu_quiet(struct sc_chip *chip, uint64_t *counts);
void sc_mmu_invalidate(struct sc_chip *chip, unsigned int context);
void sc_mmu_code_changed(struct sc_chip *chip, unsigned int context);
bool sc_mmu_root_ok(const struct sc_chip *chip, uint64_t root);
void sc_mmu_bind(struct sc_chip *chip, unsigned int context, uint64_t root);
int sc_mmu_walk_card(struct sc_chip *chip, unsigned int context, uint64_t va, struct sc_xlat *xlat);

/* event.c */
bool sc_event_store(struct sc_chip *chip, unsigned int type, const struct sc_fault *fault);
void sc_event_publish(struct sc_chip *chip, bool stored);

/* inject.c */
bool sc_inject_count(struct sc_chip *chip, enum sc_inject what);
bool sc_inject_packet(struct sc_chip *chip, const struct sc_queue *q);
void sc_inject_event(struct sc_chip *chip, struct sc_event *event);

/* reset.c */
void sc_reset_start(struct sc_chip *chip, unsigned int cause);
void sc_reset_context(struct sc_chip *chip, unsigned int context);
void sc_reset_context_check(struct sc_chip *chip, unsigned int context);
void sc_reset_finish(struct sc_chip *chip);
bool sc_reset_due(const struct sc_chip *chip);

#endif /* SC_INTERNAL_H */
