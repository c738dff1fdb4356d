/* SPDX-License-Identifier: MIT */
/*
 * A reference of the matrix engine for its tests, one element at a time. It
 * reads the operands where the tests put them and keeps what the accumulators
 * must hold.
 */
#ifndef MATRIX_REFERENCE_H
#define MATRIX_REFERENCE_H

#include "engine_bench.h"

#define DESC  0x40
#define A_AT  0x1001 /* operands at odd addresses: none needs an alignment */
#define B_AT  0x9003
#define SA_AT 0x13005
#define SB_AT 0x15007
#define OUT   0x18001 /* 64 rows */
#define NONE  UINT32_MAX
#define FIELD(name) offsetof(struct sc_tile, name)

union word {
	uint32_t i;
	int32_t s;
	float f;
};

/* What the accumulators must hold. */
extern union word ref[SC_NUM_ACCS][64][64];

/* All pairs of formats, those of the first issue first. */
#define FORMATS 9
extern const struct format_pair {
	uint8_t a, b;
	const char *name;
} formats[FORMATS];

/** tile() - a descriptor without strides, that stores 32-bit words; random codebook. */
struct sc_tile tile(unsigned int m, unsigned int n, unsigned int k, unsigned int fmt_a,
		    unsigned int fmt_b);

/** strides() - for packed operands with @slack bytes between rows. */
void strides(struct sc_tile *t, unsigned int slack);

/** narrow() - the value of a code of a narrow float format. */
float narrow(unsigned int code, unsigned int exp_bits, unsigned int man_bits);

/** reference() - ref[@acc] += A x B. */
void reference(const struct sc_tile *t, unsigned int acc, bool zero);

/** configure() - sdm.cfg that must succeed. */
void configure(const struct sc_tile *t);

/** compare() - store the accumulator by the descriptor, as 32-bit words; it must equal ref. */
void compare(const struct sc_tile *t, unsigned int acc, const char *what);

#endif /* MATRIX_REFERENCE_H */
