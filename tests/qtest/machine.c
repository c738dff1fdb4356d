// SPDX-License-Identifier: MIT
/*
 * The client side of QEMU's qtest and QMP protocols, and a PCI bus walk by hand.
 *
 * Owns the QEMU processes: each dies with its machine, and with the test program.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/pci_regs.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include <cmocka.h>

#include "tests/qtest/machine.h"

#define PLUGIN	    "build/qemu-device/seedchip.so"
#define PATIENCE_MS 30000

#define ECAM	     0xb0000000ULL
#define PORT_DEV     4
#define CONTROL_ADDR 0xe0000000ULL
#define BELL_ADDR    0xe0200000ULL
#define CARD_ADDR    0x800000000ULL

static long now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

static void nap(void)
{
	usleep(500);
}

/* --- channels --- */

/* Whether QEMU is there to take it. */
static bool try_to_say(struct channel *c, const char *line)
{
	size_t len = strlen(line);

	while (len) {
		ssize_t n = send(c->fd, line, len, MSG_NOSIGNAL);

		if (n < 0)
			return false;
		line += n;
		len -= n;
	}
	return true;
}

static void say(struct machine *m, struct channel *c, const char *line)
{
	if (!try_to_say(c, line))
		fail_msg("QEMU does not listen: %s", machine_stderr(m));
}

/* The next line, without its end; NULL if none comes until @deadline or QEMU has gone. */
static char *hear(struct channel *c, char *line, size_t size, long deadline)
{
	for (;;) {
		char *end = memchr(c->buf, '\n', c->len);
		struct pollfd p = { .fd = c->fd, .events = POLLIN };
		ssize_t n;

		if (end) {
			size_t len = end - c->buf + 1;

			snprintf(line, size, "%.*s", (int)(len - 1), c->buf);
			c->len -= len;
			memmove(c->buf, end + 1, c->len);
			return line;
		}
		n = deadline - now_ms();
		if (n <= 0 || poll(&p, 1, n) <= 0)
			return NULL;
		n = recv(c->fd, c->buf + c->len, sizeof(c->buf) - c->len, 0);
		if (n <= 0)
			return NULL;
		c->len += n;
	}
}

/* One qtest command and its answer, without the OK. */
static const char *ask(struct machine *m, const char *format, ...)
	__attribute__((format(printf, 2, 3)));
static const char *ask(struct machine *m, const char *format, ...)
{
	static char line[1 << 16], command[1 << 16];
	va_list ap;

	va_start(ap, format);
	vsnprintf(command, sizeof(command), format, ap);
	va_end(ap);
	say(m, &m->qtest, command);
	if (!hear(&m->qtest, line, sizeof(line), now_ms() + PATIENCE_MS))
		fail_msg("no answer to %.60s: %s", command, machine_stderr(m));
	if (strncmp(line, "OK", 2))
		fail_msg("%.60s: %s", command, line);
	return line + 2;
}

/* --- processes --- */

bool machine_available(void)
{
	const char *build = getenv("BUILD");

	if (!build || !strcmp(build, "build"))
		return true;
	puts("the card is only built without sanitizers");
	return false;
}

/* A processor that halts at once, whatever the machine. */
static int halting_bios(void)
{
	static char code[65536];
	int fd = memfd_create("bios", 0);

	memset(code, 0xf4, sizeof(code));
	if (fd < 0 || write(fd, code, sizeof(code)) != sizeof(code))
		fail_msg("no memory file: %s", strerror(errno));
	return fd;
}

static int split(char *text, char **argv, int n, int max)
{
	for (char *word = strtok(text, " "); word && n < max - 1; word = strtok(NULL, " "))
		argv[n++] = word;
	argv[n] = NULL;
	return n;
}

static struct machine *spawn(const char *format, ...)
{
	struct machine *m = calloc(1, sizeof(*m));
	int qtest[2], monitor[2], bios = halting_bios();
	char text[4096], *argv[128];
	va_list ap;
	int len;

