// SPDX-License-Identifier: MIT
/*
 * The loops of vector_loops.h in plain C for any host, and the choice of a way.
 * Where the host has no fused multiply-add an element costs a call of libm.
 */
#include "vector_path.h"
#include "vexp2.h"

#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC optimize("O3")
#endif

#define PATH	  sc_vector_plain
#define PATH_NAME "plain"
#define BYTES	  16
#define FMA_S(a, b, c)	fma_s(a, b, c)
#define FMA_D(a, b, c)	fma_d(a, b, c)
#define SQRT_S(a)	sqrt_s(a)
#define SQRT_D(a)	sqrt_d(a)
#define MAXIMUM_S(a, b) ((vS)SELECT_S((a) > (b), a, b))
#define MINIMUM_S(a, b) ((vS)SELECT_S((a) < (b), a, b))
/* zeros differ in their sign: either operand is given, both together are right */
#define MAX_S(a, b)	((vS)(SELECT_S((a) > (b), a, b) & SELECT_S((b) > (a), b, a)))
#define MAX_D(a, b)	((vD)(SELECT_D((a) > (b), a, b) & SELECT_D((b) > (a), b, a)))
#define MIN_S(a, b)	((vS)(SELECT_S((a) < (b), a, b) | SELECT_S((b) < (a), b, a)))
#define MIN_D(a, b)	((vD)(SELECT_D((a) < (b), a, b) | SELECT_D((b) < (a), b, a)))
#define UNORDERED_S(a, b) ((uS)(((a) != (a)) | ((b) != (b))))
#define UNORDERED_D(a, b) ((uD)(((a) != (a)) | ((b) != (b))))
#define SEEN(v)		ANY(v)
#define REFUSE(v, nans)	((v) = (__typeof__(v))((uS)(v) | (uS)(nans)))
#define TOP_S(a, b)	SELECT_S((a) > (b), a, b)
#define ANY(v)		any((uint64_t __attribute__((vector_size(16))))(v))
#define SIDE		4
#define CLEAR()		((void)0)

typedef float four __attribute__((vector_size(16), aligned(1), may_alias));
typedef double two __attribute__((vector_size(16), aligned(1), may_alias));

static inline four fma_s(four a, four b, four c)
{
	for (unsigned int i = 0; i < 4; i++)
		a[i] = __builtin_fmaf(a[i], b[i], c[i]);
	return a;
}

static inline two fma_d(two a, two b, two c)
{
	for (unsigned int i = 0; i < 2; i++)
		a[i] = __builtin_fma(a[i], b[i], c[i]);
	return a;
}

static inline four sqrt_s(four a)
{
	for (unsigned int i = 0; i < 4; i++)
		a[i] = __builtin_sqrtf(a[i]);
	return a;
}

static inline two sqrt_d(two a)
{
	for (unsigned int i = 0; i < 2; i++)
		a[i] = __builtin_sqrt(a[i]);
	return a;
}

static inline bool any(uint64_t __attribute__((vector_size(16))) v)
{
	return v[0] | v[1];
}

static bool usable(void)
{
	return true;
}

#define cvt_h_s NULL
#define cvt_s_h NULL
#include "vector_loops.h"

/* The fastest first. */
static const struct sc_vector_path *const paths[] = {
#ifdef __x86_64__
	&sc_vector_avx512,
	&sc_vector_avx2,
#endif
	&sc_vector_plain,
};

const struct sc_vector_path *sc_vector_path(const char *name)
{
	for (unsigned int i = 0; i < sizeof(paths) / sizeof(paths[0]); i++)
		if ((!name || !strcmp(name, paths[i]->name)) && paths[i]->usable())
			return paths[i];
	return NULL;
}
