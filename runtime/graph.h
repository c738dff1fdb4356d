/* SPDX-License-Identifier: MIT */
/*
 * Graphs, between graph_record.c, graph_build.c, graph_param.c, graph.c (replay)
 * and the files that stage, wait and destroy.
 *
 * Memory of a graph, all of it card memory that the CPU writes but never reads:
 *
 *	copy 0, copy 1		the lists of all parts, one behind the other
 *	words			one for each recorded event: the replays that have got there
 *	arguments		of nodes that kernels patch
 */
#ifndef SEEDCHIP_GRAPH_INTERNAL_H
#define SEEDCHIP_GRAPH_INTERNAL_H

#include "queue.h"
#include "seedchip/graph.h"

#define GRAPH_MAX_PARTS 16
#define NO_PATCH	UINT32_MAX
#define GRAPH_CLOSED	(UINT32_MAX - 1) /* seedchip_graph.num_set; no parameter has this order */
#define GRAPH_NOT_LISTED UINT32_MAX /* seedchip_graph_param.order */

/* seedchip_event.point of an event in a recording: this bit, the recording's serial, the word. */
#define POINT_RECORDED (1ull << 63)

static inline bool event_is_recorded(struct seedchip_event event)
{
	return event.point & POINT_RECORDED;
}

/**
 * struct graph_part - what one queue does in a graph
 * @used: by copy: point of the last replay that uses it, 0: none
 * @end: where in the ring replays end, by their number's bits of @end_mask
 * @link: entry of seedchip_queue.graphs; queue->lock
 * @graph: graph
 * @queue: NULL: it has been destroyed; dev->lock
 * @slots: its list; NULL once the graph is complete
 * @num_slots: slots in the list
 * @max_slots: room in @slots
 * @joined: slots that the first part has waited for
 * @list: address of the list in copy 0
 * @used_end: by copy: where in the ring the replay of @used ends; after a reset of the queue that
 *	      may be less
 * @end_mask: slots of the queue, less one
 */
struct graph_part {
	_Atomic uint64_t used[2];
	_Atomic uint64_t *end;
	struct list link;
	struct seedchip_graph *graph;
	struct seedchip_queue *queue;
	struct sc_packet *slots;
	uint32_t num_slots;
	uint32_t max_slots;
	uint32_t joined;
	uint64_t list;
	uint64_t used_end[2];
	uint64_t end_mask;
};

/**
 * struct graph_mark - an event of the recording
 * @part: index of its part
 * @slots: in front of it, in the part
 */
struct graph_mark {
	uint32_t part;
	uint32_t slots;
};

/**
 * struct graph_node - a recorded launch, copy or fill
 * @part: index of its part
 * @slot: of its packet in the part's list
 * @tag: seedchip_dim.tag; the packet carries the number of the node
 * @patch: bytes from the start of the patched arguments to this node's, or NO_PATCH
 * @op: opcode
 * @flags: of the packet
 * @args_size: bytes of arguments
 * @places: what parameters set
 */
struct graph_node {
	uint32_t part;
	uint32_t slot;
	uint32_t tag;
	uint32_t patch;
	uint32_t op;
	uint32_t flags;
	uint32_t args_size;
	struct graph_place *places;
};

/**
 * struct graph_place - bytes of a node that a parameter sets
 * @param: parameter
 * @place: what of the node, as the caller has named it
 * @at: in copy 0
 * @next: of the parameter
 * @next_of_node: of the node
 */
struct graph_place {
	struct seedchip_graph_param *param;
	size_t place;
	unsigned char *at;
	struct graph_place *next;
	struct graph_place *next_of_node;
};

/**
 * struct seedchip_graph_param - a parameter
 * @graph: graph
 * @order: its place in seedchip_graph.order, or GRAPH_NOT_LISTED
 * @turn: @order of one with a @word, GRAPH_NOT_LISTED of others
 * @size: bytes
 * @word: the place in copy 0 of one that is 8 bytes in a single place, else NULL
 * @half: the same of 4 bytes
 * @places: all its places
 * @next: of the graph
 * @name: empty: none
 * @value: what it was set to last
 */
struct seedchip_graph_param {
	struct seedchip_graph *graph;
	uint32_t order;
	uint32_t turn;
	uint32_t size;
	uint64_t *word;
	uint32_t *half;
	struct graph_place *places;
	struct seedchip_graph_param *next;
	char name[32];
	uint64_t value[];
};

