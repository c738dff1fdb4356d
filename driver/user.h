/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Quotas of users.
 */
#ifndef SEEDCHIP_USER_H
#define SEEDCHIP_USER_H

#include <linux/types.h>

struct seedchip_device;
struct seedchip_user;
struct seq_file;

/**
 * enum seedchip_quota - what a user has a share of
 * @SEEDCHIP_QUOTA_CONTEXTS: hardware contexts
 * @SEEDCHIP_QUOTA_QUEUES: hardware queues
 * @SEEDCHIP_QUOTA_MEMORY: bytes of card memory, page tables included
 * @SEEDCHIP_NUM_QUOTAS: how many there are
 */
enum seedchip_quota {
	SEEDCHIP_QUOTA_CONTEXTS,
	SEEDCHIP_QUOTA_QUEUES,
	SEEDCHIP_QUOTA_MEMORY,
	SEEDCHIP_NUM_QUOTAS,
};

struct seedchip_user *seedchip_user_open(struct seedchip_device *sdev);
struct seedchip_user *seedchip_user_get(struct seedchip_user *user);
void seedchip_user_put(struct seedchip_user *user);
int seedchip_user_charge(struct seedchip_user *user, enum seedchip_quota what, u64 amount);
void seedchip_user_uncharge(struct seedchip_user *user, enum seedchip_quota what, u64 amount);
void seedchip_user_show(struct seedchip_device *sdev, struct seq_file *m);

#endif /* SEEDCHIP_USER_H */
