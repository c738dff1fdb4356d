// SPDX-License-Identifier: MIT
/*
 * Graphs that can be replayed: their lifetime, their replays, and what becomes of
 * both when a queue fails or goes.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "graph.h"

/* Header, but for the phase, and tag: a replay is no node. */
#define REPLAY_WORD (SC_HDR(SC_OP_INDIRECT, 0, 0) | (packet_word)NO_NODE << 32)

void graph_free(struct seedchip_graph *g)
{
	struct seedchip_graph_param *p, *next;

	for (uint32_t i = 0; i < g->num_parts; i++) {
		free(g->parts[i].slots);
		free(g->parts[i].end);
	}
	for (p = g->params; p; p = next) {
		next = p->next;
		while (p->places) {
			struct graph_place *place = p->places;

			p->places = place->next;
			free(place);
		}
		free(p);
	}
	free(g->order);
	free(g->nodes);
	free(g->marks);
	free(g->uses);
	free(g);
}

static bool uses(const struct seedchip_graph *g, const struct memory *memory)
{
	uint64_t low = 0, high = g->num_uses;

	while (low < high) {
		uint64_t middle = low + (high - low) / 2;

		if (g->uses[middle] < memory->va)
			low = middle + 1;
		else
			high = middle;
	}
	return low < g->num_uses && g->uses[low] - memory->va < memory->size;
}

/* ---- lifetime ---- */

struct held {
	struct list link;
	struct memory memory;
};

bool graph_hold(struct seedchip_device *dev, const struct memory *memory)
{
	struct held *held;
	struct list *l;

	list_for_each(l, &dev->graphs) {
		struct seedchip_graph *g = container_of(l, struct seedchip_graph, link);

		if (!uses(g, memory))
			continue;
		held = malloc(sizeof(*held));
		if (!held) {
			log_message(SEEDCHIP_LOG_ERROR, "out of memory: a buffer is not released");
			return true;
		}
		held->memory = *memory;
		list_add(&g->held, &held->link);
		return true;
	}
	return false;
}

void graph_forget_queue(struct seedchip_queue *q)
{
	if (q->recording)
		graph_abandon(q);
	pthread_mutex_lock(&q->dev->lock); /* others look at graph_part.queue under it */
	pthread_mutex_lock(&q->lock);
	while (q->graphs.next != &q->graphs) {
		struct graph_part *part = container_of(q->graphs.next, struct graph_part, link);

		list_del(&part->link);
		part->queue = NULL;
		part->graph->single = NULL;
	}
	pthread_mutex_unlock(&q->lock);
	pthread_mutex_unlock(&q->dev->lock);
}

void graph_forget_replays(struct seedchip_queue *q)
{
	uint64_t retired = queue_retired(q);
	struct list *l;

	list_for_each(l, &q->graphs) {
		struct graph_part *part = container_of(l, struct graph_part, link);

		for (uint32_t i = 0; i < q->slots; i++)
			if (atomic_load(&part->end[i]) > retired)
				atomic_store(&part->end[i], 0);
	}
}

API void seedchip_graph_destroy(struct seedchip_graph *g)
{
	struct list *l;

	if (!g)
		return;
	for (uint32_t i = 0; i < g->num_parts; i++) {
		struct seedchip_queue *q = g->parts[i].queue;

		if (!q)
			continue;
		pthread_mutex_lock(&q->lock);
		list_del(&g->parts[i].link);
		pthread_mutex_unlock(&q->lock);
	}
	pthread_mutex_lock(&g->dev->lock);
	list_del(&g->link);
	pthread_mutex_unlock(&g->dev->lock);
	while ((l = g->held.next) != &g->held) {
		struct held *held = container_of(l, struct held, link);

		list_del(&held->link);
		memory_discard(g->dev, &held->memory);
		free(held);
	}
	memory_discard(g->dev, &g->memory);
	graph_free(g);
}

