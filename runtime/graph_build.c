// SPDX-License-Identifier: MIT
/*
 * From a recording to a graph: its memory on the card, filled.
 *
 * Afterwards the lists exist on the card alone; the process keeps what it needs
 * to know about nodes.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "graph.h"

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

		part->end_mask = part->queue->slots - 1;
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
		else
			g->single = part->queue;
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
	g->num_set = GRAPH_CLOSED;
	r = publish(g);
	if (r)
		memory_destroy(g->dev, &g->memory);
	return r;
}
