// SPDX-License-Identifier: MIT
/*
 * Parameters of graphs.
 *
 * A list is not changed while a replay uses it: the first parameter that is set
 * after a replay goes over to the other copy, which has old values of those that
 * were set before the last replay and not since; the next replay brings these up
 * to date. So the cost is per parameter that changes, whatever the graph's size.
 *
 * Invariant: seedchip_graph.order holds each parameter whose values in the two
 * copies differ.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "graph.h"

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

static const struct graph_place *find_overlap(const struct graph_node *node, size_t place,
					      size_t size)
{
	const struct graph_place *p = node->places;

	while (p && (p->place >= place + size || place >= p->place + p->param->size))
		p = p->next_of_node;
	return p;
}

static void set_order(struct seedchip_graph_param *p, uint32_t order)
{
	p->order = order;
	p->turn = p->word ? order : GRAPH_NOT_LISTED;
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
	set_order(p, GRAPH_NOT_LISTED);
	if (name)
		strcpy(p->name, name); /* whose length has been checked */
	p->next = g->params;
	g->params = p;
	g->num_params++;
	*param = p;
	return 0;
}

static int add_place(struct seedchip_graph_param *p, struct graph_node *node, size_t place,
		     unsigned char *at)
{
	struct graph_place *new = malloc(sizeof(*new));
	bool simple = !p->places && (uintptr_t)at % SC_SLOT_SIZE + p->size <= SC_SLOT_SIZE;

	if (!new)
		return report(-ENOMEM, "graph: out of memory");
	*new = (struct graph_place){
		.param = p, .place = place, .at = at,
		.next = p->places, .next_of_node = node->places,
	};
	p->places = new;
	node->places = new;
	p->word = simple && p->size == sizeof(*p->word) ? (void *)at : NULL;
	p->half = simple && p->size == sizeof(*p->half) ? (void *)at : NULL;
	set_order(p, p->order);
	return 0;
}

static struct seedchip_graph_param *find_param(const struct seedchip_graph *g, const char *name)
{
	struct seedchip_graph_param *p = g->params;

	while (p && strcmp(p->name, name))
		p = p->next;
	return p;
}

/* Byte @offset from the packet of a node on, in copy 0. */
static unsigned char *node_bytes(const struct seedchip_graph *g, const struct graph_node *node,
				 uint32_t offset)
{
	return (unsigned char *)g->memory.map + (g->parts[node->part].list - g->memory.va) +
	       (size_t)node->slot * SC_SLOT_SIZE + offset;
}

API int seedchip_graph_param(struct seedchip_graph *g, const char *name, uint32_t number,
			     size_t place, size_t size, struct seedchip_graph_param **param)
{
	const struct graph_place *other;
	struct seedchip_graph_param *p = NULL;
	struct graph_node *node;
	uint32_t offset = 0;
	int r;

	if (name && strlen(name) >= sizeof(p->name))
		return report(-ENAMETOOLONG, "graph: parameter \"%s\": the name is too long", name);
	if (number >= g->num_nodes)
		return report(-ENOENT, "graph: no node %u, there are %u", number, g->num_nodes);
	node = &g->nodes[number];
	r = find_bytes(node, number, place, size, &offset);
	if (r)
		return r;
	other = find_overlap(node, place, size);
	if (other)
		return report(-EEXIST, "graph: node %u: these bytes belong to parameter \"%s\"",
			      number, other->param->name);
	if (name && *name)
		p = find_param(g, name);
	if (p && p->size != size)
		return report(-EINVAL, "graph: parameter \"%s\" has %u bytes elsewhere", name,
			      p->size);
	if (!p)
		r = add_param(g, name, size, &p);
	if (!r)
		r = add_place(p, node, place, node_bytes(g, node, offset));
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
	for (const struct graph_place *place = p->places; place; place = place->next) {
		unsigned char *at = place->at + p->graph->copy;
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

/* Parameters go into the other copy from now on. */
static inline void open_copy(struct seedchip_graph *g)
{
	g->which ^= 1;
	g->copy = g->copy_size - g->copy;
	g->num_set = 0;
}

/* Make @p one of the parameters set since the last replay. */
static void list_param(struct seedchip_graph_param *p)
{
	struct seedchip_graph *g = p->graph;

	if (p->order < g->num_set)
		return;
	if (p->order == GRAPH_NOT_LISTED) {
		p->order = g->num_stale++;
		g->order[p->order] = p;
	}
	set_order(g->order[g->num_set], p->order);
	g->order[p->order] = g->order[g->num_set];
	g->order[g->num_set] = p;
	set_order(p, g->num_set++);
}

/* Whether @p is a word that is next in turn, and then it is set. */
static inline bool set_word(struct seedchip_graph *g, struct seedchip_graph_param *p,
			    const void *value)
{
	if (p->turn != g->num_set)
		return false;
	memcpy(p->value, value, sizeof(*p->value));
	memcpy((char *)p->word + g->copy, p->value, sizeof(*p->value));
	g->num_set++;
	return true;
}

/* Not in turn, or of another size. */
__attribute__((noinline)) static int set_any(struct seedchip_graph_param *p, const void *value)
{
	list_param(p);
	memcpy(p->value, value, p->size);
	write_value(p);
	return 0;
}

/* No word that is next in turn; half of one may be. */
__attribute__((noinline)) static int set_other(struct seedchip_graph_param *p, const void *value)
{
	struct seedchip_graph *g = p->graph;

	if (!p->half || p->order != g->num_set)
		return set_any(p, value);
	memcpy(p->value, value, sizeof(*p->half));
	memcpy((char *)p->half + g->copy, p->value, sizeof(*p->half));
	g->num_set++;
	return 0;
}

/* The first one after a replay, which may still be under way. */
__attribute__((noinline)) static int set_first(struct seedchip_graph_param *p, const void *value)
{
	if (graph_copy_is_busy(p->graph, p->graph->which ^ 1))
		return report(-EAGAIN, "graph: replays under way use both copies");
	open_copy(p->graph);
	return set_word(p->graph, p, value) ? 0 : set_other(p, value);
}

/*
 * From replay to replay the same parameters are set in the same order, and the replay before
 * the last has retired: this way makes no call.
 */
API int seedchip_graph_set(struct seedchip_graph_param *p, const void *value)
{
	struct seedchip_graph *g = p->graph;

	while (!set_word(g, p, value)) {
		if (g->num_set != GRAPH_CLOSED)
			return set_other(p, value);
		if (!g->single || queue_retired(g->single) < g->parts->used_end[g->which ^ 1])
			return set_first(p, value);
		open_copy(g);
	}
	return 0;
}

void graph_write_stale(struct seedchip_graph *g)
{
	for (uint32_t i = g->num_set; i < g->num_stale; i++) {
		write_value(g->order[i]);
		set_order(g->order[i], GRAPH_NOT_LISTED);
	}
	g->num_stale = g->num_set;
}
