// SPDX-License-Identifier: MIT
/*
 * Modules: a checked ELF image placed in card memory, one buffer object whose
 * pages are mapped with the permissions of their segments.
 *
 * The CPU writes the image through the card BAR. Cores may hold pre-decoded
 * code of earlier modules at the same addresses: code_version tells every queue
 * to flag its next launch CODE_CHANGED.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "queue.h"

static int map_segments(struct seedchip_module *mod)
{
	const struct elf_image *image = &mod->image;
	struct drm_seedchip_bind *ops = calloc(image->num_segments, sizeof(*ops));
	struct drm_seedchip_vm_bind arg = {
		.ops = { .stride = sizeof(*ops), .count = image->num_segments,
			 .array = (uintptr_t)ops },
	};
	int r;

	if (!ops)
		return -ENOMEM;
	for (unsigned int i = 0; i < image->num_segments; i++)
		ops[i] = (struct drm_seedchip_bind){
			.flags = DRM_SEEDCHIP_BIND_MAP | image->segments[i].bind_flags,
			.handle = mod->memory.handle,
			.bo_offset = image->segments[i].offset,
			.va = mod->memory.va + image->segments[i].offset,
			.size = image->segments[i].size,
		};
	r = mod->dev->ops->vm_bind(mod->dev->priv, &arg);
	free(ops);
	return r;
}

static void relocate(struct seedchip_module *mod)
{
	const struct elf_image *image = &mod->image;

	for (unsigned int i = 0; i < image->num_relocs; i++) {
		uint64_t value;

		memcpy(&value, image->data + image->relocs[i], sizeof(value));
		value += mod->memory.va;
		memcpy(image->data + image->relocs[i], &value, sizeof(value));
	}
}

static int place(struct seedchip_module *mod)
{
	struct seedchip_device *dev = mod->dev;
	int r = memory_create(dev, mod->image.size,
			      DRM_SEEDCHIP_BO_CARD | DRM_SEEDCHIP_BO_CPU_VISIBLE, 0, &mod->memory);

	if (r)
		return report(r, "%s: 0x%llx bytes of CPU-visible card memory: %s", mod->name,
			      (unsigned long long)mod->image.size, strerror(-r));
	r = memory_map(dev, &mod->memory);
	if (!r) {
		relocate(mod);
		memcpy(mod->memory.map, mod->image.data, mod->image.size);
		r = map_segments(mod);
	}
	if (r) {
		memory_destroy(dev, &mod->memory);
		return report(r, "%s: cannot be placed on the card: %s", mod->name, strerror(-r));
	}
	dev->ops->bo_unmap(dev->priv, mod->memory.map, mod->memory.size);
	mod->memory.map = NULL;
	free(mod->image.data);
	mod->image.data = NULL;
	return 0;
}

static int make_kernels(struct seedchip_module *mod)
{
	const struct elf_image *image = &mod->image;

	mod->kernels = calloc(image->num_kernels, sizeof(*mod->kernels));
	if (!mod->kernels)
		return report(-ENOMEM, "%s: out of memory", mod->name);
	for (unsigned int i = 0; i < image->num_kernels; i++) {
		const struct elf_kernel *from = &image->kernels[i];
		struct seedchip_kernel *k = &mod->kernels[i];

		k->module = mod;
		k->flags = from->flags;
		k->info = (struct seedchip_kernel_info){
			.args_size = from->args_size,
			.tcm_static = image->tcm_static,
			.tcm_dynamic_max = mod->dev->info.tcm_size - SC_TCM_STATIC -
					   image->tcm_static - SC_STACK_GUARD - from->stack_size,
			.stack_size = from->stack_size,
			.address = mod->memory.va + from->entry,
		};
		memcpy(k->info.name, from->name, sizeof(k->info.name));
		kernel_prepare(k);
	}
	return 0;
}

API int seedchip_module_load(struct seedchip_device *dev, const void *image, size_t size,
			     const char *name, struct seedchip_module **out)
{
	struct seedchip_module *mod = calloc(1, sizeof(*mod));
	struct list *l;
	int r;

	if (!mod)
		return report(-ENOMEM, "module: out of memory");
	mod->dev = dev;
	snprintf(mod->name, sizeof(mod->name), "%s", name ? name : "module");
	r = elf_load(image, size, mod->name, &dev->info, &mod->image);
	if (r)
		goto free_module;
	r = place(mod);
	if (r)
		goto free_image;
	r = make_kernels(mod);
	if (r)
		goto destroy;
	pthread_mutex_lock(&dev->lock);
	list_add(&dev->modules, &mod->link);
	atomic_fetch_add(&dev->code_version, 1);
	list_for_each(l, &dev->queues)
		queue_take_long_way(container_of(l, struct seedchip_queue, link));
	pthread_mutex_unlock(&dev->lock);
	log_message(SEEDCHIP_LOG_INFO, "%s: loaded at 0x%llx, %u kernels", mod->name,
		    (unsigned long long)mod->memory.va, mod->image.num_kernels);
	*out = mod;
	return 0;

destroy:
	memory_destroy(dev, &mod->memory);
free_image:
	elf_free(&mod->image);
free_module:
	free(mod);
	return r;
}

static int read_open(int fd, void **data, size_t *size)
{
	struct stat st;
	ssize_t n;

	*size = 0;
	if (fstat(fd, &st))
		return -errno;
	if (!S_ISREG(st.st_mode))
		return -ENOEXEC;
	*data = malloc(st.st_size ? st.st_size : 1);
	if (!*data)
		return -ENOMEM;
	while (*size < (size_t)st.st_size) {
		n = read(fd, (char *)*data + *size, st.st_size - *size);
		if (!n)
			break;
		if (n > 0)
			*size += n;
		else if (errno != EINTR)
			return -errno;
	}
	return 0;
}

API int seedchip_module_load_file(struct seedchip_device *dev, const char *path,
				  struct seedchip_module **mod)
{
	const char *slash = strrchr(path, '/');
	void *data = NULL;
	size_t size;
	int fd, r;

	/* opening a FIFO would wait for a writer, and some devices do something when opened */
	fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	if (fd < 0)
		return report(-errno, "%s: %s", path, strerror(errno));
	r = read_open(fd, &data, &size);
	close(fd);
	if (r == -ENOEXEC)
		report(r, "%s: not a regular file", path);
	else if (r)
		report(r, "%s: %s", path, strerror(-r));
	else
		r = seedchip_module_load(dev, data, size, slash ? slash + 1 : path, mod);
	free(data);
	return r;
}

API void seedchip_module_unload(struct seedchip_module *mod)
{
	struct seedchip_device *dev;

	if (!mod)
		return;
	dev = mod->dev;
	pthread_mutex_lock(&dev->lock);
	list_del(&mod->link);
	pthread_mutex_unlock(&dev->lock);
	memory_discard(dev, &mod->memory);
	elf_free(&mod->image);
	free(mod->kernels);
	free(mod);
}

API int seedchip_module_kernel(struct seedchip_module *mod, const char *name,
			       struct seedchip_kernel **kernel)
{
	for (unsigned int i = 0; i < mod->image.num_kernels; i++)
		if (!strcmp(mod->kernels[i].info.name, name)) {
			*kernel = &mod->kernels[i];
			return 0;
		}
	return report(-ENOENT, "%s: no kernel \"%s\"", mod->name, name);
}

API int seedchip_kernel_info(const struct seedchip_kernel *kernel, struct seedchip_kernel_info *out)
{
	return copy_sized(out, &kernel->info, sizeof(kernel->info), "seedchip_kernel_info");
}
