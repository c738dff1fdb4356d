// SPDX-License-Identifier: MIT
/*
 * Executes every vector instruction with random types, lengths, masks,
 * registers and operands, legal or not, and leaves per instruction and trial
 * the word and a hash of all registers, CSRs and memory. The test runs it on
 * the model and under qemu-riscv64. The invariant: a trial depends only on the
 * one before it through the random numbers.
 *
 * An illegal instruction is stepped over by whoever runs this, with `illegal`
 * set: a signal handler under Linux, the test on the model.
 */
#include <stddef.h>
#include <stdint.h>

#define ROWS	  72
#define RANDOM	  (ROWS - 4) /* of random operands; one a width for all pairs of corners */
#define MAX_LINES 640
#define ARENA	  32768
#define BASE	  16384
#define CORNERS	  28
#define SCALARS	  28 /* x28 to x31 and f28 to f31 are operands */

struct line {
	char name[24];
	uint64_t hash[ROWS]; /* the word in the low half, vtype and legality in bits 32 to 39 */
};

struct line results[MAX_LINES];
const uint64_t results_size = sizeof(results);
volatile uint64_t illegal;

struct trial {
	uint64_t avl, vtype, vstart, vcsr, fcsr; /* in; and out: */
	uint64_t vl_out, vtype_out, vstart_out, vcsr_out, fcsr_out;
	uint64_t x[4], f[4]; /* in and out */
	uint8_t *regs;
	uint32_t *stub;
};

void step(struct trial *t);
extern uint32_t stubs[];

asm("	.section .stubs, \"awx\", @progbits\n"
	"	.balign 8\n"
	"stubs:	.zero 640 * 72 * 16\n"
	"	.text\n"
	"	.option push\n"
	"	.option arch, +v\n"
	"step:	addi sp, sp, -32\n"
	"	sd ra, 0(sp)\n	sd s0, 8(sp)\n	sd s1, 16(sp)\n"
	"	mv s0, a0\n"
	"	ld s1, 144(s0)\n"
	"	csrr t1, vlenb\n	slli t1, t1, 3\n"
	"	mv t0, s1\n"
	"	vl8re8.v v0, (t0)\n	add t0, t0, t1\n"
	"	vl8re8.v v8, (t0)\n	add t0, t0, t1\n"
	"	vl8re8.v v16, (t0)\n	add t0, t0, t1\n"
	"	vl8re8.v v24, (t0)\n"
	"	ld t0, 24(s0)\n	csrw vcsr, t0\n"
	"	ld t0, 32(s0)\n	csrw fcsr, t0\n"
	"	fld ft8, 112(s0)\n	fld ft9, 120(s0)\n	fld ft10, 128(s0)\n	fld ft11, 136(s0)\n"
	"	ld t3, 80(s0)\n	ld t4, 88(s0)\n	ld t5, 96(s0)\n	ld t6, 104(s0)\n"
	"	fmv.w.x ft0, zero\n"
	"	ld t0, 0(s0)\n	ld t1, 8(s0)\n	vsetvl x0, t0, t1\n"
	"	ld t0, 16(s0)\n	csrw vstart, t0\n"
	"	ld t0, 152(s0)\n"
	"	jalr t0\n"
	"	csrr t0, vl\n	sd t0, 40(s0)\n"
	"	csrr t0, vtype\n	sd t0, 48(s0)\n"
	"	csrr t0, vstart\n	sd t0, 56(s0)\n	csrw vstart, zero\n"
	"	csrr t0, vcsr\n	sd t0, 64(s0)\n"
	"	csrr t0, fcsr\n	sd t0, 72(s0)\n"
	"	sd t3, 80(s0)\n	sd t4, 88(s0)\n	sd t5, 96(s0)\n	sd t6, 104(s0)\n"
	"	fsd ft8, 112(s0)\n	fsd ft9, 120(s0)\n	fsd ft10, 128(s0)\n	fsd ft11, 136(s0)\n"
	"	csrr t1, vlenb\n	slli t1, t1, 3\n"
	"	vs8r.v v0, (s1)\n	add s1, s1, t1\n"
	"	vs8r.v v8, (s1)\n	add s1, s1, t1\n"
	"	vs8r.v v16, (s1)\n	add s1, s1, t1\n"
	"	vs8r.v v24, (s1)\n"
	"	ld ra, 0(sp)\n	ld s0, 8(sp)\n	ld s1, 16(sp)\n"
	"	addi sp, sp, 32\n"
	"	ret\n"
	"	.option pop\n");

