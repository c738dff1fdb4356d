// SPDX-License-Identifier: MIT
/*
 * The module loader's back: what a module says about itself.
 *
 * The SeedChip notes name the kernels and the instructions that the source
 * asked for; .riscv.attributes says what the linker found in the objects, also
 * in those written in assembler. Both must fit the device.
 */
#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "elf_file.h"

#define PT_RISCV_ATTRIBUTES_ 0x70000003
#define TAG_RISCV_ARCH	     5

static const struct {
	const char *name;
	uint64_t bit;
} isa_names[] = {
#define ISA_NAME_(name, bit, ext, text) { ext, SC_ISA_##name },
	SC_ISA_TABLE(ISA_NAME_)
};

/* What the linker writes for the extensions of the table, or for parts of them. */
static const struct {
	const char *name;
	uint64_t bit;
} isa_aliases[] = {
	{ "i", SC_ISA_RV64IMAFD },	  { "m", SC_ISA_RV64IMAFD },
	{ "a", SC_ISA_RV64IMAFD },	  { "f", SC_ISA_RV64IMAFD },
	{ "d", SC_ISA_RV64IMAFD },	  { "zicsr", SC_ISA_RV64IMAFD },
	{ "zifencei", SC_ISA_RV64IMAFD }, { "zicntr", SC_ISA_RV64IMAFD },
	{ "zmmul", SC_ISA_RV64IMAFD },	  { "zaamo", SC_ISA_RV64IMAFD },
	{ "zalrsc", SC_ISA_RV64IMAFD },	  { "b", SC_ISA_ZBA | SC_ISA_ZBB | SC_ISA_ZBS },
	{ "zfhmin", SC_ISA_ZFH },	  { "zve32x", SC_ISA_V },
	{ "zve32f", SC_ISA_V },		  { "zve64x", SC_ISA_V },
	{ "zve64f", SC_ISA_V },		  { "zve64d", SC_ISA_V },
	{ "zvfhmin", SC_ISA_ZVFH },
};

void isa_string(uint64_t isa, bool vendor, char *text, size_t size)
{
	size_t used = snprintf(text, size, "rv64imafd%s_zicsr_zifencei", isa & SC_ISA_V ? "v" : "");

	for (unsigned int i = 0; i < ARRAY_SIZE(isa_names) && used < size; i++) {
		const char *name = isa_names[i].name;

		if (isa & isa_names[i].bit && name[1] && isa_names[i].bit != SC_ISA_RV64IMAFD &&
		    (vendor || name[0] != 'x'))
			used += snprintf(text + used, size - used, "_%s", name);
	}
}

static int read_module_note(struct elf_file *f, const unsigned char *desc, size_t size)
{
	struct sc_note_module note;

	if (size != sizeof(note))
		return elf_fail(f, -EBADMSG, "module note of %zu bytes", size);
	memcpy(&note, desc, sizeof(note));
	if (note.abi_version != SC_ABI_VERSION)
		return elf_fail(f, -EPROTONOSUPPORT, "kernel ABI %u, this library knows %u",
				note.abi_version, SC_ABI_VERSION);
	if (note.rsv)
		return elf_fail(f, -EBADMSG, "module note with reserved bits");
	f->isa |= note.isa;
	return 0;
}

static int read_kernel_note(struct elf_file *f, struct elf_image *image, const unsigned char *desc,
			    size_t size)
{
	struct sc_note_kernel note;
	struct elf_kernel *kernels, *kernel;

	if (size != sizeof(note))
		return elf_fail(f, -EBADMSG, "kernel note of %zu bytes", size);
	memcpy(&note, desc, sizeof(note));
	if (!note.name[0] || !memchr(note.name, 0, sizeof(note.name)))
		return elf_fail(f, -EBADMSG, "kernel note without a name");
	if (note.args_size > SC_MAX_ARGS || !note.args_align || note.args_align > SC_TCM_ALIGN ||
	    note.args_align & (note.args_align - 1))
		return elf_fail(f, -EBADMSG, "kernel %s: %u bytes of arguments, aligned to %u",
				note.name, note.args_size, note.args_align);
	if (!note.stack_size || note.stack_size % SC_STACK_GUARD)
		return elf_fail(f, -EBADMSG, "kernel %s: stack of 0x%x bytes", note.name,
				note.stack_size);
	if (note.flags & ~SC_KERNEL_COOPERATIVE)
		return elf_fail(f, -EBADMSG, "kernel %s: unknown flags 0x%x", note.name,
				note.flags);
	for (unsigned int i = 0; i < image->num_kernels; i++)
		if (!strcmp(image->kernels[i].name, note.name))
			return elf_fail(f, -EBADMSG, "kernel %s: two notes", note.name);
	kernels = realloc(image->kernels, (image->num_kernels + 1) * sizeof(*kernels));
	if (!kernels)
		return -ENOMEM;
	image->kernels = kernels;
	kernel = &kernels[image->num_kernels++];
	*kernel = (struct elf_kernel){
		.args_size = note.args_size,
		.args_align = note.args_align,
		.stack_size = note.stack_size,
		.flags = note.flags,
	};
	memcpy(kernel->name, note.name, sizeof(kernel->name));
	return 0;
}

