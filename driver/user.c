// SPDX-License-Identifier: GPL-2.0-only
/*
 * Quotas of users: who may have how much of the card.
 *
 * The user of a file is the one that opened it. An unprivileged user gets at
 * most half of the contexts and of the queues, in all files together, so that
 * nobody can lock others out; card memory is shared out by a module parameter.
 * Files opened with CAP_SYS_ADMIN have no quota and do not count.
 *
 * Invariant: whatever is charged holds the user, and is uncharged when the card
 * has it back, which may be long after the file has gone.
 */
#include <linux/capability.h>
#include <linux/cred.h>
#include <linux/math64.h>
#include <linux/moduleparam.h>
#include <linux/seq_file.h>
#include <linux/slab.h>

#include <drm/drm_print.h>

#include "device.h"
#include "user.h"

static int seedchip_percent_set(const char *text, const struct kernel_param *param)
{
	return param_set_uint_minmax(text, param, 0, 100);
}

static const struct kernel_param_ops seedchip_percent_ops = {
	.set = seedchip_percent_set,
	.get = param_get_uint,
};

static unsigned int user_memory_percent = 100;
module_param_cb(user_memory_percent, &seedchip_percent_ops, &user_memory_percent, 0644);
__MODULE_PARM_TYPE(user_memory_percent, "uint");
MODULE_PARM_DESC(user_memory_percent,
		 "Percentage of card memory that one unprivileged user may have, in all files together (default 100)");

/**
 * struct seedchip_user - a user with open files, or with something that outlived them
 * @sdev: card
 * @link: entry of seedchip_device.users
 * @ref: held by files, contexts, queues and buffers
 * @uid: who
 * @exempt: has no quota
 * @used: what is charged
 */
struct seedchip_user {
	struct seedchip_device *sdev;
	struct list_head link;
	unsigned int ref;
	kuid_t uid;
	bool exempt;
	u64 used[SEEDCHIP_NUM_QUOTAS];
};

static struct seedchip_user *seedchip_user_find(struct seedchip_device *sdev, kuid_t uid,
						bool exempt)
{
	struct seedchip_user *user;

	lockdep_assert_held(&sdev->user_lock);
	list_for_each_entry(user, &sdev->users, link)
		if (uid_eq(user->uid, uid) && user->exempt == exempt)
			return user;
	return NULL;
}

/**
 * seedchip_user_open() - the user that is opening a file
 * @sdev: card
 *
 * Return: a user to put, or NULL if there is no memory.
 */
struct seedchip_user *seedchip_user_open(struct seedchip_device *sdev)
{
	struct seedchip_user *user, *new = kzalloc(sizeof(*new), GFP_KERNEL);

	if (!new)
		return NULL;
	new->sdev = sdev;
	new->uid = current_euid();
	new->exempt = capable(CAP_SYS_ADMIN);
	spin_lock(&sdev->user_lock);
	user = seedchip_user_find(sdev, new->uid, new->exempt);
	if (!user) {
		list_add_tail(&new->link, &sdev->users);
		swap(user, new);
	}
	user->ref++;
	spin_unlock(&sdev->user_lock);
	kfree(new);
	return user;
}

struct seedchip_user *seedchip_user_get(struct seedchip_user *user)
{
	spin_lock(&user->sdev->user_lock);
	user->ref++;
	spin_unlock(&user->sdev->user_lock);
	return user;
}

void seedchip_user_put(struct seedchip_user *user)
{
	struct seedchip_device *sdev = user->sdev;

	spin_lock(&sdev->user_lock);
	if (!--user->ref) {
		list_del(&user->link);
		kfree(user);
	}
	spin_unlock(&sdev->user_lock);
}

/* Context 0 and queue 0 are the kernel's. */
static u64 seedchip_user_limit(struct seedchip_device *sdev, enum seedchip_quota what)
{
	unsigned int percent = READ_ONCE(user_memory_percent);

	switch (what) {
	case SEEDCHIP_QUOTA_CONTEXTS:
		return max((sdev->num_contexts - 1) / 2, 1U);
	case SEEDCHIP_QUOTA_QUEUES:
		return max((sdev->num_queues - 1) / 2, 1U);
	default:
		/* All of it is no limit: that the card is full is then the better answer. */
		if (percent >= 100)
			return U64_MAX;
		return mul_u64_u64_div_u64(sdev->info.card_size, percent, 100);
	}
}

/**
 * seedchip_user_charge() - take from a user's share
 * @user: user
 * @what: of what
 * @amount: how much; seedchip_user_uncharge() gives it back
 *
 * Return: 0 or -EDQUOT.
 */
int seedchip_user_charge(struct seedchip_user *user, enum seedchip_quota what, u64 amount)
{
	struct seedchip_device *sdev = user->sdev;
	u64 limit = seedchip_user_limit(sdev, what);
	int err = 0;

	spin_lock(&sdev->user_lock);
	if (!user->exempt && (amount > limit || user->used[what] > limit - amount))
		err = -EDQUOT;
	else
		user->used[what] += amount;
	spin_unlock(&sdev->user_lock);
	if (err)
		drm_dbg(&sdev->drm, "uid %u: quota %u of %llu is used up\n",
			from_kuid(&init_user_ns, user->uid), what, limit);
	return err;
}

void seedchip_user_uncharge(struct seedchip_user *user, enum seedchip_quota what, u64 amount)
{
	spin_lock(&user->sdev->user_lock);
	user->used[what] -= amount;
	spin_unlock(&user->sdev->user_lock);
}

/* What users have. */
void seedchip_user_show(struct seedchip_device *sdev, struct seq_file *m)
{
	struct seedchip_user *user;

	spin_lock(&sdev->user_lock);
	list_for_each_entry(user, &sdev->users, link)
		seq_printf(m, "uid %u%s contexts %llu queues %llu memory %llu\n",
			   from_kuid_munged(seq_user_ns(m), user->uid),
			   user->exempt ? " exempt" : "", user->used[SEEDCHIP_QUOTA_CONTEXTS],
			   user->used[SEEDCHIP_QUOTA_QUEUES], user->used[SEEDCHIP_QUOTA_MEMORY]);
	spin_unlock(&sdev->user_lock);
}
