// SPDX-License-Identifier: MIT
/* See fake_core.h. Implements core.h. */
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "qemu-device/chip/core.h"
#include "tests/unit/fake_core.h"

struct sc_core {
	struct sc_chip *chip;
	unsigned int id;
	const struct sc_launch *launch;
	struct fake_args args;
	uint32_t wg[3], rank;
	uint64_t insns, met;
	int arrived, cleared;
	struct sc_fault fault;
	struct sc_core_stats stats;
	uint8_t tcm[64];
};

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static struct fake_entry entries[FAKE_LOG];
static unsigned int num_entries, running, most;

void fake_core_log_clear(void)
{
	pthread_mutex_lock(&mutex);
	num_entries = 0;
	running = 0;
	most = 0;
	pthread_mutex_unlock(&mutex);
}

unsigned int fake_core_log_count(void)
{
	unsigned int n;

	pthread_mutex_lock(&mutex);
	n = num_entries;
	pthread_mutex_unlock(&mutex);
	return n;
}

const struct fake_entry *fake_core_log(unsigned int i)
{
	return &entries[i];
}

unsigned int fake_core_most_running(void)
{
	return most;
}

struct sc_core *sc_core_create(struct sc_chip *chip, unsigned int id)
{
	struct sc_core *core = calloc(1, sizeof(*core));

	if (core) {
		core->chip = chip;
		core->id = id;
	}
	return core;
}

void sc_core_destroy(struct sc_core *core)
{
	free(core);
}

void sc_core_clear(struct sc_core *core)
{
	core->cleared = 1;
}

void sc_core_start(struct sc_core *core, const struct sc_launch *launch, const uint32_t wg[3],
		   uint32_t rank)
{
	struct fake_entry *e;

	core->launch = launch;
	memcpy(core->wg, wg, sizeof(core->wg));
	memcpy(&core->args, launch->args, sizeof(core->args));
	core->rank = rank;
	core->insns = 0;
	core->met = 0;
	core->arrived = 0;
	pthread_mutex_lock(&mutex);
	if (num_entries < FAKE_LOG) {
		e = &entries[num_entries++];
		*e = (struct fake_entry){ core->id, launch->context, launch->tag, rank,
					  { wg[0], wg[1], wg[2] }, core->cleared };
	}
	if (++running > most)
		most = running;
	pthread_mutex_unlock(&mutex);
	core->cleared = 0;
}

static enum sc_run end(enum sc_run result)
{
	pthread_mutex_lock(&mutex);
	running--;
	pthread_mutex_unlock(&mutex);
	return result;
}

static void retire(struct sc_core *core, uint64_t n)
{
	core->insns += n;
	__atomic_store_n(&core->stats.insns, core->stats.insns + n, __ATOMIC_RELAXED);
}

static enum sc_run fault(struct sc_core *core, unsigned int status, unsigned int code)
{
	memset(&core->fault, 0, sizeof(core->fault));
	sc_core_where(core, &core->fault);
	core->fault.status = status;
	core->fault.code = code;
	return end(SC_RUN_FAULT);
}

/* Retire up to the quantum; 1: `wanted` instructions are done, 0: not yet, -1: limit. */
static int spend(struct sc_core *core, uint64_t wanted, uint64_t quantum)
{
	uint64_t left = wanted - core->insns, n = left < quantum ? left : quantum;

	if (core->insns + n > core->launch->limit) {
		retire(core, core->launch->limit - core->insns);
		return -1;
	}
	retire(core, n);
	return core->insns == wanted;
}

static enum sc_run meet(struct sc_core *core, uint64_t times)
{
	struct sc_barrier *b = core->launch->barrier;

	if (!b)
		return fault(core, SC_STATUS_TRAP, SC_CODE_NOT_COOPERATIVE);
	while (core->met < times) {
		if (core->insns >= core->launch->limit)
			return fault(core, SC_STATUS_TIMEOUT, SC_CODE_WORKGROUP_LIMIT);
		if (!core->arrived) {
			__atomic_add_fetch(&b->arrived, 1, __ATOMIC_ACQ_REL);
			core->arrived = 1;
			retire(core, 1);
		}
		if (__atomic_load_n(&b->arrived, __ATOMIC_ACQUIRE) < (core->met + 1) * b->total)
			return SC_RUN_BLOCKED;
		core->arrived = 0;
		core->met++;
	}
	return end(SC_RUN_DONE);
}

static enum sc_run memory(struct sc_core *core)
{
	uint64_t value = core->args.b;
	struct sc_fault f;
	int ret;

	retire(core, 1);
	ret = sc_mmu_copy(core->chip, core->launch->context, core->args.a, &value, 8,
			  core->args.kind == FAKE_STORE ? SC_ACCESS_WRITE : SC_ACCESS_READ, &f);
	if (ret) {
		fault(core, f.status, f.code);
		core->fault.va = f.va;
		core->fault.access = f.access;
		return SC_RUN_FAULT;
	}
	if (core->args.kind == FAKE_STORE || value >= core->args.b)
		return end(SC_RUN_DONE);
	return core->insns > core->launch->limit ?
		       fault(core, SC_STATUS_TIMEOUT, SC_CODE_WORKGROUP_LIMIT) :
		       SC_RUN_YIELD;
}

enum sc_run sc_core_run(struct sc_core *core, uint64_t quantum)
{
	const struct fake_args *a = &core->args;
	uint64_t wanted = a->kind == FAKE_DONE || a->kind == FAKE_FAULT ? a->a : UINT64_MAX / 2;
	int r;

	if (__atomic_load_n(core->launch->stop, __ATOMIC_ACQUIRE))
		return end(SC_RUN_STOPPED);
	switch (a->kind) {
	case FAKE_STORE:
	case FAKE_UNTIL:
		return memory(core);
	case FAKE_MEET:
		return meet(core, a->a);
	case FAKE_DESERT:
		return core->rank == a->a ? end(SC_RUN_DONE) : meet(core, 1);
	case FAKE_FAULT_AT:
		if (core->rank == a->a)
			return fault(core, SC_STATUS_TRAP, a->b);
		break;
	}
	r = spend(core, wanted, quantum);
	if (r < 0)
		return fault(core, SC_STATUS_TIMEOUT, SC_CODE_WORKGROUP_LIMIT);
	if (!r)
		return SC_RUN_YIELD;
	return a->kind == FAKE_FAULT ? fault(core, SC_STATUS_TRAP, a->b) : end(SC_RUN_DONE);
}

const struct sc_fault *sc_core_fault(const struct sc_core *core)
{
	return &core->fault;
}

void sc_core_where(const struct sc_core *core, struct sc_fault *where)
{
	where->pc = core->launch->entry + 4;
	where->core = core->id;
	where->insns = core->insns;
	where->wg_x = core->wg[0];
	where->wg_y = core->wg[1];
	where->wg_z = core->wg[2];
}

size_t sc_core_dump_size(unsigned int vlen)
{
	return sizeof(struct sc_core_dump) + 32 * vlen / 8;
}

void sc_core_dump(const struct sc_core *core, void *buf)
{
	struct sc_core_dump dump = { .pc = core->fault.pc, .insns = core->insns };

	memcpy(buf, &dump, sizeof(dump));
}

const struct sc_core_stats *sc_core_stats(const struct sc_core *core)
{
	return &core->stats;
}

struct sc_tlist *sc_core_take_list(struct sc_core *core)
{
	(void)core;
	return NULL;
}

uint8_t *sc_core_tcm(struct sc_core *core)
{
	return core->tcm;
}
