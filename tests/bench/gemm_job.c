// SPDX-License-Identifier: MIT
/*
 * GEMM of 1024 x 1024 x 1024 as a job on the simulator back end: queue, kernel,
 * DMA and tiles, beside what the host's own instructions could do at most; and
 * on two worker threads beside one.
 *
 * One thread is measured in CPU time, of all of the process: worker threads do
 * the work. Two beside one are measured in time: on a machine that does other
 * things that ratio is too small. CPUs of a virtual machine may be threads of one
 * core for a while: beside each round stands what the peak loop does on two
 * threads, and rounds in which that is below WHOLE count only if all are.
 */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "bench.h"
#include "peak.h"
#include "seedchip.h"
#include "seedchip/ops.h"

#define N      1024u
#define ROUNDS 31
#define JOBS   4 /* per round */
#define WHOLE  1.9
#define PEAKS  32 /* some ms */

/* A card with so many workers, and a job for it. */
struct job {
	struct seedchip_device *device;
	struct seedchip_queue *queue;
	struct seedchip_kernel *kernel;
	struct sdo_gemm args;
	struct seedchip_dim dim;
};

static void check(int r)
{
	if (!r)
		return;
	fprintf(stderr, "%s\n", seedchip_error());
	exit(EXIT_FAILURE);
}

static uint64_t operand(struct job *job, uint32_t type)
{
	uint32_t size = N * N * sdo_type_bits(type) / 8;
	struct seedchip_buffer *buffer;
	uint8_t *bytes;

	check(seedchip_buffer_create(job->device, size, SEEDCHIP_CARD | SEEDCHIP_CPU, &buffer));
	check(seedchip_buffer_map(buffer, (void **)&bytes));
	for (uint32_t i = 0; i < size; i++) /* small numbers in every format */
		bytes[i] = (i * 2654435761u >> 24 & 0x87) | 0x30;
	return seedchip_buffer_address(buffer);
}

static struct job open_job(unsigned int threads, uint32_t type)
{
	uint32_t bytes = sdo_type_bits(type) / 8;
	struct seedchip_module *module;
	struct sdo_card card;
	struct job job;
	char name[64];

	snprintf(name, sizeof(name), "sim:threads=%u", threads);
	setenv("SEEDCHIP_DEVICE", name, 1);
	check(seedchip_device_open(0, &job.device));
	check(sdo_card_of(job.device, &card));
	check(seedchip_queue_create(job.device, NULL, &job.queue));
	check(seedchip_module_load_file(job.device, KERNELS "/gemm.elf", &module));
	check(seedchip_module_kernel(module, "gemm", &job.kernel));
	job.args = (struct sdo_gemm){
		.m = N, .n = N, .k = N, .batch = 1, .alpha = 1,
		.type_a = type, .type_b = type, .type_d = type == SDO_I8 ? SDO_I32 : SDO_F32,
		.stride_a = N * bytes, .stride_b = N * bytes, .stride_d = N * 4,
	};
	job.args.a = operand(&job, type);
	job.args.b = operand(&job, type);
	job.args.d = operand(&job, SDO_F32);
	check(sdo_gemm_dim(&job.args, &card, &job.dim));
	return job;
}

static double cpu_time(void)
{
	struct timespec now;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
	return now.tv_sec + now.tv_nsec * 1e-9;
}

/* Gop/s by a clock. */
static double run(struct job *job, double (*clock)(void))
{
	double start = clock();

	for (unsigned int i = 0; i < JOBS; i++)
		check(seedchip_launch(job->queue, job->kernel, &job->dim, &job->args,
				      sizeof(job->args)));
	check(seedchip_event_wait(seedchip_queue_mark(job->queue), -1));
	return 2. * N * N * N * JOBS / (clock() - start) / 1e9;
}

struct thread {
	bench_peak_fn peak;
	double rate;
};

static void *run_peak(void *arg)
{
	struct thread *t = arg;

	t->rate = 0;
	for (unsigned int i = 0; i < PEAKS; i++)
		t->rate += bench_peak_rate(t->peak) / PEAKS;
	return NULL;
}

/* Gop/s of two threads at once, by CPU time. */
static double two_peaks(bench_peak_fn peak)
{
	struct thread here = { .peak = peak }, other = here;
	pthread_t thread;

	if (pthread_create(&thread, NULL, run_peak, &other)) {
		fprintf(stderr, "no thread\n");
		exit(EXIT_FAILURE);
	}
	run_peak(&here);
	pthread_join(thread, NULL);
	return (here.rate + other.rate) / 1e9;
}

/* A round on two threads; returns what the host's peak is on two. */
static double run_both(struct job *both, struct job *one, struct bench_sample *pair)
{
	bench_peak_fn peak = bench_peak(true, &(const char *){ NULL });
	double before = two_peaks(peak), after;

	pair->value = run(both, bench_wall);
	after = two_peaks(peak);
	pair->peer = run(one, bench_wall);
	return before < after ? before : after;
}

int main(void)
{
	static const struct bench_row rows[] = {
		{ "int8 GEMM 1024^3 as a job, one thread / host int8 dot product", "Gop/s", 0.35,
		  0.60 },
		{ "bf16 GEMM 1024^3 as a job, one thread / host fp32 FMA", "Gop/s", 0.35, 0.60 },
	};
	static const struct bench_row two = {
		"int8 GEMM 1024^3 as a job, two threads / one thread", "Gop/s", 1.8, 1.95,
	};
	static const struct bench_row host = {
		"the host's int8 dot product on two threads / one thread", "Gop/s", 0, 0,
	};
	static const uint32_t types[] = { SDO_I8, SDO_BF16 };
	struct bench_sample samples[2][ROUNDS], pairs[ROUNDS], peaks[ROUNDS];
	struct job one[2], both = open_job(2, SDO_I8);
	unsigned int whole = 0;
	const char *name;

	for (unsigned int i = 0; i < 2; i++)
		one[i] = open_job(1, types[i]);
	for (unsigned int round = 0; round < ROUNDS; round++) {
		for (unsigned int i = 0; i < 2; i++) {
			bench_peak_fn peak = bench_peak(types[i] == SDO_I8, &name);
			struct bench_sample *s = &samples[i][round];

			s->peer = bench_peak_rate(peak);
			s->value = run(&one[i], cpu_time);
			s->peer = (s->peer + bench_peak_rate(peak)) / 2e9;
		}
		peaks[round].peer = samples[0][round].peer;
		peaks[round].value = run_both(&both, &one[0], &pairs[round]);
		if (peaks[round].value >= WHOLE * peaks[round].peer)
			pairs[whole++] = pairs[round];
	}
	for (unsigned int i = 0; i < 2; i++)
		bench_print(&rows[i], samples[i], ROUNDS);
	bench_print(&two, pairs, whole ? whole : ROUNDS);
	bench_print(&host, peaks, ROUNDS);
	return 0;
}
