// SPDX-License-Identifier: MIT
/*
 * The matrix engine of a core: tile descriptors, multiply, load, store, scale.
 *
 * The bits of every result are fixed (docs/hardware.md): integers wrap in 32
 * bits; a float accumulator takes one fused multiply-add per k, k ascending,
 * fp8 one per pair of k; groups are summed from +0 and folded in with one more.
 * The arithmetic itself is that of the host's fastest way (matrix_path.h). The
 * host must be in its default floating-point environment.
 */
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "format.h"
#include "matrix_path.h"

#define DIM SC_ACC_DIM
#define NONE UINT32_MAX /* a scale address that stands for ones */

struct sc_matrix {
	_Alignas(64) union sc_acc acc[SC_NUM_ACCS];
	union sc_acc part; /* sums of a group that is longer than a block */
	struct sc_scratch scratch;
	const struct sc_matrix_path *path;
};

/* The fastest first. */
static const struct sc_matrix_path *const paths[] = {
#ifdef __x86_64__
	&sc_matrix_avx512,
	&sc_matrix_avx2,
#endif
	&sc_matrix_scalar,
};

static const struct {
	uint8_t kind;
	uint32_t isa;
} pairs[][8] = {
	[SC_FMT_I8] = { [SC_FMT_I8] = { SC_MATRIX_INT, SC_ISA_XSDM_INT8 },
			[SC_FMT_I4] = { SC_MATRIX_INT, SC_ISA_XSDM_INT4 } },
	[SC_FMT_F16] = { [SC_FMT_F16] = { SC_MATRIX_FMA, SC_ISA_XSDM_FP16 } },
	[SC_FMT_BF16] = { [SC_FMT_BF16] = { SC_MATRIX_FMA, SC_ISA_XSDM_BF16 } },
	[SC_FMT_E4M3] = { [SC_FMT_E4M3] = { SC_MATRIX_PAIR, SC_ISA_XSDM_FP8 },
			  [SC_FMT_E5M2] = { SC_MATRIX_PAIR, SC_ISA_XSDM_FP8 } },
	[SC_FMT_E5M2] = { [SC_FMT_E4M3] = { SC_MATRIX_PAIR, SC_ISA_XSDM_FP8 },
			  [SC_FMT_E5M2] = { SC_MATRIX_PAIR, SC_ISA_XSDM_FP8 } },
	[SC_FMT_F32] = { [SC_FMT_F32] = { SC_MATRIX_FMA, SC_ISA_XSDM_FP32 } },
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

static enum sc_matrix_kind kind_of(const struct sc_tile *t)
{
	return pairs[t->fmt_a][t->fmt_b].kind;
}

/* Whether an accumulator of this descriptor holds integers. */
static bool is_integer(const struct sc_tile *t)
{
	return kind_of(t) == SC_MATRIX_INT && !t->group;
}

static uint64_t groups_of(const struct sc_tile *t)
{
	return (t->k + t->group - 1) / t->group;
}

const struct sc_matrix_path *sc_matrix_path(const char *name)
{
	unsigned int i;

	for (i = 0; i < sizeof(paths) / sizeof(paths[0]); i++) {
		if ((!name || !strcmp(name, paths[i]->name)) && paths[i]->usable())
			return paths[i];
	}
	return NULL;
}

struct sc_matrix *sc_matrix_create(void)
{
	const char *name = getenv("SEEDCHIP_MATRIX");
	const struct sc_matrix_path *path = sc_matrix_path(name);
	struct sc_matrix *matrix;

	if (!path) {
		fprintf(stderr, "seedchip: SEEDCHIP_MATRIX=%s: not on this host\n", name);
		errno = EOPNOTSUPP;
		return NULL;
	}
	matrix = aligned_alloc(_Alignof(struct sc_matrix), sizeof(*matrix));
	if (!matrix)
		return NULL;
	memset(matrix, 0, sizeof(*matrix));
	matrix->path = path;
	return matrix;
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

/* Multiplication. */

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

static void scales(const struct sc_engine_env *env, const struct sc_tile *t, unsigned int group,
		   struct sc_block *b)
{
	unsigned int i;

	memset(b->scale_b, 0, sizeof(b->scale_b)); /* vectors of it are read as a whole */
	for (i = 0; i < t->m; i++)
		b->scale_a[i] = scale_a(env, t, i, group);
	for (i = 0; i < t->n; i++)
		b->scale_b[i] = scale_b(env, t, group, i);
}

static void clear_tile(union sc_acc *acc, const struct sc_tile *t)
{
	unsigned int i;

	for (i = 0; i < t->m; i++)
		memset(acc->i[i], 0, t->n * sizeof(acc->i[i][0]));
}

/* An operand from element @k on; a multiple of a block or of 16, so 4-bit ones start a byte. */
static struct sc_operand operand_at(const uint8_t *at, uint64_t stride, unsigned int fmt,
				    bool along, unsigned int k)
{
	return (struct sc_operand){
		.at = at + (along ? row_bytes(fmt, k) : k * stride),
		.stride = stride,
		.fmt = fmt,
		.along = along,
	};
}

/* Where the sums of [k, k + b->k) come from and go to; the tile ends at @end, or its group. */
static void choose_sums(struct sc_matrix *x, const struct sc_engine_op *op, struct sc_block *b,
			unsigned int k, unsigned int end)
{
	const struct sc_tile *t = &op->tile;
	bool first = t->group ? k % t->group == 0 : !k && op->insn == SC_INSN_SDM_MMA_Z;
	union sc_acc *acc = &x->acc[op->imm];

	b->fold = t->group && k + b->k == end;
	b->to = t->group && !b->fold ? &x->part : acc;
	b->from = first ? NULL : t->group ? &x->part : acc;
}

static void apply_mma(struct sc_matrix *x, const struct sc_engine_env *env,
		      const struct sc_engine_op *op)
{
	const struct sc_tile *t = &op->tile;
	const uint8_t *a = env->tcm + op->offset[0], *b = env->tcm + op->offset[1];
	unsigned int k, end = t->k, most = x->path->block_k[kind_of(t)];
	struct sc_block block; /* all of it is set below */

	block.codebook = t->codebook;
	block.m = t->m;
	block.n = t->n;
	if (op->insn == SC_INSN_SDM_MMA_Z && (t->group || !t->k))
		clear_tile(&x->acc[op->imm], t);
	for (k = 0; k < t->k; k += block.k) {
		if (t->group)
			end = t->k - k / t->group * t->group < t->group ?
				      t->k :
				      (k / t->group + 1) * t->group;
		block.k = end - k < most ? end - k : most;
		block.a = operand_at(a, t->stride_a, t->fmt_a, !(t->flags & SC_TILE_A_KM), k);
		block.b = operand_at(b, t->stride_b, t->fmt_b, t->flags & SC_TILE_B_NK, k);
		choose_sums(x, op, &block, k, end);
		if (block.fold)
			scales(env, t, k / t->group, &block);
		x->path->multiply[kind_of(t)](&x->scratch, &block);
	}
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

/* @fmt is a constant, so that the loop over a row does not ask for it at every element. */
static inline __attribute__((always_inline)) void store_as(uint8_t *row, const float *f,
							   unsigned int n, unsigned int fmt)
{
	unsigned int j;
	uint32_t word;
	uint16_t half;

	for (j = 0; j < n; j++) {
		switch (fmt) {
		case SC_FMT_I8:
			row[j] = to_integer(f[j], INT8_MIN, INT8_MAX);
			break;
		case SC_FMT_E4M3:
			row[j] = sc_to_e4m3(f[j]);
			break;
		case SC_FMT_E5M2:
			row[j] = sc_to_e5m2(f[j]);
			break;
		case SC_FMT_F16:
		case SC_FMT_BF16:
			half = fmt == SC_FMT_F16 ? sc_to_f16(f[j]) : sc_to_bf16(f[j]);
			memcpy(row + 2 * j, &half, 2);
			break;
		default:
			word = fmt == SC_FMT_F32 ? sc_to_f32(f[j]) :
						   (uint32_t)to_integer(f[j], INT32_MIN, INT32_MAX);
			memcpy(row + 4 * j, &word, 4);
		}
	}
}

static void store_row(uint8_t *row, const float *f, unsigned int n, unsigned int fmt)
{
	switch (fmt) {
	case SC_FMT_I8:
		store_as(row, f, n, SC_FMT_I8);
		break;
	case SC_FMT_E4M3:
		store_as(row, f, n, SC_FMT_E4M3);
		break;
	case SC_FMT_E5M2:
		store_as(row, f, n, SC_FMT_E5M2);
		break;
	case SC_FMT_F16:
		store_as(row, f, n, SC_FMT_F16);
		break;
	case SC_FMT_BF16:
		store_as(row, f, n, SC_FMT_BF16);
		break;
	case SC_FMT_F32:
		store_as(row, f, n, SC_FMT_F32);
		break;
	default:
		store_as(row, f, n, SC_FMT_I32);
	}
}

static void apply_store(const union sc_acc *acc, const struct sc_engine_env *env,
			const struct sc_engine_op *op)
{
	const struct sc_tile *t = &op->tile;
	bool integer = is_integer(t), scaled = t->fmt_store == SC_FMT_I8 && t->store_scale != NONE;
	float f[DIM], scale[DIM];
	unsigned int i, j;

	if (scaled)
		memcpy(scale, env->tcm + t->store_scale, 4 * t->n);
	for (i = 0; i < t->m; i++) {
		uint8_t *row = env->tcm + op->offset[0] + i * op->stride;

		if (integer && t->fmt_store == SC_FMT_I32) {
			memcpy(row, acc->i[i], 4 * t->n);
			continue;
		}
		for (j = 0; j < t->n; j++)
			f[j] = integer ? (float)(int32_t)acc->i[i][j] : acc->f[i][j];
		for (j = 0; scaled && j < t->n; j++)
			f[j] *= scale[j];
		store_row(row, f, t->n, t->fmt_store);
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
