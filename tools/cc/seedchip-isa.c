// SPDX-License-Identifier: MIT
/*
 * seedchip-isa: print the instruction set of the first card as clang's -march
 * takes it, for seedchip-cc --isa-from-device.
 */
#include <stdio.h>

#include "seedchip.h"

int main(void)
{
	struct seedchip_device_info info = { .size = sizeof(info) };
	struct seedchip_device *dev;

	if (seedchip_device_open(0, &dev)) {
		fprintf(stderr, "seedchip-isa: %s\n", seedchip_error());
		return 1;
	}
	seedchip_device_info(dev, &info);
	puts(info.isa_string);
	seedchip_device_close(dev);
	return 0;
}