static uint64_t seed = 0x9e3779b97f4a7c15;
static uint8_t arena[ARENA] __attribute__((aligned(4096)));
static uint8_t regs[32 * 128] __attribute__((aligned(64)));
static unsigned int line;

static uint64_t random64(void)
{
	seed ^= seed << 13;
	seed ^= seed >> 7;
	seed ^= seed << 17;
	return seed * 0x2545f4914f6cdd1d;
}

static unsigned int below(unsigned int n)
{
	return (unsigned int)((random64() >> 33) % n);
}

/* Under Linux: step over an illegal instruction. */
static void on_illegal(int sig, void *info, uint8_t *context)
{
	(void)sig;
	(void)info;
	illegal = 1;
	*(uint64_t *)(context + 176) += 4; /* pc */
}

static uint64_t action[4]; /* struct sigaction of the kernel */

void setup(void)
{
	register uint64_t a0 asm("a0") = 4, a1 asm("a1") = (uint64_t)action;
	register uint64_t a2 asm("a2") = 0, a3 asm("a3") = 8, a7 asm("a7") = 134;

	action[0] = (uint64_t)on_illegal;
	action[1] = 4; /* SA_SIGINFO */
	asm volatile("ecall" : "+r"(a0) : "r"(a1), "r"(a2), "r"(a3), "r"(a7) : "memory");
}

static const uint8_t frac_bits[] = { 3, 10, 23, 52 };

/* Bits that stand for 1 as floating point, before the fraction. */
static uint64_t exponent(unsigned int sew)
{
	return sew == 3 ? 0x3ff : sew == 2 ? 0x7f : 0xf;
}

/* A value of 2^@sew bytes at the edge of something, with either sign. */
static uint64_t corner(unsigned int sew, unsigned int i)
{
	unsigned int bits = 8u << sew, frac = frac_bits[sew];
	uint64_t one = exponent(sew), top = 2 * one + 1;
	uint64_t sign = 1ULL << (bits - 1);
	const uint64_t corners[CORNERS / 2] = {
		0, 1, sign, sign - 1, ~0ULL, sign + 1, top << frac,
		top << frac | 1ULL << (frac - 1), top << frac | 1, (top << frac) - 1,
		1ULL << frac, (1ULL << frac) - 1, one << frac, sign | one << frac,
	};

	return corners[i / 2] ^ (i & 1 ? sign : 0);
}

/* A value of 2^@sew bytes: corner, small, near 1 as floating point, or any. */
static uint64_t value(unsigned int sew, unsigned int mode)
{
	unsigned int bits = 8u << sew, frac = frac_bits[sew];
	uint64_t r = random64(), one = exponent(sew), sign = 1ULL << (bits - 1);

	if (mode == 3)
		mode = r >> 60;
	switch (mode) {
	case 0:
		return r;
	case 1:
		return corner(sew, (r >> 8) % CORNERS);
	case 4:
		return r >> (r & 63);
	default:
		return (r & ((1ULL << frac) - 1)) | (one - 4 + (r >> 56) % 9) << frac |
		       (r >> 63 ? sign : 0);
	}
}

static void put(uint8_t *at, unsigned int sew, uint64_t v)
{
	for (unsigned int i = 0; i < 1u << sew; i++)
		at[i] = (uint8_t)(v >> (8 * i));
}

static void fill(unsigned int sew, unsigned int bytes)
{
	unsigned int mode = below(4);

	for (unsigned int i = 0; i < bytes; i += 1u << sew)
		put(regs + i, sew, value(sew, mode));
}

static uint64_t hash;
static void emit(uint64_t v)
{
	hash = (hash ^ v) * 0x9fb21c651e98df25;
	hash ^= hash >> 29;
}

static void emit_bytes(const uint8_t *p, unsigned int n)
{
	for (unsigned int i = 0; i < n; i += 8)
		emit(*(const uint64_t *)(p + i));
}

enum {
	VS2 = 1, VS1 = 2, X1 = 4, I5 = 8, F1 = 16, XD = 32, VM1 = 64, MEM = 128, X2 = 256,
	INDEX = 512, NOSTART = 1024, FD = 2048, VM0 = 4096, VALID = 8192, X0 = 16384,
};

