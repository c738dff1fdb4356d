// SPDX-License-Identifier: MIT
/* vm: timeout=120 */
/* The program of docs/runtime.md: the page quotes its parts, this runs them and looks. */
#include <errno.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

/* doc: include */
#include <seedchip.h>
#include <seedchip/graph.h>
#include <seedchip/notify.h>
/* doc: end */
#include "seedchip_hw.h"
#include "tests/kselftest/tap.h"

/* doc: try */
#define TRY(call)                                                     \
	do {                                                          \
		int r_ = (call);                                      \
		if (r_ < 0)                                           \
			tap_fail("%s: %s", #call, seedchip_error());  \
	} while (0)
/* doc: end */

static const char *kernels = "/usr/lib/seedchip/guide_kernels.elf";
static struct seedchip_device *dev;
static struct seedchip_module *module;
static struct seedchip_queue *queue;

static void test_open(void)
{
	/* doc: open */
	struct seedchip_device_info info = { .size = sizeof(info) };

	TRY(seedchip_device_open(0, &dev));
	TRY(seedchip_device_info(dev, &info));
	printf("# %s: %u cores, %llu MiB, executes %s\n", info.address, info.num_cores,
	       (unsigned long long)info.card_size >> 20, info.isa_string);
	/* doc: end */
	CHECK(info.num_cores && info.card_size);
	/* doc: load */
	TRY(seedchip_module_load_file(dev, kernels, &module));
	TRY(seedchip_queue_create(dev, NULL, &queue));
	/* doc: end */
}

static void test_scale(void)
{
	/* doc: buffer */
	struct seedchip_buffer *buffer;
	float *v;

	TRY(seedchip_buffer_create(dev, 1000 * sizeof(*v), SEEDCHIP_SYSTEM, &buffer));
	TRY(seedchip_buffer_map(buffer, (void **)&v));
	seedchip_buffer_set_name(buffer, "vector");
	for (int i = 0; i < 1000; i++)
		v[i] = i;
	/* doc: end */

	/* doc: launch */
	struct seedchip_kernel *scale;
	struct { uint64_t v; uint32_t count; float by; } args = {
		.v = seedchip_buffer_address(buffer), .count = 1000, .by = 0.5f,
	};
	struct seedchip_dim grid = { .x = 8, .y = 1, .z = 1 };

	TRY(seedchip_module_kernel(module, "scale", &scale));
	TRY(seedchip_run(queue, scale, &grid, &args, sizeof(args), -1));
	/* doc: end */
	for (int i = 0; i < 1000; i++)
		CHECK(v[i] == 0.5f * i);

	args.count = 0;
	CHECK_EQ(seedchip_launch(queue, scale, &grid, &args, 8), -EINVAL);
	seedchip_buffer_destroy(buffer);
}

static void test_stream(void)
{
	struct seedchip_buffer *host, *card;
	struct seedchip_kernel *stream;
	const uint64_t size = 40 * 4096;
	uint8_t *bytes;

	TRY(seedchip_module_kernel(module, "stream", &stream));
	TRY(seedchip_buffer_create(dev, size, SEEDCHIP_SYSTEM, &host));
	TRY(seedchip_buffer_map(host, (void **)&bytes));
	for (uint64_t i = 0; i < size; i++)
		bytes[i] = i * 7;
	/* doc: copy */
	TRY(seedchip_buffer_create(dev, 2 * size, SEEDCHIP_CARD, &card));

	uint64_t in = seedchip_buffer_address(card), out = in + size;
	struct { uint64_t in, out; uint32_t pieces, pad; } args = { in, out, 40, 0 };
	struct seedchip_dim grid = { .x = 4, .y = 1, .z = 1 };

	TRY(seedchip_copy(queue, in, seedchip_buffer_address(host), size));
	TRY(seedchip_launch(queue, stream, &grid, &args, sizeof(args)));
	TRY(seedchip_copy(queue, seedchip_buffer_address(host), out, size));
	TRY(seedchip_event_wait(seedchip_queue_mark(queue), -1));
	/* doc: end */
	for (uint64_t i = 0; i < size; i++)
		CHECK_EQ(bytes[i], (uint8_t)(255 - (uint8_t)(i * 7)));
	seedchip_buffer_destroy(card);
	seedchip_buffer_destroy(host);
}

static void test_matmul(void)
{
	struct seedchip_dim grid = { .x = 1, .y = 1, .z = 1 };
	struct { uint64_t a, b, c; } args;
	struct seedchip_kernel *matmul;
	struct seedchip_buffer *buffer;
	int8_t *a, *b;
	int32_t *c;

	TRY(seedchip_module_kernel(module, "matmul", &matmul));
	TRY(seedchip_buffer_create(dev, 6 * 4096, SEEDCHIP_SYSTEM, &buffer));
	TRY(seedchip_buffer_map(buffer, (void **)&a));
	b = a + 4096;
	c = (int32_t *)(a + 8192);
	for (int i = 0; i < 4096; i++) {
		a[i] = i * 31;
		b[i] = i * 17 + 5;
	}
	args.a = seedchip_buffer_address(buffer);
	args.b = args.a + 4096;
	args.c = args.a + 8192;
	TRY(seedchip_launch(queue, matmul, &grid, &args, sizeof(args)));
	TRY(seedchip_event_wait(seedchip_queue_mark(queue), -1));
	for (int i = 0; i < 4096; i++) {
		int32_t sum = 0;

		for (int k = 0; k < 64; k++)
			sum += a[i / 64 * 64 + k] * b[k * 64 + i % 64];
		CHECK_EQ(c[i], sum);
	}
	seedchip_buffer_destroy(buffer);
}

static void test_two_queues(void)
{
	struct seedchip_buffer *buffer;
	uint64_t address, *words;

	TRY(seedchip_buffer_create(dev, 4096, SEEDCHIP_SYSTEM, &buffer));
	TRY(seedchip_buffer_map(buffer, (void **)&words));
	address = seedchip_buffer_address(buffer);
	/* doc: queues */
	struct seedchip_queue_desc desc = { .size = sizeof(desc), .ring_slots = 64 };
	struct seedchip_queue *second;

	TRY(seedchip_queue_create(dev, &desc, &second));
	TRY(seedchip_fill(queue, address, 0x0123456789abcdef, 2048));

	struct seedchip_event filled = seedchip_queue_mark(queue);

	TRY(seedchip_queue_wait(second, filled));
	TRY(seedchip_copy(second, address + 2048, address, 2048));
	TRY(seedchip_event_wait(seedchip_queue_mark(second), 10000000000));
	/* doc: end */
	CHECK_EQ(words[511], 0x0123456789abcdef);
	CHECK_EQ(seedchip_event_wait(filled, 0), 0);
	seedchip_queue_destroy(second);
	seedchip_buffer_destroy(buffer);
}

struct scale_args {
	uint64_t v;
	uint32_t count;
	float by;
};

static void test_event_loop(void)
{
	struct seedchip_buffer *buffer;
	uint64_t address;
	int loop = epoll_create1(EPOLL_CLOEXEC);

	TRY(seedchip_buffer_create(dev, 4096, SEEDCHIP_SYSTEM, &buffer));
	address = seedchip_buffer_address(buffer);
	/* doc: notify */
	int fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	struct epoll_event ready = { .events = EPOLLIN, .data.fd = fd };
	eventfd_t count;

	epoll_ctl(loop, EPOLL_CTL_ADD, fd, &ready);

	TRY(seedchip_fill(queue, address, 1, 4096));

	struct seedchip_event filled = seedchip_queue_mark(queue);

	TRY(seedchip_event_notify(filled, fd));

	epoll_wait(loop, &ready, 1, -1); /* for clients, timers, cards */
	eventfd_read(ready.data.fd, &count);
	TRY(seedchip_event_wait(filled, 0)); /* how it went */
	/* doc: end */
	CHECK_EQ(count, 1);
	close(fd);
	close(loop);
	seedchip_buffer_destroy(buffer);
}

static void test_graph(void)
{
	struct seedchip_dim grid = { .x = 4, .y = 1, .z = 1 };
	const uint64_t size = 256 * sizeof(float);
	struct seedchip_buffer *near, *far;
	struct seedchip_kernel *scale;
	uint64_t host, card;
	float *v;

	TRY(seedchip_module_kernel(module, "scale", &scale));
	TRY(seedchip_buffer_create(dev, size, SEEDCHIP_SYSTEM, &near));
	TRY(seedchip_buffer_map(near, (void **)&v));
	host = seedchip_buffer_address(near);
	TRY(seedchip_buffer_create(dev, size, SEEDCHIP_CARD, &far));
	card = seedchip_buffer_address(far);

	struct scale_args args = { .v = card, .count = 256, .by = 1.0f };

	v[1] = 3.0f;
	/* doc: record */
	struct seedchip_graph_param *by;
	struct seedchip_graph *graph;

	TRY(seedchip_graph_begin(queue)); /* from here on the calls are recorded */
	TRY(seedchip_copy(queue, card, host, size));

	int node = seedchip_graph_node(queue);

	TRY(seedchip_launch(queue, scale, &grid, &args, sizeof(args)));
	TRY(seedchip_copy(queue, host, card, size));
	TRY(seedchip_graph_end(queue, &graph));
	TRY(seedchip_graph_param(graph, "by", node, offsetof(struct scale_args, by),
				 sizeof(float), &by));

	for (int i = 1; i <= 4; i++) {
		float factor = i;

		TRY(seedchip_graph_set(by, &factor));
		TRY(seedchip_graph_launch(queue, graph));
		TRY(seedchip_event_wait(seedchip_queue_mark(queue), -1));
	}
	/* doc: end */
	CHECK(v[1] == 3.0f * 24);
	seedchip_graph_destroy(graph);
	seedchip_buffer_destroy(far);
	seedchip_buffer_destroy(near);
}

static void test_graph_patched(void)
{
	struct seedchip_kernel *scale, *decay;
	struct seedchip_buffer *buffer;
	struct seedchip_graph *graph;
	struct seedchip_dim grid;
	float *v;

	TRY(seedchip_module_kernel(module, "scale", &scale));
	TRY(seedchip_module_kernel(module, "decay", &decay));
	TRY(seedchip_buffer_create(dev, 256 * sizeof(*v), SEEDCHIP_SYSTEM, &buffer));
	TRY(seedchip_buffer_map(buffer, (void **)&v));

	struct scale_args args = { .v = seedchip_buffer_address(buffer), .count = 256, .by = 1.0f };

	v[1] = 64.0f;
	/* doc: patched */
	struct seedchip_graph_param *next;
	uint64_t address = 0;

	TRY(seedchip_graph_begin(queue));
	grid = (struct seedchip_dim){ .x = 1, .y = 1, .z = 1 };
	TRY(seedchip_launch(queue, decay, &grid, &address, sizeof(address))); /* node 0 */
	grid = (struct seedchip_dim){ .x = 4, .y = 1, .z = 1, .flags = SEEDCHIP_PATCHED };
	TRY(seedchip_launch(queue, scale, &grid, &args, sizeof(args))); /* node 1 */
	TRY(seedchip_graph_end(queue, &graph));
	TRY(seedchip_graph_address(graph, 1, &address)); /* where node 1's arguments lie */
	TRY(seedchip_graph_param(graph, "next", 0, 0, sizeof(address), &next));
	TRY(seedchip_graph_set(next, &address));

	for (int i = 0; i < 3; i++)
		TRY(seedchip_graph_launch(queue, graph)); /* by 1/2, by 1/4, by 1/8 */
	/* doc: end */
	TRY(seedchip_event_wait(seedchip_queue_mark(queue), -1));
	CHECK(v[1] == 1.0f);
	seedchip_graph_destroy(graph);
	seedchip_buffer_destroy(buffer);
}

static char printed[256];

static void receive(void *opaque, enum seedchip_log_level level, const char *text)
{
	(void)opaque;
	if (level == SEEDCHIP_LOG_KERNEL)
		snprintf(printed, sizeof(printed), "%s", text);
}

static void test_fault(void)
{
	struct { uint64_t v; uint32_t count, wanted; } args = { .count = 1024, .wanted = 7 };
	struct seedchip_dim grid = { .x = 1, .y = 1, .z = 1 };
	struct seedchip_buffer *buffer;
	struct seedchip_kernel *find;
	uint32_t *v;

	TRY(seedchip_module_kernel(module, "find", &find));
	TRY(seedchip_buffer_create(dev, 4096, SEEDCHIP_SYSTEM, &buffer));
	TRY(seedchip_buffer_map(buffer, (void **)&v));
	seedchip_buffer_set_name(buffer, "numbers");
	args.v = seedchip_buffer_address(buffer);
	seedchip_log_set(receive, NULL);
	v[100] = 7;
	TRY(seedchip_launch(queue, find, &grid, &args, sizeof(args)));
	TRY(seedchip_event_wait(seedchip_queue_mark(queue), -1));
	CHECK(!strcmp(printed, "7 is at 100\n"));

	args.wanted = 8;
	TRY(seedchip_launch(queue, find, &grid, &args, sizeof(args)));
	/* doc: fault */
	struct seedchip_event done = seedchip_queue_mark(queue);
	struct seedchip_fault fault = { .size = sizeof(fault) };

	if (seedchip_event_wait(done, -1) == -EIO) {
		TRY(seedchip_event_fault(done, &fault));
		printf("# %s\n", fault.text);
		printf("# line: llvm-symbolizer-19 -e %s 0x%llx\n", fault.module,
		       (unsigned long long)fault.module_offset);
		TRY(seedchip_queue_recover(queue));
	}
	/* doc: end */
	CHECK_EQ(fault.status, SC_STATUS_FAULT);
	CHECK_EQ(fault.code, SC_CODE_UNMAPPED);
	CHECK_EQ(fault.address, args.v + 4096);
	CHECK(!strcmp(fault.function, "find"));
	CHECK(!strcmp(fault.buffer, "numbers"));

	args.count = 0; /* the assertion */
	TRY(seedchip_launch(queue, find, &grid, &args, sizeof(args)));
	done = seedchip_queue_mark(queue);
	CHECK_EQ(seedchip_event_wait(done, -1), -EIO);
	CHECK(strstr(printed, "args->count > 0"));
	TRY(seedchip_queue_recover(queue));
	seedchip_log_set(NULL, NULL);
	seedchip_buffer_destroy(buffer);
}

static void test_close(void)
{
	/* doc: close */
	seedchip_queue_destroy(queue);
	seedchip_module_unload(module);
	seedchip_device_close(dev);
	/* doc: end */
}

int main(int argc, char **argv)
{
	static const struct tap_test tests[] = {
		{ "open a card, load a module", test_open },
		{ "a kernel on memory of the host", test_scale },
		{ "copies, and a kernel that streams", test_stream },
		{ "the matrix engine", test_matmul },
		{ "two queues", test_two_queues },
		{ "an event loop", test_event_loop },
		{ "graphs", test_graph },
		{ "a graph whose kernel patches another", test_graph_patched },
		{ "prints, faults, recovery", test_fault },
		{ "close", test_close },
	};

	if (argc > 1)
		kernels = argv[1];
	return TAP_RUN(tests);
}
