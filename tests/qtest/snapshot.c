// SPDX-License-Identifier: MIT
/*
 * An idle card is saved and loaded with its machine: registers, queues and all of card memory,
 * by savevm and by migration to a file. A busy one refuses, and goes on.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

#include "tests/qtest/queue.h"

#define SOURCE 0x1000000ULL
#define TARGET 0x1800000ULL
#define HIDDEN (48 << 20) /* card memory that the BAR does not reach */
#define PROPS  "bar=16M,threads=2"

static char folder[64];

/* A queue that has run, a value in each kind of memory, some registers. */
static void prepare(struct machine *m, struct queue *q)
{
	card_map(m);
	mem_write(m, SOURCE, 0x1111222233334444, 8);
	mem_write(m, m->card + 0x5000, 0x5555666677778888, 8);
	queue_start(q, m, 3, QUEUE_VECTOR);
	queue_copy(q, SYSTEM(SOURCE), HIDDEN, 4096);
	queue_ring(q);
	assert_true(queue_done(q));
	reg_write(m, SC_REG_IRQ_ENABLE, SC_IRQ_COMMAND, 4);
}

/* ... is all there, and the queue goes on where it was. */
static void check(struct machine *m, struct queue *q)
{
	q->m = m;
	assert_int_equal(reg_read(m, SC_REG_MAGIC, 4), SC_MAGIC);
	assert_int_equal(reg_read(m, SC_REG_IRQ_ENABLE, 4), SC_IRQ_COMMAND);
	assert_int_equal(reg_read(m, SC_REG_CONTROL, 4), SC_CONTROL_ENABLE);
	assert_int_equal(reg_read(m, queue_reg(q, SC_Q_RETIRED), 8), q->index);
	assert_int_equal(mem_read(m, m->card + 0x5000, 8), 0x5555666677778888);
	mem_write(m, TARGET, 0, 8);
	queue_copy(q, HIDDEN, SYSTEM(TARGET), 4096);
	queue_ring(q);
	assert_true(queue_done(q));
	assert_int_equal(mem_read(m, TARGET, 8), 0x1111222233334444);
}

static void job_wait(struct machine *m, const char *id)
{
	for (int i = 0; i < 1000; i++) {
		const char *text = qmp_ok(m, "{\"execute\":\"query-jobs\"}");

		assert_null(strstr(text, "\"error\""));
		if (strstr(text, "\"concluded\"")) {
			qmp_ok(m, "{\"execute\":\"job-dismiss\",\"arguments\":{"
				  "\"id\":\"%s\"}}", id);
			return;
		}
		usleep(10000);
	}
	fail_msg("job %s does not end", id);
}

/* A qcow2 image to hold snapshots, made by QEMU itself. */
static void add_disk(struct machine *m)
{
	qmp_ok(m, "{\"execute\":\"blockdev-create\",\"arguments\":{\"job-id\":\"a\",\"options\":"
		  "{\"driver\":\"file\",\"filename\":\"%s/disk\",\"size\":0}}}", folder);
	job_wait(m, "a");
	qmp_ok(m, "{\"execute\":\"blockdev-add\",\"arguments\":{\"driver\":\"file\","
		  "\"node-name\":\"file\",\"filename\":\"%s/disk\"}}", folder);
	qmp_ok(m, "{\"execute\":\"blockdev-create\",\"arguments\":{\"job-id\":\"b\",\"options\":"
		  "{\"driver\":\"qcow2\",\"file\":\"file\",\"size\":1048576}}}");
	job_wait(m, "b");
	qmp_ok(m, "{\"execute\":\"blockdev-add\",\"arguments\":{\"driver\":\"qcow2\","
		  "\"node-name\":\"disk\",\"file\":\"file\"}}");
	qmp_ok(m, "{\"execute\":\"device_add\",\"arguments\":{\"driver\":\"virtio-blk-pci\","
		  "\"drive\":\"disk\",\"bus\":\"port1\"}}");
}

static void remove_disk(void)
{
	char path[96];

	snprintf(path, sizeof(path), "%s/disk", folder);
	assert_int_equal(unlink(path), 0);
}

static void check_silent(const char *text)
{
	if (!strstr(text, "\"return\": \"\""))
		fail_msg("%s", text);
}

