// SPDX-License-Identifier: MIT
/*
 * seedchip-isa: print the instruction set of the first card as clang's -march
 * takes it, for seedchip-cc --isa-from-device.
 */
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "seedchip.h"

int main(int argc, char **argv)
{
	struct seedchip_device_info info = { .size = sizeof(info) };
	struct seedchip_device *dev;

	if (argc > 1) {
		bool help = !strcmp(argv[1], "--help");

		fputs("usage: seedchip-isa\n"
		      "Prints the instruction set of the first card, as clang's -march takes it.\n",
		      help ? stdout : stderr);
		return help ? 0 : 2;
	}
	if (seedchip_device_open(0, &dev)) {
		fprintf(stderr, "seedchip-isa: %s\n", seedchip_error());
		return 1;
	}
	seedchip_device_info(dev, &info);
	puts(info.isa_string);
	seedchip_device_close(dev);
	return 0;
}
