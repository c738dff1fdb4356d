// SPDX-License-Identifier: MIT
/*
 * Tests of the demo's network: its weights file is refused for every kind of damage with a message
 * that says which, its integer inference gives values worked out by hand, and the data set's
 * reader refuses damaged files. The invariant: each refusal test changes one thing of a file that
 * was accepted just before, so the refusal has that cause.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <zlib.h>
#include <cmocka.h>

#include "tools/train/idx.h"
#include "tools/train/reference.h"

/*
 * The file of a 3-2-2 network, placed by hand:
 *	0 header, 64 records, 96 padding, 128 weights 3 x 2, 192 bias, 256 mult,
 *	320 weights 2 x 2, 384 bias to 392
 */
#define TINY_SIZE	392
#define RECORD(i)	(64 + 16 * (i))

struct tiny {
	_Alignas(64) uint8_t b[TINY_SIZE];
};

static void put32(uint8_t *p, uint32_t v)
{
	memcpy(p, &v, 4);
}

/* After a change: makes the checksum right again, so that it is not the reason of a refusal. */
static void seal(struct tiny *t)
{
	put32(t->b + 20, sdw_crc32(t->b + 64, TINY_SIZE - 64));
}

static struct tiny tiny(void)
{
	static const int8_t w0[3][2] = { { 2, -1 }, { 3, 100 }, { -128, 127 } };
	static const int8_t w1[2][2] = { { 1, -2 }, { 4, 5 } };
	static const int32_t bias0[2] = { 10, -20 }, mult0[2] = { 3, 1 }, bias1[2] = { -7, 9 };
	struct tiny t = { 0 };

	memcpy(t.b, "SEEDNET\n", 8);
	put32(t.b + 8, 1);
	put32(t.b + 12, TINY_SIZE);
	put32(t.b + 16, 2);
	put32(t.b + 64, 3);
	put32(t.b + 68, 2);
	put32(t.b + 72, 2);
	put32(t.b + 80, 2);
	put32(t.b + 84, 2);
	memcpy(t.b + 128, w0, sizeof(w0));
	memcpy(t.b + 192, bias0, sizeof(bias0));
	memcpy(t.b + 256, mult0, sizeof(mult0));
	memcpy(t.b + 320, w1, sizeof(w1));
	memcpy(t.b + 384, bias1, sizeof(bias1));
	seal(&t);
	return t;
}

static void accept(struct tiny *t, struct sdw_net *net)
{
	char err[200] = "";

	if (sdw_parse(net, t->b, TINY_SIZE, err, sizeof(err)))
		fail_msg("refused: %s", err);
}

static void refuse(struct tiny *t, size_t size, const char *message)
{
	struct sdw_net net = { .layers = 77 };
	char err[200] = "";

	assert_int_equal(sdw_parse(&net, t->b, size, err, sizeof(err)), -1);
	assert_string_equal(err, message);
	assert_int_equal(net.layers, 77);
}

/* Puts @v at @at of a good file, with a right checksum, and expects @message. */
static void refuse_word(size_t at, uint32_t v, const char *message)
{
	struct tiny t = tiny();
	struct sdw_net net;

	accept(&t, &net);
	put32(t.b + at, v);
	if (at >= 64)
		seal(&t);
	refuse(&t, TINY_SIZE, message);
}

static void test_crc32(void **state)
{
	struct tiny t = tiny();

	(void)state;
	assert_int_equal(sdw_crc32("123456789", 9), 0xcbf43926);
	assert_int_equal(sdw_crc32(t.b, TINY_SIZE), crc32(0, t.b, TINY_SIZE));
}

static void test_layout(void **state)
{
	struct tiny t = tiny();
	struct sdw_net net;

	(void)state;
	accept(&t, &net);
	assert_int_equal(net.layers, 2);
	assert_int_equal(net.layer[0].k, 3);
	assert_int_equal(net.layer[0].n, 2);
	assert_int_equal(net.layer[0].shift, 2);
	assert_int_equal(net.layer[0].weights[2 * 2 + 0], -128);
	assert_int_equal(net.layer[0].bias[1], -20);
	assert_int_equal(net.layer[0].mult[0], 3);
	assert_int_equal(net.layer[1].k, 2);
	assert_int_equal(net.layer[1].shift, 0);
	assert_int_equal(net.layer[1].weights[1 * 2 + 1], 5);
	assert_int_equal(net.layer[1].bias[0], -7);
	assert_null(net.layer[1].mult);
}

static void test_input(void **state)
{
	static const uint8_t pixels[] = { 0, 1, 2, 127, 128, 255 };
	static const int8_t want[] = { 0, 0, 1, 63, 64, 127 };
	int8_t x[6];

	(void)state;
	sdw_input(x, pixels, 6);
	assert_memory_equal(x, want, 6);
}

