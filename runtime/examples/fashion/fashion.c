// SPDX-License-Identifier: MIT
/*
 * The demo: classify the test images of Fashion-MNIST on the card.
 *
 * The weights go to card memory once. The images go there in batches: while the
 * card works on one, the CPU fills the staging memory of the next. A batch is
 * three packets of one queue: copy the images to the card, run the kernel,
 * copy the labels back. With --graph they are recorded, once for each slot, and
 * replayed. The invariant: a slot's memory is touched by the CPU only after the
 * event of its last batch.
 */
#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "fashion.h"
#include "picture.h"
#include "seedchip.h"
#include "seedchip/graph.h"
#include "tools/train/idx.h"
#include "tools/train/reference.h"

#define SLOTS 2 /* batches in flight */

_Static_assert(FASHION_MAX_LAYERS >= SDW_MAX_LAYERS, "a network's layers fit the arguments");
_Static_assert(FASHION_MAX_DIM >= SDW_MAX_DIM, "a layer's outputs fit the accumulators");

struct options {
	const char *data;
	const char *weights;
	const char *kernel;
	const char *predictions;
	uint32_t card;
	uint32_t images;
	uint32_t batch;
	uint32_t show;
	bool blocks;
	bool graph;
};

/* A batch in flight: its memory on both sides, and what it holds. */
struct slot {
	struct seedchip_buffer *pixels_host;
	struct seedchip_buffer *pixels_card;
	struct seedchip_buffer *labels_host;
	struct seedchip_buffer *labels_card;
	uint8_t *pixels;
	uint8_t *labels;
	struct seedchip_graph *graph; /* with --graph: the three steps, and what batches change */
	struct seedchip_graph_param *size;
	struct seedchip_graph_param *groups;
	struct seedchip_graph_param *images;
	struct seedchip_graph_param *results;
	struct seedchip_event done;
	uint32_t first;
	uint32_t count;
};

struct demo {
	struct options opt;
	struct idx_set set;
	struct sdw_net net;
	uint8_t *predictions;
	struct seedchip_device *dev;
	struct seedchip_queue *queue;
	struct seedchip_module *mod;
	struct seedchip_kernel *kernel;
	struct seedchip_buffer *weights_host;
	struct seedchip_buffer *weights_card;
	struct slot slot[SLOTS];
	struct fashion_args args; /* of every launch, but for images, labels and count */
	uint32_t dynamic;
	uint32_t finished;
	uint32_t correct;
	uint32_t dispatches;
	uint64_t to_card;
	uint64_t from_card;
	double seconds;
};

static int complain(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
static int complain(const char *fmt, ...)
{
	va_list ap;

	fputs("fashion: ", stderr);
	va_start(ap, fmt);
	vfprintf(stderr, fmt, ap);
	va_end(ap);
	fputc('\n', stderr);
	return -1;
}

static int failed(const char *what)
{
	return complain("%s: %s", what, seedchip_error());
}

/* What has stopped the queue says more than the call that noticed it. */
static int queue_failed(const char *what, struct seedchip_event event)
{
	struct seedchip_fault fault = { .size = sizeof(fault) };

	if (seedchip_event_fault(event, &fault))
		return failed(what);
	return complain("%s: %s", what, fault.text);
}

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec + t.tv_nsec / 1e9;
}

/* A number with a comma between thousands; good for a few uses within one printf(). */
static const char *grouped(uint64_t value)
{
	static char ring[8][32];
	static unsigned int next;
	char digits[24], *out = ring[next++ % 8], *p = out;
	int len = snprintf(digits, sizeof(digits), "%" PRIu64, value);

	for (int i = 0; i < len; i++) {
		if (i && (len - i) % 3 == 0)
			*p++ = ',';
		*p++ = digits[i];
	}
	*p = 0;
	return out;
}

/* ---- preparation ---- */

static int read_inputs(struct demo *d)
{
	char err[256];

	if (sdw_read(&d->net, d->opt.weights, err, sizeof(err)) ||
	    idx_read(&d->set, d->opt.data, "t10k", err, sizeof(err)))
		return complain("%s", err);
	if (d->net.layer[0].k != IDX_PIXELS || d->net.layer[d->net.layers - 1].n != IDX_CLASSES)
		return complain("%s: not a network for %d pixels and %d classes", d->opt.weights,
				IDX_PIXELS, IDX_CLASSES);
	if (d->opt.images > d->set.count)
		return complain("--images %u: there are %u", d->opt.images, d->set.count);
	if (!d->opt.images)
		d->opt.images = d->set.count;
	if (d->opt.batch > d->opt.images)
		d->opt.batch = d->opt.images;
	d->predictions = calloc(d->opt.images, 1);
	return d->predictions ? 0 : complain("no memory");
}

