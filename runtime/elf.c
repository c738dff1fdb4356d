// SPDX-License-Identifier: MIT
/*
 * The module loader's front: headers, segments, relocations and symbols of an
 * ELF file that nobody has checked before.
 *
 * What loading needs comes from the program headers and the dynamic section
 * alone; libelf reads notes and, where they are left, section headers. Nothing
 * is read from the file before its bounds are checked, and nothing reaches the
 * card before all of it is. Each kind of defect has one errno, listed at
 * seedchip_module_load().
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "elf_file.h"

#define MAX_IMAGE    (256ull << 20)
#define FUNCTION_MAX (sizeof(((struct seedchip_fault *)0)->function) - 1)

#ifndef EF_RISCV_RVE
#define EF_RISCV_RVE 0x8
#endif

int elf_check_bytes(const struct elf_file *f, uint64_t offset, uint64_t size, const char *what)
{
	if (offset <= f->size && size <= f->size - offset)
		return 0;
	return elf_fail(f, -ENODATA, "truncated: %s at 0x%llx + 0x%llx in a file of 0x%zx bytes",
			what, (unsigned long long)offset, (unsigned long long)size, f->size);
}

static int check_ident(struct elf_file *f)
{
	const unsigned char *id = f->data;
	int r;

	if (f->size < SELFMAG || memcmp(id, ELFMAG, SELFMAG))
		return elf_fail(f, -ENOEXEC, "not an ELF file");
	r = elf_check_bytes(f, 0, sizeof(f->ehdr), "ELF header");
	if (r)
		return r;
	if (id[EI_CLASS] != ELFCLASS64 || id[EI_DATA] != ELFDATA2LSB ||
	    id[EI_VERSION] != EV_CURRENT)
		return elf_fail(f, -EMEDIUMTYPE, "not a 64-bit little-endian ELF file");
	memcpy(&f->ehdr, f->data, sizeof(f->ehdr));
	return 0;
}

static int check_header(struct elf_file *f)
{
	const Elf64_Ehdr *e = &f->ehdr;
	int r = check_ident(f);

	if (r)
		return r;
	if (e->e_machine != EM_RISCV)
		return elf_fail(f, -EMEDIUMTYPE, "machine %u is not RISC-V", e->e_machine);
	if (e->e_type != ET_DYN || e->e_version != EV_CURRENT)
		return elf_fail(f, -EMEDIUMTYPE, "type %u is not a module (ET_DYN)", e->e_type);
	if ((e->e_flags & EF_RISCV_FLOAT_ABI) != EF_RISCV_FLOAT_ABI_DOUBLE ||
	    e->e_flags & EF_RISCV_RVE)
		return elf_fail(f, -EMEDIUMTYPE, "ABI flags 0x%x, not lp64d", e->e_flags);
	if (e->e_flags & EF_RISCV_RVC)
		return elf_fail(f, -EOPNOTSUPP, "uses compressed instructions");
	if (e->e_phentsize != sizeof(Elf64_Phdr) || !e->e_phnum || e->e_phnum > MAX_PHDRS)
		return elf_fail(f, -ELIBBAD, "%u program headers of %u bytes", e->e_phnum,
				e->e_phentsize);
	r = elf_check_bytes(f, e->e_phoff, (uint64_t)e->e_phnum * sizeof(Elf64_Phdr),
			    "program headers");
	if (!r)
		memcpy(f->phdrs, f->data + e->e_phoff, e->e_phnum * sizeof(Elf64_Phdr));
	return r;
}

static int check_load(const struct elf_file *f, unsigned int i, uint64_t page, uint64_t end)
{
	const Elf64_Phdr *p = &f->phdrs[i];
	int r = elf_check_bytes(f, p->p_offset, p->p_filesz, "segment");

	if (r)
		return r;
	if (p->p_filesz > p->p_memsz || p->p_vaddr > MAX_IMAGE || p->p_memsz > MAX_IMAGE)
		return elf_fail(f, -ELIBBAD, "segment %u: 0x%llx bytes of file at 0x%llx + 0x%llx",
				i, (unsigned long long)p->p_filesz, (unsigned long long)p->p_vaddr,
				(unsigned long long)p->p_memsz);
	if (p->p_align < page || p->p_align & (p->p_align - 1) ||
	    (p->p_vaddr ^ p->p_offset) & (page - 1))
		return elf_fail(f, -ELIBBAD, "segment %u at 0x%llx: misaligned", i,
				(unsigned long long)p->p_vaddr);
	if (p->p_vaddr < end)
		return elf_fail(f, -ELIBBAD, "segment %u at 0x%llx: overlaps the one before it", i,
				(unsigned long long)p->p_vaddr);
	if (p->p_flags & PF_W && p->p_flags & PF_X)
		return elf_fail(f, -EACCES, "segment %u at 0x%llx: writable and executable", i,
				(unsigned long long)p->p_vaddr);
	return 0;
}

static int check_tls(const struct elf_file *f, const Elf64_Phdr *p, struct elf_image *image)
{
	if (p->p_filesz)
		return elf_fail(f, -ELIBSCN,
				"static scratchpad variables have initial values: 0x%llx bytes",
				(unsigned long long)p->p_filesz);
	if (p->p_align > SC_TCM_ALIGN)
		return elf_fail(f, -ELIBBAD, "static scratchpad: alignment 0x%llx is above %u",
				(unsigned long long)p->p_align, SC_TCM_ALIGN);
	if (p->p_memsz > f->info->tcm_size)
		return elf_fail(f, -E2BIG, "static scratchpad: 0x%llx bytes, the card has 0x%x",
				(unsigned long long)p->p_memsz, f->info->tcm_size);
	image->tcm_static = (p->p_memsz + SC_TCM_ALIGN - 1) & ~(SC_TCM_ALIGN - 1u);
	return 0;
}

static void add_segment(struct elf_image *image, const Elf64_Phdr *p, uint64_t page)
{
	struct elf_segment *s = &image->segments[image->num_segments++];
	uint64_t first = p->p_vaddr & ~(page - 1);

	s->offset = first; /* made relative to the image in lay_out() */
	s->size = ((p->p_vaddr + p->p_memsz + page - 1) & ~(page - 1)) - first;
	s->bind_flags = DRM_SEEDCHIP_BIND_READ;
	if (p->p_flags & PF_W)
		s->bind_flags |= DRM_SEEDCHIP_BIND_WRITE;
	if (p->p_flags & PF_X)
		s->bind_flags |= DRM_SEEDCHIP_BIND_EXECUTE;
}

