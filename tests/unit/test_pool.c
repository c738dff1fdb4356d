// SPDX-License-Identifier: MIT
/*
 * Pools against a plain list of what is out: pieces do not overlap, are where
 * and as large as promised, neighbours grow together again, and what is not a
 * piece is refused.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "runtime/internal.h"
#include "seedchip/pool.h"

#define VA	0x123456000ull
#define SIZE	0x40000ull
#define GRANULE 256
#define PIECES	200

static struct seedchip_buffer buffer = { .memory = { .va = VA, .size = SIZE } };

static void test_all_of_it(void **state)
{
	struct seedchip_pool *pool;
	uint64_t a, b;

	(void)state;
	for (uint64_t size = GRANULE; size <= SIZE; size += 7 * GRANULE) {
		buffer.memory.size = size;
		assert_int_equal(seedchip_pool_create(&buffer, &pool), 0);
		assert_int_equal(seedchip_pool_alloc(pool, size + 1, &a), -ENOSPC);
		assert_int_equal(seedchip_pool_alloc(pool, UINT64_MAX, &a), -ENOSPC);
		assert_int_equal(seedchip_pool_alloc(pool, size - 255, &a), 0);
		assert_int_equal(a, VA);
		assert_int_equal(seedchip_pool_alloc(pool, 1, &b), -ENOSPC);
		assert_int_equal(seedchip_pool_free(pool, a), 0);
		seedchip_pool_destroy(pool);
	}
	buffer.memory.size = SIZE;
	seedchip_pool_destroy(NULL);
}

static void test_refused(void **state)
{
	struct seedchip_pool *pool;
	uint64_t a, b;

	(void)state;
	assert_int_equal(seedchip_pool_create(&buffer, &pool), 0);
	assert_int_equal(seedchip_pool_alloc(pool, 0, &a), -EINVAL);
	assert_int_equal(seedchip_pool_free(pool, VA), -EINVAL);
	assert_int_equal(seedchip_pool_alloc(pool, 1000, &a), 0);
	assert_int_equal(seedchip_pool_alloc(pool, 1, &b), 0);
	assert_int_equal(b, a + 1024);
	assert_int_equal(seedchip_pool_free(pool, a + 256), -EINVAL);
	assert_int_equal(seedchip_pool_free(pool, a + 1), -EINVAL);
	assert_int_equal(seedchip_pool_free(pool, VA - 256), -EINVAL);
	assert_int_equal(seedchip_pool_free(pool, VA + SIZE), -EINVAL);
	assert_int_equal(seedchip_pool_free(pool, a + (1ull << 40)), -EINVAL);
	assert_int_equal(seedchip_pool_free(pool, 0), -EINVAL);
	assert_int_equal(seedchip_pool_free(pool, a), 0);
	assert_int_equal(seedchip_pool_free(pool, a), -EINVAL);
	assert_int_equal(seedchip_pool_free(pool, b), 0);
	assert_int_equal(seedchip_pool_free(pool, a), -EINVAL);
	seedchip_pool_destroy(pool);
	buffer.memory.size = 1ull << 40;
	assert_int_equal(seedchip_pool_create(&buffer, &pool), -EINVAL);
	buffer.memory.size = SIZE;
}

static uint64_t random_size(void)
{
	return 1 + (uint64_t)rand() % (1u << rand() % 16);
}

/* Pieces of one size, more than are kept: all different, and all there again at the end. */
static void test_one_size(void **state)
{
	struct seedchip_pool *pool;
	uint64_t at[20], again, all;

	(void)state;
	assert_int_equal(seedchip_pool_create(&buffer, &pool), 0);
	for (int round = 0; round < 3; round++) {
		for (int i = 0; i < 20; i++) {
			assert_int_equal(seedchip_pool_alloc(pool, 3000, &at[i]), 0);
			for (int j = 0; j < i; j++)
				assert_true(at[i] >= at[j] + 3000 || at[j] >= at[i] + 3000);
		}
		for (int i = 0; i < 20; i++)
			assert_int_equal(seedchip_pool_free(pool, at[i]), 0);
		for (int i = 0; i < 20; i++)
			assert_int_equal(seedchip_pool_free(pool, at[i]), -EINVAL);
	}
	assert_int_equal(seedchip_pool_alloc(pool, 3000, &at[0]), 0);
	assert_int_equal(seedchip_pool_free(pool, at[0]), 0);
	assert_int_equal(seedchip_pool_alloc(pool, 3000, &again), 0);
	assert_int_equal(again, at[0]);
	assert_int_equal(seedchip_pool_free(pool, again), 0);
	assert_int_equal(seedchip_pool_alloc(pool, SIZE, &all), 0);
	assert_int_equal(all, VA);
	seedchip_pool_destroy(pool);
}

/* Memory that is free and in one piece must be given out, but for the steps of the classes. */
static void test_random(void **state)
{
	static uint8_t owner[SIZE / GRANULE];
	uint64_t at[PIECES] = { 0 }, size[PIECES] = { 0 };
	struct seedchip_pool *pool;
	unsigned int full = 0;

	(void)state;
	srand(1);
	assert_int_equal(seedchip_pool_create(&buffer, &pool), 0);
	for (unsigned int round = 0; round < 100000; round++) {
		unsigned int i = (unsigned int)rand() % PIECES;
		uint64_t first, n;

		if (!size[i]) {
			size[i] = random_size();
			if (seedchip_pool_alloc(pool, size[i], &at[i])) {
				size[i] = 0;
				full++;
				continue;
			}
			assert_int_equal(at[i] % GRANULE, 0);
			assert_true(at[i] >= VA && at[i] + size[i] <= VA + SIZE);
		}
		first = (at[i] - VA) / GRANULE;
		n = (size[i] + GRANULE - 1) / GRANULE;
		if (owner[first]) {
			for (uint64_t k = first; k < first + n; k++)
				assert_int_equal(owner[k], i + 1);
			memset(owner + first, 0, n);
			assert_int_equal(seedchip_pool_free(pool, at[i]), 0);
			size[i] = 0;
			continue;
		}
		for (uint64_t k = first; k < first + n; k++)
			assert_int_equal(owner[k], 0);
		memset(owner + first, (int)i + 1, n);
	}
	assert_in_range(full, 100, 50000);
	for (unsigned int i = 0; i < PIECES; i++)
		if (size[i])
			assert_int_equal(seedchip_pool_free(pool, at[i]), 0);
	assert_int_equal(seedchip_pool_alloc(pool, SIZE, &at[0]), 0);
	seedchip_pool_destroy(pool);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_all_of_it),
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_one_size),
		cmocka_unit_test(test_random),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
