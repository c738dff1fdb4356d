// SPDX-License-Identifier: MIT
/*
 * The scalar interpreter: the mixed integer and floating-point program of
 * tests/isa on the model and under qemu-riscv64, by turns, in CPU time.
 */
#include <libgen.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bench.h"
#include "qemu-device/chip/core.h"
#include "qemu-device/flat/flat.h"

#define ROUNDS 7

static double run_model(const char *elf, uint64_t *insns)
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
	double start;

	flat_init(&chip);
	if (flat_load_elf(&chip, elf))
		exit(1);
	launch.entry = flat_symbol(elf, "run", NULL);
	core = sc_core_create(&chip, 0);
	if (!core)
		exit(1);
	start = bench_now();
	sc_core_start(core, &launch, wg, 0);
	if (sc_core_run(core, UINT64_MAX) != SC_RUN_DONE)
		exit(1);
	start = bench_now() - start;
	*insns = sc_core_stats(core)->insns;
	sc_core_destroy(core);
	flat_free(&chip);
	return start;
}

static double run_qemu(const char *elf)
{
	struct rusage before, after;
	int status;
	pid_t pid;

	getrusage(RUSAGE_CHILDREN, &before);
	pid = fork();
	if (!pid) {
		if (!freopen("/dev/null", "w", stdout))
			_exit(1);
		execlp("qemu-riscv64", "qemu-riscv64", "-cpu",
		       "rv64,Zfh=true,zba=true,zbb=true,zbs=true", elf, NULL);
		_exit(127);
	}
	if (pid < 0 || waitpid(pid, &status, 0) != pid || status) {
		fprintf(stderr, "scalar: qemu-riscv64 has failed\n");
		exit(1);
	}
	getrusage(RUSAGE_CHILDREN, &after);
	return (double)(after.ru_utime.tv_sec - before.ru_utime.tv_sec) +
	       (double)(after.ru_utime.tv_usec - before.ru_utime.tv_usec) / 1e6 +
	       (double)(after.ru_stime.tv_sec - before.ru_stime.tv_sec) +
	       (double)(after.ru_stime.tv_usec - before.ru_stime.tv_usec) / 1e6;
}

int main(int argc, char **argv)
{
	static const struct bench_row row = {
		"scalar interpreter, mixed program / qemu-riscv64", "Minsn/s", 0.40, 0.50
	};
	struct bench_sample samples[ROUNDS];
	uint64_t insns;
	char elf[4096];

	(void)argc;
	snprintf(elf, sizeof(elf), "%s/../isa/mixed.elf", dirname(argv[0]));
	for (unsigned int i = 0; i < ROUNDS; i++) {
		double model = run_model(elf, &insns), qemu = run_qemu(elf);

		samples[i].value = (double)insns / model / 1e6;
		samples[i].peer = (double)insns / qemu / 1e6;
	}
	bench_print(&row, samples, ROUNDS);
	return 0;
}
