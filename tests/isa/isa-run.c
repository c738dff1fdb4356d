// SPDX-License-Identifier: MIT
/*
 * Runs a static RISC-V ELF as one workgroup on the flat chip and writes a
 * variable of it to a file, so that another emulator's can be compared:
 *
 *	isa-run ELF ENTRY VARIABLE FILE
 *
 * ENTRY is called with no argument; one line with instructions and speed goes
 * to stderr. The exit status is 1 when the workgroup faults.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "flat.h"

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

static int run(struct sc_chip *chip, uint64_t entry)
{
	static const uint32_t wg[3];
	struct sc_launch launch = {
		.entry = entry,
		.stack_size = SC_STACK_DEFAULT,
		.grid = { 1, 1, 1 },
		.cores = 1,
		.limit = UINT64_MAX,
	};
	struct sc_core *core = sc_core_create(chip, 0);
	const struct sc_fault *fault;
	enum sc_run end;
	double start = now();
	uint64_t insns;

	sc_core_start(core, &launch, wg, 0);
	do {
		end = sc_core_run(core, 65536);
	} while (end == SC_RUN_YIELD);
	insns = sc_core_stats(core)->insns;
	fprintf(stderr, "%llu instructions, %.0f MIPS\n", (unsigned long long)insns,
		(double)insns * 1e-6 / (now() - start));
	fault = sc_core_fault(core);
	if (end == SC_RUN_FAULT)
		fprintf(stderr, "fault: code %u at pc %#llx, va %#llx, value %#llx\n", fault->code,
			(unsigned long long)fault->pc, (unsigned long long)fault->va,
			(unsigned long long)fault->value);
	sc_core_destroy(core);
	return end == SC_RUN_DONE ? 0 : 1;
}

int main(int argc, char **argv)
{
	static struct sc_chip chip;
	uint64_t entry, variable, size = 0;
	FILE *out;
	int ret;

	if (argc != 5) {
		fprintf(stderr, "usage: isa-run ELF ENTRY VARIABLE FILE\n");
		return 2;
	}
	flat_init(&chip);
	if (flat_load_elf(&chip, argv[1]))
		return 2;
	entry = flat_symbol(argv[1], argv[2], NULL);
	variable = flat_symbol(argv[1], argv[3], &size);
	if (!entry || !variable) {
		fprintf(stderr, "%s: no %s or no %s\n", argv[1], argv[2], argv[3]);
		return 2;
	}
	ret = run(&chip, entry);
	out = fopen(argv[4], "wb");
	if (!out || fwrite(flat_at(&chip, variable), 1, size, out) != size || fclose(out)) {
		perror(argv[4]);
		ret = 2;
	}
	flat_free(&chip);
	return ret;
}
