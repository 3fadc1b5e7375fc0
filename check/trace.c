// SPDX-License-Identifier: GPL-2.0-only
/*
 * Tracepoints, through perf events: a descriptor for each CPU, with a filter. They vanish with
 * the process, where an instance of tracefs would stay when it is killed.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/perf_event.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "grade.h"

#define EVENTS "/sys/kernel/tracing/events/"

struct watch {
	unsigned int count;
	int *fds; /* one for each CPU that is on */
};

static unsigned long long event_id(const char *event)
{
	const char *path = text(EVENTS "%s/id", event);
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	char number[32] = "";

	if (fd < 0 || read(fd, number, sizeof(number) - 1) <= 0)
		cannot_tell("a kernel with CONFIG_BPF_EVENTS and tracefs: ./lab doctor",
			    "this kernel has no tracepoint %s", event);
	close(fd);
	return strtoull(number, NULL, 10);
}

static struct watch *open_event(const char *event, const char *filter, unsigned long long sample)
{
	long cpus = sysconf(_SC_NPROCESSORS_CONF);
	struct watch *watch = calloc(1, sizeof(*watch));
	struct perf_event_attr attr = {
		.type = PERF_TYPE_TRACEPOINT,
		.size = sizeof(attr),
		.config = event_id(event),
		.sample_period = sample ? 1 : 0,
		.sample_type = sample,
	};

	if (watch)
		watch->fds = calloc(cpus, sizeof(*watch->fds));
	if (!watch || !watch->fds)
		give_up(ENOMEM, "no memory");
	for (long cpu = 0; cpu < cpus; cpu++) {
		int fd = syscall(SYS_perf_event_open, &attr, -1, cpu, -1, PERF_FLAG_FD_CLOEXEC);

		if (fd < 0 && errno == ENODEV)
			continue; /* that CPU is off */
		if (fd < 0)
			cannot_tell("as root, outside of a container: ./lab doctor",
				    "the kernel does not let %s be watched: %s", event,
				    strerror(errno));
		if (filter && ioctl(fd, PERF_EVENT_IOC_SET_FILTER, filter))
			give_up(errno, "the filter '%s' does not fit %s", filter, event);
		watch->fds[watch->count++] = fd;
	}
	return watch;
}

struct watch *watch_event(const char *event, const char *filter)
{
	return open_event(event, filter, 0);
}

unsigned long long hits(const struct watch *watch)
{
	unsigned long long sum = 0, count;

	for (unsigned int n = 0; n < watch->count; n++) {
		if (read(watch->fds[n], &count, sizeof(count)) != sizeof(count))
			give_up(errno, "cannot read a perf event");
		sum += count;
	}
	return sum;
}

/* ---- bpf_printk(): the same, with each hit's text, in a ring for each CPU ---- */

#define RING_PAGES 64

struct printk {
	struct watch *watch;
	struct perf_event_mmap_page **rings;
	const char *containing;
};

struct printk *listen_to_printk(const char *containing)
{
	struct printk *printk = calloc(1, sizeof(*printk));
	size_t page = sysconf(_SC_PAGESIZE);

	if (!printk)
		give_up(ENOMEM, "no memory");
	printk->containing = containing;
	printk->watch = open_event("bpf_trace/bpf_trace_printk", NULL, PERF_SAMPLE_RAW);
	printk->rings = calloc(printk->watch->count, sizeof(*printk->rings));
	for (unsigned int n = 0; printk->rings && n < printk->watch->count; n++) {
		printk->rings[n] = mmap(NULL, (RING_PAGES + 1) * page, PROT_READ | PROT_WRITE,
					MAP_SHARED, printk->watch->fds[n], 0);
		if (printk->rings[n] == MAP_FAILED)
			give_up(errno, "cannot map a perf event");
	}
	return printk;
}

/* Copies bytes out of a ring, at whose end they may go on at its beginning. */
static void copy_out(const struct perf_event_mmap_page *ring, __u64 from, void *to, size_t len)
{
	const unsigned char *data = (const unsigned char *)ring + sysconf(_SC_PAGESIZE);
	size_t size = RING_PAGES * sysconf(_SC_PAGESIZE);

	for (unsigned char *p = to; len; len--)
		*p++ = data[from++ % size];
}

/* One record of a ring: the text of a hit, or NULL. */
static char *take_record(struct perf_event_mmap_page *ring)
{
	__u64 head = __atomic_load_n(&ring->data_head, __ATOMIC_ACQUIRE), tail = ring->data_tail;
	struct perf_event_header header;
	unsigned char raw[1100] = {};
	__u32 where;

	if (tail == head)
		return NULL;
	copy_out(ring, tail, &header, sizeof(header));
	if (header.type == PERF_RECORD_SAMPLE && header.size - sizeof(header) < sizeof(raw))
		copy_out(ring, tail + sizeof(header), raw, header.size - sizeof(header));
	__atomic_store_n(&ring->data_tail, tail + header.size, __ATOMIC_RELEASE);
	if (header.type != PERF_RECORD_SAMPLE)
		return text("%s", "");
	/* u32 size, eight bytes that all events have, where the string lies: u16 offset and size */
	memcpy(&where, raw + 4 + 8, sizeof(where));
	return text("%s", (char *)raw + 4 + (where & 0x3ff));
}

char *next_printk(struct printk *printk, unsigned int ms)
{
	double deadline = seconds() + ms / 1000.0;
	char *line;

	for (;;) {
		for (unsigned int n = 0; n < printk->watch->count; n++) {
			while ((line = take_record(printk->rings[n]))) {
				if (strstr(line, printk->containing))
					return line;
			}
		}
		if (seconds() > deadline)
			return NULL;
		pause_ms(1);
	}
}