static int compare_kernels(const void *a, const void *b)
{
	return strcmp(((const struct elf_kernel *)a)->name, ((const struct elf_kernel *)b)->name);
}

static int read_segment(struct elf_file *f, struct elf_image *image, const Elf64_Phdr *p,
			bool *found)
{
	int r = elf_check_bytes(f, p->p_offset, p->p_filesz, "notes");
	size_t at = 0, name, desc;
	Elf_Data *data;
	GElf_Nhdr nhdr;

	if (r || !p->p_filesz)
		return r;
	data = elf_getdata_rawchunk(f->elf, p->p_offset, p->p_filesz,
				    p->p_align == 8 ? ELF_T_NHDR8 : ELF_T_NHDR);
	if (!data)
		return elf_fail(f, -EBADMSG, "notes: %s", elf_errmsg(-1));
	while ((at = gelf_getnote(data, at, &nhdr, &name, &desc))) {
		const unsigned char *bytes = data->d_buf;

		if (nhdr.n_namesz != sizeof(SC_NOTE_NAME) ||
		    memcmp(bytes + name, SC_NOTE_NAME, sizeof(SC_NOTE_NAME)))
			continue;
		if (nhdr.n_type == SC_NOTE_MODULE) {
			r = read_module_note(f, bytes + desc, nhdr.n_descsz);
			*found = true;
		} else if (nhdr.n_type == SC_NOTE_KERNEL) {
			r = read_kernel_note(f, image, bytes + desc, nhdr.n_descsz);
		} else {
			r = elf_fail(f, -EBADMSG, "SeedChip note of unknown type %u", nhdr.n_type);
		}
		if (r)
			return r;
	}
	return 0;
}

int elf_read_notes(struct elf_file *f, struct elf_image *image)
{
	bool found = false;
	int r;

	for (unsigned int i = 0; i < f->ehdr.e_phnum; i++) {
		if (f->phdrs[i].p_type != PT_NOTE)
			continue;
		r = read_segment(f, image, &f->phdrs[i], &found);
		if (r)
			return r;
	}
	if (!found)
		return elf_fail(f, -EBADMSG, "no SeedChip note: not built by seedchip-cc");
	if (!image->num_kernels)
		return elf_fail(f, -EBADMSG, "no kernel: nothing is defined with SD_KERNEL()");
	qsort(image->kernels, image->num_kernels, sizeof(*image->kernels), compare_kernels);
	return 0;
}

static int check_bits(const struct elf_file *f, uint64_t isa)
{
	uint64_t missing = isa & ~f->info->isa;
	char have[256];

	if (!missing)
		return 0;
	isa_string(f->info->isa, true, have, sizeof(have));
	for (unsigned int i = 0; i < ARRAY_SIZE(isa_names); i++)
		if (missing & isa_names[i].bit)
			return elf_fail(f, -EOPNOTSUPP, "needs %s; the card has %s",
					isa_names[i].name, have);
	return elf_fail(f, -EOPNOTSUPP, "needs unknown feature bits 0x%llx",
			(unsigned long long)missing);
}

