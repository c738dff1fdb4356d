// SPDX-License-Identifier: MIT
/* DEV_QUERY, and what every ioctl must do with arguments that are wrong as a whole. */
#include <errno.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>
#include <xf86drm.h>

#include "card.h"
#include "tap.h"

static int fd;

static void info(void)
{
	struct drm_seedchip_info info;

	CHECK_EQ(card_info(fd, &info), 0);
	CHECK_EQ(info.hw_version >> 16, SC_VERSION >> 16);
	CHECK(info.num_cores > 0 && info.core_mask);
	CHECK(info.card_visible_size <= info.card_size);
	CHECK_EQ(info.page_size, 4096);
	CHECK(info.isa & SC_ISA_RV64IMAFD);
	CHECK(info.va_start >= SC_VA_USER_START && info.va_end <= SC_VA_USER_END);
}

static void size_only(void)
{
	struct drm_seedchip_dev_query query = { .type = DRM_SEEDCHIP_QUERY_INFO };

	CHECK_EQ(card_ioctl(fd, DRM_IOCTL_SEEDCHIP_DEV_QUERY, &query), 0);
	CHECK_EQ(query.size, sizeof(struct drm_seedchip_info));
}

static void short_and_long(void)
{
	struct {
		struct drm_seedchip_info info;
		uint8_t more[64];
	} big;
	uint32_t version[4] = { 0, 0, 0x55555555, 0x55555555 };
	struct drm_seedchip_dev_query query = { .pointer = (uintptr_t)version, .size = 8 };
	unsigned int i;

	CHECK_EQ(card_ioctl(fd, DRM_IOCTL_SEEDCHIP_DEV_QUERY, &query), 0);
	CHECK(version[0] && version[1]);
	CHECK_EQ(version[2], 0x55555555);

	memset(&big, 0x55, sizeof(big));
	query = (struct drm_seedchip_dev_query){ .pointer = (uintptr_t)&big, .size = sizeof(big) };
	CHECK_EQ(card_ioctl(fd, DRM_IOCTL_SEEDCHIP_DEV_QUERY, &query), 0);
	for (i = 0; i < sizeof(big.more); i++)
		CHECK_EQ(big.more[i], 0);
}

static void unknown_query(void)
{
	struct drm_seedchip_dev_query query = { .type = 77 };

	CHECK_EQ(card_ioctl(fd, DRM_IOCTL_SEEDCHIP_DEV_QUERY, &query), -EINVAL);
}

static void bad_pointer(void)
{
	struct drm_seedchip_dev_query query = { .pointer = 4096, .size = 64 };

	CHECK_EQ(card_ioctl(fd, DRM_IOCTL_SEEDCHIP_DEV_QUERY, &query), -EFAULT);
}

/* The argument ends at the end of a page, the next one is not mapped. */
static void guard_page(void)
{
	static const struct {
		unsigned long code;
		size_t size;
	} calls[] = {
#define CALL(name, number, dir, type, errnos, text) \
	{ DRM_IOCTL_SEEDCHIP_##name, sizeof(struct drm_seedchip_##type) },
		SEEDCHIP_IOCTL_TABLE(CALL)
	};
	uint8_t *pages = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1,
			      0);
	unsigned int i;

	CHECK(pages != MAP_FAILED);
	CHECK_EQ(mprotect(pages + 4096, 4096, PROT_NONE), 0);
	for (i = 0; i < sizeof(calls) / sizeof(calls[0]); i++) {
		void *arg = pages + 4096 - calls[i].size;
		int ret;

		memset(arg, 0, calls[i].size);
		ret = card_ioctl(fd, calls[i].code, arg);
		CHECK(ret != -EFAULT);
		/* One byte further, and it is a bad pointer. */
		CHECK_EQ(card_ioctl(fd, calls[i].code, pages + 4097 - calls[i].size), -EFAULT);
	}
	munmap(pages, 8192);
}

/* Every argument of all ones is refused: unknown flags, padding, or no such object. */
static void all_ones(void)
{
	uint8_t arg[256];
#define ONES(name, number, dir, type, errnos, text)                                    \
	memset(arg, 0xff, sizeof(arg));                                                 \
	CHECK(card_ioctl(fd, DRM_IOCTL_SEEDCHIP_##name, arg) < 0);
	SEEDCHIP_IOCTL_TABLE(ONES)
}

static void unknown_ioctl(void)
{
	struct drm_seedchip_dev_query query = { 0 };

	CHECK_EQ(card_ioctl(fd, DRM_IOWR(DRM_COMMAND_BASE + 0x5f, struct drm_seedchip_dev_query),
			    &query), -EINVAL);
}

/* Some of them, on a file of an accelerator, are an oops of DRM's. */
static void display_ioctls(void)
{
	static const unsigned long for_all[] = {
		DRM_IOCTL_VERSION, DRM_IOCTL_GEM_CLOSE, DRM_IOCTL_GET_CAP,
		DRM_IOCTL_PRIME_HANDLE_TO_FD, DRM_IOCTL_PRIME_FD_TO_HANDLE,
	};
	uint8_t arg[64] = { 0 };
	unsigned int nr, i;

	for (nr = 0; nr < DRM_COMMAND_BASE; nr++) {
		for (i = 0; i < 5 && _IOC_NR(for_all[i]) != nr; i++)
			;
		if (i == 5)
			CHECK_EQ(card_ioctl(fd, _IOC(_IOC_READ | _IOC_WRITE, DRM_IOCTL_BASE, nr,
						     sizeof(arg)), arg), -EACCES);
	}
	CHECK_EQ(card_ioctl(fd, DRM_IOCTL_GET_UNIQUE, arg), -EACCES);
	CHECK_EQ(card_ioctl(fd, DRM_IOCTL_GET_MAGIC, arg), -EACCES);
}

static void driver_version(void)
{
	drmVersionPtr version = drmGetVersion(fd);

	CHECK(version);
	CHECK(!strcmp(version->name, "seedchip"));
	CHECK_EQ(version->version_major, SEEDCHIP_UAPI_MAJOR);
	CHECK(version->version_minor >= SEEDCHIP_UAPI_MINOR);
	drmFreeVersion(version);
}

int main(void)
{
	static const struct tap_test tests[] = {
		{ "the card describes itself", info },
		{ "a query without a buffer tells the size", size_only },
		{ "short and long buffers", short_and_long },
		{ "an unknown query is EINVAL", unknown_query },
		{ "a bad pointer is EFAULT", bad_pointer },
		{ "arguments at the edge of a page are not overrun", guard_page },
		{ "arguments of all ones are refused", all_ones },
		{ "an unknown ioctl is EINVAL", unknown_ioctl },
		{ "ioctls of displays are refused", display_ioctls },
		{ "name and version of the driver", driver_version },
	};

	fd = card_open(0);
	if (fd < 0) {
		printf("Bail out! no card: %d\n", fd);
		return EXIT_FAILURE;
	}
	return TAP_RUN(tests);
}
