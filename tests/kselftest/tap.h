/* SPDX-License-Identifier: MIT */
/*
 * TAP for the programs that run in the VM: a numbered table of tests, each a
 * function that returns when it is done and fails through CHECK().
 *
 * Invariant: every test of the table gives exactly one result line, and the
 * exit status is 0 only if none failed.
 */
#ifndef TAP_H
#define TAP_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

struct tap_test {
	const char *name;
	void (*run)(void);
};

/* One of each for all files of a program. */
__attribute__((weak)) jmp_buf tap_failed;
__attribute__((weak)) const char *tap_skipped;

__attribute__((format(printf, 1, 2), noreturn, unused)) static void
tap_fail(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	printf("# ");
	vprintf(format, args);
	printf("\n");
	va_end(args);
	longjmp(tap_failed, 1);
}

/* The test ends here: this machine cannot run it. */
__attribute__((noreturn, unused)) static void tap_skip(const char *why)
{
	tap_skipped = why;
	longjmp(tap_failed, 1);
}

/* The test ends here, failed, unless the condition holds. */
#define CHECK(condition)                                                                  \
	do {                                                                              \
		if (!(condition))                                                         \
			tap_fail("%s:%d: not true: %s", __FILE__, __LINE__, #condition); \
	} while (0)

/* As CHECK(), for two integers that must be equal; prints both. */
#define CHECK_EQ(got, want)                                                                     \
	do {                                                                                    \
		long long got_ = (long long)(got), want_ = (long long)(want);                   \
		if (got_ != want_)                                                              \
			tap_fail("%s:%d: %s is %lld (0x%llx), not %lld (0x%llx)", __FILE__,     \
				 __LINE__, #got, got_, got_, want_, want_);                     \
	} while (0)

#define TAP_RUN(tests) tap_run(tests, sizeof(tests) / sizeof((tests)[0]))

__attribute__((unused)) static int tap_run(const struct tap_test *tests, unsigned int count)
{
	volatile unsigned int failed = 0;
	volatile unsigned int i;

	setvbuf(stdout, NULL, _IOLBF, 0);
	printf("TAP version 13\n1..%u\n", count);
	for (i = 0; i < count; i++) {
		tap_skipped = NULL;
		if (setjmp(tap_failed)) {
			if (tap_skipped) {
				printf("ok %u - %s # SKIP %s\n", i + 1, tests[i].name,
				       tap_skipped);
				continue;
			}
			printf("not ok %u - %s\n", i + 1, tests[i].name);
			failed++;
			continue;
		}
		tests[i].run();
		printf("ok %u - %s\n", i + 1, tests[i].name);
	}
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}

#endif /* TAP_H */
