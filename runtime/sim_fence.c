// SPDX-License-Identifier: MIT
/*
 * Fences and timelines of simulated cards: what syncobjs are to the driver.
 *
 * A timeline has reached a point when the fences of all points up to it have
 * happened. Timelines are shared between cards by reference.
 */
#include <errno.h>
#include <stdlib.h>

#include "sim.h"

struct sim_point {
	struct list link;
	uint64_t point;
	struct sim_fence *fence;
};

uint32_t sim_table_add(struct sim_table *table, void *object)
{
	void **slots;

	for (uint32_t i = 0; i < table->count; i++)
		if (!table->slots[i]) {
			table->slots[i] = object;
			return i + 1;
		}
	slots = realloc(table->slots, (table->count + 1) * sizeof(*slots));
	if (!slots)
		return 0;
	table->slots = slots;
	slots[table->count++] = object;
	return table->count;
}

void *sim_table_get(const struct sim_table *table, uint32_t handle)
{
	return handle && handle <= table->count ? table->slots[handle - 1] : NULL;
}

void *sim_table_remove(struct sim_table *table, uint32_t handle)
{
	void *object = sim_table_get(table, handle);

	if (object)
		table->slots[handle - 1] = NULL;
	return object;
}

static struct sim_fence *sim_fence_create(void)
{
	struct sim_fence *fence = calloc(1, sizeof(*fence));

	if (fence)
		fence->refs = 1;
	return fence;
}

struct sim_fence *sim_fence_get(struct sim_fence *fence)
{
	fence->refs++;
	return fence;
}

void sim_fence_put(struct sim_fence *fence)
{
	if (fence && !--fence->refs)
		free(fence);
}

void sim_fence_signal(struct sim_fence *fence, int error)
{
	if (fence->done)
		return;
	fence->done = true;
	fence->error = error;
	sim_kick();
}

static void advance(struct sim_timeline *t)
{
	while (t->points.next != &t->points) {
		struct sim_point *p = container_of(t->points.next, struct sim_point, link);

		if (!p->fence->done)
			return;
		list_del(&p->link);
		if (p->fence->error) {
			if (t->failed_to != t->reached)
				t->failed_after = t->reached;
			t->failed_to = p->point;
			sim_fence_put(t->failed);
			t->failed = sim_fence_get(p->fence);
		}
		t->reached = p->point;
		sim_fence_put(p->fence);
		free(p);
	}
}

static void timeline_put(struct sim_timeline *t)
{
	if (--t->refs)
		return;
	while (t->points.next != &t->points) {
		struct sim_point *p = container_of(t->points.next, struct sim_point, link);

		list_del(&p->link);
		sim_fence_put(p->fence);
		free(p);
	}
	sim_fence_put(t->binary);
	sim_fence_put(t->failed);
	free(t);
}

int sim_find_fence(struct sim_timeline *t, uint64_t point, struct sim_fence **fence)
{
	struct list *l;

	*fence = NULL;
	if (!point) {
		if (!t->binary)
			return -EINVAL;
		*fence = t->binary;
		return 0;
	}
	advance(t);
	if (t->reached >= point) {
		if (point > t->failed_after && point <= t->failed_to)
			*fence = t->failed;
		return 0;
	}
	list_for_each(l, &t->points) {
		struct sim_point *p = container_of(l, struct sim_point, link);

		if (p->point >= point) {
			*fence = p->fence;
			return 0;
		}
	}
	return -EINVAL;
}

int sim_syncs_read(struct sim *sim, const struct drm_seedchip_array *array, struct sim_syncs *s)
{
	const struct drm_seedchip_sync *sync = (const void *)(uintptr_t)array->array;
	struct sim_fence *fence;
	int r;

	*s = (struct sim_syncs){ .signal = sim_fence_create() };
	if (!s->signal)
		return -ENOMEM;
	for (uint32_t i = 0; i < array->count; i++) {
		struct sim_timeline *t = sim_table_get(&sim->timelines, sync[i].handle);

		if (!t || s->num_waits == ARRAY_SIZE(s->waits)) {
			sim_syncs_put(s);
			return -ENOENT;
		}
		if (sync[i].flags & DRM_SEEDCHIP_SYNC_SIGNAL)
			continue;
		r = sim_find_fence(t, sync[i].point, &fence);
		if (r) {
			sim_syncs_put(s);
			return r;
		}
		if (fence)
			s->waits[s->num_waits++] = sim_fence_get(fence);
	}
	return 0;
}

