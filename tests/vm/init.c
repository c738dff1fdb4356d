// SPDX-License-Identifier: MIT
/*
 * init of the test VM: the only process that the guest kernel starts.
 *
 * It mounts the usual file systems, loads the modules that the initramfs brings, works off
 * the job list in /job and powers the machine off.  What the launcher on the host has to
 * know goes line by line to the result port, a virtio-serial port of its own, so that no
 * kernel message and no program output can be mistaken for it: control lines start with
 * "@@ ", everything else there is the output of the command between "begin" and "end".
 *
 * /job holds one job per line:
 *	shell				an interactive root shell on the console
 *	run SECONDS NAME COMMAND...	one command through sh, killed after SECONDS (up to four
 *					times as many on a host that is too busy for them)
 *
 * Invariant: every "begin" is followed by its "end", whatever the command does, unless the
 * kernel itself dies; the launcher then misses the closing "@@ done".  After an oops no further
 * job is run and the machine ends with "@@ died".
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

#define RESULT_PORT	"/dev/vport0p1"
#define LOG_WARNING	4		/* numerically larger levels are less severe */
#define OUTPUT_MAX	(4u << 20)	/* per command; a looping test must not fill the host */
#define BOOT_MS		4000		/* boot to driver loaded on an idle host, emulated */
#define PATIENCE_MAX	4
#define BLANKS		" \t\n\r"	/* between the words of the kernel command line */
#define POWER_OFF_S	15		/* the driver's part of it included */
#define TAINT_DIE	7		/* bit of /proc/sys/kernel/tainted: an oops has happened */
#define REAP_MS		5000		/* patience with a killed command stuck in the kernel */

static int result = -1;		/* the result port, or stderr until it is there */
static int kmsg = -1;		/* kernel messages; its position is the mark of the running job */
static bool line_open;		/* the command's output does not end with a newline so far */
static char cmdline[4096];
static long patience = 1;	/* factor on time limits: what a busy host made of the boot */

static long now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1000L + ts.tv_nsec / 1000000L;
}

static void write_all(int fd, const char *buf, size_t len)
{
	while (len) {
		ssize_t n = write(fd, buf, len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return;
		buf += n;
		len -= n;
	}
}

__attribute__((format(printf, 1, 2)))
static void report(const char *fmt, ...)
{
	char line[2048] = "\n@@ ";
	int start = line_open ? 0 : 1;
	va_list ap;
	size_t len;

	va_start(ap, fmt);
	vsnprintf(line + 4, sizeof(line) - 5, fmt, ap);
	va_end(ap);
	len = strlen(line);
	line[len++] = '\n';
	write_all(result, line + start, len - start);
	line_open = false;
}

static void mount_all(void)
{
	static const struct { const char *src, *dst, *type, *opts; } table[] = {
		{ "dev", "/dev", "devtmpfs", "" },
		{ "proc", "/proc", "proc", "" },
		{ "sys", "/sys", "sysfs", "" },
		{ "debugfs", "/sys/kernel/debug", "debugfs", "" },
		{ "tracefs", "/sys/kernel/tracing", "tracefs", "" },
		{ "devpts", "/dev/pts", "devpts", "gid=5,mode=620,ptmxmode=666" },
		{ "shm", "/dev/shm", "tmpfs", "" },
		{ "tmp", "/tmp", "tmpfs", "" },
		{ "run", "/run", "tmpfs", "" },
	};

	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		mkdir(table[i].dst, 0755);
		if (mount(table[i].src, table[i].dst, table[i].type, 0, table[i].opts))
			fprintf(stderr, "init: mount %s: %s\n", table[i].dst, strerror(errno));
	}
	chmod("/tmp", 01777);
}

/* The part of the kernel command line behind KEY=, up to the next space; NULL if absent. */
static const char *option(const char *key, char *buf, size_t size)
{
	size_t klen = strlen(key);

	for (const char *p = cmdline; *p; p += strspn(p, BLANKS)) {
		size_t len = strcspn(p, BLANKS);

		if (len > klen && !strncmp(p, key, klen) && p[klen] == '=') {
			snprintf(buf, size, "%.*s", (int)(len - klen - 1), p + klen + 1);
			return buf;
		}
		p += len;
	}
	return NULL;
}

/* Module parameters come as "module.name=value" on the kernel command line, as with modprobe. */
static void module_params(const char *module, char *buf, size_t size)
{
	size_t mlen = strlen(module);

	buf[0] = '\0';
	for (const char *p = cmdline; *p; p += strspn(p, BLANKS)) {
		size_t len = strcspn(p, BLANKS), used = strlen(buf);

		if (len > mlen && !strncmp(p, module, mlen) && p[mlen] == '.')
			snprintf(buf + used, size - used, "%.*s ", (int)(len - mlen - 1),
				 p + mlen + 1);
		p += len;
	}
}

static int load_module(const char *path)
{
	const char *base = strrchr(path, '/');
	char name[64], params[1024];
	int fd, rc;

	snprintf(name, sizeof(name), "%.63s", base ? base + 1 : path);
	name[strcspn(name, ".")] = '\0';
	module_params(name, params, sizeof(params));
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	rc = syscall(SYS_finit_module, fd, params, 0) ? -errno : 0;
	close(fd);
	return rc;
}