static void test_requantise(void **state)
{
	(void)state;
	/* Nearest, halves towards plus infinity: 3/2 = 1.5, 1/2, 5/4, 6/4, 7/4. */
	assert_int_equal(sdw_requantise(3, 1, 1), 2);
	assert_int_equal(sdw_requantise(1, 1, 1), 1);
	assert_int_equal(sdw_requantise(5, 1, 2), 1);
	assert_int_equal(sdw_requantise(6, 1, 2), 2);
	assert_int_equal(sdw_requantise(7, 1, 2), 2);
	/* Both clamps. */
	assert_int_equal(sdw_requantise(-1, 1, 1), 0);
	assert_int_equal(sdw_requantise(-1000, 1000, 3), 0);
	assert_int_equal(sdw_requantise(127, 2, 1), 127);
	assert_int_equal(sdw_requantise(128, 2, 1), 127);
	/* The largest that a file can ask for does not overflow: about 2^62 and 2^61. */
	assert_int_equal(sdw_requantise(INT32_MAX, INT32_MAX, 62), 1);
	assert_int_equal(sdw_requantise(INT32_MIN, INT32_MAX, 62), 0);
	assert_int_equal(sdw_requantise(INT32_MAX, INT32_MAX, 56), 64);
}

/*
 * x = 5, 20, 1
 * s0 = 5*2 + 20*3 - 128 + 10 = -48			t = -144 + 2 = -142 >> 2 = -36, y0 = 0
 * s1 = -5 + 2000 + 127 - 20 = 2102			t = 2104 >> 2 = 526, y1 = 127
 * sums: 127*4 - 7 = 501, 127*5 + 9 = 644		label 1
 *
 * x = 127, 0, 0
 * s0 = 254 + 10 = 264					t = 792 + 2 = 794 >> 2 = 198, y0 = 127
 * s1 = -127 - 20 = -147				y1 = 0
 * sums: 127 - 7 = 120, -254 + 9 = -245			label 0
 *
 * x = 0, 1, 0
 * s0 = 3 + 10 = 13					t = 41 >> 2 = 10, y0 = 10
 * s1 = 100 - 20 = 80					t = 82 >> 2 = 20, y1 = 20
 * sums: 10 + 80 - 7 = 83, -20 + 100 + 9 = 89		label 1
 */
static void test_by_hand(void **state)
{
	static const struct {
		int8_t x[3];
		int32_t sums[2];
		unsigned int label;
	} cases[] = {
		{ { 5, 20, 1 }, { 501, 644 }, 1 },
		{ { 127, 0, 0 }, { 120, -245 }, 0 },
		{ { 0, 1, 0 }, { 83, 89 }, 1 },
	};
	struct tiny t = tiny();
	struct sdw_net net;

	(void)state;
	accept(&t, &net);
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		int32_t sums[2];

		assert_int_equal(sdw_classify(&net, cases[i].x, sums), cases[i].label);
		assert_int_equal(sums[0], cases[i].sums[0]);
		assert_int_equal(sums[1], cases[i].sums[1]);
		assert_int_equal(sdw_classify(&net, cases[i].x, NULL), cases[i].label);
	}
}

/* Equal sums: the lowest label. The last layer's sums become the bias alone. */
static void test_tie(void **state)
{
	static const int8_t x[3];
	struct tiny t = tiny();
	struct sdw_net net;

	(void)state;
	memset(t.b + 320, 0, 4);
	put32(t.b + 384, 5);
	put32(t.b + 388, 5);
	seal(&t);
	accept(&t, &net);
	assert_int_equal(sdw_classify(&net, x, NULL), 0);
	put32(t.b + 388, 6);
	seal(&t);
	accept(&t, &net);
	assert_int_equal(sdw_classify(&net, x, NULL), 1);
}

/* A weight that is still legal, but not the one that was written. */
static void test_bad_checksum(void **state)
{
	struct tiny t = tiny();
	struct sdw_net net;
	char want[200];

	(void)state;
	accept(&t, &net);
	t.b[128]++;
	snprintf(want, sizeof(want), "corrupt: checksum %08lx, the header says %08lx",
		 crc32(0, t.b + 64, TINY_SIZE - 64), crc32(0, tiny().b + 64, TINY_SIZE - 64));
	refuse(&t, TINY_SIZE, want);
}