/**
 * struct seedchip_graph - a graph, or a recording
 * @link: entry of seedchip_device.graphs; dev->lock
 * @dev: device
 * @parts: by queue; the recording was begun on the first
 * @num_parts: entries of @parts
 * @single: the only queue; NULL: there are several, or it has been destroyed
 * @num_nodes: entries of @nodes
 * @nodes: by number
 * @num_words: entries of @marks
 * @marks: recorded events; each has a word
 * @patch_size: bytes of patched arguments
 * @patch: their address
 *
 * @thread: that records
 * @serial: of the recording, in its events
 * @error: of an event that could not be recorded
 *
 * @poisoned: a queue has failed: words that it will not reach are all ones
 * @memory: see above
 * @copy_size: bytes of a copy
 * @held: destroyed memory that the graph uses; dev->lock
 * @num_uses: entries of @uses
 * @uses: words of the recorded packets that may be addresses, sorted
 *
 * @replays: replays so far: the base of the last one
 * @copy: bytes from copy 0 to the copy that the next replay uses
 * @which: its number
 * @num_set: parameters at the start of @order that were set since the last replay, all of them in
 *	     @copy; GRAPH_CLOSED: the last replay uses @copy, too
 * @num_stale: parameters in @order: those from @num_set on have an old value in @copy
 * @order: see above; has room for all parameters
 * @num_params: entries of @params
 * @params: all parameters
 */
struct seedchip_graph {
	struct list link;
	struct seedchip_device *dev;
	struct graph_part parts[GRAPH_MAX_PARTS];
	uint32_t num_parts;
	struct seedchip_queue *single;
	uint32_t num_nodes;
	struct graph_node *nodes;
	uint32_t num_words;
	struct graph_mark *marks;
	uint32_t patch_size;
	uint64_t patch;

	pthread_t thread;
	uint32_t serial;
	int error;

	_Atomic bool poisoned;
	struct memory memory;
	uint64_t copy_size;
	struct list held;
	uint64_t num_uses;
	uint64_t *uses;

	uint64_t replays;
	uint64_t copy;
	uint32_t which;
	uint32_t num_set;
	uint32_t num_stale;
	struct seedchip_graph_param **order;
	uint32_t num_params;
	struct seedchip_graph_param *params;
};

/* ---- graph_record.c: instead of queueing, while seedchip_queue.recording is set ---- */

/* Room for a node of @n slots, or an error. It counts as recorded: fill it in. */
int graph_stage(struct seedchip_queue *q, uint32_t n, struct sc_packet **packet);
/* The same for a launch whose arguments kernels may write until it starts. */
int graph_stage_patched(struct seedchip_queue *q, uint32_t n, struct sc_packet **packet);
struct seedchip_event graph_mark(struct seedchip_queue *q);
/* Let @q, recording or not, wait for @event, recorded or not. */
int graph_wait(struct seedchip_queue *q, struct seedchip_event event);
/* The queue is being destroyed: so is what it records. */
void graph_abandon(struct seedchip_queue *q);

/* ---- graph_build.c ---- */

/* Make a recording a graph that can be replayed. */
int graph_build(struct seedchip_graph *g);

/* ---- graph_param.c ---- */

/* Bring parameters up to date that were set before the last replay and not since. */
void graph_write_stale(struct seedchip_graph *g);

/* ---- graph.c ---- */

/* The words of the events, for the CPU. */
static inline _Atomic uint64_t *graph_words(const struct seedchip_graph *g)
{
	return (void *)((char *)g->memory.map + 2 * g->copy_size);
}

/* Free a graph or a recording, but not its memory on the device. */
void graph_free(struct seedchip_graph *g);
/* Whether replays under way use a copy. */
bool graph_copy_is_busy(const struct seedchip_graph *g, unsigned int copy);
/* A graph that needs @memory takes it over. Return: whether one does. dev->lock is held. */
bool graph_hold(struct seedchip_device *dev, const struct memory *memory);
/* The queue is being destroyed. */
void graph_forget_queue(struct seedchip_queue *q);
/*
 * The node that a fault of @q is about, or NO_NODE; @fault then gets the tag of its launch.
 * q->lock is held.
 */
uint32_t graph_find_node(struct seedchip_queue *q, struct sc_fault *fault);
/* The queue has failed from @point on: let those who wait for its parts know. q->lock is held. */
void graph_poison(struct seedchip_queue *q, uint64_t point);
/* Find out whether queues have failed that share a graph with @q. */
void graph_check_partners(struct seedchip_queue *q);
/* Replays that have not retired are dropped: others will be at their index. q->lock is held. */
void graph_forget_replays(struct seedchip_queue *q);

#endif /* SEEDCHIP_GRAPH_INTERNAL_H */
