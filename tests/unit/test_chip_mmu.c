// SPDX-License-Identifier: MIT
/* Chip model: page walk, permissions, INVALIDATE, the strict check for a missing one. */
#include <stdlib.h>

#include "qemu-device/chip/mmu.h"
#include "tests/unit/chip_bench.h"
#include "tests/unit/fake_core.h"

#define CTX 1
#define VA  0x12345678000ULL
#define PA  0x100000ULL

static int setup(void **state)
{
	fake_core_log_clear();
	*state = bench_ready(NULL, CTX);
	return 0;
}

static int teardown(void **state)
{
	bench_destroy(*state);
	return 0;
}

/* Code of a translation, 0 for none; what it found is in *x. */
static unsigned int walk(struct bench *b, uint64_t va, unsigned int access, struct sc_xlat *x)
{
	struct sc_fault f = { 0 };
	int ret = sc_mmu_translate(b->chip, CTX, va, access, x, &f);

	if (!ret)
		return 0;
	assert_int_equal(ret, -14);
	assert_int_equal(f.va, va);
	assert_int_equal(f.access, access & 7);
	assert_int_equal(f.status, SC_STATUS_FAULT);
	return f.code;
}

static void test_permissions(void **state)
{
	static const struct {
		uint64_t pte;
		unsigned int access, code;
	} table[] = {
		{ SC_PTE_READ, SC_ACCESS_READ, 0 },
		{ SC_PTE_READ, SC_ACCESS_WRITE, SC_CODE_NO_WRITE },
		{ SC_PTE_READ, SC_ACCESS_EXECUTE, SC_CODE_NO_EXECUTE },
		{ SC_PTE_WRITE, SC_ACCESS_READ, SC_CODE_NO_READ },
		{ SC_PTE_WRITE, SC_ACCESS_WRITE, 0 },
		{ SC_PTE_READ | SC_PTE_EXECUTE, SC_ACCESS_EXECUTE, 0 },
		{ SC_PTE_READ | SC_PTE_EXECUTE, SC_ACCESS_WRITE, SC_CODE_NO_WRITE },
		{ 0, 0, 0 },
		{ SC_PTE_READ | SC_PTE_ENGINE, SC_ACCESS_READ, SC_CODE_ENGINE_ONLY },
		{ SC_PTE_READ | SC_PTE_ENGINE, 0, SC_CODE_ENGINE_ONLY },
		{ SC_PTE_READ | SC_PTE_ENGINE, SC_ACCESS_READ | SC_ACCESS_ENGINE, 0 },
		{ SC_PTE_READ, SC_ACCESS_READ | SC_ACCESS_ENGINE, SC_CODE_NO_READ },
		{ SC_PTE_READ | SC_PTE_WRITE, SC_ACCESS_READ | SC_ACCESS_WRITE, 0 },
	};
	struct bench *b = *state;
	struct sc_xlat x;
	unsigned int i;

	for (i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		bench_map(b, CTX, VA, PA, table[i].pte);
		assert_int_equal(walk(b, VA + 0x123, table[i].access, &x), table[i].code);
		if (!table[i].code)
			assert_ptr_equal(x.host, b->card + PA);
	}
}