static int check_segments(struct elf_file *f, struct elf_image *image)
{
	uint64_t page = f->info->page_size, end = 0;
	int r;

	image->segments = calloc(f->ehdr.e_phnum, sizeof(*image->segments));
	if (!image->segments)
		return -ENOMEM;
	for (unsigned int i = 0; i < f->ehdr.e_phnum; i++) {
		const Elf64_Phdr *p = &f->phdrs[i];

		if (p->p_type == PT_INTERP)
			return elf_fail(f, -ELIBACC, "for a dynamic linker, not a module");
		if (p->p_type == PT_TLS) {
			r = check_tls(f, p, image);
			if (r)
				return r;
		}
		if (p->p_type != PT_LOAD || (!p->p_memsz && !p->p_filesz))
			continue;
		r = check_load(f, i, page, end);
		if (r)
			return r;
		add_segment(image, p, page);
		end = image->segments[image->num_segments - 1].offset +
		      image->segments[image->num_segments - 1].size;
	}
	if (!image->num_segments)
		return elf_fail(f, -ELIBBAD, "nothing to load");
	image->vaddr = image->segments[0].offset;
	image->size = end - image->vaddr;
	if (image->size > MAX_IMAGE)
		return elf_fail(f, -ELIBBAD, "0x%llx bytes are too large for a module",
				(unsigned long long)image->size);
	return 0;
}

static int lay_out(const struct elf_file *f, struct elf_image *image)
{
	image->data = calloc(1, image->size);
	if (!image->data)
		return -ENOMEM;
	for (unsigned int i = 0; i < image->num_segments; i++)
		image->segments[i].offset -= image->vaddr;
	for (unsigned int i = 0; i < f->ehdr.e_phnum; i++) {
		const Elf64_Phdr *p = &f->phdrs[i];

		if (p->p_type == PT_LOAD && p->p_filesz)
			memcpy(image->data + (p->p_vaddr - image->vaddr), f->data + p->p_offset,
			       p->p_filesz);
	}
	return 0;
}

