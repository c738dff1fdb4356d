// SPDX-License-Identifier: MIT
/*
 * Messages: the reader of a queue's log against a writer that does what
 * runtime/device/printf.c does, around the end of the ring, full, torn and
 * hostile; and where messages go.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "runtime/internal.h"

#define SIZE 4096u

static struct {
	struct sc_log log;
	uint8_t data[SIZE];
} memory;
static struct log_reader reader;
static char received[1 << 16];
static enum seedchip_log_level last_level;

static void receive(void *opaque, enum seedchip_log_level level, const char *text)
{
	assert_ptr_equal(opaque, &reader);
	last_level = level;
	strcat(received, text);
}

static int setup(void **state)
{
	(void)state;
	memset(&memory, 0, sizeof(memory));
	log_init(&reader, &memory, SIZE);
	received[0] = 0;
	seedchip_log_set(receive, &reader);
	return 0;
}

/* Reserve and fill a record, without its header if it is to look unfinished. */
static bool write_record(const char *text, bool finish)
{
	uint32_t length = strlen(text), space = 4 + ((length + 3) & ~3u);
	uint32_t head = memory.log.head, header = SC_LOG_READY | length;

	if (space > memory.log.size - (head - memory.log.tail)) {
		memory.log.dropped++;
		return false;
	}
	memory.log.head += space;
	for (uint32_t i = 0; i < length; i++)
		memory.log.data[(head + 4 + i) & (SIZE - 1)] = text[i];
	if (finish)
		memcpy(&memory.log.data[head & (SIZE - 1)], &header, 4);
	return true;
}

static void test_text(void **state)
{
	(void)state;
	assert_int_equal(log_drain(&reader), 0);
	assert_true(write_record("one\n", true));
	assert_true(write_record("", true));
	assert_true(write_record("three\n", true));
	assert_int_equal(log_drain(&reader), 3);
	assert_string_equal(received, "one\nthree\n");
	assert_int_equal(last_level, SEEDCHIP_LOG_KERNEL);
	assert_int_equal(memory.log.head, memory.log.tail);
	for (uint32_t i = 0; i < SIZE; i++)
		assert_int_equal(memory.log.data[i], 0);
}

/* Thousands of records of odd lengths, so that texts and headers meet the end of the ring. */
static void test_wrap(void **state)
{
	char expected[64];

	(void)state;
	for (unsigned int i = 0; i < 20000; i++) {
		snprintf(expected, sizeof(expected), "%u %.*s", i, (int)(i % 37),
			 "abcdefghijklmnopqrstuvwxyz0123456789");
		received[0] = 0;
		assert_true(write_record(expected, true));
		assert_int_equal(log_drain(&reader), 1);
		assert_string_equal(received, expected);
	}
	assert_true(memory.log.tail > 2 * SIZE);
}

static void test_position_wraps(void **state)
{
	(void)state;
	reader.tail = UINT32_MAX - 7;
	memory.log.head = reader.tail;
	memory.log.tail = reader.tail;
	for (unsigned int i = 0; i < 10; i++)
		assert_true(write_record("abcdefg\n", true));
	assert_int_equal(log_drain(&reader), 10);
	assert_int_equal(memory.log.tail, 112);
}

static void test_unfinished(void **state)
{
	(void)state;
	assert_true(write_record("before\n", true));
	assert_true(write_record("torn\n", false));
	assert_true(write_record("after\n", true));
	assert_int_equal(log_drain(&reader), 1);
	assert_string_equal(received, "before\n");
	log_reset(&reader); /* the writer was stopped: what is torn goes, and what is behind it */
	assert_true(write_record("again\n", true));
	assert_int_equal(log_drain(&reader), 1);
	assert_string_equal(received, "before\nagain\n");
}

static void test_full(void **state)
{
	unsigned int n = 0;

	(void)state;
	while (write_record("0123456789ab", true))
		n++;
	assert_int_equal(n, SIZE / 16);
	assert_false(write_record("x", true));
	assert_int_equal(log_drain(&reader), n);
	assert_non_null(strstr(received, "2 messages of a kernel lost: log full"));
	received[0] = 0;
	assert_int_equal(log_drain(&reader), 0);
	assert_string_equal(received, "");
	assert_true(write_record("x", true));
}

/* A kernel can write anything into its log: the reader stays within it. */
static void test_hostile(void **state)
{
	uint32_t word;

	(void)state;
	srand(2);
	for (unsigned int round = 0; round < 2000; round++) {
		for (unsigned int i = 0; i < SIZE; i += 4) {
			word = (uint32_t)rand() << 1 ^ (uint32_t)rand();
			if (rand() % 2)
				word = SC_LOG_READY | rand() % 2048;
			memcpy(&memory.log.data[i], &word, 4);
		}
		memory.log.size = rand();
		memory.log.head = rand();
		memory.log.tail = rand();
		received[0] = 0;
		assert_true(log_drain(&reader) <= SIZE / 4);
	}
	word = SC_LOG_READY | (SC_LOG_TEXT_MAX + 1);
	memcpy(&memory.log.data[reader.tail & (SIZE - 1)], &word, 4);
	assert_int_equal(log_drain(&reader), 0);
	log_reset(&reader);
	assert_int_equal(memory.log.size, SIZE);
	received[0] = 0;
	assert_true(write_record("sane\n", true));
	assert_int_equal(log_drain(&reader), 1);
	assert_string_equal(received, "sane\n");
}

static void test_error_text(void **state)
{
	(void)state;
	assert_int_equal(report(-12, "number %d", 7), -12);
	assert_string_equal(seedchip_error(), "number 7");
	assert_string_equal(received, ""); /* debug messages are not wanted by default */
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_text, setup),
		cmocka_unit_test_setup(test_wrap, setup),
		cmocka_unit_test_setup(test_position_wraps, setup),
		cmocka_unit_test_setup(test_unfinished, setup),
		cmocka_unit_test_setup(test_full, setup),
		cmocka_unit_test_setup(test_hostile, setup),
		cmocka_unit_test_setup(test_error_text, setup),
	};

	unsetenv("SEEDCHIP_LOG");
	return cmocka_run_group_tests(tests, NULL, NULL);
}
