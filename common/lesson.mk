# SPDX-License-Identifier: GPL-2.0-only
#
# What a lesson's Makefile includes after it has named what to build:
#   PROGS  programs for user space; NAME is made of NAME_user.c, or of NAME.c
#   KERNS  BPF objects; NAME makes NAME.o of NAME.c
#   STARTS what exercises start from, NAME_kern or not: a make of all lessons leaves it out, so
#          that what somebody is in the middle of does not stop it
# Also: make NAME.ll (LLVM's intermediate code) and make NAME.s (BPF assembly) of each BPF object.
# Dependencies on headers come from the compilers and lie, out of the way, in .build/.

top := $(patsubst %/common/lesson.mk,%,$(lastword $(MAKEFILE_LIST)))

.DEFAULT_GOAL := all
.DELETE_ON_ERROR:
.PHONY: all lesson kerns clean

ifneq ($(MAKECMDGOALS),clean)
include $(top)/config.mk
$(top)/config.mk: $(top)/configure
	cd $(top) && ./configure $(if $(findstring s,$(firstword -$(MAKEFLAGS))),-q) $(CONFIGURE_ARGS)
endif
include $(top)/common/flags.mk
liblab := $(top)/common/liblab.o
progs := $(PROGS) $(filter-out %_kern,$(STARTS))
objects := $(patsubst %,%.o,$(KERNS) $(filter %_kern,$(STARTS)))

all: $(progs) $(objects) ; @:
lesson: $(PROGS) kerns ; @:
kerns: $(KERNS:=.o) ; @:

# Built by a make of its own, unless the one at the top has just done so for all lessons.
ifndef LIBLAB_IS_BUILT
$(liblab): FORCE
	@$(MAKE) --no-print-directory -C $(top)/common
FORCE:
endif

source_of = $(firstword $(wildcard $(1)_user.c) $(1).c)

define program
$(1): $(call source_of,$(1)) $(liblab) $(flags) | .build
	$$(call run,CC,$(1),$$(CC) $$(USER_CFLAGS) -MMD -MP -MF .build/$(1).d -o $$@ $$< $$(liblab) $$(USER_LIBS))
endef
$(foreach prog,$(progs),$(eval $(call program,$(prog))))

$(objects): %.o: %.c $(flags) | .build $(if $(LIBS_FROM_SOURCE),$(liblab))
	$(call run,BPF,$@,$(CLANG) $(KERN_CFLAGS) -MMD -MP -MF .build/$*.d -c -o $@ $<)
%.ll: %.c $(flags) | .build
	$(call run,LLVM,$@,$(CLANG) $(KERN_CFLAGS) -MMD -MP -MF .build/$@.d -emit-llvm -S -o $@ $<)
%.s: %.c $(flags) | .build
	$(call run,ASM,$@,$(CLANG) $(KERN_CFLAGS) -MMD -MP -MF .build/$@.d -S -o $@ $<)

.build:
	@mkdir -p $@

clean:
	$(call run,CLEAN,.,rm -rf .build $(progs) $(foreach o,$(objects),$(o) $(o:.o=.ll) $(o:.o=.s)))

-include $(wildcard .build/*.d)
