/* SPDX-License-Identifier: MIT */
/*
 * Graphs: launches, copies, fills and their dependencies, recorded once and
 * replayed by one doorbell.
 *
 * From seedchip_graph_begin() to seedchip_graph_end() the calls on a queue are
 * recorded instead of being queued. A recorded launch, copy or fill is a *node*;
 * nodes are numbered from 0 in the order of the calls, over all queues.
 *
 * Other queues of the device take part once they wait for an event of the
 * recording: seedchip_queue_mark() then names a place in the recording, which
 * seedchip_queue_wait() on a queue that takes part, or from then on does, turns
 * into a dependency. Such an event means nothing outside the recording, and
 * events from outside mean nothing inside: wait for those before
 * seedchip_graph_launch(). Whatever its queues do, a replay is one piece of work
 * of the queue that it was begun on: it starts after what was queued there
 * before, and is complete when all its queues are done.
 *
 * Recording allocates: its calls may return -ENOMEM, and -E2BIG when a queue has
 * more than 65536 slots; a launch takes a slot, and one more for every 56 bytes
 * of arguments. seedchip_queue_flush() does nothing meanwhile.
 *
 * Buffers, ranges and modules whose addresses stand in the recorded calls may be
 * destroyed: they are released after the graph. What an argument points at by
 * way of memory, and addresses set later, are the caller's to keep.
 *
 * A graph belongs to one thread at a time, as its queues do.
 */
#ifndef SEEDCHIP_GRAPH_H
#define SEEDCHIP_GRAPH_H

#include <seedchip.h>

#ifdef __cplusplus
extern "C" {
#endif

struct seedchip_graph;
struct seedchip_graph_param;

/**
 * seedchip_graph_begin() - record instead of queueing
 * @queue: queue; what was staged on it is given to the card first
 *
 * Return: 0; -EBUSY: the queue is recording already; -EAGAIN, -EIO: as
 * seedchip_queue_flush(); -ENOMEM.
 */
int seedchip_graph_begin(struct seedchip_queue *queue);

/**
 * seedchip_graph_node() - the number that the next node of a recording gets
 * @queue: queue of the recording
 *
 * Return: the number; -EINVAL: the queue is not recording.
 */
int seedchip_graph_node(const struct seedchip_queue *queue);

/**
 * seedchip_graph_end() - end a recording
 * @queue: queue that it was begun on
 * @graph: the graph; NULL: forget what was recorded
 *
 * The recording is over whatever the call returns, but for -EINVAL and -EPERM.
 *
 * Return: 0; -EINVAL: no recording was begun on this queue; -EPERM: another
 * thread's recording; -ENOSPC: no CPU-visible card memory for the graph; -E2BIG:
 * no room was left for an event; -ENOMEM.
 */
int seedchip_graph_end(struct seedchip_queue *queue, struct seedchip_graph **graph);

/**
 * seedchip_graph_destroy() - destroy a graph and its parameters
 * @graph: the graph, or NULL; replays that are under way go on
 *
 * If its queues are destroyed first, the graph can only be destroyed.
 */
void seedchip_graph_destroy(struct seedchip_graph *graph);

/**
 * enum seedchip_graph_place - what of a node a parameter is
 * @SEEDCHIP_PLACE_ARGS: launch: the argument structure; add the offset of the member
 * @SEEDCHIP_PLACE_GRID: launch: uint32_t x, y, z
 * @SEEDCHIP_PLACE_DST: copy, fill: uint64_t, address
 * @SEEDCHIP_PLACE_SRC: copy: uint64_t, address
 * @SEEDCHIP_PLACE_SIZE: copy, fill: uint64_t, bytes of a row
 * @SEEDCHIP_PLACE_ROWS: copy: uint32_t
 * @SEEDCHIP_PLACE_PATTERN: fill: uint64_t
 */
enum seedchip_graph_place {
	SEEDCHIP_PLACE_ARGS = 0,
	SEEDCHIP_PLACE_GRID = 0x1000,
	SEEDCHIP_PLACE_DST = 0x2000,
	SEEDCHIP_PLACE_SRC = 0x2010,
	SEEDCHIP_PLACE_SIZE = 0x2020,
	SEEDCHIP_PLACE_ROWS = 0x2030,
	SEEDCHIP_PLACE_PATTERN = 0x2040,
};

/**
 * seedchip_graph_param() - name bytes of a node that replays will change
 * @graph: graph
 * @name: name, up to 31 characters; NULL: none
 * @node: node
 * @place: offset in its argument structure, or another enum seedchip_graph_place plus an offset
 * @size: bytes
 * @param: the parameter; it belongs to the graph
 *
 * A name that the graph has already gets one more place: a set changes all of
 * them. A parameter keeps its recorded value until it is set.
 *
 * Return: 0; -ENOENT: there is no such node; -EINVAL: outside what the node has,
 * or not the size that the name has elsewhere; -EEXIST: some of the bytes belong
 * to a parameter; -EPERM: kernels write the node's arguments (SEEDCHIP_PATCHED);
 * -ENAMETOOLONG; -ENOMEM.
 */
int seedchip_graph_param(struct seedchip_graph *graph, const char *name, uint32_t node,
			 size_t place, size_t size, struct seedchip_graph_param **param);

/**
 * seedchip_graph_find() - find a parameter by name
 * @graph: graph
 * @name: name
 * @param: the parameter
 *
 * Return: 0 or -ENOENT.
 */
int seedchip_graph_find(struct seedchip_graph *graph, const char *name,
			struct seedchip_graph_param **param);

/**
 * seedchip_graph_set() - set a parameter for the replays to come
 * @param: parameter
 * @value: as many bytes as the parameter has
 *
 * Replays under way keep their values: the graph is there twice, and a set goes
 * to the copy that no replay uses. Costs no system call.
 *
 * Return: 0; -EAGAIN: replays under way use both copies, nothing has changed.
 */
int seedchip_graph_set(struct seedchip_graph_param *param, const void *value);

/**
 * seedchip_graph_address() - where kernels find the arguments of a node
 * @graph: graph
 * @node: a launch with SEEDCHIP_PATCHED
 * @address: of the node's argument structure; the same for all replays
 *
 * What kernels and copies have written there before the launch starts, in the
 * same replay, an earlier one, or before it, the launch gets as its arguments.
 * The structure keeps its contents from replay to replay.
 *
 * Return: 0; -ENOENT: there is no such node; -EINVAL: it is no such launch.
 */
int seedchip_graph_address(const struct seedchip_graph *graph, uint32_t node, uint64_t *address);

/**
 * seedchip_graph_launch() - replay a graph
 * @queue: queue on which its recording was begun
 * @graph: graph
 *
 * Gives what is staged and the graph to the card, with one doorbell for each
 * queue that takes part. A fault record names the node that has failed.
 *
 * Return: 0; -EINVAL: recorded on another queue, or one of its queues has been
 * destroyed; -EBUSY: a queue of the graph is recording; as seedchip_launch().
 */
int seedchip_graph_launch(struct seedchip_queue *queue, struct seedchip_graph *graph);

#ifdef __cplusplus
}
#endif

#endif /* SEEDCHIP_GRAPH_H */
