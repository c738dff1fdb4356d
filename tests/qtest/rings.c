// SPDX-License-Identifier: MIT
/*
 * DMA: packets that a queue fetches from guest memory, what they read and write there, and what
 * happens when the host refuses an address; with and without a vIOMMU, with worker threads and on
 * the virtual clock.
 */
#include <linux/pci_regs.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

#include "tests/qtest/queue.h"

#define SOURCE	 0x1000000ULL
#define TARGET	 0x1800000ULL
#define TIMELINE 0x2000000ULL
#define BLOCK	 4096

static void put_pattern(struct machine *m, uint64_t addr, int seed)
{
	uint8_t data[BLOCK];

	for (int i = 0; i < BLOCK; i++)
		data[i] = (i * 7 + seed) ^ (i >> 8);
	mem_put(m, addr, data, sizeof(data));
}

static void check_pattern(struct machine *m, uint64_t addr, int seed)
{
	uint8_t data[BLOCK];

	mem_get(m, addr, data, sizeof(data));
	for (int i = 0; i < BLOCK; i++)
		assert_int_equal(data[i], (uint8_t)((i * 7 + seed) ^ (i >> 8)));
}

/* System memory to the card and back, a timeline, the queue's own state and its interrupt. */
static void round_trip(struct machine *m, int number, int seed)
{
	struct queue q;

	put_pattern(m, SOURCE, seed);
	queue_start(&q, m, number, QUEUE_VECTOR);
	mem_write(m, MSIX_LANDING + 4 * QUEUE_VECTOR, 0, 4);
	card_msix(m, MSIX_LANDING);
	queue_copy(&q, SYSTEM(SOURCE), 0x10000, BLOCK);
	queue_copy(&q, 0x10000, SYSTEM(TARGET), BLOCK);
	queue_signal(&q, SYSTEM(TIMELINE), 1000 + seed);
	reg_write(m, queue_reg(&q, SC_Q_ARM), q.index, 8);
	queue_ring(&q);
	assert_true(queue_done(&q));
	check_pattern(m, m->card + 0x10000, seed);
	check_pattern(m, TARGET, seed);
	assert_int_equal(mem_read(m, TIMELINE, 8), 1000 + seed);
	assert_true(mem_wait(m, MSIX_LANDING + 4 * QUEUE_VECTOR, QUEUE_VECTOR + 1, 4));
	assert_int_equal(reg_read(m, queue_reg(&q, SC_Q_RETIRED), 8), 3);
}

static void test_round_trip(void **state)
{
	struct machine *m = machine_start("strict=on");

	(void)state;
	card_map(m);
	for (int i = 0; i < 4; i++)
		round_trip(m, i, 17 * i);
	assert_string_equal(machine_stderr(m), "");
	machine_stop(m);
}

static void test_sync(void **state)
{
	struct machine *m = machine_start("strict=on,sync=on,latency=5000");

	(void)state;
	card_map(m);
	for (int i = 0; i < 4; i++)
		round_trip(m, i, 17 * i);
	machine_stop(m);
}

/* More laps of the ring than it has slots, odd sizes and addresses among them. */
static void test_laps(void **state)
{
	struct machine *m = machine_start("");
	struct queue q;

	(void)state;
	card_map(m);
	queue_start(&q, m, 7, QUEUE_VECTOR);
	for (int i = 0; i < 100; i++) {
		int size = 1 + i * 37 % BLOCK, skew = i % 13;

		put_pattern(m, SOURCE, i);
		mem_write(m, TARGET + skew + size, 0x5a, 1);
		queue_copy(&q, SYSTEM(SOURCE), SYSTEM(TARGET + skew), size);
		queue_ring(&q);
		assert_true(queue_done(&q));
		for (int at = 0; at < size; at += size > 64 ? size / 16 : 1)
			assert_int_equal(mem_read(m, TARGET + skew + at, 1),
					 mem_read(m, SOURCE + at, 1));
		assert_int_equal(mem_read(m, TARGET + skew + size, 1), 0x5a);
	}
	machine_stop(m);
}

static void check_bus_error(struct machine *m, int number, uint64_t addr, bool write)
{
	struct queue q;

	queue_start(&q, m, number, QUEUE_VECTOR);
	if (write)
		queue_copy(&q, 0x10000, SYSTEM(addr), 64);
	else
		queue_copy(&q, SYSTEM(addr), 0x10000, 64);
	queue_ring(&q);
	assert_true(queue_wait_state(&q, SC_QUEUE_FAULTED));
	assert_int_equal(SC_QUEUE_FAULT(queue_status(&q)), SC_STATUS_FAULT);
}

