// SPDX-License-Identifier: MIT
/*
 * libFuzzer target: a file as a module for the card. Whatever it is, the loader
 * takes it or says why not.
 */
#include "runtime/internal.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct drm_seedchip_info info = {
		.isa = ~0ULL, .tcm_size = 1 << 20, .page_size = 4096, .huge_size = 2 << 20,
		.vlen = 4096,
	};
	struct elf_image image;

	if (!elf_load(data, size, "fuzz", &info, &image))
		elf_free(&image);
	return 0;
}
