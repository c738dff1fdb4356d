// SPDX-License-Identifier: MIT
/*
 * What the compiler may call behind the author's back: memory functions,
 * 128-bit division and bf16 rounding. seedchip-cc compiles this file with the
 * flags of the kernel and drops what is not called. Nothing here keeps state.
 */
#include <stddef.h>
#include <stdint.h>

typedef uint64_t __attribute__((may_alias)) word;

void *memcpy(void *restrict dst, const void *restrict src, size_t size)
{
	unsigned char *d = dst;
	const unsigned char *s = src;

	if (!(((uintptr_t)d ^ (uintptr_t)s) & 7)) {
		for (; size && ((uintptr_t)d & 7); size--)
			*d++ = *s++;
		for (; size >= 8; size -= 8, d += 8, s += 8)
			*(word *)d = *(const word *)s;
	}
	while (size--)
		*d++ = *s++;
	return dst;
}

void *memmove(void *dst, const void *src, size_t size)
{
	unsigned char *d = dst;
	const unsigned char *s = src;

	if ((uintptr_t)d - (uintptr_t)s >= size)
		return memcpy(dst, src, size);
	if (!(((uintptr_t)d ^ (uintptr_t)s) & 7)) {
		for (; size && ((uintptr_t)(d + size) & 7); size--)
			d[size - 1] = s[size - 1];
		for (; size >= 8; size -= 8)
			*(word *)(d + size - 8) = *(const word *)(s + size - 8);
	}
	while (size--)
		d[size] = s[size];
	return dst;
}

void *memset(void *dst, int c, size_t size)
{
	unsigned char *d = dst;
	uint64_t pattern = 0x0101010101010101ull * (unsigned char)c;

	for (; size && ((uintptr_t)d & 7); size--)
		*d++ = c;
	for (; size >= 8; size -= 8, d += 8)
		*(word *)d = pattern;
	while (size--)
		*d++ = c;
	return dst;
}

int memcmp(const void *a, const void *b, size_t size)
{
	const unsigned char *x = a, *y = b;

	for (; size; size--, x++, y++)
		if (*x != *y)
			return *x - *y;
	return 0;
}

size_t strlen(const char *s)
{
	const char *end = s;

	while (*end)
		end++;
	return end - s;
}

typedef unsigned __int128 u128;

/* Long division by bits; the quotient of a division by zero is all ones, as in hardware. */
static u128 divide(u128 n, u128 d, u128 *rest)
{
	u128 q = 0, r = 0;

	for (int i = 127; i >= 0; i--) {
		r = r << 1 | (n >> i & 1);
		if (r >= d) {
			r -= d;
			q |= (u128)1 << i;
		}
	}
	*rest = r;
	return q;
}

u128 __udivti3(u128 n, u128 d)
{
	u128 rest;

	return divide(n, d, &rest);
}

u128 __umodti3(u128 n, u128 d)
{
	u128 rest;

	divide(n, d, &rest);
	return rest;
}

__int128 __divti3(__int128 n, __int128 d)
{
	u128 rest, q = divide(n < 0 ? -(u128)n : n, d < 0 ? -(u128)d : d, &rest);

	return (n < 0) != (d < 0) ? -q : q;
}

__int128 __modti3(__int128 n, __int128 d)
{
	u128 rest;

	divide(n < 0 ? -(u128)n : n, d < 0 ? -(u128)d : d, &rest);
	return n < 0 ? -rest : rest;
}

/* Round a float to bf16, to nearest even; a NaN becomes the canonical one. */
__bf16 __truncsfbf2(float value)
{
	union { float f; uint32_t u; } in = { .f = value };
	union { uint16_t u; __bf16 b; } out;

	if ((in.u & 0x7fffffff) > 0x7f800000)
		out.u = 0x7fc0;
	else
		out.u = (in.u + 0x7fff + (in.u >> 16 & 1)) >> 16;
	return out.b;
}

/* Round to float towards odd first, so that the second rounding sees what was cut. */
__bf16 __truncdfbf2(double value)
{
	union { float f; uint32_t u; } in = { .f = (float)value };
	double back = in.f;

	if (back != value && value == value && !(in.u & 1))
		in.u += (back < value) == (value > 0) ? 1 : -1;
	return __truncsfbf2(in.f);
}