/* Addresses without memory, devices, and the card's own registers: a fault of that queue alone. */
static void test_refused(void **state)
{
	struct machine *m = machine_start("strict=on");
	static const uint64_t hole = 0x40000000, apic = 0xfee00000, rom = 0xffff0000;

	(void)state;
	card_map(m);
	check_bus_error(m, 0, hole, false);
	check_bus_error(m, 1, hole, true);
	check_bus_error(m, 2, apic, true);
	check_bus_error(m, 3, m->control + SC_REG_CONTROL, true);
	check_bus_error(m, 4, m->doorbells, true);
	check_bus_error(m, 5, m->control, false);
	check_bus_error(m, 6, rom, true);
	round_trip(m, 7, 1);
	assert_string_equal(machine_stderr(m), "");
	machine_stop(m);
}

/* Without bus mastering nothing moves, and nothing is lost either. */
static void test_master(void **state)
{
	struct machine *m = machine_start("");
	struct queue q;

	(void)state;
	card_map(m);
	put_pattern(m, SOURCE, 3);
	queue_start(&q, m, 0, QUEUE_VECTOR);
	/* before there is a packet: START itself looks at the ring, however late */
	card_cfg_write(m, PCI_COMMAND, PCI_COMMAND_MEMORY, 2);
	queue_copy(&q, SYSTEM(SOURCE), SYSTEM(TARGET), BLOCK);
	queue_ring(&q);
	for (int i = 0; i < 50; i++)
		assert_int_equal(reg_read(m, queue_reg(&q, SC_Q_RETIRED), 8), 0);
	card_cfg_write(m, PCI_COMMAND, PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER, 2);
	assert_true(queue_done(&q));
	check_pattern(m, TARGET, 3);
	machine_stop(m);
}

#define VIOMMU	      "-device intel-iommu -device seedchip,bus=port0,id=card0,vram=64M"
#define VTD	      0xfed90000ULL
#define VTD_GCMD      0x18
#define VTD_GSTS      0x1c
#define VTD_RTADDR    0x20
#define VTD_FECTL     0x38
#define VTD_FEDATA    0x3c
#define VTD_FEADDR    0x40
#define VTD_SRTP      (1u << 30)
#define VTD_TE	      (1u << 31)

/*
 * Behind a vIOMMU: first without translation, then with a root table that maps nothing, where
 * every access of the card has to fail without harm to QEMU.
 */
static void test_viommu(void **state)
{
	struct machine *m = machine_start_bare(VIOMMU ",strict=on");
	const uint64_t root = 0x300000;
	struct queue q;

	(void)state;
	card_map(m);
	for (int i = 0; i < 4; i++)
		round_trip(m, i, i);

	queue_start(&q, m, 5, QUEUE_VECTOR);
	queue_copy(&q, SYSTEM(SOURCE), SYSTEM(TARGET), 64);
	/* the vIOMMU reports faults by an interrupt to the processor, as under Linux */
	mem_write(m, VTD + VTD_FEDATA, 0x41, 4);
	mem_write(m, VTD + VTD_FEADDR, 0xfee00000, 4);
	mem_write(m, VTD + VTD_FECTL, 0, 4);
	mem_write(m, VTD + VTD_RTADDR, root, 8);
	mem_write(m, VTD + VTD_GCMD, VTD_SRTP, 4);
	assert_true(mem_wait(m, VTD + VTD_GSTS, VTD_SRTP, 4));
	mem_write(m, VTD + VTD_GCMD, VTD_TE, 4);
	assert_true(mem_wait(m, VTD + VTD_GSTS, VTD_SRTP | VTD_TE, 4));
	queue_ring(&q);
	assert_true(queue_wait_state(&q, SC_QUEUE_FAULTED));
	assert_int_equal(SC_QUEUE_FAULT(queue_status(&q)), SC_STATUS_FAULT);
	machine_stop(m);
}

/* Workers need the big lock for DMA while registers are hit all the time: nobody waits for ever. */
static void test_viommu_load(void **state)
{
	struct machine *m = machine_start_bare(VIOMMU ",cores=4,threads=2");
	struct queue q[4];

	(void)state;
	card_map(m);
	for (int i = 0; i < 4; i++) {
		queue_start(&q[i], m, i, QUEUE_VECTOR);
		for (int n = 0; n < 8; n++)
			queue_copy(&q[i], SYSTEM(SOURCE), SYSTEM(TARGET + i * 0x100000), 0x100000);
		queue_ring(&q[i]);
	}
	for (int i = 0; i < 4; i++)
		while (reg_read(m, queue_reg(&q[i], SC_Q_RETIRED), 8) < q[i].index)
			assert_int_equal(SC_QUEUE_FAULT(queue_status(&q[i])), 0);
	machine_stop(m);
}

