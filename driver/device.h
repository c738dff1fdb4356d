/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The card as a whole: what probe found, the mapped BARs, and the objects that
 * every file of the device shares.
 */
#ifndef SEEDCHIP_DEVICE_H
#define SEEDCHIP_DEVICE_H

#include <linux/io-64-nonatomic-lo-hi.h>
#include <linux/list.h>
#include <linux/mutex.h>
#include <linux/pci.h>
#include <linux/rwsem.h>
#include <linux/wait.h>
#include <linux/workqueue.h>
#include <linux/xarray.h>

#include <drm/drm_device.h>

#include "coredump.h"
#include "fdinfo.h"
#include "seedchip_accel.h"
#include "seedchip_kernel_abi.h"

struct seedchip_queue;
struct seedchip_user;
struct seedchip_vector;
struct seedchip_vram;
struct seedchip_vm;

/**
 * struct seedchip_event_ring - what vector 0 reads
 * @ring: coherent memory that the device writes
 * @dma: its address
 * @lock: serialises readers; protects @tail
 * @tail: index of the next event to consume
 */
struct seedchip_event_ring {
	struct sc_event *ring;
	dma_addr_t dma;
	struct mutex lock; /* readers, tail */
	u32 tail;
};

/**
 * struct seedchip_counters - what has gone wrong since probe; under hw_lock
 * @faults: queues that the card has stopped
 * @timeouts: queues that a watchdog has stopped
 * @queue_resets: of queues that have failed; their owners' destroying them is not counted
 * @context_resets: because a queue did not stop
 * @device_resets: by this driver
 * @pci_resets: by the PCI core: FLR, slot or bus reset
 */
struct seedchip_counters {
	u64 faults;
	u64 timeouts;
	u64 queue_resets;
	u64 context_resets;
	u64 device_resets;
	u64 pci_resets;
};

/**
 * struct seedchip_limit - a register that never changes
 * @reg: which
 * @value: its value
 */
struct seedchip_limit {
	enum sc_reg reg;
	u32 value;
};

/**
 * struct seedchip_sriov - what a card and its virtual functions know of each other
 * @lock: of a card; protects @functions
 * @functions: of a card: its virtual functions that are bound to this driver
 * @entry: of a virtual function: its place there
 * @link: of a virtual function: for the order of sleep
 * @renew_work: of a card: probes them anew after its reset
 */
struct seedchip_sriov {
	struct mutex lock; /* functions */
	struct list_head functions;
	struct list_head entry;
	struct device_link *link;
	struct work_struct renew_work;
};

/**
 * struct seedchip_device - one card, or a virtual function of one
 *
 * Lock order, outermost first: seedchip_sriov.lock of a card before all locks of
 * its virtual functions; seedchip_vm.lock, or @bo_lock, then a buffer's
 * reservation lock, or seedchip_vram.lock, then seedchip_vm.mmu_lock,
 * @memory_sem or seedchip_queue.submit_lock, @hw_lock, seedchip_event_ring.lock, @user_lock,
 * seedchip_vector.lock, seedchip_timeline.lock. From mmu_lock on nothing is
 * allocated while they are held, because fences wait for their holders.
 */
struct seedchip_device {
	/** @drm: base */
	struct drm_device drm;
	/** @regs: control BAR */
	void __iomem *regs;
	/** @doorbells: doorbell BAR */
	void __iomem *doorbells;
	/** @doorbells_phys: bus address of the doorbell BAR as the CPU sees it */
	resource_size_t doorbells_phys;
	/** @card: CPU-visible card memory, write-combined */
	void __iomem *card;
	/** @card_phys: bus address of the card BAR as the CPU sees it */
	resource_size_t card_phys;
	/** @info: discovery registers in the form that DEV_QUERY returns */
	struct drm_seedchip_info info;
	/** @num_queues: hardware queues */
	u32 num_queues;
	/** @num_contexts: address spaces, context 0 included */
	u32 num_contexts;
	/** @doorbell_stride: bytes from doorbell to doorbell */
	u32 doorbell_stride;
	/** @num_vectors: MSI-X vectors in use; 0 is for events */
	unsigned int num_vectors;
	/** @vectors: one per MSI-X vector */
	struct seedchip_vector *vectors;
	/** @events: fault events */
	struct seedchip_event_ring events;
	/** @vram: allocator of card memory */
	struct seedchip_vram *vram;
	/** @reset_wq: what makes fences signal: watchdogs, failures; nothing there waits for one */
	struct workqueue_struct *reset_wq;
	/** @wq: what may wait for fences: binds, released queues; scrubbed memory, reports */
	struct workqueue_struct *wq;

