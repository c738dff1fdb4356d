// SPDX-License-Identifier: MIT
/*
 * Graphs that can be replayed: their memory, their parameters, their replays.
 *
 * The lists are there twice. A list is not changed while a replay uses it: the
 * first parameter that is set after a replay goes over to the other copy, which
 * has old values of the parameters that were set before the last replay and not
 * since: the next replay brings those up to date. So the cost is per parameter
 * that changes, whatever the size of the graph.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "graph.h"

#define CLOSED	   (UINT32_MAX - 1) /* no parameter has this order */
#define NOT_LISTED UINT32_MAX

/* ---- from a recording to a graph ---- */

void graph_free(struct seedchip_graph *g)
{
	struct seedchip_graph_param *p, *next;

	for (uint32_t i = 0; i < g->num_parts; i++) {
		free(g->parts[i].slots);
		free(g->parts[i].end);
	}
	for (p = g->params; p; p = next) {
		next = p->next;
		free(p->places);
		free(p);
	}
	free(g->order);
	free(g->nodes);
	free(g->marks);
	free(g->uses);
	free(g);
}

static int compare_words(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return x < y ? -1 : x > y;
}

/* Every word that a packet or an argument has and that may be an address of the device. */
static int find_uses(struct seedchip_graph *g)
{
	uint64_t total = 0, n = 0, last = 0;

	for (uint32_t i = 0; i < g->num_parts; i++)
		total += g->parts[i].num_slots;
	if (!total)
		return 0;
	g->uses = malloc(total * ARRAY_SIZE(g->parts[0].slots[0].body) * sizeof(*g->uses));
	if (!g->uses)
		return report(-ENOMEM, "graph: out of memory");
	for (uint32_t i = 0; i < g->num_parts; i++)
		for (uint32_t j = 0; j < g->parts[i].num_slots; j++)
			for (uint32_t k = 0; k < ARRAY_SIZE(g->parts[i].slots[j].body); k++) {
				uint64_t word = g->parts[i].slots[j].body[k];

				/* runs of the same address are frequent */
				if (word < g->dev->info.va_start || word >= g->dev->info.va_end ||
				    word == last)
					continue;
				g->uses[n++] = word;
				last = word;
			}
	qsort(g->uses, n, sizeof(*g->uses), compare_words);
	g->num_uses = n;
	return 0;
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

static int allocate(struct seedchip_graph *g)
{
	struct seedchip_device *dev = g->dev;
	uint64_t words;
	int r;

	for (uint32_t i = 0; i < g->num_parts; i++) {
		g->parts[i].list = g->copy_size;
		g->copy_size += (uint64_t)g->parts[i].num_slots * SC_SLOT_SIZE;
	}
	words = ((uint64_t)g->num_words * sizeof(uint64_t) + SC_SLOT_SIZE - 1) &
		~(SC_SLOT_SIZE - 1ull);
	r = memory_create(dev, 2 * g->copy_size + words + g->patch_size + SC_SLOT_SIZE,
			  DRM_SEEDCHIP_BO_CARD | DRM_SEEDCHIP_BO_CPU_VISIBLE,
			  DRM_SEEDCHIP_BIND_READ | DRM_SEEDCHIP_BIND_WRITE, &g->memory);
	if (!r) {
		r = memory_map(dev, &g->memory);
		if (r)
			memory_destroy(dev, &g->memory);
	}
	if (r)
		return report(r, "graph: %llu bytes of CPU-visible card memory: %s",
			      2 * (unsigned long long)g->copy_size, strerror(-r));
	for (uint32_t i = 0; i < g->num_parts; i++)
		g->parts[i].list += g->memory.va;
	g->patch = g->memory.va + 2 * g->copy_size + words;
	return 0;
}

/* The words of the events, for the CPU. */
static _Atomic uint64_t *words_of(const struct seedchip_graph *g)
{
	return (void *)((char *)g->memory.map + 2 * g->copy_size);
}

/* Addresses of words become absolute. */
static void place_words(struct seedchip_graph *g, struct graph_part *part)
{
	uint64_t words = g->memory.va + 2 * g->copy_size;

	for (uint32_t i = 0; i < part->num_slots; i++) {
		struct sc_packet *slot = &part->slots[i];

		if (SC_HDR_OP(slot->hdr) == SC_OP_WAIT || SC_HDR_OP(slot->hdr) == SC_OP_SIGNAL)
			slot->body[0] += words;
	}
}

static struct sc_packet *node_packet(const struct seedchip_graph *g, const struct graph_node *node)
{
	return &g->parts[node->part].slots[node->slot];
}

static void number_nodes(struct seedchip_graph *g)
{
	for (uint32_t i = 0; i < g->num_nodes; i++) {
		struct graph_node *node = &g->nodes[i];
		struct sc_packet *packet = node_packet(g, node);

		node->tag = packet->tag;
		node->op = SC_HDR_OP(packet->hdr);
		node->flags = SC_HDR_FLAGS(packet->hdr);
		if (node->op == SC_OP_DISPATCH)
			node->args_size = ((struct sc_pkt_dispatch *)packet)->args_size;
		packet->tag = i;
	}
}

/*
 * Fill in the COPY that fetches the arguments of a patched node: the argument
 * slots of @copy, 56 bytes each, from bytes that lie in one piece.
 */
static void place_patch(struct seedchip_graph *g, const struct graph_node *node, uint64_t copy)
{
	struct sc_packet *packet = node_packet(g, node);
	struct sc_pkt_copy *fetch = (struct sc_pkt_copy *)(packet - 2);

	fetch->src = g->patch + node->patch;
	fetch->dst = g->parts[node->part].list + copy + (node->slot + 1ull) * SC_SLOT_SIZE +
		     offsetof(struct sc_pkt_args, data);
	fetch->size = SC_ARG_SLOT_SIZE;
	fetch->rows = SC_HDR_NARGS(packet->hdr);
	fetch->src_stride = SC_ARG_SLOT_SIZE;
	fetch->dst_stride = SC_SLOT_SIZE;
}

static void write_copy(struct seedchip_graph *g, uint64_t copy)
{
	unsigned char *to = (unsigned char *)g->memory.map + copy;

	for (uint32_t i = 0; i < g->num_nodes; i++)
		if (g->nodes[i].patch != NO_PATCH)
			place_patch(g, &g->nodes[i], copy);
	for (uint32_t i = 0; i < g->num_parts; i++) {
		size_t size = (size_t)g->parts[i].num_slots * SC_SLOT_SIZE;

		if (size)
			memcpy(to, g->parts[i].slots, size);
		to += size;
	}
}

/* The recorded arguments are what patched nodes begin with. */
static void write_patches(struct seedchip_graph *g)
{
	for (uint32_t i = 0; i < g->num_nodes; i++) {
		const struct graph_node *node = &g->nodes[i];
		const struct sc_packet *packet = node_packet(g, node);
		unsigned char *to = (unsigned char *)g->memory.map +
				    (g->patch - g->memory.va) + node->patch;

		for (uint32_t k = 1; node->patch != NO_PATCH && k <= SC_HDR_NARGS(packet->hdr); k++)
			memcpy(to + (k - 1) * SC_ARG_SLOT_SIZE, packet[k].body, SC_ARG_SLOT_SIZE);
	}
}

static int publish(struct seedchip_graph *g)
{
	struct seedchip_device *dev = g->dev;

	for (uint32_t i = 0; i < g->num_parts; i++) {
		struct graph_part *part = &g->parts[i];

		part->end = calloc(part->queue->slots, sizeof(*part->end));
		if (!part->end)
			return report(-ENOMEM, "graph: out of memory");
	}
	for (uint32_t i = 0; i < g->num_parts; i++) {
		struct graph_part *part = &g->parts[i];

		free(part->slots);
		part->slots = NULL;
		if (g->num_parts > 1)
			part->queue->has_partners = true;
		pthread_mutex_lock(&part->queue->lock);
		list_add(&part->queue->graphs, &part->link);
		pthread_mutex_unlock(&part->queue->lock);
	}
	pthread_mutex_lock(&dev->lock);
	list_add(&dev->graphs, &g->link);
	pthread_mutex_unlock(&dev->lock);
	return 0;
}

int graph_build(struct seedchip_graph *g)
{
	int r = find_uses(g);

	if (!r)
		r = allocate(g);
	if (r)
		return r;
	number_nodes(g);
	for (uint32_t i = 0; i < g->num_parts; i++)
		place_words(g, &g->parts[i]);
	write_patches(g);
	write_copy(g, 0);
	write_copy(g, g->copy_size);
	g->num_set = CLOSED;
	r = publish(g);
	if (r)
		memory_destroy(g->dev, &g->memory);
	return r;
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
	pthread_mutex_lock(&q->lock);
	while (q->graphs.next != &q->graphs) {
		struct graph_part *part = container_of(q->graphs.next, struct graph_part, link);

		list_del(&part->link);
		part->queue = NULL;
	}
	pthread_mutex_unlock(&q->lock);
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
		    (atomic_load(&part->point[0]) < point && atomic_load(&part->point[1]) < point))
			continue;
		atomic_store(&g->poisoned, true);
		for (uint32_t i = 0; i < g->num_words; i++)
			if (&g->parts[g->marks[i].part] == part)
				atomic_store(&words_of(g)[i], UINT64_MAX);
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

static bool copy_is_busy(const struct seedchip_graph *g, unsigned int copy)
{
	for (uint32_t i = 0; i < g->num_parts; i++) {
		const struct graph_part *part = &g->parts[i];
		uint64_t point = atomic_load_explicit(&part->point[copy], memory_order_relaxed);

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
	if (copy_is_busy(g, 0) || copy_is_busy(g, 1))
		return report(-EAGAIN, "graph: a replay that has failed is still under way");
	atomic_store(&g->poisoned, false);
	for (uint32_t i = 0; i < g->num_words; i++)
		atomic_store(&words_of(g)[i], g->replays);
	return 0;
}

/* ---- parameters ---- */

static const struct {
	uint32_t place, op, offset, size;
} fields[] = {
	{ SEEDCHIP_PLACE_GRID, SC_OP_DISPATCH, offsetof(struct sc_pkt_dispatch, grid_x), 12 },
	{ SEEDCHIP_PLACE_DST, SC_OP_COPY, offsetof(struct sc_pkt_copy, dst), 8 },
	{ SEEDCHIP_PLACE_SRC, SC_OP_COPY, offsetof(struct sc_pkt_copy, src), 8 },
	{ SEEDCHIP_PLACE_SIZE, SC_OP_COPY, offsetof(struct sc_pkt_copy, size), 8 },
	{ SEEDCHIP_PLACE_ROWS, SC_OP_COPY, offsetof(struct sc_pkt_copy, rows), 4 },
	{ SEEDCHIP_PLACE_DST, SC_OP_FILL, offsetof(struct sc_pkt_fill, dst), 8 },
	{ SEEDCHIP_PLACE_SIZE, SC_OP_FILL, offsetof(struct sc_pkt_fill, size), 8 },
	{ SEEDCHIP_PLACE_PATTERN, SC_OP_FILL, offsetof(struct sc_pkt_fill, pattern), 8 },
};

/* Where byte @offset of a node's arguments lies, from its packet on. */
static uint32_t args_offset(size_t offset)
{
	return (1 + offset / SC_ARG_SLOT_SIZE) * SC_SLOT_SIZE + offsetof(struct sc_pkt_args, data) +
	       offset % SC_ARG_SLOT_SIZE;
}

static int find_bytes(const struct graph_node *node, uint32_t number, size_t place, size_t size,
		      uint32_t *offset)
{
	if (place < SEEDCHIP_PLACE_GRID && node->op == SC_OP_DISPATCH) {
		if (!size || size > node->args_size || place > node->args_size - size)
			return report(-EINVAL, "graph: node %u has %u bytes of arguments", number,
				      node->args_size);
		if (node->patch != NO_PATCH)
			return report(-EPERM, "graph: kernels write the arguments of node %u",
				      number);
		*offset = args_offset(place);
		return 0;
	}
	for (unsigned int i = 0; i < ARRAY_SIZE(fields); i++) {
		size_t from = place - fields[i].place;

		if (fields[i].op != node->op || place < fields[i].place ||
		    from >= fields[i].size || !size || size > fields[i].size - from)
			continue;
		if (node->flags & SC_FLAG_GRID_INDIRECT)
			return report(-EINVAL, "graph: the grid of node %u comes from memory",
				      number);
		*offset = fields[i].offset + from;
		return 0;
	}
	return report(-EINVAL, "graph: node %u has no place 0x%zx of %zu bytes", number, place,
		      size);
}

static const struct seedchip_graph_param *find_overlap(const struct seedchip_graph *g,
						       uint32_t node, size_t place, size_t size)
{
	for (const struct seedchip_graph_param *p = g->params; p; p = p->next)
		for (uint32_t i = 0; i < p->num_places; i++) {
			size_t from = p->places[i].place;

			if (p->places[i].node == node && from < place + size &&
			    place < from + p->size)
				return p;
		}
	return NULL;
}

static int add_param(struct seedchip_graph *g, const char *name, size_t size,
		     struct seedchip_graph_param **param)
{
	struct seedchip_graph_param **order, *p = calloc(1, sizeof(*p) + (size + 7) / 8 * 8);

	order = realloc(g->order, (g->num_params + 1) * sizeof(struct seedchip_graph_param *));
	if (order)
		g->order = order;
	if (!order || !p) {
		free(p);
		return report(-ENOMEM, "graph: out of memory");
	}
	p->graph = g;
	p->size = size;
	p->order = NOT_LISTED;
	if (name)
		strcpy(p->name, name); /* whose length has been checked */
	p->next = g->params;
	g->params = p;
	g->num_params++;
	*param = p;
	return 0;
}

static int add_place(struct seedchip_graph_param *p, const struct graph_place *place)
{
	struct graph_place *places = realloc(p->places, (p->num_places + 1) * sizeof(*places));
	bool simple = !p->num_places &&
		      (uintptr_t)place->at % SC_SLOT_SIZE + p->size <= SC_SLOT_SIZE;

	if (!places)
		return report(-ENOMEM, "graph: out of memory");
	places[p->num_places++] = *place;
	p->places = places;
	p->word = simple && p->size == sizeof(*p->word) ? (void *)place->at : NULL;
	p->half = simple && p->size == sizeof(*p->half) ? (void *)place->at : NULL;
	return 0;
}

static struct seedchip_graph_param *find_param(const struct seedchip_graph *g, const char *name)
{
	struct seedchip_graph_param *p = g->params;

	while (p && strcmp(p->name, name))
		p = p->next;
	return p;
}

API int seedchip_graph_param(struct seedchip_graph *g, const char *name, uint32_t node,
			     size_t place, size_t size, struct seedchip_graph_param **param)
{
	const struct seedchip_graph_param *other;
	struct graph_place at = { .node = node, .place = place };
	struct seedchip_graph_param *p = NULL;
	uint32_t offset = 0;
	int r;

	if (name && strlen(name) >= sizeof(p->name))
		return report(-ENAMETOOLONG, "graph: parameter \"%s\": the name is too long", name);
	if (node >= g->num_nodes)
		return report(-ENOENT, "graph: no node %u, there are %u", node, g->num_nodes);
	r = find_bytes(&g->nodes[node], node, place, size, &offset);
	if (r)
		return r;
	other = find_overlap(g, node, place, size);
	if (other)
		return report(-EEXIST, "graph: node %u: these bytes belong to parameter \"%s\"",
			      node, other->name);
	if (name && *name)
		p = find_param(g, name);
	if (p && p->size != size)
		return report(-EINVAL, "graph: parameter \"%s\" has %u bytes elsewhere", name,
			      p->size);
	if (!p)
		r = add_param(g, name, size, &p);
	at.at = (unsigned char *)g->memory.map +
		(g->parts[g->nodes[node].part].list - g->memory.va) +
		(uint64_t)g->nodes[node].slot * SC_SLOT_SIZE + offset;
	if (!r)
		r = add_place(p, &at);
	if (!r)
		*param = p;
	return r;
}

API int seedchip_graph_find(struct seedchip_graph *g, const char *name,
			    struct seedchip_graph_param **param)
{
	struct seedchip_graph_param *p = *name ? find_param(g, name) : NULL;

	if (!p)
		return report(-ENOENT, "graph: no parameter \"%s\"", name);
	*param = p;
	return 0;
}

API int seedchip_graph_address(const struct seedchip_graph *g, uint32_t node, uint64_t *address)
{
	if (node >= g->num_nodes)
		return report(-ENOENT, "graph: no node %u, there are %u", node, g->num_nodes);
	if (g->nodes[node].patch == NO_PATCH)
		return report(-EINVAL, "graph: node %u is no launch with SEEDCHIP_PATCHED", node);
	*address = g->patch + g->nodes[node].patch;
	return 0;
}

/* Write the value into the copy that the next replay uses. */
static void write_value(const struct seedchip_graph_param *p)
{
	for (uint32_t i = 0; i < p->num_places; i++) {
		unsigned char *at = p->places[i].at + p->graph->copy;
		const unsigned char *from = (const unsigned char *)p->value;
		size_t left = p->size;

		while (left) { /* arguments go on behind the next slot's header */
			size_t room = SC_SLOT_SIZE - (uintptr_t)at % SC_SLOT_SIZE;
			size_t n = left < room ? left : room;

			memcpy(at, from, n);
			at += n + offsetof(struct sc_pkt_args, data);
			from += n;
			left -= n;
		}
	}
}

/* The first parameter is set after a replay: go over to the other copy. */
static int open_copy(struct seedchip_graph *g)
{
	const struct graph_part *part = g->parts;
	unsigned int other = !g->copy;
	bool idle = g->num_parts == 1 && part->queue &&
		    queue_retired(part->queue) >= part->until[other];

	if (!idle && copy_is_busy(g, other))
		return report(-EAGAIN, "graph: replays under way use both copies");
	g->copy = g->copy_size - g->copy;
	g->num_set = 0;
	return 0;
}

/* Make @p one of the parameters set since the last replay. */
static void list_param(struct seedchip_graph_param *p)
{
	struct seedchip_graph *g = p->graph;

	if (p->order < g->num_set)
		return;
	if (p->order == NOT_LISTED) {
		p->order = g->num_stale++;
		g->order[p->order] = p;
	}
	g->order[g->num_set]->order = p->order;
	g->order[p->order] = g->order[g->num_set];
	g->order[g->num_set] = p;
	p->order = g->num_set++;
}

__attribute__((noinline)) static int set_slowly(struct seedchip_graph_param *p, const void *value)
{
	int r;

	if (p->graph->num_set == CLOSED) {
		r = open_copy(p->graph);
		return r ? r : seedchip_graph_set(p, value);
	}
	list_param(p);
	memcpy(p->value, value, p->size);
	write_value(p);
	return 0;
}

/* From replay to replay the same parameters are set in the same order: that is the fast way. */
API int seedchip_graph_set(struct seedchip_graph_param *p, const void *value)
{
	struct seedchip_graph *g = p->graph;
	uint32_t half;

	if (p->order != g->num_set)
		return set_slowly(p, value);
	if (p->word) {
		memcpy(p->value, value, sizeof(*p->value));
		memcpy((char *)p->word + g->copy, p->value, sizeof(*p->value));
	} else if (p->half) {
		memcpy(&half, value, sizeof(half));
		memcpy(p->value, &half, sizeof(half));
		memcpy((char *)p->half + g->copy, &half, sizeof(half));
	} else {
		return set_slowly(p, value);
	}
	g->num_set++;
	return 0;
}

/* What was set before the last replay and not since. */
static void write_stale(struct seedchip_graph *g)
{
	for (uint32_t i = g->num_set; i < g->num_stale; i++) {
		write_value(g->order[i]);
		g->order[i]->order = NOT_LISTED;
	}
	g->num_stale = g->num_set;
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

/*
 * Put a replay of the part into the ring, and ring. New modules mean that cores
 * may have old code: then an empty launch goes in front, for its flag.
 */
static int replay_part(struct graph_part *part)
{
	struct seedchip_graph *g = part->graph;
	struct seedchip_queue *q = part->queue;
	uint32_t version = atomic_load_explicit(&g->dev->code_version, memory_order_acquire);
	uint32_t n = version == q->code_seen ? 1 : 2;
	struct sc_packet *packet;
	int r = queue_stage(q, n, &packet);

	if (r)
		return r;
	if (n > 1)
		*(struct sc_pkt_dispatch *)packet++ = (struct sc_pkt_dispatch){
			.hdr = SC_HDR(SC_OP_DISPATCH, SC_FLAG_CODE_CHANGED, 0),
			.stack_size = SC_STACK_GUARD,
		};
	*(struct sc_pkt_indirect *)packet = (struct sc_pkt_indirect){
		.hdr = SC_HDR(SC_OP_INDIRECT, 0, 0),
		.tag = NO_NODE,
		.list = part->list + g->copy,
		.base = g->replays,
		.count = part->num_slots,
	};
	queue_staged(q, n);
	r = seedchip_queue_flush(q);
	if (r == -EAGAIN)
		queue_unstage(q, n);
	if (r)
		return r;
	q->code_seen = version;
	part->until[!!g->copy] = q->last_index;
	atomic_store_explicit(&part->point[!!g->copy],
			      atomic_load_explicit(&q->last_point, memory_order_relaxed),
			      memory_order_relaxed);
	atomic_store_explicit(&part->end[g->replays % q->slots], q->last_index,
			      memory_order_relaxed);
	return 0;
}

API int seedchip_graph_launch(struct seedchip_queue *q, struct seedchip_graph *g)
{
	const struct timespec pause = { .tv_nsec = 100000 };
	struct sc_packet *room;
	int r = check_queues(q, g);

	/* Once the first queue has its part, the others must take theirs. */
	for (uint32_t i = 1; !r && i < g->num_parts; i++)
		r = queue_stage(g->parts[i].queue, 2, &room);
	if (r)
		return r;
	if (g->num_set != CLOSED && g->num_set != g->num_stale)
		write_stale(g);
	g->replays++;
	r = replay_part(g->parts);
	if (r) {
		g->replays--;
		return r;
	}
	for (uint32_t i = 1; !r && i < g->num_parts; i++)
		while ((r = replay_part(&g->parts[i])) == -EAGAIN)
			nanosleep(&pause, NULL);
	if (g->num_set != CLOSED)
		g->num_stale = g->num_set;
	g->num_set = CLOSED;
	return r;
}
