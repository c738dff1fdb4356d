// SPDX-License-Identifier: MIT
/* vm: timeout=180 */
/* vm-dmesg: (context|device|function) reset:|seedchip_\w+: \d+ callbacks suppressed */
/* vm-dmesg: fault: code=[0-9]+ status=[0-9]+ .* generation=[0-9]+$ */
/*
 * Hangs and the reset ladder: who is hit at which level, what the counters and
 * uevents say, and that the card goes on afterwards.
 */
#include <errno.h>
#include <linux/netlink.h>
#include <poll.h>
#include <regex.h>
#include <stdbool.h>
#include <string.h>
#include <sys/klog.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>
#include <xf86drm.h>

#include <seedchip.h>

#include "card.h"
#include "neighbour.h"
#include "tap.h"

#define RW   (DRM_SEEDCHIP_BIND_MAP | DRM_SEEDCHIP_BIND_READ | DRM_SEEDCHIP_BIND_WRITE)
#define RX   (DRM_SEEDCHIP_BIND_MAP | DRM_SEEDCHIP_BIND_READ | DRM_SEEDCHIP_BIND_EXECUTE)
#define VA   0x10000000ULL
#define SIZE 0x1000ULL
#define CODE_VA (VA + 2 * SIZE)
#define FENCE_LIMIT "/sys/module/seedchip/parameters/fence_limit_ms"

/* docs/driver.md, "Kernel messages" */
#define FAULT_LINE                                                                          \
	"fault: code=([0-9]+) status=([0-9]+) queue=([0-9]+) context=([0-9]+) "             \
	"core=([0-9]+) engine=([0-9]+) index=([0-9]+) va=(0x[0-9a-f]+) pc=(0x[0-9a-f]+) "   \
	"generation=([0-9]+)"

struct word_args {
	uint64_t out;
	uint64_t a;
	uint64_t b;
};

static int fd, uevents = -1;
static struct drm_seedchip_queue_create queue;
static uint32_t bo;
static volatile uint64_t *map;

static const char *const counters[] = { "faults", "timeouts", "queue_resets", "context_resets",
					"device_resets", "pci_resets" };
#define COUNTERS (sizeof(counters) / sizeof(counters[0]))
static long long before[COUNTERS];

static void count(void)
{
	unsigned int i;

	for (i = 0; i < COUNTERS; i++)
		before[i] = card_counter(counters[i]);
	CHECK(before[0] >= 0);
}

/* By how much each counter has risen since count(), in the order of the list above. */
static void counted(long long faults, long long timeouts, long long queues, long long contexts,
		    long long devices, long long pci)
{
	const long long want[COUNTERS] = { faults, timeouts, queues, contexts, devices, pci };
	unsigned int i;

	for (i = 0; i < COUNTERS; i++)
		if (card_counter(counters[i]) - before[i] != want[i])
			tap_fail("%s rose by %lld, not %lld", counters[i],
				 card_counter(counters[i]) - before[i], want[i]);
}

static void open_card(void)
{
	fd = card_open(0);
	if (fd < 0 || card_bo(fd, SIZE, DRM_SEEDCHIP_BO_SYSTEM, &bo) || card_queue(fd, &queue) ||
	    card_bind(fd, RW, bo, 0, VA, SIZE)) {
		printf("Bail out! no card, buffer or queue\n");
		exit(EXIT_FAILURE);
	}
	map = card_map(fd, bo, SIZE);
}

/* A runtime's queue with a kernel that never ends; the fault that stopped it. */
static struct seedchip_fault hang(unsigned int times)
{
	struct seedchip_queue_desc desc = { .size = sizeof(desc), .timeout_ms = 100 };
	struct seedchip_dim dim = { .x = 1, .y = 1, .z = 1 };
	struct seedchip_fault fault = { .size = sizeof(fault) };
	struct word_args args = { 0 };
	struct seedchip_kernel *kernel;
	struct seedchip_module *module;
	struct seedchip_device *dev;
	struct seedchip_queue *q;
	struct seedchip_event event;

	CHECK_EQ(seedchip_device_open(0, &dev), 0);
	CHECK_EQ(seedchip_module_load_file(dev, "/usr/lib/seedchip/kernels.elf", &module), 0);
	CHECK_EQ(seedchip_module_kernel(module, "endless", &kernel), 0);
	CHECK_EQ(seedchip_queue_create(dev, &desc, &q), 0);
	while (times--) {
		CHECK_EQ(seedchip_launch(q, kernel, &dim, &args, sizeof(args)), 0);
		event = seedchip_queue_mark(q);
		CHECK_EQ(seedchip_event_wait(event, 120000000000), -EIO);
		CHECK_EQ(seedchip_event_fault(event, &fault), 0);
		CHECK_EQ(seedchip_queue_recover(q), 0);
	}
	seedchip_queue_destroy(q);
	seedchip_module_unload(module);
	seedchip_device_close(dev);
	return fault;
}

