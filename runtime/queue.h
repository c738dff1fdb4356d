/* SPDX-License-Identifier: MIT */
/*
 * Queues, points and failures, between launch.c, queue.c, event.c and fault.c.
 *
 * Every submission has a *point*; points rise, and 0 has always been reached. On
 * a kernel-managed queue they are counted from 1, and are what the queue's timeline
 * reaches when the submission has completed. On a user-mode queue the point is the
 * index where the submission ends in the ring, in bytes: SC_SLOT_SIZE times as
 * much as the card counts. Points are also spent on work that could not be
 * submitted, so that its events fail and do not hang.
 */
#ifndef SEEDCHIP_QUEUE_H
#define SEEDCHIP_QUEUE_H

#include <string.h>

#include "internal.h"

#define NO_POINT     UINT64_MAX
#define NO_INDEX     UINT64_MAX /* sc_fault.index: not known */
#define NO_NODE	     UINT32_MAX /* in no graph */
#define MAX_FAILURES 16 /* a queue remembers so many */
#define MAX_WAITS    16 /* events that one submission can wait for */
#define MAX_DEPS     16 /* submissions that wait for events, in flight */
#define PARTNER_NS   10000000 /* how often to look whether other queues of a graph have failed */
#define SPIN_LEARN   (-1) /* seedchip_queue.spin_ns: what has paid off lately */
#define SPIN_FIRST   10000
#define SPIN_MIN     1000
#define SPIN_MAX     50000

/* Slots that the driver may add: padding at the end of the ring, waits, gate, barrier. */
#define RING_SLACK (SC_MAX_ARG_SLOTS + MAX_WAITS + 2)
#define RING_MIN   128

/* Eight bytes of a packet. Its first ones are header and tag, which are stored at once. */
typedef uint64_t __attribute__((may_alias)) packet_word;

/* Device and size of arguments in one number; no size brings one device to another's. */
#define LAUNCH_KEY(dev, size) (((uint64_t)(uintptr_t)(dev) << 16) + (size))

/**
 * struct failure - events that have failed together
 * @first: first point
 * @last: last point, NO_POINT while the queue has not been recovered
 * @fault: why
 * @error: errno of a submission that was refused, else 0
 * @node: of the graph, or NO_NODE
 * @has_registers: @x is valid
 * @x: registers of the hart
 */
struct failure {
	uint64_t first;
	uint64_t last;
	struct sc_fault fault;
	int error;
	uint32_t node;
	bool has_registers;
	uint64_t x[32];
};

/**
 * struct dep - a submission that waits for events
 * @point: of the submission
 * @fence: binary syncobj that tells whether what it waited for had failed
 */
struct dep {
	uint64_t point;
	uint32_t fence;
};

/**
 * struct seedchip_queue - a queue, or the hidden timeline of a device's mappings
 * @horizon: the point when all that is queued now has completed; what is staged lies between
 *	     @last_point and here
 * @last_point: the last that was given to the card, or given up
 * @limit: how far launches may take the short way; see queue_take_long_way()
 * @run_limit: the same of seedchip_run() and of replays
 * @key: LAUNCH_KEY() of the device, without the size
 * @lap: the ring, less the bytes of earlier laps: where a point is in this lap
 * @args_hdr: header of argument slots, with the phase of this lap
 * @next_hdr: the same with the phase of the next packet: a wrong one if it is the first staged
 *
 * @link: entry of seedchip_device.queues
 * @dev: device
 * @state: written by the card; NULL: the hidden timeline
 * @handle: of the driver
 * @hw_queue: number in fault records
 * @timeline: of the driver
 * @slots: of the ring
 * @dying: being destroyed: @state goes away, though garbage still waits; dev->lock
 *
 * @recording: its part in a graph that is being recorded, or NULL
 * @user: a user-mode queue has a ring of its own (user_queue.c), else NULL
 * @doorbell: of a user-mode queue, where to store the index; NULL: the back end has to be called
 *
 * @staging: packets to be submitted; this and what follows is the owner's alone
 * @staging_max: submit before there are more
 * @staged: packets in @staging
 * @code_seen: seedchip_device.code_version of the last launch
 * @has_partners: it has shared a graph with other queues, whose failures are its own
 * @prints: a kernel that may print has been launched: else nobody looks at the log, which lies
 *	    in card memory and is slow to read
 * @last_index: kernel-managed: where the last submission ends in the ring
 * @num_waits: entries of @waits
 * @waits: what the next submission waits for
 * @wait_fence: the syncobj that it will signal for struct dep, 0: none
 * @num_imports: entries of @imports
 * @imports: handles among @waits that belong to other devices
 *
 * @spin_ns: how long waits look before they sleep, or SPIN_LEARN
 * @spin_learnt: how long that pays off
 * @index: kernel-managed: where submissions end in the ring, by point modulo @slots
 * @last_submitted: the last that the timeline will reach; the owner's alone
 * @failed_from: first failed point, NO_POINT: the queue works
 * @num_failures: entries of @failures; the last is current if @failed_from is set
 * @num_deps: entries of @deps
 *
 * @lock: protects what follows, and changes of @failed_from, @num_failures, @num_deps
 * @failures: in the order of their points
 * @forgotten: points up to here had failures that are no longer known
 * @deps: in the order of their points
 * @graphs: its parts in graphs
 * @log_memory: of the log
 * @log: reader of the log
 */
