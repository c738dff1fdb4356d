/* SPDX-License-Identifier: MIT */
/*
 * SC1 hardware layout: registers, doorbells, page-table entries, queue packets
 * and the records that the device writes.
 *
 * Everything is described once, in the X-macro tables below. The driver's
 * constants, the virtual card's access checks, the decoders in the tools and
 * the register chapter of docs/hardware.md are expansions of these tables.
 * All values are little-endian and naturally aligned; reserved means: must be
 * written as zero, and is checked.
 */
#ifndef SEEDCHIP_HW_H
#define SEEDCHIP_HW_H

#ifdef __KERNEL__
#include <linux/types.h>
#else
#include <linux/types.h>
#include <stddef.h>
#endif
#include "seedchip_status.h"

#define SC_PCI_VENDOR 0x1234 /* QEMU's private test vendor; a real card gets a real id */
#define SC_PCI_DEVICE 0x5eed
#define SC_PCI_DEVICE_VF 0x5eee /* virtual function */
#define SC_PCI_CLASS  0x1200 /* processing accelerator */

#define SC_BAR_CONTROL	0 /* 64-bit, SC_CONTROL_SIZE bytes */
#define SC_BAR_DOORBELL 2 /* 64-bit, NUM_QUEUES pages of DOORBELL_STRIDE bytes */
#define SC_BAR_CARD	4 /* 64-bit prefetchable, CARD_VISIBLE_SIZE bytes of card memory */

#define SC_CONTROL_SIZE	   0x80000
#define SC_MSIX_TABLE	   0x8000 /* in the control BAR */
#define SC_MSIX_PBA	   0xc000
#define SC_MAX_VECTORS	   64
#define SC_CONTEXT_BASE	   0x10000
#define SC_CONTEXT_STRIDE  0x40
#define SC_MAX_CONTEXTS	   256
#define SC_QUEUE_BASE	   0x40000
#define SC_QUEUE_STRIDE	   0x100
#define SC_MAX_QUEUES	   512

#define SC_HEALTH_BASE	   0x2000 /* SC_HEALTH_RECORDS of struct sc_health_record */
#define SC_HEALTH_RECORDS  64
#define SC_RETIRED_BASE	   0x3000 /* NUM_RETIRED of u64: card addresses of retired pages */
#define SC_RETIRED_MAX	   256

#define SC_MAGIC     0x20314353 /* "SC1 " */
#define SC_VERSION   0x00010000 /* major << 16 | minor << 8 | patch */
#define SC_RESET_KEY 0x5eed0ff0

/* Register access classes. */
#define SC_ACCESS_RO  0 /* a write is a strict violation and has no effect */
#define SC_ACCESS_RW  1
#define SC_ACCESS_WO  2 /* reads as zero */
#define SC_ACCESS_W1C 3 /* writing one clears the bit */

/* When a register may be written. */
#define SC_WHEN_ANY	 0
#define SC_WHEN_DISABLED 1 /* device: CONTROL.ENABLE = 0; context: ENABLE = 0; queue: DISABLED */
#define SC_WHEN_STOPPED	 2 /* queue: DISABLED or STOPPED */

/*
 * Device registers: X(name, offset, width, access, when, valid, reset, meaning)
 *
 * width is in bytes; valid is the mask of defined bits. A reset value of 0 on
 * an RO discovery register stands for "from the configuration". 64-bit
 * registers may be accessed as two 32-bit halves, low half first on write:
 * the write of the high half takes effect on the whole.
 */