static int open_card(struct demo *d)
{
	struct seedchip_device_info info = { .size = sizeof(info) };

	if (seedchip_device_open(d->opt.card, &d->dev))
		return failed("open the card");
	if (seedchip_device_info(d->dev, &info) || seedchip_queue_create(d->dev, NULL, &d->queue))
		return failed("create a queue");
	if (seedchip_module_load_file(d->dev, d->opt.kernel, &d->mod) ||
	    seedchip_module_kernel(d->mod, "fashion", &d->kernel))
		return failed("load the kernel");

	printf("Fashion-MNIST on an SC1 card\n\n");
	printf("  card      %s: %u cores with %u KiB of scratchpad, %s MiB of card memory\n",
	       info.address, info.num_cores, info.tcm_size >> 10, grouped(info.card_size >> 20));
	printf("  harts     %s\n", info.isa_string);
	return 0;
}

static int create_buffer(struct demo *d, uint64_t size, uint32_t flags, const char *name,
			 struct seedchip_buffer **buf)
{
	if (seedchip_buffer_create(d->dev, size, flags, buf))
		return failed(name);
	seedchip_buffer_set_name(*buf, name);
	return 0;
}

static int create_slot(struct demo *d, struct slot *s)
{
	uint64_t size = (uint64_t)d->opt.batch * IDX_PIXELS;
	void *pixels, *labels;

	if (create_buffer(d, size, SEEDCHIP_SYSTEM, "pixels (host)", &s->pixels_host) ||
	    create_buffer(d, size, SEEDCHIP_CARD, "pixels (card)", &s->pixels_card) ||
	    create_buffer(d, d->opt.batch, SEEDCHIP_SYSTEM, "labels (host)", &s->labels_host) ||
	    create_buffer(d, d->opt.batch, SEEDCHIP_CARD, "labels (card)", &s->labels_card))
		return -1;
	if (seedchip_buffer_map(s->pixels_host, &pixels) ||
	    seedchip_buffer_map(s->labels_host, &labels))
		return failed("map a buffer");
	s->pixels = pixels;
	s->labels = labels;
	return 0;
}

/* Queue the copy of the weights file to the card and describe its layers to the kernel. */
static int load_network(struct demo *d)
{
	const char *base = d->net.data;
	uint64_t address;
	void *host;

	if (create_buffer(d, d->net.size, SEEDCHIP_SYSTEM, "weights (host)", &d->weights_host) ||
	    create_buffer(d, d->net.size, SEEDCHIP_CARD, "weights (card)", &d->weights_card))
		return -1;
	if (seedchip_buffer_map(d->weights_host, &host))
		return failed("map a buffer");
	memcpy(host, base, d->net.size);
	address = seedchip_buffer_address(d->weights_card);
	if (seedchip_copy(d->queue, address, seedchip_buffer_address(d->weights_host), d->net.size))
		return failed("copy the weights");
	d->to_card += d->net.size;

	printf("  network   %u", d->net.layer[0].k);
	d->args.layers = d->net.layers;
	for (uint32_t i = 0; i < d->net.layers; i++) {
		const struct sdw_layer *l = &d->net.layer[i];

		d->args.layer[i] = (struct fashion_layer){
			.weights = address + ((const char *)l->weights - base),
			.bias = address + ((const char *)l->bias - base),
			.mult = l->mult ? address + ((const char *)l->mult - base) : 0,
			.k = l->k,
			.n = l->n,
			.shift = l->shift,
		};
		printf(" - %u", l->n);
	}
	d->dynamic = fashion_scratch(&d->args).size;
	printf(", int8 weights, %s bytes\n", grouped(d->net.size));
	return 0;
}

/* ---- the run ---- */

