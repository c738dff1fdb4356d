/* SPDX-License-Identifier: MIT */
/*
 * libseedchip: run compute kernels on an SC1 card.
 *
 * Conventions of this header, unless a function says otherwise:
 *
 * - A function that returns int returns 0 or a negative errno; seedchip_error()
 *   then says in words what was wrong. Outputs are written only on success.
 * - Sizes and offsets are bytes. Addresses of type uint64_t are addresses of the
 *   device's address space: kernels, copies and fills use them. Times are
 *   nanoseconds.
 * - What a ..._create(), _open(), _load() or _reserve() returns belongs to the
 *   caller, until the matching call gives it back. Destroying NULL does nothing.
 * - A queue, a range, a graph and a pool belong to one thread at a time. Everything
 *   else may be called from any thread, on the same object too.
 * - Structures that grow start with their size: set `.size = sizeof(x)`. What an
 *   older program does not know is treated as zero.
 *
 * The shortest program is runtime/examples/hello.c.
 */
#ifndef SEEDCHIP_H
#define SEEDCHIP_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define SEEDCHIP_VERSION_MAJOR 0
#define SEEDCHIP_VERSION_MINOR 1

struct seedchip_device;
struct seedchip_buffer;
struct seedchip_range;
struct seedchip_module;
struct seedchip_kernel;
struct seedchip_queue;

/**
 * struct seedchip_event - a moment in the life of a queue
 * @queue: where the work was put; a device's mappings have a hidden queue of their own
 * @point: everything up to this point has completed
 *
 * A plain value: copy it, forget it, wait for it any number of times and from
 * any thread. It means something as long as its queue exists.
 */
struct seedchip_event {
	struct seedchip_queue *queue;
	uint64_t point;
};

/* ---- errors and messages ---- */

/**
 * seedchip_error() - what was wrong with the last failed call of this thread
 *
 * Return: one line of text, valid until the thread's next call that fails;
 * empty if none has failed.
 */
const char *seedchip_error(void);

/**
 * seedchip_status_name() - name of a status, as "TRAP"
 * @status: seedchip_fault.status
 *
 * Return: a constant; "UNKNOWN" for a number that this library does not know.
 */
const char *seedchip_status_name(unsigned int status);

/**
 * seedchip_status_text() - meaning of a status in one sentence
 * @status: as for seedchip_status_name()
 *
 * Return: as seedchip_status_name().
 */
const char *seedchip_status_text(unsigned int status);

/**
 * seedchip_status_errno() - the errno of a status
 * @status: as for seedchip_status_name()
 *
 * Return: 0 for OK, the negative errno of a failure; -EIO for an unknown number.
 */
int seedchip_status_errno(unsigned int status);

/**
 * seedchip_code_name() - name of a code, as "ILLEGAL_INSN"
 * @code: seedchip_fault.code
 *
 * Return: as seedchip_status_name().
 */
const char *seedchip_code_name(unsigned int code);

/**
 * seedchip_code_text() - meaning of a code in one sentence
 * @code: seedchip_fault.code
 *
 * Return: as seedchip_status_name().
 */
const char *seedchip_code_text(unsigned int code);

/**
 * enum seedchip_log_level - kinds of messages
 * @SEEDCHIP_LOG_ERROR: the card or a compute kernel has failed
 * @SEEDCHIP_LOG_WARNING: something is wrong, but work goes on
 * @SEEDCHIP_LOG_INFO: devices opened, modules loaded
 * @SEEDCHIP_LOG_DEBUG: every failed call with its reason
 * @SEEDCHIP_LOG_KERNEL: text that a compute kernel printed; not filtered
 */
enum seedchip_log_level {
	SEEDCHIP_LOG_ERROR = 0,
	SEEDCHIP_LOG_WARNING = 1,
	SEEDCHIP_LOG_INFO = 2,
	SEEDCHIP_LOG_DEBUG = 3,
	SEEDCHIP_LOG_KERNEL = 16,
};

/**
 * typedef seedchip_log_fn - receives messages
 * @opaque: what was given to seedchip_log_set()
 * @level: kind of message
 * @text: one line, without its end; of a compute kernel, what it printed as it is
 *
 * Called from any thread; must not call the library.
 */
