// SPDX-License-Identifier: MIT
/*
 * Runs the programs of this folder on the model and under qemu-riscv64 and
 * compares what they leave in `results`, bit for bit; prints TAP. Each runs on
 * the model twice, at once and in the smallest quanta, which must make no
 * difference. Speed is printed as a comment and never judged.
 *
 *	compare [PROGRAM ...]
 *
 * The programs lie beside this one.
 */
#include <libgen.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "qemu-device/chip/core_priv.h"
#include "qemu-device/flat/flat.h"

#define QEMU	    "qemu-riscv64 -cpu rv64,Zfh=true,zba=true,zbb=true,zbs=true"
#define NAME_SIZE   24 /* of a line of insns.c */
#define LINE_HASHES 72

struct line {
	char name[NAME_SIZE];
	uint64_t hash[LINE_HASHES];
};

struct output {
	uint8_t *bytes;
	size_t size;
	uint64_t insns;
	double seconds;
};

static unsigned int points, failed;

static void point(bool ok, const char *program, const char *name)
{
	points++;
	failed += !ok;
	printf("%sok %u - %s: %s\n", ok ? "" : "not ", points, program, name);
}

/* Processor time of this process or of its children, which a busy host disturbs less. */
static double used(int who)
{
	struct rusage r;

	getrusage(who, &r);
	return (double)r.ru_utime.tv_sec + (double)r.ru_utime.tv_usec / 1e6;
}

/* vector.c: step over an instruction that is illegal and say so. */
static bool step_over(struct sc_core *core, uint8_t *illegal)
{
	if (!illegal || sc_core_fault(core)->code != SC_CODE_ILLEGAL_INSN)
		return false;
	*(uint64_t *)illegal = 1;
	core->pc += 4;
	return true;
}

static bool run_model(const char *path, unsigned int vlen, uint64_t quantum, struct output *out)
{
	static const uint32_t wg[3];
	static struct sc_chip chip;
	struct sc_launch launch = {
		.stack_size = SC_STACK_DEFAULT,
		.grid = { 1, 1, 1 },
		.cores = 1,
		.limit = UINT64_MAX,
	};
	struct sc_core *core;
	uint64_t size = 0, variable;
	uint8_t *illegal;
	enum sc_run end;
	double start;

	flat_init(&chip);
	chip.config.vlen = vlen;
	if (flat_load_elf(&chip, path))
		return false;
	launch.entry = flat_symbol(path, "run", NULL);
	variable = flat_symbol(path, "results", &size);
	illegal = flat_at(&chip, flat_symbol(path, "illegal", NULL));
	core = sc_core_create(&chip, 0);
	if (!core || !launch.entry || !variable)
		return false;
	start = used(RUSAGE_SELF);
	sc_core_start(core, &launch, wg, 0);
	do {
		end = sc_core_run(core, quantum);
	} while (end == SC_RUN_YIELD || (end == SC_RUN_FAULT && step_over(core, illegal)));
	out->seconds = used(RUSAGE_SELF) - start;
	out->insns = sc_core_stats(core)->insns;
	if (end == SC_RUN_FAULT)
		printf("# fault: code %u at pc %#llx, va %#llx, value %#llx\n",
		       sc_core_fault(core)->code, (unsigned long long)sc_core_fault(core)->pc,
		       (unsigned long long)sc_core_fault(core)->va,
		       (unsigned long long)sc_core_fault(core)->value);
	out->size = size;
	out->bytes = malloc(size);
	memcpy(out->bytes, flat_at(&chip, variable), size);
	sc_core_destroy(core);
	flat_free(&chip);
	return end == SC_RUN_DONE;
}

static bool run_qemu(const char *path, unsigned int vlen, size_t size, struct output *out)
{
	double start = used(RUSAGE_CHILDREN);
	char command[4200];
	FILE *pipe;

	if (vlen)
		snprintf(command, sizeof(command), QEMU ",v=true,vext_spec=v1.0,vlen=%u '%s'", vlen,
			 path);
	else
		snprintf(command, sizeof(command), QEMU " '%s'", path);
	pipe = popen(command, "r");
	if (!pipe)
		return false;
	out->bytes = calloc(1, size + 1);
	out->size = fread(out->bytes, 1, size + 1, pipe);
	if (pclose(pipe))
		return false;
	out->seconds = used(RUSAGE_CHILDREN) - start;
	return out->size == size;
}

/* insns.c: one point for each instruction. */
static void compare_lines(const char *program, const struct output *model,
			  const struct output *qemu)
{
	const struct line *m = (const struct line *)model->bytes;
	const struct line *q = (const struct line *)qemu->bytes;

	for (size_t i = 0; i < model->size / sizeof(*m) && q[i].name[0]; i++) {
		bool ok = !memcmp(&m[i], &q[i], sizeof(*m));

		point(ok, program, q[i].name);
		for (unsigned int j = 0; !ok && j < LINE_HASHES; j++)
			if (m[i].hash[j] != q[i].hash[j])
				printf("# row %u differs: %016llx, qemu-riscv64 %016llx\n", j,
				       (unsigned long long)m[i].hash[j],
				       (unsigned long long)q[i].hash[j]);
	}
}

static void test(const char *folder, const char *program, unsigned int vlen)
{
	struct output model = { 0 }, small = { 0 }, qemu = { 0 };
	char path[4096];
	bool ok;

	snprintf(path, sizeof(path), "%s/%s.elf", folder, program);
	ok = run_model(path, vlen, UINT64_MAX, &model);
	point(ok, program, "runs on the model");
	if (!ok)
		return;
	ok = run_model(path, vlen, 1, &small);
	point(ok && small.insns == model.insns && !memcmp(model.bytes, small.bytes, model.size),
	      program, "the same in many quanta");
	ok = run_qemu(path, vlen, model.size, &qemu);
	point(ok, program, "runs under qemu-riscv64");
	printf("# %s: %llu instructions, model %.0f MIPS, qemu-riscv64 %.0f MIPS\n", program,
	       (unsigned long long)model.insns, (double)model.insns / 1e6 / model.seconds,
	       (double)model.insns / 1e6 / qemu.seconds);
	if (ok && strcmp(program, "mixed"))
		compare_lines(program, &model, &qemu);
	else if (ok)
		point(!memcmp(model.bytes, qemu.bytes, model.size), program, "the same results");
	free(model.bytes);
	free(small.bytes);
	free(qemu.bytes);
}

/* A program, under each VLEN that qemu-riscv64 has if it uses vectors. */
static void test_program(const char *folder, const char *program)
{
	if (strcmp(program, "vector")) {
		test(folder, program, 0);
		return;
	}
	for (unsigned int vlen = 128; vlen <= 1024; vlen *= 2) {
		printf("# VLEN %u\n", vlen);
		test(folder, program, vlen);
	}
}

int main(int argc, char **argv)
{
	static const char *const all[] = { "insns", "mixed", "vector" };
	char folder[4000] = { 0 };

	if (readlink("/proc/self/exe", folder, sizeof(folder) - 1) < 0)
		return 2;
	dirname(folder);
	for (int i = 1; i < argc; i++)
		test_program(folder, argv[i]);
	for (unsigned int i = 0; argc == 1 && i < sizeof(all) / sizeof(all[0]); i++)
		test_program(folder, all[i]);
	printf("1..%u\n", points);
	return failed ? 1 : 0;
}