#define SC_REG_TABLE(X)                                                                            \
	X(MAGIC, 0x000, 4, RO, ANY, ~0ULL, SC_MAGIC, "identifies an SC1: \"SC1 \"")                \
	X(VERSION, 0x004, 4, RO, ANY, ~0ULL, SC_VERSION, "major << 16 | minor << 8 | patch")       \
	X(SPEC_HASH, 0x008, 8, RO, ANY, ~0ULL, 0,                                                  \
	  "SC_SPEC_HASH, a hash of these tables; driver and device must agree")                    \
	X(FEATURES, 0x010, 8, RO, ANY, ~0ULL, 0, "features offered, SC_FEATURE_*")                 \
	X(FEATURES_ACCEPTED, 0x018, 8, RW, DISABLED, ~0ULL, 0,                                     \
	  "subset the driver uses; locked while enabled")                                          \
	X(NUM_CORES, 0x020, 4, RO, ANY, ~0ULL, 0, "compute cores present")                         \
	X(NUM_QUEUES, 0x024, 4, RO, ANY, ~0ULL, 0, "queues, each with one doorbell page")          \
	X(NUM_SLOTS, 0x028, 4, RO, ANY, ~0ULL, 0, "queues that can run at the same time")          \
	X(NUM_CONTEXTS, 0x02c, 4, RO, ANY, ~0ULL, 0, "address spaces, context 0 included")         \
	X(CORE_MASK, 0x030, 8, RO, ANY, ~0ULL, 0, "bit n: core n is usable")                       \
	X(CARD_SIZE, 0x038, 8, RO, ANY, ~0ULL, 0, "bytes of card memory")                          \
	X(CARD_VISIBLE_SIZE, 0x040, 8, RO, ANY, ~0ULL, 0,                                          \
	  "bytes of card memory, from 0, that the card BAR reaches")                               \
	X(TCM_SIZE, 0x048, 4, RO, ANY, ~0ULL, 0, "bytes of scratchpad per core")                   \
	X(PAGE_SHIFT, 0x04c, 4, RO, ANY, ~0ULL, 12, "log2 of the smallest page")                   \
	X(DOORBELL_STRIDE, 0x050, 4, RO, ANY, ~0ULL, 0x1000, "bytes from doorbell to doorbell")    \
	X(RING_LOG2_MAX, 0x054, 4, RO, ANY, ~0ULL, 0, "log2 of the largest ring, in slots")        \
	X(NUM_VECTORS, 0x058, 4, RO, ANY, ~0ULL, 0, "MSI-X vectors; vector 0 is for events")       \
	X(TIMEOUT_SCALE, 0x05c, 4, RO, ANY, ~0ULL, 0, "factor on every software timeout")          \
	X(ISA, 0x060, 8, RO, ANY, ~0ULL, 0, "what the harts execute, SC_ISA_*")                    \
	X(VLEN, 0x068, 4, RO, ANY, ~0ULL, 0, "vector register bits, 0 without vectors")            \
	X(CLOCK_KHZ, 0x06c, 4, RO, ANY, ~0ULL, 0, "core clock of the timing model")                \
	X(SERIAL, 0x070, 8, RO, ANY, ~0ULL, 0, "unique per card")                                  \
	X(DUMP_SIZE, 0x078, 4, RO, ANY, ~0ULL, 0, "bytes of a core dump, see struct sc_core_dump") \
	X(REVISION, 0x07c, 4, RO, ANY, ~0ULL, 1, "hardware revision")                              \
	X(FUNCTION, 0x080, 4, RO, ANY, ~0ULL, 0, "0: physical function; n: virtual function n")    \
	X(FIRMWARE_VERSION, 0x084, 4, RO, ANY, ~0ULL, 0, "major << 16 | minor << 8 | patch")       \
	X(CONTROL, 0x100, 4, RW, ANY, 0x1, 0, "SC_CONTROL_*")                                      \
	X(STATUS, 0x104, 4, RO, ANY, 0x7, 0x1, "SC_DEVICE_*")                                      \
	X(RESET, 0x108, 4, WO, ANY, ~0ULL, 0, "writing SC_RESET_KEY resets the device")            \
	X(RESET_CAUSE, 0x10c, 4, RO, ANY, ~0ULL, 0, "SC_RESET_CAUSE_* of the last reset")          \
	X(GENERATION, 0x110, 4, RO, ANY, ~0ULL, 0, "counts device resets; survives them")          \
	X(TIME, 0x118, 8, RO, ANY, ~0ULL, 0, "free-running 1 GHz counter")                         \
	X(IRQ_STATUS, 0x120, 4, W1C, ANY, 0x3, 0, "causes of vector 0, SC_IRQ_*")                  \
	X(IRQ_ENABLE, 0x124, 4, RW, ANY, 0x3, 0, "causes that raise vector 0")                     \
	X(EVENT_BASE, 0x128, 8, RW, DISABLED, 0x00007fffffffffc0ULL, 0,                            \
	  "system address of the event ring")                                                      \
	X(EVENT_LOG2, 0x130, 4, RW, DISABLED, 0xf, 0, "log2 of its size in events, 0: no ring")    \
	X(EVENT_TAIL, 0x134, 4, RW, ANY, ~0ULL, 0, "events that the driver has consumed")          \
	X(EVENT_HEAD, 0x138, 4, RO, ANY, ~0ULL, 0, "events that the device has written")           \
	X(EVENT_LOST, 0x13c, 4, RO, ANY, ~0ULL, 0, "events dropped because the ring was full")     \
	X(TOTAL_PACKETS, 0x200, 8, RO, ANY, ~0ULL, 0, "packets retired since power-on")            \
	X(TOTAL_WORKGROUPS, 0x208, 8, RO, ANY, ~0ULL, 0, "workgroups completed")                   \
	X(TOTAL_INSNS, 0x210, 8, RO, ANY, ~0ULL, 0, "instructions retired by all harts")           \
	X(TOTAL_MACS, 0x218, 8, RO, ANY, ~0ULL, 0, "multiply-accumulates of the matrix engines")   \
	X(TOTAL_DMA_BYTES, 0x220, 8, RO, ANY, ~0ULL, 0, "bytes moved by the cores' DMA engines")   \
	X(TOTAL_COPY_BYTES, 0x228, 8, RO, ANY, ~0ULL, 0, "bytes moved by COPY and FILL packets")   \
	X(TOTAL_FAULTS, 0x230, 8, RO, ANY, ~0ULL, 0, "queues stopped by a fault")                  \
	X(TOTAL_BUSY_NS, 0x238, 8, RO, ANY, ~0ULL, 0, "core time used, summed over the cores")     \
	X(GUEST_ICOUNT, 0x300, 8, RO, ANY, ~0ULL, 0,                                               \
	  "test only (SC_FEATURE_TEST): the guest's instruction counter")                          \
	X(TEMP_DIE, 0x400, 4, RO, ANY, ~0ULL, 0,                                                   \
	  "die temperature in millidegrees Celsius, signed")                                       \
	X(TEMP_MEMORY, 0x404, 4, RO, ANY, ~0ULL, 0, "memory temperature, likewise")                \
	X(TEMP_DIE_MAX, 0x408, 4, RO, ANY, ~0ULL, 0, "at or above it the card throttles")          \
	X(TEMP_MEMORY_MAX, 0x40c, 4, RO, ANY, ~0ULL, 0, "likewise")                                \
	X(TEMP_DIE_CRIT, 0x410, 4, RO, ANY, ~0ULL, 0, "at or above it the card is in danger")      \
	X(TEMP_MEMORY_CRIT, 0x414, 4, RO, ANY, ~0ULL, 0, "likewise")                               \
	X(POWER_UW, 0x418, 4, RO, ANY, ~0ULL, 0, "power drawn, in microwatts")                     \
	X(POWER_MAX_UW, 0x41c, 4, RO, ANY, ~0ULL, 0, "its limit")                                  \
	X(VOLTAGE_MV, 0x420, 4, RO, ANY, ~0ULL, 0, "core voltage in millivolts")                   \
	X(VOLTAGE_MIN_MV, 0x424, 4, RO, ANY, ~0ULL, 0, "its lower limit")                          \
	X(VOLTAGE_MAX_MV, 0x428, 4, RO, ANY, ~0ULL, 0, "its upper limit")                          \
	X(CLOCK_NOW_KHZ, 0x42c, 4, RO, ANY, ~0ULL, 0,                                              \
	  "core clock as it is; CLOCK_KHZ unless the card throttles")                              \
	X(MEMORY_CLOCK_KHZ, 0x430, 4, RO, ANY, ~0ULL, 0, "memory clock")                           \
	X(THROTTLE, 0x434, 4, RO, ANY, ~0ULL, 0, "why the clock is reduced, SC_THROTTLE_*")        \
	X(ECC_CORRECTED, 0x440, 8, RO, ANY, ~0ULL, 0,                                              \
	  "memory errors corrected in the life of the card")                                       \
	X(ECC_UNCORRECTED, 0x448, 8, RO, ANY, ~0ULL, 0,                                            \
	  "memory errors that could not be corrected, likewise")                                   \
	X(LIFETIME_SECONDS, 0x450, 8, RO, ANY, ~0ULL, 0,                                           \
	  "seconds with power in the life of the card")                                            \
	X(POWER_CYCLES, 0x458, 4, RO, ANY, ~0ULL, 0, "power-ons in the life of the card")          \
	X(NUM_RETIRED, 0x45c, 4, RO, ANY, ~0ULL, 0, "retired pages")                               \
	X(NUM_HEALTH, 0x460, 8, RO, ANY, ~0ULL, 0, "health records ever written")                  \
	X(CORES_DISABLED, 0x468, 8, RO, ANY, ~0ULL, 0, "bit n: core n has failed and is not used")

