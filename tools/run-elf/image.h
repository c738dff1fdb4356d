/* SPDX-License-Identifier: MIT */
/* The file that runs: its segments in memory, and the symbols that the runner knows. */
#ifndef SEEDCHIP_RUN_IMAGE_H
#define SEEDCHIP_RUN_IMAGE_H

#include "qemu-device/flat/flat.h"

/**
 * struct image - what the runner has to know of a file
 * @entry: first instruction
 * @tohost: address, 0 if there is none; the others too
 * @fromhost: where answers go
 * @begin_signature: first byte of the signature
 * @end_signature: behind its last
 */
struct image {
	uint64_t entry;
	uint64_t tohost;
	uint64_t fromhost;
	uint64_t begin_signature;
	uint64_t end_signature;
};

/**
 * image_load() - put the segments of @path where they say, into memory of @chip
 *
 * Return: 0, or -1 with the reason on stderr.
 */
int image_load(struct image *image, struct sc_chip *chip, const char *path);

#endif /* SEEDCHIP_RUN_IMAGE_H */