static uint64_t vlenb(void)
{
	uint64_t v;

	asm volatile("csrr %0, 0xc22" : "=r"(v));
	return v;
}

/* A register that is likely to begin a group. */
static uint32_t group(unsigned int lmul)
{
	unsigned int r = below(32), log = lmul < 4 ? lmul : 0;

	switch (below(8)) {
	case 0:
		return r;
	case 1:
	case 2:
		return r & (~0u << (log < 3 ? log + 1 : 3));
	case 3:
		return r & ~7u;
	default:
		return r & (~0u << log);
	}
}

static uint32_t random_word(uint32_t word, unsigned int flags, unsigned int lmul)
{
	uint32_t vd = flags & (XD | FD) ? SCALARS + below(4) : group(lmul);

	word |= flags & X0 ? 0 : vd << 7;
	if (flags & VS2)
		word |= group(lmul) << 20;
	if (flags & X2)
		word |= (SCALARS + 1) << 20;
	if (flags & VS1)
		word |= group(lmul) << 15;
	if (flags & MEM)
		word |= SCALARS << 15;
	else if (flags & (X1 | F1))
		word |= (SCALARS + below(4)) << 15;
	if (flags & I5)
		word |= below(32) << 15;
	if ((flags & VM1) || (!(flags & VM0) && below(2)))
		word |= 1 << 25;
	return word;
}

static void scalars(struct trial *t, unsigned int flags, unsigned int sew)
{
	uint64_t box = sew == 3 ? 0 : ~0ULL << (8u << sew);

	for (unsigned int i = 0; i < 4; i++) {
		t->x[i] = value(3, 3);
		if (below(2))
			t->x[i] = below(300);
		t->f[i] = (value(sew, 3) & ~box) | (below(16) ? box : 0);
	}
	if (flags & MEM) {
		t->x[0] = (uint64_t)arena + BASE + below(64);
		t->x[1] = (uint64_t)(int64_t)((int)below(25) - 12);
	}
}

static uint64_t vlmax(unsigned int lmul, unsigned int sew)
{
	return lmul < 4 ? vlenb() << lmul >> sew : vlenb() >> (8 - lmul) >> sew;
}

/* Execute @word of a kind of @flags, and add all that it leaves to the hash. */
static void execute(struct trial *t, uint32_t word, unsigned int flags, unsigned int row)
{
	t->regs = regs;
	t->stub = stubs + 4 * (line * ROWS + row);
	/* qemu 7.2 fails on a conversion with a static rounding mode that is first to set one */
	t->stub[0] = 0x00007053; /* fadd.s ft0, ft0, ft0 */
	t->stub[1] = word;
	t->stub[2] = 0x00008067; /* ret */
	asm volatile("fence.i" : : : "memory");
	illegal = 0;
	step(t);
	emit(t->vl_out);
	emit(t->vtype_out);
	emit(t->vstart_out);
	emit(t->vcsr_out);
	emit(t->fcsr_out);
	for (unsigned int i = 0; i < 4; i++) {
		emit(flags & MEM && !i ? 0 : t->x[i]);
		emit(t->f[i]);
	}
	emit_bytes(regs, (unsigned int)vlenb() * 32);
	if ((flags & MEM) && (word & 0x20))
		emit_bytes(arena, ARENA);
}

static void one(uint32_t base, unsigned int flags, unsigned int row)
{
	static struct trial t;
	unsigned int sew = below(4), lmul = below(8), bytes = (unsigned int)vlenb() * 32;
	unsigned int index_sew = (base >> 12 & 7) ? (base >> 12 & 7) - 4 : 0;
	uint64_t stored;
	uint32_t word;

	if (flags & VALID) /* a vtype that exists: qemu 7.2 moves registers under any */
		lmul %= 4;
	word = random_word(base, flags, lmul);

	t.vtype = lmul | sew << 3 | below(4) << 6;
	t.avl = below(3) ? below((unsigned int)vlenb() * 8 + 1) : below(20);
	t.vstart = (flags & NOSTART) || below(4) ? 0 : below(12);
	/* qemu 7.2 leaves vstart as it is when there is nothing to do */
	if (t.vstart >= t.avl || t.vstart >= vlmax(lmul, sew))
		t.vstart = 0;
	t.vcsr = below(8);
	t.fcsr = below(5) << 5 | (below(2) ? 0 : below(32));
	fill(below(4) ? sew : below(4), bytes);
	if (flags & INDEX) /* within the arena */
		for (unsigned int i = 0; i < bytes; i += 1u << index_sew)
			put(regs + i, index_sew, below(0x7ff));
	scalars(&t, flags, sew);
	if (flags & MEM)
		for (unsigned int i = 0; i < ARENA; i += 512)
			*(uint64_t *)(arena + i + below(63) * 8) = random64();
	hash = 0;
	execute(&t, word, flags, row);
	stored = hash & 0xffffff0000000000;
	results[line].hash[row] = stored | illegal << 39 | (uint64_t)(t.vtype & 0x3f) << 32 | word;
}

