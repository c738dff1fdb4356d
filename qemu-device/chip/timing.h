/* SPDX-License-Identifier: MIT */
/*
 * The timing model as its user sees it: the machine that is modelled, and the
 * report of each packet.
 *
 * Timing is a second pass. With sc_config.timing a workgroup that runs leaves a
 * list of events (timing_record.c); a single-threaded simulation of queues,
 * engines, LLC and memory (timing_sim.c, timing_memory.c) turns the lists of a
 * packet into cycles before the packet retires (timing.c). The invariants: the
 * second pass changes no result; every number is an integer computed from the
 * lists and the machine alone; and of every engine of every core the cycles of
 * all states add up to the cycles of the packet.
 */
#ifndef SC_TIMING_H
#define SC_TIMING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* How the array multiplies. */
#define SC_DATAFLOW_TABLE(X)                                                                       \
	X(TILE, "tile", "tiles of m x n outputs, mac-* multiplications a cycle: the SC1")          \
	X(WS, "ws", "weights stay in an array of array-rows (k) x array-columns (n)")              \
	X(OS, "os", "outputs stay in an array of array-rows (m) x array-columns (n)")
#define SC_DATAFLOW_ENUM_(name, word, text) SC_DATAFLOW_##name,
enum sc_dataflow { SC_DATAFLOW_TABLE(SC_DATAFLOW_ENUM_) SC_DATAFLOW_COUNT };

/*
 * A machine: X(member, key in a file, least, most, default, meaning). The
 * defaults are the virtual card, an eighth of the paper SC1.
 */
#define SC_MACHINE_TABLE(X)                                                                        \
	X(clock_mhz, "clock-mhz", 1, 100000, 1200, "core clock")                                   \
	X(cores, "cores", 1, 64, 8, "compute cores")                                               \
	X(tcm_kib, "tcm-kib", 64, 16384, 1024, "scratchpad of a core, a power of two")             \
	X(vlen, "vlen", 0, 16384, 4096, "bits of a vector register; 0: no vectors")                \
	X(card_mib, "card-mib", 2, 1 << 26, 1024, "card memory")                                   \
	X(dataflow, "dataflow", 0, SC_DATAFLOW_COUNT - 1, SC_DATAFLOW_TILE,                        \
	  "how the matrix engine multiplies: tile, ws or os")                                      \
	X(array_rows, "array-rows", 1, 1024, 64, "ws, os: rows of the array")                      \
	X(array_columns, "array-columns", 1, 1024, 64, "ws, os: columns of the array")             \
	X(mac_i8, "mac-i8", 1, 1 << 20, 4096, "multiplications a cycle of i8, i4 and fp8")         \
	X(mac_f16, "mac-f16", 1, 1 << 20, 2048, "multiplications a cycle of f16 and bf16")         \
	X(mac_f32, "mac-f32", 1, 1 << 20, 256, "multiplications a cycle of f32")                   \
	X(mma_operand, "mma-operand", 1, 65536, 64, "bytes a cycle that it reads of A, and of B")  \
	X(mma_scale, "mma-scale", 1, 65536, 128, "group scales applied a cycle")                   \
	X(mma_latency, "mma-latency", 0, 65536, 64, "cycles from the last step to the result")     \
	X(mma_step, "mma-step", 1, 256, 4, "cycles from one float addition to the next")           \
	X(mma_transpose, "mma-transpose", 0, 65536, 64, "more latency with a transposed operand")  \
	X(move_bytes, "move-bytes", 1, 65536, 128, "accumulator bytes a cycle of ld, st and mul")  \
	X(dma_port, "dma-port", 1, 65536, 128, "bytes a cycle of all DMA channels of a core")      \
	X(dma_latency, "dma-latency", 0, 65536, 960, "cycles to card memory and back")             \
	X(dma_local, "dma-local-latency", 0, 65536, 64, "latency of copies inside a scratchpad")   \
	X(dma_inflight, "dma-inflight", 64, 1 << 30, 131072, "bytes in flight of a core")          \
	X(dma_row, "dma-row", 1, 65536, 4, "cycles that a gathered or scattered row takes")        \
	X(vector_bits, "vector-bits", 32, 65536, 2048, "bits of a vector that a beat takes")       \
	X(vector_exp2, "vector-exp2", 1, 256, 2, "vexp2: beats for one of an addition")            \
	X(vector_divide, "vector-divide", 1, 256, 8, "division and root: the same")                \
	X(vector_permute, "vector-permute", 1, 4096, 16, "elements a beat: indexed, strided")      \
	X(tcm_load, "tcm-load", 1, 256, 3, "cycles of a scalar load from the scratchpad")          \
	X(tcm_bytes, "tcm-bytes", 1, 65536, 512, "scratchpad bytes a cycle for all together")      \
	X(card_load, "card-load", 1, 65536, 960, "cycles of a load of the hart from card memory")  \
	X(dispatch_start, "dispatch-start", 0, 65536, 360, "until its first instruction")          \
	X(dispatch_end, "dispatch-end", 0, 65536, 180, "from the last workgroup to completion")    \
	X(barrier, "barrier", 0, 65536, 300, "from the last arrival to the end of a meet")         \
	X(llc_kib, "llc-kib", 0, 1 << 22, 8192, "last-level cache before card memory; 0: none")    \
	X(llc_gbs, "llc-gbs", 1, 1 << 20, 900, "its 10^9 bytes per second")                        \
	X(dram_gbs, "dram-gbs", 1, 1 << 20, 450, "10^9 bytes per second of card memory")           \
	X(link_gbs, "link-gbs", 1, 1 << 20, 7, "10^9 bytes per second from and to the host")       \
	X(link_latency, "link-latency", 0, 1 << 20, 1440, "cycles to host memory and back")        \
	X(copy_bytes, "copy-bytes", 1, 65536, 128, "bytes a cycle of COPY and FILL")