static void card_works(void)
{
	struct sc_packet packet = card_word(SC_OP_SIGNAL, VA, 77);

	map[0] = 0;
	CHECK_EQ(card_run(fd, queue.queue, &packet, 1), 0);
	CHECK_EQ(map[0], 77);
}

/* Work of ours that is pending while something happens to the card; its syncobj. */
static uint32_t pending(void)
{
	struct drm_seedchip_sync out = { .flags = DRM_SEEDCHIP_SYNC_SIGNAL };
	struct sc_packet wait = card_word(SC_OP_WAIT, VA + 8, 1);

	map[1] = 0;
	out.handle = card_syncobj(fd);
	CHECK_EQ(card_submit(fd, queue.queue, &wait, 1, &out, 1, NULL), 0);
	return out.handle;
}

static void ended(uint32_t syncobj, int status)
{
	CHECK_EQ(card_wait(fd, syncobj, 0, 60000), 0);
	CHECK_EQ(card_fence_status(fd, syncobj), status);
	drmSyncobjDestroy(fd, syncobj);
}

static void listen_to_uevents(void)
{
	struct sockaddr_nl address = { .nl_family = AF_NETLINK, .nl_groups = 1 };

	uevents = socket(AF_NETLINK, SOCK_DGRAM | SOCK_CLOEXEC, NETLINK_KOBJECT_UEVENT);
	CHECK(uevents >= 0);
	CHECK_EQ(bind(uevents, (struct sockaddr *)&address, sizeof(address)), 0);
}

/* The next uevent of the accel device that says WEDGED=. */
static void wedged_event(const char *how)
{
	struct pollfd p = { .fd = uevents, .events = POLLIN };
	char buf[4096], *word;
	ssize_t len;

	while (poll(&p, 1, 20000) > 0) {
		bool accel = false;
		const char *wedged = NULL;

		len = recv(uevents, buf, sizeof(buf) - 1, 0);
		CHECK(len > 0);
		buf[len] = '\0';
		for (word = buf; word < buf + len; word += strlen(word) + 1) {
			accel |= !strcmp(word, "SUBSYSTEM=accel");
			if (!strncmp(word, "WEDGED=", 7))
				wedged = word + 7;
		}
		if (!wedged)
			continue;
		CHECK(accel);
		if (strcmp(wedged, how))
			tap_fail("WEDGED=%s, not %s", wedged, how);
		return;
	}
	tap_fail("no uevent with WEDGED=");
}

static uint32_t generation(void)
{
	struct drm_seedchip_info info;

	CHECK_EQ(card_info(fd, &info), 0);
	return info.generation;
}

static void reset_device(void)
{
	char path[128];

	snprintf(path, sizeof(path), "/sys/kernel/debug/accel/%s/reset", card_address());
	CHECK_EQ(card_write(path, "1"), 0);
}

static void hung(void)
{
	uint32_t old = generation(), work = pending();
	unsigned int rounds = card_rounds(10, 200);

	count();
	CHECK_EQ(hang(rounds).code, SC_CODE_JOB_TIMEOUT);
	counted(0, rounds, rounds, 0, 0, 0);
	CHECK_EQ(generation(), old);
	map[1] = 1;
	ended(work, 1);
	CHECK(neighbour_stop());
}

/* Waiting for memory is allowed for longer than the timeout, but not for ever. */
static void unsatisfied_wait(void)
{
	struct drm_seedchip_queue_create q = { .priority = 1, .ring_log2 = 6, .timeout_ms = 400 };
	struct drm_seedchip_sync out = { .flags = DRM_SEEDCHIP_SYNC_SIGNAL };
	struct sc_packet wait = card_word(SC_OP_WAIT, VA + 16, 5);
	struct sc_fault fault;

	CHECK_EQ(card_ioctl(fd, DRM_IOCTL_SEEDCHIP_QUEUE_CREATE, &q), 0);
	map[2] = 4;
	wait.tag = 0x717;
	count();
	out.handle = card_syncobj(fd);
	CHECK_EQ(card_submit(fd, q.queue, &wait, 1, &out, 1, NULL), 0);
	CHECK_EQ(card_wait(fd, out.handle, 0, 900), -ETIME);
	counted(0, 0, 0, 0, 0, 0);
	CHECK_EQ(card_wait(fd, out.handle, 0, 60000), 0);
	CHECK_EQ(card_fence_status(fd, out.handle), -ETIME);
	CHECK_EQ(card_fault(fd, q.queue, &fault), 0);
	CHECK_EQ(fault.status, SC_STATUS_TIMEOUT);
	CHECK_EQ(fault.code, SC_CODE_WAIT_TIMEOUT);
	CHECK_EQ(fault.va, VA + 16);
	CHECK_EQ(fault.value, 5);
	CHECK_EQ(fault.tag, 0x717);
	counted(0, 1, 1, 0, 0, 0);
	drmSyncobjDestroy(fd, out.handle);
	CHECK_EQ(card_queue_destroy(fd, q.queue), 0);
	card_works();
}

