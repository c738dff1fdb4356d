// SPDX-License-Identifier: MIT
/*
 * Graphs while they are recorded: packets are collected in memory of the
 * process, with addresses of the graph's own memory left relative to its parts
 * and the tag of each node's packet as the caller has chosen it. graph_build()
 * completes them.
 *
 * Invariant: a queue that takes part points at its part, and only the thread
 * that has begun the recording gets past check_thread().
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "graph.h"

#define WAIT_HDR SC_HDR(SC_OP_WAIT, SC_FLAG_RELATIVE | SC_FLAG_POISON, 0)

static int check_thread(const struct seedchip_graph *g)
{
	if (!pthread_equal(g->thread, pthread_self()))
		return report(-EPERM, "graph: the queue is recorded by another thread");
	return 0;
}

/* Room in an array of @count entries that has room for a power of two, at least 64. */
static int grow(void *array, uint32_t count, size_t size)
{
	void **p = array, *more;

	if (count && (count < 64 || count & (count - 1)))
		return 0;
	more = realloc(*p, (count ? 2 * (size_t)count : 64) * size);
	if (!more)
		return report(-ENOMEM, "graph: out of memory");
	*p = more;
	return 0;
}

/* Room for @n slots at the end of a list. */
static int reserve(struct graph_part *part, uint32_t n)
{
	uint32_t max = part->max_slots ? part->max_slots : 64;
	struct sc_packet *more;

	if (part->num_slots + n > SC_MAX_LIST)
		return report(-E2BIG, "graph: more than %u slots on a queue", SC_MAX_LIST);
	while (max < part->num_slots + n)
		max *= 2;
	if (max == part->max_slots)
		return 0;
	more = realloc(part->slots, max * sizeof(*more));
	if (!more)
		return report(-ENOMEM, "graph: out of memory");
	part->slots = more;
	part->max_slots = max;
	return 0;
}

/* A packet of the library's own, for which there is room. */
static void put(struct graph_part *part, uint32_t hdr, uint32_t tag, uint64_t address)
{
	part->slots[part->num_slots++] = (struct sc_packet){
		.hdr = hdr, .tag = tag, .body = { address },
	};
}

static void add_node(struct graph_part *part, uint32_t n, struct sc_packet **packet)
{
	struct seedchip_graph *g = part->graph;

	g->nodes[g->num_nodes++] = (struct graph_node){
		.part = part - g->parts, .slot = part->num_slots, .patch = NO_PATCH,
	};
	*packet = &part->slots[part->num_slots];
	part->num_slots += n;
}

int graph_stage(struct seedchip_queue *q, uint32_t n, struct sc_packet **packet)
{
	struct graph_part *part = q->recording;
	int r = check_thread(part->graph);

	if (!r)
		r = reserve(part, n);
	if (!r)
		r = grow(&part->graph->nodes, part->graph->num_nodes, sizeof(struct graph_node));
	if (r)
		return r;
	add_node(part, n, packet);
	queue_leave_ring(q);
	return 0;
}

int graph_stage_patched(struct seedchip_queue *q, uint32_t n, struct sc_packet **packet)
{
	struct graph_part *part = q->recording;
	struct seedchip_graph *g = part->graph;
	int r = check_thread(g);

	if (!r)
		r = reserve(part, n + 2);
	if (!r)
		r = grow(&g->nodes, g->num_nodes, sizeof(*g->nodes));
	if (r)
		return r;
	/* What stands behind a BARRIER is not read before the COPY has changed it. */
	put(part, SC_HDR(SC_OP_COPY, 0, 0), g->num_nodes, 0);
	put(part, SC_HDR(SC_OP_BARRIER, 0, 0), g->num_nodes, 0);
	add_node(part, n, packet);
	queue_leave_ring(q);
	g->nodes[g->num_nodes - 1].patch = g->patch_size;
	g->patch_size += (n - 1) * SC_SLOT_SIZE;
	return 0;
}

/* A new event behind what the part has now; there is room for a slot. */
static int put_event(struct graph_part *part)
{
	struct seedchip_graph *g = part->graph;
	int r = grow(&g->marks, g->num_words, sizeof(*g->marks));

	if (r)
		return r;
	put(part, SC_HDR(SC_OP_SIGNAL, SC_FLAG_RELATIVE, 0), NO_NODE,
	    g->num_words * sizeof(uint64_t));
	g->marks[g->num_words++] = (struct graph_mark){ part - g->parts, part->num_slots };
	return 0;
}

struct seedchip_event graph_mark(struct seedchip_queue *q)
{
	struct graph_part *part = q->recording;
	struct seedchip_graph *g = part->graph;
	struct seedchip_event event = { q, POINT_RECORDED };
	int r = check_thread(g);

	if (r) /* and waiting for the event fails */
		return event;
	r = reserve(part, 1);
	if (!r)
		r = put_event(part);
	if (r)
		g->error = r;
	else
		event.point |= (uint64_t)g->serial << 32 | (g->num_words - 1);
	return event;
}