/* Every bit of a PTE that may not be set, at every level. */
static void test_malformed(void **state)
{
	struct bench *b = *state;
	struct sc_xlat x;
	uint64_t *leaf, *table, keep, bad;
	unsigned int bit;

	bench_map(b, CTX, VA, PA, SC_PTE_READ);
	leaf = bench_pte(b, CTX, VA);
	keep = *leaf;
	for (bit = 0; bit < 64; bit++) {
		if (!(SC_PTE_RESERVED >> bit & 1))
			continue;
		*leaf = keep | 1ULL << bit;
		assert_int_equal(walk(b, VA, SC_ACCESS_READ, &x), SC_CODE_BAD_PTE);
	}
	for (bit = 0; bit < 64; bit++) {
		*leaf = keep | (SC_PTE_SOFTWARE & 1ULL << bit);
		assert_int_equal(walk(b, VA, SC_ACCESS_READ, &x), 0);
	}
	static const uint64_t leaves[] = {
		SC_PTE_WRITE | SC_PTE_EXECUTE, SC_PTE_READ | SC_PTE_HUGE,
		SC_PTE_SPARSE | 0x1000, SC_PTE_READ | BENCH_CARD,
		SC_PTE_SPARSE | SC_PTE_SYSTEM,
	};
	for (bit = 0; bit < 5; bit++) {
		*leaf = leaves[bit] | SC_PTE_VALID;
		assert_int_equal(walk(b, VA, SC_ACCESS_READ, &x), SC_CODE_BAD_PTE);
	}
	*leaf = ~(uint64_t)SC_PTE_VALID; /* not valid: the rest means nothing */
	assert_int_equal(walk(b, VA, SC_ACCESS_READ, &x), SC_CODE_UNMAPPED);
	*leaf = keep;
	/* tables carry VALID, SYSTEM and the address alone */
	table = (uint64_t *)(b->card + b->roots[CTX]) + (VA >> 39 & 511);
	keep = *table;
	for (bit = 1; bit < 8; bit++) {
		bad = keep | 1ULL << bit;
		if (1u << bit == SC_PTE_SYSTEM)
			continue;
		*table = bad;
		assert_int_equal(walk(b, VA, SC_ACCESS_READ, &x), SC_CODE_BAD_PTE);
	}
	*table = BENCH_CARD | SC_PTE_VALID;
	assert_int_equal(walk(b, VA, SC_ACCESS_READ, &x), SC_CODE_BAD_PTE);
	*table = keep;
	assert_int_equal(walk(b, VA, SC_ACCESS_READ, &x), 0);
}

static void test_addresses(void **state)
{
	struct bench *b = *state;
	struct sc_xlat x;

	assert_int_equal(walk(b, 0, SC_ACCESS_READ, &x), SC_CODE_UNMAPPED);
	assert_int_equal(walk(b, SC_VA_TCM, SC_ACCESS_READ, &x), SC_CODE_BAD_ADDRESS);
	assert_int_equal(walk(b, SC_VA_EXIT, SC_ACCESS_EXECUTE, &x), SC_CODE_BAD_ADDRESS);
	assert_int_equal(walk(b, 1ULL << 48, SC_ACCESS_READ, &x), SC_CODE_BAD_ADDRESS);
	assert_int_equal(walk(b, ~0ULL, SC_ACCESS_READ, &x), SC_CODE_BAD_ADDRESS);
	assert_int_equal(walk(b, SC_VA_KERNEL_END - 1, SC_ACCESS_READ, &x), SC_CODE_UNMAPPED);
}

/* A 2 MiB leaf, card and system; misaligned is malformed. */
static void test_huge(void **state)
{
	struct bench *b = *state;
	struct sc_xlat x;
	uint64_t *level1;

	bench_map(b, CTX, VA, PA, SC_PTE_READ);
	level1 = (uint64_t *)(b->card + b->roots[CTX]);
	level1 = (uint64_t *)(b->card + (level1[VA >> 39 & 511] & SC_PTE_ADDR));
	level1 = (uint64_t *)(b->card + (level1[VA >> 30 & 511] & SC_PTE_ADDR));
	level1 += VA >> 21 & 511;
	*level1 = 0x400000 | SC_PTE_VALID | SC_PTE_READ | SC_PTE_HUGE;
	assert_int_equal(walk(b, VA, SC_ACCESS_READ, &x), 0);
	assert_ptr_equal(x.host, b->card + 0x400000 + VA % 0x200000);
	*level1 |= SC_PTE_SYSTEM;
	assert_int_equal(walk(b, VA, SC_ACCESS_READ, &x), 0);
	assert_null(x.host);
	assert_int_equal(x.system, 0x400000 + VA % 0x200000);
	*level1 = 0x401000 | SC_PTE_VALID | SC_PTE_READ | SC_PTE_HUGE;
	assert_int_equal(walk(b, VA, SC_ACCESS_READ, &x), SC_CODE_BAD_PTE);
	*level1 = BENCH_CARD | SC_PTE_VALID | SC_PTE_READ | SC_PTE_HUGE;
	assert_int_equal(walk(b, VA, SC_ACCESS_READ, &x), SC_CODE_BAD_PTE);
}

