// SPDX-License-Identifier: MIT
/*
 * Every way to compute vectors that this host has (vector_path.h) against fp.c,
 * vexp2.h and the plain way: results and flags, bit for bit, of corner and
 * random operands, in lengths that fill no host vector.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "qemu-device/chip/vector_path.h"
#include "qemu-device/chip/vexp2.h"

#define N      97
#define ROUNDS 300

static const struct sc_vector_path *const paths[] = {
	&sc_vector_plain,
#ifdef __x86_64__
	&sc_vector_avx2,
	&sc_vector_avx512,
#endif
};

#define FOR_PATHS(p)                                                                               \
	for (unsigned int i_ = 0; i_ < sizeof(paths) / sizeof(paths[0]); i_++)                     \
		for (const struct sc_vector_path *p = paths[i_]; p && p->usable(); p = NULL)

static uint64_t random64(void)
{
	static uint64_t seed = 88172645463325252;

	seed ^= seed << 13;
	seed ^= seed >> 7;
	seed ^= seed << 17;
	return seed * 0x2545f4914f6cdd1d;
}

/* Numbers near 1, with NaNs, infinities, zeros and tiny ones now and then. */
static uint64_t operand(int sew, bool corners)
{
	unsigned int frac = sew == 1 ? 10 : sew == 2 ? 23 : 52;
	unsigned int exp = sew == 1 ? 5 : sew == 2 ? 8 : 11;
	uint64_t r = random64(), sign = r >> 63 << (frac + exp), top = (1ULL << exp) - 1;
	uint64_t f = random64() & ((1ULL << frac) - 1);

	if (!corners || r % 16 > 2)
		return sign | (top / 2 - 3 + (r >> 40) % 7) << frac | f;
	switch (r / 16 % 6) {
	case 0:
		return sign;
	case 1:
		return sign | top << frac;
	case 2:
		return sign | top << frac | f;
	case 3:
		return sign | f;
	case 4:
		return sign | 1ULL << frac | f >> (r >> 8) % frac;
	default:
		return sign | ((r >> 8) % top) << frac | f;
	}
}

static uint64_t expected(enum sc_vfp op, enum sc_fp_format fmt, uint64_t a, uint64_t b, uint64_t d,
			 struct sc_fp_env *env)
{
	uint64_t sign = fmt == SC_FP_S ? 1ULL << 31 : 1ULL << 63;

	switch (op) {
	case SC_VFP_add:
		return sc_fp_add(fmt, a, b, env);
	case SC_VFP_sub:
		return sc_fp_sub(fmt, a, b, env);
	case SC_VFP_rsub:
		return sc_fp_sub(fmt, b, a, env);
	case SC_VFP_mul:
		return sc_fp_mul(fmt, a, b, env);
	case SC_VFP_div:
		return sc_fp_div(fmt, a, b, env);
	case SC_VFP_rdiv:
		return sc_fp_div(fmt, b, a, env);
	case SC_VFP_sqrt:
		return sc_fp_sqrt(fmt, a, env);
	case SC_VFP_madd:
	case SC_VFP_msub:
		return sc_fp_fma(fmt, d, b, a, false, op == SC_VFP_msub, env);
	case SC_VFP_nmsub:
	case SC_VFP_nmadd:
		return sc_fp_fma(fmt, d, b, a, true, op == SC_VFP_nmadd, env);
	case SC_VFP_macc:
	case SC_VFP_msac:
		return sc_fp_fma(fmt, a, b, d, false, op == SC_VFP_msac, env);
	case SC_VFP_nmsac:
	case SC_VFP_nmacc:
		return sc_fp_fma(fmt, a, b, d, true, op == SC_VFP_nmacc, env);
	case SC_VFP_min:
		return sc_fp_min(fmt, a, b, env);
	case SC_VFP_max:
		return sc_fp_max(fmt, a, b, env);
	case SC_VFP_sgnj:
		return (a & ~sign) | (b & sign);
	case SC_VFP_sgnjn:
		return (a & ~sign) | (~b & sign);
	case SC_VFP_sgnjx:
		return a ^ (b & sign);
	default:
		return sc_vexp2((uint32_t)a);
	}
}

