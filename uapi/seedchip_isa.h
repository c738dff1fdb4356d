/* SPDX-License-Identifier: MIT */
/*
 * SC1 instruction set beyond the RISC-V standard: vendor instructions, CSRs,
 * and the descriptors that the engines read.
 *
 * SC_INSN_TABLE is the only description of the vendor instructions: the
 * model's decoder, seedchip-objdump, the intrinsics of <seedchip/kernel.h> and
 * the instruction chapter of docs/hardware.md are expansions of it. The file
 * is also read by the device compiler, so it uses nothing but <stdint.h> (in
 * the kernel: its own types).
 */
#ifndef SEEDCHIP_ISA_H
#define SEEDCHIP_ISA_H

#ifdef __KERNEL__
#include <linux/types.h>
#else
#include <stdint.h>
#endif

/* Harts: X(name, bit, extension as in an ISA string, meaning). Bits of ISA, and of the ELF note. */
#define SC_ISA_TABLE(X)                                                                            \
	X(RV64IMAFD, 0, "imafd", "RV64I, M, A, F, D, Zicsr, Zifencei, Zicntr")                     \
	X(ZBA, 1, "zba", "address generation")                                                     \
	X(ZBB, 2, "zbb", "basic bit manipulation")                                                 \
	X(ZBS, 3, "zbs", "single-bit instructions")                                                \
	X(ZFH, 4, "zfh", "half-precision floating point")                                          \
	X(V, 5, "v", "vectors, VLEN in discovery")                                                 \
	X(ZVFH, 6, "zvfh", "half-precision vectors")                                               \
	X(ZFBFMIN, 7, "zfbfmin", "bf16 conversions")                                               \
	X(ZVFBFMIN, 8, "zvfbfmin", "bf16 vector conversions")                                      \
	X(ZVFBFWMA, 9, "zvfbfwma", "bf16 widening multiply-accumulate")                            \
	X(XSDM_INT8, 16, "xsdm_int8", "matrix engine: i8 x i8 to i32")                             \
	X(XSDM_BF16, 17, "xsdm_bf16", "matrix engine: bf16 to f32")                                \
	X(XSDM_INT4, 18, "xsdm_int4", "matrix engine: i8 x 4 bit through the codebook")            \
	X(XSDM_FP16, 19, "xsdm_fp16", "matrix engine: f16 to f32")                                 \
	X(XSDM_FP8, 20, "xsdm_fp8", "matrix engine: fp8 e4m3 and e5m2 to f32")                     \
	X(XSDM_FP32, 21, "xsdm_fp32", "matrix engine: f32")                                        \
	X(XSDM_GROUP, 22, "xsdm_group", "matrix engine: group scales")                             \
	X(XSDD, 24, "xsdd", "DMA engine, counters, hold, post, await")                             \
	X(XSDD_GATHER, 25, "xsdd_gather", "DMA gather and scatter")                                \
	X(XSDG, 26, "xsdg", "cooperative dispatch: arrive, meet, other cores' scratchpads")        \
	X(XSDV_EXP2, 27, "xsdv_exp2", "vector exp2")

#define SC_ISA_ENUM_(name, bit, ext, text) SC_ISA_##name = 1 << (bit),
enum sc_isa { SC_ISA_TABLE(SC_ISA_ENUM_) };

#define SC_OPC_MATRIX 0x0b /* custom-0 */
#define SC_OPC_DMA    0x2b /* custom-1: DMA, counters, grid barrier, vector */

/*
 * Vendor instructions, R-type:
 * X(name, mnemonic, opcode, funct3, funct7, operands, cost, feature, meaning)
 *
 * operands, in assembly order:
 *   I_R     immediate in the rd field, rs1           sdm.cfg 1, a0
 *   I_R_R   immediate in the rd field, rs1, rs2      sdm.mma 3, a0, a1
 *   R_R     rs1, rs2                                 sd.await a0, a1
 *   D_R     rd, rs1                                  sd.count a0, a1
 *   NONE    no operand                               sd.meet
 *   VD_VS2  vector destination and source, mask bit in funct7 bit 0
 * Fields that an instruction does not name are zero; otherwise it is illegal.
 * The immediate of sdm.* is an accumulator (or tile slot for cfg), of sdd.go a
 * DMA channel, of sd.hold and sd.post an engine queue, SC_EQ_*.
 */
