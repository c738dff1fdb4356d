// SPDX-License-Identifier: MIT
/* The loops of vector_loops.h with AVX-512 F, BW, VL and DQ. */
#ifdef __x86_64__
#include <immintrin.h>

#include "vector_path.h"
#include "vexp2.h"

#ifdef __clang__
#pragma clang attribute push(__attribute__((target("avx512f,avx512bw,avx512vl,avx512dq,f16c"))), \
			     apply_to = function)
#else
#pragma GCC optimize("O3")
#pragma GCC target("avx512f,avx512bw,avx512vl,avx512dq,f16c,prefer-vector-width=512")
#endif

#define PATH	  sc_vector_avx512
#define PATH_NAME "avx512"
#define BYTES	  64
#define FMA_S(a, b, c)	_mm512_fmadd_ps(a, b, c)
#define FMA_D(a, b, c)	_mm512_fmadd_pd(a, b, c)
#define SQRT_S(a)	_mm512_sqrt_ps(a)
#define SQRT_D(a)	_mm512_sqrt_pd(a)
#define MAXIMUM_S(a, b) _mm512_max_ps(a, b)
#define MINIMUM_S(a, b) _mm512_min_ps(a, b)
/* the larger or smaller with its own sign, zeros too */
#define MAX_S(a, b)	_mm512_range_ps(a, b, 5)
#define MAX_D(a, b)	_mm512_range_pd(a, b, 5)
#define MIN_S(a, b)	_mm512_range_ps(a, b, 4)
#define MIN_D(a, b)	_mm512_range_pd(a, b, 4)
#define UNORDERED_S(a, b) _mm512_cmp_ps_mask(a, b, _CMP_UNORD_Q)
#define UNORDERED_D(a, b) _mm512_cmp_pd_mask(a, b, _CMP_UNORD_Q)
#define SEEN(v)		((v) != 0)
#define REFUSE(v, nans)	do { if (nans) return false; } while (0)
#define TOP_S(a, b)	((uS)_mm512_max_epu32((__m512i)(a), (__m512i)(b)))
#define ANY(v)		(_mm512_test_epi32_mask((__m512i)(v), (__m512i)(v)))
#define SIDE		8
#define CLEAR()		_mm256_zeroupper()

static bool usable(void)
{
	return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
	       __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512dq");
}

#include "vector_half.h"
#include "vector_loops.h"

#ifdef __clang__
#pragma clang attribute pop
#endif
#endif
