/* SPDX-License-Identifier: MIT */
/*
 * Inside the vector unit: one instruction being executed, and what vector.c,
 * vector_*.c ask of one another.
 *
 * The invariants: an instruction is checked whole before it changes anything;
 * tail and masked-off elements stay undisturbed whatever the policy says, which
 * agnostic policies allow; vector registers are in memory as they lie in the
 * architecture, element i of a group at its i-th place.
 */
#ifndef SC_CHIP_VECTOR_H
#define SC_CHIP_VECTOR_H

#include <stddef.h>
#include <string.h>

#include "core_priv.h"
#include "fp.h"

#define SC_VTYPE_VILL (1ULL << 63)

/* Elements in memory that is also read as bytes; what is lent may lie at any address. */
typedef uint8_t __attribute__((may_alias)) sc_u8;
typedef uint16_t __attribute__((may_alias, aligned(1))) sc_u16;
typedef uint32_t __attribute__((may_alias, aligned(1))) sc_u32;
typedef uint64_t __attribute__((may_alias, aligned(1))) sc_u64;
typedef int8_t __attribute__((may_alias)) sc_s8;
typedef int16_t __attribute__((may_alias, aligned(1))) sc_s16;
typedef int32_t __attribute__((may_alias, aligned(1))) sc_s32;
typedef int64_t __attribute__((may_alias, aligned(1))) sc_s64;
typedef unsigned __int128 sc_u128;
typedef __int128 sc_s128;

/**
 * struct sc_vec - one vector instruction
 * @core: where
 * @v: the register file
 * @word: the instruction
 * @vlenb: bytes of a register
 * @vd: fields of the word
 * @vs1: or rs1, or the immediate
 * @vs2: or rs2
 * @f6: funct6
 * @f3: funct3
 * @masked: by v0
 * @sew: log2 of the bytes of an element
 * @lmul: log2 of the registers of a group
 * @vl: elements
 * @vstart: first of them
 */
struct sc_vec {
	struct sc_core *core;
	uint8_t *v;
	uint32_t word;
	uint32_t vlenb;
	uint8_t vd;
	uint8_t vs1;
	uint8_t vs2;
	uint8_t f6;
	uint8_t f3;
	bool masked;
	int sew;
	int lmul;
	uint32_t vl;
	uint32_t vstart;
};

/* funct3 of OP-V. */
enum { SC_OPIVV, SC_OPFVV, SC_OPMVV, SC_OPIVI, SC_OPIVX, SC_OPFVF, SC_OPMVX, SC_OPCFG };

/*
 * An instruction that was found legal under a vtype, with all that follows from
 * the two: it is executed again without looking at it. Only what is not masked.
 */
enum sc_vknown_kind { SC_VKNOWN_LOAD, SC_VKNOWN_STORE, SC_VKNOWN_INT, SC_VKNOWN_FP,
		      SC_VKNOWN_EXP2, SC_VKNOWN_MOVE, SC_VKNOWN_SLIDE, /* down */
		      SC_VKNOWN_REDUCE, /* to one of the same width, floating-point */
		      SC_VKNOWN_READ /* vfmv.f.s */ };

/* What arithmetic writes, and what may still be done with it while that is put off. */
struct sc_vresult {
	uint64_t group; /* the elements: those of two with the same are the same; 0: no store */
	uint64_t value; /* the same where they are enough for a chain, and of their width, else 0 */
	uint32_t n;
	uint32_t bytes;
	uint32_t at; /* of its registers, in bytes from the first */
	uint8_t slots; /* of its registers; 0: nothing is held */
	uint8_t homes; /* slots of which it reads the registers */
	uint8_t over; /* loans of bytes that it will store to */
	bool dead; /* the registers have got other bytes since */
};

