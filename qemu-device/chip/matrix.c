// SPDX-License-Identifier: MIT
/*
 * The matrix engine of a core: tile descriptors, multiply, load, store, scale.
 *
 * The bits of every result are fixed (docs/hardware.md): integers wrap in 32
 * bits; a float accumulator takes one fused multiply-add per k, k ascending,
 * fp8 one per pair of k; groups are summed from +0 and folded in with one more.
 * Operands are first decoded into 16-bit integers or f32, which is exact, so
 * that a kernel knows three element types and not seven. The host must be in
 * its default floating-point environment.
 */
#include <math.h>
#include <stdlib.h>

#include "engine_priv.h"
#include "format.h"

#define DIM SC_ACC_DIM
#define STEP 128 /* k per block of decoded operands; even, and divides or is divided by groups */
#define NONE UINT32_MAX /* a scale address that stands for ones */

enum kind {
	KIND_INT, /* i32 sums, of groups when there are any */
	KIND_FMA, /* one fused multiply-add per k */
	KIND_PAIR, /* fp8: one per pair, then one addition */
};

/* With decoded operands: rows of k for A, of n for B. Beyond m and n stands what was there. */
struct sc_matrix {
	union sc_acc acc[SC_NUM_ACCS];
	union sc_acc part; /* sums of one group */
	union {
		int16_t i[DIM][STEP];
		float f[DIM][STEP];
	} a;
	union {
		int16_t i[STEP][DIM];
		float f[STEP][DIM];
	} b;
};

static const struct {
	uint8_t kind;
	uint32_t isa;
} pairs[][8] = {
	[SC_FMT_I8] = { [SC_FMT_I8] = { KIND_INT, SC_ISA_XSDM_INT8 },
			[SC_FMT_I4] = { KIND_INT, SC_ISA_XSDM_INT4 } },
	[SC_FMT_F16] = { [SC_FMT_F16] = { KIND_FMA, SC_ISA_XSDM_FP16 } },
	[SC_FMT_BF16] = { [SC_FMT_BF16] = { KIND_FMA, SC_ISA_XSDM_BF16 } },
	[SC_FMT_E4M3] = { [SC_FMT_E4M3] = { KIND_PAIR, SC_ISA_XSDM_FP8 },
			  [SC_FMT_E5M2] = { KIND_PAIR, SC_ISA_XSDM_FP8 } },
	[SC_FMT_E5M2] = { [SC_FMT_E4M3] = { KIND_PAIR, SC_ISA_XSDM_FP8 },
			  [SC_FMT_E5M2] = { KIND_PAIR, SC_ISA_XSDM_FP8 } },
	[SC_FMT_F32] = { [SC_FMT_F32] = { KIND_FMA, SC_ISA_XSDM_FP32 } },
	[SC_FMT_I32] = { { 0, 0 } }, /* not an operand */
};

/* Store formats and what they need. */
static const uint32_t store_isa[] = {
	[SC_FMT_I8] = SC_ISA_XSDM_INT8,	  [SC_FMT_I4] = 0,
	[SC_FMT_F16] = SC_ISA_XSDM_INT8,  [SC_FMT_BF16] = SC_ISA_XSDM_INT8,
	[SC_FMT_E4M3] = SC_ISA_XSDM_FP8,  [SC_FMT_E5M2] = SC_ISA_XSDM_FP8,
	[SC_FMT_F32] = SC_ISA_XSDM_INT8,  [SC_FMT_I32] = SC_ISA_XSDM_INT8,
};

static const uint8_t fmt_bits[] = {
#define FMT_BITS(name, number, bits, text)                                                         \
	[number] = bits,
	SC_FMT_TABLE(FMT_BITS)
};

static const uint8_t scale_bytes[] = {
	[SC_SCALE_F16] = 2,
	[SC_SCALE_F32] = 4,
	[SC_SCALE_E8M0] = 1,
};

static uint64_t row_bytes(unsigned int fmt, uint64_t count)
{
	return (count * fmt_bits[fmt] + 7) / 8;
}

static enum kind kind_of(const struct sc_tile *t)
{
	return pairs[t->fmt_a][t->fmt_b].kind;
}

/* Whether an accumulator of this descriptor holds integers. */
static bool is_integer(const struct sc_tile *t)
{
	return kind_of(t) == KIND_INT && !t->group;
}

