// SPDX-License-Identifier: MIT
/*
 * Trains the 784-128-64-10 network of the demo on Fashion-MNIST and writes its int8 weights.
 *
 *	fashion-train [-d DIR] OUT	train, write OUT, report accuracy
 *	fashion-train [-d DIR] -t FILE	only report the accuracy of a weights file
 *
 * The invariant: the same source gives the same OUT bit for bit. Hence one thread, one seed, our
 * own generator, no libm call at all, and IEEE arithmetic in the order written here: build with
 * -ffp-contract=off and without -ffast-math. Every sum keeps its order, so the optimisation level
 * does not matter. The shipped fashion.sdw comes from gcc 12 on x86-64 with -std=gnu11 -O2
 * -ffp-contract=off; -O3 (the build's), -march=haswell and clang 19 give the same bytes.
 *
 * Training is stochastic gradient descent with Nesterov momentum on images mirrored at random, for
 * a fixed number of epochs while the learning rate falls to zero. HOLDOUT images of the training
 * half are never trained on; they show progress and choose where the activations saturate. The
 * test half is looked at once, after the file is written, and decides nothing.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "idx.h"
#include "reference.h"

#if defined(__FAST_MATH__) || (defined(__FLT_EVAL_METHOD__) && __FLT_EVAL_METHOD__ != 0)
#error "the weights are reproducible only with strict IEEE arithmetic"
#endif

#define SEED		0x5eedc41b5eedc41bull
#define LAYERS		3
#define EPOCHS		36
#define BATCH		64
#define HOLDOUT		5000
#define RATE		0.05f
#define MOMENTUM	0.9f
#define DECAY		0.0003f		/* of the weights, per step and unit of learning rate */
#define WIDEST		128		/* no layer has more outputs */

/* A register tile of the matrix product: dimensions are multiples of it, or padded up to it. */
typedef float vec __attribute__((vector_size(16)));
#define TILE_M		4
#define TILE_N		8		/* two vectors */
#define PADDED(n)	(((n) + TILE_N - 1) / TILE_N * TILE_N)

/* @init is the half width of the uniform start weights, about sqrt(6 / k). */
static const struct shape {
	int k, n;
	float init;
} shapes[LAYERS] = {
	{ IDX_PIXELS, 128, 0.0875f },
	{ 128, 64, 0.2165f },
	{ 64, IDX_CLASSES, 0.2f },
};

/*
 * One layer in training. All arrays have PADDED(n) columns; the columns beyond n stay zero
 * because their deltas are.
 */
struct layer {
	int k, n, ld;
	float *w, *bias;
	float *vw, *vbias;	/* momentum */
	float *gw;		/* gradient of w */
	float *wt;		/* w transposed, for the way back */
	float *out;		/* [BATCH], after ReLU */
	float *delta;		/* [BATCH], gradient of the sums */
};

struct trainer {
	struct layer layer[LAYERS];
	float *in;		/* [BATCH][IDX_PIXELS] */
	uint8_t label[BATCH];
	uint32_t *order;	/* images to train on first, then HOLDOUT held out */
	uint32_t train;
	uint64_t random;
};

/* Where one hidden layer's activations saturate in int8, as a part of the largest one seen. */
struct clip {
	float max[LAYERS];
	float part[LAYERS];
};

static void *need(void *p)
{
	if (!p) {
		fputs("fashion-train: no memory\n", stderr);
		exit(1);
	}
	return p;
}

static float *floats(size_t n)
{
	return need(calloc(n, sizeof(float)));
}

/* xorshift64*; the upper half is the good one. */
static uint32_t random32(struct trainer *t)
{
	t->random ^= t->random >> 12;
	t->random ^= t->random << 25;
	t->random ^= t->random >> 27;
	return t->random * 0x2545f4914f6cdd1dull >> 32;
}

static uint32_t random_below(struct trainer *t, uint32_t n)
{
	return (uint64_t)random32(t) * n >> 32;
}