struct operands {
	_Alignas(64) uint64_t a[N], b[N], d[N], old[N];
};

static void fill(struct operands *o, int sew, bool corners)
{
	for (unsigned int i = 0; i < N; i++) {
		sc_vput((uint8_t *)o->a, i, sew, operand(sew, corners));
		sc_vput((uint8_t *)o->b, i, sew, operand(sew, corners));
		sc_vput((uint8_t *)o->d, i, sew, operand(sew, corners));
	}
	memcpy(o->old, o->d, sizeof(o->d));
}

/* What a loop has done is right, and it has stopped at a block with a NaN. */
static void check_fp(const struct sc_vector_path *p, enum sc_vfp op, int sew, bool one,
		     bool corners)
{
	size_t n = N - random64() % 40, done, block = 4 * 64 >> sew;
	enum sc_fp_format fmt = sew == 2 ? SC_FP_S : SC_FP_D;
	struct sc_fp_env env = { 0 }, later;
	unsigned int flags;
	struct operands o;
	bool nan = false;

	fill(&o, sew, corners);
	sc_vhost_clear(true);
	done = p->fp[op][sew - 2][one](o.d, o.d, o.a, o.b, n);
	flags = sc_vhost_flags();
	for (size_t i = 0; i < n; i++) {
		uint64_t a = sc_vget((uint8_t *)o.a, i, sew);
		uint64_t b = sc_vget((uint8_t *)o.b, one ? 0 : i, sew);
		uint64_t d = sc_vget((uint8_t *)o.old, i, sew), r, got;

		if (i == done)
			later = env;
		r = expected(op, fmt, a, b, d, i < done ? &env : &later);
		got = sc_vget((uint8_t *)o.d, i, sew);
		assert_int_equal(got, i < done ? r : d);
		if (i >= done && i < done + block)
			nan |= sc_fp_class(fmt, r) >= 0x100 || sc_fp_class(fmt, a) >= 0x100 ||
			       sc_fp_class(fmt, b) >= 0x100;
	}
	assert_true(done == n || nan);
	if (SC_VFP_IS_ROUNDED(op) && SC_VHOST_EXACT && done == n)
		assert_int_equal(flags, env.flags);
}

static void test_fp(void **state)
{
	(void)state;
	FOR_PATHS(p)
		for (unsigned int op = 0; op < SC_VFP_COUNT; op++)
			for (unsigned int round = 0; round < ROUNDS; round++)
				check_fp(p, op, 2 + (round & 1), round >> 1 & 1, round >> 2 & 1);
}

#define CHAIN_N 300

/* An operation as a step of a chain, SC_VFP_COUNT: sd.vexp2.v. */
static sc_vstep_fn *step_of(const struct sc_vector_path *p, unsigned int op, unsigned int mode,
			    int sew)
{
	if (op == SC_VFP_COUNT)
		return mode == SC_VMODE_A_VV && sew == 2 ? p->exp2_step : NULL;
	return p->step[op][mode][sew - 2];
}

/* Element @i of the chain's value after step @op, by the reference. */
static uint64_t step_expected(const struct sc_vstep *s, unsigned int op, unsigned int mode, int sew,
			      size_t i, uint64_t v, struct sc_fp_env *env)
{
	bool vf = mode == SC_VMODE_A_VF || mode == SC_VMODE_D_VF;
	uint64_t a = sc_vget(s->a, i, sew), b = vf ? s->scalar : sc_vget(s->b, i, sew), d = 0;

	if (mode == SC_VMODE_D_AA)
		b = a;
	if (mode == SC_VMODE_A_AA)
		b = v;
	if (mode <= SC_VMODE_A_AA)
		a = v;
	else if (mode == SC_VMODE_B_VV)
		b = v;
	else
		d = v;
	return expected(op, sew == 2 ? SC_FP_S : SC_FP_D, a, b, d, env);
}

/*
 * A chain of up to three operations on random operands: values, and flags but NV, and
 * NX after sd.vexp2.v.
 */
