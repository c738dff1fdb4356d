// SPDX-License-Identifier: MIT
/*
 * Runs a fuzz target on a fixed series of inputs, for `make check`: files given
 * as arguments, whole and with bytes changed, or else random bytes.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define INPUTS	 6000
#define MAX_SIZE 2048

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static uint64_t seed = 88172645463325252;

static uint64_t next(void)
{
	seed ^= seed << 13;
	seed ^= seed >> 7;
	seed ^= seed << 17;
	return seed * 0x2545f4914f6cdd1d;
}

/* The file with up to four bytes changed, or cut short. */
static void damaged(const uint8_t *file, size_t size)
{
	uint8_t *copy = malloc(size);
	size_t n = size;

	memcpy(copy, file, size);
	for (unsigned int i = next() % 5; i; i--) {
		/* headers and tables more often than the rest */
		size_t at = next() % 2 ? next() % (size < 1024 ? size : 1024) : next() % size;

		copy[at] = next() % 2 ? (uint8_t)next() : copy[at] ^ 1 << next() % 8;
	}
	if (!(next() % 8))
		n = next() % size;
	LLVMFuzzerTestOneInput(copy, n);
	free(copy);
}

static int from_file(const char *path)
{
	static uint8_t file[1 << 20];
	FILE *f = fopen(path, "rb");
	size_t size;

	if (!f) {
		perror(path);
		return 1;
	}
	size = fread(file, 1, sizeof(file), f);
	fclose(f);
	if (!size) {
		fprintf(stderr, "%s: empty\n", path);
		return 1;
	}
	LLVMFuzzerTestOneInput(file, size);
	for (unsigned int i = 0; i < INPUTS; i++)
		damaged(file, size);
	return 0;
}

int main(int argc, char **argv)
{
	uint8_t data[MAX_SIZE];

	for (int i = 1; i < argc; i++)
		if (from_file(argv[i]))
			return 1;
	for (unsigned int i = 0; argc == 1 && i < INPUTS; i++) {
		size_t size = 20 + next() % (MAX_SIZE - 20);

		for (size_t j = 0; j < size; j++)
			data[j] = (uint8_t)(next() >> 32);
		LLVMFuzzerTestOneInput(data, size);
	}
	return 0;
}