/* Uniform in [0, 1), exact in 24 bits. */
static float random_unit(struct trainer *t)
{
	return (random32(t) >> 8) * (1.0f / (1 << 24));
}

static void shuffle(struct trainer *t, uint32_t *v, uint32_t n)
{
	for (uint32_t i = n - 1; i; i--) {
		uint32_t j = random_below(t, i + 1), swap = v[i];

		v[i] = v[j];
		v[j] = swap;
	}
}

/*
 * e^x for x <= 0 by (Taylor of x/256)^256: below 1e-6 relative error, and the same on every
 * machine, which a libm's exp() is not.
 */
static float exp_negative(float x)
{
	double y, p;

	if (x < -60.0f)
		return 0.0f;
	y = x / 256.0;
	p = 1 + y * (1 + y * (1.0 / 2 + y * (1.0 / 6 + y * (1.0 / 24))));
	for (int i = 0; i < 8; i++)
		p *= p;
	return p;
}

/*
 * c[m][n] = sum over k of a(i, k) * b[k][n], k ascending; a(i, k) is a[i * ai + k * ak] so that
 * one function multiplies by a matrix and by its transpose. m and n are multiples of the tile.
 * The vectors are written out because gcc does not find them, and is half as fast.
 */
static void multiply(float *c, const float *a, int ai, int ak, const float *b, int m, int n, int k)
{
	for (int i = 0; i < m; i += TILE_M) {
		for (int j = 0; j < n; j += TILE_N) {
			vec sum[TILE_M][2] = { 0 };

			for (int l = 0; l < k; l++) {
				vec bl[2];

				memcpy(bl, b + (size_t)l * n + j, sizeof(bl));
				for (int r = 0; r < TILE_M; r++) {
					float v = a[(i + r) * ai + l * ak];

					sum[r][0] += v * bl[0];
					sum[r][1] += v * bl[1];
				}
			}
			for (int r = 0; r < TILE_M; r++)
				memcpy(c + (size_t)(i + r) * n + j, sum[r], sizeof(sum[r]));
		}
	}
}

static void set_up(struct trainer *t, const struct idx_set *set)
{
	if (set->count <= HOLDOUT + BATCH) {
		fputs("fashion-train: too few training images\n", stderr);
		exit(1);
	}
	t->random = SEED;
	t->train = set->count - HOLDOUT;
	t->order = need(calloc(set->count, sizeof(*t->order)));
	for (uint32_t i = 0; i < set->count; i++)
		t->order[i] = i;
	shuffle(t, t->order, set->count);
	t->in = floats(BATCH * IDX_PIXELS);
	for (int i = 0; i < LAYERS; i++) {
		struct layer *l = &t->layer[i];

		l->k = shapes[i].k;
		l->n = shapes[i].n;
		l->ld = PADDED(l->n);
		l->w = floats(l->k * l->ld);
		l->vw = floats(l->k * l->ld);
		l->gw = floats(l->k * l->ld);
		l->wt = floats(l->k * l->ld);
		l->bias = floats(l->ld);
		l->vbias = floats(l->ld);
		l->out = floats(BATCH * l->ld);
		l->delta = floats(BATCH * l->ld);
		for (int k = 0; k < l->k; k++) {
			for (int n = 0; n < l->n; n++)
				l->w[k * l->ld + n] = (2 * random_unit(t) - 1) * shapes[i].init;
		}
	}
}

static void tear_down(struct trainer *t)
{
	for (int i = 0; i < LAYERS; i++) {
		struct layer *l = &t->layer[i];
		float *const all[] = { l->w, l->vw, l->gw, l->wt, l->bias, l->vbias, l->out,
				       l->delta };

		for (size_t j = 0; j < sizeof(all) / sizeof(*all); j++)
			free(all[j]);
	}
	free(t->in);
	free(t->order);
}

/* The float image of what inference sees: the quantised pixel as a part of 127. */
static void load_plain(float *x, const uint8_t *pixels)
{
	int8_t q[IDX_PIXELS];

	sdw_input(q, pixels, IDX_PIXELS);
	for (int i = 0; i < IDX_PIXELS; i++)
		x[i] = q[i] * (1.0f / 127);
}