static uint64_t groups_of(const struct sc_tile *t)
{
	return (t->k + t->group - 1) / t->group;
}

struct sc_matrix *sc_matrix_create(void)
{
	return calloc(1, sizeof(struct sc_matrix));
}

void sc_matrix_destroy(struct sc_matrix *matrix)
{
	free(matrix);
}

void sc_matrix_clear(struct sc_matrix *matrix)
{
	memset(matrix->acc, 0, sizeof(matrix->acc));
}

/* Checks at issue. */

static bool good_group(unsigned int group)
{
	return !group || (group >= 16 && group <= 1024 && !(group & (group - 1)));
}

/* Offset of the first descriptor field that is not allowed, or lacking in @isa; -1: none is. */
static int bad_field(const struct sc_tile *t, uint64_t isa)
{
	static const uint8_t zero[sizeof(t->rsv1)];

	if (t->m > DIM)
		return offsetof(struct sc_tile, m);
	if (t->n > DIM)
		return offsetof(struct sc_tile, n);
	if (t->fmt_a > SC_FMT_I32)
		return offsetof(struct sc_tile, fmt_a);
	if (t->fmt_b > SC_FMT_I32 || !(pairs[t->fmt_a][t->fmt_b].isa & isa))
		return offsetof(struct sc_tile, fmt_b);
	if (t->fmt_store > SC_FMT_I32 || !(store_isa[t->fmt_store] & isa))
		return offsetof(struct sc_tile, fmt_store);
	if (t->flags & ~SC_TILE_FLAGS)
		return offsetof(struct sc_tile, flags);
	if (!good_group(t->group) || (t->group && !(isa & SC_ISA_XSDM_GROUP)))
		return offsetof(struct sc_tile, group);
	if (t->fmt_scale > SC_SCALE_E8M0)
		return offsetof(struct sc_tile, fmt_scale);
	if (t->rsv0)
		return offsetof(struct sc_tile, rsv0);
	if (memcmp(t->rsv1, zero, sizeof(zero)))
		return offsetof(struct sc_tile, rsv1);
	return -1;
}

int sc_matrix_tile(const struct sc_engine_env *env, const struct sc_tile *t, uint64_t va,
		   uint64_t pc, struct sc_fault *fault)
{
	int field = bad_field(t, env->isa);

	if (field < 0)
		return 0;
	return sc_engine_fault(fault, SC_CODE_BAD_TILE, SC_ENGINE_MATRIX, pc, va, field);
}

/* An operand, @offset into the scratchpad: rows of @len bytes. */
static int operand(const struct sc_engine_env *env, struct sc_engine_op *op, bool write,
		   uint64_t offset, uint64_t len, uint64_t rows, uint64_t stride,
		   struct sc_fault *fault)
{
	if (!sc_engine_span(env->tcm_size, offset, len, rows, stride, 1, 0)) {
		sc_engine_fault(fault, SC_CODE_TILE_RANGE, SC_ENGINE_MATRIX, op->pc,
				SC_VA_TCM + offset, 0);
		fault->access = write ? SC_ACCESS_WRITE : SC_ACCESS_READ;
		fault->size = len;
		return SC_ENGINE_FAULT;
	}
	if (env->strict)
		sc_engine_touch(op, write, offset, len, rows, stride, 1, 0);
	return 0;
}

static int issue_mma(const struct sc_engine_env *env, struct sc_engine_op *op, uint64_t a,
		     uint64_t b, struct sc_fault *fault)
{
	const struct sc_tile *t = &op->tile;
	bool km = t->flags & SC_TILE_A_KM, nk = t->flags & SC_TILE_B_NK;

	if (operand(env, op, false, a, row_bytes(t->fmt_a, km ? t->m : t->k), km ? t->k : t->m,
		    t->stride_a, fault) ||
	    operand(env, op, false, b, row_bytes(t->fmt_b, nk ? t->k : t->n), nk ? t->n : t->k,
		    t->stride_b, fault))
		return SC_ENGINE_FAULT;
	if (!t->group)
		return 0;
	if (t->scale_a != NONE && operand(env, op, false, t->scale_a, 4 * groups_of(t), t->m,
					  t->stride_scale_a, fault))
		return SC_ENGINE_FAULT;
	if (t->scale_b != NONE &&
	    operand(env, op, false, t->scale_b, scale_bytes[t->fmt_scale] * t->n, groups_of(t),
		    t->stride_scale_b, fault))
		return SC_ENGINE_FAULT;
	return 0;
}

