/* SPDX-License-Identifier: MIT */
/*
 * A module's ELF file while it is being checked; between elf.c and elf_note.c.
 */
#ifndef SEEDCHIP_ELF_FILE_H
#define SEEDCHIP_ELF_FILE_H

#include <gelf.h>

#include "internal.h"

#define MAX_PHDRS 64

/**
 * struct elf_file - file and headers
 * @data: the file
 * @size: its bytes
 * @name: for messages
 * @info: the device that the module is for
 * @elf: libelf's view
 * @ehdr: ELF header
 * @phdrs: program headers
 * @isa: SC_ISA_* that the notes ask for
 */
struct elf_file {
	const unsigned char *data;
	size_t size;
	const char *name;
	const struct drm_seedchip_info *info;
	Elf *elf;
	Elf64_Ehdr ehdr;
	Elf64_Phdr phdrs[MAX_PHDRS];
	uint64_t isa;
};

#define elf_fail(f, err, format, ...) report(err, "%s: " format, (f)->name, ##__VA_ARGS__)

/* -ENODATA, with a message, unless [offset, offset + size) lies in the file. */
int elf_check_bytes(const struct elf_file *f, uint64_t offset, uint64_t size, const char *what);
/* Read the notes: kernels without their addresses, and f->isa. */
int elf_read_notes(struct elf_file *f, struct elf_image *image);
/* Compare notes and .riscv.attributes with what the device has. */
int elf_check_isa(struct elf_file *f);

#endif /* SEEDCHIP_ELF_FILE_H */