/* The segment that holds all of [vaddr, vaddr + size), NULL: none. */
static const struct elf_segment *segment_of(const struct elf_image *image, uint64_t vaddr,
					    uint64_t size)
{
	uint64_t offset = vaddr - image->vaddr;

	for (unsigned int i = 0; i < image->num_segments; i++) {
		const struct elf_segment *s = &image->segments[i];

		if (offset >= s->offset && offset - s->offset <= s->size &&
		    size <= s->size - (offset - s->offset))
			return s;
	}
	return NULL;
}

/* Where an address that segment_of() has found lies in the image. */
static unsigned char *at(const struct elf_image *image, uint64_t vaddr)
{
	return image->data + (vaddr - image->vaddr);
}

/* What the dynamic section says. */
struct dynamic {
	uint64_t rela, rela_size, rela_entry;
	uint64_t symtab, strtab, strtab_size, hash;
};

static int check_tag(const struct elf_file *f, const Elf64_Dyn *d)
{
	switch (d->d_tag) {
	case DT_NEEDED:
		return elf_fail(f, -ELIBACC, "needs a shared library");
	case DT_REL: case DT_JMPREL: case DT_TEXTREL:
	case 36: /* DT_RELR */
		return elf_fail(f, -ELIBACC, "relocations that modules do not have (tag %lld)",
				(long long)d->d_tag);
	}
	return 0;
}

static void note_tag(struct dynamic *dyn, const Elf64_Dyn *d)
{
	const struct {
		int64_t tag;
		uint64_t *value;
	} wanted[] = {
		{ DT_RELA, &dyn->rela },	 { DT_RELASZ, &dyn->rela_size },
		{ DT_RELAENT, &dyn->rela_entry }, { DT_SYMTAB, &dyn->symtab },
		{ DT_STRTAB, &dyn->strtab },	 { DT_STRSZ, &dyn->strtab_size },
		{ DT_HASH, &dyn->hash },
	};

	for (unsigned int i = 0; i < ARRAY_SIZE(wanted); i++)
		if (wanted[i].tag == d->d_tag)
			*wanted[i].value = d->d_un.d_val;
}

static int read_dynamic(const struct elf_file *f, const struct elf_image *image,
			struct dynamic *dyn)
{
	const Elf64_Phdr *p = NULL;
	int r;

	*dyn = (struct dynamic){ .rela_entry = sizeof(Elf64_Rela) };
	for (unsigned int i = 0; i < f->ehdr.e_phnum; i++)
		if (f->phdrs[i].p_type == PT_DYNAMIC)
			p = &f->phdrs[i];
	if (!p)
		return elf_fail(f, -ELIBBAD, "no dynamic section");
	if (!segment_of(image, p->p_vaddr, p->p_memsz))
		return elf_fail(f, -ELIBBAD, "dynamic section outside the segments");
	for (uint64_t i = 0; i + sizeof(Elf64_Dyn) <= p->p_memsz; i += sizeof(Elf64_Dyn)) {
		Elf64_Dyn d;

		memcpy(&d, at(image, p->p_vaddr) + i, sizeof(d));
		if (d.d_tag == DT_NULL)
			break;
		r = check_tag(f, &d);
		if (r)
			return r;
		note_tag(dyn, &d);
	}
	return 0;
}

static int check_reloc(const struct elf_file *f, const struct elf_image *image, uint64_t number,
		       const Elf64_Rela *rela)
{
	const struct elf_segment *s;

	if (ELF64_R_TYPE(rela->r_info) != R_RISCV_RELATIVE || ELF64_R_SYM(rela->r_info))
		return elf_fail(f, -ELIBACC,
				"relocation %llu at 0x%llx: type %u, not R_RISCV_RELATIVE",
				(unsigned long long)number, (unsigned long long)rela->r_offset,
				(unsigned int)ELF64_R_TYPE(rela->r_info));
	s = segment_of(image, rela->r_offset, 8);
	if (!s || !(s->bind_flags & DRM_SEEDCHIP_BIND_WRITE))
		return elf_fail(f, -EACCES, "relocation %llu at 0x%llx: not in a writable segment",
				(unsigned long long)number, (unsigned long long)rela->r_offset);
	return 0;
}

