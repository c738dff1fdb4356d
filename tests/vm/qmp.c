// SPDX-License-Identifier: MIT
/*
 * qmp: talk from inside the VM to the QEMU that runs it, over a virtio-serial port that the
 * launcher connects to QEMU's own monitor.  Tests use it to inject faults and to pull cards:
 *
 *	qmp device_del '{"id":"card0"}'
 *	qmp qom-get '{"path":"/machine/peripheral/card0","property":"strict"}'
 *	qmp human-monitor-command '{"command-line":"info pci"}'
 *
 * Prints QEMU's answer; exit status 1 if that is an error.  Every request carries an id of its
 * own, so events and answers that an earlier user left unread are passed over.
 */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define PORT "/dev/vport0p2"

/* Read lines until the one that answers ID; NULL when QEMU is gone. */
static char *answer(FILE *port, const char *id)
{
	static char line[1 << 16];

	while (fgets(line, sizeof(line), port))
		if (strstr(line, id))
			return line;
	return NULL;
}

int main(int argc, char **argv)
{
	char id[64], mode_id[80];
	struct timespec ts;
	FILE *port;
	char *line;
	int fd;

	if (argc < 2 || argc > 3) {
		fprintf(stderr, "usage: qmp COMMAND [ARGUMENTS]\n");
		return 2;
	}
	fd = open(PORT, O_RDWR);
	port = fd < 0 ? NULL : fdopen(fd, "r");
	if (!port) {
		perror(PORT);
		return 2;
	}
	clock_gettime(CLOCK_MONOTONIC, &ts);
	snprintf(id, sizeof(id), "\"qmp-%d-%ld\"", getpid(), ts.tv_nsec);
	snprintf(mode_id, sizeof(mode_id), "\"mode-%d-%ld\"", getpid(), ts.tv_nsec);
	/* The first user leaves QMP's greeting mode; for later ones it is an error to ignore. */
	dprintf(fd, "{\"execute\":\"qmp_capabilities\",\"id\":%s}\n", mode_id);
	if (!answer(port, mode_id))
		return 2;
	dprintf(fd, "{\"execute\":\"%s\",\"arguments\":%s,\"id\":%s}\n", argv[1],
		argc > 2 ? argv[2] : "{}", id);
	line = answer(port, id);
	if (!line)
		return 2;
	fputs(line, stdout);
	return strstr(line, "\"error\"") && !strstr(line, "\"return\"");
}
