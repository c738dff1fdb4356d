// SPDX-License-Identifier: MIT
/*
 * Virtual functions: the capability, how the card is cut, what each function can reach and reset,
 * and how functions go, with and without the card, idle and at work.
 */
#include <dirent.h>
#include <linux/pci_regs.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

#include "tests/qtest/machine.h"
#include "tests/qtest/queue.h"

#define PORT_DEV 4

/* Where the BARs of virtual functions begin. */
#define VF_CONTROL  0xe1000000ULL
#define VF_DOORBELL 0xe2000000ULL
#define VF_CARD	    0x880000000ULL

static int cap;

static uint64_t vf_bar_size(struct machine *m, int bar)
{
	int reg = cap + PCI_SRIOV_BAR + 4 * bar;
	uint64_t mask;

	card_cfg_write(m, reg, ~0u, 4);
	card_cfg_write(m, reg + 4, ~0u, 4);
	mask = card_cfg(m, reg, 4) & ~0xfu;
	mask |= (uint64_t)card_cfg(m, reg + 4, 4) << 32;
	return ~mask + 1;
}

static void set_vf_bar(struct machine *m, int bar, uint64_t addr)
{
	card_cfg_write(m, cap + PCI_SRIOV_BAR + 4 * bar, addr, 4);
	card_cfg_write(m, cap + PCI_SRIOV_BAR + 4 * bar + 4, addr >> 32, 4);
}

static uint32_t vf_cfg(struct machine *m, int vf, int reg, int size)
{
	return cfg_read(m, 1, 0, vf << 12 | reg, size);
}

static void vf_cfg_write(struct machine *m, int vf, int reg, uint32_t value, int size)
{
	cfg_write(m, 1, 0, vf << 12 | reg, value, size);
}

/* Accesses of the next calls go to this function; 0: the physical one. */
static void use(struct machine *m, int function)
{
	static uint64_t sizes[3];

	if (function && !sizes[0])
		for (int i = 0; i < 3; i++)
			sizes[i] = vf_bar_size(m, 2 * i);
	m->control = 0xe0000000ULL;
	m->doorbells = 0xe0200000ULL;
	m->card = 0x800000000ULL;
	if (function) {
		m->control = VF_CONTROL + (function - 1) * sizes[0];
		m->doorbells = VF_DOORBELL + (function - 1) * sizes[1];
		m->card = VF_CARD + (function - 1) * sizes[2];
	}
}

static void enable(struct machine *m, int count)
{
	set_vf_bar(m, SC_BAR_CONTROL, VF_CONTROL);
	set_vf_bar(m, SC_BAR_DOORBELL, VF_DOORBELL);
	set_vf_bar(m, SC_BAR_CARD, VF_CARD);
	card_cfg_write(m, cap + PCI_SRIOV_NUM_VF, count, 2);
	card_cfg_write(m, cap + PCI_SRIOV_CTRL, PCI_SRIOV_CTRL_VFE | PCI_SRIOV_CTRL_MSE, 2);
	for (int vf = 1; vf <= count; vf++)
		vf_cfg_write(m, vf, PCI_COMMAND, PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER, 2);
}

static void disable(struct machine *m)
{
	card_cfg_write(m, cap + PCI_SRIOV_CTRL, 0, 2);
}

/* The cut of 64M, 8 cores, 100 queues for three functions. */
static struct machine *start(const char *more)
{
	char props[128];
	struct machine *m;

	snprintf(props, sizeof(props), "vfs=2,queues=100,cores=8%s", more);
	m = machine_start(props);
	card_map(m);
	cap = cfg_find(m, 1, 0, PCI_EXT_CAP_ID_SRIOV, true);
	use(m, 1);
	use(m, 0);
	return m;
}

