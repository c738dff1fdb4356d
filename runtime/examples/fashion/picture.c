// SPDX-License-Identifier: MIT
/*
 * Small grey images as text. Each image is resampled by area to the width of
 * PICTURE_WIDTH columns; a character cell is twice as high as it is wide, so a
 * line of text stands for two rows of square dots. Keeps no state.
 */
#include "picture.h"

#define DOTS PICTURE_WIDTH /* per side */

/* Mean grey of dot (@x, @y): the pixels below it, each weighted with its share in it. */
static unsigned int dot(const uint8_t *pixels, unsigned int side, unsigned int x, unsigned int y)
{
	unsigned int sum = 0;

	/* In units of 1/DOTS pixel, pixel i covers [i * DOTS, (i + 1) * DOTS). */
	for (unsigned int v = y * side; v < (y + 1) * side; v++)
		for (unsigned int u = x * side; u < (x + 1) * side; u++)
			sum += pixels[v / DOTS * side + u / DOTS];
	return sum / (side * side);
}

static void letters(FILE *out, const struct picture *p, unsigned int side, unsigned int line)
{
	static const char ramp[] = " .:-=+*#%@";

	for (unsigned int x = 0; x < DOTS; x++) {
		unsigned int grey =
			dot(p->pixels, side, x, 2 * line) + dot(p->pixels, side, x, 2 * line + 1);

		fputc(ramp[grey * (sizeof(ramp) - 1) / 511], out);
	}
}

/* The upper half block: its foreground is the upper dot, its background the lower one. */
static void half_blocks(FILE *out, const struct picture *p, unsigned int side, unsigned int line)
{
	for (unsigned int x = 0; x < DOTS; x++)
		fprintf(out, "\033[38;5;%um\033[48;5;%um\u2580",
			232 + dot(p->pixels, side, x, 2 * line) * 24 / 256,
			232 + dot(p->pixels, side, x, 2 * line + 1) * 24 / 256);
	fputs("\033[0m", out);
}

void picture_print(FILE *out, const struct picture *pictures, unsigned int count, unsigned int side,
		   bool blocks)
{
	for (unsigned int line = 0; line < DOTS / 2; line++) {
		for (unsigned int i = 0; i < count; i++) {
			fputs("  ", out);
			(blocks ? half_blocks : letters)(out, &pictures[i], side, line);
		}
		fputc('\n', out);
	}
	for (unsigned int i = 0; i < count; i++)
		fprintf(out, "  %-*.*s", PICTURE_WIDTH, PICTURE_WIDTH, pictures[i].caption);
	fputc('\n', out);
}
