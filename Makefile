# SPDX-License-Identifier: MIT
# A façade: CMakeLists.txt (through cmake-js) and tsconfig.build.json are the build, scripts/ the rest. V=1 shows commands.

FUZZ_SECONDS ?= 60
# Linux 5.10, 6.1, 6.12, and the newest two that there are.
KERNELS ?= bullseye bookworm bookworm-backports trixie-backports sid
ARGS ?=
PART ?=
QUICK ?=
ACCEPT ?=
STREAMS ?=

ifeq ($(V),1)
Q :=
else
Q := @
MAKEFLAGS += --no-print-directory
endif
export V

.DEFAULT_GOAL := help
.PHONY: run demo build test lint format bench fuzz soak kernels clean help setup setup-test setup-bench

run: build ## install what is missing, build, and show live what this host's calls are like (root)
	$(Q)exec bin/rtcprobe run --live $(ARGS)

demo: build ## two network namespaces, a bad network of known badness, and what the probe makes of it (root)
	$(Q)npm run --silent demo -- $(ARGS)

build: setup ## build/Release/rtcprobe.node and dist/
	$(Q)scripts/build

test: setup-test ## every test; as root and after setup none may be skipped
	$(Q)scripts/build
	$(Q)scripts/test $(ARGS)

lint: setup-test ## Biome, tsc, clang-format, padding of the records, allowed arrows
	$(Q)scripts/lint

format: setup-test ## Biome and clang-format, in place
	$(Q)scripts/format

bench: setup-bench ## cost beside peers, and regressions; PART=kernel,peers… QUICK=1 ACCEPT=1 (root, 35 minutes)
	$(Q)scripts/build
	$(Q)PART="$(PART)" QUICK="$(QUICK)" ACCEPT="$(ACCEPT)" STREAMS="$(STREAMS)" node_modules/.bin/tsx bench/main.ts

fuzz: setup-test ## fuzz the core with sanitizers for FUZZ_SECONDS (60)
	$(Q)scripts/fuzz $(FUZZ_SECONDS)

soak: setup-test ## kills, outages, 1 000 hosts and 10 000 streams beside a real influxd (15 minutes)
	$(Q)scripts/soak

kernels: setup-test ## the probe in virtual machines over Debian's kernels; KERNELS="bookworm sid"
	$(Q)scripts/build
	$(Q)RTCPROBE_KERNELS="$(KERNELS)" node_modules/.bin/vitest run test/kernels.test.ts

clean: ## remove build/ and dist/
	$(Q)rm -rf build dist native/build

help: ## this list
	@sed -n 's/^\([a-z]*\):.*## \(.*\)/  make \1\t\2/p' $(firstword $(MAKEFILE_LIST)) | expand -t 16

setup:
	$(Q)scripts/setup run

setup-test:
	$(Q)scripts/setup test

setup-bench:
	$(Q)scripts/setup bench
