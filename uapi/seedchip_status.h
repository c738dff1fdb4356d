/* SPDX-License-Identifier: MIT */
/*
 * SC1 status taxonomy: one set of numbers for hardware, uAPI, runtime strings
 * and documentation.
 *
 * A *status* is what a program reacts to; each has exactly one errno. A *code*
 * names the rule that was broken and belongs to one status. Numbers are never
 * reused; new ones go at the end of their table.
 */
#ifndef SEEDCHIP_STATUS_H
#define SEEDCHIP_STATUS_H

/*
 * X(name, number, errno, meaning)
 *
 * The errno is given without its sign and is only expanded by users that have
 * included an errno header. 0 stands for success.
 */
#define SC_STATUS_TABLE(X)                                                                         \
	X(OK, 0, 0, "completed")                                                                   \
	X(INVALID, 1, EINVAL, "the packet or descriptor is malformed")                             \
	X(DENIED, 2, EACCES, "the packet asks for something this queue may not do")                \
	X(FAULT, 3, EFAULT, "an address is not mapped or not with this permission")                \
	X(TRAP, 4, EIO, "the compute kernel trapped")                                              \
	X(TIMEOUT, 5, ETIME, "a workgroup or job ran past its limit")                              \
	X(ABORTED, 6, ECANCELED, "aborted: this work was reset, or followed work that failed")     \
	X(BYSTANDER, 7, ERESTART, "aborted by a reset that other work caused; submit it again")    \
	X(DEVICE, 8, EREMOTEIO, "the card reports an internal error")                              \
	X(LOST, 9, ENODEV, "the card is gone")

/*
 * X(name, number, status, meaning)
 *
 * The name is what tools print and what documentation is searched for.
 */
#define SC_CODE_TABLE(X)                                                                           \
	X(NONE, 0, OK, "no further detail")                                                        \
	X(RESERVED_BITS, 1, INVALID, "a reserved bit or field is not zero")                        \
	X(BAD_OPCODE, 2, INVALID, "the packet opcode is not defined")                              \
	X(BAD_ARGUMENTS, 3, INVALID, "argument slots missing, of wrong phase or size")             \
	X(BAD_GRID, 4, INVALID, "a grid dimension is above its limit")                             \
	X(BAD_TCM_SIZE, 5, INVALID, "arguments, static, dynamic and stack exceed the scratchpad")  \
	X(BAD_ALIGNMENT, 6, INVALID, "an address or size in a packet is misaligned")               \
	X(BAD_SIZE, 7, INVALID, "a size or count is above its limit or overflows")                 \
	X(RING_CROSSED, 8, INVALID, "a packet with its argument slots crosses the ring's end")     \
	X(COOP_TOO_LARGE, 9, INVALID, "a cooperative grid exceeds the context's core mask")        \
	X(NESTED_INDIRECT, 10, INVALID, "INDIRECT inside a packet list")                           \
	X(BAD_DOORBELL, 11, INVALID, "the doorbell index runs backwards or beyond the ring")       \
	X(PRIVILEGED, 16, DENIED, "the packet is reserved to context 0 or kernel rings")           \
	X(FOREIGN_QUEUE, 17, DENIED, "WAIT_QUEUE names a queue that is not enabled")               \
	X(UNMAPPED, 24, FAULT, "no translation for this address")                                  \
	X(NO_READ, 25, FAULT, "the page is not readable")                                          \
	X(NO_WRITE, 26, FAULT, "the page is not writable")                                         \
	X(NO_EXECUTE, 27, FAULT, "the page is not executable")                                     \
	X(ENGINE_ONLY, 28, FAULT, "the page is reserved to the queue engine")                      \
	X(BAD_PTE, 29, FAULT, "reserved bits, W with X, or an address out of range in a PTE")      \
	X(BUS_ERROR, 30, FAULT, "the host refused the system address")                             \
	X(BAD_ADDRESS, 31, FAULT, "not a canonical 48-bit address, or outside every window")       \
	X(TCM_RANGE, 32, FAULT, "outside the scratchpad")                                          \
	X(STACK_GUARD, 33, FAULT, "access to the guard page below the stack")                      \
	X(TCM_REMOTE, 34, FAULT, "another core's scratchpad outside a cooperative dispatch")       \
	X(ILLEGAL_INSN, 48, TRAP, "illegal instruction")                                           \
	X(MISALIGNED_PC, 49, TRAP, "jump to an address that is not a multiple of 4")               \
	X(MISALIGNED_ATOMIC, 50, TRAP, "atomic access that is not naturally aligned")              \
	X(ATOMIC_SYSTEM, 51, TRAP, "atomic access outside card memory and scratchpad")             \
	X(BREAKPOINT, 52, TRAP, "ebreak: a failed sd_assert, or a breakpoint")                     \
	X(ECALL, 53, TRAP, "ecall: the card offers no services to call")                           \
	X(BAD_CSR, 54, TRAP, "access to a CSR that does not exist or is read-only")                \
	X(BAD_COUNTER, 55, TRAP, "counter number above 15")                                        \
	X(BAD_ENGINE_QUEUE, 56, TRAP, "engine queue or channel number out of range")               \
	X(BAD_TILE, 57, TRAP, "tile descriptor: size, format, layout or group not allowed")        \
	X(TILE_RANGE, 58, TRAP, "tile operand outside the scratchpad")                             \
	X(BAD_DMA, 59, TRAP, "DMA descriptor: kind, reserved field or sides not allowed")          \
	X(DMA_RANGE, 60, TRAP, "DMA scratchpad side outside the scratchpad")                       \
	X(GATHER_RANGE, 61, TRAP, "gather or scatter index at or above the limit")                 \
	X(AWAIT_DEADLOCK, 62, TRAP, "await or hold on a counter that nothing can advance")         \
	X(TCM_RACE, 63, TRAP, "strict: unordered scratchpad accesses overlap")                     \
	X(NOT_COOPERATIVE, 64, TRAP, "arrive or meet outside a cooperative dispatch")              \
	X(ENGINE_DISABLED, 65, TRAP, "the instruction needs a unit this card lacks")               \
	X(WORKGROUP_LIMIT, 80, TIMEOUT, "a workgroup retired more instructions than its limit")    \
	X(JOB_TIMEOUT, 81, TIMEOUT, "no progress, or longer at work than a fence may take")        \
	X(WAIT_TIMEOUT, 82, TIMEOUT, "a WAIT on memory that nobody satisfied")                     \
	X(QUEUE_RESET, 96, ABORTED, "the queue was reset")                                         \
	X(DEPENDENCY, 97, ABORTED, "a queue it waited for failed")                                 \
	X(CONTEXT_RESET, 98, ABORTED, "the context was reset")                                     \
	X(COOP_PEER, 99, ABORTED, "another workgroup of the cooperative dispatch failed")          \
	X(DEVICE_RESET, 112, BYSTANDER, "the device was reset")                                    \
	X(MEMORY_ECC, 128, DEVICE, "uncorrectable memory error")                                   \
	X(INTERNAL, 129, DEVICE, "internal inconsistency")                                         \
	X(ECC_CORRECTED, 130, DEVICE, "memory error, corrected")                                   \
	X(TEMPERATURE, 131, DEVICE, "a temperature has reached its limit")                         \
	X(TEMPERATURE_CRITICAL, 132, DEVICE, "a temperature has reached its critical limit")       \
	X(THROTTLED, 133, DEVICE, "the clock is reduced, or not any more")                         \
	X(CORE_FAILED, 134, DEVICE, "a core has failed; it is not used from the next reset on")    \
	X(REMOVED, 144, LOST, "the card was removed or lost power")

