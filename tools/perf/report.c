// SPDX-License-Identifier: MIT
/*
 * The report of a run. Shares of time are of the cycles of all cores; what is
 * below a tenth of a percent is left out of the text, never of the JSON.
 */
#include <inttypes.h>

#include "perf.h"

static const char *const state_keys[] = {
#define STATE_KEY(name, key, text) key,
	SC_TS_TABLE(STATE_KEY)
};

static const char *const need_keys[] = {
#define NEED_KEY(name, key, text) key,
	SC_TL_TABLE(NEED_KEY)
};

static const char *const need_texts[] = {
#define NEED_TEXT(name, key, text) text,
	SC_TL_TABLE(NEED_TEXT)
};

static const char *const engine_names[] = { "hart", "matrix", "dma0", "dma1", "dma2", "dma3" };
static const char *const mac_keys[] = { "i8", "f16", "f32" };

/* What follows from the numbers of the model. */
struct derived {
	double us, ops, ideal, intensity, bound;
	uint64_t dram;
	enum sc_tl limiter;
	double share; /* of the cycles that the limiter alone would take */
	double present; /* of the cores, which have a workgroup */
};

static uint64_t sum_state(const struct sc_timing *t, unsigned int engine, unsigned int state)
{
	uint64_t sum = 0;

	for (unsigned int core = 0; core < t->cores; core++)
		sum += t->state[core][engine][state];
	return sum;
}

/* Core cycles in which an engine's core had no workgroup, or the engine nothing to do. */
static uint64_t away(const struct sc_timing *t, unsigned int engine)
{
	return sum_state(t, engine, SC_TS_IDLE) + sum_state(t, engine, SC_TS_DISPATCH) +
	       sum_state(t, engine, SC_TS_CLEAR) + sum_state(t, engine, SC_TS_EARLIER);
}

static struct derived derive(const struct sc_machine *m, const struct sc_timing *t)
{
	struct derived d = { .us = (double)t->cycles / m->clock_mhz,
			     .dram = t->dram_read + t->dram_write };
	double peak, memory = m->dram_gbs * 1e9;
	unsigned int i;

	for (i = 0; i < 3; i++) {
		d.ops += 2.0 * t->macs[i];
		d.ideal += 2.0 * t->macs[i] / machine_peak(m, i) * m->clock_mhz * 1e6;
	}
	/* the roof over a mixture of widths: what its own would allow */
	peak = d.ideal > 0 ? d.ops / d.ideal * m->clock_mhz * 1e6 : 0;
	d.intensity = d.dram ? d.ops / d.dram : 0;
	d.bound = d.dram && d.intensity * memory < peak ? d.intensity * memory : peak;
	for (i = 0; i < SC_TL_COUNT; i++)
		if (t->need[i] > t->need[d.limiter])
			d.limiter = (enum sc_tl)i;
	d.share = (double)t->need[d.limiter] / t->cycles;
	d.present = 1 - (double)away(t, SC_TE_HART) / ((double)t->cycles * t->cores);
	return d;
}

/* What a launch should change first. */
enum limit { LIMIT_RESOURCE, LIMIT_CORES, LIMIT_LATENCY };

static const char *const limiter_texts[] = {
	[LIMIT_RESOURCE] = "",
	[LIMIT_CORES] = "too few or too unequal workgroups; ",
	[LIMIT_LATENCY] = "latency; nothing is used for half of the time, ",
};

static enum limit limiter(const struct derived *d)
{
	if (d->share >= 0.5)
		return LIMIT_RESOURCE;
	return d->present < 0.5 ? LIMIT_CORES : LIMIT_LATENCY;
}

/* Engines that had nothing to do at all are left out. */
static void print_engine(const struct sc_timing *t, unsigned int engine)
{
	double whole = (double)t->cycles * t->cores / 100;

	if (away(t, engine) == t->cycles * t->cores)
		return;
	printf("  %-8s", engine_names[engine]);
	for (unsigned int s = 0; s < SC_TS_COUNT; s++) {
		double share = sum_state(t, engine, s) / whole;

		if (share >= 0.05 || s == SC_TS_ACTIVE)
			printf("  %s %.1f %%", state_keys[s], share);
	}
	putchar('\n');
}

static void print_bytes(const char *what, uint64_t bytes, const struct derived *d)
{
	printf("  %-22s %14" PRIu64 " bytes %10.2f GB/s\n", what, bytes, bytes / d->us / 1e3);
}

static void print_work(const struct sc_machine *m, const struct sc_timing *t,
		       const struct derived *d)
{
	printf("\nwork\n  %-22s %14" PRIu64 "\n", "instructions", t->insns);
	for (unsigned int i = 0; i < 3; i++)
		if (t->macs[i])
			printf("  %-7s multiplications %13" PRIu64 "   %.1f %% of the peak\n",
			       mac_keys[i], t->macs[i],
			       100 * 2.0 * t->macs[i] / machine_peak(m, i) / d->us * 1e6);
	print_bytes("DMA", t->dma_bytes, d);
	print_bytes("found in the cache", t->llc_bytes, d);
	print_bytes("card memory, read", t->dram_read, d);
	print_bytes("card memory, written", t->dram_write, d);
	if (t->link_bytes)
		print_bytes("host link", t->link_bytes, d);
}