/* Tables in system memory; one that the host refuses. */
static void test_system_tables(void **state)
{
	struct bench *b = *state;
	uint64_t *root = (uint64_t *)(b->card + b->roots[CTX]);
	uint64_t *table = (uint64_t *)(b->system + 0x300000);
	struct sc_xlat x;

	bench_map(b, CTX, VA, PA, SC_PTE_READ);
	memcpy(table, b->card + (root[VA >> 39 & 511] & SC_PTE_ADDR), 4096);
	root[VA >> 39 & 511] = 0x300000 | SC_PTE_VALID | SC_PTE_SYSTEM;
	assert_int_equal(walk(b, VA, SC_ACCESS_READ, &x), 0);
	assert_ptr_equal(x.host, b->card + PA);
	root[VA >> 39 & 511] = BENCH_SYSTEM | SC_PTE_VALID | SC_PTE_SYSTEM;
	assert_int_equal(walk(b, VA, SC_ACCESS_READ, &x), SC_CODE_BUS_ERROR);
}

/* Sparse pages read as zero and swallow writes; copies cross pages of all kinds. */
static void test_copy(void **state)
{
	struct bench *b = *state;
	uint8_t in[3 * 4096], out[3 * 4096];
	struct sc_fault f;
	unsigned int i;

	bench_map(b, CTX, VA, PA, SC_PTE_READ | SC_PTE_WRITE);
	bench_map(b, CTX, VA + 4096, 0, SC_PTE_READ | SC_PTE_WRITE | SC_PTE_SPARSE);
	bench_map(b, CTX, VA + 8192, 0x300000, SC_PTE_READ | SC_PTE_WRITE | SC_PTE_SYSTEM);
	for (i = 0; i < sizeof(in); i++)
		in[i] = i * 13 + 1;
	assert_int_equal(sc_mmu_copy(b->chip, CTX, VA + 5, in, sizeof(in) - 5, SC_ACCESS_WRITE,
				     &f), 0);
	assert_int_equal(sc_mmu_copy(b->chip, CTX, VA + 5, out, sizeof(in) - 5, SC_ACCESS_READ,
				     &f), 0);
	for (i = 0; i < sizeof(in) - 5; i++)
		assert_int_equal(out[i], i >= 4091 && i < 8187 ? 0 : in[i]);
	assert_memory_equal(b->card + PA + 5, in, 4091);
	assert_memory_equal(b->system + 0x300000, in + 8187, 4096);
	assert_int_equal(sc_mmu_copy(b->chip, CTX, VA + 8192 + 4090, out, 16, SC_ACCESS_READ, &f),
			 -14);
	assert_int_equal(f.va, VA + 3 * 4096);
	assert_int_equal(f.size, 10);
	b->refuse = 0x300000;
	assert_int_equal(sc_mmu_copy(b->chip, CTX, VA + 8192, out, 16, SC_ACCESS_READ, &f), -14);
	assert_int_equal(f.code, SC_CODE_BUS_ERROR);
}

static void test_context0(void **state)
{
	struct bench *b = *state;
	struct sc_fault f;
	struct sc_xlat x;

	assert_int_equal(sc_mmu_translate(b->chip, 0, PA + 5, SC_ACCESS_WRITE, &x, &f), 0);
	assert_ptr_equal(x.host, b->card + PA);
	assert_int_equal(sc_mmu_translate(b->chip, 0, SC_CONTEXT0_SYSTEM | 0x5005, SC_ACCESS_READ,
					  &x, &f), 0);
	assert_null(x.host);
	assert_int_equal(x.system, 0x5000);
	assert_int_equal(sc_mmu_translate(b->chip, 0, BENCH_CARD, SC_ACCESS_READ, &x, &f), -14);
	assert_int_equal(f.code, SC_CODE_BAD_ADDRESS);
}

