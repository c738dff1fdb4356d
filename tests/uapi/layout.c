// SPDX-License-Identifier: MIT
/*
 * Sizes and offsets that a card, a driver and programs agree on: they follow from the tables,
 * and must not follow them when somebody adds a member in the middle.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "seedchip_accel.h"
#include "seedchip_coredump.h"
#include "seedchip_isa.h"
#include "seedchip_kernel_abi.h"

#define SIZE(type, bytes) assert_int_equal(sizeof(struct type), bytes)
#define AT(type, member, offset) assert_int_equal(offsetof(struct type, member), offset)

static void test_packets(void **state)
{
	(void)state;
	SIZE(sc_packet, SC_SLOT_SIZE);
	SIZE(sc_pkt_nop, SC_SLOT_SIZE);
	SIZE(sc_pkt_barrier, SC_SLOT_SIZE);
	SIZE(sc_pkt_dispatch, SC_SLOT_SIZE);
	SIZE(sc_pkt_copy, SC_SLOT_SIZE);
	SIZE(sc_pkt_fill, SC_SLOT_SIZE);
	SIZE(sc_pkt_wait, SC_SLOT_SIZE);
	SIZE(sc_pkt_signal, SC_SLOT_SIZE);
	SIZE(sc_pkt_timestamp, SC_SLOT_SIZE);
	SIZE(sc_pkt_indirect, SC_SLOT_SIZE);
	SIZE(sc_pkt_wait_queue, SC_SLOT_SIZE);
	SIZE(sc_pkt_invalidate, SC_SLOT_SIZE);
	SIZE(sc_pkt_args, SC_SLOT_SIZE);
	assert_int_equal(SC_SLOT_SIZE, 64);
	assert_int_equal(SC_MAX_ARGS, 448);
}

/* An event and its fault: a DRM file buffers 4 KiB of events, 32 of these. */
static void test_records(void **state)
{
	(void)state;
	SIZE(sc_event, 128);
	AT(sc_event, fault, 16);
	SIZE(sc_fault, 112);
	AT(sc_fault, va, 24);
	AT(sc_fault, pc, 32);
	AT(sc_fault, epoch, 100);
	SIZE(sc_queue_state, 128);
	AT(sc_queue_state, retired, 0);
	SIZE(sc_record, 32);
	SIZE(sc_core_dump, 64 + 512 + 64);
	SIZE(sc_coredump_header, 104);
	SIZE(sc_coredump_section, 16);
	SIZE(sc_coredump_reg, 16);
	SIZE(sc_coredump_queue, 64);
	SIZE(sc_coredump_walk, 80);
	SIZE(sc_tile, 64);
	SIZE(sc_dma, 64);
}

static void test_ioctls(void **state)
{
	(void)state;
	SIZE(drm_seedchip_array, 16);
	SIZE(drm_seedchip_sync, 16);
	SIZE(drm_seedchip_dev_query, 16);
	SIZE(drm_seedchip_info, 120);
	SIZE(drm_seedchip_bo_create, 16);
	SIZE(drm_seedchip_bo_mmap_offset, 16);
	SIZE(drm_seedchip_bind, 32);
	SIZE(drm_seedchip_vm_bind, 40);
	SIZE(drm_seedchip_queue_create, 88);
	SIZE(drm_seedchip_queue_destroy, 8);
	SIZE(drm_seedchip_submit, 64);
	SIZE(drm_seedchip_queue_fault, 128);
	SIZE(drm_seedchip_queue_recover, 16);
	SIZE(drm_seedchip_event_fault, 128);
	SIZE(drm_seedchip_queue_fence, 32);
	SIZE(drm_seedchip_queue_wait, 32);
	/* number, direction and size make the code that compiled programs use */
	assert_int_equal((unsigned int)DRM_IOCTL_SEEDCHIP_DEV_QUERY, 0xc0106440);
	assert_int_equal((unsigned int)DRM_IOCTL_SEEDCHIP_SUBMIT, 0xc0406446);
	assert_int_equal((unsigned int)DRM_IOCTL_SEEDCHIP_QUEUE_RECOVER, 0xc0106448);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_packets),
		cmocka_unit_test(test_records),
		cmocka_unit_test(test_ioctls),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
