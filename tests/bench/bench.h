/* SPDX-License-Identifier: MIT */
/*
 * What the programs of `make bench` share: the clock, and the line that each
 * row of the table is. The rule: a row's value and its peer are measured by
 * turns, round after round in one process, so that what else the machine does
 * falls on both; a row shows the round whose ratio is the median. Rounds in which
 * the peer had less than nine tenths of what an eighth of them has do not count: the
 * core then had something else to do, which need not hold up both alike.
 */
#ifndef SC_TESTS_BENCH_H
#define SC_TESTS_BENCH_H

/**
 * struct bench_row - a row of the table
 * @name: what is measured, and what it is compared with; the same on every host
 * @unit: of the value and of the peer
 * @must: the ratio that the project promises, 0 if none
 * @aim: the ratio that it aims at, 0 if none
 */
struct bench_row {
	const char *name;
	const char *unit;
	double must;
	double aim;
};

/**
 * struct bench_sample - what one round has seen
 * @value: a rate, ours: larger is better
 * @peer: the rate it is compared with
 */
struct bench_sample {
	double value;
	double peer;
};

/** bench_now() - CPU time of the calling thread in seconds. */
double bench_now(void);

/** bench_wall() - time in seconds, for work that other threads do. */
double bench_wall(void);

/** bench_print() - print the row as JSON, of @count samples (which it moves) the median. */
void bench_print(const struct bench_row *row, struct bench_sample *samples, unsigned int count);

#endif /* SC_TESTS_BENCH_H */