typedef void (*seedchip_log_fn)(void *opaque, enum seedchip_log_level level, const char *text);

/**
 * seedchip_log_set() - send messages elsewhere
 * @fn: receiver, or NULL for the default
 * @opaque: passed to @fn
 *
 * By default what kernels print goes to standard output as it is, and all else
 * to standard error, a line per message. The environment variable SEEDCHIP_LOG
 * (error, warning, info or debug; default warning) sets which levels are sent.
 */
void seedchip_log_set(seedchip_log_fn fn, void *opaque);

/* ---- device ---- */

/**
 * seedchip_device_count() - number of cards that this process may use
 *
 * Cards, and virtual functions of cards, are numbered in the order of their PCI
 * addresses. SEEDCHIP_VISIBLE_DEVICES, a comma-separated list of such numbers or
 * of PCI addresses (0000:01:00.0), selects and reorders them; what it does not
 * name does not exist, and the list ends at the first entry that names nothing.
 *
 * SEEDCHIP_DEVICE=sim[:OPTION=VALUE,...] in the environment replaces real cards
 * by simulated ones, which run inside the process: no driver and no root. Then,
 * and only then, nothing else is found. Options: cards (1), cores (8), vram
 * (1G), bar (all of it), tcm (1M), vlen (4096), strict (0), threads (host
 * processors), timing (0; 1: work out cycles), trace (a file for them), config
 * (a file that describes the machine; gives defaults for cores, vram, tcm and
 * vlen too). Each open of a simulated card is a card of its own.
 *
 * Return: the number; -EINVAL: SEEDCHIP_DEVICE is not understood.
 */
int seedchip_device_count(void);

/**
 * seedchip_device_open() - open a card
 * @index: 0 to seedchip_device_count() - 1
 * @dev: the device
 *
 * Every open device has an address space of its own. To a child made by fork()
 * it is lost: calls fail as for a card that is gone, whatever the child does the
 * parent does not notice, and the child can open the card itself.
 *
 * Return: 0; -ENODEV: there is no such card; -EACCES: no permission for its
 * device file; -EPROTO: driver and library do not fit.
 */
int seedchip_device_open(unsigned int index, struct seedchip_device **dev);

/**
 * seedchip_device_close() - close a card
 * @dev: the card, or NULL
 *
 * Queues, buffers, ranges and modules must have been destroyed before.
 */
void seedchip_device_close(struct seedchip_device *dev);

/**
 * struct seedchip_device_info - what a card is
 * @size: in: sizeof(struct seedchip_device_info)
 * @num_cores: compute cores
 * @vlen: bits of a vector register, 0: no vectors
 * @isa: what the harts execute, SC_ISA_* of seedchip_isa.h
 * @core_mask: bit n: core n is usable
 * @card_size: bytes of card memory
 * @card_visible_size: bytes of it that the CPU can map
 * @tcm_size: bytes of scratchpad of a core
 * @page_size: granularity of buffers and ranges
 * @huge_size: ranges that are aligned to this are translated faster
 * @max_queues: queues that one open device may have
 * @max_ring: slots of the largest ring
 * @clock_khz: core clock of the timing model
 * @generation: resets of the card so far
 * @serial: unique per card
 * @address: PCI address, as "0000:01:00.0"
 * @isa_string: @isa as clang's -march takes it, without vendor extensions
 */
struct seedchip_device_info {
	size_t size;
	uint32_t num_cores;
	uint32_t vlen;
	uint64_t isa;
	uint64_t core_mask;
	uint64_t card_size;
	uint64_t card_visible_size;
	uint32_t tcm_size;
	uint32_t page_size;
	uint64_t huge_size;
	uint32_t max_queues;
	uint32_t max_ring;
	uint32_t clock_khz;
	uint32_t generation;
	uint64_t serial;
	char address[32];
	char isa_string[128];
};

/**
 * seedchip_device_info() - describe a card
 * @dev: the card
 * @info: its size must be set
 *
 * Return: 0 or -EINVAL.
 */
int seedchip_device_info(struct seedchip_device *dev, struct seedchip_device_info *info);

/* ---- buffer ---- */

