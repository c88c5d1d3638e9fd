# The usual steps, each one command. `make help` lists them.
CARGO ?= cargo
CACHE := $(or $(XDG_CACHE_HOME),$(HOME)/.cache)/podmender
DENY_VERSION = 0.20.2
DENY = $(CACHE)/cargo/bin/cargo-deny
# Not quiet: on a fresh clone this compiles for a minute or two, and says so.
SCENARIOS = $(CARGO) run -p scenarios --

.DEFAULT_GOAL := help
.PHONY: help demo demo-clean demo-svg bench test builder prepare check unit charts scenarios fuzz tools image cluster-up cluster-down cluster-status cluster-selftest

help: ## This list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:[^#]*## /\t/' | expand -t 18

demo: builder ## A shop breaks in five ways, and the agent mends it or calls a person: live, on a real cluster
	$(SCENARIOS) demo

demo-clean: ## Take away what the demo brought
	$(SCENARIOS) demo --clean

demo-svg: builder ## Record the demo in a real terminal as docs/demo.svg
	$(SCENARIOS) demo --svg docs/demo.svg

bench: builder ## Measure, and write docs/bench.md (ONLY=plan, redact, image, detect, mend, footprint, storm, slack, summary or scale for one part)
	$(SCENARIOS) bench $(addprefix --only ,$(ONLY))

test: prepare check unit charts scenarios ## Everything that proves the project, from formatting to scenarios on real pods

prepare: ## Install what the tests need (Debian or Ubuntu as root), or name it
	@scenarios/prepare.sh tests

builder:
	@scenarios/prepare.sh

check: $(DENY) ## Formatting, lints, each crate alone, licences and sources of dependencies
	$(CARGO) fmt --check
	$(CARGO) clippy --locked --workspace --all-targets -- -D warnings
	# Alone, a crate shows what it takes from the others by accident (the TLS provider, say).
	$(CARGO) check --locked --quiet -p podmender-policy
	$(CARGO) check --locked --quiet -p podmender
	$(DENY) --log-level error check bans licenses sources

$(DENY):
	@echo "building cargo-deny $(DENY_VERSION), once (about 4 minutes)"
	$(CARGO) install --quiet --locked --root $(CACHE)/cargo --version $(DENY_VERSION) cargo-deny

unit: ## Rules, properties, simulator, mocked wire
	$(CARGO) test --locked --workspace

charts: ## Charts: lint, unit tests, generated files, workflows
	charts/check.sh "$$($(SCENARIOS) tools chart)"

scenarios: ## Chaos scenarios on real pods, with the shipped image under the shipped chart
	$(SCENARIOS) test
	$(SCENARIOS) cluster run --down -- $(CARGO) test --locked -p scenarios -- --ignored

# What cargo-fuzz does, but for the address sanitizer, which needs a nightly compiler. With --target, build scripts stay as they are.
FUZZ_FLAGS = --cfg fuzzing -Ccodegen-units=1 -Cpasses=sancov-module $(addprefix -Cllvm-args=-sanitizer-coverage-,level=4 inline-8bit-counters pc-table trace-compares)
FUZZ_DIR = fuzz/target
HOST = $(shell rustc -vV | sed -n 's/^host: //p')
SECONDS ?= 20

fuzz: builder ## Fuzz what comes from outside with libFuzzer, SECONDS (20) for each target (TARGET=reply for one); what it finds is in fuzz/artifacts
	RUSTFLAGS="$(FUZZ_FLAGS)" $(CARGO) build --locked --release --manifest-path fuzz/Cargo.toml --target $(HOST) --target-dir $(FUZZ_DIR)
	@for target in $(or $(TARGET),$(notdir $(wildcard fuzz/corpus/*))); do \
	    echo "$$target: $(SECONDS) s"; \
	    mkdir -p fuzz/artifacts/$$target $(FUZZ_DIR)/corpus/$$target; \
	    log=$(FUZZ_DIR)/$$target.log; \
	    $(FUZZ_DIR)/$(HOST)/release/$$target -max_total_time=$(SECONDS) -timeout=10 -rss_limit_mb=2048 -max_len=16384 -print_final_stats=1 \
	        -artifact_prefix=fuzz/artifacts/$$target/ $(FUZZ_DIR)/corpus/$$target fuzz/corpus/$$target > $$log 2>&1 || { tail -n 40 $$log; exit 1; }; \
	    grep -E "^stat::(number_of_executed|new_units)" $$log; \
	done

tools: builder ## Build the pinned Go tools into the user's cache
	$(SCENARIOS) tools

image: builder ## Build the agent's image as an archive (PROFILE=image-dev for a quick one)
	$(SCENARIOS) image --profile $(or $(PROFILE),release)

cluster-up: builder ## Bring up a real one-node Kubernetes cluster on this machine
	$(SCENARIOS) cluster up

cluster-down: ## Take it down and leave nothing behind
	$(SCENARIOS) cluster down

cluster-status: ## Show its components
	$(SCENARIOS) cluster status

cluster-selftest: ## Kill its start at many moments and check that nothing is left
	$(SCENARIOS) cluster selftest
