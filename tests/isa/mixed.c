// SPDX-License-Identifier: MIT
/*
 * A mixed program of integer, memory, branch and floating-point work. Both
 * emulators must leave the same results; it is also what the interpreter's
 * speed is quoted for.
 */
#include <stddef.h>
#include <stdint.h>

#define SIEVE 100000
#define SORT  20000
#define DIM   48

uint64_t results[8];
const uint64_t results_size = sizeof(results);

static uint8_t composite[SIEVE];
static uint32_t keys[SORT];
static double a[DIM][DIM], b[DIM][DIM], c[DIM][DIM];
static uint64_t seed = 88172645463325252;

void *memset(void *p, int v, size_t n)
{
	for (size_t i = 0; i < n; i++)
		((volatile uint8_t *)p)[i] = (uint8_t)v;
	return p;
}

static uint64_t random64(void)
{
	seed ^= seed << 13;
	seed ^= seed >> 7;
	seed ^= seed << 17;
	return seed;
}

static uint64_t sieve(void)
{
	uint64_t primes = 0;

	memset(composite, 0, sizeof(composite));
	for (uint32_t i = 2; i < SIEVE; i++) {
		if (composite[i])
			continue;
		primes++;
		for (uint32_t j = 2 * i; j < SIEVE; j += i)
			composite[j] = 1;
	}
	return primes;
}

static void sort(uint32_t *v, long low, long high)
{
	while (low < high) {
		uint32_t pivot = v[(low + high) / 2];
		long i = low, j = high;

		while (i <= j) {
			while (v[i] < pivot)
				i++;
			while (v[j] > pivot)
				j--;
			if (i <= j) {
				uint32_t t = v[i];

				v[i++] = v[j];
				v[j--] = t;
			}
		}
		sort(v, low, j);
		low = i;
	}
}

static uint64_t crc(const uint8_t *p, size_t n)
{
	uint32_t r = ~0u;

	while (n--) {
		r ^= *p++;
		for (int i = 0; i < 8; i++)
			r = r >> 1 ^ (r & 1 ? 0xedb88320 : 0);
	}
	return r;
}

static uint64_t collatz(void)
{
	uint64_t steps = 0;

	for (uint64_t i = 1; i < 20000; i++)
		for (uint64_t n = i; n != 1; steps++)
			n = n & 1 ? 3 * n + 1 : n / 2;
	return steps;
}

static double multiply(void)
{
	double sum = 0;

	for (int i = 0; i < DIM; i++)
		for (int j = 0; j < DIM; j++) {
			a[i][j] = (double)(int64_t)(random64() >> 40) / 1024;
			b[i][j] = (double)(i - j) / 3;
		}
	for (int i = 0; i < DIM; i++)
		for (int j = 0; j < DIM; j++) {
			c[i][j] = 0;
			for (int k = 0; k < DIM; k++)
				c[i][j] += a[i][k] * b[k][j];
			sum += c[i][j];
		}
	return sum;
}

void run(void)
{
	for (int i = 0; i < 10; i++) {
		double sum;

		results[0] += sieve();
		for (int j = 0; j < SORT; j++)
			keys[j] = (uint32_t)random64();
		sort(keys, 0, SORT - 1);
		results[1] ^= keys[i];
		results[2] ^= crc((const uint8_t *)keys, sizeof(keys));
		results[3] += collatz();
		sum = multiply();
		__builtin_memcpy(&results[4], &sum, sizeof(sum));
	}
}