/** struct sc_machine - parameters by the names of the table; all zero: the defaults */
struct sc_machine {
#define SC_MACHINE_MEMBER_(member, key, least, most, value, text) uint32_t member;
	SC_MACHINE_TABLE(SC_MACHINE_MEMBER_)
};

/** sc_machine_default() - the virtual card. */
void sc_machine_default(struct sc_machine *machine);

/**
 * sc_machine_load() - read a machine from a text file
 * @path: lines of `key = value`; # begins a comment; a key that is absent has its default
 * @machine: filled in
 * @error: on failure: what is wrong, as FILE:LINE: text
 * @size: bytes at @error
 *
 * Return: 0, or a negative errno: that of fopen(), or -EINVAL.
 */
int sc_machine_load(const char *path, struct sc_machine *machine, char *error, size_t size);

/**
 * sc_machine_share() - what a function of a card has of a machine
 * @machine: of the whole card; becomes that of the function
 * @cores: cores of the function
 * @of: cores of the card
 *
 * What cores share in a machine is cut as they are: cache, bandwidths, copy engines. So work in
 * one function takes the same cycles whatever the others do.
 */
void sc_machine_share(struct sc_machine *machine, unsigned int cores, unsigned int of);

/* What an engine does: X(name, key, meaning). The first is work, the last nothing. */
#define SC_TS_TABLE(X)                                                                             \
	X(ACTIVE, "active", "works: executes instructions, multiplies, moves bytes")               \
	X(MOVE, "move", "(matrix) loads, stores or scales accumulators and multiplies nothing")    \
	X(WAIT, "wait", "waits for a counter: `sd.await` of the hart, `sd.hold` of an engine")     \
	X(QUEUE, "queue", "(hart) waits for room in an engine queue")                              \
	X(RESULT, "result", "(matrix) waits for an accumulator that is not ready")                 \
	X(LATENCY, "latency", "has nothing more to begin; what it began is on its way")            \
	X(MEMORY, "memory", "(hart) waits for a load or store of its own beyond the scratchpad")   \
	X(DRAM, "dram", "moves bytes more slowly than its port could: time lost to card memory")   \
	X(LLC, "llc", "the same: time lost to the cache")                                          \
	X(LINK, "link", "the same: time lost to the host link")                                    \
	X(ROWS, "rows", "the same: time lost to short rows of a gather or scatter")                \
	X(TCM, "tcm", "works more slowly than it could: time lost to the scratchpad")              \
	X(BARRIER, "barrier", "(hart) waits for other workgroups in `sd.meet`")                    \
	X(DISPATCH, "dispatch", "is kept by the start or end of the packet")                       \
	X(CLEAR, "clear", "is kept by the clearing of its core for another context")               \
	X(EARLIER, "earlier", "still works for an earlier packet, which this one overlaps")        \
	X(IDLE, "idle", "has nothing to do")
