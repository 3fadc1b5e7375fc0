// SPDX-License-Identifier: GPL-2.0-only
/* The kernel's trace, as trace_pipe shows it. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "lab_trace.h"
#include "pr.h"

int lab_open_trace(void)
{
	/* Its own place, and the one that older systems have it at. */
	static const char *const paths[] = { "/sys/kernel/tracing/trace_pipe",
					     "/sys/kernel/debug/tracing/trace_pipe" };
	int fd = -1, err = 0;

	for (int n = 0; n < 2 && fd < 0; n++) {
		fd = open(paths[n], O_RDONLY | O_NONBLOCK | O_CLOEXEC);
		if (fd < 0 && err != EBUSY)
			err = errno;
	}
	if (fd >= 0)
		return fd;
	if (err == EBUSY)
		return pr_err_because(-err, "another process is reading it.",
				      "end that one: a line goes to whoever reads it first.",
				      "cannot read the kernel's trace");
	return pr_err_because(-err, pr_text("%s: %s.", paths[0], strerror(err)),
			      "as root: mount -t tracefs tracefs /sys/kernel/tracing",
			      "cannot read the kernel's trace");
}

void lab_copy_trace(int fd, const struct cli_args *args)
{
	char lines[4096];
	ssize_t len;

	while (fd >= 0 && (len = read(fd, lines, sizeof(lines))) > 0)
		fwrite(lines, 1, len, args->json ? stderr : stdout);
}