/*
 * Strict rules: what silicon would silently break on and the *driver* alone
 * can cause. X(name, meaning). A ring or a compute kernel can never cause one.
 */
#define SC_STRICT_TABLE(X)                                                                         \
	X(REG_UNKNOWN, "access to a register offset that is not defined")                          \
	X(REG_WIDTH, "access of a width or alignment the register does not have")                  \
	X(REG_READ_ONLY, "write to a read-only register")                                          \
	X(REG_WRITE_ONLY, "read of a write-only register")                                         \
	X(REG_RESERVED_BIT, "reserved register bit written as one")                                \
	X(REG_LOCKED, "write to a register that is locked in the current state")                   \
	X(BAD_COMMAND, "command not defined or not allowed in the current state")                  \
	X(NOT_ENABLED, "queue started before the device or its context was enabled")               \
	X(CONTEXT_BUSY, "context changed or disabled while one of its queues is enabled")          \
	X(BAD_STATE_ADDRESS, "queue state, dump or event address misaligned or unreachable")       \
	X(STALE_TRANSLATION, "page reused or context destroyed with its old translation cached")   \
	X(PAGE_TABLE_RANGE, "page-table root outside card memory or with reserved bits")           \
	X(ACCESS_IN_D3, "register access while the function is in D3hot")                          \
	X(BUS_MASTER_OFF, "work submitted while bus mastering is off")

#define SC_STATUS_ENUM_(name, number, err, text) SC_STATUS_##name = number,
enum sc_status { SC_STATUS_TABLE(SC_STATUS_ENUM_) };

#define SC_CODE_ENUM_(name, number, status, text) SC_CODE_##name = number,
enum sc_code { SC_CODE_TABLE(SC_CODE_ENUM_) };

#define SC_STRICT_ENUM_(name, text) SC_STRICT_##name,
enum sc_strict_rule { SC_STRICT_TABLE(SC_STRICT_ENUM_) SC_STRICT_COUNT };

#endif /* SEEDCHIP_STATUS_H */