#define SC_TS_ENUM_(name, key, text) SC_TS_##name,
enum sc_ts { SC_TS_TABLE(SC_TS_ENUM_) SC_TS_COUNT };

/* Engines of a core, as rows of a report. */
enum { SC_TE_HART, SC_TE_MATRIX, SC_TE_DMA0, SC_TE_COUNT = SC_TE_DMA0 + 4 };

/* Cycles that one resource alone would take for the packet: X(name, key, meaning). */
#define SC_TL_TABLE(X)                                                                             \
	X(MATRIX, "matrix", "matrix engines")                                                      \
	X(MOVE, "move", "loads and stores of accumulators")                                        \
	X(VECTOR, "vector", "vector arithmetic")                                                   \
	X(ISSUE, "issue", "instructions of the harts")                                             \
	X(PORT, "port", "DMA ports of the cores")                                                  \
	X(LLC, "llc", "last-level cache")                                                          \
	X(DRAM, "dram", "card memory")                                                             \
	X(LINK, "link", "host link")
#define SC_TL_ENUM_(name, key, text) SC_TL_##name,
enum sc_tl { SC_TL_TABLE(SC_TL_ENUM_) SC_TL_COUNT };

/**
 * struct sc_slice - what one engine did from @start to @end
 * @start: cycle of the queue's time
 * @end: cycle
 * @bytes: of a DMA operation or a load, else 0
 * @core: core of the model, counted from 0 in the queue's mask
 * @engine: SC_TE_*
 * @state: enum sc_ts
 */
struct sc_slice {
	uint64_t start;
	uint64_t end;
	uint32_t bytes;
	uint8_t core;
	uint8_t engine;
	uint8_t state;
};

/**
 * struct sc_timing - a packet that took time
 * @queue: queue
 * @tag: of the packet
 * @opcode: SC_OP_*
 * @start: cycle of the queue's time at which its turn came
 * @cycles: from @start to its completion
 * @last: from @start to the end of its last workgroup, or of the copy
 * @workgroups: of a DISPATCH
 * @cores: cores of the queue
 * @insns: instructions
 * @macs: multiplications by width: i8, i4, fp8; f16, bf16; f32
 * @dma_bytes: by DMA engines, or by COPY and FILL
 * @llc_bytes: of those, found in the cache
 * @dram_read: bytes from card memory
 * @dram_write: bytes to card memory
 * @link_bytes: bytes from and to the host
 * @need: cycles by resource, see SC_TL_TABLE
 * @state: cycles by core, engine and state; each row adds up to @cycles
 * @slices: with sc_config.timing_slices
 * @num_slices: how many
 * @lost_slices: of those that did not fit
 */
struct sc_timing {
	unsigned int queue;
	uint32_t tag;
	unsigned int opcode;
	uint64_t start;
	uint64_t cycles;
	uint64_t last;
	uint64_t workgroups;
	unsigned int cores;
	uint64_t insns;
	uint64_t macs[3];
	uint64_t dma_bytes;
	uint64_t llc_bytes;
	uint64_t dram_read;
	uint64_t dram_write;
	uint64_t link_bytes;
	uint64_t need[SC_TL_COUNT];
	uint64_t (*state)[SC_TE_COUNT][SC_TS_COUNT];
	const struct sc_slice *slices;
	size_t num_slices;
	size_t lost_slices;
};

#endif /* SC_TIMING_H */
