// SPDX-License-Identifier: MIT
/*
 * The module loader against a module of seedchip-cc, whole and damaged in every
 * way that the loader names: the exact errno and message of each; and never
 * a crash, whatever bit is flipped and wherever the file ends.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>
#include <elf.h>

#include "runtime/internal.h"

#define ALL_ISA                                                                                \
	(SC_ISA_RV64IMAFD | SC_ISA_ZBA | SC_ISA_ZBB | SC_ISA_ZBS | SC_ISA_ZFH |                \
	 SC_ISA_XSDM_INT8 | SC_ISA_XSDM_BF16 | SC_ISA_XSDD)
#define PT_RISCV_ATTRIBUTES_ 0x70000003

static unsigned char *file; /* the module as it was built */
static size_t file_size;
static unsigned char *copy; /* the one that a test may damage */

static struct drm_seedchip_info info;

static int setup_group(void **state)
{
	char path[] = "/tmp/seedchip-test.XXXXXX", command[256];
	int fd = mkstemp(path);
	FILE *f;

	(void)state;
	assert_true(fd >= 0);
	close(fd);
	snprintf(command, sizeof(command), "tools/cc/seedchip-cc -o %s tests/unit/module_kernel.c",
		 path);
	assert_int_equal(system(command), 0);
	f = fopen(path, "rb");
	assert_non_null(f);
	fseek(f, 0, SEEK_END);
	file_size = ftell(f);
	rewind(f);
	file = malloc(file_size);
	assert_int_equal(fread(file, 1, file_size, f), file_size);
	fclose(f);
	unlink(path);
	return 0;
}

static int teardown_group(void **state)
{
	(void)state;
	free(file);
	return 0;
}

static int setup(void **state)
{
	(void)state;
	copy = malloc(file_size);
	memcpy(copy, file, file_size);
	info = (struct drm_seedchip_info){
		.isa = ALL_ISA, .tcm_size = 1 << 20, .page_size = 4096, .huge_size = 2 << 20,
	};
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	free(copy);
	return 0;
}

static Elf64_Ehdr *ehdr(void)
{
	return (Elf64_Ehdr *)copy;
}

static Elf64_Phdr *phdrs(void)
{
	return (Elf64_Phdr *)(copy + ehdr()->e_phoff);
}

/* The program header of a type, the n-th if there are several. */
static Elf64_Phdr *phdr(uint32_t type, unsigned int n)
{
	for (unsigned int i = 0; i < ehdr()->e_phnum; i++)
		if (phdrs()[i].p_type == type && !n--)
			return &phdrs()[i];
	fail_msg("no program header of type 0x%x", type);
	return NULL;
}

static void *at_vaddr(uint64_t vaddr)
{
	for (unsigned int i = 0; i < ehdr()->e_phnum; i++) {
		Elf64_Phdr *p = &phdrs()[i];

		if (p->p_type == PT_LOAD && vaddr >= p->p_vaddr && vaddr - p->p_vaddr < p->p_filesz)
			return copy + p->p_offset + (vaddr - p->p_vaddr);
	}
	fail_msg("nothing at 0x%llx", (unsigned long long)vaddr);
	return NULL;
}

static Elf64_Dyn *dynamic(int64_t tag)
{
	Elf64_Dyn *d = (Elf64_Dyn *)(copy + phdr(PT_DYNAMIC, 0)->p_offset);

	while (d->d_tag != tag && d->d_tag != DT_NULL)
		d++;
	assert_int_equal(d->d_tag, tag);
	return d;
}

static Elf64_Rela *relas(void)
{
	return at_vaddr(dynamic(DT_RELA)->d_un.d_ptr);
}

/* The description of the n-th SeedChip note of a type. */
static void *note(uint32_t type, unsigned int n)
{
	Elf64_Phdr *p = phdr(PT_NOTE, 0);
	unsigned char *at = copy + p->p_offset, *end = at + p->p_filesz;

	while (at < end) {
		Elf64_Nhdr *h = (Elf64_Nhdr *)at;

		if (h->n_type == type && !n--)
			return at + 24;
		at += 24 + h->n_descsz;
	}
	fail_msg("nothing of type %u", type);
	return NULL;
}

