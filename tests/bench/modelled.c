// SPDX-License-Identifier: MIT
/* See modelled.h. Everything that is made lives until modelled_close(). */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "modelled.h"
#include "runtime/sim.h"

__attribute__((format(printf, 1, 2), noreturn)) static void fail(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vfprintf(stderr, format, args);
	va_end(args);
	fputc('\n', stderr);
	exit(EXIT_FAILURE);
}

static void heard(void *opaque, const struct sc_timing *timing)
{
	struct modelled *m = opaque;

	if (timing->opcode == SC_OP_DISPATCH)
		m->timing = *timing;
}

void modelled_open(struct modelled *m, const char *config)
{
	struct seedchip_device_info info = { .size = sizeof(info) };
	char name[300];

	snprintf(name, sizeof(name), "sim:timing=1,config=%s,vram=2G", config);
	setenv("SEEDCHIP_DEVICE", name, 1);
	sim_timing_listen(heard, m);
	m->num_buffers = 0;
	m->module = NULL;
	if (seedchip_device_open(0, &m->device) || sdo_card_of(m->device, &m->card) ||
	    seedchip_device_info(m->device, &info) ||
	    seedchip_queue_create(m->device, NULL, &m->queue))
		fail("%s: %s", config, seedchip_error());
	m->clock_khz = info.clock_khz;
}

void modelled_close(struct modelled *m)
{
	seedchip_queue_destroy(m->queue);
	seedchip_module_unload(m->module);
	while (m->num_buffers)
		seedchip_buffer_destroy(m->buffers[--m->num_buffers]);
	seedchip_device_close(m->device);
	sim_timing_listen(NULL, NULL);
}

uint64_t modelled_buffer(struct modelled *m, uint64_t size)
{
	struct seedchip_buffer *buffer;

	if (m->num_buffers == sizeof(m->buffers) / sizeof(m->buffers[0]))
		fail("too many buffers");
	if (seedchip_buffer_create(m->device, size, SEEDCHIP_CARD, &buffer))
		fail("%s", seedchip_error());
	m->buffers[m->num_buffers++] = buffer;
	return seedchip_buffer_address(buffer);
}

uint64_t modelled_run(struct modelled *m, const char *op, const void *args, size_t size,
		      const struct seedchip_dim *dim)
{
	struct seedchip_fault fault = { .size = sizeof(fault) };
	struct seedchip_kernel *kernel;
	struct seedchip_event done;
	char path[300];

	seedchip_module_unload(m->module);
	snprintf(path, sizeof(path), KERNELS "/%s.elf", op);
	if (seedchip_module_load_file(m->device, path, &m->module) ||
	    seedchip_module_kernel(m->module, op, &kernel) ||
	    seedchip_launch(m->queue, kernel, dim, args, size))
		fail("%s", seedchip_error());
	done = seedchip_queue_mark(m->queue);
	if (seedchip_event_wait(done, -1))
		fail("%s: %s", op, seedchip_event_fault(done, &fault) ? "failed" : fault.text);
	return m->timing.last;
}
