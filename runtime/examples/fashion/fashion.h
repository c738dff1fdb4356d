/* SPDX-License-Identifier: MIT */
/*
 * What the host program and the compute kernel of the Fashion-MNIST demo agree
 * on: the arguments, and how the kernel divides its dynamic scratchpad. The
 * invariant: both sides compute the division with fashion_scratch(), so the
 * size that is launched with is the size that is used.
 */
#ifndef SEEDCHIP_EXAMPLES_FASHION_H
#define SEEDCHIP_EXAMPLES_FASHION_H

#include <stdint.h>

#define FASHION_GROUP	   64 /* images of a workgroup: the rows of an accumulator */
#define FASHION_MAX_LAYERS 8
#define FASHION_MAX_DIM	   1024 /* outputs of a layer: the columns of all accumulators */
#define FASHION_CHUNK	   16384 /* bytes of one buffer of weights */
#define FASHION_RING	   4 /* such buffers */

/**
 * struct fashion_layer - one dense layer; the members are those of struct sdw_layer
 * @weights: address of int8 [@k][@n]
 * @bias: address of int32 [@n]
 * @mult: address of int32 [@n]; 0 in the last layer
 * @k: inputs
 * @n: outputs
 * @shift: right shift of requantisation
 * @reserved: zero
 */
struct fashion_layer {
	uint64_t weights;
	uint64_t bias;
	uint64_t mult;
	uint32_t k;
	uint32_t n;
	uint32_t shift;
	uint32_t reserved;
};

/**
 * struct fashion_args - arguments of the kernel "fashion"
 * @images: address of uint8 pixels [@count][layer[0].k]
 * @labels: address of uint8 [@count], the result
 * @count: images; the grid is one workgroup for each FASHION_GROUP of them
 * @layers: layers in use
 * @layer: from input to output
 */
struct fashion_args {
	uint64_t images;
	uint64_t labels;
	uint32_t count;
	uint32_t layers;
	struct fashion_layer layer[FASHION_MAX_LAYERS];
};

/**
 * struct fashion_scratch - offsets in the dynamic scratchpad, multiples of 64
 * @x: int8 [FASHION_GROUP][k], inputs of the current layer
 * @sums: int32 [FASHION_GROUP][n], what the matrix engine has summed
 * @labels: uint8 [FASHION_GROUP]
 * @params: each layer's biases and multipliers
 * @weights: FASHION_RING buffers
 * @size: bytes of all
 */
struct fashion_scratch {
	uint32_t x;
	uint32_t sums;
	uint32_t labels;
	uint32_t params;
	uint32_t weights;
	uint32_t size;
};

/* Scratchpad of n int32 of a layer. */
static inline uint32_t fashion_row_size(uint32_t n)
{
	return (n * 4 + 63) / 64 * 64;
}

/** fashion_scratch() - the division of the dynamic scratchpad for a network. */
static inline struct fashion_scratch fashion_scratch(const struct fashion_args *args)
{
	struct fashion_scratch s = { 0 };
	uint32_t k = 0, n = 0, params = 0;

	for (uint32_t i = 0; i < args->layers; i++) {
		const struct fashion_layer *l = &args->layer[i];

		k = l->k > k ? l->k : k;
		n = l->n > n ? l->n : n;
		params += 2 * fashion_row_size(l->n);
	}
	s.sums = FASHION_GROUP * k;
	s.labels = s.sums + FASHION_GROUP * 4 * n;
	s.params = s.labels + FASHION_GROUP;
	s.weights = s.params + params;
	s.size = s.weights + FASHION_RING * FASHION_CHUNK;
	return s;
}

#endif /* SEEDCHIP_EXAMPLES_FASHION_H */
