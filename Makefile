# The commands of this project. `make run` shows it working, `make test` proves it; both set up what is missing.

SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help

CARGO ?= cargo
# Built programs are run from here and not by `cargo run -p`, which would build them again with other features.
PROGRAMS := $(or $(CARGO_TARGET_DIR),target)
# Scenarios wait for telephones more than they compute, so two suites of two tests each run at once on two cores.
TEST_SUITES ?= 2
TEST_THREADS ?= 2

.PHONY: help setup build run test check fmt openapi simulate bench bench-guarantee bench-route soak fuzz voice

help:
	@echo 'make run              one tap rings 60 simulated telephones; Ctrl-C ends it'
	@echo 'make test             everything: check, build, all tests'
	@echo 'make check            format, lints, licences, documents, file rules'
	@echo 'make openapi          writes docs/openapi.json from the server'
	@echo 'make simulate         10,000 histories of the dialler in virtual time (SIMULATE=n for n); minutes'
	@echo 'make bench-guarantee  kill -9 of campaigns of 10,000; hours; can be resumed'
	@echo 'make bench-route      the route solver against known tours, PyVRP and VROOM'
	@echo 'make bench            benchmarks, into docs/BENCHMARKS.md (BENCH=part for one)'
	@echo 'make fuzz             fuzz targets, FUZZ_SECONDS (60) each (FUZZ=target for one)'
	@echo 'make voice            a natural Mandarin voice and a recogniser for demonstrations, 2 GB in data/voice'
	@echo 'make soak             not built yet'

setup:
	@scripts/setup

# All programs in one feature set, so that run, check and test share what was built.
build:
	@$(CARGO) build --workspace --bins --locked

run: setup build
	@$(PROGRAMS)/debug/waybell-demo $(DEMO)

test: setup check
	@CARGO='$(CARGO)' scripts/tests $(TEST_SUITES) $(TEST_THREADS)
	@if [ -x scripts/kotlin ]; then scripts/kotlin; else echo 'kotlin: no package yet, nothing to test'; fi

check: build
	$(CARGO) fmt --all --check
	@scripts/house all
	@scripts/openapi check
	$(CARGO) clippy --workspace --all-targets --locked -- -D warnings
	RUSTDOCFLAGS='-D warnings' $(CARGO) doc --workspace --no-deps --locked --quiet

fmt:
	$(CARGO) fmt --all

openapi: build
	@scripts/openapi write

# Without optimisation, as in the tests: a history costs less than building everything once more.
simulate: setup
	WAYBELL_SIM_RUNS=$(or $(SIMULATE),10000) $(CARGO) test --package waybell-server --locked --test simulator

bench-guarantee: setup
	$(CARGO) build --workspace --bins --locked --release
	$(PROGRAMS)/release/waybell-guarantee $(GUARANTEE)
	$(PROGRAMS)/release/waybell-house record

bench: setup
	$(CARGO) build --workspace --bins --locked --release
	$(if $(filter voice,$(BENCH)),,$(PROGRAMS)/release/waybell-bench $(BENCH))
	$(if $(BENCH),,$(PROGRAMS)/release/waybell-route-bench)
	$(if $(filter-out voice,$(BENCH)),,$(PROGRAMS)/release/waybell-voice-bench)
	$(PROGRAMS)/release/waybell-house record

# Of the route solver alone (ROUTE=tours, windows, thousand, insert or peers for one part).
bench-route: setup
	$(CARGO) build --workspace --bins --locked --release
	$(PROGRAMS)/release/waybell-route-bench $(ROUTE)
	$(PROGRAMS)/release/waybell-house record

soak:
	@echo 'make soak: the endurance run is not built yet' >&2; exit 2

fuzz: setup
	@scripts/fuzz $(FUZZ)

# For demonstrations and tests only: what the voice learnt from is for non-commercial use.
voice:
	@scripts/voice
