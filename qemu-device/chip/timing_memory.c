// SPDX-License-Identifier: MIT
/*
 * Last-level cache and bandwidth of the timing model.
 *
 * The cache is set-associative with least-recently-used replacement, 16 ways
 * of lines of 128 bytes, indexed by a hash of the address, and writes back. A
 * write that misses reads nothing: lines know which of their bytes are valid.
 */
#include <stdlib.h>
#include <string.h>

#include "timing_memory.h"

#define LINE  128
#define WAYS  16
#define DIRTY 1ull /* in a tag, whose lowest bits are free */
#define CORES 64

struct sc_llc {
	uint64_t sets;
	uint64_t tags[][WAYS]; /* most recent first; address of the line + LINE, 0: none */
};

struct sc_llc *sc_llc_create(const struct sc_machine *machine)
{
	uint64_t sets = machine->llc_kib * 1024ull / (LINE * WAYS);
	struct sc_llc *llc = calloc(1, sizeof(*llc) + sets * sizeof(llc->tags[0]));

	if (llc)
		llc->sets = sets;
	return llc;
}

void sc_llc_destroy(struct sc_llc *llc)
{
	free(llc);
}

static uint64_t *set_of(struct sc_llc *llc, uint64_t line)
{
	uint32_t hash = (uint32_t)(line / LINE * 0x9e3779b97f4a7c15ull >> 32);

	return llc->tags[hash * llc->sets >> 32];
}

static void access_line(struct sc_llc *llc, uint64_t line, uint64_t len, bool write,
			struct sc_traffic *traffic)
{
	uint64_t *set = set_of(llc, line), tag = 0;
	unsigned int way;

	for (way = 0; way < WAYS && (set[way] & ~DIRTY) != line + LINE; way++)
		;
	if (way < WAYS) {
		traffic->hit += len;
		tag = set[way];
	} else {
		way = WAYS - 1;
		if (set[way] & DIRTY)
			traffic->evict += LINE;
		if (!write)
			traffic->fill += LINE;
		tag = line + LINE;
	}
	memmove(set + 1, set, way * sizeof(*set));
	set[0] = tag | (write ? DIRTY : 0);
}

void sc_llc_access(struct sc_llc *llc, uint64_t va, uint64_t len, bool write,
		   struct sc_traffic *traffic)
{
	uint64_t end = va + len, line;

	if (!len)
		return;
	if (!llc->sets) {
		if (write)
			traffic->evict += len;
		else
			traffic->fill += len;
		return;
	}
	for (line = va - va % LINE; line < end; line += LINE) {
		uint64_t from = line > va ? line : va;
		uint64_t to = line + LINE < end ? line + LINE : end;

		access_line(llc, line, to - from, write, traffic);
	}
}

static uint64_t per_cycle(uint64_t gbs, uint32_t clock_mhz)
{
	return gbs * 1000 * SC_ONE / clock_mhz;
}

struct sc_rates sc_machine_rates(const struct sc_machine *m)
{
	return (struct sc_rates){
		.llc = per_cycle(m->llc_gbs, m->clock_mhz),
		.dram = per_cycle(m->dram_gbs, m->clock_mhz),
		.host = per_cycle(m->link_gbs, m->clock_mhz),
	};
}

/* What is left to hand out, and who still takes part. */
struct share {
	uint64_t port[CORES];
	uint32_t port_flows[CORES];
	struct sc_rates left;
	uint64_t cached, memory, host; /* weights of those that take part */
};

static uint64_t level(uint64_t left, uint64_t weight)
{
	return weight ? left / weight : UINT64_MAX;
}

/* The rate at which a flow is first stopped, if all that take part rise together; and by what. */
static uint64_t stop_at(const struct share *s, const struct sc_flow *f, uint8_t *cause)
{
	const uint64_t levels[][2] = {
		{ level(s->port[f->core], s->port_flows[f->core]), SC_TS_ACTIVE },
		{ f->limit, SC_TS_ROWS },
		{ f->memory ? level(s->left.dram * SC_ONE, s->memory) : UINT64_MAX, SC_TS_DRAM },
		{ f->cached ? level(s->left.llc, s->cached) : UINT64_MAX, SC_TS_LLC },
		{ f->host ? level(s->left.host, s->host) : UINT64_MAX, SC_TS_LINK },
	};
	uint64_t least = UINT64_MAX;

	for (unsigned int i = 0; i < sizeof(levels) / sizeof(levels[0]); i++) {
		if (levels[i][0] < least) {
			least = levels[i][0];
			*cause = (uint8_t)levels[i][1];
		}
	}
	return least;
}

static void take(uint64_t *from, uint64_t amount)
{
	*from -= amount < *from ? amount : *from;
}

static void settle(struct share *s, struct sc_flow *f, uint64_t rate, uint8_t cause)
{
	f->rate = rate ? rate : 1;
	f->cause = cause;
	take(&s->port[f->core], rate);
	s->port_flows[f->core]--;
	take(&s->left.dram, rate * f->memory / SC_ONE);
	s->memory -= f->memory;
	if (f->cached) {
		take(&s->left.llc, rate);
		s->cached--;
	}
	if (f->host) {
		take(&s->left.host, rate);
		s->host--;
	}
}

static void open_share(struct share *s, struct sc_flow *flows, unsigned int count, uint64_t port)
{
	unsigned int i;

	for (i = 0; i < CORES; i++)
		s->port[i] = port;
	for (i = 0; i < count; i++) {
		const struct sc_flow *f = &flows[i];

		if (!f->active)
			continue;
		s->port_flows[f->core]++;
		s->cached += f->cached;
		s->memory += f->memory;
		s->host += f->host;
	}
	for (i = 0; i < count; i++)
		if (flows[i].active)
			flows[i].fair = port / s->port_flows[flows[i].core];
}

void sc_share(struct sc_flow *flows, unsigned int count, uint64_t port,
	      const struct sc_rates *rates, struct sc_rates *used)
{
	struct share s = { .left = *rates };
	bool open[CORES * 8];
	unsigned int i, left = 0;
	uint8_t cause = 0;

	open_share(&s, flows, count, port);
	for (i = 0; i < count; i++) {
		open[i] = flows[i].active;
		left += open[i];
	}
	while (left) {
		uint64_t least = UINT64_MAX, stop[CORES * 8];
		struct share now = s;

		for (i = 0; i < count; i++) {
			if (!open[i])
				continue;
			stop[i] = stop_at(&now, &flows[i], &cause);
			least = stop[i] < least ? stop[i] : least;
		}
		for (i = 0; i < count; i++) {
			if (!open[i] || stop[i] != least)
				continue;
			stop_at(&now, &flows[i], &cause);
			settle(&s, &flows[i], least, cause);
			open[i] = false;
			left--;
		}
	}
	used->llc = rates->llc - s.left.llc;
	used->dram = rates->dram - s.left.dram;
	used->host = rates->host - s.left.host;
}
