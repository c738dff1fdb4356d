// SPDX-License-Identifier: GPL-2.0-only
/*
 * Telemetry and health: reads of the card's registers for hwmon and sysfs, its
 * health events, and what they take out of use: pages and cores.
 *
 * Invariant: a reader never wakes a sleeping card, and never touches registers
 * that are being reset or have gone.
 */
#include <linux/pm_runtime.h>

#include <drm/drm_drv.h>

#include "device.h"
#include "ras.h"
#include "reset.h"
#include "vram.h"

static int seedchip_ras_copy(struct seedchip_device *sdev, u32 offset, u64 *words, u32 bytes)
{
	int err = 0;
	u32 i;

	mutex_lock(&sdev->hw_lock);
	if (sdev->wedged)
		err = -ENODATA;
	else if (seedchip_is_gone(seedchip_read32(sdev, SC_REG_STATUS)))
		err = -ENODEV;
	else if (bytes == sizeof(u32))
		words[0] = readl(sdev->regs + offset);
	else
		for (i = 0; i < bytes / sizeof(u64); i++)
			words[i] = readq(sdev->regs + offset + i * sizeof(u64));
	if (err == -ENODEV)
		seedchip_reset_device(sdev);
	mutex_unlock(&sdev->hw_lock);
	return err;
}

/* -ENODATA while the card sleeps or recovers from an error, -ENODEV when it has gone. */
static int seedchip_ras_copy_awake(struct seedchip_device *sdev, u32 offset, u64 *words, u32 bytes)
{
	struct device *dev = sdev->drm.dev;
	int idx, awake, err;

	if (!drm_dev_enter(&sdev->drm, &idx))
		return -ENODEV;
	awake = pm_runtime_get_if_active(dev);
	err = awake ? seedchip_ras_copy(sdev, offset, words, bytes) : -ENODATA;
	if (awake > 0)
		pm_runtime_put_autosuspend(dev);
	drm_dev_exit(idx);
	return err;
}

/**
 * seedchip_ras_read() - read a register for somebody who only wants to know
 * @sdev: card
 * @reg: register
 * @value: its value
 *
 * Return: 0, -ENODATA while the card sleeps or recovers, -ENODEV if it has gone.
 */
int seedchip_ras_read(struct seedchip_device *sdev, enum sc_reg reg, u64 *value)
{
	u32 bytes = 0;

	switch (reg) {
#define SEEDCHIP_WIDTH_(name, offset, width, ...) \
	case SC_REG_##name:                       \
		bytes = width;                    \
		break;
	SC_REG_TABLE(SEEDCHIP_WIDTH_)
	}
	return seedchip_ras_copy_awake(sdev, reg, value, bytes);
}

/* Record @number of the fault log, from 0; -ENOENT if it has been overwritten. */
int seedchip_ras_record(struct seedchip_device *sdev, u64 number, struct sc_health_record *record)
{
	u64 words[sizeof(*record) / sizeof(u64)];
	u32 place = number % SC_HEALTH_RECORDS * sizeof(*record);
	int err;

	err = seedchip_ras_copy_awake(sdev, SC_HEALTH_BASE + place, words, sizeof(words));
	if (err)
		return err;
	memcpy(record, words, sizeof(*record));
	return record->number == number + 1 ? 0 : -ENOENT;
}

static void seedchip_ras_retire_pages(struct seedchip_device *sdev)
{
	u64 count = 0, addr;
	u32 i;

	if (seedchip_ras_read(sdev, SC_REG_NUM_RETIRED, &count))
		return;
	count = min_t(u64, count, SC_RETIRED_MAX);
	for (i = 0; i < count; i++)
		if (!seedchip_ras_copy_awake(sdev, SC_RETIRED_BASE + i * sizeof(addr), &addr,
					     sizeof(addr)))
			seedchip_vram_retire(sdev, addr);
}

/*
 * What a failed core computes is not to be trusted, and it goes with a reset of the
 * card. The last one stays.
 */
static void seedchip_ras_retire_cores(struct seedchip_device *sdev)
{
	u64 failed;

	if (seedchip_ras_read(sdev, SC_REG_CORES_DISABLED, &failed))
		return;
	mutex_lock(&sdev->hw_lock);
	if (sdev->info.core_mask & failed && sdev->info.core_mask & ~failed)
		seedchip_reset_device(sdev);
	mutex_unlock(&sdev->hw_lock);
}

static void seedchip_ras_retire_work(struct work_struct *work)
{
	struct seedchip_device *sdev = container_of(work, struct seedchip_device, retire_work);

	seedchip_ras_retire_pages(sdev);
	seedchip_ras_retire_cores(sdev);
}

/* Before anybody gets memory. */
void seedchip_ras_init(struct seedchip_device *sdev)
{
	INIT_WORK(&sdev->retire_work, seedchip_ras_retire_work);
	if (sdev->info.features & SC_FEATURE_TELEMETRY)
		seedchip_ras_retire_pages(sdev);
}

/* The card works: what has failed since the look before, when it could not tell yet. */
void seedchip_ras_start(struct seedchip_device *sdev)
{
	if (sdev->info.features & SC_FEATURE_TELEMETRY)
		queue_work(sdev->wq, &sdev->retire_work);
}

const char *seedchip_ras_code_name(u32 code)
{
	switch (code) {
#define SEEDCHIP_CODE_NAME_(name, number, status, text) \
	case SC_CODE_##name:                            \
		return #name;
	SC_CODE_TABLE(SEEDCHIP_CODE_NAME_)
	}
	return "UNKNOWN";
}

/**
 * seedchip_ras_event() - the card has reported on itself
 * @sdev: card
 * @fault: what it said
 *
 * One line each, for people and for what reads logs; docs/driver.md has its form.
 */
void seedchip_ras_event(struct seedchip_device *sdev, const struct sc_fault *fault)
{
	struct device *dev = sdev->drm.dev;
	int core = fault->core == SC_NO_CORE ? -1 : fault->core;

	if (fault->code == SC_CODE_MEMORY_ECC || fault->code == SC_CODE_CORE_FAILED)
		queue_work(sdev->wq, &sdev->retire_work);
	if (fault->code == SC_CODE_ECC_CORRECTED)
		dev_info_ratelimited(dev, "health: code=%u name=%s core=%d address=%#llx value=%lld\n",
				     fault->code, seedchip_ras_code_name(fault->code), core,
				     fault->va, fault->value);
	else
		dev_err_ratelimited(dev, "health: code=%u name=%s core=%d address=%#llx value=%lld\n",
				    fault->code, seedchip_ras_code_name(fault->code), core,
				    fault->va, fault->value);
}