/* 64 bits of elements of 2^@sew bytes. */
static uint64_t repeat(uint64_t v, unsigned int sew)
{
	for (unsigned int bits = 8u << sew; bits < 64; bits *= 2)
		v = (v & ((1ULL << bits) - 1)) | v << bits;
	return v;
}

/* The second operand is the corner @second; the first ones are in v16 to v19. */
static void with_second(uint32_t base, unsigned int flags, unsigned int sew, unsigned int second)
{
	static struct trial t;
	uint64_t v = repeat(corner(sew, second), sew), *r = (uint64_t *)regs;
	uint32_t word = base | (flags & (XD | FD) ? SCALARS : 8) << 7;

	if (flags & VS2)
		word |= 16 << 20;
	if (flags & VS1)
		word |= 24 << 15;
	else if (flags & (X1 | F1))
		word |= SCALARS << 15;
	else if (flags & I5)
		word |= second << 15;
	if ((flags & VM1) || (!(flags & VM0) && below(4)))
		word |= 1 << 25;
	t.vtype = 2 | sew << 3;
	t.avl = ~0ULL;
	t.vcsr = below(8);
	t.fcsr = below(5) << 5;
	t.x[0] = corner(sew, second);
	t.f[0] = sew == 3 ? v : v | ~0ULL << (8u << sew);
	r[0] = random64();
	for (unsigned int i = 0; i < vlenb() / 2; i++) {
		r[vlenb() + i] = r[2 * vlenb() + (i + 1) % (vlenb() / 2)];
		r[3 * vlenb() + i] = v;
	}
	execute(&t, word, flags, RANDOM + sew);
	emit(illegal);
}

/* Every pair of corners of 2^@sew bytes as elements of groups of four registers. */
static void corners(uint32_t base, unsigned int flags, unsigned int sew)
{
	unsigned int n = (unsigned int)vlmax(2, sew);
	unsigned int seconds = flags & (VS1 | X1 | F1 | I5) ? CORNERS : 1;
	uint8_t *v16 = regs + 16 * vlenb();

	hash = 0;
	for (unsigned int first = 0; first < CORNERS; first += n) {
		for (unsigned int i = 0; i < n; i++)
			put(v16 + (i << sew), sew, corner(sew, (first + i) % CORNERS));
		for (unsigned int second = 0; second < seconds; second++)
			with_second(base, flags, sew, second);
	}
	results[line].hash[RANDOM + sew] = (hash & ~0xffffffffULL) | base;
}

static void run_line(const char *name, uint32_t base, unsigned int flags)
{
	for (unsigned int i = 0; i < sizeof(results[0].name) - 1 && name[i]; i++)
		results[line].name[i] = name[i];
	/* fewer of the long ones */
	for (unsigned int row = 0; row < (vlenb() > 32 ? RANDOM / 4 : RANDOM); row++)
		one(base, flags, row);
	for (unsigned int sew = 0; sew < 4 && !(flags & (MEM | X0)) && vlenb() == 16; sew++)
		corners(base, flags, sew);
	line++;
}

#define OPV(f6, f3) ((uint32_t)(f6) << 26 | (uint32_t)(f3) << 12 | 0x57)
#define IVV(name, f6) run_line(name ".vv", OPV(f6, 0), VS2 | VS1)
#define IVX(name, f6) run_line(name ".vx", OPV(f6, 4), VS2 | X1)
#define IVI(name, f6) run_line(name ".vi", OPV(f6, 3), VS2 | I5)
#define I3(name, f6) IVV(name, f6); IVX(name, f6); IVI(name, f6)
#define I2(name, f6) IVV(name, f6); IVX(name, f6)
#define IXI(name, f6) IVX(name, f6); IVI(name, f6)
#define MVV(name, f6) run_line(name ".vv", OPV(f6, 2), VS2 | VS1)
#define MVX(name, f6) run_line(name ".vx", OPV(f6, 6), VS2 | X1)
#define M2(name, f6) MVV(name, f6); MVX(name, f6)
#define RED(name, f6, f3) run_line(name ".vs", OPV(f6, f3), VS2 | VS1 | NOSTART)
#define FVV(name, f6) run_line(name ".vv", OPV(f6, 1), VS2 | VS1)
#define FVF(name, f6) run_line(name ".vf", OPV(f6, 5), VS2 | F1)
#define F2(name, f6) FVV(name, f6); FVF(name, f6)
#define UNARY(name, f6, vs1, f3, more) run_line(name, OPV(f6, f3) | (vs1) << 15, VS2 | (more))

