// SPDX-License-Identifier: MIT
/*
 * docgen: keeps the tables in the documentation equal to those in uapi/ and of the timing model.
 *
 * A page holds marked regions: "<!-- table NAME -->" to "<!-- end -->" is filled
 * from the X-macro table of that name, "<!-- file PATH -->" with the source at
 * PATH, relative to the current directory (of "PATH#NAME" only the part between
 * the comments "doc: NAME" and "doc: end"). Everything else is left alone. With
 * --check nothing is written, and a region that is not up to date is an error.
 */
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "seedchip_accel.h"
#include "seedchip_coredump.h"
#include "seedchip_kernel_abi.h"
#include "qemu-device/chip/timing.h"
#include "qemu-device/chip/chip.h"
#include "qemu-device/seedchip-inject.h"

/* A value as the tables print it: symbolic sizes stay readable. */
static void print_mask(FILE *out, unsigned long long mask)
{
	if (mask == ~0ULL)
		fputs("all", out);
	else
		fprintf(out, "`0x%llx`", mask);
}

static void print_reg(FILE *out, const char *name, unsigned int offset, unsigned int width,
		      const char *access, const char *when, unsigned long long valid,
		      unsigned long long reset, const char *text)
{
	fprintf(out, "| `0x%03x` | %s | %u | %s | %s | ", offset, name, width, access,
		strcmp(access, "RO") == 0 ? "-" : when);
	print_mask(out, valid);
	fprintf(out, " | `0x%llx` | %s |\n", reset, text);
}

#define REG_HEAD                                                                    \
	"| offset | name | bytes | access | writable when | bits | reset | meaning |\n" \
	"|---|---|---|---|---|---|---|---|\n"
