// SPDX-License-Identifier: MIT
/*
 * seedchip-run-elf: run a bare RISC-V program on a hart of the chip model, as
 * the suites of conformance tests for RISC-V expect of a simulator: the ELF at
 * its own physical addresses, machine mode, `tohost` and `fromhost`, and the
 * signature in a file. docs/run-elf.md is its manual.
 */
#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "image.h"
#include "machine.h"

#define QUANTUM	    4096 /* instructions from one look at tohost to the next */
#define RAM	    0x80000000
#define RAM_SIZE    (128ULL << 20)
#define EXIT_LIMIT  124
#define EXIT_RUNNER FLAT_EXIT /* what has failed is not the program */

struct options {
	const char *path, *signature;
	uint64_t max_insns, tohost;
	unsigned int vlen, granularity;
	bool trace, stats;
};

static int __attribute__((noreturn)) usage(int status)
{
	fprintf(status ? stderr : stdout,
		"usage: seedchip-run-elf [OPTION]... PROGRAM\n"
		"\n"
		"Run a bare RV64 ELF in machine mode on a hart of the SeedChip model, until it writes\n"
		"its result to tohost. 128 MiB of memory begin at 0x80000000.\n"
		"\n"
		"  --signature FILE             write the memory from begin_signature to end_signature\n"
		"  --signature-granularity N    bytes in a line of it: 1, 2, 4 (default), 8 or 16\n"
		"  --vlen BITS                  vector registers: 0 (no vectors) or 128 to 16384;\n"
		"                               default 4096\n"
		"  --max-insns N                give up after N instructions (exit status 124)\n"
		"  --tohost ADDRESS             in place of the symbol tohost\n"
		"  --trace                      print where blocks begin, and traps\n"
		"  --stats                      print instructions and traps at the end\n"
		"  --help\n"
		"\n"
		"Exit status: 0 the program says it has passed; 1 to 123 what it says otherwise (123 for\n"
		"all that is larger); 124 it ran too long; 125 it could not be run.\n");
	exit(status);
}

static uint64_t parse_number(const char *name, const char *text)
{
	char *end;
	uint64_t value;

	errno = 0;
	value = strtoull(text, &end, 0);
	if (errno || end == text || *end || *text == '-') {
		fprintf(stderr, "seedchip-run-elf: --%s: not a number: %s\n", name, text);
		exit(EXIT_RUNNER);
	}
	return value;
}

static void __attribute__((noreturn)) refuse(const char *why)
{
	fprintf(stderr, "seedchip-run-elf: %s\n", why);
	exit(EXIT_RUNNER);
}

static bool power_of_two(uint64_t v, uint64_t low, uint64_t high)
{
	return v >= low && v <= high && !(v & (v - 1));
}

static void parse(struct options *o, int argc, char **argv)
{
	static const struct option longs[] = {
		{ "signature", required_argument, NULL, 's' },
		{ "signature-granularity", required_argument, NULL, 'g' },
		{ "vlen", required_argument, NULL, 'v' },
		{ "max-insns", required_argument, NULL, 'm' },
		{ "tohost", required_argument, NULL, 't' },
		{ "trace", no_argument, NULL, 'T' },
		{ "stats", no_argument, NULL, 'S' },
		{ "help", no_argument, NULL, 'h' },
		{ 0 },
	};
	uint64_t vlen = 4096, granularity = 4;
	int c, index;

	*o = (struct options){ .max_insns = UINT64_MAX };
	while ((c = getopt_long(argc, argv, "", longs, &index)) != -1) {
		if (c == 's')
			o->signature = optarg;
		else if (c == 'g')
			granularity = parse_number("signature-granularity", optarg);
		else if (c == 'v')
			vlen = parse_number("vlen", optarg);
		else if (c == 'm')
			o->max_insns = parse_number("max-insns", optarg);
		else if (c == 't')
			o->tohost = parse_number("tohost", optarg);
		else if (c == 'T')
			o->trace = true;
		else if (c == 'S')
			o->stats = true;
		else
			usage(c == 'h' ? 0 : EXIT_RUNNER);
	}
	if (optind != argc - 1)
		usage(EXIT_RUNNER);
	if (vlen && !power_of_two(vlen, 128, 16384))
		refuse("--vlen: not 0 or a power of two from 128 to 16384");
	if (!power_of_two(granularity, 1, 16))
		refuse("--signature-granularity: not 1, 2, 4, 8 or 16");
	o->path = argv[optind];
	o->vlen = (unsigned int)vlen;
	o->granularity = (unsigned int)granularity;
}

static bool read_memory(struct sc_chip *chip, uint64_t va, void *to, size_t size)
{
	for (size_t i = 0; i < size; i++) {
		const uint8_t *at = flat_at(chip, va + i);

		if (!at)
			return false;
		((uint8_t *)to)[i] = *at;
	}
	return true;
}

static bool write_memory(struct sc_chip *chip, uint64_t va, const void *from, size_t size)
{
	for (size_t i = 0; i < size; i++) {
		uint8_t *at = flat_at(chip, va + i);

		if (!at)
			return false;
		*at = ((const uint8_t *)from)[i];
	}
	return true;
}

