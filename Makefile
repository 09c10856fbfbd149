# notifier: `make run` shows it, `make test` proves it, `make help` lists the rest.

PACKAGES_BUILD := gcc libc6-dev pkg-config libuv1-dev libcurl4-openssl-dev libhiredis-dev libjansson-dev \
	libmicrohttpd-dev libc-ares-dev libicu-dev libcmark-dev libyaml-dev libssl-dev zlib1g-dev
PACKAGES_RUN   := redis-server ca-certificates
PACKAGES_TEST  := libcmocka-dev python3 python3-pytest python3-aiosmtpd python3-redis python3-aiohttp
PACKAGES_LINT  := clang clang-format clang-tidy libclang-rt-14-dev

BUILD   ?= build
CC      := $(if $(filter default,$(origin CC)),gcc,$(CC))
PYTHON  ?= /usr/bin/python3
WERROR  ?= $(if $(CI),-Werror)

LIBS := libuv libcurl hiredis jansson libmicrohttpd libcares icu-i18n icu-uc libcmark yaml-0.1 libcrypto libssl zlib
WARN := -Wall -Wextra -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wswitch-enum -Wformat=2 -Wvla \
	-Wcast-qual -Wundef -Wpointer-arith $(WERROR)
# Sanitizer builds (clang) come without FORTIFY and auto-var-init: both would hide what they look for.
SANITIZE ?=
ifeq ($(SANITIZE),)
HARDEN   := -D_FORTIFY_SOURCE=3 -fstack-protector-strong -fstack-clash-protection -fcf-protection \
	-fPIE $(if $(findstring gcc,$(CC)),-ftrivial-auto-var-init=zero)
HARDEN_L := -pie -Wl,-z,relro,-z,now,-z,noexecstack
OPTIMIZE ?= -O2 -g
else
HARDEN   := -fsanitize=$(SANITIZE) -fno-sanitize-recover=all -fno-omit-frame-pointer
HARDEN_L := -fsanitize=$(SANITIZE)
OPTIMIZE ?= -O1 -g
endif
VERSION := $(shell git describe --tags --always --dirty 2>/dev/null || echo unknown)

CPPFLAGS = -I. -I$(BUILD)/gen -D_GNU_SOURCE
CFLAGS   = -std=c11 $(OPTIMIZE) $(WARN) $(HARDEN) $(PKG_CFLAGS)
LDLIBS   = $(PKG_LIBS) -lm
# Asked lazily: `make help` and `make deps` must work before the libraries are there.
PKG_CFLAGS = $(eval PKG_CFLAGS := $$(shell pkg-config --cflags $(LIBS)))$(PKG_CFLAGS)
PKG_LIBS   = $(eval PKG_LIBS := $$(shell pkg-config --libs $(LIBS)))$(PKG_LIBS)

