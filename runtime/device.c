// SPDX-License-Identifier: MIT
/*
 * Devices: finding cards, choosing among them, and the state that the objects
 * of one open card share.
 *
 * Which back end serves a process is decided by SEEDCHIP_DEVICE alone, never by
 * what happens to be there: a process never mixes real and simulated cards.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "queue.h"

int copy_sized(void *to, const void *from, size_t size, const char *what)
{
	size_t theirs;

	/* every such structure starts with its size */
	memcpy(&theirs, to, sizeof(theirs));
	if (theirs < sizeof(theirs))
		return report(-EINVAL, "%s: .size is not set", what);
	if (theirs > size)
		memset((char *)to + size, 0, theirs - size);
	else
		size = theirs;
	memcpy((char *)to + sizeof(theirs), (const char *)from + sizeof(theirs),
	       size - sizeof(theirs));
	return 0;
}

static const struct backend_ops *select_backend(void)
{
	const char *name = getenv("SEEDCHIP_DEVICE");

	if (!name || !*name)
		return &backend_drm;
	if (!strcmp(name, "sim") || !strncmp(name, "sim:", 4))
		return &backend_sim;
	report(-EINVAL, "SEEDCHIP_DEVICE=%s: no such back end", name);
	return NULL;
}

/* An entry of SEEDCHIP_VISIBLE_DEVICES: a number or an address. Return: index or -1. */
static int find_entry(const char *entry, size_t length, const struct backend_device *all, int count)
{
	char text[32], *end;
	unsigned long number;

	if (!length || length >= sizeof(text))
		return -1;
	memcpy(text, entry, length);
	text[length] = 0;
	for (int i = 0; i < count; i++)
		if (!strcmp(text, all[i].address))
			return i;
	number = strtoul(text, &end, 10);
	return *end || text[0] == '-' || number >= (unsigned long)count ? -1 : (int)number;
}

static int select_visible(struct backend_device *list, int count)
{
	const char *env = getenv("SEEDCHIP_VISIBLE_DEVICES");
	struct backend_device all[BACKEND_MAX_DEVICES];
	bool used[BACKEND_MAX_DEVICES] = { false };
	int chosen = 0;

	if (!env)
		return count;
	memcpy(all, list, count * sizeof(*list));
	while (chosen < count) {
		size_t length = strcspn(env, ",");
		int i = find_entry(env, length, all, count);

		if (i < 0 || used[i])
			break;
		used[i] = true;
		list[chosen++] = all[i];
		if (!env[length])
			break;
		env += length + 1;
	}
	return chosen;
}

static int list_devices(const struct backend_ops **ops, struct backend_device *list)
{
	int count;

	*ops = select_backend();
	if (!*ops)
		return -EINVAL;
	count = (*ops)->enumerate(list);
	return count < 0 ? count : select_visible(list, count);
}

API int seedchip_device_count(void)
{
	struct backend_device list[BACKEND_MAX_DEVICES];
	const struct backend_ops *ops;

	return list_devices(&ops, list);
}

static int device_init(struct seedchip_device *dev)
{
	int r = dev->ops->query(dev->priv, &dev->info);

	if (r)
		return report(r, "%s: cannot query the card: %s", dev->address, strerror(-r));
	r = va_init(&dev->va, dev->info.va_start, dev->info.va_end, dev->info.page_size);
	if (!r) {
		r = queue_create_hidden(dev, &dev->bind);
		if (r)
			va_fini(&dev->va);
	}
	return r ? report(r, "%s: cannot be set up: %s", dev->address, strerror(-r)) : 0;
}

API int seedchip_device_open(unsigned int index, struct seedchip_device **out)
{
	struct backend_device list[BACKEND_MAX_DEVICES];
	const struct backend_ops *ops;
	struct seedchip_device *dev;
	int count = list_devices(&ops, list), r;

	if (count < 0)
		return count;
	if (index >= (unsigned int)count)
		return report(-ENODEV, "no SeedChip card %u: %d found", index, count);
	dev = calloc(1, sizeof(*dev));
	if (!dev)
		return report(-ENOMEM, "card %u: out of memory", index);
	dev->ops = ops;
	memcpy(dev->address, list[index].address, sizeof(dev->address));
	pthread_mutex_init(&dev->lock, NULL);
	list_init(&dev->buffers);
	list_init(&dev->ranges);
	list_init(&dev->modules);
	list_init(&dev->queues);
	list_init(&dev->graphs);
	list_init(&dev->garbage);
	r = ops->open(&list[index], &dev->priv);
	if (r)
		goto free_device;
	r = device_init(dev);
	if (r)
		goto close_backend;
	log_message(SEEDCHIP_LOG_INFO, "opened card %u at %s: %u cores, %llu MiB", index,
		    dev->address, dev->info.num_cores,
		    (unsigned long long)dev->info.card_size >> 20);
	fork_watch(dev);
	*out = dev;
	return 0;

close_backend:
	ops->close(dev->priv);
free_device:
	pthread_mutex_destroy(&dev->lock);
	free(dev);
	return r;
}

API void seedchip_device_close(struct seedchip_device *dev)
{
	if (!dev)
		return;
	if (dev->queues.next != &dev->queues || dev->graphs.next != &dev->graphs ||
	    dev->buffers.next != &dev->buffers ||
	    dev->ranges.next != &dev->ranges || dev->modules.next != &dev->modules)
		log_message(SEEDCHIP_LOG_WARNING, "device closed before its objects");
	notify_stop(dev);
	fork_forget(dev);
	garbage_collect(dev);
	queue_free(dev->bind);
	dev->ops->close(dev->priv);
	va_fini(&dev->va);
	pthread_mutex_destroy(&dev->lock);
	free(dev);
}

API int seedchip_device_info(struct seedchip_device *dev, struct seedchip_device_info *out)
{
	const struct drm_seedchip_info *info = &dev->info;
	struct seedchip_device_info my = {
		.num_cores = info->num_cores,
		.vlen = info->vlen,
		.isa = info->isa,
		.core_mask = info->core_mask,
		.card_size = info->card_size,
		.card_visible_size = info->card_visible_size,
		.tcm_size = info->tcm_size,
		.page_size = info->page_size,
		.huge_size = info->huge_size,
		.max_queues = info->max_queues,
		.max_ring = 1u << info->ring_log2_max,
		.clock_khz = info->clock_khz,
		.generation = info->generation,
		.serial = info->serial,
	};

	memcpy(my.address, dev->address, sizeof(my.address));
	isa_string(info->isa, false, my.isa_string, sizeof(my.isa_string));
	return copy_sized(out, &my, sizeof(my), "seedchip_device_info");
}