struct sc_vknown {
	_Alignas(64) uint32_t word; /* 0: no instruction */
	uint32_t bytes;
	uint64_t setting; /* of the last time: bytes, slots and what is below fn follow from it */
	uint8_t kind;
	uint8_t width; /* log2 of the bytes of an element; not of MOVE */
	/* FP, READ: f register + 1; LOAD, STORE: x register; MOVE: registers; SLIDE: vs1 */
	uint8_t scalar;
	uint8_t op; /* FP, REDUCE: enum sc_vfp; SLIDE: whether vs1 is a number */
	struct sc_vplace {
		uint32_t at; /* bytes from the first register */
		uint8_t slot; /* register / 4 */
		uint8_t slots; /* that the group is in */
		bool starts; /* the register is the first of its slot */
		uint8_t bit; /* of the slot */
	} d, a, b;
	void (*fn)(void);
	bool (*execute)(struct sc_core *core, const struct sc_vknown *k); /* false: not done */
	bool lends; /* LOAD: it is enough, and begins a slot */
	uint8_t pages; /* LOAD, STORE: as many bits as there may be pages in them */
	bool other_a; /* arithmetic: a is not d, */
	bool other_b; /* b is other registers than d, */
	bool vector_b; /* is registers, */
	bool scalar_b; /* is a number, */
	bool third; /* d is an operand of its own */
	uint8_t strictest; /* arithmetic: rounding mode up to which it may be put off */
	void (*first)(void); /* as the first step of a chain */
	void (*later)(void); /* as another, where it may be one */
	struct sc_vresult result; /* when it is held */
};

/** struct sc_vset - the last two whose words have the same SC_VKNOWN_INDEX(), the last one first */
struct sc_vset {
	struct sc_vknown known[2];
};

enum sc_vres {
	SC_V_DONE,
	SC_V_ILLEGAL, /* nothing has changed */
	SC_V_FAULT, /* core->fault is set */
};

/* An operation on @n elements: d[i] = a[i] op b[i]; c[i] is 0 or 1. */
typedef void sc_vfn(void *d, const void *a, const void *b, const uint8_t *c, size_t n);

/* Each for some of the instructions; all give ILLEGAL for what they do not know. */
enum sc_vres sc_vector_mem(struct sc_vec *x, bool store);
enum sc_vres sc_vector_int(struct sc_vec *x);
enum sc_vres sc_vector_wide(struct sc_vec *x);
enum sc_vres sc_vector_fixed(struct sc_vec *x);
enum sc_vres sc_vector_fp(struct sc_vec *x);
enum sc_vres sc_vector_fcvt(struct sc_vec *x);
enum sc_vres sc_vector_perm(struct sc_vec *x);
enum sc_vres sc_vector_mask(struct sc_vec *x);
enum sc_vres sc_vector_exp2(struct sc_vec *x);

static inline uint8_t *sc_vreg(const struct sc_vec *x, unsigned int n)
{
	return x->v + (size_t)n * x->vlenb;
}

/* Buffers of eight registers: 0 results, 1 scalars as vectors, 2 carries, 3 masks as bytes. */
static inline uint8_t *sc_vtmp(const struct sc_vec *x, unsigned int n)
{
	return x->v + (size_t)(32 + 8 * n) * x->vlenb;
}

static inline bool sc_vbit(const uint8_t *mask, size_t i)
{
	return mask[i / 8] >> (i % 8) & 1;
}

static inline void sc_vset_bit(uint8_t *mask, size_t i, bool value)
{
	mask[i / 8] = (uint8_t)((mask[i / 8] & ~(1u << (i % 8))) | (unsigned int)value << (i % 8));
}

/* Whether element i takes part, i at or above vstart and below vl. */
static inline bool sc_vactive(const struct sc_vec *x, size_t i)
{
	return !x->masked || sc_vbit(x->v, i);
}

static inline uint64_t sc_vget(const uint8_t *base, size_t i, int sew)
{
	switch (sew) {
	case 0:
		return base[i];
	case 1:
		return ((const sc_u16 *)base)[i];
	case 2:
		return ((const sc_u32 *)base)[i];
	default:
		return ((const sc_u64 *)base)[i];
	}
}

static inline void sc_vput(uint8_t *base, size_t i, int sew, uint64_t value)
{
	switch (sew) {
	case 0:
		base[i] = (uint8_t)value;
		break;
	case 1:
		((sc_u16 *)base)[i] = (uint16_t)value;
		break;
	case 2:
		((sc_u32 *)base)[i] = (uint32_t)value;
		break;
	default:
		((sc_u64 *)base)[i] = value;
		break;
	}
}