/* The three steps of the slot's batch. */
static int queue_steps(struct demo *d, struct slot *s)
{
	uint64_t pixels = seedchip_buffer_address(s->pixels_card);
	uint64_t labels = seedchip_buffer_address(s->labels_card);
	uint64_t size = (uint64_t)s->count * IDX_PIXELS;
	struct seedchip_dim dim = {
		.x = (s->count + FASHION_GROUP - 1) / FASHION_GROUP, .y = 1, .z = 1,
		.dynamic = d->dynamic, .tag = s->first,
	};
	int r;

	d->args.images = pixels;
	d->args.labels = labels;
	d->args.count = s->count;
	r = seedchip_copy(d->queue, pixels, seedchip_buffer_address(s->pixels_host), size);
	if (!r)
		r = seedchip_launch(d->queue, d->kernel, &dim, &d->args, sizeof(d->args));
	if (!r)
		r = seedchip_copy(d->queue, seedchip_buffer_address(s->labels_host), labels,
				  s->count);
	return r;
}

static int record_steps(struct demo *d, struct slot *s)
{
	int r = seedchip_graph_begin(d->queue);

	if (!r)
		r = queue_steps(d, s);
	if (!r)
		r = seedchip_graph_end(d->queue, &s->graph);
	if (!r)
		r = seedchip_graph_param(s->graph, "size", 0, SEEDCHIP_PLACE_SIZE, 8, &s->size);
	if (!r)
		r = seedchip_graph_param(s->graph, "groups", 1, SEEDCHIP_PLACE_GRID, 4, &s->groups);
	if (!r)
		r = seedchip_graph_param(s->graph, "images", 1,
					 offsetof(struct fashion_args, count),
					 sizeof(d->args.count), &s->images);
	if (!r)
		r = seedchip_graph_param(s->graph, "results", 2, SEEDCHIP_PLACE_SIZE, 8,
					 &s->results);
	return r;
}

/* The slot's last replay is over, so that every parameter can be set. */
static int replay_steps(struct demo *d, struct slot *s)
{
	uint64_t size = (uint64_t)s->count * IDX_PIXELS, results = s->count;
	uint32_t groups = (s->count + FASHION_GROUP - 1) / FASHION_GROUP;
	int r = s->graph ? 0 : record_steps(d, s);

	if (!r)
		r = seedchip_graph_set(s->size, &size);
	if (!r)
		r = seedchip_graph_set(s->groups, &groups);
	if (!r)
		r = seedchip_graph_set(s->images, &s->count);
	if (!r)
		r = seedchip_graph_set(s->results, &results);
	return r ? r : seedchip_graph_launch(d->queue, s->graph);
}

static int start_batch(struct demo *d, struct slot *s, uint32_t first)
{
	uint32_t rest = d->opt.images - first;
	uint64_t size;

	s->first = first;
	s->count = rest < d->opt.batch ? rest : d->opt.batch;
	size = (uint64_t)s->count * IDX_PIXELS;
	memcpy(s->pixels, d->set.pixels + (uint64_t)first * IDX_PIXELS, size);
	if (d->opt.graph ? replay_steps(d, s) : queue_steps(d, s))
		return queue_failed("queue a batch", seedchip_queue_mark(d->queue));
	s->done = seedchip_queue_mark(d->queue);
	d->dispatches++;
	d->to_card += size;
	d->from_card += s->count;
	return 0;
}

static int finish_batch(struct demo *d, struct slot *s, double start)
{
	double seconds;

	if (seedchip_event_wait(s->done, -1))
		return queue_failed("wait for the card", s->done);
	for (uint32_t i = 0; i < s->count; i++) {
		d->predictions[s->first + i] = s->labels[i];
		d->correct += s->labels[i] == d->set.labels[s->first + i];
	}
	d->finished += s->count;
	s->count = 0;
	seconds = now() - start;
	printf("  %7s of %s images   %5.2f %% right   %6s images/s\n", grouped(d->finished),
	       grouped(d->opt.images), 100.0 * d->correct / d->finished,
	       grouped(d->finished / seconds));
	fflush(stdout);
	return 0;
}

static int classify(struct demo *d)
{
	double start = now();
	uint32_t first, batch = 0;

	for (first = 0; first < d->opt.images; first += d->opt.batch, batch++) {
		struct slot *s = &d->slot[batch % SLOTS];

		if ((s->count && finish_batch(d, s, start)) || start_batch(d, s, first))
			return -1;
	}
	for (uint32_t i = 0; i < SLOTS; i++, batch++) {
		struct slot *s = &d->slot[batch % SLOTS];

		if (s->count && finish_batch(d, s, start))
			return -1;
	}
	d->seconds = now() - start;
	return 0;
}

