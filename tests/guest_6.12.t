#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-only
#
# On Linux 6.12: the loaders, the pages and the grader. See tests/guest.
# takes: 320
# time limit: 1500
# outside
# not with --quick

exec "$(dirname "$0")/guest" 6.12
