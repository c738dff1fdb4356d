// SPDX-License-Identifier: MIT
/* See engine_bench.h. It stands in for mmu.c and core.c, which are not linked. */
#include <errno.h>

#include "engine_bench.h"

struct sc_engines *engines;
struct sc_engine_env env;
struct sc_core_stats stats;
struct sc_fault fault;
uint8_t tcm[TCM_SIZE];
uint8_t mem[MEM_SIZE];
uint64_t pc;

static uint32_t state;

unsigned int translations;

/* Whether these bytes may be accessed so; else *f says why not. */
static bool permitted(uint64_t va, size_t len, unsigned int access, struct sc_fault *f)
{
	uint64_t offset = va - MEM_VA;
	bool write = access & SC_ACCESS_WRITE;

	if (offset < MEM_SIZE && len <= MEM_SIZE - offset &&
	    !(write && offset + len > READ_ONLY - MEM_VA))
		return true;
	memset(f, 0, sizeof(*f));
	f->status = SC_STATUS_FAULT;
	f->code = offset + len <= MEM_SIZE ? SC_CODE_NO_WRITE : SC_CODE_UNMAPPED;
	f->va = va;
	f->access = access;
	return false;
}

int sc_mmu_copy(struct sc_chip *chip, unsigned int context, uint64_t va, void *buf, size_t len,
		unsigned int access, struct sc_fault *f)
{
	assert_null(chip);
	assert_int_equal(context, 7);
	if (!permitted(va, len, access, f))
		return -EFAULT;
	if (access & SC_ACCESS_WRITE)
		memcpy(mem + (va - MEM_VA), buf, len);
	else
		memcpy(buf, mem + (va - MEM_VA), len);
	return 0;
}

int sc_mmu_translate(struct sc_chip *chip, unsigned int context, uint64_t va, unsigned int access,
		     struct sc_xlat *xlat, struct sc_fault *f)
{
	assert_null(chip);
	assert_int_equal(context, 7);
	translations++;
	if (!permitted(va, 1, access, f))
		return -EFAULT;
	*xlat = (struct sc_xlat){ .host = mem + (SC_PAGE_OF(va) - MEM_VA) };
	return 0;
}

/* A core is its scratchpad. */
uint8_t *sc_core_tcm(struct sc_core *core)
{
	return (uint8_t *)core;
}

void bench_seed(uint32_t seed)
{
	state = seed * 2654435761u + 1;
}

uint32_t bench_random(void)
{
	uint64_t next = state = state * 1664525u + 1013904223u;

	next *= 0x9e3779b97f4a7c15ull;
	return next >> 32;
}

static void randomize(uint8_t *buf, size_t size)
{
	size_t i;

	for (i = 0; i < size; i += 4) {
		uint32_t word = bench_random();

		memcpy(buf + i, &word, 4);
	}
}

void bench_reset(bool strict, uint64_t isa, uint32_t seed)
{
	static struct sc_tlb_entry tlb[2][SC_TLB_SIZE];
	unsigned int i;

	sc_engines_destroy(engines);
	engines = sc_engines_create();
	assert_non_null(engines);
	bench_seed(seed);
	randomize(tcm, TCM_SIZE);
	randomize(mem, MEM_SIZE);
	memset(&stats, 0, sizeof(stats));
	for (i = 0; i < SC_TLB_SIZE; i++) {
		tlb[0][i].page = SC_NO_PAGE;
		tlb[1][i].page = SC_NO_PAGE;
	}
	env = (struct sc_engine_env){
		.context = 7,
		.read = tlb[0],
		.write = tlb[1],
		.tcm = tcm,
		.tcm_size = TCM_SIZE,
		.isa = isa,
		.strict = strict,
		.stats = &stats,
	};
	pc = FIRST_PC;
	sc_engines_start(engines, &env);
}

int issue(enum sc_insn insn, unsigned int imm, uint64_t rs1, uint64_t rs2)
{
	uint64_t rd;

	pc += 4;
	return sc_engines_issue(engines, insn, imm, rs1, rs2, pc, &rd, &fault);
}

static const char *explain(void)
{
	static char text[160];

	snprintf(text, sizeof(text), "code %u engine %u va %llx pc %llx other %llx value %llx",
		 fault.code, fault.engine, (unsigned long long)fault.va,
		 (unsigned long long)fault.pc, (unsigned long long)fault.pc_other,
		 (unsigned long long)fault.value);
	return text;
}

uint64_t ok(enum sc_insn insn, unsigned int imm, uint64_t rs1, uint64_t rs2)
{
	if (issue(insn, imm, rs1, rs2))
		fail_msg("unexpected fault: %s", explain());
	return pc;
}

static const uint8_t code_status[256] = {
#define CODE_STATUS(name, number, status, text)                                                    \
	[SC_CODE_##name] = SC_STATUS_##status,
	SC_CODE_TABLE(CODE_STATUS)
};

void refused(enum sc_insn insn, unsigned int imm, uint64_t rs1, uint64_t rs2, enum sc_code code,
	     enum sc_engine engine)
{
	assert_int_equal(issue(insn, imm, rs1, rs2), SC_ENGINE_FAULT);
	if (fault.code != code)
		fail_msg("expected code %u, got %s", code, explain());
	assert_int_equal(fault.status, code_status[code]);
	assert_int_equal(fault.engine, engine);
	assert_int_equal(fault.pc, pc);
	assert_int_equal(fault.flags, 0);
	assert_int_equal(fault.pc_other, 0);
}

int64_t count(unsigned int counter)
{
	uint64_t rd = 0x5555;

	pc += 4;
	if (sc_engines_issue(engines, SC_INSN_SD_COUNT, 0, counter, 0, pc, &rd, &fault))
		fail_msg("unexpected fault: %s", explain());
	return (int64_t)rd;
}

void finish(enum sc_code code)
{
	int ret = sc_engines_finish(engines, &fault);

	if (!code && ret)
		fail_msg("unexpected fault: %s", explain());
	if (code) {
		assert_int_equal(ret, SC_ENGINE_FAULT);
		assert_int_equal(fault.code, code);
	}
	assert_false(sc_engines_busy(engines));
}

int hart(uint32_t offset, uint32_t size, bool write)
{
	pc += 4;
	return sc_engines_check(engines, offset, size, write, pc, &fault);
}

int go(unsigned int channel, uint32_t at, const struct sc_dma *dma)
{
	memcpy(tcm + at, dma, sizeof(*dma));
	return issue(SC_INSN_SDD_GO, channel, TCM(at), 0);
}

int cfg(uint32_t at, const struct sc_tile *tile)
{
	memcpy(tcm + at, tile, sizeof(*tile));
	return issue(SC_INSN_SDM_CFG, 0, TCM(at), 0);
}

struct sc_dma copy_in(uint32_t to, uint32_t from, uint32_t size)
{
	return (struct sc_dma){ .kind = SC_DMA_COPY, .size0 = size, .size1 = 1, .size2 = 1,
				.src = MEM_VA + from, .dst = TCM(to) };
}

struct sc_dma copy_out(uint32_t to, uint32_t from, uint32_t size)
{
	return (struct sc_dma){ .kind = SC_DMA_COPY, .size0 = size, .size1 = 1, .size2 = 1,
				.src = TCM(from), .dst = MEM_VA + to };
}
