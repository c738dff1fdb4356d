/* SPDX-License-Identifier: MIT */
/*
 * A chip of one core and nothing else: stands in for the front end (chip.h and
 * mmu.h) in tests of the core and in seedchip-run-elf. Memory is a list of
 * regions that the user maps; every translation is looked up there, and the
 * stamps change when the user says so.
 */
#ifndef SC_FLAT_H
#define SC_FLAT_H

#include "qemu-device/chip/core.h"

#define FLAT_REGIONS 16
#define FLAT_EXIT    125 /* status where there is no room or no memory */

/**
 * struct flat_region - some pages of a context
 * @va: first address
 * @size: bytes, a multiple of the page size; 0: unused
 * @mem: the memory, page aligned; owned
 * @pte: SC_PTE_*; SYSTEM memory has no host address, SPARSE memory is not touched
 */
struct flat_region {
	uint64_t va;
	uint64_t size;
	uint8_t *mem;
	uint32_t pte;
};

struct sc_chip {
	struct sc_config config;
	uint64_t isa;
	uint64_t time;
	uint64_t stamp;
	uint64_t code_stamp;
	unsigned int translations; /* how often sc_mmu_translate() was asked */
	struct flat_region region[FLAT_REGIONS];
};

/** flat_init() - defaults: 1 core, 64 KiB scratchpad, all scalar features and engines. */
void flat_init(struct sc_chip *chip);

/** flat_map() - map zeroed memory; returns it. Exits when the list is full or memory is. */
uint8_t *flat_map(struct sc_chip *chip, uint64_t va, uint64_t size, uint32_t pte);

/** flat_alias() - map the memory at @va a second time, at @alias. */
void flat_alias(struct sc_chip *chip, uint64_t alias, uint64_t va, uint32_t pte);

/** flat_at() - host address of @va in any region, or NULL. */
uint8_t *flat_at(struct sc_chip *chip, uint64_t va);

/** flat_free() - free what was mapped. */
void flat_free(struct sc_chip *chip);

/**
 * flat_load_elf() - map the segments of a static RISC-V ELF
 *
 * Return: 0, or -1 with a message on stderr.
 */
int flat_load_elf(struct sc_chip *chip, const char *path);

/** flat_symbol() - address and size of a symbol; 0 if there is none. */
uint64_t flat_symbol(const char *path, const char *name, uint64_t *size);

#endif /* SC_FLAT_H */
