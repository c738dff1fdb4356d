/* SPDX-License-Identifier: MIT */
/*
 * What the tests of the kernel library share. A test is a function of a TAP
 * table; it makes inputs and outputs in card memory, launches kernels, and
 * compares with what a plain C reference says:
 *
 *	static void test_add(void)
 *	{
 *		struct kt_mem a = kt_mem(4 * n, 0), out = kt_mem(4 * n, 0);
 *
 *		kt_fill(SDO_F32, a.host, n, KT_PLAIN);
 *		...
 *		kt_run("add", "add", &args, sizeof(args), &dim);
 *		kt_same("sum", SDO_F32, out.host, want, n);
 *	}
 *
 *	int main(void)
 *	{
 *		return KT_RUN(tests);
 *	}
 *
 * The table runs once for each back end (on_sim.c, on_small.c, on_card.c), from the same
 * random numbers. The invariant: all memory is surrounded by guard bytes which
 * every launch must leave alone, and all of it holds the same bits after the
 * test on every back end of the same shape.
 */
#ifndef KERNELS_HARNESS_H
#define KERNELS_HARNESS_H

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "seedchip.h"
#include "seedchip/ops.h"
#include "tests/kselftest/tap.h"

/* ---- back ends; on_sim.c, on_small.c and on_card.c ---- */

struct kt_backend {
	const char *name;
	const char *device; /* SEEDCHIP_DEVICE, NULL: the card */
	bool other; /* of another shape than the first: results with a bound may differ */
};

extern const struct kt_backend kt_backends[];
extern const unsigned int kt_num_backends;
extern const char *const kt_kernels; /* folder of the modules */

/* Few and small cases, please: the CPU of the VM is emulated. */
extern const bool kt_reduced;

/* ---- running ---- */

#define KT_RUN(tests) kt_run_tests(tests, sizeof(tests) / sizeof((tests)[0]))
int kt_run_tests(const struct tap_test *tests, unsigned int count);

/* The card of this run, and its device for what the harness does not do. */
extern struct sdo_card kt_card;
extern struct seedchip_device *kt_device;

/**
 * struct kt_mem - memory of the card, for the duration of a test
 * @host: its bytes, seen by the CPU; random until written
 * @address: the same on the card
 * @size: bytes
 */
struct kt_mem {
	void *host;
	uint64_t address;
	size_t size;
};

/**
 * kt_mem() - memory with guard bytes at both ends
 * @size: bytes
 * @offset: of its first byte from a multiple of 64
 */
struct kt_mem kt_mem(size_t size, unsigned int offset);

/* Give the test's memory back, for a test with many cases. */
void kt_free(void);

/**
 * kt_run() - launch a kernel and wait; the test fails if it does
 * @module: file, without ".elf"
 * @kernel: symbol
 * @dim: as sdo_..._dim() has computed it
 */
void kt_run(const char *module, const char *kernel, const void *args, size_t size,
	    const struct seedchip_dim *dim);

/* A call that must succeed, or be refused with this errno and words. */
#define KT_OK(call)                                                                            \
	do {                                                                                   \
		int r_ = (call);                                                               \
		if (r_)                                                                        \
			tap_fail("%s:%d: %s: %s (%s)", __FILE__, __LINE__, #call, strerror(-r_), \
				 seedchip_error());                                            \
	} while (0)
#define KT_REFUSED(call, error, words)                                                         \
	do {                                                                                   \
		CHECK_EQ(call, error);                                                         \
		if (!strstr(seedchip_error(), words))                                          \
			tap_fail("%s:%d: \"%s\" lacks \"%s\"", __FILE__, __LINE__,             \
				 seedchip_error(), words);                                     \
	} while (0)

/*
 * A call of sdo_OP_dim() that must succeed. A card with less than a megabyte of
 * scratchpad may be too small, if it says so: then there the test ends, passed.
 */
#define KT_DIM(call)                                                                   \
	do {                                                                           \
		int dim_r_ = (call);                                                   \
		if (dim_r_ == -E2BIG && kt_card.tcm_size < 1 << 20 &&                  \
		    strstr(seedchip_error(), "bytes of scratchpad"))                   \
			longjmp(tap_failed, KT_TOO_BIG);                               \
		KT_OK(dim_r_);                                                         \
	} while (0)
#define KT_TOO_BIG 2

/**
 * kt_fault() - as kt_run(), of a launch that must fail
 *
 * Return: enum sc_code of the fault. The queue works again.
 */
uint32_t kt_fault(const char *module, const char *kernel, const void *args, size_t size,
		  const struct seedchip_dim *dim);

/* ---- data ---- */

/* 32 random bits. Every test has a sequence of its own, the same on every back end. */
uint32_t kt_random(void);
void kt_seed(uint32_t seed);

/* A random number from @low to @high, both possible. */
int kt_between(int low, int high);

/**
 * enum kt_data - kinds of random data
 * @KT_PLAIN: floats of magnitude 2^-4 to 2, no NaN; any integer
 * @KT_SMALL: integers from -3 to 3, of which sums are exact in every type
 * @KT_CORNER: any bit pattern, and many NaN, infinities, zeros, subnormals, extremes
 */
enum kt_data { KT_PLAIN, KT_SMALL, KT_CORNER };

/* Fill @count elements; I4: two a byte, an odd last one has a random neighbour. */
void kt_fill(uint32_t type, void *to, size_t count, enum kt_data data);

/* Element @i as f32 or exactly as double; I4 is its code, 0 to 15. */
double kt_get(uint32_t type, const void *from, size_t i);

/* Element @i from f32 by the rules of the matrix engine's stores; not I4, I64, E8M0. */
void kt_set(uint32_t type, void *to, size_t i, float value);

/* ---- comparing; the test fails at the first difference ---- */

/* Equal bits. */
void kt_same(const char *what, uint32_t type, const void *got, const void *want, size_t count);

/**
 * kt_near() - |got - want| <= @absolute + @relative * |want|
 *
 * Where @want is NaN, @got is; where it is infinite, @got is the same.
 */
void kt_near(const char *what, uint32_t type, const void *got, const double *want, size_t count,
	     double absolute, double relative);

#endif /* KERNELS_HARNESS_H */