/**
 * enum seedchip_buffer_flags - placement of a buffer: CARD, CARD | CPU or SYSTEM
 * @SEEDCHIP_CARD: card memory
 * @SEEDCHIP_SYSTEM: memory of the host, which kernels reach over the bus
 * @SEEDCHIP_CPU: with CARD: in the part of card memory that the CPU can map
 * @SEEDCHIP_READ_ONLY: kernels and copies may read but not write it
 */
enum seedchip_buffer_flags {
	SEEDCHIP_CARD = 0x1,
	SEEDCHIP_SYSTEM = 0x2,
	SEEDCHIP_CPU = 0x4,
	SEEDCHIP_READ_ONLY = 0x8,
};

/**
 * seedchip_buffer_create() - allocate memory for kernels
 * @dev: device
 * @size: bytes, not 0
 * @flags: enum seedchip_buffer_flags
 * @buf: the buffer
 *
 * New memory reads zero. The buffer gets an address that it keeps, aligned to
 * the page size (to huge_size, if it is as large) and followed by at least one
 * unmapped page, so that running off its end is a fault.
 *
 * Return: 0; -ENOSPC: card memory, or the part that the CPU can map, is used
 * up, by destroyed buffers too as long as work uses them; -EINVAL; -ENOMEM.
 */
int seedchip_buffer_create(struct seedchip_device *dev, uint64_t size, uint32_t flags,
			   struct seedchip_buffer **buf);

/**
 * seedchip_buffer_wrap() - let kernels use memory that the process has already
 * @dev: device
 * @memory: first byte
 * @size: bytes; both are multiples of the page size
 * @flags: 0 or SEEDCHIP_READ_ONLY, which memory needs that the process itself cannot write
 * @buf: the buffer; seedchip_buffer_map() returns @memory
 *
 * The pages that are there now stay in place, and count against RLIMIT_MEMLOCK,
 * until the buffer is gone. Do not give the memory back earlier: the buffer would
 * go on using the old pages. Unlike a buffer that was created, it cannot be exported.
 *
 * Return: 0; -EINVAL: misaligned; -EFAULT: not all of it is ordinary memory with
 * the access that @flags asks for; -ENOMEM: also beyond RLIMIT_MEMLOCK; -ENOSPC.
 */
int seedchip_buffer_wrap(struct seedchip_device *dev, void *memory, size_t size, uint32_t flags,
			 struct seedchip_buffer **buf);

/**
 * seedchip_buffer_export_dmabuf() - share a buffer with other devices, drivers or processes
 * @buf: buffer
 * @fd: a dma-buf, close-on-exec; it keeps the memory, not the buffer
 *
 * Card memory can be imported through the same card, and if it is SEEDCHIP_CPU, by
 * devices that reach it peer-to-peer (docs/uapi.md, "Sharing"). Nothing is ordered
 * implicitly: wait for an event before somebody else uses what work has written.
 *
 * Return: 0; -EOPNOTSUPP: a wrapped buffer, or the simulator; -EMFILE; -ENODEV.
 */
int seedchip_buffer_export_dmabuf(struct seedchip_buffer *buf, int *fd);

/**
 * seedchip_buffer_import_dmabuf() - let kernels use a dma-buf
 * @dev: device
 * @fd: dma-buf of any driver; not needed after the call
 * @flags: 0 or SEEDCHIP_READ_ONLY
 * @buf: the buffer, at an address of its own even if the memory has others
 *
 * Return: 0; -EOPNOTSUPP: card memory that this card cannot reach, or the simulator; -EINVAL:
 * no dma-buf; -EBADF; -ENOSPC; -ENOMEM.
 */
int seedchip_buffer_import_dmabuf(struct seedchip_device *dev, int fd, uint32_t flags,
				  struct seedchip_buffer **buf);

/**
 * seedchip_buffer_destroy() - give a buffer back
 * @buf: the buffer, or NULL
 *
 * Does not wait. Mappings of it by seedchip_buffer_map() end at once. The card
 * may use it until all work that was queued on any queue before this call,
 * submitted or not, has completed; the library releases the memory in one of
 * its later calls that create, destroy or wait.
 */
void seedchip_buffer_destroy(struct seedchip_buffer *buf);

/**
 * seedchip_buffer_address() - where a buffer is
 * @buf: the buffer
 *
 * Return: its address on the device; it does not change.
 */
