/* SPDX-License-Identifier: MIT */
/*
 * What all headers of the kernel library share: element types, activations,
 * and what a kernel's grid is computed from.
 *
 * Host and device include these headers: the structures are the kernels'
 * argument blocks. On the device, which is freestanding, there is nothing else
 * in them; the functions are for the host.
 */
#ifndef SEEDCHIP_OPS_TYPES_H
#define SEEDCHIP_OPS_TYPES_H

#include <stdint.h>

#include "seedchip_isa.h"

#if __STDC_HOSTED__
#define SDO_HOST
#include <errno.h>

#include "seedchip.h"
#endif

#ifdef __cplusplus
extern "C" {
#endif

/*
 * Element types: X(name, number, bits, meaning). Up to I32 they are the formats
 * of the matrix engine, SC_FMT_*, with the same numbers.
 */
#define SDO_TYPE_TABLE(X)                                                                          \
	SC_FMT_TABLE(X)                                                                            \
	X(U8, 8, 8, "unsigned 8 bit")                                                              \
	X(I64, 9, 64, "signed 64 bit")                                                             \
	X(E8M0, 10, 8, "a power of two, scale of a group")
#define SDO_TYPE_ENUM_(name, number, bits, text) SDO_##name = (number),
enum sdo_type { SDO_TYPE_TABLE(SDO_TYPE_ENUM_) };

/**
 * sdo_type_bits() - bits of an element
 * @type: enum sdo_type
 *
 * Return: bits; 0: there is no such type.
 */
static inline uint32_t sdo_type_bits(uint32_t type)
{
#define SDO_TYPE_BITS_(name, number, bits, text) type == (number) ? (bits) :
	return SDO_TYPE_TABLE(SDO_TYPE_BITS_) 0;
#undef SDO_TYPE_BITS_
}

/*
 * Activations: X(name, number, meaning), of f32 x. GELU_TANH is the usual
 * approximation 0.5 x (1 + tanh(sqrt(2/pi) (x + 0.044715 x^3))).
 */
#define SDO_ACT_TABLE(X)                                                                           \
	X(NONE, 0, "x")                                                                            \
	X(RELU, 1, "the larger of x and 0; NaN stays NaN")                                         \
	X(GELU, 2, "x times the normal distribution function of x")                                \
	X(GELU_TANH, 3, "its approximation by tanh")                                               \
	X(SILU, 4, "x / (1 + exp(-x))")
#define SDO_ACT_ENUM_(name, number, text) SDO_ACT_##name = (number),
enum sdo_act { SDO_ACT_TABLE(SDO_ACT_ENUM_) };

/*
 * Scratchpad of a core that a kernel's dynamic part may not use: arguments,
 * at most 8 KiB of static data, the stack and its guard page.
 */
#define SDO_TCM_RESERVED 32768u

#ifdef SDO_HOST
/**
 * struct sdo_card - what the grid of an operation depends on
 * @cores: cores that will run it; other work on the card is a reason to say less
 * @tcm_size: bytes of scratchpad of a core
 * @vlen: bits of a vector register
 */
struct sdo_card {
	uint32_t cores;
	uint32_t tcm_size;
	uint32_t vlen;
};

/**
 * sdo_card_of() - what a grid depends on, with all of a device's usable cores
 * @dev: device
 * @card: result
 *
 * Return: 0; -ENODEV: the card is gone.
 */
static inline int sdo_card_of(struct seedchip_device *dev, struct sdo_card *card)
{
	struct seedchip_device_info info;
	int r;

	info.size = sizeof(info);
	r = seedchip_device_info(dev, &info);
	if (r)
		return r;
	card->cores = 0;
	for (; info.core_mask; info.core_mask &= info.core_mask - 1)
		card->cores++;
	card->tcm_size = info.tcm_size;
	card->vlen = info.vlen;
	return 0;
}

/**
 * sdo_refuse() - say for seedchip_error() what is wrong with an operation
 * @error: negative errno
 * @format: as printf(); begins with the operation's name, as "gemm: type_a 9: ..."
 *
 * Return: @error.
 */
#ifdef __GNUC__
__attribute__((format(printf, 2, 3)))
#endif
int sdo_refuse(int error, const char *format, ...);

/* One that sdo_card_of() has filled in has cores. */
static inline int sdo_check_card(const char *op, const struct sdo_card *card)
{
	return card->cores ? 0 : sdo_refuse(-EINVAL, "%s: the card has 0 cores", op);
}

static inline int sdo_check_reserved(const char *op, const uint8_t *reserved, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++)
		if (reserved[i])
			return sdo_refuse(-EINVAL, "%s: reserved is not 0", op);
	return 0;
}
#endif /* SDO_HOST */

#ifdef __cplusplus
}
#endif

#endif /* SEEDCHIP_OPS_TYPES_H */
