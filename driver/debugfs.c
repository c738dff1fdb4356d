// SPDX-License-Identifier: GPL-2.0-only
/*
 * What a developer of the driver or of the card wants to see: queues, rings,
 * registers, counters, mappings, memory; and a way to have the card reset.
 *
 * Invariant: nothing of the card is read unless hw_lock is held and the card
 * answers; the files may be read while it is reset or removed.
 */
#include <linux/debugfs.h>
#include <linux/seq_file.h>
#include <linux/uaccess.h>

#include <drm/drm_accel.h>
#include <drm/drm_debugfs.h>
#include <drm/drm_file.h>

#include "debugfs.h"
#include "device.h"
#include "queue.h"
#include "reset.h"
#include "user.h"
#include "vm.h"
#include "vram.h"

/* Packets that are shown of a queue. */
#define SEEDCHIP_RING_SHOWN 64

static struct seedchip_device *seedchip_debugfs_device(struct seq_file *m)
{
	struct drm_debugfs_entry *entry = m->private;

	return to_seedchip_device(entry->dev);
}

static int seedchip_debugfs_counters(struct seq_file *m, void *unused)
{
	struct seedchip_device *sdev = seedchip_debugfs_device(m);
	struct seedchip_counters counters;
	bool wedged;

	mutex_lock(&sdev->hw_lock);
	counters = sdev->counters;
	wedged = sdev->wedged;
	mutex_unlock(&sdev->hw_lock);
	seq_printf(m, "generation: %u\n", READ_ONCE(sdev->info.generation));
	seq_printf(m, "wedged: %u\n", wedged);
	seq_printf(m, "faults: %llu\n", counters.faults);
	seq_printf(m, "timeouts: %llu\n", counters.timeouts);
	seq_printf(m, "queue_resets: %llu\n", counters.queue_resets);
	seq_printf(m, "context_resets: %llu\n", counters.context_resets);
	seq_printf(m, "device_resets: %llu\n", counters.device_resets);
	seq_printf(m, "pci_resets: %llu\n", counters.pci_resets);
	return 0;
}

static void seedchip_debugfs_register(struct seq_file *m, u32 offset, unsigned int width,
				      const char *name)
{
	struct seedchip_device *sdev = seedchip_debugfs_device(m);
	void __iomem *reg = sdev->regs + offset;

	seq_printf(m, "%#05x %s %#llx\n", offset, name, width == 8 ? readq(reg) : readl(reg));
}

#define SEEDCHIP_READABLE_RO true
#define SEEDCHIP_READABLE_RW true
#define SEEDCHIP_READABLE_WO false
#define SEEDCHIP_READABLE_W1C true

