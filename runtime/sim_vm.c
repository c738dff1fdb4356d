// SPDX-License-Identifier: MIT
/*
 * Memory of simulated cards: buffer objects, the list of mappings, and the page
 * tables that the model walks.
 *
 * Invariant: a page table entry points to memory of a live buffer object: a
 * mapping holds its buffer, and lets go of it only after the INVALIDATE that
 * follows the change of the entries. Page tables grow and are freed with the
 * card.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "sim.h"

/* One operation; MAP holds its buffer. */
struct sim_op {
	struct drm_seedchip_bind bind;
	struct sim_bo *bo;
};

/* A VM_BIND that waits for fences. */
struct sim_bind {
	struct list link;
	struct sim_syncs syncs;
	uint32_t count;
	struct sim_op ops[];
};

static int alloc_card(struct sim *sim, uint64_t size, bool visible, uint64_t *addr)
{
	uint64_t align = size >= SC_HUGE_SIZE ? SC_HUGE_SIZE : SC_PAGE_SIZE;
	int r = -ENOSPC;

	if (!visible)
		r = va_alloc(&sim->hidden_va, size, align, addr);
	if (r == -ENOSPC)
		r = va_alloc(&sim->visible_va, size, align, addr);
	return r;
}

static void free_card(struct sim *sim, uint64_t addr, uint64_t size)
{
	/* private memory: what is dropped reads as zero when it is touched again */
	madvise(sim->card + addr, size, MADV_DONTNEED);
	va_free(addr < sim->visible_size ? &sim->visible_va : &sim->hidden_va, addr, size);
}

static void bo_put(struct sim *sim, struct sim_bo *bo)
{
	if (--bo->refs)
		return;
	if (bo->host) {
		pthread_mutex_lock(&sim->wrap_lock);
		list_del(&bo->link);
		pthread_mutex_unlock(&sim->wrap_lock);
		va_free(&sim->wrap_va, bo->addr, bo->size);
	} else if (bo->card) {
		free_card(sim, bo->addr, bo->size);
	} else {
		sim_free_system(sim, sim->system + bo->addr, bo->size);
	}
	free(bo);
}

static int bo_alloc(struct sim *sim, struct sim_bo *bo)
{
	void *p;

	if (bo->card)
		return alloc_card(sim, bo->size, bo->visible, &bo->addr);
	p = sim_alloc_system(sim, bo->size);
	if (!p)
		return -ENOMEM;
	bo->addr = sim_system_address(sim, p);
	return 0;
}

int sim_bo_create(void *priv, struct drm_seedchip_bo_create *arg)
{
	struct sim_bo *bo = calloc(1, sizeof(*bo));
	struct sim *sim = priv;
	int r;

	if (!bo)
		return -ENOMEM;
	bo->refs = 1;
	bo->card = arg->flags & DRM_SEEDCHIP_BO_CARD;
	bo->visible = !bo->card || arg->flags & DRM_SEEDCHIP_BO_CPU_VISIBLE;
	bo->size = (arg->size + SC_PAGE_SIZE - 1) & ~(SC_PAGE_SIZE - 1ull);
	pthread_mutex_lock(&sim_lock);
	r = bo_alloc(sim, bo);
	if (!r) {
		arg->handle = sim_table_add(&sim->bos, bo);
		arg->size = bo->size;
		if (!arg->handle)
			r = -ENOMEM;
	}
	pthread_mutex_unlock(&sim_lock);
	if (r)
		free(bo);
	return r;
}

int sim_bo_wrap(void *priv, struct drm_seedchip_bo_userptr *arg)
{
	struct sim_bo *bo = calloc(1, sizeof(*bo));
	struct sim *sim = priv;
	int r;

	if (!bo)
		return -ENOMEM;
	/* Touching what is not mapped would end the program when the card does it. */
	if (msync((void *)(uintptr_t)arg->address, arg->size, MS_ASYNC)) {
		free(bo);
		return -EFAULT;
	}
	bo->refs = 1;
	bo->read_only = arg->flags & DRM_SEEDCHIP_USERPTR_READ_ONLY;
	bo->host = (unsigned char *)(uintptr_t)arg->address;
	bo->size = arg->size;
	pthread_mutex_lock(&sim_lock);
	r = va_alloc(&sim->wrap_va, bo->size, SC_PAGE_SIZE, &bo->addr);
	if (!r) {
		pthread_mutex_lock(&sim->wrap_lock);
		list_add(&sim->wrapped, &bo->link);
		pthread_mutex_unlock(&sim->wrap_lock);
		arg->handle = sim_table_add(&sim->bos, bo);
		if (!arg->handle) {
			bo_put(sim, bo);
			bo = NULL;
			r = -ENOMEM;
		}
	}
	pthread_mutex_unlock(&sim_lock);
	if (r)
		free(bo);
	return r;
}

