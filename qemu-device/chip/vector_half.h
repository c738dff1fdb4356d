/* SPDX-License-Identifier: MIT */
/*
 * Conversions between f16 and f32 by F16C, for the ways of vector_loops.h on
 * x86, eight elements at a time; those left over are padded with zeros.
 */
static size_t cvt_h_s(void *d_, const void *a_, size_t n)
{
	const __m128i abs = _mm_set1_epi16(0x7fff), inf = _mm_set1_epi16(0x7c00);
	const uint8_t *a = a_;
	uint8_t *d = d_;

	for (size_t i = 0; i < n; i += 8) {
		size_t m = n - i < 8 ? n - i : 8;
		__m128i h = _mm_setzero_si128();
		__m256 s;

		memcpy(&h, a + 2 * i, 2 * m);
		if (_mm_movemask_epi8(_mm_cmpgt_epi16(_mm_and_si128(h, abs), inf)))
			return i; /* a NaN */
		s = _mm256_cvtph_ps(h);
		memcpy(d + 4 * i, &s, 4 * m);
	}
	return n;
}

/* Results are normal, or zeros that come from zeros. */
static size_t cvt_s_h(void *d_, const void *a_, size_t n)
{
	const __m128i abs = _mm_set1_epi16(0x7fff), most = _mm_set1_epi16(0x7bff);
	const __m128i least = _mm_set1_epi16(0x0401);
	const uint8_t *a = a_;
	uint8_t *d = d_;

	for (size_t i = 0; i < n; i += 8) {
		size_t m = n - i < 8 ? n - i : 8;
		__m256 s = _mm256_setzero_ps();
		__m128i h, r, bad, zero;
		__m256i zeros;

		memcpy(&s, a + 4 * i, 4 * m);
		h = _mm256_cvtps_ph(s, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
		r = _mm_and_si128(h, abs);
		bad = _mm_or_si128(_mm_cmpgt_epi16(least, r), _mm_cmpgt_epi16(r, most));
		zeros = (__m256i)_mm256_cmp_ps(s, _mm256_setzero_ps(), _CMP_EQ_OQ);
		zero = _mm_packs_epi32(_mm256_castsi256_si128(zeros),
				       _mm256_extracti128_si256(zeros, 1));
		bad = _mm_andnot_si128(zero, bad);
		if (_mm_movemask_epi8(bad))
			return i;
		memcpy(d + 2 * i, &h, 2 * m);
	}
	return n;
}