/* Load the modules of a list file, one path a line, in order; the first error ends it. */
static int load_list(const char *list)
{
	char line[512];
	FILE *f = fopen(list, "re");
	int rc = 0;

	if (!f)
		return 0;
	while (!rc && fgets(line, sizeof(line), f)) {
		line[strcspn(line, "\n")] = '\0';
		rc = load_module(line);
		if (rc)
			report("module %s %s", line, strerror(-rc));
	}
	fclose(f);
	return rc;
}

/*
 * Report what the kernel said at warning level or worse since the mark, and move the mark.
 * EXPECTED, if not NULL, is the end of a message that is no news.
 */
static void report_kmsg(const char *expected)
{
	char rec[8192];
	ssize_t n;

	while (kmsg >= 0) {
		char *text, *end;
		unsigned int prio;

		n = read(kmsg, rec, sizeof(rec) - 1);
		if (n < 0 && errno == EPIPE)	/* overwritten before we came: go on */
			continue;
		if (n <= 0)
			return;
		rec[n] = '\0';
		prio = strtoul(rec, NULL, 10);
		text = strchr(rec, ';');
		if (!text || prio >> 3 || (prio & 7) > LOG_WARNING)
			continue;		/* "prio >> 3" is 0 for the kernel itself */
		end = strchr(++text, '\n');
		if (end)
			*end = '\0';		/* " KEY=value" lines follow */
		if (expected && strlen(text) >= strlen(expected) &&
		    !strcmp(text + strlen(text) - strlen(expected), expected))
			continue;
		report("kmsg %u %s", prio & 7, text);
	}
}

static void forward(int fd, size_t *total)
{
	char buf[4096];
	ssize_t n;

	while ((n = read(fd, buf, sizeof(buf))) > 0) {
		*total += n;
		if (*total > OUTPUT_MAX)
			continue;
		write_all(result, buf, n);
		line_open = buf[n - 1] != '\n';
	}
}

static pid_t spawn(const char *command, int out)
{
	pid_t pid = fork();

	if (pid)
		return pid;
	setsid();
	dup2(open("/dev/null", O_RDONLY), 0);
	dup2(out, 1);
	dup2(out, 2);
	execl("/bin/sh", "sh", "-c", command, (char *)NULL);
	_exit(127);
}

/* Where the processes of a session that has taken too long are in the kernel, as its output. */
static void show_stacks(pid_t session)
{
	char path[64], line[256], comm[32];
	glob_t stats;

	if (glob("/proc/[0-9]*/stat", GLOB_NOSORT, NULL, &stats))
		return;
	for (size_t i = 0; i < stats.gl_pathc; i++) {
		int pid, of = 0;
		char state = 0;
		FILE *f = fopen(stats.gl_pathv[i], "re");

		if (!f)
			continue;
		if (fscanf(f, "%d (%31[^)]) %c %*d %*d %d", &pid, comm, &state, &of) != 4)
			of = 0;
		fclose(f);
		if (of != session)
			continue;
		dprintf(result, "%s# in the kernel: %d (%s) %c\n", line_open ? "\n" : "", pid, comm,
			state);
		line_open = false;
		snprintf(path, sizeof(path), "/proc/%d/stack", pid);
		f = fopen(path, "re");
		while (f && fgets(line, sizeof(line), f))
			dprintf(result, "#   %s", line);
		if (f)
			fclose(f);
	}
	globfree(&stats);
}

/*
 * Run one command and report it: "end NAME STATUS MS", STATUS being the exit code, 128 + the
 * signal, or "timeout"; "stuck" when not even SIGKILL ends it.
 */
static void run_job(char *args)
{
	long limit = strtol(strtok(args, " "), NULL, 10) * 1000 * patience;
	const char *name = strtok(NULL, " "), *command = strtok(NULL, "");
	char status[16] = "127";
	long start = now_ms();
	bool timeout = false;
	size_t total = 0;
	int pipefd[2], wstatus = 0;
	pid_t pid, got = 0;

	if (!name || !command || pipe2(pipefd, O_CLOEXEC | O_NONBLOCK))
		return;
	report("begin %s", name);
	fcntl(pipefd[1], F_SETFL, 0);		/* the command itself may block on its output */
	pid = spawn(command, pipefd[1]);
	close(pipefd[1]);
	while (pid > 0 && !got) {
		struct pollfd pfd = { .fd = pipefd[0], .events = POLLIN };
		long spent = now_ms() - start;

		if (poll(&pfd, 1, 20) > 0 && !(pfd.revents & POLLIN))
			usleep(2000);		/* output closed, the command still runs */
		forward(pipefd[0], &total);
		got = waitpid(pid, &wstatus, WNOHANG);
		if (got || spent < limit)
			continue;
		if (!timeout)
			show_stacks(pid);
		kill(-pid, SIGKILL);
		timeout = true;
		if (spent > limit + REAP_MS)
			break;
	}
	kill(-pid, SIGKILL);			/* what it left behind in its session */
	while (waitpid(-1, NULL, WNOHANG) > 0)
		;
	forward(pipefd[0], &total);
	close(pipefd[0]);
	if (!got)
		snprintf(status, sizeof(status), "stuck");
	else if (timeout)
		snprintf(status, sizeof(status), "timeout");
	else if (WIFSIGNALED(wstatus))
		snprintf(status, sizeof(status), "%d", 128 + WTERMSIG(wstatus));
	else
		snprintf(status, sizeof(status), "%d", WEXITSTATUS(wstatus));
	if (total > OUTPUT_MAX)
		report("cut %zu bytes of output", total - OUTPUT_MAX);
	report_kmsg(NULL);
	report("end %s %s %ld", name, status, now_ms() - start);
}

