/* SPDX-License-Identifier: MIT */
/*
 * What the attention kernels share: softmax of a block of keys as it goes by.
 *
 * Scores lie transposed, [key][query], so that greatest and sum run down the
 * lanes of long vectors. Several rows of keys make one vector of `lanes`
 * elements; a lane has its own share of the sum, and all lanes of a query the
 * same reference that is taken off before 2^x. The invariant: no score exceeds
 * the reference by more than SOFTMAX_SLACK, so that accumulators need rescaling
 * only when a much greater score turns up.
 */
#ifndef KERNELS_ATTENTION_H
#define KERNELS_ATTENTION_H

#include <seedchip/ops_attention.h>

#include "vec.h"

#define SOFTMAX_LANES 1024u
#define SOFTMAX_SLACK 8 /* of log2; 2^8 is a small number even in f16 */
#define SOFTMAX_LEAST -3e38f /* below every reference; not infinite, as differences count */
#define SOFTMAX_WIDE  0x1p24f /* from here on the rounding of a reference is a power of its own */

/**
 * struct softmax - of the queries of a workgroup
 * @width: queries, a power of two
 * @lanes: a multiple of @width by a power of two, at most SOFTMAX_LANES
 * @scale: of scores, log2(e) included
 * @wide: some reference is from SOFTMAX_WIDE up, or down
 * @reference: by lane
 * @sum: by lane
 * @top: by lane, for a block
 */
struct softmax {
	uint32_t width, lanes;
	float scale;
	bool wide;
	float *reference, *sum, *top;
};

SD_INLINE void softmax_fill(float *to, float value, uint32_t count)
{
	size_t vl;

	for (uint32_t i = 0; i < count; i += (uint32_t)vl) {
		vl = __riscv_vsetvl_e32m8(count - i);
		__riscv_vse32_v_f32m8(to + i, __riscv_vfmv_v_f_f32m8(value, vl), vl);
	}
}

SD_INLINE void softmax_start(const struct softmax *s)
{
	softmax_fill(s->reference, SOFTMAX_LEAST, s->lanes);
	softmax_fill(s->sum, 0, s->lanes);
}

SD_INLINE vfloat32m8_t softmax_max(vfloat32m8_t x, const float *y, size_t vl)
{
	return __riscv_vfmax_vv_f32m8(x, __riscv_vle32_v_f32m8(y, vl), vl);
}

/* Greatest scores by lane of @rows vectors; whether one exceeds its reference too far. */
SD_INLINE bool softmax_top(const struct softmax *s, const float *scores, uint32_t rows)
{
	bool above = false;
	size_t vl;

	for (uint32_t f = 0; f < s->lanes; f += (uint32_t)vl) {
		vl = __riscv_vsetvl_e32m8(s->lanes - f);

		vfloat32m8_t top = __riscv_vle32_v_f32m8(scores + f, vl), over;
		vbool4_t far;

		for (uint32_t i = 1; i < rows; i++)
			top = softmax_max(top, scores + i * s->lanes + f, vl);
		__riscv_vse32_v_f32m8(s->top + f, top, vl);
		over = __riscv_vle32_v_f32m8(s->reference + f, vl);
		over = __riscv_vfmsub_vf_f32m8(top, s->scale, over, vl);
		far = __riscv_vmfgt_vf_f32m8_b4(over, SOFTMAX_SLACK, vl);
		above |= __riscv_vfirst_m_b4(far, vl) >= 0;
	}
	return above;
}

/* Fold or spread: the first @width elements from all lanes, or to all. */
SD_INLINE void softmax_fold(float *x, uint32_t width, uint32_t lanes, bool greatest)
{
	size_t vl;

	for (uint32_t n = lanes / 2; n >= width; n /= 2) {
		for (uint32_t i = 0; i < n; i += (uint32_t)vl) {
			vl = __riscv_vsetvl_e32m8(n - i);

			vfloat32m8_t a = __riscv_vle32_v_f32m8(x + i, vl);
			vfloat32m8_t b = __riscv_vle32_v_f32m8(x + n + i, vl);

			a = greatest ? __riscv_vfmax_vv_f32m8(a, b, vl)
				     : __riscv_vfadd_vv_f32m8(a, b, vl);
			__riscv_vse32_v_f32m8(x + i, a, vl);
		}
	}
}

