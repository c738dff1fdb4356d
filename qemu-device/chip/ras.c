// SPDX-License-Identifier: MIT
/*
 * Telemetry, RAS and NVRAM: what the card says about itself, and what it
 * remembers when it has no power.
 *
 * Without an injection every value is a function of what runs: nothing here
 * depends on the host's clock but the seconds of life. Health events are
 * collected here and stored by a worker, since storing needs DMA.
 *
 * Invariant: the NVRAM image goes to the host in the same critical section in
 * which it changes; what it says is checked before it is used as a size.
 */
#include <errno.h>
#include <string.h>

#include "internal.h"

#define SC_NVRAM_MAGIC 0x314d564e43533153ULL

#define TEMP_IDLE      42000 /* millidegrees */
#define TEMP_PER_CORE  500
#define MEMORY_IDLE    40000
#define TEMP_MAX       95000
#define TEMP_CRIT      105000
#define POWER_IDLE     15000000 /* microwatts */
#define POWER_PER_CORE 3500000
#define VOLTAGE	       800 /* millivolts */
#define VOLTAGE_SLOW   700
#define VOLTAGE_MIN    650
#define VOLTAGE_MAX    900
#define MEMORY_KHZ     1600000
#define FIRMWARE       0x00010000

#define SECOND	       1000000000ULL

enum { DIE, MEMORY };

static uint64_t checksum(const struct sc_nvram *nvram)
{
	const uint64_t *word = (const uint64_t *)nvram;
	uint64_t sum = 0;
	size_t i;

	for (i = 0; i < offsetof(struct sc_nvram, check) / 8; i++)
		sum = (sum ^ word[i]) * 0x100000001b3ULL + i;
	return sum;
}

static bool nvram_ok(const struct sc_nvram *nvram)
{
	return nvram->magic == SC_NVRAM_MAGIC && nvram->check == checksum(nvram) &&
	       nvram->num_retired <= SC_RETIRED_MAX;
}

size_t sc_nvram_size(void)
{
	return sizeof(struct sc_nvram);
}

static uint64_t lifetime(const struct sc_chip *chip)
{
	uint64_t now = chip->host.time_ns(chip->opaque);

	return chip->ras.nvram.seconds + (now - chip->ras.power_on) / SECOND;
}

/* Bring the image up to date. */
void sc_ras_seal(struct sc_chip *chip)
{
	struct sc_nvram *nvram = &chip->ras.nvram;
	uint64_t now = chip->host.time_ns(chip->opaque);
	uint64_t seconds = (now - chip->ras.power_on) / SECOND;

	nvram->seconds += seconds;
	chip->ras.power_on += seconds * SECOND;
	nvram->check = checksum(nvram);
}

/* Hand it to the host. */
void sc_ras_store(struct sc_chip *chip)
{
	if (!chip->host.nvram || chip->config.function)
		return;
	sc_ras_seal(chip);
	chip->host.nvram(chip->opaque, &chip->ras.nvram, sizeof(chip->ras.nvram));
}

static void use_nvram(struct sc_chip *chip)
{
	const struct sc_nvram *nvram = &chip->ras.nvram;
	uint64_t present = ~0ULL >> (64 - chip->config.cores);

	/* a card whose last core has failed has to be looked at, so it keeps that one */
	if (present & ~nvram->cores_disabled)
		present &= ~nvram->cores_disabled;
	chip->reg.CORE_MASK = present;
	chip->reg.CORES_DISABLED = nvram->cores_disabled;
	chip->reg.ECC_CORRECTED = nvram->corrected;
	chip->reg.ECC_UNCORRECTED = nvram->uncorrected;
	chip->reg.POWER_CYCLES = (uint32_t)nvram->power_cycles;
	chip->reg.NUM_RETIRED = nvram->num_retired;
	chip->reg.NUM_HEALTH = nvram->num_health;
}