static void test_bad_header(void **state)
{
	(void)state;
	refuse_word(0, 0x58454553, "not a weights file: wrong magic");
	refuse_word(8, 2, "version 2, this program reads version 1");
	refuse_word(16, 0, "0 layers, legal are 1 to 8");
	refuse_word(16, 9, "9 layers, legal are 1 to 8");
	refuse_word(24, 1, "reserved header byte 24 is not zero");
	refuse_word(60, 1u << 24, "reserved header byte 63 is not zero");
}

static void test_bad_size(void **state)
{
	struct tiny t = tiny();
	struct { _Alignas(64) uint8_t b[TINY_SIZE + 4]; } longer = { 0 };
	struct sdw_net net;
	char err[200];

	(void)state;
	accept(&t, &net);
	refuse(&t, 0, "truncated: 0 bytes, the header alone has 64");
	refuse(&t, 63, "truncated: 63 bytes, the header alone has 64");
	refuse(&t, 64, "truncated: 64 bytes, the header says 392");
	refuse(&t, TINY_SIZE - 1, "truncated: 391 bytes, the header says 392");
	memcpy(longer.b, t.b, TINY_SIZE);
	assert_int_equal(sdw_parse(&net, longer.b, TINY_SIZE + 1, err, sizeof(err)), -1);
	assert_string_equal(err, "oversized: 393 bytes, the header says 392");

	/* A header that agrees with the size does not make up for missing or surplus parts. */
	put32(longer.b + 12, TINY_SIZE + 4);
	put32(longer.b + 20, sdw_crc32(longer.b + 64, TINY_SIZE + 4 - 64));
	assert_int_equal(sdw_parse(&net, longer.b, TINY_SIZE + 4, err, sizeof(err)), -1);
	assert_string_equal(err, "396 bytes, its dimensions ask for 392");
	put32(longer.b + 12, TINY_SIZE - 4);
	put32(longer.b + 20, sdw_crc32(longer.b + 64, TINY_SIZE - 4 - 64));
	assert_int_equal(sdw_parse(&net, longer.b, TINY_SIZE - 4, err, sizeof(err)), -1);
	assert_string_equal(err, "388 bytes, its dimensions ask for 392");
	put32(longer.b + 12, 80);
	put32(longer.b + 20, sdw_crc32(longer.b + 64, 80 - 64));
	assert_int_equal(sdw_parse(&net, longer.b, 80, err, sizeof(err)), -1);
	assert_string_equal(err, "2 layers do not fit in 80 bytes");
}

static void test_bad_table(void **state)
{
	(void)state;
	refuse_word(RECORD(0), 0, "layer 0 is 0 x 2, legal are 1 to 1024");
	refuse_word(RECORD(0), 1025, "layer 0 is 1025 x 2, legal are 1 to 1024");
	refuse_word(RECORD(0) + 4, 0, "layer 0 is 3 x 0, legal are 1 to 1024");
	refuse_word(RECORD(1) + 4, 0xffffffff,
		    "layer 1 is 2 x 4294967295, legal are 1 to 1024");
	refuse_word(RECORD(1), 3, "layer 1 has 3 inputs, layer 0 has 2 outputs");
	refuse_word(RECORD(0), 100, "392 bytes, its dimensions ask for 584");
	refuse_word(RECORD(0) + 8, 0, "layer 0 has shift 0, legal is 1 to 62");
	refuse_word(RECORD(0) + 8, 63, "layer 0 has shift 63, legal is 1 to 62");
	refuse_word(RECORD(1) + 8, 1, "layer 1 has shift 1, legal is 0 in the last layer");
	refuse_word(RECORD(0) + 12, 1, "layer 0: reserved field is not zero");
	refuse_word(RECORD(1) + 12, 1, "layer 1: reserved field is not zero");
}

static void test_bad_parts(void **state)
{
	(void)state;
	refuse_word(96, 1, "layer 0: padding is not zero");
	refuse_word(188, 1u << 24, "layer 0: padding is not zero");
	refuse_word(200, 1, "layer 0: padding is not zero");
	refuse_word(264, 1, "layer 1: padding is not zero");
	refuse_word(324, 1, "layer 1: padding is not zero");
	refuse_word(192, (1u << 30) + 1, "layer 0: bias[0] is 1073741825, beyond 2^30");
	refuse_word(388, 0x80000000, "layer 1: bias[1] is -2147483648, beyond 2^30");
	refuse_word(256, 0, "layer 0: mult[0] is 0, not positive");
	refuse_word(260, 0xffffffff, "layer 0: mult[1] is -1, not positive");
}

