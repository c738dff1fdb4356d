// SPDX-License-Identifier: GPL-2.0-only
/*
 * hwmon: temperatures, power and voltage with their limits.
 *
 * Invariant: limits are constants of the card and are answered always, inputs
 * only while it is awake (-ENODATA).
 */
#include <linux/err.h>
#include <linux/hwmon.h>

#include "device.h"
#include "hwmon.h"
#include "ras.h"

static umode_t seedchip_hwmon_is_visible(const void *data, enum hwmon_sensor_types type, u32 attr,
					 int channel)
{
	return 0444;
}

/* The register behind an attribute; 0 (MAGIC) for none. */
static enum sc_reg seedchip_hwmon_reg(enum hwmon_sensor_types type, u32 attr, int channel)
{
	static const enum sc_reg temp[2][3] = {
		{ SC_REG_TEMP_DIE, SC_REG_TEMP_DIE_MAX, SC_REG_TEMP_DIE_CRIT },
		{ SC_REG_TEMP_MEMORY, SC_REG_TEMP_MEMORY_MAX, SC_REG_TEMP_MEMORY_CRIT },
	};

	switch (type) {
	case hwmon_temp:
		return temp[channel][attr == hwmon_temp_max ? 1 : attr == hwmon_temp_crit ? 2 : 0];
	case hwmon_power:
		return attr == hwmon_power_max ? SC_REG_POWER_MAX_UW : SC_REG_POWER_UW;
	case hwmon_in:
		return attr == hwmon_in_min ? SC_REG_VOLTAGE_MIN_MV :
		       attr == hwmon_in_max ? SC_REG_VOLTAGE_MAX_MV : SC_REG_VOLTAGE_MV;
	default:
		return SC_REG_MAGIC;
	}
}

static int seedchip_hwmon_read(struct device *dev, enum hwmon_sensor_types type, u32 attr,
			       int channel, long *value)
{
	struct seedchip_device *sdev = dev_get_drvdata(dev);
	enum sc_reg reg = seedchip_hwmon_reg(type, attr, channel);
	u64 raw;
	u32 i;
	int err;

	for (i = 0; i < ARRAY_SIZE(sdev->limits); i++) {
		if (sdev->limits[i].reg == reg) {
			*value = sdev->limits[i].value;
			return 0;
		}
	}
	err = seedchip_ras_read(sdev, reg, &raw);
	if (err)
		return err;
	*value = (s32)raw;
	return 0;
}

static int seedchip_hwmon_read_string(struct device *dev, enum hwmon_sensor_types type, u32 attr,
				      int channel, const char **text)
{
	if (type == hwmon_temp)
		*text = channel ? "memory" : "die";
	else
		*text = type == hwmon_power ? "card" : "core";
	return 0;
}

static const struct hwmon_ops seedchip_hwmon_ops = {
	.is_visible = seedchip_hwmon_is_visible,
	.read = seedchip_hwmon_read,
	.read_string = seedchip_hwmon_read_string,
};

static const struct hwmon_channel_info *const seedchip_hwmon_channels[] = {
	HWMON_CHANNEL_INFO(temp, HWMON_T_INPUT | HWMON_T_MAX | HWMON_T_CRIT | HWMON_T_LABEL,
			   HWMON_T_INPUT | HWMON_T_MAX | HWMON_T_CRIT | HWMON_T_LABEL),
	HWMON_CHANNEL_INFO(power, HWMON_P_INPUT | HWMON_P_MAX | HWMON_P_LABEL),
	HWMON_CHANNEL_INFO(in, HWMON_I_INPUT | HWMON_I_MIN | HWMON_I_MAX | HWMON_I_LABEL),
	NULL
};

static const struct hwmon_chip_info seedchip_hwmon_chip = {
	.ops = &seedchip_hwmon_ops,
	.info = seedchip_hwmon_channels,
};

/* A card without sensors, or a kernel without hwmon, is still a card. */
void seedchip_hwmon_init(struct seedchip_device *sdev)
{
	static const enum sc_reg limits[] = {
		SC_REG_TEMP_DIE_MAX, SC_REG_TEMP_DIE_CRIT, SC_REG_TEMP_MEMORY_MAX,
		SC_REG_TEMP_MEMORY_CRIT, SC_REG_POWER_MAX_UW, SC_REG_VOLTAGE_MIN_MV,
		SC_REG_VOLTAGE_MAX_MV,
	};
	struct device *dev;
	u32 i;

	BUILD_BUG_ON(ARRAY_SIZE(limits) != ARRAY_SIZE(sdev->limits));
	if (!(sdev->info.features & SC_FEATURE_TELEMETRY))
		return;
	for (i = 0; i < ARRAY_SIZE(limits); i++) {
		sdev->limits[i].reg = limits[i];
		sdev->limits[i].value = seedchip_read32(sdev, limits[i]);
	}
	dev = hwmon_device_register_with_info(sdev->drm.dev, "seedchip", sdev,
					      &seedchip_hwmon_chip, NULL);
	if (!IS_ERR(dev))
		sdev->hwmon = dev;
}

void seedchip_hwmon_fini(struct seedchip_device *sdev)
{
	if (sdev->hwmon)
		hwmon_device_unregister(sdev->hwmon);
	sdev->hwmon = NULL;
}