	if (!m || socketpair(AF_UNIX, SOCK_STREAM, 0, qtest) ||
	    socketpair(AF_UNIX, SOCK_STREAM, 0, monitor))
		fail_msg("no sockets");
	fcntl(qtest[0], F_SETFD, FD_CLOEXEC);
	fcntl(monitor[0], F_SETFD, FD_CLOEXEC);
	len = snprintf(text, sizeof(text),
		       "qemu-system-x86_64 -accel tcg -nodefaults -display none -no-user-config "
		       "-bios /proc/self/fd/%d -chardev socket,fd=%d,id=qtest -qtest chardev:qtest "
		       "-qtest-log none -chardev socket,fd=%d,id=qmp -mon chardev=qmp,mode=control "
		       "-plugin " PLUGIN " ",
		       bios, qtest[1], monitor[1]);
	va_start(ap, format);
	vsnprintf(text + len, sizeof(text) - len, format, ap);
	va_end(ap);
	split(text, argv, 0, 128);
	m->err = memfd_create("stderr", MFD_CLOEXEC);
	m->qtest.fd = qtest[0];
	m->qmp.fd = monitor[0];
	m->pid = fork();
	if (!m->pid) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		dup2(m->err, 2);
		execvp(argv[0], argv);
		_exit(127);
	}
	close(bios);
	close(qtest[1]);
	close(monitor[1]);
	return m;
}

static void reap(struct machine *m)
{
	int status;

	waitpid(m->pid, &status, 0);
	close(m->qtest.fd);
	close(m->qmp.fd);
}

void io_write(struct machine *m, int port, uint32_t value, int size)
{
	ask(m, "out%c 0x%x 0x%x\n", size == 4 ? 'l' : size == 2 ? 'w' : 'b', port, value);
}

/* PCIEXBAR of the host bridge, by the old configuration ports */
void machine_ecam(struct machine *m)
{
	io_write(m, 0xcf8, 0x80000060, 4);
	io_write(m, 0xcfc, ECAM | 1, 4);
}

static struct machine *spawn_bare(const char *args)
{
	/* bridge hot-plug of ACPI would take over bus resets and surprise removal */
	return spawn("-M q35 -m 64 -global ICH9-LPC.acpi-pci-hotplug-with-bridge-support=off "
		     "-device pcie-root-port,id=port0,addr=%d,chassis=1,slot=1 %s",
		     PORT_DEV, args);
}

struct machine *machine_start_bare(const char *args)
{
	struct machine *m = spawn_bare(args);

	qmp_ok(m, "{\"execute\":\"qmp_capabilities\"}");
	machine_ecam(m);
	return m;
}

struct machine *machine_start(const char *props)
{
	char args[1024];

	snprintf(args, sizeof(args), "-device seedchip,id=card0,bus=port0,vram=64M%s%s",
		 *props ? "," : "", props);
	return machine_start_bare(args);
}

void machine_stop(struct machine *m)
{
	long deadline = now_ms() + PATIENCE_MS;

	say(m, &m->qmp, "{\"execute\":\"quit\"}\n");
	while (waitpid(m->pid, NULL, WNOHANG) == 0) {
		if (now_ms() > deadline) {
			kill(m->pid, SIGKILL);
			reap(m);
			fail_msg("QEMU does not quit");
		}
		nap();
	}
	close(m->qtest.fd);
	close(m->qmp.fd);
	close(m->err);
	free(m);
}

const char *machine_stderr(struct machine *m)
{
	static char text[8192];
	ssize_t n = pread(m->err, text, sizeof(text) - 1, 0);

	text[n > 0 ? n : 0] = 0;
	return text;
}

const char *machine_refusal(const char *args)
{
	struct machine *m = spawn("-M q35 -m 64 -device pcie-root-port,id=port0 %s", args);
	char line[1024];
	const char *text;

	/* One that refuses may greet before it goes; one that does not has to be told to go. */
	if (hear(&m->qmp, line, sizeof(line), now_ms() + PATIENCE_MS) &&
	    try_to_say(&m->qmp, "{\"execute\":\"qmp_capabilities\"}\n"))
		try_to_say(&m->qmp, "{\"execute\":\"quit\"}\n");
	reap(m);
	text = machine_stderr(m);
	close(m->err);
	free(m);
	return text;
}

