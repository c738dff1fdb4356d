// SPDX-License-Identifier: MIT
/*
 * What can be injected into the card at run time, and what it remembers in the file behind
 * nvram=.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <linux/pci_regs.h>
#include <cmocka.h>

#include "tests/qtest/machine.h"
#include "tests/qtest/queue.h"

#define VECTORS 0x8000 /* system address of the MSI-X words */

static const char *inject(struct machine *m, const char *property, const char *value)
{
	return qmp(m, "{\"execute\":\"qom-set\",\"arguments\":{\"path\":\"card0\","
		      "\"property\":\"%s\",\"value\":%s}}", property, value);
}

static void inject_ok(struct machine *m, const char *property, const char *value)
{
	assert_null(strstr(inject(m, property, value), "error"));
}

static void test_refused(void **state)
{
	struct machine *m = machine_start("");

	(void)state;
	assert_non_null(strstr(inject(m, "inject-temperature", "200000"), "out of range"));
	assert_non_null(strstr(inject(m, "inject-stuck-queue", "256"), "out of range (queue)"));
	assert_non_null(strstr(inject(m, "inject-ecc-corrected", "67108864"), "out of range"));
	machine_stop(m);
}

/* A machine with queue 1 running, whose interrupts write WORD. */
#define WORD (VECTORS + 4 * QUEUE_VECTOR)
static struct machine *start_queue(struct queue *q)
{
	struct machine *m = machine_start("");

	card_map(m);
	card_msix(m, VECTORS);
	queue_start(q, m, 1, QUEUE_VECTOR);
	return m;
}

/* Ask for an interrupt when @retired packets have completed. */
static void arm(struct queue *q, uint64_t retired)
{
	mem_write(q->m, WORD, 0, 4);
	reg_write(q->m, queue_reg(q, SC_Q_ARM), retired, 8);
}

/* One interrupt lost, one late: the words that they write say so. */
static void test_interrupts(void **state)
{
	struct queue q;
	struct machine *m = start_queue(&q);

	(void)state;
	inject_ok(m, "inject-irq-drop", "1");
	arm(&q, 0);
	usleep(20000);
	assert_int_equal(mem_read(m, WORD, 4), 0);
	arm(&q, 0);
	assert_true(mem_wait(m, WORD, QUEUE_VECTOR + 1, 4));

	inject_ok(m, "inject-irq-delay", "1");
	arm(&q, 0);
	assert_true(mem_wait(m, WORD, QUEUE_VECTOR + 1, 4));
	machine_stop(m);
}

/* A torn write-back ends at the right value; a late one waits until somebody asks. */
static void test_write_backs(void **state)
{
	struct queue q;
	struct machine *m = start_queue(&q);

	(void)state;
	inject_ok(m, "inject-writeback-torn", "1");
	queue_copy(&q, SYSTEM(0x1000), SYSTEM(0x2000), 64);
	queue_ring(&q);
	assert_true(queue_done(&q));

	inject_ok(m, "inject-writeback-late", "1");
	arm(&q, 2);
	queue_copy(&q, SYSTEM(0x1000), SYSTEM(0x2000), 64);
	queue_ring(&q);
	assert_true(mem_wait(m, WORD, QUEUE_VECTOR + 1, 4));
	usleep(20000);
	assert_int_equal(mem_read(m, QUEUE_STATE(1), 8), 1);
	assert_true(reg_read(m, queue_reg(&q, SC_Q_PROGRESS), 8) >= 2);
	assert_true(queue_done(&q));
	machine_stop(m);
}

static void test_dead(void **state)
{
	struct machine *m = machine_start("");
	uint32_t generation;

	(void)state;
	card_map(m);
	generation = reg_read(m, SC_REG_GENERATION, 4);
	mem_write(m, m->card, 0x1234, 4);
	inject_ok(m, "dead", "true");
	assert_int_equal(reg_read(m, SC_REG_MAGIC, 4), ~0U);
	assert_int_equal(mem_read(m, m->doorbells + SC_DOORBELL_STATUS, 4), ~0U);
	assert_int_equal(mem_read(m, m->card, 4), ~0U);
	assert_int_equal(card_cfg(m, PCI_VENDOR_ID, 4), ~0U);
	card_cfg_write(m, PCI_COMMAND, 0, 2);
	inject_ok(m, "dead", "false");
	assert_true(reg_wait(m, SC_REG_STATUS, SC_DEVICE_RESETTING, 0));
	assert_int_equal(reg_read(m, SC_REG_MAGIC, 4), SC_MAGIC);
	assert_int_equal(mem_read(m, m->card, 4), 0x1234);
	assert_true((uint32_t)reg_read(m, SC_REG_GENERATION, 4) > generation);
	assert_true(card_cfg(m, PCI_COMMAND, 2) & PCI_COMMAND_MASTER);
	machine_stop(m);
}

/* One file, two lives of the card. */
static void test_nvram(void **state)
{
	char path[] = "/tmp/seedchip-nvram.XXXXXX", props[128];
	int fd = mkstemp(path);
	struct machine *m;

	(void)state;
	snprintf(props, sizeof(props), "nvram=%s", path);
	m = machine_start(props);
	card_map(m);
	inject_ok(m, "inject-ecc-uncorrected", "1052672");
	inject_ok(m, "inject-core-failure", "3");
	assert_int_equal(reg_read(m, SC_REG_POWER_CYCLES, 4), 1);
	snprintf(props, sizeof(props), "-device seedchip,vram=2M,addr=9,nvram=%s", path);
	assert_non_null(strstr(machine_refusal(props), "is in use by another card"));
	machine_stop(m);

	snprintf(props, sizeof(props), "nvram=%s", path);
	m = machine_start(props);
	card_map(m);
	assert_int_equal(reg_read(m, SC_REG_POWER_CYCLES, 4), 2);
	assert_int_equal(reg_read(m, SC_REG_NUM_HEALTH, 8), 2);
	assert_int_equal(reg_read(m, SC_REG_NUM_RETIRED, 4), 1);
	assert_int_equal(reg_read(m, SC_RETIRED_BASE, 8), 1052672);
	assert_false(reg_read(m, SC_REG_CORE_MASK, 8) & 8);
	machine_stop(m);

	assert_int_equal(ftruncate(fd, 100), 0);
	snprintf(props, sizeof(props), "-device seedchip,vram=2M,addr=9,nvram=%s", path);
	assert_non_null(strstr(machine_refusal(props), "is not the NVRAM of a card"));
	close(fd);
	unlink(path);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_interrupts),
		cmocka_unit_test(test_write_backs),
		cmocka_unit_test(test_dead),
		cmocka_unit_test(test_nvram),
	};

	return machine_available() ? cmocka_run_group_tests(tests, NULL, NULL) : 4;
}
