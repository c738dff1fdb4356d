// SPDX-License-Identifier: MIT
/*
 * gemm in modelled time on the paper SC1: cycles from the start of the dispatch
 * to the last store, beside those of the matrix engines alone, or of card
 * memory where the work is bound by it. The caches are cold.
 */
#include "bench.h"
#include "modelled.h"

#define CORES	   64
#define PEAK_8	   8192. /* operations a cycle of a core: i8, i4 and fp8 */
#define PEAK_16	   4096.
#define MEMORY_GBS 3600.

static const struct row {
	struct bench_row row;
	uint32_t m, n, k;
	uint8_t a, b, d;
	uint32_t group;
	bool memory;
} rows[] = {
	{ { "paper SC1: GEMM 2048^3 int8 / tile peak", "Gop/s", 0.90, 0.92 }, 2048, 2048, 2048,
	  SDO_I8, SDO_I8, SDO_I8, 0, false },
	{ { "paper SC1: GEMM 2048^3 bf16 / tile peak", "Gop/s", 0.92, 0.95 }, 2048, 2048, 2048,
	  SDO_BF16, SDO_BF16, SDO_BF16, 0, false },
	{ { "paper SC1: GEMM 4096^3 int8 / tile peak", "Gop/s", 0.96, 0.98 }, 4096, 4096, 4096,
	  SDO_I8, SDO_I8, SDO_I8, 0, false },
	{ { "paper SC1: GEMM 512x4096x4096 int4, groups of 32 / tile peak", "Gop/s", 0.80, 0.90 },
	  512, 4096, 4096, SDO_I8, SDO_I4, SDO_BF16, 32, false },
	{ { "paper SC1: GEMV 4096x14336 int8 / card memory", "GB/s", 0.85, 0.90 }, 1, 14336, 4096,
	  SDO_I8, SDO_I8, SDO_F32, 0, true },
	{ { "paper SC1: GEMV 4096x14336 bf16 / card memory", "GB/s", 0, 0 }, 1, 14336, 4096,
	  SDO_BF16, SDO_BF16, SDO_F32, 0, true },
	{ { "paper SC1: GEMV 4096x14336 int4, groups of 32 / card memory", "GB/s", 0, 0 }, 1, 14336,
	  4096, SDO_I8, SDO_I4, SDO_F32, 32, true },
};

static uint64_t bytes(uint64_t elements, uint32_t type)
{
	return elements * sdo_type_bits(type) / 8;
}

static void run(const struct row *r)
{
	struct sdo_gemm g = {
		.m = r->m, .n = r->n, .k = r->k, .batch = 1, .alpha = 1, .group = r->group,
		.type_a = r->a, .type_b = r->b, .type_d = r->d, .type_scale = SDO_F16,
		.stride_a = bytes(r->k, r->a), .stride_b = bytes(r->n, r->b),
		.stride_d = bytes(r->n, r->d), .flags = r->group ? SDO_GEMM_B_PACKED : 0,
	};
	struct sdo_packed packed = { .n = r->n, .k = r->k, .group = r->group, .type = r->b,
				     .type_scale = SDO_F16 };
	uint64_t tiles = (uint64_t)(r->n / SDO_PACKED_N) * (r->k / SDO_PACKED_K);
	uint64_t weights = r->group ? tiles * sdo_packed_tile(&packed) :
				      bytes((uint64_t)r->n * r->k, r->b);
	struct bench_sample sample;
	struct seedchip_dim dim;
	struct modelled m;
	double seconds;

	modelled_open(&m, MODELLED_PAPER);
	g.a = modelled_buffer(&m, bytes((uint64_t)r->m * r->k, r->a));
	g.b = modelled_buffer(&m, weights);
	g.d = modelled_buffer(&m, bytes((uint64_t)r->m * r->n, r->d));
	if (sdo_gemm_dim(&g, &m.card, &dim))
		return;
	seconds = modelled_run(&m, "gemm", &g, sizeof(g), &dim) / (m.clock_khz * 1e3);
	if (r->memory)
		sample = (struct bench_sample){ weights / seconds / 1e9, MEMORY_GBS };
	else
		sample = (struct bench_sample){
			2. * r->m * r->n * r->k / seconds / 1e9,
			CORES * (r->a == SDO_BF16 ? PEAK_16 : PEAK_8) * m.clock_khz / 1e6,
		};
	bench_print(&r->row, &sample, 1);
	modelled_close(&m);
}

int main(void)
{
	for (unsigned int i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		run(&rows[i]);
	return 0;
}
