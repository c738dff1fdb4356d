// SPDX-License-Identifier: MIT
/*
 * A card leaves: asked for (device_del, and the guest lets it go), or pulled out; idle or with
 * work in progress; and another one takes the slot.
 */
#include <linux/pci_regs.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

#include "tests/qtest/machine.h"
#include "tests/qtest/queue.h"

#define PORT_DEV 4

static int slot_reg(struct machine *m, int reg)
{
	return cfg_find(m, 0, PORT_DEV, PCI_CAP_ID_EXP, false) + reg;
}

/* What the guest's pciehp does with an attention button: power off, and on again for a new card. */
static void slot_power(struct machine *m, bool on)
{
	cfg_write(m, 0, PORT_DEV, slot_reg(m, PCI_EXP_SLTCTL),
		  on ? PCI_EXP_SLTCTL_PWR_IND_ON :
		       PCI_EXP_SLTCTL_PCC | PCI_EXP_SLTCTL_PWR_IND_OFF, 2);
}

static void check_gone(struct machine *m)
{
	assert_true(qmp_event(m, "DEVICE_DELETED"));
	assert_int_equal(card_cfg(m, PCI_VENDOR_ID, 4), ~0u);
	assert_non_null(strstr(qmp(m, "{\"execute\":\"qom-list\",\"arguments\":{"
				     "\"path\":\"card0\"}}"), "error"));
}

static void add_again(struct machine *m)
{
	qmp_ok(m, "{\"execute\":\"device_add\",\"arguments\":{\"driver\":\"seedchip\","
		  "\"id\":\"card0\",\"bus\":\"port0\",\"vram\":\"64M\"}}");
	slot_power(m, true);
	card_map(m);
	assert_int_equal(reg_read(m, SC_REG_MAGIC, 4), SC_MAGIC);
	assert_int_equal(reg_read(m, SC_REG_RESET_CAUSE, 4), SC_RESET_CAUSE_POWER);
}

static void test_device_del(void **state)
{
	struct machine *m = machine_start("");

	(void)state;
	card_map(m);
	slot_power(m, true);
	for (int i = 0; i < 3; i++) {
		m->events_len = 0;
		m->events[0] = 0;
		qmp_ok(m, "{\"execute\":\"device_del\",\"arguments\":{\"id\":\"card0\"}}");
		/* nothing goes until the guest agrees */
		assert_int_equal(reg_read(m, SC_REG_MAGIC, 4), SC_MAGIC);
		slot_power(m, false);
		check_gone(m);
		add_again(m);
	}
	machine_stop(m);
}

static void pull_out(struct machine *m)
{
	m->events_len = 0;
	m->events[0] = 0;
	qmp_ok(m, "{\"execute\":\"qom-set\",\"arguments\":{\"path\":\"card0\","
		  "\"property\":\"surprise-remove\",\"value\":true}}");
	check_gone(m);
}

static void test_surprise(void **state)
{
	struct machine *m = machine_start("");
	uint16_t status;

	(void)state;
	card_map(m);
	for (int i = 0; i < 3; i++) {
		cfg_write(m, 0, PORT_DEV, slot_reg(m, PCI_EXP_SLTSTA), PCI_EXP_SLTSTA_PDC, 2);
		pull_out(m);
		/* the slot says that it has become empty */
		status = cfg_read(m, 0, PORT_DEV, slot_reg(m, PCI_EXP_SLTSTA), 2);
		assert_int_equal(status & (PCI_EXP_SLTSTA_PDC | PCI_EXP_SLTSTA_PDS),
				 PCI_EXP_SLTSTA_PDC);
		assert_int_equal(cfg_read(m, 0, PORT_DEV, slot_reg(m, PCI_EXP_LNKSTA), 2) &
				 PCI_EXP_LNKSTA_DLLLA, 0);
		assert_int_not_equal(reg_read(m, SC_REG_MAGIC, 4), SC_MAGIC);
		add_again(m);
	}
	machine_stop(m);
}

/* Workers copy from and to guest memory, and a kernel never ends, while the card goes. */
static void pull_out_busy(struct machine *m)
{
	for (int i = 0; i < 5; i++) {
		struct queue copies, spin;

		card_map(m);
		queue_start(&copies, m, 0, QUEUE_VECTOR);
		queue_start(&spin, m, 1, QUEUE_VECTOR);
		for (int n = 0; n < 8; n++)
			queue_copy(&copies, SYSTEM(0x1000000), SYSTEM(0x2000000), 16 << 20);
		queue_spin(&spin, 0x8000);
		queue_ring(&copies);
		queue_ring(&spin);
		usleep(1000 * i);
		pull_out(m);
		add_again(m);
	}
	assert_string_equal(machine_stderr(m), "");
	machine_stop(m);
}

static void test_surprise_busy(void **state)
{
	(void)state;
	pull_out_busy(machine_start("cores=4,threads=2"));
	pull_out_busy(machine_start("cores=4,sync=on"));
	pull_out_busy(machine_start_bare("-device intel-iommu -device seedchip,bus=port0,id=card0,"
					 "vram=64M,cores=4,threads=2"));
}

static void test_no_slot(void **state)
{
	struct machine *m = machine_start_bare("-device seedchip,id=fixed,vram=2M,addr=9");

	(void)state;
	assert_non_null(strstr(qmp(m, "{\"execute\":\"qom-set\",\"arguments\":{\"path\":\"fixed\","
				     "\"property\":\"surprise-remove\",\"value\":true}}"),
			       "only a card in a slot"));
	machine_stop(m);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_device_del),
		cmocka_unit_test(test_surprise),
		cmocka_unit_test(test_surprise_busy),
		cmocka_unit_test(test_no_slot),
	};

	return machine_available() ? cmocka_run_group_tests(tests, NULL, NULL) : 4;
}