uint64_t seedchip_buffer_address(const struct seedchip_buffer *buf);

/**
 * seedchip_buffer_size() - the size of a buffer
 * @buf: the buffer
 *
 * Return: what was asked for, rounded up to the page size.
 */
uint64_t seedchip_buffer_size(const struct seedchip_buffer *buf);

/**
 * seedchip_buffer_map() - let the CPU use a buffer
 * @buf: buffer with SYSTEM or CPU
 * @ptr: the whole buffer; the same pointer for every call
 *
 * Stays mapped until the buffer is destroyed. What the CPU writes before it
 * submits work, the work sees; what work writes, the CPU sees after it has
 * waited for that work. Card memory is mapped write-combined: write it in order,
 * and do not read much of it.
 *
 * Return: 0; -EACCES: the CPU cannot map this buffer; -ENOMEM.
 */
int seedchip_buffer_map(struct seedchip_buffer *buf, void **ptr);

/**
 * seedchip_buffer_set_name() - name a buffer for fault records
 * @buf: the buffer
 * @name: copied, cut to 31 characters; NULL: none
 */
void seedchip_buffer_set_name(struct seedchip_buffer *buf, const char *name);

/* ---- range: addresses now, memory later ---- */

/**
 * seedchip_range_reserve() - reserve addresses
 * @dev: device
 * @size: bytes, a multiple of the page size
 * @range: the range, with nothing mapped in it
 *
 * Return: 0, -EINVAL, -ENOSPC if the address space is used up, or -ENOMEM.
 */
int seedchip_range_reserve(struct seedchip_device *dev, uint64_t size,
			   struct seedchip_range **range);

/**
 * seedchip_range_destroy() - unmap a range and give its addresses back
 * @range: the range, or NULL
 *
 * As seedchip_buffer_destroy().
 */
void seedchip_range_destroy(struct seedchip_range *range);

/**
 * seedchip_range_address() - where a range is
 * @range: the range
 *
 * Return: its first address on the device.
 */
uint64_t seedchip_range_address(const struct seedchip_range *range);

/**
 * seedchip_range_map() - put memory behind addresses of a range
 * @range: range
 * @offset: bytes into the range
 * @buf: buffer of the same device, which keeps its own address too and must be
 *	 destroyed later than this mapping
 * @buf_offset: bytes into the buffer
 * @size: bytes; all three are multiples of the page size
 * @after: NULL, or work that has to be over first; should it fail after this call, the mapping
 *	   is made all the same
 * @mapped: NULL, or the event of the mapping
 *
 * Replaces what was mapped there. With both @after and @mapped NULL the mapping
 * is in effect on return. Otherwise the call does not wait: put a
 * seedchip_queue_wait() for @mapped before the work that needs it.
 *
 * Return: 0; -EINVAL: misaligned, or outside the range or buffer; -EIO: the work
 * of @after has failed; -ENOMEM.
 */
int seedchip_range_map(struct seedchip_range *range, uint64_t offset, struct seedchip_buffer *buf,
		       uint64_t buf_offset, uint64_t size, const struct seedchip_event *after,
		       struct seedchip_event *mapped);

/**
 * seedchip_range_unmap() - remove mappings
 * @range: the range
 * @offset: where in the range; a multiple of the page size
 * @size: bytes; a multiple of the page size
 * @after: as for seedchip_range_map()
 * @unmapped: as for seedchip_range_map()
 *
 * Return: as seedchip_range_map().
 */
int seedchip_range_unmap(struct seedchip_range *range, uint64_t offset, uint64_t size,
			 const struct seedchip_event *after, struct seedchip_event *unmapped);

/* ---- module and kernel ---- */