static void test_capability(void **state)
{
	struct machine *m = machine_start("");

	(void)state;
	card_map(m);
	assert_int_equal(cfg_find(m, 1, 0, PCI_EXT_CAP_ID_SRIOV, true), 0);
	assert_int_equal(cfg_find(m, 1, 0, PCI_EXT_CAP_ID_ARI, true), 0);
	machine_stop(m);

	m = start("");
	assert_int_not_equal(cap, 0);
	assert_int_not_equal(cfg_find(m, 1, 0, PCI_EXT_CAP_ID_ARI, true), 0);
	assert_int_equal(card_cfg(m, cap + PCI_SRIOV_INITIAL_VF, 2), 2);
	assert_int_equal(card_cfg(m, cap + PCI_SRIOV_TOTAL_VF, 2), 2);
	assert_int_equal(card_cfg(m, cap + PCI_SRIOV_NUM_VF, 2), 0);
	assert_int_equal(card_cfg(m, cap + PCI_SRIOV_VF_DID, 2), SC_PCI_DEVICE_VF);
	assert_int_equal(card_cfg(m, cap + PCI_SRIOV_VF_OFFSET, 2), 1);
	assert_int_equal(card_cfg(m, cap + PCI_SRIOV_VF_STRIDE, 2), 1);
	assert_int_equal(vf_bar_size(m, SC_BAR_CONTROL), SC_CONTROL_SIZE);
	assert_int_equal(vf_bar_size(m, SC_BAR_DOORBELL), 64 * 4096);
	assert_int_equal(vf_bar_size(m, SC_BAR_CARD), 16 << 20);
	assert_int_equal(card_cfg(m, cap + PCI_SRIOV_BAR + 4 * SC_BAR_CARD, 4) & 0xf,
			 PCI_BASE_ADDRESS_MEM_TYPE_64 | PCI_BASE_ADDRESS_MEM_PREFETCH);
	assert_int_equal(vf_cfg(m, 1, PCI_VENDOR_ID, 4), ~0u);
	machine_stop(m);
}

static void test_count(void **state)
{
	struct machine *m = start("");

	(void)state;
	/* more than there are: none */
	enable(m, 3);
	assert_int_equal(card_cfg(m, cap + PCI_SRIOV_NUM_VF, 2), 0);
	assert_int_equal(vf_cfg(m, 1, PCI_COMMAND, 2), 0xffff);
	disable(m);
	enable(m, 1);
	assert_int_not_equal(vf_cfg(m, 1, PCI_COMMAND, 2), 0xffff);
	assert_int_equal(vf_cfg(m, 2, PCI_COMMAND, 2), 0xffff);
	/* fixed while they are enabled */
	card_cfg_write(m, cap + PCI_SRIOV_NUM_VF, 2, 2);
	assert_int_equal(card_cfg(m, cap + PCI_SRIOV_NUM_VF, 2), 1);
	disable(m);
	assert_int_equal(vf_cfg(m, 1, PCI_COMMAND, 2), 0xffff);
	use(m, 1);
	assert_int_not_equal(reg_read(m, SC_REG_MAGIC, 4), SC_MAGIC);
	machine_stop(m);
}

static void test_slices(void **state)
{
	static const struct {
		uint32_t cores, queues;
		uint64_t memory;
	} want[] = { { 4, 34, 32 << 20 }, { 2, 33, 16 << 20 }, { 2, 33, 16 << 20 } };
	struct machine *m = start(",serial=77,strict=on");

	(void)state;
	enable(m, 2);
	for (int f = 0; f < 3; f++) {
		uint64_t kind = SC_FEATURE_VIRTUAL | SC_FEATURE_TELEMETRY;

		use(m, f);
		assert_int_equal(reg_read(m, SC_REG_MAGIC, 4), SC_MAGIC);
		assert_int_equal(reg_read(m, SC_REG_FUNCTION, 4), f);
		assert_int_equal(reg_read(m, SC_REG_SERIAL, 8), 77);
		assert_int_equal(reg_read(m, SC_REG_NUM_CORES, 4), want[f].cores);
		assert_int_equal(reg_read(m, SC_REG_CORE_MASK, 8), (1 << want[f].cores) - 1);
		assert_int_equal(reg_read(m, SC_REG_NUM_QUEUES, 4), want[f].queues);
		assert_int_equal(reg_read(m, SC_REG_CARD_SIZE, 8), want[f].memory);
		assert_int_equal(reg_read(m, SC_REG_CARD_VISIBLE_SIZE, 8), want[f].memory);
		assert_int_equal(reg_read(m, SC_REG_FEATURES, 8) & kind,
				 f ? SC_FEATURE_VIRTUAL : SC_FEATURE_TELEMETRY);
	}
	assert_string_equal(machine_stderr(m), "");
	machine_stop(m);
}

static int flr_of(struct machine *m)
{
	return cfg_find(m, 1, 0, PCI_CAP_ID_EXP, false) + PCI_EXP_DEVCTL;
}