static int issue_store(const struct sc_engine_env *env, struct sc_engine_op *op, uint64_t dst,
		       uint64_t stride, struct sc_fault *fault)
{
	const struct sc_tile *t = &op->tile;

	if (operand(env, op, true, dst, row_bytes(t->fmt_store, t->n), t->m, stride, fault))
		return SC_ENGINE_FAULT;
	if (t->fmt_store == SC_FMT_I8 && t->store_scale != NONE)
		return operand(env, op, false, t->store_scale, 4 * t->n, 1, 0, fault);
	return 0;
}

int sc_matrix_issue(const struct sc_engine_env *env, struct sc_engine_op *op, uint64_t rs1,
		    uint64_t rs2, struct sc_fault *fault)
{
	const struct sc_tile *t = &op->tile;
	uint64_t first = rs1 - SC_VA_TCM, second = rs2 - SC_VA_TCM;

	if (op->imm >= SC_NUM_ACCS)
		return sc_engine_fault(fault, SC_CODE_BAD_TILE, SC_ENGINE_MATRIX, op->pc, 0,
				       op->imm);
	op->offset[0] = first;
	op->offset[1] = second;
	op->stride = rs2;
	if (!t->m || !t->n)
		return 0;
	switch (op->insn) {
	case SC_INSN_SDM_LD:
		return operand(env, op, false, first, 4 * t->n, t->m, rs2, fault);
	case SC_INSN_SDM_ST:
		return issue_store(env, op, first, rs2, fault);
	case SC_INSN_SDM_MUL_R:
	case SC_INSN_SDM_MUL_C:
		if (is_integer(t))
			return sc_engine_fault(fault, SC_CODE_BAD_TILE, SC_ENGINE_MATRIX, op->pc, 0,
					       offsetof(struct sc_tile, fmt_a));
		return operand(env, op, false, first,
			       4 * (op->insn == SC_INSN_SDM_MUL_R ? t->m : t->n), 1, 0, fault);
	default:
		return issue_mma(env, op, first, second, fault);
	}
}

/* Decoding of operands. */

/* Where elements come from: rows as stored, @count of them from element @first on. */
struct source {
	const uint8_t *base;
	uint64_t stride;
	unsigned int fmt;
	unsigned int rows;
	unsigned int first;
	unsigned int count;
	const int8_t *codebook;
};

static inline int16_t int_element(const struct source *s, const uint8_t *row, unsigned int i)
{
	if (s->fmt == SC_FMT_I8)
		return (int8_t)row[i];
	return s->codebook[row[i / 2] >> (i % 2 * 4) & 0xf];
}

static inline float float_element(unsigned int fmt, const uint8_t *row, unsigned int i)
{
	uint16_t half;
	float f;

	switch (fmt) {
	case SC_FMT_F16:
		memcpy(&half, row + 2 * i, 2);
		return sc_from_f16(half);
	case SC_FMT_BF16:
		memcpy(&half, row + 2 * i, 2);
		return sc_from_bf16(half);
	case SC_FMT_E4M3:
		return sc_from_e4m3(row[i]);
	case SC_FMT_E5M2:
		return sc_from_e5m2(row[i]);
	default:
		memcpy(&f, row + 4 * i, 4);
		return f;
	}
}

/* Element (r, c) goes to dst[r * row_step + c * col_step]. */
static void decode_int(const struct source *s, int16_t *dst, size_t row_step, size_t col_step)
{
	unsigned int r, c;

	for (r = 0; r < s->rows; r++) {
		const uint8_t *row = s->base + r * s->stride;

		for (c = 0; c < s->count; c++)
			dst[r * row_step + c * col_step] = int_element(s, row, s->first + c);
	}
}

static void decode_float(const struct source *s, float *dst, size_t row_step, size_t col_step)
{
	unsigned int r, c;

	for (r = 0; r < s->rows; r++) {
		const uint8_t *row = s->base + r * s->stride;

		for (c = 0; c < s->count; c++)
			dst[r * row_step + c * col_step] = float_element(s->fmt, row, s->first + c);
	}
}

