# SPDX-FileCopyrightText: 2026 The pcall authors
# SPDX-License-Identifier: LGPL-2.1-or-later

# A thin wrapper over meson: each target says what it needs from Debian, installs what of that is
# missing, and builds in a directory of its own below _build.
#
#   make demo        the example: SHA-256 of every file below DIR (/usr/bin)
#   make check       the tests; closes with "N passed, N failed"
#   make check-trixie  the same in a tree of Debian 13, which debootstrap makes
#   make check-engines  launchers with a real sshd, a real Slurm and mpirun, there for that time
#   make sanitize    the tests with address and undefined behaviour sanitizers
#   make threadcheck  those of threads with the thread sanitizer, and a GLib that is built for it
#   make installcheck  installs as README says, and otherwise, in a private copy of the system
#   make valgrind    the tests in C and C++ under valgrind, but those of time and limits
#   make bench       what pcall costs, against the bare system and today's pools, in ten minutes
#   make bench-report  doc/benchmarks.md and its plots, from what the last make bench measured
#   make doc         the reference manual, in _build/doc/doc/pcall-1.0
#   make clean       removes _build
#
# Tests have a short form, which is run, and some a long one: SLOW=1 runs that, for hours. TESTARGS
# goes to `meson test`, BENCHARGS to the benchmarks: names of what to measure, or --help.

BUILD = _build
DIR = /usr/bin
SLOW =
TESTARGS =
BENCHARGS =

MESON = $(firstword $(wildcard /usr/bin/meson) meson)
PYTHON = /usr/bin/python3
NINJA = ninja

PACKAGES = gcc libc6-dev libglib2.0-dev meson ninja-build pkg-config dpkg-dev
TEST_PACKAGES = $(PACKAGES) g++ libgtest-dev
GIR_PACKAGES = gobject-introspection libgirepository1.0-dev
PYTHON_PACKAGES = python3-gi python3-uvloop
GJS_PACKAGES = gjs
VALA_PACKAGES = valac
LINT_PACKAGES = reuse mypy
ENGINE_PACKAGES = slurmctld slurmd slurm-client munge openssh-server openssh-client openmpi-bin
BENCH_PACKAGES = python3-numpy python3-pebble python3-joblib libmce-perl \
	libparallel-forkmanager-perl parallel libgtk-4-dev xvfb xauth python3-mpi4py \
	python3-distributed $(ENGINE_PACKAGES)

# Every binding, or an error that says what is missing
BINDINGS = -Dintrospection=enabled -Dpython=enabled -Dgjs=enabled

# $(call install,PACKAGES): what of them is missing
install = .ci/install-packages.sh $1

# $(call build,NAME,OPTIONS,TARGETS): builds in $(BUILD)/NAME, all if no targets are named
build = { test -f $(BUILD)/$1/build.ninja || $(MESON) setup $2 $(BUILD)/$1; } && \
	$(NINJA) -C $(BUILD)/$1 $3

# $(call test,NAME,LOG,ARGUMENTS): runs the tests of $(BUILD)/NAME and counts their cases. What is
# printed last is the count, whatever became of the run. Some tests do little but wait, so that there
# is one more than processors at a time.
test = rm -f $(BUILD)/$1/meson-logs/$2.json; status=0; \
	$(MESON) test -C $(BUILD)/$1 --no-rebuild --print-errorlogs $(if $(SLOW),--suite slow) \
	  --num-processes $$(($$(nproc) + 1)) $3 $(TESTARGS) || status=$$?; \
	$(PYTHON) tests/count-cases.py $(BUILD)/$1/meson-logs/$2.json && exit $$status

# $(call uninstalled,NAME): what a script needs to use the library in $(BUILD)/NAME
uninstalled = GI_TYPELIB_PATH=$(BUILD)/$1/introspection LD_LIBRARY_PATH=$(BUILD)/$1/pcall-glib \
	PYTHONPATH=introspection/python GJS_PATH=introspection/gjs

# $(call demonstrate,FILE,COMMAND): runs the example on $(DIR), and has sha256sum check its output
demonstrate = echo "$2 $(DIR)"; \
	$(call uninstalled,demo) $2 $(DIR) > $(BUILD)/demo/$1 && \
	head -n 3 $(BUILD)/demo/$1 && \
	echo "… $$(wc -l < $(BUILD)/demo/$1) lines in $(BUILD)/demo/$1" && \
	sha256sum --check --quiet $(BUILD)/demo/$1 && echo "sha256sum accepts them all."

# Memory that GLib's slices recycle would hide what a sanitizer or valgrind looks for.
PLAIN_MEMORY = G_SLICE=always-malloc
# Where a leak's origin is not told through GLib, ASAN_OPTIONS=fast_unwind_on_malloc=0 tells it,
# slowly.
SANITIZE_ENV = $(PLAIN_MEMORY) \
	ASAN_OPTIONS=halt_on_error=1:detect_leaks=1:strict_string_checks=1:$$ASAN_OPTIONS \
	UBSAN_OPTIONS=halt_on_error=1:print_stacktrace=1

# What GLib is built from, without what is not needed of it
THREAD_PACKAGES = $(TEST_PACKAGES) libffi-dev libpcre2-dev zlib1g-dev
# A child may begin threads, and ask for more memory than there is. No process is kept from its end
# for a second.
THREAD_OPTIONS = die_after_fork=0:allocator_may_return_null=1:history_size=7:atexit_sleep_ms=0
THREAD_ENV = $(PLAIN_MEMORY) \
	TSAN_OPTIONS=$(THREAD_OPTIONS):suppressions=$(CURDIR)/tests/support/tsan.supp:$$TSAN_OPTIONS

