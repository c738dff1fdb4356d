// SPDX-License-Identifier: MIT
/*
 * The vector unit: saxpy, softmax and rmsnorm on arrays in a core's scratchpad,
 * beside the same for the host (vector_host.c), by turns in CPU time of the
 * thread. The results of both must agree, or nothing is printed.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench.h"
#include "qemu-device/chip/core.h"
#include "qemu-device/flat/flat.h"
#include "vector_kernels.h"

#define ROUNDS	  61
#define REPEAT	  8 /* workgroups per round */
#define TCM_SIZE  0x100000
#define ROWS	  29
#define N	  4096
#define COUNT	  (ROWS * N)
#define X_AT	  0x1000
#define Y_AT	  (X_AT + 4 * COUNT)
#define W_AT	  (Y_AT + 4 * COUNT)
#define VLEN	  4096
#define TOLERANCE 1e-5f /* sums are taken in other orders */

/* As the card sees struct vector_job. */
struct card_job {
	uint64_t rows, n, x, w, y;
};

#define OF_GCC " in scratchpad / gcc -O3 -march=native"

static const struct kernel {
	struct bench_row row;
	void (*host)(const struct vector_job *job);
	const char *symbol;
} kernels[] = {
	{ { "vector saxpy" OF_GCC, "Gelem/s", 0.5, 0.8 }, saxpy, "saxpy" },
	{ { "vector softmax" OF_GCC, "Gelem/s", 0.5, 0.8 }, softmax, "softmax" },
	{ { "vector rmsnorm" OF_GCC, "Gelem/s", 0.5, 0.8 }, rmsnorm, "rmsnorm" },
};

#define NUM_KERNELS (sizeof(kernels) / sizeof(kernels[0]))

static _Alignas(64) float x[COUNT], y[COUNT], w[N];

static void fill(uint8_t *tcm)
{
	uint32_t seed = 1;

	for (unsigned int i = 0; i < COUNT; i++) {
		seed = seed * 1664525 + 1013904223;
		x[i] = (float)(int32_t)seed / 0x1p28f;
		y[i] = (float)(seed >> 8 & 0xffff) / 0x1p12f + 1;
	}
	for (unsigned int i = 0; i < N; i++)
		w[i] = 1 + (float)i / N;
	memcpy(tcm + X_AT, x, sizeof(x));
	memcpy(tcm + Y_AT, y, sizeof(y));
	memcpy(tcm + W_AT, w, sizeof(w));
}

static double run_card(struct sc_core *core, const struct sc_launch *launch)
{
	static const uint32_t wg[3];
	double start = bench_now();

	for (unsigned int i = 0; i < REPEAT; i++) {
		sc_core_start(core, launch, wg, 0);
		if (sc_core_run(core, UINT64_MAX) != SC_RUN_DONE) {
			fprintf(stderr, "vector: fault code %u at %#llx\n",
				sc_core_fault(core)->code,
				(unsigned long long)sc_core_fault(core)->pc);
			exit(1);
		}
	}
	return bench_now() - start;
}

static double run_host(const struct kernel *k)
{
	const struct vector_job job = { .rows = ROWS, .n = N, .x = x, .w = w, .y = y };
	double start = bench_now();

	for (unsigned int i = 0; i < REPEAT; i++)
		k->host(&job);
	return bench_now() - start;
}

static void compare(const char *name, const void *bytes)
{
	const float *card = bytes;

	for (unsigned int i = 0; i < COUNT; i++)
		if (!(fabsf(card[i] - y[i]) <= TOLERANCE * fabsf(y[i]) + 1e-30f)) {
			fprintf(stderr, "vector: %s: element %u is %a, on the host %a\n", name, i,
				card[i], y[i]);
			exit(1);
		}
}

static void measure(const struct kernel *k, const char *elf, struct sc_core *core)
{
	static struct bench_sample samples[ROUNDS];
	const struct card_job job = {
		.rows = ROWS, .n = N, .x = SC_VA_TCM + X_AT, .w = SC_VA_TCM + W_AT,
		.y = SC_VA_TCM + Y_AT,
	};
	struct sc_launch launch = {
		.entry = flat_symbol(elf, k->symbol, NULL), .args_size = sizeof(job),
		.stack_size = SC_STACK_DEFAULT, .grid = { 1, 1, 1 }, .cores = 1,
		.limit = UINT64_MAX,
	};
	uint8_t *tcm = sc_core_tcm(core);

	memcpy(launch.args, &job, sizeof(job));
	for (unsigned int i = 0; i < ROUNDS; i++) {
		struct bench_sample *s = &samples[i];

		fill(tcm);
		s->value = (double)REPEAT * COUNT / run_card(core, &launch) / 1e9;
		s->peer = (double)REPEAT * COUNT / run_host(k) / 1e9;
		compare(k->symbol, tcm + Y_AT);
	}
	bench_print(&k->row, samples, ROUNDS);
}

int main(int argc, char **argv)
{
	static struct sc_chip chip;
	struct sc_core *core;
	char elf[4096];

	(void)argc;
	snprintf(elf, sizeof(elf), "%s_card.elf", argv[0]);
	flat_init(&chip);
	chip.config.tcm_size = TCM_SIZE;
	chip.config.vlen = VLEN;
	if (flat_load_elf(&chip, elf))
		return 1;
	core = sc_core_create(&chip, 0);
	if (!core)
		return 1;
	for (unsigned int i = 0; i < NUM_KERNELS; i++)
		measure(&kernels[i], elf, core);
	sc_core_destroy(core);
	flat_free(&chip);
	return 0;
}
