/* SPDX-License-Identifier: MIT */
/*
 * The ways in which this host computes whole vectors: one table of loops per
 * way, all made of vector_loops.h. The loops give the same bits; which one runs
 * is chosen when a core is made.
 *
 * A loop for floating point uses the host's arithmetic and stops before a NaN,
 * whose bits differ from host to host. The exceptions are those of the host too
 * (sc_vhost_flags()); the caller has seen that it rounds to nearest even.
 */
#ifndef SC_VECTOR_PATH_H
#define SC_VECTOR_PATH_H

#include "vector.h"

/* Integer operations: X(name, value); a, b, d are elements, c 0 or 1 (see vector_loops.h). */
#define SC_VINT_TABLE(X)                                                                           \
	X(add, a + b) X(sub, a - b) X(rsub, b - a)                                                 \
	X(minu, a < b ? a : b) X(min, (S)a < (S)b ? a : b)                                         \
	X(maxu, a > b ? a : b) X(max, (S)a > (S)b ? a : b)                                         \
	X(and, a & b) X(or, a | b) X(xor, a ^ b)                                                   \
	X(adc, a + b + C) X(sbc, a - b - C) X(merge, C ? b : a) X(mv, b)                           \
	X(sll, 1ULL * a << (b & (B - 1))) X(srl, a >> (b & (B - 1)))                               \
	X(sra, (S)a >> (b & (B - 1)))                                                              \
	X(divu, b ? a / b : (U)-1)                                                                 \
	X(div, !b ? (U)-1 : b == (U)-1 ? (U)(0u - a) : (U)((S)a / (S)b))                           \
	X(remu, b ? a % b : a) X(rem, !b ? a : b == (U)-1 ? 0 : (U)((S)a % (S)b))                  \
	X(mul, 1u * a * b) X(mulhu, (W)((W)1 * a * b) >> B)                                        \
	X(mulh, (WS)((WS)(S)a * (WS)(S)b) >> B) X(mulhsu, (WS)((WS)(S)a * (WS)b) >> B)             \
	X(macc, d + 1u * a * b) X(nmsac, d - 1u * a * b)                                           \
	X(madd, a + 1u * b * d) X(nmsub, a - 1u * b * d)
/* Those whose result is a byte, 0 or 1. */
#define SC_VCMP_TABLE(X)                                                                           \
	X(eq, a == b) X(ne, a != b) X(ltu, a < b) X(lt, (S)a < (S)b) X(leu, a <= b)                \
	X(le, (S)a <= (S)b) X(gtu, a > b) X(gt, (S)a > (S)b)                                       \
	X(madc, (U)(a + b + C) < a || (C && (U)(a + b + C) == a)) X(msbc, C ? a <= b : a < b)      \
	X(madc0, (U)(a + b) < a) X(msbc0, a < b)

#define SC_VINT_ENUM_(name, expr) SC_VINT_##name,
enum sc_vint {
	SC_VINT_NONE,
	SC_VINT_TABLE(SC_VINT_ENUM_) SC_VCMP_TABLE(SC_VINT_ENUM_) SC_VINT_COUNT
};

/*
 * Floating-point operations: X(name, where a NaN is looked for, value). Those
 * that look at operands, or nowhere, raise no flags where they go on, and do not
 * round.
 */
#define SC_VFP_ARITHMETIC_TABLE(X)                                                                 \
	X(add, RESULT, a + b) X(sub, RESULT, a - b) X(rsub, RESULT, b - a) X(mul, RESULT, a * b)   \
	X(div, RESULT, a / b) X(rdiv, RESULT, b / a)
#define SC_VFP_FMA_TABLE(X)                                                                        \
	X(madd, RESULT, FMA(d, b, a)) X(msub, RESULT, FMA(d, b, -a))                               \
	X(nmsub, RESULT, FMA(-d, b, a)) X(nmadd, RESULT, FMA(-d, b, -a))                           \
	X(macc, RESULT, FMA(a, b, d)) X(msac, RESULT, FMA(a, b, -d))                               \
	X(nmsac, RESULT, FMA(-a, b, d)) X(nmacc, RESULT, FMA(-a, b, -d))