	/**
	 * @hw_lock: serialises command sequences to queues and contexts, and
	 * resets. Protects @queues, @contexts and @wedged, and a queue's
	 * hardware resources. Nothing is allocated while it is held, because
	 * fences wait for its holder.
	 */
	struct mutex hw_lock;
	/** @queues: by hardware number; 0 is the kernel's. Events look them up under RCU. */
	struct seedchip_queue __rcu **queues;
	/** @contexts: by hardware number; 0 is the kernel's and stays NULL */
	struct seedchip_vm **contexts;
	/**
	 * @wedged: the card has gone, a device reset has failed, or the card
	 * cannot be reached for now (@asleep, @recovering). Nothing is submitted.
	 * Registers may be used with hw_lock held while this is false, or with its
	 * timeline's lock held while a queue is active. Not only inside
	 * drm_dev_enter(): drm_dev_unplug() waits for sections that wait for
	 * fences, and those must go on signalling.
	 */
	bool wedged;
	/** @asleep: the card is in D3hot, or the system is; @wedged is set meanwhile */
	bool asleep;
	/** @recovering: the PCI core is resetting the card; @wedged is set meanwhile */
	bool recovering;
	/** @overdue: it should have ended that long ago, and the card counts as failed */
	bool overdue;
	/** @overdue_work: sees to that */
	struct delayed_work overdue_work;
	/** @recovered: woken when @recovering or @function_reset ends, and by @leaving */
	wait_queue_head_t recovered;
	/** @memory_sem: read by who has to do with card memory (seedchip_reset_hold_memory()) */
	struct rw_semaphore memory_sem;
	/** @losses: how often card memory was lost; files that are older are lost, too */
	u32 losses;
	/** @draining: new opens are refused */
	bool draining;
	/** @unplugged: drm_dev_unplug() has been called */
	bool unplugged;
	/** @gone_work: unplugs a card that does not answer any more */
	struct work_struct gone_work;
	/** @retire_work: takes pages and cores that have failed out of use */
	struct work_struct retire_work;
	/** @function: FUNCTION register */
	u32 function;
	/** @sriov: virtual functions */
	struct seedchip_sriov sriov;
	/** @firmware_version: FIRMWARE_VERSION register */
	u32 firmware_version;
	/** @hwmon: hwmon device, or NULL */
	struct device *hwmon;
	/** @limits: registers that never change, for hwmon */
	struct seedchip_limit limits[7];
	/** @counters: failures and resets */
	struct seedchip_counters counters;
	/** @function_reset: wedged, but a reset of the function is to be tried; under hw_lock */
	bool function_reset;
	/** @wedged_event: a device reset is to be reported; under hw_lock */
	bool wedged_event;
	/** @coredump: of a failure, until it has been handed over */
	struct seedchip_coredump coredump;
	/** @report_work: tells user space about failures and resets, outside of all locks */
	struct work_struct report_work;
	/** @leaving: about to be unplugged: nobody sleeps in an ioctl any more */
	bool leaving;
	/** @bind_idle: woken when an address space has no more binds that wait, and by @leaving */
	wait_queue_head_t bind_idle;
	/** @kernel_queue: runs FILL, COPY and INVALIDATE in context 0; NULL before it is started */
	struct seedchip_queue *kernel_queue;

	/** @last_progress: jiffies when a watchdog last saw a queue advance */
	unsigned long last_progress;
	/** @last_progress_queue: which one */
	u32 last_progress_queue;

