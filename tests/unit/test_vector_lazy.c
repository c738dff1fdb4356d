// SPDX-License-Identifier: MIT
/*
 * What the vector unit knows and puts off (vector_known.c) against doing everything
 * at once: random programs run on two cores, of which only one may, in quanta of
 * different lengths; registers, flags, scratchpad and faults must be
 * equal. Programs loop, so that their instructions become known, use few
 * registers and overlapping pieces of few pages, and mix in all that has to
 * settle: scalar accesses, atomics, CSRs, DMA, instructions that are not known,
 * masks, faults.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "qemu-device/chip/vector_path.h"
#include "qemu-device/flat/flat.h"
#include "tests/isa/asm.h"

#define CODE	0x10000ULL
#define VLEN	1024
#define AREA	0x2000 /* in the scratchpad; what is accessed lies around here */
#define SPREAD	0x1800
#define DMA_AT	0x1000 /* descriptors: two */
#define WORDS	48
#define ROUNDS	3000
#define LOOPS	3

/* x registers of a program */
enum { COUNTER = 5, DMA0, DMA1, AVL0, /* 4 of them */ BASE0 = 12, /* 6 of them */ SCRATCH = 18 };

struct side {
	struct sc_chip chip;
	struct sc_core *core;
	uint32_t *code;
	enum sc_run end;
};

static uint64_t seed;

static uint32_t pick(uint32_t n)
{
	seed ^= seed << 13;
	seed ^= seed >> 7;
	seed ^= seed << 17;
	return (uint32_t)(seed * 0x2545f4914f6cdd1d >> 33) % n;
}

static void open_side(struct side *s, const struct sc_vector_path *path)
{
	flat_init(&s->chip);
	s->chip.config.vlen = VLEN;
	s->code = (uint32_t *)flat_map(&s->chip, CODE, SC_PAGE_SIZE,
				       SC_PTE_VALID | SC_PTE_READ | SC_PTE_EXECUTE);
	s->core = sc_core_create(&s->chip, 0);
	assert_non_null(s->core);
	s->core->vpath = path;
}

static void close_side(struct side *s)
{
	sc_core_destroy(s->core);
	flat_free(&s->chip);
}

static uint32_t opv(uint32_t f6, uint32_t f3, uint32_t vd, uint32_t vs2, uint32_t vs1, uint32_t vm)
{
	return f6 << 26 | vm << 25 | vs2 << 20 | vs1 << 15 | f3 << 12 | vd << 7 | 0x57;
}

/* Any group of eight registers, now and then one of four, or a single register. */
static uint32_t group(void)
{
	uint32_t r = pick(32);

	return pick(60) ? r & 24 : pick(2) ? r & 28 : r;
}

static uint32_t vset(void)
{
	static const uint16_t types[] = { 0xd3, 0xd3, 0xd3, 0xd3, 0xd2, 0xd2, 0xd1, 0xd0 };
	uint32_t type = pick(30) ? types[pick(8)] : pick(2) ? 0xdb : 0xcb;

	return type << 20 | (pick(3) ? ZERO : AVL0 + pick(4)) << 15 |
	       7 << 12 | (pick(2) ? SCRATCH : SCRATCH + 1) << 7 | 0x57;
}

static uint32_t access(void)
{
	uint32_t op = 1 << 25 | (BASE0 + pick(6)) << 15 | group() << 7 | (pick(2) ? 0x07 : 0x27);

	if (!pick(12))
		op |= 2 << 26 | AVL0 << 20; /* strided */
	return op | (pick(6) ? 6 : pick(9) ? 5 : 7) << 12;
}

/* vfredusum, vfredosum, vfredmin, vfredmax */
static uint32_t reduction(uint32_t a)
{
	return opv(1 + 2 * pick(4), SC_OPFVV, pick(3) ? pick(32) : a, a, pick(32), 1);
}

static uint32_t arithmetic(void)
{
	static const uint8_t fp[] = { 0x00, 0x02, 0x04, 0x06, 0x08, 0x24, 0x28, 0x2c, 0x2d };
	uint32_t d = group(), a = pick(2) ? d : group(), b = group();

	switch (pick(9)) {
	case 8: /* or vfmv.f.s */
		return pick(2) ? reduction(a) : opv(0x10, SC_OPFVV, pick(4), pick(32), 0, 1);
	case 0: /* vadd, vmacc */
		return pick(2) ? opv(0x00, SC_OPIVV, d, a, b, 1) : opv(0x2d, SC_OPMVV, d, a, b, 1);
	case 1: /* sd.vexp2.v */
		return 5 << 12 | 1 << 25 | a << 20 | d << 7 | 0x2b;
	case 2: /* moves of registers */
		return opv(0x27, SC_OPIVI, d, b, pick(4) ? 7 : pick(2) ? 3 : 0, 1);
	case 3:
		return opv(fp[pick(sizeof(fp))], SC_OPFVF, d, a, pick(4), 1);
	case 4: /* vslidedown */
		if (pick(2))
			return opv(0x0f, SC_OPIVI, d, a, pick(32), 1);
		return opv(0x0f, SC_OPIVX, d, a, pick(8) ? AVL0 + pick(4) : SCRATCH, 1);
	default:
		return opv(fp[pick(sizeof(fp))], SC_OPFVV, d, a, b, 1);
	}
}