#define SC_VFP_EXACT_TABLE(X) X(min, OPERANDS, MIN(a, b)) X(max, OPERANDS, MAX(a, b))
#define SC_VFP_SIGN_TABLE(X)                                                                       \
	X(sgnj, NOWHERE, SIGN(a, b)) X(sgnjn, NOWHERE, SIGN(a, -b)) X(sgnjx, NOWHERE, SIGNX(a, b))
#define SC_VFP_TABLE(X)                                                                            \
	SC_VFP_ARITHMETIC_TABLE(X) X(sqrt, RESULT, SQRT(a))                                        \
	SC_VFP_FMA_TABLE(X) SC_VFP_EXACT_TABLE(X) SC_VFP_SIGN_TABLE(X)

#define SC_VFP_ENUM_(name, look, expr) SC_VFP_##name,
enum sc_vfp { SC_VFP_TABLE(SC_VFP_ENUM_) SC_VFP_COUNT };

/* Whether it is one with a third operand, d, and whether its result is rounded. */
#define SC_VFP_IS_FMA(op)    ((op) >= SC_VFP_madd && (op) <= SC_VFP_nmacc)
#define SC_VFP_IS_ROUNDED(op) ((op) < SC_VFP_min)

/* Conversions that do not depend on more: X(name, source, destination). */
enum sc_vcvt {
	SC_VCVT_H_S, /* widening: exact, no NaN */
	SC_VCVT_BF16_S,
	SC_VCVT_S_D,
	SC_VCVT_S_H, /* narrowing: normal results, zeros of zeros */
	SC_VCVT_S_BF16,
	SC_VCVT_D_S,
	SC_VCVT_S_I, /* to 32-bit integers, in range: to nearest */
	SC_VCVT_S_I_RTZ,
	SC_VCVT_I_S, /* from them */
	SC_VCVT_U_S,
	SC_VCVT_COUNT
};

/*
 * d[i] = a[i] op b[i] from the start on, c[i] the third operand of those that have
 * one (d in SC_VFP_TABLE); how many until a NaN. d may be a, b or c.
 */
typedef size_t sc_vfp_fn(void *d, const void *c, const void *a, const void *b, size_t n);

/*
 * A chain: each operation is on the value that the one before gave. It takes the
 * elements block by block, and a block stays in the host's registers from the
 * first step to the last. Where in an operation the value stands, and whether b
 * is one number, or a once more, make a mode.
 */
enum sc_vmode { SC_VMODE_A_VV, SC_VMODE_A_VF, SC_VMODE_A_AA, SC_VMODE_B_VV, SC_VMODE_D_VV,
		SC_VMODE_D_VF, SC_VMODE_D_AA, SC_VMODE_COUNT };

/* One of these, whose real type is the path's own. */
typedef void sc_vstep_fn(void);

/** struct sc_vstep - an operation of a chain: a step of the path, and what it reads otherwise */
struct sc_vstep {
	sc_vstep_fn *fn;
	const void *a;
	const void *b; /* NULL: the scalar */
	uint64_t scalar;
};

/*
 * Run the steps on @from, up to one without a function: how many until a block has a
 * NaN or is not whole.
 * Every flag but NV is right then: no operation raises NV before that. NX is not where
 * there is an sd.vexp2.v among them.
 */
typedef size_t sc_vchain_fn(void *to, const void *from, const struct sc_vstep *steps, size_t n);

/* d[i] of a[i]: how many until one may raise a flag other than NX. */
typedef size_t sc_vcvt_fn(void *d, const void *a, size_t n);

/* *acc and n elements to *acc, which is their sum, or the smallest or largest; false: not done. */
typedef bool sc_vreduce_fn(const void *a, size_t n, uint64_t *acc);

/**
 * struct sc_vector_path - one way to compute, and whether this host has it
 * @name: for SEEDCHIP_VECTOR
 * @usable: whether the host can
 * @integer: by operation and log2 of the bytes of an element
 * @fp: by operation, f32 or f64, and whether b is one number for all elements
 * @step: the same as steps of a chain, by operation, mode, f32 or f64; NULL: there is none
 * @chain: run one of f32 or f64
 * @extreme: the smallest, the largest, of f32 or f64, where none is a NaN
 * @convert: NULL where the host has none
 * @exp2: sd.vexp2.v
 * @exp2_step: the same as a step of a chain of f32
 * @copy: bytes that do not overlap
 * @bits_to_bytes: n bits of a mask as bytes 0 or 1
 */