static int load_bytes(const void *data, size_t size)
{
	/* exactly as large as it is, so that tools see a read beyond its end */
	unsigned char *exact = calloc(1, size ? size : 1);
	struct elf_image image;
	int r;

	memcpy(exact, data, size);
	r = elf_load(exact, size, "m.elf", &info, &image);
	elf_free(&image);
	free(exact);
	return r;
}

/* What is in the message instead of a number that depends on the compiler is written as '*'. */
static void assert_message(const char *pattern)
{
	const char *text = seedchip_error(), *star = NULL, *retry = NULL, *p = pattern;

	while (*text) {
		if (*p == '*') {
			star = p++;
			retry = text;
		} else if (*p == *text) {
			p++;
			text++;
		} else if (star) {
			p = star + 1;
			text = ++retry;
		} else {
			break;
		}
	}
	while (*p == '*')
		p++;
	if (*text || *p)
		fail_msg("message \"%s\" is not \"%s\"", seedchip_error(), pattern);
}

static void refuse(int error, const char *pattern)
{
	assert_int_equal(load_bytes(copy, file_size), error);
	assert_message(pattern);
}

static void test_good(void **state)
{
	struct elf_image image;
	bool found = false;

	(void)state;
	assert_int_equal(elf_load(file, file_size, "m.elf", &info, &image), 0);
	assert_int_equal(image.num_kernels, 2);
	assert_string_equal(image.kernels[0].name, "first");
	assert_int_equal(image.kernels[0].args_size, 16);
	assert_int_equal(image.kernels[0].args_align, 8);
	assert_int_equal(image.kernels[0].stack_size, SC_STACK_DEFAULT);
	assert_int_equal(image.kernels[0].flags, 0);
	assert_string_equal(image.kernels[1].name, "second");
	assert_int_equal(image.kernels[1].args_size, 448);
	assert_int_equal(image.kernels[1].stack_size, 8192);
	assert_int_equal(image.kernels[1].flags, SC_KERNEL_COOPERATIVE);
	assert_int_equal(image.tcm_static, 4032); /* 1000 words, rounded up to 64 bytes */
	assert_true(image.num_relocs >= 3);
	for (unsigned int i = 0; i < image.num_symbols; i++)
		found |= !strcmp(image.symbols[i].name, "helper");
	assert_true(found);
	elf_free(&image);
}

/* R, RX and RW, in page-aligned pieces that do not touch each other's pages. */
static void test_segments(void **state)
{
	struct elf_image image;

	(void)state;
	assert_int_equal(elf_load(file, file_size, "m.elf", &info, &image), 0);
	assert_int_equal(image.num_segments, 3);
	assert_int_equal(image.segments[0].bind_flags, DRM_SEEDCHIP_BIND_READ);
	assert_int_equal(image.segments[1].bind_flags,
			 DRM_SEEDCHIP_BIND_READ | DRM_SEEDCHIP_BIND_EXECUTE);
	assert_int_equal(image.segments[2].bind_flags,
			 DRM_SEEDCHIP_BIND_READ | DRM_SEEDCHIP_BIND_WRITE);
	for (unsigned int i = 0; i < 3; i++) {
		assert_int_equal((image.segments[i].offset | image.segments[i].size) % 4096, 0);
		if (i)
			assert_true(image.segments[i].offset >= image.segments[i - 1].offset +
								image.segments[i - 1].size);
	}
	elf_free(&image);
}

static void test_not_elf(void **state)
{
	(void)state;
	assert_int_equal(load_bytes("", 0), -ENOEXEC);
	assert_message("m.elf: not an ELF file");
	assert_int_equal(load_bytes("#!/bin/sh\n", 10), -ENOEXEC);
	assert_message("m.elf: not an ELF file");
	copy[3] = 'G';
	refuse(-ENOEXEC, "m.elf: not an ELF file");
}