/* The same, mirrored every other time. */
static void load_varied(struct trainer *t, float *x, const uint8_t *pixels)
{
	uint8_t mirrored[IDX_PIXELS];

	if (random_below(t, 2)) {
		for (int i = 0; i < IDX_PIXELS; i++)
			mirrored[i] = pixels[i + IDX_SIDE - 1 - 2 * (i % IDX_SIDE)];
		pixels = mirrored;
	}
	load_plain(x, pixels);
}

static const float *layer_input(const struct trainer *t, int i)
{
	return i ? t->layer[i - 1].out : t->in;
}

static int layer_stride(const struct trainer *t, int i)
{
	return i ? t->layer[i - 1].ld : IDX_PIXELS;
}

/* One whole batch through the network. */
static void forward(struct trainer *t)
{
	for (int i = 0; i < LAYERS; i++) {
		struct layer *l = &t->layer[i];

		multiply(l->out, layer_input(t, i), layer_stride(t, i), 1, l->w, BATCH, l->ld,
			 l->k);
		for (int b = 0; b < BATCH; b++) {
			float *out = l->out + b * l->ld;

			for (int n = 0; n < l->n; n++) {
				out[n] += l->bias[n];
				if (out[n] < 0 && i + 1 < LAYERS)
					out[n] = 0;
			}
		}
	}
}

/* Gradient of cross entropy over softmax, averaged over the batch. */
static void output_delta(struct trainer *t)
{
	struct layer *l = &t->layer[LAYERS - 1];

	for (int b = 0; b < BATCH; b++) {
		const float *out = l->out + b * l->ld;
		float *delta = l->delta + b * l->ld;
		float max = out[0], sum = 0;

		for (int n = 1; n < l->n; n++)
			max = out[n] > max ? out[n] : max;
		for (int n = 0; n < l->n; n++) {
			delta[n] = exp_negative(out[n] - max);
			sum += delta[n];
		}
		for (int n = 0; n < l->n; n++)
			delta[n] = (delta[n] / sum - (n == t->label[b])) * (1.0f / BATCH);
	}
}

/* Deltas of the layer before @i, through the weights and its ReLU. */
static void backward(struct trainer *t, int i)
{
	struct layer *l = &t->layer[i], *to = l - 1;

	for (int k = 0; k < l->k; k++) {
		for (int n = 0; n < l->n; n++)
			l->wt[n * l->k + k] = l->w[k * l->ld + n];
	}
	multiply(to->delta, l->delta, l->ld, 1, l->wt, BATCH, to->ld, l->n);
	for (int j = 0; j < BATCH * to->ld; j++)
		to->delta[j] = to->out[j] > 0 ? to->delta[j] : 0;
}

static void descend(float *w, float *v, const float *g, int n, float rate, float decay)
{
	for (int i = 0; i < n; i++) {
		float step = g[i] + decay * w[i];

		v[i] = MOMENTUM * v[i] + step;
		w[i] -= rate * (step + MOMENTUM * v[i]);
	}
}

static void update(struct trainer *t, int i, float rate)
{
	struct layer *l = &t->layer[i];
	float gbias[WIDEST] = { 0 };

	multiply(l->gw, layer_input(t, i), 1, layer_stride(t, i), l->delta, l->k, l->ld, BATCH);
	for (int b = 0; b < BATCH; b++) {
		for (int n = 0; n < l->n; n++)
			gbias[n] += l->delta[b * l->ld + n];
	}
	descend(l->w, l->vw, l->gw, l->k * l->ld, rate, DECAY);
	descend(l->bias, l->vbias, gbias, l->n, rate, 0);
}

static void train_batch(struct trainer *t, const struct idx_set *set, uint32_t at, float rate)
{
	for (int b = 0; b < BATCH; b++) {
		uint32_t image = t->order[at + b];

		load_varied(t, t->in + b * IDX_PIXELS,
			    set->pixels + (size_t)image * IDX_PIXELS);
		t->label[b] = set->labels[image];
	}
	forward(t);
	output_delta(t);
	for (int i = LAYERS - 1; i > 0; i--)
		backward(t, i);
	for (int i = 0; i < LAYERS; i++)
		update(t, i, rate);
}