static int seedchip_debugfs_registers(struct seq_file *m, void *unused)
{
	struct seedchip_device *sdev = seedchip_debugfs_device(m);

	mutex_lock(&sdev->hw_lock);
	if (!sdev->wedged) {
#define SEEDCHIP_SHOW_(name, offset, width, access, when, valid, reset, text)                  \
		if (SEEDCHIP_READABLE_##access &&                                              \
		    ((offset) != SC_REG_GUEST_ICOUNT || sdev->info.features & SC_FEATURE_TEST)) \
			seedchip_debugfs_register(m, offset, width, #name);
		SC_REG_TABLE(SEEDCHIP_SHOW_)
	}
	mutex_unlock(&sdev->hw_lock);
	return 0;
}

static const char *seedchip_debugfs_state(u32 status)
{
	switch (SC_QUEUE_STATE(status)) {
#define SEEDCHIP_STATE_(name, number, text) \
	case SC_QUEUE_##name:               \
		return #name;
	SC_QUEUE_STATE_TABLE(SEEDCHIP_STATE_)
	}
	return "?";
}

static const char *seedchip_debugfs_op(u32 hdr)
{
	switch (SC_HDR_OP(hdr)) {
#define SEEDCHIP_OP_(name, number, flags, who, text) \
	case SC_OP_##name:                           \
		return #name;
	SC_OP_TABLE(SEEDCHIP_OP_)
	}
	return "?";
}

static void seedchip_debugfs_queue(struct seq_file *m, struct seedchip_queue *q)
{
	static const char * const accepts[] = { "active", "failed", "dead" };
	struct seedchip_device *sdev = q->sdev;
	u32 status = readl(seedchip_queue_reg(sdev, q->id, SC_Q_STATUS));
	u64 progress = readq(seedchip_queue_reg(sdev, q->id, SC_Q_PROGRESS));

	spin_lock_irq(&q->tl->lock);
	seq_printf(m,
		   "queue %u context %u handle %u priority %u %s %s epoch %u retired %llu write %llu rung %llu armed %lld pending %zu gated %zu progress %llu",
		   q->id, q->vm ? q->vm->context : 0, q->config.handle, q->config.priority,
		   accepts[q->status], seedchip_debugfs_state(status), q->epoch, q->retired,
		   q->write, q->rung, (s64)q->armed, list_count_nodes(&q->pending),
		   list_count_nodes(&q->gated), progress);
	if (q->has_fault)
		seq_printf(m, " fault status %u code %u index %llu", q->fault.status,
			   q->fault.code, q->fault.index);
	seq_putc(m, '\n');
	spin_unlock_irq(&q->tl->lock);
}

/* The newest packets that the card may still look at. */
static void seedchip_debugfs_ring(struct seq_file *m, struct seedchip_queue *q)
{
	u64 index;

	/* A user-mode queue's is the program's memory. */
	if (q->config.user)
		return;
	spin_lock_irq(&q->tl->lock);
	index = q->retired;
	if (q->write - index > SEEDCHIP_RING_SHOWN)
		index = q->write - SEEDCHIP_RING_SHOWN;
	for (; q->state.cpu && index < q->write; index++) {
		const struct sc_packet *slot = seedchip_queue_slot(q, index);

		seq_printf(m, "queue %u index %llu %s flags %#x tag %#x %56phN\n", q->id, index,
			   seedchip_debugfs_op(slot->hdr), SC_HDR_FLAGS(slot->hdr), slot->tag,
			   slot->body);
	}
	spin_unlock_irq(&q->tl->lock);
}

static int seedchip_debugfs_each(struct seq_file *m,
				 void (*show)(struct seq_file *m, struct seedchip_queue *q))
{
	struct seedchip_device *sdev = seedchip_debugfs_device(m);
	struct seedchip_queue *q;
	u32 id;

	mutex_lock(&sdev->hw_lock);
	for (id = 0; !sdev->wedged && id < sdev->num_queues; id++) {
		q = seedchip_queue_at(sdev, id);
		if (q)
			show(m, q);
	}
	mutex_unlock(&sdev->hw_lock);
	return 0;
}

static int seedchip_debugfs_queues(struct seq_file *m, void *unused)
{
	return seedchip_debugfs_each(m, seedchip_debugfs_queue);
}

static int seedchip_debugfs_rings(struct seq_file *m, void *unused)
{
	return seedchip_debugfs_each(m, seedchip_debugfs_ring);
}

static int seedchip_debugfs_mappings(struct seq_file *m, void *unused)
{
	seedchip_mappings_show(seedchip_debugfs_device(m), m);
	return 0;
}

static int seedchip_debugfs_vram(struct seq_file *m, void *unused)
{
	seedchip_vram_show(seedchip_debugfs_device(m), m);
	return 0;
}

static int seedchip_debugfs_users(struct seq_file *m, void *unused)
{
	seedchip_user_show(seedchip_debugfs_device(m), m);
	return 0;
}

/* Any write is an order to reset the card. */
static ssize_t seedchip_debugfs_reset(struct file *filp, const char __user *text, size_t count,
				      loff_t *offset)
{
	struct seedchip_device *sdev = file_inode(filp)->i_private;

	mutex_lock(&sdev->hw_lock);
	seedchip_reset_device(sdev);
	mutex_unlock(&sdev->hw_lock);
	return count;
}

static const struct file_operations seedchip_debugfs_reset_fops = {
	.owner = THIS_MODULE,
	.open = simple_open,
	.write = seedchip_debugfs_reset,
};

static const struct drm_debugfs_info seedchip_debugfs_files[] = {
	{ "counters", seedchip_debugfs_counters },
	{ "registers", seedchip_debugfs_registers },
	{ "queues", seedchip_debugfs_queues },
	{ "rings", seedchip_debugfs_rings },
	{ "mappings", seedchip_debugfs_mappings },
	{ "vram", seedchip_debugfs_vram },
	{ "users", seedchip_debugfs_users },
};

void seedchip_debugfs_init(struct seedchip_device *sdev)
{
	drm_debugfs_add_files(&sdev->drm, seedchip_debugfs_files,
			      ARRAY_SIZE(seedchip_debugfs_files));
	debugfs_create_file("reset", 0200, sdev->drm.debugfs_root, sdev,
			    &seedchip_debugfs_reset_fops);
}

/*
 * DRM itself would keep the folder until the last open file has been closed, and
 * the next device at this address could not have one.
 */
void seedchip_debugfs_fini(struct seedchip_device *sdev)
{
	debugfs_remove(sdev->drm.debugfs_root);
	sdev->drm.debugfs_root = NULL;
}