/* The kernel alone has dma-bufs. */
int sim_bo_export(void *priv, uint32_t handle, int *fd)
{
	(void)priv;
	(void)handle;
	(void)fd;
	return -EOPNOTSUPP;
}

int sim_bo_import(void *priv, int fd, uint32_t *handle, uint64_t *size)
{
	(void)priv;
	(void)fd;
	(void)handle;
	(void)size;
	return -EOPNOTSUPP;
}

void sim_bo_destroy(void *priv, uint32_t handle)
{
	struct sim *sim = priv;
	struct sim_bo *bo;

	pthread_mutex_lock(&sim_lock);
	bo = sim_table_remove(&sim->bos, handle);
	if (bo)
		bo_put(sim, bo);
	pthread_mutex_unlock(&sim_lock);
}

int sim_bo_map(void *priv, uint32_t handle, size_t size, void **ptr)
{
	struct sim *sim = priv;
	struct sim_bo *bo;
	int r = 0;

	(void)size;
	pthread_mutex_lock(&sim_lock);
	bo = sim_table_get(&sim->bos, handle);
	if (!bo)
		r = -ENOENT;
	else if (!bo->visible)
		r = -EACCES;
	else
		*ptr = (bo->card ? sim->card : sim->system) + bo->addr;
	pthread_mutex_unlock(&sim_lock);
	return r;
}

void sim_bo_unmap(void *priv, void *ptr, size_t size)
{
	(void)priv;
	(void)ptr;
	(void)size;
}

/* ---- page tables ---- */

static uint64_t *table_at(struct sim *sim, uint64_t addr)
{
	return (uint64_t *)(sim->card + addr);
}

/* The entry for an address in the last level; NULL: no table, or no memory for one. */
static uint64_t *find_pte(struct sim *sim, uint64_t va, bool create)
{
	uint64_t *table = table_at(sim, sim->root), addr;

	for (int level = 3; level > 0; level--) {
		uint64_t *pte = &table[va >> (12 + 9 * level) & 511];

		if (!(*pte & SC_PTE_VALID)) {
			if (!create || alloc_card(sim, SC_PAGE_SIZE, false, &addr))
				return NULL;
			__atomic_store_n(pte, addr | SC_PTE_VALID, __ATOMIC_RELEASE);
		}
		table = table_at(sim, *pte & SC_PTE_ADDR);
	}
	return &table[va >> 12 & 511];
}

static void free_tables(struct sim *sim, uint64_t addr, int level)
{
	for (unsigned int i = 0; level && i < 512; i++)
		if (table_at(sim, addr)[i] & SC_PTE_VALID)
			free_tables(sim, table_at(sim, addr)[i] & SC_PTE_ADDR, level - 1);
	free_card(sim, addr, SC_PAGE_SIZE);
}

/* Make sure that entries for a range exist, so that setting them cannot fail. */
static int make_tables(struct sim *sim, uint64_t va, uint64_t size)
{
	for (uint64_t at = va & ~(SC_HUGE_SIZE - 1ull); at < va + size; at += SC_HUGE_SIZE)
		if (!find_pte(sim, at, true))
			return -ENOMEM;
	return 0;
}

/* Return: whether an entry that was valid has changed. */
static bool set_ptes(struct sim *sim, uint64_t va, uint64_t size, uint64_t pte)
{
	bool changed = false;

	for (uint64_t at = 0; at < size; at += SC_PAGE_SIZE) {
		uint64_t *entry = find_pte(sim, va + at, false);

		if (!entry) { /* unmapping, and there is no table: on to the next one */
			at = ((va + at) | (SC_HUGE_SIZE - 1ull)) + 1 - SC_PAGE_SIZE - va;
			continue;
		}
		changed |= *entry & SC_PTE_VALID;
		__atomic_store_n(entry, pte ? pte + at : 0, __ATOMIC_RELEASE);
	}
	return changed;
}

/* ---- mappings ---- */

/* Take a range out of the list; what goes altogether is moved to @gone. @spare: one node. */
static void cut(struct sim *sim, uint64_t va, uint64_t end, struct sim_mapping **spare,
		struct list *gone)
{
	struct list *l, *next;

