// SPDX-License-Identifier: MIT
/*
 * Every property of the virtual card: values out of range are refused with a line that names the
 * property and its range; a card without a PCI Express slot is refused.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "tests/qtest/machine.h"

static const struct {
	const char *props;
	const char *message;
} bad[] = {
	{ "vram=1M", "vram=1048576 must be a multiple of 2M from 2M to 64T" },
	{ "vram=3M", "vram=3145728 must be a multiple of 2M" },
	{ "vram=128T", "must be a multiple of 2M from 2M to 64T" },
	{ "vram=64M,bar=128M", "bar=134217728 must be a power of two from 2M to vram (64M)" },
	{ "vram=64M,bar=3M", "bar=3145728 must be a power of two" },
	{ "vram=64M,bar=1M", "bar=1048576 must be a power of two" },
	{ "tcm=32K", "tcm=32768 must be a power of two from 64K to 16M" },
	{ "tcm=96K", "tcm=98304 must be a power of two" },
	{ "cores=0", "cores=0 is out of range: 1 to 64" },
	{ "cores=65", "cores=65 is out of range: 1 to 64" },
	{ "queues=0", "queues=0 is out of range: 1 to 512" },
	{ "queues=513", "queues=513 is out of range: 1 to 512" },
	{ "queues=4,slots=5", "slots=5 is out of range: 1 to 4" },
	{ "contexts=1", "contexts=1 is out of range: 2 to 256" },
	{ "vectors=65", "vectors=65 is out of range: 1 to 64" },
	{ "cores=2,threads=3", "threads=3 is out of range: 0 to 2" },
	{ "timeout-scale=0", "timeout-scale=0 is out of range: 1 to" },
	{ "vlen=100", "vlen=100 must be 0 (no vectors) or a power of two" },
	{ "sync=on,threads=1", "threads=1 does not go with sync=on" },
	{ "config=/nowhere.conf", "config=/nowhere.conf: No such file or directory" },
	{ "config=tests/qtest/properties.c", "config=tests/qtest/properties.c:1: not of the form" },
	{ "cores=many", "cores" },
	{ "colour=blue", "colour" },
};

static void check_refusal(const char *args, const char *message)
{
	const char *text = machine_refusal(args);

	if (!strstr(text, message))
		fail_msg("%s: expected \"%s\", got: %s", args, message, text);
	/* one line, no crash */
	assert_ptr_equal(strchr(text, '\n'), text + strlen(text) - 1);
}

static void test_bad_values(void **state)
{
	char args[256];

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		snprintf(args, sizeof(args), "-device seedchip,bus=port0,%s", bad[i].props);
		check_refusal(args, bad[i].message);
	}
}

static void test_wrong_slot(void **state)
{
	(void)state;
	check_refusal("-device pci-bridge,id=old,chassis_nr=1 -device seedchip,bus=old,addr=1",
		      "needs a PCI Express slot");
}

static void test_extremes(void **state)
{
	struct machine *m = machine_start("vram=2M,bar=2M,cores=1,queues=1,slots=1,contexts=2,"
					  "vectors=1,tcm=64K");

	(void)state;
	card_map(m);
	assert_int_equal(reg_read(m, SC_REG_CARD_SIZE, 8), 2 << 20);
	machine_stop(m);
	m = machine_start("vram=4G,bar=256M,cores=64,queues=512,slots=512,contexts=256,vectors=64,"
			  "threads=2");
	card_map(m);
	assert_int_equal(reg_read(m, SC_REG_CARD_SIZE, 8), 4ull << 30);
	assert_int_equal(reg_read(m, SC_REG_CARD_VISIBLE_SIZE, 8), 256 << 20);
	assert_int_equal(reg_read(m, SC_REG_NUM_QUEUES, 4), 512);
	machine_stop(m);
}

/* Cards without serial= are told apart, in the order of the command line. */
static void test_serials(void **state)
{
	const char *args = "-device seedchip,bus=port0,id=card0,vram=2M "
			   "-device pcie-root-port,id=port1,chassis=2,slot=2 "
			   "-device seedchip,bus=port1,id=card1,vram=2M";
	struct machine *m = machine_start_bare(args);
	const char *text;
	char first[32];

	(void)state;
	card_map(m);
	snprintf(first, sizeof(first), "%llu", (unsigned long long)reg_read(m, SC_REG_SERIAL, 8));
	text = qmp_ok(m, "{\"execute\":\"qom-get\",\"arguments\":{"
			 "\"path\":\"card0\",\"property\":\"serial\"}}");
	assert_non_null(strstr(text, first));
	text = qmp_ok(m, "{\"execute\":\"qom-get\",\"arguments\":{"
			 "\"path\":\"card1\",\"property\":\"serial\"}}");
	assert_null(strstr(text, first));
	machine_stop(m);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_bad_values),
		cmocka_unit_test(test_wrong_slot),
		cmocka_unit_test(test_extremes),
		cmocka_unit_test(test_serials),
	};

	return machine_available() ? cmocka_run_group_tests(tests, NULL, NULL) : 4;
}