static void test_savevm(void **state)
{
	struct machine *m = machine_start(PROPS
		" -device pcie-root-port,id=port1,addr=5,chassis=2,slot=2");
	struct queue q, saved;

	(void)state;
	add_disk(m);
	prepare(m, &q);
	check_silent(hmp(m, "savevm one"));
	saved = q;
	check(m, &q);

	/* spoil it all, then go back, twice */
	for (int i = 0; i < 2; i++) {
		mem_write(m, m->card + 0x5000, 0, 8);
		mem_write(m, SOURCE, 0, 8);
		queue_copy(&q, SYSTEM(SOURCE), HIDDEN, 4096);
		queue_ring(&q);
		assert_true(queue_done(&q));
		reg_write(m, SC_REG_RESET, SC_RESET_KEY, 4);
		check_silent(hmp(m, "loadvm one"));
		q = saved;
		check(m, &q);
	}
	machine_stop(m);
	remove_disk();
}

static void migrate_wait(struct machine *m, const char *expect)
{
	for (int i = 0; i < 1000; i++) {
		const char *text = qmp_ok(m, "{\"execute\":\"query-migrate\"}");

		if (strstr(text, expect))
			return;
		if (strstr(text, "\"failed\"") || strstr(text, "\"completed\""))
			fail_msg("%s%s", text, machine_stderr(m));
		usleep(10000);
	}
	fail_msg("migration does not end");
}

/* Start from a saved state; it runs when all of that is there. */
static struct machine *machine_incoming(const char *args)
{
	struct machine *m = machine_start(args);

	assert_true(qmp_event(m, "\"RESUME\""));
	m->control = 0xe0000000;
	m->doorbells = 0xe0200000;
	m->card = 0x800000000;
	return m;
}

static void test_migrate(void **state)
{
	struct machine *m = machine_start(PROPS);
	const char *text;
	struct queue q;
	char args[256];

	(void)state;
	prepare(m, &q);
	qmp_ok(m, "{\"execute\":\"migrate\",\"arguments\":{\"uri\":\"exec:cat >%s/state\"}}",
	       folder);
	migrate_wait(m, "\"completed\"");
	machine_stop(m);
	snprintf(args, sizeof(args), PROPS " -incoming exec:cat<%s/state", folder);
	m = machine_incoming(args);
	check(m, &q);
	machine_stop(m);

	/* another card than the saved one is refused by name */
	snprintf(args, sizeof(args), "-device seedchip,bus=port0,id=card0,vram=64M,"
		 "bar=16M,cores=4 -incoming exec:cat<%s/state", folder);
	text = machine_end(args);
	if (!strstr(text, "seedchip: card0: the saved state does not fit"))
		fail_msg("%s", text);
}

static void test_busy(void **state)
{
	struct machine *m = machine_start(PROPS
		" -device pcie-root-port,id=port1,addr=5,chassis=2,slot=2");
	const char *text;
	struct queue q;

	(void)state;
	add_disk(m);
	prepare(m, &q);
	queue_spin(&q, 0x8000);
	queue_ring(&q);
	assert_true(queue_wait_state(&q, SC_QUEUE_RUNNING));
	text = hmp(m, "savevm two");
	if (!strstr(text, "card0 has work in progress and cannot be saved"))
		fail_msg("%s%s", text, machine_stderr(m));
	assert_non_null(strstr(qmp_ok(m, "{\"execute\":\"query-status\"}"), "\"running\": true"));
	assert_int_equal(queue_status(&q) & 0xf, SC_QUEUE_RUNNING);

	/* the way out is the driver's: reset the queue */
	reg_write(m, queue_reg(&q, SC_Q_COMMAND), SC_QUEUE_CMD_RESET, 4);
	assert_true(queue_wait_state(&q, SC_QUEUE_STOPPED));
	check_silent(hmp(m, "savevm two"));
	machine_stop(m);
	remove_disk();
}

