// SPDX-License-Identifier: MIT
/*
 * Kernels for calls.c: "sled" has its registers loaded from its arguments and runs the words
 * that the fuzz target puts in place of its no-ops, "quiet" adds to a word, "talk" prints.
 */
#include <seedchip/kernel.h>

struct words {
	uint64_t word[31];
	uint32_t rest[50];
};

SD_USES(XSDM_INT8);
SD_KERNEL_NOTE_(sled, sizeof(struct words), 8, SC_STACK_DEFAULT, 0);
SD_KERNEL_NOTE_(sled_cooperative, sizeof(struct words), 8, SC_STACK_DEFAULT, SC_KERNEL_COOPERATIVE);

__asm__(".pushsection .text\n"
	".globl sled, sled_cooperative\n"
	".type sled, @function\n"
	".type sled_cooperative, @function\n"
	".balign 4\n"
	"sled:\n"
	"sled_cooperative:\n"
	".irp n,1,2,3,4,5,6,7,8,9,11,12,13,14,15,16,17,18,19,20,21,22,23,24,25,26,27,28,29,30,31\n"
	"ld x\\n, \\n * 8(x10)\n"
	".endr\n"
	"li x10, 0x5eed\n"
	".rept 64\n"
	"nop\n"
	".endr\n"
	"li x5, 0xfffffffff000\n"
	"jr x5\n"
	".size sled, . - sled\n"
	".popsection\n");

struct quiet {
	uint32_t *word;
};

SD_KERNEL(quiet, struct quiet)
{
	__atomic_fetch_add(args->word, 1, __ATOMIC_RELAXED);
}

SD_KERNEL0(talk)
{
	sd_printf("%u of %u\n", sd_wg_x(), sd_grid_x());
}