static int check_extension(const struct elf_file *f, const char *name, size_t length)
{
	char text[32];

	if (length >= sizeof(text))
		length = sizeof(text) - 1;
	memcpy(text, name, length);
	text[length] = 0;
	for (unsigned int i = 0; i < ARRAY_SIZE(isa_names); i++)
		if (!strcmp(text, isa_names[i].name))
			return check_bits(f, isa_names[i].bit);
	for (unsigned int i = 0; i < ARRAY_SIZE(isa_aliases); i++)
		if (!strcmp(text, isa_aliases[i].name))
			return check_bits(f, isa_aliases[i].bit);
	if (!strncmp(text, "zvl", 3) && strtoul(text + 3, NULL, 10) <= f->info->vlen)
		return 0;
	return elf_fail(f, -EOPNOTSUPP, "needs extension %s, which the card lacks", text);
}

/* Bytes of a version such as "2p1" at the end of what is @length bytes long. */
static size_t version_length(const char *name, size_t length)
{
	size_t n = length, digits;

	for (digits = n; digits && isdigit((unsigned char)name[digits - 1]); digits--)
		;
	if (digits == n || !digits || name[digits - 1] != 'p')
		return 0;
	for (n = digits - 1; n && isdigit((unsigned char)name[n - 1]); n--)
		;
	return n == digits - 1 ? 0 : length - n;
}

/* "rv64i2p1_m2p0_zicsr2p0": single letters may stand together, too. */
static int check_arch(const struct elf_file *f, const char *arch)
{
	int r;

	if (strncmp(arch, "rv64", 4))
		return elf_fail(f, -EMEDIUMTYPE, "architecture %.64s is not rv64", arch);
	arch += 4;
	while (*arch) {
		size_t length = strcspn(arch, "_"), letters;

		letters = length - version_length(arch, length);
		if (strchr("zsx", arch[0])) {
			r = check_extension(f, arch, letters);
			if (r)
				return r;
		} else {
			for (size_t i = 0; i < letters; i++) {
				if (isdigit((unsigned char)arch[i]) ||
				    (arch[i] == 'p' && i && isdigit((unsigned char)arch[i - 1])))
					continue; /* a version in the middle */
				r = check_extension(f, arch + i, 1);
				if (r)
					return r;
			}
		}
		arch += length + (arch[length] == '_');
	}
	return 0;
}

/* Read a ULEB128 number. Return: false at the end of the data. */
static bool read_uleb(const unsigned char **at, const unsigned char *end, uint64_t *value)
{
	unsigned int shift = 0;

	*value = 0;
	while (*at < end) {
		unsigned char byte = *(*at)++;

		if (shift < 64)
			*value |= (uint64_t)(byte & 0x7f) << shift;
		shift += 7;
		if (!(byte & 0x80))
			return true;
	}
	return false;
}

/* The attributes of the file: odd tags have a string, even ones a number. */
static int check_attributes(const struct elf_file *f, const unsigned char *at,
			    const unsigned char *end)
{
	uint64_t tag, value;

	while (read_uleb(&at, end, &tag)) {
		const unsigned char *nul;

		if (!(tag & 1)) {
			if (!read_uleb(&at, end, &value))
				break;
			continue;
		}
		nul = memchr(at, 0, end - at);
		if (!nul)
			break;
		if (tag == TAG_RISCV_ARCH)
			return check_arch(f, (const char *)at);
		at = nul + 1;
	}
	return elf_fail(f, -ELIBBAD, ".riscv.attributes names no architecture");
}

int elf_check_isa(struct elf_file *f)
{
	/* 'A', length, "riscv", then tag 1 for the whole file, length, attributes */
	static const char vendor[] = "riscv";
	const size_t head = 1 + 4 + sizeof(vendor) + 1 + 4;
	int r = check_bits(f, f->isa);

	for (unsigned int i = 0; !r && i < f->ehdr.e_phnum; i++) {
		const Elf64_Phdr *p = &f->phdrs[i];
		const unsigned char *at;

		if (p->p_type != PT_RISCV_ATTRIBUTES_)
			continue;
		r = elf_check_bytes(f, p->p_offset, p->p_filesz, ".riscv.attributes");
		if (r)
			break;
		at = f->data + p->p_offset;
		if (p->p_filesz < head || at[0] != 'A' || memcmp(at + 5, vendor, sizeof(vendor)) ||
		    at[5 + sizeof(vendor)] != 1)
			return elf_fail(f, -ELIBBAD, ".riscv.attributes is malformed");
		r = check_attributes(f, at + head, at + p->p_filesz);
	}
	return r;
}
