/* SPDX-License-Identifier: MIT */
/*
 * What a compute kernel may use. Compile with seedchip-cc, which also links
 * the few library functions declared here.
 *
 *	#include <seedchip/kernel.h>
 *
 *	struct scale_args { float *v; uint32_t n; float by; };
 *
 *	SD_KERNEL(scale, struct scale_args)
 *	{
 *		for (uint32_t i = sd_wg_x(); i < args->n; i += sd_grid_x())
 *			args->v[i] *= args->by;
 *	}
 *
 * A workgroup is one call of the kernel function on one core: one hart and its
 * whole scratchpad. Every intrinsic that starts, orders or waits for engine
 * work is also a compiler barrier for memory. The instruction encodings come
 * from SC_INSN_TABLE; using an instruction adds its feature bit to the module's
 * ELF note, so that a card without it refuses the module.
 */
#ifndef SEEDCHIP_KERNEL_H
#define SEEDCHIP_KERNEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "seedchip_isa.h"
#include "seedchip_kernel_abi.h"

#define SD_INLINE static inline __attribute__((always_inline))

/* ---- notes ---- */

#ifdef __riscv_zba
#define SD_ISA_ZBA_ SC_ISA_ZBA
#else
#define SD_ISA_ZBA_ 0
#endif
#ifdef __riscv_zbb
#define SD_ISA_ZBB_ SC_ISA_ZBB
#else
#define SD_ISA_ZBB_ 0
#endif
#ifdef __riscv_zbs
#define SD_ISA_ZBS_ SC_ISA_ZBS
#else
#define SD_ISA_ZBS_ 0
#endif
#ifdef __riscv_zfh
#define SD_ISA_ZFH_ SC_ISA_ZFH
#else
#define SD_ISA_ZFH_ 0
#endif
#ifdef __riscv_v
#define SD_ISA_V_ SC_ISA_V
#else
#define SD_ISA_V_ 0
#endif
#ifdef __riscv_zvfh
#define SD_ISA_ZVFH_ SC_ISA_ZVFH
#else
#define SD_ISA_ZVFH_ 0
#endif
#ifdef __riscv_zfbfmin
#define SD_ISA_ZFBFMIN_ SC_ISA_ZFBFMIN
#else
#define SD_ISA_ZFBFMIN_ 0
#endif
#ifdef __riscv_zvfbfmin
#define SD_ISA_ZVFBFMIN_ SC_ISA_ZVFBFMIN
#else
#define SD_ISA_ZVFBFMIN_ 0
#endif
#ifdef __riscv_zvfbfwma
#define SD_ISA_ZVFBFWMA_ SC_ISA_ZVFBFWMA
#else
#define SD_ISA_ZVFBFWMA_ 0
#endif

/* What the compiler was told that it may use. */
#define SD_ISA_COMPILED_                                                                           \
	(SC_ISA_RV64IMAFD | SD_ISA_ZBA_ | SD_ISA_ZBB_ | SD_ISA_ZBS_ | SD_ISA_ZFH_ | SD_ISA_V_ |    \
	 SD_ISA_ZVFH_ | SD_ISA_ZFBFMIN_ | SD_ISA_ZVFBFMIN_ | SD_ISA_ZVFBFWMA_)

struct sd_note_header_ {
	uint32_t namesz;
	uint32_t descsz;
	uint32_t type;
	char name[(sizeof(SC_NOTE_NAME) + 3) & ~3ul];
};

struct sd_note_module_ {
	struct sd_note_header_ header;
	struct sc_note_module desc;
};

struct sd_note_kernel_ {
	struct sd_note_header_ header;
	struct sc_note_kernel desc;
};

#define SD_NOTE_ static const __attribute__((section(".note.seedchip"), used, aligned(8)))
#define SD_NOTE_HEADER_(type_, desc_)                                                              \
	{ sizeof(SC_NOTE_NAME), sizeof(struct desc_), type_, SC_NOTE_NAME }

