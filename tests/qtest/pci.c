// SPDX-License-Identifier: MIT
/*
 * The virtual card as a PCI Express function: configuration space, BARs, interrupts, resets,
 * power states and error reporting, seen through a root port of a stock QEMU.
 */
#include <linux/pci_regs.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

#include "tests/qtest/queue.h"

static void test_identity(void **state)
{
	struct machine *m = machine_start("serial=0x1122334455667788");
	int pcie, pm, dsn;

	(void)state;
	card_map(m);
	assert_int_equal(card_cfg(m, PCI_VENDOR_ID, 2), SC_PCI_VENDOR);
	assert_int_equal(card_cfg(m, PCI_DEVICE_ID, 2), SC_PCI_DEVICE);
	assert_int_equal(card_cfg(m, PCI_CLASS_DEVICE, 2), SC_PCI_CLASS);
	assert_int_equal(card_cfg(m, PCI_REVISION_ID, 1), reg_read(m, SC_REG_REVISION, 4));
	assert_int_equal(card_cfg(m, PCI_HEADER_TYPE, 1), PCI_HEADER_TYPE_NORMAL);

	pcie = cfg_find(m, 1, 0, PCI_CAP_ID_EXP, false);
	assert_int_not_equal(pcie, 0);
	assert_int_equal((card_cfg(m, pcie + PCI_EXP_FLAGS, 2) & PCI_EXP_FLAGS_TYPE) >> 4,
			 PCI_EXP_TYPE_ENDPOINT);
	assert_true(card_cfg(m, pcie + PCI_EXP_DEVCAP, 4) & PCI_EXP_DEVCAP_FLR);

	pm = cfg_find(m, 1, 0, PCI_CAP_ID_PM, false);
	assert_int_not_equal(pm, 0);
	assert_true(card_cfg(m, pm + PCI_PM_CTRL, 2) & PCI_PM_CTRL_NO_SOFT_RESET);

	assert_int_not_equal(cfg_find(m, 1, 0, PCI_EXT_CAP_ID_ERR, true), 0);
	dsn = cfg_find(m, 1, 0, PCI_EXT_CAP_ID_DSN, true);
	assert_int_not_equal(dsn, 0);
	assert_int_equal(card_cfg(m, dsn + 4, 4), 0x55667788);
	assert_int_equal(card_cfg(m, dsn + 8, 4), 0x11223344);
	assert_int_equal(reg_read(m, SC_REG_SERIAL, 8), 0x1122334455667788);
	machine_stop(m);
}

static uint64_t bar_size(struct machine *m, int bar)
{
	int reg = PCI_BASE_ADDRESS_0 + 4 * bar;
	uint64_t mask;

	card_cfg_write(m, reg, ~0u, 4);
	card_cfg_write(m, reg + 4, ~0u, 4);
	mask = card_cfg(m, reg, 4) & ~0xfu;
	mask |= (uint64_t)card_cfg(m, reg + 4, 4) << 32;
	return ~mask + 1;
}

static void test_bars(void **state)
{
	struct machine *m = machine_start("bar=16M,queues=100");
	const uint32_t kind = PCI_BASE_ADDRESS_MEM_TYPE_64;

	(void)state;
	card_map(m);
	card_cfg_write(m, PCI_COMMAND, 0, 2);
	assert_int_equal(bar_size(m, SC_BAR_CONTROL), SC_CONTROL_SIZE);
	assert_int_equal(bar_size(m, SC_BAR_DOORBELL), 128 * 4096);
	assert_int_equal(bar_size(m, SC_BAR_CARD), 16 << 20);
	assert_int_equal(card_cfg(m, PCI_BASE_ADDRESS_0, 4) & 0xf, kind);
	assert_int_equal(card_cfg(m, PCI_BASE_ADDRESS_2, 4) & 0xf, kind);
	assert_int_equal(card_cfg(m, PCI_BASE_ADDRESS_4, 4) & 0xf,
			 kind | PCI_BASE_ADDRESS_MEM_PREFETCH);
	machine_stop(m);
}

