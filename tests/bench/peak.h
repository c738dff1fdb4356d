/* SPDX-License-Identifier: MIT */
/*
 * What this host could do at most: the rates of its widest multiply-add
 * instructions, on registers. SEEDCHIP_MATRIX=avx2 leaves out those of AVX-512,
 * as if the host had none.
 */
#ifndef SC_TESTS_PEAK_H
#define SC_TESTS_PEAK_H

#include <stdbool.h>

/** typedef bench_peak_fn - a loop; returns the operations it has done. */
typedef double (*bench_peak_fn)(void);

/** bench_peak() - the loop of int8 dot products, or else of f32 multiply-adds, and its name. */
bench_peak_fn bench_peak(bool integer, const char **name);

/** bench_peak_rate() - operations in a second of CPU time. */
double bench_peak_rate(bench_peak_fn loop);

#endif /* SC_TESTS_PEAK_H */
