# The usual steps, each one command. `make help` lists them.
CARGO ?= cargo
SCENARIOS = $(CARGO) run --quiet -p scenarios --

.DEFAULT_GOAL := help
.PHONY: help tools image cluster-up cluster-down cluster-status cluster-selftest

help: ## This list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:[^#]*## /\t/' | expand -t 18

tools: ## Build the pinned Go tools into the user's cache
	$(SCENARIOS) tools

image: ## Build the agent's image as an archive (PROFILE=image-dev for a quick one)
	$(SCENARIOS) image --profile $(or $(PROFILE),release)

cluster-up: ## Bring up a real one-node Kubernetes cluster on this machine
	$(SCENARIOS) cluster up

cluster-down: ## Take it down and leave nothing behind
	$(SCENARIOS) cluster down

cluster-status: ## Show its components
	$(SCENARIOS) cluster status

cluster-selftest: ## Kill its start at many moments and check that nothing is left
	$(SCENARIOS) cluster selftest
