// SPDX-License-Identifier: MIT
/*
 * The neighbour: sums numbers on all cores, again and again, each sum checked,
 * until it is told to stop. It says that it has started only after a first
 * right result, so that what the test does really happens beside it.
 */
#include "neighbour.h"

#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <seedchip.h>

#define MODULE "/usr/lib/seedchip/kernels.elf"
#define COUNT  4096u
#define GROUPS 8u
#define ROUNDS 40u
#define LIMIT  120000000000 /* nanoseconds */

struct sum_args {
	uint64_t in;
	uint64_t out;
	uint32_t count;
	uint32_t rounds;
};

static pid_t child;
static int stop_it, hear_it;

static void must(int ret, const char *what)
{
	if (ret) {
		printf("# neighbour: %s: %s (%s)\n", what, strerror(-ret), seedchip_error());
		exit(EXIT_FAILURE);
	}
}

static void check_sums(const uint64_t *sums)
{
	for (uint32_t i = 0; i < GROUPS; i++) {
		uint64_t want = 0;

		for (uint32_t k = i; k < COUNT; k += GROUPS)
			want += k * 2654435761u;
		if (sums[i] != want) {
			printf("# neighbour: workgroup %u: wrong sum\n", i);
			exit(EXIT_FAILURE);
		}
	}
}

/* Until the other end of @stop is closed; one byte to @heard after the first result. */
static void compute(int stop, int heard)
{
	struct pollfd until = { .fd = stop, .events = POLLIN };
	struct seedchip_dim dim = { .x = GROUPS, .y = 1, .z = 1 };
	struct seedchip_buffer *in, *out;
	struct seedchip_kernel *kernel;
	struct seedchip_module *module;
	struct seedchip_device *dev;
	struct seedchip_queue *queue;
	struct sum_args args;
	uint32_t *numbers;
	uint64_t *sums;
	unsigned int launches = 0;

	must(seedchip_device_open(0, &dev), "open");
	must(seedchip_module_load_file(dev, MODULE, &module), "load");
	must(seedchip_module_kernel(module, "sum", &kernel), "kernel");
	must(seedchip_queue_create(dev, NULL, &queue), "queue");
	must(seedchip_buffer_create(dev, COUNT * 4, SEEDCHIP_CARD | SEEDCHIP_CPU, &in), "input");
	must(seedchip_buffer_map(in, (void **)&numbers), "map");
	must(seedchip_buffer_create(dev, 4096, SEEDCHIP_SYSTEM, &out), "output");
	must(seedchip_buffer_map(out, (void **)&sums), "map");
	for (uint32_t i = 0; i < COUNT; i++)
		numbers[i] = i * 2654435761u;
	args = (struct sum_args){ seedchip_buffer_address(in), seedchip_buffer_address(out), COUNT,
				  ROUNDS };
	do {
		memset(sums, 0, GROUPS * 8);
		must(seedchip_launch(queue, kernel, &dim, &args, sizeof(args)), "launch");
		must(seedchip_event_wait(seedchip_queue_mark(queue), LIMIT), "work");
		check_sums(sums);
		if (!launches++ && write(heard, "x", 1) != 1)
			exit(EXIT_FAILURE);
	} while (!poll(&until, 1, 0));
	printf("# neighbour: %u launches, all right\n", launches);
	exit(EXIT_SUCCESS);
}

void neighbour_start(void)
{
	int stop[2], heard[2];
	char byte;

	if (pipe(stop) || pipe(heard)) {
		perror("pipe");
		exit(EXIT_FAILURE);
	}
	fflush(stdout);
	child = fork();
	if (!child) {
		close(stop[1]);
		close(heard[0]);
		compute(stop[0], heard[1]);
	}
	close(stop[0]);
	close(heard[1]);
	stop_it = stop[1];
	hear_it = heard[0];
	if (read(hear_it, &byte, 1) != 1) {
		printf("Bail out! the neighbour does not compute\n");
		exit(EXIT_FAILURE);
	}
}

bool neighbour_stop(void)
{
	int status;

	close(stop_it);
	close(hear_it);
	return waitpid(child, &status, 0) == child && WIFEXITED(status) && !WEXITSTATUS(status);
}
