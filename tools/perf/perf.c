// SPDX-License-Identifier: MIT
/* seedchip-perf: commands and options. See perf.h. */
#include <errno.h>
#include <getopt.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "perf.h"

void fail(const char *fmt, ...)
{
	va_list ap;

	fputs("seedchip-perf: ", stderr);
	va_start(ap, fmt);
	vfprintf(stderr, fmt, ap);
	va_end(ap);
	fputc('\n', stderr);
	exit(1);
}

bool parse_number(const char *text, bool suffix, uint64_t *value)
{
	static const char suffixes[] = "KMG";
	unsigned int shift = 0;
	const char *at;
	char *end;

	errno = 0;
	*value = strtoull(text, &end, 0);
	if (end == text || errno || *text == '-')
		return false;
	at = suffix && *end ? strchr(suffixes, *end) : NULL;
	if (at) {
		shift = 10 * (unsigned int)(at - suffixes + 1);
		end++;
	}
	if (*end || *value > UINT64_MAX >> shift)
		return false;
	*value <<= shift;
	return true;
}

static void print_help(FILE *out)
{
	fputs("usage: seedchip-perf run [OPTION...] MODULE.elf [ARGUMENT...]\n"
	      "       seedchip-perf config [FILE]\n"
	      "\n"
	      "run: launch a compute kernel on the simulator with its timing model, and say\n"
	      "how many cycles it took, what each engine did, and what limited it.\n"
	      "\n"
	      "  -k, --kernel NAME    kernel of the module (its only one)\n"
	      "  -g, --grid X[,Y[,Z]] workgroups (1)\n"
	      "  -d, --dynamic BYTES  dynamic scratchpad (0)\n"
	      "      --cooperative    all workgroups at the same time\n"
	      "  -c, --config FILE    machine (the virtual card; see tools/perf/configs/)\n"
	      "  -n, --repeat N       launches, one after the other; the last is reported (1)\n"
	      "  -t, --trace FILE     also write what every engine did when, for ui.perfetto.dev\n"
	      "  -j, --json           report as JSON\n"
	      "      --threads N      worker threads of the simulator; changes no number\n"
	      "  -h, --help           this text\n"
	      "\n"
	      "Arguments are the members of the kernel's argument structure, in order; they\n"
	      "are aligned as in C:\n",
	      out);
	args_help(out);
	fputs("\n"
	      "config: print the parameters of a machine, and its peaks.\n"
	      "\n"
	      "The first launch finds the cache empty; with --repeat the others find what is left\n"
	      "in it. docs/perf.md explains the model and the report.\n",
	      out);
}

static void parse_grid(const char *text, struct seedchip_dim *dim)
{
	uint32_t *const sides[] = { &dim->x, &dim->y, &dim->z };
	char *copy = strdup(text), *at = copy, *word;
	unsigned int i = 0;
	uint64_t value;

	while ((word = strsep(&at, ","))) {
		if (i == 3 || !parse_number(word, false, &value) || !value || value > 65535)
			fail("--grid %s: one to three numbers from 1 to 65535, as 8,4", text);
		*sides[i++] = (uint32_t)value;
	}
	free(copy);
}

static unsigned int parse_count(const char *option, const char *text, unsigned int most)
{
	uint64_t value;

	if (!parse_number(text, false, &value) || !value || value > most)
		fail("--%s %s: a number from 1 to %u", option, text, most);
	return (unsigned int)value;
}

enum { OPT_COOPERATIVE = 256, OPT_THREADS };

static const struct option long_options[] = {
	{ "kernel", required_argument, NULL, 'k' },
	{ "grid", required_argument, NULL, 'g' },
	{ "dynamic", required_argument, NULL, 'd' },
	{ "cooperative", no_argument, NULL, OPT_COOPERATIVE },
	{ "config", required_argument, NULL, 'c' },
	{ "repeat", required_argument, NULL, 'n' },
	{ "trace", required_argument, NULL, 't' },
	{ "json", no_argument, NULL, 'j' },
	{ "threads", required_argument, NULL, OPT_THREADS },
	{ "help", no_argument, NULL, 'h' },
	{ NULL, 0, NULL, 0 },
};

static void take_option(struct options *o, int c)
{
	uint64_t value;

	switch (c) {
	case 'k':
		o->kernel = optarg;
		break;
	case 'g':
		parse_grid(optarg, &o->dim);
		break;
	case 'd':
		if (!parse_number(optarg, true, &value) || value > UINT32_MAX)
			fail("--dynamic %s: a number of bytes, as 64K", optarg);
		o->dim.dynamic = (uint32_t)value;
		break;
	case OPT_COOPERATIVE:
		o->dim.flags |= SEEDCHIP_COOPERATIVE;
		break;
	case 'c':
		o->config = optarg;
		break;
	case 'n':
		o->repeat = parse_count("repeat", optarg, 1000000);
		break;
	case 't':
		o->trace = optarg;
		break;
	case 'j':
		o->json = true;
		break;
	case OPT_THREADS:
		o->threads = parse_count("threads", optarg, 64);
		break;
	case 'h':
		print_help(stdout);
		exit(0);
	default:
		fprintf(stderr, "Try: seedchip-perf --help\n");
		exit(2);
	}
}

static int command_run(int argc, char **argv)
{
	struct options o = { .repeat = 1, .dim = { .x = 1, .y = 1, .z = 1 } };
	struct sc_machine machine;
	struct result result;
	int c;

	/* + : what follows the module is not an option, -1 for instance */
	while ((c = getopt_long(argc, argv, "+k:g:d:c:n:t:jh", long_options, NULL)) != -1)
		take_option(&o, c);
	if (optind == argc)
		fail("run: which module? Try: seedchip-perf --help");
	o.module = argv[optind];
	o.args = argv + optind + 1;
	o.num_args = argc - optind - 1;
	machine_load(o.config, &machine);
	run(&o, &result);
	if (o.json)
		report_json(&machine, &result);
	else
		report_text(&o, &machine, &result);
	free(result.cycles);
	return 0;
}

static int command_config(int argc, char **argv)
{
	struct sc_machine machine;

	if (argc > 1 && (!strcmp(argv[1], "-h") || !strcmp(argv[1], "--help"))) {
		print_help(stdout);
		return 0;
	}
	if (argc > 2)
		fail("config: one file, not %d", argc - 1);
	machine_load(argv[1], &machine);
	machine_print(&machine);
	return 0;
}

int main(int argc, char **argv)
{
	const char *command = argc > 1 ? argv[1] : "";

	if (!strcmp(command, "run"))
		return command_run(argc - 1, argv + 1);
	if (!strcmp(command, "config"))
		return command_config(argc - 1, argv + 1);
	if (!strcmp(command, "-h") || !strcmp(command, "--help")) {
		print_help(stdout);
		return 0;
	}
	fprintf(stderr, "seedchip-perf: %s%s. Commands: run, config. Try: seedchip-perf --help\n",
		*command ? "unknown command " : "no command", command);
	return 2;
}