/*
 * Context registers, at SC_CONTEXT_BASE + context * SC_CONTEXT_STRIDE.
 * Context 0 belongs to the driver and is not translated: address bit 46
 * selects system memory, else card memory; its ROOT is not used.
 */
#define SC_CONTEXT_TABLE(X)                                                                        \
	X(ROOT, 0x00, 8, RW, DISABLED, 0x00007ffffffff011ULL, 0,                                   \
	  "top page table, in the format of a table PTE")                                          \
	X(CONTROL, 0x08, 4, RW, ANY, 0x1, 0, "SC_CONTEXT_ENABLE")                                  \
	X(COMMAND, 0x0c, 4, WO, ANY, ~0ULL, 0, "SC_CONTEXT_CMD_*")                                 \
	X(CORE_MASK, 0x10, 8, RW, DISABLED, ~0ULL, ~0ULL, "cores this context may use")            \
	X(WEIGHT, 0x18, 4, RW, ANY, 0xfff, 64, "share of core time, 1 to 1024")                    \
	X(STATUS, 0x1c, 4, RO, ANY, 0x3, 0, "SC_CONTEXT_ENABLED, SC_CONTEXT_RESETTING")            \
	X(CHARGED_NS, 0x20, 8, RO, ANY, ~0ULL, 0, "core time charged to this context")

/* Queue registers, at SC_QUEUE_BASE + queue * SC_QUEUE_STRIDE. */
#define SC_QUEUE_TABLE(X)                                                                          \
	X(RING_BASE, 0x00, 8, RW, DISABLED, 0x0000ffffffffffc0ULL, 0,                              \
	  "address of the ring in the queue's context")                                            \
	X(CONFIG, 0x08, 4, RW, DISABLED, 0x1ff1f, 0, "SC_QUEUE_LOG2, _VECTOR, _KERNEL_RING")       \
	X(CONTEXT, 0x0c, 4, RW, DISABLED, 0xff, 0, "context the queue is bound to")                \
	X(STATE_ADDR, 0x10, 8, RW, DISABLED, 0x00007fffffffff80ULL, 0,                             \
	  "system address of struct sc_queue_state")                                               \
	X(RECORD_BASE, 0x18, 8, RW, DISABLED, 0x0000ffffffffffe0ULL, 0,                            \
	  "address in the context of one sc_record per ring slot, 0: none")                        \
	X(LOG_ADDR, 0x20, 8, RW, DISABLED, 0x0000ffffffffffc0ULL, 0,                               \
	  "address in the context of struct sc_log, read by kernels as CSR sd_log")                \
	X(DUMP_ADDR, 0x28, 8, RW, DISABLED, 0x00007fffffffffc0ULL, 0,                              \
	  "system address for a core dump at a fault, 0: none")                                    \
	X(CORE_MASK, 0x30, 8, RW, DISABLED, ~0ULL, ~0ULL, "cores this queue may use")              \
	X(WG_LIMIT, 0x38, 8, RW, STOPPED, ~0ULL, 0,                                                \
	  "instructions a workgroup may retire; must not be 0 at START")                           \
	X(INDEX, 0x40, 8, RW, STOPPED, ~0ULL, 0, "index of the next packet to fetch")              \
	X(RETIRED, 0x48, 8, RO, ANY, ~0ULL, 0, "packets below this index are complete")            \
	X(ARM, 0x50, 8, RW, ANY, ~0ULL, ~0ULL,                                                     \
	  "raise the vector once when RETIRED >= ARM, at once if it already is")                   \
	X(PROGRESS, 0x58, 8, RO, ANY, ~0ULL, 0,                                                    \
	  "rises when a packet retires, or a workgroup or a piece of a copy completes")            \
	X(COMMAND, 0x60, 4, WO, ANY, ~0ULL, 0, "SC_QUEUE_CMD_*")                                   \
	X(STATUS, 0x64, 4, RO, ANY, ~0ULL, 0, "SC_QUEUE_STATE, _BUSY, _MISSED, _FAULT")            \
	X(PRIORITY, 0x68, 4, RW, ANY, 0x3, 1, "0 (idle) to 3 (realtime)")                          \
	X(EPOCH, 0x6c, 4, RO, ANY, ~0ULL, 0, "counts resets of this queue")                        \
	X(COALESCE_COUNT, 0x70, 4, RW, ANY, 0xffff, 0,                                             \
	  "packets past ARM that the interrupt may wait for, 0: it does not wait")                 \
	X(COALESCE_NS, 0x74, 4, RW, ANY, 0xfffff, 0, "longest time that it may wait")

