// SPDX-License-Identifier: MIT
/*
 * Integer vector instructions whose operands and results have one width, and
 * the comparisons, whose results are masks. The loops are plain C over arrays,
 * one for each operation and width, in the shape that the compiler vectorises.
 * The invariant: they have no effect but their results, so a masked
 * instruction may compute elements that it then drops.
 */
#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC optimize("O3")
#endif

#include "vector.h"

typedef sc_u16 wide8;
typedef sc_u32 wide16;
typedef sc_u64 wide32;
typedef sc_u128 wide64;
typedef sc_s16 swide8;
typedef sc_s32 swide16;
typedef sc_s64 swide32;
typedef sc_s128 swide64;

/* @T of the result; in @expr a, b, c and d are elements, U, S, W, WS their types, B their bits. */
#define LOOP(name, bits, T, expr)                                                                  \
	static void name##_##bits(void *d_, const void *a_, const void *b_, const uint8_t *c_,     \
				  size_t n)                                                        \
	{                                                                                          \
		typedef sc_u##bits U;                                                              \
		typedef sc_s##bits S;                                                              \
		typedef wide##bits W;                                                              \
		typedef swide##bits WS;                                                            \
		const unsigned int B = bits;                                                       \
		T *dp = d_;                                                                        \
		const U *ap = a_, *bp = b_;                                                        \
												   \
		(void)c_, (void)B, (void)sizeof(S), (void)sizeof(W), (void)sizeof(WS);             \
		for (size_t i = 0; i < n; i++) {                                                   \
			T d = dp[i];                                                               \
			U a = ap[i], b = bp[i];                                                    \
												   \
			(void)a, (void)b, (void)d;                                                 \
			dp[i] = (T)(expr);                                                         \
		}                                                                                  \
	}
#define C c_[i]

#define ARITH_TABLE(X)                                                                             \
	X(add, a + b) X(sub, a - b) X(rsub, b - a)                                                 \
	X(minu, a < b ? a : b) X(min, (S)a < (S)b ? a : b)                                         \
	X(maxu, a > b ? a : b) X(max, (S)a > (S)b ? a : b)                                         \
	X(and, a & b) X(or, a | b) X(xor, a ^ b)                                                   \
	X(adc, a + b + C) X(sbc, a - b - C) X(merge, C ? b : a) X(mv, b)                           \
	X(sll, 1ULL * a << (b & (B - 1))) X(srl, a >> (b & (B - 1)))                               \
	X(sra, (S)a >> (b & (B - 1)))                                                              \
	X(divu, b ? a / b : (U)-1)                                                                 \
	X(div, !b ? (U)-1 : b == (U)-1 ? (U)(-1u * a) : (U)((S)a / (S)b))                          \
	X(remu, b ? a % b : a) X(rem, !b ? a : b == (U)-1 ? 0 : (U)((S)a % (S)b))                  \
	X(mul, 1u * a * b) X(mulhu, (W)((W)1 * a * b) >> B)                                        \
	X(mulh, (WS)((WS)(S)a * (WS)(S)b) >> B) X(mulhsu, (WS)((WS)(S)a * (WS)b) >> B)             \
	X(macc, d + 1u * a * b) X(nmsac, d - 1u * a * b)                                           \
	X(madd, a + 1u * b * d) X(nmsub, a - 1u * b * d)
#define COMPARE_TABLE(X)                                                                           \
	X(eq, a == b) X(ne, a != b) X(ltu, a < b) X(lt, (S)a < (S)b) X(leu, a <= b)                \
	X(le, (S)a <= (S)b) X(gtu, a > b) X(gt, (S)a > (S)b)                                       \
	X(madc, (U)(a + b + C) < a || (C && (U)(a + b + C) == a)) X(msbc, C ? a <= b : a < b)      \
	X(madc0, (U)(a + b) < a) X(msbc0, a < b)

#define ARITH_(name, expr)                                                                         \
	LOOP(name, 8, sc_u8, expr) LOOP(name, 16, sc_u16, expr) LOOP(name, 32, sc_u32, expr)       \
	LOOP(name, 64, sc_u64, expr)
#define COMPARE_(name, expr)                                                                       \
	LOOP(name, 8, sc_u8, expr) LOOP(name, 16, sc_u8, expr) LOOP(name, 32, sc_u8, expr)         \
	LOOP(name, 64, sc_u8, expr)
ARITH_TABLE(ARITH_)
COMPARE_TABLE(COMPARE_)

#define ENUM_(name, expr) OP_##name,
enum op { OP_NONE, ARITH_TABLE(ENUM_) COMPARE_TABLE(ENUM_) };
#define ENTRY_(name, expr) [OP_##name] = { name##_8, name##_16, name##_32, name##_64 },
static sc_vfn *const loops[][4] = { ARITH_TABLE(ENTRY_) COMPARE_TABLE(ENTRY_) };

#define VV 1
#define VX 2
#define VI 4
struct insn {
	uint8_t op;
	uint8_t forms;
	bool is_unsigned; /* the immediate */
};

