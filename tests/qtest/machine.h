/* SPDX-License-Identifier: MIT */
/*
 * A stock QEMU with virtual cards, driven over the qtest protocol and QMP: every access that a
 * guest could make, without a guest.  The machine runs, on a processor that sleeps for ever.
 *
 * A failed expectation of the protocol itself ends the test (cmocka's fail()), so callers only
 * look at values.
 */
#ifndef TESTS_QTEST_MACHINE_H
#define TESTS_QTEST_MACHINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "seedchip_hw.h"

#define RAM_SIZE 0x4000000ULL

struct channel {
	int fd;
	size_t len;
	char buf[1 << 16];
};

struct machine {
	pid_t pid;
	int err; /* its stderr, a file */
	struct channel qtest;
	struct channel qmp;
	char events[1 << 14]; /* QMP events since the start */
	size_t events_len;
	uint64_t control; /* where card_map() has put the BARs */
	uint64_t doorbells;
	uint64_t card;
};

/* The usual machine: root port "port0" with the card "card0"; @props as "vram=64M" or "". */
struct machine *machine_start(const char *props);
/* The machine without a card; more QEMU arguments, split at blanks. */
struct machine *machine_start_bare(const char *args);
void machine_stop(struct machine *m);
/* Text that QEMU has written to stderr so far; valid until the next call. */
const char *machine_stderr(struct machine *m);
/* Start a QEMU that is expected to refuse; returns its stderr. */
const char *machine_refusal(const char *args);
/* Start a machine without a card that is expected to end by itself; returns its stderr. */
const char *machine_end(const char *args);
/* Whether the tests can run here: the card is not built with sanitizers. */
bool machine_available(void);

/* Configuration space by memory accesses; again after a reset of the machine. */
void machine_ecam(struct machine *m);

void io_write(struct machine *m, int port, uint32_t value, int size);
uint64_t mem_read(struct machine *m, uint64_t addr, int size);
void mem_write(struct machine *m, uint64_t addr, uint64_t value, int size);
void mem_get(struct machine *m, uint64_t addr, void *buf, size_t len);
void mem_put(struct machine *m, uint64_t addr, const void *buf, size_t len);

/* Configuration space of function 0 of a device. */
uint32_t cfg_read(struct machine *m, int bus, int dev, int reg, int size);
void cfg_write(struct machine *m, int bus, int dev, int reg, uint32_t value, int size);
/* Offset of a capability (@extended: of that kind), 0 if there is none. */
int cfg_find(struct machine *m, int bus, int dev, int id, bool extended);

/* Give the card its BARs and let it decode and master. */
void card_map(struct machine *m);
uint32_t card_cfg(struct machine *m, int reg, int size);
void card_cfg_write(struct machine *m, int reg, uint32_t value, int size);
uint64_t reg_read(struct machine *m, uint64_t reg, int size);
void reg_write(struct machine *m, uint64_t reg, uint64_t value, int size);
/* MSI-X on, with vector n stored as the word n + 1 at @addr + 4 * n. */
void card_msix(struct machine *m, uint64_t addr);
/* Poll a word until it is @value, for at most 30 seconds. */
bool mem_wait(struct machine *m, uint64_t addr, uint64_t value, int size);
bool reg_wait(struct machine *m, uint64_t reg, uint32_t mask, uint32_t value);

/* Send a QMP command; returns the line that answers it. */
const char *qmp(struct machine *m, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* As qmp(), for a command that has to succeed. */
const char *qmp_ok(struct machine *m, const char *format, ...)
	__attribute__((format(printf, 2, 3)));
/* A command of the human monitor; returns what it printed, as JSON text. */
const char *hmp(struct machine *m, const char *line);
/* Wait for an event, at most 30 seconds; whether it came. */
bool qmp_event(struct machine *m, const char *name);

#endif /* TESTS_QTEST_MACHINE_H */
