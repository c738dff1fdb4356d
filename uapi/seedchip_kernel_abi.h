/* SPDX-License-Identifier: MIT */
/*
 * ABI between the host and a compute kernel: address map, state at the start
 * of a workgroup, the ELF note and the log ring.
 *
 * A module is an ET_DYN RISC-V ELF whose only relocations are RELATIVE. Each
 * workgroup is one call of a kernel function: it starts at `entry` with
 *
 *   a0  address of the argument block, 64-byte aligned, in the scratchpad
 *   sp  top of the stack (the end of the scratchpad), 16-byte aligned
 *   tp  start of the static scratchpad (thread-local storage of the module)
 *   ra  SC_VA_EXIT: returning there ends the workgroup
 *   fcsr 0; all other registers are unspecified
 *
 * The scratchpad is laid out as: arguments at 0, static data at
 * SC_TCM_STATIC, dynamic data at the next multiple of 64, and the stack at
 * the end with one guard page below it. Static scratchpad variables are
 * thread-local variables (`_Thread_local`, PT_TLS): they have no initial
 * value, and their offset from tp is a link-time constant.
 */
#ifndef SEEDCHIP_KERNEL_ABI_H
#define SEEDCHIP_KERNEL_ABI_H

#include "seedchip_isa.h"

/* Address map of a context, 48 bits. Addresses with bit 47 set are not translated. */
#define SC_VA_USER_START   0x0000000000010000ULL /* below: never mapped */
#define SC_VA_USER_END	   0x0000700000000000ULL
#define SC_VA_KERNEL_START 0x0000700000000000ULL /* rings and other memory of the driver */
#define SC_VA_KERNEL_END   0x0000800000000000ULL
#define SC_VA_TCM	   0x0000800000000000ULL /* own scratchpad */
#define SC_TCM_STRIDE	   0x0000000001000000ULL
#define SC_VA_TCM_RANK(rank) (SC_VA_TCM + ((rank) + 1ULL) * SC_TCM_STRIDE)
#define SC_VA_EXIT	   0x0000fffffffff000ULL

#define SC_TCM_ARGS	   0 /* offsets in the scratchpad */
#define SC_TCM_STATIC	   512
#define SC_TCM_ALIGN	   64
#define SC_STACK_GUARD	   4096
#define SC_STACK_DEFAULT   16384

/* ELF note: section .note.seedchip, name "SeedChip", one MODULE and one KERNEL note per kernel. */
#define SC_NOTE_NAME	   "SeedChip"
#define SC_NOTE_MODULE	   1
#define SC_NOTE_KERNEL	   2
#define SC_ABI_VERSION	   1
#define SC_KERNEL_NAME_MAX 64

struct sc_note_module {
	uint32_t abi_version;
	uint32_t rsv;
	uint64_t isa; /* SC_ISA_* bits that the code needs */
};

struct sc_note_kernel {
	uint32_t args_size; /* bytes, at most 448 */
	uint32_t args_align;
	uint32_t stack_size; /* bytes, a multiple of 4096 */
	uint32_t flags; /* SC_KERNEL_* */
	char name[SC_KERNEL_NAME_MAX]; /* the symbol, NUL-terminated */
};
#define SC_KERNEL_COOPERATIVE 0x1

/*
 * Log ring of a queue (sd_printf, sd_assert), in card memory. Both positions
 * rise monotonically; the data index is position modulo size. A writer reserves
 * with compare-and-swap on head, copies, then stores the record's header last.
 * The host advances tail and zeroes what it has consumed first.
 */
struct sc_log {
	uint32_t size; /* bytes of data, a power of two */
	uint32_t head; /* device */
	uint32_t tail; /* host */
	uint32_t dropped; /* records that did not fit */
	uint32_t rsv[12];
	uint8_t data[]; /* records: header word, text, padded to 4 bytes */
};
#define SC_LOG_READY	 0x80000000u /* header: the text is complete; low half: its length */
#define SC_LOG_TEXT_MAX 1024

#endif /* SEEDCHIP_KERNEL_ABI_H */
