/* SPDX-License-Identifier: MIT */
/*
 * seedchip-perf: what a kernel takes on a modelled machine. Between perf.c
 * (commands and options), args.c (arguments of the kernel), run.c (the run on
 * the simulator), report.c and machine.c (output).
 */
#ifndef SEEDCHIP_PERF_H
#define SEEDCHIP_PERF_H

#include <stdbool.h>
#include <stdio.h>

#include "seedchip.h"
#include "qemu-device/chip/timing.h"

/** fail() - print "seedchip-perf: ..." and exit with status 1. */
void fail(const char *fmt, ...) __attribute__((noreturn, format(printf, 1, 2)));

/** parse_number() - a number in decimal or hexadecimal, with K, M or G behind it if @suffix. */
bool parse_number(const char *text, bool suffix, uint64_t *value);

/** struct options - of the command run */
struct options {
	const char *module;
	const char *kernel; /* NULL: the only one */
	const char *config; /* NULL: the virtual card */
	const char *trace;
	struct seedchip_dim dim;
	unsigned int repeat;
	unsigned int threads;
	bool json;
	char **args;
	int num_args;
};

/* ---- args.c ---- */

#define MAX_ARGS 448

/** struct argument_block - the kernel's argument structure and the buffers that it points to */
struct argument_block {
	unsigned char bytes[MAX_ARGS];
	size_t size;
	struct seedchip_buffer *buffers[64];
	unsigned int num_buffers;
};

/** args_build() - from the words of the command line; a bad one ends the program. */
void args_build(struct argument_block *block, struct seedchip_device *dev, char **words,
		int count);
void args_free(struct argument_block *block);

/** args_help() - the forms of an argument. */
void args_help(FILE *out);

/* ---- run.c ---- */

/** struct result - of one launch; @timing.state points to @state */
struct result {
	struct sc_timing timing;
	uint64_t state[64][SC_TE_COUNT][SC_TS_COUNT];
	uint64_t *cycles; /* of every launch */
	unsigned int launches;
	char kernel[64];
};

/** run() - launch as the options say; the last launch is the result. */
void run(const struct options *o, struct result *result);

/* ---- machine.c ---- */

/** machine_load() - the machine of a file, or the virtual card; failures end the program. */
void machine_load(const char *config, struct sc_machine *machine);

/** machine_peak() - operations a second: 0 i8, i4, fp8; 1 f16, bf16; 2 f32; 3 f32 of vectors. */
double machine_peak(const struct sc_machine *machine, unsigned int kind);
void machine_print(const struct sc_machine *machine);

/* ---- report.c ---- */
void report_text(const struct options *o, const struct sc_machine *m, const struct result *r);
void report_json(const struct sc_machine *m, const struct result *r);

#endif /* SEEDCHIP_PERF_H */
