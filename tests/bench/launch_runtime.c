// SPDX-License-Identifier: MIT
/*
 * The paths through the runtime: single launches, a batch, a graph of a hundred
 * launches of which eight parameters are patched, and pieces of a pool.
 *
 * What is counted are the calls of the runtime: the same code calls functions that
 * do nothing, too, and what that takes is not counted. A replay of the graph and
 * a batch have been waited for, outside of the count, when the next one begins; a
 * single launch is waited for within.
 */
#include <errno.h>

#include "launch.h"
#include "seedchip.h"
#include "seedchip/graph.h"
#include "seedchip/pool.h"

#define KERNELS	 "/usr/lib/seedchip/launch_kernel.elf"
#define LAUNCHES 100
#define PARAMS	 8
#define PIECE	 3000

static struct seedchip_device *dev;
static struct seedchip_module *module;
static struct seedchip_queue *queue;
static struct seedchip_buffer *buffer;
static struct seedchip_kernel *three;
static struct seedchip_pool *pool;
static struct seedchip_graph *graph;
static struct seedchip_graph_param *params[PARAMS];
static uint64_t value;

struct three_args {
	uint64_t a, b, c;
};

static const struct seedchip_dim one = { .x = 1, .y = 1, .z = 1 };
static struct three_args three_args;

/* What the paths call. */
struct calls {
	__typeof__(&seedchip_launch) launch;
	__typeof__(&seedchip_run) run;
	__typeof__(&seedchip_queue_flush) flush;
	__typeof__(&seedchip_queue_mark) mark;
	__typeof__(&seedchip_event_wait) wait;
	__typeof__(&seedchip_graph_set) set;
	__typeof__(&seedchip_graph_launch) replay;
	__typeof__(&seedchip_pool_alloc) alloc;
	__typeof__(&seedchip_pool_free) free;
};

static const struct calls real = {
	seedchip_launch, seedchip_run, seedchip_queue_flush, seedchip_queue_mark,
	seedchip_event_wait, seedchip_graph_set, seedchip_graph_launch, seedchip_pool_alloc,
	seedchip_pool_free,
};

static int no_call(void)
{
	return 0;
}

static struct seedchip_event no_mark(struct seedchip_queue *q)
{
	return (struct seedchip_event){ q, 0 };
}

static const struct calls none = {
	(void *)no_call, (void *)no_call, (void *)no_call, no_mark,
	(void *)no_call, (void *)no_call, (void *)no_call, (void *)no_call,
	(void *)no_call,
};

static const struct calls *calls = &real;

void launch_runtime_bare(bool bare)
{
	calls = bare ? &none : &real;
}

static int launch(void)
{
	return calls->launch(queue, three, &one, &three_args, sizeof(three_args));
}

static int open_runtime(uint32_t flags)
{
	struct seedchip_queue_desc desc = { .size = sizeof(desc), .flags = flags };
	int ret = seedchip_device_open(0, &dev);

	if (!ret)
		ret = seedchip_module_load_file(dev, KERNELS, &module);
	if (!ret)
		ret = seedchip_module_kernel(module, "three", &three);
	if (!ret)
		ret = seedchip_queue_create(dev, &desc, &queue);
	if (!ret)
		ret = seedchip_buffer_create(dev, 0x10000, SEEDCHIP_CARD, &buffer);
	if (!ret)
		ret = seedchip_pool_create(buffer, &pool);
	if (!ret)
		three_args = (struct three_args){ seedchip_buffer_address(buffer), 1, 0 };
	return ret;
}

int launch_runtime_open(void)
{
	return open_runtime(SEEDCHIP_QUEUE_USER);
}

int launch_runtime_open_kernel(void)
{
	return open_runtime(0);
}

int launch_runtime_run(void)
{
	return calls->run(queue, three, &one, &three_args, sizeof(three_args), -1);
}

int launch_runtime_steps(void)
{
	int ret = launch();

	return ret | calls->wait(calls->mark(queue), -1);
}

int launch_runtime_batch(void)
{
	unsigned int i;
	int ret = 0;

	for (i = 0; i < LAUNCH_BATCH; i++)
		ret |= launch();
	return ret | calls->flush(queue);
}

int launch_pool_run(void)
{
	uint64_t piece = 0;
	int ret = calls->alloc(pool, PIECE, &piece);

	return ret | calls->free(pool, piece);
}

int launch_graph_open(void)
{
	unsigned int i;
	int ret = launch_runtime_open();

	if (!ret)
		ret = seedchip_graph_begin(queue);
	for (i = 0; i < LAUNCHES && !ret; i++)
		ret = launch();
	if (!ret)
		ret = seedchip_graph_end(queue, &graph);
	for (i = 0; i < PARAMS && !ret; i++)
		ret = seedchip_graph_param(graph, NULL, i * (LAUNCHES / PARAMS),
					   offsetof(struct three_args, c), sizeof(uint64_t),
					   &params[i]);
	return ret;
}

int launch_graph_run(void)
{
	unsigned int i;
	int ret = 0;

	value++;
#pragma GCC unroll 8
	for (i = 0; i < PARAMS; i++)
		ret |= calls->set(params[i], &value);
	return ret | calls->replay(queue, graph);
}

void launch_runtime_settle(void)
{
	seedchip_event_wait(seedchip_queue_mark(queue), -1);
}

void launch_runtime_close(void)
{
	seedchip_graph_destroy(graph);
	graph = NULL;
	seedchip_pool_destroy(pool);
	seedchip_buffer_destroy(buffer);
	seedchip_queue_destroy(queue);
	seedchip_module_unload(module);
	seedchip_device_close(dev);
}

uint64_t launch_runtime_doorbells(void)
{
	struct seedchip_queue_stats stats = { .size = sizeof(stats) };

	seedchip_queue_stats(queue, &stats);
	return stats.doorbells;
}