/* Bits of the new vtype: 0 to 4 are random as a register, 5 as the mask bit, the others here. */
static void settings(void)
{
	for (uint32_t more = 0; more < 8; more++) { /* ta, ma, and one that must be 0 */
		uint32_t w = OPV(more, 7);

		run_line("vsetvli", w, XD | X1 | VS2 | NOSTART);
		run_line("vsetvli.max", w, XD | VS2 | NOSTART);
		run_line("vsetvli.x0", w, X0 | X1 | VS2 | NOSTART);
		run_line("vsetvli.keep", w, X0 | VS2 | VALID | NOSTART);
		run_line("vsetivli", w | 3u << 30, XD | I5 | VS2 | NOSTART);
	}
	run_line("vsetvl", OPV(0x20, 7), XD | X1 | X2 | VM0 | NOSTART);
	run_line("vsetvl.max", OPV(0x20, 7), XD | X2 | VM0 | NOSTART);
}

static void integer(void)
{
	I3("vadd", 0); I2("vsub", 2); IXI("vrsub", 3); I2("vminu", 4); I2("vmin", 5);
	I2("vmaxu", 6); I2("vmax", 7); I3("vand", 9); I3("vor", 10); I3("vxor", 11);
	I3("vadc", 0x10); I3("vmadc", 0x11); I2("vsbc", 0x12); I2("vmsbc", 0x13);
	I3("vmerge", 0x17);
	run_line("vmv.v.v", OPV(0x17, 0), VS1 | VM1);
	run_line("vmv.v.x", OPV(0x17, 4), X1 | VM1);
	run_line("vmv.v.i", OPV(0x17, 3), I5 | VM1);
	I3("vmseq", 0x18); I3("vmsne", 0x19); I2("vmsltu", 0x1a); I2("vmslt", 0x1b);
	I3("vmsleu", 0x1c); I3("vmsle", 0x1d); IXI("vmsgtu", 0x1e); IXI("vmsgt", 0x1f);
	I3("vsll", 0x25); I3("vsrl", 0x28); I3("vsra", 0x29); I3("vnsrl", 0x2c); I3("vnsra", 0x2d);
	M2("vdivu", 0x20); M2("vdiv", 0x21); M2("vremu", 0x22); M2("vrem", 0x23);
	M2("vmulhu", 0x24); M2("vmul", 0x25); M2("vmulhsu", 0x26); M2("vmulh", 0x27);
	M2("vmadd", 0x29); M2("vnmsub", 0x2b); M2("vmacc", 0x2d); M2("vnmsac", 0x2f);
	M2("vwaddu", 0x30); M2("vwadd", 0x31); M2("vwsubu", 0x32); M2("vwsub", 0x33);
	M2("vwaddu.w", 0x34); M2("vwadd.w", 0x35); M2("vwsubu.w", 0x36); M2("vwsub.w", 0x37);
	M2("vwmulu", 0x38); M2("vwmulsu", 0x3a); M2("vwmul", 0x3b); M2("vwmaccu", 0x3c);
	M2("vwmacc", 0x3d); MVX("vwmaccus", 0x3e); M2("vwmaccsu", 0x3f);
	UNARY("vzext.vf8", 0x12, 2, 2, 0); UNARY("vsext.vf8", 0x12, 3, 2, 0);
	UNARY("vzext.vf4", 0x12, 4, 2, 0); UNARY("vsext.vf4", 0x12, 5, 2, 0);
	UNARY("vzext.vf2", 0x12, 6, 2, 0); UNARY("vsext.vf2", 0x12, 7, 2, 0);
	RED("vredsum", 0, 2); RED("vredand", 1, 2); RED("vredor", 2, 2); RED("vredxor", 3, 2);
	RED("vredminu", 4, 2); RED("vredmin", 5, 2); RED("vredmaxu", 6, 2); RED("vredmax", 7, 2);
	RED("vwredsumu", 0x30, 0); RED("vwredsum", 0x31, 0);
}