/* What the card writes while a migration is under way arrives too, hidden memory included. */
static void test_migrate_live(void **state)
{
	struct machine *m = machine_start(PROPS);
	struct queue q;
	char args[256];

	(void)state;
	prepare(m, &q);
	mem_write(m, SOURCE, 0x9999999999999999, 8);
	qmp_ok(m, "{\"execute\":\"migrate-set-parameters\",\"arguments\":{"
		  "\"max-bandwidth\":20000}}");
	qmp_ok(m, "{\"execute\":\"migrate\",\"arguments\":{\"uri\":\"exec:cat >%s/state\"}}",
	       folder);
	usleep(300000);
	assert_non_null(strstr(qmp_ok(m, "{\"execute\":\"query-migrate\"}"), "\"active\""));
	queue_copy(&q, SYSTEM(SOURCE), HIDDEN, 4096);
	queue_ring(&q);
	assert_true(queue_done(&q));
	mem_write(m, SOURCE, 0x1111222233334444, 8);
	queue_copy(&q, SYSTEM(SOURCE), HIDDEN, 4096);
	queue_ring(&q);
	assert_true(queue_done(&q));
	mem_write(m, m->card + 0x5000, 0x5555666677778888, 8);
	qmp_ok(m, "{\"execute\":\"migrate-set-parameters\",\"arguments\":{"
		  "\"max-bandwidth\":1000000000}}");
	migrate_wait(m, "\"completed\"");
	machine_stop(m);
	snprintf(args, sizeof(args), PROPS " -incoming exec:cat<%s/state", folder);
	m = machine_incoming(args);
	check(m, &q);
	machine_stop(m);
}

/* Going back while the card works: nothing of that work reaches the memory of the past. */
static void load_busy(struct machine *m)
{
	struct queue q, saved, copies;

	add_disk(m);
	prepare(m, &q);
	mem_write(m, TARGET + 0x100000, 0x7777777777777777, 8);
	check_silent(hmp(m, "savevm one"));
	saved = q;
	for (int i = 0; i < 3; i++) {
		queue_spin(&q, 0x8000);
		queue_start(&copies, m, 5, QUEUE_VECTOR);
		for (int n = 0; n < 8; n++)
			queue_copy(&copies, SYSTEM(SOURCE), SYSTEM(TARGET), 8 << 20);
		queue_ring(&q);
		queue_ring(&copies);
		usleep(2000 * i);
		check_silent(hmp(m, "loadvm one"));
		q = saved;
		assert_int_equal(mem_read(m, TARGET + 0x100000, 8), 0x7777777777777777);
		check(m, &q);
	}
	machine_stop(m);
}

static void test_load_busy(void **state)
{
	(void)state;
	load_busy(machine_start(PROPS " -device pcie-root-port,id=port1,addr=5,chassis=2,slot=2"));
	remove_disk();
	load_busy(machine_start_bare("-device intel-iommu -device seedchip,id=card0,bus=port0,"
				     "vram=64M," PROPS
				     " -device pcie-root-port,id=port1,addr=5,chassis=2,slot=2"));
	remove_disk();
}

/* An interrupt that is due while the VM stands still comes when it goes on, if saved or not. */
static void test_interrupt(void **state)
{
	struct machine *m = machine_start(PROPS
		" -device pcie-root-port,id=port1,addr=5,chassis=2,slot=2");
	const uint64_t message = MSIX_LANDING + 4 * QUEUE_VECTOR;
	struct queue q;

	(void)state;
	add_disk(m);
	prepare(m, &q);
	card_msix(m, MSIX_LANDING);
	mem_write(m, message, 0, 4);
	qmp_ok(m, "{\"execute\":\"stop\"}");
	reg_write(m, queue_reg(&q, SC_Q_ARM), q.index, 8);
	assert_int_equal(reg_read(m, queue_reg(&q, SC_Q_ARM), 8), ~0ULL);
	check_silent(hmp(m, "savevm one"));
	for (int i = 0; i < 2; i++) {
		assert_int_equal(mem_read(m, message, 4), 0);
		qmp_ok(m, "{\"execute\":\"cont\"}");
		assert_true(mem_wait(m, message, QUEUE_VECTOR + 1, 4));
		qmp_ok(m, "{\"execute\":\"stop\"}");
		check_silent(hmp(m, "loadvm one"));
	}
	machine_stop(m);
	remove_disk();
}

static int make_folder(void **state)
{
	(void)state;
	strcpy(folder, "/tmp/seedchip-snapshot.XXXXXX");
	return !mkdtemp(folder);
}

static int remove_folder(void **state)
{
	char path[96];

	(void)state;
	snprintf(path, sizeof(path), "%s/state", folder);
	unlink(path);
	return rmdir(folder);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_savevm),
		cmocka_unit_test(test_migrate),
		cmocka_unit_test(test_busy),
		cmocka_unit_test(test_migrate_live),
		cmocka_unit_test(test_load_busy),
		cmocka_unit_test(test_interrupt),
	};

	return machine_available() ? cmocka_run_group_tests(tests, make_folder, remove_folder) : 4;
}
