/* SPDX-License-Identifier: MIT */
/*
 * IEEE 754 arithmetic as RISC-V defines it, in integers: every rounding mode,
 * every flag, canonical NaNs, tininess after rounding. Values are raw bits,
 * without NaN boxes. These functions are the truth; where the interpreter uses
 * the host's arithmetic instead, it does so only when both must agree.
 */
#ifndef SC_CHIP_FP_H
#define SC_CHIP_FP_H

#include <stdbool.h>
#include <stdint.h>

/* Formats, the first three numbered as in the fmt field of an instruction. */
enum sc_fp_format { SC_FP_S, SC_FP_D, SC_FP_H, SC_FP_BF16 };

/* Rounding modes, numbered as in frm; ROD, to odd, is that of one vector conversion. */
enum sc_fp_rm { SC_RNE, SC_RTZ, SC_RDN, SC_RUP, SC_RMM, SC_RM_DYN = 7, SC_ROD };

/* Exception flags, placed as in fflags. */
#define SC_FP_NX 0x01
#define SC_FP_UF 0x02
#define SC_FP_OF 0x04
#define SC_FP_DZ 0x08
#define SC_FP_NV 0x10

/**
 * struct sc_fp_env - rounding mode in, flags out
 * @rm: enum sc_fp_rm, not DYN
 * @flags: exceptions are added
 */
struct sc_fp_env {
	uint8_t rm;
	uint8_t flags;
};

/** sc_fp_nan() - the canonical NaN of a format. */
uint64_t sc_fp_nan(enum sc_fp_format fmt);

uint64_t sc_fp_add(enum sc_fp_format fmt, uint64_t a, uint64_t b, struct sc_fp_env *env);
uint64_t sc_fp_sub(enum sc_fp_format fmt, uint64_t a, uint64_t b, struct sc_fp_env *env);
uint64_t sc_fp_mul(enum sc_fp_format fmt, uint64_t a, uint64_t b, struct sc_fp_env *env);
uint64_t sc_fp_div(enum sc_fp_format fmt, uint64_t a, uint64_t b, struct sc_fp_env *env);
uint64_t sc_fp_sqrt(enum sc_fp_format fmt, uint64_t a, struct sc_fp_env *env);

/** sc_fp_fma() - ±(a * b) ± c, rounded once. */
uint64_t sc_fp_fma(enum sc_fp_format fmt, uint64_t a, uint64_t b, uint64_t c, bool neg_product,
		   bool neg_c, struct sc_fp_env *env);

/** sc_fp_min() - minimumNumber: a NaN loses to a number, -0 is below +0. */
uint64_t sc_fp_min(enum sc_fp_format fmt, uint64_t a, uint64_t b, struct sc_fp_env *env);
uint64_t sc_fp_max(enum sc_fp_format fmt, uint64_t a, uint64_t b, struct sc_fp_env *env);

/** sc_fp_eq() - quiet comparison; sc_fp_lt() and sc_fp_le() signal NV on every NaN. */
bool sc_fp_eq(enum sc_fp_format fmt, uint64_t a, uint64_t b, struct sc_fp_env *env);
bool sc_fp_lt(enum sc_fp_format fmt, uint64_t a, uint64_t b, struct sc_fp_env *env);
bool sc_fp_le(enum sc_fp_format fmt, uint64_t a, uint64_t b, struct sc_fp_env *env);

/** sc_fp_class() - the ten-bit mask of FCLASS. */
uint64_t sc_fp_class(enum sc_fp_format fmt, uint64_t a);

/** sc_fp_convert() - from one format to another. */
uint64_t sc_fp_convert(enum sc_fp_format to, enum sc_fp_format from, uint64_t a,
		       struct sc_fp_env *env);

/** sc_fp_from_int() - @value is signed or not. */
uint64_t sc_fp_from_int(enum sc_fp_format fmt, uint64_t value, bool is_signed,
			struct sc_fp_env *env);

/**
 * sc_fp_to_int() - round and saturate
 * @bits: 8 to 64
 *
 * Return: the integer, sign-extended from @bits (unsigned ones too, as RV64
 * keeps 32-bit values).
 */
uint64_t sc_fp_to_int(enum sc_fp_format fmt, uint64_t a, unsigned int bits, bool is_signed,
		      struct sc_fp_env *env);

#endif /* SC_CHIP_FP_H */
