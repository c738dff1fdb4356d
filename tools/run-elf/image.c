// SPDX-License-Identifier: MIT
/*
 * Loads a bare ELF at its physical addresses. The invariant: nothing is taken
 * from the file that lies outside it, and memory is only where a segment or the
 * runner asked for some.
 */
#include <errno.h>
#include <fcntl.h>
#include <gelf.h>
#include <libelf.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "image.h"

#define RWX	   (SC_PTE_VALID | SC_PTE_READ | SC_PTE_WRITE | SC_PTE_EXECUTE)
#define MAX_MEMORY (1ULL << 32) /* of a segment */
#define TOP	   (1ULL << 47) /* the scratchpad's windows begin here */

static int __attribute__((format(printf, 2, 3))) bad(const char *path, const char *fmt, ...)
{
	va_list args;

	fprintf(stderr, "seedchip-run-elf: %s: ", path);
	va_start(args, fmt);
	vfprintf(stderr, fmt, args);
	va_end(args);
	fprintf(stderr, "\n");
	return -1;
}

/* Memory for what is not yet there of @va to @end, page by page. */
static int map_missing(struct sc_chip *chip, const char *path, uint64_t va, uint64_t end)
{
	unsigned int used = 0;

	for (uint64_t page = va - va % SC_PAGE_SIZE; page < end; page += SC_PAGE_SIZE) {
		uint64_t first = page;

		while (page < end && !flat_at(chip, page))
			page += SC_PAGE_SIZE;
		if (first == page)
			continue;
		for (unsigned int i = used = 0; i < FLAT_REGIONS; i++)
			used += chip->region[i].size != 0;
		if (used == FLAT_REGIONS)
			return bad(path, "more than %d separate pieces of memory", FLAT_REGIONS);
		flat_map(chip, first, page - first, RWX);
	}
	return 0;
}

static int load_segment(struct sc_chip *chip, const char *path, unsigned int n,
			const GElf_Phdr *ph, const char *file, size_t size)
{
	uint64_t end = ph->p_paddr + ph->p_memsz;

	if (ph->p_filesz > ph->p_memsz)
		return bad(path, "segment %u: more bytes in the file than in memory", n);
	if (ph->p_offset > size || ph->p_filesz > size - ph->p_offset)
		return bad(path, "segment %u: truncated file", n);
	if (ph->p_memsz > MAX_MEMORY)
		return bad(path, "segment %u: more than %llu bytes", n, MAX_MEMORY);
	if (end < ph->p_paddr || end > TOP)
		return bad(path, "segment %u: no memory at %#llx", n,
			   (unsigned long long)ph->p_paddr);
	if (map_missing(chip, path, ph->p_paddr, end))
		return -1;
	/* a segment may span pieces of memory */
	for (uint64_t i = 0; i < ph->p_filesz;) {
		uint64_t va = ph->p_paddr + i, room = SC_PAGE_SIZE - va % SC_PAGE_SIZE;
		uint64_t part = ph->p_filesz - i < room ? ph->p_filesz - i : room;

		memcpy(flat_at(chip, va), file + ph->p_offset + i, part);
		i += part;
	}
	return 0;
}

static void find_symbols(struct image *image, Elf *elf, Elf_Scn *scn, const GElf_Shdr *sh)
{
	const struct {
		const char *name;
		uint64_t *value;
	} wanted[] = {
		{ "tohost", &image->tohost },
		{ "fromhost", &image->fromhost },
		{ "begin_signature", &image->begin_signature },
		{ "end_signature", &image->end_signature },
	};
	Elf_Data *data = elf_getdata(scn, NULL);
	GElf_Sym sym;

	for (int i = 0; data && gelf_getsym(data, i, &sym); i++) {
		const char *name = elf_strptr(elf, sh->sh_link, sym.st_name);

		for (unsigned int j = 0; name && j < sizeof(wanted) / sizeof(wanted[0]); j++)
			if (sym.st_shndx != SHN_UNDEF && !strcmp(name, wanted[j].name))
				*wanted[j].value = sym.st_value;
	}
}

static int load_file(struct image *image, struct sc_chip *chip, const char *path, Elf *elf)
{
	unsigned int loaded = 0;
	Elf_Scn *scn = NULL;
	GElf_Ehdr eh;
	GElf_Phdr ph;
	GElf_Shdr sh;
	size_t phnum, size;
	char *file;

	if (elf_kind(elf) != ELF_K_ELF || !gelf_getehdr(elf, &eh))
		return bad(path, "not an ELF file");
	if (eh.e_machine != EM_RISCV || eh.e_ident[EI_CLASS] != ELFCLASS64)
		return bad(path, "not for 64-bit RISC-V");
	if (eh.e_type != ET_EXEC)
		return bad(path, "not an executable with addresses of its own");
	if (eh.e_flags & EF_RISCV_RVC)
		bad(path, "may have compressed instructions, which trap");
	file = elf_rawfile(elf, &size);
	if (!file || elf_getphdrnum(elf, &phnum))
		return bad(path, "%s", elf_errmsg(-1));
	for (size_t i = 0; i < phnum; i++) {
		if (!gelf_getphdr(elf, (int)i, &ph))
			return bad(path, "%s", elf_errmsg(-1));
		if (ph.p_type != PT_LOAD || !ph.p_memsz)
			continue;
		if (load_segment(chip, path, (unsigned int)i, &ph, file, size))
			return -1;
		loaded++;
	}
	if (!loaded)
		return bad(path, "no segment to load");
	image->entry = eh.e_entry;
	while ((scn = elf_nextscn(elf, scn)))
		if (gelf_getshdr(scn, &sh) && sh.sh_type == SHT_SYMTAB)
			find_symbols(image, elf, scn, &sh);
	return 0;
}

int image_load(struct image *image, struct sc_chip *chip, const char *path)
{
	int fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC), ret; /* a pipe is no program */
	struct stat st;
	Elf *elf;

	memset(image, 0, sizeof(*image));
	if (fd < 0)
		return bad(path, "%s", strerror(errno));
	if (fstat(fd, &st) || !S_ISREG(st.st_mode)) {
		close(fd);
		return bad(path, "not a file");
	}
	elf_version(EV_CURRENT);
	elf = elf_begin(fd, ELF_C_READ, NULL);
	ret = elf ? load_file(image, chip, path, elf) : bad(path, "%s", elf_errmsg(-1));
	elf_end(elf);
	close(fd);
	return ret;
}
