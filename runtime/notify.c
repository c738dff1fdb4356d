// SPDX-License-Identifier: MIT
/*
 * Eventfds that are told of events.
 *
 * The back end tells them: the driver from its interrupt, with the same look
 * after arming as for one who sleeps. What it cannot know is the runtime's: an
 * event whose work was never submitted is told of at once, and queues that wait
 * for others through memory (graphs, bridges) have to be looked after, as
 * seedchip_event_wait() does while it sleeps. A thread of the device's does
 * that, made when first needed.
 *
 * Locks: watcher.lock is taken before all others of the runtime.
 */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/stat.h>
#include <time.h>

#include "graph.h"
#include "seedchip/notify.h"

struct watch {
	struct list link;
	struct seedchip_event event;
};

/**
 * struct watcher - who looks after queues that wait for others through memory
 * @lock: protects the rest; held while a queue of @watches is looked at
 * @changed: there is something in @watches, or @stop is set
 * @watches: events that somebody is to be told of and that have not happened
 * @stop: the device is about to be closed
 * @thread: who looks
 */
struct watcher {
	pthread_mutex_t lock;
	pthread_cond_t changed;
	struct list watches;
	bool stop;
	pthread_t thread;
};

/* Every look at a queue whose partners have failed makes it fail, which its driver tells of. */
static void look(struct watcher *w)
{
	struct list *l, *next;

	for (l = w->watches.next; l != &w->watches; l = next) {
		struct watch *watch = container_of(l, struct watch, link);

		next = l->next;
		if (event_poll(watch->event.queue, watch->event.point) == -EAGAIN) {
			event_check_partners(watch->event.queue);
			continue;
		}
		list_del(l);
		free(watch);
	}
}

static void *watcher_main(void *arg)
{
	struct watcher *w = arg;
	struct timespec until;
	int64_t ns;

	pthread_mutex_lock(&w->lock);
	while (!w->stop) {
		if (w->watches.next == &w->watches) {
			pthread_cond_wait(&w->changed, &w->lock);
			continue;
		}
		ns = deadline_after(PARTNER_NS);
		until = (struct timespec){ ns / 1000000000, ns % 1000000000 };
		pthread_cond_timedwait(&w->changed, &w->lock, &until);
		look(w);
	}
	pthread_mutex_unlock(&w->lock);
	return NULL;
}

static struct watcher *create_watcher(void)
{
	struct watcher *w = calloc(1, sizeof(*w));
	pthread_condattr_t attr;
	sigset_t all, old;
	int r;

	if (!w)
		return NULL;
	list_init(&w->watches);
	pthread_mutex_init(&w->lock, NULL);
	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&w->changed, &attr);
	pthread_condattr_destroy(&attr);
	/* The program's signals are for its own threads. */
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	r = pthread_create(&w->thread, NULL, watcher_main, w);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	if (!r)
		return w;
	pthread_cond_destroy(&w->changed);
	pthread_mutex_destroy(&w->lock);
	free(w);
	return NULL;
}

/* Look after the event's queue until it has happened. */
static int watch_event(struct seedchip_event event)
{
	struct seedchip_device *dev = event.queue->dev;
	struct watch *watch = malloc(sizeof(*watch));
	struct watcher *w;

	pthread_mutex_lock(&dev->lock);
	if (watch && !dev->watcher)
		dev->watcher = create_watcher();
	w = dev->watcher;
	pthread_mutex_unlock(&dev->lock);
	if (!watch || !w) {
		free(watch);
		return report(-ENOMEM, "no memory or thread for what the event waits for");
	}
	watch->event = event;
	pthread_mutex_lock(&w->lock);
	list_add(&w->watches, &watch->link);
	pthread_cond_signal(&w->changed);
	pthread_mutex_unlock(&w->lock);
	return 0;
}

static struct watcher *get_watcher(struct seedchip_device *dev)
{
	struct watcher *w;

	pthread_mutex_lock(&dev->lock);
	w = dev->watcher;
	pthread_mutex_unlock(&dev->lock);
	return w;
}

void notify_forget_queue(struct seedchip_queue *q)
{
	struct watcher *w = get_watcher(q->dev);
	struct list *l, *next;

	if (!w)
		return;
	pthread_mutex_lock(&w->lock);
	for (l = w->watches.next; l != &w->watches; l = next) {
		struct watch *watch = container_of(l, struct watch, link);

		next = l->next;
		if (watch->event.queue != q)
			continue;
		list_del(l);
		free(watch);
	}
	pthread_mutex_unlock(&w->lock);
}

void notify_stop(struct seedchip_device *dev)
{
	struct watcher *w = get_watcher(dev);

	if (!w)
		return;
	pthread_mutex_lock(&w->lock);
	w->stop = true;
	pthread_cond_signal(&w->changed);
	pthread_mutex_unlock(&w->lock);
	pthread_join(w->thread, NULL);
	while (w->watches.next != &w->watches) {
		struct watch *watch = container_of(w->watches.next, struct watch, link);

		list_del(&watch->link);
		free(watch);
	}
	pthread_cond_destroy(&w->changed);
	pthread_mutex_destroy(&w->lock);
	free(w);
}

/* Its file has no type, and 0 can be added to it. Other files are not written to. */
bool is_eventfd(int fd)
{
	struct stat st;

	return !fstat(fd, &st) && !(st.st_mode & S_IFMT) && !eventfd_write(fd, 0);
}

void eventfd_tell(int fd)
{
	struct pollfd p = { .fd = fd, .events = POLLOUT };

	/* One that has counted all it can is readable as it is, and would keep the writer. */
	if (poll(&p, 1, 0) == 1 && p.revents & POLLOUT)
		eventfd_write(fd, 1);
}

static int report_bad(int fd)
{
	return report(-EBADF, "descriptor %d is not an eventfd", fd);
}

static int tell(int fd)
{
	if (!is_eventfd(fd))
		return report_bad(fd);
	eventfd_tell(fd);
	return 0;
}

static int ask_backend(struct seedchip_event event, int fd)
{
	struct seedchip_queue *q = event.queue;

	return q->user ? user_queue_notify(q, event.point, fd) :
	       q->dev->ops->timeline_notify(q->dev->priv, q->timeline, event.point, fd);
}

API int seedchip_event_notify(struct seedchip_event event, int fd)
{
	struct seedchip_queue *q = event.queue;
	int r;

	if (event_is_recorded(event))
		return report(-EINVAL, "the event is of a graph's recording");
	if (event_poll(q, event.point) != -EAGAIN)
		return tell(fd);
	if (q->has_partners) {
		r = watch_event(event);
		if (r)
			return r;
	}
	r = ask_backend(event, fd);
	switch (r) {
	case 0:
		return 0;
	case -ENODEV: /* there is no card any more, so the event has failed */
		queue_fail(q, event.point, r);
		return tell(fd);
	case -EBADF:
		return report_bad(fd);
	case -EMFILE:
		return report(r, "the queue tells of %u events already: let one happen, or wait "
			      "for the last of them", SEEDCHIP_MAX_EVENTFDS);
	default:
		return report(r, "the eventfd cannot be told: %s", strerror(-r));
	}
}
