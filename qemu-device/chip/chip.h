/* SPDX-License-Identifier: MIT */
/*
 * The SC1 chip model as its user sees it: a QEMU device, the runtime's
 * simulator back end, or a unit test.
 *
 * The model is plain C and knows nothing of QEMU. It is reentrant per chip:
 * any number of chips live in one process, and every function below may be
 * called from any thread unless it says otherwise. The host is reached through
 * struct sc_host alone. Compute, COPY and FILL never run in the caller of a
 * register or doorbell access: worker threads do the work, or, with
 * `threads = 0`, sc_chip_run().
 */
#ifndef SC_CHIP_H
#define SC_CHIP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "seedchip_hw.h"
#include "timing.h"

struct sc_chip;

/**
 * struct sc_config - what to build; zero-filled members take the default
 * @cores: compute cores, 1 to 64 (8)
 * @tcm_size: bytes of scratchpad per core, a power of two (1 MiB)
 * @card_size: bytes of card memory, a multiple of 2 MiB (1 GiB)
 * @card_visible_size: bytes of it that the card BAR shows (@card_size)
 * @queues: queues, at most SC_MAX_QUEUES (256)
 * @slots: queues that run at the same time (16)
 * @contexts: at most SC_MAX_CONTEXTS (64)
 * @vectors: MSI-X vectors, at most SC_MAX_VECTORS (16)
 * @threads: worker threads (host processors, at most @cores); see @sync
 * @vlen: vector register bits, a power of two from 128 to 16384; 0: no vectors
 * @timeout_scale: TIMEOUT_SCALE register (1)
 * @serial: SERIAL register; 0: as in the NVRAM
 * @function: FUNCTION register; a virtual function has no telemetry of its own
 * @card_cores: cores of all functions of the card, which its telemetry is of (@cores)
 * @nvram: what sc_host.nvram was last given, sc_nvram_size() bytes; NULL: a new card
 * @strict: strict checks, late application of engine effects, race reports
 * @sync: no worker threads; all work is done by sc_chip_run()
 * @test: offer SC_FEATURE_TEST
 * @timing: work out modelled cycles
 * @timing_slices: with them what every engine did when, for a trace
 * @machine: what is modelled (sc_machine_default()); of its cores, tcm_kib, vlen and card_mib
 *	     the members above decide
 */
struct sc_config {
	unsigned int cores;
	uint32_t tcm_size;
	uint64_t card_size;
	uint64_t card_visible_size;
	unsigned int queues;
	unsigned int slots;
	unsigned int contexts;
	unsigned int vectors;
	unsigned int threads;
	unsigned int vlen;
	unsigned int timeout_scale;
	uint64_t serial;
	unsigned int function;
	unsigned int card_cores;
	const void *nvram;
	bool strict;
	bool sync;
	bool test;
	bool timing;
	bool timing_slices;
	struct sc_machine machine;
};

/**
 * struct sc_host - what the chip needs from its surroundings
 * @dma: read or write system memory; 0, or -EIO if the host refuses an
 *	 address. An aligned access of 8 bytes or less is one single store or load.
 *	 May be called from worker threads; never from a register access.
 * @irq: pulse an MSI-X vector. From any thread; must not call into the chip.
 * @time_ns: the TIME register's source, monotonic.
 * @icount: the guest's instruction counter (GUEST_ICOUNT); may be NULL.
 * @strict: a strict rule was broken; @text names register, queue or page.
 *	    Must not call into the chip.
 * @kick: with sc_config.sync: work is pending, call sc_chip_run() soon.
 *	  NULL without sync. Must not call sc_chip_run() itself.
 * @timer: call sc_chip_timer() soon. Must not do so itself. NULL: interrupts are never held back.
 * @nvram: the card's NVRAM has changed and is to be kept; may be NULL. Called
 *	   with the chip's lock held, see @trace.
 * @trace: one line per doorbell, packet, fence, interrupt, fault and reset;
 *	   may be NULL, then tracing costs nothing. Like @time_ns and @icount it
 *	   is called with the chip's lock held: it must neither call into the
 *	   chip nor wait for one who does.
 * @running: cores at work in the card's other functions. Called with the chip's lock held, from
 *	     accesses to registers and sc_chip_inject(); must not call into this chip. May be NULL.
 * @timing: with sc_config.timing: a DISPATCH, COPY or FILL is about to retire. From a worker,
 *	    in ring order for each queue; must not call into the chip. May be NULL.
 */