static void print_roofline(const struct sc_machine *m, const struct sc_timing *t,
			   const struct derived *d)
{
	unsigned int i;

	printf("\nroofline\n");
	if (d->ops > 0)
		printf("  %.3f Top/s; bound %.3f Top/s at %.1f op/byte (%s): %.1f %%\n",
		       d->ops / d->us / 1e6, d->bound / 1e12, d->intensity,
		       d->bound < d->ops / d->ideal * m->clock_mhz * 1e6 ? "card memory" :
									   "matrix engines",
		       d->bound > 0 ? 100 * d->ops / d->us * 1e6 / d->bound : 0);
	printf("  cycles that each resource alone would take:\n");
	for (i = 0; i < SC_TL_COUNT; i++)
		if (t->need[i])
			printf("    %-8s %12" PRIu64 "  %5.1f %%  %s\n", need_keys[i], t->need[i],
			       100.0 * t->need[i] / t->cycles, need_texts[i]);
	printf("  limiter: %s", limiter_texts[limiter(d)]);
	if (limiter(d) == LIMIT_RESOURCE)
		printf("%s\n", need_texts[d->limiter]);
	else if (limiter(d) == LIMIT_CORES)
		printf("cores have work for %.1f %% of the time\n", 100 * d->present);
	else
		printf("%s for %.1f %%\n", need_texts[d->limiter], 100 * d->share);
}

void report_text(const struct options *o, const struct sc_machine *m, const struct result *r)
{
	const struct sc_timing *t = &r->timing;
	struct derived d = derive(m, t);
	unsigned int i;

	printf("%s: %" PRIu64 " workgroups on %u cores at %u MHz (%s)\n", r->kernel, t->workgroups,
	       t->cores, m->clock_mhz, o->config ? o->config : "the virtual card");
	for (i = 0; r->launches > 1 && i < r->launches; i++)
		printf("launch %u: %" PRIu64 " cycles\n", i + 1, r->cycles[i]);
	printf("%" PRIu64 " cycles, %.2f us; the last workgroup ends after %" PRIu64 " cycles\n",
	       t->cycles, d.us, t->last);
	printf("\nengines, share of the cycles of all cores\n");
	for (i = 0; i < SC_TE_COUNT; i++)
		print_engine(t, i);
	print_work(m, t, &d);
	print_roofline(m, t, &d);
}

/* --- JSON --- */

static void json_states(const struct sc_timing *t)
{
	unsigned int core, engine, s;

	printf("  \"cores\": [");
	for (core = 0; core < t->cores; core++) {
		printf("%s\n    {", core ? "," : "");
		for (engine = 0; engine < SC_TE_COUNT; engine++) {
			printf("%s\"%s\": {", engine ? ", " : "", engine_names[engine]);
			for (s = 0; s < SC_TS_COUNT; s++)
				printf("%s\"%s\": %" PRIu64, s ? ", " : "", state_keys[s],
				       t->state[core][engine][s]);
			putchar('}');
		}
		putchar('}');
	}
	printf("\n  ]\n");
}

void report_json(const struct sc_machine *m, const struct result *r)
{
	const struct sc_timing *t = &r->timing;
	struct derived d = derive(m, t);
	unsigned int i;

	printf("{\n  \"kernel\": \"%s\",\n  \"clock_mhz\": %u,\n  \"launches\": [", r->kernel,
	       m->clock_mhz);
	for (i = 0; i < r->launches; i++)
		printf("%s%" PRIu64, i ? ", " : "", r->cycles[i]);
	printf("],\n  \"cycles\": %" PRIu64 ",\n  \"last_workgroup\": %" PRIu64 ",\n", t->cycles,
	       t->last);
	printf("  \"workgroups\": %" PRIu64 ",\n  \"instructions\": %" PRIu64 ",\n",
	       t->workgroups, t->insns);
	printf("  \"multiplications\": {");
	for (i = 0; i < 3; i++)
		printf("%s\"%s\": %" PRIu64, i ? ", " : "", mac_keys[i], t->macs[i]);
	printf("},\n  \"bytes\": {\"dma\": %" PRIu64 ", \"llc\": %" PRIu64
	       ", \"dram_read\": %" PRIu64 ", \"dram_write\": %" PRIu64 ", \"link\": %" PRIu64
	       "},\n",
	       t->dma_bytes, t->llc_bytes, t->dram_read, t->dram_write, t->link_bytes);
	printf("  \"ops_per_second\": %.6g,\n  \"bound_ops_per_second\": %.6g,\n"
	       "  \"ops_per_byte\": %.6g,\n",
	       d.ops / d.us * 1e6, d.bound, d.intensity);
	printf("  \"limiter\": \"%s\",\n  \"need\": {",
	       limiter(&d) == LIMIT_RESOURCE ? need_keys[d.limiter] :
	       limiter(&d) == LIMIT_CORES    ? "cores" :
					       "latency");
	for (i = 0; i < SC_TL_COUNT; i++)
		printf("%s\"%s\": %" PRIu64, i ? ", " : "", need_keys[i], t->need[i]);
	printf("},\n");
	json_states(t);
	printf("}\n");
}