#define SC_REG_ENUM_(name, offset, ...)	    SC_REG_##name = offset,
#define SC_CONTEXT_ENUM_(name, offset, ...) SC_CTX_##name = offset,
#define SC_QUEUE_ENUM_(name, offset, ...)   SC_Q_##name = offset,
enum sc_reg { SC_REG_TABLE(SC_REG_ENUM_) };
enum sc_context_reg { SC_CONTEXT_TABLE(SC_CONTEXT_ENUM_) };
enum sc_queue_reg { SC_QUEUE_TABLE(SC_QUEUE_ENUM_) };

/* FEATURES: X(name, bit, meaning). A driver refuses a card with unknown bits in the upper half. */
#define SC_FEATURE_TABLE(X)                                                                        \
	X(COOPERATIVE, 0, "cooperative dispatches")                                                \
	X(RECORDS, 1, "completion records")                                                        \
	X(STRICT, 2, "strict checks are on")                                                       \
	X(TEST, 3, "test-only registers are present")                                              \
	X(ATOMICS, 4, "harts have the A extension on card memory")                                 \
	X(TELEMETRY, 5, "telemetry registers, health records and NVRAM")                           \
	X(VIRTUAL, 6, "this is a virtual function")

#define SC_FEATURE_ENUM_(name, bit, text) SC_FEATURE_##name = 1 << (bit),
enum sc_feature { SC_FEATURE_TABLE(SC_FEATURE_ENUM_) };
#define SC_FEATURES_REQUIRED 0xffffffff00000000ULL

/* THROTTLE: X(name, bit, meaning) */
#define SC_THROTTLE_TABLE(X)                                                                       \
	X(THERMAL, 0, "a temperature is at or above its limit")                                    \
	X(POWER, 1, "the power limit is reached")                                                  \
	X(EXTERNAL, 2, "the host has asked for it by the slot's power brake")

#define SC_THROTTLE_ENUM_(name, bit, text) SC_THROTTLE_##name = 1 << (bit),
enum sc_throttle { SC_THROTTLE_TABLE(SC_THROTTLE_ENUM_) };

#define SC_CONTROL_ENABLE     0x1
#define SC_DEVICE_READY	      0x1
#define SC_DEVICE_RESETTING   0x2
#define SC_DEVICE_FAILED      0x4
#define SC_RESET_CAUSE_POWER  0
#define SC_RESET_CAUSE_FLR    1
#define SC_RESET_CAUSE_BUS    2
#define SC_RESET_CAUSE_SOFT   3
#define SC_IRQ_EVENT	      0x1 /* the event ring has grown */
#define SC_IRQ_COMMAND	      0x2 /* a queue or context command has completed */
#define SC_CONTEXT_ENABLE     0x1
#define SC_CONTEXT_ENABLED    0x1
#define SC_CONTEXT_RESETTING  0x2
#define SC_CONTEXT_CMD_RESET  1 /* reset every queue of the context */
#define SC_QUEUE_CMD_START    1 /* DISABLED or STOPPED -> running from INDEX */
#define SC_QUEUE_CMD_STOP     2 /* finish what has started, then STOPPED */
#define SC_QUEUE_CMD_RESET    3 /* abort what has started, then STOPPED; from FAULTED too */
#define SC_QUEUE_CMD_DISABLE  4 /* STOPPED -> DISABLED; no access of any kind afterwards */
#define SC_QUEUE_LOG2(config) ((config) & 0x1f)
#define SC_QUEUE_VECTOR(config) (((config) >> 8) & 0xff)
#define SC_QUEUE_VECTOR_SHIFT 8
#define SC_QUEUE_KERNEL_RING  0x10000 /* ring pages are ENGINE-only; WAIT_QUEUE is allowed */
#define SC_QUEUE_STATE(status) ((status) & 0xf)
#define SC_QUEUE_BUSY	      0x100 /* a command is in progress */
#define SC_QUEUE_MISSED	      0x200 /* a doorbell rang while not running; replayed by START */
#define SC_QUEUE_FAULT(status) (((status) >> 16) & 0xff) /* enum sc_status of the fault */
#define SC_QUEUE_FAULT_SHIFT  16

#define SC_QUEUE_STATE_TABLE(X)                                                                    \
	X(DISABLED, 0, "not in use; the device does not touch its memory")                         \
	X(IDLE, 1, "no valid packet at INDEX")                                                     \
	X(RUNNING, 2, "packets in progress")                                                       \
	X(WAITING, 3, "the head is an unsatisfied WAIT; holds no slot")                            \
	X(STOPPED, 4, "stopped by command; resumes at INDEX")                                      \
	X(FAULTED, 5, "stopped at RETIRED by a fault; needs RESET")