static const struct insn opi[64] = {
	[0x00] = { OP_add, VV | VX | VI, 0 },  [0x02] = { OP_sub, VV | VX, 0 },
	[0x03] = { OP_rsub, VX | VI, 0 },      [0x04] = { OP_minu, VV | VX, 0 },
	[0x05] = { OP_min, VV | VX, 0 },       [0x06] = { OP_maxu, VV | VX, 0 },
	[0x07] = { OP_max, VV | VX, 0 },       [0x09] = { OP_and, VV | VX | VI, 0 },
	[0x0a] = { OP_or, VV | VX | VI, 0 },   [0x0b] = { OP_xor, VV | VX | VI, 0 },
	[0x10] = { OP_adc, VV | VX | VI, 0 },  [0x11] = { OP_madc, VV | VX | VI, 0 },
	[0x12] = { OP_sbc, VV | VX, 0 },       [0x13] = { OP_msbc, VV | VX, 0 },
	[0x17] = { OP_merge, VV | VX | VI, 0 }, [0x18] = { OP_eq, VV | VX | VI, 0 },
	[0x19] = { OP_ne, VV | VX | VI, 0 },   [0x1a] = { OP_ltu, VV | VX, 0 },
	[0x1b] = { OP_lt, VV | VX, 0 },	       [0x1c] = { OP_leu, VV | VX | VI, 0 },
	[0x1d] = { OP_le, VV | VX | VI, 0 },   [0x1e] = { OP_gtu, VX | VI, 0 },
	[0x1f] = { OP_gt, VX | VI, 0 },	       [0x25] = { OP_sll, VV | VX | VI, 1 },
	[0x28] = { OP_srl, VV | VX | VI, 1 },  [0x29] = { OP_sra, VV | VX | VI, 1 },
};

static const struct insn opm[64] = {
	[0x20] = { OP_divu, VV | VX, 0 },   [0x21] = { OP_div, VV | VX, 0 },
	[0x22] = { OP_remu, VV | VX, 0 },   [0x23] = { OP_rem, VV | VX, 0 },
	[0x24] = { OP_mulhu, VV | VX, 0 },  [0x25] = { OP_mul, VV | VX, 0 },
	[0x26] = { OP_mulhsu, VV | VX, 0 }, [0x27] = { OP_mulh, VV | VX, 0 },
	[0x29] = { OP_madd, VV | VX, 0 },   [0x2b] = { OP_nmsub, VV | VX, 0 },
	[0x2d] = { OP_macc, VV | VX, 0 },   [0x2f] = { OP_nmsac, VV | VX, 0 },
};

/* Results that are masks: comparisons and carries. */
static enum sc_vres compare(struct sc_vec *x, enum op op, bool is_unsigned)
{
	bool carry = op == OP_madc || op == OP_msbc;
	const uint8_t *c = NULL;

	if (!sc_vsource(x, -1, 0, x->vs2, x->sew, x->lmul) ||
	    ((x->f3 == SC_OPIVV) && !sc_vsource(x, -1, 0, x->vs1, x->sew, x->lmul)))
		return SC_V_ILLEGAL;
	if (carry && x->masked)
		c = sc_vbytes(x, x->v);
	else if (carry)
		op = op == OP_madc ? OP_madc0 : OP_msbc0;
	sc_vapply_mask(x, loops[op][x->sew], sc_vreg(x, x->vs2),
		       sc_voperand(x, x->sew, !is_unsigned), c, x->masked && !carry);
	return SC_V_DONE;
}

/* vadc, vsbc, vmerge, vmv.v: v0 selects or adds, and every element is written. */
static enum sc_vres with_carry(struct sc_vec *x, enum op op)
{
	const uint8_t *c = NULL;

	if (op == OP_merge && !x->masked) {
		if (x->vs2)
			return SC_V_ILLEGAL;
		op = OP_mv;
	} else if (!x->masked || !x->vd) {
		return SC_V_ILLEGAL;
	} else {
		c = sc_vbytes(x, x->v);
	}
	x->masked = false;
	sc_vapply(x, loops[op][x->sew], x->sew, sc_vreg(x, x->vs2), sc_voperand(x, x->sew, true),
		  c);
	return SC_V_DONE;
}

enum sc_vres sc_vector_int(struct sc_vec *x)
{
	bool m = x->f3 == SC_OPMVV || x->f3 == SC_OPMVX;
	const struct insn *insn = m ? &opm[x->f6] : &opi[x->f6];
	bool vv = x->f3 == SC_OPIVV || x->f3 == SC_OPMVV;
	enum op op = insn->op;

	if (!op || !(insn->forms & (vv ? VV : x->f3 == SC_OPIVI ? VI : VX)))
		return SC_V_ILLEGAL;
	if (!sc_vgroup(x->vs2, x->lmul) || (vv && !sc_vgroup(x->vs1, x->lmul)))
		return SC_V_ILLEGAL;
	if (op >= OP_eq)
		return compare(x, op, insn->is_unsigned);
	if (!sc_vgroup(x->vd, x->lmul))
		return SC_V_ILLEGAL;
	if (op == OP_adc || op == OP_sbc || op == OP_merge)
		return with_carry(x, op);
	if (!sc_vdest(x, x->lmul))
		return SC_V_ILLEGAL;
	sc_vapply(x, loops[op][x->sew], x->sew, sc_vreg(x, x->vs2),
		  sc_voperand(x, x->sew, !insn->is_unsigned), NULL);
	return SC_V_DONE;
}
