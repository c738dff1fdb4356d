/* SPDX-License-Identifier: MIT */
/*
 * The ways in which this host multiplies tiles: one table of functions per way.
 *
 * A tile is cut along k into blocks, as long as the way likes them. Every way reads the
 * same operands and gives the same bits; matrix_scalar.c says most plainly
 * which. Nothing outside m, n and k is read or written.
 */
#ifndef SC_MATRIX_PATH_H
#define SC_MATRIX_PATH_H

#include "engine_priv.h"

#define SC_BLOCK_K 128 /* elements of a row that a scratch has room for, in 32 bits each */

enum sc_matrix_kind {
	SC_MATRIX_INT, /* exact, wraps */
	SC_MATRIX_FMA, /* one fused multiply-add per k */
	SC_MATRIX_PAIR, /* fp8: one per pair of k, then one addition */
	SC_MATRIX_KINDS
};

/**
 * struct sc_operand - one side of a block as it stands in the scratchpad
 * @at: its first element, at the start of a byte
 * @stride: bytes between rows
 * @fmt: enum sc_format
 * @along: k runs along a row (A as m x k, B as n x k), else from row to row
 */
struct sc_operand {
	const uint8_t *at;
	uint64_t stride;
	unsigned int fmt;
	bool along;
};

/**
 * struct sc_block - to = from + A x B, or with @fold: to += (from + A x B) x scales
 * @a: first operand
 * @b: second operand
 * @codebook: the 16 values of I4
 * @m: rows, 1 to SC_ACC_DIM
 * @n: columns, 1 to SC_ACC_DIM
 * @k: 1 to the way's @block_k
 * @from: NULL: zeros
 * @to: may be @from; floats in it have one NaN afterwards
 * @fold: the sums of a group are complete
 * @scale_a: with @fold: per row
 * @scale_b: with @fold: per column; the product of both is rounded to f32
 */
struct sc_block {
	struct sc_operand a;
	struct sc_operand b;
	const int8_t *codebook;
	unsigned int m;
	unsigned int n;
	unsigned int k;
	const union sc_acc *from;
	union sc_acc *to;
	bool fold;
	float scale_a[SC_ACC_DIM];
	float scale_b[SC_ACC_DIM];
};

/** struct sc_scratch - room for decoded operands; holds nothing between blocks */
struct sc_scratch {
	_Alignas(64) uint32_t a[SC_ACC_DIM * SC_BLOCK_K];
	uint32_t b[SC_BLOCK_K * SC_ACC_DIM];
	uint32_t rows[SC_ACC_DIM * SC_BLOCK_K];
	int32_t offset[SC_ACC_DIM];
};

typedef void (*sc_multiply)(struct sc_scratch *scratch, const struct sc_block *block);

/**
 * struct sc_matrix_path - one way to multiply, and whether this host has it
 * @name: by which SEEDCHIP_MATRIX chooses it
 * @usable: whether this host has what it needs
 * @block_k: most k of a block: even, and divides or is divided by the sizes of groups
 * @multiply: computes a block
 */
struct sc_matrix_path {
	const char *name;
	bool (*usable)(void);
	unsigned int block_k[SC_MATRIX_KINDS];
	sc_multiply multiply[SC_MATRIX_KINDS];
};

extern const struct sc_matrix_path sc_matrix_scalar;
#ifdef __x86_64__
extern const struct sc_matrix_path sc_matrix_avx2;
extern const struct sc_matrix_path sc_matrix_avx512;
#endif

/** sc_matrix_path() - the way of this name, NULL: the fastest; NULL if this host lacks it. */
const struct sc_matrix_path *sc_matrix_path(const char *name);

#endif /* SC_MATRIX_PATH_H */
