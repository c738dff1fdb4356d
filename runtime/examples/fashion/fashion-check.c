// SPDX-License-Identifier: MIT
/*
 * Compare the labels that the card has predicted with the plain C reference.
 *
 * Computes every label anew, on whatever machine it runs, and knows nothing of
 * the card. The invariant: exit status 0 means that every prediction in the
 * file equals the reference and that the accuracy asked for was reached.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tools/train/idx.h"
#include "tools/train/reference.h"

static const char usage[] =
	"usage: fashion-check PREDICTIONS WEIGHTS DATA [LEAST]\n"
	"\n"
	"Compare the digits in PREDICTIONS, one for each of the first test images in the\n"
	"folder DATA, with what the network in WEIGHTS says on this machine. LEAST is\n"
	"the accuracy that is needed, in percent (0).\n";

/* Reads digits, over white space, into @labels; returns their number or -1. */
static long read_predictions(const char *path, uint8_t *labels, long max)
{
	FILE *f = fopen(path, "r");
	long count = 0;
	int c;

	if (!f) {
		fprintf(stderr, "fashion-check: %s: %s\n", path, strerror(errno));
		return -1;
	}
	while ((c = getc(f)) != EOF) {
		if (c == '\n')
			continue;
		if (c < '0' || c > '9' || count == max) {
			fprintf(stderr, "fashion-check: %s: %s\n", path,
				count == max ? "more predictions than images" : "not a digit");
			count = -1;
			break;
		}
		labels[count++] = c - '0';
	}
	fclose(f);
	if (!count)
		fprintf(stderr, "fashion-check: %s: no predictions\n", path);
	return count ? count : -1;
}

/* Returns the number of predictions that differ from the reference; names the first ones. */
static long compare(const struct sdw_net *net, const struct idx_set *set, const uint8_t *labels,
		    long count)
{
	int8_t x[IDX_PIXELS];
	long differ = 0;

	for (long i = 0; i < count; i++) {
		unsigned int want;

		sdw_input(x, set->pixels + i * IDX_PIXELS, IDX_PIXELS);
		want = sdw_classify(net, x, NULL);
		if (labels[i] == want)
			continue;
		if (differ++ < 5)
			fprintf(stderr,
				"fashion-check: image %ld: the card says %u (%s), the reference %u (%s)\n",
				i, labels[i], idx_class_name(labels[i]), want,
				idx_class_name(want));
	}
	return differ;
}

int main(int argc, char **argv)
{
	struct idx_set set = { 0 };
	struct sdw_net net = { 0 };
	double least, accuracy;
	long count, differ, correct = 0;
	uint8_t *labels;
	char err[256];

	if (argc < 4 || argc > 5) {
		fputs(usage, stderr);
		return 2;
	}
	least = argc > 4 ? atof(argv[4]) : 0;
	if (sdw_read(&net, argv[2], err, sizeof(err)) ||
	    idx_read(&set, argv[3], "t10k", err, sizeof(err))) {
		fprintf(stderr, "fashion-check: %s\n", err);
		return 1;
	}
	if (net.layer[0].k != IDX_PIXELS || net.layer[net.layers - 1].n > IDX_CLASSES) {
		fprintf(stderr, "fashion-check: %s: not a network for these images\n", argv[2]);
		return 1;
	}
	labels = malloc(set.count);
	count = labels ? read_predictions(argv[1], labels, set.count) : -1;
	if (count < 0)
		return 1;
	differ = compare(&net, &set, labels, count);
	for (long i = 0; i < count; i++)
		correct += labels[i] == set.labels[i];
	accuracy = 100.0 * correct / count;
	printf("  %ld of %ld predictions equal the plain C reference, %.2f %% are right\n",
	       count - differ, count, accuracy);
	if (accuracy < least)
		fprintf(stderr, "fashion-check: less than %g %% are right\n", least);
	free(labels);
	sdw_free(&net);
	idx_free(&set);
	return differ || accuracy < least;
}
