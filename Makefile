# Targets for people. Each is a thin name for an npm script, so that everything runs on the pinned Node.
SHELL := /bin/bash
.DEFAULT_GOAL := help

SAMPLE ?= minimal
ifdef NODES
CLUSTER_NODES := $(NODES)
endif
NPM := npm --no-update-notifier --loglevel=error

export CLUSTER_NAME CLUSTER_RANGE CLUSTER_NODES KUBE_CONTEXT IMG YES WORLD SAMPLE LANES MINUTES SEED

node_modules/.package-lock.json: package.json package-lock.json
	@command -v npm >/dev/null || { echo "npm is needed: install Node.js 20 or later with npm, then run make again"; exit 1; }
	@$(NPM) install --silent --no-save
	@touch $@

.PHONY: setup
setup: node_modules/.package-lock.json

## for users

.PHONY: demo
demo: setup ## a highly available cluster, its primary killed, the recovery explained (asks before it installs; YES=1 does not)
	@$(NPM) run -s demo

.PHONY: sandbox
sandbox: setup ## a simulated world with the operator in it, for kubectl, pgc and its prompt (SCRIPT=file, SPEED=10)
	@$(NPM) run -s sandbox -- $(if $(SCRIPT),--script $(SCRIPT)) $(if $(SPEED),--speed $(SPEED))

.PHONY: install install-crd install-rbac uninstall deploy undeploy deploy-sample delete-sample
install: setup ## CRD and roles into the cluster
	@$(NPM) run -s deploy -- install
install-crd: setup ## the CRD alone
	@$(NPM) run -s deploy -- install-crd
install-rbac: setup ## namespace and roles alone
	@$(NPM) run -s deploy -- install-rbac
uninstall: setup ## CRD and roles out of the cluster; refuses while there are clusters
	@$(NPM) run -s deploy -- uninstall
deploy: setup ## the operator into the cluster; IMG=… or, on the local one, an image made here
	@$(NPM) run -s deploy -- deploy
undeploy: setup ## the operator out of the cluster; refuses while there are clusters
	@$(NPM) run -s deploy -- undeploy
deploy-sample: setup ## a sample cluster: SAMPLE=minimal, ha, …
	@$(NPM) run -s deploy -- sample
delete-sample: setup ## the sample cluster away
	@$(NPM) run -s deploy -- delete-sample

## for contributors

.PHONY: test test-simulated check lint fmt build run gen golden
test: setup ## all set-up, checks, and all tests that need neither a cluster nor a simulated one
	@$(NPM) run -s check -- --tests-follow
	@$(NPM) test
test-simulated: setup ## what computes for long: clusters that live and fail in the simulated world, every place of the machine
	@$(NPM) run -s test:simulated
check: setup ## types, lint, format, boundaries
	@$(NPM) run -s check
lint: setup ## lint alone
	@$(NPM) run -s lint
fmt: setup ## format the sources
	@$(NPM) run -s format
build: setup ## the bundles in dist/
	@$(NPM) run -s build
run: setup ## the operator on this machine, against the local cluster or KUBE_CONTEXT
	@$(NPM) run -s deploy -- run
gen: setup ## generated files
	@$(NPM) run -s gen
golden: setup ## rewrite golden files after a change that was meant
	@$(NPM) run -s golden

.PHONY: test-integration test-e2e
test-integration: setup ## against a real API server
	@$(NPM) run -s test:integration -- $(ARGS)
test-e2e: setup ## against real PostgreSQL, on LANES=4 clusters made for it; with ARGS, E2E=core or KUBE_CONTEXT on that of cluster-up
	@$(NPM) run -s $(if $(strip $(ARGS) $(E2E) $(KUBE_CONTEXT)),test:e2e -- $(ARGS),test:e2e:all)

.PHONY: soak
soak: setup ## rows written without loss through all that an operator does and that befalls it; MINUTES=30, SEED=1
	@$(NPM) run -s soak

.PHONY: cluster-up cluster-down cluster-status docker-build docker-push
cluster-up: setup ## a real Kubernetes on this machine (Linux, root); NODES=3 for three nodes
	@$(NPM) run -s cluster -- up
cluster-down: setup ## end it, with all its traces
	@$(NPM) run -s cluster -- down
cluster-status: setup ## is it up?
	@$(NPM) run -s cluster -- status
docker-build: build ## the operator's image as a docker-archive, without Docker
	@$(NPM) run -s deploy -- image

.PHONY: proof
proof: setup ## every crash, double crash, crash with a fault, and ten thousand seeds, in a simulated world
	@$(NPM) run -s prove

.PHONY: bench
bench: setup ## what the line costs
	@$(NPM) run -s bench

.PHONY: clean clean-all
clean: ## what was built here
	@rm -rf dist .cache coverage
clean-all: clean ## also what was installed and cached (cluster-down first)
	@rm -rf node_modules "$${XDG_CACHE_HOME:-$$HOME/.cache}/postgres-operator"

NOT_YET := docker-push bench-check docs
.PHONY: $(NOT_YET)
$(NOT_YET):
	@echo "make $@ is not built yet: docs/roadmap.md says in which step it comes"; exit 1

.PHONY: help
help: ## this list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | sort | awk -F'\t' '{printf "  %-18s %s\n", $$1, $$2}'
