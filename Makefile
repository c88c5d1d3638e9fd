# The usual steps, each one command. `make help` lists them.
CARGO ?= cargo
SCENARIOS = $(CARGO) run --quiet -p scenarios --

.DEFAULT_GOAL := help
.PHONY: help tools cluster-up cluster-down cluster-status

help: ## This list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:[^#]*## /\t/' | expand -t 18

tools: ## Build the pinned Go tools into the user's cache
	$(SCENARIOS) tools

cluster-up: ## Bring up a real one-node Kubernetes cluster on this machine
	$(SCENARIOS) cluster up

cluster-down: ## Take it down and leave nothing behind
	$(SCENARIOS) cluster down

cluster-status: ## Show its components
	$(SCENARIOS) cluster status
