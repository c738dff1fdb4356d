// SPDX-License-Identifier: MIT
/*
 * The chip of flat.h. The invariant: a region answers for exactly the pages it
 * names, with the permissions it names, so a test knows what a core may reach.
 */
#include <elf.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "flat.h"

void flat_init(struct sc_chip *chip)
{
	memset(chip, 0, sizeof(*chip));
	chip->config.cores = 1;
	chip->config.tcm_size = 65536;
	chip->isa = ~0ULL;
}

static struct flat_region *unused(struct sc_chip *chip)
{
	for (unsigned int i = 0; i < FLAT_REGIONS; i++)
		if (!chip->region[i].size)
			return &chip->region[i];
	fprintf(stderr, "flat: too many regions\n");
	exit(FLAT_EXIT);
}

uint8_t *flat_map(struct sc_chip *chip, uint64_t va, uint64_t size, uint32_t pte)
{
	struct flat_region *r = unused(chip);

	size = (size + SC_PAGE_SIZE - 1) / SC_PAGE_SIZE * SC_PAGE_SIZE;
	*r = (struct flat_region){ .va = va, .size = size, .pte = pte };
	r->mem = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (r->mem == MAP_FAILED) {
		fprintf(stderr, "flat: no memory for %llu bytes\n", (unsigned long long)size);
		exit(FLAT_EXIT);
	}
	return r->mem;
}

static struct flat_region *find(struct sc_chip *chip, uint64_t va)
{
	for (unsigned int i = 0; i < FLAT_REGIONS; i++) {
		struct flat_region *r = &chip->region[i];

		if (va - r->va < r->size)
			return r;
	}
	return NULL;
}

uint8_t *flat_at(struct sc_chip *chip, uint64_t va)
{
	struct flat_region *r = find(chip, va);

	return r ? r->mem + (va - r->va) : NULL;
}

void flat_alias(struct sc_chip *chip, uint64_t alias, uint64_t va, uint32_t pte)
{
	struct flat_region *r = unused(chip), *old = find(chip, va);

	*r = *old;
	r->va = alias;
	r->pte = pte;
}

void flat_free(struct sc_chip *chip)
{
	for (unsigned int i = 0; i < FLAT_REGIONS; i++) {
		uint8_t *mem = chip->region[i].mem;
		uint64_t size = chip->region[i].size;

		for (unsigned int j = i; j < FLAT_REGIONS; j++) /* aliases too */
			if (chip->region[j].mem == mem)
				chip->region[j].mem = NULL;
		if (mem)
			munmap(mem, size);
	}
}

/* The part of chip.h and mmu.h that a core uses. */

const struct sc_config *sc_chip_config(const struct sc_chip *chip)
{
	return &chip->config;
}

uint64_t sc_chip_read(struct sc_chip *chip, uint64_t offset, unsigned int size)
{
	(void)size;
	return offset == SC_REG_ISA ? chip->isa : offset == SC_REG_TIME ? chip->time : 0;
}

uint64_t sc_mmu_stamp(struct sc_chip *chip, unsigned int context)
{
	(void)context;
	return chip->stamp;
}

uint64_t sc_mmu_code_stamp(struct sc_chip *chip, unsigned int context)
{
	(void)context;
	return chip->code_stamp;
}

static enum sc_code check(const struct flat_region *r, uint64_t va, unsigned int access)
{
	if (va >> 47)
		return SC_CODE_BAD_ADDRESS;
	if (!r)
		return SC_CODE_UNMAPPED;
	if ((access & SC_ACCESS_READ) && !(r->pte & SC_PTE_READ))
		return SC_CODE_NO_READ;
	if ((access & SC_ACCESS_WRITE) && !(r->pte & SC_PTE_WRITE))
		return SC_CODE_NO_WRITE;
	if ((access & SC_ACCESS_EXECUTE) && !(r->pte & SC_PTE_EXECUTE))
		return SC_CODE_NO_EXECUTE;
	return SC_CODE_NONE;
}

int sc_mmu_translate(struct sc_chip *chip, unsigned int context, uint64_t va, unsigned int access,
		     struct sc_xlat *xlat, struct sc_fault *fault)
{
	struct flat_region *r = find(chip, va);
	enum sc_code code = check(r, va, access);
	uint64_t page = va / SC_PAGE_SIZE * SC_PAGE_SIZE;