/* The console shell: a session of its own with the console as its controlling terminal. */
static void run_shell(void)
{
	char size[32];
	struct winsize ws = { .ws_row = 24, .ws_col = 80 };
	pid_t pid = fork();

	if (!pid) {
		setsid();
		if (option("vm.tty", size, sizeof(size)))
			sscanf(size, "%hux%hu", &ws.ws_row, &ws.ws_col);
		ioctl(0, TIOCSCTTY, 1);
		ioctl(0, TIOCSWINSZ, &ws);
		execl("/bin/sh", "-sh", (char *)NULL);
		_exit(127);
	}
	while (pid > 0 && waitpid(-1, NULL, 0) != pid)
		;
}

/* Ends the machine at once: nothing is synced or shut down, as a dead kernel can not. */
static void reset_now(void)
{
	int fd = open("/proc/sysrq-trigger", O_WRONLY);

	if (fd >= 0)
		write_all(fd, "b", 1);
	pause();
}

/* After an oops, locks may be held for ever: no later test could be believed. */
static bool kernel_died(void)
{
	char buf[32] = "";
	int fd = open("/proc/sys/kernel/tainted", O_RDONLY | O_CLOEXEC);

	if (fd < 0 || read(fd, buf, sizeof(buf) - 1) < 0)
		buf[0] = '\0';
	close(fd);
	return strtoul(buf, NULL, 10) >> TAINT_DIE & 1;
}

static void power_off(void)
{
	char value[8];

	report("done");
	sync();
	if (!fork()) {
		sleep(POWER_OFF_S);
		fprintf(stderr, "init: no power-off\n");	/* the result port is shut down */
		reset_now();
	}
	/* after a sleep this machine cannot switch itself off; to QEMU both are the end */
	reboot(option("vm.bios", value, sizeof(value)) ? RB_AUTOBOOT : RB_POWER_OFF);
}

static void run_jobs(void)
{
	static char line[4096];
	FILE *f = fopen("/job", "re");

	while (f && fgets(line, sizeof(line), f)) {
		line[strcspn(line, "\n")] = '\0';
		if (!strcmp(line, "shell"))
			run_shell();
		else if (!strncmp(line, "run ", 4))
			run_job(line + 4);
		if (kernel_died()) {
			report("died");
			reset_now();
		}
	}
	if (f)
		fclose(f);
}

static void setup_environment(void)
{
	char term[64];

	setenv("PATH", "/bin:/sbin:/usr/bin:/usr/sbin", 1);
	setenv("HOME", "/root", 1);
	setenv("PS1", "seedchip-vm:\\w# ", 1);
	setenv("ENV", "/etc/shrc", 1);
	setenv("TERM", option("vm.term", term, sizeof(term)) ? term : "linux", 1);
	if (chdir("/root"))
		perror("init: /root");
}

static void open_ports(void)
{
	int fd = open("/dev/console", O_RDWR);

	if (fd >= 0) {
		dup2(fd, 0);
		dup2(fd, 1);
		dup2(fd, 2);
	}
	result = open(RESULT_PORT, O_RDWR | O_CLOEXEC);
	for (int i = 0; result < 0 && i < 100; i++) {	/* it appears after its bus */
		usleep(10000);
		result = open(RESULT_PORT, O_RDWR | O_CLOEXEC);
	}
	if (result < 0)
		result = 2;
	kmsg = open("/dev/kmsg", O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	if (kmsg >= 0)
		lseek(kmsg, 0, SEEK_END);
}

int main(void)
{
	int fd, rc;

	mount_all();
	open_ports();
	fd = open("/proc/cmdline", O_RDONLY);
	if (fd >= 0 && read(fd, cmdline, sizeof(cmdline) - 1) < 0)
		perror("init: /proc/cmdline");
	setup_environment();
	sethostname("seedchip-vm", 11);
	report("boot %ld", now_ms());
	rc = load_list("/lib/modules/base.list");
	if (!rc)
		rc = load_list("/lib/modules/project.list");
	/* said once per boot for any module that is not the distribution's */
	report_kmsg("loading out-of-tree module taints kernel.");
	report("ready %d %ld", rc, now_ms());
	patience = now_ms() / BOOT_MS;
	if (patience < 1)
		patience = 1;
	if (patience > PATIENCE_MAX)
		patience = PATIENCE_MAX;
	run_jobs();
	power_off();
	return 1;
}
