// SPDX-License-Identifier: MIT
/*
 * S3 with virtual functions at work. QEMU 7.2 enables them in a slot for hot-plugging alone, such a
 * slot looks empty when the machine wakes, and its firmware does not switch extended configuration
 * space on again, which SR-IOV needs. So the card is taken out of its sleep as one that has been
 * pulled out: its programs, and those of its functions, learn it as they always do. (What becomes
 * of functions when nothing but the system sleeps is sriov's to test, S3 itself sleep's.)
 */
/* vm: card=vfs=1 append=vm.bios=1 timeout=180 alone */
/* vm-dmesg: Could not switch to high resolution mode on CPU \d+ */
/* vm-dmesg: hpet: Lost|serio serio\d+: deferred probe pending|ACPI Error: Could not disable */
#include <fcntl.h>
#include <stdbool.h>
#include <stdint.h>
#include <unistd.h>

#include "card.h"
#include "load.h"
#include "tap.h"

#define ALARM	 "/sys/class/rtc/rtc0/wakealarm"
#define BRIDGE	 "/sys/bus/pci/devices/0000:00:00.0/config"
#define FUNCTION "/sys/bus/pci/devices/0000:01:00."
#define PCIEXBAR 0x60 /* where extended configuration space is; bit 0: it is on */

static bool extended_space(void)
{
	uint32_t value;
	int fd = open(BRIDGE, O_RDONLY);

	CHECK_EQ(pread(fd, &value, sizeof(value), PCIEXBAR), sizeof(value));
	close(fd);
	printf("# PCIEXBAR: 0x%08x\n", value);
	return value & 1;
}

static void sleeps(void)
{
	pid_t pids[2];

	if (access(ALARM, F_OK))
		tap_skip("a kernel without an alarm to wake up by");
	CHECK(extended_space());
	CHECK_EQ(card_write(FUNCTION "0/sriov_numvfs", "1"), 0);
	for (unsigned int i = 0; i < 2; i++)
		pids[i] = load_start(i);
	CHECK_EQ(card_write("/sys/power/mem_sleep", "deep"), 0);
	/* one that comes before the machine sleeps, on a busy host, would wake nobody */
	CHECK_EQ(card_write(ALARM, "+10"), 0);
	CHECK_EQ(card_write("/sys/power/state", "mem"), 0);
	for (unsigned int i = 0; i < 2; i++)
		load_ends(pids[i]);
	CHECK(card_gone_soon(FUNCTION "1"));
	CHECK(card_gone_soon(FUNCTION "0"));
	CHECK(!extended_space());
}

int main(void)
{
	static const struct tap_test tests[] = {
		{ "card and function go when the machine wakes", sleeps },
	};

	return TAP_RUN(tests);
}
