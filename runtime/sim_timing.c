// SPDX-License-Identifier: MIT
/*
 * What the timing model of simulated cards reports: to a trace in the format
 * of Chrome and Perfetto (SEEDCHIP_DEVICE=sim:timing=1,trace=FILE), and to a
 * listener inside this process (seedchip-perf).
 *
 * All cards write one trace: a process per core with a thread for each engine,
 * and a process for the card's queues. It is an array of events, which viewers
 * take unfinished too, should the program die.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sim.h"

#define PIDS 128 /* processes of the trace for each card: its queues, then its cores */

static struct {
	pthread_mutex_t lock;
	FILE *file;
	unsigned int cards; /* that write to it */
	sim_timing_fn fn;
	void *opaque;
} timing = { .lock = PTHREAD_MUTEX_INITIALIZER };

static const char *const state_names[] = {
#define STATE_NAME(name, key, text) key,
	SC_TS_TABLE(STATE_NAME)
};

static const char *const engine_names[] = { "hart", "matrix", "dma0", "dma1", "dma2", "dma3" };

void sim_timing_listen(sim_timing_fn fn, void *opaque)
{
	pthread_mutex_lock(&timing.lock);
	timing.fn = fn;
	timing.opaque = opaque;
	pthread_mutex_unlock(&timing.lock);
}

/* "process_name" of @pid, or "thread_name" of a thread of it. */
static void set_name(const char *kind, unsigned int pid, unsigned int tid, const char *text,
		     unsigned int number)
{
	fprintf(timing.file,
		"{\"ph\":\"M\",\"name\":\"%s\",\"pid\":%u,\"tid\":%u,\"args\":{\"name\":\"%s",
		kind, pid, tid, text);
	if (number != UINT32_MAX)
		fprintf(timing.file, " %u", number);
	fprintf(timing.file, "\"}},\n");
}

static void name_all(unsigned int card, unsigned int cores)
{
	unsigned int pid = card * PIDS, i, j;

	set_name("process_name", pid, 0, "queues of card", card);
	for (i = 0; i < cores; i++) {
		pid = card * PIDS + 1 + i;
		set_name("process_name", pid, 0, "core", i);
		for (j = 0; j < SC_TE_COUNT; j++)
			set_name("thread_name", pid, j, engine_names[j], UINT32_MAX);
	}
}

int sim_timing_open(const char *path, unsigned int card, unsigned int cores)
{
	int r = 0;

	pthread_mutex_lock(&timing.lock);
	if (!timing.cards) {
		timing.file = fopen(path, "w");
		r = timing.file ? 0 : -errno;
		if (timing.file)
			fputs("[\n", timing.file);
	}
	if (!r) {
		timing.cards++;
		name_all(card, cores);
	}
	pthread_mutex_unlock(&timing.lock);
	return r;
}

int sim_timing_close(void)
{
	bool failed = false;

	pthread_mutex_lock(&timing.lock);
	if (!--timing.cards) {
		/* no comma behind the last event */
		fputs("{\"ph\":\"M\",\"name\":\"trace_end\",\"pid\":0,\"args\":{}}\n]\n",
		      timing.file);
		failed = ferror(timing.file);
		failed |= fclose(timing.file);
		timing.file = NULL;
	}
	pthread_mutex_unlock(&timing.lock);
	return failed ? -EIO : 0;
}

/* One event; times are microseconds in the file. */
static void write_event(const char *text, unsigned int pid, unsigned int tid, uint64_t start,
			uint64_t end, double mhz)
{
	fprintf(timing.file,
		"{\"ph\":\"X\",\"name\":\"%s\",\"pid\":%u,\"tid\":%u,\"ts\":%.4f,\"dur\":%.4f,"
		"\"args\":{\"cycles\":%" PRIu64,
		text, pid, tid, (double)start / mhz, (double)(end - start) / mhz, end - start);
}

static const char *work_name(const struct sc_slice *s)
{
	if (s->state != SC_TS_ACTIVE)
		return state_names[s->state];
	return s->engine == SC_TE_HART ? "compute" : s->engine == SC_TE_MATRIX ? "multiply" :
									       "transfer";
}

static void write_trace(unsigned int card, double mhz, const struct sc_timing *t)
{
	static const char *const opcodes[128] = {
#define OPCODE_NAME(name, number, flags, who, text)                                                \
	[number] = #name,
		SC_OP_TABLE(OPCODE_NAME)
	};

	write_event(opcodes[t->opcode], card * PIDS, t->queue, t->start, t->start + t->cycles, mhz);
	fprintf(timing.file,
		",\"tag\":%u,\"workgroups\":%" PRIu64 ",\"dram_bytes\":%" PRIu64 "}},\n", t->tag,
		t->workgroups, t->dram_read + t->dram_write);
	for (size_t i = 0; i < t->num_slices; i++) {
		const struct sc_slice *s = &t->slices[i];

		write_event(work_name(s), card * PIDS + 1 + s->core, s->engine, s->start, s->end,
			    mhz);
		if (s->bytes)
			fprintf(timing.file, ",\"bytes\":%u", s->bytes);
		fputs("}},\n", timing.file);
	}
	if (t->lost_slices)
		log_message(SEEDCHIP_LOG_WARNING,
			    "trace: the last %zu slices of a packet do not fit", t->lost_slices);
}

void sim_timing_report(const struct sc_config *config, const struct sc_timing *t)
{
	pthread_mutex_lock(&timing.lock);
	if (timing.file)
		write_trace((unsigned int)config->serial, config->machine.clock_mhz, t);
	if (timing.fn)
		timing.fn(timing.opaque, t);
	pthread_mutex_unlock(&timing.lock);
}