/* Every object file carries a module note; the loader joins them. */
SD_NOTE_ struct sd_note_module_ sd_module_note_ = {
	SD_NOTE_HEADER_(SC_NOTE_MODULE, sc_note_module),
	{ .abi_version = SC_ABI_VERSION, .isa = SD_ISA_COMPILED_ },
};

/**
 * SD_USES() - say at file scope that this module needs a feature of the card
 * @feature: a name of SC_ISA_TABLE, as XSDM_BF16
 *
 * Needed only where no intrinsic or SD_FMT() says it already.
 */
#define SD_USES(feature)                                                                           \
	SD_NOTE_ struct sd_note_module_ sd_uses_##feature##_ = {                                   \
		SD_NOTE_HEADER_(SC_NOTE_MODULE, sc_note_module),                                   \
		{ .abi_version = SC_ABI_VERSION, .isa = SC_ISA_##feature },                        \
	}

/* The same inside a function, once per object file however often it is expanded. */
#define SD_NEEDS_(feature)                                                                         \
	".ifndef .Lsd_needs_" #feature "\n"                                                        \
	".set .Lsd_needs_" #feature ", 1\n"                                                        \
	".pushsection .note.seedchip, \"a\", @note\n"                                              \
	".balign 8\n"                                                                              \
	".long %[sd_name], %[sd_desc], %[sd_type]\n"                                               \
	".asciz \"" SC_NOTE_NAME "\"\n"                                                            \
	".balign 4\n"                                                                              \
	".long %[sd_abi], 0\n"                                                                     \
	".quad %[sd_isa]\n"                                                                        \
	".popsection\n"                                                                            \
	".endif\n"
