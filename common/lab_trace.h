/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The kernel's trace, where bpf_printk() prints to: a file that is read like any other. There is
 * one for the machine, so it holds what every BPF program prints; a line that was read is gone.
 */
#ifndef LAB_TRACE_H
#define LAB_TRACE_H

#include "cli.h"

/* A descriptor, or a negative errno after an error. */
int lab_open_trace(void);

/* What has come since, to stdout; with --json to stderr. A descriptor below 0 has nothing. */
void lab_copy_trace(int fd, const struct cli_args *args);

#endif /* LAB_TRACE_H */