	/** @user_lock: protects @users and what is charged to them */
	spinlock_t user_lock;
	/** @users: with open files, or with something that outlived them */
	struct list_head users;

	/** @bo_lock: protects @system_bos, the DMA mappings of those buffers, and @shared_bos */
	struct mutex bo_lock;
	/** @system_bos: buffers whose DMA mapping ends with the device */
	struct list_head system_bos;
	/** @shared_bos: card memory that is in a dma-buf */
	struct list_head shared_bos;
};

/**
 * struct seedchip_file - one open file
 * @sdev: card
 * @user: who opened it; referenced
 * @vm: its address space
 * @queues: its queues by handle
 * @usage: core time; written under hw_lock
 * @losses: seedchip_device.losses when it was opened
 * @read_lock: held by whoever waits for an event or reads one
 */
struct seedchip_file {
	struct seedchip_device *sdev;
	struct seedchip_user *user;
	struct seedchip_vm *vm;
	struct xarray queues;
	struct seedchip_usage usage;
	u32 losses;
	struct mutex read_lock; /* readers */
};

int seedchip_file_enter(struct drm_file *file, int *idx);

static inline struct seedchip_device *to_seedchip_device(struct drm_device *drm)
{
	return container_of(drm, struct seedchip_device, drm);
}

static inline u32 seedchip_read32(struct seedchip_device *sdev, enum sc_reg reg)
{
	return readl(sdev->regs + reg);
}

static inline u64 seedchip_read64(struct seedchip_device *sdev, enum sc_reg reg)
{
	return readq(sdev->regs + reg);
}

static inline void seedchip_write32(struct seedchip_device *sdev, enum sc_reg reg, u32 value)
{
	writel(value, sdev->regs + reg);
}

static inline void seedchip_write64(struct seedchip_device *sdev, enum sc_reg reg, u64 value)
{
	writeq(value, sdev->regs + reg);
}

static inline void __iomem *seedchip_context_reg(struct seedchip_device *sdev, u32 context,
						 enum sc_context_reg reg)
{
	return sdev->regs + SC_CONTEXT_BASE + context * SC_CONTEXT_STRIDE + reg;
}

static inline void __iomem *seedchip_queue_reg(struct seedchip_device *sdev, u32 queue,
					       enum sc_queue_reg reg)
{
	return sdev->regs + SC_QUEUE_BASE + queue * SC_QUEUE_STRIDE + reg;
}

/* Somebody is resetting the card: it is worth waiting. */
static inline bool seedchip_device_is_recovering(struct seedchip_device *sdev)
{
	return READ_ONCE(sdev->recovering) || READ_ONCE(sdev->function_reset);
}

/* It will not come back, unless the driver is bound anew. One that sleeps will. */
static inline bool seedchip_device_has_failed(struct seedchip_device *sdev)
{
	return READ_ONCE(sdev->wedged) && !READ_ONCE(sdev->asleep) &&
	       !seedchip_device_is_recovering(sdev);
}

/* A register that cannot read as all ones does: the card has left the bus. */
static inline bool seedchip_is_gone(u32 value)
{
	return value == ~0U;
}

unsigned long seedchip_scale_timeout(struct seedchip_device *sdev, unsigned int ms);
int seedchip_device_init(struct seedchip_device *sdev);
void seedchip_device_fini(struct seedchip_device *sdev);
int seedchip_device_enable(struct seedchip_device *sdev);
void seedchip_device_unplug(struct seedchip_device *sdev);
void seedchip_device_flush(struct seedchip_device *sdev);

/* The ioctls, each in the file that owns what it works on. */
#define SEEDCHIP_IOCTL_PROTOTYPE_(name, number, dir, arg, errnos, text) \
	int seedchip_ioctl_##arg(struct drm_device *drm, void *data, struct drm_file *file);
SEEDCHIP_IOCTL_TABLE(SEEDCHIP_IOCTL_PROTOTYPE_)

#endif /* SEEDCHIP_DEVICE_H */
