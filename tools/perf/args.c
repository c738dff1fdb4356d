// SPDX-License-Identifier: MIT
/*
 * Arguments of the kernel from words of the command line. Each word is one
 * member of the argument structure; a buffer becomes its address.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "perf.h"

enum kind { KIND_UNSIGNED, KIND_SIGNED, KIND_FLOAT };

static const struct type {
	const char *name;
	enum kind kind;
	unsigned int size;
} types[] = {
	{ "u8", KIND_UNSIGNED, 1 },  { "i8", KIND_SIGNED, 1 },	 { "u16", KIND_UNSIGNED, 2 },
	{ "i16", KIND_SIGNED, 2 },   { "u32", KIND_UNSIGNED, 4 }, { "i32", KIND_SIGNED, 4 },
	{ "u64", KIND_UNSIGNED, 8 }, { "i64", KIND_SIGNED, 8 },	 { "f32", KIND_FLOAT, 4 },
	{ "f64", KIND_FLOAT, 8 },
};

#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))

void args_help(FILE *out)
{
	fputs("  u8:N u16:N u32:N u64:N i8:N ... i64:N   an integer\n"
	      "  f32:X f64:X                             a floating-point number\n"
	      "  buf:SIZE[:CONTENT]                      the address of a new buffer in card memory\n"
	      "  sys:SIZE[:CONTENT]                      the same in the host's memory\n"
	      "  ref:N[+BYTES]                           an address in the N-th buffer, from 0\n"
	      "CONTENT is zero (the default), random (bytes), f32, f16 or bf16 (random numbers\n"
	      "from -1 to 1), count (u32 0, 1, 2 ...), or file=PATH. Sizes may end in K, M or G.\n",
	      out);
}

static void append(struct argument_block *block, const char *word, const void *value, size_t size)
{
	size_t at = (block->size + size - 1) / size * size;

	if (at + size > MAX_ARGS)
		fail("argument %s: more than %u bytes of arguments", word, MAX_ARGS);
	memcpy(block->bytes + at, value, size);
	block->size = at + size;
}

static void append_integer(struct argument_block *block, const char *word, const struct type *type,
			   const char *text)
{
	bool negative = *text == '-' && type->kind == KIND_SIGNED;
	uint64_t most = type->size == 8 ? UINT64_MAX : (1ull << (8 * type->size)) - 1, value;

	if (type->kind == KIND_SIGNED)
		most = most / 2 + negative;
	if (!parse_number(text + negative, false, &value) || value > most)
		fail("argument %s: not a number that fits %s", word, type->name);
	value = negative ? -value : value;
	append(block, word, &value, type->size);
}

static void append_float(struct argument_block *block, const char *word, const struct type *type,
			 const char *text)
{
	char *end;
	double value = strtod(text, &end);
	float single = (float)value;

	if (end == text || *end)
		fail("argument %s: not a number", word);
	append(block, word, type->size == 4 ? (void *)&single : (void *)&value, type->size);
}

/* --- buffers --- */

static uint32_t random_bits(uint64_t *state)
{
	*state = *state * 6364136223846793005ull + 1442695040888963407ull;
	return (uint32_t)(*state >> 32);
}

static uint16_t half_of(float f)
{
	_Float16 h = (_Float16)f;
	uint16_t bits;

	memcpy(&bits, &h, sizeof(bits));
	return bits;
}

static void fill_numbers(unsigned char *p, uint64_t size, const char *format)
{
	unsigned int step = !strcmp(format, "f32") ? 4 : 2;
	uint64_t state = 1, i;

	for (i = 0; i + step <= size; i += step) {
		float f = (float)(int32_t)random_bits(&state) / 2147483648.0f;
		uint32_t bits;
		uint16_t half;

		memcpy(&bits, &f, sizeof(bits));
		half = !strcmp(format, "f16") ? half_of(f) : (uint16_t)(bits >> 16);
		memcpy(p + i, step == 4 ? (void *)&bits : (void *)&half, step);
	}
}

static void fill_file(unsigned char *p, uint64_t size, const char *word, const char *path)
{
	FILE *file = fopen(path, "rb");

	if (!file)
		fail("argument %s: cannot open %s", word, path);
	if (fread(p, 1, size, file) != size)
		fail("argument %s: %s has less than %llu bytes", word, path,
		     (unsigned long long)size);
	fclose(file);
}