static void check_chain(const struct sc_vector_path *p, int sew, bool corners)
{
	static _Alignas(64) uint64_t from[CHAIN_N], to[CHAIN_N], a[3][CHAIN_N], b[3][CHAIN_N];
	unsigned int count = 1 + random64() % 3, mode[3], op[3] = { 0 }, flags, extra = 0;
	struct sc_fp_env env = { 0 }, refused;
	struct sc_vstep steps[4] = { 0 };
	size_t n = CHAIN_N - random64() % 80, done;

	for (unsigned int s = 0; s < count; s++) {
		do { /* the same again, now and then */
			op[s] = s && random64() % 2 ? op[s - 1] : random64() % (SC_VFP_COUNT + 1);
			mode[s] = random64() % SC_VMODE_COUNT;
			steps[s].fn = step_of(p, op[s], mode[s], sew);
		} while (!steps[s].fn);
		if (op[s] == SC_VFP_COUNT)
			extra = SC_FP_NX;
		steps[s].a = (const uint8_t *)a[s];
		steps[s].b = (const uint8_t *)b[s];
		steps[s].scalar = operand(sew, corners);
	}
	for (size_t i = 0; i < CHAIN_N; i++) {
		sc_vput((uint8_t *)from, i, sew, operand(sew, false));
		for (unsigned int s = 0; s < count; s++) {
			bool odd = corners && !(random64() % 50);

			sc_vput((uint8_t *)a[s], i, sew, operand(sew, odd));
			sc_vput((uint8_t *)b[s], i, sew, operand(sew, odd));
		}
	}
	memset(to, 0x5a, sizeof(to));
	sc_vhost_clear(true);
	done = p->chain[sew - 2](to, from, steps, n);
	flags = sc_vhost_flags() & ~SC_FP_NV;
	for (size_t i = 0; i < n; i++) {
		uint64_t v = sc_vget((uint8_t *)from, i, sew), got = sc_vget((uint8_t *)to, i, sew);

		if (i == done)
			refused = env;
		for (unsigned int s = 0; s < count; s++)
			v = step_expected(&steps[s], op[s], mode[s], sew, i, v,
					  i < done ? &env : &refused);
		assert_int_equal(got, i < done ? v : 0x5a5a5a5a5a5a5a5aULL >> (sew == 2 ? 32 : 0));
	}
	if (done == n)
		refused = env;
	if (!corners && !(refused.flags & SC_FP_NV)) /* else a NaN has come about */
		assert_true(n - done < 8u * 64 >> sew);
	if (SC_VHOST_EXACT) {
		assert_int_equal(flags & env.flags, env.flags & ~SC_FP_NV);
		assert_int_equal(flags & ~refused.flags & ~extra, 0);
	}
}

static void test_chains(void **state)
{
	(void)state;
	FOR_PATHS(p)
		for (unsigned int round = 0; round < 10 * ROUNDS; round++)
			check_chain(p, 2 + (round & 1), round >> 1 & 1);
}

static void check_conversion(const struct sc_vector_path *p, enum sc_vcvt cvt, bool corners)
{
	static const struct {
		uint8_t from, to;
		int8_t format_from, format_to; /* -1, -2: signed, unsigned */
	} shapes[] = {
		[SC_VCVT_H_S] = { 1, 2, SC_FP_H, SC_FP_S },
		[SC_VCVT_BF16_S] = { 1, 2, SC_FP_BF16, SC_FP_S },
		[SC_VCVT_S_D] = { 2, 3, SC_FP_S, SC_FP_D },
		[SC_VCVT_S_H] = { 2, 1, SC_FP_S, SC_FP_H },
		[SC_VCVT_S_BF16] = { 2, 1, SC_FP_S, SC_FP_BF16 },
		[SC_VCVT_D_S] = { 3, 2, SC_FP_D, SC_FP_S },
		[SC_VCVT_S_I] = { 2, 2, SC_FP_S, -1 },
		[SC_VCVT_S_I_RTZ] = { 2, 2, SC_FP_S, -1 },
		[SC_VCVT_I_S] = { 2, 2, -1, SC_FP_S },
		[SC_VCVT_U_S] = { 2, 2, -2, SC_FP_S },
	};
	int from = shapes[cvt].from, to = shapes[cvt].to, ff = shapes[cvt].format_from;
	struct sc_fp_env env = { .rm = cvt == SC_VCVT_S_I_RTZ ? SC_RTZ : SC_RNE };
	struct operands o;
	size_t done;

	fill(&o, from, corners);
	done = p->convert[cvt](o.d, o.a, N);
	assert_true(corners || done == N);
	for (size_t i = 0; i < done; i++) {
		uint64_t v = sc_vget((uint8_t *)o.a, i, from), r;

		if (ff < 0)
			r = sc_fp_from_int(SC_FP_S, ff == -1 ? (uint64_t)(int64_t)(int32_t)v : v,
					   ff == -1, &env);
		else if (shapes[cvt].format_to < 0)
			r = (uint32_t)sc_fp_to_int(SC_FP_S, v, 32, true, &env);
		else
			r = sc_fp_convert(shapes[cvt].format_to, ff, v, &env);
		assert_int_equal(sc_vget((uint8_t *)o.d, i, to), r);
	}
	assert_int_equal(env.flags & ~SC_FP_NX, 0);
}