/*
 * Decode @count values of k from @k on of both operands. Every kind but the
 * integers is f32 afterwards.
 */
static void decode(struct sc_matrix *x, const struct sc_engine_env *env,
		   const struct sc_engine_op *op, unsigned int k, unsigned int count)
{
	const struct sc_tile *t = &op->tile;
	bool km = t->flags & SC_TILE_A_KM, nk = t->flags & SC_TILE_B_NK;
	struct source a = { .stride = t->stride_a, .fmt = t->fmt_a };
	struct source b = { .stride = t->stride_b, .fmt = t->fmt_b, .codebook = t->codebook };
	size_t a_row = km ? 1 : STEP, a_col = km ? STEP : 1;
	size_t b_row = nk ? 1 : DIM, b_col = nk ? DIM : 1;

	a.base = env->tcm + op->offset[0] + (km ? k * a.stride : 0);
	a.rows = km ? count : t->m;
	a.first = km ? 0 : k;
	a.count = km ? t->m : count;
	b.base = env->tcm + op->offset[1] + (nk ? 0 : k * b.stride);
	b.rows = nk ? t->n : count;
	b.first = nk ? k : 0;
	b.count = nk ? count : t->n;
	if (kind_of(t) == KIND_INT) {
		decode_int(&a, x->a.i[0], a_row, a_col);
		decode_int(&b, x->b.i[0], b_row, b_col);
	} else {
		decode_float(&a, x->a.f[0], a_row, a_col);
		decode_float(&b, x->b.f[0], b_row, b_col);
	}
}

/* Kernels: add the product of decoded blocks, @count values of k, to @out. */

#define INLINE static inline __attribute__((always_inline))

INLINE void multiply_int(const struct sc_matrix *x, union sc_acc *out, unsigned int m,
			 unsigned int count)
{
	unsigned int i, k, j;

	for (i = 0; i < m; i++) {
		uint32_t sum[DIM];

		memcpy(sum, out->i[i], sizeof(sum));
		for (k = 0; k < count; k++) {
			const int16_t *b = x->b.i[k];
			int16_t a = x->a.i[i][k];

			for (j = 0; j < DIM; j++)
				sum[j] += (uint32_t)(a * b[j]);
		}
		memcpy(out->i[i], sum, sizeof(sum));
	}
}

INLINE void multiply_fma(const struct sc_matrix *x, union sc_acc *out, unsigned int m,
			 unsigned int count)
{
	unsigned int i, k, j;

	for (i = 0; i < m; i++) {
		float sum[DIM];

		memcpy(sum, out->f[i], sizeof(sum));
		for (k = 0; k < count; k++) {
			const float *b = x->b.f[k];
			float a = x->a.f[i][k];

			for (j = 0; j < DIM; j++)
				sum[j] = fmaf(a, b[j], sum[j]);
		}
		memcpy(out->f[i], sum, sizeof(sum));
	}
}

/* An odd @count has been padded with +0. A product of two fp8 is exact in f32. */
INLINE void multiply_pair(const struct sc_matrix *x, union sc_acc *out, unsigned int m,
			  unsigned int count)
{
	unsigned int i, k, j;

	for (i = 0; i < m; i++) {
		float sum[DIM];

		memcpy(sum, out->f[i], sizeof(sum));
		for (k = 0; k < count; k += 2) {
			const float *b0 = x->b.f[k], *b1 = x->b.f[k + 1];
			float a0 = x->a.f[i][k], a1 = x->a.f[i][k + 1];

			for (j = 0; j < DIM; j++)
				sum[j] += fmaf(a1, b1[j], a0 * b0[j]);
		}
		memcpy(out->f[i], sum, sizeof(sum));
	}
}

INLINE void multiply(const struct sc_matrix *x, union sc_acc *out, enum kind kind, unsigned int m,
		     unsigned int count)
{
	if (kind == KIND_INT)
		multiply_int(x, out, m, count);
	else if (kind == KIND_FMA)
		multiply_fma(x, out, m, count);
	else
		multiply_pair(x, out, m, count);
}

#ifdef __x86_64__
/* The same code; the compiler may use the host's fused multiply-add. */
__attribute__((target("avx2,fma"))) static void
multiply_avx2(const struct sc_matrix *x, union sc_acc *out, enum kind kind, unsigned int m,
	      unsigned int count)
{
	multiply(x, out, kind, m, count);
}
#endif

