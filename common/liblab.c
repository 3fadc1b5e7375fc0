// SPDX-License-Identifier: GPL-2.0-only
/*
 * All of common/ for the compiler: the headers are read and the compiler is started once and not
 * a dozen times, which halves the time of a build from nothing. Each file compiles by itself, too.
 */
#include "cli.c"
#include "explain.c"
#include "lab_attach.c"
#include "lab_clean.c"
#include "lab_detach.c"
#include "lab_dev.c"
#include "lab_global.c"
#include "lab_link.c"
#include "lab_look.c"
#include "lab_map.c"
#include "lab_open.c"
#include "lab_pin.c"
#include "lab_stats.c"
#include "lab_trace.c"
#include "pr.c"