SD_INLINE void softmax_spread(float *x, uint32_t width, uint32_t lanes)
{
	size_t vl;

	for (uint32_t n = width; n < lanes; n *= 2) {
		for (uint32_t i = 0; i < n; i += (uint32_t)vl) {
			vl = __riscv_vsetvl_e32m8(n - i);
			__riscv_vse32_v_f32m8(x + n + i, __riscv_vle32_v_f32m8(x + i, vl), vl);
		}
	}
}

/* New references from the greatest scores; @factor, @lanes long: what all sums so far shrink by. */
static void softmax_rescale(struct softmax *s, float *factor)
{
	size_t vl;

	s->wide = false;
	softmax_fold(s->top, s->width, s->lanes, true);
	for (uint32_t i = 0; i < s->width; i += (uint32_t)vl) {
		vl = vec_len(s->width - i);

		vec was = __riscv_vle32_v_f32m4(s->reference + i, vl), now;
		vbool8_t wide;

		now = __riscv_vfmul_vf_f32m4(__riscv_vle32_v_f32m4(s->top + i, vl), s->scale, vl);
		now = __riscv_vfmax_vv_f32m4(was, now, vl);
		__riscv_vse32_v_f32m4(s->reference + i, now, vl);
		wide = __riscv_vmfge_vf_f32m4_b8(__riscv_vfabs_v_f32m4(now, vl), SOFTMAX_WIDE, vl);
		wide = __riscv_vmand_mm_b8(__riscv_vmfgt_vf_f32m4_b8(now, SOFTMAX_LEAST, vl), wide,
					   vl);
		s->wide |= __riscv_vfirst_m_b8(wide, vl) >= 0;
		was = sd_vexp2_f32m4(__riscv_vfsub_vv_f32m4(was, now, vl), vl);
		__riscv_vse32_v_f32m4(factor + i, was, vl);
	}
	softmax_spread(s->reference, s->width, s->lanes);
	softmax_spread(factor, s->width, s->lanes);
	for (uint32_t i = 0; i < s->lanes; i += (uint32_t)vl) {
		vl = vec_len(s->lanes - i);

		vec sum = __riscv_vle32_v_f32m4(s->sum + i, vl);

		sum = __riscv_vfmul_vv_f32m4(sum, __riscv_vle32_v_f32m4(factor + i, vl), vl);
		__riscv_vse32_v_f32m4(s->sum + i, sum, vl);
	}
}

SD_INLINE void softmax_powers_of(const struct softmax *s, const float *scores, void *powers,
				 uint32_t rows, uint32_t type)
{
	size_t vl;

	for (uint32_t f = 0; f < s->lanes; f += (uint32_t)vl) {
		vl = __riscv_vsetvl_e32m8(s->lanes - f);

		vfloat32m8_t reference = __riscv_vle32_v_f32m8(s->reference + f, vl);
		vfloat32m8_t sum = __riscv_vle32_v_f32m8(s->sum + f, vl), x;

		for (uint32_t i = 0, at = f; i < rows; i++, at += s->lanes) {
			x = __riscv_vle32_v_f32m8(scores + at, vl);
			x = sd_vexp2_f32m8(__riscv_vfmsub_vf_f32m8(x, s->scale, reference, vl), vl);
			sum = __riscv_vfadd_vv_f32m8(sum, x, vl);
			if (type == SDO_F32)
				__riscv_vse32_v_f32m8((float *)powers + at, x, vl);
			else if (type == SDO_F16)
				__riscv_vse16_v_f16m4((_Float16 *)powers + at,
						      __riscv_vfncvt_f_f_w_f16m4(x, vl), vl);
			else
				__riscv_vse16_v_bf16m4((__bf16 *)powers + at,
						       __riscv_vfncvtbf16_f_f_w_bf16m4(x, vl), vl);
		}
		__riscv_vse32_v_f32m8(s->sum + f, sum, vl);
	}
}

