// SPDX-License-Identifier: MIT
/*
 * Machines of the timing model as text files. The invariant: a machine that
 * was loaded has every parameter within the bounds of SC_MACHINE_TABLE.
 */
#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "timing.h"

struct parameter {
	const char *key;
	size_t offset;
	uint32_t least, most, value;
};

static const struct parameter parameters[] = {
#define PARAMETER(member, key, least, most, value, text)                                           \
	{ key, offsetof(struct sc_machine, member), least, most, value },
	SC_MACHINE_TABLE(PARAMETER)
};

static const char *const dataflows[] = {
#define DATAFLOW(name, word, text) word,
	SC_DATAFLOW_TABLE(DATAFLOW)
};

#define NUM_PARAMETERS (sizeof(parameters) / sizeof(parameters[0]))

static uint32_t *member(struct sc_machine *machine, const struct parameter *p)
{
	return (uint32_t *)((char *)machine + p->offset);
}

void sc_machine_default(struct sc_machine *machine)
{
	for (size_t i = 0; i < NUM_PARAMETERS; i++)
		*member(machine, &parameters[i]) = parameters[i].value;
}

static char *trim(char *text)
{
	char *end = text + strlen(text);

	while (end > text && isspace((unsigned char)end[-1]))
		*--end = 0;
	while (isspace((unsigned char)*text))
		text++;
	return text;
}

static bool dataflow(const char *text, uint32_t *value)
{
	for (*value = 0; *value < SC_DATAFLOW_COUNT; ++*value)
		if (!strcmp(text, dataflows[*value]))
			return true;
	return false;
}

/* NULL, or what a number within its bounds must be besides. */
static const char *shape(const char *key, uint32_t value)
{
	if (!strcmp(key, "tcm-kib") && value & (value - 1))
		return "is a power of two";
	if (!strcmp(key, "vlen") && value && (value < 128 || value & (value - 1)))
		return "is 0 or a power of two from 128 to 16384";
	if (!strcmp(key, "card-mib") && value % 2)
		return "is even";
	return NULL;
}

/* NULL, or what is wrong with the value. */
static const char *set(struct sc_machine *machine, const struct parameter *p, const char *text,
		       char *why, size_t size)
{
	unsigned long value;
	uint32_t flow;
	char *end;

	if (!strcmp(p->key, "dataflow")) {
		if (!dataflow(text, &flow))
			return "is tile, ws or os";
		*member(machine, p) = flow;
		return NULL;
	}
	value = strtoul(text, &end, 10);
	if (!isdigit((unsigned char)*text) || *end || value < p->least || value > p->most) {
		snprintf(why, size, "is a number from %u to %u", p->least, p->most);
		return why;
	}
	*member(machine, p) = (uint32_t)value;
	return shape(p->key, (uint32_t)value);
}

static const struct parameter *find(const char *key)
{
	for (size_t i = 0; i < NUM_PARAMETERS; i++)
		if (!strcmp(key, parameters[i].key))
			return &parameters[i];
	return NULL;
}

/* One line; @text becomes what is wrong with it. */
static void parse_line(char *line, struct sc_machine *machine, bool *seen, char *text, size_t size)
{
	char *equals, *key, *value, why[64];
	const struct parameter *p;
	const char *wrong;

	line[strcspn(line, "#")] = 0;
	key = trim(line);
	if (!*key)
		return;
	equals = strchr(key, '=');
	if (!equals) {
		snprintf(text, size, "not of the form key = value: %.40s", key);
		return;
	}
	*equals = 0;
	value = trim(equals + 1);
	key = trim(key);
	p = find(key);
	if (!p) {
		snprintf(text, size, "unknown key: %.40s", key);
		return;
	}
	if (seen[p - parameters]) {
		snprintf(text, size, "%s: a second time", key);
		return;
	}
	seen[p - parameters] = true;
	wrong = set(machine, p, value, why, sizeof(why));
	if (wrong)
		snprintf(text, size, "%s: %s, not \"%.40s\"", key, wrong, value);
}

static uint32_t share(uint32_t value, unsigned int cores, unsigned int of)
{
	uint32_t part = (uint32_t)((uint64_t)value * cores / of);

	return part ? part : 1;
}

void sc_machine_share(struct sc_machine *machine, unsigned int cores, unsigned int of)
{
	machine->llc_kib = (uint32_t)((uint64_t)machine->llc_kib * cores / of);
	machine->llc_gbs = share(machine->llc_gbs, cores, of);
	machine->dram_gbs = share(machine->dram_gbs, cores, of);
	machine->link_gbs = share(machine->link_gbs, cores, of);
	machine->copy_bytes = share(machine->copy_bytes, cores, of);
}

int sc_machine_load(const char *path, struct sc_machine *machine, char *error, size_t size)
{
	char line[256], text[128] = "";
	bool seen[NUM_PARAMETERS] = { false };
	unsigned int number = 0;
	FILE *file = fopen(path, "r");
	int ret;

	if (!file) {
		ret = -errno;
		snprintf(error, size, "%s: %s", path, strerror(-ret));
		return ret;
	}
	sc_machine_default(machine);
	while (!*text && fgets(line, sizeof(line), file)) {
		number++;
		if (!strchr(line, '\n') && !feof(file))
			snprintf(text, sizeof(text), "longer than %zu bytes", sizeof(line) - 2);
		else
			parse_line(line, machine, seen, text, sizeof(text));
	}
	ret = *text ? -EINVAL : 0;
	if (!ret && ferror(file)) {
		ret = -EIO;
		snprintf(text, sizeof(text), "%s", strerror(EIO));
	}
	fclose(file);
	if (ret)
		snprintf(error, size, "%s:%u: %s", path, number, text);
	return ret;
}
