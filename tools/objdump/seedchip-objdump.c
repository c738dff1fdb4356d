// SPDX-License-Identifier: MIT
/*
 * seedchip-objdump: disassemble compute kernels.
 *
 * llvm-objdump does the work; what it cannot know is filled in from the tables
 * in uapi/seedchip_isa.h: the card's instructions, which it shows as
 * <unknown>, and the names of the card's CSRs. With --notes it prints what the
 * module tells its loader. A line that is not ours goes through unchanged.
 */
#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <gelf.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "seedchip_kernel_abi.h"

#define OPC_SYSTEM 0x73

enum operands { I_R, I_R_R, R_R, D_R, NONE, VD_VS2 };

static const struct insn {
	const char *mnemonic;
	unsigned int opcode, funct3, funct7;
	enum operands operands;
} insns[] = {
#define INSN(name, mnemonic, opcode, funct3, funct7, operands, cost, feature, text)                \
	{ mnemonic, opcode, funct3, funct7, operands },
	SC_INSN_TABLE(INSN)
};

static const struct csr {
	const char *name;
	unsigned int number;
} csrs[] = {
#define CSR(name, number, text) { "sd_" #name, number },
	SC_CSR_TABLE(CSR)
};

static const struct isa {
	const char *name;
	uint64_t bit;
} isas[] = {
#define ISA(name, bit, ext, text) { ext, 1ull << (bit) },
	SC_ISA_TABLE(ISA)
};

static const char *const regs[] = { "zero", "ra", "sp", "gp", "tp",  "t0",  "t1", "t2",
				    "s0",   "s1", "a0", "a1", "a2",  "a3",  "a4", "a5",
				    "a6",   "a7", "s2", "s3", "s4",  "s5",  "s6", "s7",
				    "s8",   "s9", "s10", "s11", "t3", "t4", "t5", "t6" };

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static void usage(FILE *out)
{
	fputs("Usage: seedchip-objdump [OPTION...] FILE...\n"
	      "\n"
	      "Disassemble compute kernels of the SC1, its own instructions and CSRs included.\n"
	      "\n"
	      "  --notes  print what .note.seedchip says (needed instructions, kernels) instead\n"
	      "  --help   this text\n"
	      "\n"
	      "Other options go to llvm-objdump, for example -S, -l, --no-show-raw-insn.\n"
	      "Environment: SEEDCHIP_LLVM_OBJDUMP (llvm-objdump-19).\n",
	      out);
}

/* Disassembly. */

static bool matches(const struct insn *insn, uint32_t word)
{
	unsigned int rd = word >> 7 & 31, rs2 = word >> 20 & 31, funct7 = word >> 25;

	if ((word & 0x7f) != insn->opcode || (word >> 12 & 7) != insn->funct3)
		return false;
	/* the lowest bit of a vector instruction's funct7 says: not masked */
	if (insn->operands == VD_VS2)
		return (funct7 & ~1u) == insn->funct7 && !(word >> 15 & 31);
	if (funct7 != insn->funct7)
		return false;
	switch (insn->operands) {
	case I_R:
	case D_R:
		return !rs2;
	case R_R:
		return !rd;
	case NONE:
		return !rd && !rs2 && !(word >> 15 & 31);
	default:
		return true;
	}
}

/* The instruction @word as assembly; false if it is not the card's. */
static bool disassemble(uint32_t word, FILE *out)
{
	unsigned int rd = word >> 7 & 31, rs1 = word >> 15 & 31, rs2 = word >> 20 & 31;
	const struct insn *insn;

	for (insn = insns; insn < insns + COUNT(insns); insn++) {
		if (!matches(insn, word))
			continue;
		fputs(insn->mnemonic, out);
		if (insn->operands == I_R)
			fprintf(out, "\t%u, %s", rd, regs[rs1]);
		if (insn->operands == I_R_R)
			fprintf(out, "\t%u, %s, %s", rd, regs[rs1], regs[rs2]);
		if (insn->operands == R_R)
			fprintf(out, "\t%s, %s", regs[rs1], regs[rs2]);
		if (insn->operands == D_R)
			fprintf(out, "\t%s, %s", regs[rd], regs[rs1]);
		if (insn->operands == VD_VS2)
			fprintf(out, "\tv%u, v%u%s", rd, rs2, word >> 25 & 1 ? "" : ", v0.t");
		return true;
	}
	return false;
}