/* Loads up to one batch as it is, from @at on; returns how many images that are. */
static uint32_t load_batch(struct trainer *t, const struct idx_set *set, const uint32_t *which,
			   uint32_t at, uint32_t end)
{
	uint32_t b;

	for (b = 0; b < BATCH && at + b < end; b++) {
		uint32_t image = which ? which[at + b] : at + b;

		load_plain(t->in + b * IDX_PIXELS, set->pixels + (size_t)image * IDX_PIXELS);
		t->label[b] = set->labels[image];
	}
	return b;
}

/*
 * Classifies images in float; returns how many are right. @which may be NULL for all in order.
 * @clip, if given, collects the largest activation of every layer.
 */
static uint32_t float_correct(struct trainer *t, const struct idx_set *set, const uint32_t *which,
			      uint32_t count, struct clip *clip)
{
	const struct layer *last = &t->layer[LAYERS - 1];
	uint32_t correct = 0;

	for (uint32_t at = 0; at < count; at += BATCH) {
		uint32_t batch = load_batch(t, set, which, at, count);

		forward(t);
		for (uint32_t b = 0; b < batch; b++) {
			const float *out = last->out + b * last->ld;
			int best = 0;

			for (int n = 1; n < last->n; n++)
				best = out[n] > out[best] ? n : best;
			correct += best == t->label[b];
		}
		for (int i = 0; clip && i < LAYERS; i++) {
			const struct layer *l = &t->layer[i];

			for (uint32_t j = 0; j < batch * l->ld; j++)
				clip->max[i] = l->out[j] > clip->max[i] ? l->out[j] : clip->max[i];
		}
	}
	return correct;
}

static void train(struct trainer *t, const struct idx_set *set)
{
	uint32_t batches = t->train / BATCH;

	printf("training on %u images, %d held out, %d epochs\n", t->train, HOLDOUT, EPOCHS);
	for (int epoch = 0; epoch < EPOCHS; epoch++) {
		uint32_t right;

		shuffle(t, t->order, t->train);
		for (uint32_t i = 0; i < batches; i++) {
			float done = (epoch * batches + i) / (float)(EPOCHS * batches);

			train_batch(t, set, i * BATCH, RATE * (1 - done));
		}
		right = float_correct(t, set, t->order + t->train, HOLDOUT, NULL);
		printf("epoch %2d/%d: held-out accuracy %.2f %%\n", epoch + 1, EPOCHS,
		       right * 100.0 / HOLDOUT);
		fflush(stdout);
	}
}

static int round_nearest(double v)
{
	return v < 0 ? -(int)(0.5 - v) : (int)(v + 0.5);
}

static void put32(uint8_t *p, uint32_t v)
{
	for (int i = 0; i < 4; i++)
		p[i] = v >> 8 * i;
}

static size_t align_up(size_t v)
{
	return (v + SDW_ALIGN - 1) / SDW_ALIGN * SDW_ALIGN;
}

/* The scale of each weight column: the largest weight is 127. The last layer has one for all. */
static void weight_scales(const struct layer *l, int shared, double *scale)
{
	double all = 0;

	for (int n = 0; n < l->n; n++) {
		double max = 0;

		for (int k = 0; k < l->k; k++) {
			double w = l->w[k * l->ld + n];

			w = w < 0 ? -w : w;
			max = w > max ? w : max;
		}
		scale[n] = max > 0 ? max / 127 : 1;
		all = scale[n] > all ? scale[n] : all;
	}
	for (int n = 0; shared && n < l->n; n++)
		scale[n] = all;
}

