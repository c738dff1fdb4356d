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
	"usage: fashion-check PREDICTIONS COUNT WEIGHTS DATA [LEAST]\n"
	"\n"
	"Compare the COUNT digits in PREDICTIONS, one for each of the first test images in\n"
	"the folder DATA, with what the network in WEIGHTS says on this machine. LEAST is\n"
	"the accuracy that is needed, in percent (0).\n";

/* Reads exactly @count digits, over newlines. */
static int read_predictions(const char *path, uint8_t *labels, uint32_t count)
{
	FILE *f = fopen(path, "r");
	uint32_t found = 0;
	int c;

	if (!f) {
		fprintf(stderr, "fashion-check: %s: %s\n", path, strerror(errno));
		return -1;
	}
	while ((c = getc(f)) != EOF) {
		if (c == '\n')
			continue;
		if (c < '0' || c > '9') {
			fprintf(stderr, "fashion-check: %s: not a digit\n", path);
			break;
		}
		if (found < count)
			labels[found] = c - '0';
		found++;
	}
	fclose(f);
	if (c == EOF && found != count)
		fprintf(stderr, "fashion-check: %s: %u predictions, not %u\n", path, found, count);
	return c == EOF && found == count ? 0 : -1;
}

/* Returns the number of predictions that differ from the reference; names the first ones. */
static uint32_t compare(const struct sdw_net *net, const struct idx_set *set, const uint8_t *labels,
			uint32_t count)
{
	int8_t x[IDX_PIXELS];
	uint32_t differ = 0;

	for (uint32_t i = 0; i < count; i++) {
		unsigned int want;

		sdw_input(x, set->pixels + (size_t)i * IDX_PIXELS, IDX_PIXELS);
		want = sdw_classify(net, x, NULL);
		if (labels[i] == want)
			continue;
		if (differ++ < 5)
			fprintf(stderr,
				"fashion-check: image %u: the card says %u (%s), the reference %u (%s)\n",
				i, labels[i], idx_class_name(labels[i]), want,
				idx_class_name(want));
	}
	return differ;
}

int main(int argc, char **argv)
{
	uint32_t count, differ, correct = 0;
	struct idx_set set = { 0 };
	struct sdw_net net = { 0 };
	double least, accuracy;
	uint8_t *labels;
	char err[256];

	if (argc < 5 || argc > 6 || atol(argv[2]) < 1) {
		fputs(usage, stderr);
		return 2;
	}
	count = atol(argv[2]);
	least = argc > 5 ? atof(argv[5]) : 0;
	if (sdw_read(&net, argv[3], err, sizeof(err)) ||
	    idx_read(&set, argv[4], "t10k", err, sizeof(err))) {
		fprintf(stderr, "fashion-check: %s\n", err);
		return 1;
	}
	if (net.layer[0].k != IDX_PIXELS || count > set.count) {
		fprintf(stderr, "fashion-check: no %u images for this network\n", count);
		return 1;
	}
	labels = malloc(count);
	if (!labels || read_predictions(argv[1], labels, count))
		return 1;
	differ = compare(&net, &set, labels, count);
	for (uint32_t i = 0; i < count; i++)
		correct += labels[i] == set.labels[i];
	accuracy = 100.0 * correct / count;
	printf("  %u of %u predictions equal the plain C reference, %.2f %% are right\n",
	       count - differ, count, accuracy);
	if (accuracy < least)
		fprintf(stderr, "fashion-check: less than %g %% are right\n", least);
	free(labels);
	sdw_free(&net);
	idx_free(&set);
	return differ || accuracy < least;
}
