/* SPDX-License-Identifier: MIT */
/*
 * Kernels in modelled time, for the rows of `make bench` that say what a kernel
 * reaches on a machine: a simulated card of a configuration, and the cycles of
 * one launch. Such numbers repeat exactly on every host.
 */
#ifndef SC_TESTS_MODELLED_H
#define SC_TESTS_MODELLED_H

#include "qemu-device/chip/timing.h"
#include "seedchip.h"
#include "seedchip/ops.h"

/* The paper SC1; from the top of the tree. */
#define MODELLED_PAPER "tools/perf/configs/paper.conf"

/**
 * struct modelled - a card, and what the last launch took
 * @timing: its rows of states are not kept
 * @device: to make buffers
 * @card: for sdo_OP_dim()
 */
struct modelled {
	struct sc_timing timing;
	struct seedchip_device *device;
	struct seedchip_queue *queue;
	struct seedchip_module *module; /* of the last launch */
	struct seedchip_buffer *buffers[8];
	unsigned int num_buffers;
	struct sdo_card card;
	uint32_t clock_khz;
};

/* Each of these ends the program with a message if it cannot do what it says. */
void modelled_open(struct modelled *m, const char *config);
void modelled_close(struct modelled *m);

/** modelled_buffer() - card memory, zero; its address */
uint64_t modelled_buffer(struct modelled *m, uint64_t size);

/** modelled_run() - cycles from the start of the launch to the end of its last workgroup. */
uint64_t modelled_run(struct modelled *m, const char *op, const void *args, size_t size,
		      const struct seedchip_dim *dim);

#endif /* SC_TESTS_MODELLED_H */