static void fixed_and_masks(void)
{
	I3("vsaddu", 0x20); I3("vsadd", 0x21); I2("vssubu", 0x22); I2("vssub", 0x23);
	I2("vsmul", 0x27); I3("vssrl", 0x2a); I3("vssra", 0x2b); I3("vnclipu", 0x2e);
	I3("vnclip", 0x2f); M2("vaaddu", 8); M2("vaadd", 9); M2("vasubu", 10); M2("vasub", 11);
	run_line("vmandn", OPV(0x18, 2), VS2 | VS1 | VM1);
	run_line("vmand", OPV(0x19, 2), VS2 | VS1 | VM1);
	run_line("vmor", OPV(0x1a, 2), VS2 | VS1 | VM1);
	run_line("vmxor", OPV(0x1b, 2), VS2 | VS1 | VM1);
	run_line("vmorn", OPV(0x1c, 2), VS2 | VS1 | VM1);
	run_line("vmnand", OPV(0x1d, 2), VS2 | VS1 | VM1);
	run_line("vmnor", OPV(0x1e, 2), VS2 | VS1 | VM1);
	run_line("vmxnor", OPV(0x1f, 2), VS2 | VS1 | VM1);
	UNARY("vcpop", 0x10, 16, 2, XD | NOSTART); UNARY("vfirst", 0x10, 17, 2, XD | NOSTART);
	UNARY("vmsbf", 0x14, 1, 2, NOSTART); UNARY("vmsof", 0x14, 2, 2, NOSTART);
	UNARY("vmsif", 0x14, 3, 2, NOSTART); UNARY("viota", 0x14, 16, 2, NOSTART);
	run_line("vid", OPV(0x14, 2) | 17 << 15, 0);
}

static void permutation(void)
{
	/* qemu 7.2 forgets to clear vstart after NOSTART ones; test_vector.c looks at them */
	run_line("vslideup.vx", OPV(0x0e, 4), VS2 | X1 | NOSTART);
	run_line("vslideup.vi", OPV(0x0e, 3), VS2 | I5 | NOSTART);
	IXI("vslidedown", 0x0f); MVX("vslide1up", 0x0e);
	MVX("vslide1down", 0x0f); FVF("vfslide1up", 0x0e); FVF("vfslide1down", 0x0f);
	I3("vrgather", 0x0c); IVV("vrgatherei16", 0x0e);
	run_line("vcompress", OPV(0x17, 2), VS2 | VS1 | VM1 | NOSTART);
	UNARY("vmv.x.s", 0x10, 0, 2, XD | VM1 | NOSTART);
	run_line("vmv.s.x", OPV(0x10, 6), X1 | VM1 | NOSTART);
	UNARY("vfmv.f.s", 0x10, 0, 1, FD | VM1 | NOSTART);
	run_line("vfmv.s.f", OPV(0x10, 5), F1 | VM1 | NOSTART);
#define MOVE_FLAGS (VM1 | NOSTART | VALID)
	UNARY("vmv1r", 0x27, 0, 3, MOVE_FLAGS); UNARY("vmv2r", 0x27, 1, 3, MOVE_FLAGS);
	UNARY("vmv4r", 0x27, 3, 3, MOVE_FLAGS); UNARY("vmv8r", 0x27, 7, 3, MOVE_FLAGS);
}