static void test_truncated(void **state)
{
	(void)state;
	assert_int_equal(load_bytes(file, 20), -ENODATA);
	assert_message("m.elf: truncated: ELF header at 0x0 + 0x40 in a file of 0x14 bytes");
	assert_int_equal(load_bytes(file, 100), -ENODATA);
	assert_message("m.elf: truncated: program headers at 0x40 + 0x* in a file of 0x64 bytes");
	assert_int_equal(load_bytes(file, 1500), -ENODATA);
	assert_message("m.elf: truncated: segment at 0x* in a file of 0x5dc bytes");
}

static void test_wrong_machine(void **state)
{
	(void)state;
	ehdr()->e_machine = EM_X86_64;
	refuse(-EMEDIUMTYPE, "m.elf: machine 62 is not RISC-V");
	ehdr()->e_machine = EM_RISCV;
	copy[EI_CLASS] = ELFCLASS32;
	refuse(-EMEDIUMTYPE, "m.elf: not a 64-bit little-endian ELF file");
	copy[EI_CLASS] = ELFCLASS64;
	copy[EI_DATA] = ELFDATA2MSB;
	refuse(-EMEDIUMTYPE, "m.elf: not a 64-bit little-endian ELF file");
	copy[EI_DATA] = ELFDATA2LSB;
	ehdr()->e_type = ET_EXEC;
	refuse(-EMEDIUMTYPE, "m.elf: type 2 is not a module (ET_DYN)");
	ehdr()->e_type = ET_DYN;
	ehdr()->e_flags = EF_RISCV_FLOAT_ABI_SINGLE;
	refuse(-EMEDIUMTYPE, "m.elf: ABI flags 0x2, not lp64d");
	ehdr()->e_flags = EF_RISCV_FLOAT_ABI_DOUBLE | EF_RISCV_RVC;
	refuse(-EOPNOTSUPP, "m.elf: uses compressed instructions");
}

static void test_segment_defects(void **state)
{
	Elf64_Phdr *code = phdr(PT_LOAD, 1), good = *code;

	(void)state;
	code->p_flags |= PF_W;
	refuse(-EACCES, "m.elf: segment * at 0x*: writable and executable");
	*code = good;
	code->p_vaddr = good.p_vaddr & 0xfff;
	refuse(-ELIBBAD, "m.elf: segment * at 0x*: overlaps the one before it");
	*code = good;
	code->p_vaddr += 16;
	refuse(-ELIBBAD, "m.elf: segment * at 0x*: misaligned");
	*code = good;
	code->p_align = 3;
	refuse(-ELIBBAD, "m.elf: segment * at 0x*: misaligned");
	*code = good;
	code->p_filesz = code->p_memsz + 1;
	refuse(-ELIBBAD, "m.elf: segment *: 0x* bytes of file at 0x* + 0x*");
	*code = good;
	code->p_memsz = 0; /* nothing to map, yet bytes to copy */
	refuse(-ELIBBAD, "m.elf: segment *: 0x* bytes of file at 0x* + 0x0");
	code->p_vaddr = UINT64_MAX & ~0xfffull;
	refuse(-ELIBBAD, "m.elf: segment *: 0x* bytes of file at 0xfffffffffffff000 + 0x0");
	*code = good;
	code->p_memsz = UINT64_MAX;
	refuse(-ELIBBAD, "m.elf: segment *: 0x* bytes of file at 0x* + 0xffffffffffffffff");
	*code = good;
	code->p_offset = UINT64_MAX - 10;
	refuse(-ENODATA,
	       "m.elf: truncated: segment at 0xfffffffffffffff5 + 0x* in a file of 0x* bytes");
	*code = good;
	code->p_type = PT_INTERP;
	refuse(-ELIBACC, "m.elf: for a dynamic linker, not a module");
}

