// SPDX-License-Identifier: MIT
/* fdinfo: the keys that generic tools read, during a job and after it. */
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#include <xf86drm.h>

#include <seedchip.h>

#include "card.h"
#include "tap.h"

#define MODULE "/usr/lib/seedchip/kernels.elf"
#define KIB    1024ULL
#define RW     (DRM_SEEDCHIP_BIND_MAP | DRM_SEEDCHIP_BIND_READ | DRM_SEEDCHIP_BIND_WRITE)

struct word_args {
	uint64_t out;
	uint64_t a;
	uint64_t b;
};

static const char *const regions[] = { "card", "system" };

/* As generic tools do: a number and perhaps a unit, behind the key and blanks. */
static bool find_key(int fd, const char *key, char *value, size_t size)
{
	char path[64], line[256];
	bool found = false;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", fd);
	f = fopen(path, "re");
	CHECK(f);
	while (fgets(line, sizeof(line), f)) {
		size_t length = strcspn(line, ":");

		if (length != strlen(key) || strncmp(line, key, length) || line[length] != ':')
			continue;
		CHECK(!found);
		found = true;
		line[strcspn(line, "\n")] = 0;
		snprintf(value, size, "%s",
			 line + length + 1 + strspn(line + length + 1, " \t"));
	}
	fclose(f);
	return found;
}

static uint64_t number(int fd, const char *key, const char *unit)
{
	char value[128], *end;
	uint64_t n;

	if (!find_key(fd, key, value, sizeof(value)))
		tap_fail("no %s", key);
	n = strtoull(value, &end, 10);
	if (end == value)
		tap_fail("%s: %s", key, value);
	if (!unit) {
		n <<= !strcmp(end, " KiB") ? 10 : !strcmp(end, " MiB") ? 20 : 0;
		if (*end && strcmp(end, " KiB") && strcmp(end, " MiB"))
			tap_fail("%s: %s", key, value);
	} else if (strcmp(end, unit)) {
		tap_fail("%s: %s", key, value);
	}
	return n;
}

static uint64_t memory(int fd, const char *what, const char *region)
{
	char key[64];

	snprintf(key, sizeof(key), "drm-%s-%s", what, region);
	return number(fd, key, NULL);
}

static uint64_t busy(int fd)
{
	return number(fd, "drm-engine-compute", " ns");
}

static void keys(void)
{
	static const char *const kinds[] = { "total", "shared", "resident", "active" };
	char value[128];
	struct drm_seedchip_info info;
	unsigned int i, j;
	int fd = card_open(0);

	CHECK(fd >= 0);
	CHECK_EQ(card_info(fd, &info), 0);
	CHECK(find_key(fd, "drm-driver", value, sizeof(value)) && !strcmp(value, "seedchip"));
	CHECK(number(fd, "drm-client-id", "") > 0);
	CHECK(find_key(fd, "drm-pdev", value, sizeof(value)));
	CHECK(!strcmp(value, card_address()));
	CHECK_EQ(number(fd, "drm-engine-capacity-compute", ""), info.num_cores);
	CHECK_EQ(busy(fd), 0);
	for (i = 0; i < 4; i++)
		for (j = 0; j < 2; j++)
			CHECK_EQ(memory(fd, kinds[i], regions[j]), 0);
	close(fd);
}

static void totals(void)
{
	static const uint32_t flags[] = { DRM_SEEDCHIP_BO_CARD, DRM_SEEDCHIP_BO_SYSTEM };
	int fd = card_open(0), shared;
	uint32_t handles[3];
	unsigned int i;

	for (i = 0; i < 2; i++) {
		CHECK_EQ(card_bo(fd, 64 * KIB, flags[i], &handles[0]), 0);
		CHECK_EQ(card_bo(fd, 132 * KIB, flags[i], &handles[1]), 0);
		CHECK_EQ(card_bo(fd, 4 * KIB, flags[i], &handles[2]), 0);
		CHECK_EQ(memory(fd, "total", regions[i]), 200 * KIB);
		CHECK_EQ(memory(fd, "resident", regions[i]), 200 * KIB);
		CHECK_EQ(memory(fd, "shared", regions[i]), 0);
		CHECK_EQ(memory(fd, "active", regions[i]), 0);
		CHECK_EQ(memory(fd, "total", regions[!i]), 0);
		CHECK_EQ(drmPrimeHandleToFD(fd, handles[1], O_CLOEXEC, &shared), 0);
		CHECK_EQ(memory(fd, "shared", regions[i]), 132 * KIB);
		CHECK_EQ(memory(fd, "total", regions[i]), 200 * KIB);
		close(shared);
		CHECK_EQ(card_bo_close(fd, handles[0]), 0);
		CHECK_EQ(memory(fd, "total", regions[i]), 136 * KIB);
		CHECK_EQ(card_bo_close(fd, handles[1]), 0);
		CHECK_EQ(card_bo_close(fd, handles[2]), 0);
		CHECK_EQ(memory(fd, "total", regions[i]), 0);
	}
	close(fd);
}