	(void)context;
	__atomic_fetch_add(&chip->translations, 1, __ATOMIC_RELAXED);
	if (code) {
		fault->engine = SC_ENGINE_QUEUE; /* as the real one: the caller knows better */
		fault->status = SC_STATUS_FAULT;
		fault->code = (uint16_t)code;
		fault->va = va;
		fault->access = access;
		return -EFAULT;
	}
	*xlat = (struct sc_xlat){ .pte = r->pte };
	if (r->pte & SC_PTE_SYSTEM)
		xlat->system = page;
	else if (!(r->pte & SC_PTE_SPARSE))
		xlat->host = r->mem + (page - r->va);
	return 0;
}

int sc_mmu_copy(struct sc_chip *chip, unsigned int context, uint64_t va, void *buf, size_t len,
		unsigned int access, struct sc_fault *fault)
{
	uint8_t *p = buf;

	for (size_t i = 0; i < len; i++) {
		struct flat_region *r = find(chip, va + i);
		struct sc_xlat xlat;

		if (sc_mmu_translate(chip, context, va + i, access, &xlat, fault))
			return -EFAULT;
		if (r->pte & SC_PTE_SPARSE) {
			if (access != SC_ACCESS_WRITE)
				p[i] = 0;
		} else if (access == SC_ACCESS_WRITE) {
			r->mem[va + i - r->va] = p[i];
		} else {
			p[i] = r->mem[va + i - r->va];
		}
	}
	return 0;
}

/* A whole file, or NULL. */
static uint8_t *read_file(const char *path, size_t *size)
{
	FILE *f = fopen(path, "rb");
	uint8_t *data = NULL;
	long end;

	if (!f)
		return NULL;
	fseek(f, 0, SEEK_END);
	end = ftell(f);
	rewind(f);
	data = end > 0 ? malloc((size_t)end) : NULL;
	if (data && fread(data, 1, (size_t)end, f) != (size_t)end) {
		free(data);
		data = NULL;
	}
	fclose(f);
	*size = (size_t)end;
	return data;
}

static void map_segment(struct sc_chip *chip, const uint8_t *file, const Elf64_Phdr *ph)
{
	uint64_t va = ph->p_vaddr / SC_PAGE_SIZE * SC_PAGE_SIZE;
	uint32_t pte = SC_PTE_VALID | (ph->p_flags & PF_R ? SC_PTE_READ : 0) |
		       (ph->p_flags & PF_W ? SC_PTE_WRITE : 0) |
		       (ph->p_flags & PF_X ? SC_PTE_EXECUTE | SC_PTE_READ : 0);
	uint8_t *mem = flat_map(chip, va, ph->p_vaddr + ph->p_memsz - va, pte);

	memcpy(mem + (ph->p_vaddr - va), file + ph->p_offset, ph->p_filesz);
}

int flat_load_elf(struct sc_chip *chip, const char *path)
{
	size_t size;
	uint8_t *file = read_file(path, &size);
	const Elf64_Ehdr *eh = (const Elf64_Ehdr *)file;

	if (!file || size < sizeof(*eh) || memcmp(eh->e_ident, ELFMAG, SELFMAG) ||
	    eh->e_machine != EM_RISCV) {
		fprintf(stderr, "%s: not a RISC-V ELF\n", path);
		free(file);
		return -1;
	}
	for (unsigned int i = 0; i < eh->e_phnum; i++) {
		const Elf64_Phdr *ph = (const Elf64_Phdr *)(file + eh->e_phoff) + i;

		if (ph->p_type == PT_LOAD && ph->p_memsz)
			map_segment(chip, file, ph);
	}
	free(file);
	return 0;
}

uint64_t flat_symbol(const char *path, const char *name, uint64_t *sym_size)
{
	size_t size;
	uint8_t *file = read_file(path, &size);
	const Elf64_Ehdr *eh = (const Elf64_Ehdr *)file;
	uint64_t value = 0;

	for (unsigned int i = 0; file && i < eh->e_shnum; i++) {
		const Elf64_Shdr *sh = (const Elf64_Shdr *)(file + eh->e_shoff) + i;
		const Elf64_Shdr *str = (const Elf64_Shdr *)(file + eh->e_shoff) + sh->sh_link;

		if (sh->sh_type != SHT_SYMTAB)
			continue;
		for (uint64_t j = 0; j < sh->sh_size / sizeof(Elf64_Sym); j++) {
			const Elf64_Sym *sym = (const Elf64_Sym *)(file + sh->sh_offset) + j;

			if (strcmp((const char *)file + str->sh_offset + sym->st_name, name))
				continue;
			value = sym->st_value;
			if (sym_size)
				*sym_size = sym->st_size;
		}
	}
	free(file);
	return value;
}