	for (l = sim->mappings.next; l != &sim->mappings; l = next) {
		struct sim_mapping *m = container_of(l, struct sim_mapping, link);
		uint64_t m_end = m->va + m->size;

		next = l->next;
		if (m_end <= va || m->va >= end)
			continue;
		if (m_end > end && m->va < va) { /* a hole: the upper part becomes a mapping */
			**spare = *m;
			(*spare)->va = end;
			(*spare)->size = m_end - end;
			(*spare)->bo_offset += end - m->va;
			(*spare)->bo->refs++;
			list_add(l->next, &(*spare)->link);
			*spare = NULL;
			m->size = va - m->va;
		} else if (m->va < va) {
			m->size = va - m->va;
		} else if (m_end > end) {
			m->bo_offset += end - m->va;
			m->size = m_end - end;
			m->va = end;
		} else {
			list_del(l);
			list_add(gone, l);
		}
	}
}

static void insert_mapping(struct sim *sim, struct sim_mapping *m)
{
	struct list *l;

	list_for_each(l, &sim->mappings)
		if (container_of(l, struct sim_mapping, link)->va > m->va)
			break;
	list_add(l, &m->link); /* before l */
}

static uint64_t pte_bits(uint32_t flags, const struct sim_bo *bo)
{
	return SC_PTE_VALID | (flags & DRM_SEEDCHIP_BIND_READ ? SC_PTE_READ : 0) |
	       (flags & DRM_SEEDCHIP_BIND_WRITE ? SC_PTE_WRITE : 0) |
	       (flags & DRM_SEEDCHIP_BIND_EXECUTE ? SC_PTE_EXECUTE : 0) |
	       (bo->card ? 0 : SC_PTE_SYSTEM);
}

/* Return: 0 or -ENOMEM. @changed is set if an INVALIDATE is needed. */
static int apply(struct sim *sim, const struct sim_op *op, struct list *gone, bool *changed)
{
	struct sim_mapping *m = NULL, *spare = calloc(1, sizeof(*spare));
	uint64_t va = op->bind.va, size = op->bind.size, pte = 0;

	if (op->bo) {
		m = calloc(1, sizeof(*m));
		if (!m || make_tables(sim, va, size))
			goto no_memory;
		pte = pte_bits(op->bind.flags, op->bo) | (op->bo->addr + op->bind.bo_offset);
	}
	if (!spare)
		goto no_memory;
	cut(sim, va, va + size, &spare, gone);
	*changed |= set_ptes(sim, va, size, pte);
	if (m) {
		*m = (struct sim_mapping){ .va = va, .size = size, .bo = op->bo,
					   .bo_offset = op->bind.bo_offset };
		op->bo->refs++;
		insert_mapping(sim, m);
	}
	free(spare);
	return 0;

no_memory:
	free(m);
	free(spare);
	return -ENOMEM;
}

static int apply_all(struct sim *sim, const struct sim_op *ops, uint32_t count)
{
	struct list gone, *l;
	bool changed = false;
	int r = 0;

	list_init(&gone);
	for (uint32_t i = 0; !r && i < count; i++)
		r = apply(sim, &ops[i], &gone, &changed);
	if (changed)
		sim_invalidate(sim);
	while ((l = gone.next) != &gone) {
		struct sim_mapping *m = container_of(l, struct sim_mapping, link);

		list_del(l);
		bo_put(sim, m->bo);
		free(m);
	}
	return r;
}

static int check_op(struct sim *sim, struct sim_op *op)
{
	const struct drm_seedchip_bind *b = &op->bind;

	if ((b->va | b->size | b->bo_offset) % SC_PAGE_SIZE || !b->size ||
	    b->va < SC_VA_USER_START || b->size > SC_VA_USER_END ||
	    b->va > SC_VA_USER_END - b->size)
		return -EINVAL;
	if (!(b->flags & DRM_SEEDCHIP_BIND_MAP))
		return b->handle || b->bo_offset ? -EINVAL : 0;
	if (b->flags & DRM_SEEDCHIP_BIND_WRITE && b->flags & DRM_SEEDCHIP_BIND_EXECUTE)
		return -EINVAL;
	op->bo = sim_table_get(&sim->bos, b->handle);
	if (!op->bo)
		return -ENOENT;
	if (op->bo->read_only && b->flags & DRM_SEEDCHIP_BIND_WRITE)
		return -EACCES;
	return b->size > op->bo->size || b->bo_offset > op->bo->size - b->size ? -EINVAL : 0;
}