/* The same. A fused difference from a wide reference would be all that its rounding has lost. */
static void softmax_powers_wide(const struct softmax *s, const float *scores, void *powers,
				uint32_t rows, uint32_t type)
{
	size_t vl;

	for (uint32_t f = 0; f < s->lanes; f += (uint32_t)vl) {
		vl = vec_len(s->lanes - f);

		vec reference = __riscv_vle32_v_f32m4(s->reference + f, vl);
		vec sum = __riscv_vle32_v_f32m4(s->sum + f, vl), x, y;
		vbool8_t wide = __riscv_vmfge_vf_f32m4_b8(__riscv_vfabs_v_f32m4(reference, vl),
							  SOFTMAX_WIDE, vl);

		for (uint32_t i = 0, at = f; i < rows; i++, at += s->lanes) {
			x = __riscv_vle32_v_f32m4(scores + at, vl);
			y = __riscv_vfmul_vf_f32m4(x, s->scale, vl);
			y = __riscv_vfsub_vv_f32m4(y, reference, vl);
			x = __riscv_vfmsub_vf_f32m4(x, s->scale, reference, vl);
			x = sd_vexp2_f32m4(__riscv_vmerge_vvm_f32m4(x, y, wide, vl), vl);
			sum = __riscv_vfadd_vv_f32m4(sum, x, vl);
			vec_store(type, powers, at, x, vl);
		}
		__riscv_vse32_v_f32m4(s->sum + f, sum, vl);
	}
}

/* 2^(score scale - reference), as @type, and its sums. */
static void softmax_powers(const struct softmax *s, const float *scores, void *powers,
			   uint32_t rows, uint32_t type)
{
	if (s->wide)
		softmax_powers_wide(s, scores, powers, rows, type);
	else if (type == SDO_F32)
		softmax_powers_of(s, scores, powers, rows, SDO_F32);
	else if (type == SDO_F16)
		softmax_powers_of(s, scores, powers, rows, SDO_F16);
	else
		softmax_powers_of(s, scores, powers, rows, SDO_BF16);
}

/* 1 / sum by query; 0 where no key counted. */
static void softmax_finish(const struct softmax *s, float *factor)
{
	size_t vl;

	softmax_fold(s->sum, s->width, s->lanes, false);
	for (uint32_t i = 0; i < s->width; i += (uint32_t)vl) {
		vl = vec_len(s->width - i);

		vec sum = __riscv_vle32_v_f32m4(s->sum + i, vl);
		vbool8_t none = __riscv_vmfeq_vf_f32m4_b8(sum, 0, vl);

		sum = __riscv_vfrdiv_vf_f32m4(sum, 1, vl);
		sum = __riscv_vfmerge_vfm_f32m4(sum, 0, none, vl);
		__riscv_vse32_v_f32m4(factor + i, sum, vl);
	}
}

static uint32_t least(uint32_t a, uint32_t b)
{
	return a < b ? a : b;
}

/* The next piece of the scratchpad. */
static void *take(uint8_t **at, uint32_t bytes)
{
	void *p = *at;

	*at += (bytes + 63) & ~63u;
	return p;
}

/* Rows at any distance, which become dense. */
static void copy_rows(uint32_t channel, uint8_t *dst, uint64_t src, uint64_t stride, uint32_t bytes,
		      uint32_t rows)
{
	if (stride <= UINT32_MAX) {
		sd_dma_2d(channel, dst, bytes, (const void *)src, (uint32_t)stride, bytes, rows);
		return;
	}
	for (uint32_t i = 0; i < rows; i++)
		sd_dma_1d(channel, dst + i * bytes, (const void *)(src + i * stride), bytes);
}

/* The reverse. */
static void spread_rows(uint32_t channel, uint64_t dst, uint64_t stride, uint8_t *src,
			uint32_t bytes, uint32_t rows)
{
	if (stride <= UINT32_MAX) {
		sd_dma_2d(channel, (void *)dst, (uint32_t)stride, src, bytes, bytes, rows);
		return;
	}
	for (uint32_t i = 0; i < rows; i++)
		sd_dma_1d(channel, (void *)(dst + i * stride), src + i * bytes, bytes);
}

/* A tile of two operands of the same type. */
SD_INLINE struct sc_tile attention_tile(uint32_t m, uint32_t n, uint32_t k, uint32_t type,
					uint32_t store)
{
	return (struct sc_tile){
		.m = (uint8_t)m, .n = (uint8_t)n, .k = (uint16_t)k,
		.fmt_a = (uint8_t)type, .fmt_b = (uint8_t)type, .fmt_store = (uint8_t)store,
		.scale_a = ~0u, .scale_b = ~0u, .store_scale = ~0u,
	};
}

#endif /* KERNELS_ATTENTION_H */