const char *machine_end(const char *args)
{
	struct machine *m = spawn_bare(args);
	long deadline = now_ms() + PATIENCE_MS;
	const char *text;

	while (waitpid(m->pid, NULL, WNOHANG) == 0) {
		if (now_ms() > deadline) {
			kill(m->pid, SIGKILL);
			reap(m);
			fail_msg("QEMU goes on: %s", machine_stderr(m));
		}
		nap();
	}
	text = machine_stderr(m);
	close(m->qtest.fd);
	close(m->qmp.fd);
	close(m->err);
	free(m);
	return text;
}

/* --- memory and configuration space --- */

static char suffix(int size)
{
	return size == 8 ? 'q' : size == 4 ? 'l' : size == 2 ? 'w' : 'b';
}

uint64_t mem_read(struct machine *m, uint64_t addr, int size)
{
	return strtoull(ask(m, "read%c 0x%" PRIx64 "\n", suffix(size), addr), NULL, 0);
}

void mem_write(struct machine *m, uint64_t addr, uint64_t value, int size)
{
	ask(m, "write%c 0x%" PRIx64 " 0x%" PRIx64 "\n", suffix(size), addr, value);
}

void mem_get(struct machine *m, uint64_t addr, void *buf, size_t len)
{
	const char *hex = ask(m, "read 0x%" PRIx64 " 0x%zx\n", addr, len);

	hex += strlen(" 0x");
	for (size_t i = 0; i < len; i++) {
		const char byte[] = { hex[2 * i], hex[2 * i + 1], 0 };

		((uint8_t *)buf)[i] = strtoul(byte, NULL, 16);
	}
}

void mem_put(struct machine *m, uint64_t addr, const void *buf, size_t len)
{
	char hex[2 * 4096 + 1];

	assert_true(len <= 4096);
	for (size_t i = 0; i < len; i++)
		sprintf(hex + 2 * i, "%02x", ((const unsigned char *)buf)[i]);
	ask(m, "write 0x%" PRIx64 " 0x%zx 0x%s\n", addr, len, hex);
}

bool mem_wait(struct machine *m, uint64_t addr, uint64_t value, int size)
{
	for (long end = now_ms() + PATIENCE_MS; now_ms() < end; nap())
		if (mem_read(m, addr, size) == value)
			return true;
	return false;
}

static uint64_t ecam(int bus, int dev, int reg)
{
	return ECAM + (bus << 20) + (dev << 15) + reg;
}

uint32_t cfg_read(struct machine *m, int bus, int dev, int reg, int size)
{
	return mem_read(m, ecam(bus, dev, reg), size);
}

void cfg_write(struct machine *m, int bus, int dev, int reg, uint32_t value, int size)
{
	mem_write(m, ecam(bus, dev, reg), value, size);
}

int cfg_find(struct machine *m, int bus, int dev, int id, bool extended)
{
	int pos = extended ? 0x100 : cfg_read(m, bus, dev, PCI_CAPABILITY_LIST, 1);

	while (pos) {
		uint32_t head = cfg_read(m, bus, dev, pos, 4);

		if ((int)(extended ? PCI_EXT_CAP_ID(head) : (head & 0xff)) == id)
			return pos;
		pos = extended ? PCI_EXT_CAP_NEXT(head) : (head >> 8) & 0xff;
	}
	return 0;
}

/* --- the card --- */

uint32_t card_cfg(struct machine *m, int reg, int size)
{
	return cfg_read(m, 1, 0, reg, size);
}

void card_cfg_write(struct machine *m, int reg, uint32_t value, int size)
{
	cfg_write(m, 1, 0, reg, value, size);
}

static void set_bar(struct machine *m, int bar, uint64_t addr)
{
	card_cfg_write(m, PCI_BASE_ADDRESS_0 + 4 * bar, addr, 4);
	card_cfg_write(m, PCI_BASE_ADDRESS_0 + 4 * bar + 4, addr >> 32, 4);
}