#define SC_QUEUE_STATE_ENUM_(name, number, text) SC_QUEUE_##name = number,
enum sc_queue_state_id { SC_QUEUE_STATE_TABLE(SC_QUEUE_STATE_ENUM_) };

/* Doorbell page. Offset 0 is write-only, offset 8 read-only, the rest reads zero. */
#define SC_DOORBELL_RING   0 /* u32: low half of the write index, a hint */
#define SC_DOORBELL_STATUS 8 /* u32: the queue's STATUS register */

/* Limits of the architecture. */
#define SC_RING_LOG2_MIN 4 /* 16 slots */
#define SC_SLOT_SIZE	 64
#define SC_MAX_GRID	 65535 /* per dimension */
#define SC_MAX_ARG_SLOTS 8
#define SC_ARG_SLOT_SIZE 56
#define SC_MAX_ARGS	 (SC_MAX_ARG_SLOTS * SC_ARG_SLOT_SIZE)
#define SC_MAX_LIST	 65536 /* slots of an INDIRECT list */

/*
 * Page tables: 48-bit addresses, four levels of 512 8-byte entries. A leaf is
 * at level 0 (4 KiB) or, with SC_PTE_HUGE, at level 1 (2 MiB). Table entries
 * carry only VALID, SYSTEM and the address. Card addresses are relative to the
 * function and checked against CARD_SIZE.
 */
#define SC_PTE_TABLE(X)                                                                            \
	X(VALID, 0, "the entry is in use; all other bits are ignored when clear")                  \
	X(READ, 1, "readable")                                                                     \
	X(WRITE, 2, "writable; never together with EXECUTE")                                       \
	X(EXECUTE, 3, "executable")                                                                \
	X(SYSTEM, 4, "the address is a system (DMA) address, else a card address")                 \
	X(ENGINE, 5, "reachable by the queue engine alone (kernel-managed rings)")                 \
	X(SPARSE, 6, "no memory: reads return zero, writes are dropped; the address is zero")      \
	X(HUGE, 7, "level 1 only: a 2 MiB leaf")
#define SC_PTE_ENUM_(name, bit, text) SC_PTE_##name = 1 << (bit),
enum sc_pte_bit { SC_PTE_TABLE(SC_PTE_ENUM_) };
#define SC_PTE_ADDR	   0x00007ffffffff000ULL
#define SC_PTE_SOFTWARE	   0x07f0000000000000ULL /* ignored by hardware */
#define SC_PTE_RESERVED	   (~(SC_PTE_ADDR | SC_PTE_SOFTWARE | 0xffULL))
#define SC_PAGE_SIZE	   4096
#define SC_HUGE_SIZE	   0x200000
#define SC_CONTEXT0_SYSTEM 0x0000400000000000ULL /* context 0: this bit selects system memory */
#define SC_DMA_BITS	   46 /* system addresses that every agent can reach */

/*
 * Packets: 64 bytes. Each table lists the members in order, from offset 8;
 * X(type, member, use, meaning) where use is FIELD or RSV. Every packet starts
 * with the header word (stored last) and a tag that its records carry.
 */
#define SC_HDR_PHASE	   0x1 /* must equal SC_PHASE(index) */
#define SC_HDR_OP(hdr)	   (((hdr) >> 1) & 0x7f)
#define SC_HDR_FLAGS(hdr)  (((hdr) >> 8) & 0xff)
#define SC_HDR_NARGS(hdr)  (((hdr) >> 16) & 0xf) /* DISPATCH: argument slots that follow */
#define SC_HDR_RESERVED	   0xfff00000
#define SC_HDR(op, flags, nargs) \
	((__u32)(op) << 1 | (__u32)(flags) << 8 | (__u32)(nargs) << 16)
/* The first lap has phase 1, so that a zeroed ring holds no valid packet. */
#define SC_PHASE(index, log2) ((__u32)(~((index) >> (log2)) & 1))

/* X(name, opcode, allowed flags, who, meaning); who is USER, KERNEL (context 0 or kernel ring) */
#define SC_OP_TABLE(X)                                                                             \
	X(NOP, 0x01, 0x03, USER, "does nothing; pads the ring")                                    \
	X(DISPATCH, 0x02, 0x1f, USER, "run a grid of workgroups")                                  \
	X(COPY, 0x03, 0x03, USER, "copy rows of bytes")                                            \
	X(FILL, 0x04, 0x03, USER, "fill rows with an 8-byte pattern")                              \
	X(WAIT, 0x05, 0xc1, USER, "wait until a 64-bit word is >= value, unsigned")                \
	X(SIGNAL, 0x06, 0x41, USER, "store a 64-bit value after everything before it")             \
	X(TIMESTAMP, 0x07, 0x01, USER, "store TIME after everything before it")                    \
	X(INDIRECT, 0x08, 0x01, USER, "run a list of packets from memory")                         \
	X(BARRIER, 0x09, 0x01, USER, "wait for all earlier packets of this queue")                 \
	X(WAIT_QUEUE, 0x0a, 0x01, KERNEL, "wait until another queue has retired an index")         \
	X(INVALIDATE, 0x0b, 0x01, KERNEL, "drop cached translations; context 0 only")              \
	X(ARGS, 0x0f, 0x00, USER, "argument slot of the DISPATCH before it")
#define SC_OP_ENUM_(name, number, flags, who, text) SC_OP_##name = number,
enum sc_op { SC_OP_TABLE(SC_OP_ENUM_) };

