// SPDX-License-Identifier: MIT
/*
 * Starts another "kernel" by kexec while the card writes to memory. That kernel is a page of
 * instructions: it looks whether the card may still write, does so, or is still enabled, says it
 * on the serial port and switches the machine off. tests/kselftest/kexec.sh reads it there.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/kexec.h>
#include <linux/reboot.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "card.h"

#define PAGE  4096ULL
#define PLACE 0x8000000ULL /* where the next kernel goes: memory, at 128 MiB */
#define VA    0x10000000ULL
#define RW    (DRM_SEEDCHIP_BIND_MAP | DRM_SEEDCHIP_BIND_READ | DRM_SEEDCHIP_BIND_WRITE)

/*
 * In 64-bit mode with kexec's own page tables, which lack the registers of devices: so first to
 * tables that map the low 4 GiB to themselves.
 */
extern const struct next_kernel {
	char code[PAGE - 8];
	uint64_t word;
	char tables[2 * PAGE];
} next_kernel;
asm(".pushsection .rodata\n"
	".balign 4096\n"
	"next_kernel:\n"
	"	lea	next_pml4(%rip), %rax\n"
	"	lea	next_pdpt(%rip), %rdx\n"
	"	or	$3, %rdx\n"
	"	mov	%rdx, (%rax)\n"
	"	mov	%rax, %cr3\n"
	/* config space of 01:00.0: bit 2 of register 4 is bus mastering, register 0x10 is BAR 0 */
	"	mov	$0xcf8, %dx\n"
	"	mov	$0x80010004, %eax\n"
	"	out	%eax, %dx\n"
	"	mov	$0xcfc, %dx\n"
	"	in	%dx, %eax\n"
	"	shr	$2, %eax\n"
	"	and	$1, %eax\n"
	"	add	%al, next_master(%rip)\n"
	"	mov	$0xcf8, %dx\n"
	"	mov	$0x80010010, %eax\n"
	"	out	%eax, %dx\n"
	"	mov	$0xcfc, %dx\n"
	"	in	%dx, %eax\n"
	"	and	$-16, %eax\n"
	"	mov	0x100(%rax), %eax\n" /* CONTROL */
	"	and	$1, %eax\n"
	"	add	%al, next_enabled(%rip)\n"
	"	mov	next_word(%rip), %rdi\n"
	"	movq	$0, (%rdi)\n"
	"	mov	$50000000, %ecx\n"
	"1:	cmpq	$0, (%rdi)\n"
	"	loope	1b\n"
	"	setne	%al\n"
	"	add	%al, next_writes(%rip)\n"
	"	lea	next_text(%rip), %rsi\n"
	"2:	mov	$0x3fd, %dx\n"
	"3:	in	%dx, %al\n"
	"	test	$0x20, %al\n"
	"	jz	3b\n"
	"	lodsb\n"
	"	mov	$0x3f8, %dx\n"
	"	out	%al, %dx\n"
	"	test	%al, %al\n"
	"	jnz	2b\n"
	"	mov	$0x604, %dx\n" /* PM1a control: S5 */
	"	mov	$0x2000, %ax\n"
	"	out	%ax, %dx\n"
	"4:	hlt\n"
	"	jmp	4b\n"
	"next_text:	.ascii	\"\\r\\nnext kernel: bus master \"\n"
	"next_master:	.ascii	\"0, enabled \"\n"
	"next_enabled:	.ascii	\"0, writes \"\n"
	"next_writes:	.asciz	\"0\\r\\n\"\n"
	"	.org	next_kernel + 4088\n"
	"next_word:	.quad	0\n"
	"next_pml4:	.fill	512, 8, 0\n"
	"next_pdpt:	.quad	0x83, 0x40000083, 0x80000083, 0xc0000083\n"
	"	.fill	508, 8, 0\n"
	".popsection\n");

static int die(const char *what)
{
	printf("%s: %s\n", what, strerror(errno));
	return EXIT_FAILURE;
}

/* Bus address of a page of the process, as there is no IOMMU. */
static uint64_t physical(const volatile void *page)
{
	uint64_t entry = 0;
	int fd = open("/proc/self/pagemap", O_RDONLY);

	if (fd < 0 || pread(fd, &entry, 8, (uintptr_t)page / PAGE * 8) != 8)
		return 0;
	close(fd);
	return (entry & ((1ULL << 55) - 1)) * PAGE;
}

/* Fills of one page, for longer than the next kernel looks. */
static int write_for_long(uint64_t *address)
{
	static volatile uint64_t page[PAGE / 8] __attribute__((aligned(PAGE)));
	struct drm_seedchip_bo_userptr bo = { .address = (uintptr_t)page, .size = PAGE };
	const struct sc_pkt_fill fill = { .hdr = SC_HDR(SC_OP_FILL, 0, 0), .pattern = 0x5eed,
					  .dst = VA, .size = PAGE, .rows = 1u << 24 };
	struct drm_seedchip_queue_create create;
	struct sc_packet packets[32];
	int fd = card_open(0), ret;

	if (fd < 0 || card_ioctl(fd, DRM_IOCTL_SEEDCHIP_BO_USERPTR, &bo) ||
	    card_queue(fd, &create) || card_bind(fd, RW, bo.handle, 0, VA, PAGE))
		return -1;
	for (size_t i = 0; i < 32; i++)
		memcpy(&packets[i], &fill, sizeof(fill));
	ret = card_submit(fd, create.queue, packets, 32, NULL, 0, NULL);
	while (!ret && page[0] != 0x5eed)
		;
	*address = physical(page);
	return ret;
}

int main(void)
{
	static struct next_kernel next;
	struct kexec_segment segment = { .buf = &next, .bufsz = sizeof(next),
					 .mem = (void *)PLACE, .memsz = sizeof(next) };

	next = next_kernel;
	if (write_for_long(&next.word))
		return die("the card does not write");
	if (!next.word) {
		printf("a kernel without /proc/self/pagemap\n");
		return 4;
	}
	if (syscall(SYS_kexec_load, PLACE, 1UL, &segment, KEXEC_ARCH_DEFAULT)) {
		printf("no kexec in this kernel: %s\n", strerror(errno));
		return 4;
	}
	syscall(SYS_reboot, LINUX_REBOOT_MAGIC1, LINUX_REBOOT_MAGIC2, LINUX_REBOOT_CMD_KEXEC, NULL);
	return die("kexec");
}
