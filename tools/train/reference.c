// SPDX-License-Identifier: MIT
/*
 * Reader of the weights file and the plain C meaning of the network, see reference.h.
 *
 * sdw_parse() is the only way to get a struct sdw_net, and it rejects whatever could make the
 * inference overflow: |sum of k products| < 1024 * 2^14, |bias| <= 2^30, so a sum fits in 32 bits;
 * |sum * mult| < 2^62 and the rounding term is at most 2^61, so the product fits in 64 bits.
 */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "reference.h"

#if __BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__
#error "weights files are used in place and are little endian"
#endif

/* No valid file is larger: every layer at its largest, and the table. */
#define SDW_MAX_SIZE	(SDW_HEADER_SIZE + SDW_MAX_LAYERS * (SDW_LAYER_SIZE + \
			 (SDW_MAX_DIM + 8) * SDW_MAX_DIM + 3 * SDW_ALIGN))

__attribute__((format(printf, 3, 4)))
static int fail(char *err, size_t errlen, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(err, errlen, fmt, ap);
	va_end(ap);
	return -1;
}

static uint32_t get32(const uint8_t *p)
{
	uint32_t v;

	memcpy(&v, p, sizeof(v));
	return v;
}

static size_t align_up(size_t v)
{
	return (v + SDW_ALIGN - 1) / SDW_ALIGN * SDW_ALIGN;
}

uint32_t sdw_crc32(const void *data, size_t size)
{
	const uint8_t *p = data;
	uint32_t crc = ~0u;

	for (size_t i = 0; i < size; i++) {
		crc ^= p[i];
		for (int bit = 0; bit < 8; bit++)
			crc = crc >> 1 ^ (crc & 1 ? 0xedb88320u : 0);
	}
	return ~crc;
}

/* Size, version and checksum; the table and the parts are looked at only after this. */
static int check_header(const uint8_t *p, size_t size, char *err, size_t errlen)
{
	if (size < SDW_HEADER_SIZE)
		return fail(err, errlen, "truncated: %zu bytes, the header alone has %d", size,
			    SDW_HEADER_SIZE);
	if (memcmp(p, SDW_MAGIC, SDW_MAGIC_SIZE))
		return fail(err, errlen, "not a weights file: wrong magic");
	if (get32(p + 8) != SDW_VERSION)
		return fail(err, errlen, "version %u, this program reads version %d", get32(p + 8),
			    SDW_VERSION);
	if (get32(p + 12) > size)
		return fail(err, errlen, "truncated: %zu bytes, the header says %u", size,
			    get32(p + 12));
	if (get32(p + 12) < size)
		return fail(err, errlen, "oversized: %zu bytes, the header says %u", size,
			    get32(p + 12));
	if (get32(p + 16) < 1 || get32(p + 16) > SDW_MAX_LAYERS)
		return fail(err, errlen, "%u layers, legal are 1 to %d", get32(p + 16),
			    SDW_MAX_LAYERS);
	for (size_t i = 24; i < SDW_HEADER_SIZE; i++) {
		if (p[i])
			return fail(err, errlen, "reserved header byte %zu is not zero", i);
	}
	if (get32(p + 20) != sdw_crc32(p + SDW_HEADER_SIZE, size - SDW_HEADER_SIZE))
		return fail(err, errlen, "corrupt: checksum %08x, the header says %08x",
			    sdw_crc32(p + SDW_HEADER_SIZE, size - SDW_HEADER_SIZE), get32(p + 20));
	return 0;
}

/* Reads the layer table into @net; returns the file size that the dimensions ask for, 0 if bad. */
static size_t read_table(struct sdw_net *net, const uint8_t *p, size_t size, char *err,
			 size_t errlen)
{
	size_t need = SDW_HEADER_SIZE + (size_t)net->layers * SDW_LAYER_SIZE;

	if (need > size) {
		fail(err, errlen, "%u layers do not fit in %zu bytes", net->layers, size);
		return 0;
	}
	for (uint32_t i = 0; i < net->layers; i++) {
		const uint8_t *rec = p + SDW_HEADER_SIZE + i * SDW_LAYER_SIZE;
		struct sdw_layer *l = &net->layer[i];
		int last = i + 1 == net->layers;

		l->k = get32(rec);
		l->n = get32(rec + 4);
		l->shift = get32(rec + 8);
		if (l->k < 1 || l->k > SDW_MAX_DIM || l->n < 1 || l->n > SDW_MAX_DIM) {
			fail(err, errlen, "layer %u is %u x %u, legal are 1 to %d", i, l->k, l->n,
			     SDW_MAX_DIM);
			return 0;
		}
		if (i && l->k != l[-1].n) {
			fail(err, errlen, "layer %u has %u inputs, layer %u has %u outputs", i,
			     l->k, i - 1, l[-1].n);
			return 0;
		}
		if (last ? l->shift != 0 : l->shift < 1 || l->shift > SDW_MAX_SHIFT) {
			fail(err, errlen, "layer %u has shift %u, legal is %s", i, l->shift,
			     last ? "0 in the last layer" : "1 to 62");
			return 0;
		}
		if (get32(rec + 12)) {
			fail(err, errlen, "layer %u: reserved field is not zero", i);
			return 0;
		}
		need = align_up(need) + (size_t)l->k * l->n;
		need = align_up(need) + 4 * (size_t)l->n;
		if (!last)
			need = align_up(need) + 4 * (size_t)l->n;
	}
	return need;
}