static void multiply_block(const struct sc_matrix *x, union sc_acc *out, enum kind kind,
			   unsigned int m, unsigned int count)
{
#ifdef __x86_64__
	if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")) {
		multiply_avx2(x, out, kind, m, count);
		return;
	}
#endif
	multiply(x, out, kind, m, count);
}

/* Groups. */

static float scale_a(const struct sc_engine_env *env, const struct sc_tile *t, unsigned int i,
		     unsigned int group)
{
	float f = 1;

	if (t->scale_a != NONE)
		memcpy(&f, env->tcm + t->scale_a + (uint64_t)i * t->stride_scale_a + 4 * group, 4);
	return f;
}

static float scale_b(const struct sc_engine_env *env, const struct sc_tile *t, unsigned int group,
		     unsigned int j)
{
	const uint8_t *p;
	uint16_t half;
	float f;

	if (t->scale_b == NONE)
		return 1;
	p = env->tcm + t->scale_b + (uint64_t)group * t->stride_scale_b +
	    j * scale_bytes[t->fmt_scale];
	switch (t->fmt_scale) {
	case SC_SCALE_F16:
		memcpy(&half, p, 2);
		return sc_from_f16(half);
	case SC_SCALE_F32:
		memcpy(&f, p, 4);
		return f;
	default:
		return sc_from_e8m0(*p);
	}
}

/* Fold the sums of a group into the accumulator. */
static void fold(struct sc_matrix *x, const struct sc_engine_env *env, const struct sc_tile *t,
		 union sc_acc *acc, unsigned int group)
{
	bool integer = kind_of(t) == KIND_INT;
	float b[DIM] = { 0 };
	unsigned int i, j;

	for (j = 0; j < t->n; j++)
		b[j] = scale_b(env, t, group, j);
	for (i = 0; i < t->m; i++) {
		float a = scale_a(env, t, i, group);

		for (j = 0; j < t->n; j++) {
			float p = integer ? (float)(int32_t)x->part.i[i][j] : x->part.f[i][j];
			float s = a * b[j];

			acc->f[i][j] = fmaf(p, s, acc->f[i][j]);
		}
	}
}

static void clear_tile(union sc_acc *acc, const struct sc_tile *t)
{
	unsigned int i;

	for (i = 0; i < t->m; i++)
		memset(acc->i[i], 0, t->n * sizeof(acc->i[i][0]));
}

/* An accumulator never holds a NaN of the host's choice. */
static void canonical(union sc_acc *acc, const struct sc_tile *t)
{
	unsigned int i, j;

	for (i = 0; i < t->m; i++) {
		for (j = 0; j < t->n; j++)
			acc->i[i][j] = sc_to_f32(acc->f[i][j]);
	}
}

/* Work on columns beyond n is done and dropped: the kernels have one width. */
static void keep_columns(union sc_acc *out, const union sc_acc *in, const struct sc_tile *t)
{
	unsigned int i;

	for (i = 0; i < t->m; i++)
		memcpy(out->i[i], in->i[i], t->n * sizeof(out->i[i][0]));
}

/* Sum k from @k to @end into x->part, block by block. */
static void sum_range(struct sc_matrix *x, const struct sc_engine_env *env,
		      const struct sc_engine_op *op, unsigned int k, unsigned int end)
{
	enum kind kind = kind_of(&op->tile);
	unsigned int i, count;

	for (; k < end; k += count) {
		count = end - k < STEP ? end - k : STEP;
		decode(x, env, op, k, count);
		if (kind == KIND_PAIR && count % 2) {
			for (i = 0; i < DIM; i++)
				x->a.f[i][count] = 0;
			memset(x->b.f[count], 0, sizeof(x->b.f[count]));
		}
		multiply_block(x, &x->part, kind, op->tile.m, count);
	}
}