struct seedchip_queue {
	_Atomic uint64_t horizon;
	_Atomic uint64_t last_point;
	_Atomic uint64_t limit;
	_Atomic uint64_t run_limit;
	uint64_t key;
	char *lap;
	uint64_t args_hdr;
	uint64_t next_hdr;
	const volatile struct sc_queue_state *state;
	volatile uint32_t *doorbell;
	struct user_queue *user;

	struct list link;
	struct seedchip_device *dev;
	uint32_t handle;
	uint32_t hw_queue;
	uint32_t timeline;
	uint32_t slots;
	bool dying;

	struct graph_part *recording;
	struct sc_packet *staging;
	uint32_t staging_max;

	uint32_t staged;
	uint32_t code_seen;
	_Atomic bool has_partners;
	_Atomic bool prints;
	uint64_t last_index;
	uint32_t num_waits;
	uint32_t wait_fence;
	struct drm_seedchip_sync waits[MAX_WAITS];
	uint32_t num_imports;
	uint32_t imports[MAX_WAITS];

	int64_t spin_ns;
	_Atomic uint32_t spin_learnt;
	_Atomic uint64_t *index;
	uint64_t last_submitted;
	_Atomic uint64_t failed_from;
	_Atomic uint32_t num_failures;
	_Atomic uint32_t num_deps;

	pthread_mutex_t lock;
	struct failure failures[MAX_FAILURES];
	uint64_t forgotten;
	struct dep deps[MAX_DEPS];
	struct list graphs;
	struct memory log_memory;
	struct log_reader log;
};

/* What the card has retired; everything that it wrote before is visible afterwards. */
static inline uint64_t queue_retired(const struct seedchip_queue *q)
{
	return __atomic_load_n(&q->state->retired, __ATOMIC_ACQUIRE);
}

/* Create the hidden queue of a device's mappings. */
int queue_create_hidden(struct seedchip_device *dev, struct seedchip_queue **queue);
void queue_free(struct seedchip_queue *q);

/* The next packets are written where the card does not see them, without phases. */
static inline void queue_leave_ring(struct seedchip_queue *q)
{
	q->args_hdr = SC_HDR(SC_OP_ARGS, 0, 0);
	q->next_hdr = q->args_hdr;
}

/* Room for @n packets in the staging area, or an error of seedchip_launch(). */
int queue_stage(struct seedchip_queue *q, uint32_t n, struct sc_packet **packet);
/* The packets that queue_stage() gave room for are filled in. */
void queue_staged(struct seedchip_queue *q, uint32_t n);

/*
 * Fill in a packet that queue_stage() gave room for. The card may look into a ring whenever it
 * likes: so of what is staged the first header has the wrong phase until it is flushed.
 */
static inline void queue_put(struct seedchip_queue *q, struct sc_packet *slot,
			     const struct sc_packet *packet)
{
	memcpy(slot->body, packet->body, sizeof(slot->body));
	/* header and tag */
	__atomic_store_n((packet_word *)slot,
			 *(const packet_word *)packet | (q->next_hdr & SC_HDR_PHASE),
			 __ATOMIC_RELAXED);
	q->next_hdr = q->args_hdr;
}