/* Discovery and limits; once per chip. */
void sc_ras_init(struct sc_chip *chip)
{
	struct sc_device_regs *r = &chip->reg;
	struct sc_nvram *nvram = &chip->ras.nvram;

	r->FIRMWARE_VERSION = FIRMWARE;
	r->FUNCTION = chip->config.function;
	if (chip->config.nvram)
		memcpy(nvram, chip->config.nvram, sizeof(*nvram));
	if (!nvram_ok(nvram)) {
		memset(nvram, 0, sizeof(*nvram));
		nvram->magic = SC_NVRAM_MAGIC;
	}
	if (chip->config.serial)
		nvram->serial = chip->config.serial;
	r->SERIAL = nvram->serial;
	chip->config.serial = nvram->serial;
	chip->config.nvram = NULL;
	if (chip->config.function) {
		use_nvram(chip);
		return;
	}
	r->TEMP_DIE_MAX = TEMP_MAX;
	r->TEMP_MEMORY_MAX = TEMP_MAX;
	r->TEMP_DIE_CRIT = TEMP_CRIT;
	r->TEMP_MEMORY_CRIT = TEMP_CRIT;
	r->POWER_MAX_UW = POWER_IDLE + chip->config.card_cores * POWER_PER_CORE;
	r->VOLTAGE_MIN_MV = VOLTAGE_MIN;
	r->VOLTAGE_MAX_MV = VOLTAGE_MAX;
	r->MEMORY_CLOCK_KHZ = MEMORY_KHZ;
	chip->ras.power_on = chip->host.time_ns(chip->opaque);
	sc_ras_power_on(chip);
}

/* Power has come, for the first time or again. */
void sc_ras_power_on(struct sc_chip *chip)
{
	struct sc_ras *ras = &chip->ras;

	ras->nvram.power_cycles++;
	ras->temp[DIE] = 0;
	ras->temp[MEMORY] = 0;
	ras->throttle = 0;
	ras->throttled = 0;
	__atomic_store_n(&ras->num_poisoned, 0, __ATOMIC_RELEASE);
	use_nvram(chip);
	sc_ras_store(chip);
}

/* A device reset: what the NVRAM says of cores takes effect, events are forgotten. */
void sc_ras_reset(struct sc_chip *chip)
{
	chip->ras.num_events = 0;
	use_nvram(chip);
}

static unsigned int own_cores_running(const struct sc_chip *chip)
{
	unsigned int i, n = 0;

	for (i = 0; i < chip->config.cores; i++)
		n += !!chip->units[i].work;
	return n;
}

unsigned int sc_chip_running(struct sc_chip *chip)
{
	unsigned int n;

	sc_lock(chip);
	n = own_cores_running(chip);
	sc_unlock(chip);
	return n;
}

/* Of the whole card. */
static unsigned int cores_running(const struct sc_chip *chip)
{
	unsigned int others = chip->host.running ? chip->host.running(chip->opaque) : 0;

	return own_cores_running(chip) + others;
}

static int32_t temperature(const struct sc_chip *chip, unsigned int which)
{
	if (chip->ras.temp[which])
		return chip->ras.temp[which];
	return which == DIE ? TEMP_IDLE + TEMP_PER_CORE * (int)cores_running(chip) : MEMORY_IDLE;
}

static uint32_t throttle(const struct sc_chip *chip)
{
	bool hot = temperature(chip, DIE) >= TEMP_MAX || temperature(chip, MEMORY) >= TEMP_MAX;

	return chip->ras.throttle | (hot ? SC_THROTTLE_THERMAL : 0);
}

/* Registers that are computed when they are read. */
void sc_ras_refresh(struct sc_chip *chip, uint32_t offset)
{
	struct sc_device_regs *r = &chip->reg;

	if (chip->config.function)
		return;
	switch (offset) {
	case SC_REG_TEMP_DIE:
		r->TEMP_DIE = (uint32_t)temperature(chip, DIE);
		break;
	case SC_REG_TEMP_MEMORY:
		r->TEMP_MEMORY = (uint32_t)temperature(chip, MEMORY);
		break;
	case SC_REG_POWER_UW:
		r->POWER_UW = POWER_IDLE + cores_running(chip) * POWER_PER_CORE;
		break;
	case SC_REG_VOLTAGE_MV:
		r->VOLTAGE_MV = throttle(chip) ? VOLTAGE_SLOW : VOLTAGE;
		break;
	case SC_REG_CLOCK_NOW_KHZ:
		r->CLOCK_NOW_KHZ = chip->reg.CLOCK_KHZ / (throttle(chip) ? 2 : 1);
		break;
	case SC_REG_THROTTLE:
		r->THROTTLE = throttle(chip);
		break;
	case SC_REG_LIFETIME_SECONDS:
		r->LIFETIME_SECONDS = lifetime(chip);
		break;
	}
}

