// SPDX-License-Identifier: MIT
/* The loops of vector_loops.h with AVX2, FMA and F16C. */
#ifdef __x86_64__
#include <cpuid.h>
#include <immintrin.h>

#include "vector_path.h"
#include "vexp2.h"

#ifdef __clang__
#pragma clang attribute push(__attribute__((target("avx2,fma,f16c"))), apply_to = function)
#else
#pragma GCC optimize("O3")
#pragma GCC target("avx2,fma,f16c")
#endif

#define PATH	  sc_vector_avx2
#define PATH_NAME "avx2"
#define BYTES	  32
#define FMA_S(a, b, c)	_mm256_fmadd_ps(a, b, c)
#define FMA_D(a, b, c)	_mm256_fmadd_pd(a, b, c)
#define SQRT_S(a)	_mm256_sqrt_ps(a)
#define SQRT_D(a)	_mm256_sqrt_pd(a)
#define MAXIMUM_S(a, b) _mm256_max_ps(a, b)
#define MINIMUM_S(a, b) _mm256_min_ps(a, b)
/* zeros differ in their sign: either operand is given, both together are right */
#define MAX_S(a, b)	_mm256_and_ps(_mm256_max_ps(a, b), _mm256_max_ps(b, a))
#define MAX_D(a, b)	_mm256_and_pd(_mm256_max_pd(a, b), _mm256_max_pd(b, a))
#define MIN_S(a, b)	_mm256_or_ps(_mm256_min_ps(a, b), _mm256_min_ps(b, a))
#define MIN_D(a, b)	_mm256_or_pd(_mm256_min_pd(a, b), _mm256_min_pd(b, a))
#define UNORDERED_S(a, b) ((uS)_mm256_cmp_ps(a, b, _CMP_UNORD_Q))
#define UNORDERED_D(a, b) ((uD)_mm256_cmp_pd(a, b, _CMP_UNORD_Q))
#define SEEN(v)		ANY(v)
#define REFUSE(v, nans)	((v) = (__typeof__(v))((uS)(v) | (uS)(nans)))
#define TOP_S(a, b)	((uS)_mm256_max_epu32((__m256i)(a), (__m256i)(b)))
#define ANY(v)		(!_mm256_testz_si256((__m256i)(v), (__m256i)(v)))
#define SIDE		4
#define CLEAR()		_mm256_zeroupper()

static bool usable(void)
{
	unsigned int a, b, c, d;

	/* not every compiler has a name for F16C */
	return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") &&
	       __get_cpuid(1, &a, &b, &c, &d) && (c & bit_F16C);
}

#include "vector_half.h"
#include "vector_loops.h"

#ifdef __clang__
#pragma clang attribute pop
#endif
#endif