/* A queue whose jobs with fences have a second each, and some time without progress. */
static uint32_t limited_queue(void)
{
	struct drm_seedchip_queue_create q = { .priority = 1, .ring_log2 = 6, .timeout_ms = 60000 };

	CHECK_EQ(card_write(FENCE_LIMIT, "0"), -EINVAL);
	CHECK_EQ(card_write(FENCE_LIMIT, "1000"), 0);
	CHECK_EQ(card_ioctl(fd, DRM_IOCTL_SEEDCHIP_QUEUE_CREATE, &q), 0);
	CHECK_EQ(card_write(FENCE_LIMIT, "600000"), 0);
	return q.queue;
}

/* More workgroups than anybody waits for, each of them progress. */
static struct sc_packet busy(void)
{
	struct sc_pkt_dispatch dispatch = {
		.hdr = SC_HDR(SC_OP_DISPATCH, SC_FLAG_CODE_CHANGED, 0), .entry = CODE_VA + SIZE / 2,
		.grid_x = 65535, .grid_y = 65535, .grid_z = 1, .stack_size = 4096,
	};
	struct sc_packet packet;

	map[SIZE / 16] = 0x00008067; /* ret */
	CHECK_EQ(card_bind(fd, RX, bo, 0, CODE_VA, SIZE), 0);
	memcpy(&packet, &dispatch, sizeof(packet));
	return packet;
}

/* Work ends that others wait for, whatever progress it makes; the rest may go on. */
static void endless_progress(void)
{
	struct drm_seedchip_sync out = { .flags = DRM_SEEDCHIP_SYNC_SIGNAL };
	struct sc_packet packet = busy(), nop = card_nop();
	uint32_t q = limited_queue();
	struct sc_fault fault;

	count();
	CHECK_EQ(card_submit(fd, q, &packet, 1, NULL, 0, NULL), 0);
	usleep(3000000);
	counted(0, 0, 0, 0, 0, 0);
	/* behind it */
	out.handle = card_syncobj(fd);
	CHECK_EQ(card_submit(fd, q, &nop, 1, &out, 1, NULL), 0);
	ended(out.handle, -ECANCELED);
	CHECK_EQ(card_fault(fd, q, &fault), 0);
	CHECK_EQ(fault.code, SC_CODE_JOB_TIMEOUT);
	CHECK_EQ(card_recover(fd, q), 0);
	/* its own */
	out.handle = card_syncobj(fd);
	CHECK_EQ(card_submit(fd, q, &packet, 1, &out, 1, NULL), 0);
	ended(out.handle, -ETIME);
	counted(0, 2, 2, 0, 0, 0);
	CHECK_EQ(card_queue_destroy(fd, q), 0);
	card_works();
}

/* The time that a job waits for others is theirs. */
static void waits_for_others(void)
{
	struct drm_seedchip_sync syncs[2] = {
		{ .flags = DRM_SEEDCHIP_SYNC_WAIT, .handle = pending() },
		{ .flags = DRM_SEEDCHIP_SYNC_SIGNAL, .handle = card_syncobj(fd) },
	};
	uint32_t q = limited_queue();
	struct sc_packet nop = card_nop();

	count();
	CHECK_EQ(card_submit(fd, q, &nop, 1, syncs, 2, NULL), 0);
	CHECK_EQ(card_wait(fd, syncs[1].handle, 0, 3000), -ETIME);
	map[1] = 1;
	ended(syncs[1].handle, 1);
	ended(syncs[0].handle, 1);
	counted(0, 0, 0, 0, 0, 0);
	CHECK_EQ(card_queue_destroy(fd, q), 0);
}

/* The queue does not stop: its context is reset, ours is not. */
static void context_level(void)
{
	uint32_t old = generation(), work = pending();

	count();
	CHECK_EQ(card_inject("stuck-resets", 1), 0);
	CHECK_EQ(hang(1).status, SC_STATUS_TIMEOUT);
	counted(0, 1, 1, 1, 0, 0);
	CHECK_EQ(generation(), old);
	map[1] = 1;
	ended(work, 1);
	card_works();
}