static void test_relocation_defects(void **state)
{
	Elf64_Rela good = relas()[1];

	(void)state;
	relas()[1].r_info = ELF64_R_INFO(1, R_RISCV_64);
	refuse(-ELIBACC, "m.elf: relocation 1 at 0x*: type 2, not R_RISCV_RELATIVE");
	relas()[1] = good;
	relas()[1].r_offset = phdr(PT_LOAD, 1)->p_vaddr;
	refuse(-EACCES, "m.elf: relocation 1 at 0x*: not in a writable segment");
	relas()[1].r_offset = UINT64_MAX - 3;
	refuse(-EACCES, "m.elf: relocation 1 at 0xfffffffffffffffc: not in a writable segment");
	relas()[1] = good;
	dynamic(DT_RELASZ)->d_un.d_val = UINT64_MAX - 15;
	refuse(-ELIBBAD, "m.elf: relocation table at 0x* + 0x* is malformed");
	dynamic(DT_RELASZ)->d_tag = DT_NEEDED;
	refuse(-ELIBACC, "m.elf: needs a shared library");
}

static void test_note_defects(void **state)
{
	struct sc_note_module *m = note(SC_NOTE_MODULE, 0);
	struct sc_note_kernel *k = note(SC_NOTE_KERNEL, 0), good = *k;

	(void)state;
	m->abi_version = 99;
	refuse(-EPROTONOSUPPORT, "m.elf: kernel ABI 99, this library knows 1");
	m->abi_version = SC_ABI_VERSION;
	k->args_size = 449;
	refuse(-EBADMSG, "m.elf: kernel first: 449 bytes of arguments, aligned to 8");
	*k = good;
	k->args_align = 3;
	refuse(-EBADMSG, "m.elf: kernel first: 16 bytes of arguments, aligned to 3");
	*k = good;
	k->stack_size = 100;
	refuse(-EBADMSG, "m.elf: kernel first: stack of 0x64 bytes");
	*k = good;
	memset(k->name, 'a', sizeof(k->name));
	refuse(-EBADMSG, "m.elf: kernel note without a name");
	*k = good;
	strcpy(k->name, "helper");
	refuse(-EBADMSG, "m.elf: kernel helper has a note but is not exported");
	strcpy(k->name, "second");
	refuse(-EBADMSG, "m.elf: kernel second: two notes");
	*k = good;
	phdr(PT_NOTE, 0)->p_type = PT_NULL;
	refuse(-EBADMSG, "m.elf: no SeedChip note: not built by seedchip-cc");
}

static void test_isa(void **state)
{
	char *arch;

	(void)state;
	info.isa &= ~SC_ISA_XSDM_BF16;
	refuse(-EOPNOTSUPP,
	       "m.elf: needs xsdm_bf16; the card has rv64imafd_zicsr_zifencei_zba_zbb_zbs_zfh_xsdm_int8_xsdd");
	info.isa = ALL_ISA & ~SC_ISA_ZFH;
	refuse(-EOPNOTSUPP, "m.elf: needs zfh; the card has rv64imafd_zicsr_*");
	info.isa = ALL_ISA;
	arch = memmem(copy, file_size, "zba1p0", 6);
	assert_non_null(arch);
	memcpy(arch, "zvl", 3); /* zvl1p0, an odd name: what is not known is refused */
	memcpy(arch, "zxy", 3);
	refuse(-EOPNOTSUPP, "m.elf: needs extension zxy, which the card lacks");
	memcpy(arch, "z\033y", 3);
	refuse(-EOPNOTSUPP, "m.elf: needs extension z?y, which the card lacks");
	memcpy(arch, "v1p0__", 6);
	refuse(-EOPNOTSUPP, "m.elf: needs v; the card has rv64imafd_*");
	phdr(PT_RISCV_ATTRIBUTES_, 0)->p_filesz = 4;
	refuse(-ELIBBAD, "m.elf: .riscv.attributes is malformed");
}

