/* SPDX-License-Identifier: MIT */
/*
 * Events in event loops: a descriptor that becomes readable when work has
 * completed, for programs that wait for many things at once by poll() or epoll.
 */
#ifndef SEEDCHIP_NOTIFY_H
#define SEEDCHIP_NOTIFY_H

#include <seedchip.h>

#ifdef __cplusplus
extern "C" {
#endif

/**
 * seedchip_event_notify() - have an eventfd told when work has completed
 * @event: event of any queue
 * @fd: an eventfd of the program's, made by eventfd(); it may serve many events, and the program
 *	may close it at any time
 *
 * 1 is added to the eventfd, once, when the event has happened or has failed, or when its queue
 * is destroyed; at once if that is so already. seedchip_event_wait() with a timeout of 0 then
 * says which, and prints what kernels have logged. The call itself never waits.
 *
 * Return: 0; -EBADF: not an eventfd; -EMFILE: a user-mode queue tells of 64 events at a time;
 * -EINVAL: the event is of a graph's recording; -ENOMEM.
 */
int seedchip_event_notify(struct seedchip_event event, int fd);

#ifdef __cplusplus
}
#endif

#endif /* SEEDCHIP_NOTIFY_H */