/* Nor does the context: the card is reset, and we are bystanders. */
static void device_level(void)
{
	uint32_t old = generation(), work = pending();
	struct sc_fault fault;

	count();
	map[3] = 33;
	CHECK_EQ(card_inject("stuck-resets", 2), 0);
	CHECK_EQ(hang(1).status, SC_STATUS_TIMEOUT);
	counted(0, 1, 1, 1, 1, 0);
	wedged_event("none");
	ended(work, -ERESTART);
	CHECK_EQ(generation(), old + 1);
	CHECK_EQ(card_fault(fd, queue.queue, &fault), 0);
	CHECK_EQ(fault.status, SC_STATUS_BYSTANDER);
	CHECK_EQ(fault.code, SC_CODE_DEVICE_RESET);
	CHECK_EQ(card_recover(fd, queue.queue), 0);
	CHECK_EQ(map[3], 33);
	card_works();
}

/* A queue whose owner lets go cannot be disabled, and may still reach what it had. */
static void stuck_disable(void)
{
	struct drm_seedchip_queue_create other;
	uint32_t old = generation(), work = pending();

	count();
	CHECK_EQ(card_queue(fd, &other), 0);
	CHECK_EQ(card_inject("stuck-disables", 1), 0);
	CHECK_EQ(card_queue_destroy(fd, other.queue), 0);
	wedged_event("none");
	ended(work, -ERESTART);
	counted(0, 0, 0, 0, 1, 0);
	CHECK_EQ(generation(), old + 1);
	CHECK_EQ(card_recover(fd, queue.queue), 0);
	card_works();
}

/* The last line of the kernel's log that the documented expression matches. */
static void fault_line(int code, int status, int number)
{
	static char log[1 << 18];
	regmatch_t m[11];
	regex_t regex;
	int len = klogctl(3 /* SYSLOG_ACTION_READ_ALL */, log, sizeof(log) - 1);
	const char *at = log, *found = NULL;

	CHECK(len > 0);
	log[len] = '\0';
	CHECK_EQ(regcomp(&regex, FAULT_LINE, REG_EXTENDED | REG_NEWLINE), 0);
	while (!regexec(&regex, at, 11, m, 0)) {
		found = at;
		at += m[0].rm_eo;
	}
	CHECK(found);
	CHECK_EQ(regexec(&regex, found, 11, m, 0), 0);
	CHECK_EQ(atoi(found + m[1].rm_so), code);
	CHECK_EQ(atoi(found + m[2].rm_so), status);
	CHECK_EQ(atoi(found + m[3].rm_so), number);
	regfree(&regex);
}

/* The card's own fault of a program's queue, and of the driver's. */
static void internal_error(void)
{
	struct sc_packet nop = card_nop();
	uint32_t handle;

	count();
	CHECK_EQ(card_inject("internal", queue.hw_queue), 0);
	CHECK_EQ(card_run(fd, queue.queue, &nop, 1), -EREMOTEIO);
	counted(1, 0, 1, 0, 0, 0);
	fault_line(SC_CODE_INTERNAL, SC_STATUS_DEVICE, queue.hw_queue);
	CHECK_EQ(card_recover(fd, queue.queue), 0);

	/* The driver clears the memory of a buffer that goes. */
	CHECK_EQ(card_bo(fd, SIZE, DRM_SEEDCHIP_BO_CARD, &handle), 0);
	CHECK_EQ(card_inject("internal", 0), 0);
	CHECK_EQ(card_bo_close(fd, handle), 0);
	wedged_event("none");
	counted(2, 0, 2, 0, 1, 0);
	fault_line(SC_CODE_INTERNAL, SC_STATUS_DEVICE, 0);
	CHECK_EQ(card_recover(fd, queue.queue), 0);
	card_works();
}

/* A failure of which the card says what cannot be, that nothing has failed for one, is its own. */
static void false_status(void)
{
	static const unsigned int statuses[] = { SC_STATUS_OK, 200 };
	struct sc_packet bad = card_fill(0x7000000000, 0, 8);
	struct sc_fault fault;

	for (unsigned int i = 0; i < sizeof(statuses) / sizeof(statuses[0]); i++) {
		count();
		CHECK_EQ(card_inject("event-status", statuses[i]), 0);
		CHECK_EQ(card_run(fd, queue.queue, &bad, 1), -EREMOTEIO);
		counted(1, 0, 1, 0, 0, 0);
		CHECK_EQ(card_fault(fd, queue.queue, &fault), 0);
		CHECK_EQ(fault.status, SC_STATUS_DEVICE);
		fault_line(SC_CODE_UNMAPPED, SC_STATUS_DEVICE, queue.hw_queue);
		CHECK_EQ(card_recover(fd, queue.queue), 0);
	}
	card_works();
}