/* A queue that waits has work, though no core is busy with it. */
static void active(void)
{
	struct sc_packet hold = card_word(SC_OP_WAIT, 0x10000000, 1);
	struct drm_seedchip_sync out = { .flags = DRM_SEEDCHIP_SYNC_SIGNAL };
	struct drm_seedchip_queue_create queue;
	int fd = card_open(0);
	volatile uint64_t *map;
	uint32_t bound, unbound;

	CHECK_EQ(card_queue(fd, &queue), 0);
	CHECK_EQ(card_bo(fd, 8 * KIB, DRM_SEEDCHIP_BO_SYSTEM, &bound), 0);
	CHECK_EQ(card_bo(fd, 16 * KIB, DRM_SEEDCHIP_BO_SYSTEM, &unbound), 0);
	CHECK_EQ(card_bind(fd, RW, bound, 0, 0x10000000, 8 * KIB), 0);
	map = card_map(fd, bound, 8 * KIB);
	out.handle = card_syncobj(fd);
	CHECK_EQ(memory(fd, "active", "system"), 0);
	CHECK_EQ(card_submit(fd, queue.queue, &hold, 1, &out, 1, NULL), 0);
	CHECK_EQ(memory(fd, "active", "system"), 8 * KIB);
	CHECK_EQ(memory(fd, "total", "system"), 24 * KIB);
	map[0] = 1;
	CHECK_EQ(card_wait(fd, out.handle, 0, 10000), 0);
	CHECK_EQ(memory(fd, "active", "system"), 0);
	close(fd);
}

/* The runtime's file: the only one that is open. */
static int runtime_fd(void)
{
	char path[64], target[64];
	int fd;

	for (fd = 3; fd < 64; fd++) {
		ssize_t n;

		snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
		n = readlink(path, target, sizeof(target) - 1);
		if (n > 0 && !strncmp(target, "/dev/accel/", 11))
			return fd;
	}
	tap_fail("no open card");
}

/* Core time rises while a kernel runs, and never falls: its queue may be destroyed. */
static void running(void)
{
	struct seedchip_dim dim = { .x = 2, .y = 1, .z = 1 };
	struct seedchip_queue_desc desc = { .size = sizeof(desc), .wg_limit = 1ULL << 40,
					    .timeout_ms = 60000 };
	struct word_args args = { 0 };
	struct seedchip_module *module;
	struct seedchip_kernel *endless;
	struct seedchip_device *dev;
	struct seedchip_queue *queue;
	uint64_t before, during;
	unsigned int i;
	char key[32], value[64];
	int fd;

	CHECK_EQ(seedchip_device_open(0, &dev), 0);
	fd = runtime_fd();
	CHECK_EQ(seedchip_module_load_file(dev, MODULE, &module), 0);
	CHECK_EQ(seedchip_module_kernel(module, "endless", &endless), 0);
	CHECK_EQ(seedchip_queue_create(dev, &desc, &queue), 0);
	before = busy(fd);
	CHECK_EQ(seedchip_launch(queue, endless, &dim, &args, sizeof(args)), 0);
	seedchip_queue_mark(queue);
	for (i = 0; i < 20000 && busy(fd) < before + 1000000; i++)
		usleep(500);
	CHECK(i < 20000);
	CHECK(memory(fd, "active", "card") > 0);
	during = busy(fd);
	for (i = 0; i < 8; i++) {
		snprintf(key, sizeof(key), "seedchip-queue-%u", i);
		if (find_key(fd, key, value, sizeof(value)))
			break;
	}
	CHECK(i < 8);
	/* That of a queue is as of its last completed packet. */
	CHECK(number(fd, key, " ns") <= busy(fd));
	seedchip_queue_destroy(queue);
	CHECK(busy(fd) >= during);
	CHECK_EQ(memory(fd, "active", "card"), 0);
	during = busy(fd);
	CHECK_EQ(seedchip_queue_create(dev, &desc, &queue), 0);
	CHECK(busy(fd) >= during);
	seedchip_device_close(dev);
}

int main(void)
{
	static const struct tap_test tests[] = {
		{ "the keys that generic tools read, with their units", keys },
		{ "memory: total, resident and shared", totals },
		{ "memory: active while a queue has work", active },
		{ "core time rises while a kernel runs, and never falls", running },
	};

	return TAP_RUN(tests);
}