void card_map(struct machine *m)
{
	/* root port: bus 1, a window for each kind of BAR */
	cfg_write(m, 0, PORT_DEV, PCI_PRIMARY_BUS, 0x00010100, 4);
	cfg_write(m, 0, PORT_DEV, PCI_MEMORY_BASE, 0xe7f0e000, 4);
	cfg_write(m, 0, PORT_DEV, PCI_PREF_MEMORY_BASE, 0xfff10001, 4);
	cfg_write(m, 0, PORT_DEV, PCI_PREF_BASE_UPPER32, CARD_ADDR >> 32, 4);
	cfg_write(m, 0, PORT_DEV, PCI_PREF_LIMIT_UPPER32, CARD_ADDR >> 32, 4);
	cfg_write(m, 0, PORT_DEV, PCI_COMMAND, PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER, 2);

	m->control = CONTROL_ADDR;
	m->doorbells = BELL_ADDR;
	m->card = CARD_ADDR;
	set_bar(m, SC_BAR_CONTROL, m->control);
	set_bar(m, SC_BAR_DOORBELL, m->doorbells);
	set_bar(m, SC_BAR_CARD, m->card);
	card_cfg_write(m, PCI_COMMAND, PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER, 2);
}

uint64_t reg_read(struct machine *m, uint64_t reg, int size)
{
	return mem_read(m, m->control + reg, size);
}

void reg_write(struct machine *m, uint64_t reg, uint64_t value, int size)
{
	mem_write(m, m->control + reg, value, size);
}

bool reg_wait(struct machine *m, uint64_t reg, uint32_t mask, uint32_t value)
{
	for (long end = now_ms() + PATIENCE_MS; now_ms() < end; nap())
		if ((reg_read(m, reg, 4) & mask) == value)
			return true;
	return false;
}

void card_msix(struct machine *m, uint64_t addr)
{
	int cap = cfg_find(m, 1, 0, PCI_CAP_ID_MSIX, false);
	int n = (card_cfg(m, cap + PCI_MSIX_FLAGS, 2) & PCI_MSIX_FLAGS_QSIZE) + 1;

	card_cfg_write(m, cap + PCI_MSIX_FLAGS, PCI_MSIX_FLAGS_ENABLE, 2);
	for (int i = 0; i < n; i++) {
		uint64_t entry = SC_MSIX_TABLE + i * PCI_MSIX_ENTRY_SIZE;

		reg_write(m, entry + PCI_MSIX_ENTRY_LOWER_ADDR, addr + 4 * i, 4);
		reg_write(m, entry + PCI_MSIX_ENTRY_UPPER_ADDR, (addr + 4 * i) >> 32, 4);
		reg_write(m, entry + PCI_MSIX_ENTRY_DATA, i + 1, 4);
		reg_write(m, entry + PCI_MSIX_ENTRY_VECTOR_CTRL, 0, 4);
	}
}

/* --- QMP --- */

static void keep_event(struct machine *m, const char *line)
{
	size_t len = strlen(line);

	if (m->events_len + len < sizeof(m->events)) {
		memcpy(m->events + m->events_len, line, len + 1);
		m->events_len += len;
	}
}

static const char *qmp_send(struct machine *m, const char *format, va_list ap)
{
	static char line[1 << 16];
	char command[4096];

	vsnprintf(command, sizeof(command) - 1, format, ap);
	strcat(command, "\n");
	say(m, &m->qmp, command);
	for (;;) {
		if (!hear(&m->qmp, line, sizeof(line), now_ms() + PATIENCE_MS))
			fail_msg("no answer to %.200s: %s", command, machine_stderr(m));
		if (strstr(line, "\"return\"") || strstr(line, "\"error\""))
			return line;
		keep_event(m, line);
	}
}

const char *qmp(struct machine *m, const char *format, ...)
{
	const char *line;
	va_list ap;

	va_start(ap, format);
	line = qmp_send(m, format, ap);
	va_end(ap);
	return line;
}

const char *qmp_ok(struct machine *m, const char *format, ...)
{
	const char *line;
	va_list ap;

	va_start(ap, format);
	line = qmp_send(m, format, ap);
	va_end(ap);
	if (!strstr(line, "\"return\""))
		fail_msg("%s: %s%s", format, line, machine_stderr(m));
	return line;
}

const char *hmp(struct machine *m, const char *line)
{
	return qmp_ok(m, "{\"execute\":\"human-monitor-command\","
			 "\"arguments\":{\"command-line\":\"%s\"}}", line);
}

bool qmp_event(struct machine *m, const char *name)
{
	long end = now_ms() + PATIENCE_MS;
	char line[1 << 14];

	while (!strstr(m->events, name)) {
		if (!hear(&m->qmp, line, sizeof(line), end))
			return false;
		keep_event(m, line);
	}
	return true;
}
