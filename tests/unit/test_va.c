// SPDX-License-Identifier: MIT
/*
 * The address allocator against a plain bitmap that makes the same promises:
 * lowest fit, alignment, no overlap, everything back at the end; and it never
 * needs memory to free.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "runtime/va.h"

#define PAGE  4096ull
#define START 0x10000ull
#define PAGES 512
#define END   (START + PAGES * PAGE)

static void test_order(void **state)
{
	struct va_space va;
	uint64_t a, b, c, d;

	(void)state;
	assert_int_equal(va_init(&va, START, END, PAGE), 0);
	assert_int_equal(va_alloc(&va, PAGE, PAGE, &a), 0);
	assert_int_equal(va_alloc(&va, 2 * PAGE, PAGE, &b), 0);
	assert_int_equal(va_alloc(&va, 1, PAGE, &c), 0);
	assert_int_equal(a, START);
	assert_int_equal(b, START + PAGE);
	assert_int_equal(c, START + 3 * PAGE);
	va_free(&va, a, PAGE);
	assert_int_equal(va_alloc(&va, 2 * PAGE, PAGE, &d), 0); /* does not fit the hole */
	assert_int_equal(d, START + 4 * PAGE);
	assert_int_equal(va_alloc(&va, PAGE, PAGE, &a), 0);
	assert_int_equal(a, START);
	va_fini(&va);
}

static void test_alignment(void **state)
{
	struct va_space va;
	uint64_t a, b;

	(void)state;
	assert_int_equal(va_init(&va, START, START + (1ull << 40), PAGE), 0);
	assert_int_equal(va_alloc(&va, 2 << 20, 2 << 20, &a), 0);
	assert_int_equal(a, 2 << 20);
	assert_int_equal(va_alloc(&va, PAGE, PAGE, &b), 0); /* before it */
	assert_int_equal(b, START);
	va_free(&va, a, 2 << 20);
	va_free(&va, b, PAGE);
	assert_int_equal(va_alloc(&va, (1ull << 40), PAGE, &a), 0);
	assert_int_equal(a, START);
	va_fini(&va);
}

static void test_limits(void **state)
{
	struct va_space va;
	uint64_t a;

	(void)state;
	assert_int_equal(va_init(&va, START, END, PAGE), 0);
	assert_int_equal(va_alloc(&va, 0, PAGE, &a), -ENOSPC);
	assert_int_equal(va_alloc(&va, END - START + 1, PAGE, &a), -ENOSPC);
	assert_int_equal(va_alloc(&va, UINT64_MAX, PAGE, &a), -ENOSPC);
	assert_int_equal(va_alloc(&va, END - START, PAGE, &a), 0);
	assert_int_equal(va_alloc(&va, 1, PAGE, &a), -ENOSPC);
	va_fini(&va);
}

struct block {
	unsigned int page;
	unsigned int pages;
};

/* The lowest run of free pages, as the allocator promises it. */
static int lowest(const unsigned char *used, unsigned int pages)
{
	for (unsigned int at = 0; at + pages <= PAGES; at++) {
		unsigned int n = 0;

		while (n < pages && !used[at + n])
			n++;
		if (n == pages)
			return at;
	}
	return -1;
}

static void test_random(void **state)
{
	static unsigned char used[PAGES];
	struct block blocks[PAGES];
	unsigned int count = 0;
	struct va_space va;
	uint64_t start;

	(void)state;
	srand(1);
	assert_int_equal(va_init(&va, START, END, PAGE), 0);
	for (unsigned int step = 0; step < 200000; step++) {
		unsigned int pages = rand() % 9 + 1, i;

		if (rand() % 2) {
			int at = lowest(used, pages);
			int r = va_alloc(&va, pages * PAGE - rand() % PAGE, PAGE, &start);

			assert_int_equal(r, at < 0 ? -ENOSPC : 0);
			if (r)
				continue;
			assert_int_equal(start, START + at * PAGE);
			memset(used + at, 1, pages);
			blocks[count++] = (struct block){ at, pages };
		} else if (count) {
			i = rand() % count;
			va_free(&va, START + blocks[i].page * PAGE, blocks[i].pages * PAGE);
			memset(used + blocks[i].page, 0, blocks[i].pages);
			blocks[i] = blocks[--count];
		}
	}
	while (count--)
		va_free(&va, START + blocks[count].page * PAGE, blocks[count].pages * PAGE);
	assert_int_equal(va_alloc(&va, END - START, PAGE, &start), 0);
	va_fini(&va);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_order),
		cmocka_unit_test(test_alignment),
		cmocka_unit_test(test_limits),
		cmocka_unit_test(test_random),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