#define REG_ROW(name, offset, width, access, when, valid, reset, text) \
	print_reg(out, #name, offset, width, #access, #when, valid, reset, text);

static void table_registers(FILE *out)
{
	fputs(REG_HEAD, out);
	SC_REG_TABLE(REG_ROW)
}

static void table_contexts(FILE *out)
{
	fputs(REG_HEAD, out);
	SC_CONTEXT_TABLE(REG_ROW)
}

static void table_queues(FILE *out)
{
	fputs(REG_HEAD, out);
	SC_QUEUE_TABLE(REG_ROW)
}

#define BIT_HEAD "| name | bit | meaning |\n|---|---|---|\n"
#define NUM_HEAD "| name | number | meaning |\n|---|---|---|\n"
#define BIT_ROW(name, number, text) fprintf(out, "| %s | %d | %s |\n", #name, number, text);
#define HEX_ROW(name, number, text) fprintf(out, "| %s | `0x%02x` | %s |\n", #name, number, text);

static void table_features(FILE *out)
{
	fputs(BIT_HEAD, out);
	SC_FEATURE_TABLE(BIT_ROW)
}

static void table_pte(FILE *out)
{
	fputs(BIT_HEAD, out);
	SC_PTE_TABLE(BIT_ROW)
}

static void table_queue_states(FILE *out)
{
	fputs(NUM_HEAD, out);
	SC_QUEUE_STATE_TABLE(BIT_ROW)
}

static void table_engines(FILE *out)
{
	fputs(NUM_HEAD, out);
	SC_ENGINE_TABLE(BIT_ROW)
}

static void table_coredump(FILE *out)
{
	fputs(NUM_HEAD, out);
	SC_COREDUMP_TABLE(BIT_ROW)
}

static void table_engine_queues(FILE *out)
{
	fputs(NUM_HEAD, out);
	SC_EQ_TABLE(BIT_ROW)
}

static void table_dma_kinds(FILE *out)
{
	fputs(NUM_HEAD, out);
	SC_DMA_TABLE(BIT_ROW)
}

static void table_flags(FILE *out)
{
	fputs("| flag | bit of the flags byte | meaning |\n|---|---|---|\n", out);
	SC_FLAG_TABLE(HEX_ROW)
}

static void table_csrs(FILE *out)
{
	fputs("| CSR | number | meaning |\n|---|---|---|\n", out);
	SC_CSR_TABLE(HEX_ROW)
}

static void table_ops(FILE *out)
{
	fputs("| packet | opcode | flags allowed | who | meaning |\n|---|---|---|---|---|\n", out);
#define OP_ROW(name, number, flags, who, text) \
	fprintf(out, "| %s | `0x%02x` | `0x%02x` | %s | %s |\n", #name, number, flags, #who, text);
	SC_OP_TABLE(OP_ROW)
}

/* Offsets follow from the members' sizes: the tables allow no padding. */
static void print_member(FILE *out, size_t *offset, size_t size, const char *name, bool field,
			 const char *text)
{
	if (field)
		fprintf(out, "| %zu | %zu | %s | %s |\n", *offset, size, name, text);
	else
		fprintf(out, "| %zu | %zu | (reserved) | zero |\n", *offset, size);
	*offset += size;
}

#define USE_FIELD true
#define USE_RSV	  false
#define MEMBER_HEAD "| offset | bytes | member | meaning |\n|---|---|---|---|\n"
#define MEMBER_ROW(type, member, use, text) \
	print_member(out, &offset, sizeof(type), #member, USE_##use, text);

static void table_packets(FILE *out)
{
	size_t offset;

#define PACKET_ROWS(name, ...)                              \
	offset = 8;                                         \
	fprintf(out, "\n**%s**\n\n" MEMBER_HEAD, #name);    \
	SC_PKT_##name(MEMBER_ROW)
	SC_OP_TABLE(PACKET_ROWS)
	fputc('\n', out);
}

#define STRUCT_TABLE(table)                \
	do {                               \
		size_t offset = 0;         \
		fputs(MEMBER_HEAD, out);   \
		table(MEMBER_ROW)          \
	} while (0)

static void table_queue_state(FILE *out)
{
	STRUCT_TABLE(SC_QUEUE_STATE_MEMBERS);
}

static void table_record(FILE *out)
{
	STRUCT_TABLE(SC_RECORD_MEMBERS);
}

static void table_health(FILE *out)
{
	STRUCT_TABLE(SC_HEALTH_MEMBERS);
}

static void table_injections(FILE *out)
{
	fputs("| property | value | what happens |\n|---|---|---|\n", out);
#define INJECT_ROW(property, value, text) \
	fprintf(out, "| `%s` | %s | %s |\n", property, value, text);
#define INJECT_NAMED_ROW(name, property, value, text) INJECT_ROW(property, value, text)
	SC_INJECT_TABLE(INJECT_NAMED_ROW)
	SEEDCHIP_IRQ_INJECT_TABLE(INJECT_NAMED_ROW)
	SEEDCHIP_CARD_INJECT_TABLE(INJECT_ROW)
}

static void table_throttle(FILE *out)
{
	fputs(BIT_HEAD, out);
	SC_THROTTLE_TABLE(BIT_ROW)
}

static void table_fault(FILE *out)
{
	STRUCT_TABLE(SC_FAULT_MEMBERS);
}

static void table_status(FILE *out)
{
	fputs("| status | number | errno | meaning |\n|---|---|---|---|\n", out);
#define STATUS_ROW(name, number, err, text)                             \
	fprintf(out, "| %s | %d | %s | %s |\n", #name, number,          \
		number ? strerrorname_np(err) : "0", text);
	SC_STATUS_TABLE(STATUS_ROW)
}

static void table_codes(FILE *out)
{
	fputs("| code | number | status | meaning |\n|---|---|---|---|\n", out);
#define CODE_ROW(name, number, status, text) \
	fprintf(out, "| %s | %d | %s | %s |\n", #name, number, #status, text);
	SC_CODE_TABLE(CODE_ROW)
}

static void table_strict(FILE *out)
{
	fputs("| rule | broken by |\n|---|---|\n", out);
#define STRICT_ROW(name, text) fprintf(out, "| %s | %s |\n", #name, text);
	SC_STRICT_TABLE(STRICT_ROW)
}

static void table_isa(FILE *out)
{
	fputs("| name | bit | extension | meaning |\n|---|---|---|---|\n", out);
#define ISA_ROW(name, bit, ext, text) \
	fprintf(out, "| %s | %d | `%s` | %s |\n", #name, bit, ext, text);
	SC_ISA_TABLE(ISA_ROW)
}

static void table_insns(FILE *out)
{
	fputs("| instruction | operands | opcode | funct3 | funct7 | cost class | needs "
	      "| operation |\n"
	      "|---|---|---|---|---|---|---|---|\n", out);
#define INSN_ROW(name, mnemonic, opcode, f3, f7, operands, cost, feature, text)               \
	fprintf(out, "| `%s` | %s | `0x%02x` | %d | `0x%02x` | %s | %s | %s |\n", mnemonic,   \
		#operands, opcode, f3, f7, #cost, #feature, text);
	SC_INSN_TABLE(INSN_ROW)
}

static void table_formats(FILE *out)
{
	fputs("| format | number | bits | meaning |\n|---|---|---|---|\n", out);
#define FMT_ROW(name, number, bits, text) \
	fprintf(out, "| %s | %d | %d | %s |\n", #name, number, bits, text);
	SC_FMT_TABLE(FMT_ROW)
}

static void table_ioctls(FILE *out)
{
	fputs("| ioctl | number | argument | errnos besides the common ones | meaning |\n"
	      "|---|---|---|---|---|\n", out);
#define IOCTL_ROW(name, number, dir, arg, errnos, text)                            \
	fprintf(out, "| %s | `0x%02x` | `struct drm_seedchip_%s` | %s | %s |\n", #name, \
		number, #arg, errnos, text);
	SEEDCHIP_IOCTL_TABLE(IOCTL_ROW)
}

static void table_machine(FILE *out)
{
	fputs("| key | default | from | to | meaning |\n|---|---|---|---|---|\n", out);
#define MACHINE_ROW(member, key, least, most, value, text)                                    \
	if (!strcmp(key, "dataflow"))                                                         \
		fprintf(out, "| `%s` | tile | | | %s |\n", key, text);                        \
	else                                                                                  \
		fprintf(out, "| `%s` | %d | %d | %d | %s |\n", key, value, least, most, text);
	SC_MACHINE_TABLE(MACHINE_ROW)
}

static void table_timing_states(FILE *out)
{
	fputs("| state | an engine is in it while it |\n|---|---|\n", out);
#define TIMING_STATE_ROW(name, key, text) fprintf(out, "| `%s` | %s |\n", key, text);
	SC_TS_TABLE(TIMING_STATE_ROW)
}

static const struct table {
	const char *name;
	void (*print)(FILE *out);
} tables[] = {
	{ "registers", table_registers },
	{ "contexts", table_contexts },
	{ "queues", table_queues },
	{ "features", table_features },
	{ "pte", table_pte },
	{ "queue-states", table_queue_states },
	{ "engines", table_engines },
	{ "coredump", table_coredump },
	{ "engine-queues", table_engine_queues },
	{ "dma-kinds", table_dma_kinds },
	{ "flags", table_flags },
	{ "csrs", table_csrs },
	{ "ops", table_ops },
	{ "packets", table_packets },
	{ "queue-state", table_queue_state },
	{ "record", table_record },
	{ "fault", table_fault },
	{ "health", table_health },
	{ "injections", table_injections },
	{ "throttle", table_throttle },
	{ "status", table_status },
	{ "codes", table_codes },
	{ "strict", table_strict },
	{ "isa", table_isa },
	{ "insns", table_insns },
	{ "formats", table_formats },
	{ "ioctls", table_ioctls },
	{ "machine", table_machine },
	{ "timing-states", table_timing_states },
};

static char *read_file(const char *path)
{
	FILE *in = fopen(path, "r");
	char *text = NULL;
	size_t size = 0;
	ssize_t len;

	if (!in)
		return NULL;
	len = getdelim(&text, &size, '\0', in);
	fclose(in);
	if (len < 0) {
		free(text);
		return strdup("");
	}
	return text;
}

/* Prints the table called @name; false if there is none. */
static bool print_table(const char *name, FILE *out)
{
	size_t i;

	for (i = 0; i < sizeof(tables) / sizeof(tables[0]); i++) {
		if (!strcmp(tables[i].name, name)) {
			tables[i].print(out);
			return true;
		}
	}
	return false;
}

static const char *language(const char *path)
{
	static const char *const known[][2] = { { ".patch", "diff" }, { ".sh", "sh" } };
	const char *suffix = strrchr(path, '.');
	size_t i;

	for (i = 0; suffix && i < sizeof(known) / sizeof(known[0]); i++)
		if (!strcmp(suffix, known[i][0]))
			return known[i][1];
	return "c";
}

/* Prints lines without the indent of the first of them. */
static void print_dedented(const char *text, const char *end, FILE *out)
{
	size_t indent = strspn(text, "\t"), i;

	while (text < end) {
		for (i = 0; i < indent && *text == '\t'; i++)
			text++;
		do
			fputc(*text, out);
		while (*text++ != '\n');
	}
}

/*
 * Prints a source file as a code block, without its licence line; of PATH#NAME the
 * lines between the comments "doc: NAME" and "doc: end".
 */
static bool print_source(char *path, FILE *out)
{
	char *part = strchr(path, '#'), *text, *body, *end;
	char mark[140];

	if (part)
		*part++ = '\0';
	text = read_file(path);
	if (!text)
		return false;
	body = text;
	end = text + strlen(text);
	if (part) {
		snprintf(mark, sizeof(mark), "/* doc: %s */\n", part);
		body = strstr(text, mark);
		end = body ? strstr(body, "/* doc: end */") : NULL;
		if (!end) {
			free(text);
			return false;
		}
		body += strlen(mark);
		while (end[-1] == '\t' || !strncmp(end - 2, "\n\n", 2))
			end--;
	} else if (strstr(text, "SPDX") && strchr(text, '\n') > strstr(text, "SPDX")) {
		body = strchr(text, '\n') + 1;
	}
	fprintf(out, "```%s\n", language(path));
	print_dedented(body, end, out);
	fputs("```\n", out);
	free(text);
	return true;
}

static const char *next_mark(const char *text)
{
	const char *table = strstr(text, "<!-- table ");
	const char *file = strstr(text, "<!-- file ");

	if (table && file)
		return table < file ? table : file;
	return table ? table : file;
}

/* Copies one marked region's replacement to @out; returns what follows the region. */
static const char *expand(const char *path, const char *mark, FILE *out)
{
	const char *eol = strchr(mark, '\n');
	const char *end = strstr(mark, "<!-- end -->");
	char kind[8], name[128];
	bool ok;

	if (!eol || !end || sscanf(mark, "<!-- %7s %127s -->", kind, name) != 2) {
		fprintf(stderr, "%s: a mark is malformed or has no end\n", path);
		return NULL;
	}
	fwrite(mark, 1, (size_t)(eol + 1 - mark), out);
	ok = strcmp(kind, "file") ? print_table(name, out) : print_source(name, out);
	if (!ok) {
		fprintf(stderr, "%s: no %s '%s'\n", path, kind, name);
		return NULL;
	}
	return end;
}

static int process(const char *path, bool check)
{
	char *old = read_file(path), *new = NULL;
	const char *pos = old, *mark;
	size_t size;
	FILE *out;
	int ret = 0;

	if (!old) {
		fprintf(stderr, "%s: %s\n", path, strerror(errno));
		return 1;
	}
	out = open_memstream(&new, &size);
	while (pos && (mark = next_mark(pos))) {
		fwrite(pos, 1, (size_t)(mark - pos), out);
		pos = expand(path, mark, out);
	}
	if (pos)
		fputs(pos, out);
	fclose(out);
	if (!pos) {
		ret = 1;
	} else if (strcmp(old, new)) {
		if (check) {
			fprintf(stderr, "%s: tables are out of date; run 'make docs'\n", path);
			ret = 1;
		} else {
			out = fopen(path, "w");
			if (!out || fputs(new, out) == EOF || fclose(out)) {
				fprintf(stderr, "%s: %s\n", path, strerror(errno));
				ret = 1;
			}
		}
	}
	free(new);
	free(old);
	return ret;
}

int main(int argc, char **argv)
{
	bool check = argc > 1 && !strcmp(argv[1], "--check");
	int i = check ? 2 : 1, ret = 0;

	if (i >= argc || !strcmp(argv[1], "--help")) {
		puts("usage: docgen [--check] PAGE...\n"
		     "Fills the '<!-- table NAME -->' and '<!-- file PATH -->' regions of the pages\n"
		     "from the tables in uapi/ and from source files.");
		return argc > 1 ? 0 : 2;
	}
	for (; i < argc; i++)
		ret |= process(argv[i], check);
	return ret;
}