/* ---- the results ---- */

/* Image after image of classes 0, 1, 2 ..., so that a few pictures show different things. */
static void show(const struct demo *d)
{
	struct picture row[PICTURE_ROWS];
	uint32_t next[IDX_CLASSES] = { 0 };
	uint32_t width = 0;

	for (uint32_t shown = 0; shown < d->opt.show; shown++) {
		uint32_t class = shown % IDX_CLASSES, i = next[class];
		unsigned int label;

		while (i < d->opt.images && d->set.labels[i] != class)
			i++;
		next[class] = i + 1;
		if (i >= d->opt.images)
			continue;
		label = d->predictions[i];
		row[width].pixels = d->set.pixels + (uint64_t)i * IDX_PIXELS;
		if (label == class)
			snprintf(row[width].caption, sizeof(row[width].caption), "%s, right",
				 idx_class_name(label));
		else
			snprintf(row[width].caption, sizeof(row[width].caption), "%s, wrong: %s",
				 idx_class_name(label), idx_class_name(class));
		if (++width == PICTURE_ROWS) {
			putchar('\n');
			picture_print(stdout, row, width, IDX_SIDE, d->opt.blocks);
			width = 0;
		}
	}
	if (width) {
		putchar('\n');
		picture_print(stdout, row, width, IDX_SIDE, d->opt.blocks);
	}
}

static int report(const struct demo *d)
{
	struct seedchip_queue_stats stats = { .size = sizeof(stats) };

	if (seedchip_queue_stats(d->queue, &stats))
		return failed("read the counters");
	printf("\n  images                 %15s   %s right: %.2f %%\n", grouped(d->opt.images),
	       grouped(d->correct), 100.0 * d->correct / d->opt.images);
	printf("  seconds                %15.2f   %s images per second, copies included\n",
	       d->seconds, grouped(d->opt.images / d->seconds));
	printf("  dispatches             %15s   of up to %s images\n", grouped(d->dispatches),
	       grouped(d->opt.batch));
	printf("  bytes to the card      %15s   weights and images\n", grouped(d->to_card));
	printf("  bytes from the card    %15s   labels\n", grouped(d->from_card));
	printf("\n  counted by the card\n");
	printf("  packets                %15s\n", grouped(stats.packets));
	printf("  bytes copied           %15s   by copy packets\n", grouped(stats.copy_bytes));
	printf("  bytes by DMA           %15s   between card memory and scratchpads\n",
	       grouped(stats.dma_bytes));
	printf("  workgroups             %15s   of up to %d images\n", grouped(stats.workgroups),
	       FASHION_GROUP);
	printf("  instructions           %15s   %s for an image\n", grouped(stats.insns),
	       grouped(stats.insns / d->opt.images));
	printf("  multiply-accumulates   %15s   %s for an image\n", grouped(stats.macs),
	       grouped(stats.macs / d->opt.images));
	printf("  core milliseconds      %15s   busy, summed over the cores\n",
	       grouped(stats.busy_ns / 1000000));
	return 0;
}

/* One digit per image, a hundred to a line. */
static int write_predictions(const struct demo *d)
{
	FILE *f = fopen(d->opt.predictions, "w");

	if (!f)
		return complain("%s: %s", d->opt.predictions, strerror(errno));
	for (uint32_t i = 0; i < d->opt.images; i++) {
		fprintf(f, "%u", d->predictions[i]);
		if (i % 100 == 99 || i + 1 == d->opt.images)
			fputc('\n', f);
	}
	if (ferror(f) | fclose(f))
		return complain("%s: cannot write", d->opt.predictions);
	return 0;
}

static void cleanup(struct demo *d)
{
	seedchip_queue_destroy(d->queue);
	seedchip_module_unload(d->mod);
	for (uint32_t i = 0; i < SLOTS; i++) {
		seedchip_graph_destroy(d->slot[i].graph);
		seedchip_buffer_destroy(d->slot[i].pixels_host);
		seedchip_buffer_destroy(d->slot[i].pixels_card);
		seedchip_buffer_destroy(d->slot[i].labels_host);
		seedchip_buffer_destroy(d->slot[i].labels_card);
	}
	seedchip_buffer_destroy(d->weights_host);
	seedchip_buffer_destroy(d->weights_card);
	seedchip_device_close(d->dev);
	sdw_free(&d->net);
	idx_free(&d->set);
	free(d->predictions);
}