#define SC_INSN_TABLE(X)                                                                           \
	X(SDM_CFG, "sdm.cfg", 0x0b, 0, 0x00, I_R, MATRIX_CFG, XSDM_INT8,                           \
	  "load the 64-byte tile descriptor at rs1 (scratchpad) into slot 0-3 and select it")      \
	X(SDM_MMA, "sdm.mma", 0x0b, 1, 0x00, I_R_R, MATRIX_MMA, XSDM_INT8,                         \
	  "acc += A(rs1) x B(rs2) by the selected descriptor")                                     \
	X(SDM_MMA_Z, "sdm.mma.z", 0x0b, 1, 0x01, I_R_R, MATRIX_MMA, XSDM_INT8,                     \
	  "acc = A(rs1) x B(rs2), starting from +0")                                               \
	X(SDM_LD, "sdm.ld", 0x0b, 2, 0x00, I_R_R, MATRIX_MOVE, XSDM_INT8,                          \
	  "acc = m x n 32-bit words at rs1, row stride rs2; stride 0: one row for all")            \
	X(SDM_ST, "sdm.st", 0x0b, 3, 0x00, I_R_R, MATRIX_MOVE, XSDM_INT8,                          \
	  "store acc at rs1, row stride rs2, converted to the descriptor's store format")          \
	X(SDM_MUL_R, "sdm.mul.r", 0x0b, 4, 0x00, I_R, MATRIX_MOVE, XSDM_FP32,                      \
	  "f32 acc[m][n] *= v[m], v at rs1")                                                       \
	X(SDM_MUL_C, "sdm.mul.c", 0x0b, 4, 0x01, I_R, MATRIX_MOVE, XSDM_FP32,                      \
	  "f32 acc[m][n] *= v[n], v at rs1")                                                       \
	X(SDD_GO, "sdd.go", 0x2b, 0, 0x00, I_R, DMA, XSDD,                                         \
	  "run the 64-byte DMA descriptor at rs1 (scratchpad) on a channel; copied at issue")      \
	X(SD_HOLD, "sd.hold", 0x2b, 1, 0x00, I_R_R, COUNTER, XSDD,                                 \
	  "the engine queue stops here until counter[rs1] - rs2 >= 0, signed 32 bit")              \
	X(SD_POST, "sd.post", 0x2b, 2, 0x00, I_R, COUNTER, XSDD,                                   \
	  "counter[rs1] += 1 when all earlier operations of the engine queue are complete")        \
	X(SD_AWAIT, "sd.await", 0x2b, 3, 0x00, R_R, COUNTER, XSDD,                                 \
	  "the hart waits until counter[rs1] - rs2 >= 0, signed 32 bit; an acquire")               \
	X(SD_COUNT, "sd.count", 0x2b, 3, 0x01, D_R, COUNTER, XSDD,                                 \
	  "rd = counter[rs1], sign-extended; an acquire of what it returns")                       \
	X(SD_ARRIVE, "sd.arrive", 0x2b, 4, 0x00, NONE, BARRIER, XSDG,                              \
	  "grid barrier, first half: this workgroup has arrived")                                  \
	X(SD_MEET, "sd.meet", 0x2b, 4, 0x01, NONE, BARRIER, XSDG,                                  \
	  "grid barrier, second half: wait until all have arrived")                                \
	X(SD_VEXP2, "sd.vexp2.v", 0x2b, 5, 0x00, VD_VS2, VECTOR, XSDV_EXP2,                        \
	  "vd = 2^vs2, f32 elements")

#define SC_INSN_ENUM_(name, ...) SC_INSN_##name,
enum sc_insn { SC_INSN_TABLE(SC_INSN_ENUM_) SC_INSN_COUNT };

/* Engine queues: X(name, number, meaning), the operand of sd.hold and sd.post. */
#define SC_EQ_TABLE(X)                                                                             \
	X(DMA0, 0, "DMA channel 0")                                                                \
	X(DMA1, 1, "DMA channel 1")                                                                \
	X(DMA2, 2, "DMA channel 2")                                                                \
	X(DMA3, 3, "DMA channel 3")                                                                \
	X(MATRIX, 4, "matrix engine")
#define SC_EQ_ENUM_(name, number, text) SC_EQ_##name = number,
enum sc_engine_queue { SC_EQ_TABLE(SC_EQ_ENUM_) SC_EQ_COUNT };

#define SC_EQ_DEPTH	   16 /* operations an engine queue holds before issue stalls */
#define SC_NUM_DMA	   4
#define SC_NUM_COUNTERS	   16
#define SC_NUM_ACCS	   16
#define SC_NUM_TILE_SLOTS  4
#define SC_ACC_DIM	   64 /* accumulators are 64 x 64 x 32 bit */
#define SC_COUNT_POLLS	   64 /* sd.count polls after which a counter that can advance has */

/* User-readable CSRs of the card: X(name, number, meaning). All are read-only. */
#define SC_CSR_TABLE(X)                                                                            \
	X(WG_X, 0xcc0, "workgroup index, x")                                                       \
	X(WG_Y, 0xcc1, "workgroup index, y")                                                       \
	X(WG_Z, 0xcc2, "workgroup index, z")                                                       \
	X(GRID_X, 0xcc3, "grid size, x")                                                           \
	X(GRID_Y, 0xcc4, "grid size, y")                                                           \
	X(GRID_Z, 0xcc5, "grid size, z")                                                           \
	X(CORES, 0xcc6, "cores the dispatch may use")                                              \
	X(RANK, 0xcc7, "rank in a cooperative dispatch: the linear workgroup index")               \
	X(DYN_ADDR, 0xcc8, "address of the dynamic scratchpad")                                    \
	X(DYN_SIZE, 0xcc9, "its size in bytes")                                                    \
	X(TCM_SIZE, 0xcca, "bytes of scratchpad")                                                  \
	X(LOG, 0xccb, "address of the queue's struct sc_log, 0: none")                             \
	X(TAG, 0xccc, "tag of the DISPATCH packet")