/* Each has memory of its own, and one's reset is not the other's. */
static void test_apart(void **state)
{
	struct machine *m = start("");
	struct queue spin, own, other;

	(void)state;
	enable(m, 2);
	for (int f = 0; f < 3; f++) {
		use(m, f);
		mem_write(m, m->card + 4096, 0x1000 + f, 8);
	}
	for (int f = 0; f < 3; f++) {
		use(m, f);
		assert_int_equal(mem_read(m, m->card + 4096, 8), 0x1000 + f);
	}
	use(m, 0);
	queue_start(&spin, m, 0, QUEUE_VECTOR);
	queue_spin(&spin, 0x8000);
	queue_ring(&spin);
	assert_true(queue_wait_state(&spin, SC_QUEUE_RUNNING));

	/* relative to the function, and bounded by its size */
	use(m, 1);
	queue_start(&own, m, 1, QUEUE_VECTOR);
	queue_copy(&own, 4096, SYSTEM(0x1000000), 8);
	queue_ring(&own);
	assert_true(queue_done(&own));
	assert_int_equal(mem_read(m, 0x1000000, 8), 0x1001);
	queue_copy(&own, 16 << 20, SYSTEM(0x1000000), 8);
	queue_ring(&own);
	assert_true(queue_wait_state(&own, SC_QUEUE_FAULTED));
	assert_int_equal(mem_read(m, 0x1000000, 8), 0x1001);

	/* FLR of this one */
	vf_cfg_write(m, 1, flr_of(m), PCI_EXP_DEVCTL_BCR_FLR, 2);
	vf_cfg_write(m, 1, PCI_COMMAND, PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER, 2);
	assert_true(reg_wait(m, SC_REG_STATUS, ~0u, SC_DEVICE_READY));
	assert_int_equal(reg_read(m, SC_REG_RESET_CAUSE, 4), SC_RESET_CAUSE_FLR);
	assert_int_equal(reg_read(m, SC_REG_GENERATION, 4), 1);
	assert_int_equal(mem_read(m, m->card + 4096, 8), 0x1001);
	for (int f = 0; f < 3; f += 2) {
		use(m, f);
		assert_int_equal(reg_read(m, SC_REG_GENERATION, 4), 0);
	}
	use(m, 0);
	assert_true(queue_wait_state(&spin, SC_QUEUE_RUNNING));

	/* a reset of the physical function by register */
	use(m, 2);
	queue_start(&other, m, 2, QUEUE_VECTOR);
	queue_spin(&other, 0x8000);
	queue_ring(&other);
	assert_true(queue_wait_state(&other, SC_QUEUE_RUNNING));
	use(m, 0);
	reg_write(m, SC_REG_RESET, SC_RESET_KEY, 4);
	assert_true(reg_wait(m, SC_REG_STATUS, ~0u, SC_DEVICE_READY));
	assert_int_equal(reg_read(m, SC_REG_GENERATION, 4), 1);
	use(m, 2);
	assert_int_equal(reg_read(m, SC_REG_GENERATION, 4), 0);
	assert_true(queue_wait_state(&other, SC_QUEUE_RUNNING));
	machine_stop(m);
}

/* FLR of the card and bus reset take its virtual functions and what they had. */
static void test_card_reset(void **state)
{
	struct machine *m = start("");

	(void)state;
	for (int bus = 0; bus < 2; bus++) {
		enable(m, 2);
		use(m, 2);
		mem_write(m, m->card + 4096, 0x5eed5eed5eed5eed, 8);
		use(m, 0);
		mem_write(m, m->card + 4096, 0x5eed5eed5eed5eed, 8);
		if (bus) {
			cfg_write(m, 0, PORT_DEV, PCI_BRIDGE_CONTROL, PCI_BRIDGE_CTL_BUS_RESET, 2);
			cfg_write(m, 0, PORT_DEV, PCI_BRIDGE_CONTROL, 0, 2);
		} else {
			card_cfg_write(m, flr_of(m), PCI_EXP_DEVCTL_BCR_FLR, 2);
		}
		assert_int_equal(card_cfg(m, cap + PCI_SRIOV_CTRL, 2), 0);
		assert_int_equal(card_cfg(m, cap + PCI_SRIOV_NUM_VF, 2), 0);
		assert_int_equal(card_cfg(m, cap + PCI_SRIOV_BAR, 4), PCI_BASE_ADDRESS_MEM_TYPE_64);
		assert_int_equal(vf_cfg(m, 1, PCI_COMMAND, 2), 0xffff);
		card_map(m);
		assert_true(reg_wait(m, SC_REG_STATUS, ~0u, SC_DEVICE_READY));
		assert_int_equal(mem_read(m, m->card + 4096, 8), 0x5eed5eed5eed5eed);
		enable(m, 2);
		use(m, 2);
		assert_int_equal(reg_read(m, SC_REG_RESET_CAUSE, 4), SC_RESET_CAUSE_POWER);
		assert_int_not_equal(mem_read(m, m->card + 4096, 8), 0x5eed5eed5eed5eed);
		use(m, 0);
		disable(m);
	}
	machine_stop(m);
}