/* Writes a layer's multipliers; returns the shift that gives them the most bits. */
static uint32_t put_mult(uint8_t *p, const double *real, int n)
{
	double max = 0, unit = 1;
	uint32_t shift = 0;

	for (int i = 0; i < n; i++)
		max = real[i] > max ? real[i] : max;
	while (shift < SDW_MAX_SHIFT && max * unit * 2 < 2147483647.0) {
		unit *= 2;
		shift++;
	}
	for (int i = 0; i < n; i++) {
		int mult = round_nearest(real[i] * unit);

		put32(p + 4 * i, mult > 0 ? mult : 1);
	}
	return shift;
}

/*
 * Appends one layer at @pos and fills in its record; returns the end. @scale_in is what one step
 * of the inputs is worth, @scale_out the same of the outputs (0 in the last layer).
 */
static size_t put_layer(uint8_t *file, size_t pos, uint8_t *rec, const struct layer *l,
			double scale_in, double scale_out)
{
	double scale[WIDEST], real[WIDEST];
	uint8_t *p;

	weight_scales(l, scale_out == 0, scale);
	put32(rec, l->k);
	put32(rec + 4, l->n);
	pos = align_up(pos);
	for (int k = 0; k < l->k; k++) {
		for (int n = 0; n < l->n; n++)
			file[pos++] = round_nearest(l->w[k * l->ld + n] / scale[n]);
	}
	p = file + align_up(pos);
	for (int n = 0; n < l->n; n++) {
		put32(p + 4 * n, round_nearest(l->bias[n] / (scale[n] * scale_in)));
		real[n] = scale[n] * scale_in / (scale_out > 0 ? scale_out : 1);
	}
	pos = align_up(pos) + 4 * l->n;
	if (scale_out > 0) {
		pos = align_up(pos);
		put32(rec + 8, put_mult(file + pos, real, l->n));
		pos += 4 * l->n;
	}
	return pos;
}

/* The whole weights file in memory; the caller frees it. */
static uint8_t *quantise(const struct trainer *t, const struct clip *clip, size_t *size)
{
	size_t pos = SDW_HEADER_SIZE + LAYERS * SDW_LAYER_SIZE, most = pos;
	double scale_in = 1.0 / 127;
	uint8_t *file;

	for (int i = 0; i < LAYERS; i++)
		most += (size_t)(t->layer[i].k + 8) * t->layer[i].n + 3 * SDW_ALIGN;
	file = need(calloc(1, most));
	for (int i = 0; i < LAYERS; i++) {
		double max = (double)clip->max[i] * clip->part[i];
		double scale_out = i + 1 < LAYERS ? max / 127 : 0;

		pos = put_layer(file, pos, file + SDW_HEADER_SIZE + i * SDW_LAYER_SIZE,
				&t->layer[i], scale_in, scale_out);
		scale_in = scale_out;
	}
	memcpy(file, SDW_MAGIC, SDW_MAGIC_SIZE);
	put32(file + 8, SDW_VERSION);
	put32(file + 12, pos);
	put32(file + 16, LAYERS);
	put32(file + 20, sdw_crc32(file + SDW_HEADER_SIZE, pos - SDW_HEADER_SIZE));
	*size = pos;
	return file;
}

static uint32_t int8_correct(const struct sdw_net *net, const struct idx_set *set,
			     const uint32_t *which, uint32_t count)
{
	uint32_t correct = 0;

	for (uint32_t i = 0; i < count; i++) {
		uint32_t image = which ? which[i] : i;
		int8_t x[IDX_PIXELS];

		sdw_input(x, set->pixels + (size_t)image * IDX_PIXELS, IDX_PIXELS);
		correct += sdw_classify(net, x, NULL) == set->labels[image];
	}
	return correct;
}

