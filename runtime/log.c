// SPDX-License-Identifier: MIT
/*
 * Messages: the reason of a thread's last failed call, the runtime's own
 * messages, and what compute kernels print into a queue's log.
 *
 * Invariant of a log (struct sc_log, uapi/seedchip_kernel_abi.h): the host
 * zeroes a record before it advances tail, so that the space it gives back can
 * never look like a complete record.
 */
#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "internal.h"

static _Thread_local char last_error[512];
static bool is_child; /* of a process that had cards open */

static struct {
	pthread_mutex_t lock;
	pthread_once_t once;
	seedchip_log_fn fn;
	void *opaque;
	enum seedchip_log_level level;
} sink = { .lock = PTHREAD_MUTEX_INITIALIZER, .once = PTHREAD_ONCE_INIT };

static const char *const level_names[] = { "error", "warning", "info", "debug" };

static void read_environment(void)
{
	const char *env = getenv("SEEDCHIP_LOG");

	sink.level = SEEDCHIP_LOG_WARNING;
	for (unsigned int i = 0; env && i < ARRAY_SIZE(level_names); i++)
		if (!strcasecmp(env, level_names[i]))
			sink.level = i;
}

static bool wanted(enum seedchip_log_level level)
{
	pthread_once(&sink.once, read_environment);
	return level == SEEDCHIP_LOG_KERNEL || level <= sink.level;
}

static void log_text(enum seedchip_log_level level, const char *text)
{
	seedchip_log_fn fn;
	void *opaque;

	pthread_mutex_lock(&sink.lock);
	fn = sink.fn;
	opaque = sink.opaque;
	pthread_mutex_unlock(&sink.lock);
	if (fn) {
		fn(opaque, level, text);
	} else if (level == SEEDCHIP_LOG_KERNEL) {
		fputs(text, stdout);
		fflush(stdout);
	} else {
		fprintf(stderr, "seedchip: %s: %s\n", level_names[level], text);
	}
}

void log_message(enum seedchip_log_level level, const char *format, ...)
{
	char text[1024];
	va_list args;

	if (!wanted(level))
		return;
	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	log_text(level, text);
}

static void vreport(int err, const char *format, va_list args)
{
	int n = vsnprintf(last_error, sizeof(last_error), format, args);

	if (is_child && err == -ENODEV && n < (int)sizeof(last_error))
		snprintf(last_error + n, sizeof(last_error) - n,
			 " (a card that was opened before fork() is the parent's: open it anew)");
	/* names come from files: none of them is to move a terminal's cursor */
	for (char *c = last_error; *c; c++)
		if (iscntrl((unsigned char)*c))
			*c = '?';
	log_message(SEEDCHIP_LOG_DEBUG, "%s (%s)", last_error, strerror(-err));
}

int report(int err, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vreport(err, format, args);
	va_end(args);
	return err;
}

void report_child(void)
{
	is_child = true;
}

void log_before_fork(void)
{
	pthread_mutex_lock(&sink.lock);
}

void log_after_fork(void)
{
	pthread_mutex_unlock(&sink.lock);
}

API int sdo_refuse(int error, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vreport(error, format, args);
	va_end(args);
	return error;
}

API const char *seedchip_error(void)
{
	return last_error;
}

API void seedchip_log_set(seedchip_log_fn fn, void *opaque)
{
	pthread_mutex_lock(&sink.lock);
	sink.fn = fn;
	sink.opaque = opaque;
	pthread_mutex_unlock(&sink.lock);
}

void log_init(struct log_reader *reader, void *memory, uint32_t size)
{
	*reader = (struct log_reader){ .log = memory, .size = size };
	reader->log->size = size;
}

/* Bytes of the record at the tail, or 0 if there is none, or not yet. */
static uint32_t record_space(const struct log_reader *reader, uint32_t *length)
{
	volatile uint8_t *at = &reader->log->data[reader->tail & (reader->size - 1)];
	uint32_t word = __atomic_load_n((volatile uint32_t *)(volatile void *)at, __ATOMIC_ACQUIRE);
	uint32_t space;

	if (!(word & SC_LOG_READY))
		return 0;
	*length = word & 0xffff;
	space = sizeof(word) + ((*length + 3) & ~3u);
	return *length <= SC_LOG_TEXT_MAX && space <= reader->size ? space : 0;
}

static void consume(struct log_reader *reader, uint32_t bytes)
{
	for (uint32_t i = 0; i < bytes; i++)
		reader->log->data[(reader->tail + i) & (reader->size - 1)] = 0;
	reader->tail += bytes;
	__atomic_store_n(&reader->log->tail, reader->tail, __ATOMIC_RELEASE);
}

unsigned int log_drain(struct log_reader *reader)
{
	uint32_t mask = reader->size - 1, length, space, dropped;
	char text[SC_LOG_TEXT_MAX + 1];
	unsigned int records = 0;

	while ((space = record_space(reader, &length))) {
		for (uint32_t i = 0; i < length; i++)
			text[i] = reader->log->data[(reader->tail + sizeof(uint32_t) + i) & mask];
		text[length] = 0;
		consume(reader, space);
		log_text(SEEDCHIP_LOG_KERNEL, text);
		records++;
	}
	dropped = reader->log->dropped;
	if (dropped != reader->dropped)
		log_message(SEEDCHIP_LOG_WARNING, "%u messages of a kernel lost: log full",
			    dropped - reader->dropped);
	reader->dropped = dropped;
	return records;
}

void log_reset(struct log_reader *reader)
{
	uint32_t head = reader->log->head;

	consume(reader, reader->size);
	reader->tail = head;
	reader->log->tail = head;
	reader->log->size = reader->size;
}
