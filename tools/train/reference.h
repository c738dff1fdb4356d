/* SPDX-License-Identifier: MIT */
/*
 * The quantised network of the Fashion-MNIST demo: its weights file and its meaning.
 *
 * This header owns the definition of the .sdw file and of the integer inference; the trainer
 * writes it, the card computes it and the host checks the card against sdw_classify(). The
 * invariant: inference is integers only and no intermediate value can overflow for any file
 * that sdw_parse() accepts, so every implementation gives the same bits.
 *
 * Inference
 * ---------
 *	input	x[i] = pixel[i] >> 1				int8, 0..127
 *	layer	a[n] = sum over k of x[k] * w[k][n]		int32, exact
 *		s[n] = a[n] + bias[n]				int32, exact
 *	hidden	t[n] = s[n] * mult[n] + (1 << (shift - 1))	int64, exact
 *		y[n] = clamp(t[n] >> shift, 0, 127)		int8; arithmetic shift
 *	last	label = the n with the largest s[n], the lowest n among equals
 *
 * So rounding is to nearest with halves towards plus infinity, and the lower clamp is the ReLU.
 * mult is per output channel, shift per layer; the last layer has one scale for all channels,
 * which does not change the argmax, and therefore has no multipliers.
 *
 * File, little endian
 * -------------------
 *	0	u8[8]	SDW_MAGIC
 *	8	u32	version, SDW_VERSION
 *	12	u32	size of the file in bytes
 *	16	u32	layers, 1..SDW_MAX_LAYERS
 *	20	u32	CRC-32 (IEEE, as zlib) of the bytes from 64 to the end of the file
 *	24	u32[10]	zero
 *	64	per layer 16 bytes: u32 k, u32 n, u32 shift (1..62; 0 in the last layer), u32 zero
 * and then, each part beginning at the next multiple of 64 with zero bytes between, per layer:
 *	i8[k][n]	weights, row-major, row stride n: the matrix engine's B [k][n]
 *	i32[n]		bias, -2^30..2^30
 *	i32[n]		mult, 1..2^31-1; absent in the last layer
 * There are no offsets in the file: the dimensions fix the place of every part and the file's size.
 */
#ifndef SEEDCHIP_TRAIN_REFERENCE_H
#define SEEDCHIP_TRAIN_REFERENCE_H

#include <stddef.h>
#include <stdint.h>

#define SDW_MAGIC		"SEEDNET\n"
#define SDW_MAGIC_SIZE		8
#define SDW_VERSION		1
#define SDW_ALIGN		64
#define SDW_HEADER_SIZE		64
#define SDW_LAYER_SIZE		16
#define SDW_MAX_LAYERS		8
#define SDW_MAX_DIM		1024
#define SDW_MAX_SHIFT		62
#define SDW_MAX_BIAS		(1 << 30)

/**
 * struct sdw_layer - one dense layer; the pointers lead into the file's bytes
 * @k: inputs
 * @n: outputs
 * @shift: right shift of requantisation, 0 in the last layer
 * @weights: [k][n], row stride @n bytes
 * @bias: [n]
 * @mult: [n], NULL in the last layer
 */
struct sdw_layer {
	uint32_t k, n, shift;
	const int8_t *weights;
	const int32_t *bias;
	const int32_t *mult;
};

/**
 * struct sdw_net - a network whose file has been checked
 * @layers: number of layers in use
 * @layer: the layers, from input to output
 * @data: the file's bytes
 * @size: number of bytes
 */
struct sdw_net {
	uint32_t layers;
	struct sdw_layer layer[SDW_MAX_LAYERS];
	void *data;
	size_t size;
};

/**
 * sdw_parse - check the bytes of a weights file and fill in a network that points into them
 * @net: written on success only
 * @data: the bytes, 4-byte aligned; they must outlive @net
 * @size: number of bytes
 * @err: receives one line without newline that says what is wrong
 * @errlen: size of @err
 *
 * Return: 0, or -1 with @err set.
 */
int sdw_parse(struct sdw_net *net, void *data, size_t size, char *err, size_t errlen);

/**
 * sdw_read - read and check a weights file
 * @net: written on success only; release it with sdw_free()
 * @path: the file
 * @err: receives one line without newline that names the file and says what is wrong
 * @errlen: size of @err
 *
 * Return: 0, or -1 with @err set.
 */
int sdw_read(struct sdw_net *net, const char *path, char *err, size_t errlen);

/**
 * sdw_free - release what sdw_read() allocated
 * @net: the network, zeroed afterwards
 */
void sdw_free(struct sdw_net *net);

/**
 * sdw_crc32 - CRC-32 (IEEE 802.3, reflected, as zlib's crc32()) of some bytes
 * @data: the bytes
 * @size: number of bytes
 *
 * Return: the checksum.
 */
uint32_t sdw_crc32(const void *data, size_t size);

/**
 * sdw_input - quantise pixels
 * @x: receives @n values 0..127
 * @pixels: grey values
 * @n: number of pixels
 */
void sdw_input(int8_t *x, const uint8_t *pixels, size_t n);

/**
 * sdw_requantise - the scalar step between two layers
 * @sum: accumulator plus bias
 * @mult: the channel's multiplier
 * @shift: the layer's shift
 *
 * Return: the next layer's input, 0..127.
 */
int8_t sdw_requantise(int32_t sum, int32_t mult, uint32_t shift);

/**
 * sdw_classify - run the network on one quantised input
 * @net: the network
 * @x: layer[0].k values
 * @sums: receives the last layer's n sums (accumulator plus bias), or NULL
 *
 * Return: the label.
 */
unsigned int sdw_classify(const struct sdw_net *net, const int8_t *x, int32_t *sums);

#endif