static void test_registers(void **state)
{
	struct machine *m = machine_start("bar=16M,queues=100,slots=5,cores=3,contexts=7,vectors=9,"
					  "tcm=512K,timeout-scale=4,strict=on");

	(void)state;
	card_map(m);
	assert_int_equal(reg_read(m, SC_REG_MAGIC, 4), SC_MAGIC);
	assert_int_equal(reg_read(m, SC_REG_VERSION, 4), SC_VERSION);
	assert_int_equal(reg_read(m, SC_REG_SPEC_HASH, 8), SC_SPEC_HASH);
	assert_int_equal(reg_read(m, SC_REG_SPEC_HASH + 4, 4), SC_SPEC_HASH >> 32);
	assert_int_equal(reg_read(m, SC_REG_CARD_SIZE, 8), 64 << 20);
	assert_int_equal(reg_read(m, SC_REG_CARD_VISIBLE_SIZE, 8), 16 << 20);
	assert_int_equal(reg_read(m, SC_REG_NUM_QUEUES, 4), 100);
	assert_int_equal(reg_read(m, SC_REG_NUM_SLOTS, 4), 5);
	assert_int_equal(reg_read(m, SC_REG_NUM_CORES, 4), 3);
	assert_int_equal(reg_read(m, SC_REG_NUM_CONTEXTS, 4), 7);
	assert_int_equal(reg_read(m, SC_REG_NUM_VECTORS, 4), 9);
	assert_int_equal(reg_read(m, SC_REG_TCM_SIZE, 4), 512 << 10);
	assert_int_equal(reg_read(m, SC_REG_TIMEOUT_SCALE, 4), 4);
	assert_true(reg_read(m, SC_REG_FEATURES, 8) & SC_FEATURE_STRICT);
	assert_true(reg_read(m, SC_REG_TIME, 8) > 0);
	machine_stop(m);
}

static void test_card_window(void **state)
{
	struct machine *m = machine_start("bar=16M");
	const uint64_t last = (16 << 20) - 8;

	(void)state;
	card_map(m);
	mem_write(m, m->card, 0x0123456789abcdef, 8);
	mem_write(m, m->card + last, 0xfedcba9876543210, 8);
	assert_int_equal(mem_read(m, m->card + 4, 4), 0x01234567);
	assert_int_equal(mem_read(m, m->card + last, 8), 0xfedcba9876543210);
	machine_stop(m);
}

/* A queue whose ARM is already satisfied raises its vector at once. */
static void raise_vector(struct machine *m, int number, int vector)
{
	struct queue q;

	queue_start(&q, m, number, vector);
	reg_write(m, queue_reg(&q, SC_Q_ARM), 0, 8);
}

static void test_msix(void **state)
{
	struct machine *m = machine_start("");
	const uint64_t control = SC_MSIX_TABLE + 5 * PCI_MSIX_ENTRY_SIZE +
				 PCI_MSIX_ENTRY_VECTOR_CTRL;
	int cap;

	(void)state;
	card_map(m);
	cap = cfg_find(m, 1, 0, PCI_CAP_ID_MSIX, false);
	assert_int_equal(card_cfg(m, cap + PCI_MSIX_FLAGS, 2) & PCI_MSIX_FLAGS_QSIZE, 15);
	assert_int_equal(card_cfg(m, cap + PCI_MSIX_TABLE, 4), SC_MSIX_TABLE | SC_BAR_CONTROL);
	assert_int_equal(card_cfg(m, cap + PCI_MSIX_PBA, 4), SC_MSIX_PBA | SC_BAR_CONTROL);

	card_msix(m, MSIX_LANDING);
	raise_vector(m, 2, 3);
	assert_true(mem_wait(m, MSIX_LANDING + 4 * 3, 4, 4));

	/* masked: remembered, and delivered when the mask goes */
	reg_write(m, control, PCI_MSIX_ENTRY_CTRL_MASKBIT, 4);
	raise_vector(m, 1, 5);
	assert_true(reg_wait(m, SC_MSIX_PBA, ~0u, 1 << 5));
	assert_int_equal(mem_read(m, MSIX_LANDING + 4 * 5, 4), 0);
	reg_write(m, control, 0, 4);
	assert_true(mem_wait(m, MSIX_LANDING + 4 * 5, 6, 4));
	assert_int_equal(reg_read(m, SC_MSIX_PBA, 4), 0);
	machine_stop(m);
}

/* What every kind of reset does; the card has to be mapped again after it. */
static void check_reset(struct machine *m, uint32_t generation, uint32_t cause)
{
	card_map(m);
	assert_true(reg_wait(m, SC_REG_STATUS, ~0u, SC_DEVICE_READY));
	assert_int_equal(reg_read(m, SC_REG_GENERATION, 4), generation + 1);
	assert_int_equal(reg_read(m, SC_REG_RESET_CAUSE, 4), cause);
	assert_int_equal(reg_read(m, SC_REG_CONTROL, 4), 0);
	assert_int_equal(mem_read(m, m->card + 4096, 8), 0x5eed5eed5eed5eed);
}