/* Every single flipped bit of the file is noticed. */
static void test_every_bit(void **state)
{
	struct tiny t = tiny();
	struct sdw_net net;
	char err[200];

	(void)state;
	for (size_t bit = 0; bit < 8 * TINY_SIZE; bit++) {
		t.b[bit / 8] ^= 1 << bit % 8;
		if (!sdw_parse(&net, t.b, TINY_SIZE, err, sizeof(err)))
			fail_msg("flipped bit %zu of byte %zu was accepted", bit % 8, bit / 8);
		t.b[bit / 8] ^= 1 << bit % 8;
	}
	accept(&t, &net);
}

/* A folder of its own for the tests that need files; @state is its path. */
static int make_folder(void **state)
{
	char *dir = strdup("/tmp/test_fashion.XXXXXX");

	*state = dir;
	return mkdtemp(dir) ? 0 : -1;
}

static const char *in_folder(void **state, const char *name)
{
	static char path[200];

	snprintf(path, sizeof(path), "%s/%s", (char *)*state, name);
	return path;
}

static const char *const files[] = {
	"net.sdw", "t10k-images-idx3-ubyte.gz", "t10k-labels-idx1-ubyte.gz",
};

static int remove_folder(void **state)
{
	for (size_t i = 0; i < sizeof(files) / sizeof(*files); i++)
		unlink(in_folder(state, files[i]));
	rmdir(*state);
	free(*state);
	return 0;
}

static void write_file(const char *path, const void *data, size_t size)
{
	FILE *f = fopen(path, "wb");

	assert_non_null(f);
	assert_int_equal(fwrite(data, 1, size, f), size);
	assert_int_equal(fclose(f), 0);
}

static void read_refused(const char *path, const char *why)
{
	char err[600] = "", want[600];
	struct sdw_net net;

	assert_int_equal(sdw_read(&net, path, err, sizeof(err)), -1);
	snprintf(want, sizeof(want), "%s: %s", path, why);
	assert_string_equal(err, want);
}

static void test_read_file(void **state)
{
	const char *path = in_folder(state, "net.sdw");
	static const int8_t x[3] = { 0, 1, 0 };
	struct tiny t = tiny();
	struct sdw_net net;
	char err[600];

	read_refused(path, "No such file or directory");
	write_file(path, t.b, TINY_SIZE);
	assert_int_equal(sdw_read(&net, path, err, sizeof(err)), 0);
	assert_int_equal(sdw_classify(&net, x, NULL), 1);
	sdw_free(&net);
	assert_null(net.data);

	write_file(path, t.b, TINY_SIZE - 8);
	read_refused(path, "truncated: 384 bytes, the header says 392");
	write_file(path, t.b, 0);
	read_refused(path, "truncated: 0 bytes, the header alone has 64");
	assert_int_equal(truncate(path, 1 << 30), 0);
	read_refused(path, "oversized: 1073741824 bytes, no weights file has more than 8455872");
	read_refused("/dev/zero", "not a regular file");
}

/* The shipped weights, as the demo needs them; tests run from the top of the tree. */
static void test_shipped(void **state)
{
	uint32_t correct = 0;
	struct idx_set set;
	struct sdw_net net;
	char err[600];

	(void)state;
	if (sdw_read(&net, "tools/train/fashion.sdw", err, sizeof(err)) ||
	    idx_read(&set, IDX_DIR, "t10k", err, sizeof(err)))
		fail_msg("%s", err);
	assert_in_range(net.layers, 2, SDW_MAX_LAYERS);
	assert_int_equal(net.layer[0].k, IDX_PIXELS);
	assert_int_equal(net.layer[net.layers - 1].n, IDX_CLASSES);
	assert_in_range(net.size, 1, 150 * 1024);
	assert_int_equal(set.count, 10000);
	for (uint32_t i = 0; i < set.count; i++) {
		int8_t x[IDX_PIXELS];

		sdw_input(x, set.pixels + i * IDX_PIXELS, IDX_PIXELS);
		correct += sdw_classify(&net, x, NULL) == set.labels[i];
	}
	assert_in_range(correct, 8800, 10000);
	idx_free(&set);
	sdw_free(&net);
}

static void write_gz(const char *path, const void *data, size_t size)
{
	gzFile f = gzopen(path, "wb");

	assert_non_null(f);
	assert_int_equal(gzwrite(f, data, size), size);
	assert_int_equal(gzclose(f), Z_OK);
}

static void idx_refused(void **state, const char *file, const char *why)
{
	char err[600] = "", want[600];
	struct idx_set set;

	assert_int_equal(idx_read(&set, *state, "t10k", err, sizeof(err)), -1);
	snprintf(want, sizeof(want), "%s/%s: %s", (char *)*state, file, why);
	assert_string_equal(err, want);
}

