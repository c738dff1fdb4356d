// SPDX-License-Identifier: GPL-2.0-only
/*
 * Device core dumps, in the form of uapi/seedchip_coredump.h.
 *
 * A dump is taken on the way to signalling fences: before the reset what the
 * reset destroys, after it what the reset has told. So it goes into a buffer that
 * was allocated at probe, and a work hands a copy to devcoredump later. While
 * that is outstanding further failures are not dumped; and devcoredump itself
 * keeps the first dump of a device until it was read, or five minutes.
 *
 * Invariant: the buffer belongs to whom its stage says.
 */
#include <linux/devcoredump.h>
#include <linux/pid.h>
#include <linux/sched.h>
#include <linux/vmalloc.h>

#include <drm/drm_file.h>
#include <drm/drm_managed.h>

#include "coredump.h"
#include "device.h"
#include "queue.h"
#include "seedchip_coredump.h"
#include "vm.h"

/* Without the core's state, whose size the card tells; a section of every queue fits. */
#define SEEDCHIP_COREDUMP_ROOM SZ_256K
#define SEEDCHIP_COREDUMP_PACKETS 64
#define SEEDCHIP_COREDUMP_CODE 64 /* bytes before pc, and from it on */

/* Registers that may be read at any time and say something. */
#define SEEDCHIP_DUMPED_RO 1
#define SEEDCHIP_DUMPED_RW 1
#define SEEDCHIP_DUMPED_WO 0
#define SEEDCHIP_DUMPED_W1C 1

/**
 * struct seedchip_dumped - a register
 * @offset: in its block
 * @width: bytes, 0: not to be read
 */
struct seedchip_dumped {
	u32 offset;
	u32 width;
};