/* Instructions that are never known. */
static uint32_t unknown(void)
{
	uint32_t d = group(), a = group(), b = group();

	switch (pick(7)) {
	case 0: /* vfredmax, masked */
		return opv(0x07, SC_OPFVV, d, a, b, 0);
	case 1: /* vslide1down.vx */
		return opv(0x0f, SC_OPMVX, d, a, SCRATCH, 1);
	case 2: /* vfadd.vv, masked */
		return opv(0x00, SC_OPFVV, d | 8, a, b, 0);
	case 3: /* vmseq.vv v0 */
		return opv(0x18, SC_OPIVV, 0, a, b, 1);
	case 4: /* vfsqrt */
		return opv(0x13, SC_OPFVV, d, a, 0, 1);
	case 5: /* vmv.s.x */
		return opv(0x10, SC_OPMVX, d, 0, SCRATCH, 1);
	default: /* vmerge.vvm */
		return opv(0x17, SC_OPIVV, d | 8, a, b, 0);
	}
}

static uint32_t scalar(void)
{
	uint32_t base = BASE0 + pick(6), imm = pick(512) * 4;

	switch (pick(10)) {
	case 0:
		return LW(SCRATCH, base, (int32_t)imm);
	case 1:
		return SW(SCRATCH, base, (int32_t)imm);
	case 2:
		return AMOADD_W(SCRATCH + 1, SCRATCH, base);
	case 3: /* fsw, fs */
		return s_type(0x27, 2, base, pick(4), (int32_t)imm);
	case 4: /* fmul.s */
		return r_type(0x53, 7, 0x08, pick(4), pick(4), pick(4));
	case 5:
		return CSRR(SCRATCH, 1 + pick(3));
	case 6: /* frm, fflags */
		return pick(4) ? i_type(0x73, 5, ZERO, pick(32), 1) :
				 i_type(0x73, 5, ZERO, pick(2), 2);
	case 7:
		return SDD_GO(pick(2), DMA0 + pick(2));
	case 8: /* a block boundary */
		return jal(ZERO, 4);
	default:
		return ADDI(base, base, (int32_t)(pick(20) ? pick(257) * 4 : pick(64)) - 512);
	}
}

/* What hardly comes about by chance: a result that is stored, and what is done with it then. */
static uint32_t *write_idiom(uint32_t *code)
{
	uint32_t d = pick(4) * 8, base = (BASE0 + pick(6)) << 15, word = arithmetic();
	const uint32_t move = opv(0x27, SC_OPIVI, d, d ^ 8, 7, 1);
	const uint32_t load = 1 << 25 | base | 6 << 12 | 0x07;

	if (!pick(4))
		*code++ = move;
	if (!pick(4))
		*code++ = load | (pick(2) ? d : d ^ 8) << 7;
	*code++ = pick(4) ? (word & ~(31u << 7)) | d << 7 : move;
	if (!pick(3))
		*code++ = load | pick(4) << 10;
	*code++ = load | d << 7 | 0x20;
	if (pick(2))
		*code++ = load | pick(4) << 10;
	if (pick(2))
		*code++ = pick(2) ? LW(SCRATCH, base >> 15, (int32_t)pick(256) * 4) : scalar();
	return code;
}

/* Loads of part of a group, whole groups and smaller ones moved from and to there. */
static uint32_t *write_moves(uint32_t *code)
{
	const uint32_t d = pick(4) * 8, a = d ^ 8, nr = 1u << pick(4), in = pick(8) / nr * nr;
	const uint32_t load = 1 << 25 | (BASE0 + pick(6)) << 15 | 6 << 12 | 0x07;
	const uint32_t vset = 7 << 12 | 0x57, m8 = 0xd3 << 20 | SCRATCH << 7;

	*code++ = vset | m8;
	*code++ = pick(2) ? opv(0x27, SC_OPIVI, d, a, 7, 1) : load | d << 7;
	*code++ = vset | (0xd0 + pick(4)) << 20 | (pick(2) ? AVL0 + pick(4) : 0) << 15 |
		  SCRATCH << 7;
	*code++ = load | (pick(3) ? a : a + 4) << 7;
	if (pick(2))
		*code++ = opv(0x27, SC_OPIVI, d + in, a + pick(8) / nr * nr, nr - 1, 1);
	if (pick(2)) { /* slide down from behind the first vl elements */
		*code++ = vset | m8 | (AVL0 + pick(4)) << 15;
		*code++ = opv(0x0f, SC_OPIVX, d, a, AVL0 + pick(4), 1);
	}
	*code++ = vset | m8;
	*code++ = opv(0x00, SC_OPFVV, d, d, a, 1);
	return code;
}