/* Two images; the first bytes of an IDX file are its type and its dimensions, big endian. */
struct idx_files {
	uint8_t images[16 + 2 * IDX_PIXELS];
	uint8_t labels[8 + 2];
};

static struct idx_files idx_good(void)
{
	struct idx_files f = {
		.images = { 0, 0, 8, 3, 0, 0, 0, 2, 0, 0, 0, 28, 0, 0, 0, 28, 7 },
		.labels = { 0, 0, 8, 1, 0, 0, 0, 2, 9, 3 },
	};

	f.images[sizeof(f.images) - 1] = 200;
	return f;
}

static void idx_write(void **state, const struct idx_files *f)
{
	write_gz(in_folder(state, files[1]), f->images, sizeof(f->images));
	write_gz(in_folder(state, files[2]), f->labels, sizeof(f->labels));
}

static void test_idx(void **state)
{
	struct idx_files good = idx_good();
	struct idx_set set;
	char err[600];

	idx_refused(state, files[1], "No such file or directory");
	idx_write(state, &good);
	if (idx_read(&set, *state, "t10k", err, sizeof(err)))
		fail_msg("refused: %s", err);
	assert_int_equal(set.count, 2);
	assert_int_equal(set.pixels[0], 7);
	assert_int_equal(set.pixels[2 * IDX_PIXELS - 1], 200);
	assert_int_equal(set.labels[0], 9);
	assert_string_equal(idx_class_name(set.labels[0]), "ankle boot");
	assert_string_equal(idx_class_name(IDX_CLASSES), "?");
	idx_free(&set);
	assert_null(set.pixels);
}

static void test_idx_header(void **state)
{
	static const struct {
		int label_file, at;
		uint8_t v;
		const char *why;
	} cases[] = {
		{ 0, 3, 1, "not an IDX file of images" },
		{ 1, 3, 3, "not an IDX file of labels" },
		{ 0, 7, 0, "item count out of range" },
		{ 0, 4, 0xff, "item count out of range" },
		{ 0, 11, 27, "images are not 28 x 28" },
		{ 0, 15, 29, "images are not 28 x 28" },
		{ 0, 7, 3, "truncated or damaged" },
		{ 0, 7, 1, "bytes after the last item" },
		{ 1, 7, 3, "truncated or damaged" },
		{ 1, 9, 10, "label beyond 9" },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct idx_files f = idx_good();

		if (cases[i].label_file)
			f.labels[cases[i].at] = cases[i].v;
		else
			f.images[cases[i].at] = cases[i].v;
		idx_write(state, &f);
		idx_refused(state, files[1 + cases[i].label_file], cases[i].why);
	}
}

static void test_idx_damage(void **state)
{
	struct idx_files good = idx_good();
	uint8_t packed[4096], one[9] = { 0, 0, 8, 1, 0, 0, 0, 1, 4 };
	const char *path;
	size_t size;
	FILE *f;

	idx_write(state, &good);
	write_gz(in_folder(state, files[2]), one, sizeof(one));
	idx_refused(state, files[2], "image and label files differ in count");

	idx_write(state, &good);
	path = in_folder(state, files[1]);
	f = fopen(path, "rb");
	assert_non_null(f);
	size = fread(packed, 1, sizeof(packed), f);
	fclose(f);
	assert_in_range(size, 20, sizeof(packed) - 1);
	write_file(path, packed, size - 4);
	idx_refused(state, files[1], "truncated or damaged");
	packed[size - 8] ^= 1;
	write_file(path, packed, size);
	idx_refused(state, files[1], "truncated or damaged");
	write_file(path, packed, 12);
	idx_refused(state, files[1], "truncated or damaged");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_crc32),
		cmocka_unit_test(test_layout),
		cmocka_unit_test(test_input),
		cmocka_unit_test(test_requantise),
		cmocka_unit_test(test_by_hand),
		cmocka_unit_test(test_tie),
		cmocka_unit_test(test_bad_checksum),
		cmocka_unit_test(test_bad_header),
		cmocka_unit_test(test_bad_size),
		cmocka_unit_test(test_bad_table),
		cmocka_unit_test(test_bad_parts),
		cmocka_unit_test(test_every_bit),
		cmocka_unit_test_setup_teardown(test_read_file, make_folder, remove_folder),
		cmocka_unit_test(test_shipped),
		cmocka_unit_test_setup_teardown(test_idx, make_folder, remove_folder),
		cmocka_unit_test_setup_teardown(test_idx_header, make_folder, remove_folder),
		cmocka_unit_test_setup_teardown(test_idx_damage, make_folder, remove_folder),
	};

	return cmocka_run_group_tests_name("fashion", tests, NULL, NULL);
}
