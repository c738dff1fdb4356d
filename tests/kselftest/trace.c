// SPDX-License-Identifier: MIT
/* Tracepoints, and the files of debugfs: what they say, and that they survive the card. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>
#include <xf86drm.h>

#include "card.h"
#include "tap.h"

#define RW   (DRM_SEEDCHIP_BIND_MAP | DRM_SEEDCHIP_BIND_READ | DRM_SEEDCHIP_BIND_WRITE)
#define VA   0x10000000ULL
#define SIZE 0x1000ULL
#define TRACING "/sys/kernel/tracing/"

static int fd;
static struct drm_seedchip_queue_create queue;
static uint32_t bo;
static volatile uint64_t *map;
static char text[1 << 16];

static void setup(void)
{
	fd = card_open(0);
	if (fd < 0 || card_bo(fd, SIZE, DRM_SEEDCHIP_BO_SYSTEM, &bo) || card_queue(fd, &queue) ||
	    card_bind(fd, RW, bo, 0, VA, SIZE)) {
		printf("Bail out! no card, buffer or queue\n");
		exit(EXIT_FAILURE);
	}
	map = card_map(fd, bo, SIZE);
}

static const char *read_text(const char *path)
{
	size_t len = 0;
	ssize_t n = 0;
	int file = open(path, O_RDONLY | O_CLOEXEC);

	CHECK(file >= 0);
	while (len < sizeof(text) - 1 && (n = read(file, text + len, sizeof(text) - 1 - len)) > 0)
		len += n;
	close(file);
	CHECK(n >= 0);
	text[len] = '\0';
	return text;
}

static const char *debugfs(const char *name)
{
	char path[128];

	snprintf(path, sizeof(path), "/sys/kernel/debug/accel/%s/%s", card_address(), name);
	return read_text(path);
}

__attribute__((format(printf, 1, 2))) static void says(const char *format, ...)
{
	char want[256];
	va_list args;

	va_start(args, format);
	vsnprintf(want, sizeof(want), format, args);
	va_end(args);
	if (!strstr(text, want))
		tap_fail("\"%s\" is not in:\n%s", want, text);
}

static void trace(const char *switched)
{
	CHECK_EQ(card_write(TRACING "events/seedchip/enable", switched), 0);
}

static void tracepoints(void)
{
	struct sc_packet bad = card_fill(0x7000000000, 0, 8), nop = card_nop();
	struct drm_seedchip_sync out = { DRM_SEEDCHIP_SYNC_SIGNAL, card_syncobj(fd), 0 };
	struct sc_fault fault;
	uint64_t start = 0;

	CHECK_EQ(card_write(TRACING "trace", ""), 0);
	trace("1");
	/* of packets without a fence nobody is told that they are complete */
	CHECK_EQ(card_submit(fd, queue.queue, &nop, 1, &out, 1, &start), 0);
	CHECK_EQ(card_wait(fd, out.handle, 0, 20000), 0);
	CHECK_EQ(card_bind(fd, RW, bo, 0, VA + SIZE, SIZE), 0);
	CHECK_EQ(card_run(fd, queue.queue, &bad, 1), -EFAULT);
	CHECK_EQ(card_fault(fd, queue.queue, &fault), 0);
	CHECK_EQ(card_recover(fd, queue.queue), 0);
	trace("0");
	read_text(TRACING "trace");
	says("seedchip_submit: card=%s queue=%u start=%llu end=%llu deps=0 gated=0",
	     card_address(), queue.hw_queue, (unsigned long long)start - 1,
	     (unsigned long long)start);
	says("seedchip_doorbell: card=%s queue=%u index=%llu", card_address(), queue.hw_queue,
	     (unsigned long long)start);
	says("seedchip_complete: card=%s queue=%u end=%llu error=0", card_address(),
	     queue.hw_queue, (unsigned long long)start);
	says("seedchip_bind: card=%s context=%u flags=%#x handle=%u offset=0x0 va=%#llx size=%#llx",
	     card_address(), fault.context, RW, bo, VA + SIZE, SIZE);
	says("seedchip_fault: card=%s queue=%u context=%u status=FAULT code=UNMAPPED core=65535 ",
	     card_address(), queue.hw_queue, fault.context);
	says("seedchip_reset: card=%s level=queue id=%u error=0", card_address(), queue.hw_queue);
	says("seedchip_complete: card=%s queue=%u end=%llu error=%d", card_address(),
	     queue.hw_queue, (unsigned long long)start + 1, -EFAULT);
}

static void files(void)
{
	struct sc_packet packets[2] = { card_word(SC_OP_WAIT, VA, 1), card_nop() };
	struct drm_seedchip_sync out = { .flags = DRM_SEEDCHIP_SYNC_SIGNAL };
	uint64_t end = 0;
	unsigned int i;

	packets[1].tag = 0x5a5;
	map[0] = 0;
	out.handle = card_syncobj(fd);
	CHECK_EQ(card_submit(fd, queue.queue, packets, 2, &out, 1, &end), 0);
	debugfs("rings");
	says("queue %u index %llu WAIT flags 0x0 tag 0x0 0000001000000000", queue.hw_queue,
	     (unsigned long long)end - 2);
	says("queue %u index %llu NOP flags 0x0 tag 0x5a5 ", queue.hw_queue,
	     (unsigned long long)end - 1);
	for (i = 0; i < 1000 && !strstr(debugfs("queues"), " WAITING "); i++)
		usleep(1000);
	says("handle %u priority 1 active WAITING ", queue.queue);
	says("retired %llu write %llu ", (unsigned long long)end - 2, (unsigned long long)end);
	says(" pending 1 gated 0 ");
	says("queue 0 context 0 handle 0 ");
	map[0] = 1;
	CHECK_EQ(card_wait(fd, out.handle, 0, 10000), 0);
	drmSyncobjDestroy(fd, out.handle);
	debugfs("registers");
	says("0x000 MAGIC %#x\n", SC_MAGIC);
	CHECK(!strstr(text, " RESET "));
	CHECK(!strstr(text, "GUEST_ICOUNT"));
	CHECK(card_counter("faults") >= 1);
}

/* Someone reads everything all the time while the card comes and goes. */
static void removal(void)
{
	static const char *const names[] = { "counters", "queues", "rings", "registers" };
	char address[64], path[128];
	unsigned int i;
	pid_t pid;

	snprintf(address, sizeof(address), "%s", card_address());
	munmap((void *)map, SIZE);
	close(fd);
	pid = fork();
	if (!pid) {
		for (i = 0;; i++) {
			int file;

			snprintf(path, sizeof(path), "/sys/kernel/debug/accel/%s/%s", address,
				 names[i % 4]);
			file = open(path, O_RDONLY);
			while (file >= 0 && read(file, text, sizeof(text)) > 0)
				;
			close(file);
		}
	}
	for (i = 0; i < 5; i++) {
		CHECK_EQ(card_write("/sys/bus/pci/drivers/seedchip/unbind", address), 0);
		CHECK_EQ(card_write("/sys/bus/pci/drivers/seedchip/bind", address), 0);
	}
	kill(pid, SIGKILL);
	CHECK_EQ(waitpid(pid, NULL, 0), pid);
	setup();
}

int main(void)
{
	static const struct tap_test tests[] = {
		{ "each tracepoint says what happens", tracepoints },
		{ "debugfs shows queues, rings and registers", files },
		{ "debugfs is read while the card comes and goes", removal },
	};

	setup();
	return TAP_RUN(tests);
}
