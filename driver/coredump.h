/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Device core dumps of queues that fail.
 */
#ifndef SEEDCHIP_COREDUMP_DRIVER_H
#define SEEDCHIP_COREDUMP_DRIVER_H

#include <linux/types.h>

struct seedchip_device;
struct seedchip_queue;

/**
 * enum seedchip_coredump_stage - whose the buffer is; under hw_lock
 * @SEEDCHIP_COREDUMP_FREE: nobody's
 * @SEEDCHIP_COREDUMP_BEGUN: a reset's that is in progress
 * @SEEDCHIP_COREDUMP_READY: report_work's
 */
enum seedchip_coredump_stage {
	SEEDCHIP_COREDUMP_FREE,
	SEEDCHIP_COREDUMP_BEGUN,
	SEEDCHIP_COREDUMP_READY,
};

/**
 * struct seedchip_coredump - the one dump that may be in the making
 * @buffer: allocated at probe
 * @room: bytes of it
 * @used: bytes filled
 * @truncated: sections left out
 * @stage: whose it is
 */
struct seedchip_coredump {
	void *buffer;
	size_t room;
	size_t used;
	u32 truncated;
	enum seedchip_coredump_stage stage;
};

int seedchip_coredump_init(struct seedchip_device *sdev);
void seedchip_coredump_begin(struct seedchip_queue *q);
void seedchip_coredump_end(struct seedchip_queue *q);
void seedchip_coredump_report(struct seedchip_device *sdev);

#endif /* SEEDCHIP_COREDUMP_DRIVER_H */