static void fill(unsigned char *p, uint64_t size, const char *word, const char *content)
{
	uint64_t state = 1, i;

	if (!strcmp(content, "zero"))
		return;
	if (!strcmp(content, "random")) {
		for (i = 0; i < size; i++)
			p[i] = (unsigned char)random_bits(&state);
	} else if (!strcmp(content, "count")) {
		for (i = 0; i + 4 <= size; i += 4)
			memcpy(p + i, &(uint32_t){ (uint32_t)(i / 4) }, 4);
	} else if (!strcmp(content, "f32") || !strcmp(content, "f16") || !strcmp(content, "bf16")) {
		fill_numbers(p, size, content);
	} else if (!strncmp(content, "file=", 5)) {
		fill_file(p, size, word, content + 5);
	} else {
		fail("argument %s: content is zero, random, count, f32, f16, bf16 or file=PATH",
		     word);
	}
}

static void append_buffer(struct argument_block *block, struct seedchip_device *dev,
			  const char *word, char *text, uint32_t flags)
{
	char *content = strchr(text, ':');
	struct seedchip_buffer *buffer;
	uint64_t size, address;
	void *p;

	if (content)
		*content++ = 0;
	if (!parse_number(text, true, &size) || !size)
		fail("argument %s: not a size", word);
	if (block->num_buffers == ARRAY_SIZE(block->buffers))
		fail("argument %s: more than %zu buffers", word, ARRAY_SIZE(block->buffers));
	if (seedchip_buffer_create(dev, size, flags, &buffer) ||
	    seedchip_buffer_map(buffer, &p))
		fail("argument %s: %s", word, seedchip_error());
	fill(p, size, word, content ? content : "zero");
	block->buffers[block->num_buffers++] = buffer;
	address = seedchip_buffer_address(buffer);
	append(block, word, &address, sizeof(address));
}

static void append_ref(struct argument_block *block, const char *word, char *text)
{
	char *plus = strchr(text, '+');
	uint64_t number, offset = 0;

	if (plus)
		*plus++ = 0;
	if (!parse_number(text, false, &number) || (plus && !parse_number(plus, true, &offset)))
		fail("argument %s: not of the form ref:N or ref:N+BYTES", word);
	if (number >= block->num_buffers)
		fail("argument %s: %u buffers stand before it", word, block->num_buffers);
	offset += seedchip_buffer_address(block->buffers[number]);
	append(block, word, &offset, sizeof(offset));
}

static void append_word(struct argument_block *block, struct seedchip_device *dev,
			const char *word)
{
	char *copy = strdup(word), *text = strchr(copy, ':');
	unsigned int i;

	if (!text)
		fail("argument %s: not of the form TYPE:VALUE. Try: seedchip-perf --help", word);
	*text++ = 0;
	for (i = 0; i < ARRAY_SIZE(types) && strcmp(types[i].name, copy); i++)
		;
	if (i < ARRAY_SIZE(types) && types[i].kind == KIND_FLOAT)
		append_float(block, word, &types[i], text);
	else if (i < ARRAY_SIZE(types))
		append_integer(block, word, &types[i], text);
	else if (!strcmp(copy, "buf"))
		append_buffer(block, dev, word, text, SEEDCHIP_CARD | SEEDCHIP_CPU);
	else if (!strcmp(copy, "sys"))
		append_buffer(block, dev, word, text, SEEDCHIP_SYSTEM);
	else if (!strcmp(copy, "ref"))
		append_ref(block, word, text);
	else
		fail("argument %s: unknown type %s. Try: seedchip-perf --help", word, copy);
	free(copy);
}

void args_build(struct argument_block *block, struct seedchip_device *dev, char **words, int count)
{
	memset(block, 0, sizeof(*block));
	for (int i = 0; i < count; i++)
		append_word(block, dev, words[i]);
}

void args_free(struct argument_block *block)
{
	for (unsigned int i = 0; i < block->num_buffers; i++)
		seedchip_buffer_destroy(block->buffers[i]);
}
