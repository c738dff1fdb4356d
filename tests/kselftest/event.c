// SPDX-License-Identifier: MIT
/* Faults as events: read() and poll() on the file. */
#include <errno.h>
#include <fcntl.h>
#include <linux/userfaultfd.h>
#include <poll.h>
#include <pthread.h>
#include <stdbool.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>
#include <xf86drm.h>

#include "card.h"
#include "tap.h"

#define ROOM	32 /* events that DRM keeps for a file */
#define READERS 3

static int fd;
static struct drm_seedchip_queue_create queue;

/* A packet that nobody may use: the queue fails, and its fence says so. */
static void fail(uint32_t which)
{
	struct sc_packet bad = card_fill(0x7000000000, 0, 8);

	CHECK_EQ(card_run(fd, which, &bad, 1), -EFAULT);
}

static void fail_and_recover(void)
{
	fail(queue.queue);
	CHECK_EQ(card_recover(fd, queue.queue), 0);
}

static short polled(int file)
{
	struct pollfd p = { .fd = file, .events = POLLIN };

	return poll(&p, 1, 0) < 0 ? -1 : p.revents;
}

static void set_blocking(bool on)
{
	CHECK_EQ(fcntl(fd, F_SETFL, on ? 0 : O_NONBLOCK), 0);
}

static void record(void)
{
	struct drm_seedchip_event_fault event;
	struct sc_fault fault;

	CHECK_EQ(sizeof(event), 128);
	CHECK_EQ(polled(fd), 0);
	/* The event is there when the fence is seen: nobody has to wait for it. */
	fail(queue.queue);
	CHECK_EQ(polled(fd), POLLIN);
	CHECK_EQ(read(fd, &event, sizeof(event)), sizeof(event));
	CHECK_EQ(event.base.type, DRM_SEEDCHIP_EVENT_FAULT);
	CHECK_EQ(event.base.length, sizeof(event));
	CHECK_EQ(event.queue, queue.queue);
	CHECK_EQ(event.lost, 0);
	CHECK_EQ(card_fault(fd, queue.queue, &fault), 0);
	CHECK(!memcmp(&fault, &event.fault, sizeof(fault)));
	CHECK_EQ(event.fault.code, SC_CODE_UNMAPPED);
	CHECK_EQ(event.fault.va, 0x7000000000);
	CHECK_EQ(polled(fd), 0);
	CHECK_EQ(card_recover(fd, queue.queue), 0);
}

static void sizes(void)
{
	struct drm_seedchip_event_fault events[4];
	unsigned int i;

	set_blocking(false);
	CHECK_EQ(read(fd, events, sizeof(events)) < 0 ? errno : 0, EAGAIN);
	for (i = 0; i < 3; i++)
		fail_and_recover();
	CHECK_EQ(read(fd, events, 0), 0);
	CHECK_EQ(read(fd, events, sizeof(events[0]) - 1), 0);
	CHECK_EQ(read(fd, (void *)4096, sizeof(events)) < 0 ? errno : 0, EFAULT);
	CHECK_EQ(polled(fd), POLLIN);
	CHECK_EQ(read(fd, events, sizeof(events[0]) * 5 / 2), 2 * sizeof(events[0]));
	CHECK(events[0].fault.index < events[1].fault.index);
	CHECK_EQ(read(fd, events, sizeof(events)), sizeof(events[0]));
	CHECK_EQ(read(fd, events, sizeof(events)) < 0 ? errno : 0, EAGAIN);
	set_blocking(true);
}

static void blocking(void)
{
	struct drm_seedchip_event_fault event;
	int status, ready[2];
	char byte;
	pid_t pid;

	CHECK_EQ(pipe(ready), 0);
	pid = fork();
	if (!pid) {
		if (write(ready[1], "x", 1) != 1)
			_exit(1);
		_exit(read(fd, &event, sizeof(event)) == sizeof(event) &&
		      event.fault.code == SC_CODE_UNMAPPED ? 0 : 2);
	}
	CHECK_EQ(read(ready[0], &byte, 1), 1);
	close(ready[0]);
	close(ready[1]);
	usleep(50000);
	fail_and_recover();
	CHECK_EQ(waitpid(pid, &status, 0), pid);
	CHECK(WIFEXITED(status));
	CHECK_EQ(WEXITSTATUS(status), 0);
}