static void apply_mma(struct sc_matrix *x, const struct sc_engine_env *env,
		      const struct sc_engine_op *op)
{
	const struct sc_tile *t = &op->tile;
	union sc_acc *acc = &x->acc[op->imm];
	unsigned int k, group = t->group;

	if (op->insn == SC_INSN_SDM_MMA_Z)
		clear_tile(acc, t);
	if (!group) {
		memcpy(&x->part, acc, sizeof(x->part));
		sum_range(x, env, op, 0, t->k);
		keep_columns(acc, &x->part, t);
	}
	for (k = 0; group && k < t->k; k += group) {
		memset(&x->part, 0, sizeof(x->part));
		sum_range(x, env, op, k, t->k - k < group ? t->k : k + group);
		fold(x, env, t, acc, k / group);
	}
	if (!is_integer(t))
		canonical(acc, t);
	__atomic_store_n(&env->stats->macs, env->stats->macs + (uint64_t)t->m * t->n * t->k,
			 __ATOMIC_RELAXED);
}

static void apply_load(union sc_acc *acc, const struct sc_engine_env *env,
		       const struct sc_engine_op *op)
{
	const struct sc_tile *t = &op->tile;
	unsigned int i;

	for (i = 0; i < t->m; i++)
		memcpy(acc->i[i], env->tcm + op->offset[0] + i * op->stride, 4 * t->n);
}

/* To an integer, to nearest even, saturating; NaN is the largest, as for fcvt.w.s. */
static int32_t to_integer(float f, int32_t least, int32_t most)
{
	if (f != f || f >= (float)most)
		return most;
	if (f <= (float)least)
		return least;
	return (int32_t)rintf(f);
}

static void store_element(uint8_t *row, unsigned int j, unsigned int fmt, float f)
{
	uint32_t word;
	uint16_t half;

	switch (fmt) {
	case SC_FMT_I8:
		row[j] = to_integer(f, INT8_MIN, INT8_MAX);
		break;
	case SC_FMT_E4M3:
		row[j] = sc_to_e4m3(f);
		break;
	case SC_FMT_E5M2:
		row[j] = sc_to_e5m2(f);
		break;
	case SC_FMT_F16:
	case SC_FMT_BF16:
		half = fmt == SC_FMT_F16 ? sc_to_f16(f) : sc_to_bf16(f);
		memcpy(row + 2 * j, &half, 2);
		break;
	default:
		word = fmt == SC_FMT_F32 ? sc_to_f32(f) :
					   (uint32_t)to_integer(f, INT32_MIN, INT32_MAX);
		memcpy(row + 4 * j, &word, 4);
	}
}

static void apply_store(const union sc_acc *acc, const struct sc_engine_env *env,
			const struct sc_engine_op *op)
{
	const struct sc_tile *t = &op->tile;
	bool integer = is_integer(t), scaled = t->fmt_store == SC_FMT_I8 && t->store_scale != NONE;
	unsigned int i, j;

	for (i = 0; i < t->m; i++) {
		uint8_t *row = env->tcm + op->offset[0] + i * op->stride;

		if (integer && t->fmt_store == SC_FMT_I32) {
			memcpy(row, acc->i[i], 4 * t->n);
			continue;
		}
		for (j = 0; j < t->n; j++) {
			float f = integer ? (float)(int32_t)acc->i[i][j] : acc->f[i][j], scale;

			if (scaled) {
				memcpy(&scale, env->tcm + t->store_scale + 4 * j, 4);
				f *= scale;
			}
			store_element(row, j, t->fmt_store, f);
		}
	}
}

static void apply_scale(union sc_acc *acc, const struct sc_engine_env *env,
			const struct sc_engine_op *op)
{
	const struct sc_tile *t = &op->tile;
	bool rows = op->insn == SC_INSN_SDM_MUL_R;
	unsigned int i, j;
	float v;

	for (i = 0; i < t->m; i++) {
		for (j = 0; j < t->n; j++) {
			memcpy(&v, env->tcm + op->offset[0] + 4 * (rows ? i : j), 4);
			acc->i[i][j] = sc_to_f32(acc->f[i][j] * v);
		}
	}
}

void sc_matrix_apply(struct sc_matrix *x, const struct sc_engine_env *env,
		     const struct sc_engine_op *op)
{
	union sc_acc *acc = &x->acc[op->imm];

	if (!op->tile.m || !op->tile.n)
		return;
	switch (op->insn) {
	case SC_INSN_SDM_LD:
		apply_load(acc, env, op);
		break;
	case SC_INSN_SDM_ST:
		apply_store(acc, env, op);
		break;
	case SC_INSN_SDM_MUL_R:
	case SC_INSN_SDM_MUL_C:
		apply_scale(acc, env, op);
		break;
	default:
		apply_mma(x, env, op);
	}
}