/* Take back what was staged last, on a kernel-managed queue, when the driver had no room. */
void queue_unstage(struct seedchip_queue *q, uint32_t n);
/* Give up what is staged. Its point, if there is any, will not be reached. */
void queue_drop(struct seedchip_queue *q);

static inline bool queue_has_staged(const struct seedchip_queue *q)
{
	return atomic_load_explicit(&q->horizon, memory_order_relaxed) !=
	       atomic_load_explicit(&q->last_point, memory_order_relaxed);
}

/* Where in the ring ends what was given to the card last. */
static inline uint64_t queue_end(const struct seedchip_queue *q)
{
	return q->user ? atomic_load_explicit(&q->last_point, memory_order_relaxed) / SC_SLOT_SIZE :
			 q->last_index;
}

/* Give what is staged to the card and wait for it, as seedchip_event_wait() does. */
int queue_run(struct seedchip_queue *q, int64_t timeout_ns);

/*
 * The short way of a launch on a user-mode queue is to look at @limit: all that has to be known
 * besides the call's own arguments is known as long as the launch ends there. That the slots
 * are free and of this lap, that no more than a quarter of the ring is staged, that the queue
 * works, is not recording and has seen all modules. For @run_limit there is also no garbage to
 * collect and no log to print, and there is a doorbell.
 *
 * Only the owner raises the limits, in user_queue.c. Any thread that changes something
 * of this first changes it and then calls this; the owner first raises them and then looks
 * whether it was right. So one of the two sees the other.
 */
static inline void queue_take_long_way(struct seedchip_queue *q)
{
	atomic_store(&q->limit, 0);
	atomic_store(&q->run_limit, 0);
}

/* What has become of a point: 0 completed, -EAGAIN running, -EIO failed, -ESTALE. Never waits. */
int event_poll(struct seedchip_queue *q, uint64_t point);
/* As seedchip_event_wait(), which has looked once. */
int event_wait(struct seedchip_event event, int64_t timeout_ns) __attribute__((cold));
/* The same until CLOCK_MONOTONIC is @deadline. */
int event_wait_until(struct seedchip_queue *q, uint64_t point, int64_t deadline);
/* The same when the driver has said that the point has been reached (@completed), or never will. */
int event_is_over(struct seedchip_queue *q, uint64_t point, bool completed);

/* Let the queue fail if others have failed that it waits for through memory. */
void event_check_partners(struct seedchip_queue *q);

/*
 * What a submission on @dev has to wait for. The handle is to be destroyed after the
 * submission if it is @temporary.
 */
int event_sync(struct seedchip_event event, struct seedchip_device *dev,
	       struct drm_seedchip_sync *sync, bool *temporary);

/* ---- user_queue.c: all of it for user-mode queues only ---- */

/**
 * struct user_queue - what a user-mode queue has besides
 * @ring: the slots
 * @size: their bytes, a power of two
 * @memory: of the ring and, in a page behind it, of @word
 * @word: number that the bridge stores
 * @word_va: its address
 * @num_waits: what the last WAIT waits for; the owner's alone
 * @bridge: or NULL; the queue's lock protects the pointer against other threads than the owner
 * @bridge_point: of the bridge's last submission; the queue's lock
 * @fenced: highest index that the driver has a fence for; the queue's lock
 */
struct user_queue {
	char *ring;
	uint64_t size;
	struct memory memory;
	uint64_t *word;
	uint64_t word_va;
	uint64_t num_waits;
	struct seedchip_queue *bridge;
	uint64_t bridge_point;
	uint64_t fenced;
};

/* The slot in front of which a point is. */
static inline struct sc_packet *user_queue_slot(const struct user_queue *u, uint64_t point)
{
	return (struct sc_packet *)(u->ring + (point & (u->size - 1)));
}

/*
 * What the CPU has written, to card memory too (which is write-combined), comes before what it
 * writes from here on: the card may look at the ring before the doorbell rings.
 */
static inline void order_writes(void)
{
#if defined(__x86_64__)
	__builtin_ia32_sfence();
#else
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
#endif
}