/* Tries where to saturate the activations of each hidden layer, on held-out images. */
static uint8_t *quantise_best(struct trainer *t, const struct idx_set *set, size_t *size)
{
	static const float parts[] = { 1.0f, 0.85f, 0.7f, 0.6f, 0.5f };
	const uint32_t *held = t->order + t->train;
	struct clip clip = { .part = { 1, 1, 1 } };
	uint32_t best = 0;
	uint8_t *file;

	float_correct(t, set, t->order, t->train, &clip);
	for (int i = 0; i + 1 < LAYERS; i++) {
		float best_part = 1;

		best = 0;
		for (size_t j = 0; j < sizeof(parts) / sizeof(*parts); j++) {
			struct sdw_net net;
			uint32_t right;
			char err[200];

			clip.part[i] = parts[j];
			file = quantise(t, &clip, size);
			if (sdw_parse(&net, file, *size, err, sizeof(err))) {
				fprintf(stderr, "fashion-train: quantised network: %s\n", err);
				exit(1);
			}
			right = int8_correct(&net, set, held, HOLDOUT);
			if (right > best) {
				best = right;
				best_part = parts[j];
			}
			free(file);
		}
		clip.part[i] = best_part;
		printf("layer %d: largest activation %.3f, int8 saturates at %.2f of it\n", i,
		       clip.max[i], best_part);
	}
	printf("int8 held-out accuracy %.2f %%\n", best * 100.0 / HOLDOUT);
	return quantise(t, &clip, size);
}

static int write_file(const char *path, const uint8_t *data, size_t size)
{
	FILE *f = fopen(path, "wb");
	int bad;

	if (!f) {
		perror(path);
		return -1;
	}
	bad = fwrite(data, 1, size, f) != size;
	bad |= fclose(f) != 0;
	if (bad)
		perror(path);
	return bad ? -1 : 0;
}

/* Reads a weights file back and counts on the test half what a user will see. */
static int report(const char *path, const struct idx_set *test)
{
	struct sdw_net net;
	char err[600];
	uint32_t right;

	if (sdw_read(&net, path, err, sizeof(err))) {
		fprintf(stderr, "fashion-train: %s\n", err);
		return 1;
	}
	if (net.layer[0].k != IDX_PIXELS || net.layer[net.layers - 1].n != IDX_CLASSES) {
		fprintf(stderr, "fashion-train: %s: not a network from %d pixels to %d classes\n",
			path, IDX_PIXELS, IDX_CLASSES);
		sdw_free(&net);
		return 1;
	}
	right = int8_correct(&net, test, NULL, test->count);
	printf("%s: %zu bytes, int8 test accuracy %.2f %% (%u of %u)\n", path, net.size,
	       right * 100.0 / test->count, right, test->count);
	sdw_free(&net);
	return 0;
}

static int train_and_write(const char *dir, const char *path, const struct idx_set *test)
{
	struct trainer t = { .random = SEED };
	struct idx_set set;
	uint8_t *file;
	char err[600];
	size_t size;
	int r;

	if (idx_read(&set, dir, "train", err, sizeof(err))) {
		fprintf(stderr, "fashion-train: %s\n", err);
		return 1;
	}
	set_up(&t, &set);
	train(&t, &set);
	file = quantise_best(&t, &set, &size);
	r = write_file(path, file, size);
	if (!r) {
		printf("float test accuracy %.2f %%\n",
		       float_correct(&t, test, NULL, test->count, NULL) * 100.0 / test->count);
		r = report(path, test);
	}
	free(file);
	tear_down(&t);
	idx_free(&set);
	return r ? 1 : 0;
}

int main(int argc, char **argv)
{
	const char *dir = IDX_DIR;
	struct idx_set test;
	int only_test = 0, c, r;
	char err[600];

	while ((c = getopt(argc, argv, "d:t")) != -1) {
		if (c == 'd')
			dir = optarg;
		else if (c == 't')
			only_test = 1;
		else
			goto usage;
	}
	if (optind + 1 != argc)
		goto usage;
	if (idx_read(&test, dir, "t10k", err, sizeof(err))) {
		fprintf(stderr, "fashion-train: %s\n", err);
		return 1;
	}
	r = only_test ? report(argv[optind], &test) : train_and_write(dir, argv[optind], &test);
	idx_free(&test);
	return r;
usage:
	fputs("usage: fashion-train [-d DIR] OUT\n"
	      "       fashion-train [-d DIR] -t FILE\n", stderr);
	return 2;
}