static void add_point(struct sim_timeline *t, uint64_t point, struct sim_fence *fence)
{
	struct sim_point *p;

	if (!point) {
		sim_fence_put(t->binary);
		t->binary = sim_fence_get(fence);
		return;
	}
	p = calloc(1, sizeof(*p));
	if (!p) /* what cannot be remembered must not be waited for: it counts as reached */
		return;
	p->point = point;
	p->fence = sim_fence_get(fence);
	t->last = point;
	list_add(&t->points, &p->link);
}

void sim_syncs_publish(struct sim *sim, const struct drm_seedchip_array *array, struct sim_syncs *s)
{
	const struct drm_seedchip_sync *sync = (const void *)(uintptr_t)array->array;

	for (uint32_t i = 0; i < array->count; i++)
		if (sync[i].flags & DRM_SEEDCHIP_SYNC_SIGNAL)
			add_point(sim_table_get(&sim->timelines, sync[i].handle), sync[i].point,
				  s->signal);
}

void sim_syncs_put(struct sim_syncs *s)
{
	for (unsigned int i = 0; i < s->num_waits; i++)
		sim_fence_put(s->waits[i]);
	sim_fence_put(s->signal);
	*s = (struct sim_syncs){ 0 };
}

int sim_syncs_done(const struct sim_syncs *s)
{
	int r = 1;

	for (unsigned int i = 0; i < s->num_waits; i++) {
		if (!s->waits[i]->done)
			return 0;
		if (s->waits[i]->error)
			r = -ECANCELED;
	}
	return r;
}

int sim_timeline_create(void *priv, uint32_t *handle)
{
	struct sim_timeline *t = calloc(1, sizeof(*t));
	struct sim *sim = priv;

	if (!t)
		return -ENOMEM;
	t->refs = 1;
	list_init(&t->points);
	pthread_mutex_lock(&sim_lock);
	*handle = sim_table_add(&sim->timelines, t);
	pthread_mutex_unlock(&sim_lock);
	if (*handle)
		return 0;
	free(t);
	return -ENOMEM;
}

void sim_timeline_destroy(void *priv, uint32_t handle)
{
	struct sim_timeline *t;
	struct sim *sim = priv;

	pthread_mutex_lock(&sim_lock);
	t = sim_table_remove(&sim->timelines, handle);
	if (t)
		timeline_put(t);
	pthread_mutex_unlock(&sim_lock);
}

int sim_timeline_wait(void *priv, uint32_t handle, uint64_t point, int64_t deadline_ns)
{
	struct sim *sim = priv;
	int r;

	for (;;) {
		uint64_t seen = sim_irq_count();
		struct sim_timeline *t;
		struct sim_fence *fence;

		pthread_mutex_lock(&sim_lock);
		sim_service();
		t = sim_table_get(&sim->timelines, handle);
		r = t ? sim_find_fence(t, point, &fence) : -ENOENT;
		if (!r && fence && !fence->done)
			r = -EAGAIN;
		pthread_mutex_unlock(&sim_lock);
		if (r != -EAGAIN)
			return r;
		if (!sim_irq_wait(seen, deadline_ns))
			return -ETIME;
	}
}

int sim_timeline_share(void *from, uint32_t handle, void *to, uint32_t *shared)
{
	struct sim *a = from, *b = to;
	struct sim_timeline *t;

	pthread_mutex_lock(&sim_lock);
	t = sim_table_get(&a->timelines, handle);
	*shared = t ? sim_table_add(&b->timelines, t) : 0;
	if (*shared)
		t->refs++;
	pthread_mutex_unlock(&sim_lock);
	return *shared ? 0 : -ENOMEM;
}

int sim_fence_status(void *priv, uint32_t handle)
{
	struct sim *sim = priv;
	struct sim_timeline *t;
	int r = -EINVAL;

	pthread_mutex_lock(&sim_lock);
	sim_service();
	t = sim_table_get(&sim->timelines, handle);
	if (t && t->binary)
		r = !t->binary->done ? 0 : t->binary->error ? t->binary->error : 1;
	pthread_mutex_unlock(&sim_lock);
	return r;
}