#define SC_CSR_ENUM_(name, number, text) SC_CSR_##name = number,
enum sc_csr { SC_CSR_TABLE(SC_CSR_ENUM_) };

/* Element formats: X(name, number, bits, meaning). */
#define SC_FMT_TABLE(X)                                                                            \
	X(I8, 0, 8, "signed 8 bit")                                                                \
	X(I4, 1, 4, "4 bit through the codebook, low nibble first; B only")                        \
	X(F16, 2, 16, "IEEE half")                                                                 \
	X(BF16, 3, 16, "bfloat16")                                                                 \
	X(E4M3, 4, 8, "fp8 e4m3, no infinity")                                                     \
	X(E5M2, 5, 8, "fp8 e5m2")                                                                  \
	X(F32, 6, 32, "IEEE single")                                                               \
	X(I32, 7, 32, "signed 32 bit; accumulate and store only")
#define SC_FMT_ENUM_(name, number, bits, text) SC_FMT_##name = number,
enum sc_format { SC_FMT_TABLE(SC_FMT_ENUM_) };

#define SC_TILE_A_KM  0x1 /* A is [k][m], else [m][k] */
#define SC_TILE_B_NK  0x2 /* B is [n][k], else [k][n] */
#define SC_TILE_FLAGS 0x3

/* Scale formats of B group scales. */
#define SC_SCALE_F16  0
#define SC_SCALE_F32  1
#define SC_SCALE_E8M0 2

/*
 * Tile descriptor, read at sdm.cfg; scratchpad addresses and strides in bytes.
 * `store_scale` points at n f32 factors, applied per column before a
 * store as i8 (saturating, RNE).
 */
struct sc_tile {
	uint8_t m; /* 1 to 64; 0 does nothing */
	uint8_t n; /* 1 to 64; 0 does nothing */
	uint16_t k; /* 0 to 65535 */
	uint8_t fmt_a; /* enum sc_format */
	uint8_t fmt_b;
	uint8_t fmt_store;
	uint8_t flags; /* SC_TILE_* */
	uint32_t stride_a; /* bytes from row to row as stored */
	uint32_t stride_b;
	uint16_t group; /* 0: no scales; else 16, 32, 64, 128 ... 1024 */
	uint8_t fmt_scale; /* SC_SCALE_* of B */
	uint8_t rsv0;
	uint32_t scale_a; /* scratchpad offset of f32 [m][k/group], ~0: all one */
	uint32_t scale_b; /* scratchpad offset of [k/group][n], ~0: all one */
	uint32_t store_scale; /* scratchpad offset of f32 [n], ~0: none */
	int8_t codebook[16]; /* values of the 16 I4 codes */
	uint32_t stride_scale_a; /* bytes from row to row of scale_a */
	uint32_t stride_scale_b;
	uint8_t rsv1[8];
};

/* DMA kinds: X(name, number, meaning). */
#define SC_DMA_TABLE(X)                                                                            \
	X(COPY, 0, "copy size[0] bytes x size[1] x size[2]")                                       \
	X(GATHER, 1, "row i of dst is row index[i] of src; size[1] rows of size[0] bytes")         \
	X(SCATTER, 2, "row index[i] of dst is row i of src")                                       \
	X(FILL, 3, "fill dst with the 8-byte pattern in src")
#define SC_DMA_ENUM_(name, number, text) SC_DMA_##name = number,
enum sc_dma_kind { SC_DMA_TABLE(SC_DMA_ENUM_) };

/*
 * DMA descriptor, read at sdd.go. At least one side must be the own scratchpad
 * (the only side of FILL may be either). A size of zero is legal and moves
 * nothing. For GATHER the far side is src and its row pitch src_stride[0]; for
 * SCATTER dst and dst_stride[0].
 */
struct sc_dma {
	uint8_t kind; /* enum sc_dma_kind */
	uint8_t rsv0[3];
	uint32_t size0; /* contiguous bytes */
	uint64_t src; /* address, or the pattern of FILL */
	uint64_t dst;
	uint32_t size1;
	uint32_t size2;
	uint32_t src_stride[2]; /* bytes, for size1 and size2 */
	uint32_t dst_stride[2];
	uint32_t index; /* scratchpad offset of size1 u32 row numbers */
	uint32_t limit; /* row numbers must be below */
	uint64_t rsv1;
};

#endif /* SEEDCHIP_ISA_H */
