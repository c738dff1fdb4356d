// SPDX-License-Identifier: MIT
/*
 * How fast the matrix engine multiplies tiles of 64 x 64 x 64 on this host, for
 * every format, beside what the host's own instructions could do at most.
 *
 * Both are measured by turns, in CPU time of the thread. The clock of a machine
 * changes, so each round has a ratio of its own, to the peak before and after it.
 * The tiles pass through the engine's queue as in a GEMM kernel, two of A by
 * two of B into four accumulators. SEEDCHIP_MATRIX chooses the engine's way;
 * the peak is that of the widest instructions there are, for avx2 of AVX2's.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench.h"
#include "peak.h"
#include "qemu-device/chip/engine.h"

#define DIM	 64
#define TCM_SIZE 0x40000
#define DESC	 0x0
#define A_AT	 0x1000 /* two tiles of up to 16 KiB each */
#define B_AT	 0x9000
#define SCALE_A	 0x11000
#define SCALE_B	 0x12000
#define GROUP	 32
#define ROUNDS	 41
#define TILES	 200 /* per round */
#define TILE_OPS (2.0 * DIM * DIM * DIM)

#define OF_DOT " 64x64x64 tiles / host int8 dot product"
#define OF_FMA " 64x64x64 tiles / host fp32 FMA"

static const struct row {
	struct bench_row row;
	uint8_t a, b;
	uint8_t bytes; /* of a row of A */
	bool group;
	bool nk; /* B as n x k */
} rows[] = {
	{ { "int8" OF_DOT, "Gop/s", 0.60, 0.75 }, SC_FMT_I8, SC_FMT_I8, 64, false, false },
	{ { "int8, B n x k," OF_DOT, "Gop/s", 0.60, 0.75 }, SC_FMT_I8, SC_FMT_I8, 64, false, true },
	{ { "int8 x int4, groups of 32," OF_DOT, "Gop/s", 0, 0 }, SC_FMT_I8, SC_FMT_I4, 64, true,
	  false },
	{ { "bf16" OF_FMA, "Gop/s", 0.60, 0.85 }, SC_FMT_BF16, SC_FMT_BF16, 128, false, false },
	{ { "bf16, B n x k," OF_FMA, "Gop/s", 0.60, 0.85 }, SC_FMT_BF16, SC_FMT_BF16, 128, false,
	  true },
	{ { "fp16" OF_FMA, "Gop/s", 0.60, 0.85 }, SC_FMT_F16, SC_FMT_F16, 128, false, false },
	{ { "fp8 e4m3" OF_FMA, "Gop/s", 0, 0 }, SC_FMT_E4M3, SC_FMT_E4M3, 64, false, false },
	{ { "fp8 e5m2" OF_FMA, "Gop/s", 0, 0 }, SC_FMT_E5M2, SC_FMT_E5M2, 64, false, false },
	{ { "fp32" OF_FMA, "Gop/s", 0, 0 }, SC_FMT_F32, SC_FMT_F32, 255, false, false },
};

#define NUM_ROWS (sizeof(rows) / sizeof(rows[0]))

static _Alignas(64) uint8_t tcm[TCM_SIZE];

static void fail(const char *what, const struct sc_fault *fault)
{
	fprintf(stderr, "%s: code %u value %llu\n", what, fault->code,
		(unsigned long long)fault->value);
	exit(1);
}

static void issue(struct sc_engines *engines, enum sc_insn insn, unsigned int imm, uint64_t rs1,
		  uint64_t rs2)
{
	struct sc_fault fault = { 0 };
	uint64_t rd;

	if (sc_engines_issue(engines, insn, imm, SC_VA_TCM + rs1, SC_VA_TCM + rs2, 0, &rd, &fault))
		fail("refused", &fault);
}

/* Operands whose bytes are small numbers in every format, never a NaN. */
static void fill(const struct row *row)
{
	struct sc_tile t = {
		.m = DIM, .n = DIM, .k = DIM, .fmt_a = row->a, .fmt_b = row->b,
		.fmt_store = SC_FMT_F32, .flags = row->nk ? SC_TILE_B_NK : 0,
		.scale_a = SCALE_A, .scale_b = SCALE_B, .fmt_scale = SC_SCALE_F16,
		.stride_scale_a = 4 * (DIM / GROUP), .stride_scale_b = 2 * DIM,
		.group = row->group ? GROUP : 0, .store_scale = UINT32_MAX,
	};
	unsigned int i;

	t.stride_a = row->a == SC_FMT_F32 ? 4 * DIM : row->bytes;
	t.stride_b = row->b == SC_FMT_I4 ? DIM / 2 : t.stride_a;
	for (i = 0; i < 16; i++)
		t.codebook[i] = i * 15 - 112;
	for (i = A_AT; i < TCM_SIZE; i++)
		tcm[i] = (i * 2654435761u >> 24 & 0x87) | 0x30;
	memcpy(tcm + DESC, &t, sizeof(t));
}

static double tiles(struct sc_engines *engines, unsigned int count)
{
	struct sc_fault fault = { 0 };
	unsigned int i;
	double start;

	issue(engines, SC_INSN_SDM_CFG, 0, DESC, -SC_VA_TCM);
	for (i = 0; i < 4; i++)
		issue(engines, SC_INSN_SDM_MMA_Z, i, A_AT, B_AT);
	start = bench_now();
	for (i = 0; i < count; i++)
		issue(engines, SC_INSN_SDM_MMA, i % 4, A_AT + i / 2 % 2 * 4 * DIM * DIM,
		      B_AT + i % 2 * 4 * DIM * DIM);
	if (sc_engines_finish(engines, &fault))
		fail("finish", &fault);
	return count * TILE_OPS / (bench_now() - start);
}

int main(void)
{
	static struct bench_sample samples[NUM_ROWS][ROUNDS];
	struct sc_core_stats stats = { 0 };
	struct sc_engine_env env = { .tcm = tcm, .tcm_size = TCM_SIZE, .isa = ~0ull,
				     .stats = &stats };
	struct sc_engines *engines = sc_engines_create();
	const char *path = getenv("SEEDCHIP_MATRIX"), *name[2];
	bench_peak_fn loop[2];
	unsigned int round, i;

	if (!engines)
		return 1;
	for (i = 0; i < 2; i++)
		loop[i] = bench_peak(i, &name[i]);
	sc_engines_start(engines, &env);
	for (round = 0; round < ROUNDS; round++) {
		for (i = 0; i < NUM_ROWS; i++) {
			struct bench_sample *s = &samples[i][round];
			bench_peak_fn peak = loop[rows[i].a == SC_FMT_I8];

			fill(&rows[i]);
			tiles(engines, 4); /* caches and clock settle */
			s->peer = bench_peak_rate(peak);
			s->value = tiles(engines, TILES) / 1e9;
			s->peer = (s->peer + bench_peak_rate(peak)) / 2e9;
		}
	}
	printf("# tiles: engine %s; peaks %s, %s\n", path ? path : "chosen by the host", name[1],
	       name[0]);
	for (i = 0; i < NUM_ROWS; i++)
		bench_print(&rows[i].row, samples[i], ROUNDS);
	sc_engines_destroy(engines);
	return 0;
}
