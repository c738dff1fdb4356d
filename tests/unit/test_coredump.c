// SPDX-License-Identifier: MIT
/*
 * seedchip-coredump with dumps that no driver wrote: whatever a section says of
 * itself, the program ends, reads no more than the file, and sends no control
 * characters to the terminal. With SAN=address the second is looked at closely.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>

#include "seedchip_coredump.h"

#define ROUNDS 60

static uint8_t dump[16384];
static size_t size;
static char output[1 << 20];

static struct sc_coredump_header *begin(void)
{
	struct sc_coredump_header *h = (void *)dump;

	memset(dump, 0, sizeof(dump));
	h->magic = SC_COREDUMP_MAGIC;
	h->version = SC_COREDUMP_VERSION;
	h->pid = 1;
	memcpy(h->comm, "test", 4);
	memcpy(h->card, "0000:01:00.0", 12);
	size = sizeof(*h);
	return h;
}

static void *section(uint32_t type, uint32_t id, uint32_t bytes)
{
	struct sc_coredump_section *s = (void *)(dump + size);

	*s = (struct sc_coredump_section){ .type = type, .id = id, .size = bytes };
	size += sizeof(*s) + bytes;
	return s + 1;
}

/* Print the dump, with the program itself as the module; exit status. */
static int print(void)
{
	static const char command[] = "timeout 10 " TOOL " %s " TOOL " 2>&1";
	char path[] = "/tmp/seedchip-coredump.XXXXXX", line[sizeof(command) + sizeof(path)];
	int fd = mkstemp(path), status;
	size_t n;
	FILE *f;

	assert_true(fd >= 0);
	((struct sc_coredump_header *)dump)->size = size;
	assert_int_equal(write(fd, dump, size), size);
	close(fd);
	snprintf(line, sizeof(line), command, path);
	f = popen(line, "r");
	assert_non_null(f);
	n = fread(output, 1, sizeof(output) - 1, f);
	output[n] = 0;
	status = pclose(f);
	unlink(path);
	assert_null(strstr(output, "Sanitizer"));
	assert_true(WIFEXITED(status));
	return WEXITSTATUS(status);
}

/* Where pc lies among the instructions is what the section says, which may be outside. */
static void test_code(void **state)
{
	static const uint32_t places[] = { 0, 8, 12, 16, 20, 4000, ~0u };

	(void)state;
	for (unsigned int i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
		begin();
		memset(section(SC_COREDUMP_CODE, places[i], 16), 0x13, 16);
		assert_int_equal(print(), 0);
	}
	begin();
	section(SC_COREDUMP_CODE, 0, 0);
	assert_int_equal(print(), 0);
}

static void test_core(void **state)
{
	(void)state;
	/* vector registers of five bytes; the last one ends the file */
	begin();
	memset(section(SC_COREDUMP_CORE, 0, sizeof(struct sc_core_dump) + 32 * 5), 1,
	       sizeof(struct sc_core_dump) + 32 * 5);
	assert_int_equal(print(), 0);
	assert_non_null(strstr(output, "v31 01010101\n"));
	begin();
	section(SC_COREDUMP_CORE, 0, sizeof(struct sc_core_dump) - 1);
	assert_int_equal(print(), 1);
	assert_non_null(strstr(output, "breaks off"));
}

static void test_names(void **state)
{
	struct sc_coredump_header *h = begin();

	(void)state;
	memset(h->comm, 0x1b, sizeof(h->comm));
	memset(h->card, 0x1b, sizeof(h->card));
	assert_int_equal(print(), 0);
	assert_null(strchr(output, 0x1b));
}

/* Sections of any type, size and contents. */
static void test_garbage(void **state)
{
	(void)state;
	srand(1);
	for (unsigned int i = 0; i < ROUNDS; i++) {
		begin();
		for (unsigned int n = rand() % 6; n; n--) {
			uint32_t bytes = rand() % 2 ? rand() % 2000 : rand() % 64;
			uint8_t *at = section(rand() % 12, rand() % 3 ? rand() % 40 : rand(),
					      bytes);

			for (uint32_t k = 0; k < bytes; k++)
				at[k] = (uint8_t)rand();
			while (size % 8)
				size++;
		}
		if (rand() % 3 == 0)
			dump[sizeof(struct sc_coredump_header) + rand() % 16] = (uint8_t)rand();
		assert_in_range(print(), 0, 1);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_code),
		cmocka_unit_test(test_core),
		cmocka_unit_test(test_names),
		cmocka_unit_test(test_garbage),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