static void overflow(void)
{
	struct drm_seedchip_event_fault events[ROOM + 1];
	unsigned int i;

	for (i = 0; i < ROOM + 8; i++)
		fail_and_recover();
	CHECK_EQ(read(fd, events, sizeof(events)), ROOM * sizeof(events[0]));
	for (i = 0; i < ROOM - 1; i++)
		CHECK_EQ(events[i].lost, 0);
	CHECK_EQ(events[ROOM - 1].lost, 8);
	fail_and_recover();
	CHECK_EQ(read(fd, events, sizeof(events)), sizeof(events[0]));
	CHECK_EQ(events[0].lost, 0);
}

/* What comes of other files, or of destroying a queue, is no event. */
static void nothing_else(void)
{
	struct drm_seedchip_queue_create second;
	struct sc_packet wait = card_word(SC_OP_WAIT, 0x10000000, 1);
	int other = card_open(0);

	CHECK(other >= 0);
	fail_and_recover();
	CHECK_EQ(polled(fd), POLLIN);
	CHECK_EQ(polled(other), 0);
	/* Closed while an event waits to be read. */
	CHECK_EQ(card_queue(other, &second), 0);
	wait = card_fill(0x7000000000, 0, 8);
	CHECK_EQ(card_run(other, second.queue, &wait, 1), -EFAULT);
	CHECK_EQ(polled(other), POLLIN);
	close(other);
	CHECK_EQ(read(fd, &(struct drm_seedchip_event_fault){ 0 }, 128), 128);
	CHECK_EQ(card_queue(fd, &second), 0);
	CHECK_EQ(card_queue_destroy(fd, second.queue), 0);
	CHECK_EQ(polled(fd), 0);
}

/**
 * struct reader - a thread that reads events until the card goes
 * @thread: itself
 * @file: of which
 * @buffer: where to
 * @err: how it ended
 */
struct reader {
	pthread_t thread;
	int file;
	void *buffer;
	volatile int err;
};

static void *read_all(void *opaque)
{
	struct reader *r = opaque;

	while (read(r->file, r->buffer, 128) == 128)
		;
	r->err = errno;
	return NULL;
}

/* A page that whoever touches it waits for, until it is filled; skips without userfaultfd. */
static void *slow_page(int *uffd)
{
	struct uffdio_api api = { .api = UFFD_API };
	struct uffdio_register range = { .mode = UFFDIO_REGISTER_MODE_MISSING };
	void *page = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	*uffd = (int)syscall(SYS_userfaultfd, O_CLOEXEC);
	if (*uffd < 0)
		tap_skip("the kernel has no userfaultfd");
	CHECK_EQ(ioctl(*uffd, UFFDIO_API, &api), 0);
	range.range = (struct uffdio_range){ (uintptr_t)page, 4096 };
	CHECK_EQ(ioctl(*uffd, UFFDIO_REGISTER, &range), 0);
	return page;
}

/*
 * Two readers wake up for one event, while a third is still busy with the one before. Who does
 * not get it sleeps on, and wakes up when the card goes.
 */