/* The card sleeps or dies: so do its functions. */
static void test_power(void **state)
{
	struct machine *m = start("");
	int pm = cfg_find(m, 1, 0, PCI_CAP_ID_PM, false) + PCI_PM_CTRL;

	(void)state;
	enable(m, 1);
	vf_cfg_write(m, 1, pm, PCI_PM_CTRL_STATE_MASK, 2);
	use(m, 1);
	assert_int_equal(reg_read(m, SC_REG_MAGIC, 4), ~0u);
	use(m, 0);
	assert_int_equal(reg_read(m, SC_REG_MAGIC, 4), SC_MAGIC);
	vf_cfg_write(m, 1, pm, 0, 2);
	card_cfg_write(m, pm, PCI_PM_CTRL_STATE_MASK, 2);
	use(m, 1);
	assert_int_equal(reg_read(m, SC_REG_MAGIC, 4), ~0u);
	assert_int_equal(mem_read(m, m->card, 4), ~0u);
	card_cfg_write(m, pm, 0, 2);
	assert_int_equal(reg_read(m, SC_REG_MAGIC, 4), SC_MAGIC);
	assert_int_equal(mem_read(m, m->card, 4), 0);

	qmp_ok(m, "{\"execute\":\"qom-set\",\"arguments\":{\"path\":\"card0\","
		  "\"property\":\"dead\",\"value\":true}}");
	assert_int_equal(reg_read(m, SC_REG_MAGIC, 4), ~0u);
	assert_int_equal(vf_cfg(m, 1, PCI_COMMAND, 2), 0xffff);
	qmp_ok(m, "{\"execute\":\"qom-set\",\"arguments\":{\"path\":\"card0\","
		  "\"property\":\"dead\",\"value\":false}}");
	assert_true(reg_wait(m, SC_REG_STATUS, ~0u, SC_DEVICE_READY));
	machine_stop(m);
}

static int threads(struct machine *m)
{
	char path[64];
	int n = 0;
	DIR *dir;

	snprintf(path, sizeof(path), "/proc/%d/task", m->pid);
	dir = opendir(path);
	while (dir && readdir(dir))
		n++;
	if (dir)
		closedir(dir);
	return n;
}

/* The workers of functions that have gone go, too. */
static bool threads_become(struct machine *m, int count)
{
	for (int i = 0; i < 10000 && threads(m) != count; i++)
		usleep(3000);
	return threads(m) == count;
}

static void work_in(struct machine *m, int vf)
{
	struct queue copies, spin;

	use(m, vf);
	queue_start(&copies, m, 2 * vf, QUEUE_VECTOR);
	queue_start(&spin, m, 2 * vf + 1, QUEUE_VECTOR);
	for (int n = 0; n < 8; n++)
		queue_copy(&copies, SYSTEM(0x1000000), SYSTEM(0x2000000), 16 << 20);
	queue_spin(&spin, 0x8000);
	queue_ring(&copies);
	queue_ring(&spin);
}

static void disable_busy(struct machine *m)
{
	struct queue spin;
	int before;

	/* QEMU's own threads have started by the time a card computes */
	queue_start(&spin, m, 0, QUEUE_VECTOR);
	queue_spin(&spin, 0x8000);
	queue_ring(&spin);
	assert_true(queue_wait_state(&spin, SC_QUEUE_RUNNING));
	before = threads(m);
	for (int i = 0; i < 5; i++) {
		enable(m, 2);
		work_in(m, 1);
		work_in(m, 2);
		usleep(1000 * i);
		disable(m);
		assert_int_equal(vf_cfg(m, 2, PCI_COMMAND, 2), 0xffff);
		assert_non_null(strstr(qmp(m, "{\"execute\":\"qom-get\",\"arguments\":{\"path\":"
					     "\"card0\",\"property\":\"vf1\"}}"), "error"));
		use(m, 0);
		assert_int_equal(reg_read(m, SC_REG_GENERATION, 4), 0);
	}
	assert_true(threads_become(m, before));
	assert_true(queue_wait_state(&spin, SC_QUEUE_RUNNING));
	assert_string_equal(machine_stderr(m), "");
	machine_stop(m);
}