#define SD_NEEDS_IN_(feature)                                                                      \
	[sd_name] "i"(sizeof(SC_NOTE_NAME)), [sd_desc] "i"(sizeof(struct sc_note_module)),         \
		[sd_type] "i"(SC_NOTE_MODULE), [sd_abi] "i"(SC_ABI_VERSION),                       \
		[sd_isa] "i"(SC_ISA_##feature)

/* ---- kernels ---- */

/**
 * SD_KERNEL() - define a kernel; a function body follows
 * @name: what the host looks up
 * @type: argument structure, at most 448 bytes; the body sees `const type *args`
 */
#define SD_KERNEL(name, type) SD_KERNEL_WITH(name, type, SC_STACK_DEFAULT, 0)

/**
 * SD_KERNEL_WITH() - define a kernel with options
 * @name_: what the host looks up
 * @type: argument structure, as in SD_KERNEL()
 * @stack: bytes of stack, a multiple of 4096
 * @kernel_flags: SC_KERNEL_COOPERATIVE: must be launched as cooperative
 */
#define SD_KERNEL_WITH(name_, type, stack, kernel_flags)                                           \
	SD_KERNEL_NOTE_(name_, sizeof(type), _Alignof(type), stack, kernel_flags);                 \
	SD_KERNEL_ENTRY_(name_, const __typeof__(type) *args);                                     \
	SD_KERNEL_ENTRY_(name_, const __typeof__(type) *args)

/** SD_KERNEL0() - define a kernel without arguments. */
#define SD_KERNEL0(name_)                                                                          \
	SD_KERNEL_NOTE_(name_, 0, 1, SC_STACK_DEFAULT, 0);                                         \
	SD_KERNEL_ENTRY_(name_, void);                                                             \
	SD_KERNEL_ENTRY_(name_, void)

#define SD_KERNEL_ENTRY_(name_, parameter)                                                         \
	__attribute__((visibility("default"), used)) void name_(parameter)

#define SD_KERNEL_NOTE_(name_, args, align, stack, kernel_flags)                                   \
	_Static_assert(sizeof(#name_) <= SC_KERNEL_NAME_MAX, "kernel name too long");              \
	_Static_assert((stack) % SC_STACK_GUARD == 0 && (stack) > 0, "stack: 4096 bytes times n"); \
	SD_NOTE_ struct sd_note_kernel_ sd_kernel_note_##name_ = {                                 \
		SD_NOTE_HEADER_(SC_NOTE_KERNEL, sc_note_kernel),                                   \
		{ .args_size = args, .args_align = align, .stack_size = stack,                     \
		  .flags = kernel_flags, .name = #name_ },                                         \
	}

/* ---- workgroup, grid and scratchpad ---- */

/* A CSR whose value does not change during a workgroup. */
#define SD_CSR_(number)                                                                            \
	({                                                                                         \
		unsigned long csr_;                                                                \
		__asm__("csrr %0, %1" : "=r"(csr_) : "i"(number));                                 \
		csr_;                                                                              \
	})

/* This workgroup's place in the grid, and the grid. */
SD_INLINE uint32_t sd_wg_x(void) { return SD_CSR_(SC_CSR_WG_X); }
SD_INLINE uint32_t sd_wg_y(void) { return SD_CSR_(SC_CSR_WG_Y); }
SD_INLINE uint32_t sd_wg_z(void) { return SD_CSR_(SC_CSR_WG_Z); }
SD_INLINE uint32_t sd_grid_x(void) { return SD_CSR_(SC_CSR_GRID_X); }
SD_INLINE uint32_t sd_grid_y(void) { return SD_CSR_(SC_CSR_GRID_Y); }
SD_INLINE uint32_t sd_grid_z(void) { return SD_CSR_(SC_CSR_GRID_Z); }

/** sd_wg() - linear index of this workgroup, x fastest. */
SD_INLINE uint64_t sd_wg(void)
{
	return sd_wg_x() + (uint64_t)sd_grid_x() * (sd_wg_y() + (uint64_t)sd_grid_y() * sd_wg_z());
}

/** sd_cores() - cores that the dispatch may use. */
SD_INLINE uint32_t sd_cores(void) { return SD_CSR_(SC_CSR_CORES); }

/** sd_rank() - rank in a cooperative dispatch. */
SD_INLINE uint32_t sd_rank(void) { return SD_CSR_(SC_CSR_RANK); }

/** sd_tag() - the tag that the launch carries. */
SD_INLINE uint32_t sd_tag(void) { return SD_CSR_(SC_CSR_TAG); }

/**
 * SD_TCM - storage class of static scratchpad variables
 *
 * static SD_TCM int8_t tile[64 * 64];
 *
 * They belong to the workgroup, have no initial value, and must not be
 * initialised. All else that is static lies in card memory and is shared.
 */
#define SD_TCM _Thread_local __attribute__((aligned(SC_TCM_ALIGN)))

/** sd_dynamic() - dynamic scratchpad, of the size that the launch asked for. */
SD_INLINE void *sd_dynamic(void) { return (void *)SD_CSR_(SC_CSR_DYN_ADDR); }
SD_INLINE uint32_t sd_dynamic_size(void) { return SD_CSR_(SC_CSR_DYN_SIZE); }

/** sd_tcm_size() - bytes of scratchpad of a core. */
SD_INLINE uint32_t sd_tcm_size(void) { return SD_CSR_(SC_CSR_TCM_SIZE); }

/** sd_tcm_offset() - scratchpad offset of a pointer, as descriptors want it. */
SD_INLINE uint32_t sd_tcm_offset(const volatile void *p)
{
	return (uint32_t)((uintptr_t)p - SC_VA_TCM);
}

/** sd_tcm_remote() - the same place in the scratchpad of another workgroup; cooperative only. */
SD_INLINE void *sd_tcm_remote(const volatile void *p, uint32_t rank)
{
	return (void *)(SC_VA_TCM_RANK(rank) + sd_tcm_offset(p));
}

/** sd_fence() - orders all earlier memory accesses of the hart before all later ones. */
SD_INLINE void sd_fence(void) { __asm__ volatile("fence rw, rw" ::: "memory"); }

/* ---- instructions, generated from SC_INSN_TABLE ---- */

/*
 * One function sd_insn_NAME() per instruction. An operand that is an immediate
 * of the instruction may be a variable: then it costs a jump through a table.
 * A value out of range becomes 31, which the card refuses by name.
 */
#define SD_INSN_TEXT_(isa, op, f3, f7, rd, rs1, rs2)                                               \
	SD_NEEDS_(isa) ".insn r " #op ", " #f3 ", " #f7 ", " rd ", " rs1 ", " rs2
#define SD_EACH_(X, ...)                                                                           \
	X(0, __VA_ARGS__) X(1, __VA_ARGS__) X(2, __VA_ARGS__) X(3, __VA_ARGS__)                    \
	X(4, __VA_ARGS__) X(5, __VA_ARGS__) X(6, __VA_ARGS__) X(7, __VA_ARGS__)                    \
	X(8, __VA_ARGS__) X(9, __VA_ARGS__) X(10, __VA_ARGS__) X(11, __VA_ARGS__)                  \
	X(12, __VA_ARGS__) X(13, __VA_ARGS__) X(14, __VA_ARGS__) X(15, __VA_ARGS__)

#define SD_EMIT_I_R_(n, op, f3, f7, isa)                                                           \
	__asm__ volatile(SD_INSN_TEXT_(isa, op, f3, f7, "x%[n_]", "%[a_]", "x0")                   \
			 : : [n_] "i"(n), [a_] "r"(a), SD_NEEDS_IN_(isa) : "memory")
#define SD_CASE_I_R_(n, op, f3, f7, isa)                                                           \
	case n: {                                                                                  \
		SD_EMIT_I_R_(n, op, f3, f7, isa);                                                  \
		break;                                                                             \
	}
#define SD_GEN_I_R(name, op, f3, f7, isa)                                                          \
	SD_INLINE void sd_insn_##name(unsigned int imm, unsigned long a)                           \
	{                                                                                          \
		if (imm > 15)                                                                      \
			SD_EMIT_I_R_(31, op, f3, f7, isa);                                         \
		switch (imm) {                                                                     \
			SD_EACH_(SD_CASE_I_R_, op, f3, f7, isa)                                    \
		}                                                                                  \
	}

#define SD_EMIT_I_R_R_(n, op, f3, f7, isa)                                                         \
	__asm__ volatile(SD_INSN_TEXT_(isa, op, f3, f7, "x%[n_]", "%[a_]", "%[b_]")                \
			 : : [n_] "i"(n), [a_] "r"(a), [b_] "r"(b), SD_NEEDS_IN_(isa)              \
			 : "memory")
#define SD_CASE_I_R_R_(n, op, f3, f7, isa)                                                         \
	case n: {                                                                                  \
		SD_EMIT_I_R_R_(n, op, f3, f7, isa);                                                \
		break;                                                                             \
	}
#define SD_GEN_I_R_R(name, op, f3, f7, isa)                                                        \
	SD_INLINE void sd_insn_##name(unsigned int imm, unsigned long a, unsigned long b)          \
	{                                                                                          \
		if (imm > 15)                                                                      \
			SD_EMIT_I_R_R_(31, op, f3, f7, isa);                                       \
		switch (imm) {                                                                     \
			SD_EACH_(SD_CASE_I_R_R_, op, f3, f7, isa)                                  \
		}                                                                                  \
	}

#define SD_GEN_R_R(name, op, f3, f7, isa)                                                          \
	SD_INLINE void sd_insn_##name(unsigned long a, unsigned long b)                            \
	{                                                                                          \
		__asm__ volatile(SD_INSN_TEXT_(isa, op, f3, f7, "x0", "%[a_]", "%[b_]")            \
				 : : [a_] "r"(a), [b_] "r"(b), SD_NEEDS_IN_(isa) : "memory");      \
	}
#define SD_GEN_D_R(name, op, f3, f7, isa)                                                          \
	SD_INLINE long sd_insn_##name(unsigned long a)                                             \
	{                                                                                          \
		long d;                                                                            \
		__asm__ volatile(SD_INSN_TEXT_(isa, op, f3, f7, "%[d_]", "%[a_]", "x0")            \
				 : [d_] "=r"(d) : [a_] "r"(a), SD_NEEDS_IN_(isa) : "memory");      \
		return d;                                                                          \
	}
#define SD_GEN_NONE(name, op, f3, f7, isa)                                                         \
	SD_INLINE void sd_insn_##name(void)                                                        \
	{                                                                                          \
		__asm__ volatile(SD_INSN_TEXT_(isa, op, f3, f7, "x0", "x0", "x0")                  \
				 : : SD_NEEDS_IN_(isa) : "memory");                                \
	}
#define SD_GEN_VD_VS2(name, op, f3, f7, isa) /* operands only a vector compiler has */

#define SD_GEN_(name, text, op, f3, f7, operands, cost, isa, doc)                                  \
	SD_GEN_##operands(name, op, f3, f7, isa)
SC_INSN_TABLE(SD_GEN_)

/*
 * The same under the names of the assembler, with types. Matrix operations,
 * and DMA operations per channel, run in order; nothing else is ordered but by
 * counters: hold and post for engines, await for the hart. Descriptors are
 * read when the instruction is issued and may be reused at once.
 */
SD_INLINE void sdm_cfg(unsigned int slot, const struct sc_tile *tile)
{
	sd_insn_SDM_CFG(slot, (uintptr_t)tile);
}

SD_INLINE void sdm_mma(unsigned int acc, const void *a, const void *b)
{
	sd_insn_SDM_MMA(acc, (uintptr_t)a, (uintptr_t)b);
}

SD_INLINE void sdm_mma_z(unsigned int acc, const void *a, const void *b)
{
	sd_insn_SDM_MMA_Z(acc, (uintptr_t)a, (uintptr_t)b);
}

SD_INLINE void sdm_ld(unsigned int acc, const void *src, size_t stride)
{
	sd_insn_SDM_LD(acc, (uintptr_t)src, stride);
}

SD_INLINE void sdm_st(unsigned int acc, void *dst, size_t stride)
{
	sd_insn_SDM_ST(acc, (uintptr_t)dst, stride);
}

SD_INLINE void sdm_mul_r(unsigned int acc, const float *v)
{
	sd_insn_SDM_MUL_R(acc, (uintptr_t)v);
}

SD_INLINE void sdm_mul_c(unsigned int acc, const float *v)
{
	sd_insn_SDM_MUL_C(acc, (uintptr_t)v);
}

SD_INLINE void sdd_go(unsigned int channel, const struct sc_dma *dma)
{
	sd_insn_SDD_GO(channel, (uintptr_t)dma);
}

/** sd_hold() - engine queue SC_EQ_* stops here until the counter has reached a value. */
SD_INLINE void sd_hold(unsigned int queue, unsigned int counter, uint32_t value)
{
	sd_insn_SD_HOLD(queue, counter, value);
}

/** sd_post() - the counter rises by one when all earlier operations of the queue are complete. */
SD_INLINE void sd_post(unsigned int queue, unsigned int counter)
{
	sd_insn_SD_POST(queue, counter);
}

/** sd_await() - wait until the counter has reached a value; then see what was done before it. */
SD_INLINE void sd_await(unsigned int counter, uint32_t value)
{
	sd_insn_SD_AWAIT(counter, value);
}

/** sd_count() - read a counter; what was done before the value it returns is visible. */
SD_INLINE int32_t sd_count(unsigned int counter) { return sd_insn_SD_COUNT(counter); }

/** sd_arrive() - grid barrier of a cooperative dispatch, first half. */
SD_INLINE void sd_arrive(void) { sd_insn_SD_ARRIVE(); }

/** sd_meet() - second half: waits until all workgroups have arrived. */
SD_INLINE void sd_meet(void) { sd_insn_SD_MEET(); }

/* ---- descriptors ---- */

#define SD_FMT_NEEDS_I8	  XSDM_INT8
#define SD_FMT_NEEDS_I4	  XSDM_INT4
#define SD_FMT_NEEDS_F16  XSDM_FP16
#define SD_FMT_NEEDS_BF16 XSDM_BF16
#define SD_FMT_NEEDS_E4M3 XSDM_FP8
#define SD_FMT_NEEDS_E5M2 XSDM_FP8
#define SD_FMT_NEEDS_F32  XSDM_FP32

/**
 * SD_FMT() - an operand format of a tile, as SD_FMT(BF16)
 * @format: name of an SC_FMT_*, without the prefix
 *
 * SC_FMT_BF16, and the module then needs a card whose matrix engine has it.
 */
#define SD_FMT(format) SD_FMT_(SC_FMT_##format, SD_FMT_NEEDS_##format)
#define SD_FMT_(value, isa) SD_FMT2_(value, isa)
#define SD_FMT2_(value, isa)                                                                       \
	({                                                                                         \
		__asm__ volatile(SD_NEEDS_(isa) : : SD_NEEDS_IN_(isa));                            \
		value;                                                                             \
	})

/** sd_format_bits() - bits of an element of SC_FMT_*. */
SD_INLINE uint32_t sd_format_bits(uint8_t format)
{
#define SD_FMT_BITS_(name, number, bits, text) format == (number) ? (bits) :
	return SC_FMT_TABLE(SD_FMT_BITS_) 0;
#undef SD_FMT_BITS_
}

/**
 * sd_tile() - the plain tile: no groups, no scales
 * @m: rows of A, up to 64
 * @n: columns of B, up to 64
 * @k: columns of A, rows of B, up to 65535
 * @a: SD_FMT() of A, stored [m][k]
 * @b: SD_FMT() of B, stored [k][n]
 * @store: SC_FMT_* for sdm_st()
 *
 * The strides are those of dense rows; change members of the result for all else.
 *
 * Return: the descriptor, for sdm_cfg().
 */
SD_INLINE struct sc_tile sd_tile(unsigned int m, unsigned int n, unsigned int k, uint8_t a,
				 uint8_t b, uint8_t store)
{
	return (struct sc_tile){
		.m = m, .n = n, .k = k, .fmt_a = a, .fmt_b = b, .fmt_store = store,
		.stride_a = k * sd_format_bits(a) / 8, .stride_b = n * sd_format_bits(b) / 8,
		.scale_a = ~0u, .scale_b = ~0u, .store_scale = ~0u,
	};
}

/** sd_dma_1d() - copy bytes on a DMA channel; one side must be own scratchpad. */
SD_INLINE void sd_dma_1d(unsigned int channel, void *dst, const void *src, uint32_t size)
{
	struct sc_dma d = {
		.kind = SC_DMA_COPY, .size0 = size, .size1 = 1, .size2 = 1,
		.src = (uintptr_t)src, .dst = (uintptr_t)dst,
	};

	sdd_go(channel, &d);
}

/** sd_dma_2d() - copy rows on a DMA channel. */
SD_INLINE void sd_dma_2d(unsigned int channel, void *dst, uint32_t dst_stride, const void *src,
			 uint32_t src_stride, uint32_t row_bytes, uint32_t rows)
{
	struct sc_dma d = {
		.kind = SC_DMA_COPY, .size0 = row_bytes, .size1 = rows, .size2 = 1,
		.src = (uintptr_t)src, .dst = (uintptr_t)dst,
		.src_stride = { src_stride }, .dst_stride = { dst_stride },
	};

	sdd_go(channel, &d);
}

/* ---- library ---- */

void *memcpy(void *restrict dst, const void *restrict src, size_t size);
void *memmove(void *dst, const void *src, size_t size);
void *memset(void *dst, int c, size_t size);
int memcmp(const void *a, const void *b, size_t size);
size_t strlen(const char *s);

/**
 * sd_printf() - write a line into the queue's log, which the host prints
 * @format: as for printf()
 *
 * Knows %d %i %u %x %X %o %c %s %p %f %e %g %% with flags, width, precision and
 * the lengths hh h l ll z t j. At most 1024 bytes; dropped without a word when the
 * queue has no log, counted when the log is full.
 */
__attribute__((format(printf, 1, 2))) void sd_printf(const char *format, ...);

/** sd_assert() - log place and condition and stop the queue with BREAKPOINT unless it holds. */
#define sd_assert(condition)                                                                       \
	((condition) ? (void)0 : sd_assert_failed_(__FILE__, __LINE__, #condition))
_Noreturn void sd_assert_failed_(const char *file, int line, const char *condition);

#endif /* SEEDCHIP_KERNEL_H */