/* A disabled context maps nothing. */
static void test_disabled(void **state)
{
	struct bench *b = *state;
	struct sc_xlat x;
	uint64_t stamp = sc_mmu_stamp(b->chip, CTX);

	bench_map(b, CTX, VA, PA, SC_PTE_READ);
	sc_chip_write(b->chip, SC_CONTEXT_BASE + SC_CONTEXT_STRIDE + SC_CTX_CONTROL, 0, 4);
	assert_int_equal(walk(b, VA, SC_ACCESS_READ, &x), SC_CODE_UNMAPPED);
	assert_int_not_equal(sc_mmu_stamp(b->chip, CTX), stamp);
}

static union packet invalidate(unsigned int context)
{
	union packet p = pkt(SC_OP_INVALIDATE, 0);

	p.body[2] = context;
	return p;
}

/* Stamps change with INVALIDATE; those of code also with CODE_CHANGED. */
static void test_stamps(void **state)
{
	struct bench *b = *state;
	uint64_t stamp = sc_mmu_stamp(b->chip, CTX), code = sc_mmu_code_stamp(b->chip, CTX);
	uint64_t other = sc_mmu_stamp(b->chip, 2);
	union packet p[2] = { invalidate(CTX) };

	bench_queue(b, 1, 0, 0);
	bench_queue(b, 2, CTX, 0);
	bench_wait(b, 1, bench_submit(b, 1, p, 1));
	assert_int_not_equal(sc_mmu_stamp(b->chip, CTX), stamp);
	assert_int_not_equal(sc_mmu_code_stamp(b->chip, CTX), code);
	assert_int_equal(sc_mmu_stamp(b->chip, 2), other);
	stamp = sc_mmu_stamp(b->chip, CTX);
	code = sc_mmu_code_stamp(b->chip, CTX);
	pkt_dispatch(p, SC_FLAG_CODE_CHANGED, 1, FAKE_DONE, 1, 0);
	bench_wait(b, 2, bench_submit(b, 2, p, 2));
	assert_int_equal(sc_mmu_stamp(b->chip, CTX), stamp);
	assert_int_not_equal(sc_mmu_code_stamp(b->chip, CTX), code);
}

static void use_page(struct bench *b)
{
	struct sc_xlat x;

	bench_map(b, CTX, VA, PA, SC_PTE_READ | SC_PTE_WRITE);
	assert_int_equal(walk(b, VA, SC_ACCESS_WRITE, &x), 0);
}

/* Scrubbing a page whose translation was not invalidated is the driver's mistake. */
static void test_stale_reuse(void **state)
{
	struct bench *b = *state;
	union packet scrub = pkt_fill(PA, 4096, 0), p = invalidate(CTX);

	bench_queue(b, 1, 0, 0);
	use_page(b);
	bench_submit(b, 1, &scrub, 1);
	assert_int_equal(b->strict_total, 0); /* still mapped: no reuse */
	use_page(b);
	*bench_pte(b, CTX, VA) = 0;
	bench_submit(b, 1, &p, 1);
	bench_submit(b, 1, &scrub, 1);
	assert_int_equal(b->strict_total, 0); /* invalidated: fine */
	use_page(b);
	*bench_pte(b, CTX, VA) = 0;
	bench_submit(b, 1, &scrub, 1);
	assert_int_equal(b->strict[SC_STRICT_STALE_TRANSLATION], 1);
	assert_non_null(strstr(b->text, "0x100000"));
}

/* A context disabled with a stale translation; one that is intact may be disabled. */
static void test_stale_disable(void **state)
{
	struct bench *b = *state;
	uint64_t control = SC_CONTEXT_BASE + SC_CONTEXT_STRIDE + SC_CTX_CONTROL;

	use_page(b);
	sc_chip_write(b->chip, control, 0, 4);
	assert_int_equal(b->strict_total, 0);
	sc_chip_write(b->chip, control, 1, 4);
	use_page(b);
	*bench_pte(b, CTX, VA) = 0;
	sc_chip_write(b->chip, control, 0, 4);
	assert_int_equal(b->strict[SC_STRICT_STALE_TRANSLATION], 1);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(test_permissions), TEST(test_malformed), TEST(test_addresses),
		TEST(test_huge), TEST(test_system_tables), TEST(test_copy), TEST(test_context0),
		TEST(test_disabled), TEST(test_stamps), TEST(test_stale_reuse),
		TEST(test_stale_disable),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