static void test_conversions(void **state)
{
	(void)state;
	FOR_PATHS(p)
		for (unsigned int cvt = 0; cvt < SC_VCVT_COUNT; cvt++)
			for (unsigned int round = 0; p->convert[cvt] && round < ROUNDS; round++)
				check_conversion(p, cvt, round & 1);
}

static void test_exp2(void **state)
{
	static const float corners[] = { 127.99f, 128, 126, -126, -126.5f, -149, -150, -150.5f,
					 1e30f, -1e30f, __builtin_inff(), -__builtin_inff(),
					 0, -0.0f, 1e-40f };
	_Alignas(64) uint32_t a[N], d[N];

	(void)state;
	FOR_PATHS(p)
		for (unsigned int round = 0; round < ROUNDS; round++) {
			for (unsigned int i = 0; i < N; i++) {
				uint64_t r = random64();
				float x = (float)(int64_t)r / (r & 1 ? 0x1p56f : 0x1p60f);

				if (round & 1 && !(r % 8))
					x = corners[r / 8 % (sizeof(corners) / sizeof(*corners))];
				memcpy(&a[i], &x, sizeof(x));
			}
			a[round % N] = 0x7f800001 + round;
			p->exp2(d, a, N - round % 32);
			for (unsigned int i = 0; i < N - round % 32; i++)
				assert_int_equal(d[i], sc_vexp2(a[i]));
		}
}

static void test_integers(void **state)
{
	struct operands o, plain;
	uint8_t c[N], mask[N], bytes[N];
	sc_vfn *loop;

	(void)state;
	FOR_PATHS(p)
		for (unsigned int op = 1; op < SC_VINT_COUNT; op++)
			for (unsigned int round = 0; round < 40; round++) {
				for (unsigned int i = 0; i < N; i++) {
					o.a[i] = random64() >> (round & 1 ? random64() % 64 : 0);
					o.b[i] = random64() % 8 ? random64() : 0 - random64() % 2;
					o.d[i] = random64();
					c[i] = random64() & 1;
					mask[i] = (uint8_t)random64();
				}
				plain = o;
				p->integer[op][round % 4](o.d, o.a, o.b, c, N);
				loop = sc_vector_plain.integer[op][round % 4];
				loop(plain.d, plain.a, plain.b, c, N);
				assert_memory_equal(o.d, plain.d, sizeof(o.d));
				p->bits_to_bytes(bytes, mask, N);
				p->copy(o.a, o.b, sizeof(o.b) - round);
				assert_memory_equal(o.a, o.b, sizeof(o.b) - round);
				for (unsigned int i = 0; i < N; i++)
					assert_int_equal(bytes[i], sc_vbit(mask, i));
			}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_fp), cmocka_unit_test(test_chains),
		cmocka_unit_test(test_conversions),
		cmocka_unit_test(test_exp2), cmocka_unit_test(test_integers),
	};

	assert_non_null(sc_vector_path(NULL));
	assert_ptr_equal(sc_vector_path("plain"), &sc_vector_plain);
	assert_null(sc_vector_path("other"));
	return cmocka_run_group_tests(tests, NULL, NULL);
}