/*
 * The raw word of a line "  ADDRESS: WORD  <tab>TEXT", the address optional.
 * Gives where the word starts and where the text does.
 */
static bool parse(const char *line, uint32_t *word, const char **raw, const char **text)
{
	const char *p = line + strspn(line, " ");
	size_t digits = strspn(p, "0123456789abcdef");

	if (digits && p[digits] == ':') {
		p += digits + 1;
		p += strspn(p, " ");
		digits = strspn(p, "0123456789abcdef");
	}
	if (digits != 8)
		return false;
	*raw = p;
	*word = strtoul(p, NULL, 16);
	p += digits;
	p += strspn(p, " ");
	if (*p != '\t')
		return false;
	*text = p + 1;
	return true;
}

/* The place of a card CSR's number in @text, when @word is an access to one. */
static const char *find_csr(uint32_t word, const char *text, const struct csr **csr)
{
	char number[16];

	if ((word & 0x7f) != OPC_SYSTEM || !(word >> 12 & 7))
		return NULL;
	for (*csr = csrs; *csr < csrs + COUNT(csrs); ++*csr) {
		if ((*csr)->number != word >> 20)
			continue;
		snprintf(number, sizeof(number), "0x%x", (*csr)->number);
		return strstr(text, number);
	}
	return NULL;
}

static void print_lower(const char *name, FILE *out)
{
	for (; *name; name++)
		fputc(tolower((unsigned char)*name), out);
}

/* One line of llvm-objdump. @raw_wanted: show the instruction words. */
static void print_line(const char *line, bool raw_wanted, FILE *out)
{
	const char *raw, *text, *at;
	const struct csr *csr;
	uint32_t word;

	if (!parse(line, &word, &raw, &text)) {
		fputs(line, out);
		return;
	}
	fwrite(line, 1, (size_t)(raw_wanted ? text - line : raw - line), out);
	if (!raw_wanted)
		fputs("    \t", out);
	if (!strncmp(text, "<unknown>", 9) && disassemble(word, out))
		text += 9;
	at = find_csr(word, text, &csr);
	if (at) {
		fwrite(text, 1, (size_t)(at - text), out);
		print_lower(csr->name, out);
		text = at + strcspn(at, ",\n ");
	}
	fputs(text, out);
}

/* Start llvm-objdump with @argv; a stream of its output, or NULL. */
static FILE *start(char **argv, pid_t *pid)
{
	int fd[2];

	if (pipe2(fd, O_CLOEXEC))
		return NULL;
	fflush(stdout);
	*pid = fork();
	if (*pid < 0)
		return NULL;
	if (!*pid) {
		dup2(fd[1], STDOUT_FILENO);
		execvp(argv[0], argv);
		fprintf(stderr, "seedchip-objdump: %s: %s\n", argv[0], strerror(errno));
		_exit(127);
	}
	close(fd[1]);
	return fdopen(fd[0], "r");
}

static int disassemble_files(char **argv, bool raw_wanted)
{
	char *line = NULL;
	size_t room = 0;
	int status;
	FILE *in;
	pid_t pid;

	in = start(argv, &pid);
	if (!in) {
		perror("seedchip-objdump");
		return 1;
	}
	while (getline(&line, &room, in) > 0)
		print_line(line, raw_wanted, stdout);
	free(line);
	fclose(in);
	if (waitpid(pid, &status, 0) < 0 || !WIFEXITED(status))
		return 1;
	return WEXITSTATUS(status);
}

/* Notes. */

static void print_module(const struct sc_note_module *note)
{
	uint64_t left = note->isa;
	size_t i;

	printf("module: ABI version %u, needs", note->abi_version);
	for (i = 0; i < COUNT(isas); i++) {
		if (left & isas[i].bit)
			printf(" %s", isas[i].name);
		left &= ~isas[i].bit;
	}
	if (left)
		printf(" unknown:0x%llx", (unsigned long long)left);
	printf("%s\n", note->isa ? "" : " nothing");
}

