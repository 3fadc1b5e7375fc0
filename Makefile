# SPDX-License-Identifier: GPL-2.0-only
# Builds all lessons. Knows nothing of networks, of root, or of what the programs do.

top := .
lessons := $(sort $(patsubst %/Makefile,%,$(wildcard *[0-9][0-9]-*/Makefile)))
# The later ones are the larger ones: begun first, none of them is waited for alone at the end.
last_first = $(if $(1),$(call last_first,$(wordlist 2,$(words $(1)),$(1))) $(firstword $(1)))
builds := $(addprefix build-,$(call last_first,$(lessons)))
kerns := $(addprefix kerns-,$(lessons))
pages := $(patsubst %/Makefile,%,$(wildcard docs/*/Makefile)) # their readers build them
cleans := $(addprefix clean-,common $(if $(wildcard check/.),check) $(lessons) $(pages))

.PHONY: all exercises check tests clean distclean help common
.PHONY: $(lessons) $(builds) $(kerns) $(cleans)

all: $(builds) compile_commands.json

ifeq ($(filter clean distclean help,$(MAKECMDGOALS)),)
include config.mk
config.mk: configure
	./configure $(if $(findstring s,$(firstword -$(MAKEFLAGS))),-q) $(CONFIGURE_ARGS)
endif

common: config.mk
	@$(MAKE) --no-print-directory -C common

# The shared code, once, and beside it the BPF objects, which do not use it (but its libraries'
# headers, where these are built here, too). Then the programs, which find both up to date.
$(kerns): kerns-%: $(if $(LIBS_FROM_SOURCE),common,config.mk)
	@$(MAKE) --no-print-directory -C $* LIBLAB_IS_BUILT=1 kerns
$(builds): build-%: common kerns-%
	@$(MAKE) --no-print-directory -C $* LIBLAB_IS_BUILT=1 lesson

# make LESSON: with what its exercises start from
$(lessons): %: build-%
	@$(MAKE) --no-print-directory -C $* LIBLAB_IS_BUILT=1
exercises: all $(lessons)

# What an editor needs to understand each file as its compiler does: written again when a file
# has come, too, and in a copy of the tree.
sources := $(wildcard $(addsuffix *.c,common/ $(lessons:=/) $(pages:=/) check/ tests/ bench/))
listed = $(shell grep -sF "\"$$PWD\"" compile_commands.json | sed 's/.*"file": "\([^"]*\)".*/\1/')
compile_commands.json: config.mk common/flags.mk common/compile-commands Makefile \
		       $(if $(filter-out $(listed),$(sources)),FORCE)
	@./common/compile-commands $(sources) >$@.tmp && mv $@.tmp $@
FORCE:

tests: common
	@$(MAKE) --no-print-directory -C tests

check: all
	@tests/run

clean: $(cleans)
	@rm -rf tests/.build
$(cleans): clean-%:
	@$(MAKE) --no-print-directory -C $* clean

distclean: clean
	@rm -f config.mk compile_commands.json

help:
	@echo 'make               all lessons (after ./configure, which it runs the first time)'
	@echo 'make LESSON        one, with what its exercises start from: $(lessons)'
	@echo 'make exercises     all lessons, with what their exercises start from'
	@echo 'make check         the tests, which need root'
	@echo 'make clean         remove what make built'
	@echo 'make distclean     ... and what ./configure found'
	@echo 'In a lesson: make NAME_kern.ll and NAME_kern.s show LLVM code and BPF assembly.'
	@echo 'With V=1 the commands are shown, with WERROR=1 a warning is an error.'