/* A read of the fault log or of the list of retired pages; false: of neither. */
bool sc_ras_window(struct sc_chip *chip, uint64_t offset, unsigned int size, uint64_t *value)
{
	const struct sc_nvram *nvram = &chip->ras.nvram;
	const uint8_t *from = NULL;

	if (offset >= SC_HEALTH_BASE && offset < SC_HEALTH_BASE + sizeof(nvram->health))
		from = (const uint8_t *)nvram->health + (offset - SC_HEALTH_BASE);
	else if (offset >= SC_RETIRED_BASE && offset < SC_RETIRED_BASE + sizeof(nvram->retired))
		from = (const uint8_t *)nvram->retired + (offset - SC_RETIRED_BASE);
	if (!from)
		return false;
	*value = 0;
	memcpy(value, from, size);
	return true;
}

bool sc_ras_is_poisoned(struct sc_chip *chip, uint64_t addr)
{
	unsigned int i, n = __atomic_load_n(&chip->ras.num_poisoned, __ATOMIC_ACQUIRE);

	for (i = 0; i < n; i++)
		if (__atomic_load_n(&chip->ras.poisoned[i], __ATOMIC_RELAXED) == addr)
			return true;
	return false;
}

/* Write the fault log, and tell the driver. */
static void report(struct sc_chip *chip, enum sc_code code, unsigned int core, uint64_t address,
		   uint64_t value)
{
	struct sc_nvram *nvram = &chip->ras.nvram;
	struct sc_fault event;

	nvram->health[nvram->num_health % SC_HEALTH_RECORDS] = (struct sc_health_record){
		.number = nvram->num_health + 1,
		.code = code,
		.core = core,
		.address = address,
		.value = value,
		.seconds = lifetime(chip),
		.power_cycle = nvram->power_cycles,
	};
	nvram->num_health++;
	chip->reg.NUM_HEALTH = nvram->num_health;
	sc_ras_store(chip);

	if (chip->ras.num_events == SC_MAX_HEALTH_EVENTS) {
		chip->reg.EVENT_LOST = (uint32_t)(chip->reg.EVENT_LOST + 1);
		return;
	}
	sc_fault_init(&event, code);
	event.queue = SC_NO_QUEUE;
	event.engine = SC_ENGINE_DEVICE;
	event.core = core;
	event.va = address;
	event.value = value;
	event.time = sc_time(chip);
	event.generation = chip->reg.GENERATION;
	chip->ras.events[chip->ras.num_events++] = event;
	sc_wake(chip);
}

/* Store one event that has been collected; false: there is none. Drops the lock meanwhile. */
bool sc_ras_event(struct sc_chip *chip)
{
	struct sc_ras *ras = &chip->ras;
	struct sc_fault event;
	bool stored;

	if (!ras->num_events || chip->resetting || chip->no_master || chip->quiesced)
		return false;
	event = ras->events[0];
	ras->num_events--;
	memmove(&ras->events[0], &ras->events[1], ras->num_events * sizeof(event));
	chip->busy++;
	sc_unlock(chip);
	stored = sc_event_store(chip, SC_EVENT_HEALTH, &event);
	sc_lock(chip);
	sc_event_publish(chip, stored);
	chip->busy--;
	return true;
}

/* An event when the set of reasons changes. */
static void check_throttle(struct sc_chip *chip)
{
	uint32_t now = throttle(chip);

	if (now == chip->ras.throttled)
		return;
	chip->ras.throttled = now;
	report(chip, SC_CODE_THROTTLED, SC_NO_CORE, 0, now);
}

/* An event when a limit is crossed upwards. */
static int set_temperature(struct sc_chip *chip, unsigned int which, uint64_t value)
{
	int32_t old = temperature(chip, which), now = value;

	if (value > 150000)
		return -ERANGE;
	chip->ras.temp[which] = now;
	if (old < TEMP_CRIT && now >= TEMP_CRIT)
		report(chip, SC_CODE_TEMPERATURE_CRITICAL, SC_NO_CORE, 0, now);
	else if (old < TEMP_MAX && now >= TEMP_MAX)
		report(chip, SC_CODE_TEMPERATURE, SC_NO_CORE, 0, now);
	check_throttle(chip);
	return 0;
}