struct sc_host {
	int (*dma)(void *opaque, uint64_t addr, void *buf, size_t len, bool write);
	void (*irq)(void *opaque, unsigned int vector);
	uint64_t (*time_ns)(void *opaque);
	uint64_t (*icount)(void *opaque);
	void (*strict)(void *opaque, enum sc_strict_rule rule, const char *text);
	void (*kick)(void *opaque);
	void (*timer)(void *opaque);
	void (*nvram)(void *opaque, const void *image, size_t size);
	void (*trace)(void *opaque, const char *event, const char *text);
	unsigned int (*running)(void *opaque);
	void (*timing)(void *opaque, const struct sc_timing *timing);
};

/*
 * What can go wrong on demand: X(name, property, value, meaning). The property
 * is the virtual card's; those up to CORE_FAILURE are the whole card's, a
 * virtual function refuses them.
 */
#define SC_INJECT_TABLE(X)                                                                         \
	X(TEMPERATURE, "inject-temperature", "millidegrees, 0: as the load is",                    \
	  "die temperature, to 150000")                                                            \
	X(TEMPERATURE_MEMORY, "inject-temperature-memory", "millidegrees, 0: the usual",           \
	  "memory temperature, to 150000")                                                         \
	X(THROTTLE, "inject-throttle", "2: power, 4: external, 0: none",                           \
	  "the clock is reduced for this reason until another value is set")                       \
	X(ECC_CORRECTED, "inject-ecc-corrected", "card address",                                   \
	  "a memory error that is corrected: counted, logged, reported")                           \
	X(ECC_UNCORRECTED, "inject-ecc-uncorrected", "card address",                               \
	  "one that is not: also, the page is retired and reads of it fail until power is lost")   \
	X(CORE_FAILURE, "inject-core-failure", "core",                                             \
	  "the core is disabled for good, from the next reset of the card on")                     \
	X(WRITEBACK_TORN, "inject-writeback-torn", "queue",                                        \
	  "its next write-back stores `retired` as two halves, the low one first")                 \
	X(WRITEBACK_LATE, "inject-writeback-late", "queue",                                        \
	  "its next interrupt comes before the write-back, which waits for the next "              \
	  "one or for a read of PROGRESS")                                                         \
	X(STUCK_QUEUE, "inject-stuck-queue", "queue", "it starts and retires nothing until RESET") \
	X(INTERNAL, "inject-internal", "queue", "the next packet that it starts fails: INTERNAL")  \
	X(STUCK_RESETS, "inject-stuck-resets", "count",                                            \
	  "so many resets of a queue or context do not end")                                       \
	X(STUCK_DISABLES, "inject-stuck-disables", "count",                                        \
	  "so many DISABLE commands of queues do not end")                                         \
	X(FAILED_RESETS, "inject-failed-resets", "count",                                          \
	  "so many resets of the device end with STATUS.FAILED")                                   \
	X(EVENT_STATUS, "inject-event-status", "status, to 255",                                   \
	  "the next event carries this status, right or not")

#define SC_INJECT_ENUM_(name, property, value, text) SC_INJECT_##name,
enum sc_inject { SC_INJECT_TABLE(SC_INJECT_ENUM_) SC_INJECT_COUNT };

/**
 * sc_chip_create() - build a chip and start its worker threads
 * @config: copied
 * @host: callbacks, copied
 * @opaque: passed to the callbacks
 * @chip: the new chip
 *
 * Return: 0, -EINVAL for a configuration out of range, or -ENOMEM.
 */
int sc_chip_create(const struct sc_config *config, const struct sc_host *host, void *opaque,
		   struct sc_chip **chip);

/** sc_chip_destroy() - stop the workers and free everything; no call may be in progress. */
void sc_chip_destroy(struct sc_chip *chip);

/** sc_chip_config() - the configuration with defaults filled in. */
const struct sc_config *sc_chip_config(const struct sc_chip *chip);

/** sc_chip_running() - cores that are at work. */
unsigned int sc_chip_running(struct sc_chip *chip);