static void second_reader(void)
{
	struct sc_packet bad = card_fill(0x7000000000, 0, 8);
	struct reader readers[READERS] = { 0 };
	struct drm_seedchip_event_fault events[READERS];
	struct drm_seedchip_queue_create theirs;
	int i, tries, uffd, other = card_open(0);
	struct uffdio_zeropage fill = { 0 };
	char address[64];

	CHECK(other >= 0);
	CHECK_EQ(card_queue(other, &theirs), 0);
	snprintf(address, sizeof(address), "%s", card_address());
	for (i = 0; i < READERS; i++)
		readers[i] = (struct reader){ .file = other, .buffer = &events[i] };
	readers[0].buffer = slow_page(&uffd);
	fill.range = (struct uffdio_range){ (uintptr_t)readers[0].buffer, 4096 };
	for (i = 0; i < READERS; i++) {
		CHECK_EQ(pthread_create(&readers[i].thread, NULL, read_all, &readers[i]), 0);
		usleep(100000);
		if (i && i < READERS - 1)
			continue;
		CHECK_EQ(card_run(other, theirs.queue, &bad, 1), -EFAULT);
		CHECK_EQ(card_recover(other, theirs.queue), 0);
		usleep(100000);
	}
	CHECK_EQ(ioctl(uffd, UFFDIO_ZEROPAGE, &fill), 0);
	CHECK_EQ(card_queue_destroy(other, theirs.queue), 0);
	usleep(100000);
	CHECK_EQ(card_write("/sys/bus/pci/drivers/seedchip/unbind", address), 0);
	for (i = 0, tries = 0; i < READERS && tries < 400; tries++) {
		if (readers[i].err)
			CHECK_EQ(readers[i++].err, ENODEV);
		else
			usleep(50000);
	}
	CHECK_EQ(i, READERS);
	for (i = 0; i < READERS; i++)
		pthread_join(readers[i].thread, NULL);
	close(uffd);
	close(other);
	close(fd);
	CHECK_EQ(card_write("/sys/bus/pci/drivers/seedchip/bind", address), 0);
	fd = card_open(0);
	CHECK_EQ(card_queue(fd, &queue), 0);
}

/* The card goes: one event for each queue, then the end. A reader that sleeps wakes up. */
static void hangup(void)
{
	struct drm_seedchip_event_fault event;
	int status, empty = card_open(0);
	char address[64];
	pid_t pid;

	CHECK(empty >= 0);
	snprintf(address, sizeof(address), "%s", card_address());
	pid = fork();
	if (!pid)
		_exit(read(empty, &event, sizeof(event)) < 0 && errno == ENODEV ? 0 : 1);
	usleep(50000);
	CHECK_EQ(card_write("/sys/bus/pci/drivers/seedchip/unbind", address), 0);
	CHECK_EQ(waitpid(pid, &status, 0), pid);
	CHECK(WIFEXITED(status));
	CHECK_EQ(WEXITSTATUS(status), 0);
	CHECK_EQ(polled(fd), POLLIN | POLLHUP);
	CHECK_EQ(read(fd, &event, sizeof(event)), sizeof(event));
	CHECK_EQ(event.queue, queue.queue);
	CHECK_EQ(event.fault.status, SC_STATUS_LOST);
	CHECK_EQ(event.fault.code, SC_CODE_REMOVED);
	CHECK_EQ(polled(fd), POLLHUP);
	CHECK_EQ(read(fd, &event, sizeof(event)) < 0 ? errno : 0, ENODEV);
	/* The next card at this place comes while the old files are still open: as accel1. */
	CHECK_EQ(card_write("/sys/bus/pci/drivers/seedchip/bind", address), 0);
	CHECK_EQ(card_counter("faults"), 0);
	close(empty);
	close(fd);
	CHECK_EQ(card_write("/sys/bus/pci/drivers/seedchip/unbind", address), 0);
	CHECK_EQ(card_write("/sys/bus/pci/drivers/seedchip/bind", address), 0);
	fd = card_open(0);
	CHECK(fd >= 0);
}

int main(void)
{
	static const struct tap_test tests[] = {
		{ "a fault is an event with the record of QUEUE_FAULT", record },
		{ "short, odd and bad buffers", sizes },
		{ "read() sleeps until there is one", blocking },
		{ "what was not read in time is counted", overflow },
		{ "other files and destroyed queues cause none", nothing_else },
		{ "a reader that another was faster than", second_reader },
		{ "the end of the card is an event and POLLHUP", hangup },
	};

	fd = card_open(0);
	if (fd < 0 || card_queue(fd, &queue)) {
		printf("Bail out! no card or queue\n");
		return EXIT_FAILURE;
	}
	return TAP_RUN(tests);
}
