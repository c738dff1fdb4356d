// SPDX-License-Identifier: MIT
/* See peak.h. */
#include <stdlib.h>
#include <string.h>

#include "bench.h"
#include "peak.h"

/* Loops of independent instructions on registers; each returns the operations it has done. */
#define PEAK_LOOPS 20000
#define PEAK_SUMS  12

static double peak_plain(void)
{
	static volatile float one = 1;
	float sum[PEAK_SUMS] = { 0 }, a = one;
	unsigned int i, j;

	for (i = 0; i < PEAK_LOOPS; i++) {
		for (j = 0; j < PEAK_SUMS; j++)
			sum[j] = a * a + sum[j];
	}
	for (j = 0; j < PEAK_SUMS; j++)
		one = sum[j];
	return 2.0 * PEAK_LOOPS * PEAK_SUMS;
}

#ifdef __x86_64__
/* In assembly, as the compiler must neither combine nor drop the instructions. */
#define FMA512(sum) "vfmadd231ps %%zmm15, %%zmm15, %%zmm" #sum "\n"
#define DOT512(sum) "vpdpbusd %%zmm15, %%zmm15, %%zmm" #sum "\n"
#define FMA256(sum) "vfmadd231ps %%ymm15, %%ymm15, %%ymm" #sum "\n"
#define DOT256(sum)                                                                                \
	"vpmaddwd %%ymm15, %%ymm15, %%ymm14\nvpaddd %%ymm14, %%ymm" #sum ", %%ymm" #sum "\n"

#define PEAK(name, insn, macs)                                                                     \
	static double name(void)                                                                   \
	{                                                                                          \
		unsigned int i = PEAK_LOOPS;                                                       \
		__asm__ volatile("vzeroall\n"                                                      \
				 "1:\n" insn(0) insn(1) insn(2) insn(3) insn(4) insn(5) insn(6)    \
					 insn(7) insn(8) insn(9) insn(10) insn(11) "dec %0\n"      \
				 "jnz 1b\n"                                                        \
				 "vzeroupper"                                                      \
				 : "+r"(i)                                                         \
				 :                                                                 \
				 : "cc", "xmm0", "xmm1", "xmm2", "xmm3", "xmm4", "xmm5", "xmm6",   \
				   "xmm7", "xmm8", "xmm9", "xmm10", "xmm11", "xmm12", "xmm13",     \
				   "xmm14", "xmm15");                                              \
		return 2.0 * PEAK_LOOPS * PEAK_SUMS * (macs);                                      \
	}

PEAK(peak_fma512, FMA512, 16)
PEAK(peak_dot512, DOT512, 64)
PEAK(peak_fma256, FMA256, 8)
PEAK(peak_dot256, DOT256, 16)
#endif

bench_peak_fn bench_peak(bool integer, const char **name)
{
#ifdef __x86_64__
	const char *way = getenv("SEEDCHIP_MATRIX");
	bool wide = !way || strcmp(way, "avx2");

	if (wide && integer && __builtin_cpu_supports("avx512vnni")) {
		*name = "vpdpbusd, 512 bits";
		return peak_dot512;
	}
	if (wide && !integer && __builtin_cpu_supports("avx512f")) {
		*name = "vfmadd, 512 bits";
		return peak_fma512;
	}
	if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")) {
		*name = integer ? "vpmaddwd, 256 bits" : "vfmadd, 256 bits";
		return integer ? peak_dot256 : peak_fma256;
	}
#endif
	*name = "plain C, f32";
	return peak_plain;
}

double bench_peak_rate(bench_peak_fn loop)
{
	double start = bench_now(), ops = loop();

	return ops / (bench_now() - start);
}
