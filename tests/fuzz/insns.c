// SPDX-License-Identifier: MIT
/*
 * libFuzzer target: words as instructions on a core. The same program runs
 * twice, at once with the host's fastest way to compute vectors, and in the
 * smallest quanta in plain C: both must end alike, registers, memory and fault.
 *
 * The input is a header of 16 bytes (types, lengths, a seed for registers) and
 * the words. Most words are given an opcode that exists.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "qemu-device/chip/core_priv.h"
#include "qemu-device/chip/vector_path.h"
#include "qemu-device/flat/flat.h"

#define CODE	  0x10000
#define ALIAS	  0x20000 /* the code again, writable */
#define DATA	  0x30000
#define SYSTEM	  0x40000
#define DATA_SIZE 0x4000
#define WORDS	  1000
#define LIMIT	  3000
#define VLEN	  512
#define HEADER	  16

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* One of the two: a chip, what it holds, its core, how it runs. */
struct side {
	struct sc_chip chip;
	uint8_t *code, *data, *system;
	struct sc_core *core;
	uint64_t quantum;
	enum sc_run end;
};

static struct side sides[2];

static void open_side(struct side *s, const struct sc_vector_path *path, uint64_t quantum)
{
	flat_init(&s->chip);
	s->chip.config.vlen = VLEN;
	s->code = flat_map(&s->chip, CODE, SC_PAGE_SIZE, SC_PTE_READ | SC_PTE_EXECUTE);
	flat_alias(&s->chip, ALIAS, CODE, SC_PTE_READ | SC_PTE_WRITE);
	s->data = flat_map(&s->chip, DATA, DATA_SIZE, SC_PTE_READ | SC_PTE_WRITE);
	s->system = flat_map(&s->chip, SYSTEM, SC_PAGE_SIZE,
			     SC_PTE_READ | SC_PTE_WRITE | SC_PTE_SYSTEM);
	s->core = sc_core_create(&s->chip, 0);
	if (!s->core)
		abort();
	s->core->vpath = path;
	s->quantum = quantum;
}

static uint64_t next(uint64_t *seed)
{
	*seed ^= *seed << 13;
	*seed ^= *seed >> 7;
	*seed ^= *seed << 17;
	return *seed * 0x2545f4914f6cdd1d;
}

static uint32_t instruction(uint32_t word)
{
	static const uint8_t opcodes[] = {
		0x03, 0x07, 0x0b, 0x0f, 0x13, 0x17, 0x1b, 0x23, 0x27, 0x2b, 0x2f, 0x33, 0x37, 0x3b,
		0x43, 0x47, 0x4b, 0x4f, 0x53, 0x57, 0x57, 0x57, 0x57, 0x57, 0x57, 0x63, 0x6f, 0x73,
	};
	unsigned int i = word & 0x1f;

	return i < sizeof(opcodes) ? (word & ~0x7fu) | opcodes[i] : word;
}

static uint64_t value(uint64_t *seed)
{
	uint64_t r = next(seed);

	switch (r % 8) {
	case 0:
		return DATA + (r >> 8) % DATA_SIZE;
	case 1:
		return (DATA + (r >> 8) % DATA_SIZE) & ~7ULL;
	case 2:
		return SC_VA_TCM + ((r >> 8) % 0x10000 & ~3ULL);
	case 3:
		return (r >> 8) % 64;
	case 4:
		return ALIAS + (r >> 8) % SC_PAGE_SIZE;
	case 5:
		return SYSTEM + (r >> 8) % SC_PAGE_SIZE;
	default:
		return r;
	}
}

static void prepare(struct side *s, const uint8_t *data, size_t size,
		    const struct sc_launch *launch)
{
	static const uint32_t wg[3];
	struct sc_core *core = s->core;
	size_t words = (size - HEADER) / 4;
	uint64_t seed;

	memcpy(&seed, data + 8, sizeof(seed));
	seed |= 1;
	memset(s->code, 0, SC_PAGE_SIZE);
	for (size_t i = 0; i < words && i < WORDS; i++) {
		uint32_t word;

		memcpy(&word, data + HEADER + 4 * i, sizeof(word));
		word = instruction(word);
		memcpy(s->code + 4 * i, &word, sizeof(word));
	}
	for (unsigned int i = 0; i < DATA_SIZE; i += 8) {
		uint64_t v = next(&seed);

		memcpy(s->data + i, &v, sizeof(v));
	}
	memset(s->system, 0, SC_PAGE_SIZE);
	s->chip.code_stamp++;
	sc_core_clear(core);
	sc_core_start(core, launch, wg, 0);
	for (unsigned int i = 5; i < 32; i++)
		core->x[i] = value(&seed);
	for (unsigned int i = 0; i < 32; i++)
		core->f[i] = next(&seed) | (i % 2 ? 0xffffffff00000000 : 0);
	for (unsigned int i = 0; i < 32 * VLEN / 8; i += 8) {
		uint64_t v = next(&seed);

		memcpy(core->v + i, &v, sizeof(v));
	}
	core->fcsr = data[0] & 0x3f;
	core->vcsr = data[1] & 7;
	core->vtype = (data[2] & 0x3f) | (data[3] & 0xc0); /* if it is one, vl fits */
	core->vl = 1 + data[4] % (VLEN / 64);
	if ((core->vtype >> 3 & 7) > 3 || (core->vtype & 4))
		core->vtype = 0;
}

static void same(bool equal, const char *what)
{
	if (equal)
		return;
	fprintf(stderr, "the two runs differ: %s\n", what);
	abort();
}

static void compare(const struct side *a, const struct side *b)
{
	const struct sc_core *x = a->core, *y = b->core;

	same(a->end == b->end, "the end");
	if (a->end == SC_RUN_FAULT)
		same(!memcmp(&x->fault, &y->fault, sizeof(x->fault)), "the fault");
	same(x->pc == y->pc && x->insns == y->insns, "pc");
	same(!memcmp(x->x, y->x, 32 * sizeof(x->x[0])) && !x->x[0], "x");
	same(!memcmp(x->f, y->f, sizeof(x->f)) && x->fcsr == y->fcsr, "f");
	same(!memcmp(x->v, y->v, 32 * VLEN / 8), "v");
	same(x->vl == y->vl && x->vtype == y->vtype && x->vstart == y->vstart && x->vcsr == y->vcsr,
	     "vector CSRs");
	same(!memcmp(a->data, b->data, DATA_SIZE) && !memcmp(a->code, b->code, SC_PAGE_SIZE) &&
	     !memcmp(a->system, b->system, SC_PAGE_SIZE) && !memcmp(x->tcm, y->tcm, x->tcm_size),
	     "memory");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct sc_launch launch = {
		.entry = CODE, .stack_size = SC_STACK_DEFAULT, .grid = { 1, 1, 1 }, .cores = 1,
		.limit = LIMIT,
	};

	if (size < HEADER + 4)
		return -1;
	if (!sides[0].core) {
		open_side(&sides[0], sc_vector_path(NULL), UINT64_MAX);
		open_side(&sides[1], &sc_vector_plain, 1);
	}
	for (unsigned int i = 0; i < 2; i++) {
		struct side *s = &sides[i];

		prepare(s, data, size, &launch);
		do {
			s->end = sc_core_run(s->core, s->quantum);
		} while (s->end == SC_RUN_YIELD);
	}
	compare(&sides[0], &sides[1]);
	return 0;
}