/* Write the addends into the image and remember where the load address has to be added. */
static int read_relocs(const struct elf_file *f, struct elf_image *image, const struct dynamic *dyn)
{
	uint64_t count = dyn->rela_size / sizeof(Elf64_Rela);
	int r;

	if (!dyn->rela_size)
		return 0;
	if (dyn->rela_entry != sizeof(Elf64_Rela) || dyn->rela_size % sizeof(Elf64_Rela) ||
	    !segment_of(image, dyn->rela, dyn->rela_size))
		return elf_fail(f, -ELIBBAD, "relocation table at 0x%llx + 0x%llx is malformed",
				(unsigned long long)dyn->rela, (unsigned long long)dyn->rela_size);
	image->relocs = malloc(count * sizeof(*image->relocs));
	if (!image->relocs)
		return -ENOMEM;
	for (uint64_t i = 0; i < count; i++) {
		uint64_t offset, value;
		Elf64_Rela rela;

		memcpy(&rela, at(image, dyn->rela) + i * sizeof(rela), sizeof(rela));
		r = check_reloc(f, image, i, &rela);
		if (r)
			return r;
		offset = rela.r_offset - image->vaddr;
		value = rela.r_addend - image->vaddr;
		memcpy(image->data + offset, &value, sizeof(value));
		image->relocs[image->num_relocs++] = offset;
	}
	return 0;
}

static int set_kernel_entry(const struct elf_file *f, struct elf_image *image,
			    const Elf64_Sym *sym, struct elf_kernel *kernel)
{
	const struct elf_segment *s = segment_of(image, sym->st_value, 4);

	if (!s || !(s->bind_flags & DRM_SEEDCHIP_BIND_EXECUTE) || sym->st_value & 3)
		return elf_fail(f, -EBADMSG, "kernel %s at 0x%llx: not in an executable segment",
				kernel->name, (unsigned long long)sym->st_value);
	kernel->entry = sym->st_value - image->vaddr;
	return 0;
}

/* Find the kernels of the notes among the exported symbols. */
static int find_kernels(const struct elf_file *f, struct elf_image *image,
			const struct dynamic *dyn)
{
	const char *names;
	uint32_t count;
	int r;

	if (!segment_of(image, dyn->hash, 8) || !segment_of(image, dyn->strtab, dyn->strtab_size) ||
	    !dyn->strtab_size || *at(image, dyn->strtab + dyn->strtab_size - 1))
		return elf_fail(f, -ELIBBAD, "symbol table is malformed");
	names = (const char *)at(image, dyn->strtab);
	memcpy(&count, at(image, dyn->hash) + 4, sizeof(count));
	if (!segment_of(image, dyn->symtab, (uint64_t)count * sizeof(Elf64_Sym)))
		return elf_fail(f, -ELIBBAD, "symbol table of %u entries is malformed", count);
	for (unsigned int k = 0; k < image->num_kernels; k++) {
		struct elf_kernel *kernel = &image->kernels[k];
		uint32_t i;

		for (i = 0; i < count; i++) {
			Elf64_Sym sym;

			memcpy(&sym, at(image, dyn->symtab) + i * sizeof(sym), sizeof(sym));
			if (sym.st_shndx == SHN_UNDEF || ELF64_ST_TYPE(sym.st_info) != STT_FUNC ||
			    sym.st_name >= dyn->strtab_size ||
			    strcmp(names + sym.st_name, kernel->name))
				continue;
			r = set_kernel_entry(f, image, &sym, kernel);
			if (r)
				return r;
			break;
		}
		if (i == count)
			return elf_fail(f, -EBADMSG, "kernel %s has a note but is not exported",
					kernel->name);
	}
	return 0;
}

static int compare_symbols(const void *a, const void *b)
{
	const struct elf_symbol *x = a, *y = b;

	return x->start < y->start ? -1 : x->start > y->start;
}