/* Steps over padding to the next part and over the part; NULL if the padding is not zero. */
static const void *next_part(const uint8_t *p, size_t *pos, size_t bytes)
{
	size_t start = align_up(*pos);

	for (size_t i = *pos; i < start; i++) {
		if (p[i])
			return NULL;
	}
	*pos = start + bytes;
	return p + start;
}

static int check_layer(const struct sdw_layer *l, uint32_t i, char *err, size_t errlen)
{
	for (uint32_t n = 0; n < l->n; n++) {
		if (l->bias[n] < -SDW_MAX_BIAS || l->bias[n] > SDW_MAX_BIAS)
			return fail(err, errlen, "layer %u: bias[%u] is %d, beyond 2^30", i, n,
				    l->bias[n]);
		if (l->mult && l->mult[n] < 1)
			return fail(err, errlen, "layer %u: mult[%u] is %d, not positive", i, n,
				    l->mult[n]);
	}
	return 0;
}

int sdw_parse(struct sdw_net *net, void *data, size_t size, char *err, size_t errlen)
{
	struct sdw_net out = { .data = data, .size = size };
	const uint8_t *p = data;
	size_t need, pos;

	if (check_header(p, size, err, errlen))
		return -1;
	out.layers = get32(p + 16);
	need = read_table(&out, p, size, err, errlen);
	if (!need)
		return -1;
	if (need != size)
		return fail(err, errlen, "%zu bytes, its dimensions ask for %zu", size, need);

	pos = SDW_HEADER_SIZE + out.layers * SDW_LAYER_SIZE;
	for (uint32_t i = 0; i < out.layers; i++) {
		struct sdw_layer *l = &out.layer[i];
		int last = i + 1 == out.layers;

		l->weights = next_part(p, &pos, (size_t)l->k * l->n);
		l->bias = next_part(p, &pos, 4 * (size_t)l->n);
		if (!last)
			l->mult = next_part(p, &pos, 4 * (size_t)l->n);
		if (!l->weights || !l->bias || (!last && !l->mult))
			return fail(err, errlen, "layer %u: padding is not zero", i);
		if (check_layer(l, i, err, errlen))
			return -1;
	}
	*net = out;
	return 0;
}

int sdw_read(struct sdw_net *net, const char *path, char *err, size_t errlen)
{
	char why[160];
	struct stat st;
	void *data = NULL;
	FILE *f;
	int r = -1;

	f = fopen(path, "rb");
	if (!f)
		return fail(err, errlen, "%s: %s", path, strerror(errno));
	if (fstat(fileno(f), &st)) {
		fail(err, errlen, "%s: %s", path, strerror(errno));
	} else if (!S_ISREG(st.st_mode)) {
		fail(err, errlen, "%s: not a regular file", path);
	} else if (st.st_size > SDW_MAX_SIZE) {
		fail(err, errlen, "%s: oversized: %lld bytes, no weights file has more than %d",
		     path, (long long)st.st_size, SDW_MAX_SIZE);
	} else {
		data = malloc(st.st_size ? st.st_size : 1);
		if (!data)
			fail(err, errlen, "%s: no memory for %lld bytes", path,
			     (long long)st.st_size);
		else if (fread(data, 1, st.st_size, f) != (size_t)st.st_size)
			fail(err, errlen, "%s: cannot read %lld bytes", path,
			     (long long)st.st_size);
		else if (sdw_parse(net, data, st.st_size, why, sizeof(why)))
			fail(err, errlen, "%s: %s", path, why);
		else
			r = 0;
	}
	if (r)
		free(data);
	fclose(f);
	return r;
}

void sdw_free(struct sdw_net *net)
{
	free(net->data);
	memset(net, 0, sizeof(*net));
}

void sdw_input(int8_t *x, const uint8_t *pixels, size_t n)
{
	for (size_t i = 0; i < n; i++)
		x[i] = pixels[i] >> 1;
}

int8_t sdw_requantise(int32_t sum, int32_t mult, uint32_t shift)
{
	int64_t t = ((int64_t)sum * mult + ((int64_t)1 << (shift - 1))) >> shift;

	return t < 0 ? 0 : t > 127 ? 127 : t;
}

static void dense(const struct sdw_layer *l, const int8_t *x, int32_t *sums)
{
	memcpy(sums, l->bias, l->n * sizeof(*sums));
	for (uint32_t k = 0; k < l->k; k++) {
		const int8_t *w = l->weights + (size_t)k * l->n;

		for (uint32_t n = 0; n < l->n; n++)
			sums[n] += x[k] * w[n];
	}
}

unsigned int sdw_classify(const struct sdw_net *net, const int8_t *x, int32_t *sums)
{
	const struct sdw_layer *l = net->layer;
	int32_t s[SDW_MAX_DIM];
	int8_t y[SDW_MAX_DIM];
	unsigned int best = 0;

	dense(l, x, s);
	for (; l->mult; l++) {
		for (uint32_t n = 0; n < l->n; n++)
			y[n] = sdw_requantise(s[n], l->mult[n], l->shift);
		dense(l + 1, y, s);
	}
	for (uint32_t n = 1; n < l->n; n++) {
		if (s[n] > s[best])
			best = n;
	}
	if (sums)
		memcpy(sums, s, l->n * sizeof(*s));
	return best;
}