/**
 * sc_chip_card_memory() - card memory, sc_config.card_size bytes, page aligned
 *
 * The host may read and write it directly at any time (the card BAR); it stays
 * at this address for the chip's life.
 */
void *sc_chip_card_memory(struct sc_chip *chip);

/**
 * sc_chip_read() - read a register of the control BAR
 * @offset: bytes into the BAR, aligned to @size
 * @size: 4 or 8
 *
 * Return: the value; 0 for an undefined offset (a strict violation).
 */
uint64_t sc_chip_read(struct sc_chip *chip, uint64_t offset, unsigned int size);

/** sc_chip_write() - write a register of the control BAR; arguments as sc_chip_read(). */
void sc_chip_write(struct sc_chip *chip, uint64_t offset, uint64_t value, unsigned int size);

/** sc_chip_doorbell_read() - read from the doorbell BAR; 0 where nothing is defined. */
uint64_t sc_chip_doorbell_read(struct sc_chip *chip, uint64_t offset, unsigned int size);

/** sc_chip_doorbell_write() - write to the doorbell BAR. A guest process can reach this. */
void sc_chip_doorbell_write(struct sc_chip *chip, uint64_t offset, uint64_t value,
			    unsigned int size);

/**
 * sc_chip_set_master() - bus mastering on or off
 *
 * While off, nothing is fetched or written back; what is pending resumes when
 * it is set again. It is on in a new chip and resets do not change it.
 */
void sc_chip_set_master(struct sc_chip *chip, bool on);

/**
 * sc_chip_reset_begin() - start a device reset
 * @cause: SC_RESET_CAUSE_*
 *
 * Registers read as after the reset at once; running work is told to stop and
 * makes no host access after sc_chip_reset_busy() has returned false. Never
 * waits for a worker, so it may be called under a lock that workers need.
 * SC_RESET_CAUSE_POWER fills card memory with poison, all others keep it.
 */
void sc_chip_reset_begin(struct sc_chip *chip, unsigned int cause);

/** sc_chip_reset_busy() - whether the reset still waits for workers. */
bool sc_chip_reset_busy(struct sc_chip *chip);

/**
 * sc_chip_run() - sc_config.sync only: do pending work in this thread
 * @budget: instructions (or 64-byte units of copying) to spend
 *
 * Return: true if work is left. A WAIT on memory that is not satisfied is work
 * left: it is looked at once per call.
 */
bool sc_chip_run(struct sc_chip *chip, uint64_t budget);

/**
 * sc_chip_timer() - raise the interrupts that have been held back for long enough
 *
 * Return: TIME at which to call it again; UINT64_MAX: not before sc_host.timer asks for it.
 */
uint64_t sc_chip_timer(struct sc_chip *chip);

/**
 * sc_chip_inject() - make something go wrong
 * @what: SC_INJECT_*
 * @value: as the table says
 *
 * Return: 0, -ERANGE, or -ENODEV for what a virtual function does not have.
 */
int sc_chip_inject(struct sc_chip *chip, enum sc_inject what, uint64_t value);

/** sc_nvram_size() - bytes of an NVRAM image */
size_t sc_nvram_size(void);

/** sc_chip_idle() - no packet is in progress, no command pending, no worker busy. */
bool sc_chip_idle(struct sc_chip *chip);

/**
 * sc_chip_quiesce() - stop (@on) or let go on the start of new work
 *
 * With @on, workers come to rest at the next packet or workgroup boundary;
 * poll sc_chip_idle(). Used around saving.
 */
void sc_chip_quiesce(struct sc_chip *chip, bool on);

/**
 * sc_chip_save() - registers, contexts and queues of an idle chip as bytes
 * @buf: NULL to ask for the size
 * @size: bytes at @buf
 *
 * Card memory is not part of it: the caller owns it as RAM. Scratchpads are
 * not either: they read as zero after a load.
 *
 * Return: bytes needed, or -EBUSY if the chip is not idle.
 */
long sc_chip_save(struct sc_chip *chip, void *buf, size_t size);

/** sc_chip_load() - inverse of sc_chip_save(); 0, or -EINVAL for bytes that do not fit. */
int sc_chip_load(struct sc_chip *chip, const void *buf, size_t size);

#endif /* SC_CHIP_H */