#define SEEDCHIP_REG_(name, offset, width, access, when, valid, reset, text) \
	{ offset, SEEDCHIP_DUMPED_##access ? (width) : 0 },
static const struct seedchip_dumped seedchip_device_regs[] = { SC_REG_TABLE(SEEDCHIP_REG_) };
static const struct seedchip_dumped seedchip_context_regs[] = { SC_CONTEXT_TABLE(SEEDCHIP_REG_) };
static const struct seedchip_dumped seedchip_queue_regs[] = { SC_QUEUE_TABLE(SEEDCHIP_REG_) };

static void seedchip_coredump_free(struct drm_device *drm, void *buffer)
{
	vfree(buffer);
}

int seedchip_coredump_init(struct seedchip_device *sdev)
{
	struct seedchip_coredump *dump = &sdev->coredump;

	dump->room = SEEDCHIP_COREDUMP_ROOM + sdev->info.dump_size;
	dump->buffer = vzalloc(dump->room);
	if (!dump->buffer)
		return -ENOMEM;
	return drmm_add_action_or_reset(&sdev->drm, seedchip_coredump_free, dump->buffer);
}

/* A new section of @size bytes, zeroed; NULL when there is no room. */
static void *seedchip_coredump_section(struct seedchip_device *sdev, u32 type, u32 id, u32 size)
{
	struct seedchip_coredump *dump = &sdev->coredump;
	struct sc_coredump_section *section = dump->buffer + dump->used;
	size_t whole = sizeof(*section) + ALIGN(size, 8);

	if (whole > dump->room - dump->used) {
		dump->truncated++;
		return NULL;
	}
	memset(section, 0, whole);
	section->type = type;
	section->id = id;
	section->size = size;
	dump->used += whole;
	return section + 1;
}

static void seedchip_coredump_copy(struct seedchip_device *sdev, u32 type, u32 id, const void *from,
				   u32 size)
{
	void *to = seedchip_coredump_section(sdev, type, id, size);

	if (to)
		memcpy(to, from, size);
}

static void seedchip_coredump_regs(struct seedchip_device *sdev, u32 type, u32 id,
				   void __iomem *block, const struct seedchip_dumped *regs,
				   u32 count)
{
	struct sc_coredump_reg *to;
	u32 i, used = 0;

	to = seedchip_coredump_section(sdev, type, id, count * sizeof(*to));
	for (i = 0; to && i < count; i++) {
		/* A card without the test registers takes a read of one for a broken rule. */
		if (!regs[i].width || (type == SC_COREDUMP_DEVICE_REGS &&
				       regs[i].offset == SC_REG_GUEST_ICOUNT))
			continue;
		to[used].offset = regs[i].offset;
		to[used].width = regs[i].width;
		to[used].value = regs[i].width == 8 ? readq(block + regs[i].offset) :
						      readl(block + regs[i].offset);
		used++;
	}
}

static void seedchip_coredump_header(struct seedchip_queue *q)
{
	struct seedchip_device *sdev = q->sdev;
	struct sc_coredump_header *header = sdev->coredump.buffer;
	struct task_struct *task;
	struct drm_file *file;
	struct pid *pid;

	memset(header, 0, sizeof(*header));
	header->magic = SC_COREDUMP_MAGIC;
	header->version = SC_COREDUMP_VERSION;
	header->spec_hash = SC_SPEC_HASH;
	header->time = ktime_get_real_ns();
	header->serial = sdev->info.serial;
	header->generation = sdev->info.generation;
	header->queue = q->id;
	strscpy(header->card, dev_name(sdev->drm.dev), sizeof(header->card));
	sdev->coredump.used = sizeof(*header);
	sdev->coredump.truncated = 0;
	if (!q->vm)
		return;
	spin_lock_irq(&sdev->drm.event_lock);
	file = q->vm->file;
	if (file) {
		rcu_read_lock();
		pid = rcu_dereference(file->pid);
		header->pid = pid_nr(pid);
		task = pid_task(pid, PIDTYPE_TGID);
		if (task)
			strscpy(header->comm, task->comm, sizeof(header->comm));
		rcu_read_unlock();
	}
	spin_unlock_irq(&sdev->drm.event_lock);
}

static void seedchip_coredump_queue(struct seedchip_queue *q)
{
	struct seedchip_device *sdev = q->sdev;
	struct sc_coredump_queue *to;

	seedchip_coredump_regs(sdev, SC_COREDUMP_QUEUE_REGS, q->id,
			       seedchip_queue_reg(sdev, q->id, 0), seedchip_queue_regs,
			       ARRAY_SIZE(seedchip_queue_regs));
	to = seedchip_coredump_section(sdev, SC_COREDUMP_QUEUE, q->id, sizeof(*to));
	if (!to)
		return;
	spin_lock_irq(&q->tl->lock);
	to->write = q->write;
	to->retired = q->retired;
	to->rung = q->rung;
	to->armed = q->armed;
	to->handle = q->config.handle;
	to->context = q->vm ? q->vm->context : 0;
	to->epoch = q->epoch;
	to->ring_log2 = q->config.ring_log2;
	to->priority = q->config.priority;
	to->jobs = list_count_nodes(&q->pending) + list_count_nodes(&q->doomed);
	to->gated = list_count_nodes(&q->gated);
	to->timeout_ms = jiffies_to_msecs(q->config.timeout);
	spin_unlock_irq(&q->tl->lock);
}

/* From a few packets before the one that has not retired to the last one that fits. */
static void seedchip_coredump_ring(struct seedchip_queue *q)
{
	u64 first = q->retired - min_t(u64, q->retired, SEEDCHIP_COREDUMP_PACKETS / 4);
	u32 count = min_t(u64, q->write - first, SEEDCHIP_COREDUMP_PACKETS);
	struct sc_packet *to;
	u32 i;

	/* A user-mode queue's is the program's memory. */
	if (q->config.user)
		return;
	to = seedchip_coredump_section(q->sdev, SC_COREDUMP_RING, lower_32_bits(first),
				       count * sizeof(*to));
	for (i = 0; to && i < count; i++)
		to[i] = *seedchip_queue_slot(q, first + i);
}

/**
 * seedchip_coredump_begin() - keep what a reset will destroy
 * @q: queue that has failed, and is not dead; its hardware has not been reset yet
 */
void seedchip_coredump_begin(struct seedchip_queue *q)
{
	struct seedchip_device *sdev = q->sdev;
	struct seedchip_coredump *dump = &sdev->coredump;
	struct seedchip_queue *other;
	u32 id;

	lockdep_assert_held(&sdev->hw_lock);
	if (dump->stage != SEEDCHIP_COREDUMP_FREE)
		return;
	dump->stage = SEEDCHIP_COREDUMP_BEGUN;
	seedchip_coredump_header(q);
	seedchip_coredump_regs(sdev, SC_COREDUMP_DEVICE_REGS, 0, sdev->regs, seedchip_device_regs,
			       ARRAY_SIZE(seedchip_device_regs));
	id = q->vm ? q->vm->context : 0;
	seedchip_coredump_regs(sdev, SC_COREDUMP_CONTEXT_REGS, id,
			       seedchip_context_reg(sdev, id, 0), seedchip_context_regs,
			       ARRAY_SIZE(seedchip_context_regs));
	seedchip_coredump_queue(q);
	seedchip_coredump_copy(sdev, SC_COREDUMP_STATE, q->id, q->state.cpu,
			       sizeof(struct sc_queue_state));
	seedchip_coredump_ring(q);
	/* Whoever may have to do with a failure of the driver's queue, or of the card. */
	for (id = 1; q == sdev->kernel_queue && id < sdev->num_queues; id++) {
		other = seedchip_queue_at(sdev, id);
		if (other)
			seedchip_coredump_queue(other);
	}
}

/*
 * Walk the tables as the card does; nobody is kept from changing them meanwhile.
 * Returns the card address that @va translates to and how many bytes follow it in
 * the leaf, 0 if that is not card memory that the CPU can see.
 */
static u64 seedchip_coredump_walk(struct seedchip_queue *q, u32 id, u64 va, u64 *left)
{
	struct seedchip_device *sdev = q->sdev;
	u64 entry = seedchip_mmu_root_entry(&q->vm->mmu);
	struct sc_coredump_walk *walk;
	u64 size = 1ULL << 48;
	u64 table;

	*left = 0;
	walk = seedchip_coredump_section(sdev, SC_COREDUMP_WALK, id, sizeof(*walk));
	if (!walk)
		return 0;
	walk->va = va;
	do {
		table = (entry & SC_PTE_ADDR) + va % size / (size / SEEDCHIP_PT_ENTRIES) * 8;
		size /= SEEDCHIP_PT_ENTRIES;
		if (entry & SC_PTE_SYSTEM || table > sdev->info.card_visible_size - 8)
			return 0;
		entry = readq(sdev->card + table);
		walk->table[walk->levels] = table;
		walk->entry[walk->levels++] = entry;
	} while (walk->levels < SC_COREDUMP_LEVELS && entry & SC_PTE_VALID &&
		 !(entry & SC_PTE_HUGE));
	if (!(entry & SC_PTE_VALID) || entry & (SC_PTE_SYSTEM | SC_PTE_SPARSE) ||
	    (entry & SC_PTE_ADDR) + size > sdev->info.card_visible_size)
		return 0;
	*left = size - va % size;
	return (entry & SC_PTE_ADDR) + va % size;
}

static void seedchip_coredump_code(struct seedchip_queue *q, u64 pc)
{
	u64 left, before, addr = seedchip_coredump_walk(q, 1, pc, &left);
	void *to;

	if (!left)
		return;
	/* A page holds the code before pc, too, as far as the page goes. */
	before = min_t(u64, addr % SC_PAGE_SIZE, SEEDCHIP_COREDUMP_CODE);
	left = min_t(u64, left, SEEDCHIP_COREDUMP_CODE);
	to = seedchip_coredump_section(q->sdev, SC_COREDUMP_CODE, before, before + left);
	if (to)
		memcpy_fromio(to, q->sdev->card + addr - before, before + left);
}

/**
 * seedchip_coredump_end() - complete a dump by what the reset has told
 * @q: queue of the seedchip_coredump_begin() before; nothing happens for another one
 */
void seedchip_coredump_end(struct seedchip_queue *q)
{
	struct seedchip_device *sdev = q->sdev;
	struct seedchip_coredump *dump = &sdev->coredump;
	struct sc_coredump_header *header = dump->buffer;
	u64 left;

	lockdep_assert_held(&sdev->hw_lock);
	if (dump->stage != SEEDCHIP_COREDUMP_BEGUN || header->queue != q->id)
		return;
	seedchip_coredump_copy(sdev, SC_COREDUMP_FAULT, q->id, &q->fault, sizeof(q->fault));
	if (q->vm && q->fault.va)
		seedchip_coredump_walk(q, 0, q->fault.va, &left);
	if (q->vm && q->fault.pc)
		seedchip_coredump_code(q, q->fault.pc);
	if (q->fault.flags & SC_FAULT_DUMP)
		seedchip_coredump_copy(sdev, SC_COREDUMP_CORE, q->fault.core, q->dump.cpu,
				       sdev->info.dump_size);
	header->size = dump->used;
	header->truncated = dump->truncated;
	dump->stage = SEEDCHIP_COREDUMP_READY;
	queue_work(sdev->wq, &sdev->report_work);
}

/* Hand over what is ready; no lock is held. */
void seedchip_coredump_report(struct seedchip_device *sdev)
{
	struct seedchip_coredump *dump = &sdev->coredump;
	void *copy = NULL;
	bool ready;
	size_t size;

	mutex_lock(&sdev->hw_lock);
	ready = dump->stage == SEEDCHIP_COREDUMP_READY;
	size = dump->used;
	mutex_unlock(&sdev->hw_lock);
	if (!ready)
		return;
	copy = vmalloc(size);
	if (copy) {
		memcpy(copy, dump->buffer, size);
		dev_coredumpv(sdev->drm.dev, copy, size, GFP_KERNEL);
	}
	mutex_lock(&sdev->hw_lock);
	dump->stage = SEEDCHIP_COREDUMP_FREE;
	mutex_unlock(&sdev->hw_lock);
}
