// SPDX-License-Identifier: MIT
/*
 * Clocks and the format of a row. Names and units hold no character that JSON
 * would have escaped.
 */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "bench.h"

#define QUIET 0.9

static double seconds(clockid_t clock)
{
	struct timespec ts;

	clock_gettime(clock, &ts);
	return ts.tv_sec + ts.tv_nsec / 1e9;
}

double bench_now(void)
{
	return seconds(CLOCK_THREAD_CPUTIME_ID);
}

double bench_wall(void)
{
	return seconds(CLOCK_MONOTONIC);
}

static int by_ratio(const void *a, const void *b)
{
	const struct bench_sample *left = a, *right = b;
	double l = left->value / left->peer, r = right->value / right->peer;

	return (l > r) - (l < r);
}

static void print_bound(const char *key, double bound)
{
	if (bound > 0)
		printf(", \"%s\": %.4g", key, bound);
	else
		printf(", \"%s\": null", key);
}

static int by_peer(const void *a, const void *b)
{
	double l = ((const struct bench_sample *)a)->peer;
	double r = ((const struct bench_sample *)b)->peer;

	return (l < r) - (l > r);
}

/* Move the rounds that were not disturbed to the front; returns how many. */
static unsigned int undisturbed(struct bench_sample *samples, unsigned int count)
{
	unsigned int kept = 0;

	qsort(samples, count, sizeof(*samples), by_peer);
	while (kept < count && samples[kept].peer >= QUIET * samples[count / 8].peer)
		kept++;
	return kept;
}

void bench_print(const struct bench_row *row, struct bench_sample *samples, unsigned int count)
{
	const struct bench_sample *s;

	count = undisturbed(samples, count);
	s = &samples[count / 2];
	qsort(samples, count, sizeof(*samples), by_ratio);
	printf("{\"name\": \"%s\", \"value\": %.6g, \"unit\": \"%s\"", row->name, s->value,
	       row->unit);
	printf(", \"peer\": %.6g, \"ratio\": %.4g", s->peer, s->value / s->peer);
	print_bound("must", row->must);
	print_bound("aim", row->aim);
	printf("}\n");
	fflush(stdout);
}