/* Give what is staged to the card: its first header makes all of it valid. */
static inline void user_queue_ring(struct seedchip_queue *q)
{
	uint64_t start = atomic_load_explicit(&q->last_point, memory_order_relaxed);
	uint64_t end = atomic_load_explicit(&q->horizon, memory_order_relaxed);
	uint32_t *first = &user_queue_slot(q->user, start)->hdr;

	order_writes();
	__atomic_store_n(first, *first ^ SC_HDR_PHASE, __ATOMIC_RELEASE);
	q->next_hdr = q->args_hdr ^ SC_HDR_PHASE;
	atomic_store_explicit(&q->last_point, end, memory_order_release);
	if (q->doorbell)
		__atomic_store_n(q->doorbell, end / SC_SLOT_SIZE, __ATOMIC_RELAXED);
	else
		q->dev->ops->queue_ring(q->dev->priv, q->hw_queue, end / SC_SLOT_SIZE);
}

/*
 * The short way, when there is a doorbell and nothing is staged: give what goes up to @end to
 * the card. All of it is in its slots but the first word.
 */
static inline void user_queue_give(struct seedchip_queue *q, packet_word *slot, packet_word first,
				   uint64_t end)
{
	order_writes();
	__atomic_store_n(slot, first, __ATOMIC_RELEASE);
	atomic_store_explicit(&q->horizon, end, memory_order_relaxed);
	atomic_store_explicit(&q->last_point, end, memory_order_release);
	__atomic_store_n(q->doorbell, end / SC_SLOT_SIZE, __ATOMIC_RELAXED);
}

/* Create the ring; @arg is that of the driver's call, which follows. */
int user_queue_prepare(struct seedchip_queue *q, struct drm_seedchip_queue_create *arg);
void user_queue_free(struct seedchip_queue *q);
/* As queue_stage(), when the queue works and a quarter of the ring has room, and queue_staged(). */
int user_queue_stage(struct seedchip_queue *q, uint32_t n, struct sc_packet **packet);
void user_queue_staged(struct seedchip_queue *q, uint32_t n);
/* As queue_drop(); the queue has failed. */
void user_queue_drop(struct seedchip_queue *q);
/* As timeline_wait of the back end. */
int user_queue_sleep(struct seedchip_queue *q, uint64_t point, int64_t deadline_ns);
/* As timeline_notify of the back end. */
int user_queue_notify(struct seedchip_queue *q, uint64_t point, int fd);
/* A binary syncobj on the queue's device that signals when @point has been reached. */
int user_queue_fence(struct seedchip_queue *q, uint64_t point, uint32_t *handle);
/* Have the driver's watchdog see to it that @point is reached. */
void user_queue_expect(struct seedchip_queue *q, uint64_t point);
/* As seedchip_queue_wait() for an event of another queue that has not happened. */
int user_queue_wait(struct seedchip_queue *q, struct seedchip_event event);
/* Let the queue fail if what it waits for has failed. */
void user_queue_check_wait(struct seedchip_queue *q);
/* The queue has been reset: what its waits had to do with it is over. */
void user_queue_forget(struct seedchip_queue *q);

/* ---- fault.c ---- */

/* Ask the driver whether the queue has failed, unless that is known. Return: whether it has. */
bool queue_has_failed(struct seedchip_queue *q);
/* The queue has failed from @point on: as the driver says, else because of @error. */
void queue_fail(struct seedchip_queue *q, uint64_t point, int error);
/* Look at completed submissions that waited for events: did those fail? */
void queue_settle_deps(struct seedchip_queue *q);
/* Whether a submission up to @point has waited for events that are not settled. */
bool queue_has_dep(struct seedchip_queue *q, uint64_t point);
/* Whether a point has failed: 0, -EIO or -ESTALE. @copy: NULL, or filled in if -EIO. */
int queue_find_failure(struct seedchip_queue *q, uint64_t point, struct failure *copy);
/* Find out what node of a graph a fault of the queue is about. */
void queue_find_node(struct seedchip_queue *q, struct failure *failure);
/* Print what kernels have logged. */
void queue_print_log(struct seedchip_queue *q);

#endif /* SEEDCHIP_QUEUE_H */