# Forked children run under valgrind too: an error of memory in one becomes its exit status.
VALGRIND = valgrind --quiet --error-exitcode=99 --trace-children=no \
	--leak-check=full --show-leak-kinds=definite --errors-for-leak-kinds=definite \
	--suppressions=/usr/share/glib-2.0/valgrind/glib.supp
VALGRIND_PRELOAD = $(CURDIR)/$(BUILD)/valgrind/valgrind-preload.so

.PHONY: help demo check check-engines check-trixie sanitize threadcheck installcheck valgrind
.PHONY: bench bench-report doc clean
.DELETE_ON_ERROR:

help:
	@sed -n 's/^#   //p' Makefile

# The same job in three languages: each has to come to what sha256sum does.
demo:
	@$(call install,$(PACKAGES) $(GIR_PACKAGES) $(PYTHON_PACKAGES) $(GJS_PACKAGES))
	@$(call build,demo,--buildtype=release -Dtests=false $(BINDINGS))
	@$(call demonstrate,checksums.txt,$(BUILD)/demo/doc/examples/checksums)
	@$(call demonstrate,checksums-python.txt,$(PYTHON) doc/examples/checksums.py)
	@$(call demonstrate,checksums-gjs.txt,gjs -m doc/examples/checksums.js)

build-check = $(call build,check,$(BINDINGS) -Dvala=enabled -Dcxx=enabled)
CHECK_PACKAGES = $(TEST_PACKAGES) $(GIR_PACKAGES) $(PYTHON_PACKAGES) $(GJS_PACKAGES) \
	$(VALA_PACKAGES) $(LINT_PACKAGES) python3-numpy

check:
	@$(call install,$(CHECK_PACKAGES))
	@$(build-check)
	@$(call test,check,testlog)

# What was built for the others is what runs here.
check-engines:
	@$(call install,$(CHECK_PACKAGES))
	@$(call install,$(ENGINE_PACKAGES)) || \
	  echo "What could not be installed is left out, and its tests say so"
	@$(build-check)
	@$(call test,check,engines,--suite engines --logbase engines)

# What is run there: `make check-trixie TARGETS='demo sanitize doc'`
TARGETS = check

check-trixie:
	@.ci/in-debian.sh trixie make $(TARGETS) \
	  $(if $(SLOW),SLOW=$(SLOW)) $(if $(TESTARGS),TESTARGS='$(TESTARGS)')

# What these tests need, they build where they install it.
installcheck:
	@$(call install,$(TEST_PACKAGES) $(GIR_PACKAGES) $(PYTHON_PACKAGES) \
	  $(GJS_PACKAGES) $(VALA_PACKAGES))
	@$(call build,installcheck,,-t clean)
	@$(call test,installcheck,testlog,--suite install)

sanitize:
	@$(call install,$(TEST_PACKAGES))
	@$(call build,sanitize,-Db_sanitize=address$(comma)undefined -Dintrospection=disabled)
	@export $(SANITIZE_ENV); $(call test,sanitize,testlog,--timeout-multiplier=3)

threadcheck:
	@$(call install,$(THREAD_PACKAGES))
	@.ci/thread-glib.sh $(BUILD)/threads-glib $(MESON)
	@$(call build,threads,-Db_sanitize=thread -Dintrospection=disabled -Dcxx=disabled \
	  -Dexamples=false -Dpkg_config_path=$(CURDIR)/$(BUILD)/threads-glib/usr/lib/pkgconfig)
	@export $(THREAD_ENV); $(call test,threads,testlog,--timeout-multiplier=3 --suite threads)

valgrind:
	@$(call install,$(TEST_PACKAGES) valgrind)
	@$(call build,valgrind,-Dintrospection=disabled)
	@gcc -O2 -shared -fPIC -o $(VALGRIND_PRELOAD) tests/support/valgrind-preload.c
	@export $(PLAIN_MEMORY) LD_PRELOAD=$(VALGRIND_PRELOAD); \
	$(call test,valgrind,testlog-valgrind,--timeout-multiplier=20 --no-suite native \
	  --no-suite script --no-suite benchmarks --wrapper "$(VALGRIND)")

# As distributions build it, with link-time optimization.
BENCH_TARGETS = pcall-glib/libpcall-1.0.so.0 pcall-glib/pcall-worker bench-programs \
	introspection/Pcall-1.0.typelib

# What was measured stays below $(BUILD), so that measuring changes no file of the sources.
bench:
	@$(call install,$(TEST_PACKAGES) $(GIR_PACKAGES) $(PYTHON_PACKAGES) $(GJS_PACKAGES) \
	  $(BENCH_PACKAGES))
	@$(call build,bench,--buildtype=release -Db_lto=true -Dintrospection=enabled,$(BENCH_TARGETS))
	@$(PYTHON) tests/benchmarks/bench.py $(BUILD)/bench $(BENCHARGS)

bench-report:
	@$(PYTHON) tests/benchmarks/report.py $(BUILD)/bench/benchmarks.json doc

doc:
	@$(call install,$(PACKAGES) $(GIR_PACKAGES) gi-docgen)
	@$(call build,doc,-Dintrospection=enabled -Ddocumentation=true -Dtests=false)
	@$(MESON) test -C $(BUILD)/doc --no-rebuild --print-errorlogs --suite doc

clean:
	rm -rf $(BUILD)

comma = ,