#define SC_FLAG_TABLE(X)                                                                           \
	X(RECORD, 0x01, "write a completion record")                                               \
	X(OVERLAP, 0x02, "may start before earlier packets have completed")                        \
	X(GRID_INDIRECT, 0x04, "DISPATCH: read the three grid sizes from memory at start")         \
	X(COOPERATIVE, 0x08, "DISPATCH: all workgroups are resident at once")                      \
	X(CODE_CHANGED, 0x10, "DISPATCH: discard pre-decoded code of the context first")           \
	X(RELATIVE, 0x40, "WAIT, SIGNAL in a list: the list's base is added to value")             \
	X(POISON, 0x80, "WAIT: the word with all bits set means that what it waits for has failed")
#define SC_FLAG_ENUM_(name, number, text) SC_FLAG_##name = number,
enum sc_packet_flag { SC_FLAG_TABLE(SC_FLAG_ENUM_) };

#define SC_PKT_NOP(X)                                                                              \
	X(__u64, rsv0, RSV, "") X(__u64, rsv1, RSV, "") X(__u64, rsv2, RSV, "")                    \
	X(__u64, rsv3, RSV, "") X(__u64, rsv4, RSV, "") X(__u64, rsv5, RSV, "")                    \
	X(__u64, rsv6, RSV, "")
#define SC_PKT_BARRIER(X) SC_PKT_NOP(X)
#define SC_PKT_DISPATCH(X)                                                                         \
	X(__u64, entry, FIELD, "address of the kernel function")                                   \
	X(__u32, grid_x, FIELD, "workgroups, 0 to 65535; a zero dimension runs none")              \
	X(__u32, grid_y, FIELD, "")                                                                \
	X(__u32, grid_z, FIELD, "")                                                                \
	X(__u32, args_size, FIELD, "bytes of arguments in the slots, at most 448")                 \
	X(__u64, grid_addr, FIELD, "GRID_INDIRECT: address of u32 x, y, z; else 0")                \
	X(__u32, tcm_static, FIELD, "bytes of static scratchpad of the module")                    \
	X(__u32, tcm_dynamic, FIELD, "bytes of dynamic scratchpad")                                \
	X(__u32, stack_size, FIELD, "bytes of stack, a multiple of 4096, at least 4096")           \
	X(__u32, rsv0, RSV, "")                                                                    \
	X(__u64, rsv1, RSV, "")
#define SC_PKT_COPY(X)                                                                             \
	X(__u64, src, FIELD, "source address")                                                     \
	X(__u64, dst, FIELD, "destination address; the two must not overlap")                      \
	X(__u64, size, FIELD, "bytes of a row")                                                    \
	X(__u32, rows, FIELD, "rows; 0 copies nothing")                                            \
	X(__u32, rsv0, RSV, "")                                                                    \
	X(__u64, src_stride, FIELD, "bytes from row to row")                                       \
	X(__u64, dst_stride, FIELD, "bytes from row to row")                                       \
	X(__u64, rsv1, RSV, "")
#define SC_PKT_FILL(X)                                                                             \
	X(__u64, pattern, FIELD, "8 bytes, repeated from the start of each row")                   \
	X(__u64, dst, FIELD, "destination address")                                                \
	X(__u64, size, FIELD, "bytes of a row")                                                    \
	X(__u32, rows, FIELD, "rows; 0 fills nothing")                                             \
	X(__u32, rsv0, RSV, "")                                                                    \
	X(__u64, rsv1, RSV, "")                                                                    \
	X(__u64, dst_stride, FIELD, "bytes from row to row")                                       \
	X(__u64, rsv2, RSV, "")
#define SC_PKT_WAIT(X)                                                                             \
	X(__u64, addr, FIELD, "address of the word, 8-byte aligned")                               \
	X(__u64, value, FIELD, "satisfied when the word is >= value, unsigned")                    \
	X(__u64, rsv0, RSV, "") X(__u64, rsv1, RSV, "") X(__u64, rsv2, RSV, "")                    \
	X(__u64, rsv3, RSV, "") X(__u64, rsv4, RSV, "")
#define SC_PKT_SIGNAL(X)                                                                           \
	X(__u64, addr, FIELD, "address of the word, 8-byte aligned")                               \
	X(__u64, value, FIELD, "stored with one aligned 8-byte write")                             \
	X(__u64, rsv0, RSV, "") X(__u64, rsv1, RSV, "") X(__u64, rsv2, RSV, "")                    \
	X(__u64, rsv3, RSV, "") X(__u64, rsv4, RSV, "")
#define SC_PKT_TIMESTAMP(X)                                                                        \
	X(__u64, addr, FIELD, "address of the word, 8-byte aligned")                               \
	X(__u64, rsv0, RSV, "") X(__u64, rsv1, RSV, "") X(__u64, rsv2, RSV, "")                    \
	X(__u64, rsv3, RSV, "") X(__u64, rsv4, RSV, "") X(__u64, rsv5, RSV, "")
#define SC_PKT_INDIRECT(X)                                                                         \
	X(__u64, list, FIELD, "address of the first packet, 64-byte aligned")                      \
	X(__u64, base, FIELD, "added to the value of every RELATIVE packet of the list")           \
	X(__u32, count, FIELD, "slots in the list")                                                \
	X(__u32, rsv0, RSV, "")                                                                    \
	X(__u64, rsv1, RSV, "") X(__u64, rsv2, RSV, "") X(__u64, rsv3, RSV, "")                    \
	X(__u64, rsv4, RSV, "")