static void test_scratchpad(void **state)
{
	Elf64_Phdr *tls = phdr(PT_TLS, 0), good = *tls;

	(void)state;
	tls->p_filesz = 8;
	refuse(-ELIBSCN, "m.elf: static scratchpad variables have initial values: 0x8 bytes");
	*tls = good;
	tls->p_memsz = 2 << 20;
	refuse(-E2BIG, "m.elf: static scratchpad: 0x200000 bytes, the card has 0x100000");
	*tls = good;
	tls->p_align = 4096;
	refuse(-ELIBBAD, "m.elf: static scratchpad: alignment 0x1000 is above 64");
	*tls = good;
	info.tcm_size = 16384;
	refuse(-E2BIG,
	       "m.elf: kernel first: 0xfc0 bytes of static scratchpad and 0x4000 of stack, the card has 0x4000 in all");
}

/* A symbol's name that is as long as the table of names is cut. */
static void test_long_name(void **state)
{
	Elf64_Shdr *sections = (Elf64_Shdr *)(copy + ehdr()->e_shoff);
	struct elf_image image;
	size_t longest = 0;

	(void)state;
	for (unsigned int i = 0; i < ehdr()->e_shnum; i++) {
		char *names = (char *)copy + sections[sections[i].sh_link].sh_offset;

		if (sections[i].sh_type == SHT_SYMTAB)
			for (uint64_t j = 0; j + 1 < sections[sections[i].sh_link].sh_size; j++)
				names[j] = names[j] ? names[j] : '_';
	}
	assert_int_equal(elf_load(copy, file_size, "m.elf", &info, &image), 0);
	for (unsigned int i = 0; i < image.num_symbols; i++) {
		size_t length = strlen(image.symbols[i].name);

		longest = length > longest ? length : longest;
	}
	assert_int_equal(longest, 63);
	elf_free(&image);
}

/* Every length: refused, until only section headers, which are not needed, are missing. */
static void test_every_length(void **state)
{
	uint64_t end = 0;

	(void)state;
	for (unsigned int i = 0; i < ehdr()->e_phnum; i++)
		if (phdrs()[i].p_filesz && phdrs()[i].p_offset + phdrs()[i].p_filesz > end)
			end = phdrs()[i].p_offset + phdrs()[i].p_filesz;
	for (size_t size = 0; size < file_size; size += size < end ? 7 : 1) {
		int r = load_bytes(file, size);

		if (size < SELFMAG)
			assert_int_equal(r, -ENOEXEC);
		else if (size < end)
			assert_int_equal(r, -ENODATA);
		else
			assert_true(r <= 0);
	}
}

/* Every bit of everything that the loader reads; what comes out must be consistent or refused. */
static void test_every_bit(void **state)
{
	unsigned int refused = 0;

	(void)state;
	for (size_t bit = 0; bit < file_size * 8; bit++) {
		struct elf_image image;
		int r;

		copy[bit / 8] ^= 1 << bit % 8;
		r = elf_load(copy, file_size, "m.elf", &info, &image);
		copy[bit / 8] ^= 1 << bit % 8;
		assert_true(r <= 0);
		refused += r < 0;
		for (unsigned int i = 0; !r && i < image.num_kernels; i++)
			assert_true(image.kernels[i].entry < image.size);
		elf_free(&image);
	}
	assert_true(refused > 1000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
		TEST(test_good),
		TEST(test_segments),
		TEST(test_not_elf),
		TEST(test_truncated),
		TEST(test_wrong_machine),
		TEST(test_segment_defects),
		TEST(test_relocation_defects),
		TEST(test_note_defects),
		TEST(test_isa),
		TEST(test_scratchpad),
		TEST(test_long_name),
		TEST(test_every_length),
		TEST(test_every_bit),
	};

	return cmocka_run_group_tests(tests, setup_group, teardown_group);
}
