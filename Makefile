# Thin front of the CMake presets. `make help` lists the targets.
SHELL := /bin/bash
PRESET ?= release
BUILD := $(if $(filter release,$(PRESET)),build,build-$(PRESET))
JOBS ?= $(shell nproc)
# Of the cells that `make demo` and `make soak` found: raft or paxos.
PROTOCOL ?= raft
# With precompiled headers ccache needs to be told that a change of their time alone means nothing.
export CCACHE_SLOPPINESS := pch_defines,time_macros
export CCACHE_BASEDIR := $(CURDIR)
export CCACHE_NOHASHDIR := 1

.PHONY: help setup build test clients demo bench lint format fuzz soak clean tour package machines

help: ## list the targets
	@grep -E '^[a-z]+:.*##' Makefile | sed -E 's/:.*## /\t/' | expand -t 12

setup: ## install the Debian packages that Polis is built with
	@tools/setup

$(BUILD)/build.ninja: CMakeLists.txt CMakePresets.json
	@cmake --preset $(PRESET) --log-level=WARNING

build: setup ## build everything; the binary is build/polis
	@[ -f $(BUILD)/build.ninja ] || cmake --preset $(PRESET) --log-level=WARNING
	@cmake --build $(BUILD) -j $(JOBS)

test: build ## build and run every test
	@cd $(BUILD) && ctest --output-on-failure -j $(JOBS) --no-tests=error

clients: build ## Patroni with PostgreSQL, machines lost, and the tests of tooz: takes ten minutes
	@cd $(BUILD) && ctest -C clients -R '^clients\.' --verbose --no-tests=error

demo: build ## three replicas on loopback, the master killed five times under load, and a verdict
	@test/demo.py --polis $(BUILD)/polis --protocol $(PROTOCOL) $(DEMO_FLAGS)

bench: build ## measure Polis and etcd in turn and print the ratio
	@bench/run.py --build $(BUILD)
	@bench/protocols.py --build $(BUILD)
	@bench/failover.py --build $(BUILD)
	@bench/lease_reads.py --build $(BUILD)
	@bench/snapshot_pause.py --build $(BUILD)
	@bench/tls.py --build $(BUILD)
	@bench/gateway.py --build $(BUILD)

lint: setup ## house rules, formatting, shell scripts, clang-tidy on what changed (tools/lint --all: on everything)
	@tools/lint

format: setup ## format every source file
	@git ls-files '*.cc' '*.hh' | xargs clang-format-19 -i

tour: build ## run the commands of the README's tour
	@test/tour.py --polis $(BUILD)/polis

package: build ## make a Debian package of the binary, with service, manual pages and completions
	@packaging/build.py --polis $(BUILD)/polis --out $(BUILD)

machines: package ## try the package on Debian machines; VMLAB names the tool that starts them (test/machines_test.py)
	@VMLAB=$(VMLAB) PACKAGE=$$(ls -t $(CURDIR)/$(BUILD)/polis_*.deb | head -1) test/machines_test.py

soak: build ## thousands of simulated runs (SOAK_SEEDS, default 5000) and ten minutes of faults with real processes
	@set -o pipefail; for profile in mixed lan wan disks clocks members wire; do \
	  $(BUILD)/polis sim --protocol $(PROTOCOL) --profile $$profile --seed 1000 --seeds $${SOAK_SEEDS:-5000} | { grep -v ' ok:' || true; } || exit 1; done
	@cd $(BUILD) && FAULT_SECONDS=$${FAULT_SECONDS:-600} ctest -R faults_test.*$(PROTOCOL) --verbose --no-tests=error

fuzz: ## fuzz every parser for FUZZ_SECONDS each (default 600)
	@FUZZ_SECONDS=$${FUZZ_SECONDS:-600} tools/fuzz

clean: ## remove everything that was built
	@rm -rf build build-*
