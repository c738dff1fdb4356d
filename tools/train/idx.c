// SPDX-License-Identifier: MIT
/*
 * Reader of Fashion-MNIST's IDX files, see idx.h. A file is used only when its header, its length
 * and zlib's checksum agree; nothing is allocated before the header has been checked.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include "idx.h"

#define IDX_LABELS	0x801	/* unsigned bytes, one dimension */
#define IDX_IMAGES	0x803	/* unsigned bytes, three dimensions */

/* One message: where zlib notices depends on how much it has buffered. */
static const char damaged[] = "truncated or damaged";

static uint32_t be32(const uint8_t *p)
{
	return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

/* Checks the header and tells the number of items; returns what is wrong, NULL if nothing. */
static const char *read_header(gzFile f, uint32_t kind, uint32_t *count)
{
	int words = kind == IDX_IMAGES ? 4 : 2;
	uint8_t head[16];

	if (gzread(f, head, 4 * words) != 4 * words)
		return damaged;
	if (be32(head) != kind)
		return kind == IDX_IMAGES ? "not an IDX file of images" :
					    "not an IDX file of labels";
	*count = be32(head + 4);
	if (*count < 1 || *count > IDX_MAX_COUNT)
		return "item count out of range";
	if (kind == IDX_IMAGES && (be32(head + 8) != IDX_SIDE || be32(head + 12) != IDX_SIDE))
		return "images are not 28 x 28";
	return NULL;
}

/* Reads all items of an open file; returns what is wrong, NULL if nothing. */
static const char *read_items(gzFile f, uint32_t kind, uint32_t *count, uint8_t **items)
{
	const char *why = read_header(f, kind, count);
	uint8_t more;
	int bytes;

	if (why)
		return why;
	bytes = *count * (kind == IDX_IMAGES ? IDX_PIXELS : 1);
	*items = malloc(bytes);
	if (!*items)
		return "no memory";
	if (gzread(f, *items, bytes) != bytes)
		return damaged;
	/* Reading past the last item is what makes zlib compare the checksum. */
	switch (gzread(f, &more, 1)) {
	case 0:
		return NULL;
	case 1:
		return "bytes after the last item";
	default:
		return damaged;
	}
}

static int read_file(const char *path, uint32_t kind, uint32_t *count, uint8_t **items, char *err,
		     size_t errlen)
{
	const char *why;
	gzFile f;

	*items = NULL;
	errno = 0;
	f = gzopen(path, "rb");
	if (!f) {
		snprintf(err, errlen, "%s: %s", path, errno ? strerror(errno) : "no memory");
		return -1;
	}
	why = read_items(f, kind, count, items);
	/* A stream that ends early is an error only of the close call. */
	if (gzclose_r(f) != Z_OK && !why)
		why = damaged;
	if (!why)
		return 0;
	snprintf(err, errlen, "%s: %s", path, why);
	free(*items);
	*items = NULL;
	return -1;
}

static const char *bad_labels(const struct idx_set *set, uint32_t labels)
{
	if (labels != set->count)
		return "image and label files differ in count";
	for (uint32_t i = 0; i < labels; i++) {
		if (set->labels[i] >= IDX_CLASSES)
			return "label beyond 9";
	}
	return NULL;
}

int idx_read(struct idx_set *set, const char *dir, const char *half, char *err, size_t errlen)
{
	struct idx_set out = { 0 };
	const char *why;
	char path[512];
	uint32_t labels;

	snprintf(path, sizeof(path), "%s/%s-images-idx3-ubyte.gz", dir, half);
	if (read_file(path, IDX_IMAGES, &out.count, &out.pixels, err, errlen))
		return -1;
	snprintf(path, sizeof(path), "%s/%s-labels-idx1-ubyte.gz", dir, half);
	if (read_file(path, IDX_LABELS, &labels, &out.labels, err, errlen)) {
		idx_free(&out);
		return -1;
	}
	why = bad_labels(&out, labels);
	if (why) {
		snprintf(err, errlen, "%s: %s", path, why);
		idx_free(&out);
		return -1;
	}
	*set = out;
	return 0;
}

void idx_free(struct idx_set *set)
{
	free(set->pixels);
	free(set->labels);
	memset(set, 0, sizeof(*set));
}

const char *idx_class_name(unsigned int label)
{
	static const char *const names[IDX_CLASSES] = {
		"T-shirt", "trousers", "pullover", "dress", "coat",
		"sandal", "shirt", "sneaker", "bag", "ankle boot",
	};

	return label < IDX_CLASSES ? names[label] : "?";
}
