# SPDX-License-Identifier: GPL-2.0-only
# How everything here is compiled, and how make shows it: one aligned line a file; V=1 the commands.
# Paths are relative, from $(top) on: make takes one that has blanks in it for several.

# Where the flags come from: what changes there, ./configure CC=clang for one, is for all to follow.
flags := $(top)/config.mk $(top)/common/flags.mk
warnings := -Wall -Wextra -Wshadow $(if $(WERROR),-Werror)

# Loaders have nothing to be fast at: -O0 builds in half the time and suits a debugger. The tests
# build with -O2, with which gcc finds more to warn of.
USER_CFLAGS = -std=gnu11 -D_GNU_SOURCE $(if $(WERROR),-O2,-O0) -g $(warnings) -Wmissing-prototypes \
	      -I$(top)/common -I$(top)/headers $(LIBS_CFLAGS) $(SANITIZE) $(CFLAGS)
USER_LIBS = $(LDFLAGS) $(LIBS)

# -g also makes BTF, the type information that the kernel and bpftool read. A program gets a ctx
# whether it looks at it or not.
KERN_CFLAGS = -target bpf -O2 -g $(warnings) -Wno-unused-parameter \
	      -I$(top)/headers $(LIBS_CFLAGS) $(BPF_INCLUDES)

ifeq ($(V),1)
run = $(3)
else ifneq ($(findstring s,$(firstword -$(MAKEFLAGS))),)
run = @$(3)
else
# A file by its path in the tree: from one place to the other, with blanks as question marks.
blank := $() $()
place := $(subst $(blank),?,$(CURDIR))
run = @printf '  %-6s %s\n' '$(1)' '$(patsubst $(abspath $(place)/$(top))/%,%,$(abspath $(place)/$(2)))'; $(3)
endif
