# The verbs of this repository. `make help` lists them.
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
MAKEFLAGS += --no-print-directory

JOBS ?= $(shell nproc)
PRESET ?= release
# Where `make quickstart`, `make dev` and the tests keep images: never the machine's own Wrenn.
export WRENN_DIR := $(CURDIR)/.wrenn

.PHONY: help setup build install uninstall deb images quickstart stop test torture check fuzz bench dev dev-agent dev-frontend screenshots format clean

help: ## List the verbs
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-12s %s\n", $$1, $$2}' $(firstword $(MAKEFILE_LIST))

setup: ## Install every package that is needed (Debian; as root when something is missing)
	@scripts/setup.sh

build: ## Compile everything; the programs land in builds/
	@scripts/build.sh $(PRESET) $(JOBS)

images: build ## Make the guest's kernel and root disk in .wrenn/ (as root)
	@images/build.sh --out $(WRENN_DIR) --envd builds/envd

install: ## Install Wrenn on this machine, or below DESTDIR for a package; PREFIX is /usr/local (as root)
	@deploy/install.sh

uninstall: ## Remove what install installed; configuration and data stay (as root)
	@deploy/install.sh --uninstall

deb: ## Make a Debian package of what build made, in build/deb/
	@deploy/package.sh

quickstart: ## From nothing to code running in a sandbox (as root)
	@scripts/quickstart.sh

stop: ## Stop what quickstart started and remove every sandbox (as root)
	@scripts/stop.sh

test: setup ## Build, then the unit tests, the checks of the sources and the end-to-end tests (as root)
	@scripts/test.sh

torture: images ## Random operations on sandboxes while everything is killed; SEED= and OPERATIONS= (as root)
	@SEED=$(SEED) OPERATIONS=$(OPERATIONS) scripts/torture.sh

check: setup ## The slow checks: clang-tidy, sanitizers, fuzzing (30 minutes and more)
	@scripts/check.sh

fuzz: setup ## Run every fuzzer for a minute on its seeds (FUZZ_SECONDS changes that)
	@FUZZ_SECONDS=$${FUZZ_SECONDS:-60} scripts/check.sh fuzz

bench: images ## Measure; `make bench BENCH=create` runs one (as root)
	@scripts/bench.sh $(BENCH)

dev: ## Run a debug build of the control plane in the foreground (as root)
	@scripts/dev.sh control

dev-agent: ## Run a debug build of the host agent in the foreground (as root)
	@scripts/dev.sh agent

dev-frontend: ## Serve the dashboard at http://127.0.0.1:5173 as it is being changed; WRENN_API= is where the API is
	@scripts/web.sh dev

screenshots: images ## Take the pictures of docs/images anew, of a Wrenn that is started for them (as root)
	@scripts/screenshots.sh

format: ## Let clang-format have its way with the sources
	@scripts/check-format.sh --fix

clean: ## Remove what was compiled; images and sandboxes in .wrenn/ stay
	rm -rf build builds
