// SPDX-License-Identifier: GPL-2.0-only
/*
 * sysfs: who the card is, how it is, and whether it takes new work.
 *
 * Invariant: what is written here is stable ABI, described in docs/abi-sysfs.md.
 * Identity is answered from what probe has read; the rest follows the rules of
 * ras.c.
 */
#include <linux/device.h>
#include <linux/sysfs.h>

#include "device.h"
#include "ras.h"
#include "sysfs.h"
#include "vram.h"

/* So many records fit one page. */
#define SEEDCHIP_LOG_LINES 32

static ssize_t serial_show(struct device *dev, struct device_attribute *attr, char *buf)
{
	struct seedchip_device *sdev = dev_get_drvdata(dev);

	return sysfs_emit(buf, "%016llx\n", sdev->info.serial);
}
static DEVICE_ATTR_RO(serial);

static ssize_t unique_id_show(struct device *dev, struct device_attribute *attr, char *buf)
{
	struct seedchip_device *sdev = dev_get_drvdata(dev);

	return sysfs_emit(buf, "%016llx-%u\n", sdev->info.serial, sdev->function);
}
static DEVICE_ATTR_RO(unique_id);

static ssize_t seedchip_emit_version(char *buf, u32 version)
{
	return sysfs_emit(buf, "%u.%u.%u\n", version >> 16, version >> 8 & 0xff, version & 0xff);
}

static ssize_t hardware_version_show(struct device *dev, struct device_attribute *attr, char *buf)
{
	struct seedchip_device *sdev = dev_get_drvdata(dev);

	return seedchip_emit_version(buf, sdev->info.hw_version);
}
static DEVICE_ATTR_RO(hardware_version);

static ssize_t firmware_version_show(struct device *dev, struct device_attribute *attr, char *buf)
{
	struct seedchip_device *sdev = dev_get_drvdata(dev);

	return seedchip_emit_version(buf, sdev->firmware_version);
}
static DEVICE_ATTR_RO(firmware_version);

static ssize_t state_show(struct device *dev, struct device_attribute *attr, char *buf)
{
	struct seedchip_device *sdev = dev_get_drvdata(dev);
	const char *state = READ_ONCE(sdev->draining) ? "draining" : "active";

	if (seedchip_device_has_failed(sdev))
		state = "failed";
	return sysfs_emit(buf, "%s\n", state);
}

static ssize_t state_store(struct device *dev, struct device_attribute *attr, const char *buf,
			   size_t count)
{
	struct seedchip_device *sdev = dev_get_drvdata(dev);

	if (sysfs_streq(buf, "draining"))
		WRITE_ONCE(sdev->draining, true);
	else if (sysfs_streq(buf, "active"))
		WRITE_ONCE(sdev->draining, false);
	else
		return -EINVAL;
	return count;
}
static DEVICE_ATTR_RW(state);

static struct attribute *seedchip_attrs[] = {
	&dev_attr_serial.attr,		 &dev_attr_unique_id.attr,
	&dev_attr_hardware_version.attr, &dev_attr_firmware_version.attr,
	&dev_attr_state.attr,		 NULL
};

static const struct attribute_group seedchip_group = {
	.attrs = seedchip_attrs,
};

static ssize_t seedchip_emit_reg(struct device *dev, char *buf, enum sc_reg reg, const char *format)
{
	u64 value;
	int err = seedchip_ras_read(dev_get_drvdata(dev), reg, &value);

	return err ?: sysfs_emit(buf, format, value);
}

#define SEEDCHIP_ATTR_(name, reg, format)                                                          \
	static ssize_t name##_show(struct device *dev, struct device_attribute *attr, char *buf)   \
	{                                                                                          \
		return seedchip_emit_reg(dev, buf, SC_REG_##reg, format);                          \
	}                                                                                          \
	static DEVICE_ATTR_RO(name)

SEEDCHIP_ATTR_(ecc_corrected, ECC_CORRECTED, "%llu\n");
SEEDCHIP_ATTR_(ecc_uncorrected, ECC_UNCORRECTED, "%llu\n");
SEEDCHIP_ATTR_(lifetime_seconds, LIFETIME_SECONDS, "%llu\n");
SEEDCHIP_ATTR_(power_cycles, POWER_CYCLES, "%llu\n");
SEEDCHIP_ATTR_(cores_disabled, CORES_DISABLED, "%#llx\n");
SEEDCHIP_ATTR_(throttle, THROTTLE, "%#llx\n");
SEEDCHIP_ATTR_(clock_khz, CLOCK_NOW_KHZ, "%llu\n");
SEEDCHIP_ATTR_(memory_clock_khz, MEMORY_CLOCK_KHZ, "%llu\n");

static ssize_t retired_pages_show(struct device *dev, struct device_attribute *attr, char *buf)
{
	return seedchip_vram_show_retired(dev_get_drvdata(dev), buf);
}
static DEVICE_ATTR_RO(retired_pages);

static ssize_t fault_log_show(struct device *dev, struct device_attribute *attr, char *buf)
{
	struct seedchip_device *sdev = dev_get_drvdata(dev);
	struct sc_health_record r;
	u64 number, total;
	ssize_t len = 0;
	int err = seedchip_ras_read(sdev, SC_REG_NUM_HEALTH, &total);

	if (err)
		return err;
	for (number = total - min_t(u64, total, SEEDCHIP_LOG_LINES); number < total; number++) {
		err = seedchip_ras_record(sdev, number, &r);
		if (err == -ENOENT)
			continue;
		if (err)
			return err;
		len += sysfs_emit_at(buf, len,
				     "%llu code=%u name=%s core=%d address=%#llx value=%lld "
				     "seconds=%llu power_cycle=%llu\n",
				     number, r.code, seedchip_ras_code_name(r.code),
				     r.core == SC_NO_CORE ? -1 : (int)r.core, r.address, r.value,
				     r.seconds, r.power_cycle);
	}
	return len;
}
static DEVICE_ATTR_RO(fault_log);

static struct attribute *seedchip_ras_attrs[] = {
	&dev_attr_ecc_corrected.attr,	 &dev_attr_ecc_uncorrected.attr,
	&dev_attr_lifetime_seconds.attr, &dev_attr_power_cycles.attr,
	&dev_attr_cores_disabled.attr,	 &dev_attr_throttle.attr,
	&dev_attr_clock_khz.attr,	 &dev_attr_memory_clock_khz.attr,
	&dev_attr_retired_pages.attr,	 &dev_attr_fault_log.attr,
	NULL
};

static umode_t seedchip_ras_is_visible(struct kobject *kobj, struct attribute *attr, int index)
{
	struct seedchip_device *sdev = dev_get_drvdata(kobj_to_dev(kobj));

	return sdev->info.features & SC_FEATURE_TELEMETRY ? attr->mode : SYSFS_GROUP_INVISIBLE;
}

static const struct attribute_group seedchip_ras_group = {
	.name = "ras",
	.attrs = seedchip_ras_attrs,
	.is_visible = seedchip_ras_is_visible,
};

const struct attribute_group *seedchip_sysfs_groups[] = {
	&seedchip_group,
	&seedchip_ras_group,
	NULL
};