static void floating(void)
{
	F2("vfadd", 0); F2("vfsub", 2); F2("vfmin", 4); F2("vfmax", 6); F2("vfsgnj", 8);
	F2("vfsgnjn", 9); F2("vfsgnjx", 10); F2("vmfeq", 0x18); F2("vmfle", 0x19);
	F2("vmflt", 0x1b); F2("vmfne", 0x1c); FVF("vmfgt", 0x1d); FVF("vmfge", 0x1f);
	F2("vfdiv", 0x20); FVF("vfrdiv", 0x21); F2("vfmul", 0x24); FVF("vfrsub", 0x27);
	F2("vfmadd", 0x28); F2("vfnmadd", 0x29); F2("vfmsub", 0x2a); F2("vfnmsub", 0x2b);
	F2("vfmacc", 0x2c); F2("vfnmacc", 0x2d); F2("vfmsac", 0x2e); F2("vfnmsac", 0x2f);
	F2("vfwadd", 0x30); F2("vfwsub", 0x32); F2("vfwadd.w", 0x34); F2("vfwsub.w", 0x36);
	F2("vfwmul", 0x38); F2("vfwmacc", 0x3c); F2("vfwnmacc", 0x3d); F2("vfwmsac", 0x3e);
	F2("vfwnmsac", 0x3f);
	run_line("vfmerge", OPV(0x17, 5), VS2 | F1 | VM0);
	run_line("vfmv.v.f", OPV(0x17, 5), F1 | VM1);
	RED("vfredusum", 1, 1); RED("vfredosum", 3, 1); RED("vfredmin", 5, 1);
	RED("vfredmax", 7, 1); RED("vfwredusum", 0x31, 1); RED("vfwredosum", 0x33, 1);
	UNARY("vfsqrt", 0x13, 0, 1, 0); UNARY("vfrsqrt7", 0x13, 4, 1, 0);
	UNARY("vfrec7", 0x13, 5, 1, 0); UNARY("vfclass", 0x13, 16, 1, 0);
	UNARY("vfcvt.xu.f", 0x12, 0, 1, 0); UNARY("vfcvt.x.f", 0x12, 1, 1, 0);
	UNARY("vfcvt.f.xu", 0x12, 2, 1, 0); UNARY("vfcvt.f.x", 0x12, 3, 1, 0);
	UNARY("vfcvt.rtz.xu", 0x12, 6, 1, 0); UNARY("vfcvt.rtz.x", 0x12, 7, 1, 0);
	UNARY("vfwcvt.xu.f", 0x12, 8, 1, 0); UNARY("vfwcvt.x.f", 0x12, 9, 1, 0);
	UNARY("vfwcvt.f.xu", 0x12, 10, 1, 0); UNARY("vfwcvt.f.x", 0x12, 11, 1, 0);
	UNARY("vfwcvt.f.f", 0x12, 12, 1, 0); UNARY("vfwcvt.rtz.xu", 0x12, 14, 1, 0);
	UNARY("vfwcvt.rtz.x", 0x12, 15, 1, 0); UNARY("vfncvt.xu.f", 0x12, 16, 1, 0);
	UNARY("vfncvt.x.f", 0x12, 17, 1, 0); UNARY("vfncvt.f.xu", 0x12, 18, 1, 0);
	UNARY("vfncvt.f.x", 0x12, 19, 1, 0); UNARY("vfncvt.f.f", 0x12, 20, 1, 0);
	UNARY("vfncvt.rod", 0x12, 21, 1, 0); UNARY("vfncvt.rtz.xu", 0x12, 22, 1, 0);
	UNARY("vfncvt.rtz.x", 0x12, 23, 1, 0);
}

static void memory(void)
{
	static const uint8_t f3[] = { 0, 5, 6, 7 };
	char name[] = "vlseg1e8.vX";

	for (unsigned int store = 0; store < 2; store++) {
		uint32_t opcode = store ? 0x27 : 0x07;

		for (unsigned int e = 0; e < 4; e++) {
			uint32_t w = opcode | (uint32_t)f3[e] << 12;

			name[1] = store ? 's' : 'l';
			name[7] = (char)("8136"[e]);
			for (unsigned int nf = 0; nf < 8; nf++) {
				unsigned int ordered = (nf + store) % 2;
				uint32_t n = w | nf << 29;

				name[5] = (char)('1' + nf);
				name[10] = 'u';
				run_line(name, n, MEM);
				name[10] = 's';
				run_line(name, n | 2 << 26, MEM | X2);
				name[10] = 'x';
				run_line(name, n | (ordered ? 3 : 1) << 26, MEM | VS2 | INDEX);
				name[10] = 'f';
				if (!store)
					run_line(name, n | 16 << 20, MEM);
			}
			for (unsigned int nr = 1; nr <= 8 && (!e || !store); nr *= 2)
				run_line("whole", w | 8 << 20 | (nr - 1) << 29,
					 MEM | VM1 | NOSTART);
		}
		run_line("mask", opcode | 11 << 20, MEM | VM1);
	}
}

void run(void)
{
	settings();
	integer();
	fixed_and_masks();
	permutation();
	floating();
	memory();
}
