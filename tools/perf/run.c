// SPDX-License-Identifier: MIT
/*
 * The run: a simulated card with timing, a module, launches one after the
 * other. What the timing model says of each comes from a worker of the card.
 */
#include <stdlib.h>
#include <string.h>

#include "perf.h"
#include "runtime/sim.h"

static void heard(void *opaque, const struct sc_timing *timing)
{
	struct result *r = opaque;

	if (timing->opcode != SC_OP_DISPATCH)
		return;
	r->timing = *timing;
	memcpy(r->state, timing->state, timing->cores * sizeof(r->state[0]));
	r->timing.state = r->state;
	r->cycles[r->launches++] = timing->cycles;
}

static void choose_card(const struct options *o)
{
	char text[640];
	int n = snprintf(text, sizeof(text), "sim:timing=1");

	if ((o->config && strchr(o->config, ',')) || (o->trace && strchr(o->trace, ',')))
		fail("the name of a file must not have a comma");
	if (o->config)
		n += snprintf(text + n, sizeof(text) - n, ",config=%.255s", o->config);
	if (o->trace)
		n += snprintf(text + n, sizeof(text) - n, ",trace=%.255s", o->trace);
	if (o->threads)
		snprintf(text + n, sizeof(text) - n, ",threads=%u", o->threads);
	setenv("SEEDCHIP_DEVICE", text, 1);
	unsetenv("SEEDCHIP_VISIBLE_DEVICES");
}

static void list_kernels(const struct seedchip_module *mod)
{
	fprintf(stderr, "kernels of %s:\n", mod->name);
	for (unsigned int i = 0; i < mod->image.num_kernels; i++)
		fprintf(stderr, "  %s\n", mod->kernels[i].info.name);
}

static struct seedchip_kernel *find_kernel(const struct options *o, struct seedchip_module *mod)
{
	struct seedchip_kernel *kernel;

	if (!o->kernel && mod->image.num_kernels == 1)
		return &mod->kernels[0];
	if (o->kernel && !seedchip_module_kernel(mod, o->kernel, &kernel))
		return kernel;
	list_kernels(mod);
	if (o->kernel)
		fail("%s has no kernel %s", o->module, o->kernel);
	fail("%s has %u kernels: choose with --kernel", o->module, mod->image.num_kernels);
}

static void explain(struct seedchip_event event)
{
	struct seedchip_fault fault = { .size = sizeof(fault) };

	if (seedchip_event_fault(event, &fault))
		fail("%s", seedchip_error());
	fail("the kernel failed: %s", fault.text);
}

static void launch(const struct options *o, struct seedchip_queue *queue,
		   const struct seedchip_kernel *kernel, const struct argument_block *block)
{
	struct seedchip_event event;

	for (unsigned int i = 0; i < o->repeat; i++) {
		if (seedchip_launch(queue, kernel, &o->dim, block->bytes, block->size))
			fail("%s", seedchip_error());
		event = seedchip_queue_mark(queue);
		if (seedchip_event_wait(event, -1))
			explain(event);
	}
}

static void run_module(const struct options *o, struct seedchip_device *dev,
		       struct result *result)
{
	struct argument_block block;
	struct seedchip_module *mod;
	struct seedchip_kernel *kernel;
	struct seedchip_queue *queue;

	if (seedchip_module_load_file(dev, o->module, &mod) ||
	    seedchip_queue_create(dev, NULL, &queue))
		fail("%s", seedchip_error());
	kernel = find_kernel(o, mod);
	args_build(&block, dev, o->args, o->num_args);
	if (block.size < kernel->info.args_size && kernel->info.args_size - block.size < 8)
		block.size = kernel->info.args_size; /* padding at its end */
	if (block.size != kernel->info.args_size)
		fail("the arguments make %zu bytes, those of %s have %u", block.size,
		     kernel->info.name, kernel->info.args_size);
	snprintf(result->kernel, sizeof(result->kernel), "%s", kernel->info.name);
	sim_timing_listen(heard, result);
	launch(o, queue, kernel, &block);
	sim_timing_listen(NULL, NULL);
	seedchip_queue_destroy(queue);
	args_free(&block);
	seedchip_module_unload(mod);
}

void run(const struct options *o, struct result *result)
{
	struct seedchip_device *dev;

	memset(result, 0, sizeof(*result));
	result->cycles = calloc(o->repeat, sizeof(*result->cycles));
	if (!result->cycles)
		fail("out of memory");
	choose_card(o);
	if (seedchip_device_open(0, &dev))
		fail("%s", seedchip_error());
	run_module(o, dev, result);
	seedchip_device_close(dev);
	if (!result->launches)
		fail("the launch ran no workgroup");
}
