// SPDX-License-Identifier: MIT
/* A card that asks for timeouts of weeks gets no more than the driver grants: a hang ends. */
/* vm: card=timeout-scale=65535 timeout=120 alone */
/* vm-dmesg: seedchip .*: TIMEOUT_SCALE is out of range: value=65535 used=100 */
#include "card.h"
#include "tap.h"

#define VA	 0x10000000ULL
#define GRANTED	 100
#define PATIENCE 60000 /* ms: without the limit, the watchdog below would take half an hour */

static int fd;

static void what_is_granted(void)
{
	struct drm_seedchip_info info;

	CHECK_EQ(card_info(fd, &info), 0);
	CHECK_EQ(info.timeout_scale, GRANTED);
}

static void hang_ends(void)
{
	const uint32_t flags = DRM_SEEDCHIP_BIND_MAP | DRM_SEEDCHIP_BIND_READ;
	struct drm_seedchip_sync out = { .handle = card_syncobj(fd),
					 .flags = DRM_SEEDCHIP_SYNC_SIGNAL };
	struct drm_seedchip_queue_create create = { .priority = 1, .ring_log2 = 6,
						    .timeout_ms = 1 };
	struct sc_packet wait = card_word(SC_OP_WAIT, VA, 1);
	uint32_t handle;

	CHECK_EQ(card_bo(fd, 4096, DRM_SEEDCHIP_BO_CARD, &handle), 0);
	CHECK_EQ(card_bind(fd, flags, handle, 0, VA, 4096), 0);
	CHECK_EQ(card_ioctl(fd, DRM_IOCTL_SEEDCHIP_QUEUE_CREATE, &create), 0);
	CHECK_EQ(card_submit(fd, create.queue, &wait, 1, &out, 1, NULL), 0);
	CHECK_EQ(card_wait(fd, out.handle, 0, PATIENCE), 0);
	CHECK(card_fence_status(fd, out.handle) < 0);
}

int main(void)
{
	static const struct tap_test tests[] = {
		{ "the factor is what the driver grants", what_is_granted },
		{ "a hang ends", hang_ends },
	};

	fd = card_open(0);
	if (fd < 0) {
		printf("Bail out! no card\n");
		return 1;
	}
	return TAP_RUN(tests);
}
