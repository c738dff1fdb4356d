/* SPDX-License-Identifier: MIT */
/*
 * Telemetry, RAS and NVRAM of a chip: what ras.c keeps.
 */
#ifndef SC_RAS_H
#define SC_RAS_H

#include "chip.h"

#define SC_MAX_HEALTH_EVENTS 16

/**
 * struct sc_nvram - what a card remembers without power, as the host stores it
 * @magic: SC_NVRAM_MAGIC
 * @serial: SERIAL
 * @seconds: LIFETIME_SECONDS at the last change
 * @power_cycles: POWER_CYCLES
 * @corrected: ECC_CORRECTED
 * @uncorrected: ECC_UNCORRECTED
 * @cores_disabled: CORES_DISABLED
 * @num_health: NUM_HEALTH
 * @num_retired: NUM_RETIRED
 * @retired: card addresses of retired pages
 * @health: fault log
 * @check: checksum of all before it
 */
struct sc_nvram {
	uint64_t magic;
	uint64_t serial;
	uint64_t seconds;
	uint64_t power_cycles;
	uint64_t corrected;
	uint64_t uncorrected;
	uint64_t cores_disabled;
	uint64_t num_health;
	uint64_t num_retired;
	uint64_t retired[SC_RETIRED_MAX];
	struct sc_health_record health[SC_HEALTH_RECORDS];
	uint64_t check;
};

/**
 * struct sc_ras - state of ras.c, under the chip's lock unless marked atomic
 * @nvram: image
 * @power_on: TIME up to which @nvram.seconds counts
 * @temp: injected temperatures in millidegrees, die and memory; 0: as the load is
 * @throttle: injected SC_THROTTLE_*
 * @throttled: SC_THROTTLE_* as last reported
 * @poisoned: pages that answer a read with MEMORY_ECC; atomic
 * @num_poisoned: how many; atomic
 * @events: health events that a worker will store
 * @num_events: how many
 */
struct sc_ras {
	struct sc_nvram nvram;
	uint64_t power_on;
	int32_t temp[2];
	uint32_t throttle;
	uint32_t throttled;
	uint64_t poisoned[SC_RETIRED_MAX];
	unsigned int num_poisoned;
	struct sc_fault events[SC_MAX_HEALTH_EVENTS];
	unsigned int num_events;
};

/* All with the lock held, but sc_ras_is_poisoned(). */
void sc_ras_init(struct sc_chip *chip);
void sc_ras_power_on(struct sc_chip *chip);
void sc_ras_reset(struct sc_chip *chip);
void sc_ras_refresh(struct sc_chip *chip, uint32_t offset);
bool sc_ras_window(struct sc_chip *chip, uint64_t offset, unsigned int size, uint64_t *value);
bool sc_ras_event(struct sc_chip *chip);
int sc_ras_inject(struct sc_chip *chip, enum sc_inject what, uint64_t value);
void sc_ras_seal(struct sc_chip *chip);
void sc_ras_store(struct sc_chip *chip);
void sc_ras_loaded(struct sc_chip *chip);
bool sc_ras_valid(const struct sc_ras *ras);
bool sc_ras_is_poisoned(struct sc_chip *chip, uint64_t addr);

#endif /* SC_RAS_H */