/* Operations on one group, each on the result of the one before, and what may come between. */
static uint32_t *write_chain(uint32_t *code)
{
	static const uint8_t two[] = { 0x00, 0x02, 0x04, 0x06, 0x08, 0x24 };
	static const uint8_t fma[] = { 0x28, 0x2b, 0x2c, 0x2d, 0x2f };
	const uint32_t d = pick(4) * 8, other = d ^ (8 << pick(2));
	const uint32_t load = 1 << 25 | (BASE0 + pick(6)) << 15 | 6 << 12 | 0x07;
	const uint32_t m8 = 0xd3 << 20 | SCRATCH << 7 | 7 << 12 | 0x57;

	*code++ = m8;
	for (uint32_t n = 2 + pick(8); n--;) {
		uint32_t op = pick(2) ? two[pick(sizeof(two))] : 0;
		bool vf = pick(2);

		if (!pick(3))
			*code++ = (load ^ pick(4) << 15) | other << 7;
		if (!pick(8)) { /* part of a group */
			*code++ = (m8 & ~(3u << 20)) | pick(4) << 20;
			*code++ = load | other << 7;
			*code++ = m8;
		}
		if (!pick(5)) /* sd.vexp2.v */
			*code++ = 5 << 12 | 1 << 25 | d << 20 | d << 7 | 0x2b;
		if (!pick(20))
			*code++ = pick(2) ? arithmetic() : load | 0x20 | other << 7;
		if (!op && pick(2))
			op = fma[pick(sizeof(fma))];
		if (op >= 0x28 || pick(3))
			*code++ = opv(op, vf ? SC_OPFVF : SC_OPFVV, d, op >= 0x28 ? other : d,
				      vf ? pick(4) : other, 1);
		else
			*code++ = opv(op, SC_OPFVV, d, other, d, 1);
	}
	if (pick(2))
		*code++ = load | 0x20 | d << 7;
	if (!pick(3)) {
		if (!pick(3)) /* fflags */
			*code++ = i_type(0x73, 5, ZERO, 0, 1);
		*code++ = reduction(d);
		*code++ = opv(0x10, SC_OPFVV, pick(4), pick(2) ? d : pick(32), 0, 1);
	}
	return code;
}

static void write_program(uint32_t *code)
{
	uint32_t n = 0;

	code[n++] = 0xd3u << 20 | 7 << 12 | SCRATCH << 7 | 0x57; /* e32, m8 */
	while (n <= WORDS) {
		uint32_t kind = pick(32);

		if (!pick(4)) {
			uint32_t which = pick(9);

			n = (uint32_t)((which < 2 ? write_moves : which < 5 ? write_chain :
							   write_idiom)(code + n) - code);
			continue;
		}
		code[n++] = kind < 2 ? vset() : kind < 17 ? access() : kind < 27 ? arithmetic() :
			    kind < 28 ? unknown() : scalar();
	}
	code[n++] = ADDI(COUNTER, COUNTER, -1);
	code[n] = BNE(COUNTER, ZERO, -4 * (int32_t)n);
	code[n + 1] = RET;
}

static float number(void)
{
	static const float corners[] = { 0, -0.0f, 1e-40f, 1e38f, __builtin_inff(),
					 __builtin_nanf("") };

	return pick(400) ? (float)((int32_t)pick(4001) - 2000) / 256 : corners[pick(6)];
}