static void test_disable_busy(void **state)
{
	(void)state;
	disable_busy(start(",threads=2"));
	disable_busy(start(",sync=on"));
}

static void slot_power(struct machine *m, bool on)
{
	int reg = cfg_find(m, 0, PORT_DEV, PCI_CAP_ID_EXP, false) + PCI_EXP_SLTCTL;

	cfg_write(m, 0, PORT_DEV, reg, on ? PCI_EXP_SLTCTL_PWR_IND_ON :
				       PCI_EXP_SLTCTL_PCC | PCI_EXP_SLTCTL_PWR_IND_OFF, 2);
}

/* The card goes with functions enabled and at work. */
static void test_removal_busy(void **state)
{
	struct machine *m = start(",threads=2");

	(void)state;
	slot_power(m, true);
	for (int i = 0; i < 6; i++) {
		m->events_len = 0;
		m->events[0] = 0;
		enable(m, 2);
		work_in(m, 1);
		work_in(m, 2);
		work_in(m, 0);
		if (i & 1) {
			qmp_ok(m, "{\"execute\":\"qom-set\",\"arguments\":{\"path\":\"card0\","
				  "\"property\":\"surprise-remove\",\"value\":true}}");
		} else {
			qmp_ok(m, "{\"execute\":\"device_del\",\"arguments\":{\"id\":\"card0\"}}");
			slot_power(m, false);
		}
		assert_true(qmp_event(m, "DEVICE_DELETED"));
		assert_int_equal(vf_cfg(m, 0, PCI_VENDOR_ID, 4), ~0u);
		assert_int_equal(vf_cfg(m, 2, PCI_COMMAND, 2), 0xffff);
		qmp_ok(m, "{\"execute\":\"device_add\",\"arguments\":{\"driver\":\"seedchip\","
			  "\"id\":\"card0\",\"bus\":\"port0\",\"vram\":\"64M\",\"vfs\":2,"
			  "\"queues\":100,\"cores\":8,\"threads\":2}}");
		slot_power(m, true);
		card_map(m);
		use(m, 0);
		assert_int_equal(reg_read(m, SC_REG_RESET_CAUSE, 4), SC_RESET_CAUSE_POWER);
	}
	assert_string_equal(machine_stderr(m), "");
	machine_stop(m);
}

/* A machine is not saved while functions are enabled; without them nothing stands in the way. */
static void test_snapshot(void **state)
{
	struct machine *m = start("");

	(void)state;
	enable(m, 1);
	assert_non_null(strstr(hmp(m, "savevm a"), "non-migratable device"));
	disable(m);
	assert_null(strstr(hmp(m, "savevm a"), "non-migratable"));
	machine_stop(m);
}

static void test_refusals(void **state)
{
	(void)state;
	assert_non_null(strstr(machine_refusal("-plugin build/qemu-device/seedchip.so "
					       "-device seedchip,bus=port0,vfs=64"),
			       "vfs=64 is out of range: 0 to 63"));
	assert_non_null(strstr(machine_refusal("-plugin build/qemu-device/seedchip.so "
					       "-device seedchip,bus=port0,vfs=8"),
			       "vfs=8 leaves 0 cores"));
	assert_non_null(strstr(machine_refusal("-plugin build/qemu-device/seedchip.so "
					       "-device seedchip-vf,bus=port0"),
			       "seedchip-vf"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_capability),   cmocka_unit_test(test_count),
		cmocka_unit_test(test_slices),	     cmocka_unit_test(test_apart),
		cmocka_unit_test(test_card_reset),   cmocka_unit_test(test_power),
		cmocka_unit_test(test_disable_busy), cmocka_unit_test(test_removal_busy),
		cmocka_unit_test(test_snapshot),    cmocka_unit_test(test_refusals),
	};

	return machine_available() ? cmocka_run_group_tests(tests, NULL, NULL) : 4;
}
