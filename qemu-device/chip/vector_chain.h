/* SPDX-License-Identifier: MIT */
/*
 * Steps of chains (vector_path.h), part of vector_loops.h: a step computes a block
 * of eight host vectors, which it is given in registers, and jumps to the next
 * step. After the last the block is stored, unless it has a NaN: arithmetic passes
 * on a NaN to its result, so it is looked for at the end; the larger and the smaller
 * of two might lose it, and look themselves. The invariant: a block that is refused
 * has stored nothing, and has raised no flag, NV excepted, that its elements do not
 * raise.
 */

/* Vectors as arguments. */
typedef float hS __attribute__((vector_size(BYTES)));
typedef double hD __attribute__((vector_size(BYTES)));

/* @s: the step; @to: where results go; @at: bytes from there, and from operands, to the block. */
#define CHAIN_ARGS(F)                                                                              \
	const struct sc_vstep *s, void *to, size_t at, h##F r0, h##F r1, h##F r2, h##F r3,         \
		h##F r4, h##F r5, h##F r6, h##F r7
typedef bool chain_step_S(CHAIN_ARGS(S));
typedef bool chain_step_D(CHAIN_ARGS(D));

/* After step @s: the next one, or, if there is none, to memory. A jump not made is time won. */
#define CHAIN_NEXT(F)                                                                              \
	return s[1].fn ? ((chain_step_##F *)s[1].fn)(s + 1, to, at, r[0], r[1], r[2], r[3], r[4],  \
						     r[5], r[6], r[7]) :                           \
			 store_block_##F((v##F *)(to + at), r)
#define CHAIN_VECTORS	8
#define CHAIN_BLOCK	{ r0, r1, r2, r3, r4, r5, r6, r7 }
#define CHAIN_EACH(j)	_Pragma("GCC unroll 8") for (size_t j = 0; j < CHAIN_VECTORS; j++)

#define CHAIN_VALUE(F)	(r[j])
#define CHAIN_A(F)	(((const v##F *)(s->a + at))[j])
#define CHAIN_B(F)	(((const v##F *)(s->b + at))[j])
#define CHAIN_A_AGAIN(F) (a)
#define CHAIN_SCALAR(F) (scalar - (v##F){ 0 })
#define CHAIN_NONE(F)	((v##F){ 0 })

/* Whether there is a NaN among eight vectors. */
#define CHAIN_NANS(F, r)                                                                           \
	(UNORDERED_##F(r[0], r[1]) | UNORDERED_##F(r[2], r[3]) | UNORDERED_##F(r[4], r[5]) |       \
	 UNORDERED_##F(r[6], r[7]))

/* Where a step looks for a NaN: nowhere if its result has that of the value. */
#define CHAIN_SEE_RESULT(F)
#define CHAIN_SEE_NOWHERE(F)
#define CHAIN_SEE_OPERANDS(F)	 (seen |= UNORDERED_##F(a, b))
#define CHAIN_REFUSE_RESULT(F)
#define CHAIN_REFUSE_NOWHERE(F)
#define CHAIN_REFUSE_OPERANDS(F) REFUSE(r[0], seen)

#define CHAIN_STEP(mode, name, F, look, expr, a_, b_, d_)                                          \
	static bool mode##_##name##_##F(CHAIN_ARGS(F))                                             \
	{                                                                                          \
		v##F r[CHAIN_VECTORS] = CHAIN_BLOCK;                                               \
		n##F seen = { 0 };                                                                 \
		e##F scalar;                                                                       \
												   \
		memcpy(&scalar, &s->scalar, sizeof(scalar));                                       \
		CHAIN_EACH(j) {                                                                    \
			v##F a = a_(F), b = b_(F), d = d_(F);                                      \
												   \
			(void)a, (void)b, (void)d;                                                 \
			CHAIN_SEE_##look(F);                                                       \
			r[j] = (expr);                                                             \
		}                                                                                  \
		(void)seen;                                                                        \
		CHAIN_REFUSE_##look(F);                                                            \
		CHAIN_NEXT(F);                                                                     \
	}
#define CHAIN_VALUE_IS_A(name, F, look, expr)                                                      \
	CHAIN_STEP(a_vv, name, F, look, expr, CHAIN_VALUE, CHAIN_B, CHAIN_NONE)                    \
	CHAIN_STEP(a_aa, name, F, look, expr, CHAIN_VALUE, CHAIN_VALUE, CHAIN_NONE)                \
	CHAIN_STEP(a_vf, name, F, look, expr, CHAIN_VALUE, CHAIN_SCALAR, CHAIN_NONE)
#define CHAIN_VALUE_IS_A_OR_B(name, F, look, expr)                                                 \
	CHAIN_VALUE_IS_A(name, F, look, expr)                                                      \
	CHAIN_STEP(b_vv, name, F, look, expr, CHAIN_A, CHAIN_VALUE, CHAIN_NONE)
#define CHAIN_VALUE_IS_D(name, F, look, expr)                                                      \
	CHAIN_STEP(d_vv, name, F, look, expr, CHAIN_A, CHAIN_B, CHAIN_VALUE)                       \
	CHAIN_STEP(d_aa, name, F, look, expr, CHAIN_A, CHAIN_A_AGAIN, CHAIN_VALUE)                 \
	CHAIN_STEP(d_vf, name, F, look, expr, CHAIN_A, CHAIN_SCALAR, CHAIN_VALUE)
#define CHAIN_TWO_S(name, look, expr)  CHAIN_VALUE_IS_A_OR_B(name, S, look, expr)
#define CHAIN_TWO_D(name, look, expr)  CHAIN_VALUE_IS_A_OR_B(name, D, look, expr)
#define CHAIN_SIGN_S(name, look, expr) CHAIN_VALUE_IS_A(name, S, look, expr)
#define CHAIN_SIGN_D(name, look, expr) CHAIN_VALUE_IS_A(name, D, look, expr)
#define CHAIN_FMA_S(name, look, expr)  CHAIN_VALUE_IS_D(name, S, look, expr)
#define CHAIN_FMA_D(name, look, expr)  CHAIN_VALUE_IS_D(name, D, look, expr)

#define CHAIN_STORE(F)                                                                             \
	INLINE bool store_block_##F(v##F *d, const v##F *r)                                        \
	{                                                                                          \
		if (SEEN(CHAIN_NANS(F, r)))                                                        \
			return false;                                                              \
		CHAIN_EACH(j)                                                                      \
			d[j] = r[j];                                                               \
		return true;                                                                       \
	}
#define CHAIN_LOOP(F)                                                                              \
	static size_t chain_##F(void *to, const void *from, const struct sc_vstep *steps,          \
				size_t n)                                                          \
	{                                                                                          \
		enum { LANES = 8 * BYTES / sizeof(e##F) };                                         \
		chain_step_##F *first = (chain_step_##F *)steps->fn;                               \
		size_t i = 0;                                                                      \
												   \
		for (; i + LANES <= n; i += LANES) {                                               \
			const v##F *v = from + i * sizeof(e##F);                                   \
												   \
			if (!first(steps, to, i * sizeof(e##F), v[0], v[1], v[2], v[3], v[4],      \
				   v[5], v[6], v[7]))                                              \
				break;                                                             \
		}                                                                                  \
		CLEAR(); /* the compiler leaves it out after calls with vectors as arguments */    \
		return i;                                                                          \
	}

#define SC_VCHAIN_STEPS(F)                                                                         \
	CHAIN_STORE(F)                                                                             \
	SC_VFP_ARITHMETIC_TABLE(CHAIN_TWO_##F)                                                     \
	SC_VFP_EXACT_TABLE(CHAIN_TWO_##F)                                                          \
	SC_VFP_SIGN_TABLE(CHAIN_SIGN_##F)                                                          \
	SC_VFP_FMA_TABLE(CHAIN_FMA_##F)                                                            \
	CHAIN_LOOP(F)

/* Entries of the table of a path. */
#define CHAIN_ENTRY(mode, name)                                                                    \
	{ (sc_vstep_fn *)mode##_##name##_S, (sc_vstep_fn *)mode##_##name##_D }
#define CHAIN_TWO_ENTRY_(name, look, expr)                                                         \
	[SC_VFP_##name] = { [SC_VMODE_A_VV] = CHAIN_ENTRY(a_vv, name),                             \
			    [SC_VMODE_A_AA] = CHAIN_ENTRY(a_aa, name),                             \
			    [SC_VMODE_A_VF] = CHAIN_ENTRY(a_vf, name),                             \
			    [SC_VMODE_B_VV] = CHAIN_ENTRY(b_vv, name) },
#define CHAIN_SIGN_ENTRY_(name, look, expr)                                                        \
	[SC_VFP_##name] = { [SC_VMODE_A_VV] = CHAIN_ENTRY(a_vv, name),                             \
			    [SC_VMODE_A_AA] = CHAIN_ENTRY(a_aa, name),                             \
			    [SC_VMODE_A_VF] = CHAIN_ENTRY(a_vf, name) },
#define CHAIN_FMA_ENTRY_(name, look, expr)                                                         \
	[SC_VFP_##name] = { [SC_VMODE_D_VV] = CHAIN_ENTRY(d_vv, name),                             \
			    [SC_VMODE_D_AA] = CHAIN_ENTRY(d_aa, name),                             \
			    [SC_VMODE_D_VF] = CHAIN_ENTRY(d_vf, name) },