/* ---- options ---- */

static const char usage[] =
	"usage: fashion [OPTION...]\n"
	"\n"
	"Classify the test images of Fashion-MNIST on the card.\n"
	"\n"
	"  -n, --images N          the first N images only\n"
	"  -b, --batch N           images per dispatch (1000)\n"
	"  -s, --show N            draw N images with what they were taken for (6)\n"
	"  -B, --blocks            draw with half blocks in grey: needs UTF-8 and 256 colours\n"
	"  -g, --graph             record the steps of a batch once and replay them\n"
	"  -p, --predictions FILE  write the predicted labels, a digit each\n"
	"  -c, --card N            use card N (0)\n"
	"  -d, --data DIR          the data set (" IDX_DIR ")\n"
	"  -w, --weights FILE      the network (/usr/share/seedchip/fashion.sdw)\n"
	"  -k, --kernel FILE       the compute kernel (/usr/lib/seedchip/fashion_kernel.elf)\n"
	"  -h, --help\n"
	"\n"
	"Exit status: 0, 1 for a failure, 2 for a wrong option.\n";

static const struct option long_options[] = {
	{ "images", required_argument, NULL, 'n' },
	{ "batch", required_argument, NULL, 'b' },
	{ "show", required_argument, NULL, 's' },
	{ "blocks", no_argument, NULL, 'B' },
	{ "graph", no_argument, NULL, 'g' },
	{ "predictions", required_argument, NULL, 'p' },
	{ "card", required_argument, NULL, 'c' },
	{ "data", required_argument, NULL, 'd' },
	{ "weights", required_argument, NULL, 'w' },
	{ "kernel", required_argument, NULL, 'k' },
	{ "help", no_argument, NULL, 'h' },
	{ NULL, 0, NULL, 0 },
};

static uint32_t parse_number(const char *text, uint32_t least)
{
	char *end;
	unsigned long value;

	errno = 0;
	value = strtoul(text, &end, 10);
	if (*text < '0' || *text > '9' || *end || errno || value < least || value > IDX_MAX_COUNT) {
		complain("%s: a number from %u to %d is needed", text, least, IDX_MAX_COUNT);
		exit(2);
	}
	return value;
}

static void parse(struct options *opt, int argc, char **argv)
{
	int c;

	while ((c = getopt_long(argc, argv, "n:b:s:Bgp:c:d:w:k:h", long_options, NULL)) != -1) {
		switch (c) {
		case 'n':
			opt->images = parse_number(optarg, 1);
			break;
		case 'b':
			opt->batch = parse_number(optarg, 1);
			break;
		case 's':
			opt->show = parse_number(optarg, 0);
			break;
		case 'B':
			opt->blocks = true;
			break;
		case 'g':
			opt->graph = true;
			break;
		case 'p':
			opt->predictions = optarg;
			break;
		case 'c':
			opt->card = parse_number(optarg, 0);
			break;
		case 'd':
			opt->data = optarg;
			break;
		case 'w':
			opt->weights = optarg;
			break;
		case 'k':
			opt->kernel = optarg;
			break;
		case 'h':
			fputs(usage, stdout);
			exit(0);
		default:
			fputs("fashion: see --help\n", stderr);
			exit(2);
		}
	}
	if (optind < argc) {
		complain("%s: what is this?  See --help", argv[optind]);
		exit(2);
	}
}

static int run(struct demo *d)
{
	if (read_inputs(d))
		return -1;
	if (open_card(d) || load_network(d))
		return -1;
	for (uint32_t i = 0; i < SLOTS; i++)
		if (create_slot(d, &d->slot[i]))
			return -1;
	putchar('\n');
	fflush(stdout);
	if (classify(d))
		return -1;
	show(d);
	if (report(d))
		return -1;
	return d->opt.predictions ? write_predictions(d) : 0;
}

int main(int argc, char **argv)
{
	struct demo d = {
		.opt = {
			.data = IDX_DIR,
			.weights = "/usr/share/seedchip/fashion.sdw",
			.kernel = "/usr/lib/seedchip/fashion_kernel.elf",
			.batch = 1000,
			.show = 6,
		},
	};
	int r;

	parse(&d.opt, argc, argv);
	r = run(&d);
	cleanup(&d);
	return r ? 1 : 0;
}