uint32_t graph_find_node(struct seedchip_queue *q, struct sc_fault *fault)
{
	struct list *l;

	list_for_each(l, &q->graphs) {
		struct graph_part *part = container_of(l, struct graph_part, link);
		uint32_t node = fault->tag;

		for (uint32_t i = 0; i < q->slots; i++) {
			if (atomic_load(&part->end[i]) != fault->index + 1)
				continue;
			if (node >= part->graph->num_nodes)
				node = NO_NODE;
			fault->tag = node == NO_NODE ? 0 : part->graph->nodes[node].tag;
			return node;
		}
	}
	return NO_NODE;
}

/* ---- failures of one of several queues ---- */

void graph_poison(struct seedchip_queue *q, uint64_t point)
{
	struct list *l;

	list_for_each(l, &q->graphs) {
		struct graph_part *part = container_of(l, struct graph_part, link);
		struct seedchip_graph *g = part->graph;

		if (g->num_parts == 1 ||
		    (atomic_load(&part->used[0]) < point && atomic_load(&part->used[1]) < point))
			continue;
		atomic_store(&g->poisoned, true);
		for (uint32_t i = 0; i < g->num_words; i++)
			if (&g->parts[g->marks[i].part] == part)
				atomic_store(&graph_words(g)[i], UINT64_MAX);
	}
}

void graph_check_partners(struct seedchip_queue *q)
{
	struct list *l;

	pthread_mutex_lock(&q->dev->lock);
	list_for_each(l, &q->dev->graphs) {
		struct seedchip_graph *g = container_of(l, struct seedchip_graph, link);
		bool shared = false;

		for (uint32_t i = 0; i < g->num_parts; i++)
			shared |= g->parts[i].queue == q;
		for (uint32_t i = 0; shared && i < g->num_parts; i++)
			if (g->parts[i].queue && g->parts[i].queue != q)
				queue_has_failed(g->parts[i].queue);
	}
	pthread_mutex_unlock(&q->dev->lock);
}

bool graph_copy_is_busy(const struct seedchip_graph *g, unsigned int copy)
{
	for (uint32_t i = 0; i < g->num_parts; i++) {
		const struct graph_part *part = &g->parts[i];
		uint64_t point = atomic_load_explicit(&part->used[copy], memory_order_relaxed);

		if (part->queue && point && event_poll(part->queue, point) == -EAGAIN)
			return true;
	}
	return false;
}

/* All queues have been recovered and nothing waits for the words. */
static int end_poison(struct seedchip_graph *g)
{
	for (uint32_t i = 0; i < g->num_parts; i++)
		if (queue_has_failed(g->parts[i].queue))
			return report(-EIO, "graph: one of its queues has failed: recover it");
	if (graph_copy_is_busy(g, 0) || graph_copy_is_busy(g, 1))
		return report(-EAGAIN, "graph: a replay that has failed is still under way");
	atomic_store(&g->poisoned, false);
	for (uint32_t i = 0; i < g->num_words; i++)
		atomic_store(&graph_words(g)[i], g->replays);
	return 0;
}

/* ---- replay ---- */

static int check_queues(const struct seedchip_queue *q, struct seedchip_graph *g)
{
	if (q != g->parts[0].queue && g->parts[0].queue)
		return report(-EINVAL, "graph: it was recorded on another queue");
	for (uint32_t i = 0; i < g->num_parts; i++) {
		if (!g->parts[i].queue)
			return report(-EINVAL, "graph: one of its queues has been destroyed");
		if (g->parts[i].queue->recording)
			return report(-EBUSY, "graph: one of its queues is recording");
	}
	return atomic_load_explicit(&g->poisoned, memory_order_relaxed) ? end_poison(g) : 0;
}

/* All of the packet that replays the part, but for header and tag. */
static inline void fill_replay(const struct seedchip_graph *g, const struct graph_part *part,
			       struct sc_packet *slot)
{
	struct sc_pkt_indirect *packet = (struct sc_pkt_indirect *)slot;

	packet->list = part->list + g->copy;
	packet->base = g->replays;
	packet->count = part->num_slots;
	packet->rsv0 = 0;
	packet->rsv1 = 0;
	packet->rsv2 = 0;
	packet->rsv3 = 0;
	packet->rsv4 = 0;
}