/**
 * seedchip_module_load() - load a module that seedchip-cc built
 * @dev: device
 * @image: the ELF file in memory; not needed after the call
 * @size: its bytes
 * @name: for messages; NULL: "module"
 * @mod: the module
 *
 * Everything is checked before anything is loaded.
 *
 * Return: 0, or:
 * -ENOEXEC: not an ELF file;
 * -ENODATA: truncated: something lies beyond the end of the file;
 * -EMEDIUMTYPE: an ELF file for another machine, class, type or float ABI;
 * -ELIBBAD: segments overlap or are misaligned, or a table is malformed;
 * -EACCES: a segment is writable and executable, or a relocation is not in a writable one;
 * -ELIBACC: a relocation other than R_RISCV_RELATIVE: something was not linked in;
 * -EBADMSG: the SeedChip note is missing or malformed;
 * -EPROTONOSUPPORT: built for another version of the kernel ABI;
 * -EOPNOTSUPP: needs instructions that this card lacks;
 * -ELIBSCN: static scratchpad variables with initial values;
 * -E2BIG: static scratchpad and stack exceed the scratchpad;
 * -ENOSPC, -ENOMEM.
 */
int seedchip_module_load(struct seedchip_device *dev, const void *image, size_t size,
			 const char *name, struct seedchip_module **mod);

/**
 * seedchip_module_load_file() - load a module from a file
 * @dev: the card
 * @path: the file
 * @mod: the module
 *
 * Return: as seedchip_module_load(); also the errnos of open().
 */
int seedchip_module_load_file(struct seedchip_device *dev, const char *path,
			      struct seedchip_module **mod);

/**
 * seedchip_module_unload() - unload a module and its kernels
 * @mod: the module, or NULL
 *
 * As seedchip_buffer_destroy().
 */
void seedchip_module_unload(struct seedchip_module *mod);

/**
 * seedchip_module_kernel() - find a kernel by name
 * @mod: the module
 * @name: of the function
 * @kernel: belongs to the module
 *
 * Return: 0 or -ENOENT.
 */
int seedchip_module_kernel(struct seedchip_module *mod, const char *name,
			   struct seedchip_kernel **kernel);

/**
 * struct seedchip_kernel_info - what a kernel is
 * @size: in: sizeof(struct seedchip_kernel_info)
 * @args_size: bytes of its argument structure
 * @tcm_static: bytes of static scratchpad
 * @tcm_dynamic_max: bytes of dynamic scratchpad that a launch may ask for
 * @stack_size: bytes of stack
 * @address: of its first instruction
 * @name: its name
 */
struct seedchip_kernel_info {
	size_t size;
	uint32_t args_size;
	uint32_t tcm_static;
	uint32_t tcm_dynamic_max;
	uint32_t stack_size;
	uint64_t address;
	char name[64];
};

/**
 * seedchip_kernel_info() - describe a kernel
 * @kernel: the kernel
 * @info: its size must be set
 *
 * Return: 0 or -EINVAL.
 */
int seedchip_kernel_info(const struct seedchip_kernel *kernel, struct seedchip_kernel_info *info);

/* ---- queue ---- */

/**
 * struct seedchip_queue_desc - how to create a queue; zero-filled members take the default
 * @size: sizeof(struct seedchip_queue_desc)
 * @priority: 0 (idle) to 3 (realtime, needs CAP_SYS_NICE); default 1
 * @flags: enum seedchip_queue_flags
 * @ring_slots: slots of the ring, rounded up to a power of two, at least 128; default 1024
 * @timeout_ms: a job without progress for so long has failed; default of the driver
 * @core_mask: cores to use; default all
 * @wg_limit: instructions that a workgroup may retire; default of the driver
 * @log_size: bytes of log between two calls that print it; default 64 KiB
 * @wait_spin_us: microseconds that seedchip_event_wait() looks again and again before it sleeps, at
 *	most 1000000, or SEEDCHIP_NO_SPIN; default: what has paid off lately, at most 50
 * @irq_count: packets past the one that is waited for, for which its interrupt may be held back
 *	while the queue has more to do; at most 65535. A launch is a packet, and one more for each
 *	56 bytes of arguments
 * @irq_ns: nanoseconds for which it may be at most, up to 1000000; both are 0 or neither
 */
struct seedchip_queue_desc {
	size_t size;
	uint32_t priority;
	uint32_t flags;
	uint32_t ring_slots;
	uint32_t timeout_ms;
	uint64_t core_mask;
	uint64_t wg_limit;
	uint32_t log_size;
	uint32_t wait_spin_us;
	uint32_t irq_count;
	uint32_t irq_ns;
};

#define SEEDCHIP_NO_SPIN UINT32_MAX