static uint32_t prepare_reset(struct machine *m)
{
	card_map(m);
	card_msix(m, MSIX_LANDING);
	reg_write(m, SC_REG_CONTROL, SC_CONTROL_ENABLE, 4);
	mem_write(m, m->card + 4096, 0x5eed5eed5eed5eed, 8);
	return reg_read(m, SC_REG_GENERATION, 4);
}

static void test_resets(void **state)
{
	struct machine *m = machine_start("");
	uint32_t generation;
	int pcie;

	(void)state;
	generation = prepare_reset(m);
	pcie = cfg_find(m, 1, 0, PCI_CAP_ID_EXP, false);
	card_cfg_write(m, pcie + PCI_EXP_DEVCTL, PCI_EXP_DEVCTL_BCR_FLR, 2);
	assert_int_equal(card_cfg(m, cfg_find(m, 1, 0, PCI_CAP_ID_MSIX, false) + PCI_MSIX_FLAGS, 2)
			 & PCI_MSIX_FLAGS_ENABLE, 0);
	assert_int_equal(card_cfg(m, PCI_BASE_ADDRESS_0, 4) & ~0xfu, 0);
	check_reset(m, generation, SC_RESET_CAUSE_FLR);

	generation = prepare_reset(m);
	cfg_write(m, 0, 4, PCI_BRIDGE_CONTROL, PCI_BRIDGE_CTL_BUS_RESET, 2);
	cfg_write(m, 0, 4, PCI_BRIDGE_CONTROL, 0, 2);
	check_reset(m, generation, SC_RESET_CAUSE_BUS);

	generation = prepare_reset(m);
	reg_write(m, SC_REG_RESET, SC_RESET_KEY, 4);
	assert_true(reg_wait(m, SC_REG_STATUS, ~0u, SC_DEVICE_READY));
	assert_int_equal(reg_read(m, SC_REG_RESET_CAUSE, 4), SC_RESET_CAUSE_SOFT);
	assert_int_equal(reg_read(m, SC_REG_GENERATION, 4), generation + 1);
	assert_int_equal(mem_read(m, m->card + 4096, 8), 0x5eed5eed5eed5eed);
	machine_stop(m);
}

/* Reset of the machine keeps card memory, losing power in S3 does not. */
static void test_machine_resets(void **state)
{
	struct machine *m = machine_start("");
	uint32_t generation = prepare_reset(m);
	struct queue q;

	(void)state;
	qmp_ok(m, "{\"execute\":\"system_reset\"}");
	assert_true(qmp_event(m, "\"RESET\""));
	machine_ecam(m);
	check_reset(m, generation, SC_RESET_CAUSE_BUS);

	generation = prepare_reset(m);
	queue_start(&q, m, 0, QUEUE_VECTOR);
	queue_wait_word(&q, SYSTEM(0x1000000), 1);
	queue_signal(&q, SYSTEM(0x1000008), 5);
	queue_ring(&q);
	assert_true(queue_wait_state(&q, SC_QUEUE_WAITING));
	/* PM1 control: sleep type S3 on ICH9, sleep enable */
	cfg_write(m, 0, 31, 0x40, 0x601, 4);
	cfg_write(m, 0, 31, 0x44, 0x80, 1);
	io_write(m, 0x604, 1 << 10 | 1 << 13, 2);
	assert_true(qmp_event(m, "\"SUSPEND\""));
	/* asleep: what it waited for comes, and it does not notice */
	mem_write(m, 0x1000000, 1, 8);
	usleep(20000);
	assert_int_equal(mem_read(m, 0x1000008, 8), 0);
	qmp_ok(m, "{\"execute\":\"system_wakeup\"}");
	assert_true(qmp_event(m, "\"WAKEUP\""));
	machine_ecam(m);
	card_map(m);
	assert_true(reg_wait(m, SC_REG_STATUS, ~0u, SC_DEVICE_READY));
	assert_int_equal(reg_read(m, SC_REG_RESET_CAUSE, 4), SC_RESET_CAUSE_POWER);
	assert_int_equal(reg_read(m, SC_REG_GENERATION, 4), generation + 1);
	assert_int_not_equal(mem_read(m, m->card + 4096, 8), 0x5eed5eed5eed5eed);
	machine_stop(m);
}

static int to_d3(struct machine *m)
{
	int pm = cfg_find(m, 1, 0, PCI_CAP_ID_PM, false);

	card_cfg_write(m, pm + PCI_PM_CTRL, PCI_PM_CTRL_STATE_MASK, 2);
	return pm;
}