#define SC_PKT_WAIT_QUEUE(X)                                                                       \
	X(__u64, index, FIELD, "satisfied when the queue's RETIRED is >= index")                   \
	X(__u32, queue, FIELD, "queue number")                                                     \
	X(__u32, epoch, FIELD, "the queue's EPOCH when index was handed out")                      \
	X(__u32, skip, FIELD, "slots to retire unrun, as ABORTED, if that queue was reset first")  \
	X(__u32, rsv0, RSV, "")                                                                    \
	X(__u64, rsv1, RSV, "") X(__u64, rsv2, RSV, "") X(__u64, rsv3, RSV, "")                    \
	X(__u64, rsv4, RSV, "")
#define SC_PKT_INVALIDATE(X)                                                                       \
	X(__u64, addr, FIELD, "first address, page aligned")                                       \
	X(__u64, size, FIELD, "bytes; 0 is the whole context")                                     \
	X(__u32, context, FIELD, "context number")                                                 \
	X(__u32, rsv0, RSV, "")                                                                    \
	X(__u64, rsv1, RSV, "") X(__u64, rsv2, RSV, "") X(__u64, rsv3, RSV, "")                    \
	X(__u64, rsv4, RSV, "")

#define SC_PKT_ARGS(X)                                                                             \
	X(__typeof__(__u8[SC_ARG_SLOT_SIZE]), data, FIELD, "arguments; the tag is zero")

#define SC_MEMBER_(type, member, use, text) type member;
#define SC_PKT_STRUCT_(name, body)                                                                 \
	struct name {                                                                              \
		__u32 hdr;                                                                         \
		__u32 tag;                                                                         \
		body(SC_MEMBER_)                                                                   \
	}
SC_PKT_STRUCT_(sc_pkt_nop, SC_PKT_NOP);
SC_PKT_STRUCT_(sc_pkt_barrier, SC_PKT_BARRIER);
SC_PKT_STRUCT_(sc_pkt_dispatch, SC_PKT_DISPATCH);
SC_PKT_STRUCT_(sc_pkt_copy, SC_PKT_COPY);
SC_PKT_STRUCT_(sc_pkt_fill, SC_PKT_FILL);
SC_PKT_STRUCT_(sc_pkt_wait, SC_PKT_WAIT);
SC_PKT_STRUCT_(sc_pkt_signal, SC_PKT_SIGNAL);
SC_PKT_STRUCT_(sc_pkt_timestamp, SC_PKT_TIMESTAMP);
SC_PKT_STRUCT_(sc_pkt_indirect, SC_PKT_INDIRECT);
SC_PKT_STRUCT_(sc_pkt_wait_queue, SC_PKT_WAIT_QUEUE);
SC_PKT_STRUCT_(sc_pkt_invalidate, SC_PKT_INVALIDATE);
SC_PKT_STRUCT_(sc_pkt_args, SC_PKT_ARGS);

/* One ring slot. */
struct sc_packet {
	__u32 hdr;
	__u32 tag;
	__u64 body[7];
};

/*
 * Queue state: written by the device alone, in memory that the kernel owns and
 * the queue's owner may map read-only. Counters are stored first and `retired`
 * last, with one aligned 8-byte store, then the interrupt is raised.
 */
#define SC_QUEUE_STATE_MEMBERS(X)                                                                  \
	X(__u64, retired, FIELD, "packets below this index are complete")                          \
	X(__u64, generation, FIELD, "device GENERATION << 32 | queue EPOCH")                       \
	X(__u64, packets, FIELD, "packets retired")                                                \
	X(__u64, workgroups, FIELD, "workgroups completed")                                        \
	X(__u64, insns, FIELD, "instructions retired")                                             \
	X(__u64, macs, FIELD, "multiply-accumulates of the matrix engines")                        \
	X(__u64, dma_bytes, FIELD, "bytes moved by the cores' DMA engines")                        \
	X(__u64, copy_bytes, FIELD, "bytes moved by COPY and FILL")                                \
	X(__u64, busy_ns, FIELD, "core time used, summed over cores")                              \
	X(__u64, wait_ns, FIELD, "time with an unsatisfied WAIT at the head")                      \
	X(__u64, doorbells, FIELD, "doorbell writes seen")                                         \
	X(__u64, faults, FIELD, "faults")                                                          \
	X(__u64, cycles, FIELD, "modelled cycles, 0 while timing is off")                          \
	X(__u64, rsv0, RSV, "") X(__u64, rsv1, RSV, "") X(__u64, rsv2, RSV, "")
struct sc_queue_state {
	SC_QUEUE_STATE_MEMBERS(SC_MEMBER_)
};

/* Completion record of a packet flagged RECORD, at RECORD_BASE + slot * 32. */
#define SC_RECORD_MEMBERS(X)                                                                       \
	X(__u32, tag, FIELD, "tag of the packet")                                                  \
	X(__u16, status, FIELD, "enum sc_status")                                                  \
	X(__u16, code, FIELD, "enum sc_code")                                                      \
	X(__u64, start_ns, FIELD, "TIME when the packet started")                                  \
	X(__u64, end_ns, FIELD, "TIME when it completed")                                          \
	X(__u64, cycles, FIELD, "modelled cycles, 0 while timing is off")
struct sc_record {
	SC_RECORD_MEMBERS(SC_MEMBER_)
};

/* Who made the access or raised the fault. */
#define SC_ENGINE_TABLE(X)                                                                         \
	X(HART, 0, "the core's hart")                                                              \
	X(MATRIX, 1, "the core's matrix engine")                                                   \
	X(DMA0, 2, "DMA channel 0")                                                                \
	X(DMA1, 3, "DMA channel 1")                                                                \
	X(DMA2, 4, "DMA channel 2")                                                                \
	X(DMA3, 5, "DMA channel 3")                                                                \
	X(QUEUE, 6, "the queue engine: packet fetch, COPY, FILL, WAIT, write-back")                \
	X(DEVICE, 7, "the device or its driver")