static void retire(struct sc_chip *chip, uint64_t page)
{
	struct sc_nvram *nvram = &chip->ras.nvram;
	unsigned int i;

	for (i = 0; i < nvram->num_retired; i++)
		if (nvram->retired[i] == page)
			return;
	if (nvram->num_retired == SC_RETIRED_MAX)
		return;
	nvram->retired[nvram->num_retired++] = page;
	chip->reg.NUM_RETIRED = nvram->num_retired;
}

/* From now on until power is lost reads of the page fail, through cached translations too. */
static void poison(struct sc_chip *chip, uint64_t page)
{
	struct sc_ras *ras = &chip->ras;
	unsigned int i;

	if (sc_ras_is_poisoned(chip, page) || ras->num_poisoned == SC_RETIRED_MAX)
		return;
	__atomic_store_n(&ras->poisoned[ras->num_poisoned], page, __ATOMIC_RELAXED);
	__atomic_store_n(&ras->num_poisoned, ras->num_poisoned + 1, __ATOMIC_RELEASE);
	for (i = 0; i < chip->config.contexts; i++)
		sc_mmu_invalidate(chip, i);
}

static int memory_error(struct sc_chip *chip, uint64_t address, bool corrected)
{
	struct sc_nvram *nvram = &chip->ras.nvram;

	if (address >= chip->config.card_size)
		return -ERANGE;
	if (corrected) {
		nvram->corrected++;
		chip->reg.ECC_CORRECTED = nvram->corrected;
	} else {
		nvram->uncorrected++;
		chip->reg.ECC_UNCORRECTED = nvram->uncorrected;
		retire(chip, address & ~(SC_PAGE_SIZE - 1ULL));
		poison(chip, address & ~(SC_PAGE_SIZE - 1ULL));
	}
	report(chip, corrected ? SC_CODE_ECC_CORRECTED : SC_CODE_MEMORY_ECC, SC_NO_CORE, address,
	       0);
	return 0;
}

static int fail_core(struct sc_chip *chip, uint64_t core)
{
	if (core >= chip->config.cores)
		return -ERANGE;
	chip->ras.nvram.cores_disabled |= 1ULL << core;
	chip->reg.CORES_DISABLED = chip->ras.nvram.cores_disabled;
	report(chip, SC_CODE_CORE_FAILED, core, 0, 0);
	return 0;
}

static int set_throttle(struct sc_chip *chip, uint64_t reasons)
{
	if (reasons & ~(uint64_t)(SC_THROTTLE_POWER | SC_THROTTLE_EXTERNAL))
		return -ERANGE;
	chip->ras.throttle = reasons;
	check_throttle(chip);
	return 0;
}

/* Those rows of SC_INJECT_TABLE that are the whole card's. */
int sc_ras_inject(struct sc_chip *chip, enum sc_inject what, uint64_t value)
{
	switch (what) {
	case SC_INJECT_TEMPERATURE:
		return set_temperature(chip, DIE, value);
	case SC_INJECT_TEMPERATURE_MEMORY:
		return set_temperature(chip, MEMORY, value);
	case SC_INJECT_THROTTLE:
		return set_throttle(chip, value);
	case SC_INJECT_ECC_CORRECTED:
		return memory_error(chip, value, true);
	case SC_INJECT_ECC_UNCORRECTED:
		return memory_error(chip, value, false);
	default:
		return fail_core(chip, value);
	}
}

/* An image of a saved state has taken the place of the NVRAM. */
void sc_ras_loaded(struct sc_chip *chip)
{
	chip->ras.power_on = chip->host.time_ns(chip->opaque);
	use_nvram(chip);
	sc_ras_store(chip);
}

/* Whether what was saved can be taken over. */
bool sc_ras_valid(const struct sc_ras *ras)
{
	return nvram_ok(&ras->nvram) && ras->num_poisoned <= SC_RETIRED_MAX;
}
