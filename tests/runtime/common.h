/* SPDX-License-Identifier: MIT */
/*
 * What the tests of the runtime in the VM share: an open card with the test's
 * module, and calls that must succeed.
 */
#ifndef COMMON_H
#define COMMON_H

#include <errno.h>
#include <stdint.h>
#include <string.h>

#include "seedchip.h"
#include "seedchip_hw.h"
#include "tests/kselftest/tap.h"

/*
 * The same tests run on the simulator back end: then SIM says which card, and
 * KERNELS where the build has put the kernels.
 */
#ifdef SIM
__attribute__((constructor)) static void choose_simulator(void)
{
	setenv("SEEDCHIP_DEVICE", SIM, 1);
}
#elif !defined(KERNELS)
#define KERNELS "/usr/lib/seedchip/runtime_kernels.elf"
#endif
#define SECOND	1000000000ll
#define LIMIT	(30 * SECOND) /* what never comes is a failure, not a hang */

/* A call that must succeed. */
#define OK(call)                                                                               \
	do {                                                                                   \
		int r_ = (call);                                                               \
		if (r_)                                                                        \
			tap_fail("%s:%d: %s: %s (%s)", __FILE__, __LINE__, #call, strerror(-r_), \
				 seedchip_error());                                            \
	} while (0)

/* A call that must fail with this errno and say this. */
#define FAILS(call, error, text)                                                               \
	do {                                                                                   \
		CHECK_EQ(call, error);                                                         \
		if (!strstr(seedchip_error(), text))                                           \
			tap_fail("%s:%d: message \"%s\" lacks \"%s\"", __FILE__, __LINE__,     \
				 seedchip_error(), text);                                      \
	} while (0)

#ifdef USER_QUEUES
/* The same tests with all queues in user mode. */
static int create_user_queue(struct seedchip_device *dev, const struct seedchip_queue_desc *desc,
			     struct seedchip_queue **queue)
{
	struct seedchip_queue_desc user = { .size = sizeof(user) };

	if (desc)
		user = *desc;
	user.flags |= SEEDCHIP_QUEUE_USER;
	return seedchip_queue_create(dev, &user, queue);
}

#define seedchip_queue_create create_user_queue
#endif

struct card {
	struct seedchip_device *dev;
	struct seedchip_module *module;
	struct seedchip_queue *queue;
};

__attribute__((unused)) static struct card open_card(unsigned int index)
{
	struct card c;

	OK(seedchip_device_open(index, &c.dev));
	OK(seedchip_module_load_file(c.dev, KERNELS, &c.module));
	OK(seedchip_queue_create(c.dev, NULL, &c.queue));
	return c;
}

__attribute__((unused)) static void close_card(struct card *c)
{
	seedchip_queue_destroy(c->queue);
	seedchip_module_unload(c->module);
	seedchip_device_close(c->dev);
}

__attribute__((unused)) static struct seedchip_kernel *kernel(struct card *c, const char *name)
{
	struct seedchip_kernel *k;

	OK(seedchip_module_kernel(c->module, name, &k));
	return k;
}

__attribute__((unused)) static struct seedchip_buffer *
buffer(struct card *c, uint64_t size, uint32_t flags, void *map)
{
	struct seedchip_buffer *b;

	OK(seedchip_buffer_create(c->dev, size, flags, &b));
	if (map)
		OK(seedchip_buffer_map(b, map));
	return b;
}

static const struct seedchip_dim one = { .x = 1, .y = 1, .z = 1 };

/* Arguments of the kernel "affine": v = v * by + plus. */
struct affine {
	uint64_t v, by, plus;
};

/* A queue whose ring is the smallest there is, and a word that its launches change. */
struct small_ring {
	struct card c;
	struct seedchip_queue *queue;
	struct seedchip_buffer *buffer;
	uint64_t *word;
};

__attribute__((unused)) static struct small_ring open_small_ring(void)
{
	struct seedchip_queue_desc desc = { .size = sizeof(desc), .ring_slots = 128 };
	struct small_ring s = { .c = open_card(0) };

	s.buffer = buffer(&s.c, 4096, SEEDCHIP_SYSTEM, &s.word);
	OK(seedchip_queue_create(s.c.dev, &desc, &s.queue));
	return s;
}

/* All that was launched has run, and in its order. */
__attribute__((unused)) static void close_small_ring(struct small_ring *s, uint64_t expected)
{
	OK(seedchip_event_wait(seedchip_queue_mark(s->queue), LIMIT));
	CHECK_EQ(*s->word, expected);
	seedchip_queue_destroy(s->queue);
	seedchip_buffer_destroy(s->buffer);
	close_card(&s->c);
}

#endif /* COMMON_H */