/**
 * enum seedchip_queue_flags - seedchip_queue_desc.flags
 * @SEEDCHIP_QUEUE_IDLE: priority 0 is meant
 * @SEEDCHIP_QUEUE_USER: user-mode: work is given to the card without a system call, by a store
 *	to a doorbell page of the process. All calls work as on other queues.
 */
enum seedchip_queue_flags {
	SEEDCHIP_QUEUE_IDLE = 0x1,
	SEEDCHIP_QUEUE_USER = 0x2,
};

/**
 * seedchip_queue_create() - create a queue
 * @dev: device
 * @desc: description, or NULL for the defaults
 * @queue: the queue
 *
 * Work of one queue is done in order; queues are not ordered among each other.
 *
 * Return: 0; -EINVAL; -EACCES: the priority needs a privilege; -EMFILE: this
 * device has its limit of queues; -EDQUOT: this user has; -ENOSPC: the card has
 * no queue or no context left; -ENOMEM.
 */
int seedchip_queue_create(struct seedchip_device *dev, const struct seedchip_queue_desc *desc,
			  struct seedchip_queue **queue);

/**
 * seedchip_queue_destroy() - abort what a queue still does and destroy it and its events
 * @queue: the queue, or NULL
 */
void seedchip_queue_destroy(struct seedchip_queue *queue);

#include "seedchip/launch.h"

/**
 * seedchip_queue_flush() - give staged work to the card
 * @queue: the queue
 *
 * Return: as seedchip_launch().
 */
int seedchip_queue_flush(struct seedchip_queue *queue);

/**
 * seedchip_queue_mark() - give staged work to the card and name the moment when
 * all that was queued so far has completed
 * @queue: the queue
 *
 * Never fails: if the work could not be given to the card because the queue has
 * failed, waiting for the event says so. May wait for room in the driver.
 */
struct seedchip_event seedchip_queue_mark(struct seedchip_queue *queue);

/**
 * seedchip_queue_wait() - let the queue wait for an event
 * @queue: queue
 * @event: event of any queue of any open device of this process
 *
 * What is queued from now on starts after the event; the CPU does not wait. If
 * the event's work fails, the work that waits for it fails too, as ABORTED.
 *
 * Return: 0; -EIO: the event's work has failed already, or this queue has; as
 * seedchip_launch().
 */
int seedchip_queue_wait(struct seedchip_queue *queue, struct seedchip_event event);

/* ---- event ---- */

/**
 * seedchip_event_wait() - wait until work has completed
 * @event: event
 * @timeout_ns: 0: only look; negative: wait without limit
 *
 * Prints what kernels of the queue have logged.
 *
 * Return: 0: completed; -ETIMEDOUT: still running, which this call does not
 * change; -EIO: failed, see seedchip_event_fault(); -ESTALE: the queue has been
 * recovered 16 times since and no longer knows.
 */
int seedchip_event_wait(struct seedchip_event event, int64_t timeout_ns);

/**
 * struct seedchip_fault - why work failed
 * @size: in: sizeof(struct seedchip_fault)
 * @status: enum sc_status; seedchip_status_name()
 * @code: enum sc_code; seedchip_code_name()
 * @queue: number of the queue on the card
 * @core: core, -1: none
 * @engine: enum sc_engine: who made the access
 * @access: 1 read, 2 write, 4 execute; 0: not an access
 * @access_size: bytes of the access
 * @address: of the access
 * @pc: address of the instruction that failed or issued the operation
 * @pc_other: of the other side of a race, else 0
 * @value: instruction word, index or counter: see the code
 * @imprecise: 1: the core had gone on since @pc
 * @wg: workgroup
 * @tag: seedchip_dim.tag
 * @index: packet of the ring, UINT64_MAX: not known
 * @insns: instructions that the workgroup had retired
 * @time_ns: TIME of the card
 * @function: function of @pc, empty: not known
 * @function_offset: bytes from its start to @pc
 * @module: name of the module of @pc, empty: not known
 * @module_offset: address of @pc in the ELF file, for addr2line
 * @buffer: name of the buffer that holds @address or ends at most a page before it; empty:
 *	    none. "buffer" if it has no name, "range" for a range.
 * @buffer_offset: bytes from its start
 * @buffer_size: bytes of the buffer; beyond it if not below @buffer_offset
 * @has_registers: 1: @x is valid
 * @lost: seedchip_fault_read(): later failures that were dropped, because nobody read in time
 * @x: integer registers of the hart
 * @text: all of it in one line
 * @node: node of the graph, -1: not in a graph (or the graph has been destroyed)
 */