static void print_kernel(const struct sc_note_kernel *note)
{
	printf("kernel %.*s: arguments %u bytes, aligned to %u; stack %u bytes%s\n",
	       SC_KERNEL_NAME_MAX, note->name, note->args_size, note->args_align, note->stack_size,
	       note->flags & SC_KERNEL_COOPERATIVE ? "; cooperative" : "");
}

/* The notes of one section; how many are ours. */
static unsigned int print_section(Elf_Data *data)
{
	size_t offset = 0, name, desc;
	unsigned int found = 0;
	GElf_Nhdr note;

	while ((offset = gelf_getnote(data, offset, &note, &name, &desc)) > 0) {
		const char *owner = (const char *)data->d_buf + name;
		const void *body = (const char *)data->d_buf + desc;
		struct sc_note_module module;
		struct sc_note_kernel kernel;

		if (note.n_namesz != sizeof(SC_NOTE_NAME) ||
		    memcmp(owner, SC_NOTE_NAME, sizeof(SC_NOTE_NAME)))
			continue;
		found++;
		if (note.n_type == SC_NOTE_MODULE && note.n_descsz >= sizeof(module)) {
			memcpy(&module, body, sizeof(module));
			print_module(&module);
		} else if (note.n_type == SC_NOTE_KERNEL && note.n_descsz >= sizeof(kernel)) {
			memcpy(&kernel, body, sizeof(kernel));
			print_kernel(&kernel);
		} else {
			printf("note of type %u, %u bytes\n", (unsigned int)note.n_type,
			       (unsigned int)note.n_descsz);
		}
	}
	return found;
}

static int print_notes(const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC), ret = 1;
	unsigned int found = 0;
	Elf_Scn *section = NULL;
	GElf_Shdr header;
	Elf *elf = NULL;

	if (fd < 0) {
		fprintf(stderr, "seedchip-objdump: %s: %s\n", path, strerror(errno));
		return 1;
	}
	elf_version(EV_CURRENT);
	elf = elf_begin(fd, ELF_C_READ, NULL);
	if (!elf || elf_kind(elf) != ELF_K_ELF) {
		fprintf(stderr, "seedchip-objdump: %s: not an ELF file\n", path);
		goto out;
	}
	printf("%s:\n", path);
	while ((section = elf_nextscn(elf, section))) {
		Elf_Data *data = NULL;

		if (gelf_getshdr(section, &header) && header.sh_type == SHT_NOTE)
			data = elf_getdata(section, NULL);
		if (data)
			found += print_section(data);
	}
	ret = !found;
	if (!found)
		fprintf(stderr, "seedchip-objdump: %s: no note of SeedChip\n", path);
out:
	elf_end(elf);
	close(fd);
	return ret;
}

int main(int argc, char **argv)
{
	bool notes = false, raw_wanted = true;
	char **args = calloc((size_t)argc + 3, sizeof(*args));
	int i, count = 0, first, ret = 0;

	if (!args)
		return 1;
	args[count++] = getenv("SEEDCHIP_LLVM_OBJDUMP");
	if (!args[0])
		args[0] = "llvm-objdump-19";
	args[count++] = "-d";
	first = count;
	for (i = 1; i < argc; i++) {
		if (!strcmp(argv[i], "--help")) {
			usage(stdout);
			goto out;
		} else if (!strcmp(argv[i], "--notes")) {
			notes = true;
		} else if (!strcmp(argv[i], "--no-show-raw-insn")) {
			raw_wanted = false; /* ours to leave out: we need to see them */
		} else {
			args[count++] = argv[i];
		}
	}
	if (count == first) {
		usage(stderr);
		ret = 2;
		goto out;
	}
	if (!notes) {
		ret = disassemble_files(args, raw_wanted);
		goto out;
	}
	for (i = first; i < count; i++)
		ret |= print_notes(args[i]);
out:
	free(args);
	return ret;
}