/* Registers and scratchpad of one, which the other gets too. */
static void prepare(struct side *s)
{
	struct sc_dma dma[2] = {
		{ .kind = SC_DMA_FILL, .size1 = 1, .size2 = 1, .src = pick(1 << 30) },
		{ .kind = SC_DMA_COPY, .size1 = 1, .size2 = 1 },
	};
	struct sc_core *core = s->core;

	for (uint32_t i = 0; i < core->tcm_size; i += 4)
		memcpy(core->tcm + i, &(float){ number() }, 4);
	for (uint32_t i = 0; i < 32 * VLEN / 8; i += 4)
		memcpy(core->v + i, &(float){ number() }, 4);
	for (unsigned int i = 0; i < 2; i++) {
		dma[i].size0 = 1 + pick(600);
		dma[i].dst = SC_VA_TCM + AREA + pick(SPREAD);
		if (i)
			dma[i].src = SC_VA_TCM + AREA + pick(SPREAD);
		core->x[DMA0 + i] = SC_VA_TCM + DMA_AT + i * sizeof(dma[0]);
	}
	memcpy(core->tcm + DMA_AT, dma, sizeof(dma));
	core->x[COUNTER] = LOOPS;
	for (unsigned int i = 0; i < 4; i++)
		core->x[AVL0 + i] = i ? pick(VLEN / 4 + 1) : pick(4) * 4;
	for (unsigned int i = 0; i < 6; i++) {
		core->x[BASE0 + i] = SC_VA_TCM + AREA +
				     (pick(4) ? pick(6) * 1024 : pick(SPREAD) & ~3u);
		if (!pick(80)) /* the last bytes before the guard page */
			core->x[BASE0 + i] = SC_VA_TCM + core->guard - pick(2048);
	}
	for (unsigned int i = 0; i < 4; i++)
		memcpy(&core->f[i], &(struct { float f; uint32_t box; }){ number(), ~0u }, 8);
	core->fcsr = pick(32);
}

static void start(struct side sides[2], const struct sc_launch *launch)
{
	static const uint32_t wg[3];
	struct sc_core *from = sides[0].core, *to = sides[1].core;

	write_program(sides[0].code);
	memcpy(sides[1].code, sides[0].code, SC_PAGE_SIZE);
	for (unsigned int i = 0; i < 2; i++) {
		sides[i].chip.code_stamp++;
		sc_core_start(sides[i].core, launch, wg, 0);
	}
	assert_true(from->lazy_allowed);
	to->lazy_allowed = false;
	prepare(&sides[0]);
	memcpy(to->tcm, from->tcm, from->tcm_size);
	memcpy(to->v, from->v, 32 * VLEN / 8);
	memcpy(to->x, from->x, sizeof(to->x));
	memcpy(to->f, from->f, sizeof(to->f));
	to->fcsr = from->fcsr;
}

static void compare(const struct side sides[2])
{
	const struct sc_core *a = sides[0].core, *b = sides[1].core;

	assert_int_equal(sides[0].end, sides[1].end);
	assert_int_equal(a->pc, b->pc);
	assert_int_equal(a->insns, b->insns);
	assert_memory_equal(a->x, b->x, 32 * sizeof(a->x[0]));
	assert_memory_equal(a->f, b->f, sizeof(a->f));
	assert_int_equal(a->fcsr, b->fcsr);
	assert_int_equal(a->vl, b->vl);
	assert_int_equal(a->vtype, b->vtype);
	assert_int_equal(a->vstart, b->vstart);
	assert_memory_equal(a->v, b->v, 32 * VLEN / 8);
	assert_memory_equal(a->tcm, b->tcm, a->tcm_size);
	if (sides[0].end == SC_RUN_FAULT)
		assert_memory_equal(&a->fault, &b->fault, sizeof(a->fault));
}

/* @anew: in each block of code nothing is known of any instruction. */
static void run(struct side *s, uint64_t quantum, bool anew)
{
	do {
		if (anew)
			memset(s->core->vknown, 0, SC_VKNOWN * sizeof(*s->core->vknown));
		s->end = sc_core_run(s->core, quantum);
	} while (s->end == SC_RUN_YIELD);
}

static void check_path(const struct sc_vector_path *path)
{
	static const struct sc_launch launch = {
		.context = 5, .entry = CODE, .stack_size = SC_PAGE_SIZE, .grid = { 1, 1, 1 },
		.cores = 1, .limit = 100000,
	};
	static struct side sides[2];
	unsigned int done = 0;

	seed = 88172645463325252;
	open_side(&sides[0], path);
	open_side(&sides[1], &sc_vector_plain);
	for (unsigned int round = 0; round < ROUNDS; round++) {
		start(sides, &launch);
		run(&sides[0], round % 2 ? UINT64_MAX : 1 + round % 37, false);
		run(&sides[1], 1, true);
		compare(sides);
		done += sides[0].end == SC_RUN_DONE;
	}
	assert_true(done > ROUNDS / 4);
	close_side(&sides[0]);
	close_side(&sides[1]);
}

static void test_random(void **state)
{
	(void)state;
	check_path(&sc_vector_plain);
#ifdef __x86_64__
	if (sc_vector_avx2.usable())
		check_path(&sc_vector_avx2);
	if (sc_vector_avx512.usable())
		check_path(&sc_vector_avx512);
#endif
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_random) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