struct seedchip_fault {
	size_t size;
	uint32_t status;
	uint32_t code;
	uint32_t queue;
	int32_t core;
	uint32_t engine;
	uint32_t access;
	uint32_t access_size;
	uint32_t imprecise;
	uint64_t address;
	uint64_t pc;
	uint64_t pc_other;
	uint64_t value;
	uint32_t wg[3];
	uint32_t tag;
	uint64_t index;
	uint64_t insns;
	uint64_t time_ns;
	char function[64];
	uint64_t function_offset;
	char module[64];
	uint64_t module_offset;
	char buffer[64];
	uint64_t buffer_offset;
	uint64_t buffer_size;
	uint32_t has_registers;
	uint32_t lost;
	uint64_t x[32];
	char text[512];
	int64_t node;
};

/**
 * seedchip_event_fault() - why the work of an event failed
 * @event: event for which seedchip_event_wait() returned -EIO
 * @fault: filled in; @fault->size must be set
 *
 * All events that failed together share the record of what failed first.
 *
 * Return: 0; -ENODATA: the event has not failed; -ESTALE; -EINVAL.
 */
int seedchip_event_fault(struct seedchip_event event, struct seedchip_fault *fault);

/**
 * seedchip_fault_read() - the next failure of any queue of a device
 * @dev: device
 * @fault: filled in, without registers; @fault->size must be set
 * @timeout_ns: 0: only look; negative: wait without limit
 *
 * For a thread that watches over all queues: each time that a queue fails is
 * reported once, to one caller, in the order of the failures. 32 are kept;
 * @fault->lost tells of more. seedchip_event_wait() and seedchip_event_fault()
 * do not depend on it.
 *
 * Return: 0; -ETIMEDOUT: none so far; -ENODEV: none, and the card is gone.
 */
int seedchip_fault_read(struct seedchip_device *dev, struct seedchip_fault *fault,
			int64_t timeout_ns);

/**
 * seedchip_fault_fd() - a file descriptor for poll()
 * @dev: device
 *
 * Readable while seedchip_fault_read() would return at once; for event loops.
 * It belongs to the library: do not read from it, nor close it.
 *
 * Return: the descriptor.
 */
int seedchip_fault_fd(struct seedchip_device *dev);

/**
 * seedchip_queue_recover() - make a queue usable again after a failure
 * @queue: the queue
 *
 * What was queued and has not completed is dropped; its events keep failing.
 * Nothing happens if the queue has not failed.
 *
 * Return: 0; -ENODEV: the card is gone.
 */
int seedchip_queue_recover(struct seedchip_queue *queue);

/**
 * struct seedchip_queue_stats - counters of a queue since its creation
 * @size: in: sizeof(struct seedchip_queue_stats)
 * @packets: packets completed
 * @workgroups: workgroups completed
 * @insns: instructions retired
 * @macs: multiply-accumulates of the matrix engines
 * @dma_bytes: bytes moved by the cores' DMA engines
 * @copy_bytes: bytes moved by copies and fills
 * @busy_ns: core time used, summed over the cores
 * @wait_ns: time spent waiting for events
 * @cycles: modelled cycles, 0: timing is off
 * @doorbells: doorbells
 * @faults: failures
 */
struct seedchip_queue_stats {
	size_t size;
	uint64_t packets;
	uint64_t workgroups;
	uint64_t insns;
	uint64_t macs;
	uint64_t dma_bytes;
	uint64_t copy_bytes;
	uint64_t busy_ns;
	uint64_t wait_ns;
	uint64_t cycles;
	uint64_t doorbells;
	uint64_t faults;
};

/**
 * seedchip_queue_stats() - read the counters of a queue; costs no system call
 * @queue: the queue
 * @stats: its size must be set
 *
 * Return: 0 or -EINVAL.
 */
int seedchip_queue_stats(struct seedchip_queue *queue, struct seedchip_queue_stats *stats);

#ifdef __cplusplus
}
#endif

#endif /* SEEDCHIP_H */