static void flr(struct machine *m)
{
	int pcie = cfg_find(m, 1, 0, PCI_CAP_ID_EXP, false);

	card_cfg_write(m, pcie + PCI_EXP_DEVCTL, PCI_EXP_DEVCTL_BCR_FLR, 2);
}

/*
 * FLR with copies under way and a kernel that never ends: once it is written no access of the
 * card reaches memory any more, and the card is as new.
 */
static void reset_busy(struct machine *m)
{
	struct queue q[3];

	card_map(m);
	for (int i = 0; i < 5; i++) {
		for (int n = 0; n < 3; n++)
			queue_start(&q[n], m, n, QUEUE_VECTOR);
		for (int n = 0; n < 8; n++) {
			queue_copy(&q[0], SYSTEM(SOURCE), SYSTEM(TARGET), 0x100000);
			queue_copy(&q[1], SYSTEM(SOURCE), SYSTEM(TARGET), 0x100000);
		}
		put_pattern(m, SOURCE, i);
		queue_spin(&q[2], 0x8000);
		for (int n = 0; n < 3; n++)
			queue_ring(&q[n]);
		usleep(3000 * i);
		flr(m);
		put_pattern(m, TARGET, 100 + i);
		card_map(m);
		assert_true(reg_wait(m, SC_REG_STATUS, ~0u, SC_DEVICE_READY));
		check_pattern(m, TARGET, 100 + i);
		round_trip(m, 3, i);
	}
	assert_string_equal(machine_stderr(m), "");
	machine_stop(m);
}

static void test_reset_busy(void **state)
{
	(void)state;
	reset_busy(machine_start("strict=on,cores=4,threads=3"));
	reset_busy(machine_start("strict=on,cores=4,sync=on"));
	reset_busy(machine_start_bare(VIOMMU ",strict=on,cores=4,threads=3"));
}

/* With test=on the guest's instruction counter can be read, and does not count the reader. */
static void test_icount(void **state)
{
	struct machine *m = machine_start("test=on,sync=on -icount shift=0,sleep=off");
	uint64_t count;

	(void)state;
	card_map(m);
	assert_true(reg_read(m, SC_REG_FEATURES, 8) & SC_FEATURE_TEST);
	round_trip(m, 0, 1);
	count = reg_read(m, SC_REG_GUEST_ICOUNT, 8);
	assert_int_equal(count, reg_read(m, SC_REG_GUEST_ICOUNT, 8));
	assert_in_range(count, 1, 1000);
	machine_stop(m);

	m = machine_start("strict=on");
	card_map(m);
	reg_read(m, SC_REG_GUEST_ICOUNT, 8);
	assert_true(qmp_event(m, "\"STOP\""));
	assert_non_null(strstr(machine_stderr(m), "seedchip: strict: REG_UNKNOWN: "));
	machine_stop(m);
}

/* Modelled cycles of a copy on a machine from a file, which also decides cores and clock. */
static void test_timing(void **state)
{
	struct machine *m = machine_start("timing=on,config=tools/perf/configs/example-ws.conf");
	uint64_t cycles;
	struct queue q;

	(void)state;
	card_map(m);
	assert_int_equal(reg_read(m, SC_REG_NUM_CORES, 4), 1);
	assert_int_equal(reg_read(m, SC_REG_CLOCK_KHZ, 4), 700000);
	assert_int_equal(reg_read(m, SC_REG_TCM_SIZE, 4), 8 << 20);
	queue_start(&q, m, 0, QUEUE_VECTOR);
	queue_copy(&q, 0x10000, 0x40000, 1 << 16);
	queue_ring(&q);
	assert_true(queue_done(&q));
	/* read and written at 34 GB/s and 0.7 GHz, behind the latency */
	cycles = mem_read(m, QUEUE_STATE(0) + offsetof(struct sc_queue_state, cycles), 8);
	assert_int_equal(cycles, 960 + (2ull << 16) * 700 / 34000);
	machine_stop(m);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_round_trip), cmocka_unit_test(test_sync),
		cmocka_unit_test(test_laps),	   cmocka_unit_test(test_refused),
		cmocka_unit_test(test_master),	   cmocka_unit_test(test_viommu),
		cmocka_unit_test(test_viommu_load), cmocka_unit_test(test_reset_busy),
		cmocka_unit_test(test_icount),	   cmocka_unit_test(test_timing),
	};

	return machine_available() ? cmocka_run_group_tests(tests, NULL, NULL) : 4;
}