static void test_power(void **state)
{
	struct machine *m = machine_start("");
	uint32_t generation = prepare_reset(m);
	int pm = to_d3(m);

	(void)state;
	assert_int_equal(reg_read(m, SC_REG_MAGIC, 4), ~0u);
	assert_int_equal(mem_read(m, m->card + 4096, 8), ~0ull);
	assert_int_equal(mem_read(m, m->doorbells + SC_DOORBELL_STATUS, 4), ~0u);
	mem_write(m, m->card + 4096, 0, 8);
	/* D1 does not exist */
	card_cfg_write(m, pm + PCI_PM_CTRL, 1, 2);
	assert_int_equal(card_cfg(m, pm + PCI_PM_CTRL, 2) & PCI_PM_CTRL_STATE_MASK, 3);
	card_cfg_write(m, pm + PCI_PM_CTRL, 0, 2);
	assert_int_equal(reg_read(m, SC_REG_MAGIC, 4), SC_MAGIC);
	assert_int_equal(reg_read(m, SC_REG_CONTROL, 4), SC_CONTROL_ENABLE);
	assert_int_equal(reg_read(m, SC_REG_GENERATION, 4), generation);
	assert_int_equal(mem_read(m, m->card + 4096, 8), 0x5eed5eed5eed5eed);
	machine_stop(m);
}

/* A strict violation says which rule it was and stops the VM. */
static void check_strict(struct machine *m, const char *rule)
{
	assert_true(qmp_event(m, "\"STOP\""));
	assert_non_null(strstr(qmp_ok(m, "{\"execute\":\"query-status\"}"), "internal-error"));
	if (!strstr(machine_stderr(m), rule))
		fail_msg("expected %s, got: %s", rule, machine_stderr(m));
	machine_stop(m);
}

static void test_strict(void **state)
{
	struct machine *m = machine_start("strict=on");

	(void)state;
	card_map(m);
	to_d3(m);
	reg_read(m, SC_REG_MAGIC, 4);
	check_strict(m, "seedchip: strict: ACCESS_IN_D3: control offset 0x0 (card0)");

	m = machine_start("strict=on");
	card_map(m);
	reg_read(m, SC_REG_MAGIC + 1, 2);
	check_strict(m, "seedchip: strict: REG_WIDTH: 2 bytes at offset 0x1 (card0)");

	m = machine_start("strict=on");
	card_map(m);
	reg_write(m, SC_REG_MAGIC, 0, 4);
	check_strict(m, "seedchip: strict: REG_READ_ONLY: ");

	/* a process can reach its doorbell: nothing there is the driver's fault */
	m = machine_start("strict=on");
	card_map(m);
	mem_write(m, m->doorbells + 4096 + 3, 0xff, 1);
	mem_write(m, m->doorbells + 4096 + 16, ~0ull, 8);
	assert_int_equal(reg_read(m, SC_REG_MAGIC, 4), SC_MAGIC);
	assert_string_equal(machine_stderr(m), "");
	machine_stop(m);
}

static void test_aer(void **state)
{
	struct machine *m = machine_start("");
	int aer;

	(void)state;
	card_map(m);
	aer = cfg_find(m, 1, 0, PCI_EXT_CAP_ID_ERR, true);
	hmp(m, "pcie_aer_inject_error -c card0 RCVR");
	assert_int_equal(card_cfg(m, aer + PCI_ERR_COR_STATUS, 4), PCI_ERR_COR_RCVR);
	card_cfg_write(m, aer + PCI_ERR_COR_STATUS, PCI_ERR_COR_RCVR, 4);
	assert_int_equal(card_cfg(m, aer + PCI_ERR_COR_STATUS, 4), 0);
	hmp(m, "pcie_aer_inject_error card0 POISON_TLP 0x40 0x41 0x42 0x43");
	assert_int_equal(card_cfg(m, aer + PCI_ERR_UNCOR_STATUS, 4), PCI_ERR_UNC_POISON_TLP);
	assert_int_equal(card_cfg(m, aer + PCI_ERR_HEADER_LOG, 4), 0x40000000);
	machine_stop(m);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_identity),  cmocka_unit_test(test_bars),
		cmocka_unit_test(test_registers), cmocka_unit_test(test_card_window),
		cmocka_unit_test(test_msix),	  cmocka_unit_test(test_resets),
		cmocka_unit_test(test_power),	  cmocka_unit_test(test_strict),
		cmocka_unit_test(test_aer),	  cmocka_unit_test(test_machine_resets),
	};

	return machine_available() ? cmocka_run_group_tests(tests, NULL, NULL) : 4;
}