struct sc_vector_path {
	const char *name;
	bool (*usable)(void);
	sc_vfn *integer[SC_VINT_COUNT][4];
	sc_vfp_fn *fp[SC_VFP_COUNT][2][2];
	sc_vstep_fn *step[SC_VFP_COUNT][SC_VMODE_COUNT][2];
	sc_vchain_fn *chain[2];
	sc_vreduce_fn *extreme[2][2];
	sc_vcvt_fn *convert[SC_VCVT_COUNT];
	void (*exp2)(void *d, const void *a, size_t n);
	sc_vstep_fn *exp2_step;
	void (*copy)(void *d, const void *a, size_t n);
	void (*bits_to_bytes)(uint8_t *d, const uint8_t *mask, size_t n);
};

extern const struct sc_vector_path sc_vector_plain;
#ifdef __x86_64__
extern const struct sc_vector_path sc_vector_avx2;
extern const struct sc_vector_path sc_vector_avx512;
#endif

/*
 * The host's exception flags around a loop. They are the hart's where the host
 * detects tininess after rounding, as x86 does; elsewhere underflow may be
 * raised too often, and then the loop has to be done again element by element.
 */
#ifdef __x86_64__
#define SC_VHOST_EXACT true

struct sc_vhost {
	unsigned int flags;
};

static inline struct sc_vhost sc_vhost_save(void)
{
	return (struct sc_vhost){ __builtin_ia32_stmxcsr() };
}

static inline void sc_vhost_restore(struct sc_vhost saved)
{
	__builtin_ia32_ldmxcsr(saved.flags);
}

/* @nx: NX is of interest. What must not move is ordered by memory. */
static inline void sc_vhost_clear(bool nx)
{
	unsigned int csr = __builtin_ia32_stmxcsr();

	if (csr & (nx ? 0x3d : 0x1d))
		__builtin_ia32_ldmxcsr(csr & ~0x3fu);
	__asm__ volatile("" ::: "memory");
}

static inline unsigned int sc_vhost_flags(void)
{
	unsigned int csr;

	__asm__ volatile("" ::: "memory");
	csr = __builtin_ia32_stmxcsr();
	return (csr >> 5 & SC_FP_NX) | (csr >> 3 & SC_FP_UF) | (csr >> 1 & SC_FP_OF) |
	       (csr << 1 & SC_FP_DZ) | (csr << 4 & SC_FP_NV);
}
#else
#include <fenv.h>
#define SC_VHOST_EXACT false

struct sc_vhost {
	fexcept_t flags;
};

static inline struct sc_vhost sc_vhost_save(void)
{
	struct sc_vhost saved;

	fegetexceptflag(&saved.flags, FE_ALL_EXCEPT);
	return saved;
}

static inline void sc_vhost_restore(struct sc_vhost saved)
{
	fesetexceptflag(&saved.flags, FE_ALL_EXCEPT);
}

static inline void sc_vhost_clear(bool nx)
{
	(void)nx;
	feclearexcept(FE_ALL_EXCEPT);
	__asm__ volatile("" ::: "memory");
}

static inline unsigned int sc_vhost_flags(void)
{
	int e;

	__asm__ volatile("" ::: "memory");
	e = fetestexcept(FE_ALL_EXCEPT);
	return (e & FE_INEXACT ? SC_FP_NX : 0) | (e & FE_UNDERFLOW ? SC_FP_UF : 0) |
	       (e & FE_OVERFLOW ? SC_FP_OF : 0) | (e & FE_DIVBYZERO ? SC_FP_DZ : 0) |
	       (e & FE_INVALID ? SC_FP_NV : 0);
}
#endif

/** sc_vector_path() - the way of this name, NULL: the fastest; NULL if this host lacks it. */
const struct sc_vector_path *sc_vector_path(const char *name);

#endif /* SC_VECTOR_PATH_H */
