/* SPDX-License-Identifier: MIT */
/*
 * Small grey images as text, several side by side.
 */
#ifndef SEEDCHIP_EXAMPLES_PICTURE_H
#define SEEDCHIP_EXAMPLES_PICTURE_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#define PICTURE_WIDTH 24 /* columns of text */
#define PICTURE_ROWS  3 /* pictures side by side in 80 columns */

/**
 * struct picture - one image with a line below it
 * @pixels: [side][side], row-major, 0 is background
 * @caption: cut to PICTURE_WIDTH characters
 */
struct picture {
	const uint8_t *pixels;
	char caption[64];
};

/**
 * picture_print() - draw some pictures in one row
 * @out: where to
 * @pictures: at most PICTURE_ROWS
 * @count: their number
 * @side: height and width in pixels
 * @blocks: half blocks in grey tones, for a terminal with UTF-8 and 256 colours; else letters
 */
void picture_print(FILE *out, const struct picture *pictures, unsigned int count, unsigned int side,
		   bool blocks);

#endif /* SEEDCHIP_EXAMPLES_PICTURE_H */
