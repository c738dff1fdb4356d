/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * SC1 virtual card: loading into a stock QEMU, with -plugin. Not part of the
 * card in a QEMU tree.
 *
 * Invariant: nothing of QEMU that depends on its version is used before the
 * version has been compared.
 */
#include "seedchip-pci.h"
#include "qapi/qapi-commands-control.h"
#include "qemu/error-report.h"
#include "qemu/qemu-plugin.h"

QEMU_PLUGIN_EXPORT int qemu_plugin_version = QEMU_PLUGIN_VERSION;

/* What this file embeds or fills in must have QEMU's own layout. */
static bool seedchip_check_layout(void)
{
    static const struct {
        const char *type;
        size_t size;
    } embedded[] = {
        { TYPE_PCI_DEVICE, sizeof(PCIDevice) },
        { TYPE_DEVICE, sizeof(DeviceState) },
        { TYPE_OBJECT, sizeof(Object) },
        { TYPE_MEMORY_REGION, sizeof(MemoryRegion) },
    };
    int i;

    for (i = 0; i < ARRAY_SIZE(embedded); i++) {
        size_t size = seedchip_size_of_type(embedded[i].type);

        if (SEEDCHIP_KNOWS_SIZES && size != embedded[i].size) {
            error_report("seedchip: built for a QEMU whose %s has %zu bytes, "
                         "but here it has %zu: run make to rebuild the card",
                         embedded[i].type, embedded[i].size, size);
            return false;
        }
    }
    return true;
}

QEMU_PLUGIN_EXPORT int qemu_plugin_install(qemu_plugin_id_t id,
                                           const qemu_info_t *info, int argc,
                                           char **argv)
{
    g_autoptr(VersionInfo) version = qmp_query_version(NULL);

    if (version->qemu->major != QEMU_VERSION_MAJOR ||
        version->qemu->minor != QEMU_VERSION_MINOR) {
        error_report("seedchip: built for QEMU %d.%d, but this is %" PRId64
                     ".%" PRId64 ": run make to rebuild the card",
                     QEMU_VERSION_MAJOR, QEMU_VERSION_MINOR,
                     version->qemu->major, version->qemu->minor);
        return -1;
    }
    if (!info->system_emulation || !seedchip_check_layout()) {
        return -1;
    }
    seedchip_register();
    return 0;
}
