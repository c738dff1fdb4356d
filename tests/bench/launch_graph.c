// SPDX-License-Identifier: MIT
/*
 * The path of a graph: a hundred launches, replayed by the runtime on a user-mode
 * queue with eight parameters patched.
 *
 * What is counted are the calls of the runtime and nothing of the replay: it has
 * been waited for when the next one begins.
 */
#include <errno.h>

#include "launch.h"
#include "seedchip.h"
#include "seedchip/graph.h"

#define KERNELS	 "/usr/lib/seedchip/runtime_kernels.elf"
#define LAUNCHES 100
#define PARAMS	 8

static struct seedchip_device *dev;
static struct seedchip_module *module;
static struct seedchip_queue *queue;
static struct seedchip_buffer *buffer;
static struct seedchip_graph *graph;
static struct seedchip_graph_param *params[PARAMS];
static uint64_t value;

struct affine_args {
	uint64_t v, by, plus;
};

static int record(struct seedchip_kernel *kernel)
{
	struct seedchip_dim dim = { .x = 1, .y = 1, .z = 1 };
	struct affine_args args = { seedchip_buffer_address(buffer), 1, 0 };
	int ret = seedchip_graph_begin(queue);
	unsigned int i;

	for (i = 0; i < LAUNCHES && !ret; i++)
		ret = seedchip_launch(queue, kernel, &dim, &args, sizeof(args));
	if (!ret)
		ret = seedchip_graph_end(queue, &graph);
	for (i = 0; i < PARAMS && !ret; i++)
		ret = seedchip_graph_param(graph, NULL, i * (LAUNCHES / PARAMS),
					   offsetof(struct affine_args, plus), sizeof(uint64_t),
					   &params[i]);
	return ret;
}

int launch_graph_open(void)
{
	struct seedchip_queue_desc desc = {
		.size = sizeof(desc), .flags = SEEDCHIP_QUEUE_USER,
	};
	struct seedchip_kernel *kernel;
	int ret = seedchip_device_open(0, &dev);

	if (!ret)
		ret = seedchip_module_load_file(dev, KERNELS, &module);
	if (!ret)
		ret = seedchip_module_kernel(module, "affine", &kernel);
	if (!ret)
		ret = seedchip_queue_create(dev, &desc, &queue);
	if (!ret)
		ret = seedchip_buffer_create(dev, 4096, SEEDCHIP_CARD, &buffer);
	return ret ?: record(kernel);
}

int launch_graph_run(void)
{
	unsigned int i;
	int ret = 0;

	value++;
#pragma GCC unroll 8
	for (i = 0; i < PARAMS; i++)
		ret |= seedchip_graph_set(params[i], &value);
	return ret | seedchip_graph_launch(queue, graph);
}

void launch_graph_settle(void)
{
	seedchip_event_wait(seedchip_queue_mark(queue), -1);
}

void launch_graph_close(void)
{
	seedchip_graph_destroy(graph);
	seedchip_buffer_destroy(buffer);
	seedchip_queue_destroy(queue);
	seedchip_module_unload(module);
	seedchip_device_close(dev);
}

uint64_t launch_graph_doorbells(void)
{
	struct seedchip_queue_stats stats = { .size = sizeof(stats) };

	seedchip_queue_stats(queue, &stats);
	return stats.doorbells;
}