SOURCES := $(sort $(wildcard notifier/base/*.c notifier/core/*.c notifier/message/*.c notifier/io/*.c \
	notifier/app/*.c carriers/*.c))
OBJECTS := $(SOURCES:%.c=$(BUILD)/objects/%.o) $(BUILD)/gen/assets.o
LIBRARY := $(BUILD)/libnotifier.a
# What is compiled into the program: path in the program = path in the repository.
ASSETS  := $(sort $(wildcard notifier/app/scripts/*.lua notifier/app/console/* notifier/app/*.json)) $(sort $(shell find templates -type f))

.PHONY: all
all: $(BUILD)/notifier

.PHONY: help
help: ## this list
	@grep -hE '^[a-z_-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z_-]+):.*## */  make \1\t/' | expand -t 22

# --- build -----------------------------------------------------------------------------------

$(BUILD)/notifier: $(BUILD)/objects/notifier/main.o $(LIBRARY)
	$(CC) $(CFLAGS) $(HARDEN_L) -o $@ $^ $(LDLIBS)

$(LIBRARY): $(OBJECTS)
	@rm -f $@
	ar rcs $@ $^

# Below objects/, because $(BUILD)/notifier is the program.
$(BUILD)/objects/%.o: %.c
	@mkdir -p $(@D)
	$(CC) $(CPPFLAGS) $(CFLAGS) -MMD -MP -DNOTIFIER_VERSION='"$(VERSION)"' -c -o $@ $<

$(BUILD)/gen/assets.S: notifier/app/assets.sh $(ASSETS)
	@mkdir -p $(@D)
	sh notifier/app/assets.sh $(ASSETS) >$@

$(BUILD)/gen/assets.o: $(BUILD)/gen/assets.S
	$(CC) -c -o $@ $<

-include $(shell find $(BUILD) -name '*.d' 2>/dev/null)

# --- run, install ----------------------------------------------------------------------------

SUDO := $(if $(filter 0,$(shell id -u)),,sudo)

# One script installs packages (also in docker/Dockerfile); it asks apt only for what is missing.
.PHONY: deps deps-test deps-lint
deps: ## install what building and running needs (apt)
	@$(SUDO) sh docker/install-packages.sh $(PACKAGES_BUILD) $(PACKAGES_RUN)
deps-test:
	@$(SUDO) sh docker/install-packages.sh $(PACKAGES_BUILD) $(PACKAGES_RUN) $(PACKAGES_TEST)
deps-lint:
	@$(SUDO) sh docker/install-packages.sh $(PACKAGES_BUILD) $(PACKAGES_TEST) $(PACKAGES_LINT)

.PHONY: run
run: deps ## install, build, and show it: parcels move on http://127.0.0.1:8080/
	@$(MAKE) --no-print-directory -s -j$(shell nproc) all
	@exec $(BUILD)/notifier serve --demo

PREFIX ?= /usr/local
.PHONY: install
install: all ## install the program and the example configuration below PREFIX
	install -D -m 0755 $(BUILD)/notifier $(DESTDIR)$(PREFIX)/bin/notifier
	install -D -m 0644 notifier.yaml.example $(DESTDIR)$(PREFIX)/share/doc/notifier/notifier.yaml.example
	install -D -m 0644 docker/notifier.service $(DESTDIR)$(PREFIX)/lib/systemd/system/notifier.service

# --- tests -----------------------------------------------------------------------------------

UNIT_TESTS := $(patsubst tests/unit/%.c,$(BUILD)/tests/unit/%,$(sort $(wildcard tests/unit/test_*.c)))
FLOW_TESTS := $(patsubst tests/flow/%.c,$(BUILD)/tests/flow/%,$(sort $(wildcard tests/flow/test_*.c)))
FLOW_FAKES := $(patsubst %.c,$(BUILD)/objects/%.o,$(sort $(wildcard tests/flow/fake_*.c)))
TEST_LIBS   = $(LDLIBS) $$(pkg-config --libs cmocka)

$(BUILD)/tests/unit/%: $(BUILD)/objects/tests/unit/%.o $(LIBRARY)
	@mkdir -p $(@D)
	$(CC) $(CFLAGS) $(HARDEN_L) -o $@ $^ $(TEST_LIBS)

# The fakes stand before the archive: they take the place of the io modules of the same names.
$(BUILD)/tests/flow/%: $(BUILD)/objects/tests/flow/%.o $(FLOW_FAKES) $(LIBRARY)
	@mkdir -p $(@D)
	$(CC) $(CFLAGS) $(HARDEN_L) -o $@ $^ $(TEST_LIBS)

.PRECIOUS: $(BUILD)/objects/tests/%.o

.PHONY: test
test: deps-test ## everything a newcomer needs to believe it: unit, flow and end-to-end tests
	@$(MAKE) --no-print-directory -s -j$(shell nproc) all tests
	@$(MAKE) --no-print-directory -s check e2e

.PHONY: tests check e2e
tests: $(UNIT_TESTS) $(FLOW_TESTS)

check: tests ## unit and flow tests
	@sh tests/run.sh $(UNIT_TESTS) $(FLOW_TESTS)

e2e: all ## the real program, a real redis-server, a real SMTP receiver, kill -9
	$(PYTHON) -m pytest -q -p no:cacheprovider tests/e2e --notifier=$(abspath $(BUILD)/notifier) $(PYTEST_ARGS)

CLANG_SAN := -fsanitize=address,undefined
.PHONY: asan ubsan
asan ubsan: ## the same tests, built by clang with AddressSanitizer and UBSan
	@$(MAKE) --no-print-directory -s -j$(shell nproc) BUILD=build/asan CC=clang SANITIZE=address,undefined all tests
	@ASAN_OPTIONS=detect_leaks=1:abort_on_error=0 UBSAN_OPTIONS=print_stacktrace=1 \
		$(MAKE) --no-print-directory -s BUILD=build/asan CC=clang SANITIZE=address,undefined check e2e \
		PYTEST_ARGS="$(PYTEST_ARGS) --sanitized"

.PHONY: valgrind
valgrind: tests ## unit and flow tests under valgrind
	@VALGRIND=1 sh tests/run.sh $(UNIT_TESTS) $(FLOW_TESTS)

.PHONY: bench
bench: all ## measured figures (short form; LONG=1 for the figures of README.md)
	@$(PYTHON) tests/bench/bench.py --notifier $(BUILD)/notifier $(if $(LONG),--long) $(BENCH_ARGS)

FUZZ_SECONDS ?= 10
.PHONY: fuzz
fuzz: ## libFuzzer on every parser, FUZZ_SECONDS each
	@FUZZ_SECONDS=$(FUZZ_SECONDS) sh tests/fuzz/run.sh

# --- style -----------------------------------------------------------------------------------

STYLED := $(shell find notifier carriers tests -name '*.[ch]' 2>/dev/null | sort)
.PHONY: lint format layers
lint: layers ## clang-format, clang-tidy, layers, budgets, banned functions
	@clang-format --dry-run --Werror $(STYLED)
	@sh tests/style.sh
	@printf '%s\n' $(SOURCES) notifier/main.c | xargs -P $(shell nproc) -n 4 \
		sh -c 'clang-tidy --quiet "$$@" -- $(CPPFLAGS) -std=c11 $(PKG_CFLAGS) 2>/dev/null' clang-tidy

format: ## bring every C file into the project's format
	@clang-format -i $(STYLED)

layers: ## fail on an #include that points upwards
	@sh tests/layers.sh

.PHONY: clean
clean: ## remove what was built
	rm -rf build
