// SPDX-License-Identifier: MIT
/*
 * Eventfds that simulated cards tell of a queue's index or of a fence.
 *
 * Invariant: a notice is in its card's list exactly while what it is about has
 * not happened; whoever lets things proceed looks at the list afterwards, and
 * the card's interrupt is asked for, which brings the service thread.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "sim.h"

/**
 * struct notice - an eventfd to be told
 * @link: entry of struct sim.notices
 * @fence: when it has happened; NULL: @index of @queue
 * @queue: handle; that it is gone is told, too
 * @index: when it has retired
 * @fd: a descriptor of our own, so that the program may close its one
 */
struct notice {
	struct list link;
	struct sim_fence *fence;
	uint32_t queue;
	uint64_t index;
	int fd;
};

static void notice_free(struct notice *n)
{
	list_del(&n->link);
	sim_fence_put(n->fence);
	close(n->fd);
	free(n);
}

void sim_notice_service(struct sim *sim)
{
	struct list *l, *next;

	for (l = sim->notices.next; l != &sim->notices; l = next) {
		struct notice *n = container_of(l, struct notice, link);

		next = l->next;
		if (n->fence ? !n->fence->done :
		    sim_queue_arm(sim, n->queue, n->index) == -EAGAIN)
			continue;
		eventfd_tell(n->fd);
		notice_free(n);
	}
}

void sim_notice_fini(struct sim *sim)
{
	while (sim->notices.next != &sim->notices)
		notice_free(container_of(sim->notices.next, struct notice, link));
}

static unsigned int count_of(const struct sim *sim, uint32_t queue)
{
	unsigned int count = 0;
	struct list *l;

	list_for_each(l, &sim->notices)
		count += container_of(l, struct notice, link)->queue == queue;
	return count;
}

/* The lock is held. What has happened already is told at once. */
static int add(struct sim *sim, const struct notice *notice, int fd)
{
	struct notice *n;

	if (!is_eventfd(fd))
		return -EBADF;
	n = malloc(sizeof(*n));
	if (!n)
		return -ENOMEM;
	*n = *notice;
	n->fd = fcntl(fd, F_DUPFD_CLOEXEC, 0);
	if (n->fd < 0) {
		free(n);
		return -ENFILE;
	}
	if (n->fence)
		sim_fence_get(n->fence);
	list_add(&sim->notices, &n->link);
	sim_notice_service(sim);
	return 0;
}

int sim_queue_notify(void *priv, uint32_t queue, uint64_t index, int fd)
{
	const struct notice n = { .queue = queue, .index = index };
	struct sim *sim = priv;
	int r;

	pthread_mutex_lock(&sim_lock);
	sim_service();
	if (!sim_table_get(&sim->queues, queue))
		r = -ENOENT;
	else
		r = count_of(sim, queue) < SEEDCHIP_MAX_EVENTFDS ? add(sim, &n, fd) : -EMFILE;
	pthread_mutex_unlock(&sim_lock);
	return r;
}

int sim_timeline_notify(void *priv, uint32_t handle, uint64_t point, int fd)
{
	struct sim_timeline *t;
	struct sim *sim = priv;
	struct notice n = { 0 };
	int r;

	pthread_mutex_lock(&sim_lock);
	sim_service();
	t = sim_table_get(&sim->timelines, handle);
	r = t ? sim_find_fence(t, point, &n.fence) : -ENOENT;
	if (!r && n.fence)
		r = add(sim, &n, fd);
	else if (!r && !is_eventfd(fd))
		r = -EBADF;
	else if (!r)
		eventfd_tell(fd);
	pthread_mutex_unlock(&sim_lock);
	return r;
}