/* A replay of the part ends at @end in the ring and has @point. */
static inline void note_replay(struct seedchip_graph *g, struct graph_part *part, uint64_t end,
			       uint64_t point)
{
	part->used_end[g->which] = end;
	atomic_store_explicit(&part->used[g->which], point, memory_order_relaxed);
	atomic_store_explicit(&part->end[g->replays & part->end_mask], end, memory_order_relaxed);
}

/* The parameters that have been set, @num_set, are in use now. */
static inline void close_params(struct seedchip_graph *g, uint32_t num_set)
{
	if (num_set != GRAPH_CLOSED)
		g->num_stale = num_set;
	g->num_set = GRAPH_CLOSED;
}

static int submit_replay(struct graph_part *part)
{
	struct seedchip_queue *q = part->queue;
	uint32_t version = atomic_load_explicit(&q->dev->code_version, memory_order_acquire);
	uint32_t n = version == q->code_seen ? 1 : 2;
	union {
		struct sc_pkt_dispatch dispatch;
		struct sc_packet slot;
	} packet;
	struct sc_packet *slot;
	int r = queue_stage(q, n, &slot);

	if (r)
		return r;
	if (n > 1) { /* an empty launch, for its flag */
		packet.dispatch = (struct sc_pkt_dispatch){
			.hdr = SC_HDR(SC_OP_DISPATCH, SC_FLAG_CODE_CHANGED, 0),
			.stack_size = SC_STACK_GUARD,
		};
		queue_put(q, slot++, &packet.slot);
	}
	*(packet_word *)&packet.slot = REPLAY_WORD;
	fill_replay(part->graph, part, &packet.slot);
	queue_put(q, slot, &packet.slot);
	queue_staged(q, n);
	r = seedchip_queue_flush(q);
	if (r == -EAGAIN)
		queue_unstage(q, n);
	if (r)
		return r;
	q->code_seen = version;
	note_replay(part->graph, part, queue_end(q), atomic_load(&q->last_point));
	return 0;
}

/* Whether all queues can take part, and have room. */
static int check_replay(struct seedchip_queue *q, struct seedchip_graph *g)
{
	struct sc_packet *room;
	int r = check_queues(q, g);

	for (uint32_t i = 1; !r && i < g->num_parts; i++)
		r = queue_stage(g->parts[i].queue, 2, &room);
	return r;
}

/* Once the first queue has its part, the others get theirs. */
static int replay_others(struct seedchip_graph *g)
{
	const struct timespec pause = { .tv_nsec = 100000 };
	int r = 0;

	for (uint32_t i = 1; !r && i < g->num_parts; i++)
		while ((r = submit_replay(&g->parts[i])) == -EAGAIN)
			nanosleep(&pause, NULL);
	return r;
}

__attribute__((noinline)) static int launch_slowly(struct seedchip_queue *q,
						   struct seedchip_graph *g)
{
	int r = check_replay(q, g);

	if (r)
		return r;
	if (g->num_set < g->num_stale)
		graph_write_stale(g);
	g->replays++;
	r = submit_replay(g->parts);
	if (r) {
		g->replays--;
		return r;
	}
	r = replay_others(g);
	close_params(g, g->num_set);
	return r;
}

API int seedchip_graph_launch(struct seedchip_queue *q, struct seedchip_graph *g)
{
	uint64_t at = atomic_load_explicit(&q->horizon, memory_order_relaxed);
	uint64_t end = at + SC_SLOT_SIZE;
	uint32_t num_set = g->num_set;
	packet_word *slot;

	/* The usual way makes no call. */
	if (q != g->single || num_set < g->num_stale ||
	    at != atomic_load_explicit(&q->last_point, memory_order_relaxed) ||
	    end > atomic_load_explicit(&q->run_limit, memory_order_relaxed))
		return launch_slowly(q, g);
	slot = (packet_word *)(q->lap + at);
	g->replays++;
	fill_replay(g, g->parts, (struct sc_packet *)slot);
	note_replay(g, g->parts, end / SC_SLOT_SIZE, end);
	/* as an argument slot's, but for opcode and tag */
	user_queue_give(q, slot, q->args_hdr ^ SC_HDR(SC_OP_ARGS, 0, 0) ^ REPLAY_WORD, end);
	close_params(g, num_set);
	return 0;
}