#define SC_ENGINE_ENUM_(name, number, text) SC_ENGINE_##name = number,
enum sc_engine { SC_ENGINE_TABLE(SC_ENGINE_ENUM_) };

#define SC_ACCESS_READ	  0x1 /* sc_fault.access */
#define SC_ACCESS_WRITE	  0x2
#define SC_ACCESS_EXECUTE 0x4
#define SC_NO_CORE	  0xffff
#define SC_NO_QUEUE	  0xffff
#define SC_FAULT_DUMP	  0x1 /* sc_fault.flags: a core dump was written */
#define SC_FAULT_IMPRECISE 0x2 /* pc issued the engine operation; the hart had gone on */

/* Description of a fault; the same 112 bytes in hardware events, uAPI and runtime. */
#define SC_FAULT_MEMBERS(X)                                                                        \
	X(__u16, status, FIELD, "enum sc_status")                                                  \
	X(__u16, code, FIELD, "enum sc_code")                                                      \
	X(__u16, queue, FIELD, "queue number")                                                     \
	X(__u16, context, FIELD, "context number")                                                 \
	X(__u16, core, FIELD, "core, or SC_NO_CORE")                                               \
	X(__u16, engine, FIELD, "enum sc_engine")                                                  \
	X(__u32, flags, FIELD, "SC_FAULT_*")                                                       \
	X(__u64, index, FIELD, "index of the packet")                                              \
	X(__u64, va, FIELD, "address of the access")                                               \
	X(__u64, pc, FIELD, "instruction that faulted or issued the operation")                    \
	X(__u64, pc_other, FIELD, "TCM_RACE: the other side")                                      \
	X(__u64, value, FIELD, "instruction word, gather index, counter: see the code")            \
	X(__u64, time, FIELD, "TIME of the fault")                                                 \
	X(__u64, insns, FIELD, "instructions the workgroup had retired")                           \
	X(__u32, access, FIELD, "SC_ACCESS_*")                                                     \
	X(__u32, size, FIELD, "bytes of the access")                                               \
	X(__u32, wg_x, FIELD, "workgroup")                                                         \
	X(__u32, wg_y, FIELD, "")                                                                  \
	X(__u32, wg_z, FIELD, "")                                                                  \
	X(__u32, tag, FIELD, "tag of the packet")                                                  \
	X(__u32, generation, FIELD, "device GENERATION")                                           \
	X(__u32, epoch, FIELD, "queue EPOCH before the reset that follows")                        \
	X(__u64, rsv0, RSV, "")
struct sc_fault {
	SC_FAULT_MEMBERS(SC_MEMBER_)
};

/* Entry of the event ring. `seq` is the event's index + 1, stored last. */
#define SC_EVENT_FAULT	 1 /* a queue has faulted */
#define SC_EVENT_ABORTED 2 /* a reset has aborted running work; one event per core that ran it */
#define SC_EVENT_HEALTH	 3 /* the card reports on itself: status, code, core, va, value */
struct sc_event {
	__u32 seq;
	__u32 type;
	__u64 rsv;
	struct sc_fault fault;
};

/* One entry of the card's fault log. Record n lies in place n mod SC_HEALTH_RECORDS. */
#define SC_HEALTH_MEMBERS(X)                                                                       \
	X(__u64, number, FIELD, "number of the record + 1, 0: there is none")                      \
	X(__u32, code, FIELD, "enum sc_code")                                                      \
	X(__u32, core, FIELD, "core, or SC_NO_CORE")                                               \
	X(__u64, address, FIELD, "card address, 0 where the code has none")                        \
	X(__u64, value, FIELD, "millidegrees, SC_THROTTLE_*: see the code")                        \
	X(__u64, seconds, FIELD, "LIFETIME_SECONDS of the occurrence")                             \
	X(__u64, power_cycle, FIELD, "POWER_CYCLES of the occurrence")                             \
	X(__u64, rsv0, RSV, "") X(__u64, rsv1, RSV, "")
struct sc_health_record {
	SC_HEALTH_MEMBERS(SC_MEMBER_)
};

/* Core state at a fault, followed by 32 vector registers of VLEN / 8 bytes. */
struct sc_core_dump {
	__u64 pc;
	__u64 insns;
	__u64 fcsr;
	__u64 vtype;
	__u64 vl;
	__u64 vstart;
	__u64 vcsr;
	__u64 rsv;
	__u64 x[32];
	__u64 f[32];
	__s32 counters[16];
};

/* Hash over everything that software and hardware must agree on. */
#define SC_HASH_REG_(name, offset, width, access, when, valid, reset, text) \
	+((offset) + 1ULL) * 0x9e3779b97f4a7c15ULL * ((width) + 16 * SC_ACCESS_##access + 1)
#define SC_HASH_OP_(name, number, flags, who, text) \
	+((number) + 1ULL) * 0xc2b2ae3d27d4eb4fULL * ((flags) + 1)
#define SC_HASH_CODE_(name, number, status, text) \
	+((number) + 1ULL) * 0x165667b19e3779f9ULL * (SC_STATUS_##status + 1)
#define SC_SPEC_HASH                                                                               \
	(0ULL SC_REG_TABLE(SC_HASH_REG_) SC_CONTEXT_TABLE(SC_HASH_REG_)                            \
		 SC_QUEUE_TABLE(SC_HASH_REG_) SC_OP_TABLE(SC_HASH_OP_)                             \
			 SC_CODE_TABLE(SC_HASH_CODE_))

#endif /* SEEDCHIP_HW_H */