static void bind_free(struct sim *sim, struct sim_bind *bind)
{
	for (uint32_t i = 0; i < bind->count; i++)
		if (bind->ops[i].bo)
			bo_put(sim, bind->ops[i].bo);
	sim_syncs_put(&bind->syncs);
	free(bind);
}

static int bind_start(struct sim *sim, struct sim_bind *bind,
		      const struct drm_seedchip_vm_bind *arg)
{
	const struct drm_seedchip_bind *ops = (const void *)(uintptr_t)arg->ops.array;
	int r = 0;

	for (uint32_t i = 0; !r && i < arg->ops.count; i++) {
		bind->ops[i].bind = ops[i];
		r = check_op(sim, &bind->ops[i]);
		if (bind->ops[i].bo)
			bind->ops[i].bo->refs++;
		bind->count = i + 1;
	}
	if (!r && arg->syncs.count)
		r = sim_syncs_read(sim, &arg->syncs, &bind->syncs);
	if (r)
		return r;
	if (!arg->syncs.count)
		return apply_all(sim, bind->ops, bind->count);
	sim_syncs_publish(sim, &arg->syncs, &bind->syncs);
	list_add(&sim->binds, &bind->link);
	return 0;
}

int sim_vm_bind(void *priv, struct drm_seedchip_vm_bind *arg)
{
	struct sim_bind *bind = calloc(1, sizeof(*bind) + arg->ops.count * sizeof(bind->ops[0]));
	struct sim *sim = priv;
	int r;

	if (!bind)
		return -ENOMEM;
	list_init(&bind->link);
	pthread_mutex_lock(&sim_lock);
	r = bind_start(sim, bind, arg);
	if (r || !arg->syncs.count)
		bind_free(sim, bind);
	sim_service();
	pthread_mutex_unlock(&sim_lock);
	return r;
}

void sim_vm_service(struct sim *sim)
{
	while (sim->binds.next != &sim->binds) {
		struct sim_bind *bind = container_of(sim->binds.next, struct sim_bind, link);

		if (!sim_syncs_done(&bind->syncs))
			return;
		list_del(&bind->link);
		sim_fence_signal(bind->syncs.signal, apply_all(sim, bind->ops, bind->count));
		bind_free(sim, bind);
	}
}

int sim_vm_map_ring(struct sim *sim, uint64_t va, const void *ring, uint64_t size)
{
	if (make_tables(sim, va, size))
		return -ENOMEM;
	set_ptes(sim, va, size, SC_PTE_VALID | SC_PTE_READ | SC_PTE_SYSTEM | SC_PTE_ENGINE |
		 sim_system_address(sim, ring));
	return 0;
}

void sim_vm_unmap_ring(struct sim *sim, uint64_t va, uint64_t size)
{
	set_ptes(sim, va, size, 0);
	sim_invalidate(sim);
}

int sim_vm_init(struct sim *sim)
{
	uint32_t context = SC_CONTEXT_BASE + SIM_CONTEXT * SC_CONTEXT_STRIDE;
	uint64_t card_size = sim->info.card_size;
	int r = va_init(&sim->visible_va, 0, sim->visible_size, SC_PAGE_SIZE);

	if (!r)
		r = va_init(&sim->hidden_va, sim->visible_size, card_size, SC_PAGE_SIZE);
	if (!r)
		r = alloc_card(sim, SC_PAGE_SIZE, false, &sim->root);
	if (r)
		return r;
	sim_write(sim, context + SC_CTX_ROOT, sim->root | SC_PTE_VALID, 8);
	sim_write(sim, context + SC_CTX_CORE_MASK, sim->info.core_mask, 8);
	sim_write(sim, context + SC_CTX_CONTROL, SC_CONTEXT_ENABLE, 4);
	return 0;
}

void sim_vm_fini(struct sim *sim)
{
	struct list *l;

	while ((l = sim->binds.next) != &sim->binds) {
		list_del(l);
		bind_free(sim, container_of(l, struct sim_bind, link));
	}
	while ((l = sim->mappings.next) != &sim->mappings) {
		struct sim_mapping *m = container_of(l, struct sim_mapping, link);

		list_del(l);
		bo_put(sim, m->bo);
		free(m);
	}
	for (uint32_t i = 1; i <= sim->bos.count; i++)
		if (sim_table_get(&sim->bos, i))
			bo_put(sim, sim_table_remove(&sim->bos, i));
	free(sim->bos.slots);
	if (sim->root)
		free_tables(sim, sim->root, 3);
	va_fini(&sim->visible_va);
	va_fini(&sim->hidden_va);
}
