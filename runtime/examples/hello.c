// SPDX-License-Identifier: MIT
#include <stdio.h>
#include <seedchip.h>

#define N 16
#define CHECK(call)                                                                 \
	if ((call) < 0)                                                             \
		return fprintf(stderr, "%s: %s\n", #call, seedchip_error()), 1

int main(int argc, char **argv)
{
	const char *path = argc > 1 ? argv[1] : "/usr/lib/seedchip/hello_kernel.elf";
	struct seedchip_device *dev;
	struct seedchip_module *module;
	struct seedchip_kernel *hello;
	struct seedchip_buffer *buffer;
	struct seedchip_queue *queue;
	uint32_t *squares;

	CHECK(seedchip_device_open(0, &dev));
	CHECK(seedchip_module_load_file(dev, path, &module));
	CHECK(seedchip_module_kernel(module, "hello", &hello));
	CHECK(seedchip_buffer_create(dev, N * sizeof(*squares), SEEDCHIP_SYSTEM, &buffer));
	CHECK(seedchip_buffer_map(buffer, (void **)&squares));
	CHECK(seedchip_queue_create(dev, NULL, &queue));

	struct { uint64_t squares; } args = { seedchip_buffer_address(buffer) };
	struct seedchip_dim grid = { .x = N, .y = 1, .z = 1 };

	CHECK(seedchip_run(queue, hello, &grid, &args, sizeof(args), -1));
	for (int i = 0; i < N; i++)
		printf("%u ", squares[i]);
	printf("\n");

	seedchip_queue_destroy(queue);
	seedchip_buffer_destroy(buffer);
	seedchip_module_unload(module);
	seedchip_device_close(dev);
	return 0;
}