/* A line per word, its highest byte first; the last one is filled up with zeros. */
static int write_signature(const struct options *o, const struct image *image, struct sc_chip *chip)
{
	uint64_t size = image->end_signature - image->begin_signature;
	FILE *f;

	if (!image->begin_signature || image->end_signature < image->begin_signature) {
		fprintf(stderr, "seedchip-run-elf: %s: no symbols begin_signature, end_signature\n",
			o->path);
		return -1;
	}
	f = fopen(o->signature, "w");
	for (uint64_t i = 0; f && i < size; i += o->granularity) {
		uint8_t word[16] = { 0 };
		uint64_t left = size - i;

		if (!read_memory(chip, image->begin_signature + i, word,
				 left < o->granularity ? left : o->granularity)) {
			fprintf(stderr, "seedchip-run-elf: %s: the signature lies outside memory\n",
				o->path);
			fclose(f);
			return -1;
		}
		for (unsigned int j = o->granularity; j--;)
			fprintf(f, "%02x", word[j]);
		fputc('\n', f);
	}
	if (!f || fclose(f)) {
		fprintf(stderr, "seedchip-run-elf: %s: %s\n", o->signature, strerror(errno));
		return -1;
	}
	return 0;
}

/* A system call of a program that has no system: write and exit, as newlib's stubs make them. */
static int64_t call(struct sc_chip *chip, const uint64_t *arg)
{
	char c;

	if (arg[0] != 64 || (arg[1] != 1 && arg[1] != 2))
		return -ENOSYS;
	for (uint64_t i = 0; i < arg[3]; i++) {
		if (!read_memory(chip, arg[2] + i, &c, 1))
			return -EFAULT;
		fputc(c, arg[1] == 1 ? stdout : stderr);
	}
	return (int64_t)arg[3];
}

/*
 * What tohost asks for: device, command and payload. Device 0 ends the program
 * (an odd payload) or makes a system call, device 1 prints a character.
 */
static bool asked(const struct image *image, struct sc_chip *chip, uint64_t value, uint64_t *result)
{
	uint64_t payload = value << 16 >> 16, zero = 0, answer = 1, arg[8];
	unsigned int device = value >> 56, command = value >> 48 & 0xff;

	if (!device && !command && (payload & 1)) {
		*result = payload >> 1;
		return true;
	}
	if (!device && !command && read_memory(chip, payload, arg, sizeof(arg))) {
		if (arg[0] == 93) {
			*result = arg[1];
			return true;
		}
		arg[0] = (uint64_t)call(chip, arg);
		write_memory(chip, payload, arg, sizeof(arg[0]));
	} else if (device == 1 && command == 1) {
		fputc((int)(payload & 0xff), stdout);
		answer = value >> 48 << 48;
	}
	write_memory(chip, image->tohost, &zero, sizeof(zero));
	if (image->fromhost)
		write_memory(chip, image->fromhost, &answer, sizeof(answer));
	return false;
}

/* Until the program has its result; exit status. */
static int until_result(const struct options *o, const struct image *image, struct sc_chip *chip,
			struct machine *m)
{
	struct sc_core *core = m->core;
	uint64_t value, result, start;
	const char *why = NULL;
	enum sc_run end;

	while (core->insns + m->traps < o->max_insns) {
		if (o->trace)
			fprintf(stderr, "pc %#" PRIx64 "\n", core->pc);
		start = core->insns;
		chip->time = start;
		end = sc_core_run(core, o->trace ? 1 : QUANTUM);
		if (end == SC_RUN_FAULT)
			why = machine_fault(m);
		else if (end != SC_RUN_YIELD)
			why = "it returned from its first function";
		if (why) {
			fprintf(stderr, "seedchip-run-elf: %s: %s\n", o->path, why);
			fprintf(stderr, "pc %#" PRIx64 ", mcause %" PRIu64 ", mepc %#" PRIx64
				", mtval %#" PRIx64 "\n", core->pc, m->mcause, m->mepc, m->mtval);
			return EXIT_RUNNER;
		}
		if (!read_memory(chip, image->tohost, &value, sizeof(value)) || !value ||
		    !asked(image, chip, value, &result))
			continue;
		if (result)
			fprintf(stderr, "seedchip-run-elf: %s: failed: %" PRIu64 "\n", o->path,
				result);
		return result < 123 ? (int)result : 123;
	}
	fprintf(stderr, "seedchip-run-elf: %s: no result after %" PRIu64
		" instructions, pc %#" PRIx64 "\n", o->path, core->insns, core->pc);
	return EXIT_LIMIT;
}

int main(int argc, char **argv)
{
	static struct sc_chip chip;
	static struct machine machine;
	static const uint32_t wg[3];
	struct sc_launch launch = {
		.stack_size = SC_STACK_DEFAULT,
		.grid = { 1, 1, 1 },
		.cores = 1,
		.limit = UINT64_MAX,
	};
	struct options o;
	struct image image;
	struct sc_core *core;
	int status;

	parse(&o, argc, argv);
	flat_init(&chip);
	chip.config.vlen = o.vlen;
	flat_map(&chip, RAM, RAM_SIZE,
		 SC_PTE_VALID | SC_PTE_READ | SC_PTE_WRITE | SC_PTE_EXECUTE);
	if (image_load(&image, &chip, o.path))
		return EXIT_RUNNER;
	if (o.tohost)
		image.tohost = o.tohost;
	if (!flat_at(&chip, image.tohost)) {
		fprintf(stderr, "seedchip-run-elf: %s: no symbol tohost in memory (--tohost)\n",
			o.path);
		return EXIT_RUNNER;
	}
	core = sc_core_create(&chip, 0);
	if (!core)
		return EXIT_RUNNER;
	sc_core_start(core, &launch, wg, 0);
	machine_reset(&machine, core, image.entry);
	machine.trace = o.trace;
	status = until_result(&o, &image, &chip, &machine);
	if (o.signature && status != EXIT_RUNNER && write_signature(&o, &image, &chip))
		status = EXIT_RUNNER;
	if (o.stats)
		fprintf(stderr, "instructions %" PRIu64 ", traps %" PRIu64 "\n", core->insns,
			machine.traps);
	sc_core_destroy(core);
	flat_free(&chip);
	return status;
}