/*
 * The card fails while it clears memory for a new buffer: it is reset, and does it again. The
 * memory that the last test has left as it was is in the buffer, since that has all there is.
 */
static void clearing(void)
{
	uint32_t handle, work = pending();

	count();
	CHECK_EQ(card_inject("internal", 0), 0);
	CHECK_EQ(card_bo(fd, card_free_memory(), DRM_SEEDCHIP_BO_CARD, &handle), 0);
	counted(1, 0, 1, 0, 1, 0);
	wedged_event("none");
	ended(work, -ERESTART);
	CHECK_EQ(card_bo_close(fd, handle), 0);
	CHECK_EQ(card_recover(fd, queue.queue), 0);
	card_works();
}

/* The card's own reset fails; a reset of the PCI function helps. Calls wait for it. */
static void function_reset(void)
{
	uint32_t old = generation(), work = pending();
	int other;

	count();
	CHECK_EQ(card_inject("failed-resets", 1), 0);
	reset_device();
	other = card_open(0);
	CHECK(other >= 0);
	close(other);
	wedged_event("none");
	ended(work, -ERESTART);
	counted(0, 0, 0, 0, 1, 0);
	CHECK_EQ(generation(), old + 2);
	CHECK_EQ(card_recover(fd, queue.queue), 0);
	card_works();
}

static void device_resets(void)
{
	unsigned int i, rounds = card_rounds(10, 200);

	count();
	for (i = 0; i < rounds; i++) {
		uint32_t work = pending();

		reset_device();
		wedged_event("none");
		ended(work, -ERESTART);
		CHECK_EQ(card_recover(fd, queue.queue), 0);
		card_works();
	}
	counted(0, 0, 0, 0, rounds, 0);
}

/* Nothing helps: everybody is told, and binding the driver anew brings the card back. */
static void wedged(void)
{
	struct pollfd p = { .fd = -1, .events = POLLIN };
	struct drm_seedchip_event_fault event;
	struct drm_seedchip_info info;
	struct sc_packet nop = card_nop();
	uint32_t work = pending();
	char address[64];

	snprintf(address, sizeof(address), "%s", card_address());
	CHECK_EQ(card_inject("failed-resets", 2), 0);
	reset_device();
	wedged_event("rebind,bus-reset");
	ended(work, -ERESTART);
	CHECK_EQ(card_counter("wedged"), 1);
	CHECK_EQ(card_info(fd, &info), -ENODEV);
	CHECK_EQ(card_submit(fd, queue.queue, &nop, 1, NULL, 0, NULL), -ENODEV);
	CHECK_EQ(card_open(0), -ENODEV);
	do {
		p.fd = fd;
		CHECK_EQ(poll(&p, 1, 20000), 1);
	} while (p.revents & POLLIN && read(fd, &event, sizeof(event)) == sizeof(event));
	CHECK_EQ(p.revents, POLLHUP);
	/* Or the old card would keep the name accel0. */
	munmap((void *)map, SIZE);
	close(fd);
	CHECK_EQ(card_write("/sys/bus/pci/drivers/seedchip/unbind", address), 0);
	CHECK_EQ(card_write("/sys/bus/pci/drivers/seedchip/bind", address), 0);
	open_card();
	CHECK_EQ(card_counter("wedged"), 0);
	card_works();
}

int main(void)
{
	static const struct tap_test tests[] = {
		{ "hangs of one process leave the others alone", hung },
		{ "a WAIT that nobody satisfies ends", unsatisfied_wait },
		{ "what others wait for ends, even if it makes progress", endless_progress },
		{ "a job may wait for others longer than it may take", waits_for_others },
		{ "a queue that does not stop: its context is reset", context_level },
		{ "a context that does not stop: the card is reset", device_level },
		{ "a queue that cannot be disabled: the card is reset", stuck_disable },
		{ "errors of the card itself are reported in a fixed form", internal_error },
		{ "a failure that the card denies is the card's", false_status },
		{ "memory is cleared again if a reset came between", clearing },
		{ "a reset that fails: the function is reset", function_reset },
		{ "device resets, one after the other", device_resets },
		{ "a card that cannot be reset is wedged until it is bound again", wedged },
	};

	neighbour_start();
	open_card();
	listen_to_uevents();
	return TAP_RUN(tests);
}