/* Functions of one symbol table section; symbols serve messages only, so that none is an error. */
static void add_symbols(struct elf_image *image, Elf *elf, Elf_Scn *scn, const GElf_Shdr *shdr)
{
	Elf_Data *data = elf_getdata(scn, NULL);
	size_t count = data ? data->d_size / sizeof(Elf64_Sym) : 0;

	free(image->symbols);
	image->symbols = calloc(count ? count : 1, sizeof(*image->symbols));
	for (size_t i = 0; image->symbols && i < count; i++) {
		struct elf_symbol *s = &image->symbols[image->num_symbols];
		const char *name;
		GElf_Sym sym;

		if (!gelf_getsym(data, i, &sym) || GELF_ST_TYPE(sym.st_info) != STT_FUNC ||
		    !segment_of(image, sym.st_value, 4))
			continue;
		name = elf_strptr(elf, shdr->sh_link, sym.st_name);
		/* as much as records hold: in a strange file every name may be megabytes */
		s->name = name ? strndup(name, FUNCTION_MAX) : NULL;
		if (!s->name)
			continue;
		s->start = sym.st_value - image->vaddr;
		s->size = sym.st_size;
		image->num_symbols++;
	}
	if (image->symbols)
		qsort(image->symbols, image->num_symbols, sizeof(*image->symbols), compare_symbols);
}

static void read_symbols(const struct elf_file *f, struct elf_image *image)
{
	Elf_Scn *scn = NULL;
	GElf_Shdr shdr;

	image->prints = true;
	while ((scn = elf_nextscn(f->elf, scn)))
		if (gelf_getshdr(scn, &shdr) && shdr.sh_type == SHT_SYMTAB) {
			add_symbols(image, f->elf, scn, &shdr);
			break;
		}
	if (!image->num_symbols)
		return;
	image->prints = false;
	for (unsigned int i = 0; i < image->num_symbols; i++)
		image->prints |= !strcmp(image->symbols[i].name, "sd_printf");
}

static int check_kernels(const struct elf_file *f, const struct elf_image *image)
{
	for (unsigned int i = 0; i < image->num_kernels; i++) {
		const struct elf_kernel *k = &image->kernels[i];
		uint64_t need = SC_TCM_STATIC + (uint64_t)image->tcm_static + SC_STACK_GUARD +
				k->stack_size;

		if (need > f->info->tcm_size)
			return elf_fail(f, -E2BIG,
					"kernel %s: 0x%x bytes of static scratchpad and 0x%x of stack, the card has 0x%x in all",
					k->name, image->tcm_static, k->stack_size,
					f->info->tcm_size);
	}
	return 0;
}

static int load(struct elf_file *f, struct elf_image *image)
{
	struct dynamic dyn;
	int r = check_header(f);

	if (r)
		return r;
	elf_version(EV_CURRENT);
	/* libelf does not write to a file of the host's byte order */
	f->elf = elf_memory((char *)(uintptr_t)f->data, f->size);
	if (!f->elf)
		return elf_fail(f, -ELIBBAD, "%s", elf_errmsg(-1));
	r = check_segments(f, image);
	if (!r)
		r = lay_out(f, image);
	if (!r)
		r = read_dynamic(f, image, &dyn);
	if (!r)
		r = read_relocs(f, image, &dyn);
	if (!r)
		r = elf_read_notes(f, image);
	if (!r)
		r = elf_check_isa(f);
	if (!r)
		r = find_kernels(f, image, &dyn);
	if (!r)
		r = check_kernels(f, image);
	if (!r)
		read_symbols(f, image);
	return r;
}

int elf_load(const void *file, size_t size, const char *name, const struct drm_seedchip_info *info,
	     struct elf_image *image)
{
	struct elf_file f = { .data = file, .size = size, .name = name, .info = info };
	int r;

	*image = (struct elf_image){ 0 };
	r = load(&f, image);
	if (f.elf)
		elf_end(f.elf);
	if (r)
		elf_free(image);
	return r;
}

void elf_free(struct elf_image *image)
{
	for (unsigned int i = 0; i < image->num_symbols; i++)
		free(image->symbols[i].name);
	free(image->data);
	free(image->segments);
	free(image->kernels);
	free(image->symbols);
	free(image->relocs);
	*image = (struct elf_image){ 0 };
}