static void start_recording(struct seedchip_queue *q, struct graph_part *part)
{
	q->recording = part;
	queue_take_long_way(q);
}

/* A further queue takes part. */
static int join(struct seedchip_graph *g, struct seedchip_queue *q)
{
	struct graph_part *part = &g->parts[g->num_parts];
	int r;

	if (q->dev != g->dev)
		return report(-EINVAL, "graph: the queue belongs to another device");
	if (g->num_parts == GRAPH_MAX_PARTS)
		return report(-E2BIG, "graph: more than %u queues", GRAPH_MAX_PARTS);
	r = seedchip_queue_flush(q);
	if (r)
		return r;
	*part = (struct graph_part){ .graph = g, .queue = q };
	list_init(&part->link);
	r = reserve(part, 1);
	if (r)
		return r;
	g->num_parts++;
	start_recording(q, part);
	return 0;
}

int graph_wait(struct seedchip_queue *q, struct seedchip_event event)
{
	struct graph_part *source, *part = q->recording;
	uint32_t word = (uint32_t)event.point;
	struct seedchip_graph *g;
	int r;

	if (!event_is_recorded(event))
		return report(-EINVAL,
			      "graph: the event is none of the recording: wait for it before the replay");
	source = event.queue->recording;
	if (!source || (event.point & ~POINT_RECORDED) >> 32 != source->graph->serial)
		return report(-EINVAL, "graph: the recording of the event is over");
	g = source->graph;
	r = check_thread(g);
	if (r || part == source)
		return r;
	if (!part) {
		r = join(g, q);
		part = q->recording;
	} else if (part->graph != g) {
		r = report(-EBUSY, "graph: the queue takes part in another recording");
	}
	if (!r)
		r = reserve(part, 1);
	if (r)
		return r;
	put(part, WAIT_HDR, NO_NODE, word * sizeof(uint64_t));
	if (part == g->parts && g->marks[word].slots > source->joined)
		source->joined = g->marks[word].slots;
	return 0;
}

/* The first part ends when all others have. */
static int join_all(struct seedchip_graph *g)
{
	int r = 0;

	for (uint32_t i = 1; !r && i < g->num_parts; i++) {
		struct graph_part *part = &g->parts[i];

		if (part->joined == part->num_slots)
			continue;
		r = reserve(part, 1);
		if (!r)
			r = reserve(g->parts, 1);
		if (!r)
			r = put_event(part);
		if (!r)
			put(g->parts, WAIT_HDR, NO_NODE,
			    (g->num_words - 1) * sizeof(uint64_t));
	}
	return r;
}

static void stop_recording(struct seedchip_graph *g)
{
	for (uint32_t i = 0; i < g->num_parts; i++)
		g->parts[i].queue->recording = NULL;
}

void graph_abandon(struct seedchip_queue *q)
{
	struct seedchip_graph *g = q->recording->graph;

	stop_recording(g);
	graph_free(g);
}

API int seedchip_graph_begin(struct seedchip_queue *q)
{
	static _Atomic uint32_t serial;
	struct seedchip_graph *g;
	int r;

	if (q->recording)
		return report(-EBUSY, "graph: the queue is recording already");
	r = seedchip_queue_flush(q);
	if (r)
		return r;
	g = calloc(1, sizeof(*g));
	if (!g)
		return report(-ENOMEM, "graph: out of memory");
	g->dev = q->dev;
	g->thread = pthread_self();
	g->serial = (atomic_fetch_add(&serial, 1) & 0x3fffffff) + 1; /* 0 is no recording's */
	list_init(&g->link);
	list_init(&g->held);
	g->num_parts = 1;
	g->parts[0] = (struct graph_part){ .graph = g, .queue = q };
	list_init(&g->parts[0].link);
	start_recording(q, g->parts);
	return 0;
}

API int seedchip_graph_node(const struct seedchip_queue *q)
{
	if (!q->recording)
		return report(-EINVAL, "graph: the queue is not recording");
	return q->recording->graph->num_nodes;
}

API int seedchip_graph_end(struct seedchip_queue *q, struct seedchip_graph **graph)
{
	struct graph_part *part = q->recording;
	struct seedchip_graph *g;
	int r;

	if (!part)
		return report(-EINVAL, "graph: the queue is not recording");
	g = part->graph;
	if (part != g->parts)
		return report(-EINVAL, "graph: the recording was begun on another queue");
	r = check_thread(g);
	if (r)
		return r;
	r = g->error;
	if (r)
		report(r, "graph: an event could not be recorded");
	if (!r)
		r = join_all(g);
	stop_recording(g);
	if (!r && graph)
		r = graph_build(g);
	if (r || !graph)
		graph_free(g);
	else
		*graph = g;
	return r;
}
