// SPDX-License-Identifier: GPL-2.0-only
/*
 * What a file uses, as /proc/PID/fdinfo shows it to whoever may look at the
 * process: the keys of Documentation/gpu/drm-usage-stats.rst.
 *
 * Core time comes from the card. It is shown and used for nothing else, and never
 * goes back, whatever the card says.
 */
#include <linux/idr.h>

#include <drm/drm_file.h>
#include <drm/drm_gem.h>
#include <drm/drm_print.h>

#include "compat/memory_stats.h"
#include "device.h"
#include "fdinfo.h"
#include "gem.h"
#include "job.h"
#include "queue.h"
#include "vm.h"

/* The card counts from zero again after a reset. */
static u64 seedchip_usage_update(struct seedchip_usage *usage, u64 now)
{
	if (now < usage->seen)
		usage->before += usage->seen;
	usage->seen = now;
	return usage->before + now;
}

/* Of all queues that the file has or had, jobs that run now included. */
static u64 seedchip_fdinfo_core_time(struct seedchip_file *sfile)
{
	struct seedchip_device *sdev = sfile->sdev;
	u32 context = READ_ONCE(sfile->vm->context);
	u64 now;

	/* Whoever looks need not wait for the end of a reset. */
	if (!context || !mutex_trylock(&sdev->hw_lock))
		return READ_ONCE(sfile->usage.before) + READ_ONCE(sfile->usage.seen);
	now = sfile->usage.seen;
	if (!sdev->wedged)
		now = readq(seedchip_context_reg(sdev, context, SC_CTX_CHARGED_NS));
	if (now == ~0ULL)
		now = sfile->usage.seen;
	now = seedchip_usage_update(&sfile->usage, now);
	mutex_unlock(&sdev->hw_lock);
	return now;
}

/*
 * Core time of each queue as of its last completed packet. Returns whether any has work.
 * A job that is retired here frees memory, which may sleep.
 */
static bool seedchip_fdinfo_show_queues(struct drm_file *file, struct drm_printer *p)
{
	struct seedchip_file *sfile = file->driver_priv;
	bool active = false, gated;
	u32 handle;

	for (handle = 1; handle <= sfile->sdev->info.max_queues; handle++) {
		struct seedchip_queue *q = seedchip_queue_lookup(file, handle);
		const struct sc_queue_state *state;
		u64 now;

		if (!q)
			continue;
		state = page_address(q->state_page);
		xa_lock(&sfile->queues);
		now = seedchip_usage_update(&q->usage, READ_ONCE(state->busy_ns));
		xa_unlock(&sfile->queues);
		drm_printf(p, "seedchip-queue-%u:\t%llu ns\n", q->id, now);
		seedchip_job_retire(q);
		active |= seedchip_job_pending(q, &gated);
		seedchip_queue_put(q);
	}
	return active;
}

static void seedchip_fdinfo_add(struct drm_memory_stats *stats, struct drm_gem_object *obj,
				bool active)
{
	if (drm_gem_object_is_shared_for_memory_stats(obj))
		stats->shared += obj->size;
	else
		stats->private += obj->size;
	/* Nothing is moved or evicted. */
	stats->resident += obj->size;
	if (active && atomic_read(&to_seedchip_bo(obj)->mappings))
		stats->active += obj->size;
}

void seedchip_fdinfo_show(struct drm_printer *p, struct drm_file *file)
{
	struct seedchip_file *sfile = file->driver_priv;
	struct drm_memory_stats card = {}, system = {};
	struct drm_gem_object *obj;
	bool active;
	int handle;

	drm_printf(p, "drm-engine-compute:\t%llu ns\n", seedchip_fdinfo_core_time(sfile));
	drm_printf(p, "drm-engine-capacity-compute:\t%lu\n",
		   hweight64(sfile->sdev->info.core_mask));
	active = seedchip_fdinfo_show_queues(file, p);

	spin_lock(&file->table_lock);
	idr_for_each_entry(&file->object_idr, obj, handle)
		seedchip_fdinfo_add(to_seedchip_bo(obj)->flags & DRM_SEEDCHIP_BO_CARD ? &card :
				    &system, obj, active);
	spin_unlock(&file->table_lock);
	drm_print_memory_stats(p, &card, SEEDCHIP_MEMORY_STATS, "card");
	drm_print_memory_stats(p, &system, SEEDCHIP_MEMORY_STATS, "system");
}
