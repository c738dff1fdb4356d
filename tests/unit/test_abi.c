// SPDX-License-Identifier: MIT
/*
 * What programs that are already compiled rely on: the layout of every public
 * structure, that structures may be older or newer than the library, names and
 * errnos of every status and code, and how cards are chosen.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "runtime/internal.h"

/* A change here breaks programs: structures grow at the end only. */
static void test_layout(void **state)
{
	(void)state;
	assert_int_equal(sizeof(struct seedchip_event), 16);
	assert_int_equal(sizeof(struct seedchip_dim), 48);
	assert_int_equal(offsetof(struct seedchip_dim, indirect), 16);
	assert_int_equal(sizeof(struct seedchip_copy_2d), 48);
	assert_int_equal(sizeof(struct seedchip_device_info), 248);
	assert_int_equal(offsetof(struct seedchip_device_info, address), 88);
	assert_int_equal(sizeof(struct seedchip_queue_desc), 56);
	assert_int_equal(sizeof(struct seedchip_kernel_info), 96);
	assert_int_equal(sizeof(struct seedchip_queue_stats), 96);
	assert_int_equal(sizeof(struct seedchip_fault), 1120);
	assert_int_equal(offsetof(struct seedchip_fault, text), 600);
}

struct grown {
	size_t size;
	uint32_t a;
	uint32_t b;
	uint64_t c;
};

static void test_sized(void **state)
{
	const struct grown mine = { .a = 1, .b = 2, .c = 3 };
	struct {
		struct grown known;
		uint64_t newer;
	} theirs;

	(void)state;
	memset(&theirs, 0xff, sizeof(theirs)); /* a newer program: the rest reads zero */
	theirs.known.size = sizeof(theirs);
	assert_int_equal(copy_sized(&theirs, &mine, sizeof(mine), "grown"), 0);
	assert_int_equal(theirs.known.size, sizeof(theirs));
	assert_int_equal(theirs.known.c, 3);
	assert_int_equal(theirs.newer, 0);

	memset(&theirs, 0xff, sizeof(theirs)); /* an older one: nothing beyond its end is touched */
	theirs.known.size = 12;
	assert_int_equal(copy_sized(&theirs, &mine, sizeof(mine), "grown"), 0);
	assert_int_equal(theirs.known.a, 1);
	assert_int_equal(theirs.known.b, 0xffffffff);

	theirs.known.size = 0;
	assert_int_equal(copy_sized(&theirs, &mine, sizeof(mine), "grown"), -EINVAL);
	assert_string_equal(seedchip_error(), "grown: .size is not set");
}

static void test_status(void **state)
{
	(void)state;
#define STATUS_(name, number, err, text)                                     \
	assert_string_equal(seedchip_status_name(number), #name);            \
	assert_string_equal(seedchip_status_text(number), text);             \
	assert_int_equal(seedchip_status_errno(number), -(err));
	SC_STATUS_TABLE(STATUS_)
#define CODE_(name, number, status, text)                                    \
	assert_string_equal(seedchip_code_name(number), #name);              \
	assert_string_equal(seedchip_code_text(number), text);
	SC_CODE_TABLE(CODE_)
	assert_string_equal(seedchip_status_name(77), "UNKNOWN");
	assert_string_equal(seedchip_code_name(7777), "UNKNOWN");
	assert_int_equal(seedchip_status_errno(77), -EIO);
}

static void test_isa_string(void **state)
{
	char text[128];

	(void)state;
	isa_string(SC_ISA_RV64IMAFD | SC_ISA_ZBA | SC_ISA_ZFH | SC_ISA_XSDD, false, text,
		   sizeof(text));
	assert_string_equal(text, "rv64imafd_zicsr_zifencei_zba_zfh");
	isa_string(SC_ISA_RV64IMAFD | SC_ISA_V | SC_ISA_XSDD, true, text, sizeof(text));
	assert_string_equal(text, "rv64imafdv_zicsr_zifencei_xsdd");
	isa_string(~0ull, true, text, 20);
	assert_int_equal(strlen(text), 19);
}

static void test_selection(void **state)
{
	struct seedchip_device *dev;

	(void)state;
	setenv("SEEDCHIP_DEVICE", "toaster", 1);
	assert_int_equal(seedchip_device_count(), -EINVAL);
	assert_string_equal(seedchip_error(), "SEEDCHIP_DEVICE=toaster: no such back end");
	assert_int_equal(seedchip_device_open(0, &dev), -EINVAL);
	unsetenv("SEEDCHIP_DEVICE");
	setenv("SEEDCHIP_VISIBLE_DEVICES", "", 1);
	assert_int_equal(seedchip_device_count(), 0);
	assert_int_equal(seedchip_device_open(3, &dev), -ENODEV);
	assert_string_equal(seedchip_error(), "no SeedChip card 3: 0 found");
	unsetenv("SEEDCHIP_VISIBLE_DEVICES");
}

/* Numbers that are none, too large, or not what a card may have. */
static void test_simulator_options(void **state)
{
	static const char *const not_understood[] = {
		"cores=-1", "cores= 2", "cores=", "cores=1x", "vram=17179869184G",
		"vram=18446744073709551616", "vram=1T", "tcm=0x", "bogus=1", ",",
	};
	static const char *const out_of_range[] = {
		"cores=65", "cores=4294967298", "tcm=4K", "tcm=65537", "tcm=17M", "vlen=64",
		"vlen=192", "vlen=32768", "vlen=4294967424", "vram=1M", "vram=2097153", "bar=1",
		"bar=2G",
	};
	struct seedchip_device *dev;
	char text[64];

	(void)state;
	for (unsigned int i = 0; i < ARRAY_SIZE(not_understood); i++) {
		snprintf(text, sizeof(text), "sim:cores=2,%s", not_understood[i]);
		setenv("SEEDCHIP_DEVICE", text, 1);
		assert_int_equal(seedchip_device_open(0, &dev), -EINVAL);
		assert_non_null(strstr(seedchip_error(), "not understood"));
	}
	for (unsigned int i = 0; i < ARRAY_SIZE(out_of_range); i++) {
		snprintf(text, sizeof(text), "sim:%s", out_of_range[i]);
		setenv("SEEDCHIP_DEVICE", text, 1);
		assert_int_equal(seedchip_device_open(0, &dev), -EINVAL);
		assert_non_null(strstr(seedchip_error(), "cores may be 1 to 64; tcm a power"));
	}
	unsetenv("SEEDCHIP_DEVICE");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_layout),
		cmocka_unit_test(test_sized),
		cmocka_unit_test(test_status),
		cmocka_unit_test(test_isa_string),
		cmocka_unit_test(test_selection),
		cmocka_unit_test(test_simulator_options),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