static inline unsigned int sc_vregs(int lmul)
{
	return lmul > 0 ? 1u << lmul : 1;
}

/** sc_vgroup() - whether a group of 2^@lmul registers exists and may begin at @reg. */
static inline bool sc_vgroup(unsigned int reg, int lmul)
{
	return lmul >= -3 && lmul <= 3 && !(reg % sc_vregs(lmul));
}

/** sc_vdest() - sc_vgroup() for a destination, which must not overlap the mask in use. */
static inline bool sc_vdest(const struct sc_vec *x, int lmul)
{
	return sc_vgroup(x->vd, lmul) && !(x->masked && !x->vd);
}

static inline bool sc_voverlap(unsigned int a, int alm, unsigned int b, int blm)
{
	return a < b + sc_vregs(blm) && b < a + sc_vregs(alm);
}

/** sc_vector_format() - floating-point format of elements of 2^@sew bytes. */
enum sc_fp_format sc_vector_format(int sew);

/** sc_vector_scalar() - f[@reg] as an element. */
uint64_t sc_vector_scalar(const struct sc_vec *x, unsigned int reg);

/** sc_vsource() - whether vd may overlap a source; sew -1 is a mask. */
bool sc_vsource(const struct sc_vec *x, int dsew, int dlm, unsigned int vs, int ssew, int slm);

/** sc_vapply() - run an operation on the active elements of vd. */
void sc_vapply(const struct sc_vec *x, sc_vfn *fn, int dsew, const void *a, const void *b,
	       const uint8_t *c);

/** sc_vapply_mask() - the same where the result is one byte an element, and vd a mask. */
void sc_vapply_mask(const struct sc_vec *x, sc_vfn *fn, const void *a, const void *b,
		    const uint8_t *c, bool masked);

/** sc_vec_open() - an instruction taken apart, under the hart's vtype. */
struct sc_vec sc_vec_open(struct sc_core *core, uint32_t word);

/** sc_vector_fp_run() - elements from vstart on of one that sc_vknow() knows, not masked. */
void sc_vector_fp_run(const struct sc_vec *x, const uint8_t *a, const uint8_t *b, bool one);

/** sc_vector_adapt() - have what is known follow from the core's vl, which is not 0. */
void sc_vector_adapt(struct sc_core *core, struct sc_vknown *k);

/** sc_vector_known() - execute an instruction, if all is known of it and nothing special comes. */
static inline bool sc_vector_known(struct sc_core *core, const struct sc_rec *rec)
{
	const struct sc_vknown *k = core->vknown[rec->rs3].known;
	uint32_t word = (uint32_t)rec->imm;

	if (sc_unlikely(k->word != word || k->setting != core->vsetting)) {
		k++;
		if (k->word != word || k->setting != core->vsetting)
			return false;
	}
	return k->execute(core, k);
}

/** sc_vector_settle_for() - sc_vector_settle() as far as an instruction can see. */
void sc_vector_settle_for(const struct sc_vec *x, bool memory);

/** sc_vknow() - remember an instruction that is legal and not masked. */
void sc_vknow(const struct sc_vec *x, enum sc_vknown_kind kind, int width, unsigned int scalar,
	      unsigned int op, void (*fn)(void));

/** sc_vmerge() - copy elements from @from on, below @end, that are active from @t to vd. */
void sc_vmerge(const struct sc_vec *x, int sew, const uint8_t *t, uint32_t from, uint32_t end);

/** sc_vfill() - @n elements of one value. */
void sc_vfill(uint8_t *d, int sew, uint64_t value, size_t n);

/** sc_voperand() - the second operand of an integer instruction: vs1, x[rs1] or the immediate. */
const uint8_t *sc_voperand(const struct sc_vec *x, int sew, bool is_signed);

/** sc_vbytes() - bits of a mask as bytes, in buffer 2. */
const uint8_t *sc_vbytes(const struct sc_vec *x, const uint8_t *mask);

#endif /* SC_CHIP_VECTOR_H */
